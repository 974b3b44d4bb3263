"""Points labelled by the cuboids that hold them: a class and an object for each, with a rule for where cuboids overlap, and edits on top."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from .arrays import Bools, Float64s, Int32s, Int64s, as_points
from .containment import points_in_cuboids
from .cuboids import Cuboids, same_frame
from .errors import ArgumentError, GeometryError, IndexMissing, TimeError, number_of
from .kernels import segmentation as kernels
from .moments import own_points, seen_sweep, track_in_base
from .motion import motion_at
from .point_labels import UNLABELLED, PointEdit, PointLabels
from .points import Sweep
from .scene import Scene
from .terrain import ground
from .tracks import interpolate_tracks

__all__ = ["Overlap", "apply_edits", "segment", "segment_scene"]

MOST_MARGIN_M = 2.0


class Overlap(StrEnum):
    """Whose a point is that several cuboids hold. All but FIRST give the same whatever the order of the tracks."""

    SMALLEST = "smallest"  # the cuboid of least volume: a person in a bus is the person's
    NEAREST_CENTER = "nearest_center"
    NEAREST_FACE = "nearest_face"  # of whose faces one is nearest: light comes back from surfaces
    FIRST = "first"  # the first in scene.tracks
    RAISE = "raise"  # GeometryError


_POLICIES = {
    Overlap.SMALLEST: kernels.SMALLEST,
    Overlap.NEAREST_CENTER: kernels.NEAREST_CENTER,
    Overlap.NEAREST_FACE: kernels.NEAREST_FACE,
    Overlap.FIRST: kernels.FIRST,
    Overlap.RAISE: kernels.FIRST,
}


@dataclass(frozen=True, eq=False)
class _Claims:
    """What M cuboids hold, as CSR.

    local : (H, 3) places of the hits along the axes of their cuboid; half_m : (M, 3); track_index : (M,) into scene.tracks
    """

    local: Float64s
    offsets: Int64s
    point_index: Int32s
    half_m: Float64s
    track_index: Int32s


def segment(
    scene: Scene,
    frame_index: int,
    sensor: str = "lidar",
    *,
    overlap: Overlap | str = Overlap.SMALLEST,
    margin_m: float = 0.0,
    ground_m: float | None = None,
    own_time: bool = False,
    edits: bool = True,
) -> PointLabels:
    """The class and the object of every point of a sweep, from the cuboids at the time of the sweep and the scene's edits by hand.

    overlap : whose the points are that several cuboids hold: "smallest", "nearest_center", "nearest_face", "first", or "raise" a GeometryError.
        Equal claims go to the nearer centre. `n_contested` of the result says how many points it decided
    margin_m : cuboids are taken larger by so much at the sides and the top, not at the bottom; what lies in a cuboid outright stays that cuboid's
    ground_m : points nearer to the ground than this (`bw.ground`), in the lower half of a cuboid, stay unlabelled; None leaves the ground in
    own_time : each point is looked for where its object was when the point was seen, the vehicle's motion taken out; needs sweeps with a time per
        point. False compares the points as they lie with the cuboids at the sweep's stamp, as `bw.points_in_cuboids` does
    edits : whether scene.point_edits are applied

    Instance 1 is the first of scene.tracks, and so on, in every frame; then come tracks that only edits name. Points that no cuboid holds are 0.
    FrameMissing where there is no sweep.
    """
    rule, margin_m, ground_m = _checked(overlap, margin_m, ground_m)
    i, name = scene._frame(frame_index), scene.lidar(sensor).name
    sweep = scene.points(i, name)
    claims = _own_time_claims(scene, i, name, sweep, margin_m) if own_time else _claims(scene, i, sweep, margin_m)
    owner, n_claims = _owners(claims, sweep, rule, margin_m, ground_m)
    is_contested = n_claims > 1
    n_contested = int(np.count_nonzero(is_contested))
    if n_contested and rule == Overlap.RAISE:
        raise _overlap_error(scene, i, claims, is_contested)
    classes, instances = _names(scene)
    class_of, instance_of = {text: k for k, text in classes.items()}, claims.track_index.astype(np.int64) + 1
    class_ids = np.array([0, *(class_of.get(scene.tracks[k].category, 0) for k in claims.track_index)], np.uint16)
    labels = PointLabels(class_ids[owner + 1], np.append(0, instance_of).astype(np.uint32)[owner + 1], classes, instances, n_contested)
    return apply_edits(labels, sweep, _edits_of(scene, i, name)) if edits else labels


def segment_scene(
    scene: Scene,
    *,
    overlap: Overlap | str = Overlap.SMALLEST,
    margin_m: float = 0.0,
    ground_m: float | None = None,
    own_time: bool = False,
    edits: bool = True,
) -> Scene:
    """The scene, its point labels made by `segment` from its cuboids of now, for every sweep when it is asked for; in place of those it has."""
    rule, margin_m, ground_m = _checked(overlap, margin_m, ground_m)
    given = {"overlap": rule, "margin_m": margin_m, "ground_m": ground_m, "own_time": own_time, "edits": edits}
    return scene.replace(point_label_data=_FromCuboids(scene, given))


class _FromCuboids:
    def __init__(self, scene: Scene, given: dict[str, Any]) -> None:
        self.scene, self.given = scene, given

    def point_labels(self, frame_index: int, sensor: str) -> PointLabels:
        return segment(self.scene, frame_index, sensor, **self.given)

    def has_point_labels(self, frame_index: int, sensor: str) -> bool:
        return self.scene.has_points(frame_index, sensor)


def _checked(overlap: Any, margin_m: Any, ground_m: Any) -> tuple[Overlap, float, float | None]:
    try:
        rule = Overlap(overlap)
    except ValueError:
        expected = ", ".join(repr(str(one)) for one in Overlap)
        raise ArgumentError(expected=expected, got=repr(overlap)[:60], field="overlap", hint="'smallest' is usual") from None
    for name, value in (("margin_m", margin_m), ("ground_m", ground_m)):
        is_number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool) and 0 <= value <= MOST_MARGIN_M
        if not (is_number or (name == "ground_m" and value is None)):
            raise ArgumentError(expected=f"metres from 0 to {MOST_MARGIN_M:g}", got=repr(value)[:60], field=name, hint="leave it out for none")
    return rule, float(margin_m), None if ground_m is None else float(ground_m)


def _names(scene: Scene) -> tuple[dict[int, str], dict[int, str]]:
    """Classes and instances of all frames: those of the tracks, then what only edits name."""
    ids: dict[str, int] = {}
    for name in (*scene.categories, *(edit.category or "" for edit in scene.point_edits)):
        _number(ids, name)
    tracks = {k: track.track_id for k, track in enumerate(scene.tracks, 1) if track.track_id}
    others = dict.fromkeys(edit.track_id for edit in scene.point_edits if edit.track_id and edit.track_id not in scene.track_index)
    return {i: name for name, i in ids.items()}, tracks | dict(enumerate(map(str, others), len(scene.tracks) + 1))


# ------------------------------------------------------------ which cuboids hold which points


def _claims(scene: Scene, i: int, sweep: Sweep, margin_m: float) -> _Claims:
    """Points as they lie, in the cuboids at the sweep's stamp."""
    cuboids, track_index = _cuboids_at(scene, i, sweep)
    around = cuboids
    if margin_m and len(cuboids):
        up = cuboids.rotation[:, :, 2] * (margin_m / 2)
        around = cuboids.replace(center_m=cuboids.center_m + up, size_m=cuboids.size_m + margin_m * np.array([2.0, 2.0, 1.0]))
    hits = points_in_cuboids(sweep, around)
    local = np.empty((len(hits.point_index), 3))
    kernels.places(as_points("sweep", sweep), hits.offsets, hits.point_index, cuboids.center_m, cuboids.rotation, local)
    return _Claims(local, hits.offsets, hits.point_index, cuboids.size_m / 2, track_index)


def _cuboids_at(scene: Scene, i: int, sweep: Sweep) -> tuple[Cuboids, Int32s]:
    """Those of the frame, where they are at the sweep's own stamp; a track that ends in between stays where it is at the frame's."""
    labels = scene.labels(i, sweep.frame)
    stamp = int(scene.times_ns[i])
    if not scene.has_time or sweep.timestamp_ns == stamp or not len(labels.cuboids):
        return labels.cuboids, labels.track_index
    tracks = [scene.tracks[k] for k in labels.track_index]
    before, now = (interpolate_tracks(tracks, [time]) for time in (stamp, sweep.timestamp_ns))
    rows = np.arange(len(tracks))
    rows[now.track_index] = len(tracks) + np.arange(len(now.track_index))
    moved = Cuboids.concatenate([before.cuboids, now.cuboids])[rows]
    return moved.transformed(scene.transform(sweep.frame, scene.label_frame, sweep.timestamp_ns), frame=sweep.frame), labels.track_index


def _own_time_claims(scene: Scene, i: int, name: str, sweep: Sweep, margin_m: float) -> _Claims:
    """Points where they were when they were seen, in the cuboids of that moment."""
    if sweep.time_offset_ns is None or not scene.has_time:
        raise ArgumentError(
            "the sweep has no time per point, so no object can be looked for at its points' own times",
            field=f"frame {i}, {name}",
            hint="leave out own_time",
        )
    labels, stamp = scene.labels(i, sweep.frame), int(scene.times_ns[i])
    placed = {int(k): track_in_base(scene, scene.tracks[k]) for k in labels.track_index}
    found = {k: motion_at(track, stamp) for k, track in placed.items() if track is not None}
    motions = {k: motion for k, motion in found.items() if motion is not None}
    origin_m = np.mean([motion.cuboids.center_m[0] for motion in motions.values()], axis=0) if motions else np.zeros(3)
    notes: dict[str, None] = {}
    seen = seen_sweep(scene, i, name, origin_m, deskew=True, notes=notes)
    if notes:
        raise TimeError(*notes, field=f"scene {scene.name!r}", hint="add the poses, or leave out own_time")
    parts = own_points(seen, list(motions.values()), origin_m, margin_m)
    offsets = np.cumsum([0, *(len(rows) for rows, _ in parts)])
    return _Claims(
        np.concatenate([np.zeros((0, 3)), *(local for _, local in parts)]),
        offsets.astype(np.int64),
        np.concatenate([np.zeros(0, np.int32), *(seen.point_index[rows] for rows, _ in parts)]),
        np.array([motion.cuboids.size_m[0] / 2 for motion in motions.values()]).reshape(-1, 3),
        np.array(list(motions), np.int32),
    )


def _owners(claims: _Claims, sweep: Sweep, rule: Overlap, margin_m: float, ground_m: float | None) -> tuple[Int32s, Int32s]:
    """(N,) which cuboid each point belongs to, -1 for none, and how many claim it."""
    above_m = np.zeros(0)
    if ground_m is not None and len(claims.point_index):
        above_m = ground(sweep).above_m(as_points("sweep", sweep)[claims.point_index])
    owner, n_claims = np.empty(len(sweep), np.int32), np.empty(len(sweep), np.int32)
    kernels.owners(
        claims.local, claims.offsets, claims.point_index, claims.half_m, above_m, ground_m or 0.0, _POLICIES[rule], margin_m > 0, owner, n_claims
    )
    return owner, n_claims


def _overlap_error(scene: Scene, i: int, claims: _Claims, is_contested: Bools) -> GeometryError:
    """Names two of the tracks."""
    point = int(np.argmax(is_contested))
    hits = np.flatnonzero(claims.point_index == point)
    rows = np.searchsorted(claims.offsets, hits[:2], side="right") - 1
    first, second = (scene.tracks[claims.track_index[m]].track_id for m in rows)
    return GeometryError(
        "cuboids overlap",
        expected="each point in one cuboid at most",
        got=f"{number_of(int(is_contested.sum()), 'point')} in several, the first of them, {point}, in tracks {first!r} and {second!r}",
        field=f"scene {scene.name!r}, frame {i}",
        hint="correct the cuboids, or pass another overlap, such as 'smallest'",
    )


# ------------------------------------------------------------ edits


def _edits_of(scene: Scene, i: int, name: str) -> list[PointEdit]:
    return [edit for edit in scene.point_edits if edit.frame_index == i and scene.lidar(edit.sensor).name == name]


def apply_edits(labels: PointLabels, points: Any, edits: Iterable[PointEdit]) -> PointLabels:
    """The labels with edits applied one after the other; what a later one sets stays.

    points : (N, 3) or the Sweep that the labels are of
    edits : of that sweep; a class or track that the labels do not name yet gets the next number

    Raises IndexMissing for a point that is not there, GeometryError for a cuboid in another frame.
    """
    edits = list(edits)
    if not edits:
        return labels
    xyz = as_points("points", points)
    if len(xyz) != len(labels):
        hint = "are they of the same sweep?"
        raise ArgumentError(expected=f"{number_of(len(labels), 'point')}, as many as labels", got=f"{len(xyz):,}", field="points", hint=hint)
    class_id, instance_id = labels.class_id.copy(), labels.instance_id.copy()
    classes, instances = ({name: i for i, name in names.items()} for names in (labels.classes, labels.instances))
    for edit in edits:
        if not isinstance(edit, PointEdit):
            raise ArgumentError(expected="PointEdits", got=type(edit).__name__, field="edits", hint="make them with PointEdit.of_points and so on")
        where = _where(edit, xyz, getattr(points, "frame", None))
        if edit.category is not None:
            class_id[where] = _number(classes, edit.category)
        if edit.track_id is not None or edit.category == "":
            instance_id[where] = _number(instances, edit.track_id or "")
    named = [{i: name for name, i in ids.items()} for ids in (classes, instances)]
    return PointLabels(class_id, instance_id, named[0], named[1], labels.n_contested)


def _number(ids: dict[str, int], name: str) -> int:
    """The id of a name, which gets the next where it has none; 0 for none."""
    if name in ("", UNLABELLED):
        return 0
    if name not in ids:
        ids[name] = max(ids.values(), default=0) + 1
    return ids[name]


def _where(edit: PointEdit, xyz: Any, frame: Any) -> Any:
    """What picks the points of an edit."""
    if edit.runs is not None:
        if len(edit.runs) and edit.runs[-1, 1] > len(xyz):
            got, hint = int(edit.runs[-1, 1]) - 1, "was the edit made on another sweep?"
            raise IndexMissing(expected=f"points below {len(xyz)}", got=got, field="edit", hint=hint)
        return _mask_of_runs(edit.runs, len(xyz))
    if edit.cuboid is not None:
        same_frame(frame if isinstance(frame, str) else None, edit.cuboid.frame, "points and the edit's cuboid")
        return points_in_cuboids(xyz, edit.cuboid.as_cuboids().replace(frame=None)).indices(0)
    inside = np.empty(len(xyz), np.bool_)
    kernels.in_polygon(xyz, edit.polygon_m, edit.low_m, edit.high_m, inside)
    return inside


def _mask_of_runs(runs: Int64s, n: int) -> Bools:
    mask = np.zeros(n, np.bool_)
    for begin, end in runs.tolist():
        mask[begin:end] = True
    return mask
