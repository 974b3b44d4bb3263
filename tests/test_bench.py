"""The benchmark itself: wrong and absent rivals, targets, growth, memory, tables. No time is judged here."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from boxwright import bench
from boxwright.bench import bandwidth, batches, clock, findings, growth, measure, plot, results, rivals, suite, tables, targets, workloads
from boxwright.errors import BoxwrightError

ROOT = Path(__file__).resolve().parents[1]
SMALL = rivals.Work("planted", lambda: workloads.points_and_cuboids(100, 5))


def test_a_rival_that_differs_is_not_timed():
    job = rivals.JOBS[0]
    liar = dataclasses.replace(job.rivals[0], result=lambda prepared, returned: [np.array([0])] * 5)
    row = next(measure.rows_of(dataclasses.replace(job, rivals=(liar,)), SMALL, 0.01))
    assert row.is_wrong and row.rivals[0].median_ms is None and "DIFFERS" in bench.table([row])


def test_an_absent_rival_is_reported_as_absent():
    job = rivals.JOBS[0]
    nobody = dataclasses.replace(job.rivals[0], name="nobody", needs=("no_such_package",))
    row = next(measure.rows_of(dataclasses.replace(job, rivals=(nobody,)), SMALL, 0.01))
    assert row.fastest is None and row.lost_to == []
    assert "Absent: nobody (no_such_package cannot be imported)." in bench.table([row])


def test_the_time_of_long_calls_is_taken_once_and_everybody_takes_turns():
    called: list[str] = []
    calls = {name: (lambda name=name: called.append(name)) for name in ("short", "long", "other")}
    seconds = clock.medians_s(calls, 0.0, {"short": 0.1, "long": clock.LONG_S + 1, "other": 0.1})
    turns = [name for i, name in enumerate(called) if i == 0 or called[i - 1] != name]
    assert turns == ["short", "long", "other", "short", "other"]  # the last of one turn is the first of the next
    assert set(seconds) == set(calls)


def test_every_row_tells_what_was_moved_and_what_memory_it_took():
    row = next(measure.rows_of(rivals.JOBS[0], SMALL, 0.01))
    assert row.read_bytes == 100 * 12
    assert row.written_bytes >= 6 * 8
    assert row.memory_mib is None or 0 <= row.memory_mib < 50


def test_only_the_rivals_named_take_part():
    work = dataclasses.replace(SMALL, against=(growth.KD_TREE,))
    row = next(measure.rows_of(rivals.JOBS[0], work, 0.01))
    assert [rival.name for rival in row.rivals] == [growth.KD_TREE]
    names = {rival.name for job in rivals.JOBS for rival in job.rivals}
    assert all(set(work.against or ()) <= names for works in suite.workloads().values() for work in works)


# ------------------------------------------------------------ memory and bandwidth


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells the peak of a process")
def test_the_rise_is_that_of_the_peak():
    # in a process of its own: what other tests leave in theirs, threads and memory freed but kept, would count
    code = """
import json
import numpy as np
from boxwright.bench import memory

def call():
    np.ones(32 * 2**20, np.uint8)  # gone before the result is made
    return np.ones(16 * 2**20, np.uint8)

print(json.dumps([[memory.rise_mib(each) for _ in range(5)] for each in (call, lambda: None)]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=True)
    of_the_peak, of_nothing = ([rise for rise in rises if rise is not None] for rises in json.loads(done.stdout))
    assert not of_the_peak or 31 <= min(of_the_peak) < 48
    assert not of_nothing or min(of_nothing) < 2


def test_bandwidth_gives_a_limit():
    found = bandwidth.measured_bandwidth(1_000_000, rounds=2)
    assert all(value > 0 for value in dataclasses.astuple(found))
    plain = bandwidth.Bandwidth(read_gb_s=10, fill_gb_s=5, fresh_fill_gb_s=1, cached_read_gb_s=1, cached_fill_gb_s=1)
    assert plain.limit_ms(10_000_000, 10_000_000) == pytest.approx(3)


# ------------------------------------------------------------ growth


def grown(*median_ms: float, along: str = "points", who: str = "boxwright", sizes: tuple[int, ...] = (), beside: str = "") -> growth.Growth:
    return growth.Growth("points_in_cuboids", who, along, beside, sizes or tuple(10 ** (i + 1) for i in range(len(median_ms))), median_ms)


def test_the_exponent_is_the_slope_of_the_logarithms():
    assert grown(1, 10, 100).exponent == pytest.approx(1)
    assert grown(1, 100, 10_000).exponent == pytest.approx(2)
    assert grown(3, 3, 3).exponent == pytest.approx(0)
    bent = grown(1, 30, 100, 900)
    assert bent.exponent == pytest.approx(np.polyfit(np.log(bent.sizes), np.log(bent.median_ms), 1)[0])
    assert bent.ratio == 900


def test_growth_is_measured_at_every_size(monkeypatch):
    monkeypatch.setattr(growth, "POINTS", (200, 400, 600, 800))
    monkeypatch.setattr(growth, "CUBOIDS", (2, 4))
    found = list(growth.measured_growths(quick=True))
    assert {(g.function, g.along, g.who) for g in found} == {
        *((function, "points", "boxwright") for function in ("points_in_cuboids", "project_points", "ground")),
        ("points_in_cuboids", "points", growth.KD_TREE),
        *(("points_in_cuboids", "cuboids", who) for who in ("boxwright", growth.KD_TREE)),
    }
    assert all(len(g.median_ms) == len(g.sizes) == (4 if g.along == "points" else 2) and min(g.median_ms) > 0 for g in found)
    assert [findings.growth_from_json(json.loads(json.dumps(dataclasses.asdict(g)))) for g in found] == found


def test_growth_compares_results_before_it_times(monkeypatch):
    monkeypatch.setattr(growth, "POINTS", (2000, 3000, 4000, 5000))
    monkeypatch.setattr(growth.containment, "kd_build_and_query", lambda prepared: [np.array([0])] * growth.N_CUBOIDS)
    with pytest.raises(rivals.DifferenceError):
        next(growth.measured_growths(quick=True))


def test_the_picture_shows_every_curve():
    curves = [grown(1, 10, 100), grown(2, 30, 900, who="somebody"), grown(1, 2, 4, along="cuboids")]
    picture = plot.growth_picture(curves)
    assert picture.shape == (plot.HEIGHT_PX, 2 * plot.PANEL_PX, 3)

    def drawn(color: tuple[int, int, int], panel: int) -> int:
        part = picture[plot.TOP_PX + 80 :, panel * plot.PANEL_PX : (panel + 1) * plot.PANEL_PX]
        return int((part == color).all(-1).sum())

    assert min(drawn(plot.COLORS[0], 0), drawn(plot.COLORS[1], 0), drawn(plot.COLORS[0], 1)) > 300
    assert drawn(plot.COLORS[1], 1) == 0


# ------------------------------------------------------------ targets


def found_with(*rows: bench.Row, **more) -> bench.Findings:
    return bench.Findings(findings.this_machine(), list(rows), **more)


def judged(found: bench.Findings, kernel: str, wanted: str) -> targets.Verdict:
    return next(v for v in targets.verdicts(found) if v.target.kernel == kernel and v.target.wanted.startswith(wanted))


def test_a_target_is_met_missed_or_not_measured():
    def at(measured: float | None, **bounds: float) -> float | None:
        return targets.Verdict(targets.Target("k", "w", lambda _: measured, "", **bounds), measured).short_by

    assert at(None, lowest=18) is None
    assert at(18.0, lowest=18) == 0
    assert at(9.0, lowest=18) == pytest.approx(0.5)
    assert at(60.0, highest=60) == 0
    assert at(90.0, highest=60) == pytest.approx(0.5)
    assert at(1.0, highest=0) == float("inf")
    assert at(0.0, highest=0) == 0
    assert at(0.85, lowest=0.9, highest=1.1) == pytest.approx(1 - 0.85 / 0.9)


def test_targets_are_measured_from_the_rows():
    rival = bench.RivalTime(growth.KD_TREE, 90.0, 1.0, 9.0, "equal")
    clip = bench.Row("containment", "points_in_cuboids", "120k x 100 far", 10.0, rivals=(rival,))
    far = judged(found_with(clip), "points_in_cuboids, 120k x 100 far", ">= 18 x scipy")
    assert (far.measured, far.short_by) == (9.0, pytest.approx(0.5))
    cloud = bench.Row("containment", "points_in_cuboids", "10 M x 200", 1.0, written_bytes=10 * 2**20, memory_mib=100.0)
    assert judged(found_with(cloud), "points_in_cuboids, 10 M x 200", "<= 60 MiB").measured == pytest.approx(90)
    fits = bench.Row("fitting", "fit_cuboid", f"{suite.N_CLUSTERS} clusters, 216k points, one by one", 400.0)
    assert judged(found_with(fits), "fit_cuboid", "<= 3 ms").measured == pytest.approx(2)
    fill = bench.Row("interpolation", "interpolate_tracks, linear (with out)", targets.FILLED, 3.0, written_bytes=10_000_000)
    speed = bandwidth.Bandwidth(1, 5, 1, 1, 1)
    assert judged(found_with(fill, bandwidth=speed), "interpolate_tracks, linear, with out", "<= 1.6 x").measured == pytest.approx(1.5)
    wrong = dataclasses.replace(rival, name=targets.SHAPELY, is_wrong=True)
    pairs = bench.Row("overlap", "iou (fresh arrays)", targets.PAIRS, 1.0, rivals=(wrong,))
    assert judged(found_with(pairs), "iou", "within 1e-9").short_by == float("inf")


def test_growth_is_judged_over_its_whole_span_alone():
    square = grown(*(n**2 * 1e-6 for n in growth.POINTS), sizes=growth.POINTS, beside="200 cuboids")
    many = grown(1, 2, 3, 5, 7, sizes=growth.CUBOIDS, along="cuboids", beside="120,000 points")
    slow = found_with(growths=[square, many])
    assert judged(slow, "growth of points_in_cuboids", "exponent").short_by == pytest.approx(2 / 1.1 - 1)
    assert judged(slow, "growth of points_in_cuboids", "10 to 1000").short_by == pytest.approx(1 / 6)
    quick = found_with(growths=[grown(1, 20, 400, beside="200 cuboids"), dataclasses.replace(many, beside="20,000 points")])
    assert judged(quick, "growth of points_in_cuboids", "exponent").short_by is None
    assert judged(quick, "growth of points_in_cuboids", "10 to 1000").short_by is None


def test_nothing_measured_meets_no_target():
    assert all(verdict.short_by is None for verdict in targets.verdicts(found_with()))
    assert (
        tables.target_table(targets.verdicts(found_with()))
        == f"0 of {len(targets.TARGETS)} met, 0 missed, {len(targets.TARGETS)} not measured in this run."
    )


def test_every_target_names_rows_that_a_full_run_has():
    """A renamed workload must not leave its target unmeasured for ever."""
    titles = {work.title for works in suite.workloads().values() for work in works} | {"over numpy", "nothing compiled yet", "compiled before"}
    titles |= set(batches.workloads())
    names = {rival.name for job in rivals.JOBS for rival in job.rivals}
    functions = {job.function for job in rivals.JOBS}
    for target in targets.TARGETS:
        given = target.measure.keywords if hasattr(target.measure, "keywords") else {}
        assert given.get("workload", "over numpy") in titles, target
        assert given.get("rival", growth.KD_TREE) in names, target
        function = given.get("function", "iou").split(" (")[0]
        is_of_processes = any(words in target.kernel for words in ("first call", "growth", "batch"))
        assert function in functions or is_of_processes, target


# ------------------------------------------------------------ rows and tables


def row(ratio: float | None, **changes) -> bench.Row:
    rival = bench.RivalTime("slowpoke", None if ratio is None else ratio * 2, 1.0, ratio, "equal")
    cheat = bench.RivalTime("cheat", 0.1, 1.0, 0.05, "equal", leaves_out="the work")
    return bench.Row(**({"verb": "overlap", "function": "iou", "workload": "1 x 1", "median_ms": 2.0, "rivals": (cheat, rival)} | changes))


SHORT_ROW = row(3.0, function="iou (fresh arrays)", workload="1000 x 1000 cuboids")


def test_a_loss_is_told():
    assert [rival.name for rival in row(0.5).lost_to] == ["slowpoke"] and row(1.5).lost_to == []
    assert bench.losses([row(0.5), row(3.0, workload="2 x 2")]) == "- iou, 1 x 1: slowpoke takes 1.00 ms, boxwright 2.00 ms; equal"
    assert bench.losses([row(3.0)]) == "No rival that does the whole job was faster."


def test_a_rival_with_a_head_start_is_not_the_fastest():
    assert row(3.0).fastest.name == "slowpoke"
    assert "cheat (without the work)" in bench.table([row(3.0)])
    assert "cheat" not in tables.short_table([SHORT_ROW])


def test_the_readme_shows_the_rows_that_were_chosen_for_it():
    assert "slowpoke" in tables.short_table([SHORT_ROW]) and "slowpoke" not in tables.short_table([row(3.0)])
    assert "slowpoke" not in tables.short_table([dataclasses.replace(SHORT_ROW, function="iou (with out)")])
    assert 5 <= len(suite.short_works()) <= 15


def test_bytes_stand_against_the_bandwidth():
    speed = bandwidth.Bandwidth(read_gb_s=10, fill_gb_s=5, fresh_fill_gb_s=1, cached_read_gb_s=1, cached_fill_gb_s=1)
    moved = row(3.0, median_ms=6.0, read_bytes=10_000_000, written_bytes=10_000_000, memory_mib=12.5)
    assert "| iou: 1 x 1 | 10.0 | 10.0 | 3.00 | 2.00 x | 12.5 |" in tables.memory_table([moved, row(3.0)], speed)
    assert tables.memory_table([row(3.0)], speed).count("\n") == 1


def everything() -> bench.Findings:
    speed = bandwidth.Bandwidth(1.0, 2.0, 3.0, 4.0, 5.0)
    rows = (row(3.0, read_bytes=1, written_bytes=2, memory_mib=3.0, error=0.1), row(0.5, verb="startup"))
    return found_with(*rows, bandwidth=speed, growths=[grown(1, 10, 100), grown(1, 7, along="cuboids")])


def test_findings_survive_their_files(tmp_path):
    found = everything()
    bench.write_results(found, tmp_path)
    assert bench.read_results(tmp_path) == found
    text = (tmp_path / "RESULTS.md").read_text()
    for part in ("## Targets", "## What we lose", "## overlap", "## startup", "## Bytes and memory", "## Growth", "(growth.png)", found.machine.cpu):
        assert part in text
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")
    assert found.machine.versions["numpy"] == np.__version__


@pytest.mark.parametrize("load, told", [(None, False), (0.2, False), (3.4, True)])
def test_a_busy_machine_is_told(load, told):
    found = everything()
    found.machine = dataclasses.replace(found.machine, load=load)
    assert ("busy with other work, load 3.4" in bench.report(found)) == told


def test_the_table_goes_between_the_marks_of_the_readme():
    text, found = "before\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nafter\n", everything()
    new = bench.readme_with_table(text, found)
    assert new.startswith("before\n<!-- bench:begin -->\n|") and new.endswith("<!-- bench:end -->\nafter\n") and "old" not in new
    assert "All 2 rows, 1 of them lost to a rival, and the targets, 0 of them missed" in new
    assert bench.readme_with_table(new, found) == new
    for broken in ("nothing", "<!-- bench:end --> <!-- bench:begin -->", text + text):
        with pytest.raises(BoxwrightError, match="bench:begin"):
            bench.readme_with_table(broken, found)


def test_the_tables_are_those_of_the_results():
    """Nobody edits them: python benchmarks/run_all.py --again makes them from results.json."""
    found = bench.read_results(ROOT / "benchmarks")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert bench.readme_with_table(readme, found) == readme
    picture = "growth.png" if found.growths else None
    assert bench.report(found, results.COMMAND, picture) == (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    assert picture is None or (ROOT / "benchmarks" / picture).is_file()


# ------------------------------------------------------------ whole runs


def test_an_unknown_verb_is_refused():
    with pytest.raises(BoxwrightError, match="expected one of containment"):
        bench.run(quick=True, verbs=["containmant"])


def test_a_quick_run_from_end_to_end(monkeypatch):
    monkeypatch.delenv("BOXWRIGHT_REAL_DATA", raising=False)
    seen = []
    found = bench.run(quick=True, verbs=["interpolation"], progress=seen.append)
    assert len(found.rows) == 9 and len(seen) == 10
    assert found.bandwidth is not None and found.bandwidth.read_gb_s > 0
    assert all(r.median_ms > 0 and r.fastest is not None and not r.is_wrong for r in found.rows)
    text = bench.report(found)
    assert "Made by `boxwright bench`" in text and all(r.function in text for r in found.rows)


def test_what_a_library_prints_does_not_mix_with_the_findings():
    code = "import os; from boxwright.bench.measure import own_output; out = own_output(); os.write(1, b'noise'); out.write('ours'); out.flush()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=True)
    assert done.stdout == "ours" and "noise" in done.stderr


def test_the_server_is_measured_and_told(tmp_path):
    pytest.importorskip("fastapi", reason="FastAPI is not installed (extra 'serve')")
    seen = []
    found = everything()
    found.server = bench.server_load(0.1, [1, 2], progress=seen.append)
    assert [(one.what, one.n_clients) for one in found.server.loads] == [
        (what, n) for what in ("edit, on disk", "120,000 points, float32", "120,000 points, uint16") for n in (1, 2)
    ]
    assert all(0 < one.median_ms <= one.p99_ms and one.per_s > 0 and one.cpu_ms >= 0 for one in found.server.loads) and len(seen) == 6
    found.server = dataclasses.replace(found.server, resident_mib=(100.0, 101.4))
    bench.write_results(found, tmp_path)
    assert bench.read_results(tmp_path) == found
    text = (tmp_path / "RESULTS.md").read_text()
    assert "## Server" in text and "each minute of editing and reading frames: 100, 101 MiB." in text and "| edit, on disk | 2 |" in text


def test_a_writer_that_fails_has_no_figures(monkeypatch, capsys):
    """It had the labels and the size of the format before it, or ended the benchmark where it was the first."""
    spec = importlib.util.spec_from_file_location("writers", ROOT / "benchmarks/writers.py")
    writers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(writers)
    good = json.dumps({"cpu_s": 1.0, "memory_mib": 2.0, "labels": 1234, "file_mb": 5.0})
    fails = {("coco", "250"), ("coco", "1000"), ("labelbox", "1000")}

    def run(command, **_):
        is_bad = tuple(command[-2:]) in fails
        return subprocess.CompletedProcess(command, int(is_bad), "" if is_bad else good, "no room" if is_bad else "")

    monkeypatch.setattr(writers.subprocess, "run", run)
    monkeypatch.setattr(sys, "argv", ["writers.py", "--only", "coco,darwin,labelbox"])
    writers.main()
    told = {line.split("`")[1]: line for line in capsys.readouterr().out.splitlines()}
    assert told["darwin"] == "| `darwin` | 1,234 | 5.0 | 1.00 | 2 | 1.00 | 2 |"
    assert told["coco"] == "| `coco` | - | - | no room |  | no room |  |"
    assert told["labelbox"] == "| `labelbox` | - | - | 1.00 | 2 | no room |  |"
    good = json.dumps({**json.loads(good), "read_cpu_s": 3.0})
    monkeypatch.setattr(sys, "argv", ["writers.py", "--dense", "--only", "darwin,labelbox"])
    writers.main()
    dense = capsys.readouterr().out.splitlines()[2:]
    assert dense == ["| `darwin` | 1,234 | 5.0 | 1.00 | 2 | 3.00 |", "| `labelbox` | - | - | no room |  |  |"]
