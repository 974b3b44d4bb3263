"""Where the next keyframe is worth most: where points contradict the curve, and where nothing tells."""

from __future__ import annotations

import numpy as np
import pytest

import boxwright as bw
import street
from formats_scenes import MemoryData


@pytest.fixture(scope="module")
def street_scene():
    scene = street.scene()
    return scene.replace(data=MemoryData({(i, "lidar"): scene.points(i) for i in range(len(scene))}))


def test_points_off_the_curve_come_first(street_scene):
    """The middle keyframe of what drives is drawn 0.6 m off; what stands and was drawn right has nothing to ask for."""
    parked, driving = street_scene.track("parked").take([0, 5]), street_scene.track("driving").take([0, 5])
    center = driving.cuboids.center_m.copy()
    center[1, 1] += 1.2
    wrong = driving.replace(cuboids=driving.cuboids.replace(center_m=center))
    advice = bw.advise(street_scene, [parked, wrong])
    assert [row.track_id for row in advice] == ["driving", "parked"]
    assert advice[0].score_m > 0.3 and "off the curve" in advice[0].reason and advice[0].frame_index in (3, 4)
    assert advice[1].score_m <= 0.05
    assert advice[0].timestamp_ns == street_scene.times_ns[advice[0].frame_index]


def test_where_no_sweep_is_the_longer_gap_comes_first_and_its_middle(street_scene):
    bare = street_scene.replace(data=MemoryData({}))
    track = street_scene.track("driving").take([0, 4, 5])
    (long,) = bw.advise(bare, track)
    assert long.frame_index == 2 and "no sweep" in long.reason
    shorter = street_scene.track("driving").take([0, 2, 5])
    assert bw.advise(bare, shorter)[0].frame_index in (3, 4)
    still = bw.advise(bare, street_scene.track("parked").take([0, 5]))
    assert still[0].score_m < long.score_m


def test_what_has_no_gap_needs_nothing(street_scene):
    assert bw.advise(street_scene) == ()
    assert bw.advise(street_scene, street_scene.track("parked").take([0])) == ()
    gone = street_scene.track("parked").take([0, 1, 5]).replace(visibility=[0, bw.Visibility.OUTSIDE, 0])
    assert bw.advise(street_scene, gone) == ()
    with pytest.raises(bw.UnknownName, match="no such track"):
        bw.advise(street_scene, "nobody")


def test_a_table_and_progress(street_scene):
    ticks = []
    sparse = [track.take([0, 5]) for track in street_scene.tracks]
    advice = bw.advise(street_scene.replace(tracks=sparse), progress=lambda: ticks.append(1))
    assert len(ticks) == 3 and len(advice) == 3
    table = advice.to_pandas()
    assert list(table.columns) == ["track_id", "frame_index", "timestamp_ns", "score_m", "reason"]
    assert (np.diff(table.score_m) <= 0).all()
    assert advice.to_arrow().num_rows == 3


def test_an_advised_keyframe_takes_away_more_error_than_one_anywhere():
    """The simulator's moving tracks with a true keyframe every fifteenth frame."""
    scene = bw.simulate(13, 31, n_beams=32, n_columns=800)
    moving = [track for track in scene.tracks if np.hypot(*np.ptp(track.cuboids.center_m[:, :2], axis=0)) > 0.5]
    sparse = {track.track_id: track.take(track.visibility != bw.Visibility.OUTSIDE).keyframes_every(15) for track in moving}
    advice = bw.advise(scene, sparse.values())
    worst, taken = [], []
    for row in advice:
        true, few = scene.track(row.track_id), sparse[row.track_id]
        k = int(np.searchsorted(few.times_ns, row.timestamp_ns))
        gap = true.times_ns[(true.times_ns > few.times_ns[k - 1]) & (true.times_ns < few.times_ns[k])]
        without = off_m(few, true, gap)
        worst.append(without.max())
        each = [without.sum() - off_m(true.take(np.isin(true.times_ns, [*few.times_ns, stamp])), true, gap).sum() for stamp in gap]
        taken.append((each[int(np.searchsorted(gap, row.timestamp_ns))], np.mean(each)))
    third = len(worst) // 3
    assert third >= 4 and np.mean(worst[:third]) > 2 * np.mean(worst[-third:])
    advised, anywhere = np.mean(taken[:third], axis=0)
    assert advised > 1.1 * anywhere


def off_m(track, true, stamps):
    a, b = track.at(stamps).cuboids, true.at(stamps).cuboids
    turn = (a.yaw_rad - b.yaw_rad + np.pi) % (2 * np.pi) - np.pi
    return np.linalg.norm(np.column_stack([(a.center_m - b.center_m)[:, :2], turn * b.size_m[:, 0] / 2]), axis=1)


def test_the_frame_is_chosen_whose_keyframe_leaves_least(street_scene):
    """Of a curve whose points lie off it early in the gap, and surely so, a keyframe is asked for early; where nothing tells, in the middle."""
    from boxwright.advice import _left_m

    track = street_scene.track("driving").take([0, 5])
    frames, sure = np.arange(1, 5), 1e-6 * np.eye(4)
    early = np.column_stack([[0.0, 0, 0, 0], [0.6, 0.3, 0.1, 0.05], np.zeros(4)])
    assert np.argmin(_left_m(street_scene, track, 0, frames, early, sure)) < 2
    assert np.argmin(_left_m(street_scene, track, 0, frames, early[::-1], sure)) >= 2
    seconds = 0.1 * frames
    unknown = np.outer(seconds * (0.5 - seconds), seconds * (0.5 - seconds)) * np.exp(-((seconds[:, None] - seconds) ** 2))
    assert np.argmin(_left_m(street_scene, track, 0, frames, np.zeros((4, 3)), unknown)) in (1, 2)
