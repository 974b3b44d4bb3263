"""The convention doctor: planted faults are found and named, sound data have none, and what cannot be told is said to be so."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import boxwright as bw
from boxwright.batching.windows import window
from boxwright.diagnosis import FAULTS, Presence, examine
from boxwright.sample import sample_folder
from test_cli import run

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
accuracy_doctor = pytest.importorskip("accuracy_doctor", reason="benchmarks/ is not beside the tests")

__all__ = ["run"]

UNSEEN_IN_SAMPLE = {"euler_order", "swapped_cameras"}  # nothing is tilted much, and no two cameras are alike


@pytest.fixture(scope="module")
def sample() -> bw.Scene:
    try:
        clip, truth = (bw.read(sample_folder(), scene=name) for name in ("clip", "truth"))
    except bw.FrameMissing:
        pytest.skip("the sample data is not there")
    whole = clip.replace(tracks=truth.tracks, image_tracks=truth.image_tracks)
    return window(whole, 0, 16)  # of 41 frames; all of them tell more, and what is told is the same


def test_sound_data_have_no_fault(sample):
    diagnosis = bw.doctor(sample)[0]
    assert [one.fault for one in diagnosis] == list(FAULTS)
    assert diagnosis.found == []
    for one in diagnosis:
        assert one.saw and not one.change
        assert (one.sureness == 0) == (one.presence == Presence.UNDECIDABLE)


@pytest.mark.parametrize("fault", [name for name in FAULTS if name not in UNSEEN_IN_SAMPLE])
def test_a_planted_fault_is_found_and_named(sample, fault):
    diagnosis = examine(accuracy_doctor.planted(sample, fault))
    assert [one.fault for one in diagnosis.found] == [fault], [str(one) for one in diagnosis]
    assert diagnosis[fault].change and diagnosis[fault].sureness >= 0.5


def test_two_faults_at_once(sample):
    scene = accuracy_doctor.planted(accuracy_doctor.planted(sample, "size_hwl"), "bottom_centre")
    assert {one.fault for one in examine(scene).found} >= {"size_hwl"}
    both = accuracy_doctor.planted(accuracy_doctor.planted(sample, "quaternion_xyzw"), "scaled_intrinsics")
    assert {one.fault for one in examine(both).found} == {"quaternion_xyzw", "scaled_intrinsics"}


def tilted_street(rng) -> bw.Scene:
    """Thirty cars of every heading on one tilted road."""
    from boxwright.rotations import quat_from_euler

    yaw = rng.uniform(-3, 3, 30)
    quat = np.array([quat_from_euler((-0.054, 0.0, one), "XYZ") for one in yaw])
    cuboids = bw.Cuboids(rng.uniform(-40, 40, (30, 3)), np.tile([4.4, 1.8, 1.5], (30, 1)), quat_wxyz=quat, frame="lidar")
    tracks = [bw.Track(str(k), "car", [0], cuboids[k : k + 1]) for k in range(30)]
    return bw.Scene("a", [0], {"lidar": bw.Lidar("lidar")}, tracks=tracks, label_frame="lidar", has_time=False)


def test_the_order_of_euler_angles(rng):
    scene = tilted_street(rng)
    sound = examine(scene)
    assert sound["euler_order"].presence == Presence.ABSENT and not sound.found
    diagnosis = examine(accuracy_doctor.planted(scene, "euler_order"))
    assert [one.fault for one in diagnosis.found] == ["euler_order"]
    assert "XYZ, not as ZYX" in diagnosis["euler_order"].change


def test_what_cannot_be_told_is_said(rng):
    empty = examine(bw.Scene("a", [0], {"lidar": bw.Lidar("lidar")}, label_frame="lidar"))
    assert all(one.presence == Presence.UNDECIDABLE for one in empty)
    alone = examine(tilted_street(rng))
    for fault in ("left_handed", "yaw_sign", "yaw_zero_axis", "degrees", "bottom_centre", "clock_offset", "swapped_cameras", "inverted_extrinsic"):
        assert alone[fault].presence == Presence.UNDECIDABLE and len(alone[fault].saw) > 15


def test_radians_made_radians_again(sample):
    scene = accuracy_doctor.relabelled(sample, lambda c: bw.Cuboids(c.center_m, c.size_m, np.radians(c.yaw_rad), frame=c.frame))
    assert [one.fault for one in examine(scene).found] == ["degrees"]


def test_command(tmp_path, sample, run):
    bw.write(sample.replace(cameras={}, image_tracks=()), tmp_path / "sound")
    code, out, _ = run("doctor", tmp_path / "sound")
    assert code == 0 and "yaw_sign" in out and "undecidable" in out
    wrong = accuracy_doctor.planted(sample.replace(cameras={}, image_tracks=()), "size_wlh")
    bw.write(wrong, tmp_path / "wrong")
    code, out, _ = run("doctor", tmp_path / "wrong")
    assert code == 1 and "change: read sizes as width, length, height" in out
    code, out, _ = run("doctor", tmp_path / "wrong", "--json")
    told = json.loads(out)["scenes"][0]
    assert code == 1 and [one["fault"] for one in told["faults"] if one["presence"] == "found"] == ["size_wlh"]


def test_a_path_that_is_none():
    with pytest.raises(bw.ArgumentError, match="expected a path, or a Scene"):
        bw.doctor(3)


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_the_table_of_real_recordings(real_data, capsys):
    """Every planted fault is found or undecidable, nothing else is found with it, and nothing in sound data; prints the table."""
    scenes = accuracy_doctor.datasets()
    with capsys.disabled():
        lines = accuracy_doctor.table(scenes)
    assert len(scenes) == 5
    assert "FOUND" not in "".join(lines) and "not there" not in "".join(line for line in lines if line.startswith("|"))
