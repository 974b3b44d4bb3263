"""What av2 holds of an Argoverse 2 log of ours. It knows nothing of boxwright; clients.py tells what it prints."""

import json
import sys
from importlib.metadata import version
from pathlib import Path

from av2.geometry.geometry import mat_to_quat
from av2.structures.cuboid import CuboidList
from av2.utils.io import read_city_SE3_ego, read_lidar_sweep

(log,) = Path(sys.argv[1]).iterdir()
cuboids = CuboidList.from_feather(log / "annotations.feather").cuboids
sweeps = sorted((log / "sensors/lidar").glob("*.feather")) if (log / "sensors/lidar").is_dir() else []
for sweep in sweeps[:3]:
    read_lidar_sweep(sweep)
if (log / "city_SE3_egovehicle.feather").is_file():
    read_city_SE3_ego(log)
stamps = sorted({*[int(cuboid.timestamp_ns) for cuboid in cuboids], *[int(sweep.stem) for sweep in sweeps]})
place_of = {stamp: i for i, stamp in enumerate(stamps)}
columns = {
    "frame": [place_of[int(one.timestamp_ns)] for one in cuboids],
    "track": ["" for _ in cuboids],
    "category": [str(one.category) for one in cuboids],
    "center_m": [one.dst_SE3_object.translation.tolist() for one in cuboids],
    "size_m": [[float(one.length_m), float(one.width_m), float(one.height_m)] for one in cuboids],
    "quat_wxyz": [mat_to_quat(one.dst_SE3_object.rotation).tolist() for one in cuboids],
}
told = {"client": f"av2 {version('av2')}", "knows": ["cuboids", "classes"], "frame": "ego", "frame_times_ns": stamps}
print(json.dumps({**told, "cuboids": columns}))
