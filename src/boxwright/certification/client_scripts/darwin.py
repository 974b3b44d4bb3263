"""What darwin-py holds of an item of ours, the frames between keyframes filled straight within the ranges, as V7 does; the client itself does not. It
knows nothing of boxwright; clients.py tells what it prints."""

import json
import sys
from importlib.metadata import version
from pathlib import Path

from darwin.utils import parse_darwin_json

EDGE_PX = 0.5  # (0, 0) is the picture's corner in V7


def points_of(kind, data):
    if kind == "polygon":
        return [point for path in data.get("paths") or [data["path"]] for point in path]
    if kind == "line":
        return data["path"]
    return data["nodes"] if kind == "skeleton" else [data]


def box_of(one):
    kind, data = one.annotation_class.annotation_type, one.data
    if kind == "bounding_box":
        return [data["x"], data["y"], data["x"] + data["w"], data["y"] + data["h"]]
    us, vs = ([point[axis] for point in points_of(kind, data)] for axis in "xy")
    return [min(us), min(vs), max(us), max(vs)]


(file,) = Path(sys.argv[1]).glob("*.json")
parsed = parse_darwin_json(file, 0)
raw = {one["id"]: one for one in json.loads(file.read_text("utf-8"))["annotations"]}
columns = {name: [] for name in ("frame", "track", "category", "camera", "xyxy")}
for one in parsed.annotations:
    if one.annotation_class.annotation_type == "tag":
        continue
    boxes = {frame: box_of(label) for frame, label in one.frames.items()}
    told = sorted(boxes)
    first = raw[one.id]["frames"][str(told[0])]
    track = first.get("instance_id", {"value": one.id})["value"]
    for start, end in one.segments:
        for frame in range(start, end):
            before, after = max(k for k in told if k <= frame), min(k for k in told if k >= frame)
            share = (frame - before) / max(after - before, 1)
            box = [a + share * (b - a) - EDGE_PX for a, b in zip(boxes[before], boxes[after])]
            for values, value in zip(columns.values(), (frame, track, one.annotation_class.name, one.slot_names[0], box)):
                values.append(value)
knows = ["shapes", "video", "classes", "track_ids"]
print(json.dumps({"client": f"darwin-py {version('darwin-py')}", "knows": knows, "boxes": columns}))
