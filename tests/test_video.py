"""Frame i is frame i: in order, at random, by time, by several threads, in every container."""

from __future__ import annotations

import os
import threading
from fractions import Fraction

import numpy as np
import pytest

import boxwright as bw
from boxwright.video import cache
from clips import HEIGHT, KINDS, WIDTH, av, make_clip, make_kind, number_in, picture, uneven_ticks

N_RANDOM = 120
CLOCK_NS = {"ts": 11_111, "mkv": 1_000_000, "webm": 1_000_000}  # what the container's own clock can tell


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BOXWRIGHT_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """name -> (path, times), made when first asked for"""
    made = {}
    folder = tmp_path_factory.mktemp("clips")

    def of(name, n=150):
        if (name, n) not in made:
            (folder / str(n)).mkdir(exist_ok=True)
            made[name, n] = make_kind(folder / str(n), name, n)
        return made[name, n]

    return of


def n_wrong(video, indices):
    return sum(number_in(video.frame(int(i))) != i for i in indices)


# ------------------------------------------------------------ the same frame


def check_every_way(path, times, rng):
    n = len(times)
    with bw.Video(path) as video:
        assert len(video) == n
        assert n_wrong(video, range(n)) == 0  # the encoder left the numbers whole
        order = rng.integers(0, n, N_RANDOM)
        assert n_wrong(video, order) == 0
        assert n_wrong(video, range(n - 1, n - 60, -1)) == 0
    with bw.Video(path, cache_bytes=0) as video:  # nothing kept: every frame is found anew
        assert n_wrong(video, order) == 0
        asked = [int(video.times_ns[i]) for i in order]
        assert [number_in(video.frame_at(time)) for time in asked] == order.tolist()
        assert video.check() == bw.VideoCheck(video.n_claimed, n, n, ())
    tick = CLOCK_NS.get(path.suffix[1:], 1)
    shifted = video.times_ns - np.array(times)
    assert np.abs(shifted).max() <= tick
    return video


@pytest.mark.parametrize("name", KINDS)
def test_every_frame_is_itself(clips, name, rng):
    """120 random frames of each, none wrong; by index, by time, backwards, with and without kept frames."""
    path, times = clips(name)
    video = check_every_way(path, times, rng)
    assert video.is_constant_rate == (not KINDS[name][1])
    assert video.size_px == (WIDTH, HEIGHT)
    assert video.n_claimed == (len(times) if path.suffix in (".mp4", ".avi") else None)


@pytest.mark.full
@pytest.mark.parametrize("name", KINDS)
def test_every_frame_of_long_clips_is_itself(tmp_path, name):
    path, times = make_kind(tmp_path, name, 1500)
    for seed in range(5):
        check_every_way(path, times, np.random.default_rng(seed))


@pytest.mark.parametrize("name", ["open_gop.ts", "variable.mp4", "h264.avi"])
def test_pictures_are_the_same_bits_whatever_was_asked_before(clips, name, rng):
    path, times = clips(name)
    with av.open(str(path)) as container:
        in_order = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    with bw.Video(path) as video:
        for i in rng.permutation(len(times))[:60].tolist():
            assert (video.frame(i) == in_order[i]).all(), i
        assert all((a == b).all() for a, b in zip(video, in_order))


def test_a_stream_cut_in_the_middle_of_a_group_begins_where_decoding_can(clips, tmp_path, rng):
    """As a recorder cuts a broadcast: the packets before the first key frame, and those after it that build on what is lost, are no frames."""
    path, times = clips("open_gop.ts")
    raw = path.read_bytes()
    cut = tmp_path / "cut.ts"
    cut.write_bytes(raw[188 * (len(raw) // 188 * 2 // 5) :])
    with av.open(str(cut)) as container:
        truth = [number_in(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0) if not frame.is_corrupt]
    with bw.Video(cut, cache_bytes=0) as video:
        assert video.index.n_leading > 0
        numbers = [number_in(video.frame(i)) for i in range(len(video))]
        assert numbers == list(range(numbers[0], len(times))) == truth[-len(numbers) :]
        for i in rng.integers(0, len(video), 60).tolist():
            assert number_in(video.frame(i)) == numbers[i]


def test_what_an_edit_list_hides_is_no_frame(clips, tmp_path):
    """Cut without encoding anew: the group begins before the first frame that is shown."""
    path, _ = clips("constant.mp4")
    trimmed = tmp_path / "trimmed.mp4"
    with av.open(str(path)) as source, av.open(str(trimmed), "w") as target:
        given = source.streams.video[0]
        made = target.add_stream_from_template(given)
        for packet in source.demux(given):
            if packet.size:
                packet.stream = made
                shift = int(10 / (30 * given.time_base))
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                target.mux(packet)
    with bw.Video(trimmed, cache_bytes=0) as video:
        numbers = [number_in(video.frame(i)) for i in range(len(video))]
        assert numbers == list(range(numbers[0], 150))
        assert video.n_claimed == len(video)
        assert [number_in(video.frame(i)) for i in (77, 3, 50, 4)] == [numbers[i] for i in (77, 3, 50, 4)]


def test_the_real_clip_in_order_and_at_random(real_data, rng):
    path = real_data / "video" / "test_video.mp4"
    with av.open(str(path)) as container:
        truth = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    with bw.Video(path) as video:
        assert len(video) == video.n_claimed == len(truth) == 38
        assert all((a == b).all() for a, b in zip(video, truth))
        assert video.check().is_whole
    with bw.Video(path, cache_bytes=0) as video:
        for i in rng.integers(0, 38, N_RANDOM).tolist():
            assert (video.frame(i) == truth[i]).all()


# ------------------------------------------------------------ time


def test_the_frame_on_show(clips):
    path, times = clips("variable.mp4")
    with bw.Video(path) as video:
        assert video.times_ns[0] == 0 and video.times_ns.tolist() == times
        for i in (0, 1, 70, 149):
            end = times[i + 1] if i < 149 else video.duration_ns
            assert [video.index_at(t) for t in (times[i], (times[i] + end) // 2, end - 1)] == [i] * 3
        for time in (-1, video.duration_ns):
            with pytest.raises(bw.TimeError, match="expected a time from 0 up to"):
                video.index_at(time)
        with pytest.raises(bw.ArgumentError, match="int64 nanoseconds"):
            video.index_at(0.5)


def test_the_containers_own_clock(tmp_path):
    """Transport streams do not begin at 0."""
    make_clip(tmp_path / "a.ts", "libx264", 20)
    with bw.Video(tmp_path / "a.ts") as video:
        assert video.times_ns[0] == 0 and video.start_ns > 0
        assert abs(video.duration_ns - 20 * 10**9 // 30) < 20_000


# ------------------------------------------------------------ turned pictures


@pytest.mark.parametrize("turn_deg", [90, 180, -90, 270])
def test_turned_as_the_file_says(tmp_path, turn_deg):
    """The display matrix turns counter-clockwise."""
    make_clip(tmp_path / "a.mp4", "libx264", 6, turn_deg=turn_deg)
    with bw.Video(tmp_path / "a.mp4") as video:
        image = video.frame(5)
        assert video.size_px == (image.shape[1], image.shape[0]) == ((HEIGHT, WIDTH) if turn_deg % 180 else (WIDTH, HEIGHT))
        assert number_in(np.rot90(image, -turn_deg // 90)) == 5
        cv2 = pytest.importorskip("cv2")
        other = cv2.VideoCapture(str(tmp_path / "a.mp4")).read()[1]
        assert np.abs(other[..., ::-1].astype(int) - video.frame(0)).mean() < 3


@pytest.mark.parametrize("matrix", [(-1, 0, 0, 1), (1, 0, 0, -1), (0, 1, 1, 0), (0, -1, -1, 0)])
def test_mirrored_as_the_file_says(tmp_path, matrix):
    a, b, c, d = matrix
    make_clip(tmp_path / "a.mp4", "libx264", 6)
    raw = bytearray((tmp_path / "a.mp4").read_bytes())
    at = raw.index(b"tkhd") + 4 + 40
    raw[at : at + 36] = np.array([a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30]).astype(">i4").tobytes()
    (tmp_path / "a.mp4").write_bytes(raw)
    ys, xs = np.mgrid[:HEIGHT, :WIDTH]
    x, y = a * xs + c * ys, b * xs + d * ys
    wanted = np.zeros((np.ptp(y) + 1, np.ptp(x) + 1, 3), np.uint8)
    with av.open(str(tmp_path / "a.mp4")) as container:
        wanted[y - y.min(), x - x.min()] = next(container.decode(video=0)).to_ndarray(format="rgb24")
    with bw.Video(tmp_path / "a.mp4") as video:
        assert (video.frame(0) == wanted).all()


def test_no_quarter_turn_is_told(tmp_path):
    make_clip(tmp_path / "a.mp4", "libx264", 6, turn_deg=30)
    with bw.Video(tmp_path / "a.mp4") as video:
        assert number_in(video.frame(5)) == 5
        assert video.index.notes == ("its pictures are to be turned by no quarter turn; they are left as they are stored",)


# ------------------------------------------------------------ reading like a server


def test_reading_in_order_never_seeks(clips, monkeypatch):
    path, _ = clips("constant.mp4")
    with bw.Video(path) as video:
        started = []
        monkeypatch.setattr(video, "_start", lambda key, i=0, start=video._start: started.append(key) or start(key, i))
        assert n_wrong(video, range(150)) == 0 and len(started) == 1
        assert n_wrong(video, range(149, 126, -1)) == 0 and len(started) == 1  # kept
        assert n_wrong(video, [10, 11, 13, 14, 20]) == 0 and len(started) == 1  # all of a small clip is kept
    with bw.Video(path, cache_bytes=0) as video:
        started.clear()
        monkeypatch.setattr(video, "_start", lambda key, i=0, start=video._start: started.append(key) or start(key, i))
        assert n_wrong(video, [30, 31, 33, 40, 32]) == 0 and len(started) == 2


def test_kept_frames_are_bounded(clips):
    path, _ = clips("constant.mp4")
    room = 20 * WIDTH * HEIGHT * 3 // 2
    with bw.Video(path, cache_bytes=room) as video:
        assert n_wrong(video, range(150)) == 0
        assert 10 <= len(video._kept) <= 20 and video._kept_bytes <= room


def test_pictures_are_the_callers_own(clips):
    path, _ = clips("constant.mp4")
    with bw.Video(path) as video:
        video.frame(7)[:] = 0
        assert number_in(video.frame(7)) == 7


def test_many_threads(clips):
    path, _ = clips("open_gop.ts")
    wrong = []
    with bw.Video(path, cache_bytes=1 << 20) as video:

        def ask(seed):
            wrong.extend(i for i in np.random.default_rng(seed).integers(0, 150, 40).tolist() if number_in(video.frame(i)) != i)

        threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_closed_and_missing(clips):
    path, _ = clips("constant.mp4")
    with bw.Video(path) as video:
        assert number_in(video.frame(-1)) == 149
        for index in (150, -151):
            with pytest.raises(bw.IndexMissing):
                video.frame(index)
        with pytest.raises(bw.ArgumentError):
            video.frame(1.5)
    with pytest.raises(bw.FormatError, match="closed"):
        video.frame(3)


# ------------------------------------------------------------ the index in the cache


def test_the_index_is_made_once(clips, tmp_path, monkeypatch):
    path, _ = clips("variable.mkv")
    before = set(path.parent.iterdir())
    video = bw.Video(path)
    (file,) = cache.cache_folder().iterdir()
    monkeypatch.setattr(cache, "made_index", None)
    again = bw.Video(path)
    assert again.times_ns.tolist() == video.times_ns.tolist() and len(again) == 150
    assert n_wrong(again, [149, 3, 77]) == 0
    assert set(path.parent.iterdir()) == before
    assert again.check().is_whole
    assert bw.Video(path).index.is_decoded.all()  # the answer is kept too
    assert [f.name for f in cache.cache_folder().iterdir()] == [file.name]


def test_a_damaged_cache_is_made_again(clips, rng):
    path, _ = clips("variable.mkv")
    bw.Video(path)
    (file,) = cache.cache_folder().iterdir()
    good = file.read_bytes()
    for damaged in (b"", good[:31], good[: len(good) // 2], good + b"x", b"junk" * 99, good[:200] + bytes([good[200] ^ 1]) + good[201:]):
        file.write_bytes(damaged)
        assert n_wrong(bw.Video(path), [100, 3]) == 0
        assert file.read_bytes()[:32] == good[:32]


def test_a_changed_file_is_indexed_anew(tmp_path):
    path = tmp_path / "a.mp4"
    make_clip(path, "libx264", 20)
    assert len(bw.Video(path)) == 20
    make_clip(path, "libx264", 30)
    assert len(bw.Video(path)) == 30
    os.utime(path, ns=(1, 1))
    assert len(bw.Video(path)) == 30


def test_no_cache_where_none_can_be_written(clips, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BOXWRIGHT_CACHE_DIR", str(tmp_path / "file" / "cache"))
    path, _ = clips("constant.mp4")
    assert n_wrong(bw.Video(path), [100, 3]) == 0


# ------------------------------------------------------------ writing


def test_written_frames_come_back_in_order(tmp_path):
    bw.write_video(tmp_path / "a.mp4", (picture(i) for i in range(70)), fps=25)
    with bw.Video(tmp_path / "a.mp4") as video:
        assert [number_in(image) for image in video] == list(range(70))
        assert video.times_ns.tolist() == [i * 40_000_000 for i in range(70)]
        assert video.duration_ns == 2_800_000_000 and video.is_constant_rate
        assert np.abs(video.frame(5).astype(int) - picture(5)).mean() < 4


@pytest.mark.parametrize(
    "times_ns",
    [
        [round(Fraction(i * 1001, 30000) * 10**9) for i in range(40)],
        [round(Fraction(t, 30000) * 10**9) for t in uneven_ticks(40)],
        [i * 33_333_333 + 10**15 for i in range(40)],
        np.cumsum(np.random.default_rng(0).integers(1, 10**9, 40)),
    ],
    ids=["29.97", "uneven", "clock of 1970", "any nanosecond"],
)
def test_written_times_come_back_to_the_nanosecond(tmp_path, times_ns):
    bw.write_video(tmp_path / "a.mp4", [picture(i) for i in range(40)], times_ns=times_ns)
    with bw.Video(tmp_path / "a.mp4") as video:
        assert video.times_ns.tolist() == [int(t) - int(times_ns[0]) for t in times_ns]
        assert [number_in(image) for image in video] == list(range(40))


def test_odd_sizes_get_a_row_and_a_column(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (1, 1, 3), np.uint8) * np.ones((33, 51, 1), np.uint8)
    bw.write_video(tmp_path / "a.mp4", [image] * 3, fps=10)
    with bw.Video(tmp_path / "a.mp4") as video:
        assert video.size_px == (52, 34)
        assert np.abs(video.frame(1).astype(int) - image[0, 0]).max() < 8


def test_a_video_appears_whole_or_not_at_all(tmp_path):
    def failing():
        yield picture(0)
        raise RuntimeError("the source of the pictures")

    with pytest.raises(RuntimeError, match="source"):
        bw.write_video(tmp_path / "a.mp4", failing(), fps=10)
    assert list(tmp_path.iterdir()) == []
    bw.write_video(tmp_path / "a.mp4", [picture(0)], fps=10)
    good = (tmp_path / "a.mp4").read_bytes()
    with pytest.raises(bw.StorageError, match="exists already"):
        bw.write_video(tmp_path / "a.mp4", [picture(1)], fps=10)
    assert (tmp_path / "a.mp4").read_bytes() == good
    bw.write_video(tmp_path / "a.mp4", [picture(1)], fps=10, overwrite=True)
    assert (tmp_path / "a.mp4").read_bytes() != good


@pytest.mark.parametrize(
    ("frames", "options", "said"),
    [
        ([], {"fps": 10}, "at least one picture"),
        ([picture(0)], {}, "times_ns or fps, got neither"),
        ([picture(0)], {"fps": 10, "times_ns": [0]}, "times_ns or fps, got both"),
        ([picture(0)], {"fps": 0}, "a rate above 0"),
        ([picture(0)], {"fps": float("nan")}, "fps"),
        ([picture(0)], {"times_ns": [0, 5]}, "2 pictures, one for each time, got 1 picture"),
        ([picture(0)] * 3, {"times_ns": [0, 5]}, "got more pictures"),
        ([picture(0)] * 2, {"times_ns": [5, 5]}, "increasing times"),
        ([picture(0), picture(0)[:50]], {"fps": 10}, r"frames\[1\]: expected 160 x 96 pixels, as the first, got 160 x 50"),
        ([picture(0)[..., 0]], {"fps": 10}, r"frames\[0\]: expected \(H, W, 3\) uint8 RGB"),
        ([picture(0).astype(float)], {"fps": 10}, "float64"),
        ([picture(0)], {"fps": 10, "quality": 99}, "a quality from 0"),
    ],
)
def test_what_cannot_be_written_is_said(tmp_path, frames, options, said):
    with pytest.raises(bw.BoxwrightError, match=said):
        bw.write_video(tmp_path / "a.mp4", frames, **options)
    assert list(tmp_path.iterdir()) == []


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(bw.ArgumentError, match=r"a file ending in .mp4, got a.gif"):
        bw.write_video(tmp_path / "a.gif", [picture(0)], fps=10)


def test_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    (tmp_path / "a.mp4").write_bytes(b"x")
    with pytest.raises(bw.ExtraMissing, match=r"pip install 'boxwright\[video\]'"):
        bw.Video(tmp_path / "a.mp4")
    with pytest.raises(bw.ExtraMissing, match=r"pip install 'boxwright\[video\]'"):
        bw.write_video(tmp_path / "b.mp4", [picture(0)], fps=10)
