"""Recorded files as the server reads them: beneath declared folders, through handles, the same as at import, pictures and videos decoded elsewhere.

A scene is kept and follows its project, so that neither a click nor an edit reads all of it again.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CorruptionError, FrameMissing
from ..formats.boxwright_videos import FilesAndVideos
from ..formats.picture_process import Decoder
from ..limits import limits
from ..points import Sweep
from ..scene import Scene
from ..store.entities import Entity
from ..store.live import LiveScene
from ..store.project import Project
from ..store.recorded import FileFacts, RecordedFiles
from .beneath import Handles, open_beneath, parts_beneath
from .films import Films, state_of

__all__ = ["ConfinedFiles", "Recordings"]

_CHUNK = 1 << 20
_MOST_SCENES = 8
_MOST_KNOWN = 100_000


class ConfinedFiles:
    """What a scene asks for its sensor data, given by the server's rules.

    data : where the files are, and what they were at import
    roots : folders beneath which they may lie
    """

    def __init__(self, data: RecordedFiles, roots: tuple[Path, ...], handles: Handles, decoder: Decoder, films: Films) -> None:
        self.data, self.roots, self._handles, self._decoder, self._films = data, roots, handles, decoder, films
        self._known: OrderedDict[tuple[int, ...], str] = OrderedDict()
        self._lock = threading.Lock()

    def facts(self, what: str, frame_index: int, sensor: str) -> FileFacts | None:
        rows = self.data.expected[what].get(sensor)
        return None if rows is None else rows[0 if what == "videos" else frame_index]

    @contextmanager
    def _open(self, facts: FileFacts) -> Iterator[int]:
        """A handle of a file that is what it was at import. CorruptionError where it is not, FrameMissing where it may not be opened."""
        found = ((root, parts) for root in self.roots if (parts := parts_beneath(facts.path, root)) is not None)
        place = next(found, None)
        if place is None:
            hint = "boxwright serve --root FOLDER names more folders"
            raise FrameMissing("a recorded file lies outside the folders that are served", hint=hint)
        handle = open_beneath(*place, limits().file_bytes)
        try:
            if self._digest(handle) != facts.sha256:
                raise CorruptionError("a recorded file has changed since it was imported", hint="bring it back", code="file-changed")
            yield handle
        finally:
            os.close(handle)

    def _digest(self, handle: int) -> str:
        """Hashed once as long as the system says that it is the same."""
        key = state_of(handle)
        with self._lock:
            if key in self._known:
                return self._known[key]
        digest, at = hashlib.sha256(), 0
        while chunk := os.pread(handle, _CHUNK, at):
            digest.update(chunk)
            at += len(chunk)
        with self._lock:
            self._known[key] = digest.hexdigest()
            while len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)
        return digest.hexdigest()

    def points(self, frame_index: int, sensor: str) -> Sweep:
        facts = self.facts("sweeps", frame_index, sensor)
        if facts is None:
            raise FrameMissing("no sweep", field=f"frame {frame_index}, {sensor}", hint="the recording has none here")
        with self._open(facts) as handle, self._handles.path_of(handle, facts.path.name) as path:
            return self.data.read_sweep(frame_index, sensor, path)

    def image(self, frame_index: int, camera: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
        video = self.facts("videos", frame_index, camera)
        if video is not None:
            at = self._frame_of(frame_index, camera)
            if at is None:
                raise FrameMissing("no image", field=f"frame {frame_index}, {camera}", hint="the recording has none here")
            with self._open(video) as handle:
                return self._films.frame(handle, video.path, at, self.data.sizes_px.get(camera))
        facts = self.facts("images", frame_index, camera)
        if facts is None:
            raise FrameMissing("no image", field=f"frame {frame_index}, {camera}", hint="the recording has none here")
        with self._open(facts) as handle, os.fdopen(os.dup(handle), "rb") as file:
            image = self._decoder.rgb(file.read())
        size_px = self.data.sizes_px.get(camera)
        if size_px is not None and size_px != (image.shape[1], image.shape[0]):
            raise CorruptionError("the picture does not fit its camera", hint="look at the recording", code="file-changed")
        return image

    def _frame_of(self, frame_index: int, camera: str) -> int | None:
        """Which frame of its video a picture is. In a recording that is a video they are the same."""
        opened = self.data.opened
        if opened is None or opened.source.format == "video":
            return frame_index
        data = opened.scene.data
        return data.videos[camera].frame_index[frame_index] if isinstance(data, FilesAndVideos) and camera in data.videos else None

    def has_points(self, frame_index: int, sensor: str) -> bool:
        return self.facts("sweeps", frame_index, sensor) is not None

    def has_image(self, frame_index: int, camera: str) -> bool:
        if self.facts("videos", frame_index, camera) is not None:
            return self._frame_of(frame_index, camera) is not None
        return self.facts("images", frame_index, camera) is not None


class Recordings:
    """Scenes with their data and their labels of now, for the routes. Who may see a scene was looked at before."""

    def __init__(self, project: Project, roots: tuple[Path, ...]) -> None:
        self.project, self.roots = project, roots
        self.handles, self.decoder = Handles(), Decoder()
        self.films = Films(self.handles)
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def close(self) -> None:
        self.decoder.close()
        self.films.close()
        self.handles.close()

    def scene(self, entity: Entity) -> Scene:
        """Its sensors, frames and data, and its labels."""
        return self.labelled_at(entity)[1]

    def labelled(self, entity: Entity) -> Scene:
        """With the labels of now."""
        return self.labelled_at(entity)[1]

    def labelled_at(self, entity: Entity) -> tuple[int, Scene]:
        """(a transaction since which no label has changed, the scene with the labels of now)"""
        with self._lock:
            kept = self._kept.setdefault(entity.id, _Kept())
            self._kept.move_to_end(entity.id)
            while len(self._kept) > _MOST_SCENES:
                self._kept.popitem(last=False)
        with kept.lock:  # read once, however many ask for it
            if kept.live is None:
                kept.live, kept.data = LiveScene(self.project, entity.id), None
            elif kept.live.catch_up():
                kept.data = None
            if kept.data is None:
                kept.data = self._confined(kept.live.scene)
                kept.live.scene = kept.live.scene.replace(data=kept.data)
            return kept.live.labels_seq, kept.live.scene

    def _confined(self, scene: Scene) -> Any:
        data: Any = scene.data
        if not isinstance(data, RecordedFiles) or data.opened is None:
            return data
        path = data.opened.source.path
        home = path if path.is_dir() else path.parent
        return ConfinedFiles(data, (home, *self.roots), self.handles, self.decoder, self.films)


class _Kept:
    """A scene that was asked for; none where it was not read yet."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.live: LiveScene | None = None
        self.data: Any = None
