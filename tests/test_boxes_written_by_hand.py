"""What the formats of boxes in pictures write of two boxes, in numbers worked by hand: a writer that is wrong passes no reader here.

Pixel centres are at whole numbers; the formats count from the corner of the first pixel, MOT from 1 there.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import boxwright as bw

GIVEN = [[10, 20, 50, 80], [16, 22, 56, 82.5]]  # left, top, right, bottom
WRITTEN = [[10.5, 20.5, 40, 60], [16.5, 22.5, 40, 60.5]]  # left, top, width, height
MISTAKES = {
    "width and height swapped": lambda xyxy: xyxy[:, [0, 1, 0, 1]] + np.c_[np.zeros((2, 2)), (xyxy[:, 2:] - xyxy[:, :2])[:, ::-1]],
    "half the height": lambda xyxy: xyxy + (xyxy[:, 3:] - xyxy[:, 1:2]) * [0, 0.5, 0, 0.5],
    "half a pixel": lambda xyxy: xyxy + 0.5,
    "x and y exchanged": lambda xyxy: xyxy[:, [1, 0, 3, 2]],
    "frames exchanged": lambda xyxy: xyxy[::-1],
}


def scene_by_hand(xyxy=GIVEN):
    camera = bw.CameraSensor("front", bw.PinholeCamera(200, 100, 100, 100, 100, 50), bw.Pose([[0, 0, 1], [-1, 0, 0], [0, -1, 0]], (0, 0, 1.5)))
    times = [0, 100_000_000]
    track = bw.ImageTrack("7", "car", "front", times, bw.Boxes(np.asarray(xyxy, float)))
    return bw.Scene("clip", times, {}, {"front": camera}, image_tracks=[track])


def of_coco(folder):
    found = json.loads((folder / "clip.json").read_text())
    assert [image["frame_id"] for image in found["images"]] == [0, 1] and [row["image_id"] for row in found["annotations"]] == [1, 2]
    return [row["bbox"] for row in found["annotations"]]


def of_cvat(folder):
    boxes = ET.parse(folder / "clip.xml").findall("track/box")
    assert [box.get("frame") for box in boxes] == ["0", "1"]
    sides = np.array([[float(box.get(side)) for side in ("xtl", "ytl", "xbr", "ybr")] for box in boxes])
    return np.c_[sides[:, :2], sides[:, 2:] - sides[:, :2]]


def of_darwin(folder):
    (annotation,) = json.loads((folder / "clip.json").read_text())["annotations"]
    assert annotation["ranges"] == [[0, 2]]
    return [[annotation["frames"][frame]["bounding_box"][name] for name in "xywh"] for frame in ("0", "1")]


def of_labelbox(folder):
    (segment,) = json.loads((folder / "clip.ndjson").read_text())["segments"]
    assert [key["frame"] for key in segment["keyframes"]] == [1, 2]
    return [[key["bbox"][name] for name in ("left", "top", "width", "height")] for key in segment["keyframes"]]


def of_label_studio(folder):
    (task,) = json.loads((folder / "tasks.json").read_text())
    keys = task["annotations"][0]["result"][0]["value"]["sequence"]
    assert [key["frame"] for key in keys] == [1, 2]
    percent = np.array([[key[name] for name in ("x", "y", "width", "height")] for key in keys])
    return percent / 100 * [200, 100, 200, 100]


def of_mot(folder):
    rows = [[float(value) for value in line.split(",")] for line in (folder / "gt" / "gt.txt").read_text().splitlines()]
    assert [row[:2] for row in rows] == [[1, 7], [2, 7]]
    return [[row[2] - 1, row[3] - 1, *row[4:6]] for row in rows]


READ = {"coco": of_coco, "cvat_video": of_cvat, "darwin": of_darwin, "labelbox": of_labelbox, "label_studio": of_label_studio, "mot": of_mot}


def check(scene, folder, format):
    bw.write(scene, folder, format)
    np.testing.assert_allclose(READ[format](folder), WRITTEN, rtol=0, atol=1e-9)


@pytest.mark.parametrize("format", READ)
def test_golden_boxes_written(tmp_path, format):
    check(scene_by_hand(), tmp_path / "out", format)


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("format", READ)
def test_golden_boxes_written_catch_a_planted_fault(tmp_path, format, mistake):
    with pytest.raises(AssertionError):
        check(scene_by_hand(MISTAKES[mistake](np.array(GIVEN, float))), tmp_path / "out", format)
