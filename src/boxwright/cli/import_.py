"""boxwright import"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import ArgumentError, StorageError
from .common import (
    DropMissingOption,
    FormatOption,
    JsonOption,
    LabelsCameraOption,
    LabelsOption,
    LenientOption,
    LimitOption,
    PathArgument,
    SceneOption,
    number_of,
    print_json,
    print_lines,
    say_problems,
    tracked,
)
from .projects import ByOption, ProjectArgument, commit_dict
from .usage import with_options

if TYPE_CHECKING:
    from ..store import Commit, Project

NameOption = Annotated[str | None, typer.Option("--name", metavar="NAME", help="What the scene is called in the project.")]
SkipOption = Annotated[bool, typer.Option("--skip-there", help="Pass over scenes whose names the project has already.")]


def import_(
    project: ProjectArgument,
    path: PathArgument,
    scene: SceneOption = None,
    format: FormatOption = None,
    labels: LabelsOption = None,
    labels_camera: LabelsCameraOption = None,
    drop_missing: DropMissingOption = False,
    name: NameOption = None,
    skip_there: SkipOption = False,
    lenient: LenientOption = False,
    limit: LimitOption = None,
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Recordings and their labels into a project.

    All scenes of PATH where none is named, each in a transaction of its own. Files of sensors stay where they are: their sizes and SHA-256 are kept,
    and looked at again whenever they are read. Labels that came back from a platform take the place of PATH's own.

    Example: boxwright import street recording --name monday
    """
    import boxwright as bw

    if drop_missing and labels is None:
        raise ArgumentError("nothing can be missing", expected="labels that came back", field="--drop-missing", hint="pass --labels FILE too")
    given = {"labels": labels, "labels_camera": labels_camera, "missing": "drop" if drop_missing else "keep"}
    names = [scene] if scene is not None else list(bw.scenes(path, format).names)
    if name is not None and len(names) > 1:
        what = f"PATH holds {number_of(len(names), 'scene')}, which cannot all be called {name!r}"
        raise ArgumentError(what, field="--name", hint="name one with --scene NAME")
    done: list[dict[str, Any]] = []
    with bw.open_project(project) as opened:
        there = {one.name for one in opened.scenes()}
        taken = [one for one in names if (name or one) in there]
        if taken and not skip_there:
            hint = "give it another with --name NAME" if len(names) == 1 else "pass over such scenes with --skip-there"
            what = f"{number_of(len(taken), 'scene')} of that name {'is' if len(taken) == 1 else 'are'} there already"
            raise StorageError(what, got=(name or taken[0])[:80], path=opened.place, hint=hint)
        wanted = [one for one in names if one not in taken]
        with tracked(f"importing {number_of(len(wanted), 'scene')}", len(wanted)) as advance:
            for one in wanted:
                commit = opened.import_scene(path, one, format, **given, strict=not lenient, name=name, by=by)
                added_name = _scene_of(opened, commit)
                done.append({"scene": added_name, **commit_dict(commit)})
                if lenient or labels is not None:
                    added = opened.read(added_name)
                    say_problems(added)
                    done[-1]["notes"] = [*added.notes] if labels is not None else []
                advance()
    if as_json:
        print_json({"project": opened.place, "scenes": done, "skipped": taken})
        return
    for entry in done:
        print_lines(f"{entry['scene']}: {number_of(entry['n_changes'], 'entry')}, transaction {entry['seq']}")
        print_lines(*(f"  note: {with_options(line)}" for line in entry.get("notes", ())))
    print_lines(f"imported {number_of(len(done), 'scene')} into {opened.place}" + (f", passed over {len(taken)}" if taken else ""))


def _scene_of(project: Project, commit: Commit) -> str:
    """What the scene is called that the transaction added: its dataset may list it by another name."""
    changed = (project.entity(one) for one in commit.revisions)
    return next(str((one.body or {})["name"]) for one in changed if one.kind == "scene")
