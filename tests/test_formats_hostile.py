"""Scenes with a byte, a word or a line changed anywhere: only our own errors leave, in one line, with the file and what to do."""

from __future__ import annotations

import random

import numpy as np
import pytest

import boxwright as bw
import test_formats_kitti_tracking as kitti
from boxwright.errors import BoxwrightError
from formats_scenes import full_scene

WORDS = [b"-", b"9" * 30, b"nan", b"1e400", b"null", b"[", b'"', b"{}", b" ", b"\n", b"0", b"true", b"\x00", b"\xff"]
FILES = {"own": "scene.json", "labels": "training/label_02/0000.txt", "calib": "training/calib/0000.txt", "poses": "poses/0000.csv"}


def changed(raw: bytes, dice: random.Random) -> bytes:
    data = bytearray(raw)
    kind = dice.randrange(5)
    at = dice.randrange(len(data))
    if kind == 0:
        data[at:] = b""
    elif kind == 1:
        data[at] = dice.randrange(32, 127)
    elif kind == 2:
        data[at:at] = dice.choice(WORDS)
    elif kind == 3:
        del data[at : at + dice.randrange(1, 9)]
    else:
        words = bytes(data).split(b" ")
        words[dice.randrange(len(words))] = dice.choice(WORDS)
        data = bytearray(b" ".join(words))
    return bytes(data)


@pytest.mark.filterwarnings("ignore::boxwright.errors.SensorFrameFallback")
@pytest.mark.parametrize("kind", FILES)
def test_only_our_errors_leave(rng, tmp_path, kind):
    root = tmp_path / "a"
    if kind == "own":
        bw.write(full_scene(rng), root)
    else:
        root.mkdir()
        kitti.make(root, kitti.row() + kitti.row(1), csv=kitti.still(3))
    file = root / FILES[kind]
    raw = file.read_bytes()
    dice = random.Random(7)
    outcomes = {"read": 0, "refused": 0}
    for _ in range(150):
        file.write_bytes(changed(raw, dice))
        try:
            scene = bw.read(root)
            for i in range(min(len(scene), 3)):
                assert np.isfinite(scene.cuboids(i).center_m).all()
            outcomes["read"] += 1
        except BoxwrightError as error:
            outcomes["refused"] += 1
            assert "\n" not in str(error)
            assert error.code
    assert min(outcomes.values()) > 0
