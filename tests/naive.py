"""Slow twins: what every kernel must agree with, written to be read."""

from __future__ import annotations

import numpy as np

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
