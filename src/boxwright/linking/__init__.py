"""The link between cuboids and labels in pictures: each seen in the other's place."""

from .matching import Link, Links, link
from .offsets import CameraOffset, LinkOffsets, link_offsets
from .projecting import ProjectedTracks, project_tracks

__all__ = ["CameraOffset", "Link", "LinkOffsets", "Links", "ProjectedTracks", "link", "link_offsets", "project_tracks"]
