"""Each of the 31 classes of attacks has a test that is called by its number."""

from __future__ import annotations

import re
from pathlib import Path


def test_there_are_31():
    named = {int(n) for path in Path(__file__).parent.glob("test_*.py") for n in re.findall(r"^def test_A(\d\d)_", path.read_text(), re.MULTILINE)}
    assert named == set(range(1, 32))
