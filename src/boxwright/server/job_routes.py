"""Checks, scores, agreement and exports: long work in a queue, with progress and cancel."""

from __future__ import annotations

import re
import shutil
import tempfile
import zipfile
from pathlib import Path as FilePath
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from ..checks import check
from ..errors import ArgumentError, BoxwrightError, UnknownName, one_line
from ..formats import write
from ..jobs import Job, Progress
from ..outputs import whole_folder
from ..raters import agreement
from ..scoring import score
from ..store.canonical import is_id, new_id
from ..store.entities import Entity
from ..store.roles import Action
from ..work import Work
from .answers import json_answer
from .geometry_routes import plain
from .models import AgreementBody, CheckBody, ExportBody, ScoreBody
from .rights import CheckedRoute, asked, asks

__all__ = ["forget", "job_dict", "router", "submitted"]

router = APIRouter(prefix="/api/v1", route_class=CheckedRoute)
_EXPORT = re.compile(r"[0-9a-f-]{36}")


def job_dict(job: Job) -> dict[str, Any]:
    """Its result where it is done, its error where it failed."""
    names = ("job_id", "what", "state", "n_done", "n_all", "made_ns", "ended_ns")
    error: dict[str, str] | None = None
    if isinstance(job.error, BoxwrightError):
        error = {"code": job.error.code, "message": one_line(job.error.what or f"expected {job.error.expected}")[:300]}
    elif job.error is not None:
        error = {"code": "fault", "message": "a fault of the server; its log has more"}
    return {**{name: getattr(job, name) for name in names}, "result": plain(job.result) if job.state == "done" else None, "error": error}


def submitted(request: Request, what: str, work: Any) -> Response:
    job = request.app.state.jobs.submit(asked(request).account.name, what, work)
    return json_answer(job_dict(job), 202, {"Location": f"/api/v1/jobs/{job.job_id}"})


@router.get("/jobs")
@asks(None)
def get_jobs(request: Request) -> Response:
    """Those of the account, the newest first, without their results."""
    jobs = request.app.state.jobs.of(asked(request).account.name)
    return json_answer({"jobs": [{**job_dict(job), "result": None} for job in jobs]})


@router.get("/jobs/{job_id}")
@asks(None)
def get_job(request: Request, job_id: str) -> Response:
    return json_answer(job_dict(request.app.state.jobs.find(asked(request).account.name, job_id)))


@router.delete("/jobs/{job_id}")
@asks(None)
def delete_job(request: Request, job_id: str) -> Response:
    """Cancels it: it ends at its next step."""
    return json_answer(job_dict(request.app.state.jobs.cancel(asked(request).account.name, job_id)))


@router.post("/scenes/{scene_id}/check", status_code=202)
@asks(Action.READ)
def post_check(request: Request, scene_id: str, body: CheckBody) -> Response:
    """The labels of a scene against the world, as a job; its result are the findings. keep : they are kept in the project, for who may do that"""
    entity, recordings, project = asked(request).scene, request.app.state.recordings, asked(request).project
    scene_name, nudge = asked(request).scene_name, request.app.state.nudge
    if body.keep:
        project.permit(Action.FIND)
        if body.frames is not None:
            raise ArgumentError("findings of some frames are not kept", field="keep", hint="leave frames out: what is not found again is fixed")
    if body.frames is not None and not body.frames:
        raise ArgumentError(expected="at least one frame", got="none", field="frames", hint="leave it out for all")

    def work(progress: Progress) -> Any:
        seq, scene = recordings.labelled_at(entity)
        progress.expect(len(scene) if body.frames is None else len(body.frames))
        findings = check(scene, None, body.rules, frames=body.frames, progress=progress)
        if body.keep:
            Work(project).keep_findings(scene_name, findings, at_seq=max(seq, 1), rules=findings.rules)
            nudge()
        return findings.to_dict()

    return submitted(request, "check", work)


def _scenes(request: Request, ids: list[str]) -> list[Entity]:
    """Scenes that a body names. UnknownName where one is not there, or not the account's to see."""
    project = asked(request).project
    found = [project.entity(one) for one in ids]
    if any(one.kind != "scene" or not one.is_live for one in found):
        raise UnknownName("no such scene", field="body", hint="look at the list")
    return found


@router.post("/score", status_code=202)
@asks(Action.SEE_GOLD)
def post_score(request: Request, body: ScoreBody) -> Response:
    """A scene against gold, as a job."""
    recordings, (one, gold) = request.app.state.recordings, _scenes(request, [body.scene_id, body.gold_id])
    return submitted(request, "score", lambda progress: score(recordings.labelled(one), recordings.labelled(gold)).to_dict())


@router.post("/agreement", status_code=202)
@asks(Action.SEE_GOLD)
def post_agreement(request: Request, body: AgreementBody) -> Response:
    """Scenes of one recording by several annotators, as a job."""
    recordings, found = request.app.state.recordings, _scenes(request, body.scene_ids)
    if len(set(body.scene_ids)) != len(body.scene_ids):
        raise ArgumentError("a scene is named twice", field="scene_ids", hint="name each once")
    names = [str((one.body or {})["name"]) for one in found]
    return submitted(request, "agreement", lambda progress: agreement(dict(zip(names, map(recordings.labelled, found)))).to_dict())


@router.post("/scenes/{scene_id}/export", status_code=202)
@asks(Action.EXPORT)
def post_export(request: Request, scene_id: str, body: ExportBody) -> Response:
    """Labels in a format, as a job; its result names the file under /api/v1/exports. The server chooses every name on its disk."""
    entity, recordings, folder = asked(request).scene, request.app.state.recordings, request.app.state.exports

    def work(progress: Progress) -> Any:
        export_id = new_id()
        scene = recordings.labelled(entity).replace(name="scene", path=None)
        with whole_folder(folder / export_id) as part, tempfile.TemporaryDirectory(dir=part) as made:
            data = FilePath(made) / "data"
            report = write(scene.replace(data=_NO_DATA()) if body.format == "openlabel" else scene, data, format=body.format)
            progress()
            _pack(data, part / "export.zip")
        return {
            "export_id": export_id,
            "n_bytes": (folder / export_id / "export.zip").stat().st_size,
            "dropped": [str(one) for one in report.dropped],
        }

    return submitted(request, "export", work)


def forget(job: Job, folder: FilePath) -> None:
    """Removes what an export left, once nobody can ask for its result any more."""
    if job.what == "export" and job.state == "done":
        shutil.rmtree(folder / job.result["export_id"], ignore_errors=True)


def _NO_DATA() -> Any:  # noqa: N802
    from ..scene import NoData

    return NoData()


def _pack(source: FilePath, target: FilePath) -> None:
    files = [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file() and not path.is_symlink())
    base = source.parent if source.is_file() else source
    with zipfile.ZipFile(target, "x", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        for path in files:
            packed.write(path, path.relative_to(base))


@router.get("/exports/{export_id}", responses={200: {"content": {"application/zip": {}}}})
@asks(Action.EXPORT)
def get_export(request: Request, export_id: str) -> Response:
    """The file of an export."""
    path = request.app.state.exports / export_id / "export.zip" if is_id(export_id) and _EXPORT.fullmatch(export_id) else None
    if path is None or not path.is_file():
        raise UnknownName("no such export", field="export_id", hint="exports are removed some time after they were made, and when the server ends")
    return FileResponse(path, media_type="application/zip", filename="export.zip")
