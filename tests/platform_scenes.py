"""A small recording with numbers worked by hand, and the faults that its golden numbers must catch, for the formats of annotation platforms."""

from __future__ import annotations

import json
import math
import subprocess
from pathlib import Path

import numpy as np

import boxwright as bw
from boxwright.rotations import quat_from_euler, quat_multiply

CENTER, SIZE, YAW = (12.0, -3.5, 0.6), (4.2, 1.7, 1.4), 0.7  # never square, no round angle, not at height 0
ANGLES = (0.3, 0.2, 0.7)  # of Rx @ Ry @ Rz
TOL = 1e-12


def golden(frame="lidar", angles=(0.0, 0.0, YAW)):
    """One car in three frames, in the third 1 m further ahead."""
    centers = np.array([CENTER, CENTER, np.add(CENTER, (1, 0, 0))])
    cuboids = bw.Cuboids(centers, np.tile(SIZE, (3, 1)), quat_wxyz=np.tile(quat_from_euler(angles, "XYZ"), (3, 1)), frame=frame)
    return cuboids


def check_golden(cuboid, center=CENTER, size=SIZE, yaw=YAW, tol=TOL):
    """An upright car, by its corners: front left above is where a hand puts it."""
    np.testing.assert_allclose(cuboid.center_m, [center], rtol=0, atol=tol)
    np.testing.assert_allclose(cuboid.size_m, [size], rtol=0, atol=tol)
    np.testing.assert_allclose(cuboid.rotation[0] @ (1, 0, 0), (math.cos(yaw), math.sin(yaw), 0), rtol=0, atol=tol)
    np.testing.assert_allclose(cuboid.rotation[0] @ (0, 0, 1), (0, 0, 1), rtol=0, atol=tol)


def check_tilted(cuboid, center=CENTER, size=SIZE):
    """ANGLES about the own axes, one after the other."""
    (s3, s2, s7), (c3, c2, c7) = np.sin(ANGLES), np.cos(ANGLES)
    np.testing.assert_allclose(cuboid.center_m, [center], rtol=0, atol=TOL)
    np.testing.assert_allclose(cuboid.size_m, [size], rtol=0, atol=TOL)
    ahead = (c2 * c7, c3 * s7 + s3 * s2 * c7, s3 * s7 - c3 * s2 * c7)
    np.testing.assert_allclose(cuboid.rotation[0] @ (1, 0, 0), ahead, rtol=0, atol=TOL)
    np.testing.assert_allclose(cuboid.rotation[0] @ (0, 0, 1), (s2, -s3 * c2, c3 * c2), rtol=0, atol=TOL)


def _turned(quat, yaw):
    return quat_multiply(quat, (math.cos(yaw / 2), 0, 0, math.sin(yaw / 2)))


FAULTS = {  # of a centre, a size and a quaternion
    "turn of pi/2": lambda c, s, q: (c, s, _turned(q, math.pi / 2)),
    "width and length swapped": lambda c, s, q: (c, s[..., [1, 0, 2]], q),
    "half the height": lambda c, s, q: (c + s * (0, 0, 0.5), s, q),
    "half turn": lambda c, s, q: (c, s, _turned(q, math.pi)),
    "sign of yaw": lambda c, s, q: (c, s, q * (1, 1, 1, -1)),
    "height and length swapped": lambda c, s, q: (c, s[..., [2, 1, 0]], q),
}


def faulty(name, cuboids):
    """What a writer with that fault would write."""
    center, size, quat = FAULTS[name](cuboids.center_m, cuboids.size_m, cuboids.quat_wxyz)
    return bw.Cuboids(center, size, quat_wxyz=quat, frame=cuboids.frame)


def tracked(cuboids, frame="lidar", n_frames=3, **more):
    """A scene of one track."""
    return bw.Scene(
        "clip",
        np.arange(n_frames),
        {"lidar": bw.Lidar("lidar")},
        tracks=[bw.Track("7", "car", np.arange(len(cuboids)), cuboids)],
        label_frame=frame,
        has_time=False,
        frame_ids=tuple(f"{i:06d}" for i in range(n_frames)),
        **more,
    )


def moving_scene(n_frames=5):
    """The vehicle turns while a car drives straight on between two keyframes: linear in the world, a bow in the frame of the LiDAR. A pedestrian
    comes late, and is hidden at first."""
    times = 1_700_000_000_000_000_000 + np.arange(n_frames) * 100_000_000
    poses = [bw.Pose.from_yaw(0.2 * i, (2.0 * i, 0.3 * i, 0.01 * i)) for i in range(n_frames)]
    ends = bw.Cuboids([(20, 5, 0.9), (26, 6, 0.8)], [(4.3, 1.8, 1.5)] * 2, [3.1, -3.1], frame="world")
    late = bw.Cuboids([(9, -4, 0.8), (9.5, -4.1, 0.8)], [(0.6, 0.7, 1.7)] * 2, [0.4, 0.5], frame="world")
    tracks = [
        bw.Track("12", "car", times[[0, -1]], ends, method="linear", attributes={"colour": "red"}),
        bw.Track("walker", "pedestrian", times[1:3], late, visibility=[1, 0], keyframe_attributes=[{"speed": 0.5}, {"speed": 1.25}]),
    ]
    lidar = bw.Lidar("lidar", bw.Pose.from_yaw(0.05, (1.1, 0.0, 1.8)))
    return bw.Scene("clip", times, {"lidar": lidar}, trajectory=bw.Trajectory(times, poses), tracks=tracks)


def asked(python, code, *args):
    """What a program prints as JSON, run with a platform's own client."""
    done = subprocess.run([python, "-I", "-c", code, *map(str, args)], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])


def save(path: Path, value) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def same_labels_in_lidar(scene, back, tol=1e-9):
    """Every frame's labels are where the track is in the world, seen from the LiDAR of that frame."""
    assert len(scene) == len(back)
    for i in range(len(scene)):
        mine, theirs = scene.labels(i, "lidar"), back.labels(i, "lidar")
        names = [[one.tracks[k].track_id for k in labels.track_index] for one, labels in ((scene, mine), (back, theirs))]
        order = [names[1].index(name) for name in names[0]]
        assert sorted(names[0]) == sorted(names[1])
        there = theirs.cuboids[np.array(order, int)] if order else theirs.cuboids
        if len(mine.cuboids):
            assert np.abs(mine.cuboids.corners_m() - there.corners_m()).max() < tol, i


def to_digits(value, digits=12):
    """The same with its floats rounded: angles that went through a rotation come back with another last bit."""
    if isinstance(value, dict):
        return {key: to_digits(item, digits) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_digits(item, digits) for item in value]
    return round(value, digits) if isinstance(value, float) else value
