"""What datumaro holds of a MOTChallenge sequence of ours. It knows nothing of boxwright; clients.py tells what it prints."""

import json
import sys
from importlib.metadata import version

from datumaro.components.dataset import Dataset

CORNER_PX = 1.5  # the corner of the first pixel is (1, 1) in MOT
dataset = Dataset.import_from(sys.argv[1], "mot_seq")
columns = {name: [] for name in ("frame", "track", "category", "camera", "xyxy")}
for item in dataset:
    for one in item.annotations:
        x, y, w, h = one.get_bbox()
        row = (int(item.id) - 1, "", "", "", [x - CORNER_PX, y - CORNER_PX, x + w - CORNER_PX, y + h - CORNER_PX])
        for values, value in zip(columns.values(), row):
            values.append(value)
print(json.dumps({"client": f"datumaro {version('datumaro')}", "knows": ["shapes"], "boxes": columns}))
