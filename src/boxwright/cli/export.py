"""boxwright export"""

from __future__ import annotations

from typing import Annotated

import typer

from .common import JsonOption, print_json
from .outputs import OutArgument, ToOption, check_output, print_report, write_scene
from .projects import ProjectArgument, one_scene

SceneArgument = Annotated[list[str] | None, typer.Argument(metavar="SCENE", help="A scene of the project, by its name, where it holds several.")]
AtOption = Annotated[int | None, typer.Option("--at", metavar="SEQ", min=1, help="As it was after that transaction; by default as it is now.")]


def export(
    project: ProjectArgument,
    scene: SceneArgument = None,
    *,
    out: OutArgument,
    to: ToOption = "boxwright",
    at: AtOption = None,
    as_json: JsonOption = False,
) -> None:
    """A scene of a project as a recording in any format that is written.

    Recorded files are looked at as they are read: one that has changed since it was imported is refused.

    Example: boxwright export street monday out --to kitti_tracking
    """
    import boxwright as bw

    check_output(out, to)
    with bw.open_project(project) as opened:
        report = write_scene(opened.read(one_scene(opened, scene or ()), at), out, to)
    if as_json:
        print_json(report)
    else:
        print_report(report)
