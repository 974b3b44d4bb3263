"""What is read from a server while others write, and what docs/server.md says of its routes."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import httpx
import pytest

import boxwright as bw
from boxwright.server.geometry_routes import _known
from serving import served


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(tmp_path_factory.mktemp("served"), members=False) as made:
        yield made


def test_a_feed_from_a_scene_on_leaves_nothing_out(server, monkeypatch):
    """Somebody renames it after the k-th look into the database: either the answer has the new name, or the feed from there on will tell it."""
    http, database, n_before = server.http("ada"), type(server.project.database), []
    http.get("/me")  # whose token is known from now on
    reading, scene_id = database.reading, server.scene_id
    for k in range(1, 12):
        left, name, done = k, f"name-{k}", []

        @contextlib.contextmanager
        def counted(self):
            nonlocal left
            with reading(self) as connection:
                yield connection
            left -= 1
            if left == 0:
                head = server.project.entity(scene_id)
                edit = {"verb": "rename_scene", "id": head.id, "rev": head.rev, "name": name}  # noqa: B023
                done.append(server.project.commit([edit], by="ada").seq)  # noqa: B023

        with monkeypatch.context() as patch:
            patch.setattr(database, "reading", counted)
            found = http.get(f"/scenes/{scene_id}").json()
        if done:
            n_before.append(found["seq"] < done[0])
            assert found["seq"] < done[0] or found["scene"]["body"]["name"] == name
        assert {"frames", "sensor", "trajectory"} <= found.keys() and len(found["sensor"]) == 2 and len(found["frames"]) == 1
    assert True in n_before and False in n_before


def test_whether_there_are_points_is_asked_without_moving_them(server, monkeypatch):
    def moved(*_):
        raise AssertionError

    monkeypatch.setattr(bw.Scene, "still_points", moved)
    with bw.connect(server.server.url, server.tokens["ada"]) as remote:
        assert remote.read(remote.scenes()[0].name).has_points(1)


def test_a_class_without_a_size_is_told_from_one_that_is_not_there():
    own = bw.Taxonomy([bw.Category("kangaroo", 1, (0, 0, 0)), bw.Category("car", 2, (0, 0, 1))])
    assert _known(own, "car") == _known(None, "car") == "car"
    with pytest.raises(bw.ArgumentError, match="one of kangaroo, car"):
        _known(own, "truck")
    with pytest.raises(bw.ArgumentError, match="size that is known"):
        _known(own, "kangaroo")


def told_routes():
    """ "METHOD path" of each route in the table of docs/server.md, its parameters without their names.

    `GET`, `PUT /a` are two, and `GET /a`, `/b` are two.
    """
    text = (Path(__file__).parents[1] / "docs" / "server.md").read_text()
    found = set()
    for row in re.findall(r"^\| (`.*?) \|", text, re.M):
        methods, is_open = [], False
        for span in re.findall(r"`([^`]+)`", row):
            method, _, path = span.rpartition(" ") if "/" in span else (span, "", "")
            if method:
                methods, is_open = [*(methods if is_open else []), method], not path
            if path:
                found |= {f"{one} /api/v1{re.sub('{.*?}', '{}', path.partition('?')[0])}" for one in methods}
    return found


def test_every_route_is_told_and_every_told_route_is_there(server):
    routes = {(method, route.path) for route in server.server.app.routes for method in route.methods - {"HEAD", "OPTIONS"}}
    pages = {("GET", path) for path in ("/", "/static/{name:path}", "/health")}
    assert pages <= routes
    assert {f"{method} {re.sub('{.*?}', '{}', path)}" for method, path in routes - pages} == told_routes()
    assert httpx.get(f"{server.server.url}/health", trust_env=False).json() == {"status": "ok"}
