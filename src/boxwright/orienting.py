"""Which end of an object is its front, as the whole way of its track tells."""

from __future__ import annotations

import math

import numpy as np

from .arrays import Bools, Float64s
from .cuboids import Cuboids
from .motion import motion_of
from .rotations import quat_from_yaw, quat_multiply, wrap_rad
from .taxonomy import Taxonomy
from .tracks import Track, Visibility

__all__ = ["orient"]

SLOW_M_S = 0.5  # a slower way does not tell a heading
WAY_M = 1.0  # a front is told by a way at least so long
TURN_M = 1e3  # what a turn about is held to be worth, in metres of way: more than any way


def orient(track: Track) -> Track:
    """The track with its fronts ahead, as its way tells: keyframes that face backwards are turned about.

    track : in the world frame; in a frame that moves along, what is seen is not the object's own way

    A heading is kept from keyframe to keyframe, so a stop, or a short way in reverse, turns nothing: the whole way decides. Classes whose heading
    points do not tell (two-wheelers, pedestrians) face where they go, and where they stand, as they did before or will after. Ways slower than
    0.5 m/s do not count; where all of them are shorter than 1 m, the track comes back as it is. The keyframes' origins stay.
    """
    there = np.flatnonzero(track.visibility != Visibility.OUTSIDE)
    if len(there) < 2:
        return track
    seen = track.take(there)
    velocity = motion_of(track).velocity_mps[there, :2]
    seconds = np.gradient((seen.times_ns - seen.times_ns[0]) * 1e-9)
    speed = np.hypot(*velocity.T)
    way = np.where(speed[:, None] >= SLOW_M_S, velocity * seconds[:, None], 0.0)
    if np.hypot(*way.T).sum() < WAY_M:
        return track
    category = Taxonomy.default().get(track.category)
    if category is not None and category.is_yaw_from_motion:
        known = np.flatnonzero(speed >= SLOW_M_S)
        nearest = known[np.argmin(np.abs(seen.times_ns[:, None] - seen.times_ns[known]), axis=1)]
        turn = np.asarray(wrap_rad(np.arctan2(velocity[nearest, 1], velocity[nearest, 0]) - seen.cuboids.yaw_rad))
    else:
        turn = np.where(_faces_back(seen.cuboids.yaw_rad, way), math.pi, 0.0)
    all_turns = np.zeros(len(track))
    all_turns[there] = turn
    before = np.maximum(np.searchsorted(there, np.arange(len(track)), side="right") - 1, 0)
    all_turns = np.where(track.visibility == Visibility.OUTSIDE, turn[before], all_turns)
    quat = quat_multiply(quat_from_yaw(all_turns), track.cuboids.quat_wxyz)
    is_turned = (all_turns != 0)[:, None]
    quat = np.where(is_turned, quat / np.linalg.norm(quat, axis=1, keepdims=True), track.cuboids.quat_wxyz)
    return track.replace(cuboids=Cuboids(track.cuboids.center_m, track.cuboids.size_m, quat_wxyz=quat, frame=track.cuboids.frame))


def _faces_back(yaw: Float64s, way: Float64s) -> Bools:
    """(K,) bool: the cheapest of all choices, key by key, where going backwards costs its way and a turn from one keyframe to the next costs most."""
    ahead = np.cos(yaw) * way[:, 0] + np.sin(yaw) * way[:, 1]
    cost, came = np.array([-ahead[0], ahead[0]]), np.zeros((len(yaw), 2), np.int64)
    for k in range(1, len(yaw)):
        same = TURN_M * (1 - math.cos(yaw[k] - yaw[k - 1])) / 2
        steps = cost[:, None] + np.array([[same, TURN_M - same], [TURN_M - same, same]])
        came[k] = np.argmin(steps, axis=0)
        cost = steps.min(0) + np.array([-ahead[k], ahead[k]])
    state = int(np.argmin(cost))
    states = [state]
    for k in range(len(yaw) - 1, 0, -1):
        state = int(came[k, state])
        states.append(state)
    return np.array(states[::-1], np.bool_)
