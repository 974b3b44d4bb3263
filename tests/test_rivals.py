"""Every verb against every rival that is installed, on small workloads."""

from __future__ import annotations

import numpy as np
import pytest

import boxwright as bw
from boxwright.bench import checks, clicking, interpolation2d, rivals, segmentation, suite, tracks, workloads

SMALL = {
    "points_in_cuboids": {
        "upright": lambda: workloads.points_and_cuboids(5000, 60),
        "tilted": lambda: workloads.points_and_cuboids(5000, 60, tilted=True),
        "far": lambda: workloads.points_and_cuboids(5000, 20, far=True),
        "one": lambda: workloads.points_and_cuboids(1, 1),
        "strided float64": lambda: workloads.points_and_cuboids(5000, 60, dtype=np.float64, strided=True),
    },
    "iou": {"crowd": lambda: workloads.overlaps(60), "one": lambda: workloads.overlaps(1), "afar": lambda: workloads.overlaps(60, offset_m=6e6)},
    "iou_3d, tilted": {"crowd": lambda: workloads.overlaps(25, tilted=True)},
    "project_points": {
        "float64": lambda: workloads.rig(3000),
        "float32": lambda: workloads.rig(3000, 2, np.float32),
    },
    "project_points, fisheye": {"ahead": lambda: workloads.fisheye(3000)},
    "project_cuboids": {"in view": lambda: workloads.boxes(50)},
    "depth_map, gaps given": {"street": lambda: workloads.rig(20_000, 1), "few": lambda: workloads.rig(100, 1)},
    "ground": {"waves": lambda: workloads.terrain(20_000)},
    "fit_rectangles": {"vehicles": lambda: workloads.clusters(40, 12_000)},
    "fit_cuboid": {"vehicles": lambda: workloads.clusters(40, 12_000)},
    clicking.FIT_AT: {"street": lambda: clicking.clicks.__wrapped__(32, 400)},
    "interpolate_tracks, linear": {"linear": lambda: workloads.tracks(20, 41)},
    "interpolate_tracks, makima": {"makima": lambda: workloads.tracks(20, 41, method="makima")},
    "interpolate, linear": {"one": lambda: workloads.tracks(1, 41)},
    "interpolate_image_tracks, boxes": {"boxes": lambda: interpolation2d.image_boxes(20, 41)},
    "interpolate_image_tracks, polygons": {"outline": lambda: interpolation2d.outline(17, 41)},
    segmentation.SEGMENT: {
        "upright": lambda: workloads.points_and_cuboids(5000, 60),
        "tilted": lambda: workloads.points_and_cuboids(5000, 200, tilted=True),
    },
    tracks.AGGREGATE: {"street": lambda: tracks.drive.__wrapped__(3, 120)},
    **{function: {work.title: work.make for work in works} for function, works in suite.clips(40, 12).items()},
    **{function: {work.title: work.make for work in works} for function, works in suite.point_files("2k points", 2000).items()},
}
CASES = [(job, rival, title, make) for job in rivals.JOBS for rival in job.rivals for title, make in SMALL[job.function].items()]


def results(contender: rivals.Contender, workload):
    prepared = contender.prepare(workload)
    return contender.result(prepared, contender.run(prepared))


@pytest.mark.peers
@pytest.mark.parametrize("job, rival, title, make", CASES, ids=[f"{job.verb}-{rival.name}-{title}" for job, rival, title, _ in CASES])
def test_same_result_as_the_rival(job, rival, title, make):
    if absent := rivals.missing(rival):
        pytest.skip(f"{absent} cannot be imported (extra 'peers')")
    if absent := next((name for ours in job.ours if (name := rivals.missing(ours))), None):
        pytest.skip(f"{absent} cannot be imported (extra 'video')")
    workload = make()
    theirs = results(rival, workload)
    for ours in job.ours:
        assert job.same(workload, results(ours, workload), theirs)


def test_every_job_has_a_rival_that_comes_with_the_core():
    for job in rivals.JOBS:
        of_core = any(set(rival.needs) <= {"scipy", "cv2"} and not rival.leaves_out for rival in job.rivals)
        alone = {
            "read_points, compressed PCD",
            tracks.PROPAGATE,
            tracks.RETIME,
            checks.ON_LABELS,
            checks.ON_POINTS,
        }  # no LZF in the core, and nobody does the others
        assert of_core == (job.function not in alone), job.function
        assert set(suite.workloads(quick=True)) == set(suite.workloads()) == {job.function for job in rivals.JOBS}


# ------------------------------------------------------------ a wrong result is seen


def planted(job_name: str, spoil):
    job = next(job for job in rivals.JOBS if job.function == job_name)
    workload = next(iter(SMALL[job_name].values()))()
    rival = next(rival for rival in job.rivals if not rivals.missing(rival))
    with pytest.raises(rivals.DifferenceError):
        job.same(workload, spoil(results(job.ours[0], workload)), results(rival, workload))


def test_a_missing_hit_is_seen():
    planted("points_in_cuboids", lambda hits: [hits[0][:0] if len(hits[0]) else np.array([0]), *hits[1:]])


def test_a_wrong_iou_is_seen():
    planted("iou", lambda both: (both[0] + 1e-3, both[1]))
    planted("iou", lambda both: (both[0], both[1] * 0.99))

    planted("iou_3d, tilted", lambda volumetric: volumetric + 1e-6)


def test_a_shifted_picture_is_seen():
    planted("project_points", lambda images: [(uv + 0.1, is_in) for uv, is_in in images])
    planted("project_points", lambda images: [(uv, is_in & False) for uv, is_in in images])

    planted("project_points, fisheye", lambda image: (image[0] + 0.1, image[1]))
    planted("project_cuboids", lambda xyxy: xyxy + 0.1)


def test_a_rectangle_too_small_is_seen():
    planted("fit_rectangles", lambda r: (r[0], r[1], r[2] * 0.9))
    planted("fit_rectangles", lambda r: (r[0] + 0.4, r[1], r[2] * 2))


def test_a_cuboid_beside_the_vehicle_is_seen():
    planted("fit_cuboid", lambda c: type(c)(c.center_m + 0.5, c.size_m, quat_wxyz=c.quat_wxyz))


def test_a_cuboid_beside_what_was_clicked_is_seen():
    planted(clicking.FIT_AT, lambda c: type(c)(c.center_m + 1.5, c.size_m, quat_wxyz=c.quat_wxyz))


def test_a_wrong_depth_is_seen():
    planted("depth_map, gaps given", lambda made: (made[0] + 1e-6, made[1]))
    planted("depth_map, gaps given", lambda made: (made[0], ~made[1]))


def test_a_wrong_height_is_seen():
    planted("ground", lambda heights: heights + 1)
    planted("ground", lambda heights: np.full_like(heights, np.nan))


def test_a_moved_track_is_seen():
    planted("interpolate_tracks, linear", lambda r: (r[0] + 1e-6, r[1]))
    planted("interpolate_tracks, linear", lambda r: (r[0], np.roll(r[1], 1, axis=1)))
    planted("interpolate_tracks, linear", lambda r: (r[0][1:], r[1][1:]))


def test_wrong_shapes_in_pictures_are_seen():
    planted("interpolate_image_tracks, boxes", lambda xyxy: xyxy + 1e-6)
    planted("interpolate_image_tracks, boxes", lambda xyxy: xyxy[1:])
    planted(segmentation.SEGMENT, lambda instance: np.where(instance == instance.max(), 0, instance))
    planted(segmentation.SEGMENT, lambda instance: instance[1:])
    planted("interpolate_image_tracks, polygons", lambda uv: np.roll(uv, 1, axis=0))


def test_a_wrong_point_is_seen():
    planted("read_points, LAS", lambda both: (both[0] + 1e-6, both[1]))
    planted("read_points, .bin", lambda both: (both[0], both[1] + 1))
    planted("read_points, .bin", lambda both: (both[0][1:], both[1]))


def test_a_point_of_a_sweep_in_another_place_is_seen():
    planted(tracks.AGGREGATE, lambda xyz: xyz + 0.01)
    planted(tracks.AGGREGATE, lambda xyz: xyz[1:])


def test_a_frame_that_is_another_is_seen():
    pytest.importorskip("av", reason="PyAV is not installed (extra 'video')")
    planted("Video.frame, at random", lambda numbers: [numbers[0] + 1, *numbers[1:]])
    planted("Video.frame, in order", lambda numbers: numbers[1:])


# ------------------------------------------------------------ workloads


@pytest.mark.parametrize("make", [w for jobs in SMALL.values() for w in jobs.values()])
def test_workloads_are_the_same_every_time(make):
    if getattr(make, "func", None) is suite.clip:
        pytest.importorskip("av", reason="PyAV is not installed (extra 'video')")

    def arrays(value):
        if isinstance(value, np.ndarray):
            return [value]
        if isinstance(value, list):
            return [a for item in value for a in arrays(item)]
        if hasattr(value, "center_m"):
            return [value.center_m, value.size_m, value.quat_wxyz]
        if isinstance(value, bw.Scene):
            return [value.points(i).xyz for i in range(len(value))]
        if hasattr(value, "path"):
            return [np.frombuffer(value.path.read_bytes(), np.uint8)]
        return [a for f in getattr(value, "__dataclass_fields__", ()) for a in arrays(getattr(value, f))]

    first, second = arrays(make()), arrays(make())
    assert len(first) > 0 and all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_the_sweep_is_what_it_says():
    points = workloads.sweep_points()
    assert points.shape == (120_000, 3) and points.dtype == np.float32
    assert np.isfinite(points).all() and np.abs(points[:, :2]).max() < 75
    far = workloads.points_and_cuboids(far=True).cuboids
    assert len(far) == 100 and np.hypot(*far.center_m[:, :2].T).min() > 15


def test_real_workloads(real_data):
    pytest.importorskip("pyarrow", reason="Argoverse 2 needs pyarrow (extra 'io')")
    found = list(suite.real_workloads(real_data))
    assert {work.title.split(":")[0] for _, work in found} == {"Argoverse 2", "KITTI tracking"}
    for function, work in found:
        job = next(job for job in rivals.JOBS if job.function == function)
        workload = work.make()
        ours = results(job.ours[0], workload)
        for rival in job.rivals:
            if not rivals.missing(rival):
                assert job.same(workload, ours, results(rival, workload))
