"""What supervisely holds of a project of point clouds of ours. It knows nothing of boxwright; clients.py tells what it prints."""

import json
import sys
from importlib.metadata import version
from math import cos, pi, sin
from pathlib import Path

import supervisely as sly
from supervisely.video_annotation.key_id_map import KeyIdMap


def quat(a, b, c):
    """w x y z of Rx(a) @ Ry(b) @ Rz(c)."""
    (sa, sb, sc), (ca, cb, cc) = ([turn(angle / 2) for angle in (a, b, c)] for turn in (sin, cos))
    return [ca * cb * cc - sa * sb * sc, sa * cb * cc + ca * sb * sc, ca * sb * cc - sa * cb * sc, ca * cb * sc + sa * sb * cc]


root = Path(sys.argv[1])
meta = sly.ProjectMeta.from_json(json.loads((root / "meta.json").read_text("utf-8")))
ids = KeyIdMap.load_json(str(root / "key_id_map.json"))
(dataset,) = [folder for folder in root.iterdir() if folder.is_dir()]
is_episode = (dataset / "annotation.json").is_file()
if is_episode:
    episode = sly.PointcloudEpisodeAnnotation.from_json(json.loads((dataset / "annotation.json").read_text("utf-8")), meta)
    frames = [(frame.index, frame.figures) for frame in episode.frames]
else:
    files = sorted((dataset / "ann").glob("*.json"))
    clouds = [sly.PointcloudAnnotation.from_json(json.loads(file.read_text("utf-8")), meta) for file in files]
    frames = [(index, cloud.figures) for index, cloud in enumerate(clouds)]
columns = {name: [] for name in ("frame", "track", "category", "center_m", "size_m", "quat_wxyz")}
for index, figures in frames:
    for figure in figures:
        thing, geometry = figure.parent_object, figure.geometry
        named = [tag.value for tag in thing.tags if tag.name == "boxwright_track_id"]
        track = named[0] if named else str(ids.get_object_id(thing.key()))
        place, turn, size = ([part.x, part.y, part.z] for part in (geometry.position, geometry.rotation, geometry.dimensions))
        if is_episode:  # Supervisely's cuboids look along their y, which is their length; CVAT's, in files of single clouds, along their x
            turn, size = [turn[0], turn[1], turn[2] + pi / 2], [size[1], size[0], size[2]]
        for values, value in zip(columns.values(), (index, track, thing.obj_class.name, place, size, quat(*turn))):
            values.append(value)
told = {"client": f"supervisely {version('supervisely')}", "knows": ["cuboids", "tracks", "classes", "track_ids"], "frame": "lidar"}
print(json.dumps({**told, "cuboids": columns}))
