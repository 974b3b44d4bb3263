"""Video files and folders of pictures as scenes, and what is said of files that are cut off."""

from __future__ import annotations

import json
import re
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

import boxwright as bw
from boxwright.cli import app
from boxwright.formats.images import image_bytes
from clips import HEIGHT, WIDTH, av, make_kind, number_in, picture

N = 150


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BOXWRIGHT_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    made, folder = {}, tmp_path_factory.mktemp("clips")

    def of(name):
        if name not in made:
            made[name] = make_kind(folder, name, N)
        return made[name]

    return of


# ------------------------------------------------------------ a video as a scene


def test_a_video_is_a_scene_of_one_camera(clips):
    path, times = clips("variable.mp4")
    scene = bw.read(path)
    assert (scene.format, scene.name, list(scene.cameras), dict(scene.lidars)) == ("video", "variable", ["variable"], {})
    assert scene.times_ns.tolist() == times and scene.has_time and len(scene) == N
    sensor = scene.camera("variable")
    assert sensor.camera == bw.UncalibratedCamera(WIDTH, HEIGHT)
    assert (sensor.ego_from_cam.matrix() == np.eye(4)).all()
    assert number_in(scene.image(77, "variable")) == 77 and number_in(scene.image(-1, "variable")) == N - 1
    assert scene.has_image(0, "variable") and not scene.has_points(0)
    assert any("no calibration" in note and "identity" in note for note in scene.notes)
    with pytest.raises(bw.CalibrationError):
        bw.project_points(np.ones((1, 3)), sensor.camera, bw.Pose.identity())


def test_the_cameras_of_a_scene_are_frame_sources(clips):
    path, times = clips("variable.mp4")
    frames = bw.read(path).frames("variable")
    sources = [frames, bw.open_video(path)]
    for source in sources:
        assert len(source) == N and source.size_px == (WIDTH, HEIGHT) and source.times_ns.tolist() == times
        assert number_in(source.frame(40)) == number_in(source.frame_at(times[41] - 1)) == 40
        assert source.index_at(times[41]) == 41
        with pytest.raises(bw.IndexMissing):
            source.frame(N)
        for time in (-1, 10**15):
            with pytest.raises(bw.TimeError):
                source.index_at(time)
    with pytest.raises(bw.CalibrationError):
        bw.read(path).frames("front")


def test_the_format_is_found_and_can_be_said(clips, tmp_path):
    path, _ = clips("h265.mp4")
    assert bw.scenes(path).format == "video" and bw.scenes(path).names == ("h265",)
    other = tmp_path / "clip.data"
    other.write_bytes(path.read_bytes())
    with pytest.raises(bw.FormatError, match="no known format"):
        bw.read(other)
    assert len(bw.read(other, format="video")) == N


def test_info_on_a_video(clips):
    path, times = clips("variable.mp4")
    said = CliRunner().invoke(app, ["info", str(path)])
    assert said.exit_code == 0, said.output
    assert "camera    variable: 150 images, 160 x 96, uncalibrated" in said.output
    assert "h264 in mov" in said.output and "variable rate" in said.output and "150 claimed, 150 listed, 150 decoded" in said.output
    facts = json.loads(CliRunner().invoke(app, ["info", str(path), "--json"]).stdout)["cameras"][0]["video"]
    assert (facts["n_frames_claimed"], facts["n_frames_listed"], facts["n_frames_decoded"], facts["is_whole"]) == (N, N, N, True)
    assert facts["duration_s"] > times[-1] * 1e-9


def test_a_scene_with_a_video_is_copied(clips):
    import copy
    import pickle

    scene = bw.read(clips("constant.mp4")[0])
    for other in (copy.deepcopy(scene.data), pickle.loads(pickle.dumps(scene.data))):
        assert number_in(other.image(30, "constant")) == 30


def test_a_video_becomes_a_scene_folder(clips, tmp_path):
    path, times = clips("variable.mp4")
    scene = bw.read(path)
    bw.write(scene, tmp_path / "out")
    back = bw.read(tmp_path / "out")
    assert back.times_ns.tolist() == times and back.camera("variable").camera == scene.camera("variable").camera
    assert number_in(back.image(99, "variable")) == 99


# ------------------------------------------------------------ a video kept beside its labels


def labelled(path):
    scene = bw.read(path)
    (camera,) = scene.cameras
    track = bw.ImageTrack("1", "car", camera, scene.times_ns[[0, 9]], bw.Boxes([[10, 10, 30, 30], [20, 10, 40, 30]]))
    return scene.replace(image_tracks=[track]), camera


@pytest.mark.parametrize("name", ["variable.mp4", "open_gop.ts"])
@pytest.mark.parametrize("way", ["copy", "reference"])
def test_a_video_stays_one_in_our_own_format(clips, tmp_path, name, way):
    """The same bytes, the same frames, in any order and after a second way there and back."""
    path, _ = clips(name)
    scene, camera = labelled(path)
    bw.write(scene, tmp_path / "a", videos=way)
    again = bw.read(tmp_path / "a")
    bw.write(again, tmp_path / "b", videos=way)
    for found, folder in ((again, tmp_path / "a"), (bw.read(tmp_path / "b"), tmp_path / "b")):
        assert not list(folder.rglob("*.png")) and not [note for note in found.notes if "left" in note or "not there" in note]
        copies = list((folder / "videos").iterdir()) if way == "copy" else []
        assert [copy.read_bytes() == path.read_bytes() for copy in copies] == [True] * (way == "copy")
        assert found.times_ns.tolist() == scene.times_ns.tolist() and len(found.image_tracks) == 1
        for i in np.random.default_rng(0).permutation(N)[:30].tolist():
            np.testing.assert_array_equal(found.image(i, camera), scene.image(i, camera))
        assert found.has_image(N - 1, camera) and found.frames(camera).size_px == scene.frames(camera).size_px


def test_frames_of_a_video_can_still_become_pictures(clips, tmp_path):
    path, _ = clips("variable.mp4")
    scene, _ = labelled(path)
    bw.write(scene, tmp_path / "a", videos="pictures")
    assert len(list((tmp_path / "a").rglob("*.png"))) == N and not (tmp_path / "a" / "videos").exists()
    with pytest.raises(bw.ArgumentError, match="videos: expected one of copy, reference, pictures, got 'link'"):
        bw.write(scene, tmp_path / "b", videos="link")


def test_a_video_that_is_not_the_same_is_refused(clips, tmp_path):
    path, _ = clips("variable.mp4")
    own = tmp_path / "own.mp4"
    own.write_bytes(path.read_bytes())
    scene, camera = labelled(own)
    bw.write(scene, tmp_path / "a", videos="reference")
    turned = bytearray(own.read_bytes())
    turned[len(turned) // 2] ^= 1
    own.write_bytes(turned)
    with pytest.raises(bw.FormatError, match=r"own\.mp4: the video is not the one that was labelled: expected SHA-256 "):
        bw.read(tmp_path / "a").image(0, camera)
    own.write_bytes(turned + b"0")
    with pytest.raises(bw.FormatError, match=r"the video is not the one that was labelled: expected [\d,]+ bytes, got"):
        bw.read(tmp_path / "a").image(0, camera)
    own.unlink()
    again = bw.read(tmp_path / "a")
    assert f"the video of {camera} is not there: {own}" in again.notes and not again.has_image(0, camera)
    with pytest.raises(bw.FrameMissing, match="no image"):
        again.image(0, camera)
    assert len(again.image_tracks) == 1


def test_labels_of_a_kept_video_need_no_extra(clips, tmp_path, monkeypatch):
    path, _ = clips("variable.mp4")
    scene, camera = labelled(path)
    bw.write(scene, tmp_path / "a")
    monkeypatch.setitem(sys.modules, "av", None)
    again = bw.read(tmp_path / "a")
    assert len(again.image_tracks) == 1 and again.has_image(3, camera)
    with pytest.raises(bw.ExtraMissing, match="video"):
        again.image(3, camera)


BAD_VIDEOS = {
    "elsewhere": (lambda v: v.update(file="videos/../scene.json"), "video.file: expected a file in videos/"),
    "hidden": (lambda v: v.update(file="videos/.mp4"), "video.file: expected a file in videos/"),
    "half a path": (lambda v: v.update(path=v.pop("file")), "video.path: expected a whole path from the root on"),
    "both": (lambda v: v.update(path="/a.mp4"), "'path'"),
    "no digest": (lambda v: v.update(sha256="00"), "video.sha256: expected 64 hexadecimal digits"),
    "few frames": (lambda v: v["frame_index"].pop(), f"video.frame_index: expected {N} frames of the video, from 0, or null"),
    "before": (lambda v: v["frame_index"].__setitem__(0, -1), "video.frame_index: expected"),
}


@pytest.mark.parametrize("name", BAD_VIDEOS)
def test_what_is_said_of_a_video_is_checked(clips, tmp_path, name):
    edit, message = BAD_VIDEOS[name]
    bw.write(labelled(clips("variable.mp4")[0])[0], tmp_path / "a")
    top = json.loads((tmp_path / "a" / "scene.json").read_text())
    edit(top["cameras"][0]["video"])
    (tmp_path / "a" / "scene.json").write_text(json.dumps(top))
    with pytest.raises(bw.FormatError, match=re.escape(message)):
        bw.read(tmp_path / "a")


def test_a_frame_beyond_the_video_is_refused_and_null_is_none(clips, tmp_path):
    scene, camera = labelled(clips("variable.mp4")[0])
    bw.write(scene, tmp_path / "a")
    top = json.loads((tmp_path / "a" / "scene.json").read_text())
    index = top["cameras"][0]["video"]["frame_index"]
    index[2], index[4] = 7, None
    (tmp_path / "a" / "scene.json").write_text(json.dumps(top))
    again = bw.read(tmp_path / "a")
    assert number_in(again.image(2, camera)) == 7 and not again.has_image(4, camera)
    index[2] = N
    (tmp_path / "a" / "scene.json").write_text(json.dumps(top))
    with pytest.raises(bw.FormatError, match=rf"expected {N + 1} frames or more of {WIDTH} x {HEIGHT} pixels, got {N} of"):
        bw.read(tmp_path / "a").image(0, camera)


def test_convert_keeps_a_video(clips, tmp_path):
    path, _ = clips("variable.mp4")
    result = CliRunner().invoke(app, ["convert", str(path), str(tmp_path / "a"), "--videos", "reference"])
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "a" / "scene.json").read_text())["cameras"][0]["video"]["path"] == str(path.resolve())


# ------------------------------------------------------------ pictures


def put_pictures(folder, names, size=(HEIGHT, WIDTH)):
    folder.mkdir(parents=True, exist_ok=True)
    for i, name in enumerate(names):
        (folder / name).write_bytes(image_bytes(picture(i)[: size[0], : size[1]], 95 if name.endswith("jpg") else None))


def test_a_folder_of_pictures_is_a_scene(tmp_path):
    """In the order of the numbers in their names."""
    names = ["f1.png", "f2.png", "f9.jpg", "f10.png", "f100.jpg"]
    put_pictures(tmp_path / "cam", names)
    (tmp_path / "cam" / ".hidden").write_text("")
    scene = bw.read(tmp_path / "cam")
    assert (scene.format, scene.has_time, list(scene.frame_ids)) == ("images", False, ["f1", "f2", "f9", "f10", "f100"])
    assert [number_in(scene.image(i, "cam")) for i in range(5)] == [0, 1, 2, 3, 4]
    source = bw.open_video(tmp_path / "cam")
    assert isinstance(source, bw.ImageFolder) and len(source) == 5 and source.size_px == (WIDTH, HEIGHT)
    assert number_in(source.frame(3)) == number_in(source.frame_at(3)) == 3
    with pytest.raises(bw.TimeError):
        source.frame_at(5)
    with pytest.raises(bw.IndexMissing):
        source.frame(5)
    assert "5 images" in CliRunner().invoke(app, ["info", str(tmp_path / "cam")]).output


def test_pictures_beside_other_files_are_not_taken_for_a_scene(tmp_path):
    put_pictures(tmp_path / "cam", ["1.png", "2.png"])
    (tmp_path / "cam" / "labels.txt").write_text("x")
    with pytest.raises(bw.FormatError, match="no known format"):
        bw.read(tmp_path / "cam")
    scene = bw.read(tmp_path / "cam", format="images")
    assert len(scene) == 2 and any("labels.txt" in note for note in scene.notes)


def test_pictures_that_do_not_go_together_are_refused(tmp_path):
    put_pictures(tmp_path / "sizes", ["1.png", "2.png"])
    put_pictures(tmp_path / "sizes", ["3.png"], (50, 60))
    with pytest.raises(bw.FormatError, match=r"3\.png: pictures of different sizes: expected 160 x 96 pixels, as 1\.png, got 60 x 50"):
        bw.read(tmp_path / "sizes")
    put_pictures(tmp_path / "twice", ["1.png", "1.jpg"])
    with pytest.raises(bw.FormatError, match="two files for one frame"):
        bw.read(tmp_path / "twice")
    (tmp_path / "empty").mkdir()
    with pytest.raises(bw.FormatError, match="no picture in it"):
        bw.open_video(tmp_path / "empty")
    put_pictures(tmp_path / "damaged", ["1.png", "2.png"])
    (tmp_path / "damaged" / "2.png").write_bytes((tmp_path / "damaged" / "2.png").read_bytes()[:-20])
    scene = bw.read(tmp_path / "damaged")
    with pytest.raises(bw.FormatError, match="cut off"):
        scene.image(1, "damaged")


# ------------------------------------------------------------ cut off


def faststart(path, out):
    """The same packets with the index in front, so that a cut file can still be opened."""
    with av.open(str(path)) as source, av.open(str(out), "w", options={"movflags": "faststart"}) as target:
        given = source.streams.video[0]
        made = target.add_stream_from_template(given)
        for packet in source.demux(given):
            if packet.size:
                packet.stream = made
                target.mux(packet)
    return out


def cut(path, out, share):
    """Ends in the middle of the packet at that share of all."""
    with av.open(str(path)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    place, size = places[int(len(places) * share)]
    out.write_bytes(path.read_bytes()[: place + size // 2])
    return out


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9, 0.995])
@pytest.mark.parametrize("name", ["constant.mp4", "h264.avi", "mjpeg.avi"])
def test_a_cut_file_says_how_many_frames_are_there(clips, tmp_path, name, share):
    path, _ = clips(name)
    path = faststart(path, tmp_path / "fast.mp4") if name.endswith("mp4") else path
    broken = cut(path, tmp_path / f"cut{path.suffix}", share)
    video = bw.Video(broken)
    found = video.check()
    assert found.n_claimed == N > found.n_decoded and found.n_frames >= found.n_decoded >= share * N - 4
    readable = [i for i in range(len(video)) if i not in found.missing]
    assert [number_in(video.frame(i)) for i in readable] == readable
    for i in found.missing:
        with pytest.raises(bw.FormatError, match=f"frame {i} of {len(video)}"):
            video.frame(i)
    with pytest.raises(bw.FormatError, match=rf"the file is cut off: expected {N} frames, as it says, got \d+ whole ones; copy"):
        bw.read(broken)
    scene = bw.read(broken, strict=False)
    assert len(scene) == len(video) and "cut off" in str(scene.problems[0])
    said = CliRunner().invoke(app, ["info", str(broken)])
    assert f"{N} claimed, {found.n_frames} listed, {found.n_decoded} decoded" in said.output and "odd" in said.output


def test_a_cut_mkv_says_how_long_it_was(clips, tmp_path):
    path, times = clips("variable.mkv")
    broken = cut(path, tmp_path / "cut.mkv", 0.5)
    with pytest.raises(bw.FormatError, match=r"the file is cut off: expected 11\.\d+ s, as it says, got \d\.\d+ s"):
        bw.read(broken)
    scene = bw.read(broken, strict=False)
    assert 20 < len(scene) < N and times[len(scene) - 1] == pytest.approx(scene.times_ns[-1], abs=1_000_001)
    assert [number_in(scene.image(i, "cut")) for i in range(len(scene) - 1)] == list(range(len(scene) - 1))


def test_a_cut_stream_promises_nothing_but_gives_what_is_there(clips, tmp_path):
    path, _ = clips("open_gop.ts")
    scene = bw.read(cut(path, tmp_path / "cut.ts", 0.5))
    found = scene.data.videos["cut"].check()
    assert found.n_claimed is None and found.n_decoded >= found.n_frames - 2 > 30
    assert all(number_in(scene.image(i, "cut")) == i for i in range(found.n_frames) if i not in found.missing)


def test_an_index_behind_the_cut_is_said(clips, tmp_path):
    path, _ = clips("constant.mp4")
    with pytest.raises(bw.FormatError, match="not a video that can be read"):
        bw.read(cut(path, tmp_path / "cut.mp4", 0.8))


# ------------------------------------------------------------ what is no video


@pytest.mark.parametrize("raw", [b"", b"x", b"hello " * 1000, bytes(10_000)], ids=["empty", "byte", "text", "zeros"])
@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv", ".ts"])
def test_no_video(tmp_path, raw, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(raw)
    with pytest.raises(bw.FormatError, match=rf"a\{suffix}"):
        bw.read(path)


@pytest.mark.parametrize(
    "raw",
    [
        b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{}\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile '{}'\n",
        b"<?xml version='1.0'?><MPD><Period><BaseURL>{}</BaseURL></Period></MPD>",
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    ],
    ids=["hls", "concat", "dash", "sdp"],
)
def test_playlists_open_no_other_files(clips, tmp_path, raw):
    """A text that names other files or addresses is no video, whatever it is called."""
    good, _ = clips("open_gop.ts")
    path = tmp_path / "clip.mp4"
    path.write_bytes(raw.replace(b"{}", str(good).encode()))
    with pytest.raises(bw.FormatError, match="not a video that can be read"):
        bw.read(path)


def test_sound_alone_is_no_video(tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 8000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(bw.FormatError, match="no stream of pictures"):
        bw.read(tmp_path / "a.mp4")


def test_limits_hold(clips, monkeypatch):
    path, _ = clips("constant.mp4")
    monkeypatch.setenv("BOXWRIGHT_LIMIT_IMAGE_PX", "10000")
    with pytest.raises(bw.LimitError, match="more image px than allowed: expected at most 10,000, got 15,360"):
        bw.read(path)
    monkeypatch.delenv("BOXWRIGHT_LIMIT_IMAGE_PX")
    monkeypatch.setenv("BOXWRIGHT_LIMIT_FRAMES_PER_SCENE", "100")
    with pytest.raises(bw.LimitError, match="more frames per scene than allowed"):
        bw.read(path)


def test_a_picture_size_that_changes_is_said(tmp_path):
    """Two clips of different sizes, one behind the other in a transport stream."""
    parts = []
    for scale in (1, 2):
        with av.open(str(tmp_path / f"{scale}.ts"), "w") as container:
            stream = container.add_stream("mpeg2video", rate=25)
            stream.width, stream.height, stream.pix_fmt = WIDTH * scale, HEIGHT * scale, "yuv420p"
            for i in range(10):
                frame = av.VideoFrame.from_ndarray(np.kron(picture(i), np.ones((scale, scale, 1), np.uint8)), format="rgb24")
                frame.pts = i + 10 * scale
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        parts.append((tmp_path / f"{scale}.ts").read_bytes())
    path = tmp_path / "both.ts"
    path.write_bytes(b"".join(parts))
    with bw.Video(path) as video:
        assert number_in(video.frame(3)) == 3
        found = video.check()
        assert set(found.missing) >= set(range(12, len(video)))
        with pytest.raises(bw.FormatError, match="its size changes to 320 x 192"):
            video.frame(len(video) - 3)
