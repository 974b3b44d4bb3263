"""Rolling shutters: their data, and moving things at the moment of their row, against a slow search for that moment."""

from __future__ import annotations

import math

import numpy as np
import pytest
from typer.testing import CliRunner

import boxwright as bw
import naive
from boxwright.cli import app
from boxwright.exposure import row_offsets_ns

AHEAD = bw.Pose([[0, 0, 1], [-1, 0, 0], [0, -1, 0]], (1.5, 0.1, 1.4))
LENS = bw.PinholeCamera(640, 360, 420, 420, 319.5, 179.5, (-0.2, 0.05, 1e-3, -5e-4))
STAMP, EXPOSURE = 10**9, 10**9 + 12_000_000
pytestmark = pytest.mark.filterwarnings("ignore:.*encountered in (scalar|divide):RuntimeWarning")  # without the JIT


def sensor(shutter="top_to_bottom", readout_ns=40_000_000, lens=LENS) -> bw.CameraSensor:
    return bw.CameraSensor("front", lens, AHEAD, [EXPOSURE], readout_ns, shutter)


def scene(camera, *, stands=False) -> bw.Scene:
    """The vehicle drives 15 m/s and turns 0.4 rad/s."""
    times = np.arange(0, 2 * 10**9 + 1, 5_000_000)
    poses = [bw.Pose.from_yaw(0.4 * t * 1e-9, (15 * t * 1e-9, 2.0, 0.3)) for t in times]
    trajectory = None if stands else bw.Trajectory(times, poses)
    return bw.Scene("s", [STAMP], {"lidar": bw.Lidar("lidar")}, {"front": camera}, trajectory, label_frame="lidar" if stands else "world")


def slow(clip, camera, point, velocity):
    """(u, v) of one point: the moment at which its row is exposed, by halving the readout."""

    def at(time):
        rotation, place = clip.trajectory.sample(np.array([round(time)]))
        cam = AHEAD.inverse().apply(rotation[0].T @ (point + velocity * (time - STAMP) * 1e-9 - place[0]))
        return naive.pixel_of(cam, camera.camera)

    across = camera.rolling_shutter in ("left_to_right", "right_to_left")
    size = camera.camera.width_px if across else camera.camera.height_px

    def row_time(uv):
        share = min(max(uv[0 if across else 1], 0), size - 1) / (size - 1)
        share = 1 - share if camera.rolling_shutter in ("bottom_to_top", "right_to_left") else share
        return EXPOSURE + (share - 0.5) * camera.readout_ns

    low, high = EXPOSURE - camera.readout_ns / 2, EXPOSURE + camera.readout_ns / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if row_time(at(middle)) > middle else (low, middle)
    return at(middle)


@pytest.mark.kernel
@pytest.mark.parametrize("shutter", ["top_to_bottom", "bottom_to_top", "left_to_right", "right_to_left"])
@pytest.mark.parametrize("lens", [LENS, bw.FisheyeCamera(640, 480, 180, 180, 319.5, 239.5)], ids=["pinhole", "fisheye"])
def test_points_equal_the_slow_search(shutter, lens, rng):
    camera = sensor(shutter, lens=lens)
    clip = scene(camera)
    ahead = bw.Pose.from_yaw(0.4, (15, 2.0, 0.3)).apply(np.c_[rng.uniform(8, 40, 40), rng.uniform(-6, 6, 40), rng.uniform(0, 3, 40)])
    velocity = rng.uniform(-20, 20, (40, 3)) * (1, 1, 0.1)
    image = bw.expose_points(clip, 0, "front", ahead, velocity_mps=velocity)
    truth = [slow(clip, camera, point, v) for point, v in zip(ahead, velocity)]
    seen = image.in_image
    assert seen.sum() > 15
    np.testing.assert_allclose(image.uv[seen], np.array([t[:2] for t in truth])[seen], rtol=0, atol=1e-4)  # a nanosecond, and poses between stamps
    still = bw.project_points(ahead, lens, clip.cam_from(0, "front", "world")).uv
    assert np.linalg.norm(image.uv - still, axis=1)[seen].max() > 3


def test_a_global_shutter_is_a_projection_of_what_has_moved(rng):
    clip = scene(sensor("global", 0))
    points, velocity = rng.uniform((20, -4, 0), (50, 8, 3), (50, 3)), np.array([10.0, -3.0, 0.0])
    image = bw.expose_points(clip, 0, "front", points, velocity_mps=velocity)
    moved = bw.project_points(points + velocity * 0.012, LENS, clip.cam_from(0, "front", "world"))
    np.testing.assert_allclose(image.uv, moved.uv, rtol=0, atol=1e-7)
    standing = scene(sensor("top_to_bottom"), stands=True)
    np.testing.assert_allclose(
        bw.expose_points(standing, 0, "front", points, "lidar").uv, bw.project_points(points, LENS, standing.cam_from(0, "front")).uv, atol=1e-9
    )


def test_cuboids_are_slanted_as_they_pass():
    clip = scene(sensor("top_to_bottom"), stands=True)
    body = bw.Cuboid([12.0, 0.0, 1.4], [0.5, 2.0, 4.0], 0.0, frame="lidar")
    still, passing = (bw.expose_cuboids(clip, 0, "front", body, velocity_mps=(0.0, v, 0.0)) for v in (0.0, 25.0))
    np.testing.assert_allclose(still.xyxy, bw.project_cuboids(body, LENS, clip.cam_from(0, "front")).xyxy, atol=1e-6)
    dense = body.as_cuboids().corners_m()[0]
    points = bw.expose_points(clip, 0, "front", dense, "lidar", velocity_mps=(0.0, 25.0, 0.0))
    np.testing.assert_allclose(passing.xyxy[0], [*points.uv.min(0), *points.uv.max(0)], atol=0.6)
    upright = bw.expose_points(clip, 0, "front", dense, "lidar").uv
    assert abs(upright[0, 0] - upright[3, 0]) < 2.5 < 10 < abs(points.uv[0, 0] - points.uv[3, 0])  # the ends of one upright edge
    turning = bw.expose_cuboids(clip, 0, "front", body, yaw_rate_radps=2.0)
    assert np.abs(turning.xyxy - still.xyxy).max() > 0.1


def test_rows_and_their_moments():
    uv = [(0, 0), (639, 359), (319.5, 179.5), (-50, 400), (np.nan, np.nan)]
    assert row_offsets_ns(sensor(), uv).tolist() == [-20_000_000, 20_000_000, 0, 20_000_000, 0]
    assert row_offsets_ns(sensor("bottom_to_top"), uv).tolist() == [20_000_000, -20_000_000, 0, -20_000_000, 0]
    assert row_offsets_ns(sensor("left_to_right"), uv).tolist() == [-20_000_000, 20_000_000, 0, -20_000_000, 0]
    assert row_offsets_ns(sensor("global", 0), uv).tolist() == [0] * 5


@pytest.mark.parametrize(
    ("shutter", "readout_ns", "message"),
    [
        ("sideways", 5, r"camera front.rolling_shutter: expected one of global, top_to_bottom, .*, got 'sideways'"),
        ("global", 5, r"camera front.readout_ns: expected from 1 to 1000000000 with a rolling shutter, 0 with a global one, got 5 with global"),
        ("top_to_bottom", 0, r"camera front.readout_ns: .*, got 0 with top_to_bottom"),
        ("top_to_bottom", -5, r"camera front.readout_ns: .*, got -5 with top_to_bottom"),
        ("top_to_bottom", 0.02, r"camera front.readout_ns: expected int64 nanoseconds"),
    ],
)
def test_shutters_that_cannot_be(shutter, readout_ns, message):
    with pytest.raises(bw.ArgumentError, match=message):
        sensor(shutter, readout_ns)


def test_bad_velocities():
    with pytest.raises(bw.ArgumentError, match="velocity_mps: expected 3 velocities, or one, got 2"):
        bw.expose_points(scene(sensor()), 0, "front", np.ones((3, 3)), velocity_mps=np.ones((2, 3)))
    with pytest.raises(bw.CalibrationError, match="the camera is not calibrated"):
        bw.expose_points(scene(bw.CameraSensor("front", bw.UncalibratedCamera(64, 48))), 0, "front", np.ones((3, 3)))


def test_kept_and_told(tmp_path):
    bw.write(scene(sensor("bottom_to_top", 33_300_000)), tmp_path / "out")
    back = bw.read(tmp_path / "out").camera("front")
    assert (back.readout_ns, back.rolling_shutter) == (33_300_000, "bottom_to_top") and math.isclose(back.ego_from_cam.translation_m[0], 1.5)
    assert "640 x 360, pinhole, read bottom to top in 33.3 ms" in CliRunner().invoke(app, ["info", str(tmp_path / "out")]).output.replace("\n", "")
    assert "the rolling shutter of front: all of a picture at one moment" in bw.write(scene(sensor()), tmp_path / "label", "openlabel").dropped


def seen_boxes(clip, frame_index, name, m):
    """(4,) of the pixels in which the simulator shows a track."""
    rows, columns = np.nonzero(clip.data.pixel_track_index(frame_index, name) == m)
    return np.array([columns.min() - 0.5, rows.min() - 0.5, columns.max() + 0.5, rows.max() + 0.5]) if len(rows) > 150 else None


def test_on_the_simulator_with_its_truth():
    """Cars in pictures that are read in 60 ms, on the motorway: their boxes fit when each row has its moment, and do not when all have one."""
    lens = bw.PinholeCamera(480, 300, 272, 271, 238.6, 149.3)
    side = bw.Pose(bw.Pose.from_yaw(math.pi / 2).rotation @ AHEAD.rotation, (1.2, 0.85, 1.5))
    camera = bw.CameraSensor("left", lens, side, None, 60_000_000, "left_to_right")
    clip = bw.simulate(seed=3, n_frames=12, n_beams=8, n_columns=60, scenery="motorway", min_points=1, cameras=[camera])
    errors = []
    for i in range(len(clip)):
        labels = clip.labels(i, "world")
        for body, m in zip(labels.cuboids, labels.track_index):
            seen = seen_boxes(clip, i, "left", m)
            if seen is None or seen[0] <= 0 or seen[2] >= 479:
                continue
            track = clip.tracks[m]
            moved = track.at(np.array([clip.times_ns[i], clip.times_ns[i] + 10_000_000]))
            if not moved.is_valid.all():
                continue
            velocity = (moved.cuboids.center_m[1] - moved.cuboids.center_m[0]) / 0.01
            exposed = bw.expose_cuboids(clip, i, "left", body, "world", velocity_mps=velocity).xyxy[0]
            still = bw.project_cuboids(body, lens, clip.cam_from(i, "left", "world")).xyxy[0]
            errors.append([np.abs(box - seen)[[0, 2]].mean() for box in (exposed, still)])
    errors = np.array(errors)
    assert len(errors) >= 3
    assert np.median(errors[:, 0]) < 0.5 * np.median(errors[:, 1])


WIDE = {"unified": bw.UnifiedCamera(160, 120, 90, 90, 79.5, 59.5, xi=1.1), "sphere": bw.EquirectangularCamera.of_sphere(200, 100)}


@pytest.mark.parametrize("lens", WIDE.values(), ids=WIDE)
def test_the_simulator_takes_every_model(lens):
    clip = bw.simulate(n_frames=1, n_beams=8, n_columns=60, cameras=[bw.CameraSensor("wide", lens, AHEAD)])
    depth = clip.data.depth_m(0, "wide")
    rows, columns = np.nonzero(np.isfinite(depth) & (depth != 0))
    rays = lens.rays(np.c_[columns, rows].astype(float))
    points = rays * (depth[rows, columns] / rays[:, 2])[:, None]
    image = bw.project_points(points, lens, np.eye(4))
    np.testing.assert_allclose(image.uv, np.c_[columns, rows], atol=1e-3)
    assert len(rows) > 2000 and clip.image(0, "wide").std() > 5
    with pytest.raises(bw.CalibrationError, match="the camera is not calibrated"):
        bw.simulate(n_frames=1, cameras=[bw.CameraSensor("dash", bw.UncalibratedCamera(64, 48))])
