"""The shapes of an OpenLABEL file become tracks in pictures.

Shapes of one kind that an object has in one camera's pictures are one track: where a frame has several of them, those of one name are, else those at
the same place in the file. The points of an object are one shape of named points.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

import numpy as np

from ..arrays import Int64s
from ..image_tracks import ImageTrack
from ..keyframes import Visibility
from ..limits import limits
from ..shapes2d import Boxes, Keypoints, Masks, Polygons, Polylines, RotatedBoxes, Shapes, Skeleton
from .boxwright_pictures import ORIGINS, VISIBILITIES, image_track_of, placed
from .openlabel_data import split_named
from .openlabel_document import Document
from .openlabel_objects import Thing
from .openlabel_shapes import Seen, Sightings
from .strict_json import Node

__all__ = ["ImageLabels"]

_OF_ALL = ("category", "method", "attributes", "source_attributes", "object_id")
Rows = dict[int, list[Seen]]  # by frame; one a frame, but for points


class ImageLabels:
    """The tracks in pictures of a document.

    taken : ids of tracks of cuboids; id_of : uid -> such an id, to which the first track in pictures is added where there is none
    """

    def __init__(self, document: Document, sightings: Sightings, taken: Set[str], id_of: dict[str, str]) -> None:
        self.document, self.sightings, self.id_of = document, sightings, id_of
        self._numbers = np.frombuffer(sightings.numbers) if sightings.numbers else np.zeros(0)
        self._ids, self._built = set(taken), set[str]()
        self._said = document.ours.get("image_tracks", {})
        self.tracks: list[ImageTrack] = []

    def add(self, thing: Thing) -> None:
        """The tracks of an object."""
        owner = self.id_of.get(thing.uid)
        for track_id, camera, shape, rows in self._chains(thing):
            said = self._said_of(track_id)
            with self.document.problems.aside({**thing.node.mapping(), "image_track": track_id}), placed(thing.node if said is None else said):
                limits().check("keyframes_per_track", len(rows), self.document.file, f"objects.{thing.uid}")
                if said is None:
                    named = split_named(thing.static)[0] if owner is None else {}
                    track = self._track(track_id, thing, camera, shape, rows, None).replace(
                        attributes=named, object_id=owner or thing.uid, source_attributes={"is_given_once": True} if thing.is_seen_once else {}
                    )
                else:
                    track = self._as_we_wrote(track_id, thing, camera, shape, rows, said)
                self._put(track, thing.uid)

    def add_others(self) -> None:
        """Tracks of our own writer that no frame has anything of."""
        for track_id, node in self._said.items():
            if track_id not in self._built and node.has("keyframes") and len(node["keyframes"]):
                with self.document.problems.aside(node.value), placed(node):
                    if node["camera"].text() not in self.sightings.exposures:
                        raise node["camera"].wrong(f"one of {', '.join(self.sightings.exposures) or 'none'}", repr(node["camera"].value))
                    self._put(image_track_of(_own(node, {"track_id": track_id})), node.get("uid", "").text())

    def _put(self, track: ImageTrack, uid: str) -> None:
        self._built.add(track.track_id)
        while track.track_id in self._ids:
            track = track.replace(track_id=track.track_id + "'")
        self._ids.add(track.track_id)
        if uid:
            self.id_of.setdefault(uid, track.track_id)
        self.tracks.append(track)

    def _said_of(self, track_id: str) -> Node | None:
        """What our own writer put down about a track."""
        return self._said[track_id] if self._said.has(track_id) else None

    def _chains(self, thing: Thing) -> Iterator[tuple[str, str, str, Rows]]:
        """(id, camera, kind of shape, rows) of each track."""
        groups = self.sightings.of.pop(thing.uid, {})
        cameras = [camera for camera, _, _ in groups]
        for (camera, shape, track), rows in groups.items():
            chains = _chained(rows, shape)
            for name, chain in chains.items():
                is_alone = len(chains) == 1 and (track or cameras.count(camera) == 1)
                yield (track or f"{thing.uid}/{camera}") + ("" if is_alone else f"/{name or shape}"), camera, shape, chain

    # -------------------------------------------------------- tracks

    def _as_we_wrote(self, track_id: str, thing: Thing, camera: str, shape: str, rows: Rows, said: Node) -> ImageTrack:
        """With the keyframes that no frame holds, and without what stands between keyframes."""
        kinds = {"track_id": track_id, "category": thing.category(), "camera": camera, "shape": shape}
        node = _own(said, kinds)
        others = image_track_of(node) if len(node.get("keyframes", [])) else None
        kept = {frame: some for frame, some in rows.items() if some[0].ours.get("is_keyframe", True) is not False}
        if others is not None and not kept:
            return others
        track = self._track(track_id, thing, camera, shape, kept or rows, said)
        if others is not None:
            track = _joined(track, others.replace(category=track.category))
        changes = {key: node[key].value for key in _OF_ALL if node.has(key)}
        return track.replace(**changes)

    def _track(self, track_id: str, thing: Thing, camera: str, shape: str, rows: Rows, said: Node | None) -> ImageTrack:
        frames = np.array(list(rows), np.int64)
        order = np.arange(len(frames))
        is_gap = np.zeros(len(frames), bool)
        if said is None:
            gap = np.flatnonzero(np.diff(frames) > 1)
            order, is_gap = np.insert(order, gap + 1, gap), np.insert(is_gap, gap + 1, True)
        first = [some[0] for some in rows.values()]
        told = [_keyframe_of(row, shape) for row in first]
        shapes, points = self._shapes(shape, rows, said)
        source = [{**row.source, **more} if shape != "keypoints" else more for row, more in zip(first, points)]
        if shape == "keypoints":
            attributes: Sequence[Any] = [one.get("attributes", {}) for one in told]
            source = [{**one.get("source_attributes", {}), **more} for one, more in zip(told, source)]
        else:
            attributes = [row.attributes for row in first]
        codes = np.array([_code(VISIBILITIES, one.get("visibility")) for one in told], np.uint8)
        return ImageTrack(
            track_id,
            thing.category(),
            camera,
            self.sightings.exposures[camera][np.where(is_gap, frames[order] + 1, frames[order])],
            shapes[order] if is_gap.any() else shapes,
            visibility=np.where(is_gap, Visibility.OUTSIDE, codes[order]).astype(np.uint8),
            origin=np.array([_code(ORIGINS, one.get("origin")) for one in told], np.uint8)[order],
            keyframe_attributes=_rows(attributes, order, is_gap),
            keyframe_source_attributes=_rows(source, order, is_gap),
        )

    def _shapes(self, shape: str, rows: Rows, said: Node | None) -> tuple[Shapes, Sequence[Mapping[str, Any]]]:
        """(a shape for each frame, what stays with it beside its fields)"""
        first = [some[0] for some in rows.values()]
        nothing: list[dict[str, Any]] = [{}] * len(rows)
        if shape == "keypoints":
            return self._keypoints(rows, said)
        if shape == "mask":
            masks = [row.mask for row in first if row.mask is not None]
            sizes = {mask[1:] for mask in masks}
            if len(sizes) != 1:
                raise Node(None, str(self.document.file), "masks of one object").wrong("pictures of one size", f"{len(sizes)} sizes")
            return Masks.from_coco([mask[0] for mask in masks], *sizes.pop()), nothing
        values = np.concatenate([self._numbers[row.at : row.at + sum(row.counts)] for row in first])
        if shape == "box":
            return Boxes(values.reshape(-1, 4)), nothing
        if shape == "rotated_box":
            table = values.reshape(-1, 5)
            return RotatedBoxes(table[:, :2], table[:, 2:4], table[:, 4]), nothing
        kind = Polygons if shape == "polygon" else Polylines
        rings = np.cumsum([0, *(n // 2 for row in first for n in row.counts)])
        return kind.from_columns(values.reshape(-1, 2), rings, np.cumsum([0, *(len(row.counts) for row in first)])), nothing

    def _keypoints(self, rows: Rows, said: Node | None) -> tuple[Keypoints, Sequence[Mapping[str, Any]]]:
        names = list(dict.fromkeys(row.name for some in rows.values() for row in some))
        skeleton = Skeleton(tuple(names)) if all(names) else None
        if said is not None and said.has("skeleton"):
            node = said["skeleton"]
            edges = tuple((pair[0].whole(), pair[1].whole()) for pair in (list(edge) for edge in node.get("edges", [])) if len(pair) == 2)
            skeleton = Skeleton(tuple(name.text() for name in node["points"]), edges)
        elif said is not None and said.has("n_points"):
            skeleton, n_points = None, min(said["n_points"].whole(), 4096)
            names = [str(p) for p in range(n_points)]
        names = list(skeleton.points) if skeleton is not None else names
        place = {name: p for p, name in enumerate(names)}
        uv, codes = np.full((len(rows), len(names), 2), np.nan), np.full((len(rows), len(names)), int(Visibility.OUTSIDE), np.uint8)
        kept: list[dict[str, Any]] = []
        for k, some in enumerate(rows.values()):
            points: dict[str, Any] = {}
            for row in some:
                if row.name not in place:
                    where = Node(row.name, str(self.document.file), "the name of a point")
                    raise where.wrong(f"one of {', '.join(names)}", repr(row.name[:40]))
                uv[k, place[row.name]] = self._numbers[row.at : row.at + 2]
                codes[k, place[row.name]] = _code(VISIBILITIES, row.ours.get("visibility"))
                fields = {key: value for key, value in row.source.get("shape", {}).items() if key != "name"}
                said_of = {"shape": fields, "attributes": row.attributes}
                if any(said_of.values()):
                    points[row.name] = {key: value for key, value in said_of.items() if value}
            kept.append({"points": points} if points else {})
        return Keypoints(uv, codes, skeleton), kept


def _own(said: Node, more: Mapping[str, Any]) -> Node:
    """A track as boxwright's own format has it."""
    return Node({**more, **{key: value for key, value in said.mapping().items() if key not in ("n_points", "uid")}}, said.path, said.field)


def _keyframe_of(row: Seen, shape: str) -> Mapping[str, Any]:
    """What our writer says of a keyframe: of points, it says it with the first of them."""
    if shape != "keypoints":
        return row.ours
    said = row.ours.get("keyframe", {})
    is_sound = isinstance(said, Mapping) and all(isinstance(said.get(key, {}), Mapping) for key in ("attributes", "source_attributes"))
    return said if is_sound else {}


def _chained(rows: list[Seen], shape: str) -> dict[str, Rows]:
    """The rows of each track, by its name."""
    frames: Rows = {}
    for row in rows:
        frames.setdefault(row.frame, []).append(row)
    are_names = all(len({row.name for row in some}) == len(some) for some in frames.values())
    if shape == "keypoints" and are_names:
        n_names = len({row.name for row in rows})
        if n_names * len(frames) <= 4 * len(rows) + 1000:
            return {"": frames}
    elif len(frames) == len(rows):
        return {"": frames}
    chains: dict[str, Rows] = {}
    for frame, some in frames.items():
        for k, row in enumerate(some):
            chains.setdefault(row.name if are_names else str(k), {})[frame] = [row]
    return chains


def _rows(values: Sequence[Mapping[str, Any]], order: Int64s, is_gap: Any) -> Sequence[Mapping[str, Any]]:
    return [{} if outside else values[i] for i, outside in zip(order.tolist(), is_gap)] if any(values) else ()


def _code(codes: Mapping[str, int], name: Any) -> int:
    return codes.get(name, 0) if isinstance(name, str) else 0


def _joined(track: ImageTrack, others: ImageTrack) -> ImageTrack:
    """The keyframes of both, those of the first where both have one."""
    fresh = np.flatnonzero(~np.isin(others.times_ns, track.times_ns))
    if not len(fresh):
        return track
    others = others.take(fresh)
    times = np.concatenate([track.times_ns, others.times_ns])
    order = np.argsort(times, kind="stable")

    def rows(key: str) -> Sequence[Mapping[str, Any]]:
        parts = [(getattr(one, key) or [{}] * len(one)) for one in (track, others)]
        every = [*parts[0], *parts[1]]
        return [every[i] for i in order.tolist()] if any(every) else ()

    return track.replace(
        times_ns=times[order],
        shapes=type(track.shapes).concatenate([track.shapes, others.shapes])[order],
        visibility=np.concatenate([track.visibility, others.visibility])[order],
        origin=np.concatenate([track.origin, others.origin])[order],
        keyframe_attributes=rows("keyframe_attributes"),
        keyframe_source_attributes=rows("keyframe_source_attributes"),
    )
