"""Frames of videos on a server: decoded from the file that was looked at, whatever becomes of its name meanwhile."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest

import boxwright as bw
from boxwright.server.recordings import ConfinedFiles, Recordings
from clips import make_kind, number_in

N = 40


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BOXWRIGHT_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture(params=["folder", "file"])
def recording(request, tmp_path):
    """(folder of the server, its video, times of it): labels beside a copy of a video, or a video that is the recording."""
    path, _ = make_kind(tmp_path, "variable.mp4", N)
    scene = bw.read(path)
    if request.param == "file":
        return path, path, scene
    bw.write(scene, tmp_path / "kept", videos="copy")
    return tmp_path / "kept", tmp_path / "kept" / "videos" / "variable.mp4", scene


@pytest.fixture
def served(recording, tmp_path):
    with bw.create_project(tmp_path / "project") as project:
        project.import_scene(recording[0], name="monday")
        recordings = Recordings(project, ())
        yield recordings.scene(project.entity(project.scene_id("monday")))
        recordings.close()


def test_frames_are_those_of_the_recording(recording, served):
    _, _, scene = recording
    for i in (0, 31, 7, 30, N - 1):  # backwards too, where decoding begins anew
        np.testing.assert_array_equal(served.image(i, "variable"), scene.image(i, "variable"))
    assert served.has_image(3, "variable")


def test_a_name_that_leads_elsewhere_meanwhile(recording, served, tmp_path, monkeypatch):
    """Between the look at the file and its opening the name becomes a link to another video."""
    _, video, _ = recording
    secret = make_kind(tmp_path, "open_gop.ts", N)[0]
    digest = ConfinedFiles._digest
    kept = video.with_name("kept")

    def swapped(self, handle):
        found = digest(self, handle)
        video.rename(kept)
        video.symlink_to(secret)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(ConfinedFiles, "_digest", swapped)
        assert number_in(served.image(20, "variable")) == 20
    with pytest.raises(bw.FrameMissing, match="behind a link"):
        served.image(20, "variable")
    video.unlink()
    kept.rename(video)
    assert number_in(served.image(5, "variable")) == 5


def n_handles():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_video_that_is_put_back_is_opened_again(recording, served, tmp_path):
    """By another file with the same bytes; the first one is given back."""
    _, video, _ = recording
    assert number_in(served.image(20, "variable")) == 20
    raw, n = video.read_bytes(), n_handles()
    video.unlink()
    with pytest.raises(bw.FrameMissing, match="not there"):
        served.image(20, "variable")
    video.write_bytes(raw[:-1] + b"x")
    with pytest.raises(bw.CorruptionError, match="changed"):
        served.image(20, "variable")
    for _ in range(3):
        (tmp_path / "copy").write_bytes(raw)
        (tmp_path / "copy").replace(video)
        assert number_in(served.image(20, "variable")) == 20
    gc.collect()
    assert n_handles() <= n + 1
