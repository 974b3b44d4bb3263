"""Pictures of a scene: from above, and in every camera. numpy and OpenCV only, so no display and no graphics card is needed."""

from .bev import render_bev
from .cameras import render_cameras
from .overview import mosaic, render_overview, write_picture

__all__ = ["mosaic", "render_bev", "render_cameras", "render_overview", "write_picture"]
