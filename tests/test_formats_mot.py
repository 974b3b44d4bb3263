"""MOTChallenge: numbers worked by hand, an independent loader, and back to files without loss."""

from __future__ import annotations

import numpy as np
import pytest

import boxwright as bw
from boxwright.formats import mot
from boxwright.formats.images import image_bytes
from test_cli import run

__all__ = ["run"]

ROWS = "1,2,11,21,30,40,1,1,0.5\n2,2,12,21,30,40,1,1,1\n5,2,15,21,30,40,1,1,1\n2,7,1,1,4,6.5,0,3,0.25\n"
INFO = "[Sequence]\nname=street\nimDir=img1\nframeRate=25\nseqLength=6\nimWidth=64\nimHeight=48\nimExt=.png\n"


def make(folder, rows=ROWS, info=INFO):
    (folder / "gt").mkdir(parents=True)
    (folder / "gt/gt.txt").write_text(rows)
    if info:
        (folder / "seqinfo.ini").write_text(info)
    return folder


def test_golden_numbers(tmp_path):
    scene = bw.read(make(tmp_path / "a"))
    assert (scene.name, len(scene), scene.has_time, scene.frame_ids) == ("street", 6, True, tuple("123456"))
    np.testing.assert_array_equal(scene.times_ns, np.arange(6) * 40_000_000)
    assert scene.cameras["camera"].camera.size_px == (64, 48)
    walker, car = scene.image_tracks
    assert (walker.track_id, walker.category, car.track_id, car.category) == ("2", "pedestrian", "7", "car")
    np.testing.assert_array_equal(walker.shapes.xyxy[0], [9.5, 19.5, 39.5, 59.5])
    np.testing.assert_array_equal(car.shapes.xyxy[0], [-0.5, -0.5, 3.5, 6.0])
    assert car.source_attributes == {"mot": [0, 3, 0.25]}


def test_an_object_is_where_it_has_a_line(tmp_path):
    scene = bw.read(make(tmp_path / "a"))
    assert scene.image_tracks[0].at(scene.times_ns).is_valid.tolist() == [True, True, False, False, True, False]


def lines(file):
    return sorted(tuple(map(float, line.split(","))) for line in file.read_text().splitlines())


def test_round_trip(tmp_path):
    scene = bw.read(make(tmp_path / "a"))
    report = bw.write(scene, tmp_path / "out", "mot")
    assert (report.n_frames, report.n_tracks, report.n_labels, report.dropped, report.rounded) == (6, 2, 4, [], [])
    assert lines(tmp_path / "out/gt/gt.txt") == lines(tmp_path / "a/gt/gt.txt")
    assert sorted((tmp_path / "out/seqinfo.ini").read_text().splitlines()) == sorted(INFO.splitlines())


def test_no_rate_no_file_that_needs_one(tmp_path, run):
    """A seqinfo.ini without frameRate was written, which Datumaro refuses."""
    make(tmp_path / "a", info="")
    code, out, _ = run("convert", tmp_path / "a", tmp_path / "bare", "--to", "mot")
    assert code == 0 and "seqinfo.ini holds them" in out and "it can be given with --frame-rate HZ" in out
    assert [file.name for file in (tmp_path / "bare").iterdir()] == ["gt"]
    assert lines(tmp_path / "bare/gt/gt.txt") == lines(tmp_path / "a/gt/gt.txt")
    code, out, _ = run("convert", tmp_path / "a", tmp_path / "rated", "--to", "mot", "--frame-rate", "25")
    assert code == 0 and "seqinfo.ini" not in out
    np.testing.assert_array_equal(bw.read(tmp_path / "rated").times_ns, np.arange(5) * 40_000_000)
    code, _, err = run("convert", tmp_path / "a", tmp_path / "none", "--to", "mot", "--frame-rate", "-1")
    assert code == 2 and "--frame-rate: expected frames a second" in err


@pytest.mark.parametrize(("rate", "whole"), [(29.97, 30), (0.25, 1), (9.9999997, 10), (25.0, 25)])
def test_rates_are_whole(tmp_path, rate, whole):
    """The challenge's tools refuse others, and further names; a comment tells the rate, as long as nobody tells another one."""
    scene = bw.read(make(tmp_path / "a", info=""))
    report = bw.write(scene, tmp_path / "out", "mot", frame_rate=rate)
    file = tmp_path / "out/seqinfo.ini"
    values = [line.partition("=")[0] for line in file.read_text().splitlines() if "=" in line]
    assert f"frameRate={whole}\n" in file.read_text()
    assert sorted(values) == ["frameRate", "imDir", "imExt", "imHeight", "imWidth", "name", "seqLength"]
    np.testing.assert_array_equal(bw.read(tmp_path / "out").times_ns, np.round(np.arange(5) * (1e9 / rate)))
    assert any("tells" in note and "comment" in note for note in report.notes) == (rate != whole)
    file.write_text(file.read_text().replace(f"frameRate={whole}\n", "frameRate=50\n"))
    np.testing.assert_array_equal(bw.read(tmp_path / "out").times_ns, np.arange(5) * 20_000_000)


def test_a_sequence_without_labels_and_rate_is_read_again(tmp_path):
    """Nothing but its seqinfo.ini tells that it is one: without it, what was written was no scene of any format."""
    scene = bw.read(make(tmp_path / "a", info="")).replace(image_tracks=())
    bw.write(scene, tmp_path / "out", "mot")
    back = bw.read(tmp_path / "out")
    assert (len(back), len(back.image_tracks), back.has_time) == (5, 0, False)


def test_pictures(tmp_path):
    folder = make(tmp_path / "a")
    (folder / "img1").mkdir()
    (folder / "img1/000002.png").write_bytes(image_bytes(np.full((48, 64, 3), 7, np.uint8)))
    scene = bw.read(folder)
    assert [scene.has_image(i, "camera") for i in range(3)] == [False, True, False]
    assert scene.image(1, "camera").shape == (48, 64, 3)


def test_every_frame_of_keyframes_far_apart(tmp_path):
    camera = bw.CameraSensor("front", bw.UncalibratedCamera(640, 480), bw.Pose.identity())
    labels = bw.ImageTrack("van 1", "van", "front", [0, 200], bw.Polygons([[[0, 0], [9, 0], [9, 9]], [[2, 0], [11, 0], [11, 9]]]))
    scene = bw.Scene("a", [0, 100, 200, 300], cameras={"front": camera}, image_tracks=[labels], label_frame="front")
    report = bw.write(scene, tmp_path / "out", "mot")
    assert (tmp_path / "out/gt/gt.txt").read_text() == "1,1,1.5,1.5,9,9,1,-1,1\n2,1,2.5,1.5,9,9,1,-1,1\n3,1,3.5,1.5,9,9,1,-1,1\n"
    said = "\n".join([*report.dropped, *report.rounded, *report.notes])
    for words in ("van 1", "classes that MOT has no number for: van", "1 track of polygon", "which labels are keyframes"):
        assert words in said


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("0,1,1,1,2,2,1,1,1", "a frame from 1"),
        ("1,-1,1,1,2,2,1,1,1", "a detection of no track"),
        ("1,3,1,1,-2,2,1,1,1", "a width and a height from 0"),
        ("1,3,1,nan,2,2,1,1,1", "a number under"),
        ("1,3,1,1,2", "5 columns"),
        ("1,2,1,1,2,2,1,1,1", "an object twice in a frame"),
        ("1.5,3,1,1,2,2,1,1,1", "a whole number"),
        ("1,3,1,1,2,two,1,1,1", "'two'"),
    ],
)
def test_bad_lines(tmp_path, row, told):
    """Refused with their line; kept aside in lenient reading, and what is good stays."""
    folder = make(tmp_path / "a", f"{ROWS}{row}\n")
    with pytest.raises(bw.FormatError) as caught:
        bw.read(folder)
    assert told in str(caught.value) and "line 5" in str(caught.value) and "gt.txt" in str(caught.value)
    scene = bw.read(folder, strict=False)
    assert len(scene.problems) == 1 and len(scene.image_tracks) == 2


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[Sequence]\n", "", "a section"),
        ("frameRate=25", "frameRate=0", "a positive number"),
        ("seqLength=6", "seqLength=six", "a whole number from 1"),
        ("seqLength=6", "seqLength=999999999", "frames per scene"),
        ("imDir=img1", "imDir=../../etc", "the name of a folder beside"),
        ("imWidth=64\nimHeight=48", "imWidth=99999999\nimHeight=99999999", "image px"),
    ],
)
def test_bad_sequence_files(tmp_path, old, new, told):
    with pytest.raises(bw.BoxwrightError, match=told):
        bw.read(make(tmp_path / "a", info=INFO.replace(old, new)))


@pytest.mark.parametrize(
    ("line", "is_one"),
    [
        ("1,2,3,4,5,6", True),
        (" 1 , -2 ,\t3.5, +4., .5e3 ,6e-1\r", True),
        ("1,2,3,4,5,6,7,8,9,10", True),
        ("1,2,3,4,5,6,7,8,9,10,11", False),
        ("1,2,3,4,5", False),
        ("1,2,3,4,5,6,", False),
        ("1 2 3 4 5 6", False),
        ("1,2,." + "1" * 4000 + "," + "2" * 90, False),
        ("1," + "2" * 4000, False),
        ("1,2" + ",3" * 4 + " " * 4000 + "x", False),
    ],
)
def test_which_files_are_of_this_kind(tmp_path, line, is_one):
    """Told by the first line, without trying any part of it twice: long lines of digits took seconds."""
    (tmp_path / "labels.txt").write_text(line + "\n")
    assert mot.detect(tmp_path / "labels.txt") is is_one


def test_labels_beyond_the_sequence(tmp_path):
    folder = make(tmp_path / "a", info=INFO.replace("seqLength=6", "seqLength=3"))
    with pytest.raises(bw.FormatError, match="labels in 3 frames"):
        bw.read(folder)
    assert len(bw.read(folder, strict=False)) == 5


def test_real_sequence_agrees_with_a_plain_reader(tmp_path, real_data):
    file = real_data / "mot/TUD-Campus/gt/gt.txt"
    rows = np.loadtxt(file, delimiter=",")
    scene = bw.read(real_data / "mot")
    assert (scene.name, len(scene), len(scene.image_tracks)) == ("TUD-Campus", 71, 8)
    found = []
    for track in scene.image_tracks:
        filled = track.at(scene.times_ns)
        for i in np.flatnonzero(filled.is_valid):
            left, top, right, bottom = filled.shapes.xyxy[i] + 1.5
            found.append([i + 1, int(track.track_id), left, top, right - left, bottom - top])
    np.testing.assert_allclose(sorted(found), sorted(rows[:, :6].tolist()), rtol=0, atol=1e-9)
    bw.write(scene, tmp_path / "out", "mot")
    assert lines(tmp_path / "out/gt/gt.txt") == lines(file)


def test_labels_without_a_box_are_left_out(tmp_path):
    """Keypoints of which none is there, and masks without a pixel, used to be a traceback."""
    camera = bw.CameraSensor("front", bw.UncalibratedCamera(9, 9))
    points = bw.ImageTrack("1", "dog", "front", [0, 1], bw.Keypoints([[[1, 2]], [[3, 4]]], [[0], [2]]))
    mask = bw.ImageTrack("2", "dog", "front", [1], bw.Masks.from_arrays(np.zeros((1, 9, 9), bool)))
    scene = bw.Scene("a", [0, 1], cameras={"front": camera}, image_tracks=[points, mask], has_time=False, label_frame="front")
    report = bw.write(scene, tmp_path / "out", "mot")
    assert "labels without a box around them, such as masks without a pixel: 2" in report.dropped
    assert report.n_labels == len((tmp_path / "out/gt/gt.txt").read_text().splitlines()) == 1
