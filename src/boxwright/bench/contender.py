"""Somebody who does a job, and the job: what the table of rivals is made of."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Contender", "DifferenceError", "Job", "Work", "itself", "missing"]


class DifferenceError(AssertionError):
    """Two contenders gave different results, so their times mean nothing."""


@dataclass(frozen=True)
class Contender:
    """Somebody who does a job.

    needs : what must be importable
    leaves_out : what of the job was done before the clock started; "" where nothing was. Only those compete for being the fastest
    """

    name: str
    prepare: Callable[[Any], Any]
    run: Callable[[Any], Any]
    result: Callable[[Any, Any], Any]
    needs: tuple[str, ...] = ()
    leaves_out: str = ""


@dataclass(frozen=True)
class Job:
    """One of our functions, in the ways it can be called, and its rivals.

    moved : (workload, what ours returned) -> bytes read once and bytes of the result, the least that any method must move
    error : (workload, our result) -> how far it is from the truth, where there is one
    """

    verb: str
    function: str
    ours: tuple[Contender, ...]
    rivals: tuple[Contender, ...]
    same: Callable[[Any, Any, Any], str]
    moved: Callable[[Any, Any], tuple[int, int]]
    error: Callable[[Any, Any], float] | None = None


@dataclass(frozen=True)
class Work:
    """An input of a job.

    against : names of the rivals that take part; None for all of them
    is_short : the README's table shows it
    """

    title: str
    make: Callable[[], Any]
    against: tuple[str, ...] | None = None
    is_short: bool = False


def missing(contender: Contender) -> str:
    """The first module of what it needs that cannot be imported, or ""; a package that is there but lacks what it needs itself counts as absent."""
    for name in contender.needs:
        try:
            importlib.import_module(name)
        except (ImportError, OSError):
            return name
    return ""


def itself(workload: Any) -> Any:
    return workload
