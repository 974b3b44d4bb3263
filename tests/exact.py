"""Oracles: what kernels compute, from the very numbers they are given, in exact rationals or in fifty digits."""

from __future__ import annotations

from collections.abc import Sequence

import mpmath
from mpmath import mpf

import boxwright as bw

DIGITS = 50


def numbers(values) -> list[mpf]:
    return [mpf(float(value)) for value in values]


# ------------------------------------------------------------ projection, fifty digits


@mpmath.workdps(DIGITS)
def in_camera(point: Sequence[float], pose: bw.Pose) -> list[mpf]:
    """x, y, z in the cam frame; the rotation is what its float64 entries say."""
    return [mpmath.fdot(numbers(row), numbers(point)) + mpf(float(t)) for row, t in zip(pose.rotation, pose.translation_m)]


@mpmath.workdps(DIGITS)
def pixel(point: Sequence[float], camera: bw.PinholeCamera | bw.FisheyeCamera, pose: bw.Pose) -> tuple[mpf, mpf, mpf]:
    """u, v, depth, by OpenCV's documentation of its lens models and Kannala and Brandt's paper; the caller looks for the end of the lens."""
    x, y, z = in_camera(point, pose)
    a, b = _kannala_brandt(camera, x, y, z) if isinstance(camera, bw.FisheyeCamera) else _brown_conrady(camera, x / z, y / z)
    return mpf(camera.fx_px) * a + mpf(camera.cx_px), mpf(camera.fy_px) * b + mpf(camera.cy_px), z


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
