"""Names that are given away once."""

from __future__ import annotations

import numpy as np

from boxwright.formats.free_names import FreeNames


def test_each_name_once_and_the_first_as_it_is():
    names = FreeNames(["a"])
    assert [names.take(name) for name in ("a", "b", "b", "b", "b'2", "b'", "a")] == ["a'", "b", "b'", "b'2", "b'2'", "b''", "a'2"]
    assert "b" in names and "c" not in names and len(names) == 8


def test_names_that_look_like_others(rng):
    """Names made of marks and numbers themselves: none comes twice, and one that is free stays."""
    names, taken = FreeNames(), set()
    for wanted in ("".join(row) for row in rng.choice(np.array(["a", "'", "2", "3"]), (3000, 3))):
        free = names.take(wanted)
        assert free not in taken and (free == wanted) == (wanted not in taken)
        taken.add(free)
