"""Everything a scene can hold goes into a project and comes back: made scenes with every field, and every real recording."""

from __future__ import annotations

import filecmp
import shutil
from pathlib import Path

import numpy as np
import pytest

import boxwright as bw
import test_formats_semantic_kitti as semantic_kitti
from boxwright.scene import NoData
from formats_scenes import full_scene
from stores import same_scene
from test_camera_models import WIDE
from test_formats_boxwright_pictures import pictured_scene

LENSES = {**WIDE, "plain": bw.PinholeCamera(64, 48, 50.5, 51.5, 31.5, 23.5, (0.1, -0.2, 1e-3, 2e-3, 0.05)), "unknown": bw.UncalibratedCamera(64, 48)}


def there_and_back(project, path, folder, **how):
    """Imported, read, compared, exported; the export is that of the recording itself."""
    original = bw.read(path, **{key: value for key, value in how.items() if key != "name"})
    commit = project.import_scene(path, by="importer", **how)
    name = how.get("name") or original.name
    back = project.read(name)
    same_scene(back, original if "name" not in how else original.replace(name=name))
    same_scene(project.read(name, at=commit.seq), back)
    bw.write(original, folder / "direct")
    bw.write(back.replace(name=original.name), folder / "stored")
    assert same_folders(folder / "direct", folder / "stored") > 0
    for one in ("direct", "stored"):
        shutil.rmtree(folder / one)
    return back


def same_folders(a: Path, b: Path) -> int:
    """How many files, all of them the same byte for byte."""
    files = [{path.relative_to(top) for path in top.rglob("*") if path.is_file()} for top in (a, b)]
    assert files[0] == files[1]
    same, different, odd = filecmp.cmpfiles(a, b, [str(path) for path in files[0]], shallow=False)
    assert not different and not odd
    return len(same)


def test_every_field(project, rng, tmp_path):
    bw.write(pictured_scene(rng), tmp_path / "in")
    back = there_and_back(project, tmp_path / "in", tmp_path)
    assert (
        len(back.image_tracks) > 5 and back.tags and back.relations and back.source_attributes and back.has_points(0) and back.has_image(0, "front")
    )
    assert bw.fsck(project).damages == []


@pytest.mark.parametrize("form", LENSES)
def test_every_camera_model(tmp_path, form):
    camera = bw.CameraSensor("cam", LENSES[form], bw.Pose.identity(), np.array([5, 105]), 1000, "top_to_bottom")
    scene = bw.Scene("s", [0, 100], cameras={"cam": camera}, label_frame="cam")
    with bw.create_project(tmp_path / "p") as project:
        project.add_scene(scene)
        back = project.read("s").cameras["cam"]
        assert (back.camera, back.ego_from_cam, back.readout_ns, back.rolling_shutter) == (LENSES[form], camera.ego_from_cam, 1000, "top_to_bottom")
        assert back.times_ns.tolist() == [5, 105]


def test_labels_of_points_and_edits_of_them(project, rng, tmp_path):
    path = semantic_kitti.make(tmp_path / "kitti")
    back = there_and_back(project, path, tmp_path)
    assert back.has_point_labels(0)
    scene = full_scene(rng)
    edits = [
        bw.PointEdit.of_points(0, [3, 4, 9], category="car"),
        bw.PointEdit.of_polygon(1, [[0, 0], [1, 0], [1, 1.5]], low_m=-1.0, track_id="7", sensor="rear"),
        bw.PointEdit.of_cuboid(2, bw.Cuboid([1, 2, 3], [1, 1, 1], 0.3), category="", sensor="lidar"),
    ]
    labels = {(0, "lidar"): bw.PointLabels(rng.integers(0, 3, 50), rng.integers(0, 9, 50), {1: "a", 2: "b"}, {4: "7"}, 2)}
    bw.write(scene.replace(point_edits=edits, point_label_data=labels), tmp_path / "in")
    back = there_and_back(project, tmp_path / "in", tmp_path)
    assert len(back.point_edits) == 3 and back.point_labels(0).n_contested == 2


def test_what_was_kept_aside(project, rng, tmp_path):
    import json

    bw.write(full_scene(rng).replace(relations=()), tmp_path / "in")
    file = tmp_path / "in/scene.json"
    top = json.loads(file.read_text())
    top["tracks"][0]["keyframes"][0]["size_m"][0] = -1.0
    file.write_text(json.dumps(top))
    back = there_and_back(project, tmp_path / "in", tmp_path, strict=False)
    assert len(back.problems) == 1 and back.problems[0].record["track_id"] == "7"


def test_the_sources_of_a_consensus(project, rng):
    base = full_scene(rng).replace(data=NoData(), relations=())
    track = base.tracks[0]
    scenes = []
    for k in range(3):
        moved = track.replace(cuboids=track.cuboids.replace(center_m=track.cuboids.center_m + 0.01 * k))
        scenes.append(base.replace(name=f"by {k}", tracks=[moved], tags=[bw.Tag("annotator", f"a{k}")]))
    merged = bw.consensus(scenes).scene
    project.add_scene(merged.replace(name="merged"))
    back = project.read("merged")
    for name, tracks in bw.consensus_sources(merged).items():
        for mine, theirs in zip(tracks, bw.consensus_sources(back)[name], strict=True):
            assert mine.cuboids.center_m.tobytes() == theirs.cuboids.center_m.tobytes()


def test_numbers_keep_their_bits_and_kinds(project):
    odd = {
        "minus zero": -0.0,
        "whole": 1,
        "float": 1.0,
        "flag": True,
        "tiny": 5e-324,
        "big": 1.7976931348623157e308,
        "long": 2**70,
        "text": "\ud800\0ü",
    }
    scene = bw.Scene("s", [0], label_frame="lidar", lidars={"lidar": bw.Lidar("lidar")}, source_attributes=odd)
    project.add_scene(scene)
    back = project.read("s").source_attributes
    assert {key: repr(value) for key, value in back.items()} == {key: repr(value) for key, value in odd.items()} and list(back) == list(odd)


def test_labels_laid_over_a_video(project, tmp_path):
    pytest.importorskip("av", reason="PyAV is not installed (extra 'video')")
    pictures = [np.full((48, 64, 3), 10 * i, np.uint8) for i in range(6)]
    bw.write_video(tmp_path / "drive.mp4", pictures, times_ns=[40_000_000 * i for i in range(6)])
    video = bw.read(tmp_path / "drive.mp4")
    track = bw.ImageTrack("1", "car", "drive", video.times_ns[[0, 3]], bw.Boxes([[1.0, 2, 3, 4], [2, 3, 4, 5]]))
    bw.write(video.replace(image_tracks=[track], data=NoData()), tmp_path / "labels", "mot")
    back = there_and_back(project, tmp_path / "drive.mp4", tmp_path)
    bw.write(video, tmp_path / "kept")
    kept = there_and_back(project, tmp_path / "kept", tmp_path, name="kept")
    assert all(np.array_equal(kept.image(i, "drive"), video.image(i, "drive")) for i in range(6))
    project.import_scene(tmp_path / "drive.mp4", labels=tmp_path / "labels", name="with labels")
    labelled = project.read("with labels")
    assert len(labelled.image_tracks) == 1 and np.array_equal(labelled.image(4, "drive"), back.image(4, "drive"))
    (tmp_path / "drive.mp4").write_bytes((tmp_path / "drive.mp4").read_bytes()[:-1] + b"x")
    with pytest.raises(bw.CorruptionError, match="a recorded file has changed"):
        labelled.image(4, "drive")


# ------------------------------------------------------------ recorded files


@pytest.fixture
def recorded(tmp_path, rng):
    bw.write(full_scene(rng), tmp_path / "in")
    with bw.create_project(tmp_path / "p") as made:
        made.import_scene(tmp_path / "in")
        yield made


def test_an_entry_of_a_listing_is_imported(recorded, tmp_path):
    (entry,) = bw.scenes(tmp_path / "in")
    recorded.import_scene(tmp_path / "in", entry, name="again")
    same_scene(recorded.read("again"), recorded.read(recorded.scenes()[0].name).replace(name="again"))


@pytest.mark.parametrize("kind", ["lidars/lidar", "cameras/front"])
def test_a_changed_file_is_noticed(recorded, tmp_path, kind):
    file = sorted((tmp_path / "in" / kind).iterdir())[0]
    raw = bytearray(file.read_bytes())
    assert recorded.check_files("clip 1") == []
    raw[-1] ^= 1
    file.write_bytes(raw)
    scene = recorded.read("clip 1")
    with pytest.raises(
        bw.CorruptionError, match=rf"{file.name}: frame 0, \w+: a recorded file has changed: expected .* sha256 \w+, got .* sha256 \w+"
    ):
        scene.points(0) if "lidar" in kind else scene.image(0, "front")
    with pytest.raises(bw.CorruptionError):
        bw.write(scene, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (wrong,) = recorded.check_files("clip 1")
    assert wrong.code == "file-changed" and wrong.path == str(file)
    assert len(scene.points(1)) == 51


def test_a_file_that_is_gone_is_no_empty_frame(recorded, tmp_path):
    (tmp_path / "in/lidars/lidar/f0.pcd").unlink()
    scene = recorded.read("clip 1")
    assert scene.has_points(0)
    with pytest.raises(bw.FrameMissing, match="a recorded file cannot be read: No such file"):
        scene.points(0)


def test_a_recording_that_moved(recorded, tmp_path):
    (tmp_path / "in").rename(tmp_path / "elsewhere")
    with pytest.raises(bw.FrameMissing):
        recorded.read("clip 1").points(0)
    edits = recorded.edits("clip 1")
    edits.relocate(tmp_path / "elsewhere")
    edits.commit()
    assert len(recorded.read("clip 1").points(0)) == 50 and recorded.check_files("clip 1") == []


# ------------------------------------------------------------ real recordings

REAL = {  # folder -> scenes, None for all
    "kitti_object": None,
    "kitti_tracking": ["0012", "0001"],
    "kitti_raw": None,
    "av2": None,
    "dgp/scene_01": None,
    "sustechpoints/example": None,
    "openlabel/kitti_tracking": ["0012"],
    "openlabel/osdar23": None,
    "openlabel/examples": None,
    "cvat_video_xml": None,
    "mot": None,
    "video/test_video.mp4": None,
}


def bring_in(place, path, folder, most, tmp_path):
    """Scenes of a dataset, the first `most` of them."""
    with bw.create_project(place, "real") as made:
        names = [entry.name for entry in bw.scenes(path)]
        chosen = [name for name in names if REAL[folder] is None or any(name.endswith(wanted) for wanted in REAL[folder])]
        assert chosen
        for k, name in enumerate(chosen[:most]):
            there_and_back(made, path, tmp_path, scene=name, name=f"{k} {name}", strict=folder != "openlabel/examples")
        assert bw.fsck(made).damages == []


@pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")
@pytest.mark.parametrize(("folder", "place"), [*((folder, "sqlite") for folder in REAL), ("openlabel/osdar23", "postgresql")], indirect=["place"])
def test_real_recordings(real_data, tmp_path, folder, place):
    bring_in(place, real_data / folder, folder, 1, tmp_path)


@pytest.mark.full
@pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")
@pytest.mark.parametrize("folder", REAL)
def test_all_real_recordings(real_data, tmp_path, folder, place):
    bring_in(place, real_data / folder, folder, None, tmp_path)
