"""Who is let in: tokens, looked up at most half a second ago; the one-time code of the start; addresses that try too often."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

from ..errors import AccessDenied
from ..store.accounts import Account, Token
from ..store.project import Project

__all__ = ["KNOWN_S", "Codes", "Counter", "Sessions", "Tries"]

KNOWN_S = 0.5  # for so long a token that was good is not looked up again; a revoke takes effect within a second
CODE_S = 60.0
SESSION_S = 12 * 3600
_MOST_KNOWN = 10_000


class Sessions:
    """Tokens and whose they are."""

    def __init__(self, project: Project, clock: Callable[[], float] = time.monotonic) -> None:
        self.project, self._clock = project, clock
        self._known: OrderedDict[bytes, tuple[float, Account, Token]] = OrderedDict()
        self._lock = threading.Lock()

    def known(self, secret: str) -> tuple[Account, Token] | None:
        """Whose token it is, where it was looked up a moment ago."""
        with self._lock:
            found = self._known.get(_digest(secret))
        if found is not None and self._clock() - found[0] < KNOWN_S and found[2].is_good(time.time_ns()):
            return found[1], found[2]
        return None

    def of_secret(self, secret: str) -> tuple[Account, Token]:
        """AccessDenied where the token is not good."""
        if (found := self.known(secret)) is not None:
            return found
        key, now = _digest(secret), self._clock()
        account, token = self.project.accounts.of_secret(secret)
        with self._lock:
            self._known[key] = (now, account, token)
            while len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)
        return account, token

    def open(self, name: str) -> str:
        """A token of an account for a page, which ends by itself."""
        return self.project.accounts.make_token(name, expires_ns=time.time_ns() + SESSION_S * 10**9, by=name)[1]


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


class Codes:
    """The one-time code in the address a browser is started with: good for a minute, and once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._codes: dict[bytes, tuple[float, str]] = {}

    def make(self, account: str) -> str:
        code = secrets.token_urlsafe(32)
        with self._lock:
            self._codes[hashlib.sha256(code.encode()).digest()] = (self._clock() + CODE_S, account)
        return code

    def take(self, code: str) -> str:
        """The account it was made for. AccessDenied where it is none, used, or too old."""
        digest, now, account = hashlib.sha256(code.encode("utf-8", "surrogatepass")).digest(), self._clock(), None
        with self._lock:
            self._codes = {key: one for key, one in self._codes.items() if one[0] > now}
            for key in list(self._codes):
                if hmac.compare_digest(key, digest):
                    account = self._codes.pop(key)[1]
        if account is None:
            raise AccessDenied("the code is used or too old", hint="start the browser again from the server's machine", code="token")
        return account


class Tries:
    """What an address got wrong in the last minute."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock, self._lock = per_minute, clock, threading.Lock()
        self._tries: OrderedDict[str, deque[float]] = OrderedDict()

    def wrong(self, address: str) -> bool:
        """Notes one; whether it was one too many."""
        now = self._clock()
        with self._lock:
            tries = self._tries.setdefault(address, deque())
            self._tries.move_to_end(address)
            while tries and tries[0] <= now - 60:
                tries.popleft()
            if len(tries) < self._most:
                tries.append(now)
                over = False
            else:
                over = True
            while len(self._tries) > _MOST_KNOWN:
                self._tries.popitem(last=False)
        return over


class Counter:
    """So many in a second, and so many at once, of each account."""

    def __init__(self, per_s: int | None, at_once: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s, self._at_once, self._clock, self._lock = per_s, at_once, clock, threading.Lock()
        self._running: dict[str, int] = {}
        self._bucket: dict[str, tuple[float, float]] = {}  # account -> (when, what was left)

    def enter(self, account: str) -> bool:
        """False where there is no room; else `leave` follows."""
        now = self._clock()
        with self._lock:
            if self._running.get(account, 0) >= self._at_once:
                return False
            if self._per_s is not None:
                then, left = self._bucket.get(account, (now, float(self._per_s)))
                left = min(float(self._per_s), left + (now - then) * self._per_s)
                if left < 1:
                    self._bucket[account] = (now, left)
                    return False
                self._bucket[account] = (now, left - 1)
            self._running[account] = self._running.get(account, 0) + 1
        return True

    def leave(self, account: str) -> None:
        with self._lock:
            self._running[account] -= 1
            if not self._running[account]:
                del self._running[account]
