"""boxwright undo"""

from __future__ import annotations

from typing import Annotated

import typer

from .common import JsonOption, print_json, print_lines
from .projects import ByOption, ProjectArgument, ReasonOption, commit_dict, said

SeqArgument = Annotated[int, typer.Argument(metavar="SEQ", min=1, help="The number of the transaction, as 'boxwright log' lists it.")]


def undo(project: ProjectArgument, seq: SeqArgument, reason: ReasonOption = None, by: ByOption = None, as_json: JsonOption = False) -> None:
    """A transaction taken back, as a new one.

    Refused where later edits stand on it. An undo can be undone.

    Example: boxwright undo street 12
    """
    import boxwright as bw

    with bw.open_project(project) as opened:
        commit = opened.undo(seq, by=by, reason=reason)
    if as_json:
        print_json(commit_dict(commit))
    else:
        print_lines(said(commit))
