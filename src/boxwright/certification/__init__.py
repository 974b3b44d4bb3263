"""Certificates of fidelity: a scene is written, read back by our reader and by the client of the platform itself, and what moved is measured."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Int64s
from ..errors import BoxwrightError, SensorFrameFallback, number_of
from ..formats import capabilities, check_writable, scenes, write
from ..formats.camera_labels import cut_to_pictures, with_boxes_of_cuboids
from ..formats.declared import Capabilities, Exactness, spelled
from ..formats.image_labels import the_camera
from ..formats.losses import tells
from ..formats.write_report import WriteReport
from ..image_tracks import ImageTracks
from ..keyframes import State
from ..scene import Scene
from .certificate import KINDS, Certificate, Reading, kinds_of
from .clients import ClientReading, ask_client, python_with
from .fields import LostField, Readings, lost_fields, poses_of, tracks_gone, wrong_cameras
from .measured import CuboidErrors, ShapeErrors, cuboid_errors, is_tilted, shape_errors, upright
from .rows import Clip, Rows, called_now, common_frame, cuboid_rows, pair_cuboids, pair_shapes, shape_rows

__all__ = ["Certificate", "CuboidErrors", "LostField", "Reading", "ShapeErrors", "certify"]


def certify(
    scene: Scene,
    format: str,
    path: str | os.PathLike[str] | None = None,
    *,
    client_python: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Certificate:
    """Writes a scene, reads it back, and measures what became of every label.

    path : a new folder where what is written stays; a temporary one where None
    client_python : the Python for which the platform's client is installed; else those in BOXWRIGHT_CLIENT_PYTHON, and ours, are tried
    options : of the writer, as `bw.write` takes them
    """
    check_writable(format)
    said, notes = capabilities()[format], list[str]()
    python = None if said.client is None else python_with(said.client, client_python)
    if said.client is None and client_python is not None:
        notes.append(f"no client is known that reads {format}: {os.fspath(client_python)} was not asked")
    if said.client is not None and python is None:
        notes.append(f"{said.client} is not installed: nobody but boxwright read it back")
    with tempfile.TemporaryDirectory(prefix="boxwright-") as aside:
        folder = Path(aside) / "written" if path is None else Path(path)
        report = write(scene, folder, format, **options)
        given, n_other = _given(scene, said, options)
        readings = [_read_by_us(given, n_other, folder, format, said)]
        if said.client is not None and python is not None:
            readings.append(_read_by_client(given, ask_client(format, said.client, python, folder), said))
    return Certificate(format, report, tuple(_as_told(reading, said, report) for reading in readings), tuple(notes))


def _as_told(reading: Reading, said: Capabilities, report: WriteReport) -> Reading:
    """Of what a format holds partly, all may be gone only where its writer says that some of it is."""
    whole = [one for one in reading.lost if one.n_lost == one.n_given and one.is_declared and said.can_write(one.field)]
    untold = [one for one in whole if not tells(report, one.field)]
    lost = tuple(replace(one, is_declared=False) if one in untold else one for one in reading.lost)
    reasons = [f"{one.n_lost} of {one.n_given} {one.field.replace('_', ' ')} are lost: the writer's report does not tell it" for one in untold]
    return replace(reading, lost=lost, reasons=(*reading.reasons, *reasons))


def _given(scene: Scene, said: Capabilities, options: dict[str, Any]) -> tuple[Scene, int]:
    """The scene as the format can know it, and how many shapes are left out: those in the pictures of other cameras than the one that is written."""
    name: Any = options.get("camera")
    if said.one_camera:
        name = the_camera(scene, name, WriteReport("", Path())).name
    if said.projects:
        scene = with_boxes_of_cuboids(scene, [name] if said.one_camera else None)
        scene = cut_to_pictures(scene) if said.within_pictures else scene
    if name is None or not said.projects or not scene.image_tracks:
        return scene, 0
    kept = [track for track in scene.image_tracks if track.camera == name]
    others = [track for track in scene.image_tracks if track.camera != name]
    return scene.replace(image_tracks=ImageTracks(kept)), sum(map(len, others))


def _read_by_us(scene: Scene, n_other: int, folder: Path, format: str, said: Capabilities) -> Reading:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SensorFrameFallback)  # whoever gave the scene knows
            back = Clip.of([entry.read() for entry in scenes(folder, format)])
    except BoxwrightError as error:
        return Reading("boxwright", "own", said.exact, reasons=(f"it cannot be read: {error}",))
    given = Clip.of([scene])
    given, back, n_lost, gone = _frames_together(given, back, said)
    gone["shapes"] += n_other
    frame = common_frame([given, back], said.frame)
    by_id = said.can_write("track_ids")
    cuboids = (cuboid_rows(given, frame), cuboid_rows(back, frame))
    shapes = (shape_rows(given), shape_rows(back))
    pairs = pair_cuboids(*cuboids, by_id)
    objects = called_now(*cuboids, pairs, said.can_write("tracks")) if _may_keep_those_of_cuboids(said) else None
    readings = Readings(given, back, (*cuboids, pairs), (*shapes, pair_shapes(*shapes, by_id, objects)))
    return replace(_measured("boxwright", frame, readings, said, said.exact, n_lost, gone, None), n_frames_lost=len(scene) - len(given))


def _may_keep_those_of_cuboids(said: Capabilities) -> bool:
    """Whether the shapes in pictures that a format keeps may be those of its cuboids alone, as in KITTI."""
    return "shapes" in said.partly and said.can_write("cuboids") and not said.one_camera and not said.projects


def _frames_together(given: Clip, back: Clip, said: Capabilities) -> tuple[Clip, Clip, int, dict[str, int]]:
    """The frames of both that are the same: all where there are as many, else those of one stamp, or of one name where the format has names, or the
    first ones; how many are gone that hold what the format can hold; and how many cuboids and shapes were in frames that are gone."""
    if len(given) == len(back):
        return given, back, 0, {"cuboids": 0, "shapes": 0}
    have_times = all(scene.has_time for clip in (given, back) for scene, _, _ in clip.scenes)
    found = list[tuple[int, int]]()
    if have_times or said.can_write("frame_names"):
        called = [{_called(scene, i, have_times): place for place, (scene, i) in enumerate(clip.places)} for clip in (given, back)]
        found = [(place, called[1][name]) for name, place in called[0].items() if name in called[1]]
    found = found or [(i, i) for i in range(min(len(given), len(back)))]
    kept = [i for i, _ in found]
    rows = {"cuboids": cuboid_rows(given, "own").frame, "shapes": shape_rows(given).frame}
    held = {place for kind, frames in rows.items() if said.can_write(kind) for place in frames.tolist()}
    held |= {i for i, (scene, k) in enumerate(given.places) if any(scene.has_points(k, name) for name in scene.lidars)}
    gone = {kind: int((~np.isin(frames, kept)).sum()) for kind, frames in rows.items()}
    return given.taken(kept), back.taken([j for _, j in found]), len(held - {*kept}), gone


def _called(scene: Scene, frame_index: int, by_time: bool) -> int | str:
    return int(scene.times_ns[frame_index]) if by_time else scene.frame_ids[frame_index]


def _read_by_client(scene: Scene, told: ClientReading, said: Capabilities) -> Reading:
    exact = said.exact if said.client_exact is None else said.client_exact
    if told.error is not None or told.cuboids is None or told.shapes is None:
        return Reading(told.client, "own", exact, reasons=(f"it refuses what was written: {told.error}",))
    given = Clip.of([scene])
    known = ("own", "world", "ego", "lidar", *scene.lidars, *scene.cameras)
    frame = told.frame if len(told.cuboids) else common_frame([given], told.frame)
    frame = frame if frame in known else "own"  # what the file it came from calls the frame of its labels
    if frame == "world" and scene.trajectory is None:
        frame = "ego"  # where nobody knows of a world, what is written for it is the vehicle's own frame
    mine, shapes = cuboid_rows(given, frame), shape_rows(given)
    mine = mine.taken(_expected(mine, told, "cuboids"))
    shapes = shapes.taken(_expected(shapes, told, "shapes"))
    theirs = told.cuboids
    if told.frame_times_ns:
        place_of = {int(stamp): i for i, stamp in enumerate(scene.times_ns.tolist())}
        places = np.array([place_of.get(int(stamp), -1) for stamp in told.frame_times_ns], np.int64)
        theirs = replace(theirs, frame=places[theirs.frame])
    by_id = "track_ids" in told.knows and said.can_write("track_ids")
    in_pictures = (shapes, told.shapes, pair_shapes(shapes, told.shapes, by_id))
    readings = Readings(given, given, (mine, theirs, pair_cuboids(mine, theirs, by_id)), in_pictures)
    n_lost = len(scene) - len(told.times_ns) if "times" in told.knows else 0
    reading = _measured(told.client, frame, readings, said, exact, n_lost, {}, told.knows)
    if "times" in told.knows and scene.has_time and not n_lost:
        apart = int(np.abs(np.array(told.times_ns, np.int64) - scene.times_ns).max(initial=0))
        late = (f"times move by up to {apart} ns, allowed are {exact.ns}",) if apart > exact.ns else ()
        reading = replace(reading, time_error_ns=apart, reasons=reading.reasons + late)
    return reading


def _expected(rows: Rows, told: ClientReading, field: str) -> Int64s:
    """The rows that the client can have."""
    if field not in told.knows:
        return np.zeros(0, np.int64)
    return np.flatnonzero(rows.state == State.KEYFRAME) if told.only_keyframes else np.arange(len(rows))


def _measured(
    read_with: str,
    frame: str,
    readings: Readings,
    said: Capabilities,
    exact: Exactness,
    n_lost: int,
    gone: Mapping[str, int],
    knows: frozenset[str] | None,
) -> Reading:
    """gone : of "cuboids" and "shapes", how many are lost that are not among the rows"""
    a, b, pairs = readings.cuboids
    exact = exact._replace(m=exact.m + _float_room(readings, said, exact))
    cuboids: list[CuboidErrors] = []
    tilted = None
    if len(a) and said.can_write("cuboids"):
        turned = is_tilted(a.cuboids)
        if not said.can_write("full_rotation") and turned.any():
            every = cuboid_errors(a, b, pairs, turned[pairs.a])[0]
            tilted = replace(every, category="with roll and pitch", n_given=int(turned.sum()), n_lost=int(turned[pairs.lost].sum()))
            a = replace(a, cuboids=upright(a.cuboids))
        cuboids = cuboid_errors(a, b, pairs)
    fields = _with_others(lost_fields(readings, exact, knows), gone)
    shapes = shape_errors(*readings.shapes) if len(readings.shapes[0]) and said.can_write("shapes") else []
    lost = [_lost(name, counts, readings, said) for name, counts in fields.items() if counts[1]]
    reading = Reading(
        read_with,
        frame,
        exact,
        _labels(readings, fields, gone.get("shapes", 0), knows),
        tuple(cuboids),
        tilted,
        tuple(shapes),
        _time_error(readings, said) if knows is None else None,
        n_lost,
        len(pairs.extra) + len(readings.shapes[2].extra) * ("shapes" not in said.partly or said.one_camera or said.projects),
        tuple(lost),
    )
    wrong = wrong_cameras(readings) if said.can_write("calibration") else []
    others = [f"camera {name} came back with another lens or at another place than any that was given" for name in wrong]
    return replace(reading, reasons=(*_reasons(reading, said), *others))


def _with_others(fields: dict[str, tuple[int, int]], gone: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    counts = {kind: fields.get(kind, (0, 0)) for kind, n in gone.items() if n}
    return {**fields, **{kind: (n + gone[kind], lost + gone[kind]) for kind, (n, lost) in counts.items()}}


def _lost(name: str, counts: tuple[int, int], readings: Readings, said: Capabilities) -> LostField:
    """Tracks that are gone with all of their labels are gone as the format says of these."""
    labels = {"tracks": ("cuboids", readings.cuboids), "video": ("shapes", readings.shapes)}.get(name)
    if name not in said.losses and labels is not None and counts[1] == tracks_gone(labels[1]):
        name_of_loss = labels[0]
    else:
        name_of_loss = name
    return LostField(name, *counts, name_of_loss in said.losses, said.losses.get(name_of_loss, ""))


def _labels(readings: Readings, fields: dict[str, tuple[int, int]], n_other: int, knows: frozenset[str] | None) -> dict[str, tuple[int, int]]:
    """Kind of label -> how many there were, how many came back in whatever way. Sweeps labelled by cuboids are among them."""
    counts = {kind: (n, n - lost) for kind, (n, lost) in fields.items() if kind in KINDS}
    a, _, pairs = readings.shapes
    if "shapes" in counts:
        counts["shapes"] = (len(a) + n_other, len(pairs.a))  # those that are another kind of shape now are still there
    if knows is None:
        labelled = sum(scene.has_point_labels(i, name) for scene, i in readings.back.places for name in scene.lidars)
        n = max(labelled, counts.get("segmentation", (0, 0))[0])
        counts["segmentation"] = (n, labelled)
    return {kind: counts[kind] for kind in KINDS if counts.get(kind, (0, 0))[0]}


def _float_room(readings: Readings, said: Capabilities, exact: Exactness) -> float:
    """What float64 rounds away at the scene's own coordinates, where the format turns them into a frame of its own."""
    poses = [pose for scene, i in readings.given.places[:1] for pose in poses_of(scene, i)]
    far = max((float(np.abs(pose.translation_m).max()) for pose in poses), default=0.0)
    return 0.0 if exact == Exactness() else float(64 * np.finfo(float).eps * far)


def _time_error(readings: Readings, said: Capabilities) -> int | None:
    pairs = [
        (int(scene.times_ns[i]), int(other.times_ns[j]))
        for (scene, i), (other, j) in zip(readings.given.places, readings.back.places)
        if scene.has_time and other.has_time
    ]
    if not pairs or not said.can_write("times"):
        return None
    here, there = np.array(pairs, np.int64).T
    if "times" in said.partly:
        here, there = here - here[0], there - there[0]
    return int(np.abs(here - there).max())


def _reasons(reading: Reading, said: Capabilities) -> list[str]:
    """Why a reading is no good: an error over its tolerance, or something gone that the format does not say it loses."""
    exact, found = reading.exact, list[str]()
    for one in reading.cuboids[:1]:
        if one.corner_m > exact.m:
            found.append(f"a corner moves by {spelled(one.corner_m)} m, allowed are {spelled(exact.m)}")
        if one.heading_rad > exact.rad:
            found.append(f"a heading turns by {spelled(one.heading_rad)} rad, allowed are {spelled(exact.rad)}")
        if one.n_lost:
            found.append(f"{one.n_lost} of {one.n_given} cuboids are lost")
    keeps_shapes = "shapes" not in said.partly or said.one_camera or said.projects
    for shape in reading.shapes[:1]:
        if shape.edge_px > exact.px:
            found.append(f"an edge moves by {spelled(shape.edge_px)} px, allowed are {spelled(exact.px)}")
        if shape.n_lost and keeps_shapes:
            found.append(f"{shape.n_lost} of {shape.n_given} shapes in pictures are lost")
    if reading.n_frames_lost:
        found.append(f"{number_of(reading.n_frames_lost, 'frame')} lost")
    if reading.n_extra:
        found.append(f"{number_of(reading.n_extra, 'label')} that nobody gave")
    if reading.time_error_ns is not None and "times" not in said.partly and reading.time_error_ns > exact.ns:
        found.append(f"times move by up to {reading.time_error_ns} ns, allowed are {exact.ns}")
    n_given, n_back = (sum(counts[k] for counts in reading.labels.values()) for k in (0, 1))
    if n_given and not n_back and not any(reason.endswith("are lost") for reason in found):
        found.append(f"none of {kinds_of(reading.labels, '{what}')} came back: the format cannot hold them")
    undeclared = [one for one in reading.lost if not one.is_declared and one.field not in ("cuboids", "shapes")]  # these two are counted by class
    return [*found, *[f"{one.n_lost} of {one.n_given} {one.field.replace('_', ' ')} are lost" for one in undeclared]]
