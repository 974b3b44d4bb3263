"""Cameras that platforms tell picture by picture: numbers worked by hand, there and back with all LiDARs, and what their clients hold."""

from __future__ import annotations

import json

import numpy as np
import pytest

import boxwright as bw
from boxwright.certification.clients import python_with
from boxwright.formats.images import image_bytes
from formats_scenes import CAM_AXES, MemoryData, tilted
from platform_scenes import asked, save
from test_formats_scale import frame_file, nucleus, task
from test_formats_segments import make as sequence
from test_formats_supervisely import episode

pytestmark = pytest.mark.filterwarnings("ignore::boxwright.errors.SensorFrameFallback")
FORMATS = ("scale", "nucleus", "segments", "supervisely")
SIZE_PX = (64, 48)
K = (50.0, 52.0, 31.0, 23.0)  # fx fy cx cy
TERMS = (0.1, -0.02, 0.001, 0.002, 0.003)
ROUND_TERMS = (0.01, -0.002, 0.0003, 0.0001)
AHEAD = np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])  # of a camera that looks along +x of its surroundings
HALF = {"w": 0.5, "x": -0.5, "y": 0.5, "z": -0.5}  # the same as a quaternion


def test_the_quaternion_of_a_camera_that_looks_ahead():
    np.testing.assert_allclose(bw.Pose.from_quat(list(HALF.values())).rotation, AHEAD, rtol=0, atol=1e-15)


def picture(i=0):
    v, u = np.mgrid[: SIZE_PX[1], : SIZE_PX[0]]
    return np.stack([2 * u + i, 3 * v, 100 + u], 2).astype(np.uint8)


def pictured(n_frames=4, late_ns=7_000_000):
    """A vehicle on a bend, two LiDARs, and cameras of several lenses; one exposes later than the frames, one lacks a picture."""
    times = 1_700_000_000_000_000_000 + np.arange(n_frames) * 100_000_000
    stamps = np.append(times, times[-1] + 100_000_000)
    poses = [bw.Pose.from_yaw(0.11 * i, (2.0 * i, 0.05 * i * i, 0.01 * i)) for i in range(n_frames + 1)]
    cuboids = bw.Cuboids([(20, 5, 0.9)] * n_frames, [(4.3, 1.8, 1.5)] * n_frames, [0.3] * n_frames, frame="world")
    lidars = {"top": bw.Lidar("top", tilted(0.02)), "side": bw.Lidar("side", bw.Pose.from_yaw(1.5, (0.2, 1.0, 0.9)))}
    mount = bw.Pose(CAM_AXES, (1.0, 0.2, 1.5))
    cameras = {
        "front": bw.CameraSensor("front", bw.PinholeCamera(*SIZE_PX, *K, TERMS), mount, times + late_ns),
        "plain": bw.CameraSensor("plain", bw.PinholeCamera(*SIZE_PX, *K), bw.Pose(CAM_AXES, (1.0, -0.2, 1.5))),
        "round": bw.CameraSensor("round", bw.FisheyeCamera(*SIZE_PX, *K, ROUND_TERMS), tilted(0.2)),
    }
    images = {(i, name): picture(i) for name in cameras for i in range(n_frames) if (i, name) != (1, "round")}
    sweeps = {}
    for i in range(n_frames):
        sweeps[i, "top"] = bw.Sweep(np.array([[5.0, 1, -1], [6, 2, -1]], np.float32), int(times[i]), "top", np.array([10, 20], np.uint8))
        sweeps[i, "side"] = bw.Sweep(np.array([[3.0, 0, -0.5]], np.float32), int(times[i]), "side", np.array([30], np.uint8))
    tracks = [bw.Track("12", "car", times, cuboids)]
    return bw.Scene("clip", times, lidars, cameras, bw.Trajectory(stamps, poses), tracks, MemoryData(sweeps, images))


@pytest.mark.parametrize("format", FORMATS)
def test_there_and_back(tmp_path, format):
    scene = pictured()
    report = bw.write(scene, tmp_path / "out", format)
    assert "1 frame without a picture of round" in report.missing
    back = bw.read(tmp_path / "out")
    assert list(back.cameras) == list(scene.cameras)
    is_plain = format == "supervisely"  # which has no distortion: of such cameras the pictures stay
    for name, sensor in scene.cameras.items():
        theirs = back.cameras[name].camera
        assert theirs.size_px == SIZE_PX
        for i in range(len(scene)):
            assert back.has_image(i, name) == scene.has_image(i, name)
            if scene.has_image(i, name):
                np.testing.assert_array_equal(back.image(i, name), scene.image(i, name))
        if is_plain and name != "plain":
            assert isinstance(theirs, bw.UncalibratedCamera)
            continue
        assert type(theirs) is type(sensor.camera) and theirs.distortion == sensor.camera.distortion
        assert [getattr(theirs, part) for part in ("fx_px", "fy_px", "cx_px", "cy_px")] == list(K)
        for i in range(len(scene)):
            np.testing.assert_allclose(back.cam_from(i, name).matrix(), scene.cam_from(i, name).matrix(), rtol=0, atol=1e-9)
    assert any("Supervisely has pinhole cameras without distortion alone" in line for line in report.dropped) == is_plain
    np.testing.assert_array_equal(back.times_ns, scene.times_ns)
    np.testing.assert_array_equal(back.exposures_ns("front"), scene.exposures_ns("front"))
    assert back.cameras["plain"].times_ns is None


@pytest.mark.parametrize("format", [*FORMATS, "datumaro", "cvat_api", "labelcloud"])
def test_all_lidars_are_one_cloud(tmp_path, format):
    scene = pictured()
    report = bw.write(scene, tmp_path / "out", format)
    assert any("they are one cloud in the frame of top, with `lidar_index` for each point" in line for line in report.dropped)
    assert any(line == "where further LiDARs are: side" for line in report.dropped)
    back = bw.read(tmp_path / "out")
    for i in (0, 2):
        sweep = back.points(i)
        side = scene.transform("top", "side", int(scene.times_ns[i])).apply([(3.0, 0, -0.5)])
        np.testing.assert_allclose(sweep.xyz, [(5.0, 1, -1), (6, 2, -1), *side], rtol=0, atol=2e-4)
        assert sweep.fields["lidar_index"].tolist() == [0, 0, 1]


def test_a_sweep_of_another_moment_moves_with_the_vehicle(tmp_path):
    scene = pictured()
    late = int(scene.times_ns[1]) + 50_000_000
    sweeps = {**scene.data.sweeps, (1, "side"): bw.Sweep(np.array([[3.0, 0, -0.5]], np.float32), late, "side")}
    del sweeps[1, "top"]
    bw.write(scene.replace(data=MemoryData(sweeps)), tmp_path / "out", "segments")
    point = scene.transform("top", "side", late, target_time_ns=int(scene.times_ns[1])).apply([(3.0, 0, -0.5)])
    np.testing.assert_allclose(bw.read(tmp_path / "out").points(1).xyz, point, rtol=0, atol=1e-5)
    assert np.abs(point - scene.transform("top", "side", late).apply([(3.0, 0, -0.5)])).max() > 0.1


def test_exposures_before_the_first_frame(tmp_path):
    """The place of the vehicle then is told by the camera."""
    scene = pictured(late_ns=-7_000_000)
    start = scene.world_from_ego(int(scene.times_ns[0]))
    times = np.append(scene.times_ns[0] - 100_000_000, scene.trajectory.times_ns)
    poses = [bw.Pose.from_yaw(-0.02, (-1.5, 0.3, 0)), start, *map(scene.world_from_ego, scene.trajectory.times_ns[1:].tolist())]
    scene = scene.replace(trajectory=bw.Trajectory(times, poses))
    bw.write(scene, tmp_path / "out", "scale")
    back = bw.read(tmp_path / "out")
    assert int(back.trajectory.times_ns[0]) == int(scene.times_ns[0]) - 7_000_000
    for i in range(len(scene)):
        # the exposure that is nearest to its frame tells where the camera sits, by the motion between frames
        np.testing.assert_allclose(back.cam_from(i, "front").matrix(), scene.cam_from(i, "front").matrix(), rtol=0, atol=1e-9 if i else 1e-2)


# ------------------------------------------------------------ numbers worked by hand


def image_file(folder, name):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(image_bytes(picture()))


def of_scale(**more):
    """A camera 1 m ahead of the LiDAR of the first frame, at (100, 50, 2), looking along +x of the world."""
    lens = dict(zip(("fx", "fy", "cx", "cy"), K))
    return {"image_url": "https://x/a/front.png?s=1", "position": {"x": 101.0, "y": 50.0, "z": 2.0}, "heading": HALF, **lens, **more}


def pictured_task(folder):
    task(folder)
    for i in range(2):
        save(folder / f"frames/{i:03d}.json", frame_file(i, images=[of_scale(timestamp=5 + i, k1=0.1), of_scale(camera_model="fisheye", k2=0.01)]))
    image_file(folder / "images", "front.png")


def pictured_nucleus(folder):
    nucleus(folder)
    top = json.loads((folder / "scenes.json").read_text())
    params = {key: value for key, value in of_scale().items() if key != "image_url"}
    for i, frame in enumerate(top["scenes"][0]["frames"]):
        frame["front"] = {"reference_id": f"pic {i}", "type": "image", "url": "s3://b/front.png", "metadata": {"camera_params": params}}
    save(folder / "scenes.json", top)
    image_file(folder / "images", "front.png")


def of_segments(turn, convention):
    where = {"translation": {"x": 1.0, "y": 0.0, "z": 0.0}, "rotation": {f"q{axis}": value for axis, value in turn.items()}}
    fx, fy, cx, cy = K
    image = {"name": "front", "url": "https://x/front.png", "intrinsics": {"intrinsic_matrix": [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]}}
    return image | {"extrinsics": where, "row": 2, "col": 5, "rotation": 0.0} | ({} if convention is None else {"camera_convention": convention})


def pictured_sequence(folder, turn=HALF, convention="OpenCV", poses=True):
    sequence(folder, poses=poses)
    sample = json.loads((folder / "sample.json").read_text())
    sample["frames"][0]["images"] = [of_segments(turn, convention)]
    save(folder / "sample.json", sample)
    image_file(folder / "images", "front.png")


def check_ahead(scene, name, atol=1e-12):
    """(5, 1, 0.5) in the LiDAR's frame is 4 m ahead of the camera, 1 m left, 0.5 m above it."""
    image = bw.project_points(np.array([[5.0, 1.0, 0.5]]), scene.cameras[name].camera, scene.cam_from(0, name))
    np.testing.assert_allclose(image.uv, [(31.0 - 50 / 4, 23.0 - 52 * 0.5 / 4)], rtol=0, atol=atol)


@pytest.mark.parametrize("factor", [1, 2])
def test_golden_numbers_of_scale(tmp_path, factor):
    """A picture of half the size that its lens was told for."""
    x2 = {"scale_factor": 2, "fx": 100.0, "fy": 104.0, "cx": 62.5, "cy": 46.5} if factor == 2 else {}
    task(tmp_path)
    save(tmp_path / "frames/000.json", frame_file(0, images=[of_scale(timestamp=5, priority=3, **x2)]))
    image_file(tmp_path / "images", "front.png")
    scene = bw.read(tmp_path)
    assert list(scene.cameras) == ["camera 0"] and scene.cameras["camera 0"].camera.size_px == SIZE_PX
    check_ahead(scene, "camera 0")
    assert [scene.has_image(i, "camera 0") for i in range(2)] == [True, False]
    assert scene.source_attributes["scale"]["cameras"] == {"camera 0": {"priority": 3}}
    bw.write(scene, tmp_path / "out", "scale")
    told = json.loads((tmp_path / "out/frames/000.json").read_text())["images"][0]
    assert (told["priority"], told["camera_index"], "metadata" in told) == (3, 0, False)
    np.testing.assert_allclose([told["position"][axis] for axis in "xyz"], (101, 50, 2), rtol=0, atol=1e-9)
    np.testing.assert_allclose([told["heading"][axis] for axis in "wxyz"], list(HALF.values()), rtol=0, atol=1e-9)


@pytest.mark.parametrize("beside", [True, False])
def test_golden_numbers_of_nucleus(tmp_path, beside):
    nucleus(tmp_path)
    top = json.loads((tmp_path / "scenes.json").read_text())
    params = {key: value for key, value in of_scale().items() if key != "image_url"}
    item = {"reference_id": "pic", "type": "image", "url": "s3://b/front.png", "metadata": {} if beside else {"camera_params": params}}
    top["scenes"][0]["frames"][0]["front"] = {**item, **({"camera_params": params} if beside else {})}
    save(tmp_path / "scenes.json", top)
    image_file(tmp_path / "cameras/front", "front.png")
    scene = bw.read(tmp_path)
    check_ahead(scene, "front")
    bw.write(scene, tmp_path / "out", "nucleus")
    again = json.loads((tmp_path / "out/scenes.json").read_text())["scenes"][0]["frames"]
    assert again[0]["front"]["reference_id"] == "pic" and again[0]["front"]["url"] == "cameras/front/cloud 0.png" and "front" not in again[1]


@pytest.mark.parametrize("convention", ["OpenCV", "OpenGL", None])
@pytest.mark.parametrize("poses", [True, False])
def test_golden_numbers_of_segments(tmp_path, convention, poses):
    """Where nothing is told, a camera looks against its z, its y up."""
    turn = {"OpenCV": HALF, "OpenGL": {"w": 0.5, "x": 0.5, "y": -0.5, "z": -0.5}}[convention or "OpenGL"]
    pictured_sequence(tmp_path, turn, convention, poses)
    scene = bw.read(tmp_path)
    check_ahead(scene, "front")
    bw.write(scene, tmp_path / "out", "segments")
    (told,) = json.loads((tmp_path / "out/sample.json").read_text())["frames"][0]["images"]
    assert (told["camera_convention"], told["row"], told["col"], told["rotation"], "distortion" in told) == ("OpenCV", 2, 5, 0.0, False)
    np.testing.assert_allclose([told["extrinsics"]["translation"][axis] for axis in "xyz"], (1, 0, 0), rtol=0, atol=1e-9)


def related(folder, extrinsic=None, intrinsic=None, **more):
    """The photo context of the first cloud; a camera 1 m ahead of the LiDAR: cam_from_lidar turns x into z."""
    fx, fy, cx, cy = K
    data = {"extrinsicMatrix": [0, -1, 0, 0, 0, 0, -1, 0, 1, 0, 0, -1] if extrinsic is None else extrinsic}
    data |= {"intrinsicMatrix": [fx, 0, cx, 0, fy, cy, 0, 0, 1] if intrinsic is None else intrinsic}
    place = folder / "street/related_images/a_pcd"
    image_file(place, "x.png")
    save(place / "x.png.json", {"name": "x.png", "meta": {"deviceId": "front", "sensorsData": data, **more}})
    save(place / "x.png.figures.json", [])
    return folder


def pictured_episode(folder):
    related(episode(folder))


def test_golden_numbers_of_supervisely(tmp_path):
    scene = bw.read(related(episode(tmp_path), weather="dry"))
    check_ahead(scene, "front")
    assert [scene.has_image(i, "front") for i in range(3)] == [True, False, False]
    bw.write(scene, tmp_path / "out", "supervisely")
    told = json.loads((tmp_path / "out/street/related_images/a_pcd/front.png.json").read_text())
    assert (told["name"], told["meta"]["deviceId"], told["meta"]["weather"]) == ("front.png", "front", "dry")
    np.testing.assert_allclose(told["meta"]["sensorsData"]["extrinsicMatrix"], [0, -1, 0, 0, 0, 0, -1, 0, 1, 0, 0, -1], rtol=0, atol=1e-12)


def test_exposures_in_supervisely(tmp_path):
    """A camera that fires late has the vehicle's motion in its matrix, frame by frame; where it sits on the vehicle stands beside, and comes back."""
    scene = pictured()
    plain = scene.cameras["plain"]
    late = bw.CameraSensor("plain", plain.camera, plain.ego_from_cam, scene.times_ns + 7_000_000)
    scene = scene.replace(cameras={"plain": late})
    report = bw.write(scene, tmp_path / "out", "supervisely")
    assert not any("when each frame was" in line for line in report.dropped)
    told = [json.loads(file.read_text())["meta"] for file in sorted((tmp_path / "out").rglob("plain.png.json"))]
    shifts = [np.reshape(meta["sensorsData"]["extrinsicMatrix"], (3, 4))[:, 3] for meta in told]
    assert len({meta["timestamp"] for meta in told}) == 4 and np.abs(shifts[0] - shifts[2]).max() > 1e-3
    back = bw.read(tmp_path / "out")
    assert back.has_time and not any("differs by up to" in note for note in back.notes)
    np.testing.assert_array_equal(back.exposures_ns("plain"), scene.exposures_ns("plain"))
    mounts = [one.ego_from("lidar" if one is back else "top").inverse() @ one.ego_from("plain") for one in (scene, back)]
    np.testing.assert_allclose(mounts[0].matrix(), mounts[1].matrix(), rtol=0, atol=1e-12)
    few = scene.replace(data=MemoryData(scene.data.sweeps, {(0, "plain"): picture()}))
    report = bw.write(few, tmp_path / "few", "supervisely")
    assert any("not all frames have one" in line for line in report.dropped) and not bw.read(tmp_path / "few").has_time


def test_zeros_are_no_calibration(tmp_path):
    """CVAT writes them beside pictures of its tasks."""
    scene = bw.read(related(episode(tmp_path), [0] * 12, [0] * 9))
    assert isinstance(scene.cameras["front"].camera, bw.UncalibratedCamera) and scene.has_image(0, "front")


# ------------------------------------------------------------ what does not fit


def scene_of_images(folder, *of_frames):
    task(folder)
    for i, images in enumerate(of_frames):
        save(folder / f"frames/{i:03d}.json", frame_file(i, images=images))
    image_file(folder / "images", "front.png")
    return folder


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"fx": -50.0}, r"images\[0\]: expected a lens: PinholeCamera.fx_px"),
        ({"heading": {"w": 2, "x": 0, "y": 0, "z": 0}}, "heading: expected a quaternion of length 1, got 2"),
        ({"scale_factor": 0}, "scale_factor: expected a number over 0"),
        ({"timestamp": 1e300}, "timestamp: expected nanoseconds of 64 bits, got 1e\\+300"),
        ({"position": {"x": 1}}, "position: a field is missing"),
    ],
)
def test_bad_cameras_of_scale(tmp_path, bad, message):
    scene_of_images(tmp_path, [of_scale(**bad), of_scale(camera_index=4)])
    with pytest.raises(bw.FormatError, match=message):
        bw.read(tmp_path)
    scene = bw.read(tmp_path, strict=False)
    assert list(scene.cameras) == ["camera 4"] and len(scene.problems) == 1


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (related, None),
        (lambda folder: related(folder, [1] * 12), "extrinsicMatrix: expected three rows of a rotation and a shift"),
        (lambda folder: related(folder, None, [-1, 0, 0, 0, 1, 0, 0, 0, 1]), "intrinsicMatrix: expected a lens: PinholeCamera.fx_px"),
    ],
)
def test_bad_cameras_of_supervisely(tmp_path, bad, message):
    bad(episode(tmp_path))
    if message is None:
        assert not bw.read(tmp_path).problems
        return
    with pytest.raises(bw.FormatError, match=message):
        bw.read(tmp_path)
    assert "front" not in bw.read(tmp_path, strict=False).cameras


def test_lenses_that_nobody_knows_here(tmp_path):
    kinds = [of_scale(camera_model="omnidirectional", camera_index=0), of_scale(skew=0.5, camera_index=1)]
    scene = bw.read(scene_of_images(tmp_path, kinds))
    assert all(isinstance(sensor.camera, bw.UncalibratedCamera) for sensor in scene.cameras.values()) and len(scene.cameras) == 2
    notes = " ".join(scene.notes)
    assert "1 picture through a lens 'omnidirectional'" in notes and "'brown_conrady with a skew'" in notes


def test_a_camera_that_moves_on_the_vehicle(tmp_path):
    """The LiDAR turns by 0.4 rad and goes on 1 m; the camera stays where it is in the world."""
    scene = bw.read(scene_of_images(tmp_path, [of_scale()], [of_scale(fx=51.0)]))
    notes = " ".join(scene.notes)
    assert "its place on the vehicle differs by up to 1 m and 23 degrees" in notes and "its lens is not the same in all frames" in notes
    check_ahead(scene, "camera 0")
    assert len(scene.trajectory) == 2


def test_pictures_that_are_not_there(tmp_path):
    scene_of_images(tmp_path, [of_scale()])
    (tmp_path / "images/front.png").unlink()
    scene = bw.read(tmp_path)
    assert not scene.cameras and any("camera 'camera 0': none of its pictures is there" in note for note in scene.notes)


def test_no_address_leads_out_of_the_folder(tmp_path):
    image_file(tmp_path / "elsewhere", "secret.png")
    scene = bw.read(scene_of_images(tmp_path / "in", [of_scale(image_url=f"{tmp_path}/elsewhere/secret.png")]))
    assert not scene.cameras


def test_places_that_are_those_of_the_frames(tmp_path):
    """Some tell when a picture was taken, and place its camera all the same where it is at the frame's stamp: no motion is to be taken out."""
    scene = pictured(late_ns=0)
    bw.write(scene, tmp_path / "out", "scale")
    for file in sorted((tmp_path / "out/frames").iterdir()):
        top = json.loads(file.read_text())
        for one in top["images"]:
            one["timestamp"] += 30_000_000
        save(file, top)
    back = bw.read(tmp_path / "out")
    assert back.cameras["front"].times_ns is None and any("those at the frames' own stamps" in note for note in back.notes)
    for i in range(len(scene)):
        np.testing.assert_allclose(back.cam_from(i, "front").matrix(), scene.cam_from(i, "front").matrix(), rtol=0, atol=1e-9)


def test_cameras_without_pictures_are_told(tmp_path):
    scene = pictured()
    report = bw.write(scene.replace(data=MemoryData(scene.data.sweeps)), tmp_path / "out", "scale")
    assert "cameras front, plain, round: it has no picture, and cameras are known by their pictures" in report.dropped
    assert not bw.read(tmp_path / "out").cameras and not (tmp_path / "out/cameras").exists()


# ------------------------------------------------------------ what the platforms' clients hold


def python_of(client):
    python = python_with(client)
    if python is None:
        pytest.skip(f"{client} is not installed, nor named by BOXWRIGHT_CLIENT_PYTHON")
    return python


def check_projected(scene, rows, atol=1e-9):
    """rows : [frame, camera, 3 x 4 cam_from_world or cam_from_lidar, fx, fy, cx, cy, terms] as a client holds them"""
    assert {(i, name) for i, name, *_ in rows} == {(i, name) for i in range(len(scene)) for name in scene.cameras if scene.has_image(i, name)}
    for i, name, matrix, focal, terms, reference in rows:
        if matrix is None:
            continue
        lens, exposure = scene.cameras[name].camera, int(scene.exposures_ns(name)[i])
        mine = scene.transform(name, "world", exposure) if reference == "world" else scene.cam_from(i, name, "top")
        np.testing.assert_allclose(matrix, mine.matrix()[:3], rtol=0, atol=atol)
        assert focal == [lens.fx_px, lens.fy_px, lens.cx_px, lens.cy_px]
        assert [value or 0.0 for value in terms] == [*lens.distortion, *[0.0] * (len(terms) - len(lens.distortion))]


MATRICES = """
import json, sys, pathlib, numpy as np
def inverse(position, q):
    w, x, y, z = q
    turn = np.array([[1-2*(y*y+z*z), 2*(x*y-z*w), 2*(x*z+y*w)], [2*(x*y+z*w), 1-2*(x*x+z*z), 2*(y*z-x*w)], [2*(x*z-y*w), 2*(y*z+x*w), 1-2*(x*x+y*y)]])
    return np.c_[turn.T, -turn.T @ np.array(position)].tolist()
root, rows = pathlib.Path(sys.argv[1]), []
"""


@pytest.mark.peers
def test_nucleus_holds_the_cameras(tmp_path):
    python = python_of("scale-nucleus")
    scene = pictured()
    bw.write(scene, tmp_path / "out", "nucleus")
    code = (
        MATRICES
        + """
from nucleus import LidarScene
scene = LidarScene.from_json(json.loads((root / "scenes.json").read_text())["scenes"][0])
scene.validate()
for i, frame in enumerate(scene.get_frames()):
    for name, item in frame.items.items():
        if name == "lidar":
            continue
        p = item.camera_params
        terms = [p.k1, p.k2, p.k3, p.k4] if p.camera_model == "fisheye" else [p.k1, p.k2, p.p1, p.p2, p.k3]
        place, turn = [p.position.x, p.position.y, p.position.z], [p.heading.w, p.heading.x, p.heading.y, p.heading.z]
        assert (root / item.image_location).is_file()
        assert frame.to_payload()[name]["camera_params"]["fx"] == p.fx
        rows.append([i, name, inverse(place, turn), [p.fx, p.fy, p.cx, p.cy], terms, "world"])
print(json.dumps(rows))
"""
    )
    check_projected(scene, asked(python, code, tmp_path / "out"))


@pytest.mark.peers
def test_segments_holds_the_cameras(tmp_path):
    python = python_of("segments-ai")
    scene = pictured()
    bw.write(scene, tmp_path / "out", "segments")
    code = (
        MATRICES
        + """
from segments.typing import PointcloudSequenceSampleAttributes
for i, frame in enumerate(PointcloudSequenceSampleAttributes.model_validate(json.loads((root / "sample.json").read_text())).frames):
    for one in frame.images:
        assert one.camera_convention == "OpenCV" and (root / one.url).is_file()
        (fx, _, cx), (_, fy, cy), _ = one.intrinsics.intrinsic_matrix
        t, r = one.extrinsics.translation, one.extrinsics.rotation
        c = one.distortion.coefficients if one.distortion else None
        names = ["k1", "k2", "k3", "k4"] if one.distortion and one.distortion.model == "fisheye" else ["k1", "k2", "p1", "p2", "k3"]
        terms = [getattr(c, name) for name in names] if c else [0.0]
        rows.append([i, one.name, inverse([t.x, t.y, t.z], [r.qw, r.qx, r.qy, r.qz]), [fx, fy, cx, cy], terms, "lidar"])
print(json.dumps(rows))
"""
    )
    check_projected(scene, asked(python, code, tmp_path / "out"))


@pytest.mark.peers
def test_supervisely_holds_the_cameras(tmp_path):
    python = python_of("supervisely")
    scene = pictured()
    bw.write(scene, tmp_path / "out", "supervisely")
    code = (
        MATRICES
        + """
import supervisely as sly
project = sly.PointcloudEpisodeProject(str(root), sly.OpenMode.READ)
(dataset,) = list(project.datasets)
for i, name in enumerate(sorted(dataset.get_items_names())):
    for file, told in dataset.get_related_images(name):
        data = told["meta"].get("sensorsData")
        if data is None:
            rows.append([i, told["meta"]["deviceId"], None, None, None, None])
            continue
        fx, _, cx, _, fy, cy, *_ = data["intrinsicMatrix"]
        rows.append([i, told["meta"]["deviceId"], np.reshape(data["extrinsicMatrix"], (3, 4)).tolist(), [fx, fy, cx, cy], [], "lidar"])
print(json.dumps(rows))
"""
    )
    check_projected(scene, asked(python, code, tmp_path / "out"))
