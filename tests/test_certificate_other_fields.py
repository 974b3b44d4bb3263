"""What a file says of labels beside what boxwright has names for: formats without a place for it tell by name, and certificates hold them to it."""

from __future__ import annotations

import pytest

import boxwright as bw
import boxwright.certification as certification
import test_formats_openlabel as openlabel
from test_certificate_faults import street

KEEPS_ALL = ("boxwright", "openlabel")


@pytest.fixture(autouse=True)
def no_clients(monkeypatch):
    monkeypatch.setattr(certification, "python_with", lambda *_: None)


def with_fields() -> bw.Scene:
    """Of another format, of a track and of its keyframes; of cuboids and in pictures."""
    scene = street()

    def marked(track):
        return track.replace(source_attributes={"team": "north"}, keyframe_source_attributes=[{"glare": 0.5 + i} for i in range(len(track))])

    return scene.replace(tracks=list(map(marked, scene.tracks)), image_tracks=list(map(marked, scene.image_tracks)))


@pytest.mark.parametrize("format", [name for name, said in bw.capabilities().items() if said.can_write("cuboids") or said.can_write("shapes")])
def test_fields_of_other_formats_come_back_or_are_told(format):
    camera = {"camera": "front"} if bw.capabilities()[format].one_camera else {}
    certificate = bw.certify(with_fields(), format, **camera)
    assert certificate.holds, certificate.reasons
    (lost,) = [one for one in certificate.lost if one.field == "other_fields"] or [None]
    assert (lost is None) == (format in KEEPS_ALL)
    assert lost is None or (lost.n_lost and not lost.n_untold)


@pytest.mark.parametrize("format", ["nuscenes", "argoverse2", "waymo"])
def test_they_are_told_by_name_and_number(tmp_path, format):
    report = bw.write(with_fields().replace(image_tracks=()), tmp_path / "out", format)
    (told,) = [line for line in report.dropped if "other_fields" in line.fields]
    assert told == "fields that labels have from another format: glare (12), team (3)" and told.of == {"glare", "team"}


@pytest.mark.parametrize(
    ("format", "name"), [("nuscenes", "num_lidar_pts"), ("argoverse2", "num_interior_pts"), ("waymo", "num_lidar_points_in_box")]
)
def test_those_that_a_format_has_are_held_against_what_came_back(monkeypatch, format, name):
    def counted(n):
        scene = street()
        return scene.replace(tracks=[track.replace(keyframe_source_attributes=[{name: n}] * len(track)) for track in scene.tracks], image_tracks=())

    assert bw.certify(counted(7), format).holds
    monkeypatch.setattr(certification, "write", lambda scene, *args, **kwargs: bw.write(counted(8), *args, **kwargs))
    assert any("12 of 12 other fields are lost" in reason for reason in bw.certify(counted(7), format).reasons)


def test_what_a_reader_keeps_is_not_said_to_be_in_what_is_written(tmp_path):
    """Notes of the reader are in the report of a conversion, whatever it is to."""
    document = openlabel.document()
    for frame in document["frames"].values():
        box = {"name": "b", "coordinate_system": "radar", "val": [1, 2, 3, 4]}
        frame["objects"]["7"]["object_data"]["bbox"] = [box]
    openlabel.save(tmp_path, document)
    scene = bw.read(tmp_path)
    (note,) = [note for note in scene.notes if "radar" in note]
    assert "not read, and OpenLABEL and boxwright's own format alone keep it" in note
    bw.write(scene, tmp_path / "out", "openlabel")
    assert "radar" in (next((tmp_path / "out").glob("*.json"))).read_text()
    bw.write(scene, tmp_path / "own", "boxwright")
    assert "radar" in (tmp_path / "own/scene.json").read_text()


@pytest.mark.parametrize("format", ["argoverse2", "nuscenes", "segments", "datumaro"])
def test_a_format_without_labels_in_pictures_says_so_first_and_whole(format):
    """All that is gone with them: classes and attributes too."""
    scene = street()
    seen = scene.image_tracks[0]
    tracks = [seen, seen.replace(track_id="lone", category="dog", object_id=None, attributes={"breed": "pug"})]
    certificate = bw.certify(scene.replace(image_tracks=tracks, tracks=()), format)
    first = certificate.report.dropped[0]
    assert first == "all labels in pictures: 2 tracks in pictures with 8 keyframes, of classes car (1), dog (1), with attributes breed, colour"
    assert not certificate.holds and "read with boxwright: none of 8 shapes in pictures came back: the format cannot hold them" in certificate.reasons
