"""What the page keeps from being made by mistake: numbers that cannot be, second cuboids, classes of no use; and what the server refused."""

from __future__ import annotations

from collections import Counter

import pytest

from boxwright.scene import NoData
from browsing import browsed


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with browsed(tmp_path_factory.mktemp("refusals")) as made:
        yield made


@pytest.fixture(scope="module")
def shared_page(site):
    return site.visit(frame=20)


@pytest.fixture
def page(shared_page):
    shared_page.key("Escape", "Escape")
    shared_page.go(20)
    shared_page.saved()
    yield shared_page
    shared_page.check()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("length", "1e7", "length: 10000000 is refused; it is between 0.01 and 500 m"),
        ("width", "0.0001", "width: 0.0001 is refused"),
        ("height", "-3", "height: -3 is refused"),
        ("height", "0", "height: 0 is refused"),
        ("height", "", "height: that is no number"),
        ("x", "1e300", "x: 1e+300 is refused; it is between -99999999 and 99999999 m"),
        ("y", "-1e9", "y: -1000000000 is refused"),
        ("heading", "361", "heading: 361 is refused"),
    ],
)
def test_numbers_that_cannot_be_are_refused_in_their_field(page, site, name, text, said):
    page.select("car-16")
    seq, before = site.project.seq, page.evaluate("() => boxwright.verbs.cuboid")
    page.by(f"field-{name}").fill(text)
    page.by(f"field-{name}").press("Enter")
    assert page.by("number-wrong").text_content().startswith(said)
    assert page.by(f"field-{name}").get_attribute("aria-invalid") == "true"
    assert page.by(f"field-{name}").input_value() == text  # to be put right where it stands
    assert page.evaluate("() => boxwright.edits.queue.length + boxwright.edits.refused.length") == 0
    assert page.evaluate("() => boxwright.verbs.cuboid") == before and site.project.seq == seq
    page.select("car-13")
    assert page.by("number-wrong").text_content() == ""
    assert page.by(f"field-{name}").get_attribute("aria-invalid") is None
    assert page.by(f"field-{name}").input_value() not in ("", text)


def test_a_number_put_right_is_kept(page, site):
    page.select("car-16")
    seq = site.project.seq
    page.by("field-height").fill("250")
    page.by("field-height").fill("2500")
    page.by("field-height").press("Enter")
    assert page.by("field-height").get_attribute("aria-invalid") == "true"
    page.by("field-height").fill("2.5")
    assert page.by("field-height").get_attribute("aria-invalid") is None
    page.by("field-height").press("Enter")
    page.saved()
    assert site.project.seq == seq + 1 and page.evaluate("() => boxwright.verbs.cuboid.size[2]") == 2.5
    page.by("undo").click()
    page.saved()


def test_what_is_refused_and_no_conflict_is_discarded(site):
    page = site.visit(frame=20)
    page.allowed += ["Failed to load resource"]
    page.select("car-16")
    seq = site.project.seq
    page.evaluate("() => { const { verbs } = boxwright; verbs.setCuboid(verbs.track.id, { ...verbs.cuboid, size: [4, -2, 1] }, 'resize'); }")
    page.by("conflict").wait_for()
    text = page.by("conflict").text_content()
    assert "“resize” was refused and is not saved." in text and "positive" in text and "file" not in text
    assert [page.by(f"conflict-{one}").count() for one in ("theirs", "mine", "discard")] == [0, 0, 1]
    page.by("conflict-discard").click()
    page.saved()
    assert page.by("conflict").count() == 0 and site.project.seq == seq
    page.check()


SURFACE = """() => { const { space } = boxwright; const one = space.shown.find((each) => each.name === 'car-16').cuboid;
  const { xyz } = space.cloud.points; const at = boxwright.frames.place.lidar; let best = null; let most = 0;
  for (let i = 0; i < xyz.length; i += 3) {
    const p = [xyz[i], xyz[i + 1], xyz[i + 2]].map(Number).map((value, k) => value + (space.cloud.points.originM?.[k] ?? 0));
    const world = [0, 1, 2].map((k) => at[k][0] * p[0] + at[k][1] * p[1] + at[k][2] * p[2] + at[k][3]);
    const far = Math.hypot(...world.map((value, k) => value - one.center[k]));
    if (far < 0.9 * one.size[0] / 2 && far > most && world[2] > one.center[2]) { most = far; best = world; }
  }
  return best; }"""


def test_an_object_that_has_a_cuboid_gets_no_second_one(page, site):
    at = page.evaluate(SURFACE)
    seq = site.project.seq
    page.by("category").select_option("car")
    page.evaluate("at => boxwright.verbs.fitAt(at)", at)
    assert page.selected() == "car-16"
    assert "car-16 is here already" in page.page.get_by_test_id("notice").last.text_content()
    # a cuboid that is too small to hold the click, where the fit's would be
    page.evaluate("() => { const { verbs } = boxwright; verbs.setCuboid(verbs.track.id, { ...verbs.cuboid, size: [0.5, 0.5, 0.5] }, 'resize'); }")
    page.saved()
    page.evaluate("() => boxwright.state.select(null)")
    page.evaluate("at => boxwright.verbs.fitAt(at)", at)
    assert page.selected() == "car-16" and site.project.seq == seq + 1
    page.by("undo").click()
    page.saved()
    page.evaluate("at => boxwright.verbs.fitAt(at, 'new')", at)
    assert page.selected() not in (None, "car-16")
    page.saved()
    page.by("undo").click()
    page.saved()
    assert "car-16" in site.project.read("sample").track_index


def test_new_objects_have_the_class_that_most_of_the_recording_have(site):
    scene = site.project.read("sample")
    page = site.visit(frame=20)
    (most, _), *_ = Counter(one.category for one in scene.tracks).most_common()
    page.wait("most => boxwright.state.category === most", most)
    own = {"car": "REGULAR_VEHICLE", "pedestrian": "PEDESTRIAN"}
    tracks = [one.replace(category=own[one.category]) for one in scene.tracks if one.category in own]
    rest = {"image_tracks": [], "tags": [], "point_edits": [], "relations": [], "data": NoData()}
    site.project.add_scene(scene.replace(name="named otherwise", tracks=tracks, **rest), by="ben")
    (most, _), (less, _) = Counter(one.category for one in tracks).most_common()
    other = site.visit(scene="named otherwise", frame=20)
    other.wait("most => boxwright.state.category === most", most)
    assert other.by("category").input_value() == most
    assert other.by("category").locator("> option").all_text_contents() == [most, less]
    apart = other.by("category").locator("optgroup > option").all_text_contents()
    assert "car" in apart and most not in apart
    other.by("category").select_option("bus")
    other.evaluate("() => boxwright.state.tell('labels')")
    assert other.evaluate("() => boxwright.state.category") == other.by("category").input_value() == "bus"
    for one in (page, other):
        one.check()
