"""Where compiled kernels are kept, and how they are called."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numba
import numpy as np
import pytest
from numba.core.compiler import DefaultPassBuilder
from numba.core.runtime import _nrt_python, rtsys

import boxwright
import every_verb
from boxwright import containment, kernels
from boxwright.cli.warmup import warmup

pytestmark = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled without the JIT")

PACKAGE = Path(boxwright.__file__).resolve().parent


def run_python(code: str, *args: str, path: Path = PACKAGE.parent, **variables: str | None) -> str:
    """The output of a fresh interpreter; a variable of None is taken out of its environment."""
    environment = {**os.environ, "PYTHONPATH": str(path), **{k: v for k, v in variables.items() if v is not None}}
    for name in (k for k, v in variables.items() if v is None):
        environment.pop(name, None)
    command = [sys.executable, "-W", "error::RuntimeWarning", *(("-c", code) if "\n" in code or " " in code else (code,)), *args]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, cwd=path)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# ------------------------------------------------------------ the folder

HELPER = "from . import compiled\n\n@compiled\ndef double(x):\n    return x * {factor}\n"
ENTRY = """from . import kernel
from .helper import double

@kernel
def entry(points, out):
    for i in range(points.shape[0]):
        out[i] = double(points[i, 0])
"""
CALL = """
import numpy as np, small
from small.entry import entry
out = np.zeros(1)
entry(np.ones((1, 3)), out)
print(small.cache_folder, int(out[0]))
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A package with our cache rules, one helper and one kernel that calls it."""
    package = tmp_path / "path" / "small"
    package.mkdir(parents=True)
    shutil.copy(PACKAGE / "kernels" / "__init__.py", package / "__init__.py")
    (package / "helper.py").write_text(HELPER.format(factor=2))
    (package / "entry.py").write_text(ENTRY)
    return package


def test_edited_helper_is_compiled_again_and_the_first_one_found_again(small: Path, tmp_path: Path):
    cache = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    folder, value = run_python(CALL, path=small.parent, **cache).split()
    assert value == "2" and folder.startswith(str(tmp_path / "cache")) and list(Path(folder).rglob("*.nbc"))
    (small / "helper.py").write_text(HELPER.format(factor=3))
    edited, value = run_python(CALL, path=small.parent, **cache).split()
    assert value == "3" and edited != folder
    (small / "helper.py").write_text(HELPER.format(factor=2))
    compiled = {path: path.stat().st_mtime_ns for path in Path(folder).rglob("*.nb?")}
    assert run_python(CALL, path=small.parent, **cache).split() == [folder, "2"]
    assert {path: path.stat().st_mtime_ns for path in Path(folder).rglob("*.nb?")} == compiled


def test_installs_of_the_same_sources_share_what_is_compiled(small: Path, tmp_path: Path):
    """Another venv, or the same release installed again, finds the code where it is."""
    cache = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    folder, _ = run_python(CALL, path=small.parent, **cache).split()
    compiled = {path: path.stat().st_mtime_ns for path in Path(folder).rglob("*.nb?")}
    shutil.copytree(small.parent, tmp_path / "elsewhere", copy_function=shutil.copyfile)
    assert run_python(CALL, path=tmp_path / "elsewhere", **cache).split() == [folder, "2"]
    assert compiled and {path: path.stat().st_mtime_ns for path in Path(folder).rglob("*.nb?")} == compiled


def test_processes_that_compile_at_the_same_moment_do_not_get_each_others_code(small: Path, tmp_path: Path):
    """What each of them finds and leaves, had they all looked before the first one wrote: folders of their own, put together."""
    kinds, shared = ("float64", "float32", "int32"), tmp_path / "shared"
    calls = {kind: CALL.replace("np.ones((1, 3))", f"np.ones((1, 3), '{kind}')") for kind in kinds}
    for kind in kinds:
        folder = Path(run_python(calls[kind], path=small.parent, NUMBA_CACHE_DIR=str(tmp_path / kind)).split()[0])
        shutil.copytree(folder, shared / folder.relative_to(tmp_path / kind), dirs_exist_ok=True)
    before = {path: path.stat().st_mtime_ns for path in shared.rglob("*.nb?")}
    assert len(before) == 2 * len(kinds), "an index and its code for each"
    for kind in kinds:
        assert run_python(calls[kind], path=small.parent, NUMBA_CACHE_DIR=str(shared)).split()[1] == "2"
    assert {path: path.stat().st_mtime_ns for path in shared.rglob("*.nb?")} == before, "nothing was compiled again"


def test_bounds_check_has_a_folder_of_its_own(small: Path, tmp_path: Path):
    cache = str(tmp_path / "cache")
    plain = run_python(CALL, path=small.parent, NUMBA_CACHE_DIR=cache, NUMBA_BOUNDSCHECK=None).split()[0]
    checked = run_python(CALL, path=small.parent, NUMBA_CACHE_DIR=cache, NUMBA_BOUNDSCHECK="1").split()[0]
    assert Path(plain).parent == Path(checked).parent and plain != checked


def test_the_folder_follows_the_usual_variables(small: Path, tmp_path: Path):
    home, xdg = tmp_path / "home", tmp_path / "xdg"
    unset = {"NUMBA_CACHE_DIR": None, "XDG_CACHE_HOME": None}
    assert run_python(CALL, path=small.parent, **unset | {"HOME": str(home)}).startswith(str(home / ".cache" / "boxwright" / "kernels"))
    assert run_python(CALL, path=small.parent, **unset | {"HOME": str(home), "XDG_CACHE_HOME": str(xdg)}).startswith(str(xdg / "boxwright"))


def test_unwritable_home_takes_a_private_folder_that_goes_away(small: Path):
    code = CALL + "import os\nprint(oct(os.stat(small.cache_folder).st_mode & 0o777))"
    for home in ("/dev/null", "/nonexistent/home" if os.geteuid() else "/proc/nonexistent"):
        unset = {"NUMBA_CACHE_DIR": None, "XDG_CACHE_HOME": None}
        folder, value, mode = run_python(code, path=small.parent, **unset | {"HOME": home}).split()
        assert (value, mode) == ("2", "0o700")
        assert "boxwright-kernels-" in folder and not Path(folder).exists()


def test_no_writable_folder_at_all_compiles_in_memory(small: Path):
    code = "import tempfile\ndef refuse(**_): raise OSError('read-only')\ntempfile.mkdtemp = refuse\n" + CALL
    assert run_python(code, path=small.parent, HOME="/dev/null", NUMBA_CACHE_DIR=None, XDG_CACHE_HOME=None) == "None 2"


def test_verbs_work_on_an_install_that_cannot_be_written(tmp_path: Path):
    """Without root's capabilities a folder without write permission is one for root too."""
    drop = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"] if os.geteuid() == 0 else []
    if drop and (shutil.which("setpriv") is None or subprocess.run([*drop, "true"], capture_output=True).returncode):
        pytest.skip("needs setpriv to lay down root's capabilities")
    install = tmp_path / "site" / "boxwright"
    shutil.copytree(PACKAGE, install, ignore=shutil.ignore_patterns("__pycache__"))
    for path in [tmp_path / "site", *(tmp_path / "site").rglob("*")]:
        path.chmod(path.stat().st_mode & ~0o222)
    code = """
import os, sys
import numpy as np
import boxwright as bw
try:
    open(os.path.join(os.path.dirname(bw.__file__), "written"), "w")
except OSError:
    print(bw.points_in_cuboids(np.zeros((5, 3)), bw.Cuboids([[0, 0, 0]], [[1, 1, 1]], 0.3)).counts.tolist())
"""
    environment = {k: v for k, v in os.environ.items() if k not in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")}
    environment |= {"PYTHONPATH": str(tmp_path / "site"), "HOME": "/dev/null"}
    done = subprocess.run([*drop, sys.executable, "-c", code], env=environment, cwd=tmp_path / "site", capture_output=True, text=True, timeout=300)
    assert (done.stdout.strip(), done.returncode) == ("[5]", 0), done.stderr


def test_a_users_own_kernels_stay_where_they_were(tmp_path: Path):
    (tmp_path / "mine.py").write_text("import numba\n\n@numba.njit(cache=True)\ndef mine(x):\n    return x + 1\n")
    code = """
import os, sys
import numba
before = numba.config.CACHE_DIR
sys.path.insert(0, os.environ["MINE"])
from boxwright import kernels
import boxwright.kernels.containment
from mine import mine
mine(1)
print(numba.config.CACHE_DIR == before, mine._cache.cache_path, sep="\\n")
"""
    own = str(tmp_path / "own")
    for variable, expected in ((own, own), (None, str(tmp_path))):
        same, path = run_python(code, MINE=str(tmp_path), NUMBA_CACHE_DIR=variable, XDG_CACHE_HOME=str(tmp_path / "xdg")).splitlines()
        assert same == "True" and path.startswith(expected) and "boxwright" not in Path(path).relative_to(expected).parts


def test_a_number_of_another_kind_gets_code_of_its_own():
    """An int first must not make whole numbers of the floats that come later."""

    @kernels.kernel
    def scaled(points, factor, out):
        out[0] = points[0, 0] * factor

    out = np.zeros(1)
    for points in (np.ones((1, 3)), np.ones((3, 1), np.float32).T):
        for factor in (2, 2.5, np.float64(1.5)):
            scaled(points, factor, out)
            assert out[0] == factor


# ------------------------------------------------------------ calls


@pytest.fixture(scope="module")
def digests() -> dict[str, str]:
    return every_verb.digests()


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> set[kernels.Kernel]:
    """The kernels called from now on."""
    found = set()
    plain = kernels.Kernel.__call__

    def noted(self, *args):
        found.add(self)
        return plain(self, *args)

    monkeypatch.setattr(kernels.Kernel, "__call__", noted)
    return found


def not_among(called: set[kernels.Kernel]) -> list[str]:
    for path in Path(kernels.__file__).parent.glob("[!_]*.py"):
        importlib.import_module(f"boxwright.kernels.{path.stem}")
    ours = [module for name, module in sys.modules.items() if name.startswith("boxwright.kernels.")]
    known = {item for module in ours for item in vars(module).values() if isinstance(item, kernels.Kernel)}
    assert len(known) >= 20
    return sorted(k.__name__ for k in known - called)


def test_every_kernel_is_run_by_every_verb(called: set[kernels.Kernel], monkeypatch: pytest.MonkeyPatch, digests: dict[str, str]):
    monkeypatch.setattr(containment, "HITS_PER_PART", 500)  # large clouds come in parts
    assert every_verb.digests() == digests
    assert not_among(called) == []


def test_every_kernel_is_compiled_by_warmup(called: set[kernels.Kernel], capsys: pytest.CaptureFixture[str]):
    warmup(as_json=True)
    assert json.loads(capsys.readouterr().out)["cache_folder"] == str(kernels.cache_folder)
    assert not_among(called) == []


# ------------------------------------------------------------ the steps of the compiler


def test_the_steps_left_out_are_numbas():
    """A name that numba gave up would cost time at every first call, and nobody would notice."""
    names: set[str] = set()

    class Noting(kernels._Pipeline):
        def define_pipelines(self):
            names.update(step[0].__name__ for step in DefaultPassBuilder.define_nopython_pipeline(self.state).passes)
            return super().define_pipelines()

    assert numba.njit(pipeline_class=Noting)(lambda x: x + 1)(1) == 2
    assert names >= kernels._Pipeline.LEFT_OUT


def test_kernels_free_what_they_allocate():
    @kernels.kernel
    def scratch(n, out):
        room = np.empty(n)
        for i in range(n):
            room[i] = i
        half = room[n // 2 :]
        out[0] = half[0]

    out = np.empty(1)
    scratch(1000, out)
    _nrt_python.memsys_enable_stats()
    try:
        before = rtsys.get_allocation_stats()
        for _ in range(10):
            scratch(1000, out)
        after = rtsys.get_allocation_stats()
    finally:
        _nrt_python.memsys_disable_stats()
    assert out[0] == 500
    assert after.alloc - before.alloc == after.free - before.free >= 10


def test_a_kernel_is_called_while_it_is_compiled_for_other_input():
    @kernels.kernel
    def summed(points, out):
        for i in range(points.shape[0]):
            out[0] += points[i, 0]

    def call(kind) -> float:
        out = np.zeros(1, kind)
        summed(np.ones((3, 3), np.float64), out)
        return float(out[0])

    kinds = (np.float32, np.int64, np.int32, np.int16, np.uint8)
    assert call(np.float64) == 3
    with ThreadPoolExecutor(2) as pool:
        others = pool.submit(lambda: [call(kind) for kind in kinds])
        while not others.done():
            assert call(np.float64) == 3
        assert others.result() == [3.0] * 5
