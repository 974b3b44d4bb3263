"""What a reviewer does with labels: take the correction that a finding suggests, lay two sets of labels over each other, have boxes set to the moment
they were seen."""

from __future__ import annotations

import warnings
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from ..checks import Finding
from ..errors import UnknownName
from ..jobs import Progress
from ..matching import MatchRules, frame_pairs, labels_at, similarities, track_pairs
from ..retiming import Retiming, RetimingVerdict, retime
from ..store.edits import mapping_of
from ..store.requests import digest_of, repeated
from ..store.roles import Action
from .answers import json_answer
from .geometry_routes import cuboid_dict, plain
from .job_routes import submitted
from .label_routes import told_commit
from .models import CorrectionBody, RetimeBody
from .rights import CheckedRoute, asked, asks
from .sensor_routes import labelled_of

__all__ = ["retiming_dict", "router"]

router = APIRouter(prefix="/api/v1/scenes/{scene_id}", route_class=CheckedRoute)
FrameIndex = Annotated[int, Path(ge=0, lt=1_000_000)]
Other = Annotated[str, Query(pattern="^[A-Za-z0-9_-]{8,64}$", description="id of the scene with the other labels")]
_TAKEN = "a suggested correction"


@router.post("/corrections")
@asks(Action.READ, commits=True)
def post_corrections(request: Request, scene_id: str, body: CorrectionBody) -> Response:
    """The correction that a finding suggests, as one transaction. 409 (code "stale") where the labels are not those any more that were checked."""
    one = asked(request)
    said = [{"verb": "correct", "scene": scene_id, "finding": body.finding}]
    reason = body.reason or _TAKEN
    with one.project.database.reading() as connection:
        done = repeated(connection, str(one.op_id), digest_of(said, one.account.name, reason))
    if done is None:
        edits = one.project.edits(one.scene_name)
        edits.correct(Finding.from_dict(body.finding))
        done = one.project.commit(edits.edits, op_id=one.op_id, reason=reason, asked=said)
        request.app.state.nudge()
    return told_commit(done)


@router.get("/frames/{frame_index}/comparison")
@asks(Action.READ)
def get_comparison(request: Request, scene_id: str, frame_index: FrameIndex, other: Other) -> Response:
    """The labels of a frame beside those of another scene of the same recording at that moment: which are one object, how far apart, and what only
    one of them has. Cuboids are in the label frame of the first."""
    scene, project = labelled_of(request), asked(request).project
    found = project.entity(other)
    if found.kind != "scene" or not found.is_live:
        raise UnknownName("no such scene", field="other", hint="look at the list")
    i, rules = scene._frame(frame_index), MatchRules()
    times = scene.times_ns[i : i + 1]
    a, b = (labels_at(one, times, scene.label_frame) for one in (scene, request.app.state.recordings.labelled(found)))
    alike = similarities(a, b, rules)
    pairs = frame_pairs(a, b, alike, track_pairs(a, b, alike, rules.least_similarity), rules.least_similarity)
    rows = []
    for p, q, similarity, is_same in zip(pairs.a_row.tolist(), pairs.b_row.tolist(), pairs.similarity.tolist(), pairs.is_same_class.tolist()):
        gap = b.cuboids.center_m[q] - a.cuboids.center_m[p]
        turn = float(np.angle(np.exp(1j * (b.cuboids.yaw_rad[q] - a.cuboids.yaw_rad[p]))))
        far = {"distance_m": float(np.linalg.norm(gap)), "yaw_rad": turn, "size_m": (b.cuboids.size_m[q] - a.cuboids.size_m[p]).tolist()}
        rows.append({"a": _label(a, p), "b": _label(b, q), "similarity": similarity, "is_same_class": is_same, **far})
    alone = {"only_a": [_label(a, k) for k in pairs.alone_a.tolist()], "only_b": [_label(b, k) for k in pairs.alone_b.tolist()]}
    return json_answer(plain({"timestamp_ns": int(times[0]), "frame": scene.label_frame, "pairs": rows, **alone}))


def _label(table: Any, row: int) -> dict[str, Any]:
    track = table.tracks[int(table.track_index[row])]
    return {"track_id": track.track_id, "category": track.category, **cuboid_dict(table.cuboids[row])}


@router.post("/retime", status_code=202)
@asks(Action.READ)
def post_retime(request: Request, scene_id: str, body: RetimeBody) -> Response:
    """Where the boxes of moving objects belong at the stamps of their frames, as a job; nothing is written."""
    entity, recordings = asked(request).scene, request.app.state.recordings

    def work(progress: Progress) -> Any:
        scene = recordings.labelled(entity)
        tracks = None if body.track_ids is None else [scene.track(name) for name in dict.fromkeys(body.track_ids)]
        progress.expect(len(scene))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return retiming_dict(retime(scene, tracks, placement=body.placement, progress=progress))

    return submitted(request, "retime", work)


def retiming_dict(found: Retiming) -> dict[str, Any]:
    """One row for each track; `track` is the proposed one, of those that are moved."""
    rows = []
    for one in found:
        moved = one.verdict == RetimingVerdict.MOVED
        most = {"shift_m": float(one.shift_m.max(initial=0)), "speed_mps": float(np.nan_to_num(one.speed_mps).max(initial=0))}
        far = {"residual_before_m": one.residual_before_m, "residual_after_m": one.residual_after_m}
        said = {"track_id": one.track.track_id, "verdict": str(one.verdict), "n_points": int(one.n_points.sum()), **most, **far}
        rows.append({**said, "track": mapping_of(one.track) if moved else None})
    placement = None if found.placement is None else str(found.placement)
    return {"placement": placement, "evidence": float(found.evidence), "notes": list(found.notes), "proposals": rows}
