"""Labels as rows, whoever read them, and which row of one reading is which of another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from ..arrays import Float64s, Int64s, UInt8s
from ..assignment import assigned
from ..cuboids import Cuboids
from ..formats.dense_tracks import moved_each
from ..image_tracks import ImageTrack, ImageTracks, interpolate_image_tracks
from ..keyframes import Keyframed
from ..scene import Scene
from ..shapes2d import Shapes
from ..tracks import interpolate_tracks

__all__ = [
    "Clip",
    "CuboidRows",
    "Pairs",
    "Rows",
    "ShapeRows",
    "called_now",
    "common_frame",
    "cuboid_rows",
    "pair_cuboids",
    "pair_shapes",
    "renamed",
    "shape_rows",
]

ANY_FRAME = -1  # in the place of a frame: what holds at those of which nothing else is known
_CLOSE = 0.01  # metres, pixels: what is nearer counts little more than this when labels without common ids are paired


@dataclass(frozen=True)
class Clip:
    """The frames of one scene, or of several that stand for one, in order.

    places : F pairs of a scene and a frame's index in it
    """

    places: Sequence[tuple[Scene, int]]

    @classmethod
    def of(cls, scenes: Sequence[Scene]) -> Clip:
        return cls([(scene, i) for scene in scenes for i in range(len(scene))])

    def __len__(self) -> int:
        return len(self.places)

    @property
    def scenes(self) -> list[tuple[Scene, Int64s, Int64s]]:
        """Each scene, its frames that count, and their places in the clip."""
        found: dict[int, tuple[Scene, list[int], list[int]]] = {}
        for place, (scene, i) in enumerate(self.places):
            _, frames, places = found.setdefault(id(scene), (scene, [], []))
            frames.append(i)
            places.append(place)
        return [(scene, np.array(frames, np.int64), np.array(places, np.int64)) for scene, frames, places in found.values()]

    def taken(self, index: Sequence[int]) -> Clip:
        return Clip([self.places[i] for i in index])


@dataclass(frozen=True, eq=False)
class Rows:
    """R labels. frame : (R,) places in the clip. track : (R,) into track_ids; a clip of several scenes has the tracks of each

    tracks : the tracks themselves, where a scene told them
    attributes, sources : for each row, what holds there, and what its file has beside; empty where nobody has any
    """

    frame: Int64s
    track: Int64s
    track_ids: Sequence[str]
    categories: Sequence[str]
    state: UInt8s | None = None
    visibility: UInt8s | None = None
    tracks: Sequence[Keyframed] = ()
    attributes: Sequence[Mapping[str, Any]] = ()
    sources: Sequence[Mapping[str, Any]] = ()

    def __len__(self) -> int:
        return len(self.frame)

    def taken(self, index: Int64s) -> Self:
        """Some of the rows, with all of the tracks."""
        return replace(
            self,
            frame=self.frame[index],
            track=self.track[index],
            state=None if self.state is None else self.state[index],
            visibility=None if self.visibility is None else self.visibility[index],
            attributes=[self.attributes[i] for i in index.tolist()] if self.attributes else (),
            sources=[self.sources[i] for i in index.tolist()] if self.sources else (),
            **self._taken(index),
        )

    def _taken(self, index: Int64s) -> dict[str, Any]:
        return {}

    def category(self, row: int) -> str:
        return self.categories[int(self.track[row])]


@dataclass(frozen=True, eq=False)
class CuboidRows(Rows):
    """cuboids : (R,) in one frame of reference."""

    cuboids: Cuboids = field(default_factory=Cuboids.empty)

    def _taken(self, index: Int64s) -> dict[str, Any]:
        return {"cuboids": self.cuboids[index]}


@dataclass(frozen=True, eq=False)
class ShapeRows(Rows):
    """xyxy : (R, 4) pixels, the boxes around the shapes. cameras : of each track. shapes : where each row's shape is, none for a client's boxes"""

    tracks: Sequence[ImageTrack] = ()
    xyxy: Float64s = field(default_factory=lambda: np.zeros((0, 4)))
    cameras: Sequence[str] = ()
    shapes: Sequence[tuple[Shapes, int]] = ()

    def _taken(self, index: Int64s) -> dict[str, Any]:
        return {"xyxy": self.xyxy[index], "shapes": [self.shapes[i] for i in index.tolist()] if self.shapes else ()}


@dataclass(frozen=True, eq=False)
class Pairs:
    """a, b : (P,) rows that are the same label. lost : rows of the first that nobody found, extra : rows of the second that nobody gave"""

    a: Int64s
    b: Int64s
    lost: Int64s
    extra: Int64s


# ------------------------------------------------------------ rows of scenes


def common_frame(clips: Sequence[Clip], wanted: str) -> str:
    """The frame of reference in which the cuboids of both are compared: the format's own where both can tell it, else that in which the last of the
    clips has them, which is where its file does. A world that only a file knows is the vehicle's own frame."""
    labelled = [scene for clip in clips for scene, _, _ in clip.scenes if scene.tracks]
    own = [scene.label_frame for scene, _, _ in clips[-1].scenes[:1]]
    for frame in dict.fromkeys([wanted or "lidar", *own, *(["ego"] if "world" in own else []), "lidar", "ego", "world"]):
        if all(_can_tell(scene, frame) for scene in labelled):
            return frame
    return "own"


def _can_tell(scene: Scene, frame: str) -> bool:
    if frame == "lidar" and not scene.lidars:
        return False
    if "world" in (frame, scene.label_frame) and frame != scene.label_frame:
        return scene.trajectory is not None and bool(scene.trajectory.covers(_labelled_times(scene)).all())
    return True


def _labelled_times(scene: Scene) -> Int64s:
    many = interpolate_tracks(scene.tracks, scene.times_ns)
    return scene.times_ns[np.unique(many.time_index)]


def cuboid_rows(clip: Clip, frame: str) -> CuboidRows:
    """All cuboids of a clip, in a frame of reference of each frame's own moment; "own" leaves them where they are."""
    parts: list[tuple[Any, ...]] = []
    tracks: list[Keyframed] = []
    for scene, frames, places in clip.scenes:
        many = interpolate_tracks(scene.tracks, scene.times_ns[frames])
        time_index = np.asarray(many.time_index, np.int64)
        cuboids = many.cuboids
        if len(many) and frame not in ("own", scene.label_frame):
            used, which = np.unique(time_index, return_inverse=True)
            poses = [scene.transform(frame, scene.label_frame, int(scene.times_ns[frames[i]])) for i in used.tolist()]
            cuboids = moved_each(cuboids, poses, which, "compared")
        parts.append((places[time_index], np.asarray(many.track_index, np.int64) + len(tracks), many.state, many.visibility, cuboids))
        tracks += scene.tracks
    keys = _together(parts)
    everything = Cuboids.concatenate([part[4].replace(frame="compared") for part in parts]) if parts else Cuboids.empty("compared")
    return CuboidRows(*keys[:2], *_said_of(tracks), *keys[2:], tracks, *_attributes(tracks, clip, *keys[:2]), everything)


def shape_rows(clip: Clip) -> ShapeRows:
    """All shapes in pictures, each at the exposure of its frame."""
    parts: list[tuple[Any, ...]] = []
    tracks: list[ImageTrack] = []
    shapes: list[tuple[Shapes, int]] = []
    for scene, frames, places in clip.scenes:
        for group, index in ImageTracks(scene.image_tracks).groups():
            many = interpolate_image_tracks(group, scene.exposures_ns(group[0].camera)[frames])
            bounds = many.shapes.bounds_xyxy()
            parts.append((places[many.time_index], index[many.track_index].astype(np.int64) + len(tracks), many.state, many.visibility, bounds))
            shapes += [(many.shapes, k) for k in range(len(many))]
        tracks += scene.image_tracks
    keys = _together(parts)
    bounds = np.concatenate([np.zeros((0, 4)), *[part[4] for part in parts]])
    cameras, said = [track.camera for track in tracks], _attributes(tracks, clip, *keys[:2])
    return ShapeRows(*keys[:2], *_said_of(tracks), *keys[2:], tracks, *said, bounds, cameras, shapes)


def _together(parts: Sequence[tuple[Any, ...]]) -> tuple[Int64s, Int64s, UInt8s, UInt8s]:
    """frame, track, state, visibility"""
    kinds: tuple[Any, ...] = (np.int64, np.int64, np.uint8, np.uint8)
    frame, track, state, visibility = (np.concatenate([np.zeros(0, kind), *[part[k] for part in parts]]) for k, kind in enumerate(kinds))
    return frame, track, state, visibility


def _said_of(tracks: Sequence[Keyframed]) -> tuple[list[str], list[str]]:
    return [track.track_id for track in tracks], [track.category for track in tracks]


def _attributes(tracks: Sequence[Any], clip: Clip, frame: Int64s, track_index: Int64s) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """What holds at each row, and what its file has beside at keyframes; nothing where no track has any."""
    has_attributes = any(track.attributes or any(track.keyframe_attributes) for track in tracks)
    with_sources = {k for k, track in enumerate(tracks) if track.source_attributes or any(track.keyframe_source_attributes)}
    held: list[Mapping[str, Any]] = [{}] * (len(frame) if has_attributes else 0)
    sources: list[Mapping[str, Any]] = [{}] * (len(frame) if with_sources else 0)
    times: dict[str, Int64s] = {}
    for k in np.unique(track_index).tolist() if has_attributes or with_sources else ():
        rows, camera = np.flatnonzero(track_index == k), getattr(tracks[k], "camera", "")
        if camera not in times:
            times[camera] = np.array([_moment(scene, i, camera) for scene, i in clip.places], np.int64)
        at = times[camera][frame[rows]]
        for row, here in zip(rows.tolist(), tracks[k].at(at).attributes if has_attributes else ()):
            held[row] = here
        for row, here in zip(rows.tolist(), _sources(tracks[k], at) if k in with_sources else ()):
            sources[row] = here
    return held, sources


def _sources(track: Keyframed, times: Int64s) -> list[Mapping[str, Any]]:
    kept = track.keyframe_source_attributes
    at = np.minimum(np.searchsorted(track.times_ns, times), len(track) - 1)
    own = [kept[row] if is_key and kept else {} for row, is_key in zip(at.tolist(), (track.times_ns[at] == times).tolist())]
    return [{**track.source_attributes, **row} for row in own]


def _moment(scene: Scene, frame_index: int, camera: str) -> int:
    """When a frame was, for a camera its exposure."""
    return int((scene.exposures_ns(camera) if camera in scene.cameras else scene.times_ns)[frame_index])


# ------------------------------------------------------------ pairs


def pair_cuboids(a: CuboidRows, b: CuboidRows, by_id: bool) -> Pairs:
    """by_id : ids that are equal say which label is which; else, and for the others, the place, size and turn do."""

    def far(i: Int64s, j: Int64s) -> Float64s:
        center = np.linalg.norm(a.cuboids.center_m[i][:, None] - b.cuboids.center_m[j][None], axis=2)
        size = np.abs(a.cuboids.size_m[i][:, None] - b.cuboids.size_m[j][None]).sum(2)
        turn = 1 - np.abs(a.cuboids.quat_wxyz[i] @ b.cuboids.quat_wxyz[j].T)
        return np.asarray(center + 0.1 * size + turn)

    return _paired(a, b, by_id, far, [""] * len(a), [""] * len(b))


def pair_shapes(a: ShapeRows, b: ShapeRows, by_id: bool, objects: Mapping[tuple[int, str], str] | None = None) -> Pairs:
    """As `pair_cuboids`, within each camera; where one of the two knows one camera alone, by whatever name, it is the one of the other that fits.

    objects : what the cuboids of each frame and track are called now, where a format may keep the shapes of these alone, and have some where nobody
        gave any. Where all that came back are such, shapes of one object go together, and no others
    """
    cameras_a, cameras_b = list(a.cameras), list(b.cameras)
    if len({*cameras_b}) == 1:
        cameras_b = [_which_camera(a, b)] * len(cameras_b)
    elif len({*cameras_a}) == 1:
        cameras_a = [_which_camera(b, a)] * len(cameras_a)
    groups_a, groups_b = ([cameras[k] for k in rows.track.tolist()] for rows, cameras in ((a, cameras_a), (b, cameras_b)))
    if objects is not None and all(track.object_id is not None for track in b.tracks):
        known = [(frame, a.tracks[k].object_id or "") for frame, k in zip(a.frame.tolist(), a.track.tolist())]
        groups_a = [f"{camera} {objects.get(key, objects.get((ANY_FRAME, key[1])))!r}" for camera, key in zip(groups_a, known)]
        groups_b = [f"{camera} {b.tracks[k].object_id!r}" for camera, k in zip(groups_b, b.track.tolist())]
    return _paired(a, b, by_id, _pixels_apart(a, b), groups_a, groups_b)


def called_now(a: Rows, b: Rows, pairs: Pairs, has_tracks: bool) -> dict[tuple[int, str], str]:
    """Frame and id of a track -> what its label there is called now: where a format has no tracks, another name in every frame; where it has, also at
    ANY_FRAME."""
    rows = zip(a.frame[pairs.a].tolist(), a.track[pairs.a].tolist(), b.track[pairs.b].tolist())
    there = {(frame, a.track_ids[i]): b.track_ids[j] for frame, i, j in rows}
    elsewhere = renamed(a, b, pairs) if has_tracks else {}
    return there | {(ANY_FRAME, track_id): name for track_id, name in elsewhere.items()}


def renamed(a: Rows, b: Rows, pairs: Pairs) -> dict[str, str]:
    """Id of a track -> what it is called now."""
    names: dict[str, str] = {}
    for i, j in zip(a.track[pairs.a].tolist(), b.track[pairs.b].tolist()):
        names.setdefault(a.track_ids[i], b.track_ids[j])
    return names


def _pixels_apart(a: ShapeRows, b: ShapeRows) -> Callable[[Int64s, Int64s], Float64s]:
    def far(i: Int64s, j: Int64s) -> Float64s:
        return np.asarray(np.nan_to_num(np.abs(a.xyxy[i][:, None] - b.xyxy[j][None]).max(2), nan=1e9))

    return far


def _which_camera(many: ShapeRows, one: ShapeRows) -> str:
    """The camera of `many` in whose pictures the labels of `one` lie, frame by frame; by its name, where no other fits better."""
    own = one.cameras[0]
    names = sorted({*many.cameras}, key=lambda name: name != own)
    if len(names) < 2:
        return names[0] if names else own
    far = _pixels_apart(many, one)
    there = _by_place(one, np.arange(len(one)), [""] * len(one))
    fits = dict.fromkeys(names, 0.0)
    for (frame, camera), rows in _by_place(many, np.arange(len(many)), [many.cameras[k] for k in many.track.tolist()]).items():
        others = there.get((frame, ""), [])
        if others:
            fits[camera] += float((1 / (_CLOSE + far(np.array(rows), np.array(others)))).max(0).sum())
    return max(names, key=lambda name: fits[name])


def _paired(a: Rows, b: Rows, by_id: bool, far: Callable[[Int64s, Int64s], Float64s], groups_a: Sequence[str], groups_b: Sequence[str]) -> Pairs:
    first = np.full(len(a), -1, np.int64)
    taken = np.zeros(len(b), bool)
    if by_id:
        places = {(frame, groups_b[row], b.track_ids[k]): row for row, (frame, k) in enumerate(zip(b.frame.tolist(), b.track.tolist()))}
        for row, (frame, k) in enumerate(zip(a.frame.tolist(), a.track.tolist())):
            found = places.get((frame, groups_a[row], a.track_ids[k]), -1)
            if found >= 0:
                first[row], taken[found] = found, True
    open_a = _by_place(a, np.flatnonzero(first < 0), groups_a)
    open_b = _by_place(b, np.flatnonzero(~taken), groups_b)
    for place, rows in open_a.items():
        others = np.array(open_b.get(place, []), np.int64)
        if len(others):
            i = np.array(rows, np.int64)
            p, q = assigned(1 / (_CLOSE + far(i, others)))
            first[i[p]], taken[others[q]] = others[q], True
    found_rows = np.flatnonzero(first >= 0)
    return Pairs(found_rows, first[found_rows], np.flatnonzero(first < 0), np.flatnonzero(~taken))


def _by_place(rows: Rows, index: Int64s, groups: Sequence[str]) -> dict[tuple[int, str], list[int]]:
    """(frame, group) -> rows; groups : (R,) of each row"""
    found: dict[tuple[int, str], list[int]] = {}
    for row in index.tolist():
        found.setdefault((int(rows.frame[row]), groups[row]), []).append(row)
    return found
