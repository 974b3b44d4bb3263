"""boxwright doctor"""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from .common import FormatOption, JsonOption, LimitOption, PathArgument, SceneOption, print_json, print_lines, print_table, tracked

if TYPE_CHECKING:
    from ..diagnosis import Diagnosis


def doctor(
    path: PathArgument,
    scene: SceneOption = None,
    format: FormatOption = None,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """Which conventions of a recording are wrong, found from its data alone.

    Fourteen faults, such as sizes in another order, yaw of another sign, bottoms for centres, inverted or swapped cameras: of each whether it is
    there, what was seen, how sure that is and what to change, or why nothing can be said. Exit code 1 where a fault is found.

    Example: boxwright doctor recording
    """
    from ..diagnosis import examine
    from ..formats import scenes

    found = scenes(path, format)
    results: list[Diagnosis] = []
    with tracked("examining", len(found) if scene is None else 1) as advance:
        for entry in found if scene is None else [found[scene]]:
            results.append(examine(entry.read(strict=False)))
            advance()
    if as_json:
        print_json({"scenes": [one.to_dict() for one in results]})
    else:
        for one in results:
            _print(one)
    if any(one.found for one in results):
        raise typer.Exit(1)


def _print(diagnosis: Diagnosis) -> None:
    from ..diagnosis import Presence

    rows = [[one.fault, str(one.presence), f"{one.sureness:.2f}" if one.sureness else "-"] for one in diagnosis]
    print_table(f"scene {diagnosis.scene}", ["fault", "", "sureness"], rows)
    for one in diagnosis:
        if one.presence == Presence.FOUND:
            print_lines(f"{one.fault}: {one.saw}", f"  change: {one.change}")
    for one in diagnosis:
        if one.presence == Presence.UNDECIDABLE:
            print_lines(f"{one.fault}: undecidable: {one.saw}")
