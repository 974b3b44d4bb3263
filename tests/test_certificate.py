"""Certificates of fidelity: what is written well holds, and every planted fault of a writer makes it fail, with its reason."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import boxwright as bw
import boxwright.certification as certification
from boxwright.certification.clients import MODULES, ClientReading, _cuboid_rows, _shape_rows, python_with
from boxwright.formats import _WRITERS
from boxwright.formats.declared import FIELDS, Decimals
from boxwright.rotations import quat_from_euler
from formats_scenes import CAM_AXES, full_scene
from test_cli import run

__all__ = ["run"]

OF_CUBOIDS = ("boxwright", "kitti_object", "kitti_tracking", "openlabel")
OF_PICTURES = ("boxwright", "openlabel", "cvat_video", "mot", "coco", "label_studio", "darwin", "labelbox")


def pictures(n_frames: int = 5) -> bw.Scene:
    """Image tracks of one camera, with a gap, occlusion and a frame between keyframes."""
    times = np.arange(n_frames) * 40_000_000
    boxes = bw.Boxes([[10.5, 20.25, 30.5, 45.75], [12.5, 21.25, 33.5, 46.75], [20.5, 22.25, 41.5, 47.75]])
    polygons = bw.Polygons([[[1, 2], [9, 2.5], [8, 11]], [[2, 3], [10, 3.5], [9, 12]]])
    tracks = [
        bw.ImageTrack("1", "car", "front", times[[0, 1, 3]], boxes, visibility=[0, 1, 0], attributes={"colour": "red"}),
        bw.ImageTrack("2", "pedestrian", "front", times[[1, 2]], polygons),
    ]
    camera = bw.CameraSensor("front", bw.UncalibratedCamera(64, 48))
    return bw.Scene("clip", times, cameras={"front": camera}, image_tracks=tracks, label_frame="front", frame_ids=tuple(map(str, range(n_frames))))


@pytest.mark.parametrize("format", [name for name in _WRITERS if name not in ("cvat_video", "mot")])
def test_every_field_of_a_scene(rng, format):
    """What a format says it holds comes back, and what is lost is what it says it loses."""
    certificate = bw.certify(full_scene(rng), format)
    assert certificate.holds, certificate.reasons
    (ours, *_) = certificate.readings
    said = bw.capabilities()[format]
    for lost in ours.lost:
        assert lost.is_declared and lost.field in said.losses
    assert {lost.field for lost in ours.lost if lost.n_lost == lost.n_given} >= {"relations", "tags"} - {*said.writes.split()}
    if "cuboids" in said.writes.split():
        assert ours.cuboids[0].n_given == 5 and ours.cuboids[0].corner_m <= ours.exact.m
        assert (ours.tilted is None) == ("full_rotation" in said.writes.split())


@pytest.mark.parametrize("format", OF_PICTURES)
def test_tracks_in_pictures(format):
    certificate = bw.certify(pictures(), format)
    assert certificate.readings[0].holds, certificate.reasons
    every, *classes = certificate.readings[0].shapes
    assert (every.category, every.n_given, every.n_lost) == ("all", 6, 0)
    assert every.edge_px < 1e-9 and every.iou == pytest.approx(1)
    assert {one.category for one in classes} == {"car", "pedestrian"}


def test_point_labels(rng):
    scene = full_scene(rng)
    n = len(scene.points(0))
    labels = bw.PointLabels(np.arange(n) % 3, np.zeros(n, int), {1: "road", 2: "car"})
    scene = scene.replace(point_label_data={(0, "lidar"): labels})
    assert bw.certify(scene, "boxwright").holds
    lost = {one.field: (one.n_given, one.n_lost) for one in bw.certify(scene, "kitti_tracking").readings[0].lost}
    assert lost["segmentation"] == (1, 1)
    assert "segmentation" not in {one.field for one in bw.certify(scene, "semantic_kitti").readings[0].lost}


# ------------------------------------------------------------ planted faults


def turned(cuboids: bw.Cuboids) -> bw.Cuboids:
    return bw.Cuboids(cuboids.center_m, cuboids.size_m, cuboids.yaw_rad + np.pi / 2, frame=cuboids.frame)


def swapped(cuboids: bw.Cuboids) -> bw.Cuboids:
    return bw.Cuboids(cuboids.center_m, cuboids.size_m[:, [1, 0, 2]], cuboids.yaw_rad, frame=cuboids.frame)


def sunk(cuboids: bw.Cuboids) -> bw.Cuboids:
    return bw.Cuboids(cuboids.center_m - cuboids.size_m * (0, 0, 0.5), cuboids.size_m, cuboids.yaw_rad, frame=cuboids.frame)


def mirrored(cuboids: bw.Cuboids) -> bw.Cuboids:
    return bw.Cuboids(cuboids.center_m, cuboids.size_m, -cuboids.yaw_rad, frame=cuboids.frame)


def reversed_heading(cuboids: bw.Cuboids) -> bw.Cuboids:
    return bw.Cuboids(cuboids.center_m, cuboids.size_m, cuboids.yaw_rad + np.pi, frame=cuboids.frame)


def rounded(cuboids: bw.Cuboids) -> bw.Cuboids:
    return bw.Cuboids(np.round(cuboids.center_m, 3), cuboids.size_m, cuboids.yaw_rad, frame=cuboids.frame)


def street(rng) -> bw.Scene:
    """Upright cuboids in the LiDAR's frame, which every format of cuboids can hold."""
    cuboids = bw.Cuboids(rng.uniform(3, 40, (4, 3)), rng.uniform(0.6, 5, (4, 3)), rng.uniform(-3, 3, 4), frame="lidar")
    tracks = [bw.Track("3", "car", [0, 100_000_000], cuboids[:2]), bw.Track("8", "van", [100_000_000, 200_000_000], cuboids[2:])]
    return bw.Scene("0001", np.arange(3) * 100_000_000, {"lidar": bw.Lidar("lidar")}, tracks=tracks, label_frame="lidar")


def writing(monkeypatch, change):
    """The writer has a fault: it writes another scene than it is given."""
    monkeypatch.setattr(certification, "write", lambda scene, *args, **options: bw.write(change(scene), *args, **options))


def with_cuboids(change):
    return lambda scene: scene.replace(tracks=[track.replace(cuboids=change(track.cuboids)) for track in scene.tracks])


@pytest.mark.parametrize("format", OF_CUBOIDS)
@pytest.mark.parametrize("fault", [turned, swapped, sunk, mirrored, reversed_heading, rounded])
def test_a_writer_with_a_fault(rng, monkeypatch, format, fault):
    scene = street(rng)
    assert bw.certify(scene, format).holds
    writing(monkeypatch, with_cuboids(fault))
    certificate = bw.certify(scene, format)
    assert not certificate.holds
    assert any(("a heading turns" if fault in (turned, mirrored, reversed_heading) else "a corner moves") in reason for reason in certificate.reasons)


def test_the_size_of_the_fault_is_told(rng, monkeypatch):
    scene = street(rng)
    writing(monkeypatch, with_cuboids(sunk))
    (reading,) = bw.certify(scene, "kitti_tracking").readings
    by_class = {one.category: one for one in reading.cuboids}
    for category, track in (("car", scene.tracks[0]), ("van", scene.tracks[1])):
        assert by_class[category].corner_m == pytest.approx(track.cuboids.size_m[:, 2].max() / 2, abs=1e-9)
        assert by_class[category].iou == pytest.approx(1 / 3, abs=1e-9)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda scene: scene.replace(tracks=scene.tracks[:1]), "2 of 4 cuboids are lost"),
        (lambda scene: scene.replace(tracks=[track.replace(category="bus") for track in scene.tracks]), "4 of 4 classes are lost"),
        (lambda scene: scene.replace(times_ns=scene.times_ns + 1), "times move by up to 1 ns"),
        (lambda scene: scene.replace(tracks=[scene.tracks[0].replace(track_id="4"), scene.tracks[1]]), "2 of 4 track ids are lost"),
    ],
)
def test_a_writer_that_loses_something(rng, monkeypatch, change, said):
    scene = street(rng)
    still = scene.replace(tracks=[track.replace(method="linear") for track in scene.tracks])
    writing(monkeypatch, change)
    certificate = bw.certify(still, "boxwright")
    assert any(said in reason for reason in certificate.reasons), certificate.reasons


def test_one_track_that_came_back_as_two(rng, monkeypatch):
    def parted(scene):
        first, second = scene.tracks
        return scene.replace(tracks=[first.take([0]), first.take([1]).replace(track_id="4"), second])

    writing(monkeypatch, parted)
    assert any("1 of 2 tracks are lost" in reason for reason in bw.certify(street(rng), "boxwright").reasons)


@pytest.mark.parametrize("format", ["boxwright", "cvat_video"])
def test_faults_in_pictures(monkeypatch, format):
    def moved(scene):
        first, second = scene.image_tracks
        return scene.replace(image_tracks=[first.replace(shapes=bw.Boxes(first.shapes.xyxy + np.array([0, 0, 0.5, 0]))), second])

    scene = pictures()
    writing(monkeypatch, moved)
    certificate = bw.certify(scene, format)
    assert certificate.readings[0].shapes[0].edge_px == pytest.approx(0.5)
    assert not certificate.holds or format == "cvat_video"
    writing(monkeypatch, lambda scene: scene.replace(image_tracks=scene.image_tracks[1:]))
    assert any("shapes in pictures are lost" in reason for reason in bw.certify(scene, format).reasons)


def two_cameras() -> bw.Scene:
    """Cuboids 1 and 2 before two cameras; in pictures 1 is labelled, and a sign that is no cuboid, at other places in the second camera."""
    cuboids = bw.Cuboids([[12, 1, 0], [15, -4, 0]], [[4, 2, 1.5], [4, 2, 1.5]], [0.1, 0.2], frame="lidar")
    tracks = [bw.Track(str(k + 1), "car", [0], cuboids[k : k + 1]) for k in range(2)]
    lens = bw.PinholeCamera(640, 480, 300.0, 300.0, 320.0, 240.0)
    poses = [bw.Pose(CAM_AXES, (0.3 * k, 0.2 * k, 0.0)) for k in range(2)]
    cameras = {name: bw.CameraSensor(name, lens, pose) for name, pose in zip(("left", "other"), poses)}
    places = {("1", "left"): [280, 210, 340, 260], ("sign", "left"): [20, 20, 60, 70], ("1", "other"): [500, 30, 600, 90]}
    labels = [bw.ImageTrack(f"{name}@{camera}", "car", camera, [0], bw.Boxes([box]), object_id=name) for (name, camera), box in places.items()]
    lidars = {"lidar": bw.Lidar("lidar")}
    return bw.Scene("0001", [0], lidars, cameras, tracks=tracks, image_tracks=labels, label_frame="lidar")


def test_shapes_are_compared_with_those_of_their_object_in_their_camera(monkeypatch):
    """KITTI has a box for cuboid 2 too, which nobody gave: it is neither the sign nor what the other camera sees."""
    scene = two_cameras()
    certificate = bw.certify(scene, "kitti_tracking")
    every = certificate.readings[0].shapes[0]
    assert certificate.holds, certificate.reasons
    assert (every.n_given, every.n_lost, every.edge_px, every.iou) == (3, 2, 0.0, 1.0)

    def moved(scene):
        first, *others = scene.image_tracks
        return scene.replace(image_tracks=[first.replace(shapes=bw.Boxes(first.shapes.xyxy + 0.5)), *others])

    assert bw.certify(scene, "waymo").readings[0].shapes[0].n_lost == 0  # which keeps those of no cuboid too
    writing(monkeypatch, moved)
    certificate = bw.certify(scene, "kitti_tracking")
    assert certificate.readings[0].shapes[0].edge_px == pytest.approx(0.5)
    assert any("an edge moves by 0.5 px" in reason for reason in certificate.reasons)


def test_a_vertex_that_moves_inside_the_box(monkeypatch):
    scene = pictures()

    def dented(scene):
        boxes, polygons = scene.image_tracks
        rings = [polygons.shapes.rings(k)[0] + np.array([[0, 0], [0, 0], [0, -1]]) for k in range(2)]
        return scene.replace(image_tracks=[boxes, polygons.replace(shapes=bw.Polygons(rings))])

    writing(monkeypatch, dented)
    assert bw.certify(scene, "boxwright").readings[0].shapes[0].edge_px == pytest.approx(1.0)


def test_what_cannot_be_read_back(rng, monkeypatch):
    def damaged(scene, folder, *args, **options):
        report = bw.write(scene, folder, *args, **options)
        (folder / "scene.json").write_text("{")
        return report

    monkeypatch.setattr(certification, "write", damaged)
    certificate = bw.certify(street(rng), "boxwright")
    assert not certificate.holds and "it cannot be read" in certificate.reasons[0]


@pytest.mark.parametrize("format", ["openlabel", "cvat_api", "nuscenes", "supervisely"])
def test_all_attributes_that_are_gone(rng, monkeypatch, format):
    """That attributes of some kinds are lost does not excuse that all are, of which the writer says nothing."""
    without_clients(monkeypatch)
    scene = street(rng)
    scene = scene.replace(tracks=[track.replace(attributes={"colour": "red"}) for track in scene.tracks])
    assert bw.certify(scene, format).holds
    writing(monkeypatch, lambda scene: scene.replace(tracks=[track.replace(attributes={}) for track in scene.tracks]))
    assert bw.certify(scene, format).reasons == ["read with boxwright: 4 of 4 attributes are lost: the writer's report does not tell it"]


def wider(sensor: bw.CameraSensor) -> bw.CameraSensor:
    lens = sensor.camera
    return replace(sensor, camera=replace(lens, fx_px=lens.fx_px * 1.1))


def aside(sensor: bw.CameraSensor) -> bw.CameraSensor:
    return replace(sensor, ego_from_cam=bw.Pose(sensor.ego_from_cam.rotation, sensor.ego_from_cam.translation_m + np.array([0, 0.01, 0])))


@pytest.mark.parametrize("format", ["openlabel", "kitti_object", "kitti_tracking", "nuscenes", "argoverse2", "waymo"])
@pytest.mark.parametrize("change", [wider, aside])
def test_cameras_with_wrong_numbers(monkeypatch, format, change):
    """That cameras of other kinds are lost does not excuse wrong numbers, one lens 10 % longer, or 1 cm off its place, of those that stay."""
    without_clients(monkeypatch)
    scene = two_cameras().replace(image_tracks=[])
    times = np.arange(2) * 100_000_000
    scene = scene.replace(times_ns=times, trajectory=bw.Trajectory(times, [bw.Pose.identity(), bw.Pose.from_yaw(0.0, (1.0, 0, 0))]), frame_ids=())
    sound = bw.certify(scene, format)
    assert not any("camera" in reason for reason in sound.reasons), sound.reasons
    writing(monkeypatch, lambda scene: scene.replace(cameras={name: change(one) for name, one in scene.cameras.items()}))
    certificate = bw.certify(scene, format)
    assert sum("came back with another lens or at another place" in reason for reason in certificate.reasons) == 2, certificate.reasons


# ------------------------------------------------------------ what the format cannot hold


def without_clients(monkeypatch):
    monkeypatch.setattr(certification, "python_with", lambda *_: None)


def test_where_nothing_came_back(monkeypatch):
    """A format may say that it drops shapes: where there was nothing else, what was written is no labelling any more."""
    without_clients(monkeypatch)
    certificate = bw.certify(pictures(), "nuscenes")
    assert certificate.reasons == ["read with boxwright: none of 6 shapes in pictures came back: the format cannot hold them"]
    assert certificate.lines[0] == "the certificate does not hold: 0 of 6 shapes in pictures came back"
    none = bw.certify(pictures().replace(image_tracks=[]), "nuscenes")
    assert none.holds and none.lines[0].endswith("there were no labels to compare")
    certificate = bw.certify(pictures(), "argoverse2")  # which has no frames either without sweeps and cuboids
    assert certificate.reasons == ["read with boxwright: none of 6 shapes in pictures came back: the format cannot hold them"]


def test_what_is_not_in_it_is_told_at_once(monkeypatch):
    without_clients(monkeypatch)
    certificate = bw.certify(two_cameras(), "datumaro")
    first, second = certificate.lines
    assert certificate.holds
    assert first.startswith("the certificate holds for what datumaro can hold: 2 of 2 cuboids and 0 of 3 shapes in pictures came back; no corner")
    assert second.startswith("not wholly in it: shapes in pictures (3 of 3), tracks in pictures (3 of 3), relations (3 of 3)")
    told = certificate.to_dict()
    assert told["readings"][0]["labels"] == {"cuboids": {"n_given": 2, "n_came_back": 2}, "shapes": {"n_given": 3, "n_came_back": 0}}
    assert told["readings"][0]["exact"] == {"m": 1e-9, "rad": 1e-9}  # no pixels where no shapes are


def test_how_far_corners_move_without_roll_and_pitch(monkeypatch):
    """A cuboid 2 m wide and 1.5 m high that rolls by a: its edges are 1.25 m off its axis, and move by 2 sin(a / 2) 1.25 m."""
    without_clients(monkeypatch)
    roll = 0.1
    quats = [[np.cos(roll / 2), np.sin(roll / 2), 0, 0], [1, 0, 0, 0]]
    cuboids = bw.Cuboids([[9, 2, 0.3], [9, 6, 0.3]], [[4, 2, 1.5]] * 2, quat_wxyz=quats, frame="lidar")
    tracks = [bw.Track(str(k), "car", [0], cuboids[k : k + 1]) for k in range(2)]
    certificate = bw.certify(bw.Scene("0001", [0], {"lidar": bw.Lidar("lidar")}, tracks=tracks, label_frame="lidar"), "kitti_tracking")
    (reading,) = certificate.readings
    assert certificate.holds
    assert (reading.tilted.n_given, reading.tilted.n_lost) == (1, 0)
    assert reading.corner_m == pytest.approx(2 * np.sin(roll / 2) * 1.25, abs=1e-12)
    assert "corners moved by up to 0.125 m, as 1 cuboid lost roll and pitch; but for that, no corner moved" in certificate.lines[0]


def test_labels_that_are_numbered_anew_in_every_frame():
    """KITTI object has no tracks: the second object of one frame is the first of another, and keeps its own box."""
    scene = two_cameras()
    times = np.arange(3) * 100_000_000
    first, second = (track.cuboids for track in scene.tracks)
    tracks = [bw.Track("1", "car", times[:1], first), bw.Track("2", "car", times[:2], bw.Cuboids.concatenate([second, second]))]
    boxes = [bw.ImageTrack("a", "car", "left", times[:1], bw.Boxes([[280, 210, 340, 260]]), object_id="1")]
    boxes.append(bw.ImageTrack("b", "car", "left", times[:2], bw.Boxes([[430, 220, 470, 250], [431, 220, 471, 250]]), object_id="2"))
    (reading,) = bw.certify(scene.replace(times_ns=times, tracks=tracks, image_tracks=boxes, frame_ids=()), "kitti_object").readings
    assert reading.holds, reading.reasons
    assert (reading.shapes[0].n_given, reading.shapes[0].n_lost, reading.shapes[0].edge_px) == (3, 0, 0.0)
    assert {one.field: (one.n_given, one.n_lost) for one in reading.lost}["tracks"] == (2, 1)  # that of one label is still one


def test_frames_without_times_and_names(monkeypatch):
    """MOT without a rate counts frames from 1, and has none after the last label."""
    without_clients(monkeypatch)
    scene = pictures().replace(times_ns=np.arange(5), has_time=False, image_tracks=[])
    track = bw.ImageTrack("1", "pedestrian", "front", [1, 2, 3], bw.Boxes(np.array([[10, 20, 30, 45]]) + np.arange(3)[:, None] * 9))
    (reading,) = bw.certify(scene.replace(image_tracks=[track]), "mot").readings
    assert reading.holds, reading.reasons
    assert (reading.shapes[0].n_given, reading.shapes[0].n_lost) == (3, 0)


def test_tracks_of_cameras_that_a_format_leaves_out():
    """Waymo has five cameras: what is in the pictures of a sixth is lost with its shapes, not torn apart."""
    lens = bw.PinholeCamera(640, 480, 300.0, 300.0, 320.0, 240.0)
    cameras = {f"cam{k}": bw.CameraSensor(f"cam{k}", lens, bw.Pose(CAM_AXES, (0.1 * k, 0, 1))) for k in range(6)}
    times = np.arange(2) * 100_000_000
    boxes = [bw.ImageTrack(name, "car", name, times, bw.Boxes([[10, 10, 30, 40], [20, 10, 40, 40]])) for name in cameras]
    certificate = bw.certify(bw.Scene("clip", times, {"lidar": bw.Lidar("lidar")}, cameras, image_tracks=boxes, label_frame="lidar"), "waymo")
    lost = {one.field: one for one in certificate.readings[0].lost}
    assert certificate.holds, certificate.reasons
    assert (lost["video"].n_given, lost["video"].n_lost, lost["video"].said) == (6, 1, lost["shapes"].said)


def test_occlusion_is_counted_where_it_is(monkeypatch):
    without_clients(monkeypatch)
    lost = {one.field: (one.n_given, one.n_lost) for one in bw.certify(pictures(), "mot").readings[0].lost}
    assert lost["visibility"] == (2, 2)  # the keyframe at the second frame, and the third that it holds until


# ------------------------------------------------------------ clients


@pytest.mark.peers
@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("openlabel", {}),
        ("argoverse2", {}),
        ("nuscenes", {}),
        ("cvat_video", {}),
        ("mot", {"frame_rate": 25}),
        ("datumaro", {}),
        ("kitti_raw", {}),
        ("kitti_raw", {"dialect": "cvat"}),
        ("labelbox", {}),
        ("darwin", {}),
        ("coco", {}),
        ("segments", {}),
        ("cvat_api", {}),
        ("supervisely", {}),
        ("nucleus", {}),
        ("supervisely", {"layout": "clouds"}),
        ("label_studio", {"frame_rate": 25}),
    ],
)
def test_the_platforms_own_client(rng, format, options):
    said = bw.capabilities()[format]
    if python_with(said.client) is None:
        pytest.skip(f"{said.client} is not installed, nor named by BOXWRIGHT_CLIENT_PYTHON")
    scene = pictures() if format in OF_PICTURES[2:] else street(rng)
    ours, theirs = bw.certify(scene, format, **options).readings
    assert ours.holds and theirs.holds, theirs.reasons
    assert theirs.read_with.startswith(said.client)
    assert (theirs.cuboids or theirs.shapes)[0].n_given >= 4


def test_every_client_has_a_script():
    for format, said in bw.capabilities().items():
        if said.client is not None:
            assert said.client in MODULES
            assert (certification.clients._SCRIPTS / f"{format}.py").is_file()


def test_a_client_that_is_not_there(rng, monkeypatch):
    monkeypatch.setattr(certification, "python_with", lambda *_: None)
    certificate = bw.certify(street(rng), "openlabel")
    assert certificate.holds and len(certificate.readings) == 1
    assert certificate.notes == ("kognic-openlabel is not installed: nobody but boxwright read it back",)


def test_a_client_that_refuses(rng, monkeypatch, tmp_path):
    (tmp_path / "openlabel.py").write_text("raise ValueError('no such thing')")
    monkeypatch.setattr(certification.clients, "_SCRIPTS", tmp_path)
    monkeypatch.setattr(certification, "python_with", lambda *_: sys.executable)
    certificate = bw.certify(street(rng), "openlabel")
    assert certificate.reasons == ["read with kognic-openlabel: it refuses what was written: ValueError: no such thing"]


def test_a_python_that_is_none(rng):
    with pytest.raises(bw.ArgumentError, match="client_python: it does not run as one: expected a Python"):
        bw.certify(street(rng), "openlabel", client_python="/nowhere/python")


def test_a_python_without_the_client(rng, tmp_path):
    """An empty module search path: whatever Python this is, it has no client there."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E "$@"\n')
    python.chmod(0o755)
    with pytest.raises(bw.ArgumentError, match="kognic-openlabel is not installed for it"):
        bw.certify(street(rng), "openlabel", tmp_path / "out", client_python=python)
    assert not (tmp_path / "out").exists()
    (note,) = bw.certify(street(rng), "kitti_tracking", client_python=python).notes
    assert note == f"no client is known that reads kitti_tracking: {python} was not asked"


def test_times_of_a_clip_that_has_none(rng):
    """A client counts in its own way where nobody knows when frames were."""
    scene = street(rng).replace(times_ns=np.arange(3), has_time=False, tracks=[])
    told = ClientReading("it", None, frozenset({"times"}), "own", _cuboid_rows(None), _shape_rows(None), [0, 5000, 9000])
    reading = certification._read_by_client(scene, told, bw.capabilities()["nuscenes"], bw.WriteReport("nuscenes", Path()))
    assert reading.time_error_ns is None and reading.holds
    timed = certification._read_by_client(scene.replace(has_time=True), told, bw.capabilities()["nuscenes"], bw.WriteReport("nuscenes", Path()))
    assert timed.reasons == ("times move by up to 8998 ns, allowed are 500",)


def test_a_frame_by_the_name_of_another_file(rng):
    """OpenLABEL's files keep what theirs called the frame of the labels: a client knows it by that name alone."""
    scene = street(rng)
    rows = certification.cuboid_rows(certification.Clip.of([scene]), "own")
    told = ClientReading("it", None, frozenset({"cuboids"}), "vehicle-iso8855", rows, _shape_rows(None))
    reading = certification._read_by_client(scene, told, bw.capabilities()["openlabel"], bw.WriteReport("openlabel", Path()))
    assert reading.holds and reading.frame == "own" and reading.cuboids[0].corner_m == 0
    moved = ClientReading(
        "it", None, frozenset({"cuboids"}), "vehicle-iso8855", certification.replace(rows, cuboids=sunk(rows.cuboids)), _shape_rows(None)
    )
    assert not certification._read_by_client(scene, moved, bw.capabilities()["openlabel"], bw.WriteReport("openlabel", Path())).holds


# ------------------------------------------------------------ command line


def test_convert_certify(rng, tmp_path, run):
    bw.write(street(rng), tmp_path / "in")
    code, out, _ = run("convert", tmp_path / "in", tmp_path / "out", "--to", "kitti_tracking", "--certify")
    assert code == 0 and "the certificate holds" in out and "corner m" in out
    code, out, _ = run("convert", tmp_path / "in", tmp_path / "out2", "--to", "kitti_tracking", "--certify", "--json")
    told = json.loads(out)["certificate"]
    assert told["holds"] and told["readings"][0]["cuboids"][0]["n_given"] == 4
    assert {one["field"] for one in told["readings"][0]["lost"]} <= {*FIELDS}


def test_convert_certify_fails_with_code_1(rng, tmp_path, run, monkeypatch):
    bw.write(street(rng), tmp_path / "in")
    writing(monkeypatch, with_cuboids(turned))
    code, out, _ = run("convert", tmp_path / "in", tmp_path / "out", "--to", "kitti_tracking", "--certify")
    assert code == 1 and "the certificate does not hold" in out and "a heading turns by 1.57 rad" in out


def test_a_dry_run_has_nothing_to_certify(rng, tmp_path, run):
    bw.write(street(rng), tmp_path / "in")
    code, _, err = run("convert", tmp_path / "in", "--dry-run", "--certify")
    assert code == 2 and "--certify" in err


def test_convert_looks_at_the_python_first(rng, tmp_path, run):
    bw.write(street(rng), tmp_path / "in")
    for arguments, words in (
        (("--client-python", sys.executable), "--client-python: nobody is asked without a certificate; pass --certify too"),
        (("--client-python", "/nowhere/python", "--certify"), "--client-python: it does not run as one: expected a Python, got /nowhere/python"),
    ):
        code, _, err = run("convert", tmp_path / "in", tmp_path / "out", "--to", "openlabel", *arguments)
        assert code == 2 and words in err
        assert not (tmp_path / "out").exists()


def test_convert_to_pictures_that_nobody_has_calibrated(tmp_path, run):
    scene = two_cameras()
    plain = bw.CameraSensor("plain", bw.UncalibratedCamera(640, 480))
    bw.write(scene.replace(image_tracks=[], cameras={**scene.cameras, "plain": plain}), tmp_path / "in")
    for format in ("mot", "cvat_video", "labelbox", "coco"):
        code, _, err = run("convert", tmp_path / "in", tmp_path / format, "--to", format, "--camera", "plain")
        assert code == 2 and not (tmp_path / format).exists()
        assert "camera: it has no calibration and no labels, so that nothing of 2 tracks of cuboids can be told in its pictures" in err
        assert "name left or other with --camera NAME" in err
    bw.write(scene.replace(image_tracks=[], cameras={"plain": plain}), tmp_path / "alone")
    code, _, err = run("convert", tmp_path / "alone", tmp_path / "out", "--to", "labelbox")
    assert code == 2 and "write a format that holds cuboids, or add the camera's calibration" in err


# ------------------------------------------------------------ what the sentences say


def test_cuboids_that_become_boxes_are_no_loss_of_what_came_back():
    """Two objects in the pictures of one camera: two boxes of theirs, and one shape that was there before."""
    scene = two_cameras()
    own = [track for track in scene.image_tracks if track.camera == "left" and track.object_id is None]
    line = bw.certify(scene.replace(image_tracks=own), "mot", camera="left").lines[0]
    n = len(own)
    assert f": {2 + n} of {2 + n} shapes in pictures came back; 2 cuboids became 2 boxes in pictures by design, which are among these shapes;" in line


def test_decimals_of_a_client_by_hand():
    """4 m by 3 m on the ground, numbers off by 0.01: the centre and half the size by sqrt(3) times 0.01 and 0.005, 2.5 m of the turn by 0.025 m."""
    level = Decimals(m=0.01, rad=0.01).exact(5.0, is_tilted=False)
    assert level.m == pytest.approx(np.sqrt(3) * 0.015 + 0.01 * (2.5 + np.sqrt(3) * 0.005), abs=2e-9)
    assert level.rad == pytest.approx(0.01, abs=2e-9)
    assert Decimals(m=0.01, rad=0.01).exact(5.0, is_tilted=True).rad == pytest.approx(0.03, abs=2e-9)


def test_decimals_hold_for_cuboids_that_are_rounded(rng):
    """Never more than is allowed, and nearly as much for some: positions, sizes and angles of many cuboids in 2 decimals."""
    said = bw.capabilities()["datumaro"].client_exact
    for tilt in (0.0, 1.5):
        size = rng.uniform(0.5, 12, (3000, 3))
        angles = rng.uniform(-tilt, tilt, (3000, 3))
        angles[:, 2] = rng.uniform(-3, 3, 3000)
        numbers = (rng.uniform(-90, 90, (3000, 3)), size, angles)
        before, after = (
            bw.Cuboids(center, sides, quat_wxyz=quat_from_euler(turn, "XYZ"), frame="lidar")
            for center, sides, turn in (numbers, tuple(np.round(one, 2) for one in numbers))
        )
        moved = np.linalg.norm(before.corners_m() - after.corners_m(), axis=2).max(1)
        longest = np.linalg.norm(size[:, : 3 if tilt else 2], axis=1)
        allowed = np.array([said.exact(one, is_tilted=tilt > 0).m for one in longest])
        assert (moved <= allowed).all() and (moved / allowed).max() > (0.4 if tilt else 0.7)


def test_what_is_lost_of_each_class(rng, monkeypatch):
    """Two labels of a car with a colour, two of a van without: the colour of the car alone is gone."""
    without_clients(monkeypatch)
    first, second = street(rng).tracks
    scene = street(rng).replace(tracks=[first.replace(attributes={"colour": "red"}), second])
    lost = {one.field: one.by_class for one in bw.certify(scene, "labelcloud").readings[0].lost}
    assert lost["attributes"] == {"car": 2}


def test_labels_that_end_with_the_picture_are_told():
    """Label Studio has none beyond: the certificate measures what is left of them, and said that nothing had moved."""
    times = np.arange(3) * 40_000_000
    boxes = bw.Boxes([[-20, 2, 11, 12], [1, 2, 11, 12], [1, 2, 11, 44.5]])
    outside = bw.Boxes([[60.0, 2, 70, 12]] * 3)
    tracks = [bw.ImageTrack("1", "car", "front", times, boxes), bw.ImageTrack("2", "car", "front", times, outside)]
    camera = bw.CameraSensor("front", bw.UncalibratedCamera(48, 32))
    scene = bw.Scene("clip", times, cameras={"front": camera}, image_tracks=tracks, label_frame="front")
    certificate = bw.certify(scene, "label_studio")
    assert certificate.holds
    assert (
        "labels end with the picture: 2 shapes cut by up to 19.5 px and 3 shapes outside of it gone; what is measured is the rest"
        in certificate.notes
    )
    inside = scene.replace(image_tracks=[tracks[0].take([1])])
    assert not any("picture" in note for note in bw.certify(inside, "label_studio").notes)
