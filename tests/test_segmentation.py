"""Point labels from cuboids: whose a point is, what edits change, and what moving objects leave behind."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

import boxwright as bw
import naive
from formats_scenes import MemoryData
from test_containment import points_near, some_cuboids

ORDER_FREE = ("smallest", "nearest_center", "nearest_face")


def scene_of(points, cuboids, categories=None, *, frame="lidar", **more):
    """One frame, one LiDAR, a track for each cuboid."""
    names = categories or ["car", "pedestrian", "truck"]
    tracks = [bw.Track(f"t{m}", names[m % len(names)], [0], cuboids[[m]].replace(frame=frame)) for m in range(len(cuboids))]
    sweep = points if isinstance(points, bw.Sweep) else bw.Sweep(points)
    data = MemoryData({(0, "lidar"): sweep})
    return bw.Scene("one", [0], {"lidar": bw.Lidar("lidar")}, tracks=tracks, data=data, label_frame=frame, **more)


def owners_of(scene, labels):
    """(N,) index of the track of each point, -1 for none."""
    ids = np.array([-1, *(scene.track_index[labels.instances[i]] for i in range(1, len(labels.instances) + 1))])
    return ids[labels.instance_id]


@pytest.mark.kernel
@pytest.mark.parametrize("tilted", [False, True])
@pytest.mark.parametrize("margin_m", [0.0, 0.4])
@pytest.mark.parametrize("overlap", [*ORDER_FREE, "first"])
def test_equals_the_slow_twin(rng, tilted, margin_m, overlap):
    cuboids = some_cuboids(rng, 12, spread_m=5, tilted=tilted)
    points = points_near(rng, cuboids, 200, reach=1.4)
    points[3] = np.nan
    scene = scene_of(points, cuboids)
    labels = bw.segment(scene, 0, overlap=overlap, margin_m=margin_m)
    owner, n_contested = naive.point_owners(points, cuboids, overlap, margin_m)
    np.testing.assert_array_equal(owners_of(scene, labels), owner)
    assert labels.n_contested == n_contested > 5
    expected = [bw.point_labels.UNLABELLED if m < 0 else scene.tracks[m].category for m in owner]
    assert [labels.class_name(i) for i in labels.class_id.tolist()] == expected
    assert len(set(owner.tolist())) > 5


@pytest.mark.parametrize("n", [0, 1, 3000])
def test_without_overlap_the_counts_are_those_of_points_in_cuboids(rng, n):
    center = np.array([[12.0 * i, 9.0 * j, 0.3 * i] for i, j in itertools.product(range(5), range(4))])
    cuboids = bw.Cuboids(center, rng.uniform(0.5, 5, (20, 3)), rng.uniform(-3, 3, 20))
    points = points_near(rng, cuboids, n)
    labels = bw.segment(scene_of(points, cuboids), 0, overlap="raise")
    np.testing.assert_array_equal(np.bincount(labels.instance_id, minlength=21)[1:], bw.points_in_cuboids(points, cuboids).counts)
    assert labels.n_contested == 0 and len(labels) == n
    assert (labels.class_id > 0).sum() == (labels.instance_id > 0).sum()


@pytest.mark.parametrize("overlap", ORDER_FREE)
def test_laws_of_order_and_motion(rng, overlap):
    """The order of the points and of the tracks makes no difference, nor does moving everything."""
    cuboids = some_cuboids(rng, 30, spread_m=6)
    points = points_near(rng, cuboids, 4000)
    scene = scene_of(points, cuboids)
    owner = owners_of(scene, bw.segment(scene, 0, overlap=overlap, margin_m=0.1))
    by_point, by_track = rng.permutation(len(points)), rng.permutation(len(cuboids))
    shuffled = scene_of(points[by_point], cuboids)
    np.testing.assert_array_equal(owners_of(shuffled, bw.segment(shuffled, 0, overlap=overlap, margin_m=0.1)), owner[by_point])
    turned = scene.replace(tracks=[scene.tracks[m] for m in by_track])
    found = owners_of(turned, bw.segment(turned, 0, overlap=overlap, margin_m=0.1))
    np.testing.assert_array_equal(np.append(by_track, -1)[found], owner)
    pose = bw.Pose.from_yaw(0.7, (3.0, -2.0, 1.0))
    moved = scene_of(pose.apply(points), cuboids.transformed(pose))
    np.testing.assert_array_equal(owners_of(moved, bw.segment(moved, 0, overlap=overlap, margin_m=0.1)), owner)
    assert (owner >= 0).sum() > 1500


def test_who_wins():
    """A person in a bus, on points where every rule says something else."""
    bus, person = ([0, 0, 0], [12, 2.6, 3]), ([5, 0, 0], [1.2, 1.2, 1.8])
    cuboids = bw.Cuboids([bus[0], person[0]], [bus[1], person[1]], 0.0)
    points = np.array([[5.0, 0, 0], [5.5, 0, 0.1], [2.0, 0, 0], [9, 9, 9.0], [4.5, 0, 0.88]])
    scene = scene_of(points, cuboids, ["bus", "pedestrian"])
    assert owners_of(scene, bw.segment(scene, 0)).tolist() == [1, 1, 0, -1, 1]
    assert owners_of(scene, bw.segment(scene, 0, overlap="first")).tolist() == [0, 0, 0, -1, 0]
    assert owners_of(scene, bw.segment(scene, 0, overlap="nearest_center")).tolist() == [1, 1, 0, -1, 1]
    off = scene_of(np.array([[6.0, 0.0, 0], [5.55, 0.1, 0.1]]), bw.Cuboids([bus[0], [5, 0, 0]], [bus[1], [6, 2, 1.8]], 0.0), ["bus", "car"])
    assert owners_of(off, bw.segment(off, 0, overlap="nearest_face")).tolist() == [0, 0]
    with pytest.raises(bw.GeometryError, match=r"cuboids overlap.*3 points in several, the first of them, 0, in tracks 't0' and 't1'"):
        bw.segment(scene, 0, overlap="raise")


def test_a_margin_comes_second_and_is_not_at_the_bottom():
    cuboids = bw.Cuboids([[0, 0, 0], [4, 0, 0]], [[2, 2, 2], [5, 2, 2]], 0.0)
    points = np.array([[1.2, 0, 0], [1.6, 0, 0], [-1.2, 0, 0], [0, 0, 1.2], [0, 0, -1.2], [0, -1.29, 0], [0, -1.31, 0]])
    scene = scene_of(points, cuboids)
    assert owners_of(scene, bw.segment(scene, 0)).tolist() == [-1, 1, -1, -1, -1, -1, -1]
    labels = bw.segment(scene, 0, margin_m=0.3)
    assert owners_of(scene, labels).tolist() == [0, 1, 0, 0, -1, 0, -1]
    assert labels.n_contested == 1  # the first lies in the margins of both; the second in one cuboid outright
    assert owners_of(scene, bw.segment(scene, 0, margin_m=0.8)).tolist() == [0, 1, 0, 0, -1, 0, 0]


def test_the_ground_is_left_out(rng):
    ground = np.c_[rng.uniform(-20, 20, (20_000, 2)), rng.normal(-1.7, 0.01, 20_000)]
    body = rng.uniform([8.1, 2.1, -1.4], [11.9, 3.7, -0.2], (500, 3))
    points = np.r_[ground, body]
    cuboids = bw.Cuboids([[10, 3, -1.0]], [[4.4, 2.0, 1.6]], 0.0)  # its bottom is 0.1 m below the ground
    scene = scene_of(points, cuboids)
    assert bw.segment(scene, 0).instance_id[:20_000].sum() > 50
    labels = bw.segment(scene, 0, ground_m=0.15)
    assert labels.instance_id[:20_000].sum() == 0 and (labels.instance_id[20_000:] == 1).all()
    flat = bw.Cuboids([[10, 3, -1.6]], [[4.4, 2.0, 0.12]], 0.0)  # what is in the upper half of a cuboid stays its own
    upper = np.r_[points, [[10, 3, -1.57]]]
    assert bw.segment(scene_of(upper, flat), 0, ground_m=0.5).instance_id[-1] == 1


# ------------------------------------------------------------ time


def moving(speed_mps=20.0, *, turn_s=0.1, ego_mps=0.0, frame="world", stamp_late_ns=0, own_late_ns=0):
    """A car that drives past a LiDAR; its points are where it was when each was seen. Stamps at the beginning of the turn."""
    times = np.arange(3, dtype=np.int64) * 100_000_000
    along = np.arange(3) * 0.1 * speed_mps
    cuboids = bw.Cuboids(np.c_[5 + along, np.full(3, 6.0), np.full(3, 0.8)], np.full((3, 3), (4.4, 1.8, 1.5)), 0.0, frame=frame)
    late_ns = np.linspace(0, turn_s * 1e9, 400).astype(np.int64) + own_late_ns
    local = np.c_[np.linspace(-2.1, 2.1, 400), np.full(400, -0.85), np.zeros(400)]
    seconds = 0.1 + late_ns * 1e-9
    xyz = local + np.c_[5 + seconds * speed_mps - seconds * ego_mps, np.full(400, 6.0), np.full(400, 0.8)]
    poses = [bw.Pose(np.eye(3), (t * 1e-9 * ego_mps, 0, 0)) for t in (0, 10**9)]
    sweep = bw.Sweep(xyz, int(times[1]) + stamp_late_ns, time_offset_ns=late_ns - stamp_late_ns)
    track = bw.Track("m", "car", times, cuboids, method="linear")
    trajectory = bw.Trajectory([0, 10**9], poses)
    return bw.Scene("m", times, {"lidar": bw.Lidar("lidar")}, trajectory=trajectory, tracks=[track], data=MemoryData({(1, "lidar"): sweep}))


@pytest.mark.parametrize("ego_mps", [0.0, 12.0])
def test_a_moving_object_is_looked_for_where_it_was(ego_mps):
    scene = moving(ego_mps=ego_mps)
    assert (bw.segment(scene, 1).instance_id == 1).mean() < 0.95
    labels = bw.segment(scene, 1, own_time=True)
    assert (labels.instance_id == 1).all() and labels.n_contested == 0


def test_cuboids_at_the_sweeps_own_stamp():
    """A second LiDAR whose sweeps are stamped later sees the object farther on; a track that has ended by then stays where it was."""
    scene = moving(turn_s=0.0, stamp_late_ns=50_000_000, own_late_ns=50_000_000)
    assert (bw.segment(scene, 1).instance_id == 1).all()
    early = scene.replace(data=MemoryData({(1, "lidar"): bw.Sweep(scene.points(1).xyz, int(scene.times_ns[1]))}))
    assert (bw.segment(early, 1).instance_id == 1).mean() < 0.9
    track = scene.tracks[0]
    ended = scene.replace(tracks=[track.take(np.array([True, True, False]))])
    assert (bw.segment(ended, 1).instance_id == 1).mean() > 0.7


def test_own_time_needs_times(rng):
    scene = scene_of(rng.normal(size=(9, 3)), some_cuboids(rng, 2))
    with pytest.raises(bw.ArgumentError, match=r"no time per point.*leave out own_time"):
        bw.segment(scene, 0, own_time=True)
    short = moving().replace(trajectory=bw.Trajectory([0, 150_000_000], [bw.Pose.identity()] * 2))
    with pytest.raises(bw.TimeError, match="poses do not cover"):
        bw.segment(short, 1, own_time=True)


# ------------------------------------------------------------ edits


@pytest.mark.kernel
def test_polygons_equal_the_slow_twin(rng):
    shapely = pytest.importorskip("shapely")
    points = np.r_[rng.uniform(-5, 5, (150, 3)), np.c_[rng.integers(-4, 5, (50, 2)), np.zeros(50)]]
    points[7] = np.inf
    for k in range(6):
        corners = rng.uniform(-5, 5, (3 + k, 2)) if k % 2 else rng.integers(-4, 5, (3 + k, 2)).astype(float)
        labels = bw.PointLabels(np.zeros(200, np.uint16), np.zeros(200, np.uint32))
        edited = bw.apply_edits(labels, points, [bw.PointEdit.of_polygon(0, corners, low_m=-3, high_m=4, category="road")])
        expected = np.array([naive.in_polygon(p, corners) and -3 <= p[2] <= 4 for p in points])
        np.testing.assert_array_equal(edited.of_class("road"), expected)
        polygon = shapely.Polygon(corners)
        if polygon.is_valid and polygon.area > 0:
            xyz = points[np.isfinite(points).all(1) & (np.abs(points[:, 2] - 0.5) <= 3.5)]
            assert expected.sum() == sum(polygon.covers(shapely.Point(p[:2])) for p in xyz)


def test_edits_lie_over_the_cuboids_and_outlive_them(rng):
    cuboids = some_cuboids(rng, 4, spread_m=15)
    points = points_near(rng, cuboids, 1000)
    edits = [
        bw.PointEdit.of_points(0, rng.permutation(100), category="road"),
        bw.PointEdit.of_points(0, [5, 6, 7, 90], category="car", track_id="t1"),
        bw.PointEdit.of_cuboid(0, bw.Cuboids([[0, 0, 0]], [[8, 8, 8]], 0.3, frame="lidar")[0], category="", sensor="lidar"),
        bw.PointEdit.of_points(0, [900], track_id="new"),
    ]
    scene = scene_of(points, cuboids, point_edits=edits)
    plain, labels = bw.segment(scene, 0, edits=False), bw.segment(scene, 0)
    cleared = bw.points_in_cuboids(points, bw.Cuboids([[0, 0, 0]], [[8, 8, 8]], 0.3)).mask()[0]
    cleared[900] = False
    assert (labels.class_id[cleared] == 0).all() and (labels.instance_id[cleared] == 0).all()
    road = np.arange(1000) < 100
    road[[5, 6, 7, 90]] = False
    np.testing.assert_array_equal(labels.of_class("road"), road & ~cleared)
    np.testing.assert_array_equal(labels.instance_id[:5], np.where(cleared, 0, plain.instance_id)[:5])
    assert labels.instances[labels.instance_id[900]] == "new" and labels.instance_id[900] == 5
    rest = ~cleared & (np.arange(1000) >= 100)
    rest[900] = False
    np.testing.assert_array_equal(labels.class_id[rest], plain.class_id[rest])
    fewer = scene.replace(tracks=scene.tracks[1:3])  # the cuboids change, the edits stay
    np.testing.assert_array_equal(bw.segment(fewer, 0).of_class("road"), road & ~cleared)
    undone = bw.segment(scene.replace(point_edits=edits[1:]), 0)  # one is dropped: undone
    np.testing.assert_array_equal(undone.of_class("car")[5:8], [True] * 3 & ~cleared[5:8])
    assert not (undone.class_id == [i for i, name in labels.classes.items() if name == "road"]).any()


def test_edits_are_kept_as_short_text(rng):
    index = np.r_[np.arange(5000, 9000), rng.permutation(30), 120_000]
    edits = [
        bw.PointEdit.of_points(3, index, category="road", track_id="7"),
        bw.PointEdit.of_points(0, [], category="road"),
        bw.PointEdit.of_polygon(1, [[0, 0], [1.5, 0], [1, 2]], low_m=-0.25, category="x", sensor="rear"),
        bw.PointEdit.of_cuboid(2, bw.Cuboids([[1, 2, 3]], [[4, 5, 6]], 0.1, frame="lidar")[0], track_id=""),
    ]
    for edit in edits:
        text = json.dumps(edit.mapping())
        again = bw.PointEdit.from_mapping(json.loads(text))
        assert again.mapping() == edit.mapping() and len(text) < 250
    assert edits[0].runs.tolist() == [[0, 30], [5000, 9000], [120_000, 120_001]]
    assert edits[1].runs.shape == (0, 2)


BAD_EDITS = {
    "nothing": (lambda: bw.PointEdit.of_points(0, [1]), "an edit sets nothing"),
    "nowhere": (lambda: bw.PointEdit(0, category="car"), "expected one of runs, polygon_m and cuboid"),
    "frame": (lambda: bw.PointEdit.of_points(-1, [1], category="car"), "expected a frame's index"),
    "index": (lambda: bw.PointEdit.of_points(0, [-1], category="car"), "expected indices from 0"),
    "mask": (lambda: bw.PointEdit.of_points(0, [True, False], category="car"), "expected .* indices of points"),
    "line": (lambda: bw.PointEdit.of_polygon(0, [[0, 0], [1, 1]], category="car"), "expected three corners or more, got 2"),
    "height": (lambda: bw.PointEdit.of_polygon(0, np.eye(3)[:, :2], low_m=np.nan, category="car"), "expected a height in metres"),
    "category": (lambda: bw.PointEdit.of_points(0, [1], category=3), "expected a text, or None"),
    "runs": (lambda: bw.PointEdit.from_mapping({"frame_index": 0, "category": "a", "runs": [1, 2, 3]}), "expected an even number of whole numbers"),
    "long runs": (lambda: bw.PointEdit.from_mapping({"frame_index": 0, "category": "a", "runs": [1, 2**40]}), "expected an even number"),
    "empty run": (lambda: bw.PointEdit.from_mapping({"frame_index": 0, "category": "a", "runs": [1, 0]}), "none of them empty"),
    "key": (lambda: bw.PointEdit.from_mapping({"frame_index": 0, "category": "a", "rows": []}), "expected frame_index and some of"),
    "cuboid": (
        lambda: bw.PointEdit.from_mapping({"frame_index": 0, "category": "a", "cuboid": {"center_m": [0, 0, 0]}}),
        "expected center_m, size_m",
    ),
}


@pytest.mark.parametrize("name", BAD_EDITS)
def test_bad_edits(name):
    make, message = BAD_EDITS[name]
    with pytest.raises(bw.ArgumentError, match=message):
        make()


def test_edits_that_do_not_fit(rng):
    points = rng.normal(size=(10, 3))
    scene = scene_of(points, some_cuboids(rng, 1))
    with pytest.raises(bw.IndexMissing, match="expected points below 10, got 10"):
        bw.segment(scene.replace(point_edits=[bw.PointEdit.of_points(0, [10], category="car")]), 0)
    with pytest.raises(bw.FrameMissing, match=r"scene.point_edits\[0\]: expected a frame within 0..0, got 1"):
        scene.replace(point_edits=[bw.PointEdit.of_points(1, [1], category="car")])
    with pytest.raises(bw.FrameMissing, match="no such LiDAR"):
        scene.replace(point_edits=[bw.PointEdit.of_points(0, [1], category="car", sensor="top")])
    with pytest.raises(bw.GeometryError, match="points and the edit's cuboid"):
        cuboid = bw.Cuboids([[0, 0, 0]], [[1, 1, 1]], 0.0, frame="world")[0]
        bw.segment(scene.replace(point_edits=[bw.PointEdit.of_cuboid(0, cuboid, category="car")]), 0)
    with pytest.raises(bw.ArgumentError, match="expected 10 points, as many as labels, got 9"):
        bw.apply_edits(bw.segment(scene, 0), points[:9], [bw.PointEdit.of_points(0, [1], category="car")])


# ------------------------------------------------------------ the labels themselves


def test_labels_are_small_and_do_not_change():
    labels = bw.PointLabels([0, 2, 2, 1], [0, 7, 7, 0], {1: "road", 2: "car"}, {7: "a"})
    assert (labels.class_id.dtype, labels.instance_id.dtype) == (np.uint16, np.uint32)
    with pytest.raises(ValueError, match="read-only"):
        labels.class_id[0] = 1
    assert labels.class_counts() == {"unlabelled": 1, "road": 1, "car": 2}
    assert labels.instances_here().tolist() == [7] and repr(labels) == "PointLabels(4 points, 3 labelled, 1 object)"
    assert labels.of_track("a").tolist() == [False, True, True, False]
    assert labels.of_class("unlabelled").tolist() == [True, False, False, False]
    merged = labels.renamed({"road": "ground", "car": "ground"})
    assert merged.class_counts() == {"unlabelled": 1, "ground": 3}
    gone = labels.renamed({"car": ""})
    assert gone.class_counts() == {"unlabelled": 3, "road": 1} and not gone.instance_id.any()


BAD_LABELS = {
    "lengths": (([0, 1], [0], {1: "a"}), "expected 2 instance ids"),
    "range": (([0, 70_000], [0, 0], {}), "expected whole numbers from 0 to 65,535, got 0 to 70000"),
    "negative": (([0, -1], [0, 0], {}), "expected whole numbers from 0"),
    "float": (([0.0, 1.0], [0, 0], {}), "expected .* whole numbers"),
    "name": (([0, 1], [0, 0], {}), "expected a name for every class of a point, got none for 1"),
    "twice": (([0, 1], [0, 0], {1: "a", 2: "a"}), "expected names that differ"),
    "zero": (([0, 1], [0, 0], {0: "b", 1: "a"}), "expected ids from 1 to 65,535, got 0"),
    "contested": (([0], [0], {}, {}, 2), "expected a number of points up to 1"),
}


@pytest.mark.parametrize("name", BAD_LABELS)
def test_bad_labels(name):
    given, message = BAD_LABELS[name]
    with pytest.raises(bw.ArgumentError, match=message):
        bw.PointLabels(*given)


def test_bad_settings(rng):
    scene = scene_of(rng.normal(size=(9, 3)), some_cuboids(rng, 2))
    for given in ({"overlap": "largest"}, {"margin_m": -1}, {"margin_m": np.nan}, {"ground_m": True}):
        with pytest.raises(bw.ArgumentError, match=next(iter(given))):
            bw.segment(scene, 0, **given)
    with pytest.raises(bw.FrameMissing, match=r"no point labels; bw.segment"):
        scene.point_labels(0)
    with pytest.raises(bw.ArgumentError, match=r"scene.point_label_data"):
        scene.replace(point_label_data=3)
    with pytest.raises(bw.ArgumentError, match="point_label_data"):
        scene.replace(point_label_data={0: 1})


def test_a_scene_keeps_labels_and_makes_them_when_asked(rng):
    cuboids = some_cuboids(rng, 3)
    scene = scene_of(points_near(rng, cuboids, 100), cuboids)
    labels = bw.segment(scene, 0)
    kept = scene.replace(point_label_data={(0, "lidar"): labels})
    assert kept.has_point_labels(0) and kept.point_labels(0) is labels and not scene.has_point_labels(0)
    lazy = bw.segment_scene(scene, overlap="first")
    assert lazy.has_point_labels(0)
    np.testing.assert_array_equal(lazy.point_labels(0).class_id, bw.segment(scene, 0, overlap="first").class_id)


# ------------------------------------------------------------ real recordings


def real_scenes(real_data):
    pytest.importorskip("pyarrow", reason="Argoverse 2 is read with pyarrow (extra 'io')")
    yield bw.read(real_data / "av2/sensor", scene=next(p.name for p in (real_data / "av2/sensor").iterdir() if p.name.startswith("7fab2350")))
    yield bw.read(real_data / "kitti_tracking", scene="0001")
    yield bw.read(real_data / "sustechpoints/example")


@pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")
def test_real_counts_are_those_of_points_in_cuboids(real_data):
    """Where no other cuboid takes part of its points; and every point in some cuboid has a label."""
    n_frames = n_alone = 0
    for scene in real_scenes(real_data):
        for i in (i for i in range(len(scene)) if scene.has_points(i)):
            sweep = scene.points(i)
            found = scene.labels(i, sweep.frame)
            hits = bw.points_in_cuboids(sweep, found.cuboids)
            labels = bw.segment(scene, i)
            mask = hits.mask()
            claims = mask.sum(0)
            counts = np.bincount(labels.instance_id, minlength=len(scene.tracks) + 1)[found.track_index + 1]
            alone = ~(mask & (claims > 1)).any(1)
            np.testing.assert_array_equal(counts[alone], hits.counts[alone])
            np.testing.assert_array_equal(labels.instance_id > 0, claims > 0)
            assert labels.n_contested == (claims > 1).sum()
            n_frames, n_alone = n_frames + 1, n_alone + int((hits.counts[alone] > 0).sum())
    assert n_frames >= 8 and n_alone > 150


# ------------------------------------------------------------ against gold


def random_labels(rng, n, like=None):
    """Runs of equal labels; near those of `like`."""
    if like is None:
        class_id = np.repeat(rng.integers(0, 5, n // 10 + 1), 10)[:n]
        instance_id = np.where(class_id > 2, np.repeat(rng.integers(1, 4, n // 10 + 1), 10)[:n], 0)
    else:
        change = rng.random(n) < 0.2
        class_id = np.where(change, rng.integers(0, 5, n), like.class_id)
        instance_id = np.where(rng.random(n) < 0.1, rng.integers(0, 4, n), like.instance_id)
    return bw.PointLabels(class_id, instance_id, {1: "road", 2: "tree", 3: "car", 4: "person"})


def test_comparison_equals_the_slow_twin(rng):
    golds = [random_labels(rng, n) for n in (300, 77, 0)]
    founds = [random_labels(rng, len(gold), gold) for gold in golds]
    # other numbers for the same names
    founds = [bw.PointLabels(np.array([0, 7, 2, 9, 4])[f.class_id], f.instance_id, {7: "road", 2: "tree", 9: "car", 4: "person"}) for f in founds]
    result = bw.compare_point_labels(founds, golds)
    expected = naive.panoptic(founds, golds)
    for name, (n_matched, n_extra, n_missed, overlap, iou) in expected.items():
        row = result.by_class()[name]
        assert (row["n_matched"], row["n_extra"], row["n_missed"]) == (n_matched, n_extra, n_missed)
        assert row["iou"] == pytest.approx(iou, abs=1e-12)
        quality = overlap / (n_matched + n_extra / 2 + n_missed / 2)
        assert row["panoptic_quality"] == pytest.approx(quality, abs=1e-12)
    assert set(result.by_class()) == set(expected) and sum(row[0] for row in expected.values()) > 5
    assert min(row[1] + row[2] for row in expected.values()) > 0


@pytest.mark.peers
def test_comparison_equals_sklearn(rng):
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed (extra 'peers')")
    gold = random_labels(rng, 5000)
    found = random_labels(rng, 5000, gold)
    result = bw.compare_point_labels(found, gold)
    order = np.array([0, *(result.names.index(name) for name in ("road", "tree", "car", "person"))])
    table = metrics.confusion_matrix(gold.class_id, found.class_id, labels=range(5))
    np.testing.assert_array_equal(result.confusion[np.ix_(order, order)], table)
    judged = gold.class_id > 0
    iou = metrics.jaccard_score(gold.class_id[judged], found.class_id[judged], labels=range(1, 5), average=None)
    np.testing.assert_allclose(result.iou[order[1:] - 1], iou, atol=1e-12)
    assert result.accuracy == pytest.approx(metrics.accuracy_score(gold.class_id[judged], found.class_id[judged]))


def test_comparison_of_equals_and_of_nothing(rng):
    gold = random_labels(rng, 500)
    same = bw.compare_point_labels(gold, gold)
    assert (same.mean_iou, same.mean_panoptic_quality, same.accuracy) == (1.0, 1.0, 1.0) and "mean IoU 1.000" in repr(same)
    empty = bw.PointLabels(np.zeros(500, np.uint16), np.zeros(500, np.uint32))
    assert bw.compare_point_labels(empty, gold).mean_panoptic_quality == 0.0
    assert np.isnan(bw.compare_point_labels(gold, empty).mean_iou)  # gold says nothing, so nothing counts
    assert bw.compare_point_labels(gold, empty).by_class() == {}
    with pytest.raises(bw.ArgumentError, match="expected 500 points, as many as of gold, got 0"):
        bw.compare_point_labels(bw.PointLabels([], []), gold)
    with pytest.raises(bw.ArgumentError, match="expected 1 sweep, as many as of gold, got 2"):
        bw.compare_point_labels([gold, gold], [gold])


# ------------------------------------------------------------ shown


def test_pictures_take_the_colours_of_the_classes(rng):
    from boxwright.render.labels import color_of

    points = np.c_[rng.uniform(-20, 20, (3000, 2)), np.zeros(3000)]
    points[5] = np.nan
    labels = bw.PointLabels((points[:, 0] > 0) * 2, np.zeros(3000, int), {2: "vegetation", 3: "car"})
    scene = scene_of(points, some_cuboids(rng, 1))
    plain, shown = bw.render_bev(scene), bw.render_bev(scene, point_labels=labels)
    color = np.array(color_of("vegetation"))
    is_green = (shown == color).all(-1)
    assert is_green.sum() > 500 and not (plain == color).all(-1).any()
    assert is_green[:480].sum() > 0.95 * is_green.sum()  # ahead is up; the caption's swatch lies there too
    kept = scene.replace(point_label_data={(0, "lidar"): labels})
    np.testing.assert_array_equal(bw.render_bev(kept), shown)
    with pytest.raises(bw.ArgumentError, match="expected 3,000 point labels, one per point, got 1"):
        bw.render_bev(scene, point_labels=bw.PointLabels([0], [0]))


def test_info_tells_of_point_labels(tmp_path, rng, capsys):
    from boxwright.cli import main

    cuboids = some_cuboids(rng, 3)
    scene = scene_of(points_near(rng, cuboids, 100), cuboids)
    bw.write(bw.segment_scene(scene), tmp_path / "s")
    with pytest.raises(SystemExit):
        main(["info", str(tmp_path / "s")])
    labels = bw.segment(scene, 0)
    share = labels.class_counts()["car"] / 100
    out = " ".join(capsys.readouterr().out.split())
    assert "points of lidar: labels in 1 sweep; in the first" in out and f"car {share:.1%}" in out and "3 objects" in out
