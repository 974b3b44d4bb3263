"""boxwright serve"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
import webbrowser
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import AccessDenied, BoxwrightError, UnknownName
from .common import path_of, print_lines, say
from .fresh import PRESS_ENTER, at_enter
from .projects import ProjectArgument
from .warmup import page_steps

if TYPE_CHECKING:
    from ..server import Server
    from ..store import Project

HostOption = Annotated[
    str, typer.Option("--host", metavar="ADDRESS", help="Where to listen; others than this machine need accounts, a name and TLS.")
]
PortOption = Annotated[int, typer.Option("--port", metavar="N", min=0, max=65535, help="0 for one that is free.")]
AllowOption = Annotated[list[str] | None, typer.Option("--allow-host", metavar="NAME", help="A name the server goes by; repeatable.")]
RootOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--root", metavar="FOLDER", parser=path_of, help="Recorded files may lie beneath it too, besides their recordings' own folders; repeatable."
    ),
]
CertOption = Annotated[Path | None, typer.Option("--tls-cert", metavar="FILE", parser=path_of, help="Certificate chain, PEM.")]
KeyOption = Annotated[Path | None, typer.Option("--tls-key", metavar="FILE", parser=path_of, help="Its key, PEM.")]
ProxyOption = Annotated[bool, typer.Option("--behind-proxy", help="A proxy on this machine has the TLS and tells who asks.")]
AsOption = Annotated[
    str | None, typer.Option("--as", metavar="NAME", help="The account of the address that is printed; by default the system's user.")
]
OpenOption = Annotated[bool, typer.Option("--open", help="Start the browser.")]
DocsOption = Annotated[bool, typer.Option("--docs", help="Serve the OpenAPI document, to those with a token.")]


def serve(
    project: ProjectArgument,
    host: HostOption = "127.0.0.1",
    port: PortOption = 8300,
    allow_host: AllowOption = None,
    root: RootOption = None,
    tls_cert: CertOption = None,
    tls_key: KeyOption = None,
    behind_proxy: ProxyOption = False,
    account: AsOption = None,
    open_browser: OpenOption = False,
    docs: DocsOption = False,
) -> None:
    """A project for a team, or for the browser on this machine.

    Answers this machine alone unless it is told otherwise, and nobody without a token. The address it prints is good once, for a minute.

    Example: boxwright serve street
    """
    import boxwright as bw

    from ..server import Server

    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    with bw.open_project(project) as opened:
        server = Server(opened, host, port, allow_host or (), root or (), tls_cert, tls_key, behind_proxy, docs)
        try:
            server.check_tls()
            server.warm(page_steps())
            name = _say_where(server, opened, account, open_browser)
            with at_enter(lambda: server.start_url(name)) if name is not None else contextlib.nullcontext(False) as is_asked:
                print_lines(*[PRESS_ENTER] * is_asked)
                server.run()
        finally:
            server.close()


def _say_where(server: Server, opened: Project, account: str | None, open_browser: bool) -> str | None:
    """Prints it; the account that an address was printed for."""
    from ..server.running import is_loopback

    print_lines(f"{opened.place}: served at {server.url}")
    if is_loopback(server.host) and not server.is_behind_proxy:
        members = {str((one.body or {})["account"]) for one in opened.kept("member")}
        name = account or local_account(opened, members)
        if name is None or (members and name not in members):
            print_lines("its members come with tokens of their own; --as NAME prints an address for one of them")
            sys.stdout.flush()
            return None
        path = token_of(opened, name)
        address = server.start_url(name)
        print_lines(f"open {address}", f"token of {name} for scripts: in {path}")
        sys.stdout.flush()
        if open_browser:
            webbrowser.open(address)
        return name
    sys.stdout.flush()
    return None


def local_account(opened: Project, members: Collection[str]) -> str | None:
    """Of whoever is at this machine; made where it is not there, unless the project has members, who alone may do anything."""
    import getpass

    try:
        name = re.sub(r"[^A-Za-z0-9_.-]", "_", getpass.getuser()).strip(".-") or "local"
    except (OSError, KeyError):
        name = "local"
    try:
        opened.accounts.find(name)
    except UnknownName:
        if members:
            return None
        opened.accounts.add(name, by="boxwright")
        say(f"made the account {name}")
    return name


def token_of(opened: Project, name: str) -> Path:
    """The file of the account's token on this machine, made where there is none that is good: its owner's alone, and outside every folder of data."""
    from ..store.accounts import keep_secret, kept_secret

    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    path = state / "boxwright" / opened.project_id / f"{name}.token"
    try:
        if opened.accounts.of_secret(kept_secret(path))[0].name == name:
            return path
    except (AccessDenied, BoxwrightError):
        pass
    return keep_secret(path, opened.accounts.make_token(name, by="boxwright")[1])
