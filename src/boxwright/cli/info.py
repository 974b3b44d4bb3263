"""boxwright info"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .common import FormatOption, JsonOption, PathArgument, SceneOption, one_line, open_scene, print_json, print_table, stdout

if TYPE_CHECKING:
    from ..scene import Scene


def info(path: PathArgument, scene: SceneOption = None, format: FormatOption = None, as_json: JsonOption = False) -> None:
    """What a recording holds.

    Frames, sensors, times, classes, counts, frame of reference, and what the reader had to assume.
    Where PATH holds several scenes and none is named, they are listed.
    """
    import boxwright as bw

    if scene is None:
        listing = list(bw.scenes(path, format))
        if len(listing) > 1:
            _print_listing(path, listing, as_json)
            return
    facts = scene_facts(open_scene(path, scene, format))
    print_json(facts) if as_json else _print_facts(facts)


def scene_facts(scene: Scene) -> dict[str, Any]:
    """Everything `info` prints, by name."""
    from ..cameras import FisheyeCamera
    from ..tracks import Origin

    n = len(scene)
    by_class: dict[str, dict[str, int]] = {}
    for track in scene.tracks:
        row = by_class.setdefault(track.category, {"n_tracks": 0, "n_keyframes": 0, "n_cuboids": 0})
        row["n_tracks"] += 1
        row["n_keyframes"] += int((track.origin != Origin.FILLED).sum())
        row["n_cuboids"] += int(track.at(scene.times_ns).is_valid.sum())
    return {
        "name": scene.name,
        "format": scene.format,
        "path": scene.path,
        "n_frames": n,
        "has_time": scene.has_time,
        "start_ns": int(scene.times_ns[0]) if n and scene.has_time else None,
        "end_ns": int(scene.times_ns[-1]) if n and scene.has_time else None,
        "duration_s": (int(scene.times_ns[-1]) - int(scene.times_ns[0])) * 1e-9 if n and scene.has_time else None,
        "lidars": [{"name": name, "n_sweeps": sum(scene.has_points(i, name) for i in range(n))} for name in scene.lidars],
        "cameras": [
            {
                "name": name,
                "model": "fisheye" if isinstance(sensor.camera, FisheyeCamera) else "pinhole",
                "width_px": sensor.camera.width_px,
                "height_px": sensor.camera.height_px,
                "n_images": sum(scene.has_image(i, name) for i in range(n)),
            }
            for name, sensor in scene.cameras.items()
        ],
        "has_ego_poses": scene.trajectory is not None,
        "ego_path_m": None if scene.trajectory is None else _path_length_m(scene),
        "label_frame": scene.label_frame,
        "classes": {name: by_class[name] for name in sorted(by_class)},
        "n_relations": len(scene.relations),
        "tags": dict(scene.tags),
        "notes": list(scene.notes),
    }


def _path_length_m(scene: Scene) -> float:
    import numpy as np

    assert scene.trajectory is not None
    return float(np.linalg.norm(np.diff(scene.trajectory.translation_m, axis=0), axis=1).sum())


def _print_listing(path: Any, listing: list[Any], as_json: bool) -> None:
    names = [str(getattr(item, "name", item)) for item in listing]
    if as_json:
        print_json({"path": str(path), "scenes": names})
        return
    print_table(f"{path}: {len(names)} scenes", ["scene"], [[name] for name in names], caption="name one with --scene")


def _print_facts(facts: dict[str, Any]) -> None:
    when = "no time stamps" if not facts["has_time"] else "" if facts["duration_s"] is None else f"{facts['duration_s']:.2f} s"
    where = f"ego path {facts['ego_path_m']:.1f} m" if facts["has_ego_poses"] else "no ego poses"
    lines = [
        f"{facts['name']}  ({facts['format']})",
        f"  frames    {facts['n_frames']}{'  ' + when if when else ''}",
        f"  labels    in the {facts['label_frame']} frame, {where}",
    ]
    lines += [f"  lidar     {s['name']}: {s['n_sweeps']} sweeps" for s in facts["lidars"]]
    lines += [f"  camera    {s['name']}: {s['n_images']} images, {s['width_px']} x {s['height_px']}, {s['model']}" for s in facts["cameras"]]
    lines += [f"  note      {note}" for note in facts["notes"]]
    for line in lines:
        stdout().print(one_line(line), markup=False, soft_wrap=True)
    if facts["classes"]:
        rows = [(name, row["n_tracks"], row["n_keyframes"], row["n_cuboids"]) for name, row in facts["classes"].items()]
        rows.append(("all", *(sum(row[i] for row in rows) for i in (1, 2, 3))))
        print_table("", ["class", "tracks", "keyframes", "cuboids"], rows)
