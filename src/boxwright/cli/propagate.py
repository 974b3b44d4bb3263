"""boxwright propagate"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

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
    open_scene,
    parse_frame,
    print_json,
    print_lines,
    print_table,
    tracked,
)
from .outputs import OutOption, ToOption, check_output, print_report, write_scene

if TYPE_CHECKING:
    from ..propagation import ImageProposals, Proposals
    from ..scene import Scene

TrackOption = Annotated[str, typer.Option("--track", metavar="ID", help="Which object.")]
FromOption = Annotated[int, typer.Option("--from-frame", metavar="A", help="A frame in which the track has a keyframe, counted from 0.")]
UntilOption = Annotated[int, typer.Option("--to-frame", metavar="B", help="The last frame to carry it to, after A or before it.")]
AloneOption = Annotated[bool, typer.Option("--alone", help="Use the keyframe of frame A alone, as if the track's others were not there.")]


def propagate(
    path: PathArgument,
    track: TrackOption,
    from_frame: FromOption,
    to_frame: UntilOption,
    alone: AloneOption = False,
    out: OutOption = None,
    to: ToOption = "boxwright",
    labels: LabelsOption = None,
    scene: SceneOption = None,
    format: FormatOption = None,
    lenient: LenientOption = False,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """A cuboid, or a label in pictures, is carried from its keyframes to other frames.

    The points decide where a cuboid is, the pictures where a box, polygon, polyline or keypoints are; where they are not good enough, the frame is
    flagged and the prediction printed. What is lost in the pictures is followed no farther. With --out, the frames that are not flagged become
    keyframes.

    Example: boxwright propagate recording --track car-07 --from-frame 20 --to-frame 30
    """
    import boxwright as bw

    if out is not None:
        check_output(out, to, path)
    recording = open_scene(path, scene, format, lenient, labels)
    start, end = parse_frame(from_frame, len(recording), "--from-frame"), parse_frame(to_frame, len(recording), "--to-frame")
    given: Any = recording.image_track(track) if track in recording.image_track_index else recording.track(track)
    times_ns = recording.times_ns if track in recording.track_index else recording.exposures_ns(given.camera)
    if alone and (given.times_ns == times_ns[start]).any():
        given = given.take(given.times_ns == times_ns[start])
    with tracked(f"following {track}", abs(end - start)) as advance:
        proposals: Any = bw.propagate(recording, given, start, end, progress=advance)
    is_flat = isinstance(proposals, bw.ImageProposals)
    facts = _shapes_as_dict(proposals) if is_flat else _as_dict(proposals)
    result = {"path": str(path), "scene": recording.name, **facts, "problems": listed(recording.problems)}
    if out is not None:
        result["written"] = write_scene(_with_accepted(recording, proposals), out, to)
    if as_json:
        print_json(result)
        return
    if not len(proposals):
        print_lines(f"{recording.name}: {_nothing(given, times_ns, start, end)}", *result["notes"])
    else:
        _print_shapes(result) if is_flat else _print(result)
    if out is not None:
        print_report(result["written"])


def _nothing(given: Any, times_ns: Any, start: int, end: int) -> str:
    """Why there is no frame to carry it to."""
    if start == end:
        return f"{given.track_id} is carried nowhere: --to-frame is --from-frame"
    step = 1 if end > start else -1
    first, last = sorted((start + step, end))
    frames = f"frame {first} has a keyframe" if first == last else f"frames {first} to {last} have keyframes"
    if all((given.times_ns == times_ns[i]).any() for i in range(first, last + 1)):
        return f"{given.track_id} is carried nowhere: {frames} already; with --alone that of frame {start} is carried over them"
    return f"{given.track_id} is carried nowhere: it leaves the scene in frame {start + step}, or no pose is known there"


def _with_accepted(scene: Scene, proposals: Proposals | ImageProposals) -> Scene:
    accepted = proposals.accept()
    name = "image_tracks" if accepted.track_id in scene.image_track_index else "tracks"
    return scene.replace(**{name: [accepted if one.track_id == accepted.track_id else one for one in getattr(scene, name)]})


def _as_dict(proposals: Proposals) -> dict[str, Any]:
    from ..propagation import Verdict

    rows = []
    for i, cuboid in enumerate(proposals.cuboids):
        rows.append(
            {
                "frame_index": proposals.frame_index[i],
                "timestamp_ns": proposals.times_ns[i],
                "center_m": cuboid.center_m,
                "size_m": cuboid.size_m,
                "quat_wxyz": cuboid.quat_wxyz,
                "yaw_rad": cuboid.yaw_rad,
                "verdict": Verdict(proposals.verdict[i]).name.lower(),
                "is_flagged": bool(proposals.is_flagged[i]),
                "overlap": proposals.overlap[i],
                "residual_m": proposals.residual_m[i],
                "shift_m": proposals.shift_m[i],
                "n_points": proposals.n_points[i],
            }
        )
    return {"track_id": proposals.track.track_id, "frame": proposals.cuboids.frame, "proposals": rows, "notes": list(proposals.notes)}


def _shapes_as_dict(proposals: ImageProposals) -> dict[str, Any]:
    from ..propagation import ImageVerdict

    bounds = proposals.shapes.bounds_xyxy()
    figures = ("confidence", "share", "likeness", "residual_px", "n_points")
    rows = [
        {
            "frame_index": proposals.frame_index[i],
            "timestamp_ns": proposals.times_ns[i],
            "bounds_xyxy": bounds[i],
            **_own_numbers(proposals.shapes[i]),
            "verdict": ImageVerdict(proposals.verdict[i]).name.lower(),
            "is_flagged": bool(proposals.is_flagged[i]),
            **{name: getattr(proposals, name)[i] for name in figures},
        }
        for i in range(len(proposals))
    ]
    track = proposals.track
    return {
        "track_id": track.track_id,
        "camera": track.camera,
        "shape": track.shapes.KIND,
        "proposals": rows,
        "notes": list(proposals.notes),
    }


def _own_numbers(shape: Any) -> dict[str, Any]:
    """Of a set of one: what its bounds do not tell."""
    import boxwright as bw

    if isinstance(shape, bw.RotatedBoxes):
        return {"center_uv": shape.center_uv[0], "size_px": shape.size_px[0], "rotation_rad": shape.rotation_rad[0]}
    if isinstance(shape, bw.Polygons):
        return {"rings_uv": shape.rings(0)}
    if isinstance(shape, bw.Polylines):
        return {"uv": shape.points(0)}
    if isinstance(shape, bw.Keypoints):
        return {"uv": shape.uv[0], "visibility": [bw.Visibility(code).name.lower() for code in shape.visibility[0]]}
    return {}


def _print(result: dict[str, Any]) -> None:
    rows = result["proposals"]
    n_flagged = sum(row["is_flagged"] for row in rows)
    print_table(
        f"{result['scene']}: {result['track_id']} carried to {number_of(len(rows), 'frame')}, {n_flagged} flagged, {result['frame']} frame",
        ["frame", "x m", "y m", "z m", "yaw deg", "points", "overlap", "residual m", "shift m", "verdict"],
        [
            (
                str(row["frame_index"]),
                *(float(v) for v in row["center_m"]),
                math.degrees(row["yaw_rad"]),
                int(row["n_points"]),
                *(float(row[name]) for name in ("overlap", "residual_m", "shift_m")),
                row["verdict"].replace("_", " ") + (" (flagged)" if row["is_flagged"] else ""),
            )
            for row in rows
        ],
    )
    print_lines(*result["notes"])


def _print_shapes(result: dict[str, Any]) -> None:
    rows = result["proposals"]
    n_flagged = sum(row["is_flagged"] for row in rows)
    figures = ("share", "likeness", "residual_px", "confidence")
    print_table(
        f"{result['scene']}: {result['track_id']} carried to {number_of(len(rows), 'frame')} of {result['camera']}, {n_flagged} flagged",
        ["frame", "left px", "top", "right", "bottom", "points", "share", "likeness", "residual px", "confidence", "verdict"],
        [
            (
                str(row["frame_index"]),
                *(float(v) for v in row["bounds_xyxy"]),
                int(row["n_points"]),
                *(float(row[name]) for name in figures),
                row["verdict"].replace("_", " ") + (" (flagged)" if row["is_flagged"] else ""),
            )
            for row in rows
        ],
    )
    print_lines(*result["notes"])
