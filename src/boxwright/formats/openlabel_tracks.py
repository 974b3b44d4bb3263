"""The objects of an OpenLABEL file become tracks, its relations those of tracks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ..arrays import Float64s, Int64s
from ..cuboids import Cuboids
from ..errors import BoxwrightError, FormatError, number_of
from ..frames import Pose, Trajectory, unit_quats
from ..limits import limits
from ..rotations import quat_from_euler, quat_from_matrix, quat_multiply
from ..scene import Relation
from ..tracks import Origin, Track, Tracks, Visibility
from .boxwright_pictures import ORIGINS, VISIBILITIES
from .dense_tracks import dense_track, moved_each
from .openlabel_data import attribute_kind, intervals_of, is_data, split_named
from .openlabel_document import Document
from .openlabel_image_tracks import ImageLabels
from .openlabel_objects import Objects, Row, Thing
from .openlabel_shapes import WHO_KEEPS, Sightings
from .strict_json import Node

__all__ = ["IN_PICTURES", "UPRIGHT_FROM_CAMERA", "Labels", "relations_of", "says_occluded"]

IN_PICTURES = "is_in_pictures"  # marks, among kept objects, those whose shapes are tracks in pictures
ROWS_AT_ONCE = 4096

UPRIGHT_FROM_CAMERA = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])  # columns: the axes x, z, -y of a cuboid whose y points down


class Labels:
    """The tracks of a document.

    trajectory : world_from_ego, or None; lidars : names of the LiDARs; exposures : cameras that may have labels, each with the times of its pictures
    frame, home : the frame that tracks are kept in, and its coordinate system
    image_tracks : the tracks in pictures
    """

    def __init__(self, document: Document, trajectory: Trajectory | None, lidars: Sequence[str], exposures: Mapping[str, Int64s]) -> None:
        self.document, self.trajectory, self.lidars = document, trajectory, lidars
        self.systems, self.times = document.systems, document.times
        sightings = Sightings(document, exposures)
        self.objects = Objects(document, sightings)
        self.id_of: dict[str, str] = {}  # uid -> track_id
        self._ids: set[str] = set()
        self._limits = limits()
        self.frame, self.home = self._home([row for thing in self.objects.things.values() for row in thing.rows])
        self._poses: dict[tuple[str, int], Pose | None] = {}
        tracks: list[Track] = []
        for things in _batches(self.objects.things.values()):
            chains = [_chains(thing.rows) for thing in things]
            placed = iter(self._placed([rows for some in chains for rows in some]) or ())
            for thing, some in zip(things, chains):
                tracks += self._tracks_of(thing, [(rows, next(placed, None)) for rows in some])
        self.tracks = Tracks(tracks)
        with_cuboids = set(self.id_of)
        seen = ImageLabels(document, sightings, self._ids, self.id_of)
        for thing in self.objects.things.values():
            seen.add(thing)
        seen.add_others()
        self.image_tracks = seen.tracks
        self._keep({uid: thing for uid, thing in self.objects.things.items() if uid not in with_cuboids})
        document.notes += sightings.notes()

    def _keep(self, others: Mapping[str, Thing]) -> None:
        """Objects without a cuboid go into the scene's source attributes."""
        kept: dict[str, Any] = {}
        for uid, thing in others.items():
            kept[uid] = {"object": thing.kept(), "frames": thing.without}
            if uid in self.id_of:
                kept[uid][IN_PICTURES] = True
        if kept:
            self.document.source["objects"] = kept
        if n := sum(IN_PICTURES not in one for one in kept.values()):
            self.document.notes.append(f"objects without a cuboid are not read, and {WHO_KEEPS}: {n}")

    # -------------------------------------------------------- places

    def _home(self, rows: Sequence[Row]) -> tuple[str, str]:
        systems = self.systems
        if self.trajectory is not None:
            return "world", systems.world or ""
        used = [row.system for row in rows]
        common = Counter(used).most_common(1)[0][0] if used else ""
        if common in self.lidars:
            return common, common
        reaches = systems.ego is not None and systems.poses(systems.ego, [*set(used)], {}).keys() == set(used)
        if reaches or not used:
            return "ego", systems.ego or ""
        self.document.notes.append(f"nothing says where {common!r} lies from the vehicle: the labels stay in it, under the name 'ego'")
        return "ego", common

    def _placed(self, chains: Sequence[Sequence[Row]]) -> list[Cuboids] | None:
        """What `_cuboids` gives for each chain, from one call for all: most of its time goes into calls, and a file may hold thousands of objects
        with a cuboid each. None where one of them cannot be placed: placed alone, each then says what is wrong with it."""
        try:
            together = self._cuboids([row for rows in chains for row in rows])
        except BoxwrightError:
            return None
        ends = np.cumsum([0, *map(len, chains)]).tolist()
        return None if together is None else [together[start:end] for start, end in pairwise(ends)]

    def _cuboids(self, rows: Sequence[Row]) -> Cuboids | None:
        """Rows, moved to the frame the tracks are kept in; None where a row's coordinate system cannot be reached."""
        numbers = np.array([self.objects.numbers[10 * row.at : 10 * row.at + 10] for row in rows]).reshape(-1, 10)
        size, quat = numbers[:, 7:], _quats(numbers[:, 3:7])
        is_camera = {system: self._is_camera(system) for system in {row.system for row in rows}}
        down = np.array([is_camera[row.system] for row in rows], bool)
        if down.any():
            quat[down] = quat_multiply(quat[down], quat_from_matrix(UPRIGHT_FROM_CAMERA))
            size[down] = size[down][:, [0, 2, 1]]
        local = Cuboids(numbers[:, :3], size, quat_wxyz=quat, frame=self.frame)
        away = np.array([row.system != self.home for row in rows], bool)
        keys = [(row.system, row.frame) for row in rows if row.system != self.home]
        order = {key: i for i, key in enumerate(dict.fromkeys(keys))}
        poses = [pose for key in order if (pose := self._pose_home(*key)) is not None]
        if len(poses) < len(order):
            return None
        if not keys:
            return local
        moved = moved_each(local[away], poses, np.array([order[key] for key in keys]), self.frame)
        if away.all():
            return moved
        both = Cuboids.concatenate([local[~away], moved])
        return both[np.argsort(np.argsort(away, kind="stable"), kind="stable")]

    def _pose_home(self, system: str, index: int) -> Pose | None:
        if (system, index) not in self._poses:
            self._poses[system, index] = self._found_pose(system, index)
        return self._poses[system, index]

    def _found_pose(self, system: str, index: int) -> Pose | None:
        if system == self.home:
            return Pose.identity()
        edges = self.document.edges(index)
        pose = self.systems.pose(self.home, system, edges)
        if pose is None and self.trajectory is not None and self.systems.ego and self.trajectory.covers(self.times[index : index + 1])[0]:
            mount = self.systems.pose(self.systems.ego, system, edges)
            return None if mount is None else self.trajectory.at(int(self.times[index])) @ mount
        return pose

    def _is_camera(self, system: str) -> bool:
        stream = self.document.top.get("streams", {}).get(system, {})
        return bool(stream.get("type", "").value == "camera")

    # -------------------------------------------------------- tracks

    def _tracks_of(self, thing: Thing, chains: Sequence[tuple[list[Row], Cuboids | None]]) -> list[Track]:
        """One for each of the object's cuboids that are there at once; none where they cannot be placed.

        chains : of each, its rows, and these placed where that is done
        """
        if len(chains) > 1:
            self.document.notes.append(f"object {thing.uid} has {number_of(len(chains), 'cuboid')} in a frame: each became a track")
        tracks: list[Track] = []
        said = self._said(thing.uid, [rows[0].name for rows, _ in chains])
        for k, (rows, placed) in enumerate(chains):
            with self.document.problems.aside({**thing.node.mapping(), "cuboids": self._as_given(rows)}):
                track = self._track(thing, k, rows, placed, said[k])
                while track.track_id in self._ids:
                    track = track.replace(track_id=track.track_id + "'")
                self._ids.add(track.track_id)
                tracks.append(track)
        if tracks:
            self.id_of[thing.uid] = tracks[0].track_id
        elif thing.rows:
            for row in thing.rows:
                thing.without[self.document.frame_ids[row.frame]] = {"object_data": _beside(row, thing)}
        return tracks

    def _as_given(self, rows: Sequence[Row]) -> list[Any]:
        """For a record: the cuboids, each with its frame."""
        if self.document.problems.strict:
            return []
        ids, numbers = self.document.frame_ids, self.objects.numbers
        return [{"frame": ids[row.frame], "coordinate_system": row.system, "val": numbers[10 * row.at : 10 * row.at + 10].tolist()} for row in rows]

    def _said(self, uid: str, names: Sequence[str]) -> list[Node | None]:
        """What our own writer put down about the track of each of an object's cuboids: under the object's uid for one, with a name for others."""
        if not self.document.is_ours:
            return [None] * len(names)
        tracks = self.document.ours["tracks"]
        found = [tracks[key] if tracks.has(key := f"{uid}/{name}") else None for name in names]
        if None in found:
            found[found.index(None)] = tracks.get(uid, {})
        return found

    def _track(self, thing: Thing, k: int, rows: list[Row], placed: Cuboids | None, said: Node | None) -> Track:
        document, node = self.document, thing.node
        self._limits.check("keyframes_per_track", len(rows), document.file, f"objects.{thing.uid}")
        cuboids = self._cuboids(rows) if placed is None else placed
        if cuboids is None:
            names = ", ".join(sorted({row.system for row in rows}))
            raise FormatError(
                f"no transform leads to {self.home!r}", got=names, path=node.path, field=node.field, hint="add the poses of these frames"
            )
        named, _ = split_named(thing.static)
        hidden = [Visibility.OCCLUDED if says_occluded(row.attributes) else Visibility.VISIBLE for row in rows]
        track = dense_track(
            thing.uid if k == 0 else f"{thing.uid}/{k}",
            thing.category(),
            np.array([row.frame for row in rows]),
            self.times,
            cuboids,
            visibility=hidden,
            attributes=[row.attributes for row in rows] if any(row.attributes for row in rows) else (),
            source_attributes=[row.source for row in rows] if any(row.source for row in rows) else (),
            track_attributes=named,
            track_source_attributes=self._source(thing, k, rows),
        )
        return track if said is None else self._as_we_wrote(track, rows, said)

    def _source(self, thing: Thing, k: int, rows: Sequence[Row]) -> dict[str, Any]:
        """What a track's object says that boxwright has no name for; of several tracks of one object, the first has it."""
        numbers, node = self.document.text.numbers, thing.node
        systems = {row.system for row in rows}
        source: dict[str, Any] = {"cuboid_system": systems.pop()} if len(systems) == 1 and systems != {self.home} else {}
        if k:
            return {**source, "uid": thing.uid}
        said = dict(node.mapping())
        source["name"] = said.get("name")
        intervals, pointers = intervals_of(thing.seen.spans, numbers), thing.seen.pointers(numbers)
        if said.get("frame_intervals") != intervals:
            source["frame_intervals"] = said.get("frame_intervals")
        own = node.get("object_data_pointers", {}).mapping()
        source["object_data_pointers"] = {name: pointer for name, pointer in own.items() if pointer != pointers.get(name)}
        source["object_data"] = split_named(thing.static)[1]
        source["frames_without_cuboid"] = thing.without
        source["attributes_beside"] = sorted(thing.beside)
        source["is_given_once"] = node.get("object_data", {}).has("cuboid") or None
        taken = ("name", "type", "frame_intervals", "object_data", "object_data_pointers")
        source |= {key: value for key, value in said.items() if key not in taken}
        return {key: value for key, value in source.items() if value not in (None, "", {}, [])}

    def _as_we_wrote(self, track: Track, rows: Sequence[Row], said: Node) -> Track:
        """What our own writer put down about a track: its id and method, which cuboids are keyframes and of what kind, and where curves end."""
        of_time = {int(self.times[row.frame]): row.ours for row in rows}
        own = [of_time.get(int(stamp), {}) for stamp in track.times_ns]
        source = dict(track.source_attributes)
        if not said.get("source_attributes", {}).has("name"):
            source.pop("name", None)
        track = track.replace(
            track_id=said.get("track_id", track.track_id).text(),
            method=said.get("method", track.method).text(),
            source_attributes={**source, **said.get("source_attributes", {}).mapping()},
            visibility=[_code(VISIBILITIES, row.get("visibility"), int(seen)) for row, seen in zip(own, track.visibility)],
            origin=[_code(ORIGINS, row.get("origin"), Origin.GIVEN) for row in own],
        )
        kept = np.array([row.get("is_keyframe", True) is not False for row in own])
        ends = [node for node in said.get("outside", []) if node["timestamp_ns"].whole() not in of_time]
        present = np.array(sorted(of_time))
        gaps = set(np.searchsorted(present, [node["timestamp_ns"].whole() for node in ends]).tolist())
        kept &= (track.visibility != Visibility.OUTSIDE) | [int(gap) not in gaps for gap in np.searchsorted(present, track.times_ns)]
        if (track.visibility[kept] != Visibility.OUTSIDE).any():
            track = track.take(kept)
        return _with_ends(track, ends) if ends else track


def _quats(turns: Float64s) -> Float64s:
    """(M, 4) scalar first, of x y z w, or of rx ry rz nan, which are turned by Rz Ry Rx."""
    is_euler = np.isnan(turns[:, 3])
    quats = turns[:, [3, 0, 1, 2]]
    if is_euler.any():
        quats[is_euler] = quat_from_euler(turns[is_euler][:, [2, 1, 0]], "ZYX")
    if not is_euler.all():
        quats[~is_euler] = unit_quats("val", quats[~is_euler])
    return quats


def _batches(things: Iterable[Thing]) -> Iterator[list[Thing]]:
    """Objects in their order, as many at once as have some thousand cuboids: all cuboids of a long recording would be twice in memory."""
    batch: list[Thing] = []
    n_rows = 0
    for thing in things:
        batch.append(thing)
        n_rows += len(thing.rows)
        if n_rows >= ROWS_AT_ONCE:
            yield batch
            batch, n_rows = [], 0
    yield batch


def _chains(rows: Sequence[Row]) -> list[list[Row]]:
    """The rows of each cuboid of an object, in order: where it has several in a frame they are told apart by their names, else by their order."""
    ordered = sorted(rows, key=lambda row: row.frame)
    frames: dict[int, list[Row]] = {}
    for row in ordered:
        frames.setdefault(row.frame, []).append(row)
    if len(frames) == len(ordered):
        return [ordered] if ordered else []
    by_name = all(len({row.name for row in some}) == len(some) for some in frames.values())
    chains: dict[Any, list[Row]] = {}
    for some in frames.values():
        for k, row in enumerate(some):
            chains.setdefault(row.name if by_name else k, []).append(row)
    return list(chains.values())


def _beside(row: Row, thing: Thing) -> dict[str, Any]:
    """What stood beside a cuboid in its frame."""
    kept = row.source.get("object_data", {})
    kinds: dict[str, Any] = {kind: list(items) for kind, items in kept.items()} if is_data(kept) else {}
    for name in thing.beside:
        if name in row.attributes and (kind := attribute_kind(row.attributes[name])):
            kinds.setdefault(kind, []).append({"name": name, "val": row.attributes[name]})
    return kinds


def says_occluded(attributes: Mapping[str, Any]) -> bool:
    """Whether a cuboid is occluded by its attributes, where nothing else tells how it is seen."""
    return attributes.get("occluded") in (1, 2)


def _code(codes: Mapping[str, int], name: Any, otherwise: int) -> int:
    return codes.get(name, otherwise) if isinstance(name, str) else otherwise


def _with_ends(track: Track, ends: Sequence[Node]) -> Track:
    """The track with the OUTSIDE keyframes that our writer put into the metadata."""
    values = np.stack([node["val"].numbers(10) for node in ends])
    poses = Cuboids(values[:, :3], values[:, 7:], quat_wxyz=values[:, [6, 3, 4, 5]], frame=track.cuboids.frame)
    times = np.append(track.times_ns, [node["timestamp_ns"].whole() for node in ends])
    order = np.argsort(times, kind="stable")

    def rows(given: Sequence[Mapping[str, Any]], key: str) -> Sequence[Mapping[str, Any]]:
        every = [*(given or [{}] * len(track)), *(node.get(key, {}).mapping() for node in ends)]
        return [every[i] for i in order.tolist()] if any(every) else ()

    return track.replace(
        times_ns=times[order],
        cuboids=Cuboids.concatenate([track.cuboids, poses])[order],
        visibility=np.append(track.visibility, [Visibility.OUTSIDE] * len(ends))[order],
        origin=np.append(track.origin, [node.get("origin", "given").one_of(ORIGINS) for node in ends])[order],
        keyframe_attributes=rows(track.keyframe_attributes, "attributes"),
        keyframe_source_attributes=rows(track.keyframe_source_attributes, "source_attributes"),
    )


# ------------------------------------------------------------ relations


def relations_of(node: Node, id_of: Mapping[str, str], numbers: Sequence[int], times: Sequence[int]) -> list[Relation]:
    """What a relation says of tracks, once for each pair and interval; nothing where one of its ends is no track.

    id_of : uid -> track id; numbers, times : of the frames
    """
    ends = [[(item["type"].text(), item["uid"].text()) for item in node[key]] for key in ("rdf_subjects", "rdf_objects")]
    if not all(kind == "object" and name in id_of for end in ends for kind, name in end):
        return []
    spans = [_span(item, numbers, times) for item in node.get("frame_intervals", [])]
    pairs = [(id_of[subject], id_of[target]) for _, subject in ends[0] for _, target in ends[1]]
    return [Relation(node["type"].text(), subject, target, span) for subject, target in pairs for span in spans or (None,)]


def _span(node: Node, numbers: Sequence[int], times: Sequence[int]) -> tuple[int, int]:
    first, last = node["frame_start"].whole(), node["frame_end"].whole()
    inside = [i for i, number in enumerate(numbers) if first <= number <= last]
    if not inside:
        raise node.wrong("an interval that holds a frame", f"{first} to {last}")
    return int(times[inside[0]]), int(times[inside[-1]])
