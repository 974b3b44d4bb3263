"""Cylindrical and equirectangular pictures: u goes with the angle about the camera's y axis, v with the height on a cylinder or the angle below.

The seam, where a turn ends and begins again, lies opposite to the middle of the picture. A direction on the seam belongs to its left end.
"""

import math

from . import compiled

CYLINDER = 5.0  # the kind; equirectangular pictures are the next
COSINE, SINE, PERIOD = 30, 31, 32  # places in a lens's row: of the angle to the picture's middle; pixels of a turn where the picture is one, else 0
STEEPEST = 1e6  # a cylinder is seen up to this height, in radii


@compiled
def facing(lens, x, z):
    """x and z, turned about y so that the middle of the picture is ahead."""
    return lens[COSINE] * x - lens[SINE] * z, lens[COSINE] * z + lens[SINE] * x


@compiled
def azimuth(lens, x, z):
    """Radians from the picture's middle, in [-pi, pi)."""
    aside, ahead = facing(lens, x, z)
    turned = math.atan2(aside, ahead)
    return turned if turned < math.pi else -math.pi


@compiled
def panorama_pixel(lens, x, y, z):
    u = (lens[5] - 1.0) / 2.0 + lens[1] * azimuth(lens, x, z)
    if lens[PERIOD] > 0.0 and not -0.5 <= u < lens[5] - 0.5:
        u = -0.5
    h = math.sqrt(x * x + z * z)
    if lens[0] == CYLINDER:
        return u, lens[2] * y / max(h, abs(y) / STEEPEST, 1e-300) + lens[4]
    return u, lens[2] * math.atan2(y, h) + lens[4]


@compiled
def panorama_sees(lens, x, y, z):
    square = x * x + z * z
    return 0.0 < square and abs(y) <= STEEPEST * math.sqrt(square) if lens[0] == CYLINDER else square + y * y > 0.0


@compiled
def panorama_slopes(lens, x, y, z):
    fx, fy, square = lens[1], lens[2], x * x + z * z
    h = math.sqrt(square)
    if h == 0.0:
        return 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    out, up = (-y / square, 1.0) if lens[0] == CYLINDER else (-y / (square + y * y), square / (square + y * y))
    return fx * z / square, 0.0, -fx * x / square, fy * out * x / h, fy * up / h, fy * out * z / h


@compiled
def beside(lens, u, other):
    """u, or a turn or more on, so that it is nearest to another."""
    turn = 2.0 * math.pi * lens[1]
    return u + turn * math.floor((other - u) / turn + 0.5)
