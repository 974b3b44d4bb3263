"""Extra memory of one call on a large cloud: the peak of the process during the call, over what it held before and what came back. Linux only."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import boxwright as bw
from boxwright.bench import workloads


def mib(field: str) -> float:
    """VmRSS, what the process holds now, or VmHWM, the most it held."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=10_000_000)
    parser.add_argument("--cuboids", type=int, default=200)
    parser.add_argument("--limit-mib", type=float, default=60)
    options = parser.parse_args()
    small = workloads.points_and_cuboids(1000, 10)
    bw.points_in_cuboids(small.points, small.cuboids)  # compiled and loaded before the measurement
    work = workloads.points_and_cuboids(options.points, options.cuboids)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
    before = mib("VmRSS")
    if mib("VmHWM") > before + 1:
        sys.exit("this kernel does not let a process reset its peak")
    hits = bw.points_in_cuboids(work.points, work.cuboids)
    result = (hits.offsets.nbytes + hits.point_index.nbytes) / 2**20
    extra = mib("VmHWM") - before - result
    print(f"{options.points:,} points x {options.cuboids} cuboids: result {result:.1f} MiB, extra {extra:.1f} MiB")
    if extra > options.limit_mib:
        sys.exit(f"more than {options.limit_mib:g} MiB extra")


if __name__ == "__main__":
    main()
