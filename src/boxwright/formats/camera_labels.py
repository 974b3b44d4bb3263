"""What formats of labels in the pictures of several cameras share: whose labels there are, which of them are cuboids as cameras saw them, and the
visible spans that platforms keep tracks as.

Platforms that know no cuboids get the boxes around what each camera sees of them, "<track>@<camera>". What comes back under such a name is known
to be that object; object_links.py has what other names need.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Bools, Int64s, UInt8s
from ..cameras import UncalibratedCamera
from ..errors import ArgumentError, number_of
from ..image_tracks import FilledImageTrack, ImageTrack, ImageTracks
from ..keyframes import Origin, State, Visibility
from ..linking.projecting import boxes_of_tracks
from ..scene import CameraSensor, Scene
from ..shapes2d import Boxes, Keypoints, RotatedBoxes, Shapes
from .declared import Capabilities
from .dense_tracks import dense_image_track
from .frame_rates import rate_of
from .laid_over import notes_on_sizes
from .losses import lost_beside_labels, lost_cuboids, lost_of_labels
from .object_links import told_object
from .reach import check_pixels
from .write_report import Told, WriteReport

__all__ = [
    "EDGE_PX",
    "CameraLabels",
    "Span",
    "boxes_of_cuboids",
    "camera_labels",
    "changes_of",
    "check_sees",
    "cut_to_pictures",
    "say_what_pictures_lose",
    "spans_between",
    "spans_of",
    "track_of_spans",
    "with_boxes_of_cuboids",
]

EDGE_PX = 0.5  # platforms count pixels from the picture's corner, boxwright from the centre of the first pixel
_UNEVEN_NS = 1  # of a rate that is no whole number of nanoseconds
_STRAIGHT = (Boxes, Keypoints)  # whose numbers run straight between keyframes wherever they are read


@dataclass(eq=False)
class CameraLabels:
    """The labels in the pictures of one camera.

    stamps_ns : (F,) when the camera exposed each frame, as it increases or not
    labelled : the scene's tracks in these pictures, as far as they are written
    n_projected : how many tracks of cuboids were seen when `tracks` was last gone through; has_attributes, n_occluded : whether these have
        attributes, and how many of their keyframes are occluded; dense, n_ends : tracks of which `spans_of` told every frame, as it had to,
        and how many labels of others it made keyframes as a visible span begins or ends there
    """

    scene: Scene
    sensor: CameraSensor
    stamps_ns: Int64s
    labelled: Sequence[ImageTrack]
    n_projected: int = 0
    has_attributes: bool = False
    n_occluded: int = 0
    dense: list[str] = field(default_factory=list)
    n_ends: int = 0

    @property
    def name(self) -> str:
        return self.sensor.name

    @property
    def n_tracks(self) -> int:
        """Once `tracks` has been gone through."""
        return len(self.labelled) + self.n_projected

    @property
    def rate_hz(self) -> float:
        """The scene's, one for all cameras; 0 where it has none."""
        return rate_of(self.scene)

    def tracks(self) -> Iterator[ImageTrack]:
        """Those that the scene has, then those of cuboids. These are made as they are asked for, and anew each time: a clip may have millions of
        boxes."""
        self.n_projected, self.has_attributes, self.n_occluded, self.n_ends = 0, False, 0, 0
        self.dense.clear()
        yield from self.labelled
        for track in boxes_of_cuboids(self.scene, self.name):
            check_pixels([track])
            self.n_projected += 1
            self.has_attributes |= bool(track.attributes)
            self.n_occluded += int((track.visibility == Visibility.OCCLUDED).sum())
            yield track


class Span(NamedTuple):
    """Frames in a row in which a track is seen.

    first, last : both included
    frames : (N,) those at which its shape is told, the first and last among them; between two the shape runs straight
    shapes : (N,). is_occluded : (N,)
    """

    first: int
    last: int
    frames: Int64s
    shapes: Shapes
    is_occluded: Bools


# ------------------------------------------------------------ to platforms


def boxes_of_cuboids(scene: Scene, camera: str) -> Iterator[ImageTrack]:
    """Tracks of boxes for the scene's cuboids, in the pictures of a calibrated camera in which nobody has labelled that object yet."""
    if isinstance(scene.camera(camera).camera, UncalibratedCamera) or not len(scene):
        return
    known = {track.object_id for track in scene.image_tracks if track.camera == camera}
    ids = {track.track_id for track in (*scene.tracks, *scene.image_tracks)}
    fresh = [track for track in scene.tracks if track.track_id not in known and f"{track.track_id}@{camera}" not in ids]
    for track in boxes_of_tracks(scene, camera, fresh) if fresh else ():
        yield track.replace(keyframe_attributes=())  # how much of each lies outside is worked out again where it is wanted


def with_boxes_of_cuboids(scene: Scene, cameras: Iterable[str] | None = None) -> Scene:
    """The scene with the boxes of its cuboids in some cameras, by default in all."""
    fresh = [track for name in (scene.cameras if cameras is None else cameras) for track in boxes_of_cuboids(scene, name)]
    return scene.replace(image_tracks=ImageTracks([*scene.image_tracks, *fresh])) if fresh else scene


def cut_to_pictures(scene: Scene) -> Scene:
    """The scene with tracks that leave the pictures as boxes that end with them, at every frame; without those of which nothing is in a picture."""
    tracks = [_cut(track, scene.exposures_ns(track.camera), scene.camera(track.camera).camera.size_px) for track in scene.image_tracks]
    return scene.replace(image_tracks=ImageTracks([track for track in tracks if track is not None]))


def _cut(track: ImageTrack, stamps_ns: Int64s, size_px: tuple[int, int]) -> ImageTrack | None:
    times = np.unique(stamps_ns)
    filled = track.at(times)
    bounds = filled.shapes.bounds_xyxy()
    seen = filled.is_valid & np.isfinite(bounds).all(axis=1)
    edge = np.array(size_px) - EDGE_PX
    told, is_long = bounds[seen].reshape(-1, 2), False
    if isinstance(filled.shapes, RotatedBoxes):  # of which the corner that they turn about is told, and their size
        told, is_long = filled.shapes.corners_uv()[seen, 0], bool((filled.shapes.size_px[seen] > size_px).any())
    if not is_long and not ((told < -EDGE_PX) | (told > edge)).any():
        return track
    seen &= (bounds[:, 2:] >= -EDGE_PX).all(axis=1) & (bounds[:, :2] <= edge).all(axis=1)
    frames = np.flatnonzero(seen)
    if not len(frames):
        return None
    held, sides = filled.attributes, np.tile(edge, 2)
    return dense_image_track(
        track.track_id,
        track.category,
        track.camera,
        frames,
        times,
        Boxes(np.clip(bounds[frames], -EDGE_PX, sides)),
        visibility=track.visibility[filled.keyframe_index[frames]].tolist(),
        attributes=[{name: value for name, value in held[i].items() if name not in track.attributes} for i in frames.tolist()],
        object_id=track.object_id,
    ).replace(attributes=track.attributes, source_attributes=track.source_attributes)


def camera_labels(scene: Scene, report: WriteReport, camera: str | None, *, cut: bool = False) -> list[CameraLabels]:
    """The labels of every camera that has some, or of the one that is named; of the first where nobody has. The report says what is not written.

    cut : whether the platform refuses what reaches out of a picture

    ArgumentError where there is no camera.
    """
    if camera is not None:
        scene.camera(camera)
    check_pixels(scene.image_tracks)
    labelled: Sequence[ImageTrack] = scene.image_tracks
    if cut:
        labelled = cut_to_pictures(scene).image_tracks
        uncut = {track.track_id: track for track in scene.image_tracks}
        changed = [track for track in labelled if uncut.pop(track.track_id) is not track]
        if changed:
            said = f"{number_of(len(changed), 'track')} reaching out of the picture: boxes that end with it"
            report.rounded.append(Told("shapes", said, [track.track_id for track in changed]))
        if uncut:
            report.dropped.append(Told("shapes video", f"{number_of(len(uncut), 'track')} of which nothing is in a picture", uncut))
    names = [name for name in scene.cameras if _has_labels(scene, labelled, name)] if camera is None else [camera]
    names = names or list(scene.cameras)[:1]
    report.notes += notes_on_sizes(scene)
    if not names:
        raise ArgumentError(
            "the format holds labels in pictures", expected="a scene with a camera", field="scene.cameras", hint="write another format"
        )
    if camera is not None or not any(_has_labels(scene, labelled, name) for name in names):
        check_sees(scene, names[0])
    left_out = [track.track_id for track in labelled if track.camera not in names]
    if left_out:
        said = f"{number_of(len(left_out), 'track')} in the pictures of other cameras than {', '.join(names)}"
        report.dropped.append(Told("shapes video relations", said, left_out))
    return [CameraLabels(scene, scene.camera(name), scene.exposures_ns(name), [one for one in labelled if one.camera == name]) for name in names]


def check_sees(scene: Scene, camera: str) -> None:
    """ArgumentError where there are cuboids alone, and a camera that nobody has calibrated: what it sees of them cannot be told."""
    is_known = not isinstance(scene.camera(camera).camera, UncalibratedCamera)
    if is_known or not scene.tracks or any(track.camera == camera for track in scene.image_tracks):
        return
    others = [name for name, sensor in scene.cameras.items() if not isinstance(sensor.camera, UncalibratedCamera)]
    hint = f"name {' or '.join(others)} with camera=" if others else "write a format that holds cuboids, or add the camera's calibration"
    what = f"it has no calibration and no labels, so that nothing of {number_of(len(scene.tracks), 'track')} of cuboids can be told in its pictures"
    raise ArgumentError(what, expected="a calibrated camera", got=repr(camera), field="camera", hint=hint)


def _has_labels(scene: Scene, labelled: Sequence[ImageTrack], camera: str) -> bool:
    return any(track.camera == camera for track in labelled) or next(boxes_of_cuboids(scene, camera), None) is not None


def say_what_pictures_lose(scene: Scene, cameras: Sequence[CameraLabels], report: WriteReport, said: Capabilities) -> None:
    """How many tracks were written, and what the format has no place for, by what it says of itself. Its frames count from 0 where they lose their
    names."""
    report.n_frames, report.n_tracks = len(scene), sum(one.n_tracks for one in cameras)
    n_projected = sum(one.n_projected for one in cameras)
    if n_projected:
        report.notes.append(f"{number_of(len(scene.tracks), 'track')} of cuboids became {number_of(n_projected, 'track')} of boxes in the pictures")
    labelled = [track for one in cameras for track in one.labelled]
    of_labels = lost_of_labels(
        scene, labelled, said, has_attributes=any(one.has_attributes for one in cameras), n_occluded=sum(one.n_occluded for one in cameras)
    )
    dense = [track_id for one in cameras for track_id in one.dense]
    if dense and said.can_write("keyframes"):
        what = f"{number_of(len(dense), 'track')} of other curves than straight ones through even steps: keyframes at every frame"
        report.rounded.append(Told("keyframes", what, dense))
    n_ends = sum(one.n_ends for one in cameras)
    if n_ends and said.can_write("keyframes"):
        what = f"{number_of(n_ends, 'label')} where a visible span begins or ends: keyframes there"
        report.rounded.append(Told("keyframes", what, n=n_ends))
    report.dropped[:0] = lost_cuboids(scene)
    report.dropped += of_labels + lost_beside_labels(scene, said, [str(i) for i in range(len(scene))])


def spans_of(one: CameraLabels, track: ImageTrack, kinds: tuple[type[Shapes], ...]) -> Iterator[Span]:
    """The visible spans of a track, frame by frame as boxwright has them.

    kinds : of shapes that the platform knows; others become the boxes around them, where there are any

    Only keyframes are told where the platform's own straight line between them is the track's; where it is not, as in frames at uneven times, every
    frame is.
    """
    stamps_ns = one.stamps_ns
    filled = track.at(stamps_ns)
    shapes = filled.shapes if isinstance(track.shapes, kinds) else None
    bounds = filled.shapes.bounds_xyxy()
    is_there = filled.is_valid & (np.isfinite(bounds).all(axis=1) if shapes is None else True)
    seen = np.flatnonzero(is_there)
    if not len(seen):
        return
    keep = _told(track, filled, stamps_ns, shapes is not None)
    is_between = filled.state != State.KEYFRAME
    is_dense = bool(keep.all() and is_between[seen].any())
    one.dense += [track.track_id] if is_dense else []
    codes = track.visibility[np.maximum(filled.keyframe_index, 0)]
    for run in np.split(seen, np.flatnonzero(np.diff(seen) > 1) + 1):
        told = run[keep[run] | (run == run[0]) | (run == run[-1])]
        one.n_ends += 0 if is_dense else int(is_between[told].sum())
        here = Boxes(bounds[told]) if shapes is None else shapes[told]
        yield Span(int(run[0]), int(run[-1]), told, here, codes[told] == Visibility.OCCLUDED)


def _told(track: ImageTrack, filled: FilledImageTrack, stamps_ns: Int64s, is_own: bool) -> Bools:
    """(F,) the frames at which the shape must be told."""
    steps = np.diff(stamps_ns)
    is_even = len(steps) == 0 or (int(steps.min()) > 0 and int(np.ptp(steps)) <= _UNEVEN_NS)
    is_straight = track.method == "linear" and isinstance(track.shapes, _STRAIGHT) and is_own
    if not (is_even and is_straight and np.isin(track.times_ns, stamps_ns).all()):
        return np.ones(len(stamps_ns), bool)
    return np.isin(stamps_ns, track.times_ns)


def changes_of(one: CameraLabels, track: ImageTrack, spans: Sequence[Span]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """What attributes begin to say, and at which frame, None where one ends; in frames that are seen."""
    if not any(track.keyframe_attributes):
        return
    filled = track.at(one.stamps_ns)
    said, keyframes, held, last = filled.attributes, filled.keyframe_index.tolist(), dict(track.attributes), -1
    for span in spans:
        for frame in range(span.first, span.last + 1):
            k = keyframes[frame]
            if k == last:
                continue
            here, last = said[frame], k
            yield frame, {name: value for name, value in here.items() if name not in held or held[name] != value}
            held = dict(here)


# ------------------------------------------------------------ from platforms


def track_of_spans(
    track_id: str, category: str, camera: str, spans: Sequence[Span], n_frames: int, *, attributes: Mapping[str, Any] | None = None, **said: object
) -> ImageTrack:
    """A track from its visible spans, in order, with times in frames; the end of a span is one more keyframe, OUTSIDE, but at the clip's end."""
    attributes = dict(attributes or {})
    parts: list[Shapes] = []
    frames: list[Int64s] = []
    codes: list[UInt8s] = []
    origins: list[UInt8s] = []
    for k, span in enumerate(spans):
        is_last = k == len(spans) - 1
        ends = [span.last + 1] if not is_last and spans[k + 1].first > span.last + 1 else []
        parts += [span.shapes, *[span.shapes[-1:] for _ in ends]]
        frames.append(np.concatenate([span.frames, np.array(ends, np.int64)]))
        visible = np.where(span.is_occluded, np.uint8(Visibility.OCCLUDED), np.uint8(Visibility.VISIBLE))
        codes.append(np.concatenate([visible, np.full(len(ends), Visibility.OUTSIDE, np.uint8)]))
        origins.append(np.full(len(frames[-1]), Origin.GIVEN, np.uint8))
    return ImageTrack(
        track_id,
        category,
        camera,
        np.concatenate(frames),
        type(parts[0]).concatenate(parts),
        visibility=np.concatenate(codes),
        origin=np.concatenate(origins),
        object_id=told_object(attributes, track_id, camera),
        attributes=attributes,
        **said,  # type: ignore[arg-type]
    )


def spans_between(runs: Sequence[tuple[int, int]], told: Int64s, shapes: Shapes, *, is_straight: bool) -> list[Span]:
    """Visible spans with their ends told: they lie where a track through all that is told has them, and before and behind that it stays.

    runs : first and last frames, both included
    told : (K,) frames, increasing, at which the K shapes are told
    is_straight : whether the shape runs straight between them, or stays until the next
    """
    firsts, lasts = np.array(runs, np.int64).reshape(-1, 2).T
    inside = zip(np.searchsorted(told, firsts).tolist(), np.searchsorted(told, lasts, side="right").tolist())
    frames = [np.unique(np.concatenate([[first], told[a:b], [last]])) for (first, last), (a, b) in zip(runs, inside)]
    if not frames:
        return []
    asked = np.clip(np.concatenate(frames), told[0], told[-1])
    at = np.searchsorted(told, asked)
    if np.array_equal(told[at], asked):
        here = shapes[at]
    else:
        track = ImageTrack("told", "told", "told", told, shapes, **({} if is_straight else {"method": "hold"}))  # type: ignore[arg-type]
        here = track.at(asked).shapes
    ends = np.cumsum([len(one) for one in frames]).tolist()
    return [Span(first, last, one, here[end - len(one) : end], np.zeros(len(one), bool)) for (first, last), one, end in zip(runs, frames, ends)]
