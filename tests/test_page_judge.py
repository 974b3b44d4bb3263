"""Findings, tasks and comparisons of the page in a real browser."""

from __future__ import annotations

import numpy as np
import pytest

import boxwright as bw
from boxwright.scene import NoData
from browsing import browsed
from test_page_pictures import tile

MARKUP = "<img src=x onerror=alert(1)>\"'&amp;"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with browsed(tmp_path_factory.mktemp("judge")) as made:
        yield made


def twice(project, name="twice"):
    """A second label on car-16; what a check says of it, kept."""
    scene = project.read("sample")
    edits = project.edits("sample", by="ben")
    edits.add_track(scene.track("car-16").replace(track_id=name))
    edits.commit()
    seq, found = project.seq, bw.check(project.read("sample"), rules=["duplicate_track"])
    assert [one.track_ids for one in found if name in one.track_ids]
    bw.Work(project).keep_findings("sample", found, at_seq=seq, rules=["duplicate_track"], by="ben")


def gone(project, name="twice"):
    if name in project.read("sample").track_index:
        edits = project.edits("sample", by="ben")
        edits.delete_track(project.track("sample", name))
        edits.commit()


def judging(site, part, **more):
    page = site.visit(**more)
    page.by("tab-judge").click()
    page.by(f"judge-{part}-tab").click()
    return page


def finding(page, rule="duplicate_track"):
    return page.page.locator(f'[data-testid=finding][data-rule="{rule}"]')


def test_a_finding_leads_to_its_place_and_its_correction_is_taken_and_taken_back(site, nothing_wrong):
    twice(site.project)
    page = judging(site, "findings", frame=3)
    finding(page).get_by_test_id("finding-go").click()
    page.wait("() => { const { labels, state } = window.boxwright; return ['twice', 'car-16'].includes(labels.get(state.selected)?.body.track_id); }")
    said = bw.Work(site.project).findings("sample")[0].said
    page.shown(said["worst_frame_index"])
    assert finding(page).get_attribute("aria-current") == "true"
    assert page.page.evaluate("() => document.querySelector('.timeline canvas, #timeline canvas') !== null")
    finding(page).get_by_test_id("finding-accept").click()
    page.wait("() => document.querySelectorAll('[data-testid=finding]').length === 0")  # done, checked again, and fixed
    left = site.project.read("sample").track_index
    assert len({"twice", "car-16"} & set(left)) == 1 and site.project.log(most=2)[-1].reason == said["suggestion"]["sentence"]
    assert bw.Work(site.project).findings("sample")[0].status == "fixed"
    page.page.reload()  # what undo finds then is what the log tells
    page.wait("() => document.body.dataset.ready === 'yes'", seconds=30)
    page.by("tab-judge").click()
    page.by("judge-findings-tab").click()
    page.wait("() => boxwright.edits.undoable.length && document.querySelector('[data-testid=finding-count]').textContent.startsWith('0 shown')")
    page.by("undo").click()
    page.saved()
    assert {"twice", "car-16"} <= set(site.project.read("sample").track_index)
    finding(page).get_by_test_id("finding-accept").wait_for()  # asked again: it is open
    assert bw.Work(site.project).findings("sample")[0].status == "open"
    page.by("redo").click()
    page.wait("() => document.querySelectorAll('[data-testid=finding]').length === 0")
    assert bw.Work(site.project).findings("sample")[0].status == "fixed"
    page.by("undo").click()
    finding(page).get_by_test_id("finding-accept").wait_for()
    gone(site.project)


def test_keys_go_through_findings_and_do_what_they_suggest(site, nothing_wrong):
    twice(site.project, "by key")
    page = site.visit()
    page.key("i")
    assert page.by("notice").last.text_content().startswith("N goes to a finding first")
    seen = []
    for key in ("n", "n", "Shift+N"):
        page.key(key)
        seen.append(page.evaluate("() => document.querySelector('[data-testid=finding][aria-current]').dataset.finding"))
    shown = page.evaluate("() => [...document.querySelectorAll('[data-testid=finding]')].map((one) => one.dataset.finding)")
    assert seen == [shown[0], shown[1 % len(shown)], shown[0]] and page.selected() is not None
    page.key("Shift+I")
    assert page.by("waive-reason").is_visible()
    page.by("waive-reason").press("Escape")
    page.wait("() => document.querySelector('[data-testid=finding][aria-current] [data-testid=finding-accept]') !== null")
    page.key("i")
    page.wait("name => ![...document.querySelectorAll('[data-testid=finding]')].some((one) => one.dataset.finding === name)", seen[0])
    assert len({"by key", "car-16"} & set(site.project.read("sample").track_index)) == 1
    page.key("Control+z")
    page.saved()
    gone(site.project, "by key")


def test_a_finding_is_waived_with_a_reason(site, nothing_wrong):
    twice(site.project, "again")
    page = judging(site, "findings")
    finding(page).get_by_test_id("finding-waive").click()
    assert page.selected() is None, "a button of a card does its own, and leads nowhere"
    finding(page).locator(".about").first.click()
    assert page.selected() in ("again", "car-16"), "the card leads there, not its title alone"
    page.by("waive-reason").fill(MARKUP)
    page.by("waive-done").click()
    page.wait("() => document.querySelectorAll('[data-testid=finding]').length === 0")
    page.by("finding-filter").select_option("waived")
    assert MARKUP in finding(page).text_content() and finding(page).get_by_test_id("finding-status").text_content() == "waived"
    kept = [one for one in bw.Work(site.project).findings("sample") if one.status == "waived"]
    assert [(one.reason, one.waived_by) for one in kept] == [(MARKUP, "anna")]
    gone(site.project, "again")
    page.wait("() => document.querySelector('[data-testid=finding-list]').textContent.includes('waived')")


def test_the_labels_are_checked_from_the_page(site, nothing_wrong):
    scene = site.project.read("sample")
    flipped = scene.track("car-16")
    edits = site.project.edits("sample", by="ben")
    track = flipped.replace(track_id="huge", cuboids=flipped.cuboids.replace(size_m=flipped.cuboids.size_m * np.array([1.0, 1.0, 4.0])))
    edits.add_track(track)
    edits.commit()
    page = judging(site, "findings")
    page.by("check").click()
    page.wait(
        "() => [...document.querySelectorAll('[data-testid=notice]')].some((one) => one.textContent.startsWith('The check found'))", seconds=120
    )
    assert page.page.locator('[data-testid=finding][data-rule="class_size"]').count() >= 1
    n = page.page.locator("[data-testid=finding]").count()
    page.by("finding-here").check()
    page.go(0)
    page.wait("n => document.querySelectorAll('[data-testid=finding]').length < n", n)
    gone(site.project, "huge")


def test_a_task_is_done_reviewed_rejected_and_accepted(site, nothing_wrong):
    page = judging(site, "tasks", account="anna")
    page.by("task-frames").fill("100")
    page.by("task-make").click()
    (task,) = bw.Work(site.project).tasks() if page.by("task").first.wait_for() is None else ()
    page.by("task-take").click()
    page.by("task-submit").click()
    page.wait("() => document.querySelector('[data-testid=task]').dataset.state === 'submitted'")
    assert page.by("task-begin-review").count() == 0  # never one's own
    ben = judging(site, "tasks", account="ben")
    ben.by("task-begin-review").click()
    ben.by("task-reject").click()
    ben.by("task-reason").fill(f"the wheel is outside {MARKUP}")
    ben.by("task-reason-done").click()
    ben.wait("() => document.querySelector('[data-testid=task]').dataset.state === 'rejected'")
    page.by("judge-tasks-tab").click()
    page.wait("() => document.querySelector('[data-testid=task]').dataset.state === 'rejected'")
    page.by("task-story").click()
    page.wait("() => document.querySelector('[data-testid=verdict]')?.textContent.startsWith('ben rejected: the wheel is outside <img')")
    page.by("task-submit").click()
    page.wait("() => document.querySelector('[data-testid=task]').dataset.state === 'submitted'")
    ben.by("judge-tasks-tab").click()
    ben.by("task-begin-review").click()
    ben.by("task-accept").click()
    ben.wait("() => document.querySelector('[data-testid=task]').dataset.state === 'accepted'")
    work = bw.Work(site.project)
    assert [(one.reviewer, one.decision) for one in work.verdicts(task.task_id)] == [("ben", "rejected"), ("ben", "accepted")]
    ben.by("task-reopen").click()
    ben.by("task-reason").fill("once more")
    ben.by("task-reason-done").click()
    ben.wait("() => document.querySelector('[data-testid=task]').dataset.state === 'in_review'")
    ben.by("task-leave-review").click()
    ben.wait("() => document.querySelector('[data-testid=task]').dataset.state === 'submitted'")
    page.by("judge-tasks-tab").click()
    page.by("task-withdraw").click()
    page.by("task-release").click()
    page.wait("() => document.querySelector('[data-testid=task]').dataset.state === 'open'")


def test_two_labellings_lie_over_each_other(site, nothing_wrong):
    scene = site.project.read("sample")
    shift = np.array([0.4, 0.0, 0.0])
    tracks = [one.replace(cuboids=one.cuboids.replace(center_m=one.cuboids.center_m + shift)) for one in scene.tracks if one.category == "car"]
    site.project.add_scene(
        scene.replace(name=f"other people's {MARKUP}", tracks=tracks, image_tracks=[], tags=[], point_edits=[], data=NoData()), by="ben"
    )
    page = judging(site, "compare", frame=20)
    tile(page, "front")
    page.by("compare-other").select_option(label=f"other people's {MARKUP}")
    page.wait("() => document.querySelector('[data-testid=compare-both]')?.textContent > 0")
    known = {"both": len(tracks), "only-a": len(scene.labels(20, "world").cuboids) - len(tracks), "only-b": 0}
    shown = {key: int(page.by(f"compare-{key}").text_content()) for key in known}
    assert sum(shown.values()) == len(scene.labels(20, "world").cuboids) and shown["only-b"] == 0 and shown["both"] >= 6
    page.wait("n => window.boxwright.space.otherShown.length === n", shown["both"])
    lines = page.wait("() => window.boxwright.pictures.overlay('front').length")
    assert lines >= 3
    page.page.locator("[data-testid=pair]", has_text=" apart").last.click()
    page.wait("() => window.boxwright.state.selected !== null")
    page.by("score").click()
    page.wait("() => document.querySelector('[data-testid=score-f1]')", seconds=60)
    assert 0 < float(page.by("score-f1").text_content()) < 1
    assert "pedestrian" in page.by("score-errors").text_content() or "extraneous" in page.by("score-errors").text_content()
    page.by("score-more").click()
    page.by("score-errors").locator("[data-testid=pair]").first.click()
    page.by("agreement").click()
    page.wait("() => document.querySelector('[data-testid=agreement-frames]')", seconds=60)
    page.by("compare-other").select_option("")
    page.wait("() => window.boxwright.space.otherShown.length === 0 && window.boxwright.pictures.overlay('front').length === 0")


def test_who_may_look_alone_is_offered_nothing_else(site, nothing_wrong):
    """The last test of the module: from here on the project has members."""
    twice(site.project, "seen twice")
    work = bw.Work(site.project)
    work.set_member("ben", ["admin", "reviewer"])
    work.set_member("anna", ["viewer"])
    before = site.project.log("sample", most=1)[0].seq
    page = judging(site, "findings", frame=20)
    page.wait("() => document.querySelectorAll('[data-testid=finding]').length > 0")
    assert page.by("finding-accept").count() == page.by("finding-waive").count() == 0
    page.by("judge-tasks-tab").click()
    assert page.by("task-make").is_hidden() and page.by("task-next").is_hidden()
    page.by("judge-compare-tab").click()
    assert page.by("score").is_hidden() and page.by("agreement").is_hidden()
    page.by("tab-shapes").click()
    assert page.by("shape-box").is_disabled() and page.by("shape-polygon").is_disabled()
    page.select("car-16")
    page.by("tab-points").click()
    page.by("paint-cuboid").click()
    page.wait("() => [...document.querySelectorAll('[data-testid=notice]')].some((one) => one.textContent.startsWith('This account may look'))")
    assert site.project.log("sample", most=1)[0].seq == before
