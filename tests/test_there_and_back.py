"""What was read leniently is written, and reads strictly: every damaged recording, in every format that can be written."""

from __future__ import annotations

import json
import random
import re
import shutil

import numpy as np
import pytest

import boxwright as bw
import test_formats_argoverse2 as argoverse2
from boxwright.formats import _WRITERS
from boxwright.formats.camera_labels import with_boxes_of_cuboids
from formats_scenes import MemoryData, full_scene
from mutants import MOST_FRAMES, RECORDINGS, Victim, consume

IN_PICTURES = ("cvat_video", "mot")  # these hold the labels in one camera's pictures, and no sensor's data
PLATFORMS = ("coco", "label_studio", "darwin", "labelbox")  # these hold the labels in all cameras' pictures, cuboids as boxes
BEYOND_PICTURES = ("places in pictures under 1e+07 px", "no calibration and no labels")  # what formats of labels in pictures refuse
TO = [name for name in _WRITERS if name not in (*IN_PICTURES, *PLATFORMS)]


def is_whole(scene: bw.Scene) -> bool:
    """Whether every sweep, its labels and every picture can be read: damaged files are refused either way, and then nothing is written."""
    for i in range(len(scene)):
        try:
            for name in scene.lidars:
                scene.points(i, name) if scene.has_points(i, name) else None
                scene.point_labels(i, name) if scene.has_point_labels(i, name) else None
            for name in scene.cameras:
                scene.image(i, name) if scene.has_image(i, name) else None
        except bw.BoxwrightError:
            return False
    return True


def n_labels(scenes: list[bw.Scene]) -> int:
    return sum(len(bw.interpolate_tracks(scene.tracks, scene.times_ns).track_index) for scene in scenes)


def seen(track: bw.ImageTrack, sensor: bw.CameraSensor, scene: bw.Scene) -> tuple[np.ndarray, bw.Shapes]:
    """(frames in whose picture it is, its shapes there)"""
    filled = track.at(scene.times_ns if sensor.times_ns is None else sensor.times_ns)
    frames = np.flatnonzero(filled.is_valid)
    return frames, filled.shapes[frames]


def assert_alike(mine: bw.Shapes, theirs: bw.Shapes, tolerance_px: float, *, is_one_ring: bool = False) -> None:
    """is_one_ring : of each polygon the largest ring alone was written."""
    assert mine.KIND == theirs.KIND
    if is_one_ring and isinstance(mine, bw.Polygons):
        mine = bw.Polygons([max(mine.rings(k), key=lambda ring: bw.Polygons([ring]).area_px2[0]) for k in range(len(mine))])
    if isinstance(mine, bw.Masks):  # of one size in a file of CVAT, the picture's
        height, width = np.minimum(mine.to_arrays().shape, theirs.to_arrays().shape)[1:]
        np.testing.assert_array_equal(theirs.to_arrays()[:, :height, :width], mine.to_arrays()[:, :height, :width])
        assert not theirs.to_arrays()[:, height:].any() and not theirs.to_arrays()[:, :, width:].any()
        return
    if isinstance(mine, bw.Keypoints):
        np.testing.assert_array_equal(theirs.visibility, mine.visibility)
        is_marked = mine.visibility != bw.Visibility.OUTSIDE
        np.testing.assert_allclose(theirs.uv[is_marked], mine.uv[is_marked], rtol=1e-12, atol=tolerance_px)
        return
    for a, b in zip(mine._columns(), theirs._columns(), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-12, atol=tolerance_px)


def assert_seen_as_before(scene: bw.Scene, back: bw.Scene, report: bw.WriteReport, names: list[str]) -> None:
    """Every image track of these cameras is in the same frames, with the same shape; keyframes between two frames may move, if the report says so,
    and tracks that no frame shows may be gone."""
    told = "\n".join([*report.rounded, *report.dropped])
    given = [track for track in scene.image_tracks if track.camera in names]
    gone = {track.track_id for track in given} - {track.track_id for track in back.image_tracks}
    assert not gone or "in no frame" in told
    assert not any(len(seen(track, scene.cameras[track.camera], scene)[0]) for track in given if track.track_id in gone)
    assert len(back.image_tracks) == len(given) - len(gone)
    for name in names:
        mine = [track for track in given if track.camera == name and track.track_id not in gone]
        theirs = [back.image_track(track.track_id) for track in mine]
        for one, other in zip(mine, theirs):
            if f"of track {one.track_id!r} " in told:
                continue
            assert other.category == one.category or "characters that XML has no place for" in told
            frames, shapes = seen(one, scene.cameras[name], scene)
            again, others = seen(other, back.cameras[other.camera], back)
            np.testing.assert_array_equal(again, frames)
            if "the largest ring of each" in told:  # between keyframes one ring goes another way than several
                stamps = scene.exposures_ns(name)[frames]
                shapes, others = (some[np.isin(stamps, one.times_ns)] for some in (shapes, others))
            assert_alike(shapes, others, report.tolerance_px, is_one_ring="the largest ring of each" in told)


def assert_lines_as_before(scene: bw.Scene, back: bw.Scene, report: bw.WriteReport, name: str) -> None:
    """MOT's boxes are those around the shapes, under numbers of its own."""

    def boxes(scene, name):
        rows = [
            (frame, *bounds)
            for track in scene.image_tracks
            if track.camera == name
            for frame, bounds in zip(*(np.asarray(part).tolist() for part in _bounds(track, scene, name)))
            if np.isfinite(bounds).all()
        ]
        return np.array(sorted(rows)).reshape(-1, 5)

    mine, theirs = boxes(scene, name), boxes(back, "camera")
    assert len(mine) == len(theirs) == report.n_labels
    np.testing.assert_array_equal(theirs[:, 0], mine[:, 0])
    np.testing.assert_allclose(np.sort(theirs[:, 1:], 0), np.sort(mine[:, 1:], 0), rtol=1e-12, atol=2 * report.tolerance_px)


def _bounds(track, scene, name):
    frames, shapes = seen(track, scene.cameras[name], scene)
    return frames, shapes.bounds_xyxy()


def in_pictures_and_back(scene: bw.Scene, to: str, folder) -> str:
    """As `there_and_back`, for the formats of one camera's pictures: every camera with labels, or one without."""
    names = [*dict.fromkeys(track.camera for track in scene.image_tracks)] or [*scene.cameras][:1]
    if not names:
        with pytest.raises(bw.ArgumentError, match="one camera's pictures"):
            bw.write(scene, folder, to)
        assert not folder.exists()
        return "refused"
    for name in names:
        try:
            report = bw.write(scene, folder, to, camera=name)
        except bw.ArgumentError as error:
            assert any(words in str(error) for words in BEYOND_PICTURES)
            return "refused"
        consume(folder, True, to)
        (back,) = [entry.read() for entry in bw.scenes(folder)]
        given = with_boxes_of_cuboids(scene, [name])
        if to == "mot":
            assert_lines_as_before(given, back, report, name)
        else:
            assert_seen_as_before(given, back, report, [name])
        shutil.rmtree(folder)
    return "written"


def platform_and_back(scene: bw.Scene, to: str, folder) -> str:
    """As `there_and_back`, for platforms of labels in pictures: as many labels as the report says, in the pictures of the same cameras."""
    try:
        report = bw.write(scene, folder, to)
    except bw.ArgumentError as error:
        assert any(words in str(error) for words in (*BEYOND_PICTURES, "a scene with a camera", "hold labels alone")), error
        assert not folder.exists()
        return "refused"
    consume(folder, True, to)
    back = [entry.read() for entry in bw.scenes(folder)]
    assert sum(len(seen(track, one.cameras[track.camera], one)[0]) for one in back for track in one.image_tracks) == report.n_labels
    assert len({track.track_id for one in back for track in one.image_tracks}) <= report.n_tracks
    shutil.rmtree(folder)
    return "written"


def there_and_back(scene: bw.Scene, to: str, folder) -> str:
    """ "written" where it was, and then read strictly with as many labels as the report says; "refused" where a sweep or picture is damaged."""
    if to in IN_PICTURES:
        return in_pictures_and_back(scene, to, folder)
    if to in PLATFORMS:
        return platform_and_back(scene, to, folder)
    try:
        report = bw.write(scene, folder, to)
    except bw.BoxwrightError as error:
        # a label near the bound of coordinates, placed by a pose near it; a scene may have no sensor
        too_far = any(words in str(error) for words in ("coordinates and sizes under 1e+08 m", "places in pictures under 1e+07 px"))
        beyond_kitti = ("needs a LiDAR", "instances up to 65,535 in a .label")
        is_kitti = to in ("kitti_object", "kitti_raw", "kitti_tracking", "semantic_kitti")
        other_times = {"argoverse2": "expected times from 0", "nuscenes": "a microsecond apart", "waymo": "a microsecond apart"}
        assert (
            too_far
            or other_times.get(to, "\n") in str(error)
            or (is_kitti and any(words in str(error) for words in beyond_kitti))
            or not is_whole(scene)
        )
        assert not folder.exists()
        return "refused"
    consume(folder, True, to)
    back = [entry.read() for entry in bw.scenes(folder)]
    if to == "boxwright":
        assert [track.track_id for track in back[0].tracks] == [track.track_id for track in scene.tracks]
        for mine, theirs in zip(scene.tracks, back[0].tracks):
            np.testing.assert_array_equal(theirs.cuboids.center_m, mine.cuboids.center_m)
        for mine, theirs in zip(scene.image_tracks, back[0].image_tracks, strict=True):
            assert (theirs.track_id, theirs.camera) == (mine.track_id, mine.camera)
            np.testing.assert_array_equal(theirs.times_ns, mine.times_ns)
            assert theirs.shapes.equals(mine.shapes)
    elif len(scene):
        n_in_pictures = sum(len(seen(track, one.cameras[track.camera], one)[0]) for one in back for track in one.image_tracks)
        filled = re.search(r"readers fill (\S+) labels? in", "\n".join(report.dropped))
        n_filled = int(filled[1].replace(",", "")) if filled else 0
        assert n_labels(back) - n_filled + (n_in_pictures if to in ("openlabel", "waymo") else 0) == report.n_labels
        if to == "openlabel":
            assert_seen_as_before(scene, back[0], report, [*scene.cameras])
        elif to != "waymo" and (to == "semantic_kitti" or sum(len(one.image_tracks) for one in back) < len(scene.image_tracks)):  # KITTI: one camera
            assert any("in pictures" in line for line in report.dropped) == bool(scene.image_tracks)
    shutil.rmtree(folder)
    return "written"


EVERY = (*TO, *IN_PICTURES, *PLATFORMS)


def outcomes_of(name: str, n_read: int, n_turns: int, folder) -> dict[str, int]:
    """Of damage from equal dice, until so many damaged recordings could be read; each is written in every n_turns-th format, all in their turn."""
    victim = Victim(name, folder / "in")
    outcomes = {"read": 0, "unread": 0, "written": 0, "refused": 0}
    while outcomes["read"] < n_read:
        mutation = outcomes["read"] + outcomes["unread"]
        assert mutation < 100 * n_read, outcomes
        where = victim.damage(random.Random(f"there and back {name} {mutation}"))
        try:
            scenes = [entry.read(strict=False) for entry in bw.scenes(victim.path)]
        except bw.BoxwrightError:
            outcomes["unread"] += 1
            continue
        formats = EVERY[outcomes["read"] % n_turns :: n_turns]
        outcomes["read"] += 1
        for scene in scenes:
            # a frame of KITTI object is two files, and labels may claim a million
            for to in formats if len(scene) <= MOST_FRAMES else ():
                try:
                    outcomes[there_and_back(scene, to, folder / "out")] += 1
                except (Exception, AssertionError) as error:
                    error.add_note(f"mutation {mutation} of {where}, written as {to}")
                    raise
    return outcomes


@pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")
@pytest.mark.parametrize("name", RECORDINGS)
def test_damaged_recordings_there_and_back(tmp_path, name):
    outcomes = outcomes_of(name, 6, 3, tmp_path)
    assert outcomes["written"] >= 6, outcomes


@pytest.mark.full
@pytest.mark.timeout(1800)
@pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")
@pytest.mark.parametrize("name", RECORDINGS)
def test_many_damaged_recordings_there_and_back(tmp_path, name):
    outcomes = outcomes_of(name, 400, 1, tmp_path)
    assert outcomes["written"] > 400, outcomes


@pytest.mark.parametrize("to", ["kitti_object", "kitti_tracking"])
@pytest.mark.parametrize("yaw", [0.0, 0.7])
def test_a_camera_that_looks_straight_down(tmp_path, rng, to, yaw):
    """KITTI's headings turn about the first camera's y axis; where that lies level, nothing could be told from them."""
    scene = full_scene(rng)
    down = scene.lidars["lidar"].ego_from_lidar @ bw.Pose(
        [[np.sin(yaw), -np.cos(yaw), 0], [-np.cos(yaw), -np.sin(yaw), 0], [0, 0, -1.0]], (0, 0, 2.0)
    )
    front = scene.cameras["front"]
    cameras = {"below": bw.CameraSensor("below", front.camera, down), "front": front}
    report = bw.write(scene.replace(cameras=cameras), tmp_path / "both", to)
    assert any(line.startswith("camera below: the y axis lies level") for line in report.dropped)
    without = bw.write(scene.replace(cameras={"front": front}), tmp_path / "front", to)
    assert without.n_labels == report.n_labels > 0
    both, alone = ({path.relative_to(top): path.read_bytes() for path in top.rglob("*.txt")} for top in (tmp_path / "both", tmp_path / "front"))
    assert both == alone
    bw.write(scene.replace(cameras={"below": cameras["below"]}), tmp_path / "below", to)
    assert n_labels([entry.read() for entry in bw.scenes(tmp_path / "below")]) == report.n_labels


def test_a_column_of_nan_is_kept(tmp_path):
    """Of a column nobody knows, what JSON cannot hold becomes a text."""
    pytest.importorskip("pyarrow")
    columns = argoverse2.label_columns()
    n = len(columns["category"])
    scene = bw.read(argoverse2.make(tmp_path, {**columns, "speed": np.where(np.arange(n) % 2, np.nan, 1.5)}))
    bw.write(scene, tmp_path / "out")
    kept = [[row["speed"] for track in one.tracks for row in track.keyframe_source_attributes if row] for one in (scene, bw.read(tmp_path / "out"))]
    assert kept[0] == kept[1] and set(kept[0]) == {1.5, "nan"}


WITH_PICTURES = [name for name in TO if bw.capabilities()[name].can_write("pictures")]


@pytest.mark.parametrize("to", [name for name in WITH_PICTURES if name not in ("argoverse2", "nuscenes")])  # which have no such camera
def test_a_damaged_picture_is_not_copied(tmp_path, rng, to):
    bw.write(full_scene(rng).replace(lidars={"lidar": full_scene(rng).lidars["lidar"]}), tmp_path / "in")
    bw.write(bw.read(tmp_path / "in"), tmp_path / "good", to)
    picture = next((tmp_path / "in/cameras/front").iterdir())
    picture.write_bytes(picture.read_bytes()[:-5])
    with pytest.raises(bw.FormatError, match=rf"{picture.name}: frame \d, front: the picture is cut off or damaged"):
        bw.write(bw.read(tmp_path / "in"), tmp_path / "out", to)
    assert not (tmp_path / "out").exists()


@pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")
@pytest.mark.parametrize("to", TO)
def test_attributes_nested_as_deep_as_a_file_may_be(tmp_path, rng, to):
    """A file may nest 32 deep; kept one level further down, such a value made a file that could not be read again."""
    deep = {"x": "end"}
    for k in range(30):
        deep = {"x": [deep]} if k % 2 else {"x": deep}
    scene = full_scene(rng)
    tracks = [track.replace(attributes=deep, source_attributes=deep, keyframe_source_attributes=[deep] * len(track)) for track in scene.tracks]
    tags = [bw.Tag("deep", deep, source_attributes=deep)]
    scene = scene.replace(tracks=tracks, tags=tags, source_attributes={"other": deep})
    bw.write(scene, tmp_path / "out", to)
    consume(tmp_path / "out", True, to)


NAMED = {  # recording -> what names its second frame in its files, and that with a name that no file can have
    "supervisely": (b'"b.pcd"', b'":.pcd"'),
    "datumaro": (b'"id": "b"', b'"id": "street/b"'),
    "coco": (b'"b.png"', b'"b:2.png"'),
    "segments": (b'"name": "b"', b'"name": "street/b"'),
    "nucleus": (b'"cloud 1"', b'"street/1"'),
    "nuscenes": (b'"s1"', b'"s/1"'),
    "cvat_api": (b'"x/b.pcd"', b'"x/b\\u0000.pcd"'),
}


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")
def test_names_of_frames_that_no_file_can_have(tmp_path, name):
    """Such a recording was read, and refused when it was to be written."""
    victim, (good, other) = Victim(name, tmp_path / "in"), NAMED[name]
    was = bw.read(victim.path)
    for file, raw in victim.good.items():
        victim.put(file, raw.replace(good, other) if file.endswith(".json") else raw)
    scene = bw.read(victim.path)
    assert len(scene) == len(was) and scene.frame_ids != was.frame_ids and len(scene.tracks) == len(was.tracks)
    if name != "coco":  # whose frames have numbers of their own
        assert list(scene.frame_ids) == [f"{i:06d}" for i in range(len(scene))]
        assert any("cannot be a file's: frames are numbered" in note for note in scene.notes)
    bw.write(scene, tmp_path / "out")
    assert bw.read(tmp_path / "out").frame_ids == scene.frame_ids


def test_items_of_datumaro_keep_ids_that_no_file_can_have(tmp_path):
    victim = Victim("datumaro", tmp_path / "in")
    victim.put("annotations/default.json", victim.good["annotations/default.json"].replace(*NAMED["datumaro"]))
    bw.write(bw.read(tmp_path / "in"), tmp_path / "out", "datumaro", subset="default")
    items = json.loads((tmp_path / "out/annotations/default.json").read_text())["items"]
    assert [one["id"] for one in items] == ["a", "street/b", "c"]
    assert (tmp_path / "out/point_clouds/default/000001.pcd").is_file()
    assert [one.read().frame_ids for one in bw.scenes(tmp_path / "out")] == [("000000", "000001", "000002")]


@pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")
@pytest.mark.parametrize(
    "to, options", [("scale", {}), ("labelcloud", {}), ("supervisely", {"layout": "clouds"}), ("segments", {}), ("datumaro", {})]
)
@pytest.mark.parametrize("ids", [("b", "a"), ("10", "9"), ("a", "a b"), ("01", "1"), ("9", "10")])
def test_frames_stay_in_order_whatever_they_are_called(tmp_path, to, options, ids):
    """Where only names of files tell the order, frames called otherwise changed places."""
    scene = scene_of_two(bw.Cuboids([[10.0, 0, 0], [20.0, 0, 0]], [[4, 2, 1.5]] * 2, yaw_rad=[0.0, 0.0]), ids)
    bw.write(scene, tmp_path / "out", to, **options)
    back = bw.scenes(tmp_path / "out")[0].read()
    assert [back.cuboids(i).center_m[0, 0] for i in range(2)] == [10, 20]
    is_kept = back.frame_ids == ids
    assert is_kept == (ids == ("9", "10") or to in ("segments", "datumaro"))


def scene_of_two(cuboids, ids):
    sweeps = {(i, "lidar"): bw.Sweep(np.full((3, 3), float(i)), i, "lidar") for i in range(2)}
    track = bw.Track("1", "car", [0, 1], cuboids)
    return bw.Scene(
        "a", [0, 1], {"lidar": bw.Lidar("lidar")}, tracks=[track], data=MemoryData(sweeps, {}), has_time=False, label_frame="lidar", frame_ids=ids
    )


LONG = {"ascii": "a" * 300, "two bytes": "é" * 190, "three bytes": "漢" * 126, "with points": "a." * 99 + "b" * 9, "half a character": "a\ud800"}


@pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")
@pytest.mark.parametrize("to", EVERY)
@pytest.mark.parametrize("name", LONG)
def test_a_scene_whose_name_is_longer_than_a_file_s_can_be(tmp_path, to, name):
    """It could not be written in half of the formats."""
    scene = scene_of_two(bw.Cuboids([[10.0, 0, 0], [20.0, 0, 0]], [[4, 2, 1.5]] * 2, yaw_rad=[0.0, 0.0]), ("0", "1"))
    front = bw.CameraSensor("front", bw.PinholeCamera(640, 480, 500, 500, 320, 240), bw.Pose([[0, 0, 1], [-1, 0, 0], [0, -1, 0]], (0, 0, 0)))
    report = bw.write(scene.replace(name=LONG[name], cameras={"front": front}), tmp_path / "out", to)
    assert report.n_labels == 2 or to == "semantic_kitti"
    assert sum(len(entry.read()) for entry in bw.scenes(tmp_path / "out")) == 2


CAMERAS = {  # recording -> what calls its camera in its files
    "coco_videos": b'"camera": "%s"',
    "darwin": b'"%s"',
    "labelbox": b'"street/%s"',
    "label_studio": b'"camera": "%s"',
    "segments": b'"name": "%s"',
    "supervisely": b'"deviceId": "%s"',
    "nucleus": b'"%s": {"reference_id"',
}


@pytest.mark.parametrize("name", CAMERAS)
@pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")
def test_names_of_cameras_that_no_file_can_have(tmp_path, name):
    """Such a recording was read, and refused when it was to be written."""
    victim, called = Victim(name, tmp_path / "in"), CAMERAS[name]
    for file, raw in victim.good.items():
        victim.put(file, raw.replace(called % b"front", called % b"front:top"))
    scenes = [entry.read() for entry in bw.scenes(victim.path)]
    assert any("front_top" in scene.cameras for scene in scenes)
    for k, scene in enumerate(scenes):
        bw.write(scene, tmp_path / str(k))
        assert [*bw.read(tmp_path / str(k)).cameras] == [*scene.cameras]


@pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")
@pytest.mark.parametrize("to", EVERY)
def test_attributes_longer_than_an_id_may_be(tmp_path, rng, to):
    """A value of 5,000 letters made tables of nuScenes that could not be read again."""
    scene, words = full_scene(rng), {"short": "v" * 5000}
    tracks = [track.replace(attributes=words, keyframe_attributes=[words] * len(track)) for track in scene.tracks]
    boxes = bw.ImageTrack("box", "car", "front", scene.times_ns[:2], bw.Boxes([[1, 2, 9, 9]] * 2), attributes=words)
    scene = scene.replace(tracks=tracks, image_tracks=[boxes], tags=[bw.Tag("short", words["short"])])
    bw.write(scene, tmp_path / "out", to, **({"camera": "front"} if to in IN_PICTURES else {}))
    consume(tmp_path / "out", True, to)


@pytest.mark.parametrize("name", ["n" * 5000, "é" * 4097, "\\u00e9" * 4097])
@pytest.mark.parametrize("before", [0, 63_000, 65_500, 70_000])
def test_names_of_fields_longer_than_a_name_may_be(tmp_path, name, before):
    """They were read as attributes of COCO, and made files of Darwin and Labelbox that could not be read again."""
    victim = Victim("coco_videos", tmp_path / "in")
    raw = victim.good["street.json"].decode().replace('{"videos"', '{"info": "' + "x" * before + '", "videos"')
    for said, is_refused in ((name, True), (name[: len(name) // 4097 * 4096] if len(name) != 5000 else name[:4096], False)):
        victim.put("street.json", raw.replace('"colour"', f'"{said}"').encode())
        if is_refused:
            with pytest.raises(bw.LimitError, match=r"street\.json: a key: more text characters than allowed: expected at most 4,096"):
                bw.read(victim.path)
        else:
            track = bw.read(victim.path).image_tracks[0]
            assert max(map(len, (*track.attributes, *track.keyframe_attributes[0]))) == 4096
