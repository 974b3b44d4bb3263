"""The writer of CVAT's task annotations of its API and SDK; the layout is drawn in cvat_api.py."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Float64s, Int64s
from ..cuboids import Cuboids
from ..errors import ArgumentError, number_of
from ..frames import Pose
from ..keyframes import State, Visibility
from ..limits import FARTHEST_M
from ..outputs import as_path
from ..rotations import euler_xyz_from_quat
from ..scene import Scene
from ..tracks import Origin, Track
from . import strict_json
from .clouds_of_frames import escaped, frame_stems, say_what_is_lost, write_clouds
from .cvat_api import CAPABILITIES, CUBOID, NAME, OWN_SHAPE, OWN_TRACK
from .cvat_video_meta import attribute_text
from .dense_tracks import moved_each
from .labelled_frames import say_what_is_in_no_frame, sensor_frame
from .own_fields import with_own_fields
from .reach import check_reach
from .streamed_json import StreamedJson, json_line, write_list
from .write_report import Told, WriteReport

__all__ = ["write"]

_NUMBER = re.compile("[0-9]+")


def write(
    scene: Scene,
    folder: Path,
    report: WriteReport,
    *,
    keyframes: str = "every",
    labels: str | Path | None = None,
    pcd_encoding: str = "binary",
) -> None:
    """Writes annotations, labels, meta and clouds into `folder`, which exists and is empty.

    keyframes : "every" frame of a track, or its "own", which needs tracks in the frame of the cloud and on straight lines, such as CVAT's
    labels : a JSON file of the labels of the task that this goes into, as CVAT's API gives them, for their ids
    pcd_encoding : "binary", "binary_compressed" or "ascii"
    """
    check_reach(scene)
    scene = with_own_fields(scene, report, "cvat_api")
    reference = sensor_frame(scene)
    if keyframes not in ("every", "own"):
        raise ArgumentError(expected="'every' or 'own'", got=repr(keyframes), field="keyframes")
    if keyframes == "own" and (scene.label_frame != reference or any(track.method != "linear" for track in scene.tracks)):
        got = f"tracks in {scene.label_frame}" if scene.label_frame != reference else "tracks that are interpolated otherwise"
        raise ArgumentError(expected=f"tracks on straight lines in {reference}", got=got, field="keyframes", hint="leave it at 'every'")
    report.tolerance_m, report.tolerance_rad = CAPABILITIES.exact.m, CAPABILITIES.exact.rad
    kept = scene.source_attributes.get("cvat_api")
    kept = kept if isinstance(kept, Mapping) else {}
    given = strict_json.load(as_path(labels)).value if labels is not None else kept.get("labels")
    task = _Task(scene, kept, given, report)
    stems = frame_stems(scene, report)
    write_clouds(scene, folder / "clouds", stems, pcd_encoding, report)
    others = {key: value for key, value in kept.items() if key not in ("labels", "meta", "ids", "version", "tracks", "shapes")}
    with StreamedJson(folder / "annotations.json", f"scene {scene.name!r}") as file:
        for name, value in {"version": 0, "tags": [], **others}.items():
            file.member(name, value)
        file.list("shapes", task.shapes())
        file.list("tracks", task.tracks(reference, keyframes == "every"))
    write_list(folder / "labels.json", f"scene {scene.name!r}", task.labels)
    meta = kept.get("meta")
    frames = [{"name": f"{stem}.pcd", "width": 0, "height": 0, "related_files": 0} for stem in stems]
    told = {**(meta if isinstance(meta, Mapping) else {}), "size": len(scene), "start_frame": 0, "stop_frame": max(len(scene) - 1, 0)}
    (folder / "meta.json").write_text(json_line({**told, "frames": frames}, "meta") + "\n", encoding="utf-8")
    report.n_frames = len(scene)
    say_what_is_in_no_frame(scene, report)
    say_what_is_lost(scene, CAPABILITIES, report)


class _Task:
    """labels : of the task, with ids for all classes and attributes. kinds : name of an attribute -> CVAT's kind of input"""

    def __init__(self, scene: Scene, kept: Mapping[str, Any], given: Any, report: WriteReport) -> None:
        self.scene, self.report = scene, report
        self.poses: dict[int, Pose] = {}
        ids = kept.get("ids")
        self.server_ids = {*map(str, ids)} if isinstance(ids, (list, tuple)) else set()
        self.labels, self.label_ids, self.spec_ids = _labels(scene, given, self.server_ids)
        changed = sorted({name for track in scene.tracks for row in _rows(track) for name, value in row.items() if _is_other(value)})
        if changed:
            report.rounded.append(Told("attributes", f"attributes that become texts: {', '.join(changed[:10])}", changed))
        ended = [name for track in scene.tracks if not _is_shape(track) for name in _ended(track)]
        if ended:
            what = f"{number_of(len(ended), 'attribute')} {'stops' if len(ended) == 1 else 'stop'} holding at a keyframe"
            report.dropped.append(Told("attributes", f"that {what}: CVAT has no word for it, and keeps the last value", ended))

    def shapes(self) -> Iterator[dict[str, Any]]:
        """Cuboids that came as shapes of their own, and are still in one frame."""
        for track in filter(_is_shape, self.scene.tracks):
            at = np.flatnonzero(self.scene.times_ns == track.times_ns[0])
            if not len(at) or track.visibility[0] == Visibility.OUTSIDE:
                continue
            self.report.n_labels, self.report.n_tracks = self.report.n_labels + 1, self.report.n_tracks + 1
            source = {key: value for key, value in self._source(track, 0).items() if key not in ("id", "outside")}
            number, said = self._number(track), self._own_values(track)
            one = {"type": CUBOID, "frame": int(at[0]), "label_id": self.label_ids[track.category], "occluded": _is_occluded(track, 0)}
            points = points_from_cuboids(self._moved(track.cuboids, at, sensor_frame(self.scene)))[0]
            yield {**number, "group": 0, "source": "manual", "z_order": 0, "rotation": 0.0, **source, **one, "points": points, "attributes": said}

    def tracks(self, reference: str, is_dense: bool) -> Iterator[dict[str, Any]]:
        for track in self.scene.tracks:
            if not _is_shape(track):
                shapes = self._dense(track, reference) if is_dense else self._own(track)
                if shapes:
                    yield self._track(track, shapes)

    def _track(self, track: Track, shapes: list[dict[str, Any]]) -> dict[str, Any]:
        self.report.n_tracks += 1
        source = {key: value for key, value in track.source_attributes.items() if key not in (*OWN_TRACK, "id", "is_shape")}
        own = self._own_values(track)
        top = {"frame": shapes[0]["frame"], "label_id": self.label_ids[track.category], "attributes": own, "shapes": shapes}
        return {**self._number(track), "group": 0, "source": "manual", "elements": [], **source, **top}

    def _dense(self, track: Track, reference: str) -> list[dict[str, Any]]:
        """A shape in every frame that it is in, and one that ends it in the first of a gap."""
        filled = track.at(self.scene.times_ns)
        frames = np.flatnonzero(filled.is_valid)
        if not len(frames):
            return []
        self.report.n_labels += len(frames)
        points = points_from_cuboids(self._moved(filled.cuboids[frames], frames, reference))
        found = []
        for i, frame, k, numbers in zip(itertools.count(), frames.tolist(), filled.keyframe_index[frames].tolist(), points):
            is_key = filled.state[frame] == State.KEYFRAME
            held = track._held[k] if track.keyframe_attributes else {}
            found.append(self._shape(track, frame, numbers, k, self._source(track, k) if is_key else {}, held, is_outside=False))
            ends = frame + 1 < len(self.scene) and (i + 1 == len(frames) or frames[i + 1] > frame + 1)
            if ends:
                found.append(self._shape(track, frame + 1, numbers, k, {}, {}, is_outside=True))
        return found

    def _own(self, track: Track) -> list[dict[str, Any]]:
        """Its keyframes, but for one that only carries it to the last frame, where CVAT goes on by itself."""
        frames = np.searchsorted(self.scene.times_ns, track.times_ns)
        self.report.n_labels += int(track.at(self.scene.times_ns).is_valid.sum())
        points = points_from_cuboids(track.cuboids)
        said: Sequence[Mapping[str, Any]] = track.keyframe_attributes or [{}] * len(track)
        found = [
            self._shape(track, frame, points[k], k, self._source(track, k), said[k], is_outside=bool(track.visibility[k] == Visibility.OUTSIDE))
            for k, frame in enumerate(frames.tolist())
            if frame < len(self.scene) and self.scene.times_ns[frame] == track.times_ns[k]
        ]
        if len(found) > 1 and track.origin[-1] == Origin.FILLED and track.times_ns[-1] == self.scene.times_ns[-1]:
            before, last = found[-2:]
            is_same = all(before[name] == last[name] for name in ("points", "occluded", "outside"))
            if is_same and not last["attributes"] and not self._source(track, -1):
                return found[:-1]
        if found and found[-1]["frame"] < len(self.scene) - 1 and not found[-1]["outside"]:
            found.append({**found[-1], "frame": found[-1]["frame"] + 1, "outside": True})
        return found

    def _shape(
        self, track: Track, frame: int, points: list[float], k: int, source: Mapping[str, Any], values: Mapping[str, Any], *, is_outside: bool
    ) -> dict[str, Any]:
        said = self._values(track, values) if not is_outside else []
        kept = {key: value for key, value in source.items() if key not in OWN_SHAPE}
        one = {"type": CUBOID, "frame": frame, "points": points, "occluded": _is_occluded(track, k), "outside": is_outside}
        return {"z_order": 0, "rotation": 0.0, **kept, **one, "attributes": said}

    def _values(self, track: Track, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        specs = self.spec_ids[track.category]
        return [{"spec_id": specs[escaped(name, (NAME,))], "value": _text(value)} for name, value in values.items() if value is not None]

    def _own_values(self, track: Track) -> list[dict[str, Any]]:
        """Those of the whole track, and its name where the server does not know it by a number."""
        name = [] if self._number(track) else [{"spec_id": self.spec_ids[track.category][NAME], "value": track.track_id}]
        return self._values(track, track.attributes) + name

    def _source(self, track: Track, k: int) -> Mapping[str, Any]:
        return track.keyframe_source_attributes[k] if track.keyframe_source_attributes else {}

    def _number(self, track: Track) -> dict[str, int]:
        """The server's number as a member, nothing where it has none."""
        number = _server_number(track, self.server_ids)
        return {} if number is None else {"id": number}

    def _moved(self, cuboids: Cuboids, frames: Int64s, reference: str) -> Cuboids:
        """In the frame of the cloud of each frame."""
        scene = self.scene
        if scene.label_frame != reference:
            for i in frames.tolist():
                if i not in self.poses:  # the same for all tracks
                    self.poses[i] = scene.transform(reference, scene.label_frame, int(scene.times_ns[i]))
            cuboids = moved_each(cuboids, [self.poses[i] for i in frames.tolist()], np.arange(len(frames)), reference)
        farthest = float(np.abs(cuboids.center_m).max(initial=0))
        if not farthest < FARTHEST_M:
            raise ArgumentError(
                expected=f"coordinates and sizes under {FARTHEST_M:g} m", got=f"a cuboid {farthest:g} m off", field="tracks", hint="leave it out"
            )
        return cuboids


def points_from_cuboids(cuboids: Cuboids) -> list[list[float]]:
    """16 numbers each: geometric centre, the angles of Rx @ Ry @ Rz, (length, width, height), seven zeros."""
    parts: list[Float64s] = [cuboids.center_m, euler_xyz_from_quat(cuboids.quat_wxyz), cuboids.size_m, np.zeros((len(cuboids), 7))]
    listed: list[list[float]] = np.concatenate(parts, 1).tolist()
    return listed


def _is_shape(track: Track) -> bool:
    return bool(track.source_attributes.get("is_shape")) and len(track) == 1


def _is_occluded(track: Track, k: int) -> bool:
    return bool(track.visibility[k] == Visibility.OCCLUDED)


def _server_number(track: Track, server_ids: set[str]) -> int | None:
    """By which the server knows the track, or the shape that is still alone; None where it came otherwise, or its name is none of a number."""
    before = "shape " if _is_shape(track) else ""
    found = _NUMBER.fullmatch(track.track_id, len(before)) if track.track_id in server_ids and track.track_id.startswith(before) else None
    return int(found[0]) if found else None


# ------------------------------------------------------------ labels and attributes


def _labels(scene: Scene, given: Any, server_ids: set[str]) -> tuple[list[dict[str, Any]], dict[str, int], dict[str, dict[str, int]]]:
    """(labels, name -> id, name -> name of an attribute -> id); those given stay, and what they lack gets ids behind theirs."""
    listed = given.get("results") if isinstance(given, Mapping) else given
    labels = [dict(one) for one in listed if _is_label(one)] if isinstance(listed, (list, tuple)) else []
    labels = list({one["name"]: one for one in labels}.values())
    specs = [spec for one in labels for spec in one.get("attributes", ()) if _is_label(spec)]
    label_number = itertools.count(1 + max((one["id"] for one in labels), default=0))
    spec_number = itertools.count(1 + max((one["id"] for one in specs), default=0))
    by_name = {one["name"]: one for one in labels}
    for name in scene.categories:
        by_name.setdefault(name, {"id": next(label_number), "name": name, "type": CUBOID, "attributes": []})
    spec_ids: dict[str, dict[str, int]] = {}
    for name, label in by_name.items():
        old = [spec for spec in label.get("attributes", ()) if _is_label(spec)]
        known = {spec["name"]: spec["id"] for spec in old}
        for wanted in _specs([track for track in scene.tracks if track.category == name], server_ids):
            if wanted["name"] not in known:
                known[wanted["name"]] = next(spec_number)
                old.append({"id": known[wanted["name"]], **wanted})
        label["attributes"], spec_ids[name] = old, known
    return list(by_name.values()), {name: one["id"] for name, one in by_name.items()}, spec_ids


def _specs(tracks: Sequence[Track], server_ids: set[str]) -> list[dict[str, Any]]:
    """The attributes that tracks of one label need, without ids."""
    values: dict[str, list[Any]] = {}
    mutable = {name for track in tracks for row in track.keyframe_attributes for name in row}
    for track in tracks:
        for row in _rows(track):
            for name, value in row.items():
                if isinstance(value, float):
                    json_line(value, f"attribute {name[:40]!r} of track {track.track_id[:40]!r}")  # which refuses what is not finite
                if value is not None:
                    values.setdefault(name, []).append(value)
    found = [_spec(escaped(name, (NAME,)), name in mutable, listed) for name, listed in values.items()]
    if any(_server_number(track, server_ids) is None for track in tracks):
        found.append(_spec(NAME, False, [""]))
    return found


def _spec(name: str, is_mutable: bool, values: Sequence[Any]) -> dict[str, Any]:
    kind: str = "text"
    listed, default = list[str](), ""
    if all(isinstance(value, bool) for value in values):
        kind, listed, default = "checkbox", ["false"], "false"
    elif all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        low, high = math.floor(min(values)), math.ceil(max(values))
        kind, listed, default = "number", [str(low), str(high), "0.000001"], str(low)
    return {"name": name, "mutable": is_mutable, "input_type": kind, "default_value": default, "values": listed}


def _rows(track: Track) -> Iterator[Mapping[str, Any]]:
    yield track.attributes
    yield from track.keyframe_attributes


def _ended(track: Track) -> Iterator[str]:
    """The attributes that held and do so no longer, each as often as it ends."""
    held = dict(track.attributes)
    for row in track.keyframe_attributes:
        yield from (name for name, value in row.items() if value is None and held.get(name) is not None)
        held |= row


def _is_other(value: Any) -> bool:
    return value is not None and attribute_text(value) is None


def _text(value: Any) -> str:
    text = attribute_text(value)
    return json_line(value, "an attribute") if text is None else text


def _is_label(one: Any) -> bool:
    return isinstance(one, Mapping) and isinstance(one.get("name"), str) and isinstance(one.get("id"), int) and not isinstance(one["id"], bool)
