"""Camera pictures of the page in a real browser: projected cuboids, zooming, and what is selected in a picture."""

from __future__ import annotations

import pytest

import boxwright as bw
from browsing import browsed


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with browsed(tmp_path_factory.mktemp("pictures")) as made:
        yield made


def tile(page, camera, seconds=20.0):
    """The camera's tile, once it shows the picture and the cuboids of the frame."""
    page.wait(
        """camera => {
            const { pictures, state } = window.boxwright;
            const one = pictures.tiles.find((tile) => tile.camera === camera);
            return one?.shown?.bitmap && one.shown.frame === state.frame && one.cuboids.length && one.element.dataset.picture === 'yes';
        }""",
        camera,
        seconds,
    )
    return page.by(f"picture-{camera}")


def place(page, camera, uv):
    """Where a place of a picture is in the window."""
    return page.page.evaluate(
        """([camera, uv]) => {
            const one = window.boxwright.pictures.tiles.find((tile) => tile.camera === camera);
            const box = one.canvas.getBoundingClientRect();
            const [x, y] = one.view.toCanvas(...uv);
            return [box.left + x, box.top + y];
        }""",
        [camera, uv],
    )


def test_every_camera_shows_the_cuboids_of_the_core(site, nothing_wrong):
    page, scene = site.visit(frame=20), site.project.read("sample")
    for camera in scene.cameras:
        tile(page, camera)
        shown = page.page.evaluate("camera => window.boxwright.pictures.tiles.find((one) => one.camera === camera).cuboids", camera)
        boxes = bw.project_cuboids(scene.cuboids(20, "world"), scene.camera(camera).camera, scene.cam_from(20, camera, "world"))
        labels = scene.labels(20, "world")
        known = {scene.tracks[k].track_id: boxes.xyxy[m] for m, k in enumerate(labels.track_index) if boxes.visible[m]}
        assert {one["track_id"] for one in shown} == set(known) != set()
        assert all(abs(known[one["track_id"]] - one["xyxy"]).max() < 0.06 for one in shown)
        ink = page.page.evaluate(
            """camera => {
                const { canvas } = window.boxwright.pictures.tiles.find((one) => one.camera === camera);
                const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
                return new Set(new Uint32Array(data.buffer)).size;
            }""",
            camera,
        )
        assert ink > 500  # a photograph with lines, no empty canvas


def test_what_is_selected_in_a_picture_is_selected_everywhere(site, nothing_wrong):
    page = site.visit(frame=20)
    tile(page, "front")
    page.by("picture-large-front").click()
    page.page.wait_for_timeout(300)
    left, top, right, bottom = page.page.evaluate(
        "() => window.boxwright.pictures.tiles.find((one) => one.camera === 'front').cuboids.find((one) => one.track_id === 'car-16').xyxy"
    )
    page.page.mouse.click(*place(page, "front", [left + 0.3 * (right - left), (top + bottom) / 2]))
    page.wait("() => document.querySelector('[data-testid=track-id]').value === 'car-16'")
    assert page.page.evaluate("() => window.boxwright.space.boxes.group.visible")
    before = page.page.evaluate("() => window.boxwright.pictures.large.view.zoom")
    page.page.mouse.move(*place(page, "front", [left, top]))
    page.page.mouse.wheel(0, -400)
    page.wait("before => window.boxwright.pictures.large.view.zoom > before", before)
    at = place(page, "front", [left, top])
    page.by("picture-front").press("0")
    page.wait("() => window.boxwright.pictures.large.view.zoom === 1")
    assert place(page, "front", [left, top]) != at
    page.by("picture-front").press("Enter")
    page.wait("() => window.boxwright.pictures.large === null")


def test_what_is_dragged_moves_in_the_pictures_before_it_is_saved(site, nothing_wrong):
    page = site.visit(frame=20)
    tile(page, "front")
    page.select("car-16")
    revision = page.by("saved").text_content()
    page.page.evaluate(
        """() => {
            const { labels, space, state } = window.boxwright;
            const { id } = labels.named('car-16');
            const cuboid = space.cuboidOf(id);
            state.draft = { trackId: id, cuboid: { ...cuboid, center: [cuboid.center[0], cuboid.center[1], cuboid.center[2] + 1] } };
            state.tell('draft');
        }"""
    )
    moved = page.wait("() => window.boxwright.pictures.data.draft?.front.cuboids[0]?.xyxy")
    stored = page.page.evaluate("() => window.boxwright.pictures.tiles[0].cuboids.find((one) => one.track_id === 'car-16').xyxy")
    assert moved[3] < stored[3] - 3 and page.by("saved").text_content() == revision


def test_points_of_a_picture_are_coloured_by_class(site, nothing_wrong):
    page = site.visit(frame=20)
    tile(page, "front")
    page.by("picture-points").check()
    found = page.wait(
        """() => {
            const { points } = window.boxwright.pictures.tiles[0];
            return points && { n: points.uv.filter((one) => !Number.isNaN(one)).length, classes: [...points.classes.values()] };
        }"""
    )
    assert found["n"] > 500 and "car" in found["classes"]


def test_the_pictures_can_be_small_large_and_away(site, nothing_wrong):
    page = site.visit(frame=20)
    tile(page, "front")
    for level, is_there in (("0", False), ("3", True), ("1", True)):
        page.by("picture-height").fill(level)
        page.wait("is => !window.boxwright.pictures.grid.hidden === is", is_there)
    page.go(30)
    tile(page, "rear")
    assert page.page.locator("figure[data-camera=rear]").get_attribute("data-frame") == "30"


def test_what_is_picked_comes_into_the_middle_of_a_large_picture(site, nothing_wrong):
    page = site.visit(frame=20)
    tile(page, "front")
    page.by("picture-height").fill("3")
    page.by("picture-large-front").click()
    page.page.wait_for_timeout(300)
    middle = """name => { const one = boxwright.pictures.large; const row = one.cuboids.find((row) => row.track_id === name); if (!row) return null;
        const at = one.view.toCanvas((row.xyxy[0] + row.xyxy[2]) / 2, (row.xyxy[1] + row.xyxy[3]) / 2);
        return [...at, one.view.canvasWidth / 2, one.view.canvasHeight / 2, one.view.zoom]; }"""
    for frame, track_id in ((20, "car-13"), (25, "car-11")):
        page.evaluate("([trackId, frame]) => boxwright.state.tell('seek', { trackId, frame })", [track_id, frame])
        page.shown(frame)
        page.wait("frame => !boxwright.pictures.isSought && boxwright.pictures.large.frame === frame", frame)
        u, v, u0, v0, zoom = page.evaluate(middle, track_id)
        assert zoom > 1.5 and abs(u - u0) < 60 and abs(v - v0) < 60
    page.by("picture-whole-front").click()
    page.evaluate("() => boxwright.state.select(boxwright.labels.named('car-13').id)")
    assert page.evaluate("() => boxwright.pictures.large.view.zoom") == 1
    page.key("o")
    assert page.evaluate("() => boxwright.pictures.large.view.zoom") > 1.5


def test_pictures_say_that_kernels_are_compiled_at_their_first_use(site, nothing_wrong):
    """Their cuboids wait for them, and the bar says so while a click does."""
    warming, held = site.server.app.state.warming, []
    context = site.browser.new_context(viewport={"width": 1500, "height": 900}, reduced_motion="reduce")
    context.route("**/projections*", lambda route: held.append(route) if warming.doing else route.continue_())
    warming.doing = "projection"
    try:
        page = site.visit(context=context, frame=5)
        page.wait("() => document.querySelector('[data-testid=picture-note-front]').textContent === 'cuboids: first use, being compiled'")
        said = page.evaluate(
            """() => { const { state, verbs } = window.boxwright; verbs.isBusy = true; state.tell('edits'); verbs.isBusy = false;
            return document.querySelector('[data-testid=saved]').textContent; }"""
        )
        assert said == "asking the server; first use: being compiled"
    finally:
        warming.doing = None
    for route in held:
        route.continue_()
    tile(page, "front")
    page.wait("() => document.querySelector('[data-testid=picture-note-front]').textContent === ''")
