"""2-D labels of one picture: boxes, rotated boxes, polygons, polylines, keypoints and masks, many of one kind at a time.

    (0, 0) ---- u        pixels; the centre of the first pixel is (0, 0), as in the whole of boxwright, so that a picture covers
       |                 -0.5 <= u < width_px - 0.5. Formats that count from the pixel's edge (COCO, CVAT) differ by half a pixel;
       v                 their readers and writers say so.

All are immutable. `len`, slices, masks and index arrays give a set of the same kind; one index, and going through them, gives a set of one: there
is no other class for a single shape. A row that stands for "no shape here" comes only from a track at a time where it is not there.
"""

from __future__ import annotations

from .boxes import Boxes, RotatedBoxes
from .keypoints import Keypoints, Skeleton
from .masks import Masks
from .paths import Polygons, Polylines
from .shapes import Shapes

__all__ = ["SHAPES", "Boxes", "Keypoints", "Masks", "Polygons", "Polylines", "RotatedBoxes", "Shapes", "Skeleton"]

SHAPES: dict[str, type[Shapes]] = {kind.KIND: kind for kind in (Boxes, RotatedBoxes, Polygons, Polylines, Keypoints, Masks)}
