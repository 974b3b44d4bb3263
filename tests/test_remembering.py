"""Files whose scenes are found once."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

import boxwright as bw
from boxwright.formats import coco, label_studio, labelbox, labelbox_rows
from boxwright.problems import Problems
from formats_scenes import full_scene
from test_formats_labelbox import exported

OLD_S = 1_700_000_000
FINDERS = {"coco": (coco, "_names"), "label_studio": (label_studio, "_tasks"), "labelbox": (labelbox_rows, "_scenes_in")}


def settled(folder):
    """As files are that nobody has written just now: a stamp that a later change would differ from."""
    for path in folder.rglob("*.*"):
        os.utime(path, (OLD_S, OLD_S))


@pytest.mark.parametrize("settled_ns", [-1, 10**15])
@pytest.mark.parametrize("format", FINDERS)
def test_scenes_are_found_once(tmp_path, rng, monkeypatch, format, settled_ns):
    """Listing them and reading one parsed the file three times; it is parsed for its names, and to be read. So it is where its stamp does not tell
    whether it is the same, but what is in it does."""
    monkeypatch.setattr("boxwright.formats.remembering._SETTLED_NS", settled_ns)
    module, name = FINDERS[format]
    calls, honest = [], getattr(module, name)

    def counted(asked):
        calls.append(repr(asked))
        return honest(asked)

    counted.__module__, counted.__qualname__ = honest.__module__, f"{name} of {tmp_path}"
    monkeypatch.setattr(module, name, counted)
    scene = full_scene(rng)
    bw.write(scene, tmp_path / "a", format)
    settled(tmp_path / "a")
    first = bw.read(tmp_path / "a")
    assert len(set(calls)) == len(calls) == 1
    moved = [track.replace(track_id=f"{track.track_id}-b") for track in scene.image_tracks]
    bw.write(scene.replace(name="another", image_tracks=moved), tmp_path / "b", format)
    for path in (tmp_path / "a").iterdir():
        (tmp_path / "b" / path.name.replace(scene.name, "another")).replace(path)
    settled(tmp_path / "a")
    again = bw.read(tmp_path / "a")  # other files under the same names
    assert again.name != first.name or {track.track_id for track in again.image_tracks} != {track.track_id for track in first.image_tracks}
    assert np.array_equal(again.times_ns, first.times_ns)


def test_data_rows_are_read_from_their_own_lines(tmp_path, monkeypatch):
    """Every scene of a file took every line of it anew: 400 data rows were parsed 400 times each."""
    row = json.loads((exported(tmp_path) / "export.ndjson").read_text())
    lines = []
    for k in range(12):
        row["data_row"] = {"id": f"r{k}", "global_key": f"up/clip{k}.mp4"}
        row["media_attributes"]["frame_count"] = 9 + k
        lines.append(json.dumps(row))
    (tmp_path / "export.ndjson").write_text("\n\n".join(lines))
    parsed, honest = [], labelbox_rows._at_line

    def counted(raw, file, number):
        parsed.append(number)
        return honest(raw, file, number)

    monkeypatch.setattr(labelbox_rows, "_at_line", counted)
    scenes = [entry.read() for entry in bw.scenes(tmp_path)]
    assert {(scene.name, len(scene)) for scene in scenes} == {(f"clip{k}", 9 + k) for k in range(12)}
    assert sorted(parsed) == sorted([*range(1, 24, 2)] * 2)  # once to be found, once to be read


def test_a_line_that_is_another_meanwhile(tmp_path, monkeypatch):
    row = json.loads((exported(tmp_path) / "export.ndjson").read_text())
    known = labelbox_rows.places_in(tmp_path)
    row["data_row"]["global_key"] = "up/other.mp4"
    (tmp_path / "export.ndjson").write_text(json.dumps(row))
    monkeypatch.setattr("boxwright.formats.labelbox.places_in", lambda path: known)
    with pytest.raises(bw.FormatError, match="expected the line that was there when the file's scenes were listed, got another; read the file again"):
        labelbox.read(tmp_path, "clip", Problems())


def test_a_file_that_was_just_written_is_looked_at_again(tmp_path):
    """Its stamp may not tell the next change."""
    from boxwright.formats.remembering import of_file

    def text(file):
        return file.read_text()

    (tmp_path / "a").write_text("one")
    assert of_file(tmp_path / "a", text) == "one"
    stamp = (tmp_path / "a").stat().st_mtime_ns
    (tmp_path / "a").write_text("two")
    os.utime(tmp_path / "a", ns=(stamp, stamp))
    assert of_file(tmp_path / "a", text) == "two"
