"""What the own client of each platform and dataset holds of our exports, of the sample and of real recordings; benchmarks/certificates.py tells."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import boxwright as bw
from boxwright.certification.clients import python_with
from boxwright.sample import sample_folder
from boxwright.scene import NoData

pytestmark = pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")

# Format -> the real recordings whose labels are written in it: cuboids of a street, boxes of pedestrians in a video, of rails
STREET, VIDEO, ROBOT, RAILS = "kitti_tracking", "cvat_video_xml", "sustechpoints/example", "openlabel/osdar23"
LOG = "av2/sensor"
REAL = {
    "argoverse2": (LOG,),
    "nuscenes": (STREET, LOG),
    "openlabel": (STREET, RAILS),
    "kitti_raw": (STREET, ROBOT),
    "cvat_video": (VIDEO,),
    "mot": (VIDEO,),
    "datumaro": (STREET, ROBOT),
    "darwin": (VIDEO, STREET),
    "labelbox": (VIDEO, STREET),
    "coco": (VIDEO, STREET),
    "supervisely": (STREET, ROBOT),
    "label_studio": (VIDEO, STREET),
    "segments": (STREET, ROBOT),
    "cvat_api": (STREET, ROBOT),
    "nucleus": (STREET, ROBOT),
}
WITH_CLIENT = [name for name, said in bw.capabilities().items() if said.client is not None]


def test_no_client_is_left_out():
    assert sorted(REAL) == sorted(WITH_CLIENT)


def recording(place: str, folder: Path | None) -> bw.Scene:
    """Its labels: sweeps and pictures are for the formats' own tests. The shortest clip of a folder of many."""
    if place == "sample":
        return bw.read(sample_folder(), scene="truth").replace(data=NoData())
    assert folder is not None
    scenes = [entry.read(strict=False) for entry in bw.scenes(folder / place)[:3]]
    return min(scenes, key=len).replace(data=NoData())


def certified(format: str, place: str, folder: Path | None = None) -> bw.Certificate:
    scene = recording(place, folder)
    if scene.tracks and scene.image_tracks and not bw.capabilities()[format].can_write("shapes"):
        scene = scene.replace(image_tracks=())
    options: dict[str, object] = {"camera": "front"} if place == "sample" and bw.capabilities()[format].one_camera else {}
    if format == "mot" and not scene.has_time:
        options["frame_rate"] = 30.0  # the challenge's files tell a rate, and Datumaro wants one; this recording has 30 Hz
    return bw.certify(scene, format, **options)


def check(format: str, place: str, folder: Path | None = None) -> None:
    client = bw.capabilities()[format].client
    assert client is not None
    if python_with(client) is None:
        pytest.skip(f"{client} is not installed, nor named by BOXWRIGHT_CLIENT_PYTHON")
    certificate = certified(format, place, folder)
    assert certificate.holds, certificate.reasons
    assert len(certificate.readings) == 2
    theirs = certificate.readings[1]
    assert theirs.read_with.startswith(client)
    told = [*theirs.cuboids[:1], *theirs.shapes[:1]]
    assert told and all(one.n_given > 0 and one.n_lost == 0 for one in told)


@pytest.mark.peers
@pytest.mark.parametrize("format", WITH_CLIENT)
def test_the_sample(format):
    check(format, "sample")


@pytest.mark.peers
@pytest.mark.parametrize(("format", "place"), [(format, place) for format, places in REAL.items() for place in places])
def test_real_recordings(real_data, format, place):
    check(format, place, Path(os.fspath(real_data)))
