"""Points of one sweep laid onto an object's points: a volume that knows the nearest of those, and a robust turn about z with a shift."""

import math

import numpy as np

from . import compiled, kernel

ALONG = 0.1  # what a distance along a surface counts, of one across it: the beams hit other places of it every time
UPWARDS = 0.1  # what a step up counts where no surface is known: rings of a sweep lie apart
NEAR_M = 0.1  # a point this far from the object's surface lies on it
LOOSE_M = 0.2  # beyond it a point tells nothing about how well the others lie
OUTSIDE_M = 0.3  # around the cuboid points count too: a cuboid that is off leaves some of its own outside


@kernel
def nearest_volume(model, low, voxel_m, n_x, n_y, n_z, reach_m, out_index):
    """For every voxel the model point nearest to its middle (the first of equals), -1 where none is within reach."""
    square = np.full(n_x * n_y * n_z, reach_m * reach_m)
    for i in range(n_x * n_y * n_z):
        out_index[i] = -1
    for m in range(len(model)):
        x, y, z = (model[m, 0] - low[0]) / voxel_m, (model[m, 1] - low[1]) / voxel_m, (model[m, 2] - low[2]) / voxel_m
        wide = reach_m / voxel_m
        for i in range(max(int(x - wide - 0.5), 0), min(int(x + wide + 0.5) + 1, n_x)):
            dx = (i + 0.5 - x) * voxel_m
            for j in range(max(int(y - wide - 0.5), 0), min(int(y + wide + 0.5) + 1, n_y)):
                dy = (j + 0.5 - y) * voxel_m
                flat = dx * dx + dy * dy
                if flat > reach_m * reach_m:
                    continue
                for k in range(max(int(z - wide - 0.5), 0), min(int(z + wide + 0.5) + 1, n_z)):
                    dz = (k + 0.5 - z) * voxel_m
                    cell = (i * n_y + j) * n_z + k
                    d = flat + dz * dz
                    if d < square[cell]:
                        square[cell] = d
                        out_index[cell] = m


@compiled
def _nearest(x, y, z, low, voxel_m, n_x, n_y, n_z, volume):
    """The model point near a place, -1 for none."""
    i, j, k = math.floor((x - low[0]) / voxel_m), math.floor((y - low[1]) / voxel_m), math.floor((z - low[2]) / voxel_m)
    if i < 0 or j < 0 or k < 0 or i >= n_x or j >= n_y or k >= n_z:
        return -1
    return volume[(int(i) * n_y + int(j)) * n_z + int(k)]


@compiled
def _misfit(dx, dy, dz, normal, flatness):
    """Squared distance: across the surface where there is one, along it little."""
    across = normal[0] * dx + normal[1] * dy + normal[2] * dz
    return flatness * across * across + max(1.0 - flatness, ALONG) * (dx * dx + dy * dy + UPWARDS * dz * dz)


@compiled
def _add(row, weight, off, out_normal, out_right):
    """One squared term into the normal equations."""
    for a in range(4):
        out_right[a] -= weight * row[a] * off
        for b in range(4):
            out_normal[a, b] += weight * row[a] * row[b]


@compiled
def _solve(matrix, right):
    """4 x 4, by elimination with pivots; zeros where it has no solution."""
    a, x = matrix.copy(), right.copy()
    for i in range(4):
        pivot = i
        for r in range(i + 1, 4):
            if abs(a[r, i]) > abs(a[pivot, i]):
                pivot = r
        if abs(a[pivot, i]) < 1e-12:
            return np.zeros(4)
        for c in range(4):
            a[i, c], a[pivot, c] = a[pivot, c], a[i, c]
        x[i], x[pivot] = x[pivot], x[i]
        for r in range(i + 1, 4):
            share = a[r, i] / a[i, i]
            for c in range(i, 4):
                a[r, c] -= share * a[i, c]
            x[r] -= share * x[i]
    for i in range(3, -1, -1):
        for c in range(i + 1, 4):
            x[i] -= a[i, c] * x[c]
        x[i] /= a[i, i]
    return x


@kernel
def register(source, model, normals, flatness, low, voxel_m, n_x, n_y, n_z, volume, held, n_rounds, wide_m, narrow_m, out_pose, out_information):
    """Moves out_pose (x, y, z, yaw of the object, seen from its predicted pose) until the source lies on the model.

    Reweighted Gauss-Newton with the weights of Geman and McClure, their scale going from wide to narrow; `held` (4,) pulls towards the prediction.
    out_information : (4, 4), what surfaces across which points were seen tell about the pose, per squared metre of noise
    """
    normal, right, row = np.empty((4, 4)), np.empty(4), np.empty(4)
    for turn in range(n_rounds):
        scale = wide_m * (narrow_m / wide_m) ** (turn / max(n_rounds - 1, 1))
        for a in range(4):
            right[a] = -held[a] * out_pose[a]
            for b in range(4):
                normal[a, b] = held[a] if a == b else 0.0
                out_information[a, b] = 0.0
        cos, sin = math.cos(out_pose[3]), math.sin(out_pose[3])
        for i in range(len(source)):
            ux, uy = source[i, 0] - out_pose[0], source[i, 1] - out_pose[1]
            x, y, z = cos * ux + sin * uy, cos * uy - sin * ux, source[i, 2] - out_pose[2]
            m = _nearest(x, y, z, low, voxel_m, n_x, n_y, n_z, volume)
            if m < 0:
                continue
            dx, dy, dz = x - model[m, 0], y - model[m, 1], z - model[m, 2]
            e = 1.0 + _misfit(dx, dy, dz, normals[m], flatness[m]) / (scale * scale)
            weight = 1.0 / (e * e)
            across = normals[m, 0] * dx + normals[m, 1] * dy + normals[m, 2] * dz
            row[0] = -(normals[m, 0] * cos - normals[m, 1] * sin)
            row[1] = -(normals[m, 0] * sin + normals[m, 1] * cos)
            row[2] = -normals[m, 2]
            row[3] = normals[m, 0] * y - normals[m, 1] * x
            _add(row, weight * flatness[m], across, normal, right)
            for a in range(4):
                for b in range(4):
                    out_information[a, b] += weight * flatness[m] * row[a] * row[b]
            loose = weight * max(1.0 - flatness[m], ALONG)
            row[0], row[1], row[2], row[3] = -cos, -sin, 0.0, y
            _add(row, loose, dx, normal, right)
            row[0], row[1], row[3] = sin, -cos, -x
            _add(row, loose, dy, normal, right)
            row[0], row[1], row[2], row[3] = 0.0, 0.0, -1.0, 0.0
            _add(row, loose * UPWARDS, dz, normal, right)
        step = _solve(normal, right)
        for a in range(4):
            out_pose[a] += step[a]


@kernel
def fitness(source, model, normals, flatness, low, voxel_m, n_x, n_y, n_z, volume, cells, n_cells, half, pose):
    """(overlap, coverage, residual_m, n_inside): how well the source lies on the model at a pose.

    overlap : of the points in and around the cuboid, the share that lie on the object's surface
    coverage : of the cells (M,) of the model, the share that such a point is near
    residual_m : root mean square distance of the points that lie loosely on it, infinite where none does
    n_inside : points in and around the cuboid
    """
    hit = np.zeros(n_cells, np.bool_)
    cos, sin = math.cos(pose[3]), math.sin(pose[3])
    n_inside, n_near, n_loose, total, covered = 0, 0, 0, 0.0, 0
    for i in range(len(source)):
        ux, uy = source[i, 0] - pose[0], source[i, 1] - pose[1]
        x, y, z = cos * ux + sin * uy, cos * uy - sin * ux, source[i, 2] - pose[2]
        if abs(x) > half[0] + OUTSIDE_M or abs(y) > half[1] + OUTSIDE_M or abs(z) > half[2] + OUTSIDE_M:
            continue
        n_inside += 1
        m = _nearest(x, y, z, low, voxel_m, n_x, n_y, n_z, volume)
        if m < 0:
            continue
        e = _misfit(x - model[m, 0], y - model[m, 1], z - model[m, 2], normals[m], flatness[m])
        if e <= LOOSE_M * LOOSE_M:
            n_loose += 1
            total += e
        if e <= NEAR_M * NEAR_M:
            n_near += 1
            if not hit[cells[m]]:
                hit[cells[m]] = True
                covered += 1
    residual = math.sqrt(total / n_loose) if n_loose else math.inf
    return n_near / max(n_inside, 1), covered / max(n_cells, 1), residual, n_inside
