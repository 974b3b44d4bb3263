"""What a project promises when things go wrong: kills, many writers, full disks, flipped bits, backups while others write, older files."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import select
import shutil
import signal
import sqlite3
import threading
import time

import numpy as np
import pytest

import boxwright as bw
from boxwright.store import opening, schema
from boxwright.store.snapshots import snapshot, snapshot_lines
from boxwright.store.work_rules import WORK_RULES
from store_faults import SCENE, drained, forked, kill_writers, make, many_writers, set_x, write_on, x_of
from stores import clip, same_scene

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


# ------------------------------------------------------------ kills


def kills(place, n):
    make(place, 2)
    counted = kill_writers(place, n, random.Random(n))
    assert counted["kills"] >= n and counted["acknowledged"] >= n // 2, counted
    assert (counted["lost"], counted["damages"]) == (0, 0), counted


def test_no_acknowledged_edit_is_lost_by_kills(place):
    kills(place, 20 if str(place).startswith("postgres") else 100)


# ------------------------------------------------------------ many writers


def writers(place, n):
    make(place, 1)
    counted = many_writers(place, n)
    assert counted["accepted"] == counted["x"] == n and counted["refused"] > 0, counted
    assert (counted["lost"], counted["failed"], counted["damages"]) == (0, 0, 0), counted


def test_sixteen_writers_of_one_keyframe(place):
    writers(place, 96 if str(place).startswith("postgres") else 320)


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_sixteen_writers_of_one_keyframe_ten_thousand_times(place):
    writers(place, 10_000)


def repeated(place, n, dice):
    """Every request comes three times, from several threads, in any order; for some the answer is lost after the commit."""
    make(place, 1)
    with bw.open_project(place) as project:
        scene_id = project.scene_id(SCENE)
        requests = [[{"verb": "add_tag", "scene": scene_id, "id": f"tag-{k:08d}", "tag": {"name": f"t{k}"}}] for k in range(n)]
        sent = [k for k in range(n) for _ in range(3)]
        dice.shuffle(sent)
        seqs: dict[int, set[int]] = {}
        errors = []

        def send(part):
            for k in part:
                try:
                    commit = project.commit(requests[k], by="client", op_id=f"op-{k:08d}")
                    seqs.setdefault(k, set()).add(commit.seq)
                except Exception as error:
                    errors.append(error)

        threads = [threading.Thread(target=send, args=(sent[i::8],)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert len(seqs) == n and all(len(one) == 1 for one in seqs.values())
        assert project.seq == 2 + n and len(project.read(SCENE).tags) == n
        assert bw.fsck(project).damages == []


def test_as_many_effects_as_requests(place):
    repeated(place, 60, random.Random(3))


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_as_many_effects_as_ten_thousand_requests(place):
    repeated(place, 10_000, random.Random(4))


# ------------------------------------------------------------ a full disk


def fill_up(place, out):
    """In a child that may write files of 3 MB: edits until one is refused, a look around, room made, and on."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, hard))
    with bw.open_project(place) as project:
        scene_id = project.scene_id(SCENE)
        refused, k = 0, 0
        while k < 400:
            edit = {"verb": "add_tag", "scene": scene_id, "id": f"tag-{k:08d}", "tag": {"name": "big", "value": "x" * 20_000}}
            try:
                commit = project.commit([edit], by="filler", op_id=f"op-{k:08d}")
            except bw.StorageError as error:
                refused += 1
                os.write(out, f"refused {error.code} {len(project.read(SCENE).tags)} {'nothing was changed' in str(error)}\n".encode())
                if refused == 3:
                    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
                assert refused < 10
                continue
            os.write(out, f"done {commit.seq} {k} {refused}\n".encode())
            k += 1
            if refused >= 3 and k % 10 == 0:
                return


def test_a_full_disk_loses_nothing_and_needs_no_restart(tmp_path):
    make(tmp_path / "p", 1)
    child, reading = forked(fill_up, tmp_path / "p")
    said = drained(reading)
    assert os.waitpid(child, 0)[1] == 0
    done, refused = [line for line in said if line[0] == "done"], [line for line in said if line[0] == "refused"]
    assert len(refused) >= 3 and {line[1] for line in refused} == {"disk-full"} and {line[3] for line in refused} == {"True"}
    assert len(done) > 20 and done[-1][3] != "0"
    with bw.open_project(tmp_path / "p") as project:
        log = {commit.op_id: commit.seq for commit in project.log()}
        assert all(log[f"op-{int(k):08d}"] == int(seq) for _, seq, k, _ in done) and len(project.read(SCENE).tags) == len(done)
        assert bw.fsck(project).damages == []


def test_a_small_file_system(tmp_path):
    (tmp_path / "small").mkdir()
    if os.geteuid() != 0 or os.system(f"mount -t tmpfs -o size=4m tmpfs {tmp_path / 'small'} 2>/dev/null"):
        pytest.skip("no file system may be mounted here")
    try:
        make(tmp_path / "small/p", 1)
        with bw.open_project(tmp_path / "small/p") as project:
            scene_id, k = project.scene_id(SCENE), 0
            with pytest.raises(bw.StorageError, match=r"disk full: no more can be written, .* MB free; nothing was changed; make room") as caught:
                for k in range(1000):
                    edit = {"verb": "add_tag", "scene": scene_id, "id": f"tag-{k:08d}", "tag": {"name": "big", "value": "x" * 20_000}}
                    project.commit([edit], by="filler")
            assert caught.value.code == "disk-full" and len(project.read(SCENE).tags) == k > 20
            project.database.close()
            shutil.copytree(tmp_path / "small/p", tmp_path / "p")
    finally:
        os.system(f"umount {tmp_path / 'small'}")
    with bw.open_project(tmp_path / "p") as project:
        assert len(project.read(SCENE).tags) == k and bw.fsck(project).damages == []


# ------------------------------------------------------------ flipped bits


def content(file):
    """Every row of every table, and what the file consists of."""
    with sqlite3.connect(f"file:{file}?mode=ro&immutable=1", uri=True) as connection:
        connection.text_factory = bytes
        names = ["meta", "txn", "change", "entity", "blob"]
        rows = {name: sorted(map(repr, connection.execute(f"SELECT * FROM {name}"))) for name in names}
        made = sorted(map(repr, connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master")))
    connection.close()
    return rows, made


def flips(tmp_path, n, dice):
    """One bit of a file flips, n times: it is found, or nothing that the file holds is another."""
    with bw.create_project(tmp_path / "p", "flips") as project:
        project.add_scene(clip(10))
        edits = project.edits("clip", by="anna")
        edits.set_point_labels(3, "lidar", bw.PointLabels([1, 0, 1] * 50, [7, 0, 7] * 50, {1: "car"}, {7: "car-1"}))
        edits.commit()
        for x in range(150):
            set_x(project, project.keyframe("clip", "car-1", 100 * (x % 5)), x)
        bw.backup(project, tmp_path / "whole.db")
    raw, whole = (tmp_path / "whole.db").read_bytes(), content(tmp_path / "whole.db")
    outcomes = {"found": 0, "the same": 0}
    (tmp_path / "q").mkdir()
    for k in range(n):
        for old in (tmp_path / "q").iterdir():
            old.unlink()
        place, bit = dice.randrange(len(raw)), dice.randrange(8)
        (tmp_path / "q/project.db").write_bytes(raw[:place] + bytes([raw[place] ^ 1 << bit]) + raw[place + 1 :])
        try:
            with bw.open_project(tmp_path / "q") as project:
                found = bw.fsck(project).n_damages > 0
        except bw.BoxwrightError:
            found = True
        if not found:
            assert content(tmp_path / "q/project.db") == whole, f"flip {k}: bit {bit} of byte {place} was not found"
        outcomes["found" if found else "the same"] += 1
    assert outcomes["found"] > 0.4 * n, outcomes


def test_no_flipped_bit_is_silent(tmp_path):
    flips(tmp_path, 300, random.Random(5))


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_none_of_many_flipped_bits_is_silent(tmp_path):
    flips(tmp_path, 10_000, random.Random(6))


def test_a_name_that_is_no_text_any_more(tmp_path):
    """What SQLite says of a broken schema quotes it; the bytes of that are no UTF-8."""
    with bw.create_project(tmp_path / "p") as project:
        bw.backup(project, tmp_path / "whole.db")
    raw = (tmp_path / "whole.db").read_bytes()
    begin = raw.index(b"CREATE TRIGGER txn_dense")
    for place in range(begin, begin + 40):
        (tmp_path / "p/project.db").write_bytes(raw[:place] + bytes([raw[place] ^ 0x80]) + raw[place + 1 :])
        for left in (tmp_path / "p").glob("project.db-*"):
            left.unlink()
        with pytest.raises(bw.CorruptionError, match="damaged"), bw.open_project(tmp_path / "p") as project:
            bw.fsck(project).raise_if_damaged()


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE change SET after=replace(after,'car','cat') WHERE seq=2", "its hash is not that of its columns and changes"),
        ("UPDATE entity SET body=replace(body,'car','cat') WHERE kind='track'", "its body is not what the log says"),
        ("UPDATE entity SET at_ns=at_ns+1 WHERE kind='keyframe'", "its at_ns is not what the log says"),
        ("DELETE FROM entity WHERE kind='tag' OR kind='relation'", "is missing"),
        ("DELETE FROM txn WHERE seq=2", "expected transaction 2, got 3"),
        ("UPDATE txn SET account='eve' WHERE seq=2", "its hash is not that"),
        ("DELETE FROM change WHERE kind='relation'", "its hash is not that"),
        ("UPDATE meta SET v='another' WHERE k='project_id'", "prev_hash is not the hash of the transaction before"),
        ("UPDATE meta SET v='p' WHERE k='queue'", "expected '0', got 'p'"),
        ("INSERT INTO meta VALUES ('more','1')", "expected None, got '1'"),
    ],
)
def test_tampering_is_found(tmp_path, statement, words):
    with bw.create_project(tmp_path / "p") as project:
        project.add_scene(clip())
        set_x(project, project.keyframe("clip", "car-1", 100), 7)
    with sqlite3.connect(tmp_path / "p/project.db") as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type='trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement)
        for _, sql in triggers:
            connection.execute(sql)
    connection.close()
    with bw.open_project(tmp_path / "p") as project:
        damages = bw.fsck(project).damages
        assert any(words in str(one) for one in damages), damages
    with bw.open_project(tmp_path / "p") as project, pytest.raises(bw.CorruptionError, match="the project is damaged"):
        bw.fsck(project).raise_if_damaged()


def test_a_dropped_trigger_is_found(tmp_path):
    with bw.create_project(tmp_path / "p") as project:
        with project.database.engine.begin() as connection:
            connection.exec_driver_sql("DROP TRIGGER txn_no_delete")
        assert [one.row for one in bw.fsck(project).damages] == ["txn_no_delete"]


# ------------------------------------------------------------ backups


def backups(place, n, tmp_path):
    """While two others write: each holds what had been acknowledged when it began, and is whole."""
    make(place, 2)
    children = [forked(write_on, place, k) for k in range(2)]
    try:
        seen = 0
        for i in range(n):
            select.select([reading for _, reading in children], [], [], 60)
            said = b"".join(os.read(reading, 1 << 16) for _, reading in children if select.select([reading], [], [], 0)[0])
            seen = max([seen, *(int(line.split()[0]) for line in said.decode().split("\n")[:-1] if line)])
            with bw.open_project(place) as project:
                bw.backup(project, tmp_path / f"{i}.db")
            # they wait while the backup is looked at, or the log would grow faster than it can be looked at
            for child, _ in children:
                os.kill(child, signal.SIGSTOP)
            with bw.restore_backup(tmp_path / f"{i}.db", tmp_path / "again") as made:  # which looks at all of it
                assert made.seq >= seen and (i % 10 or bw.fsck(made).damages == [])
            shutil.rmtree(tmp_path / "again")
            (tmp_path / f"{i}.db").unlink()
            for child, _ in children:
                os.kill(child, signal.SIGCONT)
    finally:
        for child, _ in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    assert seen > 2


def test_backups_while_others_write(place, tmp_path):
    backups(place, 8, tmp_path)


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_many_backups_while_others_write(place, tmp_path):
    backups(place, 200, tmp_path)


def test_a_backup_goes_to_the_other_kind(place, tmp_path, postgresql):
    from stores import _schema

    with bw.create_project(place, "there and back") as project:
        project.add_scene(clip())
        edits = project.edits("clip")
        edits.set_point_labels(3, "lidar", bw.PointLabels([1, 0], [7, 0], {1: "car"}))
        edits.split(project.track("clip", "car-1"), 150, "car-2")
        edits.commit()
        bw.backup(project, tmp_path / "a.db")
        head = bw.fsck(project).head
        scene = project.read("clip")
        for target in (tmp_path / "again", next(keep := _schema(postgresql))):
            with bw.restore_backup(tmp_path / "a.db", target) as made:
                report = bw.fsck(made)
                assert (report.damages, report.head, made.project_id, made.name) == ([], head, project.project_id, "there and back")
                same_scene(made.read("clip"), scene)
                set_x(made, made.keyframe("clip", "car-1", 0), 5)
                assert bw.fsck(made).damages == []
        next(keep, None)


def test_a_damaged_backup_is_not_restored(tmp_path):
    with bw.create_project(tmp_path / "p") as project:
        project.add_scene(clip())
        bw.backup(project, tmp_path / "a.db")
    raw = (tmp_path / "a.db").read_bytes()
    (tmp_path / "a.db").write_bytes(raw.replace(b'"category":"car"', b'"category":"cat"', 1))
    with pytest.raises(bw.CorruptionError, match="the project is damaged: "):
        bw.restore_backup(tmp_path / "a.db", tmp_path / "again")
    assert not (tmp_path / "again").exists()


# ------------------------------------------------------------ versions

HERE = schema.VERSION


def test_a_project_of_before_there_was_work(place):
    """Version 1 had neither the index nor the triggers of tasks."""
    with bw.create_project(place) as project:
        project.add_scene(clip())
        is_sqlite = project.database.is_sqlite
        with project.database.writing() as connection:
            connection.exec_driver_sql("DROP INDEX entity_task")
            for table, name, events, _, _ in WORK_RULES:
                for trigger in (f"{table}_{name}_{event.lower()}" for event in events):
                    connection.exec_driver_sql(f"DROP TRIGGER {trigger}{'' if is_sqlite else f' ON {table}'}")
                    if not is_sqlite:
                        connection.exec_driver_sql(f"DROP FUNCTION {trigger}")
            connection.exec_driver_sql("UPDATE meta SET v='1' WHERE k='version'")
            if is_sqlite:
                connection.exec_driver_sql("PRAGMA user_version=1")
    with bw.open_project(place) as project:
        assert bw.fsck(project).damages == []
        same_scene(project.read("clip"), clip())


@pytest.mark.parametrize("version", [1, HERE, HERE + 1])
def test_a_file_of_another_program_is_left_alone(tmp_path, version):
    """Its log lies beside it, so that its first page may not be all that there is."""
    file = tmp_path / "project.db"
    with contextlib.closing(sqlite3.connect(file)) as other:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute(f"PRAGMA user_version={version}")
        other.execute("CREATE TABLE theirs(x)")
        other.commit()
        before = {one.name for one in tmp_path.iterdir()}
        with pytest.raises(bw.CorruptionError, match="not a boxwright project, or a damaged one"):
            bw.open_project(tmp_path)
        assert {one.name for one in tmp_path.iterdir()} == before and "project.db-wal" in before


@pytest.fixture
def next_version(monkeypatch):
    """As if this were the boxwright after this one, whose tables have one column more."""

    def migrate(connection):
        connection.exec_driver_sql("CREATE TABLE later(id TEXT PRIMARY KEY)")
        time.sleep(float(os.environ.get("SLOWLY", "0")))
        connection.exec_driver_sql("INSERT INTO later VALUES ('one')")

    monkeypatch.setattr(schema, "VERSION", HERE + 1)
    monkeypatch.setitem(opening.MIGRATIONS, HERE, migrate)


def test_an_older_project_is_brought_up(place, monkeypatch, tmp_path, request):
    with bw.create_project(place) as project:
        project.add_scene(clip())
    request.getfixturevalue("next_version")
    with bw.open_project(place) as project, project.database.reading() as connection:
        assert connection.exec_driver_sql("SELECT id FROM later").scalar() == "one"
        same_scene(project.read("clip"), clip())
    with bw.open_project(place) as project:
        assert x_of(project.keyframe("clip", "car-1", 0)) == 0
    monkeypatch.setattr(schema, "VERSION", HERE)
    with pytest.raises(bw.StorageError, match=f"made by a newer boxwright: expected version {HERE} or older, got {HERE + 1}; update"):
        bw.open_project(place)
    if not str(place).startswith("postgres"):
        with bw.open_project(place / f"project-version-{HERE}.db") as kept:  # the copy that was made first
            same_scene(kept.read("clip"), clip())


def test_a_kill_while_it_is_brought_up(place, monkeypatch, request):
    with bw.create_project(place) as project:
        project.add_scene(clip())
    request.getfixturevalue("next_version")
    monkeypatch.setenv("SLOWLY", "0.05")
    dice = random.Random(8)
    for _ in range(6):
        child, reading = forked(lambda out: os.write(out, b"begin\n") and bw.open_project(place).close())
        select.select([reading], [], [], 60)
        time.sleep(dice.uniform(0, 0.08))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reading)
    monkeypatch.setattr(schema, "VERSION", HERE)
    try:
        bw.open_project(place).close()
        state = HERE
    except bw.StorageError:
        state = HERE + 1
    monkeypatch.setattr(schema, "VERSION", HERE + 1)
    with bw.open_project(place) as project, project.database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM later").scalar() == 1, state
        same_scene(project.read("clip"), clip())


def test_clocks_do_not_order(tmp_path, monkeypatch):
    """The clock jumps an hour either way between edits: the order is seq, whatever at_ns says."""
    make(tmp_path / "p", 1)
    real, dice = time.time_ns, random.Random(9)
    monkeypatch.setattr(time, "time_ns", lambda: real() + dice.randrange(-(10**13), 10**13))
    with bw.open_project(tmp_path / "p") as project:
        for x in range(30):
            set_x(project, project.keyframe(SCENE, "w0", 0), x)
        assert [commit.seq for commit in project.log()] == list(range(32, 0, -1))
        assert (np.diff([commit.at_ns for commit in project.log()]) > 0).any()
        assert x_of(project.keyframe(SCENE, "w0", 0)) == 29 and bw.fsck(project).damages == []


def test_the_benchmark_runs(capsys, tmp_path):
    import importlib.util
    from pathlib import Path

    file = Path(__file__).resolve().parents[1] / "benchmarks" / "bench_store.py"
    spec = importlib.util.spec_from_file_location("bench_store", file)
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    with bw.create_project(tmp_path / "p") as project:
        project.add_scene(bench.scene_of(2, 3))
        assert len(bench.timed_edits(bench.mover(project), 5)) == len(bench.timed_edits(bench.bare(tmp_path / "b.db"), 5)) == 4
        assert project.seq == 2 + 25
    bench.large(tmp_path, "labels", lambda project: project.add_scene(bench.scene_of(3, 4)))
    assert "| labels | 12 | " in capsys.readouterr().out


def test_a_label_that_is_no_json_any_more_is_not_sent(tmp_path):
    with bw.create_project(tmp_path / "p") as project:
        scene = clip()
        project.add_scene(scene)
        scene_id = project.scene_id(scene.name)
        assert len(snapshot_lines(project, scene_id, ["keyframe"])[1].splitlines()) == len(snapshot(project, scene_id, ["keyframe"])[1]) > 0
        with sqlite3.connect(tmp_path / "p/project.db") as connection:
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'entity'").fetchall():
                connection.execute(f"DROP TRIGGER {name}")
            connection.execute("UPDATE entity SET body = '{' || body || '}' WHERE id = (SELECT min(id) FROM entity WHERE kind = 'keyframe')")
        with pytest.raises(bw.CorruptionError, match="a stored label is damaged"):
            snapshot_lines(project, scene_id, ["keyframe"])
