"""Laws of the rules on labels, and their vectorised maths against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import boxwright as bw
import naive
import traffic
from boxwright.checks.context import Context
from boxwright.checks.courses import jumps
from boxwright.checks.curves import REACH, fitted, middles_rad, neighbours
from boxwright.checks.rules_pairs import meetings

FEW = settings(max_examples=12, deadline=None)


@pytest.fixture(scope="module")
def faulty() -> bw.Scene:
    """Some of everything."""
    scene = traffic.traffic(9, 40, seed=5)
    scene = traffic.changed(scene, 0, 12, shift=(0.3, 0.2, 0))
    scene = traffic.changed(scene, 1, 20, turn_rad=0.3)
    scene = traffic.changed(scene, 2, slice(8, 14), turn_rad=np.pi)
    scene = traffic.changed(scene, 4, 30, factor=1.2)
    scene = traffic.changed(scene, 5, slice(25, None), shift=(4.0, 3.0, 0))
    scene = traffic.replaced(scene, traffic.without(scene.tracks[6], 10, 11))
    return scene.replace(tracks=[*scene.tracks, scene.tracks[7].replace(track_id="twin")])


def outcome(scene: bw.Scene) -> set[tuple]:
    """What is found, about which tracks, where, and how much."""
    names = {track.track_id: k for k, track in enumerate(scene.tracks)}
    found = bw.check(scene, rules="labels")
    return {(one.rule, one.frame_index, one.last_frame_index, tuple(sorted(names[t] for t in one.track_ids)), round(one.value, 3)) for one in found}


def test_there_is_something_to_keep(faulty):
    assert {one[0] for one in outcome(faulty)} >= {
        "outlier_position",
        "outlier_heading",
        "heading_flip",
        "size_change",
        "jump",
        "gap",
        "duplicate_track",
    }


@FEW
@given(yaw=st.floats(-3.1, 3.1), x=st.floats(-1e5, 1e5), y=st.floats(-1e5, 1e5), z=st.floats(-100, 100))
def test_where_the_world_begins_is_all_one(faulty, yaw, x, y, z):
    pose = bw.Pose.from_yaw(yaw, (x, y, z))
    tracks = [track.replace(cuboids=track.cuboids.transformed(pose, frame="world")) for track in faulty.tracks]
    trajectory = bw.Trajectory(faulty.times_ns, [pose @ faulty.trajectory[i] for i in range(len(faulty))])
    assert outcome(faulty.replace(tracks=tracks, trajectory=trajectory)) == outcome(faulty)


@FEW
@given(order=st.permutations(range(10)), prefix=st.text(max_size=5))
def test_names_and_order_of_tracks_are_all_one(faulty, order, prefix):
    tracks = [faulty.tracks[k].replace(track_id=f"{prefix}{n}") for n, k in enumerate(order)]
    back = dict(enumerate(order))
    found = {(r, a, b, tuple(sorted(back[t] for t in some)), v) for r, a, b, some, v in outcome(faulty.replace(tracks=tracks))}
    assert found == outcome(faulty)


@FEW
@given(shift_ns=st.integers(-(10**18), 10**18))
def test_when_time_begins_is_all_one(faulty, shift_ns):
    times = faulty.times_ns + shift_ns
    tracks = [track.replace(times_ns=track.times_ns + shift_ns) for track in faulty.tracks]
    poses = [faulty.trajectory[i] for i in range(len(faulty))]
    assert outcome(faulty.replace(times_ns=times, tracks=tracks, trajectory=bw.Trajectory(times, poses))) == outcome(faulty)


# ------------------------------------------------------------ plain twins


def rows(rng: np.random.Generator, n: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    span = np.sort(rng.integers(0, 6, n))
    return span, np.cumsum(rng.uniform(0.05, 0.3, n)), rng.normal(0, 2, (n, 3))


@pytest.mark.parametrize("seed", range(5))
def test_curves_are_those_of_plain_least_squares(seed):
    rng = np.random.default_rng(seed)
    span, time_s, values = rows(rng)
    near = neighbours(span, time_s)
    used = near.is_there & (rng.random(near.is_there.shape) < 0.8)
    for order in (1, 2, 3):
        curves = fitted(near, values, used, order, np.ones(len(span), bool))
        for k in range(len(span)):
            wanted = naive.curve_around(span, time_s, values, used[k], k, order, REACH)
            if wanted is None:
                assert np.isnan(curves.coefficients[k]).all()
            else:
                np.testing.assert_allclose(curves.coefficients[k] / near.step_s[k] ** np.arange(order + 1)[:, None], wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_angles_are_those_of_unwrapped_ones(seed):
    rng = np.random.default_rng(seed)
    span, time_s, _ = rows(rng)
    smooth = np.cumsum(rng.normal(0, 0.2, len(span)))
    near = neighbours(span, time_s)
    middle, apart = middles_rad(near, (smooth + np.pi) % (2 * np.pi) - np.pi, near.is_there)
    straight = smooth[near.row]
    off = (middle[:, None] + apart[:, :, 0] - straight) / (2 * np.pi)
    np.testing.assert_allclose(np.where(near.is_there, off - np.round(off), 0), 0, atol=1e-12)
    turns = np.where(near.is_there, np.round(off), np.round(off)[:, REACH : REACH + 1])
    assert (turns == turns[:, REACH : REACH + 1]).all()


@pytest.mark.parametrize("seed", range(3))
def test_jumps_are_those_of_plain_lines(seed):
    rng = np.random.default_rng(seed)
    span, time_s, values = rows(rng)
    found, _, _ = jumps(span, time_s, values)
    wanted = [naive.jump_before(span, time_s, values, k) for k in range(len(span))]
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-8)


def test_meetings_are_all_pairs_that_meet():
    rng = np.random.default_rng(8)
    scene = traffic.traffic(12, 12, seed=2)
    near = [
        track.replace(cuboids=track.cuboids.replace(center_m=track.cuboids.center_m * [0.01, 0.3, 0] + rng.uniform(0, 4, (1, 3))))
        for track in scene.tracks
    ]
    context = Context(scene.replace(tracks=near), bw.Profile())
    found, all_rows = meetings(context), context.rows
    told = {(int(a), int(b)): iou for a, b, iou in zip(found.a, found.b, found.iou)}
    wanted = naive.cuboids_that_meet(all_rows.cuboids, all_rows.index, 0.2)
    assert told.keys() == wanted.keys() and len(told) > 30
    np.testing.assert_allclose([told[key] for key in wanted], list(wanted.values()), atol=1e-9)
    pairs = [(int(all_rows.track[a]), int(all_rows.track[b])) for a, b in zip(found.a[found.bounds[:-1]], found.b[found.bounds[:-1]])]
    assert len(pairs) == len(set(pairs))
