"""Labels from a file of their own, laid over a recording: such as a video and what an annotation tool exported for it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence, Set
from pathlib import Path

import numpy as np

from ..arrays import Int64s
from ..errors import FormatError, TimeError, number_of
from ..image_tracks import ImageTrack
from ..problems import Problems
from ..scene import Scene
from ..tags import Tag
from .coming_back import came_back, written_and_read

__all__ = ["NO_SIZE", "laid_over", "notes_on_sizes"]

NO_SIZE = "the picture's size is not said"
_COUNTED = ("cvat_video", "mot", "label_studio", "darwin", "labelbox")  # formats that count the frames of one video


def notes_on_sizes(scene: Scene) -> list[str]:
    """What was said of the sizes of pictures that a file did not tell, for whoever writes its labels."""
    return [note for note in scene.notes if note.startswith(NO_SIZE)]


def laid_over(scene: Scene, labels: Scene, path: str | os.PathLike[str], *, missing: str = "keep") -> Scene:
    """The scene with the labels in pictures, tags and relations of another, which was read from `path`.

    Frames are matched by their numbers where the labels' format counts them, by the stamps of frames or pictures otherwise; the camera by its name,
    or because there is one only. A track that the recording has already, by its id, has come back edited and takes the place of that; what it says
    no other than the format makes of the recording's own stays as the recording has it: keyframes, kinds of shapes, what is occluded, attributes,
    classes.

    missing : what becomes of the recording's own tracks, in the pictures of the labels' cameras, that are not in the file: "keep", or "drop", with
        their relations, as what was deleted there

    FormatError where labels lie beyond the recording or were drawn on pictures of another size, or where tracks would be dropped and none came back.
    """
    if labels.tracks:
        hint = "give labels in pictures, or read that recording itself"
        raise FormatError("labels that are laid over a recording are those in its pictures", got="tracks of cuboids", path=path, hint=hint)
    labels = _sized(scene, labels, path)
    names = {name: _camera_for(scene, labels, name, path) for name in _cameras_of(labels)}
    frames = _frames(scene, labels, path, [*names.values()])
    written = _written(scene, labels.format, [*names.values()], path)
    came = _tracks_over(scene, labels, names, frames, path)
    tracks = [_come_back(scene, track, written.get(track.track_id), path) for track in came]
    come = {track.track_id for track in tracks}
    stay = [track for track in scene.image_tracks if track.track_id not in come]
    n_back, gone = len(scene.image_tracks) - len(stay), set[str]()
    cameras = list(dict.fromkeys([*names.values(), *(name for name in labels.cameras if name in scene.cameras)]))
    if missing == "drop":
        gone = {track.track_id for track in stay if track.camera in cameras}
        if gone and not n_back:
            expected, hint = f"one of its {number_of(len(scene.image_tracks), 'track')} among the labels", "are they labels of this recording?"
            raise FormatError("no track of the recording came back", expected=expected, got=_some(come), path=path, hint=hint)
        stay = [track for track in stay if track.track_id not in gone]
    notes = [note for note in labels.notes if not note.startswith((NO_SIZE, "the file has no times", "the rate of frames"))]
    return scene.replace(
        image_tracks=[*stay, *tracks],
        tags=[*scene.tags, *_new_tags(scene, [_tag_over(scene, labels, one, names, frames) for one in labels.tags], cameras)],
        relations=[one for one in dict.fromkeys([*scene.relations, *labels.relations]) if not {one.subject, one.object} & gone],
        source_attributes={**scene.source_attributes, **labels.source_attributes},
        notes=[
            *scene.notes,
            *notes,
            f"labels in pictures come from {Path(path).name} ({labels.format})",
            *_told(n_back, len(tracks), len(stay), len(gone)),
        ],
        problems=[*scene.problems, *labels.problems],
    )


def _tracks_over(scene: Scene, labels: Scene, names: Mapping[str, str], frames: Int64s, path: str | os.PathLike[str]) -> list[ImageTrack]:
    """The labels' tracks at the recording's times and of its cameras."""
    tracks = []
    for track in labels.image_tracks:
        own, theirs = scene.exposures_ns(names[track.camera]), labels.exposures_ns(track.camera)
        at = np.searchsorted(theirs, track.times_ns)
        if (theirs[np.minimum(at, len(theirs) - 1)] != track.times_ns).any():
            hint = "labels between two frames have no frame here"
            raise FormatError(expected="keyframes at frames", got="others", path=path, field=f"image track {track.track_id!r}", hint=hint)
        tracks.append(track.replace(camera=names[track.camera], times_ns=own[frames[at]]))
    return tracks


def _written(scene: Scene, format: str, cameras: Sequence[str], path: str | os.PathLike[str]) -> dict[str, ImageTrack]:
    """The recording's own tracks, by their ids, as the labels' format holds them; none where it cannot."""
    if format == "boxwright":
        return {track.track_id: track for track in scene.image_tracks}
    there = written_and_read(scene, format, cameras)
    if there is None:
        return {}
    try:
        names = {name: _camera_for(scene, there, name, path) for name in _cameras_of(there)}
        return {track.track_id: track for track in _tracks_over(scene, there, names, _frames(scene, there, path, [*names.values()]), path)}
    except (FormatError, TimeError):  # as those of a camera that exposes between the stamps of frames
        return {}


def _come_back(scene: Scene, track: ImageTrack, written: ImageTrack | None, path: str | os.PathLike[str]) -> ImageTrack:
    """A track with what the recording's own of that id says besides. FormatError where that is of another camera.

    written : what the labels' format makes of the recording's own, where that is known
    """
    if track.track_id not in scene.image_track_index:
        return track
    mine = scene.image_track(track.track_id)
    if mine.camera != track.camera:
        where = f"image track {track.track_id!r}"
        hint = "the recording has a track of that name there; call one of them otherwise"
        raise FormatError(expected=f"shapes of camera {mine.camera}", got=f"of {track.camera}", path=path, field=where, hint=hint)
    if written is not None and written.camera == track.camera:
        return came_back(mine, written, track, scene.exposures_ns(track.camera))
    return track.replace(
        attributes={**mine.attributes, **track.attributes},
        source_attributes={**mine.source_attributes, **track.source_attributes},
        object_id=mine.object_id if track.object_id is None else track.object_id,
    )


def _new_tags(scene: Scene, tags: Sequence[Tag], cameras: Sequence[str]) -> list[Tag]:
    """Those that the recording does not say already, of the same or of all times, and of the same or of all cameras. cameras : those of the labels"""
    said = {(one.camera, *one.key) for one in scene.tags}

    def is_of(tag: Tag, camera: str | None) -> bool:
        name, value, span = tag.key
        return any((camera, name, value, when) in said for when in (None, span))

    new = []
    for tag in tags:
        places = [tag.camera] if tag.camera is not None else list(cameras)
        if not is_of(tag, None) and not (places and all(is_of(tag, camera) for camera in places)):
            new.append(tag)
    return new


def _some(names: Set[str]) -> str:
    return ", ".join(map(repr, sorted(names)[:3])) or "no track"


def _told(n_back: int, n_tracks: int, n_stay: int, n_gone: int) -> list[str]:
    if not n_back:
        return []
    rest = "is not in the file, and stays" if n_stay == 1 else "are not in the file, and stay"
    alone = f"; {number_of(n_stay, 'track')} of the recording {rest}" if n_stay else ""
    alone += f"; {number_of(n_gone, 'track')} of the recording {'is' if n_gone == 1 else 'are'} not in the file, and dropped" if n_gone else ""
    takes = "takes" if n_back == 1 else "take"
    return [f"{n_back} of the {number_of(n_tracks, 'track')} in the file {takes} the place of the recording's own{alone}"]


def _cameras_of(labels: Scene) -> list[str]:
    """In whose pictures something is said."""
    said = [*(track.camera for track in labels.image_tracks), *(tag.camera for tag in labels.tags if tag.camera is not None)]
    return list(dict.fromkeys(said))


def _tag_over(scene: Scene, labels: Scene, tag: Tag, names: Mapping[str, str], frames: Int64s) -> Tag:
    """A tag at the recording's times and of its camera."""
    camera, span = (None if tag.camera is None else names[tag.camera]), tag.span_ns
    if span is not None and labels.format in _COUNTED:
        theirs = labels.times_ns if tag.camera is None else labels.exposures_ns(tag.camera)
        own = scene.times_ns if camera is None else scene.exposures_ns(camera)
        first, last = own[frames[np.searchsorted(theirs, span)]].tolist()
        span = (first, last)
    return dataclasses.replace(tag, camera=camera, span_ns=span)


def _sized(scene: Scene, labels: Scene, path: str | os.PathLike[str]) -> Scene:
    """Labels in percent of a picture whose size they do not say, read again now that it is known."""
    sizes = {sensor.camera.size_px for sensor in scene.cameras.values()}
    if labels.format != "label_studio" or len(sizes) != 1 or not any(note.startswith(NO_SIZE) for note in labels.notes):
        return labels
    from .label_studio import read_sized

    again = read_sized(Path(path), labels.name, Problems(strict=not labels.problems), sizes.pop())
    return again.replace(problems=labels.problems)


def _camera_for(scene: Scene, labels: Scene, name: str, path: str | os.PathLike[str]) -> str:
    if name in scene.cameras:
        chosen = name
    elif len(scene.cameras) == 1:
        chosen = next(iter(scene.cameras))
    else:
        known, hint = f"one of {', '.join(scene.cameras) or 'none'}", "call the labels' camera as the recording's"
        raise FormatError("the recording has no such camera", expected=known, got=repr(name), path=path, hint=hint)
    mine, theirs = scene.cameras[chosen].camera.size_px, labels.cameras[name].camera.size_px
    if mine != theirs and not any(note.startswith(NO_SIZE) for note in labels.notes):
        expected, got = "labels of pictures of {} x {} px".format(*mine), "{} x {}".format(*theirs)
        raise FormatError(expected=expected, got=got, path=path, field=f"camera {chosen}", hint="are they labels of this recording?")
    return chosen


def _frames(scene: Scene, labels: Scene, path: str | os.PathLike[str], cameras: Sequence[str]) -> Int64s:
    """For each frame of the labels its index in the recording, by the stamps of frames or by when one of the labels' cameras exposed."""
    hint = "are they labels of this recording?"
    if labels.format in _COUNTED:
        first = 1 if labels.format == "mot" else 0
        frames = np.array([int(name) - first for name in labels.frame_ids], np.int64)
        used = [int(np.searchsorted(labels.exposures_ns(track.camera), track.times_ns[-1])) for track in labels.image_tracks]
        ends = [int(np.searchsorted(labels.exposures_ns(tag.camera), tag.span_ns[1])) for tag in labels.tags if tag.camera and tag.span_ns]
        last = max((int(frames[i]) for i in [*used, *ends]), default=0)
        if last >= len(scene):
            raise FormatError(expected=f"labels in {number_of(len(scene), 'frame')}", got=f"in frame {last}, counted from 0", path=path, hint=hint)
        return np.minimum(frames, len(scene) - 1)
    for stamps in [scene.times_ns, *map(scene.exposures_ns, dict.fromkeys(cameras))]:
        order = np.argsort(stamps, kind="stable")
        at = np.searchsorted(stamps, labels.times_ns, sorter=order)
        if len(stamps) and (stamps[order[np.minimum(at, len(stamps) - 1)]] == labels.times_ns).all():
            return np.asarray(order[at], np.int64)
    raise TimeError("frames of the labels that the recording does not have", path=path, hint=hint)
