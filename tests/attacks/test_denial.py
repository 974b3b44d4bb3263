"""Attacks on the server's time and memory: A22 and A23."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import pytest

import boxwright as bw
from boxwright.jobs import Jobs
from boxwright.server.sessions import Counter, Tries
from serving import is_error, key, served


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    with served(tmp_path_factory.mktemp("small"), members=False, writes_per_s=2, writes_at_once=4, works_at_once=1, feeds_at_once=2) as made:
        yield made


def test_A22_too_many_writes_are_refused(small):
    http, codes = small.http("ada"), []
    for _ in range(20):
        answer = http.post("/undo", json={"seq": 10**6}, headers=key())
        codes.append(answer.status_code)
        if answer.status_code == 429:
            is_error(answer, 429)
            assert answer.headers["retry-after"] == "1"
    assert 429 in codes and codes[0] != 429
    assert small.http("ben").post("/undo", json={"seq": 10**6}, headers=key()).status_code != 429


def test_A22_an_account_has_its_share_of_computations(small):
    """While one account floods, another is answered."""
    path, body = f"/scenes/{small.scene_id}/propagate", {"track_id": "person-1", "from_frame": 0, "to_frame": 2}
    codes, waits, stop = [], [], threading.Event()

    def flood():
        import httpx

        with httpx.Client(base_url=small.api, headers={"Authorization": f"Bearer {small.tokens['ada']}"}, timeout=30) as http:
            while not stop.is_set():
                codes.append(http.post(path, json=body).status_code)

    threads = [threading.Thread(target=flood) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            start = time.monotonic()
            assert small.http("ben").get("/project").status_code == 200
            waits.append(time.monotonic() - start)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert set(codes) <= {200, 429} and 429 in codes
    assert len(waits) == 20


def test_A22_feeds_and_jobs_have_an_end(small):
    streams = [small.http("ada").stream("GET", "/feed") for _ in range(2)]
    opened = [one.__enter__() for one in streams]
    try:
        is_error(small.http("ada").get("/feed", params={"most": 1}), 429)
        assert small.http("ben").get("/feed", params={"since": 0, "most": 1}).status_code == 200
    finally:
        for one, stream in zip(opened, streams):
            one.close()
            stream.__exit__(None, None, None)
    jobs, gate = Jobs(1, per_account=2), threading.Event()
    made = [jobs.submit("ada", "wait", lambda progress: gate.wait(20)) for _ in range(2)]
    with pytest.raises(bw.LimitError) as error:
        jobs.submit("ada", "wait", lambda progress: None)
    assert error.value.code == "busy"
    other = jobs.submit("ben", "wait", lambda progress: 7)
    jobs.cancel("ada", made[1].job_id)
    gate.set()
    assert jobs.wait(other, 20) and other.result == 7 and made[1].state == "cancelled"
    with pytest.raises(bw.UnknownName):
        jobs.find("ada", other.job_id)
    jobs.close()


def test_A22_a_job_ends_when_nobody_wants_it():
    jobs, begun = Jobs(1), threading.Event()

    def work(progress):
        while True:
            begun.set()
            progress()
            time.sleep(0.001)

    job = jobs.submit("ada", "for ever", work)
    assert begun.wait(20)
    jobs.cancel("ada", job.job_id)
    assert jobs.wait(job, 20) and job.state == "cancelled"
    jobs.close()


def test_A22_counters():
    now = [0.0]
    counter = Counter(2, 2, lambda: now[0])
    assert [counter.enter("a"), counter.enter("a"), counter.enter("a")] == [True, True, False]
    counter.leave("a")
    assert not counter.enter("a") and counter.enter("b")
    now[0] = 0.5
    assert counter.enter("a") and not counter.enter("a")
    tries = Tries(3, lambda: now[0])
    assert [tries.wrong("x") for _ in range(5)] == [False, False, False, True, True] and not tries.wrong("y")
    now[0] = 61
    assert not tries.wrong("x")


def test_A22_bad_tokens_are_slowed_down(tmp_path):
    with served(tmp_path, members=False, bad_tokens_per_minute=10) as made:
        codes = [made.get("/api/v1/me", f"Authorization: Bearer bw_{'x' * 43}")[0] for _ in range(15)]
        assert codes == [401] * 10 + [429] * 5
        assert made.http("ada").get("/me").status_code == 200


def test_A23_a_body_has_an_end_before_it_is_read(server):
    """Nobody sends these bytes: the answer comes without them."""
    most = server.server.settings.body_bytes
    headers = [server.bearer("ada"), "Content-Type: application/json", f"Idempotency-Key: {key()['Idempotency-Key']}"]
    for length in (most + 1, 10**12, 2**63):
        status, _, body = server.get("/api/v1/edits", *headers, f"Content-Length: {length}", method="POST")
        assert status in (400, 413), (length, status, body)
    chunks = b"".join(b"100000\r\n" + b"x" * 0x100000 + b"\r\n" for _ in range(10)) + b"0\r\n\r\n"
    status, _, _ = server.get("/api/v1/edits", *headers, "Transfer-Encoding: chunked", method="POST", body=chunks)
    assert status == 413
    for wrong in ("-1", "x", "1e3", "1, 2"):
        assert server.get("/api/v1/edits", *headers, f"Content-Length: {wrong}", method="POST")[0] in (400, 413)
    both = ["Content-Length: 5", "Transfer-Encoding: chunked"]
    assert server.get("/api/v1/edits", *headers, *both, method="POST", body=b"0\r\n\r\nGET /x HTTP/1.1\r\n\r\n")[0] in (400, 415, 422)


def test_A23_no_multipart_and_no_pattern_to_get_lost_in(server):
    for kind in ("multipart/form-data; boundary=" + "x" * 10_000, "application/x-www-form-urlencoded; " + "a;" * 10_000):
        start = time.monotonic()
        answer = server.http("ada").post("/undo", content=b"x", headers={**key(), "Content-Type": kind})
        is_error(answer, 415)
        assert time.monotonic() - start < 20
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):  # it is cut off before all of it was sent
        assert server.get("/health", "X: " + "a" * 5_000_000)[0] in (400, 431)


def test_A23_a_request_that_is_cut_off_is_no_fault(server, caplog):
    lines = ["POST /api/v1/undo HTTP/1.1", f"Host: {server.host}", server.bearer("ada"), f"Idempotency-Key: {key()['Idempotency-Key']}"]
    before = len(caplog.records)
    with socket.create_connection(("127.0.0.1", server.server.port), timeout=20) as connection:
        connection.sendall("\r\n".join([*lines, "Content-Type: application/json", "Content-Length: 100", "", "{"]).encode())
        time.sleep(0.2)
    server.http("ada").get("/me")
    time.sleep(0.2)
    assert not [record for record in caplog.records[before:] if record.levelname in ("ERROR", "CRITICAL")]


def test_A23_a_request_that_never_ends(tmp_path):
    with served(tmp_path, members=False, request_s=0.5) as made, socket.create_connection(("127.0.0.1", made.server.port), timeout=20) as connection:
        lines = ["POST /api/v1/undo HTTP/1.1", f"Host: {made.host}", made.bearer("ada"), f"Idempotency-Key: {key()['Idempotency-Key']}"]
        connection.sendall("\r\n".join([*lines, "Content-Type: application/json", "Content-Length: 100", "", "{"]).encode())
        assert b" 408 " in connection.recv(1 << 16)
