"""The server under load, from a second process on loopback, for so long as is said: edits and frames of points a second, and memory over time.

    python benchmarks/bench_server.py [--seconds 10] [--clients 1 8 32] [--memory-minutes 10] [--write]

With --write the part of benchmarks/RESULTS.md about the server is made anew, and the rest of it stays; `run_all.py` measures it, too.
"""

from __future__ import annotations

import argparse
import sys

from boxwright import bench
from run_all import ROOT, write


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--clients", type=int, nargs="+", default=list(bench.CLIENTS))
    parser.add_argument("--memory-minutes", type=int, default=0)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    found = bench.server_load(options.seconds, options.clients, options.memory_minutes, lambda line: print(line, file=sys.stderr, flush=True))
    print(bench.server_table(found))
    if options.write:
        kept = bench.read_results(ROOT / "benchmarks")
        kept.server = found
        write(kept)


if __name__ == "__main__":
    main()
