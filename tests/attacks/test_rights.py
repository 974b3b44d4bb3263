"""Attacks on who may do what: A15-A17, A19, A30, and the matrix of every route and every role."""

from __future__ import annotations

import re

import pytest
from matrix import EXPECTED, SHAPE, calls, keyframe

import boxwright as bw
from boxwright.server.gate import SESSION, is_open
from boxwright.store.requests import ACTIONS
from boxwright.store.verbs import VERBS
from serving import ACTORS, change, is_error, key


def routes(server):
    """ "METHOD path" of all that needs a token."""
    return {
        f"{method} {route.path}"
        for route in server.server.app.routes
        for method in (getattr(route, "methods", None) or ()) - {"HEAD", "OPTIONS"}
        if not is_open(method, route.path)
    }


def test_A15_every_route_has_a_row(server):
    assert routes(server) == set(EXPECTED) == set(calls(server))
    opened = {f"{m} {r.path}" for r in server.server.app.routes for m in getattr(r, "methods", None) or () if is_open(m, r.path)}
    assert opened == {"GET /health", f"POST {SESSION}", "GET /", "GET /static/{name:path}"}


def test_A15_every_role_gets_what_its_row_says(server):
    found = {}
    for name, call in calls(server).items():
        method, path = name.split()
        found[name] = ()
        for actor in ACTORS:
            parts, body, headers = call()
            query = parts.pop("query", None)
            url = f"{server.server.url}{path.format(**parts)}{f'?{query}' if query else ''}"
            answer = server.http(actor).request(method, url, json=body, headers=headers)
            found[name] += (answer.status_code,)
            if answer.status_code >= 400:
                is_error(answer, answer.status_code)
    assert found == EXPECTED


def test_A15_unknown_and_forbidden_are_the_same(server):
    """For every id in every path: what is not there, and what is not yours, are answered alike."""
    server.project.accounts.add("newcomer")
    _, secret = server.project.accounts.make_token("newcomer")
    bw.Work(server.project).set_member("newcomer", ["annotator"])
    server.tokens["newcomer"] = secret
    http, n = server.http("newcomer"), 0
    for name in sorted(routes(server)):
        method, path = name.split()
        real = {"scene_id": server.scene_id, "entity_id": keyframe(server).id}
        for part in re.findall(r"\{(scene_id|entity_id)\}", path):
            answers = []
            for one in (real[part], "00000000-0000-7000-8000-000000000000", "x", "a" * 64, "..", "%00"):
                filled = re.sub(r"\{frame_index\}", "0", path).replace(f"{{{part}}}", one)
                answers.append(http.request(method, f"{server.server.url}{filled}", json={}, headers=change(1)))
            assert len({(one.status_code, one.content) for one in answers[:4]}) == 1, name
            assert answers[0].status_code in (403, 404), name
            n += 1
    assert n > 20


def test_A15_another_project_is_nowhere(server):
    with bw.open_project(server.folder / "other") as other:
        theirs = other.kept("account")[0].id
    is_error(server.http("ada").get(f"/entities/{theirs}"), 404)
    is_error(server.http("stranger").get("/project"), 401)


def test_A15_what_holds_secrets_is_no_entity_over_http(server):
    for kind in ("account", "token", "source", "files", "member"):
        for one in [*server.project.kept(kind), *server.project.kept(kind, server.scene_id)][:1]:
            for actor in ("ada", "ben", "detector"):
                is_error(server.http(actor).get(f"/entities/{one.id}"), 404)
                is_error(server.http(actor).get(f"/entities/{one.id}/blame"), 404)
                answer = server.http(actor).patch(f"/entities/{one.id}", json={"verb": "set_track"}, headers=change(1))
                is_error(answer, 403 if actor == "ada" else 404)  # an admin edits no labels at all
    for seq in range(1, min(server.project.seq, 40) + 1):
        text = server.http("ada").get(f"/changes/{seq}").text
        assert "secret_sha256" not in text and str(server.folder) not in text


def test_A15_no_path_of_the_server_is_told(server):
    http = server.http("ada")
    for path in (f"/scenes/{server.scene_id}", f"/scenes/{server.scene_id}/entities", "/log", "/project", "/scenes", f"/entities/{server.scene_id}"):
        assert str(server.folder) not in http.get(path).text


def test_A16_no_field_slips_through_a_patch(server):
    http, one = server.http("detector"), keyframe(server)
    before = one.body
    bodies = [
        {"verb": "move_keyframe", "shape": SHAPE, "more": 1},
        {"verb": "move_keyframe", "shape": {**SHAPE, "secret": 1}},
        {"verb": "move_keyframe", "shape": SHAPE, "id": one.id},
        {"verb": "move_keyframe", "shape": SHAPE, "rev": 1},
        {"verb": "move_keyframe", "shape": SHAPE, "by": "ada"},
        {"verb": "set_keyframe", "set": {"rev": 7}},
        {"verb": "set_keyframe", "set": {"seq": 7}},
        {"verb": "delete_scene", "seen": 10**6},
        {"verb": "set_member", "account": "detector", "roles": ["admin"]},
        {"shape": SHAPE},
        {},
    ]
    for body in bodies:
        is_error(http.patch(f"/entities/{one.id}", json=body, headers=change(one.rev)), 422)
    for path in ("edits", "undo"):
        is_error(http.post(f"/{path}", json={"edits": [], "seq": 1, "by": "ada"}, headers=key()), 422)
    assert keyframe(server).body == before


def test_A17_nobody_makes_himself_more(server):
    for actor, status in (("vic", 403), ("anna", 403), ("ben", 403), ("eve", 403), ("detector", 403), ("ada", 403)):
        member = server.project.find("", "member", actor)
        headers = change(0 if member is None else member.rev)
        is_error(server.http(actor).put(f"/members/{actor}", json={"roles": ["admin", "reviewer"]}, headers=headers), status)
        edit = {"verb": "set_member", "account": actor, "roles": ["admin"], **({} if member is None else {"rev": member.rev})}
        is_error(server.http(actor).post("/edits", json={"edits": [edit]}, headers=key()), status)
    for verb, body in (
        ("add_account", {"id": "account-01", "account": {"name": "x", "kind": "human"}}),
        ("add_token", {"id": "token-0001", "token": {}}),
        ("set_account", {"id": "x", "rev": 1, "set": {}}),
        ("revoke_token", {"id": "x", "rev": 1, "revoked_ns": 1}),
    ):
        is_error(server.http("ada").post("/edits", json={"edits": [{"verb": verb, **body}]}, headers=key()), 422)
    assert server.project.find("", "member", "ada").body["roles"] == ["admin"]


def test_A17_no_machine_reviews(server):
    member = server.project.find("", "member", "detector")
    for roles in (["reviewer"], ["machine", "reviewer"], ["machine", "admin"]):
        body = {"roles": roles, "scopes": ["import"] if "machine" in roles else []}
        answer = server.http("ada").put("/members/detector", json=body, headers=change(member.rev))
        if answer.status_code == 200:  # of a member that was made a person: its tokens say what they are for
            is_error(server.http("detector").post("/undo", json={"seq": 1}, headers=key()), 403)
            now = server.project.find("", "member", "detector")
            edit = {"verb": "set_member", "account": "detector", "roles": ["machine"], "scopes": ["import", "predict", "export"], "rev": now.rev}
            server.project.commit([edit])
            member = server.project.find("", "member", "detector")
        else:
            is_error(answer, 422)


def test_every_verb_has_an_action(server):
    """What a request may ask for is in the table of rights: a verb that is not could be asked for by everybody."""
    assert set(VERBS) <= set(ACTIONS)


def test_A19_filters_are_closed_lists(server):
    http = server.http("ada")
    for path in (
        f"/scenes/{server.scene_id}/entities?kind=token",
        f"/scenes/{server.scene_id}/entities?kind=account",
        f"/scenes/{server.scene_id}/entities?kind=files",
        f"/scenes/{server.scene_id}/entities?kind=source",
        f"/scenes/{server.scene_id}/entities?kind=track&kind=token",
        f"/scenes/{server.scene_id}/entities?kind=track' OR 1=1 --",
        f"/scenes/{server.scene_id}/entities?kind=%25",
        f"/scenes/{server.scene_id}/frames/0/points?field=secret_sha256",
        f"/scenes/{server.scene_id}/findings?status=%25",
    ):
        is_error(http.get(path), 422)
    everything = http.get(f"/scenes/{server.scene_id}/entities?order=secret_sha256&filter[token]=a&sort=token")
    assert "secret" not in everything.text and everything.status_code == 200
    for before in ("1 OR 1=1", "1;DROP TABLE txn", "secret_sha256"):
        is_error(http.get("/log", params={"before": before}), 422)
    assert server.project.seq > 1 and not bw.fsck(server.project).damages


def test_A30_what_was_accepted_stays(server):
    project, work = server.project, bw.Work(server.project)
    edits = project.edits("tuesday")
    track = bw.Track("locked", "bus", [int(project.read("tuesday").times_ns[0])], bw.Cuboids([[5.0, 5, 1]], [[9.0, 3, 3]], 0.0, frame="world"))
    edits.add_track(track)
    edits.commit()
    (task,) = work.add_tasks("tuesday", [(0, 0)], classes=["bus"])
    anna, ben = server.http("anna"), server.http("ben")
    path = f"/tasks/{task.task_id}"
    assert anna.post(f"{path}/take", json={}, headers=key()).status_code == 200
    one = project.track("tuesday", "locked").keyframes[0]
    shape = {"verb": "move_keyframe", "shape": {"center_m": [5.5, 5.0, 1.0], "size_m": [9.0, 3.0, 3.0], "yaw_rad": 0.0}}
    assert anna.patch(f"/entities/{one.id}", json=shape, headers=change(one.rev)).status_code == 200
    assert anna.post(f"{path}/submit", json={}, headers=key()).status_code == 200
    is_error(anna.patch(f"/entities/{one.id}", json=shape, headers=change(one.rev + 1)), 403)
    is_error(anna.post(f"{path}/begin-review", json={}, headers=key()), 403)
    assert ben.post(f"{path}/begin-review", json={}, headers=key()).status_code == 200
    assert ben.post(f"{path}/accept", json={"at_seq": project.seq, "reason": "good"}, headers=key()).status_code == 200
    before = project.seq
    for actor in ("anna", "ben", "ada", "detector"):
        for send in (
            lambda http: http.patch(f"/entities/{one.id}", json=shape, headers=change(one.rev + 1)),
            lambda http: http.delete(f"/entities/{one.id}", headers=change(one.rev + 1)),
            lambda http: http.post("/edits", json={"edits": [{**shape, "id": one.id, "rev": one.rev + 1}]}, headers=key()),
        ):
            answer = send(server.http(actor))
            is_error(answer, answer.status_code)
            assert answer.status_code in (403, 409), actor
    with pytest.raises(bw.ConflictError):
        project.commit([{**shape, "id": one.id, "rev": one.rev + 1}])  # the host, by the database's own rule
    assert project.seq == before
