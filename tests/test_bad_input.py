"""Bad input, verb by verb: an error of boxwright's own, in one sentence, that says what to do."""

from __future__ import annotations

import numpy as np
import pytest

import boxwright as bw
from boxwright.arrays import as_floats, as_points, as_times_ns

BOXES = bw.Cuboids(np.arange(9.0).reshape(3, 3), np.ones((3, 3)), 0.0)
CAMERA = bw.PinholeCamera(64, 48, 40, 40, 32, 24)
TRAJECTORY = bw.Trajectory([0, 5], [bw.Pose.identity()] * 2)
TRACKS = bw.Tracks([bw.Track("a", "car", [0, 5, 9], BOXES)])


def hits():
    return bw.points_in_cuboids(np.zeros((2, 3)), BOXES)


def seen():
    return bw.project_cuboids(BOXES, CAMERA, np.eye(4))


# ---------------------------------------------------------------- indices
BY_INDEX = {
    "cuboids": lambda i: BOXES[i],
    "trajectory": lambda i: TRAJECTORY[i],
    "tracks": lambda i: TRACKS[i],
    "indices": lambda i: hits().indices(i),
    "edges": lambda i: seen().edges(i),
}


@pytest.mark.parametrize("verb", BY_INDEX)
@pytest.mark.parametrize("index", [99, -99, np.int64(99), 10**30])
def test_an_index_past_the_end(verb, index):
    with pytest.raises(bw.IndexMissing, match=r"expected an index below \d, got -?\d+; ") as caught:
        BY_INDEX[verb](index)
    assert isinstance(caught.value, IndexError)


@pytest.mark.parametrize("verb", BY_INDEX)
@pytest.mark.parametrize("index", ["0", 0.0, None, True, object()])
def test_an_index_that_is_none(verb, index):
    with pytest.raises(bw.ArgumentError, match=r"expected one whole number, got .*; "):
        BY_INDEX[verb](index)


def test_negative_and_numpy_indices_still_count():
    for index in (-1, np.int32(2), np.array(2)):
        assert BOXES[index].center_m.tolist() == [6, 7, 8]
    assert TRAJECTORY[-1] == TRAJECTORY[1] and TRACKS[-1] is TRACKS[0]


def test_loops_still_end():
    assert len(list(BOXES)) == len(list(iter(BOXES))) == 3 and len(list(TRAJECTORY)) == 2 and len(list(TRACKS)) == 1
    assert [i for i, _ in zip(range(9), TRAJECTORY)] == [0, 1]


@pytest.mark.parametrize("pick", [lambda rows: BOXES[rows], lambda rows: TRACKS[0].take(rows)])
@pytest.mark.parametrize(
    ("rows", "kind", "message"),
    [
        ([True, False], bw.ArgumentError, "expected a mask of 3, got one of 2; make the mask from these rows"),
        (np.ones((3, 1), bool), bw.ArgumentError, "expected a slice, a (3,) mask or whole numbers"),
        ([0, 3], bw.IndexMissing, "expected indices below 3, got 3; negative ones count from the end"),
        ([-4], bw.IndexMissing, "expected indices below 3, got -4"),
        ([0.0, 1.0], bw.ArgumentError, "or a flat list of them"),
        (["a"], bw.ArgumentError, "or a flat list of them"),
        ([[0], [1, 2]], bw.ArgumentError, "plain numbers in rows of one length"),
        (slice("a", None), bw.ArgumentError, "slice with whole numbers"),
        (slice(None, None, 0), bw.ArgumentError, "slice with whole numbers"),
    ],
)
def test_rows_that_are_not_there(pick, rows, kind, message):
    with pytest.raises(kind) as caught:
        pick(rows)
    assert message in str(caught.value)


def test_rows_that_are_there():
    for rows in ([0, 2], [0, -1], np.array([0, 2], np.uint8), [True, False, True], slice(None, None, 2), range(0, 3, 2)):
        assert BOXES[rows].center_m[:, 0].tolist() == [0, 6]
        assert TRACKS[0].take(rows).times_ns.tolist() == [0, 9]
    assert len(BOXES[[]]) == len(BOXES[np.zeros(3, bool)]) == 0


# ---------------------------------------------------------------- arrays
MASKED = np.ma.masked_array(np.zeros((2, 3)), [[0, 0, 1], [0, 0, 0]])
NOT_NUMBERS = [np.zeros((2, 3), object), np.zeros((2, 3), complex), np.full((2, 3), "1.0"), [[1, 2, 3], [4, 5]], [[None] * 3], "points", None, {}]


@pytest.mark.parametrize("value", [MASKED, *NOT_NUMBERS, list(MASKED)], ids=lambda value: f"{value!r:.20}")
def test_things_that_are_no_points(value):
    for check in (
        lambda: as_points("x", value),
        lambda: as_floats("x", value, (None, 3)),
        lambda: bw.points_in_cuboids(value, BOXES),
        lambda: bw.project_points(value, CAMERA, np.eye(4)),
        lambda: bw.fit_cuboid(value),
        lambda: bw.fit_rectangles(value, [0, 2]),
        lambda: bw.Sweep(value),
        lambda: bw.Pose.identity().apply(value),
        lambda: bw.ground(value),
    ):
        with pytest.raises(bw.ArgumentError) as caught:
            check()
        assert caught.value.hint, caught.value


def test_a_mask_is_not_lost():
    with pytest.raises(bw.ArgumentError, match=r"without a mask, got masked values; leave out the masked rows, or pass values.filled"):
        bw.Cuboids(MASKED, np.ones((2, 3)), 0.0)
    with pytest.raises(bw.ArgumentError, match="got masked values"):
        as_times_ns("t", np.ma.masked_array([1, 2], [0, 1]))
    assert as_points("x", np.ma.masked_array(np.ones((2, 3)))).sum() == 6  # nothing is masked


@pytest.mark.parametrize("value", [[[MASKED[0]], [MASKED[1]]], (([MASKED],),), [[0.0, 1.0, np.ma.masked]], [[[list(MASKED)]]]])
def test_a_mask_deep_in_lists_is_not_lost(value):
    with pytest.raises(bw.ArgumentError, match=r"x: expected .* without a mask, got masked values"):
        as_floats("x", value, (None, 3))


def test_a_mask_is_no_place_on_the_ground():
    ground = bw.ground(np.random.default_rng(1).uniform(0, 20, (500, 3)) * (1, 1, 0.01))
    places = np.ma.masked_array(np.ones((2, 2)), [[0, 1], [0, 0]])
    for bad in (places, list(places), [[1.0, np.ma.masked]]):
        with pytest.raises(bw.ArgumentError, match=r"xy: expected \(K, 2\) or \(K, 3\) numbers without a mask, got masked values"):
            ground.height_m(bad)
    with pytest.raises(bw.ArgumentError, match=r"xy: expected .*; pass plain numbers in rows of one length"):
        ground.height_m([[1, 2], [3]])
    assert np.isfinite(ground.height_m(np.ma.masked_array(np.ones((2, 2))))).all()


@pytest.mark.parametrize(
    ("value", "shape", "hint"),
    [
        (np.zeros((3, 7)), (None, 3), "transpose it"),
        (np.zeros(3), (None, 3), "put it into a list of one"),
        (np.zeros((1, 3)), (3,), "take its only row"),
        (np.zeros((2, 3)), (4, 3), "pass 4 rows, not 2"),
        (np.zeros((5, 5)), (4, 4), "check the number and order of its axes"),
    ],
)
def test_hints_for_shapes(value, shape, hint):
    with pytest.raises(bw.ArgumentError) as caught:
        as_floats("x", value, shape)
    assert caught.value.hint == hint and f"got shape {value.shape}" in str(caught.value)


def test_the_shape_of_a_pose_is_spelt_in_numbers():
    with pytest.raises(bw.ArgumentError, match=r"expected \(4, 4\) float array, got shape \(5, 5\); pass a bw.Pose, or a homogeneous matrix"):
        bw.Pose.from_matrix(np.eye(5))
    with pytest.raises(bw.ArgumentError, match=r"quat_wxyz: expected \(4,\) float array"):
        bw.Cuboid([0, 0, 0], [1, 1, 1], quat_wxyz=np.eye(4))


# ---------------------------------------------------------------- what to do
@pytest.mark.parametrize(
    ("call", "hint"),
    [
        (lambda: bw.Cuboids([[0, 0, 0]], [[1, 0, 1]], 0.0), "leave out the cuboids that have no size"),
        (lambda: bw.Cuboids([[0, 0, 0]], [[1, 1, 1]], quat_wxyz=[[1, 1, 0, 0]]), "divide each by its norm"),
        (lambda: bw.Cuboids([[0, 0, 0]], [[1, 1, 1]]), "upright cuboids need yaw_rad alone"),
        (lambda: bw.Cuboids([[0, 0, 0]], [[1, 1, 1]], 0.0, frame=3), "such as 'world' or 'lidar', or None"),
        (lambda: bw.Cuboids.concatenate([BOXES, [1]]), "bw.Cuboids(center_m, size_m, yaw_rad)"),
        (lambda: bw.Pose(np.eye(3) * 2), "bw.Pose.from_quat(quat_wxyz) makes it exact"),
        (lambda: bw.Pose(-np.eye(3)), "a mirrored or scaled frame is no pose"),
        (lambda: bw.Pose.from_matrix(np.ones((4, 4))), "is the matrix transposed, or a projection?"),
        (lambda: bw.Trajectory([0], bw.Pose.identity()), "pass one pose per time"),
        (lambda: bw.Trajectory([0, 1], [bw.Pose.identity()]), "leave out times without a pose"),
        (lambda: bw.Trajectory([1, 0], [bw.Pose.identity()] * 2), "sort by time and drop repeated times"),
        (lambda: TRAJECTORY[0:1], ".translation_m and .quat_wxyz take slices"),
        (lambda: bw.iou(BOXES, [1]), "bw.Cuboids(center_m, size_m, yaw_rad)"),
        (lambda: bw.iou(BOXES, BOXES, out=3), "pass an earlier result"),
        (lambda: bw.project_points(np.zeros((1, 3)), "front", np.eye(4)), "scene.camera(name).camera"),
        (lambda: bw.project_points(np.zeros((1, 3)), CAMERA, np.eye(4), dtype="int8"), "pass np.float32 or np.float64"),
        (lambda: bw.project_points(np.zeros((1, 3)), [CAMERA], np.eye(4)), "pass them as a list in the cameras' order"),
        (lambda: seen().edges(0, ["a"]), "0 to 3 are the front face"),
        (lambda: bw.interpolate([0], BOXES, [0]), "leave out times without a cuboid"),
        (lambda: bw.interpolate([0, 1, 2], BOXES, [0], method=["linear"]), "'makima' is the default"),
    ],
)
def test_what_to_do(call, hint):
    with pytest.raises(bw.BoxwrightError) as caught:
        call()
    assert caught.value.hint and hint in caught.value.hint


@pytest.mark.parametrize("path", [None, 3, b"here", ["a"]])
def test_things_that_are_no_path(path):
    for call in (
        bw.read,
        bw.scenes,
        bw.read_points,
        lambda p: bw.write_points(bw.Sweep(np.zeros((1, 3))), p),
        lambda p: bw.write(bw.Scene("s", [0]), p),
    ):
        with pytest.raises(bw.ArgumentError, match=r"path: expected a path, got .*; pass a str or a pathlib.Path"):
            call(path)
