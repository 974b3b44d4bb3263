"""boxwright convert"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import FormatOption, JsonOption, PathArgument, SceneOption, one_line, open_scene, print_json, stdout, tracked

if TYPE_CHECKING:
    from ..scene import Scene

ToOption = Annotated[str, typer.Option("--to", metavar="FORMAT", help="Format to write: boxwright or kitti_tracking.")]


def convert(
    path: PathArgument,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="New folder; an existing one that is not empty is never overwritten.")],
    to: ToOption = "boxwright",
    scene: SceneOption = None,
    format: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """One format into another.

    Says what the other format cannot hold.
    """
    report = write_scene(open_scene(path, scene, format), out, to)
    if as_json:
        print_json(report)
    else:
        print_report(report)


def write_scene(scene: Scene, out: Path, format: str) -> dict[str, Any]:
    """Writes, with progress, and gives the report by name."""
    import dataclasses

    import boxwright as bw

    with tracked(f"writing {format}"):
        report = bw.write(scene, out, format=format)
    return {**dataclasses.asdict(report), "path": str(out)}


def print_report(report: dict[str, Any]) -> None:
    lines = [f"wrote {report['path']}: {report['format']}, {report['n_frames']} frames, {report['n_tracks']} tracks, {report['n_labels']} labels"]
    lines += [f"  dropped: {item}" for item in report["dropped"]]
    lines += [f"  rounded: {item}" for item in report["rounded"]]
    lines += [f"  missing: {item}" for item in report["missing"]]
    for line in lines:
        stdout().print(one_line(line), markup=False, soft_wrap=True)
