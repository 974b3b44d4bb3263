"""boxwright view"""

from __future__ import annotations

from .common import FormatOption, FrameOption, LenientOption, LimitOption, PathArgument, SceneOption, open_scene, parse_frame, print_lines


def view(
    path: PathArgument,
    frame: FrameOption = 0,
    scene: SceneOption = None,
    format: FormatOption = None,
    lenient: LenientOption = False,
    limit: LimitOption = None,
) -> None:
    """A window on a recording (extra 'desktop').

    Shows points, cuboids with heading, and trails.

    Keys: right arrow or N next frame, left arrow or P previous, C write the camera pictures with overlays, T trails, R whole view, Q close.

    Example: boxwright view recording --frame 20
    """
    from ..viewer.desktop import HELP, open_window

    recording = open_scene(path, scene, format, lenient)
    first = parse_frame(frame, len(recording))
    open_window(recording, first, opened=lambda: print_lines(*HELP.splitlines()))
