"""What nuscenes-devkit holds of a dataset of ours. It knows nothing of boxwright; clients.py tells what it prints."""

import json
import sys
from importlib.metadata import version
from pathlib import Path

from nuscenes.nuscenes import NuScenes

root = Path(sys.argv[1])
(tables,) = [folder for folder in root.iterdir() if (folder / "sample.json").is_file()]
kit = NuScenes(version=tables.name, dataroot=str(root), verbose=False)
(scene,) = kit.scene
samples, token = [], scene["first_sample_token"]
while token:
    samples.append(token)
    token = kit.get("sample", token)["next"]
columns = {name: [] for name in ("frame", "track", "category", "center_m", "size_m", "quat_wxyz")}
for index, token in enumerate(samples):
    for annotation in kit.get("sample", token)["anns"]:
        box, record = kit.get_box(annotation), kit.get("sample_annotation", annotation)
        width, length, height = box.wlh.tolist()
        row = (index, record["instance_token"], box.name, box.center.tolist(), [length, width, height], box.orientation.elements.tolist())
        for values, value in zip(columns.values(), row):
            values.append(value)
times = [kit.get("sample", token)["timestamp"] * 1000 for token in samples]
told = {"client": f"nuscenes-devkit {version('nuscenes-devkit')}", "knows": ["cuboids", "tracks", "classes", "track_ids", "times"]}
print(json.dumps({**told, "frame": "world", "cuboids": columns, "times_ns": times}))
