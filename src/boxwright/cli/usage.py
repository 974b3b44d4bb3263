"""A wrong command line, said in one sentence; and errors of the library in the words of the command line."""

from __future__ import annotations

import re
from typing import Any

import typer

from ..errors import BoxwrightError
from .common import one_line

__all__ = ["UsageError", "in_options", "usage_sentence", "with_options"]

_SAME = ("scene", "format", "face_margin_m", "width_px", "out", "engine", "scheduler", "gold", "shard_frames", "shard_scenes", "keyframes_every")
_FIELDS = {
    **{name: f"--{name.replace('_', '-')}" for name in _SAME},
    "click_m": "--at",
    "client_python": "--client-python",
    "labels_camera": "--labels-camera",
    "dialect": "--dialect",
    "frame_rate": "--frame-rate",
    "to": "--to",
    "n_workers": "--workers",
    "n_drives": "--drives",
    "n_points": "--points",
    "verbs": "VERB",
}
_OPTIONS = (  # what a hint tells a program, and what it tells a person at a terminal
    (r"\bscene=", "--scene NAME"),
    (r"\bformat=(?!')", "--format NAME"),
    (r"\bformat='(\w+)'", r"--format \1"),
    (r"\bstrict=False\b", "--lenient"),
    (r"\bengine='(\w+)'", r"--engine \1"),
    (r"\bwithout strict\b", "without --strict"),
    (r"\blabels_camera=", "--labels-camera NAME"),
    (r"\bcamera=", "--camera NAME"),
    (r"\bframe_rate=", "--frame-rate HZ"),
    (r"\bdialect=[\"'](\w+)[\"']", r"--dialect \1"),
    (r"scene\.has_\w+\([^)]*\) tells", "'boxwright info' tells"),
    (r"bw\.scenes\(path\) lists them|scene\.\w+ lists? them|scene\.\w+ and scene\.\w+ list the sensors", "'boxwright info' lists them"),
    (r"project\.log\(\) lists", "'boxwright log' lists"),
    (r"project\.scenes\(\) lists|project\.entities\(scene\) lists", "'boxwright info' lists"),
    (r"project\.read\(scene\)\.track_index lists", "'boxwright export' gives"),
    (r"len\(scene\) tells", "'boxwright info' tells"),
)

UsageError: Any = typer.BadParameter.__mro__[1]  # click's own; typer brings a copy of click or imports it, by its version


def usage_sentence(error: Any) -> str:
    """What was expected, what came, and which help to read."""
    command = "boxwright" if error.ctx is None else error.ctx.command_path
    return f"{_what(error)}; see '{command} --help'"


def _what(error: Any) -> str:
    param: Any = getattr(error, "param", None)
    if type(error).__name__ == "MissingParameter" and param is not None:
        name = param.opts[0] if param.param_type_name == "option" else ""
        wanted = " ".join(part for part in (name, param.metavar or param.name.upper()) if part)
        return f"expected {wanted}, which is missing" + (f": {_lowered(param.help)}" if getattr(param, "help", None) else "")
    if type(error).__name__ == "NoSuchOption":
        near = sorted(error.possibilities or ())
        return f"no option is called {error.option_name}" + (f" (did you mean {' or '.join(near)}?)" if near else "")
    if hasattr(error.__cause__, "errors"):  # newer ones of typer let pydantic check, and leave out what came
        fault = error.__cause__.errors()[0]
        return f"{param.opts[0]}: {fault['msg'].split(',')[0].replace('Input should be', 'expected')}, got {str(fault['input'])!r}"
    sentence: str = " ".join(error.format_message().split())
    what, _, meant = _lowered(one_line(sentence)).replace("no such command", "no command is called").partition(". Did ")
    return f"{what} (did {meant})" if meant else what


def _lowered(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:].rstrip(".")


def with_options(text: str) -> str:
    """Arguments of Python in a sentence become options."""
    for pattern, said in _OPTIONS:
        text = re.sub(pattern, said, text)
    return text


def in_options(error: BoxwrightError) -> str:
    """The sentence of an error in which arguments of Python, named as its field or in its hint, are options."""
    hint = None if error.hint is None else with_options(error.hint)
    field = _FIELDS.get(error.field or "", error.field)
    return str(type(error)(error.what, expected=error.expected, got=error.got, path=error.path, offset=error.offset, field=field, hint=hint))
