"""What a benchmark found: rows, the machine they were measured on, and the tables made of both. Nothing here is edited by hand afterwards."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import FormatError
from ..outputs import whole_file

__all__ = ["RivalTime", "Row", "machine", "readme_with_table", "short_table", "table", "write_results"]

PACKAGES = ("boxwright", "numpy", "scipy", "numba", "opencv-python-headless", "open3d", "open3d-cpu", "shapely", "pypcd4", "laspy")


@dataclass(frozen=True)
class RivalTime:
    """What a rival took. median_ms is None where it was not timed; `note` says why, or how its result compares."""

    name: str
    median_ms: float | None
    first_call_ms: float | None
    ratio: float | None
    note: str
    leaves_out: str = ""
    is_absent: bool = False
    is_wrong: bool = False


@dataclass(frozen=True)
class Row:
    """One of our functions on one workload. first_call_ms holds loading or compiling of the kernel; ratio is the rival's median over ours."""

    verb: str
    function: str
    workload: str
    median_ms: float
    first_call_ms: float | None = None
    rivals: tuple[RivalTime, ...] = ()

    @property
    def fastest(self) -> RivalTime | None:
        """The fastest rival that does the whole job within the clock."""
        timed = [rival for rival in self.rivals if rival.median_ms is not None and not rival.leaves_out]
        return min(timed, key=lambda rival: rival.median_ms or 0.0, default=None)

    @property
    def is_lost(self) -> bool:
        return self.fastest is not None and (self.fastest.ratio or 0.0) < 1

    @property
    def is_wrong(self) -> bool:
        """A rival's result differed."""
        return any(rival.is_wrong for rival in self.rivals)

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Row:
        return cls(**{**fields, "rivals": tuple(RivalTime(**rival) for rival in fields["rivals"])})


def machine() -> dict[str, Any]:
    """Where and with what: CPU, cores, memory, versions, date."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        cpu = next((line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")), cpu)
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "versions": versions,
    }


def _ms(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def _times(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.0f} x" if ratio >= 10 else f"{ratio:.1f} x" if ratio >= 1 else f"**{ratio:.2f} x**"


def table(rows: Sequence[Row]) -> str:
    """Markdown, one line for each rival of each row, our losses in bold, and what was absent below."""
    lines = [
        "| function, workload | boxwright ms | first call ms | rival | rival ms | rival / boxwright | results |",
        "|---|--:|--:|---|--:|--:|---|",
    ]
    for row in rows:
        head = f"{row.function}: {row.workload} | {_ms(row.median_ms)} | {_ms(row.first_call_ms)}"
        present = [rival for rival in row.rivals if not rival.is_absent]
        for rival in present:
            name = f"{rival.name} (without {rival.leaves_out})" if rival.leaves_out else rival.name
            lines.append(f"| {head} | {name} | {_ms(rival.median_ms)} | {_times(rival.ratio)} | {rival.note} |")
            head = "| | "
        if not present:
            lines.append(f"| {head} | - | - | - | |")
    absent = sorted({f"{rival.name} ({rival.note})" for row in rows for rival in row.rivals if rival.is_absent})
    if absent:
        lines += ["", f"Absent: {', '.join(absent)}."]
    lost = [f"{row.function}, {row.workload}" for row in rows if row.is_lost]
    lines += ["", f"Lost to the fastest rival: {'; '.join(lost)}." if lost else "Lost to the fastest rival: none."]
    return "\n".join(lines)


def short_table(rows: Sequence[Row]) -> str:
    """Markdown for the README: one line per row, against the fastest rival alone."""
    lines = ["| workload | boxwright | fastest rival | |", "|---|--:|---|--:|"]
    for row in rows:
        best = row.fastest
        if best is not None:
            lines.append(
                f"| `{row.function}`: {row.workload} | {_ms(row.median_ms)} ms | {best.name}: {_ms(best.median_ms)} ms | {_times(best.ratio)} |"
            )
    for row in rows:
        if not row.rivals:
            lines.append(f"| {row.function}: {row.workload} | {_ms(row.median_ms)} ms | | |")
    return "\n".join(lines)


def _about(found: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    where = f"{found['cpu']}, {found['cores']} cores, {found['memory_gib']} GiB, Python {found['python']}"
    return f"{found['date']}, {where}, {versions}. One thread; medians; first calls apart."


BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"


def readme_with_table(text: str, rows: Sequence[Row], found: dict[str, Any], path: str = "README.md") -> str:
    """The README with the part between its two bench marks made anew."""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise FormatError(expected=f"one line {BEGIN} and after it one line {END}", got="something else", path=path)
    part = f"{BEGIN}\n{short_table(rows)}\n\nMade by `python benchmarks/run_all.py`: {_about(found)}\n{END}"
    return text[: text.index(BEGIN)] + part + text[text.index(END) + len(END) :]


def write_results(rows: Sequence[Row], folder: Path) -> None:
    """RESULTS.md and results.json."""
    found = machine()
    parts = ["# Benchmarks", "", f"Made by `python benchmarks/run_all.py`, never edited. {_about(found)}", ""]
    for verb in dict.fromkeys(row.verb for row in rows):
        parts += [f"## {verb}", "", table([row for row in rows if row.verb == verb]), ""]
    for name, text in (
        ("RESULTS.md", "\n".join(parts)),
        ("results.json", json.dumps({"machine": found, "rows": [row.as_json() for row in rows]}, indent=1) + "\n"),
    ):
        with whole_file(folder / name) as part:
            part.write_text(text, encoding="utf-8")
