"""The place: a crossing of two streets on uneven ground, with kerbs, houses, lamp posts, signs, trees and hedges.

Site frame: x along the main street, y left, z up. The main street is |y| < 5.9, the side street |x - 24| < 4.5.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..arrays import ArrayLike, Float64s
from .chance import Chance
from .meshes import Material, Mesh, Paint, box, cards, ellipsoid, joined, rod

__all__ = ["CROSSING_X_M", "ground_height_m", "ground_slope", "patch", "site_mesh"]

CROSSING_X_M = 24.0
MAIN_HALF_WIDTH_M = 5.9
SIDE_HALF_WIDTH_M = 4.5
KERB_HEIGHT_M = 0.13
KERB_WIDTH_M = 0.05
PAVEMENT_WIDTH_M = 4.0
EXTENT_M = 110.0

ASPHALT = Paint(Material.MATT, (0.21, 0.21, 0.22))
KERB = Paint(Material.MATT, (0.56, 0.55, 0.53))
PAVEMENT = Paint(Material.MATT, (0.43, 0.42, 0.40))
GRASS = Paint(Material.MATT, (0.24, 0.34, 0.14))
ROAD_PAINT = Paint(Material.RETRO, (0.88, 0.88, 0.84))
WINDOW = Paint(Material.GLASS, (0.16, 0.20, 0.24))
DOOR = Paint(Material.MATT, (0.28, 0.17, 0.11))
ROOF = Paint(Material.MATT, (0.38, 0.19, 0.14))
STEEL = Paint(Material.MATT, (0.40, 0.41, 0.43))
BARK = Paint(Material.MATT, (0.26, 0.19, 0.13))
SIGN = Paint(Material.RETRO, (0.85, 0.86, 0.90))
SIGN_RED = Paint(Material.RETRO, (0.75, 0.10, 0.10))
BIN = Paint(Material.MATT, (0.14, 0.24, 0.16))
WALLS = ((0.72, 0.64, 0.52), (0.62, 0.40, 0.32), (0.78, 0.76, 0.70), (0.52, 0.54, 0.56), (0.68, 0.58, 0.44))
GREENS = ((0.18, 0.32, 0.10), (0.25, 0.36, 0.12), (0.14, 0.26, 0.11))


def ground_height_m(x: ArrayLike, y: ArrayLike, *, kerbs: bool = True) -> Any:
    """(...,) height of the ground: a slope, long waves, and kerbs beside the streets."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    height = 0.014 * x - 0.006 * y + 0.16 * np.sin(x / 13.0 + 0.4) * np.cos(y / 19.0) + 0.10 * np.sin(y / 11.0 + 1.0)
    if kerbs:
        beside = np.minimum(np.abs(y) - MAIN_HALF_WIDTH_M, np.abs(x - CROSSING_X_M) - SIDE_HALF_WIDTH_M)
        height = height + KERB_HEIGHT_M * np.clip(beside / KERB_WIDTH_M, 0.0, 1.0)
    return height


def ground_slope(x: ArrayLike, y: ArrayLike) -> tuple[Any, Any]:
    """Rise per metre along x and along y, kerbs left out."""
    step = 0.5
    along_x = ground_height_m(np.asarray(x) + step, y, kerbs=False) - ground_height_m(np.asarray(x) - step, y, kerbs=False)
    along_y = ground_height_m(x, np.asarray(y) + step, kerbs=False) - ground_height_m(x, np.asarray(y) - step, kerbs=False)
    return along_x / (2 * step), along_y / (2 * step)


def site_mesh(chance: Chance) -> Mesh:
    """Everything that stands still and has no label."""
    return joined([_ground(), *_road_paint(), *_houses(chance), *_street_furniture(chance), *_trees(chance), *_hedges(chance)])


def _lines(middle: float, half: float) -> Float64s:
    """Grid lines with both edges of each kerb among them."""
    regular = np.arange(-EXTENT_M, EXTENT_M + 1e-9, 2.5)
    edges = [middle + side * (half + off) for side in (-1, 1) for off in (0.0, KERB_WIDTH_M, KERB_WIDTH_M + 0.12, PAVEMENT_WIDTH_M)]
    far = regular[np.abs(regular[:, None] - np.array(edges)).min(1) > 0.4]
    return np.unique(np.concatenate([far, edges]))


def _ground() -> Mesh:
    xs, ys = _lines(CROSSING_X_M, SIDE_HALF_WIDTH_M), _lines(0.0, MAIN_HALF_WIDTH_M)
    x, y = np.meshgrid(xs, ys, indexing="ij")
    grid = np.stack([x, y, ground_height_m(x, y)], -1)
    a, b, c, d = grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]
    corners = np.stack([np.stack([a, b, c], -2), np.stack([a, c, d], -2)], 2).reshape(-1, 3, 3)
    middle = (a + c)[..., :2] / 2
    beside = np.minimum(np.abs(middle[..., 1]) - MAIN_HALF_WIDTH_M, np.abs(middle[..., 0] - CROSSING_X_M) - SIDE_HALF_WIDTH_M)
    index = np.searchsorted([0.0, KERB_WIDTH_M + 0.12, PAVEMENT_WIDTH_M], beside.reshape(-1))
    return Mesh(corners, np.repeat(index, 2), (ASPHALT, KERB, PAVEMENT, GRASS))


def patch(x: tuple[float, float], y: tuple[float, float]) -> Mesh:
    """A painted strip lying on the road."""
    places = np.array([(x[0], y[0]), (x[1], y[0]), (x[1], y[1]), (x[0], y[1])])
    vertices = np.column_stack([places, ground_height_m(places[:, 0], places[:, 1], kerbs=False) + 0.012])
    return Mesh(vertices[np.array([(0, 1, 2), (0, 2, 3)])], np.zeros(2, np.int64), (ROAD_PAINT,))


def _road_paint() -> list[Mesh]:
    patches = []
    for start in np.arange(-100.0, 100.0, 6.0):
        if abs(start + 1.5 - CROSSING_X_M) > 12:
            patches.append(patch((start, start + 3.0), (-0.06, 0.06)))
        if abs(start + 1.5) > 14:
            patches.append(patch((CROSSING_X_M - 0.06, CROSSING_X_M + 0.06), (start, start + 3.0)))
    for start in np.arange(-100.0, 100.0, 2.0):  # edge of the parking lanes
        if abs(start + 1 - CROSSING_X_M) > 10:
            patches += [patch((start, start + 1.2), (side * 3.62 - 0.05, side * 3.62 + 0.05)) for side in (-1, 1)]
    for k in range(9):  # zebra crossings
        x = CROSSING_X_M - 4.2 + k
        patches += [patch((x, x + 0.5), (y, y + 3.0)) for y in (6.4, -9.4)]
    patches += [patch((CROSSING_X_M - 8.2, CROSSING_X_M - 7.8), (-3.5, -0.2)), patch((CROSSING_X_M + 7.8, CROSSING_X_M + 8.2), (0.2, 3.5))]
    return patches


def _houses(chance: Chance) -> list[Mesh]:
    houses = []
    for side in (-1, 1):
        for start, stop in ((-100.0, CROSSING_X_M - 13), (CROSSING_X_M + 13, 100.0)):
            x = start
            while x < stop - 8:
                width = min(chance.one(9.0, 17.0), stop - x)
                houses.append(_house(chance, (x, x + width - chance.one(0.0, 2.5)), side * (MAIN_HALF_WIDTH_M + chance.one(5.5, 8.0)), side))
                x += width
    return houses


def _house(chance: Chance, span: tuple[float, float], front: float, side: int) -> Mesh:
    """A block with windows in its street front and gable roof along the street."""
    wall = Paint(Material.MATT, WALLS[chance.pick(len(WALLS))])
    n_floors, depth = 2 + chance.pick(3), chance.one(8.0, 11.0)
    back = front + side * depth
    base = float(np.min(ground_height_m([span[0], span[1], span[0], span[1]], [front, front, back, back]))) - 0.3
    top = base + 0.6 + 2.9 * n_floors
    low, high = min(front, back), max(front, back)
    parts = [box((span[0], low, base), (span[1], high, top), wall)]
    ridge, middle, eaves = top + chance.one(1.5, 3.2), (low + high) / 2, 0.35
    a, b = span[0] - eaves, span[1] + eaves
    roof = np.array(
        [
            (a, low - eaves, top - 0.1),
            (b, low - eaves, top - 0.1),
            (b, high + eaves, top - 0.1),
            (a, high + eaves, top - 0.1),
            (a, middle, ridge),
            (b, middle, ridge),
        ]
    )
    faces = np.array([(0, 1, 5), (0, 5, 4), (2, 3, 4), (2, 4, 5), (0, 4, 3), (1, 2, 5)])
    parts.append(Mesh(roof[faces], np.zeros(len(faces), np.int64), (ROOF,)))
    n_windows = max(int((span[1] - span[0]) / 2.4), 1)
    pitch = (span[1] - span[0]) / n_windows
    door = chance.pick(n_windows)
    for floor in range(n_floors):
        for k in range(n_windows):
            x, z = span[0] + (k + 0.5) * pitch, base + 1.4 + 2.9 * floor
            is_door = floor == 0 and k == door
            y = (front - side * 0.03, front + side * 0.2)
            paint, bottom, top_z = (DOOR, base + 0.3, base + 2.5) if is_door else (WINDOW, z, z + 1.35)
            parts.append(box((x - 0.55, min(y), bottom), (x + 0.55, max(y), top_z), paint))
            if not is_door:  # a sill that stands out
                y = (front - side * 0.16, front)
                parts.append(box((x - 0.65, min(y), z - 0.08), (x + 0.65, max(y), z), KERB))
    return joined(parts)


def _street_furniture(chance: Chance) -> list[Mesh]:
    things = []
    for side in (-1, 1):
        edge = side * (MAIN_HALF_WIDTH_M + 0.6)
        for x in np.arange(-88.0, 96.0, 22.0):
            place = float(x) + chance.one(-2.0, 2.0)
            if abs(place - CROSSING_X_M) < 7:
                continue
            z = float(ground_height_m(place, edge))
            things += [
                rod((place, edge, z - 0.1), (place, edge, z + 6.5), (0.09, 0.06), STEEL),
                rod((place, edge, z + 6.4), (place, edge - side * 1.6, z + 6.7), 0.05, STEEL, 6),
            ]
            things.append(
                box(
                    (place - 0.12, min(edge - side * 1.3, edge - side * 1.9), z + 6.62),
                    (place + 0.12, max(edge - side * 1.3, edge - side * 1.9), z + 6.75),
                    STEEL,
                )
            )
        for x in (-31.0, -4.0, 14.5, 38.0, 61.0):
            place = x + chance.one(-1.5, 1.5)
            z = float(ground_height_m(place, edge))
            things += [
                rod((place, edge, z - 0.1), (place, edge, z + 2.6), 0.03, STEEL, 6),
                _disc((place, edge, z + 2.35), 0.3, SIGN_RED if chance.pick(2) else SIGN),
            ]
        for x in (-14.0, 6.0, 44.0):
            place, y = x + chance.one(-2.0, 2.0), side * (MAIN_HALF_WIDTH_M + 1.0)
            z = float(ground_height_m(place, y))
            things.append(rod((place, y, z - 0.05), (place, y, z + chance.one(0.8, 1.1)), 0.24, BIN, 10))
    for x, y in ((CROSSING_X_M - 5.4, -6.8), (CROSSING_X_M + 5.4, 6.8)):  # traffic lights
        z = float(ground_height_m(x, y))
        things += [rod((x, y, z - 0.1), (x, y, z + 3.4), 0.06, STEEL), box((x - 0.14, y - 0.14, z + 2.4), (x + 0.14, y + 0.14, z + 3.3), BIN)]
    return things


def _disc(center: tuple[float, float, float], radius: float, paint: Paint) -> Mesh:
    x, y, z = center
    return rod((x - 0.01, y, z), (x + 0.01, y, z), radius, paint, 12)


def _trees(chance: Chance) -> list[Mesh]:
    trees = []
    along = (*np.arange(-82.0, 14.0, 13.0), *np.arange(37.0, 96.0, 13.0))
    spots = [(float(x) + chance.one(-1.5, 1.5), side * (MAIN_HALF_WIDTH_M + 1.1)) for side in (-1, 1) for x in along]
    across = (*np.arange(-86.0, -13.0, 14.0), *np.arange(15.0, 86.0, 14.0))
    spots += [(CROSSING_X_M + side * (SIDE_HALF_WIDTH_M + 1.2), float(y) + chance.one(-1.5, 1.5)) for side in (-1, 1) for y in across]
    for place, y in spots:
        z = float(ground_height_m(place, y))
        trunk, crown = chance.one(2.3, 3.0), np.array([chance.one(1.3, 2.0), chance.one(1.3, 1.9), chance.one(1.4, 2.2)])
        middle = np.array([place, y, z + trunk + 0.75 * crown[2]])
        trees.append(rod((place, y, z - 0.1), (place, y, middle[2]), (chance.one(0.12, 0.18), 0.07), BARK))
        for turn in chance.uniform(3, 0, 2 * math.pi):
            tip = middle + 0.55 * crown * (math.cos(turn), math.sin(turn), 0.3)
            trees.append(rod((place, y, z + trunk), tip, (0.06, 0.02), BARK, 5))
        trees.append(_foliage(chance, middle, crown, 420, 0.17))
    return trees


def _hedges(chance: Chance) -> list[Mesh]:
    hedges = []
    for side in (-1, 1):
        for x in (-60.0, -24.0, 2.0, 50.0, 72.0):
            place, y = x + chance.one(-4.0, 4.0), side * (MAIN_HALF_WIDTH_M + PAVEMENT_WIDTH_M + 0.7)
            z = float(ground_height_m(place, y))
            radii = np.array([chance.one(1.5, 3.0), 0.5, chance.one(0.5, 0.8)])
            middle = np.array([place, y, z + 0.7 * radii[2]])
            hedges += [_foliage(chance, middle, radii, 260, 0.10), ellipsoid(middle, 0.7 * radii, Paint(Material.LEAVES, GREENS[2]))]
    return hedges


def _foliage(chance: Chance, middle: Float64s, radii: Float64s, n: int, size: float) -> Mesh:
    """Leaves scattered through an ellipsoid, denser towards its skin."""
    way = chance.uniform(3 * n, -1, 1).reshape(n, 3)
    way /= np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-3)
    centers = middle + way * radii * (chance.uniform(n, 0.25, 1.0) ** 0.6)[:, None]
    return cards(centers, chance.uniform(3 * n).reshape(n, 3), size, Paint(Material.LEAVES, GREENS[chance.pick(len(GREENS))]))
