"""Where commands write scenes: the path and the format are looked at before any work is done."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import number_of, path_of, print_lines, tracked
from .usage import with_options

if TYPE_CHECKING:
    from ..formats import WriteReport
    from ..scene import Scene

__all__ = ["OutArgument", "OutOption", "ToOption", "check_apart", "check_output", "print_report", "report_dict", "write_scene"]

OutArgument = Annotated[
    Path, typer.Argument(metavar="OUT", parser=path_of, help="New folder; an existing one that is not empty is never overwritten.")
]
OutOption = Annotated[
    Path | None, typer.Option("--out", metavar="FOLDER", parser=path_of, help="Write the result as a new recording into this new folder.")
]
ToOption = Annotated[
    str,
    typer.Option(
        "--to",
        metavar="FORMAT",
        help="Format to write, such as boxwright, kitti_tracking, openlabel or datumaro; README lists those that can be written.",
    ),
]


def check_output(out: Path, to: str, source: Path | None = None, option: str = "OUT") -> None:
    """Refuses a format nobody can write, a place that cannot be written to, and one inside the recording that is read."""
    from ..formats import check_writable
    from ..outputs import check_new_folder

    check_writable(to, "to")
    if source is not None:
        check_apart(out, source, option)
    check_new_folder(out)


def check_apart(out: Path, source: Path, option: str) -> None:
    """Refuses an output inside the recording that is read; where that is named by its scene's JSON, inside the folder of it."""
    from ..formats.looking import is_dgp_scene
    from ..outputs import check_outside

    names_folder = source.is_file() and (source.name == "scene.json" or (source.suffix == ".json" and is_dgp_scene(source)))
    check_outside(out, source.parent if names_folder else source, option)


def write_scene(scene: Scene, out: Path, format: str, **options: Any) -> dict[str, Any]:
    """Writes, with progress, and gives the report by name."""
    import boxwright as bw

    with tracked(f"writing {format}"):
        report = bw.write(scene, out, format=format, **options)
    return report_dict(report, out)


def report_dict(report: WriteReport, out: Path) -> dict[str, Any]:
    """The report by name."""
    import dataclasses

    return {**dataclasses.asdict(report), "path": str(out)}


def print_report(report: dict[str, Any]) -> None:
    counts = ", ".join(number_of(report[f"n_{thing}s"], thing) for thing in ("frame", "track", "label"))
    print_lines(
        f"wrote {report['path']}: {report['format']}, {counts}",
        *(f"  dropped: {item}" for item in report["dropped"]),
        *(f"  rounded: {item}" for item in report["rounded"]),
        *(f"  missing: {item}" for item in report["missing"]),
        *(f"  note: {with_options(item)}" for item in report["notes"]),
    )
