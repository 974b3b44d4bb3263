"""boxwright bench"""

from __future__ import annotations

from typing import Annotated

import typer

from ..errors import UnknownName
from .common import JsonOption, print_json, print_lines, tracked


def bench(
    quick: Annotated[bool, typer.Option("--quick", help="Small workloads, some seconds in all; the times are rough.")] = False,
    verbs: Annotated[
        list[str] | None,
        typer.Option(
            "--verb",
            metavar="NAME",
            help="Only this one: containment, overlap, projection, occlusion, terrain, fitting, interpolation, segmentation, tracks, checks, "
            "formats, video, growth, batch, startup or server. May be repeated.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Timings against other libraries.

    Every rival that is installed is measured, after its results are shown to be equal; where one differs, it is not timed and the exit code is 1.

    Example: boxwright bench --quick --verb containment
    """
    from ..bench import VERBS, report, run

    for verb in verbs or ():
        if verb not in VERBS:
            raise UnknownName("no such benchmark", expected=f"one of {', '.join(VERBS)}", got=repr(verb), field="--verb", hint="leave it out for all")

    with tracked("measuring") as advance:
        found = run(quick=quick, verbs=verbs or None, progress=lambda _: advance())
    if as_json:
        print_json(found.as_json())
    else:
        print_lines(*report(found).splitlines())
    if any(row.is_wrong for row in found.rows):
        raise typer.Exit(1)
