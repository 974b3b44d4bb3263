"""What datumaro holds of its own JSON with cuboids of ours. It knows nothing of boxwright; clients.py tells what it prints."""

import json
import sys
from importlib.metadata import version
from math import cos, sin

from datumaro.components.annotation import AnnotationType
from datumaro.components.dataset import Dataset


def quat(a, b, c):
    """w x y z of Rx(a) @ Ry(b) @ Rz(c)."""
    (sa, sb, sc), (ca, cb, cc) = ([turn(angle / 2) for angle in (a, b, c)] for turn in (sin, cos))
    return [ca * cb * cc - sa * sb * sc, sa * cb * cc + ca * sb * sc, ca * sb * cc - sa * cb * sc, ca * cb * sc + sa * sb * cc]


dataset = Dataset.import_from(sys.argv[1], "datumaro")
names = [label.name for label in dataset.categories()[AnnotationType.label].items]
columns = {name: [] for name in ("frame", "track", "category", "center_m", "size_m", "quat_wxyz")}
for item in dataset:
    for one in item.annotations:
        if one.type != AnnotationType.cuboid_3d:
            continue
        track = one.attributes.get("track_id", "")
        row = (int(item.attributes["frame"]), track, names[one.label], list(one.position), list(one.scale), quat(*one.rotation))
        for values, value in zip(columns.values(), row):
            values.append(value)
knows = ["cuboids", "tracks", "classes", "track_ids"]
print(json.dumps({"client": f"datumaro {version('datumaro')}", "knows": knows, "frame": "lidar", "cuboids": columns}))
