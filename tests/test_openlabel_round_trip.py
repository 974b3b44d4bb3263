"""OpenLABEL through boxwright and back: nothing is lost, whatever it is; what is written is read by the schema and by others."""

from __future__ import annotations

import importlib.resources
import json
import math
import random
import shutil

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import boxwright as bw
import mutations
from boxwright.certification.clients import python_with
from boxwright.formats import openlabel_track_writer, openlabel_tracks
from boxwright.rotations import quat_from_yaw, quat_multiply
from formats_scenes import full_scene
from fuzz_child import Child
from platform_scenes import asked
from test_formats_openlabel import CAR_EGO, YAW, assert_same_scene, car, document, ego_to_world, read, save

# ------------------------------------------------------------ leaf by leaf


def lost(before, after, at=""):
    """Places of `before` whose value is not in `after`; lists of objects may be in another order, turns may have the other sign."""
    if isinstance(before, dict):
        if not isinstance(after, dict):
            return [at] if before else []
        return [
            place
            for key, value in before.items()
            for place in (lost(value, after[key], f"{at}.{key}") if key in after else left(value, f"{at}.{key}"))
        ]
    if isinstance(before, list) and before and all(isinstance(item, dict) for item in before):
        if not isinstance(after, list):
            return [at]
        return [f"{at}[{i}]" for i, item in enumerate(before) if all(lost(item, other) for other in after)]
    if at.endswith(".val") and isinstance(before, list) and isinstance(after, list) and len(before) == len(after) == 10:
        return [] if same_cuboid(before, after) else [at]
    if isinstance(before, list) and any(isinstance(item, float) for item in before) and all(type(item) in (int, float) for item in before):
        return [] if np.shape(before) == np.shape(after) and np.allclose(before, after, rtol=0, atol=1e-9) else [at]
    return [] if before == after and isinstance(before, bool) == isinstance(after, bool) else [at]


def left(value, at):
    """An empty list or object says nothing."""
    return [at] if value not in ({}, [], None) else []


def same_cuboid(a, b):
    a, b = np.array(a), np.array(b)
    sign = np.sign(a[3:7] @ b[3:7])
    return np.allclose(np.r_[a[:3], a[7:]], np.r_[b[:3], b[7:]], rtol=0, atol=1e-9) and np.allclose(a[3:7], sign * b[3:7], rtol=0, atol=1e-6)


def there_and_back(folder, file, through=(), strict=True):
    """(the scene, the scene that comes back, the document written, the report), by way of other formats of boxwright's."""
    scene = bw.read(file, strict=strict)
    came = scene
    for i, format in enumerate(through):
        bw.write(came, folder / f"by{i}", format=format)
        came = bw.read(folder / f"by{i}", format=format)
    report = bw.write(came, folder / "out", format="openlabel")
    written = json.loads(next((folder / "out").glob("*.json")).read_text())["openlabel"]
    return scene, bw.read(folder / "out"), written, report


def rich_document():
    """Everything that OpenLABEL can say, and that boxwright has no name for, in one file."""
    doc = document()
    doc["metadata"] |= {"name": "a clip", "comment": "from elsewhere", "tagged_file": "x/y"}
    doc["ontologies"] = {"0": "https://example.org/o", "1": {"uri": "https://example.org/p", "boundary_list": ["a"], "boundary_mode": "include"}}
    doc["resources"] = {"0": "map.xodr"}
    doc["tags"] = {
        "0": {"type": "motorway", "ontology_uid": "0"},
        "1": {"type": "lanes", "ontology_uid": "1", "tag_data": {"vec": [{"type": "values", "val": [2, 3]}]}},
    }
    spans = [{"frame_start": 5, "frame_end": 6}]
    doc["actions"] = {"0": {"name": "a", "type": "walks", "frame_intervals": spans, "action_data": {"text": [{"name": "how", "val": "fast"}]}}}
    doc["events"] = {"0": {"name": "e", "type": "starts", "frame_intervals": [{"frame_start": 5, "frame_end": 5}]}}
    doc["contexts"] = {"0": {"name": "c", "type": "noisy"}}
    doc["frame_intervals"] = [{"frame_start": 4, "frame_end": 5}, {"frame_start": 6, "frame_end": 6}]
    doc["coordinate_systems"]["base"] |= {"note": "rear axle", "number": 7}
    doc["coordinate_systems"]["top"]["pose_wrt_parent"] = {"quaternion": [0, 0, math.sqrt(0.5), math.sqrt(0.5)], "translation": [0.5, -0.2, 1.8]}
    doc["coordinate_systems"]["imu"] = {
        "type": "sensor_cs",
        "parent": "top",
        "children": [],
        "pose_wrt_parent": {"matrix4x4": np.eye(4).ravel().tolist()},
    }
    doc["coordinate_systems"]["top"]["children"] = ["imu"]
    doc["coordinate_systems"]["map"] = {"type": "geo_utm", "parent": "", "zone": 32}
    doc["streams"]["top"] |= {"description": "on the roof", "uri": "top.bag", "stream_properties": {"beams": 64, "sync": {"frame_shift": 3}}}
    doc["streams"]["front"] |= {"uri": "front.mp4"}
    doc["streams"]["front"]["stream_properties"] |= {"lens": "wide"}
    doc["streams"]["radar"] = {"type": "radar", "description": "r", "stream_properties": {"intrinsics_radar": {"range_m": 200}}}
    doc["streams"]["eye"] = {"type": "camera", "stream_properties": {"intrinsics_custom": {"model": "else", "k": [1.5, 2.5]}}}
    now = doc["frames"]["5"]["frame_properties"]
    now |= {"weather": {"rain": 0.5}, "external_id": "abc-1"}
    now["streams"] = {
        "top": {"uri": "https://example.org/5.pcd", "stream_properties": {"sync": {"frame_stream": 41, "timestamp": "1631441451.35"}, "rpm": 600}},
        "front": {"uri": "front/000005.png", "stream_properties": {"exposure_ms": 4.5}},
        "radar": {"stream_properties": {"sync": {"frame_stream": 3}}},
    }
    now["transforms"]["top_to_imu"] = {"src": "top", "dst": "imu", "transform_src_to_dst": {"matrix4x4": np.eye(4).ravel().tolist()}, "sure": 0.9}
    doc["frames"]["5"] |= {"actions": {"0": {"action_data": {"num": [{"name": "speed", "val": 1.5}]}}}, "events": {"0": {}}, "relations": {"5": {}}}
    doc["objects"]["7"] |= {
        "ontology_uid": "0",
        "resource_uid": {"0": "lane-3"},
        "coordinate_system": "top",
        "object_data": {
            "text": [{"name": "colour", "val": "red"}, {"name": "plate", "val": "X", "type": "value"}],
            "boolean": [{"name": "parked", "val": False}],
        },
        "object_data_pointers": {
            "shape": {"type": "cuboid", "frame_intervals": [{"frame_start": 4, "frame_end": 6}], "attribute_pointers": {"occlusion": "text"}},
            "box": {"type": "bbox", "frame_intervals": [{"frame_start": 4, "frame_end": 6}]},
        },
    }
    thing = doc["frames"]["5"]["objects"]["7"]["object_data"]
    thing["cuboid"][0] |= {"uid": "c-5", "score": 0.25}
    thing["cuboid"][0]["attributes"] = {"text": [{"name": "occlusion", "val": "0-25 %"}], "num": [{"name": "n", "val": 3}, {"name": "n", "val": 4}]}
    thing["bbox"] = [{"name": "box", "val": [1, 2, 3, 4.5], "coordinate_system": "front", "attributes": {"boolean": [{"name": "cut", "val": True}]}}]
    thing["num"] = [{"name": "truncated", "val": 0.0}, {"name": "n", "val": 5}]
    thing["vec"] = [{"name": "mixed", "val": [1, "a", 2.5]}]
    doc["frames"]["6"]["objects"]["7"] = {"object_data": {"bbox": [{"name": "box", "val": [2, 3, 4, 5]}]}}
    doc["objects"]["8"] = {"name": "two at once", "type": "truck"}
    doc["frames"]["4"]["objects"]["8"] = {
        "object_data": {"cuboid": [car(name="cab"), car(name="trailer", val=[17.0, -3.5, 0.6, 0.0, 0.0, 0.0, 1.0, 8.0, 2.5, 3.0])]}
    }
    doc["frames"]["5"]["objects"]["8"] = {"object_data": {"cuboid": [car(name="trailer", val=[17.5, -3.5, 0.6, 0.0, 0.0, 0.0, 1.0, 8.0, 2.5, 3.0])]}}
    doc["objects"]["9"] = {"name": "pole", "type": "pole", "object_data": {"point3d": [{"name": "foot", "val": [1, 2, 3]}]}}
    doc["frames"]["5"]["objects"]["9"] = {
        "object_data": {"poly2d": [{"name": "o", "val": [1.0, 2.0], "closed": False, "mode": "MODE_POLY2D_ABSOLUTE"}]}
    }
    doc["frames"]["6"]["objects"]["9"] = {}
    doc["objects"]["-2"] = {"name": "Egocar", "type": "Egocar", "object_data": {"cuboid": [car(coordinate_system="base", name="self")]}}
    doc["objects"]["-1"] = {"name": "DontCare", "type": "DontCare"}
    doc["frames"]["4"]["objects"]["-1"] = {"object_data": {"cuboid": [car(val=[-10, 499, -1, 0, -1, 0, -1000, -1000, -1000])]}}
    doc["objects"]["11"] = {"name": "in the picture", "type": "pedestrian"}
    doc["frames"]["6"]["objects"]["11"] = {
        "object_data": {
            "cuboid": [car(coordinate_system="front", name="b", val=[2.0, 0.5, 9.0, 0.0, math.sin(0.2), 0.0, math.cos(0.2), 0.6, 1.8, 0.4])]
        }
    }
    ends = {"rdf_subjects": [{"uid": "7", "type": "object"}], "rdf_objects": [{"uid": "8", "type": "object"}, {"uid": "11", "type": "object"}]}
    doc["relations"] = {
        "5": {"name": "near", "type": "isNear", "ontology_uid": "1", "resource_uid": {"0": "r"}, "frame_intervals": spans, **ends},
        "3": {"name": "", "type": "causes", **ends, "rdf_subjects": [{"uid": "0", "type": "event"}]},
        "8": {"name": "to a pole", "type": "isNear", **ends, "rdf_objects": [{"uid": "9", "type": "object"}]},
    }
    return doc


WAYS = {"straight": (), "by the own folder": ("boxwright",), "twice": ("openlabel", "boxwright", "openlabel")}


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_lost_there_and_back(tmp_path, way):
    doc = rich_document()
    scene, back, written, report = there_and_back(tmp_path, save(tmp_path / "in", doc), WAYS[way])
    assert report.dropped == [] and lost(doc, written) == []
    assert_same_scene(scene, back)
    assert scene.source_attributes == back.source_attributes
    assert {track.track_id for track in scene.tracks} == {"7", "8", "8/1", "11"}


def test_a_loss_is_seen():
    """The comparison bites at every leaf."""
    doc = rich_document()

    def leaves(value, path=()):
        if isinstance(value, (dict, list)) and value:
            for key, item in value.items() if isinstance(value, dict) else enumerate(value):
                yield from leaves(item, (*path, key))
        elif value not in ({}, [], None):
            yield path

    paths = list(leaves(doc))
    assert len(paths) > 300
    for path in paths:
        spoilt = json.loads(json.dumps(doc))
        place = spoilt
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = 987.5
        assert lost(doc, spoilt), path


@pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")
@pytest.mark.parametrize("way", ["straight", "by the own folder"])
def test_nothing_of_real_files_is_lost(real_data, tmp_path, way):
    """Nine numbers of a cuboid become ten, and what a file says once for all frames stands in each: all else is there."""
    files = [*(real_data / "openlabel").rglob("*.json")]
    files = [file for file in files if "schema" not in file.name and (file.stat().st_size < 400_000 or "osdar" in str(file))]
    assert len(files) == 15
    for file in files:
        doc = json.loads(file.read_text())["openlabel"]
        strict = "test_cuboids" not in file.name  # one of its cuboids has no numbers
        scene, back, written, report = there_and_back(tmp_path / file.stem, file, WAYS[way], strict)
        places = lost(doc, written)
        if not strict:
            assert any("given once for all frames" in line for line in report.dropped) and len(back.problems) == 1
            assert all(place.startswith((".objects.0.object_data", ".objects.1.object_data")) for place in places)
            continue
        assert report.dropped == [], file.name
        assert all(place.split(".")[-1].startswith("cuboid[") for place in places), (file.name, places[:5])
        assert not places or "kitti" in file.name
        assert_same_scene(scene, back)
        assert lost(dict(scene.source_attributes), dict(back.source_attributes)) == [], file.name


def test_what_is_seen_stays_so_whatever_its_attribute_says(tmp_path):
    """`occluded` tells it in files of others, and did in ours where nothing else was written of a keyframe that is seen."""
    stamps = np.arange(4) * 100_000_000
    cuboids = bw.Cuboids([(10.0 + i, 2, 1) for i in range(4)], [(4, 2, 1.5)] * 4, np.zeros(4), frame="world")
    still = bw.Trajectory(stamps, [bw.Pose.identity()] * 4)
    car = bw.Track("1", "car", stamps, cuboids, [0, 1, 0, 1], keyframe_attributes=[{"occluded": 1}, {}, {"occluded": 2}, {"occluded": 0}])
    scene = bw.Scene("clip", stamps, {"lidar": bw.Lidar("lidar", bw.Pose.identity())}, trajectory=still, tracks=[car])
    bw.write(scene, tmp_path / "a", format="openlabel")
    again = bw.read(tmp_path / "a").tracks[0]
    assert again.visibility.tolist() == [0, 1, 0, 1]
    assert [row["occluded"] for row in again.at(stamps).attributes] == [1, 1, 2, 0]
    assert bw.certify(scene, "openlabel").holds
    plain = car.replace(visibility=None, keyframe_attributes=())
    bw.write(scene.replace(tracks=[plain]), tmp_path / "b", format="openlabel")
    (file,) = (tmp_path / "b").rglob("*.json")
    assert "visible" not in file.read_text()  # nothing is said of what is seen where nothing denies it


def test_half_a_character_comes_back(tmp_path):
    """JSON can hold one, escaped; UTF-8 cannot."""
    doc = document()
    doc["metadata"]["comment"] = "half \ud800 of it"
    _, back, _, _ = there_and_back(tmp_path, save(tmp_path / "in", doc), ("boxwright",))
    assert back.source_attributes["openlabel"]["metadata"] == {"annotator": "nobody", "name": "clip", "comment": "half \ud800 of it"}


# ------------------------------------------------------------ lenient in, strict out


def _blow_up(doc, uid="7", frame="5"):
    return doc["frames"][frame]["objects"][uid]["object_data"]


BAD = {
    "a size of nothing": lambda d: _blow_up(d)["cuboid"][0]["val"].__setitem__(8, 0.0),
    "no numbers": lambda d: _blow_up(d)["cuboid"][0].update(val=None),
    "far beyond any map": lambda d: _blow_up(d)["cuboid"][0]["val"].__setitem__(0, 1e300),
    "an attribute of no kind": lambda d: _blow_up(d)["cuboid"][0].update(attributes={"text": 5}),
    "attributes that are none": lambda d: _blow_up(d)["cuboid"][0].update(attributes=[]),
    "a kind that there is not": lambda d: _blow_up(d).update(sphere=[{"name": "s", "val": [1]}]),
    "a text that is a number": lambda d: _blow_up(d).update(text=[{"name": "t", "val": 5}]),
    "a shape that is none": lambda d: _blow_up(d).update(bbox=[7]),
    "always there, without a size": lambda d: d["objects"]["9"].update(object_data={"cuboid": [car(val=[1.0] * 9 + [-1.0])], "bbox": []}),
    "always there, with data of no kind": lambda d: d["objects"]["7"].update(object_data={"num": {"a": 1}}),
    "the vehicle itself": lambda d: d["objects"]["-2"].update(object_data={"cuboid": 5 * [car(attributes={"text": "x"})]}),
    "areas": lambda d: d["frames"]["4"]["objects"]["-1"].update(object_data={"cuboid": "none"}),
    "not declared": lambda d: d["frames"]["5"]["objects"].update({"77": {"object_data": {}}}),
    "no place": lambda d: (
        d["coordinate_systems"].update(lost={"type": "sensor_cs", "parent": ""}),
        _blow_up(d)["cuboid"][0].update(coordinate_system="lost"),
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_was_read_leniently_is_written_so_that_it_reads_strictly(tmp_path, name):
    doc = rich_document()
    BAD[name](doc)
    with pytest.raises(bw.FormatError) as caught:
        read(tmp_path / "in", doc)
    assert caught.value.path and "clip.json" in str(caught.value) and ("objects" in caught.value.field) and caught.value.hint
    scene, back, _, _ = there_and_back(tmp_path, tmp_path / "in" / "clip.json", strict=False)
    assert len(scene.problems) == len(back.problems) == (5 if name == "the vehicle itself" else 1)
    assert back.problems[0].record == scene.problems[0].record and back.problems[0].record is not None
    again = scene.replace(problems=())
    bw.write(again, tmp_path / "own")
    bw.write(bw.read(tmp_path / "own"), tmp_path / "again", format="openlabel")
    assert_same_scene(scene, bw.read(tmp_path / "again"))


@pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")
@pytest.mark.parametrize("seeds", [range(150), pytest.param(range(150, 2150), marks=pytest.mark.full)])
def test_whatever_is_read_leniently_is_written_so_that_it_reads_strictly(tmp_path, seeds):
    """Damaged files, each hurt where its kind hurts."""
    raw = json.dumps({"openlabel": rich_document()}).encode()
    n_read = 0
    for seed in seeds:
        dice = random.Random(seed)
        file = tmp_path / "clip.json"
        file.write_bytes(mutations.in_json(raw, dice))
        try:
            scene = bw.read(file, format="openlabel", strict=False)
        except bw.BoxwrightError:
            continue
        n_read += 1
        try:
            bw.write(scene, tmp_path / f"out{seed}", format="openlabel")
        except bw.ArgumentError as error:  # names that cannot be files, as the writer says
            assert "name" in str(error), seed
            continue
        back = bw.read(tmp_path / f"out{seed}")
        assert [track.track_id for track in scene.tracks] == [track.track_id for track in back.tracks], seed
        shutil.rmtree(tmp_path / f"out{seed}")
    assert n_read > len(seeds) / 4


SENSELESS = {
    "the vehicle": (
        lambda d: d["frames"]["5"]["frame_properties"]["transforms"]["move"]["transform_src_to_dst"]["matrix4x4"].__setitem__(3, 1e300),
        "matrix4x4",
    ),
    "a sensor": (
        lambda d: d["coordinate_systems"]["top"].update(pose_wrt_parent={"quaternion": [0, 0, 0, 1], "translation": [0, -1e9, 0]}),
        "translation",
    ),
    "angles": (
        lambda d: d["coordinate_systems"]["top"].update(pose_wrt_parent={"euler_angles": [1e300, 0, 0], "translation": [0, 0, 0]}),
        "euler_angles",
    ),
    "a focal length": (
        lambda d: d["streams"]["front"]["stream_properties"]["intrinsics_pinhole"]["camera_matrix"].__setitem__(0, 1e300),
        "camera_matrix",
    ),
    "where light comes from": (lambda d: d["streams"]["top"].update(stream_properties={"origins_m": [[0, 0, 1e300]]}), "origins_m[0]"),
    "a centre": (lambda d: _blow_up(d)["cuboid"][0]["val"].__setitem__(1, -1e300), "cuboid[0].val"),
    "a size": (lambda d: _blow_up(d)["cuboid"][0]["val"].__setitem__(9, 1e300), "cuboid[0].val"),
    "turns": (lambda d: _blow_up(d)["cuboid"][0].update(val=[1.0, 2.0, 3.0, 0.0, 0.0, 1e300, 4.0, 2.0, 1.0]), "cuboid[0].val"),
}


@pytest.mark.parametrize("name", SENSELESS)
def test_senseless_numbers_are_refused(tmp_path, name):
    change, field = SENSELESS[name]
    doc = document()
    change(doc)
    with pytest.raises((bw.FormatError, bw.CalibrationError)) as caught:
        read(tmp_path, doc)
    assert caught.value.field.endswith(field) and "under" in caught.value.expected and "clip.json" in str(caught.value)


# ------------------------------------------------------------ what others read


def corners_of(center, size, quat_xyzw):
    signs = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
    return Rotation.from_quat(quat_xyzw).apply(signs * size) + center


def placed(openlabel):
    """(frame number, uid) -> (8, 3) corners in the root of the coordinate systems, worked out from the file alone, with scipy's rotations."""

    def matrix(said):
        if said.get("matrix4x4"):
            return np.reshape(said["matrix4x4"], (4, 4))
        made = np.eye(4)
        made[:3, :3], made[:3, 3] = Rotation.from_quat(said["quaternion"]).as_matrix(), said["translation"]
        return made

    found = {}
    for number, frame in openlabel["frames"].items():
        moves = frame["frame_properties"].get("transforms", {}).values()
        steps = {item["src"]: (item["dst"], matrix(item["transform_src_to_dst"])) for item in moves}
        for name, system in openlabel["coordinate_systems"].items():
            if system.get("pose_wrt_parent"):
                steps[name] = system["parent"], matrix(system["pose_wrt_parent"])
        for uid, thing in frame.get("objects", {}).items():
            for cuboid in thing.get("object_data", {}).get("cuboid", []):
                value, name = np.array(cuboid["val"]), cuboid["coordinate_system"]
                corners = corners_of(value[:3], value[7:], value[3:7])
                while name in steps:
                    name, step = steps[name]
                    corners = corners @ step[:3, :3].T + step[:3, 3]
                found[int(number), uid] = corners
    return found


def check_placed(scene, openlabel):
    """An independent reading of a written file finds every cuboid of the scene where the scene has it."""
    found = placed(openlabel)
    n = 0
    for i in range(len(scene)):
        labels = scene.labels(i, scene.label_frame)
        for cuboid, t in zip(labels.cuboids, labels.track_index):
            ours = corners_of(cuboid.center_m, cuboid.size_m, np.roll(cuboid.quat_wxyz, -1))
            number = int(scene.frame_ids[i]) if scene.frame_ids[i].isdigit() else i
            uid = scene.tracks[t].track_id if scene.tracks[t].track_id in openlabel["objects"] else "0"
            np.testing.assert_allclose(found[number, uid], ours, rtol=0, atol=1e-8)
            n += 1
    assert n == len(found) > 0


def written_of(folder, scene):
    bw.write(scene, folder, format="openlabel")
    return json.loads(next(folder.glob("*.json")).read_text())


def as_kognic_has_it(written):
    """What Kognic's own client makes of a file: read into its models, and out of them."""
    models = pytest.importorskip("kognic.openlabel.models", reason="kognic-openlabel is not installed (extra 'peers')")
    return models.OpenLabelAnnotation.model_validate(written).model_dump(mode="json", exclude_none=True)["openlabel"]


def scenes_to_write(rng, folder):
    yield full_scene(rng)
    yield read(folder, document())


def test_an_independent_reading_finds_the_cuboids(tmp_path, rng):
    for k, scene in enumerate(scenes_to_write(rng, tmp_path / "in")):
        check_placed(scene, written_of(tmp_path / f"out{k}", scene)["openlabel"])


@pytest.mark.peers
def test_kognics_client_finds_the_cuboids(tmp_path, rng):
    for k, scene in enumerate(scenes_to_write(rng, tmp_path / "in")):
        check_placed(scene, as_kognic_has_it(written_of(tmp_path / f"out{k}", scene)))


RESOLVED = """
import json, sys
from pathlib import Path
from kognic.io.model.pre_annotation.resolved_pre_annotation import ResolvedPreAnnotation
content = json.loads(next(Path(sys.argv[1]).glob("*.json")).read_text("utf-8"))
around = {"uuid": "a", "sceneUuid": "b", "externalId": "c", "created": "2026-01-01T00:00:00Z", "content": content}
taken = ResolvedPreAnnotation.model_validate(around)
print(taken.content.model_dump_json(exclude_none=True))
"""


@pytest.mark.peers
def test_kognics_other_client_takes_it_as_a_pre_annotation(tmp_path, rng):
    """kognic-io, as what its platform gives back of a scene."""
    python = python_with("kognic-io")
    if python is None:
        pytest.skip("kognic-io is not installed, nor named by BOXWRIGHT_CLIENT_PYTHON")
    scene = full_scene(rng)
    written_of(tmp_path / "out", scene)
    check_placed(scene, asked(python, RESOLVED, tmp_path / "out")["openlabel"])


FAULTS = {
    "a quarter turn": lambda center, quat, size: (center, quat_multiply(quat, quat_from_yaw(math.pi / 2)), size),
    "length and width": lambda center, quat, size: (center, quat, size[:, [1, 0, 2]]),
    "half the height": lambda center, quat, size: (center + np.array([0, 0, 0.5]) * size, quat, size),
    "scalar first": lambda center, quat, size: (center, np.roll(quat, 1, axis=1), size),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_independent_readings_see_a_fault_of_the_writer(tmp_path, rng, monkeypatch, fault):
    right = openlabel_track_writer.packed
    monkeypatch.setattr(openlabel_track_writer, "packed", lambda center, quat, size: right(*FAULTS[fault](center, quat, size)))
    for k, scene in enumerate(scenes_to_write(rng, tmp_path / "in")):
        written = written_of(tmp_path / f"out{k}", scene)
        with pytest.raises(AssertionError, match="Not equal to tolerance"):
            check_placed(scene, written["openlabel"])


def test_the_oracle_reads_what_was_written_as_it_reads_the_original(real_data, oracle, tmp_path, monkeypatch):
    (before,) = oracle.osdar23()
    with pytest.warns(bw.SensorFrameFallback):
        scene = bw.read(real_data / "openlabel/osdar23")
    bw.write(scene, tmp_path / "openlabel/osdar23", format="openlabel")
    monkeypatch.setattr(oracle, "ROOT", tmp_path)
    (after,) = oracle.osdar23()
    np.testing.assert_array_equal(after.times_s, before.times_s)
    assert after.tracks.keys() == before.tracks.keys()
    for uid, track in before.tracks.items():
        np.testing.assert_array_equal(after.tracks[uid].frames, track.frames)
        np.testing.assert_allclose(after.tracks[uid].boxes, track.boxes, rtol=0, atol=1e-9)
    assert sum(len(track.frames) for track in after.tracks.values()) == 151


@pytest.mark.peers
def test_kognics_copy_of_the_schema_takes_what_is_written(tmp_path, rng):
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed (extra 'peers')")
    pytest.importorskip("kognic.openlabel", reason="kognic-openlabel is not installed (extra 'peers')")
    schema = json.loads((importlib.resources.files("kognic.openlabel") / "schemas/openlabel-1-0-0.json").read_text())
    scenes = [*scenes_to_write(rng, tmp_path / "in"), read(tmp_path / "rich", rich_document())]
    for k, scene in enumerate(scenes):
        written = written_of(tmp_path / f"out{k}", scene)
        assert [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(written)] == []


@pytest.mark.peers
def test_the_schema_takes_all_that_goes_back(tmp_path, real_data):
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed (extra 'peers')")
    schema = jsonschema.Draft7Validator(json.loads((real_data / "openlabel/openlabel_json_schema-v1.0.0.json").read_text()))
    assert [error.message for error in schema.iter_errors({"openlabel": rich_document()})] == []
    written = written_of(tmp_path / "out", read(tmp_path / "in", rich_document()))
    assert [error.message for error in schema.iter_errors(written)] == []


# ------------------------------------------------------------ big files


def big_document(n_frames, n_things=20):
    """As KITTI's tracking labels look in OpenLABEL: pictures' boxes and numbers beside each cuboid."""
    doc, dice = document(), random.Random(3)
    doc["objects"] = {str(k): {"name": f"car{k}", "type": "car"} for k in range(n_things)}
    doc["frames"] = {}
    for i in range(n_frames):
        things = {}
        for k in range(n_things):
            val = [dice.uniform(-50, 50), dice.uniform(-50, 50), 0.5, 0.0, 0.0, math.sin(YAW / 2), math.cos(YAW / 2), 4.2, 1.7, 1.4]
            boxes = [{"name": f"box_{side}", "coordinate_system": "front", "val": [dice.uniform(0, 1e3) for _ in range(4)]} for side in ("a", "b")]
            numbers = [{"name": "truncated", "val": 0.0}, {"name": "occluded", "val": 0}, {"name": "alpha", "val": dice.uniform(-3, 3)}]
            things[str(k)] = {"object_data": {"bbox": boxes, "cuboid": [car(val=val)], "num": numbers}}
        moves = {"move": {"src": "base", "dst": "odom", "transform_src_to_dst": {"matrix4x4": ego_to_world(0.01 * i)}}}
        doc["frames"][str(i)] = {"frame_properties": {"timestamp": f"{1_600_000_000 + i}.5", "transforms": moves}, "objects": things}
    return doc


@pytest.mark.parametrize("n_frames", [700, pytest.param(2000, marks=pytest.mark.full)])
def test_a_big_file_takes_little_memory(tmp_path, n_frames):
    """Four times the file and 64 MiB, and a second for each MB, as for damaged files: the child judges both."""
    file = save(tmp_path, document())
    child = Child(tmp_path)
    child.start()
    save(tmp_path, big_document(n_frames))
    try:
        outcome = child.read(file.stat().st_size, True)
    finally:
        child.stop()
    assert file.stat().st_size > n_frames * 13_000 and outcome.kind == "read", outcome


# ------------------------------------------------------------ what was changed in between


def _without_track_7(scene):
    return scene.replace(tracks=[track for track in scene.tracks if track.track_id != "7"], relations=[])


def _lidar_moved(scene):
    moved = bw.Pose.from_yaw(0.3, (0.1, 0.2, 2.0))
    return scene.replace(lidars={"top": bw.Lidar("top", moved)})


def _another_camera(scene):
    front = scene.cameras["front"]
    camera, place = bw.PinholeCamera(800, 600, 400.0, 410.0, 399.5, 299.5), front.ego_from_cam
    return scene.replace(cameras={name: bw.CameraSensor(name, camera, place) for name in ("front", "new")})


def _camera_gone(scene):
    return scene.replace(cameras={}, image_tracks=())


def _driven_elsewhere(scene):
    return scene.replace(trajectory=bw.Trajectory(scene.times_ns, [bw.Pose.from_yaw(0.1 * i, (5.0 * i, 1.0, 0.5)) for i in range(len(scene))]))


def _later(scene):
    by = 1_000_000_007
    tracks = [track.replace(times_ns=track.times_ns + by) for track in scene.tracks]
    seen = [track.replace(times_ns=track.times_ns + by) for track in scene.image_tracks]
    poses = bw.Trajectory(scene.times_ns + by, [scene.world_from_ego(int(stamp)) for stamp in scene.times_ns])
    return scene.replace(times_ns=scene.times_ns + by, tracks=tracks, image_tracks=seen, trajectory=poses, relations=[])


def _frames_renamed(scene):
    return scene.replace(frame_ids=("a", "b", "c"))


def _a_label_more(scene):
    track = scene.track("7")
    more = track.cuboids[[0]].transformed(bw.Pose.from_yaw(0.0, (0.5, 0.0, 0.0)), frame="world")
    times = [*track.times_ns[track.visibility != bw.Visibility.OUTSIDE], scene.times_ns[2]]
    cuboids = bw.Cuboids.concatenate([track.cuboids[track.visibility != bw.Visibility.OUTSIDE], more])
    longer = bw.Track("7", "car", times, cuboids, attributes=track.attributes, source_attributes=track.source_attributes)
    return scene.replace(tracks=[longer, *scene.tracks[1:]])


def _labels_alone(scene):
    """What is kept may move from a track to a keyframe of it."""
    bare = {"source_attributes": {}, "keyframe_source_attributes": ()}
    return scene.replace(
        tracks=[track.replace(**bare) for track in scene.tracks], image_tracks=[track.replace(**bare) for track in scene.image_tracks]
    )


CHANGES = [_without_track_7, _lidar_moved, _another_camera, _camera_gone, _driven_elsewhere, _later, _frames_renamed, _a_label_more]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__.strip("_"))
def test_what_was_changed_is_what_comes_back(tmp_path, change):
    """What is kept of the file never wins over the scene."""
    scene = change(read(tmp_path / "in", rich_document()))
    report = bw.write(scene, tmp_path / "out", format="openlabel")
    back = bw.read(tmp_path / "out")
    assert any("frames that the scene does not have" in line for line in report.dropped) == (change is _frames_renamed)
    assert back.lidars.keys() == scene.lidars.keys() and back.cameras.keys() == scene.cameras.keys()
    assert_same_scene(*(_labels_alone(one) for one in (scene, back)))
    for name in scene.lidars:
        np.testing.assert_allclose(back.ego_from(name).matrix(), scene.ego_from(name).matrix(), atol=1e-12)
    for name, sensor in scene.cameras.items():
        assert (back.cameras[name].camera.size_px, back.cameras[name].camera.fx_px) == (sensor.camera.size_px, sensor.camera.fx_px)
    for stamp in scene.times_ns.tolist():
        np.testing.assert_allclose(back.world_from_ego(stamp).matrix(), scene.world_from_ego(stamp).matrix(), atol=1e-9)


@pytest.mark.parametrize("key", ["cuboid", "object_data", "object"])
@pytest.mark.parametrize("value", [5, "word", [1], {"text": 5}, {"name": 5}, None])
def test_source_attributes_of_others_come_back(tmp_path, key, value):
    """Another format may call its fields as we call what is kept of an OpenLABEL file."""
    scene = read(tmp_path / "in", document())
    track = scene.tracks[0].replace(keyframe_source_attributes=[{key: value, "own": 1}, {}, {"own": 2}], source_attributes={key: value, "uid": value})
    bw.write(scene.replace(tracks=[track]), tmp_path / "out", format="openlabel")
    (back,) = bw.read(tmp_path / "out").tracks
    assert back.source_attributes[key] == value and back.source_attributes["uid"] == value
    assert [row.get("own") for row in back.keyframe_source_attributes] == [1, None, 2]
    assert back.keyframe_source_attributes[0][key] == value


@pytest.mark.parametrize("key", ["coordinate_systems", "streams", "frames", "objects", "relations", "metadata", "ego"])
@pytest.mark.parametrize("value", [5, ["a"], {"a": 5}, {"top": {"type": 7}}])
def test_what_cannot_have_come_from_a_file_is_named(tmp_path, key, value):
    scene = read(tmp_path / "in", document())
    kept = scene.source_attributes["openlabel"]
    report = bw.write(scene.replace(source_attributes={"openlabel": {**kept, key: value}}), tmp_path / "out", format="openlabel")
    assert report.dropped or (key == "metadata" and isinstance(value, dict))
    np.testing.assert_allclose(bw.read(tmp_path / "out").cuboids(1, "ego").center_m, [CAR_EGO], atol=1e-9)


def test_track_ids_differ_whatever_the_objects_are_called(tmp_path):
    doc = document()
    doc["objects"]["7/1"] = {"name": "x", "type": "car"}
    two = [car(name="a"), car(name="b", val=[20.0, 1.0, 0.6, 0.0, 0.0, 0.0, 1.0, 4.0, 2.0, 1.5])]
    doc["frames"]["4"]["objects"] = {"7": {"object_data": {"cuboid": two}}, "7/1": {"object_data": {"cuboid": [car()]}}}
    del doc["frames"]["5"]["objects"], doc["frames"]["6"]["objects"]
    scene, back, _, _ = there_and_back(tmp_path, save(tmp_path / "in", doc))
    assert [track.track_id for track in scene.tracks] == ["7", "7/1", "7/1'"]
    assert {track.track_id for track in back.tracks} == {"7", "7/1", "7/1'"}


def test_objects_placed_many_at_once_are_those_placed_one_by_one(tmp_path, monkeypatch):
    """Cuboids in the LiDAR, the vehicle, the world and a place that nothing leads to, in turn, in batches of several sizes: the same bits."""
    rng = np.random.default_rng(5)
    given = document()
    given["coordinate_systems"]["nowhere"] = {"type": "sensor_cs", "parent": "", "children": []}
    for k in range(40):
        turn = rng.normal(size=4)
        val = [*rng.uniform(-30, 30, 3).tolist(), *(turn / np.linalg.norm(turn)).tolist(), *rng.integers(1, 5, 3).tolist()]
        given["objects"][f"a{k}"] = {"name": "", "type": "car"}
        for i in sorted(rng.choice(3, 1 + k % 3, replace=False).tolist()):
            system = "nowhere" if k % 13 == 5 else ("top", "base", "odom")[(i + k) % 3]
            frame = given["frames"][str(i + 4)]["objects"]
            frame[f"a{k}"] = {"object_data": {"cuboid": [{"name": "c", "coordinate_system": system, "val": val}]}}
    scenes = []
    for n in (1, 2, 7, 4096):
        monkeypatch.setattr(openlabel_tracks, "ROWS_AT_ONCE", n)
        scenes.append(read(tmp_path, given, strict=False))
    alone = scenes[0]
    assert len(alone.tracks) == 38 and len(alone.problems) == 3
    for scene in scenes[1:]:
        assert [str(problem.error) for problem in scene.problems] == [str(problem.error) for problem in alone.problems]
        for mine, theirs in zip(scene.tracks, alone.tracks, strict=True):
            assert mine.track_id == theirs.track_id and mine.times_ns.tolist() == theirs.times_ns.tolist()
            for column in ("center_m", "size_m", "quat_wxyz", "yaw_rad"):
                np.testing.assert_array_equal(getattr(mine.cuboids, column), getattr(theirs.cuboids, column))
