"""Whose labels a task of Label Studio holds: one annotation of it is read at a time, and where a task has several, each annotator's are a scene."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import number_of
from .annotators import by_annotator, called
from .strict_json import Node

__all__ = ["annotators", "left_out", "regions"]


def _annotations(task: Node) -> dict[str, Node]:
    """Annotator -> what was not cancelled, in the file's order; without any, the first prediction, of nobody."""
    told = (one for one in task.get("annotations", []) if one.get("was_cancelled", default=False).value is not True)
    found = by_annotator((_who(one), one) for one in told)
    return found or dict(zip(("",), task.get("predictions", [])))


def _who(annotation: Node) -> str:
    """An address where it is told, else a number."""
    value = annotation.get("completed_by", default=None).value
    return called(next((value[name] for name in ("email", "id") if value.get(name)), None) if isinstance(value, dict) else value)


def annotators(task: Node) -> list[str]:
    return [*_annotations(task)]


def regions(task: Node, who: str | None = None) -> Iterator[Node]:
    """The results of an annotator, or of the first where None."""
    found = _annotations(task)
    annotation = next(iter(found.values()), None) if who is None else found.get(who)
    if annotation is not None:
        yield from annotation.get("result", [])


def left_out(tasks: list[Node], who: str | None) -> list[str]:
    """Notes on tasks without labels of that annotator, and on predictions that are not read."""
    notes = []
    n = sum(who not in _annotations(task) for task in tasks)
    if who is not None and n:
        notes.append(f"{number_of(n, 'task')} of {len(tasks)} without an annotation of {who or 'nobody'}: there are no labels there")
    n = sum(len(task.get("predictions", [])) - ([*_annotations(task)] == [""]) for task in tasks)
    if n:
        notes.append(f"{number_of(n, 'prediction')} left out: a task's annotations are read, and without any its first prediction")
    return notes
