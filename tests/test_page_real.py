"""Real recordings in the page: KITTI, Argoverse 2, DGP and a video, in a real browser. Skips without BOXWRIGHT_REAL_DATA."""

from __future__ import annotations

import contextlib

import boxwright as bw
from boxwright.server import Server
from browsing import Browsed, chromium

AV2 = "7fab2350-7eaf-3b7e-a39d-6937a4c1bede"


@contextlib.contextmanager
def opened(folder, path, scene=None, format=None):
    with bw.create_project(folder / "project", "real") as project:
        project.import_scene(path, scene, format, name="real")
        project.accounts.add("anna")
        server = Server(project, port=0, changes={"writes_per_s": 10_000, "works_at_once": 20})
        with server.in_background(), chromium() as browser:
            yield Browsed(server, project, browser)


def looked_at(site, frame, cameras=(), seconds=60.0):
    """The page at a frame, its pictures there, and nothing wrong."""
    page, scene = site.visit(scene="real", frame=frame), site.project.read("real")
    if scene.lidars:
        assert page.page.evaluate("() => boxwright.space.cloud.points.xyz.length / 3") == len(scene.points(frame).xyz)
    assert page.page.evaluate("() => boxwright.space.shown.length") == (len(scene.labels(frame, scene.label_frame).cuboids) if scene.tracks else 0)
    for camera in cameras:
        ready = "camera => boxwright.pictures.tiles.find((one) => one.camera === camera)?.element.dataset.picture === 'yes'"
        page.wait(ready, camera, seconds)
    return page, scene


def done(page):
    page.page.wait_for_timeout(300)
    assert page.errors == [] and page.outside == []


def test_kitti_is_looked_at_and_labelled(tmp_path, real_data):
    with opened(tmp_path, real_data / "kitti_tracking", "0001", "kitti_tracking") as site:
        page, scene = looked_at(site, 0, ["image_02"])
        shown = page.wait("() => { const found = boxwright.pictures.tiles[0].cuboids; return found.length ? found : null; }")
        name = next(iter(scene.cameras))
        boxes = bw.project_cuboids(scene.cuboids(0, scene.label_frame), scene.camera(name).camera, scene.cam_from(0, name, scene.label_frame))
        assert len(shown) == int(boxes.visible.sum()) > 3
        row = max(shown, key=lambda one: -one["distance_m"])
        page.select(row["track_id"])
        page.key("w")
        page.saved()
        assert site.project.log(most=1)[0].account == "anna"
        page.key("Control+z")
        page.saved()
        done(page)


def test_argoverse_2_is_looked_at_fitted_and_saved(tmp_path, real_data):
    with opened(tmp_path, real_data / "av2" / "sensor", AV2) as site:
        page, scene = looked_at(site, 116)
        assert len(scene.cameras) == 9 and len(scene.tracks) == 114
        page.wait("() => boxwright.pictures.tiles.every((one) => one.shown) && boxwright.pictures.tiles.some((one) => one.cuboids.length > 10)")
        hits = bw.points_in_cuboids(scene.still_points(116), scene.cuboids(116, "lidar"))
        track_id = scene.tracks[scene.labels(116, "lidar").track_index[int(hits.counts.argmax())]].track_id
        page.select(track_id)
        page.key("r")
        page.wait("() => boxwright.edits.undoable.length === 1 && !boxwright.verbs.isBusy", seconds=60)
        page.saved()
        assert site.project.log(most=1)[0].reason == "refit"
        page.go(117)
        done(page)


def test_the_page_opens_where_something_was_recorded(tmp_path, real_data):
    """Two of 156 frames have a sweep; without a frame in the address the first of them is shown, and keys go from one to the other."""
    with opened(tmp_path, real_data / "av2" / "sensor", AV2) as site:
        scene = site.project.read("real")
        recorded = [i for i in range(len(scene)) if any(scene.has_points(i, name) for name in scene.lidars)]
        page = site.visit(scene="real", frame=None)
        now = "() => boxwright.state.frame"
        assert len(recorded) < len(scene) and page.page.evaluate(now) == recorded[0]
        first, second = recorded
        for key, frame in ((">", second), (">", second), ("<", first), ("<", first)):
            page.key(key)
            assert page.page.evaluate(now) == frame
        done(page)


def test_pictures_of_three_cameras(tmp_path, real_data):
    with opened(tmp_path, real_data / "dgp" / "scene_01") as site:
        scene = site.project.read("real")
        page, _ = looked_at(site, 1, list(scene.cameras))
        assert page.page.evaluate("() => boxwright.pictures.tiles.map((one) => one.cuboids.length)") != [0, 0, 0]
        done(page)


def test_a_video_is_annotated(tmp_path, real_data):
    from test_page_pictures import place

    with opened(tmp_path, real_data / "video" / "test_video.mp4") as site:
        scene = site.project.read("real")
        (camera,) = scene.cameras
        page, _ = looked_at(site, 5, [camera])
        assert page.by("tab-shapes").get_attribute("aria-selected") == "true" and page.page.locator("#space").is_hidden()
        page.by("shape-box").click()
        page.drag(place(page, camera, [300, 300]), place(page, camera, [500, 450]))
        page.saved()
        (track,) = site.project.read("real").image_tracks
        assert track.camera == camera and int(track.times_ns[0]) == int(scene.exposures_ns(camera)[5])
        page.go(20)
        page.wait("() => boxwright.pictures.tiles[0].element.dataset.frame === '20'", seconds=60)
        done(page)
