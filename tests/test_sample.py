"""The sample clip: it is what the simulator makes, it can be read, and its inputs are what a person might have done."""

from __future__ import annotations

import json

import numpy as np
import pytest

import boxwright as bw
from boxwright import sample
from boxwright.formats.sample_clip import SAMPLE_FRAMES, SAMPLE_SEED, read_clicks, sample_scene, write_sample
from boxwright.simulation.inputs import EVERY, MIN_CLICK_POINTS, human_inputs

FOLDER = sample.sample_folder()


@pytest.fixture(scope="module")
def remade() -> bw.Scene:
    return sample_scene()


@pytest.fixture(scope="module")
def clip() -> bw.Scene:
    return bw.read(FOLDER / "clip")


@pytest.fixture(scope="module")
def truth() -> bw.Scene:
    return bw.read(FOLDER / "truth")


def test_it_is_a_few_megabytes():
    sizes = [file.stat().st_size for file in FOLDER.rglob("*") if file.is_file()]
    assert sum(sizes) < 7_000_000
    assert max(sizes) < 1_500_000


def test_the_clip_is_a_recording_without_labels(clip):
    assert len(clip) == SAMPLE_FRAMES and not clip.tracks and clip.trajectory is not None
    assert isinstance(clip.cameras["rear"].camera, bw.FisheyeCamera)
    for i in range(len(clip)):
        assert clip.has_points(i) and all(clip.has_image(i, name) for name in clip.cameras)


def test_the_rear_camera_ends_where_its_pictures_do(clip):
    camera = clip.cameras["rear"].camera
    uv = np.stack(np.meshgrid(np.arange(300.0), np.arange(300.0)), -1)
    off_axis = np.arccos(camera.rays(uv.reshape(-1, 2))[:, 2]).reshape(300, 300)
    levels = clip.image(20, "rear").astype(int).sum(2)
    assert np.median(levels[np.isnan(off_axis)]) == 0 and levels[np.isnan(off_axis)].mean() < 10
    assert (levels[off_axis < camera.max_angle_rad - 0.03] > 60).mean() > 0.98


def keyed(sweep: bw.Sweep) -> dict[tuple[int, int], tuple[int, ...]]:
    """(time, beam) -> millimetres and intensity"""
    rows = np.c_[np.rint(np.asarray(sweep.xyz, np.float64) * 1000), sweep.intensity].astype(int).tolist()
    keys = zip(sweep.time_offset_ns.tolist(), sweep.fields["ring"].tolist(), strict=True)
    return dict(zip(keys, map(tuple, rows), strict=True))


def test_remade_points_are_the_saved_points(clip, remade):
    """To the millimetre; one ray in ten thousand may fall to the other side of an edge where a machine rounds sines otherwise."""
    for i in range(SAMPLE_FRAMES):
        saved, made = keyed(clip.points(i)), keyed(remade.points(i))
        same = sum(made.get(key) == row for key, row in saved.items())
        assert same >= len(saved) - 3 and abs(len(made) - len(saved)) <= 3, i


def test_remade_pictures_are_the_saved_pictures_but_for_jpeg(clip, remade):
    for i in (0, 20, SAMPLE_FRAMES - 1):
        for name in clip.cameras:
            saved, made = clip.image(i, name).astype(int), remade.image(i, name).astype(int)
            assert saved.shape == made.shape
            assert np.abs(saved - made).mean() < 5
            assert np.abs(saved.mean((0, 1)) - made.mean((0, 1))).max() < 1.5


def test_remade_sensors_and_poses_are_the_saved_ones(clip, remade):
    assert np.array_equal(clip.times_ns, remade.times_ns)
    assert np.abs(clip.trajectory.translation_m - remade.trajectory.translation_m).max() < 1e-9
    for name, sensor in clip.cameras.items():
        assert sensor.camera == remade.cameras[name].camera
        assert np.array_equal(sensor.times_ns, remade.cameras[name].times_ns)


def test_saved_truth_is_exact(truth, remade):
    assert [track.track_id for track in truth.tracks] == [track.track_id for track in remade.tracks]
    for saved, made in zip(truth.tracks, remade.tracks, strict=True):
        assert saved.category == made.category
        assert np.array_equal(saved.times_ns, made.times_ns)
        assert np.abs(saved.cuboids.center_m - made.cuboids.center_m).max() < 1e-9
        assert np.abs(saved.cuboids.size_m - made.cuboids.size_m).max() < 1e-9
        assert np.abs(saved.cuboids.quat_wxyz - made.cuboids.quat_wxyz).max() < 1e-9
        assert (saved.visibility == made.visibility).mean() > 0.95


def test_saved_inputs_are_the_remade_ones(remade):
    clicks, keyframes = human_inputs(remade, SAMPLE_SEED)
    saved_clicks, saved = read_clicks(FOLDER / "inputs" / "clicks.json"), bw.read(FOLDER / "inputs").tracks
    assert [(c.frame_index, c.category, c.track_id) for c in saved_clicks] == [(c.frame_index, c.category, c.track_id) for c in clicks]
    assert np.abs(np.array([c.point_m for c in saved_clicks]) - [c.point_m for c in clicks]).max() < 0.0021
    assert [(t.track_id, len(t)) for t in saved] == [(t.track_id, len(t)) for t in keyframes]
    for one, other in zip(saved, keyframes, strict=True):
        assert np.abs(one.cuboids.center_m - other.cuboids.center_m).max() < 0.0011


def test_every_object_has_an_input_of_one_kind(truth):
    clicked = {click.track_id for click in read_clicks(FOLDER / "inputs" / "clicks.json")}
    drawn = {track.track_id for track in bw.read(FOLDER / "inputs").tracks}
    assert not clicked & drawn
    assert clicked | drawn == {track.track_id for track in truth.tracks}
    assert len(clicked) >= 10 and len(drawn) >= 10


def test_clicks_are_near_what_they_mean(truth, remade):
    for click in read_clicks(FOLDER / "inputs" / "clicks.json"):
        track_index = truth.track_index[click.track_id]
        own = remade.points(click.frame_index).xyz[remade.data.point_track_index(click.frame_index) == track_index]
        assert len(own) >= MIN_CLICK_POINTS
        assert np.linalg.norm(own - np.array(click.point_m), axis=1).min() < 0.2
        assert click.category == truth.tracks[track_index].category


def test_keyframes_are_sparse_and_nearly_right(truth):
    for track in bw.read(FOLDER / "inputs").tracks:
        exact = truth.track(track.track_id)
        which = np.searchsorted(exact.times_ns, track.times_ns)
        assert np.array_equal(exact.times_ns[which], track.times_ns)
        assert len(track) <= len(exact) // EVERY + 3
        off = np.linalg.norm((track.cuboids.center_m - exact.cuboids.center_m[which])[:-1], axis=1)
        assert (off < 0.2).all()
        turn = np.abs(np.angle(np.exp(1j * (track.cuboids.yaw_rad - exact.cuboids.yaw_rad[which]))))[:-1]
        assert (turn < 0.07).all()
        assert track.cuboids.is_upright.all()
        assert (track.visibility == exact.visibility[which]).all()


def test_the_whole_sample_is_written_at_once_or_not_at_all(tmp_path, monkeypatch):
    made = bw.simulate(SAMPLE_SEED, 2, n_columns=80, image_scale=0.1)
    monkeypatch.setattr("boxwright.formats.sample_clip.sample_scene", lambda: made)
    write_sample(tmp_path / "sample")
    assert bw.read(tmp_path / "sample" / "clip").points(1).xyz.tolist() == made.points(1).xyz.tolist()
    assert len(bw.read(tmp_path / "sample" / "truth").tracks) == len(made.tracks)
    monkeypatch.setattr("boxwright.formats.sample_clip.json_text.dumps", lambda *a: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_sample(tmp_path / "broken")
    assert [p.name for p in tmp_path.iterdir()] == ["sample"]


def test_a_sample_that_is_not_there_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(sample, "__file__", str(tmp_path / "a" / "b" / "sample.py"))
    with pytest.raises(bw.FrameMissing, match="sample data is not there"):
        sample.sample_folder()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"format": "something"}, "format"),
        ({"version": 2}, "version"),
        ({"frame": "world"}, "frame"),
        ({"clicks": [{"frame_index": 0, "point_m": [1, 2], "category": "car", "track_id": "a"}]}, "point_m"),
        ({"clicks": [{"frame_index": 0.5, "point_m": [1, 2, 3], "category": "car", "track_id": "a"}]}, "frame_index"),
        ({"clicks": [{"point_m": [1, 2, 3], "category": "car", "track_id": "a"}]}, "frame_index"),
    ],
)
def test_clicks_that_are_not_as_they_should_be(tmp_path, change, field):
    good = {"format": "boxwright-clicks", "version": 1, "frame": "lidar", "clicks": []}
    file = tmp_path / "clicks.json"
    file.write_text(json.dumps(good))
    assert read_clicks(file) == []
    file.write_text(json.dumps(good | change))
    with pytest.raises(bw.FormatError, match=field):
        read_clicks(file)
