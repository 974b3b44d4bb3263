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
    from ..cuboids import Cuboids
    from ..scene import Scene
    from ..tracks import Track

AtOption = Annotated[
    str | None,
    typer.Option(
        "--at", metavar="X,Y,Z", help="The click: a place in metres in the LiDAR's frame, x ahead, y left, z up; X,Y for one in a view from above."
    ),
]
RoughOption = Annotated[
    str | None,
    typer.Option(
        "--rough",
        metavar="X,Y,Z,L,W,H,YAW",
        help="Instead of a click a rough cuboid, snapped to its points: centre and size in metres, yaw in radians, in the LiDAR's frame.",
    ),
]
TrackOption = Annotated[
    str | None,
    typer.Option(
        "--track", metavar="ID", help="Instead of a click a track: its cuboid in the frame is snapped to its points and becomes a keyframe."
    ),
]
CategoryOption = Annotated[
    str | None,
    typer.Option(
        "--category", help="The class, whose usual size helps where points are missing; by default car after a click, and a drawn size is kept."
    ),
]
YawOption = Annotated[
    str | None,
    typer.Option(
        "--yaw-rad", metavar="YAW[,SIGMA]", help="The heading where it is known, in radians from the LiDAR's x to its left, and how surely."
    ),
]
SizeOption = Annotated[str | None, typer.Option("--size-m", metavar="L,W,H", help="The size where it is known, in metres.")]
MarginOption = Annotated[
    float | None,
    typer.Option("--face-margin-m", metavar="M", help="How far faces stand off the points in your project; bw.learn_face_margin measures it."),
]


def fit(
    path: PathArgument,
    at: AtOption = None,
    rough: RoughOption = None,
    track: TrackOption = None,
    frame: FrameOption = 0,
    category: CategoryOption = None,
    yaw_rad: YawOption = None,
    size_m: SizeOption = None,
    face_margin_m: MarginOption = None,
    out: OutOption = None,
    to: ToOption = "boxwright",
    scene: SceneOption = None,
    format: FormatOption = None,
    lenient: LenientOption = False,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """One click becomes a cuboid, or a rough cuboid is snapped to its points.

    Printed with how sure each number is, which faces were seen, and what to look at again.

    Example: boxwright fit recording --frame 20 --at 12.5,-3.1,-0.8 --category car
    """
    import boxwright as bw

    _check_one(at, rough, track)
    if track is not None and yaw_rad is not None:
        raise ArgumentError("a heading was given beside --track", field="--yaw-rad", hint="leave it out: the track's own heading is taken")
    click_m = None if at is None else parse_place(at)
    drawn = None if rough is None else parse_rough(rough)
    hints: Any = {"yaw_prior": parse_yaw(yaw_rad), "size_prior": parse_size(size_m), "face_margin_m": face_margin_m}
    if category is not None:
        bw.Taxonomy.default().find(category)
    if out is not None:
        check_output(out, to, path, "--out")
    recording = open_scene(path, scene, format, lenient)
    frame_index = parse_frame(frame, len(recording))
    if track is not None:
        found, snapped = snap(recording, recording.track(track), frame_index, category, hints)
        result = _as_dict(found, frame_index, snapped.category, str(found.cuboid.frame))
    else:
        found, category, frame_name = fit_anew(recording, frame_index, click_m, drawn, category, hints)
        result = _as_dict(found, frame_index, category, frame_name)
    result["problems"] = listed(recording.problems)
    if out is not None:
        if track is None:
            kept = with_fit(recording, frame_index, found, result["category"])
        else:
            kept = recording.replace(tracks=[snapped if one.track_id == track else one for one in recording.tracks])
        result["written"] = write_scene(kept, out, to)
    if as_json:
        print_json(result)
        return
    _print_fit(result)
    if out is not None:
        print_report(result["written"])


def _check_one(at: str | None, rough: str | None, track: str | None) -> None:
    given = [name for name, value in (("--at", at), ("--rough", rough), ("--track", track)) if value is not None]
    if len(given) != 1:
        got = "none of them" if not given else " and ".join(given)
        hint = "a click is --at X,Y,Z; --rough and --track snap a cuboid to its points"
        raise ArgumentError(expected="one of --at X,Y,Z, --rough X,Y,Z,L,W,H,YAW and --track ID", got=got, hint=hint)


def _parse_numbers(text: str, option: str, wanted: str, *counts: int) -> tuple[float, ...]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in counts or not all(math.isfinite(v) for v in numbers):
        raise ArgumentError(expected=wanted, got=repr(text), field=option)
    return tuple(numbers)


def parse_place(text: str) -> tuple[float, ...]:
    """(x, y, z) from "x,y,z", (x, y) from "x,y"."""
    return _parse_numbers(text, "--at", "x,y,z or x,y in metres", 2, 3)


def parse_rough(text: str) -> Cuboids:
    """One cuboid in the LiDAR's frame."""
    import boxwright as bw

    wanted = "x,y,z,length,width,height in metres and yaw in radians"
    numbers = _parse_numbers(text, "--rough", wanted, 7)
    if min(numbers[3:6]) <= 0:
        raise ArgumentError(expected=f"{wanted}, lengths above 0", got=repr(text), field="--rough")
    return bw.Cuboids([numbers[:3]], [numbers[3:6]], numbers[6], frame="lidar")


def parse_yaw(text: str | None) -> tuple[float, ...] | float | None:
    if text is None:
        return None
    numbers = _parse_numbers(text, "--yaw-rad", "a heading in radians, or heading,sigma", 1, 2)
    if numbers[1:] and numbers[1] <= 0:
        raise ArgumentError(expected="a sigma above 0", got=repr(text), field="--yaw-rad")
    return numbers if len(numbers) == 2 else numbers[0]


def parse_size(text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    numbers = _parse_numbers(text, "--size-m", "length,width,height in metres", 3)
    if min(numbers) <= 0:
        raise ArgumentError(expected="three lengths above 0", got=repr(text), field="--size-m")
    return numbers


def fit_anew(
    scene: Scene, frame_index: int, click_m: tuple[float, ...] | None, drawn: Cuboids | None, category: str | None, hints: Any
) -> tuple[Any, str, str]:
    """The fit to a click or a drawn cuboid, the class it has now, and the frame it is in."""
    import boxwright as bw

    sweep = usable_sweep(scene, frame_index)
    hints = {**hints, "ground": scene.ground(frame_index), "sensor_origins_m": scene.lidar_origins_m(sweep.frame)}
    if drawn is None:
        category = category or "car"
        return bw.fit_at(sweep, click_m, category=category, **hints), category, sweep.frame
    return bw.refit(sweep, _moved(scene, drawn, sweep.frame, frame_index), category, **hints), category or "other", sweep.frame


def snap(scene: Scene, track: Track, frame_index: int, category: str | None, hints: Any) -> tuple[Any, Track]:
    """The fit of a track's cuboid in a frame, in which it gets a keyframe, and the track with it."""
    import boxwright as bw

    stamps = scene.times_ns[frame_index : frame_index + 1]
    at = track.at(stamps)
    if not at.is_valid[0]:
        index = [i for i, valid in enumerate(track.at(scene.times_ns).is_valid) if valid]
        hint = f"it has one in frames {index[0]} to {index[-1]}" if index else "it has none at the stamp of any frame"
        raise bw.FrameMissing(f"track {track.track_id!r} has no cuboid", path=scene.path, field=f"frame {frame_index}", hint=hint)
    usable_sweep(scene, frame_index)
    if not (track.times_ns == stamps).any():
        before = track.visibility[track.times_ns < stamps][-1:]
        track = track.with_keyframes(stamps, at.cuboids, before, bw.Origin.FIT)
    sizes = {name: hints[name] for name in ("size_prior", "face_margin_m")}
    done = bw.refit_track(scene, track, category=category, frames=[frame_index], **sizes)
    found = done.fits[int((track.times_ns == stamps).argmax())]
    if found is None:
        got = "; ".join(done.notes) or "fewer than 3 points above the ground in the cuboid"
        hint = "choose a frame in which it is seen"
        raise bw.GeometryError(f"track {track.track_id!r} cannot be fitted", got=got, path=scene.path, field=f"frame {frame_index}", hint=hint)
    return found, done.track


def _moved(scene: Scene, cuboids: Cuboids, frame: str | None, frame_index: int) -> Cuboids:
    """In another frame at the frame's stamp; without a frame of their own they are in that of the sweep."""
    if cuboids.frame == frame or frame is None:
        return cuboids
    source = "lidar" if cuboids.frame is None else cuboids.frame
    return cuboids.transformed(scene.transform(frame, source, int(scene.times_ns[frame_index])), frame=frame)


def with_fit(scene: Scene, frame_index: int, found: Any, category: str) -> Scene:
    """The scene with one more track, which has the fit as its only keyframe."""
    import numpy as np

    import boxwright as bw

    cuboids = _moved(scene, found.cuboid.as_cuboids(), scene.label_frame, frame_index)
    taken = {track.track_id for track in scene.tracks}
    name = next(f"fit-{i}" for i in range(len(taken) + 1) if f"fit-{i}" not in taken)
    track = bw.Track(name, category, scene.times_ns[frame_index : frame_index + 1], cuboids, origin=np.array([bw.Origin.FIT], np.uint8))
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
