"""`import boxwright as bw`: complete, sorted, typed, and light."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import boxwright as bw

SOURCE = ast.parse(Path(bw.__file__).read_text(encoding="utf-8"))
HEAVY = ("numba", "scipy", "cv2", "open3d", "pandas", "pyarrow", "shapely", "typer", "rich", "matplotlib", "fastapi", "sqlalchemy")


def typed_imports() -> dict[str, str]:
    """name -> module, of the block that type checkers see"""
    (block,) = [node for node in SOURCE.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    return {alias.asname or alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}


def test_all_is_sorted_and_told_once():
    assert bw.__all__ == sorted(set(bw.__all__))


def test_all_equals_the_table_and_what_type_checkers_see():
    assert set(bw.__all__) == set(bw._MODULE_OF)
    assert sum(len(names) for names in bw._HOME.values()) == len(bw._MODULE_OF)
    assert typed_imports() == bw._MODULE_OF
    assert all(names == sorted(names) for names in bw._HOME.values())


@pytest.mark.parametrize("name", bw.__all__)
def test_every_name_is_there_and_documented(name):
    value = getattr(bw, name)
    assert value.__doc__ and name in dir(bw)
    module = importlib.import_module(f"boxwright.{bw._MODULE_OF[name]}")
    assert name in module.__all__ if hasattr(module, "__all__") else hasattr(module, name)


def test_no_public_name_is_a_submodule():
    """`import boxwright.ground` would replace the function by the module."""
    submodules = {module.name for module in pkgutil.iter_modules(bw.__path__)}
    assert submodules & set(bw.__all__) == set()
    assert "tracks" in submodules


def test_unknown_name():
    with pytest.raises(AttributeError, match="module 'boxwright' has no attribute 'cuboid'"):
        bw.cuboid  # noqa: B018


def test_star_import():
    names: dict[str, object] = {}
    exec("from boxwright import *", names)
    assert set(bw.__all__) <= set(names)


@pytest.mark.parametrize(
    ("first", "allowed"),
    [
        ("import boxwright", ()),
        ("import boxwright; boxwright.Cuboids([[0, 0, 0]], [[1, 1, 1]], 0.0).corners_m()", ()),
        ("import boxwright; boxwright.Trajectory([0, 9], [boxwright.Pose.identity()] * 2).at(4); boxwright.Sweep([[1, 2, 3]])", ()),
        ("import boxwright; boxwright.interpolate([0], boxwright.Cuboids([[0, 0, 0]], [[1, 1, 1]], 0.0), [0])", ("numba", "scipy")),
    ],
    ids=["package", "cuboids", "trajectory", "interpolate"],
)
def test_import_is_light(first, allowed):
    """numba itself looks for scipy; nothing else may come along."""
    code = f"{first}; import sys; print(*sorted({{m.split('.')[0] for m in sys.modules}} & set({HEAVY!r})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    assert set(done.stdout.split()) <= set(allowed)


def test_types_are_shipped():
    assert (Path(bw.__file__).parent / "py.typed").is_file()
