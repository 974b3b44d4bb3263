"""Certificates of fidelity: a scene is written, read back by our reader and by the client of the platform itself, and what moved is measured."""

from __future__ import annotations

import os
import tempfile
import warnings
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Int64s
from ..errors import BoxwrightError, SensorFrameFallback, number_of
from ..formats import capabilities, check_writable, scenes, write
from ..formats.camera_labels import cut_to_pictures, with_boxes_of_cuboids
from ..formats.declared import Capabilities, Exactness
from ..formats.image_labels import the_camera
from ..formats.write_report import WriteReport
from ..image_tracks import ImageTracks
from ..keyframes import State
from ..scene import Scene
from .clients import ClientReading, ask_client, python_with
from .fields import LostField, Readings, lost_fields, poses_of
from .measured import CuboidErrors, ShapeErrors, cuboid_errors, is_tilted, shape_errors, upright
from .rows import Clip, Rows, common_frame, cuboid_rows, pair_cuboids, pair_shapes, renamed, shape_rows

__all__ = ["Certificate", "CuboidErrors", "LostField", "Reading", "ShapeErrors", "certify"]


@dataclass(frozen=True)
class Reading:
    """What one reader found in what was written.

    read_with : "boxwright", or a client with its version
    frame : the frame of reference the cuboids are compared in
    exact : how far a label may move; m holds the rounding of float64 at the scene's coordinates too
    cuboids, shapes : by class, "all" first; empty where the scene has none, or the format holds none. Where the format loses roll and pitch, against
        the cuboids as they are without; `tilted` tells how far those that have any are from where they were
    time_error_ns : the furthest that a stamp moved; None where no time was told. Where the format tells times only partly, from the first frame on
    n_frames_lost, n_extra : frames that are gone, labels that nobody gave
    lost : fields of which something is gone
    reasons : why it does not hold, one sentence each
    """

    read_with: str
    frame: str
    exact: Exactness
    cuboids: tuple[CuboidErrors, ...] = ()
    tilted: CuboidErrors | None = None
    shapes: tuple[ShapeErrors, ...] = ()
    time_error_ns: int | None = None
    n_frames_lost: int = 0
    n_extra: int = 0
    lost: tuple[LostField, ...] = ()
    reasons: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        return not self.reasons


@dataclass(frozen=True)
class Certificate:
    """The outcome of `certify`.

    format : what was written; report : what its writer said
    readings : our reader's, and that of the platform's client where it is installed
    notes : what was not looked at, and why
    holds : whether every label came back within the format's tolerance, and nothing is gone but what the format says it loses
    """

    format: str
    report: WriteReport
    readings: tuple[Reading, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def holds(self) -> bool:
        return all(reading.holds for reading in self.readings)

    @property
    def reasons(self) -> list[str]:
        return [f"read with {reading.read_with}: {reason}" for reading in self.readings for reason in reading.reasons]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        readings = [{**asdict(one), "exact": one.exact._asdict(), "holds": one.holds} for one in self.readings]
        return {"format": self.format, "holds": self.holds, "readings": readings, "notes": list(self.notes), "dropped": self.report.dropped}

    def __str__(self) -> str:
        return f"{self.format}: {'holds' if self.holds else '; '.join(self.reasons)}"


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
    said = capabilities()[format]
    with tempfile.TemporaryDirectory(prefix="boxwright-") as aside:
        folder = Path(aside) / "written" if path is None else Path(path)
        report = write(scene, folder, format, **options)
        given, n_other = _given(scene, said, options)
        readings, notes = [_read_by_us(given, n_other, folder, format, said)], list[str]()
        if said.client is not None:
            python = python_with(said.client, client_python)
            if python is None:
                notes.append(f"{said.client} is not installed: nobody but boxwright read it back")
            else:
                readings.append(_read_by_client(given, ask_client(format, said.client, python, folder), said))
    return Certificate(format, report, tuple(readings), tuple(notes))


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
    given, back, n_lost = _frames_together(given, back)
    frame = common_frame([given, back], said.frame)
    by_id = said.can_write("track_ids")
    cuboids = (cuboid_rows(given, frame), cuboid_rows(back, frame))
    shapes = (shape_rows(given), shape_rows(back))
    pairs = pair_cuboids(*cuboids, by_id)
    objects = renamed(*cuboids, pairs) if _may_keep_those_of_cuboids(said) else None
    readings = Readings(given, back, (*cuboids, pairs), (*shapes, pair_shapes(*shapes, by_id, objects)))
    return _measured("boxwright", frame, readings, said, said.exact, n_lost, n_other, None)


def _may_keep_those_of_cuboids(said: Capabilities) -> bool:
    """Whether the shapes in pictures that a format keeps may be those of its cuboids alone, as in KITTI."""
    return "shapes" in said.partly and said.can_write("cuboids") and not said.one_camera and not said.projects


def _frames_together(given: Clip, back: Clip) -> tuple[Clip, Clip, int]:
    """The frames of both that are the same: all of them where there are as many, else those of one stamp or name; and how many of those that hold
    anything are gone."""
    if len(given) == len(back):
        return given, back, 0
    have_times = all(scene.has_time for clip in (given, back) for scene, _, _ in clip.scenes)
    called = [{_called(scene, i, have_times): place for place, (scene, i) in enumerate(clip.places)} for clip in (given, back)]
    found = [(place, called[1][name]) for name, place in called[0].items() if name in called[1]]
    if not found:
        found = [(i, i) for i in range(min(len(given), len(back)))]
    kept = {i for i, _ in found}
    held = set(shape_rows(given).frame.tolist()) | set(cuboid_rows(given, "own").frame.tolist())
    held |= {i for i, (scene, k) in enumerate(given.places) if any(scene.has_points(k, name) for name in scene.lidars)}
    return given.taken([i for i, _ in found]), back.taken([j for _, j in found]), len(held - kept)


def _called(scene: Scene, frame_index: int, by_time: bool) -> int | str:
    return int(scene.times_ns[frame_index]) if by_time else scene.frame_ids[frame_index]


def _read_by_client(scene: Scene, told: ClientReading, said: Capabilities) -> Reading:
    exact = said.exact if said.client_exact is None else said.client_exact
    if told.error is not None or told.cuboids is None or told.shapes is None:
        return Reading(told.client, "own", exact, reasons=(f"it refuses what was written: {told.error}",))
    given = Clip.of([scene])
    frame = told.frame if len(told.cuboids) else common_frame([given], told.frame)
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
    reading = _measured(told.client, frame, readings, said, exact, n_lost, 0, told.knows)
    if "times" in told.knows and not n_lost:
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
    read_with: str, frame: str, readings: Readings, said: Capabilities, exact: Exactness, n_lost: int, n_other: int, knows: frozenset[str] | None
) -> Reading:
    a, b, pairs = readings.cuboids
    exact = exact._replace(m=exact.m + _float_room(readings, said, exact))
    cuboids: list[CuboidErrors] = []
    tilted = None
    if len(a) and said.can_write("cuboids"):
        if not said.can_write("full_rotation") and is_tilted(a.cuboids[pairs.a]).any():
            tilted = cuboid_errors(a, b, pairs, is_tilted(a.cuboids[pairs.a]))[0]
            a = replace(a, cuboids=upright(a.cuboids))
        cuboids = cuboid_errors(a, b, pairs)
    shapes = shape_errors(*readings.shapes) if len(readings.shapes[0]) and said.can_write("shapes") else []
    lost = [
        LostField(name, n_given, gone, name in said.losses, said.losses.get(name, ""))
        for name, (n_given, gone) in _with_others(lost_fields(readings, exact, knows), n_other).items()
        if gone
    ]
    reading = Reading(
        read_with,
        frame,
        exact,
        tuple(cuboids),
        tilted,
        tuple(shapes),
        _time_error(readings, said) if knows is None else None,
        n_lost,
        len(pairs.extra) + len(readings.shapes[2].extra) * ("shapes" not in said.partly or said.one_camera or said.projects),
        tuple(lost),
    )
    return replace(reading, reasons=tuple(_reasons(reading, said)))


def _with_others(fields: dict[str, tuple[int, int]], n_other: int) -> dict[str, tuple[int, int]]:
    if n_other:
        n, lost = fields.get("shapes", (0, 0))
        fields["shapes"] = (n + n_other, lost + n_other)
    return fields


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
            found.append(f"a corner moves by {one.corner_m:.3g} m, allowed are {exact.m:.3g}")
        if one.heading_rad > exact.rad:
            found.append(f"a heading turns by {one.heading_rad:.3g} rad, allowed are {exact.rad:.3g}")
        if one.n_lost:
            found.append(f"{one.n_lost} of {one.n_given} cuboids are lost")
    keeps_shapes = "shapes" not in said.partly or said.one_camera or said.projects
    for shape in reading.shapes[:1]:
        if shape.edge_px > exact.px:
            found.append(f"an edge moves by {shape.edge_px:.3g} px, allowed are {exact.px:.3g}")
        if shape.n_lost and keeps_shapes:
            found.append(f"{shape.n_lost} of {shape.n_given} shapes in pictures are lost")
    if reading.n_frames_lost:
        found.append(f"{reading.n_frames_lost} frames are lost")
    if reading.n_extra:
        found.append(f"{number_of(reading.n_extra, 'label')} that nobody gave")
    if reading.time_error_ns is not None and "times" not in said.partly and reading.time_error_ns > exact.ns:
        found.append(f"times move by up to {reading.time_error_ns} ns, allowed are {exact.ns}")
    undeclared = [one for one in reading.lost if not one.is_declared and one.field not in ("cuboids", "shapes")]  # these two are counted by class
    return [*found, *[f"{one.n_lost} of {one.n_given} {one.field.replace('_', ' ')} are lost" for one in undeclared]]
