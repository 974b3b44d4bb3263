"""boxwright simulate"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .common import JsonOption, print_json
from .convert import print_report, write_scene


def simulate(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="New folder; an existing one that is not empty is never overwritten.")],
    seed: Annotated[int, typer.Option("--seed", min=0, help="Another seed, another street.")] = 0,
    frames: Annotated[int, typer.Option("--frames", min=1, help="How many frames, at 10 in a second.")] = 20,
    to: Annotated[str, typer.Option("--to", metavar="FORMAT", help="Format to write: boxwright or kitti_tracking.")] = "boxwright",
    as_json: JsonOption = False,
) -> None:
    """A made-up street, with its truth.

    A LiDAR and cameras, one of them fisheye, on a moving vehicle among parked and moving objects.
    """
    import boxwright as bw

    report = write_scene(bw.simulate(seed=seed, n_frames=frames), out, to)
    if as_json:
        print_json(report)
    else:
        print_report(report)
