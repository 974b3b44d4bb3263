"""What the first call of each kernel costs: CPU seconds to compile it, and to load it when it lies on disk. Options: --job, --json.

The job runs twice in fresh interpreters that share a fresh folder of kernels, with one process and no garbage collector's luck: whatever else the job
does is not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from boxwright import kernels

Rows = dict[str, float]


def first_calls(job: str) -> Rows:
    """CPU seconds of this process by kernel and dtypes, while it does the job; and of the import of numba, with that of boxwright's kernels."""
    import boxwright.demo
    from boxwright.cli import main

    boxwright.demo.compile_beside = lambda: None  # every kernel is to be compiled in this process
    rows: Rows = {"(import of numba)": IMPORT_S}
    plain = kernels.Kernel._compile

    def timed(self, key, args):
        start = time.process_time()
        dispatcher = plain(self, key, args)
        rows[f"{self._function.__module__.rpartition('.')[2]}.{self.__name__} {_short(key)}"] = time.process_time() - start
        return dispatcher

    kernels.Kernel._compile = timed
    start = time.process_time()
    sys.argv = ["boxwright", job, "--json"]
    try:
        main()
    except SystemExit as stop:
        if stop.code:
            raise
    rows["(the whole job)"] = time.process_time() - start
    return rows


def _short(key) -> str:
    return " ".join(getattr(kind, "name", None) or kind.__name__ for kind in key)


def _fresh(job: str, folder: Path) -> Rows:
    """`first_calls` of a fresh interpreter."""
    work = folder / f"work{time.time_ns()}"
    work.mkdir()
    out = work / "rows.json"
    command = [sys.executable, str(Path(__file__).resolve()), "--job", job, "--rows", str(out)]
    done = subprocess.run(command, env=os.environ | {"NUMBA_CACHE_DIR": str(folder / "kernels")}, cwd=work, stdout=subprocess.DEVNULL)
    if done.returncode:
        sys.exit(f"the {job} failed")
    return json.loads(out.read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--job", choices=("demo", "warmup"), default="demo")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rows", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rows:
        options.rows.write_text(json.dumps(first_calls(options.job)))
        return
    with tempfile.TemporaryDirectory(prefix="boxwright-first-") as folder:
        cold, warm = _fresh(options.job, Path(folder)), _fresh(options.job, Path(folder))
    for rows in (cold, warm):
        rows["(all kernels)"] = sum(seconds for name, seconds in rows.items() if not name.startswith("("))
    if options.json:
        print(json.dumps({"cold_s": cold, "warm_s": warm}, indent=1))
        return
    print(f"{'compiled':>9}{'loaded':>9}  CPU seconds")
    for name, seconds in sorted(cold.items(), key=lambda row: -row[1]):
        print(f"{seconds:9.2f}{warm[name]:9.3f}  {name}")


if __name__ == "__main__":
    start = time.process_time()
    kernels.__file__
    IMPORT_S = time.process_time() - start
    main()
