"""boxwright info"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import (
    FormatOption,
    JsonOption,
    LabelsOption,
    LimitOption,
    SceneOption,
    listed,
    number_of,
    open_scene,
    print_json,
    print_lines,
    print_table,
    tracked,
)
from .projects import place_of, project_scene
from .sweeps import said_spans

if TYPE_CHECKING:
    from ..scene import Scene

PlaceArgument = Annotated[
    str,
    typer.Argument(
        metavar="PATH",
        parser=place_of,
        help="A recording: a boxwright scene, a KITTI, Argoverse 2 or other folder that is read, a video, or a point file. Or a project.",
    ),
]
MOST_ROWS = 200
MOST_CLASSES = 6
MOST_TAGS = 20


def info(
    path: PlaceArgument,
    labels: LabelsOption = None,
    scene: SceneOption = None,
    format: FormatOption = None,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """What a recording holds.

    Frames, sensors, times, classes, counts, frames of reference, what the reader had to assume, and what is odd.
    Of each sensor the first sweep or picture is read. Records that cannot be taken as they are do not stop it: they are listed.
    Where PATH holds several scenes and none is named, or is a project, they are listed.

    Example: boxwright info recording --json
    """
    import boxwright as bw

    if "://" in path or (Path(path) / "project.db").is_file():
        opened = project_scene(path, scene, as_json)
        if opened is not None:
            _print_scene(opened, as_json)
        return
    place = Path(path)
    if scene is None:
        listing = bw.scenes(place, format)
        if len(listing) > 1:
            _print_listing(place, listing, as_json)
            return
    _print_scene(open_scene(place, scene, format, lenient=True, labels=labels, tells_notes=True), as_json)


def _print_scene(opened: Scene, as_json: bool) -> None:
    from ..summary import scene_facts

    _count_frames(opened)
    facts = {**scene_facts(opened), "problems": listed(opened.problems)}
    print_json(facts) if as_json else _print_facts(facts)


def _count_frames(scene: Any) -> None:
    """Decodes videos once, which can take minutes; the counts are kept with the index."""
    for name, video in getattr(scene.data, "videos", {}).items():
        if video.index.is_decoded is None:
            with tracked(f"decoding the frames of {name} once, to count them", len(video)) as advance:
                video.check(advance)


def _video_lines(camera: dict[str, Any]) -> list[str]:
    v = camera.get("video")
    if v is None:
        return []
    pace = f"{'constant' if v['is_constant_rate'] else 'variable'} rate" + ("" if v["rate_hz"] is None else f", {v['rate_hz']:.3f} frames a second")
    claimed = f"{v['n_frames_claimed']:,} claimed, " if v["n_frames_claimed"] is not None else "none claimed, "
    counts = f"{claimed}{v['n_frames_listed']:,} listed, {v['n_frames_decoded']:,} decoded"
    return [f"  video     {v['codec']} in {v['container']}, {v['duration_s']:.3f} s, {pace}", f"            frames: {counts}"]


def _print_listing(path: Any, listing: Any, as_json: bool) -> None:
    rows = [{"name": entry.name, **entry.glance()} for entry in listing]
    if as_json:
        print_json({"path": str(path), "format": listing.format, "scenes": rows})
        return
    columns = {"n_frames": "frames", "n_tracks": "tracks", "n_labels": "labels"}
    there = [key for key in columns if any(row[key] is not None for row in rows)]
    shown = [[row["name"], *(row[key] for key in there)] for row in rows[:MOST_ROWS]]
    rest = f"{len(rows) - MOST_ROWS:,} more are in --json; " if len(rows) > MOST_ROWS else ""
    told = "counts are those that can be had without reading big files; " if there else ""
    caption = f"{rest}{told}name a scene with --scene for all about it"
    print_table(f"{path}: {number_of(len(rows), 'scene')}  ({listing.format})", ["scene", *(columns[key] for key in there)], shown, caption=caption)


def _lidar_line(s: dict[str, Any], n_frames: int) -> str:
    line = f"  lidar     {s['name']}: {number_of(s['n_sweeps'], 'sweep')}{_in_frames(s['frames_with_sweeps'], n_frames)}"
    if s["n_points_in_first"] is not None:
        line += f", {number_of(s['n_points_in_first'], 'point')} in the first"
        n_bad = s["n_points_in_first"] - s["n_finite_points_in_first"]
        line += f" ({n_bad:,} of them not finite)" if n_bad else ""
        line += "" if s["range_in_first_m"] is None else ", from {:.1f} to {:.1f} m away".format(*s["range_in_first_m"])
    return line


def _point_label_lines(s: dict[str, Any], n_frames: int) -> list[str]:
    """What the points of a LiDAR are, where it is kept: the shares of their classes, the most frequent first."""
    counts = s["points_by_class_in_first"]
    if not s["n_sweeps_with_point_labels"]:
        return []
    total = max(sum(counts.values()), 1)
    most = sorted(counts.items(), key=lambda item: -item[1])
    shares = ", ".join(f"{name} {n / total:.1%}" for name, n in most[:MOST_CLASSES])
    rest = f" and {len(most) - MOST_CLASSES} more" if len(most) > MOST_CLASSES else ""
    where = _in_frames(s["frames_with_point_labels"], n_frames)
    head = f"  points    of {s['name']}: labels in {number_of(s['n_sweeps_with_point_labels'], 'sweep')}{where}"
    return [f"{head}; in the first {shares}{rest}; {number_of(s['n_objects_in_first'], 'object')}"]


def _time_lines(facts: dict[str, Any]) -> list[str]:
    if not facts["has_time"] or facts["start_ns"] is None:
        return [] if facts["has_time"] else ["  time      no time stamps"]
    start, end = (facts[f"{edge}_utc"] or f"{facts[f'{edge}_ns'] * 1e-9:.3f} s" for edge in ("start", "end"))
    rate = "" if facts["rate_hz"] is None else f", {facts['rate_hz']:.3g} Hz"
    gaps = "" if not facts["gaps"] else f", {number_of(len(facts['gaps']), 'gap')} of up to {max(gap['duration_s'] for gap in facts['gaps']):.2f} s"
    return [f"  time      {start} to {end}{rate}{gaps}"]


def _in_frames(spans: list[tuple[int, int]], n_frames: int) -> str:
    """Which frames, where it is some and not all."""
    return "" if not spans or spans == [(0, n_frames - 1)] else f" (frames {said_spans(spans)} of {n_frames})"


def _tag_line(tag: dict[str, Any]) -> str:
    value = "" if tag["value"] is True else f": {tag['value']!r}"
    camera = "" if tag["camera"] is None else f", {tag['camera']}"
    span = "" if tag["span_ns"] is None else ", {:.3f} to {:.3f} s".format(*(stamp * 1e-9 for stamp in tag["span_ns"]))
    return f"{tag['name']}{value}{camera}{span}"


def _print_facts(facts: dict[str, Any]) -> None:
    when = f"  {facts['duration_s']:.2f} s" if facts["duration_s"] is not None else ""
    where = f"ego path {facts['ego_path_m']:.1f} m over {number_of(facts['n_ego_poses'], 'pose')}" if facts["has_ego_poses"] else "no ego poses"
    lines = [
        f"{facts['name']}  ({facts['format']})",
        f"  frames    {facts['n_frames']}{when}",
        *_time_lines(facts),
        f"  labels    in the {facts['label_frame']} frame, {where}",
        f"  frames of reference: {', '.join(facts['frames_of_reference'])}",
    ]
    lines += [_lidar_line(s, facts["n_frames"]) for s in facts["lidars"]]
    lines += [line for s in facts["lidars"] for line in _point_label_lines(s, facts["n_frames"])]
    for s in facts["cameras"]:
        where = _in_frames(s["frames_with_images"], facts["n_frames"])
        shutter = f", read {s['rolling_shutter'].replace('_', ' ')} in {s['readout_ns'] * 1e-6:g} ms" if s["readout_ns"] else ""
        lines.append(
            f"  camera    {s['name']}: {number_of(s['n_images'], 'image')}{where}, {s['width_px']} x {s['height_px']}, {s['model']}{shutter}"
        )
        lines += _video_lines(s)
    lines += [f"  tag       {_tag_line(tag)}" for tag in facts["tags"][:MOST_TAGS]]
    if len(facts["tags"]) > MOST_TAGS:
        lines.append(f"  tag       and {len(facts['tags']) - MOST_TAGS:,} more")
    lines += [f"  note      {note}" for note in facts["notes"]]
    lines += [f"  odd       {oddity['sentence']}" for oddity in facts["oddities"]]
    print_lines(*lines)
    if facts["classes"]:
        rows = [(name, row["n_tracks"], row["n_keyframes"], row["n_cuboids"]) for name, row in facts["classes"].items()]
        rows.append(("all", *(sum(row[i] for row in rows) for i in (1, 2, 3))))
        sizes = [" x ".join(f"{side:.2f}" for side in row["median_size_m"]) for row in facts["classes"].values()]
        rows = [(*row, size) for row, size in zip(rows, [*sizes, ""])]  # type: ignore[misc]
        print_table("", ["class", "tracks", "keyframes", "cuboids", "median size in m"], rows)
    if facts["image_classes"]:
        keys = ("category", "camera", "shape", "n_tracks", "n_keyframes", "n_shapes")
        shown = [tuple(row[key] for key in keys) for row in facts["image_classes"]]
        print_table("", ["class", "camera", "shape", "tracks", "keyframes", "labels"], shown)
