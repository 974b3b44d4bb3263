"""What every request passes before anything looks at what it asks for: Host, Origin, Sec-Fetch-Site, token, rates. What leaves gets its headers here,
and one line in the log, without query, headers or body."""

from __future__ import annotations

import logging
import time
from typing import Any

import anyio.to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import AccessDenied, one_line
from .answers import Refusal
from .sessions import Counter, Sessions, Tries
from .settings import Settings

__all__ = ["CSP", "Gate", "is_open"]

log = logging.getLogger("boxwright.access")
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_WRITING = ("POST", "PUT", "PATCH", "DELETE")
SESSION = "/api/v1/session"


def is_open(method: str, path: str) -> bool:
    """What needs no token: nothing under /api but the exchange of the one-time code. None of it holds data."""
    return not (path == "/api" or path.startswith("/api/")) or (path == SESSION and method == "POST")


class Gate:
    """An ASGI middleware around all the rest."""

    def __init__(self, app: ASGIApp, settings: Settings, sessions: Sessions) -> None:
        self.app, self.settings, self.sessions = app, settings, sessions
        self.tries = Tries(settings.bad_tokens_per_minute)
        self.writes = Counter(settings.writes_per_s, settings.writes_at_once)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        headers, start = Headers(scope=scope), time.monotonic()
        said: dict[str, Any] = {"status": 0}

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                said["status"] = message["status"]
                out = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    out[name] = value
                out.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            self._check_place(headers)
            if scope["type"] == "websocket":
                raise Refusal(403, "websocket", "there are no websockets here")
            await self._pass(scope, headers, receive, sending)
        except Refusal as refusal:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})  # before it was accepted: the handshake is answered with 403
                return
            await refusal.answer()(scope, receive, sending)
        finally:
            if scope["type"] == "http":
                self._log(scope, headers, said["status"], time.monotonic() - start)

    async def _pass(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        state = scope.setdefault("state", {})
        state["account"] = state["token"] = None
        if not is_open(method, path):
            account, token = await self._who(scope, headers)
            state["account"], state["token"] = account, token
            if method in _WRITING:
                if not self.writes.enter(account.name):
                    raise Refusal(
                        429, "rate", "too many requests at a time", {"Retry-After": "1"}, limit=f"{self.settings.writes_per_s} writes a second"
                    )
                try:
                    await self.app(scope, receive, send)
                finally:
                    self.writes.leave(account.name)
                return
        await self.app(scope, receive, send)

    def _check_place(self, headers: Headers) -> None:
        """That the request was meant for this server, and comes from no page of somebody else's."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self.settings.hosts:
            raise Refusal(421, "host", "this server does not go by that name", hint="boxwright serve --allow-host NAME lets it")
        origins, site = headers.getlist("origin"), headers.get("sec-fetch-site")
        if len(origins) > 1 or (origins and origins[0].lower() not in self.settings.origins):
            raise Refusal(403, "origin", "pages of other servers may not ask here")
        if site is not None and site not in ("same-origin", "none"):
            raise Refusal(403, "origin", "pages of other servers may not ask here")

    async def _who(self, scope: Scope, headers: Headers) -> tuple[Any, Any]:
        """The account and its token. One scheme, one place."""
        given = headers.getlist("authorization")
        scheme, _, secret = (given[0] if len(given) == 1 else "").partition(" ")
        try:
            if scheme.lower() != "bearer" or not secret:
                raise AccessDenied("a token is needed", hint="send Authorization: Bearer TOKEN", code="token")
            secret = secret.strip()
            known = self.sessions.known(secret)
            return known if known is not None else await anyio.to_thread.run_sync(self.sessions.of_secret, secret)
        except AccessDenied as denied:
            if secret and self.tries.wrong(self.address(scope, headers)):
                raise Refusal(429, "rate", "too many tokens that are not good", {"Retry-After": "60"}) from None
            more = {"hint": denied.hint}
            raise Refusal(401, "token", denied.what, {"WWW-Authenticate": "Bearer"}, **more) from None

    def address(self, scope: Scope, headers: Headers) -> str:
        """Who asks, as far as the network tells."""
        if self.settings.is_behind_proxy and (forwarded := headers.getlist("x-forwarded-for")):
            return forwarded[-1].split(",")[-1].strip()[:64]
        return str((scope.get("client") or ("unknown", 0))[0])

    def _log(self, scope: Scope, headers: Headers, status: int, seconds: float) -> None:
        account = scope.get("state", {}).get("account")
        name = "-" if account is None else account.name
        where, method = one_line(scope["path"])[:300], one_line(scope["method"])[:10]
        log.info("%s %s %s %s %d %.0f ms", one_line(self.address(scope, headers)), name, method, where, status, 1000 * seconds)
