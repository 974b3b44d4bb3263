"""Requests to a server of boxwright: sent again where they may be, answered by JSON, and long work waited for."""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Mapping
from typing import Any

from .errors import ArgumentError, ExtraMissing, StorageError
from .remote_errors import checked, class_of, json_of, no_answer

__all__ = ["ADDRESS", "Requests"]

TRIES = 4
WAITS_S = (0.2, 1.0, 3.0)
ADDRESS = "an address such as http://127.0.0.1:8300"


class Requests:
    """place : the server's address, for messages"""

    def __init__(self, url: str, token: str, timeout_s: float = 60.0, ca_file: str | os.PathLike[str] | None = None) -> None:
        try:
            import httpx
        except ModuleNotFoundError:
            raise ExtraMissing("a connection to a server needs httpx", hint="pip install 'boxwright[serve]'") from None
        self.place = url
        headers = {"Authorization": f"Bearer {token}", "User-Agent": "boxwright"}
        how: dict[str, Any] = {"timeout": timeout_s, "follow_redirects": False, "trust_env": False, "verify": _trusted(ca_file)}
        try:
            self._http = httpx.Client(base_url=f"{url}/api/v1", headers=headers, **how)
        except httpx.InvalidURL:
            raise ArgumentError(expected=ADDRESS, got=f"{url!r:.80}", field="url", hint="boxwright serve prints it") from None
        self._errors: Any = (httpx.TransportError, httpx.DecodingError)

    def close(self) -> None:
        self._http.close()

    def _send(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, headers: Mapping[str, str] | None = None, **query: Any
    ) -> Any:
        """A response that is no error. What may be sent again is: reads, and what has an Idempotency-Key."""
        sent = dict(headers or {}) | ({} if key is None else {"Idempotency-Key": key})
        params = {name: value for name, value in query.items() if value is not None}
        again = method == "GET" or key is not None
        for k in range(TRIES if again else 1):
            try:
                answer = self._http.request(method, path, json=body, headers=sent, params=params)
            except self._errors as error:
                if k == TRIES - 1 or not again:
                    raise no_answer(error, self.place, "sent again it is done once") from None
            else:
                if answer.status_code not in (429, 502, 503, 504) or k == TRIES - 1 or not again:
                    return checked(answer, self.place)
            time.sleep(WAITS_S[min(k, len(WAITS_S) - 1)])
        raise AssertionError  # the last try returned or raised

    def _json(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        return json_of(self._send(method, path, body, **more), self.place)

    def _job(self, path: str, body: Any, timeout_s: float) -> dict[str, Any]:
        job, end, wait_s = self._json("POST", path, body), time.monotonic() + timeout_s, 0.02
        while job["state"] in ("queued", "running"):
            if time.monotonic() > end:
                self._send("DELETE", f"/jobs/{job['job_id']}")
                raise StorageError("the server takes too long", path=self.place, hint="pass a larger timeout_s", code="slow")
            time.sleep(wait_s)
            wait_s = min(1.0, 1.5 * wait_s)
            job = self._json("GET", f"/jobs/{job['job_id']}")
        if job["state"] != "done":
            error = job["error"] or {"message": "the job was cancelled", "code": "cancelled"}
            raise class_of(error["code"])(error["message"], path=self.place, field=job["what"], code=error["code"])
        return job["result"]  # type: ignore[no-any-return]


def _trusted(ca_file: str | os.PathLike[str] | None) -> ssl.SSLContext | bool:
    if ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=os.fspath(ca_file))
    except (OSError, TypeError, ValueError):
        hint = "the authority's, or the server's own where it signed itself"
        raise ArgumentError(expected="a file of PEM certificates", got=f"{ca_file!r:.80}", field="ca_file", hint=hint) from None
