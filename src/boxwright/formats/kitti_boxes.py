"""The boxes in pictures that KITTI's label rows hold beside their cuboids: left top right bottom in the left colour camera, in pixels.

They become image tracks of that camera, "<track>/image_02", whose object is the cuboids' track; the writers put such boxes back into the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arrays import Int64s
from ..errors import number_of
from ..image_tracks import ImageTrack
from ..keyframes import Visibility
from ..limits import FARTHEST_M
from ..scene import Scene
from ..shapes2d import Boxes
from .dense_tracks import dense_image_track
from .kitti_labels import BOX
from .losses import is_filled, lost_in_pictures
from .write_report import Told, WriteReport

__all__ = ["NO_BOX", "DrawnBoxes", "drawn_track"]

NO_BOX = [-1.0, -1.0, -1.0, -1.0]  # of a label that no picture shows


def drawn_track(
    track_id: str,
    category: str,
    camera: str | None,
    frame_index: Int64s,
    times_ns: Int64s,
    columns: Sequence[dict[str, Any]],
    visibility: Sequence[int],
) -> ImageTrack | None:
    """The boxes of K rows, which are taken out of their columns; None where none is drawn. Without a camera all stay where they are."""
    rows = [k for k, row in enumerate(columns) if row[BOX] != NO_BOX] if camera is not None else []
    if camera is None or not rows:
        return None
    boxes = Boxes([columns[k].pop(BOX) for k in rows])
    seen = [visibility[k] for k in rows]
    return dense_image_track(f"{track_id}/{camera}", category, camera, frame_index[rows], times_ns, boxes, visibility=seen, object_id=track_id)


class DrawnBoxes:
    """Boxes of a scene's image tracks that a row of KITTI's holds: those of its cuboids' objects in the camera that boxes are drawn in.

    folder : what KITTI calls the camera
    """

    def __init__(self, scene: Scene, camera: str | None, folder: str) -> None:
        self.scene, self.folder, self.n_alone = scene, folder, 0
        self.tracks: dict[int, ImageTrack] = {}
        for track in scene.image_tracks if camera is not None else ():
            k = scene.track_index.get(track.object_id or "", -1)
            if track.camera == camera and k >= 0:
                self.tracks.setdefault(k, track)

    def among(self, first: int, end: int) -> dict[tuple[int, int], list[float]]:
        """(frame, track index) -> left, top, right, bottom, of some of the frames. What is not taken out of it by `pop` has no cuboid."""
        found: dict[tuple[int, int], list[float]] = {}
        for k, track in self.tracks.items():
            bounds = track.at(self.scene.exposures_ns(track.camera)[first:end]).shapes.bounds_xyxy()
            good = np.flatnonzero((np.abs(bounds) < FARTHEST_M).all(axis=1))  # no NaN either: there is no box
            found.update(((first + i, k), box) for i, box in zip(good.tolist(), bounds[good].tolist()))
        return found

    def say_what_is_lost(self, report: WriteReport) -> None:
        """Once `n_alone` counts the boxes that went into no row."""
        kept = {track.track_id for track in self.tracks.values()}
        report.dropped += lost_in_pictures([track for track in self.scene.image_tracks if track.track_id not in kept])
        if self.n_alone:
            report.dropped.append(Told("shapes", f"{self.n_alone} boxes in pictures at frames without the cuboid of their object", n=self.n_alone))
        changed = [track.track_id for track in self.tracks.values() if not isinstance(track.shapes, Boxes)]
        if changed:
            said = f"the shapes of {number_of(len(changed), 'track')} in pictures: KITTI has the boxes around them"
            report.dropped.append(Told("shapes", said, changed))
        renamed = [track.track_id for k, track in self.tracks.items() if track.track_id != f"{self.scene.tracks[k].track_id}/{self.folder}"]
        if renamed:
            what = f"the names of {number_of(len(renamed), 'track')} in pictures: they are their objects', and {self.folder}"
            report.dropped.append(Told("track_ids", what, renamed))
        other = [track.track_id for k, track in self.tracks.items() if track.category != self.scene.tracks[k].category]
        if other:
            what = f"the classes of {number_of(len(other), 'track')} in pictures that are others than their objects': {', '.join(other[:10])}"
            report.dropped.append(Told("classes", what, other))
        if any(is_filled(self.scene, track) for track in self.tracks.values()):
            report.dropped.append(Told("keyframes", "which boxes in pictures are keyframes: every frame has its own"))
        apart = {track.track_id: _n_hidden_apart(self.scene, k, track) for k, track in self.tracks.items()}
        if hidden := sum(apart.values()):
            what = f"that {number_of(hidden, 'box')} in pictures {'is' if hidden == 1 else 'are'} occluded, or not, unlike the cuboid"
            report.dropped.append(Told("visibility", what, [name for name, n in apart.items() if n]))
        own = self.tracks.values()
        rows = [row for t in own for row in (t.attributes, t.source_attributes, *t.keyframe_attributes, *t.keyframe_source_attributes)]
        if names := {str(name) for row in rows for name in row}:
            report.dropped.append(Told("attributes other_fields", f"attributes of tracks in pictures: {', '.join(sorted(names))}", kept))


def _n_hidden_apart(scene: Scene, k: int, track: ImageTrack) -> int:
    """How many boxes of an object are occluded where its cuboid is not, or the other way round."""
    if not ((track.visibility == Visibility.OCCLUDED).any() or (scene.tracks[k].visibility == Visibility.OCCLUDED).any()):
        return 0
    filled, other = track.at(scene.exposures_ns(track.camera)), scene.tracks[k].at(scene.times_ns)
    both = np.flatnonzero(filled.is_valid & other.is_valid)
    codes = track.visibility[filled.keyframe_index[both]], scene.tracks[k].visibility[other.keyframe_index[both]]
    return int(((codes[0] == Visibility.OCCLUDED) != (codes[1] == Visibility.OCCLUDED)).sum())
