"""Everything boxwright raises on purpose.

BoxwrightError
├── ArgumentError    (ValueError)   an argument has the wrong shape, dtype, range or name
├── GeometryError    (ValueError)   sizes, rotations, frames of reference that cannot be
├── CalibrationError (ValueError)   a camera or mounting that cannot be, or is missing
├── TimeError        (ValueError)   times out of order, or outside what is known
├── FormatError      (ValueError)   a file does not say what its format says it should
├── LimitError       (ValueError)   a file asks for more than the limits allow
├── IndexMissing     (IndexError)   an index past the end, or before the beginning
├── FrameMissing     (KeyError)     a frame, sweep, image or sensor is not there
├── UnknownName      (KeyError)     a class, format, method or scene nobody knows
├── ExtraMissing     (ImportError)  a feature whose optional dependency is absent
├── StorageError     (OSError)      an output could not be written
├── ConflictError    (RuntimeError) an edit stands on what has changed since
├── AccessDenied     (PermissionError) an account asks for what its roles do not allow
└── CorruptionError  (OSError)      what was stored or recorded is not what it was
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

MOST_CHARACTERS = 500  # of each part of a message


def one_line(text: str) -> str:
    """Names come from files: control characters are shown as escapes, so that they cannot move the cursor or fake a line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(text))


def number_of(n: int, thing: str) -> str:
    """ "1 sweep", "1,234 sweeps", "2 boxes", "3 entities": a count and what is counted, as every message has it."""
    if n == 1:
        return f"1 {thing}"
    plural = (
        thing[:-1] + "ies" if thing.endswith("y") and thing[-2] not in "aeiou" else thing + ("es" if thing.endswith(("s", "x", "ch", "sh")) else "s")
    )
    return f"{n:,} {plural}"


class BoxwrightError(Exception):
    """Base of all errors raised on purpose; `str()` is one sentence fit to be shown to a user.

    what : what is wrong; may be left out when `expected` and `got` say it
    expected, got : what was wanted and what came
    path, offset, field : the file (or URL), byte or line in it, and the field or argument
    hint : what to do
    code : a stable name for programs
    could_be_kept_aside : whether it is of one record, without which lenient reading goes on
    """

    code: str = "error"
    could_be_kept_aside = False

    def __init__(
        self,
        what: str = "",
        *,
        expected: Any = None,
        got: Any = None,
        path: str | os.PathLike[str] | None = None,
        offset: int | str | None = None,
        field: str | None = None,
        hint: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__()  # first: ImportError and OSError set fields of these names themselves
        self.what = what
        self.expected = expected
        self.got = got
        self.path = None if path is None else os.fspath(path)
        self.offset = offset
        self.field = field
        self.hint = hint
        if code is not None:
            self.code = code
        self.args = (str(self),)

    def __str__(self) -> str:
        place = ", ".join(part for part in (_both_ends(self.path or ""), self._place()) if part)
        where = ": ".join(part for part in (place, _short(self.field or "")) if part)
        wanted = "" if self.expected is None else f"expected {_short(self.expected)}"
        if self.got is not None:
            wanted += f"{', ' if wanted else ''}got {_short(self.got)}"
        message = ": ".join(part for part in (where, _short(self.what), wanted) if part)
        return one_line(message if self.hint is None else f"{message}; {self.hint}")

    def _place(self) -> str:
        if self.offset is None:
            return ""
        return f"byte {self.offset}" if isinstance(self.offset, int) else self.offset

    def __reduce__(self) -> tuple[Any, ...]:
        fields = ("what", "expected", "got", "path", "offset", "field", "hint", "code")
        return (_rebuild, (type(self), {name: getattr(self, name) for name in fields}))


def _short(part: Any) -> str:
    """What a damaged file brings along can be of any length."""
    text = str(part)
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 3]}..."


def _both_ends(path: str) -> str:
    """Of a long path: where it begins, and the name at its end."""
    half = MOST_CHARACTERS // 2
    return path if len(path) <= MOST_CHARACTERS else f"{path[:half]}...{path[-half:]}"


def _rebuild(kind: type[BoxwrightError], fields: dict[str, Any]) -> BoxwrightError:
    return kind(**fields)


class ArgumentError(BoxwrightError, ValueError):
    """An argument has the wrong shape, dtype, range or name."""

    code = "argument"


class GeometryError(BoxwrightError, ValueError):
    """Sizes, rotations or frames of reference that cannot be."""

    code = "geometry"


class CalibrationError(BoxwrightError, ValueError):
    """A camera or mounting that cannot be, or is missing."""

    code = "calibration"


class TimeError(BoxwrightError, ValueError):
    """Times out of order, or outside what is known."""

    code = "time"


class FormatError(BoxwrightError, ValueError):
    """A file does not say what its format says it should."""

    code = "format"


class LimitError(BoxwrightError, ValueError):
    """A file asks for more than the limits allow."""

    code = "limit"


class IndexMissing(BoxwrightError, IndexError):  # noqa: N818
    """An index past the end, or before the beginning."""

    code = "index"


class FrameMissing(BoxwrightError, KeyError):  # noqa: N818
    """A frame, sweep, image or sensor is not there."""

    code = "missing"


class UnknownName(BoxwrightError, KeyError):  # noqa: N818
    """A class, format, method or scene nobody knows."""

    code = "unknown-name"


class ExtraMissing(BoxwrightError, ImportError):  # noqa: N818
    """A feature whose optional dependency is absent."""

    code = "extra-missing"


class StorageError(BoxwrightError, OSError):
    """An output could not be written."""

    code = "storage"


class ConflictError(BoxwrightError, RuntimeError):
    """An edit stands on what has changed since.

    conflicts : one mapping for each thing in the way: its `id` and `kind`, `expected_rev` and `rev`, `body` as it is now (None where it is deleted),
        `changed` (which of its values are others now), and `seq`, `account` and `at_ns` of who changed it last
    """

    code = "conflict"

    def __init__(self, what: str = "", *, conflicts: Sequence[Mapping[str, Any]] = (), **fields: Any) -> None:
        super().__init__(what, **fields)
        self.conflicts = tuple(conflicts)

    def __reduce__(self) -> tuple[Any, ...]:
        rebuild, (kind, fields) = super().__reduce__()
        return (rebuild, (kind, {**fields, "conflicts": self.conflicts}))


class AccessDenied(BoxwrightError, PermissionError):  # noqa: N818
    """An account asks for what its roles do not allow, or not there."""

    code = "denied"


class CorruptionError(BoxwrightError, OSError):
    """What was stored or recorded is not what it was."""

    code = "corruption"


class SensorFrameFallback(UserWarning):
    """A scene has no ego poses, so its tracks stay in the sensor frame."""


class GoldCanBeTold(UserWarning):
    """Tasks whose answers are known lie on layers, and other open tasks do not: annotators can tell which is which."""
