"""The server as a process: what a feed holds while it is sent, where it may be reached, what it is called, and what it leaves behind."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import tempfile
import threading
import time

import httpx
import pytest

import boxwright as bw
from boxwright.server import Server
from serving import is_error, served


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(tmp_path_factory.mktemp("served"), members=False, feeds_at_once=2) as made:
        yield made


# ------------------------------------------------------------ feeds


def test_a_feed_that_fails_gives_its_place_back(server, monkeypatch):
    http = server.http("ada")

    def away(self):
        raise bw.StorageError("the database does not answer", code="unreachable")

    with monkeypatch.context() as patch:
        patch.setattr(bw.Project, "seq", property(away))
        for _ in range(3):  # one more than there are places
            is_error(http.get("/feed"), 503)
    assert http.get("/feed", params={"most": 1, "since": 0}).status_code == 200


def test_a_feed_that_nobody_waits_for_gives_its_place_back(server):
    """Its reader is gone before the first line was sent."""
    from boxwright.server.feed import _Feed
    from boxwright.server.sessions import Counter

    feeds = Counter(None, 1)

    async def lines():
        yield b"{}\n"

    async def send(message):
        raise OSError("gone")

    async def receive():
        await asyncio.sleep(60)

    async def go():
        with pytest.raises(Exception):  # noqa: B017 - whatever the framework makes of it
            await _Feed(lines(), feeds, "ada", 1)({"type": "http", "asgi": {"spec_version": "2.4"}}, receive, send)
        task = asyncio.create_task(_Feed(lines(), feeds, "ada", 1)({"type": "http", "asgi": {}}, receive, lambda message: asyncio.sleep(60)))
        await asyncio.sleep(0.05)
        assert not feeds.enter("ada")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert feeds.enter("ada")

    asyncio.run(go())


def test_feeds_are_counted(server):
    http = server.http("ben")
    with http.stream("GET", "/feed") as one, http.stream("GET", "/feed") as two:
        assert one.status_code == two.status_code == 200
        assert is_error(http.get("/feed"), 429)["limit"] == "2"


# ------------------------------------------------------------ where it may be reached


@pytest.fixture
def project(tmp_path):
    with bw.create_project(tmp_path / "p", "street") as made:
        yield made


WIDE = {"allow_hosts": ["label.example"], "tls_cert": __file__, "tls_key": __file__}


def test_accounts_whose_tokens_are_not_good_are_none(project):
    project.accounts.add("ada")
    token, _ = project.accounts.make_token("ada")
    project.accounts.revoke(token.token_id)
    project.accounts.make_token("ada", expires_ns=time.time_ns() + 1000)
    time.sleep(0.01)
    with pytest.raises(bw.ArgumentError, match="accounts with tokens"):
        Server(project, "0.0.0.0", 0, **WIDE)
    project.accounts.make_token("ada")
    Server(project, "0.0.0.0", 0, **WIDE).close()


def test_a_proxy_is_on_this_machine(project):
    project.accounts.add("ada")
    project.accounts.make_token("ada")
    for more in ({"allow_hosts": ["label.example"]}, WIDE):
        with pytest.raises(bw.ArgumentError, match="a proxy on this machine"):
            Server(project, "0.0.0.0", 0, is_behind_proxy=True, **more)
    Server(project, "127.0.0.1", 0, is_behind_proxy=True, allow_hosts=["label.example"]).close()


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("localhost", "127.0.0.1"), ("127.0.0.2", "127.0.0.2"), ("::1", "[::1]")])
def test_a_server_answers_at_the_address_it_prints(project, host, shown):
    if host == "::1" and not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no v6")
    server = Server(project, host, 0)
    with server.in_background() as url:
        assert url == f"http://{shown}:{server.port}"
        for one in (url, *((f"http://localhost:{server.port}",) if host == "localhost" else ())):
            assert httpx.get(f"{one}/health", trust_env=False).json() == {"status": "ok"}
    assert server.url == url


@pytest.mark.parametrize(
    ("name", "shown", "meant"),
    [
        ("label.example", "label.example:{port}", {"label.example", "label.example:{port}"}),
        ("Label.example:8443", "Label.example:8443", {"label.example:8443"}),
        ("[2001:db8::1]:443", "[2001:db8::1]:443", {"[2001:db8::1]:443"}),
        ("[2001:db8::1]", "[2001:db8::1]:{port}", {"[2001:db8::1]", "[2001:db8::1]:{port}"}),
    ],
)
def test_a_name_has_one_port(project, name, shown, meant):
    project.accounts.add("ada")
    project.accounts.make_token("ada")
    server = Server(project, "0.0.0.0", 0, **{**WIDE, "allow_hosts": [name]})
    try:
        assert server.url == f"https://{shown.format(port=server.port)}"
        assert server.settings.hosts == {one.format(port=server.port) for one in meant}
    finally:
        server.close()


# ------------------------------------------------------------ TLS


@pytest.fixture
def pair(tmp_path):
    """(certificate of 127.0.0.1 that signed itself, its key)"""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed: no certificate can be made")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1", "-subj", "/CN=x"]
    subprocess.run([*made, "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key


def test_tls_of_its_own(project, pair):
    project.accounts.add("ada")
    _, token = project.accounts.make_token("ada")
    with Server(project, port=0, tls_cert=pair[0], tls_key=pair[1]).in_background() as url:
        assert url.startswith("https://")
        with bw.connect(url, token, ca_file=pair[0]) as remote:
            assert remote.account == "ada" and remote.scenes() == []
        with pytest.raises(bw.StorageError, match=r"the server's certificate is not trusted: .*; ca_file= names"):
            bw.connect(url, token)
        with pytest.raises(bw.StorageError, match="does not answer"):
            bw.connect(url.replace("https", "http"), token)
        with pytest.raises(bw.ArgumentError, match="a file of PEM certificates"):
            bw.connect(url, token, ca_file=pair[1])


def test_a_certificate_that_cannot_be_used(project, pair, tmp_path):
    (tmp_path / "junk.pem").write_text("junk")
    for cert, key in ((tmp_path / "junk.pem", pair[1]), (pair[0], tmp_path / "junk.pem"), (pair[1], pair[0])):
        server = Server(project, port=0, tls_cert=cert, tls_key=key)
        with pytest.raises(bw.ArgumentError, match="the certificate and its key cannot be used: "):
            server.run()


# ------------------------------------------------------------ what it leaves behind


def test_a_server_that_never_answered_leaves_nothing(project, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    before = {one for one in threading.enumerate() if one.name.startswith("boxwright-job")}
    server = Server(project, port=0)
    assert list((tmp_path / "temporary").iterdir())
    server.close()
    server.close()
    assert not list((tmp_path / "temporary").iterdir())
    assert {one for one in threading.enumerate() if one.name.startswith("boxwright-job")} <= before
    with Server(project, port=0).in_background():
        pass
    assert not list((tmp_path / "temporary").iterdir())


def test_a_server_that_cannot_be_made_leaves_nothing(project, tmp_path, monkeypatch):
    """Whatever goes wrong on the way: the port, the lock and the folders are free again."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for place in ("boxwright.server.app._add_page", "boxwright.server.app.Watcher", "boxwright.server.running.uvicorn.Config"):
        with monkeypatch.context() as patch:
            patch.setattr(place, lambda *_, **__: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                Server(project, port=port)
        assert not list((tmp_path / "temporary").iterdir())
    server = Server(project, port=port)
    assert server.port == port
    server.close()


def test_an_export_is_its_file_and_goes_with_its_job(server, monkeypatch):
    http, folder = server.http("ada"), server.server.app.state.exports

    def export():
        job = http.post(f"/scenes/{server.scene_id}/export", json={"format": "openlabel"}).json()
        assert server.server.app.state.jobs.wait(server.server.app.state.jobs.find("ada", job["job_id"]), 60)
        return http.get(f"/jobs/{job['job_id']}").json()["result"]["export_id"]

    one = export()
    assert [path.name for path in (folder / one).iterdir()] == ["export.zip"]
    monkeypatch.setattr("boxwright.jobs._KEPT", 0)
    other = export()
    assert not (folder / one).exists() and (folder / other / "export.zip").is_file()
    is_error(http.get(f"/exports/{one}"), 404)
