"""The files that findings are kept in. Nothing in them is edited by hand afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from ..errors import FormatError
from ..outputs import whole_file
from ..render import write_picture
from .findings import Findings
from .plot import growth_picture
from .tables import bandwidth_table, growth_table, losses, memory_table, server_table, short_table, table, target_table
from .targets import verdicts

__all__ = ["read_results", "readme_with_table", "report", "write_results"]

COMMAND = "python benchmarks/run_all.py"
QUIET_LOAD = 0.5
BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
MEMORY = (
    "The limit is the time that this machine's DRAM takes to read the input once and to write the result once. Small inputs lie in the caches, and"
    " zeros of fresh arrays that stay zeros are never written, so a row may lie below it. The memory rise is that of the process at its peak, with"
    " the result."
)
FIRST_CALLS = (
    "A first call compiles its kernels where no earlier row has called them and none are on disk; what a machine waits for that never ran"
    " boxwright is under startup."
)
SERVER = (
    "{date}: a second process asks over loopback, {seconds:g} s each, by the wall clock; it takes its share of the cores, too. An edit is on disk"
    " when it is answered."
)
NOTES = {
    "startup": "Wall clock of whole processes, with all cores, where nothing else is said.",
    "batch": "Wall clock for each frame, once all workers are at work. Ten thousand frames, memory and CPU time: `python benchmarks/bench_batch.py`.",
}


def report(found: Findings, command: str = "boxwright bench", picture: str | None = None) -> str:
    """All tables.

    command : what made them
    picture : the name of the growth picture beside them
    """
    head = f"Made by `{command}`, never edited. {_about(found)} {FIRST_CALLS}"
    return "\n".join(["# Benchmarks", "", head, "", *_parts(found, picture)])


def _parts(found: Findings, picture: str | None) -> Iterator[str]:
    yield from ("## Targets", "", target_table(verdicts(found)), "")
    yield from ("## What we lose", "", losses(found.rows), "")
    for verb in dict.fromkeys(row.verb for row in found.rows):
        yield from (f"## {verb}", "", *((NOTES[verb], "") if verb in NOTES else ()), table([row for row in found.rows if row.verb == verb]), "")
    if found.server is not None:
        about = SERVER.format(date=found.server.date, seconds=found.server.seconds)
        yield from ("## Server", "", about, "", server_table(found.server), "")
    if found.bandwidth is not None:
        yield from ("## Bytes and memory", "", MEMORY, "", bandwidth_table(found.bandwidth), "", memory_table(found.rows, found.bandwidth), "")
    if found.growths:
        yield from ("## Growth", "")
        if picture is not None:
            yield from (f"![time against points and against cuboids, both axes logarithmic]({picture})", "")
        yield from (growth_table(found.growths), "")


def _about(found: Findings) -> str:
    machine = found.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    where = f"{machine.cpu}, {machine.cores} cores, {machine.memory_gib} GiB, Python {machine.python}"
    busy = f" The machine was busy with other work, load {machine.load:.1f}." if machine.load is not None and machine.load > QUIET_LOAD else ""
    return f"{machine.date}, {where}, {versions}. Medians of the {found.clock}; first calls apart.{busy}"


def readme_with_table(text: str, found: Findings, path: str = "README.md") -> str:
    """The README with the part between its two bench marks made anew."""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise FormatError(expected=f"one line {BEGIN} and after it one line {END}", got="something else", path=path)
    n_lost = sum(bool(row.lost_to) for row in found.rows)
    missed = [verdict for verdict in verdicts(found) if verdict.short_by]
    counted = f"{len(found.rows)} rows, {n_lost} of them lost to a rival, and the targets, {len(missed)} of them missed"
    more = f"All {counted}: [benchmarks/RESULTS.md](benchmarks/RESULTS.md)."
    part = f"{BEGIN}\n{short_table(found.rows)}\n\n{more} Made by `{COMMAND}`: {_about(found)}\n{END}"
    return text[: text.index(BEGIN)] + part + text[text.index(END) + len(END) :]


def write_results(found: Findings, folder: Path) -> None:
    """RESULTS.md, results.json, and growth.png where growth was measured."""
    picture = "growth.png" if found.growths else None
    if picture is not None:
        write_picture(growth_picture(found.growths), folder / picture)
    for name, text in (("RESULTS.md", report(found, COMMAND, picture)), ("results.json", json.dumps(found.as_json(), indent=1) + "\n")):
        with whole_file(folder / name) as part:
            part.write_text(text, encoding="utf-8")


def read_results(folder: Path) -> Findings:
    """What `write_results` wrote."""
    return Findings.from_json(json.loads((folder / "results.json").read_text(encoding="utf-8")))
