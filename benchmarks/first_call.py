"""What the first call of each kernel costs: CPU seconds to compile it, and to load it where it lies on disk. Options: --job, --json.

The job runs twice, in fresh interpreters that share a fresh folder of kernels, each with one process. Rows in parentheses are sums or no kernels.
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

Rows = dict[str, float]


def first_calls(job: str) -> Rows:
    """CPU seconds of this process, by kernel and kinds of its arguments, while it does the job."""
    start = time.process_time()
    from boxwright import kernels

    rows: Rows = {"(import of numba)": time.process_time() - start}
    import boxwright.demo
    from boxwright.cli import main

    boxwright.demo.compile_beside = lambda: None  # every kernel is to be compiled in this process
    plain = kernels.Kernel._compile

    def timed(self, key, args):
        start = time.process_time()
        dispatcher = plain(self, key, args)
        kinds = " ".join(getattr(kind, "name", None) or kind.__name__ for kind in key)
        rows[f"{self._function.__module__.rpartition('.')[2]}.{self.__name__} {kinds}"] = time.process_time() - start
        return dispatcher

    kernels.Kernel._compile = timed
    start = time.process_time()
    try:
        main([job, "--json"])
    except SystemExit as stop:
        if stop.code:
            raise
    rows["(the whole job)"] = time.process_time() - start
    rows["(all kernels)"] = sum(seconds for name, seconds in rows.items() if not name.startswith("("))
    return rows


def in_fresh_interpreter(job: str, folder: Path) -> Rows:
    work = Path(tempfile.mkdtemp(dir=folder))
    command = [sys.executable, str(Path(__file__).resolve()), "--job", job, "--rows", str(work / "rows.json")]
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder / "kernels")}
    subprocess.run(command, env=environment, cwd=work, stdout=subprocess.DEVNULL, check=True)
    return json.loads((work / "rows.json").read_text())


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
        cold, warm = [in_fresh_interpreter(options.job, Path(folder)) for _ in range(2)]
    if options.json:
        print(json.dumps({"cold_s": cold, "warm_s": warm}, indent=1))
        return
    print(f"{'compiled':>9}{'loaded':>9}  CPU seconds")
    for name, seconds in sorted(cold.items(), key=lambda row: -row[1]):
        print(f"{seconds:9.2f}{warm[name]:9.3f}  {name}")


if __name__ == "__main__":
    main()
