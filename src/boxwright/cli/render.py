"""boxwright render"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .common import FormatOption, JsonOption, PathArgument, SceneOption, one_line, open_scene, parse_frames, print_json, stdout, tracked


def render(
    path: PathArgument,
    frames: Annotated[str, typer.Option("--frames", "--frame", metavar="FRAMES", help="3, 1,5,9, 0:50, 0:50:10 or all.")] = "0",
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where the pictures go; a .png or .jpg name for one overview.")] = Path("pictures"),
    points: Annotated[bool, typer.Option("--points", help="Draw the LiDAR's points into the camera pictures.")] = False,
    range_m: Annotated[float | None, typer.Option("--range-m", help="Metres from the middle to the border, from above.")] = None,
    width_px: Annotated[int, typer.Option("--width-px", help="Width of the overview.")] = 1600,
    height_px: Annotated[int, typer.Option("--height-px", help="Height of the overview, and both sides of the picture from above.")] = 800,
    labels: Annotated[bool, typer.Option("--labels/--no-labels", help="Write class and track at each cuboid.")] = True,
    scene: SceneOption = None,
    format: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Pictures: from above, every camera with its cuboids, and an overview of both, for each frame."""
    from ..outputs import whole_folder
    from ..render import render_bev, render_cameras, render_overview, write_picture

    recording = open_scene(path, scene, format)
    chosen = parse_frames(frames, len(recording))
    written: list[str] = []
    if out.suffix.lower() in (".png", ".jpg", ".jpeg"):
        picture = render_overview(recording, chosen[0], width_px=width_px, height_px=height_px, points=points, labels=labels, range_m=range_m)
        write_picture(picture, out)
        written.append(str(out))
    else:
        with tracked("drawing", len(chosen)) as advance, whole_folder(out) as folder:
            for i in chosen:
                pictures = {"bev": render_bev(recording, i, width_px=height_px, height_px=height_px, labels=labels, range_m=range_m)}
                pictures |= render_cameras(recording, i, points=points, labels=labels)
                pictures["overview"] = render_overview(recording, i, width_px=width_px, height_px=height_px, points=points, labels=labels, range_m=range_m)
                for name, picture in pictures.items():
                    write_picture(picture, folder / f"{i:06d}_{one_line(name).replace('/', '_')}.png")
                    written.append(str(out / f"{i:06d}_{one_line(name).replace('/', '_')}.png"))
                advance()
    if as_json:
        print_json({"frames": chosen, "pictures": written})
        return
    stdout().print(one_line(f"wrote {len(written)} picture{'s' * (len(written) != 1)} to {out}"), markup=False, soft_wrap=True)
