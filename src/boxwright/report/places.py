"""Where a finding is: from above as SVG, in a camera's picture as JPEG, as it is and as its correction would have it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..arrays import Float64s, UInt8s
from ..cameras import UncalibratedCamera
from ..checks import Finding
from ..cuboids import Cuboids
from ..errors import ArgumentError, BoxwrightError
from ..projection import project_cuboids
from ..render import render_cameras
from ..scene import Scene
from .markup import data_uri, number, text

__all__ = ["Room", "pictures_of"]

SIDE_PX, MOST_POINTS, BESIDE_FRAMES, MOST_TRACKS = 340, 2500, 6, 8
AROUND_M, LEAST_M, MOST_M = 4.0, 8.0, 60.0
CROP = 0.8  # of a box's larger side, shown around it
JPEG_QUALITY = 80
LEAST_CROP_PX = 120
MOST_BYTES = 24 * 2**20
MOST_LOOKED = 200  # frames around the worst, in which points are looked for


@dataclass(frozen=True)
class _View:
    """Metres of a frame to pixels of a square: x up, y to the left."""

    center_m: Float64s
    span_m: float

    def path(self, xy: Float64s) -> str:
        uv = self.uv(xy)
        return "M" + "L".join(f"{u:.1f} {v:.1f}" for u, v in uv.tolist()) + "z"

    def uv(self, xy: Float64s) -> Float64s:
        scale = SIDE_PX / self.span_m
        uv: Float64s = SIDE_PX / 2 - (xy[:, [1, 0]] - self.center_m[[1, 0]]) * scale
        return uv


class Room:
    """How many pictures and bytes a page still has room for.

    ArgumentError where `most_pictures` is no whole number from 0; usual : what it is where it is left out
    """

    def __init__(self, most_pictures: int, usual: int) -> None:
        if isinstance(most_pictures, bool) or not isinstance(most_pictures, (int, np.integer)) or most_pictures < 0:
            got, hint = repr(most_pictures)[:60], f"leave it out for {usual}"
            raise ArgumentError(expected="a whole number from 0", got=got, field="most_pictures", hint=hint)
        self.n_pictures, self.n_bytes = int(most_pictures), MOST_BYTES

    def pictures(self, scene: Scene, finding: Finding) -> str:
        """Those of a finding, as HTML; "" where there is no room, or nothing can be drawn."""
        if self.n_pictures <= 0 or self.n_bytes <= 0:
            return ""
        figures = "".join(pictures_of(scene, finding))
        self.n_pictures -= bool(figures)
        self.n_bytes -= len(figures)
        return f'<div class="pictures">{figures}</div>' if figures else ""


def pictures_of(scene: Scene, finding: Finding) -> list[str]:
    """Figures, as HTML: none where nothing can be drawn."""
    finding = dataclasses.replace(finding, worst_frame_index=_frame_of(scene, finding))
    after = _corrected(scene, finding)
    figures = [_from_above(scene, finding, None, "from above")]
    if after is not None and finding.track_ids:
        figures.append(_from_above(after, finding, scene, "with the correction"))
    figures += _in_camera(scene, after, finding)
    return [figure for figure in figures if figure]


def _frame_of(scene: Scene, finding: Finding) -> int:
    """Where the finding is worst; the nearest of its frames that has points or pictures, where that one has not."""
    near = sorted(finding.frames, key=lambda i: abs(i - finding.worst_frame_index))[:MOST_LOOKED]
    looks = [i for i in near if scene.has_points(i) or any(scene.has_image(i, name) for name in scene.cameras)]
    return looks[0] if looks else finding.worst_frame_index


def _corrected(scene: Scene, finding: Finding) -> Scene | None:
    try:
        return None if finding.suggestion is None else finding.suggestion.apply(scene)
    except BoxwrightError:
        return None


# ------------------------------------------------------------ from above


def _outlines(scene: Scene, index: int, frame: str, names: Sequence[str], at: int) -> list[tuple[str, Float64s]]:
    """(track, (4, 2) corners with the front ones first) of tracks in a frame, in the sensor's frame of frame `at`."""
    labels = scene.labels(index, frame)
    cuboids = labels.cuboids
    if index != at and scene.trajectory is not None:
        there = scene.transform(frame, frame, int(scene.times_ns[index]), target_time_ns=int(scene.times_ns[at]))
        cuboids = cuboids.transformed(there, frame=frame)
    corners = cuboids.corners_m()[:, [3, 2, 6, 7], :2] if len(cuboids) else np.zeros((0, 4, 2))
    ids = [scene.tracks[t].track_id for t in labels.track_index.tolist()]
    wanted = set(names)
    return [(name, corners[m]) for m, name in enumerate(ids) if not wanted or name in wanted]


def _from_above(scene: Scene, finding: Finding, before: Scene | None, caption: str) -> str:
    index = finding.worst_frame_index
    frame = next(iter(scene.lidars), scene.label_frame if scene.label_frame != "world" else "ego")
    names = finding.track_ids[:MOST_TRACKS]
    try:
        was = _outlines(before or scene, index, frame, names, index) if names else []
        here = _outlines(scene, index, frame, (), index)
    except BoxwrightError:
        return ""
    if not was and not here:
        return ""
    places = np.concatenate([corners for _, corners in was[:4]]) if was else np.zeros((1, 2))
    low, high = places.min(0), places.max(0)
    view = _View((low + high) / 2, float(np.clip((high - low).max() + AROUND_M, LEAST_M, MOST_M)) if was else MOST_M)
    body = [_points(scene, index, frame, view)]
    near = view.span_m
    body += [f'<path class="other" d="{view.path(c)}"/>' for name, c in here if name not in names and np.abs(c.mean(0) - view.center_m).max() < near]
    if names:
        for other in range(max(index - BESIDE_FRAMES, 0), min(index + BESIDE_FRAMES + 1, len(scene))):
            if other != index:
                body += _then(scene, other, frame, names[:2], index, view)
    if before is not None:
        body += [f'<path class="was" d="{view.path(corners)}"/>' for _, corners in was]
    for name, corners in here:
        if name in names:
            kind = "after" if before is not None else "own" if name == names[0] else "mate"
            front = view.uv(np.array([corners.mean(0), corners[:2].mean(0)]))
            body.append(f'<path class="{kind}" d="{view.path(corners)}M{front[0, 0]:.1f} {front[0, 1]:.1f}L{front[1, 0]:.1f} {front[1, 1]:.1f}"/>')
    size = 10.0 if view.span_m > 30 else 5.0 if view.span_m > 12 else 1.0
    body.append(f'<path class="scale" d="M10 {SIDE_PX - 10}h{size * SIDE_PX / view.span_m:.1f}"/><text x="10" y="{SIDE_PX - 16}">{size:g} m</text>')
    title = f"{caption}, frame {index}: {' '.join(names[:4]) or 'the whole frame'}"
    svg = f'<svg class="place" width="{SIDE_PX}" height="{SIDE_PX}" viewBox="0 0 {SIDE_PX} {SIDE_PX}" role="img" aria-label="{text(title)}">'
    return f"<figure>{svg}{''.join(body)}</svg><figcaption>{text(caption)}, frame {index}, {number(view.span_m)} m across</figcaption></figure>"


def _then(scene: Scene, other: int, frame: str, names: Sequence[str], index: int, view: _View) -> list[str]:
    try:
        return [f'<path class="then" d="{view.path(corners)}"/>' for _, corners in _outlines(scene, other, frame, names, index)]
    except BoxwrightError:
        return []


def _points(scene: Scene, index: int, frame: str, view: _View) -> str:
    """The points of the frame that the view holds, thinned evenly where there are many."""
    if frame not in scene.lidars or not scene.has_points(index, frame):
        return ""
    sweep = scene.still_points(index, frame)
    xy = np.asarray(sweep.xyz[:, :2], np.float64) + np.array(sweep.origin_m)[:2]
    xy = xy[(np.abs(xy - view.center_m) < view.span_m / 2).all(1)]
    if len(xy) > MOST_POINTS:
        xy = xy[np.linspace(0, len(xy) - 1, MOST_POINTS).astype(np.int64)]
    return f'<path class="pt" d="{"".join(f"M{u:.0f} {v:.0f}h.1" for u, v in view.uv(xy).tolist())}"/>' if len(xy) else ""


# ------------------------------------------------------------ in a picture


def _in_camera(scene: Scene, after: Scene | None, finding: Finding) -> list[str]:
    index = finding.worst_frame_index
    try:
        camera = finding.sensor if finding.sensor in scene.cameras else None
        window = None
        if finding.track_ids:
            found = _best_camera(scene, finding, camera)
            if found is None:
                return []
            camera, window = found
        if camera is None or not scene.has_image(index, camera):
            return []
        figures = [_shown(scene, index, camera, finding, window, f"{camera}, frame {index}")]
        if after is not None:
            figures.append(_shown(after, index, camera, finding, window, "with the correction"))
        return figures
    except BoxwrightError:
        return []


def _best_camera(scene: Scene, finding: Finding, only: str | None) -> tuple[str, Float64s] | None:
    """The camera that shows the first track largest, and where."""
    index, largest = finding.worst_frame_index, LEAST_CROP_PX / 8
    best: tuple[str, Float64s] | None = None
    for name, sensor in scene.cameras.items():
        if only not in (None, name) or isinstance(sensor.camera, UncalibratedCamera) or not scene.has_image(index, name):
            continue
        cuboids = _of_tracks(scene, index, name, finding.track_ids[:1])
        boxes = project_cuboids(cuboids, sensor.camera, np.eye(4))
        if len(cuboids) and boxes.visible[0]:
            size = float(np.sqrt(np.prod(boxes.xyxy[0, 2:] - boxes.xyxy[0, :2])))
            if size > largest:
                largest, best = size, (name, boxes.xyxy[0])
    return best


def _of_tracks(scene: Scene, index: int, frame: str, names: Sequence[str]) -> Cuboids:
    labels = scene.labels(index, frame)
    return labels.cuboids[[scene.tracks[t].track_id in names for t in labels.track_index.tolist()]]


def _shown(scene: Scene, index: int, camera: str, finding: Finding, window: Float64s | None, caption: str) -> str:
    frame = next(iter(scene.lidars), "ego")
    own = None
    if finding.track_ids:
        own = _of_tracks(scene, index, frame, finding.track_ids[:MOST_TRACKS])
    picture = render_cameras(scene, index, [camera], cuboids=own, categories=None if own is None else ["car"] * len(own), labels=False)[camera]
    jpeg = _jpeg(picture if window is None else _cropped(picture, window))
    alt = f"{caption}: {finding.rule}"
    return f'<figure><img alt="{text(alt)}" src="{data_uri("image/jpeg", jpeg)}"><figcaption>{text(caption)}</figcaption></figure>'


def _cropped(picture: UInt8s, window: Float64s) -> UInt8s:
    height, width = picture.shape[:2]
    reach = max(max(window[2] - window[0], window[3] - window[1]) * CROP, LEAST_CROP_PX / 2)
    u, v = (window[0] + window[2]) / 2, (window[1] + window[3]) / 2
    left, top = int(np.clip(u - reach, 0, width - 2)), int(np.clip(v - reach, 0, height - 2))
    right, bottom = int(np.clip(u + reach, left + 2, width)), int(np.clip(v + reach, top + 2, height))
    return picture[top:bottom, left:right]


def _jpeg(picture: UInt8s) -> bytes:
    """At most SIDE_PX high and twice as wide."""
    import cv2

    height, width = picture.shape[:2]
    scale = min(SIDE_PX / height, 2 * SIDE_PX / width, 3.0)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    done, content = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return bytes(content) if done else b""
