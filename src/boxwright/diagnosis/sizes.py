"""Faults that labels show by themselves: scalar-last quaternions, orders of sizes."""

from __future__ import annotations

import itertools

import numpy as np

from ..arrays import Float64s
from ..errors import number_of
from ..taxonomy import SizePrior, Taxonomy
from .evidence import Evidence, Labels
from .turns import REORDERS, as_scalar_first, as_scalar_last, permuted
from .verdicts import FaultVerdict, absent, found, undecidable

__all__ = ["order_of_sizes", "scalar_last", "sizes_in_doubt"]

_UPRIGHT = 0.9  # of the z of a cuboid's own up
_ENOUGH = 6.0  # of log-likelihood
_PLAUSIBLE = 11.3  # of squared deviations of three sides: of a hundred, one has more
_LEAST_FIT = 0.5  # of the tracks
_SIDES = ("length", "width", "height")


def scalar_last(evidence: Evidence) -> tuple[FaultVerdict, Labels]:
    labels, name = evidence.labels, "quaternion_xyzw"
    mended, rolled = as_scalar_last(labels), as_scalar_first(labels)
    lying, still, again = (float((one.up[:, 2] < _UPRIGHT).mean()) for one in (labels, mended, rolled))
    n_lying, n_still, n_again = (round(share * len(labels)) for share in (lying, still, again))
    of_all = f"of {number_of(len(labels), 'cuboid')}"
    if lying > 0.05 and still < 0.02:
        saw = f"on their sides or heads: {n_lying} {of_all}, and {n_still} with the scalar last"
        return found(name, saw, 1 - still - 0.01, "read quaternions as x, y, z, w"), mended
    if lying > 0.05 and again < 0.02:
        saw = f"on their sides or heads: {n_lying} {of_all}, and {n_again} with the scalar first"
        return found(name, saw, 1 - again - 0.01, "read quaternions as w, x, y, z: they were taken for x, y, z, w"), rolled
    if lying > 0.05:
        why = f"not upright: {n_lying} {of_all}, and taking the scalar to be last does not mend that"
        return undecidable(name, why, "look at a few of them; their angles may be wrong in another way"), labels
    if still < 0.02:
        why = "all cuboids stand upright whether the scalar is first or last: they head along x, there or back"
        return undecidable(name, why, "label an object that heads elsewhere"), labels
    return absent(name, f"upright: {len(labels) - n_lying} {of_all}", 1 - lying), labels


# ------------------------------------------------------------ sizes


def order_of_sizes(evidence: Evidence) -> tuple[list[FaultVerdict], Labels]:
    """The sizes of each track against what its class usually has, in each order."""
    size, priors = _known(evidence)
    gains, n = _gains(size, priors), len(priors)
    if not n:
        some = ", ".join(sorted({track.category for track in evidence.scene.tracks})[:5])
        why = f"none of the classes ({some}) has a size that boxwright knows"
        return [undecidable(name, why, "call classes by usual names, such as car or pedestrian") for name in REORDERS], evidence.labels
    total = {order: float(gain.sum()) for order, gain in gains.items()}
    named, other = sorted(REORDERS.values(), key=lambda order: -total[order])
    rare = max(set(total) - {named, other}, key=lambda order: total[order])
    best = rare if total[rare] > max(total[named], 0) + _ENOUGH else named  # car and van are as wide as they are high: the usual mistake goes first
    share = float((gains[best] > 0).mean())
    is_found = _fitting(size[:, best], priors) >= _LEAST_FIT and total[best] > _ENOUGH and share >= 0.7 and total[best] - total[other] > _ENOUGH / 2
    usual = total[best] if is_found else 0.0
    verdicts = {name: _of_order(name, total[order] - usual, n) for name, order in REORDERS.items()}
    why = "" if is_found else sizes_in_doubt(evidence)
    if why:
        return [undecidable(name, why, "look at the unit of sizes, and at the names of classes") for name in REORDERS], evidence.labels
    if not is_found:
        return list(verdicts.values()), evidence.labels
    nearest = next(name for name, order in REORDERS.items() if order == named)  # the same one, unless it is none of the two
    saw = f"{share:.0%} of {number_of(n, 'object')} have the size of their class as {_spelt(best)}, log-likelihood ratio {total[best]:.0f}"
    verdicts[nearest] = found(nearest, saw, _sure(total[best]), f"read sizes as {_spelt(best)}: {_exchange(best)}")
    return list(verdicts.values()), permuted(evidence.labels, best)


def _spelt(order: tuple[int, ...]) -> str:
    """What is taken for length, width, height, in an order: where each of them is found tells what stands at each place."""
    return ", ".join(_SIDES[order.index(place)] for place in range(3))


def _exchange(order: tuple[int, ...]) -> str:
    moved = [side for place, side in enumerate(_SIDES) if order[place] != place]
    return f"exchange what is taken for {' and for '.join(moved)}" if len(moved) == 2 else "all three are in other places"


def _of_order(name: str, gain: float, n: int) -> FaultVerdict:
    """Of an order that was not found: log-likelihood that it gains over the one that was, or that is."""
    if gain < -_ENOUGH / 2:
        return absent(name, f"{number_of(n, 'object')} fit their classes worse in that order, log-likelihood ratio {gain:.0f}", _sure(-gain))
    why = f"the sizes of {number_of(n, 'object')} fit their classes about as well as {_spelt(REORDERS[name])}, log-likelihood ratio {gain:.1f}"
    return undecidable(name, why, "label more objects of usual classes, such as cars")


def _sure(odds: float) -> float:
    return float(1 - np.exp(-odds / 6))


def sizes_in_doubt(evidence: Evidence) -> str:
    """What is to be said where most sizes fit their classes in no order; empty where they fit, or where no class is known."""
    size, priors = _known(evidence)
    if not priors or max(_fitting(size[:, order], priors) for order in itertools.permutations(range(3))) >= _LEAST_FIT:
        return ""
    objects = number_of(len(priors), "object")
    return f"in no order do the sizes of most of {objects} fit their classes: they are {_factor(size, priors):.2g} times as large"


def _known(evidence: Evidence) -> tuple[Float64s, list[SizePrior]]:
    """(n, 3) sizes of the tracks whose class is known, and what the class has."""
    labels, known = evidence.labels, Taxonomy.default()
    sizes, priors = [], list[SizePrior]()
    for k in np.unique(labels.track).tolist():
        category = known.get(evidence.scene.tracks[k].category)
        if category is not None and category.size_prior is not None:
            sizes.append(np.median(labels.size_m[labels.track == k], axis=0))
            priors.append(category.size_prior)
    return np.array(sizes).reshape(-1, 3), priors


def _gains(size: Float64s, priors: list[SizePrior]) -> dict[tuple[int, ...], Float64s]:
    """Order -> log-likelihood that each track gains by its sizes in the other order."""
    now = _costs(size, priors)
    orders = [order for order in itertools.permutations(range(3)) if order != (0, 1, 2)]
    return {order: np.clip(now - _costs(size[:, order], priors), -9, 9) / 2 for order in orders}


def _fitting(size: Float64s, priors: list[SizePrior]) -> float:
    """The share of tracks whose sizes their classes may have."""
    return float((_costs(size, priors) < _PLAUSIBLE).mean())


def _factor(size: Float64s, priors: list[SizePrior]) -> float:
    """By how much tracks are larger than their classes, volume for volume, along one side."""
    return float(np.exp(np.median(np.log(size).mean(1) - np.log([prior.median_m for prior in priors]).mean(1))))


def _costs(size: Float64s, priors: list[SizePrior]) -> Float64s:
    if not priors:
        return np.zeros(0)
    middle = np.log([prior.median_m for prior in priors])
    sigma = np.log(np.array([prior.high_m for prior in priors]) / np.array([prior.low_m for prior in priors])) / 3.29
    return np.asarray((np.clip((np.log(size) - middle) / np.maximum(sigma, 0.08), -5, 5) ** 2).sum(1))
