"""Attacks on where requests come from and go to: A1-A4, A8, A11-A14, A18, A20, A27-A29, A31."""

from __future__ import annotations

import ast
import logging
import re
import stat
from pathlib import Path

import pytest

import boxwright
import boxwright as bw
from boxwright.server import Server
from boxwright.server.gate import CSP
from serving import change, is_error, key

SOURCE = Path(boxwright.__file__).parent
SERVED = [*sorted((SOURCE / "server").glob("*.py")), *sorted((SOURCE / "store").glob("*.py")), SOURCE / "jobs.py"]
URLS = ["http://169.254.169.254/latest/meta-data", "file:///etc/passwd", "//evil.example/x", "gopher://127.0.0.1:6379/_", "s3://bucket/key"]


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names)


def test_A01_no_url_is_ever_fetched(server):
    clients = ("urllib.request", "http.client", "httpx", "requests", "aiohttp", "ftplib", "smtplib", "boto3", "..client")
    assert not [(path.name, name) for path in SERVED for name in imports(path) if name.startswith(clients)]
    http, before = server.http("ada"), server.project.seq
    for url in URLS:
        for part in ({"path": url}, {"source": {"path": url, "scene": "s", "format": "boxwright", "strict": True}}, {"files": [{"what": url}]}):
            edit = {"verb": "add_scene", "id": "scene-0001", "scene": {}, **part}
            is_error(http.post("/edits", json={"edits": [edit]}, headers=key()), 422)
        relocate = {"verb": "relocate", "scene": server.scene_id, "rev": 1, "path": url}
        is_error(http.post("/edits", json={"edits": [relocate]}, headers=key()), 422)
        is_error(http.post("/score", json={"scene_id": url, "gold_id": url}), 422)
    assert server.project.seq == before


def test_A02_no_guard_to_get_around_since_nothing_is_fetched(server):
    """Rebinding needs a fetch: the server's code makes no connection. The database's own driver does, to the address the host named."""
    for path in SERVED:
        calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Attribute)]
        assert not [one for one in calls if one.attr in ("create_connection", "urlopen", "open_connection", "getaddrinfo")], path.name


def test_A03_no_storage_connector(server):
    routes = {route.path for route in server.server.app.routes}
    assert not [path for path in routes if re.search("storage|bucket|s3|import|webhook|proxy|url", path)]


def test_A04_no_webhooks(server):
    text = "".join(path.read_text(encoding="utf-8") for path in SERVED).lower()
    assert "webhook" not in text and "callback_url" not in text


def test_A08_bytes_that_are_served_were_made_here(server):
    http, frame = server.http("ada"), f"/scenes/{server.scene_id}/frames/0"
    for path, kind in (("image?camera=front", "image/jpeg"), ("image?camera=front&kind=png", "image/png"), ("points", "application/octet-stream")):
        answer = http.get(f"{frame}/{path}")
        assert answer.headers["content-type"] == kind and answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-disposition"] in ("attachment", "inline") and answer.headers["content-security-policy"] == CSP
    is_error(http.get(f"{frame}/image?camera=front&kind=svg"), 422)


def test_A11_errors_are_json_whatever_is_asked(server):
    attack = "<script>alert(1)</script>"
    for path in (
        f"/entities/{attack}",
        f"/scenes/{attack}",
        f"/log?most={attack}",
        f"/{attack}",
        f"/scenes/{server.scene_id}/entities?kind={attack}",
    ):
        answer = server.http("ada").get(path)
        assert answer.headers["content-type"] == "application/json" and attack not in answer.text and "<" not in answer.text
        assert answer.headers["content-security-policy"] == CSP
    assert "unsafe" not in CSP and "report-only" not in str(answer.headers).lower()


def test_A12_nothing_changes_by_get_or_without_json(server):
    http, before = server.http("ada"), server.project.seq
    app = server.server.app
    for route in app.routes:
        for method in set(getattr(route, "methods", None) or ()) & {"GET"}:
            if not route.path.endswith("/feed"):  # which has no end
                http.request(method, f"{server.server.url}{route.path}".replace("{scene_id}", server.scene_id), headers=key())
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonp", ""):
        is_error(http.post("/undo", content=b'{"seq": 1}', headers={**key(), "Content-Type": kind}), 415)
    assert server.project.seq == before
    answer = server.get("/api/v1/me", f"Cookie: token={server.tokens['ada']}")
    assert answer[0] == 401 and "set-cookie" not in answer[1]


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://127.0.0.1.evil.example", "file://"])
def test_A13_pages_of_others_get_nothing(server, origin):
    for name in (None, "ada"):
        for path in ("/health", "/api/v1/project"):
            headers = [f"Origin: {origin}", *([server.bearer(name)] if name else [])]
            status, head, _ = server.get(path, *headers)
            assert status == 403 and "access-control" not in head
    status, head, _ = server.get("/api/v1/project", f"Origin: {origin}", "Access-Control-Request-Method: GET", method="OPTIONS")
    assert status == 403 and "access-control" not in head
    for site in ("cross-site", "same-site"):
        assert server.get("/health", f"Sec-Fetch-Site: {site}")[0] == 403
    good = server.get("/api/v1/project", f"Origin: http://{server.host}", "Sec-Fetch-Site: same-origin", server.bearer("ada"))
    assert good[0] == 200 and "access-control" not in good[1]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "127.0.0.1.evil.example:80", "localhost.evil", "", "@127.0.0.1"])
def test_A14_a_name_that_is_not_its_own(server, host):
    assert server.get("/health", host=[host])[0] in (400, 421)
    assert server.get("/api/v1/project", server.bearer("ada"), host=[host])[0] in (400, 421)
    upgrade = ["Upgrade: websocket", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Version: 13"]
    assert server.get("/api/v1/feed", *upgrade, host=[host])[0] in (400, 403, 421)


def test_A14_two_names_or_none(server):
    assert server.get("/health", host=[server.host, "evil.example"])[0] in (400, 421)
    assert server.get("/health", host=[])[0] in (400, 421)
    absolute = server.get("http://evil.example/api/v1/project", server.bearer("ada"), host=["evil.example"])
    assert absolute[0] in (400, 404, 421)
    for host in (f"localhost:{server.server.port}", f"[::1]:{server.server.port}", server.host.upper()):
        assert server.get("/health", host=[host])[0] == 200


@pytest.mark.parametrize(
    "given",
    [
        "Basic YWRhOmFkYQ==",
        "Bearer",
        "Bearer ",
        "Token {}",
        "Bearer {} {}",
        "bearer\t{}x",
        "Bearer {}\x00",
        "Digest {}",
        "Bearer null",
        "Bearer ' OR 1=1 --",
    ],
)
def test_A18_one_way_in(server, given):
    assert server.get("/api/v1/project", f"Authorization: {given.replace('{}', server.tokens['ada'])}")[0] in (400, 401)


def test_A18_neither_twice_nor_elsewhere(server):
    token = server.tokens["ada"]
    assert server.get("/api/v1/project", server.bearer("ada"), server.bearer("ada"))[0] == 401
    for path in (f"/api/v1/project?token={token}", f"/api/v1/project?access_token={token}"):
        assert server.get(path)[0] == 401
    assert server.get("/api/v1/project", f"X-Api-Key: {token}", "X-Forwarded-User: ada", "X-Remote-User: ada")[0] == 401


def test_A20_no_secret_is_in_the_code(server):
    for path in SOURCE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"(?i)(secret_?key|password|api_?key)\s*=\s*[\"'][^\"']{6,}", text), path.name
        assert not re.search(r"bw_[A-Za-z0-9_-]{43}", text), path.name
        assert "-----BEGIN" not in text, path.name


def test_A20_secrets_are_made_when_they_are_needed(tmp_path, monkeypatch):
    from boxwright.cli.serve import token_of

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with bw.create_project(tmp_path / "p") as project:
        project.accounts.add("ada")
        path = token_of(project, "ada")
        secret = path.read_text()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600 and token_of(project, "ada").read_text() == secret
        assert not path.is_relative_to(tmp_path / "p")
        project.accounts.disable("ada")
        project.accounts.enable("ada")
        (token,) = project.accounts.tokens("ada")
        project.accounts.revoke(token.token_id)
        assert token_of(project, "ada").read_text() != secret


def test_A27_there_are_no_redirects(server):
    for path in (
        "//evil.example",
        "/\\evil.example",
        "/api/v1/project/",
        "/api/v1/scenes//",
        "/?next=http://evil.example",
        "/static/../api",
        "/health/",
    ):
        for method in ("GET", "POST"):
            status, head, _ = server.get(path, server.bearer("ada"), method=method)
            assert not 300 <= status < 400 and "location:" not in head, path
    text = "".join(path.read_text(encoding="utf-8") for path in SERVED)
    assert "RedirectResponse" not in text and "redirect_slashes=False" in text


def test_A28_logs_hold_no_secrets(server, caplog):
    secret = server.tokens["ada"]
    with caplog.at_level(logging.DEBUG):
        server.http("ada").get("/project")
        server.get(f"/api/v1/project?token={secret}", server.bearer("ada"), f"Cookie: t={secret}")
        server.get("/api/v1/project", f"Authorization: Bearer {secret}x")
        url = server.server.start_url("ada")
        server.http().post("/session", json={"code": url.partition("=")[2]})
    logged = [record.getMessage() for record in caplog.records if record.name.startswith(("boxwright", "uvicorn"))]
    assert any("/api/v1/project" in line and "ada" in line for line in logged)
    assert not [line for line in logged if secret[3:] in line or url.partition("=")[2] in line]


def test_A29_control_characters_are_shown_not_sent(server, caplog):
    with caplog.at_level(logging.INFO):
        for path in ("/api/v1/%1b[2J%0aGET", "/%0d%0aSet-Cookie:%20a=b", "/api/v1/scenes/%00", "/api/v1/%e2%80%ae"):
            status, head, body = server.get(path, server.bearer("ada"), "X-Thing: \x1b[31m")
            assert status in (400, 404) and "set-cookie" not in head and b"\x1b" not in body
    logged = [record.getMessage() for record in caplog.records if record.name.startswith("boxwright")]
    assert logged and all(line.isprintable() for line in logged)
    project, edits = server.project, server.project.edits("monday")
    edits.add_tag(bw.Tag("\x1b[2Jevil\r\nname"))
    edits.commit()
    answer = server.http("ada").get(f"/scenes/{server.scene_id}/entities", params={"kind": "tag"})
    assert b"\x1b" not in answer.content and "\\u001b[2Jevil" in answer.text
    assert "\x1b" not in repr(bw.Scene("\x1b[2J", [0])) and project.undo(project.seq)


def test_A31_without_a_token_there_is_nothing(server):
    for route in server.server.app.routes:
        for method in getattr(route, "methods", None) or ():
            path = re.sub(r"\{.*?\}", "x", route.path)
            answer = server.http().request(method, f"{server.server.url}{path}", headers=change(1))
            if path.startswith("/api") and (method, path) != ("POST", "/api/v1/session"):
                body = is_error(answer, 401)
                assert body["message"] == "a token is needed"
    for path in ("/api", "/api/", "/api/v2", "/api/v1/nothing", "/api/v1/openapi.json", "/api/v1/../v1/project", "/API/v1/project"):
        assert server.get(path)[0] in (401, 404)
    for path in ("/docs", "/redoc", "/openapi.json"):
        is_error(server.http("ada").get(f"{server.server.url}{path}"), 404)
    for path in ("/health", "/", "/static/index.html"):
        body = server.http().get(f"{server.server.url}{path}").text
        assert "monday" not in body and "street" not in body and "ada" not in body


def test_a_wider_address_needs_accounts_a_name_and_tls(tmp_path):
    with bw.create_project(tmp_path / "p") as project:
        for more in ({}, {"allow_hosts": ["label.example"]}):
            with pytest.raises(bw.ArgumentError, match="accounts with tokens"):
                Server(project, "0.0.0.0", 0, **more)
        project.accounts.add("ada")
        project.accounts.make_token("ada")
        with pytest.raises(bw.ArgumentError, match="--allow-host"):
            Server(project, "0.0.0.0", 0)
        with pytest.raises(bw.ArgumentError, match="TLS"):
            Server(project, "0.0.0.0", 0, allow_hosts=["label.example"])
        for name in ("*", "", "a b", "http://x", "a/b", "x@y"):
            with pytest.raises(bw.ArgumentError):
                Server(project, "127.0.0.1", 0, allow_hosts=[name])
        with pytest.raises(bw.ArgumentError, match="TLS needs both"):
            Server(project, "127.0.0.1", 0, tls_cert=tmp_path / "x")
