"""Texts as XML can hold them."""

from __future__ import annotations

import re
from xml.sax.saxutils import quoteattr

__all__ = ["NO_CHARACTER", "quoted"]

NO_CHARACTER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")  # what it has no place for, escaped or not


def quoted(text: str) -> str:
    """As the value of an attribute, in quotes; question marks for what XML has no place for."""
    return quoteattr(NO_CHARACTER.sub("?", text))
