"""Every benchmark; writes benchmarks/RESULTS.md, results.json, growth.png and the table of README.md.

Run it on a quiet machine. With --quick nothing is written; with --results FOLDER the files go there and the README is left alone.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from boxwright import bench

ROOT = Path(__file__).resolve().parents[1]


def main(verbs: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small workloads, rough times")
    parser.add_argument("--results", type=Path, help="folder for RESULTS.md, results.json and growth.png")
    options = parser.parse_args()
    beside = ROOT.parent / "shared" / "real"
    real = os.environ.get("BOXWRIGHT_REAL_DATA") or (beside if beside.is_dir() else None)
    found = bench.run(options.quick, verbs, lambda line: print(line, file=sys.stderr, flush=True), real)
    print(bench.report(found))
    if options.results is not None:
        bench.write_results(found, options.results)
    elif verbs is None and not options.quick:
        readme = ROOT / "README.md"
        text = bench.readme_with_table(readme.read_text(encoding="utf-8"), found)
        bench.write_results(found, ROOT / "benchmarks")
        readme.write_text(text, encoding="utf-8")
    if any(row.is_wrong for row in found.rows):
        sys.exit("a rival's result differs from ours")


if __name__ == "__main__":
    main()
