"""One small good recording of every format, the files of it that may be damaged, and how it is read to the end.

A new format needs one line in RECORDINGS.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import boxwright as bw
import test_cameras_of_frames as cameras_of_frames
import test_formats_argoverse2 as argoverse2
import test_formats_boxwright_pictures as boxwright_pictures
import test_formats_coco as coco
import test_formats_cvat_api as cvat_api
import test_formats_cvat_video as cvat_video
import test_formats_darwin as darwin
import test_formats_datumaro as datumaro
import test_formats_dgp as dgp
import test_formats_kitti_object as kitti_object
import test_formats_kitti_raw as kitti_raw
import test_formats_kitti_tracking as kitti_tracking
import test_formats_label_studio as label_studio
import test_formats_labelbox as labelbox
import test_formats_labelcloud as labelcloud
import test_formats_las as las
import test_formats_mot as mot
import test_formats_nuscenes as nuscenes
import test_formats_openlabel as openlabel
import test_formats_ply as ply
import test_formats_points as points
import test_formats_semantic_kitti as semantic_kitti
import test_formats_supervisely as supervisely
import test_formats_sustechpoints as sustechpoints
import test_formats_waymo as waymo
import test_many_scenes as many_scenes
from boxwright.formats.arrays_on_disk import kitti_bin_bytes, npz_bytes
from boxwright.formats.images import image_bytes
from formats_scenes import MemoryData, full_scene
from mutations import mutated

MOST_SCENES = 500  # that are read: each takes a millisecond, and a file may claim thousands; test_many_scenes.py counts what one more takes
SCENES = "_scenes"  # recordings of many scenes are called so
MOST_FRAMES = 12  # of which labels and sweeps are asked for; a file may claim a million


@dataclass(frozen=True)
class Recording:
    """build : makes it in an empty folder. label : its file that is damaged most. opened : what of the folder is read. small : makes a smaller one,
    whose file `label` is cut and flipped at every offset."""

    build: Callable[[Path], object]
    label: str
    opened: str = "."
    small: Callable[[Path], object] | None = None


def _boxwright(folder: Path) -> None:
    scene = boxwright_pictures.pictured_scene(np.random.default_rng(1))
    first = {key: value for key, value in scene.data.sweeps.items() if key[0] == 0}
    sweeps = {key: bw.Sweep(sweep.xyz[:3], sweep.timestamp_ns, frame=sweep.frame) for key, sweep in first.items()}
    labels = bw.PointLabels([0, 1, 2], [0, 0, 1], {1: "road", 2: "car"}, {1: "7"}, 1)
    edits = [bw.PointEdit.of_points(0, [0, 2], category="car", track_id="7"), bw.PointEdit.of_polygon(1, np.eye(3)[:, :2], category="road")]
    data = MemoryData(sweeps, {(0, "front"): scene.data.images[0, "front"]})
    bw.write(scene.replace(data=data, point_label_data={(0, "lidar"): labels}, point_edits=edits), folder)


def _small_boxwright(folder: Path) -> None:
    scene = full_scene(np.random.default_rng(1))
    track = bw.Track("7", "car", scene.times_ns[:1], scene.tracks[0].cuboids[:1], visibility=[1], attributes={"colour": "grün"})
    bw.write(bw.Scene("a", scene.times_ns[:1], {"lidar": bw.Lidar("lidar")}, trajectory=scene.trajectory, tracks=[track]), folder)


def _scenes_of(name: str) -> Callable[[Path], object]:
    return lambda folder: many_scenes.MANY[name](folder, range(1, 4))


def _small_argoverse2(folder: Path) -> None:
    columns = argoverse2.label_columns()
    columns["num_interior_pts"] = columns["num_interior_pts"].astype(np.int8)
    argoverse2.save(folder / "log/annotations.feather", **{name: values[:2] for name, values in columns.items()})


def _small_openlabel(folder: Path) -> None:
    document = openlabel.document()
    document["frames"] = {"4": document["frames"]["4"]}
    document["objects"]["7"].pop("frame_intervals")
    document["streams"].pop("front")
    document["coordinate_systems"].pop("front")
    document["coordinate_systems"]["base"]["children"] = ["top"]
    openlabel.save(folder, document)


def _openlabel(folder: Path) -> None:
    """With every kind of shape in pictures."""

    def shape(name: str, val: list[object], **said: object) -> dict[str, object]:
        return {"name": name, "coordinate_system": "front", "val": val, **said}

    document = openlabel.document()
    ring = {"mode": "MODE_POLY2D_ABSOLUTE", "closed": True}
    for i, frame in enumerate(document["frames"].values()):
        seen = {"text": [{"name": "seen", "val": "half"}], "num": [{"name": "share", "val": 0.5}]}
        frame["objects"]["7"]["object_data"]["bbox"] = [shape("b", [100.0 + i, 50.0, 30.0, 10.0], attributes=seen)]
        outlines = [
            shape("o", [0, 0, 40, 0, 40, 30], **ring, hierarchy=[-1, -1, 1, -1]),
            shape("h", [9, 3, 20, 3, 20, 9], **ring, hierarchy=[-1, -1, -1, 0]),
        ]
        line = shape("l", [1.5, 2.5, 2, 2], mode="MODE_POLY2D_RELATIVE", closed=False)
        other = {"rbbox": [shape("r", [10.0, 20.0, 8.0, 4.0, 0.3])], "poly2d": [*outlines, line], "point2d": [shape("nose", [7.0, 8.0])]}
        frame["objects"]["9"] = {"object_data": other}
    document["objects"]["9"] = {"name": "x", "type": "sign"}
    openlabel.save(folder, document)


def _our_openlabel(folder: Path) -> None:
    """With what only boxwright reads."""
    bw.write(boxwright_pictures.pictured_scene(np.random.default_rng(1)).replace(data=MemoryData()), folder / "scene", "openlabel")


def _our_small_openlabel(folder: Path) -> None:
    points = bw.Keypoints([[[1, 2], [3, 4]]], [[0, 1]], bw.Skeleton(("head", "tail"), ((0, 1),)))
    track = bw.ImageTrack("a", "dog", "front", [0], points, origin=[4], attributes={"x": 1}, source_attributes={"y": [2]})
    camera = bw.CameraSensor("front", bw.UncalibratedCamera(9, 7))
    late = bw.ImageTrack("b", "dog", "front", [5], bw.Masks([[10, 4, 49]], 9, 7))
    bw.write(bw.Scene("clip 1", [0], cameras={"front": camera}, image_tracks=[track, late], label_frame="front"), folder / "scene", "openlabel")


def _dgp(folder: Path) -> None:
    dgp.with_boxes(folder, [dgp.in_picture(), dgp.in_picture(5, 0, attributes={"pose": "sitting"})], [dgp.in_picture()])


def _kitti_object(folder: Path) -> None:
    kitti_object.make(folder, kitti_object.row(extra=" 0.5") + kitti_object.DONTCARE)
    kitti_raw.put(folder / "training/velodyne/000007.bin", np.full((3, 4), 1.5, "<f4").tobytes())
    kitti_raw.put(folder / "training/image_2/000007.png", image_bytes(np.full((32, 48, 3), 20, np.uint8)))


def _kitti_tracking(folder: Path) -> None:
    kitti_tracking.make(folder, kitti_tracking.row() + kitti_tracking.row(1), csv=kitti_tracking.still(2))
    kitti_raw.put(folder / "training/oxts/0000.txt", ("49.0 8.4 112.8 0.03 0.03 -0.9" + " 0.5" * 24 + "\n") * 2)
    kitti_raw.put(folder / "training/velodyne/0000/000000.bin", np.full((3, 4), 1.5, "<f4").tobytes())


def _sustechpoints(folder: Path) -> None:
    scene = sustechpoints.make(folder, {"000950": [sustechpoints.label(obj_attr="a")]}, ("000950", "000965"))
    sustechpoints.save(scene / "ego_pose/000950.json", {"x": 1.5, "y": 2.5, "z": 0.1, "azimuth": 10.5, "pitch": 1, "roll": 2})


def _sweep(n: int = 3) -> bw.Sweep:
    dice = np.random.default_rng(2)
    return bw.Sweep(dice.normal(0, 20, (n, 3)).astype(np.float32), intensity=dice.random(n).astype(np.float32))


def _file(name: str, raw: Callable[[], bytes]) -> Recording:
    """A single point file."""
    return Recording(lambda folder: (folder / name).write_bytes(raw()), name, name)


RECORDINGS = {
    "boxwright": Recording(_boxwright, "scene.json", small=_small_boxwright),
    "kitti_object": Recording(_kitti_object, "training/label_2/000007.txt"),
    "kitti_tracking": Recording(_kitti_tracking, "training/label_02/0000.txt"),
    "kitti_raw": Recording(
        lambda folder: kitti_raw.full_drive(folder, n=2),
        f"2011_09_26/{kitti_raw.DRIVE}/tracklet_labels.xml",
        small=lambda folder: kitti_raw.make(folder, kitti_raw.xml(kitti_raw.tracklet(kitti_raw.pose(state=1)))),
    ),
    "argoverse2": Recording(argoverse2.make, "log/annotations.feather", "log", _small_argoverse2),
    "nuscenes": Recording(nuscenes.make, "v1.0-mini/sample_annotation.json", small=nuscenes.small),
    "sustechpoints": Recording(_sustechpoints, "one/label/000950.json", "one"),
    "dgp": Recording(_dgp, "scene_01/bounding_box_3d/LIDAR/000.json", "scene_01"),
    "openlabel": Recording(_openlabel, "clip.json", small=_small_openlabel),
    "openlabel_ours": Recording(_our_openlabel, "scene/clip_1.json", "scene", _our_small_openlabel),
    "semantic_kitti": Recording(semantic_kitti.make, "sequences/07/poses.txt"),
    "cvat_video": Recording(
        cvat_video.full, "clip.xml", "clip.xml", lambda folder: cvat_video.make(folder, cvat_video.track(cvat_video.box(0)), meta="")
    ),
    "mot": Recording(lambda folder: mot.make(folder / "street"), "street/gt/gt.txt", "street"),
    "datumaro": Recording(datumaro.make, "annotations/default.json"),
    "datumaro_pictured": Recording(
        lambda folder: bw.write(cameras_of_frames.pictured(), folder, "datumaro", subset="default"), "annotations/default.json"
    ),
    "waymo": Recording(waymo.full, "lidar_box/seg.parquet", small=waymo.small),
    "labelbox": Recording(labelbox.full, "street.ndjson", small=labelbox.small),
    "labelbox_exported": Recording(labelbox.exported, "export.ndjson"),
    "darwin": Recording(darwin.full, "clip.json", small=darwin.small),
    "coco": Recording(lambda folder: coco.put(folder, coco.document()), "street.json", small=coco.small),
    **{f"{name}{SCENES}": Recording(_scenes_of(name), label) for name, label in many_scenes.LABELS.items()},
    "coco_videos": Recording(lambda folder: coco.put(folder, coco.videos()), "street.json", small=coco.small),
    "supervisely": Recording(cameras_of_frames.pictured_episode, "street/annotation.json"),
    "supervisely_clouds": Recording(supervisely.clouds, "ds0/ann/a.pcd.json"),
    "label_studio": Recording(label_studio.full, "tasks.json", small=label_studio.small),
    "segments": Recording(cameras_of_frames.pictured_sequence, "label.json"),
    "cvat_api": Recording(cvat_api.make, "annotations.json"),
    "labelcloud": Recording(labelcloud.make, "labels/a.json"),
    "scale": Recording(cameras_of_frames.pictured_task, "annotations.json"),
    "nucleus": Recording(cameras_of_frames.pictured_nucleus, "annotations.json"),
    "pcd_ascii": _file("a.pcd", lambda: points.packed("ascii")),
    "pcd_binary": _file("a.pcd", lambda: points.packed("binary")),
    "pcd_compressed": _file("a.pcd", lambda: points.packed("binary_compressed")),
    "bin": _file("a.bin", lambda: kitti_bin_bytes(_sweep())),
    "npy": _file("a.npy", lambda: points.npy_bytes(np.array(_sweep().xyz))),
    "npz": _file("a.npz", lambda: npz_bytes(_sweep())),
    "ply_ascii": _file("a.ply", lambda: ply.packed(ply.TEXT, faces="after")),
    "ply_little": _file("a.ply", lambda: ply.packed(ply.LE, faces="before")),
    "ply_big": _file("a.ply", lambda: ply.packed(ply.BE, faces="after")),
    "las": _file("a.las", lambda: las.las(4, 7, vlrs=[(b"LASF_Spec", 4, las.extra(9, b"a"))], extras=[bytes(4)] * 3, evlr=las.EVLR)),
    "laz": Recording(lambda folder: las.laspy_file(folder / "a.laz", np.random.default_rng(3), 7, "1.4", 5), "a.laz", "a.laz"),
}


class Victim:
    """A recording in a folder that is damaged, read, and made good again."""

    def __init__(self, name: str, folder: Path, *, small: bool = False) -> None:
        self.recording, self.folder = RECORDINGS[name], folder
        folder.mkdir(parents=True, exist_ok=True)
        ((small and self.recording.small) or self.recording.build)(folder)
        self.good = {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
        self.path, self.n_bytes, self._touched = folder / self.recording.opened, 0, set[str]()

    def put(self, name: str, raw: bytes) -> None:
        self._cleared(name).write_bytes(raw)

    def damage(self, dice: random.Random) -> str:
        """One file damaged, rarely two, or one that is gone or no file at all; says which. The labels' file is as likely as all others together."""
        self.restore()
        for _ in range(1 if dice.random() < 0.9 else 2):
            name = self.recording.label if dice.random() < 0.5 else dice.choice(list(self.good))
            if dice.random() < 0.03:
                self._replaced(name, dice)
            else:
                file = self.folder / name
                self.put(name, mutated(file.read_bytes() if file.is_file() else self.good[name], file.suffix, dice))
        self.n_bytes = sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())
        return ", ".join(sorted(self._touched))

    def _replaced(self, name: str, dice: random.Random) -> None:
        file, kind = self._cleared(name), dice.randrange(5)
        if kind == 1:
            file.mkdir()
        elif kind == 2:
            file.symlink_to("nowhere")
        elif kind == 3:
            file.write_bytes(b"")
        elif kind == 4:
            file.write_bytes(self.good[dice.choice(list(self.good))])

    def _cleared(self, name: str) -> Path:
        """The place of a file, with nothing there."""
        self._touched.add(name)
        file = self.folder / name
        if file.is_dir() and not file.is_symlink():
            file.rmdir()
        else:
            file.unlink(missing_ok=True)
        return file

    def restore(self) -> None:
        for name in [*self._touched]:
            self.put(name, self.good[name])
        self._touched.clear()


def consume(path: Path, strict: bool, format: str | None = None) -> None:
    """All that a recording holds: its scenes, the labels of every frame, every sweep, every point's label and every picture."""
    entries = [*bw.scenes(path, format)]
    for entry in entries if len(entries) <= MOST_SCENES else entries[: MOST_SCENES // 2] + entries[-MOST_SCENES // 2 :]:
        scene = entry.read(strict=strict)
        assert all(np.isfinite(track.cuboids.center_m).all() for track in scene.tracks)
        frames = [*range(len(scene))]
        for i in frames if len(frames) <= MOST_FRAMES else frames[: MOST_FRAMES // 2] + frames[-MOST_FRAMES // 2 :]:
            reads = [(scene.labels, "lidar")]
            reads += [(scene.points, name) for name in scene.lidars if scene.has_points(i, name)]
            reads += [(scene.point_labels, name) for name in scene.lidars if scene.has_point_labels(i, name)]
            reads += [(scene.image, name) for name in scene.cameras if scene.has_image(i, name)]
            reads += [(scene.shapes, name) for name in scene.cameras]
            for read, name in reads:  # one damaged sweep does not keep the others from being read
                try:
                    read(i, name)
                except bw.BoxwrightError as error:
                    check_message(error)


def check_message(error: bw.BoxwrightError) -> None:
    said = str(error)
    assert said.strip() and "\n" not in said, f"message {said!r}"
    assert len(said) < 2000, f"a message of {len(said)} characters: {said[:300]}"
    assert error.code, said
