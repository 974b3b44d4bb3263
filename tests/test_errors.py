"""One small tree of errors, one sentence each."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest

import boxwright as bw
from boxwright import errors
from boxwright.errors import number_of

LEAVES = {
    bw.ArgumentError: (ValueError, "argument"),
    bw.GeometryError: (ValueError, "geometry"),
    bw.CalibrationError: (ValueError, "calibration"),
    bw.TimeError: (ValueError, "time"),
    bw.FormatError: (ValueError, "format"),
    bw.LimitError: (ValueError, "limit"),
    bw.IndexMissing: (IndexError, "index"),
    bw.FrameMissing: (KeyError, "missing"),
    bw.UnknownName: (KeyError, "unknown-name"),
    bw.ExtraMissing: (ImportError, "extra-missing"),
    bw.StorageError: (OSError, "storage"),
    bw.ConflictError: (RuntimeError, "conflict"),
    bw.AccessDenied: (PermissionError, "denied"),
    bw.CorruptionError: (OSError, "corruption"),
}


def test_the_tree_is_whole_and_drawn():
    assert set(bw.BoxwrightError.__subclasses__()) == set(LEAVES)
    for leaf, (builtin, code) in LEAVES.items():
        assert issubclass(leaf, bw.BoxwrightError) and issubclass(leaf, builtin)
        assert leaf("x").code == code
        assert f"{leaf.__name__} " in errors.__doc__ and f"({builtin.__name__})" in errors.__doc__
    assert len({code for _, code in LEAVES.values()}) == len(LEAVES)


@pytest.mark.parametrize("kind", LEAVES)
@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"what": "no such thing"}, "no such thing"),
        ({"expected": "(N, 3)", "got": "(3,)", "field": "points"}, "points: expected (N, 3), got (3,)"),
        ({"what": "cut short", "path": Path("a") / "b.pcd", "offset": 17, "hint": "copy it again"}, "a/b.pcd, byte 17: cut short; copy it again"),
        ({"got": 0, "path": "a", "offset": "line 3", "field": "x"}, "a, line 3: x: got 0"),
        ({"what": "cut short", "offset": 17}, "byte 17: cut short"),
    ],
)
def test_one_sentence(kind, fields, sentence):
    error = kind(**fields)
    assert str(error) == sentence
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is kind and str(again) == sentence and again.code == error.code
        assert (again.field, again.path, again.hint) == (error.field, error.path, error.hint)


def test_own_code():
    error = bw.FormatError("x", code="pcd-header")
    assert pickle.loads(pickle.dumps(error)).code == "pcd-header"
    assert bw.FormatError("x").code == "format"


def test_keyerrors_are_not_shown_in_quotes():
    with pytest.raises(KeyError) as caught:
        raise bw.FrameMissing("no sweep", field="frame 3")
    assert str(caught.value) == "frame 3: no sweep"


@pytest.mark.parametrize(
    ("n", "thing", "said"),
    [
        *[(0, "sweep", "0 sweeps"), (1, "sweep", "1 sweep"), (1234, "sweep", "1,234 sweeps"), (2, "box", "2 boxes"), (2, "class", "2 classes")],
        *[(2, "entity", "2 entities"), (2, "key", "2 keys"), (1, "velocity", "1 velocity"), (2, "branch", "2 branches")],
    ],
)
def test_one_thing_is_no_plural(n, thing, said):
    assert number_of(n, thing) == said


def test_a_path_of_any_length_is_told_by_its_ends():
    told = str(bw.FormatError("cannot be read", path="/data/" + "x" * 5000 + "/labels.json"))
    assert len(told) < 600 and told.startswith("/data/") and "labels.json: cannot be read" in told
