"""`batch`: plans, hands shards to an engine, keeps what comes back, and says what came of it."""

from __future__ import annotations

import dataclasses
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import __version__
from ..checks import Profile
from ..checks.registry import chosen_rules
from ..errors import ArgumentError, BoxwrightError, SensorFrameFallback
from ..formats import SceneList, check_writable, scenes
from ..interpolation import method_code
from ..limits import limits
from ..outputs import as_path, check_outside
from ..taxonomy import Taxonomy
from .computing import Outcome, Task, compute, peak_mib
from .engines import Engine, check_engine, open_engine
from .folder import BatchFolder, open_folder
from .planning import Shard, gold_names, inputs_of, scenes_a_shard, shards_of
from .progress import BatchProgress
from .report import BatchReport, written_report
from .tables import check_library
from .verbs import OPTIONS, Verb, chosen_verbs, error_row

__all__ = ["batch"]


def batch(
    dataset: str | os.PathLike[str],
    verbs: str | Sequence[str],
    out: str | os.PathLike[str],
    *,
    engine: str = "processes",
    n_workers: int | None = None,
    scheduler: str | None = None,
    format: str | None = None,
    lenient: bool = False,
    strict: bool = False,
    shard_frames: int | None = None,
    shard_scenes: int | None = None,
    hash_inputs: bool = False,
    progress: Callable[[BatchProgress], Any] = lambda said: None,
    **options: Any,
) -> BatchReport:
    """Verbs over all scenes of a dataset, into a folder of Parquet tables; run again, it goes on where it was stopped.

    dataset : what `bw.scenes` lists
    verbs : of "fill", "count", "project", "check", "fit", "score", "certify", "convert": one, or several ("fill,count,project"), which share the
        reading of each scene
    out : a folder: a new one, or that of the same batch, whose finished shards are kept where their inputs have not changed
    engine : "processes" (one for each core), "threads", or "dask" (extra `batch`); the results are the same to the byte
    n_workers : how many work at a time; by default as many as there are cores
    scheduler : address of a Dask scheduler that is there already, such as "tcp://10.0.0.1:8786"; its workers read the dataset at its path
    format : of the dataset, found by looking where None
    lenient : records that cannot be taken are left out, as `bw.read(strict=False)` does
    strict : stop at the first shard in which something goes wrong; otherwise it is told in the table `errors`, and the others go on
    shard_frames : split longer recordings into pieces of so many frames, for fill, count and project; by default a scene is one shard
    shard_scenes : put about so many scenes into each shard; by default 1, and more where there are many small ones
    hash_inputs : tell changed files by what is in them, not by their size and time of change
    progress : called with a BatchProgress after each shard
    options : of the verbs. fill: method, keyframes_every; count: sensors; project: cameras; check: rules, profile (a Profile or a file), sensors;
        fit: category, face_margin_m; score: gold (needed; a dataset with scenes of the same names); certify: to (needed), client_python;
        convert: to (needed)

    Each shard's tables come into being as a whole, and its line in the manifest after them, so that a run may be killed at any moment. Memory does
    not grow with the dataset, but for half a kilobyte a shard. A script that calls this with processes needs `if __name__ == "__main__":`.
    ArgumentError for verbs, options and numbers that cannot be, and for a folder of another batch; StorageError where it cannot be written to or
    another run writes there.
    """
    chosen = chosen_verbs(verbs)
    given = _options(chosen, options)
    check_engine(engine, n_workers, scheduler)
    _check_shards(chosen, shard_frames, shard_scenes)
    check_library()
    place, found = as_path(out), scenes(dataset, format)
    check_outside(place, found.path, "out")
    gold = scenes(given["gold"]) if "gold" in given else None
    if gold is not None:
        check_outside(place, gold.path, "out")
    spec = {
        "boxwright": __version__,
        "dataset": os.fspath(found.path.resolve()),
        "dataset_format": found.format,
        "verbs": [verb.name for verb in chosen],
        "options": given,
        "lenient": bool(lenient),
        "shard_frames": shard_frames,
        "shard_scenes": shard_scenes,
        "hash_inputs": bool(hash_inputs),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SensorFrameFallback)  # told among the notes of each scene
        with open_folder(place, spec) as folder:
            shards = _planned(folder, spec, found, gold)
            run = _Run(folder, shards, strict=strict, progress=progress)
            if run.waiting:
                with open_engine(engine, n_workers, scheduler) as runner:
                    run.compute(runner, _task_maker(spec, folder, gold, runner.is_apart))
            folder.drop_others(shard.shard_id for shard in shards)
            folder.finish(shard.shard_id for shard in shards)
            return written_report(folder, spec, run.said)


def _planned(folder: BatchFolder, spec: Mapping[str, Any], found: SceneList, gold: SceneList | None) -> list[Shard]:
    names = {} if gold is None else gold_names(found, gold)
    inputs = inputs_of(found.path, found.names, by_content=spec["hash_inputs"])
    of_gold = {} if gold is None else inputs_of(gold.path, gold.names, by_content=spec["hash_inputs"]).digests
    n_scenes = spec["shard_scenes"]
    if n_scenes is None:
        by_size = 1 if spec["shard_frames"] is not None else scenes_a_shard(len(found), inputs.n_bytes)
        n_scenes = folder.settled("scenes_a_shard", by_size)
    return list(shards_of(found, n_scenes, spec["shard_frames"], inputs.digests, names, of_gold))


def _task_maker(spec: Mapping[str, Any], folder: BatchFolder, gold: SceneList | None, is_apart: bool) -> Callable[[Shard], Task]:
    bounds = tuple(f"{name}={value}" for name, value in dataclasses.asdict(limits()).items())
    place = "" if gold is None else os.fspath(gold.path.resolve())
    return lambda shard: Task(
        shard=shard,
        path=spec["dataset"],
        format=spec["dataset_format"],
        verbs=tuple(spec["verbs"]),
        options=spec["options"],
        gold_path=place,
        gold_format="" if gold is None else gold.format,
        out=os.fspath(folder.out.resolve()),
        mark=folder.mark,
        lenient=spec["lenient"],
        limits=bounds,
        is_apart=is_apart,
        version=__version__,
    )


class _Run:
    """One run over the shards of a batch."""

    def __init__(self, folder: BatchFolder, shards: Sequence[Shard], *, strict: bool, progress: Callable[[BatchProgress], Any]) -> None:
        self.folder, self.shards, self.strict, self.progress = folder, shards, strict, progress
        self.waiting = [shard for shard in shards if not folder.is_done(shard.shard_id, shard.inputs)]
        n_reused = len(shards) - len(self.waiting)
        self.said = BatchProgress(len(shards), n_done=n_reused, n_reused=n_reused)
        progress(self.said)

    def compute(self, engine: Engine, task_of: Callable[[Shard], Task]) -> None:
        """Computes what is not done yet. With `strict`, the error of the first shard that has one is raised."""
        folder = self.folder
        folder.log("run", n_shards=len(self.shards), n_reused=self.said.n_reused, n_workers=engine.n_workers, process=os.getpid())
        start, cpu = time.perf_counter(), time.process_time()
        for task, outcome in engine.run(compute, self._begun(task_of)):
            self._keep(task.shard, outcome, time.perf_counter() - start)
        spent = {"seconds": time.perf_counter() - start, "cpu_s": time.process_time() - cpu}
        folder.log("end", n_shards=len(self.waiting), n_frames=self.said.n_frames, peak_mib=peak_mib(), **spent)

    def _begun(self, task_of: Callable[[Shard], Task]) -> Iterator[Task]:
        for shard in self.waiting:
            self.folder.log("begun", shard=shard.shard_id)
            yield task_of(shard)

    def _keep(self, shard: Shard, outcome: Outcome | BaseException, seconds: float) -> None:
        if isinstance(outcome, BaseException):
            if not isinstance(outcome, Exception):
                raise outcome
            outcome = Outcome(errors=tuple(error_row(name, "run", outcome) for name in shard.scenes), fault=repr(outcome))
        record = {
            "shard": shard.shard_id,
            "scenes": list(shard.scenes),
            "frames": shard.frames,
            "inputs": shard.inputs,
            "n_frames": outcome.n_frames,
            "n_rows": dict(sorted(outcome.n_rows.items())),
            "tally": outcome.tally,
            "n_bad": outcome.n_bad,
            "errors": list(outcome.errors),
        }
        self.folder.keep(record, outcome.files, outcome.folders)
        told = {name: getattr(outcome, name) for name in ("n_frames", "seconds", "cpu_s", "worker", "peak_mib")}
        told |= {"fault": outcome.fault} if outcome.fault else {}
        self.folder.log("failed" if outcome.errors else "done", shard=shard.shard_id, **told)
        before = self.said
        self.said = dataclasses.replace(
            before,
            n_done=before.n_done + 1,
            n_failed=before.n_failed + bool(outcome.errors),
            n_frames=before.n_frames + outcome.n_frames,
            seconds=seconds,
        )
        self.progress(self.said)
        if outcome.errors and self.strict:
            first = outcome.errors[0]
            where = shard.shard_id if len(shard.scenes) == 1 else f"{shard.shard_id}, scene {first['scene']}"
            raise BoxwrightError(f"shard {where}: {first['message']}", hint="what is done stays; without strict the others go on")


# ------------------------------------------------------------ what is asked for


def _check_shards(chosen: Sequence[Verb], shard_frames: int | None, shard_scenes: int | None) -> None:
    if shard_scenes is not None:
        _whole("shard_scenes", shard_scenes)
    if shard_frames is None:
        return
    _whole("shard_frames", shard_frames)
    if shard_scenes is not None:
        got = f"shard_frames {shard_frames} too"
        raise ArgumentError("a shard has several scenes, or some frames of one", got=got, field="shard_scenes", hint="leave one of the two out")
    whole = [verb.name for verb in chosen if verb.is_whole]
    if whole:
        hint = "leave it out, or run them as a batch of their own"
        raise ArgumentError(f"{', '.join(whole)} looks at all frames of a recording at once", got=str(shard_frames), field="shard_frames", hint=hint)


def _options(chosen: Sequence[Verb], options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of the chosen verbs as JSON holds them, looked at before anything is run; those that are None are left out."""
    given = {name: value for name, value in options.items() if value is not None}
    allowed = {name for verb in chosen for name in verb.options}
    for name in given:
        if name not in allowed:
            verbs = OPTIONS.get(name)
            hint = None if verbs is None else f"it is an option of {' and '.join(verbs)}"
            raise ArgumentError("no such option", expected=f"one of {', '.join(sorted(allowed)) or 'none'}", got=repr(name), field=name, hint=hint)
    for verb in chosen:
        for name in verb.needed:
            if name not in given:
                raise ArgumentError(f"{verb.name} needs it", expected=_WANTED[name], got="none", field=name)
    return {name: _OPTION[name](name, value) for name, value in sorted(given.items())}


_WANTED = {"to": "a format to write, such as kitti_tracking", "gold": "a dataset of gold, with scenes of the same names"}


def _path(name: str, value: Any) -> str:
    return os.fspath(as_path(value).absolute())


def _gold(name: str, value: Any) -> str:
    return os.fspath(as_path(value).resolve())


def _format(name: str, value: Any) -> str:
    check_writable(value, "to")
    return str(value)


def _method(name: str, value: Any) -> str:
    method_code(name, value)
    return str(value)


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ArgumentError(expected="a whole number from 1", got=repr(value), field=name)
    return value


def _length(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -1 <= value <= 1:
        raise ArgumentError(expected="a length from -1 to 1 m", got=repr(value), field=name)
    return float(value)


def _category(name: str, value: Any) -> str:
    Taxonomy.default().find(value)
    return str(value)


def _names(name: str, value: Any) -> list[str]:
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)) or not names or not all(isinstance(one, str) and one.strip() for one in names):
        raise ArgumentError(expected="names of sensors", got=repr(value)[:60], field=name, hint="one, several in a list, or 'front,rear'")
    return [one.strip() for one in names]


def _rules(name: str, value: Any) -> list[str]:
    chosen_rules(value)
    return [value] if isinstance(value, str) else list(value)


def _profile(name: str, value: Any) -> Any:
    import json

    profile = value if isinstance(value, Profile) else Profile.read(Path(value))
    return json.loads(profile.to_json())


_OPTION: Mapping[str, Callable[[str, Any], Any]] = {
    "to": _format,
    "gold": _gold,
    "client_python": _path,
    "method": _method,
    "keyframes_every": _whole,
    "face_margin_m": _length,
    "category": _category,
    "sensors": _names,
    "cameras": _names,
    "rules": _rules,
    "profile": _profile,
}
