"""What the commands share: options, consoles, tables, JSON."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import ArgumentError, number_of, one_line

if TYPE_CHECKING:
    from rich.console import Console

    from ..formats import SceneEntry
    from ..problems import Problem
    from ..scene import Scene

__all__ = [
    "DropMissingOption",
    "FormatOption",
    "FrameOption",
    "JsonOption",
    "LabelsCameraOption",
    "LabelsOption",
    "LenientOption",
    "LimitOption",
    "PathArgument",
    "SceneOption",
    "listed",
    "number_of",
    "one_line",
    "open_scene",
    "parse_frame",
    "parse_frames",
    "path_of",
    "print_json",
    "print_lines",
    "print_table",
    "say",
    "say_problems",
    "stderr",
    "stdout",
    "tracked",
]

MOST_LINES = 20


def path_of(text: str | Path) -> Path:
    """A path as it was typed. An empty one, which a shell makes of a variable that is not set, would mean the folder one is in."""
    if text == "":
        raise typer.BadParameter("expected a path, got an empty text: is a variable not set?")
    return Path(text)


def labels_of(text: Any) -> Path | SceneEntry:
    """A file of labels as it was typed, or with "::" and a name those of one annotator, as `bw.scenes` lists them."""
    place = path_of(text)
    file, mark, name = str(text).rpartition("::")
    if not mark or not file or place.exists():
        return place
    import boxwright as bw

    return bw.scenes(file)[name]


PathArgument = Annotated[
    Path,
    typer.Argument(
        metavar="PATH",
        parser=path_of,
        help="A recording: a boxwright scene, a KITTI, Argoverse 2 or other folder that is read, a video, or a point file.",
    ),
]
SceneOption = Annotated[str | None, typer.Option("--scene", metavar="NAME", help="Which scene, where PATH holds several.")]
FormatOption = Annotated[str | None, typer.Option("--format", metavar="NAME", help="Format of PATH; by default found by looking.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as one JSON document.")]
LabelsOption = Annotated[
    Any,
    typer.Option(
        "--labels",
        metavar="FILE",
        parser=labels_of,
        help="Labels of PATH, cuboids or in its pictures, such as an annotation tool gave for it; FILE::NAME where FILE holds those of several.",
    ),
]
LabelsCameraOption = Annotated[
    str | None,
    typer.Option("--labels-camera", metavar="NAME", help="In whose pictures --labels are, where their file does not tell it, as MOT's do not."),
]
DropMissingOption = Annotated[
    bool,
    typer.Option(
        "--drop-missing", help="Leave out tracks, tags and attributes that PATH has and --labels has not: they were deleted in the annotation tool."
    ),
]
LenientOption = Annotated[
    bool, typer.Option("--lenient", help="Keep records that cannot be taken as they are aside, and report them, instead of stopping at the first.")
]


def _set_limits(context: typer.Context, texts: list[str] | None) -> list[str] | None:
    """They hold until the command ends: sweeps and pictures are read late."""
    if texts:
        from ..limits import set_limits

        set_limits(texts)
        context.call_on_close(lambda: set_limits([]))
    return texts


LimitOption = Annotated[
    list[str] | None,
    typer.Option(
        "--limit", metavar="NAME=N", callback=_set_limits, help="Raise a limit for sound files, such as points_per_frame=50000000; repeatable."
    ),
]
FrameOption = Annotated[int, typer.Option("--frame", metavar="N", help="Which frame, counted from 0; a negative one counts from the end.")]


def stdout() -> Console:
    from rich.console import Console

    class Output(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # rich would end the program here; `main` knows what to do

    console = Output(highlight=False)
    if not console.is_terminal:
        console.width = 160  # a file or pipe has no width: lines are not broken for it
    return console


def stderr() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def print_lines(*lines: str) -> None:
    """Lines on standard output just as they are: no markup, nothing that moves the cursor, no breaks of their own."""
    from rich.text import Text

    console = stdout()
    for line in lines:
        console.print(Text(one_line(line)), soft_wrap=True)


def say(sentence: str, style: str = "") -> None:
    """One line on standard error."""
    from rich.text import Text

    with contextlib.suppress(BrokenPipeError):
        stderr().print(Text(one_line(sentence), style), soft_wrap=True)


def open_scene(
    path: Path,
    scene: str | None = None,
    format: str | None = None,
    lenient: bool = False,
    labels: Path | SceneEntry | None = None,
    *,
    labels_camera: str | None = None,
    missing: str = "keep",
    tells_notes: bool = False,
) -> Scene:
    """The scene; read leniently, what was kept aside is told on standard error.

    tells_notes : the command prints the scene's notes, so that no warning need say that there are no poses
    """
    import warnings

    import boxwright as bw

    with warnings.catch_warnings():
        if tells_notes:
            warnings.simplefilter("ignore", bw.SensorFrameFallback)
        try:
            recording = bw.read(path, scene=scene, format=format, labels=labels, labels_camera=labels_camera, missing=missing, strict=not lenient)
        except bw.BoxwrightError as error:
            if error.could_be_kept_aside:
                error.hint = f"{error.hint}, or pass --lenient to keep it aside" if error.hint else "pass --lenient to keep it aside"
            raise
    if lenient:
        say_problems(recording)
    return recording


def say_problems(scene: Scene) -> None:
    """A short list of what was kept aside: one line for each kind."""
    from ..problems import summary_of
    from .usage import with_options

    if scene.problems:
        lines = summary_of(scene.problems)
        say(f"{number_of(len(scene.problems), 'record')} kept aside:", "yellow")
        for line in lines[:MOST_LINES]:
            say(f"  {with_options(line)}", "yellow")
        if len(lines) > MOST_LINES:
            say(f"  and {len(lines) - MOST_LINES} more; --json lists them all", "yellow")


def listed(problems: Sequence[Problem]) -> list[dict[str, Any]]:
    """Every problem in full, for JSON."""
    return [problem.mapping() for problem in problems]


def print_json(value: Any) -> None:
    """One JSON value on standard output; what is not a finite number is null."""
    print_lines(json.dumps(_plain(value), ensure_ascii=True, allow_nan=False).replace("\x7f", "\\u007f"))


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, caption: str | None = None, ends_in_words: bool = False
) -> None:
    """A table on standard output; numbers to the right.

    ends_in_words : whether the last column holds sentences: these are broken where the line is too short, and the first column never is
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    rows = [[cell if isinstance(cell, str) else _spell(cell) for cell in row] for row in rows]
    console = stdout()
    if title:  # printed apart: a table breaks its own title at its own width
        console.print(Text(one_line(title)), soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for i, name in enumerate(columns):
        is_words = i == len(columns) - 1 if ends_in_words else i == 0
        table.add_column(Text(name), justify="left" if i == 0 or is_words else "right", no_wrap=not is_words, overflow="fold")
    for row in rows:
        table.add_row(*[Text(one_line(cell)) for cell in row])
    console.print(table)
    if caption is not None:
        console.print(Text(one_line(caption)), soft_wrap=True)


@contextlib.contextmanager
def tracked(description: str, total: int | None = None) -> Iterator[Any]:
    """A progress bar on standard error; yields `advance(n=1)`. Nothing is drawn where standard error is no terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = [SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(bar_width=28), MofNCompleteColumn(), TimeElapsedColumn()]
    console = stderr()
    if not console.is_terminal:
        say(description)
        yield lambda n=1: None
        return
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(description, total=total)
        yield lambda n=1: progress.advance(task, n)


def parse_frames(text: str, n_frames: int) -> list[int]:
    """Frame indices from "3", "0:50", "0:50:10", "1,5,9" or "all"; a negative one counts from the end."""
    text = ":" if text.strip() == "all" else text
    frames: list[int] = []
    for part in text.split(","):
        numbers = part.strip().split(":")
        try:
            values = [int(n) if n.strip() else None for n in numbers]
        except ValueError:
            values = []
        if not 1 <= len(values) <= 3 or (len(values) == 1 and values[0] is None) or (len(values) == 3 and values[2] == 0):
            raise ArgumentError(expected="frames as 3, 1,5,9, 0:50, 0:50:10 or all", got=repr(text), field="--frames")
        if len(values) > 1:
            frames += range(n_frames)[slice(*values)]
        else:
            frames.append(parse_frame(values[0] or 0, n_frames, "--frames"))
    if not frames:
        raise _no_such_frame("at least one frame", repr(text), n_frames, "--frames")
    return list(dict.fromkeys(frames))


def parse_frame(index: int, n_frames: int, option: str = "--frame") -> int:
    """A frame's index; a negative one counts from the end."""
    if not -n_frames <= index < n_frames:
        raise _no_such_frame("a frame", str(index), n_frames, option)
    return index % n_frames


def _no_such_frame(wanted: str, got: str, n_frames: int, option: str) -> ArgumentError:
    if not n_frames:
        return ArgumentError("the recording has no frames", got=got, field=option, hint="choose another recording")
    return ArgumentError(expected=f"{wanted} within 0..{n_frames - 1}", got=got, field=option)


def _spell(value: Any) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    """As Python's own types, for json."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, int, bool)):
        return value
    return [_plain(v) for v in value] if isinstance(value, (list, tuple, set, frozenset)) else str(value)
