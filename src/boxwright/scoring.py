"""Labels against gold: what was found, how well it sits, how well tracks follow, and every single error."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from .arrays import Float64s, Int64s, check_kind
from .cuboids import table_library
from .differences import KINDS, Differences, LabelError, Tolerances, as_tolerances, differences, label_errors
from .errors import ArgumentError, BoxwrightError, number_of
from .gold_plan import GoldPlan
from .intervals import NOTHING, Estimate, check_seed, estimate, median_of, ratio_of
from .matching import (
    LabelTable,
    MatchRules,
    Pairs,
    TrackPair,
    annotator_of,
    as_rules,
    common_times,
    frame_pairs,
    labels_at,
    similarities,
    track_pairs,
)
from .picture_scores import picture_quality
from .point_labels import PointLabels
from .point_scores import PointComparison, compare_point_labels
from .qualities import PictureQuality, Quality, TrackQuality, quality_dict, tracking_dict
from .scene import Scene
from .track_metrics import clear, hota, identity

__all__ = ["LEAST_OBJECTS", "AnnotatorQuality", "Score", "compare_annotators", "score"]

LEAST_OBJECTS = 50
MEASURES = ("iou", "ate_m", "ase", "aoe_rad", "ave_mps", "aae")


@dataclass(frozen=True, eq=False)
class _Objects:
    """U objects, gold or extraneous, one row for each object and class: what is added up to get a Quality."""

    keys: list[str]
    categories: list[str]
    is_gold: list[bool]
    counts: Float64s  # (U, 3) found, missed, extraneous
    sums: Float64s  # (U, 6) of MEASURES
    numbers: Float64s  # (U, 6) how many were summed


@dataclass(frozen=True, eq=False)
class Score:
    """Labels against gold.

    annotator : whose labels: the scene's tag "annotator", else its name
    frames : the gold scene's frames that were compared
    overall, per_class : Quality of all, and of each class
    tracking, tracking_per_class : of all together (labels of another class never match), and of each class
    errors : every error of a cuboid, by frame; what labels in pictures and of points differ in is `unlisted`
    track_pairs : (gold track, label track, frames in which they are one), for whole tracks
    notes : what had to be assumed, one sentence each
    pictures : camera -> PictureQuality, of those whose pictures gold labels
    points : labels of points, where gold has some; None where it has none
    """

    name: str
    gold_name: str
    annotator: str
    frames: Int64s
    overall: Quality
    per_class: Mapping[str, Quality]
    tracking: TrackQuality
    tracking_per_class: Mapping[str, TrackQuality]
    errors: Sequence[LabelError]
    track_pairs: Sequence[tuple[str, str, int]]
    notes: Sequence[str]
    _objects: _Objects = field(repr=False)
    pictures: Mapping[str, PictureQuality] = field(default_factory=dict)
    points: PointComparison | None = None

    @property
    def f1(self) -> float:
        """Of cuboids and labels in pictures together, each label counting alike; NaN where neither gold nor labels have any."""
        counted = [self.overall, *self.pictures.values()]
        n = sum(one.n_gold + one.n_labels for one in counted)
        return 2 * sum(one.n_matched for one in counted) / n if n else math.nan

    @property
    def n_errors(self) -> dict[str, int]:
        """How many of each kind."""
        found = Counter(error.kind for error in self.errors)
        return {kind: found[kind] for kind in KINDS}

    @property
    def unlisted(self) -> list[str]:
        """What labels in pictures and of points differ from gold in, one sentence for each camera and one for the points; `errors` are of cuboids."""
        told = [
            f"labels in pictures of {camera}: {one.n_gold - one.n_matched:,} of {one.n_gold:,} of gold are missing, "
            f"{one.n_labels - one.n_matched:,} of {one.n_labels:,} are extraneous"
            for camera, one in self.pictures.items()
            if one.n_matched < max(one.n_gold, one.n_labels)
        ]
        points = self.points
        if points is not None and not points.is_perfect:
            n, n_right = int(points.confusion[1:].sum()), int(np.trace(points.confusion[1:, 1:]))
            n_missed, n_extra = int(points.n_missed.sum()), int(points.n_extra.sum())
            told.append(
                f"labels of points: {n - n_right:,} of {n:,} points are of another class than in gold, {n_missed:,} of its objects are missing, "
                f"{n_extra:,} are extraneous" + ("" if n > n_right or n_missed or n_extra else ", points are shared out among objects otherwise")
            )
        return told

    def quality_report(self) -> dict[str, list[dict[str, Any]]]:
        """The errors of cuboids by kind, each with original and corrected value, in the shape annotation services use."""
        report: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
        for error in self.errors:
            values = {"originalValue": error.original, "correctedValue": error.corrected}
            target = error.track_id if error.gold_track_id is None else error.gold_track_id
            report[error.kind].append({"target": target, "frame": error.frame_index, "errorType": error.kind, "metadata": values})
        return report

    def to_dict(self) -> dict[str, Any]:
        """Everything, as what JSON can hold (NaN where a figure is not known)."""
        return {
            "scene": self.name,
            "gold": self.gold_name,
            "annotator": self.annotator,
            "frames": self.frames.tolist(),
            "f1": self.f1,
            "overall": quality_dict(self.overall),
            "per_class": {name: quality_dict(quality) for name, quality in self.per_class.items()},
            "tracking": tracking_dict(self.tracking),
            "tracking_per_class": {name: tracking_dict(quality) for name, quality in self.tracking_per_class.items()},
            "n_errors": self.n_errors,
            "errors": [asdict(error) for error in self.errors],
            "unlisted": self.unlisted,
            "track_pairs": [{"gold_track_id": a, "track_id": b, "n_frames": n} for a, b, n in self.track_pairs],
            "notes": list(self.notes),
            "pictures": {name: {**quality_dict(one), **tracking_dict(one)} for name, one in self.pictures.items()},
            "points": None if self.points is None else {"mean_iou": self.points.mean_iou, "per_class": self.points.by_class()},
        }

    def to_pandas(self) -> Any:
        """The errors as a pandas.DataFrame (extra `table`)."""
        return table_library("pandas").DataFrame([asdict(error) for error in self.errors])

    def __repr__(self) -> str:
        return f"Score({self.annotator!r}, {number_of(len(self.frames), 'frame')}, F1 {self.overall.f1}, {number_of(len(self.errors), 'error')})"


@dataclass(frozen=True)
class AnnotatorQuality:
    """One annotator over all that was scored.

    rank : from 1, by F1, among those with at least 50 gold objects; None below: fewer say nothing about a person
    """

    annotator: str
    quality: Quality
    rank: int | None


def score(
    scene: Scene,
    gold: Scene,
    *,
    frames: Sequence[int] | GoldPlan | None = None,
    rules: MatchRules | None = None,
    tolerances: Tolerances | None = None,
    seed: int = 0,
) -> Score:
    """Labels against gold, frame by frame and as whole tracks.

    frames : indices of the gold's frames, or the plan they were chosen by; all of them where None. Name them where only some carry gold: in the
        others every label would be extraneous
    rules : when two labels may be the same object
    tolerances : what a label may be off before it is listed as an error; figures do not depend on it
    seed : of the resampling that intervals come from

    TimeError where the two have no frame in common, GeometryError where the labels cannot be brought into the gold's frame.
    """
    for name, value in (("scene", scene), ("gold", gold)):
        if not isinstance(value, Scene):
            raise ArgumentError(expected="a Scene", got=type(value).__name__, field=name, hint="bw.read gives one")
    rules, tolerances = as_rules(rules), as_tolerances(tolerances)
    check_seed(seed)
    chosen = _chosen(gold, frames)
    common_times([gold, scene], gold.times_ns[chosen])
    of_gold, of_label = (labels_at(one, gold.times_ns, gold.label_frame) for one in (gold, scene))
    velocities = of_gold.velocity_mps(), of_label.velocity_mps()  # from all frames, compared in the chosen ones
    keep = [np.isin(table.time_index, chosen) for table in (of_gold, of_label)]
    velocities = velocities[0][keep[0]], velocities[1][keep[1]]
    of_gold, of_label = of_gold.only(keep[0]), of_label.only(keep[1])
    attributes = of_gold.attributes(), of_label.attributes()
    alike = similarities(of_gold, of_label, rules)
    whole = track_pairs(of_gold, of_label, alike, rules.least_similarity)
    pairs = frame_pairs(of_gold, of_label, alike, whole, rules.least_similarity)
    found = differences(of_gold, of_label, pairs, velocities, attributes)
    objects = _objects(of_gold, of_label, pairs, found, whole, gold.name)
    classes = sorted(set(objects.categories))
    return Score(
        scene.name,
        gold.name,
        annotator_of(scene),
        chosen,
        _quality(objects, None, seed),
        {name: _quality(objects, name, seed) for name in classes},
        _tracking(of_gold, of_label, alike, chosen),
        {name: _tracking(of_gold, of_label, alike, chosen, name) for name in classes},
        label_errors(of_gold, of_label, pairs, found, attributes, tolerances, np.arange(len(gold))),
        [(of_gold.tracks[pair.a].track_id, of_label.tracks[pair.b].track_id, pair.n_frames) for pair in whole],
        _notes(scene, gold, chosen),
        objects,
        {camera: picture_quality(scene, gold, camera, chosen, seed) for camera in sorted({track.camera for track in gold.image_tracks})},
        _points(scene, gold, chosen),
    )


def compare_annotators(scores: Sequence[Score], *, seed: int = 0) -> list[AnnotatorQuality]:
    """Everything each annotator was scored on, put together; the best first, those who cannot be ranked last, by name."""
    if isinstance(scores, Score) or not all(isinstance(one, Score) for one in scores):
        raise ArgumentError(expected="a list of scores", got=type(scores).__name__, field="scores", hint="bw.score gives one")
    names = sorted({one.annotator for one in scores})
    done = {name: _quality(_joined([one for one in scores if one.annotator == name]), None, seed) for name in names}
    ranked = sorted((name for name in names if done[name].n_objects >= LEAST_OBJECTS), key=lambda name: (-done[name].f1.value, name))
    places = {name: 1 + sum(done[other].f1.value > done[name].f1.value for other in ranked) for name in ranked}
    return [AnnotatorQuality(name, done[name], places.get(name)) for name in [*ranked, *(name for name in names if name not in places)]]


def _chosen(gold: Scene, frames: Any) -> Int64s:
    if isinstance(frames, GoldPlan):
        frames = frames.frames(gold)
    if frames is None:
        return np.arange(len(gold))
    check_kind("frames", frames, (Sequence, np.ndarray), "a list of frames' indices, or a plan", "such as [0, 10, 20]")
    chosen = np.unique(np.array([gold._frame(i) for i in frames], np.int64))
    if not len(chosen):
        raise ArgumentError(expected="at least one frame", got="none", field="frames", hint="leave it out for all of the gold's frames")
    return chosen


def _notes(scene: Scene, gold: Scene, chosen: Int64s) -> list[str]:
    notes = []
    times = gold.times_ns[chosen]
    n_lost = int((~np.isin(times, scene.times_ns)).sum())
    if n_lost:
        notes.append(f"{n_lost} of {len(times)} gold frames are no frames of {scene.name!r}: what its tracks say between their keyframes was taken")
    without = sorted({track.camera for track in scene.image_tracks} - {track.camera for track in gold.image_tracks})
    if without:
        notes.append(f"gold has no labels in the pictures of {', '.join(without)}: those there are not compared")
    if gold.label_frame == scene.label_frame == "world":
        gaps = []
        for stamp in times[[0, len(times) // 2, -1]].tolist():
            try:
                gaps.append(np.linalg.norm(scene.world_from_ego(stamp).translation_m - gold.world_from_ego(stamp).translation_m))
            except BoxwrightError:
                continue  # poses need not cover frames without labels
        if gaps and max(gaps) > 0.05:
            notes.append(f"the ego poses of the two differ by up to {max(gaps):.2f} m, which is in the errors of position")
    return notes


def _points(scene: Scene, gold: Scene, chosen: Int64s) -> PointComparison | None:
    """Labels of points in the sweeps that gold labels; a sweep that the other has no labels of is all unlabelled there."""
    found, right = [], []
    for i in chosen.tolist():
        here = np.flatnonzero(scene.times_ns == gold.times_ns[i])
        for sensor in gold.lidars:
            if gold.has_point_labels(i, sensor):
                labels = gold.point_labels(i, sensor)
                is_there = len(here) and sensor in scene.lidars and scene.has_point_labels(int(here[0]), sensor)
                found.append(
                    scene.point_labels(int(here[0]), sensor)
                    if is_there
                    else PointLabels(np.zeros(len(labels), np.uint16), np.zeros(len(labels), np.uint32))
                )
                right.append(labels)
    return compare_point_labels(found, right) if right else None


def _objects(gold: LabelTable, label: LabelTable, pairs: Pairs, found: Differences, whole: Sequence[TrackPair], scene: str) -> _Objects:
    """Every label counted with the object it belongs to: an extraneous one with the gold track that its own track follows, if any."""
    follows = {pair.b: pair.a for pair in whole}
    rows: dict[tuple[str, str], list[Any]] = {}
    same = pairs.is_same_class

    def row(key: str, category: str, is_gold: bool) -> list[Any]:
        return rows.setdefault((key, category), [is_gold, np.zeros(3), np.zeros(6), np.zeros(6)])

    def of_gold(i: int) -> list[Any]:
        track = gold.tracks[int(gold.track_index[i])]
        return row(f"{scene}/gold/{track.track_id}", track.category, True)

    measured = np.stack(
        [found.iou, found.distance_xy_m, found.scale_error, found.orientation_error_rad, found.velocity_error_mps, found.attribute_error], 1
    )
    for p, i in zip(np.flatnonzero(same).tolist(), pairs.a_row[same].tolist()):
        one, values = of_gold(i), measured[p]
        one[1][0] += 1
        one[2] += np.nan_to_num(values)
        one[3] += np.isfinite(values)
    for i in [*pairs.alone_a.tolist(), *pairs.a_row[~same].tolist()]:
        of_gold(i)[1][1] += 1
    for j in [*pairs.alone_b.tolist(), *pairs.b_row[~same].tolist()]:
        k = int(label.track_index[j])
        track, its = label.tracks[k], follows.get(k)
        key = f"{scene}/label/{track.track_id}" if its is None else f"{scene}/gold/{gold.tracks[its].track_id}"
        row(key, track.category, False)[1][2] += 1
    ordered = sorted(rows.items())
    columns: Any = list(zip(*(values for _, values in ordered))) or [(), (), (), ()]
    return _Objects(
        [key for (key, _), _ in ordered],
        [category for (_, category), _ in ordered],
        list(columns[0]),
        np.array(columns[1]).reshape(-1, 3),
        np.array(columns[2]).reshape(-1, 6),
        np.array(columns[3]).reshape(-1, 6),
    )


def _joined(scores: Sequence[Score]) -> _Objects:
    parts = [one._objects for one in sorted(scores, key=lambda one: (one.gold_name, one.name))]
    if len({key for part in parts for key in part.keys}) < sum(len(set(part.keys)) for part in parts):
        clash = "the same gold was scored twice for one annotator"
        raise ArgumentError(clash, field="scores", hint="give scenes names of their own, and tag scenes with their annotators")
    return _Objects(
        [key for part in parts for key in part.keys],
        [category for part in parts for category in part.categories],
        [is_gold for part in parts for is_gold in part.is_gold],
        np.concatenate([part.counts for part in parts]),
        np.concatenate([part.sums for part in parts]),
        np.concatenate([part.numbers for part in parts]),
    )


def _quality(objects: _Objects, category: str | None, seed: int) -> Quality:
    """Of one class, or of all."""
    at = [i for i, name in enumerate(objects.categories) if category is None or name == category]
    keys, which = np.unique([objects.keys[i] for i in at], return_inverse=True) if at else (np.zeros(0, str), np.zeros(0, np.int64))
    counts, sums, numbers = (np.zeros((len(keys), width)) for width in (3, 6, 6))
    for total, part in ((counts, objects.counts), (sums, objects.sums), (numbers, objects.numbers)):
        np.add.at(total, which, part[at])
    true, missed, extra = counts.T
    n = len(keys)
    means = np.divide(sums, numbers, out=np.full_like(sums, np.nan), where=numbers > 0)

    def share(top: Float64s, bottom: Float64s) -> Estimate:
        return estimate(ratio_of(top, bottom), n, is_share=True, seed=seed)

    def middle(k: int) -> Estimate:
        known = means[np.isfinite(means[:, k]), k]
        return estimate(median_of(known), len(known), seed=seed) if len(known) else NOTHING

    gold_keys = {objects.keys[i] for i in at if objects.is_gold[i]}
    return Quality(
        len(gold_keys),
        int((true + missed).sum()),
        int((true + extra).sum()),
        int(true.sum()),
        share(true, true + extra),
        share(true, true + missed),
        share(2 * true, 2 * true + missed + extra),
        *(estimate(ratio_of(sums[:, k], numbers[:, k]), n, is_share=k == 0, seed=seed) for k in range(len(MEASURES))),
        *(middle(k) for k in (1, 2, 3)),
    )


def _tracking(gold: LabelTable, label: LabelTable, alike: Sequence[Float64s], times: Int64s, category: str | None = None) -> TrackQuality:
    """Of one class, or of all; labels of different classes are never alike."""
    names = sorted({track.category for track in (*gold.tracks, *label.tracks)})
    class_gold, class_label = (np.array([names.index(track.category) for track in table.tracks], np.int64) for table in (gold, label))
    wanted = None if category is None else names.index(category)
    ids: tuple[list[Any], list[Any], list[Any]] = ([], [], [])
    for t in times.tolist():
        a, b = gold.track_index[gold.rows(t)], label.track_index[label.rows(t)]
        one = np.where(class_gold[a][:, None] == class_label[b], alike[t], 0.0)
        if wanted is not None:
            keep_a, keep_b = class_gold[a] == wanted, class_label[b] == wanted
            a, b, one = a[keep_a], b[keep_b], one[np.ix_(keep_a, keep_b)]
        for part, value in zip(ids, (a, b, one)):
            part.append(value)
    return TrackQuality(hota(*ids), clear(*ids), identity(*ids))
