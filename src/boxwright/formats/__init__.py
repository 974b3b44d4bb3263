"""In and out: one module per format, found by looking at what is there.

A format is a module with `detect(path)`, `list_scenes(path)`, `read(path, scene, problems)` and its `CAPABILITIES`; one that can be written has
`write` in a module of its own.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import os
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np

from ..arrays import as_points, one_index, some_rows
from ..errors import ArgumentError, BoxwrightError, FormatError, SensorFrameFallback, UnknownName, number_of
from ..frames import listening_to_norms
from ..garbage import without_collector
from ..limits import held_limits
from ..outputs import as_path, whole_file, whole_folder
from ..points import Sweep
from ..problems import Problems
from ..scene import Scene
from ..taxonomy import Taxonomy
from .declared import Capabilities
from .exactness import exactness_notes
from .finding import Finder, some_of
from .image_folder import ImageFolder, open_video
from .laid_over import laid_over
from .losses import lost_shutters
from .pcd import pcd_bytes
from .ply import ply_bytes
from .point_label_files import read_point_labels, write_point_labels
from .sensor_files import read_point_file
from .write_report import WriteReport

__all__ = [
    "Capabilities",
    "ImageFolder",
    "SceneEntry",
    "SceneList",
    "WriteReport",
    "capabilities",
    "open_video",
    "read",
    "read_point_labels",
    "read_points",
    "scenes",
    "write",
    "write_point_labels",
    "write_points",
]

_READERS = {
    "boxwright": "boxwright_scene",
    "kitti_object": "kitti_object",
    "kitti_tracking": "kitti_tracking",
    "kitti_raw": "kitti_raw",
    "argoverse2": "argoverse2",
    "nuscenes": "nuscenes",
    "sustechpoints": "sustechpoints",
    "dgp": "dgp",
    "openlabel": "openlabel",
    "semantic_kitti": "semantic_kitti",
    "cvat_video": "cvat_video",
    "mot": "mot",
    "datumaro": "datumaro",
    "darwin": "darwin",
    "waymo": "waymo",
    "labelbox": "labelbox",
    "coco": "coco",
    "supervisely": "supervisely",
    "label_studio": "label_studio",
    "segments": "segments",
    "cvat_api": "cvat_api",
    "labelcloud": "labelcloud",
    "scale": "scale",
    "nucleus": "nucleus",
    "points": "point_files",
    "video": "video_file",
    "images": "image_folder",
}
_WRITERS = {
    "boxwright": "boxwright_writer",
    "kitti_object": "kitti_object_writer",
    "kitti_tracking": "kitti_tracking_writer",
    "kitti_raw": "kitti_raw_writer",
    "argoverse2": "argoverse2_writer",
    "nuscenes": "nuscenes_writer",
    "openlabel": "openlabel_writer",
    "semantic_kitti": "semantic_kitti_writer",
    "cvat_video": "cvat_video_writer",
    "mot": "mot_writer",
    "datumaro": "datumaro_writer",
    "darwin": "darwin_writer",
    "waymo": "waymo_writer",
    "labelbox": "labelbox_writer",
    "coco": "coco_writer",
    "supervisely": "supervisely_writer",
    "label_studio": "label_studio_writer",
    "segments": "segments_writer",
    "cvat_api": "cvat_api_writer",
    "labelcloud": "labelcloud_writer",
    "scale": "scale_writer",
    "nucleus": "nucleus_writer",
}


_CLASS_NOTE = "classes that the taxonomy does not know: "
_IGNORED = {"dontcare", "ignore", "ignored", "ignoreregion", "ignoredregion", "void"}  # no class: what is not to be judged


@dataclass(frozen=True)
class SceneEntry:
    """One scene of a dataset, not read yet."""

    name: str
    path: Path
    format: str

    def read(self, *, strict: bool = True) -> Scene:
        """The scene, as `bw.read` gives it."""
        with held_limits() as bounds, _readable(self.path), without_collector(), listening_to_norms() as norms_off:
            problems = Problems(strict, bounds.kept_problems, bounds.kept_problem_bytes)
            scene: Scene = _module(_READERS, self.format).read(self.path, self.name, problems)
        for name, sensor in scene.cameras.items():  # before anyone makes a picture of that size
            bounds.check("image_px", sensor.camera.width_px * sensor.camera.height_px, self.path, f"the size of camera {name}")
        notes = [note for note in exactness_notes(scene, norms_off) if note not in scene.notes]
        if problems.found or problems.n_more or notes:
            scene = scene.replace(problems=problems.all_with(scene.problems), notes=(*scene.notes, *notes))
        return _with_class_note(scene)

    def glance(self) -> dict[str, int | None]:
        """{n_frames, n_tracks, n_labels}, each None where it cannot be told without reading big files."""
        from .glances import glance

        with _readable(self.path):
            return glance(self.path, self.name, self.format)


class SceneList(Sequence[SceneEntry]):
    """What a dataset holds: entries by index or by name."""

    def __init__(self, path: Path, format: str, names: Sequence[str]) -> None:
        self.path, self.format, self.names = path, format, tuple(names)

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[SceneEntry]:
        return (SceneEntry(name, self.path, self.format) for name in self.names)

    @overload
    def __getitem__(self, index: int | str) -> SceneEntry: ...
    @overload
    def __getitem__(self, index: slice) -> SceneList: ...
    def __getitem__(self, index: int | str | slice) -> SceneEntry | SceneList:
        if isinstance(index, slice):
            return SceneList(self.path, self.format, self.names[some_rows("scenes", index, len(self))])
        if isinstance(index, str) and index not in self.names:
            near = [name for name in self.names if name.startswith(index)] or difflib.get_close_matches(index, self.names, 1)
            hint = f"did you mean {near[0]!r}?" if len(near) == 1 and index else "bw.scenes(path) lists them"
            raise UnknownName("no such scene", expected=f"one of {some_of(self.names)}", got=repr(index), path=self.path, hint=hint)
        name = index if isinstance(index, str) else self.names[one_index("scenes", index, len(self), hint="a scene's name is taken too")]
        return SceneEntry(name, self.path, self.format)

    def __repr__(self) -> str:
        return f"SceneList({number_of(len(self), 'scene')}, format={self.format!r}: {some_of(self.names)})"


def scenes(path: str | os.PathLike[str], format: str | None = None) -> SceneList:
    """What a dataset holds, without reading it: entries with `name`, `path`, `format` and `read()`.

    path : a dataset's folder, one scene's folder or file, or a point file
    format : its format, found by looking where None. UnknownName where nobody knows it. FormatError where none fits, where several do, and where
        folders beside the scenes hold another format: what fits is named, and nothing is chosen silently
    """
    place = as_path(path)
    if not place.exists():
        raise FormatError("no such file or folder", path=place, hint="check the path")
    with _readable(place):
        place = place if place.name not in ("", "..") else place.resolve()
        if format is not None:
            _module(_READERS, format)
        return SceneList(place, *Finder(_READERS).found(place, format))


@contextmanager
def _readable(place: Path) -> Iterator[None]:
    """What the system refuses to read becomes a FormatError that names it. Numbers so large that sums of them overflow are refused where they are
    checked; numpy need not warn of them."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            yield
    except OSError as error:
        if isinstance(error, BoxwrightError):
            raise
        raise FormatError(f"cannot be read: {error.strerror}", path=error.filename or place, hint="check the path and its rights") from error


def read(
    path: str | os.PathLike[str],
    scene: str | SceneEntry | None = None,
    format: str | None = None,
    *,
    labels: str | os.PathLike[str] | SceneEntry | None = None,
    labels_camera: str | None = None,
    missing: str = "keep",
    strict: bool = True,
) -> Scene:
    """One scene; its labels now, its points and pictures when they are asked for.

    path : a dataset's folder, one scene's folder, or a point file
    scene : which one, by name or as an entry of `scenes`; needed where there are several
    format : its format, found by looking where None
    labels : a file or folder of labels of this recording, cuboids or in its pictures, such as an annotation tool gave for it; its format is found
        by looking. An entry of `scenes` where it holds several, as of several annotators
    labels_camera : the camera in whose pictures the labels are, where their file does not tell it, as MOT's do not
    missing : what becomes of the recording's own cuboids, of its tracks in the pictures of the labels' cameras, of tags and attributes that are not
        among `labels`: "keep", or "drop" where all of them were there and were deleted
    strict : True raises the first record that cannot be taken as it is (a negative size, a word for a number); False leaves such records out of the
        labels and keeps them, each with its error, in `scene.problems`. Damaged files and the limits are refused either way.
    """
    if scene is not None and not isinstance(scene, (str, SceneEntry)):
        raise ArgumentError(expected="a scene's name, or an entry of bw.scenes", got=repr(scene)[:60], field="scene")
    if missing not in ("keep", "drop") or (labels is None and missing != "keep"):
        hint = "give the labels that came back with labels=" if missing == "drop" else None
        raise ArgumentError(expected="'keep', or 'drop' with labels", got=repr(missing)[:60], field="missing", hint=hint)
    if labels is None and labels_camera is not None:
        raise ArgumentError("no labels are given", got=repr(labels_camera)[:60], field="labels_camera", hint="give them with labels=")
    scene = scene.name if isinstance(scene, SceneEntry) else scene
    found = scenes(path, format)
    recording = (_only(found, "scene") if scene is None else found[scene]).read(strict=strict)
    if labels is None:
        return recording
    those = labels if isinstance(labels, SceneEntry) else _only(scenes(labels), "labels")
    with warnings.catch_warnings():  # their frame is the recording's, whose poses move them
        warnings.simplefilter("ignore", SensorFrameFallback)
        there = those.read(strict=strict)
    return laid_over(recording, there, those.path, missing=missing, camera=labels_camera)


def _only(found: SceneList, field: str) -> SceneEntry:
    """ArgumentError where there are several and none was named."""
    if len(found) > 1:
        said, hint = f"the dataset holds {number_of(len(found), 'scene')} and none was named", "pass scene="
        hint = hint if field == "scene" else "name one as FILE::NAME; from Python, pass labels= an entry of bw.scenes"
        raise ArgumentError(said, expected=f"one of {some_of(found.names)}", path=found.path, field=field, hint=hint)
    return found[0]


def write(scene: Scene, path: str | os.PathLike[str], format: str = "boxwright", **options: Any) -> WriteReport:
    """Writes a scene into a new folder, which appears only when it is complete; a folder that is there and not empty is refused.

    format : one of the formats that can be written
    options : what the format offers; see its writer
    """
    if not isinstance(scene, Scene):
        raise ArgumentError(expected="a Scene", got=type(scene).__name__, field="scene")
    writer, allowed = writer_of(format), options_of(format)
    for name in options:
        if name not in allowed:
            raise ArgumentError(expected=f"one of {', '.join(sorted(allowed)) or 'no options'}", got=repr(name), field=f"options of {format!r}")
    report = WriteReport(format, as_path(path))
    with whole_folder(path) as folder, without_collector():
        writer(scene, folder, report, **options)
    report.dropped += lost_shutters(scene, _module(_READERS, format).CAPABILITIES)
    return report


def capabilities() -> dict[str, Capabilities]:
    """Format -> what it holds, what is lost on the way into it, and how far a label may move; docs/formats.md is made of it."""
    return {name: _module(_READERS, name).CAPABILITIES for name in _READERS}


def check_writable(format: str, field: str = "format") -> None:
    """UnknownName where nobody writes that format. field : what the caller calls it"""
    _module(_WRITERS, format, field)


def writer_of(format: str) -> Callable[..., None]:
    """What writes a scene into a folder, as (scene, folder, report). UnknownName where nobody does."""
    write: Callable[..., None] = _module(_WRITERS, format).write
    return write


def options_of(format: str) -> frozenset[str]:
    """Names of the options that a format's writer takes."""
    return frozenset(getattr(writer_of(format), "__kwdefaults__", None) or ())


def formats_with(option: str) -> list[str]:
    """The formats whose writers take an option of that name."""
    return [format for format in sorted(_WRITERS) if option in options_of(format)]


def read_points(path: str | os.PathLike[str], *, frame: str = "lidar") -> Sweep:
    """One sweep from a PCD, PLY, LAS, LAZ, KITTI .bin, .npy or .npz file; `frame` names the frame its points are given in."""
    return read_point_file(as_path(path), frame=frame)


def write_points(sweep: Sweep, path: str | os.PathLike[str], *, encoding: str = "binary", overwrite: bool = False) -> None:
    """A sweep as a PCD or PLY file, after the path's ending, which appears only when it is complete; an `origin_m` is added to the points.

    encoding : "binary" (little endian), "ascii", or for PCD alone "binary_compressed"
    overwrite : whether a file that is there may be replaced; StorageError otherwise
    """
    if not isinstance(sweep, Sweep):
        raise ArgumentError(expected="a Sweep", got=type(sweep).__name__, field="sweep", hint="make one: bw.Sweep(xyz)")
    suffix = as_path(path).suffix.lower()
    if suffix not in (".pcd", ".ply"):
        raise ArgumentError(expected="a file ending in .pcd or .ply", got=Path(path).name, field="path")
    if any(sweep.origin_m):
        sweep = dataclasses.replace(sweep, xyz=as_points("sweep", sweep), origin_m=(0.0, 0.0, 0.0))
    with whole_file(path, overwrite=overwrite) as part:
        part.write_bytes((pcd_bytes if suffix == ".pcd" else ply_bytes)(sweep, encoding))


def _with_class_note(scene: Scene) -> Scene:
    """The scene with one note on the classes of its tracks that the default taxonomy does not know, in place of one that its file brought along."""
    counts = Counter(track.category for track in scene.tracks)
    known = Taxonomy.default()
    unknown = [name for name in sorted(counts) if name not in known and re.sub(r"[\W_]", "", name).lower() not in _IGNORED]
    notes = [note for note in scene.notes if not note.startswith(_CLASS_NOTE)]
    if unknown:
        listed = [f"{name} ({number_of(counts[name], 'track')})" for name in unknown]
        notes.append(f"{_CLASS_NOTE}{some_of(listed)}; they have no size prior, and a colour made from their names")
    return scene if notes == list(scene.notes) else scene.replace(notes=notes)


def _module(table: dict[str, str], format: str, field: str = "format") -> Any:
    if format not in table:
        near = difflib.get_close_matches(str(format), table, 1)
        raise UnknownName(
            "no such format" if table is _READERS else "no such format to write",
            expected=f"one of {', '.join(table)}",
            got=repr(format),
            field=field,
            hint=f"did you mean {near[0]}?" if near else None,
        )
    return importlib.import_module(f"{__name__}.{table[format]}")
