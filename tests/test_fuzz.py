"""Every reader on damaged files: whatever is in them, a scene or one of our own errors comes out, soon and in little memory."""

from __future__ import annotations

import json
import random
import warnings

import hypothesis
import pytest
from hypothesis import strategies as st

import boxwright as bw
from fuzz_child import Child
from mutants import RECORDINGS, SCENES, Victim, check_message, consume

MASKS = (0x01, 0x80, 0x10, 0xFF, 0x04, 0x15)
N_MUTATIONS = 2000


def outcome(victim: Victim, strict: bool, format: str) -> str:
    try:
        consume(victim.path, strict, format)
    except bw.BoxwrightError as error:
        check_message(error)
        return "refused"
    return "read"


@pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")
@pytest.mark.parametrize("name", [name for name in RECORDINGS if not name.endswith(SCENES)])
def test_every_cut_and_every_flipped_byte(tmp_path, name):
    """The labels' file of every format, or the point file, cut off at every byte and changed in every byte, strictly and leniently in turn."""
    victim = Victim(name, tmp_path / "r", small=True)
    format = bw.scenes(victim.path).format
    label = victim.recording.label
    raw = victim.good[label]
    outcomes = {"read": 0, "refused": 0}
    for at in range(len(raw)):
        for damaged in (raw[:at], raw[:at] + bytes([raw[at] ^ MASKS[at % len(MASKS)]]) + raw[at + 1 :]):
            victim.put(label, damaged)
            try:
                outcomes[outcome(victim, bool(at % 2), format)] += 1
            except Exception as error:
                error.add_note(f"{label}: byte {at}, {len(damaged)} of {len(raw)} bytes, strict={bool(at % 2)}")
                raise
    assert min(outcomes.values()) > 0, outcomes


@pytest.mark.parametrize("name", RECORDINGS)
def test_damage_of_every_kind(tmp_path, name):
    """A few of the mutations that .ci/full and .ci/soak make in great number."""
    victim = Victim(name, tmp_path / "r")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bw.SensorFrameFallback)
        for i in range(60):
            where = victim.damage(random.Random(f"{name} {i}"))
            try:
                outcome(victim, bool(i % 2), None)
            except Exception as error:
                error.add_note(f"mutation {i} of {where}")
                raise


@pytest.mark.parametrize("text", ["1e308", "-1e308"])
def test_numbers_that_overflow_are_refused_without_a_word_of_numpy(tmp_path, text):
    """Their squares are infinite."""
    victim = Victim("boxwright", tmp_path / "r")
    document = json.loads(victim.good["scene.json"])
    for place in (document["lidars"][0]["ego_from_lidar"]["rotation"][0], document["tracks"][1]["keyframes"][0]["quat_wxyz"]):
        good, place[:2] = place[:2], [float(text)] * 2
        victim.put("scene.json", json.dumps(document).encode())
        with pytest.raises(bw.BoxwrightError, match=r"scene\.json"):
            bw.read(victim.path)
        place[:2] = good


def test_messages_stay_short(tmp_path):
    victim = Victim("pcd_binary", tmp_path / "r")
    victim.put("a.pcd", victim.good["a.pcd"].replace(b"TYPE F", b"TYPE " + b"9" * 5000))
    with pytest.raises(bw.FormatError, match=r"expected F of 4 or 8 bytes.*got 9{400,}\.\.\.; export the file again") as caught:
        bw.read_points(victim.path)
    assert len(str(caught.value)) < 1500


@pytest.mark.full
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", RECORDINGS)
def test_mutations(tmp_path, name):
    """Of 2,000 mutations that know their format, found by hypothesis, none gives a foreign exception, a crash, a hang, or takes too much."""
    victim = Victim(name, tmp_path / "r")
    child = Child(victim.path)
    kinds = {"read": 0, "refused": 0}

    @hypothesis.settings(max_examples=N_MUTATIONS, deadline=None, database=None, derandomize=True, suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(dice=st.randoms(use_true_random=False), strict=st.booleans())
    def mutation(dice, strict):
        if not child.is_running:
            victim.restore()
            child.start()
        where = victim.damage(dice)
        outcome = child.read(victim.n_bytes, strict)
        assert outcome.kind != "FAULT", f"{where}: {outcome.said}"
        kinds[outcome.kind] += 1

    try:
        mutation()
    finally:
        child.stop()
    assert min(kinds.values()) > N_MUTATIONS // 100, kinds
