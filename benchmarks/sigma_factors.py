"""Makes the table in `src/boxwright/click_sigma.py`: by what sigmas after a click are multiplied, so that intervals of 1.645 of them hold the truth.

    python benchmarks/sigma_factors.py [--seeds 4000 4300]

One click on every object of simulated recordings. A factor is the 92 % quantile of |error| / sigma over 1.645, of at least FEWEST cases: where there
are fewer, of the same class with fewer or more points, or of all vehicles, or of people and two-wheelers together, at last with any number of
points. accuracy.py reports what comes of it on other recordings.
"""

from __future__ import annotations

import argparse

import numpy as np

import accuracy_fitting
import boxwright as bw
from boxwright import click_sigma, fitting

FEWEST, SHARE, SWAP_RAD = 40, 0.92, np.pi / 4
PLACE, REST = ("along", "across", "yaw"), ("z", "length", "width", "height")


def clicked_rows(seeds):
    """(K, 10) kind, points, whether doubtful, then |error| / sigma along, across, of yaw (NaN where it is not told), z, length, width, height."""
    asked = {}

    def unscaled(n, cost, hints):
        asked[n] = (click_sigma.kind_of(hints), int(np.searchsorted(click_sigma.FROM_POINTS, n, side="right")), click_sigma.is_doubtful(n, cost))
        return np.ones(7)

    fitting.click_scale = unscaled  # the sigmas as they are before the table
    for shot in accuracy_fitting.simulated_shots(seeds):
        rng = np.random.default_rng(len(shot.points))
        for thing in shot.things:
            asked.clear()
            try:
                fit = bw.fit_at(shot.points, shot.points[rng.choice(thing.own)], thing.category, **shot.hints)
            except bw.GeometryError:
                continue
            yield *asked[len(fit.point_index)], *ratios(fit, thing.truth)


def ratios(fit, truth):
    cuboid, sigma = fit.cuboid, fit.sigma
    c, s = np.cos(cuboid.yaw_rad), np.sin(cuboid.yaw_rad)
    x, y, z = cuboid.center_m - truth.center_m[0]
    turn = (cuboid.yaw_rad - truth.yaw_rad[0] + np.pi / 2) % np.pi - np.pi / 2
    along, across = _own_axes(c * c, s * s, *sigma.center_m[:2])
    yaw = np.nan if "yaw_ambiguous_90" in fit.flags or abs(turn) > SWAP_RAD else abs(turn) / sigma.yaw_rad
    size = np.abs(cuboid.size_m - truth.size_m[0]) / sigma.size_m
    return abs(c * x + s * y) / along, abs(c * y - s * x) / across, yaw, abs(z) / sigma.center_m[2], *size


def _own_axes(cc, ss, x, y):
    """Sigmas along and across from those of x and y; where the cuboid stands at half a right angle to these, both are the same."""
    if abs(cc - ss) < 0.2:
        return (np.hypot(x, y) / np.sqrt(2),) * 2
    both = np.array([cc * x**2 - ss * y**2, cc * y**2 - ss * x**2]) / (cc - ss)
    return tuple(np.sqrt(np.maximum(both, 1e-6)))


def factors(rows):
    """(kinds, points, 2 x 3 + 4): along, across, yaw; the same in doubt; z, length, width, height."""
    kind, points, doubt, ratio = rows[:, 0], rows[:, 1], rows[:, 2] > 0, rows[:, 3:]
    n_kinds, n_points = len(click_sigma.KINDS), len(click_sigma.FROM_POINTS) + 1
    table = np.ones((n_kinds, n_points, 10))
    for k, p, column in np.ndindex(table.shape):
        state = np.ones(len(rows), bool) if column >= 6 else doubt == (column >= 3)
        q = column - 3 if column >= 3 else column
        own, alike = (kind == k) & state, ((kind < 2) == (k < 2)) & state
        chosen = [own & (points == p), own & (points == p - 1), own & (points == p + 1), alike & (points == p), own, alike]
        table[k, p, column] = _factor(ratio[:, q], chosen)
    return table


def _factor(ratio, chosen):
    """Of the first of some choices that is large enough."""
    for rows in chosen:
        told = ratio[rows & np.isfinite(ratio)]
        if len(told) >= FEWEST:
            return float(np.quantile(told, SHARE)) / 1.645
    return 1.0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs=2, default=(4000, 4300))
    options = parser.parse_args()
    rows = np.array(list(clicked_rows(range(*options.seeds))), float)
    print(f"# {len(rows)} clicks")
    print(as_source(factors(rows)))


def as_source(table):
    lines = []
    for name, by_points in zip(click_sigma.KINDS, table, strict=True):
        lines += [f"    (  # {name}", *(f"        ({', '.join(f'{v:.2f}' for v in row)})," for row in by_points), "    ),"]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
