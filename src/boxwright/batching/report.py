"""What came of a batch: counts for whoever called, and files for whoever reads: errors.parquet, summary.json, and a page with charts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..cuboids import table_library
from ..errors import UnknownName, number_of
from ..report.charts import bars
from ..report.markup import page, table, text
from .folder import BatchFolder
from .progress import BatchProgress
from .tables import schema
from .verbs import POINT_BINS, add_tally

__all__ = ["BatchReport", "written_report"]

MOST_ERRORS = MOST_BAD = 20
MOST_BARS = 30
TITLES = {
    "labels": "Labels by class",
    "picture_labels": "Labels in pictures by class",
    "counts": "Cuboids by the points in them",
    "boxes": "Boxes by camera",
    "findings": "Findings by rule: errors red, warnings brown, information blue",
    "fits": "Keyframes",
    "scores": "Labels and gold",
    "label_errors": "Differences from gold",
    "certificates": "Certificates",
    "conversions": "Scenes written",
}


@dataclass(frozen=True)
class BatchReport:
    """What came of a batch.

    out : its folder; `out / table` holds the Parquet files of a table, one for each shard, which sort as the scenes' names do
    verbs : what was done
    n_shards : of these, n_computed in this run, n_reused from earlier ones; n_failed : in which something went wrong, as `errors` tells
    n_frames : of all shards; n_frames_computed in this run, in `seconds`
    n_rows : table -> rows
    tally : table -> what is counted -> part -> how many
    n_bad : findings that are errors, differences from gold, certificates that do not hold
    errors : the first of the rows of errors.parquet
    """

    out: Path
    verbs: tuple[str, ...]
    n_shards: int
    n_computed: int
    n_reused: int
    n_failed: int
    n_frames: int
    n_frames_computed: int
    seconds: float
    n_rows: Mapping[str, int]
    tally: Mapping[str, Mapping[str, Mapping[str, int]]]
    n_bad: int
    errors: tuple[Mapping[str, Any], ...]

    def to_arrow(self, table: str) -> Any:
        """A whole table as a pyarrow.Table; it has to fit into memory."""
        import pyarrow.parquet as parquet

        if table == "errors":
            return parquet.read_table(self.out / "errors.parquet")
        if table not in self.n_rows:
            raise UnknownName("no such table", expected=f"one of {', '.join([*self.n_rows, 'errors'])}", got=repr(table), field="table")
        return parquet.read_table(self.out / table, schema=schema(table))

    def to_pandas(self, table: str) -> Any:
        """A whole table as a pandas.DataFrame; it has to fit into memory (extra `table`)."""
        table_library("pandas")
        return self.to_arrow(table).to_pandas()

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "out": str(self.out)}

    def __repr__(self) -> str:
        done = f"{number_of(self.n_shards, 'shard')}, {self.n_computed} computed, {self.n_reused} reused, {self.n_failed} failed"
        return f"BatchReport({','.join(self.verbs)}: {done}, out={str(self.out)!r})"


def written_report(folder: BatchFolder, spec: Mapping[str, Any], said: BatchProgress) -> BatchReport:
    """Sums up the manifest, and writes errors.parquet, summary.json and summary.html."""
    n_rows: Counter[str] = Counter()
    tally: dict[str, dict[str, dict[str, int]]] = {}
    n_frames = n_bad = n_failed = 0
    for record in folder.records.values():
        n_rows.update(record["n_rows"])
        n_frames, n_bad, n_failed = n_frames + record["n_frames"], n_bad + record["n_bad"], n_failed + bool(record["errors"])
        add_tally(tally, record["tally"])
    rows = dict(sorted(n_rows.items()))
    sums = {name: {key: dict(sorted(counts[key].items())) for key in sorted(counts)} for name, counts in sorted(tally.items())}
    errors = _write_errors(folder)
    summary = {
        **{name: spec[name] for name in ("boxwright", "verbs", "options")},
        "n_shards": len(folder.records),
        "n_failed": n_failed,
        "n_frames": n_frames,
        "n_bad": n_bad,
        "n_rows": rows,
        "tally": sums,
    }
    folder.write_text("summary.json", json.dumps(summary, indent=1) + "\n")
    folder.write_text("summary.html", _page(summary, spec["dataset"], _worst(folder), errors))
    return BatchReport(
        out=folder.out,
        verbs=tuple(spec["verbs"]),
        n_shards=said.n_shards,
        n_computed=said.n_done - said.n_reused,
        n_reused=said.n_reused,
        n_failed=n_failed,
        n_frames=n_frames,
        n_frames_computed=said.n_frames,
        seconds=said.seconds,
        n_rows=rows,
        tally=sums,
        n_bad=n_bad,
        errors=tuple(errors),
    )


def _errors(folder: BatchFolder) -> Iterator[dict[str, Any]]:
    for record in folder.records.values():
        for error in record["errors"]:
            yield {"shard": record["shard"], **error}


def _write_errors(folder: BatchFolder) -> list[dict[str, Any]]:
    """errors.parquet; the first of its rows."""
    arrow = table_library("pyarrow")
    import pyarrow.parquet as parquet

    wanted, sink, first = schema("errors"), arrow.BufferOutputStream(), list[dict[str, Any]]()
    block: list[dict[str, Any]] = []
    with parquet.ParquetWriter(sink, wanted, compression="zstd") as writer:
        for row in _errors(folder):
            if len(first) < MOST_ERRORS:
                first.append(row)
            block.append(row)
            if len(block) == 10_000:
                writer.write_table(arrow.Table.from_pylist(block, wanted))
                block = []
        writer.write_table(arrow.Table.from_pylist(block, wanted))
    folder.write_text("errors.parquet", sink.getvalue().to_pybytes())
    return first


def _worst(folder: BatchFolder) -> list[tuple[str, int]]:
    """(scene, or shard of several, and its findings that are errors, differences from gold, certificates that do not hold), the most first."""
    bad = [(record["scenes"][0] if len(record["scenes"]) == 1 else record["shard"], record["n_bad"]) for record in folder.records.values()]
    return sorted((row for row in bad if row[1]), key=lambda row: (-row[1], row[0]))[:MOST_BAD]


# ------------------------------------------------------------ the page


def _page(summary: Mapping[str, Any], dataset: str, worst: list[tuple[str, int]], errors: list[dict[str, Any]]) -> str:
    title = f"{', '.join(summary['verbs'])} over {'/'.join(Path(dataset).parts[-2:])}"
    head = f"{number_of(summary['n_shards'], 'shard')}, {number_of(summary['n_frames'], 'frame')}, {number_of(summary['n_failed'], 'shard')} failed"
    body = [f'<header><h1>{text(title)}</h1><p class="soft">{text(head)}</p></header><main>']
    body.append(table(["table", "rows"], [[name, f"{n:,}"] for name, n in summary["n_rows"].items()], numeric=[1]))
    if worst:
        body += ["<h2>What to look at first</h2>", table(["scene", "errors and differences"], [[name, f"{n:,}"] for name, n in worst], numeric=[1])]
        body.append(f'<p class="soft">{summary["n_bad"]:,} in all: errors found, differences from gold, certificates that do not hold.</p>')
    charts = [
        f"<figure><figcaption>{text(title)}</figcaption>{bars(title, _most(summary['tally'][name]))}</figure>"
        for name, title in TITLES.items()
        if summary["tally"].get(name)
    ]
    body.append(f'<h2>Charts</h2><div class="charts">{"".join(charts)}</div>' if charts else "")
    if errors:
        rows = [[error[key] if error[key] is not None else "–" for key in ("scene", "frame_index", "verb", "code", "message")] for error in errors]
        body += ["<h2>What went wrong</h2>", table(["scene", "frame", "verb", "code", "message"], rows)]
        body.append('<p class="soft">The first of errors.parquet.</p>')
    return page(title, [*body, "</main>"])


def _most(counts: Mapping[str, Mapping[str, int]]) -> dict[str, Mapping[str, int]]:
    """The largest bars, as many as a page can show; bins of points in their own order."""
    bins = [name for _, name in POINT_BINS]
    if set(counts) <= set(bins):
        return {name: counts[name] for name in bins if name in counts}
    ordered = sorted(counts.items(), key=lambda item: (-sum(item[1].values()), item[0]))
    kept = dict(ordered[:MOST_BARS])
    rest = sum(n for _, parts in ordered[MOST_BARS:] for n in parts.values())
    return {**kept, f"{len(ordered) - MOST_BARS} more": {"plain": rest}} if rest else kept
