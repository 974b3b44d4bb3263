"""Small charts as inline SVG: bars, histograms and ranges, drawn here, with no script and nothing to load."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ..arrays import Float64s
from .markup import number, text

__all__ = ["bars", "histogram", "ranges", "timeline"]

WIDTH, ROW, LEFT, RIGHT = 520, 20, 170, 60
HEIGHT, FOOT = 130, 30
COLORS = {"error": "c-error", "warning": "c-warning", "information": "c-information"}


def _svg(width: float, height: float, title: str, body: Sequence[str]) -> str:
    head = f'<svg class="chart" viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" role="img" aria-label="{text(title)}">'
    return f"{head}<title>{text(title)}</title>{''.join(body)}</svg>"


def bars(title: str, rows: Mapping[str, Mapping[str, int]]) -> str:
    """One bar for each name, its parts by severity; other parts are plain."""
    most = max([sum(parts.values()) for parts in rows.values()], default=1) or 1
    body, scale = [], (WIDTH - LEFT - RIGHT) / most
    for k, (name, parts) in enumerate(rows.items()):
        y, x = k * ROW + 4, float(LEFT)
        body.append(f'<text x="{LEFT - 6}" y="{y + 11}" text-anchor="end">{text(name)}</text>')
        for severity, n in parts.items():
            if n:
                body.append(f'<rect class="{COLORS.get(severity, "c-plain")}" x="{x:.1f}" y="{y}" width="{n * scale:.1f}" height="14"/>')
                x += n * scale
        body.append(f'<text x="{x + 5:.1f}" y="{y + 11}">{sum(parts.values()):,}</text>')
    return _svg(WIDTH, max(len(rows), 1) * ROW + 8, title, body)


def histogram(title: str, values: Float64s, unit: str, *, limit: float | None = None, n_bins: int = 40) -> str:
    """How often which value: counts on a root scale, so that few far out are seen; a line where something is no longer allowed."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return ""
    low, high = min(float(finite.min()), 0.0), float(max(finite.max(), limit or 0.0, 1e-9)) * 1.02
    counts, edges = np.histogram(finite, bins=n_bins, range=(low, high))
    tall, wide, base = HEIGHT - FOOT, WIDTH - 20, HEIGHT - FOOT
    body = []
    for n, a, b in zip(counts.tolist(), edges[:-1].tolist(), edges[1:].tolist()):
        if n:
            up = max(math.sqrt(n / counts.max()) * tall, 1.0)
            over = limit is not None and a >= limit
            x, width = 10 + (a - low) / (high - low) * wide, (b - a) / (high - low) * wide - 1
            kind = "c-warning" if over else "c-plain"
            body.append(f'<rect class="{kind}" x="{x:.1f}" y="{base - up:.1f}" width="{width:.1f}" height="{up:.1f}"/>')
    if limit is not None and limit <= high:
        x = 10 + (limit - low) / (high - low) * wide
        body.append(
            f'<line class="limit" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{base}"/><text x="{x + 4:.1f}" y="12">{number(limit)} {text(unit)}</text>'
        )
    marks = [(10, "start", low), (10 + wide / 2, "middle", (low + high) / 2), (10 + wide, "end", high)]
    body += [f'<text x="{x:.1f}" y="{base + 14}" text-anchor="{anchor}">{number(value)}</text>' for x, anchor, value in marks]
    body.append(f'<text x="{10 + wide / 2:.1f}" y="{base + 28}" text-anchor="middle">{text(unit)}, {len(finite):,} values</text>')
    return _svg(WIDTH, HEIGHT, title, body)


def ranges(title: str, rows: Sequence[tuple[str, Float64s, tuple[float, float] | None]], unit: str) -> str:
    """For each name its values as ticks, and what is allowed as a band behind them."""
    rows = [row for row in rows if len(row[1])]
    if not rows:
        return ""
    high = max([float(max(values.max(), allowed[1] if allowed else 0.0)) for _, values, allowed in rows]) * 1.02
    scale, body = (WIDTH - LEFT - RIGHT) / high, []
    for k, (name, values, allowed) in enumerate(rows):
        y = k * ROW + 4
        body.append(f'<text x="{LEFT - 6}" y="{y + 11}" text-anchor="end">{text(name)}</text>')
        if allowed:
            body.append(
                f'<rect class="c-band" x="{LEFT + allowed[0] * scale:.1f}" y="{y}" width="{(allowed[1] - allowed[0]) * scale:.1f}" height="14"/>'
            )
        ticks = "".join(f"M{LEFT + v * scale:.1f} {y + 2}v10" for v in np.unique(np.round(values, 2)).tolist()[:400])
        body.append(f'<path class="tick" d="{ticks}"/><text x="{WIDTH - RIGHT + 5}" y="{y + 11}">{len(values):,}</text>')
    foot = len(rows) * ROW + 18
    body.append(f'<text x="{LEFT}" y="{foot}">0</text><text x="{WIDTH - RIGHT}" y="{foot}" text-anchor="end">{number(high)} {text(unit)}</text>')
    return _svg(WIDTH, foot + 6, title, body)


def timeline(title: str, n_frames: int, spans: Sequence[tuple[int, int, str]]) -> str:
    """How many findings each frame is in, by severity."""
    counts = {severity: np.zeros(max(n_frames, 1)) for severity in COLORS}
    for first, last, severity in spans:
        counts[severity][first : last + 1] += 1
    tops = np.cumsum(np.array(list(counts.values())), axis=0)
    most, wide, tall, body = float(max(tops[-1].max(), 1)), WIDTH - 20, 80, []
    width = wide / max(n_frames, 1)
    for severity, top, own in zip(counts, tops, counts.values()):
        wider, scale = max(width - 0.2, 0.3), tall / most
        steps = [
            f"M{10 + i * width:.1f} {tall - top[i] * scale:.1f}h{wider:.2f}v{own[i] * scale:.1f}h-{wider:.2f}z" for i in np.flatnonzero(own).tolist()
        ]
        body.append(f'<path class="{COLORS[severity]}" d="{"".join(steps)}"/>')
    body.append(f'<text x="10" y="{tall + 14}">frame 0</text><text x="{10 + wide}" y="{tall + 14}" text-anchor="end">{max(n_frames - 1, 0):,}</text>')
    return _svg(WIDTH, tall + 20, title, body)
