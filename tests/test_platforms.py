"""The 3-D formats of platforms on the sample and on real recordings: every certificate holds, with the platform's own client where it is."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import boxwright as bw
from boxwright.certification.clients import python_with
from boxwright.formats.clouds_of_frames import quat_of_yaw
from boxwright.rotations import quat_from_yaw, wrap_rad
from boxwright.sample import sample_folder
from boxwright.scene import NoData

FORMATS = ("datumaro", "supervisely", "scale", "nucleus", "segments", "cvat_api", "labelcloud")
REAL = ("kitti_tracking", "sustechpoints/example")

pytestmark = pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")


def check_certificate(scene, format):
    """Of the labels; sweeps and pictures are for the formats' own tests."""
    labels = scene.replace(data=NoData(), image_tracks=())
    certificate = bw.certify(labels, format)
    assert certificate.holds, certificate.reasons
    client = bw.capabilities()[format].client
    assert len(certificate.readings) == 1 + (client is not None and python_with(client) is not None)
    n = len(bw.interpolate_tracks(labels.tracks, labels.times_ns))
    for reading in certificate.readings:
        assert (reading.cuboids[0].n_given, reading.cuboids[0].n_lost) == (n, 0)
        assert reading.cuboids[0].corner_m < 1e-6 or reading.read_with.startswith("datumaro")


@pytest.mark.parametrize("format", FORMATS)
def test_the_sample(format):
    check_certificate(bw.read(sample_folder(), scene="truth"), format)


@pytest.mark.parametrize("place", REAL)
@pytest.mark.parametrize("format", FORMATS)
def test_real_recordings(real_data, format, place):
    check_certificate(bw.scenes(real_data / place)[0].read(strict=False), format)


def crowd(n_frames, n_tracks=30):
    """Tracks of a keyframe in ten frames, in the world of a moving vehicle."""
    dice = np.random.default_rng(4)
    times = np.arange(n_frames) * 100_000_000
    trajectory = bw.Trajectory(times, [bw.Pose.from_yaw(0.001 * i, (1.0 * i, 0.1 * i, 0.0)) for i in range(n_frames)])
    keys = times[::10]
    size = np.tile([4.5, 1.9, 1.6], (len(keys), 1))
    tracks = [
        bw.Track(str(k), "car", keys, bw.Cuboids(dice.uniform(-50, 50, (len(keys), 3)), size, dice.uniform(-3, 3, len(keys)), frame="world"))
        for k in range(n_tracks)
    ]
    return bw.Scene("crowd", times, {"lidar": bw.Lidar("lidar")}, trajectory=trajectory, tracks=tracks)


def peak_bytes(scene, folder, format):
    bw.interpolate_tracks(scene.tracks, scene.times_ns[:1])
    tracemalloc.start()
    try:
        bw.write(scene, folder, format)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.full
@pytest.mark.parametrize("format", [name for name in FORMATS if name != "cvat_api"])  # which tells track by track
def test_memory_does_not_grow_with_the_frames(tmp_path, format):
    """Four times as many frames, whose labels are ten thousand more: what is in memory at once is those of some frames."""
    short, long = crowd(130), crowd(520)
    bw.write(crowd(20), tmp_path / "warm", format)
    peaks = [peak_bytes(scene, tmp_path / str(len(scene)), format) for scene in (short, long)]
    assert peaks[1] < peaks[0] + 1_000_000, peaks


def test_one_heading_as_many():
    yaw = np.array([0.0, 1.0, -1.0, np.pi, -np.pi, 7.0, -9.5, 3 * np.pi])
    np.testing.assert_allclose([quat_of_yaw(float(one)) for one in yaw], quat_from_yaw(wrap_rad(yaw)), rtol=0, atol=1e-15)
