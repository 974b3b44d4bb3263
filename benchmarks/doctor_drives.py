"""Simulated recordings that the doctor's reasoning was never looked at with: places, LiDARs, cameras, poses and labellers of many kinds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

import boxwright as bw
from boxwright.rotations import quat_from_axis_angle, quat_from_yaw, quat_multiply
from boxwright.simulation import FIRST_STAMP_NS, FRAME_S, WORLD_FROM_SITE, SimulatedData, _cameras, _trajectory
from boxwright.simulation.actors import Actor, _walkers, actors, ego_route, vehicle_actor
from boxwright.simulation.chance import Chance
from boxwright.simulation.lidar import SpinningLidar
from boxwright.simulation.meshes import Mesh, box, joined
from boxwright.simulation.motion import Route
from boxwright.simulation.motorway import motorway_actors, motorway_ego, motorway_mesh
from boxwright.simulation.site import ASPHALT, CROSSING_X_M, STEEL, ground_height_m, site_mesh
from boxwright.simulation.truth import true_tracks
from boxwright.simulation.world import World

__all__ = ["DRIVES", "Drive", "Seen", "drawn", "drives", "without_poses"]


# ------------------------------------------------------------ places


def _car_park(seed: int, duration_s: float) -> tuple[Mesh, list[Actor], Route]:
    """Rows of cars that stand across the lanes, nose or tail in, a few people; the vehicle goes slowly around a corner."""
    chance = Chance(seed, 2)
    cast = []
    for y in (-22.0, -9.0, 9.0, 22.0):
        for x in np.arange(-30.0, 50.0, 2.8):
            if chance.one() < 0.6:
                yaw = math.pi / 2 * (1 if chance.one() < 0.6 else -1) + 0.03 * float(chance.normal(1)[0])
                cast.append(vehicle_actor(chance, "car" if chance.one() < 0.85 else "van", Route((float(x), y), yaw, duration_s=duration_s)))
    for x in (-18.0, 12.0):
        cast.append(vehicle_actor(chance, "car", Route((x, 2.0), math.pi, [(0.0, 3.0)], duration_s=duration_s)))
    ego = Route((-8.0, -2.0), 0.0, [(0.0, 3.0), (1.5, 4.0), (3.0, 2.5)], [(0.0, 0.0), (0.8, 0.5), (2.5, 0.5), (3.5, 0.0)], duration_s=duration_s)
    return _plain(chance), [*cast, *_walkers(Chance(seed, 5), duration_s)[:6]], ego


def _plain(chance: Chance) -> Mesh:
    """Ground with pillars and low walls."""
    steps = np.arange(-90.0, 90.1, 3.0)
    x, y = np.meshgrid(steps, steps, indexing="ij")
    grid = np.stack([x, y, ground_height_m(x, y, kerbs=False)], -1)
    a, b, c, d = grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]
    corners = np.stack([np.stack([a, b, c], -2), np.stack([a, c, d], -2)], 2).reshape(-1, 3, 3)
    parts = [Mesh(corners, np.zeros(len(corners), np.int64), (ASPHALT,))]
    for _ in range(24):
        x0, y0 = chance.one(-60.0, 60.0), chance.one(-70.0, 70.0)
        if abs(y0) > 27:
            low = float(ground_height_m(x0, y0, kerbs=False)) - 0.2
            parts.append(box((x0, y0, low), (x0 + chance.one(0.4, 9.0), y0 + chance.one(0.4, 3.0), low + chance.one(1.0, 5.0)), STEEL))
    return joined(parts)


def _street(seed: int, duration_s: float) -> tuple[Mesh, list[Actor], Route]:
    return site_mesh(Chance(seed, 1)), actors(seed, duration_s), ego_route(Chance(seed, 6), duration_s)


def _motorway(seed: int, duration_s: float) -> tuple[Mesh, list[Actor], Route]:
    return motorway_mesh(), motorway_actors(seed, duration_s), motorway_ego(Chance(seed, 6), duration_s)


def _crossing(seed: int, duration_s: float) -> tuple[Mesh, list[Actor], Route]:
    """The vehicle is parked at the corner and watches."""
    cast = [one for one in actors(seed, duration_s) if one.route.way_m(np.array([duration_s]))[0] > 0.5 or one.category != "car"]
    cast += [one for one in actors(seed, duration_s) if one not in cast][:12]
    return site_mesh(Chance(seed, 1)), cast, Route((CROSSING_X_M - 9.0, -4.6), 0.4, duration_s=duration_s)


PLACES = {"street": _street, "motorway": _motorway, "car park": _car_park, "crossing, parked": _crossing}


# ------------------------------------------------------------ labellers


def unsteady(sigma_m: float, sigma_rad: float) -> Callable[[bw.Scene, Chance], list[bw.Track]]:
    """Every label is off by so much."""

    def label(scene: bw.Scene, chance: Chance) -> list[bw.Track]:
        made = []
        for track in scene.tracks:
            n, c = len(track), track.cuboids
            quat = quat_multiply(quat_from_yaw(sigma_rad * chance.normal(n)), c.quat_wxyz)
            center = c.center_m + sigma_m * chance.normal(3 * n).reshape(n, 3)
            size = np.maximum(c.size_m * np.exp(0.03 * chance.normal(3)), 0.15)
            made.append(track.replace(cuboids=bw.Cuboids(center, size, quat_wxyz=quat, frame=c.frame)))
        return made

    return label


def _missing(scene: bw.Scene, chance: Chance) -> list[bw.Track]:
    """One label in ten is missing, as one track in ten is."""
    kept = []
    for track in scene.tracks:
        rows = chance.uniform(len(track)) > 0.1
        if chance.one() > 0.1 and rows.any():
            kept.append(track.take(rows))
    return kept


def _sparse(scene: bw.Scene, chance: Chance) -> list[bw.Track]:
    """Keyframes at every eighth frame, and upright."""
    kept = []
    for track in scene.tracks:
        some = track.take(np.unique(np.r_[np.arange(0, len(track), 8), len(track) - 1]))
        kept.append(
            some.replace(cuboids=bw.Cuboids(some.cuboids.center_m, some.cuboids.size_m, yaw_rad=some.cuboids.yaw_rad, frame=some.cuboids.frame))
        )
    return kept


def _hurried(scene: bw.Scene, chance: Chance) -> list[bw.Track]:
    """All of it: unsteady, missing and sparse."""
    scene = scene.replace(tracks=_sparse(scene, chance))
    return unsteady(0.1, math.radians(3))(scene.replace(tracks=_missing(scene, chance)), chance)


def _five(scene: bw.Scene, chance: Chance) -> list[bw.Track]:
    order = np.argsort(chance.uniform(len(scene.tracks)))
    return [scene.tracks[k] for k in sorted(order[:5].tolist())]


def _only(*categories: str) -> Callable[[bw.Scene, Chance], list[bw.Track]]:
    return lambda scene, chance: [track for track in scene.tracks if track.category in categories]


LABELLERS: dict[str, Callable[[bw.Scene, Chance], list[bw.Track]]] = {
    "exact": lambda scene, chance: list(scene.tracks),
    "off by 0.1 m, 3 degrees": unsteady(0.1, math.radians(3)),
    "a tenth missing": _missing,
    "keyframes": _sparse,
    "hurried": _hurried,
    "five objects": _five,
    "people alone": _only("pedestrian", "cyclist"),
    "cars alone": _only("car"),
}


# ------------------------------------------------------------ recordings


@dataclass(frozen=True)
class Drive:
    """What one recording is like.

    height_m, tilt_rad : of the LiDAR over the road, and nose down. is_forward : it sees 120 degrees ahead alone
    """

    place: str
    labeller: str = "exact"
    n_beams: int = 32
    n_columns: int = 400
    height_m: float = 1.86
    tilt_rad: float = 0.0
    n_frames: int = 20
    is_forward: bool = False
    has_cameras: bool = True
    has_poses: bool = True
    has_boxes: bool = False
    has_sweeps: bool = True

    def __str__(self) -> str:
        parts = [self.place, f"{self.n_beams} beams at {self.height_m:g} m", f"{self.n_frames} frames", self.labeller]
        parts += [f"tilted {math.degrees(self.tilt_rad):.0f} degrees"] * bool(self.tilt_rad) + ["forward"] * self.is_forward
        parts += ["no camera"] * (not self.has_cameras) + ["no poses"] * (not self.has_poses)
        parts += ["boxes in pictures"] * self.has_boxes + ["no sweeps"] * (not self.has_sweeps)
        return ", ".join(parts)

    def scene(self, seed: int) -> bw.Scene:
        duration_s = self.n_frames * FRAME_S
        mesh, cast, ego = PLACES[self.place](seed, duration_s)
        world = World(mesh, cast)
        mount = bw.Pose.from_quat(quat_from_axis_angle([0.0, 1.0, 0.0], self.tilt_rad), (0.95, 0.0, self.height_m))
        lidar = SpinningLidar(seed, self.n_beams, self.n_columns, mount)
        times_s: Any = np.arange(self.n_frames) * FRAME_S
        times_ns = FIRST_STAMP_NS + np.arange(self.n_frames, dtype=np.int64) * int(FRAME_S * 1e9)
        turns = [lidar.turn(world, ego, i, float(times_s[i]), int(times_ns[i])) for i in range(self.n_frames)]
        tracks, which = true_tracks(world.cast, turns, times_s, times_ns, WORLD_FROM_SITE, 5)
        rig = _cameras(seed, 1.0) if self.has_cameras else {}
        index = np.full(len(world.cast) + 2, -1, np.int32)
        index[which] = np.arange(len(which))
        data = SimulatedData([(turn.sweep, index[turn.object_index]) for turn in turns], rig, world, ego, index)
        scene = bw.Scene(
            str(self),
            times_ns,
            {"lidar": bw.Lidar("lidar", lidar.ego_from_lidar)},
            {name: replace(camera.sensor, times_ns=times_ns + round(camera.delay_s * 1e9)) for name, camera in rig.items()},
            _trajectory(ego, self.n_frames),
            tracks,
            Seen(data, self.is_forward, self.has_sweeps),
        )
        boxes = drawn(scene, Chance(seed, 12)) if self.has_boxes else ()
        scene = scene.replace(tracks=[track for track in scene.tracks if not self.is_forward or _is_ahead(scene, track)])
        scene = scene.replace(tracks=LABELLERS[self.labeller](scene, Chance(seed, 11)))
        return (scene if self.has_poses else without_poses(scene)).replace(image_tracks=boxes)


@dataclass(frozen=True)
class Seen:
    """The sensor data of a simulated recording, of a LiDAR that looks ahead alone where is_forward. Pictures are rendered once."""

    data: SimulatedData
    is_forward: bool = False
    has_sweeps: bool = True
    pictures: dict[tuple[int, str], Any] = field(default_factory=dict)

    def points(self, frame_index: int, sensor: str) -> bw.Sweep:
        sweep = self.data.points(frame_index, sensor)
        if not self.is_forward:
            return sweep
        rows = np.abs(np.arctan2(sweep.xyz[:, 1], sweep.xyz[:, 0])) < np.radians(60)
        intensity, offset = (None if one is None else one[rows] for one in (sweep.intensity, sweep.time_offset_ns))
        return bw.Sweep(sweep.xyz[rows], sweep.timestamp_ns, sweep.frame, intensity, offset)

    def image(self, frame_index: int, camera: str) -> Any:
        if (frame_index, camera) not in self.pictures:
            self.pictures[frame_index, camera] = self.data.image(frame_index, camera)
        return self.pictures[frame_index, camera]

    def has_points(self, frame_index: int, sensor: str) -> bool:
        return self.has_sweeps and self.data.has_points(frame_index, sensor)

    def has_image(self, frame_index: int, camera: str) -> bool:
        return self.data.has_image(frame_index, camera)


def drawn(scene: bw.Scene, chance: Chance) -> list[bw.ImageTrack]:
    """Boxes around labelled objects in the pictures, as a hand draws them: each edge off by 1.5 px, and objects mostly outside left alone."""
    made = []
    for camera, sensor in scene.cameras.items():
        seen: dict[str, tuple[list[int], list[Any]]] = {}
        for i in range(len(scene)):
            labels = scene.labels(i, "lidar")
            image = bw.project_cuboids(labels.cuboids, sensor.camera, scene.cam_from(i, camera))
            wide = (image.xyxy[:, 2:] - image.xyxy[:, :2]).min(1) > 12
            for k in np.flatnonzero(image.visible & wide & (image.truncation < 0.5)).tolist():
                times, boxes = seen.setdefault(scene.tracks[int(labels.track_index[k])].track_id, ([], []))
                times.append(int(scene.exposures_ns(camera)[i]))
                boxes.append(image.xyxy[k] + 1.5 * chance.normal(4))
        made += [bw.ImageTrack(f"{name} {camera}", "thing", camera, *(t, bw.Boxes(np.array(b))), object_id=name) for name, (t, b) in seen.items()]
    return made


def _is_ahead(scene: bw.Scene, track: bw.Track) -> bool:
    """Whether it is where the LiDAR looks, at the middle of its track."""
    k = len(track) // 2
    place = scene.transform("lidar", "world", int(track.times_ns[k])).apply(track.cuboids.center_m[k])
    return bool(abs(np.arctan2(place[1], place[0])) < np.radians(60))


def without_poses(scene: bw.Scene) -> bw.Scene:
    """Labels in the LiDAR's frame at each frame's moment, and no trajectory."""
    tracks = []
    for track in scene.tracks:
        kept = track.take(np.isin(track.times_ns, scene.times_ns))
        moved = [
            kept.cuboids[k : k + 1].transformed(scene.transform("lidar", scene.label_frame, int(stamp)), frame="lidar")
            for k, stamp in enumerate(kept.times_ns.tolist())
        ]
        tracks.append(kept.replace(cuboids=bw.Cuboids.concatenate(moved)))
    return scene.replace(tracks=(), trajectory=None, label_frame="lidar").replace(tracks=tracks)


DRIVES: Sequence[Drive] = (
    Drive("street", n_beams=64, n_frames=40),
    Drive("street", "off by 0.1 m, 3 degrees", n_beams=16, height_m=0.9),
    Drive("street", "hurried", n_frames=40),
    Drive("street", "five objects", n_beams=128, n_columns=300),
    Drive("street", "people alone", height_m=2.6),
    Drive("street", "cars alone", has_cameras=False, has_poses=False),
    Drive("street", "keyframes", is_forward=True, has_poses=False),
    Drive("street", n_beams=16, n_columns=300, n_frames=200, has_cameras=False),
    Drive("street", tilt_rad=math.radians(4), n_frames=10),
    Drive("motorway", n_beams=64, height_m=2.2),
    Drive("motorway", "off by 0.1 m, 3 degrees", is_forward=True, n_beams=128, n_columns=300),
    Drive("motorway", "hurried", has_poses=False, height_m=2.6),
    Drive("motorway", "five objects", n_beams=16),
    Drive("motorway", "a tenth missing", n_frames=10, has_cameras=False),
    Drive("car park", "off by 0.1 m, 3 degrees", n_beams=16),
    Drive("car park", "hurried", n_frames=40, height_m=1.2),
    Drive("car park", "exact", has_poses=False, n_frames=10, n_beams=64),
    Drive("car park", "five objects", is_forward=True),
    Drive("car park", "people alone", n_beams=64),
    Drive("car park", "keyframes", tilt_rad=math.radians(-4), n_beams=128, n_columns=300, has_cameras=False),
    Drive("crossing, parked", n_beams=32, n_frames=40),
    Drive("crossing, parked", "off by 0.1 m, 3 degrees", has_poses=False, n_beams=16, height_m=2.6),
    Drive("crossing, parked", "hurried", is_forward=True, n_beams=128, n_columns=300),
    Drive("crossing, parked", "people alone", n_frames=40, height_m=0.9, has_cameras=False),
    Drive("street", "off by 0.1 m, 3 degrees", has_boxes=True, has_sweeps=False),
    Drive("car park", "off by 0.1 m, 3 degrees", has_boxes=True, has_sweeps=False, has_poses=False),
    Drive("motorway", "cars alone", has_boxes=True, n_beams=16),
)


def drives(seed: int, chosen: Sequence[int]) -> dict[str, bw.Scene]:
    """Name -> a sound recording, of the chosen kinds."""
    return {str(DRIVES[k]): DRIVES[k].scene(seed + k) for k in chosen}
