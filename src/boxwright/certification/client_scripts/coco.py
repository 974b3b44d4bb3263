"""What pycocotools holds of a COCO file of ours. It knows nothing of boxwright; clients.py tells what it prints."""

import contextlib
import json
import sys
from importlib.metadata import version
from pathlib import Path

from pycocotools import mask
from pycocotools.coco import COCO

EDGE_PX = 0.5  # (0, 0) is the picture's corner in COCO
(file,) = Path(sys.argv[1]).glob("*.json")
with contextlib.redirect_stdout(sys.stderr):
    coco = COCO(str(file))
cameras = {one["id"]: one["camera"] for one in coco.dataset.get("videos", [])}
columns = {name: [] for name in ("frame", "track", "category", "camera", "xyxy")}
for one in coco.loadAnns(coco.getAnnIds()):
    (image,) = coco.loadImgs(one["image_id"])
    (category,) = coco.loadCats(one["category_id"])
    x, y, w, h = one["bbox"]
    if one["segmentation"]:
        pixels = coco.annToMask(one)
        if pixels.shape != (image["height"], image["width"]):
            raise ValueError(f"annotation {one['id']}: a mask of {pixels.shape}")
        if isinstance(one["segmentation"], dict) and mask.toBbox(coco.annToRLE(one)).tolist() != [x, y, w, h]:
            raise ValueError(f"annotation {one['id']}: its box is not that of its pixels")
    row = (image["frame_id"], one["attributes"]["track_id"], category["name"], cameras[image["video_id"]])
    for values, value in zip(columns.values(), (*row, [x - EDGE_PX, y - EDGE_PX, x + w - EDGE_PX, y + h - EDGE_PX])):
        values.append(value)
knows = ["shapes", "video", "classes", "track_ids"]
print(json.dumps({"client": f"pycocotools {version('pycocotools')}", "knows": knows, "boxes": columns}))
