"""What datumaro holds of our tracklets. It knows nothing of boxwright; clients.py tells what it prints.

Datumaro hands on the numbers of a file as they are, rounded to 2 decimals: KITTI's own bottom centres, (height, width, length) and Rz @ Ry @ Rx, or
its own centres, sizes along x, y, z and Rx @ Ry @ Rz, for which its poses are of item_version 0.
"""

import json
import re
import sys
from importlib.metadata import version
from math import cos, sin
from pathlib import Path

from datumaro.components.annotation import AnnotationType
from datumaro.components.dataset import Dataset
from datumaro.plugins.data_formats.kitti_raw.format import TruncationStates
from defusedxml import ElementTree

SKIPPED = {TruncationStates.OUT_IMAGE, TruncationStates.BEHIND_IMAGE}  # of the poses that Datumaro leaves out


def times(p, q):
    """w x y z of two turns, q first."""
    (a, b, c, d), (e, f, g, h) = p, q
    return [a * e - b * f - c * g - d * h, a * f + b * e + c * h - d * g, a * g - b * h + c * e + d * f, a * h + b * g - c * f + d * e]


def turns(angles):
    """w x y z about x, y and z."""
    return [[cos(a / 2), *(sin(a / 2) * (k == i) for k in range(3))] for i, a in enumerate(angles)]


def placed(position, scale, rotation):
    """center_m, size_m, quat_wxyz of numbers of the file."""
    x, y, z = turns(rotation)
    center, size = list(position), list(scale)
    if is_own:
        return center, size, times(times(x, y), z)
    quat = times(times(z, y), x)
    a, b, c, d = quat
    up = [2 * (b * d + a * c), 2 * (c * d - a * b), 1 - 2 * (b * b + c * c)]
    return [place + size[0] / 2 * along for place, along in zip(center, up)], size[::-1], quat


def put(columns, *row):
    for values, value in zip(columns.values(), row):
        values.append(value)


(file,) = Path(sys.argv[1]).rglob("tracklet_labels.xml")
is_own = re.search(r"<poses[^>]*>\s*<count>\d+</count>\s*<item_version>0<", file.read_text("utf-8")) is not None
dataset = Dataset.import_from(str(file.parent.resolve()), "kitti_raw")
names = [label.name for label in dataset.categories()[AnnotationType.label].items]
columns, skipped = ({name: [] for name in ("frame", "track", "category", "center_m", "size_m", "quat_wxyz")} for _ in range(2))
for item in dataset:
    for one in item.annotations:
        if one.type == AnnotationType.cuboid_3d:
            own = placed(one.position, one.scale, one.rotation)
            put(columns, int(item.attributes["frame"]), one.attributes["track_id"], names[one.label], *own)
for number, track in enumerate(ElementTree.parse(file).findall("./tracklets/item"), 1):
    size = [float(track.findtext(key)) for key in "hwl"]
    for frame, pose in enumerate(track.findall("./poses/item"), int(track.findtext("first_frame"))):
        if TruncationStates(int(pose.findtext("truncation"))) in SKIPPED:
            place, turn = ([float(pose.findtext(f"{kind}{axis}")) for axis in "xyz"] for kind in "tr")
            put(skipped, frame, number, track.findtext("objectType"), *placed(place, size, turn))
knows = ["cuboids", "tracks", "classes"]
client = f"datumaro {version('datumaro')}"
print(json.dumps({"client": client, "knows": knows, "frame": "lidar", "cuboids": columns, "skipped": skipped}))
