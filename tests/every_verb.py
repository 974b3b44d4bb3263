"""Every public verb with a kernel beneath, on small seeded input: a digest of each result.

Used with different numbers of threads and from several threads at once; results must not differ by a bit.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import boxwright as bw
import moving_pictures
import street
from boxwright import containment, interpolation, interpolation2d, overlap, projection, rectangles
from boxwright.formats import read_points, write_points
from boxwright.registration import ObjectModel
from boxwright.scene import NoData
from test_shapes2d import some_of_each

LEAST = {
    containment: {"POINTS_PER_THREAD": 500},
    projection: {"CHUNKS_PER_THREAD": 1},
    overlap: {"PAIRS_PER_THREAD": 100, "ROWS_PER_THREAD": 10},
    rectangles: {"POINTS_PER_THREAD": 1000},
    interpolation: {"ROWS_PER_THREAD": 50},
    interpolation2d: {"ROWS_PER_THREAD": 50},
}


def share_small_input() -> None:
    """Sets the lengths from which verbs share their input so low that all of this is shared; for processes of their own."""
    for module, constants in LEAST.items():
        for name, value in constants.items():
            setattr(module, name, value)


def scene_points(rng: np.random.Generator, n: int = 20_000) -> np.ndarray:
    """(n, 3) float32: a ground with bumps and two standing objects, and one point that is not finite."""
    ground = np.c_[rng.uniform(-40, 40, (n, 2)), rng.normal(-1.7, 0.02, n)]
    for x, y in ((8.0, 3.0), (-12.0, 6.0)):
        side = rng.uniform([-2.2, -0.9, 0.2], [2.2, 0.9, 1.5], (1500, 3))
        side[::2, 1] = -0.9
        side[1::2, 0] = -2.2
        ground = np.r_[ground, side + np.array([x, y, -1.7])]
    ground[17] = np.nan
    return ground.astype(np.float32)


def cuboids(rng: np.random.Generator, m: int, frame: str = "lidar", *, tilted: bool = False) -> bw.Cuboids:
    center, size, yaw = rng.uniform([-30, -30, -2], [30, 30, 0], (m, 3)), rng.uniform(1, 6, (m, 3)), rng.uniform(-np.pi, np.pi, m)
    if not tilted:
        return bw.Cuboids(center, size, yaw, frame=frame)
    quat = np.c_[np.cos(yaw / 2), rng.normal(0, 0.05, (m, 2)), np.sin(yaw / 2)]
    return bw.Cuboids(center, size, quat_wxyz=quat / np.linalg.norm(quat, axis=1, keepdims=True), frame=frame)


def cameras() -> tuple[list[Any], list[np.ndarray]]:
    pinhole = bw.PinholeCamera(1280, 720, 900.0, 900.0, 640.0, 360.0, distortion=(-0.3, 0.1, 1e-3, -1e-3, -0.02))
    fisheye = bw.FisheyeCamera(1000, 1000, 320.0, 320.0, 500.0, 500.0, distortion=(0.02, -0.01, 0.002, 0.0))
    cam_from_lidar = np.array([[0.0, -1, 0, 0.1], [0, 0, -1, 0.2], [1, 0, 0, 0.3], [0, 0, 0, 1]])
    unified = bw.UnifiedCamera(1000, 1000, 620.0, 620.0, 500.0, 500.0, xi=1.2)
    return [pinhole, fisheye, unified], [cam_from_lidar] * 3


def tracks(rng: np.random.Generator, n: int = 12) -> list[bw.Track]:
    result = []
    for i in range(n):
        times = np.cumsum(rng.integers(1, 20, 6)) * 50_000_000
        boxes = cuboids(rng, 6, "world", tilted=i % 3 == 0)
        visibility = [0, 0, 2, 0, 1, 0] if i % 4 == 0 else None
        result.append(bw.Track(f"t{i}", "car", times, boxes, visibility=visibility, method=("makima", "linear", "pchip", "catmull_rom")[i % 4]))
    return result


def in_pictures(times: np.ndarray, n_threads: int) -> dict[str, Any]:
    """Every kind of shape between keyframes, and what boxes, polygons and masks do by themselves."""
    rng, out = np.random.default_rng(6), {}
    keys = np.arange(6) * 700_000_001
    for k in range(12):
        for kind, shapes in some_of_each(rng, 6).items():
            out.setdefault(kind, []).append(bw.ImageTrack(f"{kind} {k}", "car", "front", keys, shapes, visibility=[0, 1, 0, 2 * (k % 2), 0, 0]))
    found = {}
    for kind, tracks in out.items():
        filled = bw.interpolate_image_tracks(tracks, times, n_threads=n_threads)
        found[f"interpolate_image_tracks {kind}"] = [*filled.shapes._columns(), filled.track_index, filled.time_index, filled.state]
    boxes, polygons, masks = (out[kind][0].shapes for kind in ("box", "polygon", "mask"))
    drawn = bw.Masks.from_polygons(polygons, 60, 50)
    again = bw.Masks.from_coco(drawn.to_coco(), 60, 50).to_arrays()
    found["shapes"] = [polygons.area_px2, drawn.counts, again, masks.area_px, bw.iou_boxes(boxes, boxes), bw.iou_masks(masks, masks)]
    return found


def results(n_threads: int = 1) -> dict[str, Any]:
    """name -> arrays"""
    more = {"n_threads": n_threads}
    rng = np.random.default_rng(5)
    points, upright, tilted = scene_points(rng), cuboids(rng, 60), cuboids(rng, 60, tilted=True)
    many, lens, mounts = tracks(rng), *cameras()
    times = np.arange(0, 6_000_000_000, 100_000_000)
    click = np.array([8.0 - 2.2, 3.0, -1.0])
    rough = bw.Cuboids([[8.1, 3.1, -0.9]], [[4.6, 2.0, 1.6]], 0.05, frame="lidar")[0]
    clusters = [points[20_000:21_500], points[21_500:23_000]]
    out: dict[str, Any] = {}
    for name, boxes in (("upright", upright), ("tilted", tilted)):
        for kind, cloud in (("f32", points), ("f64", points.astype(np.float64))):
            hits = bw.points_in_cuboids(cloud, boxes, **more)
            out[f"points_in_cuboids {name} {kind}"] = [hits.counts, hits.offsets, hits.point_index, hits.first, hits.mask()]
        both = bw.iou(boxes, boxes[:20], **more)
        out[f"iou {name}"] = [both.bev, both.volumetric, bw.iou_3d(boxes, upright, **more), bw.iou_bev(boxes, upright, **more)]
        out[f"iou_pairs {name}"] = [bw.iou_3d_pairs(boxes, upright, **more), bw.iou_bev_pairs(boxes, upright, **more)]
        for camera, mount in zip(lens, mounts):
            seen = bw.project_cuboids(boxes, camera, mount)
            edges = [line for m in range(5) for line in flatten(seen.edges(m))]
            out[f"project_cuboids {name} {type(camera).__name__}"] = [seen.xyxy, seen.visible, seen.truncation, *edges]
    scattered = bw.Cuboids(upright.center_m * (1e4, 1e4, 1), upright.size_m, upright.yaw_rad, frame="lidar")
    out["points_in_cuboids scattered"] = [bw.points_in_cuboids(points, bw.Cuboids.concatenate([upright[:3], scattered]), **more).point_index]
    for kind in (np.float32, np.float64):
        for camera, mount in zip(lens, mounts):
            image = bw.project_points(points, camera, mount, dtype=kind, **more)
            out[f"project_points {type(camera).__name__} {kind.__name__}"] = [image.uv, image.depth_m, image.status]
        for cloud in (points, points.astype(np.float64)):
            near = [bw.depth_map(cloud, camera, mount) for camera, mount in zip(lens, mounts)]
            shares = [seen.visible_share(tilted, mount) for seen, mount in zip(near, mounts)]
            out[f"depth_map {cloud.dtype}"] = [*(a for seen in near for a in (seen.range_m, seen.depth_m, seen.point_index, seen.sees)), *shares]
            rig = bw.project_points(cloud, lens, mounts, dtype=kind, **more)
            out[f"rig {cloud.dtype} {kind.__name__}"] = [a for image in rig for a in (image.uv, image.depth_m, image.status)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "points.pcd"
        write_points(bw.Sweep(points), path, encoding="binary_compressed")
        out["binary_compressed"] = [np.frombuffer(path.read_bytes(), np.uint8), read_points(path).xyz]
    world = bw.simulate(3, 2, n_beams=4, n_columns=60, image_scale=0.05)
    out["simulate"] = [world.points(1).xyz, *(world.image(1, name) for name in world.cameras)]
    cloud = bw.aggregate(world, voxel_m=0.2)
    out["aggregate"] = [cloud.xyz, cloud.intensity, cloud.frame_index, cloud.point_index]
    drive = bw.simulate(3, 3, n_beams=24, n_columns=300)
    carried = bw.propagate(drive, drive.tracks[0].take([0]), int(np.searchsorted(drive.times_ns, drive.tracks[0].times_ns[0])), 2)
    out["propagate"] = [carried.cuboids.center_m, carried.verdict, carried.overlap, carried.residual_m, carried.shift_m]
    film, places = moving_pictures.still_life()
    followed = bw.propagate(film, places, 0, 4)
    out["propagate in pictures"] = [*followed.shapes._columns(), followed.verdict, followed.share, followed.residual_px, followed.likeness]
    out["ground"] = [bw.ground(points).height_m(points[:100, :2])]
    offsets = np.cumsum([0] + [len(c) for c in clusters])
    out["fit_rectangles"] = flatten(bw.fit_rectangles(np.concatenate(clusters), offsets, **more))
    for name, fit in (
        ("fit_cuboid", bw.fit_cuboid(clusters[0], category="car")),
        ("fit_at", bw.fit_at(points, click, category="car")),
        ("refit", bw.refit(points, rough, category="car")),
    ):
        out[name] = [fit.cuboid.center_m, fit.cuboid.size_m, fit.cuboid.quat_wxyz, fit.point_index]
    model, start = ObjectModel(np.array([4.4, 1.8, 1.5])), np.array([0.1, 0.05, 0.0, 0.02])
    model.add((clusters[0] - np.array([8.0, 3.0, -1.0])).astype(np.float64))
    found = model.register((clusters[1] - np.array([-12.0, 6.0, -1.0])).astype(np.float64), start[None])
    out["register"] = [found.pose, found.covariance, np.array([found.overlap, found.coverage, found.residual_m])]
    for method in ("linear", "makima", "pchip", "catmull_rom"):
        inside = times[(times >= many[1].times_ns[0]) & (times <= many[1].times_ns[-1])]
        filled = bw.interpolate(many[1].times_ns, many[1].cuboids, inside, method=method)
        out[f"interpolate {method}"] = [filled.center_m, filled.size_m, filled.quat_wxyz]
    filled = bw.interpolate_tracks(many, times, **more)
    out["interpolate_tracks"] = [filled.cuboids.center_m, filled.cuboids.quat_wxyz, filled.track_index, filled.time_index]
    at = many[0].at(times)
    out["track.at"] = [at.cuboids.center_m, at.state]
    out |= in_pictures(times, n_threads)
    drive = street.scene()
    carried = bw.propagate(drive, drive.track("driving").take([0]), 0, 2)
    out["propagate"] = [carried.cuboids.center_m, carried.cuboids.quat_wxyz, carried.verdict, carried.overlap, carried.n_points]
    boxes = bw.project_tracks(drive)
    out["project_tracks"] = [boxes.visible_xyxy, boxes.whole_xyxy, boxes.truncation, boxes.visible_share, boxes.visibility, boxes.track_index]
    alone = drive.replace(image_tracks=[track.replace(object_id=None) for track in boxes.image_tracks()])
    links = bw.link(alone)
    offsets = bw.link_offsets(links.accept())
    lifted = bw.lift(drive, 2, "front", boxes.visible_xyxy[0], "car")
    coloured = bw.colour_points(drive, 2)
    out["lift"] = [np.array([lifted.iou, lifted.n_points]), coloured.rgb, coloured.camera_index, coloured.uv]
    out["link"] = [np.array([one.confidence for one in links]), offsets.offset_px, offsets.speed_pxps, offsets.rest_px, offsets.is_odd]
    out["aggregate"] = [bw.aggregate(drive, track, frames=range(3)).xyz for track in (None, "driving")]
    sparse = drive.track("driving").take([0, 5])
    advice = bw.advise(drive, sparse)
    out["advise"] = [np.array([row.frame_index for row in advice]), np.array([row.score_m for row in advice])]
    bridged = bw.propagate(drive, sparse, 0, 5)
    out["propagate between"] = [bridged.cuboids.center_m, bridged.cuboids.quat_wxyz, bridged.verdict]
    solve = bw.solve_static(drive, "parked")
    out["solve_static"] = [solve.track.cuboids.center_m, np.array([solve.p_value, solve.way_m, solve.sigma_m])]
    out["lock_size, orient, thin"] = [
        track.cuboids.center_m for track in (bw.lock_size(drive, "parked"), bw.orient(drive.track("driving")), bw.thin(drive.track("driving")))
    ]
    out["refit_track"] = [bw.refit_track(drive, "driving").track.cuboids.center_m]
    high = drive.track("parked").cuboids[[0]].transformed(bw.Pose.from_yaw(0.0, (0, 0, 9)), frame="world")
    empty = bw.Track("nothing", "car", drive.times_ns[:1], high)
    checked = bw.check(drive.replace(tracks=[*drive.tracks, empty]))
    out["check"] = [np.array([found.value for found in checked])]
    retiming = bw.retime(world)
    out["retime"] = [np.array([retiming.evidence]), *(row.shift_m for row in retiming)]
    corner = bw.PointEdit.of_polygon(0, [(0, 0), (20, 0), (20, 20)], category="road")
    for kind in (np.float32, np.float64):
        edited = drive.replace(point_edits=[corner], data=OneSweep(drive.points(0).xyz.astype(kind), int(drive.times_ns[0])))
        owned = [bw.segment(edited, 0, overlap=rule, margin_m=0.2) for rule in ("smallest", "nearest_face")]
        out[f"segment {kind.__name__}"] = [column for labels in owned for column in (labels.class_id, labels.instance_id)]
    return out


class OneSweep(NoData):
    """The same points in the first frame."""

    def __init__(self, xyz: np.ndarray, stamp_ns: int) -> None:
        self.sweep = bw.Sweep(xyz, stamp_ns)

    def points(self, frame_index: int, sensor: str) -> bw.Sweep:
        return self.sweep

    def has_points(self, frame_index: int, sensor: str) -> bool:
        return frame_index == 0


def flatten(value: Any) -> list[np.ndarray]:
    """The arrays and numbers of a result object, in a fixed order."""
    if isinstance(value, (np.ndarray, np.generic, int, float)):
        return [np.asarray(value)]
    if isinstance(value, bw.Cuboids):
        return [value.center_m, value.size_m, value.quat_wxyz]
    if isinstance(value, (list, tuple)):
        return [array for item in value for array in flatten(item)]
    fields = sorted(getattr(value, "__dataclass_fields__", None) or getattr(value, "__slots__", ()))
    return [array for name in fields for array in flatten(getattr(value, name))]


def digests(n_threads: int = 1) -> dict[str, str]:
    """name -> sha256 of the arrays' dtypes, shapes and bytes"""
    done = {}
    for name, arrays in results(n_threads).items():
        digest = hashlib.sha256()
        for array in arrays:
            array = np.ascontiguousarray(array)
            digest.update(f"{array.dtype.str}{array.shape}".encode() + array.tobytes())
        done[name] = digest.hexdigest()
    return done
