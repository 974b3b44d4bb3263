"""Small faults of writers, one at a time, in every format that holds what they change: no certificate holds over any of them.

The faulty writer says what a sound one says, so that its own report does not give the fault away.
"""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest

import boxwright as bw
import boxwright.certification as certification
from boxwright.formats import _WRITERS
from formats_scenes import CAM_AXES, MemoryData

TIMES = 1_700_000_000_000_000_000 + np.arange(4) * 100_000_000
HAVE_EXPOSURES = ("boxwright", "kitti_raw", "argoverse2", "nuscenes", "openlabel", "supervisely", "segments", "scale", "nucleus")
KEPT_OF_LABELS = ("kitti_object", "kitti_tracking", "kitti_raw")  # of attributes, their own alone


def street(times=TIMES) -> bw.Scene:
    """Two objects that drive, one standing, before two cameras and a LiDAR on a moving vehicle; all of it level, which every format can hold."""
    poses = [bw.Pose.from_yaw(0.02 * i + 0.3, (40.0 + 1.5 * i, 7.0 - 0.3 * i, 0.25)) for i in range(len(times))]
    lidar = bw.Lidar("lidar", bw.Pose.from_yaw(0.0, (0.5, 0.0, 1.7)))
    lens = bw.PinholeCamera(64, 48, 40.0, 41.0, 31.5, 23.5)
    cameras = {name: bw.CameraSensor(name, lens, bw.Pose(CAM_AXES, (1.0, y, 1.5))) for name, y in (("front", 0.0), ("right", -0.4))}
    steps = np.arange(len(times))[:, None]
    tracks = []
    for k, (category, place, speed) in enumerate((("car", (12, 1, -0.9), 0.4), ("pedestrian", (9, -2, -0.8), -0.2), ("car", (20, 3, -1), 0.0))):
        size, yaw = [[4.2, 1.9, 1.5], [0.7, 0.6, 1.8], [4.6, 1.8, 1.6]][k], [0.1, 1.2, -2.0][k]
        cuboids = bw.Cuboids(np.array(place) + steps * (speed, 0.1, 0), [size] * len(times), [yaw] * len(times), frame="lidar")
        tracks.append(bw.Track(str(k + 1), category, times, cuboids, attributes={"colour": "red", "doors": 4}))
    boxes = bw.Boxes(np.array([20, 15, 40, 30]) + steps)
    seen = bw.ImageTrack("1/front", "car", "front", times, boxes, attributes={"colour": "red"}, object_id="1")
    rng = np.random.default_rng(5)
    sweeps = {
        (i, "lidar"): bw.Sweep(rng.normal(0, 9, (20, 3)).astype(np.float32), int(t), intensity=np.arange(20.0) + i) for i, t in enumerate(times)
    }
    v, u = np.mgrid[:48, :64]
    images = {
        (i, name): np.stack([90 + u, 60 + 2 * v, 9 * i + 50 * k + 0 * u], 2).astype(np.uint8) for i in range(4) for k, name in enumerate(cameras)
    }
    names = tuple(f"{i:06d}" for i in range(len(times)))
    data = MemoryData(sweeps, images)
    return bw.Scene(
        "0001", times, {"lidar": lidar}, cameras, bw.Trajectory(times, poses), tracks, data, image_tracks=[seen], label_frame="lidar", frame_ids=names
    )


def of_tracks(change):
    return lambda scene: scene.replace(tracks=[change(track) for track in scene.tracks])


def with_cuboids(change):
    return of_tracks(lambda track: track.replace(cuboids=change(track.cuboids)))


def first_red_one_blue(scene):
    """An object and its boxes in pictures."""

    def blue(track):
        is_first = track.track_id.split("/")[0] == "1"
        return track.replace(attributes={**track.attributes, "colour": "blue"}) if is_first else track

    return scene.replace(tracks=list(map(blue, scene.tracks)), image_tracks=list(map(blue, scene.image_tracks)))


def with_one_more_attribute(scene):
    def marked(track):
        return track.replace(attributes={**track.attributes, "wheels": 4})

    return scene.replace(tracks=list(map(marked, scene.tracks)), image_tracks=list(map(marked, scene.image_tracks)))


def without_a_frame(scene):
    def gone(track):
        visibility = np.array(track.visibility)
        visibility[1] = bw.Visibility.OUTSIDE
        return track.replace(visibility=visibility)

    return scene.replace(tracks=list(map(gone, scene.tracks)), image_tracks=list(map(gone, scene.image_tracks)))


def other_cameras(change):
    return lambda scene: scene.replace(cameras={name: change(one) for name, one in scene.cameras.items()})


def longer(sensor):
    return replace(sensor, camera=replace(sensor.camera, fx_px=sensor.camera.fx_px * 1.01))


def moved(pose: bw.Pose) -> bw.Pose:
    return bw.Pose(pose.rotation, pose.translation_m + np.array([0.0, 0.01, 0.0]))


def exchanged(scene):
    """Two cameras, each where the other was."""
    front, right = scene.cameras["front"], scene.cameras["right"]
    return scene.replace(cameras={"front": replace(right, name="front"), "right": replace(front, name="right")})


def lidar_moved(scene):
    """On the vehicle, with what it sees."""
    return scene.replace(lidars={name: replace(one, ego_from_lidar=moved(one.ego_from_lidar)) for name, one in scene.lidars.items()})


def pose_moved(scene):
    poses = [scene.world_from_ego(int(stamp)) for stamp in scene.times_ns]
    return scene.replace(trajectory=bw.Trajectory(scene.times_ns, [moved(poses[0]), *poses[1:]]))


def other_sweeps(change):
    """change : from the points of all frames to others"""

    def changed(scene):
        sweeps = scene.data.sweeps
        return scene.replace(data=MemoryData({**sweeps, **change(sweeps)}, scene.data.images))

    return changed


def other_sweep(**changes):
    """Of frame 1. changes : field -> what it becomes"""
    return other_sweeps(
        lambda sweeps: {(1, "lidar"): replace(sweeps[1, "lidar"], **{k: f(getattr(sweeps[1, "lidar"], k)) for k, f in changes.items()})}
    )


def exchanged_pictures(one, two):
    def changed(scene):
        images = scene.data.images
        return scene.replace(data=MemoryData(scene.data.sweeps, {**images, one: images[two], two: images[one]}))

    return changed


def black_picture(scene):
    images = scene.data.images
    return scene.replace(data=MemoryData(scene.data.sweeps, {**images, (2, "right"): 0 * images[2, "right"]}))


def patched_picture(scene):
    """A square of 16 px that is 20 levels brighter: little of all, and not what compression does."""
    images = scene.data.images
    picture = images[2, "right"].copy()
    picture[16:32, 16:32] += 20
    return scene.replace(data=MemoryData(scene.data.sweeps, {**images, (2, "right"): picture}))


def brighter_picture(scene):
    """All of it by 8 levels, which is little for a block, and much for all of them."""
    images = scene.data.images
    return scene.replace(data=MemoryData(scene.data.sweeps, {**images, (2, "right"): images[2, "right"] + np.uint8(8)}))


def late(scene):
    """One camera in one frame."""
    front = scene.cameras["front"]
    return scene.replace(cameras={**scene.cameras, "front": replace(front, times_ns=scene.times_ns + np.eye(4, dtype=int)[1] * 5_000_000)})


FAULTS = {  # fault -> the fields of which a format has to hold one for it to show, and the change
    "shifted": ("cuboids", with_cuboids(lambda one: bw.Cuboids(one.center_m + np.array([0.01, 0, 0]), one.size_m, one.yaw_rad, frame=one.frame))),
    "turned": ("cuboids", with_cuboids(lambda one: bw.Cuboids(one.center_m, one.size_m, one.yaw_rad + 0.01, frame=one.frame))),
    "larger": ("cuboids", with_cuboids(lambda one: bw.Cuboids(one.center_m, one.size_m + np.array([0.02, 0, 0]), one.yaw_rad, frame=one.frame))),
    "another class": ("classes", of_tracks(lambda track: track.replace(category="pedestrian" if track.track_id == "3" else track.category))),
    "an attribute": ("attributes", first_red_one_blue),
    "a number": ("attributes", of_tracks(lambda track: track.replace(attributes={**track.attributes, "doors": 5}))),
    "an attribute more": ("attributes", with_one_more_attribute),
    "a tag more": ("tags", lambda scene: scene.replace(tags=[bw.Tag("night")])),
    "a relation more": ("relations", lambda scene: scene.replace(relations=[bw.Relation("follows", "3", "2")])),
    "a time": ("times", lambda scene: street(np.append(TIMES[:-1], TIMES[-1] + 20_000_000))),
    "a frame more": ("cuboids shapes", lambda scene: street(np.append(TIMES, TIMES[-1] + 100_000_000))),
    "a frame's objects": ("cuboids shapes", without_a_frame),
    "a lens": ("calibration", other_cameras(longer)),
    "a camera's place": ("calibration", other_cameras(lambda sensor: replace(sensor, ego_from_cam=moved(sensor.ego_from_cam)))),
    "cameras exchanged": ("calibration", exchanged),
    "a LiDAR's place": ("poses calibration", lidar_moved),
    "a pose": ("poses", pose_moved),
    "an exposure": ("times", late),
    "a shutter": ("shutters", other_cameras(lambda sensor: replace(sensor, readout_ns=10_000_000, rolling_shutter="top_to_bottom"))),
    "a sweep cut": ("sweeps", other_sweep(xyz=lambda xyz: xyz[:10], intensity=lambda values: values[:10])),
    "a sweep with a point twice": ("sweeps", other_sweep(xyz=lambda xyz: xyz[[*range(20), 3]], intensity=lambda values: values[[*range(20), 3]])),
    "a sweep of zeros": ("sweeps", other_sweep(xyz=lambda xyz: 0 * xyz)),
    "a sweep 1 m away": ("sweeps", other_sweep(xyz=lambda xyz: xyz + np.float32([1, 0, 0]))),
    "sweeps exchanged": ("sweeps", other_sweeps(lambda all: {(1, "lidar"): replace(all[2, "lidar"], timestamp_ns=all[1, "lidar"].timestamp_ns)})),
    "intensity": ("sweeps", other_sweep(intensity=lambda values: values[::-1].copy())),
    "the next picture": ("pictures", exchanged_pictures((1, "front"), (2, "front"))),
    "another camera's picture": ("pictures", exchanged_pictures((1, "front"), (1, "right"))),
    "a black picture": ("pictures", black_picture),
    "a brighter picture": ("pictures", brighter_picture),
    "a patch of a picture": ("pictures", patched_picture),
}


def shows(format: str, fault: str) -> bool:
    said = bw.capabilities()[format]
    if fault in ("an attribute", "a number", "an attribute more") and format in KEPT_OF_LABELS:
        return False
    if fault == "an exposure" and format not in HAVE_EXPOSURES:
        return False
    if fault == "a relation more" and "relations" in said.losses:
        return False  # they hold links to objects alone
    return any(said.can_write(field) or (said.projects and field == "cuboids") for field in FAULTS[fault][0].split())


def options(format: str) -> dict[str, str]:
    return {"camera": "right"} if bw.capabilities()[format].one_camera else {}


def faulty(change, aside):
    """A writer of what a change makes of a scene, with the report of the scene."""

    def write(scene, folder, *args, **kwargs):
        told = bw.write(scene, aside / "sound", *args, **kwargs)
        shutil.rmtree(aside / "sound")
        bw.write(change(scene), folder, *args, **kwargs)
        return told

    return write


@pytest.mark.parametrize("format", list(_WRITERS))
def test_no_certificate_holds_over_a_fault(monkeypatch, tmp_path, format):
    monkeypatch.setattr(certification, "python_with", lambda *_: None)
    scene = street()
    sound = bw.certify(scene, format, **options(format))
    assert sound.holds, sound.reasons
    held = []
    for fault in [name for name in FAULTS if shows(format, name)]:
        monkeypatch.setattr(certification, "write", faulty(FAULTS[fault][1], tmp_path))
        if bw.certify(scene, format, **options(format)).holds:
            held.append(fault)
    assert not held


@pytest.mark.parametrize("format", ["boxwright", "openlabel"])
def test_no_certificate_holds_over_points_moved_with_the_vehicle_under_the_stamp_they_had(monkeypatch, tmp_path, format):
    """50 ms after their frames' stamps, moved to where the LiDAR was at those."""
    scene = street()
    own = {place: replace(sweep, timestamp_ns=sweep.timestamp_ns + 50_000_000) for place, sweep in scene.data.sweeps.items() if place[0] < 3}
    moved = {
        (i, name): replace(sweep, xyz=scene.transform(name, name, sweep.timestamp_ns, target_time_ns=int(scene.times_ns[i])).apply(sweep.xyz))
        for (i, name), sweep in own.items()
    }
    stamped, harmed = (scene.replace(data=MemoryData(sweeps, scene.data.images)) for sweeps in (own, moved))
    assert bw.certify(stamped, format).holds
    monkeypatch.setattr(certification, "write", faulty(lambda _: harmed, tmp_path))
    assert any("points that moved by up to" in reason for reason in bw.certify(stamped, format).reasons)


@pytest.mark.parametrize("format", ["boxwright", "openlabel"])
def test_no_certificate_holds_over_a_link_that_nobody_gave(monkeypatch, tmp_path, format):
    def unlinked(scene):
        return scene.replace(image_tracks=[track.replace(object_id=None) for track in scene.image_tracks])

    assert bw.certify(unlinked(street()), format).holds
    monkeypatch.setattr(certification, "write", faulty(lambda scene: street(), tmp_path))
    certificate = bw.certify(unlinked(street()), format)
    assert any("link of track 1/front" in reason for reason in certificate.reasons)


@pytest.mark.parametrize("format", ["boxwright", "semantic_kitti"])
def test_no_certificate_holds_over_points_of_other_objects(monkeypatch, tmp_path, format):
    """Twenty points of one class and two objects; the first point goes to the other object."""

    def labelled(objects):
        return street().replace(point_label_data={(0, "lidar"): bw.PointLabels(np.ones(20, int), np.array(objects), {1: "car"})})

    scene = labelled([1, 2] * 10)
    assert bw.certify(scene, format).holds
    monkeypatch.setattr(certification, "write", faulty(lambda _: labelled([2, 2] + [1, 2] * 9), tmp_path))
    assert not bw.certify(scene, format).holds


@pytest.mark.parametrize("format", ["kitti_object", "kitti_tracking", "kitti_raw", "semantic_kitti"])
def test_no_certificate_holds_over_late_cameras_elsewhere(monkeypatch, tmp_path, format):
    """What a report tells of their distortion, and of where they were when they fired, says nothing of 1 m."""

    def mounted(y):
        scene, lens = (
            street(),
            bw.PinholeCamera(64, 48, 40.0, 41.0, 31.5, 23.5, () if format == "kitti_object" else (0.1, -0.02, 0.001, 0.002, 0.003)),
        )
        place = bw.Pose(CAM_AXES, (1.0, y, 1.5))
        late = {name: replace(one, camera=lens, ego_from_cam=place, times_ns=scene.times_ns + 7_000_000) for name, one in scene.cameras.items()}
        return scene.replace(cameras=late)

    sound = bw.certify(mounted(0.0), format)
    assert sound.holds, sound.reasons
    monkeypatch.setattr(certification, "write", faulty(lambda _: mounted(1.0), tmp_path))
    assert any("at another place" in reason for reason in bw.certify(mounted(0.0), format).reasons)


def test_no_certificate_holds_over_a_lens_of_a_later_frame(monkeypatch, tmp_path):
    def longer_in_one(scene, folder, *args, **kwargs):
        told = bw.write(scene, folder, *args, **kwargs)
        file = sorted(folder.rglob("calib/*.txt"))[2]
        file.write_text(file.read_text().replace("P2: 40.0", "P2: 80.0"))
        return told

    assert bw.certify(street(), "kitti_object").holds
    monkeypatch.setattr(certification, "write", longer_in_one)
    assert any("camera image_2 came back with another lens" in reason for reason in bw.certify(street(), "kitti_object").reasons)


def test_no_certificate_holds_over_occlusion_that_another_box_lost(monkeypatch, tmp_path):
    """What a report tells of a box in pictures says nothing of the cuboid."""

    def hidden(track, k):
        visibility = np.array(track.visibility)
        visibility[k] = bw.Visibility.OCCLUDED
        return track.replace(visibility=visibility)

    def clear(scene):
        def seen(track):
            return track.replace(visibility=np.zeros_like(track.visibility))

        return scene.replace(tracks=list(map(seen, scene.tracks)), image_tracks=list(map(seen, scene.image_tracks)))

    scene = street()
    scene = scene.replace(tracks=[hidden(scene.tracks[0], 2), *scene.tracks[1:]], image_tracks=[hidden(scene.image_tracks[0], 1)])
    assert bw.certify(scene, "kitti_tracking").holds
    monkeypatch.setattr(certification, "write", faulty(clear, tmp_path))
    assert not bw.certify(scene, "kitti_tracking").holds


@pytest.mark.parametrize("format", ["segments", "datumaro", "supervisely", "cvat_api"])
def test_what_is_told_of_a_lidar_says_nothing_of_its_columns(monkeypatch, tmp_path, format):
    """Reports say of a second LiDAR that it is in one cloud with the first; that it is as bright as before does not follow."""

    def with_two(last):
        scene = street()
        above = bw.Lidar("above", bw.Pose.from_yaw(0.0, (0.5, 0.0, 2.2)))
        more = {
            (i, "above"): replace(sweep, frame="above", intensity=np.append(np.arange(19.0), last)) for (i, _), sweep in scene.data.sweeps.items()
        }
        return scene.replace(lidars={**scene.lidars, "above": above}, data=MemoryData({**scene.data.sweeps, **more}, scene.data.images))

    sound = bw.certify(with_two(19.0), format)
    assert sound.holds, sound.reasons
    monkeypatch.setattr(certification, "write", faulty(lambda _: with_two(3.0), tmp_path))
    assert not bw.certify(with_two(19.0), format).holds


SQUARE = [[10, 10], [40, 10], [40, 30], [25, 12], [10, 30]]
POINTS = np.tile([[10.0, 10], [30, 20], [20, 28]], (4, 1, 1))


def masks(hole):
    """hole : pixels from each side at which the inside is empty"""
    pixels = np.zeros((4, 48, 64), bool)
    pixels[:, 10:30, 10:40] = True
    pixels[:, 10 + hole : 30 - hole, 10 + hole : 40 - hole] &= not hole
    return bw.Masks.from_arrays(pixels)


def keypoints(names="abc", seen=bw.Visibility.VISIBLE, edges=()):
    return bw.Keypoints(POINTS, np.full((4, 3), seen), bw.Skeleton(tuple(names), edges))


FAULTS_OF_SHAPES = {  # none of them moves the box around the shape
    "a mask hollowed": (masks(0), masks(2)),
    "a corner of a polygon gone": (bw.Polygons([SQUARE] * 4), bw.Polygons([SQUARE[:3] + SQUARE[4:]] * 4)),
    "a ring of a polygon gone": (bw.Polygons([[SQUARE, [[20, 12], [24, 12], [22, 13]]]] * 4), bw.Polygons([SQUARE] * 4)),
    "keypoints hidden": (keypoints(), keypoints(seen=bw.Visibility.OCCLUDED)),
    "names of keypoints exchanged": (keypoints(), keypoints("cba")),
    "keypoints joined otherwise": (keypoints(edges=((0, 1),)), keypoints(edges=((1, 2),))),
}
TOLD_OF_CVAT = ("a ring of a polygon gone", "keypoints joined otherwise")  # it has neither


def with_shapes(shapes):
    return street().replace(tracks=(), image_tracks=[bw.ImageTrack("1", "car", "front", TIMES, shapes, method="hold")])


@pytest.mark.parametrize("format", ["boxwright", "openlabel", "cvat_video", "coco"])
@pytest.mark.parametrize("fault", FAULTS_OF_SHAPES)
def test_no_certificate_holds_over_a_shape_that_is_another_in_the_same_box(monkeypatch, tmp_path, format, fault):
    monkeypatch.setattr(certification, "python_with", lambda *_: None)
    scene, harmed = map(with_shapes, FAULTS_OF_SHAPES[fault])
    given = {"camera": "front"} if bw.capabilities()[format].one_camera else {}
    sound = bw.certify(scene, format, **given)
    assert sound.holds, sound.reasons
    if format == "cvat_video" and fault in TOLD_OF_CVAT:
        assert any("shapes" in told.fields for told in sound.report.dropped)
        return
    monkeypatch.setattr(certification, "write", faulty(lambda _: harmed, tmp_path))
    assert not bw.certify(scene, format, **given).holds


def test_the_pixels_of_a_polygon_with_a_hole_are_held_against_it(monkeypatch, tmp_path):
    """COCO knows no holes; its edges are half a pixel off then, and no others."""
    monkeypatch.setattr(certification, "python_with", lambda *_: None)
    scene = with_shapes(bw.Polygons([[[[10, 10], [40, 10], [40, 30], [10, 30]], [[20, 15], [30, 15], [30, 25], [20, 25]]]] * 4))
    sound = bw.certify(scene, "coco")
    assert sound.holds, sound.reasons
    assert sound.readings[0].shapes[0].edge_px == 0
    for harmed in (masks(0), masks(2)):
        monkeypatch.setattr(certification, "write", faulty(lambda _, harmed=harmed: with_shapes(harmed), tmp_path))
        assert not bw.certify(scene, "coco").holds


@pytest.mark.parametrize("format", ["kitti_tracking", "nuscenes", "semantic_kitti", "argoverse2", "scale", "nucleus"])
def test_that_points_are_rounded_says_nothing_of_how_bright_they_are(monkeypatch, tmp_path, format):
    monkeypatch.setattr(certification, "python_with", lambda *_: None)

    def exact(scene):
        rng = np.random.default_rng(3)
        sweeps = {key: replace(one, xyz=one.xyz + 1e-9 * rng.random(one.xyz.shape)) for key, one in scene.data.sweeps.items()}
        return scene.replace(data=MemoryData(sweeps, scene.data.images))

    def brighter(scene):
        sweeps = {key: replace(one, intensity=np.append(one.intensity[:-1] * 0.5, one.intensity[-1])) for key, one in scene.data.sweeps.items()}
        return scene.replace(data=MemoryData(sweeps, scene.data.images))

    scene = exact(street())
    assert bw.certify(scene, format).holds
    monkeypatch.setattr(certification, "write", faulty(brighter, tmp_path))
    assert not bw.certify(scene, format).holds
