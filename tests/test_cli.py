"""The commands as a user types them: what they print, what they write, how they fail."""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import warnings

import cv2
import numpy as np
import pytest
import typer

import boxwright as bw
import street
from boxwright.cli import app, common, main
from boxwright.cli.common import parse_frames
from boxwright.cli.fit import parse_place
from boxwright.cli.sweeps import said_spans
from boxwright.sample import sample_folder
from boxwright.scene import NoData
from boxwright.summary import frame_spans

COMMANDS = [
    "accounts",
    "agree",
    "backup",
    "batch",
    "bench",
    "check",
    "convert",
    "demo",
    "doctor",
    "export",
    "fill",
    "fit",
    "fsck",
    "import",
    "info",
    "init",
    "log",
    "propagate",
    "render",
    "restore",
    "score",
    "serve",
    "simulate",
    "undo",
    "view",
    "warmup",
]

PROGRESS = (
    "when objects were seen",
    "filling",
    "drawing",
    "writing boxwright",
    "writing kitti_raw",
    "writing kitti_tracking",
    "writing mot",
    "writing cvat_video",
    "writing nonsense",
)


@pytest.fixture
def run(capsys):
    """run("info", path) -> (exit code, standard output, standard error)"""

    def call(*arguments):
        with pytest.raises(SystemExit) as stop:
            main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return stop.value.code or 0, out, err

    return call


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The street as a folder in boxwright's own format."""
    path = tmp_path_factory.mktemp("recordings") / "street"
    bw.write(street.scene(), path)
    return path


def fails(result, *words):
    """Exit code 2, nothing on standard output, one sentence with these words at the end of standard error, after nothing but progress."""
    code, out, err = result
    assert code == 2
    assert out == ""
    *progress, sentence = err.splitlines()
    assert all(line in PROGRESS for line in progress)
    assert sentence.startswith("error: ")
    assert "Traceback" not in err
    for word in words:
        assert word in sentence
    return True


def test_every_command_is_there():
    assert sorted(info.name for info in app.registered_commands) == COMMANDS


def test_help_loads_nothing_heavy():
    code = (
        "import sys\nfrom boxwright.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as stop:\n    assert not stop.code\n"
        "print([name for name in ('numba', 'scipy', 'pandas', 'cv2', 'open3d', 'pyarrow') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")
    assert "demo" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command(run, command):
    code, out, _ = run(command, "--help")
    assert code == 0
    assert f"boxwright {command}" in out


def test_version_and_no_arguments(run):
    assert run("--version") == (0, f"boxwright {bw.__version__}\n", "")
    code, out, err = run()
    assert code == 2
    assert "Usage" in out + err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nonsense"], ["no command is called 'nonsense'", "'boxwright --help'"]),
        (["inof"], ["did you mean 'info'", "'boxwright --help'"]),
        (["--what"], ["no option is called --what", "'boxwright --help'"]),
        (["info"], ["expected PATH", "'boxwright info --help'"]),
        (["info", "x", "--what"], ["no option is called --what", "'boxwright info --help'"]),
        (["info", "x", "--jsn"], ["--jsn", "--json"]),
        (["info", "x", "y"], ["y", "'boxwright info --help'"]),
        (["fit", "x", "--at"], ["--at", "requires an argument"]),
        (["fit", "x", "--at", "1,2,3", "--frame", "two"], ["--frame", "'two'", "integer"]),
        (["fill", "x", "--keyframes-every", "0"], ["--keyframes-every", "0", "1", "'boxwright fill --help'"]),
        (["simulate", "x", "--n-frames", "91"], ["--n-frames", "91", "90"]),
    ],
)
def test_wrong_usage_is_one_sentence(run, arguments, words):
    assert fails(run(*arguments), *words)


def test_control_characters_in_a_wrong_command_line_are_shown(run):
    _, out, err = run("info", "x", "--\x1b[2J\nerror: fake")
    assert "\x1b" not in out + err
    assert len(err.splitlines()) == 1


def test_info(run, folder):
    code, out, err = run("info", folder)
    assert code == 0
    assert err == ""
    for words in (
        "street",
        "6  0.50 s",
        "world frame",
        "lidar: 6 sweeps",
        "front: 6 images, 640 x 360, pinhole",
        "wide: 0 images",
        "fisheye",
        "pedestrian",
    ):
        assert words in out
    code, out, _ = run("info", folder, "--json")
    facts = json.loads(out)
    counts = {name: {key: row[key] for key in ("n_tracks", "n_keyframes", "n_cuboids")} for name, row in facts["classes"].items()}
    assert facts["classes"]["car"]["median_size_m"] == [4.4, 1.8, 1.5]
    assert (facts["rate_hz"], facts["gaps"]) == (pytest.approx(10), [])
    assert facts["frames_of_reference"] == ["world", "ego", "lidar", "front", "wide"]
    assert counts == {
        "car": {"n_tracks": 2, "n_keyframes": 12, "n_cuboids": 12},
        "pedestrian": {"n_tracks": 1, "n_keyframes": 6, "n_cuboids": 6},
    }
    assert facts["start_ns"] == street.START_NS
    assert facts["label_frame"] == "world"
    assert facts["ego_path_m"] == pytest.approx(4.0)


def test_info_of_several_scenes(run, real_data):
    code, out, _ = run("info", real_data / "kitti_tracking" / "training", "--json")
    assert code == 0
    listed = json.loads(out)
    assert listed["scenes"][1] == {"name": "0001", "n_frames": 447, "n_tracks": 98, "n_labels": 3030}
    assert [entry["name"] for entry in listed["scenes"]] == ["0000", "0001", "0003", "0004", "0005", "0007", "0009", "0012", "0017"]
    code, out, _ = run("info", real_data / "kitti_tracking" / "training", "--scene", "0001", "--json")
    assert json.loads(out)["classes"]["Car"]["n_tracks"] > 10
    assert fails(run("fill", real_data / "kitti_tracking" / "training", "--keyframes-every", "10"), "scene", "0001")


@pytest.mark.filterwarnings("default::boxwright.SensorFrameFallback")
def test_no_poses_are_told_once(run, tmp_path):
    bw.write(street.scene(), tmp_path / "kitti", "kitti_tracking")
    for file in (tmp_path / "kitti").rglob("*.csv"):
        file.unlink()
    for arguments in (("info",), ("convert", tmp_path / "out"), ("convert", "--dry-run")):
        code, out, err = run(arguments[0], tmp_path / "kitti", *arguments[1:])
        assert code == 0 and (out + err).count("no poses: the tracks stay in the LiDAR's frame") == 1, out + err
    assert "warning: " in run("fill", tmp_path / "kitti", "--keyframes-every", "2")[2]  # which prints no notes


def test_labels_in_pictures_of_a_scene_that_has_none(run, tmp_path):
    """It was advised to use Python, or to name a camera and get an empty file; now cuboids become boxes in the pictures of that camera."""
    scene = street.scene()
    left = dataclasses.replace(scene.cameras["front"], name="left")
    bw.write(scene.replace(cameras={"front": scene.cameras["front"], "left": left}), tmp_path / "scene")
    seen = bw.project_tracks(scene, ["front"], occlusion=False).image_tracks()
    for to in ("mot", "cvat_video"):
        arguments = ("convert", tmp_path / "scene", tmp_path / to, "--to", to)
        fails(run(*arguments), "no label in the pictures of front, left, but", "of cuboids; name one with --camera NAME")
        assert not (tmp_path / to).exists()
        code, out, _ = run(*arguments, "--camera", "front")
        assert code == 0 and f"of {len(scene.tracks)} tracks of cuboids {len(seen)} became boxes in the pictures of front" in out
        back = bw.read(tmp_path / to)
        for one, other in zip(seen, back.image_tracks, strict=True):
            frames = one.at(scene.exposures_ns("front"))
            again = other.at(back.times_ns)
            np.testing.assert_array_equal(again.is_valid, frames.is_valid)
            there = frames.is_valid
            np.testing.assert_allclose(again.shapes.bounds_xyxy()[there], frames.shapes.bounds_xyxy()[there], rtol=0, atol=1e-8)
    bw.write(scene.replace(cameras={}), tmp_path / "blind")
    assert fails(run("convert", tmp_path / "blind", tmp_path / "out", "--to", "mot"), "got a scene without cameras, with")


def test_names_cannot_write_to_the_terminal(run, tmp_path):
    track = street.tracks()[0].replace(category="car\x1b[2J\nfake", track_id="a\rb")
    bw.write(street.scene().replace(tracks=[track], name="evil\x1b]0;title\x07"), tmp_path / "scene")
    for arguments in (["info", tmp_path / "scene"], ["fill", tmp_path / "scene", "--keyframes-every", "2"]):
        code, out, err = run(*arguments)
        assert code == 0
        assert "\x1b" not in out + err
        assert "\x07" not in out + err
        assert "car\\x1b[2J\\nfake" in out


def test_convert_there_and_back(run, folder, tmp_path):
    code, out, err = run("convert", folder, tmp_path / "kitti", "--to", "kitti_tracking", "--json")
    assert code == 0
    report = json.loads(out)
    assert report["n_tracks"] == 3
    assert report["path"] == str(tmp_path / "kitti")
    assert "writing" in err
    code, out, _ = run("convert", tmp_path / "kitti", tmp_path / "back")
    assert code == 0
    assert "wrote" in out
    before, after = bw.read(folder), bw.read(tmp_path / "back")
    for i in range(len(before)):
        a, b = before.cuboids(i, "lidar"), after.cuboids(i, "lidar")
        order = [int(np.argmin(np.linalg.norm(b.center_m - center, axis=1))) for center in a.center_m]
        np.testing.assert_allclose(b.center_m[order], a.center_m, atol=1e-3)
        np.testing.assert_allclose(b.size_m[order], a.size_m, atol=1e-3)


def test_a_format_that_nobody_writes_names_the_option(run, folder, tmp_path):
    """The sentence named --format, which is that of PATH."""
    for more in ((tmp_path / "out",), ("--dry-run",)):
        code, _, err = run("convert", folder, *more, "--to", "coco2")
        assert code == 2 and "error: --to: no such format to write: " in err and "did you mean coco?" in err


def test_a_table_that_ends_in_words_breaks_these_alone(monkeypatch, capsys):
    """What a certificate calls lost had its first column cut into letters, since only that could be broken."""
    from rich.console import Console

    monkeypatch.setattr(common, "stdout", lambda: Console(width=80))
    words = "those that the challenge has numbers for stay, and all of the others are dropped as if they were none"
    common.print_table("", ["field", "given", "as the format says"], [["track ids and names", 1234, words]], ends_in_words=True)
    first, *rest = capsys.readouterr().out.splitlines()[3:]
    assert first.strip().startswith("track ids and names   1,234   those that")
    assert " ".join([first, *rest]).split()[5:] == words.split() and all(len(line) <= 80 for line in (first, *rest))


def test_convert_says_who_takes_an_option(run, folder, tmp_path):
    """Before anything is read; those that the help names are those that are named."""
    for option, value, to, takers in (
        ("--frame-rate", "10", "cvat_video", "--to darwin or label_studio or mot"),
        ("--videos", "copy", "kitti_tracking", "--to boxwright"),
        ("--camera", "front", "kitti_tracking", "cvat_video or darwin"),
        ("--dialect", "cvat", "kitti_tracking", "--to kitti_raw"),
    ):
        assert fails(run("convert", folder, tmp_path / "out", "--to", to, option, value), takers, f"{option}", f"got '{to}'", f"leave {option} out")
    assert not (tmp_path / "out").exists()


def test_convert_in_the_meaning_of_cvat(run, folder, tmp_path):
    assert fails(run("convert", folder, tmp_path / "out", "--to", "kitti_raw", "--dialect", "nuscenes"), "--dialect", "expected 'kitti' or 'cvat'")
    code, _, _ = run("convert", folder, tmp_path / "out", "--to", "kitti_raw", "--dialect", "cvat")
    assert code == 0 and list((tmp_path / "out").rglob("frame_list.txt"))


def test_convert_never_overwrites(run, folder, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    assert fails(run("convert", folder, tmp_path / "out"), "not empty")
    assert fails(run("convert", folder, tmp_path / "new", "--to", "nonsense"), "nonsense")
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["mine.txt", "out"]


def test_propagate_proposes_and_writes_what_passes(run, folder, tmp_path):
    way = ("--track", "driving", "--from-frame", "0", "--to-frame", "5")
    code, out, _ = run("propagate", folder, *way, "--alone", "--out", tmp_path / "followed", "--json")
    result = json.loads(out)
    assert code == 0 and [row["frame_index"] for row in result["proposals"]] == [1, 2, 3, 4, 5]
    truth = street.scene().track("driving").cuboids
    believed = [row for row in result["proposals"] if not row["is_flagged"]]
    assert len(believed) >= 3
    for row in believed:
        assert np.hypot(*(row["center_m"] - truth.center_m[row["frame_index"]])[:2]) < 0.3
    written = bw.read(tmp_path / "followed").track("driving")
    assert [bw.Origin(o).name for o in written.origin] == ["GIVEN"] + ["PROPAGATED"] * len(believed)
    code, out, _ = run("propagate", folder, *way)
    assert code == 0 and "frames 1 to 5 have keyframes already; with --alone that of frame 0 is carried over them" in out
    code, out, _ = run("propagate", folder, *way[:5], "0")
    assert code == 0 and "carried nowhere: --to-frame is --from-frame" in out
    code, out, _ = run("propagate", folder, *way, "--alone")
    assert code == 0 and "registered" in out
    assert fails(run("propagate", folder, "--track", "nobody", *way[2:]), "no such track", "'nobody'")
    assert fails(run("propagate", folder, "--track", "driving", "--from-frame", "0", "--to-frame", "9"), "--to-frame", "0..5")


def test_fill_reports_the_error_between_keyframes(run, folder):
    code, out, _ = run("fill", folder, "--keyframes-every", "5", "--method", "linear", "--json")
    assert code == 0
    error = json.loads(out)["error"]
    assert (error["every"], error["method"], error["frame"]) == (5, "linear", "world")
    k = np.arange(6)
    x = 115 + 1.2 * k + 0.05 * k**2
    off = np.abs(np.interp(k, [0, 5], x[[0, 5]]) - x)[1:5]  # only the driving car leaves the straight line
    car = error["classes"]["car"]
    assert (car["n_tracks"], car["n_labels"]) == (2, 8)
    assert car["xy_mean_m"] == pytest.approx(off.sum() / 8)
    assert car["xy_p95_m"] == pytest.approx(np.quantile(np.r_[off, 0, 0, 0, 0], 0.95))
    assert error["classes"]["pedestrian"]["xy_mean_m"] == pytest.approx(0, abs=1e-9)
    assert error["total"]["n_labels"] == 12
    code, out, _ = run("fill", folder, "--keyframes-every", "1")
    assert code == 0
    assert "world frame" in out


def test_fill_writes_every_frame(run, folder, tmp_path):
    code, out, _ = run("fill", folder, "--keyframes-every", "3", "--out", tmp_path / "filled", "--json")
    assert code == 0
    assert json.loads(out)["written"]["n_tracks"] == 3
    filled = bw.read(tmp_path / "filled")
    track, before = filled.track("driving"), street.scene().track("driving")
    assert len(track) == 6
    assert [bw.Origin(o).name for o in track.origin] == ["GIVEN", "FILLED", "FILLED", "GIVEN", "FILLED", "GIVEN"]
    np.testing.assert_array_equal(track.cuboids.center_m[[0, 3, 5]], before.cuboids.center_m[[0, 3, 5]])
    assert fails(run("fill", folder), "--out", "--keyframes-every")
    assert fails(run("fill", folder, "--keyframes-every", "3", "--method", "cubic"), "makima")


def test_fill_mends_by_whole_tracks_and_says_what_it_did(run, tmp_path):
    """A parked car drawn in two sizes and places, a driving one drawn backwards; labels in every frame thinned; the frames that need a keyframe."""
    scene = street.scene()
    parked, driving, walking = scene.tracks
    wrong = parked.cuboids.center_m + np.array([[0.06, 0, 0], [0, 0, 0]] * 3)
    sizes = parked.cuboids.size_m + np.array([[0.3, 0, 0]] + [[0, 0, 0]] * 5)
    tracks = [
        parked.replace(cuboids=parked.cuboids.replace(center_m=wrong, size_m=sizes)),
        driving.replace(cuboids=driving.cuboids.replace(yaw_rad=driving.cuboids.yaw_rad + np.pi)),
        walking,
    ]
    bw.write(scene.replace(tracks=tracks), tmp_path / "drawn")
    mend = ["fill", tmp_path / "drawn", "--lock-size", "--solve-static", "--orient"]
    code, out, _ = run(*mend, "--out", tmp_path / "mended", "--json")
    done = json.loads(out)["mended"]
    assert code == 0 and done["lock_size"] == {"n_tracks": 1, "n_keyframes": 1} and done["orient"]["n_tracks"] >= 1
    assert sum(done["solve_static"]["tracks"].values()) == 3
    mended = bw.read(tmp_path / "mended")
    assert np.ptp(mended.track("parked").cuboids.size_m, axis=0).max() < 1e-9
    turn = np.cos(mended.track("driving").cuboids.yaw_rad - driving.cuboids.yaw_rad)
    assert turn.min() > 0.99
    if "standing" in done["solve_static"]["tracks"]:
        assert np.ptp(mended.track("parked").cuboids.center_m, axis=0).max() < 1e-9
    code, out, _ = run(*mend, "--thin", "--out", tmp_path / "thin")
    assert code == 0 and "lock size: 1 keyframe of 1 track changed" in out and "labels became" in out
    assert sum(map(len, bw.read(tmp_path / "thin").tracks)) < sum(map(len, mended.tracks))
    code, out, _ = run("fill", tmp_path / "drawn", "--keyframes-every", "5", "--advise", "2", "--json")
    advice = json.loads(out)["advice"]
    assert code == 0 and len(advice) == 2 and set(advice[0]) == {"track_id", "frame_index", "timestamp_ns", "score_m", "reason"}
    assert "need a keyframe next" in run("fill", tmp_path / "drawn", "--keyframes-every", "5", "--advise", "2")[1]
    code, out, _ = run("fill", tmp_path / "drawn", "--refit", "--json")
    assert code == 0 and 0 < json.loads(out)["mended"]["refit"]["n_fitted"] <= 18
    assert fails(run("fill", tmp_path / "drawn", "--retime"), "time_offset_ns")
    one = scene.replace(tracks=[driving.take([0]).replace(cuboids=tracks[1].cuboids[:1])])
    bw.write(one, tmp_path / "one")
    code, out, _ = run("fill", tmp_path / "one", "--thin", "--refit")
    assert code == 0 and "thin: 1 label became 1 keyframe\n" in out and " of 1 keyframe snapped to their points\n" in out


@pytest.mark.parametrize("verb", ["retime", "refit"])
def test_fill_tells_what_poses_do_not_cover(run, tmp_path, verb):
    """Poses at the stamps alone: the last sweep goes on after the last of them."""
    scene = bw.simulate(4, 4, n_beams=16, n_columns=200, image_scale=0.1)
    at_stamps = bw.Trajectory(scene.times_ns, [scene.world_from_ego(int(t)) for t in scene.times_ns])
    bw.write(scene.replace(trajectory=at_stamps, cameras={}), tmp_path / "short")
    said = "lidar: poses do not cover the time of every point"
    code, out, _ = run("fill", tmp_path / "short", f"--{verb}")
    assert code == 0 and "note: frame " in out and said in out
    notes = json.loads(run("fill", tmp_path / "short", f"--{verb}", "--json")[1])["mended"][verb]["notes"]
    assert notes and len(notes) == len(set(notes)) == out.count(said) and all(said in note for note in notes)


def test_fill_keeps_what_is_outside(run, tmp_path):
    track = street.tracks()[1].take([0, 2, 5])
    track = track.replace(visibility=np.array([0, 2, 0], np.uint8))
    bw.write(street.scene().replace(tracks=[track]), tmp_path / "scene")
    assert run("fill", tmp_path / "scene", "--out", tmp_path / "filled")[0] == 0
    filled = bw.read(tmp_path / "filled").tracks[0]
    np.testing.assert_array_equal(filled.times_ns, street.times_ns()[[0, 1, 2, 5]])
    assert list(filled.visibility) == [0, 0, 2, 0]
    assert not filled.at(street.times_ns()[3:5]).is_valid.any()


def test_fill_on_argoverse(run, real_data):
    pytest.importorskip("pyarrow", reason="Argoverse 2 needs pyarrow (extra 'io')")
    log = real_data / "av2" / "sensor" / "3bffdcff-c3a7-38b6-a0f2-64196d130958"
    code, out, _ = run("fill", log, "--keyframes-every", "10", "--json")
    assert code == 0
    error = json.loads(out)["error"]
    assert error["frame"] == "world"
    assert error["total"]["n_labels"] > 5000
    assert error["total"]["xy_mean_m"] <= 0.010


def test_fill_says_when_ego_motion_is_not_compensated(run, tmp_path):
    scene = street.scene()
    tracks = [t.replace(cuboids=t.cuboids.replace(frame="lidar")) for t in scene.tracks]
    bw.write(scene.replace(trajectory=None, label_frame="lidar", tracks=tracks), tmp_path / "scene")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bw.SensorFrameFallback)
        code, out, _ = run("fill", tmp_path / "scene", "--keyframes-every", "2")
    assert code == 0
    assert "lidar frame" in out
    assert "not compensated" in out


def test_fit_finds_the_car_under_the_click(run, folder, tmp_path):
    truth = street.scene().cuboids(0, "lidar")[1]
    x, y, z = truth.center_m - (2.2, 0.3, 0)
    code, out, _ = run("fit", folder, "--at", f"{x},{y},{z}", "--category", "car", "--json", "--out", tmp_path / "with_fit")
    assert code == 0
    found = json.loads(out)
    assert found["frame"] == "lidar"
    assert np.hypot(found["center_m"][0] - truth.center_m[0], found["center_m"][1] - truth.center_m[1]) < 0.6
    assert found["n_points"] > 20
    assert found["written"]["n_tracks"] == 4
    written = bw.read(tmp_path / "with_fit").track("fit-0")
    in_lidar = written.cuboids.transformed(street.scene().transform("lidar", "world", street.START_NS), frame="lidar")
    np.testing.assert_allclose(in_lidar.center_m[0], found["center_m"], atol=1e-9)
    code, out, _ = run("fit", folder, "--at", f"{x},{y},{z}")
    assert "center_m" in out
    assert "+-" in out
    code, out, _ = run("fit", folder, "--at", f"{x},{y}", "--json")
    assert code == 0
    np.testing.assert_allclose(json.loads(out)["center_m"], found["center_m"], atol=0.1)
    for odd in ("1", "1,2,3,4", "1,two", "1,nan"):
        assert fails(run("fit", folder, "--at", odd), "x,y,z or x,y", odd)
    assert fails(run("fit", folder, "--at", "1,2,3", "--frame", "9"), "0..5", "9")
    assert fails(run("fit", folder, "--at", "1,2,3", "--category", "unicorn"), "unicorn")


def test_fit_snaps_a_rough_cuboid_and_a_track(run, folder, tmp_path):
    scene = street.scene()
    truth = scene.cuboids(0, "lidar")[1]
    x, y, z = np.add(truth.center_m, (0.15, -0.1, 0))
    length, width, height = truth.size_m + 0.4
    rough = f"{x},{y},{z},{length},{width},{height},{truth.yaw_rad + 0.05}"
    sweep, hints = scene.still_points(0), {"ground": scene.ground(0), "sensor_origins_m": scene.lidar_origins_m("lidar")}
    drawn = bw.Cuboid((x, y, z), (length, width, height), truth.yaw_rad + 0.05, frame=sweep.frame)
    code, out, _ = run("fit", folder, f"--rough={rough}", "--json")
    assert code == 0
    found = json.loads(out)
    np.testing.assert_allclose(found["center_m"], bw.refit(sweep, drawn, **hints).cuboid.center_m, atol=1e-6)
    assert found["category"] == "other"
    size = ",".join(str(v) for v in truth.size_m)
    code, out, _ = run("fit", folder, f"--rough={rough}", "--size-m", size, f"--yaw-rad={truth.yaw_rad},0.01", "--face-margin-m", "0.02", "--json")
    told = bw.refit(sweep, drawn, size_prior=truth.size_m, yaw_prior=(truth.yaw_rad, 0.01), face_margin_m=0.02, **hints)
    np.testing.assert_allclose(json.loads(out)["size_m"], told.cuboid.size_m, atol=1e-6)
    track_id = next(t.track_id for t in scene.tracks if np.allclose(t.at(scene.times_ns[:1]).cuboids.center_m, scene.cuboids(0, "world").center_m[1]))
    for frame in (0, 3):
        code, out, _ = run("fit", folder, "--track", track_id, "--frame", frame, "--json", "--out", tmp_path / f"snapped{frame}")
        assert code == 0
        snapped = bw.read(tmp_path / f"snapped{frame}").track(track_id)
        row = snapped.times_ns == scene.times_ns[frame]
        assert snapped.origin[row].tolist() == [bw.Origin.FIT]
        assert json.loads(out)["frame"] == "world"
        np.testing.assert_allclose(snapped.cuboids.center_m[row][0], json.loads(out)["center_m"], atol=1e-6)
        assert np.hypot(*(snapped.cuboids.center_m[row] - scene.track(track_id).at(scene.times_ns[[frame]]).cuboids.center_m)[0, :2]) < 0.3
        others = scene.track(track_id).times_ns != scene.times_ns[frame]
        np.testing.assert_array_equal(snapped.cuboids.center_m[~row], scene.track(track_id).cuboids.center_m[others])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], ["one of --at X,Y,Z", "none of them"]),
        (["--at", "1,2,3", "--track", "a"], ["--at and --track"]),
        (["--rough", "1,2,3"], ["--rough", "yaw in radians", "1,2,3"]),
        (["--rough", "1,2,3,4,0,1,0"], ["--rough", "lengths above 0"]),
        (["--at", "1,2,3", "--yaw-rad", "1,-1"], ["--yaw-rad", "sigma above 0"]),
        (["--at", "1,2,3", "--size-m", "4,2"], ["--size-m", "'4,2'"]),
        (["--at", "1,2,3", "--size-m", "4,-2,1"], ["--size-m", "lengths above 0"]),
        (["--at", "1,2,3", "--face-margin-m", "7"], ["--face-margin-m", "7"]),
        (["--track", "nobody"], ["nobody"]),
        (["--track", "car", "--yaw-rad", "1"], ["--yaw-rad", "leave it out"]),
    ],
)
def test_fit_refuses_what_it_cannot_mean(run, folder, options, words):
    assert fails(run("fit", folder, *options), *words)


def test_render_writes_pictures(run, folder, tmp_path):
    code, out, _ = run("render", folder, "--frames", "0,-1", "--out", tmp_path / "pictures", "--height-px", "300", "--width-px", "700", "--json")
    assert code == 0
    names = [f"{i:06d}_{kind}.png" for i in (0, 5) for kind in ("bev", "front", "overview", "wide")]
    assert sorted(p.name for p in (tmp_path / "pictures").iterdir()) == sorted(names)
    assert sorted(json.loads(out)["pictures"]) == sorted(str(tmp_path / "pictures" / name) for name in names)
    assert cv2.imread(str(tmp_path / "pictures" / "000005_overview.png")).shape == (300, 700, 3)
    code, out, _ = run("render", folder, "--frame", "3", "--out", tmp_path / "one.jpg", "--points")
    assert code == 0
    assert cv2.imread(str(tmp_path / "one.jpg")).shape == (800, 1600, 3)
    assert fails(run("render", folder, "--out", tmp_path / "pictures"), "not empty")
    assert fails(run("render", folder, "--frames", "0:x", "--out", tmp_path / "p"), "--frames", "0:x")
    assert fails(run("render", folder, "--width-px", "9", "--out", tmp_path / "p.png"), "--width-px", "9", "64")
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["render", "--out", "one.gif"], ["--out", "'one.gif'", ".png, .jpg or .mp4"]),
        (["render", "--width-px", "0"], ["--width-px", "0"]),
        (["render", "--height-px", "20000"], ["--height-px", "20000"]),
        (["render", "--range-m", "nan"], ["--range-m", "positive number of metres"]),
        (["fill", "--method", "foo"], ["--method", "one of linear, makima", "'foo'"]),
        (["render", "--out", ""], ["--out", "expected a path, got an empty text"]),
        (["fill", "--out", ""], ["--out", "expected a path, got an empty text"]),
        (["convert", ""], ["OUT", "expected a path, got an empty text"]),
    ],
)
def test_wrong_options_are_told_before_the_recording_is_read(run, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert fails(run(arguments[0], tmp_path / "absent", *arguments[1:]), *words)
    assert not list(tmp_path.iterdir())


PROJECT_COMMANDS = ("accounts", "backup", "export", "fsck", "import", "init", "log", "serve", "undo")


@pytest.mark.parametrize("command", [c for c in COMMANDS if c not in ("batch", "bench", "demo", "simulate", "warmup")])
def test_an_empty_path_is_not_the_folder_one_is_in(run, folder, monkeypatch, command):
    monkeypatch.chdir(folder)
    needed = {"fit": ["--at", "1,2,3"], "propagate": ["--track", "a", "--from-frame", "0", "--to-frame", "1"], "score": ["gold"], "agree": ["other"]}
    called = "FILE" if command == "restore" else "PROJECT" if command in PROJECT_COMMANDS else "PATH"
    assert fails(run(command, "", *needed.get(command, [])), called, "expected a path, got an empty text")
    for call in (bw.read, bw.scenes, lambda path: bw.write(street.scene(), path)):
        with pytest.raises(bw.ArgumentError, match=r"path: expected a path, got an empty text; pass '.' for the folder you are in"):
            call("")


def test_pictures_never_go_into_the_recording(run, folder, tmp_path, monkeypatch):
    before = sorted(folder.rglob("*"))
    for source, out in ((folder, folder / "pictures"), (folder, folder / "one.png"), (folder, folder), (folder / "scene.json", folder / "a/b")):
        assert fails(run("render", source, "--out", out), "--out: the output lies inside the recording", "choose a place outside")
    monkeypatch.chdir(folder / "lidars")
    assert fails(run("render", ".."), "--out", "got pictures", "inside the recording")  # the place where they go by default
    assert fails(run("fill", "..", "--out", "filled"), "--out", "inside the recording")
    assert fails(run("convert", "../scene.json", "../again"), "OUT", "inside the recording")
    assert sorted(folder.rglob("*")) == before
    np.save(tmp_path / "cloud.npy", np.ones((9, 4), np.float32))
    assert run("render", tmp_path / "cloud.npy", "--out", tmp_path / "p")[0] == 0  # a file is a recording, not what lies beside it


def test_hints_are_about_options(run, folder, tmp_path):
    for name in ("a", "b"):
        bw.write(street.scene(name).replace(data=NoData()), tmp_path / "set" / name)
    (tmp_path / "set/a/notes").mkdir()
    results = [
        run("render", tmp_path / "set", "--out", tmp_path / "p"),
        run("info", tmp_path / "set", "--scene", "c"),
        run("info", write_both(tmp_path / "both")),
        run("info", tmp_path / "both", "--format", "boxwright"),
    ]
    for result, words in zip(
        results, ("pass --scene NAME", "'boxwright info' lists them", "pass --format NAME to say which", "pass --format NAME where")
    ):
        assert fails(result, words)
        assert not re.search(r"\b(scene|format|strict)=|bw\.|scene\.\w+\(", result[2])


def test_fields_are_options_too(run, folder, tmp_path):
    assert fails(run("fit", folder, "--at", "500,5,5"), "error: --at: expected a click within 1 m of a point, got (500.00, 5.00, 5.00)")
    out = ["--out", tmp_path / "p.png"]
    assert fails(run("render", folder, "--width-px", "200", "--height-px", "190", *out), "error: --width-px: expected ")
    for name in ("a", "b"):
        bw.write(bw.Scene(name, [0]), tmp_path / "set" / name)
    assert fails(run("render", tmp_path / "set", *out), "set: --scene: the dataset holds 2 scenes")


def write_both(path):
    """A folder that is one of KITTI tracking and, by a scene.json that is none, one of ours."""
    (path / "label_02").mkdir(parents=True)
    (path / "label_02/0000.txt").write_text("")
    (path / "scene.json").write_text("{}")
    return path


def test_a_folder_of_pictures_may_end_in_a_number(run, folder, tmp_path):
    assert run("render", folder, "--out", tmp_path / "run-1.5", "--width-px", "300", "--height-px", "150")[0] == 0
    assert (tmp_path / "run-1.5").is_dir()


def test_an_empty_sweep_is_told(run, tmp_path):
    (tmp_path / "none.bin").write_bytes(b"")
    assert "1 sweep, 0 points in the first" in run("info", tmp_path / "none.bin")[1]


def test_a_picture_is_never_overwritten_and_holds_few_frames(run, folder, tmp_path, monkeypatch):
    out = tmp_path / "one.png"
    monkeypatch.setattr("boxwright.cli.render.MOST_IN_STRIP", 1)
    fails(run("render", folder, "--frames", "0,1", "--out", out), "at most 1 frame in one picture", "got 2", "--frames")
    assert not out.exists()
    assert run("render", folder, "--out", out)[0] == 0
    before = out.read_bytes()
    fails(run("render", folder, "--frame", "1", "--out", out), "one.png", "exists already")
    assert out.read_bytes() == before


def test_filled_labels_are_neither_keyframes_nor_truth(run, folder, tmp_path):
    out = tmp_path / "filled"
    assert run("fill", folder, "--keyframes-every", "3", "--out", out)[0] == 0
    given, filled = (json.loads(run("info", place, "--json")[1])["classes"] for place in (folder, out))
    for name, row in filled.items():
        assert row["n_keyframes"] < given[name]["n_keyframes"]
        assert row["n_cuboids"] == given[name]["n_cuboids"]


@pytest.fixture
def few_sweeps(tmp_path):
    """The street as KITTI, with sweeps in frames 0 and 1 alone."""
    bw.write(street.scene(), tmp_path / "few", format="kitti_tracking")
    sweeps = sorted((tmp_path / "few").rglob("*.bin"))
    assert len(sweeps) == 6
    for path in sweeps[2:]:
        path.unlink()
    return tmp_path / "few"


def test_a_frame_without_a_sweep_names_the_nearest_with_one(run, few_sweeps):
    assert fails(
        run("fit", few_sweeps, "--at", "1,2,3", "--frame", "4"), str(few_sweeps), "frame 4", "no sweep", "nearest frame with one is 1", "0-1"
    )
    for path in few_sweeps.rglob("*.bin"):
        path.unlink()
    assert fails(run("fit", few_sweeps, "--at", "1,2,3"), "frame 0", "no frame of this recording has one")


def test_info_says_which_frames_have_sweeps(run, few_sweeps):
    code, out, _ = run("info", few_sweeps)
    assert code == 0
    assert "2 sweeps (frames 0-1 of 6)" in out
    facts = json.loads(run("info", few_sweeps, "--json")[1])
    assert facts["lidars"][0]["frames_with_sweeps"] == [[0, 1]]
    assert facts["lidars"][0]["n_points_in_first"] == len(street.scene().points(0))


def test_spans_are_said_compactly():
    spans = frame_spans({0, 1, 2, 5, 7, 8}.__contains__, 9)
    assert spans == [(0, 2), (5, 5), (7, 8)]
    assert said_spans(spans) == "0-2, 5, 7-8"
    assert said_spans([(2 * i, 2 * i) for i in range(9)]) == "0, 2, 4, 6, 8, 10 and 3 more spans"
    assert frame_spans(bool, 0) == []


def test_render_says_where_no_points_are_drawn(run, few_sweeps, tmp_path):
    code, out, err = run("render", few_sweeps, "--frames", "1:5", "--out", tmp_path / "p", "--width-px", "300", "--height-px", "150", "--json")
    assert code == 0
    assert "no sweep in frames 2-4" in err
    assert json.loads(out)["frames_without_sweep"] == json.loads(out)["frames_without_points"] == [2, 3, 4]
    assert "no sweep" not in run("render", few_sweeps, "--out", tmp_path / "q.png", "--width-px", "300", "--height-px", "150")[2]


def test_render_says_where_a_sweep_has_no_points(run, few_sweeps, tmp_path):
    """Pictures without points look like those of an empty street."""
    next(few_sweeps.rglob("000000.bin")).write_bytes(np.full((5, 4), np.nan, np.float32).tobytes())
    next(few_sweeps.rglob("000001.bin")).write_bytes(b"")
    size = ["--width-px", "300", "--height-px", "150", "--json"]
    code, out, err = run("render", few_sweeps, "--frames", "0:3", "--out", tmp_path / "p", *size)
    told = json.loads(out)
    assert (code, told["frames_without_sweep"], told["frames_without_points"]) == (0, [2], [0, 1, 2])
    assert "no sweep in frame 2," in err and "no finite point in frames 0-1," in err


@pytest.mark.parametrize(("points", "words"), [(np.zeros((0, 4)), "got 0"), (np.full((50, 4), np.nan), "got 0 among 50")])
def test_a_sweep_without_points_is_named(run, tmp_path, points, words):
    np.save(tmp_path / "bad.npy", points.astype(np.float32))
    assert fails(run("fit", tmp_path / "bad.npy", "--at", "1,2,3"), "bad.npy", "frame 0", "at least 3 finite points", words, "choose another")


def test_one_sweep_is_no_plural(run, tmp_path):
    np.save(tmp_path / "one.npy", np.r_[np.ones((9, 4)), np.full((1, 4), np.nan)].astype(np.float32))
    _, out, _ = run("info", tmp_path / "one.npy")
    assert "1 sweep, 10 points in the first (1 of them not finite)" in out


@pytest.mark.parametrize("format", ["pcd", "npy"])
def test_info_on_a_damaged_point_file(run, tmp_path, format):
    path = tmp_path / f"bad.{format}"
    if format == "pcd":
        bw.write_points(street.scene().points(0), path)
    else:
        np.save(path, np.zeros((100, 4), np.float32))
    path.write_bytes(path.read_bytes()[:-50])
    assert fails(run("info", path), path.name)


def test_info_where_the_first_sweep_is_damaged(run, folder, tmp_path):
    """The rest is told, as with a damaged picture."""
    shutil.copytree(folder, tmp_path / "scene")
    sweep = min((tmp_path / "scene/lidars/lidar").iterdir())
    sweep.write_bytes(sweep.read_bytes()[:-9])
    code, out, _ = run("info", tmp_path / "scene")
    assert code == 0 and f"odd       the first sweep of lidar cannot be used: {sweep}" in out and "keyframes" in out
    assert fails(run("fit", tmp_path / "scene", "--at", "1,2,3"), sweep.name)


WRITERS = [
    ("convert", "FROM", "OUT"),
    ("fill", "FROM", "--keyframes-every", "2", "--out", "OUT"),
    ("fit", "FROM", "--at", "1,2,3", "--out", "OUT"),
    ("simulate", "OUT"),
]


@pytest.mark.parametrize("command", WRITERS, ids=lambda command: command[0])
def test_the_output_is_looked_at_before_any_work(run, folder, tmp_path, monkeypatch, command):
    def call(out, *more):
        return run(*({"FROM": folder, "OUT": out}.get(word, word) for word in command), *more)

    for name in ("read", "simulate"):
        monkeypatch.setattr(bw, name, lambda *_, **__: pytest.fail("worked before it looked"), raising=False)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    assert fails(call(tmp_path / "full"), "full", "not empty")
    assert fails(call(tmp_path / "full" / "mine.txt" / "new"), "mine.txt is not a folder")
    assert fails(call(tmp_path / "new", "--to", "kitti"), "'kitti'", "kitti_tracking")
    if command[0] != "simulate":
        assert fails(call(folder), "inside the recording", "outside")
        assert fails(call(folder / "new" / "deep"), "inside the recording")
        (tmp_path / "link").symlink_to(folder)
        assert fails(call(tmp_path / "link" / "new"), "inside the recording")
    assert not (folder / "new").exists()


def test_fill_without_tracks(run, tmp_path):
    bw.write(street.scene().replace(tracks=[]), tmp_path / "bare")
    assert fails(run("fill", tmp_path / "bare", "--keyframes-every", "2"), "no tracks", "boxwright fit")
    assert fails(run("fill", tmp_path / "bare", "--out", tmp_path / "out"), "no tracks")
    assert not (tmp_path / "out").exists()


def test_an_unknown_class_is_told_the_nearest_and_all(run, folder):
    assert fails(run("fit", folder, "--at", "1,2,3", "--category", "pedestrain"), "did you mean pedestrian", "known classes: car, van")


def test_a_scene_without_frames(run, tmp_path):
    bw.write(bw.Scene("nothing", np.zeros(0, np.int64), {"lidar": bw.Lidar("lidar")}), tmp_path / "nothing")
    assert run("info", tmp_path / "nothing")[0] == 0
    for arguments in (["fit", "--at", "1,2,3"], ["render", "--out", tmp_path / "p"], ["render", "--frames", "all", "--out", tmp_path / "p"]):
        _, _, err = result = run(arguments[0], tmp_path / "nothing", *arguments[1:])
        assert fails(result, "no frames")
        assert "..-1" not in err


def test_control_c_is_one_line_and_130(run, monkeypatch, folder):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(bw, "read", stop)
    assert run("info", folder) == (130, "", "stopped\n")


def test_what_nobody_foresaw_is_one_sentence(run, monkeypatch, folder):
    def break_(*_, **__):
        raise ZeroDivisionError("by\nzero")

    monkeypatch.setattr(bw, "read", break_)
    assert fails(run("info", folder), "fault of boxwright", "ZeroDivisionError", "BOXWRIGHT_TRACEBACK=1")
    monkeypatch.setenv("BOXWRIGHT_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        main(["info", str(folder)])


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_reader_that_has_seen_enough(folder, more):
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        done = subprocess.run([sys.executable, "-m", "boxwright", "info", folder, *more], stdout=write_end, stderr=subprocess.PIPE, text=True)
    finally:
        os.close(write_end)
    assert (done.returncode, done.stderr) == (0, "")


def test_markup_and_emoji_codes_print_as_they_are(run, tmp_path):
    tracks = [street.tracks()[i].replace(category=name) for i, name in enumerate(["[red]", ":car:"])]
    bw.write(street.scene().replace(tracks=tracks, name="[bold]:car:"), tmp_path / "[red]scene")
    for arguments in (["info", tmp_path / "[red]scene"], ["fill", tmp_path / "[red]scene", "--keyframes-every", "2"]):
        code, out, _ = run(*arguments)
        assert code == 0
        assert "[bold]:car:" in out and "[red]" in out and "\n :car:" in out
    _, out, _ = run("convert", tmp_path / "[red]scene", tmp_path / "[b]:car:")
    assert "[b]:car:" in out
    assert fails(run("info", tmp_path / "[b]none"), "[b]none")


def test_json_is_one_document(run, folder, tmp_path):
    for arguments in (
        ["info", folder],
        ["fill", folder, "--keyframes-every", "2", "--out", tmp_path / "a"],
        ["convert", folder, tmp_path / "b"],
        ["render", folder, "--out", tmp_path / "c", "--width-px", "300", "--height-px", "150"],
    ):
        code, out, _ = run(*arguments, "--json")
        assert code == 0
        assert isinstance(json.loads(out), dict)
        assert out.count("\n") == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_the_example_of_every_command_is_one(command):
    (info,) = (info for info in app.registered_commands if info.name == command)
    (line,) = [line for line in info.callback.__doc__.splitlines() if line.strip().startswith("Example: ")]
    program, name, *arguments = line.split(":", 1)[1].split()
    assert (program, name) == ("boxwright", command)
    typer.main.get_command(app).commands[command].make_context(command, arguments)  # raises where an option is not there


@pytest.mark.parametrize("command", ["info", "render", "view"])
def test_a_path_that_is_not_there(run, tmp_path, command):
    assert fails(run(command, tmp_path / "nowhere"), str(tmp_path / "nowhere"))


def test_a_folder_of_no_known_format(run, tmp_path):
    (tmp_path / "readme.txt").write_text("hello")
    assert fails(run("info", tmp_path), str(tmp_path))
    assert fails(run("info", tmp_path, "--format", "nonsense"), "nonsense")


def test_errors_of_the_system_are_one_sentence(run, monkeypatch, folder):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied", "secret.bin")

    monkeypatch.setattr(bw, "read", refuse)
    assert fails(run("info", folder), "secret.bin: Permission denied")


def test_frames_as_text():
    assert parse_frames("3", 6) == [3]
    assert parse_frames("-1, 0", 6) == [5, 0]
    assert parse_frames("1:4", 6) == [1, 2, 3]
    assert parse_frames("::2", 6) == [0, 2, 4]
    assert parse_frames("all", 3) == [0, 1, 2]
    assert parse_frames("1,1,0:2", 6) == [1, 0]
    for text in ("", "a", "6", "-7", "1:2:0", "9:12", "1:2:3:4", "1.5"):
        with pytest.raises(bw.ArgumentError, match="--frames"):
            parse_frames(text, 6)


def test_places_as_text():
    assert parse_place("1,-2.5, 3e1") == (1.0, -2.5, 30.0)
    assert parse_place("1,-2.5") == (1.0, -2.5)
    for text in ("", "1", "1,nan", "1,2,nan", "1,2,3,4", "a,b,c"):
        with pytest.raises(bw.ArgumentError, match="--at"):
            parse_place(text)


def test_simulate(run, tmp_path):
    code, out, _ = run("simulate", tmp_path / "sim", "--n-frames", "1", "--seed", "3", "--json")
    assert code == 0
    assert json.loads(out)["n_frames"] == 1
    assert len(bw.read(tmp_path / "sim").points(0)) > 1000
    assert fails(run("simulate", tmp_path / "sim2", "--n-frames", "100000"), "--n-frames", "90")


def test_simulate_a_dataset(run, tmp_path):
    out = tmp_path / "data"
    code, said, _ = run("simulate", out, "--scenes", "3", "--frames", "2", "--points", "1500", "--drives", "1")
    assert code == 0 and "3 scenes, 6 frames" in said
    assert bw.scenes(out).names == ("simulated-000000", "simulated-000001", "simulated-000002")
    again = bw.read(out, "simulated-000002")
    assert len(again) == 2 and again.tracks and not again.has_image(0, "front") and again.has_points(1)
    assert fails(run("simulate", out, "--scenes", "3"), "not empty")
    assert fails(run("simulate", tmp_path / "x", "--points", "9000"), "--scenes", "say how many")
    assert fails(run("simulate", tmp_path / "x", "--scenes", "2", "--to", "mot"), "--to", "boxwright batch convert")
    assert fails(run("simulate", tmp_path / "x", "--scenes", "2", "--drives", "3"), "--drives")
    assert not (tmp_path / "x").exists()


def test_simulate_has_one_set_of_defaults(run, tmp_path, monkeypatch):
    from boxwright.formats.sample_clip import SAMPLE_FRAMES, SAMPLE_SEED
    from boxwright.simulation import MAX_FRAMES

    defaults = {name: p.default for name, p in inspect.signature(bw.simulate).parameters.items()}
    assert (defaults["seed"], defaults["n_frames"]) == (SAMPLE_SEED, SAMPLE_FRAMES)
    out = " ".join(run("simulate", "--help")[1].replace("│", " ").split())
    assert f"by default {SAMPLE_SEED}" in out
    assert f"by default {SAMPLE_FRAMES}, at most {MAX_FRAMES}" in out
    asked = []
    monkeypatch.setattr(bw, "simulate", lambda **given: asked.append(given) or street.scene(), raising=False)
    assert run("simulate", tmp_path / "a")[0] == 0
    assert run("simulate", tmp_path / "b", "--seed", "0", "--n-frames", str(MAX_FRAMES))[0] == 0
    assert asked == [{}, {"seed": 0, "n_frames": MAX_FRAMES}]


def test_an_unknown_benchmark_is_told_first(run):
    from boxwright import bench

    _, out, err = run("bench", "--verb", "foo")
    assert out == ""
    known = f"containment, .*, {bench.VERBS[-1]}"
    assert re.fullmatch(f"error: --verb: no such benchmark: expected one of {known}, got 'foo'; leave it out for all\n", err)


def test_the_help_of_bench_names_every_benchmark():
    from boxwright import bench

    help_of_verb = next(option.help for option in typer.main.get_command(app).commands["bench"].params if option.name == "verbs")
    named = help_of_verb.removeprefix("Only this one: ").partition(".")[0]
    assert tuple(re.split(", | or ", named)) == bench.VERBS


def test_bench_prints_its_rows(run, monkeypatch):
    from boxwright import bench
    from boxwright.bench.findings import this_machine

    asked = {}
    found = bench.Findings(this_machine())
    monkeypatch.setattr(bench, "run", lambda **options: asked.update(options) or found)
    code, out, _ = run("bench", "--quick", "--verb", "overlap", "--json")
    assert code == 0
    assert json.loads(out)["rows"] == []
    assert asked["quick"] is True
    assert asked["verbs"] == ["overlap"]
    rival = bench.RivalTime("liar", None, 1.0, None, "DIFFERS: by far", is_wrong=True)
    found.rows.append(bench.Row("overlap", "iou", "1 x 1", 2.0, rivals=(rival,)))
    code, out, _ = run("bench", "--verb", "overlap")
    assert code == 1
    assert "DIFFERS: by far" in out


def test_warmup(run):
    code, out, _ = run("warmup", "--json")
    assert code == 0
    result = json.loads(out)
    assert set(result["seconds"]) >= {"containment", "projection", "occlusion", "overlap", "interpolation", "terrain", "fitting"}
    assert result["total_s"] >= max(result["seconds"].values())


def test_warmup_tells_of_other_versions_and_removes_them(run, tmp_path, monkeypatch):
    monkeypatch.setattr("boxwright.cli.warmup._steps", dict)
    folder = tmp_path / "boxwright" / "kernels"
    ours, other, not_ours = folder / "0123456789abcdef", folder / "fedcba9876543210", folder / "notes"
    for place in (ours, other, not_ours, tmp_path / "elsewhere"):
        (place / "deep").mkdir(parents=True)
        (place / "deep" / "kernel.nbc").write_bytes(bytes(1_500_000))
    (folder / "aaaaaaaaaaaaaaaa").symlink_to(tmp_path / "elsewhere")
    monkeypatch.setattr("boxwright.kernels.cache_folder", ours)
    code, out, _ = run("warmup")
    assert code == 0 and f"kept in {ours}\n" in out and "1 folder of other versions, 1.5 MB, beside it: --clean removes them" in out
    assert other.is_dir()
    result = json.loads(run("warmup", "--json", "--clean")[1])
    assert result["cache_folder"] == str(ours)
    assert result["other_versions"] == {"folders": [str(other)], "n_bytes": 1_500_000, "removed": True}
    assert not other.exists() and all((place / "deep").is_dir() for place in (ours, not_ours, tmp_path / "elsewhere"))
    assert "other versions" not in run("warmup")[1]


def test_warmup_without_a_folder(run, monkeypatch):
    monkeypatch.setattr("boxwright.cli.warmup._steps", dict)
    monkeypatch.setattr("boxwright.kernels.cache_folder", None)
    assert "kept nowhere: no folder can be written to" in run("warmup", "--clean")[1]


@pytest.fixture
def sample():
    try:
        return sample_folder()
    except bw.FrameMissing:
        pytest.skip("the sample data is not there")


def test_demo(run, sample, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = run("demo", "--json")
    assert code == 0
    result = json.loads(out)
    assert result["folder"] == "boxwright-demo"
    total = result["classes"]["all"]
    assert total["n_fits"] > 30
    assert total["fit_iou_bev"] > 0.6
    assert total["fit_xy_m"] < 0.4
    assert total["filled_xy_m"] < 0.25
    assert total["n_points"] > 10_000
    assert total["n_boxes"] > 500
    truth = bw.read(sample / "truth")
    there = sum(int(track.at(truth.times_ns).is_valid.sum()) for track in truth.tracks)
    assert total["n_true"] == there == sum(row["n_true"] for name, row in result["classes"].items() if name != "all")
    assert 0.92 * there < total["n_found"] <= there
    assert total["n_false"] == 0
    assert 0 < total["n_filled_turned"] < total["n_filled"] / 2
    folder = tmp_path / "boxwright-demo"
    scene = bw.read(folder / "scene")
    assert scene.label_frame == "world"
    assert len(scene.tracks) == total["n_objects"]
    assert len(scene.points(0)) > 1000
    kitti = bw.read(folder / "kitti_tracking")
    assert len(kitti) == len(scene)
    assert kitti.camera("image_02").camera.size_px == scene.camera("front").camera.size_px != (1242, 375)
    assert all(kitti.has_points(i) for i in range(len(kitti)))
    assert len(kitti.points(0)) == len(scene.points(0))
    assert any(line.startswith("the pictures") for line in result["dropped"])
    lines = (folder / "cuboids.csv").read_text().splitlines()
    assert len(lines) == 1 + sum(len(scene.cuboids(i)) for i in range(len(scene)))
    pictures = sorted(p.name for p in (folder / "pictures").iterdir())
    assert f"{len(scene) - 1:06d}_overview.png" in pictures
    code, out, _ = run("demo")
    assert code == 0
    assert "boxwright-demo-2" in out
    assert f"{total['n_found']} of {there}" in out and f"{there - total['n_found']} are missing, 0 are not in the truth" in out
    assert f"{total['n_filled_turned']} of {total['n_filled']} filled cuboids" in out
    assert max(map(len, out.split("frames: ")[0].splitlines())) <= 100
    assert (tmp_path / "boxwright-demo-2" / "scene").is_dir()
    code, _, err = run("demo", "--out", folder)
    assert code == 2
    assert "not empty" in err
