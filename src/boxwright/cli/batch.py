"""boxwright batch"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import FormatOption, JsonOption, LenientOption, LimitOption, number_of, path_of, print_json, print_lines, print_table, say, stderr

if TYPE_CHECKING:
    from ..batching import BatchProgress, BatchReport

VerbArgument = Annotated[
    str,
    typer.Argument(
        metavar="VERB", help="fill, count, project, check, fit, score, certify or convert; several, as fill,count,project, read each scene once."
    ),
]
DatasetArgument = Annotated[Path, typer.Argument(metavar="DATASET", parser=path_of, help="A dataset, all of whose scenes are taken.")]
OutOption = Annotated[
    Path,
    typer.Option(
        "--out", metavar="FOLDER", parser=path_of, help="Where tables go: a new folder, or that of the same batch, which goes on from there."
    ),
]
EngineOption = Annotated[str, typer.Option("--engine", metavar="NAME", help="processes, threads or dask; the results are the same.")]
WorkersOption = Annotated[int | None, typer.Option("--workers", metavar="N", min=1, help="How many work at a time; by default one for each core.")]
SchedulerOption = Annotated[
    str | None, typer.Option("--scheduler", metavar="ADDRESS", help="A Dask scheduler that is there already, such as tcp://10.0.0.1:8786.")
]
StrictOption = Annotated[bool, typer.Option("--strict", help="Stop at the first shard in which something goes wrong.")]
ShardOption = Annotated[
    int | None,
    typer.Option("--shard-frames", metavar="N", min=1, help="Split longer recordings into pieces of N frames; for fill, count and project."),
]
ScenesOption = Annotated[
    int | None,
    typer.Option("--shard-scenes", metavar="N", min=1, help="Put about N scenes into each shard; by default small ones, where there are many."),
]
HashOption = Annotated[bool, typer.Option("--hash-inputs", help="Tell changed files by what is in them, not by size and time of change.")]
ToOption = Annotated[str | None, typer.Option("--to", metavar="FORMAT", help="convert, certify: the format to write.")]
GoldOption = Annotated[Path | None, typer.Option("--gold", metavar="PATH", parser=path_of, help="score: gold, with scenes of the same names.")]
RulesOption = Annotated[list[str] | None, typer.Option("--rules", metavar="NAMES", help="check: as for 'boxwright check'. Repeatable.")]
ProfileOption = Annotated[Path | None, typer.Option("--profile", metavar="FILE", parser=path_of, help="check: thresholds of your project.")]
EveryOption = Annotated[int | None, typer.Option("--keyframes-every", metavar="K", min=1, help="fill: keep every K-th label as a keyframe.")]
MethodOption = Annotated[str | None, typer.Option("--method", metavar="NAME", help="fill: linear, makima, pchip or catmull_rom.")]
CategoryOption = Annotated[str | None, typer.Option("--category", metavar="NAME", help="fit: the class whose usual size helps.")]
MarginOption = Annotated[float | None, typer.Option("--face-margin-m", metavar="M", help="fit: how far faces stand off the points.")]
SensorsOption = Annotated[str | None, typer.Option("--sensors", metavar="NAMES", help="count, check: LiDARs; by default all of them.")]
CamerasOption = Annotated[str | None, typer.Option("--cameras", metavar="NAMES", help="project: cameras; by default all of them.")]
ClientOption = Annotated[
    Path | None, typer.Option("--client-python", metavar="PYTHON", parser=path_of, help="certify: the Python that has the platform's client.")
]
EVERY_S = 30.0  # where there is no terminal, a line so often


def batch(
    verb: VerbArgument,
    dataset: DatasetArgument,
    out: OutOption,
    engine: EngineOption = "processes",
    workers: WorkersOption = None,
    scheduler: SchedulerOption = None,
    strict: StrictOption = False,
    shard_frames: ShardOption = None,
    shard_scenes: ScenesOption = None,
    hash_inputs: HashOption = False,
    to: ToOption = None,
    gold: GoldOption = None,
    rules: RulesOption = None,
    profile: ProfileOption = None,
    keyframes_every: EveryOption = None,
    method: MethodOption = None,
    category: CategoryOption = None,
    face_margin_m: MarginOption = None,
    sensors: SensorsOption = None,
    cameras: CamerasOption = None,
    client_python: ClientOption = None,
    format: FormatOption = None,
    lenient: LenientOption = False,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """A verb over all scenes of a dataset, into Parquet tables.

    The same command run again goes on where it was stopped, whatever stopped it, and does nothing where all is done. What goes wrong in a scene is
    told in errors.parquet, and the others go on. Exit code 2 where something went wrong, 1 where checks found errors, labels differ from gold or a
    certificate does not hold.

    Example: boxwright batch fill,count,project dataset --out tables
    """
    import boxwright as bw

    options = {
        "to": to,
        "gold": gold,
        "rules": rules or None,
        "profile": profile,
        "keyframes_every": keyframes_every,
        "method": method,
        "category": category,
        "face_margin_m": face_margin_m,
        "sensors": sensors,
        "cameras": cameras,
        "client_python": client_python,
    }
    with _told(verb) as progress:
        report = bw.batch(
            dataset,
            verb,
            out,
            engine=engine,
            n_workers=workers,
            scheduler=scheduler,
            format=format,
            lenient=lenient,
            strict=strict,
            shard_frames=shard_frames,
            shard_scenes=shard_scenes,
            hash_inputs=hash_inputs,
            progress=progress,
            **options,
        )
    if as_json:
        print_json(report.to_dict())
    else:
        _print(report)
    if report.n_failed:
        raise typer.Exit(2)
    if report.n_bad:
        raise typer.Exit(1)


@contextlib.contextmanager
def _told(verb: str) -> Iterator[Callable[[BatchProgress], None]]:
    """A bar on standard error, or a line now and then where that is no terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = stderr()
    if not console.is_terminal:
        last = [time.monotonic()]

        def line(said: BatchProgress) -> None:
            if time.monotonic() - last[0] >= EVERY_S:
                last[0] = time.monotonic()
                say(f"{said.n_done:,} of {number_of(said.n_shards, 'shard')}, {_rate(said)}")

        yield line
        return
    text = TextColumn("{task.fields[rate]}", markup=False)
    columns = [
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        text,
    ]
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task(verb, total=None, rate="reading the list of scenes")
        yield lambda said: bars.update(task, total=said.n_shards, completed=said.n_done, rate=_rate(said))


def _rate(said: BatchProgress) -> str:
    parts = [f"{said.frames_per_s:,.0f} frames/s"] if math.isfinite(said.frames_per_s) else []
    parts += [f"about {_duration(said.left_s)} left"] if math.isfinite(said.left_s) and said.n_done < said.n_shards else []
    return ", ".join([*parts, *([f"{said.n_failed:,} failed"] if said.n_failed else [])])


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _print(report: BatchReport) -> None:
    frames = number_of(report.n_frames, "frame")
    counts = f"{report.n_computed:,} computed, {report.n_reused:,} reused, {report.n_failed:,} failed"
    rate = f", {report.n_frames_computed / report.seconds:,.0f} frames/s" if report.n_computed and report.seconds else ""
    print_table(
        f"{report.out}: {number_of(report.n_shards, 'shard')}, {frames}; {counts}{rate}",
        ["table", "rows"],
        [[name, n] for name, n in report.n_rows.items()],
    )
    for table, counted in report.tally.items():
        most = sorted(counted.items(), key=lambda item: (-sum(item[1].values()), item[0]))[:8]
        said = ", ".join(f"{name} {_parts(parts)}" for name, parts in most)
        print_lines(f"{table.replace('_', ' ')}: {said}" + (f" and {len(counted) - 8} more" if len(counted) > 8 else ""))
    for error in report.errors:
        frame = "" if error["frame_index"] is None else f", frame {error['frame_index']}"
        say(f"{error['scene']}{frame}: {error['verb']}: {error['message']}", "red")
    if report.n_failed:
        say(
            f"{number_of(report.n_failed, 'shard')} failed; all of it is in {report.out / 'errors.parquet'}, and the same command tries them again",
            "red",
        )


def _parts(parts: dict[str, int] | Any) -> str:
    if set(parts) == {"plain"}:
        return f"{parts['plain']:,}"
    return "(" + ", ".join(f"{n:,} {name}" for name, n in parts.items()) + ")"
