"""boxwright render"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import ArgumentError, StorageError
from .common import (
    FormatOption,
    JsonOption,
    LenientOption,
    LimitOption,
    PathArgument,
    SceneOption,
    listed,
    number_of,
    one_line,
    open_scene,
    parse_frames,
    path_of,
    print_json,
    print_lines,
    say,
    tracked,
)
from .outputs import check_apart
from .sweeps import frames_without_points, frames_without_sweep, said_spans

if TYPE_CHECKING:
    from ..arrays import UInt8s
    from ..scene import Scene

OutOption = Annotated[
    Path, typer.Option("--out", metavar="FOLDER", parser=path_of, help="New folder for the pictures; or a .png or .jpg for one overview.")
]
RangeOption = Annotated[float | None, typer.Option("--range-m", help="Metres from the middle to the border, from above.")]


def render(
    path: PathArgument,
    frames: Annotated[str, typer.Option("--frames", "--frame", metavar="FRAMES", help="Which frames: 3, 1,5,9, 0:50, 0:50:10 or all.")] = "0",
    out: OutOption = Path("pictures"),
    points: Annotated[bool, typer.Option("--points", help="Draw the LiDAR's points into the camera pictures.")] = False,
    range_m: RangeOption = None,
    width_px: Annotated[int, typer.Option("--width-px", min=64, max=16384, help="Width of the overview.")] = 1600,
    height_px: Annotated[
        int, typer.Option("--height-px", min=64, max=16384, help="Height of the overview, and both sides of the picture from above.")
    ] = 800,
    labels: Annotated[bool, typer.Option("--labels/--no-labels", help="Write class and track at each cuboid.")] = True,
    scene: SceneOption = None,
    format: FormatOption = None,
    lenient: LenientOption = False,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """Pictures with cuboids, from above and in every camera.

    For each frame one from above, one for each camera, and an overview of all.

    Example: boxwright render recording --frames 0:50:10 --points --out pictures
    """
    from ..outputs import check_new_folder, whole_folder
    from ..render import render_overview, write_picture

    if range_m is not None and not (math.isfinite(range_m) and range_m > 0):
        raise ArgumentError(expected="a positive number of metres", got=repr(range_m), field="--range-m")
    is_picture = out.suffix.lower() in (".png", ".jpg", ".jpeg")
    if out.suffix and not is_picture and not out.suffix[1:].isdecimal():  # run-1.5 is a folder, one.gif is none
        expected = "a name that ends in .png or .jpg, or a folder without an ending"
        raise ArgumentError(expected=expected, got=repr(out.name), field="--out", hint="choose another name")
    if is_picture and out.exists():
        raise StorageError("exists already", path=out, hint="choose another name or remove this one")
    check_apart(out, path, "--out")
    check_new_folder(out)
    recording = open_scene(path, scene, format, lenient)
    chosen = parse_frames(frames, len(recording))
    written: list[str] = []
    if is_picture:
        if len(chosen) != 1:
            raise ArgumentError("a picture holds one frame", expected="one frame", got=str(len(chosen)), field="--frames", hint="give --out a folder")
        picture = render_overview(recording, chosen[0], width_px=width_px, height_px=height_px, points=points, labels=labels, range_m=range_m)
        write_picture(picture, out)
        written.append(str(out))
    else:
        with tracked("drawing", len(chosen)) as advance, whole_folder(out) as folder:
            for i in chosen:
                pictures = pictures_of(recording, i, width_px=width_px, height_px=height_px, points=points, labels=labels, range_m=range_m)
                written += [str(out / name) for name in write_pictures(pictures, folder, i)]
                advance()
    lacking = {"frames_without_sweep": frames_without_sweep(recording, chosen), "frames_without_points": frames_without_points(recording, chosen)}
    _say_lacking(lacking["frames_without_sweep"], "no sweep", len(recording))
    bare = set(lacking["frames_without_points"]) - set(lacking["frames_without_sweep"])
    _say_lacking(sorted(bare), "no finite point", len(recording))
    if as_json:
        print_json({"frames": chosen, **lacking, "pictures": written, "problems": listed(recording.problems)})
        return
    print_lines(f"wrote {number_of(len(written), 'picture')} to {out}")


def _say_lacking(frames: list[int], what: str, n_frames: int) -> None:
    from ..summary import frame_spans

    if frames:
        spans = frame_spans(set(frames).__contains__, n_frames)
        say(f"note: {what} in {'frame' if len(frames) == 1 else 'frames'} {said_spans(spans)}, so no points are drawn there", "yellow")


def pictures_of(
    scene: Scene,
    frame_index: int,
    *,
    width_px: int = 1600,
    height_px: int = 800,
    points: bool = False,
    labels: bool = True,
    range_m: float | None = None,
) -> dict[str, UInt8s]:
    """{"bev", every camera, "overview"} of a frame."""
    from ..render import render_bev, render_cameras, render_overview

    pictures = {"bev": render_bev(scene, frame_index, width_px=height_px, height_px=height_px, labels=labels, range_m=range_m)}
    pictures |= render_cameras(scene, frame_index, points=points, labels=labels)
    if scene.cameras:
        above = pictures["bev"] if width_px > height_px else None
        pictures["overview"] = render_overview(
            scene, frame_index, width_px=width_px, height_px=height_px, points=points, labels=labels, range_m=range_m, above=above
        )
    return pictures


def write_pictures(pictures: dict[str, UInt8s], folder: Path, frame_index: int) -> list[str]:
    """As PNG; the names of the files."""
    from ..render import write_picture

    names = []
    for name, picture in pictures.items():
        names.append(f"{frame_index:06d}_{one_line(name).replace('/', '_')}.png")
        write_picture(picture, folder / names[-1])
    return names
