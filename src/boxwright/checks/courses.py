"""How tracks run: single labels that are off, jumps, velocities, accelerations and turn rates of all tracks at once.

A label is judged by its neighbours in the world's frame and in the vehicle's, and counts as off where it is in both: what annotators or tools drew
smoothly in one of them looks rough in the other, and what is wrong in a pose looks rough in the world's frame alone.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..arrays import Bools, Float64s, Int64s
from ..rotations import wrap_rad
from .curves import REACH, Curves, Neighbours, fitted, middles_rad, neighbours, one_sided

if TYPE_CHECKING:
    from .context import Context

__all__ = ["Courses", "Steps"]

LONGEST_GAP = 4  # frames; what is farther apart is not compared
CLEAR_OF = 0.45  # of the distance of a label that is off: the others agree with each other that well; beside a jump they do to 0.54
SURE_SIGMA = 4.0
BENT_SHARE = 0.3  # of the acceleration a class may have, over a step: what a quadratic may miss where it sets in
LEAST_JUMP_M = 1.0
CLEAN_STEP = 0.25  # of a jump: both sides are smoother than that; beside a single label that is off they are to 0.4
POOLED = 3  # neighbours beyond those a curve needs that the scene's own noise counts as


class Courses:
    """What the keyframes of all tracks say of each other; J keyframes at frames, by track and time.

    row : (J,) of the context's rows
    track, index, time_s : (J,)
    stretch : (J,) a number for each stretch without a long gap
    span : (J,) a number for each stretch without a long gap or a jump
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        rows = context.rows
        self.row: Int64s = np.flatnonzero(rows.is_key)
        self.track, self.index, self.time_s = rows.track[self.row], rows.index[self.row], rows.time_s[self.row]
        self.center_m, self.yaw_rad = rows.cuboids.center_m[self.row], np.asarray(rows.cuboids.yaw_rad)[self.row]
        is_new = np.ones(len(rows), np.bool_)
        is_new[1:] = (np.diff(rows.track) != 0) | (np.diff(rows.index) > LONGEST_GAP)
        self.stretch = np.asarray(np.cumsum(is_new), np.int64)[self.row]
        is_apart = np.ones(len(self), np.bool_)
        is_apart[1:] = np.diff(self.stretch) != 0
        self.span = np.asarray(np.cumsum(is_apart | self._is_step()), np.int64)

    def __len__(self) -> int:
        return len(self.row)

    def _is_step(self) -> Bools:
        """(J,) bool: the track goes on elsewhere from this label on, and runs smoothly on both sides."""
        jump, spread, n_used = jumps(self.stretch, self.time_s, self.center_m)
        return np.asarray((n_used == 6) & (np.nan_to_num(jump) > LEAST_JUMP_M) & (spread < CLEAN_STEP * np.nan_to_num(jump)))

    @cached_property
    def near(self) -> Neighbours:
        return neighbours(self.span, self.time_s)

    @cached_property
    def views(self) -> list[tuple[Float64s, Float64s]]:
        """(J, 3) centres and (J,) yaws in each frame of reference that counts: that of the rows, and the vehicle's."""
        frames = [(self.center_m, self.yaw_rad)]
        scene = self.context.scene
        if self.context.rows.frame == "world" and scene.trajectory is not None and len(self):
            turn, place = scene.trajectory.sample(scene.times_ns, outside="hold")
            turn, place = turn[self.index], place[self.index]
            center = np.einsum("jki,jk->ji", turn, self.center_m - place)
            frames.append((center, self.yaw_rad - np.arctan2(turn[:, 1, 0], turn[:, 0, 0])))
        return frames

    # ------------------------------------------------------------ single labels

    @cached_property
    def _left_out(self) -> tuple[Bools, Bools]:
        """Which neighbours count where the label itself is left out; and the labels with two at least on each side."""
        used = self.near.is_there.copy()
        used[:, REACH] = False
        return used, (self.near.n_before >= 2) & (self.near.n_after >= 2)

    @cached_property
    def _places(self) -> list[Curves]:
        used, which = self._left_out
        return [fitted(self.near, center, used, 2, which) for center, _ in self.views]

    @cached_property
    def _turns(self) -> list[tuple[Float64s, Curves]]:
        used, which = self._left_out
        found = []
        for _, yaw in self.views:
            middle, apart = middles_rad(self.near, yaw, used)
            found.append((middle, fitted(self.near, apart, used, 2, which)))
        return found

    @cached_property
    def shift_m(self) -> Float64s:
        """(J, 3) where the neighbours want the label less where it is, in the frame of the rows; the smaller one of those of all frames; NaN where
        there are too few."""
        shifts = [curves.coefficients[:, 0] - center for curves, (center, _) in zip(self._places, self.views)]
        best = self._best_place
        if len(shifts) > 1:
            turn, _ = self.context.scene.trajectory.sample(self.context.scene.times_ns, outside="hold")  # type: ignore[union-attr]
            shifts[1] = np.einsum("jik,jk->ji", turn[self.index], shifts[1])
        return np.where((best == 0)[:, None], shifts[0], shifts[-1])

    @cached_property
    def _best_place(self) -> Int64s:
        lengths = [np.linalg.norm(curves.coefficients[:, 0] - center, axis=1) for curves, (center, _) in zip(self._places, self.views)]
        return np.asarray(np.argmin(np.nan_to_num(np.stack(lengths), nan=np.inf), axis=0))

    @cached_property
    def off_m(self) -> Float64s:
        """(J,) length of `shift_m`."""
        return np.asarray(np.linalg.norm(self.shift_m, axis=1))

    @cached_property
    def turn_rad(self) -> Float64s:
        """(J,) the yaw the neighbours want less the one it has; the smaller one of those of all frames."""
        turns = np.stack([np.asarray(wrap_rad(m + c.coefficients[:, 0, 0] - yaw)) for (m, c), (_, yaw) in zip(self._turns, self.views)])
        best = np.argmin(np.abs(np.nan_to_num(turns, nan=np.inf)), axis=0)
        return np.asarray(np.take_along_axis(turns, best[None], axis=0)[0])

    @cached_property
    def noise_m(self) -> Float64s:
        """(J,) how far off labels around here are by chance, along one axis."""
        return self._noise(self.place_spread_m / np.sqrt(3), 3)

    @cached_property
    def noise_rad(self) -> Float64s:
        """(J,) the same of yaws."""
        return self._noise(self.turn_spread_rad, 1)

    @cached_property
    def usual_noise_m(self) -> float:
        """That of the scene: half of its labels scatter less."""
        known = self.place_spread_m[np.isfinite(self.place_spread_m)]
        return float(np.median(known)) / np.sqrt(3) if len(known) else 0.0

    def _noise(self, spread: Float64s, n_values: int) -> Float64s:
        """(J,) from what the neighbours of each label scatter, itself left out, and the scene's own noise, which counts as much as POOLED of them."""
        known = np.isfinite(spread)
        whole = float(np.median(spread[known])) if known.any() else 0.0
        used, _ = self._left_out
        freedom = np.where(known, np.maximum(used.sum(axis=1) - 3, 0) * n_values, 0)
        pooled = POOLED * n_values
        return np.asarray(np.sqrt((freedom * np.where(known, spread, 0.0) ** 2 + pooled * whole**2) / (freedom + pooled)))

    def is_lone(self, off: Float64s, spread: Float64s) -> Bools:
        """(J,) bool: farther off than its neighbours are among themselves, and the farthest of those beside it."""
        size = np.nan_to_num(off, nan=0.0)
        beside = np.where(self.near.is_there[:, REACH - 1 : REACH + 2], size[self.near.row[:, REACH - 1 : REACH + 2]], 0.0)
        return np.asarray((size > 0) & (spread < CLEAR_OF * size) & (size >= beside.max(axis=1)))

    @cached_property
    def place_allowance_m(self) -> Float64s:
        """(J,) what chance and an acceleration that sets in may put between a label and its neighbours' curve."""
        steepest = self.context.limits("acceleration", self.track)
        gain = np.sqrt(1 + np.nan_to_num(self._places[0].gain[:, 0], nan=0.0) ** 2)
        return np.asarray(SURE_SIGMA * self.noise_m * gain + BENT_SHARE * steepest * np.maximum(self.near.step_s - 0.15, 0) ** 2)

    @cached_property
    def turn_allowance_rad(self) -> Float64s:
        """(J,) the same of yaws; a turn sets in within a quarter of a second."""
        rate = np.minimum(self.context.limits("yaw_rate", self.track), 1.0)
        gain = np.sqrt(1 + np.nan_to_num(self._places[0].gain[:, 0], nan=0.0) ** 2)
        return np.asarray(SURE_SIGMA * self.noise_rad * gain + BENT_SHARE * rate * np.maximum(self.near.step_s - 0.15, 0) * 4)

    @cached_property
    def place_spread_m(self) -> Float64s:
        """(J,) how far the neighbours are from their own curve, in the frame where they are nearer to it; NaN where there are too few."""
        return np.asarray(np.min(np.stack([curves.spread for curves in self._places]), axis=0))

    @cached_property
    def turn_spread_rad(self) -> Float64s:
        """(J,) the same of yaws."""
        return np.asarray(np.min(np.stack([curves.spread for _, curves in self._turns]), axis=0))

    @cached_property
    def is_off(self) -> Bools:
        """(J,) bool: single labels that are out of place, or turned, whatever a profile allows; motion is told without them."""
        place = self.is_lone(self.off_m, self.place_spread_m) & (self.off_m > np.maximum(0.1, self.place_allowance_m))
        turn = np.abs(self.turn_rad)
        return place | (self.is_lone(turn, self.turn_spread_rad) & (turn > np.maximum(np.radians(3), self.turn_allowance_rad)))


class Steps:
    """What is left without single labels that are off: jumps from one label to the next, and motion between jumps; H labels.

    row, track, index, time_s, center_m, yaw_rad : (H,)
    jump_m : (H,) how far apart the label and the one before are, each seen from its own side; NaN where that is not known
    """

    def __init__(self, courses: Courses) -> None:
        self.courses, self.context = courses, courses.context
        keep = ~courses.is_off
        self.row, self.track, self.index, self.time_s = courses.row[keep], courses.track[keep], courses.index[keep], courses.time_s[keep]
        self.center_m, self.yaw_rad = courses.center_m[keep], courses.yaw_rad[keep]
        self.noise_m = courses.noise_m[keep]
        self._stretch = courses.stretch[keep]

    def __len__(self) -> int:
        return len(self.row)

    @cached_property
    def _jumps(self) -> tuple[Float64s, Float64s, Int64s]:
        return jumps(self._stretch, self.time_s, self.center_m)

    @property
    def jump_m(self) -> Float64s:
        return self._jumps[0]

    @cached_property
    def is_jump(self) -> Bools:
        """(H,) bool: no motion leads from the label before to this one."""
        jump, spread, n_used = self._jumps
        dt = np.r_[0.0, np.diff(self.time_s)] if len(self) else np.zeros(0)
        freedom = np.maximum(n_used - 4, 0)
        noise = np.sqrt((freedom * np.nan_to_num(spread) ** 2 / 3 + POOLED * self.courses.usual_noise_m**2) / (freedom + POOLED))
        steepest = self.context.limits("acceleration", self.track)
        allowed = np.maximum(LEAST_JUMP_M, SURE_SIGMA * 2 * noise) + steepest * (dt + 0.1) ** 2
        return np.asarray(np.nan_to_num(jump, nan=0.0) > allowed)

    @cached_property
    def near(self) -> Neighbours:
        is_new = np.ones(len(self), np.bool_)
        is_new[1:] = np.diff(self._stretch) != 0
        return neighbours(np.cumsum(is_new | self.is_jump), self.time_s)

    @cached_property
    def motion(self) -> Curves:
        """Quadratics through each label and its neighbours: place, and change of place by step."""
        used = self.near.is_there
        return fitted(self.near, self.center_m, used, 2, used.sum(axis=1) >= 5)

    @cached_property
    def velocity_mps(self) -> Float64s:
        """(H, 3); NaN where fewer than three labels follow each other."""
        used = self.near.is_there
        straight = fitted(self.near, self.center_m, used, 1, used.sum(axis=1) >= 3)
        bent = self.motion.coefficients[:, 1]
        slope = np.where(np.isfinite(bent), bent, straight.coefficients[:, 1])
        return np.asarray(slope / self.near.step_s[:, None])

    @cached_property
    def speed_mps(self) -> Float64s:
        return np.asarray(np.hypot(self.velocity_mps[:, 0], self.velocity_mps[:, 1]))

    @cached_property
    def acceleration_mps2(self) -> tuple[Float64s, Float64s]:
        """(H,) along the ground, and (H,) its standard deviation by chance."""
        change = 2 * self.motion.coefficients[:, 2, :2] / self.near.step_s[:, None] ** 2
        noise = 2 * self.motion.gain[:, 2] * np.maximum(self.noise_m, self.motion.spread / np.sqrt(3)) / self.near.step_s**2
        return np.asarray(np.hypot(change[:, 0], change[:, 1])), np.asarray(noise)

    @cached_property
    def jerk_mps3(self) -> tuple[Float64s, Float64s]:
        """(H,) along the ground, and (H,) its standard deviation by chance."""
        used = self.near.is_there
        curves = fitted(self.near, self.center_m, used, 3, np.asarray(used.all(axis=1)))
        change = 6 * curves.coefficients[:, 3, :2] / self.near.step_s[:, None] ** 3
        noise = 6 * curves.gain[:, 3] * np.maximum(self.noise_m, curves.spread / np.sqrt(3)) / self.near.step_s**3
        return np.asarray(np.hypot(change[:, 0], change[:, 1])), np.asarray(noise)

    @cached_property
    def yaw_rate_radps(self) -> tuple[Float64s, Float64s]:
        """(H,) signed, and (H,) its standard deviation by chance."""
        used = self.near.is_there
        _, apart = middles_rad(self.near, self.yaw_rad, used)
        curves = fitted(self.near, apart, used, 1, used.sum(axis=1) >= 3)
        return np.asarray(curves.coefficients[:, 1, 0] / self.near.step_s), np.asarray(curves.gain[:, 1] * curves.spread / self.near.step_s)


def jumps(stretch: Int64s, time_s: Float64s, center_m: Float64s) -> tuple[Float64s, Float64s, Int64s]:
    """From each label before to each of K labels: how far apart the two are half way, each seen from its own side by a straight line through three
    labels at most, NaN where one side has less than two or another stretch is; (K,) how far the labels are from these lines; (K,) how many there are.
    """
    n = len(stretch)
    jump, spread, n_used = np.full(n, np.nan), np.full(n, np.nan), np.zeros(n, np.int64)
    if n < 2:
        return jump, spread, n_used
    near = neighbours(stretch, time_s)
    used = [one_sided(near, before=before) for before in (True, False)]
    first, then = (fitted(near, center_m, side, 1, np.asarray(side.sum(axis=1) >= 2)) for side in used)
    half = np.diff(time_s)[:, None] / 2
    ahead = first.coefficients[:-1, 0] + first.coefficients[:-1, 1] * half / near.step_s[:-1, None]
    back = then.coefficients[1:, 0] - then.coefficients[1:, 1] * half / near.step_s[1:, None]
    is_next = np.diff(stretch) == 0
    jump[1:] = np.where(is_next, np.linalg.norm((back - ahead)[:, :2], axis=1), np.nan)
    spread[1:] = np.where(is_next, np.sqrt((first.spread[:-1] ** 2 + then.spread[1:] ** 2) / 2), np.nan)
    n_used[1:] = np.where(is_next, used[0].sum(axis=1)[:-1] + used[1].sum(axis=1)[1:], 0)
    return jump, spread, n_used
