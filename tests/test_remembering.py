"""Files whose scenes are found once."""

from __future__ import annotations

import os

import numpy as np
import pytest

import boxwright as bw
from boxwright.formats import coco, label_studio, labelbox
from formats_scenes import full_scene

OLD_S = 1_700_000_000
FINDERS = {"coco": (coco, "_names"), "label_studio": (label_studio, "_tasks"), "labelbox": (labelbox, "_annotators")}


def settled(folder):
    """As files are that nobody has written just now: a stamp that a later change would differ from."""
    for path in folder.rglob("*.*"):
        os.utime(path, (OLD_S, OLD_S))


@pytest.mark.parametrize("format", FINDERS)
def test_scenes_are_found_once(tmp_path, rng, monkeypatch, format):
    """Listing them and reading one parsed the file three times; it is parsed for its names, and to be read."""
    module, name = FINDERS[format]
    calls, honest = [], getattr(module, name)

    def counted(file):
        calls.append(file.name)
        return honest(file)

    counted.__module__, counted.__qualname__ = honest.__module__, f"{name} of {tmp_path}"
    monkeypatch.setattr(module, name, counted)
    monkeypatch.setattr("boxwright.formats.remembering._SETTLED_NS", -1)
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
