"""The labels of two scenes at the same moments, and which of them are the same object."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .arrays import Bools, Float64s, Int64s, UInt8s, as_floats, check_kind
from .assignment import assigned
from .cuboids import Cuboids
from .errors import ArgumentError, BoxwrightError, GeometryError, TimeError
from .overlap import iou_3d
from .scene import Scene
from .taxonomy import Taxonomy
from .tracks import Tracks, interpolate_tracks

__all__ = [
    "LabelTable",
    "MatchRules",
    "Pairs",
    "TrackPair",
    "annotator_of",
    "as_rules",
    "check_scenes",
    "common_times",
    "frame_pairs",
    "labels_at",
    "shared_frames",
    "similarities",
    "track_pairs",
]

SMALL_FOOTPRINT_M2 = 2.0
IDENTITY_BONUS = (
    0.05  # for labels of two tracks that are one object as a whole: where a thing is labelled twice, frames do not jump from one to the other
)
Similarities = Sequence[Float64s]


@dataclass(frozen=True)
class MatchRules:
    """When two labels may be the same object.

    Likeness is from 0 to 1: volumetric IoU for large things; for small ones, whose IoU says little (0.1 m off a pedestrian is 0.75), 1 - distance of
    the centres / reach_m.

    least_similarity : below it two labels are never the same object
    reach_m : distance of centres at which small things are no longer alike
    small_classes : names of classes compared by their centres; None asks the taxonomy for those whose usual length x width is below 2 m2
    """

    least_similarity: float = 0.4
    reach_m: float = 1.0
    small_classes: Collection[str] | None = None

    def __post_init__(self) -> None:
        for name, high in (("least_similarity", 1.0), ("reach_m", 100.0)):
            value = float(as_floats(name, getattr(self, name), ()))
            if not 0 < value <= high:
                raise ArgumentError(expected=f"a number above 0, at most {high:g}", got=repr(value), field=name, hint="leave it out for the usual")
        if isinstance(self.small_classes, str):
            raise ArgumentError(expected="a list of class names", got=repr(self.small_classes), field="small_classes", hint="put it into a list")

    def is_small(self, category: str) -> bool:
        """Whether a class is compared by its centres."""
        if self.small_classes is not None:
            return category in self.small_classes
        known = Taxonomy.default().get(category)
        prior = None if known is None else known.size_prior
        return prior is not None and prior.median_m[0] * prior.median_m[1] < SMALL_FOOTPRINT_M2


def as_rules(rules: MatchRules | None) -> MatchRules:
    """The usual rules where None."""
    check_kind("rules", rules, (MatchRules, type(None)), "bw.MatchRules", "leave it out for the usual")
    return rules or MatchRules()


@dataclass(frozen=True, eq=False)
class LabelTable:
    """The labels of a scene at T times: K rows, by time and then by track.

    tracks : by their ids, whatever order the scene has them in
    cuboids, visibility : (K,)
    track_index, time_index : (K,) int64
    offsets : (T + 1,) int64, the rows of time t are offsets[t]:offsets[t + 1]
    """

    tracks: Tracks
    times_ns: Int64s
    cuboids: Cuboids
    visibility: UInt8s
    track_index: Int64s
    time_index: Int64s
    offsets: Int64s

    def rows(self, time: int) -> slice:
        return slice(int(self.offsets[time]), int(self.offsets[time + 1]))

    def categories(self) -> list[str]:
        """K names."""
        names = [track.category for track in self.tracks]
        return [names[i] for i in self.track_index.tolist()]

    def only(self, keep: Bools) -> LabelTable:
        """The rows of a (K,) mask; times stay."""
        time_index = self.time_index[keep]
        offsets = np.searchsorted(time_index, np.arange(len(self.times_ns) + 1))
        return LabelTable(
            self.tracks, self.times_ns, self.cuboids[keep], self.visibility[keep], self.track_index[keep], time_index, offsets.astype(np.int64)
        )

    def attributes(self) -> list[dict[str, Any]]:
        """K mappings: what is said about the object at that moment."""
        said: list[Any] = [None] * len(self.tracks)
        for i, track in enumerate(self.tracks):
            if track.keyframe_attributes:
                said[i] = track.at(self.times_ns).attributes
        whole = [dict(track.attributes) for track in self.tracks]
        return [whole[i] if said[i] is None else said[i][t] for i, t in zip(self.track_index.tolist(), self.time_index.tolist())]

    def velocity_mps(self) -> Float64s:
        """(K, 2) in x and y, from the labels of the same track before and after; from one of them at the ends, NaN where they are too far apart.

        As nuScenes has it (devkit, `box_velocity`): at most 1.5 s between two labels, 3 s where both neighbours are taken.
        """
        order = np.lexsort((self.time_index, self.track_index))
        track, times = self.track_index[order], self.times_ns[self.time_index[order]]
        place = np.arange(len(order))
        before = np.where((place > 0) & (track == np.roll(track, 1)), place - 1, place)
        after = np.where((place < len(order) - 1) & (track == np.roll(track, -1)), place + 1, place)
        xy = self.cuboids.center_m[order, :2]
        seconds = (times[after] - times[before]) * 1e-9
        most = np.where((before < place) & (after > place), 3.0, 1.5)
        with np.errstate(invalid="ignore", divide="ignore"):
            speed = (xy[after] - xy[before]) / seconds[:, None]
        speed[(seconds <= 0) | (seconds > most)] = np.nan
        result = np.empty_like(speed)
        result[order] = speed
        return result


class TrackPair(NamedTuple):
    """Two tracks that are one object as a whole.

    a, b : indices into the tables' tracks
    similarity : summed over the frames where they are alike
    n_frames : how many those are
    """

    a: int
    b: int
    similarity: float
    n_frames: int


@dataclass(frozen=True, eq=False)
class Pairs:
    """Labels of two tables that are the same object at the same time.

    a_row, b_row : (P,) int64 into the tables
    similarity : (P,)
    is_same_class : (P,) bool; the others were paired among what no label of the same class was there for
    alone_a, alone_b : rows without a partner
    """

    a_row: Int64s
    b_row: Int64s
    similarity: Float64s
    is_same_class: Bools
    alone_a: Int64s
    alone_b: Int64s


def common_times(scenes: Sequence[Scene], times_ns: Int64s | None = None) -> Int64s:
    """The stamps, or those of `times_ns`, that all scenes have frames at. TimeError where there are none."""
    times = scenes[0].times_ns if times_ns is None else times_ns
    for scene in scenes:
        times = np.intersect1d(times, scene.times_ns)
    if not len(times):
        names = ", ".join(repr(scene.name) for scene in scenes)
        raise TimeError("the scenes have no frame in common", got=names, field="times_ns", hint="are they labels of one clip, on one clock?")
    return times


def labels_at(scene: Scene, times_ns: Int64s, frame: str) -> LabelTable:
    """The labels of a scene at given times, in a named frame.

    GeometryError where the labels cannot be brought into the frame.
    """
    tracks = Tracks(sorted(scene.tracks, key=lambda track: track.track_id))
    filled = interpolate_tracks(tracks, times_ns)
    order = np.lexsort((filled.track_index, filled.time_index))
    time_index = filled.time_index[order].astype(np.int64)
    offsets = np.searchsorted(time_index, np.arange(len(times_ns) + 1)).astype(np.int64)
    cuboids = filled.cuboids[order] if len(tracks) else Cuboids.empty(frame)
    if len(tracks) and scene.label_frame != frame:
        cuboids = _moved(scene, cuboids, times_ns, offsets, frame)
    return LabelTable(tracks, times_ns, cuboids, filled.visibility[order], filled.track_index[order].astype(np.int64), time_index, offsets)


def _moved(scene: Scene, cuboids: Cuboids, times_ns: Int64s, offsets: Int64s, frame: str) -> Cuboids:
    parts = [Cuboids.empty(frame)]
    for t in np.flatnonzero(np.diff(offsets)).tolist():
        try:
            pose = scene.transform(frame, scene.label_frame, int(times_ns[t]))
        except BoxwrightError as error:
            expected, got = f"labels in frame {frame!r}", f"frame {scene.label_frame!r}, from where there is no way at {times_ns[t]} ns: {error}"
            raise GeometryError(expected=expected, got=got, field=f"scene {scene.name!r}", hint="give both scenes the same poses") from None
        parts.append(cuboids[offsets[t] : offsets[t + 1]].transformed(pose, frame=frame))
    return Cuboids.concatenate(parts)


def similarities(a: LabelTable, b: LabelTable, rules: MatchRules) -> list[Float64s]:
    """T matrices (A_t, B_t), from 0 to 1, as `rules` say; the same to the last bit, transposed, when a and b are exchanged."""
    is_small_a = np.array([rules.is_small(track.category) for track in a.tracks], bool)
    is_small_b = np.array([rules.is_small(track.category) for track in b.tracks], bool)
    result = []
    for t in range(len(a.times_ns)):
        rows_a, rows_b = a.rows(t), b.rows(t)
        alike = iou_3d(a.cuboids[rows_a], b.cuboids[rows_b])
        small = is_small_a[a.track_index[rows_a]][:, None] | is_small_b[b.track_index[rows_b]]
        if small.any():
            squares = np.zeros(alike.shape)
            for k in range(3):
                gap = a.cuboids.center_m[rows_a, k][:, None] - b.cuboids.center_m[rows_b, k]
                squares += gap * gap
            alike = np.where(small, np.maximum(1 - np.sqrt(squares) / rules.reach_m, 0), alike)
        result.append(alike)
    return result


def shared_frames(a: LabelTable, b: LabelTable, alike: Similarities, least: float) -> tuple[Float64s, Float64s]:
    """(A, B) of all pairs of tracks: their summed likeness where they are alike, and in how many frames they are."""
    total, count = np.zeros((2, len(a.tracks), len(b.tracks)))
    for t, one in enumerate(alike):
        i, j = np.nonzero(one >= least)
        at = a.track_index[a.rows(t)][i], b.track_index[b.rows(t)][j]
        np.add.at(total, at, one[i, j])
        np.add.at(count, at, 1)
    return total, count


def track_pairs(a: LabelTable, b: LabelTable, alike: Similarities, least: float) -> list[TrackPair]:
    """Whole tracks, of any class, paired so that their summed likeness is largest."""
    total, count = shared_frames(a, b, alike, least)
    chosen = zip(*(index.tolist() for index in assigned(total)))
    return [TrackPair(i, j, float(total[i, j]), int(count[i, j])) for i, j in chosen if count[i, j]]


def frame_pairs(a: LabelTable, b: LabelTable, alike: Similarities, pairs: Sequence[TrackPair], least: float) -> Pairs:
    """Labels paired frame by frame so that their likeness is largest: those of one class first, then, of what is left, those of different classes."""
    classes = {name: i for i, name in enumerate(sorted({track.category for track in (*a.tracks, *b.tracks)}))}
    class_a, class_b = (np.array([classes[track.category] for track in table.tracks], np.int64) for table in (a, b))
    partner = np.full(len(a.tracks), -1, np.int64)
    for pair in pairs:
        partner[pair.a] = pair.b
    rows: list[Any] = []
    for t, one in enumerate(alike):
        first_a, first_b = int(a.offsets[t]), int(b.offsets[t])
        of_a, of_b = a.track_index[a.rows(t)], b.track_index[b.rows(t)]
        score = np.where(one >= least, one + IDENTITY_BONUS * (partner[of_a][:, None] == of_b), 0.0)
        same = class_a[of_a][:, None] == class_b[of_b]
        left_a, left_b = np.ones(len(of_a), bool), np.ones(len(of_b), bool)
        for is_same in (True, False):
            i, j = assigned(np.where((same == is_same) & left_a[:, None] & left_b, score, 0.0))
            left_a[i] = left_b[j] = False
            rows += [(first_a + p, first_b + q, one[p, q], is_same) for p, q in zip(i.tolist(), j.tolist())]
    rows.sort()
    columns: Any = list(zip(*rows)) or [(), (), (), ()]
    a_row, b_row = np.array(columns[0], np.int64), np.array(columns[1], np.int64)
    alone_a, alone_b = (np.setdiff1d(np.arange(len(table.track_index)), taken) for table, taken in ((a, a_row), (b, b_row)))
    return Pairs(a_row, b_row, np.array(columns[2], np.float64), np.array(columns[3], bool), alone_a, alone_b)


def check_scenes(field: str, scenes: Any, least: int) -> list[tuple[str, Scene]]:
    """(name, scene) of a list of scenes or a mapping of names to them; names are those of `annotator_of`, made to differ."""
    named: Any = list(scenes.items()) if isinstance(scenes, Mapping) else None
    if named is None:
        if isinstance(scenes, (str, bytes, Scene)) or not isinstance(scenes, Sequence):
            hint = "give a list of them, or a mapping of annotators' names to them"
            raise ArgumentError(expected="scenes", got=type(scenes).__name__, field=field, hint=hint)
        named = [(annotator_of(scene) if isinstance(scene, Scene) else "", scene) for scene in scenes]
        names = [name for name, _ in named]
        if len(set(names)) < len(names):
            named = [(f"{name or 'annotator'} {i + 1}", scene) for i, (name, scene) in enumerate(named)]
    for name, scene in named:
        if not isinstance(scene, Scene) or not isinstance(name, str):
            raise ArgumentError(expected="a Scene", got=type(scene).__name__, field=f"{field}[{name!r}]", hint="bw.read gives one")
    if len(named) < least:
        raise ArgumentError(expected=f"at least {least} scenes", got=len(named), field=field, hint="one for each annotator")
    return list(named)


def annotator_of(scene: Scene) -> str:
    """Who labelled a scene: its tag "annotator", else its name."""
    said = [tag.value for tag in scene.tags if tag.name == "annotator" and tag.span_ns is None and isinstance(tag.value, str) and tag.value]
    return said[0] if said else scene.name
