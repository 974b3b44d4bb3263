"""The commands. Each parses, calls one verb of the package and prints; one file per command.

Nothing heavy is imported before a command runs, so that `boxwright --help` answers at once.
Results go to standard output, progress and messages to standard error. Exit codes: 0 done, 1 findings, 2 an error, said in one sentence, 130 stopped.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

import typer

from .. import __version__
from ..errors import BoxwrightError
from . import (
    accounts,
    agree,
    backup,
    batch,
    bench,
    check,
    convert,
    demo,
    doctor,
    export,
    fill,
    fit,
    fsck,
    import_,
    info,
    init,
    log,
    propagate,
    render,
    restore,
    score,
    serve,
    simulate,
    undo,
    view,
    warmup,
)
from .common import say
from .usage import UsageError, in_options, usage_sentence

__all__ = ["app", "main"]

app = typer.Typer(
    name="boxwright",
    help="LiDAR and camera recordings become annotations that can be trusted. Begin with: boxwright demo",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    demo.demo,
    info.info,
    fit.fit,
    fill.fill,
    propagate.propagate,
    check.check,
    score.score,
    agree.agree,
    doctor.doctor,
    convert.convert,
    render.render,
    view.view,
    simulate.simulate,
    init.init,
    import_.import_,
    export.export,
    log.log,
    undo.undo,
    backup.backup,
    restore.restore,
    fsck.fsck,
    accounts.accounts,
    serve.serve,
    batch.batch,
    bench.bench,
    warmup.warmup,
):
    app.command(command.__name__.rstrip("_"))(command)  # `import` is no name in Python


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"boxwright {__version__}")
        raise typer.Exit


@app.callback()
def _root(version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Print the version.")) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs one command and exits; an error is one sentence on standard error and exit code 2."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a letter gets its number
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            code = app(args=given or ["--help"], prog_name="boxwright", standalone_mode=False)
            sys.stdout.flush()
        except BrokenPipeError:
            _stop_writing()  # the reader of a pipe has seen enough
            code = 0
        except (KeyboardInterrupt, typer.Abort):
            code = 130
        except Exception as error:
            if os.environ.get("BOXWRIGHT_TRACEBACK"):
                raise
            _fail(_sentence(error))
    if code == 130:
        say("stopped")
    sys.exit((code or 0) if given else 2)


def _sentence(error: Exception) -> str:
    """What went wrong, and what to do about it."""
    if isinstance(error, BoxwrightError):
        return in_options(error)
    if isinstance(error, UsageError):
        return usage_sentence(error)
    if isinstance(error, OSError):
        return f"{'' if error.filename is None else f'{error.filename}: '}{error.strerror or error}"
    if isinstance(error, MemoryError):
        return "not enough memory for this recording; try fewer frames"
    return f"a fault of boxwright, {type(error).__name__}: {error}; please report it with what BOXWRIGHT_TRACEBACK=1 in the environment shows"


def _stop_writing() -> None:
    """What is still in the buffer goes nowhere, so that the interpreter does not try again at its end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(sentence: str) -> NoReturn:
    say(f"error: {sentence}", "red")
    sys.exit(2)


def _show_warning(message: Any, category: Any, filename: Any, lineno: Any, file: Any = None, line: Any = None) -> None:
    say(f"warning: {message}", "yellow")
