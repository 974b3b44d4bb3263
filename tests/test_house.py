"""The house rules that a machine can check: lint, types, the import contract, versions, and what no source file may do."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import boxwright as bw

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
PYPROJECT = ROOT / "pyproject.toml"

pytestmark = pytest.mark.skipif(not PYPROJECT.is_file(), reason="needs the checkout, not the wheel")


def run_tool(module: str, *args: str) -> None:
    if importlib.util.find_spec(module.split(".")[0]) is None:
        pytest.skip(f"{module.split('.')[0]} is not installed (extra 'test')")
    done = subprocess.run([sys.executable, "-m", module, *args], cwd=ROOT, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_check():
    run_tool("ruff", "check", "-q", "src", "tests", "benchmarks")


def test_ruff_format():
    run_tool("ruff", "format", "-q", "--check", "src", "tests", "benchmarks")


def test_mypy_strict():
    run_tool("mypy", "--no-error-summary")


def test_import_contract():
    if importlib.util.find_spec("importlinter") is None:
        pytest.skip("import-linter is not installed (extra 'test')")
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_drawn_house_is_the_contract():
    contract = tomllib.loads(PYPROJECT.read_text())["tool"]["importlinter"]["contracts"][0]["layers"]
    drawn = re.findall(r"^((?:\w+(?:\.py|/) +)+)", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    assert [set(re.findall(r"\w+(?=\.py|/)", line)) for line in drawn] == [set(layer.split(" | ")) for layer in reversed(contract)]
    for name in {name for layer in contract for name in layer.split(" | ")}:
        is_folder = (ROOT / "src" / "boxwright" / name).is_dir()
        assert any(f"{name}/ " in line if is_folder else f"{name}.py " in line for line in drawn), name


def test_version_is_told_once():
    assert tomllib.loads(PYPROJECT.read_text())["project"]["version"] == bw.__version__


def test_version_has_a_changelog_entry():
    assert f"\n## {bw.__version__} " in (ROOT / "CHANGELOG.md").read_text()


# ------------------------------------------------------------ what no source file may do

FORBIDDEN_MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}


def offences(source: str) -> list[str]:
    """Lines that run or unpack code that came as data."""
    found = []
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name.split(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [(node.module or "").split(".")[0]]
        found += [f"line {node.lineno}: imports {name}" for name in names if name in FORBIDDEN_MODULES]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FORBIDDEN_CALLS:
            found.append(f"line {node.lineno}: calls {node.func.id}")
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("np.load", "numpy.load"):
            settings = [ast.unparse(k.value) for k in node.keywords if k.arg == "allow_pickle"]
            if settings != ["False"]:
                found.append(f"line {node.lineno}: np.load without allow_pickle=False")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_no_code_from_data(path):
    assert offences(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "planted",
    [
        "import pickle",
        "from marshal import loads",
        "def f(x):\n    return eval(x)",
        "exec('1')",
        "import numpy as np\nnp.load('a.npy')",
        "import numpy as np\nnp.load('a.npy', allow_pickle=True)",
        "import numpy\nnumpy.load('a.npz', allow_pickle=flag)",
    ],
)
def test_planted_offence_is_found(planted):
    assert len(offences(planted)) == 1


def test_honest_load_is_no_offence():
    assert offences("import numpy as np\nnp.load('a.npy', allow_pickle=False)\nmodel.eval()") == []
