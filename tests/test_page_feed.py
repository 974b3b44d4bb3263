"""The change feed of the page in a real browser, which has six connections to a server for all of its tabs."""

from __future__ import annotations

import pytest

from browsing import browsed

N_TABS = 7
HIDDEN = "Object.defineProperty(document, 'hidden', { configurable: true, value: true })"
QUIET = "localStorage.setItem('boxwright-pictures', '0');"
SEEN = """isSeen => {
  Object.defineProperty(document, 'hidden', { configurable: true, value: !isSeen });
  document.dispatchEvent(new Event('visibilitychange'));
}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with browsed(tmp_path_factory.mktemp("feed")) as made:
        yield made


def turned(site, track_id):
    """The transaction in which somebody else turned a track by a degree at its first keyframe."""
    edits = site.project.edits("sample", by="ben")
    track = site.project.track("sample", track_id)
    edits.set_attributes(track, {"seen by": str(site.project.seq)})
    return edits.commit("said").seq


def test_hidden_tabs_let_go_of_the_feed_and_miss_nothing(site, nothing_wrong):
    context = site.browser.new_context(viewport={"width": 600, "height": 300})
    context.add_init_script(QUIET + HIDDEN)
    tabs = [site.visit(context=context) for _ in range(N_TABS)]
    first, *_, last = tabs
    seq = turned(site, "car-16")
    for tab in (first, last):
        tab.evaluate(SEEN, True)
        tab.wait("seq => boxwright.labels.seq === seq", seq)
    with last.page.expect_event("requestfailed", lambda request: "/feed" in request.url):
        last.evaluate(SEEN, False)
    missed = [turned(site, "car-05"), turned(site, "car-16")]
    first.wait("seq => boxwright.labels.seq === seq", missed[-1])
    assert last.evaluate("() => boxwright.labels.seq") == seq and last.evaluate("() => boxwright.state.isLive")
    last.evaluate(SEEN, True)
    last.wait("seqs => seqs.every((seq) => boxwright.labels.touched.has(seq))", missed)
    context.close()
