"""boxwright fill"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import ArgumentError
from .common import (
    FormatOption,
    JsonOption,
    LabelsOption,
    LenientOption,
    LimitOption,
    PathArgument,
    SceneOption,
    listed,
    open_scene,
    print_json,
    print_table,
    tracked,
)
from .outputs import OutOption, ToOption, check_output, print_report, write_scene
from .whole_tracks import (
    AdviseOption,
    LockSizeOption,
    OrientOption,
    RefitOption,
    RetimeOption,
    SolveStaticOption,
    ThinOption,
    advised,
    mended,
    print_advice,
    print_mended,
    thinned,
)

if TYPE_CHECKING:
    from ..label_errors import BoxErrors, ClassErrors, GapReport
    from ..scene import Scene

EveryOption = Annotated[
    int | None, typer.Option("--keyframes-every", metavar="K", min=1, help="Keep every K-th label, and report the others' error.")
]
MethodOption = Annotated[str | None, typer.Option("--method", help="linear, makima, pchip or catmull_rom; by default each track's own.")]


def fill(
    path: PathArgument,
    keyframes_every: EveryOption = None,
    method: MethodOption = None,
    retime: RetimeOption = False,
    refit: RefitOption = False,
    lock_size: LockSizeOption = False,
    solve_static: SolveStaticOption = False,
    orient: OrientOption = False,
    thin: ThinOption = False,
    advise: AdviseOption = None,
    out: OutOption = None,
    to: ToOption = "boxwright",
    labels: LabelsOption = None,
    scene: SceneOption = None,
    format: FormatOption = None,
    lenient: LenientOption = False,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keyframes become labels in every frame.

    With --keyframes-every K, every K-th label of each track (and its last) is a keyframe, and the error of the labels in between is reported.
    Before they are filled, keyframes can be mended by what whole tracks tell: --retime, --refit, --lock-size, --solve-static, --orient, in
    this order.
    With --out, the filled tracks are written.

    Example: boxwright fill recording --keyframes-every 10 --lock-size --solve-static --out filled
    """
    from ..interpolation import method_code
    from ..label_errors import box_gap_report, filled_scene, gap_report

    if method is not None:
        method_code("--method", method)
    mends = {"retime": retime, "refit": refit, "lock_size": lock_size, "solve_static": solve_static, "orient": orient}
    wanted = [name for name, is_wanted in mends.items() if is_wanted]
    if keyframes_every is None and out is None and advise is None and not wanted and not thin:
        raise ArgumentError("nothing to do", hint="give --out FOLDER to write filled tracks, --keyframes-every K to measure their error, or both")
    if out is not None:
        check_output(out, to, path, "--out")
    recording = open_scene(path, scene, format, lenient, labels)
    if not recording.tracks and not recording.image_tracks:
        hint = "make one with 'boxwright fit PATH --at X,Y,Z --out FOLDER', or give labels in pictures with --labels FILE"
        raise ArgumentError("the recording has no tracks to fill", path=path, field=recording.name, hint=hint)
    result: dict[str, Any] = {"path": str(path), "scene": recording.name, "problems": listed(recording.problems)}
    if keyframes_every is not None:
        with tracked("filling", len(recording.tracks) + len(recording.image_tracks)) as advance:
            report = gap_report(recording, keyframes_every, method, progress=advance)
            boxes = box_gap_report(recording, keyframes_every, progress=advance)
        result["error"] = _as_dict(report)
        result["error_in_pictures"] = {name: _as_dict(errors) for name, errors in boxes.items()}
    tracks = [track if method is None else track.replace(method=method) for track in recording.tracks]
    tracks = tracks if keyframes_every is None else [track.keyframes_every(keyframes_every) for track in tracks]
    shapes = recording.image_tracks if keyframes_every is None else [track.keyframes_every(keyframes_every) for track in recording.image_tracks]
    keyed, result["mended"] = mended(recording.replace(tracks=tracks, image_tracks=shapes), wanted)
    if advise is not None:
        result["advice"] = advised(keyed, advise)
    if thin:
        keyed, result["mended"]["thin"] = thinned(keyed)
    if out is not None:
        result["written"] = write_scene(keyed if thin else filled_scene(keyed), out, to)
    if as_json:
        print_json(result)
        return
    if keyframes_every is not None:
        if recording.tracks:
            _print_report(recording, report)
        if recording.image_tracks:
            _print_boxes(recording, keyframes_every, boxes)
    print_mended(result["mended"])
    if advise is not None:
        print_advice(result["advice"])
    if out is not None:
        print_report(result["written"])


def _as_dict(report: GapReport | BoxErrors) -> dict[str, Any]:
    import dataclasses

    return dataclasses.asdict(report)


def _print_report(scene: Scene, report: GapReport) -> None:
    rows = [_row(name, errors) for name, errors in report.classes.items()]
    where = "the world frame" if report.frame == "world" else f"the {report.frame} frame (no ego poses: its motion is not compensated)"
    print_table(
        f"{scene.name}: a keyframe every {report.every} labels, {report.method}, error of the labels in between, {where}",
        ["class", "tracks", "labels", "x, y mean m", "median m", "p95 m", "yaw mean deg", "median deg", "p95 deg"],
        [*rows, _row("all", report.total)],
    )


def _print_boxes(scene: Scene, every: int, boxes: dict[str, BoxErrors]) -> None:
    names = ("n_tracks", "n_between", "iou_median", "iou_mean", "iou_p5", "iou_median_all")
    print_table(
        f"{scene.name}: labels in pictures, a keyframe every {every} labels, overlap of the boxes in between with the labels",
        ["class", "tracks", "between", "IoU median", "mean", "p5", "median with keyframes"],
        [(name, *(getattr(errors, figure) for figure in names)) for name, errors in boxes.items()],
    )


def _row(name: str, errors: ClassErrors) -> tuple[Any, ...]:
    yaw = (math.degrees(v) for v in (errors.yaw_mean_rad, errors.yaw_median_rad, errors.yaw_p95_rad))
    return (name, errors.n_tracks, errors.n_labels, errors.xy_mean_m, errors.xy_median_m, errors.xy_p95_m, *yaw)
