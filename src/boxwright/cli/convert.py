"""boxwright convert"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import ArgumentError
from .certificates import CertifyOption, ClientPythonOption, check_client_python, print_certificate
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
    listed,
    number_of,
    open_scene,
    path_of,
    print_json,
    print_lines,
    tracked,
)
from .outputs import ToOption, check_output, print_report, report_dict, write_scene

if TYPE_CHECKING:
    from ..formats.dry_run import DryRun
    from ..problems import Problem

OutArgument = Annotated[
    Path | None,
    typer.Argument(metavar="OUT", parser=path_of, help="New folder; an existing one that is not empty is never overwritten. A dry run needs none."),
]
DryRunOption = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Read everything, report every problem and what FORMAT would lose, write nothing. Exit code 1 where there are problems."
    ),
]
VideosOption = Annotated[
    str | None,
    typer.Option(
        "--videos",
        metavar="WAY",
        help="What becomes of a video's file in the format boxwright: copy (as usual), reference (it stays where it is, its size and SHA-256 are "
        "noted), or pictures (one file for every frame).",
    ),
]
CameraOption = Annotated[
    str | None, typer.Option("--camera", metavar="NAME", help="Whose labels, where FORMAT holds those of one camera's pictures.")
]
FrameRateOption = Annotated[
    float | None,
    typer.Option("--frame-rate", metavar="HZ", help="Frames a second, where FORMAT tells a rate (mot, darwin, label_studio) and PATH has no times."),
]
DialectOption = Annotated[
    str | None,
    typer.Option("--dialect", metavar="NAME", help="Whose meaning, where one name stands for two formats (kitti_raw): kitti (as usual) or cvat."),
]
RECORD_CHARACTERS = 200


def convert(
    path: PathArgument,
    out: OutArgument = None,
    to: ToOption = "boxwright",
    labels: LabelsOption = None,
    labels_camera: LabelsCameraOption = None,
    drop_missing: DropMissingOption = False,
    camera: CameraOption = None,
    frame_rate: FrameRateOption = None,
    videos: VideosOption = None,
    dialect: DialectOption = None,
    scene: SceneOption = None,
    format: FormatOption = None,
    dry_run: DryRunOption = False,
    certify: CertifyOption = False,
    client_python: ClientPythonOption = None,
    lenient: LenientOption = False,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """One format into another.

    Says what the other format cannot hold. Where anything fails, nothing is written; with --lenient bad records are kept aside and the rest is
    written. A dry run looks at every scene of PATH where none is named. With --certify what was written is read back and compared, label by label.
    Exit code 1 where more is lost than FORMAT says it loses, or nothing is left.

    Example: boxwright convert recording converted --to kitti_tracking
    """
    if client_python is not None and not certify:
        raise ArgumentError("nobody is asked without a certificate", field="--client-python", hint="pass --certify too, or leave it out")
    if drop_missing and labels is None:
        raise ArgumentError("nothing can be missing", expected="labels that came back", field="--drop-missing", hint="pass --labels FILE too")
    if dry_run:
        if certify:
            raise ArgumentError("a dry run writes nothing that could be read back", field="--certify", hint="leave one of the two out")
        if labels is not None:
            raise ArgumentError("a dry run looks at one recording", field="--labels", hint="leave --labels out, or convert")
        _try_out(path, out, to, scene, format, as_json)
        return
    if out is None:
        raise ArgumentError("it is missing", expected="a new folder to write to", field="OUT", hint="name one, or pass --dry-run to write nothing")
    check_output(out, to, path)
    if certify:
        check_client_python(to, client_python)
    given = {"camera": camera, "frame_rate": frame_rate, "videos": videos, "dialect": dialect}
    options = {name: value for name, value in given.items() if value is not None}
    for name in options:
        _check_takes(to, name)
    missing = "drop" if drop_missing else "keep"
    recording = open_scene(path, scene, format, lenient, labels, labels_camera=labels_camera, missing=missing, tells_notes=True)
    certificate = None
    if certify:
        import boxwright as bw

        with tracked(f"writing {to} and reading it back"):
            certificate = bw.certify(recording, to, out, client_python=client_python, **options)
        report = report_dict(certificate.report, out)
    else:
        report = write_scene(recording, out, to, **options)
    report |= {"notes": list(dict.fromkeys([*recording.notes, *report["notes"]])), "problems": listed(recording.problems)}
    if as_json:
        print_json(report if certificate is None else report | {"certificate": certificate.to_dict()})
    else:
        print_report(report)
        if certificate is not None:
            print_certificate(certificate)
    if certificate is not None and not certificate.holds:
        raise typer.Exit(1)


def _check_takes(to: str, name: str) -> None:
    """ArgumentError, with the formats that do, where a format does not take an option."""
    from ..formats import formats_with, options_of

    if name not in options_of(to):
        option = f"--{name.replace('_', '-')}"
        wanted = f"--to {' or '.join(formats_with(name))}, which take it"
        raise ArgumentError(f"{to} has no such option", expected=wanted, got=repr(to), field=option, hint=f"leave {option} out")


def _try_out(path: Path, out: Path | None, to: str, scene: str | None, format: str | None, as_json: bool) -> None:
    """The dry run. Exit code 1 where there are problems."""
    from ..formats.dry_run import dry_run

    if out is not None:
        check_output(out, to, path)
    with tracked("reading") as advance:
        result = dry_run(path, scene, format, to, progress=advance)
    if as_json:
        print_json(_as_dict(result))
    else:
        print_lines(
            f"dry run to {to}: {number_of(len(result.scenes), 'scene')}, {number_of(len(result.problems), 'problem')}, nothing written",
            *(line for problem in result.problems for line in _said(problem)),
            *(f"  note: {line}" for line in result.notes),
            *(f"  warning: {line}" for line in result.warnings),
            *(f"  would be dropped: {line}" for line in result.dropped),
            *(f"  would be rounded: {line}" for line in result.rounded),
            *(f"  missing: {line}" for line in result.missing),
        )
    if result.problems:
        raise typer.Exit(1)


def _said(problem: Problem) -> list[str]:
    import json

    if problem.record is None:
        return [f"  problem: {problem}"]
    text = problem.record if isinstance(problem.record, str) else json.dumps(problem.record, ensure_ascii=False)
    return [f"  problem: {problem}", f"    record: {text if len(text) <= RECORD_CHARACTERS else text[:RECORD_CHARACTERS] + ' ...'}"]


def _as_dict(result: DryRun) -> dict[str, Any]:
    names = ("format", "scenes", "notes", "warnings", "dropped", "rounded", "missing")
    return {**{name: getattr(result, name) for name in names}, "problems": listed(result.problems)}
