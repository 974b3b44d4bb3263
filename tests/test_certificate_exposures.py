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
