"""boxwright agree"""

from __future__ import annotations

import math
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
    path_of,
    print_json,
    print_lines,
    print_table,
    say,
    tracked,
)
from .labellings import HtmlOption, open_labels, plain, print_intervals
from .outputs import OutOption, ToOption, check_output, print_report, write_scene

if TYPE_CHECKING:
    from ..combining import Consensus
    from ..disagreements import Disagreement
    from ..intervals import Estimate
    from ..raters import Agreement, Concord

PathsArgument = Annotated[
    list[Path], typer.Argument(metavar="PATH PATH...", parser=path_of, help="Labels of one clip, by two annotators or more: a recording of each.")
]
RangeOption = Annotated[int, typer.Option("--range-frames", metavar="N", min=1, help="Agreement is also told for every N frames.")]
MOST_ROWS = 20
FIGURES = ("matched", "by all", "IoU", "distance m", "alpha class", "kappa", "alpha length", "alpha width", "alpha height", "alpha yaw")


def agree(
    paths: PathsArgument,
    range_frames: RangeOption = 50,
    out: OutOption = None,
    to: ToOption = "boxwright",
    html: HtmlOption = None,
    scene: SceneOption = None,
    format: FormatOption = None,
    lenient: LenientOption = False,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """Annotators of one clip are compared with each other.

    How many labels have a partner, how well these overlap, and agreement beyond chance of classes, attributes, sizes and headings (Krippendorff's
    alpha, Fleiss' and Cohen's kappa), with 95 % intervals; then where they disagree most. With --out, their consensus is written; boxwright's own
    format keeps what it was made of. Exit code 1 where they disagree.

    Example: boxwright agree by-ann by-bob by-cyd
    """
    import boxwright as bw

    if len(paths) < 2:
        raise typer.BadParameter("expected PATH PATH..., got one path alone: name the labels of two annotators or more")
    if out is not None:
        for path in paths:
            check_output(out, to, path, "--out")
    scenes = [open_labels(path, scene, format, lenient) for path in paths]
    with tracked(f"comparing {number_of(len(scenes), 'annotator')}"):
        found = bw.agreement(scenes, range_frames=range_frames)
    result = found.to_dict()
    if html is not None:
        with tracked("drawing disagreements") as advance:
            bw.write_agreement_report(html, found, scenes, progress=advance)
        say(f"wrote {html}")
    if out is not None:
        merged = bw.consensus(scenes)
        written = write_scene(merged.scene, out, to)
        result["consensus"] = {"spreads": {name: vars(one) for name, one in merged.spreads.items()}, "notes": list(merged.notes), "written": written}
    if as_json:
        print_json(result)
    else:
        _print(found)
        if out is not None:
            _print_consensus(merged)
            print_report(written)
    if found.disagreements:
        raise typer.Exit(1)


def _print(found: Agreement) -> None:
    labels = ", ".join(f"{name} {number_of(n, 'label')}" for name, n in found.n_labels.items())
    rows = [_row(name, one) for name, one in [*found.per_class.items(), ("all", found.overall)]]
    if len(found.per_range) > 1:
        rows += [_row(f"frames {a}-{b}", one) for (a, b), one in found.per_range.items()]
    print_table(f"{number_of(len(found.times_ns), 'frame')}: {labels}", ["class", "objects", *FIGURES], rows)
    of_attributes = {f"alpha of attribute {name}": one for name, one in found.overall.alpha_attributes.items()}
    print_intervals("all, with 95 % intervals over objects", {**_figures(found.overall), **of_attributes})
    print_table(
        "every two",
        ["annotators", "matched labels", "matched", "IoU", "distance m", "kappa of classes"],
        [[f"{p.a}, {p.b}", p.n_matched, *(plain(f.value) for f in (p.matched_share, p.iou, p.distance_m, p.kappa_class))] for p in found.pairs],
    )
    shown = found.disagreements[:MOST_ROWS]
    if shown:
        more = len(found.disagreements) - len(shown)
        print_table(
            f"{number_of(len(found.disagreements), 'disagreement')}, the worst first",
            ["kind", "class", "frames", "of them", "tracks", "they say", "apart"],
            [_shown(one) for one in shown],
            caption=f"and {more} more; --json lists them all" if more else None,
        )


def _print_consensus(merged: Consensus) -> None:
    print_table(
        f"consensus: {number_of(len(merged.scene.tracks), 'track')}; what each annotator scatters, one standard deviation",
        ["annotator", "place m", "size m", "heading deg"],
        [[name, one.center_m, one.size_m, math.degrees(one.angle_rad)] for name, one in merged.spreads.items()],
    )
    print_lines(*merged.notes)


def _figures(one: Concord) -> dict[str, Estimate]:
    sizes = (one.alpha_length, one.alpha_width, one.alpha_height)
    figures = (one.matched_share, one.complete_share, one.iou, one.distance_m, one.alpha_class, one.fleiss_class, *sizes, one.alpha_yaw)
    return dict(zip(FIGURES, figures))


def _row(name: str, one: Concord) -> list[Any]:
    return [name, one.n_objects, *(plain(figure.value) for figure in _figures(one).values())]


def _shown(one: Disagreement) -> list[Any]:
    from ..differences import in_words

    tracks = ", ".join(f"{name}: {'+'.join(ids) or '-'}" for name, ids in one.track_ids.items())
    said = ", ".join(f"{name}: {in_words(value, one.unit, one.kind)}" for name, value in one.values.items())
    apart = "-" if one.off_by is None else f"{math.degrees(one.off_by):.1f} deg" if one.unit == "rad" else f"{one.off_by:.2f} {one.unit}"
    frames = f"{one.first_frame}-{one.last_frame}"
    return [f"{one.kind} {one.name}".strip(), one.category, frames, one.n_frames, tracks, said, apart]
