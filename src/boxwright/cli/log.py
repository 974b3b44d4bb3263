"""boxwright log"""

from __future__ import annotations

from typing import Annotated

import typer

from .common import JsonOption, SceneOption, print_json, print_lines
from .projects import ProjectArgument, commit_dict, said

TrackOption = Annotated[str | None, typer.Option("--track", metavar="ID", help="What was done to one track of the scene.")]
MostOption = Annotated[int, typer.Option("--most", metavar="N", min=1, help="How many, the newest first.")]


def log(project: ProjectArgument, scene: SceneOption = None, track: TrackOption = None, most: MostOption = 20, as_json: JsonOption = False) -> None:
    """What was done to a project, a scene or a track, and by whom.

    The newest first. The number of a transaction is what undo, export --at and restore take.

    Example: boxwright log street --scene monday --track car-1
    """
    import boxwright as bw

    with bw.open_project(project) as opened:
        commits = opened.log(scene, track=track, most=most)
        n = opened.seq
    if as_json:
        print_json({"transactions": [commit_dict(commit) for commit in commits]})
        return
    print_lines(*(said(commit) for commit in commits))
    if len(commits) == most and most < n:
        print_lines(f"the newest {most}; --most N lists more")
