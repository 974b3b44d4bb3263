"""Records kept aside: raised in strict reading, kept with their error otherwise, and carried through boxwright's own format."""

import json

import numpy as np
import pytest

import boxwright as bw
import test_formats_kitti_object as kitti_object
import test_formats_kitti_tracking as tracking
from boxwright.problems import Problem, Problems, within_depth


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


def full_of_problems(n, **bounds):
    problems = Problems(strict=False, **bounds)
    for i in range(n):
        problems.keep(bw.FormatError("odd", path="a.txt", offset=f"line {i}"), f"line {i}")
    return problems


def test_a_great_number_of_problems_is_counted():
    problems = full_of_problems(12_355, most=10)
    assert problems.is_full and [problem.record for problem in problems.found] == [f"line {i}" for i in range(10)]
    *kept, last = problems.all_with(())
    assert kept == problems.found
    assert str(last).startswith("a.txt: and 12,345 more records that could not be taken, which are left out; --limit kept_problems=N")
    *kept, last = full_of_problems(11, most=10).all_with(())
    assert "and 1 more record that could not be taken, which is left out" in str(last) and len(kept) == 10
    assert len(full_of_problems(10, most=10).all_with(())) == 10
    assert full_of_problems(0).all_with(()) == ()


def test_problems_of_a_file_and_new_ones_together():
    old = full_of_problems(20, most=5).all_with(())
    assert len(old) == 6 and "and 15 more" in str(old[-1])
    assert full_of_problems(0, most=5).all_with(old) == old
    both = full_of_problems(3, most=5).all_with(old)
    assert both[:6] == old and "and 3 more" in str(both[-1]) and len(both) == 7
    both = full_of_problems(4, most=5).all_with(old[:3])
    assert len(both) == 6 and "and 2 more" in str(both[-1])


def test_large_records_are_not_kept():
    """The error is, and says so in place of the record; small ones after it still fit."""
    problems = Problems(strict=False, most_bytes=100_000)
    for record in ("a" * 90_000, {"list": [0] * 90_000}, {"deep": [[["x" * 200_000]]]}, "small"):
        problems.keep(bw.FormatError("odd", path="a.txt"), record)
    first, second, third, fourth = (problem.record for problem in problems.found)
    assert first == "a" * 90_000 and second.startswith("not kept: it would take too much memory; --limit kept_problem_bytes=N")
    assert (third, fourth) == (second, "small")


def test_strict_is_never_full():
    problems = Problems(strict=True, most=0)
    assert not problems.is_full
    with pytest.raises(bw.FormatError):
        problems.keep(bw.FormatError("odd"))


@pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")
@pytest.mark.parametrize("format", ["kitti_tracking", "kitti_object"])
def test_files_of_bad_lines(tmp_path, monkeypatch, format):
    """However short or long the lines are, all are told: as many as the limit says one by one, the others by their number."""
    monkeypatch.setenv("BOXWRIGHT_LIMIT_KEPT_PROBLEMS", "7")
    make = tracking.make if format == "kitti_tracking" else kitti_object.make
    good = (tracking if format == "kitti_tracking" else kitti_object).row()
    make(tmp_path / "a", "x\n" * 900 + good + good.replace("Car", "Car x") * 50 + "y\n" * 40)
    scene = bw.read(tmp_path / "a", strict=False)
    assert len(scene.tracks) == 1 and [problem.record for problem in scene.problems[:7]] == ["x"] * 7
    assert "and 983 more records that could not be taken" in str(scene.problems[7]) and len(scene.problems) == 8
    bw.write(scene, tmp_path / "b")
    assert [problem.mapping() for problem in bw.read(tmp_path / "b").problems] == [problem.mapping() for problem in scene.problems]


def test_a_scene_may_not_bring_more_problems_than_are_kept(tmp_path):
    problems = [Problem(bw.FormatError("odd"))] * 10_017
    bw.write(bw.Scene("clip", [0, 100], label_frame="lidar", problems=problems[:10_016]), tmp_path / "a")
    assert len(bw.read(tmp_path / "a").problems) == 10_016
    bw.write(bw.Scene("clip", [0, 100], label_frame="lidar", problems=problems), tmp_path / "b")
    with pytest.raises(bw.LimitError, match=r"scene.json: problems: more kept problems than allowed: expected at most 10,000"):
        bw.read(tmp_path / "b")


def test_what_is_kept_goes_sixteen_deep():
    def nested(depth):
        return {"x": [nested(depth - 2)]} if depth > 1 else {"x": 1} if depth else 1

    def depth_of(value):
        parts = [*value.values()] if isinstance(value, dict) else value if isinstance(value, list) else None
        return 0 if parts is None else 1 + max(map(depth_of, parts), default=0)

    for depth in (1, 2, 15, 16):
        kept = nested(depth)
        assert depth_of(kept) == depth
        assert within_depth(kept) is kept
    for depth in (17, 18, 31, 200):
        kept = within_depth(nested(depth))
        assert depth_of(nested(depth)) == depth and depth_of(kept) == 16
        assert bw.Tag("a", source_attributes=nested(depth)).source_attributes == kept
