"""Scenes: frames of reference, labels of a frame, sensors that are not there."""

from __future__ import annotations

import numpy as np
import pytest

import boxwright as bw

STAMPS = 1_700_000_000_000_000_000 + np.arange(5) * 100_000_000
EGO_FROM_LIDAR = bw.Pose.from_yaw(0.1, (1.2, 0, 1.8))
EGO_FROM_CAM = bw.Pose([[0, 0, 1], [-1, 0, 0], [0, -1, 0]], (1.7, 0.1, 1.5))
LENS = bw.PinholeCamera(100, 80, 90, 90, 50, 40)


class Recording:
    """Three frames of points and no pictures."""

    def points(self, frame_index, sensor):
        if frame_index > 2:
            raise bw.FrameMissing("no sweep", field=f"frame {frame_index}")
        return bw.Sweep(np.full((4, 3), float(frame_index)), int(STAMPS[frame_index]), frame=sensor)

    def image(self, frame_index, camera):
        raise bw.FrameMissing("no image", field=f"frame {frame_index}, {camera}")

    def has_points(self, frame_index, sensor):
        return frame_index <= 2

    def has_image(self, frame_index, camera):
        return False


def driving():
    return bw.Trajectory(np.r_[STAMPS, STAMPS[-1] + 10**8], [bw.Pose.from_yaw(0.05 * i, (5e5 + i, 4.6e6, 10)) for i in range(6)])


def track(track_id="a", frame="world", keys=(0, 4), place=(5e5 + 10.0, 4.6e6 + 3.0, 10.5), **more):
    n = len(keys)
    boxes = bw.Cuboids(np.tile(place, (n, 1)), np.tile([4.0, 2, 1.5], (n, 1)), 0.2, frame=frame)
    return bw.Track(track_id, "car", STAMPS[list(keys)], boxes, **more)


def scene(**changes):
    fields = {
        "name": "s",
        "times_ns": STAMPS,
        "lidars": {"top": bw.Lidar("top", EGO_FROM_LIDAR)},
        "cameras": {"front": bw.CameraSensor("front", LENS, EGO_FROM_CAM, STAMPS + 30_000_000), "rear": bw.CameraSensor("rear", LENS, EGO_FROM_CAM)},
        "trajectory": driving(),
        "tracks": [track("a"), track("b", keys=(1, 3), visibility=[0, 2])],
        "data": Recording(),
    }
    return bw.Scene(**{**fields, **changes})


def same(a, b, tolerance=1e-8):
    return np.allclose(a.rotation, b.rotation, rtol=0, atol=1e-12) and np.allclose(a.translation_m, b.translation_m, rtol=0, atol=tolerance)


# ------------------------------------------------------------ labels


def test_labels_of_a_frame():
    s = scene()
    in_world = s.labels(2, "world")
    assert in_world.track_index.tolist() == [0, 1] and in_world.state.tolist() == [bw.State.BETWEEN] * 2
    np.testing.assert_array_equal(in_world.cuboids.center_m, [(5e5 + 10.0, 4.6e6 + 3.0, 10.5)] * 2)
    assert [len(s.cuboids(i)) for i in range(5)] == [1, 2, 2, 1, 1]
    assert s.labels(4).state.tolist() == [bw.State.KEYFRAME]
    assert s.labels(-1).state.tolist() == [bw.State.KEYFRAME]


@pytest.mark.parametrize("frame", ["ego", "lidar", "top", "front"])
def test_labels_in_any_frame(frame):
    s = scene()
    mount = {"ego": bw.Pose.identity(), "front": EGO_FROM_CAM}.get(frame, EGO_FROM_LIDAR)
    late_ns = 30_000_000 if frame == "front" else 0  # a camera is where it was at its exposure
    for i in range(5):
        boxes = s.cuboids(i, frame)
        assert boxes.frame == ("top" if frame == "lidar" else frame)
        back = boxes.transformed(driving().at(int(STAMPS[i]) + late_ns) @ mount)
        np.testing.assert_allclose(back.center_m, s.cuboids(i, "world").center_m, rtol=0, atol=1e-8)
        np.testing.assert_allclose(back.yaw_rad, s.cuboids(i, "world").yaw_rad, rtol=0, atol=1e-12)


@pytest.mark.parametrize("camera", ["front", "rear"])
def test_labels_in_a_camera_are_those_in_the_lidar_seen_from_it(camera):
    s = scene()
    for i in range(5):
        seen, expected = s.cuboids(i, camera), s.cuboids(i, "lidar").transformed(s.cam_from(i, camera), frame=camera)
        np.testing.assert_allclose(seen.center_m, expected.center_m, rtol=0, atol=1e-8)
        np.testing.assert_allclose(seen.rotation, expected.rotation, rtol=0, atol=1e-12)


@pytest.mark.parametrize("frame", ["lidar", "ego", "front", "world"])
def test_a_frame_without_labels_needs_no_pose(frame):
    short = bw.Trajectory(STAMPS[1:4], [bw.Pose.from_yaw(0.05 * i) for i in range(3)])
    s = scene(trajectory=short, tracks=[track(keys=(1, 3))])
    for i in (0, 4):
        assert len(s.cuboids(i, frame)) == 0 and len(s.labels(i, frame).state) == 0
        assert s.cuboids(i, frame).frame == ("top" if frame == "lidar" else frame)
        with pytest.raises(bw.UnknownName, match="no such frame of reference"):
            s.cuboids(i, "cam")
    with pytest.raises(bw.TimeError):
        scene(trajectory=short, tracks=[track(keys=(0, 3))]).cuboids(0)


def test_labels_of_a_scene_without_poses():
    s = scene(trajectory=None, label_frame="top", tracks=[track(frame="top", place=(10, 3, 0.5))])
    np.testing.assert_array_equal(s.cuboids(1, "lidar").center_m, [(10, 3, 0.5)])
    np.testing.assert_allclose(s.cuboids(1, "ego").center_m, EGO_FROM_LIDAR.apply([(10, 3, 0.5)]), rtol=0, atol=1e-12)
    with pytest.raises(bw.FrameMissing, match="the scene has no ego poses, so it has no world frame; use the sensor's frame"):
        s.cuboids(1, "world")


def test_no_labels():
    empty = scene(tracks=[])
    assert len(empty.cuboids(0)) == 0 and empty.cuboids(0).frame == "top" and empty.categories == ()
    nobody = scene(tracks=[track(keys=(3, 4))])
    assert len(nobody.cuboids(0)) == 0 and nobody.cuboids(0, "world").frame == "world"


def test_cuboids_of_no_frame_take_the_label_frame():
    s = scene(tracks=[track("a"), track("b", frame=None)])
    assert s.tracks[1].cuboids.frame == "world"
    assert len(s.cuboids(0)) == 2


def test_tracks_by_name():
    s = scene()
    assert s.track("b") is s.tracks[1] and s.track_index == {"a": 0, "b": 1} and s.categories == ("car",)
    with pytest.raises(bw.UnknownName, match="scene 's': no such track: got 'c'"):
        s.track("c")


def test_packed_tracks_are_kept_over_replace():
    s = scene()
    assert isinstance(s.tracks, bw.Tracks)
    assert s.replace(name="t").tracks is s.tracks


# ------------------------------------------------------------ frames of reference


def test_transform_chains():
    s = scene()
    t = int(STAMPS[1])
    assert same(s.transform("ego", "lidar", t), EGO_FROM_LIDAR)
    assert same(s.transform("front", "lidar", t), EGO_FROM_CAM.inverse() @ EGO_FROM_LIDAR)
    assert same(s.transform("world", "ego", t), driving().at(t))
    assert same(s.transform("lidar", "world", t), s.transform("world", "lidar", t).inverse())
    assert same(s.transform("front", "world", t) @ s.transform("world", "top", t), s.transform("front", "top", t))
    assert s.transform("world", "world", t) == bw.Pose.identity()
    assert same(s.transform("world", "world", t, target_time_ns=t + 1), bw.Pose.identity())


def test_two_moments_hold_the_way_between_them():
    s = scene()
    a, b = int(STAMPS[1]), int(STAMPS[3])
    expected = driving().at(b).inverse() @ driving().at(a)
    assert same(s.transform("ego", "ego", a, target_time_ns=b), expected)
    with pytest.raises(bw.FrameMissing, match="no ego poses"):
        scene(trajectory=None, tracks=[]).transform("ego", "ego", a, target_time_ns=b)


def test_cam_from_holds_the_ego_motion_until_the_exposure():
    s = scene()
    exposure = int(STAMPS[2]) + 30_000_000
    ego_then_from_ego_now = driving().at(exposure).inverse() @ driving().at(int(STAMPS[2]))
    assert same(s.cam_from(2, "front"), EGO_FROM_CAM.inverse() @ ego_then_from_ego_now @ EGO_FROM_LIDAR)
    assert same(s.cam_from(2, "rear", "ego"), EGO_FROM_CAM.inverse())
    assert not same(s.cam_from(2, "front"), s.cam_from(2, "rear"), 1e-3)
    still = scene(trajectory=None, tracks=[])
    assert same(still.cam_from(2, "front"), EGO_FROM_CAM.inverse() @ EGO_FROM_LIDAR)


def test_origins_of_the_light():
    unit = bw.Lidar("pair", EGO_FROM_LIDAR, ((0.0, 0.0, 0.0), (0.0, 0.0, -0.3)))
    s = scene(lidars={"top": bw.Lidar("top"), "pair": unit})
    np.testing.assert_allclose(s.lidar_origins_m("ego"), [(0, 0, 0), *EGO_FROM_LIDAR.apply([(0, 0, 0), (0, 0, -0.3)])], rtol=0, atol=1e-12)
    np.testing.assert_allclose(s.lidar_origins_m("pair")[1:], unit.origins_m, rtol=0, atol=1e-12)
    assert scene(lidars={}).lidar_origins_m("ego").shape == (0, 3)


# ------------------------------------------------------------ sensor data


def test_points_load_when_asked():
    s = scene()
    assert s.points(1).xyz[0, 0] == 1 and s.points(1).frame == "top" and s.points(-3, "top").xyz[0, 0] == 2
    assert [s.has_points(i) for i in range(5)] == [True] * 3 + [False] * 2
    assert not s.has_image(0, "front")
    with pytest.raises(bw.FrameMissing, match="frame 4: no sweep"):
        s.points(4)
    with pytest.raises(bw.FrameMissing, match="no image"):
        s.image(0, "front")


def test_nearest_frame():
    s = scene()
    assert s.nearest_frame(int(STAMPS[2]) + 49_000_000) == 2 and s.nearest_frame(int(STAMPS[2]) + 51_000_000) == 3
    assert s.nearest_frame(-(2**63)) == 0 and s.nearest_frame(2**63 - 1) == 4
    with pytest.raises(bw.TimeError, match="the scene has no frames"):
        scene(times_ns=[], tracks=[], cameras={}).nearest_frame(0)


def test_a_scene_of_labels_alone():
    s = bw.Scene("x", STAMPS, trajectory=driving(), tracks=[track()])
    assert len(s.cuboids(0, "ego")) == 1 and s.frame_ids == ("000000", "000001", "000002", "000003", "000004")
    assert not s.has_points(0)
    with pytest.raises(bw.FrameMissing, match="no such LiDAR: expected one of none, got 'lidar'"):
        s.points(0)
    assert repr(s) == "Scene('x', 5 frames, 1 track, sensors: none, format='boxwright')"


# ------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("use", "kind", "message"),
    [
        (lambda s: s.points(5), bw.FrameMissing, r"scene 's': expected a frame within 0\.\.4, got 5"),
        (lambda s: s.points(-6), bw.FrameMissing, "got -6"),
        (lambda s: s.labels(1.0), bw.ArgumentError, "frame_index: expected a frame's index, got 1.0"),
        (lambda s: s.labels(True), bw.ArgumentError, "got True"),
        (lambda s: s.points(0, "side"), bw.FrameMissing, "no such LiDAR: expected one of top, got 'side'"),
        (lambda s: s.camera("side"), bw.CalibrationError, "no such camera, or no calibration for it: expected one of front, rear, got 'side'"),
        (lambda s: s.cam_from(0, "side"), bw.CalibrationError, "no such camera"),
        (
            lambda s: s.cuboids(0, "moon"),
            bw.UnknownName,
            "no such frame of reference: expected world, ego, lidar, or one of top, front, rear, got 'moon'",
        ),
        (lambda s: s.world_from_ego(0), bw.TimeError, "where poses are known"),
        (lambda s: s.world_from_ego(0.5), bw.ArgumentError, "int64 nanoseconds"),
        (lambda s: s.nearest_frame("now"), bw.ArgumentError, "int64 nanoseconds"),
    ],
)
def test_bad_use(use, kind, message):
    with pytest.raises(kind, match=message):
        use(scene())


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"times_ns": STAMPS[::-1]}, bw.TimeError, "scene.times_ns: expected increasing times"),
        ({"frame_ids": ["1"]}, bw.ArgumentError, "scene.frame_ids: expected 5 frame ids, got 1"),
        (
            {"cameras": {"front": bw.CameraSensor("front", LENS, EGO_FROM_CAM, STAMPS[:2])}},
            bw.ArgumentError,
            "camera front.times_ns: expected 5 exposure times, got 2",
        ),
        ({"tracks": [track(frame="lidar")]}, bw.ArgumentError, "track 'a': expected cuboids in the scene's label frame 'world', got 'lidar'"),
        ({"trajectory": None}, bw.ArgumentError, "scene.trajectory: tracks in the world frame need a trajectory; give one, or set label_frame"),
        ({"tracks": [track("a"), track("a")]}, bw.ArgumentError, "scene.tracks: expected every track id once, got 'a' twice"),
    ],
)
def test_bad_scene(changes, kind, message):
    with pytest.raises(kind, match=message):
        scene(**changes)
