"""HOTA, CLEAR and IDF1: slow twins, laws, and the libraries whose figures are published."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import labelling
import naive
from boxwright.assignment import assigned
from boxwright.matching import MatchRules, labels_at, similarities
from boxwright.track_metrics import ALPHAS, clear, hota, identity


def case(rng, n_frames=8, n_gold=4, n_label=4, *, there=0.8):
    """Ids and likeness, with frames in which one of the two has nothing."""
    ids = [[np.flatnonzero(rng.random(n) < there * (rng.random() > 0.1)) for _ in range(n_frames)] for n in (n_gold, n_label)]
    ids = [[rng.permutation(one) for one in part] for part in ids]
    liking = rng.random((n_gold, n_label)) ** 2
    alike = [np.clip(liking[np.ix_(a, b)] + rng.normal(0, 0.3, (len(a), len(b))), 0, 1) for a, b in zip(*ids)]
    return ids[0], ids[1], alike


@pytest.mark.parametrize("seed", range(12))
def test_slow_twins(seed):
    ids = case(np.random.default_rng(seed))
    fast = hota(*ids)
    for k in (0, 5, 9, 18):
        slow = naive.hota_at(*ids, ALPHAS[k])
        np.testing.assert_allclose([fast.hota_alpha[k], fast.deta_alpha[k], fast.assa_alpha[k], fast.loca_alpha[k]], slow, atol=1e-9)
    one = clear(*ids)
    assert (one.n_matched, one.n_missed, one.n_extraneous, one.n_switches, one.n_fragments) == naive.clear_counts(*ids)
    assert identity(*ids).n_true == naive.identity_true(*ids)


@pytest.mark.parametrize("seed", range(20))
def test_assignment_is_the_best_there_is(seed):
    rng = np.random.default_rng(seed)
    score = rng.random(tuple(rng.integers(0, 6, 2))) * (rng.random() < 0.9)
    score[score < rng.random()] = 0
    i, j = assigned(score)
    assert score[i, j].sum() == pytest.approx(sum(score[pair] for pair in naive.best_pairs(score)) if score.size else 0)
    assert len(set(i.tolist())) == len(set(j.tolist())) == len(i) and (score[i, j] > 0).all() and (np.diff(i) > 0).all()


def test_perfect_empty_and_nothing_right():
    a = [np.arange(3)] * 4
    same = [np.eye(3)] * 4
    assert hota(a, a, same).hota == clear(a, a, same).mota == clear(a, a, same).motp == identity(a, a, same).idf1 == 1
    none, nothing = [np.zeros(0, np.int64)] * 4, [np.zeros((3, 0))] * 4
    assert hota(a, none, nothing).hota == identity(a, none, nothing).idf1 == clear(a, none, nothing).mota == 0
    assert clear(a, none, nothing).n_mostly_lost == 3
    assert clear(none, a, [np.zeros((0, 3))] * 4).mota == -12
    empty = [np.zeros((0, 0))] * 4
    assert np.isnan([hota(none, none, empty).hota, clear(none, none, empty).mota, identity(none, none, empty).idf1]).all()


@pytest.mark.parametrize("seed", range(6))
def test_laws(seed):
    """Symmetric where gold and labels may change places; the order of ids in a frame and their names change nothing."""
    rng = np.random.default_rng(seed)
    gold, label, alike = case(rng, 12, 6, 6)
    turned = label, gold, [one.T for one in alike]
    straight, back = hota(gold, label, alike), hota(*turned)
    np.testing.assert_allclose([straight.hota, straight.deta, straight.assa, straight.loca], [back.hota, back.deta, back.assa, back.loca], atol=1e-12)
    assert identity(gold, label, alike).idf1 == identity(*turned).idf1
    assert identity(gold, label, alike).idp == identity(*turned).idr
    names, order = rng.permutation(6), [rng.permutation(len(ids)) for ids in label]
    other = gold, [names[ids[o]] for ids, o in zip(label, order)], [one[:, o] for one, o in zip(alike, order)]
    assert np.isclose(hota(*other).hota, straight.hota, atol=1e-12)
    np.testing.assert_allclose(list(vars(clear(*other)).values()), list(vars(clear(gold, label, alike)).values()), atol=1e-12)
    assert identity(*other) == identity(gold, label, alike)


# ---------------------------------------------------------------- against the libraries


def from_trackeval(gold, label, alike):
    """What trackeval says, by its own names."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        metrics = pytest.importorskip("trackeval.metrics", reason="trackeval is not installed (extra 'peers')")
    data = {
        "gt_ids": gold,
        "tracker_ids": label,
        "similarity_scores": alike,
        "num_timesteps": len(gold),
        "num_gt_ids": max((int(ids.max()) + 1 for ids in gold if len(ids)), default=0),
        "num_tracker_ids": max((int(ids.max()) + 1 for ids in label if len(ids)), default=0),
        "num_gt_dets": sum(map(len, gold)),
        "num_tracker_dets": sum(map(len, label)),
    }
    said = {}
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, kind in (("float", float), ("int", int), ("bool", bool)):  # names that numpy has dropped, and older releases use
            if not hasattr(np, name):
                patch.setattr(np, name, kind, raising=False)
        for metric in (metrics.HOTA(), metrics.CLEAR({"PRINT_CONFIG": False}), metrics.Identity({"PRINT_CONFIG": False})):
            said.update(metric.eval_sequence(data))
    return said


def dense_ids(gold, label, alike):
    """The same with ids from 0 that all occur: trackeval wants that."""
    ids = [np.unique(np.concatenate([np.zeros(0, np.int64), *part])) for part in (gold, label)]
    return [np.searchsorted(ids[0], one) for one in gold], [np.searchsorted(ids[1], one) for one in label], alike


def compare_with_trackeval(ids):
    said, ours, ours_clear, ours_identity = from_trackeval(*ids), hota(*ids), clear(*ids), identity(*ids)
    for name, value in (("HOTA", ours.hota_alpha), ("DetA", ours.deta_alpha), ("AssA", ours.assa_alpha), ("LocA", ours.loca_alpha)):
        np.testing.assert_allclose(value, said[name], atol=1e-9, err_msg=name)
    names = ["MOTA", "MOTP", "CLR_TP", "CLR_FN", "CLR_FP", "IDSW", "Frag", "MT", "PT", "ML"]
    np.testing.assert_allclose(np.nan_to_num(list(vars(ours_clear).values())), [said[name] for name in names], atol=1e-9)
    names = ["IDF1", "IDP", "IDR", "IDTP", "IDFN", "IDFP"]
    np.testing.assert_allclose(list(vars(ours_identity).values()), [said[name] for name in names], atol=1e-9)


@pytest.mark.peers
@pytest.mark.parametrize("seed", range(30))
def test_equal_to_trackeval(seed):
    rng = np.random.default_rng(seed)
    compare_with_trackeval(
        dense_ids(*case(rng, int(rng.integers(2, 40)), int(rng.integers(1, 12)), int(rng.integers(1, 12)), there=rng.uniform(0.3, 1)))
    )


def one_to_one(rng, n_frames=30, n=8):
    """Labels that no two of can be taken for the same object: where libraries must agree although they break ties in their own ways."""
    swaps = [rng.permutation(n) if rng.random() < 0.1 else np.arange(n) for _ in range(n_frames)]
    gold = [np.arange(n)] * n_frames
    label = [np.sort(rng.permutation(n)[: int(rng.integers(n // 2, n + 1))]) for _ in range(n_frames)]
    alike = [
        np.where(swap[:, None] == ids, rng.uniform(0.3, 1, (n, len(ids))), rng.uniform(0, 0.3, (n, len(ids)))) for swap, ids in zip(swaps, label)
    ]
    return gold, label, alike


def compare_with_motmetrics(ids):
    """Not how many are mostly tracked: at exactly 80 % motmetrics says they are, the definition and trackeval that they are not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        motmetrics = pytest.importorskip("motmetrics", reason="motmetrics is not installed (extra 'peers')")
        heard = motmetrics.MOTAccumulator(auto_id=True)
        for gold, label, alike in zip(*ids):
            heard.update(gold, label, np.where(alike >= 0.5, 1 - alike, np.nan))
        names = ["mota", "motp", "num_misses", "num_false_positives", "num_switches", "num_fragmentations", "mostly_lost", "idf1", "idp", "idr"]
        said = motmetrics.metrics.create().compute(heard, metrics=names, return_dataframe=False)
    one, two = clear(*ids), identity(*ids)
    ours = [one.mota, 1 - one.motp, one.n_missed, one.n_extraneous, one.n_switches, one.n_fragments, one.n_mostly_lost]
    np.testing.assert_allclose([*ours, two.idf1, two.idp, two.idr], [said[name] for name in names], atol=1e-9)


@pytest.mark.peers
@pytest.mark.parametrize("seed", range(12))
def test_equal_to_motmetrics(seed):
    compare_with_motmetrics(one_to_one(np.random.default_rng(seed)))


@pytest.mark.peers
@pytest.mark.parametrize("seed", range(10))
def test_identity_equals_motmetrics_on_anything(seed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        motmetrics = pytest.importorskip("motmetrics", reason="motmetrics is not installed (extra 'peers')")
        ids = case(np.random.default_rng(seed), 20, 6, 6)
        heard = motmetrics.MOTAccumulator(auto_id=True)
        for gold, label, alike in zip(*ids):
            heard.update(gold, label, np.where(alike >= 0.5, 1 - alike, np.nan))
        said = motmetrics.metrics.create().compute(heard, metrics=["idf1", "idp", "idr"], return_dataframe=False)
    ours = identity(*ids)
    np.testing.assert_allclose([ours.idf1, ours.idp, ours.idr], [said[name] for name in ("idf1", "idp", "idr")], atol=1e-9)


@pytest.mark.peers
def test_equal_to_the_libraries_on_real_tracks(real_data):
    for k, scene in enumerate(labelling.real_scenes(real_data)):
        rng = np.random.default_rng(k)
        other = labelling.labelled(scene, rng, center_m=0.15, size_m=0.1, yaw_rad=0.05, lost=0.1, swaps=4, n_ghosts=3)
        tables = [labels_at(one, scene.times_ns, scene.label_frame) for one in (scene, other)]
        alike = similarities(*tables, MatchRules())
        ids = [[table.track_index[table.rows(t)] for t in range(len(scene))] for table in tables]
        compare_with_trackeval(dense_ids(*ids, alike))
        sole = [one * ((one >= 0.5).sum(0) == 1) * ((one >= 0.5).sum(1) == 1)[:, None] for one in alike]
        has_gaps = any(np.diff(np.flatnonzero(track.at(scene.times_ns).is_valid)).max(initial=1) > 1 for track in scene.tracks)
        if not has_gaps:  # motmetrics counts fragments in the frames of the object alone, and in those that hold no label at all
            both = [t for t in range(len(scene)) if len(ids[0][t]) and len(ids[1][t])]
            compare_with_motmetrics([[part[t] for t in both] for part in (*ids, sole)])
