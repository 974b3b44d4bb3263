"""What is in front: a depth map of each picture, which points its camera really sees, and which share of a cuboid."""

from __future__ import annotations

from typing import Any

import numpy as np

from .arrays import ArrayLike, Bools, Float64s, Int32s, Int64s, as_floats, as_points, frozen
from .cameras import Camera, PanoramaCamera
from .cuboids import Cuboid, Cuboids, as_cuboids
from .errors import ArgumentError
from .fit_hints import checked_sensors
from .frames import Pose, as_pose
from .kernels import occlusion as kernels
from .projection import NEAR_M, ImagePoints, project_points

__all__ = ["DepthMap", "depth_map"]

CELL_PX = 2
PER_BAND, MOST_BANDS = 64, 16  # gaps between beams differ from band to band of elevation; so many beams tell one band's
USUAL = 0.85  # such a share of the gaps in a band is not wider than the usual one


class DepthMap:
    """What a sweep tells about one picture, in square cells of some pixels.

    cell_px : the side of a cell; cell (row, column) holds the pixels from (column, row) * cell_px on
    range_m : (rows, columns) float64, metres from the camera to what is nearest; NaN where nothing is known
    sees : (N,) bool: the point is in the picture, and nothing in its cell is nearer by more than 0.2 m + 2 % of its range
    image : the N points in the picture, hidden or not, as `project_points` gives them
    """

    __slots__ = ("_camera", "_index", "_looks", "_rows", "cell_px", "image", "range_m", "sees")

    def __init__(self, image: ImagePoints, index: Int64s, looks: Float64s, extents_px: Float64s, camera: Camera, cell_px: int) -> None:
        shape = -(-camera.height_px // cell_px), -(-camera.width_px // cell_px)
        n_cells = shape[0] * shape[1]
        block = np.empty(12 * n_cells, np.uint8)  # in one piece, which a system hands out in large pages: much sooner than two
        range_m, rows = block[: 8 * n_cells].view(np.float64).reshape(shape), block[8 * n_cells :].view(np.int32).reshape(shape)
        sees = np.empty(len(image), np.bool_)
        kernels.draw(looks, index, extents_px, float(cell_px), _turn_px(camera), range_m, rows, sees)
        self.cell_px = cell_px
        self.image = image
        self.range_m: Float64s = frozen(range_m)
        self.sees: Bools = frozen(sees)
        self._index, self._looks, self._rows, self._camera = index, looks, rows, camera

    @property
    def point_index(self) -> Int32s:
        """(rows, columns) int32: the point that stands in each cell, -1 where there is none."""
        index: Int32s = np.append(self._index, -1).astype(np.int32).take(self._rows)
        return index

    @property
    def depth_m(self) -> Float64s:
        """(rows, columns) float64: z in the cam frame of the point that stands in each cell; NaN where nothing is known."""
        depth: Float64s = np.append(self._looks[:, kernels.Z], np.nan)[self._rows]
        return depth

    def visible_share(self, cuboids: Cuboids | Cuboid, cam_from_cuboids: Pose | ArrayLike) -> Float64s:
        """(M,) float64 in [0, 1]: how much of each cuboid nothing hides, of what the picture would show were it alone.

        cuboids : M cuboids in any frame
        cam_from_cuboids : Pose or (4, 4), the camera from the cuboids' frame

        A place of a cuboid is hidden where the map is nearer by more than 0.2 m + 2 % of its range; points in the cuboid or within 0.1 m of it never
        hide it. 0 where the picture shows nothing of it, 1 where it holds the camera, NaN for a cuboid of NaN. What sends no beam back hides nothing.
        """
        cuboids = as_cuboids("cuboids", cuboids)
        pose = as_pose("cam_from_cuboids", cam_from_cuboids)
        rotation = (pose.rotation @ cuboids.rotation).reshape(-1, 9)
        rows = np.ascontiguousarray(np.concatenate([pose.apply(cuboids.center_m), cuboids.size_m / 2, rotation], 1))
        share = np.empty(len(cuboids))
        kernels.shares(self._looks, self._rows, float(self.cell_px), self._camera.packed, NEAR_M, rows, share)
        return share

    def __repr__(self) -> str:
        n_in = len(self._looks)
        return f"DepthMap({self.range_m.shape[0]} x {self.range_m.shape[1]} cells, {int(self.sees.sum()):,} of {n_in:,} points in the picture seen)"


def depth_map(
    points: Any,
    camera: Camera,
    cam_from_points: Pose | ArrayLike,
    *,
    sensor_origins_m: Any = None,
    beam_gaps_rad: ArrayLike | None = None,
    cell_px: int = CELL_PX,
) -> DepthMap:
    """What is nearest in each cell of a picture, and which points its camera really sees.

    points : (N, 3) float32 or float64, metres, or a Sweep
    camera : any camera model
    cam_from_points : Pose or (4, 4), the camera from the points' frame
    sensor_origins_m : (L, 3) or (3,), where the points were seen from, in their frame: `scene.lidar_origins_m(frame)`; by default its origin,
        (0, 0, 0); of several the middle counts. Must be given for points in the world frame
    beam_gaps_rad : (2,) angles between neighbouring beams, across and down the picture; by default found from the points themselves
    cell_px : the side of a cell in pixels

    A point stands for the surface half way to the next beams, at its distance and as the camera sees it: where these are usually, or met the same
    surface. So surfaces close, near and far ones, and what shines through between the beams on something nearer is hidden. What sends no beam back
    hides nothing. Where a picture goes all around, surfaces go on from its right border at the left one. Made for one sweep; for many in one cloud
    give `beam_gaps_rad`.
    Raises ArgumentError for wrong shapes, types and numbers, GeometryError for a transform that is no rigid motion.
    """
    array = as_points("points", points)
    pose = as_pose("cam_from_points", cam_from_points)
    frame = getattr(points, "frame", None)
    sensor = pose.apply(checked_sensors(sensor_origins_m, frame if isinstance(frame, str) else None).mean(0))
    given = None if beam_gaps_rad is None else _checked_gaps(beam_gaps_rad)
    size = as_floats("cell_px", cell_px, (), finite=False)
    if not (size >= 1 and size == np.floor(size) and size <= 2**16):
        raise ArgumentError(expected="a whole number of pixels, 1 or more", got=f"{size:g}", field="cell_px", hint="leave it out for 2")
    image = project_points(array, camera, pose)
    index = np.flatnonzero(image.in_image)
    looks = np.empty((len(index), 11))
    kernels.look(array, image.uv, index, np.concatenate([pose.rotation.ravel(), pose.translation_m]), camera.packed, sensor, looks)
    return DepthMap(image, index, looks, _patches(looks, given, _turn_px(camera)), camera, int(size))


def _checked_gaps(beam_gaps_rad: ArrayLike) -> Float64s:
    gaps = as_floats("beam_gaps_rad", beam_gaps_rad, (2,), hint="pass the angles between beams across and down")
    if not ((gaps > 0) & (gaps <= kernels.MOST_GAP)).all():
        wanted = f"two angles above 0 and up to {kernels.MOST_GAP:g} rad"
        raise ArgumentError(expected=wanted, got=f"({gaps[0]:g}, {gaps[1]:g})", field="beam_gaps_rad", hint="degrees are np.radians(degrees)")
    return gaps


def _turn_px(camera: Camera) -> float:
    """Pixels after which a picture that goes all around goes on at its other border; 0 for others."""
    return float(camera.width_px) if isinstance(camera, PanoramaCamera) and camera.is_whole_turn else 0.0


def _patches(looks: Float64s, given: Float64s | None, turn_px: float) -> Float64s:
    """(K, 4) how far in pixels what each point stands for reaches to the left, up, to the right and down."""
    usual, gaps, next_beam = np.zeros((2, len(looks))), np.full((2, len(looks)), np.nan), np.full((2, len(looks)), -1, np.int32)
    if given is not None:
        usual[:] = given[:, None]
    elif len(looks):
        slack, first = -1.0, np.empty(len(looks), np.int32)
        for c in range(2):
            kernels.neighbours(looks, slack, gaps[c], next_beam[c], first)
            distinct = np.flatnonzero(first == np.arange(len(first)))
            usual[c] = _usual_gaps(looks[:, kernels.BELOW], gaps[c], distinct)
            # rings may lie closer together than beams of one ring: whatever is less than half a gap aside is below
            slack = float(np.median(usual[0, distinct])) / 2
    extents = np.empty((len(looks), 4))
    kernels.patches(looks, usual, gaps, next_beam, turn_px, extents)
    return extents


def _usual_gaps(below: Float64s, gaps: Float64s, distinct: Int64s) -> Float64s:
    """(K,) the usual gap in each band of elevation, and between the bands' middles what lies between; 0 where no beam has a neighbour.

    distinct : rows of beams that differ, so that none counts twice
    """
    by_elevation = distinct[np.argsort(below[distinct], kind="stable")]
    bands = np.array_split(by_elevation, min(max(len(distinct) // PER_BAND, 1), MOST_BANDS))
    known = [(below[band].mean(), np.quantile(own, USUAL)) for band in bands if len(own := gaps[band][np.isfinite(gaps[band])])]
    return np.interp(below, *np.array(known).T) if known else np.zeros(len(below))
