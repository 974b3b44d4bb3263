"""The pages of labels held to gold, and of annotators held to each other."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..arrays import check_kind
from ..checks import Finding, Severity
from ..differences import KINDS, LabelError, in_words
from ..disagreements import Disagreement
from ..errors import ArgumentError, number_of
from ..intervals import Estimate
from ..matching import check_scenes
from ..outputs import as_path, whole_file
from ..qualities import Quality, TrackQuality
from ..raters import Agreement, Concord
from ..scene import Scene
from ..scoring import Score
from .charts import bars
from .markup import number, page, table, text
from .places import Room

__all__ = ["write_agreement_report", "write_score_report"]

MOST_PICTURES, MOST_ITEMS = 30, 500
WORDS: dict[str, Any] = {"nothing": "nothing", "most": 80}
QUALITY = {
    "precision": ("precision", 1.0),
    "recall": ("recall", 1.0),
    "F1": ("f1", 1.0),
    "IoU": ("iou", 1.0),
    "ATE m": ("ate_m", 1.0),
    "ASE": ("ase", 1.0),
    "AOE deg": ("aoe_rad", math.degrees(1.0)),
    "AVE m/s": ("ave_mps", 1.0),
    "AAE": ("aae", 1.0),
}
CONCORD = {
    "matched": "matched_share",
    "by all": "complete_share",
    "IoU": "iou",
    "distance m": "distance_m",
    "alpha class": "alpha_class",
    "kappa": "fleiss_class",
    "alpha length": "alpha_length",
    "alpha width": "alpha_width",
    "alpha height": "alpha_height",
    "alpha yaw": "alpha_yaw",
}


def write_score_report(
    path: str | os.PathLike[str],
    scored: Iterable[tuple[Score, Scene, Scene]],
    *,
    most_pictures: int = MOST_PICTURES,
    progress: Callable[[], Any] = lambda: None,
) -> None:
    """One HTML document of what `bw.score` found: it loads nothing, runs nothing, and every text in it is escaped.

    scored : (score, labels, gold), one or several
    most_pictures : errors that get pictures, those of most frames first; labels in pictures and of points are told in figures
    progress : called once for each error with pictures
    ArgumentError for anything else.
    """
    rows: list[Any] = list(_iterable(scored))
    for k, row in enumerate(rows):
        if not isinstance(row, tuple) or len(row) != 3 or not isinstance(row[0], Score):
            hint = "write_score_report(path, [(bw.score(labels, gold), labels, gold)])"
            raise ArgumentError(expected="(score, labels, gold)", got=f"{row!r:.60}", field=f"scored[{k}]", hint=hint)
        for name, scene in zip(("labels", "gold"), row[1:]):
            check_kind(f"scored[{k}], {name}", scene, Scene, "a Scene", "bw.read gives one")
    pictures = _Pictures(most_pictures, progress)
    body = ["<header><h1>Labels against gold</h1></header><main>"]
    for score, labels, gold in rows:
        body.append(f"<section><h2>{text(score.annotator)} against {text(score.gold_name)}</h2>{_of_score(score)}")
        both = _together({"label": labels, "gold": gold}, gold)
        body += _items(_errors(score, pictures, both), len(score.errors), "error", "errors of cuboids" if score.unlisted else "errors")
        body += [f"<p>{text(sentence)}.</p>" for sentence in score.unlisted]
        body.append("</section>")
    _write(path, "Labels against gold", [*body, "</main>"])


def write_agreement_report(
    path: str | os.PathLike[str],
    found: Agreement,
    scenes: Sequence[Scene] | Mapping[str, Scene] | None = None,
    *,
    most_pictures: int = MOST_PICTURES,
    progress: Callable[[], Any] = lambda: None,
) -> None:
    """One HTML document of what `bw.agreement` found, as `write_score_report` makes one.

    scenes : what was compared, as `bw.agreement` takes it; without them there are no pictures
    """
    check_kind("found", found, Agreement, "an Agreement", "bw.agreement gives one")
    chosen = {} if scenes is None else dict(check_scenes("scenes", scenes, 2))
    pictures = _Pictures(most_pictures, progress)
    both = _together(chosen, next(iter(chosen.values()))) if chosen else None
    body = [f"<header><h1>Agreement of {text(', '.join(found.annotators))}</h1></header><main><section>{_of_agreement(found)}"]
    body += _items(_disagreements(found, pictures, both), len(found.disagreements), "disagreement", "disagreements")
    _write(path, "Agreement", [*body, "</section></main>"])


def _iterable(given: Any) -> Iterable[Any]:
    return given if isinstance(given, Iterable) else [given]


def _write(path: str | os.PathLike[str], title: str, body: Iterable[str]) -> None:
    with whole_file(as_path(path)) as part:
        part.write_text(page(title, body), encoding="utf-8")


# ------------------------------------------------------------ figures


def _shown(one: Estimate, scale: float = 1.0) -> str:
    """0.95 (0.90 to 0.98)"""
    if not math.isfinite(one.value):
        return "–"
    within = f" ({one.low * scale:.2f} to {one.high * scale:.2f})" if math.isfinite(one.low) else ""
    return f"{one.value * scale:.2f}{within}"


def _of_score(score: Score) -> str:
    qualities: list[tuple[str, Quality]] = [*score.per_class.items(), ("all", score.overall)]
    rows = [
        [name, one.n_objects, one.n_gold, one.n_labels, one.n_matched, *(_shown(getattr(one, field), scale) for field, scale in QUALITY.values())]
        for name, one in qualities
    ]
    tracks: list[tuple[str, TrackQuality]] = [*score.tracking_per_class.items(), ("all", score.tracking)]
    head = ["class", "HOTA", "DetA", "AssA", "LocA", "MOTA", "IDF1", "switches", "fragments", "mostly tracked", "mostly lost"]
    counted = {name: {"warning": n} for name, n in score.n_errors.items() if n}
    return "".join(
        [
            f'<p class="soft">{text(number_of(len(score.frames), "frame"))}; figures with 95 % intervals over objects.</p>',
            *(f'<p class="soft">{text(note)}</p>' for note in score.notes),
            table(["class", "objects", "gold", "labels", "matched", *QUALITY], rows, numeric=range(1, 5 + len(QUALITY))),
            "<h3>Tracks</h3>",
            table(head, [[name, *_tracked(one)] for name, one in tracks], numeric=range(1, len(head))),
            *_of_pictures_and_points(score),
            f"<h3>Errors by kind</h3>{bars('errors by kind', counted)}" if counted else "",
        ]
    )


def _of_pictures_and_points(score: Score) -> Iterator[str]:
    if score.pictures:
        head = ["camera", "objects", "gold", "labels", "matched", "precision", "recall", "F1", "IoU", "HOTA", "MOTA", "IDF1"]
        rows = [
            [
                *(camera, one.n_objects, one.n_gold, one.n_labels, one.n_matched),
                *(_shown(figure) for figure in (one.precision, one.recall, one.f1, one.iou)),
                *(number(value) for value in (one.hota.hota, one.clear.mota, one.identity.idf1)),
            ]
            for camera, one in score.pictures.items()
        ]
        yield f"<h3>Labels in pictures</h3>{table(head, rows, numeric=range(1, len(head)))}"
    if score.points is not None:
        names = ("iou", "panoptic_quality", "n_matched", "n_extra", "n_missed")
        rows = [[name, *(number(one[key]) for key in names)] for name, one in score.points.by_class().items()]
        yield f"<h3>Labels of points, mean IoU {number(score.points.mean_iou)}</h3>"
        yield table(["class", "IoU", "PQ", "matched", "extra", "missed"], rows, numeric=range(1, 6))


def _tracked(one: TrackQuality) -> list[str]:
    whole, counts = one.hota, one.clear
    shares = (whole.hota, whole.deta, whole.assa, whole.loca, counts.mota, one.identity.idf1)
    numbers = (counts.n_switches, counts.n_fragments, counts.n_mostly_tracked, counts.n_mostly_lost)
    return [*(f"{v:.3f}" if math.isfinite(v) else "–" for v in shares), *(f"{n:,}" for n in numbers)]


def _of_agreement(found: Agreement) -> str:
    rows: list[tuple[str, Concord]] = [*found.per_class.items(), ("all", found.overall)]
    if len(found.per_range) > 1:
        rows += [(f"frames {a} to {b}", one) for (a, b), one in found.per_range.items()]
    labels = ", ".join(f"{name} {number_of(n, 'label')}" for name, n in found.n_labels.items())
    attributes = found.overall.alpha_attributes
    pairs = [[f"{p.a}, {p.b}", p.n_matched, *(_shown(f) for f in (p.matched_share, p.iou, p.distance_m, p.kappa_class))] for p in found.pairs]
    return "".join(
        [
            f'<p class="soft">{text(number_of(len(found.times_ns), "frame"))}: {text(labels)}; figures with 95 % intervals over objects.</p>',
            table(
                ["class", "objects", *CONCORD],
                [[name, one.n_objects, *(_shown(getattr(one, field)) for field in CONCORD.values())] for name, one in rows],
                numeric=range(1, 2 + len(CONCORD)),
            ),
            table(["attribute", "alpha"], [[name, _shown(one)] for name, one in attributes.items()], numeric=[1]) if attributes else "",
            "<h3>Every two</h3>",
            table(["annotators", "matched labels", "matched", "IoU", "distance m", "kappa of classes"], pairs, numeric=range(1, 6)),
        ]
    )


# ------------------------------------------------------------ one by one


class _Pictures:
    """Those of errors and disagreements, while there is room for them."""

    def __init__(self, most_pictures: int, progress: Callable[[], Any]) -> None:
        self.room, self.progress = Room(most_pictures, MOST_PICTURES), progress

    def of(self, scene: Scene | None, frames: tuple[int, int, int], names: Sequence[str], category: str, what: str) -> str:
        """Pictures of tracks of `_together`, those of the first name and those of the others in colours of their own."""
        if scene is None:
            return ""
        known = tuple(name for name in names if name in scene.track_index)
        first, last, worst = frames
        time = int(scene.times_ns[worst])
        finding = Finding(
            what, Severity.WARNING, first, last, worst, time, known, (category,) * len(known), None, 0.0, 0.0, "", what, None, what, "", ()
        )
        figures = self.room.pictures(scene, finding)
        if not figures:
            return ""
        self.progress()
        told = f"{known[0]} in orange" + (f", {', '.join(known[1:])} in blue" if known[1:] else "") if known else ""
        return f'{figures}<p class="soft">{text(told)}</p>'


def _together(scenes: Mapping[str, Scene], base: Scene) -> Scene | None:
    """The tracks of several scenes of one clip in one scene, each under the name of its scene; None where their frames differ."""
    if any(scene.label_frame != base.label_frame for scene in scenes.values()):
        return None
    tracks = [track.replace(track_id=_name(whose, track.track_id)) for whose, scene in scenes.items() for track in scene.tracks]
    return base.replace(tracks=tracks, image_tracks=(), relations=())


def _name(whose: str, track_id: str) -> str:
    return f"{whose}: {track_id}"


def _items(items: Iterable[tuple[str, Sequence[tuple[str, Any]], str]], n: int, what: str, none: str) -> Iterator[str]:
    yield f"<h2>{text(number_of(n, what))}</h2>" if n else f"<p>No {text(none)} beyond the tolerances.</p>"
    for k, (head, rows, pictures) in enumerate(items):
        if k == MOST_ITEMS:
            yield f'<p class="soft">The rest is left out here: --json lists every {text(what)}.</p>'
            return
        body = "".join(f'<tr><th scope="row">{text(name)}</th><td>{text(value)}</td></tr>' for name, value in rows)
        opened = " open" if k < 3 else ""
        yield f'<details class="warning"{opened}><summary>{text(head)}</summary><div><table>{body}</table>{pictures}</div></details>'


def _errors(score: Score, pictures: _Pictures, both: Scene | None) -> Iterator[tuple[str, list[tuple[str, Any]], str]]:
    """One item for each kind of error of each track, those of most frames first."""
    groups: dict[tuple[str, str | None, str | None], list[LabelError]] = {}
    for error in score.errors:
        groups.setdefault((f"{error.kind} {error.name}".strip(), error.gold_track_id, error.track_id), []).append(error)
    for (kind, gold_id, track_id), errors in sorted(groups.items(), key=lambda row: (-len(row[1]), KINDS.index(row[1][0].kind))):
        worst = max(errors, key=lambda error: abs(error.off_by or 0.0))
        frames = [error.frame_index for error in errors]
        rows = [
            ("gold track", gold_id or "none"),
            ("track", track_id or "none"),
            ("frames", f"{len(frames)}, from {frames[0]} to {frames[-1]}; worst {worst.frame_index}"),
            ("worst is", in_words(worst.original, worst.unit, **WORDS)),
            ("should be", in_words(worst.corrected, worst.unit, **WORDS)),
            ("off by", _off(worst)),
        ]
        names = [_name(whose, one) for whose, one in (("label", track_id), ("gold", gold_id)) if one is not None]
        figures = pictures.of(both, (frames[0], frames[-1], worst.frame_index), names, worst.category, kind)
        yield f"{worst.category}: {kind}, {number_of(len(errors), 'frame')}", rows, figures


def _disagreements(found: Agreement, pictures: _Pictures, both: Scene | None) -> Iterator[tuple[str, list[tuple[str, Any]], str]]:
    for one in found.disagreements:
        said = [(f"{name} says", in_words(value, one.unit, one.kind, **WORDS)) for name, value in one.values.items()]
        tracks = [(f"tracks of {name}", ", ".join(ids) or "none") for name, ids in one.track_ids.items()]
        rows = [("frames", f"{one.n_frames}, from {one.first_frame} to {one.last_frame}"), *tracks, *said, ("apart", _off(one))]
        names = [_name(whose, track) for whose, ids in one.track_ids.items() for track in ids]
        figures = ""
        if both is not None:
            first, last = (both.nearest_frame(int(found.times_ns[i])) for i in (one.first_frame, one.last_frame))
            figures = pictures.of(both, (first, last, (first + last) // 2), names, one.category, one.kind)
        yield f"{one.category}: {one.kind} {one.name}".strip(), rows, figures


def _off(one: LabelError | Disagreement) -> str:
    if one.off_by is None:
        return "–"
    return f"{math.degrees(one.off_by):.1f} deg" if one.unit == "rad" else f"{number(one.off_by)} {one.unit}".rstrip()
