"""Points and cuboids to open3d's geometries and back."""

from __future__ import annotations

import numpy as np
import pytest

import boxwright as bw


@pytest.fixture(scope="module")
def o3d():
    try:
        return pytest.importorskip("open3d", reason="the conversions need open3d (extra 'desktop')", exc_type=ModuleNotFoundError)
    except ImportError as error:
        pytest.skip(f"open3d cannot be loaded: {error}; apt-get install libusb-1.0-0")


def some_cuboids(rng, n=20):
    quat = rng.normal(size=(n, 4))
    quat /= np.linalg.norm(quat, axis=1)[:, None]
    return bw.Cuboids(rng.normal(0, 20, (n, 3)), rng.uniform(0.3, 9, (n, 3)), quat_wxyz=quat, frame="lidar")


@pytest.mark.peers
def test_cuboids_there_and_back(o3d, rng):
    cuboids = some_cuboids(rng)
    boxes = bw.to_open3d(cuboids, np.tile([[255, 0, 51]], (20, 1)))
    back = bw.from_open3d(boxes, "lidar")
    assert np.allclose(back.center_m, cuboids.center_m) and np.allclose(back.size_m, cuboids.size_m) and back.frame == "lidar"
    assert np.allclose(back.rotation, cuboids.rotation, atol=1e-12) and np.allclose(boxes[3].color, [1, 0, 0.2])
    one = bw.to_open3d(cuboids[4])
    assert np.allclose(np.sort(np.asarray(one.get_box_points()), 0), np.sort(cuboids.corners_m()[4], 0))
    assert bw.from_open3d([]).size_m.shape == (0, 3) and bw.from_open3d(one).frame is None


@pytest.mark.peers
def test_open3d_finds_the_same_points_in_them(o3d, rng):
    cuboids, points = some_cuboids(rng, 5), rng.normal(0, 15, (5000, 3))
    hits, cloud = bw.points_in_cuboids(points, cuboids), bw.to_open3d(points)
    for m, box in enumerate(bw.to_open3d(cuboids)):
        assert sorted(box.get_point_indices_within_bounding_box(cloud.points)) == hits.indices(m).tolist()
    assert hits.counts.sum() > 0


@pytest.mark.peers
def test_a_box_along_the_axes(o3d):
    (one,) = bw.from_open3d(o3d.geometry.AxisAlignedBoundingBox([-1.0, 0, 2], [3.0, 1, 5]), "world")
    assert one.center_m.tolist() == [1, 0.5, 3.5] and one.size_m.tolist() == [4, 1, 3] and one.yaw_rad == 0


@pytest.mark.peers
def test_points_there_and_back(o3d, rng):
    sweep = bw.Sweep(rng.normal(0, 9, (100, 3)).astype(np.float32), origin_m=(1000.0, 2000.0, 5.0))
    cloud = bw.to_open3d(sweep, [0, 255, 0])
    assert np.allclose(np.asarray(cloud.points), sweep.xyz + np.array(sweep.origin_m)) and np.asarray(cloud.colors)[7].tolist() == [0, 1, 0]
    back = bw.from_open3d(cloud, "ego")
    assert np.array_equal(back.xyz, np.asarray(cloud.points)) and back.frame == "ego"
    assert len(bw.from_open3d(bw.to_open3d(np.zeros((0, 3))))) == 0


@pytest.mark.peers
def test_what_a_tensor_cloud_knows_of_its_points(o3d, rng):
    cloud = o3d.t.geometry.PointCloud(rng.normal(size=(7, 3)).astype(np.float32))
    cloud.point["intensity"] = o3d.core.Tensor(np.arange(7, dtype=np.float32)[:, None])
    cloud.point["ring"] = o3d.core.Tensor(np.arange(7, dtype=np.int32)[:, None])
    cloud.point["normals"] = o3d.core.Tensor(np.ones((7, 3), np.float32))
    sweep = bw.from_open3d(cloud)
    assert sweep.intensity.tolist() == list(range(7)) and list(sweep.fields) == ["ring"] and sweep.xyz.dtype == np.float32


@pytest.mark.peers
def test_what_has_no_counterpart(o3d):
    mirrored = o3d.geometry.OrientedBoundingBox([0, 0, 0], np.diag([1.0, 1, -1]), [1, 1, 1])
    for thing in (mirrored, o3d.geometry.TriangleMesh(), [1, 2], "cloud", None):
        with pytest.raises(bw.ArgumentError):
            bw.from_open3d(thing)
    for colors in ([0, 300, 0], [[1, 2, 3]] * 2, [1, 2]):
        with pytest.raises(bw.ArgumentError):
            bw.to_open3d(np.zeros((3, 3)), colors)
