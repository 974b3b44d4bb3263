"""Files of point labels, one for each sweep.

    .label     SemanticKITTI's: a little-endian uint32 for each point, the class in its lower 16 bits, the instance in the upper ones
    .npz       arrays class_id (N,) uint16, instance_id (N,) uint32, and names (B,) uint8, which is UTF-8 JSON:
               {"classes": {"1": "car"}, "instances": {"1": "track 7"}, "n_contested": 12}; nothing is lost

Both hold nothing but labels: what they belong to is the sweep of the same name, which must have as many points.
"""

from __future__ import annotations

import io
import os
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError, BoxwrightError, FormatError, FrameMissing
from ..limits import checked_size, limits
from ..outputs import as_path, whole_file
from ..point_labels import PointLabels
from ..scene import Scene
from . import json_text, strict_json
from .arrays_on_disk import npz_arrays
from .semantic_kitti_classes import CLASSES, UNKNOWN_NAME, class_number
from .write_report import Told, WriteReport

__all__ = [
    "PointLabelFiles",
    "label_bytes",
    "labels_with_points",
    "npz_label_bytes",
    "read_label_bytes",
    "read_point_labels",
    "say_point_labels_are_lost",
    "write_point_labels",
]

MOST_INSTANCE = 2**16 - 1  # in a .label
_MOST_PACKED = 100  # to one: what deflates better is stored as it is, for readers that refuse what unpacks to very much
_HINT = "copy or export the file again"
_ARRAYS = {"class_id": np.uint16, "instance_id": np.uint32, "names": np.uint8}


@dataclass(frozen=True, eq=False)
class PointLabelFiles:
    """What a Scene asks for its point labels.

    files : sensor -> F paths; a file that is not there is a frame without labels
    n_points : (frame_index, sensor) -> how many points the sweep has, None where it is not there
    strict : whether classes of .label files must be known
    """

    files: Mapping[str, Sequence[Path]]
    n_points: Callable[[int, str], int | None]
    strict: bool = True

    def has_point_labels(self, frame_index: int, sensor: str) -> bool:
        return sensor in self.files and self.files[sensor][frame_index].is_file()

    def point_labels(self, frame_index: int, sensor: str) -> PointLabels:
        field = f"frame {frame_index}, {sensor}"
        if not self.has_point_labels(frame_index, sensor):
            path = self.files[sensor][frame_index] if sensor in self.files else None
            hint = "bw.segment(scene, frame_index) makes them from the cuboids"
            raise FrameMissing("no point labels", path=path, field=field, hint=hint)
        path = self.files[sensor][frame_index]
        labels = read_point_labels(path, strict=self.strict)
        n = self.n_points(frame_index, sensor)
        if n is not None and n != len(labels):
            hint = "labels and sweep belong to different recordings, or one of them was cut"
            raise FormatError("not as many labels as points", expected=f"{n:,}", got=f"{len(labels):,}", path=path, field=field, hint=hint)
        return labels


def labels_with_points(scene: Scene, frame_index: int, sensor: str) -> PointLabels:
    """The labels of a sweep; ArgumentError where there are not as many as points."""
    labels = scene.point_labels(frame_index, sensor)
    if not isinstance(scene.point_label_data, PointLabelFiles) and scene.has_points(frame_index, sensor):
        n = len(scene.points(frame_index, sensor))
        if n != len(labels):
            field = f"point labels of frame {frame_index}, {sensor}"
            raise ArgumentError(expected=f"{n:,}, one per point", got=f"{len(labels):,}", field=field, hint="are they of the same sweep?")
    return labels


def say_point_labels_are_lost(scene: Scene, report: WriteReport) -> None:
    """For a format that holds none."""
    n = sum(scene.has_point_labels(i, name) for name in scene.lidars for i in range(len(scene)))
    if n:
        report.dropped.append(Told("segmentation", f"the class and object of each point in {n} sweep{'s' * (n > 1)}"))
    if scene.point_edits:
        report.dropped.append(Told("", f"{len(scene.point_edits)} edit{'s' * (len(scene.point_edits) > 1)} of point labels"))


# ------------------------------------------------------------ reading


def read_point_labels(path: str | os.PathLike[str], *, strict: bool = True) -> PointLabels:
    """The labels of one sweep's points from a SemanticKITTI .label file, or an .npz file as `write_point_labels` makes it.

    strict : False gives classes of a .label that SemanticKITTI does not have a name made of their number, instead of a FormatError
    """
    place = as_path(path)
    suffix = place.suffix.lower()
    if suffix not in (".label", ".npz"):
        raise FormatError("not a file of point labels", expected="a file ending in .label or .npz", got=place.name, path=place, hint="convert it")
    try:
        return _read_label(place, strict) if suffix == ".label" else _read_npz(place)
    except OSError as error:
        if isinstance(error, BoxwrightError):
            raise
        raise FormatError(f"cannot be read: {error.strerror}", path=place, hint="check its permissions") from None


def _read_label(path: Path, strict: bool) -> PointLabels:
    size = checked_size(path)
    if size % 4:
        got = f"{size:,} B, {size % 4} B more than whole labels"
        raise FormatError("not a .label file", expected="4 B a point (uint32)", got=got, path=path, offset=size - size % 4, hint=_HINT)
    limits().check("points_per_frame", size // 4, path)
    packed = np.fromfile(path, "<u4")
    class_id = (packed & 0xFFFF).astype(np.uint16)
    unknown = [number for number in np.flatnonzero(np.bincount(class_id, minlength=1)).tolist() if number and number not in CLASSES]
    if unknown and strict:
        at = int(np.argmax(class_id == unknown[0]))
        hint = "correct it, or read leniently, where such classes are called by their numbers"
        got = f"{unknown[0]}" + (f" and {len(unknown) - 1} more that it does not have" if len(unknown) > 1 else "")
        raise FormatError(expected="a class of SemanticKITTI", got=got, path=path, offset=4 * at, field=f"point {at}", hint=hint)
    return PointLabels(class_id, (packed >> 16).astype(np.uint32), CLASSES | {number: UNKNOWN_NAME.format(number) for number in unknown})


def read_label_bytes(raw: bytes) -> PointLabels:
    """The labels in the bytes of an .npz, as `npz_label_bytes` makes them."""
    with tempfile.NamedTemporaryFile(suffix=".npz") as file:  # what reads them counts on a file that has a size
        file.write(raw)
        file.flush()
        return _read_npz(Path(file.name))


def _read_npz(path: Path) -> PointLabels:
    arrays = npz_arrays(path)
    for name, dtype in _ARRAYS.items():
        if name not in arrays:
            expected = f"arrays called {', '.join(_ARRAYS)}"
            raise FormatError(expected=expected, got=", ".join(arrays)[:200] or "none", path=path, field=name, hint=_HINT)
        if arrays[name].dtype != dtype or arrays[name].ndim != 1:
            got = f"shape {arrays[name].shape} of {arrays[name].dtype}"
            raise FormatError(expected=f"(N,) {np.dtype(dtype)}", got=got, path=path, field=name, hint=_HINT)
    if unknown := sorted(arrays.keys() - _ARRAYS.keys()):
        raise FormatError(expected=f"no array but {', '.join(_ARRAYS)}", got=unknown[0][:80], path=path, hint="take it out")
    top = strict_json.of_bytes(arrays["names"].tobytes(), path)
    top.only(frozenset({"classes", "instances"}), frozenset({"n_contested"}))
    names = [{_number(key, node): node.text() for key, node in top[which].items()} for which in ("classes", "instances")]
    try:
        n_contested = top["n_contested"].whole() if top.has("n_contested") else None
        return PointLabels(arrays["class_id"], arrays["instance_id"], names[0], names[1], n_contested)
    except ArgumentError as error:
        raise FormatError(error.what, expected=error.expected, got=error.got, path=path, field=error.field, hint=_HINT) from None


def _number(key: str, node: strict_json.Node) -> int:
    if not (key.isascii() and key.isdecimal()) or len(key) > 10 or str(int(key)) != key:
        raise node.wrong("a whole number as key", repr(key[:40]))
    return int(key)


# ------------------------------------------------------------ writing


def write_point_labels(labels: PointLabels, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """The labels of one sweep's points as a .label or .npz file, after the path's ending, which appears only when it is complete.

    A .label numbers classes as SemanticKITTI does, by their names there or the taxonomy's; ArgumentError for a class that is none of its own, and for
    instances above 65,535. It keeps no names of tracks. An .npz keeps everything.
    overwrite : whether a file that is there may be replaced; StorageError otherwise
    """
    if not isinstance(labels, PointLabels):
        raise ArgumentError(expected="PointLabels", got=type(labels).__name__, field="labels", hint="bw.segment makes them")
    suffix = as_path(path).suffix.lower()
    if suffix not in (".label", ".npz"):
        raise ArgumentError(expected="a file ending in .label or .npz", got=Path(path).name, field="path")
    raw = npz_label_bytes(labels) if suffix == ".npz" else label_bytes(points_numbered(labels, _numbers_of(labels)), labels.instance_id)
    with whole_file(path, overwrite=overwrite) as part:
        part.write_bytes(raw)


def _numbers_of(labels: PointLabels) -> dict[int, int]:
    numbers: dict[int, int] = {}
    for class_id in np.flatnonzero(np.bincount(labels.class_id, minlength=1)).tolist():
        number = class_number(labels.class_name(class_id)) if class_id else 0
        if number is None:
            got, hint = repr(labels.class_name(class_id))[:80], "labels.renamed({old: new}) gives it such a name; an .npz file keeps every name"
            raise ArgumentError(expected=f"classes of SemanticKITTI: {', '.join(CLASSES.values())}", got=got, field="classes", hint=hint)
        numbers[class_id] = number
    return numbers


def points_numbered(labels: PointLabels, numbers: Mapping[int, int]) -> NDArray[np.uint16]:
    """(N,) numbers of the points' classes. numbers : class id -> number, for every class of a point but 0"""
    lookup = np.zeros(2**16, np.uint16)
    lookup[list(numbers)] = list(numbers.values())
    numbered: NDArray[np.uint16] = lookup[labels.class_id]
    return numbered


def label_bytes(number: NDArray[np.uint16], instance_id: NDArray[np.uint32]) -> bytes:
    """A .label, from the number of each point's class and its instance."""
    if len(instance_id) and int(instance_id.max()) > MOST_INSTANCE:
        got, hint = f"{int(instance_id.max())}", "number them anew, or write .npz files"
        raise ArgumentError(expected=f"instances up to {MOST_INSTANCE:,} in a .label", got=got, field="instance_id", hint=hint)
    packed = number.astype(np.uint32) | (instance_id.astype(np.uint32) << np.uint32(16))
    return bytes(packed.astype("<u4").tobytes())


def npz_label_bytes(labels: PointLabels) -> bytes:
    """An .npz; equal labels give equal bytes."""
    names: dict[str, Any] = {which: {str(int(i)): name for i, name in sorted(getattr(labels, which).items())} for which in ("classes", "instances")}
    if labels.n_contested is not None:
        names["n_contested"] = int(labels.n_contested)
    text = np.frombuffer(json_text.dumps(names, "the names of point labels").encode(), np.uint8)
    arrays: dict[str, NDArray[Any]] = {"class_id": labels.class_id, "instance_id": labels.instance_id, "names": text}
    packed = _archive(arrays, zipfile.ZIP_DEFLATED)
    return packed if sum(array.nbytes for array in arrays.values()) <= _MOST_PACKED * len(packed) else _archive(arrays, zipfile.ZIP_STORED)


def _archive(arrays: Mapping[str, Any], method: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method, compresslevel=6) as archive:
        for name, values in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(values), version=(1, 0), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            info.compress_type = method
            archive.writestr(info, member.getvalue())
    return buffer.getvalue()
