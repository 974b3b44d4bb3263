"""Triangle meshes and the simple bodies that everything is put together from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from ..arrays import ArrayLike, Float64s, Int64s

__all__ = ["Material", "Mesh", "Paint", "box", "cards", "ellipsoid", "joined", "loft", "rod", "wheel"]


class Material(IntEnum):
    """How a surface answers light; `lidar.py` and `pictures.py` say what each means to them."""

    MATT = 0
    PAINT = 1  # glossy
    GLASS = 2
    RUBBER = 3  # dark, returns little light
    RETRO = 4  # sends light back where it came from: plates, lamps, signs, road paint
    LEAVES = 5


@dataclass(frozen=True)
class Paint:
    """A material and its colour (red, green, blue in 0..1)."""

    material: Material
    rgb: tuple[float, float, float]


@dataclass(frozen=True)
class Mesh:
    """corners (T, 3, 3) of T triangles, counter-clockwise seen from outside; paints (T,) index into the list `paints`."""

    corners: Float64s
    paint_index: Int64s
    paints: tuple[Paint, ...]

    def moved(self, translation: ArrayLike, rotation: ArrayLike | None = None) -> Mesh:
        corners = self.corners if rotation is None else self.corners @ np.asarray(rotation, np.float64).T
        return Mesh(corners + np.asarray(translation, np.float64), self.paint_index, self.paints)

    def bounds(self) -> tuple[Float64s, Float64s]:
        """Lowest and highest corner, (3,) each."""
        flat = self.corners.reshape(-1, 3)
        return flat.min(0), flat.max(0)


def joined(meshes: Sequence[Mesh]) -> Mesh:
    """One mesh of all triangles."""
    paints: list[Paint] = []
    index = []
    for mesh in meshes:
        index.append(mesh.paint_index + len(paints))
        paints.extend(mesh.paints)
    return Mesh(np.concatenate([mesh.corners for mesh in meshes]), np.concatenate(index), tuple(paints))


def _of(vertices: Float64s, faces: Float64s | Int64s, paint: Paint) -> Mesh:
    corners = vertices[np.asarray(faces, np.int64)]
    return Mesh(corners, np.zeros(len(corners), np.int64), (paint,))


_BOX_FACES = np.array(
    [(0, 2, 3), (0, 3, 1), (4, 5, 7), (4, 7, 6), (0, 1, 5), (0, 5, 4), (2, 6, 7), (2, 7, 3), (0, 4, 6), (0, 6, 2), (1, 3, 7), (1, 7, 5)], np.int64
)


def box(low: ArrayLike, high: ArrayLike, paint: Paint) -> Mesh:
    """A block between two corners."""
    low, high = np.asarray(low, np.float64), np.asarray(high, np.float64)
    vertices = np.array([[(low, high)[i][0], (low, high)[j][1], (low, high)[k][2]] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    return _of(vertices, _BOX_FACES, paint)


def loft(rings: ArrayLike, paint: Paint, *, closed: bool = True) -> Mesh:
    """A skin over S rings of R points each, (S, R, 3), with flat ends; rings run counter-clockwise seen from the last one."""
    rings = np.asarray(rings, np.float64)
    n_rings, n = rings.shape[:2]
    a = np.arange(n_rings - 1)[:, None] * n + np.arange(n)
    b = np.arange(n_rings - 1)[:, None] * n + (np.arange(n) + 1) % n
    faces = [np.stack([a, b, b + n], -1).reshape(-1, 3), np.stack([a, b + n, a + n], -1).reshape(-1, 3)]
    if closed:
        fan = np.stack([np.zeros(n - 2, np.int64), np.arange(1, n - 1), np.arange(2, n)], -1)
        faces += [fan[:, ::-1], fan + (n_rings - 1) * n]
    return _of(rings.reshape(-1, 3), np.concatenate(faces), paint)


def _circle(n: int) -> Float64s:
    angles = np.arange(n) * (2 * np.pi / n)
    return np.stack([np.cos(angles), np.sin(angles)], -1)


def rod(start: ArrayLike, end: ArrayLike, radius: float | tuple[float, float], paint: Paint, n: int = 8) -> Mesh:
    """A round bar, thicker or thinner towards its end where two radii are given."""
    start, end = np.asarray(start, np.float64), np.asarray(end, np.float64)
    along = (end - start) / np.linalg.norm(end - start)
    side = np.cross((0.0, 0.0, 1.0) if abs(along[2]) < 0.9 else (1.0, 0.0, 0.0), along)
    side /= np.linalg.norm(side)
    across = _circle(n) @ np.stack([side, np.cross(along, side)])
    first, last = (radius, radius) if isinstance(radius, float) else radius
    return loft([start + first * across, end + last * across], paint)


def wheel(center: ArrayLike, radius: float, width: float, tyre: Paint, rim: Paint) -> Mesh:
    """A wheel rolling along x: tyre, and a rim on both sides that stands in a little."""
    x, y, z = np.asarray(center, np.float64)
    half = width / 2
    outer = _circle(16)[:, ::-1]
    profile = [(-half, 0.62), (-half, 0.92), (-0.7 * half, 1.0), (0.7 * half, 1.0), (half, 0.92), (half, 0.62)]
    rings = [[(x + radius * share * u, y + side, z + radius * share * v) for u, v in outer] for side, share in profile]
    disc = [
        [(x + radius * share * u, y + side, z + radius * share * v) for u, v in outer] for side, share in [(-0.8 * half, 0.63), (0.8 * half, 0.63)]
    ]
    return joined([loft(rings, tyre, closed=False), loft(disc, rim)])


def ellipsoid(center: ArrayLike, radii: ArrayLike, paint: Paint, n: int = 10) -> Mesh:
    """A ball stretched along x, y, z."""
    heights = np.sin(np.linspace(-np.pi / 2, np.pi / 2, max(n * 6 // 10, 5)))
    widths = np.maximum(np.sqrt(np.maximum(1 - heights**2, 0)), 0.02)
    rings = [np.column_stack([width * _circle(n), np.full(n, height)]) for height, width in zip(heights, widths, strict=True)]
    return loft(np.asarray(center, np.float64) + np.asarray(rings) * np.asarray(radii, np.float64), paint)


def cards(centers: Float64s, turns: Float64s, size: float, paint: Paint) -> Mesh:
    """Leaves: one triangle around each centre (N, 3), turned at random by (N, 3) numbers in 0..1."""
    first = turns * 2 - 1
    first /= np.maximum(np.linalg.norm(first, axis=1, keepdims=True), 1e-3)
    other = np.cross(first, np.roll(turns, 1, axis=1) - 0.45)
    other /= np.maximum(np.linalg.norm(other, axis=1, keepdims=True), 1e-3)
    corners = np.stack([centers + size * first, centers - size * 0.5 * first + size * other, centers - size * 0.5 * first - size * other], 1)
    return Mesh(corners, np.zeros(len(corners), np.int64), (paint,))
