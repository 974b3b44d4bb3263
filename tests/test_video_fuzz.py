"""Damaged videos: whatever is in them, frames or one of our own errors come out, soon and in little memory."""

from __future__ import annotations

import random
import struct

import pytest

import boxwright as bw
from clips import make_kind, number_in
from fuzz_child import Child
from mutants import check_message

NAMES = ["constant.mp4", "h265.mp4", "open_gop.ts", "variable.mkv", "h264.avi", "mjpeg.avi", "vp9.webm"]
WORDS = [b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x00\x00\x00\x00", b"\x00\x10\x00\x00", b"\x80\x00\x00\x00"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BOXWRIGHT_CACHE_DIR", str(tmp_path / "cache"))


def damaged(good: bytes, dice: random.Random) -> bytes:
    """Cut off, bits flipped, a stretch overwritten, taken out or doubled, or a word that could be a length."""
    raw, kind = bytearray(good), dice.randrange(6)
    at, n = dice.randrange(len(raw)), dice.choice([1, 4, 100, 2000])
    if kind == 0:
        return bytes(raw[:at])
    if kind == 1:
        for _ in range(dice.choice([1, 1, 3, 20, 200])):
            raw[dice.randrange(len(raw))] ^= 1 << dice.randrange(8)
    elif kind == 2:
        stretch = len(raw[at : at + n])
        raw[at : at + n] = bytes([dice.choice([0, 255, dice.randrange(256)])]) * stretch
    elif kind == 3:
        del raw[at : at + n]
    elif kind == 4:
        raw[at:at] = raw[at : at + n]
    else:
        raw[at : at + 4] = dice.choice(WORDS)
    return bytes(raw)


def outcome(path, strict: bool) -> str:
    """All of it is decoded, in order and here and there."""
    try:
        scene = bw.read(path, strict=strict)
        (video,) = scene.data.videos.values()
        assert video.check().n_frames == len(scene) > 0
        for i in (len(video) - 1, 0, len(video) // 2):
            try:
                assert number_in(video.frame(i)) < 2**12
            except bw.BoxwrightError as error:
                check_message(error)
    except bw.BoxwrightError as error:
        check_message(error)
        return "refused"
    return "read"


@pytest.mark.parametrize("name", NAMES)
def test_damage_of_every_kind(tmp_path, name):
    path, _ = make_kind(tmp_path, name, 30)
    good, outcomes = path.read_bytes(), {"read": 0, "refused": 0}
    for i in range(40):
        path.write_bytes(damaged(good, random.Random(f"{name} {i}")))
        try:
            outcomes[outcome(path, bool(i % 2))] += 1
        except Exception as error:
            error.add_note(f"damage {i} of {name}")
            raise
    assert min(outcomes.values()) > 1, outcomes


@pytest.mark.parametrize("n", [10**5, 44_000_000, 2**27 - 1, 2**32 - 1])
def test_a_count_that_the_file_cannot_hold(tmp_path, n):
    """An MP4 whose tables of sizes, chunks and times promise n frames."""
    path, _ = make_kind(tmp_path, "constant.mp4", 30)
    raw = bytearray(path.read_bytes())
    for box, skip, numbers in ((b"stsz", 8, (1, n)), (b"stsc", 16, (n,)), (b"stts", 12, (n,))):
        at = raw.index(box) + skip
        raw[at : at + 4 * len(numbers)] = struct.pack(f">{len(numbers)}I", *numbers)
    path.write_bytes(raw)
    with pytest.raises(bw.FormatError, match=rf"stsz: a table that the file cannot hold: .*got {n:,} samples") as caught:
        bw.read(path)
    check_message(caught.value)


def test_a_fragment_that_the_file_cannot_hold(tmp_path):
    """A run of samples of which none has a number of its own."""
    path, _ = make_kind(tmp_path, "constant.mp4", 30)
    run = struct.pack(">I4sII", 16, b"trun", 0, 2**31)
    moof = struct.pack(">I4sI4s", 16 + len(run), b"moof", 8 + len(run), b"traf") + run
    path.write_bytes(path.read_bytes() + moof + bytes(8))
    with pytest.raises(bw.FormatError, match="trun: a table that the file cannot hold"):
        bw.read(path)


@pytest.mark.full
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", NAMES)
def test_mutations(tmp_path, name):
    """2,000 of them in a process of its own, whose time and memory are bounded."""
    path, _ = make_kind(tmp_path, name, 30)
    good, child, kinds = path.read_bytes(), Child(path), {"read": 0, "refused": 0}
    try:
        for i in range(2000):
            if not child.is_running:
                path.write_bytes(good)
                child.start()
            path.write_bytes(damaged(good, random.Random(f"full {name} {i}")))
            found = child.read(path.stat().st_size, bool(i % 2))
            assert found.kind != "FAULT", f"damage {i} of {name}: {found.said}"
            kinds[found.kind] += 1
    finally:
        child.stop()
    assert min(kinds.values()) > 20, kinds
