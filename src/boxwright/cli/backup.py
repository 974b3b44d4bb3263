"""boxwright backup"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .common import JsonOption, path_of, print_json, print_lines, tracked
from .projects import ProjectArgument

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", parser=path_of, help="The new file; one that is there is not overwritten.")]


def backup(project: ProjectArgument, file: FileArgument, as_json: JsonOption = False) -> None:
    """A project in one file, of one moment.

    Others may go on writing. Recordings are not in it. Never copy project.db by hand instead: the newest edits lie beside it.

    Example: boxwright backup street street-monday.db
    """
    import boxwright as bw

    with bw.open_project(project) as opened, tracked(f"backing up {opened.name}"):
        bw.backup(opened, file)
    n_bytes = file.stat().st_size
    if as_json:
        print_json({"project": opened.place, "path": str(file), "n_bytes": n_bytes})
    else:
        print_lines(f"wrote {file}: {n_bytes / 1e6:,.1f} MB; 'boxwright restore' makes a project of it")
