"""Cameras that expose off their frames' stamps on a vehicle that moves: where they sit, and where labels in their pictures are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import boxwright as bw
from test_certificate_faults import TIMES, street

LATE_NS = 23_000_000


@pytest.fixture(autouse=True)
def no_clients(monkeypatch):
    monkeypatch.setattr(bw.certification, "python_with", lambda *_: None)


def on_a_bend(late_ns: int = LATE_NS) -> bw.Scene:
    """A camera exposes late, and poses every 20 ms tell a way between the frames that is no straight one."""
    scene = street()
    times = np.arange(TIMES[0] - 100_000_000, TIMES[-1] + 100_000_000, 20_000_000)
    s = (times - TIMES[0]) * 1e-9
    poses = [bw.Pose.from_yaw(0.3 + 0.8 * t * t, (40 + 14 * t, 7 + 9 * t * t, 0.25)) for t in s]
    front = replace(scene.cameras["front"], times_ns=TIMES + late_ns)
    return scene.replace(trajectory=bw.Trajectory(times, poses), cameras={**scene.cameras, "front": front})


@pytest.mark.parametrize("late_ns", [LATE_NS, -LATE_NS])
@pytest.mark.parametrize("format", ["segments", "scale", "nucleus", "supervisely"])
def test_where_a_late_camera_sits_and_where_it_was_come_back_apart(tmp_path, format, late_ns):
    """Where the vehicle was then was guessed from the frames before and after, and the camera's place on it, which is the rest, was off."""
    scene = on_a_bend(late_ns)
    certificate = bw.certify(scene, format, tmp_path / "written")
    assert certificate.holds, certificate.reasons
    back = bw.read(tmp_path / "written", format=format)
    mounts = [one.ego_from("lidar").inverse() @ one.ego_from("front") for one in (scene, back)]
    np.testing.assert_allclose(mounts[1].matrix(), mounts[0].matrix(), atol=1e-12)
    np.testing.assert_array_equal(back.exposures_ns("front"), scene.exposures_ns("front"))
    assert not any("differs" in note for note in back.notes)
    if back.trajectory is not None:
        here, there = (one.transform("world", "front", int(TIMES[1]) + late_ns) for one in (scene, back))
        np.testing.assert_allclose(there.matrix(), here.matrix(), atol=1e-9)


def driving(late_ns: int = 7_000_000) -> bw.Scene:
    """As `street`, with a camera that exposes late and boxes in its pictures that were set at the frames' stamps."""
    scene = street()
    front = replace(scene.cameras["front"], times_ns=scene.times_ns + late_ns)
    return scene.replace(cameras={**scene.cameras, "front": front})


def of_front(format: str) -> dict[str, str]:
    return {"camera": "front"} if bw.capabilities()[format].one_camera else {}


IN_PICTURES = [name for name, said in bw.capabilities().items() if said.writes and (said.projects or said.can_write("shapes"))]


@pytest.mark.parametrize("format", IN_PICTURES)
def test_labels_in_pictures_are_where_they_are_when_the_camera_exposes(format):
    """CVAT had them where they were at the stamps, 0.07 px off and one too many; of Darwin and Labelbox the certificate said of boxes of cuboids that
    they were keyframes no longer, though they came back as they were."""
    certificate = bw.certify(driving(), format, **of_front(format))
    assert certificate.holds, certificate.reasons
    (reading,) = certificate.readings
    assert reading.shapes and reading.shapes[0].edge_px <= 1e-8


@pytest.mark.parametrize("format", [name for name in IN_PICTURES if bw.capabilities()[name].projects])
def test_boxes_of_cuboids_are_those_of_the_moment_of_exposure(tmp_path, format):
    """The vehicle and the objects have moved by then: at the frames' stamps boxes are elsewhere."""
    late, sharp = (scene.replace(image_tracks=[]) for scene in (driving(), street()))
    expected, other = (bw.project_tracks(scene, ["front"], occlusion=False).image_tracks()[0].shapes.xyxy[:3] for scene in (late, sharp))
    assert np.abs(other - expected).max() > 1e-3
    bw.write(late, tmp_path / "written", format, **of_front(format))
    scenes = [entry.read() for entry in bw.scenes(tmp_path / "written")]
    found = [track.at(one.exposures_ns(track.camera)).shapes.bounds_xyxy()[:3] for one in scenes for track in one.image_tracks]
    assert any(np.abs(one - expected).max() < 1e-8 for one in found if len(one) == 3)


@pytest.mark.parametrize("format", [name for name in IN_PICTURES if name not in ("boxwright", "openlabel")])
def test_tracks_in_pictures_that_no_frame_shows_are_told(tmp_path, format):
    """Left out without a word, but by KITTI, which has none of its kind."""
    between = bw.ImageTrack("x", "car", "front", TIMES[0] + np.array([10, 20]), bw.Boxes([[1, 1, 5, 5], [2, 2, 6, 6]]))
    scene = street()
    report = bw.write(scene.replace(image_tracks=[*scene.image_tracks, between]), tmp_path / "written", format, **of_front(format))
    assert any("shapes" in told.fields and told.of is not None and "x" in told.of for told in report.dropped)


def rolling() -> bw.Scene:
    """Two cameras, the first of them read from top to bottom, which sees what passes by aslant."""
    scene = street()
    front = replace(scene.cameras["front"], readout_ns=20_000_000, rolling_shutter="top_to_bottom")
    return scene.replace(cameras={**scene.cameras, "front": front})


@pytest.mark.parametrize("format", [name for name, said in bw.capabilities().items() if said.writes])
def test_rolling_shutters_come_back_or_are_told_by_camera(format):
    """Nobody but OpenLABEL's report told of them, and no certificate looked."""
    kept = bw.capabilities()[format].can_write("shutters")
    certificate = bw.certify(rolling(), format, **of_front(format))
    assert certificate.holds, certificate.reasons
    (reading,) = certificate.readings
    assert [(one.n_given, one.n_lost, one.n_untold) for one in reading.lost if one.field == "shutters"] == ([] if kept else [(1, 1, 0)])
    assert [told.of for told in certificate.report.dropped if "shutters" in told.fields] == ([] if kept else [{"front"}])


def test_cvat_tells_anew_only_tracks_that_need_it(tmp_path):
    """And what is kept of a keyframe that no frame has is told."""
    shapes = bw.Boxes([[1, 1, 5, 5], [7, 7, 11, 11]])
    tracks = [
        bw.ImageTrack(str(k), "car", "front", TIMES[[0, 3]] + late, shapes, keyframe_source_attributes=[{}, {"by": "me"}])
        for k, late in enumerate((20_000_000, 7_000_000))
    ]
    report = bw.write(driving().replace(tracks=[], image_tracks=tracks, format="cvat_video"), tmp_path / "written", "cvat_video")
    back = bw.read(tmp_path / "written").image_tracks
    visible = [track.times_ns[track.visibility != bw.Visibility.OUTSIDE].tolist() for track in back]
    assert visible == [[1, 2, 3], [0, 3]]
    assert [told.of for told in report.rounded if "keyframes" in told.fields] == [{"0"}]
    assert [told.of for told in report.dropped if "other_fields" in told.fields] == [{"0"}]
