"""The data rows in files of Labelbox, and the scenes that they are: found once, each read from its own lines alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import FormatError
from ..limits import checked_size, limits
from .annotators import all_annotators
from .boxwright_scene import camera_name
from .free_names import FreeNames
from .labelbox_answers import labels_of
from .looking import files_of, head, is_known_by
from .remembering import of_files
from .strict_json import Node, of_bytes

__all__ = ["LINE_HINT", "Place", "files_in", "key_of", "lines_at", "places_in"]

LINE_HINT = "correct the line or export the labels again"
_LINE = re.compile(rb'(\xef\xbb\xbf)?\s*\{[^\n]*?"(dataRow|data_row)"\s*:\s*\{')


@dataclass(frozen=True)
class _Row:
    """A data row in a file. places : (offset, number) of each of its lines; annotators : those of each project that has labels of it"""

    places: list[tuple[int, int]]
    annotators: list[list[str]]


@dataclass(frozen=True)
class Place:
    """Where a scene is. cameras : of its data rows; places : of their lines; who : whose labels they are, None where a data row has one's alone"""

    file: Path
    cameras: dict[str, str]
    places: list[tuple[int, int]]
    who: str | None


def files_in(path: Path) -> list[Path]:
    return files_of(path, (".ndjson", ".jsonl", ".json"), _is_ours)


def _is_ours(file: Path) -> bool:
    is_plain = file.suffix.lower() == ".json"  # which may be anything, and there may be much of it
    return (not is_plain or _LINE.match(head(file)) is not None) and is_known_by(file, _has_row)


def _has_row(start: bytes) -> bool:
    return _LINE.match(start) is not None and any(name in start for name in (b'"segments"', b'"projects"', b'"answer"', b'"answers"'))


def places_in(path: Path) -> Mapping[str, Place]:
    return of_files(files_in(path), _scenes_in)


def _scenes_in(files: Sequence[Path]) -> Mapping[str, Place]:
    found: dict[str, Place] = {}
    names = FreeNames()
    for file in files:
        own = _data_rows(file)
        keys = [*own]
        parts = [key.rpartition("/") for key in keys]
        cameras = [camera_name(last) for _, _, last in parts]
        if len({first for first, _, _ in parts}) == 1 and parts[0][1] and re.sub(r"\W", "_", parts[0][0]) == re.sub(r"\W", "_", file.stem):
            groups = [(parts[0][0], dict(zip(keys, cameras)))]
        else:
            last = [re.split(r"[/\\]", key)[-1] for key in keys]
            groups = [(name.rpartition(".")[0] or name, {key: "camera"}) for key, name in zip(keys, last)]
        for name, rows in groups:
            places = sorted(place for key in rows for place in own[key].places)
            for who in all_annotators([some for key in rows for some in own[key].annotators]):
                found[names.take(name if who is None else f"{name} by {who}")] = Place(file, rows, places, who)
    return found


def _data_rows(file: Path) -> dict[str, _Row]:
    limits().check("text_bytes", checked_size(file), file)
    found: dict[str, _Row] = {}
    at = 0
    with file.open("rb") as stream:
        for number, raw in enumerate(stream, 1):
            if raw.strip():
                line = _at_line(raw, file, number)
                projects = line.get("projects", {})
                row = found.setdefault(key_of(line), _Row([], []))
                row.places.append((at, number))
                row.annotators.extend([*labels_of(projects[name])] for name in projects.mapping())
            at += len(raw)
    return found


def lines_at(file: Path, places: Sequence[tuple[int, int]]) -> Iterator[Node]:
    """Lines at their places, and no others: a file may have thousands of scenes."""
    with file.open("rb") as stream:
        for at, number in places:
            stream.seek(at)
            yield _at_line(stream.readline(), file, number)


def _at_line(raw: bytes, file: Path, number: int) -> Node:
    try:
        node = of_bytes(raw.removeprefix(b"\xef\xbb\xbf"), file)
    except FormatError as error:
        said = {"expected": error.expected, "got": error.got, "hint": error.hint}
        raise FormatError(error.what, path=file, offset=f"line {number}", **said) from None
    return Node(node.value, node.path, f"line {number}")


def key_of(line: Node) -> str:
    row = line["dataRow"] if line.has("dataRow") else line["data_row"]
    for name in ("globalKey", "global_key", "id"):
        if row.has(name):
            return row[name].word()
    raise row.wrong("a global key or an id", "neither", LINE_HINT)
