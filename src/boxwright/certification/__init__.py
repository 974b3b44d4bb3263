"""Certificates of fidelity: a scene is written, read back by our reader and by the client of the platform itself, and what moved is measured."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Int64s
from ..errors import BoxwrightError, SensorFrameFallback, number_of
from ..formats import capabilities, check_writable, scenes, write
from ..formats.camera_labels import cut_to_pictures, with_boxes_of_cuboids
from ..formats.declared import Capabilities, Decimals, Exactness, spelled
from ..formats.frame_rates import FIRST_FRAME
from ..formats.image_labels import the_camera
from ..formats.write_report import WriteReport
from ..image_tracks import ImageTracks
from ..keyframes import State
from ..scene import Scene
from .certificate import KINDS, Certificate, Reading, kinds_of
from .clients import ClientReading, ask_client, python_with
from .contents import Contents, compare_pictures, compare_sweeps
from .fields import Found, LostField, Readings, lost_fields, tracks_gone
from .invented import invented
from .measured import CuboidErrors, ShapeErrors, cuboid_errors, is_tilted, shape_errors, upright
from .placed import poses_of, wrong_cameras, wrong_lidars
from .rows import Clip, CuboidRows, Rows, called_now, common_frame, cuboid_rows, pair_cuboids, pair_shapes, shape_rows
from .together import frames_together
from .told import Gone, lost, n_untold

_MOST_NAMES = 10

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
        given, others, said_of_cut = _given(scene, said, options)
        notes += said_of_cut
        n_made = _n_made(scene, given) if said.projects else None
        readings = [replace(_read_by_us(given, others, folder, format, said, report), n_made=n_made)]
        refused = sorted({track.shapes.KIND for track in given.image_tracks} & {*said.client_refuses.split()})
        if python is not None and refused:
            notes.append(f"{said.client} ends over files with shapes of kind {', '.join(refused)}: nobody but boxwright read it back")
        elif said.client is not None and python is not None:
            readings.append(_read_by_client(given, ask_client(format, said.client, python, folder), said, report))
    return Certificate(format, report, tuple(readings), tuple(notes))


def _given(scene: Scene, said: Capabilities, options: dict[str, Any]) -> tuple[Scene, list[Gone], list[str]]:
    """The scene as the format can know it; the shapes that are left out: those in the pictures of other cameras than the one that is written; and a
    note on shapes that end with their pictures."""
    notes = list[str]()
    name: Any = options.get("camera")
    if said.one_camera:
        name = the_camera(scene, name, WriteReport("", Path())).name
    if said.projects:
        scene = with_boxes_of_cuboids(scene, [name] if said.one_camera else None)
        if said.within_pictures:
            whole, scene = scene, cut_to_pictures(scene)
            notes = _cut_off(whole, scene)
    if name is None or not said.projects or not scene.image_tracks:
        return scene, [], notes
    kept = [track for track in scene.image_tracks if track.camera == name]
    others = [track for track in scene.image_tracks if track.camera != name]
    left_out = [lost(track.track_id, track.camera, category=track.category) for track in others for _ in range(len(track))]
    return scene.replace(image_tracks=ImageTracks(kept)), left_out, notes


def _cut_off(whole: Scene, cut: Scene) -> list[str]:
    """How many shapes in frames end with their pictures, or are gone with all of them, and how far edges moved by it."""
    n, n_gone, farthest, ends = 0, 0, 0.0, {track.track_id: track for track in cut.image_tracks}
    for track in whole.image_tracks:
        times = np.unique(whole.exposures_ns(track.camera))
        before, after = track.at(times), ends[track.track_id].at(times) if track.track_id in ends else None
        stays = before.is_valid & (after.is_valid if after is not None else False)
        n_gone += int((before.is_valid & ~stays).sum())
        if after is not None and ends[track.track_id] is not track:
            apart = np.abs(before.shapes.bounds_xyxy()[stays] - after.shapes.bounds_xyxy()[stays]).max(axis=1, initial=0.0)
            n, farthest = n + int((apart > 0).sum()), max(farthest, float(apart.max(initial=0.0)))
    said = [f"{number_of(n, 'shape')} cut by up to {farthest:.3g} px"] if n else []
    said += [f"{number_of(n_gone, 'shape')} outside of it gone"] if n_gone else []
    return [f"labels end with the picture: {' and '.join(said)}; what is measured is the rest"] if said else []


def _n_made(scene: Scene, given: Scene) -> int:
    """How many of the shapes that are given are boxes of cuboids."""
    own = {track.track_id for track in scene.image_tracks}
    return len(shape_rows(Clip.of([given.replace(image_tracks=[track for track in given.image_tracks if track.track_id not in own])])))


def _read_by_us(scene: Scene, others: list[Gone], folder: Path, format: str, said: Capabilities, report: WriteReport) -> Reading:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SensorFrameFallback)  # whoever gave the scene knows
            back = Clip.of([entry.read() for entry in scenes(folder, format)])
    except BoxwrightError as error:
        return Reading("boxwright", "own", said.exact, reasons=(f"it cannot be read: {error}",))
    given = Clip.of([scene])
    both = frames_together(given, back, said)
    given, back, gone = both.given, both.back, both.gone
    gone["shapes"] += others
    frame = common_frame([given, back], said.frame)
    by_id = said.can_write("track_ids")
    cuboids = (cuboid_rows(given, frame), cuboid_rows(back, frame))
    shapes = (shape_rows(given), shape_rows(back))
    pairs = pair_cuboids(*cuboids, by_id)
    objects = called_now(*cuboids, pairs, said.can_write("tracks")) if _may_keep_those_of_cuboids(said) else None
    readings = Readings(given, back, (*cuboids, pairs), (*shapes, pair_shapes(*shapes, by_id, objects)))
    measured = _measured("boxwright", frame, readings, said, report, said.exact, both.n_lost, gone, None)
    return replace(
        measured, n_frames_lost=len(scene) - len(given), n_extra=measured.n_extra + both.n_extra, reasons=(*measured.reasons, *both.nobody_gave)
    )


def _may_keep_those_of_cuboids(said: Capabilities) -> bool:
    """Whether the shapes in pictures that a format keeps may be those of its cuboids alone, as in KITTI."""
    return "shapes" in said.partly and said.can_write("cuboids") and not said.one_camera and not said.projects


def _read_by_client(scene: Scene, told: ClientReading, said: Capabilities, report: WriteReport) -> Reading:
    if told.error is not None or told.cuboids is None or told.shapes is None:
        return Reading(told.client, "own", said.exact, reasons=(f"it refuses what was written: {told.error}",))
    given = Clip.of([scene])
    known = ("own", "world", "ego", "lidar", *scene.lidars, *scene.cameras)
    frame = told.frame if len(told.cuboids) else common_frame([given], told.frame)
    frame = frame if frame in known else "own"  # what the file it came from calls the frame of its labels
    if frame == "world" and scene.trajectory is None:
        frame = "ego"  # where nobody knows of a world, what is written for it is the vehicle's own frame
    mine, shapes = cuboid_rows(given, frame), shape_rows(given)
    mine = mine.taken(_expected(mine, told, "cuboids"))
    shapes = shapes.taken(_expected(shapes, told, "shapes"))
    mine, skipped = _without_skipped(mine, told, said)
    theirs = told.cuboids
    if told.frame_times_ns:
        place_of = {int(stamp): i for i, stamp in enumerate(scene.times_ns.tolist())}
        places = np.array([place_of.get(int(stamp), -1) for stamp in told.frame_times_ns], np.int64)
        theirs = replace(theirs, frame=places[theirs.frame])
    exact = _exact_of_client(said, mine)
    by_id = "track_ids" in told.knows and said.can_write("track_ids")
    in_pictures = (shapes, told.shapes, pair_shapes(shapes, told.shapes, by_id))
    readings = Readings(given, given, (mine, theirs, pair_cuboids(mine, theirs, by_id)), in_pictures)
    n_lost = len(scene) - len(told.times_ns) if "times" in told.knows else 0
    reading = replace(_measured(told.client, frame, readings, said, report, exact, max(n_lost, 0), {}, told.knows), skipped=skipped)
    if n_lost < 0:
        reading = replace(reading, reasons=(*reading.reasons, f"{number_of(-n_lost, 'frame')} that nobody gave"))
    if "times" in told.knows and scene.has_time and not n_lost:
        apart = int(np.abs(np.array(told.times_ns, np.int64) - scene.times_ns).max(initial=0))
        late = (f"times move by up to {apart} ns, allowed are {exact.ns}",) if apart > exact.ns else ()
        reading = replace(reading, time_error_ns=apart, reasons=reading.reasons + late)
    return reading


def _without_skipped(rows: CuboidRows, told: ClientReading, said: Capabilities) -> tuple[CuboidRows, str]:
    """The cuboids but for those that the client leaves out by design, where the format declares it; and which these are."""
    if told.skipped is None or not len(told.skipped) or not said.client_skips:
        return rows, ""
    gone = pair_cuboids(rows, told.skipped, False).a
    of = Counter(rows.track_ids[k] for k in rows.track[gone].tolist())
    names = ", ".join(f"{n:,} of track {name}" for name, n in of.most_common(_MOST_NAMES))
    more = f" and {sum(of.values()) - sum(n for _, n in of.most_common(_MOST_NAMES)):,} of others" if len(of) > _MOST_NAMES else ""
    skipped = f"{number_of(len(gone), 'cuboid')} skipped by design, {said.client_skips}: {names}{more}"
    return rows.taken(np.setdiff1d(np.arange(len(rows)), gone)), skipped


def _exact_of_client(said: Capabilities, rows: CuboidRows) -> Exactness:
    """How far labels may move in a client; where it rounds numbers, by the largest cuboid, and whether any is tilted."""
    exact = said.client_exact
    if not isinstance(exact, Decimals):
        return said.exact if exact is None else exact
    tilted = bool(is_tilted(rows.cuboids).any())
    return exact.exact(float(np.linalg.norm(rows.cuboids.size_m[:, : 3 if tilted else 2], axis=1).max(initial=0)), is_tilted=tilted)


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
    report: WriteReport,
    exact: Exactness,
    n_lost: int,
    gone: Mapping[str, list[Gone]],
    knows: frozenset[str] | None,
) -> Reading:
    """gone : of "cuboids" and "shapes", those that are lost and are not among the rows"""
    a, b, pairs = readings.cuboids
    exact = exact._replace(m=exact.m + _float_room(readings, said, exact), ns=max(exact.ns, report.tolerance_ns))
    cuboids: list[CuboidErrors] = []
    tilted = None
    if len(a) and said.can_write("cuboids"):
        turned = is_tilted(a.cuboids)
        if not said.can_write("full_rotation") and turned.any():
            every = cuboid_errors(a, b, pairs, turned[pairs.a])[0]
            tilted = replace(every, category="with roll and pitch", n_given=int(turned.sum()), n_lost=int(turned[pairs.lost].sum()))
            a = replace(a, cuboids=upright(a.cuboids))
        cuboids = cuboid_errors(a, b, pairs)
    contents = _contents(readings, said, exact, report) if knows is None else []
    of_contents = {one.kind: one.found for one in contents if one.n_given}
    fields = _with_others({**lost_fields(readings, exact, knows), **of_contents}, gone)
    shapes = shape_errors(*readings.shapes) if len(readings.shapes[0]) and said.can_write("shapes") else []
    missed = [_lost(name, found, readings, said, report) for name, found in fields.items() if found[1]]
    reading = Reading(
        read_with,
        frame,
        exact,
        _labels(readings, fields, len(gone.get("shapes", ())), knows),
        tuple(cuboids),
        tilted,
        tuple(shapes),
        _time_error(readings, said, report) if knows is None else None,
        n_lost,
        len(pairs.extra) + len(readings.shapes[2].extra) * ("shapes" not in said.partly or said.one_camera or said.projects),
        tuple(missed),
    )
    wrong = wrong_cameras(readings.given, readings.back) if said.can_write("calibration") else []
    others = [f"camera {name} came back with another lens or at another place than it was given" for name in wrong]
    others += [f"LiDAR {name} came back at another place on the vehicle" for name in wrong_lidars(readings.given, readings.back)]
    more = invented(readings, said.adds.split()) if knows is None else []
    are_told = any(one.field == "pictures" and not one.n_untold for one in missed)
    others += [reason for one in contents for reason in one.reasons if one.kind == "sweeps" or not are_told]
    compared = tuple(what for one in contents for what in one.compared)
    return replace(reading, contents=compared, reasons=(*_reasons(reading, said), *others, *more))


def _contents(readings: Readings, said: Capabilities, exact: Exactness, report: WriteReport) -> list[Contents]:
    frame, room_m = "ego" if said.frame == "ego" else "lidar", _float_room(readings, said, exact)
    given, back = readings.given, readings.back
    return [compare_sweeps(given, back, frame, room_m, report), compare_pictures(given, back, report)]


def _with_others(fields: dict[str, Found], gone: Mapping[str, list[Gone]]) -> dict[str, Found]:
    found = {kind: fields.get(kind, (0, [])) for kind, others in gone.items() if others}
    return {**fields, **{kind: (n + len(gone[kind]), missed + gone[kind]) for kind, (n, missed) in found.items()}}


def _lost(name: str, found: Found, readings: Readings, said: Capabilities, report: WriteReport) -> LostField:
    """Tracks that are gone with all of their labels are gone as the format says of these."""
    labels = {"tracks": ("cuboids", readings.cuboids), "video": ("shapes", readings.shapes)}.get(name)
    n_given, gone = found
    if name not in said.losses and labels is not None and len(gone) == tracks_gone(labels[1]):
        name_of_loss = labels[0]
    else:
        name_of_loss = name
    is_declared = name_of_loss in said.losses
    by_class = Counter(one[0].category for one in gone if one[0].category)
    return LostField(
        name, n_given, len(gone), n_untold(gone, name, report), dict(sorted(by_class.items())), is_declared, said.losses.get(name_of_loss, "")
    )


def _labels(readings: Readings, fields: dict[str, Found], n_other: int, knows: frozenset[str] | None) -> dict[str, tuple[int, int]]:
    """Kind of label -> how many there were, how many came back in whatever way. Sweeps labelled by cuboids are among them."""
    counts = {kind: (n, n - len(gone)) for kind, (n, gone) in fields.items() if kind in KINDS}
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


def _time_error(readings: Readings, said: Capabilities, report: WriteReport) -> int | None:
    """From the first frame on, where the report tells that the first is another."""
    pairs = [
        (int(scene.times_ns[i]), int(other.times_ns[j]))
        for (scene, i), (other, j) in zip(readings.given.places, readings.back.places)
        if scene.has_time and other.has_time
    ]
    if not pairs or not said.can_write("times"):
        return None
    here, there = np.array(pairs, np.int64).T
    if any("times" in told.fields and told.of is not None and FIRST_FRAME in told.of for told in report.dropped):
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
    are_told = any(one.field == "times" and not one.n_untold for one in reading.lost)
    if reading.time_error_ns is not None and not are_told and reading.time_error_ns > exact.ns:
        found.append(f"times move by up to {reading.time_error_ns} ns, allowed are {exact.ns}")
    n_given, n_back = (sum(counts[k] for counts in reading.labels.values()) for k in (0, 1))
    if n_given and not n_back and not any(reason.endswith("are lost") for reason in found):
        found.append(f"none of {kinds_of(reading.labels, '{what}')} came back: the format cannot hold them")
    undeclared = [one for one in reading.lost if not one.is_declared and one.field not in ("cuboids", "shapes")]  # these two are counted by class
    found += [f"{one.n_lost} of {one.n_given} {one.field.replace('_', ' ')} are lost" for one in undeclared]
    others = [one for one in reading.lost if one.field == "shapes" and not one.is_declared]
    n_lost = sum(shape.n_lost for shape in reading.shapes[:1])
    found += [f"{one.n_untold - n_lost} of {one.n_given} shapes in pictures have other points or pixels" for one in others if one.n_untold > n_lost]
    untold = [one for one in reading.lost if one.is_declared and one.n_untold and said.can_write(one.field)]
    return [*found, *[_untold(one) for one in untold]]


def _untold(one: LostField) -> str:
    told = "does not tell it" if one.n_untold == one.n_lost else f"tells of {one.n_lost - one.n_untold}"
    return f"{one.n_lost} of {one.n_given} {one.field.replace('_', ' ')} are lost: the writer's report {told}"
