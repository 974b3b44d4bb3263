"""Certificates of fidelity: what is written well holds, and every planted fault of a writer makes it fail, with its reason."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

import boxwright as bw
import boxwright.certification as certification
from boxwright.certification.clients import MODULES, python_with
from boxwright.formats import _WRITERS
from boxwright.formats.declared import FIELDS
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
    with pytest.raises(bw.ArgumentError, match="client_python: expected a Python"):
        bw.certify(street(rng), "openlabel", client_python="/nowhere/python")


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
