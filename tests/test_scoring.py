"""Labels against gold: every kind of error put in by hand is found as that and nothing else; laws; nuScenes' definitions; plans; annotators."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import subprocess
from pathlib import Path

import numpy as np
import pytest

import boxwright as bw
import labelling
import street
from boxwright.certification.clients import python_with
from boxwright.intervals import N_RESAMPLES, estimate, median_of, ratio_of
from boxwright.matching import labels_at


@pytest.fixture
def town(rng):
    return labelling.town(rng)


def changed(scene, track_id, frames=None, **columns):
    """One track with other numbers, in some of its frames or in all: center, size (added), yaw (added)."""
    track = scene.track(track_id)
    at = np.zeros(len(track), bool)
    at[slice(None) if frames is None else frames] = True
    cuboids = track.cuboids.replace(
        center_m=track.cuboids.center_m + at[:, None] * np.asarray(columns.get("center", np.zeros(3))),
        size_m=track.cuboids.size_m + at[:, None] * np.asarray(columns.get("size", np.zeros(3))),
        yaw_rad=track.cuboids.yaw_rad + at * columns.get("yaw", 0.0),
    )
    return replaced(scene, track.replace(cuboids=cuboids))


def replaced(scene, *tracks):
    new = {track.track_id: track for track in tracks}
    return scene.replace(tracks=[new.get(track.track_id, track) for track in scene.tracks])


def is_perfect(quality):
    figures = [quality.precision, quality.recall, quality.f1, quality.iou]
    ends = [quality.ate_m, quality.ase, quality.aoe_rad, quality.median_ate_m]
    return all(figure.value == 1 for figure in figures) and all(figure.value == 0 for figure in ends)


def test_a_scene_against_itself(town):
    score = bw.score(town, town)
    assert score.errors == [] and not any(score.n_errors.values()) and score.notes == []
    assert all(is_perfect(quality) for quality in (score.overall, *score.per_class.values()))
    assert set(score.per_class) == {"car", "van", "pedestrian"} and score.overall.n_objects == 20
    for tracking in (score.tracking, *score.tracking_per_class.values()):
        assert tracking.hota.hota == tracking.clear.mota == tracking.identity.idf1 == 1
    assert [(a, b) for a, b, _ in score.track_pairs] == [(name, name) for name in sorted(town.track_index)]


ONE_ERROR = [
    ("position", {"center": [0.5, 0, 0]}, 0.5, "m"),
    ("length", {"size": [-0.9, 0, 0]}, -0.9, "m"),
    ("width", {"size": [0, 0.4, 0]}, 0.4, "m"),
    ("height", {"size": [0, 0, 0.5]}, 0.5, "m"),
    ("heading", {"yaw": math.radians(10)}, math.radians(10), "rad"),
    ("flip", {"yaw": math.pi}, math.pi, "rad"),
]


@pytest.mark.parametrize(("kind", "change", "off_by", "unit"), ONE_ERROR, ids=[row[0] for row in ONE_ERROR])
def test_one_error_is_found_as_that_alone(town, kind, change, off_by, unit):
    wrong = changed(town, "object-03", [7], **change)
    score = bw.score(wrong, town)
    (error,) = score.errors
    gold = town.track("object-03")
    assert (error.kind, error.gold_track_id, error.track_id, error.category, error.unit) == (kind, "object-03", "object-03", "car", unit)
    assert abs(error.off_by) == pytest.approx(abs(off_by)) and np.sign(error.off_by) in (np.sign(off_by), -1.0 if kind == "flip" else np.sign(off_by))
    assert error.timestamp_ns == gold.times_ns[7] == town.times_ns[error.frame_index]
    column = {"position": "center_m", "heading": "yaw_rad", "flip": "yaw_rad"}.get(kind, "size_m")
    k = {"length": 0, "width": 1, "height": 2}.get(kind)
    for value, scene in ((error.original, wrong), (error.corrected, town)):
        of_track = getattr(scene.track("object-03").cuboids, column)[7]
        np.testing.assert_array_equal(value, of_track if k is None else of_track[k])
    report = score.quality_report()
    assert report[kind] == [
        {
            "target": "object-03",
            "frame": error.frame_index,
            "errorType": kind,
            "metadata": {"originalValue": error.original, "correctedValue": error.corrected},
        }
    ]
    assert sum(map(len, report.values())) == 1
    assert score.overall.f1.value == 1  # it is found, and off


def test_a_heading_that_is_turned_and_off_is_both(town):
    score = bw.score(changed(town, "object-03", [7], yaw=math.pi - math.radians(8)), town)
    found = {error.kind: error.off_by for error in score.errors}
    assert (
        set(found) == {"heading", "flip"}
        and found["heading"] == pytest.approx(-math.radians(8))
        and found["flip"] == pytest.approx(math.radians(172))
    )


def test_missing_and_extraneous(town):
    gold_track = town.track("object-05")
    score = bw.score(town.replace(tracks=[track for track in town.tracks if track is not gold_track]), town)
    assert score.n_errors["missing"] == len(score.errors) == len(gold_track)
    assert all(error.corrected["center_m"] and error.original is None and error.track_id is None for error in score.errors)
    assert score.overall.precision.value == 1 and score.overall.recall.value < 1
    back = bw.score(town, town.replace(tracks=[track for track in town.tracks if track is not gold_track]))
    assert back.n_errors["extraneous"] == len(back.errors) == len(gold_track)
    assert back.overall.precision.value == score.overall.recall.value


def test_label_and_attributes(town):
    track = town.track("object-06")
    score = bw.score(replaced(town, track.replace(category="van")), town)
    assert {(error.kind, error.original, error.corrected) for error in score.errors} == {("label", "van", "car")}
    assert len(score.errors) == len(track)
    assert score.per_class["car"].recall.value < 1 and score.per_class["van"].precision.value < 1 and score.per_class["pedestrian"].f1.value == 1
    score = bw.score(replaced(town, track.replace(attributes={"color": "green", "more": 1})), town)
    assert {(error.kind, error.name, error.original, error.corrected) for error in score.errors} == {
        ("attribute", "color", "green", track.attributes["color"])
    }
    assert score.overall.aae.value == pytest.approx(len(track) / score.overall.n_gold)
    said = [{"door": "shut"}] + [{}] * 4 + [{"door": "open"}] + [{}] * (len(track) - 6)
    gold = replaced(town, track.replace(keyframe_attributes=said))
    late = [{"door": "shut"}] + [{}] * 6 + [{"door": "open"}] + [{}] * (len(track) - 8)
    score = bw.score(replaced(town, track.replace(keyframe_attributes=late)), gold)
    assert [(error.frame_index - score.errors[0].frame_index, error.original, error.corrected) for error in score.errors] == [
        (0, "shut", "open"),
        (1, "shut", "open"),
    ]


def test_a_thing_labelled_twice_stays_with_its_own_track(town, rng):
    """The second is worse in some frames and better in others; it is extraneous in all of them."""
    twin = town.track("object-00")
    shift = rng.normal(0, 0.02, (len(twin), 3))
    twin = twin.replace(track_id="a-twin", cuboids=twin.cuboids.replace(center_m=twin.cuboids.center_m + shift))
    first = changed(town, "object-00", center=[0.015, 0.015, 0.015])
    score = bw.score(first.replace(tracks=[*first.tracks, twin]), town)
    assert {error.kind for error in score.errors} == {"extraneous"} and len({error.track_id for error in score.errors}) == 1
    assert score.n_errors["extraneous"] == len(twin) and score.tracking.clear.n_switches == 0


def test_swapped_tracks_are_switches(town, rng):
    alike = town.replace(tracks=[track.replace(category="car") for track in town.tracks])
    score = bw.score(labelling.labelled(alike, rng, swaps=2), alike)
    assert score.tracking.clear.n_switches == 4 and score.tracking.identity.idf1 < 1
    assert score.tracking.hota.deta > 0.9 > score.tracking.hota.assa


def figures(score):
    """All numbers of a score in one array."""
    flat = []
    for quality in (score.overall, *(score.per_class[name] for name in sorted(score.per_class))):
        flat += [value for part in vars(quality).values() for value in np.atleast_1d(part)]
    for tracking in (score.tracking, *(score.tracking_per_class[name] for name in sorted(score.tracking_per_class))):
        flat += [tracking.hota.hota, tracking.hota.loca, *vars(tracking.clear).values(), *vars(tracking.identity).values()]
    return np.array(flat, float)


def messy(scene, rng, name="ann"):
    return labelling.labelled(scene, rng, name=name, center_m=0.15, size_m=0.15, yaw_rad=0.1, lost=0.1, swaps=2, n_ghosts=2)


def test_the_order_of_tracks_changes_nothing(town, rng):
    labels = messy(town, rng)
    score = bw.score(labels, town)
    other = bw.score(labelling.shuffled(labels, rng), labelling.shuffled(town, rng))
    np.testing.assert_array_equal(figures(score), figures(other))
    assert score.errors == other.errors and len(score.errors) > 100


def test_a_rigid_motion_of_both_changes_nothing(town, rng):
    labels = messy(town, rng)
    pose = bw.Pose.from_yaw(2.1, (310.0, -94.0, 7.0))
    score, other = bw.score(labels, town), bw.score(labelling.moved(labels, pose), labelling.moved(town, pose))
    np.testing.assert_allclose(figures(score), figures(other), atol=1e-9)
    assert [error.kind for error in score.errors] == [error.kind for error in other.errors]


def test_labels_and_gold_may_change_places(town, rng):
    labels = messy(town, rng)
    there, back = bw.score(labels, town), bw.score(town, labels)
    assert there.overall.precision.value == pytest.approx(back.overall.recall.value) and there.overall.recall.value == pytest.approx(
        back.overall.precision.value
    )
    for name in ("f1", "iou", "ate_m", "ase", "aoe_rad", "ave_mps"):
        assert getattr(there.overall, name).value == pytest.approx(getattr(back.overall, name).value)
    assert there.tracking.hota.hota == pytest.approx(back.tracking.hota.hota)
    assert there.n_errors["missing"] == back.n_errors["extraneous"]


# ------------------------------------------------------------ nuScenes' definitions


def test_true_positive_errors_by_hand(town):
    score = bw.score(changed(town, "object-03", None, center=[0.3, 0.4, 0.2], size=[0.6, 0, 0], yaw=-0.2), town)
    n, n_all = len(town.track("object-03")), score.overall.n_gold
    assert score.overall.ate_m.value == pytest.approx(0.5 * n / n_all)
    assert score.overall.ase.value == pytest.approx((1 - 4.4 / 5.0) * n / n_all)
    assert score.overall.aoe_rad.value == pytest.approx(0.2 * n / n_all)
    assert score.overall.ave_mps.value == pytest.approx(0, abs=1e-9)
    assert score.overall.median_ate_m.value == 0


def test_velocity_is_from_the_neighbours():
    stamps = np.array([0, 1, 2, 3, 10]) * 500_000_000
    center = np.array([[0, 0, 0], [1, 0, 0], [3, 0, 0], [3, 1, 0], [9, 9, 0]], float)
    track = bw.Track("a", "car", stamps, bw.Cuboids(center, np.tile([4, 2, 1.5], (5, 1)), 0.0, frame="lidar"))
    table = labels_at(bw.Scene("s", stamps, {"lidar": bw.Lidar("lidar")}, label_frame="lidar", tracks=[track]), stamps, "lidar")
    expected = [[2, 0], [3, 0], [2, 1], [np.nan, np.nan], [np.nan, np.nan]]
    np.testing.assert_allclose(table.velocity_mps(), expected)


def test_cones_have_no_heading_and_barriers_no_front(town):
    for category, change, kinds in (("cone", 1.0, set()), ("barrier", math.pi, set()), ("barrier", math.pi - 0.2, {"heading"})):
        gold = replaced(town, town.track("object-00").replace(category=category))
        assert {error.kind for error in bw.score(changed(gold, "object-00", yaw=change), gold).errors} == kinds


NUSCENES_ATTRIBUTES = {"red": "vehicle.moving", "blue": "vehicle.parked", "white": "vehicle.stopped"}


@pytest.mark.full
def test_equal_to_the_nuscenes_devkit(rng):
    """It wants a numpy of its own, and so a venv of its own: BOXWRIGHT_CLIENT_PYTHON names its Python."""
    python = python_with("nuscenes-devkit")
    if python is None:
        pytest.skip("nuscenes-devkit is not installed, nor named by BOXWRIGHT_CLIENT_PYTHON")
    gold = labelling.town(rng)
    labels = labelling.labelled(gold, rng, center_m=0.1, size_m=0.1, yaw_rad=0.2)
    other = dict(zip(("red", "blue", "white"), ("blue", "blue", "red")))
    labels = labels.replace(tracks=[track.replace(attributes={"color": other[track.attributes["color"]]}) for track in labels.tracks])
    score = bw.score(labels, gold)
    tables = [labels_at(scene, gold.times_ns, "lidar") for scene in (gold, labels)]
    speeds, said = [table.velocity_mps() for table in tables], [table.attributes() for table in tables]
    place = {(int(track), int(time)): row for row, (track, time) in enumerate(zip(tables[1].track_index, tables[1].time_index))}

    def box(k, row):
        cuboids = tables[k].cuboids
        return {
            "center_m": cuboids.center_m[row].tolist(),
            "size_m": cuboids.size_m[row].tolist(),
            "quat_wxyz": cuboids.quat_wxyz[row].tolist(),
            "velocity_mps": [speed if np.isfinite(speed) else None for speed in speeds[k][row].tolist()],
            "attribute": NUSCENES_ATTRIBUTES[said[k][row]["color"]],
        }

    keys = list(zip(tables[0].track_index.tolist(), tables[0].time_index.tolist()))
    pairs = [(box(0, row), box(1, place[key])) for row, key in enumerate(keys) if key in place]
    script = Path(__file__).with_name("nuscenes_errors.py")
    done = subprocess.run([python, "-I", str(script)], input=json.dumps(pairs), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    theirs = np.array(json.loads(done.stdout), float)
    assert score.overall.n_matched == len(tables[0].track_index) == len(theirs) > 100
    ours = [getattr(score.overall, name).value for name in ("ate_m", "ase", "aoe_rad", "ave_mps", "aae")]
    np.testing.assert_allclose(ours, np.nanmean(theirs, axis=0), atol=1e-9)


# ------------------------------------------------------------ frames, plans, frames of reference


def test_only_the_chosen_frames_count(town, rng):
    labels = messy(town, rng)
    sparse = labels.replace(tracks=[labelling.dense(t, town.times_ns, *some(t, town, [3, 9])) for t in labels.tracks])
    plan = bw.GoldPlan("x", 0.1, 1, {"town": ("000003", "000009")})
    score = bw.score(sparse, town, frames=plan)
    assert score.frames.tolist() == [3, 9] and {error.frame_index for error in score.errors} == {3, 9}
    assert score.overall.n_gold == sum(track.at(town.times_ns[[3, 9]]).is_valid.sum() for track in town.tracks)
    assert bw.score(sparse, town, frames=[9, 3]).overall == score.overall
    with pytest.raises(bw.FrameMissing):
        bw.score(sparse, town, frames=[99])
    with pytest.raises(bw.ArgumentError, match="at least one frame"):
        bw.score(sparse, town, frames=[])


def some(track, scene, frames):
    there, cuboids = labelling.rows_of(track, scene.times_ns)
    keep = np.isin(there, frames)
    return (there[keep], cuboids[keep]) if keep.any() else (there, cuboids)


def test_a_plan_is_chosen_again_alike(rng):
    scenes = [labelling.town(rng, n_frames=60).replace(name=name) for name in ("a", "b", "c")]
    plan = bw.plan_gold(scenes, share=0.1, seed="s3cret")
    assert plan == bw.plan_gold(scenes[::-1], share=0.1, seed="s3cret")
    assert plan.frame_ids["b"] == bw.plan_gold(scenes[1:2], share=0.1, seed="s3cret").frame_ids["b"]
    assert plan.frame_ids["a"] != plan.frame_ids["b"] and plan.frame_ids != bw.plan_gold(scenes, seed="other").frame_ids
    for scene in scenes:
        frames = plan.frames(scene)
        assert len(frames) == 6 and min(np.diff(frames)) >= 5
    assert bw.GoldPlan.from_json(plan.to_json()) == plan
    lots = {name: hashlib.sha256(f'["gold", "a", "{name}"]'.encode()).hexdigest() for name in scenes[0].frame_ids}
    first = sorted(lots, key=lots.__getitem__)[:4]
    assert sorted(first) == ["000016", "000039", "000058", "000059"] and first.index("000059") < first.index("000058")  # two of them are too close
    assert bw.plan_gold(scenes[0], share=0.05, seed="gold").frame_ids == {"a": ("000016", "000039", "000059")}
    for bad in ("[]", "{", '{"format": "boxwright-gold-plan", "version": 1}', json.dumps({**json.loads(plan.to_json()), "frame_ids": {"a": [1]}})):
        with pytest.raises(bw.FormatError):
            bw.GoldPlan.from_json(bad)
    with pytest.raises(bw.FrameMissing, match="no such scene"):
        plan.frames(scenes[0].replace(name="d"))
    with pytest.raises(bw.FrameMissing, match="lacks a planned frame"):
        plan.frames(labelling.town(rng, n_frames=5).replace(name="a"))
    for bad in ({"share": 0}, {"share": 2}, {"least_gap": 0}, {"seed": 3}):
        with pytest.raises(bw.ArgumentError):
            bw.plan_gold(scenes, **bad)


def test_two_frames_of_reference_meet_through_the_poses():
    world = street.scene()
    tracks = []
    for track in world.tracks:
        poses = [world.transform("ego", "world", int(stamp)) for stamp in track.times_ns]
        parts = [track.cuboids[i : i + 1].transformed(pose, frame="ego") for i, pose in enumerate(poses)]
        tracks.append(track.replace(cuboids=bw.Cuboids.concatenate(parts)))
    ego = world.replace(label_frame="ego", tracks=tracks)
    for pair in ((ego, world), (world, ego)):
        score = bw.score(*pair)
        assert score.errors == [] and score.overall.ate_m.value < 1e-9
    with pytest.raises(bw.GeometryError, match="no way"):
        bw.score(ego.replace(trajectory=None), world)


def test_what_cannot_be_compared(town):
    with pytest.raises(bw.TimeError, match="no frame in common"):
        bw.score(town, town.replace(times_ns=town.times_ns + 7, tracks=[]))
    for bad in ((town, None), ("town", town)):
        with pytest.raises(bw.ArgumentError, match="expected a Scene"):
            bw.score(*bad)
    for bad in ({"rules": "x"}, {"tolerances": 3}, {"seed": -1}, {"seed": "s"}, {"frames": 3}, {"frames": "ab"}, {"frames": [1.5]}):
        with pytest.raises(bw.ArgumentError):
            bw.score(town, town, **bad)
    for bad in ({"least_similarity": 0}, {"least_similarity": 1.5}, {"reach_m": -1}, {"small_classes": "car"}):
        with pytest.raises(bw.ArgumentError):
            bw.MatchRules(**bad)
    with pytest.raises(bw.ArgumentError):
        bw.Tolerances(position_m=-1)


def test_poses_that_differ_and_frames_that_are_not_there_are_told(town):
    world = street.scene()
    poses = [world.trajectory[i] for i in range(6)]
    other = bw.Trajectory(street.times_ns(), [bw.Pose(pose.rotation, pose.translation_m + np.array([0, 1, 0])) for pose in poses])
    assert "differ by up to 1.00 m" in " ".join(bw.score(world.replace(trajectory=other), world).notes)
    late = town.replace(times_ns=town.times_ns[3:], frame_ids=town.frame_ids[3:])
    assert "3 of 30 gold frames are no frames of" in " ".join(bw.score(late, town).notes)


def in_pictures(scene, xyxy, category="car", name="seen"):
    """One track of boxes, the same in all pictures."""
    boxes = bw.Boxes(np.tile(np.array(xyxy, float), (len(scene), 1)))
    return bw.ImageTrack(name, category, "front", scene.exposures_ns("front"), boxes)


def test_labels_in_pictures_are_scored():
    scene = street.scene()
    gold = scene.replace(image_tracks=[in_pictures(scene, [10, 20, 60, 50]), in_pictures(scene, [70, 20, 90, 40], name="other")])
    perfect = bw.score(gold, gold).pictures["front"]
    assert (perfect.n_objects, perfect.n_gold, perfect.n_labels, perfect.n_matched) == (2, 2 * len(scene), 2 * len(scene), 2 * len(scene))
    assert perfect.f1.value == perfect.iou.value == perfect.identity.idf1 == 1.0
    off = scene.replace(image_tracks=[in_pictures(scene, [20, 20, 70, 50]), in_pictures(scene, [70, 20, 90, 40], "truck", "other")])
    found = bw.score(off, gold)
    one = found.pictures["front"]
    assert one.precision.value == one.recall.value == 0.5 and one.iou.value == pytest.approx(40 / 60)  # the truck is none of the cars
    said = json.loads(json.dumps(found.to_dict()))["pictures"]["front"]
    assert said["n_matched"] == len(scene) and said["iou"]["value"] == pytest.approx(40 / 60) and said["mota"] == pytest.approx(0.0)
    assert not bw.score(scene, scene).pictures and not bw.score(gold, scene).pictures
    assert bw.score(gold, scene).notes == ["gold has no labels in the pictures of front: those there are not compared"]
    missing = bw.score(scene, gold)
    one = missing.pictures["front"]
    assert one.n_matched == one.recall.value == 0 and np.isnan(one.precision.value)
    n = 2 * len(scene)
    assert missing.errors == [] and missing.unlisted == [f"labels in pictures of front: {n} of {n} of gold are missing, 0 of 0 are extraneous"]
    assert missing.to_dict()["unlisted"] == missing.unlisted and bw.score(gold, gold).unlisted == bw.score(gold, scene).unlisted == []


def test_a_mask_without_a_pixel_is_no_label_in_a_picture():
    scene = street.scene()
    camera = scene.camera("front").camera
    masks = np.zeros((len(scene), camera.height_px, camera.width_px), bool)
    masks[:-1, 20:40, 10:30] = True
    track = bw.ImageTrack("seen", "car", "front", scene.exposures_ns("front"), bw.Masks.from_arrays(masks))
    gold = scene.replace(image_tracks=[track])
    one = bw.score(gold, gold).pictures["front"]
    assert (one.n_objects, one.n_gold, one.n_labels, one.n_matched) == (1, len(scene) - 1, len(scene) - 1, len(scene) - 1)


def test_labels_of_points_are_scored():
    scene = bw.simulate(6, 2, n_beams=16, n_columns=200, image_scale=0.1)
    gold = bw.segment_scene(scene)
    assert bw.score(gold, gold).points.mean_iou == 1.0 and bw.score(scene, scene).points is None
    other = gold.replace(point_label_data=scene.point_label_data)
    lacking = bw.score(other, gold)
    assert lacking.points.mean_iou == 0.0 and len(lacking.unlisted) == 1 and "of another class than in gold" in lacking.unlisted[0]
    assert bw.score(gold, gold).unlisted == []
    said = bw.score(gold, gold).to_dict()["points"]
    assert said["mean_iou"] == 1.0 and all(one["iou"] == 1.0 for one in said["per_class"].values())


def test_nothing_at_all(town):
    empty = town.replace(tracks=[])
    score = bw.score(empty, empty)
    assert score.errors == [] and math.isnan(score.overall.f1.value) and score.per_class == {} and math.isnan(score.tracking.hota.hota)
    assert bw.score(empty, town).overall.f1.value == 0
    assert math.isnan(bw.score(town, empty).overall.recall.value)


# ------------------------------------------------------------ annotators


def test_annotators_are_put_together_and_ranked_from_fifty_objects(rng):
    small, large = labelling.town(rng, 20), labelling.town(rng, 60).replace(name="city")
    scores = []
    for gold in (small, large):
        for name, lost in (("bea", 0.02), ("abe", 0.3)):
            scores.append(bw.score(labelling.labelled(gold, rng, name=name, lost=lost).replace(name=gold.name), gold))
    scores.append(bw.score(labelling.labelled(small, rng, name="new"), small))
    ranked = bw.compare_annotators(scores)
    assert [(one.annotator, one.rank, one.quality.n_objects) for one in ranked] == [("bea", 1, 80), ("abe", 2, 80), ("new", None, 20)]
    assert ranked == bw.compare_annotators(scores[::-1])
    assert ranked[0].quality.n_gold == scores[0].overall.n_gold + scores[2].overall.n_gold
    with pytest.raises(bw.ArgumentError, match="scored twice"):
        bw.compare_annotators([scores[0], scores[0]])
    with pytest.raises(bw.ArgumentError):
        bw.compare_annotators(scores[0])


# ------------------------------------------------------------ intervals


def coverage(make, true, n, trials, *, is_share=False):
    """Share of intervals that hold the true figure."""
    held = 0
    for k in range(trials):
        found = estimate(make(np.random.default_rng(k), n), n, is_share=is_share, seed=k)
        held += found.low <= true <= found.high
    return held / trials


def mean_of_clusters(rng, n):
    frames = rng.integers(1, 30, n).astype(float)
    return ratio_of(rng.gamma(2, 0.5, n) * frames, frames)


def median_of_objects(rng, n):
    return median_of(rng.gamma(2, 0.5, n))


def f1_of_objects(rng, n):
    frames = rng.integers(5, 30, n)
    true, extra = rng.binomial(frames, rng.beta(9, 1, n)).astype(float), rng.poisson(0.5, n)
    return ratio_of(2 * true, true + frames + extra)


SIMULATED = [(mean_of_clusters, 1.0, False), (median_of_objects, 0.83917349, False), (f1_of_objects, 30.6 / 32.8, True)]


@pytest.mark.parametrize(("make", "true", "is_share"), SIMULATED, ids=["mean", "median", "f1"])
def test_intervals_hold_the_truth(make, true, is_share):
    assert 0.9 <= coverage(make, true, 60, 200, is_share=is_share) <= 0.99


@pytest.mark.full
@pytest.mark.parametrize("n", [50, 100, 200])
@pytest.mark.parametrize(("make", "true", "is_share"), SIMULATED, ids=["mean", "median", "f1"])
def test_intervals_hold_the_truth_in_95_of_100(make, true, is_share, n):
    assert 0.93 <= coverage(make, true, n, 3000, is_share=is_share) <= 0.97


def test_intervals_of_nothing_one_and_perfect():
    assert np.isnan(estimate(ratio_of(np.zeros(0), np.zeros(0)), 0)).all()
    one = estimate(ratio_of(np.ones(1), np.full(1, 2.0)), 1)
    assert one.value == 0.5 and math.isnan(one.low)
    perfect = estimate(ratio_of(np.ones(60), np.ones(60)), 60, is_share=True)
    assert perfect == (1.0, pytest.approx(0.025 ** (1 / 60)), 1.0)
    assert np.isnan(estimate(ratio_of(np.zeros(5), np.zeros(5)), 5)).all()
    assert N_RESAMPLES >= 1000


def test_medians_of_weighted_objects(rng):
    values = rng.normal(size=9)
    weights = rng.integers(0, 4, (50, 9)).astype(float)
    slow = [np.median(np.repeat(values, row.astype(int))) for row in weights]
    np.testing.assert_allclose(median_of(values)(weights), slow)


# ------------------------------------------------------------ real labels, tables, commands


def test_real_labels(real_data):
    for k, scene in enumerate(labelling.real_scenes(real_data)):
        assert bw.score(scene, scene).errors == []
        score = bw.score(labelling.labelled(scene, np.random.default_rng(k), center_m=0.05, lost=0.1, n_ghosts=2), scene)
        assert score.overall.recall.value == pytest.approx(0.9, abs=0.02)
        assert 0.04 < score.overall.ate_m.value < 0.08 and score.overall.ate_m.low <= score.overall.ate_m.value <= score.overall.ate_m.high


def test_a_score_is_json_and_a_table(town, rng):
    score = bw.score(messy(town, rng), town)
    said = json.loads(json.dumps(score.to_dict()))
    assert said["overall"]["f1"]["value"] == score.overall.f1.value and len(said["errors"]) == len(score.errors)
    assert said["tracking"]["hota"] == score.tracking.hota.hota
    pytest.importorskip("pandas", reason="pandas is not installed (extra 'table')")
    table = score.to_pandas()
    assert list(table.columns) == [field.name for field in dataclasses.fields(bw.LabelError)] and len(table) == len(score.errors)
