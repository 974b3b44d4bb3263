"""Recorded files: they stay where they are, are known by size and SHA-256, and are looked at again before they are read.

source   path, scene, format, strict: what `bw.read` takes; relocated by `Project.relocate`
files    what ("sweeps", "images" or "videos"), sensor, files: [[frame_index, path, n_bytes, sha256 in hex]], below the source's path where they are
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ArgumentError, BoxwrightError, CorruptionError, FrameMissing, number_of
from ..formats import scenes
from ..formats.boxwright_videos import FilesAndVideos
from ..formats.sensor_files import SensorFiles
from ..formats.video_file import VideoFrames
from ..points import Sweep
from ..scene import NoData, Scene, SensorData

__all__ = ["FileFacts", "Source", "check_file", "checked_files", "checked_source", "data_of", "facts_of", "files_of", "source_body", "source_of"]

_CHUNK = 1 << 20
_known: dict[str, tuple[tuple[int, ...], str]] = {}  # path -> what the system said of the file when it was hashed, and its hash
_lock = threading.Lock()


@dataclass(frozen=True)
class FileFacts:
    """What is known of a recorded file."""

    path: Path
    n_bytes: int
    sha256: str


@dataclass(frozen=True)
class Source:
    """How a recording is read."""

    path: Path
    scene: str
    format: str
    strict: bool = True

    def read(self) -> Scene:
        found = scenes(self.path, self.format)
        named = self.scene in found.names or len(found) != 1  # a folder that moved gives its only scene another name
        return found[self.scene if named else 0].read(strict=self.strict)


# ------------------------------------------------------------ at import


def files_of(scene: Scene, root: Path, progress: Callable[[int], Any]) -> list[dict[str, Any]]:
    """Bodies of `files` for all data of a scene. ArgumentError where they are not in files. progress : told the bytes of each"""
    data = scene.data
    videos = {name: data.videos[name].path for name in scene.cameras if name in data.videos} if isinstance(data, VideoFrames | FilesAndVideos) else {}
    found: list[tuple[str, str, Iterable[tuple[int, Path | None]]]] = [("videos", name, [(0, Path(path))]) for name, path in videos.items()]
    if isinstance(data, SensorFiles):
        found += [("sweeps", name, enumerate(data.sweeps.get(name, ()))) for name in scene.lidars]
        found += [("images", name, enumerate(data.images.get(name, ()))) for name in scene.cameras if name not in videos]
    if isinstance(data, SensorFiles | VideoFrames):
        bodies = [_body(what, name, [(i, path) for i, path in paths if path is not None], root, progress) for what, name, paths in found]
        return [body for body in bodies if body["files"]]
    has_some = any(scene.has_points(i, name) for name in scene.lidars for i in range(len(scene)))
    if has_some or any(scene.has_image(i, name) for name in scene.cameras for i in range(len(scene))):
        hint = "write it with bw.write and import that, or leave its data out: scene.replace(data=NoData())"
        raise ArgumentError("the scene's points or pictures are not in files", field="scene.data", hint=hint)
    return []


def _body(what: str, sensor: str, paths: Iterable[tuple[int, Path]], root: Path, progress: Callable[[int], Any]) -> dict[str, Any]:
    rows = []
    for i, path in paths:
        if path.is_file():
            facts = facts_of(path)
            place = path.absolute()
            rows.append([i, str(place.relative_to(root) if place.is_relative_to(root) else place), facts.n_bytes, facts.sha256])
            progress(facts.n_bytes)
    return {"what": what, "sensor": sensor, "files": rows}


def facts_of(path: Path) -> FileFacts:
    """Size and hash of a file as it is now; hashed once as long as the system says that it is the same."""
    try:
        stat = path.stat()
        signature = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
        known = _known.get(os.fspath(path))
        if known is None or known[0] != signature:
            digest = hashlib.sha256()
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
            known = (signature, digest.hexdigest())
            _known[os.fspath(path)] = known
    except OSError as error:
        raise FrameMissing(
            f"a recorded file cannot be read: {error.strerror}", path=path, hint="bring it back, or say where the recording is now"
        ) from None
    return FileFacts(path, signature[2], known[1])


def check_file(expected: FileFacts) -> None:
    """CorruptionError where a recorded file is not what it was, FrameMissing where it is gone."""
    found = facts_of(expected.path)
    if (found.n_bytes, found.sha256) != (expected.n_bytes, expected.sha256):
        was, now = (f"{one.n_bytes:,} B, sha256 {one.sha256}" for one in (expected, found))
        hint = "bring the recorded file back, or import the recording anew"
        raise CorruptionError("a recorded file has changed", expected=was, got=now, path=expected.path, hint=hint, code="file-changed")


# ------------------------------------------------------------ afterwards


def data_of(source: Source | None, bodies: Sequence[Mapping[str, Any]], scene: Scene) -> SensorData:
    """Where a stored scene gets its points and pictures from; the recording itself is read when first asked for."""
    if source is None or not bodies:
        return NoData()
    opened = _Opened(source, scene.times_ns)
    tables: dict[str, dict[str, list[FileFacts | None]]] = {"sweeps": {}, "images": {}, "videos": {}}
    for body in bodies:
        rows: list[FileFacts | None] = [None] * len(scene)
        for i, place, n_bytes, sha256 in body["files"]:
            rows[i] = FileFacts(source.path / place, n_bytes, sha256)
        tables[body["what"]][body["sensor"]] = rows
    paths = {
        what: {name: [None if one is None else one.path for one in rows] for name, rows in tables[what].items()} for what in ("sweeps", "images")
    }
    sizes = {name: sensor.camera.size_px for name, sensor in scene.cameras.items()}
    return RecordedFiles(paths["sweeps"], paths["images"], opened.read_sweep, sizes, tables, opened)


class _Opened:
    """The recording, read once somebody needs its own way with sweeps or frames."""

    def __init__(self, source: Source, times_ns: Any) -> None:
        self.source, self.times_ns, self._scene = source, times_ns, None
        self._lock = threading.Lock()

    @property
    def scene(self) -> Scene:
        with self._lock:
            if self._scene is None:
                read: Any = self.source.read()
                if not np.array_equal(read.times_ns, self.times_ns):
                    hint = "bring the recording back as it was, or import it anew"
                    got = f"{number_of(len(read), 'frame')} at other times"
                    raise CorruptionError(
                        "the recording has other frames than were imported",
                        expected=number_of(len(self.times_ns), "frame"),
                        got=got,
                        path=self.source.path,
                        hint=hint,
                    )
                self._scene = read
            return self._scene  # type: ignore[return-value]

    def read_sweep(self, frame_index: int, sensor: str, path: Path) -> Sweep:
        data = self.scene.data
        if not isinstance(data, SensorFiles):
            raise CorruptionError("the recording has no sweeps in files any more", path=self.source.path, hint="import it anew")
        return data.read_sweep(frame_index, sensor, path)


@dataclass(frozen=True, eq=False)
class RecordedFiles(SensorFiles):
    """Files of sweeps, pictures and videos that are looked at before they are read; one that is gone is an error, not a frame without data.

    expected : "sweeps" or "images" -> sensor -> F facts, None where a frame has none; "videos" -> camera -> the facts of its video first
    """

    expected: Mapping[str, Mapping[str, Sequence[FileFacts | None]]] = field(default_factory=dict)
    opened: _Opened | None = None

    def facts(self) -> Iterator[FileFacts]:
        for sensors in self.expected.values():
            for rows in sensors.values():
                yield from (one for one in rows if one is not None)

    def _check(self, what: str, frame_index: int, sensor: str) -> None:
        rows = self.expected[what].get(sensor)
        facts = None if rows is None else rows[0 if what == "videos" else frame_index]
        if facts is not None:
            _at_frame(facts, frame_index, sensor)

    def _with_videos(self, camera: str) -> Any:
        """The recording's own data where the pictures of a camera are frames of a video, else None."""
        return self.opened.scene.data if self.opened is not None and camera in self.expected["videos"] else None

    def points(self, frame_index: int, sensor: str) -> Sweep:
        self._check("sweeps", frame_index, sensor)
        return super().points(frame_index, sensor)

    def image(self, frame_index: int, camera: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
        self._check("videos", frame_index, camera)
        if (data := self._with_videos(camera)) is not None:
            return data.image(frame_index, camera)  # type: ignore[no-any-return]
        self._check("images", frame_index, camera)
        return super().image(frame_index, camera)

    def check_image(self, frame_index: int, camera: str) -> None:
        self._check("videos", frame_index, camera)
        if camera not in self.expected["videos"]:
            self._check("images", frame_index, camera)
            super().check_image(frame_index, camera)

    def has_points(self, frame_index: int, sensor: str) -> bool:
        return sensor in self.sweeps and self.sweeps[sensor][frame_index] is not None

    def has_image(self, frame_index: int, camera: str) -> bool:
        facts = next(iter(self.expected["videos"].get(camera, ())), None)
        if facts is not None:  # a video that is gone is told when its frame is asked for
            return not facts.path.is_file() or self._with_videos(camera).has_image(frame_index, camera)
        return camera in self.images and self.images[camera][frame_index] is not None

    def video_file(self, camera: str, n_frames: int) -> tuple[Path, list[int | None], str | None] | None:
        """As that of `VideoFrames`."""
        self._check("videos", 0, camera)
        data = self._with_videos(camera)
        return None if data is None else data.video_file(camera, n_frames)


def _at_frame(facts: FileFacts, frame_index: int, sensor: str) -> None:
    """`check_file` with the frame in its message."""
    try:
        check_file(facts)
    except BoxwrightError as error:
        error.field = f"frame {frame_index}, {sensor}"
        error.args = (str(error),)
        raise


def checked_source(body: Any) -> dict[str, Any]:
    """ArgumentError where it does not say how a recording is read."""
    kinds = {"path": str, "scene": str, "format": str, "strict": bool}
    if not isinstance(body, Mapping) or set(body) != set(kinds) or not all(isinstance(body[key], kind) for key, kind in kinds.items()):
        raise ArgumentError(expected=f"{', '.join(kinds)}", got=f"{body!r:.80}", field="source", hint="as bw.read takes them")
    return dict(body)


def checked_files(body: Any, n_frames: int) -> dict[str, Any]:
    """ArgumentError where it does not list the files of a sensor of a scene with so many frames."""
    fits = isinstance(body, Mapping) and set(body) == {"what", "sensor", "files"} and body["what"] in ("sweeps", "images", "videos")
    if (
        not fits
        or not isinstance(body["sensor"], str)
        or not isinstance(body["files"], list)
        or not all(_is_file(row, n_frames) for row in body["files"])
    ):
        hint = "each file a list of frame index, path, size and SHA-256"
        raise ArgumentError(expected="what, sensor and files", got=f"{body!r:.80}", field="files", hint=hint)
    return dict(body)


def _is_file(row: Any, n_frames: int) -> bool:
    return isinstance(row, list) and [type(item) for item in row] == [int, str, int, str] and 0 <= row[0] < max(n_frames, 1)


def source_of(body: Mapping[str, Any]) -> Source:
    return Source(Path(body["path"]), body["scene"], body["format"], body["strict"])


def source_body(source: Source) -> dict[str, Any]:
    return {**dataclasses.asdict(source), "path": str(source.path)}
