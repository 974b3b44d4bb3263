"""What labelbox's own classes hold of lines of ours, the frames between keyframes filled straight, as Labelbox does; the client itself does not. It
knows nothing of boxwright; clients.py tells what it prints."""

import json
import sys
from importlib.metadata import version
from pathlib import Path

from labelbox import OntologyBuilder
from labelbox.data.serialization.ndjson.classification import NDChecklist, NDRadio
from labelbox.data.serialization.ndjson.objects import NDSegments

EDGE_PX = 0.5  # (0, 0) is the picture's corner in Labelbox
folder = Path(sys.argv[1])
ontology = OntologyBuilder.from_dict(json.loads((folder / "ontology.json").read_text("utf-8")))
tools = {tool.name for tool in ontology.tools}
questions = {one.name: {option.value for option in one.options} for one in ontology.classifications}


def box_of(keyframe):
    if hasattr(keyframe, "bbox"):
        box = keyframe.bbox
        return [box.left, box.top, box.left + box.width, box.top + box.height]
    points = [keyframe.point] if hasattr(keyframe, "point") else keyframe.line
    return [f(getattr(point, axis) for point in points) for f in (min, max) for axis in "xy"]


columns = {name: [] for name in ("frame", "track", "category", "camera", "xyxy")}
(file,) = folder.glob("*.ndjson")
for line in file.read_text("utf-8").splitlines():
    said = json.loads(line)
    if "segments" not in said:
        answer = NDChecklist(**said) if "answers" in said else NDRadio(**said)
        if not {one.name for one in (answer.answer if "answers" in said else [answer.answer])} <= questions[answer.name]:
            raise ValueError(f"the ontology has no such answer to {answer.name}")
        continue
    label = NDSegments(**said)
    if label.name not in tools:
        raise ValueError(f"the ontology has no {label.name}")
    (track,) = [one.answer for one in label.classifications if one.name == "track_id"]
    camera = label.data_row.global_key.rpartition("/")[2]
    for segment in label.segments:
        boxes = {keyframe.frame - 1: box_of(keyframe) for keyframe in segment.keyframes}
        told = sorted(boxes)
        for frame in range(told[0], told[-1] + 1):
            before, after = max(k for k in told if k <= frame), min(k for k in told if k >= frame)
            share = (frame - before) / max(after - before, 1)
            box = [a + share * (b - a) - EDGE_PX for a, b in zip(boxes[before], boxes[after])]
            for values, value in zip(columns.values(), (frame, track, label.name, camera, box)):
                values.append(value)
knows = ["shapes", "video", "classes", "track_ids"]
print(json.dumps({"client": f"labelbox {version('labelbox')}", "knows": knows, "boxes": columns}))
