"""All of it put together: routes behind the gate, one project, its recordings, jobs and feed."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from importlib import resources
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio.to_thread
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from .. import __version__
from ..jobs import Jobs
from ..store.project import Project
from . import (
    feed,
    frame_routes,
    geometry_routes,
    history_routes,
    job_routes,
    judging_routes,
    label_routes,
    overview_routes,
    project_routes,
    sensor_routes,
    work_routes,
)
from .answers import HANDLERS, json_answer
from .feed import Watcher
from .gate import Gate
from .recordings import Recordings
from .rights import CheckedRoute, asks
from .sessions import Codes, Counter, Sessions
from .settings import Settings
from .warming import Warming

__all__ = ["create_app"]

THREADS = 40
ROUTES: tuple[ModuleType, ...] = (project_routes, label_routes, history_routes, sensor_routes, frame_routes, overview_routes)
ROUTES += (geometry_routes, judging_routes, job_routes, work_routes, feed)
_DRAWS_WITH = "vendor/three.module.js"  # comes from npm when boxwright is built, see hatch_build.py
_PAGE_KINDS = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".json": "application/json",
    ".png": "image/png",
    ".woff2": "font/woff2",
}


def create_app(project: Project, settings: Settings) -> FastAPI:
    """The server of one project, which its caller closes afterwards. `state.ending` holds what else ends with it: at the end of its lifespan, or by
    `state.ending.close()` where it never began to answer."""
    app = FastAPI(title="boxwright", version=__version__, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False, lifespan=_lifespan)
    with ExitStack() as stack:
        _fill(app, stack, project, settings)
        _add_routes(app, settings)
        app.state.ending = stack.pop_all()
    return app


def _fill(app: FastAPI, stack: ExitStack, project: Project, settings: Settings) -> None:
    """What routes find in `app.state`; what must be given back goes on the stack."""
    state = app.state
    state.project, state.settings = project, settings
    state.sessions, state.codes = Sessions(project), Codes()
    state.works, state.feeds = Counter(None, settings.works_at_once), Counter(None, settings.feeds_at_once)
    state.exports = Path(tempfile.mkdtemp(prefix="boxwright-exports-"))
    stack.callback(shutil.rmtree, state.exports, ignore_errors=True)
    state.recordings = Recordings(project, settings.roots)
    stack.callback(state.recordings.close)
    state.jobs = Jobs(settings.all_works, forgotten=lambda job: job_routes.forget(job, state.exports))
    stack.callback(state.jobs.close)
    state.warming = Warming()
    stack.callback(state.warming.close)
    state.watcher = Watcher(project)
    state.nudge = state.watcher.nudge
    state.is_ending = lambda: False  # whoever runs it says better


def _add_routes(app: FastAPI, settings: Settings) -> None:
    for routes in ROUTES:
        app.router.routes.extend(routes.router.routes)
    app.router.routes.extend(project_routes.health.routes)
    app.router.route_class = CheckedRoute
    if settings.has_docs:
        app.add_api_route("/api/v1/openapi.json", _openapi, methods=["GET"], include_in_schema=False)
    _add_page(app)
    for kind, handler in HANDLERS.items():
        app.add_exception_handler(kind, handler)
    app.add_middleware(Gate, settings=settings, sessions=app.state.sessions)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    app.state.warming.start()
    try:
        yield
    finally:
        await app.state.watcher.close()
        app.state.ending.close()


@asks(None)
def _openapi(request: Request) -> Response:
    return json_answer(request.app.openapi())


# ------------------------------------------------------------ the page


def _page_files() -> dict[str, Any]:
    """name -> resource, of the viewer's page: all there is, found once, so that no name a client sends ever becomes a path."""
    folder = resources.files("boxwright").joinpath("viewer", "page")
    found: dict[str, Any] = {}
    waiting = [("", folder)] if folder.is_dir() else []
    while waiting:
        before, here = waiting.pop()
        for one in here.iterdir():
            if one.is_dir():
                waiting.append((f"{before}{one.name}/", one))
            elif Path(one.name).suffix in _PAGE_KINDS:
                found[f"{before}{one.name}"] = one
    return found


def _add_page(app: FastAPI) -> None:
    files = _page_files()
    start = "index.html" if _DRAWS_WITH in files else "missing.html"  # which says how it is made whole

    @asks(None)
    def get_page(request: Request, name: str = "") -> Response:
        """A file of the viewer's page; holds no data."""
        found = files.get(name or start)
        if found is None:
            hint = "the page comes with the wheel; the API is under /api/v1"
            return json_answer({"code": "not-found", "message": "no such file", "field": None, "got": None, "limit": None, "hint": hint}, 404)
        data, kind = found.read_bytes(), _PAGE_KINDS[Path(found.name).suffix]
        headers = {"Cache-Control": "no-cache", "ETag": f'"{hashlib.sha256(data).hexdigest()[:32]}"'}
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        return Response(data, media_type=kind, headers=headers)

    for path in ("/", "/static/{name:path}"):
        app.add_api_route(path, get_page, methods=["GET"], include_in_schema=False)
