"""What a batch does with a scene: each verb looks at the scene it is given and adds rows to tables. The work is that of the package's own verbs."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..certification import certify
from ..checks import Profile, Severity, check
from ..checks.findings import COLUMNS
from ..containment import points_in_cuboids
from ..cuboids import Cuboids
from ..errors import ArgumentError, BoxwrightError, FrameMissing
from ..formats import SceneEntry, write
from ..keyframes import State, Visibility
from ..linking import project_tracks
from ..outputs import on_disk
from ..refitting import TrackRefit, refit_track
from ..scene import Scene
from ..scoring import score
from ..tracks import Track, interpolate_tracks
from .tables import cuboid_columns, named, texts

__all__ = ["CONVERTED", "OPTIONS", "VERBS", "Verb", "Work", "add_tally", "chosen_verbs", "error_row"]

CONVERTED = "converted"
POINT_BINS = (
    *((0, "none"), (1, "1 to 4"), (5, "5 to 9"), (10, "10 to 19"), (20, "20 to 49")),
    *((50, "50 to 99"), (100, "100 to 499"), (500, "500 or more")),
)


@dataclass
class Work:
    """One shard while it is worked on.

    scene : its frames alone, where the shard is a part of a recording
    first : the frame of the recording that is the scene's frame 0
    options : of the verbs, by name
    out : the batch's folder as this machine sees it, for verbs that write there themselves
    name, label : of the scene in its dataset, and as a file can have it
    gold : the scene that labels are held to
    lenient : records that cannot be taken are left out
    tables : name -> parts of columns
    tally : table -> what is counted -> part -> how many, for the summary
    errors : what went wrong, as rows of the table `errors`
    notes : what verbs could not look at, one sentence each
    n_bad : findings that are errors, differences from gold, certificates that do not hold
    """

    scene: Scene
    first: int
    options: Mapping[str, Any]
    out: Path
    name: str
    label: str
    gold: SceneEntry | None = None
    lenient: bool = False
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    tally: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    errors: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    n_bad: int = 0

    def add(self, table: str, columns: dict[str, Any] | None, counted: Mapping[str, Mapping[str, int]] | None = None) -> None:
        """Rows of a table, and what the summary counts of them; None stands for none."""
        parts = self.tables.setdefault(table, [])
        if columns is not None:
            parts.append(columns)
        if counted:
            add_tally(self.tally, {table: counted})

    def failed(self, verb: str, error: BaseException, frame_index: int | None = None) -> None:
        """What went wrong, with one frame or with all; the rest goes on."""
        self.errors.append(error_row(self.name, verb, error, None if frame_index is None else self.first + frame_index))


@dataclass(frozen=True)
class Verb:
    """One verb.

    name, what : what it is called, and does
    tables : those it writes
    options : names of its options; those in `needed` must be given
    is_whole : it needs all frames of a recording at once
    run : adds its rows
    """

    name: str
    what: str
    tables: tuple[str, ...]
    run: Callable[[Work], None]
    options: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    is_whole: bool = False


def error_row(scene: str, verb: str, error: BaseException, frame_index: int | None = None) -> dict[str, Any]:
    """What went wrong, as a row of the table `errors`."""
    if isinstance(error, BoxwrightError):
        code, message = error.code, str(error)
    elif isinstance(error, MemoryError):
        code, message = "memory", "not enough memory for this recording; try fewer workers"
    elif isinstance(error, OSError):
        code, message = "system", f"{'' if error.filename is None else f'{error.filename}: '}{error.strerror or error}"
    else:
        code, message = "fault", f"a fault of boxwright, {type(error).__name__}: {error}"
    return {"scene": scene, "frame_index": frame_index, "verb": verb, "code": code, "message": message}


def add_tally(sums: dict[str, dict[str, dict[str, int]]], more: Mapping[str, Mapping[str, Mapping[str, int]]]) -> None:
    """table -> what is counted -> part -> how many, added up."""
    for table, by_key in more.items():
        for key, by_part in by_key.items():
            mine = sums.setdefault(table, {}).setdefault(key, {})
            for part, n in by_part.items():
                mine[part] = mine.get(part, 0) + n


def counted(names: Sequence[str]) -> dict[str, dict[str, int]]:
    """How often each, as the summary takes it."""
    return {name: {"plain": n} for name, n in sorted(Counter(names).items())}


# ------------------------------------------------------------ fill, count, project


def fill(work: Work) -> None:
    scene, method, every = work.scene, work.options.get("method"), work.options.get("keyframes_every")
    tracks: Sequence[Track] = scene.tracks
    if method is not None:
        tracks = [track.replace(method=method) for track in tracks]
    if every is not None:
        tracks = [track.keyframes_every(every) for track in tracks]
    many = interpolate_tracks(tracks, scene.times_ns)
    order = np.lexsort((many.track_index, many.time_index))  # by frame, so that shards of one recording follow each other
    frame, track = many.time_index[order], many.track_index[order]
    names = [one.category for one in many.tracks]
    columns = {
        "frame_index": work.first + frame,
        "timestamp_ns": scene.times_ns[frame],
        "frame_id": texts(frame, scene.frame_ids),
        "track_id": texts(track, [one.track_id for one in many.tracks]),
        "category": texts(track, names),
        "state": named(State, many.state[order]),
        "visibility": named(Visibility, many.visibility[order]),
        **cuboid_columns(many.cuboids[order] if len(order) else Cuboids.empty(scene.label_frame)),
    }
    work.add("labels", columns, counted([names[k] for k in track.tolist()]))
    _fill_pictures(work, every)


def _fill_pictures(work: Work, every: int | None) -> None:
    scene = work.scene
    work.add("picture_labels", None)
    if not scene.image_tracks:
        return
    if every is not None:
        scene = scene.replace(image_tracks=[track.keyframes_every(every) for track in scene.image_tracks])
    for camera in sorted({track.camera for track in scene.image_tracks}):
        moments = scene.exposures_ns(camera)
        for i in range(len(scene)):
            boxes = scene.boxes(i, camera)
            if len(boxes):
                whose = [scene.image_tracks[k] for k in boxes.track_index.tolist()]
                sides = boxes.shapes.bounds_xyxy()
                columns = {
                    "frame_index": np.full(len(boxes), work.first + i),
                    "timestamp_ns": np.full(len(boxes), moments[i]),
                    "camera": [camera] * len(boxes),
                    "track_id": [track.track_id for track in whose],
                    "category": [track.category for track in whose],
                    "state": named(State, boxes.state),
                    "visibility": named(Visibility, boxes.visibility),
                    **_sides(sides),
                }
                work.add("picture_labels", columns, counted([track.category for track in whose]))


def _sides(xyxy: Any, kind: str = "") -> dict[str, Any]:
    return {f"{kind}{side}_px": np.ascontiguousarray(xyxy[:, k]) for k, side in enumerate(("left", "top", "right", "bottom"))}


def count(work: Work) -> None:
    scene = work.scene
    sensors = _chosen(work, "sensors", scene.lidars)
    ids, names = [track.track_id for track in scene.tracks], [track.category for track in scene.tracks]
    edges = np.array([low for low, _ in POINT_BINS])
    work.add("counts", None)
    for i in range(len(scene)):
        for sensor in sensors:
            try:
                if not scene.has_points(i, sensor):
                    continue
                labels = scene.labels(i, sensor)
                found = points_in_cuboids(scene.still_points(i, sensor), labels.cuboids).counts
            except (BoxwrightError, OSError) as error:
                work.failed("count", error, i)
                continue
            n, track = len(found), labels.track_index
            columns = {
                "frame_index": np.full(n, work.first + i),
                "timestamp_ns": np.full(n, scene.times_ns[i]),
                "sensor": texts(np.zeros(n, np.int32), [sensor]),
                "track_id": texts(track, ids),
                "category": texts(track, names),
                "n_points": found,
            }
            bins = np.bincount(np.searchsorted(edges, found, side="right") - 1, minlength=len(edges))
            work.add("counts", columns, {name: {"plain": int(k)} for (_, name), k in zip(POINT_BINS, bins.tolist()) if k})


def project(work: Work) -> None:
    scene = work.scene
    cameras = _chosen(work, "cameras", scene.cameras) if work.options.get("cameras") else None
    work.add("boxes", None)
    if not scene.cameras:
        return
    seen = project_tracks(scene, cameras, occlusion=False)
    ids, names = [track.track_id for track in seen.tracks], [track.category for track in seen.tracks]
    columns = {
        "frame_index": work.first + seen.frame_index,
        "timestamp_ns": seen.times_ns,
        "camera": texts(seen.camera_index, seen.cameras),
        "track_id": texts(seen.track_index, ids),
        "category": texts(seen.track_index, names),
        "visibility": named(Visibility, seen.visibility),
        **_sides(seen.visible_xyxy),
        **_sides(seen.whole_xyxy, "whole_"),
        "truncation": seen.truncation,
    }
    work.add("boxes", columns, counted([seen.cameras[k] for k in seen.camera_index.tolist()]))


def _chosen(work: Work, option: str, there: Mapping[str, Any]) -> list[str]:
    """The sensors that an option names, or all of them. FrameMissing for one that is not there."""
    wanted = work.options.get(option)
    for name in wanted or ():
        if name not in there:
            known = f"one of {', '.join(there) or 'none'}"
            raise FrameMissing(
                "no such sensor", expected=known, got=repr(name), path=work.scene.path, field=option, hint="'boxwright info' lists them"
            )
    return list(there) if wanted is None else list(dict.fromkeys(wanted))


# ------------------------------------------------------------ check, fit, score


def check_labels(work: Work) -> None:
    given = work.options.get("profile")
    profile = None if given is None else Profile.from_json(json.dumps(given))
    found = check(work.scene, profile, work.options.get("rules"), sensors=work.options.get("sensors"))
    rows = [one.row() for one in found]
    by_rule: dict[str, dict[str, int]] = {}
    for row in rows:
        of_rule = by_rule.setdefault(row["rule"], {})
        of_rule[row["severity"]] = of_rule.get(row["severity"], 0) + 1
    work.add("findings", {name: [row[name] for row in rows] for name in COLUMNS} if rows else None, by_rule)
    work.notes += found.notes
    work.n_bad += sum(one.severity == Severity.ERROR for one in found)


def fit(work: Work) -> None:
    scene, margin, category = work.scene, work.options.get("face_margin_m"), work.options.get("category")
    work.add("fits", None)
    for track in scene.tracks:
        done = refit_track(scene, track, category=category, face_margin_m=margin)
        stamped = np.flatnonzero(np.isin(track.times_ns, scene.times_ns) & (track.visibility != Visibility.OUTSIDE))
        if len(stamped):
            work.add("fits", _fit_columns(work, track, done, stamped), _fit_tally(done, stamped))


def _fit_tally(done: TrackRefit, rows: Any) -> dict[str, dict[str, int]]:
    return counted(["fitted" if done.fits[k] is not None else "left as it was" for k in rows.tolist()])


def _fit_columns(work: Work, track: Track, done: TrackRefit, rows: Any) -> dict[str, Any]:
    fits = [done.fits[k] for k in rows.tolist()]
    nothing = np.full(3, np.nan)
    center = np.array([nothing if one is None else one.sigma.center_m for one in fits])
    size = np.array([nothing if one is None else one.sigma.size_m for one in fits])
    cuboids, before = done.track.cuboids[rows], track.cuboids[rows]
    return {
        "frame_index": work.first + np.searchsorted(work.scene.times_ns, track.times_ns[rows]),
        "timestamp_ns": track.times_ns[rows],
        "track_id": [track.track_id] * len(rows),
        "category": [track.category] * len(rows),
        "is_fitted": np.array([one is not None for one in fits]),
        **cuboid_columns(cuboids),
        "moved_m": np.linalg.norm(cuboids.center_m - before.center_m, axis=1),
        **{f"sigma_{axis}_m": center[:, k] for k, axis in enumerate("xyz")},
        **{f"sigma_{name}_m": size[:, k] for k, name in enumerate(("length", "width", "height"))},
        "sigma_yaw_rad": np.array([np.nan if one is None else one.sigma.yaw_rad for one in fits]),
        "observed_faces": [None if one is None else " ".join(one.observed_faces) for one in fits],
        "flags": [None if one is None else " ".join(sorted(one.flags)) for one in fits],
    }


def score_labels(work: Work) -> None:
    if work.gold is None:
        hint = "name scenes as their gold is named"
        raise FrameMissing("no gold for this scene", got=repr(work.scene.name), path=work.options["gold"], field="gold", hint=hint)
    found = score(work.scene, work.gold.read(strict=not work.lenient))
    rows = []
    for name, quality, tracking in (
        ("all", found.overall, found.tracking),
        *((name, quality, found.tracking_per_class[name]) for name, quality in found.per_class.items()),
    ):
        row = {key: getattr(quality, key) for key in ("n_objects", "n_gold", "n_labels", "n_matched")}
        row |= {key: getattr(quality, key).value for key in ("precision", "recall", "f1", "iou", "ate_m", "ase", "aoe_rad", "ave_mps", "aae")}
        whole = {"hota": tracking.hota.hota, "mota": tracking.clear.mota, "idf1": tracking.identity.idf1}
        rows.append({"gold": found.gold_name, "annotator": found.annotator, "category": name, **row, **whole})
    found_rows = [asdict(error) for error in found.errors]
    for one in found_rows:
        for name in ("original", "corrected"):
            one[name] = None if one[name] is None else json.dumps(one[name], default=str)
    counts = {"gold": found.overall.n_gold, "labels": found.overall.n_labels, "matched": found.overall.n_matched}
    work.add("scores", _columns(rows), {name: {"plain": n} for name, n in counts.items()})
    work.add("label_errors", _columns(found_rows), counted([one["kind"] for one in found_rows]))
    work.n_bad += len(found.errors) + len(found.unlisted)


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else None


# ------------------------------------------------------------ certify, convert


def certify_scene(work: Work) -> None:
    made = certify(work.scene, work.options["to"], client_python=work.options.get("client_python"))
    rows = []
    for reading in made.readings:
        common = {
            "format": made.format,
            "read_with": reading.read_with,
            "holds": reading.holds,
            "time_error_ns": reading.time_error_ns,
            "reasons": list(reading.reasons),
            "lost": [f"{one.field}: {one.n_lost} of {one.n_given}" for one in reading.lost],
        }
        for one in reading.cuboids:
            rows.append({**common, **asdict(one)})
        if not reading.cuboids:
            rows.append({**common, "category": "all", "n_given": 0, "n_lost": 0, "corner_m": None, "iou": None, "heading_rad": None})
    work.add("certificates", _columns(rows), counted(["holds" if made.holds else "does not hold"]))
    work.n_bad += not made.holds


def convert(work: Work) -> None:
    place = work.out / CONVERTED / work.label
    if place.is_dir():  # of a run that was stopped between writing it and saying so
        shutil.rmtree(place)
    report = write(work.scene, place, work.options["to"])
    for file in [place, *place.rglob("*")]:
        on_disk(file)
    row: dict[str, Any] = {**asdict(report), "folder": f"{CONVERTED}/{work.label}"}
    del row["path"]
    work.add("conversions", _columns([row]), counted([report.format]))


def _verbs() -> dict[str, Verb]:
    every = (
        Verb("fill", "keyframes become labels in every frame", ("labels", "picture_labels"), fill, ("method", "keyframes_every")),
        Verb("count", "the points in each cuboid, of each LiDAR", ("counts",), count, ("sensors",)),
        Verb("project", "the box of each cuboid in each picture", ("boxes",), project, ("cameras",)),
        Verb("check", "labels held to the world", ("findings",), check_labels, ("rules", "profile", "sensors"), is_whole=True),
        Verb("fit", "keyframes snapped to their points", ("fits",), fit, ("category", "face_margin_m"), is_whole=True),
        Verb("score", "labels held to gold", ("scores", "label_errors"), score_labels, ("gold",), ("gold",), is_whole=True),
        Verb("certify", "what a format would keep", ("certificates",), certify_scene, ("to", "client_python"), ("to",), is_whole=True),
        Verb("convert", "another format", ("conversions",), convert, ("to",), ("to",), is_whole=True),
    )
    return {verb.name: verb for verb in every}


VERBS: Mapping[str, Verb] = _verbs()
OPTIONS: Mapping[str, tuple[str, ...]] = {
    name: tuple(verb.name for verb in VERBS.values() if name in verb.options) for name in dict.fromkeys(o for v in VERBS.values() for o in v.options)
}
"""option -> the verbs that take it"""


def chosen_verbs(names: Any) -> list[Verb]:
    """Verbs by name: one, several in a list, or "fill,count"; in the order they run. ArgumentError for others."""
    given = names.split(",") if isinstance(names, str) else names
    asked = [str(name).strip() for name in given] if isinstance(given, (list, tuple)) else []
    for name in asked:
        if name not in VERBS:
            raise ArgumentError(expected=f"verbs of {', '.join(VERBS)}", got=repr(name), field="verbs", hint="several: 'fill,count,project'")
    if not asked:
        raise ArgumentError(expected=f"at least one of {', '.join(VERBS)}", got=f"{names!r:.60}", field="verbs")
    return [verb for verb in VERBS.values() if verb.name in asked]
