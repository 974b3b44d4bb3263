"""What cvat-sdk's models hold of a task's annotations of ours. It knows nothing of boxwright; clients.py tells what it prints.

The models check types and nothing of the geometry, so its numbers are checked here: 16 of them, the last seven 0.
"""

import json
import sys
from importlib.metadata import version
from math import cos, sin
from pathlib import Path

from cvat_sdk import models


def quat(a, b, c):
    """w x y z of Rx(a) @ Ry(b) @ Rz(c)."""
    (sa, sb, sc), (ca, cb, cc) = ([turn(angle / 2) for angle in (a, b, c)] for turn in (sin, cos))
    return [ca * cb * cc - sa * sb * sc, sa * cb * cc + ca * sb * sc, ca * sb * cc - sa * cb * sc, ca * cb * sc + sa * sb * cc]


def made(model, said):
    """A model of what is said; parts become models too."""
    said = dict(said)
    if "type" in said:
        said["type"] = models.ShapeType(said["type"])
    said["attributes"] = [models.AttributeValRequest(**one) for one in said.get("attributes", [])]
    return model(**said)


root = Path(sys.argv[1])
labels = {
    one["id"]: (one["name"], {spec["id"]: spec["name"] for spec in one["attributes"]})
    for one in json.loads((root / "labels.json").read_text("utf-8"))
}
top = json.loads((root / "annotations.json").read_text("utf-8"))
tracks = [
    made(models.LabeledTrackRequest, {**one, "shapes": [made(models.TrackedShapeRequest, shape) for shape in one["shapes"]]}) for one in top["tracks"]
]
shapes = [made(models.LabeledShapeRequest, one) for one in top["shapes"]]
data = models.LabeledDataRequest(version=top["version"], tags=[], shapes=shapes, tracks=tracks)
columns = {name: [] for name in ("frame", "track", "category", "center_m", "size_m", "quat_wxyz")}
for track in data.tracks:
    name, specs = labels[track.label_id]
    own = {specs[one.spec_id]: one.value for one in track.attributes}
    track_id = own.get("boxwright_track_id", str(track.get("id", "")))
    for shape in track.shapes:
        if shape.outside:
            continue
        points = list(shape.points)
        assert len(points) == 16 and not any(points[9:]), points
        for values, value in zip(columns.values(), (shape.frame, track_id, name, points[:3], points[6:9], quat(*points[3:6]))):
            values.append(value)
told = {"client": f"cvat-sdk {version('cvat-sdk')}", "knows": ["cuboids", "tracks", "classes", "track_ids"], "frame": "lidar"}
print(json.dumps({**told, "cuboids": columns}))
