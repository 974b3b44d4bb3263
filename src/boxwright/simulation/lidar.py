"""A LiDAR with many beams that turns while the vehicle and everything else moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Float64s, Int32s, Int64s
from ..frames import Pose
from ..points import Sweep
from .chance import Chance
from .meshes import Material
from .motion import Route
from .world import World

__all__ = ["SpinningLidar", "Turn", "ego_pose"]

SWEEP_S = 0.1
MAX_RANGE_M = 75.0
MIN_RANGE_M = 1.2
DIVERGENCE_RAD = 0.0028  # width of a beam
PULSE_M = 1.6  # two surfaces nearer to each other than this are seen as one


@dataclass(frozen=True, eq=False)
class Turn:
    """One turn, and what is known about it.

    sweep : what the sensor gives
    object_index : (N,) int32, whose point it is: 0 the site, k the actor k - 1
    n_hits, n_alone : (B,) rays that met each object, and that would have, had it been alone
    """

    sweep: Sweep
    object_index: Int32s
    n_hits: Int64s
    n_alone: Int64s


def ego_pose(route: Route, times_s: Float64s) -> tuple[Float64s, Float64s]:
    """(K, 3, 3) and (K, 3), site from ego: the route, and the body rocking on its springs."""
    rotation, place = route.at(times_s)
    roll = 0.008 * np.sin(5.7 * times_s + 0.3) + 0.003 * np.sin(13.1 * times_s)
    pitch = 0.006 * np.sin(6.9 * times_s + 1.1) + 0.003 * np.sin(11.3 * times_s + 0.5)
    rock = np.zeros((len(times_s), 3, 3))
    rock[:, 0, 0], rock[:, 0, 2], rock[:, 2, 0], rock[:, 2, 2] = np.cos(pitch), np.sin(pitch), -np.sin(pitch), np.cos(pitch)
    rock[:, 1, 1] = 1.0
    lean = np.zeros_like(rock)
    lean[:, 1, 1], lean[:, 1, 2], lean[:, 2, 1], lean[:, 2, 2] = np.cos(roll), -np.sin(roll), np.sin(roll), np.cos(roll)
    lean[:, 0, 0] = 1.0
    return rotation @ rock @ lean, place


class SpinningLidar:
    """Fires all beams at once in each of `n_columns` directions, counter-clockwise from behind; a sweep's stamp is its middle, looking ahead."""

    def __init__(self, seed: int, n_beams: int, n_columns: int, ego_from_lidar: Pose) -> None:
        self.seed = seed
        chance = Chance(seed, 3)
        self.n_beams, self.n_columns = n_beams, n_columns
        share = np.arange(n_beams) / max(n_beams - 1, 1)
        self.elevation: Float64s = np.radians(-23.0 + 28.0 * share**0.68)
        self.azimuth: Float64s = (np.arange(n_columns, dtype=np.float64) + 0.5) * (2 * np.pi / n_columns) - np.pi
        self.offset_ns = np.rint(self.azimuth / (2 * np.pi) * SWEEP_S * 1e9).astype(np.int64)
        # what the data sheet and the calibration do not tell
        self.beam_elevation = self.elevation + 0.0006 * chance.normal(n_beams)
        self.beam_azimuth = 0.0006 * chance.normal(n_beams)
        self.beam_range_m = 0.006 * chance.normal(n_beams)
        turn = 0.0008 * chance.normal(3)
        self.ego_from_lidar = ego_from_lidar
        self.true_mount = ego_from_lidar @ Pose(_small_turn(turn), 0.004 * chance.normal(3))

    def turn(self, world: World, ego: Route, frame_index: int, time_s: float, timestamp_ns: int) -> Turn:
        """One turn whose middle is at `time_s`."""
        chance = Chance(self.seed, 4, frame_index)
        n_rays = self.n_columns * self.n_beams
        column = np.repeat(np.arange(self.n_columns, dtype=np.int32), self.n_beams)
        ring = np.tile(np.arange(self.n_beams), self.n_columns)
        times: Float64s = (time_s + self.offset_ns * 1e-9).astype(np.float64)
        rotation, place = ego_pose(ego, times)
        place = place + rotation @ self.true_mount.translation_m
        rotation = rotation @ self.true_mount.rotation
        beams = _directions(self.azimuth[column] + self.beam_azimuth[ring] + 0.0003 * chance.normal(n_rays), self.beam_elevation[ring])
        directions = np.einsum("kij,kj->ki", rotation[column], beams)
        moments = world.moments(times)
        hits = world.look(place[column], directions, column, moments, MAX_RANGE_M, alone=True)
        edge = _unit(directions + (DIVERGENCE_RAD / 2) * _unit(chance.uniform(3 * n_rays, -1, 1).reshape(-1, 3)))
        beside = world.look(place[column], edge, column, moments, MAX_RANGE_M)

        normal = world.normals(hits, column, moments, directions)
        measured, returned, intensity = self._receive(
            chance, world, hits.distance_m, beside.distance_m, hits.triangle, -np.einsum("ri,ri->r", normal, directions)
        )
        measured = measured + self.beam_range_m[ring]
        keep = np.flatnonzero(returned & (measured > MIN_RANGE_M) & (measured < MAX_RANGE_M))
        column, ring = column[keep], ring[keep]
        xyz = measured[keep, None] * _directions(self.azimuth[column], self.elevation[ring])
        sweep = Sweep(
            (np.rint(xyz * 1000.0) / 1000.0).astype(np.float32),
            timestamp_ns,
            "lidar",
            intensity[keep],
            self.offset_ns[column],
            {"ring": ring.astype(np.uint8)},
        )
        n_objects = len(world.cast) + 1
        met = np.bincount(np.maximum(hits.object_index, 0), minlength=n_objects).astype(np.int64)
        return Turn(sweep, hits.object_index[keep], met, hits.n_alone)

    def _receive(
        self, chance: Chance, world: World, distance: Float64s, beside: Float64s, triangle: Int32s, cosine: Float64s
    ) -> tuple[Float64s, np.ndarray[tuple[int], np.dtype[np.bool_]], np.ndarray[tuple[int], np.dtype[np.uint8]]]:
        """What the receiver makes of the light that comes back: range, whether there is one, and intensity."""
        n = len(distance)
        paint = world.paint_index[triangle]
        material, shade = world.material[paint], world.rgb[paint].mean(1)
        reflectivity = np.select(
            [material == Material.RETRO, material == Material.PAINT, material == Material.GLASS, material == Material.RUBBER],
            [0.95 + 0 * shade, 0.06 + 0.65 * shade, 0.10 + 0 * shade, 0.3 * shade + 0.02],
            0.08 + 0.75 * shade,
        )
        facing = np.where(material == Material.RETRO, 1.0, np.where(material == Material.PAINT, 0.06 + 0.94 * cosine**1.5, 0.12 + 0.88 * cosine))
        strength = reflectivity * facing * (40.0 / np.maximum(distance, 1.0)) ** 2
        chance_of_return = 1.0 / (1.0 + (0.06 / np.maximum(strength, 1e-9)) ** 2)
        chance_of_return = np.where(material == Material.GLASS, 0.10 + 0.5 * cosine**20, chance_of_return)
        returned = (triangle >= 0) & (chance.uniform(n) < chance_of_return)
        gap = beside - distance
        is_mixed = (np.abs(gap) > 0.15) & (np.abs(gap) < PULSE_M) & (beside < MAX_RANGE_M) & (chance.uniform(n) < 0.5)
        measured = distance + np.where(is_mixed, gap * chance.uniform(n), 0.0) + (0.010 + 0.00035 * distance) * chance.normal(n)
        intensity = np.clip(4 * np.rint(51 * reflectivity * facing + 0.4 * chance.normal(n)), 1, 255).astype(np.uint8)
        return measured, returned, intensity


def _directions(azimuth: Float64s, elevation: Float64s) -> Float64s:
    return np.stack([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)], -1)


def _unit(vectors: Float64s) -> Float64s:
    units: Float64s = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
    return units


def _small_turn(rotvec: Float64s) -> Float64s:
    """(3, 3) rotation about a small vector."""
    from ..rotations import matrix_from_quat, quat_from_axis_angle

    angle = float(np.linalg.norm(rotvec))
    return matrix_from_quat(quat_from_axis_angle(rotvec / max(angle, 1e-12), angle))
