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
    assert inside.sum() > 20 and labels.of_class("other")[inside].all()
    assert labels.of_class("other").sum() < 1.5 * inside.sum()
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
