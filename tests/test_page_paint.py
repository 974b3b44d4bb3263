"""Labels of single points, painted in a real browser."""

from __future__ import annotations

import numpy as np
import pytest

import boxwright as bw
from boxwright.segmentation import segment
from browsing import browsed
from test_page_pictures import place, tile


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with browsed(tmp_path_factory.mktemp("paint")) as made:
        yield made


def count(page, name):
    return page.evaluate("name => Number((document.querySelector(`[data-class=\"${name}\"]`)?.textContent ?? '0').replaceAll(',', ''))", name)


def test_points_are_painted_by_a_cuboid_and_around_them_in_a_picture(site, nothing_wrong):
    page, scene = site.visit(frame=20), site.project.read("sample")
    tile(page, "front")
    before = segment(scene, 20)
    page.select("car-16")
    page.by("tab-points").click()
    page.wait("() => document.querySelector('[data-class=car]') !== null")
    assert count(page, "car") == before.class_counts()["car"] and page.by("paint-from").text_content().startswith("Made from the cuboids")
    page.by("paint-class").select_option("truck")
    page.by("paint-cuboid").click()
    page.saved()
    own = int((before.instance_id == before_instance(before, "car-16")).sum())
    page.wait("n => Number(document.querySelector('[data-class=truck]')?.textContent.replaceAll(',', '')) >= n", own)
    after = segment(site.project.read("sample"), 20)
    assert (
        count(page, "truck") == after.class_counts()["truck"]
        and own <= after.class_counts()["truck"] - before.class_counts().get("truck", 0) <= own + 5
    )
    assert page.evaluate("() => boxwright.state.show.colour") == "class"

    page.by("picture-height").fill("3")
    page.by("picture-large-front").click()
    page.page.wait_for_timeout(300)
    page.by("paint-class").select_option("other")
    page.by("paint-lasso").click()
    ring = [[20, 230], [120, 230], [120, 290], [20, 290]]
    for uv in [*ring, ring[0]]:
        page.page.mouse.click(*place(page, "front", uv))
    page.wait("() => document.querySelectorAll('[data-testid=paint-edit]').length === 2")
    page.saved()
    sweep = scene.still_points(20)
    seen = bw.project_points(sweep, scene.camera("front").camera, scene.cam_from(20, "front", "lidar"))
    u, v = seen.uv.T
    inside = seen.in_image & (u > 21) & (u < 119) & (v > 231) & (v < 289)  # a pixel within: the mouse stands on whole pixels of the window
    labels = segment(site.project.read("sample"), 20)
    sees = bw.depth_map(sweep, scene.camera("front").camera, scene.cam_from(20, "front", "lidar")).sees
    assert (inside & sees).sum() > 20 and labels.of_class("other")[inside & sees].all() and not labels.of_class("other")[~sees].any()
    assert labels.of_class("other").sum() < 1.5 * (inside & sees).sum()
    assert page.by("shape-select").get_attribute("aria-pressed") == "true"

    page.key("Control+z", "Control+z")
    page.wait("() => document.querySelectorAll('[data-testid=paint-edit]').length === 0")
    page.saved()
    assert np.array_equal(segment(site.project.read("sample"), 20).class_id, before.class_id)
    page.key("Control+Shift+Z")
    page.wait("() => document.querySelectorAll('[data-testid=paint-edit]').length === 1")
    page.by("paint-delete").click()
    page.wait("() => document.querySelectorAll('[data-testid=paint-edit]').length === 0")
    page.saved()


def before_instance(labels, track_id):
    return next(key for key, name in labels.instances.items() if name == track_id)


EYE = """() => import('/static/lasso.js').then(({ eyeOf }) => { const { big, anchor } = boxwright.space; const { place, camera } = big;
    return eyeOf({ camera, width: place.clientWidth, height: place.clientHeight, ring: [] }, anchor); })"""


def ring_of(page, place, middle, half):
    """Draws a square around a place of a view, pixels of the window, with the mouse held down."""
    (u, v), mouse = middle, page.page.mouse
    mouse.move(u - half, v - half)
    mouse.down()
    for du, dv in ((half, -half), (half, half), (-half, half), (-half, -half)):
        mouse.move(u + du, v + dv, steps=3)
    mouse.up()
    return page.by(f"view-{place}")


def test_points_are_painted_around_them_in_a_view(site, nothing_wrong):
    page, scene = site.visit(frame=20), site.project.read("sample")
    sweep = scene.still_points(20)
    page.by("tab-points").click()
    page.select("car-16")
    page.by("paint-class").select_option("truck")
    page.by("paint-around").click()
    assert page.by("paint-around").get_attribute("aria-pressed") == "true"
    u, v, scale = page.side("top")
    half = 1.5  # metres, along the cuboid's own axes
    ring_of(page, "top", (u, v), half * scale)
    page.wait("() => document.querySelectorAll('[data-testid=paint-edit]').length === 1")
    page.saved()
    held = segment(site.project.read("sample"), 20).of_class("truck") & ~segment(scene, 20).of_class("truck")
    (car,) = [one for k, one in zip(scene.labels(20, "lidar").track_index, scene.cuboids(20, "lidar")) if scene.tracks[k].track_id == "car-16"]
    along, aside, up = np.abs((sweep.xyz - car.center_m) @ car.as_cuboids().rotation[0]).T
    is_shown = up < car.size_m[2] / 2 + 0.6  # as deep as a side view is
    off = np.maximum(along, aside) - half
    assert held[(off < -2 / scale) & is_shown].all() and not held[(off > 2 / scale) | ~is_shown].any()  # two pixels to either side of the line
    assert 20 < held.sum() < 300

    # in the perspective, of a frame shown as several sweeps: this frame's points alone are painted
    page.by("sweeps").select_option("3")
    page.wait("() => boxwright.space.cloud.points?.xyz.length / 3 > 20000")
    page.by("paint-class").select_option("other")
    ring_of(page, "big", page.pixel("car-16"), 40)
    page.wait("() => document.querySelectorAll('[data-testid=paint-edit]').length === 2")
    page.saved()
    painted = segment(site.project.read("sample"), 20).of_class("other")
    eye = page.evaluate(EYE)
    camera = bw.PinholeCamera(eye["width_px"], eye["height_px"], *[eye["focal_px"]] * 2, (eye["width_px"] - 1) / 2, (eye["height_px"] - 1) / 2)
    pose = bw.Pose.from_matrix(eye["cam_from_label"]) @ scene.transform(scene.label_frame, "lidar", int(scene.times_ns[20]))
    (u, v), sees = bw.project_points(sweep, camera, pose).uv.T, bw.depth_map(sweep, camera, pose).sees
    middle = np.array(page.pixel("car-16")) - [page.by("view-big").bounding_box()[k] for k in "xy"]
    off = np.maximum(abs(u - middle[0]), abs(v - middle[1])) - 40
    assert painted[(off < -2) & sees].all() and not painted[(off > 2) | ~sees].any() and 20 < painted.sum() < ((off < 2) & (u > 0)).sum()

    page.key("Escape")
    assert page.evaluate("() => boxwright.state.tool") == "select" and page.selected() == "car-16"
    page.key("Control+z", "Control+z")
    page.wait("() => document.querySelectorAll('[data-testid=paint-edit]').length === 0")
    page.saved()
