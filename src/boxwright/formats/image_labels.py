"""What the writers of formats for the pictures of one camera share: whose labels, at which frames, and what is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ..arrays import Int64s
from ..errors import ArgumentError, number_of
from ..image_tracks import ImageTrack
from ..keyframes import State
from ..scene import CameraSensor, Scene
from .camera_labels import CameraLabels, check_sees
from .declared import Capabilities
from .dense_tracks import dense_image_track
from .laid_over import notes_on_sizes
from .losses import lost_beside_labels, lost_cuboids, lost_in_no_frame, lost_of_labels
from .reach import check_pixels
from .write_report import Told, WriteReport

__all__ = ["at_exposures", "frames_of", "labels_seen", "say_what_is_lost", "the_camera"]


def labels_seen(scene: Scene, sensor: CameraSensor) -> CameraLabels:
    """The labels in a camera's pictures, and the boxes around what it sees of cuboids, where nobody has labelled these in its pictures.

    ArgumentError where the camera cannot know.
    """
    check_sees(scene, sensor.name)
    labelled = [track for track in scene.image_tracks if track.camera == sensor.name]
    check_pixels(labelled)
    return CameraLabels(scene, sensor, scene.exposures_ns(sensor.name), labelled)


def the_camera(scene: Scene, name: str | None, report: WriteReport) -> CameraSensor:
    """The camera whose labels are written; ArgumentError where several have labels and none is named, or there is none."""
    if name is not None:
        chosen = scene.camera(name)
    else:
        labelled = Counter(track.camera for track in scene.image_tracks)
        names = list(labelled) or list(scene.cameras)
        if len(names) != 1:
            raise _no_camera(labelled, names, scene)
        chosen = scene.cameras[names[0]]
    others = [track for track in scene.image_tracks if track.camera != chosen.name]
    if others:
        said = f"{number_of(len(others), 'track')} in the pictures of other cameras than {chosen.name}"
        report.dropped.append(Told("shapes video relations", said, [track.track_id for track in others]))
    return chosen


def _no_camera(labelled: Counter[str], names: list[str], scene: Scene) -> ArgumentError:
    """Where no camera can be chosen: several have labels, or the scene has none."""
    what = "the format holds the labels of one camera's pictures"
    if labelled:
        counts = ", ".join(f"{name} ({number_of(labelled[name], 'track')})" for name in names)
        return ArgumentError(what, expected=f"one of {counts}", field="camera", hint="name it with camera=")
    there = f"{number_of(len(scene.tracks), 'track')} of cuboids" if scene.tracks else "no labels"
    if not names:
        return ArgumentError(what, got=f"a scene without cameras, with {there}", field="camera", hint="write a format that holds cuboids")
    hint = "name one with camera=: cuboids become boxes around what it sees of them"
    return ArgumentError(what, got=f"no label in the pictures of {', '.join(names)}, but {there}", field="camera", hint=hint)


def at_exposures(seen: CameraLabels, report: WriteReport) -> list[ImageTrack]:
    """The tracks of a camera with all keyframes at its exposures. One that has others is told anew, with a keyframe in every frame that shows it; one
    that no frame shows is left out. The report says which."""
    times, found = np.unique(seen.stamps_ns), list[ImageTrack]()
    n_off, n_more = dict[str, int](), dict[str, int]()
    for track in seen.labelled:
        off = np.flatnonzero(~np.isin(track.times_ns, times)).tolist()
        there = _dense(track, times) if off else track
        found += [] if there is None else [there]
        if off and there is not None:
            n_off[track.track_id] = len(off)
            n_kept = sum(bool(track.keyframe_source_attributes[k]) for k in off) if track.keyframe_source_attributes else 0
            n_more |= {track.track_id: n_kept} if n_kept else {}
    if n_off:
        of = f"track {next(iter(n_off))!r}" if len(n_off) == 1 else number_of(len(n_off), "track")
        said = f"{number_of(sum(n_off.values()), 'keyframe')} of {of} between two frames: keyframes in every frame, where labels are then"
        report.rounded.append(Told("keyframes", said, n_off))
    if n_more:
        report.dropped.append(Told("other_fields", f"what files say of {number_of(sum(n_more.values()), 'keyframe')} of these beside", n_more))
    report.dropped += lost_in_no_frame(seen.scene, seen.labelled)
    return found


def _dense(track: ImageTrack, times_ns: Int64s) -> ImageTrack | None:
    filled = track.at(times_ns)
    frames = np.flatnonzero(filled.is_valid)
    if not len(frames):
        return None
    k, held, kept = filled.keyframe_index[frames], filled.attributes, track.keyframe_source_attributes
    is_own = (filled.state[frames] == State.KEYFRAME).tolist()
    return dense_image_track(
        track.track_id,
        track.category,
        track.camera,
        frames,
        times_ns,
        filled.shapes[frames],
        visibility=track.visibility[k].tolist(),
        attributes=[{name: value for name, value in held[i].items() if track.attributes.get(name) != value} for i in frames.tolist()],
        source_attributes=[kept[i] if own else {} for i, own in zip(k.tolist(), is_own)] if kept else (),
        object_id=track.object_id,
    ).replace(attributes=track.attributes, source_attributes=track.source_attributes)


def frames_of(stamps_ns: Int64s, track: ImageTrack) -> tuple[list[int], list[int]]:
    """Frame indices, which increase, and the keyframes that go there, of a track whose keyframes are at exposures."""
    order = np.argsort(stamps_ns, kind="stable")
    frames = order[np.searchsorted(stamps_ns[order], track.times_ns)]
    rows = np.argsort(frames, kind="stable")
    return frames[rows].tolist(), rows.tolist()


def say_what_is_lost(seen: CameraLabels, report: WriteReport, said: Capabilities, frame_names: Sequence[str]) -> None:
    """What such a format has no place for, by what it says of itself, and what became of cuboids, once all labels were gone through.

    frame_names : what it calls the frames
    """
    scene, n = seen.scene, seen.n_projected
    labelled = {track.object_id for track in seen.labelled}
    n_own = sum(track.track_id in labelled for track in scene.tracks)
    if len(scene.tracks) > n_own:
        own = f", {n_own} were labelled there" if n_own else ""
        report.notes.append(f"of {number_of(len(scene.tracks), 'track')} of cuboids {n} became boxes in the pictures of {seen.name}{own}")
    report.dropped[:0] = lost_cuboids(scene)
    report.dropped += lost_of_labels(scene, seen.labelled, said, has_attributes=seen.has_attributes, n_occluded=seen.n_occluded, n_links=n)
    report.dropped += lost_beside_labels(scene, said, frame_names)
    report.notes += notes_on_sizes(scene)
