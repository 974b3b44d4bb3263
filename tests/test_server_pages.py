"""What a page asks a server for: a frame in one call, cuboids in all pictures, columns of points, the timeline, comparisons, corrections."""

from __future__ import annotations

import json

import numpy as np
import pytest

import boxwright as bw
from boxwright.checks import Finding, SetKeyframes
from boxwright.checks.findings import label_digest
from boxwright.render.labels import color_of
from boxwright.scene import NoData
from boxwright.segmentation import segment
from boxwright.server.overview_routes import nearest
from boxwright.server.project_routes import runs_of
from boxwright.wire import unpacked
from serving import is_error, key, served


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(tmp_path_factory.mktemp("pages"), members=False) as made:
        yield made


@pytest.fixture
def http(server):
    return server.http("ada")


@pytest.fixture
def remote(server):
    with bw.connect(server.server.url, server.tokens["ada"]) as project:
        yield project


def scene_of(server):
    return server.project.read("monday")


def frame(server, i):
    return f"/scenes/{server.scene_id}/frames/{i}"


# ------------------------------------------------------------ a frame


@pytest.mark.parametrize("name", [None, "lidar", "front", "ego"])
def test_a_frame_in_one_call(server, http, name):
    scene = scene_of(server)
    told = http.get(frame(server, 1), params={} if name is None else {"frame": name}).json()
    assert "cuboids" in told, told
    labels = scene.labels(1, name or "world")
    assert [row["track_id"] for row in told["cuboids"]] == [scene.tracks[k].track_id for k in labels.track_index] == ["car-1"]
    assert told["cuboids"][0]["center_m"] == labels.cuboids.center_m[0].tolist() and told["cuboids"][0]["state"] == "between"
    assert told["cuboids"][0]["visibility"] == "visible" and told["timestamp_ns"] == scene.times_ns[1] and told["frame"] == (name or "world")
    assert told["absent"] == [{"track_id": "person-1", "category": "person", "state": "after"}]
    assert np.allclose(told["lidars"]["lidar"]["label_from"], scene.transform("world", "lidar", int(scene.times_ns[1])).matrix())
    front = told["cameras"]["front"]
    assert np.allclose(front["label_from"], scene.cam_from(1, "front", "world").inverse().matrix()) and front["has_image"] and front["is_calibrated"]
    assert told["tags"] == [{"name": "rain", "value": True}] and told["shapes"] == []


def test_shapes_of_a_frame(server, http):
    (row,) = http.get(frame(server, 0)).json()["shapes"]
    assert row["xyxy_px"] == [5, 6, 20, 30] and (row["shape"], row["camera"], row["state"], row["track_id"]) == ("box", "front", "keyframe", "box-1")


def test_classes_have_the_colours_of_pictures_and_windows(server, http):
    told = http.get(f"/scenes/{server.scene_id}").json()["colors"]
    assert told == {name: list(color_of(name)) for name in ("person", *bw.Taxonomy.default().names)}
    names = ["car", "CAR", "REGULAR_VEHICLE", "hovercraft", "<img>"]
    assert http.get("/colors", params={"category": names}).json() == {"colors": {name: list(color_of(name)) for name in names}}
    is_error(http.get("/colors"), 422)
    is_error(http.get("/colors", params={"category": ["x"] * 201}), 422)


def test_which_frames_have_what(server, http):
    assert http.get(f"/scenes/{server.scene_id}").json()["data"] == {"sweeps": {"lidar": [[0, 2]]}, "images": {"front": [[0, 2]]}, "videos": {}}
    assert runs_of([5, 1, 2, 3, 9]) == [[1, 3], [5, 5], [9, 9]] and runs_of([]) == []


def test_frames_that_are_not_there(server, http):
    is_error(http.get(frame(server, 99)), 404)
    is_error(http.get(frame(server, 0), params={"frame": "nowhere"}), 404)


# ------------------------------------------------------------ in pictures


def test_cuboids_in_every_picture(server, http):
    scene = scene_of(server)
    shown = http.get(f"{frame(server, 0)}/projections").json()["cameras"]["front"]["cuboids"]
    labels = scene.labels(0, "ego")
    boxes = bw.project_cuboids(labels.cuboids, scene.camera("front").camera, scene.cam_from(0, "front", "ego"))
    assert {row["track_id"] for row in shown} == {"car-1", "person-1"}
    assert [row["distance_m"] for row in shown] == sorted((row["distance_m"] for row in shown), reverse=True)
    for row in shown:
        m = [scene.tracks[k].track_id for k in labels.track_index].index(row["track_id"])
        lines = [np.reshape(line, (-1, 2)) / 10 for name in ("visible", "front", "hidden") for line in row[name]]
        known = sorted(np.round(line, 1).tolist() for line in boxes.edges(m))
        assert sorted(line.tolist() for line in lines) == known
        n_hidden = int(boxes.hidden_edges[m].sum())
        assert 0 < len(row["hidden"]) <= n_hidden and bool(row["front"]) == (not boxes.hidden_edges[m, :4].all())
        assert np.allclose(row["xyxy"], boxes.xyxy[m], atol=0.051)
    assert list(http.get(f"{frame(server, 0)}/projections", params={"camera": "front"}).json()["cameras"]) == ["front"]
    is_error(http.get(f"{frame(server, 0)}/projections", params={"camera": "none"}), 422)


def test_cuboids_that_are_dragged(server, http):
    scene = scene_of(server)
    stored = http.get(f"{frame(server, 0)}/projections").json()["cameras"]["front"]["cuboids"]
    cuboids = scene.cuboids(0, "world")
    given = [{name: getattr(cuboids, name)[m].tolist() for name in ("center_m", "size_m", "quat_wxyz")} for m in range(2)]
    shown = http.post(f"{frame(server, 0)}/projections", json={"cuboids": given}).json()["cameras"]["front"]["cuboids"]
    assert [row["visible"] for row in shown] == [row["visible"] for row in stored] and sorted(row["row"] for row in shown) == [0, 1]
    turned = {"center_m": given[0]["center_m"], "size_m": given[0]["size_m"], "yaw_rad": 0.1}
    again = http.post(f"{frame(server, 0)}/projections", json={"cuboids": [turned], "cameras": ["front"]}).json()["cameras"]["front"]["cuboids"]
    assert again[0]["front"] == next(row for row in shown if row["row"] == 0)["front"]
    is_error(http.post(f"{frame(server, 0)}/projections", json={"cuboids": [{**turned, "quat_wxyz": [1.0, 0, 0, 0]}]}), 422)
    is_error(http.post(f"{frame(server, 0)}/projections", json={"cuboids": []}), 422)


def test_trails(server, http):
    scene = scene_of(server)
    rows = http.get(f"{frame(server, 2)}/trails", params={"frame": "lidar", "before": 2}).json()["trails"]
    assert [(row["track_id"], row["first_frame"], len(row["places_m"])) for row in rows] == [("car-1", 0, 3), ("person-1", 0, 1)]
    floors = [scene.cuboids(i, "world")[0].center_m - [0, 0, 0.8] for i in range(3)]
    assert np.allclose(rows[0]["places_m"], scene.transform("lidar", "world", int(scene.times_ns[2])).apply(np.array(floors)), atol=1e-4)


def test_how_high_the_vehicle_is_above_the_ground(server, http):
    scene = scene_of(server)
    told = http.get(f"{frame(server, 1)}/ground").json()
    ego_m = scene.ego_from("lidar").inverse().translation_m
    assert told == {"ego_above_m": pytest.approx(ego_m[2] - scene.ground(1).height_m(ego_m[None])[0], abs=1e-9)}
    is_error(http.get(f"{frame(server, 99)}/ground"), 404)
    is_error(http.get(f"{frame(server, 1)}/ground", params={"sensor": "none"}), 404)


# ------------------------------------------------------------ columns of points


def test_columns_of_points(server, http):
    scene, path = scene_of(server), f"{frame(server, 0)}/points"
    answer = http.get(path, params={"field": ["intensity", "class_id", "instance_id", "ring", "rgba", "index"], "most": 500})
    parts = unpacked(answer.content, answer.headers)
    sweep, labels, rows = scene.points(0), segment(scene, 0), parts["index"]
    assert len(rows) == 500 and answer.headers["x-boxwright-fields"] == "intensity,ring"
    for name, column in (
        ("intensity", sweep.intensity),
        ("ring", sweep.fields["ring"]),
        ("class_id", labels.class_id),
        ("instance_id", labels.instance_id),
    ):
        assert np.array_equal(parts[name], column[rows]) and parts[name].dtype == column.dtype
    seen = bw.project_points(sweep.xyz[rows], scene.camera("front").camera, scene.cam_from(0, "front", "lidar"))
    inside, image = seen.in_image, scene.image(0, "front")
    origins_m = scene.lidar("lidar").origins_m
    sees = bw.depth_map(sweep, scene.camera("front").camera, scene.cam_from(0, "front", "lidar"), sensor_origins_m=origins_m).sees[rows]
    painted = parts["rgba"][:, 3] == 255  # what stands behind something else in a picture has not the colour of that
    assert np.array_equal(painted, sees) and sees.any() and not parts["rgba"][~sees].any() and set(np.flatnonzero(sees)) < set(np.flatnonzero(inside))
    u, v = np.rint(seen.uv[sees]).astype(int).T
    assert (parts["rgba"][sees, :3] == image[v, u]).mean() > 0.99  # a pixel's border may lie between float32 and float64
    placed = http.get(path, params={"field": "uv", "camera": "front", "most": 500})
    uv = unpacked(placed.content, placed.headers)["uv"]
    assert np.allclose(uv[inside], seen.uv[inside], atol=1e-3) and np.isnan(uv[~inside]).all()
    answer = http.get(path, params={"field": "sees", "camera": "front"})
    sees = bw.depth_map(sweep, scene.camera("front").camera, scene.cam_from(0, "front", "lidar"), sensor_origins_m=scene.lidar_origins_m()).sees
    assert np.array_equal(unpacked(answer.content, answer.headers)["sees"], sees) and sees.any() and not sees.all()
    eye = {"width_px": 300, "height_px": 200, "focal_px": 150.0, "cam_from_label": scene.cam_from(0, "front", "world").matrix().tolist()}
    pose, camera = scene.cam_from(0, "front", "world") @ scene.transform("world", "lidar", int(scene.times_ns[0])), (300, 200, 150, 150, 149.5, 99.5)
    sees = bw.depth_map(scene.still_points(0), bw.PinholeCamera(*camera), pose, sensor_origins_m=scene.lidar_origins_m()).sees
    answer = http.post(f"{path}/seen", json=eye)
    assert np.array_equal(np.frombuffer(answer.content, np.uint8), sees) and sees.any() and not sees.all()
    for wrong in ({"width_px": 0}, {"height_px": 4097}, {"focal_px": -1.0}, {"cam_from_label": [[1.0] * 4] * 4}, {"more": 1}):
        is_error(http.post(f"{path}/seen", json=eye | wrong), 422)
    for field in ("uv", "sees"):
        is_error(http.get(path, params={"field": field}), 422)
    others = unpacked(*(lambda got: (got.content, got.headers))(http.get(path, params={"field": "others"})))
    assert set(others) == {"xyz", "ring"}
    is_error(http.get(path, params={"field": "colour"}), 422)
    is_error(http.get(path, params={"field": ["ring", "ring"]}), 422)


def test_what_the_numbers_of_labels_mean(server, http):
    told, labels = http.get(f"{frame(server, 0)}/point-labels").json(), segment(scene_of(server), 0)
    assert told["made_from"] == "cuboids" and {row["category"]: row["n_points"] for row in told["classes"]} == labels.class_counts()
    assert [(row["track_id"], row["n_points"]) for row in told["instances"]] == [("car-1", int((labels.instance_id == 1).sum()))]


def test_points_are_painted_and_it_is_undone(server, http):
    path, before = f"{frame(server, 1)}/points", http.get(f"{frame(server, 1)}/points", params={"field": "class_id"})
    assert http.get(path, params={"field": "class_id"}, headers={"If-None-Match": before.headers["etag"]}).status_code == 304
    edit = bw.PointEdit.of_points(1, [0, 1, 2, 700], category="vegetation").mapping()
    entity = "00000000-0000-4000-8000-00000000aaaa"
    done = http.post(
        "/edits", json={"edits": [{"verb": "add_point_edit", "scene": server.scene_id, "id": entity, "point_edit": edit}]}, headers=key()
    )
    now = http.get(path, params={"field": "class_id"}, headers={"If-None-Match": before.headers["etag"]})
    named = {row["class_id"]: row["category"] for row in http.get(f"{frame(server, 1)}/point-labels").json()["classes"]}
    painted = unpacked(now.content, now.headers)["class_id"]
    assert [named[i] for i in painted[[0, 1, 2, 700]]] == ["vegetation"] * 4 and (painted == painted[0]).sum() == 4
    assert http.post("/undo", json={"seq": done.json()["seq"]}, headers=key()).status_code == 200
    after = http.get(path, params={"field": "class_id"})
    assert after.content == before.content


def test_kept_labels_are_painted_over(server, http):
    n = len(scene_of(server).points(2).xyz)
    edits = server.project.edits("monday", by="ada")
    edits.set_point_labels(2, "lidar", bw.PointLabels(np.ones(n, int), np.zeros(n, int), {1: "road"}))
    edits.add_point_edit(bw.PointEdit.of_points(2, [5], category="pole"))
    commit = edits.commit()
    told = http.get(f"{frame(server, 2)}/point-labels").json()
    assert told["made_from"] == "kept" and {row["category"]: row["n_points"] for row in told["classes"]} == {"road": n - 1, "pole": 1}
    server.project.undo(commit.seq, by="ada")


def test_further_columns_come_to_a_project_far_away(server, remote):
    here, there = scene_of(server).points(0), remote.read("monday").points(0)
    assert np.array_equal(here.fields["ring"], there.fields["ring"]) and there.fields["ring"].dtype == np.uint8


# ------------------------------------------------------------ a scene at a glance


def test_the_timeline(server, http):
    told, scene = http.get(f"/scenes/{server.scene_id}/timeline").json(), scene_of(server)
    rows = {row["track_id"]: row for row in told["tracks"]}
    assert list(rows) == ["car-1", "person-1", "box-1"] and told["times_ns"] == scene.times_ns.tolist()
    assert rows["car-1"]["spans"] == [[0, 2, "visible"]] and rows["car-1"]["keyframes"]["frame_index"] == [0, 2]
    assert rows["person-1"]["spans"] == [[0, 0, "visible"]] and rows["box-1"]["shape"] == "box" and rows["box-1"]["spans"] == [[0, 0, "visible"]]
    assert told["tags"] == [{"name": "rain", "value": True, "frames": [0, 2]}] and told["seq"] <= server.project.seq


def test_spans_end_where_a_track_is_hidden_or_gone(server, http):
    scene = scene_of(server)
    seen = [bw.Visibility.OCCLUDED, bw.Visibility.OUTSIDE]
    cuboids = bw.Cuboids([[12.0, 2, 0.8]] * 2, [[4.2, 1.8, 1.6]] * 2, 0.1, frame="world")
    track = bw.Track("hidden", "car", scene.times_ns[[0, 2]], cuboids, visibility=seen)
    edits = server.project.edits("monday", by="ada")
    edits.add_track(track)
    edits.add_tag(bw.Tag("turn", span_ns=(int(scene.times_ns[1]), int(scene.times_ns[2]))))
    commit = edits.commit()
    told = http.get(f"/scenes/{server.scene_id}/timeline").json()
    assert next(row for row in told["tracks"] if row["track_id"] == "hidden")["spans"] == [[0, 1, "occluded"]]
    assert told["tags"][-1]["frames"] == [1, 2]
    assert {"track_id": "hidden", "category": "car", "state": "outside"} in http.get(frame(server, 2)).json()["absent"]
    server.project.undo(commit.seq, by="ada")


def test_the_nearest_frame():
    assert nearest(np.array([0, 10, 20]), np.array([-5, 4, 6, 14, 99])).tolist() == [0, 0, 1, 1, 2]
    assert nearest(np.array([7]), np.array([1, 9])).tolist() == [0, 0] and nearest(np.array([], int), np.array([1])).tolist() == [0]


@pytest.mark.parametrize("name", [None, "lidar"])
def test_many_sweeps_as_one_cloud(server, http, name):
    scene = scene_of(server)
    query = {"first": 0, "last": 2, "voxel_m": 0.2} | ({} if name is None else {"frame": name, "at_frame": 1})
    answer = http.get(f"/scenes/{server.scene_id}/aggregate", params=query)
    parts, origin = unpacked(answer.content, answer.headers), [float(v) for v in answer.headers["x-boxwright-origin-m"].split(",")]
    cloud = bw.aggregate(scene, frames=range(3), moving="carry", at_frame=1, voxel_m=0.2)
    places = cloud.xyz.astype(float) + cloud.origin_m
    if name is not None:
        places = scene.transform("lidar", "world", int(scene.times_ns[1])).apply(places)
    assert np.allclose(parts["xyz"] + np.array(origin), places, atol=1e-3) and answer.headers["x-boxwright-frame"] == (name or "world")
    assert np.array_equal(parts["frame_index"], cloud.frame_index) and np.array_equal(parts["intensity"], cloud.intensity)


def test_times_and_classes_of_many_sweeps(server, http):
    scene = scene_of(server)
    cloud = bw.aggregate(scene, frames=range(3), moving="carry", at_frame=1)
    query = {"first": 0, "last": 2, "at_frame": 1, "field": ["class_id", "time_offset_ns"]}
    answer = http.get(f"/scenes/{server.scene_id}/aggregate", params=query)
    parts, classes = unpacked(answer.content, answer.headers), json.loads(answer.headers["x-boxwright-classes"])
    names = {frame: [bw.segment(scene, frame).class_name(int(k)) for k in bw.segment(scene, frame).class_id] for frame in range(3)}
    assert [classes.get(str(k), "unlabelled") for k in parts["class_id"]] == [names[f][p] for f, p in zip(cloud.frame_index, cloud.point_index)]
    assert "car" in classes.values() and len(set(classes.values())) == len(classes)
    sweeps = [scene.points(frame) for frame in range(3)]
    offsets = [np.zeros(len(one), np.int64) if one.time_offset_ns is None else one.time_offset_ns for one in sweeps]
    seen = [sweeps[f].timestamp_ns + offsets[f][p] - scene.times_ns[1] for f, p in zip(cloud.frame_index, cloud.point_index)]
    assert parts["time_offset_ns"].tolist() == seen and len(set(seen)) >= 3
    some = http.get(f"/scenes/{server.scene_id}/aggregate", params={**query, "most": 7, "field": "class_id"})
    assert "time_offset_ns" not in some.headers["x-boxwright-parts"] and len(unpacked(some.content, some.headers)["class_id"]) == 7
    is_error(http.get(f"/scenes/{server.scene_id}/aggregate", params={**query, "field": "rgba"}), 422)


def test_the_points_of_one_object(server, http):
    answer = http.get(f"/scenes/{server.scene_id}/aggregate", params={"first": 0, "last": 2, "track_id": "car-1"})
    cloud = bw.aggregate(scene_of(server), "car-1")
    assert answer.headers["x-boxwright-frame"] == "cuboid" and np.allclose(unpacked(answer.content, answer.headers)["xyz"], cloud.xyz)
    is_error(http.get(f"/scenes/{server.scene_id}/aggregate", params={"first": 0, "last": 2, "track_id": "car-1", "frame": "lidar"}), 422)
    is_error(http.get(f"/scenes/{server.scene_id}/aggregate", params={"first": 0, "last": 2, "track_id": "nobody"}), 404)


# ------------------------------------------------------------ judging


def test_two_labellings_of_a_frame(server, remote):
    scene = scene_of(server)
    shift = bw.Cuboids(scene.tracks[0].cuboids.center_m + np.array([0.3, 0.0, 0.0]), scene.tracks[0].cuboids.size_m, 0.15, frame="world")
    stranger = bw.Track("new", "car", scene.times_ns[:1], bw.Cuboids([[25.0, -7, 0.8]], [[4, 2, 1.6]], 0.0, frame="world"))
    tracks = [scene.tracks[0].replace(track_id="a", cuboids=shift), stranger]
    server.project.add_scene(scene.replace(name="other", tracks=tracks, data=NoData()), by="ada")
    same = remote.comparison("monday", "monday", 0)
    assert [pair["similarity"] for pair in same["pairs"]] == pytest.approx([1, 1]) and not same["only_a"] and not same["only_b"]
    found = remote.comparison("monday", "other", 0)
    (pair,) = found["pairs"]
    assert (pair["a"]["track_id"], pair["b"]["track_id"]) == ("car-1", "a") and pair["distance_m"] == pytest.approx(0.3)
    assert pair["yaw_rad"] == pytest.approx(0.05) and pair["similarity"] == pytest.approx(bw.iou_3d(scene.tracks[0].cuboids[:1], shift[:1])[0, 0])
    assert [row["track_id"] for row in found["only_a"]] == ["person-1"] and [row["track_id"] for row in found["only_b"]] == ["new"]
    is_error(server.http("ada").get(f"{frame(server, 0)}/comparison", params={"other": "00000000-0000-4000-8000-000000000000"}), 404)


def a_finding(scene, height_m=1.9):
    track = scene.track("car-1")
    better = track.cuboids[:1].replace(size_m=[[4.2, 1.8, height_m]])
    about = {"track_ids": ("car-1",), "categories": ("car",), "sensor": None, "value": 1.0, "threshold": np.nan, "unit": "m", "message": "too low"}
    frames = {"frame_index": 0, "last_frame_index": 1, "worst_frame_index": 0, "timestamp_ns": int(scene.times_ns[0])}
    mending = bw.Suggestion("make it higher", [SetKeyframes("car-1", track.times_ns[:1], better)])
    digest = label_digest(scene, ("car-1",), 0, 1)
    return Finding("size", bw.Severity.WARNING, **frames, **about, suggestion=mending, finding_id="ab12", label_digest=digest)


def test_a_correction_is_taken_and_taken_back(server, http):
    before = server.project.track("monday", "car-1")
    body, headers = {"finding": a_finding(scene_of(server)).to_dict(), "reason": "as the check says"}, key()
    path = f"/scenes/{server.scene_id}/corrections"
    done = http.post(path, json=body, headers=headers)
    after = server.project.track("monday", "car-1")
    assert done.status_code == 200 and after.track.cuboids.size_m[:, 2].tolist() == [1.9, 1.6]
    assert after.keyframes[1].rev == before.keyframes[1].rev and done.json()["n_changes"] == 1
    again = http.post(path, json=body, headers=headers)
    assert again.status_code == 200 and again.json()["seq"] == done.json()["seq"] and again.headers["idempotency-replayed"] == "true"
    assert is_error(http.post(path, json=body, headers=key()), 409)["code"] == "stale"
    assert server.project.log(most=1)[0].reason == "as the check says"
    assert http.post("/undo", json={"seq": done.json()["seq"]}, headers=key()).status_code == 200
    assert server.project.track("monday", "car-1").track.cuboids.size_m[:, 2].tolist() == [1.6, 1.6]


def test_a_correction_from_far_away(server, remote):
    finding = a_finding(scene_of(server), 2.1)
    edits = remote.edits("monday")
    edits.correct(Finding.from_dict(finding.to_dict()))
    commit = edits.commit("higher")
    assert server.project.track("monday", "car-1").track.cuboids.size_m[0, 2] == 2.1
    with pytest.raises(bw.ConflictError, match="changed since"):
        remote.edits("monday").correct(finding)
    remote.undo(commit.seq)


def test_corrections_that_are_none(server, http):
    path, finding = f"/scenes/{server.scene_id}/corrections", a_finding(scene_of(server)).to_dict()
    for change in (
        {"suggestion": None},
        {"suggestion": {"sentence": "x", "edits": [{"edit": "correct_camera", "camera": "front", "turn_rad": [0, 0, 0.1], "late_ns": 0}]}},
        {"suggestion": {"sentence": "x", "edits": [{"edit": "format the disk"}]}},
        {"suggestion": {"sentence": 1, "edits": []}},
        {"suggestion": []},
        {"frame_index": "first"},
        {"severity": "awful"},
        {"track_ids": 7},
    ):
        is_error(http.post(path, json={"finding": {**finding, **change}}, headers=key()), 422)
    gone = {"edit": "remove_track", "track_id": "nobody"}
    nobody = {**finding, "track_ids": ["nobody"], "suggestion": {"sentence": "x", "edits": [gone]}}
    is_error(http.post(path, json={"finding": nobody}, headers=key()), 409)


def test_a_track_that_a_correction_removes(server, http):
    scene = scene_of(server)
    track = bw.Track("twice", "car", scene.times_ns[[0, -1]], scene.tracks[0].cuboids)
    edits = server.project.edits("monday", by="ada")
    edits.add_track(track)
    edits.commit()
    (found,) = [one for one in bw.check(scene_of(server), rules=["duplicate_track"]) if one.suggestion is not None]
    assert http.post(f"/scenes/{server.scene_id}/corrections", json={"finding": found.to_dict()}, headers=key()).status_code == 200
    assert len({"car-1", "twice"} & set(scene_of(server).track_index)) == 1
    back = server.project.undo(server.project.seq, by="ada")
    assert {"car-1", "twice"} <= set(scene_of(server).track_index)
    edits = server.project.edits("monday", by="ada")
    edits.delete_track(server.project.track("monday", "twice"))
    edits.commit()
    assert back.undo_of == back.seq - 1


def test_findings_are_kept_with_what_they_suggest(server, remote, http):
    scene = scene_of(server)
    edits = server.project.edits("monday", by="ada")
    edits.add_track(bw.Track("twice", "car", scene.times_ns[[0, -1]], scene.tracks[0].cuboids))
    commit = edits.commit()
    told = remote.check("monday", rules=["duplicate_track"], keep=True)
    kept = http.get(f"/scenes/{server.scene_id}/findings").json()["findings"]
    assert [one["finding_id"] for one in told["findings"]] == [one["finding_id"] for one in kept] and kept[0]["status"] == "open"
    assert kept[0]["said"]["suggestion"] == told["findings"][0]["suggestion"] and Finding.from_dict(kept[0]["said"]).suggestion is not None
    assert http.get(f"/scenes/{server.scene_id}/timeline").json()["findings"][0]["status"] == "open"
    server.project.undo(commit.seq, by="ada")
    remote.check("monday", rules=["duplicate_track"], keep=True)
    assert {one["status"] for one in http.get(f"/scenes/{server.scene_id}/findings").json()["findings"]} == {"fixed"}
    is_error(http.post(f"/scenes/{server.scene_id}/check", json={"keep": True, "frames": [0]}), 422)


def test_proposals_of_other_moments(remote):
    with pytest.raises(bw.BoxwrightError, match="time"):
        remote.retime("monday")
