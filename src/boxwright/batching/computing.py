"""One shard, computed: what a worker is told, what it sends back, and nothing else that it needs."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import threading
import time
import traceback
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import BoxwrightError, SensorFrameFallback, StorageError
from ..formats import SceneEntry
from ..limits import set_limits
from ..scene import Scene
from .folder import mark_of
from .planning import Shard, file_label
from .tables import parquet_bytes
from .verbs import CONVERTED, VERBS, Work, add_tally, error_row
from .windows import window

__all__ = ["PATHS", "Outcome", "Task", "compute", "peak_mib"]

PATHS = "BOXWRIGHT_BATCH_PATHS"
_kept = threading.local()


@dataclass(frozen=True)
class Task:
    """What a worker is told.

    shard : which
    path, format : the dataset's, as the one who asks sees it
    verbs, options : what is to be done
    gold_path, gold_format : of the gold
    out, mark : the batch's folder, and the mark in it, by which a worker knows that it sees the same
    lenient : records that cannot be taken are left out
    limits : "name=N", of the one who asks
    is_apart : the worker is a process of its own
    version : of boxwright
    """

    shard: Shard
    path: str
    format: str
    verbs: tuple[str, ...]
    options: Mapping[str, Any]
    gold_path: str
    gold_format: str
    out: str
    mark: str
    lenient: bool
    limits: tuple[str, ...]
    is_apart: bool
    version: str


@dataclass(frozen=True)
class Outcome:
    """What a worker sends back: the files of its tables, so that it needs no folder in common with anybody.

    files : table -> Parquet
    n_rows : table -> rows
    folders : what it wrote itself, relative to the batch's folder
    tally, errors, n_bad : as of Work
    n_frames : of the shard
    seconds, cpu_s, worker : how long it took, how much of a core, and where
    peak_mib : the most memory that the worker's process ever held
    fault : a traceback, where boxwright itself is at fault
    """

    files: Mapping[str, bytes] = field(default_factory=dict)
    n_rows: Mapping[str, int] = field(default_factory=dict)
    folders: tuple[str, ...] = ()
    tally: Mapping[str, Any] = field(default_factory=dict)
    errors: tuple[Mapping[str, Any], ...] = ()
    n_bad: int = 0
    n_frames: int = 0
    seconds: float = 0.0
    cpu_s: float = 0.0
    worker: str = ""
    peak_mib: float = 0.0
    fault: str = ""


def compute(task: Task) -> Outcome:
    """Reads the scenes and does what is asked. What goes wrong is told in the outcome; nothing is raised."""
    spent, sums = _Clock(), _Sums()
    try:
        if task.version != __version__:
            hint = "install the same version on all workers"
            raise BoxwrightError("the worker has another boxwright", expected=task.version, got=__version__, hint=hint)
        if task.is_apart:
            set_limits(task.limits)
            warnings.simplefilter("ignore", SensorFrameFallback)  # it is a note of the scene too
        for name in task.shard.scenes:
            sums.take(name, task)
        made = {table: parquet_bytes(table, parts) for table, parts in sums.tables.items()}
    except Exception as error:
        sums.errors += [error_row(name, "run", error) for name in task.shard.scenes]
        return Outcome(errors=tuple(sums.errors), fault="".join([*sums.faults, _traced(error)]), **spent.told())
    return Outcome(
        {table: content for table, (content, _) in made.items()},
        {table: n for table, (_, n) in made.items()},
        tuple(sums.folders),
        sums.tally,
        tuple(sums.errors),
        sums.n_bad,
        sums.n_frames,
        fault="".join(sums.faults),
        **spent.told(),
    )


@dataclass
class _Sums:
    """What came of the scenes of a shard, one after the other."""

    tables: dict[str, list[tuple[str, Mapping[str, Any]]]] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    tally: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    errors: list[dict[str, Any]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    n_bad: int = 0
    n_frames: int = 0

    def take(self, name: str, task: Task) -> None:
        """One more scene."""
        try:
            work = _work(name, task)
        except Exception as error:
            self.errors.append(error_row(name, "read", error))
            self.faults.append(_traced(error))
            return
        for verb in task.verbs:
            _run(verb, work, task, self.faults)
        work.add("scenes", _scene_row(work))
        for table, parts in work.tables.items():
            self.tables.setdefault(table, []).extend((name, part) for part in parts)
        self.folders += [f"{CONVERTED}/{work.label}"] if "conversions" in work.tables else []
        add_tally(self.tally, work.tally)
        self.errors += work.errors
        self.n_bad, self.n_frames = self.n_bad + work.n_bad, self.n_frames + len(work.scene)


def _run(name: str, work: Work, task: Task, faults: list[str]) -> None:
    """One verb; where it fails, none of its tables is there."""
    try:
        if name == "convert":
            _check_same_folder(work.out, task)
        VERBS[name].run(work)
    except Exception as error:
        work.failed(name, error)
        faults.append(_traced(error))
        for table in VERBS[name].tables:
            work.tables.pop(table, None)
            work.tally.pop(table, None)


def _traced(error: Exception) -> str:
    return "" if isinstance(error, (BoxwrightError, OSError, MemoryError)) else "".join(traceback.format_exception(error))


class _Clock:
    """What a shard takes, from now on."""

    def __init__(self) -> None:
        self._start, self._cpu = time.perf_counter(), time.thread_time()

    def told(self) -> dict[str, Any]:
        here = f"{socket.gethostname()}:{os.getpid()}:{threading.get_native_id()}"
        spent = {"seconds": time.perf_counter() - self._start, "cpu_s": time.thread_time() - self._cpu}
        return {**spent, "worker": here, "peak_mib": peak_mib()}


def peak_mib() -> float:
    """The most memory that this process ever held; getrusage would tell that of the one it was forked from, where that is more."""
    with contextlib.suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# ------------------------------------------------------------ the scene


def _work(name: str, task: Task) -> Work:
    scene, first = _scene(name, task), 0
    if task.shard.frames is not None:
        first, last = task.shard.frames
        scene = window(scene, first, last)
    gold = SceneEntry(task.shard.gold[name], seen_here(task.gold_path), task.gold_format) if name in task.shard.gold else None
    return Work(scene, first, dict(task.options), seen_here(task.out), name, file_label(name), gold, task.lenient)


def _scene(name: str, task: Task) -> Scene:
    """The scene; a worker keeps the last one, since shards of a recording follow each other."""
    key = (task.path, task.format, name, task.shard.inputs, task.lenient, task.limits)
    if getattr(_kept, "key", None) != key:
        _kept.key = _kept.scene = None  # before the next one comes: never two at a time
        _kept.scene = SceneEntry(name, seen_here(task.path), task.format).read(strict=not task.lenient)
        _kept.key = key
    kept: Scene = _kept.scene
    return kept


def _scene_row(work: Work) -> dict[str, Any]:
    scene = work.scene
    return {
        "first_frame": [work.first],
        "n_frames": [len(scene)],
        "n_tracks": [len(scene.tracks)],
        "n_picture_tracks": [len(scene.image_tracks)],
        "n_problems": [len(scene.problems)],
        "label_frame": [scene.label_frame],
        "has_time": [bool(scene.has_time)],
        "format": [scene.format],
        "notes": [[*scene.notes, *work.notes]],
    }


def seen_here(path: str) -> Path:
    """A path of the one who asks, as this machine has it: BOXWRIGHT_BATCH_PATHS="/theirs=/mine:/other=/other/here" says so, the first that fits."""
    for pair in os.environ.get(PATHS, "").split(os.pathsep):
        theirs, is_pair, mine = pair.partition("=")
        if is_pair and (path == theirs or path.startswith(theirs.rstrip("/") + "/")):
            return Path(mine.rstrip("/") + path[len(theirs.rstrip("/")) :])
    return Path(path)


def _check_same_folder(out: Path, task: Task) -> None:
    """StorageError where what is written here would not be in the batch's folder."""
    if mark_of(out) != task.mark:
        hint = f"give a folder that all workers have, or say in {PATHS} where they have it"
        raise StorageError("convert writes where its worker runs, and the worker does not see the batch's folder", path=out, hint=hint)
