"""Rules about pictures: what all labels of a camera have in common is told apart from labels that are off by themselves, and mended."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest

import boxwright as bw
from boxwright.checks import CorrectCamera

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
import injected_errors as injected

CAMERAS = "camera_elsewhere,camera_turned,camera_late"


@pytest.fixture(scope="module")
def drive() -> bw.Scene:
    """A drive with labels in pictures, drawn by a hand that is off by 0.7 px."""
    scene, dice, drawn = bw.simulate(21, 13), injected.Dice(1, "hand"), []
    for track in bw.project_tracks(scene).image_tracks():
        xyxy = track.shapes.xyxy + 0.7 * dice.normal(*track.shapes.xyxy.shape)
        low, high = np.minimum(xyxy[:, :2], xyxy[:, 2:]), np.maximum(xyxy[:, :2], xyxy[:, 2:])
        drawn.append(track.replace(shapes=bw.Boxes(np.concatenate([low, high], axis=1))))
    return scene.replace(image_tracks=drawn)


def unlinked(scene: bw.Scene) -> bw.Scene:
    return scene.replace(image_tracks=[track.replace(object_id=None) for track in scene.image_tracks])


def test_labels_of_a_steady_hand_pass_linked_or_not(drive):
    assert not bw.check(drive, rules="images")
    assert not bw.check(unlinked(drive), rules="images")


@pytest.mark.parametrize(("kind", "rule"), [("late", "camera_late"), ("turned", "camera_turned")])
def test_a_camera_that_is_wrong_is_told_apart_and_mended(drive, kind, rule):
    for copy in injected.plan(drive, kind):
        wrong = unlinked(injected.inject(drive, copy))
        found = bw.check(wrong, rules=CAMERAS)
        assert [(one.rule, one.sensor) for one in found] == [(rule, copy[0].camera)]
        assert found[0].track_ids == () and (found[0].frame_index, found[0].last_frame_index) == (0, 12)
        if kind == "late":
            assert found[0].value == pytest.approx(60, abs=6)
        mended = found[0].suggestion.apply(wrong)
        assert not bw.check(mended, rules=CAMERAS)
        before, after = (drive.cameras[copy[0].camera].ego_from_cam, mended.cameras[copy[0].camera].ego_from_cam)
        if kind == "turned":
            np.testing.assert_allclose(after.rotation, before.rotation, atol=np.radians(0.25))


def test_a_camera_that_looks_elsewhere_is_told(drive):
    """Far from where its labels are nothing can be matched; the ids that labels name say that something is wrong."""
    front = drive.cameras["front"]
    back = dataclasses.replace(front, ego_from_cam=bw.Pose.from_yaw(np.pi) @ front.ego_from_cam)
    (found,) = bw.check(drive.replace(cameras={**drive.cameras, "front": back}), rules=CAMERAS)
    assert (found.rule, found.severity, found.sensor, found.suggestion) == ("camera_elsewhere", bw.Severity.ERROR, "front", None)
    assert (found.value, found.threshold, found.unit) == (0.0, 0.1, "") and "0% of the labels" in found.message
    forward_from_cam = bw.Pose([[0, 0, 1], [-1, 0, 0], [0, -1, 0]])
    other_axes = dataclasses.replace(front, ego_from_cam=front.ego_from_cam @ forward_from_cam.inverse())
    wrong = drive.replace(cameras={**drive.cameras, "front": other_axes})
    (found,) = bw.check(wrong, rules=CAMERAS)
    assert found.sensor == "front" and "its axes are forward, left and up" in found.message
    mended = found.suggestion.apply(wrong)
    np.testing.assert_allclose(mended.cameras["front"].ego_from_cam.matrix(), front.ego_from_cam.matrix(), atol=1e-9)
    assert not bw.check(mended, rules=CAMERAS)


def test_one_label_that_is_off_is_one_finding(drive):
    track = max((t for t in drive.image_tracks if t.camera == "front"), key=lambda t: np.median(np.diff(t.shapes.xyxy[:, ::2]) * (len(t) > 7)))
    xyxy = track.shapes.xyxy.copy()
    width = xyxy[:, 2] - xyxy[:, 0]
    xyxy[3:5, [0, 2]] += 0.6 * width[3:5, None]
    wrong = drive.replace(image_tracks=[t.replace(shapes=bw.Boxes(xyxy)) if t is track else t for t in drive.image_tracks])
    found = bw.check(wrong, rules="images")
    assert [one.rule for one in found] == ["picture_box"]
    frames = np.searchsorted(drive.exposures_ns("front"), track.times_ns[3:5])
    assert found[0].track_ids == (track.object_id,) and found[0].sensor == "front"
    assert (found[0].frame_index, found[0].last_frame_index) == tuple(frames)
    assert track.track_id in found[0].message


def test_without_labels_in_pictures_it_is_said_so(drive):
    found = bw.check(drive.replace(image_tracks=[]), rules="images")
    assert not found and "no label in a picture has a cuboid" in " ".join(found.notes)


def test_a_camera_and_its_labels_move_together(drive):
    edit = CorrectCamera("front", (0.0, 0.02, 0.0), 5_000_000)
    after = bw.Suggestion("x", [edit]).apply(drive)
    np.testing.assert_array_equal(after.exposures_ns("front"), drive.exposures_ns("front") + 5_000_000)
    one = next(t for t in drive.image_tracks if t.camera == "front")
    np.testing.assert_array_equal(after.image_track(one.track_id).times_ns, one.times_ns + 5_000_000)
    ahead = np.array([[0.0, 0.0, 10.0]])
    seen = (after.cameras["front"].ego_from_cam.inverse() @ drive.cameras["front"].ego_from_cam).apply(ahead)[0]
    assert seen[0] == pytest.approx(10 * np.sin(0.02)) and seen[1] == pytest.approx(0)
    assert bw.Suggestion("x", [edit]).to_dict()["edits"] == [
        {"edit": "correct_camera", "camera": "front", "turn_rad": [0.0, 0.02, 0.0], "late_ns": 5_000_000}
    ]
    with pytest.raises(bw.CalibrationError):
        bw.Suggestion("x", [CorrectCamera("nobody")]).apply(drive)


# ------------------------------------------------------------ what is put in


def test_faults_are_the_same_each_time_and_where_they_are_said_to_be(drive):
    for kind in (*injected.TRACK_FAULTS, "sunken"):
        copies = injected.plan(drive, kind, 3)
        assert copies == injected.plan(drive, kind, 3) and sum(map(len, copies)) > 2
        for fault in copies[0]:
            wrong = injected.inject(drive, [fault])
            made = {t.track_id: t for t in wrong.tracks}
            for track in drive.tracks:
                same = made[track.track_id]
                if track.track_id not in fault.track_ids:
                    assert same is track or same.cuboids.center_m.tobytes() == track.cuboids.center_m.tobytes()
                    continue
                frames = {drive.nearest_frame(int(t)) for t in track.times_ns if not _is_kept(track, same, t)}
                inside = set(range(fault.first, fault.last + 1))
                assert frames <= inside or kind == "sunken", kind
                assert frames or kind == "duplicate"
            new = set(made) - {t.track_id for t in drive.tracks}
            assert new == (set(fault.track_ids[1:]) if kind in ("class", "duplicate") else set())


def _is_kept(track, other, time) -> bool:
    before, after = (one.at([time]) for one in (track, other))
    return (
        before.state[0] == after.state[0]
        and np.allclose(before.cuboids.center_m, after.cuboids.center_m, equal_nan=True)
        and np.allclose(before.cuboids.size_m, after.cuboids.size_m, equal_nan=True)
        and np.allclose(before.cuboids.quat_wxyz, after.cuboids.quat_wxyz, equal_nan=True)
    )
