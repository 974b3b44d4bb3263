"""HTML from texts that nobody vouches for: everything is escaped, nothing is loaded, nothing runs."""

from __future__ import annotations

import base64
import hashlib
import html
import math
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["data_uri", "number", "page", "table", "text"]

CSS = """
:root{color-scheme:light dark;--ink:#1d222b;--soft:#5a6475;--paper:#fff;--plate:#f3f5f8;--line:#d6dbe3;--error:#b3261e;--warning:#8a5300;
--information:#2b5fa8; --plain:#5b7fa8;--after:#1a7f4e}
@media (prefers-color-scheme:dark){:root{--ink:#e7ebf2;--soft:#a3adbd;--paper:#14171d;--plate:#1d222b;--line:#343b48;--error:#ff8a80;
--warning:#ffb74d; --information:#8ab8ff;--plain:#7ea3cf;--after:#5dd39e}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1180px;padding:24px;font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
h1{font-size:26px;margin:0 0 4px}
h2{font-size:20px;margin:32px 0 8px}
h3{font-size:15px;margin:16px 0 4px}
p{margin:4px 0}
.soft,figcaption{color:var(--soft)}
table{border-collapse:collapse;margin:8px 0}
th,td{text-align:left;padding:3px 14px 3px 0;border-bottom:1px solid var(--line);vertical-align:top}
td.n,th.n{text-align:right}
code{font-size:13px;overflow-wrap:anywhere}
.charts{display:flex;flex-wrap:wrap;gap:24px}
figure{margin:0}
figcaption{font-size:13px}
svg text{font:11px system-ui,sans-serif;fill:var(--ink)}
svg.chart{max-width:100%;height:auto}
.c-error{fill:var(--error)}
.c-warning{fill:var(--warning)}
.c-information{fill:var(--information)}
.c-plain{fill:var(--plain)}
.c-band{fill:var(--line)}
.tick{stroke:var(--ink);stroke-width:1;opacity:.7}
.limit{stroke:var(--error);stroke-width:1.5;stroke-dasharray:4 3}
details{border:1px solid var(--line);border-left-width:6px;border-radius:4px;margin:8px 0; background:var(--plate)}
summary{padding:8px 12px;cursor:pointer;overflow-wrap:anywhere}
details>div{padding:0 12px 12px}
details.error{border-left-color:var(--error)}
details.warning{border-left-color:var(--warning)}
details.information{border-left-color:var(--information)}
.badge{font-size:12px;font-weight:600;margin-right:8px}
.error .badge{color:var(--error)}
.warning .badge{color:var(--warning)}
.information .badge{color:var(--information)}
.pictures{display:flex;flex-wrap:wrap;gap:12px;margin-top:8px}
img{display:block;max-width:100%}
svg.place{background:#0d0f14;border-radius:3px}
svg.place text{fill:#e8ecf4}
.pt{stroke:#7f95ad;stroke-width:1.6;stroke-linecap:square}
.other{fill:none;stroke:#5c6678;stroke-width:1}
.then{fill:none;stroke:#c98d3a;stroke-width:.7;opacity:.6}
.own{fill:#ffb74d;fill-opacity:.16;stroke:#ffb74d;stroke-width:2}
.mate{fill:#8ab8ff;fill-opacity:.16;stroke:#8ab8ff;stroke-width:2}
.after{fill:#5dd39e;fill-opacity:.16;stroke:#5dd39e;stroke-width:2}
.was{fill:none;stroke:#ffb74d;stroke-width:1;stroke-dasharray:4 3}
.scale{stroke:#e8ecf4;stroke-width:2}
.filters{margin:8px 0}
.filters label{margin-right:18px}
#f-error:not(:checked)~main .error,#f-warning:not(:checked)~main .warning, #f-information:not(:checked)~main .information{display:none}
@media print{details>div{display:block}}
"""


def text(value: Any) -> str:
    """Escaped for text and for quoted attributes; characters that do not show are written out."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(value))
    return html.escape(shown, quote=True)


def number(value: float | None) -> str:
    """Three digits that count, or a dash."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"


def table(head: Sequence[str], rows: Iterable[Sequence[Any]], *, numeric: Sequence[int] = ()) -> str:
    """A table of texts; columns in `numeric` to the right."""
    marks = ['class="n"' if k in numeric else "" for k in range(len(head))]
    first = "".join(f'<th scope="col" {mark}>{text(name)}</th>' for name, mark in zip(head, marks))
    body = "".join("<tr>" + "".join(f"<td {mark}>{text(cell)}</td>" for cell, mark in zip(row, marks)) + "</tr>" for row in rows)
    return f"<table><thead><tr>{first}</tr></thead><tbody>{body}</tbody></table>"


def data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def page(title: str, body: Iterable[str]) -> str:
    """A whole document. Its policy lets nothing in but its own styles, by their hash, and pictures that are written in it."""
    styles = base64.b64encode(hashlib.sha256(CSS.encode()).digest()).decode("ascii")
    policy = f"default-src 'none'; style-src 'sha256-{styles}'; img-src data:; base-uri 'none'; form-action 'none'"
    head = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<meta name="viewport" content="width=device-width"><meta name="referrer" content="no-referrer">'
        f'<link rel="icon" href="data:,"><title>{text(title)}</title><style>{CSS}</style></head><body>'
    )
    return f"{head}{''.join(body)}</body></html>\n"
