"""boxwright restore"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .common import JsonOption, number_of, path_of, print_json, print_lines, tracked
from .projects import NewProjectArgument

BackupArgument = Annotated[Path, typer.Argument(metavar="FILE", parser=path_of, help="What 'boxwright backup' wrote, of either kind of project.")]


def restore(file: BackupArgument, project: NewProjectArgument, as_json: JsonOption = False) -> None:
    """A new project from a backup.

    The backup is checked as fsck does before anything is made of it.

    Example: boxwright restore street-monday.db street-again
    """
    import boxwright as bw

    with tracked(f"checking and restoring {file.name}") as advance, bw.restore_backup(file, project, progress=advance) as made:
        n_scenes, seq, name = len(made.scenes()), made.seq, made.name
    if as_json:
        print_json({"project": made.place, "name": name, "n_scenes": n_scenes, "seq": seq})
    else:
        print_lines(f"made {made.place}: project {name!r}, {number_of(n_scenes, 'scene')}, {number_of(seq, 'transaction')}")
