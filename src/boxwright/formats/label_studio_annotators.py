"""Whose labels a task of Label Studio holds: one annotation of it is read at a time, and where a task has several, each annotator's are a scene."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ..errors import number_of
from .strict_json import Node

__all__ = ["all_annotators", "annotators", "left_out", "regions"]


def _annotations(task: Node) -> dict[str, Node]:
    """Annotator -> what was not cancelled, in the file's order; without any, the first prediction, of nobody."""
    found: dict[str, Node] = {}
    times = Counter[str]()
    for annotation in task.get("annotations", []):
        if annotation.get("was_cancelled", default=False).value is not True:
            who = _who(annotation)
            times[who] += 1
            found[who if times[who] == 1 else f"{who}, time {times[who]}"] = annotation
    return found or dict(zip(("",), task.get("predictions", [])))


def _who(annotation: Node) -> str:
    """An address where it is told, else a number."""
    value = annotation.get("completed_by", default=None).value
    value = next((value[name] for name in ("email", "id") if value.get(name)), None) if isinstance(value, dict) else value
    if type(value) is int:
        return f"annotator {value}"
    return value if isinstance(value, str) and value.strip() and value.isprintable() and ", time " not in value else "somebody"


def annotators(task: Node) -> list[str]:
    return [*_annotations(task)]


def regions(task: Node, who: str | None = None) -> Iterator[Node]:
    """The results of an annotator, or of the first where None."""
    found = _annotations(task)
    annotation = next(iter(found.values()), None) if who is None else found.get(who)
    if annotation is not None:
        yield from annotation.get("result", [])


def all_annotators(tasks: list[tuple[int, list[str]]]) -> list[str | None]:
    """All annotators, given those of each task; None alone where no task has several."""
    if all(len(names) < 2 for _, names in tasks):
        return [None]
    return [*dict.fromkeys(name for _, names in tasks for name in names)]


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
