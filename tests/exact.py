"""Oracles: what kernels compute, from the very numbers they are given, in exact rationals or in fifty digits."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
from mpmath import mpf
from scipy.optimize import linprog
from scipy.spatial import ConvexHull, HalfspaceIntersection

import boxwright as bw
import naive

DIGITS = 50


def numbers(values) -> list[mpf]:
    return [mpf(float(value)) for value in values]


def fractions(values) -> list[Fraction]:
    return [Fraction(float(value)) for value in values]


# ------------------------------------------------------------ projection, fifty digits


@mpmath.workdps(DIGITS)
def in_camera(point: Sequence[float], pose: bw.Pose) -> list[mpf]:
    """x, y, z in the cam frame; the rotation is what its float64 entries say."""
    return [mpmath.fdot(numbers(row), numbers(point)) + mpf(float(t)) for row, t in zip(pose.rotation, pose.translation_m)]


@mpmath.workdps(DIGITS)
def pixel(point: Sequence[float], camera: Any, pose: bw.Pose) -> tuple[mpf, mpf, mpf]:
    """u, v, depth; the caller looks for the end of the lens."""
    x, y, z = in_camera(point, pose)
    return *onto_picture(camera, x, y, z), z


@mpmath.workdps(DIGITS)
def onto_picture(camera: Any, x: mpf, y: mpf, z: mpf) -> tuple[mpf, mpf]:
    """u, v, by OpenCV's documentation of its lens models and the papers that the classes name."""
    a, b = _in_focal_lengths(camera, x, y, z)
    return mpf(camera.fx_px) * a + mpf(camera.cx_px), mpf(camera.fy_px) * b + mpf(camera.cy_px)


def _in_focal_lengths(camera: Any, x: mpf, y: mpf, z: mpf) -> tuple[mpf, mpf]:
    match camera:
        case bw.FisheyeCamera():
            return _kannala_brandt(camera, x, y, z)
        case bw.UnifiedCamera():
            w = z + mpf(camera.xi) * mpmath.sqrt(x * x + y * y + z * z)
            return _brown_conrady(camera._plane, x / w, y / w)
        case bw.DoubleSphereCamera():
            xi, alpha = numbers((camera.xi, camera.alpha))
            moved = z + xi * mpmath.sqrt(x * x + y * y + z * z)
            w = alpha * mpmath.sqrt(x * x + y * y + moved * moved) + (1 - alpha) * moved
            return x / w, y / w
        case bw.ExtendedUnifiedCamera():
            alpha, beta = numbers((camera.alpha, camera.beta))
            w = alpha * mpmath.sqrt(beta * (x * x + y * y) + z * z) + (1 - alpha) * z
            return x / w, y / w
        case bw.CylindricalCamera() | bw.EquirectangularCamera():
            h, turn = mpmath.hypot(x, z), 2 * mpmath.pi
            middle = (mpf(camera.width_px - 1) / 2 - mpf(camera.cx_px)) / mpf(camera.fx_px)
            a = mpmath.atan2(x, z) - turn * mpmath.floor((mpmath.atan2(x, z) - middle) / turn + mpf(1) / 2)
            return a, y / h if isinstance(camera, bw.CylindricalCamera) else mpmath.atan2(y, h)
    return _brown_conrady(camera, x / z, y / z)


def _brown_conrady(camera: bw.PinholeCamera, x: mpf, y: mpf) -> tuple[mpf, mpf]:
    k1, k2, p1, p2, k3, k4, k5, k6, s1, s2, s3, s4, tau_x, tau_y = numbers(camera.coefficients)
    r2 = x * x + y * y
    factor = (1 + k1 * r2 + k2 * r2**2 + k3 * r2**3) / (1 + k4 * r2 + k5 * r2**2 + k6 * r2**3)
    a = x * factor + 2 * p1 * x * y + p2 * (r2 + 2 * x * x) + s1 * r2 + s2 * r2**2
    b = y * factor + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y + s3 * r2 + s4 * r2**2
    if not (tau_x or tau_y):
        return a, b
    (cos_x, sin_x), (cos_y, sin_y) = ((mpmath.cos(tau), mpmath.sin(tau)) for tau in (tau_x, tau_y))
    about_x = mpmath.matrix([[1, 0, 0], [0, cos_x, sin_x], [0, -sin_x, cos_x]])
    about_y = mpmath.matrix([[cos_y, 0, -sin_y], [0, 1, 0], [sin_y, 0, cos_y]])
    turn = about_y * about_x
    onto = mpmath.matrix([[turn[2, 2], 0, -turn[0, 2]], [0, turn[2, 2], -turn[1, 2]], [0, 0, 1]])
    a, b, w = onto * turn * mpmath.matrix([a, b, 1])
    return a / w, b / w


def _kannala_brandt(camera: bw.FisheyeCamera, x: mpf, y: mpf, z: mpf) -> tuple[mpf, mpf]:
    r = mpmath.hypot(x, y)
    if r == 0:
        return mpf(0), mpf(0)
    theta = mpmath.atan2(r, z)
    bent = theta + sum(k * theta ** (2 * i + 3) for i, k in enumerate(numbers(camera.coefficients)))
    return bent * x / r, bent * y / r


# ------------------------------------------------------------ containment, exact rationals


def beyond_faces(points, cuboids: bw.Cuboids, which) -> list[Fraction]:
    """For each point how far it lies beyond the nearest face plane of cuboid which[i], the farthest of the three axes; inside is <= 0."""
    known: dict[int, tuple[list[Fraction], list[list[Fraction]], list[Fraction]]] = {}
    result = []
    for point, m in zip(np.asarray(points, np.float64).tolist(), np.asarray(which).tolist()):
        if m not in known:
            columns = [fractions(column) for column in cuboids.rotation[m].T]
            known[m] = fractions(cuboids.center_m[m]), columns, [size / 2 for size in fractions(cuboids.size_m[m])]
        center, columns, halves = known[m]
        d = [Fraction(p) - c for p, c in zip(point, center)]
        result.append(max(abs(d[0] * r[0] + d[1] * r[1] + d[2] * r[2]) - half for r, half in zip(columns, halves)))
    return result


# ------------------------------------------------------------ overlap


def iou_bev(a: bw.Cuboid, b: bw.Cuboid) -> Fraction:
    """Of the outlines from above: their polygons, clipped, in exact rationals."""
    p, q = (naive.corners_of(box.center_m, box.size_m, box.as_cuboids().rotation[0], Fraction) for box in (a, b))
    return naive.iou_bev(p, q)


def iou_3d(a: bw.Cuboid, b: bw.Cuboid) -> float:
    """Of the volumes: qhull's intersection of twelve half spaces, in float64 about the first centre."""
    apart = np.array([float(Fraction(float(q)) - Fraction(float(p))) for p, q in zip(a.center_m, b.center_m)])
    planes = []
    for box, center in ((a, np.zeros(3)), (b, apart)):
        normals = np.concatenate([box.as_cuboids().rotation[0].T, -box.as_cuboids().rotation[0].T])
        planes.append(np.c_[normals, -(normals @ center) - np.tile(box.size_m / 2, 2)])
    half_spaces = np.concatenate(planes)  # n x + d <= 0
    # the deepest point of all: the middle of the largest ball within
    ball = linprog([0, 0, 0, -1], A_ub=np.c_[half_spaces[:, :3], np.ones(12)], b_ub=-half_spaces[:, 3], bounds=[(None, None)] * 4, method="highs")
    if ball.x[3] <= 1e-9:
        return 0.0
    shared = ConvexHull(HalfspaceIntersection(half_spaces, ball.x[:3]).intersections).volume
    return float(shared / (a.size_m.prod() + b.size_m.prod() - shared))


# ------------------------------------------------------------ interpolation, fifty digits


@mpmath.workdps(DIGITS)
def curve(times_ns, values, at_ns: int, method: str) -> list[mpf]:
    """(3,) on the curve through (K,) times and (K, 3) values: cubic Hermite pieces, their tangents after the papers that the module names."""
    t = [mpf(int(time)) for time in times_ns]
    k = max(i for i in range(len(t) - 1) if t[i] <= at_ns)
    span = t[k + 1] - t[k]
    s = (mpf(int(at_ns)) - t[k]) / span
    columns = [numbers(column) for column in np.asarray(values).T]
    slopes = [[(x[i + 1] - x[i]) / (t[i + 1] - t[i]) for i in range(len(t) - 1)] for x in columns]
    if method == "linear" or len(t) == 2:
        return [x[k] + s * (x[k + 1] - x[k]) for x in columns]
    tangents = _makima(slopes) if method == "makima" else [_three_point(t, slope, method) for slope in slopes]
    result = []
    for x, tangent in zip(columns, tangents):
        start, end = (1 + 2 * s) * (1 - s) ** 2 * x[k], s * s * (3 - 2 * s) * x[k + 1]
        result.append(start + end + span * (s * (1 - s) ** 2 * tangent[k] - s * s * (1 - s) * tangent[k + 1]))
    return result


def _makima(slopes: list[list[mpf]]) -> list[list[mpf]]:
    """Weights below 1e-9 of the largest of all axes count as nothing, as in scipy."""
    extended = []
    for m in slopes:
        before, after = 2 * m[0] - m[1], 2 * m[-1] - m[-2]
        extended.append([2 * before - m[0], before, *m, after, 2 * after - m[-1]])
    weights = [[abs(q - p) + abs(q + p) / 2 for p, q in itertools.pairwise(m)] for m in extended]
    largest = max(w[i] + w[i + 2] for w in weights for i in range(len(w) - 2))
    tangents = []
    for m, w in zip(extended, weights):
        tangents.append([])
        for i in range(len(w) - 2):
            total = w[i] + w[i + 2]
            here = (w[i + 2] * m[i + 1] + w[i] * m[i + 2]) / total if total > largest / 10**9 else (m[i] + m[i + 3]) / 2
            tangents[-1].append(here)
    return tangents


def _three_point(t: list[mpf], m: list[mpf], method: str) -> list[mpf]:
    h = [q - p for p, q in itertools.pairwise(t)]
    inner = []
    for i in range(1, len(m)):
        if method == "catmull_rom":
            inner.append((h[i] * m[i - 1] + h[i - 1] * m[i]) / (h[i - 1] + h[i]))
        elif m[i - 1] * m[i] <= 0:
            inner.append(mpf(0))
        else:
            w1, w2 = 2 * h[i] + h[i - 1], h[i] + 2 * h[i - 1]
            inner.append((w1 + w2) / (w1 / m[i - 1] + w2 / m[i]))
    ends = []
    for h0, h1, m0, m1 in ((h[0], h[1], m[0], m[1]), (h[-1], h[-2], m[-1], m[-2])):
        end = ((2 * h0 + h1) * m0 - h0 * m1) / (h0 + h1)
        if method == "pchip":
            if mpmath.sign(end) != mpmath.sign(m0):
                end = mpf(0)
            elif mpmath.sign(m0) != mpmath.sign(m1) and abs(end) > 3 * abs(m0):
                end = 3 * m0
        ends.append(end)
    return [ends[0], *inner, ends[1]]


@mpmath.workdps(DIGITS)
def turned_by(p, q) -> float:
    """Angle between two rotations given as quaternions of any length."""
    a, b = ([v / mpmath.norm(numbers(quat)) for v in numbers(quat)] for quat in (p, q))
    if mpmath.fdot(a, b) < 0:
        b = [-v for v in b]
    chord, sum_ = (mpmath.norm([y - sign * x for x, y in zip(a, b)]) for sign in (1, -1))
    return float(4 * mpmath.atan2(chord, sum_))
