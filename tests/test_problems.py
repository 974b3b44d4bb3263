"""Records kept aside: raised in strict reading, kept with their error otherwise, and carried through boxwright's own format."""

import json

import numpy as np
import pytest

import boxwright as bw
from boxwright.problems import Problem, Problems


def test_strict_raises_the_first():
    with pytest.raises(bw.GeometryError), Problems(strict=True).aside({"h": -1}):
        raise bw.GeometryError(expected="a positive height", got="-1")


def test_lenient_keeps_the_record_and_goes_on():
    problems = Problems(strict=False)
    done = []
    for height in (1, -1, 2):
        with problems.aside({"h": height}):
            if height < 0:
                raise bw.GeometryError(expected="a positive height", got=str(height), offset=f"line {height}")
            done.append(height)
    assert done == [1, 2]
    assert [problem.record for problem in problems.found] == [{"h": -1}]
    assert isinstance(problems.found[0].error, bw.GeometryError)


def test_limits_and_foreign_errors_are_never_kept():
    problems = Problems(strict=False)
    with pytest.raises(bw.LimitError), problems.aside():
        raise bw.LimitError("too many")
    with pytest.raises(bw.LimitError):
        problems.keep(bw.LimitError("too many"))
    with pytest.raises(ZeroDivisionError), problems.aside():
        1 / 0  # noqa: B018
    assert not problems.found


def test_summary_counts_what_is_alike():
    problems = Problems(strict=False)
    for line in (3, 9, 12):
        problems.keep(bw.FormatError(expected="a positive height", got="-1", offset=f"line {line}"))
    problems.keep(bw.FormatError("no frame", got="7"))
    first, second = problems.summary()
    assert "line 3" in first and "2 more" in first
    assert "no frame" in second


@pytest.mark.parametrize("offset", [None, 12, "line 3"])
def test_a_problem_survives_json(offset):
    error = bw.CalibrationError("singular", expected="a matrix", got="0", path="a/b.txt", offset=offset, field="P2", hint="get another")
    back = Problem.from_mapping(json.loads(json.dumps(Problem(error, {"P2": [0.5]}).mapping())))
    assert type(back.error) is bw.CalibrationError
    assert str(back.error) == str(error)
    assert back.record == {"P2": [0.5]}


def test_problems_travel_with_a_scene(tmp_path):
    problem = Problem(bw.FormatError(expected="a positive height", got="-1", path="labels.txt", offset="line 3"), "0 0 Car -1")
    scene = bw.Scene("clip", [0, 100], label_frame="lidar", problems=[problem])
    bw.write(scene, tmp_path / "out")
    (back,) = bw.read(tmp_path / "out").problems
    assert str(back) == str(problem)
    assert back.record == "0 0 Car -1"


@pytest.mark.parametrize("format", ["boxwright", "openlabel"])
def test_any_record_survives_files(tmp_path, format):
    """Numbers that JSON lacks, bytes and what is nested too deeply become texts; lists, numbers and texts stay what they are."""
    deep = "bottom"
    for _ in range(40):
        deep = [deep]
    record = {"x_m": float("nan"), "y_m": [1, -float("inf"), np.float32(0.5), np.int64(7)], "raw": b"ab", 3: None, "ok": True, "deep": deep}
    problem = Problem(bw.FormatError("odd", path="labels.txt", offset=12, field="x_m", hint="look"), record)
    assert {key: problem.record[key] for key in ("x_m", "y_m", "raw", "3", "ok")} == {
        "x_m": "nan",
        "y_m": [1, "-inf", 0.5, 7],
        "raw": "b'ab'",
        "3": None,
        "ok": True,
    }
    scene = bw.Scene("clip", [0, 100], {"lidar": bw.Lidar("lidar")}, label_frame="lidar", problems=[problem])
    bw.write(scene, tmp_path / "out", format=format)
    (back,) = bw.read(tmp_path / "out").problems
    assert back.mapping() == problem.mapping()
    assert str(back) == str(problem)
