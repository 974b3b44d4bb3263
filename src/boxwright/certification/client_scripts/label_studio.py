"""What label-studio-sdk holds of tasks of ours: checked against the labelling interface, keyframes filled by its own rule. It knows nothing of
boxwright; clients.py tells what it prints."""

import json
import sys
from importlib.metadata import version
from pathlib import Path

from label_studio_sdk._extensions.label_studio_tools.postprocessing.video import extract_key_frames
from label_studio_sdk.label_interface import LabelInterface

EDGE_PX = 0.5  # percent count from the picture's corner
folder = Path(sys.argv[1])
interface = LabelInterface((folder / "interface.xml").read_text("utf-8"))
columns = {name: [] for name in ("frame", "track", "category", "camera", "xyxy")}
for task in json.loads((folder / "tasks.json").read_text("utf-8")):
    width, height = task["data"]["width_px"], task["data"]["height_px"]
    for annotation in task["annotations"]:
        wrong = interface._validate_object(annotation, return_errors=True)
        if wrong or not interface.validate_annotation(annotation):
            raise ValueError(f"the interface refuses it: {wrong[0][:300] if wrong else ''}")
        for region in extract_key_frames(annotation["result"]):
            if region["type"] != "videorectangle":
                continue
            for one in region["value"]["sequence"]:
                if one["rotation"]:
                    raise ValueError("turned boxes are not compared")
                x, y, w, h = (one[name] / 100 * size for name, size in zip(("x", "y", "width", "height"), (width, height) * 2))
                row = (one["frame"] - 1, region["id"], region["value"]["labels"][0], task["data"]["camera"])
                for values, value in zip(columns.values(), (*row, [x - EDGE_PX, y - EDGE_PX, x + w - EDGE_PX, y + h - EDGE_PX])):
                    values.append(value)
knows = ["shapes", "video", "classes", "track_ids"]
print(json.dumps({"client": f"label-studio-sdk {version('label-studio-sdk')}", "knows": knows, "boxes": columns}))
