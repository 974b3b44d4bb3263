"""The page in a real browser: what a user sees, does, and finds again."""

from __future__ import annotations

import json
from typing import NamedTuple

import httpx
import numpy as np
import pytest

import boxwright as bw
from boxwright.render.point_colors import point_colors
from browsing import browsed

FRAME = 20
PAYLOAD = "<img src=x onerror=alert(1)>'\"><script>alert(2)</script>{{7*7}}"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with browsed(tmp_path_factory.mktemp("site")) as made:
        yield made


@pytest.fixture(scope="module")
def shared_page(site):
    return site.visit(frame=FRAME)


@pytest.fixture
def page(site, shared_page):
    """Of one account, for all tests of a module; in frame 20, with nothing selected and nothing to be saved."""
    shared_page.key("Escape", "Escape")
    shared_page.evaluate(
        "() => { boxwright.state.tell('tab', 'object'); boxwright.space.big.home(boxwright.space.egoFrom, boxwright.space.anchor); }"
    )
    shared_page.go(FRAME)
    shared_page.saved()
    yield shared_page
    shared_page.check()


@pytest.fixture
def fresh(site):
    """Pages of their own for a test: `fresh(account)`; looked at like the others when it ends."""
    made = []

    def visit(account="anna", **more):
        made.append(site.visit(account=account, **{"frame": FRAME, **more}))
        return made[-1]

    yield visit
    for one in made:
        one.page.context.close()
        one.check()


def stored(site, track_id, frame=FRAME):
    """The cuboid of a keyframe as the project has it."""
    scene = site.project.read("sample")
    track = scene.track(track_id)
    (k,) = np.flatnonzero(track.times_ns == scene.times_ns[frame])
    one = track.cuboids[int(k)]
    return Box(one.center_m, one.size_m, one.as_cuboids().rotation[0])


class Box(NamedTuple):
    center_m: np.ndarray
    size_m: np.ndarray
    rotation: np.ndarray


def ends(cuboid, axis):
    """The two faces across an axis of the cuboid."""
    half = cuboid.rotation[:, axis] * cuboid.size_m[axis] / 2
    return cuboid.center_m + half, cuboid.center_m - half


# ------------------------------------------------------------ seeing


def test_the_sample_is_shown_at_once(page, site):
    assert page.evaluate("() => boxwright.space.shown.length") == 24
    scene = site.project.read("sample")
    assert page.evaluate("() => boxwright.space.cloud.points.xyz.length") == 3 * len(scene.still_points(FRAME).xyz)
    assert "code=" not in page.page.url
    assert page.evaluate("() => [localStorage, sessionStorage, document.cookie].map((one) => JSON.stringify(one).includes('Bearer'))") == [False] * 3
    for name, one in zip(("x", "y", "z"), stored(site, "car-16").center_m):
        page.select("car-16")
        assert page.number(name) == pytest.approx(one, abs=6e-3)


def test_scrubbing_ends_at_the_frame_that_is_asked_for_last(page):
    page.evaluate("async () => { for (let i = 0; i < 41; i += 1) { boxwright.state.go(i); await new Promise((done) => setTimeout(done, 5)); } }")
    page.shown(40)
    page.by("scrub").fill("7")
    page.shown(7)
    page.page.mouse.click(760, 300)  # away from the slider, whose keys these are too
    page.key("ArrowRight", "ArrowRight", "ArrowLeft")
    page.shown(8)
    page.by("frame").fill("3")
    page.by("frame").press("Enter")
    page.shown(3)
    page.page.locator("#space").click(position={"x": 5, "y": 5})
    page.key("End")
    page.shown(40)
    page.key("Home", "Space")
    page.wait("() => boxwright.state.frame >= 3")
    page.key("Space")
    page.wait("() => !boxwright.state.isPlaying")


@pytest.mark.parametrize("mode", ["intensity", "time", "class", "camera", "height"])
def test_points_are_coloured_by(page, site, mode):
    page.by("colour").select_option(mode)
    page.wait("mode => boxwright.space.cloud.mode === mode", mode)
    columns = {"class": ["class_id"], "camera": ["rgba"], "intensity": ["intensity"], "time": ["time_offset_ns"], "height": []}[mode]
    page.wait("names => Object.keys(boxwright.space.cloud.points.fields).join() === names.join()", columns)
    n = page.evaluate("() => new Set(boxwright.space.cloud.colors).size")
    assert n > (6 if mode == "class" else 20)
    shown = np.array(page.evaluate("() => [...boxwright.space.cloud.colors]")).reshape(-1, 3)
    scene = site.project.read("sample")
    apart = np.abs(shown - point_colors(scene, FRAME, scene.still_points(FRAME), "lidar", mode))  # quantiles are of some points on the page
    assert apart.max() <= (0 if mode in ("class", "camera") else 12) and apart.mean() < 2


def test_several_sweeps_are_one_cloud(page):
    one = page.evaluate("() => boxwright.space.cloud.points.xyz.length")
    page.by("sweeps").select_option("3")
    page.wait("n => boxwright.space.cloud.points.xyz.length > 2 * n", one)
    page.by("colour").select_option("class")
    named = page.wait(
        "() => { const { classes, fields } = boxwright.frames.points; return fields.class_id && fields.frame_index && [...classes.values()]; }"
    )
    assert {"car", "pedestrian"} <= set(named)
    painted = """() => { const { fields, classes } = boxwright.frames.points;
        const array = boxwright.space.cloud.colors;
        const of = (k) => [...array.slice(3 * k, 3 * k + 3)].join(); const car = [...classes].find(([, name]) => name === 'car')[0];
        const all = new Set(); fields.class_id.forEach((id, k) => id === car && all.add(of(k))); return [...all]; }"""
    assert page.wait(painted) == [",".join(map(str, bw.Taxonomy.default().find("car").color))]
    page.by("colour").select_option("time")
    span = page.wait("() => { const at = boxwright.frames.points.fields.time_offset_ns; return at?.length && [Math.min(...at), Math.max(...at)]; }")
    assert -400e6 < span[0] < -150e6 and -100e6 < span[1] < 110e6
    page.by("sweeps").select_option("1")
    page.by("colour").select_option("height")
    page.wait("n => boxwright.space.cloud.points.xyz.length === n", one)


def test_many_points_are_fewer_while_the_view_moves(fresh):
    page = fresh()
    n = 300_000
    page.evaluate(
        """n => { const { space } = boxwright; const xyz = new Float32Array(3 * n).map((_, k) => (k % 3 ? Math.sin(k) * 20 : k / n));
        window.many = { xyz, originM: [0, 0, 0], frame: 'lidar', all: n, fields: {}, classes: new Map() };
        space.cloud.show(many, null); space.cloud.place(space.anchor); space.paint(); space.budget = 30_000; space.move(); }""",
        n,
    )
    page.wait("() => boxwright.space.cloud.thin.visible && !boxwright.space.cloud.mesh.visible")
    index = np.array(page.evaluate("() => [...boxwright.space.cloud.thin.geometry.index.array]"))
    assert 20_000 <= len(index) <= 100_000 and index[0] >= 0 and index[-1] < n and (np.diff(index) > 0).all()
    assert np.abs(np.histogram(index, 10, (0, n))[0] / len(index) - 0.1).max() < 0.01  # all of the sweep alike
    page.wait("() => boxwright.space.cloud.mesh.visible && !boxwright.space.cloud.thin.visible")  # at rest there are all of them
    drawn = "() => { const { space } = boxwright; space.renderer.info.autoReset = false; space.renderer.info.reset(); return true; }"
    page.evaluate(drawn)
    page.evaluate("() => boxwright.space.draw()")
    page.wait("n => boxwright.space.renderer.info.render.points >= n", n)


def test_buffers_of_points_stay_for_frames_that_fit(fresh):
    page = fresh()
    kept = page.evaluate("() => { window.kept = boxwright.space.cloud.mesh.geometry.getAttribute('position'); return kept.count; }")
    colours = "() => boxwright.space.cloud.colors.length === boxwright.space.cloud.points.xyz.length"
    for frame in (21, 22, 35):
        page.go(frame)
        page.wait(f"frame => boxwright.frames.pointsFrame === frame && ({colours})()", frame)
        assert page.evaluate("() => boxwright.space.cloud.mesh.geometry.getAttribute('position') === kept")
        assert page.evaluate("() => boxwright.space.cloud.mesh.geometry.drawRange.count * 3 === boxwright.space.cloud.points.xyz.length")
        assert page.evaluate("() => boxwright.space.cloud.points.xyz.every((one, k) => Object.is(one, kept.array[k]))")
    assert kept > 14_000


def test_nothing_is_drawn_while_nothing_changes(page):
    page.page.wait_for_timeout(300)
    before = page.evaluate("() => boxwright.space.drawn")
    page.page.wait_for_timeout(400)
    assert page.evaluate("() => boxwright.space.drawn") == before


def test_the_help_sheet_tells_every_key(page):
    page.key("?")
    sheet = page.by("help-sheet")
    assert sheet.is_visible()
    assert page.evaluate("() => document.querySelectorAll('[data-testid=help-sheet] kbd').length") > 40
    page.by("help-close").click()
    assert not sheet.is_visible()


FOCUS = """() => {
  const { top, left } = document.activeElement.getBoundingClientRect();
  return [top, left, getComputedStyle(document.activeElement).outlineStyle];
}"""
CONTROLS = """() => [...document.querySelectorAll('button, input, select, textarea, summary, [tabindex="0"]')].map((one) => ({
  what: one.outerHTML.slice(0, 120), testid: one.dataset.testid ?? '',
  name: one.getAttribute('aria-label') ?? one.labels?.[0]?.textContent ?? one.textContent ?? '',
}))"""


def test_every_control_has_a_name_and_a_test_id(page):
    page.select("car-16")
    for tab in ("object", "tags", "shapes", "judge"):
        page.by(f"tab-{tab}").click()
    controls = page.evaluate(CONTROLS)
    assert len(controls) > 60
    assert [one["what"] for one in controls if not one["name"].strip()] == []
    assert [one["what"] for one in controls if not one["testid"]] == []


def test_the_focus_goes_through_the_page_in_reading_order_and_is_seen(page):
    page.page.mouse.click(5, 5)
    seen = []
    for _ in range(12):
        page.key("Tab")
        seen.append(page.evaluate(FOCUS))
    assert all(outline != "none" for _, _, outline in seen)
    assert seen[0][0] < 40, "the bar at the top comes first"
    page.by("tab-object").focus()
    page.key("ArrowRight")
    assert page.evaluate("() => document.activeElement.dataset.testid") == "tab-tags"
    assert page.evaluate("() => document.getElementById('tags').hidden") is False


# ------------------------------------------------------------ correcting


def test_a_click_selects_and_a_drag_moves_on_the_floor(page, site):
    before = stored(site, "car-16")
    u, v = page.pixel("car-16")
    page.page.mouse.click(u, v)
    assert page.selected() == "car-16"
    page.drag((u, v), (u + 25, v + 12))
    page.saved()
    after = stored(site, "car-16")
    way = after.center_m - before.center_m
    assert 0.2 < np.linalg.norm(way) < 5
    assert abs(way @ before.rotation[:, 2]) < 1e-9
    np.testing.assert_array_equal(after.size_m, before.size_m)
    np.testing.assert_allclose(after.rotation, before.rotation, atol=1e-15)
    page.key("Control+z")
    page.saved()
    np.testing.assert_array_equal(stored(site, "car-16").center_m, before.center_m)


def test_shift_and_a_drag_lift(page, site):
    page.select("car-13")
    before = stored(site, "car-13")
    u, v = page.pixel("car-13")
    page.page.keyboard.down("Shift")
    page.drag((u, v), (u, v - 15))
    page.page.keyboard.up("Shift")
    page.saved()
    way = stored(site, "car-13").center_m - before.center_m
    assert way @ before.rotation[:, 2] > 0.1
    np.testing.assert_allclose(way - (way @ before.rotation[:, 2]) * before.rotation[:, 2], 0, atol=1e-9)


@pytest.mark.parametrize(
    ("view", "axis", "sign", "away"), [("top", 0, 1, (0, -1)), ("top", 1, 1, (-1, 0)), ("side", 2, 1, (0, -1)), ("front", 1, 1, (1, 0))]
)
def test_one_face_is_pulled_and_the_opposite_one_stays(page, site, view, axis, sign, away):
    page.select("car-16")
    before = stored(site, "car-16")
    u, v, scale = page.side(view)
    reach = before.size_m[axis] / 2 * scale
    beside = (9 * abs(away[1]), 9 * abs(away[0]))  # a face is taken anywhere along its edge
    start = (u + away[0] * reach + beside[0], v + away[1] * reach + beside[1])
    page.drag(start, (start[0] + away[0] * 0.4 * scale, start[1] + away[1] * 0.4 * scale))
    page.saved()
    after = stored(site, "car-16")
    assert after.size_m[axis] - before.size_m[axis] == pytest.approx(0.4, abs=0.03)
    k = 0 if sign > 0 else 1
    np.testing.assert_allclose(ends(after, axis)[1 - k], ends(before, axis)[1 - k], atol=1e-9)
    others = [i for i in range(3) if i != axis]
    np.testing.assert_array_equal(after.size_m[others], before.size_m[others])


def test_a_face_is_pulled_in_the_large_view(page, site):
    page.select("car-16")
    page.by("view-object").click()
    page.page.wait_for_timeout(50)
    before = stored(site, "car-16")
    u, v = page.handle(4)  # the top
    page.drag((u, v), (u, v - 30))
    page.saved()
    after = stored(site, "car-16")
    assert after.size_m[2] > before.size_m[2] + 0.05
    np.testing.assert_allclose(ends(after, 2)[1], ends(before, 2)[1], atol=1e-9)


def test_the_yellow_dot_turns(page, site):
    page.select("car-16")
    before = stored(site, "car-16")
    u, v, scale = page.side("top")
    reach = (before.size_m[0] / 2 + max(0.5, 0.2 * before.size_m[0])) * scale
    angle = np.radians(30)
    page.drag((u, v - reach), (u - reach * np.sin(angle), v - reach * np.cos(angle)))
    page.saved()
    after = stored(site, "car-16")
    assert np.degrees(np.arccos(after.rotation[:, 0] @ before.rotation[:, 0])) == pytest.approx(30, abs=1.5)
    assert after.rotation[:, 0] @ before.rotation[:, 1] > 0, "to the left is to the left"
    np.testing.assert_allclose(after.rotation[:, 2], before.rotation[:, 2], atol=1e-9)
    np.testing.assert_array_equal(after.center_m, before.center_m)


def test_escape_gives_a_drag_up(page, site):
    page.select("car-16")
    before, seq = stored(site, "car-16"), site.project.seq
    u, v = page.pixel("car-16")
    page.page.mouse.move(u, v)
    page.page.mouse.down()
    page.page.mouse.move(u + 40, v, steps=3)
    page.key("Escape")
    page.page.mouse.up()
    page.page.wait_for_timeout(100)
    assert site.project.seq == seq
    assert page.number("x") == pytest.approx(before.center_m[0], abs=6e-3)


def test_numbers_make_a_keyframe_where_there_was_none(page, site):
    page.go(23)
    page.select("car-16")
    assert page.by("keyframe-state").text_content().startswith("Interpolated")
    page.by("field-height").fill("2.25")
    page.by("field-height").press("Enter")
    page.saved()
    assert stored(site, "car-16", 23).size_m[2] == 2.25
    assert page.by("keyframe-state").text_content().startswith("Keyframe here")
    page.by("field-heading").fill("90")
    page.by("field-heading").press("Enter")
    page.saved()
    ahead = stored(site, "car-16", 23).rotation[:, 0]
    assert np.degrees(np.arctan2(ahead[1], ahead[0])) == pytest.approx(90, abs=1e-6)
    page.by("field-length").fill("-1")
    page.by("field-length").press("Enter")
    assert page.by("number-wrong").text_content().startswith("length: -1 is refused; it is between 0.01")
    page.key("Escape")


def test_keys_nudge_and_resize(page, site):
    page.select("car-13")
    before = stored(site, "car-13")
    page.page.locator("#space").focus()
    page.key("w", "w", "a", "PageUp", "q", "1", "+", "Shift+w")
    page.saved()
    after = stored(site, "car-13")
    assert after.size_m[0] - before.size_m[0] == pytest.approx(0.05)
    way = before.rotation.T @ (after.center_m - before.center_m)
    np.testing.assert_allclose(way[1:], [0.05, 0.05], atol=0.02)
    assert way[0] == pytest.approx(0.1 + 0.025 + 0.5, abs=0.01)
    assert np.degrees(np.arccos(after.rotation[:, 0] @ before.rotation[:, 0])) == pytest.approx(1, abs=1e-6)


def test_a_click_is_fitted_as_the_core_fits_it(page, site):
    page.key("f")
    page.by("category").select_option("cyclist")
    at = page.evaluate(
        "() => { const { space } = boxwright; const one = space.shown.find((each) => each.name === 'cyclist-22'); return one.cuboid.center; }"
    )
    u, v = page.pixel("cyclist-22")
    clicked = page.evaluate(
        """([u, v]) => { const { space } = boxwright; const box = space.big.place.getBoundingClientRect();
        const at = space.cloud.pick(space.big.camera, u - box.left, v - box.top, box.width, box.height);
        return at.map((value, k) => value + space.anchor[k]); }""",
        [u, v],
    )
    assert np.linalg.norm(np.subtract(clicked, at)) < 2
    n = page.evaluate("() => boxwright.labels.tracks.length")
    page.page.mouse.click(u, v)
    page.wait("() => boxwright.verbs.track?.body.track_id === 'cyclist-22'")  # which is here already
    page.page.keyboard.down("Alt")
    page.page.mouse.click(u, v)
    page.page.keyboard.up("Alt")
    page.wait("n => boxwright.labels.tracks.length > n && boxwright.edits.queue.length === 0", n)
    page.saved()
    name = page.selected()
    scene = site.project.read("sample")
    click_lidar = scene.transform("lidar", "world", int(scene.times_ns[FRAME])).apply(np.array([clicked]))[0]
    sweep = scene.still_points(FRAME)
    hints = {"ground": scene.ground(FRAME), "sensor_origins_m": scene.lidar_origins_m(sweep.frame)}
    wanted = bw.fit_at(sweep, click_lidar, category="cyclist", **hints).cuboid
    pose = scene.transform("world", "lidar", int(scene.times_ns[FRAME]))
    np.testing.assert_allclose(stored(site, name).center_m, pose.apply(wanted.center_m[None])[0], atol=1e-6)
    np.testing.assert_allclose(stored(site, name).size_m, wanted.size_m, atol=1e-9)
    assert stored(site, name).rotation[:, 2] @ pose.rotation[:, 2] == pytest.approx(1)
    page.key("r")
    page.saved()
    page.key("Shift+Delete")
    page.wait("name => !boxwright.labels.named(name)", name)
    page.saved()


def test_a_frame_without_a_sweep_offers_no_fit(fresh):
    page = fresh()
    assert page.by("frames").text_content() == "in 0 … 40"
    page.select("car-16")
    assert page.by("tool-fit").is_enabled() and page.by("refit").is_enabled()
    n = page.evaluate("() => boxwright.edits.undoable.length")
    page.evaluate("() => { boxwright.state.scene.data.sweeps = { lidar: [[0, 24]] }; }")
    page.go(26)
    assert [page.by(one).is_disabled() for one in ("tool-fit", "refit", "propagate", "propagate-back")] == [True] * 4
    for key in "frp":
        page.key(key)
        page.wait("() => document.querySelector('[data-testid=notice]')?.textContent.startsWith('Frame 26 has no sweep')")
        page.by("notice-close").click()
    assert page.evaluate("() => [boxwright.state.tool, boxwright.edits.undoable.length]") == ["select", n]
    page.go(24)
    assert page.by("tool-fit").is_enabled() and page.by("refit").is_enabled()


NARROW = """() => [...document.querySelectorAll('label:not(.hidden-label), button, legend, summary, input[type=number]')]
  .filter((one) => one.offsetParent && one.clientWidth && !one.closest('.track-list') && one.scrollWidth > one.clientWidth + 1)
  .map((one) => one.outerHTML.slice(0, 120))"""
HEIGHTS = "() => [...document.querySelectorAll('#tabs button, #tools label')].map((one) => one.offsetHeight)"


@pytest.mark.parametrize("width", [1024, 1500])
def test_no_label_is_cut_where_the_window_is_small(site, fresh, width):
    page = fresh(context=site.browser.new_context(viewport={"width": width, "height": 640}, reduced_motion="reduce"))
    page.select("car-16")
    assert page.evaluate(NARROW) == []
    assert max(page.evaluate(HEIGHTS)) < 40, "one line each"


def test_a_track_is_carried_on_and_back_and_taken_back(page, site):
    page.select("cyclist-22")
    n = len(site.project.read("sample").track("cyclist-22"))
    page.by("propagate-frames").fill("4")
    page.by("propagate").click()
    page.wait("n => boxwright.labels.keyframes(boxwright.state.selected).length > n", n)
    page.saved()
    carried = site.project.read("sample").track("cyclist-22")
    assert n < len(carried) <= n + 4
    page.by("propagate-back").click()
    page.wait("n => boxwright.labels.keyframes(boxwright.state.selected).length > n", len(carried))
    page.saved()
    page.by("undo").click()
    page.by("undo").click()
    page.saved()
    assert len(site.project.read("sample").track("cyclist-22")) == n
    page.by("redo").click()
    page.saved()
    np.testing.assert_array_equal(site.project.read("sample").track("cyclist-22").times_ns, carried.times_ns)
    page.by("undo").click()
    page.saved()


def test_tracks_are_split_and_merged(page, site):
    page.select("pedestrian-34")
    before = {one.track_id for one in site.project.read("sample").tracks}
    times = site.project.read("sample").track("pedestrian-34").times_ns
    page.by("more").click()
    page.by("split").click()
    page.wait("n => boxwright.labels.keyframes(boxwright.state.selected).length < n", len(times))
    page.saved()
    (name,) = {one.track_id for one in site.project.read("sample").tracks} - before
    page.select(name)
    page.by("merge-into").select_option(label="pedestrian-34")
    page.by("merge").click()
    page.wait("name => !boxwright.labels.named(name)", name)
    page.saved()
    np.testing.assert_array_equal(site.project.read("sample").track("pedestrian-34").times_ns, times)
    page.by("more").click()


def test_a_cuboid_is_copied_into_another_frame_and_as_a_new_track(page, site):
    page.select("pedestrian-27")
    here = stored(site, "pedestrian-27")
    page.key("Control+c")
    page.go(22)
    page.key("Control+v")
    page.saved()
    np.testing.assert_allclose(stored(site, "pedestrian-27", 22).center_m, here.center_m)
    page.key("Delete")
    page.saved()
    page.key("Control+Shift+v")
    page.wait("() => boxwright.verbs.track.body.track_id !== 'pedestrian-27'")
    page.saved()
    new = page.selected()
    assert np.linalg.norm(stored(site, new, 22).center_m - here.center_m) == pytest.approx(here.size_m[1] + 0.5)
    page.key("Control+z")
    page.saved()
    assert new not in site.project.read("sample").track_index


def test_class_attributes_and_visibility(page, site):
    page.select("car-18")
    page.by("track-class").select_option("van")
    page.saved()
    page.by("attribute-motion").select_option("parked")
    page.saved()
    page.by("attribute-lights-brake").check()
    page.saved()
    page.by("visibility").select_option("occluded")
    page.saved()
    track = site.project.read("sample").track("car-18")
    (k,) = np.flatnonzero(track.times_ns == site.project.read("sample").times_ns[FRAME])
    assert track.category == "van"
    assert track.keyframe_attributes[k] == {"motion": "parked", "lights": {"brake": True}}
    assert track.visibility[k] == bw.Visibility.OCCLUDED
    for _ in range(4):
        page.by("undo").click()
    page.saved()
    assert site.project.read("sample").track("car-18").category == "car"


def test_tags_of_the_scene_a_frame_and_an_interval(page, site):
    page.by("tab-tags").click()
    for name, value, scope in (("rain", "", "scene"), ("glare", "strong", "frame"), ("tunnel", "", "interval")):
        page.by("tag-name").fill(name)
        page.by("tag-value").fill(value)
        page.by("tag-scope").select_option(scope)
        if scope == "interval":
            page.by("tag-first").fill("3")
            page.by("tag-last").fill("9")
        page.by("tag-add").click()
        page.saved()
    scene = site.project.read("sample")
    tags = {tag.name: tag for tag in scene.tags}
    assert (tags["rain"].value, tags["rain"].span_ns) == (True, None)
    assert (tags["glare"].value, tags["glare"].span_ns) == ("strong", (scene.times_ns[FRAME],) * 2)
    assert tags["tunnel"].span_ns == (scene.times_ns[3], scene.times_ns[9])
    page.page.locator(".tag", has_text="tunnel").get_by_test_id("tag-go").click()
    page.shown(3)
    for _ in range(3):
        page.by("tag-delete").first.click()
        page.saved()
    assert not site.project.read("sample").tags


# ------------------------------------------------------------ nothing lost


def test_after_a_reload_it_is_saved_and_may_still_be_undone(fresh, site):
    page = fresh(frame=5)
    page.select("truck-15")
    page.by("field-width").fill("3.125")
    page.by("field-width").press("Enter")
    page.saved()
    page.page.reload()
    page.wait("() => document.body.dataset.ready === 'yes'")
    page.shown(5)
    page.select("truck-15")
    assert page.number("width") == 3.125
    page.by("undo").click()
    page.wait("() => boxwright.verbs.cuboid && boxwright.verbs.cuboid.size[1] !== 3.125")
    page.saved()
    assert stored_or_none(site, "truck-15", 5) is None


def stored_or_none(site, track_id, frame):
    scene = site.project.read("sample")
    return None if not (scene.track(track_id).times_ns == scene.times_ns[frame]).any() else stored(site, track_id, frame)


def test_what_the_server_did_not_get_is_kept_over_a_reload_and_sent_once(fresh, site):
    page = fresh(frame=6)
    page.allowed += ["Failed to load resource", "net::ERR"]
    page.page.route("**/api/v1/edits", lambda route: route.abort())
    page.select("truck-15")
    for name, value in (("width", "3.5"), ("height", "3.75")):
        page.by(f"field-{name}").fill(value)
        page.by(f"field-{name}").press("Enter")
    page.wait("() => document.querySelector('[data-testid=saved]').textContent.startsWith('2 unsent')")
    assert stored_or_none(site, "truck-15", 6) is None
    page.page.reload()
    page.wait("() => document.body.dataset.ready === 'yes'")
    page.shown(6)
    page.select("truck-15")
    assert (page.number("width"), page.number("height")) == (3.5, 3.75)
    seq = site.project.seq
    page.page.unroute("**/api/v1/edits")
    page.evaluate("() => boxwright.edits.kick()")
    page.saved()
    np.testing.assert_array_equal(stored(site, "truck-15", 6).size_m[1:], [3.5, 3.75])
    assert site.project.seq == seq + 2


def test_unsent_edits_of_a_tab_are_its_own_and_taken_up_when_it_is_gone(fresh, site):
    one = fresh(frame=8)
    context = one.page.context
    one.allowed += ["Failed to load resource", "net::ERR"]
    one.page.route("**/api/v1/edits", lambda route: route.abort())
    one.select("truck-15")
    one.by("field-width").fill("2.5")
    one.by("field-width").press("Enter")
    one.wait("() => boxwright.edits.isOffline")
    other = site.visit(frame=9, context=context)
    assert other.evaluate("() => boxwright.edits.queue.length") == 0, "that tab is open"
    other.select("truck-15")
    other.by("field-width").fill("2.625")
    other.by("field-width").press("Enter")
    other.saved()
    one.page.close()
    third = site.visit(frame=8, context=context)
    third.saved()
    third.check()
    other.check()
    assert (stored(site, "truck-15", 8).size_m[1], stored(site, "truck-15", 9).size_m[1]) == (2.5, 2.625)


def test_a_server_that_is_gone_is_told(fresh):
    page = fresh(frame=1)
    page.allowed += ["Failed to load resource", "net::ERR"]
    page.page.route("**/api/v1/feed*", lambda route: route.abort())
    page.evaluate("() => boxwright.openScene(boxwright.state.scene.id, 1)")
    page.wait("() => document.querySelector('[data-testid=saved]').textContent === 'the server does not answer'")
    page.page.unroute("**/api/v1/feed*")
    page.saved()


def test_an_answer_that_was_lost_is_no_second_edit(fresh, site):
    page = fresh(frame=7)
    page.allowed += ["Failed to load resource", "net::ERR"]
    lost = []

    def lose(route):
        if lost:
            route.continue_()
            return
        lost.append(route.fetch().status)
        route.abort()

    seq = site.project.seq
    page.page.route("**/api/v1/edits", lose)
    page.select("truck-15")
    page.by("field-width").fill("2.75")
    page.by("field-width").press("Enter")
    page.wait("() => boxwright.edits.queue.length === 0")
    page.saved()
    assert lost == [200]
    assert site.project.seq == seq + 1
    assert stored(site, "truck-15", 7).size_m[1] == 2.75


def test_two_pages_see_each_other_and_a_conflict_is_shown(fresh, site):
    anna, ben = fresh("anna", frame=0), fresh("ben", frame=0)
    for one in (anna, ben):
        one.allowed += ["Failed to load resource"]
        one.select("car-21")
    anna.by("field-length").fill("4.875")
    anna.by("field-length").press("Enter")
    ben.wait("() => boxwright.verbs.cuboid.size[0] === 4.875")
    assert ben.number("length") == 4.875
    # anna hears nothing for a while, and stands on what is not there any more
    anna.evaluate("() => { boxwright.endFeed(); }")
    ben.by("field-length").fill("5.25")
    ben.by("field-length").press("Enter")
    ben.saved()
    anna.by("field-length").fill("3.5")
    anna.by("field-length").press("Enter")
    anna.wait("() => document.querySelector('[data-testid=conflict]')")
    assert anna.by("conflict-who").text_content() == "ben changed size."
    assert anna.by("conflict-values").locator("li").all_text_contents() == ["length: yours 3.50 m, ben's 5.25 m"]
    assert stored(site, "car-21", 0).size_m[0] == 5.25
    assert "not saved" in anna.by("saved").text_content()
    anna.evaluate("() => boxwright.openScene(boxwright.state.scene.id, 0)")
    anna.wait("() => boxwright.labels.tracks.length > 0")
    anna.by("conflict-mine").click()
    anna.saved()
    assert stored(site, "car-21", 0).size_m[0] == 3.5
    ben.wait("() => boxwright.verbs.cuboid.size[0] === 3.5")
    ben.by("undo").click()  # his edit lies under hers
    ben.wait("() => document.querySelector('[data-testid=conflict]')")
    ben.by("conflict-theirs").click()
    assert stored(site, "car-21", 0).size_m[0] == 3.5

    anna.select("car-21")
    anna.evaluate("() => { boxwright.endFeed(); }")  # nothing can be put on top of what is gone
    ben.key("Shift+Delete")
    ben.saved()
    anna.key("w")
    anna.wait("() => document.querySelector('[data-testid=conflict]')")
    assert anna.by("conflict-who").text_content().startswith("ben deleted the keyframe")
    assert anna.by("conflict-mine").count() == 0
    anna.by("conflict-theirs").click()
    ben.by("undo").click()
    ben.saved()


# ------------------------------------------------------------ text is text


def test_payloads_in_every_text_are_inert(fresh, site):
    page = fresh(frame=30)
    page.select("pedestrian-36")
    page.by("track-id").fill(PAYLOAD)
    page.by("track-id").press("Enter")
    page.saved()
    page.by("tab-tags").click()
    page.by("tag-name").fill(PAYLOAD)
    page.by("tag-value").fill(PAYLOAD)
    page.by("tag-add").click()
    page.saved()
    seq = site.project.seq
    edits = site.project.edits("sample", by=PAYLOAD[:20])
    track = site.project.track("sample", PAYLOAD)
    edits.set_track(track, category=PAYLOAD)
    edits.set_attributes(track, {PAYLOAD: PAYLOAD})
    edits.commit(PAYLOAD)
    page.wait("seq => boxwright.labels.seq > seq", seq)
    page.page.reload()
    page.wait("() => document.body.dataset.ready === 'yes'")
    page.shown(30)
    wanted = {
        one.id: [one.kind, one.parent_id, one.rev, one.body] for kind in ("track", "keyframe", "tag") for one in site.project.entities("sample", kind)
    }
    kept = page.evaluate(
        """async () => { const { print } = await import('/static/exact.js');
        return [...boxwright.labels.saved.values()].map((one) => [one.id, one.kind, one.parent_id, one.rev, print(one.body)]); }"""
    )
    assert {one: [kind, parent, rev, json.loads(body)] for one, kind, parent, rev, body in kept} == wanted
    page.by("track-search").fill("<img")
    page.by("track").first.click()
    page.by("tab-tags").click()
    assert PAYLOAD in page.by("tag-list").text_content()
    page.by("tab-object").click()
    assert page.by("track-id").input_value() == PAYLOAD
    assert page.evaluate("() => document.querySelectorAll('img[src=x], #space script, aside script').length") == 0
    page.page.wait_for_timeout(100)


def test_without_a_code_there_is_one_message_and_no_editor(site):
    """Nor with one that was used; Chromium says of itself that the server refused."""
    context = site.browser.new_context()
    used = site.server.start_url("anna")
    assert httpx.post(f"{site.server.url}/api/v1/session", json={"code": used.split("code=")[1]}, trust_env=False).status_code == 200
    for address in (site.server.url, used):
        tab = context.new_page()
        tab.goto(address)
        tab.get_by_test_id("door").wait_for()
        assert tab.get_by_role("alert").count() == 1
        assert "Press Enter in the terminal" in tab.locator("body").inner_text()
        assert tab.get_by_test_id("notice").count() == tab.locator("#topbar, main, footer").count() == 0
    context.close()


def test_another_tab_is_opened_from_the_page(fresh):
    page = fresh()
    with page.page.context.expect_page() as opened:
        page.by("new-tab").click()
    other = opened.value
    other.wait_for_selector("body[data-ready=yes]")
    assert other.evaluate("() => [boxwright.state.me.account, boxwright.state.frame]") == ["anna", FRAME]
    assert "code=" not in other.url
