"""What lies in boxwright's own scene folder beside the data of its frames: never passed over silently."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

import boxwright as bw
from boxwright.cli import main
from boxwright.formats.dry_run import dry_run
from formats_scenes import full_scene


@pytest.fixture
def folder(rng, tmp_path):
    bw.write(full_scene(rng), tmp_path / "clip")
    return tmp_path / "clip"


def put(path, data=b""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def test_a_whole_folder_needs_no_word(folder):
    put(folder / ".hidden")
    put(folder / "lidars/.DS_Store")
    put(folder / "lidars/lidar/.DS_Store")
    (folder / "cameras/gone").mkdir()
    assert bw.read(folder).notes == ["one note", "cameras: nothing reads 'gone/'"]
    (folder / "cameras/gone").rmdir()
    assert bw.read(folder).notes == ["one note"]


def test_files_of_no_frame_are_told(folder, capsys):
    shutil.copy(folder / "lidars/lidar/f0.pcd", folder / "lidars/lidar/f9.pcd")
    put(folder / "cameras/front/f1.bmp")
    put(folder / "cameras/front/f1.png.bak")
    put(folder / "cameras/notes.txt")
    put(folder / "labels.csv")
    put(folder / "pictures/a.png")
    told = [
        "clip: nothing reads 'labels.csv', 'pictures/'",
        "lidars/lidar: 1 file is left out, its name being no frame's, such as 'f9.pcd': expected names like <frame_id>.pcd",
        "cameras: nothing reads 'notes.txt'",
        "cameras/front: 2 files are left out, their names being no frame's, such as 'f1.bmp': expected names like <frame_id>.png",
    ]
    scene = bw.read(folder)
    assert scene.notes == ["one note", *told]
    assert bw.read(folder / "scene.json").notes == scene.notes
    assert dry_run(folder).notes == scene.notes
    for arguments in (["info", str(folder)], ["convert", str(folder), "--dry-run"], ["convert", str(folder), str(folder.parent / "more")]):
        with pytest.raises(SystemExit):
            main(arguments)
        out = capsys.readouterr().out
        assert all(note in out for note in told)
    bw.write(scene, folder.parent / "again")  # what was left out stays told, once
    assert bw.read(folder.parent / "again").notes == scene.notes


@pytest.mark.parametrize(("kind", "what"), [("lidars", "sweeps"), ("cameras", "pictures")])
def test_data_of_a_sensor_without_calibration_are_refused(folder, kind, what):
    own = next(iter((folder / kind).iterdir()))
    shutil.copytree(own, folder / kind / "spare")
    for strict in (True, False):
        with pytest.raises(bw.CalibrationError, match=rf"scene.json: {kind}: {what} have no calibration: expected a sensor called 'spare'.*take its"):
            bw.read(folder, strict=strict)


def test_a_sensor_taken_out_of_scene_json_is_missed(folder):
    file = folder / "scene.json"
    top = json.loads(file.read_text())
    top["cameras"] = [camera for camera in top["cameras"] if camera["name"] != "front"]
    file.write_text(json.dumps(top))
    with pytest.raises(
        bw.CalibrationError, match=r"scene.json: cameras: pictures have no calibration: expected .*'front'.* got round; add the sensor"
    ):
        bw.read(folder)


def test_a_dry_run_tells_the_notes_of_many_scenes_once(tmp_path):
    for name in ("a", "b", "c"):
        bw.write(bw.Scene(name, np.arange(2), notes=["all of them"] if name != "b" else ["one of them"]), tmp_path / name)
    assert dry_run(tmp_path).notes == ["all of them (in 2 scenes)", "b: one of them"]
