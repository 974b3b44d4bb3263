"""What is kept of a file may be nested only so deep that every format it is written into can be read again."""

from __future__ import annotations

import json

import numpy as np
import pytest

import boxwright as bw
from boxwright.formats import _WRITERS
from boxwright.limits import limits
from formats_scenes import full_scene

ONE_CAMERA = ("cvat_video", "mot")
MOST = limits().kept_depth


def nested(depth: int) -> object:
    """That many brackets in brackets, lists and objects in turn."""
    value: object = 1
    for k in range(depth):
        value = {"a": value} if k % 2 else [value]
    return value


def with_depth(scene: bw.Scene, depth: int) -> bw.Scene:
    """The scene with attributes and source attributes of that depth, wherever it can have some."""
    deep = {"x": nested(depth - 1)}
    rows = {"attributes": deep, "source_attributes": deep | {"object_data": nested(depth - 1), "cuboid": {"x": nested(depth - 2)}}}
    tracks = [
        track.replace(
            **rows, keyframe_attributes=[rows["attributes"]] * len(track), keyframe_source_attributes=[rows["source_attributes"]] * len(track)
        )
        for track in scene.tracks
    ]
    times = scene.exposures_ns("front")[:1]
    labels = [bw.ImageTrack("seen", "car", "front", times, bw.Boxes([[1, 2, 11, 12]]), attributes=deep, source_attributes=deep)]
    tags = [bw.Tag("weather", "rain", source_attributes=deep)]
    return scene.replace(source_attributes=deep, tracks=tracks, image_tracks=labels, tags=tags)


@pytest.mark.parametrize("format", list(_WRITERS))
def test_what_is_written_can_be_read(rng, tmp_path, format):
    options = {"camera": "front"} if format in ONE_CAMERA else {}
    bw.write(with_depth(full_scene(rng), MOST), tmp_path / "out", format, **options)
    for entry in bw.scenes(tmp_path / "out", format):
        entry.read()


def test_what_cannot_be_read_is_not_written(rng, tmp_path):
    with pytest.raises(bw.LimitError, match=f"more kept depth than allowed: expected at most {MOST}, got {MOST + 1}"):
        bw.write(with_depth(full_scene(rng), MOST + 1), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_file_with_more_around_its_labels_is_refused_when_it_is_read(tmp_path):
    """labelCloud's files keep what they know not; written as boxwright's it had three brackets more around it, and could not be read."""
    cuboids = bw.Cuboids([[9, 2, 0.3]], [[4, 2, 1.5]], 0.3, frame="lidar")
    lidars = {"lidar": bw.Lidar("lidar")}
    bw.write(bw.Scene("clip", [0], lidars, tracks=[bw.Track("1", "car", [0], cuboids)], label_frame="lidar"), tmp_path / "in", "labelcloud")
    (file,) = (path for path in (tmp_path / "in" / "labels").iterdir() if path.name != "_classes.json")
    label = json.loads(file.read_text())
    for depth, is_read in ((MOST - 3, True), (MOST - 2, False)):  # source_attributes, labelcloud, files and the file's own
        file.write_text(json.dumps({**label, "more": nested(depth - 1)}))
        if is_read:
            bw.write(bw.read(tmp_path / "in"), tmp_path / "out")
            bw.read(tmp_path / "out")
        else:
            with pytest.raises(bw.LimitError, match=r"in: scene\.source_attributes: more kept depth than allowed"):
                bw.read(tmp_path / "in")


def test_lists_count_as_objects_do(rng):
    scene = full_scene(rng).replace(
        tracks=[], tags=[bw.Tag("t", source_attributes={"x": np.arange(3).tolist()})], source_attributes={"y": [nested(MOST)]}
    )
    with pytest.raises(bw.LimitError, match="kept depth"):
        bw.write(scene, "never")
