"""Strict and lenient import on the command line, and the dry run: every problem is told, and nothing is written where anything fails."""

from __future__ import annotations

import json

import numpy as np
import pytest

import boxwright as bw
import street
from boxwright.cli import main
from boxwright.formats.dry_run import dry_run
from boxwright.formats.images import check_image, image_bytes
from boxwright.limits import Limits, limits
from formats_scenes import MemoryData, full_scene
from mutants import Victim


@pytest.fixture
def run(capsys):
    """run("info", path) -> (exit code, standard output, standard error)"""

    def call(*arguments):
        with pytest.raises(SystemExit) as stop:
            main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return stop.value.code or 0, out, err

    return call


@pytest.fixture
def recording(tmp_path):
    """The street, one of its tracks with a size of 0, and the name of that track."""
    folder = tmp_path / "street"
    bw.write(street.scene(), folder)
    file = folder / "scene.json"
    top = json.loads(file.read_text())
    track = top["tracks"][-1]
    track["keyframes"][0]["size_m"][1] = 0.0
    file.write_text(json.dumps(top))
    return folder, track["track_id"]


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "arguments",
    [
        ["convert", "{}", "{}/../out"],
        ["convert", "{}", "{}/../out", "--to", "kitti_tracking"],
        ["fill", "{}", "--out", "{}/../out"],
        ["fit", "{}", "--at", "1,2,3"],
        ["render", "{}", "--out", "{}/../out"],
    ],
)
def test_strict_reading_stops_and_writes_nothing(run, recording, arguments):
    folder, _ = recording
    before = contents(folder.parent)
    code, out, err = run(*[a.format(folder) for a in arguments])
    assert (code, out) == (2, "")
    assert "positive length, width, height" in err and "scene.json" in err and "keyframes" in err
    assert err.rstrip().endswith("pass --lenient to keep it aside")
    assert contents(folder.parent) == before


def test_lenient_convert_keeps_the_record(run, recording, tmp_path):
    folder, track_id = recording
    code, out, err = run("convert", folder, tmp_path / "ours", "--lenient", "--json")
    assert code == 0
    (told,) = json.loads(out)["problems"]
    assert told["record"]["track_id"] == track_id and told["path"].endswith("scene.json") and "tracks[" in told["field"]
    assert "1 record kept aside" in err and "positive length" in err
    back = bw.read(tmp_path / "ours")
    assert [problem.mapping() for problem in back.problems] == [told]
    assert track_id not in back.track_index and len(back.tracks) == len(street.scene().tracks) - 1
    code, out, _ = run("convert", folder, tmp_path / "kitti", "--lenient", "--to", "kitti_tracking")
    assert code == 0 and "dropped: 1 record that was kept aside" in out


def test_lenient_everywhere(run, recording, tmp_path):
    folder, track_id = recording
    x, y, z = street.scene().cuboids(0, "lidar")[1].center_m - (2.2, 0.3, 0)
    for arguments in (
        ["fill", folder, "--out", tmp_path / "filled"],
        ["render", folder, "--out", tmp_path / "pictures"],
        ["fit", folder, "--at", f"{x},{y},{z}"],
    ):
        code, out, err = run(*arguments, "--lenient", "--json")
        assert code == 0, err
        assert [problem["record"]["track_id"] for problem in json.loads(out)["problems"]] == [track_id]
        assert "1 record kept aside" in err


def test_info_reads_leniently(run, recording):
    folder, track_id = recording
    code, out, err = run("info", folder, "--json")
    assert code == 0
    assert [problem["record"]["track_id"] for problem in json.loads(out)["problems"]] == [track_id]
    code, out, err = run("info", folder)
    assert code == 0 and "1 record kept aside" in err and "positive length" in err


def test_the_list_of_problems_is_short(run, tmp_path):
    """25 kinds of problems: 20 lines and how many more."""
    problems = [bw.Problem(bw.FormatError(f"odd {i}", path="a.txt"), i) for i in range(25)]
    problems += [bw.Problem(bw.FormatError("odd 3", path="b.txt"), 3)] * 2
    bw.write(bw.Scene("clip", [0, 100], label_frame="lidar", problems=problems), tmp_path / "clip")
    code, _, err = run("info", tmp_path / "clip")
    lines = err.splitlines()
    assert code == 0 and lines[0] == "27 records kept aside:" and len(lines) == 22
    assert lines[4] == "  a.txt: odd 3 (and 2 more like it)" and lines[-1] == "  and 5 more; --json lists them all"
    assert len(json.loads(run("info", tmp_path / "clip", "--json")[1])["problems"]) == 27


def test_a_dry_run_of_sound_files(run, recording, tmp_path):
    folder, _ = recording
    bw.write(street.scene(), tmp_path / "good")
    before = contents(tmp_path)
    code, out, _ = run("convert", tmp_path / "good", "--dry-run")
    assert code == 0 and out.splitlines()[0] == "dry run to boxwright: 1 scene, 0 problems, nothing written"
    code, out, _ = run("convert", tmp_path / "good", tmp_path / "out", "--dry-run", "--to", "kitti_tracking", "--json")
    assert code == 0
    told = json.loads(out)
    report = bw.write(street.scene(), tmp_path / "really", format="kitti_tracking")
    assert (told["dropped"], told["rounded"], told["missing"], told["problems"]) == (report.dropped, report.rounded, report.missing, [])
    assert not (tmp_path / "out").exists()
    assert {path: raw for path, raw in contents(tmp_path).items() if "really" not in path.parts} == before
    assert folder.exists()


def test_a_dry_run_finds_everything(run, tmp_path, rng):
    """A bad track, a cut sweep, a damaged picture, points that are not finite: all told at once, with file and frame."""
    scene = full_scene(rng)
    sweeps = dict(scene.data.sweeps)
    xyz = np.array(sweeps[2, "lidar"].xyz)
    xyz[3:5] = np.nan
    sweeps[2, "lidar"] = bw.Sweep(xyz, int(scene.times_ns[2]))
    bw.write(scene.replace(data=MemoryData(sweeps, scene.data.images)), tmp_path / "clip")
    file = tmp_path / "clip/scene.json"
    top = json.loads(file.read_text())
    top["tracks"][0]["keyframes"][1]["size_m"][0] = -2.0
    top["relations"] = []
    file.write_text(json.dumps(top))
    cut, spoiled = tmp_path / "clip/lidars/lidar/f1.pcd", tmp_path / "clip/cameras/front/f0.png"
    cut.write_bytes(cut.read_bytes()[:-5])
    raw = bytearray(spoiled.read_bytes())
    raw[len(raw) // 2] ^= 1
    spoiled.write_bytes(raw)
    before = contents(tmp_path)
    code, out, _ = run("convert", tmp_path / "clip", "--dry-run", "--to", "openlabel", "--json")
    assert code == 1
    told = json.loads(out)
    track, sweep, picture = told["problems"]
    assert track["record"]["track_id"] == "7" and track["path"].endswith("scene.json") and track["field"].startswith("tracks[0]")
    assert sweep["path"].endswith("lidars/lidar/f1.pcd") and "frame 1, lidar" in sweep["field"] and sweep["record"] is None
    assert picture["path"].endswith("cameras/front/f0.png") and "frame 0, front" in picture["field"] and "damaged" in picture["what"]
    (warning,) = told["warnings"]
    assert "points that are not finite in 1 sweep of lidar" in warning and "2 of 52 in frame 2" in warning
    code, out, _ = run("convert", tmp_path / "clip", "--dry-run")
    assert code == 1 and "3 problems, nothing written" in out and 'record: {"track_id": "7"' in out
    assert contents(tmp_path) == before


def test_a_dry_run_of_several_scenes(tmp_path, rng):
    for name in ("a", "b", "c"):
        bw.write(full_scene(rng).replace(name=name), tmp_path / "all" / name)
    (tmp_path / "all/b/scene.json").write_text("{")
    result = dry_run(tmp_path / "all", to="kitti_tracking")
    assert result.scenes == ["a", "b", "c"]
    (problem,) = result.problems
    assert problem.error.path.endswith("b/scene.json")
    assert any(line.startswith("a: the scene's name 'a'") for line in result.dropped)
    assert any(line.endswith("(in 2 scenes)") for line in result.dropped)
    assert dry_run(tmp_path / "all", "c").problems == []


def test_what_no_writer_takes_is_a_problem(tmp_path):
    bw.write(bw.Scene("clip", [0, 100], label_frame="ego"), tmp_path / "clip")
    (problem,) = dry_run(tmp_path / "clip", to="kitti_object").problems
    assert "KITTI object needs a LiDAR" in str(problem)


def test_convert_needs_a_place(run, tmp_path, recording):
    code, out, err = run("convert", recording[0])
    assert (code, out) == (2, "") and "OUT: it is missing: expected a new folder to write to" in err


def test_limits_of_a_command_end_with_it(run, tmp_path):
    bw.write(street.scene(), tmp_path / "street")
    code, _, err = run("info", tmp_path / "street", "--limit", "points_per_frame=10", "--limit", "json_depth=31")
    assert code == 2 and "expected at most 10" in err and "--limit points_per_frame=N" in err
    assert limits() == Limits()
    code, _, err = run("convert", tmp_path / "street", tmp_path / "out", "--limit", "points=10")
    assert code == 2 and "--limit: expected NAME=N" in err and not (tmp_path / "out").exists()
    assert run("info", tmp_path / "street", "--limit", "points_per_frame=30000000")[0] == 0


def test_pictures_are_checked_without_decoding(tmp_path):
    picture = np.random.default_rng(3).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    for name, raw in (("a.png", image_bytes(picture)), ("a.jpg", image_bytes(picture, 80))):
        file = tmp_path / name
        file.write_bytes(raw)
        assert check_image(file) == (30, 20)
        for n in (0, 1, 20, len(raw) // 2, len(raw) - 1):
            file.write_bytes(raw[:n])
            with pytest.raises(bw.FormatError):
                check_image(file)


BLANK = {
    "openlabel": ('"type": "car"', '"type": " "', "a text that is not empty"),
    "sustechpoints": ('"obj_type": "Car"', '"obj_type": ""', "a text that is not empty"),
    "cvat_video": ('label="person"', 'label=" "', "a track without a label"),
    "dgp": ('"class_id":2', '"class_id":3', "a class that the ontology names"),
}


@pytest.mark.parametrize("name", BLANK)
def test_a_label_without_a_class_is_kept_aside(tmp_path, name):
    """It used to be read, and could then not be written in boxwright's own format."""
    old, new, told = BLANK[name]
    victim = Victim(name, tmp_path / "in")
    for file, raw in victim.good.items():
        if name == "dgp" and file.startswith("scene_01/ontology"):
            victim.put(file, raw.replace(b'"items":[', b'"items":[{"id":3,"name":""},'))
    label = victim.recording.label
    assert old.encode() in victim.good[label]
    victim.put(label, victim.good[label].replace(old.encode(), new.encode()))
    with pytest.raises(bw.FormatError, match=told):
        bw.read(victim.path)
    scene = bw.read(victim.path, strict=False)
    assert any(told in str(problem.error) for problem in scene.problems)
    bw.write(scene, tmp_path / "out")
