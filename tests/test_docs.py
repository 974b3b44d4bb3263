"""The README says what is true: its code runs, its output is what comes, and nothing public is left out."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest

import boxwright as bw
from boxwright.cli import app, main
from boxwright.formats import _READERS, _WRITERS
from boxwright.sample import sample_folder

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
INSTALL = (
    "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/boxwright demo",
    "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/pytest",
)


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def sample():
    try:
        return sample_folder()
    except bw.FrameMissing:
        pytest.skip("the sample data is not there")


def test_the_python_session_prints_what_is_shown(sample):
    session, shown = blocks("python"), blocks("text")
    assert len(session) == len(shown) == 1
    assert 8 <= len([line for line in session[0].splitlines() if line.strip()]) <= 13
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(session[0], "README.md", "exec"), {})
    assert printed.getvalue() == shown[0]


def test_the_commands_run(sample, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    lines = [line for block in blocks("console") for line in block.splitlines()]
    assert len(lines) >= 5
    for line in lines:
        program, *arguments = shlex.split(line)
        assert program == "boxwright"
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        out, err = capsys.readouterr()
        assert not stop.value.code, f"{line}: {err}"
        assert out
    assert {path.name for path in tmp_path.iterdir()} == {"boxwright-demo", "pictures", "converted"}


def test_the_two_install_commands():
    assert tuple(line for line in README.splitlines() if line.startswith("python3 -m venv .venv && ")) == INSTALL


@pytest.mark.parametrize("command", [info.name for info in app.registered_commands])
def test_every_command_is_in_the_readme(command):
    assert f"`boxwright {command}" in README


@pytest.mark.parametrize("name", sorted({*_READERS, *_WRITERS}))
def test_every_format_is_in_the_readme(name):
    (row,) = re.findall(rf"^\| `{name}` \|.*\| (yes|) ?\| ?(yes|) ?\|$", README, re.MULTILINE)
    assert row == ("yes" if name in _READERS else "", "yes" if name in _WRITERS else "")


def test_every_extra_is_in_the_readme():
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    part = README[README.index("## Dependencies") : README.index("## Limits")]
    for extra in extras:
        assert f"`{extra}`" in part or f"boxwright[{extra}]" in part


def test_links_and_the_picture_are_there():
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    assert "docs/sample.jpg" in targets
    for target in targets:
        assert target.startswith("https://") or (ROOT / target).is_file(), target
    assert (ROOT / "docs" / "sample.jpg").stat().st_size < 300_000


def test_no_machine_path_and_one_place_for_the_table():
    assert not re.search(r"/(?:work|home|root|tmp)/", README)
    assert README.count("<!-- bench:begin -->") == README.count("<!-- bench:end -->") == 1
