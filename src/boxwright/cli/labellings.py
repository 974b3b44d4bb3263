"""What check, score and agree share: the scenes of a dataset, whose labels they are, pages of what was found."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .common import open_scene, path_of, print_table

if TYPE_CHECKING:
    from ..intervals import Estimate
    from ..scene import Scene

HtmlOption = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", parser=path_of, help="Write a page with charts, and pictures of what was found.")
]


def chosen_scenes(path: Path, scene: str | None, format: str | None) -> list[str | None]:
    """The one that was named, else all of a dataset; None stands for the only one, which needs no name."""
    return [scene] if scene is not None else [*names_in(path, format)] or [None]


def names_in(path: Path, format: str | None) -> list[str]:
    """The scenes of a dataset by name; none where it holds one alone, which needs no name."""
    import boxwright as bw

    names = [entry.name for entry in bw.scenes(path, format)]
    return names if len(names) > 1 else []


def open_labels(path: Path, scene: str | None, format: str | None, lenient: bool) -> Scene:
    """One annotator's labels; where they do not say whose they are, they go by the name of their folder."""
    from ..tags import Tag

    labels = open_scene(path, scene if names_in(path, format) else None, format, lenient)
    is_named = any(tag.name == "annotator" for tag in labels.tags)
    return labels if is_named else labels.replace(tags=[*labels.tags, Tag("annotator", path.absolute().name)])


def plain(value: float) -> str:
    """0.95"""
    return f"{value:.2f}" if math.isfinite(value) else "-"


def print_intervals(title: str, figures: Mapping[str, Estimate]) -> None:
    """One row for each figure."""
    print_table(title, ["figure", "value", "low", "high"], [[name, *(float(v) for v in figure)] for name, figure in figures.items()])
