"""Boxes of moving objects set to the stamps of their frames: over HTTP, and by the page's button."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import boxwright as bw
from boxwright.server import Server
from browsing import Browsed, chromium

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

from accuracy_retiming import drawn, errors


@pytest.fixture(scope="module")
def truth():
    return bw.simulate(3, 10, image_scale=0.1, scenery="motorway")


@pytest.fixture(scope="module")
def site(tmp_path_factory, truth):
    folder = tmp_path_factory.mktemp("retime")
    bw.write(drawn(truth, "points", np.random.default_rng(0)), folder / "clip", format="boxwright")
    with bw.create_project(folder / "project", "motorway") as project:
        project.import_scene(folder / "clip", name="clip")
        for name in ("anna", "ben"):
            project.accounts.add(name)
        server = Server(project, port=0, changes={"writes_per_s": 10_000, "works_at_once": 20})
        with server.in_background():
            yield Browsed(server, project, None)


@pytest.fixture
def browser(site):
    with chromium() as site.browser:
        yield


def centers(scene):
    return {track.track_id: track.cuboids.center_m for track in scene.tracks}


def test_proposals_over_http_are_those_of_the_library_and_come_nearer_to_the_truth(site, truth):
    scene = site.project.read("clip")
    with bw.connect(site.server.url, site.project.accounts.make_token("ben")[1]) as remote:
        told = remote.retime("clip")
        wanted = bw.retime(scene)
        assert (told["placement"], told["evidence"]) == ("points", pytest.approx(wanted.evidence))
        assert [one["verdict"] for one in told["proposals"]] == [str(one.verdict) for one in wanted]
        for one, row in zip(told["proposals"], wanted):
            kept = [keyframe["center_m"] for keyframe in one["track"]["keyframes"]]
            np.testing.assert_allclose(kept, row.track.cuboids.center_m, rtol=0, atol=1e-9)
        few = remote.retime("clip", [scene.tracks[3].track_id])
        assert [one["track_id"] for one in few["proposals"]] == [scene.tracks[3].track_id]
    speed, before, after = errors(truth, scene, wanted).T
    assert before[speed > 10].mean() > 5 * after[speed > 10].mean()


def test_the_page_sets_boxes_to_the_stamp_and_undo_takes_it_back(site, browser, nothing_wrong):
    given, wanted = site.project.read("clip"), bw.retime(site.project.read("clip"))
    page = site.visit(scene="clip")
    page.by("tab-judge").click()
    page.by("judge-moments-tab").click()
    page.by("retime").click()
    page.wait("() => document.querySelector('[data-testid=retime-state]').textContent.includes('the moments at which their points were seen')")
    moved = {row.track.track_id: row.track for row in wanted if row.shift_m.max() >= 0.01}
    rows = page.page.get_by_test_id("retime-row")
    assert {row.get_attribute("data-object") for row in rows.all()} == set(moved)
    left = sorted(moved)[0]
    page.page.locator(f'[data-object="{left}"]').get_by_test_id("retime-chosen").uncheck()
    revision = page.saved()
    page.by("retime-take").click()
    page.wait("before => Number(/(\\d+)$/.exec(document.querySelector('[data-testid=saved]').textContent)?.[1]) > before", revision)
    found, before = centers(site.project.read("clip")), centers(given)
    for name, center in found.items():
        to_be = moved[name].cuboids.center_m if name in moved and name != left else before[name]
        np.testing.assert_allclose(center, to_be, rtol=0, atol=1e-9)
    assert site.project.log(most=1)[0].reason == "boxes set to the stamp"
    revision = page.saved()
    page.key("Control+z")
    page.wait("before => Number(/(\\d+)$/.exec(document.querySelector('[data-testid=saved]').textContent)?.[1]) > before", revision)
    for name, center in centers(site.project.read("clip")).items():
        np.testing.assert_array_equal(center, before[name])
