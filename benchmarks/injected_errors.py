"""Errors put into labels on purpose, one at a time and told apart, to see whether `bw.check` finds them.

What is put in, and where:

    shift, yaw, flip, size    0.3 m sideways or along, 10 degrees, half a turn, 20 % of one extent: one frame, three labelled ones on each side
    swap, class, duplicate    two ids change places, an id is of another class, an object is labelled twice: over five frames or more
    deleted                   one to three frames within a track
    sunken                    a whole track half a metre too low, where points tell
    late, turned              a camera's clock, or its calibration: where labels in pictures tell

A fault that changes its class comes as readers hand it over: the frames of the other class are a track of their own, "id-Class".
Chance is raw Philox integers: the same scene and seed give the same faults everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

import boxwright as bw
from boxwright.rotations import quat_from_yaw, quat_multiply
from boxwright.tracks import Visibility

ONE_FRAME = ("shift", "yaw", "flip", "size")
SPANS = ("swap", "class", "duplicate")
TRACK_FAULTS = (*ONE_FRAME, *SPANS, "deleted")
CAMERA_FAULTS = ("late", "turned")
SHIFT_M, YAW_RAD, SIZE_SHARE, SUNKEN_M = 0.3, math.radians(10), 0.2, 0.5
LATE_NS, TURN_RAD = 60_000_000, math.radians(1.0)
BESIDE, LEAST_SPAN, MOST_SPAN, MOST_DELETED = 3, 5, 12, 3
APART = 8  # frames between two faults of one scene, so that each is found, or not, by itself
TOGETHER = 3  # sunken tracks of one scene; five would be one issue of the sequence
SWAP_M = 40.0  # ids are mixed up between objects that are not far from each other
HAND_M, HAND_RAD = 0.03, math.radians(0.7)  # of whoever labels an object a second time
GROUPS = {
    "vehicles": ("car", "van", "truck", "bus", "articulated_bus", "trailer", "tram", "train"),
    "two-wheelers": ("motorcycle", "bicycle", "cyclist", "motorcyclist"),
    "people": ("pedestrian", "sitting_person", "stroller", "wheelchair", "personal_mobility", "animal"),
}
OTHER_CLASS = {"vehicles": "Pedestrian", "two-wheelers": "Car", "people": "Car", "things": "Pedestrian"}


class Dice:
    """Whole numbers and shares, from raw Philox integers."""

    def __init__(self, seed: int, purpose: str) -> None:
        self._bits = np.random.Philox(key=(int.from_bytes(purpose.encode()[:7], "big") << 64) | seed)

    def share(self) -> float:
        return (int(self._bits.random_raw()) >> 11) * 2.0**-53

    def below(self, n: int) -> int:
        return int(self._bits.random_raw()) % n

    def sign(self) -> float:
        return 1.0 if self.below(2) else -1.0

    def normal(self, *shape: int) -> np.ndarray:
        """Nearly normal: twelve shares less six (Irwin and Hall)."""
        n = math.prod(shape)
        shares = (self._bits.random_raw(12 * n).reshape(n, 12) >> np.uint64(11)) * 2.0**-53
        return (shares.sum(1) - 6).reshape(shape)


@dataclass(frozen=True)
class Fault:
    """One error that was put in.

    kind : one of the list above
    track_ids : of the tracks it is in, those it made among them; none for a camera's
    first, last : frames it spans
    group : of classes, as in GROUPS, or "things"; the camera's name for a camera's
    """

    kind: str
    group: str
    first: int
    last: int
    track_ids: tuple[str, ...] = ()
    camera: str | None = None
    amounts: tuple[float, ...] = field(default=(), repr=False)

    @property
    def source(self) -> str:
        """The object that witnesses of one fault have in common."""
        return self.camera or self.track_ids[0]


def group_of(category: str) -> str:
    known = bw.Taxonomy.default().get(category)
    return next((name for name, members in GROUPS.items() if known is not None and known.name in members), "things")


# ------------------------------------------------------------ where faults can go


def plan(scene: bw.Scene, kind: str, seed: int = 0, *, per_track: int = 1) -> list[list[Fault]]:
    """All faults of one kind that the scene has room for, dealt into as few copies of it as keep them apart."""
    dice = Dice(seed, kind)
    if kind in CAMERA_FAULTS:
        return [[fault] for fault in _of_cameras(scene, dice, kind)]
    faults = _sunken(scene) if kind == "sunken" else _of_tracks(scene, kind, dice, per_track)
    copies: list[list[Fault]] = []
    for fault in faults:
        for copy in copies:
            if sum(_is_near(fault, other) for other in copy) < (TOGETHER if kind == "sunken" else 1) and not _share(fault, copy):
                copy.append(fault)
                break
        else:
            copies.append([fault])
    return copies


def _is_near(one: Fault, other: Fault) -> bool:
    return one.first - APART <= other.last and other.first - APART <= one.last


def _share(fault: Fault, copy: Sequence[Fault]) -> bool:
    return any(set(fault.track_ids) & set(other.track_ids) for other in copy)


def _of_tracks(scene: bw.Scene, kind: str, dice: Dice, per_track: int) -> Iterator[Fault]:
    places = _Places(scene)
    for t, track in enumerate(scene.tracks):
        for run in [run for run in places.runs(t) if len(run) > 2 * BESIDE][:1] * per_track:
            inner, group = run[BESIDE:-BESIDE], group_of(track.category)
            if kind in ONE_FRAME:
                frame = inner[dice.below(len(inner))]
                yield Fault(kind, group, frame, frame, (track.track_id,), None, _amounts(kind, dice))
            elif kind == "deleted":
                n = min(1 + dice.below(MOST_DELETED), len(inner))
                first = dice.below(len(inner) - n + 1)
                yield Fault(kind, group, inner[first], inner[first + n - 1], (track.track_id,))
            elif len(inner) >= LEAST_SPAN:
                n = LEAST_SPAN + dice.below(min(len(inner), MOST_SPAN) - LEAST_SPAN + 1)
                first = dice.below(len(inner) - n + 1)
                span = inner[first : first + n]
                if kind == "swap":
                    yield from _swap(scene, places, t, span)
                else:
                    yield _span(track, kind, span, dice)


def _amounts(kind: str, dice: Dice) -> tuple[float, ...]:
    if kind == "shift":
        way = 2 * math.pi * dice.share()
        return SHIFT_M * math.cos(way), SHIFT_M * math.sin(way)
    if kind == "size":
        extent = dice.below(3)
        return tuple(1 + dice.sign() * SIZE_SHARE if axis == extent else 1.0 for axis in range(3))
    return (dice.sign() * YAW_RAD,) if kind == "yaw" else (math.pi,)


def _span(track: bw.Track, kind: str, span: list[int], dice: Dice) -> Fault:
    other = f"{track.track_id}-{OTHER_CLASS[group_of(track.category)]}" if kind == "class" else f"{track.track_id} again"
    return Fault(kind, group_of(track.category), span[0], span[-1], (track.track_id, other), None, (float(dice.below(2**31)),))


def _swap(scene: bw.Scene, places: _Places, t: int, span: list[int]) -> Iterator[Fault]:
    """With the nearest track of its class that is there over the same span and around it."""
    here, around = places.center_m[:, span[0]], slice(span[0] - BESIDE, span[-1] + BESIDE + 1)
    fits = places.is_there[:, around].all(1) & [track.category == scene.tracks[t].category for track in scene.tracks]
    fits[t] = False
    apart = np.where(fits, np.linalg.norm(here - here[t], axis=1), np.inf)
    other = int(np.argmin(apart))
    if apart[other] < SWAP_M:
        ids = (scene.tracks[t].track_id, scene.tracks[other].track_id)
        yield Fault("swap", group_of(scene.tracks[t].category), span[0], span[-1], ids)


class _Places:
    """Which tracks have a keyframe in which frames, and where they are then: is_there (K, F), center_m (K, F, 3)."""

    def __init__(self, scene: bw.Scene) -> None:
        self.is_there = np.zeros((len(scene.tracks), len(scene)), bool)
        self.center_m = np.full((len(scene.tracks), len(scene), 3), np.nan)
        for t, track in enumerate(scene.tracks):
            frames = np.minimum(np.searchsorted(scene.times_ns, track.times_ns), len(scene) - 1)
            keep = (scene.times_ns[frames] == track.times_ns) & (track.visibility != Visibility.OUTSIDE)
            self.is_there[t, frames[keep]] = True
            self.center_m[t, frames[keep]] = track.cuboids.center_m[keep]

    def runs(self, t: int) -> list[list[int]]:
        """Frames one right after the other."""
        there = np.flatnonzero(self.is_there[t])
        return [run.tolist() for run in np.split(there, np.flatnonzero(np.diff(there) > 1) + 1)]


def _sunken(scene: bw.Scene) -> Iterator[Fault]:
    """Tracks with a frame whose points tell how high they stand: at least twenty of their own, within 40 m."""
    told: dict[int, list[int]] = {}
    for i in (i for i in range(len(scene)) if scene.has_points(i)):
        labels = scene.labels(i)
        counts = bw.points_in_cuboids(scene.points(i), labels.cuboids).counts
        for t in labels.track_index[(counts >= 20) & (np.hypot(*labels.cuboids.center_m[:, :2].T) < 40)].tolist():
            told.setdefault(t, []).append(i)
    for t, frames in sorted(told.items()):
        track = scene.tracks[t]
        yield Fault("sunken", group_of(track.category), frames[0], frames[-1], (track.track_id,), None, (-SUNKEN_M,))


def _of_cameras(scene: bw.Scene, dice: Dice, kind: str) -> Iterator[Fault]:
    for name in scene.cameras:
        if any(track.camera == name and track.object_id is not None for track in scene.image_tracks):
            amounts = (dice.sign(), float(dice.below(2)))
            yield Fault(kind, name, 0, len(scene) - 1, (), name, amounts)


# ------------------------------------------------------------ putting them in


def inject(scene: bw.Scene, faults: Sequence[Fault]) -> bw.Scene:
    """The scene with the faults in its labels; a camera's in its clock or its place on the vehicle."""
    tracks = {track.track_id: track for track in scene.tracks}
    for fault in faults:
        if fault.camera is not None:
            scene = _wrong_camera(scene, fault)
        else:
            tracks.update(_PUT[fault.kind](scene, [tracks[name] for name in fault.track_ids if name in tracks], fault))
    return scene.replace(tracks=list(tracks.values()))


Changed = dict[str, bw.Track]


def _rows(scene: bw.Scene, track: bw.Track, fault: Fault) -> np.ndarray:
    return np.flatnonzero((track.times_ns >= scene.times_ns[fault.first]) & (track.times_ns <= scene.times_ns[fault.last]))


def _moved(scene: bw.Scene, tracks: Sequence[bw.Track], fault: Fault) -> Changed:
    track, rows = tracks[0], _rows(scene, tracks[0], fault)
    center, size, quat = track.cuboids.center_m.copy(), track.cuboids.size_m.copy(), track.cuboids.quat_wxyz.copy()
    if fault.kind == "shift":
        center[rows, :2] += fault.amounts
    elif fault.kind == "sunken":
        center[:, 2] += fault.amounts[0]
    elif fault.kind == "size":
        size[rows] *= fault.amounts
    else:
        quat[rows] = quat_multiply(quat_from_yaw(np.full(len(rows), fault.amounts[0])), quat[rows])
    cuboids = bw.Cuboids(center, size, quat_wxyz=quat / np.linalg.norm(quat, axis=1, keepdims=True), frame=track.cuboids.frame)
    return {track.track_id: track.replace(cuboids=cuboids)}


def _swapped(scene: bw.Scene, tracks: Sequence[bw.Track], fault: Fault) -> Changed:
    rows = [_rows(scene, track, fault) for track in tracks]
    changed = {}
    for (track, own), (other, others) in zip(zip(tracks, rows), reversed(list(zip(tracks, rows)))):
        columns = {name: getattr(track.cuboids, name).copy() for name in ("center_m", "size_m", "quat_wxyz")}
        for name, column in columns.items():
            column[own] = getattr(other.cuboids, name)[others]
        cuboids = bw.Cuboids(columns["center_m"], columns["size_m"], quat_wxyz=columns["quat_wxyz"], frame=track.cuboids.frame)
        changed[track.track_id] = track.replace(cuboids=cuboids)
    return changed


def _deleted(scene: bw.Scene, tracks: Sequence[bw.Track], fault: Fault) -> Changed:
    """The first frame says that the object is gone, the others say nothing."""
    track, rows = tracks[0], _rows(scene, tracks[0], fault)
    visibility = track.visibility.copy()
    visibility[rows[0]] = Visibility.OUTSIDE
    kept = np.delete(np.arange(len(track)), rows[1:])
    return {track.track_id: track.replace(visibility=visibility).take(kept)}


def _of_another_class(scene: bw.Scene, tracks: Sequence[bw.Track], fault: Fault) -> Changed:
    name = fault.track_ids[1]
    part = tracks[0].take(_rows(scene, tracks[0], fault)).replace(track_id=name, category=OTHER_CLASS[fault.group])
    return {**_deleted(scene, tracks, fault), name: part}


def _twice(scene: bw.Scene, tracks: Sequence[bw.Track], fault: Fault) -> Changed:
    part, dice = tracks[0].take(_rows(scene, tracks[0], fault)), Dice(int(fault.amounts[0]), "hand")
    turn = quat_from_yaw(HAND_RAD * dice.normal(len(part)))
    center = part.cuboids.center_m + HAND_M * dice.normal(len(part), 3)
    cuboids = part.cuboids.replace(center_m=center, quat_wxyz=quat_multiply(turn, part.cuboids.quat_wxyz))
    return {fault.track_ids[1]: part.replace(track_id=fault.track_ids[1], cuboids=cuboids)}


_PUT: dict[str, Callable[[bw.Scene, Sequence[bw.Track], Fault], Changed]] = {
    **dict.fromkeys((*ONE_FRAME, "sunken"), _moved),
    "swap": _swapped,
    "class": _of_another_class,
    "duplicate": _twice,
    "deleted": _deleted,
}


def _wrong_camera(scene: bw.Scene, fault: Fault) -> bw.Scene:
    """The camera, its labels with it, at another moment than it says, or turned about the axis down its pictures or across them."""
    sensor, (sign, axis) = scene.cameras[fault.camera], fault.amounts
    late_ns = int(sign * LATE_NS) if fault.kind == "late" else 0
    half = sign * TURN_RAD / 2 if fault.kind == "turned" else 0.0
    turn = bw.Pose.from_quat((math.cos(half), *((math.sin(half), 0.0) if axis else (0.0, math.sin(half))), 0.0), (0.0, 0.0, 0.0))
    times = scene.exposures_ns(sensor.name) + late_ns
    wrong = bw.CameraSensor(sensor.name, sensor.camera, sensor.ego_from_cam @ turn, times, sensor.readout_ns, sensor.rolling_shutter)
    labels = [track.replace(times_ns=track.times_ns + late_ns) if track.camera == sensor.name else track for track in scene.image_tracks]
    return scene.replace(cameras={**scene.cameras, sensor.name: wrong}, image_tracks=labels)
