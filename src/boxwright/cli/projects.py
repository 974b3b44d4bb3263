"""What the commands of projects share."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import ArgumentError
from .common import number_of, path_of, print_json, print_lines, print_table

if TYPE_CHECKING:
    from ..scene import Scene
    from ..store import Commit, Project

__all__ = ["ByOption", "NewProjectArgument", "ProjectArgument", "ReasonOption", "commit_dict", "one_scene", "place_of", "project_scene", "said"]


def place_of(text: str) -> str:
    """A project's folder or URL, as it was typed."""
    return text if "://" in text else str(path_of(text))


_PLACE = "a folder, or PostgreSQL as postgresql://user@host/database."
ProjectArgument = Annotated[str, typer.Argument(metavar="PROJECT", parser=place_of, help=f"A project: {_PLACE}")]
NewProjectArgument = Annotated[str, typer.Argument(metavar="PROJECT", parser=place_of, help=f"A new project: {_PLACE}")]
ByOption = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Whose doing it is; by default the system's user.")]
ReasonOption = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why, for the log.")]


def commit_dict(commit: Commit) -> dict[str, Any]:
    """A transaction for JSON."""
    names = ("seq", "op_id", "account", "at_ns", "verb", "reason", "undo_of", "n_changes")
    return {**{name: getattr(commit, name) for name in names}, "hash": commit.hash.hex()}


def said(commit: Commit) -> str:
    """A transaction in one line."""
    when = datetime.datetime.fromtimestamp(commit.at_ns / 1e9, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    of = "" if commit.undo_of is None else f" {commit.undo_of}"
    why = "" if commit.reason is None else f": {commit.reason}"
    return f"transaction {commit.seq}, {when}, {commit.account}: {commit.verb}{of}, {number_of(commit.n_changes, 'change')}{why}"


def project_scene(place: str, scene: str | None, as_json: bool) -> Scene | None:
    """A scene of a project; where none is named, the project's scenes are printed instead."""
    import dataclasses

    import boxwright as bw

    with bw.open_project(place) as opened:
        if scene is not None:
            return opened.read(scene)
        scenes, seq, name = opened.scenes(), opened.seq, opened.name
        if as_json:
            print_json({"project": opened.place, "name": name, "seq": seq, "scenes": [dataclasses.asdict(one) for one in scenes]})
            return None
    title = f"{opened.place}: project {name!r}, {number_of(len(scenes), 'scene')}, {number_of(seq, 'transaction')}"
    if not scenes:
        print_lines(title)
        return None
    rows = [[one.name, one.format, one.n_tracks, one.n_keyframes, one.last_seq] for one in scenes]
    print_table(title, ["scene", "format", "tracks", "keyframes", "last transaction"], rows)
    return None


def one_scene(opened: Project, named: Sequence[str]) -> str:
    """The scene that is named; where none is, the project's only one. ArgumentError where it has several, or several are named."""
    if len(named) == 1:
        return named[0]
    names = [one.name for one in opened.scenes()]
    if not named and len(names) == 1:
        return names[0]
    if not names:
        raise ArgumentError("the project has no scenes", field="PROJECT", hint="'boxwright import' brings one in")
    shown = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    got = f"{len(named)} of them" if named else f"none, and the project has {len(names)}"
    raise ArgumentError(expected=f"one scene: {shown}", got=got, field="SCENE")
