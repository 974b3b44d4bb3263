"""How far the faces of a project's labels stand off the points, learnt from labels that people accepted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .arrays import Float64s
from .containment import points_in_cuboids
from .cuboids import Cuboids
from .errors import GeometryError
from .fit_hints import SPARE_POINTS
from .scene import Scene
from .taxonomy import Taxonomy
from .terrain import ground as find_ground
from .tracks import Origin, State

__all__ = ["FaceMargin", "learn_face_margin"]

LEAST_POINTS, LEAST_OBJECTS = 50, 5
FACE_SHARE = 0.2  # of an object's points, how many must lie near a face for it to be seen
NEAR_M, BEYOND_M, LOW_M = 0.4, 0.3, 0.2  # near a face; how far a label may cut its points; what is lower belongs to the ground
SEEN_FROM = 0.3  # sine between the line of sight and a face
MOST_M = 1.0
DRAWN = (Origin.GIVEN,)


@dataclass(frozen=True)
class FaceMargin:
    """What `learn_face_margin` found.

    margin_m : to pass as `face_margin_m`; the median over objects, 0 where labels cut their points
    spread_m : half of what the middle 68 % of objects span
    n_faces, n_objects : that it rests on
    """

    margin_m: float
    spread_m: float
    n_faces: int
    n_objects: int


def learn_face_margin(scenes: Scene | Sequence[Scene]) -> FaceMargin:
    """The gap between the points and the faces of labels that a person drew or accepted.

    scenes : one or several, with points; of each track the keyframes of Origin.GIVEN count, of classes that keep their shape, with at least 50 points

    Measured is where a sensor looks at a face and points lie on it: from the outermost points, as fitting takes them, to the face. About 50 cuboids
    are enough (reference: this is what `fit_at` and its kin add to the points). Raises GeometryError for fewer than 5 objects.
    """
    gaps: dict[tuple[int, int], list[float]] = {}
    for s, scene in enumerate([scenes] if isinstance(scenes, Scene) else scenes):
        for frame in range(len(scene)):
            for sensor in scene.lidars:
                if scene.has_points(frame, sensor):
                    for track, found in _gaps_of(scene, frame, sensor):
                        gaps.setdefault((s, track), []).extend(found)
    if len(gaps) < LEAST_OBJECTS:
        hint = "add scenes with more vehicles that people labelled, or pass face_margin_m yourself"
        raise GeometryError(expected=f"at least {LEAST_OBJECTS} labelled objects seen well", got=f"{len(gaps)}", field="scenes", hint=hint)
    per_object: Float64s = np.array([np.median(found) for found in gaps.values()])
    low, high = np.quantile(per_object, [0.16, 0.84])
    n_faces = sum(map(len, gaps.values()))
    return FaceMargin(float(np.clip(np.median(per_object), 0.0, MOST_M)), float(high - low) / 2, n_faces, len(gaps))


def _gaps_of(scene: Scene, frame: int, sensor: str) -> list[tuple[int, list[float]]]:
    """(track, gaps) of the faces seen in one sweep."""
    labels = scene.labels(frame, sensor)
    stamp = scene.times_ns[frame]
    rows = [m for m, t in enumerate(labels.track_index) if labels.state[m] == State.KEYFRAME and _counts(scene, int(t), int(stamp))]
    if not rows:
        return []
    sweep = scene.still_points(frame, sensor)
    cuboids = labels.cuboids[rows]
    wide = Cuboids(cuboids.center_m, cuboids.size_m + 2 * BEYOND_M, quat_wxyz=cuboids.quat_wxyz, frame=cuboids.frame)
    hits, ground = points_in_cuboids(sweep, wide), find_ground(sweep)
    light = scene.lidar(sensor).origins_m
    found = []
    for k, row in enumerate(rows):
        xyz = np.asarray(sweep.xyz[hits.indices(k)], np.float64)
        xyz = xyz[ground.above_m(xyz) > LOW_M] if len(xyz) else xyz
        if len(xyz) >= LEAST_POINTS:
            turn = cuboids.rotation[k]
            gaps = _face_gaps((xyz - cuboids.center_m[k]) @ turn, (np.mean(light, axis=0) - cuboids.center_m[k]) @ turn, cuboids.size_m[k] / 2)
            if gaps:
                found.append((int(labels.track_index[row]), gaps))
    return found


def _counts(scene: Scene, track_index: int, stamp: int) -> bool:
    track = scene.tracks[track_index]
    category = Taxonomy.default().get(track.category)
    if category is None or not category.is_rigid or category.is_yaw_from_motion:
        return False
    at = int(np.searchsorted(track.times_ns, stamp))
    return at < len(track) and track.times_ns[at] == stamp and track.origin[at] in DRAWN


def _face_gaps(local: Float64s, sensor: Float64s, half: Float64s) -> list[float]:
    """From the outermost points to the face, of the sides that the sensor looks at and points lie on."""
    gaps = []
    for axis in (0, 1):
        side = math.copysign(1.0, sensor[axis])
        slant = (abs(sensor[axis]) - half[axis]) / math.hypot(sensor[0], sensor[1])
        depth = half[axis] - side * local[:, axis]
        if slant > SEEN_FROM and (depth < NEAR_M).mean() > FACE_SHARE:
            gaps.append(float(np.sort(depth)[int(SPARE_POINTS * len(depth))]))
    return gaps
