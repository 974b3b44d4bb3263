"""Shapes in pictures, drawn and pulled in a real browser."""

from __future__ import annotations

import numpy as np
import pytest

import boxwright as bw
from browsing import browsed
from test_page_pictures import place, tile


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with browsed(tmp_path_factory.mktemp("shapes")) as made:
        yield made


@pytest.fixture
def page(site, nothing_wrong):
    """The front camera's picture large, at frame 10, with the panel of shapes."""
    made = site.visit(frame=10)
    tile(made, "front")
    made.wait("() => boxwright.labels.classes.length")
    made.by("category").select_option("car")
    made.by("tab-shapes").click()
    made.by("picture-height").fill("3")
    made.by("picture-large-front").click()
    made.page.wait_for_timeout(300)
    made.site = site
    yield made
    while made.page.evaluate("() => window.boxwright.edits.undoable.length"):
        made.page.evaluate("() => window.boxwright.edits.undo()")
        made.saved()


def drag(page, start, end):
    page.page.mouse.move(*place(page, "front", start))
    page.page.mouse.down()
    page.page.mouse.move(*place(page, "front", [(a + b) / 2 for a, b in zip(start, end)]))
    page.page.mouse.move(*place(page, "front", end))
    page.page.mouse.up()


def click(page, *places):
    for uv in places:
        page.page.mouse.click(*place(page, "front", uv))


def go(page, frame):
    page.go(frame)
    tile(page, "front")


def tracks(page):
    page.saved()
    return list(page.site.project.read("sample").image_tracks)


def near(found, wanted, most=1.5):
    """Within a step of the mouse, which stands on whole pixels of the window."""
    return all(abs(a - b) <= most for a, b in zip(found, wanted, strict=True))


def test_a_box_is_drawn_pulled_and_interpolated(page):
    page.by("shape-box").click()
    drag(page, [100, 100], [180, 160])
    (track,) = tracks(page)
    assert (track.camera, track.category, len(track)) == ("front", "car", 1) and near(track.shapes.xyxy[0], [100, 100, 180, 160])
    assert int(track.times_ns[0]) == int(page.site.project.read("sample").exposures_ns("front")[10])
    go(page, 20)
    assert page.by("shape-state").text_content().startswith("Not in this frame")
    page.by("shape-visibility").select_option("visible")
    page.saved()
    drag(page, [100, 130], [140, 130])  # the left edge
    drag(page, [160, 130], [180, 150])  # the whole box
    (track,) = tracks(page)
    assert len(track) == 2 and near(track.shapes.xyxy[1], [160, 120, 200, 180], 3)
    go(page, 15)
    page.wait("() => document.querySelector('[data-testid=shape-state]').textContent.startsWith('Interpolated')")
    shown = page.page.evaluate("() => window.boxwright.pictures.shapesOf('front', 15)[0]")
    times = page.site.project.read("sample").exposures_ns("front")
    assert shown["state"] == "between" and near(shown["xyxy_px"], track.at(times[15:16]).shapes.xyxy[0].tolist(), 1e-6)
    left, top, right, bottom = shown["xyxy_px"]
    drag(page, [right, bottom], [right + 20, bottom + 10])  # a corner of what is interpolated: a keyframe
    (track,) = tracks(page)
    assert len(track) == 3 and near(track.shapes.xyxy[1], [left, top, right + 20, bottom + 10])
    page.key("Control+z")
    assert len(tracks(page)[0]) == 2
    page.key("Control+Shift+Z")
    assert len(tracks(page)[0]) == 3


def test_shapes_and_projected_cuboids_are_shown_apart(page):
    page.by("shape-box").click()
    drag(page, [100, 100], [180, 160])
    page.saved()
    figure = page.page.locator('[data-camera="front"]')
    counts = lambda: [int(figure.get_attribute(f"data-{one}")) for one in ("cuboids", "shapes")]  # noqa: E731
    n, one = counts()
    assert n > 3 and one == 1
    for box, wanted in (("projected", [0, 1]), ("shapes", [0, 0]), ("projected", [n, 0])):
        page.by(f"show-{box}").click()
        page.page.wait_for_timeout(150)
        assert counts() == wanted
    page.by("shape-polygon").click()  # what is drawn is seen
    page.page.wait_for_timeout(150)
    assert counts() == [n, 1] and page.by("show-shapes").is_checked()


def test_a_frame_that_is_not_there_yet_tells_nothing_of_another(page):
    page.by("shape-box").click()
    drag(page, [100, 100], [180, 160])
    page.saved()
    assert page.by("shape-state").text_content().startswith("Keyframe here") and page.by("shape-count").text_content() == "1 here of 1"
    held = []
    page.page.route("**/frames/37", lambda route: held.append(route))
    page.evaluate("() => boxwright.state.go(37)")
    page.wait("() => document.querySelector('[data-testid=shape-state]').textContent === '…'")
    assert page.by("shape-count").text_content() == "" and page.by("shape-visibility").is_disabled()
    (route,) = held
    route.continue_()
    page.shown(37)
    page.wait("() => document.querySelector('[data-testid=shape-state]').textContent.startsWith('Not in this frame')")
    assert page.by("shape-count").text_content() == "0 here of 1" and page.by("shape-visibility").is_enabled()


def test_a_polygon_gets_and_loses_vertices(page):
    page.by("shape-polygon").click()
    click(page, [200, 100], [260, 100], [260, 160], [200, 160], [200, 100])
    (track,) = tracks(page)
    assert isinstance(track.shapes, bw.Polygons) and len(track.shapes.rings(0)[0]) == 4
    drag(page, [230, 100], [230, 80])  # the middle of the upper edge
    (track,) = tracks(page)
    ring = track.shapes.rings(0)[0].tolist()
    assert len(ring) == 5 and near(ring[1], [230, 80])
    drag(page, [260, 160], [280, 170])
    assert near(tracks(page)[0].shapes.rings(0)[0][3].tolist(), [280, 170])
    page.page.keyboard.down("Alt")
    click(page, [230, 80])
    page.page.keyboard.up("Alt")
    assert len(tracks(page)[0].shapes.rings(0)[0]) == 4
    go(page, 20)
    page.by("shape-visibility").select_option("visible")
    drag(page, [230, 130], [250, 140])
    (track,) = tracks(page)
    go(page, 15)
    page.wait("() => document.querySelector('[data-testid=shape-state]').textContent.startsWith('Interpolated')")
    shown = page.page.evaluate("() => window.boxwright.pictures.shapesOf('front', 15)[0].rings_px[0]")
    times = page.site.project.read("sample").exposures_ns("front")
    assert near([v for point in shown for v in point], track.at(times[15:16]).shapes.rings(0)[0].ravel().tolist(), 1e-6)
    page.key("Control+z", "Control+z", "Control+z")
    page.wait("() => window.boxwright.edits.queue.length === 0")
    assert len(tracks(page)[0].shapes.rings(0)[0]) == 5


def test_a_polyline_and_what_is_put_away(page):
    page.by("shape-polyline").click()
    click(page, [50, 200], [120, 190], [200, 205])
    page.key("Backspace")
    click(page, [210, 210])
    page.key("Enter")
    (track,) = tracks(page)
    assert isinstance(track.shapes, bw.Polylines) and near(track.shapes.points(0)[2].tolist(), [210, 210])
    page.by("shape-polygon").click()
    click(page, [10, 10])
    page.key("Escape", "Escape")
    assert page.by("shape-select").get_attribute("aria-pressed") == "true" and len(tracks(page)) == 1


def test_a_shape_is_hidden_gone_renamed_and_deleted(page):
    page.by("shape-box").click()
    drag(page, [300, 100], [360, 150])
    tracks(page)
    page.by("shape-class").select_option("truck")
    page.by("shape-visibility").select_option("occluded")
    (track,) = tracks(page)
    assert track.category == "truck" and track.visibility.tolist() == [bw.Visibility.OCCLUDED]
    go(page, 12)
    page.by("shape-visibility").select_option("outside")
    (track,) = tracks(page)
    assert track.visibility.tolist() == [bw.Visibility.OCCLUDED, bw.Visibility.OUTSIDE]
    page.wait("() => window.boxwright.pictures.shapesOf('front', 12).length === 0")
    go(page, 11)
    page.wait("() => window.boxwright.pictures.shapesOf('front', 11).length === 1")
    page.by("shape-box").click()
    go(page, 12)
    drag(page, [310, 110], [350, 140])  # it is back
    (track,) = tracks(page)
    assert track.visibility.tolist() == [bw.Visibility.OCCLUDED, bw.Visibility.VISIBLE] and near(track.shapes.xyxy[1], [310, 110, 350, 140])
    page.by("shape-delete-keyframe").click()
    assert len(tracks(page)[0]) == 1
    page.by("shape-delete-track").click()
    assert tracks(page) == []


def test_a_shape_is_carried_on_by_the_pictures(page):
    xyxy = page.page.evaluate("() => window.boxwright.pictures.large.cuboids.at(-1).xyxy")
    page.by("shape-box").click()
    drag(page, xyxy[:2], xyxy[2:])
    tracks(page)
    page.by("shape-propagate").click()
    page.wait("() => [...document.querySelectorAll('[data-testid=notice]')].some((one) => one.textContent.startsWith('Carried on over'))")
    (track,) = tracks(page)
    assert (track.origin[1:] == bw.Origin.PROPAGATED).all()


def shown(page, frame):
    """What the page draws of its first shape."""
    return page.wait("frame => window.boxwright.pictures.shapesOf('front', frame)[0]", frame)


def test_a_rotated_box_is_made_turned_and_interpolated(page):
    page.by("shape-rotated_box").click()
    click(page, [100, 100], [180, 140], [160, 175])
    (track,) = tracks(page)
    along, across = np.array([80.0, 40.0]), np.array([-40.0, 80.0]) / np.hypot(40, 80)
    high = np.array([60.0, 75.0]) @ across
    assert isinstance(track.shapes, bw.RotatedBoxes) and near([float(track.shapes.rotation_rad[0])], [np.arctan2(40, 80)], 0.03)
    assert near(track.shapes.size_px[0], [np.hypot(*along), high], 2) and near(track.shapes.center_uv[0], [140, 120] + across * high / 2, 2)
    row = shown(page, 10)
    (u, v), (width, _), angle = row["center_px"], row["size_px"], row["rotation_rad"]
    reach = 24 / page.evaluate("() => window.boxwright.pictures.large.view.scale")
    far = width / 2 + reach
    drag(page, [u + far * np.cos(angle), v + far * np.sin(angle)], [u, v + 120])  # the yellow dot
    (track,) = tracks(page)
    assert near([float(track.shapes.rotation_rad[0])], [np.pi / 2], 0.03) and near(track.shapes.center_uv[0], [u, v], 1e-9)
    drag(page, [u, v + width / 2], [u + 30, v + width / 2 + 20])  # its first side, ahead: only what is along its axis counts
    (track,) = tracks(page)
    assert near(track.shapes.size_px[0], [width + 20, row["size_px"][1]], 3) and near(track.shapes.center_uv[0], [u, v + 10], 2)
    go(page, 20)
    page.by("shape-visibility").select_option("visible")
    page.saved()
    drag(page, [u, v + 10], [u + 40, v + 30])
    (track,) = tracks(page)
    go(page, 15)
    page.wait("() => document.querySelector('[data-testid=shape-state]').textContent.startsWith('Interpolated')")
    held = track.at(page.site.project.read("sample").exposures_ns("front")[15:16]).shapes
    row = shown(page, 15)
    assert near([*row["center_px"], *row["size_px"], row["rotation_rad"]], [*held.center_uv[0], *held.size_px[0], held.rotation_rad[0]], 1e-6)


def test_keypoints_of_a_person_are_marked_by_name(page):
    page.evaluate("() => { boxwright.state.category = 'pedestrian'; boxwright.state.tell('show'); }")
    skeleton = bw.Taxonomy.default().find("pedestrian").skeleton
    page.by("shape-keypoints").click()
    click(page, [200, 60])
    page.key("Space")  # the left eye is left out
    page.page.keyboard.down("Shift")
    click(page, [210, 55])
    page.page.keyboard.up("Shift")
    page.wait("() => document.querySelector('#shapes').textContent.includes('Next: left ear, 4 of 17')")
    page.key("Enter")
    (track,) = tracks(page)
    seen = [bw.Visibility.VISIBLE, bw.Visibility.OUTSIDE, bw.Visibility.OCCLUDED, *[bw.Visibility.OUTSIDE] * 14]
    assert track.category == "pedestrian" and track.shapes.skeleton == skeleton and track.shapes.visibility[0].tolist() == seen
    assert near(track.shapes.uv[0, [0, 2]].ravel(), [200, 60, 210, 55])
    page.by("shape-point-1").select_option("visible")  # it comes amid the others, and is pulled from there
    (track,) = tracks(page)
    assert near(track.shapes.uv[0, 1], [205, 57.5])
    drag(page, track.shapes.uv[0, 1].tolist(), [190, 80])
    (track,) = tracks(page)
    assert near(track.shapes.uv[0, 1], [190, 80]) and track.shapes.visibility[0, 1] == bw.Visibility.VISIBLE
    page.page.mouse.move(*place(page, "front", [200, 60]))
    page.key("Delete")
    (track,) = tracks(page)
    assert track.shapes.visibility[0].tolist()[:3] == [bw.Visibility.OUTSIDE, bw.Visibility.VISIBLE, bw.Visibility.OCCLUDED]
    go(page, 12)
    page.by("shape-keypoints").click()  # into the same track, which has its seventeen points
    click(page, [220, 60], [230, 70], [240, 60])
    page.key("Enter")
    (track,) = tracks(page)
    assert len(track) == 2 and track.shapes.visibility[1].tolist() == [bw.Visibility.VISIBLE] * 3 + [bw.Visibility.OUTSIDE] * 14
    go(page, 11)
    held = track.at(page.site.project.read("sample").exposures_ns("front")[11:12]).shapes
    assert near(shown(page, 11)["points_px"][1], held.uv[0, 1], 1e-6)


def test_keypoints_of_a_class_without_a_skeleton_are_as_many_as_are_clicked(page):
    page.evaluate("() => { boxwright.state.category = 'car'; boxwright.state.tell('show'); }")
    page.by("shape-keypoints").click()
    click(page, [100, 100], [120, 100], [140, 120])
    page.page.mouse.dblclick(*place(page, "front", [160, 140]))
    (track,) = tracks(page)
    assert track.shapes.skeleton is None and near(track.shapes.uv[0].ravel(), [100, 100, 120, 100, 140, 120, 160, 140])
    assert not track.shapes.visibility.any()


def test_masks_are_shown_pixel_by_pixel(page, rng):
    scene = page.site.project.read("sample")
    camera = scene.camera("front").camera
    times = scene.exposures_ns("front")
    pixels = np.zeros((2, camera.height_px, camera.width_px), bool)
    pixels[0, 100:140, 200:260] = rng.random((40, 60)) < 0.5
    pixels[1, 60:62, 300:400] = True
    pixels[1, -1, -1] = True
    masks = bw.Masks.from_arrays(pixels)
    edits = page.site.project.edits("sample", by="ben")
    edits.add_track(bw.ImageTrack("stain", "car", "front", times[[10, 12]], masks))
    edits.commit()
    found = page.wait(
        """async () => {
            const row = boxwright.pictures.shapesOf('front', 10).find((one) => one.track_id === 'stain');
            if (!row) return null;
            const { stencilOf } = await import('/static/masks.js');
            const { left, top, width, height, inside } = stencilOf(row);
            return { left, top, width, height, inside: [...inside] };
        }"""
    )
    left, top, width, height = (found[key] for key in ("left", "top", "width", "height"))
    shown_px = np.zeros_like(pixels[0])
    shown_px[top : top + height, left : left + width] = np.array(found["inside"]).reshape(height, width)
    assert (shown_px == pixels[0]).all()
    v, u = np.argwhere(pixels[0])[300]
    click(page, [int(u), int(v)])
    page.wait("() => boxwright.labels.get(boxwright.state.selected)?.body.track_id === 'stain'")
    go(page, 11)  # a mask stays until the next keyframe, as the core has it
    assert shown(page, 11)["rle"] == masks.to_coco()[0] and shown(page, 11)["state"] == "between"
    go(page, 12)
    bounds = page.evaluate("async () => (await import('/static/picture_draw.js')).boundsOf(boxwright.pictures.shapesOf('front', 12)[0], 'mask')")
    assert near(bounds, masks.bounds_xyxy()[1].tolist(), 1e-9)
    page.by("shape-delete-track").click()
    assert tracks(page) == []
