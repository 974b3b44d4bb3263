"""Rules that need labels alone: each finds the fault put in, with a correction that takes it out, and is silent on what is sound."""

from __future__ import annotations

import numpy as np
import pytest

import boxwright as bw
import traffic
from boxwright.checks import MoveKeyframes

LABEL_RULES = [rule.rule_id for rule in bw.check_rules() if rule.needs == "labels"]


@pytest.fixture(scope="module")
def road() -> bw.Scene:
    return traffic.traffic()


def only(scene: bw.Scene, rule: str) -> bw.Finding:
    """The one finding of the rule; none of the other rules on labels has anything to say."""
    found = bw.check(scene, rules="labels").where(severity="warning")
    assert {one.rule for one in found} == {rule}, [str(one) for one in found]
    (one,) = found
    return one


def is_mended(scene: bw.Scene, finding: bw.Finding, *but: str) -> bool:
    """Whether the correction leaves nothing to be said."""
    found = bw.check(finding.suggestion.apply(scene), rules="labels").where(severity="warning")
    return not [one for one in found if one.rule not in but]


@pytest.mark.parametrize("seed", range(5))
def test_silence_on_what_is_sound(seed):
    found = bw.check(traffic.traffic(12, 50, seed=seed), rules="labels")
    assert not found.where(severity="warning"), [str(one) for one in found]


def test_noise_of_hand_labels_is_no_fault():
    """3 cm and 0.7 degrees in every frame, as in ALGORITHMS 4.2: fewer than 5 in 1,000 labels."""
    scene = traffic.traffic(60, 50, seed=3, jitter_m=0.03, jitter_rad=np.radians(0.7))
    found = bw.check(scene, rules="labels").where(severity="warning")
    assert sum(one.n_frames for one in found) <= 0.005 * 60 * 50, [str(one) for one in found]


# ------------------------------------------------------------ single labels


@pytest.mark.parametrize("angle", np.linspace(0, 6, 7))
def test_a_label_out_of_place(road, angle):
    wrong = traffic.changed(road, 1, 20, shift=(0.3 * np.cos(angle), 0.3 * np.sin(angle), 0))
    one = only(wrong, "outlier_position")
    assert (one.frame_index, one.last_frame_index, one.track_ids) == (20, 20, ("car-1",))
    assert one.value == pytest.approx(0.3, abs=0.02) and one.threshold == pytest.approx(0.2) and one.unit == "m"
    assert is_mended(wrong, one)
    mended = one.suggestion.apply(wrong).tracks[1].cuboids.center_m
    np.testing.assert_allclose(mended, road.tracks[1].cuboids.center_m, atol=0.02)


@pytest.mark.parametrize("turn", [-10, 10, 30])
def test_a_label_turned(road, turn):
    wrong = traffic.changed(road, 2, 15, turn_rad=np.radians(turn))
    one = only(wrong, "outlier_heading")
    assert (one.frame_index, one.track_ids, one.unit) == (15, ("car-2",), "deg") and one.value == pytest.approx(abs(turn), abs=0.5)
    assert is_mended(wrong, one)


@pytest.mark.parametrize("rows", [slice(20, 21), slice(5, 12), slice(0, 4), slice(35, 40)])
def test_headings_flipped(road, rows):
    wrong = traffic.changed(road, 3, rows, turn_rad=np.pi)  # parked: motion says nothing
    one = only(wrong, "heading_flip")
    assert (one.frame_index, one.last_frame_index) == (rows.start, rows.stop - 1) and one.severity == bw.Severity.ERROR
    assert is_mended(wrong, one)


def test_a_track_that_goes_backwards(road):
    wrong = traffic.changed(road, 1, slice(None), turn_rad=np.pi)
    one = only(wrong, "heading_against_motion")
    assert one.frame_index == 0 and one.last_frame_index == 39 and one.value > 170
    assert is_mended(wrong, one)


def test_a_track_that_slides(road):
    wrong = traffic.changed(road, 1, slice(None), turn_rad=np.radians(50))
    one = only(wrong, "lateral_slip")
    assert one.value == pytest.approx(50, abs=3) and one.track_ids == ("car-1",)


# ------------------------------------------------------------ sizes


def test_a_size_for_one_frame(road):
    wrong = traffic.changed(road, 1, 20, factor=1.2)
    one = only(wrong, "size_change")
    assert one.value == pytest.approx(0.2) and is_mended(wrong, one)


def test_a_size_its_class_does_not_come_in(road):
    wrong = traffic.changed(road, 1, slice(None), factor=2.0)
    one = only(wrong, "class_size")
    assert one.track_ids == ("car-1",) and "3.60 m in width" in one.message and one.value == pytest.approx(0.5)


def test_sizes_that_scatter_are_told_once(road):
    rng = np.random.default_rng(4)
    wrong = road
    for k in range(6):
        wrong = traffic.changed(wrong, k, slice(None), factor=rng.uniform(0.95, 1.05, (40, 1)))
    found = bw.check(wrong, rules=["size_scatter", "size_change"])
    (one,) = found
    assert one.rule == "size_scatter" and len(one.track_ids) == 6 and one.severity == bw.Severity.INFORMATION
    assert not bw.check(one.suggestion.apply(wrong), rules="size_scatter,size_change")


# ------------------------------------------------------------ motion


def test_what_moves_as_nothing_can(road):
    track = road.tracks[3]
    seconds = np.arange(40) * 0.1
    for rule, along in (("speed", 90 * seconds), ("acceleration", 20 * np.maximum(seconds - 1.5, 0) ** 2 / 2)):
        place = track.cuboids.center_m + along[:, None] * np.array([np.cos(track.cuboids.yaw_rad[0]), np.sin(track.cuboids.yaw_rad[0]), 0])
        found = bw.check(traffic.changed(road, 3, slice(None), center=place), rules=rule)
        assert {one.track_ids for one in found} == {("car-3",)}, rule
    smooth = np.where(seconds < 2, 0, 60 * (seconds - 2) ** 2)
    assert bw.check(traffic.changed(road, 3, slice(None), center=track.cuboids.center_m + smooth[:, None] * [1, 0, 0]), rules="acceleration")


def test_what_turns_as_nothing_can(road):
    wrong = traffic.changed(road, 3, slice(None), turn_rad=4.0 * np.arange(40) * 0.1)
    (one,) = bw.check(wrong, rules="yaw_rate")
    assert one.value == pytest.approx(4.0, abs=0.1) and one.unit == "rad/s"


def test_jerk(road):
    seconds = np.arange(40) * 0.1
    along = np.where(seconds < 2, 0.0, np.minimum(seconds - 2, 0.2) ** 3 * 30)
    assert not bw.check(traffic.changed(road, 3, slice(None), shift=along[:, None] * [1, 0, 0]), rules="jerk")
    swing = 300 / 6 * np.sin(seconds * 6) / 6**0  # third derivative far beyond 60
    assert bw.check(traffic.changed(road, 3, slice(None), shift=swing[:, None] * [1, 0, 0]), rules="jerk")


def test_a_standing_thing_that_moves(road):
    cones = road.replace(tracks=[track.replace(category="cone") if track.track_id in ("car-3", "car-1") else track for track in road.tracks])
    (one,) = bw.check(cones, rules="static_moves")
    assert one.track_ids == ("car-1",)
    parked = traffic.replaced(road, road.tracks[1].replace(attributes={"motion": "parked"}))
    (one,) = bw.check(parked, rules="static_moves")
    assert "parked" in one.message


# ------------------------------------------------------------ tracks


@pytest.mark.parametrize("n", [1, 3])
def test_frames_left_out(road, n):
    wrong = traffic.replaced(road, traffic.without(road.tracks[1], 18, 17 + n))
    one = only(wrong, "gap")
    assert (one.frame_index, one.last_frame_index, one.value) == (18, 17 + n, n)
    mended = one.suggestion.apply(wrong)
    assert is_mended(wrong, one)
    np.testing.assert_allclose(mended.cuboids(18, "world").center_m[1], road.tracks[1].cuboids.center_m[18], atol=0.1)


def test_a_long_gap_may_be_meant(road):
    assert not bw.check(traffic.replaced(road, traffic.without(road.tracks[1], 10, 28)), rules="labels").where(severity="warning")


def test_an_object_in_pieces(road):
    track = road.tracks[1]
    wrong = traffic.replaced(road, track.take(slice(0, 20)))
    wrong = wrong.replace(tracks=[*wrong.tracks, track.take(slice(22, 40)).replace(track_id="again")])
    one = only(wrong, "fragmented_track")
    assert one.track_ids == ("car-1", "again")
    mended = one.suggestion.apply(wrong)
    assert "again" not in mended.track_index and len(mended.track("car-1")) == 38


def test_an_object_that_changes_its_class(road):
    track = road.tracks[1]
    wrong = traffic.replaced(road, traffic.without(track, 15, 21))
    wrong = wrong.replace(tracks=[*wrong.tracks, track.take(slice(15, 22)).replace(track_id="car-1-Van", category="van")])
    one = only(wrong, "class_flip")
    assert one.track_ids == ("car-1", "car-1-Van") and (one.frame_index, one.last_frame_index) == (15, 21)
    assert is_mended(wrong, one)
    mended = one.suggestion.apply(wrong)
    assert mended.track("car-1").category == "car"
    np.testing.assert_array_equal(mended.track("car-1").cuboids.center_m, track.cuboids.center_m)


def near_each_other(road: bw.Scene) -> bw.Scene:
    """Two cars side by side, 4 m apart."""
    center = road.tracks[0].cuboids.center_m
    across = np.c_[-np.sin(road.tracks[0].cuboids.yaw_rad), np.cos(road.tracks[0].cuboids.yaw_rad), np.zeros(40)]
    scene = traffic.replaced(road, road.tracks[1].replace(cuboids=road.tracks[0].cuboids.replace(center_m=center + 4 * across)))
    assert not bw.check(scene, rules="labels").where(severity="warning")
    return scene


@pytest.mark.parametrize("rows", [slice(12, 20), slice(25, 40)])
def test_tracks_that_change_places(road, rows):
    sound = near_each_other(road)
    wrong = traffic.swapped(sound, 0, 1, rows)
    one = only(wrong, "id_switch")
    assert set(one.track_ids) == {"car-0", "car-1"} and (one.frame_index, one.last_frame_index) == (rows.start, rows.stop - 1)
    assert all(isinstance(edit, MoveKeyframes) for edit in one.suggestion.edits) and is_mended(wrong, one)
    np.testing.assert_array_equal(one.suggestion.apply(wrong).tracks[0].cuboids.center_m, sound.tracks[0].cuboids.center_m)


def test_a_track_that_jumps(road):
    wrong = traffic.changed(road, 1, slice(20, None), shift=(3.0, 4.0, 0))
    one = only(wrong, "jump")
    assert one.value == pytest.approx(5.0, abs=0.3) and one.last_frame_index == 20


# ------------------------------------------------------------ pairs


def test_one_object_labelled_twice(road):
    track = road.tracks[1]
    rng = np.random.default_rng(2)
    twin = track.replace(track_id="twin", cuboids=track.cuboids.replace(center_m=track.cuboids.center_m + rng.normal(0, 0.03, (40, 3))))
    for some in (slice(0, 40), slice(10, 16)):
        wrong = road.replace(tracks=[*road.tracks, twin.take(some)])
        one = only(wrong, "duplicate_track")
        assert one.track_ids == ("car-1", "twin") and one.n_frames == some.stop - some.start
        assert is_mended(wrong, one) and "twin" not in one.suggestion.apply(wrong).track_index


def beside(road: bw.Scene, offset_m: float, category: str) -> bw.Scene:
    track = road.tracks[3]
    across = np.c_[-np.sin(track.cuboids.yaw_rad), np.cos(track.cuboids.yaw_rad), np.zeros(40)]
    other = track.replace(track_id="other", category=category, cuboids=track.cuboids.replace(center_m=track.cuboids.center_m + offset_m * across))
    return road.replace(tracks=[*road.tracks, other])


def test_labels_that_go_through_each_other(road):
    assert only(beside(road, 0.8, "car"), "overlap").value == pytest.approx(1.0 / 2.6, abs=0.01)
    assert not bw.check(beside(road, 1.2, "car"), rules="overlap")
    assert only(beside(road, 1.3, "van"), "overlap").threshold == pytest.approx(0.1)
    trailer = beside(road, 0.8, "trailer")
    assert not bw.check(trailer, rules="overlap")  # a car may pull it


def test_what_is_above_does_not_go_through(road):
    track = road.tracks[3]
    above = track.replace(track_id="above", cuboids=track.cuboids.replace(center_m=track.cuboids.center_m + np.array([0, 0, 1.6])))
    assert not bw.check(road.replace(tracks=[*road.tracks, above]), rules="overlap,duplicate_track")


# ------------------------------------------------------------ what cannot be told


def test_without_poses_motion_is_left_out_and_said_so(road):
    tracks = [track.replace(cuboids=track.cuboids.transformed(np.eye(4), frame="lidar")) for track in road.tracks]
    scene = road.replace(trajectory=None, label_frame="lidar", tracks=tracks)
    found = bw.check(scene, rules="labels")
    assert any("no ego poses" in note and "speed" in note for note in found.notes)
    swapped = traffic.swapped(near_each_other(road), 0, 1, slice(12, 20))
    tracks = [track.replace(cuboids=track.cuboids.transformed(np.eye(4), frame="lidar")) for track in swapped.tracks]
    assert only(scene.replace(tracks=tracks), "id_switch").frame_index == 12  # that is seen without them
    untimed = road.replace(has_time=False)
    assert any("not related in time" in note for note in bw.check(untimed, rules="labels").notes)


def test_empty_scenes():
    stamps = np.arange(3) * traffic.STEP_NS
    assert not bw.check(bw.Scene("empty", stamps, {"lidar": bw.Lidar("lidar")}), rules="labels")
    assert not bw.check(bw.Scene("none", np.zeros(0, np.int64)), rules="labels")


def test_filled_labels_are_not_judged(road):
    """What was read off a curve is no label of anybody's."""
    rare = road.replace(tracks=[track.keyframes_every(10) for track in road.tracks])
    assert not bw.check(rare, rules="labels").where(severity="warning")


# ------------------------------------------------------------ the recording


def test_frames_missing_from_the_recording(road):
    keep = np.delete(np.arange(40), [10, 11, 25])
    scene = road.replace(times_ns=road.times_ns[keep], frame_ids=(), tracks=[track.take(keep) for track in road.tracks])
    found = bw.check(scene, rules="missing_frames")
    assert [(one.frame_index, round(one.value)) for one in sorted(found, key=lambda one: one.frame_index)] == [(9, 3), (22, 2)]
    assert not bw.check(road, rules="missing_frames")


@pytest.mark.parametrize("frame", ["world", "ego"])
def test_a_frame_that_is_a_copy(road, frame):
    moving = [k for k in range(8) if k % 4 != 3]
    wrong = road
    for k in moving:
        track = road.tracks[k]
        before = track.cuboids[19:20]
        if frame == "ego":
            there = road.transform("world", "ego", int(road.times_ns[20])) @ road.transform("ego", "world", int(road.times_ns[19]))
            before = before.transformed(there, frame="world")
        quat = track.cuboids.quat_wxyz.copy()
        center = track.cuboids.center_m.copy()
        center[20], quat[20] = before.center_m[0], before.quat_wxyz[0]
        wrong = traffic.replaced(wrong, track.replace(cuboids=bw.Cuboids(center, track.cuboids.size_m, quat_wxyz=quat, frame="world")))
    wrong = wrong.replace(tracks=[wrong.tracks[k] for k in moving])
    (one,) = bw.check(wrong, rules="repeated_frame")
    assert one.frame_index == 20 and one.value == 6
    assert not bw.check(road, rules="repeated_frame")


def test_classes_that_are_rare_or_mixed_up(road):
    (one,) = bw.check(road, rules="class_imbalance")
    assert one.value == 1.0 and one.severity == bw.Severity.INFORMATION
    half = road.replace(tracks=[track.replace(category="bus" if k % 2 else "car") for k, track in enumerate(road.tracks)])
    assert not bw.check(half, rules="class_imbalance")
    many = traffic.traffic(12)
    mixed = many.replace(tracks=[track.replace(category="bus" if k % 2 else "car") for k, track in enumerate(many.tracks)])
    (one,) = bw.check(mixed, rules="ambiguous_class")
    assert len(one.track_ids) == 6 and "class bus" in one.message and "class car" in one.message


def test_attributes(road):
    sound = road.replace(tracks=[track.replace(attributes={"motion": "moving", "colour": "red"}) for track in road.tracks])
    assert not bw.check(sound, rules="attributes")
    wrong = traffic.replaced(sound, road.tracks[0].replace(attributes={"motion": "flying"}))
    (one,) = bw.check(wrong, rules="attributes")
    assert "flying" in one.message and one.track_ids == ("car-0",) and one.severity == bw.Severity.WARNING
    all_wrong = road.replace(tracks=[track.replace(attributes={"motion": 3}) for track in road.tracks])
    (one,) = bw.check(all_wrong, rules="attributes")
    assert len(one.track_ids) == 8 and one.severity == bw.Severity.INFORMATION  # whoever labelled has other words


def test_attributes_that_may_not_change(road):
    colour = bw.AttributeDefinition("colour", values=("red", "blue"), is_mutable=False)
    taxonomy = bw.Taxonomy([bw.Category("car", 1, (0, 0, 0), attributes=(colour,))])
    said = [{"colour": "red"} if k == 0 else {"colour": "blue"} if k == 9 else {} for k in range(40)]
    wrong = traffic.replaced(road, road.tracks[0].replace(keyframe_attributes=said))
    (one,) = bw.check(wrong, bw.Profile(taxonomy=taxonomy), "attributes")
    assert "may not change" in one.message and not bw.check(road, bw.Profile(taxonomy=taxonomy), "attributes")
