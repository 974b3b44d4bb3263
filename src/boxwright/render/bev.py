"""A frame from above: points by height, cuboids with heading, trails, rings, a scale bar. x is up, y is left."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import ArrayLike, Bools, Float64s, Int64s, UInt8s, as_floats, as_points, check_kind
from ..containment import points_in_cuboids
from ..cuboids import Cuboids, same_frame
from ..errors import ArgumentError, number_of
from ..point_labels import PointLabels
from ..points import Sweep
from ..scene import Scene
from ..tracks import interpolate_tracks
from .canvas import Canvas, Color
from .labels import Shown, color_of, free_place, lighter, shown_cuboids, shown_of_scene, vehicle_frame
from .point_colors import NO_CLASS, ColorMode, color_mode, labels_of_points, point_colors, ramp_colors

__all__ = ["check_size_px", "render_bev"]

BACKGROUND: Color = (13, 15, 20)
USUAL_PX = 1000  # lines and texts grow with pictures whose shorter side is longer
RING: Color = (44, 50, 62)
SOFT: Color = (128, 138, 156)
BRIGHT: Color = (232, 236, 244)
EGO: Color = (240, 244, 250)


@dataclass(frozen=True)
class _View:
    """Metres to pixels: `center_m` in the middle, x up, y left."""

    center_m: tuple[float, float]
    px_per_m: float
    width_px: int
    height_px: int

    @property
    def scale(self) -> float:
        """How much larger than usual lines and texts are drawn."""
        return max(1.0, min(self.width_px, self.height_px) / USUAL_PX)

    def uv(self, xy: ArrayLike) -> Float64s:
        """(..., 2) pixels of (..., 2+) places."""
        places = np.asarray(xy, np.float64)
        u = (self.width_px - 1) / 2 - (places[..., 1] - self.center_m[1]) * self.px_per_m
        v = (self.height_px - 1) / 2 - (places[..., 0] - self.center_m[0]) * self.px_per_m
        return np.stack([u, v], -1)


def render_bev(
    source: Scene | Sweep | ArrayLike,
    frame_index: int = 0,
    *,
    cuboids: Cuboids | None = None,
    categories: Sequence[str] | None = None,
    captions: Sequence[str] | None = None,
    center_m: tuple[float, float] | None = None,
    range_m: float | None = None,
    width_px: int = 1000,
    height_px: int = 1000,
    labels: bool = True,
    trails: bool = True,
    sensor: str = "lidar",
    point_labels: PointLabels | None = None,
    color: ColorMode | None = None,
) -> UInt8s:
    """A picture from above.

    source : a Scene, of which frame `frame_index` is drawn in the frame of its LiDAR; or a Sweep or (N, 3) points
    cuboids, categories, captions : cuboids to draw instead of the scene's own, in the frame of the points, with a class and a text for each
    center_m : (x, y) of the middle; by default the origin, or the middle of the points where the origin is not among them
    range_m : metres from the middle to the nearer border; by default what holds most of the points and all cuboids up to 50 m
    labels, trails : write captions; draw where tracks came from
    point_labels : of the points, which take the colours of their classes; by default those that the scene keeps, where it has any
    color : what points are coloured by: "height", "intensity", "time", "class" or "camera" (out of the cameras' pictures), as on the page. By default
        by class where there are point labels, else by height, and those in cuboids by the cuboid's class

    Returns (height_px, width_px, 3) uint8 RGB.
    """
    check_size_px(width_px, height_px)
    scene = source if isinstance(source, Scene) else None
    frame_index = frame_index if scene is None else scene._frame(frame_index)
    points, frame, kept = _cloud(source, frame_index, sensor)
    given = _labels_of(source, frame_index, sensor, point_labels, color)
    classes = _class_colors(given, kept)
    paint = None if color in (None, "class") and given is not None else _painted(source, frame_index, sensor, color, kept)
    if cuboids is not None:
        same_frame(frame, cuboids.frame, "points and cuboids")
        shown = shown_cuboids(cuboids, categories, captions)
    elif scene is not None:
        shown = shown_of_scene(scene, frame_index, frame or "lidar")
    else:
        shown = shown_cuboids(Cuboids(np.zeros((0, 3)), np.zeros((0, 3)), 0.0, frame=frame))
    view = _choose_view(points, shown.cuboids, center_m, range_m, width_px, height_px)
    canvas = Canvas.blank(width_px, height_px, BACKGROUND)
    _draw_rings(canvas, view)
    if scene is not None and trails:
        _draw_trails(canvas, view, scene, frame_index, frame or "lidar")
    _draw_points(canvas, view, points, paint, shown if color is None else None, classes)
    _draw_ego(canvas, view)
    _draw_cuboids(canvas, view, shown, labels)
    _draw_scale(canvas, view)
    n_points = len(points) if scene is None or scene.has_points(frame_index, sensor) else None
    _draw_caption(canvas, view.scale, scene, frame_index, n_points, shown, classes)
    return canvas.pixels


def check_size_px(width_px: int, height_px: int) -> None:
    """ArgumentError where a picture would have no pixels or more than 16384 along a side."""
    for name, value in (("width_px", width_px), ("height_px", height_px)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not 64 <= value <= 16384:
            raise ArgumentError(expected="a whole number within 64..16384", got=repr(value), field=name)


def _cloud(source: Scene | Sweep | ArrayLike, frame_index: int, sensor: str) -> tuple[Any, str | None, Bools]:
    """Finite points, the name of their frame, and which of all points they are."""
    if isinstance(source, Scene):
        if not source.has_points(frame_index, sensor):
            return np.zeros((0, 3)), sensor if source.lidars else vehicle_frame(source), np.zeros(0, np.bool_)
        source = source.points(frame_index, sensor)
    if isinstance(source, Sweep):
        finite = source.is_finite
        return as_points("source", source)[finite], source.frame, finite
    points = as_points("source", source)
    finite = np.asarray(np.isfinite(points).all(1))
    return points[finite], None, finite


def _painted(source: Any, frame_index: int, sensor: str, color: ColorMode | None, kept: Bools) -> UInt8s:
    """(N, 3) colours of the kept points."""
    mode: ColorMode = "height" if color is None else color_mode(color)
    if isinstance(source, Scene):
        is_there = source.has_points(frame_index, sensor)
        sweep = source.points(frame_index, sensor) if is_there else None
        return np.zeros((0, 3), np.uint8) if sweep is None else point_colors(source, frame_index, sweep, sensor, mode)[kept]
    if mode in ("class", "camera"):
        what = "point_labels" if mode == "class" else "a Scene with pictures"
        raise ArgumentError(expected=f"{what}, to colour points by {mode}", got="points alone", field="color", hint="'height' needs nothing else")
    values = {"intensity": "intensity", "time": "time_offset_ns"}.get(mode)
    column = None if values is None or not isinstance(source, Sweep) else getattr(source, values)
    z = as_points("source", source)[:, 2]
    return ramp_colors(z[kept], "height") if column is None else ramp_colors(column[kept], mode)


@dataclass(frozen=True, eq=False)
class _Classes:
    """(N,) which of the names a point's class is, -1 where it has none; and their colours."""

    index: Int64s
    names: Sequence[str]
    colors: Sequence[Color]


def _labels_of(source: Any, frame_index: int, sensor: str, given: Any, color: ColorMode | None) -> PointLabels | None:
    """Those whose classes the points are coloured by."""
    if given is not None:
        check_kind("point_labels", given, PointLabels, "PointLabels, or None", "bw.segment(scene, frame_index) makes them")
    if color not in (None, "class"):
        return None
    if given is not None:
        return given  # type: ignore[no-any-return]
    if color == "class" and isinstance(source, Scene) and source.has_points(frame_index, sensor):
        return labels_of_points(source, frame_index, sensor)[0]
    is_kept = isinstance(source, Scene) and source.has_points(frame_index, sensor) and source.has_point_labels(frame_index, sensor)
    return source.point_labels(frame_index, sensor) if is_kept else None


def _class_colors(labels: PointLabels | None, kept: Bools) -> _Classes | None:
    if labels is None:
        return None
    if len(labels) != len(kept):
        hint = "are they of the same sweep?"
        raise ArgumentError(expected=f"{len(kept):,} point labels, one per point", got=f"{len(labels):,}", field="point_labels", hint=hint)
    ids, index = np.unique(labels.class_id[kept], return_inverse=True)
    names = [labels.class_name(i) for i in ids.tolist() if i]
    n_none = len(ids) - len(names)
    return _Classes(index - n_none, names, [color_of(name) for name in names])


def _choose_view(points: Any, cuboids: Cuboids, center_m: Any, range_m: float | None, width_px: int, height_px: int) -> _View:
    places = np.concatenate([np.asarray(points[:, :2], np.float64), cuboids.center_m[:, :2]])
    if center_m is not None:
        center = as_floats("center_m", center_m, (2,))
    else:
        middle = np.median(places, axis=0) if len(places) else np.zeros(2)
        spread = np.quantile(np.abs(places - middle), 0.98) if len(places) else 0.0
        center = np.zeros(2) if np.abs(middle).max() <= 2 * spread + 20 else middle
    if range_m is None:
        far = [20.0]
        if len(points):
            far.append(float(np.quantile(np.abs(np.asarray(points[:, :2], np.float64) - center).max(1), 0.97)))
        if len(cuboids):
            far.append(float(np.abs(cuboids.center_m[:, :2] - center).max()) + 4)
        range_m = min(max(far), 50.0)
    if isinstance(range_m, bool) or not isinstance(range_m, (int, float, np.number)) or not (math.isfinite(range_m) and range_m > 0):
        raise ArgumentError(expected="a positive number of metres", got=repr(range_m), field="range_m", hint="leave it out for what shows most")
    return _View((float(center[0]), float(center[1])), min(width_px, height_px) / 2 / range_m, width_px, height_px)


def _draw_rings(canvas: Canvas, view: _View) -> None:
    u, v = view.uv((0.0, 0.0))
    reach = math.hypot(canvas.width_px, canvas.height_px) / view.px_per_m
    if not (-canvas.width_px < u < 2 * canvas.width_px and -canvas.height_px < v < 2 * canvas.height_px):
        return
    step = _round_length(reach / 8)
    for k in range(1, 16):
        radius = k * step * view.px_per_m
        canvas.circle(u, v, radius, RING, view.scale)
        canvas.text(f"{k * step:g} m", u + radius * math.sin(0.6) + 3, v - radius * math.cos(0.6), (84, 93, 112), 0.85 * view.scale)
    canvas.line([(u, -1), (u, canvas.height_px)], RING, view.scale, opacity=0.6)
    canvas.line([(-1, v), (canvas.width_px, v)], RING, view.scale, opacity=0.6)


def _draw_points(canvas: Canvas, view: _View, points: Any, paint: UInt8s | None, shown: Shown | None, classes: _Classes | None) -> None:
    """paint : (N, 3) colours, None for those of the classes; shown : the cuboids that colour the points in them, None where they do not"""
    if not len(points):
        return
    z = np.asarray(points[:, 2], np.float64)
    colors = np.tile(np.array(NO_CLASS, np.uint8), (len(z), 1)) if paint is None else paint.copy()
    if classes is not None:
        for m, color in enumerate(classes.colors):
            colors[classes.index == m] = color
    # in double precision whatever came: what counted points before has compiled that, and a picture's points are few
    owner = np.full(len(points), -1)
    if classes is None and shown is not None and len(shown.cuboids):
        owner = points_in_cuboids(np.asarray(points, np.float64), shown.cuboids).first
        for m in np.unique(owner[owner >= 0]):
            colors[owner == m] = lighter(shown.colors[m], 0.35)
    order = np.argsort(z, kind="stable")
    order = np.concatenate([order[owner[order] < 0], order[owner[order] >= 0]])
    uv = view.uv(points[order])
    canvas.points(uv[:, 0], uv[:, 1], colors[order], round((2 if view.px_per_m >= 7 * view.scale else 1) * view.scale))


def _draw_trails(canvas: Canvas, view: _View, scene: Scene, frame_index: int, frame: str) -> None:
    """Where the centres were in the last frames, brightest now, seen from the present pose."""
    if not scene.tracks or len(scene) < 2:
        return
    now = frame_index % len(scene)
    first = max(0, now - 25)
    if first == now:
        return
    stamps = scene.times_ns[first : now + 1]
    many = interpolate_tracks(scene.tracks, stamps)
    centers = many.cuboids.center_m
    if frame != scene.label_frame:
        centers = scene.transform(frame, scene.label_frame, int(scene.times_ns[now])).apply(centers)
    for i in np.unique(many.track_index):
        mine = many.track_index == i
        path = np.full((len(stamps), 2), np.nan)
        path[many.time_index[mine]] = view.uv(centers[mine])
        color = color_of(scene.tracks[i].category)
        for a in range(len(path) - 1):
            if np.isfinite(path[a : a + 2]).all() and np.abs(path[a + 1] - path[a]).max() > 0.3:
                canvas.line(path[a : a + 2], _mixed(BACKGROUND, color, 0.12 + 0.55 * (a + 1) / len(path)), 2 * view.scale)


def _mixed(ground: Color, color: Color, share: float) -> Color:
    red, green, blue = (round(g + share * (c - g)) for g, c in zip(ground, color))
    return red, green, blue


def _draw_ego(canvas: Canvas, view: _View) -> None:
    nose, tail, half = 2.2, -1.9, 0.95
    arrow = view.uv([(nose, 0), (tail, half), (tail + 0.8, 0), (tail, -half)])
    canvas.fill(arrow, EGO, 0.9)
    canvas.line(arrow, EGO, view.scale, closed=True)


def _draw_cuboids(canvas: Canvas, view: _View, shown: Shown, labels: bool) -> None:
    corners = view.uv(shown.cuboids.corners_m()[..., :2])
    thick = (2 if view.px_per_m >= 6 * view.scale else 1) * view.scale
    for corner, color in zip(corners, shown.colors):
        top = corner[[0, 1, 5, 4]]
        canvas.fill(top, color, 0.16)
        canvas.line(corner[[3, 2, 6, 7]], color, view.scale, closed=True, opacity=0.35)  # the lower face shows where a cuboid is tilted
        canvas.line(top, color, thick, closed=True)
        front, middle = corner[:4].mean(0), corner.mean(0)
        canvas.line(corner[[0, 1]], BRIGHT, thick, opacity=0.85)
        ahead = front - middle
        tip = front + ahead / max(np.linalg.norm(ahead), 1e-9) * np.clip(0.8 * view.px_per_m, 5 * view.scale, 14 * view.scale)
        canvas.line([middle, tip], color, thick)
        _arrow_head(canvas, tip, ahead, color, 3.0 * view.scale + thick)
    if labels:
        _draw_labels(canvas, view.scale, corners, shown)


def _draw_labels(canvas: Canvas, scale: float, corners: Any, shown: Shown) -> None:
    """Right of the cuboid, or left where the right side is taken; left out where both are."""
    taken = [(*corner.min(0), *corner.max(0)) for corner in corners]
    size_px = np.array([canvas.width_px, canvas.height_px])
    for m in np.argsort(np.abs(corners.mean(1) - size_px / 2).sum(1)):
        low, high, caption = corners[m].min(0), corners[m].max(0), shown.captions[m]
        if not caption or (high < 0).any() or (low >= size_px).any():
            continue
        width, height = canvas.text_size(caption, 0.9 * scale)
        v = (low[1] + high[1] + height) / 2
        for u in (high[0] + 9 * scale, low[0] - width - 9 * scale):
            if 4 <= u <= canvas.width_px - width - 4 and free_place(taken, u, v, width, height):
                canvas.text(caption, u, v, lighter(shown.colors[m], 0.25), 0.9 * scale, backdrop=BACKGROUND)
                break


def _arrow_head(canvas: Canvas, tip: Any, ahead: Any, color: Color, size_px: float) -> None:
    unit = ahead / max(np.linalg.norm(ahead), 1e-9)
    side = np.array([-unit[1], unit[0]])
    canvas.fill([tip + unit * size_px * 0.6, tip - unit * size_px + side * size_px * 0.8, tip - unit * size_px - side * size_px * 0.8], color)


def _draw_scale(canvas: Canvas, view: _View) -> None:
    length = _round_length(canvas.width_px * 0.16 / view.px_per_m)
    right, v = canvas.width_px - 24 * view.scale, canvas.height_px - 24 * view.scale
    left = right - length * view.px_per_m
    canvas.line([(left, v), (right, v)], BRIGHT, 2 * view.scale)
    for u in (left, right):
        canvas.line([(u, v - 5 * view.scale), (u, v + 5 * view.scale)], BRIGHT, 2 * view.scale)
    text = f"{length:g} m"
    canvas.text(text, (left + right - canvas.text_size(text, view.scale)[0]) / 2, v - 10 * view.scale, BRIGHT, view.scale)


def _draw_caption(
    canvas: Canvas, scale: float, scene: Scene | None, frame_index: int, n_points: int | None, shown: Shown, classes: _Classes | None
) -> None:
    """Title above, classes with their colours and counts below it: of cuboids, and of points where these have some."""
    u, v = 20 * scale, 30 * scale
    if scene is not None:
        now = frame_index % len(scene)
        when = f"   {(int(scene.times_ns[now]) - int(scene.times_ns[0])) * 1e-9:.2f} s" if scene.has_time else ""
        seen = "no sweep" if n_points is None else number_of(n_points, "point")
        canvas.text(scene.name, u, v, BRIGHT, 1.35 * scale, backdrop=BACKGROUND)
        v += 22 * scale
        canvas.text(f"frame {now + 1} of {len(scene)}{when}   {seen}", u, v, SOFT, scale, backdrop=BACKGROUND)
        v += 26 * scale
    said = {name: str(list(shown.categories).count(name)) for name in shown.categories if name}
    for m, name in enumerate(classes.names if classes is not None else ()):
        n = f"{int(np.count_nonzero(classes.index == m)):,} points" if classes is not None else ""
        said[name] = f"{said[name]}, {n}" if name in said else n
    for name, text in sorted(said.items()):
        low, high = (u, v - 9 * scale), (u + 10 * scale, v + scale)
        canvas.fill([low, (high[0], low[1]), high, (low[0], high[1])], color_of(name))
        canvas.text(f"{name}  {text}", u + 18 * scale, v, SOFT, scale, backdrop=BACKGROUND)
        v += 20 * scale


def _round_length(length_m: float) -> float:
    """The nearest 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(length_m))
    return min((1 * power, 2 * power, 5 * power, 10 * power), key=lambda step: abs(math.log(step / length_m)))
