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

    Sixteen faults, such as sizes in another order, yaw of another sign, bottoms for centres, inverted or swapped cameras: of each whether it is
    there, what was seen, how sure that is and what to change, or why nothing can be said and what would let it be told. Exit code 1 where a fault is
    found.

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
    from ..diagnosis import FAULTS, Presence

    counts = ", ".join(f"{len(diagnosis.those(presence))} {presence}" for presence in Presence)
    print_lines(f"scene {diagnosis.scene}: {counts}")
    for one in diagnosis.found:
        print_lines(f"FOUND {one.fault} (sureness {one.sureness:.2f}): {FAULTS[one.fault]}", f"  seen: {one.saw}", f"  change: {one.change}")
    rows = [[one.fault, f"{one.sureness:.2f}", one.saw] for one in diagnosis.those(Presence.ABSENT)]
    if rows:
        print_table("", ["not there", "sureness", "what was seen"], rows, ends_in_words=True)
    for faults, why, wanted in diagnosis.reasons():
        print_lines(f"undecidable: {', '.join(faults)}", f"  why: {why}", f"  to tell: {wanted}")
