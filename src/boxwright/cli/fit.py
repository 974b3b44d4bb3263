"""boxwright fit"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import ArgumentError
from .common import (
    FormatOption,
    FrameOption,
    JsonOption,
    LenientOption,
    LimitOption,
    PathArgument,
    SceneOption,
    listed,
    number_of,
    open_scene,
    parse_frame,
    print_json,
    print_lines,
)
from .outputs import OutOption, ToOption, check_output, print_report, write_scene
from .sweeps import usable_sweep

if TYPE_CHECKING:
    from ..scene import Scene

AtOption = Annotated[
    str,
    typer.Option(
        "--at", metavar="X,Y,Z", help="The click: a place in metres in the LiDAR's frame, x ahead, y left, z up; X,Y for one in a view from above."
    ),
]


def fit(
    path: PathArgument,
    at: AtOption,
    frame: FrameOption = 0,
    category: Annotated[str, typer.Option("--category", help="What was clicked; its usual size helps where points are missing.")] = "car",
    out: OutOption = None,
    to: ToOption = "boxwright",
    scene: SceneOption = None,
    format: FormatOption = None,
    lenient: LenientOption = False,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """One click becomes a cuboid.

    Printed with how sure each number is, which faces were seen, and what to look at again.

    Example: boxwright fit recording --frame 20 --at 12.5,-3.1,-0.8 --category car
    """
    import boxwright as bw

    click_m = parse_place(at)
    bw.Taxonomy.default().find(category)
    if out is not None:
        check_output(out, to, path, "--out")
    recording = open_scene(path, scene, format, lenient)
    frame_index = parse_frame(frame, len(recording))
    sweep = usable_sweep(recording, frame_index)
    origins = recording.lidar_origins_m(sweep.frame)
    found = bw.fit_at(sweep, click_m, category=category, ground=recording.ground(frame_index), sensor_origins_m=origins)
    result = _as_dict(found, frame_index, category, sweep.frame)
    result["problems"] = listed(recording.problems)
    if out is not None:
        result["written"] = write_scene(with_fit(recording, frame_index, found, category), out, to)
    if as_json:
        print_json(result)
        return
    _print_fit(result)
    if out is not None:
        print_report(result["written"])


def parse_place(text: str) -> tuple[float, ...]:
    """(x, y, z) from "x,y,z", (x, y) from "x,y"."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (2, 3) or not all(math.isfinite(v) for v in numbers):
        raise ArgumentError(expected="x,y,z or x,y in metres", got=repr(text), field="--at")
    return tuple(numbers)


def with_fit(scene: Scene, frame_index: int, found: Any, category: str) -> Scene:
    """The scene with one more track, which has the fit as its only keyframe."""
    import numpy as np

    import boxwright as bw

    stamp = int(scene.times_ns[frame_index])
    cuboids = found.cuboid.as_cuboids()
    if cuboids.frame != scene.label_frame:
        source = "lidar" if cuboids.frame is None else cuboids.frame
        cuboids = cuboids.transformed(scene.transform(scene.label_frame, source, stamp), frame=scene.label_frame)
    taken = {track.track_id for track in scene.tracks}
    name = next(f"fit-{i}" for i in range(len(taken) + 1) if f"fit-{i}" not in taken)
    track = bw.Track(name, category, np.array([stamp]), cuboids, origin=np.array([bw.Origin.FIT], np.uint8))
    return scene.replace(tracks=[*scene.tracks, track])


def _as_dict(found: Any, frame_index: int, category: str, frame: str) -> dict[str, Any]:
    return {
        "frame_index": frame_index,
        "category": category,
        "frame": frame,
        "center_m": found.cuboid.center_m,
        "size_m": found.cuboid.size_m,
        "yaw_rad": found.cuboid.yaw_rad,
        "quat_wxyz": found.cuboid.quat_wxyz,
        "sigma_center_m": found.sigma.center_m,
        "sigma_size_m": found.sigma.size_m,
        "sigma_yaw_rad": found.sigma.yaw_rad,
        "observed_faces": [str(face) for face in found.observed_faces],
        "flags": [str(flag) for flag in found.flags],
        "n_points": len(found.point_index),
    }


def _print_fit(result: dict[str, Any]) -> None:
    def numbers(key: str) -> str:
        values, sigmas = result[key], result[f"sigma_{key}"]
        return ", ".join(f"{value:.3f} +- {sigma:.3f}" if math.isfinite(sigma) else f"{value:.3f} (not seen)" for value, sigma in zip(values, sigmas))

    yaw, sigma = result["yaw_rad"], result["sigma_yaw_rad"]
    print_lines(
        f"{result['category']} in frame {result['frame_index']}, {result['frame']} frame, {number_of(result['n_points'], 'point')}",
        f"  center_m   {numbers('center_m')}",
        f"  size_m     {numbers('size_m')}",
        f"  yaw_rad    {yaw:.4f} {f'+- {sigma:.4f}' if math.isfinite(sigma) else '(not seen)'}  ({math.degrees(yaw):.1f} degrees)",
        f"  faces seen {', '.join(result['observed_faces']) or 'none'}",
        f"  flags      {', '.join(result['flags']) or 'none'}",
    )
