"""The process: which addresses it binds, whom it lets near, TLS, and how it is started and stopped."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import ipaddress
import logging
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn

from ..errors import ArgumentError, StorageError
from ..store.project import Project
from .app import create_app
from .settings import Settings

__all__ = ["PORT", "Server", "check_exposure", "is_loopback"]

PORT = 8300
_BACKLOG = 128
_PORT_OF = re.compile(r":[0-9]+$")


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass
class Server:
    """A server of one project, bound but not yet answering; `run` answers until it is told to stop.

    host : an address; by default loopback, v4 and where there is one v6
    port : 0 for one that is free
    allow_hosts : names it goes by besides
    roots : folders beneath which recorded files may lie besides their recordings' own
    """

    project: Project
    host: str = "127.0.0.1"
    port: int = PORT
    allow_hosts: Sequence[str] = ()
    roots: Sequence[Path] = ()
    tls_cert: Path | None = None
    tls_key: Path | None = None
    is_behind_proxy: bool = False
    has_docs: bool = False
    changes: dict[str, Any] = field(default_factory=dict)  # of Settings, for tests

    def __post_init__(self) -> None:
        check_exposure(self)
        with contextlib.ExitStack() as stack:  # what was taken is given back where one of these goes wrong
            self._made(stack)
            self._held = stack.pop_all()

    def _made(self, stack: contextlib.ExitStack) -> None:
        stack.callback(_lock_of(self.project).close)
        try:
            self.sockets = _bound(self.host, self.port)
        except OSError as error:
            hint = "choose another with --port, or stop what listens there"
            raise StorageError(f"cannot listen: {error.strerror}", got=f"{self.host}:{self.port}", field="--port", hint=hint) from None
        for one in self.sockets:
            stack.callback(one.close)
        self._address, self.port = self.sockets[0].getsockname()[:2]
        self.scheme = "https" if self.tls_cert is not None else "http"
        self.settings = Settings(
            hosts=frozenset(_names(self)),
            schemes=frozenset({self.scheme, "https"} if self.is_behind_proxy else {self.scheme}),
            roots=tuple(Path(root).resolve() for root in self.roots),
            is_behind_proxy=self.is_behind_proxy,
            has_docs=self.has_docs,
            **self.changes,
        )
        self.app = create_app(self.project, self.settings)
        stack.callback(self.app.state.ending.close)
        self.app.state.is_ending = self._is_ending
        logging.getLogger("uvicorn.access").disabled = True  # it would write queries down; gate.py has a log of its own
        self._uvicorn = uvicorn.Server(
            uvicorn.Config(
                self.app,
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=True,
                proxy_headers=False,
                ws="none",
                lifespan="on",
                timeout_keep_alive=30,
                timeout_graceful_shutdown=5,
                backlog=_BACKLOG,
                h11_max_incomplete_event_size=32 << 10,
                ssl_certfile=None if self.tls_cert is None else str(self.tls_cert),
                ssl_keyfile=None if self.tls_key is None else str(self.tls_key),
            )
        )

    @property
    def url(self) -> str:
        name = self.allow_hosts[0] if self.allow_hosts and not is_loopback(self.host) else self._address
        return f"{self.scheme}://{_with_port(name, self.port)}"

    def start_url(self, account: str) -> str:
        """An address to start a browser with; its code is good once, for a minute, and is never sent as part of a request's address."""
        return f"{self.url}/#code={self.app.state.codes.make(account)}"

    def warm(self, steps: Mapping[str, Callable[[], Any]]) -> None:
        """What `run` has compiled in the background from its start on: calls by name, in the order in which they are wanted."""
        self.app.state.warming.steps = steps

    def check_tls(self) -> None:
        """ArgumentError where the certificate and the key cannot be used, such as those of two different pairs."""
        if self.tls_cert is None or self.tls_key is None:
            return
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.tls_cert, self.tls_key, lambda: "")
        except (OSError, ValueError) as error:
            why = str(getattr(error, "reason", None) or getattr(error, "strerror", None) or error)
            hint = "PEM: the server's certificate first, then those it stands on; its key without a password"
            what = f"the certificate and its key cannot be used: {why.replace('_', ' ').lower()}"
            raise ArgumentError(what, got=f"{self.tls_cert}, {self.tls_key}", field="--tls-cert", hint=hint) from None

    def run(self) -> None:
        """Answers until Ctrl-C, SIGTERM or `stop`."""
        try:
            self.check_tls()
            with _ended_quietly(self._is_ending):
                self._uvicorn.run(sockets=self.sockets)
        finally:
            self.close()

    def close(self) -> None:
        """Gives back what it holds, whether it has answered or not. Again it does nothing."""
        self._held.close()

    def stop(self) -> None:
        self._uvicorn.should_exit = True

    def _is_ending(self) -> bool:
        return bool(self._uvicorn.should_exit)

    @contextlib.contextmanager
    def in_background(self) -> Iterator[str]:
        """Answers in a thread while the block runs; yields its URL."""
        thread = threading.Thread(target=self._run_in_thread, daemon=True)
        thread.start()
        try:
            while not self._uvicorn.started and thread.is_alive():
                thread.join(0.01)
            yield self.url
        finally:
            self.stop()
            thread.join(15)

    def _run_in_thread(self) -> None:
        with contextlib.suppress(SystemExit):
            self.run()


@contextlib.contextmanager
def _ended_quietly(is_ending: Callable[[], bool]) -> Iterator[None]:
    """Requests that the end of the server cuts short are no errors: uvicorn would print a traceback of each."""

    def is_told(record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        is_cut = isinstance(error, asyncio.CancelledError | KeyboardInterrupt) or record.getMessage().rstrip().endswith("CancelledError")
        return not (is_cut and is_ending())

    logger = logging.getLogger("uvicorn.error")
    logger.addFilter(is_told)
    try:
        yield
    finally:
        logger.removeFilter(is_told)


def check_exposure(server: Server) -> None:
    """ArgumentError where a server would be reached from elsewhere without accounts, a name and TLS, or believes a proxy that others may be."""
    for name in server.allow_hosts:
        if not name or any(c in name for c in "/ *\t\r\n@") or not name.isascii():
            raise ArgumentError(expected="a host's name, or name:port", got=f"{name!r:.80}", field="--allow-host", hint="as browsers send it")
    if (server.tls_cert is None) != (server.tls_key is None):
        raise ArgumentError("TLS needs both", field="--tls-cert", hint="--tls-cert FILE --tls-key FILE")
    for path in (server.tls_cert, server.tls_key):
        if path is not None and not Path(path).is_file():
            raise ArgumentError("no such file", got=str(path), field="--tls-cert", hint="PEM files of the certificate and its key")
    if is_loopback(server.host):
        return
    if server.is_behind_proxy:
        hint = "leave --host out: nobody gets around the proxy then; or give the server the TLS (--tls-cert and --tls-key) and no --behind-proxy"
        raise ArgumentError("--behind-proxy is for a proxy on this machine", got=server.host, field="--host", hint=hint)
    missing = []
    accounts, now_ns = server.project.accounts, time.time_ns()
    if not any(token.is_good(now_ns) for one in accounts.all() if not one.is_disabled for token in accounts.tokens(one.name)):
        missing.append("accounts with tokens (boxwright accounts PROJECT add NAME)")
    if not server.allow_hosts:
        missing.append("the name it goes by (--allow-host NAME)")
    if server.tls_cert is None:
        missing.append("TLS (--tls-cert and --tls-key)")
    if missing:
        hint = "without --host it answers this machine alone"
        raise ArgumentError(f"to be reached from elsewhere a server needs {'; '.join(missing)}", got=server.host, field="--host", hint=hint)


def _names(server: Server) -> Iterator[str]:
    """Host headers that are meant for this server."""
    if is_loopback(server.host):
        for name in ("127.0.0.1", "localhost", "::1", server._address):
            yield _with_port(name, server.port)
    for name in server.allow_hosts:
        yield name.lower()
        yield _with_port(name.lower(), server.port)


def _with_port(name: str, port: int) -> str:
    """A host as it stands in an address: v6 in brackets, and the port where the name has none."""
    try:
        return f"[{ipaddress.IPv6Address(name)}]:{port}"
    except ValueError:
        return name if _PORT_OF.search(name) else f"{name}:{port}"


def _bound(host: str, port: int) -> list[socket.socket]:
    hosts = ["127.0.0.1", "::1"] if host in ("127.0.0.1", "localhost") else [host]
    found: list[socket.socket] = []
    for one in hosts:
        family = socket.AF_INET6 if ":" in one else socket.AF_INET
        made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # told, so that asyncio sends small answers at once
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            made.bind((one, port if not found else found[0].getsockname()[1]))
            made.listen(_BACKLOG)  # who comes before the first answer waits
        except OSError:
            made.close()
            if found:  # no v6 here
                continue
            raise
        found.append(made)
    return found


def _lock_of(project: Project) -> Any:
    """Held while a server runs on a project's folder. StorageError where another does."""
    folder = project.database.folder
    if folder is None:
        return _Nothing()
    path = folder / "serve.lock"
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600), "r+b", buffering=0)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        hint = "stop that one, or use its address; for several servers use PostgreSQL"
        raise StorageError("another server runs on this project", path=folder, hint=hint, code="served") from None
    return file


class _Nothing:
    def close(self) -> None:
        pass
