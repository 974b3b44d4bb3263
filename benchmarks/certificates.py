"""What the platforms' and datasets' own clients hold of our exports, of the sample and of real recordings, as a table.

    python benchmarks/certificates.py                 every format with a client that is installed
    python benchmarks/certificates.py --only coco,nucleus

Clients are found as `bw.certify` finds them: in the Pythons that BOXWRIGHT_CLIENT_PYTHON names, and in this one. Real recordings are those that
BOXWRIGHT_REAL_DATA names; without it, the sample alone. The formats and recordings are those of tests/test_clients.py.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import boxwright as bw
from test_clients import REAL, certified


def row(format: str, place: str, folder: Path | None) -> str:
    found = certified(format, place, folder)
    reading = found.readings[-1]
    cells = [f"`{format}`", reading.read_with, place, "holds" if found.holds else "; ".join(found.reasons)[:120]]
    cuboids, shapes = reading.cuboids[:1], reading.shapes[:1]
    cells += [str(sum(one.n_given for one in (*cuboids, *shapes))), str(sum(one.n_lost for one in (*cuboids, *shapes)))]
    cells += [f"{one.corner_m:.1e}" for one in cuboids] or ["-"]
    cells += [f"{one.heading_rad:.1e}" for one in cuboids] or ["-"]
    cells += [f"{one.edge_px:.1e}" for one in shapes] or ["-"]
    cells.append(str(reading.exact))
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="")
    only = parser.parse_args().only
    warnings.simplefilter("ignore")
    folder = Path(os.environ["BOXWRIGHT_REAL_DATA"]) if os.environ.get("BOXWRIGHT_REAL_DATA") else None
    print("| format | read with | recording | certificate | labels | lost | corner m | heading rad | edge px | allowed |")
    print(f"|{'---|' * 10}")
    for format in bw.capabilities():
        if format in REAL and (not only or format in only.split(",")):
            for place in ("sample", *(REAL[format] if folder is not None else ())):
                print(row(format, place, folder), flush=True)


if __name__ == "__main__":
    main()
