"""boxwright demo"""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import StorageError, number_of
from .common import JsonOption, print_json, print_lines, print_table, tracked
from .render import pictures_of, write_pictures

if TYPE_CHECKING:
    from ..demo import ClassResult, Sample
    from ..scene import Scene

OutOption = Annotated[
    Path | None, typer.Option("--out", metavar="FOLDER", help="A new folder; by default boxwright-demo, numbered where it is taken.")
]


def demo(out: OutOption = None, as_json: JsonOption = False) -> None:
    """The main job on the sample that comes with boxwright.

    Clicks become cuboids and keyframes become tracks in the world frame; the points in every cuboid of every frame are counted, every cuboid is
    projected into every camera, and the finished annotations and pictures are written and compared with the known truth.

    Example: boxwright demo --out first-try
    """
    from ..demo import annotate, compare, compile_beside, measure_frames, read_sample, wait_for_kernels, write_measures
    from ..outputs import whole_folder

    start = time.perf_counter()
    folder = _fresh_folder(Path("boxwright-demo")) if out is None else out
    with whole_folder(folder) as part:
        sample, beside = read_sample(), compile_beside()
        with tracked("fitting a cuboid to every click", len(sample.clicks)) as advance:
            annotation = annotate(sample, advance)
            scene = annotation.scene
            wait_for_kernels(scene, beside)
        with tracked("counting points, projecting cuboids", len(scene)) as advance:
            results = measure_frames(scene, advance)
        table = compare(annotation, sample.truth, results)
        with tracked("writing annotations"):
            dropped = _write_annotations(scene, part)
            write_measures(scene, results, part / "cuboids.csv")
        _write_pictures(scene, part / "pictures")
    seconds = time.perf_counter() - start
    if as_json:
        counts = {"n_frames": len(scene), "n_clicks": len(sample.clicks)}
        print_json({"folder": str(folder), "seconds": seconds, **counts, "dropped": dropped, "classes": _plain(table)})
    else:
        _print(sample, table, folder, seconds)
        print_lines(*(f"left out of kitti_tracking: {item}" for item in dropped))


def _fresh_folder(base: Path) -> Path:
    """`base`, or `base-2`, `base-3`... where it is taken: nothing is ever overwritten."""
    for number in range(1, 10_000):
        folder = base if number == 1 else base.with_name(f"{base.name}-{number}")
        if not folder.exists():
            return folder
    raise StorageError("too many folders of that name", path=base, hint="choose another with --out")


def _write_annotations(scene: Scene, folder: Path) -> list[str]:
    """The whole scene in boxwright's own format; in KITTI's too, but for the pictures: making them PNGs would take longer than all the rest of it.

    Returns what KITTI's cannot hold.
    """
    import dataclasses

    import boxwright as bw

    from ..formats.sensor_files import SensorFiles

    bw.write(scene, folder / "scene")
    bare = scene.replace(data=dataclasses.replace(scene.data, images={})) if isinstance(scene.data, SensorFiles) else scene
    report = bw.write(bare, folder / "kitti_tracking", format="kitti_tracking")
    return [*report.dropped, "the pictures: `boxwright convert` of scene/ writes them too"]


def _write_pictures(scene: Scene, folder: Path) -> None:
    frames = sorted({0, len(scene) // 2, len(scene) - 1})
    folder.mkdir()
    with tracked("drawing", len(frames)) as advance:
        for i in frames:
            write_pictures(pictures_of(scene, i), folder, i)
            advance()


def _plain(table: dict[str, ClassResult]) -> dict[str, Any]:
    import dataclasses

    return {name: dataclasses.asdict(result) for name, result in table.items()}


def _print(sample: Sample, table: dict[str, ClassResult], folder: Path, seconds: float) -> None:
    total = table["all"]
    rows = [
        (
            *(name, r.n_objects, f"{r.n_found} of {r.n_true}"),
            *(r.n_fits, *map(_two, (r.fit_xy_m, math.degrees(r.fit_yaw_rad), r.fit_iou_bev))),
            *(r.n_filled, _two(r.filled_xy_m), *r.sums),
        )
        for name, r in table.items()
    ]
    n_clicks, n_keyframes = len(sample.clicks), sum(len(track) for track in sample.keyframes)
    print_table(
        f"{number_of(n_clicks, 'click')} and {number_of(n_keyframes, 'keyframe')} became {number_of(total.n_objects, 'track')} in "
        f"{number_of(len(sample.clip), 'frame')}; against the known truth:",
        ["class", "objects", "frames", "fits", "x, y\nm", "yaw\ndeg", "BEV\nIoU", "filled", "x, y\nm", "points\ninside", "boxes\nin 2-D"],
        rows,
    )
    print_lines(
        f"frames: those of the truth that the annotation has; {total.n_true - total.n_found} are missing, {total.n_false} are not in the truth.",
        "fits: cuboids from clicks, median errors. filled: frames between keyframes, mean error in the world frame.",
        f"yaw is that of the axis: points alone rarely tell front from rear, {total.n_turned} of {total.n_fits} fits point backwards,",
        f"and {total.n_filled_turned} of {total.n_filled} filled cuboids with them.",
        f"{folder}: scene/ and kitti_tracking/ (annotations), cuboids.csv (points and 2-D boxes), pictures/",
        f"done in {seconds:.1f} s",
    )


def _two(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "-"
