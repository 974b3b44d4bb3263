"""Lenses that look at a sphere first: unified, extended unified and double sphere cameras in one form.

A point at distance d is moved along the axis by xi d. From there its depth is mixed from its own and from its distance to the centre:

    z1 = z + xi d        d2 = sqrt(beta (x^2 + y^2) + z1^2)        w = scale (alpha d2 + (1 - alpha) z1)        (a, b) = (x, y) / w

Behind the camera sums of a positive and a negative number are written as quotients, which lose no digits.
"""

import math

from . import compiled

XI, ALPHA, BETA, SCALE = 30, 31, 32, 33  # places in a lens's row


@compiled
def moved(lens, x, y, z):
    """z1 and d2."""
    xi, square = lens[XI], x * x + y * y
    d = math.sqrt(square + z * z)
    z1 = z + xi * d if z >= 0.0 else square / (d - z) + (xi - 1.0) * d
    return z1, math.sqrt(lens[BETA] * square + z1 * z1)


@compiled
def divisor(lens, x, y, z):
    """w, which is positive wherever the lens sees."""
    z1, d2 = moved(lens, x, y, z)
    alpha = lens[ALPHA]
    if z1 >= 0.0:
        return lens[SCALE] * (alpha * d2 + (1.0 - alpha) * z1)
    return lens[SCALE] * (alpha * lens[BETA] * (x * x + y * y) / (d2 - z1) + (1.0 - 2.0 * alpha) * z1)


@compiled
def divisor_slopes(lens, x, y, z):
    """How w changes with x, y and z."""
    xi, alpha, beta, scale = lens[XI], lens[ALPHA], lens[BETA], lens[SCALE]
    d = math.sqrt(x * x + y * y + z * z)
    z1, d2 = moved(lens, x, y, z)
    x1, y1, ahead = xi * x / d, xi * y / d, 1.0 + xi * z / d
    w_x = scale * (alpha * (beta * x + z1 * x1) / d2 + (1.0 - alpha) * x1)
    w_y = scale * (alpha * (beta * y + z1 * y1) / d2 + (1.0 - alpha) * y1)
    return w_x, w_y, scale * (alpha * z1 * ahead / d2 + (1.0 - alpha) * ahead)
