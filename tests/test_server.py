"""The server: the HTTP contract, data as binary, the core's verbs, jobs, the feed, and `bw.connect` with the verbs of a project on this machine."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
import time
from typing import ClassVar

import numpy as np
import pytest

import boxwright as bw
from boxwright.server.feed import Watcher
from boxwright.server.sensor_routes import ordered
from boxwright.wire import unpacked
from serving import change, is_error, key, served
from stores import same_scene


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A project without members: whoever has a token may do everything."""
    with served(tmp_path_factory.mktemp("served"), members=False) as made:
        yield made


@pytest.fixture
def remote(server):
    with bw.connect(server.server.url, server.tokens["ada"]) as project:
        yield project


@pytest.fixture
def http(server):
    return server.http("ada")


def keyframe(server, k=0):
    return server.project.track("monday", "car-1").keyframes[k]


SHAPE = {"center_m": [1.0, 2, 3], "size_m": [4.0, 2, 1.5], "yaw_rad": 0.5}


def moved(server, http, x=1.0, rev=None, headers=None):
    one = keyframe(server)
    body = {"verb": "move_keyframe", "shape": {**SHAPE, "center_m": [x, 2.0, 3.0]}}
    return http.patch(f"/entities/{one.id}", json=body, headers=headers or change(one.rev if rev is None else rev))


# ------------------------------------------------------------ the contract


def test_an_edit_names_what_it_stands_on(server, http):
    before = keyframe(server)
    answer = moved(server, http, 5.0)
    assert answer.status_code == 200 and answer.headers["etag"] == f'"{before.rev + 1}"'
    assert keyframe(server).body["center_m"] == [5.0, 2.0, 3.0]
    assert http.get(f"/entities/{before.id}").headers["etag"] == answer.headers["etag"]
    assert server.project.log(most=1)[0].account == "ada"


def test_a_stale_edit_is_told_who_was_first(server, http):
    rev = keyframe(server).rev
    assert moved(server, http, 6.0).status_code == 200
    body = is_error(moved(server, http, 7.0, rev=rev), 412)
    (conflict,) = body["conflicts"]
    assert conflict["rev"] == rev + 1 and conflict["expected_rev"] == rev and conflict["account"] == "ada"
    assert conflict["changed"] == ["center_m"] and conflict["body"]["center_m"][0] == 6.0
    assert keyframe(server).body["center_m"][0] == 6.0


def test_what_a_write_needs(server, http):
    one = keyframe(server)
    assert is_error(moved(server, http, headers=key()), 428)["field"] == "If-Match"
    for wrong in ("3", "*", '"x"', '"1", "2"', '"-1"', '"99999999999999999999"'):
        is_error(moved(server, http, headers={"If-Match": wrong, **key()}), 400)
    for wrong in ({}, {"Idempotency-Key": ""}, {"Idempotency-Key": "a b c d e f g h"}, {"Idempotency-Key": "x" * 65}):
        assert is_error(moved(server, http, headers={"If-Match": f'"{one.rev}"', **wrong}), 400)["code"] == "idempotency-key"
    assert keyframe(server).rev == one.rev


def test_a_request_is_done_once(server, http):
    headers = change(keyframe(server).rev)
    first = moved(server, http, 8.0, headers=headers)
    again = [moved(server, http, 8.0, headers=headers) for _ in range(3)]
    assert {one.content for one in again} == {first.content} and all(one.headers["idempotency-replayed"] == "true" for one in again)
    assert is_error(moved(server, http, 9.0, headers=headers), 422)["code"] == "op-id-reused"
    assert keyframe(server).body["center_m"][0] == 8.0


def test_a_batch_is_all_or_nothing(server, http):
    one, before = keyframe(server), server.project.seq
    good = {"verb": "move_keyframe", "id": one.id, "rev": one.rev, "shape": SHAPE}
    bad = {"verb": "move_keyframe", "id": one.id, "rev": one.rev, "shape": {**SHAPE, "size_m": [0.0, 1, 1]}}
    is_error(http.post("/edits", json={"edits": [good, bad]}, headers=key()), 422)
    assert server.project.seq == before and keyframe(server).rev == one.rev
    assert http.post("/edits", json={"edits": [good], "reason": "so"}, headers=key()).json()["seq"] == before + 1


def test_undo(server, http):
    first, second = moved(server, http, 20.0).json(), moved(server, http, 21.0).json()
    assert is_error(http.post("/undo", json={"seq": first["seq"]}, headers=key()), 409)["conflicts"]
    assert http.post("/undo", json={"seq": second["seq"]}, headers=key()).status_code == 200
    assert keyframe(server).body["center_m"][0] == 20.0
    log = http.get("/log", params={"most": 2}).json()["transactions"]
    assert [row["undo_of"] for row in log] == [second["seq"], None]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400), (b"\xff\xfe", 400), (b"[]", 422), (b"{}", 422), (b'{"seq": NaN}', 422), (b'{"seq": 1e999}', 422), (b'{"seq": -Infinity}', 422),
        (b'{"seq": 1, "seq": 2}', 422), (b'{"seq": 1, "more": 2}', 422), (b'{"seq": "1"}', 422), (b'{"seq": 1.5}', 422), (b'{"seq": true}', 422),
        (b'{"seq": ' + b"9" * 5000 + b"}", 422), (b'{"seq": 1, "reason": "\\ud800"}', 422), (b"[" * 40 + b"]" * 40, 413), (b"[" * 100_000, 413),
        (b'{"seq": 1, "reason": "' + b"x" * 5000 + b'"}', 413), (b"[" + b"1," * 200_001 + b"1]", 413), (b"", 422),
    ],
)  # fmt: skip
def test_json_means_what_it_says(server, http, body, status):
    before = server.project.seq
    is_error(http.post("/undo", content=body, headers={**key(), "Content-Type": "application/json"}), status)
    assert server.project.seq == before


def test_errors_have_one_shape(server, http):
    scene = server.scene_id
    is_error(http.get("/nowhere"), 404)
    is_error(http.put(f"/scenes/{scene}"), 405)
    is_error(http.get(f"/scenes/{scene}/frames/99/points"), 404)
    is_error(http.get(f"/scenes/{scene}/frames/x/points"), 422)
    is_error(http.get(f"/scenes/{scene}/frames/0/points", params={"encoding": "text"}), 422)
    is_error(http.get(f"/scenes/{scene}/entities", params={"kind": "token"}), 422)
    is_error(http.post("/undo", content=b"seq=1", headers={**key(), "Content-Type": "application/x-www-form-urlencoded"}), 415)
    is_error(http.get("/log", params={"most": "1e999"}), 422)


def test_labels_come_as_lines_too(server, http):
    path, kinds = f"/scenes/{server.scene_id}/entities", ["track", "keyframe", "tag", "relation"]
    edits = server.project.edits("monday")
    edits.set_attributes(server.project.track("monday", "car-1"), {'<i>,{"&\n': "\u2028,{}"})
    edits.commit()
    told, text = http.get(path, params={"kind": kinds}).json(), http.get(path, params={"kind": kinds, "form": "lines"}).text
    first, *lines = text.splitlines()
    assert json.loads(first) == {"seq": told["seq"]} and len(lines) == len(told["entities"]) > 3
    for line, one in zip(lines, told["entities"]):
        at_ns = one["body"]["timestamp_ns"] if one["kind"] == "keyframe" else None
        assert json.loads(line) == [*(one[name] for name in ("kind", "id", "parent_id", "place", "rev", "seq")), at_ns, one["body"]]
        assert line.index(",{") == line.index("{") - 1  # a reader finds the body by its brace
    assert not set(text) & set("<>&") and text.isascii()
    packed = http.get(path, params={"kind": kinds, "form": "lines", "compress": "gzip"})
    assert packed.headers["content-encoding"] == "gzip" and packed.text == text
    assert http.get(path, params={"compress": "gzip"}).json() == http.get(path).json()
    is_error(http.get(path, params={"kind": "sensor", "form": "lines"}), 422)
    server.project.undo(server.project.seq)


def test_a_scene_is_told_without_its_poses(server, http):
    whole, less = (http.get(f"/scenes/{server.scene_id}", params={"poses": poses}).json() for poses in ("true", "false"))
    assert len(whole["trajectory"]) == 1 and {**whole, "trajectory": []} == less


def test_health_and_who_asks(server, http):
    assert server.http().get(f"{server.server.url}/health").json() == {"status": "ok"}
    assert http.get("/me").json()["account"] == "ada"


def test_a_start_code_is_good_once(server):
    url = server.server.start_url("ada")
    base, _, code = url.partition("/#code=")
    assert base == server.server.url
    answer = server.http().post("/session", json={"code": code})
    assert answer.status_code == 200 and answer.json()["account"] == "ada"
    assert server.http().get("/me", headers={"Authorization": f"Bearer {answer.json()['token']}"}).json()["account"] == "ada"
    is_error(server.http().post("/session", json={"code": code}), 401)


def test_a_code_grows_old():
    from boxwright.server.sessions import CODE_S, Codes

    now = [0.0]
    codes = Codes(lambda: now[0])
    one, other = codes.make("ada"), codes.make("ada")
    now[0] = CODE_S - 1
    assert codes.take(one) == "ada"
    now[0] = CODE_S + 1
    with pytest.raises(bw.AccessDenied):
        codes.take(other)


# ------------------------------------------------------------ data


def test_points_are_those_of_the_recording(server, http):
    path = f"/scenes/{server.scene_id}/frames/1/points"
    sweep = server.project.read("monday").points(1)
    answer = http.get(path, params={"when": "recorded", "field": ["intensity", "index"]})
    parts = unpacked(answer.content, answer.headers)
    assert np.array_equal(parts["xyz"], sweep.xyz) and np.array_equal(parts["intensity"], sweep.intensity)
    assert np.array_equal(parts["index"], np.arange(len(sweep.xyz)))
    packed = http.get(path, params={"when": "recorded", "compress": "gzip"})
    assert packed.headers["content-encoding"] == "gzip" and packed.content == sweep.xyz.tobytes()
    raw = server.get(f"/api/v1{path}?when=recorded&compress=gzip", server.bearer("ada"))
    assert gzip.decompress(raw[2]) == packed.content and len(raw[2]) < len(packed.content)


def test_quantised_points_are_half_a_step_off_at_most(server, http):
    path = f"/scenes/{server.scene_id}/frames/0/points"
    sweep = server.project.read("monday").still_points(0)
    answer = http.get(path, params={"encoding": "uint16"})
    step = np.array([float(v) for v in answer.headers["x-boxwright-step-m"].split(",")])
    assert len(answer.content) == 6 * len(sweep.xyz) and step.max() < 1e-3
    assert (np.abs(unpacked(answer.content, answer.headers)["xyz"] - sweep.xyz) <= 0.51 * step + 1e-6).all()


def test_what_is_no_number_stays_none():
    from boxwright.server.sensor_routes import packed

    xyz = np.array([[1, 2, 3], [np.nan, 0, 0], [4, 5, 6], [np.inf, 1, 1]], np.float32)
    for encoding in ("float32", "uint16"):
        data, headers = packed(bw.Sweep(xyz), encoding, [], None)
        back = unpacked(data, headers)["xyz"]
        assert np.isfinite(back).all(1).tolist() == [True, False, True, False] and np.allclose(back[[0, 2]], xyz[[0, 2]], atol=1e-4)
    data, headers = packed(bw.Sweep(np.array([[5e5, 5.4e6, 100.123], [5e5 + 1, 5.4e6 + 2, 101]])), "float32", [], None)
    back = unpacked(data, headers)["xyz"] + [float(v) for v in headers["X-Boxwright-Origin-M"].split(",")]
    assert np.abs(back - [[5e5, 5.4e6, 100.123], [5e5 + 1, 5.4e6 + 2, 101]]).max() < 1e-5


def test_a_beginning_is_spread_over_the_sweep(server, http):
    path = f"/scenes/{server.scene_id}/frames/0/points"
    parts = [unpacked(one.content, one.headers)["index"] for one in (http.get(path, params={"most": n, "field": "index"}) for n in (100, 300))]
    assert np.array_equal(parts[0], parts[1][:100]) and len(set(parts[1].tolist())) == 300
    order = ordered(100_000)
    assert np.array_equal(np.sort(order), np.arange(100_000))
    assert np.histogram(order[:10_000], 10, (0, 100_000))[0].min() > 800


def test_data_is_not_sent_twice(server, http):
    for path in ("points", "image?camera=front"):
        url = f"/scenes/{server.scene_id}/frames/0/{path}"
        tag = http.get(url).headers["etag"]
        assert http.get(url, headers={"If-None-Match": tag}).status_code == 304
        assert http.get(url.replace("frames/0", "frames/1"), headers={"If-None-Match": tag}).status_code == 200


def test_pictures_are_encoded_here(server, http):
    path, image = f"/scenes/{server.scene_id}/frames/0/image", server.project.read("monday").image(0, "front")
    from boxwright.formats.images import decoded_image

    answer = http.get(path, params={"camera": "front", "kind": "png"})
    assert answer.headers["content-type"] == "image/png" and np.array_equal(decoded_image(answer.content), image)
    small = decoded_image(http.get(path, params={"camera": "front", "width": 32}).content)
    assert small.shape == (24, 32, 3)


def test_cuboids_and_their_projection(server, http):
    scene = server.project.read("monday")
    rows = http.get(f"/scenes/{server.scene_id}/frames/0/cuboids", params={"frame": "lidar"}).json()["cuboids"]
    assert [row["track_id"] for row in rows] == ["car-1", "person-1"]
    assert np.allclose([row["center_m"] for row in rows], scene.cuboids(0, "lidar").center_m)
    shown = http.get(f"/scenes/{server.scene_id}/frames/0/projection", params={"camera": "front"}).json()
    boxes = bw.project_cuboids(scene.cuboids(0, "ego"), scene.camera("front").camera, scene.cam_from(0, "front", "ego"))
    assert [one["xyxy"] for one in shown["cuboids"]] == boxes.xyxy[boxes.visible].tolist() and shown["cuboids"][0]["edges"]


# ------------------------------------------------------------ a project far away


def test_a_scene_far_away_is_the_scene(server, remote):
    here, there = server.project.read("monday"), remote.read("monday")
    same_scene(here.replace(path=None), there)
    assert remote.name == "street" and [one.name for one in remote.scenes()] == ["monday"] and remote.seq == server.project.seq


def test_edits_from_far_away(server, remote):
    stored = remote.track("monday", "car-1")
    edits = remote.edits("monday")
    edits.move_keyframe(stored, int(stored.track.times_ns[0]), bw.Cuboid([2, 3, 4], [4, 2, 1.5], 0.2, frame="world"))
    edits.set_attributes(stored, {"colour": "red"})
    added = edits.add_track(bw.Track("car-9", "car", [5, 6], bw.Cuboids([[0, 0, 0.0]] * 2, [[1, 1, 1.0]] * 2, 0.0, frame="world")))
    edits.add_tag(bw.Tag("fog"))
    commit = edits.commit("from far away")
    assert commit.account == "ada" and not commit.is_repeat and edits.commit("from far away").is_repeat
    assert remote.entity(added).body["track_id"] == "car-9"
    assert server.project.track("monday", "car-1").track.attributes == {"colour": "red"}
    with pytest.raises(bw.ConflictError) as error:
        stale = remote.edits("monday")
        stale.move_keyframe(stored, int(stored.track.times_ns[0]), stored.track.cuboids[0])
        stale.commit()
    assert error.value.conflicts[0]["account"] == "ada"
    assert remote.log(most=1) and remote.blame(stored.keyframes[0].id)["shape"].account == "ada"
    assert {one.kind for one in remote.changes(commit.seq)} == {"keyframe", "track", "tag"}
    undone = remote.undo(commit.seq)
    assert remote.log("monday", most=1)[0].undo_of == commit.seq == undone.seq - 1
    with pytest.raises(bw.AccessDenied):
        remote.commit([{"verb": "undo", "seq": 1}], by="ben")


def test_a_taxonomy_and_point_labels_from_far_away(server, remote):
    edits = remote.edits("monday")
    edits.set_taxonomy(bw.Taxonomy.default())
    n = len(server.project.read("monday").points(0).xyz)
    edits.set_point_labels(0, "lidar", bw.PointLabels(np.ones(n, int), np.zeros(n, int), {1: "car"}))
    edits.commit()
    assert [one.name for one in remote.taxonomy] == [one.name for one in bw.Taxonomy.default()]
    assert server.project.read("monday").point_labels(0).class_id.sum() == n
    near, far = server.project.read("monday"), remote.read("monday")
    assert [far.has_point_labels(i, "lidar") for i in range(len(far))] == [near.has_point_labels(i, "lidar") for i in range(len(near))]
    for name in ("class_id", "instance_id"):
        assert np.array_equal(getattr(far.point_labels(0), name), getattr(near.point_labels(0), name))
    assert far.point_labels(0).classes == near.point_labels(0).classes == {1: "car"}
    is_error(server.http("ada").get(f"/scenes/{server.scene_id}/point-labels/{'0' * 64}"), 404)
    edits = remote.edits("monday")
    edits.set_point_labels(0, "lidar", bw.PointLabels(np.zeros(n, int), np.zeros(n, int)))  # told anew: other bytes
    edits.commit()
    assert remote.read("monday").point_labels(0).class_id.sum() == 0
    with pytest.raises(bw.UnknownName):  # of before: the scene has to be read again
        far.point_labels(0)


def test_the_core_where_the_recording_is(server, remote):
    found = remote.fit_at("monday", 0, [11.0, 1.1, 1.0])
    scene = server.project.read("monday")
    fit = bw.fit_at(scene.still_points(0), [11.0, 1.1, 1.0], "car", ground=scene.ground(0), sensor_origins_m=scene.lidar_origins_m("lidar"))
    assert found["sensor"]["center_m"] == fit.cuboid.center_m.tolist() and found["flags"] == sorted(fit.flags)
    snapped = remote.refit("monday", 0, bw.Cuboid([12, 2, 0.8], [4.2, 1.8, 1.6], 0.0), "car")
    assert abs(snapped["label"]["center_m"][0] - 12) < 0.6 and snapped["n_points"] > 100
    with pytest.raises(bw.ArgumentError, match="no such class"):
        remote.fit_at("monday", 0, [11.0, 1.1, 1.0], "spaceship")
    with pytest.raises(bw.GeometryError, match="within 1 m"):
        remote.fit_at("monday", 0, [500.0, 1.1, 1.0])
    carried = remote.propagate("monday", "person-1", 0, 2)
    assert [row["frame_index"] for row in carried["proposals"]] == [1, 2] and carried["track"]["track_id"] == "person-1"
    filled = remote._json("GET", f"/scenes/{server.scene_id}/fill", track_id="car-1")
    assert [row["frame_index"] for row in filled["cuboids"]] == [0, 1, 2]


def test_jobs(server, remote, tmp_path):
    assert remote.check("monday", rules=["labels"]).keys() == bw.check(server.project.read("monday"), rules=["labels"]).to_dict().keys()
    assert "quality" in str(remote.score("monday", "monday").keys()) or remote.score("monday", "monday")
    remote.export("monday", tmp_path / "out.zip")
    assert (tmp_path / "out.zip").read_bytes()[:2] == b"PK"
    with pytest.raises(bw.BoxwrightError):
        remote.check("monday", rules=["no such rule"])
    rows = server.http("ada").get("/jobs").json()["jobs"]
    assert rows[0]["state"] == "failed" and rows[-1]["state"] == "done"
    is_error(server.http("ben").get(f"/jobs/{rows[0]['job_id']}"), 404)


def test_two_people_see_each_others_edits(server, remote):
    seen, start = [], server.project.seq
    with bw.connect(server.server.url, server.tokens["ben"]) as other:
        feed = other.feed(start)
        thread = threading.Thread(target=lambda: seen.extend([next(feed), next(feed)]), daemon=True)
        thread.start()
        for x in (31.0, 32.0):
            moved(server, server.http("ada"), x)
        thread.join(20)
        feed.close()
    assert [seq for seq, _ in seen] == [start + 1, start + 2]
    assert [changes[0].body["center_m"][0] for _, changes in seen] == [31.0, 32.0]


class _Failing:
    """A project whose database fails once in a way that nobody thought of."""

    seqs: ClassVar = [1, RuntimeError("unheard of"), 2]

    @property
    def seq(self):
        found = self.seqs.pop(0) if len(self.seqs) > 1 else self.seqs[0]
        if isinstance(found, Exception):
            raise found
        return found


def test_a_feed_outlives_what_nobody_thought_of():
    async def heard():
        watcher = Watcher(_Failing())
        found = [await watcher.after(0, 5.0), await watcher.after(1, 5.0)]
        await watcher.close()
        return found

    assert asyncio.run(heard()) == [1, 2]


class _Log:
    """A project in which something is done whenever somebody says so."""

    seq = 1


def test_readers_that_leave_do_not_make_the_others_deaf():
    async def heard():
        log = _Log()
        watcher = Watcher(log)
        for n in range(60):  # a reader that has gone is cancelled over and over until it ends, as servers do
            leaving = [asyncio.create_task(watcher.after(log.seq, 5.0)) for _ in range(3)]
            for _ in range(1 + n % 5):
                await asyncio.sleep(0)
            log.seq += n % 2
            watcher.nudge()
            for _ in range(1 + n % 3):
                for one in leaving:
                    one.cancel()
                await asyncio.sleep(0)
        log.seq += 1
        try:
            return await asyncio.wait_for(watcher.after(log.seq - 1, 5.0), 6.0) == log.seq
        finally:
            await watcher.close()

    assert asyncio.run(asyncio.wait_for(heard(), 20))


def test_a_feed_ends_with_its_token(server):
    server.project.accounts.add("gone")
    token, secret = server.project.accounts.make_token("gone")
    with server.http().stream("GET", "/feed", headers={"Authorization": f"Bearer {secret}"}) as answer:
        lines = answer.iter_lines()
        assert "seq" in next(lines)
        server.project.accounts.revoke(token.token_id)
        start = time.monotonic()
        assert len(list(lines)) <= 3 and time.monotonic() - start < 10


def test_connect_says_what_is_wrong(server, monkeypatch, tmp_path):
    monkeypatch.delenv("BOXWRIGHT_TOKEN", raising=False)
    for url, token, error in (
        (server.server.url, None, bw.ArgumentError),
        (server.server.url, "bw_wrong", bw.AccessDenied),
        ("ftp://x", "bw_x", bw.ArgumentError),
        ("http://example.com", "bw_x", bw.ArgumentError),
        ("http://me:secret@127.0.0.1", "bw_x", bw.ArgumentError),
        (None, "bw_x", bw.ArgumentError),
    ):
        with pytest.raises(error):
            bw.connect(url, token)
    (tmp_path / "token").write_text(server.tokens["ada"])
    (tmp_path / "token").chmod(0o600)
    with bw.connect(server.server.url, token_file=tmp_path / "token") as project:
        assert project.account == "ada"
    monkeypatch.setenv("BOXWRIGHT_TOKEN", server.tokens["ben"])
    with bw.connect(server.server.url) as project:
        assert project.account == "ben" and "ben" in repr(project)
        with pytest.raises(bw.UnknownName):
            project.read("tuesday")


def test_a_second_server_on_a_folder_refuses(server):
    from boxwright.server import Server

    with bw.open_project(server.folder / "project") as again, pytest.raises(bw.StorageError, match="another server runs"):
        Server(again, port=0)


def test_a_project_that_was_made_just_now_can_be_opened_beside(tmp_path):
    with bw.create_project(tmp_path / "p", "new"), bw.open_project(tmp_path / "p") as again:
        assert again.name == "new"


def test_the_command(tmp_path):
    """As a user starts it: it says where it is, the address it prints is good once, and it ends when it is told to."""
    import os
    import re
    import signal
    import subprocess
    import sys

    import httpx

    bw.create_project(tmp_path / "p", "street").close()
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}
    arguments = [sys.executable, "-m", "boxwright", "serve", str(tmp_path / "p"), "--port", "0", "--as", "anna"]
    with bw.open_project(tmp_path / "p") as project:
        project.accounts.add("anna")
    child = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        said = [child.stdout.readline() for _ in range(3)]
        url, code = re.search(r"(http://127\.0\.0\.1:\d+)/#code=(\S+)", said[1]).groups()
        token_file = re.search(r"in (\S+)$", said[2].strip())[1]
        with httpx.Client(trust_env=False) as http:
            token = http.post(f"{url}/api/v1/session", json={"code": code}).json()["token"]
            assert http.get(f"{url}/api/v1/me", headers={"Authorization": f"Bearer {token}"}).json()["account"] == "anna"
        with bw.connect(url, token_file=token_file) as remote:
            assert remote.name == "street" and remote.account == "anna"
    finally:
        child.send_signal(signal.SIGTERM)
        _, err = child.communicate(timeout=60)
    assert "Traceback" not in err and token not in err and code not in err


def test_members_have_addresses_of_their_own(tmp_path, monkeypatch, capsys):
    from boxwright.cli.serve import _say_where
    from boxwright.server import Server

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with bw.create_project(tmp_path / "p") as project:
        for name in ("ada", "eve"):
            project.accounts.add(name)
        bw.Work(project).set_member("ada", ["admin"])
        server = Server(project, port=0)
        try:
            for name in (None, "eve"):
                _say_where(server, project, name, False)
                out = capsys.readouterr().out
                assert "--as NAME" in out and "#code=" not in out
            _say_where(server, project, "ada", False)
            assert "#code=" in capsys.readouterr().out
            assert len(project.accounts.all()) == 2
        finally:
            server.close()
