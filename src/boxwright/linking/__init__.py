"""The link between cuboids and labels in pictures: each seen in the other's place."""

from .colours import ColouredPoints, colour_points
from .lifting import Lift, LiftVerdict, lift
from .matching import Link, Links, link
from .offsets import CameraOffset, LinkOffsets, link_offsets
from .projecting import ProjectedTracks, project_tracks

__all__ = [
    "CameraOffset",
    "ColouredPoints",
    "Lift",
    "LiftVerdict",
    "Link",
    "LinkOffsets",
    "Links",
    "ProjectedTracks",
    "colour_points",
    "lift",
    "link",
    "link_offsets",
    "project_tracks",
]
