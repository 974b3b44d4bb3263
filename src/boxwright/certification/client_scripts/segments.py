"""What segments-ai holds of a sequence's cuboid labels of ours. It knows nothing of boxwright; clients.py tells what it prints."""

import json
import sys
from importlib.metadata import version
from math import cos, sin
from pathlib import Path

from segments.typing import PointcloudSequenceCuboidLabelAttributes, PointcloudSequenceSampleAttributes

root = Path(sys.argv[1])
label = PointcloudSequenceCuboidLabelAttributes.model_validate(json.loads((root / "label.json").read_text("utf-8")))
sample = PointcloudSequenceSampleAttributes.model_validate(json.loads((root / "sample.json").read_text("utf-8")))
names = {one["id"]: one["name"] for one in json.loads((root / "categories.json").read_text("utf-8"))["categories"]}
columns = {name: [] for name in ("frame", "track", "category", "center_m", "size_m", "quat_wxyz")}
for index, frame in enumerate(label.frames):
    for one in frame.annotations:
        turn = one.rotation
        quat = [cos(one.yaw / 2), 0, 0, sin(one.yaw / 2)] if turn is None else [turn.qw, turn.qx, turn.qy, turn.qz]
        track = (one.attributes or {}).get("boxwright_track_id", str(one.track_id))
        place, size = ([part.x, part.y, part.z] for part in (one.position, one.dimensions))
        for values, value in zip(columns.values(), (index, track, names[one.category_id], place, size, quat)):
            values.append(value)
times = [frame.timestamp for frame in sample.frames]
has_times = None not in times and bool(times)
posed = bool(sample.frames) and all(frame.ego_pose is not None for frame in sample.frames)
told = {"client": f"segments-ai {version('segments-ai')}", "knows": ["cuboids", "tracks", "classes", "track_ids", *["times"] * has_times]}
print(json.dumps({**told, "frame": "world" if posed else "lidar", "cuboids": columns, **({"times_ns": times} if has_times else {})}))
