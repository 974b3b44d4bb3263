"""boxwright view: what it serves, where edits go, and how it ends."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

import boxwright as bw
from boxwright.cli import main, view as view_module
from serving import recorded_scene


@pytest.fixture
def recording(tmp_path):
    bw.write(recorded_scene(), tmp_path / "monday")
    return tmp_path / "monday"


@pytest.fixture(autouse=True)
def data_home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def viewed(monkeypatch, capsys):
    """Runs the command without a server that answers; (exit code, addresses the browser was started with, output, errors)."""
    started = []
    monkeypatch.setattr(view_module.webbrowser, "open", lambda address: started.append(address))
    monkeypatch.setattr("boxwright.server.Server.run", lambda self: self.close())

    def run(*arguments):
        started.clear()
        with pytest.raises(SystemExit) as ended:
            main(["view", *map(str, arguments)])
        out, err = capsys.readouterr()
        return ended.value.code, list(started), out, err

    return run


def test_edits_of_a_recording_are_kept_in_a_project_that_is_found_again(viewed, recording, tmp_path):
    code, (address,), out, _ = viewed(recording, "--frame", "-1")
    parts = urlsplit(address)
    said = parse_qs(parts.fragment)
    assert code == 0
    assert (parts.hostname, parts.query, said["scene"], said["frame"]) == ("127.0.0.1", "", ["monday"], ["2"])
    (folder,) = re.findall(r"kept in the project (.*)", out)
    assert folder.startswith(str(tmp_path / "data" / "boxwright" / "views" / "monday-"))
    with bw.open_project(folder) as project:
        edits = project.edits("monday", by="anna")
        edits.set_track(project.track("monday", "car-1"), category="van")
        edits.commit()
    code, _, again, _ = viewed(recording, "--no-browser")
    assert (code, folder in again) == (0, True)
    (command,) = re.findall(r"boxwright (export .*) writes the labels out", again)
    with pytest.raises(SystemExit) as ended:
        main([word.replace("OUT", str(tmp_path / "out")) for word in shlex.split(command)])
    assert ended.value.code == 0
    assert bw.read(tmp_path / "out").track("car-1").category == "van"
    with bw.open_project(folder) as project:
        assert project.read("monday").track("car-1").category == "van"
    other = recording.with_name("elsewhere") / "monday"
    other.parent.mkdir()
    recording.rename(other)
    assert folder not in viewed(other)[2], "another recording of that name has a project of its own"


def test_a_project_of_ones_own_choice_takes_several_recordings(viewed, recording, tmp_path):
    bw.write(recorded_scene(), tmp_path / "tuesday")
    for one in (recording, tmp_path / "tuesday", recording):
        assert viewed(one, "--project", tmp_path / "labels", "--no-browser")[0] == 0
    with bw.open_project(tmp_path / "labels") as project:
        assert [one.name for one in project.scenes()] == ["monday", "tuesday"]
    code, (address,), out, _ = viewed(tmp_path / "labels", "--scene", "tuesday")
    assert code == 0
    assert "scene=tuesday" in address
    assert f"boxwright export {tmp_path / 'labels'} tuesday OUT writes" in out


def test_of_several_scenes_the_first_is_shown_and_the_others_are_there(viewed, tmp_path, monkeypatch):
    bw.write(recorded_scene(), tmp_path / "object", format="kitti_object")
    names = list(bw.scenes(tmp_path / "object").names)
    assert len(names) == 3
    code, (address,), out, _ = viewed(tmp_path / "object", "--project", tmp_path / "all")
    assert (code, parse_qs(urlsplit(address).fragment)["scene"]) == (0, names[:1])
    assert "is the first of" not in out
    with bw.open_project(tmp_path / "all") as project:
        assert [one.name for one in project.scenes()] == names
        seq = project.seq
    assert viewed(tmp_path / "object", "--project", tmp_path / "all")[0] == 0
    with bw.open_project(tmp_path / "all") as project:
        assert project.seq == seq, "nothing is read twice"
    monkeypatch.setattr(view_module, "FEW", 2)
    code, _, out, _ = viewed(tmp_path / "object", "--project", tmp_path / "one")
    assert code == 0
    assert f"{names[0]} is the first of 3 scenes; --scene NAME opens another" in out
    code, (address,), out, _ = viewed(tmp_path / "object", "--project", tmp_path / "one", "--scene", names[2])
    assert (code, parse_qs(urlsplit(address).fragment)["scene"]) == (0, names[2:])
    with bw.open_project(tmp_path / "one") as project:
        assert [one.name for one in project.scenes()] == [names[0], names[2]]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["labels", "--scene", "nowhere"], "expected a scene of the project: monday"),
        (["labels", "--frame", "9"], "expected a frame within 0..2"),
        (["labels", "--project", "elsewhere"], "PATH is a project itself"),
        (["nowhere"], "no such file or folder"),
        (["monday", "--scene", "tuesday"], "tuesday"),
    ],
)
def test_what_is_not_there_is_said(viewed, recording, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert viewed("monday", "--project", "labels", "--no-browser")[0] == 0
    code, started, _, err = viewed(*arguments)
    assert (code, started) == (2, [])
    assert words in err


def test_who_is_no_member_gets_no_address(viewed, recording, tmp_path):
    assert viewed(recording, "--project", tmp_path / "labels", "--no-browser")[0] == 0
    with bw.open_project(tmp_path / "labels") as project:
        project.accounts.add("ada")
        project.commit([{"verb": "set_member", "account": "ada", "roles": ["admin"]}])
    code, started, _, err = viewed(tmp_path / "labels")
    assert (code, started) == (2, [])
    assert "none of them" in err


@pytest.mark.parametrize("presses", [1, 2])
def test_it_answers_this_machine_and_ends_at_once_while_a_page_listens(recording, presses):
    """However often somebody presses Ctrl-C."""
    command = [sys.executable, "-m", "boxwright", "view", str(recording), "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "COLUMNS": "300"})
    try:
        lines = [process.stdout.readline() for _ in range(3)]
        address = urlsplit(lines[1].split()[1])
        site, code = f"http://{address.netloc}", parse_qs(address.fragment)["code"][0]
        token = httpx.post(f"{site}/api/v1/session", json={"code": code}, trust_env=False).json()["token"]
        assert httpx.post(f"{site}/api/v1/session", json={"code": code}, trust_env=False).status_code == 401
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.stream("GET", f"{site}/api/v1/feed", headers=headers, trust_env=False) as feed:
            assert feed.status_code == 200
            for _ in range(presses):
                process.send_signal(signal.SIGINT)
                time.sleep(0.05)
            _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0
    assert "Traceback" not in err
    assert "Error" not in err, "a feed that holds it up is cut off in the end, which says so"
