"""All of a frame in one call, and its cuboids as curves in every picture: what a page asks for when somebody goes to another frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from ..arrays import Int64s
from ..cameras import UncalibratedCamera
from ..cuboids import Cuboids
from ..errors import ArgumentError, BoxwrightError, CalibrationError
from ..formats.boxwright_pictures import shape_mappings, tag_mapping
from ..frames import Pose
from ..keyframes import code_names
from ..projection import ImageBoxes, project_cuboids
from ..scene import Scene
from ..scene_labels import ShapeLabels
from ..store.roles import Action
from ..tracks import State, Visibility, interpolate_tracks
from .answers import json_answer
from .models import ProjectBody
from .rights import CheckedRoute, asks
from .sensor_routes import labelled_of, scene_of

__all__ = ["cuboid_rows", "lines_of", "moved_cuboids", "router"]

router = APIRouter(prefix="/api/v1/scenes/{scene_id}/frames/{frame_index}", route_class=CheckedRoute)
FrameIndex = Annotated[int, Path(ge=0, lt=1_000_000)]
FrameName = Annotated[str | None, Query(min_length=1, max_length=256, description="of reference; the scene's label frame where it is left out")]
Cameras = Annotated[list[str] | None, Query(alias="camera", max_length=100, description="these alone; repeatable")]
_NAMES = ("center_m", "size_m", "quat_wxyz", "yaw_rad")
_FRONT, _REST = np.arange(4), np.arange(4, 12)  # rows of cuboids.EDGES
MOST_TRAIL = 500  # frames to either side


# ------------------------------------------------------------ a frame


@router.get("")
@asks(Action.READ)
def get_frame(request: Request, scene_id: str, frame_index: FrameIndex, frame: FrameName = None) -> Response:
    """A frame as a page needs it: cuboids of all tracks in a frame of reference, shapes in pictures, tags, where sensors were, what there is of them.

    `label_from` are 4 x 4 matrices into the scene's label frame, of a camera at its exposure; null where poses or calibration are missing.
    """
    scene = labelled_of(request)
    i, wanted = scene._frame(frame_index), frame or scene.label_frame
    rows, absent = cuboid_rows(scene, i, wanted)
    lidars = {name: {"has_points": scene.has_points(i, name), "label_from": _label_from(scene, i, name)} for name in scene.lidars}
    cameras = {name: _camera(scene, i, name) for name in scene.cameras}
    said = {"frame_index": i, "frame_id": scene.frame_ids[i], "timestamp_ns": int(scene.times_ns[i]), "label_frame": scene.label_frame}
    places = {"ego": {"label_from": _label_from(scene, i, "ego")}, "lidars": lidars, "cameras": cameras}
    labels = {"frame": wanted, "cuboids": rows, "absent": absent, "shapes": [row for name in scene.cameras for row in _shapes(scene, i, name)]}
    return json_answer({**said, **places, **labels, "tags": [tag_mapping(tag) for tag in _tags(scene, i)]})


def cuboid_rows(scene: Scene, i: int, frame: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(tracks that are there with their cuboids, the others with why they are not), in the order of the scene's tracks."""
    stamp = scene.times_ns[i : i + 1]
    many = interpolate_tracks(scene.tracks, stamp)
    cuboids = moved_cuboids(scene, i, many.cuboids, frame) if len(many) else Cuboids.empty(frame)
    columns = [getattr(cuboids, name).tolist() for name in _NAMES]
    states, seen = code_names(State, many.state), code_names(Visibility, many.visibility)
    rows = []
    for m, k in enumerate(many.track_index.tolist()):
        track, place = scene.tracks[k], {name: column[m] for name, column in zip(_NAMES, columns)}
        rows.append({"track_id": track.track_id, "category": track.category, "state": states[m], "visibility": seen[m], **place})
    there, absent = set(many.track_index.tolist()), []
    for k, track in enumerate(scene.tracks):
        if k not in there:
            state = "before" if stamp[0] < track.times_ns[0] else "after" if stamp[0] > track.times_ns[-1] else "outside"
            absent.append({"track_id": track.track_id, "category": track.category, "state": state})
    return rows, absent


def moved_cuboids(scene: Scene, i: int, cuboids: Cuboids, frame: str) -> Cuboids:
    """Cuboids of the scene's label frame in another one, at a frame's stamp; a camera sees them from where it was at its exposure."""
    if frame == scene.label_frame:
        return cuboids
    if frame in scene.cameras:
        return cuboids.transformed(scene.cam_from(i, frame, scene.label_frame), frame=frame)
    return cuboids.transformed(scene.transform(frame, scene.label_frame, int(scene.times_ns[i])), frame=frame)


def _camera(scene: Scene, i: int, name: str) -> dict[str, Any]:
    sensor = scene.camera(name)
    is_known = not isinstance(sensor.camera, UncalibratedCamera)
    place = _label_from(scene, i, name) if is_known else None
    said = {"width_px": sensor.camera.width_px, "height_px": sensor.camera.height_px, "is_calibrated": is_known}
    return {"has_image": scene.has_image(i, name), "exposure_ns": int(scene.exposures_ns(name)[i]), **said, "label_from": place}


def _label_from(scene: Scene, i: int, name: str) -> list[list[float]] | None:
    try:
        if name in scene.cameras:
            pose = scene.cam_from(i, name, scene.label_frame).inverse()
        else:
            pose = scene.transform(scene.label_frame, name, int(scene.times_ns[i]))
    except BoxwrightError:  # of a moment that poses do not cover
        return None
    matrix: list[list[float]] = pose.matrix().tolist()
    return matrix


def _shapes(scene: Scene, i: int, camera: str) -> Iterator[dict[str, Any]]:
    for labels in scene.shapes(i, camera):
        yield from _shape_rows(scene, camera, labels)


def _shape_rows(scene: Scene, camera: str, labels: ShapeLabels) -> Iterator[dict[str, Any]]:
    of_track, of_rows = shape_mappings(labels.shapes)
    states, seen = code_names(State, labels.state), code_names(Visibility, labels.visibility)
    for m, k in enumerate(labels.track_index.tolist()):
        track = scene.image_tracks[k]
        said = {"track_id": track.track_id, "category": track.category, "camera": camera, "object_id": track.object_id}
        yield {**said, "shape": labels.shapes.KIND, "state": states[m], "visibility": seen[m], **of_track, **of_rows[m]}


def _tags(scene: Scene, i: int) -> Iterator[Any]:
    for tag in scene.tags:
        stamp = scene.times_ns[i] if tag.camera is None else scene.exposures_ns(tag.camera)[i]
        if tag.holds_at(int(stamp)):
            yield tag


# ------------------------------------------------------------ cuboids in pictures


@router.get("/projections")
@asks(Action.READ)
def get_projections(request: Request, scene_id: str, frame_index: FrameIndex, camera: Cameras = None) -> Response:
    """The cuboids of a frame in every picture, the farthest first: curves of their edges, `front` around the face that looks ahead, `hidden` behind
    the cuboid itself, `visible` the others. Each curve is u, v, u, v, ... in tenths of a pixel."""
    scene = labelled_of(request)
    i = scene._frame(frame_index)
    many = interpolate_tracks(scene.tracks, scene.times_ns[i : i + 1])
    seen, states = code_names(Visibility, many.visibility), code_names(State, many.state)

    def said(m: int) -> Mapping[str, Any]:
        track = scene.tracks[many.track_index[m]]
        return {"track_id": track.track_id, "category": track.category, "state": states[m], "visibility": seen[m]}

    return json_answer({"cameras": _in_pictures(scene, i, many.cuboids, scene.label_frame, camera, said)})


@router.post("/projections")
@asks(Action.READ)
def post_projections(request: Request, scene_id: str, frame_index: FrameIndex, body: ProjectBody) -> Response:
    """The same of cuboids that are given, such as one that is dragged: `row` says which."""
    scene = scene_of(request)
    i, frame = scene._frame(frame_index), body.frame or scene.label_frame
    given = [one.model_dump() for one in body.cuboids]
    if any((one["yaw_rad"] is None) == (one["quat_wxyz"] is None) for one in given):
        raise ArgumentError(expected="yaw_rad or quat_wxyz", got="both or none", field="cuboids", hint="one of them says how it is turned")
    turns = [one["quat_wxyz"] or [np.cos(one["yaw_rad"] / 2), 0.0, 0.0, np.sin(one["yaw_rad"] / 2)] for one in given]
    cuboids = Cuboids([one["center_m"] for one in given], [one["size_m"] for one in given], quat_wxyz=turns, frame=frame)
    return json_answer({"cameras": _in_pictures(scene, i, cuboids, frame, body.cameras, lambda m: {"row": m})})


def _in_pictures(scene: Scene, i: int, cuboids: Cuboids, frame: str, cameras: list[str] | None, said: Any) -> dict[str, Any]:
    """camera -> its size and the cuboids in its picture; those without calibration, or without a pose at their exposure, have none."""
    found: dict[str, Any] = {}
    for name in dict.fromkeys(scene.cameras if cameras is None else cameras):
        camera = scene.camera(name).camera
        rows: list[dict[str, Any]] = []
        pose: Pose | None = None
        try:
            pose = scene.cam_from(i, name, frame)
        except CalibrationError:
            pass
        except BoxwrightError:
            if frame != scene.label_frame:
                raise
        if pose is not None and len(cuboids):
            boxes = project_cuboids(cuboids, camera, pose)
            depth = np.linalg.norm(pose.apply(cuboids.center_m), axis=1)
            hidden = boxes.hidden_edges
            for m in sorted(np.flatnonzero(boxes.visible).tolist(), key=lambda m: -depth[m]):
                place = {"xyxy": np.round(boxes.xyxy[m], 1).tolist(), "truncation": round(float(boxes.truncation[m]), 3)}
                rows.append({**said(m), **place, "distance_m": round(float(depth[m]), 2), **lines_of(boxes, m, hidden[m])})
        found[name] = {"width_px": camera.width_px, "height_px": camera.height_px, "cuboids": rows}
    return found


def lines_of(boxes: ImageBoxes, m: int, hidden: Any) -> dict[str, list[list[int]]]:
    """Curves of a cuboid's edges in tenths of a pixel, each u, v, u, v, ..."""
    return {
        "visible": _tenths(boxes, m, _REST[~hidden[4:]]),
        "front": _tenths(boxes, m, _FRONT[~hidden[:4]]),
        "hidden": _tenths(boxes, m, np.flatnonzero(hidden)),
    }


def _tenths(boxes: ImageBoxes, m: int, edges: Int64s) -> list[list[int]]:
    if not len(edges):
        return []
    uv, starts = boxes.traced(m, edges)
    flat = np.rint(uv * 10).astype(np.int64).ravel().tolist()
    begins = (2 * starts).tolist()
    return [flat[begin:end] for begin, end in zip(begins, [*begins[1:], len(flat)])]


# ------------------------------------------------------------ trails


@router.get("/trails")
@asks(Action.READ)
def get_trails(
    request: Request,
    scene_id: str,
    frame_index: FrameIndex,
    frame: FrameName = None,
    before: Annotated[int, Query(ge=0, le=MOST_TRAIL, description="frames")] = 25,
    after: Annotated[int, Query(ge=0, le=MOST_TRAIL, description="frames")] = 0,
) -> Response:
    """Where the floors' middles of all tracks are in the frames around one, in a frame of reference at that one's moment. A track that goes away and
    comes back has several rows."""
    scene = labelled_of(request)
    i, wanted = scene._frame(frame_index), frame or scene.label_frame
    first, last = max(0, i - before), min(len(scene) - 1, i + after)
    many = interpolate_tracks(scene.tracks, scene.times_ns[first : last + 1])
    rows: list[dict[str, Any]] = []
    if len(many):
        places = many.cuboids.center_m - many.cuboids.rotation[..., 2] * many.cuboids.size_m[:, 2:] / 2
        if wanted != scene.label_frame:
            pose = scene.cam_from(i, wanted, scene.label_frame) if wanted in scene.cameras else None
            places = (pose or scene.transform(wanted, scene.label_frame, int(scene.times_ns[i]))).apply(places)
        breaks = np.flatnonzero((np.diff(many.track_index) != 0) | (np.diff(many.time_index) != 1)) + 1
        for run in np.split(np.arange(len(many)), breaks):
            track, begin = scene.tracks[many.track_index[run[0]]], first + int(many.time_index[run[0]])
            rows.append({"track_id": track.track_id, "first_frame": begin, "places_m": np.round(places[run], 4).tolist()})
    return json_answer({"frame": wanted, "trails": rows})
