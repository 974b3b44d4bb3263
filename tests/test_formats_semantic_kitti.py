"""SemanticKITTI sequences and files of point labels, against numbers packed and parsed by hand."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import boxwright as bw
from boxwright.formats import _READERS, _module
from boxwright.formats.images import image_bytes
from boxwright.formats.semantic_kitti_classes import CLASSES, LEARNING, MOVING, class_number
from formats_scenes import MemoryData, full_scene
from test_containment import points_near, some_cuboids
from test_formats_kitti_raw import put
from test_segmentation import scene_of

# cam0 from velodyne: the axes turned, and a lever arm
TR = np.array([[0.0, -1, 0, 0.06], [0, 0, -1, -0.08], [1, 0, 0, -0.27]])
P2 = [700.0, 0, 24, 45, 0, 700, 16, -0.3, 0, 0, 1, 0.005]
PACKED = [10 | 3 << 16, 252 | 3 << 16, 40, 0, 30 | 65535 << 16]


def line(matrix):
    return " ".join(f"{v:.9e}" for v in np.asarray(matrix)[:3].ravel()) + "\n"


def calib(**rows):
    rows = {"P0": P2, "P1": P2, "P2": P2, "P3": P2, "Tr": TR.ravel(), **rows}
    return "".join(f"{name}: {' '.join(f'{v:.12e}' for v in row)}\n" for name, row in rows.items() if row is not None)


def cam_pose(yaw, x, y):
    """world_from_cam0 as poses.txt has it, for a vehicle that has driven x ahead and y to the left and turned left by yaw."""
    tr = np.vstack([TR, [0, 0, 0, 1]])
    return tr @ bw.Pose.from_yaw(yaw, (x, y, 0.0)).matrix() @ np.linalg.inv(tr)


POSES = [(0.0, 0.0, 0.0), (0.3, 5.0, 1.0)]


def make(folder, *, labels=True, poses=None, calibration=None, times="0.000000e+00\n1.037890e-01\n", sequence="07"):
    """Two frames, of 5 and 3 points."""
    base = folder / "sequences" / sequence
    for i, n in enumerate((5, 3)):
        rows = np.c_[np.arange(n) + 10.0 * i, np.full(n, 2.5), np.linspace(-1, 1, n), np.full(n, 0.25)]
        put(base / f"velodyne/{i:06d}.bin", rows.astype("<f4").tobytes())
        if labels:
            put(base / f"labels/{i:06d}.label", np.array(PACKED[:n], "<u4").tobytes())
    put(base / "poses.txt", "".join(line(cam_pose(*pose)) for pose in POSES) if poses is None else poses)
    put(base / "calib.txt", calib() if calibration is None else calibration)
    if times:
        put(base / "times.txt", times)
    return folder


def test_golden(tmp_path):
    scene = bw.read(make(tmp_path))
    assert (scene.name, len(scene), scene.times_ns.tolist()) == ("07", 2, [0, 103_789_000])
    assert scene.label_frame == "world" and list(scene.cameras) == [] and not scene.tracks
    for i, (yaw, x, y) in enumerate(POSES):
        pose = scene.world_from_ego(int(scene.times_ns[i]))
        np.testing.assert_allclose(pose.matrix(), bw.Pose.from_yaw(yaw, (x, y, 0)).matrix(), atol=1e-8)
    assert scene.points(1).xyz[0].tolist() == [10, 2.5, -1] and scene.points(1).intensity[0] == 0.25
    labels = scene.point_labels(0)
    assert [labels.class_name(i) for i in labels.class_id.tolist()] == ["car", "moving-car", "road", "unlabelled", "person"]
    assert labels.instance_id.tolist() == [3, 3, 0, 0, 65535] and labels.instances == {}
    assert len(scene.point_labels(1)) == 3
    assert not any("missing" in note for note in scene.notes)


@pytest.mark.parametrize("wrong", ["turned", "no Tr", "inverse"])
def test_golden_poses_tell_a_wrong_frame(tmp_path, wrong):
    """A quarter turn, the camera's axes for the world's, or the inverse pose would show."""
    right = bw.Pose.from_yaw(*[POSES[1][0]], (*POSES[1][1:], 0)).matrix()
    tr = np.vstack([TR, [0, 0, 0, 1]])
    other = {"turned": bw.Pose.from_yaw(np.pi / 2).matrix() @ right, "no Tr": cam_pose(*POSES[1]) @ tr, "inverse": np.linalg.inv(right)}[wrong]
    scene = bw.read(make(tmp_path))
    assert np.abs(scene.world_from_ego(int(scene.times_ns[1])).matrix() - other).max() > 0.5


def test_is_found_by_looking(tmp_path):
    make(tmp_path / "d")
    for path in (tmp_path / "d", tmp_path / "d/sequences", tmp_path / "d/sequences/07"):
        assert [name for name in _READERS if _module(_READERS, name).detect(path)] == ["semantic_kitti"]
        assert bw.scenes(path).names == ("07",) and bw.scenes(path)[0].glance() == {"n_frames": 2, "n_tracks": 0, "n_labels": 0}
    make(tmp_path / "d", sequence="11", labels=False)
    assert bw.scenes(tmp_path / "d").names == ("07", "11")
    scene = bw.read(tmp_path / "d", scene="11")
    assert not scene.has_point_labels(0) and "labels: the sequence has no point labels" in scene.notes
    with pytest.raises(bw.FrameMissing, match="no point labels"):
        scene.point_labels(0)
    (tmp_path / "d/sequences/11/poses.txt").rename(tmp_path / "d/sequences/11/README")
    assert "11: nothing reads 'README'" in bw.read(tmp_path / "d", scene="11").notes
    shutil.rmtree(tmp_path / "d/sequences/07/velodyne")  # the labels are downloaded by themselves
    alone = bw.read(tmp_path / "d", scene="07")
    assert len(alone) == 2 and not alone.has_points(0) and len(alone.point_labels(0)) == 5


def test_what_is_missing(tmp_path):
    base = make(tmp_path, times="") / "sequences/07"
    assert "times.txt is missing: the frames are taken to be 0.1 s apart" in bw.read(tmp_path).notes
    (base / "calib.txt").unlink()
    scene = bw.read(tmp_path)
    assert scene.trajectory is None and any(note.startswith("poses.txt is left out") for note in scene.notes)
    (base / "poses.txt").unlink()
    assert "there are no poses, and no world frame" in bw.read(tmp_path).notes
    (base / "labels/000001.label").unlink()
    assert "sweeps without labels: 1, labels without a sweep: 0" in bw.read(tmp_path).notes


def test_pictures_make_cameras(tmp_path):
    make(tmp_path)
    put(tmp_path / "sequences/07/image_2/000000.png", image_bytes(np.zeros((32, 48, 3), np.uint8)))
    scene = bw.read(tmp_path)
    assert scene.image(0, "image_2").shape == (32, 48, 3) and not scene.has_image(1, "image_2")
    point_velo = np.array([10.0, 1.0, 0.5])
    u, v, w = np.array(P2).reshape(3, 4) @ [*(TR @ [*point_velo, 1]), 1]
    image = bw.project_points(point_velo[None], scene.cameras["image_2"].camera, scene.cam_from(0, "image_2"))
    np.testing.assert_allclose(image.uv[0], [u / w, v / w], atol=1e-6)
    put(tmp_path / "sequences/07/calib.txt", calib(P2=None))
    with pytest.raises(bw.CalibrationError, match=r"calib.txt: P2: the pictures have no calibration"):
        bw.read(tmp_path)


BAD = {
    "eleven": ("poses.txt", line(cam_pose(0, 0, 0)) + "1 2 3\n", r"poses.txt, line 2: expected 12 numbers, a 3 x 4 matrix row by row, got 3"),
    "word": ("poses.txt", line(cam_pose(0, 0, 0)) + "1 0 0 x 0 1 0 0 0 0 1 0\n", r"poses.txt, line 2: m03: expected a finite number, got 'x'"),
    "mirrored": ("poses.txt", line(cam_pose(0, 0, 0)) + "1 0 0 0 0 1 0 0 0 0 -1 0\n", "line 2: expected a rotation matrix"),
    "times": ("times.txt", "0.0\n0.0\n", "expected increasing times, got 0 ns after 0 ns at frame 1"),
    "few times": ("times.txt", "0.0\n", "a frame has no time: expected 2 lines, got 1"),
    "seconds": ("times.txt", "0.0\nsoon\n", "times.txt, line 2: times: expected seconds, got 'soon'"),
    "no Tr": ("calib.txt", calib(Tr=None), "a row is missing: expected Tr: of 12 numbers, got P0, P1, P2, P3"),
    "short Tr": ("calib.txt", "Tr: 1 2 3\n", "line 1: Tr: expected 12 numbers, got 3"),
    "Tr": ("calib.txt", calib(Tr=np.ones(12)), "line 5: Tr: expected a rotation matrix"),
    "twice": ("calib.txt", calib() + calib(), "a row comes twice: got P0 again"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_texts(tmp_path, name):
    file, text, message = BAD[name]
    put(make(tmp_path) / "sequences/07" / file, text)
    with pytest.raises((bw.FormatError, bw.CalibrationError), match=message) as caught:
        bw.read(tmp_path)
    assert file in str(caught.value) and caught.value.hint
    if file == "poses.txt":
        scene = bw.read(tmp_path, strict=False)
        assert scene.problems[0].record == text.splitlines()[1] and len(scene.trajectory) == 1


def test_counts_must_match(tmp_path):
    file = make(tmp_path) / "sequences/07/labels/000000.label"
    for raw, message in (
        (np.array(PACKED[:4], "<u4").tobytes(), "frame 0, lidar: not as many labels as points: expected 5, got 4"),
        (np.array(PACKED * 2, "<u4").tobytes(), "expected 5, got 10"),
        (np.array(PACKED, "<u4").tobytes()[:-1], "expected 4 B a point .*, got 19 B, 3 B more than whole labels"),
    ):
        file.write_bytes(raw)
        with pytest.raises(bw.FormatError, match=message) as caught:
            bw.read(tmp_path).point_labels(0)
        assert "000000.label" in str(caught.value)


def test_unknown_classes(tmp_path):
    file = make(tmp_path) / "sequences/07/labels/000000.label"
    file.write_bytes(np.array([10, 77, 10, 300, 77], "<u4").tobytes())
    with pytest.raises(bw.FormatError, match=r"point 1: expected a class of SemanticKITTI, got 77 and 1 more that it does not have"):
        bw.read(tmp_path).point_labels(0)
    labels = bw.read(tmp_path, strict=False).point_labels(0)
    assert labels.class_counts() == {"car": 2, "class 77": 2, "class 300": 1}
    report = bw.write(bw.read(tmp_path, strict=False), tmp_path / "out", "semantic_kitti")
    assert "the classes class 300, class 77: other-object here" in report.dropped
    assert bw.read(tmp_path / "out").point_labels(0).class_counts() == {"car": 2, "other-object": 3}


def test_limits(tmp_path, monkeypatch):
    make(tmp_path)
    monkeypatch.setenv("BOXWRIGHT_LIMIT_POINTS_PER_FRAME", "4")
    with pytest.raises(bw.LimitError, match="points per frame"):
        bw.read(tmp_path).point_labels(0)
    monkeypatch.setenv("BOXWRIGHT_LIMIT_FRAMES_PER_SCENE", "1")
    with pytest.raises(bw.LimitError, match="frames per scene"):
        bw.read(tmp_path)


def test_there_and_back_without_loss(tmp_path):
    scene = bw.read(make(tmp_path / "in"))
    report = bw.write(scene, tmp_path / "out", "semantic_kitti")
    assert report.dropped == [] and report.rounded == []
    for file in sorted((tmp_path / "in/sequences/07").rglob("0*")):
        assert (tmp_path / "out" / file.relative_to(tmp_path / "in")).read_bytes() == file.read_bytes()
    again = bw.read(tmp_path / "out")
    np.testing.assert_array_equal(again.times_ns, scene.times_ns)
    for t in scene.times_ns.tolist():
        np.testing.assert_allclose(again.world_from_ego(t).matrix(), scene.world_from_ego(t).matrix(), rtol=0, atol=1e-12)


# ------------------------------------------------------------ from cuboids


def moving_scene(rng):
    """A car that stands, a car that drives, a dog, in three frames; nothing overlaps."""
    times = np.arange(3, dtype=np.int64) * 100_000_000
    places = {"7": ("car", [[10, 3, 0]] * 3), "8": ("Van", [[-10 - 2 * i, 3, 0] for i in range(3)]), "x": ("dog", [[0, -9, 0]] * 3)}
    tracks = [bw.Track(name, kind, times, bw.Cuboids(c, [[4, 2, 1.5]] * 3, 0.2, frame="world")) for name, (kind, c) in places.items()]
    sweeps = {(i, "lidar"): bw.Sweep(rng.uniform([-16, -11, -1], [13, 5, 1], (4000, 3)).astype(np.float32), int(times[i])) for i in range(3)}
    trajectory = bw.Trajectory(times, [bw.Pose.identity()] * 3)
    return bw.Scene("05", times, {"lidar": bw.Lidar("lidar")}, trajectory=trajectory, tracks=tracks, data=MemoryData(sweeps))


def test_cuboids_become_labels(tmp_path, rng):
    """Parsed by hand: numbers of the dataset, objects numbered by track in every frame, what moves of a class of its own."""
    scene = moving_scene(rng)
    report = bw.write(scene, tmp_path, "semantic_kitti")
    for i in range(3):
        raw = np.fromfile(tmp_path / f"sequences/05/labels/{i:06d}.label", np.uint32)
        hits = bw.points_in_cuboids(scene.points(i), scene.cuboids(i))
        expected = np.zeros(4000, np.int64)
        for m, number in enumerate((10, 252, 99)):
            expected[hits.indices(m)] = number + ((m + 1) << 16)
        np.testing.assert_array_equal(raw, expected)
        assert (hits.counts > 20).all()
    assert "the class dog: other-object here" in report.dropped and "the class Van: car here" in report.dropped
    assert any("rule 'smallest' decided" in note for note in report.notes)
    assert "3 tracks of cuboids: the format has none" in report.dropped
    back = bw.read(tmp_path)
    assert back.point_labels(0).renamed(LEARNING).class_counts().keys() == {"unlabelled", "car"}
    with pytest.raises(bw.GeometryError, match="cuboids overlap"):
        tracks = [*scene.tracks, scene.tracks[0].replace(track_id="9")]
        bw.write(scene.replace(tracks=tracks), tmp_path / "no", "semantic_kitti", overlap="raise")


@pytest.mark.parametrize("wrong", ["right", "turned", "swapped", "half height"])
def test_golden_cuboid(tmp_path, wrong):
    """Points just inside and just outside of each face; another convention labels others."""
    size, yaw = np.array([4.4, 1.8, 1.6]), 0.3
    faces = np.concatenate([np.diag(size / 2), -np.diag(size / 2)])
    local = np.concatenate([faces * 0.97, faces * 1.03])
    points = bw.Pose.from_yaw(yaw, (12.0, -3.0, -0.9)).apply(local).astype(np.float32)
    center, given, turn = [12.0, -3.0, -0.9], size, yaw
    if wrong == "turned":
        turn = yaw + np.pi / 2
    elif wrong == "swapped":
        given = size[[1, 0, 2]]
    elif wrong == "half height":
        center = [12.0, -3.0, -0.1]
    scene = scene_of(points, bw.Cuboids([center], [given], turn), ["car"])
    bw.write(scene, tmp_path, "semantic_kitti")
    raw = np.fromfile(tmp_path / "sequences/00/labels/000000.label", np.uint32)
    expected = np.repeat([10 | 1 << 16, 0], 6)
    assert (raw == expected).all() == (wrong == "right")


def test_every_class_has_its_number(rng):
    assert all(class_number(name) == number for number, name in CLASSES.items())
    assert MOVING[10] == 252 and MOVING[20] == 259 and len(MOVING) == 8
    names = {"pedestrian": 30, "Cyclist": 31, "REGULAR_VEHICLE": 10, "tram": 16, "bus": 13, "traffic_sign": 81, "dog": None, "Misc": None}
    assert {name: class_number(name) for name in names} == names
    assert len({LEARNING.get(name, name) for name in CLASSES.values()} - {"", "static", "moving"}) == 19


# ------------------------------------------------------------ files by themselves


def same(a, b):
    assert (a.classes, a.instances, a.n_contested) == (b.classes, b.instances, b.n_contested)
    np.testing.assert_array_equal(a.class_id, b.class_id)
    np.testing.assert_array_equal(a.instance_id, b.instance_id)
    return True


@pytest.mark.parametrize("n", [0, 1, 200_000])
def test_npz_keeps_everything(tmp_path, rng, n):
    labels = bw.PointLabels(rng.integers(0, 3, n), rng.integers(0, 2**32, n), {1: "car", 2: "grün", 9: "road"}, {7: "a b", 2**32 - 1: "7"}, min(n, 3))
    bw.write_point_labels(labels, tmp_path / "a.npz")
    assert same(bw.read_point_labels(tmp_path / "a.npz"), labels)
    bw.write_point_labels(labels, tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with np.load(tmp_path / "a.npz", allow_pickle=False) as arrays:  # numpy alone
        np.testing.assert_array_equal(arrays["class_id"], labels.class_id)
    nothing = bw.PointLabels(np.zeros(n, np.uint16), np.zeros(n, np.uint32))  # packs so well that a reader would take it for an attack
    bw.write_point_labels(nothing, tmp_path / "a.npz", overwrite=True)
    assert same(bw.read_point_labels(tmp_path / "a.npz"), nothing)


def test_label_files(tmp_path):
    labels = bw.PointLabels([0, 5, 6], [0, 7, 65535], {5: "Car", 6: "moving-person", 7: "dog"}, {7: "a"})
    bw.write_point_labels(labels, tmp_path / "a.label")
    assert np.fromfile(tmp_path / "a.label", "<u4").tolist() == [0, 10 | 7 << 16, 254 | 65535 << 16]
    assert bw.read_point_labels(tmp_path / "a.label").class_counts() == {"unlabelled": 1, "car": 1, "moving-person": 1}
    with pytest.raises(bw.ArgumentError, match=r"expected classes of SemanticKITTI.*got 'dog'; labels.renamed"):
        bw.write_point_labels(bw.PointLabels([7], [0], {7: "dog"}), tmp_path / "b.label")
    with pytest.raises(bw.ArgumentError, match=r"expected instances up to 65,535 in a \.label, got 65536"):
        bw.write_point_labels(bw.PointLabels([0], [65536]), tmp_path / "b.label")
    assert not (tmp_path / "b.label").exists()
    with pytest.raises(bw.ArgumentError, match=r"a file ending in \.label or \.npz"):
        bw.write_point_labels(labels, tmp_path / "b.txt")
    with pytest.raises(bw.StorageError):
        bw.write_point_labels(labels, tmp_path / "a.label")
    with pytest.raises(bw.FormatError, match="no such file"):
        bw.read_point_labels(tmp_path / "c.label")


@pytest.mark.parametrize("suffix", ["label", "npz"])
def test_every_cut_and_every_flipped_byte_of_a_file(tmp_path, suffix):
    """Labels or one of our own errors."""
    file = tmp_path / f"a.{suffix}"
    bw.write_point_labels(bw.PointLabels([0, 1, 2], [0, 0, 7], {1: "car", 2: "road"}, {7: "a"}), file)
    raw, n_read, n_refused = file.read_bytes(), 0, 0
    for at in range(len(raw)):
        for mask in (None, 0x01, 0x80, 0xFF):
            file.write_bytes(raw[:at] if mask is None else raw[:at] + bytes([raw[at] ^ mask]) + raw[at + 1 :])
            try:
                assert len(bw.read_point_labels(file, strict=at % 2 == 0)) <= 3
                n_read += 1
            except bw.BoxwrightError as error:
                assert error.hint and "\n" not in str(error)
                n_refused += 1
    assert n_read > 0 and n_refused > 0


BAD_NPZ = {
    "missing": ({"class_id": np.zeros(1, np.uint16)}, "instance_id: expected arrays called class_id, instance_id, names"),
    "dtype": ({"class_id": np.zeros(1, np.int64)}, r"class_id: expected \(N,\) uint16, got shape \(1,\) of int64"),
    "shape": ({"class_id": np.zeros((1, 1), np.uint16)}, r"class_id: expected \(N,\) uint16"),
    "lengths": ({"class_id": np.zeros(2, np.uint16)}, "instance_id: expected 2 instance ids"),
    "json": ({"names": np.frombuffer(b'{"classes":', np.uint8)}, "not JSON"),
    "utf": ({"names": np.frombuffer(b'{"classes":"\xff"}', np.uint8)}, "not UTF-8"),
    "key": ({"names": np.frombuffer(b'{"classes":{"01": "a"}, "instances":{}}', np.uint8)}, "expected a whole number as key, got '01'"),
    "extra": ({"xyz": np.zeros(3)}, "expected no array but"),
    "name": ({"class_id": np.full(1, 4, np.uint16)}, "expected a name for every class of a point, got none for 4"),
}


@pytest.mark.parametrize("name", BAD_NPZ)
def test_bad_npz(tmp_path, name):
    changed, message = BAD_NPZ[name]
    text = np.frombuffer(b'{"classes": {"1": "car"}, "instances": {}}', np.uint8)
    arrays = {"class_id": np.ones(1, np.uint16), "instance_id": np.zeros(1, np.uint32), "names": text}
    np.savez(tmp_path / "good.npz", **arrays)
    assert len(bw.read_point_labels(tmp_path / "good.npz")) == 1
    np.savez(tmp_path / "a.npz", **(changed if name == "missing" else arrays | changed))
    with pytest.raises(bw.FormatError, match=message) as caught:
        bw.read_point_labels(tmp_path / "a.npz")
    assert "a.npz" in str(caught.value)


# ------------------------------------------------------------ boxwright's own scenes


def test_own_scenes_keep_labels_and_edits(tmp_path, rng):
    scene = full_scene(rng)
    labels = {
        key: bw.PointLabels(rng.integers(0, 3, len(sweep)), rng.integers(0, 9, len(sweep)), {1: "car", 2: "road"}, {1: "7", 2: "x y"}, None)
        for key, sweep in scene.data.sweeps.items()
    }
    edits = [
        bw.PointEdit.of_points(1, [3, 4, 5, 9], category="person", track_id="x y"),
        bw.PointEdit.of_polygon(0, [[0, 0.1], [4, 0], [0, 4]], high_m=2.5, category="road", sensor="rear"),
        bw.PointEdit.of_cuboid(2, bw.Cuboids([[1, 2, 3]], [[4, 5, 6]], quat_wxyz=[[0.8, 0.6, 0, 0]], frame="lidar")[0], category=""),
    ]
    report = bw.write(scene.replace(point_label_data=labels, point_edits=edits), tmp_path / "out")
    assert report.dropped == []
    again = bw.read(tmp_path / "out")
    assert [edit.mapping() for edit in again.point_edits] == [edit.mapping() for edit in edits]
    for i in range(len(scene)):
        for name in scene.lidars:
            assert again.has_point_labels(i, name) == ((i, name) in labels)
            assert not again.has_point_labels(i, name) or same(again.point_labels(i, name), labels[i, name])
    assert again.notes == bw.read(tmp_path / "out").notes and not any("point_labels" in note for note in again.notes)
    bw.write(again, tmp_path / "twice")
    for file in (tmp_path / "out/point_labels").rglob("*.npz"):
        assert (tmp_path / "twice" / file.relative_to(tmp_path / "out")).read_bytes() == file.read_bytes()
    shutil.copy(tmp_path / "out/point_labels/lidar/f0.npz", tmp_path / "out/point_labels/lidar/f1.npz")
    with pytest.raises(bw.FormatError, match=r"f1.npz: frame 1, lidar: not as many labels as points: expected 51, got 50"):
        bw.read(tmp_path / "out").point_labels(1)
    for to in ("kitti_tracking", "kitti_object", "openlabel"):
        lost = bw.write(again.replace(point_label_data={(0, "lidar"): labels[0, "lidar"]}), tmp_path / to, to).dropped
        assert "the class and object of each point in 1 sweep" in lost and "3 edits of point labels" in lost


def test_a_scene_without_sweeps_is_not_written(tmp_path, rng):
    for scene in (full_scene(rng).replace(data=MemoryData()), bw.Scene("a", [0])):
        with pytest.raises(bw.ArgumentError, match="SemanticKITTI needs a LiDAR with sweeps"):
            bw.write(scene, tmp_path / "out", "semantic_kitti")
        assert not (tmp_path / "out").exists()


def test_labels_that_do_not_fit_are_not_written(tmp_path, rng):
    scene = scene_of(rng.normal(size=(9, 3)), some_cuboids(rng, 1), point_label_data={(0, "lidar"): bw.PointLabels([0] * 8, [0] * 8)})
    for to in ("boxwright", "semantic_kitti"):
        with pytest.raises(bw.ArgumentError, match="expected 9, one per point, got 8"):
            bw.write(scene, tmp_path / "out", to)
        assert not (tmp_path / "out").exists()


BAD_SCENE_EDITS = {
    "frame": ({"frame_index": 99, "category": "a", "runs": []}, "expected a frame below"),
    "sensor": ({"frame_index": 0, "category": "a", "runs": [], "sensor": "top"}, "expected one of lidar, rear"),
    "runs": ({"frame_index": 0, "category": "a", "runs": [1]}, "edit.runs"),
    "text": ("a", "expected an object"),
}


@pytest.mark.parametrize("name", BAD_SCENE_EDITS)
def test_bad_edits_in_a_scene(tmp_path, rng, name):
    import json

    edit, message = BAD_SCENE_EDITS[name]
    bw.write(full_scene(rng), tmp_path / "s")
    file = tmp_path / "s/scene.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"point_edits": [edit]}))
    with pytest.raises(bw.BoxwrightError, match=message) as caught:
        bw.read(tmp_path / "s")
    assert "point_edits[0]" in str(caught.value) and "scene.json" in str(caught.value)
    scene = bw.read(tmp_path / "s", strict=False)
    assert scene.point_edits == [] and scene.problems[0].record == edit


def test_dry_run_tells_the_same(tmp_path, rng):
    from boxwright.formats.dry_run import dry_run

    cuboids = some_cuboids(rng, 2)
    points = points_near(rng, cuboids, 50)
    edits = [bw.PointEdit.of_points(0, [30], category="road")]
    scene = scene_of(points, cuboids, ["car", "dog"], point_edits=edits)
    bw.write(scene.replace(point_label_data={(0, "lidar"): bw.segment(scene, 0)}), tmp_path / "in")
    tried = dry_run(tmp_path / "in", to="semantic_kitti")
    report = bw.write(bw.read(tmp_path / "in"), tmp_path / "out", "semantic_kitti")
    assert tried.problems == [] and tried.dropped == report.dropped and "the class dog: other-object here" in tried.dropped
    (tmp_path / "in/point_labels/lidar/000000.npz").write_bytes(b"PK")
    assert "000000.npz" in str(dry_run(tmp_path / "in").problems[0])
