"""Every route with a request that is good, and what each actor gets for it. A route without a row fails `test_A15_every_route_has_a_row`."""

from __future__ import annotations

import itertools
import uuid

import boxwright as bw
from boxwright.checks import Finding, SetKeyframes
from boxwright.checks.findings import label_digest
from boxwright.scene import NoData
from boxwright.store.taxonomies import taxonomy_mapping
from serving import ACTORS, change, key, recorded_scene

NUMBER = itertools.count(1)
EYE = {"width_px": 40, "height_px": 30, "focal_px": 20.0, "cam_from_label": [[0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]]}
SHAPE = {"center_m": [1.0, 2, 3], "size_m": [4.0, 2, 1.5], "yaw_rad": 0.5}


def rev_of(server, kind, *parts):
    found = server.project.find("", kind, *parts)
    return 0 if found is None else found.rev


def keyframe(server):
    return server.project.track("monday", "car-1").keyframes[0]


def a_tag(server):
    edits = server.project.edits("monday")

    entity_id = edits.add_tag(bw.Tag(f"tag {next(NUMBER)}"))
    edits.commit()
    return entity_id


def a_task(server):

    return bw.Work(server.project).add_tasks("monday", [(0, 0)], classes=[f"class {next(NUMBER)}"])[0].task_id


def a_finding(server):
    """A car of 9 m height, as the check of another moment may have seen it."""
    work, scene = bw.Work(server.project), server.project.read("monday")
    tall = scene.tracks[0].replace(cuboids=bw.Cuboids([[12.0, 2, 4.5]] * 2, [[4.2, 1.8, 9.0]] * 2, 0.1, frame="world"))
    found = bw.check(scene.replace(tracks=[tall], image_tracks=[]), rules=["labels"])
    assert len(found)
    work.keep_findings("monday", list(found)[:1], at_seq=server.project.seq, rules=[found[0].rule])
    return work.findings("monday")[-1]


def a_correction(server):
    """What a check may have said of the car's first keyframe, with another height for it."""
    scene = server.project.read("monday")
    track = scene.track("car-1")
    cuboid = track.cuboids[:1].replace(size_m=[[4.2, 1.8, 1.6 + 0.001 * next(NUMBER)]])
    mending = bw.Suggestion("another height", [SetKeyframes("car-1", track.times_ns[:1], cuboid)])
    about = {"track_ids": ("car-1",), "categories": ("car",), "sensor": None, "value": 1.0, "threshold": 0.0, "unit": "m", "message": "too low"}
    frames = {"frame_index": 0, "last_frame_index": 0, "worst_frame_index": 0, "timestamp_ns": int(scene.times_ns[0])}
    digest = label_digest(scene, ("car-1",), 0, 0)
    return Finding("size", bw.Severity.WARNING, **frames, **about, suggestion=mending, finding_id="f" * 16, label_digest=digest).to_dict()


def calls(server):
    """ "METHOD path" -> () -> (path filled in, JSON or None, headers). Fresh things for every call, since calls change them."""
    scene, project = server.scene_id, server.project

    def plain(**more):
        return lambda: ({"scene_id": scene, "frame_index": 0, **more}, None, {})

    def post(body, **more):
        return lambda: ({"scene_id": scene, "frame_index": 0, **more}, body, {})

    def edit_tag():
        one = a_tag(server)
        return {"entity_id": one}, {"verb": "change_tag", "tag": {"name": f"changed {next(NUMBER)}"}}, change(1)

    def drop_tag():
        return {"entity_id": a_tag(server)}, None, change(1)

    def batch():
        return {}, {"edits": [{"verb": "add_tag", "scene": scene, "id": str(uuid.uuid4()), "tag": {"name": f"new {next(NUMBER)}"}}]}, key()

    def undo():
        a_tag(server)
        return {}, {"seq": project.seq}, key()

    def taxonomy():

        return {}, {"taxonomy": taxonomy_mapping(bw.Taxonomy.default())}, change(rev_of(server, "taxonomy"))

    def waive():
        one = a_finding(server)
        return {"finding_id": one.entity_id}, {"reason": "it is so"}, change(one.rev)

    def member(body):
        return lambda: ({"account": "spare"}, body, change(rev_of(server, "member", "spare")))

    def drop_member():
        if project.find("", "member", "spare") is None:
            project.commit([{"verb": "set_member", "account": "spare", "roles": ["viewer"]}])
        return {"account": "spare"}, None, change(rev_of(server, "member", "spare"))

    def gone_scene():

        name = f"gone {next(NUMBER)}"
        project.add_scene(recorded_scene().replace(name=name, data=NoData()))
        return {"scene_id": project.scene_id(name)}, None, change(project.seq)

    def gold():
        name = f"answers {next(NUMBER)}"
        project.add_scene(recorded_scene().replace(name=name, data=NoData()))
        return {"scene_id": scene}, {"gold": name}, key()

    def rename():
        return {"scene_id": scene}, {"verb": "rename_scene", "name": "monday"}, change(project.entity(scene).rev)

    def an_export():
        (server.server.app.state.exports / "00000000-0000-7000-8000-000000000000").mkdir(exist_ok=True)
        (server.server.app.state.exports / "00000000-0000-7000-8000-000000000000" / "export.zip").write_bytes(b"PK")
        return {"export_id": "00000000-0000-7000-8000-000000000000"}, None, {}

    def labels_of_points():
        edits, n = project.edits("monday"), len(recorded_scene().points(1).xyz)
        edits.set_point_labels(1, "lidar", bw.PointLabels([0] * n, [0] * n))
        edits.commit()
        return {"scene_id": scene, "sha256": project.find(scene, "point_labels", 1, "lidar").body["sha256"]}, None, {}

    def correct():
        return {"scene_id": scene}, {"finding": a_correction(server)}, key()

    return {
        "GET /api/v1/me": plain(),
        "GET /api/v1/project": plain(),
        "GET /api/v1/taxonomy": plain(),
        "GET /api/v1/colors": plain(query="category=car"),
        "PUT /api/v1/taxonomy": taxonomy,
        "GET /api/v1/scenes": plain(),
        "GET /api/v1/scenes/{scene_id}": plain(),
        "PATCH /api/v1/scenes/{scene_id}": rename,
        "DELETE /api/v1/scenes/{scene_id}": gone_scene,
        "GET /api/v1/scenes/{scene_id}/entities": plain(),
        "GET /api/v1/scenes/{scene_id}/point-labels/{sha256}": labels_of_points,
        "GET /api/v1/entities/{entity_id}": lambda: ({"entity_id": keyframe(server).id}, None, {}),
        "PATCH /api/v1/entities/{entity_id}": edit_tag,
        "DELETE /api/v1/entities/{entity_id}": drop_tag,
        "POST /api/v1/edits": batch,
        "POST /api/v1/undo": undo,
        "GET /api/v1/log": plain(),
        "GET /api/v1/scenes/{scene_id}/log": plain(),
        "GET /api/v1/changes/{seq}": plain(seq=2),
        "GET /api/v1/entities/{entity_id}/blame": lambda: ({"entity_id": keyframe(server).id}, None, {}),
        "GET /api/v1/feed": plain(query="since=0&most=1"),
        "GET /api/v1/scenes/{scene_id}/frames/{frame_index}/points": plain(),
        "GET /api/v1/scenes/{scene_id}/frames/{frame_index}/image": plain(query="camera=front"),
        "GET /api/v1/scenes/{scene_id}/frames/{frame_index}/point-labels": plain(),
        "GET /api/v1/scenes/{scene_id}/frames/{frame_index}/ground": plain(),
        "GET /api/v1/scenes/{scene_id}/frames/{frame_index}/cuboids": plain(),
        "GET /api/v1/scenes/{scene_id}/frames/{frame_index}": plain(),
        "POST /api/v1/scenes/{scene_id}/frames/{frame_index}/points/seen": post(EYE),
        "GET /api/v1/scenes/{scene_id}/frames/{frame_index}/projections": plain(),
        "POST /api/v1/scenes/{scene_id}/frames/{frame_index}/projections": post({"cuboids": [SHAPE]}),
        "GET /api/v1/scenes/{scene_id}/frames/{frame_index}/trails": plain(),
        "GET /api/v1/scenes/{scene_id}/timeline": plain(),
        "GET /api/v1/scenes/{scene_id}/aggregate": plain(query="first=0&last=1"),
        "GET /api/v1/scenes/{scene_id}/frames/{frame_index}/projection": plain(query="camera=front"),
        "POST /api/v1/scenes/{scene_id}/frames/{frame_index}/fit": post({"click_m": [11.0, 1.1, 1.0]}),
        "POST /api/v1/scenes/{scene_id}/frames/{frame_index}/refit": post({"center_m": [12.0, 2, 0.8], "size_m": [4.2, 1.8, 1.6], "yaw_rad": 0.1}),
        "GET /api/v1/scenes/{scene_id}/fill": plain(query="track_id=car-1"),
        "POST /api/v1/scenes/{scene_id}/propagate": post({"track_id": "person-1", "from_frame": 0, "to_frame": 1}),
        "POST /api/v1/scenes/{scene_id}/retime": post({}),
        "POST /api/v1/scenes/{scene_id}/corrections": correct,
        "GET /api/v1/scenes/{scene_id}/frames/{frame_index}/comparison": plain(query=f"other={scene}"),
        "POST /api/v1/scenes/{scene_id}/check": post({"rules": ["labels"]}),
        "POST /api/v1/score": post({"scene_id": scene, "gold_id": scene}),
        "POST /api/v1/agreement": post({"scene_ids": [scene, project.scene_id("tuesday")]}),
        "POST /api/v1/scenes/{scene_id}/export": post({"format": "openlabel"}),
        "GET /api/v1/exports/{export_id}": an_export,
        "GET /api/v1/jobs": plain(),
        "GET /api/v1/jobs/{job_id}": plain(job_id="00000000-0000-7000-8000-000000000000"),
        "DELETE /api/v1/jobs/{job_id}": plain(job_id="00000000-0000-7000-8000-000000000000"),
        "GET /api/v1/members": plain(),
        "PUT /api/v1/members/{account}": member({"roles": ["viewer"]}),
        "DELETE /api/v1/members/{account}": drop_member,
        "GET /api/v1/tasks": plain(),
        "GET /api/v1/tasks/{task_id}": lambda: ({"task_id": a_task(server)}, None, {}),
        "POST /api/v1/scenes/{scene_id}/tasks": lambda: ({"scene_id": scene}, {"ranges": [[0, 0]], "classes": [f"class {next(NUMBER)}"]}, key()),
        "POST /api/v1/tasks/next": lambda: ({}, None, key()),
        "POST /api/v1/tasks/{task_id}/{move}": lambda: ({"task_id": a_task(server), "move": "take"}, {}, key()),
        "GET /api/v1/tasks/{task_id}/verdicts": lambda: ({"task_id": a_task(server)}, None, {}),
        "GET /api/v1/tasks/{task_id}/feedback": lambda: ({"task_id": a_task(server)}, None, {}),
        "GET /api/v1/effort": plain(),
        "GET /api/v1/guideline": plain(),
        "PUT /api/v1/guideline": lambda: ({}, {"text": "be exact"}, change(rev_of(server, "guideline"))),
        "GET /api/v1/scenes/{scene_id}/findings": plain(),
        "POST /api/v1/findings/{finding_id}/waive": waive,
        "POST /api/v1/scenes/{scene_id}/gold": gold,
        "GET /api/v1/quality": plain(),
        "POST /api/v1/qualifications/next": lambda: ({}, None, key()),
        "POST /api/v1/scenes/{scene_id}/qualifications": lambda: ({"scene_id": scene}, {"gold": "tuesday", "frames": [0, 99]}, key()),
        "GET /api/v1/openapi.json": plain(),
    }


# what each of ACTORS gets: nobody, somebody of another project, no member, viewer, annotator without a task, reviewer, admin, machine
# rows go one after the other: with its first task the annotator sees its scene, and what a reviewer waived an admin finds waived (409)
EXPECTED = {
    "GET /api/v1/me": (401, 401, 200, 200, 200, 200, 200, 200),
    "GET /api/v1/project": (401, 401, 403, 200, 200, 200, 200, 200),
    "GET /api/v1/taxonomy": (401, 401, 403, 200, 200, 200, 200, 200),
    "GET /api/v1/colors": (401, 401, 403, 200, 200, 200, 200, 200),
    "PUT /api/v1/taxonomy": (401, 401, 403, 403, 403, 403, 200, 403),
    "GET /api/v1/scenes": (401, 401, 403, 200, 200, 200, 200, 200),
    "GET /api/v1/scenes/{scene_id}": (401, 401, 403, 200, 404, 200, 200, 200),
    "PATCH /api/v1/scenes/{scene_id}": (401, 401, 403, 403, 403, 403, 200, 403),
    "DELETE /api/v1/scenes/{scene_id}": (401, 401, 403, 403, 403, 403, 200, 403),
    "GET /api/v1/scenes/{scene_id}/entities": (401, 401, 403, 200, 404, 200, 200, 200),
    "GET /api/v1/scenes/{scene_id}/point-labels/{sha256}": (401, 401, 403, 200, 404, 200, 200, 200),
    "GET /api/v1/entities/{entity_id}": (401, 401, 403, 200, 404, 200, 200, 200),
    "PATCH /api/v1/entities/{entity_id}": (401, 401, 403, 403, 404, 403, 403, 200),
    "DELETE /api/v1/entities/{entity_id}": (401, 401, 403, 403, 404, 403, 403, 200),
    "POST /api/v1/edits": (401, 401, 403, 403, 404, 403, 403, 200),
    "POST /api/v1/undo": (401, 401, 403, 403, 403, 200, 200, 403),
    "GET /api/v1/log": (401, 401, 403, 200, 403, 200, 200, 200),
    "GET /api/v1/scenes/{scene_id}/log": (401, 401, 403, 200, 404, 200, 200, 200),
    "GET /api/v1/changes/{seq}": (401, 401, 403, 200, 200, 200, 200, 200),
    "GET /api/v1/entities/{entity_id}/blame": (401, 401, 403, 200, 404, 200, 200, 200),
    "GET /api/v1/feed": (401, 401, 403, 200, 200, 200, 200, 200),
    "GET /api/v1/scenes/{scene_id}/frames/{frame_index}/points": (401, 401, 403, 200, 404, 200, 200, 200),
    "GET /api/v1/scenes/{scene_id}/frames/{frame_index}/image": (401, 401, 403, 200, 404, 200, 200, 200),
    "GET /api/v1/scenes/{scene_id}/frames/{frame_index}/point-labels": (401, 401, 403, 200, 404, 200, 200, 200),
    "GET /api/v1/scenes/{scene_id}/frames/{frame_index}/ground": (401, 401, 403, 200, 404, 200, 200, 200),
    "GET /api/v1/scenes/{scene_id}/frames/{frame_index}/cuboids": (401, 401, 403, 200, 404, 200, 200, 200),
    "GET /api/v1/scenes/{scene_id}/frames/{frame_index}/projection": (401, 401, 403, 200, 404, 200, 200, 200),
    "GET /api/v1/scenes/{scene_id}/frames/{frame_index}": (401, 401, 403, 200, 404, 200, 200, 200),
    "POST /api/v1/scenes/{scene_id}/frames/{frame_index}/points/seen": (401, 401, 403, 200, 404, 200, 200, 200),
    "GET /api/v1/scenes/{scene_id}/frames/{frame_index}/projections": (401, 401, 403, 200, 404, 200, 200, 200),
    "POST /api/v1/scenes/{scene_id}/frames/{frame_index}/projections": (401, 401, 403, 200, 404, 200, 200, 200),
    "GET /api/v1/scenes/{scene_id}/frames/{frame_index}/trails": (401, 401, 403, 200, 404, 200, 200, 200),
    "GET /api/v1/scenes/{scene_id}/timeline": (401, 401, 403, 200, 404, 200, 200, 200),
    "GET /api/v1/scenes/{scene_id}/aggregate": (401, 401, 403, 200, 404, 200, 200, 200),
    "POST /api/v1/scenes/{scene_id}/frames/{frame_index}/fit": (401, 401, 403, 200, 404, 200, 200, 200),
    "POST /api/v1/scenes/{scene_id}/frames/{frame_index}/refit": (401, 401, 403, 200, 404, 200, 200, 200),
    "GET /api/v1/scenes/{scene_id}/fill": (401, 401, 403, 200, 404, 200, 200, 200),
    "POST /api/v1/scenes/{scene_id}/propagate": (401, 401, 403, 200, 404, 200, 200, 200),
    "POST /api/v1/scenes/{scene_id}/retime": (401, 401, 403, 202, 404, 202, 202, 202),
    "POST /api/v1/scenes/{scene_id}/corrections": (401, 401, 403, 403, 404, 403, 403, 200),
    "GET /api/v1/scenes/{scene_id}/frames/{frame_index}/comparison": (401, 401, 403, 200, 404, 200, 200, 200),
    "POST /api/v1/scenes/{scene_id}/check": (401, 401, 403, 202, 404, 202, 202, 202),
    "POST /api/v1/score": (401, 401, 403, 403, 403, 202, 202, 403),
    "POST /api/v1/agreement": (401, 401, 403, 403, 403, 202, 202, 403),
    "POST /api/v1/scenes/{scene_id}/export": (401, 401, 403, 403, 403, 202, 202, 202),
    "GET /api/v1/exports/{export_id}": (401, 401, 403, 403, 403, 200, 200, 200),
    "GET /api/v1/jobs": (401, 401, 200, 200, 200, 200, 200, 200),
    "GET /api/v1/jobs/{job_id}": (401, 401, 404, 404, 404, 404, 404, 404),
    "DELETE /api/v1/jobs/{job_id}": (401, 401, 404, 404, 404, 404, 404, 404),
    "GET /api/v1/members": (401, 401, 403, 200, 200, 200, 200, 200),
    "PUT /api/v1/members/{account}": (401, 401, 403, 403, 403, 403, 200, 403),
    "DELETE /api/v1/members/{account}": (401, 401, 403, 403, 403, 403, 200, 403),
    "GET /api/v1/tasks": (401, 401, 403, 200, 200, 200, 200, 200),
    "GET /api/v1/tasks/{task_id}": (401, 401, 403, 200, 200, 200, 200, 200),
    "POST /api/v1/scenes/{scene_id}/tasks": (401, 401, 403, 403, 403, 403, 200, 403),
    "POST /api/v1/tasks/next": (401, 401, 403, 403, 200, 403, 403, 403),
    "POST /api/v1/tasks/{task_id}/{move}": (401, 401, 403, 403, 200, 403, 403, 403),
    "GET /api/v1/tasks/{task_id}/verdicts": (401, 401, 403, 200, 200, 200, 200, 200),
    "GET /api/v1/tasks/{task_id}/feedback": (401, 401, 403, 403, 403, 422, 422, 403),
    "GET /api/v1/effort": (401, 401, 403, 200, 200, 200, 200, 200),
    "GET /api/v1/guideline": (401, 401, 403, 200, 200, 200, 200, 200),
    "PUT /api/v1/guideline": (401, 401, 403, 403, 403, 403, 200, 403),
    "GET /api/v1/scenes/{scene_id}/findings": (401, 401, 403, 200, 200, 200, 200, 200),
    "POST /api/v1/findings/{finding_id}/waive": (401, 401, 403, 403, 403, 200, 409, 403),
    "POST /api/v1/scenes/{scene_id}/gold": (401, 401, 403, 403, 403, 403, 200, 403),
    "GET /api/v1/quality": (401, 401, 403, 403, 403, 200, 200, 403),
    "POST /api/v1/qualifications/next": (401, 401, 403, 403, 200, 403, 403, 403),
    "POST /api/v1/scenes/{scene_id}/qualifications": (401, 401, 403, 403, 403, 403, 422, 403),  # a real one would come before all work
    "GET /api/v1/openapi.json": (401, 401, 200, 200, 200, 200, 200, 200),
}
assert len(ACTORS) == 8
