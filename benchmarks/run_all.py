"""Every benchmark; writes benchmarks/RESULTS.md, benchmarks/results.json and the table of README.md.

Run it on a quiet machine. With --quick nothing is written; with --results FOLDER the two files go there and the README is left alone.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from boxwright import bench

ROOT = Path(__file__).resolve().parents[1]


def told(row: bench.Row) -> None:
    best = row.fastest
    against = f", {best.ratio:.1f} x faster than {best.name}" if best is not None and best.ratio is not None else ""
    print(f"{row.function}: {row.workload}: {row.median_ms:.3f} ms{against}", file=sys.stderr, flush=True)


def main(verbs: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small workloads, rough times")
    parser.add_argument("--results", type=Path, help="folder for RESULTS.md and results.json")
    options = parser.parse_args()
    beside = ROOT.parent / "shared" / "real"
    real = os.environ.get("BOXWRIGHT_REAL_DATA") or (beside if beside.is_dir() else None)
    rows = bench.run(options.quick, verbs, told, real)
    print(bench.table(rows))
    if options.results is not None:
        bench.write_results(rows, options.results)
    elif verbs is None and not options.quick:
        readme = ROOT / "README.md"
        text = bench.readme_with_table(readme.read_text(encoding="utf-8"), rows, bench.machine())
        bench.write_results(rows, ROOT / "benchmarks")
        readme.write_text(text, encoding="utf-8")
    if any(row.is_wrong for row in rows):
        sys.exit("a rival's result differs from ours")


if __name__ == "__main__":
    main()
