"""The change feed: what was done since a transaction, as it happens, one JSON object a line. Pages read it with fetch, whose requests have a token.

One watcher looks at the log for all readers; it also sees what other programs write. Every reader is told what its account may see, and is shut out
within a second of the end of its token.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

import anyio.to_thread
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from ..errors import BoxwrightError
from ..store.project import Project
from ..store.roles import Action
from .answers import Refusal, log
from .label_routes import told
from .rights import READABLE, Asked, CheckedRoute, asked, asks
from .sessions import Counter

__all__ = ["Watcher", "router"]

router = APIRouter(prefix="/api/v1", route_class=CheckedRoute)
LOOK_S = 0.1  # how often the log is looked at while somebody reads
BEAT_S = 1.0  # how often a reader's token is looked at
QUIET_S = 15.0  # after which a reader is told that nothing was done
_BATCH = 100


class Watcher:
    """Looks at the log while somebody waits for it.

    Readers are cancelled at any moment, and several times over, so that nothing they wait for may be theirs to give back: of a lock that one of them
    held, nobody would hear again.
    """

    def __init__(self, project: Project) -> None:
        self.project, self.seq = project, 0
        self._waiting = 0
        self._news = asyncio.Event()  # another one after every news
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._nudged = asyncio.Event()

    def nudge(self) -> None:
        """From any thread: something was done just now."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._nudged.set)

    async def after(self, seq: int, timeout_s: float) -> int:
        """The last transaction, once it is later than `seq`, or when the time is up."""
        self._loop = loop = asyncio.get_running_loop()
        end = loop.time() + timeout_s
        self._waiting += 1
        if self._task is None:
            self._task = asyncio.create_task(self._look())
        try:
            while self.seq <= seq and (left_s := end - loop.time()) > 0:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), left_s)
        finally:
            self._waiting -= 1
        return self.seq

    async def _look(self) -> None:
        idle = 0
        while idle < 50:
            idle = 0 if self._waiting else idle + 1
            try:
                found = await anyio.to_thread.run_sync(lambda: self.project.seq)
            except BoxwrightError:
                found = self.seq  # of a database that is away for a moment
            except Exception as error:  # whatever it is, readers would wait for ever for a watcher that has ended
                log.error("the change feed could not look at the log: %s", type(error).__name__)
                found = self.seq
            if found != self.seq:
                self.seq = found
                self._news.set()
                self._news = asyncio.Event()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._nudged.wait(), LOOK_S)
            self._nudged.clear()
        self._task = None

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None


def _news(one: Asked, seq: int, last: int) -> list[dict[str, Any]]:
    """What the account may see of the transactions after one, up to another."""
    told_of = []
    for number in range(seq + 1, last + 1):
        changes = [told(change) for change in one.project.changes(number) if change.kind in READABLE]
        told_of.append({"seq": number, "changes": changes})
    return told_of


@router.get("/feed", responses={200: {"content": {"application/x-ndjson": {}}}})
@asks(Action.READ)
async def get_feed(
    request: Request,
    since: Annotated[int | None, Query(ge=0, lt=1 << 62, description="the last transaction that was seen; by default the last there is")] = None,
    most: Annotated[int | None, Query(ge=1, le=10_000, description="end after so many lines")] = None,
) -> Response:
    """One line for each transaction: {"seq", "changes"}, and {"seq"} alone every 15 s in which nothing was done."""
    one, state = asked(request), request.app.state
    start = await anyio.to_thread.run_sync(lambda: one.project.seq) if since is None else since
    secret = request.headers["authorization"].partition(" ")[2].strip()

    async def lines() -> AsyncIterator[bytes]:
        seq, quiet, left = start, 0.0, most
        yield _line({"seq": seq})
        while left is None or left > 0:
            last = min(await state.watcher.after(seq, BEAT_S), seq + _BATCH)
            if await request.is_disconnected() or state.is_ending():
                return
            try:
                await anyio.to_thread.run_sync(state.sessions.of_secret, secret)
                rows = await anyio.to_thread.run_sync(_news, one, seq, last) if last > seq else []
            except BoxwrightError:
                return
            for row in rows:
                yield _line(row)
                left = None if left is None else left - 1
                if left == 0:
                    return
            quiet = 0.0 if rows else quiet + BEAT_S
            if quiet >= QUIET_S:
                yield _line({"seq": last})
                quiet = 0.0
            seq = max(seq, last)

    return _Feed(lines(), state.feeds, one.account.name, state.settings.feeds_at_once)


class _Feed(StreamingResponse):
    """A feed has its place among those of its account exactly while it is sent: whatever fails before or meanwhile gives it back."""

    def __init__(self, lines: AsyncIterator[bytes], feeds: Counter, account: str, at_once: int) -> None:
        super().__init__(lines, media_type="application/x-ndjson")
        self._feeds, self._account, self._at_once = feeds, account, at_once

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._feeds.enter(self._account):
            busy = Refusal(429, "busy", "too many feeds at a time", {"Retry-After": "5"}, limit=self._at_once)
            await busy.answer()(scope, receive, send)
            return
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._feeds.leave(self._account)


def _line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode() + b"\n"
