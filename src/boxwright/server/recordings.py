"""Recorded files as the server reads them: beneath declared folders, through handles, the same as at import, pictures and videos decoded elsewhere.

A scene's sensors and frames are kept while they stay the same, so that a click does not read the scene again.
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
from ..store.entities import LABELS, Entity
from ..store.project import Project
from ..store.recorded import FileFacts, RecordedFiles
from ..store.snapshots import last_seq_of
from .beneath import Handles, open_beneath, parts_beneath
from .films import Films, state_of

__all__ = ["ConfinedFiles", "Recordings"]

_STATIC = ("frames", "sensor", "trajectory", "source", "files")
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
    """Scenes with their data, for the routes that look at points and pictures. Who may see a scene was looked at before."""

    def __init__(self, project: Project, roots: tuple[Path, ...]) -> None:
        self.project, self.roots = project, roots
        self.handles, self.decoder = Handles(), Decoder()
        self.films = Films(self.handles)
        self._scenes: OrderedDict[str, tuple[int, Scene]] = OrderedDict()
        self._labelled: OrderedDict[str, tuple[int, Scene]] = OrderedDict()
        self._lock = threading.Lock()
        self._reading: dict[str, threading.Lock] = {}

    def close(self) -> None:
        self.decoder.close()
        self.films.close()
        self.handles.close()

    def scene(self, entity: Entity) -> Scene:
        """Its sensors, frames and data; its labels may be of earlier."""
        with self._lock:
            reading = self._reading.setdefault(entity.id, threading.Lock())
        with reading:
            seq = max(entity.seq, last_seq_of(self.project, entity.id, _STATIC))
            with self._lock:
                kept = self._scenes.get(entity.id)
                if kept is not None and kept[0] == seq:
                    self._scenes.move_to_end(entity.id)
                    return kept[1]
            scene = self._confined(self._read(entity))
            with self._lock:
                self._scenes[entity.id] = (seq, scene)
                while len(self._scenes) > _MOST_SCENES:
                    gone, _ = self._scenes.popitem(last=False)
                    self._reading.pop(gone, None)
            return scene

    def labelled(self, entity: Entity) -> Scene:
        """With the labels of now."""
        return self.labelled_at(entity)[1]

    def labelled_at(self, entity: Entity) -> tuple[int, Scene]:
        """(the last transaction that changed its labels, the scene with the labels of that moment)"""
        seq, scene = last_seq_of(self.project, entity.id, LABELS), self.scene(entity)
        with self._lock:
            kept = self._labelled.get(entity.id)
        if kept is not None and kept[0] == seq and kept[1].data is scene.data:
            return kept
        now = self._read(entity)
        labels = {name: getattr(now, name) for name in ("tracks", "image_tracks", "tags", "relations", "point_edits", "point_label_data")}
        made = scene.replace(**labels)
        with self._lock:
            self._labelled[entity.id] = (seq, made)
            self._labelled.move_to_end(entity.id)
            while len(self._labelled) > _MOST_SCENES:
                self._labelled.popitem(last=False)
        return seq, made

    def _read(self, entity: Entity) -> Scene:
        return self.project.read(str((entity.body or {})["name"]))

    def _confined(self, scene: Scene) -> Scene:
        data: Any = scene.data
        if not isinstance(data, RecordedFiles) or data.opened is None:
            return scene
        path = data.opened.source.path
        home = path if path.is_dir() else path.parent
        confined: Any = ConfinedFiles(data, (home, *self.roots), self.handles, self.decoder, self.films)
        return scene.replace(data=confined)
