"""Files of many scenes: each is read from its own records alone, and is what it would be in a file of its own."""

from __future__ import annotations

import json
from collections import OrderedDict

import numpy as np
import pytest

import boxwright as bw
import test_formats_coco as coco
import test_formats_label_studio as label_studio
import test_formats_nuscenes as nuscenes
import test_formats_scale as scale
from boxwright.formats.json_parts import JsonParts
from boxwright.formats.json_scenes import PlacedItems

OF_SCENES = ("scene", "sample", "sample_data", "ego_pose", "sample_annotation", "instance")  # nuScenes' tables with records of each


def save(file, value):
    """Letters of several bytes stand as they are; between items are spaces and new lines."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(value, ensure_ascii=False, indent=1), encoding="utf-8")


def of_coco(folder, numbers):
    """Pictures and labels of the scenes by turns."""
    videos, images, labels = [], [], []
    for f in range(3):
        for k in numbers:
            images.append({"id": 10 * k + f, "video_id": k, "frame_id": f, "file_name": f"{k}/ü{f}.jpg", **coco.SIZE})
            told = {"track_id": "漢", "of": k}
            labels.append({"id": 10 * k + f, "image_id": 10 * k + f, "category_id": 1, "bbox": [k, f, 10, 5], "attributes": told})
    videos = [{"id": k, "name": f"grün {k}"} for k in numbers]
    save(folder / "street.json", {"videos": videos, "images": images, "annotations": labels, "categories": [{"id": 1, "name": "car"}]})


def of_label_studio(folder, numbers):
    tasks = []
    for k in numbers:
        one = label_studio.task(label_studio.region(f"ü{k}", [label_studio.keyframe(1, k)]), **label_studio.SIZE)
        tasks.append(one | {"data": {**one["data"], "video": f"x/grün {k}.mp4"}})
    save(folder / "tasks.json", tasks)


def of_nucleus(folder, numbers):
    scenes, labels = [], []
    for k in numbers:
        clouds = [{"top": {"reference_id": f"ü{k}/{i}", "type": "pointcloud", "url": f"{i}.json"}} for i in range(2)]
        scenes.append({"reference_id": f"grün {k}", "frames": clouds})
    for i in range(2):
        labels += [{**scale.annotation(i, (13 + k, -3.5, 0.6)), "reference_id": f"ü{k}/{i}"} for k in numbers]
    save(folder / "scenes.json", {"scenes": scenes})
    save(folder / "annotations.json", {"update": False, "annotations": labels})


def of_nuscenes(folder, numbers):
    rows = nuscenes.tables()
    made = {name: list(own) if name not in OF_SCENES else [] for name, own in rows.items()}
    for k in numbers:
        renamed = {record["token"]: f"{record['token']} ü{k}" for name in OF_SCENES for record in rows[name]}
        for name in OF_SCENES:
            for record in rows[name]:
                own = {key: renamed.get(value, value) if isinstance(value, str) else value for key, value in record.items()}
                made[name].append(
                    own | ({"name": f"grün {k}"} if name == "scene" else {}) | ({"size": [k, 4, 2]} if name == "sample_annotation" else {})
                )
    for name, own in made.items():
        save(folder / "v1.0-mini" / f"{name}.json", own)


MANY = {"coco": of_coco, "label_studio": of_label_studio, "nucleus": of_nucleus, "nuscenes": of_nuscenes}
LABELS = {"coco": "street.json", "label_studio": "tasks.json", "nucleus": "annotations.json", "nuscenes": "v1.0-mini/sample_annotation.json"}


def told(scene):
    shapes = [(track.track_id, track.category, track.times_ns.tolist(), track.shapes.bounds_xyxy().tolist()) for track in scene.image_tracks]
    cuboids = [(track.track_id, track.category, track.times_ns.tolist(), track.cuboids.corners_m().tolist()) for track in scene.tracks]
    kept = [scene.source_attributes] + [
        [*track.keyframe_attributes, *track.keyframe_source_attributes] for track in (*scene.tracks, *scene.image_tracks)
    ]
    return [scene.name, scene.times_ns.tolist(), scene.frame_ids, [*scene.cameras], shapes, cuboids, kept, scene.notes]


@pytest.mark.parametrize("format", MANY)
@pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")
def test_each_is_as_in_a_file_of_its_own(tmp_path, format):
    MANY[format](tmp_path / "all", range(1, 6))
    found = [entry.read() for entry in bw.scenes(tmp_path / "all", format)]
    assert [scene.name for scene in found] == [f"grün {k}" for k in range(1, 6)]
    for k, scene in enumerate(found, 1):
        MANY[format](tmp_path / str(k), [k])
        alone = bw.read(tmp_path / str(k), format=format)
        assert told(scene) == told(alone)
        assert scene.tracks or scene.image_tracks


def counted(monkeypatch):
    """The offsets of the values that are parsed, first and again."""
    parsed = []
    for name in ("_parsed", "again"):
        honest = getattr(JsonParts, name)
        monkeypatch.setattr(
            JsonParts, name, lambda self, *given, honest=honest: parsed.append(next(at for at in given if type(at) is int)) or honest(self, *given)
        )
    return parsed


@pytest.mark.parametrize("format", MANY)
@pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")
def test_twice_the_scenes_take_twice_the_work(tmp_path, monkeypatch, format):
    """Every scene took all of the file anew: 800 videos of 1 MB took 55 s, 130 s in COCO."""
    parsed = counted(monkeypatch)
    n_parsed = []
    for n in (20, 40):
        MANY[format](tmp_path / str(n), range(1, n + 1))
        parsed.clear()
        for entry in bw.scenes(tmp_path / str(n), format):
            entry.read()
        n_parsed.append(len(parsed))
    assert 40 < n_parsed[1] <= 2 * n_parsed[0]


def test_a_task_is_parsed_once_to_find_it_and_once_to_read_it(tmp_path, monkeypatch):
    """It was twice each, and what a long one takes in memory was reckoned four times, where there is room for all of the file."""
    MANY["label_studio"](tmp_path, range(1, 4))
    parsed = counted(monkeypatch)
    monkeypatch.setattr(JsonParts, "_taken_by", None)
    for entry in bw.scenes(tmp_path, "label_studio"):
        entry.read()
    assert len(parsed) == 6


def changed(file, change):
    given = json.loads(file.read_text())
    change(given)
    save(file, given)


@pytest.mark.parametrize("format", MANY)
@pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")
def test_an_error_names_the_record_by_its_number_in_the_file(tmp_path, format):
    MANY[format](tmp_path, range(1, 4))
    file, change, field = {
        "coco": ("street.json", lambda top: top["annotations"][4].update(bbox="wide"), r"annotations\[4\]\.bbox"),
        "label_studio": (
            "tasks.json",
            lambda top: top[1]["annotations"][0]["result"][0].update(value=3),
            r"\[1\]\.annotations\[0\]\.result\[0\]\.value",
        ),
        "nucleus": ("annotations.json", lambda top: top["annotations"][4]["geometry"].update(yaw="left"), r"annotations\[4\]\.geometry\.yaw"),
        "nuscenes": ("v1.0-mini/sample_annotation.json", lambda top: top[4].update(size=[1, 2]), r"\[4\]\.size"),
    }[format]
    changed(tmp_path / file, change)
    first, second, third = bw.scenes(tmp_path, format)
    first.read()
    third.read()
    with pytest.raises(bw.FormatError, match=field):
        second.read()


@pytest.mark.parametrize("format", ["coco", "nucleus", "nuscenes"])
@pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")
def test_a_label_of_no_scene_that_can_be_told_is_told_by_each(tmp_path, format):
    MANY[format](tmp_path, range(1, 4))
    file, change, field = {
        "coco": ("street.json", lambda top: top["annotations"][0].update(image_id="a"), r"annotations\[0\]\.image_id"),
        "nucleus": ("annotations.json", lambda top: top["annotations"][0].update(reference_id=7), r"annotations\[0\]\.reference_id"),
        "nuscenes": ("v1.0-mini/sample_annotation.json", lambda top: top[0].update(sample_token=7), r"\[0\]\.sample_token"),
    }[format]
    changed(tmp_path / file, change)
    for entry in bw.scenes(tmp_path, format):
        with pytest.raises(bw.FormatError, match=field):
            entry.read()
        (problem,) = entry.read(strict=False).problems
        assert "expected" in str(problem)


def test_a_picture_of_two_videos_is_refused(tmp_path):
    of_coco(tmp_path, range(1, 4))
    changed(tmp_path / "street.json", lambda top: top["images"][1].update(id=top["images"][0]["id"]))
    for entry in bw.scenes(tmp_path):
        with pytest.raises(bw.FormatError, match=r"images\[1\]\.id: expected each picture once"):
            entry.read()


@pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")
def test_cuboids_of_clouds_that_no_scene_has_are_told(tmp_path):
    """Nobody said that they were left out."""
    of_nucleus(tmp_path, range(1, 3))
    changed(tmp_path / "annotations.json", lambda top: top["annotations"][0].update(reference_id="gone"))
    for entry in bw.scenes(tmp_path):
        assert "1 cuboid of clouds that no scene has: left out" in entry.read().notes


def test_what_several_scenes_name_is_each_one_s(tmp_path):
    """An instance of nuScenes that two scenes have, and a pose of all."""
    of_nuscenes(tmp_path, range(1, 4))
    folder = tmp_path / "v1.0-mini"
    changed(folder / "sample_annotation.json", lambda top: [one.update(instance_token="car ü1") for one in top if one["instance_token"] == "car ü2"])
    changed(
        folder / "sample_data.json",
        lambda top: [one.update(ego_pose_token="e0LIDAR_TOP ü1") for one in top if "e0LIDAR_TOP" in one["ego_pose_token"]],
    )
    scenes = [entry.read() for entry in bw.scenes(tmp_path)]
    assert [[track.track_id for track in scene.tracks] for scene in scenes] == [
        ["car ü1", f"man ü{k}"] if k < 3 else ["car ü3", "man ü3"] for k in (1, 2, 3)
    ]


@pytest.mark.parametrize("format", ["coco", "label_studio"])
def test_their_names_are_gathered_once(tmp_path, monkeypatch, format):
    """Every scene gathered the names of all others: 3,000 in 170 kB took 8 s."""
    from boxwright.formats import coco, label_studio

    module = {"coco": coco, "label_studio": label_studio}[format]
    calls, honest = [], module._places_in

    def counted(files):
        calls.append(files)
        return honest(files)

    monkeypatch.setattr(module, "_places_in", counted)
    MANY[format](tmp_path, range(1, 6))
    assert len([entry.read() for entry in bw.scenes(tmp_path, format)]) == 5
    assert len(calls) == 1


@pytest.mark.parametrize("format", MANY)
@pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")
def test_what_is_remembered_tells_its_size(tmp_path, monkeypatch, format):
    """Where the records are takes memory for each: of many large files it is kept up to a bound."""
    from boxwright.formats import remembering

    for most_bytes, n_kept in ((1 << 20, 3), (1, 1)):
        monkeypatch.setattr(remembering, "_MOST_BYTES", most_bytes)
        monkeypatch.setattr(remembering, "_known", OrderedDict())
        for k in range(3):
            folder = tmp_path / f"{most_bytes} {k}"
            MANY[format](folder, range(1, 4))
            for entry in bw.scenes(folder, format):
                entry.read()
        places = {id(value) for _, value in remembering._known.values() if getattr(value, "n_bytes", 0) > 0}
        assert len(places) >= n_kept if n_kept > 1 else len(places) <= 1


def test_what_is_known_of_records_is_within_the_limits(tmp_path, monkeypatch):
    """Tokens of a million small records took more memory than a file may."""
    of_nuscenes(tmp_path, range(1, 4))
    few = [{"token": str(k), "scene_token": ""} for k in range(5000)]
    (tmp_path / "v1.0-mini/sample.json").write_text(json.dumps(few))
    monkeypatch.setenv("BOXWRIGHT_LIMIT_JSON_ROOM_BYTES", "1000000")
    with pytest.raises(bw.LimitError, match=r"sample\.json: .*more json room bytes than allowed"):
        bw.scenes(tmp_path)[0].read()


def test_long_annotations_of_nucleus_are_none_of_coco(tmp_path):
    """Behind 64 kB, a list of annotations was enough for COCO."""
    of_nucleus(tmp_path, range(1, 400))
    changed(tmp_path / "annotations.json", lambda top: top.pop("update"))
    assert (tmp_path / "annotations.json").stat().st_size > 1 << 16
    assert bw.scenes(tmp_path).format == "nucleus"


def test_a_folder_of_many_files_is_not_looked_through_for_each(tmp_path, monkeypatch):
    """Every clip of Darwin's took a look into every file beside it."""
    from boxwright.formats import darwin

    bw.write(bw.Scene("clip", [0], cameras={"front": bw.CameraSensor("front", bw.UncalibratedCamera(9, 7))}), tmp_path / "one", "darwin")
    (file,) = (tmp_path / "one").glob("*.json")
    for k in range(5):
        (tmp_path / f"clip {k}.json").write_bytes(file.read_bytes())
    entries = [*bw.scenes(tmp_path)]
    looked, honest = [], darwin._is_ours
    monkeypatch.setattr(darwin, "_is_ours", lambda one: looked.append(one.stem) or honest(one))
    entries[3].read()
    assert looked == ["clip 3"]


def test_items_of_nobody_stay_in_the_order_of_the_file():
    rows = {"a": [[2, 20, 29]], "b": [[1, 10, 19]], None: [[0, 0, 9], [3, 30, 39]]}
    items = PlacedItems({scene: np.array(own) for scene, own in rows.items()}, 0, 39, True)
    assert items.of(["a"]).tolist() == [[0, 0, 9], [2, 20, 29], [3, 30, 39]]
