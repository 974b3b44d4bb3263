"""What boxwright is compared with: ONE table from our function to everybody who does the same job. Tests take the rivals as oracles, the benchmark
as columns.

A contender has four steps: `prepare` turns the workload into what it likes (outside the clock), `run` does the job (inside), `result` turns what came
out into what can be compared (outside). `same` says in one line how far two results are apart, and raises DifferenceError where that is too far.
"""

from __future__ import annotations

import boxwright as bw

from . import containment, fitting, formats, interpolation, overlap, projection
from .contender import Contender, DifferenceError, Job, itself, missing

__all__ = ["JOBS", "Contender", "DifferenceError", "Job", "missing"]

FILLED = (
    Contender("fresh arrays", interpolation.packed, lambda w: bw.interpolate_tracks(w.tracks, w.times_ns), interpolation.filled_result),
    Contender("with out", interpolation.with_out, interpolation.fill_again, interpolation.filled_result),
)
NUMPY_FILE = Contender("numpy.fromfile", itself, formats.numpy_records, formats.numpy_result)
OPEN3D_FILE = Contender("open3d.t.io", itself, formats.open3d_read, formats.open3d_result, ("open3d",))
PYPCD4_FILE = Contender("pypcd4", itself, formats.pypcd4_read, formats.pypcd4_result, ("pypcd4",))
JOBS: tuple[Job, ...] = (
    Job(
        verb="containment",
        function="points_in_cuboids",
        ours=(Contender("boxwright", itself, lambda w: bw.points_in_cuboids(w.points, w.cuboids), containment.hits_as_lists),),
        rivals=(
            Contender("scipy cKDTree, build + query", containment.with_radius, containment.kd_build_and_query, containment.sorted_lists, ("scipy",)),
            Contender(
                "open3d OrientedBoundingBox", containment.open3d_prepared, containment.open3d_containment, containment.sorted_lists, ("open3d",)
            ),
            Contender("numpy, window along x", containment.with_radius, containment.numpy_containment, containment.sorted_lists),
            Contender(
                "scipy cKDTree, query only", containment.kd_prepared, containment.kd_query, containment.sorted_lists, ("scipy",), "building the tree"
            ),
        ),
        same=containment.same_hits,
    ),
    Job(
        verb="overlap",
        function="iou",
        ours=(
            Contender("fresh arrays", itself, lambda w: bw.iou(w.a, w.b), lambda _, both: (both.bev, both.volumetric)),
            Contender("with out", overlap.with_out, lambda p: bw.iou(p[0].a, p[0].b, out=p[1]), lambda _, both: (both.bev, both.volumetric)),
        ),
        rivals=(
            Contender(
                "shapely STRtree (from above only)", overlap.shapely_prepared, overlap.shapely_overlap, lambda _, bev: (bev, "float64"), ("shapely",)
            ),
            Contender(
                "cv2.rotatedRectangleIntersection (from above only)",
                overlap.cv2_rectangles,
                overlap.cv2_overlap,
                lambda _, bev: (bev, "float32"),
                ("cv2",),
            ),
        ),
        same=overlap.same_overlap,
    ),
    Job(
        verb="projection",
        function="project_points",
        ours=(
            Contender(
                "fresh arrays",
                projection.with_poses,
                lambda p: bw.project_points(p[0].points_lidar, p[0].cameras, p[1], dtype=p[0].dtype),
                lambda _, images: [(image.uv, image.in_image) for image in images],
            ),
            Contender(
                "with out",
                projection.with_out,
                lambda p: bw.project_points(p[0].points_lidar, p[0].cameras, p[1], dtype=p[0].dtype, out=p[2]),
                lambda _, images: [(image.uv, image.in_image) for image in images],
            ),
        ),
        rivals=(
            Contender("numpy", projection.rig_matrices, projection.numpy_projection, projection.spread_images),
            Contender("cv2.projectPoints, z > 0 first", projection.cv2_prepared, projection.cv2_projection, projection.spread_images, ("cv2",)),
        ),
        same=projection.same_images,
    ),
    Job(
        verb="fitting",
        function="fit_rectangles",
        ours=(
            Contender(
                "boxwright",
                itself,
                lambda w: bw.fit_rectangles(w.points, w.offsets),
                lambda _, r: (r.yaw_rad, r.center_m[:, :2], r.size_m[:, :2]),
            ),
        ),
        rivals=(
            Contender("cv2.minAreaRect", fitting.flat_clusters_float32, fitting.cv2_rectangle, fitting.cv2_rectangle_result, ("cv2",)),
            Contender("numpy closeness, 1 deg", fitting.flat_clusters, fitting.numpy_closeness, fitting.numpy_closeness_result),
            Contender("open3d OrientedBoundingBox", fitting.open3d_points, fitting.open3d_obb, fitting.open3d_obb_result, ("open3d",)),
        ),
        same=fitting.same_rectangles,
    ),
    Job(
        verb="interpolation",
        function="interpolate_tracks, linear",
        ours=FILLED,
        rivals=(
            Contender("numpy, all tracks at once", interpolation.keyframes, interpolation.numpy_interpolation, interpolation.flat_interpolation),
            Contender(
                "scipy Slerp + numpy.interp", interpolation.keyframes, interpolation.scipy_interpolation, interpolation.flat_interpolation, ("scipy",)
            ),
        ),
        same=interpolation.same_tracks,
    ),
    Job(
        verb="interpolation",
        function="interpolate_tracks, makima",
        ours=FILLED,
        rivals=(
            Contender(
                "scipy Akima1D + numpy slerp", interpolation.keyframes, interpolation.scipy_makima, interpolation.flat_interpolation, ("scipy",)
            ),
        ),
        same=interpolation.same_tracks,
    ),
    *(
        Job("formats", f"read_points, {title}", (Contender("boxwright", itself, formats.our_read, formats.our_result),), rivals, formats.same_points)
        for title, rivals in (
            (".bin", (NUMPY_FILE,)),
            ("binary PCD", (NUMPY_FILE, OPEN3D_FILE, PYPCD4_FILE)),
            ("compressed PCD", (OPEN3D_FILE, PYPCD4_FILE)),
            ("PLY", (NUMPY_FILE, OPEN3D_FILE)),
            ("LAS", (NUMPY_FILE, Contender("laspy", itself, formats.laspy_read, formats.laspy_result, ("laspy",)))),
        )
    ),
)
