"""The convention doctor: planted faults are found and named, sound data have none, and what cannot be told is said to be so."""

from __future__ import annotations

import json
import math
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import boxwright as bw
from boxwright.batching.windows import window
from boxwright.diagnosis import FAULTS, Presence, examine, fits
from boxwright.diagnosis.evidence import gathered
from boxwright.diagnosis.trials import at_least
from boxwright.rotations import quat_from_yaw, quat_multiply
from boxwright.sample import sample_folder
from boxwright.simulation.chance import Chance
from test_cli import run

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
accuracy_doctor = pytest.importorskip("accuracy_doctor", reason="benchmarks/ is not beside the tests")
doctor_drives = pytest.importorskip("doctor_drives", reason="benchmarks/ is not beside the tests")
doctor_parts = pytest.importorskip("doctor_parts", reason="benchmarks/ is not beside the tests")

__all__ = ["run"]

UNSEEN_IN_SAMPLE = {"swapped_cameras"}  # no two cameras are alike


@pytest.fixture(scope="module")
def sample() -> bw.Scene:
    try:
        clip, truth = (bw.read(sample_folder(), scene=name) for name in ("clip", "truth"))
    except bw.FrameMissing:
        pytest.skip("the sample data is not there")
    whole = clip.replace(tracks=truth.tracks, image_tracks=truth.image_tracks)
    return window(whole, 20, 36)  # of 41 frames; while the vehicle turns, so that headings show


def test_sound_data_have_no_fault(sample):
    diagnosis = bw.doctor(sample)[0]
    assert [one.fault for one in diagnosis] == list(FAULTS)
    assert diagnosis.found == []
    for one in diagnosis:
        assert one.saw and not one.change and bool(one.wanted) == (one.presence == Presence.UNDECIDABLE)
        assert (one.sureness == 0) == (one.presence == Presence.UNDECIDABLE)


@pytest.mark.parametrize("fault", [name for name in FAULTS if name not in UNSEEN_IN_SAMPLE])
def test_a_planted_fault_is_found_and_named(sample, fault):
    diagnosis = examine(accuracy_doctor.planted(sample, fault))
    assert [one.fault for one in diagnosis.found] == [fault], [str(one) for one in diagnosis]
    assert diagnosis[fault].change and diagnosis[fault].sureness >= 0.5


like = accuracy_doctor.like
ADVICE = {
    "quaternion_xyzw": ("read quaternions as x, y, z, w", lambda c: like(c, quat=c.quat_wxyz[:, [3, 0, 1, 2]])),
    "size_hwl": ("exchange what is taken for length and for height", lambda c: like(c, size=c.size_m[:, [2, 1, 0]])),
    "size_wlh": ("exchange what is taken for length and for width", lambda c: like(c, size=c.size_m[:, [1, 0, 2]])),
    "left_handed": ("negate y and yaw", lambda c: like(c, center=c.center_m * (1, -1, 1), quat=c.quat_wxyz * (1, -1, 1, -1))),
    "yaw_sign": ("negate every yaw", lambda c: like(c, quat=c.quat_wxyz * (1, -1, 1, -1))),
    "yaw_zero_axis": ("add +90 degrees to every yaw", lambda c: like(c, quat=quat_multiply(c.quat_wxyz, quat_from_yaw(np.full(len(c), np.pi / 2))))),
    "bottom_centre": ("raise every centre by half the height", lambda c: like(c, center=c.center_m + (0, 0, 0.5) * c.size_m)),
}


@pytest.mark.parametrize("fault", ADVICE)
def test_what_is_told_to_change_mends_it(sample, fault):
    """The words of the advice, done to the labels as they lie about the sensor."""
    words, change = ADVICE[fault]
    wrong = accuracy_doctor.planted(sample, fault)
    assert words in examine(wrong)[fault].change
    mended = examine(accuracy_doctor.relabelled(wrong, change))
    assert not mended.found and mended[fault].presence == Presence.ABSENT


def test_what_is_told_to_change_mends_clocks(sample):
    wrong = accuracy_doctor.planted(sample, "clock_offset")
    seconds = float(re.search(r"add ([-+][\d.]+) s to the stamps of the sweeps", examine(wrong)["clock_offset"].change)[1])
    poses = wrong.trajectory
    earlier = bw.Trajectory(poses.times_ns - round(seconds * 1e9), [poses[i] for i in range(len(poses))])
    assert examine(accuracy_doctor.with_trajectory(wrong, earlier))["clock_offset"].presence == Presence.ABSENT


def test_sizes_in_doubt_say_nothing_of_headings():
    """Cuboids half as large lie within cars, and hold points where they are turned across."""
    scene = doctor_drives.Drive("car park", "off by 0.1 m, 3 degrees", n_beams=16, has_cameras=False).scene(9414)
    diagnosis = examine(doctor_parts.VARIATIONS["half sizes"].plant(scene))
    assert not diagnosis.found and "times as large" in diagnosis["yaw_zero_axis"].saw


def test_a_fault_of_some_objects_is_not_two_faults():
    """Cars turned by a quarter: turning everything back and negating it too fits no better than turning it alone."""
    scene = doctor_drives.Drive("street", "off by 0.1 m, 3 degrees", n_beams=16, height_m=0.9).scene(9401)
    variation = doctor_parts.VARIATIONS["a quarter turn, the usual class"]
    assert {one.fault for one in examine(variation.plant(scene)).found} <= variation.names


@pytest.mark.parametrize(
    "faults",
    [
        ("yaw_sign", "yaw_zero_axis"),
        ("left_handed", "yaw_zero_axis"),
        ("left_handed", "bottom_centre"),
        ("left_handed", "degrees"),
        ("clock_offset", "yaw_sign"),
        ("quaternion_xyzw", "scaled_intrinsics"),
    ],
)
def test_two_faults_at_once(sample, faults):
    scene = sample
    for fault in reversed(faults):
        scene = accuracy_doctor.planted(scene, fault)
    assert {one.fault for one in examine(scene).found} == set(faults)


def test_a_fault_hides_another(sample):
    """Sizes in another order move bottoms: what is found is the cause, and the rest is not guessed at."""
    diagnosis = examine(accuracy_doctor.planted(accuracy_doctor.planted(sample, "bottom_centre"), "size_hwl"))
    assert "size_hwl" in {one.fault for one in diagnosis.found}
    assert {one.fault for one in diagnosis.found} <= {"size_hwl", "bottom_centre"}


def test_labels_that_came_through_an_inverted_camera(sample):
    """They lie where no points are; that is one cause, and one finding."""
    scene = accuracy_doctor.planted(sample, "inverted_extrinsic")
    shift = np.array([0.0, 60.0, 25.0])
    moved = accuracy_doctor.relabelled(scene, lambda c: bw.Cuboids(c.center_m + shift, c.size_m, quat_wxyz=c.quat_wxyz, frame=c.frame))
    near = accuracy_doctor.relabelled(moved, lambda c: bw.Cuboids(c.center_m * (0.3, 0.3, 1), c.size_m, quat_wxyz=c.quat_wxyz, frame=c.frame))
    diagnosis = examine(near)
    assert [one.fault for one in diagnosis.found] == ["inverted_extrinsic"]
    assert diagnosis["degrees"].saw.startswith("hidden by inverted_extrinsic")
    assert "mend inverted_extrinsic" in diagnosis["yaw_sign"].wanted


def shifted(scene, by_m):
    return accuracy_doctor.relabelled(scene, lambda c: bw.Cuboids(c.center_m + by_m, c.size_m, quat_wxyz=c.quat_wxyz, frame=c.frame))


@pytest.mark.parametrize("which", ["cuboids", "points"])
def test_cuboids_and_points_in_frames_far_apart(sample, which):
    """Kilometres off, and yet no map's coordinates: one finding with both distances, and nothing is guessed of headings."""
    small, off = window(sample, 0, 3), np.array([3000.0, 4200.0, 0.0])
    scene = shifted(small, off) if which == "cuboids" else small.replace(data=Elsewhere(small.data, off))
    diagnosis = examine(scene)
    assert [one.fault for one in diagnosis.found] == ["utm"]
    verdict = diagnosis["utm"]
    assert "0 of " in verdict.saw and f"read the {which} in the frame" in verdict.change
    told = [float(number.replace(",", "")) for number in re.findall(r"([\d,]+) m", verdict.saw)]
    assert sorted(told[:2]) == pytest.approx([20, 4200], abs=20)  # the larger of 3000 and 4200, and what is around the sensor
    assert told[-1] == pytest.approx(np.hypot(3000, 4200), rel=0.01)
    for fault in ("degrees", "yaw_sign", "left_handed", "bottom_centre", "clock_offset"):
        assert diagnosis[fault].saw.startswith("hidden by utm")


class Elsewhere:
    """Where points come from, all of them moved."""

    def __init__(self, data, by_m):
        self._data, self._by_m = data, by_m

    def __getattr__(self, name):
        return getattr(self._data, name)

    def points(self, frame_index, sensor):
        sweep = self._data.points(frame_index, sensor)
        return bw.Sweep(np.asarray(sweep.xyz, np.float64) + self._by_m)


def test_cuboids_beyond_all_objects_tell_nothing_of_headings(sample):
    """Within reach of the far points, though none is near and none holds any."""
    diagnosis = examine(shifted(window(sample, 0, 3), (0.0, 150.0, 40.0)))
    assert not diagnosis.found and diagnosis["utm"].presence == Presence.ABSENT
    for fault in ("degrees", "yaw_sign", "left_handed", "bottom_centre"):
        assert "not where the sweeps' objects are" in diagnosis[fault].saw


@pytest.mark.parametrize("fault", ["", *(name for name in FAULTS if name not in UNSEEN_IN_SAMPLE)])
def test_one_frame_and_three_objects(sample, fault):
    """So little may tell nothing, and must not tell what is not so."""
    small = window(sample, 3, 4)
    cars = [track for track in small.tracks if track.category == "car"][:3]
    scene = small.replace(tracks=cars, image_tracks=())
    diagnosis = examine(accuracy_doctor.planted(scene, fault) if fault else scene)
    assert {one.fault for one in diagnosis.found} <= {fault}
    assert not fault or diagnosis[fault].presence != Presence.ABSENT


def test_sizes_in_an_order_that_has_no_name(sample):
    scene = accuracy_doctor.relabelled(sample, lambda c: bw.Cuboids(c.center_m, c.size_m[:, [1, 2, 0]], quat_wxyz=c.quat_wxyz, frame=c.frame))
    diagnosis = examine(scene)
    (verdict,) = (one for one in diagnosis.found if one.fault.startswith("size_"))
    assert "read sizes as width, height, length" in verdict.change


@pytest.mark.parametrize("late_ns", [-1_200_000_000, -800_000_000, 600_000_000, 800_000_000, 1_200_000_000, 2_000_000_000])
def test_clocks_far_off(sample, monkeypatch, late_ns):
    """They are found where there are poses for as long before and after, and the best at the end of the search is not what they are off."""
    monkeypatch.setattr(accuracy_doctor, "LATE_NS", late_ns)
    diagnosis = examine(accuracy_doctor.planted(sample, "clock_offset"))
    verdict = diagnosis["clock_offset"]
    if 0 < late_ns < 1_500_000_000:
        assert [one.fault for one in diagnosis.found] == ["clock_offset"]
        assert f"{late_ns * 1e-9:+.3f} s later" in verdict.saw and f"add {late_ns * 1e-9:+.3f} s" in verdict.change
    else:
        assert not diagnosis.found and verdict.presence == Presence.UNDECIDABLE  # motion by such poses is no sign of headings
        assert late_ns > 0 or "as far as was looked" in verdict.saw


# ------------------------------------------------------------ what is none of the faults, or one of some labels


@pytest.mark.parametrize("name", doctor_parts.VARIATIONS)
def test_what_is_planted_otherwise_has_no_wrong_name(sample, name):
    variation = doctor_parts.VARIATIONS[name]
    scene = variation.plant(sample)
    if scene is None:
        pytest.skip("nothing in the sample could have it")
    assert {one.fault for one in examine(scene).found} <= variation.names


@pytest.mark.parametrize(
    ("name", "change"),
    [("mirrored in x", "negate x, and take yaw from 180 degrees"), ("x and y exchanged", "exchange x and y, and take yaw from 90 degrees")],
)
def test_mirrors_other_than_in_y(sample, name, change):
    """The yaws of the undone labels are those that the change tells: 180 - yaw, and 90 - yaw."""
    verdict = examine(doctor_parts.VARIATIONS[name].plant(sample))["left_handed"]
    assert verdict.presence == Presence.FOUND and verdict.change == change


def test_z_down_is_no_mirror(sample):
    """x ahead, y right, z down is as right-handed as ours."""
    verdict = examine(doctor_parts.VARIATIONS["z down"].plant(sample))["left_handed"]
    assert verdict.presence == Presence.UNDECIDABLE and "negate y, z and yaw (z is down)" in verdict.wanted


def test_sizes_that_fit_in_no_order(sample):
    verdict = examine(doctor_parts.VARIATIONS["half sizes"].plant(sample))["size_wlh"]
    assert verdict.presence == Presence.UNDECIDABLE
    assert float(re.search(r"they are ([\d.]+) times as large", verdict.saw)[1]) == pytest.approx(0.5, abs=0.05)


def test_stamps_of_another_unit(sample):
    """0.1 s are 0.1 ms."""
    verdict = examine(doctor_parts.VARIATIONS["stamps a thousandth"].plant(sample))["clock_offset"]
    assert "frames are 0.0001 s apart" in verdict.saw


def test_poses_that_nothing_stands_by_tell_nothing_of_headings(sample):
    """Places are right and turns inverted: headings are wherever they happen to be."""
    diagnosis = examine(doctor_parts.VARIATIONS["turns of poses inverted"].plant(sample))
    assert not diagnosis.found and diagnosis["inverted_poses"].presence == Presence.UNDECIDABLE


@pytest.mark.parametrize(("far_m", "presence"), [(100.0, Presence.ABSENT), (400.0, Presence.UNDECIDABLE), (3000.0, Presence.FOUND)])
def test_cuboids_far_off_without_sweeps(far_m, presence):
    scene = street(0.5, 0.5, moves=False)
    tracks = [track.replace(cuboids=track.cuboids.transformed(bw.Pose.from_yaw(0.0, (far_m, 0.0, 0.0)), frame="world")) for track in scene.tracks]
    assert examine(scene.replace(tracks=tracks))["utm"].presence == presence


# ------------------------------------------------------------ by motion alone


def street(yaw_rad: float, turn_rad: float, moves: bool) -> bw.Scene:
    """Eight cars of one heading, 20 m about a vehicle that turns on the spot, without sweeps."""
    times = np.arange(30) * 100_000_000
    turns = np.linspace(0, turn_rad, 30)
    world_from_ego = [bw.Pose([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]]) for a in turns]
    heading = np.array([np.cos(yaw_rad), np.sin(yaw_rad), 0])
    tracks = []
    for k in range(8):
        place = 20 * np.array([np.cos(k * 0.8), np.sin(k * 0.8), 0]) + np.outer(np.arange(30) * (0.8 if moves else 0.0), heading)
        cuboids = bw.Cuboids(place, np.tile([4.4, 1.8, 1.5], (30, 1)), yaw_rad=np.full(30, yaw_rad + 0.1 * (k % 3)), frame="world")
        tracks.append(bw.Track(str(k), "car", times, cuboids))
    return bw.Scene("street", times, {"lidar": bw.Lidar("lidar")}, trajectory=bw.Trajectory(times, world_from_ego), tracks=tracks)


def test_headings_near_nothing_do_not_tell_degrees():
    """0 degrees are 0 radians."""
    near = examine(street(0.0, 0.0, moves=True))["degrees"]
    assert near.presence == Presence.UNDECIDABLE and "within 20 degrees of 0" in near.saw
    assert examine(street(0.8, 0.0, moves=True))["degrees"].presence == Presence.ABSENT


def test_headings_along_x_do_not_tell_scalar_last():
    """Half a turn is (0, 0, 0, 1) scalar first, and nothing is when it is last."""
    assert examine(street(np.pi - 0.1, 0.0, moves=False))["quaternion_xyzw"].presence == Presence.UNDECIDABLE
    assert examine(street(0.8, 0.0, moves=False))["quaternion_xyzw"].presence == Presence.ABSENT


@pytest.mark.parametrize("fault", ["", "yaw_sign", "left_handed", "degrees"])
def test_what_stands_keeps_its_heading_while_the_vehicle_turns(fault):
    scene = street(0.8, 1.0, moves=False)
    diagnosis = examine(accuracy_doctor.planted(scene, fault) if fault else scene)
    assert [one.fault for one in diagnosis.found] == [fault] * bool(fault), [str(one) for one in diagnosis]
    if not fault:
        assert diagnosis["yaw_sign"].presence == diagnosis["left_handed"].presence == Presence.ABSENT


def test_chances_of_many():
    """A float holds no number of ways to choose 515 of 1,030."""
    for n, share in ((1, 0.5), (7, 0.65), (40, 0.22)):
        ways = [math.comb(n, i) * share**i * (1 - share) ** (n - i) for i in range(n + 1)]
        assert [at_least(k, n, share) for k in range(n + 1)] == pytest.approx([sum(ways[k:]) for k in range(n + 1)], rel=1e-12)
    middle = math.comb(8000, 4000) / 2**8000  # of whole numbers: by symmetry the rest is shared by both sides
    assert at_least(4000, 8000, 0.5) == pytest.approx((1 + middle) / 2, rel=1e-9)
    assert at_least(4500, 8000, 0.5) < 1e-20


def test_more_things_than_a_float_has_ways_to_choose():
    few = street(0.8, 1.0, moves=False)
    tracks = [track.replace(track_id=f"{track.track_id} {k}") for k in range(140) for track in few.tracks]
    diagnosis = examine(few.replace(tracks=tracks))
    assert not diagnosis.found and diagnosis["yaw_sign"].presence == Presence.ABSENT
    assert "instead of 1120 of 1,120 things would stand still" in diagnosis["yaw_sign"].saw


@pytest.mark.parametrize(
    ("later_ns", "why"),
    [
        (None, "and there is none that tells"),
        (10**12, "no frame is within the time of the 30 poses"),
        (0, "the 30 poses cannot be relied on for motion"),
    ],
)
def test_why_motion_tells_nothing_of_headings(later_ns, why):
    """Without sweeps: there are no poses, or those of another time, or those by which nothing stands."""
    scene = street(0.8, 0.0, moves=True)
    ways = [track.cuboids.replace(frame="lidar") for track in scene.tracks]
    poses = [bw.Pose.from_yaw(0.2 * k * k, (0.5 * k * (-1) ** k, 3.0 * k, 0)) for k in range(30)]  # of no vehicle
    trajectory = None if later_ns is None else bw.Trajectory(scene.times_ns + later_ns, poses)
    tracks = [track.replace(cuboids=way) for track, way in zip(scene.tracks, ways)]
    diagnosis = examine(scene.replace(tracks=tracks, label_frame="lidar", trajectory=trajectory))
    assert diagnosis["left_handed"].saw.endswith(why) and diagnosis["yaw_sign"].saw.endswith(why)
    if later_ns == 0:
        assert "so nothing is told of motion" in diagnosis["inverted_poses"].saw and "inverted_poses" in diagnosis["yaw_sign"].wanted


# ------------------------------------------------------------ Euler angles


def tilts(roll_pitch_rad, yaw_rad) -> np.ndarray:
    from boxwright.rotations import quat_from_euler

    return np.array([quat_from_euler((*tilt, yaw), "XYZ") for tilt, yaw in zip(roll_pitch_rad, yaw_rad)])


def tilted_street(rng, roll_rad=-0.054, n=30, n_frames=1, yaw_rad=None) -> bw.Scene:
    """Cars of every heading, or of those given, on one tilted road."""
    yaw = rng.uniform(-3, 3, n) if yaw_rad is None else yaw_rad
    quat = tilts(np.tile([roll_rad, 0.0], (n, 1)), yaw)
    cuboids = bw.Cuboids(rng.uniform(-40, 40, (n, 3)), np.tile([4.4, 1.8, 1.5], (n, 1)), quat_wxyz=quat, frame="lidar")
    times = np.arange(n_frames)
    tracks = [bw.Track(str(k), "car", times, bw.Cuboids.concatenate([cuboids[k : k + 1]] * n_frames)) for k in range(n)]
    return bw.Scene("a", times, {"lidar": bw.Lidar("lidar")}, tracks=tracks, label_frame="lidar", has_time=False)


def test_the_order_of_euler_angles(rng):
    scene = tilted_street(rng)
    sound = examine(scene)
    assert sound["euler_order"].presence == Presence.ABSENT and not sound.found
    diagnosis = examine(accuracy_doctor.planted(scene, "euler_order"))
    assert [one.fault for one in diagnosis.found] == ["euler_order"]
    assert "XYZ, not as ZYX" in diagnosis["euler_order"].change


@pytest.mark.parametrize("fault", ["", "euler_order"])
def test_tilts_between_keyframes_are_in_no_order(fault):
    """Half a degree of tilt, in tracks of some keyframes: what lies between these mixes two tilts, and explains nothing."""
    try:
        drawn = bw.read(sample_folder(), scene="inputs")
    except bw.FrameMissing:
        pytest.skip("the sample data is not there")
    diagnosis = examine(accuracy_doctor.planted(drawn, fault) if fault else drawn)
    assert [one.fault for one in diagnosis.found] == [fault] * bool(fault), [str(one) for one in diagnosis]
    if not fault:
        assert diagnosis["euler_order"].presence == Presence.ABSENT


@pytest.mark.parametrize(("n", "presence"), [(30, Presence.FOUND), (12, Presence.FOUND), (5, Presence.UNDECIDABLE)])
def test_slight_tilts_tell_by_the_number_of_objects(rng, n, presence):
    """0.4 degrees, of so many cars in four frames: another order leaves nothing of it, which few cars may do by chance."""
    verdict = examine(accuracy_doctor.planted(tilted_street(rng, -0.007, n, 4), "euler_order"))["euler_order"]
    assert verdict.presence == presence
    if presence == Presence.UNDECIDABLE:
        assert "as XYZ, not ZYX: too little, or of too few objects" in verdict.saw


def test_cars_that_head_along_the_road_are_alike_in_any_order(rng):
    """Two of thirty cross it; for the others no turn comes between."""
    scene = tilted_street(rng, yaw_rad=np.r_[np.zeros(28), 1.5, -1.2])
    for one in (scene, accuracy_doctor.planted(scene, "euler_order")):
        verdict = examine(one)["euler_order"]
        assert verdict.presence == Presence.UNDECIDABLE and "about as alike in another order" in verdict.saw


def test_few_objects_do_not_vouch_for_the_order_of_angles(rng):
    """Five that happen to be alike; twelve cuboids and more, of the same five."""
    assert examine(tilted_street(rng, n=5, n_frames=4))["euler_order"].presence == Presence.UNDECIDABLE
    assert examine(tilted_street(rng, n=12, n_frames=4))["euler_order"].presence == Presence.ABSENT


def test_tilts_that_no_order_explains(rng):
    """Each car has a tilt of its own; the reason does not say that an order explains nothing where it explains some."""
    scene = tilted_street(rng)
    own = accuracy_doctor.relabelled(scene, lambda c: accuracy_doctor.like(c, quat=tilts(rng.normal(0, 0.03, (len(c), 2)), c.yaw_rad)))
    verdict = examine(own)["euler_order"]
    assert verdict.presence == Presence.UNDECIDABLE
    apart, *still = (float(number) for number in re.findall(r"([\d.]+) (?:degrees|as)", verdict.saw))
    assert ("explains only part" in verdict.saw) == bool(still) and all(one <= apart for one in still)


def test_one_cuboid_is_counted(rng):
    assert examine(tilted_street(rng, 0.0, n=1, yaw_rad=[0.5]))["quaternion_xyzw"].saw == "upright: 1 of 1 cuboid"
    lying = accuracy_doctor.planted(tilted_street(rng, 0.0, n=1, yaw_rad=[0.5]), "quaternion_xyzw")
    assert examine(lying)["quaternion_xyzw"].saw == "on their sides or heads: 1 of 1 cuboid, and 0 with the scalar last"


def test_what_cannot_be_told_is_said(rng):
    empty = examine(bw.Scene("a", [0], {"lidar": bw.Lidar("lidar")}, label_frame="lidar"))
    assert all(one.presence == Presence.UNDECIDABLE and one.wanted for one in empty)
    assert sorted(len(faults) for faults, _, _ in empty.reasons()) == [1, 4, 11]  # neither cuboid nor sweep, no camera, no cuboid
    alone = examine(tilted_street(rng))
    for fault in ("left_handed", "yaw_sign", "yaw_zero_axis", "degrees", "bottom_centre", "clock_offset", "swapped_cameras", "inverted_extrinsic"):
        assert alone[fault].presence == Presence.UNDECIDABLE and len(alone[fault].saw) > 15


def test_radians_made_radians_again(sample):
    scene = accuracy_doctor.relabelled(sample, lambda c: bw.Cuboids(c.center_m, c.size_m, np.radians(c.yaw_rad), frame=c.frame))
    assert [one.fault for one in examine(scene).found] == ["degrees"]


# ------------------------------------------------------------ cameras


def rig(turns_rad, factor=1.0, cy_px=119.5) -> bw.Scene:
    """Cameras that look about, yaw by yaw, with lenses of pictures so many times as large."""
    ahead = np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]])
    camera = bw.PinholeCamera(320, 240, *(factor * np.array([200, 200, 159.5, cy_px])))
    turned = {f"at {a:+.1f}": np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]]) for a in turns_rad}
    cameras = {name: bw.CameraSensor(name, camera, bw.Pose(turn @ ahead)) for name, turn in turned.items()}
    return bw.Scene("a", [0], {"lidar": bw.Lidar("lidar")}, cameras, label_frame="lidar", has_time=False)


def test_a_camera_to_the_right_stands_either_way():
    """Its rotation, (-1 0 0, 0 0 -1, 0 -1 0), is its own inverse."""
    assert examine(rig([0.0, np.pi / 2]))["inverted_extrinsic"].presence == Presence.ABSENT
    verdict = examine(rig([0.0, np.pi / 2, -np.pi / 2]))["inverted_extrinsic"]
    assert verdict.presence == Presence.UNDECIDABLE and "pictures of at -1.6 would stand upright whether" in verdict.saw
    assert "at -1.6" in verdict.wanted and "at +0.0" not in verdict.wanted


def test_a_camera_to_the_left_stands_inverted_and_with_other_axes():
    """(1 0 0, 0 0 1, 0 -1 0) is both the inverse of its rotation and the rotation with y and z negated; one that looks ahead tells."""
    alone, two = (accuracy_doctor.inverted(rig(turns)) for turns in ([np.pi / 2], [0.0, np.pi / 2]))
    for fault in ("inverted_extrinsic", "camera_axes"):
        verdict = examine(alone)[fault]
        assert verdict.presence == Presence.UNDECIDABLE and "both with the pose turned round and with OpenGL's axes" in verdict.saw
    assert [one.fault for one in examine(two).found] == ["inverted_extrinsic"]
    assert [one.fault for one in examine(accuracy_doctor.opengl(rig([0.0, np.pi / 2]))).found] == ["camera_axes"]


@pytest.mark.parametrize(
    ("factor", "cy_px", "presence"),
    [
        (0.5, 119.5, Presence.FOUND),
        (0.8, 119.5, Presence.UNDECIDABLE),
        (0.9, 119.5, Presence.UNDECIDABLE),
        (1.0, 119.5, Presence.ABSENT),
        (1.0, 111.0, Presence.ABSENT),  # as KITTI has it
        (1.0, 80.0, Presence.UNDECIDABLE),  # cut
        (1.25, 119.5, Presence.UNDECIDABLE),
        (2.0, 119.5, Presence.FOUND),
    ],
)
def test_the_middle_of_pictures_tells_a_lens_within_bounds(factor, cy_px, presence):
    verdict = examine(rig([0.0], factor, cy_px))["scaled_intrinsics"]
    assert verdict.presence == presence
    if presence == Presence.ABSENT:
        assert "1.25 times another would show, a nearer one need not" in verdict.saw


class Seen:
    """One sweep around two cameras that look ahead and back, each with a picture of its own: spots as bright as what they are of shines back."""

    def __init__(self, rng, camera, ego_from_cams):
        import cv2

        spots = [cv2.GaussianBlur(rng.random((240, 320)).astype(np.float32), (0, 0), 6) for _ in ego_from_cams]
        greys = [np.clip(128 + 900 * (one - one.mean()), 0, 255).astype(np.uint8) for one in spots]
        self.pictures = {name: np.repeat(grey[:, :, None], 3, 2) for name, grey in zip(ego_from_cams, greys)}
        xyz, shine = [], []
        for grey, pose in zip(greys, ego_from_cams.values()):
            uv, depth = rng.uniform((5, 5), (315, 235), (4000, 2)), rng.uniform(5, 30, (4000, 1))
            xyz.append(pose.apply(np.hstack([(uv - (camera.cx_px, camera.cy_px)) / camera.fx_px, np.ones((4000, 1))]) * depth))
            shine.append(grey[uv[:, 1].astype(int), uv[:, 0].astype(int)])
        self.sweep = bw.Sweep(np.concatenate(xyz), intensity=np.concatenate(shine))

    def points(self, frame_index, sensor):
        return self.sweep

    def image(self, frame_index, camera):
        return self.pictures[camera]

    def has_points(self, frame_index, sensor):
        return True

    def has_image(self, frame_index, camera):
        return True


def test_pictures_tell_swapped_cameras(rng):
    camera = bw.PinholeCamera(320, 240, 200, 200, 159.5, 119.5)
    ahead = np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]])
    poses = {"ahead": bw.Pose(ahead), "back": bw.Pose(np.diag([-1, -1, 1]) @ ahead)}
    cameras = {name: bw.CameraSensor(name, camera, pose) for name, pose in poses.items()}
    seen = Seen(rng, camera, poses)
    scene = bw.Scene("a", [0], {"lidar": bw.Lidar("lidar")}, cameras, label_frame="lidar", has_time=False, data=seen)
    right = examine(scene)["swapped_cameras"]
    assert right.presence == Presence.ABSENT and "sweeps fit pictures of ahead and back" in right.saw
    wrong = examine(scene.replace(data=Exchanged(seen, {"ahead": "back", "back": "ahead"})))
    assert [one.fault for one in wrong.found] == ["swapped_cameras"]
    assert "exchange the calibrations of ahead and back" in wrong["swapped_cameras"].change
    blank = examine(scene.replace(data=Exchanged(seen, {}, blank=True)))["swapped_cameras"]
    assert blank.presence == Presence.UNDECIDABLE and "too little better" in blank.saw


class Exchanged:
    """Where points and pictures come from, with the pictures of two cameras exchanged, or with nothing in them."""

    def __init__(self, data, names, blank=False):
        self._data, self._names, self._share = data, names, 0 if blank else 1

    def __getattr__(self, name):
        return getattr(self._data, name)

    def image(self, frame_index, camera):
        return self._data.image(frame_index, self._names.get(camera, camera)) * np.uint8(self._share)

    def has_image(self, frame_index, camera):
        return self._data.has_image(frame_index, self._names.get(camera, camera))


def test_boxes_that_fit_do_not_vouch_for_pictures(real_data):
    """The pictures of KITTI's two cameras exchanged, beneath boxes that fit their calibrations."""
    scene = window(bw.read(real_data / "kitti_tracking", scene="0001"), 0, 2)
    assert examine(scene)["swapped_cameras"].presence == Presence.ABSENT
    wrong = examine(scene.replace(data=Exchanged(scene.data, {"image_02": "image_03", "image_03": "image_02"})))["swapped_cameras"]
    assert wrong.presence == Presence.FOUND and "exchange the pictures of image_02 and image_03" in wrong.change


# ------------------------------------------------------------ recordings of other kinds


@pytest.fixture(scope="module")
def drawn(sample) -> bw.Scene:
    """Boxes in pictures beside labels, and neither sweeps nor poses."""
    boxes = doctor_drives.drawn(sample, Chance(7, 1))
    return doctor_drives.without_poses(sample).replace(image_tracks=boxes, data=doctor_drives.Seen(sample.data, has_sweeps=False))


@pytest.mark.parametrize("fault", ["", "left_handed", "bottom_centre"])
def test_boxes_in_pictures_tell_where_nothing_else_does(drawn, fault):
    diagnosis = examine(accuracy_doctor.planted(drawn, fault) if fault else drawn)
    assert [one.fault for one in diagnosis.found] == [fault] * bool(fault), [str(one) for one in diagnosis]
    if not fault:
        assert diagnosis["left_handed"].presence == diagnosis["bottom_centre"].presence == Presence.ABSENT
    bare = accuracy_doctor.planted(drawn.replace(image_tracks=()), fault or "left_handed")
    assert not examine(bare).found


class FewSweeps(doctor_drives.Seen):
    def has_points(self, frame_index, sensor):
        return frame_index < 3 and super().has_points(frame_index, sensor)


def test_boxes_beside_sweeps_of_some_frames(sample, drawn):
    """Axes are looked for in the labels of frames with sweeps, and boxes are of all."""
    scene = accuracy_doctor.planted(drawn.replace(data=FewSweeps(sample.data)), "left_handed")
    assert [one.fault for one in examine(scene).found] == ["left_handed"]


@pytest.mark.parametrize("n", [20, 400])
def test_boxes_of_long_clips_are_compared_in_some_frames(monkeypatch, n):
    """Alike many however long the clip is, and from its whole length."""
    place = bw.Cuboids([[20.0, 0.0, 0.0]], [[4.4, 1.8, 1.5]], yaw_rad=[0.4], frame="lidar")
    times = np.arange(n) * 100_000_000
    camera = bw.CameraSensor("front", bw.PinholeCamera(1280, 720, 1000, 1000, 640, 360), bw.Pose(np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0.0]])))
    boxes = bw.ImageTrack("1 front", "car", "front", times, bw.Boxes(np.tile([500.0, 300, 780, 420], (n, 1))), object_id="1")
    tracks = [bw.Track("1", "car", times, bw.Cuboids.concatenate([place] * n))]
    scene = bw.Scene("a", times, {"lidar": bw.Lidar("lidar")}, {"front": camera}, tracks=tracks, image_tracks=[boxes], label_frame="lidar")
    evidence, looked = gathered(scene), list[int]()
    whole = fits._of_camera
    monkeypatch.setattr(
        fits, "_of_camera", lambda e, labels, c, s, rows, drawn: (looked.extend(labels.frame[rows]), whole(e, labels, c, s, rows, drawn))[1]
    )
    rows, shares = fits.shares_of_boxes(evidence, evidence.labels)
    assert looked == evidence.labels.frame[rows].tolist() and (shares > 0.1).all()
    assert len(set(looked)) == n if n < 24 else 12 <= len(set(looked)) <= 24
    assert min(looked) == 0 and max(looked) >= 0.9 * n


def test_boxes_by_an_inverted_camera_tell_nothing_of_labels(drawn):
    """Labels are right, and no box is where their cuboids are drawn."""
    diagnosis = examine(accuracy_doctor.planted(drawn, "inverted_extrinsic"))
    assert [one.fault for one in diagnosis.found] == ["inverted_extrinsic"]
    assert diagnosis["left_handed"].presence == diagnosis["bottom_centre"].presence == Presence.UNDECIDABLE


def test_inverted_poses_of_labels_at_some_frames():
    """What is between keyframes was made by the poses in question, and lies nowhere; keyframes stand by the inverses."""
    scene = doctor_drives.Drive("street", "hurried", n_columns=200, n_frames=40, has_cameras=False).scene(9102)
    assert not examine(scene).found
    assert [one.fault for one in examine(accuracy_doctor.planted(scene, "inverted_poses")).found] == ["inverted_poses"]


def test_motion_by_poses_that_only_inverses_hold_tells_nothing_of_headings():
    """Five people, too few to say that poses are inverted; by these they seem to walk sideways."""
    scene = doctor_drives.Drive("car park", "people alone", n_beams=64).scene(9118)
    diagnosis = examine(accuracy_doctor.planted(scene, "inverted_poses"))
    assert not diagnosis.found and "nothing is told of motion" in diagnosis["inverted_poses"].saw


def test_bottoms_of_labels_behind_a_lidar_that_looks_ahead():
    scene = doctor_drives.Drive("street", n_columns=200, n_frames=10, has_cameras=False).scene(9106)
    ahead = scene.replace(data=doctor_drives.Seen(scene.data.data, True))
    assert [one.fault for one in examine(accuracy_doctor.planted(ahead, "bottom_centre")).found] == ["bottom_centre"]


def test_command(tmp_path, sample, run):
    bw.write(sample.replace(cameras={}, image_tracks=()), tmp_path / "sound")
    code, out, _ = run("doctor", tmp_path / "sound")
    assert code == 0 and "yaw_sign" in out and "undecidable" in out and "FOUND" not in out
    bw.write(sample.replace(cameras={}, image_tracks=(), tracks=()), tmp_path / "bare")
    _, out, _ = run("doctor", tmp_path / "bare")
    assert out.count("there is no cuboid") == 1 and "to tell: label some objects" in out
    wrong = accuracy_doctor.planted(sample.replace(cameras={}, image_tracks=()), "size_wlh")
    bw.write(wrong, tmp_path / "wrong")
    code, out, _ = run("doctor", tmp_path / "wrong")
    assert code == 1 and "FOUND size_wlh" in out and "change: read sizes as width, length, height" in out
    code, out, _ = run("doctor", tmp_path / "wrong", "--json")
    told = json.loads(out)["scenes"][0]
    assert code == 1 and [one["fault"] for one in told["faults"] if one["presence"] == "found"] == ["size_wlh"]


def test_a_path_that_is_none():
    with pytest.raises(bw.ArgumentError, match="expected a path, or a Scene"):
        bw.doctor(3)


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_the_table_of_real_recordings(real_data, capsys):
    """Every planted fault is found or undecidable, nothing else is found with it, and nothing in sound data; prints the table."""
    scenes = accuracy_doctor.datasets()
    with capsys.disabled():
        lines = accuracy_doctor.table(scenes)
    assert len(scenes) == 5
    assert "FOUND" not in "".join(lines) and "not there" not in "".join(line for line in lines if line.startswith("|"))
