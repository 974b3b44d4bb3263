"""The certificate of fidelity that `boxwright convert --certify` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import path_of, print_lines, print_table

if TYPE_CHECKING:
    from ..certification import Certificate, CuboidErrors, Reading, ShapeErrors

__all__ = ["CertifyOption", "ClientPythonOption", "check_client_python", "print_certificate"]

CertifyOption = Annotated[
    bool,
    typer.Option("--certify", help="Read back what was written, with the platform's own client too where it is installed, and measure what moved."),
]
ClientPythonOption = Annotated[
    Path | None,
    typer.Option("--client-python", metavar="PYTHON", parser=path_of, help="The Python that has the platform's client, such as venv/bin/python."),
]
MOST_CLASSES = 20


def check_client_python(format: str, client_python: Path | None) -> None:
    """ArgumentError where a Python was named that is none, or has not the client that reads the format."""
    from ..certification.clients import python_with
    from ..formats import capabilities

    client = capabilities()[format].client
    if client is not None and client_python is not None:
        python_with(client, client_python)


def print_certificate(certificate: Certificate) -> None:
    for reading in certificate.readings:
        _print_reading(certificate.format, reading)
    print_lines(*(f"note: {note}" for note in certificate.notes))
    first, *others = certificate.lines
    print_lines(first, *(f"  {line}" for line in others))


def _print_reading(format: str, reading: Reading) -> None:
    from ..formats.declared import spelled

    title = f"{format} read back with {reading.read_with}"
    if reading.cuboids:
        rows = [_cuboid_row(one) for one in reading.cuboids[: MOST_CLASSES + 1]]
        rows += [] if reading.tilted is None else [_cuboid_row(reading.tilted)]
        columns = ["class", "cuboids", "lost", "corner m", "IoU", "heading rad"]
        allowed = f"a corner may move by {spelled(reading.exact.m)} m, a heading by {spelled(reading.exact.rad)} rad"
        allowed = allowed if reading.exact.m else "no corner may move"
        tilt = "" if reading.tilted is None else ", beside the roll and pitch that it cannot hold"
        print_table(f"{title}, in the frame {reading.frame!r}: {allowed}{tilt}", columns, rows, caption=_more(reading.cuboids))
    if reading.shapes:
        rows = [[one.category, one.n_given, one.n_lost, *_small(one.edge_px, one.iou)] for one in reading.shapes[: MOST_CLASSES + 1]]
        allowed = f"an edge may move by {spelled(reading.exact.px)} px" if reading.exact.px else "no edge may move"
        print_table(f"{title}: {allowed}", ["class", "shapes", "lost", "edge px", "IoU"], rows, caption=_more(reading.shapes))
    if reading.lost:
        lost = [[one.field.replace("_", " "), one.n_given, one.n_lost, _most(one.by_class), one.said or "NOT DECLARED"] for one in reading.lost]
        columns = ["field", "given", "lost", "most of class", "as the format says"]
        print_table(f"lost, as {reading.read_with} finds it", columns, lost, ends_in_words=True)
    if reading.time_error_ns is not None:
        print_lines(f"times move by at most {reading.time_error_ns:,} ns, allowed are {reading.exact.ns:,}")


def _most(by_class: Mapping[str, int]) -> str:
    """The two classes of which most labels lost something."""
    return ", ".join(f"{name} {n:,}" for name, n in sorted(by_class.items(), key=lambda one: -one[1])[:2])


def _more(of_classes: Sequence[CuboidErrors] | Sequence[ShapeErrors]) -> str | None:
    """A table has the first classes by name."""
    n = len(of_classes) - MOST_CLASSES - 1
    return f"and {n} more {'class' if n == 1 else 'classes'}; --json lists them" if n > 0 else None


def _cuboid_row(one: CuboidErrors) -> list[Any]:
    return [one.category, one.n_given, one.n_lost, *_small(one.corner_m, one.iou, one.heading_rad)]


def _small(*values: float) -> list[str]:
    from ..formats.declared import spelled

    return ["-" if value != value else spelled(value) for value in values]
