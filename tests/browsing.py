"""A server on loopback and a real Chromium in front of it, for the end-to-end tests of the page: one of each for a module."""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

import boxwright as bw
from boxwright.sample import sample_folder
from boxwright.server import Server

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
PAGE = Path(bw.__file__).parent / "viewer" / "page"


@contextlib.contextmanager
def chromium():
    """A browser; skips by the name of what is not there. One that does not end is killed, so that a test fails where it would hang."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="the page's tests need playwright (extra 'test')")
    if not Path(CHROMIUM).is_file():
        pytest.skip(f"the page's tests need Debian's chromium: there is no {CHROMIUM}")
    if not (PAGE / "vendor" / "three.module.js").is_file():
        pytest.skip("the page is not complete here: python hatch_build.py fetches three.js from npm")
    before = set(_children())
    playwright = sync_api.sync_playwright().start()
    try:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        own = set(_children()) - before
        try:
            yield browser
        finally:
            with _killed_after(60, own):
                browser.close()
    finally:
        playwright.stop()


def _children():
    """Processes that this one and those that it started have started."""
    return psutil.Process().children(recursive=True)


@contextlib.contextmanager
def _killed_after(seconds, processes):
    def kill():
        for one in processes:
            with contextlib.suppress(psutil.Error):
                one.kill()

    timer = threading.Timer(seconds, kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@dataclass
class Visited:
    """A page in a browser, and everything that went wrong in it.

    page : Playwright's
    errors : of its console and its scripts
    outside : requests that left this machine
    """

    page: object
    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)  # beginnings of messages that a test expects

    def listen(self):
        self.page.on("console", lambda message: self._said(f"{message.type}: {message.text}") if message.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self._said(f"script: {error}"))
        self.page.on("request", lambda request: None if _is_inside(request.url) else self.outside.append(request.url))
        self.page.on("dialog", lambda dialog: (self._said(f"dialog: {dialog.message}"), dialog.dismiss()))

    def _said(self, text):
        # what SwiftShader tells of itself, and refusals that the page shows to its user
        if not any(part in text for part in ("GPU stall", "WebGL", "GL Driver", *self.allowed)):
            self.errors.append(text)

    def by(self, testid):
        return self.page.get_by_test_id(testid)

    def wait(self, expression, argument=None, seconds=60.0):
        """Until a function of the page gives something true, which comes back. Playwright's own way needs eval, which the page forbids."""
        end = time.monotonic() + seconds
        while not (found := self.page.evaluate(expression, argument)):
            assert time.monotonic() < end, f"never true: {expression}; {self.errors}"
            self.page.wait_for_timeout(20)
        return found

    def evaluate(self, expression, argument=None):
        return self.page.evaluate(expression, argument)

    def check(self):
        """No message in the console, which is where the policy complains too, no script that failed, no dialog, nothing that left this machine."""
        assert self.errors == []
        assert self.outside == []

    def saved(self):
        """Waits until everything is saved; the revision."""
        text = "document.querySelector('[data-testid=saved]').textContent"
        return self.wait(f"() => Number((/^saved at revision (\\d+)$/.exec({text}) ?? [])[1] ?? 0)")

    def key(self, *keys):
        for one in keys:
            self.page.keyboard.press(one)

    def select(self, track_id):
        self.page.locator(f'[data-track="{track_id}"]').click()
        self.wait("name => boxwright.verbs.track?.body.track_id === name", track_id)

    def go(self, frame):
        """Waits until the frame is shown."""
        self.page.evaluate("frame => window.boxwright.state.go(frame)", frame)
        self.shown(frame)

    def shown(self, frame):
        there = "[state.frame, frames.pointsFrame, frames.rowsFrame].every((one) => one === frame)"
        self.wait(f"frame => {{ const {{ frames, state }} = window.boxwright; return {there}; }}", frame)

    def selected(self):
        return self.evaluate("() => boxwright.verbs.track?.body.track_id ?? null")

    def pixel(self, track_id):
        """Where the middle of a cuboid is in the large view."""
        return self.evaluate(
            """name => { const { big, shown, anchor } = boxwright.space; const one = shown.find((each) => each.name === name);
            const at = big.pixel(one.cuboid.center.map((value, k) => value - anchor[k])); const box = big.place.getBoundingClientRect();
            return [at[0] + box.left, at[1] + box.top]; }""",
            track_id,
        )

    def handle(self, n):
        """Where the n-th handle of the selected cuboid is in the large view."""
        return self.evaluate(
            """n => { const { big, boxes } = boxwright.space; const all = boxes.handles.geometry.getAttribute('position').array;
            const at = big.pixel([all[3 * n], all[3 * n + 1], all[3 * n + 2]]); const box = big.place.getBoundingClientRect();
            return [at[0] + box.left, at[1] + box.top]; }""",
            n,
        )

    def side(self, view):
        """(u, v, scale) of a side view: its middle, where the cuboid's is, and the pixels in a metre."""
        return self.evaluate(
            """name => { const view = boxwright.space.sides.find((one) => one.name === name); const box = view.place.getBoundingClientRect();
            return [box.left + box.width / 2, box.top + box.height / 2, view.scale]; }""",
            view,
        )

    def drag(self, start, end):
        self.page.mouse.move(*start)
        self.page.mouse.down()
        self.page.mouse.move(*end, steps=4)
        self.page.mouse.up()

    def number(self, name):
        return float(self.by(f"field-{name}").input_value())


def _is_inside(url):
    return url.startswith(("http://127.0.0.1:", "http://localhost:", "blob:", "data:"))


@dataclass
class Browsed:
    """server : answering; project : as its machine has it"""

    server: Server
    project: bw.Project
    browser: object
    visits: list[Visited] = field(default_factory=list)

    def visit(self, *, account="anna", scene="sample", frame=0, context=None):
        """The page, opened with a one-time code as `boxwright view` does, once its first frame is there. frame : None leaves it out of the address"""
        context = context or self.browser.new_context(viewport={"width": 1500, "height": 900}, reduced_motion="reduce")
        made = Visited(context.new_page())
        made.listen()
        self.visits.append(made)
        made.page.goto(f"{self.server.start_url(account)}&scene={scene}{'' if frame is None else f'&frame={frame}'}")
        made.wait("() => document.body.dataset.ready === 'yes'", seconds=60)
        if frame is not None:
            made.shown(frame)
        return made


def sample_project(folder):
    """The sample's clip with the keyframes of its inputs, in a project of its own."""
    recording = folder / "sample"
    shutil.copytree(sample_folder() / "clip", recording)
    clip, labels = json.loads((recording / "scene.json").read_text()), json.loads((sample_folder() / "inputs" / "scene.json").read_text())
    (recording / "scene.json").write_text(json.dumps({**clip, "tracks": labels["tracks"]}))
    project = bw.create_project(folder / "project", "street")
    project.import_scene(recording, name="sample")
    return project


@contextlib.contextmanager
def browsed(folder, **changes):
    """changes : of the server's Settings"""
    with sample_project(folder) as project:
        for name in ("anna", "ben"):
            project.accounts.add(name)
        server = Server(project, port=0, changes={"writes_per_s": 10_000, "works_at_once": 20, **changes})
        with server.in_background(), chromium() as browser:
            yield Browsed(server, project, browser)
