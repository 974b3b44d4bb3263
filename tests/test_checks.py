"""The frame of the checks: findings, suggestions, profiles, choice of rules, many tracks at once. The rules have tests of their own."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import boxwright as bw
import labelling
from boxwright.checks import MoveKeyframes, RemoveTrack, SetCategory, SetKeyframes
from boxwright.checks.context import Context
from boxwright.checks.grouping import grouped
from boxwright.cli import main

PAGE = Path(__file__).resolve().parents[1] / "docs" / "checks.md"


@pytest.fixture(scope="module")
def town() -> bw.Scene:
    scene = labelling.town(np.random.default_rng(3), n_tracks=12, n_frames=20)
    return scene.replace(tracks=[track.replace(category="van") for track in scene.tracks if len(track) == 20])


def resized(scene: bw.Scene, track: int, rows, factor: float) -> bw.Scene:
    one = scene.tracks[track]
    size = one.cuboids.size_m.copy()
    size[rows] *= factor
    changed = one.replace(cuboids=one.cuboids.replace(size_m=size))
    return scene.replace(tracks=[changed if k == track else other for k, other in enumerate(scene.tracks)])


# ------------------------------------------------------------ findings


def test_a_planted_fault_is_told_with_what_would_mend_it(town):
    wrong = resized(town, 2, [7, 8], 1.2)
    assert not bw.check(town, rules="size_change")
    (found,) = bw.check(wrong, rules="size_change")
    assert (found.frame_index, found.last_frame_index, found.track_ids) == (7, 8, (town.tracks[2].track_id,))
    assert found.value == pytest.approx(0.2) and found.threshold == 0.01
    mended = found.suggestion.apply(wrong)
    assert not bw.check(mended, rules="size_change")
    np.testing.assert_allclose(mended.tracks[2].cuboids.size_m, town.tracks[2].cuboids.size_m)


def test_findings_are_worst_first_and_can_be_picked(town):
    wrong = resized(resized(town, 2, [7], 1.05), 4, [3], 1.5)
    found = bw.check(wrong, rules="size_change")
    assert [one.track_ids[0] for one in found] == [town.tracks[4].track_id, town.tracks[2].track_id]
    assert list(found.where(track=town.tracks[2].track_id)) == [found[1]] == list(found.where(frame=7))
    assert len(found.where(severity="error")) == 2 == len(found.where(rule="size_change"))
    assert found.counts == {"error": 2, "warning": 0, "information": 0}
    scene, n = found.applied(wrong)
    assert n == 2 and not bw.check(scene, rules="size_change")


def test_how_bad_it_is_counts_whether_the_threshold_is_the_least_or_the_most(town):
    (found,) = bw.check(resized(town, 2, [7], 1.2), rules="size_change")
    values = {"far above": (60.0, 10.0), "far below": (1.0, 5.0), "none": (0.0, 5.0), "above": (20.0, 10.0), "below": (4.0, 5.0)}
    several = [replace(found, value=value, threshold=threshold, message=name) for name, (value, threshold) in values.items()]
    assert [one.message for one in bw.Findings(several)] == ["none", "far above", "far below", "above", "below"]


def test_a_finding_keeps_its_id_and_goes_stale_when_its_label_changes(town):
    wrong = resized(town, 2, [7], 1.2)
    (found,) = bw.check(wrong, rules="size_change")
    (worse,) = bw.check(resized(town, 2, [7], 1.3), rules="size_change")
    assert found.finding_id == worse.finding_id and found.label_digest != worse.label_digest
    assert not found.is_stale(wrong)
    assert found.is_stale(town)
    assert not found.is_stale(resized(wrong, 5, [2], 2.0))  # another track
    assert found.is_stale(wrong.replace(tracks=wrong.tracks[:2]))
    assert bw.check(wrong, rules="size_change").by_id(found.finding_id).message == found.message


def test_json_and_csv(town):
    wrong = resized(town, 2, [7], 1.2)
    renamed = wrong.replace(tracks=[track.replace(track_id=f"=1+{k}") for k, track in enumerate(wrong.tracks)])
    found = bw.check(renamed, rules="size_change")
    told = json.loads(found.to_json())
    assert told["findings"][0]["track_ids"] == ["=1+2"] and told["counts"]["error"] == 1
    assert told["findings"][0]["suggestion"]["edits"][0]["edit"] == "set_keyframes"
    (head, row) = csv.reader(io.StringIO(found.to_csv()))
    assert dict(zip(head, row))["track_ids"] == "'=1+2"
    assert dict(zip(head, row))["value"] == str(found[0].value)


def test_tables(town):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed (extra 'table')")
    found = bw.check(resized(town, 2, [7], 1.2), rules="size_change")
    assert isinstance(found.to_pandas(), pandas.DataFrame)
    assert found.to_arrow().to_pylist()[0]["rule"] == "size_change"


# ------------------------------------------------------------ suggestions


def test_edits_at_once(town):
    a, b, c = town.tracks[:3]
    times = town.times_ns
    swap = bw.Suggestion(
        "swap", [MoveKeyframes(a.track_id, b.track_id, times[5], times[9]), MoveKeyframes(b.track_id, a.track_id, times[5], times[9])]
    )
    swapped = swap.apply(town)
    np.testing.assert_array_equal(swapped.tracks[0].cuboids.center_m[5:10], b.cuboids.center_m[5:10])
    np.testing.assert_array_equal(swapped.tracks[1].cuboids.center_m[5:10], a.cuboids.center_m[5:10])
    np.testing.assert_array_equal(swapped.tracks[0].cuboids.center_m[:5], a.cuboids.center_m[:5])
    back = swap.apply(swapped)
    np.testing.assert_array_equal(back.tracks[0].cuboids.center_m, a.cuboids.center_m)
    edits = [SetCategory(a.track_id, "bus"), RemoveTrack(b.track_id), SetKeyframes(c.track_id, times[3:4], a.cuboids[3:4])]
    other = bw.Suggestion("all", edits).apply(town)
    assert other.tracks[0].category == "bus" and b.track_id not in other.track_index
    np.testing.assert_array_equal(other.track(c.track_id).cuboids.center_m[3], a.cuboids.center_m[3])


def test_pieces_become_one(town):
    one = town.tracks[0]
    early, late = one.take(slice(0, 8)), one.take(slice(12, 20)).replace(track_id="late")
    parted = town.replace(tracks=[early, late, *town.tracks[1:]])
    first, last = int(late.times_ns[0]), int(late.times_ns[-1])
    joined = bw.Suggestion("join", [MoveKeyframes("late", one.track_id, first, last)]).apply(parted)
    assert "late" not in joined.track_index
    np.testing.assert_array_equal(joined.tracks[0].times_ns, np.r_[early.times_ns, late.times_ns])
    filled = bw.Suggestion("fill", [SetKeyframes(one.track_id, town.times_ns[8:12], one.cuboids[8:12])]).apply(joined)
    np.testing.assert_array_equal(filled.tracks[0].cuboids.center_m, one.cuboids.center_m)


def test_a_track_that_is_gone(town):
    with pytest.raises(bw.UnknownName, match="no such track"):
        bw.Suggestion("x", [RemoveTrack("nobody")]).apply(town)


# ------------------------------------------------------------ many tracks at once


def test_five_tracks_in_one_frame_are_one_finding(town):
    wrong = town
    for track in range(5):
        wrong = resized(wrong, track, [7], 1.2 + track / 100)
    (found,) = bw.check(wrong, rules="size_change")
    assert len(found.track_ids) == 5 and found.frame_index == found.last_frame_index == 7
    assert found.value == pytest.approx(0.24) and "5 tracks at once" in found.message and len(found.members) == 5
    four = resized(wrong, 4, [7], 1 / 1.24)
    assert len(bw.check(four, rules="size_change")) == 4


def test_runs_of_crowded_frames_are_one_finding_each(town):
    context = Context(town, bw.Profile())
    some = [context.finding("size_change", f, [t], 0.5, "x") for f in (3, 4, 9) for t in range(6)]
    found = sorted(grouped(context, some), key=lambda one: one.frame_index)
    assert [(one.frame_index, one.last_frame_index) for one in found] == [(3, 4), (9, 9)]
    assert grouped(context, some[:4]) == some[:4]


# ------------------------------------------------------------ profiles and the choice of rules


def test_profiles_there_and_back(tmp_path):
    profile = bw.Profile({"size_change": {"*": 0.05, "bus": 0.02}}, {"car": bw.SizeRange((3, 1, 1), (6, 3, 3))})
    (tmp_path / "p.json").write_text(profile.to_json())
    back = bw.Profile.read(tmp_path / "p.json")
    assert back.threshold("size_change", "bus") == 0.02 and back.threshold("size_change", "car") == 0.05
    assert back.size_range("car").high_m == (6, 3, 3) and back.to_json() == profile.to_json()


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("{", bw.FormatError, "not JSON"),
        ("[]", bw.FormatError, "no profile of checks"),
        ('{"format": "boxwright-check-profile", "version": 2}', bw.FormatError, "no profile"),
        ('{"format": "boxwright-check-profile", "version": 1, "treshold": {}}', bw.FormatError, "treshold"),
        ('{"format": "boxwright-check-profile", "version": 1, "thresholds": {"sped": {"*": 1}}}', bw.UnknownName, "sped"),
        ('{"format": "boxwright-check-profile", "version": 1, "thresholds": {"size_change": {"crr": 1}}}', bw.UnknownName, "crr"),
        ('{"format": "boxwright-check-profile", "version": 1, "thresholds": {"size_change": {"car": "x"}}}', bw.ArgumentError, "size_change.car"),
        ('{"format": "boxwright-check-profile", "version": 1, "thresholds": {"size_change": {"car": -1}}}', bw.ArgumentError, "size_change.car"),
        ('{"format": "boxwright-check-profile", "version": 1, "thresholds": {"size_change": 1}}', bw.FormatError, "thresholds"),
        ('{"format": "boxwright-check-profile", "version": 1, "sizes_m": {"car": {"low_m": [1, 2, 3]}}}', bw.FormatError, "sizes_m.car"),
        (
            '{"format": "boxwright-check-profile", "version": 1, "sizes_m": {"car": {"low_m": [1, 2, 3], "high_m": [1, 2]}}}',
            bw.FormatError,
            "sizes_m",
        ),
    ],
)
def test_a_profile_that_is_wrong_says_where(text, error, says):
    with pytest.raises(error, match=says):
        bw.Profile.from_json(text)


def test_a_fitted_profile_lets_its_labels_pass():
    rng = np.random.default_rng(5)
    scenes = [labelling.town(rng, n_tracks=30, n_frames=20) for _ in range(2)]
    jittered = []
    for scene in scenes:
        tracks = []
        for track in scene.tracks:
            size = track.cuboids.size_m * rng.uniform(0.97, 1.03, (len(track), 3))
            tracks.append(track.replace(cuboids=track.cuboids.replace(size_m=size)))
        jittered.append(scene.replace(tracks=tracks))
    assert bw.check(jittered[0], rules="size_change")
    profile = bw.Profile.fitted(jittered, rules="size_change")
    assert 0.02 < profile.threshold("size_change", "car") < 0.04
    found = bw.check(jittered[0], profile, "size_change")
    assert sum(one.n_frames for one in found) <= 0.01 * len(jittered[0].tracks) * 20


@pytest.mark.parametrize(
    ("rules", "says"), [("sped", "no rule is called 'sped'"), ("", "at least one rule"), (["labels", "-labels"], "no rule is left"), (3, "rules")]
)
def test_rules_nobody_knows(town, rules, says):
    with pytest.raises(bw.BoxwrightError, match=says):
        bw.check(town, rules=rules)


def test_the_choice_of_rules(town):
    everything = [rule.rule_id for rule in bw.check_rules()]
    assert list(bw.check(town).rules) == everything
    assert list(bw.check(town, rules="labels,-size_change").rules) == [
        rule.rule_id for rule in bw.check_rules() if rule.needs == "labels" and rule.rule_id != "size_change"
    ]
    assert bw.check(town, rules=["size_change", "class_size"]).rules == ("class_size", "size_change")


def test_every_rule_is_told_in_full():
    for rule in bw.check_rules():
        assert rule.title and rule.measures and rule.source and rule.thresholds, rule.rule_id
        assert all(math.isfinite(value) for value in rule.thresholds.values()), rule.rule_id


def test_what_is_no_scene():
    with pytest.raises(bw.ArgumentError, match="expected a Scene"):
        bw.check("recording")


# ------------------------------------------------------------ the page, and the command


def test_the_page_is_what_the_rules_say():
    from boxwright.checks.page import page

    told = PAGE.read_text(encoding="utf-8")
    assert told == page(bw.check_rules()), "python -m boxwright.checks.page > docs/checks.md"
    assert all(f"### `{rule.rule_id}`" in told for rule in bw.check_rules())


def test_the_profile_of_the_page_is_one():
    text = re.search(r"^      (\{.*?\}\}\})$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    profile = bw.Profile.from_json(text[1])
    assert profile.threshold("speed", "bus") == 35 and profile.size_range("car").high_m == (5.6, 2.1, 2.2)


@pytest.fixture
def folder(tmp_path, town):
    bw.write(resized(town, 2, [7, 8], 1.2), tmp_path / "wrong", format="boxwright")
    bw.write(town, tmp_path / "sound", format="boxwright")
    return tmp_path


def run(capsys, *arguments) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main([str(one) for one in arguments])
    out, err = capsys.readouterr()
    return stop.value.code or 0, out, err


def test_the_command_tells_and_ends_by_the_worst(folder, capsys):
    code, out, _ = run(capsys, "check", folder / "wrong", "--rules", "size_change")
    assert code == 1 and "size_change" in out and "7-8" in out and "give it the track's median size" in out
    code, out, _ = run(capsys, "check", folder / "sound", "--rules", "size_change")
    assert code == 0 and "0 errors" in out
    code, out, _ = run(capsys, "check", folder / "wrong", "--rules=labels,-size_change")
    assert code == 0


def test_the_command_in_json_and_csv(folder, capsys):
    code, out, _ = run(capsys, "check", folder / "wrong", "--rules", "size_change", "--json", "--csv", folder / "found.csv")
    (scene,) = json.loads(out)["scenes"]
    assert code == 1 and scene["findings"][0]["rule"] == "size_change" and scene["counts"]["error"] == 1
    (row,) = csv.DictReader((folder / "found.csv").read_text(encoding="utf-8").splitlines())
    assert row["rule"] == "size_change" and row["scene"] == "town"


def test_the_command_with_profiles(folder, capsys):
    code, out, _ = run(capsys, "check", folder / "wrong", "--fit-profile", folder / "p.json", "--rules", "labels")
    assert code == 0 and "size" in out
    (folder / "loose.json").write_text(bw.Profile({"size_change": {"*": 0.5}}).to_json())
    code, out, _ = run(capsys, "check", folder / "wrong", "--rules", "size_change", "--profile", folder / "loose.json")
    assert code == 0
    (folder / "bad.json").write_text('{"format": "boxwright-check-profile", "version": 1, "thresholds": {"sped": {"*": 1}}}')
    code, _, err = run(capsys, "check", folder / "wrong", "--profile", folder / "bad.json")
    assert code == 2 and "sped" in err and "bad.json" in err


def test_the_command_refuses_what_it_cannot_use(folder, capsys):
    for arguments, says in (
        (("check",), "expected PATH"),
        (("check", folder / "nothing"), "nothing"),
        (("check", folder / "wrong", "--rules", "sped"), "sped"),
    ):
        code, _, err = run(capsys, *arguments)
        assert code == 2 and says in err


def test_the_command_lists_the_rules(capsys):
    code, out, _ = run(capsys, "check", "--list")
    assert code == 0 and all(rule.rule_id in out for rule in bw.check_rules())
    code, out, _ = run(capsys, "check", "--list", "--json")
    assert [row["rule_id"] for row in json.loads(out)] == [rule.rule_id for rule in bw.check_rules()]
