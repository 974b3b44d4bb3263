"""boxwright init"""

from __future__ import annotations

from typing import Annotated

import typer

from .common import JsonOption, print_json, print_lines
from .projects import ByOption, NewProjectArgument

NameOption = Annotated[str | None, typer.Option("--name", metavar="NAME", help="What it is called; by default as its folder or database.")]


def init(project: NewProjectArgument, name: NameOption = None, by: ByOption = None, as_json: JsonOption = False) -> None:
    """A new, empty project.

    It keeps labels with everything that was ever done to them; recordings stay where they are.

    Example: boxwright init street
    """
    import boxwright as bw

    with bw.create_project(project, name, by=by) as made:
        if as_json:
            print_json({"project": made.place, "name": made.name, "project_id": made.project_id})
        else:
            print_lines(f"made {made.place}: project {made.name!r}, empty; 'boxwright import' brings in recordings")
