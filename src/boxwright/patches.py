"""What an object looks like in one picture, and where the same look is in another.

Method: corners inside the shape (Shi and Tomasi, CVPR 1994), the strongest of every cell of a grid, so that one rich corner of the shape does not
speak for all of it. They are followed by pyramidal Lucas-Kanade there and back (Bouguet 2001; the check of Kalal, Mikolajczyk and Matas, ICPR 2010),
and what comes back elsewhere is left out. A similarity is fitted to the others by sampled pairs and reweighted least squares; points in the middle of
the shape count more than those at its rim, where the background shows. The other picture is bent by what is known so far and looked at again, so that
the last look is at small differences only. Light counts for little: pictures are compared less their local mean, over their local spread.
"""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .arrays import Bools, Float64s, UInt8s
from .shapes2d import Boxes, Keypoints, Polygons, Polylines, RotatedBoxes, Shapes

__all__ = ["Alignment", "Patch", "Similarity", "align", "rings_of", "search"]

SHORTEST_PX, LONGEST_PX, MOST_ENLARGED = 64, 256, 4.0  # of a shape's longer side on its canvas
LEAST_RADIUS_PX = 8.0  # of what is looked at around a shape without an inside
N_CELLS, PER_CELL, MOST_CORNERS = 6, 4, 500
WINDOW_PX, THERE_AND_BACK_PX = 17, 0.7
N_LEVELS, ENOUGH_SHARE = (3, 1), 0.5  # the coarse levels, which see far, see mostly background; without them where too few points come of it
INLIER_PX, N_SAMPLES = 2.0, 160
LEAST_SCALE, MOST_SCALE, MOST_TURN_RAD = 0.65, 1.55, math.radians(35)
STIFFNESS_PX2 = 36.0  # (0.3 px of noise over 5 % of expected change)^2: what few points close together do not know of scale and turn
N_LOOKS, SETTLED_PX = 8, 0.05
LOOK_CELLS, LEAST_SPREAD, SAME_LOOK = 4, 6.0, 0.4
MEAN_PX, FLAT_LEVELS = 17, 4.0
SEARCH_PX, SEARCH_SCALES, SEARCH_REACH, LEAST_SEARCH = 40, (1.0, 0.85, 1.18), 1.5, 0.45

Gray = UInt8s


@dataclass(frozen=True)
class Similarity:
    """target_from_source for pixels as complex numbers u + vi: turned and scaled by one, shifted by the other."""

    turn: complex = 1.0
    shift: complex = 0.0

    def __matmul__(self, other: Similarity) -> Similarity:
        return Similarity(self.turn * other.turn, self.turn * other.shift + self.shift)

    def inverse(self) -> Similarity:
        return Similarity(1 / self.turn, -self.shift / self.turn)

    def apply(self, uv: Float64s) -> Float64s:
        """(..., 2) pixels"""
        a, b = self.turn.real, self.turn.imag
        u, v = uv[..., 0], uv[..., 1]
        return np.stack([a * u - b * v + self.shift.real, b * u + a * v + self.shift.imag], axis=-1)

    @property
    def scale(self) -> float:
        return abs(self.turn)

    @property
    def rotation_rad(self) -> float:
        return cmath.phase(self.turn)

    @property
    def matrix(self) -> Float64s:
        """(2, 3)"""
        a, b = self.turn.real, self.turn.imag
        return np.array([[a, -b, self.shift.real], [b, a, self.shift.imag]])


@dataclass(frozen=True, eq=False)
class Alignment:
    """Where a patch is in another picture.

    now_from_then : pixels there from pixels in the patch's own picture
    n_points : corners that agree; n_asked of those that should be in the picture
    share : of their weight
    residual_px : root mean square distance from where the similarity puts them, in the other picture
    likeness : mean correlation of the cells of the patch, -1 to 1, those in the middle more; seen : share of the cells that look the same
    own_uv, is_own : (K, 2) and (K,), where the shape's own points are, and which of them were found
    """

    now_from_then: Similarity
    n_points: int = 0
    n_asked: int = 0
    share: float = 0.0
    residual_px: float = math.nan
    likeness: float = math.nan
    seen: float = 0.0
    own_uv: Float64s | None = None
    is_own: Bools | None = None


class Patch:
    """A shape in its picture, on a canvas of its own size.

    gray : (H, W) uint8, the whole picture
    shape : a set of one
    """

    def __init__(self, gray: Gray, shape: Shapes) -> None:
        rings, radius = rings_of(shape)
        points = np.concatenate(rings)
        low, high = points.min(axis=0) - radius, points.max(axis=0) + radius
        side = float((high - low).max())
        enlarged = min(MOST_ENLARGED, SHORTEST_PX / side) if side < SHORTEST_PX else min(1.0, LONGEST_PX / side)
        margin = math.ceil(0.5 * side * enlarged) + 16
        corner = np.floor(low) - math.ceil(margin / enlarged)
        self.then_from_canvas = Similarity(complex(1 / enlarged), complex(*corner))
        canvas_from_then = self.then_from_canvas.inverse()
        width, height = (math.ceil(v) for v in canvas_from_then.apply(high) + margin)
        self.size_px, self.enlarged, self.side_px = (width, height), enlarged, side
        self.mask = _drawn([canvas_from_then.apply(ring) for ring in rings], radius * enlarged, self.size_px, isinstance(shape, Polylines))
        self.canvas, in_picture = self.look(gray, Similarity())
        self.centrality = _centrality(self.mask * in_picture)
        self.own = canvas_from_then.apply(shape.uv[0]) if isinstance(shape, Keypoints) else None

    def look(self, gray: Gray, now_from_then: Similarity) -> tuple[Gray, UInt8s]:
        """The canvas as a picture shows it, if the patch is where that similarity puts it; and 1 where there is a picture at all."""
        return _bent(gray, now_from_then @ self.then_from_canvas, self.size_px)

    @cached_property
    def corners(self) -> tuple[Float64s, Float64s]:
        """(P, 2) on the canvas, and their weights (P,)."""
        import cv2

        inside = (self.centrality > 0).astype(np.uint8)
        found: Any = cv2.goodFeaturesToTrack(self.canvas, MOST_CORNERS, 0.01, 4, mask=inside, blockSize=5)
        if found is None:
            return np.zeros((0, 2)), np.zeros(0)
        points = found.reshape(-1, 2).astype(np.float64)  # the strongest first
        low, high = points.min(axis=0), points.max(axis=0)
        cell = np.minimum((points - low) / np.maximum(high - low, 1e-9) * N_CELLS, N_CELLS - 1).astype(int) @ (1, N_CELLS)
        taken = np.zeros(N_CELLS**2, int)
        kept = []
        for i, c in enumerate(cell.tolist()):
            taken[c] += 1
            if taken[c] <= PER_CELL:
                kept.append(i)
        points = points[kept]
        at = np.round(points).astype(int)
        return points, self.centrality[at[:, 1], at[:, 0]].astype(np.float64)

    def likeness(self, canvas: Gray, in_picture: UInt8s) -> tuple[float, float]:
        """(mean correlation, share of cells that look the same) of the canvas as another picture shows it; (NaN, 0) where nothing can be compared."""
        there = self.centrality * in_picture
        rows, columns = (np.flatnonzero(self.centrality.any(axis=axis)) for axis in (1, 0))
        if not len(rows):
            return math.nan, 0.0
        total, alike, same = 0.0, 0.0, 0.0
        for row in np.array_split(rows, LOOK_CELLS):
            for column in np.array_split(columns, LOOK_CELLS):
                if not len(row) or not len(column):
                    continue
                part = np.s_[row[0] : row[-1] + 1, column[0] : column[-1] + 1]
                known, weight = self.centrality[part].sum(), there[part]
                mine, theirs = (image[part][weight > 0].astype(np.float64) for image in (self.canvas, canvas))
                if len(mine) < 0.5 * (self.centrality[part] > 0).sum() or len(mine) < 8 or mine.std() < LEAST_SPREAD:
                    continue
                spread = float(mine.std() * theirs.std())
                correlation = float(((mine - mine.mean()) * (theirs - theirs.mean())).mean()) / spread if spread > 0 else 0.0
                total, alike, same = total + known, alike + known * correlation, same + known * (correlation > SAME_LOOK)
        return (alike / total, same / total) if total > 0 else (math.nan, 0.0)


def align(patch: Patch, gray: Gray, guess: Similarity) -> Alignment:
    """Where the patch is in a picture, looked for around where a guess puts it; without points that agree the guess itself, with a share of 0."""
    points, weights = patch.corners
    now, then_from_canvas = guess, patch.then_from_canvas
    size = np.array(gray.shape[::-1], np.float64)
    found = Alignment(guess)
    for _ in range(N_LOOKS):
        canvas, _in_picture = patch.look(gray, now)
        expected = (now @ then_from_canvas).apply(points)
        asked = ((expected > 0) & (expected < size - 1)).all(axis=1)
        if asked.sum() < 2:
            return Alignment(now, n_asked=int(asked.sum()))
        own = None if patch.own is None else _own(patch, canvas, now)
        fit, share = None, 0.0
        for n_levels in N_LEVELS:
            ends, good = _followed(patch.canvas, canvas, points[asked], n_levels)
            fitted = _fitted(points[asked][good], ends[good], weights[asked][good])
            agreed = 0.0 if fitted is None else float(weights[asked][good][fitted[1] < INLIER_PX].sum() / weights[asked].sum())
            if fitted is not None and agreed > share:
                fit, share = fitted, agreed
            if share >= ENOUGH_SHARE:
                break
        if fit is None:
            return Alignment(now, n_asked=int(asked.sum()))
        change, residual = fit
        close = residual < INLIER_PX
        before, now = now, now @ then_from_canvas @ change @ then_from_canvas.inverse()
        if not 1e-2 < now.scale < 1e2:
            return Alignment(guess, n_asked=int(asked.sum()))
        rms = float(np.sqrt(np.mean(residual[close] ** 2))) if close.any() else math.nan
        found = Alignment(
            now, int(close.sum()), int(asked.sum()), share, rms / patch.enlarged * now.scale, own_uv=own and own[0], is_own=own and own[1]
        )
        middle = np.array(patch.size_px) / 2
        moved = np.abs((now @ then_from_canvas).apply(middle) - (before @ then_from_canvas).apply(middle)).max()
        if moved + abs(change.turn - 1) * patch.side_px < SETTLED_PX:
            break
    likeness, seen = patch.likeness(*patch.look(gray, now))
    return Alignment(now, found.n_points, found.n_asked, found.share, found.residual_px, likeness, seen, own_uv=found.own_uv, is_own=found.is_own)


def search(patch: Patch, gray: Gray, guess: Similarity) -> Similarity | None:
    """A better guess from farther around: where the small look of the patch fits best; None where it fits nowhere."""
    import cv2

    rows, columns = (np.flatnonzero(patch.mask.any(axis=axis)) for axis in (1, 0))
    if len(rows) < 4 or len(columns) < 4:
        return None
    part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    shrink = min(1.0, SEARCH_PX / max(len(rows), len(columns)))
    size = (max(round(len(columns) * shrink), 6), max(round(len(rows) * shrink), 6))
    small: Any = cv2.resize(patch.canvas[part], size, interpolation=cv2.INTER_AREA)
    template = _even_light(small)
    best, found = LEAST_SEARCH, None
    for scale in SEARCH_SCALES:
        guessed = _scaled(patch, guess, scale)
        canvas_from_small = Similarity(complex(len(columns) / size[0]), complex(columns[0], rows[0]))
        reach = math.ceil(SEARCH_REACH * max(size))
        frame = Similarity(shift=complex(-reach, -reach))
        now_from_small = guessed @ patch.then_from_canvas @ canvas_from_small @ frame
        seen, in_picture = _bent(gray, now_from_small, (size[0] + 2 * reach, size[1] + 2 * reach))
        score = cv2.matchTemplate(seen, template, cv2.TM_CCOEFF_NORMED)
        covered = cv2.filter2D(in_picture.astype(np.float32), -1, np.full(size[::-1], 1 / (size[0] * size[1]), np.float32), anchor=(0, 0))
        score[covered[: score.shape[0], : score.shape[1]] < 0.5] = -1
        score[~np.isfinite(score)] = -1
        v, u = np.unravel_index(int(score.argmax()), score.shape)
        if score[v, u] > best:
            best = float(score[v, u])
            canvas_shift = complex(int(u) - reach, int(v) - reach) * canvas_from_small.turn
            found = guessed @ patch.then_from_canvas @ Similarity(shift=canvas_shift) @ patch.then_from_canvas.inverse()
    return found


def rings_of(shape: Shapes) -> tuple[list[Float64s], float]:
    """The outline of a set of one in pixels, and how far around it its look reaches."""
    if isinstance(shape, Boxes):
        left, top, right, bottom = shape.xyxy[0]
        rings = [np.array([(left, top), (right, top), (right, bottom), (left, bottom)])]
    elif isinstance(shape, RotatedBoxes):
        rings = [shape.corners_uv()[0]]
    elif isinstance(shape, Polygons):
        rings = shape.rings(0)
    elif isinstance(shape, Polylines):
        rings = [shape.points(0)]
    else:
        assert isinstance(shape, Keypoints)
        rings = [_hull(shape.uv[0][shape.visibility[0] < 2])]
    points = np.concatenate(rings)
    extent = np.ptp(points, axis=0)
    around = 0.0 if isinstance(shape, (Boxes, RotatedBoxes, Polygons)) else 0.08 * float(np.hypot(*extent))
    if extent.min() < 2 * LEAST_RADIUS_PX:
        around = max(around, LEAST_RADIUS_PX - extent.min() / 2 if not isinstance(shape, Polylines) else LEAST_RADIUS_PX)
    return rings, around


def _hull(points: Float64s) -> Float64s:
    import cv2

    hull: Float64s = cv2.convexHull(points.astype(np.float32)).reshape(-1, 2).astype(np.float64)
    return hull


def _drawn(rings: list[Float64s], radius: float, size_px: tuple[int, int], is_line: bool) -> UInt8s:
    import cv2

    mask = np.zeros(size_px[::-1], np.uint8)
    pixels = [np.round(ring).astype(np.int32).reshape(-1, 1, 2) for ring in rings]
    if not is_line:
        cv2.fillPoly(mask, pixels, 1)
    if radius > 0:
        cv2.polylines(mask, pixels, not is_line, 1, thickness=max(2 * round(radius), 1))
        for ring in pixels:
            if len(ring) == 1:
                cv2.circle(mask, [int(v) for v in ring[0, 0]], max(round(radius), 1), 1, -1)
    return mask


def _centrality(mask: UInt8s) -> Any:
    """(H, W) float32, 0 outside, from 0.15 at the rim to 1 half way to the middle."""
    import cv2

    distance = cv2.distanceTransform(np.pad(mask, 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    return np.where(mask > 0, 0.15 + 0.85 * np.minimum(1.0, distance / max(0.5 * float(distance.max()), 1e-9)), 0.0).astype(np.float32)


def _even_light(image: Gray) -> Gray:
    """Less its local mean, over its local spread, around 128."""
    import cv2

    values = cv2.GaussianBlur(image, (0, 0), 0.7).astype(np.float32)
    mean = cv2.blur(values, (MEAN_PX, MEAN_PX), borderType=cv2.BORDER_REPLICATE)
    spread = cv2.sqrt(np.maximum(cv2.blur(values * values, (MEAN_PX, MEAN_PX), borderType=cv2.BORDER_REPLICATE) - mean * mean, 0.0))
    return np.clip(128.5 + 42.0 * (values - mean) / (spread + FLAT_LEVELS), 0, 255).astype(np.uint8)


def _followed(then: Gray, now: Gray, points: Float64s, n_levels: int) -> tuple[Float64s, Bools]:
    """Where points of one canvas are on another, and which of them come back to where they were."""
    import cv2

    how: dict[str, Any] = {
        "winSize": (WINDOW_PX, WINDOW_PX),
        "maxLevel": n_levels,
        "criteria": (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 0.005),
    }
    starts = points.astype(np.float32).reshape(-1, 1, 2)
    ends, found, _ = cv2.calcOpticalFlowPyrLK(then, now, starts, starts.copy(), flags=cv2.OPTFLOW_USE_INITIAL_FLOW, **how)
    back, again, _ = cv2.calcOpticalFlowPyrLK(now, then, ends, ends.copy(), flags=cv2.OPTFLOW_USE_INITIAL_FLOW, **how)
    off = np.linalg.norm((back - starts).reshape(-1, 2), axis=1)
    good = (found.ravel() == 1) & (again.ravel() == 1) & (off < THERE_AND_BACK_PX)
    moved = (ends - starts).reshape(-1, 2).astype(np.float64)
    return points + np.where(np.isfinite(moved), moved, 0.0), good & np.isfinite(moved).all(axis=1)


def _own(patch: Patch, canvas: Gray, now: Similarity) -> tuple[Float64s, Bools]:
    """The shape's own points in the picture, and which of them were found; NaN stays NaN."""
    assert patch.own is not None
    there = np.isfinite(patch.own).all(axis=1)
    ends, good = patch.own.copy(), np.zeros(len(patch.own), bool)
    if there.any():
        ends[there], good[there] = _followed(patch.canvas, canvas, patch.own[there], N_LEVELS[0])
    return (now @ patch.then_from_canvas).apply(ends), good


def _fitted(starts: Float64s, ends: Float64s, weights: Float64s) -> tuple[Similarity, Float64s] | None:
    """The similarity most of the weight agrees with, and how far each end is from it; None where no two points agree on one within bounds."""
    if len(starts) < 2:
        return None
    p, q = starts @ (1, 1j), ends @ (1, 1j)
    rng = np.random.default_rng(len(p))
    one, other = rng.integers(0, len(p), N_SAMPLES), rng.integers(0, len(p), N_SAMPLES)
    span = p[other] - p[one]
    apart = np.abs(span) > 3.0
    turn = np.r_[1.0, (q[other] - q[one])[apart] / span[apart]]
    shift = np.r_[np.median((q - p).real) + 1j * np.median((q - p).imag), (q[one][apart] - turn[1:] * p[one][apart])]
    size, angle = np.abs(turn), np.abs(np.angle(turn))
    allowed = (size > LEAST_SCALE) & (size < MOST_SCALE) & (angle < MOST_TURN_RAD)
    turn, shift = turn[allowed], shift[allowed]
    off = np.abs(turn[:, None] * p + shift[:, None] - q)
    score = (weights * np.maximum(0.0, 1 - (off / INLIER_PX) ** 2)).sum(axis=1)
    best = int(score.argmax())
    if score[best] <= 0:
        return None
    m, t, residual = complex(turn[best]), complex(shift[best]), off[best]
    for _ in range(6):
        w = weights * np.maximum(0.0, 1 - (residual / (1.5 * INLIER_PX)) ** 2) ** 2
        total = w.sum()
        if total <= 0:
            return None
        from_, to = (w * p).sum() / total, (w * q).sum() / total
        m = complex(((w * np.conj(p - from_) * (q - to)).sum() + STIFFNESS_PX2) / ((w * np.abs(p - from_) ** 2).sum() + STIFFNESS_PX2))
        t = complex(to - m * from_)
        residual = np.abs(m * p + t - q)
    return (Similarity(m, t), residual) if LEAST_SCALE < abs(m) < MOST_SCALE else None


def _scaled(patch: Patch, guess: Similarity, scale: float) -> Similarity:
    """The guess, made larger around the middle of the patch."""
    middle = complex(*(guess @ patch.then_from_canvas).apply(np.array(patch.size_px) / 2))
    return Similarity(complex(scale), middle * (1 - scale)) @ guess


def _bent(gray: Gray, now_from_canvas: Similarity, size_px: tuple[int, int]) -> tuple[Gray, UInt8s]:
    """A canvas of a size (width, height) as the picture shows it, in even light; and 1 where there is a picture at all."""
    import cv2

    width, height = size_px
    ends = now_from_canvas.apply(np.array([(0.0, 0.0), (width, 0), (width, height), (0, height)]))
    low = np.clip(np.floor(ends.min(axis=0)) - 4, 0, gray.shape[::-1]).astype(int)
    high = np.clip(np.ceil(ends.max(axis=0)) + 5, 0, gray.shape[::-1]).astype(int)
    if (high <= low).any():
        return np.full((height, width), 128, np.uint8), np.zeros((height, width), np.uint8)
    part: Any
    part, part_from_now = gray[low[1] : high[1], low[0] : high[0]], Similarity(shift=-complex(*low))
    while (part_from_now @ now_from_canvas).scale >= 1.8 and min(part.shape) >= 16:  # many pixels to one of the canvas: averaged first
        part, part_from_now = cv2.pyrDown(part), Similarity(0.5) @ part_from_now
    matrix = (part_from_now @ now_from_canvas).matrix
    seen: Any = cv2.warpAffine(part, matrix, size_px, flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE)
    inside = np.ones(part.shape, np.uint8)
    in_picture: Any = cv2.warpAffine(inside, matrix, size_px, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_CONSTANT)
    return _even_light(seen), in_picture
