"""Whether the vehicle and its sensors are where they were, and cameras see as they did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from ..cameras import CalibratedCamera, UncalibratedCamera
from ..errors import BoxwrightError
from ..formats.kitti_poses import WORLD
from ..frames import Pose
from ..projection import project_points
from ..scene import CameraSensor, Scene
from .rows import Clip
from .told import Gone, lost

__all__ = ["lost_cameras", "lost_poses", "lost_shutters", "poses_of", "with_cameras", "wrong_cameras", "wrong_lidars"]

_SAME_PX = 0.01
_SAME_POSE = 1e-6
_DIGITS = 2e-7  # by which rotations of files are off, so that what is far is elsewhere where it is seen from another


def lost_poses(given: Clip, back: Clip) -> tuple[int, list[Gone]]:
    """Frames, and moments between them that came back too, at which both the vehicle and its first LiDAR are elsewhere, or of frames nobody knows
    where: some formats have one of the two frames alone. Among these those that are where they were, seen from the first one."""
    n, gone = 0, list[Gone]()
    first: tuple[list[Pose], list[Pose]] | None = None
    frames = [(poses_of(scene, i), poses_of(other, j)) for (scene, i), (other, j) in zip(given.places, back.places)]
    for here, there in [*frames, *_poses_between(given, back)]:
        if here:
            n += 1
            first = (here, there) if first is None else first
            if not any(_is_same_pose(a, b) for a, b in zip(here, there)):
                since = [[start.inverse() @ pose for start, pose in zip(*ends)] for ends in zip(first, (here, there))]
                gone.append(lost(WORLD if any(_is_same_pose(a, b, _DIGITS) for a, b in zip(*since)) else None))
    return n, gone


def _poses_between(given: Clip, back: Clip) -> Iterator[tuple[list[Pose], list[Pose]]]:
    """At the stamps of poses of both that are no frame's, where frames have kept theirs."""
    for scene, other in {(id(scene), id(other)): (scene, other) for (scene, _), (other, _) in zip(given.places, back.places)}.values():
        if scene.trajectory is not None and other.trajectory is not None:
            shared = np.intersect1d(scene.trajectory.times_ns, other.trajectory.times_ns)
            for stamp in np.setdiff1d(shared, scene.times_ns).tolist():
                yield _poses_at(scene, stamp), _poses_at(other, stamp)


def _is_same_pose(a: Pose, b: Pose, off: float = 64 * np.finfo(float).eps) -> bool:
    """off : of every metre from the origin"""
    room = off * np.abs(a.translation_m).max()
    return bool(np.allclose(a.matrix(), b.matrix(), rtol=0, atol=_SAME_POSE + room))


def poses_of(scene: Scene, frame_index: int) -> list[Pose]:
    """world_from_ego at a frame, and world_from_lidar where there is a LiDAR; none where no pose is known."""
    return _poses_at(scene, int(scene.times_ns[frame_index]))


def _poses_at(scene: Scene, stamp: int) -> list[Pose]:
    if scene.trajectory is None or not scene.trajectory.covers([stamp])[0]:
        return []
    return [scene.transform("world", frame, stamp) for frame in ("ego", *(["lidar"] if scene.lidars else []))]


def lost_cameras(given: Clip, back: Clip) -> tuple[int, list[Gone]]:
    """Cameras that are gone, or put points 10 m away elsewhere, in whatever scene of those that came back."""
    if not given.scenes:
        return 0, []
    scene = given.scenes[0][0]
    cameras = _calibrated(scene)
    found = {one.name for one in cameras} if back.scenes else set()
    for other, _, _ in back.scenes:
        found &= {one.name for one, two in _together(cameras, _calibrated(other)) if _is_same(scene, one, other, two)}
    return len(cameras), [lost(one.name) for one in cameras if one.name not in found]


def lost_shutters(given: Clip, back: Clip) -> tuple[int, list[Gone]]:
    """Cameras with a rolling shutter, and those that are read another way now, or in another time."""
    if not given.scenes:
        return 0, []
    scene, others = given.scenes[0][0], [other for other, _, _ in back.scenes[:1]]
    called = {name: other.cameras[there] for other in others for name, there in _cameras_back(scene, other).items()}
    pairs = {name: (_shutter(sensor), _shutter(called[name]) if name in called else None) for name, sensor in scene.cameras.items()}
    rolling = {name: pair for name, pair in pairs.items() if any(one is not None and one[1] for one in pair)}
    return len(rolling), [lost(name) for name, (before, after) in rolling.items() if before != after]


def _shutter(sensor: CameraSensor) -> tuple[str, int]:
    return sensor.rolling_shutter, sensor.readout_ns


def _calibrated(scene: Scene) -> list[CameraSensor]:
    return [one for one in scene.cameras.values() if not isinstance(one.camera, UncalibratedCamera)]


def _together(before: Sequence[CameraSensor], after: Sequence[CameraSensor]) -> list[tuple[CameraSensor, CameraSensor]]:
    """Pairs of cameras that may be the same: those of one name; of others each with its like in order, and with every one where some are gone."""
    names = {one.name for one in before} & {two.name for two in after}
    here, there = ([one for one in cameras if one.name not in names] for cameras in (before, after))
    called = {two.name: two for two in after}
    others = [*zip(here, there)] if len(here) == len(there) else [(one, two) for one in here for two in there]
    return [*((one, called[one.name]) for one in before if one.name in names), *others]


def with_cameras(given: Clip, back: Clip) -> Iterator[tuple[tuple[Scene, int], tuple[Scene, int], dict[str, str]]]:
    """The frames of both that go together, and for each camera that came back what it is called now."""
    known = dict[tuple[int, int], dict[str, str]]()
    for one, two in zip(given.places, back.places):
        key = (id(one[0]), id(two[0]))
        if key not in known:
            known[key] = _cameras_back(one[0], two[0])
        yield one, two, known[key]


def _cameras_back(scene: Scene, other: Scene) -> dict[str, str]:
    """Camera -> what it is called now: by its name, else by its lens and place; of those that are left as many as there were, in their order."""
    names = {name: name for name in scene.cameras if name in other.cameras}
    for one, two in _together(_calibrated(scene), _calibrated(other)):
        is_open = one.name not in names and two.name not in names.values()
        if is_open and (_is_same(scene, one, other, two) or _may_be(scene, one, other, two)):
            names[one.name] = two.name
    here, there = ([name for name in clip if name not in known] for clip, known in ((scene.cameras, names), (other.cameras, [*names.values()])))
    return {**names, **(dict(zip(here, there)) if len(here) == len(there) else {})}


def _may_be(scene: Scene, one: CameraSensor, other: Scene, two: CameraSensor) -> bool:
    """Places are those of cameras that fire with the LiDAR: of others a format may write where they are when they do."""
    return _has_lens(one, two) and (one.times_ns is not None or _is_placed(scene, None, one, other, two))


def _is_same(scene: Scene, one: CameraSensor, other: Scene, two: CameraSensor) -> bool:
    if isinstance(two.camera, UncalibratedCamera) or one.camera.size_px != two.camera.size_px:
        return False
    width, height = one.camera.size_px
    u, v = np.meshgrid(np.linspace(0.1, 0.9, 5) * width, np.linspace(0.1, 0.9, 5) * height)
    uv = np.stack([u.ravel(), v.ravel()], 1)
    points = 10 * one.camera.rays(uv)
    points, uv = points[np.isfinite(points).all(1)], uv[np.isfinite(points).all(1)]
    try:
        seen = [np.abs(project_points(points, two.camera, moved).uv - uv) for moved in _moved(scene, one, other, two)]
    except BoxwrightError:
        return False
    return bool(len(uv)) and any(bool((apart < _SAME_PX).all()) for apart in seen)


def _moved(scene: Scene, one: CameraSensor, other: Scene, two: CameraSensor) -> list[Pose]:
    """From the camera that was given to the one that came back, once by the LiDARs of both and once by the vehicle: formats keep one of the two."""
    frames = ["lidar", "ego"] if scene.lidars and other.lidars else ["ego"]
    return [two.ego_from_cam.inverse() @ other.ego_from(frame) @ scene.ego_from(frame).inverse() @ one.ego_from_cam for frame in frames]


def wrong_lidars(given: Clip, back: Clip) -> list[str]:
    """LiDARs that came back at another place on the vehicle than those given, by name or in their order; where the vehicle's frame is its first
    LiDAR's now, at another one seen from that LiDAR."""
    if not given.scenes or not back.scenes:
        return []
    before, after = given.scenes[0][0].lidars, back.scenes[0][0].lidars
    pairs = [
        (before[name if name in before else [*before][k]], two) for k, (name, two) in enumerate(after.items()) if name in before or k < len(before)
    ]
    if not pairs:
        return []
    start, end = (pairs[0][k].ego_from_lidar.inverse() for k in (0, 1))
    moved = [two.name for one, two in pairs if not _is_same_pose(one.ego_from_lidar, two.ego_from_lidar)]
    if not _is_same_pose(end, Pose.identity()):
        return moved
    return [two.name for one, two in pairs if two.name in moved and not _is_same_pose(start @ one.ego_from_lidar, end @ two.ego_from_lidar)]


def wrong_cameras(given: Clip, back: Clip) -> list[str]:
    """Calibrated cameras that came back, in any scene, and are not those given, but for distortion, which formats may drop, and names."""
    wrong = dict[str, None]()
    for other, frames, places in back.scenes:
        scene, i = given.places[int(places[0])]
        there = _calibrated(other)
        pairs = _together(_calibrated(scene), there)
        right = {two.name for one, two in pairs if _has_lens(one, two) and _is_placed(scene, i if len(frames) == 1 else None, one, other, two)}
        wrong.update({two.name: None for two in there if two.name not in right})
    return list(wrong)


def _has_lens(one: CameraSensor, two: CameraSensor) -> bool:
    """But for distortion."""
    if not isinstance(one.camera, CalibratedCamera) or not isinstance(two.camera, CalibratedCamera):
        return False
    here, there = ([lens.fx_px, lens.fy_px, lens.cx_px, lens.cy_px] for lens in (one.camera, two.camera))
    return bool(np.allclose(here, there, rtol=0, atol=_SAME_PX))


def _is_placed(scene: Scene, frame_index: int | None, one: CameraSensor, other: Scene, two: CameraSensor) -> bool:
    """Whether a camera is where it is mounted; of a scene of one frame, where it was when it fired, as the vehicle saw it at the frame's stamp."""
    places = [one]
    if frame_index is not None and one.times_ns is not None and scene.trajectory is not None:
        stamp, exposed = int(scene.times_ns[frame_index]), int(one.times_ns[frame_index])
        if scene.trajectory.covers([exposed, stamp]).all():
            places.append(replace(one, ego_from_cam=scene.transform("ego", one.name, exposed, target_time_ns=stamp)))
    return any(_is_same_pose(moved, Pose.identity()) for place in places for moved in _moved(scene, place, other, two))
