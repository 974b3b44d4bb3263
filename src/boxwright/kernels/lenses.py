"""A lens at one point: its pixel, and whether it is folded there.

A camera comes as one row of numbers; `Camera.packed` says which.
"""

import math

from . import compiled
from .panoramas import CYLINDER, panorama_pixel, panorama_sees, panorama_slopes
from .spheres import divisor, divisor_slopes

PLAIN, RADIAL, FULL, FISHEYE, SPHERE = 0, 1, 2, 3, 4  # and the panoramas
UNEVEN, DISTORTED = 34, 35  # places in the row: 1 where the lens may fold before its limit; 1 where there is distortion behind the plane or sphere


@compiled
def is_flat(lens):
    """Whether its picture is of a plane ahead: what is behind that plane has none."""
    return lens[0] <= FULL


@compiled
def is_round(lens):
    """Whether it ends at an angle off axis, which may be beyond 90 degrees."""
    return lens[0] == FISHEYE or lens[0] == SPHERE


@compiled
def is_panorama(lens):
    return lens[0] >= CYLINDER


@compiled
def plane(lens, x, y, z):
    """The undistorted picture in focal lengths, of lenses that have one."""
    w = divisor(lens, x, y, z) if lens[0] == SPHERE else z
    return x / w, y / w


@compiled
def pixel(lens, x, y, z):
    """u, v by the formula alone, inside the domain of the lens or on its edge."""
    fx, fy, cx, cy = lens[1], lens[2], lens[3], lens[4]
    if lens[0] == FISHEYE:
        r = math.sqrt(x * x + y * y)
        theta = math.atan2(r, z)
        square = theta * theta
        bent = theta * (1.0 + square * (lens[9] + square * (lens[10] + square * (lens[11] + square * lens[12]))))
        if r == 0.0 and z < 0.0:
            x = r = 1.0
        scale = bent / r if r > 0.0 else 0.0
        return fx * x * scale + cx, fy * y * scale + cy
    if is_panorama(lens):
        return panorama_pixel(lens, x, y, z)
    a, b = plane(lens, x, y, z)
    if lens[DISTORTED] == 0.0:
        return fx * a + cx, fy * b + cy
    rho = a * a + b * b
    over = 1.0 + rho * (lens[9] + rho * (lens[10] + rho * lens[13]))
    under = 1.0 + rho * (lens[14] + rho * (lens[15] + rho * lens[16]))
    factor = over / under + 2.0 * (lens[11] * b + lens[12] * a)
    x = a * factor + rho * (lens[12] + lens[17] + lens[18] * rho)
    y = b * factor + rho * (lens[11] + lens[19] + lens[20] * rho)
    w = lens[27] * x + lens[28] * y + lens[29]
    return fx * (lens[21] * x + lens[22] * y + lens[23]) / w + cx, fy * (lens[24] * x + lens[25] * y + lens[26]) / w + cy


@compiled
def unfolded(lens, a, b):
    """Whether the whole distortion keeps its orientation all the way from the surely good radius out to (a, b), looked at in steps of 2 %."""
    first = math.sqrt(lens[8] / (a * a + b * b))
    steps = math.ceil(-50.0 * math.log(first)) + 1
    for k in range(1, steps + 1):
        share = first ** (1.0 - k / steps)
        if not orientation(lens, a * share, b * share) > 0.0:
            return False
    return True


@compiled
def orientation(lens, a, b):
    """The determinant of the distortion's derivative at (a, b), before the tilt; -1 where the rational part or the tilt has its pole."""
    x, y, x_a, x_b, y_a, y_b, under = _bend(lens, a, b)
    if under <= 0.0 or lens[27] * x + lens[28] * y + lens[29] <= 0.0:
        return -1.0
    return x_a * y_b - x_b * y_a


@compiled
def _bend(lens, a, b):
    """Distorted x, y of (a, b) before the tilt, their derivatives x_a, x_b, y_a, y_b, and the divisor of the rational part."""
    k1, k2, p1, p2, k3, k4, k5, k6 = lens[9], lens[10], lens[11], lens[12], lens[13], lens[14], lens[15], lens[16]
    s1, s2, s3, s4 = lens[17], lens[18], lens[19], lens[20]
    rho = a * a + b * b
    over = 1.0 + rho * (k1 + rho * (k2 + rho * k3))
    under = 1.0 + rho * (k4 + rho * (k5 + rho * k6))
    radial = over / under
    slope = ((k1 + rho * (2.0 * k2 + rho * 3.0 * k3)) - radial * (k4 + rho * (2.0 * k5 + rho * 3.0 * k6))) / under
    twist = 2.0 * (p1 * b + p2 * a)
    x = a * (radial + twist) + p2 * rho + rho * (s1 + s2 * rho)
    y = b * (radial + twist) + p1 * rho + rho * (s3 + s4 * rho)
    prism_x = 2.0 * (p2 + s1 + 2.0 * s2 * rho)
    prism_y = 2.0 * (p1 + s3 + 2.0 * s4 * rho)
    x_a = radial + twist + a * (2.0 * slope * a + 2.0 * p2) + prism_x * a
    x_b = a * (2.0 * slope * b + 2.0 * p1) + prism_x * b
    y_a = b * (2.0 * slope * a + 2.0 * p2) + prism_y * a
    y_b = radial + twist + b * (2.0 * slope * b + 2.0 * p1) + prism_y * b
    return x, y, x_a, x_b, y_a, y_b, under


@compiled
def within(lens, x, y, z):
    """Whether a point has a pixel: it is in front, and the lens is not folded there."""
    if is_panorama(lens):
        return panorama_sees(lens, x, y, z)
    if is_round(lens):
        r = math.sqrt(x * x + y * y)
        if not (math.atan2(r, z) <= lens[7] and (r > 0.0 or z > 0.0)):
            return False
        if lens[UNEVEN] == 0.0:
            return True
    elif not z > 0.0:
        return False
    a, b = plane(lens, x, y, z)
    rho = a * a + b * b
    return (is_round(lens) or rho <= lens[7]) and (rho <= lens[8] or unfolded(lens, a, b))


@compiled
def slopes(lens, x, y, z):
    """How u and v change with x, y and z: u_x, u_y, u_z, v_x, v_y, v_z in pixels per metre, at a point that has a pixel."""
    fx, fy = lens[1], lens[2]
    if lens[0] == FISHEYE:
        square, away = x * x + y * y, x * x + y * y + z * z
        r = math.sqrt(square)
        theta = math.atan2(r, z)
        t2 = theta * theta
        bent = theta * (1.0 + t2 * (lens[9] + t2 * (lens[10] + t2 * (lens[11] + t2 * lens[12]))))
        growth = 1.0 + t2 * (3.0 * lens[9] + t2 * (5.0 * lens[10] + t2 * (7.0 * lens[11] + t2 * 9.0 * lens[12])))
        c, s, around = (x / r, y / r, bent / r) if r > 0.0 else (1.0, 0.0, 1.0 / z)
        out, ahead = growth * z / away, -growth * r / away
        cross = (out - around) * c * s
        return fx * (out * c * c + around * s * s), fx * cross, fx * ahead * c, fy * cross, fy * (out * s * s + around * c * c), fy * ahead * s
    if is_panorama(lens):
        return panorama_slopes(lens, x, y, z)
    w, w_x, w_y, w_z = z, 0.0, 0.0, 1.0
    if lens[0] == SPHERE:
        w, (w_x, w_y, w_z) = divisor(lens, x, y, z), divisor_slopes(lens, x, y, z)
    a, b = x / w, y / w
    u_a, u_b, v_a, v_b = fx, 0.0, 0.0, fy
    if lens[DISTORTED] != 0.0:
        u_a, u_b, v_a, v_b = _plane_slopes(lens, a, b)
    u_w, v_w = -(u_a * a + u_b * b) / w, -(v_a * a + v_b * b) / w
    return u_a / w + u_w * w_x, u_b / w + u_w * w_y, u_w * w_z, v_a / w + v_w * w_x, v_b / w + v_w * w_y, v_w * w_z


@compiled
def _plane_slopes(lens, a, b):
    """How u and v change with a and b."""
    fx, fy = lens[1], lens[2]
    p, q, p_a, p_b, q_a, q_b, _ = _bend(lens, a, b)
    w = lens[27] * p + lens[28] * q + lens[29]
    m, n = (lens[21] * p + lens[22] * q + lens[23]) / w, (lens[24] * p + lens[25] * q + lens[26]) / w
    m_p, m_q = fx * (lens[21] - m * lens[27]) / w, fx * (lens[22] - m * lens[28]) / w
    n_p, n_q = fy * (lens[24] - n * lens[27]) / w, fy * (lens[25] - n * lens[28]) / w
    return m_p * p_a + m_q * q_a, m_p * p_b + m_q * q_b, n_p * p_a + n_q * q_a, n_p * p_b + n_q * q_b
