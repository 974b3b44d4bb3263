"""How much a scene holds, from names and small files alone: for the table of a dataset's scenes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from ..errors import BoxwrightError
from . import (
    boxwright_scene,
    cvat_video,
    dgp,
    image_folder,
    kitti_object,
    kitti_raw,
    kitti_tracking,
    mot,
    openlabel,
    point_files,
    semantic_kitti,
    strict_json,
    sustechpoints,
)
from .kitti_raw_dialects import FRAME_LIST, read_frame_list
from .looking import names_of

__all__ = ["glance"]

_SMALL_BYTES = 2 << 20
Counts = tuple[int | None, int | None, int | None]
NOTHING: Counts = (None, None, None)


def glance(path: Path, scene: str, format: str) -> dict[str, int | None]:
    """{n_frames, n_tracks, n_labels}; None for what only a big or a damaged file could tell."""
    counts = NOTHING
    if format in _GLANCES:  # of an Argoverse 2 log, only its tables tell
        try:
            counts = _GLANCES[format](path, scene)
        except (BoxwrightError, ValueError, IndexError):  # what is wrong, `read` tells
            counts = NOTHING
    return dict(zip(("n_frames", "n_tracks", "n_labels"), counts))


def _is_small(file: Path) -> bool:
    return file.is_file() and file.stat().st_size <= _SMALL_BYTES


def _boxwright(path: Path, scene: str) -> Counts:
    file = boxwright_scene.scene_file(path, scene)
    if not _is_small(file):
        return NOTHING
    top = strict_json.load(file)
    return len(top["frames"]), len(top["tracks"]), sum(len(track["keyframes"]) for track in top["tracks"])


def _words(file: Path) -> list[list[bytes]] | None:
    return [line.split() for line in file.read_bytes().splitlines() if line.strip()] if _is_small(file) else None


def _kitti_object(path: Path, scene: str) -> Counts:
    base, stem = kitti_object.scene_place(path, scene)
    rows = _words(base / "label_2" / f"{stem}.txt")
    return 1, None, None if rows is None else sum(row[0] != b"DontCare" for row in rows)


def _kitti_tracking(path: Path, scene: str) -> Counts:
    """Frames as far as labels, sweeps and pictures reach."""
    base, name = kitti_tracking.scene_place(path, scene)
    rows = _words(base / "label_02" / f"{name}.txt")
    oxts = _words(base / "oxts" / f"{name}.txt")
    files = [names_of(base / folder / name, r"[0-9]{6}\.(bin|png)") for folder in ("velodyne", *kitti_tracking.CAMERAS)]
    last = [int(row[0]) for row in rows or []] + [int(names[-1][:6]) for names in files if names] + [len(oxts or []) - 1]
    labels = [row for row in rows or [] if row[2] != b"DontCare"]
    return max(last) + 1 or None, None if rows is None else len({row[1] for row in labels}), None if rows is None else len(labels)


def _kitti_raw(path: Path, scene: str) -> Counts:
    drive = kitti_raw.drive_folder(path, scene)
    files = [names_of(drive / folder / "data", r"[0-9]{10}\.\w+") for folder in kitti_raw.FOLDERS]
    listed = [max(names) + 1] if (names := read_frame_list(drive / FRAME_LIST)) else []
    return max((*listed, *(int(names[-1][:10]) + 1 for names in files if names)), default=None), None, None


def _sustechpoints(path: Path, scene: str) -> Counts:
    folder = sustechpoints.scene_folder(path, scene)
    parts = (("lidar", r"[^.].*\.(?i:pcd|bin)"), ("label", r"[^.].*\.json"))
    return len({name.rpartition(".")[0] for part, fits in parts for name in names_of(folder / part, fits)}), None, None


def _dgp(path: Path, scene: str) -> Counts:
    file = dgp.scene_file(path, scene)
    return (len(strict_json.load(file)["samples"]), None, None) if _is_small(file) else NOTHING


def _openlabel(path: Path, scene: str) -> Counts:
    """No tracks: an object may have no cuboid, or several. A file without frames is one frame."""
    file = openlabel.scene_file(path, scene)
    if not _is_small(file):
        return NOTHING
    top = strict_json.load(file)["openlabel"]
    return len(top.get("frames", {}).mapping()) or 1, None, None


def _semantic_kitti(path: Path, scene: str) -> Counts:
    base = semantic_kitti.sequence_folder(path, scene)
    files = [names_of(base / folder, rf"[0-9]{{6}}\{suffix}") for folder, suffix in semantic_kitti.SUFFIXES.items()]
    return max([*(int(names[-1][:6]) + 1 for names in files if names), len(_words(base / "poses.txt") or [])]), 0, 0


def _points(path: Path, scene: str) -> Counts:
    return point_files.n_files(path), 0, 0


def _images(path: Path, scene: str) -> Counts:
    return image_folder.n_files(path), 0, 0


def _cvat_video(path: Path, scene: str) -> Counts:
    file = cvat_video.scene_file(path, scene)
    if not _is_small(file):
        return NOTHING
    raw = file.read_bytes()
    size = re.search(rb"<size>([0-9]{1,9})</size>", raw)
    shapes = re.findall(rb"<(?:box|ellipse|polygon|polyline|mask|skeleton)[ >][^>]*", raw)
    return int(size[1]) if size else None, len(re.findall(rb"<track[ >]", raw)), sum(b'outside="1"' not in shape for shape in shapes)


def _mot(path: Path, scene: str) -> Counts:
    file = mot.sequence_place(path, scene)
    if not _is_small(file):
        return NOTHING
    rows = [line.split(b",") for line in file.read_bytes().splitlines() if line.strip()]
    info = file.parents[1] / "seqinfo.ini"
    length = re.search(rb"(?m)^seqLength\s*=\s*([0-9]{1,9})\s*$", info.read_bytes()) if _is_small(info) else None
    return int(length[1]) if length else max(int(row[0]) for row in rows), len({int(row[1]) for row in rows}), len(rows)


_GLANCES: dict[str, Callable[[Path, str], Counts]] = {
    "boxwright": _boxwright,
    "kitti_object": _kitti_object,
    "kitti_tracking": _kitti_tracking,
    "kitti_raw": _kitti_raw,
    "sustechpoints": _sustechpoints,
    "dgp": _dgp,
    "openlabel": _openlabel,
    "semantic_kitti": _semantic_kitti,
    "points": _points,
    "images": _images,
    "cvat_video": _cvat_video,
    "mot": _mot,
}
