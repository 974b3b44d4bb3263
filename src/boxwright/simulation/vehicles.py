"""Cars, vans, trucks and buses: shaped skins with glass, wheels, lamps, plates and mirrors.

A body stands on z = 0, looks along x, and has its middle over the origin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Float64s
from .chance import Chance
from .meshes import Material, Mesh, Paint, box, joined, loft, rod, wheel

__all__ = ["Body", "vehicle"]

GLASS = Paint(Material.GLASS, (0.08, 0.10, 0.12))
TYRE = Paint(Material.RUBBER, (0.05, 0.05, 0.05))
RIM = Paint(Material.MATT, (0.55, 0.56, 0.58))
TRIM = Paint(Material.RUBBER, (0.09, 0.09, 0.10))
LAMP = Paint(Material.RETRO, (0.92, 0.92, 0.86))
TAIL = Paint(Material.RETRO, (0.70, 0.05, 0.05))
PLATE = Paint(Material.RETRO, (0.90, 0.90, 0.88))
CARGO = Paint(Material.MATT, (0.86, 0.86, 0.83))
SEATS = Paint(Material.MATT, (0.15, 0.14, 0.14))

COLOURS = (
    *((0.82, 0.83, 0.84), (0.60, 0.62, 0.64), (0.10, 0.10, 0.11), (0.30, 0.31, 0.33), (0.08, 0.14, 0.34)),
    *((0.55, 0.06, 0.06), (0.88, 0.88, 0.86), (0.16, 0.27, 0.20), (0.70, 0.55, 0.20), (0.20, 0.36, 0.52)),
)

Stations = tuple[tuple[float, float, float, float, float, float, float, str], ...]

# One row per cross-section, rear to front, in shares of the length, the height and the half width:
# x, lowest z, belt z, top z, half width low, at the belt, at the top, skin up to the next row (p paint, s screen, g glass on the sides, d pillar)
SEDAN = (
    (-0.500, 0.30, 0.52, 0.60, 0.78, 0.80, 0.70, "p"),
    (-0.480, 0.20, 0.55, 0.645, 0.88, 0.93, 0.80, "p"),
    (-0.400, 0.17, 0.58, 0.665, 0.92, 0.99, 0.82, "p"),
    (-0.330, 0.17, 0.60, 0.680, 0.94, 1.00, 0.80, "s"),
    (-0.190, 0.17, 0.61, 0.945, 0.95, 1.00, 0.66, "g"),
    (-0.030, 0.17, 0.61, 1.000, 0.95, 1.00, 0.68, "d"),
    (-0.010, 0.17, 0.61, 1.000, 0.95, 1.00, 0.68, "g"),
    (0.080, 0.17, 0.61, 0.975, 0.95, 1.00, 0.67, "s"),
    (0.235, 0.17, 0.60, 0.665, 0.94, 0.99, 0.80, "p"),
    (0.380, 0.17, 0.55, 0.600, 0.92, 0.98, 0.80, "p"),
    (0.465, 0.19, 0.49, 0.530, 0.88, 0.93, 0.76, "p"),
    (0.500, 0.28, 0.43, 0.460, 0.76, 0.78, 0.66, "p"),
)
HATCH = (
    (-0.500, 0.32, 0.55, 0.62, 0.82, 0.84, 0.72, "p"),
    (-0.480, 0.20, 0.60, 0.660, 0.90, 0.94, 0.80, "s"),
    (-0.400, 0.17, 0.62, 0.940, 0.93, 1.00, 0.68, "g"),
    (-0.230, 0.16, 0.61, 0.990, 0.95, 1.00, 0.72, "d"),
    (-0.205, 0.16, 0.61, 0.995, 0.95, 1.00, 0.72, "g"),
    (-0.010, 0.16, 0.61, 1.000, 0.95, 1.00, 0.72, "d"),
    (0.010, 0.16, 0.61, 1.000, 0.95, 1.00, 0.72, "g"),
    (0.110, 0.16, 0.61, 0.970, 0.95, 1.00, 0.70, "s"),
    (0.290, 0.16, 0.60, 0.665, 0.94, 0.99, 0.80, "p"),
    (0.410, 0.17, 0.54, 0.590, 0.91, 0.97, 0.79, "p"),
    (0.475, 0.20, 0.48, 0.520, 0.86, 0.91, 0.74, "p"),
    (0.500, 0.30, 0.42, 0.450, 0.76, 0.78, 0.66, "p"),
)
VAN = (
    (-0.500, 0.20, 0.50, 0.93, 0.92, 0.95, 0.84, "p"),
    (-0.490, 0.16, 0.50, 0.985, 0.96, 0.99, 0.88, "p"),
    (-0.250, 0.15, 0.50, 1.000, 0.97, 1.00, 0.90, "p"),
    (0.130, 0.15, 0.50, 1.000, 0.97, 1.00, 0.90, "d"),
    (0.150, 0.15, 0.50, 1.000, 0.97, 1.00, 0.90, "g"),
    (0.270, 0.15, 0.49, 0.960, 0.97, 1.00, 0.86, "s"),
    (0.400, 0.15, 0.48, 0.560, 0.96, 0.99, 0.84, "p"),
    (0.470, 0.17, 0.42, 0.480, 0.92, 0.95, 0.80, "p"),
    (0.500, 0.24, 0.36, 0.390, 0.84, 0.86, 0.74, "p"),
)
BUS = (
    (-0.500, 0.14, 0.42, 0.95, 0.95, 0.96, 0.92, "p"),
    (-0.493, 0.12, 0.42, 0.985, 0.98, 1.00, 0.95, "p"),
    (-0.440, 0.11, 0.42, 1.000, 0.98, 1.00, 0.96, "g"),
    (-0.220, 0.11, 0.42, 1.000, 0.98, 1.00, 0.96, "d"),
    (-0.210, 0.11, 0.42, 1.000, 0.98, 1.00, 0.96, "g"),
    (0.020, 0.11, 0.42, 1.000, 0.98, 1.00, 0.96, "d"),
    (0.030, 0.11, 0.42, 1.000, 0.98, 1.00, 0.96, "g"),
    (0.250, 0.11, 0.42, 1.000, 0.98, 1.00, 0.96, "d"),
    (0.260, 0.11, 0.42, 1.000, 0.98, 1.00, 0.96, "g"),
    (0.440, 0.11, 0.42, 0.985, 0.98, 1.00, 0.95, "s"),
    (0.492, 0.12, 0.34, 0.420, 0.97, 0.99, 0.95, "p"),
    (0.500, 0.18, 0.28, 0.320, 0.93, 0.94, 0.90, "p"),
)
CAB = (
    (-0.500, 0.14, 0.50, 0.96, 0.94, 0.96, 0.88, "p"),
    (-0.440, 0.13, 0.50, 1.000, 0.97, 1.00, 0.90, "d"),
    (-0.150, 0.13, 0.50, 1.000, 0.97, 1.00, 0.90, "g"),
    (0.270, 0.13, 0.50, 0.960, 0.97, 1.00, 0.88, "s"),
    (0.450, 0.13, 0.46, 0.560, 0.96, 0.99, 0.90, "p"),
    (0.500, 0.20, 0.34, 0.400, 0.90, 0.92, 0.82, "p"),
)

# cross-sections; least and largest length, width and height; wheel radius; axles in shares of the length
CAR_AXLES = (-0.29, 0.31)
SHAPES = {
    "sedan": (SEDAN, ((4.4, 4.95), (1.78, 1.90), (1.42, 1.50)), 0.33, CAR_AXLES),
    "low hatch": (HATCH, ((3.9, 4.6), (1.74, 1.88), (1.46, 1.54)), 0.33, CAR_AXLES),
    "tall hatch": (HATCH, ((3.9, 4.6), (1.74, 1.88), (1.62, 1.72)), 0.33, CAR_AXLES),
    "van": (VAN, ((5.2, 6.2), (1.98, 2.06), (2.2, 2.65)), 0.36, CAR_AXLES),
    "bus": (BUS, ((11.6, 12.4), (2.52, 2.52), (3.05, 3.2)), 0.48, (-0.28, 0.27)),
}


@dataclass(frozen=True)
class Body:
    """A mesh, and the tight box around what an annotator counts as the object (mirrors stick out of it)."""

    mesh: Mesh
    low: Float64s
    high: Float64s


def vehicle(category: str, chance: Chance) -> Body:
    """A body of one of the categories car, van, truck, bus; each drawn a little different."""
    paint = Paint(Material.PAINT, COLOURS[chance.pick(len(COLOURS))])
    if category == "truck":
        return _truck(chance, paint)
    if category == "car":
        category = "sedan" if chance.pick(5) < 3 else ("low hatch", "tall hatch")[chance.pick(2)]
    stations, ranges, wheel_radius, axles = SHAPES[category]
    length, width, height = (chance.one(low, high) if low < high else low for low, high in ranges)
    return _passenger(stations, (length, width, height), paint, wheel_radius, axles)


def _skin(stations: Stations, size: tuple[float, float, float], paint: Paint) -> Mesh:
    length, width, height = size
    rings = []
    for x, low, belt, top, w_low, w_belt, w_top, _ in stations:
        right = [
            (0.88 * w_low, low),
            (w_low, low + 0.05),
            (w_belt, 0.5 * (low + belt) + 0.03),
            (0.985 * w_belt, belt),
            (w_top, max(top - 0.045, belt + 0.2 * (top - belt))),
            (0.84 * w_top, top),
        ]
        profile = right + [(-w, z) for w, z in reversed(right)]
        rings.append([(x * length, w * width / 2, z * height) for w, z in profile])
    mesh = loft(rings, paint)
    n, n_quads = 12, 12 * (len(stations) - 1)
    index = np.zeros(len(mesh.corners), np.int64)
    for s, station in enumerate(stations[:-1]):
        panes = {"p": (), "d": (), "g": (3, 7), "s": (3, 4, 5, 6, 7)}[station[-1]]
        for j in panes:
            index[[s * n + j, n_quads + s * n + j]] = 1
        for j in (0, 10):  # the sill
            index[[s * n + j, n_quads + s * n + j]] = 2
    return Mesh(mesh.corners, index, (paint, GLASS, TRIM))


def _passenger(
    stations: Stations,
    size: tuple[float, float, float],
    paint: Paint,
    wheel_radius: float,
    axles: tuple[float, float],
) -> Body:
    length, width, height = size
    front, rear, half = length / 2, -length / 2, width / 2
    lamp = stations[-1][1] * height + 0.3 * (stations[-1][3] - stations[-1][1]) * height
    parts = [_skin(stations, size, paint), *_wheels([share * length for share in axles], half, wheel_radius, 0.21 if height < 2.9 else 0.3)]
    for side in (-1, 1):
        y = side * 0.56 * half
        parts.append(box((front - 0.06, y - 0.17, lamp), (front + 0.004, y + 0.17, lamp + 0.12), LAMP))
        parts.append(box((rear - 0.004, y - 0.16, 0.45 * height), (rear + 0.06, y + 0.16, 0.45 * height + 0.13), TAIL))
    parts.append(box((rear - 0.006, -0.26, 0.36 * height), (rear + 0.05, 0.26, 0.36 * height + 0.11), PLATE))
    parts.append(box((front - 0.05, -0.26, lamp - 0.12), (front + 0.006, 0.26, lamp - 0.02), PLATE))
    low, high = joined(parts).bounds()
    screen = next(s for s in reversed(stations) if s[-1] == "s")
    return Body(joined([*parts, *_mirrors(screen[0] * length + 0.25, half, screen[2] * height)]), low, high)


def _wheels(axles: list[float], half_width: float, radius: float, width: float) -> list[Mesh]:
    return [wheel((x, side * (half_width - width / 2 - 0.005), radius), radius, width, TYRE, RIM) for x in axles for side in (-1, 1)]


def _mirrors(x: float, half_width: float, z: float) -> list[Mesh]:
    return [
        box((x - 0.09, min(a, b), z + 0.02), (x + 0.05, max(a, b), z + 0.18), TRIM)
        for a, b in [(half_width - 0.06, half_width + 0.17), (-half_width + 0.06, -half_width - 0.17)]
    ]


def _truck(chance: Chance, paint: Paint) -> Body:
    """A cab, a gap, and a cargo box on a frame with three axles."""
    length, width, height = chance.one(7.6, 9.2), chance.one(2.42, 2.52), chance.one(3.1, 3.5)
    cab_length, cab_height = 1.95, 0.84 * height
    cab = _skin(CAB, (cab_length, 0.96 * width, cab_height), paint).moved((length / 2 - cab_length / 2, 0, 0.22))
    front_of_box, rear, half = length / 2 - cab_length - 0.25, -length / 2, width / 2
    cargo = box((rear, -half, 1.05), (front_of_box, half, height), CARGO)
    parts = [
        cab,
        cargo,
        box((rear + 0.1, -0.45, 0.75), (length / 2 - 0.6, 0.45, 1.05), TRIM),
        box((rear + 0.02, -half + 0.1, 0.48), (rear + 0.14, half - 0.1, 0.62), TRIM),
        rod((0.0, -half + 0.35, 0.72), (1.1, -half + 0.35, 0.72), 0.28, RIM, 10),
        *_wheels([length / 2 - 1.3, rear + 2.6, rear + 1.3], half, 0.5, 0.32),
    ]
    for side in (-1, 1):
        y = side * 0.8 * half
        parts.append(box((rear - 0.005, y - 0.14, 0.7), (rear + 0.06, y + 0.14, 0.82), TAIL))
        parts.append(box((length / 2 - 0.06, y - 0.16, 0.72), (length / 2 + 0.004, y + 0.16, 0.9), LAMP))
    low, high = joined(parts).bounds()
    return Body(joined([*parts, *_mirrors(length / 2 - 0.45, half, 1.75)]), low, high)
