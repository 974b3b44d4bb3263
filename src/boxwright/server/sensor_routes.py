"""Points, pictures and cuboids of a frame. Points are binary, in parts that a header names; what is served of a picture was encoded here."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from ..cameras import PinholeCamera
from ..errors import ArgumentError
from ..formats.images import image_bytes
from ..frames import as_pose
from ..occlusion import depth_map
from ..points import Sweep
from ..projection import project_cuboids
from ..render.point_colors import labels_of_points
from ..scene import Scene
from ..store.roles import Action
from ..tracks import State
from .answers import json_answer
from .models import SeenBody
from .point_columns import COMPUTED, KNOWN, chosen_columns, further_fields
from .rights import CheckedRoute, asked, asks

__all__ = ["labelled_at", "labelled_of", "ordered", "packed", "router", "scene_of"]

router = APIRouter(prefix="/api/v1/scenes/{scene_id}/frames/{frame_index}", route_class=CheckedRoute)
FrameIndex = Annotated[int, Path(ge=0, lt=1_000_000)]
Most = Annotated[int | None, Query(ge=1, le=20_000_000, description="the first so many points of an order that any beginning of covers the sweep")]
Fields = Annotated[
    list[str] | None,
    Query(
        alias="field",
        max_length=16,
        description="intensity, time_offset_ns, index, class_id, instance_id, rgba, uv, sees, names of further columns, others",
    ),
]
Cameras = Annotated[
    list[str] | None, Query(alias="camera", max_length=100, description="that rgba is taken from, in this order; all of them. uv and sees are of one")
]
Named = Annotated[str, Query(min_length=1, max_length=256)]
LABELLED = frozenset(COMPUTED[:2])
_ORDER_SEED = 0x62785731
_STEPS = 65534  # of a quantised axis; 65535 is no place
_NEAR_M = 5000.0  # float32 has steps of half a millimetre there
_CACHE = {"Cache-Control": "private, no-cache"}
_BINARY = {"Content-Disposition": "attachment", **_CACHE}


def scene_of(request: Request) -> Scene:
    """With its sensors and data; its labels may be of earlier."""
    entity = asked(request).scene
    assert entity is not None
    return request.app.state.recordings.scene(entity)  # type: ignore[no-any-return]


def labelled_of(request: Request) -> Scene:
    """With the labels of now."""
    return labelled_at(request)[1]


def labelled_at(request: Request) -> tuple[int, Scene]:
    """(the last transaction that changed its labels, the scene with the labels of that moment)"""
    entity = asked(request).scene
    assert entity is not None
    return request.app.state.recordings.labelled_at(entity)  # type: ignore[no-any-return]


@lru_cache(maxsize=8)
def ordered(n: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """An order of n points in which every beginning is spread over all of them; always the same for n."""
    return np.random.Generator(np.random.Philox(_ORDER_SEED)).permutation(n)


def packed(
    sweep: Sweep, encoding: str, fields: list[str], most: int | None, columns: Callable[[Sweep], Mapping[str, Any]] = lambda part: {}
) -> tuple[bytes, dict[str, str]]:
    """Bytes of a sweep, and headers that tell what they are. columns : gives further columns of the chosen points, by their names

    Places are xyz + X-Boxwright-Origin-M. xyz is float32, or uint16 counts of a step from an offset, with 65535 for what is no number; then come the
    fields, each whole, little-endian.
    """
    n_all = len(sweep.xyz)
    is_whole = most is None or most >= n_all
    rows = np.arange(n_all) if is_whole else ordered(n_all)[:most]
    xyz, origin = sweep.xyz if is_whole else sweep.xyz[rows], np.asarray(sweep.origin_m, np.float64)
    if xyz.dtype == np.float64 and np.isfinite(xyz).any() and np.nanmax(np.abs(xyz)) > _NEAR_M:  # map coordinates keep their millimetres
        shift = np.floor(np.nanmedian(np.where(np.isfinite(xyz), xyz, np.nan), axis=0))
        xyz, origin = xyz - shift, origin + shift
    headers = {"X-Boxwright-Points": str(len(rows)), "X-Boxwright-All-Points": str(n_all), "X-Boxwright-Timestamp-Ns": str(sweep.timestamp_ns)}
    headers |= {"X-Boxwright-Origin-M": _numbers(origin)}
    headers |= {"X-Boxwright-Frame": sweep.frame.encode("ascii", "backslashreplace").decode(), "X-Boxwright-Deskewed": str(sweep.is_deskewed).lower()}
    if encoding == "uint16":
        counts, low, step = _quantised(xyz)
        parts, names = [counts.astype("<u2", copy=False).tobytes()], ["xyz:uint16:3"]
        headers |= {"X-Boxwright-Offset-M": _numbers(low), "X-Boxwright-Step-M": _numbers(step)}
    else:
        parts, names = [np.ascontiguousarray(xyz, "<f4").tobytes()], ["xyz:float32:3"]
    more = columns(sweep)
    for field in dict.fromkeys([*(field for field in fields if field in KNOWN), *more]):
        column = rows if field == "index" else more[field] if field in more else getattr(sweep, field)
        if column is not None:
            column = np.asarray(column).astype(np.uint32) if field == "index" else column[rows]
            parts.append(np.ascontiguousarray(column, column.dtype.newbyteorder("<")).tobytes())
            names.append(f"{field}:{column.dtype.name}:{1 if column.ndim == 1 else column.shape[1]}")
    return b"".join(parts), {**headers, "X-Boxwright-Parts": ",".join(names)}


def _quantised(xyz: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, np.dtype[np.uint16]], Any, Any]:
    """(counts, offset, step) : counts of the step from the offset, axis by axis"""
    finite = np.isfinite(xyz[:, 0]) & np.isfinite(xyz[:, 1]) & np.isfinite(xyz[:, 2])
    good = xyz if finite.all() else xyz[finite]
    if not len(good):
        return np.full(xyz.shape, 65535, np.uint16), np.zeros(3), np.ones(3)
    low, high = (np.array([getattr(axis, way)() for axis in good.T]) for way in ("min", "max"))  # along an axis of three numpy is slow
    step = np.maximum((high - low) / _STEPS, 1e-9)
    steps = good - low
    steps /= step
    made = np.rint(steps, out=steps).astype(np.uint16)
    if len(made) == len(xyz):
        return made, low, step
    counts = np.full(xyz.shape, 65535, np.uint16)
    counts[finite] = made
    return counts, low, step


def _numbers(values: Any) -> str:
    return ",".join(repr(float(value)) for value in values)


@router.get("/points", responses={200: {"content": {"application/octet-stream": {}}}, 304: {}})
@asks(Action.READ)
def get_points(
    request: Request,
    scene_id: str,
    frame_index: FrameIndex,
    sensor: Named = "lidar",
    encoding: Literal["float32", "uint16"] = "float32",
    field: Fields = None,
    most: Most = None,
    when: Annotated[Literal["still", "recorded"], Query(description="where the frame's stamp would have seen them, or as they came")] = "still",
    compress: Literal["no", "gzip"] = "no",
    camera: Cameras = None,
) -> Response:
    """The points of a sweep, in the sensor's frame. X-Boxwright-Parts names the parts: name, kind, columns; X-Boxwright-Fields what else there is."""
    scene, wanted = scene_of(request), field or []
    if len(set(wanted)) < len(wanted):
        raise ArgumentError(expected="each field at most once", got=f"{wanted!r:.60}", field="field", hint="leave out what is there twice")
    name, facts = scene.lidar(sensor).name, _facts(scene, "sweeps", frame_index, sensor)
    seen: list[Any] = []
    if LABELLED & set(wanted):
        seq, scene = labelled_at(request)
        seen.append(seq)
    if {"rgba", "uv", "sees"} & set(wanted):
        seen += [camera, *(_digest(scene, frame_index, one) for one in scene.cameras)]
    tag = _tag(facts, asked(request).scene, encoding, wanted, most, when, compress, seen)
    if tag is not None and request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"ETag": tag, **_CACHE})
    sweep = scene.still_points(frame_index, name) if when == "still" else scene.points(frame_index, name)
    data, headers = packed(sweep, encoding, wanted, most, lambda of: chosen_columns(scene, frame_index, of, name, wanted, camera))
    headers["X-Boxwright-Fields"] = ",".join([*(one for one in KNOWN[:2] if getattr(sweep, one) is not None), *further_fields(sweep)])
    if compress == "gzip":
        data, headers = gzip.compress(data, 5, mtime=0), {**headers, "Content-Encoding": "gzip"}
    return Response(data, headers={**headers, **_BINARY, **({} if tag is None else {"ETag": tag})}, media_type="application/octet-stream")


@router.post("/points/seen")
@asks(Action.READ, work=True)
def post_seen(request: Request, scene_id: str, frame_index: FrameIndex, body: SeenBody) -> Response:
    """One byte for each point of a sweep, as the frame's stamp would have seen it: 1 where an eye sees it, with nothing before it."""
    scene = scene_of(request)
    i, name = scene._frame(frame_index), scene.lidar(body.sensor).name
    width, height = body.width_px, body.height_px
    eye = PinholeCamera(width, height, body.focal_px, body.focal_px, (width - 1) / 2, (height - 1) / 2)
    cam_from_label = as_pose("cam_from_label", np.array(body.cam_from_label))
    cam_from_points = cam_from_label @ scene.transform(scene.label_frame, name, int(scene.times_ns[i]))
    sees = depth_map(scene.still_points(i, name), eye, cam_from_points, sensor_origins_m=scene.lidar(name).origins_m).sees
    return Response(sees.astype(np.uint8).tobytes(), headers=_BINARY, media_type="application/octet-stream")


@router.get("/point-labels")
@asks(Action.READ)
def get_point_labels(request: Request, scene_id: str, frame_index: FrameIndex, sensor: Named = "lidar") -> Response:
    """What the numbers of the fields class_id and instance_id mean in a sweep, and how many points have each. `seq` is the moment of the labels;
    `made_from` is "kept", or "cuboids" where no labels of points are kept."""
    seq, scene = labelled_at(request)
    labels, made_from = labels_of_points(scene, scene._frame(frame_index), sensor)
    classes = [{"class_id": i, "category": labels.class_name(i), "n_points": n} for i, n in enumerate(np.bincount(labels.class_id).tolist()) if n]
    ids, counts = np.unique(labels.instance_id, return_counts=True)
    pairs = [(i, n) for i, n in zip(ids.tolist(), counts.tolist()) if i]
    instances = [{"instance_id": i, "track_id": labels.instances.get(i), "n_points": n} for i, n in pairs]
    return json_answer({"seq": seq, "made_from": made_from, "classes": classes, "instances": instances, "n_contested": labels.n_contested})


def _digest(scene: Scene, frame_index: int, camera: str) -> str | None:
    facts = _facts(scene, "images", frame_index, camera) or _facts(scene, "videos", frame_index, camera)
    return None if facts is None else str(facts.sha256)


def _facts(scene: Scene, what: str, frame_index: int, sensor: str) -> Any:
    scene._frame(frame_index)
    data: Any = scene.data
    return data.facts(what, frame_index, sensor) if hasattr(data, "facts") else None


def _tag(facts: Any, *said: Any) -> str | None:
    """The same for the same bytes."""
    if facts is None:
        return None
    return f'"{hashlib.sha256(repr((facts.sha256, *map(str, said))).encode()).hexdigest()[:32]}"'


@router.get("/image", responses={200: {"content": {"image/jpeg": {}, "image/png": {}}}, 304: {}})
@asks(Action.READ)
def get_image(
    request: Request,
    scene_id: str,
    frame_index: FrameIndex,
    camera: Named,
    kind: Literal["jpeg", "png"] = "jpeg",
    width: Annotated[int | None, Query(ge=16, le=16384, description="at most so wide")] = None,
) -> Response:
    """A picture, of a file or of a video, encoded anew."""
    scene = scene_of(request)
    scene.camera(camera)
    facts = _facts(scene, "images", frame_index, camera) or _facts(scene, "videos", frame_index, camera)
    tag = _tag(facts, frame_index, kind, width)
    if tag is not None and request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"ETag": tag, **_CACHE})
    image = scene.image(frame_index, camera)
    if width is not None and width < image.shape[1]:
        import cv2

        image = cv2.resize(image, (width, max(1, round(image.shape[0] * width / image.shape[1]))), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    data = image_bytes(image, 90 if kind == "jpeg" else None)
    headers = {**_BINARY, "Content-Disposition": "inline", **({} if tag is None else {"ETag": tag})}
    return Response(data, headers=headers, media_type=f"image/{kind}")


@router.get("/cuboids")
@asks(Action.READ)
def get_cuboids(request: Request, scene_id: str, frame_index: FrameIndex, frame: Named = "lidar") -> Response:
    """All tracks at a frame, between keyframes too, in a frame of reference."""
    scene = labelled_of(request)
    labels = scene.labels(frame_index, frame)
    rows = []
    for m, k in enumerate(labels.track_index):
        track, one = scene.tracks[k], labels.cuboids[m]
        place = {name: getattr(one, name).tolist() for name in ("center_m", "size_m", "quat_wxyz")}
        said = {"track_id": track.track_id, "category": track.category, "state": State(labels.state[m]).name.lower()}
        rows.append({**said, **place, "yaw_rad": float(one.yaw_rad)})
    return json_answer({"frame": labels.cuboids.frame, "timestamp_ns": int(scene.times_ns[frame_index]), "cuboids": rows})


@router.get("/projection")
@asks(Action.READ)
def get_projection(request: Request, scene_id: str, frame_index: FrameIndex, camera: Named) -> Response:
    """The cuboids of a frame in a picture: boxes of their visible parts, and their edges as curves."""
    scene = labelled_of(request)
    labels, sensor = scene.labels(frame_index, "ego"), scene.camera(camera)
    boxes = project_cuboids(labels.cuboids, sensor.camera, scene.cam_from(frame_index, camera, "ego"))
    found = []
    for m, k in enumerate(labels.track_index):
        if boxes.visible[m]:
            name = scene.tracks[k].track_id
            edges = [np.round(line, 2).tolist() for line in boxes.edges(m)]
            found.append({"track_id": name, "xyxy": boxes.xyxy[m].tolist(), "truncation": float(boxes.truncation[m]), "edges": edges})
    return json_answer({"camera": camera, "width_px": sensor.camera.width_px, "height_px": sensor.camera.height_px, "cuboids": found})
