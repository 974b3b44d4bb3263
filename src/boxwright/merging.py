"""One cuboid of several that mean the same: how much each annotator scatters is learnt from all they labelled, what lies apart is turned down.

Annotators' variances come from how much every two of them differ: of three, a and b differ by s_a^2 + s_b^2, and so on, which gives each one's own
without the truth (F. E. Grubbs, Journal of the American Statistical Association 43, 1948). The place is an M-estimate with Tukey's biweight around a
geometric median (P. J. Huber and E. M. Ronchetti, Robust Statistics, 2nd edition, 2009); the rotation is one on SO(3), its means being those of
F. L. Markley et al., Journal of Guidance, Control and Dynamics 30(4), 2007.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from .arrays import Bools, Float64s, Int64s
from .rotations import quat_multiply, yaw_from_quat

__all__ = ["Merged", "angles_between", "merged_rotations", "merged_vectors", "spreads"]

BIWEIGHT = 6.0  # standard deviations beyond which a label says nothing
N_MEDIAN, N_BIWEIGHT = 20, 15
LEAST_SHARED = 5  # units two annotators must share for their difference to tell something
PRIOR_OBJECTS = 30.0  # as much as so many objects speaks for everybody being equally good: few objects tell little about a person
LEAST_SHARE_OF_VARIANCE = 0.1  # of the usual one: nobody is believed to be better than that
EPS = 1e-9


@dataclass(frozen=True, eq=False)
class Merged:
    """value : (U, 3) vectors or (U, 4) quaternions; weight : (U, N), summing to 1; is_undecided : (U,) what is said lies too far apart to decide"""

    value: Float64s
    weight: Float64s
    is_undecided: Bools


def spreads(differences: Callable[[int, int], Float64s], objects: Callable[[int, int], Int64s], n: int, least: float) -> Float64s:
    """(N,) standard deviation of each of n annotators.

    differences : (i, j) -> (K, D) what the two differ by in each number of the K units both have
    objects : (i, j) -> (K,) which object each of them is of
    least : no smaller one is believed
    """
    from scipy.optimize import nnls

    rows, wanted, weights, n_objects = [], [], [], np.zeros(n)
    for i, j in combinations(range(n), 2):
        apart = differences(i, j)
        if len(apart) < LEAST_SHARED:
            continue
        number = len(np.unique(objects(i, j)))
        rows.append(np.isin(np.arange(n), (i, j)).astype(np.float64))
        wanted.append(_robust_variance(apart))
        weights.append(np.sqrt(number))
        n_objects[[i, j]] += number / max(n - 1, 1)
    if not rows:
        return np.full(n, max(least, 1.0))
    scale = np.array(weights)
    matrix, target = np.array(rows) * scale[:, None], np.array(wanted) * scale
    if n == 2:
        own = np.full(2, wanted[0] / 2)
    else:
        own = nnls(matrix, target)[0]
    known = n_objects > 0
    usual = float(np.median(own[known]))
    own = np.where(known, (n_objects * own + PRIOR_OBJECTS * usual) / (n_objects + PRIOR_OBJECTS), usual)
    spread: Float64s = np.maximum(np.sqrt(np.maximum(own, LEAST_SHARE_OF_VARIANCE * usual)), least)
    return spread


def _robust_variance(values: Float64s) -> float:
    """Of each number of (K, D) about zero, without the rows beyond where 99 in 100 of a normal distribution lie; it does not turn with the axes."""
    from scipy.special import gammainc, gammaincinv

    half = values.shape[1] / 2
    squares = (values**2).sum(1)
    middle = float(np.median(squares)) / (2 * gammaincinv(half, 0.5))
    most = 2 * gammaincinv(half, 0.99)
    near = squares[squares <= most * middle]
    kept = gammainc(half + 1, most / 2) / 0.99  # the share of its variance that a normal distribution has there
    return float(near.mean() / (2 * half * kept)) if len(near) else 0.0


def merged_vectors(values: Float64s, is_there: Bools, spread: Float64s) -> Merged:
    """(U, N, 3) places or sizes, of which (U, N) are there, with the annotators' (N,) standard deviations."""
    x = np.where(is_there[:, :, None], values, 0.0)
    first = np.argmax(is_there, axis=1)
    origin = x[np.arange(len(x)), first]  # far from zero nothing is lost, and equal values stay equal to the bit
    x = np.where(is_there[:, :, None], x - origin[:, None], 0.0)

    def mean(weight: Float64s) -> Float64s:
        total: Float64s = (weight[:, :, None] * x).sum(1)
        return total

    def distance(place: Float64s) -> Float64s:
        gap: Float64s = np.linalg.norm(x - place[:, None], axis=2)
        return gap

    weight, undecided = _weights(mean, distance, is_there, spread)
    return Merged(origin + mean(weight), weight, undecided)


def merged_rotations(quats: Float64s, is_there: Bools, spread: Float64s) -> Merged:
    """(U, N, 4) unit quaternions, of which (U, N) are there; exactly upright where all of them are.

    Of two that are turned by more than a right angle the one of the better annotator is taken, of two as good the first.
    """
    q = np.where(is_there[:, :, None], quats, np.array([1.0, 0, 0, 0]))

    def mean(weight: Float64s) -> Float64s:
        vectors = np.linalg.eigh(np.einsum("un,uni,unj->uij", weight, q, q))[1][..., -1]
        return vectors

    def distance(turn: Float64s) -> Float64s:
        cosine = np.abs(np.einsum("uni,ui->un", q, turn))
        sine = np.sqrt(np.maximum(1 - cosine**2, 0))
        return np.asarray(2 * np.arctan2(sine, cosine))

    n_there = is_there.sum(1)
    best = np.argmax(np.where(is_there, 1 / spread, -1.0), axis=1)
    far = distance(q[np.arange(len(q)), best]) * is_there > np.pi / 2
    split = (n_there == 2) & far.any(1)
    weight, undecided = _weights(mean, distance, is_there & ~(split[:, None] & far), spread)
    turn = mean(weight)
    turn = np.where(turn[:, :1] < 0, -turn, turn)
    upright = ((q[:, :, 1] == 0) & (q[:, :, 2] == 0)).all(1)
    turn[upright, 1:3] = 0
    turn /= np.linalg.norm(turn, axis=1, keepdims=True)
    heaviest = q[np.arange(len(q)), np.argmax(weight, axis=1)]
    is_same = (q == heaviest[:, None]).all(2) | (weight == 0)
    turn = np.where(is_same.all(1)[:, None], heaviest, turn)  # the very bits that all of them have
    return Merged(turn, weight, undecided | split)


def _weights(
    mean: Callable[[Float64s], Float64s], distance: Callable[[Float64s], Float64s], is_there: Bools, spread: Float64s
) -> tuple[Float64s, Bools]:
    """(U, N) weights that sum to 1, and where nobody is near enough to the middle to be believed more than the others."""
    base = _normed(is_there / spread**2)
    weight = base
    for _ in range(N_MEDIAN):
        weight = _normed(base / np.maximum(distance(mean(weight)) / spread, 1e-3))
    best, undecided = weight, np.zeros(len(base), bool)
    for _ in range(N_BIWEIGHT):
        off = distance(mean(best)) / spread / BIWEIGHT
        trusted = base * np.maximum(1 - off**2, 0) ** 2
        undecided = trusted.sum(1) < EPS
        best = np.where(undecided[:, None], base, _normed(trusted))
    return best, undecided


def _normed(weight: Float64s) -> Float64s:
    total = weight.sum(1, keepdims=True)
    return weight / np.where(total > 0, total, 1.0)


def angles_between(a_wxyz: Float64s, b_wxyz: Float64s) -> Float64s:
    """(K, 1) angles from (K, 4) to (K, 4); half turns of the heading are taken out.

    One number: labels scatter about their upright axis much more than about the others, so three numbers alike would make too little of it.
    """
    relative = quat_multiply(a_wxyz * np.array([1.0, -1, -1, -1]), b_wxyz)
    turned = np.abs(yaw_from_quat(relative)) > np.pi / 2
    half = np.broadcast_to(np.array([0.0, 0, 0, 1]), relative.shape)
    relative = np.where(turned[:, None], quat_multiply(relative, half), relative)
    angle: Float64s = 2 * np.arctan2(np.linalg.norm(relative[:, 1:], axis=1), np.abs(relative[:, 0]))
    return angle[:, None]
