"""`bw.connect` and what comes back that is no answer, or an error: every one is boxwright's own, of the class that it would have been here."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from contextlib import contextmanager

import pytest

import boxwright as bw
from boxwright import errors, requesting
from boxwright.client import RemoteProject
from boxwright.server.answers import refused

OTHERS = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, bw.BoxwrightError) and one is not bw.BoxwrightError]


@contextmanager
def answering(status, body, kind="application/json", **headers):
    """A server on loopback that says the same to everybody; yields a project on it."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            said = {"Content-Type": kind, "Content-Length": str(len(body))} | {name.replace("_", "-"): value for name, value in headers.items()}
            for name, value in said.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with RemoteProject(f"http://127.0.0.1:{server.server_port}", "bw_x") as project:
            yield project
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(autouse=True)
def no_waits(monkeypatch):
    monkeypatch.setattr(requesting, "WAITS_S", (0.0,))


HTML = b"<html>moved</html>"


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (301, b"", {"Location": "https://elsewhere.example/"}), (301, HTML, {"Location": "https://elsewhere.example/"}), (200, HTML, {}),
        (200, b"\xff\xfe\xfa", {}), (200, b"[1]", {}), (200, b'"text"', {}), (404, HTML, {}), (502, HTML, {}), (418, b"[]", {}), (404, b"{}", {}),
        (304, b"", {}),
    ],
)  # fmt: skip
def test_an_answer_that_is_none_of_ours(status, body, headers):
    with answering(status, body, "text/html", **headers) as project:
        for ask in (lambda: project.name, lambda: next(project.feed())):
            with pytest.raises(bw.StorageError, match=rf"none of boxwright's: got {status}; check the address"):
                ask()


def test_a_feed_that_goes_wrong_later():
    with answering(200, b'{"seq": 3}\n{"seq": 4, "changes": []}\n<html>\n') as project:
        feed = project.feed()
        assert next(feed) == (4, [])
        with pytest.raises(bw.StorageError, match="none of boxwright's"):
            next(feed)
    with answering(200, b'{"seq": 4, "changes": []}\n', Content_Length="1000") as project:  # cut off
        feed = project.feed()
        assert next(feed) == (4, [])
        with pytest.raises(bw.StorageError, match="does not answer: RemoteProtocolError") as error:
            next(feed)
        assert error.value.code == "unreachable"


def test_what_was_not_packed_as_it_says():
    with answering(200, b"no gzip", Content_Encoding="gzip") as project, pytest.raises(bw.StorageError, match="does not answer"):
        _ = project.name


def test_nobody_answers():
    with socket.create_server(("127.0.0.1", 0)) as one:
        url = f"http://127.0.0.1:{one.getsockname()[1]}"
    with RemoteProject(url, "bw_x") as project:
        for ask in (lambda: project.name, lambda: next(project.feed(3))):
            with pytest.raises(bw.StorageError, match="does not answer: ConnectError") as error:
                ask()
            assert error.value.code == "unreachable" and error.value.path == url
    with pytest.raises(bw.StorageError, match="does not answer"):
        bw.connect(url, "bw_x")


@pytest.mark.parametrize("url", ["http://[::1", "http://127.0.0.1:99999", "http://127.0.0.1:x", "https://\x00x", "http://", "", "https://[x]"])
def test_an_address_that_is_none(url):
    with pytest.raises(bw.ArgumentError, match=r"an address such as http://127\.0\.0\.1:8300"):
        bw.connect(url, "bw_x")


@pytest.mark.parametrize("kind", OTHERS)
def test_an_error_comes_as_what_it_was(kind):
    """Through what the server makes of it, and back."""
    assert len(OTHERS) > 12
    answer = refused(kind("something is wrong", hint="do something"))
    with answering(answer.status_code, answer.body) as project, pytest.raises(bw.BoxwrightError, match=r"do something|look at the list") as error:
        _ = project.name
    assert type(error.value) is kind
    if kind is not bw.UnknownName:  # which says no more than that it is not there, or not yours to see
        assert error.value.what == "something is wrong" and error.value.code == kind.code


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "token", bw.AccessDenied), (403, "websocket", bw.AccessDenied), (403, "qualification", bw.AccessDenied),
        (409, "taken", bw.ConflictError), (409, "task-state", bw.ConflictError), (409, "locked", bw.ConflictError),
        (409, "file-changed", bw.CorruptionError),
        (413, "busy", bw.LimitError), (429, "busy", bw.LimitError), (507, "disk-full", bw.StorageError), (503, "unreachable", bw.StorageError),
        (500, "fault", bw.StorageError), (422, "invalid", bw.ArgumentError), (422, "op-id-reused", bw.ArgumentError),
        (405, "method", bw.ArgumentError), (404, "not-found", bw.UnknownName),
    ],
)  # fmt: skip
def test_what_only_http_knows(status, code, kind):
    body = {"code": code, "message": "so", "field": None, "got": None, "limit": None, "hint": None}
    with answering(status, json.dumps(body).encode()) as project, pytest.raises(bw.BoxwrightError) as error:
        _ = project.name
    assert type(error.value) is kind and error.value.code == code


def test_conflicts_come_along():
    body = {"code": "conflict", "message": "so", "field": None, "got": None, "limit": None, "hint": None, "conflicts": [{"id": "x", "rev": 3}]}
    with answering(412, json.dumps(body).encode()) as project, pytest.raises(bw.ConflictError) as error:
        _ = project.name
    assert error.value.conflicts == ({"id": "x", "rev": 3},)


def test_a_job_that_failed_says_of_what(monkeypatch):
    job = {"state": "failed", "what": "check", "error": {"code": "calibration", "message": "the scene has no LiDAR"}}
    project = RemoteProject("http://127.0.0.1:1", "bw_x")
    monkeypatch.setattr(project, "_json", lambda *_, **__: job)
    with pytest.raises(bw.CalibrationError, match="no LiDAR"):
        project._job("/check", {}, 1)
    project.close()
