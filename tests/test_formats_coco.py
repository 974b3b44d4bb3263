"""COCO: numbers worked by hand, pycocotools where it is installed, and back to files without loss."""

from __future__ import annotations

import copy
import json
import sys
from dataclasses import replace

import numpy as np
import pytest

import boxwright as bw
from boxwright.certification.clients import ask_client
from boxwright.formats.images import image_bytes
from formats_scenes import full_scene

SIZE = {"width": 64, "height": 48}


def document(**more):
    """Two pictures with a box, two rings, a mask and keypoints, of no track."""
    labels = [
        {"id": 5, "image_id": 9, "category_id": 3, "bbox": [10, 20, 30.5, 8], "area": 244.0, "iscrowd": 0, "segmentation": [], "score": 0.5},
        {"id": 6, "image_id": 9, "category_id": 3, "bbox": [1, 2, 10, 5], "area": 13.5, "iscrowd": 0, "segmentation": [RING, [9, 4, 11, 4, 11, 7]]},
        {"id": 7, "image_id": 4, "category_id": 3, "bbox": [0, 1, 1, 2], "area": 2, "iscrowd": 1, "segmentation": RUNS},
        {"id": 8, "image_id": 4, "category_id": 8, "bbox": [2, 3, 9, 9], "area": 81, "iscrowd": 0, "num_keypoints": 2, "keypoints": POINTS},
    ]
    images = [{"id": 9, "file_name": "b.png", **SIZE, "license": 2}, {"id": 4, "file_name": "a.png", **SIZE}]
    kinds = [
        {"id": 3, "name": "car", "supercategory": "vehicle"},
        {"id": 8, "name": "person", "keypoints": ["nose", "hip", "toe"], "skeleton": [[1, 2], [2, 3]]},
    ]
    return copy.deepcopy({"info": {"year": 2026}, "licenses": [], "images": images, "annotations": labels, "categories": kinds} | more)


RING = [1, 2, 4, 2, 4, 6, 1, 6]
RUNS = {"size": [48, 64], "counts": [1, 2, 48 * 64 - 3]}
POINTS = [2, 3, 2, 11, 12, 1, 0, 0, 0]


def put(folder, content):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "street.json").write_text(json.dumps(content))
    return folder


def videos(**more):
    """One object in frames 0, 1 and 3 of one camera and one in the other, as boxwright writes them."""
    cameras = [{"id": 1, "name": "a/front", "scene": "a", "camera": "front"}, {"id": 2, "name": "a/rear", "scene": "a", "camera": "rear"}]
    images = [
        {"id": 10 * v + f, "video_id": v, "frame_id": f, "file_name": f"{v}/f{f}.jpg", "timestamp_ns": 100_000_000 * f + v, **SIZE}
        for v in (1, 2)
        for f in range(4)
    ]
    told = [(1, 10, 0), (2, 11, 1), (3, 13, 0), (4, 22, 0)]
    labels = [
        {
            "id": n,
            "image_id": image,
            "category_id": 1,
            "bbox": [n, 2, 10, 5],
            "segmentation": [],
            "attributes": {"track_id": "7@front" if image < 20 else "x", "occluded": bool(occluded), "colour": "red"},
        }
        for n, image, occluded in told
    ]
    return {"videos": cameras, "categories": [{"id": 1, "name": "car"}], "images": images, "annotations": labels} | more


def small(folder):
    """One label, for damage at every byte."""
    given = document()
    return put(folder, {"images": given["images"][:1], "annotations": given["annotations"][1:2], "categories": given["categories"][:1]})


def test_golden_numbers(tmp_path):
    scene = bw.read(put(tmp_path, document()))
    assert (scene.name, len(scene), scene.has_time, scene.frame_ids) == ("street", 2, False, ("b", "a"))
    assert scene.cameras["camera"].camera.size_px == (64, 48)
    box, rings, mask, points = scene.image_tracks
    np.testing.assert_array_equal(box.shapes.xyxy, [[9.5, 19.5, 40.0, 27.5]])
    np.testing.assert_array_equal(rings.shapes.rings(0)[0], [[0.5, 1.5], [3.5, 1.5], [3.5, 5.5], [0.5, 5.5]])
    assert len(rings.shapes.rings(0)) == 2 and rings.shapes.area_px2[0] == 12 + 3
    assert np.argwhere(mask.shapes.to_arrays()[0]).tolist() == [[1, 0], [2, 0]]  # column by column
    np.testing.assert_array_equal(points.shapes.uv[0, :2], [[2, 3], [11, 12]])  # pixels, not corners of pixels
    assert points.shapes.visibility.tolist() == [[0, 1, 2]]
    assert points.shapes.skeleton == bw.Skeleton(("nose", "hip", "toe"), ((0, 1), (1, 2)))
    assert [track.times_ns.tolist() for track in scene.image_tracks] == [[0], [0], [1], [1]]
    assert box.keyframe_source_attributes[0]["score"] == 0.5


def test_it_comes_back_as_it_was(tmp_path):
    given = document()
    scene = bw.read(put(tmp_path / "in", given))
    report = bw.write(scene, tmp_path / "out", "coco")
    assert (report.n_frames, report.n_tracks, report.n_labels, report.dropped, report.rounded) == (2, 4, 4, [], [])
    back = json.loads((tmp_path / "out/street.json").read_text())
    assert {key: back[key] for key in given if key != "annotations"} == {key: given[key] for key in given if key != "annotations"}
    for mine, theirs in zip(given["annotations"], back["annotations"], strict=True):
        theirs.pop("attributes")
        if mine["id"] == 7:  # its runs as a text
            assert theirs["segmentation"].pop("counts") == bw.Masks([RUNS["counts"]], 64, 48).to_coco()[0]
            mine["segmentation"].pop("counts", None)
        assert theirs | {"segmentation": theirs["segmentation"] or mine.get("segmentation", [])} == {"segmentation": []} | mine


def test_a_label_that_was_moved_has_a_new_box(tmp_path):
    """What the file said of it no longer holds."""
    scene = bw.read(put(tmp_path / "in", document()))
    rings = scene.image_tracks[1]
    moved = rings.replace(shapes=bw.Polygons([[ring + 20 for ring in rings.shapes.rings(0)]]))
    bw.write(scene.replace(image_tracks=[moved]), tmp_path / "out", "coco")
    (label,) = json.loads((tmp_path / "out/street.json").read_text())["annotations"]
    assert label["bbox"] == [21, 22, 10, 5] and label["id"] == 6


@pytest.mark.parametrize(
    ("moved", "box"),
    [
        (0, [10, 20, 30, 40]),  # as it was, one point outside of the person's box
        ([[1, 0], [0, 0]], [13.5, 22.5, 29, 28]),  # one is elsewhere, and the other outside
        ([[1, 0], [-9, 0]], [10, 20, 30, 40]),  # now both are inside
        ([[500, 0], [500, 0]], [512.5, 22.5, 30, 28]),  # somebody else's: the box around them
    ],
)
def test_the_box_of_a_person_is_not_that_of_keypoints(tmp_path, moved, box):
    rings, told = [[10, 20, 40, 20, 40, 60, 10, 60]], [12, 22, 2, 42, 50, 2, 7, 7, 0]
    label = {"id": 8, "image_id": 4, "category_id": 8, "bbox": [10, 20, 30, 40], "area": 1200, "segmentation": rings, "keypoints": told}
    scene = bw.read(put(tmp_path / "in", document(annotations=[label])))
    (track,) = scene.image_tracks
    uv = track.shapes.uv.copy()
    uv[0, :2] += moved
    track = track.replace(shapes=bw.Keypoints(uv, track.shapes.visibility, track.shapes.skeleton))
    report = bw.write(scene.replace(image_tracks=[track]), tmp_path / "out", "coco")
    (back,) = json.loads((tmp_path / "out/street.json").read_text())["annotations"]
    holds = box == [10, 20, 30, 40]
    assert back["bbox"] == box and back["segmentation"] == (rings if holds else []) and back["area"] == (1200 if holds else box[2] * box[3])
    assert any("the outlines of 1 object" in line for line in report.dropped) == (not holds)
    assert back["keypoints"] == [*uv[0, 0].tolist(), 2, *uv[0, 1].tolist(), 2, 0, 0, 0]


def test_videos_of_one_recording_are_cameras_of_one_scene(tmp_path):
    scene = bw.read(put(tmp_path / "in", videos()))
    assert (scene.name, [*scene.cameras], scene.frame_ids, scene.has_time) == ("a", ["front", "rear"], ("f0", "f1", "f2", "f3"), True)
    np.testing.assert_array_equal(scene.times_ns, np.arange(4) * 100_000_000 + 1)
    np.testing.assert_array_equal(scene.exposures_ns("rear"), np.arange(4) * 100_000_000 + 2)
    front, rear = scene.image_tracks
    assert (front.track_id, front.object_id, rear.track_id, rear.object_id) == ("7@front", "7", "x", None)
    assert front.at(scene.times_ns).is_valid.tolist() == [True, True, False, True]
    assert front.visibility.tolist() == [0, 1, 2, 0] and front.keyframe_attributes[0] == {"colour": "red"}
    np.testing.assert_array_equal(rear.shapes.xyxy, [[3.5, 1.5, 13.5, 6.5]])
    report = bw.write(scene, tmp_path / "out", "coco")
    assert not report.dropped and not report.rounded
    back = json.loads((tmp_path / "out/a.json").read_text())
    assert back["images"] == videos()["images"] and back["videos"] == videos()["videos"]
    assert [one["attributes"] for one in back["annotations"]] == [one["attributes"] for one in videos()["annotations"]]
    assert [one["bbox"] for one in back["annotations"]] == [one["bbox"] for one in videos()["annotations"]]


def test_the_scene_wins_over_kept_pictures(tmp_path):
    """Under another name and at other times a scene is a video of its own, and its pictures say so; the rest of what the file said of them stays."""
    given = videos()
    for one in (*given["videos"][:1], *given["images"][:4]):
        one["video_id" if "video_id" in one else "id"] = 7
    scene = bw.read(put(tmp_path / "in", given))
    moved = scene.replace(
        name="b",
        times_ns=scene.times_ns + 500,
        cameras={name: replace(one, times_ns=scene.exposures_ns(name) + 500) for name, one in scene.cameras.items()},
        image_tracks=[track.replace(times_ns=track.times_ns + 500) for track in scene.image_tracks],
    )
    bw.write(moved, tmp_path / "out", "coco")
    written = json.loads((tmp_path / "out/b.json").read_text())
    assert {one["video_id"] for one in written["images"]} == {one["id"] for one in written["videos"]}
    told = [{key: image[key] for key in ("id", "file_name", "frame_id")} for image in given["images"]]
    assert [{key: image[key] for key in told[0]} for image in written["images"]] == told
    back = bw.read(tmp_path / "out")
    assert (back.name, [*back.cameras], len(back)) == ("b", ["front", "rear"], 4)
    for name in ("front", "rear"):
        np.testing.assert_array_equal(back.exposures_ns(name), scene.exposures_ns(name) + 500)
    assert [track.track_id for track in back.image_tracks] == ["7@front", "x"]


def test_a_new_camera_beside_a_kept_one(tmp_path):
    """Its video has an id that no other has."""
    given = videos()
    given["videos"] = [{**given["videos"][0], "id": 2}]
    given["images"] = [{**image, "video_id": 2} for image in given["images"][:4]]
    given["annotations"] = given["annotations"][:3]
    scene = bw.read(put(tmp_path / "in", given))
    track = scene.image_tracks[0]
    rear = replace(scene.cameras["front"], name="rear")
    more = scene.replace(cameras={**scene.cameras, "rear": rear}, image_tracks=[track, track.replace(track_id="x", camera="rear")])
    bw.write(more, tmp_path / "out", "coco")
    assert [*bw.read(tmp_path / "out").cameras] == ["front", "rear"]


def test_pictures_of_a_scene_that_has_lost_its_times(tmp_path):
    scene = bw.read(put(tmp_path / "in", videos()))
    count = {int(stamp): i for i, stamp in enumerate(scene.times_ns)}
    front = scene.image_tracks[0]
    front = front.replace(times_ns=[count[int(stamp)] for stamp in front.times_ns])
    counted = scene.replace(has_time=False, times_ns=np.arange(4), cameras={"front": scene.cameras["front"]}, image_tracks=[front])
    bw.write(counted, tmp_path / "out", "coco")
    assert not any("timestamp_ns" in image for image in json.loads((tmp_path / "out/a.json").read_text())["images"])
    assert not bw.read(tmp_path / "out").has_time


def test_frames_that_the_file_numbered_with_gaps(tmp_path):
    """A frame that one camera has no picture of gets the number that the others have for it."""
    given = videos()
    for image in given["images"]:
        image["frame_id"] *= 10
    given["images"].remove(next(image for image in given["images"] if image["id"] == 21))
    scene = bw.read(put(tmp_path / "in", given))
    bw.write(scene, tmp_path / "out", "coco")
    written = json.loads((tmp_path / "out/a.json").read_text())["images"]
    assert [image["frame_id"] for image in written] == [0, 10, 20, 30] * 2
    assert len(bw.read(tmp_path / "out")) == 4


def test_labels_without_a_track_keep_what_was_said_of_them(tmp_path):
    """Hidden or not, turned, and which object it is; one of which nothing was said has no attributes more than it came with."""
    scene = bw.read(put(tmp_path / "in", document()))
    box, rings, *others = scene.image_tracks
    turned = bw.RotatedBoxes([[20.0, 20.0]], [[8.0, 4.0]], [0.25])
    changed = [box.replace(visibility=[bw.Visibility.OCCLUDED], object_id="lorry"), rings.replace(shapes=turned), *others]
    report = bw.write(scene.replace(image_tracks=changed), tmp_path / "out", "coco")
    assert not report.dropped
    labels = json.loads((tmp_path / "out/street.json").read_text())["annotations"]
    assert labels[0]["attributes"] == {"occluded": True, "object_id": "lorry"} and labels[2]["attributes"] == {}
    assert not any("track_id" in label for label in labels)
    back = bw.read(tmp_path / "out").image_tracks
    assert back[0].visibility.tolist() == [bw.Visibility.OCCLUDED] and back[0].object_id == "lorry"
    np.testing.assert_allclose(back[1].shapes.rotation_rad, [0.25], rtol=0, atol=1e-9)
    assert [track.source_attributes for track in back] == [{"coco": "single"}] * 4


def test_other_ways_to_name_a_track(tmp_path):
    """TAO's track_id and CocoVID's instance_id; each video is a scene where nobody says that it is a camera of one."""
    given = videos(videos=[{"id": 1, "name": "one"}, {"id": 2, "name": "two"}])
    for one, key in zip(given["annotations"], ("track_id", "instance_id", "track_id", "instance_id")):
        one.pop("attributes")
        one[key] = 7
    for image in given["images"]:
        image["frame_index"] = image.pop("frame_id")
    put(tmp_path, given)
    assert [entry.name for entry in bw.scenes(tmp_path)] == ["one", "two"]
    one, two = (entry.read() for entry in bw.scenes(tmp_path))
    assert [track.track_id for track in one.image_tracks] == ["7"] and len(one.image_tracks[0]) == 4
    assert len(two.image_tracks) == 1 and two.image_tracks[0].object_id is None


def test_parts_that_overlap_are_one_mask(tmp_path):
    """COCO's rings are parts; what two of them cover is inside."""
    labels = [{"id": 1, "image_id": 9, "category_id": 3, "bbox": [1, 1, 4, 4], "segmentation": [[1, 1, 4, 1, 4, 4, 1, 4], [2, 2, 5, 2, 5, 5, 2, 5]]}]
    (track,) = bw.read(put(tmp_path, document(annotations=labels))).image_tracks
    assert track.shapes.KIND == "mask" and track.shapes.area_px.tolist() == [9 + 9 - 4]


def test_pictures_of_several_sizes(tmp_path):
    given = document()
    given["images"][1] |= {"width": 50, "height": 70}
    given["annotations"] = given["annotations"][:1]
    put(tmp_path / "in", given)
    (tmp_path / "in/a.png").write_bytes(image_bytes(np.full((70, 50, 3), 7, np.uint8)))
    (tmp_path / "in/b.png").write_bytes(image_bytes(np.full((48, 64, 3), 9, np.uint8)))
    scene = bw.read(tmp_path / "in", format="coco")
    assert scene.cameras["camera"].camera.size_px == (64, 70) and any("2 sizes" in note for note in scene.notes)
    assert [scene.image(i, "camera").shape for i in range(2)] == [(48, 64, 3), (70, 50, 3)]
    bw.write(scene, tmp_path / "out", "coco")
    assert json.loads((tmp_path / "out/street.json").read_text())["images"] == given["images"]


def test_a_mask_has_the_size_of_its_own_picture(tmp_path):
    """Pictures of two sizes: COCO's readers refuse a mask of another size than its picture."""
    given = document()
    given["images"][1] |= {"width": 8, "height": 6}
    given["annotations"] = [{**given["annotations"][2], "bbox": [0, 1, 1, 2], "segmentation": {"size": [6, 8], "counts": [1, 2, 45]}}]
    scene = bw.read(put(tmp_path / "in", given), format="coco")
    assert scene.cameras["camera"].camera.size_px == (64, 48)
    report = bw.write(scene, tmp_path / "out", "coco")
    assert report.rounded == [] and report.dropped == []
    (label,) = json.loads((tmp_path / "out/street.json").read_text())["annotations"]
    assert label["segmentation"]["size"] == [6, 8] and label["bbox"] == [0, 1, 1, 2]
    (back,) = bw.read(tmp_path / "out").image_tracks
    assert np.argwhere(back.shapes.to_arrays()[0]).tolist() == [[1, 0], [2, 0]]


def test_names_do_not_lead_out_of_the_dataset(tmp_path):
    given = document()
    given["images"][0]["file_name"] = "../../secret.png"
    (tmp_path / "secret.png").write_bytes(image_bytes(np.full((48, 64, 3), 7, np.uint8)))
    put(tmp_path / "x/in", given)
    assert not bw.read(tmp_path / "x/in").has_image(0, "camera")


def test_one_id_for_many_labels(tmp_path):
    """Their names grew by a mark each, to thousands of marks."""
    given = document()
    given["annotations"] = [given["annotations"][0] | {"id": 8} for _ in range(300)]
    names = [track.track_id for track in bw.read(put(tmp_path, given)).image_tracks]
    assert len(set(names)) == 300 and max(map(len, names)) < 40 and names[0] == "label 8"


def test_a_picture_whose_name_no_system_takes_is_not_there(tmp_path):
    given = document()
    given["images"][0]["file_name"] = "9" * 5000
    scene = bw.read(put(tmp_path, given))
    assert not any(scene.has_image(i, name) for name in scene.cameras for i in range(len(scene)))


def test_cuboids_become_boxes_that_find_their_way_back(rng, tmp_path):
    """What each camera sees of them, under a name that tells the object; an edited file gives them back so."""
    scene = full_scene(rng)
    report = bw.write(scene, tmp_path / "out", "coco")
    seen = {track.track_id: track for track in bw.project_tracks(scene, occlusion=False).image_tracks()}
    assert seen and any("became" in note for note in report.notes)
    file = tmp_path / "out/clip 1.json"
    edited = json.loads(file.read_text())
    for one in edited["annotations"]:
        one["bbox"][0] += 1
    file.write_text(json.dumps(edited))
    back = bw.read(tmp_path / "out")
    assert {track.track_id for track in back.image_tracks} == set(seen)
    for track in back.image_tracks:
        mine = seen[track.track_id]
        assert track.object_id == mine.object_id and track.object_id in {one.track_id for one in scene.tracks}
        there = mine.at(track.times_ns)
        np.testing.assert_allclose(track.shapes.xyxy, there.shapes.xyxy[there.is_valid] + (1, 0, 1, 0), rtol=0, atol=2e-9)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"image_id": 77}, "the id of a picture"),
        ({"category_id": 77}, "the id of a category"),
        ({"bbox": [1, 2, -3, 4]}, "a width and a height from 0"),
        ({"bbox": [1, 2, 3]}, "4 numbers"),
        ({"bbox": [1, 2, 3, 1e9]}, "under 1e+07 px"),
        ({"segmentation": [[1, 2, 3, 4]]}, "three pairs"),
        ({"segmentation": {"size": [64, 48], "counts": [3072]}}, r"[48, 64], height and width"),
        ({"segmentation": {"size": [48, 64], "counts": [3071]}}, "add up to 64 x 48"),
        ({"segmentation": {"size": [48, 64], "counts": "\x7f"}}, "letters from"),
        ({"keypoints": [1, 2]}, "three numbers for each point"),
        ({"keypoints": [1, 2, 3]}, "0, 1 or 2"),
        ({"track_id": [1]}, "as the track's id"),
    ],
)
def test_bad_labels(tmp_path, change, told):
    """Refused with their place; kept aside in lenient reading, and what is good stays."""
    given = document()
    given["annotations"][0] |= change
    put(tmp_path, given)
    with pytest.raises(bw.FormatError) as caught:
        bw.read(tmp_path)
    assert told in str(caught.value) and "annotations[0]" in str(caught.value) and "street.json" in str(caught.value)
    scene = bw.read(tmp_path, strict=False)
    assert len(scene.problems) == 1 and len(scene.image_tracks) == 3


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools' own
def test_masks_agree_with_pycocotools(rng, tmp_path):
    """Every shape's pixels and box, as the dataset's own tools make them of what is written."""
    coco = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed (extra 'peers')")
    pixels = rng.random((48, 64)) < 0.3
    shapes = {"mask": bw.Masks.from_arrays(pixels[None]), "rings": bw.Polygons([[[0.5, 1.5], [30.5, 1.5], [30.5, 22.5], [0.5, 22.5]]])}
    tracks = [bw.ImageTrack(name, "car", "front", [0], shape) for name, shape in shapes.items()]
    camera = bw.CameraSensor("front", bw.UncalibratedCamera(64, 48))
    bw.write(bw.Scene("a", [0], cameras={"front": camera}, image_tracks=tracks, label_frame="front"), tmp_path / "out", "coco")
    read = coco.COCO(str(tmp_path / "out/a.json"))
    mask, rings = read.loadAnns(read.getAnnIds())
    np.testing.assert_array_equal(read.annToMask(mask).astype(bool), pixels)
    theirs = np.argwhere(read.annToMask(rings))
    assert theirs.min(axis=0).tolist() == [2, 1] and theirs.max(axis=0).tolist() == [22, 30] and rings["bbox"] == [1, 2, 30, 21]


@pytest.mark.peers
def test_pycocotools_reads_single_pictures(tmp_path):
    """Labels without a track are each their own, and frames are counted."""
    pytest.importorskip("pycocotools", reason="pycocotools is not installed (extra 'peers')")
    scene = bw.read(put(tmp_path / "in", document()))
    bw.write(scene, tmp_path / "out", "coco")
    reading = ask_client("coco", "pycocotools", sys.executable, tmp_path / "out")
    assert reading.error is None and reading.knows == {"shapes", "video", "classes"}
    assert reading.shapes.frame.tolist() == [0, 0, 1, 1] and reading.shapes.cameras == ["camera"] * 4
    assert reading.shapes.track_ids == ["label 5", "label 6", "label 7", "label 8"]
    np.testing.assert_array_equal(reading.shapes.xyxy[0], [9.5, 19.5, 40.0, 27.5])
    areas = scene.replace(image_tracks=scene.image_tracks[:3])  # a box of keypoints is the file's own, which need not be the tightest
    _, theirs = bw.certify(areas, "coco", client_python=sys.executable).readings
    assert theirs.read_with.startswith("pycocotools") and not theirs.reasons


@pytest.mark.peers
def test_pycocotools_holds_keypoints_of_a_larger_object(tmp_path):
    """Its reading is of the points, whatever box is told beside them."""
    pytest.importorskip("pycocotools")
    label = {"id": 8, "image_id": 4, "category_id": 8, "bbox": [1, 1, 40, 30], "segmentation": [], "keypoints": POINTS}
    certificate = bw.certify(bw.read(put(tmp_path / "in", document(annotations=[label]))), "coco", tmp_path / "out")
    assert certificate.holds, certificate.reasons
    assert len(certificate.readings) == 2
    assert json.loads((tmp_path / "out/street.json").read_text())["annotations"][0]["bbox"] == [1, 1, 40, 30]


def test_a_file_is_known_whatever_else_came_with_it(tmp_path):
    """What else stands at its top was written before the lists, and where it was long nobody knew the file again."""
    put(tmp_path / "in", {**document(), "told": "x" * 200_000})
    bw.write(bw.read(tmp_path / "in"), tmp_path / "out", "coco")
    (file,) = (tmp_path / "out").iterdir()
    assert bw.scenes(tmp_path / "out").format == "coco" and len(json.loads(file.read_text())["told"]) == 200_000
