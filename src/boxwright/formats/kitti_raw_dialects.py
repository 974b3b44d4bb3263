"""The two meanings of a `tracklet_labels.xml`.

KITTI's own: (tx, ty, tz) is the bottom centre, h w l are height, width, length, the rotation is Rz(rz) Ry(ry) Rx(rx).
Datumaro's, and so CVAT's: (tx, ty, tz) is the geometric centre, h w l are the sizes along the own x, y, z, that is length, width, height, and the
rotation is Rx(rx) Ry(ry) Rz(rz). A pose whose truncation is 2 or 99 stands for no label, and attributes may follow. `frame_list.txt` beside it has
a line `0 name` for each frame. (Where Datumaro fills a gap, it writes the name of its constant in place of the number, which itself cannot read.)

Datumaro is known by three things: poses of item_version 0, which no KITTI file says, amt_occlusion_kf after amt_border_r, and frame_list.txt.
A file of KITTI's own that went through Datumaro has its marks, and still means what KITTI means: there the sizes of known classes tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .. import rotations
from ..cuboids import Cuboids
from ..errors import FormatError, number_of
from ..limits import checked_size, has_file, limits
from ..taxonomy import Taxonomy
from .kitti_tracklets import OWN_ID, Tracklet, TrackletFile

__all__ = [
    "CVAT",
    "FRAME_LIST",
    "KITTI",
    "OUT_OF_IMAGE",
    "cuboids_from_center_poses",
    "dialect_of",
    "is_as_cvat",
    "is_of_datumaro",
    "read_frame_list",
    "track_names",
    "with_labels",
]

KITTI, CVAT = "kitti", "cvat"
FRAME_LIST = "frame_list.txt"
OUT_OF_IMAGE = (2, 99)  # `truncation` of a pose that stands for no label in Datumaro
_NO_LABEL = {*OUT_OF_IMAGE, "TruncationStates.OUT_IMAGE", "TruncationStates.BEHIND_IMAGE"}
_OF_DATUMARO = "tracklet_labels.xml was written by Datumaro"
_AS_CVAT = f"{_OF_DATUMARO}, as CVAT exports it"
_CLEARLY = 0.5  # how much better the sizes of a tracklet fit one meaning, in logarithms over its three sizes: a car has 2
_HINT = "correct the line or get the file again"


def dialect_of(file: TrackletFile, has_frame_list: bool, notes: list[str]) -> str:
    """KITTI or CVAT; notes tell what was found, and where it cannot be told."""
    fields = file.pose_fields
    marks = {"a frame_list.txt beside it": True} if has_frame_list else {}
    if file.pose_version is not None:
        marks[f"poses of item_version {file.pose_version[:20]}"] = file.pose_version == "0"
    if "amt_occlusion_kf" in fields and "amt_border_r" in fields:
        is_after = fields.index("amt_occlusion_kf") > fields.index("amt_border_r")
        marks[f"amt_occlusion_kf {'after' if is_after else 'before'} amt_border_r"] = is_after
    if not file.tracklets or set(marks.values()) == {False}:
        return KITTI
    said = ", ".join(marks)
    if set(marks.values()) != {True}:
        why = f"of its marks some are KITTI's and some Datumaro's ({said})" if marks else "it has no mark of either"
        notes.append(
            f"whether tracklet_labels.xml is KITTI's own or Datumaro's cannot be told: {why}. It is read as KITTI's own, bottom centres and height, "
            f"width, length; if it is Datumaro's, put its {FRAME_LIST} beside it and have item_version 0 in its poses, or none"
        )
        return KITTI
    as_kitti, as_cvat, n = _misfits(file.tracklets)
    is_ours = any(OWN_ID in tracklet.track_attributes for tracklet in file.tracklets)
    if not is_ours and as_cvat - as_kitti > _CLEARLY * n:
        notes.append(
            f"{_OF_DATUMARO} ({said}), of labels of KITTI's own, as the sizes of {number_of(n, 'tracklet')} tell: it is "
            "read as bottom centres and height, width, length, which Datumaro rounds to 2 decimals"
        )
        return KITTI
    told = "" if n or is_ours else "; no tracklet is of a class whose size would tell labels of KITTI's own that went through it"
    notes.append(f"{_AS_CVAT} ({said}): it is read as geometric centres and sizes along x, y, z{told}")
    return CVAT


def is_as_cvat(notes: Sequence[str]) -> bool:
    """Whether what was noted when a file was read says that it means what CVAT means."""
    return any(note.startswith(_AS_CVAT) for note in notes)


def is_of_datumaro(notes: Sequence[str]) -> bool:
    """Whether what was noted says that Datumaro wrote the file, whatever it means."""
    return any(note.startswith(_OF_DATUMARO) for note in notes)


def _misfits(tracklets: Sequence[Tracklet]) -> tuple[float, float, int]:
    """How far the sizes are from those that are usual for the class, read as KITTI's and as CVAT's, and how many tracklets tell."""
    classes, as_kitti, as_cvat, n = Taxonomy.default(), 0.0, 0.0, 0
    for tracklet in tracklets:
        category = classes.get(tracklet.category)
        if category is None or category.size_prior is None:
            continue
        usual = np.log(category.size_prior.median_m)
        first, width, last = np.log(tracklet.size_hwl_m)
        as_kitti += float(np.abs(usual - (last, width, first)).sum())
        as_cvat += float(np.abs(usual - (first, width, last)).sum())
        n += 1
    return as_kitti, as_cvat, n


def cuboids_from_center_poses(tracklet: Tracklet) -> Cuboids:
    """(K,) cuboids in the frame "lidar" of a file in CVAT's meaning."""
    poses = np.array(tracklet.poses, np.float64).reshape(-1, 6)
    size = np.tile(tracklet.size_hwl_m, (len(poses), 1))
    if not poses[:, 3:5].any():
        return Cuboids(poses[:, :3], size, rotations.wrap_rad(poses[:, 5]), frame="lidar")
    quat = rotations.quat_from_euler(poses[:, 3:], "XYZ")
    return Cuboids(poses[:, :3], size, quat_wxyz=quat / np.linalg.norm(quat, axis=-1, keepdims=True), frame="lidar")


def with_labels(tracklets: Sequence[Tracklet], notes: list[str]) -> list[Tracklet]:
    """CVAT's tracklets without the poses that stand for no label."""
    kept = [tracklet.at([i for i, row in enumerate(tracklet.columns) if row.get("truncation") not in _NO_LABEL]) for tracklet in tracklets]
    n_gone = sum(len(tracklet.frames) for tracklet in tracklets) - sum(len(tracklet.frames) for tracklet in kept)
    if n_gone:
        said = "is out of the image, which Datumaro takes for no label" if n_gone == 1 else "are out of the image, which Datumaro takes for no labels"
        notes.append(f"{number_of(n_gone, 'pose')} {said}")
    return [tracklet for tracklet in kept if tracklet.frames]


def track_names(tracklets: Sequence[Tracklet]) -> list[str]:
    """The name of each tracklet's track: ours where each says one, those of one name being of one class and in no frame twice; else their numbers."""
    names = [tracklet.track_attributes.get(OWN_ID, "") for tracklet in tracklets]
    classes: dict[str, str] = {}
    taken: set[tuple[str, int]] = set()
    for name, tracklet in zip(names, tracklets):
        frames = {(name, frame) for frame in tracklet.frames}
        if not name or classes.setdefault(name, tracklet.category) != tracklet.category or frames & taken:
            return [str(tracklet.number) for tracklet in tracklets]
        taken |= frames
    return names


def read_frame_list(path: Path) -> dict[int, str]:
    """Frame -> the name of its files; nothing where there is no such file."""
    if not has_file(path):
        return {}
    bounds, names = limits(), dict[int, str]()
    bounds.check("text_bytes", checked_size(path), path)
    for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), 1):
        words = line.split(maxsplit=1)
        if not words or line.startswith("#"):
            continue
        if len(words) != 2 or not words[0].isascii() or not words[0].isdigit() or len(words[0]) > 9 or int(words[0]) in names:
            expected = "the number of a frame, each once, and its name"
            raise FormatError(expected=expected, got=repr(line[:40]), path=path, offset=f"line {number}", hint=_HINT)
        bounds.check("frames_per_scene", int(words[0]) + 1, path, f"line {number}")
        names[int(words[0])] = words[1].strip()
    return names
