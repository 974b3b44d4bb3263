"""What a path holds, by names and first bytes."""

from __future__ import annotations

import pytest

import boxwright as bw
from boxwright.formats.looking import files_of, may_be_dataset

SUFFIXES = {"coco": "json", "cvat_video": "xml", "darwin": "json", "label_studio": "json", "labelbox": "ndjson", "openlabel": "json"}


@pytest.mark.parametrize(("format", "suffix"), SUFFIXES.items())
def test_names_in_capitals(tmp_path, format, suffix):
    """x.JSON was read as a file, and its folder was no known format."""
    cameras = {"front": bw.CameraSensor("front", bw.UncalibratedCamera(64, 48))}
    track = bw.ImageTrack("7", "car", "front", [0, 1], bw.Boxes([[1, 2, 9, 8]] * 2))
    folder = tmp_path / "out"
    bw.write(bw.Scene("a", [0, 1], cameras=cameras, image_tracks=[track], label_frame="front", has_time=False), folder, format)
    (file,) = folder.glob(f"*.{suffix}")
    loud = file.rename(file.with_suffix(f".{suffix.upper()}"))
    for path in (loud, folder):
        scene = bw.read(path)
        assert scene.format == format and len(scene.image_tracks) == 1


def test_files_of_a_folder(tmp_path):
    for name in ("b.json", "a.JSON", ".hidden.json", "c.jsonl", "json", "not.json"):
        (tmp_path / name).write_text("{}")

    def is_ours(file):
        return not file.name.startswith("not")

    assert [file.name for file in files_of(tmp_path, (".json",), is_ours)] == ["a.JSON", "b.json"]
    assert [file.name for file in files_of(tmp_path, (".json", ".jsonl"), is_ours)] == ["a.JSON", "b.json", "c.jsonl"]
    assert files_of(tmp_path / "a.JSON", (".json",), is_ours) == [tmp_path / "a.JSON"]
    assert not files_of(tmp_path / "c.jsonl", (".json",), is_ours) and not files_of(tmp_path / "none", (".json",), is_ours)


@pytest.mark.parametrize("name", ["a.json", "a.JSON", "a.ndjson", "a.jsonl", "a.xml", "a.feather"])
def test_a_folder_that_may_be_a_dataset(tmp_path, name):
    (tmp_path / "a.png").write_bytes(b"")
    assert not may_be_dataset(tmp_path)
    (tmp_path / name).write_bytes(b"")
    assert may_be_dataset(tmp_path)
