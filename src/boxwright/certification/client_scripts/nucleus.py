"""What scale-nucleus holds of scenes and cuboid annotations of ours. It knows nothing of boxwright; clients.py tells what it prints.

Where a cuboid lies, and which of its ends is the front, is taken from the corners that the client itself makes of it: the first four are the front.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from nucleus import CuboidAnnotation, LidarScene
from nucleus.metrics.cuboid_utils import get_batch_cuboid_corners

root = Path(sys.argv[1])
(payload,) = json.loads((root / "scenes.json").read_text("utf-8"))["scenes"]
scene = LidarScene.from_json(payload)
scene.validate()
place_of = {frame.get_item("lidar").reference_id: i for i, frame in enumerate(scene.get_frames())}
annotations = [CuboidAnnotation.from_json(one) for one in json.loads((root / "annotations.json").read_text("utf-8"))["annotations"]]
origin = json.loads(next((root / "pointclouds").glob("*.json")).read_text("utf-8")).get("boxwright_origin_m", [0.0, 0.0, 0.0])
columns = {name: [] for name in ("frame", "track", "category", "center_m", "size_m", "quat_wxyz")}
if annotations:
    vectors = [np.array([[part.x, part.y, part.z] for part in parts]) for parts in zip(*((one.position, one.dimensions) for one in annotations))]
    corners = get_batch_cuboid_corners(*vectors, np.array([one.yaw for one in annotations]))
    center = corners.mean(1)
    ahead, left, up = (corners[:, index].mean(1) - center for index in ([0, 1, 2, 3], [0, 3, 4, 7], [0, 1, 4, 5]))
    size = 2 * np.stack([np.linalg.norm(one, axis=1) for one in (ahead, left, up)], 1)
    half = np.arctan2(ahead[:, 1], ahead[:, 0]) / 2
    quat = np.stack([np.cos(half), 0 * half, 0 * half, np.sin(half)], 1)
    columns["frame"] = [place_of[one.reference_id] for one in annotations]
    columns["track"] = [one.track_reference_id or "" for one in annotations]
    columns["category"] = [one.label for one in annotations]
    columns["center_m"], columns["size_m"], columns["quat_wxyz"] = (center + np.array(origin)).tolist(), size.tolist(), quat.tolist()
told = {"client": f"scale-nucleus {version('scale-nucleus')}", "knows": ["cuboids", "tracks", "classes", "track_ids"]}
posed = "device_position" in json.loads(next((root / "pointclouds").glob("*.json")).read_text("utf-8")) if place_of else False
print(json.dumps({**told, "frame": "world" if posed else "lidar", "cuboids": columns}))
