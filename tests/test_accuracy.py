"""The benchmark of accuracy: that its tables say what was measured."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import boxwright as bw

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
import accuracy
import accuracy_fitting as fitting


def test_a_part_made_anew_leaves_the_others():
    text = accuracy.written("", "sigma", ["old sigma"])
    text = accuracy.written(text, "fitting", ["## Fitting", "a | b"])
    again = accuracy.written(text, "sigma", ["new sigma"])
    assert again.index("a | b") < again.index("new sigma") and "old sigma" not in again
    assert accuracy.written(again, "sigma", ["new sigma"]) == again


def test_coverage_counts_what_lies_in_the_intervals():
    rows = [{"error": np.full(7, error), "sigma": np.r_[np.ones(6), np.nan]} for error in (0.0, -1.6, 1.7, 5.0)]
    assert fitting.coverages(rows) == ["0.50"] * 6 + ["-"]


@pytest.fixture(scope="module")
def shots():
    return list(fitting.simulated_shots([8], n_frames=3, every=2))  # a motorway, 64 x 1800


def test_rows_of_clicks_are_measured_against_the_truth(shots):
    rows = list(fitting.click_rows(shots, np.random.default_rng(0), 1))
    assert len(rows) == sum(thing.category in fitting.VEHICLES for shot in shots for thing in shot.things) > 10
    assert {row["source"] for row in rows} == {"motorway"}
    many = [row for row in rows if row["n"] >= 200]
    assert len(many) >= 2 and np.mean([row["iou"] for row in many]) > 0.6 and np.mean([row["good"] for row in many]) > 0.5
    table = list(fitting.fitting_table(rows, np.random.default_rng(0)))
    assert f"| **one click**, at least 5 points | {len(rows)} |" in table[1]


def test_priors_of_a_track_are_our_own_fits_of_other_frames(shots):
    list(fitting.click_rows(shots, np.random.default_rng(0), 1))
    name = next(t.name for t in shots[0].things if len(t.own) >= 200 and any(o.name == t.name and len(o.own) >= 200 for o in shots[1].things))
    first, second = ((shot, next(t for t in shot.things if t.name == name)) for shot in shots)
    hints = fitting.track_hints(second[0], [first])
    np.testing.assert_allclose(hints["size_prior"].median_m, first[1].fits[0][1].cuboid.size_m)
    off = (hints["yaw_prior"][0] - second[1].truth.yaw_rad[0] + np.pi / 2) % np.pi - np.pi / 2
    assert abs(off) < np.radians(10)
    assert fitting.track_hints(second[0], []) == {}
    fit = bw.fit_at(second[0].points, second[0].points[second[1].own[0]], second[1].category, **second[0].hints, **hints)
    assert np.isfinite(fit.cuboid.center_m).all()
