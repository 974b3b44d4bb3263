"""The commands. Each parses, calls one verb of the package and prints; one file per command.

Nothing heavy is imported before a command runs, so that `boxwright --help` answers at once.
Results go to standard output, progress and messages to standard error. Exit codes: 0 done, 1 findings, 2 an error, said in one sentence.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

import typer

from .. import __version__
from ..errors import BoxwrightError
from . import bench, convert, demo, fill, fit, info, render, simulate, view, warmup
from .common import one_line, stderr

__all__ = ["app", "main"]

app = typer.Typer(
    name="boxwright",
    help="LiDAR and camera recordings become annotations that can be trusted. Begin with: boxwright demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (demo.demo, info.info, fit.fit, fill.fill, convert.convert, render.render, view.view, simulate.simulate, bench.bench, warmup.warmup):
    app.command()(command)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"boxwright {__version__}")
        raise typer.Exit


@app.callback()
def _root(version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Print the version.")) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs one command and exits; an error is one sentence on standard error and exit code 2."""
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            app(args=None if arguments is None else list(arguments), prog_name="boxwright")
        except BoxwrightError as error:
            _fail(str(error))
        except BrokenPipeError:
            sys.exit(0)  # the reader of a pipe has seen enough
        except OSError as error:
            place = "" if error.filename is None else f"{error.filename}: "
            _fail(f"{place}{error.strerror or error}")
        except MemoryError:
            _fail("not enough memory for this recording; try fewer frames")
        except KeyboardInterrupt:
            stderr().print("stopped")
            sys.exit(130)
    sys.exit(0)


def _fail(sentence: str) -> NoReturn:
    stderr().print(f"error: {one_line(sentence)}", style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(2)


def _show_warning(message: Any, category: Any, filename: Any, lineno: Any, file: Any = None, line: Any = None) -> None:
    stderr().print(f"warning: {one_line(str(message))}", style="yellow", markup=False, highlight=False, soft_wrap=True)
