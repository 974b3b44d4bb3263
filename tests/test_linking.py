"""Cuboids in pictures and labels there: projected at the exposures, matched over time, and where they disagree."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

import boxwright as bw
import naive
import street
from boxwright.linking.offsets import _tells_time
from boxwright.linking.projecting import boxes_of_tracks
from boxwright.simulation import FRAME_S

LATE_NS = 30_000_000


@pytest.fixture(scope="module")
def drive():
    """A simulated drive: cameras that expose up to 49 ms off the sweep, one of them a fisheye, and traffic that moves."""
    return bw.simulate(11, 8)


@pytest.fixture(scope="module")
def projected(drive):
    return bw.project_tracks(drive)


def exposed(scene, late_ns=LATE_NS):
    """The street with cameras that expose so much later than its frames; poses for a second more."""
    times = np.append(scene.trajectory.times_ns, scene.trajectory.times_ns[-1] + 1_000_000_000)
    poses = [scene.trajectory[i] for i in range(len(scene))]
    ahead = poses[-1] @ poses[-2].inverse() @ poses[-1]
    trajectory = bw.Trajectory(times, [*poses, ahead])
    cameras = {name: dataclasses.replace(camera, times_ns=scene.times_ns + late_ns) for name, camera in scene.cameras.items()}
    return scene.replace(trajectory=trajectory, cameras=cameras)


def by_hand(scene, rng=None, sigma_px=0.0, cameras=("front",), extent="visible"):
    """The scene with image tracks as a person would draw them: of every object, its id not told."""
    rng = np.random.default_rng(0) if rng is None else rng
    tracks = []
    for n, track in enumerate(bw.project_tracks(scene, list(cameras)).image_tracks(extent)):
        xyxy = track.shapes.xyxy + rng.normal(0, sigma_px, track.shapes.xyxy.shape)
        xyxy = np.concatenate([np.minimum(xyxy[:, :2], xyxy[:, 2:]), np.maximum(xyxy[:, :2], xyxy[:, 2:])], 1)
        tracks.append(track.replace(track_id=f"hand {n:02d}", shapes=bw.Boxes(xyxy), object_id=None, attributes={"truth": track.object_id}))
    return scene.replace(image_tracks=tracks)


def true_pairs(scene):
    return {track.track_id: track.attributes["truth"] for track in scene.image_tracks}


# ------------------------------------------------------------ projected tracks


def test_a_camera_that_fires_with_the_frames_sees_what_project_cuboids_gives():
    scene = street.scene()
    rows = bw.project_tracks(scene)
    for c, name in enumerate(rows.cameras):
        for i in range(len(scene)):
            boxes = bw.project_cuboids(scene.cuboids(i, "world"), scene.camera(name).camera, scene.cam_from(i, name, "world"))
            own = (rows.camera_index == c) & (rows.frame_index == i)
            np.testing.assert_array_equal(rows.visible_xyxy[own], boxes.xyxy[boxes.visible])
            np.testing.assert_array_equal(rows.whole_xyxy[own], boxes.whole_xyxy[boxes.visible])
            np.testing.assert_array_equal(rows.truncation[own], boxes.truncation[boxes.visible])
            np.testing.assert_array_equal(rows.track_index[own], np.flatnonzero(boxes.visible))
    assert len(rows) and repr(rows) == f"ProjectedTracks({len(rows)} boxes of 3 tracks in 2 cameras)"


@pytest.mark.parametrize("make", [lambda: exposed(street.scene()), lambda: exposed(street.scene(), -45_000_000), lambda: bw.simulate(5, 4)])
def test_against_the_slow_twin(make):
    scene = make()
    rows, slow = bw.project_tracks(scene, occlusion=False), naive.project_tracks(scene)
    keys = zip(rows.camera_index.tolist(), rows.frame_index.tolist(), rows.track_index.tolist())
    assert {(rows.cameras[c], i, k) for c, i, k in keys} == set(slow)
    for row, (c, i, k) in enumerate(zip(rows.camera_index.tolist(), rows.frame_index.tolist(), rows.track_index.tolist())):
        np.testing.assert_allclose(rows.visible_xyxy[row], slow[rows.cameras[c], i, k], atol=1e-6)
    assert (np.isin(rows.visibility, (0, 1))).all() and np.isnan(rows.visible_share).all()


def test_an_object_is_where_its_own_motion_took_it(drive, projected):
    """Against the poses that the simulator knows at the very exposures: exact truth."""
    offset = {name: [] for name in drive.cameras}
    at_stamp = {name: [] for name in drive.cameras}
    cast = {tuple(np.round(actor.size_m, 9)): actor for actor in drive.data._world.cast}
    from boxwright.simulation import WORLD_FROM_SITE

    for row, (c, i, k) in enumerate(zip(projected.camera_index.tolist(), projected.frame_index.tolist(), projected.track_index.tolist())):
        name, track = projected.cameras[c], drive.tracks[k]
        actor = cast[tuple(np.round(track.cuboids.size_m[0], 9))]
        when = i * FRAME_S + (int(projected.times_ns[row]) - int(drive.times_ns[i])) * 1e-9
        rotation, place = actor.cuboid_pose(np.array([when]))
        turn = bw.Pose(WORLD_FROM_SITE.rotation @ rotation[0], WORLD_FROM_SITE.apply(place)[0])
        cuboid = bw.Cuboids(turn.translation_m[None], track.cuboids.size_m[:1], quat_wxyz=turn.quat_wxyz[None], frame="world")
        pose = drive.transform(name, "world", int(projected.times_ns[row]))
        true = bw.project_cuboids(cuboid, drive.camera(name).camera, pose)
        still = bw.project_cuboids(track.at(drive.times_ns[i : i + 1]).cuboids, drive.camera(name).camera, pose)
        offset[name].append(np.abs(true.xyxy[0] - projected.visible_xyxy[row]).max())
        at_stamp[name].append(np.abs(true.xyxy[0] - still.xyxy[0]).max())
    for name in ("right", "rear"):  # which fire off the sweep
        assert np.nanquantile(offset[name], 0.99) < 0.35 and np.nanmax(offset[name]) < 1.5
        assert np.nanmax(at_stamp[name]) > 4 * np.nanmax(offset[name])
    assert np.nanmax(offset["front"]) < 1e-6


def test_boxes_hold_the_pixels_of_their_objects(drive, projected):
    """Against the masks of instances, in pinhole and fisheye pictures: the box of a cuboid holds the silhouette, and is not much larger."""
    inside, ious = [], []
    for c, name in enumerate(projected.cameras):
        for i in range(0, len(drive), 3):
            whose = drive.data.pixel_track_index(i, name)
            for row in np.flatnonzero((projected.camera_index == c) & (projected.frame_index == i)).tolist():
                v, u = np.nonzero(whose == projected.track_index[row])
                if len(v) < 100:
                    continue
                left, top, right, bottom = projected.visible_xyxy[row]
                inside.append(np.mean((u >= left - 1) & (u <= right + 1) & (v >= top - 1) & (v <= bottom + 1)))
                if projected.visible_share[row] > 0.98 and projected.truncation[row] < 0.01:
                    mask = bw.Boxes([[u.min() - 0.5, v.min() - 0.5, u.max() + 0.5, v.max() + 0.5]])
                    ious.append(bw.iou_boxes(mask, bw.Boxes(projected.visible_xyxy[[row]]))[0, 0])
    assert len(inside) > 50 and np.quantile(inside, 0.02) > 0.98
    assert len(ious) > 15 and np.median(ious) > 0.65  # a car is no block


def test_hidden_objects_are_occluded(drive, projected):
    """The visible share against that of the pixels, and the code that comes of it."""
    known = projected.visible_share
    assert np.isfinite(known).all() and ((known >= 0) & (known <= 1)).all()
    np.testing.assert_array_equal(projected.visibility == bw.Visibility.OCCLUDED, known < 0.5)
    half = bw.project_tracks(drive, ["front"], occluded_below=0.9)
    np.testing.assert_array_equal(half.visibility == bw.Visibility.OCCLUDED, half.visible_share < 0.9)
    seen, hidden = [], []
    for row in np.flatnonzero(projected.camera_index == 0).tolist():
        n = int((drive.data.pixel_track_index(int(projected.frame_index[row]), "front") == projected.track_index[row]).sum())
        area = np.prod(projected.visible_xyxy[row, 2:] - projected.visible_xyxy[row, :2])
        if area > 150:
            (hidden if known[row] < 0.2 else seen if known[row] > 0.9 else []).append(n / area)
    assert np.median(seen) > 0.4 and np.median(hidden) < 0.15


def test_image_tracks(drive, projected):
    tracks = projected.image_tracks()
    scene = drive.replace(image_tracks=tracks)
    assert len({track.track_id for track in tracks}) == len(tracks)
    for track in tracks:
        own, camera = track.track_id.rsplit("@", 1)
        assert (track.object_id, track.camera) == (own, camera) and track.category == drive.track(own).category
        assert (track.origin == bw.Origin.FILLED).all() and np.isin(track.times_ns, drive.exposures_ns(camera)).all()
    n = sum(len(scene.boxes(i, name)) for name in scene.cameras for i in range(len(scene)))
    assert n == len(projected)
    row = int(np.argmax(projected.camera_index == 2))
    labels = scene.boxes(int(projected.frame_index[row]), "rear")
    ids = [scene.image_tracks[k].object_id for k in labels.track_index]
    at = ids.index(drive.tracks[projected.track_index[row]].track_id)
    np.testing.assert_array_equal(labels.shapes.xyxy[at], projected.visible_xyxy[row])
    said = scene.image_tracks[labels.track_index[at]].at([projected.times_ns[row]]).attributes[0]
    assert said == {"truncation": projected.truncation[row], "visible_share": projected.visible_share[row]}
    whole = projected.image_tracks("whole")
    assert [track.track_id for track in whole] == [track.track_id for track in tracks]
    for one, other in zip(tracks, whole):
        assert (other.shapes.xyxy[:, :2] <= one.shapes.xyxy[:, :2] + 1e-9).all() and (other.shapes.xyxy[:, 2:] >= one.shapes.xyxy[:, 2:] - 1e-9).all()


def one_track(y, visibility=None, **more):
    """A street with one car ahead, so far to the left at each frame."""
    scene, n = street.scene(), len(y)
    center = np.column_stack([np.full(n, 15.0), y, np.full(n, 1.0)])
    poses = [bw.Pose.identity()] * len(scene)
    cuboids = bw.Cuboids(center, np.tile(street.CAR_SIZE, (n, 1)), 0.0, frame="world")
    track = bw.Track("car", "car", scene.times_ns[:n], cuboids, visibility=visibility, method="linear", attributes={"colour": "red"})
    return scene.replace(tracks=[track], trajectory=bw.Trajectory(scene.times_ns, poses), data=bw.scene.NoData(), **more)


def test_out_of_view_and_back_again():
    scene = one_track([0, 0, 500, 500, 0, 500])
    (track,) = bw.project_tracks(scene, ["front"]).image_tracks()
    assert track.times_ns.tolist() == scene.times_ns[[0, 1, 2, 4, 5]].tolist()
    assert track.visibility.tolist() == [0, 0, 2, 0, 2] and track.attributes == {"colour": "red"}
    np.testing.assert_array_equal(track.shapes.xyxy[2], track.shapes.xyxy[1])
    (gone,) = bw.project_tracks(one_track([0, 0, 0, 0], [0, 1, 2, 0]), ["front"]).image_tracks()
    assert gone.visibility.tolist() == [0, 1, 2, 0]  # without points the track's own word holds
    (ends,) = bw.project_tracks(one_track([0, 0, 0, 0]), ["front"]).image_tracks()
    assert ends.visibility.tolist() == [0, 0, 0, 0]
    assert bw.project_tracks(one_track([500] * 4), ["front"]).image_tracks() == ()


def test_past_the_ends_of_a_track_its_motion_carries_it():
    scene = exposed(street.scene(), 50_000_000)
    short = scene.replace(tracks=[scene.track("driving").take(slice(0, 4))])
    rows, longer = bw.project_tracks(short, ["front"]), bw.project_tracks(scene.replace(tracks=[scene.track("driving")]), ["front"])
    assert rows.frame_index.tolist() == [0, 1, 2, 3] and longer.frame_index.tolist() == list(range(6))
    np.testing.assert_allclose(rows.visible_xyxy[3], longer.visible_xyxy[3], atol=0.15)
    late = exposed(street.scene(), 700_000_000).replace(tracks=short.tracks)
    assert bw.project_tracks(late, ["front"]).frame_index.tolist() == []


def test_moments_without_a_pose_are_left_out_and_told():
    scene = street.scene()
    cameras = {"front": dataclasses.replace(scene.camera("front"), times_ns=scene.times_ns + LATE_NS)}
    rows = bw.project_tracks(scene.replace(cameras=cameras))
    assert rows.notes == ("front: 1 of 6 frames have no pose at their exposure and were left out",)
    assert set(rows.frame_index.tolist()) == {0, 1, 2, 3, 4}
    assert bw.project_tracks(scene).notes == ()


def test_without_poses_the_labels_frame_is_enough():
    scene = street.scene()
    tracks = []
    for track in scene.tracks:
        own = [track.cuboids[[i]].transformed(scene.transform("lidar", "world", int(t)), frame="lidar") for i, t in enumerate(track.times_ns)]
        tracks.append(track.replace(cuboids=bw.Cuboids.concatenate(own)))
    alone = scene.replace(tracks=tracks, trajectory=None, label_frame="lidar")
    np.testing.assert_allclose(bw.project_tracks(alone).visible_xyxy, bw.project_tracks(scene).visible_xyxy, atol=1e-6)


def test_whole_boxes(rng):
    camera = bw.PinholeCamera(400, 300, 300.0, 300.0, 200.0, 150.0)
    cam = np.array([[0.0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
    cuboids = bw.Cuboids([[20, 0, 0], [20, 14, 0], [20, 40, 0], [1, 0, 0], [-9, 0, 0]], [[4, 2, 1.5]] * 5, 0.0)
    boxes = bw.project_cuboids(cuboids, camera, cam)
    assert boxes.visible.tolist() == [True, True, False, True, False]
    np.testing.assert_allclose(boxes.whole_xyxy[0], boxes.xyxy[0])
    u = 200 - 300 * np.array([15 / 18, 13 / 22])
    np.testing.assert_allclose(boxes.whole_xyxy[1], [u[0], 150 - 300 * 0.75 / 18, u[1], 150 + 300 * 0.75 / 18])
    assert boxes.whole_xyxy[2, 2] < 0 and np.isnan(boxes.whole_xyxy[3:]).all()


def test_a_table(projected):
    pytest.importorskip("pandas", reason="tables need pandas (extra 'table')")
    frame = projected.to_pandas()
    assert len(frame) == len(projected) and frame["whole_left_px"].dtype == float and set(frame["camera"]) == {"front", "right", "rear"}
    pytest.importorskip("pyarrow", reason="Arrow tables need pyarrow (extra 'table')")
    assert projected.to_arrow().num_rows == len(projected)


def test_a_rolling_shutter_sees_each_row_at_its_own_moment():
    """Of what stands exactly as `expose_cuboids` has it, of what moves with the speed of its curve; a global shutter is off by pixels."""
    scene = street.scene()
    rolling = {n: dataclasses.replace(c, readout_ns=60_000_000, rolling_shutter="left_to_right") for n, c in scene.cameras.items()}
    scene = scene.replace(cameras=rolling)
    rows = bw.project_tracks(scene, occlusion=False)
    still, driving = scene.track_index["parked"], scene.track_index["driving"]
    off = []
    for c, name in enumerate(rows.cameras):
        for i in range(1, 5):
            boxes = bw.expose_cuboids(scene, i, name, scene.cuboids(i, "world"), velocity_mps=(0, 0, 0))
            row = {k: r for r in np.flatnonzero((rows.camera_index == c) & (rows.frame_index == i)) for k in [int(rows.track_index[r])]}
            np.testing.assert_allclose(rows.visible_xyxy[row[still]], boxes.xyxy[still], atol=1e-6)
            speed = [(1.2 + 0.1 * i) / 0.1, 0, 0]
            moving = bw.expose_cuboids(scene, i, name, scene.cuboids(i, "world")[[driving]], velocity_mps=speed)
            np.testing.assert_allclose(rows.visible_xyxy[row[driving]], moving.xyxy[0], atol=0.1)
            plain = bw.project_cuboids(scene.cuboids(i, "world"), scene.camera(name).camera, scene.cam_from(i, name, "world"))
            off.append(np.abs(plain.xyxy[still] - boxes.xyxy[still]).max())
    assert max(off) > 1


@pytest.mark.parametrize("rows_at_once", [1, 9, 10**6])
@pytest.mark.parametrize("is_rolling", [False, True])
def test_boxes_made_a_few_tracks_at_a_time(monkeypatch, rows_at_once, is_rolling):
    """Writers of long clips take them so; they are those of all tracks at once."""
    monkeypatch.setattr("boxwright.linking.projecting._ROWS_AT_ONCE", rows_at_once)
    scene = exposed(street.scene())
    if is_rolling:
        rolling = {n: dataclasses.replace(c, readout_ns=60_000_000, rolling_shutter="left_to_right") for n, c in scene.cameras.items()}
        scene = scene.replace(cameras=rolling)
    for name in scene.cameras:
        some, all_ = [*boxes_of_tracks(scene, name, scene.tracks)], bw.project_tracks(scene, [name], occlusion=False).image_tracks()
        assert [track.track_id for track in some] == [track.track_id for track in all_]
        for one, other in zip(some, all_):
            np.testing.assert_array_equal(one.times_ns, other.times_ns)
            np.testing.assert_array_equal(one.shapes.xyxy, other.shapes.xyxy)
            np.testing.assert_array_equal(one.visibility, other.visibility)
            assert one.keyframe_attributes == other.keyframe_attributes
        assert [*boxes_of_tracks(scene, name, [])] == []


# ------------------------------------------------------------ matching


@pytest.fixture(scope="module")
def labelled(drive):
    return by_hand(drive, sigma_px=0.7, cameras=("front", "right", "rear"))


def test_hand_made_tracks_find_their_cuboids(labelled):
    links, truth = bw.link(labelled), true_pairs(labelled)
    right = [truth[one.image_track_id] == one.track_id for one in links]
    assert len(links) > 0.9 * len(truth) and np.mean(right) == 1.0
    for one in links:
        assert 0 <= one.confidence <= 1 and one.n_frames <= one.n_common and not one.is_given
    accepted = links.accept()
    assert {t.track_id: t.object_id for t in accepted.image_tracks if t.object_id} == {one.image_track_id: one.track_id for one in links}
    again = bw.link(accepted)
    assert all(one.is_given for one in again) and {(a.image_track_id, a.track_id) for a in again} == {(a.image_track_id, a.track_id) for a in links}
    sure = links.accept(0.9)
    assert {t.track_id for t in sure.image_tracks if t.object_id} == {one.image_track_id for one in links if one.confidence >= 0.9}


def test_the_order_of_tracks_is_of_no_matter(labelled, rng):
    links = bw.link(labelled)
    for _ in range(3):
        mixed = labelled.replace(
            tracks=[labelled.tracks[i] for i in rng.permutation(len(labelled.tracks))],
            image_tracks=[labelled.image_tracks[i] for i in rng.permutation(len(labelled.image_tracks))],
        )
        other = bw.link(mixed)
        assert [dataclasses.replace(a, confidence=0) for a in other] == [dataclasses.replace(a, confidence=0) for a in links]
        np.testing.assert_allclose([a.confidence for a in other], [a.confidence for a in links], atol=1e-12)
        assert other.unmatched_image_tracks == links.unmatched_image_tracks and other.unmatched_tracks == links.unmatched_tracks


def test_the_sum_of_the_overlaps_is_the_largest(drive, rng):
    """Against trying all assignments, on few tracks drawn roughly."""
    from itertools import permutations

    few = drive.replace(tracks=[track for track in drive.tracks if track.category == "car"][:4])
    scene = by_hand(few, rng, sigma_px=15.0)
    rows = bw.project_tracks(scene, ["front"], occlusion=False)
    score = naive.summed_overlaps(scene, rows, "front", 0.3)
    a, b = score.shape
    links = bw.link(scene, ["front"])
    index = {track.track_id: i for i, track in enumerate(scene.image_tracks)}
    got = sum(score[index[one.image_track_id], scene.track_index[one.track_id]] for one in links)
    best = max(sum(score[i, j] for i, j in enumerate(chosen[:a]) if j < b) for chosen in permutations(range(max(a, b))))
    assert got == pytest.approx(best) and best > 0


def test_broken_tracks_go_to_one_object(drive):
    scene = by_hand(drive)
    parts = []
    for track in scene.image_tracks:
        seen = track.take(track.visibility != bw.Visibility.OUTSIDE)
        half = len(seen) // 2
        spans = [(slice(half, None), "b")] if half == 0 else [(slice(0, half), "a"), (slice(half, None), "b")]
        parts += [seen.take(span).replace(track_id=f"{seen.track_id} {name}") for span, name in spans]
    broken = scene.replace(image_tracks=parts)
    links, truth = bw.link(broken, ["front"]), true_pairs(broken)
    assert len(links) == len(parts) and all(truth[one.image_track_id] == one.track_id for one in links)


def test_classes_and_gates(drive):
    scene = by_hand(drive)
    wrong = scene.replace(image_tracks=[track.replace(category="sheep") for track in scene.image_tracks])
    links = bw.link(wrong, ["front"])
    assert len(links) == 0 and len(links.unmatched_image_tracks) == len(scene.image_tracks)
    assert {name for _, name in links.unmatched_tracks} == set(true_pairs(scene).values())
    assert len(bw.link(wrong, ["front"], any_class=True)) == len(scene.image_tracks)
    alias = scene.replace(
        image_tracks=[t.replace(category={"car": "Car", "pedestrian": "Pedestrian"}.get(t.category, t.category)) for t in scene.image_tracks]
    )
    assert len(bw.link(alias, ["front"])) == len(scene.image_tracks)
    moved = scene.replace(image_tracks=[t.replace(shapes=bw.Boxes(t.shapes.xyxy + 400)) for t in scene.image_tracks])
    assert len(bw.link(moved, ["front"])) == 0
    assert repr(links).startswith("Links(0 pairs, ")
    assert len(bw.link(drive, ["front"])) == 0


# ------------------------------------------------------------ disagreement


def test_labels_that_agree_have_no_cause(labelled):
    offsets = bw.link_offsets(bw.link(labelled).accept())
    assert len(offsets) > 100 and len(offsets.summary) == 3
    for one in offsets.summary:
        assert one.causes == () and abs(one.shift_px[0]) < 0.5 and abs(one.shift_px[1]) < 0.5 and abs(one.margin_px) < 0.5, str(one)
    np.testing.assert_array_equal(offsets.offset_px, offsets.label_xyxy - offsets.projected_xyxy)
    assert offsets.is_odd.mean() < 0.02


@pytest.mark.parametrize(("late_s", "reach_s", "told"), [(4.9, 7.0, False), (0.0, 0.04, True), (0.0, 0.06, False), (9.0, 7.0, True)])
def test_a_clock_is_told_where_the_interval_leaves_something_out(late_s, reach_s, told):
    """Zero, or the halves of the ways to the pictures beside, a tenth of a second off."""
    times = np.arange(5) * 100_000_000
    assert _tells_time(late_s, reach_s, times) is told
    assert _tells_time(late_s, reach_s, times[:1]) is (late_s > reach_s)


def test_a_camera_that_was_turned_is_told_from_one_that_is_late(labelled):
    scene = bw.link(labelled).accept()
    angle = math.radians(0.8)
    turn = bw.Pose([[math.cos(angle), 0, math.sin(angle)], [0, 1, 0], [-math.sin(angle), 0, math.cos(angle)]])
    front = scene.camera("front")
    turned = scene.replace(cameras={**scene.cameras, "front": dataclasses.replace(front, ego_from_cam=front.ego_from_cam @ turn)})
    first = bw.link_offsets(turned, ["front"]).summary[0]
    assert first.causes == ("shift",) and first.shift_px[0] == pytest.approx(angle * front.camera.fx_px, abs=0.6)
    assert first.shift_rad[0] == pytest.approx(angle, rel=0.2) and abs(first.shift_px[1]) < 0.5
    right, by = scene.camera("right"), 40_000_000
    early = dataclasses.replace(right, times_ns=right.times_ns - by)
    tracks = [track.replace(times_ns=track.times_ns - by) if track.camera == "right" else track for track in scene.image_tracks]
    late = bw.link_offsets(scene.replace(cameras={**scene.cameras, "right": early}, image_tracks=tracks), ["right"]).summary[0]
    assert "time" in late.causes and late.late_s == pytest.approx(by * 1e-9, abs=4 * late.late_sigma_s + 0.004), str(late)


def test_single_wrong_labels_are_odd_and_pull_at_nothing(labelled):
    scene = bw.link(labelled).accept()
    before = bw.link_offsets(scene, ["front"])
    wide = np.flatnonzero(before.is_used & (np.abs(before.rest_px).max(1) < 2) & np.isfinite(before.rest_px).all(1))[::12][:4]
    tracks = list(scene.image_tracks)
    for row in wide.tolist():
        i, when = int(before.image_track_index[row]), before.times_ns[row]
        xyxy = tracks[i].shapes.xyxy.copy()
        xyxy[tracks[i].times_ns == when, 2] += 25
        tracks[i] = tracks[i].replace(shapes=bw.Boxes(xyxy))
    after = bw.link_offsets(scene.replace(image_tracks=tracks), ["front"])
    assert after.is_odd[wide].all() and after.is_odd.sum() == before.is_odd.sum() + len(wide)
    assert after.summary[0].causes == () and np.abs(np.subtract(after.summary[0].shift_px, before.summary[0].shift_px)).max() < 0.15
    assert after.summary[0].n_odd == after.is_odd.sum() and "odd labels" in str(after.summary[0])


def test_moving_all_labels_moves_the_shift_alone(labelled):
    scene = bw.link(labelled).accept()
    before = bw.link_offsets(scene, ["right"]).summary[0]
    moved = [t.replace(shapes=bw.Boxes(t.shapes.xyxy + np.array([2.0, -1.5, 2.0, -1.5]))) for t in scene.image_tracks]
    after = bw.link_offsets(scene.replace(image_tracks=moved), ["right"]).summary[0]
    np.testing.assert_allclose(np.subtract(after.shift_px, before.shift_px), [2.0, -1.5], atol=0.3)
    wider = [t.replace(shapes=bw.Boxes(t.shapes.xyxy + np.array([-2, -2, 2, 2]))) for t in scene.image_tracks]
    assert bw.link_offsets(scene.replace(image_tracks=wider), ["right"]).summary[0].margin_px - before.margin_px == pytest.approx(2, abs=0.3)


def test_too_few_objects_tell_no_cause():
    scene = exposed(street.scene())
    few = by_hand(scene.replace(tracks=[scene.track("driving")]))
    offsets = bw.link_offsets(bw.link(few).accept(), ["front"])
    assert np.isnan(offsets.summary[0].shift_px).all() and offsets.summary[0].causes == () and offsets.summary[0].n_pairs == 1
    empty = bw.link_offsets(scene)
    assert len(empty) == 0 and empty.summary == () and repr(empty) == "LinkOffsets(0 boxes in 0 cameras, 0 odd)"


def test_tables_of_links(labelled):
    pytest.importorskip("pandas", reason="tables need pandas (extra 'table')")
    links = bw.link(labelled)
    assert len(links.to_pandas()) == len(links)
    offsets = bw.link_offsets(links.accept(), ["right"])
    frame = offsets.to_pandas()
    np.testing.assert_allclose(frame["right_px"], offsets.offset_px[:, 2])
    pytest.importorskip("pyarrow", reason="Arrow tables need pyarrow (extra 'table')")
    assert offsets.to_arrow().num_rows == len(offsets) and links.to_arrow().num_rows == len(links)


# ------------------------------------------------------------ lifting


def test_boxes_are_lifted_to_their_objects(drive, projected):
    """Boxes of objects with points, seen nearly whole, in pinhole and fisheye pictures."""
    apart, n_open = [], 0
    for i in (0, 2, 4, 6):
        labels = drive.labels(i)
        counts = dict(zip(labels.track_index.tolist(), bw.points_in_cuboids(drive.points(i), labels.cuboids).counts.tolist()))
        for row in np.flatnonzero((projected.frame_index == i) & (projected.visible_share > 0.9) & (projected.truncation < 0.05)).tolist():
            k = int(projected.track_index[row])
            if counts.get(k, 0) < 30:
                continue
            camera, box = projected.cameras[projected.camera_index[row]], projected.visible_xyxy[row]
            lifted = bw.lift(drive, i, camera, box, drive.tracks[k].category)
            assert lifted.cuboid is None or lifted.cuboid.frame == "lidar"
            if lifted.verdict is not bw.LiftVerdict.OK:
                n_open += 1
                continue
            assert lifted.iou >= 0.5 and lifted.n_points >= 5 and "ok" in repr(lifted)
            own = drive.points(i).xyz[lifted.fit.point_index]
            assert bw.points_in_cuboids(own, lifted.cuboid).counts[0] > 0.5 * len(own)
            true = labels.cuboids[labels.track_index.tolist().index(k)]
            apart.append(np.linalg.norm(lifted.cuboid.center_m - true.center_m))
    assert len(apart) > 15 and n_open <= 0.2 * len(apart)
    assert np.median(apart) < 0.3 and np.quantile(apart, 0.9) < 1.0


def test_what_cannot_be_lifted_says_why():
    scene = street.scene()
    sky = bw.lift(scene, 2, "front", (10, 5, 60, 40), "car")
    assert sky.verdict is bw.LiftVerdict.NO_POINTS and sky.cuboid is None and sky.iou == 0 and sky.n_points == 0
    row = bw.project_tracks(scene, ["front"])
    at = int(np.flatnonzero((row.frame_index == 2) & (row.track_index == scene.track_index["driving"]))[0])
    left, top, right, bottom = row.visible_xyxy[at]
    fine = bw.lift(scene, 2, "front", row.visible_xyxy[at], "car")
    assert fine.verdict is bw.LiftVerdict.OK
    np.testing.assert_allclose(fine.cuboid.center_m, scene.cuboids(2)[scene.track_index["driving"]].center_m, atol=0.4)
    wide = bw.lift(scene, 2, "front", (left - 150, top - 120, right + 20, bottom + 100), "car")
    assert wide.verdict is bw.LiftVerdict.MISMATCH and wide.iou < 0.5
    speck = bw.lift(scene, 2, "front", (left + 3, top + 3, left + 5, top + 5), "car")
    assert speck.verdict in (bw.LiftVerdict.NO_POINTS, bw.LiftVerdict.TOO_FEW_POINTS, bw.LiftVerdict.MISMATCH)


# ------------------------------------------------------------ colours


def test_points_take_the_colours_of_their_objects(drive):
    """Against the masks: whose pixel a point is coloured from, objects that move and exposures off the sweep included."""
    right = []
    for i in (1, 5):
        colours, whose = bw.colour_points(drive, i), drive.data.point_track_index(i)
        assert colours.rgb.shape == (len(drive.points(i)), 3) and colours.rgb.dtype == np.uint8
        np.testing.assert_array_equal(colours.is_coloured, np.isfinite(colours.uv).all(1))
        assert (colours.rgb[~colours.is_coloured] == 0).all() and 0.2 < colours.is_coloured.mean() < 1
        for c, name in enumerate(colours.cameras):
            own = np.flatnonzero(colours.camera_index == c)
            u, v = np.rint(colours.uv[own]).astype(int).T
            np.testing.assert_array_equal(colours.rgb[own], drive.image(i, name)[v, u])
            seen = drive.data.pixel_track_index(i, name)[v, u]
            right.append(np.mean((seen == whose[own])[whose[own] >= 0]))
    assert np.mean(right) > 0.85


def test_hidden_points_and_missing_pictures_give_no_colour():
    scene = street.scene()
    colours = bw.colour_points(scene, 2)
    assert set(np.unique(colours.camera_index)) == {-1, 0}  # the other camera has no picture
    sees = bw.depth_map(scene.points(2), scene.camera("front").camera, scene.cam_from(2, "front")).sees
    np.testing.assert_array_equal(colours.is_coloured, sees)
    none = bw.colour_points(scene, 2, cameras=["wide"])
    assert not none.is_coloured.any() and repr(none) == f"ColouredPoints(0 of {len(none):,} points, 1 camera)"
    with pytest.raises(bw.FrameMissing):
        bw.colour_points(scene.replace(data=bw.scene.NoData()), 0)


# ------------------------------------------------------------ bad input

BAD = [
    (lambda s: bw.lift(s, 0, "front", (5, 5, 5, 9)), "box_xyxy: expected left < right and top < bottom, got (5, 5, 5, 9)"),
    (lambda s: bw.lift(s, 0, "front", (5, 5, 9)), "box_xyxy: expected (4,) float array"),
    (lambda s: bw.lift(s, 0, "front", (-50, 5, -9, 9)), "box_xyxy: expected a box that the picture of 640 x 360 holds in part"),
    (lambda s: bw.lift(s, 0, "front", (5, 5, 50, 50), "sheep"), "category: no class is called 'sheep'"),
    (lambda s: bw.lift(s, 99, "front", (5, 5, 50, 50)), "expected a frame within 0..5, got 99"),
    (lambda s: bw.colour_points(s, 0, "radar"), "no such LiDAR: expected one of lidar"),
    (lambda s: bw.project_tracks(None), "scene: expected a Scene, got NoneType None"),
    (lambda s: bw.project_tracks(s, "front"), "cameras: expected a list of cameras' names, got 'front'"),
    (lambda s: bw.project_tracks(s, ["top"]), "no such camera, or no calibration for it: expected one of front"),
    (lambda s: bw.project_tracks(s, occluded_below=2), "occluded_below: expected a share from 0 to 1, got 2"),
    (lambda s: bw.project_tracks(s, occlusion="no"), "occlusion: expected True or False"),
    (lambda s: bw.project_tracks(s).image_tracks("amodal"), "extent: expected 'visible' or 'whole', got 'amodal'"),
    (lambda s: bw.link(s, least_iou=0), "least_iou: expected a number above 0, at most 1, got 0"),
    (lambda s: bw.link(s).accept(7), "least_confidence: expected a number from 0 to 1, got 7"),
    (lambda s: bw.link_offsets(s, 3), "cameras: expected a list of cameras' names, got 3"),
]


@pytest.mark.parametrize(("call", "message"), BAD, ids=[message[:50] for _, message in BAD])
def test_what_is_refused(call, message):
    with pytest.raises(bw.BoxwrightError) as caught:
        call(street.scene())
    assert message in str(caught.value) and caught.value.hint


def test_a_camera_without_calibration():
    scene = street.scene()
    bare = scene.replace(cameras={**scene.cameras, "dash": bw.CameraSensor("dash", bw.UncalibratedCamera(64, 48))})
    assert bw.project_tracks(bare).cameras == tuple(scene.cameras)
    with pytest.raises(bw.CalibrationError):
        bw.project_tracks(bare, ["dash"])


# ------------------------------------------------------------ real recordings


def test_kitti_boxes_find_their_cuboids(real_data):
    """The 2-D boxes of the label rows, which were made from the cuboids: they name them, and find them where they do not."""
    scene = bw.read(real_data / "kitti_tracking" / "training", scene="0001")
    assert all(one.is_given for one in bw.link(scene))
    truth = {track.track_id: track.object_id for track in scene.image_tracks}
    unlinked = scene.replace(image_tracks=[track.replace(object_id=None) for track in scene.image_tracks])
    links = bw.link(unlinked, ["image_02"])
    assert len(links) == len(scene.image_tracks) == 98 and all(truth[one.image_track_id] == one.track_id for one in links)
    assert np.median([one.mean_iou for one in links]) > 0.98
    offsets = bw.link_offsets(links.accept(), ["image_02"])
    assert offsets.summary[0].causes == () and abs(offsets.summary[0].late_s) < 1e-3 and offsets.summary[0].residual_px < 0.1


def test_dgp_boxes_were_made_at_the_stamp_of_the_lidar(real_data):
    """They name their cuboids; without that they find them, and the report says that they are 0.21 s early: the gap between LiDAR and cameras."""
    scene = bw.read(real_data / "dgp" / "scene_01")
    assert len(scene.image_tracks) == 54 and all(track.object_id is not None for track in scene.image_tracks)
    truth = {track.track_id: track.object_id for track in scene.image_tracks}
    links = bw.link(scene.replace(image_tracks=[track.replace(object_id=None) for track in scene.image_tracks]))
    assert len(links) == 54 and all(truth[one.image_track_id] == one.track_id for one in links)
    for one in bw.link_offsets(scene, ["CAMERA_01", "CAMERA_05"]).summary:
        gap = float(scene.exposures_ns(one.camera)[0] - scene.times_ns[0]) * 1e-9
        assert one.causes == ("time",) and one.late_s == pytest.approx(-gap, abs=0.015), str(one)
    (still,) = bw.link_offsets(scene, ["CAMERA_06"]).summary  # three objects that hardly move in the picture
    assert np.isnan([still.late_s, still.late_sigma_s]).all() and "late cannot be told" in str(still)
    assert np.isfinite([*still.shift_px, *still.shift_sigma_px, still.residual_px]).all()
