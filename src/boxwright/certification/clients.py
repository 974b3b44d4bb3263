"""The clients of platforms and datasets, asked what they read in a file of ours.

Their versions exclude each other, so each runs in a process of its own, and may be installed for another Python than ours: `client_python`, or
BOXWRIGHT_CLIENT_PYTHON in the environment, several with a colon between. A script of `client_scripts/`, which knows the client and nothing of
boxwright, prints what the client holds as one JSON object:

    client : its name and version; knows : which fields of formats/declared.py it tells
    frame : the frame of reference of its cuboids
    cuboids : columns frame (place in the clip), track, category, center_m, size_m, quat_wxyz
    boxes : columns frame, track, category, camera, xyxy
    times_ns : of the frames, where it tells them
    frame_times_ns : stamps by which it knows frames, where it knows no places; then `frame` counts in these
    only_keyframes : whether it leaves out what lies between
    skipped : cuboids of the file, in columns as `cuboids`, that the client leaves out by design, which `client_skips` of formats/declared.py says
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..cuboids import Cuboids
from ..errors import ArgumentError
from .rows import CuboidRows, ShapeRows

__all__ = ["MODULES", "ClientReading", "ask_client", "python_with"]

MODULES = {
    "datumaro": "datumaro",
    "nuscenes-devkit": "nuscenes",
    "av2": "av2",
    "darwin-py": "darwin",
    "labelbox": "labelbox",
    "pycocotools": "pycocotools",
    "segments-ai": "segments",
    "cvat-sdk": "cvat_sdk",
    "supervisely": "supervisely",
    "label-studio-sdk": "label_studio_sdk",
    "kognic-openlabel": "kognic.openlabel",
    "scale-nucleus": "nucleus",
    "scale-lidar-io": "scale_lidar_io",
    "kognic-io": "kognic.io",
}
VARIABLE = "BOXWRIGHT_CLIENT_PYTHON"
_SCRIPTS = Path(__file__).parent / "client_scripts"
_WAIT_S = 900
_ASK_S = 60


@dataclass(frozen=True)
class ClientReading:
    """What a client holds. error : why it took nothing, None where it did"""

    client: str
    error: str | None = None
    knows: frozenset[str] = frozenset()
    frame: str = "own"
    cuboids: CuboidRows | None = None
    shapes: ShapeRows | None = None
    times_ns: Sequence[int] = ()
    only_keyframes: bool = False
    frame_times_ns: Sequence[int] = ()
    skipped: CuboidRows | None = None


def python_with(client: str, client_python: str | os.PathLike[str] | None = None) -> str | None:
    """The Python that has the client: the one given, else one of the environment, or ours; None where none has.

    ArgumentError where what was given or is in the environment is no Python, or the one that was given lacks the client.
    """
    module = MODULES[client]
    if client_python is not None:
        given = os.fspath(client_python)
        if not _has(given, module, "client_python"):
            hint = f"install {client} for it, or leave it out: boxwright alone reads it back then"
            raise ArgumentError(
                f"{client} is not installed for it", expected=f"a Python that has {client}", got=given, field="client_python", hint=hint
            )
        return given
    for python in filter(None, os.environ.get(VARIABLE, "").split(os.pathsep)):
        if _has(python, module, VARIABLE):
            return python
    return sys.executable if all(importlib.util.find_spec(name) for name in _steps(module)) else None


def _has(python: str, module: str, field: str) -> bool:
    """Whether a Python has a module. ArgumentError, which names the field, where it is no Python."""
    ask = f"import importlib.util as u; print('found' if all(u.find_spec(m) for m in {_steps(module)!r}) else 'missing')"
    try:
        said = subprocess.run([python, "-c", ask], capture_output=True, text=True, timeout=_ASK_S, check=False).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        said = ""
    if said not in ("found", "missing"):
        raise ArgumentError("it does not run as one", expected="a Python", got=python, field=field, hint="such as venv/bin/python")
    return said == "found"


def _steps(module: str) -> list[str]:
    """A module and the packages it is in, outermost first: looking for one in a package that is not there would raise."""
    parts = module.split(".")
    return [".".join(parts[: k + 1]) for k in range(len(parts))]


def ask_client(format: str, client: str, python: str, folder: Path) -> ClientReading:
    """What the client reads in a folder that was written in that format."""
    command = [python, "-I", str(_SCRIPTS / f"{format}.py"), str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_WAIT_S, check=False)
    except subprocess.TimeoutExpired:
        return ClientReading(client, f"it did not end in {_WAIT_S} s")
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    if done.returncode != 0 or not lines:
        why = [line for line in lines if re.match(r"[\w.]+(Error|Exception)\b", line)] or lines[-1:] or [f"it ended with {done.returncode}"]
        return ClientReading(client, "; then ".join(why)[:600])
    told = json.loads(lines[-1])
    return ClientReading(
        told["client"],
        None,
        frozenset(told["knows"]),
        told.get("frame", "own"),
        _cuboid_rows(told.get("cuboids")),
        _shape_rows(told.get("boxes")),
        told.get("times_ns", ()),
        told.get("only_keyframes", False),
        told.get("frame_times_ns", ()),
        _cuboid_rows(told.get("skipped")),
    )


def _cuboid_rows(columns: Mapping[str, Any] | None) -> CuboidRows:
    if columns is None:
        return CuboidRows(np.zeros(0, np.int64), np.zeros(0, np.int64), [], [], cuboids=Cuboids.empty("compared"))
    frame, track, ids, categories, _ = _keys(columns, [""] * len(columns["frame"]))
    numbers = [np.array(columns[name], np.float64).reshape(-1, n) for name, n in (("center_m", 3), ("size_m", 3), ("quat_wxyz", 4))]
    return CuboidRows(frame, track, ids, categories, cuboids=Cuboids(numbers[0], numbers[1], quat_wxyz=numbers[2], frame="compared"))


def _shape_rows(columns: Mapping[str, Any] | None) -> ShapeRows:
    if columns is None:
        return ShapeRows(np.zeros(0, np.int64), np.zeros(0, np.int64), [], [])
    frame, track, ids, categories, cameras = _keys(columns, columns["camera"])
    return ShapeRows(frame, track, ids, categories, xyxy=np.array(columns["xyxy"], np.float64).reshape(-1, 4), cameras=cameras)


def _keys(columns: Mapping[str, Any], cameras: Sequence[str]) -> tuple[Any, Any, list[str], list[str], list[str]]:
    """Frames, tracks, and of each track its id, category and camera; one id of two categories is two tracks."""
    keys = list(zip(map(str, columns["track"]), map(str, columns["category"]), cameras))
    known = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    ids, categories, of = ([key[k] for key in known] for k in range(3))
    return np.array(columns["frame"], np.int64), np.array([known[key] for key in keys], np.int64), ids, categories, of
