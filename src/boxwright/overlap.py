"""How much labels overlap: intersection over union of cuboids, in bird's-eye view and in space, of boxes and of masks."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .arrays import Float64s, Int64s, check_kind
from .cuboids import Cuboid, Cuboids, as_cuboids, same_frame
from .errors import ArgumentError, number_of
from .kernels import masks as mask_kernels, overlap as kernels
from .shapes2d import Boxes, Masks
from .threads import in_parts, worth

__all__ = ["Overlap", "iou", "iou_3d", "iou_3d_pairs", "iou_bev", "iou_bev_pairs", "iou_boxes", "iou_masks"]

TILTED_PER_PART = 2**14
PAIRS_PER_THREAD = 2**17
ROWS_PER_THREAD = 2**12


class Overlap(NamedTuple):
    """Intersection over union of every a with every b.

    bev : (A, B) float64, of the outlines seen from above: the convex hulls of the corners in x, y
    volumetric : (A, B) float64, of the volumes
    """

    bev: Float64s
    volumetric: Float64s


def iou(a: Cuboids | Cuboid, b: Cuboids | Cuboid, out: tuple[Float64s, Float64s] | None = None, *, n_threads: int = 1) -> Overlap:
    """Bird's-eye and volumetric intersection over union of all pairs, in one pass.

    a, b : A and B cuboids in one frame, turned in any way
    out : two (A, B) float64 C-contiguous arrays to write to, or an earlier result; saves the time to make new ones
    n_threads : how many threads share the rows of a large result

    Exact to 1e-9 for any rotation, wherever the cuboids are; the same to the last bit when a and b are exchanged; 1 for equal cuboids; 0 for
    cuboids that only touch (within 1e-9), and for rows of NaN.
    Raises GeometryError where the frames differ, ArgumentError where `out` does not fit.
    """
    a, b = _same_place(a, b)
    shape = (len(a), len(b))
    if out is None:
        bev, volumetric = np.zeros((2, *shape))  # one block: the allocator gives two of half the size back to the system every time
    else:
        bev, volumetric = _checked(out, shape)
    _fill(a, b, bev, volumetric, n_threads, must_clear=out is not None)
    return Overlap(bev, volumetric)


def iou_3d(a: Cuboids | Cuboid, b: Cuboids | Cuboid, *, n_threads: int = 1) -> Float64s:
    """(A, B) float64: volumetric intersection over union of all pairs; see `iou`."""
    a, b = _same_place(a, b)
    volumetric = np.zeros((len(a), len(b)))
    _fill(a, b, np.empty((0, 0)), volumetric, n_threads)
    return volumetric


def iou_bev(a: Cuboids | Cuboid, b: Cuboids | Cuboid, *, n_threads: int = 1) -> Float64s:
    """(A, B) float64: intersection over union of all pairs of outlines seen from above; see `iou`."""
    a, b = _same_place(a, b)
    bev = np.zeros((len(a), len(b)))
    _fill(a, b, bev, np.empty((0, 0)), n_threads)
    return bev


def iou_3d_pairs(a: Cuboids | Cuboid, b: Cuboids | Cuboid, *, n_threads: int = 1) -> Float64s:
    """(A,) float64: volumetric intersection over union of a[i] with b[i]; see `iou`."""
    a, b = _same_place(a, b, same_length=True)
    volumetric = np.zeros(len(a))
    _fill_pairs(a, b, np.empty(0), volumetric, n_threads)
    return volumetric


def iou_bev_pairs(a: Cuboids | Cuboid, b: Cuboids | Cuboid, *, n_threads: int = 1) -> Float64s:
    """(A,) float64: intersection over union of the outlines of a[i] and b[i] seen from above; see `iou`."""
    a, b = _same_place(a, b, same_length=True)
    bev = np.zeros(len(a))
    _fill_pairs(a, b, bev, np.empty(0), n_threads)
    return bev


def iou_boxes(a: Boxes, b: Boxes) -> Float64s:
    """(A, B) float64: intersection over union of boxes in one picture, of their sides as real lengths: a box of 10 px is 10 wide, not 11.

    0 where they only touch, where one has no area, and for rows of NaN.
    """
    for name, boxes in (("a", a), ("b", b)):
        check_kind(name, boxes, Boxes, "Boxes", "other shapes have them: bw.Boxes(shapes.bounds_xyxy())")
    out = np.empty((len(a), len(b)))
    mask_kernels.box_ious(a.xyxy, b.xyxy, out)
    return out


def iou_masks(a: Masks, b: Masks) -> Float64s:
    """(A, B) float64: intersection over union of masks in pixels, 0 where neither has any. GeometryError where the sizes of their pictures differ."""
    for name, masks in (("a", a), ("b", b)):
        check_kind(name, masks, Masks, "Masks", "make them: bw.Masks.from_arrays(pixels)")
    a._check_shared(b, "b")
    shared = np.empty((len(a), len(b)), np.int64)
    mask_kernels.shared_px(a.counts, a.offsets, b.counts, b.offsets, shared)
    union = a.area_px[:, None] + b.area_px - shared
    ratio: Float64s = shared / np.maximum(union, 1)
    return ratio


def _same_place(a: Any, b: Any, *, same_length: bool = False) -> tuple[Cuboids, Cuboids]:
    a, b = as_cuboids("a", a), as_cuboids("b", b)
    same_frame(a.frame, b.frame, "a and b")
    if same_length and len(a) != len(b):
        raise ArgumentError(expected=f"{number_of(len(a), 'cuboid')}, as many as a", got=len(b), field="b", hint="for all pairs call iou")
    return a, b


def _rows(cuboids: Cuboids) -> Float64s:
    rows = np.empty((len(cuboids), kernels.N_COLUMNS))
    kernels.packed(cuboids.center_m, cuboids.size_m, cuboids.rotation, rows)
    return rows


def _fill(a: Cuboids, b: Cuboids, bev: Float64s, volumetric: Float64s, n_threads: int, *, must_clear: bool = False) -> None:
    """All pairs; an empty array is left alone. Zeros stay where the arrays are fresh: pages that are never written cost nothing."""
    rows_a, rows_b = _rows(a), _rows(b)
    x = b.center_m[:, 0]
    order = np.argsort(x)[: int(np.isfinite(x).sum())]  # NaN comes last
    rows_b = rows_b[order]

    def fill(begin: int, end: int) -> None:
        tilted = np.empty((max(len(order), TILTED_PER_PART), 3), np.int64)
        while begin < end:
            n_tilted, begin = kernels.all_pairs(begin, rows_a[:end], rows_b, order, must_clear, bev, volumetric, tilted)
            _fill_tilted(rows_a, rows_b, tilted[:n_tilted], bev.reshape(-1), volumetric.reshape(-1))

    in_parts(len(a), n_threads, worth(len(a), len(a) * len(b), PAIRS_PER_THREAD), fill)


def _fill_tilted(rows_a: Float64s, rows_b: Float64s, tilted: Int64s, bev: Float64s, volumetric: Float64s) -> None:
    """The pairs that take the general way, into flat arrays; an empty one is left alone."""
    if len(tilted) and len(bev):
        kernels.tilted_bev(rows_a, rows_b, tilted, bev)
    if len(tilted) and len(volumetric):
        kernels.tilted_volume(rows_a, rows_b, tilted, volumetric)


def _fill_pairs(a: Cuboids, b: Cuboids, bev: Float64s, volumetric: Float64s, n_threads: int) -> None:
    """Row by row; an empty array is left alone."""
    rows_a, rows_b = _rows(a), _rows(b)

    def fill(begin: int, end: int) -> None:
        part = slice(begin, end)
        tilted = np.empty((end - begin, 3), np.int64)
        n_tilted = kernels.pairs(rows_a[part], rows_b[part], bev[part], volumetric[part], tilted)
        _fill_tilted(rows_a[part], rows_b[part], tilted[:n_tilted], bev[part], volumetric[part])

    in_parts(len(a), n_threads, ROWS_PER_THREAD, fill)


def _checked(out: Any, shape: tuple[int, int]) -> tuple[Float64s, Float64s]:
    if not isinstance(out, tuple | list) or len(out) != 2:
        raise ArgumentError(expected="two arrays, for bev and volumetric", got=type(out).__name__, field="out", hint="pass an earlier result")
    for name, array in zip(Overlap._fields, out):
        fits = isinstance(array, np.ndarray) and array.dtype == np.float64 and array.flags.c_contiguous and array.flags.writeable
        if not fits or array.shape != shape:
            got = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
            wanted = f"a writable C-contiguous float64 array of shape {shape}"
            raise ArgumentError(expected=wanted, got=got, field=f"out, {name}", hint="leave out `out` for fresh arrays")
    if np.may_share_memory(out[0], out[1]):
        raise ArgumentError("bev and volumetric share their memory", field="out", hint="pass two separate arrays")
    return out[0], out[1]
