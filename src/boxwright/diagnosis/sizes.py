"""Faults that labels show by themselves: scalar-last quaternions, map coordinates, orders of sizes, orders of Euler angles."""

from __future__ import annotations

import itertools

import numpy as np

from ..arrays import Float64s
from ..taxonomy import SizePrior, Taxonomy
from .evidence import Evidence, Labels
from .turns import REORDERS, as_scalar_last, permuted
from .verdicts import FaultVerdict, absent, found, undecidable

__all__ = ["far_away", "order_of_euler", "order_of_sizes", "scalar_last"]

_FAR_M = 1e4
_UPRIGHT = 0.9  # of the z of a cuboid's own up
_ENOUGH = 6.0  # of log-likelihood
_FLAT = np.radians(0.3)
_SPREAD = np.radians(0.5)


def scalar_last(evidence: Evidence) -> tuple[FaultVerdict, Labels]:
    labels, name = evidence.labels, "quaternion_xyzw"
    if not len(labels):
        return undecidable(name, "there is no cuboid"), labels
    mended = as_scalar_last(labels)
    lying, still = float((labels.up[:, 2] < _UPRIGHT).mean()), float((mended.up[:, 2] < _UPRIGHT).mean())
    if lying > 0.05 and still < 0.02:
        saw = f"{lying:.0%} of {len(labels)} cuboids lie on their sides or heads, and {1 - still:.0%} stand once the scalar is taken to be last"
        return found(name, saw, 1 - still - 0.01, "read quaternions as x, y, z, w"), mended
    if lying < 0.05:
        return absent(name, f"{1 - lying:.0%} of {len(labels)} cuboids stand upright", 1 - lying), labels
    return undecidable(name, f"{lying:.0%} of the cuboids do not stand, and do not with the scalar last either"), labels


def far_away(evidence: Evidence) -> FaultVerdict:
    labels, name = evidence.labels, "utm"
    places = [np.abs(labels.center_m[:, :2]).max(1)] if len(labels) else []
    clouds = [np.abs(cloud.xyz[:, :2]).max(1) for cloud in evidence.clouds if len(cloud.xyz)]
    if not places and not clouds:
        return undecidable(name, "there is neither a cuboid nor a sweep")
    far = float(np.median(np.concatenate(places))) if places else 0.0
    cloud = float(np.median(np.concatenate(clouds))) if clouds else 0.0
    if max(far, cloud) > _FAR_M:
        what = "cuboids" if far > _FAR_M else "points"
        step = np.spacing(np.float32(max(far, cloud)))
        saw = f"half of the {what} are more than {max(far, cloud):,.0f} m from the sensor, where float32 has steps of {step:.2g} m"
        return found(name, saw, 0.99, "give points and cuboids in the sensor's or the vehicle's frame, and the place on the map in the poses")
    return absent(name, f"cuboids are {far:.0f} m away and points {cloud:.0f} m, in the median", 0.99)


# ------------------------------------------------------------ sizes


def order_of_sizes(evidence: Evidence) -> tuple[list[FaultVerdict], Labels]:
    """The sizes of each track against what its class usually has, in each order."""
    gains, n = _gains(evidence)
    names = list(REORDERS)
    best = max(names, key=lambda name: gains[name].sum(), default=names[0])
    results: list[FaultVerdict] = []
    mended = evidence.labels
    for name in names:
        gain = gains[name]
        total, share = float(gain.sum()), float((gain > 0).mean()) if n else 0.0
        if not n:
            results.append(undecidable(name, "no class with a usual size is among the cuboids"))
        elif name == best and total > _ENOUGH and share >= 0.7:
            saw = f"{share:.0%} of {n} tracks have the size of their class in that order, log-likelihood ratio {total:.0f}"
            order = "height, width, length" if name == "size_hwl" else "width, length, height"
            results.append(found(name, saw, 1 - np.exp(-total / 6), f"read sizes as {order}"))
            mended = permuted(evidence.labels, name)
        elif total < -_ENOUGH / 2 or best != name:
            saw = f"{1 - share:.0%} of {n} tracks have the size of their class as they are, log-likelihood ratio {-total:.0f}"
            results.append(absent(name, saw, 1 - np.exp(-abs(total) / 6)))
        else:
            results.append(undecidable(name, f"sizes of {n} tracks fit both orders, log-likelihood ratio {total:.1f}"))
    return results, mended


def _gains(evidence: Evidence) -> tuple[dict[str, Float64s], int]:
    """Fault -> log-likelihood that each track of a known class gains by its sizes in the other order."""
    labels, known = evidence.labels, Taxonomy.default()
    sizes, priors = [], list[SizePrior]()
    for k in np.unique(labels.track).tolist():
        category = known.get(evidence.scene.tracks[k].category)
        if category is not None and category.size_prior is not None:
            sizes.append(np.median(labels.size_m[labels.track == k], axis=0))
            priors.append(category.size_prior)
    size = np.array(sizes).reshape(-1, 3)
    now = _costs(size, priors)
    return {name: np.clip(now - _costs(size[:, order], priors), -9, 9) / 2 for name, order in REORDERS.items()}, len(priors)


def _costs(size: Float64s, priors: list[SizePrior]) -> Float64s:
    if not priors:
        return np.zeros(0)
    middle = np.log([prior.median_m for prior in priors])
    sigma = np.log(np.array([prior.high_m for prior in priors]) / np.array([prior.low_m for prior in priors])) / 3.29
    return np.asarray((np.clip((np.log(size) - middle) / np.maximum(sigma, 0.08), -5, 5) ** 2).sum(1))


# ------------------------------------------------------------ Euler angles


def order_of_euler(evidence: Evidence) -> tuple[FaultVerdict, Labels]:
    """Cuboids of one frame stand on one ground, so their ups agree; put together in another order, a common tilt turns with each cuboid's yaw."""
    labels, name = evidence.labels, "euler_order"
    if len(labels) < 5:
        return undecidable(name, f"{len(labels)} cuboids are too few to compare their tilts"), labels
    tilted = np.arccos(np.clip(labels.up[:, 2], -1, 1)) > _FLAT
    if tilted.sum() < 5:
        return undecidable(name, f"{tilted.sum()} of {len(labels)} cuboids are tilted: for the others every order gives the same"), labels
    some = Labels(labels.frame[tilted], labels.track[tilted], labels.center_m[tilted], labels.size_m[tilted], labels.quat_wxyz[tilted])
    spread, usual = _spread(some, some.up), float(np.median(np.arccos(np.clip(some.up[:, 2], -1, 1))))
    orders = {pair: _spread(some, _reordered(some, *pair)[1]) for pair in itertools.permutations(("XYZ", "ZYX", "YXZ", "ZXY"), 2)}
    read_as, meant = min(orders, key=lambda pair: round(orders[pair], 3))  # of orders that are as good, the usual one
    least, degrees = orders[read_as, meant], np.degrees
    if spread > _SPREAD and spread > 2 * least:
        saw = f"cuboids of one frame are tilted {degrees(spread):.1f} degrees against each other, and {degrees(least):.2f} as {meant}, not {read_as}"
        quat, _ = _reordered(labels, read_as, meant)
        return found(name, saw, 1 - least / spread, f"put the angles together as {meant}, not as {read_as}"), labels.changed(quat_wxyz=quat)
    if spread < 0.5 * usual or spread < 1.5 * least:
        return absent(
            name, f"{len(some)} cuboids are tilted, by {degrees(usual):.1f} degrees, and alike in a frame: within {degrees(spread):.2f}"
        ), labels
    return undecidable(name, f"tilts differ by {degrees(spread):.1f} degrees in one frame, and no order explains it"), labels


def _spread(labels: Labels, up: Float64s) -> float:
    """Median angle between a cuboid's up and the median one of its frame."""
    apart = []
    for frame in np.unique(labels.frame).tolist():
        here = up[labels.frame == frame]
        if len(here) >= 3:
            middle = np.median(here, axis=0)
            apart += np.arccos(np.clip(here @ (middle / np.linalg.norm(middle)), -1, 1)).tolist()
    return float(np.median(apart)) if apart else 0.0


def _reordered(labels: Labels, read_as: str, meant: str) -> tuple[Float64s, Float64s]:
    """Quaternions and ups with the same angles in another order."""
    import warnings

    from scipy.spatial.transform import Rotation

    x, y, z, w = labels.quat_wxyz[:, [1, 2, 3, 0]].T
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # at the poles two of the angles turn about one axis
        angles = Rotation.from_quat(np.stack([x, y, z, w], 1)).as_euler(read_as)
    order = [read_as.index(axis) for axis in meant]
    turns = Rotation.from_euler(meant, angles[:, order])
    return turns.as_quat()[:, [3, 0, 1, 2]], turns.as_matrix()[:, :, 2]
