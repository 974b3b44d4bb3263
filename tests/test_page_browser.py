"""The page in a real browser: what a user sees, does, and finds again."""

from __future__ import annotations

import pytest

from browsing import browsed


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with browsed(tmp_path_factory.mktemp("site")) as made:
        yield made


@pytest.fixture
def nothing_wrong(site):
    """No message in any console, nothing that left this machine, nothing that the policy forbade."""
    yield
    visits, site.visits = site.visits, []
    for one in visits:
        one.page.context.close()
        assert one.errors == []
        assert one.outside == []


def test_the_sample_is_shown_at_once(site, nothing_wrong):
    page = site.visit(frame=20)
    assert page.page.evaluate("() => window.boxwright.space.shown.length") == 24
    assert page.page.evaluate("() => window.boxwright.space.cloud.points.xyz.length") > 30_000
    assert "code=" not in page.page.url
    assert page.by("saved").text_content().startswith("saved at revision")
    page.by("next").click()
    page.shown(21)
