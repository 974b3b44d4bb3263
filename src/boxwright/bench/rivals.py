"""What boxwright is compared with: ONE table from our function to everybody who does the same job. Tests take the rivals as oracles, the benchmark
as columns.

A contender has four steps: `prepare` turns the workload into what it likes (outside the clock), `run` does the job (inside), `result` turns what came
out into what can be compared (outside). `same` says in one line how far two results are apart, and raises DifferenceError where that is too far.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import boxwright as bw

from ..arrays import Bools, Float64s
from .workloads import Clusters, Overlaps, PointsAndCuboids, Rig, Tracks

__all__ = ["JOBS", "Contender", "DifferenceError", "Job", "missing"]


class DifferenceError(AssertionError):
    """Two contenders gave different results, so their times mean nothing."""


@dataclass(frozen=True)
class Contender:
    """Somebody who does a job.

    needs : what must be importable
    leaves_out : what of the job was done before the clock started; "" where nothing was. Only those compete for being the fastest
    """

    name: str
    prepare: Callable[[Any], Any]
    run: Callable[[Any], Any]
    result: Callable[[Any, Any], Any]
    needs: tuple[str, ...] = ()
    leaves_out: str = ""


@dataclass(frozen=True)
class Job:
    """One of our functions, in the ways it can be called, and its rivals."""

    verb: str
    function: str
    ours: tuple[Contender, ...]
    rivals: tuple[Contender, ...]
    same: Callable[[Any, Any, Any], str]


def missing(contender: Contender) -> str:
    """The first of what it needs that cannot be imported, or ""."""
    for name in contender.needs:
        if importlib.util.find_spec(name) is None:
            return name
        try:
            importlib.import_module(name)
        except (ImportError, OSError):
            return name
    return ""


def _as_is(prepared: Any, returned: Any) -> Any:
    return returned


def _itself(workload: Any) -> Any:
    return workload


# ------------------------------------------------------------ points in cuboids -> list of sorted index arrays


def _inside(points: Float64s, center: Float64s, half: Float64s, rotation: Float64s) -> Bools:
    inside: Bools = (np.abs((points - center) @ rotation) <= half).all(1)
    return inside


def _as_float64(workload: PointsAndCuboids) -> Any:
    c = workload.cuboids
    return workload.points.astype(np.float64), c.center_m, c.size_m / 2, c.rotation


def _with_radius(workload: PointsAndCuboids) -> Any:
    points, center, half, rotation = _as_float64(workload)
    return points, center, half, rotation, np.linalg.norm(half, axis=1)


def _numpy_containment(prepared: Any) -> Any:
    """A window along x first, then the exact test."""
    points, center, half, rotation, radius = prepared
    x, found = np.ascontiguousarray(points[:, 0]), []
    for c, h, r, reach in zip(center, half, rotation, radius):
        near = np.flatnonzero(np.abs(x - c[0]) <= reach)
        found.append(near[_inside(points[near], c, h, r)])
    return found


def _kd_tree(points: Float64s) -> Any:
    from scipy.spatial import cKDTree

    return cKDTree(points, leafsize=32, balanced_tree=False, compact_nodes=False)


def _kd_query(prepared: Any) -> Any:
    points, center, half, rotation, radius, tree = prepared
    around = tree.query_ball_point(center, radius * (1 + 1e-12), return_sorted=False)
    found = []
    for near, c, h, r in zip(around, center, half, rotation):
        index = np.array(near, np.int64)
        found.append(index[_inside(points[index], c, h, r)])
    return found


def _kd_build_and_query(prepared: Any) -> Any:
    return _kd_query((*prepared, _kd_tree(prepared[0])))


def _kd_prepared(workload: PointsAndCuboids) -> Any:
    prepared = _with_radius(workload)
    return (*prepared, _kd_tree(prepared[0]))


def _open3d_prepared(workload: PointsAndCuboids) -> Any:
    import open3d

    c = workload.cuboids
    boxes = [open3d.geometry.OrientedBoundingBox(*row) for row in zip(c.center_m, c.rotation, c.size_m)]
    return open3d.utility.Vector3dVector(workload.points.astype(np.float64)), boxes


def _open3d_containment(prepared: Any) -> Any:
    points, boxes = prepared
    return [box.get_point_indices_within_bounding_box(points) for box in boxes]


def _sorted_lists(prepared: Any, returned: Any) -> Any:
    return [np.sort(np.asarray(index, np.int64)) for index in returned]


def _hits_as_lists(prepared: Any, hits: Any) -> Any:
    return [hits.indices(m) for m in range(len(hits))]


def _same_hits(workload: PointsAndCuboids, ours: Any, theirs: Any) -> str:
    """The same points, except those within a nanometre of a face, where the order of additions decides."""
    n_total, n_face = 0, 0
    c = workload.cuboids
    for m, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        n_total += len(a)
        odd = np.setxor1d(a, b)
        if len(odd):
            local = np.abs((workload.points[odd].astype(np.float64) - c.center_m[m]) @ c.rotation[m]) - c.size_m[m] / 2
            if (np.abs(local.max(1)) > 1e-9).any():
                raise DifferenceError(f"cuboid {m}: {len(a)} against {len(b)} points")
            n_face += len(odd)
    return f"{n_total:,} hits equal" + (f", {n_face} on a face differ" if n_face else "")


# ------------------------------------------------------------ projection -> per camera (uv (N, 2), is_in_image (N,))


def _rig_matrices(workload: Rig) -> Any:
    points = np.ascontiguousarray(workload.points_lidar, workload.dtype)
    matrices = [m.astype(workload.dtype) for m in workload.cam_from_lidar]
    return points, workload.cameras, matrices


def _numpy_projection(prepared: Any) -> Any:
    """Points in front of each camera only, and within its lens's radius; Brown-Conrady with five coefficients."""
    points, cameras, matrices = prepared
    kind, images = points.dtype.type, []
    for camera, matrix in zip(cameras, matrices):
        k1, k2, p1, p2, k3 = (kind(v) for v in camera.coefficients[:5])
        fx, fy, cx, cy = (kind(v) for v in (camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px))
        cam = points @ matrix[:3, :3].T + matrix[:3, 3]
        front = np.flatnonzero(cam[:, 2] > 0)
        x, y, z = cam[front].T
        x, y = x / z, y / z
        xx, yy, xy = x * x, y * y, x * y
        rho = xx + yy
        radial = 1 + rho * (k1 + rho * (k2 + rho * k3))
        u = fx * (x * radial + 2 * p1 * xy + p2 * (rho + 2 * xx)) + cx
        v = fy * (y * radial + p1 * (rho + 2 * yy) + 2 * p2 * xy) + cy
        inside = (rho < camera.max_radius**2) & (u >= -0.5) & (v >= -0.5) & (u < camera.width_px - 0.5) & (v < camera.height_px - 0.5)
        images.append((front, u, v, inside))
    return images


def _cv2_prepared(workload: Rig) -> Any:
    import cv2

    points = np.ascontiguousarray(workload.points_lidar, np.float64)
    lenses = [
        (m, cv2.Rodrigues(m[:3, :3])[0], m[:3, 3].copy(), c.matrix, c.coefficients[:5].copy(), c)
        for c, m in zip(workload.cameras, workload.cam_from_lidar)
    ]
    return points, lenses


def _cv2_projection(prepared: Any) -> Any:
    """cv2.projectPoints of the points in front of each camera. It has no fold test."""
    import cv2

    points, lenses = prepared
    images = []
    for matrix, rotation, translation, intrinsics, distortion, camera in lenses:
        front = np.flatnonzero(points @ matrix[2, :3] + matrix[2, 3] > 0)
        uv = cv2.projectPoints(points[front], rotation, translation, intrinsics, distortion)[0][:, 0]
        u, v = uv[:, 0], uv[:, 1]
        inside = (u >= -0.5) & (v >= -0.5) & (u < camera.width_px - 0.5) & (v < camera.height_px - 0.5)
        images.append((front, u, v, inside))
    return images


def _spread_images(prepared: Any, returned: Any) -> Any:
    n, images = len(prepared[0]), []
    for front, u, v, inside in returned:
        uv, is_in = np.full((n, 2), np.nan), np.zeros(n, bool)
        uv[front], is_in[front] = np.stack([u, v], -1), inside
        images.append((uv, is_in))
    return images


def _same_images(workload: Rig, ours: Any, theirs: Any) -> str:
    """Every point we see is where the rival sees it; what only the rival sees lies beyond the fold, or on the picture's border."""
    tolerance = 1e-6 if workload.dtype == np.float64 else 0.05
    worst, n_seen, n_ghosts = 0.0, 0, 0
    for camera, matrix, (uv, is_in), (other_uv, other_in) in zip(workload.cameras, workload.cam_from_lidar, ours, theirs, strict=True):
        both = is_in & other_in
        worst = max(worst, float(np.abs(uv[both] - other_uv[both]).max(initial=0)))
        n_seen += int(is_in.sum())
        cam = workload.points_lidar.astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
        beyond = np.hypot(cam[:, 0], cam[:, 1]) >= (camera.max_radius - 1e-5) * cam[:, 2]
        seen = np.where(is_in[:, None], uv, other_uv)
        border = np.minimum(np.abs(seen + 0.5), np.abs(seen - (camera.width_px - 0.5, camera.height_px - 0.5))).min(1) <= tolerance
        n_ghosts += int((other_in & ~is_in & beyond).sum())
        if ((is_in != other_in) & ~border & ~(other_in & beyond)).any():
            raise DifferenceError(f"{int((is_in != other_in).sum())} points are seen by one alone")
    if worst > tolerance:
        raise DifferenceError(f"{worst:.3g} px apart, more than {tolerance:g}")
    return f"{n_seen:,} pixels within {worst:.1g} px" + (f"; {n_ghosts:,} ghost points of the rival" if n_ghosts else "")


# ------------------------------------------------------------ overlap -> (bev (A, B), volumetric (A, B) or None)


def _outlines(cuboids: Any) -> Any:
    """(M, 4, 2) counter-clockwise, of upright cuboids."""
    return cuboids.corners_m()[:, [3, 7, 6, 2], :2]


def _shapely_prepared(workload: Overlaps) -> Any:
    import shapely

    return tuple(part for c in (workload.a, workload.b) for part in (shapely.polygons(_outlines(c)), np.prod(c.size_m[:, :2], axis=1)))


def _shapely_overlap(prepared: Any) -> Any:
    """A tree over one set, the exact intersection of the pairs it finds; bird's-eye view only."""
    import shapely

    a, area_a, b, area_b = prepared
    i, j = shapely.STRtree(b).query(a)
    shared = shapely.area(shapely.intersection(a[i], b[j]))
    bev = np.zeros((len(a), len(b)))
    bev[i, j] = shared / (area_a[i] + area_b[j] - shared)
    return bev


def _cv2_rectangles(workload: Overlaps) -> Any:
    """Around one shared origin, since cv2 computes in float32."""
    parts: list[Any] = []
    for c in (workload.a, workload.b):
        rows = np.column_stack([c.center_m[:, :2], c.size_m[:, :2], np.degrees(c.yaw_rad)])
        parts += [rows, [((r[0], r[1]), (r[2], r[3]), r[4]) for r in rows.tolist()]]
    return parts


def _cv2_overlap(prepared: Any) -> Any:
    """Pairs within reach of each other by radius, then cv2's intersection; bird's-eye view only, float32."""
    import cv2

    a, rectangles_a, b, rectangles_b = prepared
    radius_a, radius_b = np.hypot(a[:, 2], a[:, 3]) / 2, np.hypot(b[:, 2], b[:, 3]) / 2
    gap = np.hypot(a[:, None, 0] - b[None, :, 0], a[:, None, 1] - b[None, :, 1])
    bev = np.zeros((len(a), len(b)))
    for i, j in zip(*np.nonzero(gap < radius_a[:, None] + radius_b)):
        kind, corners = cv2.rotatedRectangleIntersection(rectangles_a[i], rectangles_b[j])
        if kind:
            shared = cv2.contourArea(cv2.convexHull(corners))
            bev[i, j] = shared / (a[i, 2] * a[i, 3] + b[j, 2] * b[j, 3] - shared)
    return bev


def _with_volume(workload: Overlaps, bev: Float64s) -> Float64s:
    """The 3-D IoU of upright cuboids, from the one seen from above."""
    a, b = workload.a, workload.b
    area_a, area_b = np.prod(a.size_m[:, :2], axis=1)[:, None], np.prod(b.size_m[:, :2], axis=1)
    shared = bev * (area_a + area_b) / (1 + bev)
    top = np.minimum((a.center_m[:, 2] + a.size_m[:, 2] / 2)[:, None], b.center_m[:, 2] + b.size_m[:, 2] / 2)
    bottom = np.maximum((a.center_m[:, 2] - a.size_m[:, 2] / 2)[:, None], b.center_m[:, 2] - b.size_m[:, 2] / 2)
    volume = shared * np.maximum(top - bottom, 0)
    result: Float64s = volume / (area_a * a.size_m[:, 2][:, None] + area_b * b.size_m[:, 2] - volume)
    return result


def _same_overlap(workload: Overlaps, ours: Any, theirs: Any) -> str:
    bev, volumetric = ours
    tolerance = 1e-9 if theirs[1] == "float64" else 5e-4
    worst = float(np.abs(bev - theirs[0]).max(initial=0))
    worst_volume = float(np.abs(volumetric - _with_volume(workload, theirs[0])).max(initial=0))
    if max(worst, worst_volume) > tolerance:
        raise DifferenceError(f"IoU apart by {worst:.3g} from above, {worst_volume:.3g} in 3-D, more than {tolerance:g}")
    return f"{int((bev > 0).sum()):,} overlaps within {max(worst, worst_volume):.1g}"


# ------------------------------------------------------------ rectangles -> (yaw (K,) of one side, (K, 2) centre, (K, 2) size)


def _flat_clusters(workload: Clusters) -> Any:
    points = workload.points[:, :2].astype(np.float64)
    return [points[i:j] for i, j in zip(workload.offsets[:-1], workload.offsets[1:])]


def _flat_clusters_float32(workload: Clusters) -> Any:
    return [np.ascontiguousarray(part, np.float32) for part in _flat_clusters(workload)]


def _cv2_rectangle(prepared: Any) -> Any:
    import cv2

    return [cv2.minAreaRect(part) for part in prepared]


def _cv2_rectangle_result(prepared: Any, returned: Any) -> Any:
    center, size, degrees = zip(*returned)
    return np.radians(degrees), np.array(center), np.array(size)


ANGLES_RAD = np.radians(np.arange(90.0))


def _numpy_closeness(prepared: Any) -> Any:
    """L-shape search (Zhang et al., IV 2017): 90 angles, each judged by the closeness of the points to the nearer of the four sides."""
    along, across = np.stack([np.cos(ANGLES_RAD), np.sin(ANGLES_RAD)]), np.stack([-np.sin(ANGLES_RAD), np.cos(ANGLES_RAD)])
    found = []
    for part in prepared:
        c1, c2 = part @ along, part @ across
        low1, high1, low2, high2 = c1.min(0), c1.max(0), c2.min(0), c2.max(0)
        d1 = np.minimum(high1 - c1, c1 - low1)
        d2 = np.minimum(high2 - c2, c2 - low2)
        best = int(np.argmax((1 / np.maximum(np.minimum(d1, d2), 0.01)).sum(0)))
        found.append((best, low1[best], high1[best], low2[best], high2[best]))
    return found


def _numpy_closeness_result(prepared: Any, returned: Any) -> Any:
    best, low1, high1, low2, high2 = (np.array(column) for column in zip(*returned))
    yaw = ANGLES_RAD[best]
    a, b = (low1 + high1) / 2, (low2 + high2) / 2
    center = np.stack([a * np.cos(yaw) - b * np.sin(yaw), a * np.sin(yaw) + b * np.cos(yaw)], -1)
    return yaw, center, np.stack([high1 - low1, high2 - low2], -1)


def _open3d_points(workload: Clusters) -> Any:
    import open3d

    points = workload.points.astype(np.float64)
    return [open3d.utility.Vector3dVector(points[i:j]) for i, j in zip(workload.offsets[:-1], workload.offsets[1:])]


def _open3d_obb(prepared: Any) -> Any:
    import open3d

    return [open3d.geometry.OrientedBoundingBox.create_from_points(part) for part in prepared]


def _open3d_obb_result(prepared: Any, returned: Any) -> Any:
    """The two axes that lie flattest."""
    rows = []
    for box in returned:
        rotation, extent = np.asarray(box.R), np.asarray(box.extent)
        i, j = np.sort(np.argsort(np.abs(rotation[2]))[:2])
        rows.append((np.arctan2(rotation[1, i], rotation[0, i]), *box.center[:2], extent[i], extent[j]))
    table = np.array(rows)
    return table[:, 0], table[:, 1:3], table[:, 3:]


def _yaw_error(yaw: Float64s, truth: Float64s) -> Float64s:
    """(K,) degrees, modulo a quarter turn: a rectangle does not tell its front."""
    return np.abs(np.degrees((yaw - truth + np.pi / 4) % (np.pi / 2) - np.pi / 4))


def _same_rectangles(workload: Clusters, ours: Any, theirs: Any) -> str:
    """Every rectangle of ours holds its points, and the headings are at least as good as the rival's (methods differ, so rectangles do)."""
    yaw, center, size = ours
    for k, part in enumerate(_flat_clusters(workload)):
        turn = np.array([[np.cos(yaw[k]), -np.sin(yaw[k])], [np.sin(yaw[k]), np.cos(yaw[k])]])
        beyond = (np.abs((part - center[k]) @ turn) - size[k] / 2).max()
        if beyond > 1e-6:
            raise DifferenceError(f"cluster {k}: a point lies {beyond:.3g} m outside of the rectangle")
    mine, other = (float(np.percentile(_yaw_error(result[0], workload.yaw_rad), 95)) for result in (ours, theirs))
    if mine > other + 0.1:
        raise DifferenceError(f"95 % of yaw errors within {mine:.2f} deg, the rival's within {other:.2f}")
    return f"p95 of yaw error {mine:.2f} deg, the rival's {other:.2f}"


# ------------------------------------------------------------ interpolation -> (center (K, 3), quat_wxyz (K, 4)), by track, then by time


def _keyframes(workload: Tracks) -> Any:
    """Seconds after the first frame, and dense arrays: here every track has as many keyframes."""
    first = workload.times_ns[0]
    keys = np.stack([(t.times_ns - first) * 1e-9 for t in workload.tracks])
    center = np.stack([t.cuboids.center_m for t in workload.tracks])
    quat = np.stack([t.cuboids.quat_wxyz for t in workload.tracks])
    size = np.stack([t.cuboids.size_m for t in workload.tracks])
    return keys, center, quat, size, (workload.times_ns - first) * 1e-9


def _numpy_interpolation(prepared: Any) -> Any:
    """All tracks at once: they share their keyframe times."""
    keys, center, quat, size, times = prepared
    before, share = _places(keys[0], times)
    at_center = center[:, before] * (1 - share) + center[:, before + 1] * share
    at_size = size[:, before] * (1 - share) + size[:, before + 1] * share
    return at_center, at_size, _slerp(quat, before, share)


def _places(keys: Float64s, times: Float64s) -> Any:
    """Between which keyframes each time lies, and how far along."""
    before = np.clip(np.searchsorted(keys, times, side="right") - 1, 0, len(keys) - 2)
    return before, ((times - keys[before]) / (keys[before + 1] - keys[before]))[None, :, None]


def _slerp(quat: Float64s, before: Any, share: Float64s) -> Float64s:
    """(N, T, 4) between keyframes `before` and the next, along the short arc."""
    a, b = quat[:, before], quat[:, before + 1]
    dot = np.einsum("ntk,ntk->nt", a, b)[..., None]
    b = np.where(dot < 0, -b, b)
    angle = np.arccos(np.clip(np.abs(dot), 0, 1))
    sine = np.sin(angle)
    near = sine < 1e-8
    weight_b = np.where(near, share, np.sin(share * angle) / np.where(near, 1, sine))
    weight_a = np.where(near, 1 - share, np.sin((1 - share) * angle) / np.where(near, 1, sine))
    return a * weight_a + b * weight_b


def _scipy_makima(prepared: Any) -> Any:
    """scipy's modified Akima for the centres of all tracks at once, numpy for the rest."""
    from scipy.interpolate import Akima1DInterpolator

    keys, center, quat, size, times = prepared
    before, share = _places(keys[0], times)
    at_center = Akima1DInterpolator(keys[0], center.swapaxes(0, 1), method="makima")(times).swapaxes(0, 1)
    at_size = size[:, before] * (1 - share) + size[:, before + 1] * share
    return at_center, at_size, _slerp(quat, before, share)


def _flat_interpolation(prepared: Any, returned: Any) -> Any:
    center, _, quat = returned
    return np.reshape(center, (-1, 3)), np.reshape(quat, (-1, 4))


def _scipy_interpolation(prepared: Any) -> Any:
    """Slerp and interp1d-style `np.interp`, one track after the other."""
    from scipy.spatial.transform import Rotation, Slerp

    keys, center, quat, size, times = prepared
    centers, sizes, quats = [], [], []
    for t, c, q, s in zip(keys, center, quat, size):
        centers.append(np.stack([np.interp(times, t, c[:, k]) for k in range(3)], -1))
        sizes.append(np.stack([np.interp(times, t, s[:, k]) for k in range(3)], -1))
        quats.append(Slerp(t, Rotation.from_quat(q[:, [1, 2, 3, 0]]))(times).as_quat()[:, [3, 0, 1, 2]])
    return centers, sizes, quats


def _filled_result(prepared: Any, filled: Any) -> Any:
    return filled.cuboids.center_m, filled.cuboids.quat_wxyz


def _same_tracks(workload: Tracks, ours: Any, theirs: Any) -> str:
    if len(ours[0]) != len(theirs[0]):
        raise DifferenceError(f"{len(ours[0])} against {len(theirs[0])} rows")
    apart = float(np.abs(ours[0] - theirs[0]).max(initial=0))
    turned = float(np.abs(1 - np.abs(np.einsum("kj,kj->k", ours[1], theirs[1]))).max(initial=0))
    if apart > 1e-9 or turned > 1e-12:
        raise DifferenceError(f"centres {apart:.3g} m apart, quaternions 1 - |dot| = {turned:.3g}")
    return f"{len(ours[0]):,} cuboids within {apart:.1g} m"


# ------------------------------------------------------------ the table

JOBS: tuple[Job, ...] = (
    Job(
        verb="containment",
        function="points_in_cuboids",
        ours=(Contender("boxwright", _itself, lambda w: bw.points_in_cuboids(w.points, w.cuboids), _hits_as_lists),),
        rivals=(
            Contender("scipy cKDTree, build + query", _with_radius, _kd_build_and_query, _sorted_lists, ("scipy",)),
            Contender("open3d OrientedBoundingBox", _open3d_prepared, _open3d_containment, _sorted_lists, ("open3d",)),
            Contender("numpy, window along x", _with_radius, _numpy_containment, _sorted_lists),
            Contender("scipy cKDTree, query only", _kd_prepared, _kd_query, _sorted_lists, ("scipy",), "building the tree"),
        ),
        same=_same_hits,
    ),
    Job(
        verb="overlap",
        function="iou",
        ours=(Contender("boxwright", _itself, lambda w: bw.iou(w.a, w.b), lambda _, both: (both.bev, both.volumetric)),),
        rivals=(
            Contender("shapely STRtree (from above only)", _shapely_prepared, _shapely_overlap, lambda _, bev: (bev, "float64"), ("shapely",)),
            Contender("cv2.rotatedRectangleIntersection (from above only)", _cv2_rectangles, _cv2_overlap, lambda _, bev: (bev, "float32"), ("cv2",)),
        ),
        same=_same_overlap,
    ),
    Job(
        verb="projection",
        function="project_points",
        ours=(
            Contender(
                "boxwright",
                _itself,
                lambda w: bw.project_points(w.points_lidar, w.cameras, w.cam_from_lidar, dtype=w.dtype),
                lambda _, images: [(image.uv, image.in_image) for image in images],
            ),
        ),
        rivals=(
            Contender("numpy", _rig_matrices, _numpy_projection, _spread_images),
            Contender("cv2.projectPoints, z > 0 first", _cv2_prepared, _cv2_projection, _spread_images, ("cv2",)),
        ),
        same=_same_images,
    ),
    Job(
        verb="fitting",
        function="fit_rectangles",
        ours=(
            Contender(
                "boxwright",
                _itself,
                lambda w: bw.fit_rectangles(w.points, w.offsets),
                lambda _, r: (r.yaw_rad, r.center_m[:, :2], r.size_m[:, :2]),
            ),
        ),
        rivals=(
            Contender("cv2.minAreaRect", _flat_clusters_float32, _cv2_rectangle, _cv2_rectangle_result, ("cv2",)),
            Contender("numpy closeness, 1 deg", _flat_clusters, _numpy_closeness, _numpy_closeness_result),
            Contender("open3d OrientedBoundingBox", _open3d_points, _open3d_obb, _open3d_obb_result, ("open3d",)),
        ),
        same=_same_rectangles,
    ),
    Job(
        verb="interpolation",
        function="interpolate_tracks, linear",
        ours=(Contender("boxwright", _itself, lambda w: bw.interpolate_tracks(w.tracks, w.times_ns), _filled_result),),
        rivals=(
            Contender("numpy, all tracks at once", _keyframes, _numpy_interpolation, _flat_interpolation),
            Contender("scipy Slerp + numpy.interp", _keyframes, _scipy_interpolation, _flat_interpolation, ("scipy",)),
        ),
        same=_same_tracks,
    ),
    Job(
        verb="interpolation",
        function="interpolate_tracks, makima",
        ours=(Contender("boxwright", _itself, lambda w: bw.interpolate_tracks(w.tracks, w.times_ns), _filled_result),),
        rivals=(Contender("scipy Akima1D + numpy slerp", _keyframes, _scipy_makima, _flat_interpolation, ("scipy",)),),
        same=_same_tracks,
    ),
)
