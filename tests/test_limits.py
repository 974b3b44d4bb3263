"""What a file may ask for: each limit holds just where it says, and can be set in the environment and on the command line."""

from __future__ import annotations

import gc
import json
import struct
import zipfile

import numpy as np
import pytest

import boxwright as bw
import test_formats_argoverse2 as argoverse2
import test_formats_kitti_raw as kitti_raw
import test_formats_kitti_tracking as tracking
from boxwright.formats import nucleus, nucleus_writer, strict_json
from boxwright.limits import LIMIT_NAMES, Limits, limits, set_limits
from formats_scenes import full_scene
from fuzz_child import Child


@pytest.fixture
def usual():
    """No limits of a command line, before and after."""
    set_limits([])
    yield
    set_limits([])


def test_where_a_limit_comes_from(monkeypatch, usual):
    assert limits() == Limits()
    monkeypatch.setenv("BOXWRIGHT_LIMIT_JSON_DEPTH", "7")
    monkeypatch.setenv("BOXWRIGHT_LIMIT_IMAGE_PX", "9")
    set_limits(["json_depth=8"])
    assert (limits().json_depth, limits().image_px, limits().file_bytes) == (8, 9, Limits().file_bytes)
    set_limits([])
    assert limits().json_depth == 7


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("json_dept=8", "did you mean json_depth"),
        ("json_depth", "write the limit, =, and a whole number"),
        ("json_depth=", "--limit json_depth: expected a whole number, got ''"),
        ("json_depth=-3", "got '-3'"),
        ("json_depth=1e9", "got '1e9'"),
        ("json_depth=٣", "expected a whole number"),
    ],
)
def test_wrong_limits_change_nothing(usual, text, words):
    set_limits(["image_px=5"])
    with pytest.raises(bw.ArgumentError) as caught:
        set_limits(["file_bytes=3", text])
    assert words in str(caught.value)
    assert (limits().image_px, limits().file_bytes) == (5, Limits().file_bytes)


def n_values(value):
    """(all values in it but the plain ones of an object of one, the most items of one list or object, depth), counted one by one."""
    if not isinstance(value, (list, dict)):
        return 0, 0, 0
    inner = [n_values(item) for item in (value.values() if isinstance(value, dict) else value)]
    return (
        1 + max(len(value) - 1, 0) + sum(item[0] for item in inner),
        max([len(value), *(item[1] for item in inner)]),
        1 + max((item[2] for item in inner), default=0),
    )


def anything(rng, depth):
    kind = rng.integers(0, 4 if depth else 2)
    if kind == 0:
        return float(rng.normal())
    if kind == 1:
        return '[{,"\\' * int(rng.integers(0, 3))  # what stands in strings counts for nothing
    items = [anything(rng, depth - 1) for _ in range(rng.integers(0, 7))]
    return items if kind == 2 else {f"key {i},[": item for i, item in enumerate(items)}


@pytest.mark.parametrize("seed", range(40))
def test_counts_agree_with_counting_one_by_one(tmp_path, usual, seed):
    value = {"a": [anything(np.random.default_rng(seed), 5)], "b": []}
    file = tmp_path / "some.json"
    file.write_text(json.dumps(value))
    for name, count in zip(("json_values", "json_items", "json_depth"), n_values(value)):
        set_limits([f"{name}={count}"])
        assert strict_json.load(file).value == value
        set_limits([f"{name}={count - 1}"])
        if name == "json_items" and count - 1 < 1:
            continue
        with pytest.raises(bw.LimitError, match=f"more {name.replace('_', ' ')} than allowed: expected at most {count - 1:,}, got {count:,}"):
            strict_json.load(file)
    set_limits([])


def test_names_are_short_and_sentences_may_be_long(tmp_path, usual, rng):
    scene = full_scene(rng).replace(notes=["n" * 10_000], source_attributes={"blob": "b" * 10_000})
    bw.write(scene, tmp_path / "good")
    back = bw.read(tmp_path / "good")
    assert (back.notes[0], back.source_attributes) == (scene.notes[0], dict(scene.source_attributes))
    text = (tmp_path / "good/scene.json").read_text()
    (tmp_path / "good/scene.json").write_text(text.replace('"track_id": "7"', f'"track_id": "{"7" * 5000}"'))
    for strict in (True, False):
        with pytest.raises(bw.LimitError, match=r"tracks\[0\].track_id: more text characters than allowed: expected at most 4,096, got 5,000"):
            bw.read(tmp_path / "good", strict=strict)
    set_limits(["text_characters=5000"])
    assert bw.read(tmp_path / "good").tracks[0].track_id == "7" * 5000


def test_what_could_not_be_read_back_is_not_written(tmp_path, rng):
    track = full_scene(rng).tracks[0]
    for scene in (
        full_scene(rng).replace(tracks=[track.replace(track_id="7" * 5000)], relations=()),
        full_scene(rng).replace(tracks=[track.replace(category="car" * 5000)], relations=()),
        full_scene(rng).replace(name="n" * 5000),
    ):
        with pytest.raises(bw.ArgumentError, match="at most 4096 characters"):
            bw.write(scene, tmp_path / "bad")
        assert not list(tmp_path.iterdir())


def with_attributes(n_tracks, n_keyframes):
    """A scene whose keyframes all have attributes."""
    times = np.arange(n_keyframes) * 10**8
    one = bw.Cuboids(np.tile([1.0, 2.0, 0.5], (n_keyframes, 1)), np.tile([4.2, 1.7, 1.4], (n_keyframes, 1)), 0.3, frame="lidar")
    said = [[{"a": i, "b": {"c": k / 7}, "d": "left"} for k in range(n_keyframes)] for i in range(n_tracks)]
    tracks = [bw.Track(f"t{i}", "car", times, one, keyframe_attributes=rows) for i, rows in enumerate(said)]
    return bw.Scene("dense", times, {"lidar": bw.Lidar("lidar")}, tracks=tracks, label_frame="lidar")


def test_tracks_are_read_one_by_one(tmp_path, usual):
    """All values of a scene.json at once take more room than those that stay."""
    scene = with_attributes(40, 100)
    bw.write(scene, tmp_path / "a")
    set_limits(["json_room_bytes=1000000"])
    with pytest.raises(bw.LimitError, match="json room bytes"):
        strict_json.load(tmp_path / "a/scene.json")
    back = bw.read(tmp_path / "a")
    assert [list(track.keyframe_attributes) for track in back.tracks] == [list(track.keyframe_attributes) for track in scene.tracks]
    set_limits([])
    rows = [{str(k): [{}] * 200} for k in range(100)]
    bw.write(scene.replace(tracks=[track.replace(keyframe_attributes=rows) for track in scene.tracks[:3]]), tmp_path / "b")
    set_limits(["json_room_bytes=3000000"])
    with pytest.raises(bw.LimitError, match="json room bytes"):  # what stays counts
        bw.read(tmp_path / "b")


@pytest.mark.full
@pytest.mark.timeout(600)
def test_a_large_scene_with_attributes_is_read_at_the_usual_limits(tmp_path, usual):
    """Its child judges memory, four times the file and 64 MiB, and a second for each MB."""
    bw.write(with_attributes(2, 10), tmp_path / "a")
    child = Child(tmp_path / "a")
    child.start()
    bw.write(with_attributes(400, 600), tmp_path / "b")
    (tmp_path / "b/scene.json").replace(tmp_path / "a/scene.json")
    size = (tmp_path / "a/scene.json").stat().st_size
    try:
        outcome = child.read(size, True)
    finally:
        child.stop()
    assert size > 60_000_000 and outcome.kind == "read", outcome


def test_a_long_line_is_refused(tmp_path):
    (tmp_path / "label_2").mkdir()
    (tmp_path / "calib").mkdir()
    (tmp_path / "calib/000000.txt").write_text("\nP0: " + " ".join(["0"] * 3000))
    for strict in (True, False):
        with pytest.raises(bw.LimitError, match=r"000000.txt: line 2: more text characters than allowed"):
            bw.read(tmp_path, strict=strict)


def test_long_texts_of_feather_tables_are_refused(tmp_path):
    pytest.importorskip("pyarrow")
    columns = argoverse2.label_columns()
    for name in ("track_uuid", "category"):
        log = argoverse2.make(tmp_path / name, {**columns, name: [*columns[name][:-1], "x" * 4097]})
        for strict in (True, False):
            with pytest.raises(
                bw.LimitError, match=rf"annotations.feather: {name}: more text characters than allowed: expected at most 4,096, got 4,097"
            ):
                bw.read(log, strict=strict)


@pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")
def test_a_camera_too_large_to_draw_is_refused(tmp_path, rng, usual):
    """Its size stands in the calibration; nobody has made a picture of it yet."""
    scene = full_scene(rng)
    bw.write(scene, tmp_path / "ours")
    text = (tmp_path / "ours/scene.json").read_text()
    (tmp_path / "ours/scene.json").write_text(text.replace('"width_px": 48', '"width_px": 4800000000'))
    kitti = tracking.make(tmp_path / "kitti", "", tracking.calib_text() + "S_rect_02: 99999999 1\n")
    raw = kitti_raw.full_drive(tmp_path / "raw")
    file = raw / "2011_09_26/calib_cam_to_cam.txt"
    file.write_text(file.read_text().replace("S_rect_02: 4.800000e+01", "S_rect_02: 4.800000e+07"))
    for folder, words in ((tmp_path / "ours", "the size of camera front"), (kitti, "line 6, S_rect_02"), (raw, "the size of camera image_02")):
        with pytest.raises(bw.LimitError, match=rf"{words}: more image px than allowed: expected at most 64,000,000"):
            bw.read(folder)


def test_archive_members_are_counted_before_they_are_made(tmp_path, usual, monkeypatch):
    file = tmp_path / "many.npz"
    with zipfile.ZipFile(file, "w") as archive:
        for i in range(300):
            archive.writestr(f"{i}.npy", b"")
    set_limits(["archive_members=200"])
    monkeypatch.setattr(zipfile, "ZipFile", None)  # nobody may open it
    with pytest.raises(bw.LimitError, match="more archive members than allowed: expected at most 200"):
        bw.read_points(file)
    end = bytearray(file.read_bytes())
    at = end.rfind(b"PK\5\6")
    end[at + 12 : at + 16] = struct.pack("<I", 0xFFFFFFFF)  # a directory larger than the file
    file.write_bytes(end)
    with pytest.raises(bw.LimitError, match="more archive members"):
        bw.read_points(file)


def test_every_limit_is_enforced_somewhere():
    """A limit nobody looks at would be a promise not kept."""
    from pathlib import Path

    sources = "".join(file.read_text() for file in (Path(bw.__file__).parent).rglob("*.py"))
    for name in LIMIT_NAMES:
        assert f'check("{name}"' in sources or f"limits().{name}" in sources or f"self.{name}" in sources or f"bounds.{name}" in sources, name


def test_limits_are_looked_up_once_while_a_scene_is_read(monkeypatch, usual, tmp_path, rng):
    """They were looked up in the environment for every label: a third of the time of some readers."""
    bw.write(full_scene(rng), tmp_path / "clip", "nucleus")
    seen = []
    real = nucleus.read
    monkeypatch.setattr(nucleus, "read", lambda *given: seen.append((limits(), limits())) or real(*given))
    monkeypatch.setenv("BOXWRIGHT_LIMIT_XML_DEPTH", "31")  # with one of them set, each look makes others
    bw.read(tmp_path / "clip", format="nucleus")
    assert limits() is not limits() and seen[0][0] is seen[0][1] and seen[0][0].xml_depth == 31
    monkeypatch.setenv("BOXWRIGHT_LIMIT_JSON_DEPTH", "2")
    with pytest.raises(bw.LimitError):
        bw.read(tmp_path / "clip", format="nucleus")
    monkeypatch.delenv("BOXWRIGHT_LIMIT_JSON_DEPTH")
    assert limits().json_depth == 32


def test_no_garbage_is_looked_for_while_a_scene_is_read_or_written(monkeypatch, tmp_path, rng):
    """Looking for circles among all labels took a quarter of the time of some formats; afterwards it goes on, whatever happened."""
    scene, seen = full_scene(rng), []
    read, write = nucleus.read, nucleus_writer.write
    monkeypatch.setattr(nucleus, "read", lambda *given: seen.append(gc.isenabled()) or read(*given))
    monkeypatch.setattr(nucleus_writer, "write", lambda *given: seen.append(gc.isenabled()) or write(*given))
    bw.write(scene, tmp_path / "clip", "nucleus")
    bw.read(tmp_path / "clip", format="nucleus")
    (tmp_path / "clip" / "annotations.json").write_text("[")
    with pytest.raises(bw.FormatError):
        bw.read(tmp_path / "clip", format="nucleus")
    assert seen == [False, False, False] and gc.isenabled()
