"""What a path holds, by names and first bytes."""

from __future__ import annotations

import json

import pytest

import boxwright as bw
import test_formats_labelbox as labelbox
from boxwright.formats.looking import files_of, may_be_dataset
from formats_scenes import full_scene

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


LONG = {"long": "x" * (1 << 17)}


def _moved_back(format, file):
    """The file with something long before all by which it is known."""
    if format == "labelbox":
        first, *rest = file.read_text().splitlines()
        return "\n".join([json.dumps({**LONG, **json.loads(first)}), *rest])
    top = json.loads(file.read_text())
    if format == "scale":
        return json.dumps([{"long": LONG["long"], **top[0]}, *top[1:]])
    if format == "coco":
        return json.dumps({"info": LONG, **{key: value for key, value in top.items() if key != "info"}})
    if format == "darwin":
        last = {key: top[key] for key in ("version", "item")}
        return json.dumps({"properties": [], **LONG, **{key: value for key, value in top.items() if key not in last}, **last})
    if format == "label_studio":
        return json.dumps([{"id": 1, "meta": LONG, **{key: value for key, value in top[0].items() if key not in ("id", "meta")}}, *top[1:]])
    return json.dumps({**LONG, **top})


NAMES = {
    "labelbox": "*.ndjson",
    "label_studio": "*tasks*.json",
    "cvat_api": "annotations.json",
    "segments": "label.json",
    "datumaro": "annotations/*.json",
    "nucleus": "scenes.json",
    "scale": "annotations.json",
    "supervisely": "meta.json",
}


@pytest.mark.parametrize("format", [*NAMES, "coco", "darwin"])
def test_what_a_file_is_known_by_may_come_late(tmp_path, rng, format):
    """Behind 64 kB of something else nobody knew what the file was."""
    bw.write(full_scene(rng), tmp_path / "out", format)
    (file,) = (tmp_path / "out").glob(NAMES.get(format, "*.json"))
    before = bw.read(tmp_path / "out")
    file.write_text(_moved_back(format, file))
    assert file.stat().st_size > 1 << 17
    entries = bw.scenes(tmp_path / "out")
    after = entries[0].read(strict=False)
    assert entries.format == format and len(after) == len(before)
    assert [track.track_id for track in (*after.tracks, *after.image_tracks)] == [track.track_id for track in (*before.tracks, *before.image_tracks)]


def test_what_a_file_of_labelbox_called_json_is_known_by_may_come_late(tmp_path):
    """Its row comes first; what has none may be anything, and is not looked through."""
    row = json.loads((labelbox.exported(tmp_path / "in") / "export.ndjson").read_text())
    (tmp_path / "export.json").write_text(json.dumps({"data_row": row.pop("data_row"), **LONG, **row}))
    assert bw.scenes(tmp_path / "export.json").format == "labelbox"


def test_a_long_file_of_datumaro_is_none_of_coco(tmp_path):
    """Its items have lists of annotations too."""
    items = [{"id": str(k), "annotations": [], "attr": {"frame": k}, "point_cloud": {"path": f"{k}.pcd"}} for k in range(1000)]
    top = {"info": {}, "categories": {"label": {"labels": [], "attributes": []}}, "items": items}
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations/default.json").write_text(json.dumps(top))
    assert bw.scenes(tmp_path).format == "datumaro"
