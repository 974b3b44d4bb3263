"""Points and pictures as a server sends them, and a scene's data that is fetched when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .errors import FormatError, FrameMissing
from .formats.images import decoded_image
from .points import Sweep
from .scene import Scene

__all__ = ["RemoteData", "unpacked"]

_KINDS = ("float32", "float64", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)))


def unpacked(raw: bytes, headers: Mapping[str, str]) -> dict[str, np.ndarray[Any, Any]]:
    """The parts of a body that a header names. FormatError where they do not fill it."""
    try:
        n, parts, at = int(headers["X-Boxwright-Points"]), {}, 0
        for part in headers["X-Boxwright-Parts"].split(","):
            name, kind, columns = part.split(":")
            parts[name] = np.frombuffer(raw, _known(kind), n * int(columns), at).reshape((n, int(columns)) if int(columns) > 1 else n)
            at += parts[name].nbytes
        if at != len(raw):
            raise ValueError("too many bytes")
        if parts["xyz"].dtype == np.uint16:
            offset, step = (np.array([float(v) for v in headers[f"X-Boxwright-{what}-M"].split(",")]) for what in ("Offset", "Step"))
            counts = parts["xyz"]
            parts["xyz"] = np.where(counts == 65535, np.nan, offset + counts * step)
    except (KeyError, ValueError, TypeError) as error:
        raise FormatError(f"points that cannot be read: {error}", hint="the server and this boxwright differ in version") from None
    return parts


def _known(kind: str) -> np.dtype[Any]:
    if kind not in _KINDS:
        raise ValueError(f"columns of {kind}")
    return np.dtype(kind).newbyteorder("<")


class RemoteData:
    """What a scene asks for its sensor data, fetched from a server."""

    def __init__(self, send: Any, scene_id: str, scene: Scene) -> None:
        self._send, self._scene_id, self._lidars = send, scene_id, scene.lidars

    def points(self, frame_index: int, sensor: str) -> Sweep:
        wanted = ["intensity", "time_offset_ns", "others"]
        answer = self._send("GET", f"{self._frame(frame_index)}/points", sensor=sensor, when="recorded", field=wanted, compress="gzip")
        parts = unpacked(answer.content, answer.headers)
        stamp, name = int(answer.headers["X-Boxwright-Timestamp-Ns"]), answer.headers["X-Boxwright-Frame"]
        is_deskewed = answer.headers["X-Boxwright-Deskewed"] == "true"
        origin = tuple(float(v) for v in answer.headers["X-Boxwright-Origin-M"].split(","))
        more: dict[str, Any] = {"fields": {key: part for key, part in parts.items() if key not in ("xyz", *wanted)}}
        more |= {"origin_m": origin} if any(origin) else {}
        return Sweep(parts["xyz"], stamp, name, parts.get("intensity"), parts.get("time_offset_ns"), is_deskewed=is_deskewed, **more)

    def image(self, frame_index: int, camera: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
        return decoded_image(self._send("GET", f"{self._frame(frame_index)}/image", camera=camera, kind="png").content)

    def has_points(self, frame_index: int, sensor: str) -> bool:
        return sensor in self._lidars and self._is_there(frame_index, "points", sensor=sensor, most=1, when="recorded")

    def has_image(self, frame_index: int, camera: str) -> bool:
        return self._is_there(frame_index, "image", camera=camera, width=16)

    def _frame(self, frame_index: int) -> str:
        return f"/scenes/{self._scene_id}/frames/{int(frame_index)}"

    def _is_there(self, frame_index: int, what: str, **query: Any) -> bool:
        try:
            self._send("GET", f"{self._frame(frame_index)}/{what}", **query)
        except FrameMissing:
            return False
        return True
