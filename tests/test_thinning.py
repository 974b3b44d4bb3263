"""Dense labels made sparse."""

from __future__ import annotations

import math

import numpy as np
import pytest

import boxwright as bw
from boxwright.interpolation import METHODS

T0, STEP = 1_700_000_000_000_000_000, 100_000_000


def dense(center, yaw, **more):
    n = len(center)
    cuboids = bw.Cuboids(center, np.tile([4.5, 1.9, 1.6], (n, 1)), np.broadcast_to(yaw, n), frame="world")
    return bw.Track("a", "car", T0 + STEP * np.arange(n), cuboids, **more)


def drive(rng, n=80):
    """A car that speeds up, brakes and turns, past the half turn."""
    yaw = 3.0 + np.cumsum(np.interp(np.arange(n), np.linspace(0, n, 6), rng.normal(0, 0.03, 6)))
    speed = np.clip(np.cumsum(rng.normal(0, 0.15, n)) + 8, 0, 20)
    return dense(np.cumsum(np.column_stack([speed * np.cos(yaw), speed * np.sin(yaw), 0 * yaw]) * 0.1, axis=0), yaw)


def worst(track, few):
    """(metres, radians, metres of size) by which what the few keyframes give back is off, one label after the other."""
    far = turned = grown = 0.0
    for k, stamp in enumerate(track.times_ns):
        if track.visibility[k] == bw.Visibility.OUTSIDE:
            continue
        filled = few.at([stamp])
        assert filled.is_valid[0] and filled.visibility[0] == track.visibility[k]
        far = max(far, math.dist(filled.cuboids.center_m[0], track.cuboids.center_m[k]))
        grown = max(grown, np.abs(filled.cuboids.size_m[0] - track.cuboids.size_m[k]).max())
        turn = filled.cuboids.rotation[0].T @ track.cuboids.rotation[k]
        turned = max(turned, math.acos(min(1.0, (np.trace(turn) - 1) / 2)))
    return far, turned, grown


@pytest.mark.parametrize("tolerance_m", [0.02, 0.1, 0.5])
@pytest.mark.parametrize("methods", [None, *[[method] for method in METHODS]], ids=str)
def test_every_label_comes_back_and_no_keyframe_is_one_too_many(rng, tolerance_m, methods):
    track = drive(rng)
    few = bw.thin(track, tolerance_m, math.radians(2), methods=methods)
    far, turned, grown = worst(track, few)
    assert far <= tolerance_m * (1 + 1e-9) and turned <= math.radians(2) + 1e-7 and grown == 0
    assert 2 <= len(few) < len(track) and np.isin(few.times_ns, track.times_ns).all()
    for k in range(1, len(few) - 1):  # taking any one away breaks it
        less = few.take(np.arange(len(few)) != k)
        far, turned, _ = worst(track, less)
        assert far > tolerance_m or turned > math.radians(2)


def test_the_fewest_of_all_curves(rng):
    track = drive(rng)
    each = {method: len(bw.thin(track, methods=[method])) for method in METHODS}
    best = bw.thin(track)
    assert len(best) == min(each.values()) == each[best.method]
    straight = dense(np.arange(30)[:, None] * [1.0, 0.5, 0.0], 0.46, method="pchip")
    assert bw.thin(straight).method == "pchip" and len(bw.thin(straight)) == 2  # all are good enough: its own stays


def test_nothing_is_given_for_a_curve_that_gives_all(rng):
    straight = dense(np.arange(16)[:, None] * [1.0, 0.5, 0.0], 0.25)
    assert len(bw.thin(straight, 1e-9, 1e-9)) == 2
    rough = dense(rng.normal(0, 5, (12, 3)), rng.uniform(-3, 3, 12))
    assert len(bw.thin(rough, 0.0, 0.0)) == 12
    one = dense(np.zeros((1, 3)), 0.0)
    assert len(bw.thin(one)) == 1


def test_what_no_curve_gives_back_stays():
    n = 30
    visibility = np.zeros(n, np.uint8)
    visibility[8:12], visibility[20] = bw.Visibility.OCCLUDED, bw.Visibility.OUTSIDE
    attributes = [{"door": "shut"} if i == 0 else {"door": "open"} if i == 15 else {"lights": True} if i in (15, 16) else {} for i in range(n)]
    track = dense(np.arange(n)[:, None] * [1.0, 0, 0], 0.0, visibility=visibility, keyframe_attributes=attributes)
    few = bw.thin(track)
    assert ((few.times_ns - T0) // STEP).tolist() == [0, 8, 12, 15, 16, 19, 20, 21, 29]
    far, _, _ = worst(track, few)
    assert far < 1e-9
    for k, stamp in enumerate(track.times_ns):
        assert few.at([stamp]).attributes == track.at([stamp]).attributes, k


def test_sizes_count(rng):
    track = dense(np.zeros((10, 3)), 0.0)
    size = np.tile([4.5, 1.9, 1.6], (10, 1))
    size[4, 0] += 0.3
    track = track.replace(cuboids=bw.Cuboids(track.cuboids.center_m, size, np.zeros(10), frame="world"))
    assert len(bw.thin(track, 0.4)) == 2
    few = bw.thin(track, 0.1)
    assert T0 + 4 * STEP in few.times_ns and worst(track, few)[2] <= 0.1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"tolerance_m": -1}, "tolerance_m: expected a number from 0, got -1"),
        ({"tolerance_rad": math.nan}, "tolerance_rad: expected a number from 0, got nan"),
        ({"tolerance_m": "0.1"}, "tolerance_m: expected a number from 0, got '0.1'"),
        ({"methods": []}, r"methods: expected a list of methods, got \[\]"),
        ({"methods": "makima"}, "methods: expected a list of methods, got 'makima'"),
    ],
)
def test_bad_input(given, said):
    with pytest.raises(bw.ArgumentError, match=said):
        bw.thin(dense(np.zeros((3, 3)), 0.0), **given)
    with pytest.raises(bw.UnknownName, match="methods: no such interpolation"):
        bw.thin(dense(np.zeros((3, 3)), 0.0), methods=["bezier"])


def test_sixteen_frames_a_keyframe_on_real_labels(real_data):
    """Within 0.1 m and 3 degrees, over all labels of the Argoverse 2 logs there are."""
    n_labels = n_keyframes = 0
    for log in sorted(path.parent for path in (real_data / "av2" / "sensor").rglob("annotations.feather")):
        for track in bw.read(log).tracks:
            few = bw.thin(track, methods=["makima"])
            n_labels += int((track.visibility != bw.Visibility.OUTSIDE).sum())
            n_keyframes += int((few.visibility != bw.Visibility.OUTSIDE).sum())
    assert n_labels > 20_000 and n_labels / n_keyframes >= 16
