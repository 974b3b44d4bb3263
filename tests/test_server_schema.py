"""The OpenAPI document against the server: whatever it lets one send, no answer is a 5xx. Schemathesis makes the requests."""

from __future__ import annotations

import json

import httpx
import pytest

from serving import key, served

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed (extra 'peers')")
pytestmark = pytest.mark.peers
MOST = {"few": 1, "many": 200}  # calls of each route, of which there are more than 50


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(tmp_path_factory.mktemp("schema"), members=False) as made:
        yield made


def test_the_document_is_whole(server):
    document = server.server.app.openapi()
    assert document["openapi"].startswith("3.") and len(document["paths"]) > 40
    for path, methods in document["paths"].items():
        for method, said in methods.items():
            assert said.get("description") or path.startswith("/api"), (method, path)
    assert "secret" not in json.dumps(document)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("many", ["few", pytest.param("many", marks=pytest.mark.full)])
def test_no_answer_is_a_fault(server, many):
    from hypothesis import HealthCheck, given, settings, strategies as st

    schema = schemathesis.openapi.from_dict(server.server.app.openapi())
    counted = {"calls": 0, "faults": []}
    good = {"scene_id": server.scene_id, "entity_id": server.project.track("monday", "car-1").keyframes[0].id, "frame_index": 0}
    chosen = settings(max_examples=MOST[many], deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True)
    for result in schema.get_all_operations():
        operation = result.ok()
        if not operation.path.endswith("/feed"):  # which has no end
            chosen(given(case=operation.as_strategy(), in_place=st.booleans())(caller(server, good, counted)))()
    assert counted["faults"] == []
    assert counted["calls"] >= 45 * MOST[many]


def caller(server, good, counted):
    def once(case, in_place):
        call(server, good, counted, case, in_place)

    return once


def call(server, good, counted, case, in_place):
    """One request; in_place : with ids of things that are there"""
    path = dict(case.path_parameters or {})
    path |= {name: value for name, value in good.items() if name in path and in_place}
    url = case.operation.path
    for name, value in path.items():
        url = url.replace(f"{{{name}}}", str(value).replace("/", "%2F").replace("?", "%3F").replace("#", "%23"))
    body = None if isinstance(case.body, schemathesis.core.NotSet) else case.body
    try:
        content = None if body is None else json.dumps(body).encode()
    except (TypeError, ValueError):
        content = repr(body).encode()
    headers = {**key(), "If-Match": '"1"', **({} if content is None else {"Content-Type": "application/json"})}
    http, method = server.http("ada"), case.operation.method.upper()
    try:
        answer = http.request(method, f"{server.server.url}{url}", params=dict(case.query or {}), content=content, headers=headers)
    except (httpx.InvalidURL, ValueError):
        return  # nothing a client can send
    counted["calls"] += 1
    if answer.status_code >= 500:
        counted["faults"].append((method, url, content, answer.text))
    elif answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/json"
