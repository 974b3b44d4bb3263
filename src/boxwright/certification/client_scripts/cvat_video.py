"""What datumaro holds of a CVAT for video file of ours. It knows nothing of boxwright; clients.py tells what it prints."""

import json
import sys
from importlib.metadata import version

from datumaro.components.annotation import AnnotationType
from datumaro.components.dataset import Dataset

EDGE_PX = 0.5  # the middle of the first pixel is (0.5, 0.5) in CVAT
dataset = Dataset.import_from(sys.argv[1], "cvat")
names = [label.name for label in dataset.categories()[AnnotationType.label].items]
columns = {name: [] for name in ("frame", "track", "category", "camera", "xyxy")}
for item in dataset:
    for one in item.annotations:
        if one.attributes.get("outside") or one.type not in (AnnotationType.bbox, AnnotationType.polygon, AnnotationType.polyline):
            continue
        x, y, w, h = one.get_bbox()
        track = one.attributes.get("boxwright_track_id", one.attributes.get("track_id", ""))
        row = (int(item.attributes["frame"]), track, names[one.label], "", [x - EDGE_PX, y - EDGE_PX, x + w - EDGE_PX, y + h - EDGE_PX])
        for values, value in zip(columns.values(), row):
            values.append(value)
knows = ["shapes", "video", "classes", "track_ids"]
print(json.dumps({"client": f"datumaro {version('datumaro')}", "knows": knows, "only_keyframes": True, "boxes": columns}))
