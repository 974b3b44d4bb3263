"""What formats say of themselves: complete, and the page made of it is up to date."""

from __future__ import annotations

from pathlib import Path

import pytest

import boxwright as bw
from boxwright.formats import _READERS, _WRITERS
from boxwright.formats.declared import FIELDS, Exactness
from boxwright.formats.page import page

PAGE = Path(__file__).resolve().parents[1] / "docs" / "formats.md"


def test_every_format_declares_itself():
    declared = bw.capabilities()
    assert list(declared) == list(_READERS)
    assert {name for name, one in declared.items() if one.writes} == set(_WRITERS)
    for one in declared.values():
        assert one.title and one.reads


@pytest.mark.skipif(not PAGE.is_file(), reason="needs the checkout, not the wheel")
def test_the_page_is_made_of_it():
    assert PAGE.read_text(encoding="utf-8") == page(bw.capabilities()), "python -m boxwright.formats.page > docs/formats.md"


def test_losses_are_what_is_not_written_wholly():
    one = bw.Capabilities("x", "cuboids poses", "cuboids", {"cuboids": "half of them stay"})
    assert one.losses == {"cuboids": "half of them stay", **{name: "dropped" for name in FIELDS if name != "cuboids"}}
    assert bw.Capabilities("x", "cuboids").losses == {}


@pytest.mark.parametrize("bad", [{"reads": "cuboid"}, {"reads": "", "partly": {"poses": "x"}}, {"reads": "poses", "partly": {"poses": "x"}}])
def test_a_misspelt_field_is_a_fault(bad):
    with pytest.raises(ValueError, match="is no field that it writes"):
        bw.Capabilities("x", **bad)


def test_exactness_in_words():
    assert str(Exactness()) == "bit by bit"
    assert str(Exactness(m=0.005, px=0.5, ns=1000)) == "0.005 m, 0.5 px, 1000 ns"
