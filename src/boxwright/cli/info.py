"""boxwright info"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .common import (
    FormatOption,
    JsonOption,
    LimitOption,
    PathArgument,
    SceneOption,
    listed,
    number_of,
    open_scene,
    print_json,
    print_lines,
    print_table,
)
from .sweeps import frame_spans, said_spans

if TYPE_CHECKING:
    from ..scene import Scene


def info(path: PathArgument, scene: SceneOption = None, format: FormatOption = None, limit: LimitOption = None, as_json: JsonOption = False) -> None:
    """What a recording holds.

    Frames, sensors, times, classes, counts, frame of reference, and what the reader had to assume.
    Of each LiDAR the first sweep is read. Records that cannot be taken as they are do not stop it: they are listed.
    Where PATH holds several scenes and none is named, their names are printed.

    Example: boxwright info recording --json
    """
    import boxwright as bw

    if scene is None:
        listing = list(bw.scenes(path, format))
        if len(listing) > 1:
            _print_listing(path, listing, as_json)
            return
    facts = scene_facts(open_scene(path, scene, format, lenient=True))
    print_json(facts) if as_json else _print_facts(facts)


def scene_facts(scene: Scene) -> dict[str, Any]:
    """Everything `info` prints, by name."""
    n = len(scene)
    by_class = _class_counts(scene)
    return {
        "name": scene.name,
        "format": scene.format,
        "path": scene.path,
        "n_frames": n,
        "has_time": scene.has_time,
        "start_ns": int(scene.times_ns[0]) if n and scene.has_time else None,
        "end_ns": int(scene.times_ns[-1]) if n and scene.has_time else None,
        "duration_s": (int(scene.times_ns[-1]) - int(scene.times_ns[0])) * 1e-9 if n and scene.has_time else None,
        "lidars": [_lidar_facts(scene, name) for name in scene.lidars],
        "cameras": [_camera_facts(scene, name) for name in scene.cameras],
        "has_ego_poses": scene.trajectory is not None,
        "ego_path_m": None if scene.trajectory is None else _path_length_m(scene),
        "label_frame": scene.label_frame,
        "classes": {name: by_class[name] for name in sorted(by_class)},
        "n_relations": len(scene.relations),
        "tags": dict(scene.tags),
        "notes": list(scene.notes),
        "problems": listed(scene.problems),
    }


def _class_counts(scene: Scene) -> dict[str, dict[str, int]]:
    from ..tracks import Origin

    by_class: dict[str, dict[str, int]] = {}
    for track in scene.tracks:
        row = by_class.setdefault(track.category, {"n_tracks": 0, "n_keyframes": 0, "n_cuboids": 0})
        row["n_tracks"] += 1
        row["n_keyframes"] += int((track.origin != Origin.FILLED).sum())
        row["n_cuboids"] += int(track.at(scene.times_ns).is_valid.sum())
    return by_class


def _lidar_facts(scene: Scene, name: str) -> dict[str, Any]:
    """Which frames have sweeps, and the first of them, whose file is read: a damaged one is found out here."""
    spans = frame_spans(lambda i: scene.has_points(i, name), len(scene))
    sweep = scene.points(spans[0][0], name) if spans else None
    return {
        "name": name,
        "n_sweeps": _n_frames(spans),
        "frames_with_sweeps": spans,
        "n_points_in_first": None if sweep is None else len(sweep),
        "n_finite_points_in_first": None if sweep is None else int(sweep.is_finite.sum()),
    }


def _camera_facts(scene: Scene, name: str) -> dict[str, Any]:
    from ..cameras import FisheyeCamera

    camera = scene.cameras[name].camera
    spans = frame_spans(lambda i: scene.has_image(i, name), len(scene))
    return {
        "name": name,
        "model": "fisheye" if isinstance(camera, FisheyeCamera) else "pinhole",
        "width_px": camera.width_px,
        "height_px": camera.height_px,
        "n_images": _n_frames(spans),
        "frames_with_images": spans,
    }


def _n_frames(spans: list[tuple[int, int]]) -> int:
    return sum(last - first + 1 for first, last in spans)


def _path_length_m(scene: Scene) -> float:
    import numpy as np

    assert scene.trajectory is not None
    return float(np.linalg.norm(np.diff(scene.trajectory.translation_m, axis=0), axis=1).sum())


def _print_listing(path: Any, listing: list[Any], as_json: bool) -> None:
    names = [str(getattr(item, "name", item)) for item in listing]
    if as_json:
        print_json({"path": str(path), "scenes": names})
        return
    print_table(f"{path}: {number_of(len(names), 'scene')}", ["scene"], [[name] for name in names], caption="name one with --scene")


def _lidar_line(s: dict[str, Any], n_frames: int) -> str:
    line = f"  lidar     {s['name']}: {number_of(s['n_sweeps'], 'sweep')}{_in_frames(s['frames_with_sweeps'], n_frames)}"
    if s["n_sweeps"]:
        line += f", {number_of(s['n_points_in_first'], 'point')} in the first"
        n_bad = s["n_points_in_first"] - s["n_finite_points_in_first"]
        line += f" ({n_bad:,} of them not finite)" if n_bad else ""
    return line


def _in_frames(spans: list[tuple[int, int]], n_frames: int) -> str:
    """Which frames, where it is some and not all."""
    return "" if not spans or spans == [(0, n_frames - 1)] else f" (frames {said_spans(spans)} of {n_frames})"


def _print_facts(facts: dict[str, Any]) -> None:
    when = "no time stamps" if not facts["has_time"] else "" if facts["duration_s"] is None else f"{facts['duration_s']:.2f} s"
    where = f"ego path {facts['ego_path_m']:.1f} m" if facts["has_ego_poses"] else "no ego poses"
    lines = [
        f"{facts['name']}  ({facts['format']})",
        f"  frames    {facts['n_frames']}{'  ' + when if when else ''}",
        f"  labels    in the {facts['label_frame']} frame, {where}",
    ]
    lines += [_lidar_line(s, facts["n_frames"]) for s in facts["lidars"]]
    for s in facts["cameras"]:
        where = _in_frames(s["frames_with_images"], facts["n_frames"])
        lines.append(f"  camera    {s['name']}: {number_of(s['n_images'], 'image')}{where}, {s['width_px']} x {s['height_px']}, {s['model']}")
    print_lines(*lines, *(f"  note      {note}" for note in facts["notes"]))
    if facts["classes"]:
        rows = [(name, row["n_tracks"], row["n_keyframes"], row["n_cuboids"]) for name, row in facts["classes"].items()]
        rows.append(("all", *(sum(row[i] for row in rows) for i in (1, 2, 3))))
        print_table("", ["class", "tracks", "keyframes", "cuboids"], rows)
