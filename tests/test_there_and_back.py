"""What was read leniently is written, and reads strictly: every damaged recording, in every format that can be written."""

from __future__ import annotations

import random
import shutil

import numpy as np
import pytest

import boxwright as bw
import test_formats_argoverse2 as argoverse2
from boxwright.formats import _WRITERS
from formats_scenes import full_scene
from mutants import MOST_FRAMES, RECORDINGS, Victim, consume

TO = [name for name in _WRITERS if name not in ("cvat_video", "mot")]  # these two hold the labels in one camera's pictures, and no sensor's data


def is_whole(scene: bw.Scene) -> bool:
    """Whether every sweep, its labels and every picture can be read: damaged files are refused either way, and then nothing is written."""
    for i in range(len(scene)):
        try:
            for name in scene.lidars:
                scene.points(i, name) if scene.has_points(i, name) else None
                scene.point_labels(i, name) if scene.has_point_labels(i, name) else None
            for name in scene.cameras:
                scene.image(i, name) if scene.has_image(i, name) else None
        except bw.BoxwrightError:
            return False
    return True


def n_labels(scenes: list[bw.Scene]) -> int:
    return sum(len(bw.interpolate_tracks(scene.tracks, scene.times_ns).track_index) for scene in scenes)


def there_and_back(scene: bw.Scene, to: str, folder) -> str:
    """ "written" where it was, and then read strictly with as many labels as the report says; "refused" where a sweep or picture is damaged."""
    try:
        report = bw.write(scene, folder, to)
    except bw.BoxwrightError as error:
        # a label near the bound of coordinates, placed by a pose near it; a scene may have no sensor
        too_far = "coordinates and sizes under 1e+08 m" in str(error)
        beyond_kitti = ("needs a LiDAR", "instances up to 65,535 in a .label")
        is_kitti = to in ("kitti_object", "kitti_tracking", "semantic_kitti")
        assert too_far or (is_kitti and any(words in str(error) for words in beyond_kitti)) or not is_whole(scene)
        assert not folder.exists()
        return "refused"
    consume(folder, True, to)
    back = [entry.read() for entry in bw.scenes(folder)]
    if to == "boxwright":
        assert [track.track_id for track in back[0].tracks] == [track.track_id for track in scene.tracks]
        for mine, theirs in zip(scene.tracks, back[0].tracks):
            np.testing.assert_array_equal(theirs.cuboids.center_m, mine.cuboids.center_m)
    elif len(scene):
        assert n_labels(back) == report.n_labels
    shutil.rmtree(folder)
    return "written"


def outcomes_of(name: str, n_read: int, folder) -> dict[str, int]:
    """Of damage from equal dice, until so many damaged recordings could be read."""
    victim = Victim(name, folder / "in")
    outcomes = {"read": 0, "unread": 0, "written": 0, "refused": 0}
    while outcomes["read"] < n_read:
        mutation = outcomes["read"] + outcomes["unread"]
        assert mutation < 100 * n_read, outcomes
        where = victim.damage(random.Random(f"there and back {name} {mutation}"))
        try:
            scenes = [entry.read(strict=False) for entry in bw.scenes(victim.path)]
        except bw.BoxwrightError:
            outcomes["unread"] += 1
            continue
        outcomes["read"] += 1
        for scene in scenes:
            for to in TO if len(scene) <= MOST_FRAMES else ():  # a frame of KITTI object is two files, and labels may claim a million
                try:
                    outcomes[there_and_back(scene, to, folder / "out")] += 1
                except (Exception, AssertionError) as error:
                    error.add_note(f"mutation {mutation} of {where}, written as {to}")
                    raise
    return outcomes


@pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")
@pytest.mark.parametrize("name", RECORDINGS)
def test_damaged_recordings_there_and_back(tmp_path, name):
    outcomes = outcomes_of(name, 6, tmp_path)
    assert outcomes["written"] >= 6, outcomes


@pytest.mark.full
@pytest.mark.timeout(1800)
@pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")
@pytest.mark.parametrize("name", RECORDINGS)
def test_many_damaged_recordings_there_and_back(tmp_path, name):
    outcomes = outcomes_of(name, 400, tmp_path)
    assert outcomes["written"] > 400, outcomes


@pytest.mark.parametrize("to", ["kitti_object", "kitti_tracking"])
@pytest.mark.parametrize("yaw", [0.0, 0.7])
def test_a_camera_that_looks_straight_down(tmp_path, rng, to, yaw):
    """KITTI's headings turn about the first camera's y axis; where that lies level, nothing could be told from them."""
    scene = full_scene(rng)
    down = scene.lidars["lidar"].ego_from_lidar @ bw.Pose(
        [[np.sin(yaw), -np.cos(yaw), 0], [-np.cos(yaw), -np.sin(yaw), 0], [0, 0, -1.0]], (0, 0, 2.0)
    )
    front = scene.cameras["front"]
    cameras = {"below": bw.CameraSensor("below", front.camera, down), "front": front}
    report = bw.write(scene.replace(cameras=cameras), tmp_path / "both", to)
    assert any(line.startswith("camera below: its y axis lies level") for line in report.dropped)
    without = bw.write(scene.replace(cameras={"front": front}), tmp_path / "front", to)
    assert without.n_labels == report.n_labels > 0
    both, alone = ({path.relative_to(top): path.read_bytes() for path in top.rglob("*.txt")} for top in (tmp_path / "both", tmp_path / "front"))
    assert both == alone
    bw.write(scene.replace(cameras={"below": cameras["below"]}), tmp_path / "below", to)
    assert n_labels([entry.read() for entry in bw.scenes(tmp_path / "below")]) == report.n_labels


def test_a_column_of_nan_is_kept(tmp_path):
    """Of a column nobody knows, what JSON cannot hold becomes a text."""
    pytest.importorskip("pyarrow")
    columns = argoverse2.label_columns()
    n = len(columns["category"])
    scene = bw.read(argoverse2.make(tmp_path, {**columns, "speed": np.where(np.arange(n) % 2, np.nan, 1.5)}))
    bw.write(scene, tmp_path / "out")
    kept = [[row["speed"] for track in one.tracks for row in track.keyframe_source_attributes if row] for one in (scene, bw.read(tmp_path / "out"))]
    assert kept[0] == kept[1] and set(kept[0]) == {1.5, "nan"}


@pytest.mark.parametrize("to", TO)
def test_a_damaged_picture_is_not_copied(tmp_path, rng, to):
    bw.write(full_scene(rng).replace(lidars={"lidar": full_scene(rng).lidars["lidar"]}), tmp_path / "in")
    bw.write(bw.read(tmp_path / "in"), tmp_path / "good", to)
    picture = next((tmp_path / "in/cameras/front").iterdir())
    picture.write_bytes(picture.read_bytes()[:-5])
    with pytest.raises(bw.FormatError, match=rf"{picture.name}: frame \d, front: the picture is cut off or damaged"):
        bw.write(bw.read(tmp_path / "in"), tmp_path / "out", to)
    assert not (tmp_path / "out").exists()
