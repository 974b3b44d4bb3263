"""Which inputs each job is measured on: quick ones, full ones, and real recordings where there are any."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..cameras import PinholeCamera
from ..containment import points_in_cuboids
from ..cuboids import Cuboids
from ..fit_hints import FACE_MARGIN_M
from ..frames import Pose
from ..points import Sweep
from ..scene import Scene
from . import checks, clicking, interpolation2d, segmentation
from .contender import Work
from .formats import PointFile, point_file
from .tracks import works as scene_works
from .video import clip
from .workloads import (
    Clusters,
    PointsAndCuboids,
    Rig,
    Terrain,
    aggregated_points,
    boxes,
    clusters,
    fisheye,
    overlaps,
    points_and_cuboids,
    rig,
    terrain,
    tracks,
)

__all__ = ["N_CLUSTERS", "point_files", "real_workloads", "short_works", "workloads"]

N_CLUSTERS = 200
POINT_FILES = {".bin": "bin", "binary PCD": "pcd", "compressed PCD": "compressed.pcd", "PLY": "ply", "LAS": "las"}
KD_TREE = ("scipy cKDTree, build + query",)
WITHIN_SECONDS = (*KD_TREE, "open3d OrientedBoundingBox", "numpy, window along x", "scipy cKDTree, query only")  # the others take minutes
VEHICLES = ("REGULAR_VEHICLE", "LARGE_VEHICLE", "car", "van", "Car", "Van")
FEWEST_POINTS, FEWEST_VEHICLES = 50, 10


def _point_file(n: int, kind: str) -> PointFile:
    return point_file(aggregated_points(n), kind)


def point_files(title: str, n: int) -> dict[str, list[Work]]:
    """Files of n points, one of each kind."""
    return {f"read_points, {name}": [Work(title, partial(_point_file, n, kind))] for name, kind in POINT_FILES.items()}


def clips(n: int, n_asked: int) -> dict[str, list[Work]]:
    """Videos of n frames of 640 x 360, H.264."""
    kinds = {
        "mp4, constant rate": partial(clip, ".mp4"),
        "mp4, variable rate": partial(clip, ".mp4", is_variable=True),
        "mkv, variable rate": partial(clip, ".mkv", is_variable=True),
        "ts, open groups": partial(clip, ".ts", open_gop=True),
    }
    return {
        "Video.frame, at random": [Work(f"{n_asked} of {n} frames, {title}", partial(make, n=n, n_asked=n_asked)) for title, make in kinds.items()],
        "Video.frame, in order": [Work(f"{n} frames, {title}", partial(make, n=n, n_asked=None)) for title, make in list(kinds.items())[:1]],
    }


def workloads(quick: bool = False) -> dict[str, list[Work]]:
    """function of a Job -> its inputs; the quick ones take seconds in all."""
    return _quick() if quick else _full()


def short_works() -> set[tuple[str, str]]:
    """(function, title) of those that the README shows."""
    return {(function, work.title) for function, works in _full().items() for work in works if work.is_short}


def _quick() -> dict[str, list[Work]]:
    return {
        "points_in_cuboids": [
            Work("20k points x 100 cuboids", partial(points_and_cuboids, 20_000)),
            Work("20k x 100 tilted", partial(points_and_cuboids, 20_000, tilted=True)),
        ],
        "iou": [Work("200 x 200 cuboids", partial(overlaps, 200))],
        "iou_3d, tilted": [Work("30 x 30 cuboids", partial(overlaps, 30, tilted=True))],
        "project_points": [Work("20k points x 6 cameras, float64", partial(rig, 20_000))],
        "project_points, fisheye": [Work("20k points", partial(fisheye, 20_000))],
        "project_cuboids": [Work("1000 cuboids", boxes)],
        "depth_map, gaps given": [Work("20k points, one camera", partial(rig, 20_000, 1))],
        "ground": [Work("20k points", partial(terrain, 20_000))],
        "fit_rectangles": [Work("40 clusters, 20k points", partial(clusters, 40, 20_000))],
        "fit_cuboid": [Work("40 clusters, 20k points, one by one", partial(clusters, 40, 20_000))],
        **clicking.works(quick=True),
        "interpolate_tracks, linear": [Work("500 tracks x 200 frames", partial(tracks, 500))],
        "interpolate_tracks, makima": [Work("500 tracks x 200 frames", partial(tracks, 500, method="makima"))],
        "interpolate, linear": [Work("one track x 200 frames", partial(tracks, 1))],
        **interpolation2d.works(quick=True),
        **segmentation.works(quick=True),
        **scene_works(quick=True),
        **checks.works(quick=True),
        **point_files("50k points", 50_000),
        **clips(90, 12),
    }


def _full() -> dict[str, list[Work]]:
    large = 10_000_000
    return {
        "points_in_cuboids": [
            Work("120k points x 10 cuboids", partial(points_and_cuboids, m=10)),
            Work("120k x 100", points_and_cuboids),
            Work("120k x 100 far", partial(points_and_cuboids, far=True), is_short=True),
            Work("120k x 100 far, tilted", partial(points_and_cuboids, far=True, tilted=True)),
            Work("120k x 100 far, float64", partial(points_and_cuboids, far=True, dtype=np.float64)),
            Work("120k x 100 far, strided", partial(points_and_cuboids, far=True, strided=True)),
            Work("120k x 1000", partial(points_and_cuboids, m=1000), is_short=True),
            Work("10 M x 200", partial(points_and_cuboids, large, 200), WITHIN_SECONDS, is_short=True),
            Work("10 M x 200, tilted", partial(points_and_cuboids, large, 200, tilted=True), KD_TREE),
            Work("10 M x 200, float64", partial(points_and_cuboids, large, 200, dtype=np.float64), KD_TREE),
            Work("10 M x 200, strided", partial(points_and_cuboids, large, 200, strided=True), KD_TREE),
            Work("small call: 1,000 x 100", partial(points_and_cuboids, 1000, 100)),
        ],
        "iou": [Work("1000 x 1000 cuboids", overlaps, is_short=True), Work("1000 x 1000, 6e6 m from the origin", partial(overlaps, offset_m=6e6))],
        "iou_3d, tilted": [Work("150 x 150 cuboids", partial(overlaps, 150, tilted=True), is_short=True)],
        "project_points": [
            Work("120k points x 6 cameras, float64", rig, is_short=True),
            Work("120k points x 6 cameras, float32", partial(rig, dtype=np.float32)),
        ],
        "project_points, fisheye": [Work("120k points", fisheye)],
        "project_cuboids": [Work("1000 cuboids", boxes)],
        "depth_map, gaps given": [Work("120k points, one camera", partial(rig, n_cameras=1))],
        "ground": [Work("120k points", terrain, is_short=True)],
        "fit_rectangles": [Work(f"{N_CLUSTERS} clusters, 216k points", clusters, is_short=True)],
        "fit_cuboid": [Work(f"{N_CLUSTERS} clusters, 216k points, one by one", clusters, is_short=True)],
        **clicking.works(quick=False),
        "interpolate_tracks, linear": [Work("10k tracks x 200 frames, keyframe every 10", tracks, is_short=True)],
        "interpolate_tracks, makima": [Work("10k tracks x 200 frames, keyframe every 10", partial(tracks, method="makima"))],
        "interpolate, linear": [Work("one track x 200 frames", partial(tracks, 1))],
        **interpolation2d.works(quick=False),
        **segmentation.works(quick=False),
        **scene_works(quick=False),
        **checks.works(quick=False),
        **point_files("1 M points", 1_000_000),
        **clips(300, 120),
    }


def real_workloads(folder: Path) -> Iterator[tuple[str, Work]]:
    """(function, input) from the real recordings in a folder, one sweep of each dataset found."""
    from ..formats import read

    for dataset, pattern, scene in (("Argoverse 2", "av2/sensor/7fab2350*", None), ("KITTI tracking", "kitti_tracking/training", "0001")):
        for path in sorted(folder.glob(pattern)):
            clip = read(path, scene=scene)
            frame = next((i for i in range(len(clip)) if clip.has_points(i)), None)
            if frame is not None:
                yield from _of_sweep(clip, frame, dataset)


def _of_sweep(clip: Scene, frame: int, dataset: str) -> Iterator[tuple[str, Work]]:
    sweep = clip.points(frame)
    cuboids = clip.cuboids(frame, frame=sweep.frame)
    what = f"{dataset}: {len(sweep):,} points"
    yield "points_in_cuboids", Work(f"{what} x {len(cuboids)}", partial(PointsAndCuboids, sweep.xyz, cuboids))
    yield "read_points, compressed PCD", Work(what, partial(point_file, np.ascontiguousarray(sweep.xyz, np.float32), "compressed.pcd"))
    pinholes = {name: sensor.camera for name, sensor in clip.cameras.items() if isinstance(sensor.camera, PinholeCamera)}
    poses = [clip.cam_from(frame, name, source=sweep.frame) for name in pinholes]
    # exact rotations: cv2 takes a vector, so it cannot take a file's rounded matrix as it stands
    mounts = [Pose.from_quat(pose.quat_wxyz, pose.translation_m).matrix() for pose in poses]
    if pinholes:
        yield "project_points", Work(f"{what} x {len(pinholes)} cameras", partial(Rig, sweep.xyz, list(pinholes.values()), mounts, np.float64))
        first = list(pinholes.values())[:1], mounts[:1]
        yield "depth_map, gaps given", Work(f"{what}, one camera", partial(Rig, sweep.xyz, *first, np.float64))
    labels = clip.labels(frame, frame=sweep.frame)
    vehicles = labels.cuboids[np.isin([clip.tracks[i].category for i in labels.track_index], VEHICLES)]
    on_ground = vehicles[np.linalg.norm(vehicles.center_m[:, :2], axis=1) < 60]
    bottoms = on_ground.center_m[:, 2] - on_ground.size_m[:, 2] / 2
    yield "ground", Work(what, partial(Terrain, np.asarray(sweep.xyz), on_ground.center_m[:, :2].copy(), bottoms))
    seen = _labelled_clusters(sweep, vehicles)
    if len(seen.truth) < FEWEST_VEHICLES:
        return
    title = f"{dataset}: {len(seen.truth)} vehicles, {len(seen.points):,} points"
    for function in ("fit_rectangles", "fit_cuboid"):
        yield function, Work(title, partial(_the, seen))


def _the(workload: Any) -> Any:
    return workload


def _labelled_clusters(sweep: Sweep, cuboids: Cuboids) -> Clusters:
    """The points in each cuboid that holds enough of them, without those at its bottom, which are the ground's."""
    hits, xyz = points_in_cuboids(sweep, cuboids), np.asarray(sweep.xyz)
    kept, parts = [], []
    for m in range(len(cuboids)):
        part = xyz[hits.indices(m)]
        part = part[part[:, 2] > cuboids.center_m[m, 2] - cuboids.size_m[m, 2] / 2 + 0.25]
        if len(part) >= FEWEST_POINTS:
            kept.append(m)
            parts.append(part)
    offsets = np.cumsum([0, *(len(part) for part in parts)]).astype(np.int64)
    return Clusters(np.concatenate([np.zeros((0, 3), xyz.dtype), *parts]), offsets, cuboids[kept], FACE_MARGIN_M)
