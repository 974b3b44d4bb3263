"""Whole datasets: the same tables whatever runs them, the verbs' own results in them, and one clear error for what cannot be."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import resource
import shutil
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest

import batches
import boxwright as bw
from boxwright.batching import computing, engines, planning
from boxwright.batching.tables import TABLES, schema
from boxwright.batching.verbs import OPTIONS, VERBS
from boxwright.batching.windows import window
from boxwright.cli import main
from boxwright.formats import SceneList, scenes

assert_frame_equal = pytest.importorskip("pandas.testing", reason="pandas is not installed (extra 'table')").assert_frame_equal
pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed (extra 'batch')")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return batches.make_dataset(tmp_path_factory.mktemp("made") / "dataset", 4)


@pytest.fixture
def mine(dataset, tmp_path):
    """A copy that may be harmed."""
    return Path(shutil.copytree(dataset, tmp_path / "dataset"))


def threads(*arguments, **options):
    return bw.batch(*arguments, engine="threads", n_workers=2, **options)


# ------------------------------------------------------------ what is in the tables


def test_fill_and_count_and_project_are_what_the_verbs_say(dataset, tmp_path):
    report = threads(dataset, ["project", "fill", "count"], tmp_path / "out")
    assert (report.n_shards, report.n_computed, report.n_failed, report.n_frames, report.n_bad) == (4, 4, 0, 24, 0)
    assert report.verbs == ("fill", "count", "project")
    labels, counts, boxes = (report.to_pandas(name) for name in ("labels", "counts", "boxes"))
    for number in range(4):
        scene = bw.read(dataset, f"street-{number}")
        mine = labels[labels.scene == scene.name]
        filled = bw.interpolate_tracks(scene.tracks, scene.times_ns)
        assert len(mine) == len(filled) and list(mine.frame_index) == sorted(mine.frame_index)
        for i in range(len(scene)):
            at, here = mine[mine.frame_index == i], scene.labels(i, "world")
            np.testing.assert_array_equal(at[["center_x_m", "center_y_m", "center_z_m"]].to_numpy(), here.cuboids.center_m)
            assert list(at.track_id) == [scene.tracks[k].track_id for k in here.track_index] and set(at.frame) == {"world"}
            found = bw.points_in_cuboids(scene.still_points(i), scene.cuboids(i))
            of_frame = counts[(counts.scene == scene.name) & (counts.frame_index == i)]
            np.testing.assert_array_equal(of_frame.n_points.to_numpy(), found.counts)
        seen = bw.project_tracks(scene, occlusion=False).to_pandas()
        own = boxes[boxes.scene == scene.name].reset_index(drop=True)
        np.testing.assert_array_equal(own[["left_px", "top_px", "right_px", "bottom_px"]], seen[["left_px", "top_px", "right_px", "bottom_px"]])
        assert list(own.track_id) == list(seen.track_id)
    assert counts.n_points.sum() > 1000
    assert report.tally["labels"]["car"]["plain"] == (labels.category == "car").sum()
    assert sum(parts["plain"] for parts in report.tally["counts"].values()) == len(counts)


def test_fill_from_few_keyframes(dataset, tmp_path):
    labels = threads(dataset, "fill", tmp_path / "out", keyframes_every=3, method="linear").to_pandas("labels")
    scene = bw.read(dataset, "street-1")
    track = scene.tracks[1].keyframes_every(3).replace(method="linear")
    mine = labels[labels.track_id == track.track_id]
    np.testing.assert_array_equal(mine.center_x_m, track.at(scene.times_ns).cuboids.center_m[:, 0])
    assert set(mine.state) == {"keyframe", "between"}


def test_check_is_what_check_says(dataset, tmp_path):
    profile = bw.Profile(thresholds={"speed": {"*": 5.0}})
    report = threads(dataset, "check", tmp_path / "out", rules="labels,-gap", profile=profile)
    findings = report.to_pandas("findings")
    for number in range(4):
        found = bw.check(bw.read(dataset, f"street-{number}"), profile, "labels,-gap")
        assert list(findings[findings.scene == f"street-{number}"].finding_id) == [one.finding_id for one in found]
    assert "speed" in set(findings.rule) and report.n_bad == (findings.severity == "error").sum()
    assert sum(report.tally["findings"]["speed"].values()) == (findings.rule == "speed").sum()
    assert all("images" not in note for notes in report.to_pandas("scenes").notes for note in notes)


def test_fit_is_what_refit_track_says(dataset, tmp_path):
    report = threads(dataset, "fit", tmp_path / "out", face_margin_m=0.02)
    fits = report.to_pandas("fits")
    scene = bw.read(dataset, "street-3")
    done = bw.refit_track(scene, "driving-3", face_margin_m=0.02)
    mine = fits[fits.track_id == "driving-3"]
    assert list(mine.is_fitted) == [fit is not None for fit in done.fits] and mine.is_fitted.all()
    np.testing.assert_array_equal(mine.center_x_m, done.track.cuboids.center_m[:, 0])
    np.testing.assert_array_equal(mine.sigma_x_m, [fit.sigma.center_m[0] for fit in done.fits])
    assert (mine.moved_m > 0).all()


def test_score_is_what_score_says(dataset, tmp_path):
    gold = tmp_path / "gold"
    for number in range(3):
        scene = batches.some_scene(number)
        moved = [track.replace(cuboids=track.cuboids.replace(center_m=track.cuboids.center_m + np.array([0.5, 0, 0]))) for track in scene.tracks]
        bw.write(scene.replace(tracks=moved), gold / f"street-{number}")
    report = threads(dataset, "score", tmp_path / "out", gold=gold)
    found = bw.score(bw.read(dataset, "street-0"), bw.read(gold, "street-0"))
    scores, errors = report.to_pandas("scores"), report.to_pandas("label_errors")
    row = scores[(scores.scene == "street-0") & (scores.category == "all")].iloc[0]
    assert row.ate_m == found.overall.ate_m.value and row.hota == found.tracking.hota.hota and row.n_gold == found.overall.n_gold
    assert len(errors[errors.scene == "street-0"]) == len(found.errors) > 0 and set(errors.kind) == {"position"}
    assert json.loads(errors.corrected[0]) == found.errors[0].corrected
    assert report.n_bad > 0 and report.n_failed == 1, "the fourth scene has no gold"
    assert "no gold for this scene" in report.errors[0]["message"] and report.errors[0]["verb"] == "score"


def test_the_page_tells_what_to_look_at_first(mine, dataset, tmp_path):
    """By hand: two cars and six frames are 12 labels that are missing without tracks, and 6 with one of the two."""
    for name, n_kept in (("street-2", 1), ("street-0", 0)):
        scene = bw.read(mine, name)
        shutil.rmtree(mine / name)
        bw.write(scene.replace(tracks=scene.tracks[:n_kept]), mine / name)
    report = threads(mine, "score", tmp_path / "out", gold=dataset)
    page = (tmp_path / "out" / "summary.html").read_text()
    cells = re.findall(r"<td[^>]*>(street-\d)</td><td[^>]*>([\d,]+)</td>", page.partition("What to look at first")[2])
    assert cells == [("street-0", "12"), ("street-2", "6")] and report.n_bad == 18


def test_certify_and_convert(dataset, tmp_path):
    report = threads(dataset, "certify,convert", tmp_path / "out", to="openlabel")
    kept = report.to_pandas("certificates")
    assert kept.holds.all() and set(kept.scene) == {f"street-{k}" for k in range(4)} and report.n_bad == 0
    rows = report.to_pandas("conversions")
    assert list(rows.folder) == [f"converted/street-{k}" for k in range(4)] and (rows.n_frames == 6).all()
    back = bw.read(tmp_path / "out" / rows.folder[1])
    assert [track.category for track in back.tracks] == [track.category for track in bw.read(dataset, "street-1").tracks]


def test_labels_in_pictures_are_filled(tmp_path):
    scene = batches.some_scene(0)
    tracks = bw.project_tracks(scene, occlusion=False).image_tracks()
    bw.write(scene.replace(image_tracks=[track.keyframes_every(3) for track in tracks]), tmp_path / "data" / "a")
    found = threads(tmp_path / "data", "fill", tmp_path / "out").to_pandas("picture_labels")
    again = bw.read(tmp_path / "data")
    assert len(found) == sum(len(again.boxes(i, "front")) for i in range(len(again))) > len(again)
    np.testing.assert_array_equal(found.left_px[: len(again.boxes(0, "front"))], again.boxes(0, "front").shapes.bounds_xyxy()[:, 0])


def test_every_table_has_its_columns_and_every_shard_has_every_table(dataset, tmp_path):
    out = tmp_path / "out"
    threads(dataset, "fill,check", out, rules="duplicate_track" if "duplicate_track" in {r.rule_id for r in bw.check_rules()} else "labels")
    for name in ("scenes", "labels", "picture_labels", "findings"):
        assert len(list((out / name).glob("*.parquet"))) == 4
        for file in (out / name).glob("*.parquet"):
            assert pq.read_schema(file).equals(schema(name))
    assert {name for verb in VERBS.values() for name in verb.tables} | {"scenes", "errors"} == set(TABLES)


@pytest.mark.parametrize("library", ["polars", "duckdb"])
def test_others_open_the_tables(dataset, tmp_path, library):
    module = pytest.importorskip(library, reason=f"{library} is not installed")
    report = threads(dataset, "fill", tmp_path / "out")
    pattern = str(tmp_path / "out" / "labels" / "*.parquet")
    if library == "polars":
        n, cars = (lambda t: (t.height, (t["category"] == "car").sum()))(module.read_parquet(pattern))
    else:
        n, cars = module.sql(f"select count(*), count(*) filter (category = 'car') from read_parquet('{pattern}')").fetchall()[0]
    assert (n, cars) == (report.n_rows["labels"], report.tally["labels"]["car"]["plain"])


# ------------------------------------------------------------ whatever runs it


def test_processes_give_what_threads_give(dataset, tmp_path):
    verbs = "fill,count,project,check"
    threads(dataset, verbs, tmp_path / "threads")
    report = bw.batch(dataset, verbs, tmp_path / "processes", n_workers=2)
    assert report.n_failed == 0 and len(batches.results(tmp_path / "threads")) > 20
    assert batches.results(tmp_path / "processes") == batches.results(tmp_path / "threads")
    assert {row["worker"].split(":")[1] for row in batches.log_of(tmp_path / "processes") if row["event"] == "done"}.isdisjoint({str(os.getpid())})


def test_one_worker_gives_what_many_give(dataset, tmp_path):
    bw.batch(dataset, "fill,count", tmp_path / "one", engine="threads", n_workers=1)
    bw.batch(dataset, "fill,count", tmp_path / "many", engine="threads", n_workers=5)
    assert batches.results(tmp_path / "one") == batches.results(tmp_path / "many")


def test_pieces_of_a_recording_are_what_the_whole_is(dataset, tmp_path):
    whole = threads(dataset, "fill,count,project", tmp_path / "whole")
    parts = threads(dataset, "fill,count,project", tmp_path / "parts", shard_frames=4)
    assert parts.n_shards == 8 and parts.n_frames == whole.n_frames
    assert {p.name for p in (tmp_path / "parts" / "labels").iterdir()} >= {"street-0.0000000.parquet", "street-0.0000004.parquet"}
    for name in ("labels", "counts"):
        assert parts.to_arrow(name).equals(whole.to_arrow(name)), name
    keys = ["scene", "camera", "frame_index", "track_id"]
    a, b = (one.to_pandas("boxes").sort_values(keys).reset_index(drop=True) for one in (parts, whole))
    assert a.equals(b)
    with pytest.raises(bw.ArgumentError, match="check looks at all frames"):
        threads(dataset, "fill,check", tmp_path / "no", shard_frames=4)


def test_several_scenes_of_a_shard_give_what_each_alone_gives(dataset, tmp_path):
    """The same rows and the same folders, in fewer files; and scenes that name their gold keep it."""
    options = {"to": "kitti_tracking", "gold": dataset}
    alone = threads(dataset, "fill,count,score,convert", tmp_path / "alone", **options)
    some = threads(dataset, "fill,count,score,convert", tmp_path / "some", shard_scenes=2, **options)
    assert 1 < some.n_shards < alone.n_shards == 4
    assert (some.n_frames, some.n_rows, some.tally, some.n_bad) == (alone.n_frames, alone.n_rows, alone.tally, alone.n_bad)
    for name in alone.n_rows:
        assert_frame_equal(some.to_pandas(name), alone.to_pandas(name), check_exact=True)  # where both are NaN they are equal
    folders = [{str(f.relative_to(tmp_path / one)) for f in (tmp_path / one / "converted").rglob("*")} for one in ("alone", "some")]
    assert folders[0] == folders[1]
    again = threads(dataset, "fill,count,score,convert", tmp_path / "some", shard_scenes=2, **options)
    assert (again.n_computed, again.n_reused) == (0, some.n_shards)
    with pytest.raises(bw.ArgumentError, match="several scenes, or some frames of one"):
        threads(dataset, "fill", tmp_path / "no", shard_scenes=3, shard_frames=4)


def test_one_scene_of_a_shard_that_cannot_be_read_costs_the_others_nothing(mine, tmp_path):
    (mine / "street-2" / "scene.json").write_text("{")
    (mine / "street-1" / "lidars" / "lidar" / "000003.pcd").write_bytes(b"no cloud")
    report = threads(mine, "fill,count", tmp_path / "out", shard_scenes=100)
    assert (report.n_shards, report.n_failed) == (1, 1)
    assert [(row["scene"], row["frame_index"], row["verb"]) for row in report.errors] == [("street-1", 3, "count"), ("street-2", None, "read")]
    assert set(report.to_pandas("labels").scene) == set(report.to_pandas("scenes").scene) == {"street-0", "street-1", "street-3"}
    with pytest.raises(bw.BoxwrightError, match=r"shard street-0\.to\.street-3, scene street-1: .*000003\.pcd"):
        threads(mine, "fill,count", tmp_path / "strict", shard_scenes=100, strict=True)


def runs(names, n_scenes):
    """The scenes of each shard, of a dataset with these names."""
    found = SceneList(Path("nowhere"), "boxwright", names)
    return [shard.scenes for shard in planning.shards_of(found, n_scenes, None, dict.fromkeys(names, ""), {}, {})]


def test_scenes_that_come_or_go_leave_most_shards_as_they_are():
    names = [f"{k:06d}" for k in range(2000)]
    before = runs(names, 16)
    assert [name for run in before for name in run] == names and max(map(len, before)) <= 32 and 80 < len(before) < 200
    for changed in (names[:700] + names[701:], [*names[:700], "000699b", *names[700:]], names[5:]):
        assert len(set(before) ^ set(runs(changed, 16))) <= 8
    assert runs(names[:3], 1) == [("000000",), ("000001",), ("000002",)]


@pytest.mark.parametrize(
    ("n_scenes", "scene_mb", "wanted"),
    [(4, 0.001, 1), (399, 0.001, 1), (7481, 2.8, 16), (100_000, 0.001, 64), (1150, 400, 1), (40_000, 30, 2), (1000, 0, 4), (0, 0, 1)],
)
def test_small_scenes_share_a_shard_where_there_are_many(n_scenes, scene_mb, wanted):
    """By hand: at most 64 of them, 64 MB, and never so many that fewer than 200 shards are left."""
    assert planning.scenes_a_shard(n_scenes, int(n_scenes * scene_mb * 1e6)) == wanted


def test_how_many_scenes_share_a_shard_is_settled_by_the_first_run(mine, tmp_path, monkeypatch):
    monkeypatch.setattr(planning, "FEWEST_SHARDS", 1)
    first = threads(mine, "fill", tmp_path / "out")
    monkeypatch.undo()
    again = threads(mine, "fill", tmp_path / "out")
    assert first.n_shards < 4 and (again.n_computed, again.n_reused) == (0, first.n_shards)


def test_window():
    scene = batches.some_scene(1)
    some = window(scene, 2, 5)
    assert len(some) == 3 and some.frame_ids == scene.frame_ids[2:5] and [t.track_id for t in some.tracks] == [t.track_id for t in scene.tracks]
    np.testing.assert_array_equal(some.points(1).xyz, scene.points(3).xyz)
    np.testing.assert_array_equal(some.cuboids(1).center_m, scene.cuboids(3).center_m)


def broken(task):
    """Ends the process of one shard, as a lack of memory does."""
    if task.shard.scenes == ("street-2",):
        os._exit(9)
    return computing.Outcome(worker=task.shard.shard_id)


def some_tasks(dataset):
    found = scenes(dataset)
    for shard in planning.shards_of(found, 1, None, planning.inputs_of(found.path, found.names).digests, {}, {}):
        yield computing.Task(shard, str(dataset), found.format, (), {}, "", "", "", "", False, (), True, bw.__version__)


def test_a_process_that_dies_costs_its_own_shard_alone(dataset):
    with engines.open_engine("processes", 2, None) as engine:
        done = {task.shard.shard_id: outcome for task, outcome in engine.run(broken, some_tasks(dataset))}
    assert {name for name, outcome in done.items() if isinstance(outcome, computing.Outcome)} == {"street-0", "street-1", "street-3"}
    assert isinstance(done["street-2"], bw.BoxwrightError) and not isinstance(done["street-2"], BrokenProcessPool)
    assert "process ended" in str(done["street-2"])


def test_an_engine_takes_no_more_tasks_than_it_has_room_for(dataset):
    taken, seen = [], []

    def tasks():
        for task in some_tasks(dataset):
            for k in range(5):
                taken.append(k)
                yield task

    with engines.open_engine("threads", 1, None) as engine:
        for _ in engine.run(lambda task: computing.Outcome(), tasks()):
            seen.append(1)
            assert len(taken) - len(seen) <= engines.PER_WORKER
    assert len(seen) == 20


# ------------------------------------------------------------ run again


def test_a_repeated_run_does_nothing(dataset, tmp_path):
    first = threads(dataset, "fill,count", tmp_path / "out")
    before = {file: file.stat().st_mtime_ns for file in sorted((tmp_path / "out").rglob("*")) if file.is_file() and file.name != "lock"}
    again = bw.batch(dataset, "fill,count", tmp_path / "out")  # with the engine that would have to start first
    assert (again.n_computed, again.n_reused, again.n_rows, again.tally) == (0, 4, first.n_rows, first.tally)
    assert {file: file.stat().st_mtime_ns for file in before} == before


@pytest.mark.parametrize("by_content", [False, True])
def test_changed_inputs_are_computed_again(mine, tmp_path, by_content):
    threads(mine, "fill", tmp_path / "out", hash_inputs=by_content)
    text = (mine / "street-1" / "scene.json").read_text()
    (mine / "street-1" / "scene.json").write_text(
        text.replace('"category": "car"', '"category": "van"').replace('"category":"car"', '"category":"van"')
    )
    again = threads(mine, "fill", tmp_path / "out", hash_inputs=by_content)
    assert (again.n_computed, again.n_reused) == (1, 3)
    labels = again.to_pandas("labels")
    assert "van" in set(labels[labels.scene == "street-1"].category) and "van" not in set(labels[labels.scene == "street-0"].category)
    os.utime(mine / "street-2" / "scene.json", (1, 1))
    assert threads(mine, "fill", tmp_path / "out", hash_inputs=by_content).n_computed == (0 if by_content else 1)


def test_scenes_that_come_and_go(mine, tmp_path):
    out = tmp_path / "out"
    threads(mine, "fill", out)
    shutil.move(mine / "street-0", tmp_path / "aside")
    bw.write(batches.some_scene(7), mine / "street-7")
    report = threads(mine, "fill", out)
    assert (report.n_shards, report.n_computed, report.n_reused) == (4, 1, 3)
    threads(mine, "fill", tmp_path / "fresh")
    assert batches.results(out) == batches.results(tmp_path / "fresh")


def test_results_that_were_lost_are_made_again(dataset, tmp_path):
    out = tmp_path / "out"
    threads(dataset, "fill,convert", out, to="kitti_tracking")
    kept = batches.results(out)
    (out / "labels" / "street-1.parquet").write_bytes(b"short")
    (out / "scenes" / "street-2.parquet").unlink()
    shutil.rmtree(out / "converted" / "street-3")
    size = (out / "labels" / "street-0.parquet").stat().st_size
    (out / "labels" / "street-0.parquet").write_bytes(bytes(size))  # as a power cut may leave it
    again = threads(dataset, "fill,convert", out, to="kitti_tracking")
    assert again.n_computed == 4 and batches.results(out) == kept


def test_what_was_left_half_done_is_cleared_away(dataset, tmp_path):
    out = tmp_path / "out"
    threads(dataset, "fill", out)
    kept = batches.results(out)
    (out / "labels" / ".street-1.parquet.abc").write_bytes(b"x")
    (out / "labels" / "street-9.parquet").write_bytes(b"of a shard whose line was never written")
    with (out / "manifest.jsonl").open("a") as file:
        file.write('{"shard": "street-2", "inp')  # torn
    assert threads(dataset, "fill", out).n_computed == 0
    assert batches.results(out) == kept


# ------------------------------------------------------------ what goes wrong


def test_an_unreadable_scene_is_told_and_the_others_go_on(mine, tmp_path):
    (mine / "street-2" / "scene.json").write_text('{"format": "boxwright", "version": 2')
    report = threads(mine, "fill,count", tmp_path / "out")
    assert (report.n_failed, report.n_computed) == (1, 4) and len(report.errors) == 1
    errors = report.to_pandas("errors")
    assert list(errors.scene) == ["street-2"] and errors.verb[0] == "read" and errors.code[0] == "format" and "scene.json" in errors.message[0]
    assert set(report.to_pandas("labels").scene) == {"street-0", "street-1", "street-3"}
    again = threads(mine, "fill,count", tmp_path / "out")
    assert (again.n_computed, again.n_reused, again.n_failed) == (1, 3, 1), "what failed is tried again"
    shutil.rmtree(mine / "street-2")
    bw.write(batches.some_scene(2), mine / "street-2")
    mended = threads(mine, "fill,count", tmp_path / "out")
    assert (mended.n_failed, mended.n_computed) == (0, 1) and len(mended.to_pandas("errors")) == 0


def test_strict_stops(mine, tmp_path):
    (mine / "street-0" / "scene.json").write_text("{")
    with pytest.raises(bw.BoxwrightError, match=r"shard street-0: .*scene\.json"):
        bw.batch(mine, "fill", tmp_path / "out", engine="threads", n_workers=1, strict=True)
    assert {row["shard"] for row in batches.log_of(tmp_path / "out") if row["event"] == "begun"} < {f"street-{k}" for k in range(4)}
    assert threads(mine, "fill", tmp_path / "out").n_failed == 1


def test_a_damaged_sweep_costs_its_own_frame_alone(mine, tmp_path):
    (mine / "street-1" / "lidars" / "lidar" / "000003.pcd").write_bytes(b"no cloud")
    report = threads(mine, "fill,count", tmp_path / "out")
    (error,) = report.errors
    assert (error["scene"], error["frame_index"], error["verb"]) == ("street-1", 3, "count") and "000003.pcd" in error["message"]
    counts = report.to_pandas("counts")
    assert sorted(set(counts[counts.scene == "street-1"].frame_index)) == [0, 1, 2, 4, 5]


def test_a_verb_that_fails_leaves_the_others_their_tables(dataset, tmp_path):
    report = threads(dataset, "fill,count", tmp_path / "out", sensors="roof")
    assert report.n_failed == 4 and "counts" not in report.n_rows and report.n_rows["labels"] > 0
    assert all(error["verb"] == "count" and "roof" in error["message"] for error in report.errors)


def test_a_fault_of_our_own_is_told_with_its_traceback(dataset, tmp_path, monkeypatch):
    def faulty(work):
        raise RuntimeError("planted")

    monkeypatch.setitem(VERBS, "fill", VERBS["fill"].__class__("fill", "", ("labels", "picture_labels"), faulty))
    report = threads(dataset, "fill", tmp_path / "out")
    assert report.n_failed == 4 and report.errors[0]["code"] == "fault" and "RuntimeError: planted" in report.errors[0]["message"]
    assert all("planted" in row["fault"] for row in batches.log_of(tmp_path / "out") if row["event"] == "failed")


def test_another_batch_is_refused_in_the_same_folder(dataset, mine, tmp_path):
    out = tmp_path / "out"
    threads(dataset, "fill", out, method="linear")
    kept = batches.results(out)
    for changed, told in (
        (
            lambda: threads(dataset, "fill", out, method="makima"),
            r"method: the folder holds another batch: expected 'linear', as before, got 'makima'",
        ),
        (lambda: threads(dataset, "fill", out), "method: the folder holds another batch: expected 'linear', as before, got none"),
        (lambda: threads(dataset, "count", out), "verbs"),
        (lambda: threads(mine, "fill", out, method="linear"), "dataset"),
        (lambda: threads(dataset, "fill", out, method="linear", shard_frames=3), "shard_frames"),
        (lambda: threads(dataset, "fill", out, method="linear", lenient=True), "lenient"),
    ):
        with pytest.raises(bw.ArgumentError, match=told):
            changed()
    assert batches.results(out) == kept


def test_a_folder_in_use_is_refused(dataset, tmp_path):
    out = tmp_path / "out"
    threads(dataset, "fill", out)
    with (out / "lock").open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(bw.StorageError, match=r"another run writes here: got process \d+ on .*; wait"):
            threads(dataset, "fill", out)


def test_folders_that_cannot_be(dataset, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    with pytest.raises(bw.StorageError, match="not empty"):
        threads(dataset, "fill", tmp_path / "full")
    assert [file.name for file in (tmp_path / "full").iterdir()] == ["letter.txt"]
    (tmp_path / "file").write_text("")
    with pytest.raises(bw.StorageError, match="no folder"):
        threads(dataset, "fill", tmp_path / "file")
    with pytest.raises(bw.ArgumentError, match="inside the recording"):
        threads(dataset, "fill", dataset / "out")
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "batch.json").write_text("{}")
    with pytest.raises(bw.CorruptionError, match=r"no batch\.json"):
        threads(dataset, "fill", tmp_path / "odd")


READ_ONLY = """
import sys
import boxwright as bw
try:
    bw.batch(sys.argv[1], "fill", sys.argv[2], engine="threads")
except bw.StorageError as error:
    print(error)
"""


def test_a_folder_that_may_not_be_written_to(dataset, tmp_path):
    place = tmp_path / "mine"
    place.mkdir()
    place.chmod(0o555)
    drop = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"] if os.geteuid() == 0 else []
    if drop and shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed, and root may write anywhere")
    for out in (place, place / "out"):
        done = subprocess.run([*drop, sys.executable, "-c", READ_ONLY, str(dataset), str(out)], capture_output=True, text=True, timeout=300)
        assert "may not be written to" in done.stdout and "Traceback" not in done.stderr, done
    place.chmod(0o755)


FULL = """
import resource, signal, sys
import boxwright as bw
bw.batch(sys.argv[1], "fill,count,project", sys.argv[2] + "-warm", engine="threads", n_workers=1)  # kernels are on disk
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, resource.RLIM_INFINITY))
try:
    bw.batch(sys.argv[1], "fill,count,project", sys.argv[2], engine="threads", n_workers=1)
except bw.StorageError as error:
    print(error)
"""


def test_a_full_disk_is_told_and_the_run_goes_on_from_there(dataset, tmp_path):
    """A limit on the size of files stands for a full disk: the kernel refuses the write."""
    threads(dataset, "fill,count,project", tmp_path / "whole")
    done = subprocess.run([sys.executable, "-c", FULL, str(dataset), str(tmp_path / "out")], capture_output=True, text=True, timeout=300)
    assert "cannot write" in done.stdout and "Traceback" not in done.stderr, done
    threads(dataset, "fill,count,project", tmp_path / "out")
    assert batches.results(tmp_path / "out") == batches.results(tmp_path / "whole")
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"verbs": "paint"}, "expected verbs of fill, count"),
        ({"verbs": ""}, "verbs"),
        ({"verbs": ()}, "at least one"),
        ({"engine": "ray"}, "no such engine"),
        ({"n_workers": 0}, "n_workers"),
        ({"n_workers": True}, "n_workers"),
        ({"shard_frames": 0}, "shard_frames"),
        ({"shard_scenes": 0}, "shard_scenes"),
        ({"scheduler": "tcp://127.0.0.1:1"}, "scheduler is Dask's"),
        ({"rules": "labels"}, "it is an option of check"),
        ({"colour": "red"}, "no such option"),
        ({"verbs": "convert"}, "to: convert needs it"),
        ({"verbs": "convert", "to": "pcd"}, "no such format to write"),
        ({"verbs": "score"}, "gold: score needs it"),
        ({"verbs": "score", "gold": "nowhere"}, "no such file or folder"),
        ({"verbs": "check", "rules": "sped"}, "no rule is called"),
        ({"keyframes_every": 0}, "keyframes_every"),
        ({"method": "cubic"}, "method"),
        ({"verbs": "count", "sensors": [1]}, "names of sensors"),
        ({"verbs": "fit", "face_margin_m": "wide"}, "face_margin_m"),
        ({"verbs": "fit", "category": "unicorn"}, "unicorn"),
    ],
)
def test_one_clear_error(dataset, tmp_path, changes, told):
    asked = {"verbs": "fill", **changes}
    with pytest.raises(bw.BoxwrightError, match=told):
        bw.batch(dataset, asked.pop("verbs"), tmp_path / "out", **asked)
    assert not (tmp_path / "out").exists()


def test_every_option_is_of_a_verb():
    assert set(OPTIONS) == {option for verb in VERBS.values() for option in verb.options}


# ------------------------------------------------------------ the command


@pytest.fixture
def run(capsys):
    """run("fill", ...) -> (exit code, standard output, standard error)"""

    def call(*arguments):
        with pytest.raises(SystemExit) as stop:
            main(["batch", *(str(a) for a in arguments)])
        out, err = capsys.readouterr()
        return stop.value.code or 0, out, err

    return call


def test_command(run, dataset, tmp_path):
    code, out, err = run("fill,count", dataset, "--out", tmp_path / "out", "--engine", "threads", "--workers", 2)
    assert (
        code == 0 and "4 shards, 24 frames; 4 computed, 0 reused, 0 failed" in out and "labels: car 48, pedestrian 12" in out and "counts" in out
    ), err
    code, out, _ = run("fill,count", dataset, "--out", tmp_path / "out", "--json")
    said = json.loads(out)
    assert code == 0 and said["n_reused"] == 4 and said["n_rows"]["labels"] == 60


def test_exit_codes(run, dataset, mine, tmp_path):
    code, out, _ = run("check", dataset, "--out", tmp_path / "a", "--engine", "threads", "--rules", "labels", "--rules=-gap")
    assert code == (1 if "error" in out.partition("findings: ")[2] else 0)
    assert run("score", dataset, "--gold", dataset, "--out", tmp_path / "b", "--engine", "threads")[0] == 0
    scene = bw.read(mine, "street-1")
    bw.write(scene.replace(tracks=scene.tracks[:1]), tmp_path / "fewer" / "street-1")
    code, out, _ = run("score", dataset, "--gold", tmp_path / "fewer", "--out", tmp_path / "c", "--engine", "threads")
    assert code == 2 and "scores:" in out, "three scenes have no gold, which is worse than a difference"
    (mine / "street-0" / "scene.json").write_text("{")
    code, out, err = run("fill", mine, "--out", tmp_path / "d", "--engine", "threads")
    assert code == 2 and "3 shards" not in out and "street-0: read:" in err and "1 shard failed" in err and "labels" in out
    code, _, err = run("fill", mine, "--out", tmp_path / "e", "--engine", "threads", "--strict")
    assert code == 2 and "error: shard street-0" in err and "without --strict" in err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["paint", "DATA", "--out", "o"], ["VERB: expected verbs of fill", "'paint'"]),
        (["fill", "", "--out", "o"], ["DATASET", "expected a path, got an empty text"]),
        (["fill", "DATA"], ["--out"]),
        (["fill", "DATA", "--out", "o", "--rules", "labels"], ["option of check"]),
        (["fill", "DATA", "--out", "o", "--engine", "ray"], ["--engine", "processes, threads, dask"]),
        (["fill", "DATA", "--out", "o", "--scheduler", "tcp://127.0.0.1:1"], ["--scheduler", "--engine dask"]),
        (["convert", "DATA", "--out", "o"], ["to: convert needs it"]),
        (["check", "DATA", "--out", "o", "--shard-frames", "3"], ["--shard-frames"]),
        (["fill", "DATA", "--out", "o", "--shard-frames", "3", "--shard-scenes", "2"], ["--shard-scenes", "leave one of the two out"]),
        (["fill", "DATA", "--out", "DATA/o"], ["--out", "inside the recording"]),
        (["fill", "nowhere", "--out", "o"], ["no such file or folder"]),
    ],
)
def test_command_errors(run, dataset, tmp_path, monkeypatch, arguments, told):
    monkeypatch.chdir(tmp_path)
    code, _, err = run(*(argument.replace("DATA", str(dataset)) if argument.startswith("DATA") else argument for argument in arguments))
    assert code == 2 and all(words in err for words in told) and err.count("\n") == 1, err
    assert not (tmp_path / "o").exists()


# ------------------------------------------------------------ which files a scene is made of


def test_digests_follow_the_files_of_each_scene(tmp_path):
    base = tmp_path / "training"
    for place in ("label_02/0001.txt", "label_02/0002.txt", "velodyne/0001/000000.bin", "velodyne/0002/000000.bin", "devkit.txt"):
        (base / place).parent.mkdir(parents=True, exist_ok=True)
        (base / place).write_text(place)
    before = planning.inputs_of(base, ["0001", "0002"]).digests
    (base / "velodyne/0001/000001.bin").write_text("x")
    after = planning.inputs_of(base, ["0001", "0002"]).digests
    assert before["0001"] != after["0001"] and before["0002"] == after["0002"]
    (base / "devkit.txt").write_text("other")
    shared = planning.inputs_of(base, ["0001", "0002"]).digests
    assert shared["0001"] != after["0001"] and shared["0002"] != after["0002"]
    (base / "loop").symlink_to(base)
    assert planning.inputs_of(base, ["0001", "0002"]).digests.keys() == {"0001", "0002"}


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_results_have_the_rights_of_any_new_file(dataset, tmp_path, mask):
    """Several threads write at a time, and none of them may touch the umask."""
    before = os.umask(mask)
    try:
        threads(dataset, "fill,convert", tmp_path / "out", to="kitti_tracking")
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    there = [path for path in (tmp_path / "out").rglob("*") if path.name != "lock"]
    assert {path.stat().st_mode & 0o777 for path in there if path.is_dir()} == {0o777 & ~mask}
    assert {path.stat().st_mode & 0o777 for path in there if path.is_file()} == {0o666 & ~mask}


def test_a_shard_is_on_the_disk_before_its_line(dataset, tmp_path, monkeypatch):
    """What a power cut leaves is a prefix of this order: the content of every file before its name, all names before the line."""
    order, sync, replace = [], os.fsync, Path.replace

    def fsync(handle):
        order.append(("content", str(Path(f"/proc/self/fd/{handle}").readlink())))
        sync(handle)

    def renamed(self, target):
        order.append(("name", str(self), str(target)))
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", renamed)
    threads(dataset, "fill,convert", tmp_path / "out", to="kitti_tracking")
    named = [entry for entry in order if entry[0] == "name" and entry[2].endswith((".parquet", ".json", ".jsonl")) and "converted" not in entry[1]]
    assert len(named) >= 4 * 4
    for entry in named:
        assert order.index(("content", entry[1])) < order.index(entry)
    written = {str(path) for path in (tmp_path / "out" / "converted").rglob("*")}
    assert len(written) > 4 * 3 and written <= {entry[1] for entry in order if entry[0] == "content"}


def test_a_disk_that_cannot_be_waited_for_is_not_and_one_that_fails_is_told(dataset, tmp_path, monkeypatch):
    def refuse(code):
        def fsync(handle):
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(os, "fsync", fsync)

    refuse(errno.EINVAL)
    assert threads(dataset, "fill", tmp_path / "out").n_failed == 0
    refuse(errno.EIO)
    with pytest.raises(bw.StorageError, match="cannot write: Input/output error"):
        threads(dataset, "fill", tmp_path / "other")


def test_file_labels_are_safe_and_differ():
    names = ["a", "a.b", "a_b", "a/b", "..", "", "é", "x" * 300, "x" * 299 + "y", "A"]
    labels = [planning.file_label(name) for name in names]
    assert len(set(labels)) == len(names) and all(label and "/" not in label and "." not in label and len(label) < 100 for label in labels)
    assert planning.file_label("street-1_b") == "street-1_b"
