"""Kernels compiled in the background: their order, what is told of them, and that nothing of them outlives the server."""

from __future__ import annotations

import threading

import pytest

from boxwright.cli.warmup import _steps, page_steps
from boxwright.server.warming import Warming
from serving import served


def test_all_is_done_in_order_whatever_one_of_them_does():
    done, told = [], []
    warming = Warming()

    def fails():
        raise ValueError("no compiler")

    def notes(name):
        told.append(warming.doing)
        done.append(name)

    warming.steps = {"first": lambda: notes("first"), "wrong": fails, "last": lambda: notes("last")}
    assert warming.doing is None
    warming.start()
    warming._thread.join(60)
    assert (done, told, warming.doing) == (["first", "last"], ["first", "last"], None)


def test_its_end_waits_for_the_step_that_is_done_and_begins_no_other():
    begun, may_end, done = threading.Event(), threading.Event(), []
    warming = Warming()
    warming.steps = {"long": lambda: (begun.set(), may_end.wait(60), done.append("long")), "next": lambda: done.append("next")}
    warming.start()
    assert begun.wait(60)
    closing = threading.Thread(target=warming.close)
    closing.start()
    assert warming.doing == "long" and not done
    may_end.set()
    closing.join(60)
    assert not closing.is_alive()
    assert done == ["long"]
    warming.close()
    Warming().close()


def test_the_page_is_told_what_is_being_compiled(tmp_path):
    with served(tmp_path, members=False) as made:
        warming = made.server.app.state.warming
        assert made.http("ada").get("/project").json()["compiling"] is None
        warming.doing = "projection"
        assert made.http("ada").get("/project").json()["compiling"] == "projection"


def test_the_page_needs_what_warmup_compiles():
    steps = page_steps()
    assert set(steps) < set(_steps())
    assert list(steps)[:2] == ["interpolation", "projection"]
    assert list(steps).index("terrain") < list(steps).index("fitting") < list(steps).index("occlusion")


@pytest.mark.parametrize("command", ["view", "serve"])
def test_commands_have_it_done(command, tmp_path, monkeypatch, capsys):
    import boxwright as bw
    from boxwright.cli import main

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    bw.create_project(tmp_path / "street").close()
    asked = []
    monkeypatch.setattr("boxwright.server.Server.run", lambda self: asked.append(list(self.app.state.warming.steps)))
    more = ["--no-browser"] if command == "view" else ["--port", "0"]
    with pytest.raises(SystemExit) as ended:
        main([command, str(tmp_path / "street"), *more])
    assert (ended.value.code, asked) == (0, [list(page_steps())])
