"""What does harm in a file of any kind: numbers, words, and blows at its bytes."""

from __future__ import annotations

import random

LARGE_BYTES = 1_000_000  # what repeating records may grow a file to
INTEGERS = [
    "0",
    "-0",
    "-1",
    "1",
    "2",
    "3",
    "255",
    "256",
    "65536",
    "999999",
    "1000001",
    *(f"{sign}{2**n + d}" for sign in ("", "-") for n in (31, 63, 64) for d in (-1, 0, 1)),
]
NUMBERS = [
    *[
        "nan",
        "inf",
        "-inf",
        "NaN",
        "Infinity",
        "-Infinity",
        "1e400",
        "-1e400",
        "1e308",
        "-1e308",
        "1e39",
        "5e-324",
        "1.5",
        "-0.5",
        "1e15",
        "1e9",
        "1e-9",
    ],
    *INTEGERS,
]
FLOATS = [float("nan"), float("inf"), -float("inf"), 0.0, -0.0, 1.5, 1e308, -1e308, 1e39, 5e-324, 1e15, 10**400]
PATHS = ["../../x", "/", ".", "..", "a/b", "a\\b", "~", "CON"]
NAMES = [
    "",
    " ",
    "-",
    "a",
    "Car",
    "DontCare",
    "true",
    "null",
    "0x10",
    "1_000",
    "\u0661",
    "é",
    "\u202e",
    "\x00",
    "\x1b[2J",
    "\ud800",
    "\ufeff",
    "1\n2",
    "x y z",
]
WORDS = [*NAMES, *PATHS, "%s", "{}", "[]", '"', "a" * 300, "a" * 5000, "9" * 25, "9" * 400, "9" * 5000]


def nasty_text(dice: random.Random) -> str:
    return dice.choice(NUMBERS if dice.random() < 0.6 else WORDS)


def nasty_bytes(dice: random.Random) -> bytes:
    return nasty_text(dice).encode("utf-8", "surrogatepass")


def in_bytes(raw: bytes, dice: random.Random) -> bytes:
    """One to three blows: noise, a piece cut out, doubled or cut off, or something put in."""
    for _ in range(dice.randint(1, 3)):
        at, n = dice.randint(0, len(raw)), dice.choice((1, 1, 2, 4, 8, 30))
        if dice.random() < 0.5:  # headers are short and near the front
            at = min(at, dice.randint(0, 300))
        before, after, rest = raw[:at], raw[at:], raw[at + n :]
        word = nasty_bytes(dice)
        instead = dice.choice([dice.randbytes(n), b"", word])
        raw = dice.choice([before + instead + rest, before + instead + rest, raw[: at + n] + after, before, before + word + after])
    return raw
