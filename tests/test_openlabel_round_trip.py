"""OpenLABEL through boxwright and back: nothing is lost, whatever it is; what is written is read by the schema and by others."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import boxwright as bw
from test_formats_openlabel import assert_same_scene, car, document, save

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
    if isinstance(before, list) and before and all(isinstance(item, float) for item in before):
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
    doc["tags"] = {"0": {"type": "motorway", "ontology_uid": "0"}, "1": {"type": "lanes", "tag_data": {"vec": [{"type": "values", "val": [2, 3]}]}}}
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
    files = [file for file in files if "schema" not in file.name and (file.stat().st_size < 600_000 or "osdar" in str(file))]
    assert len(files) == 17
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
