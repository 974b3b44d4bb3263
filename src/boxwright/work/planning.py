"""Making tasks: ranges of a scene, replicas of them for several people, gold that looks like any other, and what comes before real work."""

from __future__ import annotations

import hashlib
import itertools
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from ..errors import ArgumentError, GoldCanBeTold, number_of
from ..store import Commit
from ..store.canonical import new_id
from ..store.roles import Action
from ..store.sight import tasks_of
from .desk import Desk
from .views import Task

__all__ = ["Planning", "frame_ranges"]


def frame_ranges(n_frames: int, frames_each: int) -> list[tuple[int, int]]:
    """The frames of a scene in parts of nearly the same length, both ends included: as few as there must be for none to be longer."""
    if frames_each < 1 or n_frames < 1:
        raise ArgumentError(expected="at least one frame", got=f"{frames_each} of {n_frames}", field="frames_each", hint="such as 50")
    n = -(-n_frames // frames_each)
    ends = [n_frames * k // n for k in range(n + 1)]
    return [(a, b - 1) for a, b in itertools.pairwise(ends)]


class Planning(Desk):
    """Who makes tasks, with the rights of an admin."""

    def add_tasks(
        self,
        scene: str,
        ranges: Sequence[tuple[int, int]] | None = None,
        *,
        frames_each: int | None = None,
        replicas: int = 1,
        on_layers: bool = False,
        labels: str = "keep",
        sensors: Sequence[str] | None = None,
        classes: Sequence[str] | None = None,
        instructions: str = "",
        priority: int = 0,
        by: str | None = None,
        op_id: str | None = None,
    ) -> list[Task]:
        """Tasks over ranges of a scene's frames, in one transaction.

        ranges : (first, last) frame of each, both included; frames_each : instead, parts of at most so many; neither: the scene as a whole
        replicas : how many people each is for; each has a layer of its own, a scene with labels that only he and reviewers see
        on_layers : also where each is for one person. Layers are what gold lies on, too: who has tasks on layers alone cannot tell gold by it
        labels : what a layer begins with, "keep" the scene's labels as they are now, or "none"
        sensors, classes : what the tasks are limited to, all where None
        """
        scene_id, n_frames = self._frames(scene)
        if ranges is not None and frames_each is not None:
            raise ArgumentError("ranges and frames_each say it twice", field="ranges", hint="give one of them")
        parts = list(ranges) if ranges is not None else frame_ranges(n_frames, n_frames if frames_each is None else frames_each)
        if isinstance(replicas, bool) or not isinstance(replicas, int) or not 1 <= replicas <= 100:
            raise ArgumentError(expected="a number from 1 to 100", got=f"{replicas!r:.40}", field="replicas", hint="how many people label each")
        limits = {key: None if value is None else list(value) for key, value in (("sensors", sensors), ("classes", classes))}
        common = {**limits, "instructions": instructions, "priority": priority}
        edits: list[dict[str, Any]] = []
        ids, fresh = [], _ids(op_id)
        for first, last in parts:
            group = next(fresh) if replicas > 1 else None
            for _ in range(replicas):
                ids.append(next(fresh))
                where = scene_id
                if replicas > 1 or on_layers:
                    where = next(fresh)
                    edits.append({"verb": "add_layer", "scene": scene_id, "id": where, "name": _layer_name(scene, where), "labels": labels})
                said = {"from_frame": first, "to_frame": last, "group": group, "is_layer": where != scene_id, **common}
                edits.append({"verb": "add_task", "scene": where, "id": ids[-1], **said})
        self._commit(*edits, by=by, op_id=op_id)
        return [one for one in self.tasks() if one.task_id in set(ids)]

    def _frames(self, scene: str) -> tuple[str, int]:
        scene_id = self.project.scene_id(scene)
        frames = self.project.find(scene_id, "frames")
        return scene_id, len((frames.body or {})["frames"]) if frames else 0

    def hide_gold(self, scene: str, *, by: str | None = None, op_id: str | None = None) -> Commit:
        """A scene's labels are answers from now on: annotators, viewers and machines do not see it any more."""
        return self._commit({"verb": "set_gold", "scene": self.project.scene_id(scene)}, by=by, op_id=op_id)

    def add_gold(
        self,
        scene: str,
        gold: str,
        frames: tuple[int, int] | None = None,
        *,
        name: str | None = None,
        labels: str = "none",
        people: int = 1,
        instructions: str = "",
        priority: int = 0,
        by: str | None = None,
        op_id: str | None = None,
        warns: bool = True,
    ) -> list[Task]:
        """Tasks whose answers are known: a layer of `scene` each, among the tasks that are open. Who takes one is told what he is told of any task.

        gold : the scene with the answers, with the same frames; it is hidden with this. It may be `scene` itself, with labels="none"
        name : of the layer, as that of a scene; by default as replicas are named
        people : how many tasks, for as many people
        warns : GoldCanBeTold where `gold_note` has something to say
        """
        (scene_id, n_frames), (gold_id, n_gold) = self._frames(scene), self._frames(gold)
        first, last = frames or (0, n_frames - 1)
        if n_frames != n_gold or (labels == "keep" and scene_id == gold_id):
            expected = "answers of the same frames, and labels that are not the answers"
            raise ArgumentError(expected=expected, got=f"{n_frames} and {n_gold} frames", field="gold", hint="labels='none' begins from nothing")
        fresh = _ids(op_id)
        group = next(fresh)
        if self._host.find("", "gold", gold_id) is None:  # apart, so that the log of a layer of gold is that of any layer
            self._commit({"verb": "set_gold", "scene": gold_id}, by=by)
        asked: list[dict[str, Any]] = []
        ids = [next(fresh) for _ in range(people)]
        for task_id in ids:
            where = next(fresh)
            called = name if name is not None and people == 1 else _layer_name(name or scene, where)
            asked.append({"verb": "add_layer", "scene": scene_id, "id": where, "name": called, "labels": labels})
            said = {"from_frame": first, "to_frame": last, "purpose": "gold", "gold": gold_id, "group": group, "is_layer": True}
            asked.append({"verb": "add_task", "scene": where, "id": task_id, **said, "instructions": instructions, "priority": priority})

        def made() -> list[dict[str, Any]]:
            return [{**one, "place": self._among(one["id"])} if one["verb"] == "add_task" else one for one in asked]

        self._commit(*asked, by=by, op_id=op_id, made=made)
        if warns and (note := self.gold_note()) is not None:
            warnings.warn(GoldCanBeTold(note), stacklevel=2)
        return [one for one in self.tasks() if one.task_id in ids]

    def gold_note(self) -> str | None:
        """What lets annotators tell gold by its layer's name, None where nothing does."""
        with self.project.database.reading() as connection:
            bodies = [one.body or {} for one in tasks_of(connection)]
        n_plain = sum(body["state"] == "open" and body["purpose"] == "work" and not body["is_layer"] for body in bodies)
        what = f"{number_of(n_plain, 'open task')} on the shared scene: annotators can tell gold by the name of its layer"
        return f"{what}; make tasks with on_layers=True, or replicas" if n_plain else None

    def _among(self, task_id: str) -> int:
        """The place of one of the open tasks, chosen by a hash: gold is not what comes last."""
        with self.project.database.reading() as connection:
            places = sorted(one.place for one in tasks_of(connection) if (one.body or {})["state"] == "open")
        return places[int.from_bytes(hashlib.sha256(task_id.encode()).digest()[:8], "big") % len(places)] if places else 0

    def add_qualification(
        self,
        scene: str,
        gold: str,
        frames: tuple[int, int] | None = None,
        *,
        name: str = "qualification",
        least_f1: float = 0.9,
        labels: str = "none",
        by: str | None = None,
        op_id: str | None = None,
    ) -> Commit:
        """What everybody must have done before real work: `Work.qualify` gives it, submitting grades it, and `Work.feedback` tells every error.

        least_f1 : with which it is passed
        """
        (scene_id, n_frames), (gold_id, n_gold) = self._frames(scene), self._frames(gold)
        first, last = frames or (0, n_frames - 1)
        if n_frames != n_gold or not 0 <= first <= last < n_frames or (labels == "keep" and scene_id == gold_id):
            expected = "frames that scene and answers have, and labels that are not the answers"
            raise ArgumentError(expected=expected, got=f"{first} to {last} of {n_frames} and {n_gold}", field="frames", hint="see add_gold")
        frames_said = {"from_frame": first, "to_frame": last}
        one = {"id": next(_ids(op_id)), "name": name, "scene": scene_id, "gold": gold_id, **frames_said, "least_f1": least_f1, "labels": labels}
        hiding, setting = {"verb": "set_gold", "scene": gold_id}, {"verb": "set_work", "set": {"qualifications": [one]}}

        def made() -> list[dict[str, Any]]:
            self.project.permit(Action.ADMINISTER)
            kept = self._host.find("", "work")
            others = ((kept.body or {}) if kept else {}).get("qualifications", ())
            return [hiding, {**setting, "set": {"qualifications": [*others, one]}, **({} if kept is None else {"rev": kept.rev})}]

        return self._commit(hiding, setting, by=by, op_id=op_id, made=made)


def _ids(op_id: str | None) -> Iterator[str]:
    """Of what a request makes: the same again where the request comes again."""
    for n in itertools.count():
        yield new_id() if op_id is None else hashlib.sha256(f"{op_id}/{n}".encode()).hexdigest()[:32]


def _layer_name(scene: str, layer_id: str) -> str:
    return f"{scene}~{layer_id[-6:]}"
