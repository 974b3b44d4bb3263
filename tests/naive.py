"""Slow twins: what every kernel must agree with, written to be read."""

from __future__ import annotations

import itertools
import math

import numpy as np

import boxwright as bw
from boxwright.motion import motion_at

# ---------------------------------------------------------------- containment


def points_in_cuboids(points, cuboids) -> np.ndarray:
    """(M, N) bool; faces closed, float64, points that are not finite are outside."""
    points = np.asarray(points, np.float64)
    finite = np.isfinite(points).all(1)
    inside = np.zeros((len(cuboids), len(points)), bool)
    for m in range(len(cuboids)):
        if np.isfinite(cuboids.center_m[m]).all():
            dx, dy, dz = (points[finite] - cuboids.center_m[m]).T
            r = cuboids.rotation[m]
            along = np.stack([dx * r[0, k] + dy * r[1, k] + dz * r[2, k] for k in range(3)], 1)
            inside[m, finite] = (np.abs(along) <= cuboids.size_m[m] / 2).all(1)
    return inside


def beams_through(points, origin, cuboids, margin_m) -> list[int]:
    """The line of every beam is cut with the six faces; the last cut that lies on the cuboid counts."""
    counts = []
    for center, size, rotation in zip(cuboids.center_m, cuboids.size_m, cuboids.rotation):
        n = 0
        for p in np.asarray(points, np.float64):
            length = np.linalg.norm(p - origin)
            if not np.isfinite(length) or length == 0:
                continue
            local, way = rotation.T @ (origin - center), rotation.T @ (p - origin) / length
            reach = [t for axis in range(3) if way[axis] != 0 for t in ((s * size[axis] / 2 - local[axis]) / way[axis] for s in (-1, 1))]
            on = [t for t in [0.0, *reach] if t >= 0 and (np.abs(local + t * way) <= size / 2 + 1e-9).all()]
            n += bool(on) and max(on) + margin_m <= length
        counts.append(int(n))
    return counts


# ---------------------------------------------------------------- segmentation


def point_owners(points, cuboids, overlap, margin_m=0.0):
    """(N,) cuboid each point belongs to, -1 for none; and how many points several claim."""
    owner, n_contested = [], 0
    for p in np.asarray(points, np.float64):
        claims = []
        for m in range(len(cuboids)):
            local, half = cuboids.rotation[m].T @ (p - cuboids.center_m[m]), cuboids.size_m[m] / 2
            beyond = np.abs(local) - half
            is_own = bool((beyond <= 0).all())
            is_near = bool((np.abs(local[:2]) <= half[:2] + margin_m).all() and -half[2] <= local[2] <= half[2] + margin_m)
            if not (is_own or is_near):
                continue
            key = {
                "first": m,
                "smallest": np.prod(2 * half),
                "nearest_center": np.linalg.norm(local),
                "nearest_face": -beyond.max() if is_own else np.linalg.norm(np.maximum(beyond, 0)),
            }[overlap]
            claims.append((not is_own, key, np.linalg.norm(local), m))
        best = [claim for claim in claims if claim[0] == min(claims)[0]]
        owner.append(min(best)[3] if best else -1)
        n_contested += len(best) > 1
    return np.array(owner), n_contested


def in_polygon(point, corners) -> bool:
    """Even-odd rule: crossings of a ray along +x; a point on an edge is inside."""
    x, y = point[:2]
    if not np.isfinite(point).all():
        return False
    n_crossings = 0
    for a, b in zip(corners, np.roll(corners, -1, axis=0)):
        cross = (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])
        if cross == 0 and min(a[0], b[0]) <= x <= max(a[0], b[0]) and min(a[1], b[1]) <= y <= max(a[1], b[1]):
            return True
        if (a[1] > y) != (b[1] > y):
            n_crossings += x < a[0] + (y - a[1]) * (b[0] - a[0]) / (b[1] - a[1])
    return n_crossings % 2 == 1


def panoptic(founds, golds) -> dict:
    """Class -> (matched, extra, missed, sum of IoU of the matched, IoU of the class's points), object by object."""
    table = {}
    points = {}
    for found, gold in zip(founds, golds):
        mine, theirs = {}, {}
        for i in range(len(gold)):
            a, b = found.class_name(int(found.class_id[i])), gold.class_name(int(gold.class_id[i]))
            mine.setdefault((a, int(found.instance_id[i])), set()).add(i)
            theirs.setdefault((b, int(gold.instance_id[i])), set()).add(i)
            if b != "unlabelled":
                points.setdefault(a, [set(), set()])[0].add((id(gold), i))
                points.setdefault(b, [set(), set()])[1].add((id(gold), i))
        void = set().union(*(rows for (name, _), rows in theirs.items() if name == "unlabelled"))
        taken = set()
        for (name, _), rows in mine.items():
            if name == "unlabelled":
                continue
            row = table.setdefault(name, [0, 0, 0, 0.0])
            for other, others in theirs.items():
                iou = len(rows & others) / len((rows - void) | others) if other[0] == name else 0
                if iou > 0.5:
                    row[0], row[3] = row[0] + 1, row[3] + iou
                    taken.add(other)
                    break
            else:
                row[1] += len(rows & void) <= len(rows) / 2
        for other in theirs:
            if other[0] != "unlabelled":
                table.setdefault(other[0], [0, 0, 0, 0.0])[2] += other not in taken
    return {name: (*table[name], len(a & b) / len(a | b)) for name, (a, b) in points.items() if name != "unlabelled"}


# ---------------------------------------------------------------- terrain, fitting
def closeness(points, angle, noise_m=0.03):
    """What `fit_rectangles` maximises over the coarse headings."""
    p = np.asarray(points, np.float64)[:, :2]
    p = p - p[0]
    u, v = p @ [np.cos(angle), np.sin(angle)], p @ [-np.sin(angle), np.cos(angle)]
    d = np.min([u - u.min(), u.max() - u, v - v.min(), v.max() - v], axis=0)
    return (np.maximum(1 - d / (25 * noise_m), 0) ** 4).sum()


def fit_rectangle(points, noise_m=0.03, step_deg=0.05):
    """Exhaustive closeness search: (center, size, yaw) with the longer side along yaw."""
    p = np.asarray(points, np.float64)[:, :2]
    p = p[np.isfinite(p).all(1)]
    if len(p) < 3:
        return np.full(2, np.nan), np.full(2, np.nan), np.nan
    angles = np.radians(np.arange(0, 90, step_deg))
    yaw = angles[np.argmax([closeness(p, angle, noise_m) for angle in angles])]
    return rectangle_at(p, yaw)


def rectangle_at(points, yaw):
    """(center, size, yaw) of the bounding rectangle at one heading, the longer side along the yaw given back, in (-pi/2, pi/2]."""
    p = np.asarray(points, np.float64)[:, :2]
    axes = np.array([[np.cos(yaw), np.sin(yaw)], [-np.sin(yaw), np.cos(yaw)]])
    low, high = (p @ axes.T).min(0), (p @ axes.T).max(0)
    center, size = (low + high) / 2 @ axes, high - low
    if size[0] < size[1]:
        yaw, size = yaw + np.pi / 2, size[::-1]
    return center, size, -((-yaw + np.pi / 2) % np.pi - np.pi / 2)


def connected(points, seed, reach):
    """(n,) bool of the points reached from one of them in steps no longer than `reach`, a step up counting half."""
    p = np.asarray(points, np.float64) * [1, 1, 0.5]
    near = ((p[:, None] - p) ** 2).sum(-1) <= reach * reach
    member = np.zeros(len(p), bool)
    member[seed] = True
    while (wider := near[member].any(0)).sum() > member.sum():
        member = wider
    return member


def pose_cost(points, yaw, sensor, size, sigma, tuning, yaw_costs=None, rays=()):
    """(cost, trimmed extents) of one heading; extents by sorting, what light passed by stepping along it."""
    p = np.asarray(points, np.float64)[:, :2]
    face, enough, short, trim = tuning[:4]
    n, ends, seen, away = len(p), [], [], []
    axes = np.array([[np.cos(yaw), np.sin(yaw)], [-np.sin(yaw), np.cos(yaw)]])
    uv, at = p @ axes.T, axes @ sensor
    off = np.full(n, np.inf)
    for k in range(2):
        values, beyond = np.sort(uv[:, k]), int(np.floor(trim * n)) if trim * n >= 0.5 else 0
        low, high = values[beyond], values[-1 - beyond]
        ends += [low, high]
        seen.append(not low <= at[k] <= high)
        away.append(abs(at[k] - (low + high) / 2))
        if seen[k]:
            off = np.minimum(off, np.abs(uv[:, k] - (low if at[k] < low else high)))
    cost = np.mean(1 - face**2 / (off**2 + face**2)) * enough * n / (n + enough)
    for k in range(2):
        z = (ends[2 * k + 1] - ends[2 * k] - size[k]) / sigma[k]
        visible = short * away[1 - k] / np.hypot(*away) if seen[1 - k] else 0
        cost += 0.5 * z * z if z > 0 else visible * (1 - np.exp(-0.5 * z * z))
    if yaw_costs is not None:
        n_headings = len(yaw_costs)
        cost += np.interp(yaw % np.pi * n_headings / np.pi, np.arange(n_headings + 1), np.append(yaw_costs, yaw_costs[0]))
    if len(rays):
        most, half = tuning[6:8]
        solid = []
        for k in range(2):
            low, high = ends[2 * k : 2 * k + 2]
            lack = max(size[k] - (high - low), 0)
            solid.append(
                (low - lack * (0 if at[k] < low else 1 if at[k] > high else 0.5), high + lack * (1 if at[k] < low else 0 if at[k] > high else 0.5))
            )
        n_through = sum(passes(axes @ ray[:2], at, np.array(solid), ray[2], ray[3]) for ray in rays)
        cost += most * n_through / (n_through + half)
    return cost, np.array(ends)


def passes(end, start, box, low_share, high_share, n_steps=200_001):
    """Whether the way from start to end crosses the box (0.1 m smaller all around) for 0.3 m, ends 0.3 m behind it, and is low enough halfway."""
    share = np.linspace(0, 1, n_steps)
    places = start + share[:, None] * (end - start)
    inside = share[((places >= box[:, 0] + 0.1) & (places <= box[:, 1] - 0.1)).all(1)]
    if not len(inside) or inside[0] == 0:
        return False
    way = np.hypot(*(end - start))
    return (inside[-1] - inside[0]) * way > 0.3 and (1 - inside[-1]) * way > 0.3 and low_share <= (inside[0] + inside[-1]) / 2 <= high_share


def directions(points, place, left_out, cell_m, radius, nearest_m, furthest_m, n_headings):
    """Votes of all pairs of cells; the mean of each cell's points stands for it."""
    off = np.asarray(points, np.float64)[:, :2] - place
    off = off[np.hypot(*off.T) >= left_out]
    cells = {}
    for row in off:
        cells.setdefault(tuple(((row + radius) / cell_m).astype(int)), []).append(row)
    middles = [np.mean(rows, axis=0) for rows in cells.values()]
    votes = np.zeros(n_headings)
    reach = int(np.ceil(furthest_m / cell_m))
    for (a, first), (b, second) in itertools.combinations(zip(cells, middles), 2):
        step = second - first
        if nearest_m <= np.hypot(*step) <= furthest_m and max(abs(a[0] - b[0]), abs(a[1] - b[1])) <= reach:
            votes[int(np.round(np.arctan2(step[1], step[0]) % np.pi * n_headings / np.pi)) % n_headings] += 1
    return votes


def low_cells(points, x0, y0, cell_m, n_x, n_y):
    """Rows x, y (from the corner), mean height of the points within 0.15 m above the lowest, how many; cells in reading order."""
    p = np.asarray(points, np.float64)
    p = p[np.isfinite(p).all(1)]
    column, row = np.floor((p[:, 0] - x0) / cell_m).astype(int), np.floor((p[:, 1] - y0) / cell_m).astype(int)
    rows = []
    for i in range(n_y):
        for j in range(n_x):
            here = p[(row == i) & (column == j)]
            if len(here):
                band = here[here[:, 2] - here[:, 2].min() <= 0.15]
                rows.append([*(band.mean(0) - [x0, y0, 0]), len(band)])
    return np.array(rows).reshape(-1, 4)


def grid_heights(xy, nodes, x0, y0, spacing_m):
    """Bilinear interpolation of nodes (rows along y), clamped at the border."""
    out = []
    for x, y in np.asarray(xy, np.float64)[:, :2]:
        if not np.isfinite(x + y):
            out.append(np.nan)
            continue
        column = np.clip((x - x0) / spacing_m, 0, nodes.shape[1] - 1)
        row = np.clip((y - y0) / spacing_m, 0, nodes.shape[0] - 1)
        along_x = [np.interp(column, np.arange(nodes.shape[1]), line) for line in nodes]
        out.append(np.interp(row, np.arange(nodes.shape[0]), along_x))
    return np.array(out)


# ---------------------------------------------------------------- overlap: any kind of number, float or mpmath.mpf


def corners_of(center, size, rotation, number=float) -> list:
    """Eight corners as lists of three numbers; corner 4 i + 2 j + k lies at the low (0) or high (1) end along x, y, z."""
    c, s = [number(float(v)) for v in center], [number(float(v)) / 2 for v in size]
    r = [[number(float(v)) for v in row] for row in rotation]
    signs = [(i, j, k) for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)]
    return [[c[a] + sum(r[a][b] * sign[b] * s[b] for b in range(3)) for a in range(3)] for sign in signs]


def clip(polygon, signed_distance) -> list:
    """The part of a convex polygon where signed_distance(point) <= 0."""
    out = []
    for i, here in enumerate(polygon):
        before = polygon[i - 1]
        d_here, d_before = signed_distance(here), signed_distance(before)
        if (d_here > 0) != (d_before > 0):
            share = d_before / (d_before - d_here)
            out.append([b + share * (h - b) for b, h in zip(before, here)])
        if d_here <= 0:
            out.append(here)
    return out


def area_2d(polygon):
    x, y = polygon[0]
    return sum((p[0] - x) * (q[1] - y) - (p[1] - y) * (q[0] - x) for p, q in itertools.pairwise(polygon[1:])) / 2


def hull_2d(points) -> list:
    """Counter-clockwise (Andrew's monotone chain)."""
    chains = []
    for ordered in (sorted(points), sorted(points, reverse=True)):
        chain = []
        for p in ordered:
            while len(chain) > 1 and area_2d([chain[-2], chain[-1], p]) <= 0:
                chain.pop()
            chain.append(p)
        chains += chain[:-1]
    return chains


def iou_bev(corners_a, corners_b):
    """Of the hulls in x, y."""
    a, b = (hull_2d([c[:2] for c in corners]) for corners in (corners_a, corners_b))
    shared = a
    for i in range(len(b)):
        p, q = b[i - 1], b[i]
        shared = clip(shared, lambda v, p=p, q=q: (q[1] - p[1]) * (v[0] - p[0]) - (q[0] - p[0]) * (v[1] - p[1]))
    shared = area_2d(shared) if len(shared) > 2 else 0
    return shared / (area_2d(a) + area_2d(b) - shared)


def iou_3d(corners_a, corners_b, epsilon=1e-12):
    """The first cuboid, cut by the planes of the second one after the other, every cut closed by a cap."""
    shared = faces_of(corners_a)
    for face in faces_of(corners_b):
        normal = cross(minus(face[1], face[0]), minus(face[3], face[0]))
        length = dot(normal, normal) ** 0.5
        normal = [v / length for v in normal]
        shared = cut(shared, face[0], normal, epsilon)
    volume = polyhedron_volume(shared)
    return volume / (polyhedron_volume(faces_of(corners_a)) + polyhedron_volume(faces_of(corners_b)) - volume)


def faces_of(corners) -> list:
    """Six quadrilaterals, counter-clockwise seen from outside."""
    return [[corners[i] for i in face] for face in ((4, 6, 7, 5), (0, 1, 3, 2), (2, 3, 7, 6), (0, 4, 5, 1), (1, 5, 7, 3), (0, 2, 6, 4))]


def cut(faces, point, normal, epsilon) -> list:
    def above(v):
        d = dot(minus(v, point), normal)
        return 0 * d if abs(d) <= epsilon else d

    kept, rim = [], []
    for face in faces:
        if all(above(v) == 0 for v in face):
            rim += face
            continue
        part = clip(face, above)
        rim += [v for v in part if abs(above(v)) <= epsilon]
        if len(part) > 2:
            kept.append(part)
    if len(rim) > 2:
        middle = [sum(v[k] for v in rim) / len(rim) for k in range(3)]
        across = max((minus(v, middle) for v in rim), key=lambda v: dot(v, v))
        up = cross(normal, across)
        kept.append(sorted(rim, key=lambda v: np.arctan2(float(dot(minus(v, middle), up)), float(dot(minus(v, middle), across)))))
    return kept


def polyhedron_volume(faces):
    """Of a convex one: cones from a point inside."""
    corners = [v for face in faces for v in face]
    if not corners:
        return 0
    middle = [sum(v[k] for v in corners) / len(corners) for k in range(3)]
    cones = [(minus(face[0], middle), minus(p, middle), minus(q, middle)) for face in faces for p, q in itertools.pairwise(face[1:])]
    return sum(abs(dot(a, cross(b, c))) for a, b, c in cones) / 6


def minus(a, b) -> list:
    return [p - q for p, q in zip(a, b)]


def dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def cross(a, b) -> list:
    return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]


# ---------------------------------------------------------------- interpolation, tracks


def curve(times_ns, values, at_ns, method):
    """(3,) at one time within the keyframes (K,), (K, 3): scipy's interpolators; parabola tangents for Catmull-Rom."""
    from scipy.interpolate import Akima1DInterpolator, CubicHermiteSpline, PchipInterpolator

    t, x = (np.asarray(times_ns) - times_ns[0]).astype(float) * 1e-9, float(at_ns - times_ns[0]) * 1e-9
    if len(t) == 1:
        return values[0]
    if len(t) == 2 or method == "linear":
        return np.array([np.interp(x, t, column) for column in values.T])
    if method == "makima":
        return Akima1DInterpolator(t, values, method="makima")(x)
    if method == "pchip":
        return PchipInterpolator(t, values)(x)
    tangents = []
    for i in range(len(t)):
        j = min(max(i, 1), len(t) - 2)
        parabola = [np.polyfit(t[j - 1 : j + 2] - t[i], values[j - 1 : j + 2, axis], 2) for axis in range(3)]
        tangents.append([p[1] for p in parabola])
    return CubicHermiteSpline(t, values, np.array(tangents))(x)


def slerp(start, end, share):
    """(4,) by mpmath at 50 digits, short arc."""
    import mpmath

    with mpmath.workdps(50):
        a, b, s = [mpmath.mpf(float(v)) for v in start], [mpmath.mpf(float(v)) for v in end], mpmath.mpf(share.numerator) / share.denominator
        a, b = [v / mpmath.norm(a) for v in a], [v / mpmath.norm(b) for v in b]
        dot = mpmath.fdot(a, b)
        if dot < 0:
            b, dot = [-v for v in b], -dot
        angle = 2 * mpmath.atan2(mpmath.norm([q - p for p, q in zip(a, b)]), mpmath.norm([q + p for p, q in zip(a, b)]))
        if angle == 0:
            return np.array([float(v) for v in a])
        return np.array([float((p * mpmath.sin((1 - s) * angle) + q * mpmath.sin(s * angle)) / mpmath.sin(angle)) for p, q in zip(a, b)])


def track_at(times_ns, cuboids, visibility, method, at_ns):
    """(state, center, size, quat) of one track at one time, None for what is not there; states as in bw.State."""
    from fractions import Fraction

    nothing = (None, None, None)
    times = [int(t) for t in times_ns]
    if at_ns < times[0]:
        return 3, *nothing
    k = max(i for i, t in enumerate(times) if t <= at_ns)
    if visibility[k] == 2:
        return 2, *nothing
    if times[k] == at_ns:
        return 0, cuboids.center_m[k], cuboids.size_m[k], cuboids.quat_wxyz[k]
    if k == len(times) - 1:
        return 4, *nothing
    first = last = k
    while first > 0 and visibility[first - 1] != 2:
        first -= 1
    while last < len(times) - 1 and visibility[last] != 2:
        last += 1
    run = slice(first, last + 1)
    share = Fraction(at_ns - times[k], times[k + 1] - times[k])
    center = curve(np.array(times[run]), cuboids.center_m[run], at_ns, method)
    size = (1 - float(share)) * cuboids.size_m[k] + float(share) * cuboids.size_m[k + 1]
    return 1, center, size, slerp(cuboids.quat_wxyz[k], cuboids.quat_wxyz[k + 1], share)


# ---------------------------------------------------------------- projection


def pixel_of(point_cam, camera):
    """(u, v, status name) of one point of the cam frame, by the book: OpenCV's documentation, Kannala and Brandt's paper."""
    x, y, z = (float(v) for v in point_cam)
    if not all(math.isfinite(v) for v in (x, y, z)):
        return math.nan, math.nan, "not finite"
    if not hasattr(camera, "fx_px"):
        raise TypeError("no lens")
    if type(camera).__name__ in SHAPES:
        if x == y == z == 0:
            return math.nan, math.nan, "behind"
        a, b = SHAPES[type(camera).__name__](camera, x, y, z)
        if math.isnan(a):
            return math.nan, math.nan, "fold"
    elif hasattr(camera, "max_angle_rad"):
        r, theta = math.hypot(x, y), math.atan2(math.hypot(x, y), z)
        if r == 0 and z == 0:
            return math.nan, math.nan, "behind"
        if theta > camera.max_angle_rad or (r == 0 and z < 0):
            return math.nan, math.nan, "fold"
        bent = theta + sum(k * theta ** (2 * i + 3) for i, k in enumerate(camera.distortion))
        a, b = (x / r * bent, y / r * bent) if r > 0 else (0.0, 0.0)
    else:
        if z <= 0:
            return math.nan, math.nan, "behind"
        a, b = x / z, y / z
        if camera.distortion:
            if math.hypot(a, b) > camera.max_radius or not all(_turns_right(camera, a * t, b * t) for t in np.linspace(0.05, 1, 20)):
                return math.nan, math.nan, "fold"
            a, b = _tilted(camera, *_brown_conrady(camera, a, b))
            if math.isnan(a):
                return math.nan, math.nan, "fold"
    u, v = camera.fx_px * a + camera.cx_px, camera.fy_px * b + camera.cy_px
    inside = -0.5 <= u < camera.width_px - 0.5 and -0.5 <= v < camera.height_px - 0.5
    return u, v, "ok" if inside else "outside"


def _unified(camera, x, y, z):
    """Mei and Rives: onto the unit sphere, from there onto a plane seen from xi above the centre, then distorted."""
    d = math.sqrt(x * x + y * y + z * z)
    if math.atan2(math.hypot(x, y), z) > camera.max_angle_rad:
        return math.nan, math.nan
    a, b = x / d / (z / d + camera.xi), y / d / (z / d + camera.xi)
    if not any(camera.distortion):
        return a, b
    if not all(_turns_right(camera, a * t, b * t) for t in np.linspace(0.05, 1, 20)):
        return math.nan, math.nan
    return _tilted(camera, *_brown_conrady(camera, a, b))


def _double_sphere(camera, x, y, z):
    """Usenko, Demmel and Cremers, equations 40 to 45."""
    if math.atan2(math.hypot(x, y), z) > camera.max_angle_rad:
        return math.nan, math.nan
    xi, alpha = camera.xi, camera.alpha
    d1 = math.sqrt(x * x + y * y + z * z)
    d2 = math.sqrt(x * x + y * y + (xi * d1 + z) ** 2)
    w = alpha * d2 + (1 - alpha) * (xi * d1 + z)
    return x / w, y / w


def _extended_unified(camera, x, y, z):
    """Khomutenko, Garcia and Martinet."""
    if math.atan2(math.hypot(x, y), z) > camera.max_angle_rad:
        return math.nan, math.nan
    w = camera.alpha * math.sqrt(camera.beta * (x * x + y * y) + z * z) + (1 - camera.alpha) * z
    return x / w, y / w


def _all_around(camera, x, z):
    """Radians about y, within half a turn of the picture's middle."""
    a, middle = math.atan2(x, z), ((camera.width_px - 1) / 2 - camera.cx_px) / camera.fx_px
    while a >= middle + math.pi:
        a -= 2 * math.pi
    while a < middle - math.pi:
        a += 2 * math.pi
    return a


def _cylindrical(camera, x, y, z):
    h = math.hypot(x, z)
    return (_all_around(camera, x, z), y / h) if abs(y) <= 1e6 * h else (math.nan, math.nan)


def _equirectangular(camera, x, y, z):
    return _all_around(camera, x, z), math.atan2(y, math.hypot(x, z))


SHAPES = {
    "UnifiedCamera": _unified,
    "DoubleSphereCamera": _double_sphere,
    "ExtendedUnifiedCamera": _extended_unified,
    "CylindricalCamera": _cylindrical,
    "EquirectangularCamera": _equirectangular,
}


def sees_behind(camera):
    """Whether there is no plane in which the camera cannot see."""
    return type(camera).__name__ != "PinholeCamera"


def _brown_conrady(camera, x, y):
    k1, k2, p1, p2, k3, k4, k5, k6, s1, s2, s3, s4, _, _ = tuple(camera.distortion) + (0.0,) * (14 - len(camera.distortion))
    r = math.hypot(x, y)
    factor = (1 + k1 * r**2 + k2 * r**4 + k3 * r**6) / (1 + k4 * r**2 + k5 * r**4 + k6 * r**6)
    x2 = x * factor + 2 * p1 * x * y + p2 * (r**2 + 2 * x**2) + s1 * r**2 + s2 * r**4
    y2 = y * factor + p1 * (r**2 + 2 * y**2) + 2 * p2 * x * y + s3 * r**2 + s4 * r**4
    return x2, y2


def _tilted(camera, x2, y2):
    if len(camera.distortion) < 14:
        return x2, y2
    tau_x, tau_y = camera.distortion[12:]
    about_x = np.array([[1, 0, 0], [0, math.cos(tau_x), math.sin(tau_x)], [0, -math.sin(tau_x), math.cos(tau_x)]])
    about_y = np.array([[math.cos(tau_y), 0, -math.sin(tau_y)], [0, 1, 0], [math.sin(tau_y), 0, math.cos(tau_y)]])
    turn = about_y @ about_x
    x3, y3, w = np.array([[turn[2, 2], 0, -turn[0, 2]], [0, turn[2, 2], -turn[1, 2]], [0, 0, 1]]) @ turn @ (x2, y2, 1)
    return (x3 / w, y3 / w) if w > 0 else (math.nan, math.nan)


def _turns_right(camera, x, y, step=1e-6):
    """Whether a small counter-clockwise triangle at (x, y) stays one."""
    (x0, y0), (xa, ya), (xb, yb) = (_brown_conrady(camera, *p) for p in ((x, y), (x + step, y), (x, y + step)))
    return (xa - x0) * (yb - y0) - (ya - y0) * (xb - x0) > 0


def project_points(points, camera, pose):
    """(N, 2) uv, (N,) depth, (N,) status names."""
    uv, depth, status = [], [], []
    for point in np.asarray(points, np.float64):
        at = [float(sum(pose.rotation[i, k] * point[k] for k in range(3)) + pose.translation_m[i]) for i in range(3)]
        u, v, name = pixel_of(at, camera)
        uv.append((u, v))
        depth.append(math.nan if name == "not finite" else at[2])
        status.append(name)
    return np.array(uv, float).reshape(-1, 2), np.array(depth), status


def ray_meets(ray, corners_cam, near_m=0.0):
    """Whether a ray from the camera passes through a cuboid at a depth of at least `near_m`: cut down by the six half spaces of its faces."""
    low, high = 0.0, math.inf
    if near_m > 0:
        if ray[2] <= 0:
            return False
        low = near_m / ray[2]
    center = corners_cam.mean(0)
    for face in ((0, 1, 2, 3), (4, 5, 6, 7), (0, 3, 7, 4), (1, 2, 6, 5), (0, 1, 5, 4), (2, 3, 7, 6)):
        normal = corners_cam[list(face)].mean(0) - center
        speed, room = float(normal @ ray), float(normal @ corners_cam[face[0]])
        if speed > 0:
            high = min(high, room / speed)
        elif speed < 0:
            low = max(low, room / speed)
        elif room < 0:
            return False
    return low <= high


def visible_box(corners_cam, camera, near_m, n=1500):
    """(4,) box of one cuboid's visible part, from dense samples: of its edges, and of the picture's border by rays; NaN where nothing is seen."""
    found = []
    for i, j in ((0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 7), (7, 4), (0, 4), (1, 5), (2, 6), (3, 7)):
        a, b = corners_cam[i], corners_cam[j]
        for t in np.linspace(0, 1, n):
            weight_a, weight_b = (1 - t) / np.linalg.norm(a), t / np.linalg.norm(b)  # even in direction, so that near ends are sampled finely
            point = (weight_a * a + weight_b * b) / (weight_a + weight_b)
            u, v, name = pixel_of(point, camera)
            if name == "ok" and (sees_behind(camera) or point[2] >= near_m):
                found.append((u, v))
    right, bottom = camera.width_px - 0.5, camera.height_px - 0.5
    along_u, along_v = np.linspace(-0.5, right, n), np.linspace(-0.5, bottom, n)
    border = np.concatenate([np.c_[along_u, np.full(n, y)] for y in (-0.5, bottom)] + [np.c_[np.full(n, x), along_v] for x in (-0.5, right)])
    for pixel, ray in zip(border, camera.rays(border)):
        if np.isfinite(ray[0]) and ray_meets(ray, corners_cam, 0.0 if sees_behind(camera) else near_m):
            found.append(tuple(pixel))
    return np.array([*np.min(found, 0), *np.max(found, 0)]) if found else np.full(4, np.nan)


# ---------------------------------------------------------------- occlusion


def beams(points_cam, sensor_cam, camera, step=1e-6):
    """(K, 7) of points in the picture: azimuth and angle below of each beam, how far it goes, pixels in u and v per radian of its turning, u, v."""
    rows = []
    for point in points_cam:
        beam = point - sensor_cam
        reach = math.dist(point, sensor_cam)
        one = np.cross(beam, (1.0, 0, 0) if abs(beam[0]) < 0.7 * reach else (0, 1.0, 0))
        one = one / np.linalg.norm(one)
        turns = []
        for side in (one, np.cross(beam / reach, one)):
            ends = [pixel_of(sensor_cam + beam * math.cos(t) + side * reach * math.sin(t), camera)[:2] for t in (-step, step)]
            turns.append([(ends[1][c] - ends[0][c]) / (2 * step) for c in range(2)])
        rates = [math.hypot(turns[0][c], turns[1][c]) for c in range(2)]
        u, v, _ = pixel_of(point, camera)
        rows.append((math.atan2(beam[0], beam[2]), math.atan2(beam[1], math.hypot(beam[0], beam[2])), reach, *rates, u, v))
    return np.array(rows).reshape(-1, 7)


def first_equal(rows) -> np.ndarray:
    """(K,) the first row that is the same."""
    return np.array([next(q for q in range(k + 1) if tuple(rows[q]) == tuple(rows[k])) for k in range(len(rows))], int)


def next_beams(azimuth, below, slack=0.0):
    """(K, 2) radians to the nearest beam to the right of each and below it, NaN where there is none, and (K, 2) which one that is, or -1.

    slack : beams below count outside the cone too, if they are at most so many radians aside
    """
    gaps, found = np.full((len(azimuth), 2), np.nan), np.full((len(azimuth), 2), -1)
    for k in range(len(azimuth)):
        aside, lower = azimuth - azimuth[k], below - below[k]
        aside = np.where(aside > np.pi, azimuth - (azimuth[k] + 2 * np.pi), np.where(aside < -np.pi, azimuth - (azimuth[k] - 2 * np.pi), aside))
        aside = aside * math.cos(below[k])
        for c, (along, across) in enumerate(((aside, lower), (lower, aside))):
            distance = np.where((along > 3e-4) & (np.abs(across) <= np.maximum(along / 2, slack * c)), np.sqrt(along**2 + across**2), np.inf)
            if distance.min() < 0.2:
                found[k, c] = int(np.argmin(distance))
                gaps[k, c] = along[found[k, c]]
    return gaps, found


def patch_extents(rows, gaps=None, turn=math.inf):
    """(K, 4) pixels that each point's patch reaches to the left, up, to the right and down; gaps: (2,) between beams, found where it is None; turn:
    the width of a picture that goes on at its other border."""
    azimuth, below, reach = rows[:, :3].T
    found = np.full((len(rows), 2), -1)
    usual = np.tile((0.0, 0.0) if gaps is None else gaps, (len(rows), 1))
    if gaps is None and len(rows):
        distinct = np.flatnonzero(first_equal(rows[:, :2]) == np.arange(len(rows)))
        bands = np.array_split(distinct[np.argsort(below[distinct], kind="stable")], min(max(len(distinct) // 64, 1), 16))
        for c in range(2):
            each, found = next_beams(azimuth, below, np.median(usual[distinct, 0]) / 2)
            middles = [(below[b].mean(), np.nanquantile(each[b, c], 0.85)) for b in bands if np.isfinite(each[b, c]).any()]
            if middles:
                usual[:, c] = np.interp(below, *zip(*middles))
    extents = np.empty((len(rows), 4))
    for k in range(len(rows)):
        for c in range(2):
            half = usual[k, c] * rows[k, 3 + c] / 2
            before = [q for q in range(len(rows)) if found[q, c] == k]
            nearest = min(before, key=lambda q: (each[q, c], q)) if before else -1
            for side, q, gap in ((c, nearest, each[nearest, c] if before else 0), (2 + c, found[k, c], each[k, c] if found[k, c] >= 0 else 0)):
                extents[k, side] = half
                if q >= 0:
                    extents[k, side] = min(half, gap * rows[k, 3 + c] / 2)
                    if abs(reach[q] - reach[k]) < 6 * gap * min(reach[q], reach[k]):
                        apart = abs(rows[q, 5 + c] - rows[k, 5 + c])
                        apart = min(apart, turn - apart) if c == 0 else apart
                        extents[k, side] = min(max(extents[k, side], apart / 2), 8 * half)
    return extents


def depth_map(points_cam, ranges, rows, extents, camera, cell, turn=math.inf):
    """range and point of each cell, and (K,) whether nothing hides a point: every cell asks every point whether it covers the cell's middle."""
    shape = math.ceil(camera.height_px / cell), math.ceil(camera.width_px / cell)
    range_m, index = np.full(shape, np.nan), np.full(shape, -1)
    u, v = (rows[:, 5] + 0.5) / cell, (rows[:, 6] + 0.5) / cell
    left, up, right, down = np.minimum(extents / cell, 64).T
    for j in range(shape[0]):
        for i in range(shape[1]):
            beside = u.astype(int) == i
            for side in (0, -turn / cell, turn / cell):
                beside |= (i + 0.5 >= u + side - left) & (i + 0.5 <= u + side + right)
            level = (j + 0.5 >= v - up) & (j + 0.5 <= v + down) | (v.astype(int) == j)
            covering = np.flatnonzero(beside & level)
            if len(covering):
                index[j, i] = covering[np.argmin(ranges[covering])]
                range_m[j, i] = ranges[index[j, i]]
    sees = np.array([not range_m[int(b), int(a)] < r - (0.2 + 0.02 * r) for a, b, r in zip(u, v, ranges)], bool)
    return range_m, index, sees


def visible_share(corners_cam, points_cam, range_m, index, cell, uv, rays):
    """The share of one cuboid that nothing hides, from the rays of pixels spread evenly over the picture; NaN where it shows nothing of it."""
    low, high, around = np.zeros(len(rays)), np.full(len(rays), np.inf), np.ones(len(points_cam), bool)
    center = corners_cam.mean(0)
    for face in ((0, 1, 2, 3), (4, 5, 6, 7), (0, 3, 7, 4), (1, 2, 6, 5), (0, 1, 5, 4), (2, 3, 7, 6)):
        normal = corners_cam[list(face)].mean(0) - center
        normal = normal / np.linalg.norm(normal)
        room, speed = normal @ corners_cam[face[0]], rays @ normal
        around &= points_cam @ normal <= room + 0.1
        with np.errstate(all="ignore"):
            high = np.where(speed > 0, np.minimum(high, room / speed), high)
            low = np.where(speed < 0, np.maximum(low, room / speed), low)
    shown = (low <= high) & np.isfinite(rays[:, 0])
    column, row = ((uv + 0.5) // cell).astype(int).T
    nearest, owner = range_m[row, column], index[row, column]
    hidden = shown & (nearest < low - (0.2 + 0.02 * low)) & ~np.append(around, False)[owner]
    return 1 - hidden.sum() / shown.sum() if shown.any() else math.nan


# ------------------------------------------------------------ lzf.py


def lzf_decompress(stream: bytes, size: int) -> bytes | None:
    """The bytes an LZF stream stands for, at most `size`; None where it is broken."""
    out = bytearray()
    at = 0
    try:
        while at < len(stream):
            control = stream[at]
            at += 1
            if control < 32:
                run = stream[at : at + control + 1]
                if len(run) < control + 1:
                    return None
                out += run
                at += control + 1
            else:
                length = (control >> 5) + 2
                if control >> 5 == 7:
                    length += stream[at]
                    at += 1
                back = (control & 31) * 256 + stream[at] + 1
                at += 1
                if back > len(out):
                    return None
                for _ in range(length):
                    out.append(out[-back])
            if len(out) > size:
                return None
    except IndexError:
        return None
    return bytes(out)


def lzf_compress(raw: bytes) -> bytes:
    """An LZF stream: at every place the longest earlier match is searched for."""
    out, literals, at = bytearray(), bytearray(), 0

    def flush() -> None:
        for i in range(0, len(literals), 32):
            part = literals[i : i + 32]
            out.append(len(part) - 1)
            out.extend(part)
        literals.clear()

    while at < len(raw):
        best, back = 0, 0
        for start in range(max(0, at - 8192), at):
            length = 0
            while length < 264 and at + length < len(raw) and raw[start + length] == raw[at + length]:
                length += 1
            if length > best:
                best, back = length, at - start - 1
        if best < 3:
            literals.append(raw[at])
            at += 1
            continue
        flush()
        if best - 2 < 7:
            out.append((best - 2) << 5 | back >> 8)
        else:
            out.extend((7 << 5 | back >> 8, best - 9))
        out.append(back & 255)
        at += best
    flush()
    return bytes(out)


# ---------------------------------------------------------------- ray casting


def ray_triangle(origin, direction, triangle):
    """Distance to a triangle (3, 3), inf where the ray misses it: the three equations origin + t direction = a + u ab + v ac, solved."""
    a, b, c = triangle
    matrix = np.stack([np.asarray(direction), a - b, a - c], 1)
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 1e-14:
        return np.inf
    t, u, v = np.linalg.solve(matrix, a - origin)
    return float(t) if t > 0 and u >= -1e-9 and v >= -1e-9 and u + v <= 1 + 1e-9 else np.inf


def cast_rays(origins, directions, objects, max_distance):
    """Distance and index of the first object each ray meets (max_distance, -1 where none), and how many rays meet each object at all.

    objects : B lists of triangles (T, 3, 3) in the world frame
    """
    distance, which, alone = np.full(len(origins), float(max_distance)), np.full(len(origins), -1), np.zeros(len(objects), np.int64)
    for r in range(len(origins)):
        for k, triangles in enumerate(objects):
            nearest = min((ray_triangle(origins[r], directions[r], triangle) for triangle in triangles), default=np.inf)
            alone[k] += nearest < max_distance
            if nearest < distance[r]:
                distance[r], which[r] = nearest, k
    return distance, which, alone


def seen_place(scene, frame_index, sweep, row, track=None):
    """Where one point was when it was seen, in the world frame; or in the frame of an object that moves evenly during the turn."""
    stamp = int(scene.times_ns[frame_index])
    time = sweep.timestamp_ns + int(sweep.time_offset_ns[row])
    world = scene.world_from_ego(time).apply(scene.lidars[sweep.frame].ego_from_lidar.apply(np.asarray(sweep.xyz[row], float) + sweep.origin_m))
    if track is None:
        return world
    around = track.at([stamp - 50_000_000, stamp, stamp + 50_000_000])
    valid = [k for k in range(3) if around.is_valid[k]]
    seconds = 0.05 * max(valid[-1] - valid[0], 1)
    boxes, late = around.cuboids, (time - stamp) * 1e-9
    center = boxes.center_m[1] + late * (boxes.center_m[valid[-1]] - boxes.center_m[valid[0]]) / seconds
    turned = late * math.remainder(boxes.yaw_rad[valid[-1]] - boxes.yaw_rad[valid[0]], math.tau) / seconds
    cos, sin = math.cos(turned), math.sin(turned)
    spin = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
    return (spin @ boxes[1:2].rotation[0]).T @ (world - center)


# ---------------------------------------------------------------- registration
def nearest_volume(model, low, voxel_m, shape, reach_m):
    """(n_x, n_y, n_z) the model point nearest to each voxel's middle, -1 where none is within reach."""
    out = np.full(shape, -1)
    for cell in itertools.product(*map(range, shape)):
        middle = low + (np.array(cell) + 0.5) * voxel_m
        distance = ((model - middle) ** 2).sum(1) if len(model) else np.zeros(0)
        if len(model) and distance.min() < reach_m**2:
            out[cell] = int(np.argmin(distance))
    return out


def _pairs(source, pose, low, voxel_m, volume):
    """Source points in the object's frame at a pose, and which model point each meets (-1: none)."""
    cos, sin = math.cos(pose[3]), math.sin(pose[3])
    placed = (source - pose[:3]) @ np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    met = []
    for point in placed:
        cell = np.floor((point - low) / voxel_m).astype(int)
        met.append(volume[tuple(cell)] if ((cell >= 0) & (cell < volume.shape)).all() else -1)
    return placed, np.array(met, int)


def _misfit(off, normal, flatness):
    return flatness * (normal @ off) ** 2 + max(1 - flatness, 0.1) * (off[0] ** 2 + off[1] ** 2 + 0.1 * off[2] ** 2)


def registered(source, model, normals, flatness, low, voxel_m, volume, held, n_rounds, wide_m, narrow_m, start):
    """(pose, information): the same reweighted least squares, with derivatives by differences of the residuals."""
    pose = np.array(start, float)

    def residuals(pose, i, m):
        cos, sin = math.cos(pose[3]), math.sin(pose[3])
        off = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]]) @ (source[i] - pose[:3]) - model[m]
        loose = math.sqrt(max(1 - flatness[m], 0.1))
        return np.array([math.sqrt(flatness[m]) * (normals[m] @ off), loose * off[0], loose * off[1], loose * math.sqrt(0.1) * off[2]])

    for turn in range(n_rounds):
        scale = wide_m * (narrow_m / wide_m) ** (turn / max(n_rounds - 1, 1))
        normal, right, information = np.diag(held), -held * pose, np.zeros((4, 4))
        placed, met = _pairs(source, pose, low, voxel_m, volume)
        for i, m in enumerate(met):
            if m >= 0:
                weight = (1 + _misfit(placed[i] - model[m], normals[m], flatness[m]) / scale**2) ** -2
                here, step = residuals(pose, i, m), 1e-6
                slope = np.stack([(residuals(pose + step * axis, i, m) - residuals(pose - step * axis, i, m)) / (2 * step) for axis in np.eye(4)], 1)
                normal, right = normal + weight * slope.T @ slope, right - weight * slope.T @ here
                information += weight * np.outer(slope[0], slope[0])
        pose = pose + np.linalg.solve(normal, right)
    return pose, information


def fitness(source, model, normals, flatness, low, voxel_m, volume, cells, half, pose):
    placed, met = _pairs(source, pose, low, voxel_m, volume)
    inside = (np.abs(placed) <= half + 0.3).all(1)
    errors = {i: _misfit(placed[i] - model[met[i]], normals[met[i]], flatness[met[i]]) for i in np.flatnonzero(inside) if met[i] >= 0}
    near = [i for i, e in errors.items() if e <= 0.1**2]
    loose = [e for e in errors.values() if e <= 0.2**2]
    residual = math.sqrt(sum(loose) / len(loose)) if loose else math.inf
    return len(near) / max(inside.sum(), 1), len({cells[met[i]] for i in near}) / max(len(set(cells)), 1), residual, int(inside.sum())


# ---------------------------------------------------------------- tracks against tracks


def best_pairs(score) -> list[tuple[int, int]]:
    """Pairs of the largest sum, by trying every one; pairs of score 0 are none."""
    score = np.asarray(score, float)
    if score.shape[0] > score.shape[1]:
        return [(i, j) for j, i in best_pairs(score.T)]
    rows = range(score.shape[0])
    best = max(itertools.permutations(range(score.shape[1]), score.shape[0]), key=lambda p: sum(score[i, j] for i, j in zip(rows, p)))
    return [(i, j) for i, j in zip(rows, best) if score[i, j] > 0]


def hota_at(gold_ids, label_ids, similarity, alpha):
    """(HOTA, DetA, AssA, LocA) at one threshold, pair by pair, as the paper writes it."""
    frames = list(zip(gold_ids, label_ids, similarity))
    golds = {g: sum(g in gold for gold in gold_ids) for gold in gold_ids for g in gold}
    labels = {k: sum(k in label for label in label_ids) for label in label_ids for k in label}
    shared = dict.fromkeys(itertools.product(golds, labels), 0.0)
    for gold, label, alike in frames:
        for i, g in enumerate(gold):
            for j, k in enumerate(label):
                union = sum(alike[i]) + sum(row[j] for row in alike) - alike[i][j]
                shared[g, k] += alike[i][j] / union if union > 1e-15 else 0.0
    true = []
    for gold, label, alike in frames:
        score = [[shared[g, k] / (golds[g] + labels[k] - shared[g, k]) * alike[i][j] for j, k in enumerate(label)] for i, g in enumerate(gold)]
        if len(gold) and len(label):
            true += [(gold[i], label[j], alike[i][j]) for i, j in best_pairs(score) if alike[i][j] >= alpha - 1e-15]
    n_all = sum(golds.values()) + sum(labels.values())
    deta = len(true) / (n_all - len(true))
    together = {(g, k): sum((g, k) == (a, b) for a, b, _ in true) for g, k, _ in true}
    assa = sum(together[g, k] / (golds[g] + labels[k] - together[g, k]) for g, k, _ in true) / max(len(true), 1)
    loca = sum(alike for _, _, alike in true) / len(true) if true else 1.0
    return math.sqrt(deta * assa), deta, assa, loca


def clear_counts(gold_ids, label_ids, similarity, threshold=0.5):
    """(matched, missed, extraneous, switches, fragments)."""
    last, followed, n_switches, n_true, total = {}, {}, 0, 0, [0, 0]
    history: dict[int, list[bool]] = {}
    for gold, label, alike in zip(gold_ids, label_ids, similarity):
        total[0] += len(gold)
        total[1] += len(label)
        if not len(gold) or not len(label):
            continue
        score = [
            [(alike[i][j] + 1000 * (followed.get(g) == k)) * (alike[i][j] >= threshold) for j, k in enumerate(label)] for i, g in enumerate(gold)
        ]
        followed = {int(gold[i]): int(label[j]) for i, j in best_pairs(score)}
        n_switches += sum(g in last and last[g] != k for g, k in followed.items())
        last.update(followed)
        n_true += len(followed)
        for g in {*history, *followed}:
            history.setdefault(g, []).append(g in followed)
    breaks = sum(sum(now and not before for before, now in itertools.pairwise([False, *seen])) - 1 for seen in history.values())
    return n_true, total[0] - n_true, total[1] - n_true, n_switches, breaks


def identity_true(gold_ids, label_ids, similarity, threshold=0.5):
    """Most frames that are right when every gold track has one label track at most."""
    golds, labels = sorted({g for ids in gold_ids for g in ids}), sorted({k for ids in label_ids for k in ids})
    shared = np.zeros((len(golds), len(labels)))
    for gold, label, alike in zip(gold_ids, label_ids, similarity):
        for i, g in enumerate(gold):
            for j, k in enumerate(label):
                shared[golds.index(g), labels.index(k)] += alike[i][j] >= threshold
    return sum(shared[pair] for pair in best_pairs(shared)) if golds and labels else 0


# ---------------------------------------------------------------- labels in pictures


def mask_runs(pixels) -> list[int]:
    """Lengths of runs of an (H, W) mask, column by column, beginning outside."""
    runs, now = [0], False
    for inside in np.asarray(pixels, bool).T.ravel().tolist():
        if inside != now:
            runs.append(0)
            now = inside
        runs[-1] += 1
    return runs


def is_inside(u, v, rings) -> bool:
    """By the even-odd rule, with a ray upwards (towards smaller v); a place on a left or top side counts."""
    crossings = 0
    for ring in rings:
        for (u0, v0), (u1, v1) in zip(ring, np.roll(ring, 1, axis=0)):
            if (u0 > u) != (u1 > u) and v0 + (u - u0) / (u1 - u0) * (v1 - v0) <= v:
                crossings += 1
    return crossings % 2 == 1


def signed_area(ring) -> float:
    return sum(u0 * v1 - u1 * v0 for (u0, v0), (u1, v1) in zip(ring, np.roll(ring, -1, axis=0))) / 2


def ring_places(ring, is_closed):
    """Where each point counts as being: from the ring's middle, in lengths of the ring; on a line, the share of its length so far."""
    ring = np.asarray(ring, float)
    after = np.roll(ring, -1, axis=0)
    sides = np.linalg.norm(after - ring, axis=1)
    if not is_closed:
        sides = sides[:-1]
        return np.c_[np.r_[0.0, np.cumsum(sides)] / (sides.sum() or 1.0), np.zeros(len(ring))]
    if sides.sum() == 0:
        return np.zeros_like(ring)
    middle = (sides[:, None] * (ring + after) / 2).sum(axis=0) / sides.sum()
    return (ring - middle) / sides.sum()


def matchings(n, m, is_closed):
    """Every way to give m points rising partners among n."""
    for start in range(n if is_closed else 1):
        for rest in itertools.combinations(range(1, n), m - 1):
            if is_closed or m == 1 or rest[-1] == n - 1:
                yield [start, *(start + step for step in rest)]


def matched_rings(first, second, is_closed):
    """(P, 2), (P, 2): points of the first ring and where they go on the second, the matching of least cost found by trying all; and that cost."""
    a, b = np.asarray(first, float), np.asarray(second, float)
    if is_closed and signed_area(a) * signed_area(b) < 0:
        b = np.roll(b[::-1], 1, axis=0)
    dense, sparse = (a, b) if len(a) >= len(b) else (b, a)
    n, m = len(dense), len(sparse)
    dense_at, sparse_at = ring_places(dense, is_closed), ring_places(sparse, is_closed)
    costs = {tuple(way): sum(((dense_at[i % n] - sparse_at[j]) ** 2).sum() for j, i in enumerate(way)) for way in matchings(n, m, is_closed)}
    best = min(costs, key=costs.get)
    partner = {}
    for j, begin in enumerate(best):
        last = j == m - 1
        end = (best[0] + n if is_closed else n) if last else best[j + 1]
        here, there = sparse[j], sparse[(j + 1) % m] if is_closed or not last else sparse[j]
        steps = [np.linalg.norm(dense[(i + 1) % n] - dense[i % n]) for i in range(begin, end)]
        for k, i in enumerate(range(begin, end)):
            share = sum(steps[:k]) / sum(steps) if sum(steps) else k / len(steps)
            partner[i % n] = here + share * (there - here)
    if dense is a:
        return a, np.array([partner[i] for i in range(n)]), costs[best]
    order = [(best[0] + i) % n for i in range(n)]
    return np.array([partner[i] for i in order]), dense[order], costs[best]


def image_track_at(track, time_ns):
    """Index of the keyframe at or before, and the share of the way to the next; None where the track is not there."""
    before = [k for k, t in enumerate(track.times_ns) if t <= time_ns]
    if not before or track.visibility[before[-1]] == 2:
        return None
    k = before[-1]
    if track.times_ns[k] == time_ns:
        return k, 0.0
    return None if k + 1 == len(track) else (k, float(time_ns - track.times_ns[k]) / float(track.times_ns[k + 1] - track.times_ns[k]))


def box_iou(a, b) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / union if shared > 0 else 0.0


def project_tracks(scene):
    """(camera, frame, track) -> box of the visible part, one object at a time."""
    boxes = {}
    for name, sensor in scene.cameras.items():
        for i, moment in enumerate(scene.exposures_ns(name).tolist()):
            if not scene.trajectory.covers([moment])[0]:
                continue
            for k, track in enumerate(scene.tracks):
                cuboid, stamp = track.at([moment]), int(scene.times_ns[i])
                here = cuboid.cuboids
                if not cuboid.is_valid[0]:
                    if cuboid.state[0] not in (bw.State.BEFORE, bw.State.AFTER) or abs(moment - stamp) > 500_000_000:
                        continue
                    motion = motion_at(track, stamp)
                    if motion is None:
                        continue
                    here = motion.carried(np.array([(moment - stamp) * 1e-9]))
                seen = bw.project_cuboids(here, sensor.camera, scene.transform(name, "world", moment))
                if seen.visible[0]:
                    boxes[name, i, k] = seen.xyxy[0]
    return boxes


def summed_overlaps(scene, rows, camera, least):
    """(A, B) IoU summed over the frames where it is large enough, 0 for pairs that are alike in fewer than half of the frames both are in."""
    score = np.zeros((len(scene.image_tracks), len(scene.tracks)))
    for a, track in enumerate(scene.image_tracks):
        for b in range(len(scene.tracks)):
            ious = []
            for row in np.flatnonzero((rows.track_index == b) & (rows.camera_index == rows.cameras.index(camera))):
                filled = track.at(rows.times_ns[row : row + 1])
                if filled.is_valid[0]:
                    width, height = scene.camera(camera).camera.size_px
                    own = np.clip(filled.shapes.xyxy[0], -0.5, [width - 0.5, height - 0.5] * 2)
                    ious.append(box_iou(own, rows.visible_xyxy[row]))
            if track.category == scene.tracks[b].category and sum(iou >= least for iou in ious) >= 0.5 * len(ious):
                score[a, b] = sum(iou for iou in ious if iou >= least)
    return score


def curve_around(span, time_s, values, used, k, order, reach):
    """(order + 1, V) the polynomial in seconds after label k, by least squares through the labels used of those around it; None where too few are."""
    others = [k + d for d, is_used in zip(range(-reach, reach + 1), used) if is_used]
    if len(others) <= order:
        return None
    assert all(span[other] == span[k] for other in others)
    powers = np.array([[(time_s[other] - time_s[k]) ** p for p in range(order + 1)] for other in others])
    return np.linalg.lstsq(powers, values[others], rcond=None)[0]


def jump_before(span, time_s, values, k):
    """How far apart label k and the one before are half way, each along the line through three labels at most; NaN where none."""
    before = [i for i in (k - 3, k - 2, k - 1) if i >= 0 and span[i] == span[k]]
    after = [i for i in (k, k + 1, k + 2) if i < len(span) and span[i] == span[k]]
    if len(before) < 2 or len(after) < 2:
        return math.nan
    half = (time_s[k - 1] + time_s[k]) / 2
    ends = []
    for some in (before, after):
        ends.append(np.polyfit(time_s[some] - half, values[some], 1)[1])
    return float(np.hypot(*(ends[1] - ends[0])[:2]))


def cuboids_that_meet(cuboids, frame, shared_height):
    """{(i, j): overlap seen from above} of cuboids of one frame that share more than a part of the lower one's height."""
    found = {}
    for i in range(len(cuboids)):
        for j in range(i + 1, len(cuboids)):
            if frame[i] != frame[j]:
                continue
            low = max(cuboids.center_m[n][2] - cuboids.size_m[n][2] / 2 for n in (i, j))
            high = min(cuboids.center_m[n][2] + cuboids.size_m[n][2] / 2 for n in (i, j))
            iou = float(bw.iou_bev(cuboids[i], cuboids[j])[0, 0])
            if high - low > shared_height * min(cuboids.size_m[i][2], cuboids.size_m[j][2]) and iou > 0:
                found[i, j] = iou
    return found


def apply_each(points, which, rotations, translations):
    """Each point by its pose, in double precision."""
    return np.array([rotations[k] @ np.asarray(p, np.float64) + translations[k] for p, k in zip(points, which)]).reshape(-1, 3)
