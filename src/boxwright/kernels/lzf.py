"""LZF, the compression inside binary_compressed PCD files.

A stream of runs. Control byte c < 32: c + 1 bytes follow as they are. Otherwise a copy of earlier output: its length is (c >> 5) + 2, where 7 in the
top bits means that the next byte is added; it starts ((c & 31) << 8 | next byte) + 1 bytes back and may overlap itself.
"""

from __future__ import annotations

import numpy as np

from . import compiled, kernel

HASH_BITS = 14
MAX_LITERALS = 32
MAX_BACK = 1 << 13
MAX_COPY = 264
ZERO, ONE, TWO, THREE, FIVE, WORD, LONG = (np.uint64(n) for n in (0, 1, 2, 3, 5, 8, 9))
LITERALS, LOW_BITS, LONGER = np.uint64(MAX_LITERALS), np.uint64(31), 224
AHEAD_IN = np.uint64(1 + MAX_LITERALS + 8 + 3)  # bytes that a run and a copy may take, and that words may read past them
AHEAD_OUT = np.uint64(MAX_LITERALS + MAX_COPY + 8)  # bytes that they may write
STRETCH = np.uint64(1 << 15)  # bytes of output
LOOKED_AT = 32  # copies at the beginning of a stretch


@compiled
def _word(bytes_, i):
    """Eight bytes as one number, the first lowest; the compiler makes one load of it."""
    low = np.uint64(bytes_[i]) | np.uint64(bytes_[i + np.uint64(1)]) << np.uint64(8)
    low |= np.uint64(bytes_[i + np.uint64(2)]) << np.uint64(16) | np.uint64(bytes_[i + np.uint64(3)]) << np.uint64(24)
    low |= np.uint64(bytes_[i + np.uint64(4)]) << np.uint64(32) | np.uint64(bytes_[i + np.uint64(5)]) << np.uint64(40)
    return low | np.uint64(bytes_[i + np.uint64(6)]) << np.uint64(48) | np.uint64(bytes_[i + np.uint64(7)]) << np.uint64(56)


@compiled
def _copy_word(source, at, out, to):
    """Eight bytes, all read before any is written; one load and one store."""
    word = _word(source, at)
    for k in range(WORD):
        out[to + k] = np.uint8(word >> (k * WORD) & np.uint64(255))


@kernel
def decompress(source, out):
    """Bytes written to `out`, (n,) uint8, from (m,) uint8; where the stream breaks at byte i of the source: -1 - i.

    Places are unsigned, which spares the test for negative indices.
    """
    n, size = np.uint64(source.shape[0]), np.uint64(out.shape[0])
    at, to = _decompress_inside(source, out)
    if at > n:
        return -1 - np.int64(at - n - ONE)
    while at < n:
        start = at
        control = np.uint64(source[at])
        at += ONE
        if control < LITERALS:
            length = control + ONE
            if at + length > n or to + length > size:
                return -1 - np.int64(start)
            for k in range(length):
                out[to + k] = source[at + k]
            at += length
        else:
            length = (control >> FIVE) + TWO
            if length == LONG:
                if at >= n:
                    return -1 - np.int64(start)
                length += np.uint64(source[at])
                at += ONE
            if at >= n:
                return -1 - np.int64(start)
            distance = ((control & LOW_BITS) << WORD | np.uint64(source[at])) + ONE
            at += ONE
            if distance > to or to + length > size:
                return -1 - np.int64(start)
            for k in range(length):
                out[to + k] = out[to - distance + k]
        to += length
    return np.int64(to)


@compiled
def _decompress_inside(source, out):
    """(place in the source, place in `out`) as far as both arrays have room for any run and any copy; a place behind the source by i + 1 for a copy
    at byte i that reaches before the output. Whole words are copied: what lies behind a run is written over by the next one.
    """
    n, size = np.uint64(source.shape[0]), np.uint64(out.shape[0])
    at_end, to_end = n - min(n, AHEAD_IN), size - min(size, AHEAD_OUT)
    at, to = ZERO, ZERO
    while at < at_end and to < to_end:
        stretch_end = min(to + STRETCH, to_end)
        if _is_mixed(source, at, at_end):
            at, to = _by_arithmetic(source, out, at, to, at_end, stretch_end)
        else:
            at, to = _by_branches(source, out, at, to, at_end, stretch_end)
    return at, to


@compiled
def _is_mixed(source, at, at_end):
    """Whether the next copies have runs before them or none without any rule, so that a processor would guess wrong which of the two comes next."""
    n_changes, had = 0, False
    for _ in range(LOOKED_AT):
        if at >= at_end:
            break
        control = np.uint64(source[at])
        has = control < LITERALS
        n_changes += has != had
        had = has
        at += control + TWO if has else ZERO
        at += TWO if source[at] < LONGER else THREE
    return n_changes > LOOKED_AT // 4


@compiled
def _by_branches(source, out, at, to, at_end, to_end):
    """Fast where the processor guesses right: it is ahead of the bytes then."""
    while at < at_end and to < to_end:
        start = at
        control = np.uint64(source[at])
        at += ONE
        if control < LITERALS:
            length = control + ONE
            _copy_word(source, at, out, to)
            if length > WORD:
                for k in range(WORD, LITERALS, WORD):  # the whole length of the longest run: further tests would be guessed wrong too often
                    _copy_word(source, at + k, out, to + k)
            at += length
        else:
            length = (control >> FIVE) + TWO
            if length == LONG:
                length += np.uint64(source[at])
                at += ONE
            distance = ((control & LOW_BITS) << WORD | np.uint64(source[at])) + ONE
            at += ONE
            if distance > to:
                return np.uint64(source.shape[0]) + ONE + start, to
            back = to - distance
            if length <= WORD and length <= distance:
                _copy_word(out, back, out, to)
            elif distance >= WORD:
                for k in range(ZERO, length, WORD):
                    _copy_word(out, back + k, out, to + k)
            else:
                for k in range(length):
                    out[to + k] = out[back + k]
        to += length
    return at, to


@compiled
def _by_arithmetic(source, out, at, to, at_end, to_end):
    """A run, which may be of no bytes, and a copy are one turn: nothing has to be guessed."""
    while at < at_end and to < to_end:
        control = np.uint64(source[at])
        length = control + ONE if control < LITERALS else ZERO
        _copy_word(source, at + ONE, out, to)
        if length > WORD:
            for k in range(WORD, LITERALS, WORD):
                _copy_word(source, at + ONE + k, out, to + k)
        at += length + ONE if control < LITERALS else ZERO
        to += length
        start = at
        control = np.uint64(source[at])
        if control < LITERALS:  # after a longest run
            continue
        length = (control >> FIVE) + TWO
        if length == LONG:
            at += ONE
            length += np.uint64(source[at])
        distance = ((control & LOW_BITS) << WORD | np.uint64(source[at + ONE])) + ONE
        at += TWO
        if distance > to:
            return np.uint64(source.shape[0]) + ONE + start, to
        back = to - distance
        if length <= WORD and length <= distance:
            _copy_word(out, back, out, to)
        elif distance >= WORD:
            for k in range(ZERO, length, WORD):
                _copy_word(out, back + k, out, to + k)
        else:
            for k in range(length):
                out[to + k] = out[back + k]
        to += length
    return at, to


@kernel
def compress(source, out):
    """Bytes written to `out`, (n,) uint8 with n >= len(source) * 33 / 32 + 2, from (m,) uint8. Greedy: the last place with the same three bytes."""
    n = source.shape[0]
    table = np.full(1 << HASH_BITS, -1, np.int64)
    at, to, run = 0, 0, 0  # run: literals pending; they end at `at`
    while at < n:
        length = 0
        seen = np.int64(-1)
        if at + 2 < n:
            key = (np.int64(source[at]) << 16) | (np.int64(source[at + 1]) << 8) | np.int64(source[at + 2])
            slot = ((key * 2654435761) >> (32 - HASH_BITS)) & ((1 << HASH_BITS) - 1)
            seen = table[slot]
            table[slot] = at
            if seen >= 0 and at - seen <= MAX_BACK:
                while length < MAX_COPY and at + length < n and source[seen + length] == source[at + length]:
                    length += 1
        if length < 3:
            at += 1
            run += 1
            if run < MAX_LITERALS and at < n:
                continue
        if run > 0:
            # a full run, the end of the input, or a copy next: the pending literals go out
            out[to] = run - 1
            to += 1
            for i in range(at - run, at):
                out[to] = source[i]
                to += 1
            run = 0
        if length >= 3:
            back = at - seen - 1
            if length - 2 < 7:
                out[to] = ((length - 2) << 5) | (back >> 8)
                to += 1
            else:
                out[to] = (7 << 5) | (back >> 8)
                out[to + 1] = length - 9
                to += 2
            out[to] = back & 255
            to += 1
            at += length
    return to
