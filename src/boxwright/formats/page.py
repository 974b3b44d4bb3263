"""docs/formats.md, made of what the formats say of themselves: python -m boxwright.formats.page > docs/formats.md"""

from __future__ import annotations

import sys
from collections.abc import Mapping

from . import capabilities
from .declared import FIELDS, LABEL_FIELDS, Capabilities, Decimals, Exactness

__all__ = ["page"]

_HEADS = {"cuboids": "3-D cuboids", "full_rotation": "full rotation", "shapes": "2-D shapes"}


def page(formats: Mapping[str, Capabilities]) -> str:
    """The whole page."""
    heads = [_HEADS.get(name, name) for name in LABEL_FIELDS]
    rows = [f"| `{name}` | {' | '.join(_cell(one, field) for field in LABEL_FIELDS)} |" for name, one in formats.items()]
    return "\n".join(
        [
            "# Formats",
            "",
            "Made by `python -m boxwright.formats.page` of what each format says of itself (`bw.capabilities()`). Do not edit it by hand.",
            "",
            "What is read (r) and written (w). A star: not wholly, as told below. Every writer says in its report what of *your* scene it loses, and",
            "`bw.certify(scene, format)` writes, reads back and measures it.",
            "",
            "What a writer holds in memory beside the scene are the labels of a hundred frames, or of one track, at a time. Those that make one",
            "track at a time, or a table of all frames (`kitti_raw`, `nuscenes`, `openlabel`, `darwin`, `labelbox`, `coco`, `label_studio`,",
            "`cvat_api`, `nucleus`, `cvat_video`, `mot`), take up to 5.5 kB more for each frame of the clip, the others less than 1 kB, however many",
            "objects there are.",
            "`tests/test_writers_memory.py` holds them to that, `benchmarks/WRITERS.md` has what whole processes take. What one recording of",
            "each dataset at hand keeps in every format, read with each client: `benchmarks/CERTIFICATES.md`.",
            "",
            f"| format | {' | '.join(heads)} |",
            f"|---|{'---|' * len(heads)}",
            *rows,
            "",
            *[line for field in LABEL_FIELDS for line in [f"- **{_HEADS.get(field, field)}**: {FIELDS[field]}."]],
            "",
            *[line for name, one in formats.items() for line in _section(name, one)],
        ]
    )


def _cell(one: Capabilities, field: str) -> str:
    told = ("r" if one.can_read(field) else "") + ("w" if one.can_write(field) else "")
    return told + ("*" if one.can_write(field) and field in one.losses else "")


def _of_client(exact: Exactness | Decimals) -> str:
    return f"it rounds by at most {exact}" if isinstance(exact, Decimals) else f"in it a label moves by at most {exact}"


def _section(name: str, one: Capabilities) -> list[str]:
    lines = [f"## `{name}`", f"{one.title[0].upper()}{one.title[1:]}: {'read and written' if one.writes else 'read'}."]
    if one.frame:
        lines[-1] += f" Its cuboids stand in the frame `{one.frame}`."
    if one.writes:
        lines.append(f"Written and read back, a label moves by at most: {one.exact}." if any(one.exact) else "It comes back bit by bit.")
    if one.client is not None:
        moved = "" if one.client_exact is None else f"; {_of_client(one.client_exact)}"
        skips = f"; cuboids that it skips are told: {one.client_skips}" if one.client_skips else ""
        refuses = f", and the labels have no shape of kind {one.client_refuses}, over which it ends" if one.client_refuses else ""
        lines.append(f"`bw.certify` also reads it with {one.client}, where that is installed{refuses}{moved}{skips}.")
    lines += one.remarks
    losses = one.losses
    partly = [f"- {FIELDS[field]}: {lost}" for field, lost in losses.items() if one.can_write(field)]
    gone = [FIELDS[field] for field in losses if not one.can_write(field)]
    if partly:
        lines += ["", "Not wholly kept:", *partly]
    if gone:
        lines += ["", f"Dropped: {', '.join(gone)}."]
    return [*lines, ""]


if __name__ == "__main__":
    sys.stdout.write(page(capabilities()))
