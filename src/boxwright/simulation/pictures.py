"""Cameras: one ray per pixel, shaded by sun and sky, with depth and instance ids."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..arrays import Bools, Float64s, Int32s, UInt8s
from ..cameras import Camera, FisheyeCamera, PinholeCamera
from ..exposure import row_offsets_ns
from ..frames import Pose
from ..sensors import CameraSensor
from .chance import Chance
from .lidar import ego_pose
from .meshes import Material
from .motion import Route
from .world import Hits, Moments, World

__all__ = ["Picture", "SimulatedCamera", "pixel_rays"]

MAX_DISTANCE_M = 260.0
SUN = np.array([-0.42, 0.50, 0.76]) / np.linalg.norm([-0.42, 0.50, 0.76])
SUN_RGB = np.array([1.0, 0.95, 0.86]) * 1.15
SKY_RGB = np.array([0.42, 0.58, 0.86])
HAZE_RGB = np.array([0.76, 0.82, 0.88])
HAZE_M = 320.0


@dataclass(frozen=True, eq=False)
class Picture:
    """What a camera sees.

    rgb : (H, W, 3) uint8
    depth_m : (H, W) float32, z in the cam frame, inf for the sky; NaN outside the circle of a fisheye
    object_index : (H, W) int32, 0 the site, k the actor k - 1, -1 nothing
    """

    rgb: UInt8s
    depth_m: np.ndarray[Any, np.dtype[np.float32]]
    object_index: Int32s


def pixel_rays(camera: Camera) -> tuple[Float64s, Bools]:
    """(H, W, 3) unit directions in the camera frame through the pixels' centres, and (H, W) where there is one."""
    u, v = np.meshgrid(np.arange(camera.width_px, dtype=np.float64), np.arange(camera.height_px, dtype=np.float64))
    if not isinstance(camera, (PinholeCamera, FisheyeCamera)):
        rays = camera.rays(np.stack([u.ravel(), v.ravel()], 1)).reshape(*u.shape, 3)
        is_lit: Bools = np.isfinite(rays[..., 0])
        return np.nan_to_num(rays), is_lit
    x, y = (u - camera.cx_px) / camera.fx_px, (v - camera.cy_px) / camera.fy_px
    return _fisheye_rays(camera, x, y) if isinstance(camera, FisheyeCamera) else _pinhole_rays(camera, x, y)


def _pinhole_rays(camera: PinholeCamera, x: Float64s, y: Float64s) -> tuple[Float64s, Bools]:
    """Undoes k1 k2 p1 p2 k3 by fixed-point steps; the simulator's own cameras use no more terms than these."""
    k1, k2, p1, p2, k3 = camera.coefficients[:5]
    a, b = x.copy(), y.copy()
    for _ in range(100):
        before = a
        rho = a * a + b * b
        radial = 1 + rho * (k1 + rho * (k2 + rho * k3))
        a = (x - 2 * p1 * a * b - p2 * (rho + 2 * a * a)) / radial
        b = (y - p1 * (rho + 2 * b * b) - 2 * p2 * a * b) / radial
        if np.abs(a - before).max() < 1e-13:
            break
    rays = np.stack([a, b, np.ones_like(a)], -1)
    return rays / np.linalg.norm(rays, axis=-1, keepdims=True), np.hypot(a, b) < camera.max_radius


def _fisheye_rays(camera: FisheyeCamera, x: Float64s, y: Float64s) -> tuple[Float64s, Bools]:
    """Undoes the Kannala-Brandt polynomial by Newton's steps."""
    k1, k2, k3, k4 = camera.coefficients
    radius = np.hypot(x, y)
    theta = np.minimum(radius, camera.max_angle_rad)
    for _ in range(20):
        square = theta * theta
        value = theta * (1 + square * (k1 + square * (k2 + square * (k3 + square * k4)))) - radius
        slope = 1 + square * (3 * k1 + square * (5 * k2 + square * (7 * k3 + square * 9 * k4)))
        theta = np.clip(theta - value / slope, 0.0, camera.max_angle_rad)
    share = np.sin(theta) / np.maximum(radius, 1e-12)
    return np.stack([x * share, y * share, np.cos(theta)], -1), theta < camera.max_angle_rad


class SimulatedCamera:
    """A camera on the vehicle; `ego_from_cam` is its calibration, which is a little wrong."""

    def __init__(self, seed: int, number: int, sensor: CameraSensor, delay_s: float) -> None:
        chance = Chance(seed, 5, number)
        self.seed, self.number, self.sensor, self.delay_s = seed, number, sensor, delay_s
        turn = 0.0007 * chance.normal(3)
        self.true_mount = sensor.ego_from_cam @ Pose.from_quat(_unit(np.array([1.0, *(turn / 2)])), 0.003 * chance.normal(3))

    @cached_property
    def rays(self) -> tuple[Float64s, Bools]:
        return pixel_rays(self.sensor.camera)

    def expose(self, world: World, ego: Route, frame_index: int, time_s: float) -> Picture:
        """The picture taken `delay_s` after `time_s`, each row at its own moment where the shutter rolls."""
        rays, is_lit = self.rays
        shape = is_lit.shape
        offsets_ns, row = np.unique(row_offsets_ns(self.sensor, np.argwhere(is_lit)[:, ::-1]), return_inverse=True)
        now: Float64s = time_s + self.delay_s + offsets_ns.astype(np.float64) * 1e-9
        rotation, place = ego_pose(ego, now)
        directions, origin = rays[is_lit], np.empty((len(row), 3))
        for k in range(len(now)):
            here = row == k
            directions[here] = directions[here] @ (rotation[k] @ self.true_mount.rotation).T
            origin[here] = rotation[k] @ self.true_mount.translation_m + place[k]
        moments = world.moments(now)
        moment_index = row.astype(np.int32)
        hits = world.look(origin, directions, moment_index, moments, MAX_DISTANCE_M)
        colour = _shade(world, hits, moment_index, moments, origin, directions)
        levels = 255 * np.sqrt(np.clip(colour, 0, 1)) + 0.5 * Chance(self.seed, 16 + self.number, frame_index).normal(len(colour))[:, None]
        rgb = np.zeros((*shape, 3), np.uint8)
        rgb[is_lit] = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
        depth = np.full(shape, np.nan, np.float32)
        depth[is_lit] = np.where(hits.triangle >= 0, hits.distance_m * rays[is_lit, 2], np.inf)
        object_index = np.full(shape, -1, np.int32)
        object_index[is_lit] = hits.object_index
        return Picture(rgb, depth, object_index)


def _unit(vectors: Float64s) -> Float64s:
    units: Float64s = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return units


def _sky(directions: Float64s) -> Float64s:
    """(R, 3) colour of the sky: haze at the horizon, blue above, bright around the sun."""
    height = np.clip(directions[:, 2:], 0, 1) ** 0.55
    glow = np.clip(directions @ SUN, 0, 1)[:, None] ** 64
    colour: Float64s = HAZE_RGB + (SKY_RGB - HAZE_RGB) * height + 0.5 * glow
    return colour


def _shade(world: World, hits: Hits, moment_index: Int32s, moments: Moments, origin: Float64s, directions: Float64s) -> Float64s:
    """(R, 3) linear colour: sun with hard shadows, sky light from above, reflections in glass and varnish, haze."""
    colour = _sky(directions)
    met = np.flatnonzero(hits.triangle >= 0)
    if not len(met):
        return colour
    some = Hits(hits.distance_m[met], hits.triangle[met], hits.object_index[met], hits.part[met], hits.n_alone)
    way, moment_index = directions[met], moment_index[met]
    normal = world.normals(some, moment_index, moments, way)
    place = origin[met] + some.distance_m[:, None] * way
    paint = world.paint_index[some.triangle]
    material, base = world.material[paint], world.rgb[paint] ** 2
    sunlit = np.clip(normal @ SUN, 0, None)
    ask = np.flatnonzero(sunlit > 0)
    start = place[ask] + 0.02 * normal[ask]
    shadow = world.look(start, np.broadcast_to(SUN, start.shape), moment_index[ask], moments, 60.0, nearest=False)
    sunlit[ask] *= shadow.triangle < 0
    is_ground = (some.object_index == 0) & (normal[:, 2] > 0.9) & (material == Material.MATT)
    base = base * np.where(is_ground, 1 + _grain(place) / (1 + some.distance_m / 25), 1.0)[:, None]
    light = SUN_RGB * sunlit[:, None] + (0.34 + 0.20 * normal[:, 2:]) * np.array([0.85, 0.95, 1.1])
    shaded = base * light
    facing = -np.einsum("ri,ri->r", way, normal)
    mirrored = way + 2 * facing[:, None] * normal
    reflection = np.where(mirrored[:, 2:] > 0, _sky(mirrored), 0.16)
    fresnel = (1 - np.clip(facing, 0, 1)) ** 5
    share = np.select([material == Material.GLASS, material == Material.PAINT], [0.12 + 0.85 * fresnel, 0.04 + 0.5 * fresnel], 0.0)[:, None]
    glint = np.where(material <= Material.GLASS, 1.0, 0.0) * (material != Material.MATT) * np.clip(mirrored @ SUN, 0, 1) ** 200 * (sunlit > 0)
    shaded = shaded * (1 - share) + reflection * share + 1.5 * glint[:, None]
    haze = 1 - np.exp(-some.distance_m / HAZE_M)[:, None]
    colour[met] = shaded * (1 - haze) + HAZE_RGB * haze
    return colour


def _grain(place: Float64s) -> Float64s:
    """(R,) roughness of the ground around 0, fixed to the place: scrambled whole-number cells of 4 and 60 cm."""
    grain = np.zeros(len(place))
    for size, weight in ((0.08, 0.12), (0.7, 0.22)):
        cell = np.floor(place[:, :2] / size).astype(np.int64).view(np.uint64)
        mixed = cell[:, 0] * np.uint64(0x9E3779B97F4A7C15) ^ cell[:, 1] * np.uint64(0xC2B2AE3D27D4EB4F)
        mixed ^= mixed >> np.uint64(29)
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        grain += weight * ((mixed >> np.uint64(40)).astype(np.float64) * 2.0**-24 - 0.5)
    return grain
