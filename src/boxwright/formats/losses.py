"""What of a scene a format loses by what it says of itself, for `dropped`: reports of writers tell what certificates find."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from ..cameras import UncalibratedCamera
from ..errors import number_of
from ..image_tracks import ImageTrack
from ..keyframes import Origin, State, Visibility
from ..scene import Scene
from ..shapes2d import Keypoints
from ..tracks import Track
from .declared import Capabilities
from .write_report import EDGES, Told, WriteReport

__all__ = [
    "has_filled",
    "is_filled",
    "lost_beside_labels",
    "lost_between",
    "lost_cuboids",
    "lost_edges",
    "lost_exposures",
    "lost_in_no_frame",
    "lost_in_pictures",
    "lost_of_labels",
    "lost_problems",
    "lost_shutters",
    "say_no_pictures",
]

_MOST_NAMED = 10


def lost_beside_labels(scene: Scene, said: Capabilities, frame_names: Sequence[str] | None = None) -> list[Told]:
    """Of all but labels.

    frame_names : what frames are called by a format that has no place for their names; None where it tells itself what it calls them
    """
    n_lenses = sum(not isinstance(sensor.camera, UncalibratedCamera) for sensor in scene.cameras.values())
    n_pictures = sum(scene.has_image(i, name) for name in scene.cameras for i in range(len(scene)))
    has_points = any(scene.has_points(i, name) for name in scene.lidars for i in range(len(scene)))
    used = {
        "sweeps": "points" if has_points else "",
        "poses": "where the vehicle was" if scene.trajectory is not None else "",
        "calibration": f"the lenses and places of {number_of(n_lenses, 'camera')}" if n_lenses else "",
        "pictures": number_of(n_pictures, "picture") if n_pictures else "",
        "times": "when each frame was: frames are numbered" if scene.has_time else "",
        "frame_names": "" if frame_names is None or [*frame_names] == [*scene.frame_ids] else "the frames' names: they are numbered",
        "tags": number_of(len(scene.tags), "tag") if scene.tags else "",
        "relations": number_of(len(scene.relations), "relation") if scene.relations else "",
    }
    lost = [Told(field, line) for field, line in used.items() if line and (not said.can_write(field) or (field == "relations" and said.projects))]
    # the relations that formats of labels in pictures hold are links to objects
    return lost + lost_problems(scene)


def lost_between(scene: Scene, cameras: Sequence[str] = ()) -> list[Told]:
    """Poses at other times than the frames' and those at which some cameras exposed, of a format that has none there."""
    if scene.trajectory is None:
        return []
    known = np.concatenate([scene.times_ns, *(scene.exposures_ns(name) for name in cameras)])
    n = int((~np.isin(scene.trajectory.times_ns, known)).sum())
    return [Told("poses", f"{number_of(n, 'pose')} of the vehicle between the frames", n=0)] if n else []


def lost_exposures(scene: Scene, cameras: Iterable[str]) -> list[Told]:
    """When some cameras exposed, of a format that has them at the frames' stamps."""
    late = [name for name in cameras if not np.array_equal(scene.exposures_ns(name), scene.times_ns)]
    return [Told("times", f"when {', '.join(late)} exposed: at the frames' stamps", late)] if late else []


def lost_shutters(scene: Scene, said: Capabilities) -> list[Told]:
    """Which cameras expose row by row or column by column, of a format that has all of a picture at one moment."""
    rolling = [] if said.can_write("shutters") else [name for name, sensor in scene.cameras.items() if sensor.readout_ns]
    return [Told("shutters", f"the rolling shutter of {', '.join(rolling)}: all of a picture at one moment", rolling)] if rolling else []


def lost_problems(scene: Scene) -> list[Told]:
    """Of a format that has no place for what could not be read."""
    return [Told("", f"{number_of(len(scene.problems), 'record')} kept aside")] if scene.problems else []


def lost_cuboids(scene: Scene) -> list[Told]:
    """Of a format that has boxes around what cameras see of them in their place."""
    said = f"{number_of(len(scene.tracks), 'track')} of cuboids: boxes around what cameras see of them stay"
    return [Told("cuboids full_rotation tracks", said)] if scene.tracks else []


def lost_in_pictures(tracks: Sequence[ImageTrack]) -> list[Told]:
    """Of a format that has no place for these labels in pictures: them and all that is gone with them."""
    if not tracks:
        return []
    classes = Counter(track.category for track in tracks)
    names = sorted({name for track in tracks for row in (track.attributes, *track.keyframe_attributes) for name in row})
    said = f"{number_of(len(tracks), 'track')} in pictures with {number_of(sum(map(len, tracks)), 'keyframe')}"
    said += f", of {'class' if len(classes) == 1 else 'classes'} {_listed([f'{name} ({n:,})' for name, n in classes.most_common()])}"
    said += f", with attributes {_listed(names)}" if names else ""
    gone = "shapes video relations classes attributes other_fields visibility track_ids keyframes"
    return [Told(gone, said, [track.track_id for track in tracks])]


def say_no_pictures(scene: Scene, report: WriteReport) -> None:
    """Before all else, of a format that has no labels in pictures."""
    report.dropped[:0] = [Told(" ".join(one.fields), f"all labels in pictures: {one}", one.of) for one in lost_in_pictures(scene.image_tracks)]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    return f"{', '.join(names[:_MOST_NAMED])}{more}"


def lost_of_labels(
    scene: Scene,
    tracks: Sequence[Track | ImageTrack],
    said: Capabilities,
    *,
    has_attributes: bool = False,
    n_occluded: int = 0,
    n_links: int = 0,
    keeps_filled: bool = False,
) -> list[Told]:
    """Attributes, links to objects, what is occluded and which labels were set, of the tracks that are written.

    has_attributes, n_occluded, n_links : whether others that are written have attributes, how many of their keyframes are occluded, and how many of
        them are linked to objects
    keeps_filled : whether keyframes that are told to have been filled in come back so
    """
    lost = lost_in_no_frame(scene, [one for one in tracks if isinstance(one, ImageTrack)])
    if not said.can_write("attributes") and (has_attributes or any(one.attributes or any(one.keyframe_attributes) for one in tracks)):
        lost.append(Told("attributes", "attributes"))
    n_links += sum(isinstance(one, ImageTrack) and one.object_id is not None for one in tracks)
    if n_links and not said.can_write("relations"):
        lost.append(Told("relations", f"the links of {number_of(n_links, 'track')} to their objects"))
    n_occluded += sum(int((one.visibility == Visibility.OCCLUDED).sum()) for one in tracks)
    if n_occluded and not said.can_write("visibility"):
        lost.append(Told("visibility", f"that {number_of(n_occluded, 'keyframe')} {'is' if n_occluded == 1 else 'are'} occluded"))
    if not said.can_write("keyframes") and any(_has_between(scene, one) if keeps_filled else is_filled(scene, one) for one in tracks):
        lost.append(Told("keyframes", "which labels are keyframes: every frame has its own"))
    return lost


def lost_in_no_frame(scene: Scene, tracks: Sequence[ImageTrack]) -> list[Told]:
    """Labels in pictures of a format that has those of frames alone, where they lie between two."""
    exposures = {name: scene.exposures_ns(name) for name in {one.camera for one in tracks}}
    off = [one for one in tracks if not np.isin(one.times_ns, exposures[one.camera]).any()]
    gone = [one.track_id for one in off if not one.at(exposures[one.camera]).is_valid.any()]
    said = f"{number_of(len(gone), 'track')} in pictures that {'is' if len(gone) == 1 else 'are'} in no frame"
    return [Told("shapes video", said, gone)] if gone else []


def lost_edges(tracks: Iterable[ImageTrack]) -> list[Told]:
    """Of a format that has the names of keypoints alone."""
    n = sum(isinstance(one.shapes, Keypoints) and one.shapes.skeleton is not None and bool(one.shapes.skeleton.edges) for one in tracks)
    return [Told("shapes", f"{EDGES}, of {number_of(n, 'track')}", [EDGES])] if n else []


def is_filled(scene: Scene, track: Track | ImageTrack) -> bool:
    """Whether labels lie between keyframes, at frames, or are told to have lain between others."""
    return has_filled([track]) or _has_between(scene, track)


def _has_between(scene: Scene, track: Track | ImageTrack) -> bool:
    filled = track.at(scene.exposures_ns(track.camera) if isinstance(track, ImageTrack) else scene.times_ns)
    return bool(np.any(filled.is_valid & (filled.state != State.KEYFRAME)))


def has_filled(tracks: Sequence[Track | ImageTrack]) -> bool:
    """Whether keyframes are told to have lain between others, before a file made every label a keyframe."""
    return any(bool((track.origin == Origin.FILLED).any()) for track in tracks)
