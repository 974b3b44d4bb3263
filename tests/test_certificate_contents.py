"""What reports tell of sweeps, pictures and exposures is what certificates find of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import boxwright as bw
import boxwright.certification as certification
from boxwright.certification.fields import Readings, lost_fields
from boxwright.certification.rows import Clip, Pairs, cuboid_rows, shape_rows
from boxwright.formats.declared import Exactness
from boxwright.formats.sweep_losses import DESKEWED, NOT_FINITE, OWN_STAMP
from formats_scenes import MemoryData, full_scene
from test_certificate_faults import TIMES, faulty, options, street

WITH_SWEEPS = [name for name, said in bw.capabilities().items() if said.can_write("sweeps")]
LATE_NS = 7_000_000


@pytest.fixture(autouse=True)
def no_clients(monkeypatch):
    monkeypatch.setattr(certification, "python_with", lambda *_: None)


def told(report: bw.WriteReport, field: str) -> set[str]:
    """The names that the report tells of a field."""
    return {name for line in (*report.dropped, *report.rounded) if field in line.fields for name in line.of or ()}


def only_problems_of(certificate: bw.Certificate, *fields: str) -> list[str]:
    return [reason for reason in certificate.reasons if any(field in reason for field in fields)]


@pytest.mark.parametrize("format", WITH_SWEEPS)
def test_two_lidars_with_different_columns(format):
    """One of them with float64 numbers far from its origin, without intensity, with a stamp of its own."""
    certificate = bw.certify(full_scene(np.random.default_rng(1)), format)
    assert certificate.holds, certificate.reasons
    compared = {one.kind: one for one in certificate.readings[0].contents}
    assert compared["sweeps"].n >= 3 and compared["sweeps"].moved <= compared["sweeps"].allowed


@pytest.mark.parametrize(("format", "names"), [("kitti_tracking", {"ring", "time_offset_ns"}), ("nuscenes", {"time_offset_ns"}), ("scale", {"ring"})])
def test_columns_are_told_by_name(format, names):
    scene = full_scene(np.random.default_rng(1))
    assert names <= told(bw.certify(scene, format).report, "sweeps")


def test_what_is_told_of_one_column_says_nothing_of_another(monkeypatch):
    """KITTI's report tells that rings are gone; that brightness is gone too does not follow."""

    def silent(scene, *args, **kwargs):
        sweeps = {key: replace(sweep, intensity=None) for key, sweep in scene.data.sweeps.items()}
        return bw.write(scene.replace(data=MemoryData(sweeps, scene.data.images)), *args, **kwargs)

    monkeypatch.setattr(certification, "write", silent)
    certificate = bw.certify(full_scene(np.random.default_rng(1)), "kitti_tracking")
    assert only_problems_of(certificate, "sweeps are lost")


def test_nuscenes_tells_of_float32_and_of_jpeg():
    rng = np.random.default_rng(3)
    scene = street()
    sweeps = {key: replace(sweep, xyz=sweep.xyz.astype(np.float64) + 1e-9 * rng.random(sweep.xyz.shape)) for key, sweep in scene.data.sweeps.items()}
    certificate = bw.certify(scene.replace(data=MemoryData(sweeps, scene.data.images)), "nuscenes")
    assert certificate.holds, certificate.reasons
    assert 0 < certificate.report.tolerance_points_m < 1e-6
    assert told(certificate.report, "pictures") == {"front", "right"}


@pytest.mark.parametrize("ring", [-1, 70_000, 0.5])
def test_rings_that_nuscenes_does_not_have_are_told(ring):
    scene = street()
    sweeps = {key: replace(sweep, fields={"ring": np.full(20, ring)}) for key, sweep in scene.data.sweeps.items()}
    certificate = bw.certify(scene.replace(data=MemoryData(sweeps, scene.data.images)), "nuscenes")
    assert certificate.holds and "ring" in told(certificate.report, "sweeps")


def test_argoverse_counts_times_of_points_from_the_stamp_of_the_file(tmp_path):
    """A sweep that is stamped 3 ms after its frame."""
    scene = street()
    times = np.arange(20) * 1000
    sweeps = {key: replace(sweep, timestamp_ns=sweep.timestamp_ns + 3_000_000, time_offset_ns=times) for key, sweep in scene.data.sweeps.items()}
    given = scene.replace(data=MemoryData(sweeps, scene.data.images))
    report = bw.write(given, tmp_path / "log", "argoverse2")
    sweep = bw.read(tmp_path / "log").points(0)
    assert ((sweep.time_offset_ns + sweep.timestamp_ns) == times + given.points(0).timestamp_ns).all()
    assert {OWN_STAMP, DESKEWED} <= told(report, "sweeps")
    assert bw.certify(given, "argoverse2").holds


@pytest.mark.parametrize("format", ["scale", "nucleus"])
def test_points_without_a_place_are_told(format):
    scene = street()
    sweep = scene.data.sweeps[1, "lidar"]
    xyz = np.array(sweep.xyz)
    xyz[4] = np.nan
    certificate = bw.certify(scene.replace(data=MemoryData({**scene.data.sweeps, (1, "lidar"): replace(sweep, xyz=xyz)}, scene.data.images)), format)
    assert certificate.holds, certificate.reasons
    assert NOT_FINITE in told(certificate.report, "sweeps")


def with_a_late_camera() -> bw.Scene:
    scene = street()
    front = replace(scene.cameras["front"], times_ns=scene.times_ns + LATE_NS)
    return scene.replace(cameras={**scene.cameras, "front": front})


@pytest.mark.parametrize("format", [name for name, said in bw.capabilities().items() if said.can_write("times") or name == "kitti_object"])
def test_exposures_come_back_or_are_told(format):
    """With KITTI's object release each frame has its own places of cameras; where only one of two fits, the other's picture is not written, which
    made folders that could not be read."""
    certificate = bw.certify(with_a_late_camera(), format, **options(format))
    assert not only_problems_of(certificate, "times", "pictures", "read:"), certificate.reasons


@pytest.mark.parametrize("format", ["kitti_tracking", "semantic_kitti", "waymo"])
def test_exposures_that_are_lost_are_told_by_camera(format):
    assert told(bw.certify(with_a_late_camera(), format).report, "times") == {"front"}


def test_a_certificate_says_how_many_it_compared():
    reading = bw.certify(street(), "kitti_tracking").readings[0]
    assert [(one.kind, one.n, one.n_values) for one in reading.contents] == [("sweeps", 4, 80), ("pictures", 8, 8 * 48 * 64)]
    assert "in 4 sweeps with 80 points no point moved; in 8 pictures no pixel changed" in reading.summary
    assert reading.to_dict()["contents"][0]["n"] == 4


@pytest.mark.parametrize("format", ["scale", "nucleus"])
def test_brightness_that_is_rounded_is_told(format):
    scene = street()
    sweeps = {key: replace(sweep, intensity=np.linspace(0, 1, 20) / 3) for key, sweep in scene.data.sweeps.items()}
    certificate = bw.certify(scene.replace(data=MemoryData(sweeps, scene.data.images)), format)
    assert certificate.holds, certificate.reasons
    assert "intensity" in told(certificate.report, "sweeps")


def with_sweeps(scene: bw.Scene, **changes) -> bw.Scene:
    return scene.replace(data=MemoryData({key: replace(sweep, **changes) for key, sweep in scene.data.sweeps.items()}, scene.data.images))


@pytest.mark.parametrize("format", ["boxwright", "openlabel"])
@pytest.mark.parametrize("changes", [{"timestamp_ns": int(TIMES[1])}, {"is_deskewed": True}], ids=["stamp", "deskewed"])
def test_no_certificate_holds_over_a_sweep_of_another_moment(monkeypatch, tmp_path, format, changes):
    """Of a vehicle of which nobody knows where it was, so that the points say nothing of it."""
    scene = street().replace(trajectory=None)
    assert bw.certify(scene, format).holds
    monkeypatch.setattr(certification, "write", faulty(lambda one: with_sweeps(one, **changes), tmp_path))
    assert not bw.certify(scene, format).holds


def test_exposures_are_counted_beside_frames():
    (times,) = [one for one in bw.certify(with_a_late_camera(), "kitti_tracking").lost if one.field == "times"]
    assert (times.n_given, times.n_lost) == (8, 4)


@pytest.mark.parametrize(
    ("frames_ns", "exposures_ns", "n_lost"), [(0, 0, 0), (LATE_NS, 0, 4), (LATE_NS, LATE_NS, 4), (0, 3_000_000, 4), (LATE_NS, 3_000_000, 8)]
)
def test_exposures_stay_where_they_were_or_as_late_as_they_were(frames_ns, exposures_ns, n_lost):
    """Frames that moved are lost themselves, and take no exposure with them. frames_ns, exposures_ns : by how much these come back later"""
    scene = with_a_late_camera()
    given = with_sensor_times(scene, 0, 0)
    back = with_sensor_times(scene, frames_ns, exposures_ns)
    clips = [Clip.of([one]) for one in (given, back)]
    rows, shapes = ([of(clip) for clip in clips] for of in (lambda clip: cuboid_rows(clip, "own"), shape_rows))
    nothing = Pairs(*[np.zeros(0, np.int64)] * 4)
    _, gone = lost_fields(Readings(*clips, (*rows, nothing), (*shapes, nothing)), Exactness(), frozenset({"times"}))["times"]
    assert len(gone) == n_lost


def with_sensor_times(scene: bw.Scene, frames_ns: int, exposures_ns: int) -> bw.Scene:
    """Without labels; its frames, and exposures of the front camera, later."""
    times = scene.times_ns + frames_ns
    front, right = scene.cameras["front"], scene.cameras["right"]
    cameras = {"front": replace(front, times_ns=scene.exposures_ns("front") + exposures_ns), "right": right}
    return bw.Scene("late", times, cameras=cameras)
