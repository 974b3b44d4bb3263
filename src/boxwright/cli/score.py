"""boxwright score"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import (
    FormatOption,
    JsonOption,
    LenientOption,
    LimitOption,
    SceneOption,
    number_of,
    open_scene,
    parse_frames,
    path_of,
    print_json,
    print_lines,
    print_table,
    say,
    tracked,
)
from .labellings import HtmlOption, chosen_scenes, open_labels, plain, print_intervals

if TYPE_CHECKING:
    from ..differences import LabelError
    from ..intervals import Estimate
    from ..qualities import PictureQuality, Quality, TrackQuality
    from ..scene import Scene
    from ..scoring import Score

PathsArgument = Annotated[
    list[Path],
    typer.Argument(metavar="PATH... GOLD", parser=path_of, help="Labels, of one annotator or more; the last is the gold they are held to."),
]
PlanOption = Annotated[Path | None, typer.Option("--plan", metavar="FILE", parser=path_of, help="The plan that says which frames carry gold.")]
GoldFramesOption = Annotated[str, typer.Option("--frames", help="Frames of the gold to compare, counted from 0: 0,10,20, 0:50, 0:50:10 or all.")]
MOST_ROWS = 20
FIGURES = ("precision", "recall", "F1", "IoU", "ATE m", "ASE", "AOE deg", "AVE m/s", "AAE")


def score(
    paths: PathsArgument,
    frames: GoldFramesOption = "all",
    plan: PlanOption = None,
    html: HtmlOption = None,
    scene: SceneOption = None,
    format: FormatOption = None,
    lenient: LenientOption = False,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """Labels are held to gold.

    What was found and what is extraneous, how far off each label is, how well tracks follow, and every error of a cuboid with what would be right;
    labels in pictures and of points in figures. Of several annotators each is scored, and ranked where 50 gold objects or more say enough. Where
    GOLD holds several scenes and none is named, each is compared with the one of its name. Exit code 1 where there are errors, in pictures and
    points too.

    Example: boxwright score labelled gold
    """
    from ..gold_plan import GoldPlan
    from ..qualities import quality_dict
    from ..scoring import compare_annotators

    if len(paths) < 2:
        raise typer.BadParameter("expected PATH... GOLD, got one path alone: name what is held to gold, and the gold last")
    chosen = None if plan is None else GoldPlan.read(plan)
    *labelled, of_gold = paths
    scores: list[Score] = []
    drawn: list[tuple[Score, Scene, Scene]] = []  # scenes are kept for the page alone
    for name in chosen_scenes(of_gold, scene, format):
        gold = open_scene(of_gold, name, format, lenient)
        if chosen is None or gold.name in chosen.frame_ids or name == scene:
            for labels in (open_labels(path, name, format, lenient) for path in labelled):
                scores.append(_scored(labels, gold, frames, chosen))
                if html is not None:
                    drawn.append((scores[-1], labels, gold))
    if html is not None:
        _write_html(drawn, html)
    compared = compare_annotators(scores) if len(scores) > 1 else []
    if as_json:
        ranking = [{"annotator": one.annotator, "rank": one.rank, **quality_dict(one.quality)} for one in compared]
        print_json({"scores": [one.to_dict() for one in scores], "annotators": ranking})
    else:
        for one in scores:
            _print(one)
        if compared:
            _print_annotators(compared)
    if any(one.errors or one.unlisted for one in scores):
        raise typer.Exit(1)


def _scored(labels: Scene, gold: Scene, frames: str, plan: Any) -> Score:
    import boxwright as bw

    chosen: Any = plan if plan is not None else None if frames.strip() == "all" else parse_frames(frames, len(gold))
    with tracked(f"comparing {labels.name} with {gold.name}"):
        return bw.score(labels, gold, frames=chosen)


def _write_html(scored: list[tuple[Score, Scene, Scene]], path: Path) -> None:
    import boxwright as bw

    with tracked("drawing errors") as advance:
        bw.write_score_report(path, scored, progress=advance)
    say(f"wrote {path}")


def _print(score: Score) -> None:
    where = f"{number_of(len(score.frames), 'frame')}, {number_of(score.overall.n_objects, 'gold object')}"
    print_table(
        f"{score.annotator} against {score.gold_name}: {where}",
        ["class", "gold", "labels", "matched", *FIGURES],
        [[name, quality.n_gold, quality.n_labels, quality.n_matched, *_figures(quality)] for name, quality in _all(score.per_class, score.overall)],
    )
    print_intervals("all classes, with 95 % intervals over objects", named_figures(score.overall))
    print_table(
        "tracks",
        ["class", "HOTA", "DetA", "AssA", "LocA", "MOTA", "IDF1", "switches", "fragments", "mostly tracked", "mostly lost"],
        [_track_row(name, quality) for name, quality in _all(score.tracking_per_class, score.tracking)],
    )
    _print_pictures_and_points(score)
    _print_errors(score)
    print_lines(*score.unlisted, *score.notes)


def _print_pictures_and_points(score: Score) -> None:
    if score.pictures:
        print_table(
            "labels in pictures, by their bounds",
            ["camera", "objects", "gold", "labels", "matched", "precision", "recall", "F1", "IoU", "HOTA", "MOTA", "IDF1"],
            [_picture_row(name, one) for name, one in score.pictures.items()],
        )
    if score.points is not None:
        rows = [
            [name, *(one[key] for key in ("iou", "panoptic_quality", "n_matched", "n_extra", "n_missed"))]
            for name, one in score.points.by_class().items()
        ]
        print_table(
            f"labels of points: mean IoU {plain(score.points.mean_iou)}, {score.points.accuracy:.1%} of the points right",
            ["class", "IoU", "PQ", "matched", "extra", "missed"],
            rows,
        )


def _picture_row(camera: str, one: PictureQuality) -> list[Any]:
    shares = (figure.value for figure in (one.precision, one.recall, one.f1, one.iou))
    whole = (one.hota.hota, one.clear.mota, one.identity.idf1)
    return [camera, one.n_objects, one.n_gold, one.n_labels, one.n_matched, *map(plain, shares), *map(plain, whole)]


def _all(per_class: Mapping[str, Any], overall: Any) -> list[tuple[str, Any]]:
    return [*per_class.items(), ("all", overall)]


def named_figures(quality: Quality) -> dict[str, Estimate]:
    """What is printed of a quality, by its name there; angles in degrees."""
    turned = type(quality.aoe_rad)(*(math.degrees(v) for v in quality.aoe_rad))
    figures = (quality.precision, quality.recall, quality.f1, quality.iou, quality.ate_m, quality.ase, turned, quality.ave_mps, quality.aae)
    return dict(zip(FIGURES, figures))


def _figures(quality: Quality) -> list[str]:
    return [plain(figure.value) for figure in named_figures(quality).values()]


def _track_row(name: str, quality: TrackQuality) -> list[Any]:
    whole, counts = quality.hota, quality.clear
    numbers = (counts.n_switches, counts.n_fragments, counts.n_mostly_tracked, counts.n_mostly_lost)
    return [name, whole.hota, whole.deta, whole.assa, whole.loca, counts.mota, quality.identity.idf1, *numbers]


def _print_errors(score: Score) -> None:
    """One row for each kind of error of each track, the most frequent first."""
    groups: dict[tuple[str, str, str, str], list[Any]] = {}
    for error in score.errors:
        kind = f"{error.kind} {error.name}".strip()
        groups.setdefault((kind, error.gold_track_id or "-", error.track_id or "-", error.category), []).append(error)
    rows = []
    for (kind, *ids), errors in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))[:MOST_ROWS]:
        worst = max(errors, key=lambda error: abs(error.off_by or 0))
        rows.append([kind, *ids, len(errors), errors[0].frame_index, *_both(worst), _off_by(worst)])
    if not rows:
        print_lines("no errors of cuboids beyond the tolerances" if score.unlisted else "no errors beyond the tolerances")
        return
    print_table(
        f"{number_of(len(score.errors), 'error')}, by kind and track",
        ["kind", "gold track", "track", "class", "frames", "first", "worst is", "should be", "off by"],
        rows,
        caption=f"and {len(groups) - MOST_ROWS} more kinds and tracks; --json lists every error" if len(groups) > MOST_ROWS else None,
    )


def _both(error: LabelError) -> list[str]:
    from ..differences import in_words

    return [in_words(value, error.unit, error.kind) for value in (error.original, error.corrected)]


def _off_by(error: LabelError) -> str:
    if error.off_by is None:
        return "-"
    return f"{math.degrees(error.off_by):.1f} deg" if error.unit == "rad" else f"{error.off_by:.2f} {error.unit}"


def _print_annotators(compared: list[Any]) -> None:
    rows = []
    for one in compared:
        f1 = one.quality.f1
        ends = f"{plain(f1.low)}-{plain(f1.high)}"
        rows.append([one.annotator, "-" if one.rank is None else str(one.rank), one.quality.n_objects, ends, *_figures(one.quality)])
    print_table(
        "annotators, by F1",
        ["annotator", "rank", "objects", "95 % of F1", *FIGURES],
        rows,
        caption="nobody is ranked on fewer than 50 gold objects" if any(one.rank is None for one in compared) else None,
    )
