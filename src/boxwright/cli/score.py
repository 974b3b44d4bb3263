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
    tracked,
)

if TYPE_CHECKING:
    from ..intervals import Estimate
    from ..scene import Scene
    from ..scoring import Quality, Score, TrackQuality

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
    scene: SceneOption = None,
    format: FormatOption = None,
    lenient: LenientOption = False,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """Labels are held to gold.

    What was found and what is extraneous, how far off each label is, how well tracks follow, and every error with what would be right. Of several
    annotators each is scored, and ranked where 50 gold objects or more say enough. Where GOLD holds several scenes and none is named, each is
    compared with the one of its name. Exit code 1 where there are errors.

    Example: boxwright score labelled gold
    """
    from ..gold_plan import GoldPlan
    from ..scoring import compare_annotators, quality_dict

    if len(paths) < 2:
        raise typer.BadParameter("expected PATH... GOLD, got one path alone: name what is held to gold, and the gold last")
    chosen = None if plan is None else GoldPlan.read(plan)
    *labelled, of_gold = paths
    scores = []
    names: list[str | None] = [scene] if scene is not None else [*names_in(of_gold, format)] or [None]
    for name in names:
        gold = open_scene(of_gold, name, format, lenient)
        if chosen is None or gold.name in chosen.frame_ids or name == scene:
            scores += [_scored(open_labels(path, name, format, lenient), gold, frames, chosen) for path in labelled]
    compared = compare_annotators(scores) if len(scores) > 1 else []
    if as_json:
        ranking = [{"annotator": one.annotator, "rank": one.rank, **quality_dict(one.quality)} for one in compared]
        print_json({"scores": [one.to_dict() for one in scores], "annotators": ranking})
    else:
        for one in scores:
            _print(one)
        if compared:
            _print_annotators(compared)
    if any(one.errors for one in scores):
        raise typer.Exit(1)


def names_in(path: Path, format: str | None) -> list[str]:
    """The scenes of a dataset by name; none where it holds one alone, which needs no name."""
    import boxwright as bw

    names = [entry.name for entry in bw.scenes(path, format)]
    return names if len(names) > 1 else []


def open_labels(path: Path, scene: str | None, format: str | None, lenient: bool) -> Scene:
    """One annotator's labels; where they do not say whose they are, they go by the name of their folder."""
    from ..tags import Tag

    labels = open_scene(path, scene if names_in(path, format) else None, format, lenient)
    is_named = any(tag.name == "annotator" for tag in labels.tags)
    return labels if is_named else labels.replace(tags=[*labels.tags, Tag("annotator", path.absolute().name)])


def _scored(labels: Scene, gold: Scene, frames: str, plan: Any) -> Score:
    import boxwright as bw

    chosen: Any = plan if plan is not None else None if frames.strip() == "all" else parse_frames(frames, len(gold))
    with tracked(f"comparing {labels.name} with {gold.name}"):
        return bw.score(labels, gold, frames=chosen)


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
    _print_errors(score)
    print_lines(*score.notes)


def _all(per_class: Mapping[str, Any], overall: Any) -> list[tuple[str, Any]]:
    return [*per_class.items(), ("all", overall)]


def named_figures(quality: Quality) -> dict[str, Estimate]:
    """What is printed of a quality, by its name there; angles in degrees."""
    turned = type(quality.aoe_rad)(*(math.degrees(v) for v in quality.aoe_rad))
    figures = (quality.precision, quality.recall, quality.f1, quality.iou, quality.ate_m, quality.ase, turned, quality.ave_mps, quality.aae)
    return dict(zip(FIGURES, figures))


def _figures(quality: Quality) -> list[str]:
    return [plain(figure.value) for figure in named_figures(quality).values()]


def plain(value: float) -> str:
    """0.95"""
    return f"{value:.2f}" if math.isfinite(value) else "-"


def print_intervals(title: str, figures: Mapping[str, Estimate]) -> None:
    """One row for each figure."""
    print_table(title, ["figure", "value", "low", "high"], [[name, *(float(v) for v in figure)] for name, figure in figures.items()])


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
        rows.append([kind, *ids, len(errors), errors[0].frame_index, _shown(worst.original), _shown(worst.corrected), _off_by(worst)])
    if not rows:
        print_lines("no errors beyond the tolerances")
        return
    print_table(
        f"{number_of(len(score.errors), 'error')}, by kind and track",
        ["kind", "gold track", "track", "class", "frames", "first", "worst is", "should be", "off by"],
        rows,
        caption=f"and {len(groups) - MOST_ROWS} more kinds and tracks; --json lists every error" if len(groups) > MOST_ROWS else None,
    )


def _off_by(error: Any) -> str:
    if error.off_by is None:
        return "-"
    return f"{math.degrees(error.off_by):.1f} deg" if error.unit == "rad" else f"{error.off_by:.2f} {error.unit}"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        value = value["center_m"]
    if isinstance(value, list):
        return ", ".join(f"{v:.2f}" for v in value)
    return "-" if value is None else f"{value:.2f}" if isinstance(value, float) else str(value)[:24]


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
