"""What KITTI raw's `occlusion` and `truncation` are in KITTI object and tracking, and the other way round.

    raw               occlusion    -1 not told    0 visible         1 partly       2 fully
    object, tracking  occluded     3, -1          0                 1              2 largely

    raw               truncation   -1 not told    0 in the image    1 truncated    2, 99 out of it
    object            truncated    -1             0                 > 0, how much of it
    tracking          truncated    -1             0                 1, 2: less or more than half of it

How much is truncated, and that a label is out of the image, is told by one of the two alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .kitti_labels import is_whole

__all__ = ["as_in_raw", "as_in_rows"]

_UNKNOWN = 3  # `occluded` that nobody knows


def as_in_rows(said: Mapping[str, Any], is_hidden: bool) -> dict[str, Any]:
    """`occluded` and `truncated` of a label that tells `occlusion` and `truncation` alone, as far as these say it."""
    found = dict[str, Any]()
    occlusion, truncation = said.get("occlusion"), said.get("truncation")
    if said.get("occluded") is None and is_whole(occlusion, (-1, 0, 1, 2)) and (occlusion in (1, 2)) == is_hidden:
        found["occluded"] = _UNKNOWN if occlusion == -1 else occlusion
    if said.get("truncated") is None and truncation is not None and is_whole(truncation, (-1, 0)):
        found["truncated"] = float(truncation)
    return found


def as_in_raw(said: Mapping[str, Any]) -> dict[str, Any]:
    """`occlusion` and `truncation` of a label that tells `occluded` and `truncated` alone."""
    found = dict[str, Any]()
    occluded, truncated = said.get("occluded"), said.get("truncated")
    if said.get("occlusion") is None and is_whole(occluded, (-1, 0, 1, 2, _UNKNOWN)):
        found["occlusion"] = -1 if occluded == _UNKNOWN else occluded
    if said.get("truncation") is None and isinstance(truncated, (int, float)) and not isinstance(truncated, bool) and -1 <= truncated <= 2:
        found["truncation"] = -1 if truncated < 0 else int(truncated > 0)
    return found
