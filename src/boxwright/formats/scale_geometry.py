"""Cuboids as Scale AI has them, in tasks and in Nucleus: in a world of east, north, up, in which a heading of 0 looks along +y.

position is the geometric centre; dimensions are x across, y along and z up, that is width, length, height; yaw turns counter-clockwise from +y. So a
cuboid that looks along +x has yaw = -pi/2 there. (length, width, height) with yaw from +x would fill the same volume, its front a quarter turn off.
Tasks that allow it have a pitch and a roll too, Nucleus has not: the turn is Rz(yaw + pi/2) @ Ry(pitch) @ Rx(roll) of axes ahead, to the left and up,
so that roll turns about the axis ahead. Scale's documents ("Callback Format" of LiDAR annotation) have the names of both angles, and not their order;
this is what Scale's own code makes corners of (`get_batch_cuboid_corners` of scale-nucleus 0.22.3, metrics/cuboid_utils.py). Some who read finished
tasks turn about the axis across instead.
Points are float32 with Scale, so coordinates on a map are told less an origin of whole metres.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import rotations
from ..arrays import Float64s
from ..cuboids import Cuboids
from ..errors import number_of
from ..frames import Pose
from ..scene import Scene
from .clouds_of_frames import quat_of_yaw
from .labelled_frames import sensor_frame
from .pictures_of_frames import place_of_camera
from .reach import within_reach
from .strict_json import Node
from .write_report import Told, WriteReport

__all__ = ["IN_WORLD", "ORIGIN", "TILTS", "World", "angles_from_cuboids", "cuboid_from_scale", "origin_of", "pose_of", "scale_from_cuboids", "vector"]

_FAR_M = 1e4  # from here on float32 has steps of a millimetre
_LEVEL = 1e-9
TILTS = ("pitch", "roll")
ORIGIN = "boxwright_origin_m"  # what was taken off all coordinates; others leave it alone
IN_WORLD = "in_world"  # set of a scene that came without the place of any device, and yet with coordinates of the world


def cuboid_from_scale(node: Node) -> tuple[Float64s, Float64s, Float64s]:
    """Geometric centre, (length, width, height), and quaternion."""
    center, across_along_up = vector(node["position"]), vector(node["dimensions"])
    yaw, pitch, roll = node["yaw"].number(), *(node.get(name, 0).number() for name in TILTS)
    angles = within_reach(node["yaw"], np.array([yaw, pitch, roll]), "an angle")
    if pitch or roll:
        quat = rotations.quat_from_euler(angles + np.array([math.pi / 2, 0, 0]), "ZYX")
        return center, across_along_up[[1, 0, 2]], quat / np.linalg.norm(quat)
    return center, across_along_up[[1, 0, 2]], quat_of_yaw(yaw + math.pi / 2)


def scale_from_cuboids(cuboids: Cuboids) -> tuple[Float64s, Float64s, Float64s]:
    """(M, 3) positions, (M, 3) dimensions across, along and up, and (M,) yaw from +y, in (-pi, pi], of cuboids as if they were upright."""
    return cuboids.center_m, cuboids.size_m[:, [1, 0, 2]], np.asarray(rotations.wrap_rad(cuboids.yaw_rad - math.pi / 2))


def angles_from_cuboids(cuboids: Cuboids) -> Float64s:
    """(M, 3) yaw, pitch and roll, yaw first: the other two are of what is left when it is turned back, so that they hold straight up, too."""
    turn = cuboids.rotation
    ahead, left, up = turn[:, :, 0], turn[:, :, 1], turn[:, :, 2]
    yaw = np.arctan2(ahead[:, 1], ahead[:, 0])
    sine, cosine = np.sin(yaw), np.cos(yaw)
    pitch = np.arctan2(-ahead[:, 2], np.hypot(ahead[:, 0], ahead[:, 1]))
    roll = np.arctan2(sine * up[:, 0] - cosine * up[:, 1], cosine * left[:, 1] - sine * left[:, 0])
    return np.stack([rotations.wrap_rad(yaw - math.pi / 2), pitch, roll], 1)


def vector(node: Node) -> Float64s:
    return node.numbers_of("xyz")


def pose_of(position: Node, heading: Node) -> Pose:
    """A device's or a camera's place in the world; heading is a quaternion w, x, y, z."""
    quat = heading.numbers_of("wxyz")
    norm = float(np.linalg.norm(quat))
    if not 0.99 < norm < 1.01:
        raise heading.wrong("a quaternion of length 1", f"{norm:.4g}")
    return Pose.from_quat(quat / norm, within_reach(position, vector(position)))


def origin_of(said: Mapping[str, Any], node: Node) -> Float64s:
    """What was taken off all coordinates, (3,); none where nobody says so."""
    return within_reach(node[ORIGIN], node[ORIGIN].numbers(3)) if said.get(ORIGIN) is not None else np.zeros(3)


class World:
    """The frame of reference in which a scene's labels are told, and its origin.

    frame : "world", or that of each frame's own cloud where nobody knows where the vehicle was
    is_in_sensor_frame : whether it is the latter, and not the world of a file that told no place of its devices
    origin_m : (3,) whole metres
    """

    def __init__(self, scene: Scene, report: WriteReport) -> None:
        self.scene, self.has_poses = scene, scene.trajectory is not None
        self.frame = "world" if self.has_poses else sensor_frame(scene)
        self.origin_m = np.zeros(3)
        if scene.trajectory is not None and len(scene.trajectory):
            first = scene.trajectory[0].translation_m
            if np.abs(first).max() > _FAR_M:
                self.origin_m = np.rint(first)
                said = ", ".join(f"{value:.0f}" for value in self.origin_m)
                report.notes.append(f"all coordinates are told less ({said}) m, since Scale counts points in float32: {ORIGIN} says so")
        kept = [scene.source_attributes.get(name) for name in ("scale", "nucleus")]
        self.is_in_sensor_frame = not self.has_poses and not any(isinstance(one, Mapping) and one.get(IN_WORLD) is True for one in kept)
        if not self.has_poses and not self.is_in_sensor_frame:
            report.notes.append("no poses are known: coordinates stay as the file had them that they came from")
        elif self.is_in_sensor_frame:
            report.notes.append(f"no poses are known: every frame is told in {self.frame}, and the motion of the vehicle is in the tracks")
        self.n_tilted, self.most_rad = 0, 0.0  # of those told by `packed`

    def lidar_pose(self, frame_index: int) -> Pose | None:
        """Where the first LiDAR was, less the origin; where no pose is known that early or late, the first or last one."""
        trajectory = self.scene.trajectory
        if trajectory is None:
            return None
        mount = next(iter(self.scene.lidars.values())).ego_from_lidar if self.scene.lidars else Pose.identity()
        pose = trajectory.at(int(self.scene.times_ns[frame_index]), outside="hold") @ mount
        return Pose(pose.rotation, pose.translation_m - self.origin_m)

    def camera_pose(self, frame_index: int, camera: str) -> Pose:
        """Where a camera was when it took the frame's picture, less the origin."""
        pose = place_of_camera(self.scene, frame_index, camera, self.frame)
        return Pose(pose.rotation, pose.translation_m - self.origin_m)

    def packed(self, cuboids: Cuboids) -> list[tuple[dict[str, float], dict[str, float], float]]:
        """position, dimensions and yaw of each, less the origin."""
        tilt = _tilt(cuboids)
        tilted = tilt > _LEVEL
        if tilted.any():
            self.n_tilted += int(tilted.sum())
            self.most_rad = max(self.most_rad, float(np.arcsin(np.minimum(tilt, 1)).max()))
        center, size, yaw = scale_from_cuboids(cuboids)
        rows = zip((center - self.origin_m).tolist(), size.tolist(), yaw.tolist())
        return [(dict(zip("xyz", place)), dict(zip("xyz", extents)), angle) for place, extents, angle in rows]

    def packed_with_tilt(self, cuboids: Cuboids) -> list[dict[str, Any]]:
        """position, dimensions and yaw of each, less the origin, and of those that stand aslant pitch and roll."""
        rows: list[dict[str, Any]] = [dict(zip(("position", "dimensions", "yaw"), row)) for row in self.packed(cuboids)]
        for k in np.flatnonzero(_tilt(cuboids) > _LEVEL).tolist():
            rows[k] |= dict(zip(("yaw", *TILTS), angles_from_cuboids(cuboids[k : k + 1])[0].tolist()))
        return rows

    def say_what_is_lost(self, report: WriteReport) -> None:
        if self.n_tilted:
            turned = f"up to {math.degrees(self.most_rad):.2f} degrees"
            said = f"the tilt of {number_of(self.n_tilted, 'cuboid')}, {turned}: Scale keeps the heading alone"
            report.dropped.append(Told("full_rotation", said, n=self.n_tilted))
            report.tolerance_rad = max(report.tolerance_rad, self.most_rad)


def _tilt(cuboids: Cuboids) -> Float64s:
    """(M,) the sine of how far each stands aslant."""
    return np.hypot(cuboids.rotation[:, 0, 2], cuboids.rotation[:, 1, 2])
