"""The boxes in Waymo's pictures; the layout is drawn in waymo.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ..arrays import Int64s
from ..cameras import UncalibratedCamera
from ..image_tracks import ImageTrack
from ..limits import FARTHEST_PX, limits
from ..scene import CameraSensor
from ..shapes2d import Boxes
from .argoverse2_tables import Rows
from .camera_labels import EDGE_PX
from .dense_tracks import dense_image_track
from .laid_over import NO_SIZE

__all__ = ["BOX_COLUMNS", "image_tracks_of", "set_bad_boxes_aside"]

_KEYS = {"key.frame_timestamp_micros": "i", "key.camera_name": "i", "key.camera_object_id": "s", "type": "i"}
_BOX = ("box.center.x", "box.center.y", "box.size.x", "box.size.y")
BOX_COLUMNS = {**_KEYS, **dict.fromkeys(_BOX, "f")}


def set_bad_boxes_aside(table: Rows) -> None:
    values = table.stack(*_BOX)
    table.set_aside(
        ~((values[:, 2:].min(1, initial=np.inf) >= 0) & (np.abs(values).max(1, initial=0) < FARTHEST_PX)),
        lambda i: table.wrong(i, expected=f"a size from 0, places under {FARTHEST_PX:g} px", got=str(values[i].tolist())[:60], field="box"),
    )


def image_tracks_of(
    table: Rows,
    linked: Mapping[tuple[str, int], str],
    cameras: dict[str, CameraSensor],
    times_ns: Int64s,
    camera_name: Callable[[int], str],
    types: Mapping[int, str],
    notes: list[str],
) -> list[ImageTrack]:
    """Also makes the cameras that have labels and no calibration, and notes them.

    linked : (object in pictures, camera's number) -> object
    times_ns : (F,) of the scene
    """
    order = np.argsort(table["key.frame_timestamp_micros"], kind="stable")
    table.columns = {name: values[order] for name, values in table.columns.items()}
    frame = np.searchsorted(times_ns, table["key.frame_timestamp_micros"].astype(np.int64) * 1000)
    values = table.stack(*_BOX)
    xyxy = np.c_[values[:, :2] - values[:, 2:] / 2, values[:, :2] + values[:, 2:] / 2] - EDGE_PX
    known = {*BOX_COLUMNS, "key.segment_context_name"}
    extra = [name for name, column in table.columns.items() if name not in known and column.dtype.kind in "iufOUb"]
    names, tracks = set[str](), []
    for (object_id, number, kind), index in table.members("key.camera_object_id", "key.camera_name", "type").items():
        camera = camera_name(number)
        if camera not in cameras:
            low = np.ceil(np.append(xyxy[table["key.camera_name"] == number][:, 2:], [[0.5, 0.5]], axis=0).max(axis=0) + 0.5).astype(int)
            limits().check("image_px", int(np.prod(low)), table.path, camera)
            cameras[camera] = CameraSensor(camera, UncalibratedCamera(*(max(int(side), 1) for side in low)))
            notes.append(f"{NO_SIZE} of {camera}, nor its calibration: {low[0]} x {low[1]} px holds all labels")
        name = object_id
        for more in (f"{object_id}@{camera}", f"{object_id}@{camera}-{types[kind]}"):
            name = more if name in names else name
        names.add(name)
        sources = [table.said(extra, i) for i in index.tolist()]
        tracks.append(
            dense_image_track(
                name,
                types[kind],
                camera,
                frame[index],
                times_ns,
                Boxes(xyxy[index]),
                source_attributes=sources if any(sources) else (),
                object_id=linked.get((object_id, number)),
            )
        )
    return tracks
