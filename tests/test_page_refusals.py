"""What the page refuses before it is sent, and what it shows of what the server refused."""

from __future__ import annotations

import pytest

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
