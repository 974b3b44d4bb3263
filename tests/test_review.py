"""Review: the order, verdicts, and sampling plans that keep their promise."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import boxwright as bw
import traffic
from boxwright.review import _stages

wrong_at_most = bw.wrong_at_most


@pytest.fixture(scope="module")
def road() -> bw.Scene:
    return traffic.traffic()


@pytest.fixture(scope="module")
def wrong(road) -> bw.Scene:
    return traffic.changed(traffic.changed(road, 2, 20, shift=(0.4, 0, 0)), 4, 10, factor=1.2)


def test_the_riskiest_comes_first(road, wrong):
    items = bw.review_order(wrong, bw.check(wrong, rules="labels,-class_imbalance"))
    assert [item.track_id for item in items[:2]] == ["car-4", "car-2"] and items[0].risk == pytest.approx(0.9) and items[1].risk == pytest.approx(0.5)
    assert items[0].frame_index == 10 and items[0].findings and len(items) == 8 and items[2].risk == 0
    unsure = bw.review_order(wrong, bw.check(wrong, rules="labels"), sigma_m={"car-2": 0.4, "car-7": 0.1, "gone": 1.0, "car-1": math.nan})
    assert {item.track_id: round(item.risk, 3) for item in unsure[:3]} == {"car-4": 0.9, "car-2": 0.75, "car-7": 0.25}


def test_disagreements_count(road):
    two = bw.Disagreement("position", "car", 3, 9, 7, {"a": ["car-5"], "b": ["car-6"]}, {}, 1.0, "m", 10.0)
    assert {item.track_id for item in bw.review_order(road, disagreements=[two])[:2]} == {"car-5", "car-6"}
    items = bw.review_order(road, disagreements=[two], annotator="b")
    assert (items[0].track_id, items[0].frame_index, items[1].risk) == ("car-6", 3, 0)


def test_verdicts_go_stale_with_the_label(road, wrong):
    findings = bw.check(wrong, rules="outlier_position,size_change")
    verdicts = [bw.ReviewVerdict.of(one, "waived", "seen in the picture", "anna") for one in findings]
    assert bw.open_findings(findings, verdicts, wrong) == []
    later = traffic.changed(wrong, 2, 20, shift=(0.1, 0, 0))
    again = bw.check(later, rules="outlier_position,size_change")
    assert [one.track_ids for one in bw.open_findings(again, verdicts, later)] == [("car-2",)]
    assert [one.is_stale(later) for one in verdicts] == [one.track_ids == ("car-2",) for one in verdicts]
    rejected = bw.ReviewVerdict.of(findings[0], "rejected", "it is a van's size", "anna")
    assert bw.open_findings(findings, [rejected], wrong) == list(findings)
    assert rejected.is_stale(wrong.replace(tracks=wrong.tracks[:3]))


@pytest.mark.parametrize(("decision", "reason", "says"), [("fine", "", "one of accepted"), ("rejected", " ", "a reason"), ("waived", "", "a reason")])
def test_verdicts_need_a_reason(wrong, decision, reason, says):
    (one,) = bw.check(wrong, rules="size_change")
    with pytest.raises(bw.ArgumentError, match=says):
        bw.ReviewVerdict.of(one, decision, reason)
    assert bw.ReviewVerdict.of(one, "accepted").decision == "accepted"


def chance_to_pass(n: int, bad: int, stages: tuple[int, ...]) -> float:
    """Exact: the chance that a lot with so many wrong ones is accepted at any stage, one label after the other."""
    alive, passed = {0: 1.0}, 0.0
    for looked in range(1, n + 1):
        after: dict[int, float] = {}
        for k, p in alive.items():
            share = (bad - k) / (n - looked + 1)
            for more, q in ((1, share), (0, 1 - share)):
                if q > 0:
                    after[k + more] = after.get(k + more, 0.0) + p * q
        alive = {}
        for k, p in after.items():
            if k < len(stages) and looked >= stages[k]:
                passed += p
            else:
                alive[k] = p
    return passed


@pytest.mark.parametrize("n", [50, 320, 1000])
@pytest.mark.parametrize(("most_wrong", "sure"), [(0.02, 0.95), (0.05, 0.9), (0.1, 0.99)])
def test_a_bad_scene_passes_no_oftener_than_was_said(n, most_wrong, sure):
    stages = _stages(n, most_wrong, sure)
    assert all(a < b for a, b in itertools.pairwise(stages))
    bad = math.ceil(most_wrong * n)
    for wrong_ones in {bad, bad + 1, min(2 * bad, n)}:
        assert chance_to_pass(n, wrong_ones, stages) <= 1 - sure + 1e-12
    if stages:
        assert chance_to_pass(n, 0, stages) == pytest.approx(1) and stages[0] < n


def test_the_plan_says_when_to_stop(road):
    plan = bw.plan_sampling(road, most_wrong=0.05, sure=0.9)
    assert plan.n_labels == 320 and len({tuple(row) for row in plan.order.tolist()}) == 320
    first = plan.stages[0]
    assert plan.judge(first - 1, 0) == "look on" and plan.judge(first, 0) == "accept" and plan.judge(first, 1) == "look on"
    assert plan.judge(plan.stages[1], 1) == "accept" and plan.judge(40, 16) == "reject"
    assert plan.judge(320, 15) == "accept" and plan.judge(320, 16) == "reject"
    np.testing.assert_array_equal(plan.order, bw.plan_sampling(road, most_wrong=0.05, sure=0.9).order)
    assert (plan.order != bw.plan_sampling(road, most_wrong=0.05, sure=0.9, seed="other").order).any()
    with pytest.raises(bw.ArgumentError, match="looked at"):
        plan.judge(3, 4)
    with pytest.raises(bw.ArgumentError, match="most_wrong"):
        bw.plan_sampling(road, most_wrong=2.0)


def test_the_bound_covers_as_often_as_it_says():
    """All samples of 30 of 100, for every number of wrong ones: the bound is too low at most once in twenty, and one less would not do."""
    from scipy.stats import hypergeom

    bounds = [wrong_at_most(100, 30, k) for k in range(31)]
    assert bounds[0] > 0 and bounds == sorted(bounds) and wrong_at_most(100, 100, 7) == 7
    for truth in range(101):
        seen = np.arange(31)
        missed = hypergeom.pmf(seen, 100, truth, 30)[np.array(bounds) < truth].sum()
        assert missed <= 0.05 + 1e-12
