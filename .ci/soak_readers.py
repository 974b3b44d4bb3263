"""Good recordings of every format, damaged at random, read again: each must give a scene or one BoxwrightError, in bounded time and memory.

Every mutation comes from the seed, its format and its number alone: `--formats dgp --first 1234 --mutations 1` makes one again. The first few failing
recordings are kept. Ends by itself.
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from fuzz_child import Child
from mutants import RECORDINGS, Victim

MOST_KEPT, MOST_TOLD = 5, 20  # of each format


def soak(name: str, options: argparse.Namespace, keep: Path) -> tuple[str, int]:
    """(a line of figures with the kinds of faults below it, number of faults)"""
    counts, faults, slowest, most, began = Counter[str](), Counter[str](), (0.0, 0), (0, 0), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        victim = Victim(name, Path(folder) / "recording")
        child = Child(victim.path)
        try:
            for i in range(options.first, options.first + options.mutations):
                if not child.is_running:
                    victim.restore()
                    child.start()
                where = victim.damage(random.Random(f"{options.seed} {name} {i}"))
                outcome = child.read(victim.n_bytes, strict=i % 3 == 0)
                counts[outcome.kind] += 1
                slowest, most = max(slowest, (outcome.cpu_s, i)), max(most, (outcome.peak_bytes, i))
                if outcome.kind == "FAULT":
                    if sum(faults.values()) < MOST_KEPT:
                        shutil.copytree(folder, keep / f"{name}-{i}", symlinks=True)
                    alike = re.sub(r"[0-9]+", "0", outcome.said)[:60]
                    if alike not in faults and len(faults) < MOST_TOLD:
                        print(f"{name} mutation {i} of {where}: {outcome.said}", flush=True)
                    faults[alike] += 1
        finally:
            child.stop()
    line = (
        f"{name}: {options.mutations:,} mutations in {time.perf_counter() - began:.0f} s: {counts['refused']:,} refused, {counts['read']:,} read; "
        f"slowest {slowest[0] * 1e3:.0f} ms of CPU (number {slowest[1]}), peak memory {most[0] / 2**20:.1f} MiB (number {most[1]}), "
        f"faults {counts['FAULT']:,}"
    )
    return line, counts["FAULT"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutations", type=int, help="of each format; 1,000,000 in all where not given")
    parser.add_argument("--first", type=int, default=0, help="the number of the first mutation")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--formats", nargs="+", default=list(RECORDINGS), choices=list(RECORDINGS))
    parser.add_argument("--jobs", type=int, default=2, help="formats at the same time")
    options = parser.parse_args()
    if options.mutations is None:
        options.mutations = -(-1_000_000 // len(options.formats))
    keep = Path(tempfile.mkdtemp(prefix="boxwright-soak-"))
    n_faults = 0
    with ProcessPoolExecutor(options.jobs) as pool:
        for job in [pool.submit(soak, name, options, keep) for name in options.formats]:
            line, n = job.result()
            n_faults += n
            print(line, flush=True)
    if n_faults:
        sys.exit(f"{n_faults} mutations gave something else than a scene or a BoxwrightError, or took too much; some are kept in {keep}")
    keep.rmdir()


if __name__ == "__main__":
    main()
