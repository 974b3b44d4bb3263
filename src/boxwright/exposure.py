"""What a picture shows of a moving world: each row or column at its own moment, the camera carried along by the vehicle meanwhile."""

from __future__ import annotations

from typing import Any

import numpy as np

from .arrays import ArrayLike, Float64s, Int64s, as_floats, as_points
from .cuboids import Cuboid, Cuboids, as_cuboids
from .errors import ArgumentError, number_of
from .projection import ImageBoxes, ImagePoints, boxes_of_corners, project_points
from .scene import Scene
from .sensors import CameraSensor

__all__ = ["expose_cuboids", "expose_points", "row_offsets_ns"]

MOST_STEPS = 8  # each makes what is wrong smaller by the share of the picture that things move during its readout


def row_offsets_ns(sensor: CameraSensor, uv: ArrayLike) -> Int64s:
    """(N,) int64: how much later than its camera's `times_ns`, which is of the picture's middle, each of (N, 2) pixels is exposed.

    Beside the picture as at its border; 0 where a pixel is NaN, and for a global shutter.
    """
    pixels = as_floats("uv", uv, (None, 2), finite=False)
    if sensor.rolling_shutter == "global":
        return np.zeros(len(pixels), np.int64)
    across = sensor.rolling_shutter in ("left_to_right", "right_to_left")
    size = sensor.camera.width_px if across else sensor.camera.height_px
    share = np.clip(pixels[:, 0 if across else 1], 0, size - 1) / max(size - 1, 1) - 0.5
    if sensor.rolling_shutter in ("bottom_to_top", "right_to_left"):
        share = -share
    return np.asarray(np.rint(np.nan_to_num(share) * sensor.readout_ns), np.int64)


def expose_points(
    scene: Scene, frame_index: int, camera: str, points: Any, frame: str = "world", *, velocity_mps: ArrayLike = (0.0, 0.0, 0.0)
) -> ImagePoints:
    """Points in a picture, each where it is at the moment its row is exposed, seen from where the camera is then.

    points : (N, 3) metres in `frame`, where they are at the frame's stamp
    velocity_mps : (N, 3) or (3,) over the ground, along the axes of `frame`

    The row depends on the moment and the moment on the row: a fixed point, found in a few steps. Without poses of the vehicle it stands, and only
    the points move. Raises TimeError where no pose is known at the camera's exposure, CalibrationError for a camera without calibration.
    """
    array = np.asarray(as_points("points", points), np.float64)
    return _exposed(scene, frame_index, camera, array, _velocities(velocity_mps, len(array)), frame)[1]


def expose_cuboids(
    scene: Scene,
    frame_index: int,
    camera: str,
    cuboids: Cuboids | Cuboid,
    frame: str | None = None,
    *,
    velocity_mps: ArrayLike = (0.0, 0.0, 0.0),
    yaw_rate_radps: ArrayLike = 0.0,
) -> ImageBoxes:
    """As `project_cuboids`, each corner at the moment its row is exposed, so that what passes by is slanted as in the picture.

    cuboids : M cuboids where they are at the frame's stamp; frame : theirs, by default the one they name, else the world
    velocity_mps : (M, 3) or (3,) over the ground, along the axes of that frame; yaw_rate_radps : (M,) or one, about its z

    A corner that has no pixel is where it is in the middle of the exposure.
    """
    cuboids = as_cuboids("cuboids", cuboids)
    frame = frame or cuboids.frame or "world"
    m = len(cuboids)
    corners = cuboids.corners_m()
    rates = as_floats("yaw_rate_radps", np.broadcast_to(np.asarray(yaw_rate_radps, np.float64), (m,)), (None,))
    arms = (corners - cuboids.center_m[:, None]) * rates[:, None, None]
    turning = np.stack([-arms[..., 1], arms[..., 0], np.zeros((m, 8))], -1)
    velocity = (_velocities(velocity_mps, m)[:, None] + turning).reshape(-1, 3)
    cam = _exposed(scene, frame_index, camera, corners.reshape(-1, 3), velocity, frame)[0]
    return boxes_of_corners(cam.reshape(m, 8, 3), scene.camera(camera).camera)


def _velocities(velocity_mps: ArrayLike, n: int) -> Float64s:
    given = np.asarray(velocity_mps)
    if given.shape == (3,):
        return np.broadcast_to(as_floats("velocity_mps", given, (3,)), (n, 3))
    velocity = as_floats("velocity_mps", velocity_mps, (None, 3), hint="metres per second")
    if len(velocity) != n:
        raise ArgumentError(expected=f"{number_of(n, 'velocity')}, or one", got=str(len(velocity)), field="velocity_mps", hint="one for each")
    return velocity


def _exposed(scene: Scene, frame_index: int, camera: str, points: Float64s, velocity: Float64s, frame: str) -> tuple[Float64s, ImagePoints]:
    """(N, 3) in the cam frame of each point's own moment, and its pixels."""
    i, sensor = scene._frame(frame_index), scene.camera(camera)
    stamp = int(scene.times_ns[i])
    middle = stamp if sensor.times_ns is None else int(sensor.times_ns[i])
    moments = np.full(len(points), middle, np.int64)
    ego_from_cam = scene.ego_from(camera)
    if scene.trajectory is None:
        rest = scene.transform(camera, frame, stamp)
    else:
        scene.world_from_ego(middle)  # TimeError where nothing is known
        to_world = scene.transform("world", frame, stamp)
        points, velocity = to_world.apply(points), to_world.rotate(velocity)
    for _ in range(MOST_STEPS):
        moved = points + velocity * ((moments - stamp) * 1e-9)[:, None]
        if scene.trajectory is None:
            cam = rest.apply(moved)
        else:
            unique, which = np.unique(moments, return_inverse=True)
            rotation, place = scene.trajectory.sample(unique, outside="hold")
            ego = np.einsum("nji,nj->ni", rotation[which], moved - place[which])
            cam = ego_from_cam.inverse().apply(ego)
        image = project_points(cam, sensor.camera, np.eye(4))
        later = middle + row_offsets_ns(sensor, image.uv)
        if (later == moments).all():
            break
        moments = later
    return cam, image
