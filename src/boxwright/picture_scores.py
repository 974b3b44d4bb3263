"""Labels in pictures against gold, camera by camera: what was found, how well it sits, and how well tracks follow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .arrays import Float64s, Int64s
from .assignment import assigned
from .image_tracks import ImageTracks, interpolate_image_tracks
from .intervals import Estimate, estimate, ratio_of
from .overlap import iou_boxes
from .qualities import PictureQuality
from .scene import Scene
from .shapes2d import Boxes
from .track_metrics import clear, hota, identity

__all__ = ["picture_quality"]

LEAST_IOU = 0.5


@dataclass(frozen=True, eq=False)
class _Rows:
    """Labels of one camera at T moments: R of them, by moment. tracks : what track_index (R,) counts in; xyxy (R, 4)"""

    tracks: ImageTracks
    track_index: Int64s
    time_index: Int64s
    xyxy: Float64s

    @classmethod
    def of(cls, scene: Scene, camera: str, times_ns: Int64s) -> _Rows:
        tracks = ImageTracks(track for track in scene.image_tracks if track.camera == camera)
        parts: list[tuple[Any, ...]] = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 4)))]
        for group, index in tracks.groups():
            many = interpolate_image_tracks(group, times_ns)
            xyxy = many.shapes.bounds_xyxy()
            is_there = np.isfinite(xyxy).all(1)  # a mask without a pixel, and keypoints that are all outside, have no bounds
            parts.append((index[many.track_index[is_there]].astype(np.int64), many.time_index[is_there].astype(np.int64), xyxy[is_there]))
        track, time, bounds = (np.concatenate(column) for column in zip(*parts))
        order = np.lexsort((track, time))
        return cls(tracks, track[order], time[order], bounds[order])

    def at(self, time: int) -> slice:
        first, last = np.searchsorted(self.time_index, [time, time + 1]).tolist()
        return slice(first, last)


def picture_quality(scene: Scene, gold: Scene, camera: str, frames: Sequence[int] | Int64s, seed: int = 0) -> PictureQuality:
    """Of one camera, at the moments at which gold's pictures of these frames were taken."""
    times = gold.exposures_ns(camera)[np.asarray(frames, np.int64)]
    of_gold, of_label = _Rows.of(gold, camera, times), _Rows.of(scene, camera, times)
    _, classes = np.unique([track.category for track in (*of_gold.tracks, *of_label.tracks)], return_inverse=True)
    class_gold, class_label = np.split(classes, [len(of_gold.tracks)])
    counts: dict[str, Float64s] = defaultdict(lambda: np.zeros(4))  # found, missed, extraneous, sum of IoU
    ids: tuple[list[Any], list[Any], list[Any]] = ([], [], [])
    for t in range(len(times)):
        a, b = of_gold.at(t), of_label.at(t)
        ka, kb = of_gold.track_index[a], of_label.track_index[b]
        iou = iou_boxes(Boxes(of_gold.xyxy[a]), Boxes(of_label.xyxy[b]))
        alike = np.where(class_gold[ka][:, None] == class_label[kb], iou, 0.0)
        rows, columns = assigned(np.where(alike >= LEAST_IOU, alike, 0.0))
        for i, k in enumerate(ka.tolist()):
            counts[f"gold/{of_gold.tracks[k].track_id}"][0 if i in rows else 1] += 1
        for i, j in zip(rows.tolist(), columns.tolist()):
            counts[f"gold/{of_gold.tracks[int(ka[i])].track_id}"][3] += alike[i, j]
        for j, k in enumerate(kb.tolist()):
            if j not in columns:
                counts[f"label/{of_label.tracks[k].track_id}"][2] += 1
        for part, value in zip(ids, (ka, kb, alike)):
            part.append(value)
    found, missed, extra, total = np.array([counts[key] for key in sorted(counts)]).reshape(-1, 4).T
    n = len(counts)

    def share(top: Float64s, bottom: Float64s) -> Estimate:
        return estimate(ratio_of(top, bottom), n, is_share=True, seed=seed)

    return PictureQuality(
        sum(key.startswith("gold/") for key in counts),
        len(of_gold.track_index),
        len(of_label.track_index),
        int(found.sum()),
        share(found, found + extra),
        share(found, found + missed),
        share(2 * found, 2 * found + missed + extra),
        share(total, found),
        hota(*ids),
        clear(*ids),
        identity(*ids),
    )
