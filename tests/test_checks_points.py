"""Rules about points: simulated truth passes, planted faults are found and mended."""

from __future__ import annotations

import weakref

import numpy as np
import pytest

import boxwright as bw
import naive
from boxwright.checks.context import Context
from boxwright.checks.evidence import evidence_of
from boxwright.kernels import occlusion as kernels


@pytest.fixture(scope="module")
def street() -> bw.Scene:
    return bw.simulate(6, 3, n_beams=48, n_columns=1200)


@pytest.fixture(scope="module")
def motorway() -> bw.Scene:
    return bw.simulate(8, 3, scenery="motorway", n_beams=48, n_columns=1500)


def changed(scene, track_id, change) -> bw.Scene:
    return scene.replace(tracks=[change(track) if track.track_id == track_id else track for track in scene.tracks])


def moved(dx=0.0, dy=0.0, dz=0.0, size=(1.0, 1.0, 1.0)):
    """A change of a track: along its own axes, and its size times."""

    def change(track):
        own = track.cuboids
        center = own.center_m + np.einsum("mij,j->mi", own.rotation, np.array([dx, dy, dz]))
        return track.replace(cuboids=own.replace(center_m=center, size_m=own.size_m * size))

    return change


def well_seen(scene, kinds=("car", "van"), n=150, within_m=25.0) -> list[str]:
    """Standing vehicles with many points and no doubt about their faces."""
    context = Context(scene, bw.Profile())
    frame = context.frame(1)
    seen = evidence_of(context, frame)
    good = (seen.n_above >= n) & (seen.range_m < within_m) & seen.is_still & (seen.sliced_share < 0.1)
    return [scene.tracks[t].track_id for t in frame.track[good].tolist() if scene.tracks[t].category in kinds]


# ------------------------------------------------------------ the kernel


@pytest.mark.kernel
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_beams_through_equal_the_twin(rng, dtype):
    points = (rng.normal(size=(180, 3)) * [12, 12, 3]).astype(dtype)
    points[3], points[4], points[5] = np.nan, np.inf, 0.5
    quat = rng.normal(size=(9, 4))
    quat[:5, 1:3] = 0
    cuboids = bw.Cuboids(
        rng.normal(size=(9, 3)) * [6, 6, 1], rng.uniform(0.5, 5, (9, 3)), quat_wxyz=quat / np.linalg.norm(quat, axis=1, keepdims=True)
    )
    origin = np.array([0.5, 0.5, 0.5])
    rows = np.concatenate([cuboids.center_m, cuboids.size_m / 2, cuboids.rotation.reshape(-1, 9)], axis=1)
    counts = np.full(9, 77)
    kernels.beams_through(points, origin, np.ascontiguousarray(rows), 0.5, counts)
    assert counts.tolist() == naive.beams_through(points, origin, cuboids, 0.5)
    assert counts.sum() > 20


@pytest.mark.kernel
def test_beams_along_a_face_and_past_the_edges_of_numbers():
    cuboid = np.array([[5.0, 0, 0, 1, 1, 1, *np.eye(3).ravel()]])
    points = np.array([[10.0, 0, 0], [10.0, 2.0, 0], [10.0, 2.6, 0], [4.5, 0, 0], [6.4, 0, 0], [-10.0, 0, 0], [0.0, 0, 0], [1e300, 0, 0]])
    counts = np.zeros(1, np.int64)
    for point, through in zip(points, [1, 1, 0, 0, 0, 0, 0, 0]):
        kernels.beams_through(point[None], np.zeros(3), cuboid, 0.5, counts)
        assert counts[0] == through, point


# ------------------------------------------------------------ truth passes


@pytest.mark.parametrize("name", ["street", "motorway"])
def test_true_labels_have_no_warning(name, request):
    found = bw.check(request.getfixturevalue(name), rules="points")
    assert [str(one) for one in found.where(severity="warning")] == []


def test_what_moves_is_looked_for_where_it_was_seen(motorway):
    context = Context(motorway, bw.Profile())
    frame = context.frame(1)
    seen = evidence_of(context, frame)
    fast = (seen.reach_m > 1.0) & (seen.n_above >= 100)
    assert fast.sum() >= 2 and np.nanmax(seen.sliced_share[fast]) < 0.25
    still = bw.points_in_cuboids(frame.points, frame.cuboids).counts
    assert (seen.n_inside[fast] > still[fast]).any()  # without their motion some of their points are missed


@pytest.fixture(scope="module")
def drawn(motorway) -> bw.Scene:
    """The motorway as somebody labels it who draws boxes around points."""
    context = Context(motorway, bw.Profile())
    late = {}
    for index in range(3):
        frame = context.frame(index)
        late.update({(int(t), index): float(s) for t, s in zip(frame.track, evidence_of(context, frame).late_s)})
    rows, velocity = context.rows, context.kept["velocity"]

    def moved_on(t, track):
        way = np.array([velocity[row] * late[t, int(rows.index[row])] for row in range(*rows.of(t).indices(len(rows)))])
        return track.replace(cuboids=track.cuboids.replace(center_m=track.cuboids.center_m + way))

    return motorway.replace(tracks=[moved_on(t, track) for t, track in enumerate(motorway.tracks)])


def test_labels_drawn_where_things_were_seen_pass_too(drawn):
    assert not bw.check(drawn, rules="points,-wrong_moment").where(severity="warning")


def test_boxes_for_another_moment_are_one_finding_and_carried_back(motorway, drawn):
    (found,) = bw.check(drawn, rules="wrong_moment")
    assert len(found.track_ids) >= 3 and found.value > 0.5 and "where the sweep saw them" in found.message
    mended = found.suggestion.apply(drawn)
    off = {}
    for name in found.track_ids:
        truth = motorway.track(name).cuboids.center_m
        if (np.linalg.norm(drawn.track(name).cuboids.center_m - truth, axis=1) == 0).any():
            continue  # not seen in every frame, so nobody drew it so
        off[name] = [np.linalg.norm(scene.track(name).cuboids.center_m - truth, axis=1).mean() for scene in (drawn, mended)]
    before, after = np.median(list(off.values()), axis=0)
    assert len(off) >= 3 and after < before / 3
    assert not bw.check(motorway, rules="wrong_moment")


# ------------------------------------------------------------ faults are found


@pytest.mark.parametrize("dz", [-0.5, 0.6])
def test_a_box_off_the_ground_is_found_and_set_down(street, dz):
    name = well_seen(street)[0]
    wrong = changed(street, name, moved(dz=dz))
    (found,) = bw.check(wrong, rules="off_ground")
    assert found.track_ids == (name,) and (found.frame_index, found.last_frame_index) == (0, 2)
    assert found.value == pytest.approx(abs(dz), abs=0.15) and ("above" in found.message) == (dz > 0)
    mended = found.suggestion.apply(wrong)
    assert not bw.check(mended, rules="off_ground")
    np.testing.assert_allclose(mended.track(name).cuboids.center_m, street.track(name).cuboids.center_m, atol=0.15)


def test_a_box_over_the_open_road_is_seen_through(street):
    ego = street.world_from_ego(int(street.times_ns[1]))
    back = ego.apply(np.array([[-8.0, 0.0, 1.0]]))[0]
    ghost = bw.Track("ghost", "car", street.times_ns, bw.Cuboids(np.tile(back, (3, 1)), np.tile([4.2, 1.8, 1.5], (3, 1)), 0.4, frame="world"))
    (found,) = bw.check(street.replace(tracks=[*street.tracks, ghost]), rules="seen_through")
    assert found.track_ids == ("ghost",) and found.value > 25
    hidden = ghost.replace(visibility=np.full(3, bw.Visibility.OCCLUDED, np.uint8))
    assert not bw.check(street.replace(tracks=[*street.tracks, hidden]), rules="seen_through,few_points").where(track="ghost")


def test_a_box_behind_things_is_not_known_to_be_empty(street):
    context = Context(street, bw.Profile())
    frame = context.frame(1)
    name = well_seen(street, within_m=15.0)[0]
    row = frame.track.tolist().index(street.track_index[name])
    place = frame.cuboids.center_m[row]
    behind = place * (1 + 4.0 / np.hypot(*place[:2])) - [0, 0, 0.5]
    world = street.transform("world", "lidar", int(street.times_ns[1])).apply(behind[None])
    low = bw.Track("low", "car", street.times_ns[1:2], bw.Cuboids(world, [[1.0, 1.0, 0.4]], 0.0, frame="world"))
    found = bw.check(street.replace(tracks=[*street.tracks, low]), rules="seen_through,few_points", frames=[1])
    assert [one.rule for one in found.where(track="low")] in (["few_points"], [])
    assert not found.where(rule="seen_through")


def test_boxes_beside_their_objects_are_found(street):
    n = 0
    for name in well_seen(street)[:6]:
        for dx, dy in ((-0.22, 0), (0.22, 0), (0, -0.22), (0, 0.22)):
            found = bw.check(changed(street, name, moved(dx=dx, dy=dy)), rules="sliced_points").where(track=name)
            n += len(found) > 0  # depends on which side the sensor sees
    assert n >= 4


def test_a_box_that_cuts_its_object_in_two_is_snapped(street):
    gains = []
    for name in well_seen(street)[:6]:
        for dx in (-1.3, 1.3):
            wrong = changed(street, name, moved(dx=dx, size=(0.4, 1, 1)))
            found = bw.check(wrong, rules="sliced_points").where(track=name)
            if found and found[0].suggestion is not None:
                mended = found[0].suggestion.apply(wrong)
                row = found[0].worst_frame_index
                before, after = (bw.iou_bev(scene.track(name).cuboids[row], street.track(name).cuboids[row])[0, 0] for scene in (wrong, mended))
                gains.append(after - before)
    assert gains and np.median(gains) > 0.1


def test_a_snap_is_offered_only_where_the_box_comes_out_better(street):
    worse, offered = [], 0
    for name in well_seen(street)[:6]:
        for dx, dy in ((-0.22, 0), (0.22, 0), (0, -0.22), (0, 0.22), (0.3, 0.3)):
            wrong = changed(street, name, moved(dx=dx, dy=dy))
            for one in bw.check(wrong, rules="sliced_points,loose_box").where(track=name):
                if one.suggestion is None:
                    continue
                offered += 1
                truth, mended = street.track(name).cuboids, one.suggestion.apply(wrong).track(name).cuboids
                gain = bw.iou_bev_pairs(mended, truth) - bw.iou_bev_pairs(wrong.track(name).cuboids, truth)
                worse += [(name, dx, dy)] if gain.min() < -0.02 else []
    assert offered and not worse


def test_a_box_that_reaches_too_far_is_found(street):
    n = 0
    for name in well_seen(street)[:4]:
        for dx in (-1.0, 1.0):
            wrong = changed(street, name, moved(dx=dx, size=(1.4, 1, 1)))
            found = bw.check(wrong, rules="loose_box").where(track=name)
            n += len(found) > 0
            assert all(0.4 < one.value < 3.0 and one.unit == "m" for one in found)
    assert n >= 2


def test_few_points_are_information_one_finding_a_track(street):
    found = bw.check(street, rules="few_points")
    assert found.counts["error"] == found.counts["warning"] == 0
    assert len({one.track_ids for one in found}) == len(found)
    assert all(one.value < 5 for one in found)


def test_frames_without_points_and_scenes_without_labels(street):
    assert not bw.check(street.replace(tracks=()), rules="points").where(severity="warning")
    labels_alone = street.replace(data=bw.Scene("x", [0]).data)
    assert not bw.check(labels_alone, rules="points")


# ------------------------------------------------------------ what has no label


def test_vehicles_without_a_label_are_told_and_labelled_ones_are_not(street):
    assert not bw.check(street, rules="unlabelled_object")
    gone = well_seen(street)
    fewer = street.replace(tracks=[track for track in street.tracks if track.track_id not in gone])
    found = bw.check(fewer, rules="unlabelled_object")
    assert 1 <= len(found) <= len(gone) and found.counts["information"] == len(found)
    centers = {name: street.cuboids(1).center_m[street.labels(1).track_index.tolist().index(street.track_index[name])] for name in gone}
    for one in found:
        x, y = (float(text) for text in one.message.split("at (")[1].split(") m")[0].split(", "))
        assert min(np.hypot(*(center[:2] - (x, y))) for center in centers.values()) < 1.5
        assert one.track_ids == () and one.n_frames <= 3


def test_one_thing_over_frames_is_one_finding(street):
    gone = well_seen(street)
    fewer = street.replace(tracks=[track for track in street.tracks if track.track_id not in gone])
    each = [len(bw.check(fewer, rules="unlabelled_object", frames=[i])) for i in range(3)]
    assert max(each) <= len(bw.check(fewer, rules="unlabelled_object")) < sum(each)


def test_no_sweep_is_kept(street):
    """However many frames there are, one after the other is read and let go."""
    alive: list[weakref.ref] = []
    most = []

    class Watched:
        def points(self, frame_index, sensor):
            sweep = street.data.points(frame_index, sensor)
            fresh = bw.Sweep(np.array(sweep.xyz), sweep.timestamp_ns, sweep.frame, time_offset_ns=np.array(sweep.time_offset_ns))
            alive.append(weakref.ref(fresh))
            most.append(sum(one() is not None for one in alive))
            return fresh

        def image(self, frame_index, camera):
            return street.data.image(frame_index, camera)

        def has_points(self, frame_index, sensor):
            return street.data.has_points(frame_index, sensor)

        def has_image(self, frame_index, camera):
            return street.data.has_image(frame_index, camera)

    found = bw.check(street.replace(data=Watched()), rules="points")
    assert len(alive) >= 3 and max(most) <= 2
    assert [one.finding_id for one in found] == [one.finding_id for one in bw.check(street, rules="points")]


def test_frames_without_a_pose_are_left_out_and_it_is_said(street):
    poses = street.trajectory
    one = np.abs(poses.times_ns - street.times_ns[1]) < 60_000_000
    known = bw.Trajectory(poses.times_ns[one], [poses.at(int(time)) for time in poses.times_ns[one]])
    found = bw.check(street.replace(trajectory=known), rules="points")
    assert "2 of 3 frames have no pose: their points were not looked at" in found.notes
    assert {frame for one in found for frame in one.frames} <= {1}


@pytest.mark.parametrize("kind", ["nan", "empty", "two", "flat", "far"])
def test_odd_sweeps_are_no_stumbling_block(street, kind):
    def odd(sweep):
        xyz = np.array(sweep.xyz)
        if kind == "nan":
            xyz[::7], xyz[1::11] = np.nan, np.inf
        few = {"empty": xyz[:0], "two": xyz[:2], "flat": np.zeros((50, 3), np.float32)}.get(kind, xyz)
        return bw.Sweep(few, sweep.timestamp_ns, origin_m=(1e6, 2e6, 0.0) if kind == "far" else (0.0, 0.0, 0.0))

    class Odd:
        def points(self, frame_index, sensor):
            return odd(street.data.points(frame_index, sensor))

        def image(self, frame_index, camera):
            return street.data.image(frame_index, camera)

        def has_points(self, frame_index, sensor):
            return street.data.has_points(frame_index, sensor)

        def has_image(self, frame_index, camera):
            return street.data.has_image(frame_index, camera)

    scene = street.replace(data=Odd())
    found = bw.check(scene, rules="points")
    assert all(np.isfinite(one.value) for one in found)
    assert kind == "nan" or not found.where(severity="warning")  # sweeps that tell no times keep the vehicle's motion, so boxes may cut
    assert bw.report_html((scene, found), most_pictures=2).startswith("<!doctype html>")
