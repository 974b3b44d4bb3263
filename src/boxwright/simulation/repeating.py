"""Many simulated recordings, for trials of scale: tracing the light of a sweep of 120,000 points takes half a second, so a few drives are traced, and
the others are these drives again, measured anew and somewhere else.

What is the same in a drive and its repetition: the street, what moves in it and how, and which beams come back. What is not: each point's measured
distance, the place and heading in the world, the stamps. So figures of speed and size may be taken from such scenes, and figures of quality not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..arrays import UInt8s
from ..errors import FrameMissing
from ..frames import Pose, Trajectory
from ..points import Sweep
from ..scene import Scene, SensorData
from . import N_FRAMES, SEED, _whole, simulate
from .chance import Chance

__all__ = ["repeated", "simulate_scenes"]

NOISE_M = 0.02
REACH_M = 2000.0
APART_NS = 1000 * 10**9
BEAMS, SHARE_SEEN = 72, 0.82  # of rays that come back in a street
FEWEST, MOST_POINTS = 100, 400_000
NOISE, PLACE = 40, 41  # purposes of chance


def simulate_scenes(
    n_scenes: int,
    n_frames: int = N_FRAMES,
    *,
    seed: int = SEED,
    n_points: int | None = None,
    n_drives: int | None = None,
    scenery: str = "street",
    pictures: bool = False,
) -> Iterator[Scene]:
    """Scenes one after the other, named "simulated-<number>"; memory holds one drive at a time.

    n_points : about so many in a sweep; by default what `bw.simulate` gives
    n_drives : how many are traced, each with a seed of its own; the others repeat them. By default all of them are
    pictures : whether cameras have pictures; repetitions have those of their drive

    ArgumentError for numbers out of range.
    """
    n_scenes = _whole("n_scenes", n_scenes, 1, 10**7)
    n_drives = n_scenes if n_drives is None else _whole("n_drives", n_drives, 1, n_scenes)
    beams: dict[str, Any] = {}
    if n_points is not None:
        n_rays = _whole("n_points", n_points, FEWEST, MOST_POINTS) / SHARE_SEEN
        n_beams = min(BEAMS, max(round(n_rays / 100), 4))
        beams = {"n_beams": n_beams, "n_columns": max(round(n_rays / n_beams), 8)}
    return _drives(n_scenes, n_drives, seed, {"n_frames": n_frames, "scenery": scenery, **beams}, pictures)


def _drives(n_scenes: int, n_drives: int, seed: int, settings: dict[str, Any], pictures: bool) -> Iterator[Scene]:
    for drive in range(n_drives):
        traced = simulate(seed + drive, **settings)
        traced = traced if pictures else traced.replace(data=WithoutPictures(traced.data))
        for number in range(drive, n_scenes, n_drives):
            scene = traced if number == drive else repeated(traced, seed + number)
            yield scene.replace(name=f"simulated-{number:06d}")


def repeated(scene: Scene, seed: int) -> Scene:
    """A simulated recording again: its points measured anew, in another place and at another time."""
    chance = Chance(seed, PLACE)
    world = Pose.from_yaw(chance.one(-np.pi, np.pi), tuple(chance.uniform(3, -REACH_M, REACH_M) * (1, 1, 0.01)))
    late = APART_NS * (1 + chance.pick(1000))
    trajectory = scene.trajectory
    if trajectory is None:
        raise FrameMissing("no ego poses", field=f"scene {scene.name!r}", hint="repeat what bw.simulate gives")
    poses = [world @ trajectory[i] for i in range(len(trajectory.times_ns))]
    cameras = {
        name: dataclasses.replace(sensor, times_ns=None if sensor.times_ns is None else sensor.times_ns + late)
        for name, sensor in scene.cameras.items()
    }
    return scene.replace(
        times_ns=scene.times_ns + late,
        cameras=cameras,
        trajectory=Trajectory(trajectory.times_ns + late, poses),
        tracks=[track.replace(times_ns=track.times_ns + late, cuboids=track.cuboids.transformed(world, frame="world")) for track in scene.tracks],
        data=MeasuredAnew(scene.data, seed, late),
        notes=(*scene.notes, f"the drive of {scene.name} again: measured anew, in another place and at another time"),
    )


@dataclasses.dataclass(frozen=True)
class WithoutPictures:
    """The points of a recording alone."""

    data: SensorData

    def points(self, frame_index: int, sensor: str) -> Sweep:
        return self.data.points(frame_index, sensor)

    def image(self, frame_index: int, camera: str) -> UInt8s:
        raise FrameMissing("no image", field=f"frame {frame_index}, {camera}")

    def has_points(self, frame_index: int, sensor: str) -> bool:
        return self.data.has_points(frame_index, sensor)

    def has_image(self, frame_index: int, camera: str) -> bool:
        return False


@dataclasses.dataclass(frozen=True)
class MeasuredAnew:
    """The sensor data of a recording, each distance measured once more."""

    data: SensorData
    seed: int
    late_ns: int

    def points(self, frame_index: int, sensor: str) -> Sweep:
        sweep = self.data.points(frame_index, sensor)
        xyz = np.asarray(sweep.xyz, np.float64)
        distance = np.maximum(np.sqrt((xyz * xyz).sum(axis=1)), 1.0)
        off = NOISE_M * Chance(self.seed, NOISE, frame_index).normal(len(xyz))
        moved = (xyz * (1.0 + off / distance)[:, None]).astype(sweep.xyz.dtype)
        return dataclasses.replace(sweep, xyz=moved, timestamp_ns=sweep.timestamp_ns + self.late_ns)

    def image(self, frame_index: int, camera: str) -> UInt8s:
        return self.data.image(frame_index, camera)

    def has_points(self, frame_index: int, sensor: str) -> bool:
        return self.data.has_points(frame_index, sensor)

    def has_image(self, frame_index: int, camera: str) -> bool:
        return self.data.has_image(frame_index, camera)
