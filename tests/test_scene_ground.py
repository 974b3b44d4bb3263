"""What a scene says of a frame's sweep as a whole: where its points were at the frame's stamp, and the ground under them, found once."""

from __future__ import annotations

import dataclasses
import json
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from typer.testing import CliRunner

import boxwright as bw
from boxwright import terrain
from boxwright.cli import app
from boxwright.sample import sample_folder


class Counted:
    """Sensor data that counts how often each sweep is read."""

    def __init__(self, data):
        self.inner, self.reads = data, []

    def points(self, frame_index, sensor):
        self.reads.append((frame_index, sensor))
        return self.inner.points(frame_index, sensor)

    def __getattr__(self, name):
        return getattr(self.inner, name)


@pytest.fixture(scope="module")
def clip():
    return bw.read(sample_folder() / "clip")


@pytest.fixture
def counted(clip):
    return clip.replace(data=Counted(clip.data))


def test_still_points_lie_where_the_truth_of_the_frame_does(clip):
    truth, inside = bw.read(sample_folder() / "truth"), np.zeros(2)
    i = max(
        range(len(clip)),
        key=lambda i: (
            float(np.linalg.norm(np.diff([clip.world_from_ego(int(t)).translation_m for t in clip.times_ns[[i - 1, i]]], axis=0))) if i else 0
        ),
    )
    still, raw = clip.still_points(i), clip.points(i)
    assert still.is_deskewed and not raw.is_deskewed and still.timestamp_ns == clip.times_ns[i]
    for k, sweep in enumerate((raw, still)):
        inside[k] = bw.points_in_cuboids(sweep, truth.cuboids(i)).counts.sum()
    assert inside[1] > 1.02 * inside[0]
    np.testing.assert_array_equal(still.xyz, raw.deskewed(clip.trajectory, clip.ego_from("lidar"), time_ns=int(clip.times_ns[i])).xyz)


def test_still_points_are_those_recorded_where_nothing_tells_when_or_where(clip):
    raw = clip.points(3).xyz
    without_poses = clip.replace(trajectory=None, label_frame="lidar", tracks=[])
    short = clip.replace(trajectory=bw.Trajectory(clip.times_ns[:2], [clip.world_from_ego(int(t)) for t in clip.times_ns[:2]]))
    for scene in (without_poses, short):
        np.testing.assert_array_equal(scene.still_points(3).xyz, raw)
    for data in (
        lambda sweep: dataclasses.replace(sweep, time_offset_ns=None),
        lambda sweep: bw.Sweep(np.zeros((0, 3), np.float32), sweep.timestamp_ns),
    ):
        odd = Counted(clip.data)
        odd.points = lambda i, sensor, change=data: change(clip.data.points(i, sensor))
        assert not clip.replace(data=odd).still_points(3).is_deskewed
    with pytest.raises(bw.FrameMissing):
        clip.still_points(99)


def test_a_deskewed_sweep_is_moved_to_the_stamp_once(clip):
    early = clip.points(3).deskewed(clip.trajectory, clip.ego_from("lidar"), time_ns=int(clip.times_ns[3]) - 40_000_000)
    data = Counted(clip.data)
    data.points = lambda i, sensor: early
    still = clip.replace(data=data).still_points(3)
    np.testing.assert_allclose(still.xyz, clip.still_points(3).xyz, rtol=0, atol=1e-6)
    data.points = lambda i, sensor: still
    assert clip.replace(data=data).still_points(3) is still


def test_the_ground_is_found_once_and_shared_by_copies(counted):
    first = counted.ground(3)
    np.testing.assert_array_equal(first.nodes_m, bw.ground(counted.still_points(3)).nodes_m)
    del counted.data.reads[:]
    edited = counted.replace(tracks=[])
    assert counted.ground(3, "lidar") is first and counted.ground(3 - len(counted)) is first and edited.ground(3) is first
    assert counted.data.reads == []
    other = edited.ground(4)
    assert counted.ground(4) is other and other is not first


def test_another_recording_or_another_place_of_the_lidar_has_a_ground_of_its_own(counted):
    first = counted.ground(3)
    for changed in (counted.replace(data=Counted(counted.data)), counted.replace(trajectory=None, label_frame="lidar", tracks=[])):
        assert changed.ground(3) is not first
    assert pickle.loads(pickle.dumps(terrain.KeptGrounds())).get(0, "lidar", lambda: first) is first


def test_kept_grounds_are_bounded_and_the_oldest_goes_first(counted, monkeypatch):
    size = [counted.ground(i).nodes_m.nbytes for i in range(3)]
    fresh = counted.replace(data=Counted(counted.data))
    monkeypatch.setattr(terrain, "KEPT_BYTES", max(size[0] + size[1], size[0] + size[2]))
    zero, one = fresh.ground(0), fresh.ground(1)
    assert fresh.ground(0) is zero  # asked for last, so the other one goes
    fresh.ground(2)
    assert fresh.ground(0) is zero and fresh.ground(1) is not one
    monkeypatch.setattr(terrain, "KEPT_BYTES", 0)
    assert fresh.ground(2) is fresh.ground(2)
    assert len(fresh._grounds) == 1


def test_threads_share_the_kept_grounds(counted):
    frames = [i % 4 for i in range(40)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(counted.ground, frames))
    for i, ground in zip(frames, found, strict=True):
        np.testing.assert_array_equal(ground.nodes_m, counted.ground(i).nodes_m)
    assert len(counted._grounds) == 4


def test_no_ground_where_there_are_no_points(clip):
    data = Counted(clip.data)
    data.points = lambda i, sensor: bw.Sweep(np.full((5, 3), np.nan))
    with pytest.raises(bw.GeometryError, match="at least 3 finite points"):
        clip.replace(data=data).ground(0)
    with pytest.raises(bw.FrameMissing, match="no such LiDAR"):
        clip.ground(0, "radar")


def test_boxwright_fit_fits_the_still_points(clip):
    """The vehicle drives: the turn of the sensor, taken for one instant, would put the cuboid beside its object."""
    truth, i = bw.read(sample_folder() / "truth"), 20
    still, labels = clip.still_points(i), truth.labels(i)
    counts = bw.points_in_cuboids(still, labels.cuboids)
    k = next(k for k in np.argsort(-counts.counts) if truth.tracks[labels.track_index[k]].category == "car")
    click = np.asarray(still.xyz)[counts.indices(int(k))[0]].round(3)
    result = CliRunner().invoke(app, ["fit", str(sample_folder() / "clip"), "--frame", str(i), "--at", ",".join(map(str, click)), "--json"])
    assert result.exit_code == 0, result.output
    fit = bw.fit_at(still, click, "car", ground=clip.ground(i), sensor_origins_m=clip.lidar_origins_m())
    np.testing.assert_allclose(json.loads(result.stdout)["center_m"], fit.cuboid.center_m, atol=1e-9)
    assert not np.allclose(bw.fit_at(clip.points(i), click, "car").cuboid.center_m, fit.cuboid.center_m, atol=0.02)
