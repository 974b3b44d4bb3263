"""What the writers of formats for the pictures of one camera share: whose labels, at which frames, and what is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ..errors import ArgumentError, number_of
from ..image_tracks import ImageTrack
from ..scene import CameraSensor, Scene
from .camera_labels import CameraLabels, check_sees
from .declared import Capabilities
from .laid_over import notes_on_sizes
from .losses import lost_beside_labels, lost_cuboids, lost_of_labels
from .reach import check_pixels
from .write_report import Told, WriteReport

__all__ = ["frames_of", "labels_seen", "say_what_is_lost", "the_camera"]


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


def frames_of(scene: Scene, sensor: CameraSensor, track: ImageTrack, report: WriteReport) -> tuple[list[int], list[int]]:
    """Frame indices, which increase, and the keyframes that go there; one between two frames goes to the nearer, and the report says so."""
    stamps = scene.times_ns if sensor.times_ns is None else sensor.times_ns
    order = np.argsort(stamps, kind="stable")
    ordered = stamps[order]
    right = np.clip(np.searchsorted(ordered, track.times_ns), 0, len(ordered) - 1)
    left = np.maximum(right - 1, 0)
    is_left = track.times_ns - ordered[left] < ordered[right] - track.times_ns
    nearest = np.where((ordered[left] == track.times_ns) | is_left, left, right)
    moved = int((ordered[nearest] != track.times_ns).sum())
    frames = order[nearest]
    kept: dict[int, int] = {}
    for k, frame in enumerate(frames.tolist()):
        if frame not in kept or stamps[frame] == track.times_ns[k]:
            kept[frame] = k
    if moved:
        said = f"{number_of(moved, 'keyframe')} of track {track.track_id!r} between two frames, now at the nearer one"
        report.rounded.append(Told("shapes keyframes", said, [track.track_id]))
    if len(kept) < len(frames):
        said = f"{number_of(len(frames) - len(kept), 'keyframe')} of track {track.track_id!r} whose frame has another one"
        report.dropped.append(Told("shapes keyframes", said, [track.track_id]))
    return sorted(kept), [kept[frame] for frame in sorted(kept)]


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
