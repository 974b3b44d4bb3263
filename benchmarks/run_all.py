"""Every benchmark; writes benchmarks/RESULTS.md, results.json, growth.png and the table of README.md.

Run it on a quiet machine. With --quick nothing is written; with --results FOLDER the files go there and the README is left alone; with --again the
tables are made anew from results.json, and nothing is measured.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from boxwright import bench

ROOT = Path(__file__).resolve().parents[1]
MEMORY_MINUTES = 10  # for so long the server's memory is watched


def write(found: bench.Findings) -> None:
    readme = ROOT / "README.md"
    text = bench.readme_with_table(readme.read_text(encoding="utf-8"), found)
    bench.write_results(found, ROOT / "benchmarks")
    readme.write_text(text, encoding="utf-8")


def main(verbs: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small workloads, rough times")
    parser.add_argument("--results", type=Path, help="folder for RESULTS.md, results.json and growth.png")
    parser.add_argument("--again", action="store_true", help="measure nothing; make the tables anew from results.json")
    options = parser.parse_args()
    if options.again:
        write(bench.read_results(ROOT / "benchmarks"))
        return
    beside = ROOT.parent / "shared" / "real"
    real = os.environ.get("BOXWRIGHT_REAL_DATA") or (beside if beside.is_dir() else None)
    found = bench.run(options.quick, verbs, lambda line: print(line, file=sys.stderr, flush=True), real, MEMORY_MINUTES)
    print(bench.report(found))
    if options.results is not None:
        bench.write_results(found, options.results)
    elif verbs is None and not options.quick:
        write(found)
    if any(row.is_wrong for row in found.rows):
        sys.exit("a rival's result differs from ours")


if __name__ == "__main__":
    main()
