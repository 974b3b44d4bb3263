"""What a caller tells beforehand about the object to be fitted, checked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np

from .arrays import Float64s, as_array, as_floats
from .cuboids import Cuboid, Cuboids
from .errors import ArgumentError, GeometryError
from .rotations import wrap_rad
from .taxonomy import SizePrior, Taxonomy
from .terrain import Ground

__all__ = ["CheckedHints", "Hints", "Surroundings", "checked_click", "checked_cuboid", "checked_ground", "checked_hints", "checked_sensors"]

FACE_MARGIN_M = 0.05
SPARE_POINTS = 0.004  # share of an object's points that may lie beyond its outermost ones
WIDEST_MARGIN_M = 1.0


class Hints(TypedDict, total=False):
    """What `fit_cuboid`, `fit_at` and `refit` take by name; `fit_cuboid` tells what each means."""

    ground: Ground | None
    sensor_origins_m: Any
    yaw_prior: float | tuple[float, float] | None
    size_prior: Any
    face_margin_m: float | None


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What the rest of a sweep tells of an object.

    yaw_costs : (60,) minus the logarithm of how likely headings of 0, 3, ... degrees are from what is around it, over that of chance
    ends_m : (R, 3) where light that passed the object, or met it, ended
    """

    yaw_costs: Float64s
    ends_m: Float64s


@dataclass(frozen=True)
class CheckedHints:
    """Checked hints of one call."""

    prior: SizePrior | None
    is_yaw_from_motion: bool
    sensor_m: Float64s  # (2,) where the points were seen from
    sensor_top_m: float  # z of the highest sensor
    yaw: float | None
    yaw_sigma: float
    margin_m: float
    ground: Ground | None
    frame: str | None
    around: Surroundings | None = None
    is_clicked: bool = False  # a click picked the points, which may be the wrong ones
    category: str = ""  # as the taxonomy calls it
    is_margin_told: bool = False  # face_margin_m was given
    is_size_drawn: bool = False  # the expected size is that of a rough cuboid, which extents of few sides do not gainsay


def checked_hints(category: str, frame: str | None, hints: Hints) -> CheckedHints:
    """The hints of one call, for points in `frame`."""
    known = Taxonomy.default().find(category)
    unknown = set(hints) - set(Hints.__annotations__)
    if unknown:
        raise ArgumentError(expected=f"one of {', '.join(Hints.__annotations__)}", got=repr(min(unknown)), field="hints", hint="leave it out")
    ground = hints.get("ground")
    sensors = checked_sensors(hints.get("sensor_origins_m"), frame)
    yaw, sigma = _yaw(hints.get("yaw_prior"))
    return CheckedHints(
        known.size_prior if hints.get("size_prior") is None else _size(hints["size_prior"]),
        known.is_yaw_from_motion,
        sensors[:, :2].mean(0),
        float(sensors[:, 2].max()),
        yaw,
        sigma,
        _margin(hints.get("face_margin_m")),
        None if ground is None else checked_ground(ground),
        frame,
        category=known.name,
        is_margin_told=hints.get("face_margin_m") is not None,
    )


def _margin(margin_m: Any) -> float:
    if margin_m is None:
        return FACE_MARGIN_M
    margin = float(as_floats("face_margin_m", margin_m, (), finite=False, hint="pass one length in metres"))
    if not 0 <= margin <= WIDEST_MARGIN_M:
        hint = "the gap between the points and a face in your labels, some centimetres; leave it out for 0.05"
        raise ArgumentError(expected=f"a length from 0 to {WIDEST_MARGIN_M:g} m", got=f"{margin:g}", field="face_margin_m", hint=hint)
    return margin


def checked_sensors(origins_m: Any, frame: str | None) -> Float64s:
    """(L, 3) where points in `frame` were seen from; by default its origin."""
    if origins_m is None and frame == "world":
        raise ArgumentError(
            "points in the world frame do not tell where they were seen from",
            field="sensor_origins_m",
            hint="pass where the LiDARs stood, or the points in the sensor's frame",
        )
    if origins_m is None:
        return np.zeros((1, 3))
    places = as_array("sensor_origins_m", origins_m, "(L, 3) or (3,) metres")
    sensors = as_floats("sensor_origins_m", np.atleast_2d(places), (None, 3), hint="pass one row per LiDAR: scene.lidar_origins_m()")
    if not len(sensors):
        raise ArgumentError(expected="at least one origin", got="none", field="sensor_origins_m", hint="leave it out for (0, 0, 0)")
    return sensors


def _size(size_prior: Any) -> SizePrior:
    if isinstance(size_prior, SizePrior):
        return size_prior
    size = as_floats("size_prior", size_prior, (3,), hint="length, width, height in metres, or a bw.SizePrior")
    if (size <= 0).any():
        hint = "length, width, height in metres, or a bw.SizePrior"
        raise ArgumentError(expected="three positive lengths", got=repr(size_prior), field="size_prior", hint=hint)
    return SizePrior(tuple(size), tuple(size - np.minimum(0.05, size / 4)), tuple(size + 0.05))


def _yaw(yaw_prior: Any) -> tuple[float | None, float]:
    if yaw_prior is None:
        return None, math.inf
    wanted, hint = "radians, or (radians, sigma)", "degrees are np.radians(degrees); sigma is positive"
    pair = np.atleast_1d(as_array("yaw_prior", yaw_prior, wanted))
    if pair.dtype.kind not in "iuf" or pair.shape not in ((1,), (2,)) or not np.isfinite(pair).all() or (len(pair) == 2 and pair[1] <= 0):
        raise ArgumentError(expected=wanted, got=repr(yaw_prior), field="yaw_prior", hint=hint)
    return float(wrap_rad(pair[0])), float(pair[1]) if len(pair) == 2 else math.radians(10.0)


def checked_ground(value: Any) -> Ground:
    if not isinstance(value, Ground):
        raise ArgumentError(expected="what bw.ground returns", got=type(value).__name__, field="ground", hint="ground=bw.ground(points)")
    return value


def checked_click(value: Any) -> Float64s:
    """(3,) or (2,)"""
    array = as_array("click_m", value, "(3,) or (2,) finite metres")
    if array.shape not in ((2,), (3,)) or array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        hint = "one place, in the frame of the points"
        raise ArgumentError(expected="(3,) or (2,) finite metres", got=f"{value!r:.60}", field="click_m", hint=hint)
    return np.asarray(array, np.float64)


def checked_cuboid(value: Cuboid | Cuboids, frame: str | None) -> Cuboid:
    """One cuboid, in `frame` where it names none."""
    if isinstance(value, Cuboids) and len(value) == 1:
        value = value[0]
    if not isinstance(value, Cuboid):
        got = f"{len(value)} Cuboids" if isinstance(value, Cuboids) else type(value).__name__
        raise ArgumentError(expected="one Cuboid", got=got, field="rough_cuboid", hint="pick one: cuboids[i]")
    if frame is not None and value.frame is not None and value.frame != frame:
        raise GeometryError(
            expected=f"a cuboid in the frame of the sweep, {frame!r}",
            got=f"frame {value.frame!r}",
            field="rough_cuboid",
            hint="bring it there with .transformed()",
        )
    return value if value.frame is not None or frame is None else Cuboid(value.center_m, value.size_m, quat_wxyz=value.quat_wxyz, frame=frame)
