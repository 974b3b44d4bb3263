"""Keyframes of a whole track snapped to their points, each object at the moment of its frame's stamp.

A sweep sees a moving object over a tenth of a second, and not at the stamp: its points lie up to its way in that time from where it was. How it
moves is known from the keyframes around; each point is brought back by that motion before the cuboid is fitted, and the motion is taken anew from
what was fitted. Objects that stand are fitted as by `refit`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .arrays import Float64s, Int64s
from .cuboids import Cuboid, Cuboids
from .errors import ArgumentError, GeometryError
from .fit_hints import Hints
from .fitting import Fit, refit
from .moments import base_frame, seen_sweep, track_in_base
from .motion import Motion, motion_of, unmoved
from .scene import Scene
from .terrain import ground
from .tracks import Origin, Track, Visibility

__all__ = ["TrackRefit", "refit_track"]

AROUND_M = 12.0  # beyond an object and its way, what may stand beside it or tells the ground below
N_PASSES = 2


@dataclass(frozen=True, eq=False)
class TrackRefit:
    """A track whose keyframes were fitted to their points.

    track : keyframes that could be fitted carry Origin.FIT; the others are as they were
    fits : (K,) the fit behind each keyframe, in the world frame where the scene has poses, or None; `point_index` counts the points around the object
    notes : what poses or sweeps do not tell, one sentence each
    """

    track: Track
    fits: tuple[Fit | None, ...]
    notes: tuple[str, ...] = field(default=())

    def __repr__(self) -> str:
        return f"TrackRefit({self.track.track_id!r}, {sum(fit is not None for fit in self.fits)} of {len(self.fits)} keyframes fitted)"


def refit_track(
    scene: Scene,
    track: Track | str,
    *,
    category: str | None = None,
    frames: Sequence[int] | None = None,
    own_time: bool = True,
    n_passes: int = N_PASSES,
    size_prior: Any = None,
    face_margin_m: float | None = None,
) -> TrackRefit:
    """The keyframes of a track snapped to the points of their frames, the object's own motion during the sweep taken out.

    track : a track or its id
    category : the class whose sizes stand for what was not seen, as in `refit`; without it the keyframes' own sizes are kept
    frames : only keyframes of these frames, by default all
    own_time : False fits points as they lie, each where it was seen
    size_prior, face_margin_m : as in `fit_cuboid`
    n_passes : how often motion and cuboids are found one from the other

    Keyframes that are OUTSIDE, between frames, without a sweep, or where fewer than 3 points lie, stay as they are. ArgumentError for fewer than one
    pass, UnknownName for an unknown track or class, FrameMissing for a frame that is not there.
    """
    wanted = None if frames is None else {scene._frame(frame) for frame in frames}
    hints: Hints = {"size_prior": size_prior, "face_margin_m": face_margin_m}
    if isinstance(n_passes, bool) or not isinstance(n_passes, (int, np.integer)) or n_passes < 1:
        raise ArgumentError(expected="a whole number from 1", got=repr(n_passes), field="n_passes", hint=f"{N_PASSES} is usual")
    given = track if isinstance(track, Track) else scene.track(track)
    labelled = given.replace(cuboids=given.cuboids.replace(frame=given.cuboids.frame or scene.label_frame))
    based = track_in_base(scene, labelled)
    fits: list[Fit | None] = [None] * len(given)
    if based is None:
        return TrackRefit(given, tuple(fits))
    notes: dict[str, None] = {}
    rows = np.searchsorted(given.times_ns, based.times_ns)
    stamped = np.searchsorted(scene.times_ns, based.times_ns)
    for _ in range(n_passes):
        motion, boxes = motion_of(based), list(based.cuboids)
        for k, (row, frame) in enumerate(zip(rows.tolist(), stamped.tolist())):
            is_frame = frame < len(scene) and scene.times_ns[frame] == based.times_ns[k]
            if is_frame and (wanted is None or frame in wanted) and based.visibility[k] != Visibility.OUTSIDE:
                fits[row] = fit = _fit_keyframe(scene, frame, motion, k, category, own_time, hints, notes)
                boxes[k] = boxes[k] if fit is None else fit.cuboid
        based = based.replace(cuboids=_joined(boxes, base_frame(scene)))
    return TrackRefit(_back(scene, labelled, based, rows, fits), tuple(fits), tuple(notes))


def _fit_keyframe(
    scene: Scene, frame: int, motion: Motion, k: int, category: str | None, own_time: bool, hints: Hints, notes: dict[str, None]
) -> Fit | None:
    """In the base frame; None where no fit is possible."""
    center, size = motion.cuboids.center_m[k], motion.cuboids.size_m[k]
    velocity, turn = motion.velocity_mps[k], float(motion.yaw_rate_radps[k])
    parts: list[Float64s] = []
    for name in (name for name in scene.lidars if scene.has_points(frame, name)):
        seen = seen_sweep(scene, frame, name, center, deskew=True, notes=notes)
        late = float(np.abs(seen.late_s).max(initial=0.0))
        reach = AROUND_M + float(np.linalg.norm(size[:2])) / 2 + late * float(np.linalg.norm(velocity))
        near = (np.abs(seen.xyz[:, :2]) <= reach).all(axis=1)
        xyz, late_s = seen.xyz[near], seen.late_s[near]
        parts.append(unmoved(xyz, late_s, velocity, turn) if own_time else xyz)
    points = np.concatenate([np.zeros((0, 3)), *parts])
    if len(points) < 3:
        return None
    stamp, base = int(scene.times_ns[frame]), base_frame(scene)
    sensors = scene.transform(base, "ego", stamp).apply(scene.lidar_origins_m("ego")) - center
    rough = motion.cuboids[k : k + 1].replace(center_m=np.zeros((1, 3)), frame=None)
    try:
        fit = refit(points, rough[0], category, **{**hints, "ground": ground(points), "sensor_origins_m": sensors})
    except GeometryError:
        return None
    placed = Cuboids((fit.cuboid.center_m + center)[None], fit.cuboid.size_m[None], quat_wxyz=fit.cuboid.quat_wxyz[None], frame=base)[0]
    return dataclasses.replace(fit, cuboid=placed)


def _joined(cuboids: list[Cuboid], frame: str) -> Cuboids:
    columns = (np.array([getattr(one, name) for one in cuboids]) for name in ("center_m", "size_m", "quat_wxyz"))
    center, size, quat = columns
    return Cuboids(center, size, quat_wxyz=quat, frame=frame)


def _back(scene: Scene, given: Track, based: Track, rows: Int64s, fits: list[Fit | None]) -> Track:
    """The given track with what was fitted, in its own frame; nothing else is touched."""
    own, base = given.cuboids.frame or scene.label_frame, base_frame(scene)
    boxes, origin = list(given.cuboids), given.origin.copy()
    for k, row in enumerate(rows.tolist()):
        if fits[row] is None:
            continue
        box = based.cuboids[k : k + 1]
        boxes[row] = (box if own == base else box.transformed(scene.transform(own, base, int(based.times_ns[k])), frame=own))[0]
        origin[row] = Origin.FIT
    return given.replace(cuboids=_joined(boxes, own), origin=origin)
