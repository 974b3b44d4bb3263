"""The project itself, who asks, its classes, its scenes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from ..errors import ArgumentError, BoxwrightError, UnknownName
from ..render.labels import color_of
from ..store.entities import PROJECT
from ..store.project import Project
from ..store.roles import Action, permits
from ..store.snapshots import snapshot, standing
from ..store.taxonomies import taxonomy_mapping
from ..taxonomy import Taxonomy
from .answers import Refusal, json_answer
from .label_routes import committed, etag, told
from .models import PatchBody, SessionBody, TaxonomyBody
from .rights import CheckedRoute, asked, asks

__all__ = ["health", "router"]

router = APIRouter(prefix="/api/v1", route_class=CheckedRoute)
health = APIRouter(route_class=CheckedRoute)
Categories = Annotated[list[Annotated[str, Query(max_length=256)]], Query(max_length=200, description="names of classes; repeatable")]


@health.get("/health")
@asks(None)
def get_health(request: Request) -> Response:
    """Whether the server and its database answer; holds no data."""
    try:
        _ = request.app.state.project.seq
    except BoxwrightError:
        raise Refusal(503, "unreachable", "the database does not answer", {"Retry-After": "5"}) from None
    return json_answer({"status": "ok"})


@router.post("/session")
@asks(None)
def post_session(request: Request, body: SessionBody) -> Response:
    """The one-time code of the start becomes a token, which ends by itself."""
    account = request.app.state.codes.take(body.code)
    return json_answer({"token": request.app.state.sessions.open(account), "account": account})


@router.get("/me")
@asks(None)
def get_me(request: Request) -> Response:
    """Who asks, and what he may."""
    one = asked(request)
    mine = standing(one.project)
    return json_answer(
        {
            "account": one.account.name,
            "kind": one.account.kind,
            "roles": sorted(mine.roles),
            "may": sorted(action.name.lower() for action in Action if permits(mine, action)),
        }
    )


@router.get("/project")
@asks(Action.READ)
def get_project(request: Request) -> Response:
    """The project, and which kernels are being compiled in the background: null where none are."""
    project, compiling = asked(request).project, request.app.state.warming.doing
    return json_answer({"project_id": project.project_id, "name": project.name, "seq": project.seq, "compiling": compiling})


@router.get("/taxonomy")
@asks(Action.READ)
def get_taxonomy(request: Request) -> Response:
    """The classes that edits must fit; null where nobody set any: then `default` are those that are offered."""
    kept = asked(request).project.find(PROJECT, "taxonomy")
    said = {"taxonomy": None, "default": taxonomy_mapping(Taxonomy.default())} if kept is None else {"taxonomy": kept.body}
    return json_answer(said, headers=etag(0 if kept is None else kept.rev))


@router.get("/colors")
@asks(Action.READ)
def get_colors(request: Request, category: Categories) -> Response:
    """How classes are drawn, in pictures and windows too: {"colors": {name: [red, green, blue]}}, 0 to 255. A class of no taxonomy has one too, which
    depends on its name alone."""
    return json_answer({"colors": _colors(asked(request).project, category)})


def _taxonomy(project: Project) -> Taxonomy:
    return project.taxonomy or Taxonomy.default()


def _colors(project: Project, categories: Iterable[str]) -> dict[str, list[int]]:
    taxonomy = _taxonomy(project)
    return {name: list(color_of(name, taxonomy)) for name in sorted(set(categories))}


@router.put("/taxonomy")
@asks(Action.ADMINISTER, match=True, commits=True)
def put_taxonomy(request: Request, body: TaxonomyBody) -> Response:
    """If-Match: "0" for the first."""
    rev = asked(request).rev
    return committed(request, [{"verb": "set_taxonomy", "taxonomy": body.taxonomy, **({} if rev == 0 else {"rev": rev})}])


@router.get("/scenes")
@asks(Action.READ)
def get_scenes(request: Request) -> Response:
    """All that the account may see, in the order they came."""
    rows = asked(request).project.scenes()
    names = ("scene_id", "name", "format", "n_tracks", "n_keyframes", "last_seq")
    return json_answer({"scenes": [{name: getattr(row, name) for name in names} for row in rows]})


def runs_of(frames: Iterable[int]) -> list[list[int]]:
    """[first, last] of each stretch of frames without a gap."""
    runs: list[list[int]] = []
    for i in sorted(frames):
        if runs and i <= runs[-1][1] + 1:
            runs[-1][1] = i
        else:
            runs.append([i, i])
    return runs


@router.get("/scenes/{scene_id}")
@asks(Action.READ)
def get_scene(
    request: Request, scene_id: str, poses: Annotated[bool, Query(description="false: the trajectory is left out, which may be most of it")] = True
) -> Response:
    """Sensors with their calibration, frames, poses: what a page needs before it shows anything. `data` tells for which frames there is what, of each
    sensor, as runs [first, last]; `colors` how classes are drawn, in pictures and windows too: those of its
    tracks and of the taxonomy."""
    project, kinds = asked(request).project, ("frames", "sensor", "trajectory")
    seq, found = snapshot(project, scene_id, (*(kind for kind in kinds if poses or kind != "trajectory"), "files", "track"))
    scene = project.entity(scene_id)  # after the transaction that is told, so that a feed from there on leaves nothing out
    if not scene.is_live:
        raise UnknownName("no such scene", field="path", hint="look at the list")
    parts: dict[str, list[Any]] = {kind: [told(item) for item in found if item.kind == kind] for kind in kinds}
    n_frames = sum(len((item.body or {})["frames"]) for item in found if item.kind == "frames")
    data: dict[str, dict[str, list[list[int]]]] = {"sweeps": {}, "images": {}, "videos": {}}
    for item in found:
        if item.kind == "files":
            body = item.body or {}
            frames = range(n_frames) if body["what"] == "videos" else [row[0] for row in body["files"]]
            data[body["what"]][body["sensor"]] = runs_of(frames)
    colors = _colors(project, {str((item.body or {})["category"]) for item in found if item.kind == "track"}.union(_taxonomy(project).names))
    return json_answer({"scene": told(scene), **parts, "data": data, "colors": colors, "seq": seq}, headers=etag(scene.rev))


@router.patch("/scenes/{scene_id}")
@asks(Action.ADMINISTER, match=True, commits=True)
def patch_scene(request: Request, scene_id: str, body: PatchBody) -> Response:
    """verb : rename_scene, with name"""
    if body.verb != "rename_scene":
        raise ArgumentError(expected="rename_scene", got=f"{body.verb!r:.60}", field="verb", hint="labels are edited under /api/v1/edits")
    return committed(request, [{**body.model_dump(), "id": scene_id, "rev": asked(request).rev}])


@router.delete("/scenes/{scene_id}")
@asks(Action.ADMINISTER, match=True, commits=True)
def delete_scene(request: Request, scene_id: str) -> Response:
    """If-Match : the last transaction that was seen, since all of the scene goes"""
    one = asked(request)
    if one.scene is None:
        raise UnknownName("no such scene", field="path", hint="look at the list")
    return committed(request, [{"verb": "delete_scene", "id": scene_id, "seen": one.rev}])
