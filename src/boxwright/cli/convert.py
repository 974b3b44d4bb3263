"""boxwright convert"""

from __future__ import annotations

from .common import FormatOption, JsonOption, PathArgument, SceneOption, open_scene, print_json
from .outputs import OutArgument, ToOption, check_output, print_report, write_scene


def convert(
    path: PathArgument,
    out: OutArgument,
    to: ToOption = "boxwright",
    scene: SceneOption = None,
    format: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """One format into another.

    Says what the other format cannot hold.

    Example: boxwright convert recording converted --to kitti_tracking
    """
    check_output(out, to, path)
    report = write_scene(open_scene(path, scene, format), out, to)
    if as_json:
        print_json(report)
    else:
        print_report(report)
