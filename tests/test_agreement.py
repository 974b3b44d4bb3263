"""Annotators against each other: alpha and kappa as libraries and slow twins have them, disagreements put in by hand, laws."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math

import numpy as np
import pytest

import boxwright as bw
import labelling
from boxwright.grouping import group_labels
from boxwright.intervals import estimate
from boxwright.matching import MatchRules, labels_at
from boxwright.reliability import circular_alpha, codes_of, cohen_kappa, fleiss_kappa, interval_alpha, nominal_alpha


@pytest.fixture
def town(rng):
    return labelling.town(rng)


def value(make, values, n=None):
    """The figure of all units, each an object of its own."""
    n = len(values) if n is None else n
    return float(make(values, np.arange(len(values)) % n, n)(np.ones((1, n)))[0])


def judged(rng, n_units=40, n_coders=4, n_codes=3, missing=0.2):
    truth = rng.integers(0, n_codes, (n_units, 1))
    codes = np.where(rng.random((n_units, n_coders)) < 0.6, truth, rng.integers(0, n_codes, (n_units, n_coders)))
    return np.where(rng.random(codes.shape) < missing, -1, codes)


# ------------------------------------------------------------ slow twins, by the definitions


def slow_alpha(values, difference):
    """Pair by pair; values are lists of what was said of each unit."""
    units = [unit for unit in values if len(unit) > 1]
    everything = [x for unit in units for x in unit]
    observed = sum(difference(a, b) / (len(unit) - 1) for unit in units for a, b in itertools.permutations(unit, 2)) / len(everything)
    expected = sum(difference(a, b) for a, b in itertools.permutations(everything, 2)) / (len(everything) * (len(everything) - 1))
    return 1 - observed / expected


def slow_fleiss(codes):
    whole = codes[(codes >= 0).all(1)]
    n, k = whole.shape
    agreed = np.mean([sum(a == b for a, b in itertools.permutations(row, 2)) / (k * (k - 1)) for row in whole.tolist()])
    chance = sum(((whole == code).sum() / (n * k)) ** 2 for code in np.unique(whole))
    return (agreed - chance) / (1 - chance)


@pytest.mark.parametrize("seed", range(8))
def test_slow_twins(seed):
    rng = np.random.default_rng(seed)
    codes = judged(rng)
    said = [[c for c in row if c >= 0] for row in codes.tolist()]
    assert value(nominal_alpha, codes) == pytest.approx(slow_alpha(said, lambda a, b: a != b), abs=1e-12)
    numbers = np.where(codes < 0, np.nan, codes + rng.normal(1000, 0.3, codes.shape))
    said = [[x for x in row if math.isfinite(x)] for row in numbers.tolist()]
    assert value(interval_alpha, numbers) == pytest.approx(slow_alpha(said, lambda a, b: (a - b) ** 2), abs=1e-9)
    assert value(circular_alpha, numbers) == pytest.approx(slow_alpha(said, lambda a, b: math.sin((a - b) / 2) ** 2), abs=1e-9)
    assert value(fleiss_kappa, codes) == pytest.approx(slow_fleiss(codes), abs=1e-12)


@pytest.mark.peers
@pytest.mark.parametrize("seed", range(8))
def test_equal_to_krippendorff(seed):
    krippendorff = pytest.importorskip("krippendorff", reason="krippendorff is not installed (extra 'peers')")
    rng = np.random.default_rng(seed)
    codes = judged(rng, int(rng.integers(5, 200)), int(rng.integers(2, 6)), int(rng.integers(2, 5)))
    data = np.where(codes < 0, np.nan, codes)
    said = krippendorff.alpha(reliability_data=data.T, level_of_measurement="nominal")
    assert value(nominal_alpha, codes) == pytest.approx(said, abs=1e-9)
    numbers = np.round(data + rng.normal(0, 0.5, data.shape), 3)
    assert value(interval_alpha, numbers) == pytest.approx(krippendorff.alpha(reliability_data=numbers.T, level_of_measurement="interval"), abs=1e-9)

    def circular(a, b, **_):
        return np.sin((a - b) / 2) ** 2

    assert value(circular_alpha, numbers) == pytest.approx(krippendorff.alpha(reliability_data=numbers.T, level_of_measurement=circular), abs=1e-9)


@pytest.mark.peers
@pytest.mark.parametrize("seed", range(8))
def test_equal_to_scikit_learn(seed):
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed (extra 'peers')")
    codes = judged(np.random.default_rng(seed), 80, 2, 4, missing=0.1)
    both = codes[(codes >= 0).all(1)]
    assert value(cohen_kappa, codes) == pytest.approx(metrics.cohen_kappa_score(both[:, 0], both[:, 1]), abs=1e-9)


@pytest.mark.peers
def test_equal_to_the_libraries_on_real_labels(real_data):
    krippendorff = pytest.importorskip("krippendorff", reason="krippendorff is not installed (extra 'peers')")
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed (extra 'peers')")
    for k, scene in enumerate(labelling.real_scenes(real_data)):
        scenes = [misnamed(labelling.labelled(scene, np.random.default_rng([k, i]), name=n, center_m=0.1, lost=0.1), i) for i, n in enumerate("ab")]
        found = bw.agreement(scenes)
        tables = [labels_at(one, scene.times_ns, scene.label_frame) for one in scenes]
        rows = group_labels(tables, MatchRules()).rows
        kinds = [table.categories() for table in tables]
        said = [[kinds[i][row[i]] if row[i] >= 0 else None for row in rows] for i in range(2)]
        names = sorted({name for row in said for name in row if name})
        data = np.array([[names.index(name) if name else np.nan for name in row] for row in said])
        alpha = krippendorff.alpha(reliability_data=data, level_of_measurement="nominal")
        assert found.overall.alpha_class.value == pytest.approx(alpha, abs=1e-9) and alpha < 1
        both = np.isfinite(data).all(0)
        assert found.pairs[0].kappa_class.value == pytest.approx(metrics.cohen_kappa_score(*data[:, both]), abs=1e-9)
        yaw = np.array([[table.cuboids.yaw_rad[row[i]] if row[i] >= 0 else np.nan for row in rows] for i, table in enumerate(tables)])
        known = [[x for x in unit if math.isfinite(x)] for unit in yaw.T.tolist()][:300]
        part = np.isfinite(yaw[:, :300])
        assert value(circular_alpha, np.where(part, yaw[:, :300], np.nan).T) == pytest.approx(
            slow_alpha(known, lambda a, b: math.sin((a - b) / 2) ** 2), abs=1e-9
        )


def misnamed(scene, every):
    """Some tracks called something else."""
    return scene.replace(tracks=[t.replace(category="other") if i % 7 == every else t for i, t in enumerate(scene.tracks)])


def test_all_alike_says_nothing_beyond_chance():
    same = np.zeros((5, 3), np.int64)
    for make in (nominal_alpha, fleiss_kappa):
        assert math.isnan(value(make, same))
    assert math.isnan(value(cohen_kappa, same[:, :2])) and math.isnan(value(interval_alpha, np.full((5, 3), 2.5)))
    assert math.isnan(value(nominal_alpha, np.full((3, 2), -1)))
    assert value(nominal_alpha, np.array([[0, 0], [1, 1]])) == 1


def test_codes():
    assert codes_of([["b", None], ["a", 1], [{"x": 1, "y": 2}, {"y": 2, "x": 1}]]).tolist() == [[3, -1], [2, 0], [1, 1]]
    assert codes_of([["1", 1]]).tolist() == [[1, 0]]


# ------------------------------------------------------------ whole clips


def three(town, rng, **noise):
    return [labelling.labelled(town, rng, name=name, **noise) for name in ("ann", "bob", "cyd")]


def test_the_same_labels_agree_in_everything(town):
    found = bw.agreement({"a": town, "b": town, "c": town})
    assert found.disagreements == [] and found.overall.n_objects == 20
    for one in (found.overall, *found.per_range.values()):
        figures = (one.matched_share, one.complete_share, one.iou, one.alpha_class, one.alpha_length, one.alpha_yaw, one.fleiss_class)
        assert [figure.value for figure in figures] == pytest.approx([1.0] * 7, abs=1e-12) and one.alpha_attributes["color"].value == 1
        assert one.distance_m.value == 0
    assert [pair.kappa_class.value for pair in found.pairs] == [1, 1, 1]
    assert set(found.per_class) == {"car", "van", "pedestrian"} and all(one.alpha_class.value == 1 for one in found.per_class.values())


def all_figures(found):
    flat = []
    for one in (found.overall, *found.per_class.values(), *found.per_range.values()):
        for item in vars(one).values():
            flat += [x for part in (item.values() if isinstance(item, dict) else [item]) for x in np.atleast_1d(part)]
    return np.array(flat, float)


def test_the_order_of_annotators_and_tracks_changes_nothing(town, rng):
    scenes = three(town, rng, center_m=0.1, size_m=0.05, yaw_rad=0.05, lost=0.1, swaps=2, n_ghosts=1)
    found = bw.agreement(scenes)
    for order in itertools.permutations(range(3)):
        other = bw.agreement([labelling.shuffled(scenes[i], rng) for i in order])
        np.testing.assert_array_equal(all_figures(found), all_figures(other))
        assert found.disagreements == other.disagreements and found.pairs == other.pairs
    assert len(found.disagreements) > 10
    severities = [one.severity for one in found.disagreements]
    assert severities == sorted(severities, reverse=True)


def test_a_rigid_motion_of_all_changes_nothing(town, rng):
    scenes = three(town, rng, center_m=0.1, size_m=0.05, yaw_rad=0.05, lost=0.1)
    pose = bw.Pose.from_yaw(1.1, (310.0, -94.0, 7.0))
    found, other = bw.agreement(scenes), bw.agreement([labelling.moved(scene, pose) for scene in scenes])
    np.testing.assert_allclose(all_figures(found), all_figures(other), atol=1e-7)
    assert [(one.kind, one.track_ids) for one in found.disagreements] == [(one.kind, one.track_ids) for one in other.disagreements]


def with_track(scene, track_id, change):
    return scene.replace(tracks=[change(track) if track.track_id == track_id else track for track in scene.tracks])


def turned(angle):
    return lambda track: track.replace(cuboids=track.cuboids.replace(yaw_rad=track.cuboids.yaw_rad + angle))


def shifted(track):
    return track.replace(cuboids=track.cuboids.replace(center_m=track.cuboids.center_m + np.array([0.5, 0, 0])))


def longer(track):
    return track.replace(cuboids=track.cuboids.replace(size_m=track.cuboids.size_m + np.array([0.7, 0, 0])))


PLANTED = [
    ("label", lambda track: track.replace(category="van"), {"a": "car", "b": "van", "c": "car"}, None),
    ("attribute", lambda track: track.replace(attributes={"color": "pink"}), None, None),
    ("position", shifted, None, 0.5),
    ("length", longer, {"a": 4.4, "b": 5.1, "c": 4.4}, 0.7),
    ("heading", turned(0.2), None, 0.2),
    ("flip", turned(math.pi), None, math.pi),
]


@pytest.mark.parametrize(("kind", "change", "values", "off_by"), PLANTED, ids=[row[0] for row in PLANTED])
def test_one_disagreement_is_found_as_that_alone(town, kind, change, values, off_by):
    found = bw.agreement({"a": town, "b": with_track(town, "object-03", change), "c": town})
    (one,) = found.disagreements
    n = len(town.track("object-03"))
    assert (one.kind, one.n_frames, one.category) == (kind, n, "car") and one.track_ids == {name: ["object-03"] for name in "abc"}
    assert values is None or one.values == pytest.approx(values)
    assert one.off_by == (None if off_by is None else pytest.approx(off_by))
    assert one.values["a"] == one.values["c"] != one.values["b"]


def test_what_somebody_lacks(town):
    without = town.replace(tracks=[track for track in town.tracks if track.track_id != "object-03"])
    found = bw.agreement({"a": town, "b": without, "c": town})
    (one,) = found.disagreements
    assert one.kind == "presence" and one.values == {"a": True, "b": False, "c": True} and one.track_ids["b"] == []
    n, n_all = len(town.track("object-03")), sum(map(len, town.tracks))
    assert found.overall.matched_share.value == pytest.approx(1 - 2 * n / (2 * (3 * n_all - n)) * 1.0)
    assert found.overall.complete_share.value == pytest.approx(1 - n / n_all)
    assert found.n_labels == {"a": n_all, "b": n_all - n, "c": n_all}


def test_a_broken_track_is_one_object(town):
    """Somebody's second half goes by another name."""
    track = town.track("object-03")
    halves = [track.take(slice(0, 10)), track.take(slice(10, None)).replace(track_id="second-half")]
    broken = town.replace(tracks=[*(t for t in town.tracks if t is not track), *halves])
    found = bw.agreement({"a": town, "b": broken, "c": town})
    assert found.overall.n_objects == 20 and found.overall.complete_share.value == 1 and found.disagreements == []


def test_only_common_frames_count(town):
    late = town.replace(times_ns=town.times_ns[5:], frame_ids=town.frame_ids[5:])
    found = bw.agreement({"a": town, "b": late})
    assert len(found.times_ns) == 25 and found.disagreements == []
    with pytest.raises(bw.TimeError):
        bw.agreement({"a": town, "b": town.replace(times_ns=town.times_ns + 1)})


def test_what_cannot_be_compared(town):
    for bad in ([town], {"a": town}, town, "scenes", [town, None]):
        with pytest.raises(bw.ArgumentError):
            bw.agreement(bad)
    for bad in ({"range_frames": 0}, {"rules": 1}, {"tolerances": 1}, {"seed": -1}):
        with pytest.raises(bw.ArgumentError):
            bw.agreement([town, town], **bad)
    assert bw.agreement([town, town]).annotators == ["town 1", "town 2"]


def test_nothing_at_all(town):
    empty = town.replace(tracks=[])
    found = bw.agreement([empty, empty])
    assert math.isnan(found.overall.alpha_class.value) and found.disagreements == [] and found.overall.n_units == 0
    half = bw.agreement({"a": town, "b": empty})
    assert half.overall.matched_share.value == 0 and {one.kind for one in half.disagreements} == {"presence"}


def test_as_json_and_as_a_table(town, rng):
    found = bw.agreement(three(town, rng, center_m=0.2, lost=0.1))
    said = json.loads(json.dumps(found.to_dict()))
    assert said["overall"]["alpha_attributes"]["color"]["value"] == found.overall.alpha_attributes["color"].value
    assert len(said["disagreements"]) == len(found.disagreements) and said["per_range"][0]["last_frame"] == 29
    pytest.importorskip("pandas", reason="pandas is not installed (extra 'table')")
    assert list(found.to_pandas().columns) == [field.name for field in dataclasses.fields(bw.Disagreement)]


# ------------------------------------------------------------ intervals


def noisy(rng, n_objects):
    """Codes of three coders for the frames of some objects; what a coder says of an object he says in all its frames."""
    frames = rng.integers(1, 20, n_objects)
    truth = rng.integers(0, 3, (n_objects, 1))
    codes = np.where(rng.random((n_objects, 3)) < 0.8, truth, rng.integers(0, 3, (n_objects, 3)))
    index = np.repeat(np.arange(n_objects), frames)
    return codes[index], index


def coverage(make, n_objects, trials):
    codes, index = noisy(np.random.default_rng(999), 40_000)
    true = float(make(codes, index, 40_000)(np.ones((1, 40_000)))[0])
    held = 0
    for k in range(trials):
        codes, index = noisy(np.random.default_rng(k), n_objects)
        found = estimate(make(codes, index, n_objects), n_objects, seed=k)
        held += found.low <= true <= found.high
    return held / trials


@pytest.mark.parametrize("make", [nominal_alpha, fleiss_kappa])
def test_intervals_hold_the_truth(make):
    assert 0.9 <= coverage(make, 80, 200) <= 0.99


@pytest.mark.full
@pytest.mark.parametrize("n_objects", [60, 150])
@pytest.mark.parametrize("make", [nominal_alpha, fleiss_kappa])
def test_intervals_hold_the_truth_in_95_of_100(make, n_objects):
    assert 0.93 <= coverage(make, n_objects, 3000) <= 0.97
