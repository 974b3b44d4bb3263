"""boxwright check"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
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
from .labellings import HtmlOption, chosen_scenes

if TYPE_CHECKING:
    from ..checks import Finding, Findings, Profile
    from ..scene import Scene

ProfileOption = Annotated[
    Path | None, typer.Option("--profile", metavar="FILE", parser=path_of, help="Thresholds of your project; by default those that ship.")
]
RulesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--rules",
        metavar="NAMES",
        help="Rules to run: ids, or labels, points, images for all that need these; -NAME leaves some out: --rules=labels,-gap. Repeatable.",
    ),
]
FramesOption = Annotated[str, typer.Option("--frames", help="Frames whose points and pictures are looked at: 0,10,20, 0:50, 0:50:10 or all.")]
CsvOption = Annotated[Path | None, typer.Option("--csv", metavar="FILE", parser=path_of, help="Write the findings as CSV too.")]
FitOption = Annotated[
    Path | None,
    typer.Option(
        "--fit-profile",
        metavar="OUT",
        parser=path_of,
        help="Write a profile that lets the labels of PATH pass, which were accepted, and check nothing.",
    ),
]
ListOption = Annotated[bool, typer.Option("--list", help="List the rules with their thresholds, and check nothing.")]
MOST_ROWS = 30


def check(
    path: Annotated[Path | None, typer.Argument(metavar="PATH", parser=path_of, help="Labels to check.")] = None,
    profile: ProfileOption = None,
    rules: RulesOption = None,
    frames: FramesOption = "all",
    csv: CsvOption = None,
    html: HtmlOption = None,
    fit_profile: FitOption = None,
    list_rules: ListOption = False,
    scene: SceneOption = None,
    format: FormatOption = None,
    lenient: LenientOption = False,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """Labels are checked against the world: sizes, motion, overlaps, points, pictures.

    Findings are listed worst first, each with what was measured, what is allowed and what would mend it. Where PATH holds several scenes and none is
    named, each is checked. Exit code 1 where a finding is an error, 0 where there are none but warnings and information, 2 where PATH or an option
    cannot be used.

    Example: boxwright check recording --rules labels --csv findings.csv
    """
    import boxwright as bw

    if list_rules:
        _print_rules(as_json)
        return
    if path is None:
        raise typer.BadParameter("expected PATH, got none: name the recording to check, or list the rules with --list")
    names = chosen_scenes(path, scene, format)
    if fit_profile is not None:
        _fit(path, names, rules, fit_profile, format, lenient)
        return
    thresholds = None if profile is None else bw.Profile.read(profile)
    scenes = [open_scene(path, name, format, lenient) for name in names]
    found = [_checked(one, thresholds, rules, frames) for one in scenes]
    if csv is not None:
        _write_csv(found, csv)
    if html is not None:
        _write_html(scenes, found, thresholds, html)
    if as_json:
        print_json({"scenes": [one.to_dict() for one in found]})
    else:
        for one in found:
            _print(one)
    if any(one.counts["error"] for one in found):
        raise typer.Exit(1)


def _checked(scene: Scene, profile: Profile | None, rules: Any, frames: str) -> Findings:
    import boxwright as bw

    chosen = parse_frames(frames, len(scene)) if frames.strip() != "all" else None
    with tracked(f"checking {scene.name}", len(scene) if chosen is None else len(chosen)) as advance:
        return bw.check(scene, profile, rules or None, frames=chosen, progress=advance)


def _fit(path: Path, names: list[str | None], rules: Any, out: Path, format: str | None, lenient: bool) -> None:
    import boxwright as bw
    from boxwright.outputs import check_outside

    check_outside(out, path, "--fit-profile")
    scenes = [open_scene(path, name, format, lenient) for name in names]
    with tracked("measuring accepted labels", sum(len(one) for one in scenes)) as advance:
        profile = bw.Profile.fitted(scenes, rules=rules or None, progress=advance)
    profile.write(out)
    n = sum(len(by_class) for by_class in profile.thresholds.values())
    print_lines(f"{out}: {number_of(n, 'threshold')}, {number_of(len(profile.sizes_m), 'size range')}")


def _write_csv(found: list[Findings], path: Path) -> None:
    """All scenes in one file; with more than one, the first column says which."""
    from ..checks.findings import csv_of
    from ..outputs import whole_file

    with whole_file(path) as part:
        part.write_text(csv_of(found), encoding="utf-8", newline="")
    say(f"wrote {path}")


def _write_html(scenes: list[Scene], found: list[Findings], profile: Profile | None, path: Path) -> None:
    import boxwright as bw

    n = min(sum(one.severity > bw.Severity.INFORMATION for findings in found for one in findings), 60)
    with tracked("drawing findings", n) as advance:
        bw.write_report(path, zip(scenes, found), profile=profile, progress=advance)
    say(f"wrote {path}")


def _print(found: Findings) -> None:
    counts = ", ".join(number_of(n, name) if name != "information" else f"{n:,} information" for name, n in found.counts.items())
    title = f"{found.scene_name}: {counts}; {number_of(found.n_cuboids, 'cuboid')} in {number_of(found.n_frames, 'frame')}"
    if found:
        groups = list(_grouped(found))
        rows = [_row(one, n) for one, n in groups[:MOST_ROWS]]
        more = sum(n for _, n in groups[MOST_ROWS:])
        caption = f"and {more:,} more; --json or --csv FILE lists them all" if more else None
        print_table(title, ["what", "severity", "rule", "frames", "value", "allowed", "correction"], rows, caption=caption)
    else:
        print_lines(title)
    print_lines(*(f"note: {note}" for note in found.notes))


def _grouped(found: Findings) -> Iterator[tuple[Finding, int]]:
    """Findings, the worst first, and for how many each stands: what is but information has one row for each rule."""
    from ..checks import Severity

    n_alike = Counter(one.rule for one in found if one.severity == Severity.INFORMATION)
    for one in found:
        if one.severity != Severity.INFORMATION:
            yield one, 1
        elif one.rule in n_alike:
            yield one, n_alike.pop(one.rule)


def _row(one: Finding, n: int) -> list[Any]:
    frames = str(one.frame_index) if one.n_frames == 1 else f"{one.frame_index}-{one.last_frame_index}"
    message = one.message if n == 1 else f"{one.message}; and {n - 1:,} more of this rule"
    unit = f" {one.unit}" if one.unit else ""
    correction = "-" if one.suggestion is None else one.suggestion.sentence
    return [message, one.severity.name.lower(), one.rule, frames, f"{one.value:.3g}{unit}", f"{one.threshold:.3g}{unit}", correction]


def _print_rules(as_json: bool) -> None:
    import boxwright as bw

    rules = bw.check_rules()
    if as_json:
        names = ("rule_id", "title", "measures", "unit", "thresholds", "needs", "source", "suggests")
        print_json([{**{name: getattr(rule, name) for name in names}, "severity": rule.severity.name.lower()} for rule in rules])
        return
    rows = [[rule.rule_id, rule.title, rule.severity.name.lower(), str(rule.needs), _allowed(rule)] for rule in rules]
    print_table(
        f"{number_of(len(rules), 'rule')}", ["rule", "finds", "severity", "needs", "fires at"], rows, caption="thresholds of each class: --json"
    )


def _allowed(rule: Any) -> str:
    """The general threshold."""
    return f"{'<' if rule.is_lower_bound else '>'} {rule.thresholds.get('*', next(iter(rule.thresholds.values()))):g} {rule.unit}".strip()
