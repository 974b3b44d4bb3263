"""Points and cuboids into pictures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Any, overload

import numpy as np

from .arrays import ArrayLike, Bools, Float64s, Floats, Int32s, Int64s, UInt8s, as_array, as_points, frozen, one_index
from .cameras import Camera, FisheyeCamera, PanoramaCamera, PinholeCamera, UncalibratedCamera
from .cuboids import CORNER_SIGNS, EDGES, Cuboid, Cuboids, as_cuboids
from .errors import ArgumentError, number_of
from .frames import Pose, as_pose
from .kernels import edges as edge_kernels, image_boxes as box_kernels, projection as kernels
from .threads import in_parts

__all__ = ["ImageBoxes", "ImagePoints", "PointStatus", "project_cuboids", "project_points"]

NEAR_STEP_M = 1024.0  # few digits, so that differences and products with it are exact
CHUNKS_PER_THREAD = 16  # of points and cameras
FACES = np.array([np.flatnonzero(CORNER_SIGNS[:, axis] == sign) for axis in range(3) for sign in (1, -1)])  # (6, 4) rows of corners
FACES_OF_EDGES = np.array([[f for f in range(6) if set(edge) <= set(FACES[f].tolist())] for edge in EDGES])  # (12, 2)
NEAR_M = 0.01  # nearer to the plane of a pinhole camera than this, a cuboid is cut off


class PointStatus(IntEnum):
    """What became of a point."""

    OK = 0  # in the picture
    BEHIND = 1  # behind a pinhole camera, or in its plane; in the centre of any other
    FOLD = 2  # beyond the angle up to which the lens model holds; its formula may still give a pixel, a ghost
    OUTSIDE = 3  # projected, beside the picture
    NOT_FINITE = 4  # NaN or infinite coordinates


class ImagePoints:
    """N points in one picture.

    uv : (N, 2) float, pixels, the centre of the first pixel is (0, 0); a view over (2, N) storage; NaN where there is no projection,
        that is where status is neither OK nor OUTSIDE
    depth_m : (N,) float, z in the cam frame, for every lens (so it may be negative in a fisheye's picture); a point behind keeps its depth;
        NaN for points that are not finite
    status : (N,) uint8, codes of PointStatus
    """

    __slots__ = ("_images", "_row", "_statuses")

    def __init__(self, images: Floats, statuses: UInt8s, row: int = 0) -> None:
        self._images = images  # (C, 3, N): the cameras of one rig call share their storage
        self._statuses = statuses
        self._row = row

    @property
    def uv(self) -> Floats:
        view: Floats = self._images[self._row, :2].T
        return view

    @property
    def depth_m(self) -> Floats:
        view: Floats = self._images[self._row, 2]
        return view

    @property
    def status(self) -> UInt8s:
        view: UInt8s = self._statuses[self._row]
        return view

    @property
    def in_image(self) -> Bools:
        """(N,) bool: status is OK."""
        inside: Bools = self.status == PointStatus.OK
        return inside

    def __len__(self) -> int:
        return int(self._images.shape[2])

    def __repr__(self) -> str:
        return f"ImagePoints({number_of(len(self), 'point')}, {int(self.in_image.sum()):,} in the picture)"


@overload
def project_points(
    points: ArrayLike, camera: Camera, cam_from_points: Pose | ArrayLike, dtype: Any = ..., out: ImagePoints | None = ..., *, n_threads: int = ...
) -> ImagePoints: ...
@overload
def project_points(
    points: ArrayLike,
    camera: Sequence[Camera],
    cam_from_points: Sequence[Pose | ArrayLike],
    dtype: Any = ...,
    out: list[ImagePoints] | None = ...,
    *,
    n_threads: int = ...,
) -> list[ImagePoints]: ...
def project_points(points: ArrayLike, camera: Any, cam_from_points: Any, dtype: Any = np.float64, out: Any = None, *, n_threads: int = 1) -> Any:
    """Project points into one picture, or into those of a whole rig at once.

    points : (N, 3) float32 or float64, metres, or a Sweep
    camera : any camera model; or C of them
    cam_from_points : Pose or (4, 4); or C of them
    dtype : of uv and depth, float64 or float32; the geometry is computed in float64 either way
    out : what an earlier call with as many points, cameras and the same dtype returned; it is filled and returned, and nothing is allocated
    n_threads : how many threads share the points of a large cloud

    Returns ImagePoints, or a list of C ImagePoints, which share one block of memory.
    Raises ArgumentError for wrong shapes, types and lengths, GeometryError for a transform that is no rigid motion.
    """
    array = as_points("points", points)
    rig = isinstance(camera, (list, tuple))
    cameras = _cameras(camera if rig else [camera], rig)
    origins, poses = _poses(cam_from_points if rig else [cam_from_points], len(cameras), rig)
    images = _storage(out, rig, len(cameras), len(array), _float_type(dtype))
    lenses = np.stack([c.packed for c in cameras])
    uv_depth, statuses = images[0]._images, images[0]._statuses
    rare = [i for i, c in enumerate(cameras) if not isinstance(c, (PinholeCamera, FisheyeCamera))]
    runs = [slice(i, i + 1) for i in range(len(cameras)) if i not in rare] if rare else [slice(0, len(cameras))]

    def project(begin: int, end: int) -> None:
        for run in runs:
            kernels.project_points(array, begin, end, origins[run], poses[run], lenses[run], uv_depth[run], statuses[run])
        for i in rare:
            kernels.project_points_singly(array, begin, end, origins[i], poses[i], lenses[i], uv_depth[i], statuses[i])

    in_parts(len(array), n_threads, kernels.CHUNK * -(-CHUNKS_PER_THREAD // len(cameras)), project)
    return images if rig else images[0]


def _cameras(cameras: Sequence[Any], rig: bool) -> list[Camera]:
    for i, camera in enumerate(cameras):
        place = f"camera[{i}]" if rig else "camera"
        if not isinstance(camera, Camera):
            hint = "a scene's intrinsics are scene.camera(name).camera"
            raise ArgumentError(expected="a camera model such as PinholeCamera", got=type(camera).__name__, field=place, hint=hint)
        if isinstance(camera, UncalibratedCamera):
            camera.refuse(place)
    if not cameras:
        raise ArgumentError(expected="at least one camera", got="none", field="camera", hint="pass one camera, or a list of them")
    return list(cameras)


def _poses(transforms: Any, n_cameras: int, rig: bool) -> tuple[Float64s, Float64s]:
    """(C, 3) origins near the cameras; (C, 12) the poses from there, rotations by rows, then translations."""
    if not hasattr(transforms, "__len__") or len(transforms) != n_cameras:
        got = "one Pose" if isinstance(transforms, Pose) else str(len(transforms)) if hasattr(transforms, "__len__") else repr(transforms)
        wanted = f"{number_of(n_cameras, 'transform')}, one per camera"
        raise ArgumentError(expected=wanted, got=got, field="cam_from_points", hint="pass them as a list in the cameras' order")
    poses = [as_pose(f"cam_from_points[{i}]" if rig else "cam_from_points", transform) for i, transform in enumerate(transforms)]
    return near_poses(poses)


def near_poses(poses: Iterable[Pose]) -> tuple[Float64s, Float64s]:
    """(T, 3) and (T, 12) of T poses, at least one, as `_seen_from_near` tells each."""
    origins, rows = zip(*map(_seen_from_near, poses))
    return np.stack(origins), np.stack(rows)


def _seen_from_near(pose: Pose) -> tuple[Float64s, Float64s]:
    """(3,) an origin near the camera, and (12,) the pose from there, so that large map coordinates cost no digits.

    cam = R p + t = R (p - o) + (R o + t): with o of few digits p - o is exact near the camera, and R o + t, where the large numbers cancel, is
    rounded once, at its end. A camera within 1024 m of the points' own origin keeps it, and its pose to the bit.
    """
    x, y, z = pose.translation_m.tolist()
    if x * x + y * y + z * z <= NEAR_STEP_M**2:
        return np.zeros(3), np.concatenate([pose.rotation.ravel(), pose.translation_m])
    with np.errstate(over="ignore", invalid="ignore"):
        place = -(pose.rotation.T * pose.translation_m).sum(1)
    origin = np.round(np.where(np.isfinite(place), place, 0.0) / NEAR_STEP_M) * NEAR_STEP_M
    upper = pose.rotation.astype(np.float32).astype(np.float64)
    exact_products = np.concatenate([upper * origin, (pose.rotation - upper) * origin, pose.translation_m[:, None]], 1)
    return origin, np.concatenate([pose.rotation.ravel(), [math.fsum(row) for row in exact_products.tolist()]])


def _float_type(dtype: Any) -> np.dtype[Any]:
    wanted: np.dtype[Any]
    try:
        wanted = np.dtype(dtype)
    except TypeError:
        wanted = np.dtype(object)
    if wanted not in (np.float32, np.float64):
        raise ArgumentError(expected="float32 or float64", got=repr(dtype), field="dtype", hint="pass np.float32 or np.float64")
    return wanted


def _storage(out: Any, rig: bool, n_cameras: int, n_points: int, dtype: np.dtype[Any]) -> list[ImagePoints]:
    """Images over one fresh block, or the ones handed in where they fit."""
    if out is None:
        fresh = np.empty((n_cameras, 3, n_points), dtype), np.empty((n_cameras, n_points), np.uint8)
        return [ImagePoints(*fresh, row) for row in range(n_cameras)]
    images = list(out) if rig and isinstance(out, (list, tuple)) else [out]
    block = images[0]._images if images and isinstance(images[0], ImagePoints) else np.empty(0)
    together = all(isinstance(image, ImagePoints) and image._images is block and image._row == i for i, image in enumerate(images))
    if not together or block.shape != (n_cameras, 3, n_points) or block.dtype != dtype:
        wanted = f"what project_points returned for {number_of(n_cameras, 'camera')}" if rig else "what project_points returned for one camera"
        raise ArgumentError(
            expected=f"{wanted}, {number_of(n_points, 'point')} and {dtype}", got=repr(out)[:80], field="out", hint="leave out `out` for fresh arrays"
        )
    return images


class ImageBoxes:
    """What one picture shows of M cuboids.

    xyxy : (M, 4) float64, left, top, right, bottom in pixels, of the visible part: within the picture's area (-0.5 to width - 0.5 and height - 0.5),
        in front of the near plane, within the domain of the lens; NaN where nothing is visible. In a panorama of a whole turn a box across the seam
        goes on beyond the picture's right border, and what is beyond lies at the left one
    visible : (M,) bool: a part of more than no area is in the picture; other things that may stand in front are not looked at
    truncation : (M,) float64 in [0, 1]: the share of the box's area that would lie outside, were the picture boundless (the near plane and the
        fold of the lens still cut); 1 where nothing is visible, NaN where the cuboid itself is NaN
    """

    __slots__ = ("_camera", "_corners_cam", "_whole", "truncation", "visible", "xyxy")

    def __init__(self, xyxy: Float64s, whole: Float64s, corners_cam: Float64s, camera: Camera) -> None:
        size = xyxy[:, 2:] - xyxy[:, :2]
        self.visible: Bools = frozen(np.asarray((size > 0).all(1)))
        self.xyxy: Float64s = frozen(np.where(self.visible[:, None], xyxy, np.nan))
        border = np.array([np.inf if isinstance(camera, PanoramaCamera) and camera.is_whole_turn else camera.width_px, camera.height_px]) - 0.5
        inside = np.prod(np.minimum(whole[:, 2:], border) - np.maximum(whole[:, :2], -0.5), axis=1)
        share = np.clip(1 - inside / np.where(self.visible, np.prod(whole[:, 2:] - whole[:, :2], axis=1), 1), 0, 1)
        known = np.isfinite(corners_cam).all((1, 2))
        self.truncation: Float64s = frozen(np.where(self.visible, share, np.where(known, 1.0, np.nan)))
        self._corners_cam = corners_cam
        self._camera = camera
        self._whole = whole

    @property
    def whole_xyxy(self) -> Float64s:
        """(M, 4) float64, left, top, right, bottom of the whole cuboid, were the picture boundless: in it, beside it or in part; NaN where a corner
        lies behind the camera or beyond the domain of the lens, for then it has no end in pixels.
        """
        corners = project_points(self._corners_cam.reshape(-1, 3), self._camera, Pose.identity())
        is_there = ((corners.status == PointStatus.OK) | (corners.status == PointStatus.OUTSIDE)).reshape(-1, 8).all(1)
        whole: Float64s = frozen(np.where(is_there[:, None], self._whole, np.nan))
        return whole

    @property
    def hidden_edges(self) -> Bools:
        """(M, 12) bool, by rows of `cuboids.EDGES`: the cuboid's own faces stand before them, so that they would not be seen were it solid. None
        of a cuboid that holds the camera."""
        center = self._corners_cam.mean(1)
        faces = self._corners_cam[:, FACES].mean(2)  # (M, 6, 3) their middles
        with np.errstate(invalid="ignore"):
            is_seen = -(faces * (faces - center[:, None])).sum(2) > 0
        hidden: Bools = ~is_seen[:, FACES_OF_EDGES].any(2) & is_seen.any(1)[:, None]
        return frozen(hidden)  # type: ignore[no-any-return]

    def __len__(self) -> int:
        return len(self.xyxy)

    def edges(self, m: int, which: Sequence[int] = range(12)) -> list[Float64s]:
        """Lines of cuboid m to draw: each (K, 2) pixels, K >= 2, inside the picture, within 0.5 px of the true curve.

        which : rows of `cuboids.EDGES`, by default all; 0 to 3 are the front face
        An edge that leaves the picture and comes back gives several lines, and so does one across the seam of a panorama.
        """
        wanted = as_array("which", which, "edge numbers from 0 to 11").reshape(-1)
        if len(wanted) and (wanted.dtype.kind not in "iu" or wanted.min() < 0 or wanted.max() > 11):
            raise ArgumentError(expected="edge numbers from 0 to 11", got=f"{which!r:.60}", field="which", hint="0 to 3 are the front face")
        uv, starts = self.traced(one_index("m", m, len(self)), wanted.astype(np.int64))
        return np.split(uv, starts[1:]) if len(starts) else []

    def traced(self, m: int, which: Int64s) -> tuple[Float64s, Int64s]:
        """(K, 2) vertices of all lines of cuboid m, and (L,) where each line begins, as `edges` draws them; nothing is looked at first."""
        corners = np.ascontiguousarray(self._corners_cam[m])
        uv, starts = np.empty((256, 2)), np.empty(64, np.int64)
        while True:
            n_vertices, n_lines = edge_kernels.cuboid_edges(corners, which, self._camera.packed, NEAR_M, uv, starts)
            if n_vertices <= len(uv) and n_lines <= len(starts):
                return uv[:n_vertices], starts[:n_lines]
            uv, starts = np.empty((n_vertices, 2)), np.empty(max(n_lines, 1), np.int64)

    def __repr__(self) -> str:
        return f"ImageBoxes({number_of(len(self), 'cuboid')}, {int(self.visible.sum())} visible)"


def project_cuboids(cuboids: Cuboids | Cuboid, camera: Camera, cam_from_cuboids: Pose | ArrayLike) -> ImageBoxes:
    """The boxes of the visible parts of cuboids, and their edges as drawn.

    cuboids : M cuboids in any frame
    camera : any camera model
    cam_from_cuboids : Pose or (4, 4), the camera from the cuboids' frame

    Edges are cut at the near plane (1 cm) and where the lens ends, as it does for points, and followed along their curves; a cuboid that hides the
    whole picture, or holds the camera, is found by the rays of the picture's corners. No corner is ever dropped, and none is drawn mirrored.
    """
    cuboids = as_cuboids("cuboids", cuboids)
    (camera,) = _cameras([camera], rig=False)
    origin, pose = _seen_from_near(as_pose("cam_from_cuboids", cam_from_cuboids))
    near = Cuboids._trusted(cuboids.center_m - origin, cuboids.size_m, cuboids.quat_wxyz, cuboids.yaw_rad, None)
    return boxes_of_corners(near.corners_m() @ pose[:9].reshape(3, 3).T + pose[9:], camera)


def project_cuboids_each(cuboids: Cuboids, camera: Camera, near: tuple[Float64s, Float64s], pose_index: Int32s) -> ImageBoxes:
    """As `project_cuboids`, each of M cuboids by a pose of its own.

    near : of T poses, as `near_poses` gives them
    pose_index : (M,) which of them
    """
    origins, poses = near[0][pose_index], near[1][pose_index]
    placed = Cuboids._trusted(cuboids.center_m - origins, cuboids.size_m, cuboids.quat_wxyz, cuboids.yaw_rad, None)
    turns = poses[:, :9].reshape(-1, 3, 3).transpose(0, 2, 1)
    return boxes_of_corners(placed.corners_m() @ turns + poses[:, None, 9:], camera)


def boxes_of_corners(corners_cam: Float64s, camera: Camera) -> ImageBoxes:
    """As `project_cuboids`, from (M, 8, 3) corners in the cam frame, which need not be quite those of cuboids."""
    corners: Float64s = np.ascontiguousarray(corners_cam)
    boxes, whole = np.empty((len(corners), 4)), np.empty((len(corners), 4))
    box_kernels.project_cuboids(corners, camera.border_rays, camera.packed, NEAR_M, boxes, whole)
    return ImageBoxes(boxes, whole, corners, camera)
