"""Labels as annotators make them: the truth, with noise, gaps, switched identities and things nobody saw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

import boxwright as bw
from boxwright.rotations import quat_from_yaw, quat_multiply

STEP_NS = 100_000_000


def town(rng: np.random.Generator, n_tracks: int = 20, n_frames: int = 30, *, spacing_m: float = 15.0) -> bw.Scene:
    """A scene with cars, vans and pedestrians on a wide grid, each going its own way; attributes, one frame of reference, no sensors."""
    stamps = np.arange(n_frames) * STEP_NS + 1_000_000_000
    tracks = []
    side = int(np.ceil(np.sqrt(n_tracks)))
    for i in range(n_tracks):
        category, size = (("car", (4.4, 1.8, 1.5)), ("van", (5.1, 2.0, 2.2)), ("pedestrian", (0.7, 0.6, 1.7)))[i % 3]
        yaw, speed = rng.uniform(-np.pi, np.pi), rng.uniform(0, 3)
        start = np.array([i % side, i // side]) * spacing_m
        along = np.arange(n_frames)[:, None] * 0.1 * speed * np.array([np.cos(yaw), np.sin(yaw)])
        center = np.column_stack([start + along, np.full(n_frames, size[2] / 2)])
        first, last = (0, n_frames) if i % 4 else (int(rng.integers(0, n_frames // 3)), n_frames - int(rng.integers(0, n_frames // 3)))
        cuboids = bw.Cuboids(center[first:last], np.tile(size, (last - first, 1)), np.full(last - first, yaw), frame="lidar")
        said = {"color": ("red", "blue", "white")[int(rng.integers(3))]}
        tracks.append(bw.Track(f"object-{i:02d}", category, stamps[first:last], cuboids, attributes=said))
    return bw.Scene("town", stamps, {"lidar": bw.Lidar("lidar")}, label_frame="lidar", tracks=tracks)


def rows_of(track: bw.Track, times_ns: np.ndarray) -> tuple[np.ndarray, bw.Cuboids]:
    """Frames in which a track is there, and its cuboids in them."""
    filled = track.at(times_ns)
    return np.flatnonzero(filled.is_valid), filled.cuboids[filled.is_valid]


def dense(track: bw.Track, times_ns: np.ndarray, frames: np.ndarray, cuboids: bw.Cuboids, **changes) -> bw.Track:
    """A keyframe in each of the frames, and one that is OUTSIDE after each run of them."""
    ends = np.flatnonzero(np.diff(frames) > 1)
    at = np.sort(np.r_[np.arange(len(frames)), ends + 0.5])
    rows, is_gap = np.floor(at).astype(int), at % 1 > 0
    stamps = times_ns[np.where(is_gap, frames[rows] + 1, frames[rows])]
    return track.replace(
        times_ns=stamps,
        cuboids=cuboids[rows],
        visibility=np.where(is_gap, 2, 0).astype(np.uint8),
        origin=None,
        keyframe_attributes=(),
        keyframe_source_attributes=(),
        **changes,
    )


def labelled(
    scene: bw.Scene,
    rng: np.random.Generator,
    *,
    name: str = "ann",
    center_m: float = 0.0,
    size_m: float = 0.0,
    yaw_rad: float = 0.0,
    lost: float = 0.0,
    swaps: int = 0,
    n_ghosts: int = 0,
    per_track: bool = False,
) -> bw.Scene:
    """The scene as somebody labelled it.

    center_m, size_m, yaw_rad : standard deviations, in each number of each frame, or of each track where per_track
    lost : share of labels left out; swaps : pairs of tracks that change places half way; n_ghosts : tracks of nothing
    """
    times, tracks = scene.times_ns, []
    for track in scene.tracks:
        frames, cuboids = rows_of(track, times)
        keep = rng.random(len(frames)) >= lost
        if not keep.any():
            continue
        frames, cuboids = frames[keep], cuboids[keep]
        n = 1 if per_track else len(frames)
        noise = [np.broadcast_to(rng.normal(0, s, (n, 3)) if s else np.zeros((1, 3)), (len(frames), 3)) for s in (center_m, size_m, yaw_rad)]
        turned = cuboids.replace(
            center_m=cuboids.center_m + noise[0],
            size_m=np.maximum(cuboids.size_m + noise[1], 0.1),
            quat_wxyz=quat_multiply(quat_from_yaw(noise[2][:, 0]), cuboids.quat_wxyz) if yaw_rad else cuboids.quat_wxyz,
        )
        tracks.append(dense(track, times, frames, turned))
    middle = int(times[len(times) // 2])
    through = [i for i, track in enumerate(tracks) if track.times_ns[0] < middle < track.times_ns[-1]]
    for i, j in rng.permutation(through)[: 2 * min(swaps, len(through) // 2)].reshape(-1, 2).tolist():
        tracks[i], tracks[j] = swapped(tracks[i], tracks[j], middle)
    for k in range(n_ghosts):
        model = tracks[int(rng.integers(len(tracks)))]
        away = model.cuboids.replace(center_m=model.cuboids.center_m + np.array([3.0 * k, 400.0, 0]))
        tracks.append(model.replace(track_id=f"ghost-{k}", cuboids=away))
    return scene.replace(name=name, tracks=tracks, tags=[bw.Tag("annotator", name)])


def swapped(a: bw.Track, b: bw.Track, time_ns: int) -> tuple[bw.Track, bw.Track]:
    """Two tracks that change places at a time."""
    late = [track.times_ns >= time_ns for track in (a, b)]

    def joined(early: bw.Track, is_late: np.ndarray, later: bw.Track, is_later: np.ndarray) -> bw.Track:
        if not (~is_late).any() or not is_later.any():
            return early
        cuboids = bw.Cuboids.concatenate([early.cuboids[~is_late], later.cuboids[is_later]])
        stamps = np.r_[early.times_ns[~is_late], later.times_ns[is_later]]
        seen = np.r_[early.visibility[~is_late], later.visibility[is_later]]
        return early.replace(times_ns=stamps, cuboids=cuboids, visibility=seen, origin=None)

    return joined(a, late[0], b, late[1]), joined(b, late[1], a, late[0])


def shuffled(scene: bw.Scene, rng: np.random.Generator) -> bw.Scene:
    return scene.replace(tracks=[scene.tracks[i] for i in rng.permutation(len(scene.tracks))])


def moved(scene: bw.Scene, pose: bw.Pose) -> bw.Scene:
    """Every label moved rigidly."""
    tracks = [track.replace(cuboids=track.cuboids.transformed(pose, frame=scene.label_frame)) for track in scene.tracks]
    return scene.replace(tracks=tracks)


def real_scenes(real_data: Path) -> list[bw.Scene]:
    """Labels of an Argoverse 2 log, where pyarrow is there, and of two KITTI sequences."""
    import importlib.util

    wanted: Sequence[tuple[str, slice]] = [("kitti_tracking", slice(0, 2))]
    if importlib.util.find_spec("pyarrow") is not None:
        wanted = [("av2/sensor", slice(0, 1)), *wanted]
    scenes = []
    for folder, some in wanted:
        for entry in list(bw.scenes(real_data / folder))[some]:
            scenes.append(bw.read(real_data / folder, scene=entry.name))
    return scenes
