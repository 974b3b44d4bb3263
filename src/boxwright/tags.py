"""What is said of a whole clip, of some of its time, and of two of its tracks: tags and relations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .arrays import check_kind, one_time_ns
from .errors import ArgumentError
from .problems import within_depth

__all__ = ["Relation", "Tag"]


@dataclass(frozen=True)
class Tag:
    """`name` holds, with a value where it has one: of the whole clip, or of a frame or an interval of time; of everything, or of one camera's
    pictures.

    value : anything JSON can hold; True for a tag that is a word alone
    span_ns : first and last time, both included, None for the whole clip; a frame's tag has its stamp twice, or its exposure where a camera is named
    camera : the camera whose pictures it is about, or None
    source_attributes : fields of a file that boxwright has no name for, kept for the way back
    """

    name: str
    value: Any = True
    span_ns: tuple[int, int] | None = None
    camera: str | None = None
    source_attributes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_kind("tag.name", self.name, str, "a text", "say in a word what it is")
        check_kind("tag.camera", self.camera, (str, type(None)), "a camera's name, or None", "the name it has in the scene")
        check_kind("tag.source_attributes", self.source_attributes, Mapping, "a mapping", "give a dict of what JSON can hold")
        object.__setattr__(self, "value", within_depth({"value": self.value})["value"])
        object.__setattr__(self, "source_attributes", within_depth(self.source_attributes))
        object.__setattr__(self, "span_ns", _span("tag.span_ns", self.span_ns))

    @property
    def key(self) -> tuple[Any, ...]:
        """What it says, of whatever camera: equal for tags that say the same, and hashable."""
        return self.name, _hashable(self.value), self.span_ns

    def holds_at(self, time_ns: int) -> bool:
        return self.span_ns is None or self.span_ns[0] <= time_ns <= self.span_ns[1]


@dataclass(frozen=True)
class Relation:
    """`subject` does `kind` to `object` (ids of tracks, of cuboids or in pictures) in a span of time, or always where the span is None."""

    kind: str
    subject: str
    object: str
    span_ns: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        for name in ("kind", "subject", "object"):
            hint = "say in a word what it is" if name == "kind" else "give a track's id"
            check_kind(f"relation.{name}", getattr(self, name), str, "a text", hint)
        object.__setattr__(self, "span_ns", _span("relation.span_ns", self.span_ns))


def _hashable(value: Any) -> Any:
    """Equal where JSON values are the same; 1, 1.0 and true are not."""
    if isinstance(value, Mapping):
        return frozenset((str(name), _hashable(one)) for name, one in value.items())
    if isinstance(value, (list, tuple)):
        return tuple(map(_hashable, value))
    return type(value).__name__, value


def _span(field: str, value: Any) -> tuple[int, int] | None:
    """Two times, the first not later."""
    if value is None:
        return None
    hint = "give the first and the last time, or None for always"
    check_kind(field, value, (tuple, list), "two times", hint)
    span = tuple(one_time_ns(field, stamp) for stamp in value)
    if len(span) != 2 or span[0] > span[1]:
        raise ArgumentError(expected="two times, the first not later", got=str(value), field=field, hint=hint)
    return span
