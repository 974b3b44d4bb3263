"""Which tracks in pictures and which tracks of cuboids are the same object."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..arrays import Bools, Float64s, Int64s, as_floats
from ..cuboids import table_library
from ..errors import ArgumentError
from ..image_tracks import ImageTracks, interpolate_image_tracks
from ..overlap import iou_boxes
from ..scene import Scene
from ..shapes2d import Boxes
from ..taxonomy import Taxonomy
from .projecting import ProjectedTracks, project_tracks

__all__ = ["Link", "Links", "link"]

LEAST_IOU = 0.3
LEAST_SHARE = 0.5  # of the frames in which both are there, in which they must overlap so


@dataclass(frozen=True)
class Link:
    """A track in pictures and a track of cuboids that are the same object.

    mean_iou : over the frames in which both are there
    n_frames : how many of these overlap enough; n_common : how many there are
    confidence : from 0 to 1: the share of common frames that overlap, times how much worse the next best partner of either is, times
        n_frames / (n_frames + 1), for one frame tells little
    is_given : the track said so already, by its object_id; it was not looked for
    """

    image_track_id: str
    track_id: str
    camera: str
    mean_iou: float
    n_frames: int
    n_common: int
    confidence: float
    is_given: bool = False


@dataclass(frozen=True, eq=False)
class Links(Sequence[Link]):
    """What `link` found, by camera and then by the id of the image track.

    unmatched_image_tracks : ids of image tracks without a cuboid track
    unmatched_tracks : (camera, track id) of cuboid tracks that are in a camera's pictures at frames with labels there, and have no image track in it
    """

    pairs: tuple[Link, ...]
    unmatched_image_tracks: tuple[str, ...]
    unmatched_tracks: tuple[tuple[str, str], ...]
    scene: Scene = field(repr=False)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: Any) -> Any:
        return self.pairs[index]

    def __iter__(self) -> Iterator[Link]:
        return iter(self.pairs)

    def accept(self, least_confidence: float = 0.0) -> Scene:
        """The scene with each link written down as the object_id of its image track; links less sure than asked for are not, given ones stay."""
        least = float(as_floats("least_confidence", least_confidence, ()))
        if not 0 <= least <= 1:
            raise ArgumentError(expected="a number from 0 to 1", got=repr(least_confidence), field="least_confidence", hint="0 takes all")
        said = {one.image_track_id: one.track_id for one in self.pairs if not one.is_given and one.confidence >= least}
        tracks = [track.replace(object_id=said[track.track_id]) if track.track_id in said else track for track in self.scene.image_tracks]
        return self.scene.replace(image_tracks=ImageTracks(tracks))

    def _columns(self) -> dict[str, Any]:
        return {name: [getattr(one, name) for one in self.pairs] for name in Link.__dataclass_fields__}

    def to_pandas(self) -> Any:
        """A pandas.DataFrame, one row per link (extra `table`)."""
        return table_library("pandas").DataFrame(self._columns())

    def to_arrow(self) -> Any:
        """A pyarrow.Table, one row per link (extra `table`)."""
        return table_library("pyarrow").table(self._columns())

    def __repr__(self) -> str:
        return (
            f"Links({len(self.pairs)} pairs, {len(self.unmatched_image_tracks)} image tracks and {len(self.unmatched_tracks)} cuboid tracks without)"
        )


def link(scene: Scene, cameras: Sequence[str] | None = None, *, least_iou: float = LEAST_IOU, any_class: bool = False) -> Links:
    """Which labels in pictures and which cuboids are the same object, over all frames at once.

    cameras : names; by default all that are calibrated
    least_iou : of a box and a projected cuboid in one frame, for the two to count as alike there
    any_class : match tracks of different classes too; by default both must be of one class of `Taxonomy.default()`, or of one name

    Cuboids are projected as `project_tracks` does it; labels of any kind count with their bounds, cut off at the border of the picture. In each
    camera, pairs are chosen so that their summed IoU is largest (Kuhn, Naval Research Logistics 2, 1955); a pair must be alike in half of the frames
    in which both are there. Further image tracks then go to the same cuboids where they are there at other frames alone: tracks that were broken off.
    Image tracks whose object_id names a track of cuboids are taken as they are.
    """
    least = float(as_floats("least_iou", least_iou, ()))
    if not 0 < least <= 1:
        raise ArgumentError(expected="a number above 0, at most 1", got=repr(least_iou), field="least_iou", hint="leave it out for 0.3")
    projected = project_tracks(scene, cameras, occlusion=False)
    pairs, alone, idle = list[Link](), list[str](), list[tuple[str, str]]()
    for c, camera in enumerate(projected.cameras):
        table = _Overlaps.of(scene, projected, c, camera, least)
        found = table.given() + table.matched(any_class)
        taken = {one.image_track_id for one in found}
        used = {one.track_id for one in found}
        pairs += sorted(found, key=lambda one: one.image_track_id)
        alone += sorted(name for name in table.image_ids if name not in taken)
        idle += [(camera, name) for name, n in zip(table.track_ids, table.in_labelled_frames.tolist()) if n and name not in used]
    return Links(tuple(pairs), tuple(alone), tuple(idle), scene)


def boxes_in_pictures(scene: Scene, camera: str) -> tuple[ImageTracks, Int64s, Int64s, Float64s]:
    """The image tracks of a camera by their ids, and rows of their labels at its frames: track, frame, bounds cut off at the picture's border."""
    tracks = ImageTracks(sorted((track for track in scene.image_tracks if track.camera == camera), key=lambda track: track.track_id))
    exposures = scene.exposures_ns(camera)
    rows = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 4)))]
    for group, index in tracks.groups():
        many = interpolate_image_tracks(group, exposures)
        rows.append((index[many.track_index].astype(np.int64), many.time_index.astype(np.int64), many.shapes.bounds_xyxy()))
    track, frame, xyxy = (np.concatenate(column) for column in zip(*rows))
    border = np.array(scene.camera(camera).camera.size_px) - 0.5
    xyxy = np.concatenate([np.maximum(xyxy[:, :2], -0.5), np.minimum(xyxy[:, 2:], border)], axis=1)
    keep = (xyxy[:, 2:] >= xyxy[:, :2]).all(1)
    return tracks, track[keep], frame[keep], xyxy[keep]


@dataclass(frozen=True, eq=False)
class _Overlaps:
    """Of A image tracks and B cuboid tracks in one camera, both by their ids: how they overlap over the frames.

    total, all_iou : (A, B) summed IoU of the frames that are alike, and of all; n_alike, n_common : (A, B)
    there_a, there_b : (A, F) and (B, F) bool
    """

    camera: str
    image_tracks: ImageTracks
    image_ids: list[str]
    track_ids: list[str]
    categories: list[str]
    total: Float64s
    all_iou: Float64s
    n_alike: Int64s
    n_common: Int64s
    there_a: Bools
    there_b: Bools

    @classmethod
    def of(cls, scene: Scene, projected: ProjectedTracks, c: int, camera: str, least: float) -> _Overlaps:
        tracks, track_a, frame_a, xyxy_a = boxes_in_pictures(scene, camera)
        rows = np.flatnonzero(projected.camera_index == c)
        by_id = sorted(range(len(scene.tracks)), key=lambda k: scene.tracks[k].track_id)
        rank = np.argsort(by_id) if by_id else np.zeros(0, np.int64)
        track_b, frame_b, xyxy_b = rank[projected.track_index[rows]], projected.frame_index[rows], projected.visible_xyxy[rows]
        shape = len(tracks), len(by_id)
        total, all_iou, n_alike, n_common = np.zeros(shape), np.zeros(shape), np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        there_a, there_b = np.zeros((len(tracks), len(scene)), bool), np.zeros((len(by_id), len(scene)), bool)
        there_a[track_a, frame_a] = there_b[track_b, frame_b] = True
        for i in np.flatnonzero(there_a.any(0) & there_b.any(0)).tolist():
            a, b = np.flatnonzero(frame_a == i), np.flatnonzero(frame_b == i)
            iou = iou_boxes(Boxes(xyxy_a[a]), Boxes(xyxy_b[b]))
            at = np.ix_(track_a[a], track_b[b])
            all_iou[at] += iou
            n_common[at] += 1
            total[at] += np.where(iou >= least, iou, 0.0)
            n_alike[at] += iou >= least
        chosen = [scene.tracks[k] for k in by_id]
        ids, kinds = [track.track_id for track in chosen], [track.category for track in chosen]
        return cls(camera, tracks, [track.track_id for track in tracks], ids, kinds, total, all_iou, n_alike, n_common, there_a, there_b)

    @property
    def in_labelled_frames(self) -> Int64s:
        """(B,) at how many frames that have any label each cuboid track is in the picture."""
        count: Int64s = (self.there_b & self.there_a.any(0)).sum(1)
        return count

    def given(self) -> list[Link]:
        index = {name: b for b, name in enumerate(self.track_ids)}
        said = [(a, index[track.object_id]) for a, track in enumerate(self.image_tracks) if track.object_id is not None and track.object_id in index]
        return [self._link(a, b, self.total, is_given=True) for a, b in said]

    def matched(self, any_class: bool) -> list[Link]:
        """Rounds of matching, each of what no frame of an earlier pair forbids, until one finds nothing more."""
        from scipy.optimize import linear_sum_assignment

        score = np.where((self.n_alike >= LEAST_SHARE * self.n_common) & (any_class or self._of_one_class()), self.total, 0.0)
        free = np.array([track.object_id is None or track.object_id not in self.track_ids for track in self.image_tracks], bool)
        taken = np.zeros_like(self.there_b)
        for one in self.given():
            taken[self.track_ids.index(one.track_id)] |= self.there_a[self.image_ids.index(one.image_track_id)]
        score[~free] = 0.0
        found: list[Link] = []
        while True:
            clash = (self.there_a.astype(np.int64) @ taken.T.astype(np.int64)) > 0
            open_score = np.where(clash | ~free[:, None], 0.0, score)
            chosen = [(a, b) for a, b in zip(*map(np.ndarray.tolist, linear_sum_assignment(open_score, maximize=True))) if open_score[a, b] > 0]
            for a, b in chosen:
                found.append(self._link(a, b, score))
                free[a] = False
                taken[b] |= self.there_a[a]
            if not chosen:
                return found

    def _of_one_class(self) -> Bools:
        kinds_a, kinds_b = ([_class_of(name) for name in names] for names in ([track.category for track in self.image_tracks], self.categories))
        return np.array([[one == other for other in kinds_b] for one in kinds_a], bool).reshape(self.total.shape)

    def _link(self, a: int, b: int, score: Float64s, *, is_given: bool = False) -> Link:
        n, common = int(self.n_alike[a, b]), int(self.n_common[a, b])
        mean = float(self.all_iou[a, b]) / common if common else math.nan
        return Link(self.image_ids[a], self.track_ids[b], self.camera, mean, n, common, 1.0 if is_given else self._confidence(a, b, score), is_given)

    def _confidence(self, a: int, b: int, score: Float64s) -> float:
        own = score[a, b]
        meets = (self.there_a & self.there_a[a]).any(1)  # tracks at other frames alone are no rivals: an object may have several
        rivals = np.concatenate([np.delete(score[a], b), score[:, b][meets & (np.arange(len(score)) != a)]])
        margin = 1 - min(float(rivals.max(initial=0.0)) / own, 1.0)
        n, common = self.n_alike[a, b], self.n_common[a, b]
        return float(n / common * margin * n / (n + 1))


def _class_of(name: str) -> str:
    known = Taxonomy.default().get(name)
    return name.casefold() if known is None else known.name
