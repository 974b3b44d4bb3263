"""What a scene holds, and what is odd about it."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import boxwright as bw
from boxwright.summary import scene_facts
from formats_scenes import MemoryData, full_scene

STEP = 100_000_000


def odd(scene):
    return {oddity["kind"]: oddity for oddity in scene_facts(scene)["oddities"]}


def track(track_id="1", category="car", frames=(0, 1, 2), center=(9.0, 2.0, 1.0), size=(4.5, 1.8, 1.5), times=None, **more):
    times = np.arange(9, dtype=np.int64) * STEP if times is None else times
    n = len(frames)
    cuboids = bw.Cuboids(np.tile(center, (n, 1)), np.tile(size, (n, 1)), np.full(n, 0.4), frame="lidar")
    return bw.Track(track_id, category, times[list(frames)], cuboids, **more)


def scene(tracks=(), times=None, sweeps=None, **more):
    times = np.arange(9, dtype=np.int64) * STEP if times is None else times
    data = MemoryData(sweeps or {})
    return bw.Scene("s", times, {"lidar": bw.Lidar("lidar")}, tracks=list(tracks), data=data, label_frame="lidar", **more)


def test_a_plain_scene_is_not_odd():
    sweep = bw.Sweep(np.array([[3.0, 0, 0], [0, 40.0, 0]]))
    facts = scene_facts(scene([track()], sweeps={(2, "lidar"): sweep}))
    assert facts["oddities"] == []
    (lidar,) = facts["lidars"]
    assert (lidar["frames_with_sweeps"], lidar["range_in_first_m"]) == ([(2, 2)], [3.0, 40.0])


def test_each_oddity_is_told():
    """Each planted alone."""
    times = np.arange(9, dtype=np.int64) * STEP
    late = times + np.where(np.arange(9) > 4, 3 * STEP, 0)
    assert odd(scene(times=late))["irregular_times"]["n"] == 1
    assert scene_facts(scene(times=late))["gaps"] == [{"after_frame": 4, "duration_s": pytest.approx(0.4)}]
    gone = track(frames=(0, 2, 5), visibility=[0, 2, 0])
    assert odd(scene([gone, track("2")]))["gaps"]["sentence"] == "gaps in 1 of 2 tracks, such as '1'"
    assert "length 9.00 m" in odd(scene([track(size=(9.0, 1.8, 1.5))]))["sizes"]["sentence"]
    assert not odd(scene([track(category="zeppelin")]))  # a note of the reader tells of it, and is_known
    sweep = bw.Sweep(np.array([[3.0, 0, 0], [np.nan, 1, 1]]))
    found = odd(scene([track()], sweeps={(0, "lidar"): sweep}))
    assert set(found) == {"non_finite_points", "out_of_range"}
    assert found["out_of_range"]["n"] == 3
    assert found["non_finite_points"]["sentence"] == "1 of 2 points of lidar's first sweep are not finite"
    lying = bw.Cuboids([[9, 2, 1]], [[4.5, 1.8, 1.5]], quat_wxyz=[[0.8, 0.6, 0, 0]], frame="lidar")
    assert set(odd(scene([bw.Track("1", "car", times[:1], lying)]))) == {"steep"}
    jump = bw.Trajectory(times[:3], [bw.Pose.from_yaw(0.1, (x, 0, 0)) for x in (0, 1, 500)])
    assert set(odd(scene(trajectory=jump))) == {"ego_jumps", "frames_without_pose"}


def test_a_picture_of_another_size_is_odd(rng, tmp_path):
    made = full_scene(rng)
    assert "picture" not in odd(made)
    bw.write(made, tmp_path / "s")
    (tmp_path / "s/scene.json").write_text((tmp_path / "s/scene.json").read_text().replace('"width_px": 48', '"width_px": 50'))
    assert "expected 50 x 32 pixels, as its calibration has it, got 48 x 32" in odd(bw.read(tmp_path / "s"))["picture"]["sentence"]


@pytest.mark.parametrize(
    ("start_ns", "said"),
    [(1_700_000_000_123_456_789, "2023-11-14T22:13:20.123Z"), (0, None), (315_966_253_660_000_000, None), (-5, None)],
)
def test_dates_where_they_are_plausible(start_ns, said):
    """Argoverse 2's stamps are no time since 1970: as a date they would be of 1980."""
    facts = scene_facts(scene(times=start_ns + np.arange(3) * STEP))
    assert (facts["start_utc"], facts["start_ns"]) == (said, start_ns)
    assert facts["rate_hz"] == pytest.approx(10)


def test_a_scene_of_nothing():
    facts = scene_facts(bw.Scene("empty", np.zeros(0, np.int64)))
    assert (facts["n_frames"], facts["oddities"], facts["classes"], facts["rate_hz"], facts["start_ns"]) == (0, [], {}, None, None)


def test_glances_agree_with_what_is_read(real_data):
    """What the table of a dataset's scenes shows is what reading them gives."""
    for folder in ("kitti_object", "kitti_tracking", "dgp", "sustechpoints", "openlabel/osdar23", "openlabel/examples", "cvat_video_xml", "mot"):
        for entry in list(bw.scenes(real_data / folder))[: 12 if "openlabel" in folder else 3]:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                read = entry.read(strict=False)
            seen = entry.glance()
            assert seen["n_frames"] in (None, len(read)), entry
            if folder.startswith("kitti"):
                assert seen["n_labels"] == sum(int((t.visibility != bw.Visibility.OUTSIDE).sum()) for t in read.tracks)
            if folder in ("cvat_video_xml", "mot"):
                n_shown = sum(int((t.visibility != bw.Visibility.OUTSIDE).sum()) for t in read.image_tracks)
                assert (seen["n_tracks"], seen["n_labels"]) == (len(read.image_tracks), n_shown)
                continue
            assert seen["n_tracks"] in ((len(read.tracks),) if folder == "kitti_tracking" else (None, len(read.tracks))), entry


def test_glances_at_damage_say_nothing(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/scene.json").write_text("{")
    for name in ("label_02", "calib"):
        (tmp_path / "k" / name).mkdir(parents=True)
    (tmp_path / "k/label_02/0000.txt").write_bytes(b"\xff x\n1\n")
    for place in ("a", "k"):
        assert set(bw.scenes(tmp_path / place)[0].glance().values()) == {None}
