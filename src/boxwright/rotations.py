"""Rotations as arrays: `quat_wxyz` (scalar first), 3 x 3 matrices, yaw about +z. The one place where the forms are turned into each other."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .arrays import ArrayLike, Float64s

__all__ = [
    "euler_xyz_from_quat",
    "euler_zyx_from_quat",
    "matrix_from_quat",
    "matrix_from_yaw",
    "quat_from_axis_angle",
    "quat_from_euler",
    "quat_from_matrix",
    "quat_from_yaw",
    "quat_multiply",
    "slerp",
    "wrap_rad",
    "yaw_from_quat",
]


def wrap_rad(angle_rad: ArrayLike) -> Any:
    """The same angle in (-pi, pi]; values already there are returned bit by bit."""
    angle = np.asarray(angle_rad, np.float64)
    inside = (angle > -math.pi) & (angle <= math.pi)
    with np.errstate(invalid="ignore"):
        wrapped = -np.remainder(-angle + math.pi, 2 * math.pi) + math.pi
    wrapped = np.where(wrapped <= -math.pi, math.pi, wrapped)  # where the remainder was rounded up to a whole turn
    return np.where(inside | ~np.isfinite(angle), angle, wrapped)[()]


def quat_from_yaw(yaw_rad: ArrayLike) -> Float64s:
    """(..., 4) from (...,): a turn about +z."""
    half = np.asarray(yaw_rad, np.float64) / 2
    zero = np.zeros_like(half)
    return np.stack([np.cos(half), zero, zero, np.sin(half)], -1)


def yaw_from_quat(quat_wxyz: ArrayLike) -> Any:
    """(...,) from (..., 4): heading of the own x axis seen from above, atan2(R10, R00), in (-pi, pi]."""
    w, x, y, z = np.moveaxis(np.asarray(quat_wxyz, np.float64), -1, 0)
    yaw = np.arctan2(2 * (x * y + w * z), w * w + x * x - y * y - z * z)
    upright = (x == 0) & (y == 0)
    return wrap_rad(np.where(upright, wrap_rad(2 * np.arctan2(z, w)), np.where(yaw == -math.pi, math.pi, yaw)))


def matrix_from_yaw(yaw_rad: ArrayLike) -> Float64s:
    """(..., 3, 3) from (...,)."""
    yaw = np.asarray(yaw_rad, np.float64)
    matrix = np.zeros((*yaw.shape, 3, 3))
    matrix[..., 0, 0] = matrix[..., 1, 1] = np.cos(yaw)
    matrix[..., 1, 0] = np.sin(yaw)
    matrix[..., 0, 1] = -matrix[..., 1, 0]
    matrix[..., 2, 2] = 1
    return matrix


def matrix_from_quat(quat_wxyz: ArrayLike) -> Float64s:
    """(..., 3, 3) from (..., 4) unit quaternions."""
    w, x, y, z = np.moveaxis(np.asarray(quat_wxyz, np.float64), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def quat_from_matrix(rotation: ArrayLike) -> Float64s:
    """(..., 4), w >= 0, from (..., 3, 3): the rotation nearest to the matrix (Bar-Itzhack, J. Guidance 23(6), 2000, largest eigenvector)."""
    m = np.asarray(rotation, np.float64)
    k = np.empty((*m.shape[:-2], 4, 4))
    for i in range(3):
        for j in range(3):
            k[..., i + 1, j + 1] = m[..., i, j] + m[..., j, i]
    trace = m[..., 0, 0] + m[..., 1, 1] + m[..., 2, 2]
    for i in range(3):
        k[..., i + 1, i + 1] -= trace
    k[..., 0, 0] = trace
    k[..., 0, 1] = k[..., 1, 0] = m[..., 2, 1] - m[..., 1, 2]
    k[..., 0, 2] = k[..., 2, 0] = m[..., 0, 2] - m[..., 2, 0]
    k[..., 0, 3] = k[..., 3, 0] = m[..., 1, 0] - m[..., 0, 1]
    quat = np.linalg.eigh(k)[1][..., -1]
    about_z = (m[..., 0, 2] == 0) & (m[..., 1, 2] == 0) & (m[..., 2, 0] == 0) & (m[..., 2, 1] == 0) & (m[..., 2, 2] > 0)
    if np.any(about_z):  # an upright rotation stays exactly upright
        flat = quat_from_yaw(np.arctan2(m[..., 1, 0] - m[..., 0, 1], m[..., 0, 0] + m[..., 1, 1]))
        quat = np.where(about_z[..., None], flat, quat)
    return np.where(quat[..., :1] < 0, -quat, quat)


def quat_from_axis_angle(axis: ArrayLike, angle_rad: ArrayLike) -> Float64s:
    """(..., 4) from a unit axis (..., 3) and an angle (...,)."""
    half = np.asarray(angle_rad, np.float64)[..., None] / 2
    return np.concatenate([np.cos(half), np.sin(half) * np.asarray(axis, np.float64)], -1)


def quat_from_euler(angles_rad: ArrayLike, sequence: str) -> Float64s:
    """(..., 4), w >= 0, from (..., 3) angles in the order of `sequence`: "XYZ" with a, b, c is Rx(a) @ Ry(b) @ Rz(c), turns about the own axes."""
    angles = np.asarray(angles_rad, np.float64)
    quat: Float64s = np.array([1.0, 0.0, 0.0, 0.0])
    for i, axis in enumerate(sequence):
        quat = quat_multiply(quat, quat_from_axis_angle(np.eye(3)["XYZ".index(axis)], angles[..., i]))
    return np.where(quat[..., :1] < 0, -quat, quat)


def euler_xyz_from_quat(quat_wxyz: ArrayLike) -> Float64s:
    """(..., 3) angles of Rx(a) @ Ry(b) @ Rz(c) from (..., 4) unit quaternions, a and c in (-pi, pi], b in [-pi/2, pi/2].

    Exactly (0, 0, yaw) where it is upright. c comes first, and the other two from what is left when it is turned back, so that the three hold
    together where b is a quarter turn, too.
    """
    quat = np.asarray(quat_wxyz, np.float64)
    m = matrix_from_quat(quat)
    c = np.arctan2(-m[..., 0, 1], m[..., 0, 0])
    b = np.arctan2(m[..., 0, 2], np.hypot(m[..., 0, 0], m[..., 0, 1]))
    sine, cosine = np.sin(c), np.cos(c)
    a = np.arctan2(m[..., 2, 0] * sine + m[..., 2, 1] * cosine, m[..., 1, 0] * sine + m[..., 1, 1] * cosine)
    upright = (quat[..., 1] == 0) & (quat[..., 2] == 0)
    zero = np.zeros_like(a)
    return np.stack([np.where(upright, zero, wrap_rad(a)), np.where(upright, zero, b), np.where(upright, yaw_from_quat(quat), wrap_rad(c))], -1)


def euler_zyx_from_quat(quat_wxyz: ArrayLike) -> Float64s:
    """(..., 3) angles (a, b, c) of Rz(c) @ Ry(b) @ Rx(a), roll, pitch and yaw, from (..., 4) unit quaternions; the inverse turn has them in the other
    order, with the other sign."""
    angles = -euler_xyz_from_quat(np.asarray(quat_wxyz, np.float64) * (1, -1, -1, -1))
    return np.where(angles == -math.pi, math.pi, angles) + 0.0


def quat_multiply(a_wxyz: ArrayLike, b_wxyz: ArrayLike) -> Float64s:
    """(..., 4): the rotation b, then a; exactly upright where both are."""
    aw, ax, ay, az = np.moveaxis(np.asarray(a_wxyz, np.float64), -1, 0)
    bw, bx, by, bz = np.moveaxis(np.asarray(b_wxyz, np.float64), -1, 0)
    return np.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ],
        -1,
    )


def slerp(start_wxyz: ArrayLike, end_wxyz: ArrayLike, share: ArrayLike) -> Float64s:
    """(..., 4): constant angular speed along the short arc (Shoemake, SIGGRAPH 1985); share 0 gives start, 1 gives end, bit by bit."""
    start, end = np.asarray(start_wxyz, np.float64), np.asarray(end_wxyz, np.float64)
    share = np.asarray(share, np.float64)[..., None]
    end = np.where((start * end).sum(-1, keepdims=True) < 0, -end, end)
    # atan2 of difference and sum keeps its precision for tiny angles, where acos of the dot product has lost it
    angle = 2 * np.arctan2(np.linalg.norm(end - start, axis=-1, keepdims=True), np.linalg.norm(end + start, axis=-1, keepdims=True))
    sine = np.sin(angle)
    near = sine < 1e-12
    safe = np.where(near, 1, sine)
    a = np.where(near, 1 - share, np.sin((1 - share) * angle) / safe)
    b = np.where(near, share, np.sin(share * angle) / safe)
    quat = a * start + b * end
    quat = quat / np.linalg.norm(quat, axis=-1, keepdims=True)
    return np.where(share == 0, start, np.where(share == 1, end, quat))
