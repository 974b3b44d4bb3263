"""What of a scene did not come back: for each field of formats/declared.py that the scene uses, how much there was and how much is gone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ..arrays import Bools
from ..cameras import CalibratedCamera, UncalibratedCamera
from ..errors import BoxwrightError
from ..formats.declared import Exactness
from ..frames import Pose
from ..keyframes import State, Visibility
from ..point_labels import PointLabels
from ..projection import project_points
from ..scene import CameraSensor, Scene
from .measured import is_tilted
from .rows import Clip, CuboidRows, Pairs, Rows, ShapeRows, renamed

__all__ = ["LostField", "Readings", "lost_fields", "poses_of", "tracks_gone", "wrong_cameras"]

_SAME_PX = 0.01
_SAME_POSE = 1e-6
Count = tuple[int, int]


@dataclass(frozen=True)
class LostField:
    """field : as formats/declared.py names it. n_given, n_lost : how much of it the scene has, and how much did not come back"""

    field: str
    n_given: int
    n_lost: int
    is_declared: bool
    said: str


@dataclass(frozen=True)
class Readings:
    """What was given, and what came back; frames go together."""

    given: Clip
    back: Clip
    cuboids: tuple[CuboidRows, CuboidRows, Pairs]
    shapes: tuple[ShapeRows, ShapeRows, Pairs]

    @property
    def both(self) -> Iterator[tuple[Rows, Rows, Pairs]]:
        yield self.cuboids
        yield self.shapes


def lost_fields(readings: Readings, exact: Exactness, only: frozenset[str] | None = None) -> dict[str, Count]:
    """Field -> (how much was given, how much is gone), of those that were given. only : of these, where whoever read it knows no others."""
    counted: dict[str, Callable[[], Count]] = {
        "cuboids": lambda: _labels(readings.cuboids),
        "full_rotation": lambda: _tilts(readings),
        "tracks": lambda: _tracks(readings.cuboids),
        "shapes": lambda: _shapes(readings),
        "video": lambda: _tracks(readings.shapes),
        "attributes": lambda: _attributes(readings),
        "relations": lambda: _relations(readings),
        "segmentation": lambda: _point_labels(readings),
        "poses": lambda: _poses(readings),
        "calibration": lambda: _cameras(readings),
        "visibility": lambda: _occluded(readings),
        "classes": lambda: _differing(readings, lambda rows, row: rows.category(row)),
        "track_ids": lambda: _differing(readings, lambda rows, row: rows.track_ids[int(rows.track[row])]),
        "keyframes": lambda: _differing(readings, _how),
        "tags": lambda: _tags(readings),
        "times": lambda: _times(readings, exact.ns),
        "frame_names": lambda: _frame_names(readings),
        "sweeps": lambda: _data(readings, "lidars", "has_points"),
        "pictures": lambda: _data(readings, "cameras", "has_image"),
    }
    found = {field: count() for field, count in counted.items() if only is None or field in only}
    return {field: (given, lost) for field, (given, lost) in found.items() if given}


# ------------------------------------------------------------ labels


def _labels(reading: tuple[Rows, Rows, Pairs]) -> Count:
    return len(reading[0]), len(reading[2].lost)


def _tilts(readings: Readings) -> Count:
    a, b, pairs = readings.cuboids
    tilted = is_tilted(a.cuboids)
    here = pairs.a[tilted[pairs.a]]
    there = pairs.b[tilted[pairs.a]]
    apart = 1 - np.abs((a.cuboids.quat_wxyz[here] * b.cuboids.quat_wxyz[there]).sum(1))
    return int(tilted.sum()), int((apart > 1e-12).sum()) + int(tilted[pairs.lost].sum())


def _tracks(reading: tuple[Rows, Rows, Pairs]) -> Count:
    """Tracks that are gone, or came back as several, or as one with another."""
    a, b, pairs = reading
    ends: dict[int, set[int]] = defaultdict(set)
    starts: dict[int, set[int]] = defaultdict(set)
    for i, j in zip(a.track[pairs.a].tolist(), b.track[pairs.b].tolist()):
        ends[i].add(j)
        starts[j].add(i)
    tracks = np.unique(a.track).tolist()
    return len(tracks), sum(len(ends[i]) != 1 or any(len(starts[j]) != 1 for j in ends[i]) for i in tracks)


def tracks_gone(reading: tuple[Rows, Rows, Pairs]) -> int:
    """Tracks of which no label came back."""
    a, _, pairs = reading
    return len(np.setdiff1d(a.track, a.track[pairs.a]))


def _shapes(readings: Readings) -> Count:
    a, b, pairs = readings.shapes
    n_other = 0
    if a.shapes and b.shapes:
        n_other = sum(a.shapes[i][0].KIND != b.shapes[j][0].KIND for i, j in zip(pairs.a.tolist(), pairs.b.tolist()))
    return len(a), len(pairs.lost) + n_other


def _differing(readings: Readings, said: Callable[[Rows, int], object]) -> Count:
    """Labels of which the two readings say something else."""
    n = n_lost = 0
    for a, b, pairs in readings.both:
        here = [said(a, row) for row in pairs.a.tolist()]
        there = [said(b, row) for row in pairs.b.tolist()]
        n += sum(one is not None for one in here)
        n_lost += sum(one is not None and one != other for one, other in zip(here, there))
    return n, n_lost


def _occluded(readings: Readings) -> Count:
    """Labels that are occluded, and how many no longer are, or are now and were not."""
    n = n_lost = 0
    for a, b, pairs in readings.both:
        here, there = (_is_occluded(rows)[index] for rows, index in ((a, pairs.a), (b, pairs.b)))
        n += int((here | there).sum())
        n_lost += int((here != there).sum())
    return n, n_lost


def _is_occluded(rows: Rows) -> Bools:
    return np.zeros(len(rows), bool) if rows.visibility is None else np.asarray(rows.visibility == Visibility.OCCLUDED)


def _how(rows: Rows, row: int) -> object:
    """Whether a label was set, and what curve goes through those between; None where every label of the clip was set."""
    if rows.state is None or (rows.state == State.KEYFRAME).all():
        return None
    return (bool(rows.state[row] == State.KEYFRAME), rows.tracks[int(rows.track[row])].method)


def _attributes(readings: Readings) -> Count:
    """Labels with attributes of which one is gone, or has another value."""
    n = n_lost = 0
    for a, b, pairs in readings.both:
        for i, j in zip(pairs.a.tolist(), pairs.b.tolist()) if a.attributes else ():
            held = {name: value for name, value in a.attributes[i].items() if value is not None}
            there = b.attributes[j] if b.attributes else {}
            n += bool(held)
            n_lost += any(name not in there or there[name] != value for name, value in held.items())
    return n, n_lost


def _relations(readings: Readings) -> Count:
    names = renamed(*readings.shapes) | renamed(*readings.cuboids)
    back = [scene for scene, _, _ in readings.back.scenes]
    there = {(one.kind, one.subject, one.object) for scene in back for one in scene.relations}
    links = {(track.track_id, track.object_id) for scene in back for track in scene.image_tracks}
    n = n_lost = 0
    for scene, _, _ in readings.given.scenes:
        for one in scene.relations:
            n += 1
            n_lost += (one.kind, names.get(one.subject, one.subject), names.get(one.object, one.object)) not in there
        for track in scene.image_tracks:
            if track.object_id is not None:
                n += 1
                n_lost += (names.get(track.track_id, track.track_id), names.get(track.object_id, track.object_id)) not in links
    return n, n_lost


def _point_labels(readings: Readings) -> Count:
    """Sweeps of which a point's class is another, or that have no labels any more."""
    n = n_lost = 0
    for (scene, i), (other, j) in zip(readings.given.places, readings.back.places):
        for k, name in enumerate(scene.lidars):
            if not scene.has_point_labels(i, name):
                continue
            n += 1
            lidars = list(other.lidars)
            if k >= len(lidars) or not other.has_point_labels(j, lidars[k]):
                n_lost += 1
                continue
            mine, theirs = scene.point_labels(i, name), other.point_labels(j, lidars[k])
            n_lost += len(mine) != len(theirs) or not _same_classes(mine, theirs)
    return n, n_lost


def _same_classes(mine: PointLabels, theirs: PointLabels) -> bool:
    ids = np.unique(np.stack([mine.class_id, theirs.class_id]), axis=1).T.tolist()
    return all(mine.classes.get(i, "") == theirs.classes.get(j, "") for i, j in ids)


# ------------------------------------------------------------ the rest of the scene


def _poses(readings: Readings) -> Count:
    """Frames at which both the vehicle and its first LiDAR are elsewhere, or nobody knows where: some formats have one of the two frames alone."""
    n = n_lost = 0
    for (scene, i), (other, j) in zip(readings.given.places, readings.back.places):
        here, there = poses_of(scene, i), poses_of(other, j)
        if here:
            n += 1
            n_lost += not any(_is_same_pose(a, b) for a, b in zip(here, there))
    return n, n_lost


def _is_same_pose(a: Pose, b: Pose) -> bool:
    room = 64 * np.finfo(float).eps * np.abs(a.translation_m).max()
    return bool(np.allclose(a.matrix(), b.matrix(), rtol=0, atol=_SAME_POSE + room))


def poses_of(scene: Scene, frame_index: int) -> list[Pose]:
    """world_from_ego at a frame, and world_from_lidar where there is a LiDAR; none where no pose is known."""
    stamp = int(scene.times_ns[frame_index])
    if scene.trajectory is None or not scene.trajectory.covers(scene.times_ns[frame_index : frame_index + 1])[0]:
        return []
    return [scene.transform("world", frame, stamp) for frame in ("ego", *(["lidar"] if scene.lidars else []))]


def _cameras(readings: Readings) -> Count:
    """Cameras that are gone, or put points 10 m away elsewhere."""
    given, back = readings.given.scenes, readings.back.scenes
    if not given:
        return 0, 0
    scene = given[0][0]
    cameras = [one for one in scene.cameras.values() if not isinstance(one.camera, UncalibratedCamera)]
    other = back[0][0] if back else None
    return len(cameras), sum(other is None or not any(_is_same(scene, one, other, two) for two in other.cameras.values()) for one in cameras)


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


def wrong_cameras(readings: Readings) -> list[str]:
    """Calibrated cameras that came back and are none of those given, but for distortion, which formats may drop, and names."""
    if not readings.given.scenes or not readings.back.scenes:
        return []
    scene, other = readings.given.scenes[0][0], readings.back.scenes[0][0]
    back = [two for two in other.cameras.values() if not isinstance(two.camera, UncalibratedCamera)]
    return [two.name for two in back if not any(_is_but_for_distortion(scene, one, other, two) for one in scene.cameras.values())]


def _is_but_for_distortion(scene: Scene, one: CameraSensor, other: Scene, two: CameraSensor) -> bool:
    """Places are those of cameras that fire with the LiDAR: of others a format may write where they are when they do."""
    if not isinstance(one.camera, CalibratedCamera) or not isinstance(two.camera, CalibratedCamera):
        return False
    here, there = ([lens.fx_px, lens.fy_px, lens.cx_px, lens.cy_px] for lens in (one.camera, two.camera))
    if not np.allclose(here, there, rtol=0, atol=_SAME_PX):
        return False
    return one.times_ns is not None or any(_is_same_pose(moved, Pose.identity()) for moved in _moved(scene, one, other, two))


def _tags(readings: Readings) -> Count:
    back = [tag for scene, _, _ in readings.back.scenes for tag in scene.tags]
    given = [tag for scene, _, _ in readings.given.scenes for tag in scene.tags]
    return len(given), sum(not any((one.name, one.value, one.span_ns) == (two.name, two.value, two.span_ns) for two in back) for one in given)


def _times(readings: Readings, ns: int) -> Count:
    """Frames whose stamp is another one, or that have none any more."""
    n = n_lost = 0
    for (scene, i), (other, j) in zip(readings.given.places, readings.back.places):
        if scene.has_time:
            n += 1
            n_lost += not other.has_time or abs(int(scene.times_ns[i]) - int(other.times_ns[j])) > ns
    return n, n_lost


def _frame_names(readings: Readings) -> Count:
    places = list(zip(readings.given.places, readings.back.places))
    return len(places), sum(scene.frame_ids[i] != other.frame_ids[j] for (scene, i), (other, j) in places)


def _data(readings: Readings, sensors: str, has: str) -> Count:
    """Sweeps or pictures that are not there any more; sensors that were renamed are known by their place in the list."""
    n = n_lost = 0
    for (scene, i), (other, j) in zip(readings.given.places, readings.back.places):
        theirs = list(getattr(other, sensors))
        for k, name in enumerate(getattr(scene, sensors)):
            if getattr(scene, has)(i, name):
                n += 1
                called = name if name in theirs else theirs[k] if k < len(theirs) else None
                n_lost += called is None or not getattr(other, has)(j, called)
    return n, n_lost
