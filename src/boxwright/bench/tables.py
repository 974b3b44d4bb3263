"""Findings as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from .bandwidth import Bandwidth
from .growth import Growth
from .rivals import FRESH
from .rows import RivalTime, Row
from .server import ServerLoad
from .suite import short_works
from .targets import Verdict

__all__ = ["bandwidth_table", "growth_table", "losses", "memory_table", "server_table", "short_table", "table", "target_table"]


def number(value: float | None) -> str:
    """Three digits or so."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def times(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.0f} x" if ratio >= 10 else f"{ratio:.1f} x" if ratio >= 1 else f"**{ratio:.2f} x**"


def table(rows: Sequence[Row]) -> str:
    """One line for each rival of each row, our losses in bold, and below what was absent."""
    lines = [
        "| function, workload | boxwright ms | first call ms | rival | rival ms | rival / boxwright | results |",
        "|---|--:|--:|---|--:|--:|---|",
    ]
    for row in rows:
        head = f"{row.function}: {row.workload} | {number(row.median_ms)} | {number(row.first_call_ms)}"
        present = [rival for rival in row.rivals if not rival.is_absent]
        for rival in present:
            lines.append(f"| {head} | {_named(rival)} | {number(rival.median_ms)} | {times(rival.ratio)} | {rival.note} |")
            head = "| | "
        if not present:
            lines.append(f"| {head} | - | - | - | |")
    absent = sorted({f"{rival.name} ({rival.note})" for row in rows for rival in row.rivals if rival.is_absent})
    if absent:
        lines += ["", f"Absent: {', '.join(absent)}."]
    return "\n".join(lines)


def _named(rival: RivalTime) -> str:
    return f"{rival.name} (without {rival.leaves_out})" if rival.leaves_out else rival.name


def losses(rows: Sequence[Row]) -> str:
    """Every rival that does the whole job and is faster."""
    lines = [
        f"- {row.function}, {row.workload}: {rival.name} takes {number(rival.median_ms)} ms, boxwright {number(row.median_ms)} ms; {rival.note}"
        for row in rows
        for rival in row.lost_to
    ]
    return "\n".join(lines) if lines else "No rival that does the whole job was faster."


def memory_table(rows: Sequence[Row], bandwidth: Bandwidth) -> str:
    """What each call moves and takes: bytes against the bandwidth, memory at the peak."""
    lines = ["| function, workload | input MB | result MB | limit ms | boxwright / limit | memory rise MiB |", "|---|--:|--:|--:|--:|--:|"]
    for row in rows:
        if row.read_bytes is None or row.written_bytes is None:
            continue
        limit_ms = bandwidth.limit_ms(row.read_bytes, row.written_bytes)
        share = f"{number(row.median_ms / limit_ms)} x"
        moved = f"{number(row.read_bytes / 1e6)} | {number(row.written_bytes / 1e6)}"
        lines.append(f"| {row.function}: {row.workload} | {moved} | {number(limit_ms)} | {share} | {number(row.memory_mib)} |")
    return "\n".join(lines)


def bandwidth_table(bandwidth: Bandwidth) -> str:
    return "\n".join(
        (
            "| GB/s, one thread | read | fill | fill of fresh pages |",
            "|---|--:|--:|--:|",
            f"| DRAM | {number(bandwidth.read_gb_s)} | {number(bandwidth.fill_gb_s)} | {number(bandwidth.fresh_fill_gb_s)} |",
            f"| a sweep of 1.44 MB in the caches | {number(bandwidth.cached_read_gb_s)} | {number(bandwidth.cached_fill_gb_s)} | - |",
        )
    )


def target_table(found: Sequence[Verdict]) -> str:
    """Each target that was measured, what it was, and by how much it was missed."""
    known = [verdict for verdict in found if verdict.short_by is not None]
    lines = ["| kernel | wanted | measured | |", "|---|---|--:|---|"]
    for verdict in known:
        unit = f" {verdict.target.unit}" if verdict.target.unit else ""
        lines.append(f"| {verdict.target.kernel} | {verdict.target.wanted} | {number(verdict.measured)}{unit} | {_judged(verdict)} |")
    missed = sum(bool(verdict.short_by) for verdict in known)
    counted = f"{len(known) - missed} of {len(found)} met, {missed} missed, {len(found) - len(known)} not measured in this run."
    return "\n".join([*lines, "", counted] if known else [counted])


def _judged(verdict: Verdict) -> str:
    return f"**missed by {max(verdict.short_by * 100, 0.1):.1f} %**" if verdict.short_by else "met"


def growth_table(growths: Sequence[Growth]) -> str:
    """Times at each size, and the exponent."""
    blocks = []
    for along in dict.fromkeys(growth.along for growth in growths):
        some = [growth for growth in growths if growth.along == along]
        sizes = some[0].sizes
        lines = [f"| ms with so many {along} | {' | '.join(f'{size:,}' for size in sizes)} | last / first | exponent |"]
        lines.append("|---|" + "--:|" * (len(sizes) + 2))
        for growth in some:
            name = growth.title
            spent = " | ".join(number(ms) for ms in growth.median_ms)
            lines.append(f"| {name} | {spent} | {number(growth.ratio)} x | {growth.exponent:.2f} |")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def server_table(found: ServerLoad) -> str:
    """Requests under load, and the memory over time."""
    lines = ["| request | clients | a second | median ms | 99 % ms | CPU of the server, ms each |", "|---|--:|--:|--:|--:|--:|"]
    for one in found.loads:
        lines.append(f"| {one.what} | {one.n_clients} | {' | '.join(map(number, (one.per_s, one.median_ms, one.p99_ms, one.cpu_ms)))} |")
    if found.resident_mib:
        each = ", ".join(f"{mib:.0f}" for mib in found.resident_mib)
        lines += ["", f"Memory of the server before, and after each minute of editing and reading frames: {each} MiB."]
    return "\n".join(lines)


def short_table(rows: Sequence[Row]) -> str:
    """For the README: the rows that the suite chose, against the fastest rival alone."""
    chosen = short_works()
    lines = ["| workload | boxwright | fastest rival | |", "|---|--:|---|--:|"]
    for row in rows:
        best = row.fastest
        if best is not None and (row.function.removesuffix(f" ({FRESH})"), row.workload) in chosen:
            spent, theirs = f"{number(row.median_ms)} ms", f"{best.name}: {number(best.median_ms)} ms"
            lines.append(f"| `{row.function}`: {row.workload} | {spent} | {theirs} | {times(best.ratio)} |")
    return "\n".join(lines)
