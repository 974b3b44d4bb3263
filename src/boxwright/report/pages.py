"""The page of the checks of one or more scenes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..arrays import Float64s, check_kind
from ..checks import RULES, Finding, Findings, Profile, Severity
from ..containment import points_in_cuboids
from ..errors import ArgumentError, number_of
from ..outputs import as_path, whole_file
from ..scene import Scene
from ..tracks import interpolate_tracks
from .charts import bars, histogram, ranges, timeline
from .markup import number, page, table, text
from .places import Room

__all__ = ["report_html", "write_report"]

MOST_PICTURES, MOST_FINDINGS = 60, 2000
COUNTED_FRAMES = 10  # of a recording, whose points in boxes are counted for the chart
SEVERITIES = ("error", "warning", "information")

Checked = tuple[Scene, Findings]


def write_report(
    path: str | os.PathLike[str],
    checked: Checked | Iterable[Checked],
    *,
    profile: Profile | None = None,
    most_pictures: int = MOST_PICTURES,
    progress: Callable[[], Any] = lambda: None,
) -> None:
    """`report_html` into a file, which appears when it is complete."""
    with whole_file(as_path(path)) as part:
        part.write_text(report_html(checked, profile=profile, most_pictures=most_pictures, progress=progress), encoding="utf-8")


def report_html(
    checked: Checked | Iterable[Checked],
    *,
    profile: Profile | None = None,
    most_pictures: int = MOST_PICTURES,
    progress: Callable[[], Any] = lambda: None,
) -> str:
    """One HTML document of what `bw.check` found: it loads nothing, runs nothing, and every text in it is escaped.

    checked : (scene, findings), or several of them
    profile : with which it was checked; its thresholds are in the charts
    most_pictures : findings that get pictures, the worst first; the others are listed without, and the page says so
    progress : called once for each finding with pictures

    Pictures show the frame where a finding is worst, from above and in the camera that sees it best, as it is and with its correction.
    ArgumentError for what is no scene and its findings.
    """
    pairs = _pairs(checked)
    room = Room(most_pictures, MOST_PICTURES)
    title = f"Checks of {pairs[0][0].name}" if len(pairs) == 1 else f"Checks of {number_of(len(pairs), 'recording')}"
    body = [f"<header><h1>{text(title)}</h1>{_overview(pairs)}</header>{_filters()}<main>"]
    for scene, findings in pairs:
        body.append(_of_scene(scene, findings, profile or Profile(), room, progress, has_title=len(pairs) > 1))
    body.append("</main>")
    return page(title, body)


def _pairs(checked: Any) -> list[Checked]:
    if isinstance(checked, tuple) and len(checked) == 2 and isinstance(checked[0], Scene):
        checked = [checked]
    if not isinstance(checked, Iterable):
        hint = "report_html((scene, bw.check(scene)))"
        raise ArgumentError(expected="(scene, findings), or several of them", got=f"{checked!r:.60}", field="checked", hint=hint)
    some = list(checked)
    for k, pair in enumerate(some):
        if not isinstance(pair, tuple) or len(pair) != 2:
            hint = "report_html((scene, bw.check(scene)))"
            raise ArgumentError(expected="(scene, findings)", got=f"{pair!r:.60}", field=f"checked[{k}]", hint=hint)
        check_kind(f"checked[{k}][0]", pair[0], Scene, "a Scene", "bw.read gives one")
        check_kind(f"checked[{k}][1]", pair[1], Findings, "Findings", "bw.check gives them")
    if not some:
        raise ArgumentError(expected="at least one scene and its findings", got="none", field="checked", hint="pass (scene, bw.check(scene))")
    return some


def _overview(pairs: Sequence[Checked]) -> str:
    rows = []
    for scene, found in pairs:
        n = found.counts
        per = 1000 * (n["error"] + n["warning"]) / max(found.n_cuboids, 1)
        rows.append(
            [scene.name, f"{found.n_frames:,}", f"{len(scene.tracks):,}", f"{found.n_cuboids:,}", *(f"{n[s]:,}" for s in SEVERITIES), f"{per:.1f}"]
        )
    head = ["recording", "frames", "tracks", "cuboids", "errors", "warnings", "information", "per 1,000 cuboids"]
    return table(head, rows, numeric=range(1, 8))


# ------------------------------------------------------------ one scene


def _of_scene(scene: Scene, findings: Findings, profile: Profile, room: Room, progress: Callable[[], Any], *, has_title: bool) -> str:
    parts = [f"<section><h2>{text(scene.name)}</h2>" if has_title else "<section>"]
    parts.append("".join(f'<p class="soft">{text(note)}</p>' for note in findings.notes))
    parts.append(f'<div class="charts">{_charts(scene, findings, profile)}</div>')
    parts.append("<h2>Findings</h2>" if findings else "<p>Nothing was found.</p>")
    if not findings:
        return "".join([*parts, "</section>"])
    with_pictures = room.n_pictures
    items: list[str] = []
    for one in findings[:MOST_FINDINGS]:
        pictures = room.pictures(scene, one) if one.severity > Severity.INFORMATION else ""
        items.append(_item(one, pictures, is_open=len(items) < 3))
        if pictures:
            progress()
    told = f"{number_of(len(findings), 'finding')}, worst first; pictures of {with_pictures - room.n_pictures:,} of them"
    left = len(findings) - len(items)
    told += f"; {left:,} more are left out here: --csv and --json list them all" if left else ""
    parts.append(f'<p class="soft">{text(told)}.</p><div>{"".join(items)}</div></section>')
    return "".join(parts)


def _filters() -> str:
    """Ticks that hide findings of a severity: styles do it, no script."""
    return "show findings that are: " + "".join(
        f'<input type="checkbox" id="f-{name}" checked><label for="f-{name}"> {name} </label>' for name in SEVERITIES
    )


def _item(one: Finding, pictures: str, *, is_open: bool) -> str:
    severity = one.severity.name.lower()
    frames = f"frame {one.frame_index}" if one.n_frames == 1 else f"frames {one.frame_index} to {one.last_frame_index}, worst {one.worst_frame_index}"
    rule = RULES.get(one.rule)
    rows = [
        ["rule", f"{one.rule}: {rule.title}" if rule else one.rule],
        ["where", frames + (f", {one.sensor}" if one.sensor else "")],
        ["tracks", ", ".join(f"{track} ({name})" for track, name in zip(one.track_ids, one.categories)) or "the recording"],
        ["measured", f"{number(one.value)} {one.unit}".rstrip() + f"; allowed {number(one.threshold)} {one.unit}".rstrip()],
        ["correction", one.suggestion.sentence if one.suggestion else "none is proposed"],
        ["id", one.finding_id],
    ]
    body = "".join(f'<tr><th scope="row">{name}</th><td>{text(value)}</td></tr>' for name, value in rows)
    head = f'<summary><span class="badge">{severity}</span>{text(one.message)}</summary>'
    return f'<details class="{severity}"{" open" if is_open else ""}>{head}<div><table>{body}</table>{pictures}</div></details>'


# ------------------------------------------------------------ charts


def _charts(scene: Scene, findings: Findings, profile: Profile) -> str:
    by_rule: dict[str, dict[str, int]] = {}
    for one in findings:
        by_rule.setdefault(one.rule, dict.fromkeys(SEVERITIES, 0))[one.severity.name.lower()] += 1
    order = dict(sorted(by_rule.items(), key=lambda row: -sum(row[1].values())))
    spans = [(one.frame_index, one.last_frame_index, one.severity.name.lower()) for one in findings]
    charts = [
        ("Findings by rule", bars("findings by rule", order) if order else ""),
        ("Findings in each frame", timeline("findings in each frame", len(scene), spans) if spans else ""),
        ("Lengths of tracks, and what their class may have", ranges("lengths by class", _lengths(scene, profile), "m")),
        ("Speeds over the ground", histogram("speeds", _speeds(scene), "m/s", limit=_limit(profile, "speed"))),
        (_points_title(scene), histogram("points in boxes", _points_in_boxes(scene), "square root of points")),
    ]
    return "".join(f"<figure><h3>{text(title)}</h3>{chart}</figure>" for title, chart in charts if chart)


def _limit(profile: Profile, rule_id: str) -> float | None:
    if rule_id not in RULES:
        return None
    value = profile.threshold(rule_id, "car")
    return value if np.isfinite(value) else None


def _lengths(scene: Scene, profile: Profile) -> list[tuple[str, Float64s, tuple[float, float] | None]]:
    sizes: dict[str, list[float]] = {}
    for track in scene.tracks:
        known = profile.taxonomy.get(track.category)
        sizes.setdefault(track.category if known is None else known.name, []).append(float(np.median(track.cuboids.size_m[:, 0])))
    rows = []
    for name, values in sorted(sizes.items(), key=lambda row: -len(row[1]))[:14]:
        allowed = profile.size_range(name)
        rows.append((name, np.array(values), None if allowed is None else (allowed.low_m[0], allowed.high_m[0])))
    return rows


def _speeds(scene: Scene) -> Float64s:
    """Of all labels, from frame to frame; none without times or poses."""
    if not scene.has_time or scene.trajectory is None or not scene.tracks or scene.label_frame != "world":
        return np.zeros(0)
    many = interpolate_tracks(scene.tracks, scene.times_ns)
    follows = (np.diff(many.track_index) == 0) & (np.diff(many.time_index) == 1)
    seconds = np.diff(scene.times_ns[many.time_index])[follows] * 1e-9
    way = np.linalg.norm(np.diff(many.cuboids.center_m, axis=0), axis=1)[follows]
    speeds: Float64s = way / seconds
    return speeds


def _counted(scene: Scene) -> list[int]:
    frames = [i for i in range(len(scene)) if scene.has_points(i)]
    return frames if len(frames) <= COUNTED_FRAMES else [frames[k] for k in np.linspace(0, len(frames) - 1, COUNTED_FRAMES).astype(int)]


def _points_title(scene: Scene) -> str:
    return f"Points in each box, in {number_of(len(_counted(scene)), 'frame')}"


def _points_in_boxes(scene: Scene) -> Float64s:
    counts = [points_in_cuboids(scene.still_points(i), scene.cuboids(i)).counts for i in _counted(scene)]
    roots: Float64s = np.sqrt(np.concatenate(counts)) if counts else np.zeros(0)
    return roots
