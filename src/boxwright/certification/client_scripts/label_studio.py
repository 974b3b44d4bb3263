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


def bounds(value):
    """left, top, right, bottom in percent"""
    if value.get("rotation"):
        raise ValueError("turned shapes are not compared")
    if "points" in value:
        return [side(one[k] for one in value["points"]) for side in (min, max) for k in (0, 1)]
    x, y = value["x"], value["y"]
    if "radiusX" in value:
        return [x - value["radiusX"], y - value["radiusY"], x + value["radiusX"], y + value["radiusY"]]
    return [x, y, x + value.get("width", 0), y + value["height"]] if "height" in value else [x, y, x, y]


columns = {name: [] for name in ("frame", "track", "category", "camera", "xyxy")}
for number, task in enumerate(json.loads((folder / "tasks.json").read_text("utf-8"))):
    for annotation in task["annotations"]:
        wrong = interface._validate_object(annotation, return_errors=True)
        if wrong or not interface.validate_annotation(annotation):
            raise ValueError(f"the interface refuses it: {wrong[0][:300] if wrong else ''}")
        for region in annotation["result"]:
            is_shape = region["type"].endswith("labels") and region["type"] != "timelinelabels"
            for label in region["value"].get(region["type"], []) if is_shape else []:
                px = (region["original_width"], region["original_height"]) * 2
                row = [one / 100 * size - EDGE_PX for one, size in zip(bounds(region["value"]), px)]
                for values, value in zip(columns.values(), (number, region["id"], label, "camera", row)):
                    values.append(value)
        if "camera" not in task["data"]:
            continue
        width, height = task["data"]["width_px"], task["data"]["height_px"]
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
