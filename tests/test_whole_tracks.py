"""What a whole track tells: one size, one pose, one front; laws, the simulator's truth, people's labels."""

from __future__ import annotations

import numpy as np
import pytest

import boxwright as bw
import street
from formats_scenes import MemoryData


@pytest.fixture(scope="module")
def street_scene():
    scene = street.scene()
    return scene.replace(data=MemoryData({(i, "lidar"): scene.points(i) for i in range(len(scene))}))


@pytest.fixture(scope="module")
def world():
    return bw.simulate(12, 25, n_beams=32, n_columns=800)


def noisy(track, rng, sigma_m, sigma_rad=0.0, sigma_size_m=0.0):
    boxes = track.cuboids
    size = boxes.size_m + rng.normal(0, sigma_size_m, boxes.size_m.shape)
    center = boxes.center_m + np.c_[rng.normal(0, sigma_m, (len(track), 2)), np.zeros(len(track))]
    return track.replace(cuboids=bw.Cuboids(center, size, boxes.yaw_rad + rng.normal(0, sigma_rad, len(track)), frame=boxes.frame))


def same(one, other):
    for name in ("center_m", "size_m", "quat_wxyz"):
        np.testing.assert_array_equal(getattr(one.cuboids, name), getattr(other.cuboids, name))
    np.testing.assert_array_equal(one.origin, other.origin)


def elsewhere(scene, pose):
    """The same scene in another world frame."""
    times = scene.trajectory.times_ns
    trajectory = bw.Trajectory(times, [pose @ scene.world_from_ego(int(t)) for t in times])
    tracks = [t.replace(cuboids=t.cuboids.transformed(pose, frame="world")) for t in scene.tracks]
    return scene.replace(trajectory=trajectory, tracks=tracks)


# ------------------------------------------------------------ one size


def test_a_locked_track_has_one_size_and_locking_again_changes_nothing(street_scene, rng):
    for track in street_scene.tracks[:2]:
        locked = bw.lock_size(street_scene, noisy(track, rng, 0.05, 0.01, 0.1))
        assert len(np.unique(locked.cuboids.size_m, axis=0)) == 1
        assert (locked.origin == bw.Origin.SIZE_LOCK).sum() >= len(track) - 1
        same(locked, bw.lock_size(street_scene, locked))
        same(track, bw.lock_size(street_scene, track))


def test_the_side_that_faces_the_sensor_stays_and_so_does_the_bottom(street_scene, rng):
    track = noisy(street_scene.track("parked"), rng, 0.0, 0.0, 0.15)
    locked = bw.lock_size(street_scene, track)
    for k, stamp in enumerate(track.times_ns.tolist()):
        sensor = street_scene.transform("world", "lidar", stamp).apply(np.zeros((1, 3)))[0]
        ends = []
        for one in (track, locked):
            local = (sensor - one.cuboids.center_m[k]) @ one.cuboids.rotation[k]
            half = one.cuboids.size_m[k] / 2
            assert (np.abs(local[:2]) > half[:2]).all()
            ends.append([*(np.abs(local) - half)[:2], one.cuboids.center_m[k, 2] - half[2]])
        np.testing.assert_allclose(ends[0], ends[1], atol=1e-9)


def test_the_best_seen_keyframes_decide(street_scene):
    """Of one that shows its length and one that does not, whatever their order; here the standard deviations say so."""
    track = street_scene.track("driving").take([0, 1, 2])
    size = track.cuboids.size_m.copy()
    size[:, 0] = 4.0, 4.4, 5.0
    track = track.replace(cuboids=track.cuboids.replace(size_m=size))
    for best, sigma in enumerate(np.where(np.eye(3)[:, :, None], 0.05, 0.5) * np.ones(3)):
        assert bw.lock_size(street_scene, track, size_sigma_m=sigma).cuboids.size_m[0, 0] == size[best, 0]
    unknown = np.full((3, 3), np.nan)
    assert bw.lock_size(street_scene, track, size_sigma_m=unknown).cuboids.size_m[0, 0] == 4.4


def test_what_deforms_is_left_alone_unless_told(street_scene, rng):
    track = noisy(street_scene.track("walker"), rng, 0.0, 0.0, 0.03)
    assert bw.lock_size(street_scene, track) is track
    assert len(np.unique(bw.lock_size(street_scene, track, deforming=True).cuboids.size_m, axis=0)) == 1


def test_sizes_that_cannot_be_are_refused(street_scene):
    with pytest.raises(bw.ArgumentError, match="size_sigma_m: expected positive standard deviations"):
        bw.lock_size(street_scene, "parked", size_sigma_m=np.zeros((6, 3)))
    with pytest.raises(bw.UnknownName, match="no such track"):
        bw.lock_size(street_scene, "nobody")


# ------------------------------------------------------------ one pose


def test_a_solved_track_is_one_pose(street_scene, rng):
    track = noisy(street_scene.track("parked"), rng, 0.08, 0.02, 0.05)
    solve = bw.solve_static(street_scene, track)
    assert solve.verdict == "standing" and solve.p_value > 0.01 and solve.n_frames >= 3
    assert (solve.track.origin == bw.Origin.STATIC_SOLVE).all() and np.array_equal(solve.track.times_ns, track.times_ns)
    for name in ("center_m", "size_m", "quat_wxyz"):
        assert len(np.unique(getattr(solve.track.cuboids, name), axis=0)) == 1
    assert (track.origin == bw.Origin.GIVEN).all()


def test_what_moves_is_refused_and_given_back(street_scene):
    solve = bw.solve_static(street_scene, "driving")
    assert solve.verdict == "moving" and solve.p_value < 0.01 and solve.track is street_scene.track("driving")


def test_a_world_that_is_turned_and_shifted_changes_nothing(street_scene, rng):
    pose = bw.Pose.from_yaw(2.0, (300.0, -120.0, 4.0))
    there = elsewhere(street_scene, pose)
    for name in ("parked", "driving"):
        track = noisy(street_scene.track(name), rng, 0.08, 0.02, 0.05)
        moved = track.replace(cuboids=track.cuboids.transformed(pose, frame="world"))
        one, other = bw.solve_static(street_scene, track), bw.solve_static(there, moved)
        assert one.verdict == other.verdict
        np.testing.assert_allclose(one.track.cuboids.transformed(pose, frame="world").center_m, other.track.cuboids.center_m, atol=1e-6)
        locked = bw.lock_size(street_scene, track).cuboids.transformed(pose, frame="world")
        np.testing.assert_allclose(locked.corners_m(), bw.lock_size(there, moved).cuboids.corners_m(), atol=1e-6)
        turned = bw.orient(track).cuboids.transformed(pose, frame="world")
        np.testing.assert_allclose(turned.corners_m(), bw.orient(moved).cuboids.corners_m(), atol=1e-6)


def test_without_poses_nothing_is_decided(street_scene):
    cuboids = bw.Cuboids.concatenate([street_scene.cuboids(i)[0:1] for i in range(6)])
    track = street_scene.track("parked").replace(cuboids=cuboids)
    bare = street_scene.replace(trajectory=None, tracks=[track], label_frame="lidar")
    solve = bw.solve_static(bare, track)
    assert solve.verdict == "undecided" and solve.track is track and np.isnan(solve.p_value)


def test_labels_of_a_moving_frame_get_one_pose_in_the_world(street_scene):
    cuboids = bw.Cuboids.concatenate([street_scene.cuboids(i)[0:1] for i in range(6)])
    track = street_scene.track("parked").replace(cuboids=cuboids)
    solve = bw.solve_static(street_scene.replace(tracks=[track], label_frame="lidar"), track)
    assert solve.verdict == "standing" and solve.track.cuboids.frame == "lidar"
    np.testing.assert_allclose(solve.track.cuboids.center_m, cuboids.center_m, atol=1e-6)


def test_verdicts_and_errors_on_the_simulator(world, rng):
    """Keyframes 0.1 m off, every eighth frame: nothing that moves is called standing, what stands comes nearer to its place."""
    before, after, n_moving = [], [], 0
    for track in world.tracks:
        given = noisy(track.take(track.visibility != bw.Visibility.OUTSIDE).keyframes_every(8), rng, 0.1, 0.03, 0.05)
        if len(given) < 3:
            continue
        solve = bw.solve_static(world, given)
        true = track.at(given.times_ns).cuboids.center_m
        way = np.hypot(*np.ptp(track.cuboids.center_m[:, :2], axis=0))
        if way > 0.5:
            n_moving += 1
            assert solve.verdict != "standing" and solve.track is given
        elif way < 0.1 and solve.verdict == "standing":
            before.append(np.hypot(*(given.cuboids.center_m - true)[:, :2].T).mean())
            after.append(np.hypot(*(solve.track.cuboids.center_m - true)[:, :2].T).mean())
        else:
            assert solve.verdict != "moving" or way >= 0.1
    assert n_moving >= 5 and len(before) >= 5
    assert np.mean(after) < 0.75 * np.mean(before)


def test_people_s_labels_are_told_apart(real_data):
    """Argoverse 2: of the labels that go further than 2 m none is called standing, of those that stay within 0.3 m none moving."""
    pytest.importorskip("pyarrow")
    scene = bw.read(real_data / "av2" / "sensor", scene="7fab2350-7eaf-3b7e-a39d-6937a4c1bede")
    found = {"stands": [], "moves": []}
    for track in scene.tracks:
        seen = track.take(track.visibility != bw.Visibility.OUTSIDE).keyframes_every(10)
        parts = [seen.cuboids[k : k + 1].transformed(scene.transform("world", seen.cuboids.frame, int(t))) for k, t in enumerate(seen.times_ns)]
        way = np.hypot(*np.ptp(np.concatenate([part.center_m for part in parts])[:, :2], axis=0))
        if way < 0.3 or way > 2:
            found["stands" if way < 0.3 else "moves"].append(bw.solve_static(scene, seen).verdict)
    assert "moving" not in found["stands"] and "standing" not in found["moves"]
    for wanted, verdict in (("stands", "standing"), ("moves", "moving")):
        assert len(found[wanted]) >= 20 and found[wanted].count(verdict) >= 0.9 * len(found[wanted])


# ------------------------------------------------------------ which end is the front


def drive(speeds, yaw=0.3, flips=(), category="car"):
    """Keyframes every half second of something that drives straight on at these speeds, some of its headings turned about."""
    way = np.cumsum(np.r_[0.0, speeds[:-1]]) * 0.5
    center = np.outer(way, [np.cos(yaw), np.sin(yaw), 0.0]) + np.array([100.0, 50.0, 1.0])
    heading = yaw + np.pi * np.isin(np.arange(len(speeds)), flips)
    times = 1_700_000_000_000_000_000 + 500_000_000 * np.arange(len(speeds))
    return bw.Track("a", category, times, bw.Cuboids(center, np.tile([4.4, 1.8, 1.5], (len(speeds), 1)), heading, frame="world"))


@pytest.mark.parametrize(
    ("speeds", "flips"),
    [
        ([5.0] * 8, (1, 4, 5)),
        ([5.0] * 8, range(8)),
        ([4, 4, 2, 0, 0, 0, 0, 0, 2, 4], (0, 3, 4, 6, 9)),
        ([6, 6, 6, 4, 1, 0, -1, -1, 0, 2, 4, 6], (2, 6, 7)),
    ],
)
def test_the_whole_way_tells_the_front(speeds, flips):
    found = bw.orient(drive(speeds, flips=flips))
    np.testing.assert_allclose(found.cuboids.yaw_rad, 0.3, atol=1e-9)
    same(found, bw.orient(found))
    later = drive(speeds, flips=flips)
    later = bw.orient(later.replace(times_ns=later.times_ns + 10**15))
    np.testing.assert_allclose(later.cuboids.quat_wxyz, found.cuboids.quat_wxyz, atol=1e-12)


def test_what_hardly_moves_is_not_turned():
    for speeds in ([0.0] * 6, [0.1, -0.1] * 4, [0.3] * 10):
        track = drive(speeds, flips=(1, 2))
        assert bw.orient(track) is track
    one = drive([5.0] * 8).take([3])
    assert bw.orient(one) is one


def test_people_and_cyclists_face_where_they_go():
    track = drive([1.4] * 6 + [0.0] * 4, yaw=-2.0, category="pedestrian")
    turned = track.replace(cuboids=track.cuboids.replace(quat_wxyz=bw.Cuboids(np.zeros((10, 3)), np.ones((10, 3)), np.linspace(-3, 3, 10)).quat_wxyz))
    np.testing.assert_allclose(bw.orient(turned).cuboids.yaw_rad, -2.0, atol=1e-6)


def test_nothing_is_turned_that_is_right(world):
    n = 0
    for track in world.tracks:
        category = bw.Taxonomy.default().find(track.category)
        if not category.is_yaw_from_motion and np.hypot(*np.ptp(track.cuboids.center_m[:, :2], axis=0)) > 3:
            flipped = track.cuboids.yaw_rad + np.pi * (np.arange(len(track)) % 3 == 0)
            given = track.replace(cuboids=bw.Cuboids(track.cuboids.center_m, track.cuboids.size_m, flipped, frame="world"))
            for one in (track, given):
                off = np.abs((bw.orient(one).cuboids.yaw_rad - track.cuboids.yaw_rad + np.pi) % (2 * np.pi) - np.pi)
                assert off.max() < 0.1
                n += len(track)
    assert n >= 100


def test_fits_of_what_stands_are_made_once_more_of_all_points(rng):
    """Sides that no single frame shows together: length and width are those of the union, heading and height those of the keyframes."""
    from boxwright.standing import _fitted

    scene = street.scene()
    (stamp,) = scene.times_ns[:1].tolist()
    origin = scene.world_from_ego(stamp).apply(scene.lidar_origins_m("ego"))[0]
    pose = bw.Cuboid(origin + np.array([12.0, 6.0, -1.0]), (3.6, 1.5, 1.5), 0.4, frame="world")
    side, rear = rng.uniform([-2.2, -0.9, -0.4], [2.2, -0.9, 0.7], (400, 3)), rng.uniform([-2.2, -0.9, -0.4], [-2.2, 0.9, 0.7], (200, 3))
    keys = bw.Track("a", "car", [stamp], pose.as_cuboids(), origin=[bw.Origin.FIT])
    fitted = _fitted(scene, keys, pose, np.array([0]), np.concatenate([side, rear]) + rng.normal(0, 0.01, (600, 3)))
    np.testing.assert_allclose(fitted.size_m, [4.4, 1.8, 1.5], atol=0.15)
    np.testing.assert_allclose(fitted.center_m, pose.center_m, atol=0.1)
    assert fitted.yaw_rad == pytest.approx(pose.yaw_rad) and fitted.frame == "world"
    few = _fitted(scene, keys, pose, np.array([0]), side[:10])
    assert few is pose
