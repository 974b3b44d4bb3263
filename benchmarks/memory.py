"""Extra memory of one call on a large cloud: the peak of the process during the call, over what it held before and what came back. Linux only."""

from __future__ import annotations

import argparse
import sys

import boxwright as bw
from boxwright.bench import memory, workloads


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=10_000_000)
    parser.add_argument("--cuboids", type=int, default=200)
    parser.add_argument("--limit-mib", type=float, default=60)
    options = parser.parse_args()
    small = workloads.points_and_cuboids(1000, 10)
    bw.points_in_cuboids(small.points, small.cuboids)  # compiled and loaded before the measurement
    work = workloads.points_and_cuboids(options.points, options.cuboids)
    hits = bw.points_in_cuboids(work.points, work.cuboids)
    result = (hits.offsets.nbytes + hits.point_index.nbytes) / 2**20
    del hits
    rise = memory.rise_mib(lambda: bw.points_in_cuboids(work.points, work.cuboids))
    if rise is None:
        sys.exit("this kernel does not let a process reset its peak")
    print(f"{options.points:,} points x {options.cuboids} cuboids: result {result:.1f} MiB, extra {rise - result:.1f} MiB")
    if rise - result > options.limit_mib:
        sys.exit(f"more than {options.limit_mib:g} MiB extra")


if __name__ == "__main__":
    main()
