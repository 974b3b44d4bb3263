"""Review: what a reviewer should look at first, how many labels must be looked at to know how many are wrong, and verdicts that go stale.

A sampling plan is a promise: whatever the labels are like, a scene with too many wrong ones passes at most as often as was said. It is an acceptance
plan for lots without replacement (hypergeometric; Dodge and Romig, Bell System Technical Journal 8, 1929) in stages: look at n[0] labels, and accept
if none is wrong; else look on to n[1] of them, and accept if one is, and so on. Stage k may err in half the cases of the stage before, so that all of
them together stay below what was allowed (Bonferroni), however often one stops to look.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

import numpy as np

from .arrays import as_floats, check_kind
from .checks import Finding, Findings, Severity
from .checks.findings import label_digest
from .disagreements import Disagreement
from .errors import ArgumentError
from .scene import Scene

__all__ = ["Decision", "ReviewItem", "ReviewVerdict", "SamplingPlan", "open_findings", "plan_sampling", "review_order", "wrong_at_most"]

RISK = {Severity.ERROR: 0.9, Severity.WARNING: 0.5, Severity.INFORMATION: 0.05}
USUAL_SIGMA_M = 0.2  # from which a label counts as unsure as a coin
MOST_SEVERE = 10.0  # of a disagreement
MOST_STAGES = 12


# ------------------------------------------------------------ what to look at first


@dataclass(frozen=True)
class ReviewItem:
    """A track to look at.

    risk : from 0 to 1, how likely something is wrong with it, as far as is known
    frame_index : where to look first
    reasons : one sentence each
    findings : ids of the findings about it
    """

    track_id: str
    category: str
    risk: float
    frame_index: int
    reasons: tuple[str, ...]
    findings: tuple[str, ...]


def review_order(
    scene: Scene,
    findings: Findings | Sequence[Finding] = (),
    *,
    sigma_m: Mapping[str, float] | None = None,
    disagreements: Iterable[Disagreement] = (),
    annotator: str | None = None,
) -> list[ReviewItem]:
    """All tracks, the riskiest first.

    findings : of `bw.check`; an error counts as wrong in 9 of 10 cases, a warning in 5, information in one of 20
    sigma_m : track id -> how sure its place is (a fit's `sigma.center_m`, the largest); 0.2 m counts as much as a warning
    disagreements : of `bw.agreement`, those of `annotator` alone where that is given; the worst count as much as an error

    Risks add up as of causes that have nothing to do with each other: 1 - (1 - a)(1 - b)...
    """
    sound: dict[str, float] = {}
    reasons: dict[str, list[str]] = {}
    ids: dict[str, list[str]] = {}
    frames: dict[str, int] = {}

    def add(track_id: str, risk: float, reason: str, frame: int) -> None:
        if track_id in scene.track_index:
            sound[track_id] = sound.get(track_id, 1.0) * (1 - risk)
            reasons.setdefault(track_id, []).append(reason)
            frames.setdefault(track_id, frame)

    for one in findings:
        for track_id in one.track_ids:
            add(track_id, RISK[one.severity], one.message, one.worst_frame_index)
            ids.setdefault(track_id, []).append(one.finding_id)
    for track_id, sigma in (sigma_m or {}).items():
        if math.isfinite(sigma):
            add(track_id, 0.5 * min(abs(sigma) / USUAL_SIGMA_M, 1.0), f"its place is sure to {sigma:.2f} m", _first(scene, track_id))
    for two in disagreements:
        for who, tracks in two.track_ids.items():
            for track_id in tracks if annotator in (None, who) else ():
                add(track_id, 0.9 * min(two.severity / MOST_SEVERE, 1.0), f"annotators disagree about its {two.kind}", two.first_frame)
    items = [
        ReviewItem(
            track.track_id,
            track.category,
            1 - sound.get(track.track_id, 1.0),
            frames.get(track.track_id, _first(scene, track.track_id)),
            tuple(reasons.get(track.track_id, ())),
            tuple(ids.get(track.track_id, ())),
        )
        for track in scene.tracks
    ]
    return sorted(items, key=lambda item: (-item.risk, item.track_id))


def _first(scene: Scene, track_id: str) -> int:
    if track_id not in scene.track_index or not len(scene):
        return 0
    return min(int(np.searchsorted(scene.times_ns, scene.track(track_id).times_ns[0])), len(scene) - 1)


# ------------------------------------------------------------ verdicts


class Decision(StrEnum):
    """What a reviewer says."""

    ACCEPTED = "accepted"  # the label is right
    REJECTED = "rejected"  # it is wrong and must be mended
    WAIVED = "waived"  # the finding is right, and the label stays as it is


@dataclass(frozen=True)
class ReviewVerdict:
    """What a reviewer said about a finding, and what the labels were like then.

    reason : in words; a rejection and a waiver need one
    """

    finding_id: str
    decision: Decision
    reason: str
    reviewer: str
    track_ids: tuple[str, ...]
    first_frame: int
    last_frame: int
    label_digest: str

    @classmethod
    def of(cls, finding: Finding, decision: Decision | str, reason: str = "", reviewer: str = "") -> ReviewVerdict:
        """ArgumentError where a reason is wanted and none is given."""
        if decision not in tuple(Decision):
            raise ArgumentError(expected=f"one of {', '.join(Decision)}", got=repr(decision)[:60], field="decision")
        if Decision(decision) is not Decision.ACCEPTED and not reason.strip():
            raise ArgumentError(expected="a reason", got="none", field="reason", hint=f"say why it is {decision}")
        frames = finding.frame_index, finding.last_frame_index
        return cls(finding.finding_id, Decision(decision), reason, reviewer, finding.track_ids, *frames, finding.label_digest)

    def is_stale(self, scene: Scene) -> bool:
        """Whether the labels it was about have changed since, or are gone."""
        if any(track_id not in scene.track_index for track_id in self.track_ids) or self.last_frame >= len(scene):
            return True
        return label_digest(scene, self.track_ids, self.first_frame, self.last_frame) != self.label_digest


def open_findings(findings: Findings, verdicts: Iterable[ReviewVerdict], scene: Scene) -> list[Finding]:
    """The findings nobody has decided on, or whose labels have changed since; a rejected one stays open until the label changes."""
    closed = {one.finding_id for one in verdicts if one.decision is not Decision.REJECTED and not one.is_stale(scene)}
    return [one for one in findings if one.finding_id not in closed]


# ------------------------------------------------------------ how many to look at


@dataclass(frozen=True)
class SamplingPlan:
    """How many labels to look at, and when to stop.

    n_labels : there are; most_wrong : share of wrong ones that may not be reached; sure : how often a scene that reaches it is stopped, at least
    stages : (K,) how many labels have been looked at when k wrong ones among them are still good enough
    order : (N, 2) frame and index of the track of each label, in the order to look; chosen by a hash of the seed
    """

    n_labels: int
    most_wrong: float
    sure: float
    stages: tuple[int, ...]
    order: np.ndarray = field(repr=False, compare=False)

    def judge(self, n_looked: int, n_wrong: int) -> str:
        """ "accept", "look on" or "reject": more wrong ones than the plan has stages for, or all looked at and too many wrong."""
        if not 0 <= n_wrong <= n_looked <= self.n_labels:
            got = f"{n_wrong} wrong of {n_looked}"
            raise ArgumentError(expected=f"0 <= wrong <= looked at <= {self.n_labels}", got=got, field="n_looked", hint="count what was looked at")
        if n_looked == self.n_labels:
            return "accept" if n_wrong < _too_many(self.n_labels, self.most_wrong) else "reject"
        if n_wrong < len(self.stages) and n_looked >= self.stages[n_wrong]:
            return "accept"
        return "look on" if n_wrong < _too_many(self.n_labels, self.most_wrong) else "reject"


def plan_sampling(scene: Scene, *, most_wrong: float = 0.02, sure: float = 0.95, seed: str = "review") -> SamplingPlan:
    """Labels to look at, chosen so that nobody can foresee them, until one can be `sure` that fewer than `most_wrong` of all are wrong.

    Labels are keyframes. Their order is that of SHA-256 of seed, scene, track and time, so that anybody can choose them again.
    """
    check_kind("scene", scene, Scene, "a Scene", "bw.read gives one")
    for name, value in (("most_wrong", most_wrong), ("sure", sure)):
        if not 0 < float(as_floats(name, value, ())) < 1:
            raise ArgumentError(expected="a share between 0 and 1", got=repr(value), field=name, hint="such as most_wrong=0.02, sure=0.95")
    rows = [(t, int(time)) for t, track in enumerate(scene.tracks) for time in track.times_ns]
    lots = [hashlib.sha256(json.dumps([seed, scene.name, scene.tracks[t].track_id, time]).encode()).digest() for t, time in rows]
    chosen = [rows[k] for k in sorted(range(len(rows)), key=lots.__getitem__)]
    frames = np.searchsorted(scene.times_ns, [time for _, time in chosen])
    order = np.array([[frame, t] for frame, (t, _) in zip(frames.tolist(), chosen)], np.int64).reshape(-1, 2)
    return SamplingPlan(len(rows), float(most_wrong), float(sure), _stages(len(rows), float(most_wrong), float(sure)), order)


def _too_many(n_labels: int, most_wrong: float) -> int:
    """The smallest number of wrong labels that reaches the share."""
    return max(math.ceil(most_wrong * n_labels - 1e-9), 1)


@lru_cache(maxsize=64)
def _stages(n_labels: int, most_wrong: float, sure: float) -> tuple[int, ...]:
    from scipy.stats import hypergeom

    bad = _too_many(n_labels, most_wrong)
    stages: list[int] = []
    for k in range(min(MOST_STAGES, bad)):
        allowed = (1 - sure) / 2 ** (k + 1)
        low, high = (stages[-1] if stages else 0) + 1, n_labels
        while low < high:  # the fewer are looked at, the likelier it passes
            middle = (low + high) // 2
            low, high = (low, middle) if hypergeom.cdf(k, n_labels, bad, middle) <= allowed else (middle + 1, high)
        if low >= n_labels:
            break
        stages.append(low)
    return tuple(stages)


def wrong_at_most(n_labels: int, n_looked: int, n_wrong: int, sure: float = 0.95) -> int:
    """How many of all labels are wrong at most, when so many of those looked at are.

    One-sided and exact (hypergeometric), for a number of labels to look at that was settled beforehand.
    """
    from scipy.stats import hypergeom

    if not 0 <= n_wrong <= n_looked <= n_labels or not 0 < sure < 1:
        expected, got = "0 <= wrong <= looked at <= labels, and sure between 0 and 1", f"{n_wrong}, {n_looked}, {n_labels}, {sure}"
        raise ArgumentError(expected=expected, got=got, field="n_wrong", hint="count what was looked at")
    low, high = n_wrong, n_labels - (n_looked - n_wrong)
    while low < high:  # the more are wrong, the less likely so few are seen
        middle = (low + high + 1) // 2
        low, high = (middle, high) if hypergeom.cdf(n_wrong, n_labels, middle, n_looked) > 1 - sure else (low, middle - 1)
    return low
