"""boxwright simulate"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .common import JsonOption, print_json
from .outputs import OutArgument, ToOption, check_output, print_report, write_scene

# the defaults are those of bw.simulate, told here in words alone: a test compares them
SeedOption = Annotated[int | None, typer.Option("--seed", metavar="N", min=0, help="Another seed, another street; by default 7, the sample's.")]
FramesOption = Annotated[
    int | None, typer.Option("--n-frames", metavar="N", min=1, max=90, help="How many frames, at 10 in a second; by default 41, at most 90.")
]
SceneryOption = Annotated[
    str | None, typer.Option("--scenery", metavar="NAME", help="street, the default, or motorway, with traffic of up to 35 m/s.")
]


def simulate(
    out: OutArgument,
    seed: SeedOption = None,
    n_frames: FramesOption = None,
    scenery: SceneryOption = None,
    to: ToOption = "boxwright",
    as_json: JsonOption = False,
) -> None:
    """A made-up street or motorway, with its truth.

    A LiDAR and cameras, one of them fisheye, on a moving vehicle among parked and moving objects.

    Example: boxwright simulate street --seed 3 --n-frames 20
    """
    import boxwright as bw

    check_output(out, to)
    given: dict[str, Any] = {name: value for name, value in (("seed", seed), ("n_frames", n_frames), ("scenery", scenery)) if value is not None}
    report = write_scene(bw.simulate(**given), out, to)
    if as_json:
        print_json(report)
    else:
        print_report(report)
