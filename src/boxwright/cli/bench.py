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
            help="Only this one: containment, overlap, projection, fitting, interpolation, formats or startup; may be given several times.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Timings against other libraries.

    Every rival that is installed is measured, after its results are shown to be equal.

    Example: boxwright bench --quick --verb containment
    """
    from ..bench import VERBS, machine, run, table

    for verb in verbs or ():
        if verb not in VERBS:
            raise UnknownName("no such benchmark", expected=f"one of {', '.join(VERBS)}", got=repr(verb), field="--verb", hint="leave it out for all")

    with tracked("measuring") as advance:
        rows = run(quick=quick, verbs=verbs or None, progress=lambda _: advance())
    if as_json:
        print_json({"machine": machine(), "rows": [row.as_json() for row in rows]})
        return
    print_lines(*table(rows).splitlines())
