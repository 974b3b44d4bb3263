"""Who is in the scene: parked and moving vehicles, people on foot, cyclists, and the vehicle that carries the sensors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..arrays import Float64s
from .chance import Chance
from .motion import Route, about_y
from .people import Joint, cyclist, pedestrian
from .site import CROSSING_X_M
from .vehicles import vehicle

__all__ = ["Actor", "actors", "ego_route", "vehicle_actor"]

LANE_M = 1.65
PARKED_M = 4.9
FACE_MARGIN_M = (0.005, 0.06)  # labels are drawn a little wide


@dataclass(frozen=True)
class Actor:
    """Something that gets a label.

    joints : its parts, in its own frame (x ahead, z up, on the ground)
    low, high : (3,) the label's box in that frame, margin included
    cycle_m : how far it goes during one turn of its legs
    """

    category: str
    route: Route
    joints: tuple[Joint, ...]
    low: Float64s
    high: Float64s
    cycle_m: float = 1.0

    @property
    def size_m(self) -> Float64s:
        return self.high - self.low

    def cuboid_pose(self, times_s: Float64s) -> tuple[Float64s, Float64s]:
        """(K, 3, 3) and (K, 3), site from label."""
        rotation, place = self.route.at(times_s)
        return rotation, place + rotation @ ((self.low + self.high) / 2)

    def part_poses(self, times_s: Float64s) -> list[tuple[Float64s, Float64s]]:
        """For each part (K, 3, 3) and (K, 3), site from part."""
        body = self.route.at(times_s)
        if len(self.joints) == 1:
            return [body]
        return _pose_joints(self.joints, self.route.way_m(times_s) * (2 * math.pi / self.cycle_m), body)


def _pose_joints(joints: tuple[Joint, ...], step_rad: Float64s, body: tuple[Float64s, Float64s]) -> list[tuple[Float64s, Float64s]]:
    poses: list[tuple[Float64s, Float64s]] = []
    for joint in joints:
        rotation, place = body if joint.parent < 0 else poses[joint.parent]
        poses.append((rotation @ about_y(joint.angle_rad(step_rad)), place + rotation @ np.array(joint.at_m)))
    return poses


def ego_route(chance: Chance, duration_s: float) -> Route:
    """Along the main street, slowing down, then right into the side street."""
    speed = chance.one(6.6, 7.2)
    turn_s = (CROSSING_X_M - 8.5 + 3.5) / speed
    speeds = [(0.0, speed), (turn_s - 1.0, speed), (turn_s + 0.4, 4.6), (turn_s + 2.6, 4.8), (turn_s + 5.0, 7.0)]
    return Route(
        (-3.5, -LANE_M), 0.0, speeds, [(turn_s, 0.0), (turn_s + 0.6, -0.78), (turn_s + 1.95, -0.78), (turn_s + 2.6, 0.0)], duration_s=duration_s
    )


def actors(seed: int, duration_s: float) -> list[Actor]:
    """All of them, in an order that a seed fixes."""
    chance = Chance(seed, 2)
    return [*_parked(chance, duration_s), *_traffic(chance, duration_s), *_cyclists(chance, duration_s), *_walkers(chance, duration_s)]


def vehicle_actor(chance: Chance, category: str, route: Route) -> Actor:
    body = vehicle(category, chance)
    low, high = body.low - chance.uniform(3, *FACE_MARGIN_M), body.high + chance.uniform(3, *FACE_MARGIN_M)
    low[2] = 0.0
    return Actor(category, route, (Joint(body.mesh),), low, high)


def _jointed(chance: Chance, category: str, route: Route, joints: list[Joint], cycle_m: float) -> Actor:
    """The label's box holds the body through a whole step."""
    steps = np.linspace(0, 2 * math.pi, 24, endpoint=False)
    still = np.broadcast_to(np.eye(3), (24, 3, 3)), np.zeros((24, 3))
    lows, highs = [], []
    for joint, (rotation, place) in zip(joints, _pose_joints(tuple(joints), steps, still), strict=True):
        corners = np.einsum("kij,nj->kni", rotation, joint.mesh.corners.reshape(-1, 3)) + place[:, None]
        lows.append(corners.min((0, 1)))
        highs.append(corners.max((0, 1)))
    low, high = np.min(lows, 0) - chance.uniform(3, *FACE_MARGIN_M), np.max(highs, 0) + chance.uniform(3, *FACE_MARGIN_M)
    return Actor(category, route, tuple(joints), low, high, cycle_m)


def _parked(chance: Chance, duration_s: float) -> list[Actor]:
    """Rows along both sides of the main street, most of them in driving direction."""
    rows = []
    for side in (-1, 1):
        for first, last in ((-44.0, CROSSING_X_M - 12.0), (CROSSING_X_M + 14.0 if side > 0 else CROSSING_X_M + 31.0, 82.0)):
            x = first + chance.one(0.0, 2.0)
            while x < last - 3.5:
                dice = chance.one()
                category = "car" if dice < 0.82 else "van"
                if chance.one() < 0.8:
                    against = chance.one() < 0.15
                    yaw = (math.pi if (side > 0) != against else 0.0) + 0.025 * float(chance.normal(1)[0])
                    place = (
                        x + (0.6 if category == "van" else 0.0),
                        side * (PARKED_M - (0.08 if category == "van" else 0.0) + chance.one(-0.1, 0.04)),
                    )
                    rows.append(vehicle_actor(chance, category, Route(place, yaw, duration_s=duration_s)))
                x += chance.one(6.0, 7.2) + (1.3 if category == "van" else 0.0)
    return rows


def _traffic(chance: Chance, duration_s: float) -> list[Actor]:
    x0 = CROSSING_X_M

    def add(
        category: str, start: tuple[float, float], yaw: float, speeds: list[tuple[float, float]], turns: list[tuple[float, float]] | None = None
    ) -> Actor:
        faster = chance.one(0.96, 1.04)
        return vehicle_actor(chance, category, Route(start, yaw, [(t, v * faster) for t, v in speeds], turns or [(0.0, 0.0)], duration_s=duration_s))

    quarter = math.pi / 2
    return [
        add("car", (12.0 + chance.one(-1, 1), -LANE_M), 0.0, [(0.0, 7.5), (3.0, 9.5)]),  # ahead
        add("car", (56.0 + chance.one(-2, 2), LANE_M), math.pi, [(0.0, 8.0), (4.0, 7.0)]),  # oncoming
        add("truck", (82.0 + chance.one(-2, 2), LANE_M), math.pi, [(0.0, 7.5), (6.0, 5.0)]),
        # out of the side street and right: its yaw passes +-pi in the world frame
        add("car", (x0 - LANE_M, 9.65), -quarter, [(0.0, 4.5), (2.4, 4.8), (5.0, 8.0)], [(0.25, 0.0), (0.6, -0.8), (2.2, -0.8), (2.5636, 0.0)]),
        add("van", (x0 + LANE_M, -14.0 + chance.one(-0.4, 0.4)), quarter, [(0.0, 0.0), (6.0, 0.0), (10.0, 2.0)]),  # waits
        add("car", (x0 + LANE_M + chance.one(-0.1, 0.1), -22.5), quarter, [(0.0, 3.0), (1.6, 0.0), (7.0, 0.0), (10.0, 1.0)]),  # queues behind it
        add("car", (x0 + LANE_M, 20.0), quarter, [(0.0, 6.0), (4.0, 9.0)]),  # leaves along the side street
        add("bus", (x0 + 21.0, -PARKED_M + 0.3), 0.0, [(0.0, 0.0)]),  # at its stop
        add("car", (-27.0 + chance.one(-2, 2), -LANE_M), 0.0, [(0.0, 6.8), (3.0, 6.0), (5.0, 4.5), (8.0, 0.5)]),  # follows
    ]


def _cyclists(chance: Chance, duration_s: float) -> list[Actor]:
    plans = [((9.0, -3.3), 0.0, 4.4), ((44.0, 3.3), math.pi, 4.9), ((-22.0, 3.3), math.pi, 4.1)]
    riders = []
    for (x, y), yaw, speed in plans:
        height = chance.one(1.62, 1.88)
        route = Route(
            (x + chance.one(-0.8, 0.8), y),
            yaw,
            [(0.0, speed * chance.one(0.95, 1.05)), (4.5, 4.2), (7.0, 0.8), (7.6, 0.0)],
            [(0.0, 0.012), (1.5, -0.012), (3.0, 0.012), (4.5, 0.0)],
            duration_s=duration_s,
        )
        riders.append(_jointed(chance, "cyclist", route, cyclist(chance, height), 5.2))
    return riders


def _walkers(chance: Chance, duration_s: float) -> list[Actor]:
    x0 = CROSSING_X_M
    plans = [  # place, yaw, speed, height or None
        ((x0 + 5.6, 7.6), math.pi, 1.35, None),  # over the zebra crossing
        ((x0 + 6.9, 8.4), math.pi, 1.2, None),
        ((3.0, -8.2), 0.0, 1.4, None),  # two side by side
        ((3.1, -7.5), 0.0, 1.4, None),
        ((-9.0, 8.3), math.pi, 1.5, None),
        ((16.0, 8.4), 3.12, 1.1, None),  # a child, and who holds its hand
        ((16.0, 9.2), 3.12, 1.1, 1.12),
        ((x0 + 14.0, -7.6), 1.6, 0.0, None),  # waits for the bus
        ((x0 + 15.2, -7.9), 2.2, 0.0, None),
        ((x0 - 6.6, -9.4), -0.8, 0.0, None),  # stands at the corner
        ((x0 + 8.6, 9.0), 0.2, 0.9, None),
        ((-20.0, -8.0), 0.02, 1.3, None),
        ((x0 - 7.5, 10.2), -0.02, 0.5, None),
    ]
    people = []
    for (x, y), yaw, speed, height in plans:
        tall = chance.one(1.55, 1.9) if height is None else height
        pace = speed * chance.one(0.94, 1.06)
        place = (x + chance.one(-0.15, 0.15), y + chance.one(-0.1, 0.1))
        route = Route(place, yaw, [(0.0, pace)], [(0.0, 0.02), (2.0, -0.02), (4.0, 0.0)], duration_s=duration_s, is_tilted=False, on_kerb=True)
        people.append(_jointed(chance, "pedestrian", route, pedestrian(chance, tall, speed), 0.86 * tall))
    return people
