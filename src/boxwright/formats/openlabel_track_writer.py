"""Tracks on their way into an OpenLABEL file: their labels are put into frames after frames of a document, see openlabel_writer.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import Float64s, Int64s
from ..cuboids import Cuboids
from ..errors import number_of
from ..image_tracks import ImageTrack
from ..rotations import quat_from_matrix, quat_multiply
from ..shapes2d import Keypoints
from ..tracks import Origin, State, Track, Visibility
from .dense_tracks import moved_each
from .openlabel_data import attribute_kind, is_data, is_sound, joined
from .openlabel_image_writer import codes_of, said_of, sights_of
from .openlabel_objects import CUBOID_NAME
from .openlabel_shapes import OTHERS
from .openlabel_tracks import UPRIGHT_FROM_CAMERA, says_occluded
from .write_report import Told

if TYPE_CHECKING:
    from .openlabel_writer import Document

__all__ = ["OwnImageTrack", "OwnTrack", "end_of", "packed"]


class OwnTrack:
    """A track, its cuboids put into some frames after the other. name : its own among all tracks"""

    def __init__(self, document: Document, track: Track) -> None:
        self.document, self.track, self.uid = document, track, document.uids[track.track_id]
        self.name, self.codes = f"track {track.track_id}", codes_of(track)
        for k, row in enumerate(track.keyframe_attributes):
            if says_occluded(row) and track.visibility[k] == Visibility.VISIBLE:
                self.codes[k] = {**self.codes.get(k, {}), "visibility": "visible"}  # which its attribute alone denies
        self.n_labels = 0
        self.off_frame = bool((~np.isin(track.times_ns, document.scene.times_ns) & (track.visibility != Visibility.OUTSIDE)).any())
        if self.off_frame:
            n = int((~np.isin(track.times_ns, document.scene.times_ns) & (track.visibility != Visibility.OUTSIDE)).sum())
            said = f"{number_of(n, 'keyframe')} between the frames; its cuboids in the frames are written"
            document.report.dropped.append(Told("keyframes", f"track {track.track_id!r}: {said}", [track.track_id]))
        beside = track.source_attributes.get("attributes_beside", ())
        self.beside = beside if isinstance(beside, (list, tuple)) else ()
        document.declare(track, self.uid, self.name)

    def put(self, first: int, end: int) -> None:
        filled = self.track.at(self.document.scene.times_ns[first:end])
        there = np.flatnonzero(filled.is_valid)
        is_key = (filled.state[there] == State.KEYFRAME).tolist()
        system, values = self._values(filled.cuboids[there], there + first)
        for i, key, k, value in zip((there + first).tolist(), is_key, filled.keyframe_index[there].tolist(), values.tolist()):
            entry, cuboid = self._labels_of(k, key)
            cuboid |= {"coordinate_system": system, "val": value}
            if not key and not self.off_frame:
                cuboid["is_keyframe"] = False
            self.document.put_data(self.uid, i, entry, cuboid)
        self.n_labels += len(there)

    def done(self) -> None:
        self.document.report.n_tracks += bool(self.n_labels)
        self.document.report.n_labels += self.n_labels

    def _values(self, cuboids: Cuboids, there: Int64s) -> tuple[str, Float64s]:
        """(coordinate system, (M, 10) x y z qx qy qz qw sx sy sz): as the labels came where that is known, else in the scene's label frame."""
        places = self.document.places
        system = self.track.source_attributes.get("cuboid_system")
        poses = [places.pose(system, i) for i in there.tolist()] if isinstance(system, str) and system in places.systems else [None]
        known = [pose for pose in poses if pose is not None]
        if not isinstance(system, str) or len(known) < max(len(there), 1):
            system = places.label
        else:
            cuboids = moved_each(cuboids, known, np.arange(len(there)), system)
        size, quat = cuboids.size_m, cuboids.quat_wxyz
        if places.is_camera(system):
            size, quat = size[:, [0, 2, 1]], quat_multiply(quat, quat_from_matrix(UPRIGHT_FROM_CAMERA.T))
        return system, packed(cuboids.center_m, quat, size)

    def _labels_of(self, k: int, is_key: bool) -> tuple[dict[str, Any], dict[str, Any]]:
        """(what the object says in a frame beside its cuboid, the cuboid without its numbers) of a keyframe, or of a time after it."""
        track, beside, owner = self.track, self.beside, f"track {self.track.track_id!r}"
        kept = track.keyframe_source_attributes[k] if track.keyframe_source_attributes else {}
        fields = kept["cuboid"] if "cuboid" in kept and is_sound(kept["cuboid"]) else {}
        cuboid: dict[str, Any] = {"name": str(fields.get("name", CUBOID_NAME))}
        if not is_key:
            return {}, cuboid
        given = track.keyframe_attributes[k] if track.keyframe_attributes else {}
        if not kept and not given:
            return {}, cuboid | self.codes.get(k, {})
        kinds = self.document.attributes({name: value for name, value in given.items() if name not in beside}, owner)
        aside = self.document.attributes({name: value for name, value in given.items() if name in beside}, owner)
        taken = ["cuboid"] if fields else []
        entry: dict[str, Any] = {}
        if isinstance(kept.get("object"), Mapping) and "object_data" not in kept["object"]:
            entry, taken = dict(kept["object"]), [*taken, "object"]
        data = kept.get("object_data", {})
        if "object_data" in kept and is_data(data) and "cuboid" not in data:
            taken.append("object_data")
        else:
            data = {}
        data = joined(aside, data)
        cuboid |= fields
        attributes = joined(kinds, cuboid.get("attributes", {}))
        if attributes:
            cuboid["attributes"] = attributes
        cuboid |= self.codes.get(k, {})
        rest = {key: value for key, value in kept.items() if key not in taken}
        return {**entry, **({"object_data": data} if data else {})}, {**cuboid, **({"source_attributes": rest} if rest else {})}


class OwnImageTrack:
    """As `OwnTrack`, of shapes in pictures; an object is made where no cuboid is of it."""

    def __init__(self, document: Document, track: ImageTrack) -> None:
        self.document, self.track, self.uid = document, track, document.uids[track.track_id]
        self.name, self.codes = f"image track {track.track_id!r}", codes_of(track)
        self.exposures = document.scene.exposures_ns(track.camera)
        self.keyframes, self.n_seen = list[int](), 0
        if self.uid not in document.objects:
            document.declare_seen(track, self.uid, self.name)

    def put(self, first: int, end: int) -> None:
        for at, kind, items, given in sights_of(self.track, self.exposures[first:end], self.codes):
            self.n_seen += 1
            if not items:
                continue
            if "is_keyframe" not in items[0]:
                self.keyframes.append(first + at)
            for n, item in enumerate(items):
                values = item.pop("own_attributes", {} if n else given)
                others = {name: value for name, value in values.items() if attribute_kind(value) is None}
                own = self.document.attributes({name: value for name, value in values.items() if name not in others}, self.name)
                if attributes := joined(own, item.get("attributes", {})):
                    item["attributes"] = attributes
                if others:
                    item[OTHERS] = others
            self.document.put_data(self.uid, first + at, {"object_data": {kind: items}})

    def done(self) -> None:
        track, document = self.track, self.document
        if isinstance(track.shapes, Keypoints) and np.isfinite(track.shapes.uv[track.shapes.visibility == Visibility.OUTSIDE]).any():
            document.drop("", f"{self.name}: where points are that are not marked")
        if track.source_attributes.get("is_given_once"):
            document.drop("", f"object {self.uid!r}: that a shape is given once, for no frame; it is written into its frame")
        document.report.n_tracks += bool(self.n_seen)
        document.report.n_labels += self.n_seen
        told = said_of(track, self.exposures[self.keyframes], self.uid, str(document.objects[self.uid]["type"]))
        document.own_image_tracks[track.track_id] = told


def packed(center: Float64s, quat_wxyz: Float64s, size: Float64s) -> Float64s:
    """(M, 10) x y z qx qy qz qw sx sy sz"""
    return np.concatenate([center, quat_wxyz[:, [1, 2, 3, 0]], size], 1)


def end_of(track: Track, k: int) -> dict[str, Any]:
    """An OUTSIDE keyframe, which no frame holds."""
    value = packed(track.cuboids.center_m[[k]], track.cuboids.quat_wxyz[[k]], track.cuboids.size_m[[k]])[0]
    end: dict[str, Any] = {"timestamp_ns": int(track.times_ns[k]), "val": value.tolist(), "origin": Origin(track.origin[k]).name.lower()}
    for key, rows in (("attributes", track.keyframe_attributes), ("source_attributes", track.keyframe_source_attributes)):
        if rows and rows[k]:
            end[key] = dict(rows[k])
    return end
