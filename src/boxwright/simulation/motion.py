"""How things move: routes over the ground, and the swing of limbs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..arrays import Float64s
from .site import ground_height_m, ground_slope

__all__ = ["Route", "about_y", "upright"]

_STEP_S = 0.005
_LEAD_S = 0.5  # routes begin before the clip does, so that the first sweep is a whole one


class Route:
    """A path over the ground: speed and turn rate given at a few times, linear between them, held outside; integrated once.

    speeds : (time_s, speed_mps) rows; turns : (time_s, rate_radps) rows
    is_tilted : leans with the slope, as a vehicle does; people stay upright
    """

    def __init__(
        self,
        start_xy: tuple[float, float],
        yaw_rad: float,
        speeds: Sequence[tuple[float, float]] = ((0.0, 0.0),),
        turns: Sequence[tuple[float, float]] = ((0.0, 0.0),),
        *,
        duration_s: float,
        is_tilted: bool = True,
        on_kerb: bool = False,
    ) -> None:
        self.is_tilted = is_tilted
        self.on_kerb = on_kerb
        self._times = np.arange(-_LEAD_S, duration_s + _LEAD_S + _STEP_S, _STEP_S)
        middle = (self._times[1:] + self._times[:-1]) / 2
        speed, turn = (np.interp(middle, *np.array(rows, np.float64).T) for rows in (speeds, turns))
        self._yaw = _integral(turn) + yaw_rad
        heading = (self._yaw[1:] + self._yaw[:-1]) / 2
        self._x, self._y, self._way = _integral(speed * np.cos(heading)), _integral(speed * np.sin(heading)), _integral(speed)
        zero = int(np.argmin(np.abs(self._times)))
        self._yaw += yaw_rad - self._yaw[zero]
        self._x += start_xy[0] - self._x[zero]
        self._y += start_xy[1] - self._y[zero]
        self._stands = self._sample(np.zeros(1)) if not speed.any() and not turn.any() else None

    def way_m(self, times_s: Float64s) -> Float64s:
        """(K,) metres gone since before the clip; drives the legs."""
        return np.interp(times_s, self._times, self._way)

    def at(self, times_s: Float64s) -> tuple[Float64s, Float64s]:
        """(K, 3, 3) rotations and (K, 3) translations, site from body, at (K,) times."""
        if self._stands is None:
            return self._sample(times_s)
        rotation, place = self._stands
        return np.broadcast_to(rotation, (len(times_s), 3, 3)), np.broadcast_to(place, (len(times_s), 3))

    def _sample(self, times_s: Float64s) -> tuple[Float64s, Float64s]:
        x, y, yaw = (np.interp(times_s, self._times, column) for column in (self._x, self._y, self._yaw))
        place = np.stack([x, y, ground_height_m(x, y, kerbs=self.on_kerb)], -1)
        slope_x, slope_y = ground_slope(x, y) if self.is_tilted else (np.zeros_like(x), np.zeros_like(x))
        return upright(yaw, slope_x, slope_y), place


def _integral(rate: Float64s) -> Float64s:
    return np.concatenate([[0.0], np.cumsum(rate * _STEP_S)])


def upright(yaw: Float64s, slope_x: Float64s, slope_y: Float64s) -> Float64s:
    """(K, 3, 3) rotation of a body that heads along yaw and stands square on ground of this slope."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    ahead = np.stack([cos, sin, slope_x * cos + slope_y * sin], -1)
    ahead /= np.linalg.norm(ahead, axis=-1, keepdims=True)
    normal = np.stack([-slope_x, -slope_y, np.ones_like(cos)], -1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    return np.stack([ahead, np.cross(normal, ahead), normal], -1)


def about_y(angle: Float64s) -> Float64s:
    """(K, 3, 3) turns about +y."""
    turn = np.zeros((*angle.shape, 3, 3))
    turn[..., 0, 0] = turn[..., 2, 2] = np.cos(angle)
    turn[..., 0, 2] = np.sin(angle)
    turn[..., 2, 0] = -np.sin(angle)
    turn[..., 1, 1] = 1.0
    return turn
