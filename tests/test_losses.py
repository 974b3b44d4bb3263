"""What a writer's report says is lost, against what a certificate finds lost when it is read back: they tell the same."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path

import numpy as np
import pytest

import boxwright as bw
from boxwright.certification.told import Loss, lost, n_untold
from boxwright.formats import _WRITERS
from boxwright.formats.declared import FIELDS
from boxwright.formats.write_report import Told
from formats_scenes import full_scene

ONE_CAMERA = ("cvat_video", "mot")
OF_PICTURES = (*ONE_CAMERA, "darwin", "labelbox", "label_studio", "coco")


def labelled(rng) -> bw.Scene:
    """Every field of a scene, with labels in the pictures of one camera that are objects of cuboids, by their names or not."""
    scene = full_scene(rng)
    at = scene.exposures_ns("front")
    tracks = [
        bw.ImageTrack("7/front", "car", "front", at[[0, 2]], bw.Boxes([[1, 2, 11, 12], [3, 2, 13, 12]]), attributes={"colour": "red"}, object_id="7"),
        bw.ImageTrack("by hand", "person", "front", at[:2], bw.Boxes([[20, 3, 25, 20], [21, 3, 26, 20]]), visibility=[0, 1], object_id="x y"),
    ]
    return scene.replace(image_tracks=tracks)


def certified(scene: bw.Scene, format: str) -> bw.Certificate:
    return bw.certify(scene, format, **({"camera": "front"} if format in ONE_CAMERA else {}))


def told(report: bw.WriteReport) -> str:
    return "\n".join([*report.dropped, *report.rounded, *report.missing, *report.notes])


@pytest.mark.parametrize("format", list(_WRITERS))
def test_reports_tell_what_certificates_find(rng, format):
    certificate = certified(labelled(rng), format)
    assert certificate.holds, certificate.reasons
    for one in certificate.readings[0].lost:
        assert not one.n_untold, (one, told(certificate.report))
    lines = [*certificate.report.dropped, *certificate.report.rounded, *certificate.report.missing]
    assert all(line.fields <= FIELDS.keys() for line in lines)


@pytest.mark.parametrize("format", OF_PICTURES)
def test_what_is_not_lost_is_not_told(format):
    """One camera whose frames are named and timed as the format does it: only what the format lacks is told."""
    times = np.arange(4) * 40_000_000
    names = [str(i + (format == "mot")) for i in range(4)]
    track = bw.ImageTrack("1", "car", "front", times, bw.Boxes([[1, 2, 11, 12]] * 4))
    camera = bw.CameraSensor("front", bw.UncalibratedCamera(48, 32))
    scene = bw.Scene("clip", times, cameras={"front": camera}, image_tracks=[track], label_frame="front", frame_ids=tuple(names))
    certificate = certified(scene, format)
    lost = [one.field for one in certificate.readings[0].lost]
    assert lost == (["times"] if format in ("cvat_video", "labelbox") else [])
    assert [*certificate.report.dropped, *certificate.report.rounded] == ["when each frame was: frames are numbered"] * len(lost)


@pytest.mark.parametrize("format", OF_PICTURES)
def test_boxes_of_cuboids_bring_no_attributes_that_are_lost(rng, format):
    """How much of a box lies outside is ours, and worked out again: nobody gave it, and nobody loses it."""
    scene = full_scene(rng)
    scene = scene.replace(tracks=[track.replace(attributes={}, keyframe_attributes=()) for track in scene.tracks])
    certificate = bw.certify(scene, format, camera="round")
    assert certificate.readings[0].shapes[0].n_given > 0
    assert "attributes" not in {one.field for one in certificate.readings[0].lost}
    assert "attribute" not in told(certificate.report)


# ------------------------------------------------------------ which track in pictures is which object


@pytest.mark.parametrize(("format", "n_lost"), [("coco", 0), ("labelbox", 0), ("label_studio", 0), ("cvat_video", 0), ("darwin", 0), ("mot", 2)])
def test_links_to_objects_come_back(rng, tmp_path, format, n_lost):
    """By the names of tracks or by an attribute; what no field tells is told to be lost."""
    scene = labelled(rng)
    options = {"camera": "front"} if format in ONE_CAMERA else {}
    report = bw.write(scene, tmp_path / "out", format, **options)
    back = bw.read(tmp_path / "out", format=format)
    links = {track.track_id: track.object_id for track in back.image_tracks}
    kept = {"7/front": "7"} | ({} if n_lost else {"by hand": "x y"})
    if format == "mot":
        assert set(links.values()) == {None}
    else:
        assert {name: links[name] for name in kept} == kept
        assert not any("object_id" in track.attributes for track in back.image_tracks)
    assert [line for line in report.dropped if f"the links of {n_lost} track" in line] or not n_lost


@pytest.mark.parametrize("place", ["kitti_tracking", "dgp"])
@pytest.mark.parametrize("format", ["coco", "labelbox", "label_studio", "darwin"])
def test_links_of_recordings_come_back(real_data, tmp_path, place, format):
    """Boxes of KITTI and DGP are called "<object>/<camera>"."""
    scene = bw.read(real_data / place, scene=bw.scenes(real_data / place)[0])
    links = {track.track_id: track.object_id for track in scene.image_tracks if track.object_id is not None}
    assert links
    report = bw.write(scene, tmp_path / "out", format)
    back = {track.track_id: track.object_id for track in bw.read(tmp_path / "out", format=format).image_tracks}
    written = links.keys() & back.keys()
    assert written and {name: back[name] for name in written} == {name: links[name] for name in written}
    assert not any("links of" in line for line in report.dropped)


@pytest.mark.parametrize("format", ["darwin", "labelbox", "label_studio"])
@pytest.mark.parametrize(("method", "step_ns"), [("linear", 40), ("hold", 40), ("linear", 50)])
def test_keyframes_where_lines_are_straight(tmp_path, format, method, step_ns):
    """Between two keyframes in four counted frames, 40 ns apart, the last perhaps 50; otherwise every frame becomes a keyframe, and is told."""
    times = np.array([0, 40, 80, 80 + step_ns])
    boxes = bw.Boxes([[1, 2, 11, 12], [4, 2, 14, 12]])
    track = bw.ImageTrack("1", "car", "front", times[[0, 3]], boxes, method=method)
    camera = bw.CameraSensor("front", bw.UncalibratedCamera(48, 32))
    scene = bw.Scene("clip", times, cameras={"front": camera}, image_tracks=[track], label_frame="front", has_time=False)
    is_kept = (method, step_ns) == ("linear", 40)
    report = bw.write(scene, tmp_path / "out", format)
    back = bw.read(tmp_path / "out", format=format)
    assert np.searchsorted(back.times_ns, back.image_tracks[0].times_ns).tolist() == ([0, 3] if is_kept else [0, 1, 2, 3])
    assert any("1 track of other curves" in line for line in report.rounded) == (not is_kept)


OF_CUBOIDS = [name for name, said in bw.capabilities().items() if said.can_write("cuboids")]


@pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")
@pytest.mark.parametrize("format", OF_CUBOIDS)
def test_labels_that_a_file_says_were_filled_in(tmp_path, format):
    """A keyframe in every frame, the middle one FILLED: it comes back so, or a sentence tells."""
    times = np.arange(3) * 100_000_000
    cuboids = bw.Cuboids([[5.0, 1, 0.8], [5.5, 1, 0.8], [6.0, 1, 0.8]], [[4.1, 1.8, 1.5]] * 3, 0.3, frame="lidar")
    track = bw.Track("0", "Car", times, cuboids, origin=[0, 4, 0])
    scene = bw.Scene("0000", times, {"lidar": bw.Lidar("lidar")}, tracks=[track], label_frame="lidar")
    if format == "argoverse2":
        cuboids = bw.Cuboids(cuboids.center_m, cuboids.size_m, 0.3, frame="ego")
        scene = scene.replace(tracks=[track.replace(cuboids=cuboids)], label_frame="ego")
    report = bw.write(scene, tmp_path / "out", format)
    back = bw.read(tmp_path / "out", scene=bw.scenes(tmp_path / "out")[0])
    stays = {track.origin[1:2].tolist() == [4] for track in back.tracks} == {True}
    assert stays or any("keyframes" in line for line in report.dropped), (report.dropped, [track.origin for track in back.tracks])


OF_POSES = [name for name, said in bw.capabilities().items() if said.can_write("poses")]


@pytest.mark.parametrize("format", OF_POSES)
def test_poses_between_the_frames_stay_or_are_told(rng, tmp_path, format):
    scene = full_scene(rng)
    times = np.sort(np.append(scene.times_ns, scene.times_ns[1] + 1_000_003))
    scene = scene.replace(trajectory=bw.Trajectory(times, [scene.trajectory.at(int(stamp)) for stamp in times]))
    report = bw.write(scene, tmp_path / "out", format)
    back = bw.read(tmp_path / "out", format=format)
    since = back.trajectory.times_ns - back.times_ns[0]
    stays = bool((np.abs(since - (scene.times_ns[1] - scene.times_ns[0] + 1_000_003)) < 1000).any())
    assert stays != any("1 pose of the vehicle between the frames" in line for line in report.dropped), (since, report.dropped)


# ------------------------------------------------------------ what a sentence excuses


def test_sentences_excuse_what_they_are_about():
    """By names, by numbers, or all of it; what is dropped excuses everything, what is rounded only what came back less exactly."""
    report = bw.WriteReport("made", Path())
    gone = [lost("1", "red"), lost("2", "blue"), lost("3", "blue", is_less=True), lost("4")]
    assert n_untold(gone, "attributes", report) == 4
    report.dropped.append(Told("attributes", "of blue", ["blue"]))
    assert n_untold(gone, "attributes", report) == 2 and n_untold(gone, "classes", report) == 4
    report.dropped.append(Told("attributes classes", "one more", n=1))
    assert n_untold(gone, "attributes", report) == 1 and n_untold(gone, "classes", report) == 3
    report.rounded.append(Told("attributes classes", "texts"))
    assert n_untold(gone, "attributes", report) == 1 and n_untold(gone, "classes", report) == 2
    report.dropped.append(Told("attributes", "all"))
    assert n_untold(gone, "attributes", report) == 0
    report.missing.append(Told("classes", "what the scene does not have excuses nothing"))
    assert n_untold(gone, "classes", report) == 2


def test_all_that_is_wrong_with_a_label_has_to_be_told():
    report = bw.WriteReport("made", Path(), dropped=[Told("attributes", "colour", ["colour"])])
    both = (Loss(frozenset(["1", "colour"])), Loss(frozenset(["1", "speed"])))
    assert n_untold([both], "attributes", report) == 1 and n_untold([both[:1]], "attributes", report) == 0


def test_sentences_are_texts_that_travel():
    told = Told("tags times", "two tags", ["a"], 2)
    for back in (pickle.loads(pickle.dumps(told)), copy.deepcopy(told)):
        assert back == "two tags" and (back.fields, back.of, back.n) == (told.fields, told.of, told.n)
    assert json.dumps([told]) == '["two tags"]'
