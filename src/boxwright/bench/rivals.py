"""What boxwright is compared with: ONE table from our function to everybody who does the same job. Tests take the rivals as oracles, the benchmark
as columns.

A contender has four steps: `prepare` turns the workload into what it likes (outside the clock), `run` does the job (inside), `result` turns what came
out into what can be compared (outside). `same` says in one line how far two results are apart, and raises DifferenceError where that is too far.
"""

from __future__ import annotations

import boxwright as bw

from . import (
    checks,
    clicking,
    containment,
    fitting,
    formats,
    interpolation,
    interpolation2d,
    occlusion,
    overlap,
    projection,
    segmentation,
    terrain,
    tracks,
    video,
)
from .contender import Contender, DifferenceError, Job, Work, itself, missing

__all__ = ["FRESH", "JOBS", "Contender", "DifferenceError", "Job", "Work", "missing"]

FRESH = "fresh arrays"
FILLED = (
    Contender(FRESH, interpolation.packed, lambda w: bw.interpolate_tracks(w.tracks, w.times_ns), interpolation.filled_result),
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
            Contender(
                "nuscenes-devkit",
                containment.nuscenes_prepared,
                containment.nuscenes_containment,
                containment.sorted_lists,
                ("nuscenes.utils.data_classes", "pyquaternion"),
            ),
            Contender(
                "av2", containment.av2_prepared, containment.av2_containment, containment.sorted_lists, ("av2.geometry.se3", "av2.structures.cuboid")
            ),
        ),
        same=containment.same_hits,
        moved=containment.hits_moved,
    ),
    Job(
        verb="overlap",
        function="iou",
        ours=(
            Contender(FRESH, itself, lambda w: bw.iou(w.a, w.b), lambda _, both: (both.bev, both.volumetric)),
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
        moved=overlap.pairs_moved,
    ),
    Job(
        verb="overlap",
        function="iou_3d, tilted",
        ours=(Contender("boxwright", itself, lambda w: bw.iou_3d(w.a, w.b), lambda _, iou: iou),),
        rivals=(Contender("scipy HalfspaceIntersection", overlap.halfspaces, overlap.scipy_overlap, lambda _, iou: iou, ("scipy",)),),
        same=overlap.same_volumetric,
        moved=overlap.pairs_moved,
    ),
    Job(
        verb="projection",
        function="project_points",
        ours=(
            Contender(
                FRESH,
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
        moved=projection.rig_moved,
    ),
    Job(
        verb="projection",
        function="project_points, fisheye",
        ours=(
            Contender(
                "boxwright",
                projection.fisheye_pose,
                lambda p: bw.project_points(p[0].points_lidar, p[0].camera, p[1]),
                projection.our_fisheye_result,
            ),
        ),
        rivals=(
            Contender("numpy", projection.fisheye_matrices, projection.numpy_fisheye, projection.spread_fisheye),
            Contender("cv2.fisheye.projectPoints", projection.fisheye_matrices, projection.cv2_fisheye, projection.spread_fisheye, ("cv2",)),
        ),
        same=projection.same_fisheye,
        moved=projection.fisheye_moved,
    ),
    Job(
        verb="projection",
        function="project_cuboids",
        ours=(
            Contender("boxwright", itself, lambda w: bw.project_cuboids(w.cuboids_cam, w.camera, bw.Pose.identity()), lambda _, boxes: boxes.xyxy),
        ),
        rivals=(
            Contender("numpy, corners alone", itself, projection.numpy_boxes, lambda _, xyxy: xyxy),
            Contender("cv2.projectPoints, corners alone", itself, projection.cv2_boxes, lambda _, xyxy: xyxy, ("cv2",)),
        ),
        same=projection.same_boxes,
        moved=projection.boxes_moved,
    ),
    Job(
        verb="occlusion",
        function="depth_map, gaps given",
        ours=(Contender("boxwright", occlusion.with_pose, occlusion.our_depth, lambda _, made: (made.range_m, made.sees)),),
        rivals=(Contender("numpy.minimum.at", occlusion.with_camera, occlusion.numpy_depth, lambda _, result: result),),
        same=occlusion.same_depth,
        moved=occlusion.depth_moved,
    ),
    Job(
        verb="terrain",
        function="ground",
        ours=(Contender("boxwright", itself, lambda w: bw.ground(w.points), terrain.our_heights),),
        rivals=(
            Contender("numpy RANSAC (one plane)", terrain.xyz_float64, terrain.numpy_plane, terrain.plane_heights),
            Contender("open3d segment_plane (one plane)", terrain.open3d_points, terrain.open3d_plane, terrain.plane_heights, ("open3d",)),
            Contender("sklearn RANSACRegressor (one plane)", terrain.sklearn_columns, terrain.sklearn_plane, terrain.sklearn_heights, ("sklearn",)),
        ),
        same=terrain.same_ground,
        moved=terrain.ground_moved,
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
            Contender("trimesh oriented_bounds_2D", fitting.flat_clusters, fitting.trimesh_rectangle, fitting.trimesh_rectangle_result, ("trimesh",)),
        ),
        same=fitting.same_rectangles,
        moved=fitting.clusters_moved,
        error=fitting.yaw_error_deg,
    ),
    Job(
        verb="fitting",
        function="fit_cuboid",
        ours=(Contender("boxwright", fitting.our_clusters, fitting.our_cuboids, fitting.our_cuboids_result),),
        rivals=(
            Contender("numpy closeness, 1 deg, and heights", fitting.whole_clusters_float64, fitting.numpy_cuboid, fitting.numpy_cuboids),
            Contender("open3d OrientedBoundingBox", fitting.open3d_points, fitting.open3d_obb, fitting.open3d_cuboids, ("open3d",)),
            Contender("open3d minimal box", fitting.open3d_points, fitting.open3d_minimal_obb, fitting.open3d_cuboids, ("open3d",)),
            Contender("trimesh oriented_bounds", fitting.whole_clusters_float64, fitting.trimesh_cuboid, fitting.trimesh_cuboids, ("trimesh",)),
        ),
        same=fitting.same_cuboids,
        moved=fitting.clusters_moved,
    ),
    *clicking.JOBS,
    *segmentation.JOBS,
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
        moved=interpolation.tracks_moved,
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
        moved=interpolation.tracks_moved,
    ),
    Job(
        verb="interpolation",
        function="interpolate, linear",
        ours=(
            Contender("boxwright", interpolation.one_track, lambda p: bw.interpolate(p[0], p[1], p[2], method=p[3]), interpolation.one_track_result),
        ),
        rivals=(
            Contender("numpy", interpolation.keyframes, interpolation.numpy_interpolation, interpolation.flat_interpolation),
            Contender(
                "scipy Slerp + numpy.interp", interpolation.keyframes, interpolation.scipy_interpolation, interpolation.flat_interpolation, ("scipy",)
            ),
        ),
        same=interpolation.same_tracks,
        moved=interpolation.one_track_moved,
    ),
    *interpolation2d.JOBS,
    *tracks.JOBS,
    *checks.JOBS,
    *(
        Job(
            verb="formats",
            function=f"read_points, {title}",
            ours=(Contender("boxwright", itself, formats.our_read, formats.our_result),),
            rivals=rivals,
            same=formats.same_points,
            moved=formats.file_moved,
        )
        for title, rivals in (
            (".bin", (NUMPY_FILE,)),
            ("binary PCD", (NUMPY_FILE, OPEN3D_FILE, PYPCD4_FILE)),
            ("compressed PCD", (OPEN3D_FILE, PYPCD4_FILE)),
            ("PLY", (NUMPY_FILE, OPEN3D_FILE)),
            ("LAS", (NUMPY_FILE, Contender("laspy", itself, formats.laspy_read, formats.laspy_result, ("laspy",)))),
        )
    ),
    *(
        Job(
            verb="video",
            function=function,
            ours=(Contender("boxwright", video.our_clip, video.our_frames, video.our_numbers, ("av",)),),
            rivals=(Contender("cv2.VideoCapture", video.cv2_clip, video.cv2_frames, video.cv2_numbers, ("cv2",)),),
            same=video.same_frames,
            moved=video.clip_moved,
        )
        for function in ("Video.frame, at random", "Video.frame, in order")
    ),
)
