"""The page of what was found: complete, escaped, closed, and as it looks in a real browser."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import boxwright as bw
from boxwright.checks import Findings
from boxwright.cli import app

PAYLOAD = "<img src=x onerror=alert(1)>\"'><script>alert(2)</script>&lt;{{7*7}}\u202e\x00"


@pytest.fixture(scope="module")
def wrong() -> bw.Scene:
    """A recording with a box of another size, one off the ground, and a name that would like to run."""
    scene = bw.simulate(6, 4, n_beams=32, n_columns=800)
    seen = bw.points_in_cuboids(scene.points(1), scene.cuboids(1)).counts
    index = scene.labels(1).track_index[np.argsort(-seen)[:2]].tolist()
    tracks = list(scene.tracks)
    one, two = tracks[index[0]], tracks[index[1]]
    size = one.cuboids.size_m.copy()
    size[2] *= 1.3
    tracks[index[0]] = one.replace(track_id=PAYLOAD, cuboids=one.cuboids.replace(size_m=size))
    tracks[index[1]] = two.replace(cuboids=two.cuboids.replace(center_m=two.cuboids.center_m - [0, 0, 0.6]))
    return scene.replace(name=f"street {PAYLOAD}", tracks=tracks)


@pytest.fixture(scope="module")
def found(wrong) -> Findings:
    return bw.check(wrong, rules="size_change,off_ground,few_points")


@pytest.fixture(scope="module")
def html(wrong, found) -> str:
    return bw.report_html((wrong, found))


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append((tag, dict(attrs)))


def tags(html: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = _Tags()
    parser.feed(html)
    return parser.tags


def test_every_finding_is_there_with_its_pictures(wrong, found, html):
    assert {"size_change", "off_ground"} <= {one.rule for one in found}
    kinds = [tag for tag, _ in tags(html)]
    assert kinds.count("details") == len(found)
    assert html.count('class="place"') >= 4  # before and after, of two at least
    assert "data:image/jpeg;base64," in html
    for one in found:
        assert one.finding_id in html
    images = re.findall(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", html)
    assert all(base64.b64decode(one, validate=True).startswith(b"\xff\xd8") for one in images)


def test_nothing_runs_and_nothing_is_loaded(html):
    for tag, attributes in tags(html):
        assert tag not in ("script", "iframe", "object", "embed", "form", "base")
        assert not any(name.startswith("on") or name == "style" for name in attributes), (tag, attributes)
        for name in ("src", "href", "srcset", "action"):
            assert attributes.get(name, "data:").startswith("data:")
    assert "url(" not in html and "@import" not in html
    assert "<img src=x" not in html and "<script" not in html and "\u202e" not in html and "\x00" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html


def test_the_policy_lets_in_its_own_styles_alone(html):
    policy = next(a["content"] for tag, a in tags(html) if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy")
    (styles,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(styles.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"


def test_pictures_are_bounded_and_it_is_said(wrong, found):
    few = bw.report_html((wrong, found), most_pictures=1)
    assert "pictures of 1 of them" in few and few.count('class="place"') == 2
    none = bw.report_html((wrong, found), most_pictures=0)
    assert 'class="place"' not in none and len(none) < len(few)
    with pytest.raises(bw.ArgumentError, match="most_pictures"):
        bw.report_html((wrong, found), most_pictures=-1)


def test_several_recordings_and_none(wrong, found):
    nothing = bw.Scene("empty", [0, 1])
    html = bw.report_html([(wrong, found), (nothing, bw.check(nothing))])
    assert "Checks of 2 recordings" in html and "Nothing was found." in html
    ids = [a["id"] for _, a in tags(html) if "id" in a]
    assert len(ids) == len(set(ids))
    for wrongly in ([], [wrong], [(wrong, 3)], 7):
        with pytest.raises(bw.ArgumentError, match="checked"):
            bw.report_html(wrongly)


def test_the_same_page_each_time(wrong, found, html):
    assert bw.report_html((wrong, found)) == html


def test_the_command_writes_it(tmp_path):
    scene = bw.simulate(6, 2, n_beams=16, n_columns=300)
    bw.write(scene, tmp_path / "clip", format="boxwright")
    done = CliRunner().invoke(app, ["check", str(tmp_path / "clip"), "--rules", "labels", "--html", str(tmp_path / "page.html")])
    assert done.exit_code in (0, 1), done.output
    assert (tmp_path / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")


# ------------------------------------------------------------ in a browser


@pytest.fixture(scope="module")
def page(html, tmp_path_factory):
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra 'test')")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium is installed: apt-get install chromium")
    path = Path(tmp_path_factory.mktemp("page")) / "page.html"
    path.write_text(html, encoding="utf-8")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": 1200, "height": 1000})
        opened.heard = []
        opened.on("console", lambda message: opened.heard.append(message.text))
        opened.on("pageerror", lambda error: opened.heard.append(str(error)))
        opened.on("dialog", lambda dialog: opened.heard.append(f"dialog {dialog.message}"))
        opened.asked = []
        opened.on("request", lambda request: opened.asked.append(request.url))
        opened.goto(path.as_uri())
        yield opened
        browser.close()


def test_a_browser_finds_nothing_wrong_and_asks_for_nothing(page):
    assert page.heard == []
    assert [url for url in page.asked[1:] if not url.startswith("data:")] == []
    assert "alert(1)" in page.inner_text("h1")  # as text


def test_pictures_are_shown_and_ticks_hide_findings(page, found):
    assert page.evaluate("[...document.images].every(one => one.complete && one.naturalWidth > 50)")
    assert page.locator("details.warning").first.is_visible()
    page.uncheck("#f-warning")
    assert not page.locator("details.warning").first.is_visible()
    page.check("#f-warning")
    n = found.counts["error"]
    assert page.locator("details.error").count() == n
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 1200


# ------------------------------------------------------------ gold and annotators


@pytest.fixture(scope="module")
def annotators(wrong) -> dict[str, bw.Scene]:
    gold = bw.simulate(6, 4, n_beams=32, n_columns=800)
    gold = gold.replace(image_tracks=())
    return {"gold": gold, PAYLOAD: gold.replace(name=wrong.name, tracks=wrong.tracks, image_tracks=())}


def closed(html: str) -> None:
    """Complete, without a script, with nothing to load, and every text escaped."""
    assert html.startswith("<!doctype html>") and html.endswith("</html>\n")
    for tag, attributes in tags(html):
        assert tag not in ("script", "iframe", "object", "embed", "form", "base") and not any(name.startswith("on") for name in attributes)
        for name in ("src", "href"):
            assert (attributes.get(name) or "data:").startswith("data:")
    assert "<script" not in html and "<img src=x" not in html


def test_the_page_of_a_score(annotators, tmp_path):
    labels, gold = annotators[PAYLOAD], bw.segment_scene(annotators["gold"])
    gold = gold.replace(image_tracks=bw.project_tracks(gold, occlusion=False).image_tracks())
    score = bw.score(labels, gold)
    drawn = []
    bw.write_score_report(tmp_path / "score.html", [(score, labels, gold)], progress=lambda: drawn.append(1))
    html = (tmp_path / "score.html").read_text(encoding="utf-8")
    closed(html)
    assert html.count('<svg class="place"') == len(drawn) > 0 and all(
        f"<h3>{head}" in html for head in ("Tracks", "Labels in pictures", "Labels of points, mean IoU", "Errors by kind")
    )
    assert html.count("<details") == len({(f"{one.kind} {one.name}", one.gold_track_id, one.track_id) for one in score.errors})
    bw.write_score_report(tmp_path / "none.html", [(bw.score(gold, gold), gold, gold)], most_pictures=0)
    html = (tmp_path / "none.html").read_text(encoding="utf-8")
    closed(html)
    assert "No errors beyond the tolerances." in html and '<svg class="place"' not in html
    for bad in ("many", -1, True):
        with pytest.raises(bw.ArgumentError, match="most_pictures: expected a whole number from 0"):
            bw.write_score_report(tmp_path / "bad.html", [(score, labels, gold)], most_pictures=bad)
    for bad in (score, [score], [(score, labels)], [(score, labels, "gold")]):
        with pytest.raises(bw.BoxwrightError, match="scored"):
            bw.write_score_report(tmp_path / "bad.html", bad)
    assert not (tmp_path / "bad.html").exists()


def test_the_page_of_an_agreement(annotators, tmp_path):
    found = bw.agreement(annotators)
    bw.write_agreement_report(tmp_path / "agree.html", found, annotators)
    html = (tmp_path / "agree.html").read_text(encoding="utf-8")
    closed(html)
    assert html.count("<details") == len(found.disagreements) > 0 and '<svg class="place"' in html and "Every two" in html
    bw.write_agreement_report(tmp_path / "plain.html", found)
    assert '<svg class="place"' not in (tmp_path / "plain.html").read_text(encoding="utf-8")
    fewer = annotators["gold"].replace(name="fewer", tracks=annotators["gold"].tracks[1:])
    bw.write_agreement_report(tmp_path / "fewer.html", bw.agreement([annotators["gold"], fewer]))
    html = (tmp_path / "fewer.html").read_text(encoding="utf-8")
    assert html.count("<details") == html.count("<td>there</td>") == html.count("<td>missing</td>") == 1
    with pytest.raises(bw.ArgumentError, match="most_pictures: expected a whole number from 0"):
        bw.write_agreement_report(tmp_path / "bad.html", found, annotators, most_pictures="many")
    with pytest.raises(bw.ArgumentError, match="found: expected an Agreement"):
        bw.write_agreement_report(tmp_path / "bad.html", annotators)


def test_pages_of_errors_have_an_end_in_bytes_and_progress_counts_pictures(annotators, tmp_path, monkeypatch):
    labels, gold = annotators[PAYLOAD], annotators["gold"]
    score, drawn = bw.score(labels, gold), []

    def n_drawn() -> int:
        drawn.clear()
        bw.write_score_report(tmp_path / "score.html", [(score, labels, gold)], progress=lambda: drawn.append(1))
        return len(drawn)

    assert n_drawn() > 1
    monkeypatch.setattr("boxwright.report.places.MOST_BYTES", 1)
    assert n_drawn() == 1
    monkeypatch.setattr("boxwright.report.places.pictures_of", lambda *_: [])
    assert n_drawn() == 0


def test_score_and_agree_write_their_pages(annotators, tmp_path):
    for name, scene in (("ann", annotators[PAYLOAD].replace(name="street")), ("gold", annotators["gold"])):
        bw.write(scene.replace(name="street"), tmp_path / name)
    for verb in ("score", "agree"):
        done = CliRunner().invoke(app, [verb, str(tmp_path / "ann"), str(tmp_path / "gold"), "--html", str(tmp_path / f"{verb}.html")])
        assert done.exit_code == 1, done.output
        closed((tmp_path / f"{verb}.html").read_text(encoding="utf-8"))
