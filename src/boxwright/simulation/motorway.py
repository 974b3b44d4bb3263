"""The other place: a straight motorway over the same uneven ground, without kerbs, with traffic of up to 35 m/s in both directions."""

from __future__ import annotations

import math

import numpy as np

from .actors import Actor, vehicle_actor
from .chance import Chance
from .meshes import Mesh, box, joined
from .motion import Route
from .site import ASPHALT, GRASS, STEEL, ground_height_m, patch

__all__ = ["motorway_actors", "motorway_ego", "motorway_mesh"]

LENGTH_M, HALF_WIDTH_M, LANE_M = 320.0, 40.0, 3.75  # the carriageways are |y| < 15
LANES = (  # y, speed at the first frame in m/s, mean distance from car to car, share of trucks and vans
    (-1.3 * LANE_M, 34.5, 62.0, 0.1),
    (-2.3 * LANE_M, 24.0, 44.0, 0.3),
    (-3.3 * LANE_M, 19.0, 40.0, 0.7),
    (1.3 * LANE_M, 33.0, 62.0, 0.1),
    (2.3 * LANE_M, 27.0, 50.0, 0.3),
    (3.3 * LANE_M, 20.0, 44.0, 0.7),
)
EGO_LANE, EGO_ROOM_M = 1, 28.0


def motorway_mesh() -> Mesh:
    """Ground, lane marks and guard rails."""
    xs, ys = np.arange(-LENGTH_M, LENGTH_M + 1e-9, 4.0), np.arange(-HALF_WIDTH_M, HALF_WIDTH_M + 1e-9, 2.5)
    x, y = np.meshgrid(xs, ys, indexing="ij")
    grid = np.stack([x, y, ground_height_m(x, y, kerbs=False)], -1)
    a, b, c, d = grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]
    corners = np.stack([np.stack([a, b, c], -2), np.stack([a, c, d], -2)], 2).reshape(-1, 3, 3)
    is_grass = np.abs((a + c)[..., 1] / 2) > 15.0
    parts = [Mesh(corners, np.repeat(is_grass.reshape(-1).astype(np.int64), 2), (ASPHALT, GRASS))]
    for start in np.arange(-LENGTH_M, LENGTH_M - 6.0, 12.0):
        for line in (1.8, 2.8):
            parts += [patch((start, start + 4.0), (side * line * LANE_M - 0.07, side * line * LANE_M + 0.07)) for side in (-1, 1)]
        for y_rail in (-15.3, 0.0, 15.3):
            low = float(ground_height_m(start + 3.0, y_rail, kerbs=False))
            parts.append(box((start, y_rail - 0.04, low + 0.45), (start + 12.0, y_rail + 0.04, low + 0.75), STEEL))
            parts.append(box((start, y_rail - 0.06, low - 0.2), (start + 0.12, y_rail + 0.06, low + 0.75), STEEL))
    return joined(parts)


def motorway_ego(chance: Chance, duration_s: float) -> Route:
    """In the middle lane, giving way a little."""
    y, speed, _, _ = LANES[EGO_LANE]
    return Route((-40.0, y), 0.0, _speeds(speed), [(0.0, 0.0), (1.0, 0.02), (2.0, -0.02), (3.0, 0.0)], duration_s=duration_s)


def motorway_actors(seed: int, duration_s: float) -> list[Actor]:
    """Cars, vans and trucks; those of one lane speed up and brake together."""
    chance = Chance(seed, 2)
    cast = []
    for lane, (y, speed, gap, heavy) in enumerate(LANES):
        ahead = 1.0 if y < 0 else -1.0
        x = -150.0 + chance.one(0.0, gap)
        while x < 150.0:
            place = -40.0 + ahead * x
            is_free = lane != EGO_LANE or abs(x) > EGO_ROOM_M
            category = ("truck" if chance.one() < 0.6 else "van") if chance.one() < heavy else "car"
            if is_free:
                route = Route(
                    (place, y + chance.one(-0.3, 0.3)),
                    0.0 if ahead > 0 else math.pi,
                    _speeds(speed),
                    [(0.0, 0.0), (0.8, 0.012), (2.4, -0.012), (4.0, 0.0)],
                    duration_s=duration_s,
                )
                cast.append(vehicle_actor(chance, category, route))
            x += gap * chance.one(0.75, 1.3)
    return cast


def _speeds(speed_mps: float) -> list[tuple[float, float]]:
    return [(0.0, speed_mps), (1.2, speed_mps), (2.2, 0.9 * speed_mps), (3.4, 0.96 * speed_mps)]
