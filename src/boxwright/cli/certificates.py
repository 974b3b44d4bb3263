"""The certificate of fidelity that `boxwright convert --certify` prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import path_of, print_lines, print_table

if TYPE_CHECKING:
    from ..certification import Certificate, CuboidErrors, Reading

__all__ = ["CertifyOption", "ClientPythonOption", "print_certificate"]

CertifyOption = Annotated[
    bool,
    typer.Option("--certify", help="Read back what was written, with the platform's own client too where it is installed, and measure what moved."),
]
ClientPythonOption = Annotated[
    Path | None,
    typer.Option("--client-python", metavar="PYTHON", parser=path_of, help="The Python that has the platform's client, such as venv/bin/python."),
]
MOST_CLASSES = 20


def print_certificate(certificate: Certificate) -> None:
    for reading in certificate.readings:
        _print_reading(certificate.format, reading)
    print_lines(*(f"note: {note}" for note in certificate.notes))
    reasons = [f"  {reason}" for reason in certificate.reasons]
    print_lines("the certificate holds" if certificate.holds else "the certificate does not hold:", *reasons)


def _print_reading(format: str, reading: Reading) -> None:
    title = f"{format} read back with {reading.read_with}; a label may move by {reading.exact}"
    if reading.cuboids:
        rows = [_cuboid_row(one.category, one) for one in reading.cuboids[: MOST_CLASSES + 1]]
        rows += [] if reading.tilted is None else [_cuboid_row("their roll and pitch", reading.tilted)]
        print_table(f"{title}, compared in the frame {reading.frame!r}", ["class", "cuboids", "lost", "corner m", "IoU", "heading rad"], rows)
    if reading.shapes:
        rows = [[one.category, one.n_given, one.n_lost, *_small(one.edge_px, one.iou)] for one in reading.shapes[: MOST_CLASSES + 1]]
        print_table(title, ["class", "shapes", "lost", "edge px", "IoU"], rows)
    if reading.lost:
        lost = [[one.field.replace("_", " "), one.n_given, one.n_lost, one.said or "NOT DECLARED"] for one in reading.lost]
        print_table(f"lost, as {reading.read_with} finds it", ["field", "given", "lost", "as the format says"], lost, ends_in_words=True)
    if reading.time_error_ns is not None:
        print_lines(f"times move by at most {reading.time_error_ns} ns")


def _cuboid_row(name: str, one: CuboidErrors) -> list[Any]:
    return [name, one.n_given, one.n_lost, *_small(one.corner_m, one.iou, one.heading_rad)]


def _small(*values: float) -> list[str]:
    return ["-" if value != value else f"{value:.3g}" if value != 1 else "1" for value in values]
