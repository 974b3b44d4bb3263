"""Videos decoded in a process of their own: the same frames, and a process that hangs, dies or takes too much, which takes nothing else with it."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import threading

import numpy as np
import pytest

import boxwright as bw
from boxwright.server.beneath import Handles
from boxwright.server.films import Films
from boxwright.video import process
from boxwright.video.process import VideoApart
from clips import make_kind, number_in

N = 40


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BOXWRIGHT_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def path(tmp_path):
    return make_kind(tmp_path, "variable.mp4", N)[0]


@pytest.fixture
def video(path):
    with contextlib.closing(VideoApart(path)) as made:
        yield made


def test_the_same_frames(path, video):
    with bw.open_video(path) as here:
        assert (len(video), video.size_px) == (len(here), here.size_px)
        for i in (0, 31, 7, N - 1):
            np.testing.assert_array_equal(video.frame(i), here.frame(i))
    for i in (N, 10**12):
        with pytest.raises(bw.IndexMissing):
            video.frame(i)


def test_a_process_that_hangs_is_ended(video, monkeypatch):
    monkeypatch.setattr(process, "PATIENCE_S", 0.3)
    pid = video.process.pid
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(bw.FormatError, match=f"cannot be decoded: got frame 3 of {N}; it takes too long, too much, or is damaged"):
        video.frame(3)
    assert not os.path.exists(f"/proc/{pid}")  # noqa: PTH110
    monkeypatch.setattr(process, "PATIENCE_S", 20.0)
    assert number_in(video.frame(4)) == 4
    with pytest.raises(bw.FormatError, match="too long"):  # and is not tried again
        video.frame(3)


def test_a_process_that_died_while_nobody_asked_is_made_again(video):
    os.kill(video.process.pid, signal.SIGKILL)
    while video.process.pid is not None:
        pass
    assert number_in(video.frame(3)) == 3


def test_a_video_whose_frames_kill_is_refused_at_last(video, monkeypatch):
    for i in range(process.MOST_DEATHS):
        video.frame(N - 1)
        monkeypatch.setattr(process, "PATIENCE_S", 0.2)
        os.kill(video.process.pid, signal.SIGSTOP)
        with pytest.raises(bw.FormatError):
            video.frame(i)
        monkeypatch.setattr(process, "PATIENCE_S", 20.0)
    assert video.process.pid is None
    with pytest.raises(bw.FormatError, match="too long"):
        video.frame(20)
    assert video.process.pid is None


def test_a_process_has_no_more_memory_than_it_may(video):
    soft, hard = resource.prlimit(video.process.pid, resource.RLIMIT_AS)
    assert soft == hard == process.ROOM_BYTES + process.ROOM_PER_PX * 64_000_000
    assert resource.prlimit(video.process.pid, resource.RLIMIT_CORE) == (0, 0)
    resource.prlimit(video.process.pid, resource.RLIMIT_AS, (1 << 20, hard))
    with pytest.raises(bw.FormatError, match="a frame that cannot be decoded"):
        video.frame(9)


@pytest.mark.parametrize("content", [b"", b"no video", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", b"ffconcat version 1.0\nfile /etc/passwd\n"])
def test_what_is_no_video(tmp_path, content):
    (tmp_path / "no.mp4").write_bytes(content)
    with pytest.raises(bw.FormatError, match=r"not a video that can be read|no stream of pictures") as caught:
        VideoApart(tmp_path / "no.mp4")
    assert str(tmp_path) not in str(caught.value)


def test_a_file_that_takes_too_long_to_open_is_not_tried_again(path, tmp_path, monkeypatch):
    with contextlib.closing(Handles()) as handles, contextlib.closing(Films(handles)) as films, path.open("rb") as file:
        with monkeypatch.context() as patch:
            patch.setattr(process, "OPENING_S", 0.0)
            with pytest.raises(bw.FormatError, match="a video that cannot be opened"):
                films.frame(file.fileno(), path, 3, None)
        with pytest.raises(bw.FormatError, match="a video that cannot be opened"):
            films.frame(file.fileno(), path, 3, None)
        monkeypatch.setattr("boxwright.server.films.time.monotonic", lambda: 1e12)  # much later it is
        assert number_in(films.frame(file.fileno(), path, 3, None)) == 3


def test_few_are_open_at_a_time(tmp_path, monkeypatch):
    """Those that were asked longest ago end, while others go on asking for their frames."""
    monkeypatch.setattr("boxwright.server.films.MOST_OPEN", 2)
    raw, wrong = make_kind(tmp_path, "variable.mp4", N)[0].read_bytes(), []
    for k in range(4):
        (tmp_path / f"{k}.mp4").write_bytes(raw)
    with contextlib.closing(Handles()) as handles, contextlib.closing(Films(handles)) as films:

        def ask(k):
            with (tmp_path / f"{k}.mp4").open("rb") as file:
                wrong.extend(i for i in range(0, N, 8) if number_in(films.frame(file.fileno(), tmp_path / f"{k}.mp4", i, (160, 96))) != i)

        threads = [threading.Thread(target=ask, args=(k,)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == [] and len(films._open) == 2
        open_ones = [one.video.process for one in films._open.values()]
        assert all(one.pid is not None for one in open_ones)
    assert all(one.pid is None for one in open_ones)


def test_pictures_of_another_size_than_the_camera(path):
    with contextlib.closing(Handles()) as handles, contextlib.closing(Films(handles)) as films:  # noqa: SIM117
        with path.open("rb") as file, pytest.raises(bw.CorruptionError, match="does not fit its camera"):
            films.frame(file.fileno(), path, 3, (96, 160))
