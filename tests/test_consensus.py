"""Labels merged: nearer to the truth than those who gave them, robust, traceable, the same whoever comes first, and reversible to the bit."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import boxwright as bw
import labelling
from boxwright.merging import angles_between, merged_rotations, merged_vectors, spreads
from boxwright.rotations import quat_from_axis_angle, quat_from_yaw, wrap_rad


@pytest.fixture
def town(rng):
    return labelling.town(rng)


def three(town, rng, **noise):
    return [labelling.labelled(town, rng, name=name, **noise) for name in ("ann", "bob", "cyd")]


def errors(truth, scene):
    """track id -> mean errors of places, sizes, headings and corners."""
    found = {}
    for track in truth.tracks:
        if track.track_id in scene.track_index:
            frames, right = labelling.rows_of(track, truth.times_ns)
            filled = scene.track(track.track_id).at(truth.times_ns[frames])
            there = filled.is_valid
            wrong, right = filled.cuboids[there], right[there]
            parts = (wrong.center_m - right.center_m, wrong.size_m - right.size_m, wrap_rad(wrong.yaw_rad - right.yaw_rad)[:, None])
            corners = np.linalg.norm(wrong.corners_m() - right.corners_m(), axis=2).mean()
            found[track.track_id] = [*(np.linalg.norm(part, axis=1).mean() for part in parts), corners]
    return found


def compared(truth, scenes, merged):
    """(error of the consensus / of one annotator, share of objects in which it beats the middle one) of places, sizes, headings, corners."""
    single, ours = [errors(truth, scene) for scene in scenes], errors(truth, merged)
    both = [name for name in ours if all(name in one for one in single)]
    theirs, mine = np.array([[one[name] for name in both] for one in single]), np.array([ours[name] for name in both])
    assert len(both) == len(truth.tracks)
    return mine.mean(0) / theirs.mean((0, 1)), (mine < np.median(theirs, 0)).mean(0)


def test_three_equal_annotators_together_are_better(rng):
    truth = labelling.town(rng, 60)
    scenes = three(truth, rng, center_m=0.1, size_m=0.08, yaw_rad=0.05, lost=0.03)
    ratio, beats = compared(truth, scenes, bw.consensus(scenes).scene)
    assert (ratio <= 0.65).all() and (beats >= 0.9).all(), (ratio, beats)


def test_three_annotators_who_are_wrong_alike_in_all_frames(rng):
    """An error of the whole track is one draw for each object: corners show the whole of it. A heading alone is one number, whose mean beats the
    middle of three in three of four cases whatever is done."""
    truth = labelling.town(rng, 120, 6)
    scenes = three(truth, rng, center_m=0.1, size_m=0.08, yaw_rad=0.05, per_track=True)
    ratio, beats = compared(truth, scenes, bw.consensus(scenes).scene)
    assert (ratio <= 0.65).all() and (beats[[0, 1, 3]] >= 0.9).all() and beats[2] > 0.65, (ratio, beats)


def test_on_real_labels(real_data):
    for k, truth in enumerate(labelling.real_scenes(real_data)):
        scenes = three(truth, np.random.default_rng(k), center_m=0.05, size_m=0.04, yaw_rad=0.02)
        merged = bw.consensus(scenes)
        single, ours = [errors(truth, scene) for scene in scenes], errors(truth, merged.scene)
        both = sorted(set(ours).intersection(*single))
        assert len(both) >= 0.97 * len(truth.tracks)
        theirs, mine = np.array([[one[name] for name in both] for one in single]), np.array([ours[name] for name in both])
        assert (mine.mean(0) / theirs.mean((0, 1)) <= 0.65).all()
        assert ((mine < np.median(theirs, 0)).mean(0) >= 0.9).all()


def test_a_bad_annotator_is_turned_down(rng):
    truth = labelling.town(rng, 60)
    good = {"center_m": 0.05, "size_m": 0.05, "yaw_rad": 0.03}
    scenes = [labelling.labelled(truth, rng, name=name, **good) for name in ("ann", "bob")]
    scenes.append(labelling.labelled(truth, rng, name="cyd", center_m=0.15, size_m=0.15, yaw_rad=0.09))
    merged = bw.consensus(scenes)
    for part, noise in (("center_m", 0.15), ("size_m", 0.15), ("angle_rad", 0.09)):
        assert getattr(merged.spreads["cyd"], part) > 2 * getattr(merged.spreads["ann"], part)
        assert getattr(merged.spreads["cyd"], part) == pytest.approx(noise, rel=0.3)
    weights = [row["consensus"]["cyd"] for track in merged.scene.tracks for row in track.keyframe_source_attributes if "cyd" in row["consensus"]]
    assert (np.mean(weights, 0) < 0.15).all()
    # he alone is three times worse; equal weights would be 1.9 times as bad as one good annotator
    assert (np.mean(list(errors(truth, merged.scene).values()), 0) < 0.9 * np.mean(list(errors(truth, scenes[0]).values()), 0)).all()


def test_what_lies_far_apart_says_nothing(town, rng):
    scenes = three(town, rng, center_m=0.02, size_m=0.02, yaw_rad=0.01)
    track = scenes[1].track("object-03")
    center = track.cuboids.center_m.copy()
    center[4] += [0.8, 0.3, 0]
    yaw = track.cuboids.yaw_rad.copy()
    yaw[6] += math.pi
    wrong = track.replace(cuboids=track.cuboids.replace(center_m=center, yaw_rad=yaw))
    scenes[1] = scenes[1].replace(tracks=[wrong if one is track else one for one in scenes[1].tracks])
    merged = bw.consensus(scenes).scene
    of_merged, truth = merged.track("object-03"), town.track("object-03")
    assert np.linalg.norm(of_merged.cuboids.center_m - truth.cuboids.center_m, axis=1).max() < 0.1
    assert np.abs(wrap_rad(of_merged.cuboids.yaw_rad - truth.cuboids.yaw_rad)).max() < 0.06
    sources = {one.annotator: one for one in bw.consensus_trace(merged, "object-03", int(truth.times_ns[4]))}
    assert sources["bob"].center_weight == 0 and sources["ann"].center_weight == pytest.approx(0.5, abs=0.15)
    flipped = {one.annotator: one for one in bw.consensus_trace(merged, "object-03", int(truth.times_ns[6]))}
    assert flipped["bob"].rotation_weight == 0 and flipped["bob"].center_weight > 0.2


def test_the_same_labels_come_out_as_they_are(town):
    merged = bw.consensus({"a": town, "b": town, "c": town})
    assert merged.notes == [] and sorted(merged.scene.track_index) == sorted(town.track_index)
    for track in merged.scene.tracks:
        given = town.track(track.track_id)
        np.testing.assert_array_equal(track.times_ns, given.times_ns)
        for column in ("center_m", "size_m", "quat_wxyz", "yaw_rad"):
            np.testing.assert_array_equal(getattr(track.cuboids, column), getattr(given.cuboids, column))
        assert track.category == given.category and dict(track.attributes) == dict(given.attributes)


def same_labels(a, b, *, atol=0.0):
    assert [track.track_id for track in a.tracks] == [track.track_id for track in b.tracks]
    for one, other in zip(a.tracks, b.tracks):
        np.testing.assert_array_equal(one.times_ns, other.times_ns)
        np.testing.assert_array_equal(one.visibility, other.visibility)
        np.testing.assert_allclose(one.cuboids.corners_m(), other.cuboids.corners_m(), atol=atol, rtol=0)
        assert one.category == other.category and one.attributes == other.attributes


def test_the_order_of_annotators_and_tracks_changes_nothing(town, rng):
    scenes = three(town, rng, center_m=0.1, size_m=0.05, yaw_rad=0.05, lost=0.1, swaps=1, n_ghosts=1)
    merged = bw.consensus(scenes)
    for order in itertools.permutations(range(3)):
        other = bw.consensus([labelling.shuffled(scenes[i], rng) for i in order])
        same_labels(merged.scene, other.scene)
        assert merged.spreads == other.spreads and merged.notes == other.notes


def test_a_rigid_motion_of_all_moves_the_consensus(town, rng):
    scenes = three(town, rng, center_m=0.1, size_m=0.05, yaw_rad=0.05, lost=0.1)
    pose = bw.Pose.from_yaw(1.1, (310.0, -94.0, 7.0))
    moved = bw.consensus([labelling.moved(scene, pose) for scene in scenes])
    same_labels(labelling.moved(bw.consensus(scenes).scene, pose), moved.scene, atol=1e-6)


# ------------------------------------------------------------ votes, ids, presence


def renamed(scene, name, changes):
    """changes : track id -> what is new"""
    tracks = [track.replace(**changes.get(track.track_id, {})) for track in scene.tracks]
    return scene.replace(tracks=tracks, tags=[bw.Tag("annotator", name)])


def test_votes_on_classes_attributes_and_ids(town):
    one, two = {"category": "van", "attributes": {"color": "pink"}, "track_id": "mine"}, {"attributes": {"color": "pink", "size": 3}}
    scenes = [renamed(town, "a", {"object-03": one}), renamed(town, "b", {"object-03": two}), renamed(town, "c", {})]
    merged = bw.consensus(scenes).scene
    track = merged.track("object-03")
    assert track.category == "car" and dict(track.attributes) == {"color": "pink"}
    told = track.source_attributes["consensus"]
    assert told["track_ids"] == {"a": ["mine"], "b": ["object-03"], "c": ["object-03"]} and told["categories"] == {"a": "van", "b": "car", "c": "car"}


def test_attributes_that_change(town):
    track = town.track("object-03")
    rows = [{"door": "shut"}] + [{}] * 4 + [{"door": "open"}] + [{}] * (len(track) - 6)
    late = [{"door": "shut"}] + [{}] * 7 + [{"door": "open"}] + [{}] * (len(track) - 9)
    scenes = [renamed(town, name, {"object-03": {"keyframe_attributes": said}}) for name, said in (("a", rows), ("b", late), ("c", rows))]
    said = bw.consensus(scenes).scene.track("object-03").at(track.times_ns).attributes
    assert [one["door"] for one in said] == ["shut"] * 5 + ["open"] * (len(track) - 5)


def test_who_is_there(town):
    without = renamed(town.replace(tracks=[track for track in town.tracks if track.track_id != "object-03"]), "b", {})
    ghost = town.track("object-00")
    ghost = ghost.replace(track_id="ghost", cuboids=ghost.cuboids.replace(center_m=ghost.cuboids.center_m + np.array([0, -60.0, 0])))
    scenes = [renamed(town, "a", {}), without, renamed(town.replace(tracks=[*town.tracks, ghost]), "c", {})]
    merged = bw.consensus(scenes)
    assert sorted(merged.scene.track_index) == sorted(town.track_index)  # two of three have it; one of three is not enough
    assert f"{len(ghost)} labels with fewer than 2 votes" in " ".join(merged.notes)
    assert "ghost" in bw.consensus(scenes, votes=1).scene.track_index
    assert "object-03" not in bw.consensus(scenes, votes=3).scene.track_index
    assert "object-03" not in bw.consensus(scenes[:2]).scene.track_index
    for bad in (0, 4, True, "2"):
        with pytest.raises(bw.ArgumentError, match="votes"):
            bw.consensus(scenes, votes=bad)


def test_a_gap_stays_a_gap(town):
    track = town.track("object-03")
    frames, cuboids = labelling.rows_of(track, town.times_ns)
    keep = (frames < 10) | (frames > 14)
    gapped = labelling.dense(track, town.times_ns, frames[keep], cuboids[keep])
    scene = town.replace(tracks=[gapped if one is track else one for one in town.tracks])
    merged = bw.consensus({"a": scene, "b": scene, "c": town}).scene.track("object-03")
    np.testing.assert_array_equal(merged.at(town.times_ns).is_valid, gapped.at(town.times_ns).is_valid)


def test_hidden_where_most_say_so(town):
    track = town.track("object-03")
    hidden = {"object-03": {"visibility": np.where(np.arange(len(track)) < 5, 1, 0)}}
    merged = bw.consensus([renamed(town, "a", hidden), renamed(town, "b", hidden), renamed(town, "c", {})]).scene.track("object-03")
    assert merged.visibility.tolist() == [1] * 5 + [0] * (len(track) - 5)


def test_two_who_say_opposite_things_are_told(town):
    track = town.track("object-03")
    turned = renamed(town, "b", {"object-03": {"cuboids": track.cuboids.replace(yaw_rad=track.cuboids.yaw_rad + math.pi)}})
    merged = bw.consensus([renamed(town, "a", {}), turned])
    assert f"{len(track)} headings undecided" in " ".join(merged.notes)
    np.testing.assert_array_equal(merged.scene.track("object-03").cuboids.yaw_rad, track.cuboids.yaw_rad)


def test_a_broken_track_is_mended(town):
    track = town.track("object-03")
    halves = [track.take(slice(0, 10)), track.take(slice(10, None)).replace(track_id="second-half")]
    broken = town.replace(tracks=[*(one for one in town.tracks if one is not track), *halves])
    merged = bw.consensus({"a": town, "b": broken, "c": town}).scene
    assert len(merged.tracks) == 20 and len(merged.track("object-03")) == len(track)
    assert merged.track("object-03").source_attributes["consensus"]["track_ids"]["b"] == ["object-03", "second-half"]


# ------------------------------------------------------------ sources


def test_the_sources_come_back_bit_by_bit(town, rng, tmp_path):
    scenes = three(town, rng, center_m=0.1, size_m=0.05, yaw_rad=0.05, lost=0.1, swaps=1)
    tilted = quat_from_axis_angle(np.array([0.6, 0, 0.8]), rng.uniform(-3, 3, len(scenes[0].tracks[0])))
    odd = (
        scenes[0]
        .tracks[0]
        .replace(
            cuboids=scenes[0].tracks[0].cuboids.replace(quat_wxyz=tilted),
            attributes={"a": [1, 2.5, None], "ä": {"b": -0.0}},
            method="linear",
            source_attributes={"x": 1e-300},
            origin=np.full(len(tilted), 5),
        )
    )
    scenes[0] = scenes[0].replace(tracks=[odd, *scenes[0].tracks[1:]])
    merged = bw.consensus(scenes).scene
    bw.write(merged, tmp_path / "merged")
    for scene in (merged, bw.read(tmp_path / "merged")):
        sources = bw.consensus_sources(scene)
        assert list(sources) == ["ann", "bob", "cyd"]
        for name, given in zip(sources, scenes):
            assert [track.track_id for track in sources[name]] == [track.track_id for track in given.tracks]
            for one, other in zip(sources[name], given.tracks):
                for column in ("center_m", "size_m", "quat_wxyz", "yaw_rad"):
                    assert getattr(one.cuboids, column).tobytes() == getattr(other.cuboids, column).tobytes()
                for column in ("times_ns", "visibility", "origin"):
                    np.testing.assert_array_equal(getattr(one, column), getattr(other, column))
                for column in ("track_id", "category", "method", "attributes", "source_attributes"):
                    assert getattr(one, column) == getattr(other, column)
                assert list(one.keyframe_attributes) == list(other.keyframe_attributes) and one.cuboids.frame == other.cuboids.frame


def test_every_merged_value_is_traced(town, rng, tmp_path):
    scenes = three(town, rng, center_m=0.1, size_m=0.05, yaw_rad=0.05, lost=0.1)
    bw.write(bw.consensus(scenes).scene, tmp_path / "merged")
    merged = bw.read(tmp_path / "merged")
    for track in merged.tracks[:4]:
        there = track.visibility < 2
        for i in np.flatnonzero(there)[::7].tolist():
            sources = bw.consensus_trace(merged, track.track_id, int(track.times_ns[i]))
            have = [one for one in sources if one.cuboid is not None]
            assert len(have) >= 2 and [one.annotator for one in sources] == ["ann", "bob", "cyd"]
            center = sum(one.center_weight * one.cuboid.center_m for one in have)
            np.testing.assert_allclose(center, track.cuboids.center_m[i], atol=1e-9)
            assert sum(one.rotation_weight for one in have) == pytest.approx(1)
            given = scenes[["ann", "bob", "cyd"].index(have[0].annotator)].track(have[0].track_ids[0])
            np.testing.assert_array_equal(given.at(track.times_ns[i : i + 1]).cuboids.center_m[0], have[0].cuboid.center_m)
    with pytest.raises(bw.UnknownName, match="nothing was merged"):
        bw.consensus_trace(merged, merged.tracks[0].track_id, 5)
    with pytest.raises(bw.UnknownName, match="no consensus"):
        bw.consensus_sources(town)


@pytest.mark.parametrize("damage", ["version", "tracks", "columns", "sizes"])
def test_damaged_sources_are_refused(town, damage):
    merged = bw.consensus({"a": town, "b": town}).scene
    kept = merged.source_attributes["consensus"]
    record = kept["sources"][0]
    if damage == "version":
        kept = {**kept, "version": 99}
    else:
        first = {**record["tracks"][0]}
        zeros = [[0, 0, 0]] * len(first["times_ns"])
        first.update({"tracks": {"times_ns": None}, "columns": {"center_m": [[1, 2]]}, "sizes": {"size_m": zeros}}[damage])
        kept = {**kept, "sources": [{**record, "tracks": [first]}]}
    with pytest.raises(bw.FormatError):
        bw.consensus_sources(merged.replace(source_attributes={"consensus": kept}))


def test_what_is_not_merged_is_told():
    import street

    scene = street.scene()
    related = scene.replace(relations=[bw.Relation("follows", "driving", "parked")])
    merged = bw.consensus({"a": related, "b": scene})
    assert merged.scene.relations == () and "relations are not merged" in " ".join(merged.notes) and merged.scene.label_frame == "world"
    tagged = bw.consensus({"a": scene.replace(tags=[bw.Tag("rain")]), "b": scene})
    assert [tag.name for tag in tagged.scene.tags] == ["rain"] and "tags differ: those of a were taken" in " ".join(tagged.notes)
    nothing = bw.consensus({"a": scene.replace(tracks=[]), "b": scene.replace(tracks=[])})
    assert len(nothing.scene.tracks) == 0 and nothing.notes == []
    for bad in ([scene], None, [scene, 3]):
        with pytest.raises(bw.ArgumentError):
            bw.consensus(bad)


# ------------------------------------------------------------ the arithmetic beneath


def test_spreads_of_three_of_whom_nothing_is_known(rng):
    sigma = np.array([0.05, 0.1, 0.4])
    x = rng.normal(0, 1, (400, 3, 3)) * sigma[:, None]
    found = spreads(lambda i, j: x[:, i] - x[:, j], lambda i, j: np.arange(400), 3, 1e-4)
    # how the good two share what they differ by, the noise of the third hides
    assert found[2] == pytest.approx(0.4, rel=0.1) and np.hypot(*found[:2]) == pytest.approx(np.hypot(0.05, 0.1), rel=0.15)
    sigma = np.array([0.1, 0.15, 0.25])
    x = rng.normal(0, 1, (400, 3, 3)) * sigma[:, None]
    np.testing.assert_allclose(spreads(lambda i, j: x[:, i] - x[:, j], lambda i, j: np.arange(400), 3, 1e-4), sigma, rtol=0.2)
    x[::10, 0] += 5  # one in ten of the best one's labels is far off
    np.testing.assert_allclose(spreads(lambda i, j: x[:, i] - x[:, j], lambda i, j: np.arange(400), 3, 1e-4), sigma, rtol=0.4)
    two = spreads(lambda i, j: x[:, i] - x[:, j], lambda i, j: np.arange(400), 2, 1e-4)
    assert two[0] == two[1]
    assert np.isfinite(spreads(lambda i, j: np.zeros((0, 3)), lambda i, j: np.zeros(0, int), 3, 1e-4)).all()


def test_vectors_merge_as_their_weighted_mean_where_they_are_near(rng):
    x, sigma = rng.normal(0, 1e-3, (50, 3, 3)) + 100, np.array([1.0, 2.0, 4.0])
    merged = merged_vectors(x, np.ones((50, 3), bool), sigma)
    weight = (1 / sigma**2) / (1 / sigma**2).sum()
    np.testing.assert_allclose(merged.value, np.einsum("n,unk->uk", weight, x), atol=1e-6)
    there = np.array([[True, False, True]] * 50)
    alone = merged_vectors(np.where(there[:, :, None], x, np.nan), there, sigma)
    assert np.isfinite(alone.value).all() and (alone.weight[:, 1] == 0).all()


def test_rotations_merge_on_the_sphere(rng):
    axis = rng.normal(size=3)
    axis /= np.linalg.norm(axis)
    angles = np.array([0.1, 0.2, 0.3])
    quats = np.stack([quat_from_axis_angle(axis, angle) for angle in angles])
    merged = merged_rotations(np.stack([quats, -quats]), np.ones((2, 3), bool), np.ones(3))
    np.testing.assert_allclose(merged.value, np.stack([quat_from_axis_angle(axis, 0.2)] * 2), atol=1e-6)
    seam = quat_from_yaw(np.array([[math.pi - 0.02, -math.pi + 0.02, math.pi]]))
    one = merged_rotations(seam, np.ones((1, 3), bool), np.full(3, 0.1))
    assert abs(abs(2 * math.atan2(one.value[0, 3], one.value[0, 0])) - math.pi) < 1e-9 and (one.value[0, 1:3] == 0).all()


def test_angles_between():
    a, b = quat_from_yaw(np.array([3.1, 0.5, 0.5])), quat_from_yaw(np.array([-3.1, 0.5 + math.pi, 0.2]))
    np.testing.assert_allclose(angles_between(a, b)[:, 0], [2 * math.pi - 6.2, 0, 0.3], atol=1e-12)
    tilted = quat_from_axis_angle(np.array([1.0, 0, 0]), np.array([0.3]))
    np.testing.assert_allclose(angles_between(quat_from_yaw(np.zeros(1)), tilted), [[0.3]], atol=1e-12)
