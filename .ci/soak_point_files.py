"""Good point files, broken at random, read again: each must give a Sweep or one BoxwrightError, in bounded time and memory, and nothing else.

The randomness is seeded, and a failing file is kept, named in the message.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path
from time import perf_counter

import numpy as np

from boxwright import BoxwrightError, Sweep
from boxwright.formats import read_points, write_points
from boxwright.formats.arrays_on_disk import kitti_bin_bytes, npz_bytes

SLOW_S = 5.0
MEMORY_GIB = 4
MOST_TOLD = 50

FLIPS = [b"0", b"9", b"-", b" ", b"\n", b"\0", b"\xff", b"99999999999", b"POINTS", b"WIDTH", b"SIZE 8", b"COUNT 1000000", b"nan", b"1e400"]


def good_files(folder: Path) -> dict[str, bytes]:
    rng = np.random.default_rng(1)
    sweep = Sweep(rng.normal(0, 20, (60, 3)).astype(np.float32), intensity=rng.random(60).astype(np.float32))
    made = {"sweep.bin": kitti_bin_bytes(sweep), "sweep.npz": npz_bytes(sweep)}
    for encoding in ("binary", "binary_compressed", "ascii"):
        path = folder / f"{encoding}.pcd"
        write_points(sweep, path, encoding=encoding)
        made[path.name] = path.read_bytes()
    np.save(folder / "sweep.npy", sweep.xyz)
    made["sweep.npy"] = (folder / "sweep.npy").read_bytes()
    return made


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """One to four blows: noise, a piece cut out, doubled or cut off, or something put in that reads like a header."""
    for _ in range(rng.integers(1, 5)):
        at, n = int(rng.integers(len(data) + 1)), int(rng.geometric(0.1))
        if rng.random() < 0.5:  # headers are short and near the front
            at = min(at, int(rng.integers(300)))
        before, after, rest = data[:at], data[at:], data[at + n :]
        words = FLIPS[rng.integers(len(FLIPS))]
        data = [before + rng.bytes(n) + rest, before + rest, data[: at + n] + after, before, before + words + after, before + words + rest][
            rng.integers(6)
        ]
    return data


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutations", type=int, default=20_000, help="for each kind of file")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_GIB << 30, MEMORY_GIB << 30))
    warnings.simplefilter("ignore")
    failures = 0
    keep = Path(tempfile.mkdtemp(prefix="boxwright-soak-"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind, data in good_files(folder).items():
            rng = np.random.default_rng([options.seed, *kind.encode()])
            outcomes: Counter[str] = Counter()
            slowest = 0.0
            for i in range(options.mutations):
                broken = mutated(data, rng)
                path = folder / kind
                path.write_bytes(broken)
                start = perf_counter()
                try:
                    sweep = read_points(path)
                    outcomes["read"] += 1
                    fault = "" if sweep.xyz.shape[1:] == (3,) else f"shape {sweep.xyz.shape}"
                except BoxwrightError as error:
                    outcomes[type(error).__name__] += 1
                    fault = "" if str(error) and "\n" not in str(error) else f"message {str(error)!r}"
                except Exception as error:
                    fault = f"{type(error).__name__}: {error}"
                took = perf_counter() - start
                slowest = max(slowest, took)
                if fault or took > SLOW_S:
                    failures += 1
                    if failures > MOST_TOLD:
                        continue
                    kept = keep / f"{i}_{kind}"
                    kept.write_bytes(broken)
                    print(f"{kept}: {fault or f'took {took:.1f} s'}", flush=True)
            said = ", ".join(f"{n} {what}" for what, n in sorted(outcomes.items()))
            print(f"{kind}: {options.mutations} files: {said}; slowest {slowest * 1e3:.0f} ms", flush=True)
    if failures:
        sys.exit(f"{failures} files gave something else than a sweep or a BoxwrightError; kept in {keep}")
    keep.rmdir()


if __name__ == "__main__":
    main()
