"""The benchmark of accuracy: that its tables say what was measured."""

from __future__ import annotations

import dataclasses
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import boxwright as bw

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
import accuracy
import accuracy_checks as checks
import accuracy_fitting as fitting
import accuracy_interpolation as interpolation
import injected_errors as injected
import sigma_factors
from boxwright import click_sigma


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
    hints = fitting.track_hints(second[0], second[1].category, [first])
    found, usual = first[1].fits[0][1], bw.Taxonomy.default().find(second[1].category).size_prior
    assert hints["size_prior"].median_m == usual.measured(found.cuboid.size_m, found.sigma.size_m).median_m
    off = (hints["yaw_prior"][0] - second[1].truth.yaw_rad[0] + np.pi / 2) % np.pi - np.pi / 2
    assert abs(off) < np.radians(10)
    assert fitting.track_hints(second[0], second[1].category, []) == {}
    fit = bw.fit_at(second[0].points, second[0].points[second[1].own[0]], second[1].category, **second[0].hints, **hints)
    assert np.isfinite(fit.cuboid.center_m).all()


def test_the_truth_of_what_moves_goes_on_beyond_the_first_and_last_keyframe():
    stamps = 1_000_000_000 + 100_000_000 * np.arange(5)
    way = np.c_[30.0 * np.arange(5) / 10, np.zeros((5, 2))]
    track = bw.Track("a", "car", stamps, bw.Cuboids(way, np.ones((5, 3)), np.zeros(5), frame="world"))
    for moment, x in ((stamps[0] - 40_000_000, -1.2), (stamps[2] + 10_000_000, 6.3), (stamps[-1] + 50_000_000, 13.5)):
        assert fitting.true_cuboid(track, int(moment)).center_m[0, 0] == pytest.approx(x, abs=1e-6)


def test_words_of_a_benchmark_stand_above_its_table():
    lines = accuracy.printed("accuracy_retiming.py", "a table\n")
    assert lines[0].startswith("How far boxes are") and "python benchmarks" not in lines[0] and lines[1:] == ["", "```text", "a table", "```"]


# ------------------------------------------------------------ the factors of sigma


def test_factors_make_intervals_that_hold_92_percent(rng):
    """Of errors that are normal with another spread, in each cell that has enough of them; the others take what is nearest."""
    kinds, points = len(click_sigma.KINDS), len(click_sigma.FROM_POINTS) + 1
    spread = rng.uniform(0.5, 3.0, (kinds, points, 2))
    cells = np.array([c for c in np.ndindex(spread.shape) if c[:2] != (5, 3) for _ in range(2000)])
    ratio = np.abs(rng.normal(0, 1, (len(cells), 7))) * spread[tuple(cells.T)][:, None]
    table = sigma_factors.factors(np.column_stack([cells, ratio]))
    held = np.quantile(np.abs(rng.normal(0, 1, 100_000)), 0.92) / 1.645
    np.testing.assert_allclose(table[:5, :, 0], held * spread[:5, :, 0], rtol=0.15)
    np.testing.assert_allclose(table[:5, :, 5], held * spread[:5, :, 1], rtol=0.15)
    np.testing.assert_array_equal(table[5, 3], table[5, 2])


def test_the_table_is_as_the_fits_read_it(rng):
    table = click_sigma.FACTORS
    assert table.shape == (len(click_sigma.KINDS), len(click_sigma.FROM_POINTS) + 1, 10)
    assert "".join(sigma_factors.as_source(table).split()) in "".join(Path(click_sigma.__file__).read_text(encoding="utf-8").split())


def test_ratios_are_errors_in_sigmas_along_the_cuboid():
    cuboid, truth = bw.Cuboid([1.0, 2.0, 0.5], [4.0, 2.0, 1.5], 0.3), bw.Cuboids([[1.0, 2.0, 0.4]], [[4.4, 1.9, 1.5]], [0.3])
    along, across = 0.4, 0.1
    c, s = np.cos(0.3), np.sin(0.3)
    sigma = bw.fit_cuboid(np.random.default_rng(0).uniform(-1, 1, (50, 3)) + 9).sigma
    xy = [np.hypot(c * along, s * across), np.hypot(s * along, c * across)]
    sigma = dataclasses.replace(sigma, center_m=np.array([*xy, 0.1]), size_m=np.array([0.2, 0.1, 0.3]), yaw_rad=0.1)
    moved = bw.Cuboid(cuboid.center_m + 0.8 * np.array([c, s, 0.0]), cuboid.size_m, 0.35)
    for fitted, wanted in ((cuboid, (0, 0, 0, 1, 2, 1, 0)), (moved, None)):
        fit = bw.Fit(fitted, sigma, (), frozenset(), np.arange(3))
        found = sigma_factors.ratios(fit, truth)
        if wanted is not None:
            np.testing.assert_allclose(found, wanted, atol=1e-9)
        else:
            assert found[0] == pytest.approx(2.0, rel=0.1) and found[2] == pytest.approx(0.5)
    ambiguous = bw.Fit(cuboid, sigma, (), frozenset({"yaw_ambiguous_90"}), np.arange(3))
    assert np.isnan(sigma_factors.ratios(ambiguous, truth)[2])


# ------------------------------------------------------------ between keyframes


@pytest.mark.parametrize(
    ("speed", "turn", "hidden", "kinds"),
    [
        ([0.0] * 5, 0.0, (), ["parked"]),
        ([8.0] * 5, 0.0, (), ["other"]),
        ([8.0, 8.0, 7.5, 7.0, 6.0], 0.0, (), ["braking"]),
        ([8.0] * 5, 0.2, (), ["turning"]),
        ([8.0] * 5, 0.0, (2,), ["hidden"]),
        ([8.0, 7.0, 6.0, 5.0, 4.0], 0.3, (3,), ["turning", "braking", "hidden"]),
    ],
)
def test_gaps_are_told_apart_by_what_happens_there(speed, turn, hidden, kinds):
    center = np.c_[np.cumsum([0.0, *speed]) / 10, np.zeros((6, 2))]
    seen = np.where(np.isin(np.arange(6), hidden), bw.Visibility.OCCLUDED, bw.Visibility.VISIBLE).astype(np.uint8)
    cuboids = bw.Cuboids(center, np.tile([4.0, 2, 1.5], (6, 1)), np.linspace(3.1, 3.1 + turn, 6), frame="world")
    track = bw.Track("a", "car", 100_000_000 * np.arange(1, 7), cuboids, visibility=seen)
    assert interpolation.kinds_of(track, 0, 5) == kinds
    ((names, off, yaw, iou),) = interpolation.errors_between(track, 5)
    assert names == kinds and len(off) == len(yaw) == len(iou) == 4
    if kinds == ["other"]:
        np.testing.assert_allclose(off, 0.0, atol=1e-9)
        np.testing.assert_allclose(iou, 1.0)


def test_a_fault_is_found_where_a_new_finding_names_its_track_in_its_frames():
    times = np.arange(200, dtype=np.int64) * 100_000_000
    way, size = np.outer(times * 1e-9, [8.0, 0.0, 0.0]), np.tile([4.4, 1.8, 1.5], (200, 1))
    cars = [bw.Track(f"car {k}", "car", times, bw.Cuboids(way + np.array([0.0, 9.0 * k, 0.8]), size, 0.0)) for k in range(3)]
    still = bw.Trajectory(times[[0, -1]], [bw.Pose.identity()] * 2)
    scene = bw.Scene("road", times, {"lidar": bw.Lidar("lidar")}, {}, still, cars)
    fault = injected.plan(scene, "size", 1)[0][0]
    clean, found = (bw.check(one, rules="size_change") for one in (scene, injected.inject(scene, [fault])))
    assert checks.is_found(fault, found, clean) and not checks.is_found(fault, clean, clean) and not checks.is_found(fault, found, found)
    elsewhere = injected.Fault("size", "vehicles", (fault.first + 50) % 200, (fault.first + 50) % 200, fault.track_ids)
    assert not checks.is_found(elsewhere, found, clean)
    assert not checks.is_found(injected.Fault("size", "vehicles", fault.first, fault.last, ("car other",)), found, clean)
    assert not checks.is_found(injected.Fault("deleted", "vehicles", fault.first, fault.last, fault.track_ids), found, clean)


def test_tables_of_checks_say_what_was_counted():
    hits = {("shift", "vehicles"): [("a", True), ("a", False), ("b", True), ("c", True)], ("late", "cameras"): [("x", True)]}
    told = "\n".join(checks.recall_rows(hits))
    assert "| shift | 0.750 [" in told and "of 4 |" in told and "of 1 |" in told
    told = "\n".join(checks.alarm_rows({"a": Counter(speed=2), "b": Counter()}, {"a": 1000, "b": 1000}))
    assert "| a | 1,000 | 2.00 | speed 2 |" in told and "| b | 1,000 | 0.00 | none |" in told and "| **all** | 2,000 | 1.00 |" in told
