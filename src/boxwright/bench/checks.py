"""Labels checked: rules on labels alone over a long recording, rules about points sweep by sweep; nobody else has such rules."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np

import boxwright as bw

from .contender import Contender, Job, Work, itself

__all__ = ["JOBS", "LABELS_CHECKED", "N_SWEEPS", "ON_LABELS", "ON_POINTS", "POINTS_CHECKED", "works"]

ON_LABELS, ON_POINTS = "check, rules on labels", "check, rules on points"
LABELS_CHECKED = "200 frames x 100 tracks"
N_SWEEPS = 12
POINTS_CHECKED = f"{N_SWEEPS} sweeps of 120k points"


@cache
def curving(n_tracks: int, n_frames: int) -> tuple[bw.Track, ...]:
    """Cars on circles side by side, as a hand labels them: 2 cm and half a degree off."""
    rng = np.random.default_rng(3)
    seconds = np.arange(n_frames) * 0.1
    made = []
    for k in range(n_tracks):
        rate, speed = 0.02 + 0.001 * k, 2.0 + k % 9
        yaw = rate * seconds + k
        center = np.stack([speed / rate * np.sin(yaw) + 8 * (k % 10), -speed / rate * np.cos(yaw) + 8 * (k // 10), np.full(n_frames, 0.8)], axis=1)
        yaw = np.arctan2(np.sin(yaw), np.cos(yaw)) + rng.normal(0, 0.009, n_frames)
        cuboids = bw.Cuboids(center + rng.normal(0, 0.02, center.shape), np.tile([4.4, 1.8, 1.5], (n_frames, 1)), yaw, frame="world")
        made.append(bw.Track(f"car-{k}", "car", np.arange(n_frames) * 100_000_000, cuboids))
    return tuple(made)


def _check(labels: tuple[bw.Track, ...]) -> bw.Findings:
    times = labels[0].times_ns
    trajectory = bw.Trajectory(times, [bw.Pose.from_yaw(0.01 * t, (t, 0.0, 0.0)) for t in range(len(times))])
    return bw.check(bw.Scene("labels", times, {"lidar": bw.Lidar("lidar")}, trajectory=trajectory, tracks=labels), rules="labels")


def labels_moved(labels: tuple[bw.Track, ...], found: bw.Findings) -> tuple[int, int]:
    """Ten numbers and a time of each label; a few of each finding."""
    return sum(len(track) for track in labels) * 11 * 8, len(found) * 10 * 8


@cache
def street(n_frames: int, n_columns: int) -> bw.Scene:
    """A simulated street, each point with its own time."""
    return bw.simulate(3200, n_frames, n_beams=72, n_columns=n_columns, image_scale=0.1)


def _check_points(scene: bw.Scene) -> bw.Findings:
    return bw.check(scene, rules="points")


def points_moved(scene: bw.Scene, found: bw.Findings) -> tuple[int, int]:
    """The points of all sweeps; a few numbers of each finding."""
    return sum(scene.points(i).xyz.nbytes for i in range(len(scene))), len(found) * 10 * 8


def _values(_: Any, found: bw.Findings) -> Any:
    return np.array([one.value for one in found])


def _no_rival(workload: Any, ours: Any, theirs: Any) -> str:
    return ""


JOBS = (
    Job("checks", ON_LABELS, (Contender("boxwright", itself, _check, _values),), (), _no_rival, labels_moved),
    Job("checks", ON_POINTS, (Contender("boxwright", itself, _check_points, _values),), (), _no_rival, points_moved),
)


def works(quick: bool) -> dict[str, list[Work]]:
    """function of a Job -> its inputs"""
    if quick:
        return {
            ON_LABELS: [Work("50 frames x 20 tracks", partial(curving, 20, 50))],
            ON_POINTS: [Work("3 sweeps of 20k points", partial(street, 3, 300))],
        }
    return {ON_LABELS: [Work(LABELS_CHECKED, partial(curving, 100, 200))], ON_POINTS: [Work(POINTS_CHECKED, partial(street, N_SWEEPS, 1950))]}
