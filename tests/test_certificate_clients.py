"""What a client of a platform leaves out by design is told by name, and excuses nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import boxwright as bw
import boxwright.certification as certification
from boxwright.certification.clients import ClientReading, python_with
from boxwright.certification.rows import Clip, ShapeRows, cuboid_rows
from test_certificate_faults import masks, street, with_shapes

pytestmark = pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")

OUT_OF_IMAGE = 2


def leaving() -> bw.Scene:
    """Of the first track the last two labels are out of the image."""
    scene = street()
    first, *others = scene.tracks
    rows = [{"truncation": OUT_OF_IMAGE if i > 1 else 0, "occlusion": 0} for i in range(4)]
    return scene.replace(tracks=[first.replace(keyframe_attributes=rows), *others])


def client(scene: bw.Scene, missing: np.ndarray, skipped: np.ndarray) -> ClientReading:
    """One that has all rows but the missing ones, and says that it skipped some. missing, skipped : of rows"""
    rows = cuboid_rows(Clip.of([scene]), "lidar")
    shapes = ShapeRows(np.zeros(0, np.int64), np.zeros(0, np.int64), [], [])
    kept = rows.taken(np.setdiff1d(np.arange(len(rows)), missing))
    bare = [replace(one, attributes=(), tracks=()) for one in (kept, rows.taken(skipped))]
    return ClientReading("other 1.0", knows=frozenset({"cuboids"}), frame="lidar", cuboids=bare[0], shapes=shapes, skipped=bare[1])


def read_with(monkeypatch, told: ClientReading, scene: bw.Scene, format: str = "kitti_raw") -> bw.Certificate:
    monkeypatch.setattr(certification, "python_with", lambda *_: "python")
    monkeypatch.setattr(certification, "ask_client", lambda *_: told)
    return bw.certify(scene, format)


def rows_of_first(scene: bw.Scene, frames: list[int]) -> np.ndarray:
    rows = cuboid_rows(Clip.of([scene]), "lidar")
    return np.flatnonzero((rows.track == 0) & np.isin(rows.frame, frames))


def test_what_a_client_skips_is_told_by_name(monkeypatch):
    scene = leaving()
    gone = rows_of_first(scene, [2, 3])
    certificate = read_with(monkeypatch, client(scene, gone, gone), scene)
    assert certificate.holds, certificate.reasons
    said = "2 cuboids skipped by design, those with truncation 2 or 99, out of the image: 2 of track 1"
    assert certificate.readings[1].skipped == said and said in str(certificate)
    assert certificate.readings[1].labels["cuboids"] == (10, 10)


def test_what_is_gone_beside_is_lost(monkeypatch):
    scene = leaving()
    told = client(scene, rows_of_first(scene, [1, 2, 3]), rows_of_first(scene, [2, 3]))
    assert "read with other 1.0: 1 of 10 cuboids are lost" in read_with(monkeypatch, told, scene).reasons


def test_what_came_back_was_not_skipped(monkeypatch):
    scene = leaving()
    told = client(scene, np.zeros(0, int), rows_of_first(scene, [2, 3]))
    assert "read with other 1.0: 2 labels that nobody gave" in read_with(monkeypatch, told, scene).reasons


def test_a_format_that_declares_nothing_excuses_nothing(monkeypatch):
    scene = leaving()
    gone = rows_of_first(scene, [2, 3])
    assert "read with other 1.0: 2 of 12 cuboids are lost" in read_with(monkeypatch, client(scene, gone, gone), scene, "datumaro").reasons


def test_a_frame_more_is_no_frame_lost(monkeypatch):
    scene = street()
    none = np.zeros(0, int)
    told = replace(client(scene, none, none), knows=frozenset({"cuboids", "times"}), times_ns=[*scene.times_ns.tolist(), 10**18])
    certificate = read_with(monkeypatch, told, scene, "nuscenes")
    assert certificate.readings[1].reasons == ("1 frame that nobody gave",) and certificate.readings[1].n_frames_lost == 0


@pytest.mark.peers
def test_datumaro_skips_what_is_out_of_the_image():
    if python_with("datumaro") is None:
        pytest.skip("datumaro is not installed, nor named by BOXWRIGHT_CLIENT_PYTHON")
    certificate = bw.certify(leaving(), "kitti_raw")
    assert certificate.holds, certificate.reasons
    assert certificate.readings[1].skipped.startswith("2 cuboids skipped by design")


@pytest.mark.peers
def test_a_recording_whose_objects_leave_the_image(real_data: Path):
    if python_with("datumaro") is None:
        pytest.skip("datumaro is not installed, nor named by BOXWRIGHT_CLIENT_PYTHON")
    certificate = bw.certify(bw.scenes(real_data / "kitti_raw")[0].read(), "kitti_raw")
    assert certificate.holds, certificate.reasons
    assert certificate.readings[1].labels["cuboids"] == (558, 558)
    assert certificate.readings[1].skipped.startswith("14 cuboids skipped by design")


def test_a_client_is_not_asked_of_files_over_which_it_ends(monkeypatch):
    """Datumaro, of a mask in a track of CVAT; it is asked where there is none."""
    asked = []

    def ask(*_):
        asked.append(True)
        return ClientReading("datumaro", "it ended")

    monkeypatch.setattr(certification, "python_with", lambda *_: "python")
    monkeypatch.setattr(certification, "ask_client", ask)
    certificate = bw.certify(with_shapes(masks(0)), "cvat_video", camera="front")
    assert certificate.holds and not asked
    assert "datumaro ends over files with shapes of kind mask: nobody but boxwright read it back" in certificate.notes
    assert not bw.certify(street(), "cvat_video", camera="front").holds and asked
