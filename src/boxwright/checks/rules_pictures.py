"""Rules about pictures: labels in them against cuboids of the same objects. What all labels of a camera have in common is its calibration or clock;
what is left is a label.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..arrays import Float64s
from ..errors import number_of
from ..linking import CameraOffset, LinkOffsets, link, link_offsets
from ..linking.pictured import cameras_of, exposures_of, sightings
from ..scene import Scene
from .context import Context
from .findings import Finding, Severity
from .registry import Needs, label_rule
from .suggestions import CorrectCamera, Suggestion

SIDES = ("left", "top", "right", "bottom")
FEWEST_OBJECTS, MOST_STRAY = 3, 0.1  # so many objects that are labelled in a camera; of their labels, so few may have their cuboid in the picture
A_THIRD_RAD = 2 * math.pi / 3 / math.sqrt(3)  # about each axis, of the third of a whole turn that takes axes into each other


def offsets_of(context: Context) -> LinkOffsets | None:
    """Labels in pictures less projected cuboids, made once for all rules; None, with a note, where there are none of both."""
    if "offsets" not in context.kept:
        scene = context.scene
        found = None
        if scene.image_tracks and scene.tracks and cameras_of(scene, None):
            found = link_offsets(link(scene).accept())
        if found is None or not len(found):
            context.notes.append("no label in a picture has a cuboid of the same object: camera_turned, camera_late, picture_box left out")
            found = None
        context.kept["offsets"] = found
    offsets: LinkOffsets | None = context.kept["offsets"]
    return offsets


@label_rule(
    "camera_elsewhere",
    title="a camera whose labels name cuboids that are not in its pictures: its pose",
    measures="the share of a camera's labels whose cuboid is in the picture, where three objects or more are labelled",
    unit="",
    thresholds=MOST_STRAY,
    severity=Severity.ERROR,
    needs=Needs.IMAGES,
    source="a camera that looks where it should has nearly all of them in its pictures",
    is_lower_bound=True,
    is_fitted=False,
    groups=False,
    suggests="axes of forward, left and up taken for what they are, where that brings the cuboids into the pictures",
)
def camera_elsewhere(context: Context) -> Iterator[Finding]:
    """Cameras whose labels name cuboids that are not in their pictures at all. Where the pose turns out to be one of axes that point forward, to the
    left and up, instead of to the right, down and forward, so that cuboids come into the pictures, that is proposed.
    """
    scene = context.scene
    for camera in cameras_of(scene, None) if scene.tracks else ():
        n_objects, share = _in_pictures(scene, camera)
        if n_objects < FEWEST_OBJECTS or share > context.profile.threshold("camera_elsewhere", "*"):
            continue
        edit = CorrectCamera(camera, (A_THIRD_RAD, -A_THIRD_RAD, A_THIRD_RAD))
        is_mended = _in_pictures(edit.apply(scene), camera)[1] > 1 - MOST_STRAY
        suggestion = Suggestion(f"take the axes of {camera} as forward, left and up", [edit]) if is_mended else None
        message = (
            f"of {n_objects} objects that are labelled in {camera}, {share:.0%} of the labels have their cuboid in the picture: the camera stands or "
            f"looks elsewhere{', its axes are forward, left and up' if is_mended else ''}"
        )
        yield context.finding("camera_elsewhere", _whole(context), [], share, message, sensor=camera, suggestion=suggestion)


@label_rule(
    "camera_turned",
    title="a camera whose labels are all shifted the same way: its calibration",
    measures="the shift that the labels of a camera have in common against projected cuboids",
    unit="px",
    thresholds=1.0,
    severity=Severity.WARNING,
    needs=Needs.IMAGES,
    source="beyond three standard deviations, with the pairs of tracks as clusters",
    is_fitted=False,
    groups=False,
    suggests="the camera turned so that cuboids meet their labels",
)
def camera_turned(context: Context) -> Iterator[Finding]:
    for one in _summaries(context, "shift"):
        shift = math.hypot(*one.shift_px)
        if shift > context.profile.threshold("camera_turned", "*"):
            u, v = one.shift_px
            message = (
                f"labels of {number_of(one.n_pairs, 'object')} in {one.camera} lie {abs(u):.1f} px to the {'right' if u > 0 else 'left'} of "
                f"their cuboids and {abs(v):.1f} px {'below' if v > 0 else 'above'} them: the calibration is off"
            )
            right, down = one.shift_rad
            suggestion = None
            if math.isfinite(right) and math.isfinite(down):
                turn = (-math.atan(down), math.atan(right), 0.0)
                edit = CorrectCamera(one.camera, turn)
                suggestion = Suggestion(f"turn {one.camera} by {math.degrees(math.hypot(*turn)):.2f} degrees", [edit])
            yield context.finding("camera_turned", _whole(context), [], shift, message, sensor=one.camera, suggestion=suggestion)


def _in_pictures(scene: Scene, camera: str) -> tuple[int, float]:
    """How many objects have labels in a camera that name their cuboids, and the share of these labels whose cuboid is there too."""
    linked = [track for track in scene.image_tracks if track.camera == camera and track.object_id in scene.track_index]
    if not linked:
        return 0, math.nan
    seen = sightings(exposures_of(scene, camera), scene.tracks)
    places = set(zip(seen.frame_index[seen.is_visible].tolist(), seen.track_index[seen.is_visible].tolist()))
    known = set(zip(seen.frame_index.tolist(), seen.track_index.tolist()))
    exposures = scene.exposures_ns(camera)
    labelled = set()
    for track in linked:
        own = scene.track_index[track.object_id or ""]
        labelled |= {(i, own) for i in np.flatnonzero(track.at(exposures).is_valid).tolist()}
    labelled &= known
    return len({own for _, own in labelled}), len(labelled & places) / len(labelled) if labelled else math.nan


@label_rule(
    "camera_late",
    title="a camera whose labels all run ahead or behind along their motion: its clock",
    measures="by how much later or earlier than their stamps the labelled pictures seem to be taken",
    unit="ms",
    thresholds=5.0,
    severity=Severity.WARNING,
    needs=Needs.IMAGES,
    source="beyond three standard deviations, with the pairs of tracks as clusters",
    is_fitted=False,
    groups=False,
    suggests="the camera's times moved",
)
def camera_late(context: Context) -> Iterator[Finding]:
    for one in _summaries(context, "time"):
        late_ms = one.late_s * 1e3
        if abs(late_ms) > context.profile.threshold("camera_late", "*"):
            way = "later" if late_ms > 0 else "earlier"
            message = (
                f"the labelled pictures of {one.camera} seem to be taken {abs(late_ms):.0f} ms {way} than their stamps, by "
                f"{number_of(one.n_pairs, 'object')}: "
                "the clock, or the moment the labels are for, is off"
            )
            edit = CorrectCamera(one.camera, late_ns=round(one.late_s * 1e9))
            suggestion = Suggestion(f"take the pictures of {one.camera} as {abs(late_ms):.0f} ms {way}", [edit])
            yield context.finding("camera_late", _whole(context), [], abs(late_ms), message, sensor=one.camera, suggestion=suggestion)


def _summaries(context: Context, cause: str) -> list[CameraOffset]:
    offsets = offsets_of(context)
    return [] if offsets is None else [one for one in offsets.summary if cause in one.causes]


def _whole(context: Context) -> tuple[int, int, int]:
    return 0, len(context.scene) - 1, 0


@label_rule(
    "picture_box",
    title="a label in a picture that does not meet its cuboid",
    measures="by how much a side is off, as a share of the box, once what all labels of the camera have in common is taken away",
    unit="",
    thresholds={"*": 0.15, "pedestrian": 0.5, "cyclist": 0.3, "motorcyclist": 0.3, "bicycle": 0.3, "motorcycle": 0.3},
    severity=Severity.WARNING,
    needs=Needs.IMAGES,
    source="five robust deviations of the camera's labels, 3 px and 10 % of the box at least; people are drawn loosely",
)
def picture_box(context: Context) -> Iterator[Finding]:
    offsets = offsets_of(context)
    if offsets is None:
        return
    share, side = _odd_share(offsets)
    fires = np.flatnonzero(context.over("picture_box", offsets.track_index.astype(np.int64), share))
    keys = np.column_stack([offsets.camera_index, offsets.image_track_index, offsets.frame_index])[fires]
    order = np.lexsort(keys.T[::-1])
    fires, keys = fires[order], keys[order]
    cuts = np.flatnonzero((np.diff(keys[:, :2], axis=0) != 0).any(1) | (np.diff(keys[:, 2]) > 2)) + 1
    for rows in np.split(fires, cuts) if len(fires) else ():
        worst = int(rows[np.argmax(share[rows])])
        track, label = int(offsets.track_index[worst]), offsets.image_tracks[int(offsets.image_track_index[worst])]
        camera = offsets.cameras[int(offsets.camera_index[worst])]
        message = (
            f"{context.name(track)} and its label {label.track_id} in {camera} disagree by {abs(offsets.rest_px[worst, side[worst]]):.0f} px at the "
            f"{SIDES[side[worst]]}, IoU {offsets.iou[worst]:.2f}"
        )
        frames = (int(offsets.frame_index[rows[0]]), int(offsets.frame_index[rows[-1]]), int(offsets.frame_index[worst]))
        yield context.finding("picture_box", frames, [track], float(share[worst]), message, sensor=camera)


def _odd_share(offsets: LinkOffsets) -> tuple[Float64s, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """(R,) by which share of its box the worst side is off, NaN where the row is not odd; and (R,) which side."""
    size = np.tile(offsets.projected_xyxy[:, 2:] - offsets.projected_xyxy[:, :2], 2)
    off = np.nan_to_num(np.abs(offsets.rest_px) / np.maximum(size, 1.0))
    side = np.argmax(off, axis=1)
    worst = off[np.arange(len(off)), side]
    return np.where(offsets.is_odd, worst, np.nan), side
