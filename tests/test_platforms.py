"""The 3-D formats of platforms on the sample and on real recordings: every certificate holds, with the platform's own client where it is."""

from __future__ import annotations

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


def test_one_heading_as_many():
    yaw = np.array([0.0, 1.0, -1.0, np.pi, -np.pi, 7.0, -9.5, 3 * np.pi])
    np.testing.assert_allclose([quat_of_yaw(float(one)) for one in yaw], quat_from_yaw(wrap_rad(yaw)), rtol=0, atol=1e-15)
