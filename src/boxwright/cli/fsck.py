"""boxwright fsck"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import JsonOption, number_of, print_json, print_lines, tracked
from .projects import ProjectArgument

if TYPE_CHECKING:
    from ..store import Project, Report

FilesOption = Annotated[bool, typer.Option("--files", help="Look at every recorded file too, which reads all of them.")]


def fsck(project: ProjectArgument, files: FilesOption = False, as_json: JsonOption = False) -> None:
    """Whether a project is whole.

    Computes the log's chain of hashes anew, replays it, and compares what holds with it, row by row. Exit code 1 where something is not as it was.

    Example: boxwright fsck street --files
    """
    import boxwright as bw

    with bw.open_project(project) as opened:
        with tracked("checking") as advance:
            report = bw.fsck(opened, progress=advance)
        changed = _changed_files(opened) if files and not report.damages else []
    if as_json:
        print_json({**dataclasses.asdict(report), "changed_files": changed})
    else:
        _print(report, changed, files)
    if report.damages or changed:
        raise typer.Exit(1)


def _changed_files(opened: Project) -> list[dict[str, Any]]:
    """Recorded files that are not what they were, with the scene they belong to."""
    found: list[dict[str, Any]] = []
    for scene in opened.scenes():
        with tracked(f"looking at the files of {scene.name}") as advance:
            wrong = opened.check_files(scene.name, progress=lambda n_bytes, advance=advance: advance())  # type: ignore[misc]
        found += [{"scene": scene.name, "path": error.path, "what": str(error)} for error in wrong]
    return found


def _print(report: Report, changed: list[dict[str, Any]], files: bool) -> None:
    print_lines(*(f"damaged: {damage}" for damage in report.damages), *(f"changed: {one['scene']}: {one['what']}" for one in changed))
    if report.n_damages > len(report.damages):
        print_lines(f"and {report.n_damages - len(report.damages):,} more")
    counts = f"{number_of(report.n_txns, 'transaction')}, {number_of(report.n_changes, 'change')}, {number_of(report.n_entities, 'entity')}"
    verdict = f"{number_of(report.n_damages, 'damage')}" if report.damages else "whole"
    print_lines(f"{report.place}: {verdict}; {counts}", f"head {report.head}")
    if files and not report.damages:
        print_lines(f"{number_of(len(changed), 'recorded file')} changed" if changed else "all recorded files are as they were")
