"""boxwright propagate"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import (
    FormatOption,
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
    print_table,
    tracked,
)
from .outputs import OutOption, ToOption, check_output, print_report, write_scene

if TYPE_CHECKING:
    from ..propagation import Proposals

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
    scene: SceneOption = None,
    format: FormatOption = None,
    lenient: LenientOption = False,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """A cuboid is carried from its keyframes to other frames.

    The points decide where it is; where they are not good enough, the frame is flagged and the prediction printed. With --out, the frames that are
    not flagged become keyframes.

    Example: boxwright propagate recording --track car-07 --from-frame 20 --to-frame 30
    """
    import boxwright as bw

    if out is not None:
        check_output(out, to, path)
    recording = open_scene(path, scene, format, lenient)
    start, end = parse_frame(from_frame, len(recording), "--from-frame"), parse_frame(to_frame, len(recording), "--to-frame")
    given = recording.track(track)
    if alone and (given.times_ns == recording.times_ns[start]).any():
        given = given.take(given.times_ns == recording.times_ns[start])
    with tracked(f"following {track}", abs(end - start)) as advance:
        proposals = bw.propagate(recording, given, start, end, progress=advance)
    result = {"path": str(path), "scene": recording.name, **_as_dict(proposals), "problems": listed(recording.problems)}
    if out is not None:
        accepted = proposals.accept()
        tracks = [accepted if one.track_id == track else one for one in recording.tracks]
        result["written"] = write_scene(recording.replace(tracks=tracks), out, to)
    if as_json:
        print_json(result)
        return
    _print(result)
    if out is not None:
        print_report(result["written"])


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
