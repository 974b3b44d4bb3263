"""Files of KITTI raw and Supervisely that Datumaro saved come back over the recording: what it rounds and cannot hold is no edit."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

import boxwright as bw
from test_laid_over import own_scene, same_track


def recording(folder):
    """Labels as KITTI tracking has them, which tell what is truncated and hidden by names of their own."""
    own = own_scene()
    bend, *others = own.tracks
    said = [{"truncated": 1, "occluded": 0, "lit": True}, {}, {"truncated": 0}, {}, {}]
    own = own.replace(tracks=[bend.replace(keyframe_attributes=said), *others])
    bw.write(own, folder)
    return own


def kitti_raw_of_datumaro(own, folder):
    """With two decimals, no attributes, and `truncation` 0 of everything, as it writes what came from its own JSON."""
    bw.write(own, folder, "kitti_raw", dialect="cvat")
    (file,) = folder.rglob("tracklet_labels.xml")
    text = re.sub(r"\s*<attributes>.*?</attributes>", "", file.read_text(), flags=re.DOTALL)
    text = re.sub(r"<truncation>(-1|0|1)<", "<truncation>0<", text)
    text = re.sub(r"<([hwl]|[tr][xyz])>(.*?)<", lambda found: f"<{found[1]}>{round(float(found[2]), 2)}<", text)
    file.write_text(text)
    return file


def supervisely_of_datumaro(own, folder):
    """With two decimals, and a tag `keyframe` of every object, as it makes them of its own JSON."""
    bw.write(own, folder, "supervisely", layout="clouds")
    for file in folder.rglob("ann/*.json"):
        said = json.loads(file.read_text())
        for one in said["objects"]:
            one["tags"].append({"name": "keyframe", "value": "true"})
        for figure in said["figures"]:
            for part in figure["geometry"].values():
                part |= {axis: round(value, 2) for axis, value in part.items()}
        file.write_text(json.dumps(said))
    return file


@pytest.mark.parametrize("save", [kitti_raw_of_datumaro, supervisely_of_datumaro])
@pytest.mark.parametrize("missing", ["keep", "drop"])
def test_what_datumaro_saved_unedited_is_the_recordings_own(tmp_path, save, missing):
    """All of it counted as edited: places had two decimals, and attributes were wiped or added."""
    own = recording(tmp_path / "own")
    save(own, tmp_path / "back")
    again = bw.read(tmp_path / "own", labels=tmp_path / "back", missing=missing)
    for track in own.tracks:
        same_track(again.track(track.track_id), track)
    assert any(note.endswith("take the place of the recording's own, 0 edited") for note in again.notes)
    assert not any("pose" in note and "the motion of the vehicle is in" in note for note in again.notes)  # the recording has poses


def test_what_was_edited_in_a_file_that_datumaro_saved(tmp_path):
    """Half a metre, and what is truncated where nobody had said so."""
    own = recording(tmp_path / "own")
    file = kitti_raw_of_datumaro(own, tmp_path / "back")
    first, text = "<truncation>0<", file.read_text()
    place = text.rindex("<ty>")
    at = text.index(first, place)
    moved = re.sub(r"^<ty>(.*?)<", lambda found: f"<ty>{float(found[1]) + 0.5:.2f}<", text[place:at])
    file.write_text(text[:place] + moved + "<truncation>1<" + text[at + len(first) :])
    again = bw.read(tmp_path / "own", labels=tmp_path / "back", missing="drop")
    assert any(note.endswith("take the place of the recording's own, 1 edited") for note in again.notes)
    edited = next(track for track in own.tracks if again.track(track.track_id).at(track.times_ns).attributes != track.at(track.times_ns).attributes)
    back = again.track(edited.track_id)
    assert [row.get("truncation") for row in back.at(own.times_ns).attributes].count(1) == 1
    apart = np.linalg.norm(back.at(own.times_ns).cuboids.center_m - edited.at(own.times_ns).cuboids.center_m, axis=1)
    np.testing.assert_allclose(np.sort(apart[np.isfinite(apart)])[-2:], [0, 0.5], atol=0.01)
    for track in own.tracks:
        if track is not edited:
            same_track(again.track(track.track_id), track)
