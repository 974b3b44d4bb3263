"""What a scene is made of is looked at when it is made: every field of another kind is refused in one sentence that says what to do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import boxwright as bw
from boxwright.render import render_bev, render_cameras, render_overview

HERE = bw.Pose.identity()
LENS = bw.PinholeCamera(100, 80, 90, 90, 50, 40)
TOP, FRONT = bw.Lidar("top"), bw.CameraSensor("front", LENS, HERE)
POSES = bw.Trajectory([0, 9], [HERE, HERE])


def track(frame="world", **changes):
    fields = {"track_id": "a", "category": "car", "times_ns": [0, 9], "cuboids": bw.Cuboids(np.zeros((2, 3)), np.ones((2, 3)), 0.0, frame=frame)}
    return bw.Track(**{**fields, **changes})


def scene(**changes):
    fields = {"name": "s", "times_ns": [0, 9], "lidars": {"top": TOP}, "cameras": {"front": FRONT}, "trajectory": POSES, "tracks": [track()]}
    return bw.Scene(**{**fields, **changes})


def lidar(**changes):
    return bw.Lidar(**{"name": "top", **changes})


def camera(**changes):
    return bw.CameraSensor(**{"name": "front", "camera": LENS, "ego_from_cam": HERE, **changes})


def relation(**changes):
    return bw.Relation(**{"kind": "follows", "subject": "a", "object": "b", **changes})


BAD = [
    (lidar, {"name": 7}, "lidar.name: expected a text, got int 7"),
    (lidar, {"ego_from_lidar": np.eye(4)}, "lidar top.ego_from_lidar: expected a Pose, got ndarray"),
    (lidar, {"ego_from_lidar": None}, "lidar top.ego_from_lidar: expected a Pose, got NoneType None"),
    (lidar, {"origins_m": (0.0, 0.0, 0.1)}, "lidar top.origins_m: expected (N, 3) float array, got shape (3,); put it into a list of one"),
    (lidar, {"origins_m": [("x", 0, 0)]}, "lidar top.origins_m: expected (N, 3) float array"),
    (lidar, {"origins_m": [(np.nan, 0, 0)]}, "lidar top.origins_m: expected finite numbers"),
    (lidar, {"origins_m": ()}, "lidar top.origins_m: expected at least one place, got none"),
    (camera, {"name": None}, "camera.name: expected a text, got NoneType None"),
    (camera, {"camera": np.eye(3)}, "camera front.camera: expected a camera model such as PinholeCamera, got ndarray"),
    (camera, {"ego_from_cam": np.eye(4)}, "camera front.ego_from_cam: expected a Pose, got ndarray"),
    (camera, {"times_ns": [0.5, 1.5]}, "camera front.times_ns: expected (T,) int64 nanoseconds, got dtype float64"),
    (camera, {"times_ns": "now"}, "camera front.times_ns: expected (T,) int64 nanoseconds"),
    (relation, {"kind": None}, "relation.kind: expected a text, got NoneType None"),
    (relation, {"subject": 7}, "relation.subject: expected a text, got int 7; give a track's id"),
    (relation, {"object": track()}, "relation.object: expected a text, got Track"),
    (relation, {"span_ns": 5}, "relation.span_ns: expected two times, got int 5"),
    (relation, {"span_ns": (0,)}, "relation.span_ns: expected two times, the first not later, got (0,)"),
    (relation, {"span_ns": (9, 0)}, "relation.span_ns: expected two times, the first not later, got (9, 0)"),
    (relation, {"span_ns": (0, 1.5)}, "relation.span_ns: expected int64 nanoseconds, got float 1.5"),
    (track, {"track_id": 7}, "track 7.track_id: expected a text, got int 7; pass str(...)"),
    (track, {"category": None}, "track 'a'.category: expected a text, got NoneType None"),
    (track, {"attributes": ["red"]}, "track 'a'.attributes: expected a mapping, got list"),
    (track, {"source_attributes": None}, "track 'a'.source_attributes: expected a mapping, got NoneType None"),
    (scene, {"name": 7}, "scene.name: expected a text, got int 7"),
    (scene, {"times_ns": [0.0, 1.0]}, "scene.times_ns: expected (T,) int64 nanoseconds"),
    (scene, {"lidars": [TOP]}, "scene.lidars: expected a mapping of name to Lidar, got list"),
    (scene, {"lidars": {"top": FRONT}}, "scene.lidars['top']: expected a Lidar, got CameraSensor"),
    (scene, {"lidars": {"roof": TOP}}, "scene.lidars: expected the sensor called 'roof', got 'top'"),
    (scene, {"cameras": None}, "scene.cameras: expected a mapping of name to CameraSensor, got NoneType None"),
    (scene, {"cameras": {"front": LENS}}, "scene.cameras['front']: expected a CameraSensor, got PinholeCamera"),
    (scene, {"cameras": {"rear": FRONT}}, "scene.cameras: expected the sensor called 'rear', got 'front'"),
    (scene, {"trajectory": [HERE, HERE]}, "scene.trajectory: expected a Trajectory, or None, got list"),
    (scene, {"tracks": track()}, "tracks"),
    (scene, {"tracks": None}, "tracks"),
    (scene, {"data": {}}, "scene.data: expected an object with the methods points, image, has_points, has_image, got {}"),
    (scene, {"has_time": None}, "scene.has_time: expected True or False, got NoneType None"),
    (scene, {"label_frame": None}, "scene.label_frame: expected a frame's name, got NoneType None"),
    (scene, {"label_frame": "map", "tracks": []}, "scene.label_frame: expected one of world, ego, lidar, top, front, got 'map'"),
    (scene, {"label_frame": "lidar", "lidars": {}, "tracks": [track("lidar")]}, "scene.lidars: tracks in the LiDAR's frame need a LiDAR"),
    (scene, {"frame_ids": "01"}, "scene.frame_ids: expected a list of texts, got str '01'"),
    (scene, {"frame_ids": [0, 1]}, "scene.frame_ids[0]: expected a text, got int 0"),
    (scene, {"format": None}, "scene.format: expected a text, got NoneType None"),
    (scene, {"path": Path("here")}, "scene.path: expected a text, or None, got PosixPath"),
    (scene, {"tags": {"rain": True}}, "scene.tags: expected a list of Tags, got dict"),
    (scene, {"tags": ["rain"]}, "scene.tags[0]: expected a Tag, got str 'rain'"),
    (scene, {"source_attributes": 3}, "scene.source_attributes: expected a mapping, got int 3"),
    (scene, {"relations": relation()}, "scene.relations: expected a list of Relations, got Relation"),
    (scene, {"relations": [("follows", "a", "b")]}, "scene.relations[0]: expected a Relation, got tuple"),
    (scene, {"notes": "one note"}, "scene.notes: expected a list of texts, got str 'one note'"),
    (scene, {"notes": [None]}, "scene.notes[0]: expected a text, got NoneType None"),
    (scene, {"problems": ["bad"]}, "scene.problems[0]: expected a Problem, got str 'bad'"),
]


@pytest.mark.parametrize(("make", "changes", "message"), BAD, ids=[message[:60] for _, _, message in BAD])
def test_fields_of_another_kind(make, changes, message):
    make()
    with pytest.raises(bw.ArgumentError) as caught:
        make(**changes)
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert caught.value.hint


def test_what_may_be_given_in_other_ways():
    assert lidar(origins_m=np.zeros((2, 3))).origins_m == ((0.0, 0.0, 0.0),) * 2
    times = np.array([1, 3], np.int32)
    sensor = camera(times_ns=times)
    times[0] = 2
    assert sensor.times_ns.dtype == np.int64 and sensor.times_ns.tolist() == [1, 3]
    assert relation(span_ns=[np.int64(0), 9]).span_ns == (0, 9)
    assert scene(frame_ids=["a", "b"], notes=("one",), has_time=np.True_).frame_ids == ["a", "b"]
    assert scene(label_frame="top", tracks=[track("top")]).cuboids(0, "top").frame == "top"
    assert bw.Scene("labels to come", [0], label_frame="lidar").label_frame == "lidar"


@pytest.mark.parametrize("sensors", [{}, {"lidars": {"top": TOP}, "cameras": {"front": FRONT}}])
@pytest.mark.parametrize(
    "use",
    [
        render_bev,
        render_cameras,
        render_overview,
        lambda s: s.points(0),
        lambda s: s.has_points(0),
        lambda s: s.labels(0),
    ],
)
def test_a_scene_without_frames(use, sensors):
    with pytest.raises(bw.FrameMissing, match="scene 'none': the scene has no frames: got 0; read one that has"):
        use(bw.Scene("none", [], **sensors))


@pytest.mark.parametrize("range_m", ["far", -1, 0, np.nan, True])
def test_a_range_that_is_none(range_m):
    with pytest.raises(bw.ArgumentError, match="range_m: expected a positive number of metres, got"):
        render_bev(scene(), range_m=range_m)
