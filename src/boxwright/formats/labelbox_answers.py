"""Answers to Labelbox's classifications: of a label, of a frame, of a whole data row, as they are imported and as they are exported; and whose they
are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .annotators import by_annotator, called
from .strict_json import Node

__all__ = ["TRACK_ID", "answers_of", "labels_of", "once_and_changing", "plain"]

TRACK_ID = "track_id"


def labels_of(project: Node) -> dict[str, Node]:
    """Annotator -> what a project has of a data row, in the file's order."""
    return by_annotator((_who(one), one) for one in project.get("labels", []))


def _who(label: Node) -> str:
    details = label.value.get("label_details") if isinstance(label.value, dict) else None
    return called(details.get("created_by") if isinstance(details, dict) else None)


def answers_of(node: Node) -> dict[str, Any]:
    """Texts, chosen names, or lists of such, by the names of classifications; those asked within an answer stand beside it."""
    found: dict[str, Any] = {}
    for one in node.get("classifications", []):
        if not one.has("name"):
            continue
        value: Any = None
        if one.has("answer"):
            value = plain(one["answer"].value)
        elif one.has("text_answer"):
            value = one["text_answer"]["content"].sentence()
        elif one.has("radio_answer"):
            value = one["radio_answer"]["name"].text()
        elif one.has("checklist_answers"):
            value = [item["name"].text() for item in one["checklist_answers"]]
        if value is not None:
            found[one["name"].word()] = value
        for answer in _chosen(one):
            for name, within in answers_of(answer).items():
                found.setdefault(name, within)
    if found.get(TRACK_ID) is not None and (not isinstance(found[TRACK_ID], (str, int)) or not str(found[TRACK_ID]).strip()):
        raise node.wrong("a text as the track's id", repr(found[TRACK_ID])[:40], "correct the line or export the labels again")
    return found


def _chosen(classification: Node) -> Iterator[Node]:
    """Answers that may ask further."""
    for name in ("answer", "radio_answer", "checklist_answers"):
        if classification.has(name):
            said = classification[name]
            yield from (one for one in (said if isinstance(said.value, list) else [said]) if isinstance(one.value, dict))


def once_and_changing(said: Mapping[int, Mapping[str, Any]]) -> tuple[dict[str, Any], dict[int, dict[str, Any]]]:
    """What exported frames say of one label, apart: answers that are the same wherever they are told, and by frame those that become another."""
    first: dict[str, Any] = {}
    held: dict[str, Any] = {}
    changes: dict[int, dict[str, Any]] = {}
    changing = {name for answers in said.values() for name, value in answers.items() if first.setdefault(name, value) != value}
    for frame in sorted(said):
        new = {name: value for name, value in said[frame].items() if name in changing and (name not in held or held[name] != value)}
        held |= new
        changes |= {frame: new} if new else {}
    return {name: value for name, value in first.items() if name not in changing}, changes


def plain(value: Any) -> Any:
    """An answer, or several, without what else is said of it."""
    if isinstance(value, list):
        return [item.get("name") if isinstance(item, dict) else item for item in value]
    return value.get("name") if isinstance(value, dict) else value
