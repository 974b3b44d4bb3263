"""The writer of SemanticKITTI; the layout is drawn in semantic_kitti.py."""

from __future__ import annotations

import re
from collections import Counter
from functools import cached_property
from pathlib import Path

import numpy as np

from ..errors import ArgumentError, number_of
from ..frames import Pose
from ..limits import FARTHEST_M
from ..motion import moves
from ..point_labels import PointLabels
from ..scene import Scene
from ..segmentation import Overlap, segment
from .kitti_label_rows import say_what_is_lost
from .kitti_poses import FRAME_NS
from .kitti_tracking_sensors import OBJECT, put, rig_of, write_images, write_sweeps
from .losses import lost_between, say_no_pictures
from .point_label_files import label_bytes, labels_with_points, points_numbered
from .semantic_kitti_classes import CLASSES, MOVING, class_number
from .write_report import Told, WriteReport, lost_cameras

__all__ = ["write"]

_OTHER = "other-object"


def write(
    scene: Scene, folder: Path, report: WriteReport, *, sequence: str | None = None, overlap: str = "smallest", ground_m: float | None = None
) -> None:
    """Writes `sequences/NN/` into `folder`, which exists and is empty.

    sequence : two digits; by default the scene's name where it is such a name, else 00
    overlap, ground_m : as `bw.segment` takes them, for sweeps without labels of their own, whose points are labelled by the cuboids
    """
    name = next(iter(scene.lidars), "")
    if not any(scene.has_points(i, name) or scene.has_point_labels(i, name) for i in range(len(scene) if name else 0)):
        hint = "add its sweeps, or write another format"
        raise ArgumentError("SemanticKITTI needs a LiDAR with sweeps: its labels are of points", field=f"scene {scene.name!r}", hint=hint)
    if sequence is None:
        sequence = scene.name if re.fullmatch(r"[0-9]{2}", scene.name) else "00"
    elif not isinstance(sequence, str) or not re.fullmatch(r"[0-9]{2}", sequence):
        raise ArgumentError(expected="two digits", got=repr(sequence), field="sequence")
    if sequence != scene.name:
        report.dropped.append(Told("", f"the scene's name {scene.name!r}: it is sequence {sequence}"))
    base, stems = folder / "sequences" / sequence, [f"{i:06d}" for i in range(len(scene))]
    said = WriteReport("", Path())
    rig = rig_of(scene, said, OBJECT)
    report.dropped += [line for line in said.dropped if not line.startswith("P2 ")]  # nobody looks for P2 here
    rows = {name: row for name, row in rig.rows.items() if name[0] == "P"} | {"Tr": rig.rect_from_lidar.matrix()[:3].ravel().tolist()}
    put(base / "calib.txt", "".join(f"{name}: {' '.join(map(repr, map(float, row)))}\n" for name, row in rows.items()))
    _write_times(scene, base / "times.txt", report)
    _write_poses(scene, base / "poses.txt", rig.rect_from_lidar, report)
    write_sweeps(scene, base / "velodyne", stems, report)
    write_images(scene, base, "", stems, rig, report)
    blind = [sensor.name for sensor in rig.cameras.values() if not any(scene.has_image(i, sensor.name) for i in range(len(scene)))]
    report.dropped += lost_cameras(dict.fromkeys(blind, "a camera is known by its pictures, and it has none"))
    _Labels(scene, report).write(base / "labels", stems, Overlap(overlap), ground_m)
    _say_what_is_lost(scene, report)
    if list(scene.frame_ids) != stems:
        report.dropped.append(Told("frame_names", "the frames' names: they are numbered"))
    report.n_frames = len(scene)


def _write_times(scene: Scene, path: Path, report: WriteReport) -> None:
    if not scene.has_time:
        even = np.array_equal(scene.times_ns, np.arange(len(scene)) * FRAME_NS)
        report.dropped.append(Told("", "that the frames are unrelated" + ("" if even else ": they are taken to be 0.1 s apart")))
        return
    lines = []
    for stamp in scene.times_ns.tolist():
        seconds, rest = divmod(abs(stamp), 1_000_000_000)
        lines.append(f"{'-' if stamp < 0 else ''}{seconds}.{rest:09d}\n")
    put(path, "".join(lines))


def _write_poses(scene: Scene, path: Path, cam_from_lidar: Pose, report: WriteReport) -> None:
    """world_from_cam0 of every frame, the world's axes turned to the camera's; none where a frame has no pose."""
    lidar = next(iter(scene.lidars.values()))
    if np.abs(lidar.ego_from_lidar.matrix() - np.eye(4)).max() > 0:
        report.dropped.append(Told("", "where the LiDAR sits on the vehicle: the ego frame is the LiDAR's"))
    if scene.trajectory is None:
        return
    is_posed = scene.trajectory.covers(scene.times_ns)
    if not is_posed.all() or not len(scene) or not scene.has_time:
        said = f"the poses of the vehicle: {int((~is_posed).sum())} of {len(scene)} frames have none, and every frame needs one"
        report.dropped.append(Told("poses", said))
        return
    report.dropped += lost_between(scene)
    lines = []
    for stamp in scene.times_ns.tolist():
        pose = cam_from_lidar @ scene.world_from_ego(stamp) @ lidar.ego_from_lidar @ cam_from_lidar.inverse()
        if not np.abs(pose.translation_m).max() < FARTHEST_M:
            hint = "take the map's origin off the poses first"
            expected, got = f"coordinates and sizes under {FARTHEST_M:g} m", " ".join(f"{v:g}" for v in pose.translation_m)
            raise ArgumentError(expected=expected, got=got, field="scene.trajectory", hint=hint)
        lines.append(" ".join(map(repr, pose.matrix()[:3].ravel().tolist())) + "\n")
    put(path, "".join(lines))


class _Labels:
    """Labels of the first LiDAR's points, and what is said of them."""

    def __init__(self, scene: Scene, report: WriteReport) -> None:
        self.scene, self.report = scene, report
        self.renamed: dict[str, str] = {}
        self.n_made = self.n_contested = self.n_named = 0

    def write(self, folder: Path, stems: list[str], overlap: Overlap, ground_m: float | None) -> None:
        name = next(iter(self.scene.lidars))
        for i, stem in enumerate(stems):
            if self.scene.has_point_labels(i, name):
                raw = self._kept(labels_with_points(self.scene, i, name))
            elif self.scene.has_points(i, name) and (self.scene.tracks or self.scene.point_edits):
                raw = self._made(segment(self.scene, i, name, overlap=overlap, ground_m=ground_m))
            else:
                continue
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{stem}.label").write_bytes(raw)
        self._say(overlap)

    def _numbers(self, labels: PointLabels) -> dict[int, int]:
        """class id -> number in the file; what SemanticKITTI has no class for is an other-object."""
        numbers = {}
        for class_id, category in labels.classes.items():
            number = class_number(category)
            number = class_number(_OTHER) if number is None else number
            assert number is not None
            numbers[class_id] = number
            if CLASSES[number] != category:
                self.renamed[category] = CLASSES[number]
        return numbers

    def _kept(self, labels: PointLabels) -> bytes:
        self.n_named += bool(labels.instances)
        return label_bytes(points_numbered(labels, self._numbers(labels)), labels.instance_id)

    def _made(self, labels: PointLabels) -> bytes:
        """What belongs to an object that moves gets the class of what moves, where there is one."""
        self.n_made += 1
        self.n_contested += labels.n_contested or 0
        number = points_numbered(labels, self._numbers(labels))
        is_moving = np.isin(labels.instance_id, [i for i, track_id in labels.instances.items() if track_id in self.moving])
        as_moving = np.arange(2**16, dtype=np.uint16)
        as_moving[list(MOVING)] = list(MOVING.values())
        return label_bytes(np.where(is_moving, as_moving[number], number), labels.instance_id)

    @cached_property
    def moving(self) -> set[str]:
        """The tracks that move, as far as a world tells."""
        if self.scene.trajectory is None or self.scene.label_frame != "world":
            return set()
        return {track.track_id for track in self.scene.tracks if moves(track, self.scene.times_ns)}

    def _say(self, overlap: Overlap) -> None:
        report = self.report
        for number, n in Counter(self.renamed.values()).items():
            which = sorted(name for name, other in self.renamed.items() if other == number)
            report.dropped.append(Told("classes segmentation", f"the class{'es' * (n > 1)} {', '.join(which)}: {number} here", which))
        if self.n_made:
            report.notes.append(
                f"the points of {number_of(self.n_made, 'sweep')} are labelled by the cuboids that hold them, points in none are unlabelled; "
                f"the rule {str(overlap)!r} decided for {number_of(self.n_contested, 'point')} in several"
            )
        if self.n_made or self.n_named:
            report.dropped.append(Told("track_ids", "the tracks' names: objects are numbered"))


def _say_what_is_lost(scene: Scene, report: WriteReport) -> None:
    said = WriteReport("", Path())
    n_others = sum(scene.has_point_labels(i, name) for name in list(scene.lidars)[1:] for i in range(len(scene)))
    say_what_is_lost(scene.replace(point_label_data={}, point_edits=()), said)
    report.dropped += said.dropped
    say_no_pictures(scene, report)
    if n_others:
        what = f"the class and object of each point in {number_of(n_others, 'sweep')} of other LiDARs"
        report.dropped.append(Told("segmentation", what, [*scene.lidars][1:]))
    if scene.tracks:
        report.dropped.append(Told("cuboids full_rotation tracks", f"{number_of(len(scene.tracks), 'track')} of cuboids: the format has none"))
    if scene.point_edits:
        report.dropped.append(Told("", f"{number_of(len(scene.point_edits), 'edit')} of point labels as such"))
