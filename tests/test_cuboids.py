"""Cuboids: what they hold, where their corners are, what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import boxwright as bw
from boxwright.cuboids import EDGES, same_frame


def some(rng, n=30, *, tilted=True, frame="lidar"):
    center, size = rng.normal(0, 20, (n, 3)), rng.uniform(0.3, 6, (n, 3))
    if not tilted:
        return bw.Cuboids(center, size, rng.uniform(-np.pi, np.pi, n), frame=frame)
    quat = rng.normal(size=(n, 4))
    return bw.Cuboids(center, size, quat_wxyz=quat / np.linalg.norm(quat, axis=1, keepdims=True), frame=frame)


def test_corners_as_drawn():
    """Length along x, width along y, height along z; 0-3 in front, counted as in the drawing."""
    corners = bw.Cuboids([[10, 20, 30]], [[4, 2, 1]], 0.0).corners_m()[0] - [10, 20, 30]
    expected = [(2, 1, 0.5), (2, -1, 0.5), (2, -1, -0.5), (2, 1, -0.5), (-2, 1, 0.5), (-2, -1, 0.5), (-2, -1, -0.5), (-2, 1, -0.5)]
    np.testing.assert_array_equal(corners, expected)
    turned = bw.Cuboids([[0, 0, 0]], [[4, 2, 1]], np.pi / 2).corners_m()[0]
    np.testing.assert_allclose(turned[0], (-1, 2, 0.5), rtol=0, atol=1e-15)


def test_corners_equal_scipy_and_edges_have_the_sizes(rng):
    boxes = some(rng)
    local = np.array([(x, y, z) for x in (1, -1) for y, z in ((1, 1), (-1, 1), (-1, -1), (1, -1))]) / 2
    for m in range(len(boxes)):
        expected = Rotation.from_quat(boxes.quat_wxyz[m], scalar_first=True).apply(local * boxes.size_m[m]) + boxes.center_m[m]
        np.testing.assert_allclose(boxes.corners_m()[m], expected, rtol=0, atol=1e-13)
        np.testing.assert_array_equal(boxes[m].corners_m(), boxes.corners_m()[m])
    lengths = np.stack([np.linalg.norm(boxes.corners_m()[:, a] - boxes.corners_m()[:, b], axis=1) for a, b in EDGES], 1)
    np.testing.assert_allclose(np.sort(lengths, 1), np.sort(np.repeat(boxes.size_m, 4, 1), 1), rtol=0, atol=1e-13)


def test_yaw_and_quaternion_are_two_ways_to_say_the_same(rng):
    yaw = np.r_[rng.uniform(-np.pi, np.pi, 50), np.pi, 0.0]
    by_yaw = bw.Cuboids(np.zeros((52, 3)), np.ones((52, 3)), yaw)
    by_quat = bw.Cuboids(np.zeros((52, 3)), np.ones((52, 3)), quat_wxyz=-by_yaw.quat_wxyz)
    np.testing.assert_array_equal(by_yaw.yaw_rad, yaw)
    np.testing.assert_allclose(np.exp(1j * by_quat.yaw_rad), np.exp(1j * yaw), rtol=0, atol=4e-15)
    np.testing.assert_allclose(by_quat.rotation, by_yaw.rotation, rtol=0, atol=4e-15)
    assert by_yaw.is_upright.all() and by_quat.is_upright.all()
    assert not by_quat.rotation.flags.writeable


def test_yaw_is_wrapped_and_one_number_does_for_all():
    boxes = bw.Cuboids(np.zeros((2, 3)), np.ones((2, 3)), 3 * np.pi)
    np.testing.assert_allclose(boxes.yaw_rad, np.pi, rtol=0, atol=1e-15)
    assert (boxes.yaw_rad <= np.pi).all()
    assert bw.Cuboids(np.zeros((2, 3)), np.ones((2, 3)), np.float32(0.5)).yaw_rad.tolist() == [0.5, 0.5]


def test_moving_there_and_back(rng):
    boxes = some(rng)
    pose = bw.Pose.from_quat(some(rng, 1).quat_wxyz[0], rng.normal(0, 50, 3))
    there = boxes.transformed(pose, frame="ego")
    np.testing.assert_allclose(there.corners_m(), pose.apply(boxes.corners_m()), rtol=0, atol=1e-12)
    back = there.transformed(pose.inverse(), frame="lidar")
    np.testing.assert_allclose(back.center_m, boxes.center_m, rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.abs((back.quat_wxyz * boxes.quat_wxyz).sum(1)), 1, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(there.size_m, boxes.size_m)
    assert (there.frame, back.frame) == ("ego", "lidar")
    np.testing.assert_array_equal(boxes.transformed(pose.matrix(), frame="ego").center_m, there.center_m)
    np.testing.assert_array_equal(boxes[3].transformed(pose, "ego").center_m, there[3].center_m)


def test_a_turn_about_z_keeps_cuboids_exactly_upright(rng):
    boxes = some(rng, tilted=False)
    turned = boxes.transformed(bw.Pose.from_yaw(0.3, (1, 2, 3)))
    assert turned.is_upright.all()
    np.testing.assert_allclose(np.exp(1j * turned.yaw_rad), np.exp(1j * (boxes.yaw_rad + 0.3)), rtol=0, atol=1e-14)


def test_rows(rng):
    boxes = some(rng)
    assert len(boxes) == 30 and len(boxes[3:9]) == 6 and len(boxes[[]]) == 0
    for index in (slice(4, None, 3), [5, 1, 1], np.array([2, 7]), boxes.center_m[:, 0] > 0):
        part = boxes[index]
        assert isinstance(part, bw.Cuboids) and part.frame == "lidar"
        for name in ("center_m", "size_m", "quat_wxyz", "yaw_rad"):
            np.testing.assert_array_equal(getattr(part, name), getattr(boxes, name)[index])
            assert not getattr(part, name).flags.writeable
    one = boxes[-1]
    assert isinstance(one, bw.Cuboid) and isinstance(boxes[np.int32(3)], bw.Cuboid)
    np.testing.assert_array_equal(one.center_m, boxes.center_m[29])
    assert [c.yaw_rad for c in boxes] == boxes.yaw_rad.tolist()
    with pytest.raises(IndexError):
        boxes[30]


def test_one_cuboid_by_itself():
    one = bw.Cuboid((1, 2, 3), (4, 2, 1.5), 0.5, frame="ego")
    many = bw.Cuboids([(1, 2, 3)], [(4, 2, 1.5)], 0.5, frame="ego")
    np.testing.assert_array_equal(one.corners_m(), many.corners_m()[0])
    assert repr(one) == repr(many[0]) == "Cuboid(center_m=(1.000, 2.000, 3.000), size_m=(4.000, 2.000, 1.500), yaw_rad=0.5000, frame='ego')"
    assert len(one.as_cuboids()) == 1 and one.as_cuboids().frame == "ego"
    assert bw.Cuboid((0, 0, 0), (1, 1, 1), quat_wxyz=(0, 0, 0, 1)).yaw_rad == np.pi
    with pytest.raises(AttributeError):
        one.yaw_rad = 3
    with pytest.raises(bw.GeometryError, match="positive length, width, height"):
        bw.Cuboid((0, 0, 0), (1, 0, 1), 0.0)
    with pytest.raises(bw.ArgumentError, match=r"center_m: expected \(3,\) float array"):
        bw.Cuboid([(0, 0, 0)], (1, 1, 1), 0.0)


def test_concatenate(rng):
    boxes = some(rng)
    again = bw.Cuboids.concatenate([boxes[:10], boxes[10], boxes[11:]])
    np.testing.assert_array_equal(again.quat_wxyz, boxes.quat_wxyz)
    assert again.frame == "lidar" and len(bw.Cuboids.concatenate([])) == 0
    with pytest.raises(bw.GeometryError, match=r"parts\[1\]: expected cuboids in frame 'lidar', got frame 'ego'"):
        bw.Cuboids.concatenate([boxes, some(rng, frame="ego")])


def test_replace(rng):
    boxes = some(rng)
    larger = boxes.replace(size_m=boxes.size_m * 2)
    np.testing.assert_array_equal(larger.size_m, boxes.size_m * 2)
    np.testing.assert_array_equal(larger.quat_wxyz, boxes.quat_wxyz)
    assert boxes.replace(frame="world").frame == "world"
    assert (boxes.replace(yaw_rad=0.0).yaw_rad == 0).all()


def test_values_are_their_own(rng):
    center = np.zeros((1, 3))
    boxes = bw.Cuboids(center, [[1, 1, 1]], 0.0)
    center[0, 0] = 9
    assert boxes.center_m[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        boxes.center_m[0, 0] = 1


def test_read_only_strided_and_whole_numbers(rng):
    wide = rng.uniform(1, 5, (10, 6))
    wide.flags.writeable = False
    boxes = bw.Cuboids(wide[::2, :3], wide[::2, 3:], np.zeros(5, int))
    np.testing.assert_array_equal(boxes.size_m, wide[::2, 3:])
    assert boxes.center_m.flags.c_contiguous and boxes.yaw_rad.dtype == np.float64


def test_no_cuboids():
    nobody = bw.Cuboids.empty("ego")
    assert len(nobody) == 0 and nobody.corners_m().shape == (0, 8, 3) and nobody.rotation.shape == (0, 3, 3)
    assert nobody.transformed(bw.Pose.from_yaw(1), frame="lidar").frame == "lidar"
    assert len(bw.Cuboids([], [], [])) == 0


def test_frames_meet_only_where_they_agree():
    same_frame("lidar", "lidar", "a and b")
    same_frame(None, "lidar", "a and b")
    with pytest.raises(bw.GeometryError, match=r"a and b are given in different frames: expected frame 'lidar', got frame 'ego'; .*transformed"):
        same_frame("lidar", "ego", "a and b")


def test_tables(rng):
    pandas, pyarrow = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    boxes = some(rng, 3)
    frame, table = boxes.to_pandas(), boxes.to_arrow()
    assert isinstance(frame, pandas.DataFrame) and isinstance(table, pyarrow.Table)
    names = ["center_x_m", "center_y_m", "center_z_m", "length_m", "width_m", "height_m", "yaw_rad", "quat_w", "quat_x", "quat_y", "quat_z", "frame"]
    assert list(frame.columns) == table.column_names == names
    np.testing.assert_array_equal(frame[names[3:6]], boxes.size_m)
    assert table["quat_z"].to_pylist() == boxes.quat_wxyz[:, 3].tolist()


def test_a_missing_table_library_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(bw.ExtraMissing, match=r"pandas is not installed; pip install 'boxwright\[table\]'"):
        bw.Cuboids.empty().to_pandas()


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"size_m": [[1, 1, 1], [1, -2, 1]]}, bw.GeometryError, r"size_m: expected positive length, width, height, got \(1, -2, 1\) at index 1"),
        ({"size_m": [[1, 1, 1], [1, 0, 1]]}, bw.GeometryError, "positive"),
        ({"size_m": [[1, 1, 1]]}, bw.ArgumentError, r"size_m: expected \(2, 3\) float array, got shape \(1, 3\)"),
        ({"center_m": [[0, 0], [0, 0]]}, bw.ArgumentError, r"center_m: expected \(N, 3\) float array, got shape \(2, 2\)"),
        ({"center_m": [[0, 0, np.nan], [0, 0, 0]]}, bw.ArgumentError, r"center_m: expected finite numbers, got nan at index \(0, 2\)"),
        ({"yaw_rad": [0, 1, 2]}, bw.ArgumentError, r"yaw_rad: expected \(2,\) float array, got shape \(3,\)"),
        ({"yaw_rad": np.inf}, bw.ArgumentError, "finite"),
        ({"yaw_rad": "north"}, bw.ArgumentError, "yaw_rad: .*got str 'north'"),
        ({"yaw_rad": [[1], [1, 2]]}, bw.ArgumentError, "yaw_rad: .*got list"),
        ({"yaw_rad": None}, bw.ArgumentError, "expected one of yaw_rad and quat_wxyz, got neither"),
        ({"quat_wxyz": [[1, 0, 0, 0]] * 2}, bw.ArgumentError, "got both"),
        (
            {"yaw_rad": None, "quat_wxyz": [[1, 0, 0, 0], [1, 1, 0, 0]]},
            bw.GeometryError,
            r"quat_wxyz: expected unit quaternions \(w, x, y, z\), got norm 1.41421 at index 1",
        ),
        ({"yaw_rad": None, "quat_wxyz": [[1, 0, 0], [1, 0, 0]]}, bw.ArgumentError, r"quat_wxyz: expected \(2, 4\)"),
        ({"frame": 3}, bw.ArgumentError, "frame: expected a frame's name, got 3"),
    ],
)
def test_bad_cuboids(change, kind, message):
    good = {"center_m": np.zeros((2, 3)), "size_m": np.ones((2, 3)), "yaw_rad": [0.0, 1.0]}
    assert len(bw.Cuboids(**good)) == 2
    with pytest.raises(kind, match=message):
        bw.Cuboids(**{**good, **change})


def test_a_quaternion_of_seven_digits_is_made_unit():
    quat = np.round(np.array([[0.5, 0.5, np.sqrt(0.3), np.sqrt(0.2)]]), 7)
    boxes = bw.Cuboids([[0, 0, 0]], [[1, 1, 1]], quat_wxyz=quat)
    assert abs(np.linalg.norm(boxes.quat_wxyz) - 1) < 1e-15
    np.testing.assert_allclose(boxes.quat_wxyz, quat, rtol=0, atol=1e-6)
