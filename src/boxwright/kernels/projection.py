"""Points into pictures.

A camera comes as one row of numbers (`Camera.packed` says which), a pose as twelve (rotation by rows, then translation).
Points are projected in blocks kept as columns in scratch arrays, so that every step is one plain loop which the compiler turns into vector
instructions. `np.divide` stands where a divisor cannot be zero: numba's `/` would test for it, and the test ends the vectorisation.
"""

import math

import numpy as np

from . import compiled, kernel
from .lenses import FISHEYE, FULL, PLAIN, pixel, unfolded, within

BLOCK, CHUNK = 512, 4096  # points
OK, BEHIND, FOLD, OUTSIDE, NOT_FINITE = 0.0, 1.0, 2.0, 3.0, 4.0  # floats until stored: vectors of whole numbers are slow to convert
UNSURE = 5.0  # added to OK or OUTSIDE until it is settled whether the lens is folded there
X, Y, Z = 0, BLOCK, 2 * BLOCK  # columns of the scratch arrays

# atan(t) / t as a polynomial in t^2 for |t| <= tan(pi / 8), by Chebyshev interpolation in forty digits: within 6e-17 of the truth
A0, A1, A2, A3, A4, A5 = 1.0, -0.3333333333332844, 0.1999999999885511, -0.14285714180976467, 0.11111106180455946, -0.09090773074808414
A6, A7, A8, A9, A10 = 0.07689953496306857, -0.06640233930429408, 0.056883492268090106, -0.04348052215716462, 0.021135373157693246
TAN_22_5_DEG = 0.41421356237309503


@kernel
def project_points(points, first, last, origins, poses, lenses, out_image, out_status):
    """Into pinhole and fisheye cameras.

    points (N, 3), of which those from `first` up to `last` are projected; origins (C, 3), subtracted from them first; poses (C, 12) cam
    from there; lenses (C, 36); out_image (C, 3, N) u, v, depth; out_status (C, N).

    A chunk of points is read once, as long as the cameras have one origin, and projected into one camera after the other while it lies in the cache,
    so that long runs are written.
    """
    source = np.empty(CHUNK * 3)
    work = np.empty(3 * BLOCK)
    for begin in range(first, last, CHUNK):
        end = min(begin + CHUNK, last)
        for c in range(poses.shape[0]):
            lens = lenses[c]
            if c == 0 or not _is_same(origins[c], origins[c - 1]):
                for start in range(begin, end, BLOCK):
                    _load(points[start : min(start + BLOCK, end)], origins[c], source[3 * (start - begin) : 3 * (start - begin + BLOCK)])
            for start in range(begin, end, BLOCK):
                stop = min(start + BLOCK, end)
                n = stop - start
                block = source[3 * (start - begin) : 3 * (start - begin + BLOCK)]
                n_seen = _depth(block, poses[c], work, out_image[c, 2, start:stop])
                if n_seen > 0 or lens[0] == FISHEYE:
                    n_seen = _aside(block, poses[c], lens[7], work, n)
                u, v, status = out_image[c, 0, start:stop], out_image[c, 1, start:stop], out_status[c, start:stop]
                if lens[0] == FISHEYE:
                    _fisheye(lens, work, u, v, status)
                elif n_seen == 0:
                    _unseen(BEHIND if lens[0] == PLAIN else FOLD, work, u, v, status)
                elif lens[0] == FULL:
                    _full(lens, work, u, v, status)
                else:
                    _radial(lens, work, u, v, status)
                if lens[8] < lens[7] and n_seen > 0:
                    _settle(lens, work, u, v, status)


@kernel
def project_points_singly(points, first, last, origin, pose, lens, out_image, out_status):
    """As `project_points`, into one camera of any kind: one point after the other, for lenses that few recordings have.

    origin (3,); pose (12,); lens (36,); out_image (3, N); out_status (N,)
    """
    right, bottom = lens[5] - 0.5, lens[6] - 0.5
    for i in range(first, last):
        px, py, pz = np.float64(points[i, 0]) - origin[0], np.float64(points[i, 1]) - origin[1], np.float64(points[i, 2]) - origin[2]
        x = pose[0] * px + pose[1] * py + pose[2] * pz + pose[9]
        y = pose[3] * px + pose[4] * py + pose[5] * pz + pose[10]
        z = pose[6] * px + pose[7] * py + pose[8] * pz + pose[11]
        u, v, status = np.nan, np.nan, FOLD
        size = max(abs(x), abs(y), abs(z))
        if not (math.isfinite(x) and math.isfinite(y) and math.isfinite(z)):
            z, status = np.nan, NOT_FINITE
        elif size == 0.0:
            status = BEHIND
        elif within(lens, x / size, y / size, z / size):  # whose squares are neither too large nor too small
            u, v = pixel(lens, x / size, y / size, z / size)
            status = OK if u >= -0.5 and u < right and v >= -0.5 and v < bottom else OUTSIDE
        out_image[0, i], out_image[1, i], out_image[2, i], out_status[i] = u, v, z, status


@compiled
def _is_same(a, b):
    return a[0] == b[0] and a[1] == b[1] and a[2] == b[2]


@compiled
def _load(points, origin, out):
    """As columns, seen from the origin; z becomes NaN where a coordinate is not finite, for then it minus itself is not 0."""
    for i in range(points.shape[0]):
        x, y, z = np.float64(points[i, 0]), np.float64(points[i, 1]), np.float64(points[i, 2])
        out[X + i] = x
        out[Y + i] = y
        out[Z + i] = z if (x - x) + (y - y) + (z - z) == 0.0 else np.nan
    if origin[0] != 0.0 or origin[1] != 0.0 or origin[2] != 0.0:
        for i in range(points.shape[0]):
            out[X + i] -= origin[0]
            out[Y + i] -= origin[1]
            out[Z + i] -= origin[2]


@compiled
def _depth(source, pose, work, out_depth):
    """z in the camera's frame; returns how many points are in front."""
    n_front = 0
    r20, r21, r22, tz = pose[6], pose[7], pose[8], pose[11]
    for i in range(len(out_depth)):
        z = r20 * source[X + i] + r21 * source[Y + i] + r22 * source[Z + i] + tz
        z = z if z - z == 0.0 else np.nan
        work[Z + i] = z
        out_depth[i] = z
        n_front += z > 0.0
    return n_front


@compiled
def _aside(source, pose, limit, work, n):
    """x and y in the camera's frame; returns how many points may lie within a pinhole lens's limit (a squared radius)."""
    n_near = 0
    r00, r01, r02, r10, r11, r12, tx, ty = pose[0], pose[1], pose[2], pose[3], pose[4], pose[5], pose[9], pose[10]
    limit = limit * (1.0 + 1e-9)
    for i in range(n):
        x, y, z = source[X + i], source[Y + i], source[Z + i]
        x_cam = r00 * x + r01 * y + r02 * z + tx
        y_cam = r10 * x + r11 * y + r12 * z + ty
        z_cam = work[Z + i]
        work[X + i] = x_cam
        work[Y + i] = y_cam
        beyond = x_cam * x_cam + y_cam * y_cam > limit * (z_cam * z_cam)
        n_near += (z_cam > 0.0) & (not beyond)
    return n_near


@compiled
def _unseen(status, work, out_u, out_v, out_status):
    """A block without a picture: its points are behind, or have that status."""
    for i in range(len(out_u)):
        z = work[Z + i]
        out_u[i] = np.nan
        out_v[i] = np.nan
        code = status if z > 0.0 else BEHIND
        out_status[i] = code if z == z else NOT_FINITE


@compiled
def _radial(lens, work, out_u, out_v, out_status):
    fx, fy, cx, cy, limit, sure = lens[1], lens[2], lens[3], lens[4], lens[7], lens[8]
    right, bottom = lens[5] - 0.5, lens[6] - 0.5
    k1, k2, p1, p2, k3 = lens[9], lens[10], lens[11], lens[12], lens[13]
    beyond = BEHIND if lens[0] == PLAIN else FOLD
    for i in range(len(out_u)):
        z = work[Z + i]
        inverse = np.divide(1.0, z if z > 0.0 else 1.0)
        a = work[X + i] * inverse
        b = work[Y + i] * inverse
        rho = a * a + b * b
        radial = 1.0 + rho * (k1 + rho * (k2 + rho * k3))
        twist = 2.0 * (p1 * b + p2 * a)
        u = fx * (a * (radial + twist) + p2 * rho) + cx
        v = fy * (b * (radial + twist) + p1 * rho) + cy
        mapped = (z > 0.0) & (rho <= limit)
        inside = (u >= -0.5) & (u < right) & (v >= -0.5) & (v < bottom)
        status = OK if inside else OUTSIDE
        status = status if rho <= sure else status + UNSURE
        status = status if rho <= limit else beyond
        status = status if z > 0.0 else BEHIND
        out_u[i] = u if mapped else np.nan
        out_v[i] = v if mapped else np.nan
        out_status[i] = status if z == z else NOT_FINITE


@compiled
def _full(lens, work, out_u, out_v, out_status):
    fx, fy, cx, cy, limit, sure = lens[1], lens[2], lens[3], lens[4], lens[7], lens[8]
    right, bottom = lens[5] - 0.5, lens[6] - 0.5
    k1, k2, p1, p2, k3, k4, k5, k6 = lens[9], lens[10], lens[11], lens[12], lens[13], lens[14], lens[15], lens[16]
    s1, s2, s3, s4 = lens[17], lens[18], lens[19], lens[20]
    t00, t01, t02, t10, t11, t12, t20, t21, t22 = lens[21], lens[22], lens[23], lens[24], lens[25], lens[26], lens[27], lens[28], lens[29]
    for i in range(len(out_u)):
        z = work[Z + i]
        inverse = np.divide(1.0, z if z > 0.0 else 1.0)
        a = work[X + i] * inverse
        b = work[Y + i] * inverse
        rho = a * a + b * b
        bottom_part = 1.0 + rho * (k4 + rho * (k5 + rho * k6))
        mapped = (z > 0.0) & (rho <= limit) & (bottom_part > 0.0)
        radial = np.divide(1.0 + rho * (k1 + rho * (k2 + rho * k3)), bottom_part if mapped else 1.0)
        twist = 2.0 * (p1 * b + p2 * a)
        x = a * (radial + twist) + p2 * rho + rho * (s1 + s2 * rho)
        y = b * (radial + twist) + p1 * rho + rho * (s3 + s4 * rho)
        w = t20 * x + t21 * y + t22
        mapped = mapped & (w > 0.0)
        inverse = np.divide(1.0, w if mapped else 1.0)
        u = fx * (t00 * x + t01 * y + t02) * inverse + cx
        v = fy * (t10 * x + t11 * y + t12) * inverse + cy
        inside = (u >= -0.5) & (u < right) & (v >= -0.5) & (v < bottom)
        status = OK if inside else OUTSIDE
        status = status if rho <= sure else status + UNSURE
        status = status if mapped else FOLD
        status = status if z > 0.0 else BEHIND
        out_u[i] = u if mapped else np.nan
        out_v[i] = v if mapped else np.nan
        out_status[i] = status if z == z else NOT_FINITE


@compiled
def _fisheye(lens, work, out_u, out_v, out_status):
    fx, fy, cx, cy, limit = lens[1], lens[2], lens[3], lens[4], lens[7]
    right, bottom = lens[5] - 0.5, lens[6] - 0.5
    k1, k2, k3, k4 = lens[9], lens[10], lens[11], lens[12]
    for i in range(len(out_u)):
        x, y, z = work[X + i], work[Y + i], work[Z + i]
        r = math.sqrt(x * x + y * y)
        # atan2(r, z), written out so that it becomes vector instructions
        ahead = abs(z)
        small, big = (r if r < ahead else ahead), (ahead if r < ahead else r)
        near_1 = small > TAN_22_5_DEG * big
        over, under = (small - big if near_1 else small), (small + big if near_1 else big)
        t = np.divide(over, under if under > 0.0 else 1.0)
        t2 = t * t
        theta = t * (A0 + t2 * (A1 + t2 * (A2 + t2 * (A3 + t2 * (A4 + t2 * (A5 + t2 * (A6 + t2 * (A7 + t2 * (A8 + t2 * (A9 + t2 * (A10)))))))))))
        theta = theta + math.pi / 4 if near_1 else theta
        theta = math.pi / 2 - theta if r > ahead else theta
        theta = math.pi - theta if z < 0.0 else theta
        square = theta * theta
        bent = theta * (1.0 + square * (k1 + square * (k2 + square * (k3 + square * k4))))
        scale = np.divide(bent, r if r > 0.0 else 1.0)
        u = fx * x * scale + cx
        v = fy * y * scale + cy
        mapped = (theta <= limit) & ((r > 0.0) | (z > 0.0))
        inside = (u >= -0.5) & (u < right) & (v >= -0.5) & (v < bottom)
        status = OK if inside else OUTSIDE
        status = status if mapped else FOLD
        status = status if (r > 0.0) | (z != 0.0) else BEHIND
        out_u[i] = u if mapped else np.nan
        out_v[i] = v if mapped else np.nan
        out_status[i] = status if z == z else NOT_FINITE


@compiled
def _settle(lens, work, out_u, out_v, out_status):
    """Points between the radius that is sure in every direction and the radial limit, one by one; there are few, if any."""
    unsure = 0
    for i in range(len(out_status)):
        unsure += out_status[i] >= UNSURE
    if unsure == 0:
        return
    for i in range(len(out_status)):
        if out_status[i] < UNSURE:
            continue
        if unfolded(lens, work[X + i] / work[Z + i], work[Y + i] / work[Z + i]):
            out_status[i] -= UNSURE
        else:
            out_u[i] = np.nan
            out_v[i] = np.nan
            out_status[i] = FOLD
