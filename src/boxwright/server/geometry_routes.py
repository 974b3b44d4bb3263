"""Verbs of the core, run where the recording is: a click becomes a cuboid, a rough cuboid is snapped, a track is filled or carried on.

Nothing is written: what comes back is a proposal, which the client sends as an edit where somebody accepts it.
"""

from __future__ import annotations

import warnings
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from ..cuboids import Cuboid
from ..errors import ArgumentError, CalibrationError, UnknownName
from ..fitting import Fit, fit_at, refit
from ..image_tracks import ImageTrack
from ..propagation import Verdict, propagate
from ..scene import Scene
from ..store.edits import mapping_of
from ..store.roles import Action
from ..taxonomy import Taxonomy
from ..tracks import State, Track
from .answers import json_answer
from .models import FitBody, PropagateBody, RefitBody
from .rights import CheckedRoute, asked, asks
from .sensor_routes import scene_of

__all__ = ["cuboid_dict", "fit_dict", "plain", "proposals_dict", "router"]

router = APIRouter(prefix="/api/v1/scenes/{scene_id}", route_class=CheckedRoute)
FrameIndex = Annotated[int, Path(ge=0, lt=1_000_000)]
_CLASSES = "/api/v1/taxonomy lists those of the project; where it has none they are those of bw.Taxonomy.default()"
MOST_FRAMES = 200  # that one call carries a track over


def plain(value: Any) -> Any:
    """For JSON: what is not finite is null."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, (list, tuple, set, frozenset)) else value


def _known(taxonomy: Taxonomy | None, category: str) -> str:
    """ArgumentError for a class that is none of the project's, or whose size nobody knows."""
    own = taxonomy or Taxonomy.default()
    if own.get(category) is None:
        raise ArgumentError("no such class", expected=f"one of {', '.join(own.names)}", got=f"{category!r:.80}", field="category", hint=_CLASSES)
    if Taxonomy.default().get(category) is None:
        hint = "ask for one of bw.Taxonomy.default() that is about as large, and give the label its class afterwards"
        raise ArgumentError("no such class has a size that is known", got=f"{category!r:.80}", field="category", hint=hint)
    return category


def _moved(scene: Scene, cuboid: Cuboid, frame_index: int, target: str) -> Cuboid:
    source = cuboid.frame or next(iter(scene.lidars))
    pose = scene.transform(target, source, int(scene.times_ns[frame_index]))
    return cuboid.as_cuboids().transformed(pose, frame=target)[0]


def fit_dict(scene: Scene, frame_index: int, fit: Fit) -> dict[str, Any]:
    """The cuboid in the scene's label frame, where an edit wants it, and in the sensor's."""
    label = _moved(scene, fit.cuboid, frame_index, scene.label_frame)
    sigma = {"center_m": fit.sigma.center_m, "size_m": fit.sigma.size_m, "yaw_rad": float(fit.sigma.yaw_rad)}
    more = {"observed_faces": fit.observed_faces, "flags": sorted(fit.flags), "n_points": len(fit.point_index)}
    return plain({"label": cuboid_dict(label), "sensor": cuboid_dict(fit.cuboid), "sigma": sigma, **more})  # type: ignore[no-any-return]


def cuboid_dict(one: Cuboid) -> dict[str, Any]:
    names = ("center_m", "size_m", "quat_wxyz", "yaw_rad")
    return {"frame": one.frame, **{name: plain(getattr(one, name)) for name in names}}


@router.get("/frames/{frame_index}/ground")
@asks(Action.READ, work=True)
def get_ground(
    request: Request, scene_id: str, frame_index: FrameIndex, sensor: Annotated[str, Query(min_length=1, max_length=256)] = "lidar"
) -> Response:
    """How high the vehicle's own origin is above the ground beneath it, as a sweep tells: {"ego_above_m"}."""
    scene = scene_of(request)
    ego_m = scene.ego_from(scene.lidar(sensor).name).inverse().apply(np.zeros((1, 3)))
    return json_answer({"ego_above_m": plain(float(scene.ground(frame_index, sensor).above_m(ego_m)[0]))})


@router.post("/frames/{frame_index}/fit")
@asks(Action.READ, work=True)
def post_fit(request: Request, scene_id: str, frame_index: FrameIndex, body: FitBody) -> Response:
    """One click becomes a cuboid. click_m is in `frame`, by default the first LiDAR's."""
    scene = scene_of(request)
    sweep = scene.still_points(frame_index)
    category = _known(asked(request).project.taxonomy, body.category)
    hints: dict[str, Any] = {"ground": scene.ground(frame_index), "sensor_origins_m": scene.lidar_origins_m(sweep.frame)}
    hints |= {} if body.yaw_prior is None else {"yaw_prior": body.yaw_prior}
    hints |= {} if body.size_prior is None else {"size_prior": tuple(body.size_prior)}
    click = np.array(body.click_m, np.float64)
    if body.frame is not None and body.frame != sweep.frame:
        if len(click) == 2:
            raise ArgumentError("a click from above is in the LiDAR's frame", field="frame", hint="leave the frame out, or give z")
        click = scene.transform(sweep.frame, body.frame, int(scene.times_ns[frame_index])).apply(click[None])[0]
    return json_answer(fit_dict(scene, frame_index, fit_at(sweep, click, category=category, **hints)))


@router.post("/frames/{frame_index}/refit")
@asks(Action.READ, work=True)
def post_refit(request: Request, scene_id: str, frame_index: FrameIndex, body: RefitBody) -> Response:
    """A rough cuboid snapped to its points. It is in `frame`, by default the scene's label frame."""
    scene = scene_of(request)
    sweep = scene.still_points(frame_index)
    if (body.yaw_rad is None) == (body.quat_wxyz is None):
        raise ArgumentError(expected="yaw_rad or quat_wxyz", got="both or none", field="yaw_rad", hint="one of them says how it is turned")
    turn: dict[str, Any] = {"yaw_rad": body.yaw_rad} if body.quat_wxyz is None else {"quat_wxyz": body.quat_wxyz}
    rough = Cuboid(body.center_m, body.size_m, **turn, frame=body.frame or scene.label_frame)
    category = None if body.category is None else _known(asked(request).project.taxonomy, body.category)
    origins = scene.lidar_origins_m(sweep.frame)
    fit = refit(sweep, _moved(scene, rough, frame_index, sweep.frame), category, ground=scene.ground(frame_index), sensor_origins_m=origins)
    return json_answer(fit_dict(scene, frame_index, fit))


def _track(scene: Scene, track_id: str) -> Track | ImageTrack:
    both: list[Track | ImageTrack] = [*scene.tracks, *scene.image_tracks]
    found = next((one for one in both if one.track_id == track_id), None)
    if found is None:
        raise UnknownName("no such track", got=f"{track_id!r:.80}", field="track_id", hint="the scene lists its tracks")
    return found


@router.get("/fill")
@asks(Action.READ, work=True)
def get_fill(request: Request, scene_id: str, track_id: Annotated[str, Query(max_length=4096)]) -> Response:
    """A track of cuboids at every frame of the scene, in the scene's label frame."""
    entity = asked(request).scene
    assert entity is not None
    scene = request.app.state.recordings.labelled(entity)
    track = _track(scene, track_id)
    if isinstance(track, ImageTrack):
        raise ArgumentError(expected="a track of cuboids", got="one in pictures", field="track_id", hint="clients interpolate shapes by themselves")
    filled = track.at(scene.times_ns)
    rows = [
        {"frame_index": int(i), "state": State(filled.state[i]).name.lower(), **cuboid_dict(filled.cuboids[int(i)])}
        for i in np.flatnonzero(filled.is_valid)
    ]
    return json_answer({"track_id": track_id, "frame": scene.label_frame, "cuboids": rows})


def proposals_dict(proposals: Any) -> dict[str, Any]:
    """Of tracks of cuboids: one row for each frame; `track` is the track with those that passed."""
    rows = [
        {
            "frame_index": int(proposals.frame_index[k]),
            "timestamp_ns": int(proposals.times_ns[k]),
            "verdict": Verdict(proposals.verdict[k]).name.lower(),
            "is_flagged": bool(proposals.is_flagged[k]),
            **{name: plain(getattr(proposals, name)[k]) for name in ("overlap", "residual_m", "shift_m", "n_points")},
            "cuboid": cuboid_dict(proposals.cuboids[k]),
        }
        for k in range(len(proposals))
    ]
    return {"proposals": rows, "track": mapping_of(proposals.accept()), "notes": list(proposals.notes)}


@router.post("/propagate")
@asks(Action.READ, work=True)
def post_propagate(request: Request, scene_id: str, body: PropagateBody) -> Response:
    """A track carried from a keyframe to other frames, at most 200 of them at a time; flagged where the points do not agree."""
    entity = asked(request).scene
    assert entity is not None
    scene = request.app.state.recordings.labelled(entity)
    if abs(body.to_frame - body.from_frame) > MOST_FRAMES:
        raise ArgumentError(expected=f"at most {MOST_FRAMES} frames", got="more", field="to_frame", hint="ask in parts")
    track = _track(scene, body.track_id)
    if isinstance(track, ImageTrack):
        in_pictures: Any = propagate(scene, track, body.from_frame, body.to_frame)
        rows = [{"frame_index": int(i), "is_flagged": bool(flag)} for i, flag in zip(in_pictures.frame_index, in_pictures.is_flagged)]
        return json_answer({"proposals": rows, "track": mapping_of(in_pictures.accept()), "notes": list(getattr(in_pictures, "notes", ()))})
    if not scene.lidars:
        raise CalibrationError("the scene has no LiDAR", field="scene", hint="tracks of cuboids are carried by their points")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of scenes without poses, which say so in their label frame
        return json_answer(proposals_dict(propagate(scene, track, body.from_frame, body.to_frame)))
