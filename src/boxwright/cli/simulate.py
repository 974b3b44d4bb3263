"""boxwright simulate"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import ArgumentError
from .common import JsonOption, number_of, print_json, print_lines, tracked
from .outputs import OutArgument, ToOption, check_output, print_report, write_scene

# the defaults are those of bw.simulate, told here in words alone: a test compares them
SeedOption = Annotated[int | None, typer.Option("--seed", metavar="N", min=0, help="Another seed, another street; by default 7, the sample's.")]
FramesOption = Annotated[
    int | None,
    typer.Option("--n-frames", "--frames", metavar="N", min=1, max=90, help="How many frames, at 10 in a second; by default 41, at most 90."),
]
SceneryOption = Annotated[
    str | None, typer.Option("--scenery", metavar="NAME", help="street, the default, or motorway, with traffic of up to 35 m/s.")
]
ScenesOption = Annotated[
    int | None, typer.Option("--scenes", metavar="N", min=1, help="A dataset of N scenes, without pictures, for trials of scale; each in a folder.")
]
DrivesOption = Annotated[
    int | None,
    typer.Option("--drives", metavar="D", min=1, help="With --scenes: trace D drives; the other scenes are these, measured anew. By default all."),
]
PointsOption = Annotated[int | None, typer.Option("--points", metavar="N", help="With --scenes: about so many points in a sweep, such as 120000.")]


def simulate(
    out: OutArgument,
    seed: SeedOption = None,
    n_frames: FramesOption = None,
    scenery: SceneryOption = None,
    scenes: ScenesOption = None,
    drives: DrivesOption = None,
    points: PointsOption = None,
    to: ToOption = "boxwright",
    as_json: JsonOption = False,
) -> None:
    """A made-up street or motorway, with its truth.

    A LiDAR and cameras, one of them fisheye, on a moving vehicle among parked and moving objects. With --scenes a whole dataset of them; tracing a
    sweep of 120,000 points takes half a second, so --drives says how many are traced, and the others repeat them.

    Example: boxwright simulate street --seed 3 --n-frames 20
    """
    import boxwright as bw

    check_output(out, to)
    given: dict[str, Any] = {name: value for name, value in (("seed", seed), ("n_frames", n_frames), ("scenery", scenery)) if value is not None}
    more = {name: value for name, value in (("n_drives", drives), ("n_points", points)) if value is not None}
    if scenes is not None:
        _write_dataset(out, to, scenes, {**given, **more}, as_json)
        return
    if more:
        raise ArgumentError("--drives and --points are of a dataset", field="--scenes", hint="say how many scenes it has")
    report = write_scene(bw.simulate(**given), out, to)
    if as_json:
        print_json(report)
    else:
        print_report(report)


def _write_dataset(out: Path, to: str, n_scenes: int, given: dict[str, Any], as_json: bool) -> None:
    """Scene after scene; the dataset appears when it is complete."""
    import boxwright as bw

    from ..outputs import whole_folder
    from ..simulation.repeating import simulate_scenes

    if to != "boxwright":
        hint = f"then 'boxwright batch convert {out.name} --to {to} --out FOLDER'"
        raise ArgumentError("a dataset is written in the format boxwright", got=repr(to), field="--to", hint=hint)
    coming = simulate_scenes(n_scenes, **given)
    n_frames = n_labels = n_points = 0
    with whole_folder(out) as part, tracked("simulating", n_scenes) as advance:
        for scene in coming:
            report = bw.write(scene, part / scene.name)
            n_frames, n_labels = n_frames + report.n_frames, n_labels + report.n_labels
            n_points += sum(len(scene.data.points(i, "lidar")) for i in (0, len(scene) - 1)) * len(scene) // 2
            advance()
    said = {"path": str(out), "n_scenes": n_scenes, "n_frames": n_frames, "n_labels": n_labels, "points_per_sweep": round(n_points / n_frames)}
    if as_json:
        print_json(said)
    else:
        counts = ", ".join(number_of(said[f"n_{thing}s"], thing) for thing in ("scene", "frame", "label"))  # type: ignore[arg-type]
        print_lines(f"wrote {out}: {counts}, about {said['points_per_sweep']:,} points in a sweep; what is made up and how: docs/scale.md")
