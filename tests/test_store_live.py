"""A scene that follows its project against the same scene read anew, after random edits, undos and restores."""

from __future__ import annotations

import random

import numpy as np
import pytest

import boxwright as bw
from boxwright.store.live import LiveScene
from stores import same_scene
from test_store_undo import TIMES, Machine


def check(live, project, name="clip"):
    live.catch_up()
    same_scene(project.read(name), live.scene)
    assert live.seen == project.seq


@pytest.mark.parametrize("seed", [5, 6])
def test_a_scene_keeps_up(tmp_path, seed):
    with bw.create_project(tmp_path / "p") as project:
        machine = Machine(project, random.Random(seed))
        live = LiveScene(project, project.scene_id("clip"))
        for k in range(160):
            machine.step()
            if k % 3 == 0:
                check(live, project)


def test_tags_relations_and_labels_of_points_too(tmp_path):
    with bw.create_project(tmp_path / "p") as project:
        times = np.array(TIMES)
        scene = bw.Scene("clip", times, {"lidar": bw.Lidar("lidar")}, label_frame="lidar")
        tracks = [bw.Track(name, "car", times[:1], bw.Cuboids([[1.0, 2, 3]], [[4, 2, 1.5]], 0.0, frame="lidar")) for name in "ab"]
        project.add_scene(scene.replace(tracks=tracks))
        live = LiveScene(project, project.scene_id("clip"))
        first = live.scene.tracks[1]
        for step in (
            lambda edits: edits.add_tag(bw.Tag("fog")),
            lambda edits: edits.add_relation(bw.Relation("follows", "a", "b")),
            lambda edits: edits.add_point_edit(bw.PointEdit.of_points(0, [1, 2], category="car")),
            lambda edits: edits.set_point_labels(1, "lidar", bw.PointLabels(np.ones(3, int), np.zeros(3, int), {1: "car"})),
            lambda edits: edits.set_track(project.track("clip", "a"), category="bus"),
            lambda edits: edits.set_track(project.track("clip", "a"), track_id="c"),
            lambda edits: edits.delete(project.entities("clip", "tag")[0]),
        ):
            edits = project.edits("clip")
            step(edits)
            seq = edits.commit().seq
            check(live, project)
            assert live.labels_seq == seq
        assert live.scene.tracks[1] is first  # what nobody touched was not made anew
        assert live.scene.point_labels(1).class_id.tolist() == [1, 1, 1]
        project.commit([{"verb": "set_taxonomy", "taxonomy": bw.store.taxonomies.taxonomy_mapping(bw.Taxonomy.default())}])
        before = live.labels_seq
        check(live, project)
        assert live.labels_seq == before
        edits = project.edits("clip")
        edits.rename_scene("other")
        edits.commit()
        assert live.catch_up() and live.scene.name == "other"
        edits = project.edits("other")
        edits.delete_scene()
        edits.commit()
        with pytest.raises(bw.UnknownName):
            live.catch_up()
