"""Where the limits used to live; they are in boxwright.limits."""

from ..limits import FARTHEST_M, LABEL_BYTES, LIMIT_NAMES, TRACK_BYTES, LabelRoom, Limits, checked_size, has_file, limits, set_limits

__all__ = [
    "FARTHEST_M",
    "LABEL_BYTES",
    "LIMIT_NAMES",
    "TRACK_BYTES",
    "LabelRoom",
    "Limits",
    "checked_size",
    "has_file",
    "limits",
    "set_limits",
]
