"""Shared by all tests: where the real recordings are, and seeded randomness."""

from __future__ import annotations

import faulthandler
import importlib.util
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from stores import place, postgresql, project  # noqa: F401  one server of PostgreSQL for all tests

STDERR = pytest.StashKey()
REAL_DATA = Path(os.environ.get("BOXWRIGHT_REAL_DATA") or Path(__file__).resolve().parents[2] / "shared" / "real")


MARGIN_S = 60  # after which what the timeout of a test did not end, such as a fixture that hangs while it is taken down, ends with its process


def pytest_configure(config):
    config.stash[STDERR] = os.fdopen(os.dup(2), "w")  # before it is captured


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item, nextitem):
    """No test hangs for ever: the timeout of pytest-timeout raises in the main thread, once; this ends the process, telling where it is."""
    marker = item.get_closest_marker("timeout")
    limit_s = float(marker.args[0] if marker else item.config.getini("timeout"))
    faulthandler.dump_traceback_later(limit_s + MARGIN_S, exit=True, file=item.config.stash[STDERR])
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session):
    faulthandler.dump_traceback_later(4 * MARGIN_S, exit=True, file=session.config.stash[STDERR])


def pytest_unconfigure(config):
    faulthandler.cancel_dump_traceback_later()
    config.stash[STDERR].close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """What skips for want of a peer or a client must be marked `peers`, or nothing would ever run it."""
    report = yield
    wanting = report.skipped and any(name in str(report.longrepr) for name in ("extra 'peers'", "extra 'desktop'", "BOXWRIGHT_CLIENT_PYTHON"))
    if wanting and not any(item.iter_markers("peers")) and not any(item.iter_markers("full")):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} skipped for want of a peer, and is not marked `peers`: {call.excinfo.value}"
    return report


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20261123)


@pytest.fixture
def nothing_wrong(site):
    """No message in any console of the pages that a test visits, nothing that left this machine, nothing that the policy forbade."""
    yield
    visits, site.visits = site.visits, []
    for one in visits:
        one.page.context.close()
        assert one.errors == []
        assert one.outside == []


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real recordings; skips where it is absent."""
    if not (REAL_DATA / "load.py").is_file():
        pytest.skip(f"real recordings not found: set BOXWRIGHT_REAL_DATA (looked in {REAL_DATA.name}/)")
    return REAL_DATA


@pytest.fixture(scope="session")
def oracle(real_data: Path):
    """The independent loader that comes with the real recordings; its Argoverse part needs pyarrow."""
    pytest.importorskip("pyarrow", reason="the oracle reads Argoverse 2 with pyarrow (extra 'io')")
    spec = importlib.util.spec_from_file_location("real_oracle", real_data / "load.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["real_oracle"] = module
    spec.loader.exec_module(module)
    return module
