"""LZF, the compression inside binary_compressed PCD files.

A stream of runs. Control byte c < 32: c + 1 bytes follow as they are. Otherwise a copy of earlier output: its length is (c >> 5) + 2, where 7 in the
top bits means that the next byte is added; it starts ((c & 31) << 8 | next byte) + 1 bytes back and may overlap itself.
"""

from __future__ import annotations

import numpy as np

from . import kernel

HASH_BITS = 14
MAX_LITERALS = 32
MAX_BACK = 1 << 13
MAX_COPY = 264
ONE = np.uint64(1)
SHORT = np.uint64(4)
MEDIUM = np.uint64(16)
LITERALS = np.uint64(MAX_LITERALS)


@kernel
def decompress(source, out):
    """Bytes written to `out`, (n,) uint8, from (m,) uint8; where the stream breaks at byte i of the source: -1 - i.

    Short runs are copied as blocks of a fixed length where both arrays have room; what lies behind the run is written over by the next one.
    Places are unsigned, which spares the test for negative indices.
    """
    n, size = np.uint64(source.shape[0]), np.uint64(out.shape[0])
    at, to = np.uint64(0), np.uint64(0)
    while at < n:
        start = at
        control = np.uint64(source[at])
        at += ONE
        if control < LITERALS:
            length = control + ONE
            if at + length > n or to + length > size:
                return -1 - np.int64(start)
            if at + LITERALS > n or to + LITERALS > size:
                for k in range(length):
                    out[to + k] = source[at + k]
            elif length <= SHORT:
                for k in range(SHORT):
                    out[to + k] = source[at + k]
            else:
                for k in range(LITERALS):
                    out[to + k] = source[at + k]
            at += length
        else:
            length = (control >> np.uint64(5)) + np.uint64(2)
            if length == np.uint64(9):
                if at >= n:
                    return -1 - np.int64(start)
                length += np.uint64(source[at])
                at += ONE
            if at >= n:
                return -1 - np.int64(start)
            distance = (((control & np.uint64(31)) << np.uint64(8)) | np.uint64(source[at])) + ONE
            at += ONE
            if distance > to or to + length > size:
                return -1 - np.int64(start)
            back = to - distance
            if length <= SHORT and to + SHORT <= size:
                for k in range(SHORT):
                    out[to + k] = out[back + k]
            elif length <= MEDIUM and to + MEDIUM <= size:
                for k in range(MEDIUM):
                    out[to + k] = out[back + k]
            else:
                for k in range(length):
                    out[to + k] = out[back + k]
        to += length
    return np.int64(to)


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
