"""Every verb against every rival that is installed, on small workloads; and the benchmark itself."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from boxwright import bench
from boxwright.bench import measure, rivals, workloads
from boxwright.errors import BoxwrightError

SMALL = {
    "points_in_cuboids": {
        "upright": lambda: workloads.points_and_cuboids(5000, 60),
        "tilted": lambda: workloads.points_and_cuboids(5000, 60, tilted=True),
        "far": lambda: workloads.points_and_cuboids(5000, 20, far=True),
        "one": lambda: workloads.points_and_cuboids(1, 1),
    },
    "iou": {"crowd": lambda: workloads.overlaps(60), "one": lambda: workloads.overlaps(1)},
    "project_points": {
        "float64": lambda: workloads.rig(3000),
        "float32": lambda: workloads.rig(3000, 2, np.float32),
    },
    "fit_rectangles": {"vehicles": lambda: workloads.clusters(40, 12_000)},
    "interpolate_tracks, linear": {"linear": lambda: workloads.tracks(20, 41)},
    "interpolate_tracks, makima": {"makima": lambda: workloads.tracks(20, 41, method="makima")},
    **{function: dict(rows) for function, rows in workloads.point_files("2k points", 2000).items()},
}
CASES = [(job, rival, title, make) for job in rivals.JOBS for rival in job.rivals for title, make in SMALL[job.function].items()]


def results(contender: rivals.Contender, workload):
    prepared = contender.prepare(workload)
    return contender.result(prepared, contender.run(prepared))


@pytest.mark.parametrize("job, rival, title, make", CASES, ids=[f"{job.verb}-{rival.name}-{title}" for job, rival, title, _ in CASES])
def test_same_result_as_the_rival(job, rival, title, make):
    if absent := rivals.missing(rival):
        pytest.skip(f"{absent} cannot be imported (extra 'peers')")
    workload = make()
    theirs = results(rival, workload)
    for ours in job.ours:
        assert job.same(workload, results(ours, workload), theirs)


def test_every_job_has_a_rival_that_comes_with_the_core():
    for job in rivals.JOBS:
        of_core = any(set(rival.needs) <= {"scipy", "cv2"} and not rival.leaves_out for rival in job.rivals)
        assert of_core == (job.function != "read_points, compressed PCD"), job.function  # neither numpy nor scipy knows LZF
        assert set(workloads.workloads(quick=True)) == set(workloads.workloads()) == {job.function for job in rivals.JOBS}


# ------------------------------------------------------------ a wrong result is seen


def planted(job_name: str, spoil):
    job = next(job for job in rivals.JOBS if job.function == job_name)
    workload = next(iter(SMALL[job_name].values()))()
    rival = next(rival for rival in job.rivals if not rivals.missing(rival))
    with pytest.raises(rivals.DifferenceError):
        job.same(workload, spoil(results(job.ours[0], workload)), results(rival, workload))


def test_a_missing_hit_is_seen():
    planted("points_in_cuboids", lambda hits: [hits[0][:0] if len(hits[0]) else np.array([0]), *hits[1:]])


def test_a_wrong_iou_is_seen():
    planted("iou", lambda both: (both[0] + 1e-3, both[1]))
    planted("iou", lambda both: (both[0], both[1] * 0.99))


def test_a_shifted_picture_is_seen():
    planted("project_points", lambda images: [(uv + 0.1, is_in) for uv, is_in in images])
    planted("project_points", lambda images: [(uv, is_in & False) for uv, is_in in images])


def test_a_rectangle_too_small_is_seen():
    planted("fit_rectangles", lambda r: (r[0], r[1], r[2] * 0.9))


def test_a_moved_track_is_seen():
    planted("interpolate_tracks, linear", lambda r: (r[0] + 1e-6, r[1]))
    planted("interpolate_tracks, linear", lambda r: (r[0], np.roll(r[1], 1, axis=1)))
    planted("interpolate_tracks, linear", lambda r: (r[0][1:], r[1][1:]))


def test_a_wrong_point_is_seen():
    planted("read_points, LAS", lambda both: (both[0] + 1e-6, both[1]))
    planted("read_points, .bin", lambda both: (both[0], both[1] + 1))
    planted("read_points, .bin", lambda both: (both[0][1:], both[1]))


def test_a_rival_that_differs_is_not_timed():
    job = rivals.JOBS[0]
    liar = dataclasses.replace(job.rivals[0], result=lambda prepared, returned: [np.array([0])] * 5)
    row = next(measure.rows_of(dataclasses.replace(job, rivals=(liar,)), "planted", workloads.points_and_cuboids(100, 5), 0.01))
    assert row.is_wrong and row.rivals[0].median_ms is None and "DIFFERS" in bench.table([row])


def test_an_absent_rival_is_reported_as_absent():
    job = rivals.JOBS[0]
    nobody = dataclasses.replace(job.rivals[0], name="nobody", needs=("no_such_package",))
    row = next(measure.rows_of(dataclasses.replace(job, rivals=(nobody,)), "planted", workloads.points_and_cuboids(100, 5), 0.01))
    assert row.fastest is None and not row.is_lost
    assert "Absent: nobody (no_such_package cannot be imported)." in bench.table([row])


# ------------------------------------------------------------ workloads


@pytest.mark.parametrize("make", [w for jobs in SMALL.values() for w in jobs.values()])
def test_workloads_are_the_same_every_time(make):
    def arrays(value):
        if isinstance(value, np.ndarray):
            return [value]
        if isinstance(value, list):
            return [a for item in value for a in arrays(item)]
        if hasattr(value, "center_m"):
            return [value.center_m, value.size_m, value.quat_wxyz]
        if hasattr(value, "body_byte"):
            return [np.frombuffer(value.path.read_bytes(), np.uint8)]
        return [a for f in getattr(value, "__dataclass_fields__", ()) for a in arrays(getattr(value, f))]

    first, second = arrays(make()), arrays(make())
    assert len(first) > 0 and all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_the_sweep_is_what_it_says():
    points = workloads.sweep_points()
    assert points.shape == (120_000, 3) and points.dtype == np.float32
    assert np.isfinite(points).all() and np.abs(points[:, :2]).max() < 75
    far = workloads.points_and_cuboids(far=True).cuboids
    assert len(far) == 100 and np.hypot(*far.center_m[:, :2].T).min() > 15


# ------------------------------------------------------------ rows and tables


def row(ratio: float | None, **changes) -> bench.Row:
    rival = bench.RivalTime("slowpoke", None if ratio is None else ratio * 2, 1.0, ratio, "equal")
    cheat = bench.RivalTime("cheat", 0.1, 1.0, 0.05, "equal", leaves_out="the work")
    return bench.Row(**({"verb": "overlap", "function": "iou", "workload": "1 x 1", "median_ms": 2.0, "rivals": (cheat, rival)} | changes))


def test_a_loss_is_told():
    assert row(0.5).is_lost and not row(1.5).is_lost
    assert "Lost to the fastest rival: iou, 1 x 1." in bench.table([row(0.5), row(3.0, workload="2 x 2")])
    assert "Lost to the fastest rival: none." in bench.table([row(3.0)])


def test_a_rival_with_a_head_start_is_not_the_fastest():
    assert row(3.0).fastest.name == "slowpoke"
    assert "cheat (without the work)" in bench.table([row(3.0)])
    assert "cheat" not in bench.short_table([row(3.0)])


def test_rows_survive_json():
    assert bench.Row.from_json(json.loads(json.dumps(row(3.0).as_json()))) == row(3.0)


def test_the_table_goes_between_the_marks_of_the_readme():
    text = "before\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nafter\n"
    new = bench.readme_with_table(text, [row(3.0)], bench.machine())
    assert new.startswith("before\n<!-- bench:begin -->\n|") and new.endswith("<!-- bench:end -->\nafter\n") and "old" not in new
    assert bench.readme_with_table(new, [row(3.0)], bench.machine()) == new
    for broken in ("nothing", "<!-- bench:end --> <!-- bench:begin -->", text + text):
        with pytest.raises(BoxwrightError, match="bench:begin"):
            bench.readme_with_table(broken, [row(3.0)], bench.machine())


def test_results_are_written_with_the_machine_they_come_from(tmp_path):
    bench.write_results([row(3.0), row(0.5, verb="startup")], tmp_path)
    text = (tmp_path / "RESULTS.md").read_text()
    assert "## overlap" in text and "## startup" in text and bench.machine()["cpu"] in text
    found = json.loads((tmp_path / "results.json").read_text())
    assert len(found["rows"]) == 2 and found["machine"]["versions"]["numpy"] == np.__version__


def test_an_unknown_verb_is_refused():
    with pytest.raises(BoxwrightError, match="expected one of containment"):
        bench.run(quick=True, verbs=["containmant"])


def test_a_quick_run_from_end_to_end(monkeypatch):
    monkeypatch.delenv("BOXWRIGHT_REAL_DATA", raising=False)
    seen = []
    rows = bench.run(quick=True, verbs=["interpolation"], progress=seen.append)
    assert rows == seen and len(rows) == 4
    assert all(r.median_ms > 0 and r.fastest is not None and not r.is_wrong for r in rows)
    assert all(r.function in bench.table(rows) for r in rows)


def test_real_workloads(real_data):
    pytest.importorskip("pyarrow", reason="Argoverse 2 needs pyarrow (extra 'io')")
    found = list(workloads.real_workloads(real_data))
    assert {title.split(":")[0] for _, title, _ in found} == {"Argoverse 2", "KITTI tracking"}
    for function, _, make in found:
        job = next(job for job in rivals.JOBS if job.function == function)
        workload = make()
        ours = results(job.ours[0], workload)
        for rival in job.rivals:
            if not rivals.missing(rival):
                assert job.same(workload, ours, results(rival, workload))
