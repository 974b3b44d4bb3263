"""Labels from a file of their own, laid over a recording: such as a video and what an annotation tool exported for it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence, Set
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Bools, Int64s
from ..errors import FormatError, TimeError, number_of
from ..image_tracks import ImageTrack
from ..problems import Problems
from ..scene import Scene
from ..tags import Relation, Tag
from ..tracks import Track
from .as_written import AsWritten, as_written
from .beside_cuboids import beside_cuboids
from .by_place import names_by_place
from .coming_back import came_back, cuboids_came_back, is_as_here, is_moved, is_untouched
from .cuboids_back import cuboids_over, room_for
from .declared import Capabilities
from .frames_here import COUNTED, frames_here
from .object_links import linked_object
from .of_datumaro import rounding, with_unsaid
from .own_kinds import in_kinds, kinds_made_texts

__all__ = ["NO_SIZE", "laid_over", "notes_on_sizes"]

NO_SIZE = "the picture's size is not said"
_OF_THE_FILE = (
    "the file has no times",
    "the rate of frames",
    "the format tells n",
    "no time stamps:",
    "no poses:",
)  # what it does not tell is told by the recording


def notes_on_sizes(scene: Scene) -> list[str]:
    """What was said of the sizes of pictures that a file did not tell, for whoever writes its labels."""
    return [note for note in scene.notes if note.startswith(NO_SIZE)]


def laid_over(scene: Scene, labels: Scene, path: str | os.PathLike[str], *, missing: str = "keep", camera: str | None = None) -> Scene:
    """The scene with the cuboids, the labels in pictures, the tags and relations of another, which was read from `path`.

    Frames are matched by their numbers where the labels' format counts them, by the stamps of frames or pictures where it tells times, else by the
    names that the format gives the recording's frames; the camera by its name, or because there is one only. Cuboids are moved into the recording's
    frame of reference by its own poses. A track that the recording has already, by its id, has come back edited and takes the place of that; what it
    says no other than the format makes of the recording's own stays as the recording has it: cuboids, keyframes, kinds of shapes, what is occluded,
    attributes, classes. Numbers and flags that the format makes texts are what they were. Tracks in pictures that are not in the file take the class
    that the cuboids of their object were given; where these are dropped, they go with them. Boxes that the format made of cuboids are no labels
    until somebody edits them: then they are linked to their object.

    missing : what becomes of the recording's own tracks, in the pictures of the labels' cameras and of cuboids where the labels have some, of tags
        and of attributes that are not in the file: "keep", or "drop", with the tracks' relations, as what was deleted there
    camera : the recording's camera whose labels they are, where the labels do not tell it

    FormatError where labels lie beyond the recording or were drawn on pictures of another size, or where tracks would be dropped and none came back.
    """
    labels = _sized(scene, labels, path)
    names = {name: _camera_for(scene, labels, name, path, camera) for name in _cameras_of(labels)}
    as_here = _as_here(scene, labels, names, path)
    own = as_written(_without(scene, as_here), labels, [*dict.fromkeys(names.values())])
    frames = frames_here(scene, labels, own.scene, path, [*names.values()])
    back = _Back(scene, own, labels, path, camera, as_here, takes_out=missing == "drop" and not own.why)
    tracks = back.cuboids(labels, frames)
    image_tracks = back.image_tracks(_tracks_over(scene, labels, names, frames, own.names, path))
    come = {track.track_id for track in (*tracks, *image_tracks)} | back.as_made
    held = [name for name in labels.cameras if name in scene.cameras] if _said_of(labels.format).can_read("shapes") else []
    cameras = list(dict.fromkeys([*names.values(), *held]))
    mine = [*(scene.tracks if tracks else ()), *(one for one in scene.image_tracks if one.camera in cameras)]
    absent = [track.track_id for track in mine if track.track_id not in come]
    if missing == "drop" and mine and len(absent) == len(mine):
        expected, hint = f"one of its {number_of(len(mine), 'track')} among the labels", "are they labels of this recording?"
        raise FormatError("no track of the recording came back", expected=expected, got=_some(come), path=path, hint=hint)
    gone = set(absent) if missing == "drop" else set[str]()
    stay_in_pictures, beside_told = beside_cuboids(scene, tracks, come, gone)
    gone |= {track.track_id for track in scene.image_tracks} - come - {track.track_id for track in stay_in_pictures}
    tags = [_tag_over(scene, labels, one, names, frames) for one in labels.tags]
    lost_tags = back.tags_lost(tags, frames, cameras)
    lost = {id(tag) for tag in lost_tags} if missing == "drop" else ()
    stay = [tag for tag in scene.tags if id(tag) not in lost]
    notes = [note for note in labels.notes if not note.startswith((NO_SIZE, *_OF_THE_FILE))]
    what = " and ".join([*["cuboids"] * bool(labels.tracks), *["labels in pictures"] * bool(labels.image_tracks or not labels.tracks)])
    return scene.replace(
        tracks=[*(track for track in scene.tracks if track.track_id not in gone | come), *tracks],
        image_tracks=[*stay_in_pictures, *image_tracks],
        tags=[*stay, *_new_tags(scene, tags, cameras)],
        relations=[one for one in dict.fromkeys([*scene.relations, *_named(labels.relations, own)]) if not {one.subject, one.object} & gone],
        source_attributes={**scene.source_attributes, **labels.source_attributes},
        notes=[
            *scene.notes,
            *notes,
            f"{what} come from {Path(path).name} ({labels.format})",
            *_told(back, len(mine) - len(absent), len(tracks) + len(image_tracks), len(absent), missing),
            *beside_told,
            *_tags_told(lost_tags, missing),
        ],
        problems=[*scene.problems, *labels.problems],
    )


def _as_here(scene: Scene, labels: Scene, names: Mapping[str, str], path: str | os.PathLike[str]) -> set[str]:
    """Tracks that came back as the recording has them, where it is known which they are without asking what the format makes of it: of these nothing
    need be written, which takes long."""
    said, known = _said_of(labels.format), {*scene.track_index, *scene.image_track_index}
    came = [*labels.tracks, *labels.image_tracks]
    if not said.can_write("track_ids") or not all(track.track_id in known for track in came):
        return set()
    if labels.format not in COUNTED and not (scene.has_time and labels.has_time) and not said.can_write("frame_names"):
        return set()
    try:
        frames = frames_here(scene, labels, scene, path, [*names.values()])
        tracks = cuboids_over(scene, labels, frames, {}, path, stands_in=said.frame)
    except (FormatError, TimeError):
        return set()
    room_m, stamps = room_for(said, scene.tracks, rounding(labels)), scene.times_ns
    same = {one.track_id for one in tracks if one.track_id in scene.track_index and is_as_here(scene.track(one.track_id), one, stamps, room_m)}
    for one in _tracks_over(scene, labels, names, frames, {}, path):
        mine = scene.image_track(one.track_id) if one.track_id in scene.image_track_index else None
        if mine is not None and mine.camera == one.camera and is_as_here(mine, one, scene.exposures_ns(one.camera)):
            same.add(one.track_id)
    return same


def _without(scene: Scene, names: Set[str]) -> Scene:
    """Without tracks of these names, but for the first of each kind: formats may refuse a recording without labels."""
    tracks = [track for track in scene.tracks if track.track_id not in names] or scene.tracks[:1]
    image_tracks = [track for track in scene.image_tracks if track.track_id not in names] or scene.image_tracks[:1]
    return scene.replace(tracks=tracks, image_tracks=image_tracks) if names else scene


class _Back:
    """Tracks as they came back, held against what the format makes of the recording's own.

    as_here : tracks that are as the recording has them
    n_edited : how many of the recording's own tracks somebody edited
    as_made, boxes : boxes around cuboids that are as the format made them, and those that somebody edited
    """

    def __init__(
        self, scene: Scene, own: AsWritten, labels: Scene, path: str | os.PathLike[str], camera: str | None, as_here: Set[str], *, takes_out: bool
    ) -> None:
        self.scene, self.own, self.path, self.camera, self.as_here, self.takes_out = scene, own, path, camera, as_here, takes_out
        self.format, self.n_edited = labels.format, 0
        self.as_made, self.boxes = set[str](), list[str]()
        self.names = {name: _camera_for(scene, own.scene, name, path, camera) for name in _cameras_of(own.scene)}

    @cached_property
    def frames(self) -> Int64s:
        """For each frame of what is written its index in the recording."""
        return frames_here(self.scene, self.own.scene, self.own.scene, self.path, [*self.names.values()])

    @cached_property
    def kinds(self) -> dict[str, type]:
        """Attributes of the recording's that are texts in the format alone."""
        mine, there = self.scene, self.own.scene
        return kinds_made_texts([*mine.tracks, *mine.image_tracks], [*there.tracks, *there.image_tracks])

    def cuboids(self, labels: Scene, frames: Int64s) -> list[Track]:
        """frames : for each frame of the labels its index in the recording"""
        if not labels.tracks:
            return []
        scene, own, said = self.scene, self.own, _said_of(self.format)
        over = partial(cuboids_over, scene, path=self.path, stands_in=said.frame)
        there = over(own.scene, self.frames, own.names, has_all_frames=True)
        names = own.names
        if names or not own.keeps_names:  # numbers, which may be others since
            numbered = [track for track in over(labels, frames, {}) if track.track_id in names or not own.keeps_names]
            names = names_by_place(there, numbered, [*scene.track_index, *scene.image_track_index], names if own.keeps_names else {})
        tracks = [in_kinds(track, self.kinds) for track in over(labels, frames, names)]
        written = {track.track_id: in_kinds(track, self.kinds) for track in there}
        room_m, is_covered = room_for(said, there, rounding(labels)), np.isin(np.arange(len(scene)), frames)
        tracks = with_unsaid(labels, scene, written, tracks)
        return [self._cuboids(track, written.get(track.track_id), is_covered, room_m) for track in tracks]

    def _cuboids(self, track: Track, written: Track | None, is_covered: Bools, room_m: float) -> Track:
        if track.track_id not in self.scene.track_index:
            return track
        if track.track_id in self.as_here:
            return self.scene.track(track.track_id)
        mine = self.scene.track(track.track_id)
        written = mine if written is None else written
        back = cuboids_came_back(mine, written, track, self.scene.times_ns, is_covered, room_m, takes_out=self.takes_out)
        self.n_edited += back is not mine
        return back

    def image_tracks(self, tracks: Sequence[ImageTrack]) -> list[ImageTrack]:
        if not tracks:
            return []
        there = _tracks_over(self.scene, self.own.scene, self.names, self.frames, self.own.names, self.path)
        written = {track.track_id: in_kinds(track, self.kinds) for track in there}
        back = [self._image_track(in_kinds(track, self.kinds), written.get(track.track_id)) for track in tracks]
        return [track for track in back if track is not None]

    def _image_track(self, track: ImageTrack, written: ImageTrack | None) -> ImageTrack | None:
        """None for the boxes around a cuboid as they were made. FormatError where the recording's own track of that id is of another camera."""
        scene, stamps_ns = self.scene, self.scene.exposures_ns(track.camera)
        if track.track_id not in scene.image_track_index:
            if written is None or (thing := linked_object(track.track_id, track.camera)) not in scene.track_index:
                return track
            if is_untouched(written, track) or not (is_moved(written, track, stamps_ns) or written.category != track.category):
                self.as_made.add(track.track_id)
                return None
            self.boxes.append(track.track_id)
            return track.replace(object_id=thing)
        mine = scene.image_track(track.track_id)
        if mine.camera != track.camera:
            where = f"image track {track.track_id!r}"
            hint = "the recording has a track of that name there; call one of them otherwise"
            raise FormatError(expected=f"shapes of camera {mine.camera}", got=f"of {track.camera}", path=self.path, field=where, hint=hint)
        if track.track_id in self.as_here:
            return mine
        back = came_back(mine, mine if written is None else written, track, stamps_ns, takes_out=self.takes_out)
        self.n_edited += back is not mine
        return back

    def tags_lost(self, tags: Sequence[Tag], frames: Int64s, cameras: Sequence[str]) -> list[Tag]:
        """The recording's own tags that the format holds, of everything or of the labels' cameras, and that did not come back."""
        if self.own.why or not _said_of(self.format).can_write("tags"):
            return []
        there = self.own.scene
        names = {name: _camera_for(self.scene, there, name, self.path, self.camera) for name in _cameras_of(there)}
        written = {(tag.camera, *tag.key) for tag in (_tag_over(self.scene, there, one, names, self.frames) for one in there.tags)}
        came = {(tag.camera, *tag.key) for tag in tags}

        def is_in(tag: Tag, said: set[tuple[Any, ...]]) -> bool:
            """Formats may tell of a camera what holds of everything, and the other way round."""
            return any((camera, *tag.key) in said for camera in (None, *(cameras if tag.camera is None else [tag.camera])))

        mine = [tag for tag in self.scene.tags if tag.camera is None or tag.camera in cameras]
        return [tag for tag in mine if is_in(tag, written) and not is_in(tag, came)]


def _tracks_over(
    scene: Scene, labels: Scene, cameras: Mapping[str, str], frames: Int64s, names: Mapping[str, str], path: str | os.PathLike[str]
) -> list[ImageTrack]:
    """The labels' tracks in pictures, at the recording's times and of its cameras. names : as in `as_written`"""
    tracks = []
    for track in labels.image_tracks:
        camera = cameras[track.camera]
        own, theirs = scene.exposures_ns(camera), labels.exposures_ns(track.camera)
        at = np.searchsorted(theirs, track.times_ns)
        if (theirs[np.minimum(at, len(theirs) - 1)] != track.times_ns).any():
            hint = "labels between two frames have no frame here"
            raise FormatError(expected="keyframes at frames", got="others", path=path, field=f"image track {track.track_id!r}", hint=hint)
        name, thing = names.get(track.track_id, track.track_id), linked_object(track.track_id, track.camera)
        if track.track_id not in names and thing is not None and (thing in names or camera != track.camera):  # it is named after both
            name = names.get(thing, thing) + name[len(thing)] + camera
        object_id = None if track.object_id is None else names.get(track.object_id, track.object_id)
        tracks.append(track.replace(track_id=name, camera=camera, times_ns=own[frames[at]], object_id=object_id))
    return tracks


def _named(relations: Sequence[Relation], own: AsWritten) -> list[Relation]:
    """Of tracks as the recording calls them."""
    names = own.names
    return [
        dataclasses.replace(one, subject=names.get(one.subject, one.subject), object=names.get(one.object, one.object)) if names else one
        for one in relations
    ]


def _said_of(format: str) -> Capabilities:
    from . import capabilities

    return capabilities()[format]


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


def _told(back: _Back, n_back: int, n_tracks: int, n_absent: int, missing: str) -> list[str]:
    """What became of the recording's own tracks."""
    told = []
    if n_back:
        left = "and dropped" if missing == "drop" else "and stays" if n_absent == 1 else "and stay"
        rest = f"; {number_of(n_absent, 'track')} of the recording {'is' if n_absent == 1 else 'are'} not in the file, {left}" if n_absent else ""
        takes = "takes" if n_back == 1 else "take"
        told.append(
            f"{n_back} of the {number_of(n_tracks, 'track')} in the file {takes} the place of the recording's own, {back.n_edited} edited{rest}"
        )
    if back.own.why:
        told.append(
            f"what {back.format} makes of the recording's own labels is not known ({back.own.why}): what came back is held against them as they are, "
            "and no attribute or tag that it has not is taken out"
        )
    if back.boxes:
        said = "box around a cuboid was edited and is a label" if len(back.boxes) == 1 else "boxes around cuboids were edited and are labels"
        told.append(f"{len(back.boxes)} {said} in the pictures now, linked to the object: {_some({*back.boxes})}")
    if back.as_made:
        told.append(f"{number_of(len(back.as_made), 'track')} of boxes around cuboids came back as made of these, which stay alone")
    return told


def _tags_told(tags: Sequence[Tag], missing: str) -> list[str]:
    if not tags:
        return []
    left = "dropped" if missing == "drop" else "which stay" if len(tags) > 1 else "which stays"
    return [f"{number_of(len(tags), 'tag')} of the recording did not come back, {left}: {_some({tag.name for tag in tags})}"]


def _cameras_of(labels: Scene) -> list[str]:
    """In whose pictures something is said."""
    said = [*(track.camera for track in labels.image_tracks), *(tag.camera for tag in labels.tags if tag.camera is not None)]
    return list(dict.fromkeys(said))


def _tag_over(scene: Scene, labels: Scene, tag: Tag, names: Mapping[str, str], frames: Int64s) -> Tag:
    """A tag at the recording's times and of its camera."""
    camera, span = (None if tag.camera is None else names[tag.camera]), tag.span_ns
    if span is not None and labels.format in COUNTED:
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


def _camera_for(scene: Scene, labels: Scene, name: str, path: str | os.PathLike[str], camera: str | None) -> str:
    if camera is not None and len(_cameras_of(labels)) == 1:
        chosen = scene.camera(camera).name
    elif name in scene.cameras:
        chosen = name
    elif len(scene.cameras) == 1:
        chosen = next(iter(scene.cameras))
    else:
        known, hint = f"one of {', '.join(scene.cameras) or 'none'}", "name it with labels_camera=, or call the labels' camera as the recording's"
        raise FormatError("the recording has no such camera", expected=known, got=repr(name), path=path, hint=hint)
    mine, theirs = scene.cameras[chosen].camera.size_px, labels.cameras[name].camera.size_px
    if mine != theirs and not any(note.startswith(NO_SIZE) for note in labels.notes):
        expected, got = "labels of pictures of {} x {} px".format(*mine), "{} x {}".format(*theirs)
        raise FormatError(expected=expected, got=got, path=path, field=f"camera {chosen}", hint="are they labels of this recording?")
    return chosen
