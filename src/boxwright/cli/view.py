"""boxwright view"""

from __future__ import annotations

from typing import Annotated

import typer

from .common import FormatOption, PathArgument, SceneOption, open_scene, stdout


def view(
    path: PathArgument,
    frame: Annotated[int, typer.Option("--frame", help="First frame shown; a negative one counts from the end.")] = 0,
    scene: SceneOption = None,
    format: FormatOption = None,
) -> None:
    """A window on a recording (extra 'desktop').

    Shows points, cuboids with heading, and trails.

    Keys: right arrow or N next frame, left arrow or P previous, C write the camera pictures with overlays, T trails, R whole view, Q close.
    """
    from ..viewer.desktop import HELP, open_window

    recording = open_scene(path, scene, format)
    stdout().print(HELP, markup=False, soft_wrap=True)
    open_window(recording, frame)
