"""boxwright view"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shlex
import sys
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlencode

import typer

from ..errors import ArgumentError
from .common import FormatOption, LenientOption, LimitOption, SceneOption, open_scene, parse_frame, print_lines, say_problems, tracked
from .fresh import PRESS_ENTER, at_enter
from .projects import place_of
from .serve import PortOption, local_account
from .warmup import page_steps

if TYPE_CHECKING:
    from ..store import Project

ViewedArgument = Annotated[
    str,
    typer.Argument(metavar="PATH", parser=place_of, help="A recording, or a project: a folder, or PostgreSQL as postgresql://user@host/database."),
]
FolderOption = Annotated[
    str | None, typer.Option("--project", metavar="FOLDER", parser=place_of, help="Where edits of a recording are kept; made where it is new.")
]
BrowserOption = Annotated[bool, typer.Option("--no-browser", help="Print the address alone.")]
FirstFrameOption = Annotated[
    int | None,
    typer.Option("--frame", metavar="N", help="Which frame first, from 0; a negative one counts from the end; without it the first with a sweep."),
]
FEW = 8  # scenes of a dataset that are all read at once
DesktopOption = Annotated[bool, typer.Option("--desktop", help="A window of Open3D instead, to look at (extra 'desktop').")]


def view(
    path: ViewedArgument,
    frame: FirstFrameOption = None,
    scene: SceneOption = None,
    format: FormatOption = None,
    lenient: LenientOption = False,
    limit: LimitOption = None,
    port: PortOption = 0,
    project: FolderOption = None,
    no_browser: BrowserOption = False,
    desktop: DesktopOption = False,
) -> None:
    """See a recording or a project in the browser, click, correct.

    Points, cuboids, trails and camera pictures; every edit is saved at once, and may be undone. It answers this machine alone. Of a recording, whose
    files stay as they are, edits are kept in a project whose folder is printed, with the command that writes the labels out. Ctrl-C ends it.
    Of a dataset with several scenes the first is shown, and the page chooses among them.

    Keys of the window of --desktop: right arrow or N next frame, left arrow or P previous, M other colours of the points,
    C write the camera pictures with overlays, T trails, R whole view, Q close.

    Example: boxwright view recording --frame 20
    """
    if desktop:
        _window(path, frame, scene, format, lenient)
        return
    import boxwright as bw

    from ..server import Server

    with contextlib.ExitStack() as ending:
        if _is_project(path):
            if project is not None:
                raise ArgumentError("PATH is a project itself", field="--project", hint="leave it out")
            opened, shown = ending.enter_context(bw.open_project(path)), scene
        else:
            opened, shown = ending.enter_context(_project_of(Path(path), scene, format, lenient, project))
            print_lines(f"edits are kept in the project {opened.database.folder or opened.place}")
        first = _first(opened, shown, frame)
        server = Server(opened, port=port)
        ending.callback(server.close)
        server.warm(page_steps())
        account = _account(opened)

        def fresh() -> str:
            return f"{server.start_url(account)}&{urlencode(first)}"

        address = fresh()
        print_lines(f"open {address}", f"{_export(opened, first.get('scene'))} writes the labels out")
        print_lines(*[PRESS_ENTER] * ending.enter_context(at_enter(fresh)), "Ctrl-C ends it")
        sys.stdout.flush()
        if not no_browser:
            webbrowser.open(address)
        with contextlib.suppress(KeyboardInterrupt):
            server.run()


def _window(path: str, frame: int | None, scene: str | None, format: str | None, lenient: bool) -> None:
    from ..viewer.desktop import HELP, check_window, open_window

    check_window()
    recording = open_scene(Path(path), scene, format, lenient)
    if frame is None:
        frame = next((i for i in range(len(recording)) if any(recording.has_points(i, name) for name in recording.lidars)), 0)
    open_window(recording, parse_frame(frame, len(recording)), opened=lambda: print_lines(*HELP.splitlines()))


def _is_project(place: str) -> bool:
    from ..store.engines import FILE

    if "://" in place:
        return True
    path = Path(place)
    return (path / FILE).is_file() or (path.is_file() and path.name == FILE)


def _folder_of(path: Path, name: str) -> Path:
    """Where edits of a recording are kept, the same every time: by the name of the recording and where it lies."""
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    digest = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:8]
    word = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.")[:60] or "recording"
    return data / "boxwright" / "views" / f"{word}-{digest}"


@contextlib.contextmanager
def _project_of(path: Path, scene: str | None, format: str | None, lenient: bool, folder: str | None) -> Iterator[tuple[Project, str]]:
    """A project that has the recording, made or taken up again, and what the scene is called in it; of several scenes the first is shown, and where
    they are few the others are there too, for the page's chooser."""
    import boxwright as bw

    found = bw.scenes(path, format)
    if scene is not None:
        wanted = [found[scene].name]
    elif found:
        wanted = list(found.names) if len(found) <= FEW else [found.names[0]]
    else:
        from ..formats import read

        read(path, scene=None, format=format)  # raises: it says that there is none
    place = folder or str(_folder_of(path, path.resolve().name))
    with bw.open_project(place) if _is_project(place) else bw.create_project(place, path.resolve().name) as opened:
        there = {one.name for one in opened.scenes()}
        for name in wanted:
            if name in there:
                continue
            with tracked(f"reading {path}" if len(found) == 1 else f"reading {path}: {name}"):
                opened.import_scene(path, name, format, strict=not lenient, name=name)
            if lenient:
                say_problems(opened.read(name))
        if scene is None and len(found) > len(wanted):
            print_lines(f"{wanted[0]} is the first of {len(found)} scenes; --scene NAME opens another, and boxwright info {path} lists them")
        yield opened, wanted[0]


def _first(opened: Project, scene: str | None, frame: int | None) -> dict[str, str]:
    """What the page shows first. ArgumentError where there is no such scene or frame."""
    names = [one.name for one in opened.scenes()]
    if scene is not None and scene not in names:
        listed = ", ".join(names[:20]) or "none: boxwright import brings one in"
        raise ArgumentError(expected=f"a scene of the project: {listed}", got=f"{scene!r:.80}", field="--scene")
    if not names:
        return {}
    shown = names[0] if scene is None else scene
    if frame is None:
        return {"scene": shown}
    (frames,) = opened.entities(shown, "frames")
    return {"scene": shown, "frame": str(parse_frame(frame, len((frames.body or {})["frames"])))}


def _export(opened: Project, shown: str | None) -> str:
    """The command that writes the shown scene's labels out, as a shell takes it."""
    place = str(opened.database.folder or opened.place)
    named = [shown] if shown is not None and len(opened.scenes()) > 1 else []
    return shlex.join(["boxwright", "export", place, *named, "OUT"])


def _account(opened: Project) -> str:
    """Whoever is at this machine. ArgumentError where the project has members and he is none of them."""
    members = {str((one.body or {})["account"]) for one in opened.kept("member")}
    name = local_account(opened, members)
    if name is None or (members and name not in members):
        hint = "boxwright serve PROJECT --as NAME prints an address for one of them"
        raise ArgumentError("the project has members, and the user of this machine is none of them", field="PATH", hint=hint)
    return name
