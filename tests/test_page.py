"""The page of `boxwright view`: its files, its types, and what a real browser makes of it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

import boxwright as bw
from boxwright.fitting import Fit
from boxwright.server import app as server_app
from serving import served

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "src" / "boxwright" / "viewer" / "page"


def own_files(suffix):
    return sorted(path for path in PAGE.iterdir() if path.suffix == suffix)


def test_types_of_the_page_are_sound():
    if shutil.which("node") is None or not (ROOT / "node_modules" / "typescript").is_dir():
        pytest.skip("typescript is not installed: npm ci in the checkout")
    done = subprocess.run(["node", "tests/page_types/check.mjs"], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", own_files(".js"), ids=lambda path: path.name)
def test_no_file_of_the_page_makes_markup_or_code_of_text(path):
    text = path.read_text()
    assert text.startswith("// @ts-check\n")
    assert len(text.splitlines()) <= 420, "a file past about 400 lines wants to be two"
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "DOMParser", "srcdoc", "document.cookie"):
        assert word not in text, word
    assert not re.search(r"https?://", text), "nothing is fetched from elsewhere"


@pytest.mark.parametrize("path", own_files(".html"), ids=lambda path: path.name)
def test_no_script_or_style_stands_in_the_markup(path):
    text = path.read_text()
    assert not re.search(r"\son\w+=|\sstyle=|<style|javascript:", text)
    for script in re.findall(r"<script.*?</script>", text, re.DOTALL):
        assert re.fullmatch(r'<script type="module" src="/static/[a-z_]+\.js"></script>', script)


def test_a_page_without_three_says_how_it_is_made_whole(tmp_path, monkeypatch):
    whole = server_app._page_files()
    monkeypatch.setattr(server_app, "_page_files", lambda: {name: one for name, one in whole.items() if not name.startswith("vendor/")})
    with served(tmp_path) as one:
        answer = httpx.get(one.server.url, trust_env=False)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/html")
        assert "python hatch_build.py" in answer.text
        assert "<script" not in answer.text
        assert httpx.get(f"{one.server.url}/static/vendor/three.module.js", trust_env=False).status_code == 404


def test_files_of_the_page_are_sent_once(tmp_path):
    with served(tmp_path) as one:
        address = f"{one.server.url}/static/app.js"
        first = httpx.get(address, trust_env=False)
        assert first.content == (PAGE / "app.js").read_bytes()
        again = httpx.get(address, headers={"If-None-Match": first.headers["etag"]}, trust_env=False)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["content-security-policy"] == first.headers["content-security-policy"]


# ------------------------------------------------------------ contrast


def luminance(color):
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(share * c for share, c in zip((0.2126, 0.7152, 0.0722), linear))


def test_every_text_can_be_read_on_every_ground():
    """A contrast of 4.5 (WCAG 2.2, 1.4.3) between each colour of text and each ground that the page has."""
    told = dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", (PAGE / "style.css").read_text()))
    grounds = [told[name] for name in ("ground", "panel", "raised")]
    for name in ("text", "quiet", "accent", "strong", "good", "bad"):
        for ground in grounds:
            bright, dark = sorted((luminance(told[name]), luminance(ground)), reverse=True)
            assert (bright + 0.05) / (dark + 0.05) >= 4.5, (name, ground)


def test_the_default_classes_are_told_where_a_project_has_none(tmp_path):
    with served(tmp_path) as one:
        said = one.http("ada").get("/taxonomy").json()
        assert said["taxonomy"] is None
        assert [each["name"] for each in said["default"]["categories"]] == list(bw.Taxonomy.default().names)


def test_every_doubt_of_a_fit_has_words():
    """Those that Fit's docstring names."""
    named = set(re.findall(r'"([a-z_0-9]+)"', Fit.__doc__.split("flags : of")[1].split("point_index")[0]))
    told = re.search(r"const DOUBTS = \{(.*?)\};", (PAGE / "verbs.js").read_text(), re.S)
    assert set(re.findall(r"^  (\w+):", told[1], re.M)) == named and len(named) == 7
