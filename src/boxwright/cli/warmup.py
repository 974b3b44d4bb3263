"""boxwright warmup"""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import JsonOption, number_of, print_json, print_lines, print_table, tracked

if TYPE_CHECKING:
    from ..cameras import Camera
    from ..cuboids import Cuboids


CleanOption = Annotated[bool, typer.Option("--clean", help="Remove the kernels of other versions of boxwright, numba or numpy.")]


def warmup(clean: CleanOption = False, as_json: JsonOption = False) -> None:
    """Compile all kernels now.

    They are kept on disk, so that no later command waits for them. What other versions left there is told, and removed with --clean.

    Example: boxwright warmup
    """
    from ..kernels import cache_folder

    steps = _steps()
    seconds: dict[str, float] = {}
    with tracked("compiling", len(steps)) as advance:
        for name, call in steps.items():
            start = time.perf_counter()
            call()
            seconds[name] = time.perf_counter() - start
            advance()
    total, others = sum(seconds.values()), _others(cache_folder)
    n_bytes = sum(_size(folder) for folder in others)
    if clean:
        for folder in others:
            shutil.rmtree(folder, ignore_errors=True)  # another process may be removing it too
    if as_json:
        where = None if cache_folder is None else str(cache_folder)
        other = {"folders": [str(folder) for folder in others], "n_bytes": n_bytes, "removed": clean}
        print_json({"seconds": seconds, "total_s": total, "cache_folder": where, "other_versions": other})
        return
    print_table("", ["kernels of", "seconds"], [*seconds.items(), ("all", total)])
    print_lines("kept nowhere: no folder can be written to" if cache_folder is None else f"kept in {cache_folder}")
    if others:
        did = "removed" if clean else "beside it: --clean removes them"
        print_lines(f"{number_of(len(others), 'folder')} of other versions, {n_bytes / 1e6:.1f} MB, {did}")


def _others(cache_folder: Path | None) -> list[Path]:
    """Folders of kernels beside ours, which no process of this version will use."""
    if cache_folder is None or cache_folder.parent.name != "kernels":
        return []
    beside = [path for path in cache_folder.parent.iterdir() if re.fullmatch("[0-9a-f]{16}", path.name)]
    return sorted(path for path in beside if path != cache_folder and path.is_dir() and not path.is_symlink())


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


# What a page asks for, in the order in which it is asked for: cuboids between keyframes, in pictures, sweeps that are made still, clicks.
OF_PAGE = ("interpolation", "projection", "sweeps", "terrain", "fitting", "containment", "occlusion")


def page_steps() -> dict[str, Callable[[], Any]]:
    """Calls that have the kernels compiled which the page needs, the first needed first."""
    steps = _steps()
    return {name: steps[name] for name in OF_PAGE}


def _steps() -> dict[str, Callable[[], Any]]:
    """One small call of every verb, with float32 points as sensors give them and with float64 ones."""
    import numpy as np

    import boxwright as bw

    from ..formats import read_points, write_points

    single = _street()
    clouds = (single, single.astype(np.float64))
    cuboids = bw.Cuboids([[10, 0, 0.8], [18, 4, 0.8]], [[4.4, 1.8, 1.5]] * 2, [0.2, 1.0])
    scattered = bw.Cuboids([[10, 0, 0.8], [1e5, 1e5, 0.8]], [[4.4, 1.8, 1.5]] * 2, [0.2, 1.0])
    tilted = cuboids.transformed(bw.Pose.from_quat([np.cos(0.05), np.sin(0.05), 0, 0]))
    cameras: list[Camera] = [
        bw.PinholeCamera(64, 48, 40, 40, 32, 24),
        bw.FisheyeCamera(64, 48, 20, 20, 32, 24),
        bw.UnifiedCamera(64, 48, 20, 20, 32, 24, xi=1),
    ]
    cam_from_lidar = bw.Pose([[0, -1, 0], [0, 0, -1], [1, 0, 0]])
    track = bw.Track("warm", "car", np.array([0, 10]), cuboids)
    clusters = single[:64]

    def compress() -> None:
        with tempfile.TemporaryDirectory() as folder:
            write_points(bw.Sweep(single), Path(folder) / "points.pcd", encoding="binary_compressed")
            read_points(Path(folder) / "points.pcd")

    return {
        "containment": lambda: (
            [bw.points_in_cuboids(points, boxes).first for points in clouds for boxes in (cuboids, tilted, scattered)]
            + [bw.points_in_cuboids(np.resize(single, (2**18, 3)), cuboids, n_threads=2)]
        ),
        "projection": lambda: [
            (bw.project_points(points, camera, cam_from_lidar), bw.project_cuboids(cuboids, camera, cam_from_lidar).edges(0))
            for camera in cameras
            for points in clouds
        ],
        "occlusion": lambda: [
            bw.depth_map(points, camera, cam_from_lidar).visible_share(cuboids, cam_from_lidar) for camera in cameras for points in clouds
        ],
        "overlap": lambda: (
            [bw.iou(boxes, tilted) for boxes in (cuboids, tilted)] + [bw.iou_bev_pairs(cuboids, tilted), bw.iou_3d_pairs(cuboids, tilted)]
        ),
        "pictures": lambda: _pictures(),
        "interpolation": lambda: bw.interpolate_tracks([track], np.arange(0, 11)),
        "terrain": lambda: [bw.ground(points).height_m([[0.0, 0.0]]) for points in clouds],
        "sweeps": lambda: [_still(points) for points in clouds],
        "registration": lambda: _follow(single),
        "segmentation": lambda: [_segment(points, cuboids) for points in clouds],
        "fitting": lambda: (
            [bw.fit_at(points, (7.8, 0.2, 0.8), category="car") for points in clouds] + [bw.fit_rectangles(clusters, np.array([0, 32, 64]))]
        ),
        "checks": lambda: [_check(points) for points in clouds],
        "compressed files": compress,
        "simulation": lambda: bw.simulate(2, 2, n_beams=2, n_columns=12, image_scale=0.05),
    }


def _pictures() -> Any:
    """Every kind of shape between two keyframes, and what masks and boxes do with each other."""
    import numpy as np

    import boxwright as bw

    square = np.array([[1, 1], [5, 1], [5, 5], [1, 5]], float)
    polygons = bw.Polygons([square, square[:3]])
    masks = bw.Masks.from_polygons(polygons, 8, 8)
    boxes = bw.Boxes(polygons.bounds_xyxy())
    turned = bw.RotatedBoxes([[3, 3], [3, 4]], [[2, 1], [2, 1]], [0, 1])
    shapes = (boxes, turned, polygons, bw.Polylines([square, square[:2]]), bw.Keypoints([square, square]), masks)
    for one in shapes:
        bw.ImageTrack("warm", "car", "front", np.array([0, 10]), one).at(np.arange(0, 11))
    return polygons.area_px2, bw.Masks.from_coco(masks.to_coco(), 8, 8).to_arrays(), bw.iou_masks(masks, masks), bw.iou_boxes(boxes, boxes)


def _follow(points: Any) -> Any:
    """A car that stands, followed over two frames."""
    import numpy as np

    import boxwright as bw

    trajectory = bw.Trajectory(np.array([0, 1]), [bw.Pose.identity()] * 2)
    track = bw.Track("warm", "car", np.array([0]), bw.Cuboids([[10, 0, 0.8]], [[4.4, 1.8, 1.5]], 0.0, frame="world"))
    scene = bw.Scene("warm", np.array([0, 1]), {"lidar": bw.Lidar("lidar")}, trajectory=trajectory, tracks=[track], data=_same_sweep(points))
    return bw.propagate(scene, "warm", 0, 1)


def _still(points: Any) -> Any:
    """A sweep with the motion of its vehicle taken out."""
    import numpy as np

    import boxwright as bw

    still = bw.Trajectory(np.array([0, 1]), [bw.Pose.identity()] * 2)
    return bw.Sweep(points, time_offset_ns=np.zeros(len(points), np.int64)).deskewed(still)


def _check(points: Any) -> Any:
    """Labels with a car in them, and one where beams go through to the ground."""
    import numpy as np

    import boxwright as bw

    now = np.zeros(1, np.int64)
    places = {"car": [10, 0, 0.8], "nothing": [10, 6, 0.9]}
    tracks = [bw.Track(name, "car", now, bw.Cuboids([at], [[4.4, 1.8, 1.5]], 0.0, frame="lidar")) for name, at in places.items()]
    return bw.check(bw.Scene("warm", now, {"lidar": bw.Lidar("lidar")}, tracks=tracks, label_frame="lidar", data=_same_sweep(points)))


def _same_sweep(points: Any) -> Any:
    """Sensor data of which every frame has these points."""
    import numpy as np

    import boxwright as bw

    class Data:
        def points(self, frame_index: int, sensor: str) -> bw.Sweep:
            return bw.Sweep(points, frame_index, sensor)

        def image(self, frame_index: int, camera: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
            raise bw.FrameMissing("no image")

        def has_points(self, frame_index: int, sensor: str) -> bool:
            return True

        def has_image(self, frame_index: int, camera: str) -> bool:
            return False

    return Data()


def _segment(points: Any, cuboids: Cuboids) -> Any:
    """One sweep's points, labelled, and an edit by a polygon."""
    import numpy as np

    import boxwright as bw

    now = np.zeros(1, np.int64)
    tracks = [bw.Track(str(m), "car", now, cuboids[[m]].replace(frame="lidar")) for m in range(len(cuboids))]
    edit = bw.PointEdit.of_polygon(0, [[0, 0], [1, 0], [0, 1]], category="road")
    data = _same_sweep(points)
    scene = bw.Scene("warm", now, {"lidar": bw.Lidar("lidar")}, tracks=tracks, label_frame="lidar", data=data, point_edits=[edit])
    return bw.segment(scene, 0, ground_m=0.1)


def _street() -> Any:
    """(N, 3) float32: flat ground with one car's rear and side on it."""
    import numpy as np

    x, y = np.meshgrid(np.arange(-20, 30, 0.5), np.arange(-15, 15, 0.5))
    ground = np.column_stack([x.ravel(), y.ravel(), np.zeros(x.size)])
    along, up = np.meshgrid(np.linspace(-2.2, 2.2, 45), np.linspace(0.3, 1.5, 13))
    side = np.column_stack([10 + along.ravel(), np.full(along.size, -0.9), up.ravel()])
    across, up = np.meshgrid(np.linspace(-0.9, 0.9, 19), np.linspace(0.3, 1.5, 13))
    rear = np.column_stack([np.full(across.size, 7.8), across.ravel(), up.ravel()])
    return np.concatenate([ground, side, rear]).astype(np.float32)
