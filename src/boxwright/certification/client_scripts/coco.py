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
cameras = {one["id"]: one.get("camera", "camera") for one in coco.dataset.get("videos", [])}
places, counts = {}, {}  # image's id -> (camera, number of its frame); single pictures are counted, as those of one camera
for one in coco.dataset["images"]:
    camera = cameras[one["video_id"]] if cameras else "camera"
    told = one.get("frame_id", one.get("frame_index")) if cameras else None
    places[one["id"]] = (camera, counts.get(camera, 0) if told is None else told)
    counts[camera] = counts.get(camera, 0) + 1
frames = {number: i for i, number in enumerate(sorted({number for _, number in places.values()}))}
columns = {name: [] for name in ("frame", "track", "category", "camera", "xyxy")}
are_tracks = True
for one in coco.loadAnns(coco.getAnnIds()):
    (image,) = coco.loadImgs(one["image_id"])
    (category,) = coco.loadCats(one["category_id"])
    x, y, w, h = one["bbox"]
    if one.get("segmentation"):
        pixels = coco.annToMask(one)
        if pixels.shape != (image["height"], image["width"]):
            raise ValueError(f"annotation {one['id']}: a mask of {pixels.shape}")
        if isinstance(one["segmentation"], dict) and mask.toBbox(coco.annToRLE(one)).tolist() != [x, y, w, h]:
            raise ValueError(f"annotation {one['id']}: its box is not that of its pixels")
    camera, number = places[one["image_id"]]
    track = one.get("attributes", {}).get("track_id", one.get("track_id", one.get("instance_id")))
    are_tracks = are_tracks and track is not None
    xyxy = [x - EDGE_PX, y - EDGE_PX, x + w - EDGE_PX, y + h - EDGE_PX]
    told = one.get("keypoints", [])
    seen = [(u, v) for u, v, code in zip(told[::3], told[1::3], told[2::3]) if code]
    if seen:  # the shape is these: `bbox` is around the whole object
        xyxy = [side(axis) for side in (min, max) for axis in zip(*seen)]
    row = (frames[number], f"label {one['id']}" if track is None else track, category["name"], camera)
    for values, value in zip(columns.values(), (*row, xyxy)):
        values.append(value)
knows = ["shapes", "video", "classes", *(["track_ids"] if are_tracks else [])]
print(json.dumps({"client": f"pycocotools {version('pycocotools')}", "knows": knows, "boxes": columns}))
