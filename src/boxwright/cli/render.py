"""boxwright render"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import ArgumentError, StorageError
from .common import (
    FormatOption,
    JsonOption,
    LabelsOption,
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
    from collections.abc import Iterator

    from ..arrays import UInt8s
    from ..render.point_colors import ColorMode
    from ..scene import Scene

OutOption = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="FOLDER",
        parser=path_of,
        help="New folder for the pictures; a .png or .jpg for one picture of the frames; a .mp4 for a video.",
    ),
]
FramesOption = Annotated[
    str | None,
    typer.Option("--frames", "--frame", metavar="FRAMES", help="Which frames: 3, 1,5,9, 0:50, 0:50:10 or all. By default 0, of a video all."),
]
MOST_IN_STRIP = 64
RangeOption = Annotated[float | None, typer.Option("--range-m", help="Metres from the middle to the border, from above.")]


def render(
    path: PathArgument,
    frames: FramesOption = None,
    out: OutOption = Path("pictures"),
    points: Annotated[bool, typer.Option("--points", help="Draw the LiDAR's points into the camera pictures.")] = False,
    range_m: RangeOption = None,
    width_px: Annotated[int, typer.Option("--width-px", min=64, max=16384, help="Width of the overview.")] = 1600,
    height_px: Annotated[
        int, typer.Option("--height-px", min=64, max=16384, help="Height of the overview, and both sides of the picture from above.")
    ] = 800,
    captions: Annotated[bool, typer.Option("--captions/--no-captions", help="Write class and track at each label.")] = True,
    color: Annotated[
        str | None,
        typer.Option(
            "--color", metavar="MODE", help="Colour points by height, intensity, time, class or camera pictures (camera), as the page does."
        ),
    ] = None,
    camera: Annotated[str | None, typer.Option("--camera", metavar="NAME", help="The pictures of this camera alone, in its own size.")] = None,
    labels: LabelsOption = None,
    scene: SceneOption = None,
    format: FormatOption = None,
    lenient: LenientOption = False,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """Pictures with labels, from above and in every camera.

    For each frame one from above, one for each camera, and an overview of all; where there is nothing but pictures, those with their labels alone.
    Several frames in one .png or .jpg stand side by side; a .mp4 shows them at their own times.

    Example: boxwright render recording --frames 0:50:10 --points --out pictures
    """
    from ..outputs import check_new_folder, whole_folder
    from ..render.point_colors import color_mode

    if range_m is not None and not (math.isfinite(range_m) and range_m > 0):
        raise ArgumentError(expected="a positive number of metres", got=repr(range_m), field="--range-m")
    is_picture, is_video = out.suffix.lower() in (".png", ".jpg", ".jpeg"), out.suffix.lower() == ".mp4"
    if out.suffix and not is_picture and not is_video and not out.suffix[1:].isdecimal():  # run-1.5 is a folder, one.gif is none
        expected = "a name that ends in .png, .jpg or .mp4, or a folder without an ending"
        raise ArgumentError(expected=expected, got=repr(out.name), field="--out", hint="choose another name")
    if (is_picture or is_video) and out.exists():
        raise StorageError("exists already", path=out, hint="choose another name or remove this one")
    mode = None if color is None else color_mode(color, "--color")
    check_apart(out, path, "--out")
    check_new_folder(out)
    recording = open_scene(path, scene, format, lenient, labels)
    if camera is not None:
        recording.camera(camera)
    chosen = parse_frames(("all" if is_video else "0") if frames is None else frames, len(recording))
    how: dict[str, Any] = {
        "width_px": width_px,
        "height_px": height_px,
        "points": points,
        "labels": captions,
        "range_m": range_m,
        "camera": camera,
        "color": mode,
    }
    written: list[str] = []
    with tracked("drawing", len(chosen)) as advance:
        if is_video:
            _write_video(recording, chosen, out, how, advance)
            written.append(str(out))
        elif is_picture:
            _write_strip(recording, chosen, out, how, advance)
            written.append(str(out))
        else:
            with whole_folder(out) as folder:
                for i in chosen:
                    written += [str(out / name) for name in write_pictures(pictures_of(recording, i, **how), folder, i)]
                    advance()
    lacking = {"frames_without_sweep": frames_without_sweep(recording, chosen), "frames_without_points": frames_without_points(recording, chosen)}
    if recording.lidars:
        _say_lacking(lacking["frames_without_sweep"], "no sweep", len(recording))
        bare = set(lacking["frames_without_points"]) - set(lacking["frames_without_sweep"])
        _say_lacking(sorted(bare), "no finite point", len(recording))
    if as_json:
        print_json({"frames": chosen, **lacking, "pictures": written, "problems": listed(recording.problems)})
        return
    print_lines(f"wrote {number_of(len(chosen), 'frame') if is_video else number_of(len(written), 'picture')} to {out}")


def _say_lacking(frames: list[int], what: str, n_frames: int) -> None:
    from ..summary import frame_spans

    if frames:
        spans = frame_spans(set(frames).__contains__, n_frames)
        say(f"note: {what} in {'frame' if len(frames) == 1 else 'frames'} {said_spans(spans)}, so no points are drawn there", "yellow")


def _write_video(scene: Scene, frames: list[int], out: Path, how: dict[str, Any], advance: Any) -> None:
    """At the frames' own times; at ten a second where they have none."""
    import boxwright as bw

    def drawn() -> Iterator[UInt8s]:
        for i in frames:
            yield one_picture(scene, i, **how)
            advance()

    if frames != sorted(frames):
        raise ArgumentError("a video shows frames in their order", got=str(frames)[:60], field="--frames", hint="give them in order")
    stamps = scene.exposures_ns(how["camera"] or next(iter(scene.cameras))) if scene.cameras else scene.times_ns
    if scene.has_time and len(frames) > 1:
        bw.write_video(out, drawn(), times_ns=stamps[frames])
    else:
        bw.write_video(out, drawn(), fps=10)


def _write_strip(scene: Scene, frames: list[int], out: Path, how: dict[str, Any], advance: Any) -> None:
    """One frame as it is drawn, several side by side."""
    from ..render import mosaic, write_picture

    if len(frames) > MOST_IN_STRIP:
        hint = "give --out a folder or a .mp4, or fewer frames: 0:50:10"
        raise ArgumentError(expected=f"at most {number_of(MOST_IN_STRIP, 'frame')} in one picture", got=str(len(frames)), field="--frames", hint=hint)
    pictures = {}
    for i in frames:
        pictures[f"frame {i}"] = one_picture(scene, i, **how)
        advance()
    picture = next(iter(pictures.values()))
    write_picture(picture if len(pictures) == 1 else mosaic(pictures, width_px=how["width_px"], height_px=how["height_px"], even=True), out)


def one_picture(scene: Scene, frame_index: int, *, camera: str | None, width_px: int, height_px: int, **how: Any) -> UInt8s:
    """A frame in one picture: an overview, or of one camera, or where there is nothing but pictures, those of all cameras."""
    from ..render import mosaic, render_cameras, render_overview

    if camera is None and _has_places(scene):
        return render_overview(scene, frame_index, width_px=width_px, height_px=height_px, **how)
    pictures = render_cameras(
        scene, frame_index, None if camera is None else [camera], points=how["points"], labels=how["labels"], color=how["color"]
    )
    return next(iter(pictures.values())) if len(pictures) == 1 else mosaic(pictures, width_px=width_px, height_px=height_px)


def _has_places(scene: Scene) -> bool:
    """Whether there is something to see from above."""
    return bool(scene.lidars or scene.tracks or not scene.cameras)


def pictures_of(
    scene: Scene,
    frame_index: int,
    *,
    width_px: int = 1600,
    height_px: int = 800,
    points: bool = False,
    labels: bool = True,
    range_m: float | None = None,
    camera: str | None = None,
    color: ColorMode | None = None,
) -> dict[str, UInt8s]:
    """{"bev", every camera, "overview"} of a frame; cameras alone where one is named, or there is nothing else."""
    from ..render import render_bev, render_cameras, render_overview

    if camera is not None or not _has_places(scene):
        return render_cameras(scene, frame_index, None if camera is None else [camera], points=points, labels=labels, color=color)
    pictures = {"bev": render_bev(scene, frame_index, width_px=height_px, height_px=height_px, labels=labels, range_m=range_m, color=color)}
    pictures |= render_cameras(scene, frame_index, points=points, labels=labels, color=color)
    if scene.cameras:
        above = pictures["bev"] if width_px > height_px else None
        pictures["overview"] = render_overview(
            scene, frame_index, width_px=width_px, height_px=height_px, points=points, labels=labels, range_m=range_m, above=above, color=color
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
