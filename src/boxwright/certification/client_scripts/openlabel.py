"""What kognic-openlabel holds of an OpenLABEL file of ours. It knows nothing of boxwright; clients.py tells what it prints."""

import json
import sys
from importlib.metadata import version
from pathlib import Path

from kognic.openlabel.models import OpenLabelAnnotation

(file,) = Path(sys.argv[1]).glob("*.json")
document = json.loads(file.read_text("utf-8"))
content = OpenLabelAnnotation.model_validate(document).openlabel
renamed = document["openlabel"]["metadata"].get("boxwright", {}).get("tracks", {})  # the objects whose uid is not what their track is called
cameras = {name for name, stream in (content.streams or {}).items() if stream.type is not None and stream.type.value == "camera"}
columns = {name: [] for name in ("frame", "track", "category", "center_m", "size_m", "quat_wxyz")}
systems, times = set(), []
for index, frame in enumerate(content.frames.values()):
    stamp = frame.frame_properties.timestamp if frame.frame_properties is not None else None
    seconds, _, part = str(stamp).partition(".")
    is_number = seconds.removeprefix("-").isdigit()  # others have dates and times of day
    times.append(int(seconds) * 10**9 + int(part.ljust(9, "0")) if is_number else None)
    for uid, seen in (frame.objects or {}).items():
        for cuboid in (seen.object_data.cuboid or [])[:1] if seen.object_data is not None else []:
            systems.add(cuboid.coordinate_system)
            x, y, z, qx, qy, qz, qw, *size = cuboid.val
            known = content.objects[uid].name if "track_id" in renamed.get(uid, {}) else uid
            row = (index, known, content.objects[uid].type, [x, y, z], size, [qw, qx, qy, qz])
            for values, value in zip(columns.values(), row):
                values.append(value)
is_plain = len(systems) <= 1 and not systems & cameras
has_times = None not in times and bool(times)
knows = [*(["cuboids", "tracks", "classes", "track_ids"] if is_plain else []), *(["times"] if has_times else [])]
told = {"client": f"kognic-openlabel {version('kognic-openlabel')}", "knows": knows, "frame": next(iter(systems), None) or "own"}
print(json.dumps({**told, **({"cuboids": columns} if is_plain else {}), **({"times_ns": times} if has_times else {})}))
