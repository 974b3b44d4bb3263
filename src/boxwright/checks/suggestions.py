"""Corrections that a finding proposes: what to change in a scene, as data that can be shown, kept and applied."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Int64s, as_times_ns, check_kind, frozen
from ..cuboids import Cuboids, as_cuboids
from ..errors import ArgumentError, number_of
from ..frames import Pose
from ..keyframes import Origin, Visibility
from ..scene import Scene
from ..tracks import Track

__all__ = ["CorrectCamera", "Edit", "MoveKeyframes", "RemoveTrack", "SetCategory", "SetKeyframes", "Suggestion"]


@dataclass(frozen=True, eq=False)
class SetKeyframes:
    """Keyframes written at (K,) times: over those that are there, new ones elsewhere; cuboids in the scene's label frame."""

    track_id: str
    times_ns: Int64s
    cuboids: Cuboids

    def __post_init__(self) -> None:
        times = as_times_ns("times_ns", self.times_ns, increasing=True)
        object.__setattr__(self, "times_ns", frozen(times.copy()))
        if len(as_cuboids("cuboids", self.cuboids)) != len(times):
            raise ArgumentError(expected=f"{number_of(len(times), 'cuboid')}, one per time", got=str(len(self.cuboids)), field="cuboids")


@dataclass(frozen=True)
class SetCategory:
    """Another class for a whole track."""

    track_id: str
    category: str


@dataclass(frozen=True, eq=False)
class MoveKeyframes:
    """Keyframes of one track, from a time to another (both included), become those of another; a track that is left without any is removed.

    Where the other has keyframes at the same times, its own stay, unless an edit beside this one takes them away: two of these swap two tracks.
    """

    track_id: str
    into: str
    first_ns: int
    last_ns: int


@dataclass(frozen=True)
class RemoveTrack:
    """A track less."""

    track_id: str


@dataclass(frozen=True)
class CorrectCamera:
    """Another place or clock of a camera, for all its pictures.

    turn_rad : (3,) rotation vector in the cam frame by which what it sees is turned: about x (down), y (to the right), z
    late_ns : by how much later than the scene says its pictures were taken; labels in them go with them
    """

    camera: str
    turn_rad: tuple[float, float, float] = (0.0, 0.0, 0.0)
    late_ns: int = 0

    def apply(self, scene: Scene) -> Scene:
        """A scene with the camera corrected. CalibrationError where it is gone meanwhile."""
        sensor = scene.camera(self.camera)
        angle = math.hypot(*self.turn_rad)
        axis = np.array(self.turn_rad) / max(angle, 1e-300)
        turn = Pose.from_quat((math.cos(angle / 2), *(-math.sin(angle / 2) * axis)), (0.0, 0.0, 0.0))
        times = scene.exposures_ns(self.camera) + self.late_ns if self.late_ns else sensor.times_ns
        changed = dataclasses.replace(sensor, ego_from_cam=sensor.ego_from_cam @ turn, times_ns=times)
        labels = [
            track.replace(times_ns=track.times_ns + self.late_ns) if self.late_ns and track.camera == self.camera else track
            for track in scene.image_tracks
        ]
        return scene.replace(cameras={**scene.cameras, self.camera: changed}, image_tracks=labels)


TrackEdit = SetKeyframes | SetCategory | MoveKeyframes | RemoveTrack
Edit = TrackEdit | CorrectCamera


@dataclass(frozen=True, eq=False)
class Suggestion:
    """What would mend a finding.

    sentence : what it does, for people
    edits : all of them at once, on the scene as it was checked
    """

    sentence: str
    edits: Sequence[Edit]

    @property
    def track_ids(self) -> tuple[str, ...]:
        """All tracks it changes, removes or adds to."""
        into = [edit.into for edit in self.edits if isinstance(edit, MoveKeyframes)]
        return tuple(dict.fromkeys([*(edit.track_id for edit in self._of_tracks), *into]))

    @property
    def _of_tracks(self) -> list[TrackEdit]:
        return [edit for edit in self.edits if not isinstance(edit, CorrectCamera)]

    def apply(self, scene: Scene) -> Scene:
        """A scene with the correction in it; the given one stays as it is. UnknownName where a track is gone meanwhile."""
        for edit in self.edits:
            if isinstance(edit, CorrectCamera):
                scene = edit.apply(scene)
        tracks = {track_id: scene.track(track_id) for track_id in self.track_ids}
        taken = {track_id: self._taken(tracks[track_id]) for track_id in tracks}
        kept: dict[str, Track | None] = {i: track if not taken[i].any() else _less(track, ~taken[i]) for i, track in tracks.items()}
        for edit in self.edits:
            if isinstance(edit, MoveKeyframes):
                kept[edit.into] = _joined(tracks[edit.into], kept[edit.into], _span(tracks[edit.track_id], edit))
            elif isinstance(edit, RemoveTrack):
                kept[edit.track_id] = None
        for edit in self._of_tracks:
            track = kept[edit.track_id]
            if isinstance(edit, SetCategory) and track is not None:
                kept[edit.track_id] = track.replace(category=edit.category)
            elif isinstance(edit, SetKeyframes) and track is not None:
                kept[edit.track_id] = _with(track, edit)
        if not tracks:
            return scene
        changed = [kept.get(track.track_id, track) for track in scene.tracks]
        return scene.replace(tracks=[track for track in changed if track is not None])

    def _taken(self, track: Track) -> Any:
        """(K,) bool: which of its keyframes go elsewhere."""
        taken = np.zeros(len(track), np.bool_)
        for edit in self.edits:
            if isinstance(edit, MoveKeyframes) and edit.track_id == track.track_id:
                taken |= (track.times_ns >= edit.first_ns) & (track.times_ns <= edit.last_ns)
        return taken

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold."""
        return {"sentence": self.sentence, "edits": [_as_dict(edit) for edit in self.edits]}

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> Suggestion:
        """From what `to_dict` gives. ArgumentError where it is something else."""
        try:
            sentence, edits = said["sentence"], [_from_dict(edit) for edit in said["edits"]]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error, ArgumentError):
                raise
            hint = "take it as Suggestion.to_dict gives it"
            raise ArgumentError(expected="a sentence and edits", got=f"{said!r:.60}", field="suggestion", hint=hint) from None
        check_kind("suggestion.sentence", sentence, str, "a text", "say what it does")
        return cls(sentence, edits)


def _less(track: Track, keep: Any) -> Track | None:
    return track.take(keep) if keep.any() else None


def _span(track: Track, edit: MoveKeyframes) -> Track | None:
    return _less(track, (track.times_ns >= edit.first_ns) & (track.times_ns <= edit.last_ns))


def _joined(host: Track, kept: Track | None, more: Track | None) -> Track | None:
    """The host with keyframes of another track where it has none."""
    if more is None:
        return kept
    if kept is None:
        return more.replace(track_id=host.track_id, category=host.category, attributes=host.attributes, source_attributes=host.source_attributes)
    is_gone = kept.visibility == Visibility.OUTSIDE
    late = kept.times_ns[~is_gone & (kept.times_ns < more.times_ns[0])].max(initial=np.iinfo(np.int64).min)
    is_gone &= (kept.times_ns > late) & (kept.times_ns <= more.times_ns[-1])  # it is there after all
    kept = kept if is_gone.all() else kept.take(~is_gone)
    new = ~np.isin(more.times_ns, kept.times_ns)
    if not new.any():
        return kept
    more = more.take(new)
    rows = [kept, more]
    times = np.concatenate([row.times_ns for row in rows])
    order = np.argsort(times, kind="stable")

    def both(name: str) -> Sequence[Any]:
        values = [value for row in rows for value in (getattr(row, name) or [{}] * len(row))]
        return [values[i] for i in order] if any(values) else ()

    return kept.replace(
        times_ns=times[order],
        cuboids=Cuboids.concatenate([row.cuboids for row in rows])[order],
        visibility=np.concatenate([row.visibility for row in rows])[order],
        origin=np.concatenate([row.origin for row in rows])[order],
        keyframe_attributes=both("keyframe_attributes"),
        keyframe_source_attributes=both("keyframe_source_attributes"),
    )


def _with(track: Track, edit: SetKeyframes) -> Track:
    """Corrected keyframes in their places, the others added."""
    at = np.searchsorted(track.times_ns, edit.times_ns)
    is_there = (at < len(track)) & (track.times_ns[np.minimum(at, len(track) - 1)] == edit.times_ns)
    center, size, quat = (column.copy() for column in (track.cuboids.center_m, track.cuboids.size_m, track.cuboids.quat_wxyz))
    rows = at[is_there]
    new = edit.cuboids[is_there]
    center[rows], size[rows], quat[rows] = new.center_m, new.size_m, new.quat_wxyz
    visibility = track.visibility.copy()
    visibility[rows[visibility[rows] == Visibility.OUTSIDE]] = Visibility.OCCLUDED  # it is there after all
    track = track.replace(cuboids=Cuboids(center, size, quat_wxyz=quat, frame=track.cuboids.frame), visibility=visibility)
    if is_there.all():
        return track
    others = edit.cuboids[~is_there]
    others = Cuboids(others.center_m, others.size_m, quat_wxyz=others.quat_wxyz, frame=track.cuboids.frame)
    before = np.clip(np.searchsorted(track.times_ns, edit.times_ns[~is_there]) - 1, 0, len(track) - 1)
    visibility = np.where(track.visibility[before] == Visibility.OUTSIDE, np.uint8(Visibility.OCCLUDED), track.visibility[before])
    return track.with_keyframes(edit.times_ns[~is_there], others, visibility.astype(np.uint8), Origin.FILLED)


def _as_dict(edit: Edit) -> dict[str, Any]:
    if isinstance(edit, SetKeyframes):
        names = ("center_m", "size_m", "quat_wxyz")
        rows = [{name: getattr(edit.cuboids, name)[k].tolist() for name in names} for k in range(len(edit.times_ns))]
        keyframes = [{"timestamp_ns": int(time), **row} for time, row in zip(edit.times_ns, rows)]
        return {"edit": "set_keyframes", "track_id": edit.track_id, "frame": edit.cuboids.frame, "keyframes": keyframes}
    if isinstance(edit, SetCategory):
        return {"edit": "set_category", "track_id": edit.track_id, "category": edit.category}
    if isinstance(edit, MoveKeyframes):
        return {"edit": "move_keyframes", "track_id": edit.track_id, "into": edit.into, "first_ns": edit.first_ns, "last_ns": edit.last_ns}
    if isinstance(edit, CorrectCamera):
        return {"edit": "correct_camera", "camera": edit.camera, "turn_rad": list(edit.turn_rad), "late_ns": edit.late_ns}
    return {"edit": "remove_track", "track_id": edit.track_id}


def _from_dict(said: Mapping[str, Any]) -> Edit:
    kind = said["edit"]
    if kind == "set_keyframes":
        rows = said["keyframes"]
        columns = {name: np.array([row[name] for row in rows], np.float64) for name in ("center_m", "size_m", "quat_wxyz")}
        cuboids = Cuboids(columns["center_m"], columns["size_m"], quat_wxyz=columns["quat_wxyz"], frame=said["frame"])
        return SetKeyframes(str(said["track_id"]), np.array([row["timestamp_ns"] for row in rows], np.int64), cuboids)
    if kind == "set_category":
        return SetCategory(str(said["track_id"]), str(said["category"]))
    if kind == "move_keyframes":
        return MoveKeyframes(str(said["track_id"]), str(said["into"]), int(said["first_ns"]), int(said["last_ns"]))
    if kind == "correct_camera":
        x, y, z = (float(value) for value in said["turn_rad"])
        return CorrectCamera(str(said["camera"]), (x, y, z), int(said["late_ns"]))
    if kind == "remove_track":
        return RemoveTrack(str(said["track_id"]))
    known = "set_keyframes, set_category, move_keyframes, correct_camera or remove_track"
    raise ArgumentError(expected=known, got=f"{kind!r:.60}", field="suggestion.edits", hint="take it as Suggestion.to_dict gives it")


def all_applied(scene: Scene, suggestions: Iterable[Suggestion]) -> tuple[Scene, int]:
    """A scene with corrections one after the other, and how many; of those that change a track already changed only the first counts."""
    changed: set[str] = set()
    n = 0
    for suggestion in suggestions:
        if changed.isdisjoint(suggestion.track_ids):
            scene, n = suggestion.apply(scene), n + 1
            changed.update(suggestion.track_ids)
    return scene, n
