"""The commands of projects: what they print, their JSON, their exit codes, and one sentence where something is wrong."""

from __future__ import annotations

import json

import pytest

import boxwright as bw
from boxwright.cli import main
from formats_scenes import full_scene


@pytest.fixture
def run(capsys):
    """run("log", place) -> (exit code, standard output, standard error)"""

    def call(*arguments):
        with pytest.raises(SystemExit) as stop:
            main([str(one) for one in arguments])
        out, err = capsys.readouterr()
        return stop.value.code, out, err

    return call


@pytest.fixture
def recording(tmp_path, rng):
    bw.write(full_scene(rng).replace(name="monday"), tmp_path / "in")
    return tmp_path / "in"


@pytest.fixture
def street(run, place, recording):
    """A project with one scene, by commands alone."""
    assert run("init", place, "--name", "street")[0] == 0
    code, out, _ = run("import", place, recording, "--name", "monday", "--by", "anna")
    assert code == 0 and "imported 1 scene into" in out
    return place


def move(street, x=5.0):
    with bw.open_project(street) as project:
        edits = project.edits("monday", by="ben")
        stored = project.track("monday", "7")
        edits.move_keyframe(stored, int(stored.track.times_ns[0]), bw.Cuboid([x, 1, 2], [4, 2, 1.5], 0.0))
        return edits.commit("it was outside").seq


def test_a_whole_day(run, street, tmp_path):
    code, out, _ = run("info", street)
    assert code == 0 and "project 'street', 1 scene, 2 transactions" in out and "monday" in out
    assert run("info", street, "--scene", "monday")[0] == 0
    seq = move(street)
    code, out, _ = run("log", street)
    assert code == 0 and out.splitlines()[0].startswith(f"transaction {seq}, ") and "ben: move_keyframe, 1 change: it was outside" in out
    assert "anna: add_scene" in out.splitlines()[1]
    code, out, _ = run("export", street, "monday", tmp_path / "now", "--to", "boxwright")
    assert code == 0 and out.startswith(f"wrote {tmp_path / 'now'}: boxwright, 4 frames")
    assert run("export", street, "monday", tmp_path / "then", "--at", 2)[0] == 0
    now, then = bw.read(tmp_path / "now"), bw.read(tmp_path / "then")
    assert now.track("7").cuboids.center_m[0].tolist() == [5, 1, 2] != then.track("7").cuboids.center_m[0].tolist()
    code, out, _ = run("undo", street, seq, "--by", "anna", "--reason", "it was not")
    assert code == 0 and f"anna: undo {seq}, 1 change: it was not" in out
    code, out, _ = run("fsck", street, "--files")
    assert code == 0 and ": whole; 4 transactions" in out and "all recorded files are as they were" in out


def test_the_only_scene_need_not_be_named(run, street, recording, tmp_path):
    assert run("export", street, tmp_path / "named", "--to", "boxwright")[0] == 0
    assert bw.read(tmp_path / "named").track_index == bw.read(recording).track_index
    code, _, err = run("export", street, "monday", "tuesday", tmp_path / "both")
    assert code == 2 and "expected one scene: monday, got 2 of them" in err
    assert run("import", street, recording, "--name", "tuesday")[0] == 0
    code, _, err = run("export", street, tmp_path / "which")
    assert code == 2 and "expected one scene: monday, tuesday, got none, and the project has 2" in err and not (tmp_path / "which").exists()
    assert run("export", street, tmp_path / "which", "tuesday")[0] == 2, "the last is where it goes"
    with bw.create_project(tmp_path / "empty"):
        pass
    code, _, err = run("export", tmp_path / "empty", tmp_path / "which")
    assert code == 2 and "the project has no scenes" in err


def test_a_scene_that_others_add_meanwhile_is_not_told(run, street, recording, monkeypatch):
    take = bw.Project.import_scene

    def beside(project, *args, **kwargs):
        take(project, recording, name="theirs")
        return take(project, *args, **kwargs)

    monkeypatch.setattr(bw.Project, "import_scene", beside)
    code, out, _ = run("import", street, recording, "--name", "tuesday", "--labels", recording)
    assert code == 0 and out.startswith("tuesday: "), out


def test_json(run, street, tmp_path):
    seq = move(street)
    listed = json.loads(run("log", street, "--json")[1])["transactions"]
    assert [one["verb"] for one in listed] == ["move_keyframe", "add_scene", "init"] and len(listed[0]["hash"]) == 64
    assert json.loads(run("info", street, "--json")[1])["scenes"][0]["n_tracks"] == 2
    assert json.loads(run("undo", street, seq, "--json")[1])["undo_of"] == seq
    assert json.loads(run("export", street, "monday", tmp_path / "out", "--json")[1])["n_tracks"] == 2
    assert json.loads(run("backup", street, tmp_path / "b.db", "--json")[1])["n_bytes"] > 1000
    assert json.loads(run("restore", tmp_path / "b.db", tmp_path / "again", "--json")[1])["seq"] == 4
    found = json.loads(run("fsck", tmp_path / "again", "--json")[1])
    assert found["damages"] == [] and found["n_txns"] == 4 and found["changed_files"] == []


def test_backup_and_restore(run, street, tmp_path, place):
    code, out, _ = run("backup", street, tmp_path / "monday.db")
    assert code == 0 and out.startswith(f"wrote {tmp_path / 'monday.db'}: ")
    assert sorted(path.name for path in tmp_path.iterdir() if "monday" in path.name) == ["monday.db"]
    code, _, err = run("backup", street, tmp_path / "monday.db")
    assert code == 2 and "exists already" in err
    code, out, _ = run("restore", tmp_path / "monday.db", tmp_path / "again")
    assert code == 0 and "project 'street', 1 scene, 2 transactions" in out
    code, _, err = run("restore", tmp_path / "monday.db", tmp_path / "again")
    assert code == 2 and "exists already and is not empty" in err


def test_what_is_refused_in_one_sentence(run, street, recording, tmp_path):
    cases = {
        ("log", tmp_path / "none"): "there is no project: got no such folder; 'boxwright init' makes one",
        ("import", street, recording, "--name", "monday"): "1 scene of that name is there already: got monday; give it another with --name NAME",
        ("export", street, "tuesday", tmp_path / "out"): "no such scene: got 'tuesday'; 'boxwright info' lists them",
        ("export", street, "monday", tmp_path / "out", "--at", 99): "expected a transaction from 1 to 2, got 99; 'boxwright log' lists them",
        ("undo", street, 77): "no such transaction: expected one of 1 to 2, got 77; 'boxwright log' lists them",
        ("restore", recording / "scene.json", tmp_path / "x"): "not a boxwright project, or a damaged one",
        ("init", "mysql://here"): "a project's folder, or a URL of PostgreSQL",
        ("log", street, "--track", "7"): "a track is one of a scene; name the scene too",
    }
    for arguments, sentence in cases.items():
        code, out, err = run(*arguments)
        assert code == 2 and out == "" and sentence in err and err.splitlines()[-1].startswith("error: "), err
    assert run("import", street, recording, "--name", "monday", "--skip-there")[0] == 0


def test_an_undo_that_others_stand_on(run, street):
    seq = move(street)
    later = move(street, 6.0)
    code, _, err = run("undo", street, seq)
    assert code == 2 and f"later edits stand on transaction {seq}: got changed by ben at {later}" in err


def test_a_changed_recording(run, street, recording, tmp_path):
    file = next((recording / "cameras/front").iterdir())
    file.write_bytes(file.read_bytes() + b"x")
    code, out, _ = run("fsck", street, "--files")
    assert code == 1 and f"changed: monday: {file}: a recorded file has changed" in out and "1 recorded file changed" in out
    code, _, err = run("export", street, "monday", tmp_path / "out")
    assert code == 2 and "a recorded file has changed: expected" in err and not (tmp_path / "out").exists()


def test_a_damaged_project(run, tmp_path, recording):
    assert run("init", tmp_path / "p")[0] == 0
    assert run("import", tmp_path / "p", recording)[0] == 0
    file = tmp_path / "p/project.db"
    import sqlite3

    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    raw = file.read_bytes()
    assert raw.count(b"weather") > 0
    file.write_bytes(raw.replace(b"weather", b"whether"))
    code, out, _ = run("fsck", tmp_path / "p")
    assert code == 1 and "damaged: txn, 2, transaction 2: its hash is not that of its columns and changes" in out


def test_sqlalchemy_is_an_extra(run, tmp_path, monkeypatch):
    import sys

    for name in [name for name in sys.modules if name.startswith("boxwright.store")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    for name in ("open_project", "create_project"):
        monkeypatch.delattr(bw, name, raising=False)
    code, _, err = run("init", tmp_path / "p")
    assert code == 2 and "a project needs SQLAlchemy; pip install 'boxwright[serve]'" in err


def test_accounts(run, street, tmp_path):
    assert run("accounts", street, "add", "anna") == (
        0,
        "made the account anna of a human; 'boxwright accounts PROJECT token anna' makes its first token\n",
        "",
    )
    assert run("accounts", street, "add", "detector", "--machine")[0] == 0
    code, out, _ = run("accounts", street, "token", "anna", "--days", "30")
    secret, said = out.splitlines()
    assert code == 0 and secret.startswith("bw_") and "of anna, until 2" in said
    made = json.loads(run("accounts", street, "token", "detector", "--scope", "predict", "--out", tmp_path / "t", "--json")[1])
    assert made["token"] is None and (tmp_path / "t").read_text().startswith("bw_")
    with bw.open_project(street) as project:
        assert project.accounts.of_secret(secret)[0].name == "anna"
    assert run("accounts", street, "revoke", made["token_id"], "--reason", "lost")[0] == 0
    assert run("accounts", street, "disable", "anna")[1] == "disabled the account anna\n"
    listed = json.loads(run("accounts", street, "--json")[1])["accounts"]
    assert [(one["name"], one["kind"], one["is_disabled"], len(one["tokens"])) for one in listed] == [
        ("anna", "human", True, 1),
        ("detector", "machine", False, 1),
    ]
    assert "revoked 2" in run("accounts", street, "list", "detector")[1] and "anna" in run("accounts", street)[1]
    assert secret[3:] not in run("accounts", street, "--json")[1]
    for arguments, words in ((["add"], "expected a name"), (["burn", "anna"], "expected one of"), (["token", "ben"], "no such account")):
        code, out, err = run("accounts", street, *arguments)
        assert (code, out) == (2, "") and words in err
