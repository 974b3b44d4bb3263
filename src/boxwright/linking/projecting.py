"""Tracks of cuboids become tracks of boxes in the pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..arrays import Float64s, Int32s, Int64s, UInt8s, as_floats, check_kind, frozen
from ..cuboids import table_library
from ..errors import ArgumentError, number_of
from ..image_tracks import ImageTrack, ImageTracks
from ..keyframes import Origin, Visibility, code_names
from ..occlusion import depth_map
from ..scene import Scene
from ..shapes2d import Boxes
from ..tracks import Track, Tracks, interpolate_tracks
from .pictured import Exposures, Sightings, cameras_of, exposures_of, sightings

__all__ = ["ProjectedTracks", "boxes_of_tracks", "project_tracks"]

OCCLUDED_BELOW = 0.5
_ROWS_AT_ONCE = 4096  # of labels that are made and written before the next ones
EXTENTS = ("visible", "whole")
COLUMNS = ("camera_index", "track_index", "frame_index", "times_ns", "visible_xyxy", "whole_xyxy", "truncation", "visible_share", "visibility")


@dataclass(frozen=True, eq=False)
class ProjectedTracks:
    """Tracks of cuboids as cameras saw them: R rows, by camera, frame and track, one for each of which a part is in a picture.

    tracks : the scene's tracks; cameras : names
    camera_index, track_index, frame_index : (R,) int32; camera_index counts in `cameras`
    times_ns : (R,) int64, when the camera exposed the frame
    visible_xyxy : (R, 4) what the picture shows, left, top, right, bottom in pixels, within -0.5 and width or height - 0.5
    whole_xyxy : (R, 4) the whole cuboid, out of the picture too; NaN where a part lies behind the camera or beyond the domain of the lens
    truncation : (R,) share of the whole that is out of the picture
    visible_share : (R,) share, of what the picture would show were the object alone, that nothing hides from the camera; NaN where no points tell
    visibility : (R,) uint8 of Visibility: OCCLUDED where the visible share is below the one asked for; where no points tell, what the track says
    notes : what was left out, one sentence each
    """

    tracks: Tracks
    cameras: tuple[str, ...]
    camera_index: Int32s
    track_index: Int32s
    frame_index: Int32s
    times_ns: Int64s
    visible_xyxy: Float64s
    whole_xyxy: Float64s
    truncation: Float64s
    visible_share: Float64s
    visibility: UInt8s
    notes: tuple[str, ...]
    _exits: dict[tuple[int, int], Int64s] = field(repr=False)

    def __len__(self) -> int:
        return len(self.track_index)

    def image_tracks(self, extent: str = "visible") -> ImageTracks:
        """One track of boxes for each object and camera that saw it, "<track>@<camera>", its object_id that of the cuboids; all keyframes are FILLED.

        extent : "visible", or "whole" for the boxes of whole cuboids; where these have no end in pixels, of the visible part all the same

        Keyframes lie at the exposures of the frames; an OUTSIDE one, with the last box, where the object is first out of the picture, or not there.
        Keyframe attributes: `truncation`, and `visible_share` where points tell it.
        """
        if extent not in EXTENTS:
            raise ArgumentError(expected="'visible' or 'whole'", got=repr(extent)[:60], field="extent", hint="'visible' ends with the picture")
        xyxy = self.visible_xyxy if extent == "visible" else np.where(np.isnan(self.whole_xyxy), self.visible_xyxy, self.whole_xyxy)
        order = np.lexsort((self.times_ns, self.track_index, self.camera_index))
        keys = self.camera_index[order].astype(np.int64) * max(len(self.tracks), 1) + self.track_index[order]
        groups = np.split(order, np.flatnonzero(np.diff(keys)) + 1) if len(order) else []
        return ImageTracks([self._image_track(rows, xyxy) for rows in groups])

    def _image_track(self, rows: Int64s, xyxy: Float64s) -> ImageTrack:
        track, camera = self.tracks[int(self.track_index[rows[0]])], self.cameras[int(self.camera_index[rows[0]])]
        exits = self._exits.get((int(self.camera_index[rows[0]]), int(self.track_index[rows[0]])), np.zeros(0, np.int64))
        before = np.searchsorted(self.times_ns[rows], exits) - 1
        times = np.concatenate([self.times_ns[rows], exits])
        order = np.argsort(times)
        said: list[dict[str, Any]] = [{"truncation": float(self.truncation[row])} for row in rows.tolist()]
        for row, one in zip(rows.tolist(), said):
            if np.isfinite(self.visible_share[row]):
                one["visible_share"] = float(self.visible_share[row])
        said += [{} for _ in exits]
        visibility = np.concatenate([self.visibility[rows], np.full(len(exits), Visibility.OUTSIDE, np.uint8)])
        return ImageTrack(
            f"{track.track_id}@{camera}",
            track.category,
            camera,
            times[order],
            Boxes(np.concatenate([xyxy[rows], xyxy[rows][before]])[order]),
            visibility=visibility[order],
            origin=np.full(len(times), Origin.FILLED, np.uint8),
            attributes=track.attributes,
            keyframe_attributes=[said[i] for i in order.tolist()],
            object_id=track.track_id,
        )

    def _columns(self) -> dict[str, Any]:
        sides = [f"{kind}{side}_px" for kind in ("", "whole_") for side in ("left", "top", "right", "bottom")]
        numbers = np.concatenate([self.visible_xyxy, self.whole_xyxy], axis=1)
        return {
            "track_id": [self.tracks[i].track_id for i in self.track_index.tolist()],
            "category": [self.tracks[i].category for i in self.track_index.tolist()],
            "camera": [self.cameras[i] for i in self.camera_index.tolist()],
            "frame_index": self.frame_index,
            "timestamp_ns": self.times_ns,
            "visibility": code_names(Visibility, self.visibility),
            **{name: numbers[:, i] for i, name in enumerate(sides)},
            "truncation": self.truncation,
            "visible_share": self.visible_share,
        }

    def to_pandas(self) -> Any:
        """A pandas.DataFrame, one row per box (extra `table`)."""
        return table_library("pandas").DataFrame(self._columns())

    def to_arrow(self) -> Any:
        """A pyarrow.Table, one row per box (extra `table`)."""
        return table_library("pyarrow").table(self._columns())

    def __repr__(self) -> str:
        return f"ProjectedTracks({number_of(len(self), 'box')} of {number_of(len(self.tracks), 'track')} in {number_of(len(self.cameras), 'camera')})"


def project_tracks(
    scene: Scene, cameras: Sequence[str] | None = None, *, occlusion: bool = True, occluded_below: float = OCCLUDED_BELOW
) -> ProjectedTracks:
    """The boxes of all tracks of cuboids in the pictures, at the moments the cameras exposed them.

    cameras : names; by default all that are calibrated
    occlusion : look, in frames that have a sweep, which share of each object nothing hides from the camera (`bw.depth_map`); takes most of the time
    occluded_below : a visible share below which an object is OCCLUDED

    The camera is where the vehicle had taken it at its exposure, and each object where its own motion had: on its curve between keyframes, and past
    the first or last one, as far as the frame's stamp is not, carried on at its speed. Frames whose exposure the trajectory does not cover are
    left out, and `notes` says so. Tracks in a frame on the vehicle need no poses.
    """
    names = cameras_of(scene, cameras)
    check_kind("occlusion", occlusion, (bool, np.bool_), "True or False", "False leaves visible_share NaN")
    least = float(as_floats("occluded_below", occluded_below, ()))
    if not 0 <= least <= 1:
        raise ArgumentError(expected="a share from 0 to 1", got=repr(occluded_below), field="occluded_below", hint="0 calls nothing occluded")
    return _projected(scene, [exposures_of(scene, name) for name in names], Tracks(scene.tracks), occlusion=bool(occlusion), least=least)


def boxes_of_tracks(scene: Scene, camera: str, tracks: Sequence[Track]) -> Iterator[ImageTrack]:
    """`project_tracks(...).image_tracks()` of tracks in one camera's pictures, nothing looked at that may hide them, in turn: what is in memory is
    some thousand boxes, however long the clip is.
    """
    seen_by = exposures_of(scene, camera)
    n_frames = [int(np.diff(np.searchsorted(scene.times_ns, track.times_ns[[0, -1]]))[0]) + 2 for track in tracks]
    part = np.cumsum([0, *n_frames])[:-1] // _ROWS_AT_ONCE
    for block in np.split(np.arange(len(tracks)), np.flatnonzero(np.diff(part)) + 1) if len(tracks) else []:
        yield from _projected(scene, [seen_by], Tracks([tracks[k] for k in block.tolist()])).image_tracks()


def _projected(scene: Scene, views: Sequence[Exposures], tracks: Tracks, *, occlusion: bool = False, least: float = 0.0) -> ProjectedTracks:
    """occlusion : only for the scene's own tracks"""
    parts, notes, exits = [_no_rows()], list[str](), {}
    for c, view in enumerate(views):
        moments, is_posed = view.moments_ns, view.is_posed
        seen = sightings(view, tracks)
        if not is_posed.all():
            notes.append(f"{view.camera}: {int((~is_posed).sum())} of {len(is_posed)} frames have no pose at their exposure and were left out")
        share = _visible_shares(scene, view.camera, seen) if occlusion else np.full(len(seen.xyxy), np.nan)
        said = _said(scene, tracks, seen)
        state = np.where(share < least, Visibility.OCCLUDED, np.where(np.isnan(share), said, Visibility.VISIBLE)).astype(np.uint8)
        index = np.full(len(share), c, np.int32)
        columns = (index, seen.track_index, seen.frame_index, moments[seen.frame_index], seen.xyxy, seen.whole_xyxy, seen.truncation, share, state)
        keep = seen.is_visible & _is_first_of_its_time(moments)[seen.frame_index]
        parts.append(tuple(column[keep] for column in columns))
        exits.update({(c, k): times for k, times in _exits(seen, keep, moments, is_posed).items()})
    rows: dict[str, Any] = {name: frozen(np.concatenate(column)) for name, column in zip(COLUMNS, zip(*parts))}
    return ProjectedTracks(tracks, tuple(view.camera for view in views), **rows, notes=tuple(notes), _exits=exits)


def _no_rows() -> tuple[Any, ...]:
    none, boxes = np.zeros(0), np.zeros((0, 4))
    return (*(np.zeros(0, np.int32) for _ in range(3)), np.zeros(0, np.int64), boxes, boxes, none, none, np.zeros(0, np.uint8))


def _is_first_of_its_time(moments: Int64s) -> Any:
    """(F,) bool: a camera that is said to have exposed two frames at once shows the first."""
    first = np.zeros(len(moments), bool)
    first[np.unique(moments, return_index=True)[1]] = True
    return first


def _said(scene: Scene, tracks: Tracks, seen: Sightings) -> UInt8s:
    """(R,) what the tracks themselves say at the frames' stamps; VISIBLE where they are not there then."""
    many = interpolate_tracks(tracks, scene.times_ns)
    said = np.zeros((len(scene.times_ns), max(len(tracks), 1)), np.uint8)
    said[many.time_index, many.track_index] = many.visibility
    found: UInt8s = said[seen.frame_index, seen.track_index]
    return np.where(found == Visibility.OUTSIDE, np.uint8(Visibility.VISIBLE), found)


def _visible_shares(scene: Scene, camera: str, seen: Sightings) -> Float64s:
    """(R,) the share that no LiDAR's points hide, NaN in frames without.

    Points and cuboids are both taken as they were at the frame's stamp, so that the points of an object that moves stay its own, and the camera from
    where it was at its exposure.
    """
    share = np.full(len(seen.xyxy), np.nan)
    lens = scene.camera(camera).camera
    offsets = np.searchsorted(seen.frame_index, np.arange(len(scene) + 1))
    for i in np.flatnonzero(np.diff(offsets)).tolist():
        rows = np.arange(offsets[i], offsets[i + 1])
        rows = rows[seen.is_visible[rows]]
        lidars = [name for name in scene.lidars if len(rows) and scene.has_points(i, name)]
        if not lidars:
            continue
        labels = scene.labels(i, scene.label_frame)
        at_stamp = dict(zip(labels.track_index.tolist(), range(len(labels.track_index))))
        place = np.array([at_stamp.get(k, -1) for k in seen.track_index[rows].tolist()])
        cuboids = seen.cuboids[rows]
        if (place >= 0).any():
            center, quat = cuboids.center_m.copy(), cuboids.quat_wxyz.copy()
            center[place >= 0], quat[place >= 0] = labels.cuboids.center_m[place[place >= 0]], labels.cuboids.quat_wxyz[place[place >= 0]]
            cuboids = cuboids.replace(center_m=center, quat_wxyz=quat)
        pose = scene.cam_from(i, camera, scene.label_frame)
        for name in lidars:
            near = depth_map(scene.points(i, name), lens, scene.cam_from(i, camera, name), sensor_origins_m=scene.lidar(name).origins_m)
            share[rows] = np.fmin(share[rows], near.visible_share(cuboids, pose))
    return share


def _exits(seen: Sightings, keep: Any, moments: Int64s, is_posed: Any) -> dict[int, Int64s]:
    """For each track, the exposures at which it is first not in the picture: those between two spans, and the one after the last where it is still
    there.
    """
    order = np.argsort(moments, kind="stable")
    order = order[(_is_first_of_its_time(moments) & is_posed)[order]]
    place = np.full(len(moments), -1)
    place[order] = np.arange(len(order))
    found: dict[int, Int64s] = {}
    by_track = np.argsort(seen.track_index, kind="stable")
    for rows in np.split(by_track, np.flatnonzero(np.diff(seen.track_index[by_track])) + 1) if len(by_track) else []:
        inside = np.sort(place[seen.frame_index[rows[keep[rows]]]])
        beside = set(place[seen.frame_index[rows[~keep[rows]]]].tolist())
        if len(inside):
            gaps = inside[:-1][np.diff(inside) > 1] + 1
            after = int(inside[-1]) + 1
            ends = np.append(gaps, after) if after in beside else gaps
            found[int(seen.track_index[rows[0]])] = moments[order[ends]]
    return found
