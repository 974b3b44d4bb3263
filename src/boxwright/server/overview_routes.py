"""A scene at a glance: when its tracks are there, what is said of it, what was found; and many of its sweeps as one cloud."""

from __future__ import annotations

import gzip
import json
import warnings
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from ..aggregation import Aggregate, aggregate
from ..arrays import Int64s
from ..errors import ArgumentError, LimitError
from ..formats.boxwright_pictures import tag_mapping
from ..image_tracks import ImageTrack, interpolate_image_tracks
from ..keyframes import Origin, Visibility, code_names
from ..points import Sweep
from ..scene import Scene
from ..store.roles import Action
from ..tracks import Track, interpolate_tracks
from .answers import json_answer, unmarked
from .point_columns import columns_of_many
from .rights import CheckedRoute, asked, asks
from .sensor_routes import labelled_at, labelled_of, packed

__all__ = ["MOST_SWEEPS", "router"]

router = APIRouter(prefix="/api/v1/scenes/{scene_id}", route_class=CheckedRoute)
Frame = Annotated[int, Query(ge=0, lt=1_000_000)]
MOST_SWEEPS = 200  # that one call reads
MOST_POINTS = 5_000_000
MOST_NAMES = 32_000  # letters of a header
_FINDING = ("finding_id", "rule", "severity", "status", "frame_index", "last_frame_index", "worst_frame_index", "track_ids", "message")


# ------------------------------------------------------------ the timeline


@router.get("/timeline")
@asks(Action.READ)
def get_timeline(request: Request, scene_id: str) -> Response:
    """Per track its keyframes and the spans of frames in which it is there, `[first, last, visibility]`; tags and findings with their frames.

    Frames are those whose stamp, for a track in pictures the camera's exposure, is nearest. `seq` is the moment of the labels.
    """
    seq, scene = labelled_at(request)
    one = asked(request)
    tracks = [*_rows_of_cuboids(scene), *_rows_in_pictures(scene)]
    found = [{"entity_id": each.id, **{key: (each.body or {})[key] for key in _FINDING}} for each in one.project.entities(one.scene_name, "finding")]
    said = {"seq": seq, "times_ns": scene.times_ns.tolist(), "frame_ids": list(scene.frame_ids)}
    return json_answer({**said, "tracks": tracks, "tags": [_tag_row(scene, tag) for tag in scene.tags], "findings": found})


def _rows_of_cuboids(scene: Scene) -> list[dict[str, Any]]:
    many = interpolate_tracks(scene.tracks, scene.times_ns)
    spans = _spans(len(scene.tracks), many.track_index, many.time_index, many.visibility)
    return [{**_track_row(track, scene.times_ns), "shape": "cuboid", "camera": None, "spans": spans[k]} for k, track in enumerate(scene.tracks)]


def _rows_in_pictures(scene: Scene) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [{}] * len(scene.image_tracks)
    for camera in scene.cameras:
        times = scene.exposures_ns(camera)
        for group, index in scene.image_tracks.groups(camera):  # type: ignore[attr-defined]
            many = interpolate_image_tracks(group, times)
            spans = _spans(len(group), many.track_index, many.time_index, many.visibility)
            for k, track in enumerate(group):
                more = {"shape": track.shapes.KIND, "camera": camera, "object_id": track.object_id, "spans": spans[k]}
                rows[index[k]] = {**_track_row(track, times), **more}
    return rows


def _track_row(track: Track | ImageTrack, times_ns: Int64s) -> dict[str, Any]:
    keyframes = {
        "frame_index": nearest(times_ns, track.times_ns).tolist(),
        "timestamp_ns": track.times_ns.tolist(),
        "visibility": code_names(Visibility, track.visibility),
        "origin": code_names(Origin, track.origin),
    }
    return {"track_id": track.track_id, "category": track.category, "keyframes": keyframes}


def nearest(times_ns: Int64s, wanted_ns: Int64s) -> Int64s:
    """(K,) the index of the time nearest to each; times rise."""
    if not len(times_ns):
        return np.zeros(len(wanted_ns), np.int64)
    right = np.clip(np.searchsorted(times_ns, wanted_ns), 1, max(len(times_ns) - 1, 1))
    left = np.maximum(right - 1, 0)
    right = np.minimum(right, len(times_ns) - 1)
    chosen: Int64s = np.where(np.abs(times_ns[right] - wanted_ns) < np.abs(wanted_ns - times_ns[left]), right, left)
    return chosen


def _spans(n_tracks: int, track_index: Any, time_index: Any, visibility: Any) -> list[list[list[Any]]]:
    """Of each track the runs of times at which it is there and as visible."""
    spans: list[list[list[Any]]] = [[] for _ in range(n_tracks)]
    if len(track_index):
        breaks = (np.diff(track_index) != 0) | (np.diff(time_index) != 1) | (np.diff(visibility.astype(np.int16)) != 0)
        first = np.concatenate([[0], np.flatnonzero(breaks) + 1])
        last = np.concatenate([first[1:] - 1, [len(track_index) - 1]])
        names = code_names(Visibility, visibility[first])
        for k, begin, end, name in zip(track_index[first].tolist(), time_index[first].tolist(), time_index[last].tolist(), names):
            spans[k].append([begin, end, name])
    return spans


def _tag_row(scene: Scene, tag: Any) -> dict[str, Any]:
    times = scene.times_ns if tag.camera is None else scene.exposures_ns(tag.camera)
    held = np.arange(len(times)) if tag.span_ns is None else np.flatnonzero((times >= tag.span_ns[0]) & (times <= tag.span_ns[1]))
    frames = [int(held[0]), int(held[-1])] if len(held) else None
    return {**tag_mapping(tag), "frames": frames}


# ------------------------------------------------------------ many sweeps


@router.get("/aggregate", responses={200: {"content": {"application/octet-stream": {}}}})
@asks(Action.READ, work=True)
def get_aggregate(
    request: Request,
    scene_id: str,
    first: Frame,
    last: Frame,
    step: Annotated[int, Query(ge=1, le=1000, description="frames")] = 1,
    track_id: Annotated[str | None, Query(max_length=4096, description="of one object, in its own frame")] = None,
    frame: Annotated[str | None, Query(min_length=1, max_length=256, description="of reference, at the moment of at_frame")] = None,
    at_frame: Annotated[int | None, Query(ge=0, lt=1_000_000, description="when carried objects are shown; the middle one")] = None,
    moving: Literal["remove", "carry", "keep"] = "carry",
    voxel_m: Annotated[float | None, Query(ge=0.01, le=100, allow_inf_nan=False, description="one point in each cube of that edge")] = None,
    sensor: Annotated[list[str] | None, Query(max_length=20, description="these LiDARs alone; repeatable")] = None,
    most: Annotated[int | None, Query(ge=1, le=MOST_POINTS)] = None,
    encoding: Literal["float32", "uint16"] = "float32",
    compress: Literal["no", "gzip"] = "no",
    field: Annotated[list[Literal["time_offset_ns", "class_id"]] | None, Query(max_length=8, description="repeatable")] = None,
) -> Response:
    """Sweeps as one cloud, as points are sent, with `intensity` and `frame_index`: in the world frame, in that of one object, or in `frame`.

    `time_offset_ns` counts from the moment of at_frame; X-Boxwright-Classes tells as JSON what the numbers of `class_id` are called.
    """
    scene = labelled_of(request)
    frames = range(scene._frame(min(first, last)), scene._frame(max(first, last)) + 1, step)
    if len(frames) > MOST_SWEEPS:
        raise LimitError(expected=f"at most {MOST_SWEEPS} frames", got=str(len(frames)), field="last", hint="take fewer, or a larger step")
    moment = frames[len(frames) // 2] if at_frame is None else scene._frame(at_frame)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of scenes without poses: X-Boxwright-Frame tells which frame it is
        cloud = aggregate(scene, track_id, frames=frames, sensors=sensor, moving=moving, at_frame=moment, voxel_m=voxel_m, max_points=MOST_POINTS)
    sweep = _as_sweep(scene, cloud, moment, frame)
    more, classes = columns_of_many(scene, cloud, int(scene.times_ns[moment]), field or [])
    data, headers = packed(sweep, encoding, [], most, lambda of: {**_columns(of, cloud), **more})
    if "class_id" in more:
        said = unmarked(json.dumps(classes, separators=(",", ":")))
        if len(said) > MOST_NAMES:
            raise LimitError(expected=f"names of classes in {MOST_NAMES:,} letters", got=f"{len(said):,}", field="field", hint="take fewer frames")
        headers["X-Boxwright-Classes"] = said
    if compress == "gzip":
        data, headers = gzip.compress(data, 5, mtime=0), {**headers, "Content-Encoding": "gzip"}
    headers = {**headers, "Content-Disposition": "attachment", "X-Boxwright-Notes": str(len(cloud.notes))}
    return Response(data, headers=headers, media_type="application/octet-stream")


def _as_sweep(scene: Scene, cloud: Aggregate, moment: int, frame: str | None) -> Sweep:
    stamp = int(scene.times_ns[moment])
    sweep = Sweep(cloud.xyz, stamp, cloud.frame, cloud.intensity, origin_m=cloud.origin_m, is_deskewed=True)
    if frame is None or frame == cloud.frame:
        return sweep
    if cloud.frame == "cuboid":
        raise ArgumentError("the points of one object are in its own frame", got=f"{frame!r:.60}", field="frame", hint="leave it out")
    return sweep.transformed(scene.transform(frame, cloud.frame, stamp), frame)


def _columns(sweep: Sweep, cloud: Aggregate) -> dict[str, Any]:
    columns: dict[str, Any] = {"frame_index": cloud.frame_index}
    return columns if sweep.intensity is None else {"intensity": np.asarray(sweep.intensity), **columns}
