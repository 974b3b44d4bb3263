"""Keyframes of a whole track snapped to their points at the moment of the stamp: laws, bad input, the simulator's truth."""

from __future__ import annotations

import numpy as np
import pytest

import boxwright as bw
import street


@pytest.fixture(scope="module")
def motorway():
    return bw.simulate(301, 8, scenery="motorway", n_beams=32, n_columns=900)


def rough(track, rng, sigma_m=0.15):
    off = np.c_[rng.normal(0, sigma_m, (len(track), 2)), np.zeros(len(track))]
    return track.replace(cuboids=track.cuboids.replace(center_m=track.cuboids.center_m + off))


def errors(scene, rng, **how):
    """Distance from the truth of fits that rest on 30 points, of what drives faster than 10 m/s."""
    found = []
    for track in scene.tracks:
        if len(track) < 5 or np.linalg.norm(track.cuboids.center_m[-1] - track.cuboids.center_m[0]) < 1.0 * (len(track) - 1):
            continue
        done = bw.refit_track(scene, rough(track, rng), **how)
        seen = [k for k, fit in enumerate(done.fits) if fit is not None and len(fit.point_index) >= 30]
        found.append(np.linalg.norm((done.track.cuboids.center_m - track.cuboids.center_m)[seen, :2], axis=1))
    return np.concatenate(found)


def test_motion_during_the_sweep_is_taken_out(motorway):
    """A tenth of a second is 2 to 3 m of way here; fitted where the points lie, a cuboid is off by a good part of it."""
    own, plain = (errors(motorway, np.random.default_rng(1), own_time=flag) for flag in (True, False))
    assert len(own) >= 40
    assert np.median(own) < 0.25
    assert np.median(own) < 0.5 * np.median(plain)


def test_what_stands_is_fitted_alike_with_and_without():
    scene = street.scene()
    track = scene.track("parked")
    with_time, without = (bw.refit_track(scene, track, own_time=flag).track for flag in (True, False))
    np.testing.assert_allclose(with_time.cuboids.center_m, without.cuboids.center_m, atol=1e-9)
    np.testing.assert_allclose(with_time.cuboids.size_m, without.cuboids.size_m, atol=1e-9)
    assert (with_time.origin == bw.Origin.FIT).any()


def test_keyframes_that_cannot_be_fitted_stay_as_they_are():
    scene = street.scene()
    track = scene.track("driving")
    codes = track.visibility.copy()
    codes[-1] = bw.Visibility.OUTSIDE
    between = track.times_ns.copy()
    between[1] += 1
    given = track.replace(visibility=codes, times_ns=between, keyframe_attributes=[{"k": k} for k in range(len(track))])
    done = bw.refit_track(scene, given)
    for k in (1, len(track) - 1):
        assert done.fits[k] is None
        assert done.track.origin[k] == given.origin[k]
        np.testing.assert_array_equal(done.track.cuboids.center_m[k], given.cuboids.center_m[k])
    assert list(done.track.keyframe_attributes) == list(given.keyframe_attributes)
    assert bw.refit_track(scene.replace(data=bw.Scene("a", [0]).data), track).fits == (None,) * len(track)


def test_only_the_frames_asked_for_are_fitted_and_what_is_known_is_heeded():
    scene = street.scene()
    track = scene.track("parked")
    every = bw.refit_track(scene, track)
    some = bw.refit_track(scene, track, frames=[1, -1])
    for k in range(len(track)):
        wanted = every.track if k in (1, len(track) - 1) else track
        np.testing.assert_array_equal(some.track.cuboids.center_m[k], wanted.cuboids.center_m[k])
        assert (some.fits[k] is None) == (k not in (1, len(track) - 1))
    size = track.cuboids.size_m[1] + (0.3, 0, 0)
    told = bw.refit_track(scene, track, frames=[1], size_prior=size, face_margin_m=0.2)
    assert abs(told.fits[1].cuboid.size_m[0] - size[0]) < abs(some.fits[1].cuboid.size_m[0] - size[0])
    with pytest.raises(bw.FrameMissing):
        bw.refit_track(scene, track, frames=[99])


def test_another_world_frame_changes_nothing():
    scene = street.scene()
    pose = bw.Pose.from_yaw(0.7, (400.0, -90.0, 3.0))
    moved = scene.replace(
        trajectory=bw.Trajectory(scene.trajectory.times_ns, [pose @ scene.world_from_ego(int(t)) for t in scene.trajectory.times_ns]),
        tracks=[track.replace(cuboids=track.cuboids.transformed(pose, frame="world")) for track in scene.tracks],
    )
    here, there = (bw.refit_track(one, "driving").track.cuboids for one in (scene, moved))
    back = there.transformed(pose.inverse(), frame="world")
    off = np.linalg.norm(back.center_m - here.center_m, axis=1)
    assert np.median(off) < 0.02  # cells of the ground lie otherwise


def test_bad_input():
    scene = street.scene()
    with pytest.raises(bw.ArgumentError, match="n_passes"):
        bw.refit_track(scene, "driving", n_passes=0)
    with pytest.raises(bw.UnknownName):
        bw.refit_track(scene, "nobody")
    with pytest.raises(bw.UnknownName):
        bw.refit_track(scene, "driving", category="no such class")
