"""Light rays against triangles: bounding-volume trees over meshes, and meshes that move.

A tree is two arrays. `bounds (K, 6)` float64: lowest x, y, z and highest x, y, z of each node. `links (K, 3)` int32: first and last triangle of
a leaf (half open) and -1, or left child, right child and the axis the node was split along. Node numbers are those of the whole array, so that
many trees may lie one after the other.
"""

import numpy as np

from . import compiled, kernel

LEAF_SIZE = 4
MAX_DEPTH = 60
N_BINS = 12
EDGE_SLACK = 1e-9  # rays through a shared edge hit at least one of its two triangles


@compiled
def _node_bounds(points_tri, order, start, stop, bounds):
    for k in range(3):
        bounds[k] = np.inf
        bounds[k + 3] = -np.inf
    for i in range(start, stop):
        row = order[i]
        for k in range(9):
            value = points_tri[row, k]
            axis = k % 3
            if value < bounds[axis]:
                bounds[axis] = value
            if value > bounds[axis + 3]:
                bounds[axis + 3] = value


@compiled
def _half_area(low_high):
    x, y, z = low_high[3] - low_high[0], low_high[4] - low_high[1], low_high[5] - low_high[2]
    return x * y + y * z + z * x if x >= 0.0 else 0.0


@compiled
def _best_cut(points_tri, order, start, stop):
    """Axis and place of the cheapest of N_BINS - 1 cuts per axis by surface area (Wald, IEEE RT 2007); axis -1 where all centres coincide."""
    best_cost, best_axis, best_place = np.inf, -1, 0.0
    boxes = np.empty((N_BINS, 6))
    counts = np.empty(N_BINS, np.int64)
    right_area = np.empty(N_BINS)
    box = np.empty(6)
    for axis in range(3):
        low, high = np.inf, -np.inf
        for i in range(start, stop):
            row = order[i]
            c = (points_tri[row, axis] + points_tri[row, axis + 3] + points_tri[row, axis + 6]) / 3.0
            low, high = min(low, c), max(high, c)
        if not high - low > 1e-12:
            continue
        scale = N_BINS / (high - low)
        counts[:] = 0
        boxes[:, :3] = np.inf
        boxes[:, 3:] = -np.inf
        for i in range(start, stop):
            row = order[i]
            c = (points_tri[row, axis] + points_tri[row, axis + 3] + points_tri[row, axis + 6]) / 3.0
            b = min(int((c - low) * scale), N_BINS - 1)
            counts[b] += 1
            for k in range(9):
                value = points_tri[row, k]
                boxes[b, k % 3] = min(boxes[b, k % 3], value)
                boxes[b, k % 3 + 3] = max(boxes[b, k % 3 + 3], value)
        box[:3] = np.inf
        box[3:] = -np.inf
        for b in range(N_BINS - 1, 0, -1):
            for k in range(3):
                box[k] = min(box[k], boxes[b, k])
                box[k + 3] = max(box[k + 3], boxes[b, k + 3])
            right_area[b] = _half_area(box)
        box[:3] = np.inf
        box[3:] = -np.inf
        n_left = 0
        for b in range(N_BINS - 1):
            n_left += counts[b]
            for k in range(3):
                box[k] = min(box[k], boxes[b, k])
                box[k + 3] = max(box[k + 3], boxes[b, k + 3])
            n_right = stop - start - n_left
            if n_left == 0 or n_right == 0:
                continue
            cost = n_left * _half_area(box) + n_right * right_area[b + 1]
            if cost < best_cost:
                best_cost, best_axis, best_place = cost, axis, low + (b + 1) / scale
    return best_axis, best_place


@kernel
def build_tree(points_tri, out_order, out_bounds, out_links):
    """Number of nodes; rows 0.. of `out_bounds (2T, 6)` and `out_links (2T, 3)` are the tree, `out_order (T,)` the triangles as its leaves name them.

    points_tri : (T, 9) three corners, T >= 1
    """
    n = points_tri.shape[0]
    for i in range(n):
        out_order[i] = i
    todo = np.zeros((2 * n, 4), np.int64)  # node, start, stop, depth
    todo[0, 2] = n
    n_todo, n_nodes = 1, 1
    while n_todo:
        n_todo -= 1
        node, start, stop, depth = todo[n_todo, 0], todo[n_todo, 1], todo[n_todo, 2], todo[n_todo, 3]
        _node_bounds(points_tri, out_order, start, stop, out_bounds[node])
        axis, middle = -1, start
        if stop - start > LEAF_SIZE and depth < MAX_DEPTH:
            axis, place = _best_cut(points_tri, out_order, start, stop)
            if axis >= 0:
                last = stop - 1
                while middle <= last:
                    row = out_order[middle]
                    if (points_tri[row, axis] + points_tri[row, axis + 3] + points_tri[row, axis + 6]) / 3.0 < place:
                        middle += 1
                    else:
                        out_order[middle], out_order[last] = out_order[last], row
                        last -= 1
        if axis < 0 or middle == start or middle == stop:
            out_links[node, 0], out_links[node, 1], out_links[node, 2] = start, stop, -1
            continue
        out_links[node, 0], out_links[node, 1], out_links[node, 2] = n_nodes, n_nodes + 1, axis
        todo[n_todo, 0], todo[n_todo, 1], todo[n_todo, 2], todo[n_todo, 3] = n_nodes, start, middle, depth + 1
        todo[n_todo + 1, 0], todo[n_todo + 1, 1], todo[n_todo + 1, 2], todo[n_todo + 1, 3] = n_nodes + 1, middle, stop, depth + 1
        n_todo += 2
        n_nodes += 2
    return n_nodes


@compiled
def _misses(bounds, node, ox, oy, oz, ix, iy, iz, limit):
    near = (bounds[node, 0] - ox) * ix
    far = (bounds[node, 3] - ox) * ix
    if near > far:
        near, far = far, near
    a = (bounds[node, 1] - oy) * iy
    b = (bounds[node, 4] - oy) * iy
    if a > b:
        a, b = b, a
    near, far = max(near, a), min(far, b)
    a = (bounds[node, 2] - oz) * iz
    b = (bounds[node, 5] - oz) * iz
    if a > b:
        a, b = b, a
    near, far = max(near, a), min(far, b)
    return near > far or far < 0.0 or near > limit


@compiled
def _inverse(value):
    if abs(value) > 1e-12:
        return 1.0 / value
    return 1e12 if value >= 0.0 else -1e12


@compiled
def _nearest(corners, edges_a, edges_b, bounds, links, root, origin, direction, nearest, limit, stack):
    """(distance, triangle) of the first hit nearer than `limit`, or (limit, -1); with `nearest` False any hit will do (a shadow)."""
    ox, oy, oz = origin[0], origin[1], origin[2]
    dx, dy, dz = direction[0], direction[1], direction[2]
    ix, iy, iz = _inverse(dx), _inverse(dy), _inverse(dz)
    found = -1
    if _misses(bounds, root, ox, oy, oz, ix, iy, iz, limit):
        return limit, found
    stack[0] = root
    n_stack = 1
    while n_stack:
        n_stack -= 1
        node = stack[n_stack]
        if _misses(bounds, node, ox, oy, oz, ix, iy, iz, limit):
            continue
        first, second, axis = links[node, 0], links[node, 1], links[node, 2]
        if axis >= 0:  # the nearer child is looked at first
            if (axis == 0 and dx < 0.0) or (axis == 1 and dy < 0.0) or (axis == 2 and dz < 0.0):
                first, second = second, first
            stack[n_stack] = second
            stack[n_stack + 1] = first
            n_stack += 2
            continue
        for i in range(first, second):  # Moeller and Trumbore, J. Graphics Tools 2(1), 1997
            ax, ay, az = edges_a[i, 0], edges_a[i, 1], edges_a[i, 2]
            bx, by, bz = edges_b[i, 0], edges_b[i, 1], edges_b[i, 2]
            px, py, pz = dy * bz - dz * by, dz * bx - dx * bz, dx * by - dy * bx
            det = ax * px + ay * py + az * pz
            if abs(det) < 1e-14:
                continue
            scale = 1.0 / det
            sx, sy, sz = ox - corners[i, 0], oy - corners[i, 1], oz - corners[i, 2]
            u = (sx * px + sy * py + sz * pz) * scale
            if u < -EDGE_SLACK or u > 1.0 + EDGE_SLACK:
                continue
            qx, qy, qz = sy * az - sz * ay, sz * ax - sx * az, sx * ay - sy * ax
            v = (dx * qx + dy * qy + dz * qz) * scale
            if v < -EDGE_SLACK or u + v > 1.0 + EDGE_SLACK:
                continue
            distance = (bx * qx + by * qy + bz * qz) * scale
            if 0.0 < distance < limit:
                limit, found = distance, i
                if not nearest:
                    return limit, found
    return limit, found


@compiled
def _passes_ball(origin, direction, x, y, z, radius, limit):
    x, y, z = x - origin[0], y - origin[1], z - origin[2]
    along = x * direction[0] + y * direction[1] + z * direction[2]
    square = x * x + y * y + z * z
    outside = square > radius * radius
    return not (outside and (along < 0.0 or along - radius > limit or square - along * along > radius * radius))


@kernel
def cast_rays(
    origins,
    directions,
    moments,
    corners,
    edges_a,
    edges_b,
    bounds,
    links,
    roots,
    first_part,
    part_from_world,
    balls,
    max_distance,
    nearest,
    out_distance,
    out_triangle,
    out_object,
    out_part,
    out_alone,
):
    """The first thing each ray meets; object 0 stands still, the others move.

    origins, directions : (R, 3) world, unit directions
    moments : (R,) int32, which of C moments a ray belongs to
    corners, edges_a, edges_b : (T, 3) a triangle's first corner, and from there to the second and third, in leaf order
    roots : (P,) int32 root node of each part's tree; the parts of object k are first_part[k] .. first_part[k + 1]
    part_from_world : (C, P, 12) rotation row by row, then translation; not read for the parts of object 0, which are in the world frame
    balls : (C, B, 4) centre and radius of a ball around each object, world; object 0's is not read
    nearest : False for rays that only ask whether anything is in the way
    out_distance (R,), out_triangle, out_object, out_part (R,) int32 : -1 and max_distance where nothing is met
    out_alone : (B,) int64, how many rays would meet each object if it were alone in the world; not counted where it has no rows
    """
    n_objects = first_part.shape[0] - 1
    count_alone = out_alone.shape[0] > 0
    stack = np.empty(128, np.int64)
    origin, direction = np.empty(3), np.empty(3)
    for r in range(origins.shape[0]):
        best, triangle, thing, which = max_distance, -1, -1, -1
        for part in range(first_part[0], first_part[1]):
            distance, i = _nearest(corners, edges_a, edges_b, bounds, links, roots[part], origins[r], directions[r], nearest, best, stack)
            if i >= 0:
                best, triangle, thing, which = distance, i, 0, part
        moment = moments[r]
        for k in range(1, n_objects):
            if not nearest and triangle >= 0:
                break
            ball = balls[moment, k]
            limit = max_distance if count_alone else best
            if not _passes_ball(origins[r], directions[r], ball[0], ball[1], ball[2], ball[3], limit):
                continue
            met = False
            for part in range(first_part[k], first_part[k + 1]):
                pose = part_from_world[moment, part]
                for a in range(3):
                    b = 3 * a
                    origin[a] = pose[b] * origins[r, 0] + pose[b + 1] * origins[r, 1] + pose[b + 2] * origins[r, 2] + pose[9 + a]
                    direction[a] = pose[b] * directions[r, 0] + pose[b + 1] * directions[r, 1] + pose[b + 2] * directions[r, 2]
                distance, i = _nearest(corners, edges_a, edges_b, bounds, links, roots[part], origin, direction, nearest, limit, stack)
                if i >= 0:
                    met = True
                    if distance < best:
                        best, triangle, thing, which = distance, i, k, part
                    if not count_alone:
                        limit = best
            if met and count_alone:
                out_alone[k] += 1
        out_distance[r] = best
        out_triangle[r] = triangle
        out_object[r] = thing
        out_part[r] = which
