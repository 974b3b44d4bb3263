"""Where the page looks, which names it shows, and its timeline, in a real browser."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from boxwright.render.labels import color_of
from browsing import browsed

LAST = 40
EYE = "() => { const { camera, controls } = boxwright.space.big; return [camera.position.toArray(), controls.target.toArray()]; }"
IN_VIEW = """name => { const { big, shown, anchor } = boxwright.space; const { cuboid } = shown.find((one) => one.name === name);
    return import('/static/geometry.js').then(({ corners, minus }) => corners(cuboid).map((at) => big.pixel(minus(at, anchor)))); }"""
WATCH = """() => { const { camera, controls } = boxwright.space.big; window.eyes = [];
    controls.addEventListener('change', () => eyes.push(camera.position.toArray())); }"""
PLATES = """() => [...document.querySelectorAll('.plate:not([hidden])')].map((one) => [one.textContent, one.getBoundingClientRect()])
    .map(([text, box]) => [text, box.left, box.top, box.right, box.bottom])"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with browsed(tmp_path_factory.mktemp("views")) as made:
        yield made


def looked(page):
    """(azimuth, elevation) of the eye from what it looks at, degrees, and the distance."""
    eye, target = (np.array(one) for one in page.evaluate(EYE))
    back = eye - target
    return np.degrees(np.arctan2(back[1], back[0])), np.degrees(np.arcsin(back[2] / np.linalg.norm(back))), np.linalg.norm(back)


def size(page):
    return page.evaluate("() => [boxwright.space.big.place.clientWidth, boxwright.space.big.place.clientHeight]")


def framed(page, track_id):
    """The cuboid is in the middle of the large view, whole, and large enough to be worked on."""
    pixels, (width, height) = np.array(page.evaluate(IN_VIEW, track_id), float), size(page)
    assert (pixels > 0).all() and (pixels < [width, height]).all()
    assert np.hypot(*np.ptp(pixels, axis=0)) > 0.25 * min(width, height)
    u, v = page.pixel(track_id)
    left, top = page.evaluate("() => { const box = boxwright.space.big.place.getBoundingClientRect(); return [box.left, box.top]; }")
    assert abs(u - left - width / 2) < 1 and abs(v - top - height / 2) < 1


def test_a_track_that_is_picked_or_sought_comes_into_the_middle_seen_from_above(site, nothing_wrong):
    page = site.visit(frame=0)
    for track_id in ("car-05", "pedestrian-35", "car-18"):
        before, _, _ = looked(page)
        page.select(track_id)
        page.wait("() => !boxwright.space.sought")
        framed(page, track_id)
        azimuth, elevation, _ = looked(page)
        assert 24.9 < elevation < 80 and abs((azimuth - before + 180) % 360 - 180) < 41
        yaw = np.degrees(site.project.read("sample").cuboids(0, "world")[_row(site, track_id)].yaw_rad)
        assert 19.9 < (azimuth - yaw) % 90 < 70.1  # two sides are seen
    page.evaluate("() => boxwright.state.tell('seek', { trackId: 'cyclist-22', frame: 40 })")
    page.shown(LAST)
    page.wait("() => !boxwright.space.sought")
    framed(page, "cyclist-22")
    page.key("u")
    page.select("car-18")
    assert looked(page)[1] > 89  # from straight above it stays so


def _row(site, track_id):
    labels = site.project.read("sample").labels(0, "world")
    return [site.project.read("sample").tracks[k].track_id for k in labels.track_index].index(track_id)


def test_the_view_moves_there_smoothly_and_whoever_takes_hold_of_it_has_it(site, nothing_wrong):
    context = site.browser.new_context(viewport={"width": 900, "height": 600}, reduced_motion="no-preference")
    page = site.visit(frame=0, context=context)
    start = np.array(page.evaluate(EYE)[0])
    page.evaluate(WATCH)
    page.select("car-05")
    page.wait("() => eyes.length > 0 && !boxwright.space.big.flight")
    framed(page, "car-05")
    eyes = np.array(page.evaluate("() => eyes"))
    way = np.linalg.norm(eyes - start, axis=1)
    assert (np.diff(way) >= -1e-6).all() and way[-1] > 1
    page.evaluate("() => boxwright.space.big.near({ center: [0, 0, 0], size: [4, 2, 2], quat: [1, 0, 0, 0] }, [0, 0, 0])")
    assert page.evaluate("() => boxwright.space.big.flight !== null")
    page.page.mouse.move(300, 200)
    page.page.mouse.down()
    assert page.evaluate("() => boxwright.space.big.flight === null")
    page.page.mouse.up()


def test_names_do_not_lie_over_each_other_and_the_selected_one_is_shown(site, nothing_wrong):
    page = site.visit(frame=20)
    page.wait("() => document.querySelectorAll('.plate:not([hidden])').length > 3")
    page.page.wait_for_timeout(100)
    plates = page.evaluate(PLATES)
    for a, b in itertools.combinations(plates, 2):
        assert a[3] <= b[1] or b[3] <= a[1] or a[4] <= b[2] or b[4] <= a[2], (a, b)
    left_out = page.evaluate("() => boxwright.space.shown.map((one) => one.name)")
    hidden = next(name for name in left_out if name not in {plate[0] for plate in plates} and name.startswith("pedestrian-3"))
    page.evaluate("name => boxwright.state.select(boxwright.labels.named(name).id)", hidden)
    page.wait("name => [...document.querySelectorAll('.plate:not([hidden])')].some((one) => one.textContent === name)", hidden)


def test_long_ids_are_short_everywhere_and_whole_in_a_tooltip(site, nothing_wrong):
    page, full = site.visit(frame=20), "7fab2350-6ad1-4ee8-b1c0-1f9ae2b4f8d7"
    page.select("pedestrian-31")
    page.by("track-id").fill(full)
    page.by("track-id").press("Enter")
    page.saved()
    row = page.page.locator(f'[data-track="{full}"]')
    assert row.locator(".track-name").text_content() == "7fab23" and row.get_attribute("title") == f"{full} · pedestrian"
    page.wait("() => [...document.querySelectorAll('.plate.is-selected')].map((one) => one.textContent).join() === 'pedestrian 7fab23'")
    page.select("car-16")
    said = page.evaluate("full => [...document.querySelectorAll('#merge-into option')].find((one) => one.title === full).textContent", full)
    assert said == "7fab23"
    names = ["car-16", "construction vehicle 12", "7fab2350-6ad1-4ee8-b1c0", "dIuyTGm6eXnpHPz9aQ"]
    short = page.evaluate("names => import('/static/taxonomy.js').then(({ shortOf }) => names.map(shortOf))", names)
    assert short == ["car-16", "construction vehicle 12", "7fab23", "dIuyTG"]
    page.key("Control+z")
    page.saved()


BOXES = """() => [...document.querySelectorAll('.view-title, [data-testid=notice], .view-big')]
  .map((one) => { const { left, top, right, bottom } = one.getBoundingClientRect(); return [one.className, left, top, right, bottom]; })"""


def test_notices_cover_no_title_and_only_the_foot_of_the_perspective(site, nothing_wrong):
    page = site.visit(frame=20)
    page.evaluate("() => { for (const k of [1, 2, 3, 4]) boxwright.say(`${k} of four sentences`); }")
    boxes = page.evaluate(BOXES)
    ((_, _, top, right, bottom),) = [one for one in boxes if "view-big" in one[0]]
    notices = [one[1:] for one in boxes if one[0].startswith("notice")]
    assert len(notices) == 4
    assert all((top + bottom) / 2 < one[1] and one[3] < bottom and one[2] < right for one in notices)


def test_a_sentence_of_a_server_that_does_not_answer_goes_when_it_does(site, nothing_wrong):
    page = site.visit(frame=20)
    page.allowed += ["Failed to load resource", "net::ERR"]
    page.page.route("**/frames/33**", lambda route: route.abort())
    # noted as it is said: any other answer, such as that of a picture still on its way, takes it away again
    page.evaluate("() => { window.told = []; boxwright.state.on('notice', ({ text }) => window.told.push(text)); boxwright.state.go(33); }")
    page.wait("() => window.told.some((text) => text.startsWith('Frame 33: the server does not answer'))")
    page.go(5)
    assert page.by("notice").count() == 0


def test_keys_choose_the_colour_the_tool_of_pictures_and_what_is_merged(site, nothing_wrong):
    page = site.visit(frame=20)
    modes = []
    for _ in range(5):
        page.key("m")
        modes.append(page.by("colour").input_value())
    assert modes == ["intensity", "time", "class", "camera", "height"]
    tools = []
    for _ in range(6):
        page.key("j")
        tools.append(page.evaluate("() => boxwright.pictures.tool.mode"))
    assert tools == ["box", "rotated_box", "polygon", "polyline", "keypoints", "select"]
    assert page.by("tab-shapes").get_attribute("aria-selected") == "true"
    page.select("car-16")
    page.key("Shift+X")
    assert page.evaluate("() => document.activeElement.id") == "merge-into" and page.by("merge-into").is_visible()


def test_the_timeline_shows_a_part_and_tells_how_many_keyframes_lie_together(site, nothing_wrong):
    page = site.visit(frame=20)
    grouped = "rows => import('/static/strip.js').then(({ grouped }) => grouped(rows.map(([at, visibility]) => ({ at, visibility }))))"
    rows = [[0, "visible"], [20, "visible"], [22, "visible"], [24, "occluded"], [26, "occluded"], [28, "occluded"], [40, "outside"]]
    found = [(one["from"], one["to"], one["n"], one["gap"], one["visibility"]) for one in page.evaluate(grouped, rows[:-1])]
    assert found == [(0, 0, 1, 20, "visible"), (20, 22, 2, 2, "visible"), (24, 28, 3, 2, "occluded")]
    assert sum(one["n"] for one in page.evaluate(grouped, rows)) == len(rows)

    ends = "() => { const { min, max, value } = document.querySelector('[data-testid=scrub]'); return [min, max, value].map(Number); }"
    assert page.evaluate(ends) == [0, LAST, 20] and page.by("time-all").is_disabled()
    page.by("time-in").click()
    first, last, _ = page.evaluate(ends)
    assert last - first == LAST // 2 and first <= 20 <= last and page.by("part").text_content() == f"{first} to {last}"
    page.go(last + 3)  # what is shown stays in it
    assert page.evaluate(ends) == [first + 3, last + 3, last + 3]
    box = page.by("strip").bounding_box()
    page.page.mouse.click(box["x"] + 8, box["y"] + 9)
    page.shown(first + 3)
    page.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 9)
    page.page.mouse.wheel(0, -2000)
    assert page.wait(f"() => {{ const [first, last] = ({ends})(); return last - first === 10 && first <= boxwright.state.frame; }}")
    page.by("time-all").click()
    assert page.evaluate(ends)[:2] == [0, LAST] and page.by("time-track").is_disabled()
    page.go(5)
    page.select("pedestrian-25")
    page.by("time-track").click()
    scene = site.project.read("sample")
    frames = np.searchsorted(scene.times_ns, scene.track("pedestrian-25").times_ns)
    assert page.evaluate(ends)[:2] == [min(frames[0], 5), max(frames[-1], 5, min(frames[0], 5) + 10)]


def test_classes_that_nobody_knows_have_the_colours_of_pictures(site, nothing_wrong):
    page = site.visit(frame=0)
    names = ("hovercraft", "Zeppelin", "CAR")
    for track_id, name in zip(("car-18", "car-13", "car-16"), names):
        edits = site.project.edits("sample", by="ben")
        edits.set_track(site.project.track("sample", track_id), category=name)
        edits.commit("another class")
    for name in names:
        wanted = list(color_of(name))
        page.wait("([name, wanted]) => String(boxwright.space.shown.find((one) => one.category === name)?.color) === String(wanted)", [name, wanted])
        swatch = "[...document.querySelectorAll('.track')].find((one) => one.textContent.endsWith(name)).firstChild.style.backgroundColor"
        page.wait(f"([name, color]) => {swatch} === color", [name, "rgb({}, {}, {})".format(*wanted)])  # with the list's next drawing


def test_the_keyboard_reaches_the_list_in_one_stop_and_sliders_keep_their_keys(site, nothing_wrong):
    page = site.visit(frame=20)
    focused = "() => document.activeElement.dataset.track ?? document.activeElement.dataset.testid"
    page.by("track-search").focus()
    page.key("Tab")
    names = page.evaluate("() => [...document.querySelectorAll('.track')].map((one) => one.dataset.track)")
    assert page.evaluate(focused) == names[0]
    page.key("ArrowDown", "ArrowDown", "ArrowUp", "ArrowDown", "Enter")
    assert page.selected() == names[2]
    page.key("Tab")
    assert page.evaluate(focused) == "view-big"
    page.key("Shift+Tab")
    assert page.evaluate(focused) == names[2]

    size = page.evaluate("() => boxwright.state.show.pointSize")
    page.by("point-size").focus()
    page.key("ArrowRight")
    assert page.evaluate("() => [boxwright.state.show.pointSize, boxwright.state.frame]") == [size + 1, 20]
    page.by("scrub").focus()
    page.key("ArrowRight")
    page.shown(21)
    page.by("point-size").click()  # after a click keys are the page's again
    page.key("ArrowLeft")
    page.shown(20)
    page.key("y")
    assert page.evaluate("() => boxwright.state.tool") == "lasso"
    page.key("Escape")
    assert page.evaluate("() => boxwright.state.tool") == "select"


def test_the_grid_lies_on_the_ground_and_handles_do_not_hide_what_is_small(site, nothing_wrong):
    page, scene = site.visit(frame=0), site.project.read("sample")
    above = page.wait("() => boxwright.space.egoAbove")
    pose = scene.transform("lidar", "ego", int(scene.times_ns[0]))
    assert above == pytest.approx(scene.ground(0).above_m(pose.translation_m[None])[0], abs=1e-9)
    page.select("car-05")
    shown = "() => { const { drawn, boxes } = boxwright.space; return [drawn, boxes.handles.visible]; }"
    page.wait(f"() => ({shown})()[1] === true")
    page.key("u")
    page.evaluate("() => { boxwright.space.big.camera.position.z += 300; boxwright.space.big.controls.update(); }")
    page.wait(f"() => ({shown})()[1] === false")
