"""The doctor on parts of all recordings that there are, with its own faults and with others that users have: how often it says what.

python benchmarks/doctor_parts.py --only DGP --parts whole "last third"
"""

from __future__ import annotations

import argparse
import re
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import boxwright as bw
from accuracy_doctor import LABEL_FAULTS, MIRROR, datasets, like, planted, real_folder, relabelled, with_cameras, with_poses
from boxwright.diagnosis import FAULTS, Diagnosis, Presence, examine
from boxwright.rotations import quat_from_yaw, quat_multiply

__all__ = ["PARTS", "VARIATIONS", "Answer", "Variation", "reasons", "recordings", "table", "trial"]


# ------------------------------------------------------------ parts


@dataclass(frozen=True)
class Chosen:
    """The sensor data of some frames of a recording."""

    data: Any
    frames: np.ndarray

    def points(self, frame_index: int, sensor: str) -> bw.Sweep:
        return self.data.points(int(self.frames[frame_index]), sensor)

    def image(self, frame_index: int, camera: str) -> Any:
        return self.data.image(int(self.frames[frame_index]), camera)

    def has_points(self, frame_index: int, sensor: str) -> bool:
        return self.data.has_points(int(self.frames[frame_index]), sensor)

    def has_image(self, frame_index: int, camera: str) -> bool:
        return self.data.has_image(int(self.frames[frame_index]), camera)


def some_frames(scene: bw.Scene, frames: np.ndarray) -> bw.Scene | None:
    """Those frames alone; None where they are none or all."""
    if len(frames) in (0, len(scene)):
        return None
    cameras = {
        name: sensor if sensor.times_ns is None else replace(sensor, times_ns=sensor.times_ns[frames]) for name, sensor in scene.cameras.items()
    }
    return scene.replace(
        times_ns=scene.times_ns[frames], frame_ids=tuple(np.array(scene.frame_ids)[frames]), cameras=cameras, data=Chosen(scene.data, frames)
    )


def one_camera(scene: bw.Scene) -> bw.Scene | None:
    """The last camera alone."""
    if len(scene.cameras) < 2:
        return None
    name = list(scene.cameras)[-1]
    return scene.replace(cameras={name: scene.cameras[name]}, image_tracks=[one for one in scene.image_tracks if one.camera == name])


def some_tracks(scene: bw.Scene, is_one: Callable[[bw.Track], bool]) -> bw.Scene | None:
    tracks = [track for track in scene.tracks if is_one(track)]
    if len(tracks) in (0, len(scene.tracks)):
        return None
    names = {track.track_id for track in tracks}
    return scene.replace(tracks=tracks, image_tracks=[one for one in scene.image_tracks if one.object_id in names])


def _first_place(scene: bw.Scene, track: bw.Track) -> np.ndarray:
    """(3,) where a track lies about the sensor at the first frame it is labelled in; far off where it is in none."""
    frame = "lidar" if scene.lidars else "ego"
    stamps = np.intersect1d(track.times_ns, scene.times_ns)
    if not len(stamps):
        return np.full(3, np.inf)
    one = track.take(track.times_ns == stamps[0]).cuboids
    if scene.label_frame not in (frame, *list(scene.lidars)[:1]):
        one = one.transformed(scene.transform(frame, scene.label_frame, int(stamps[0])), frame=frame)
    return one.center_m[0]


def _distance_m(scene: bw.Scene, track: bw.Track) -> float:
    return float(np.linalg.norm(_first_place(scene, track)[:2]))


def cropped(scene: bw.Scene) -> bw.Scene | None:
    """What lies ahead, within 40 m across and along."""

    def is_ahead(track: bw.Track) -> bool:
        x, y, _ = _first_place(scene, track)
        return bool(0 < x < 40 and abs(y) < 20)

    return some_tracks(scene, is_ahead)


def without_a_camera(scene: bw.Scene) -> bw.Scene | None:
    first = next(iter(scene.cameras), None)
    if first is None or len(scene.cameras) < 3:
        return None
    cameras = {name: sensor for name, sensor in scene.cameras.items() if name != first}
    return scene.replace(cameras=cameras, image_tracks=[one for one in scene.image_tracks if one.camera != first])


def _is_car(track: bw.Track) -> bool:
    return track.category.lower() in ("car", "regular_vehicle", "road_vehicle")


PARTS: dict[str, Callable[[bw.Scene], bw.Scene | None]] = {
    "whole": lambda scene: scene,
    "every second frame": lambda scene: some_frames(scene, np.arange(0, len(scene), 2)),
    "first 10 frames": lambda scene: some_frames(scene, np.arange(min(10, len(scene)))),
    "first half": lambda scene: some_frames(scene, np.arange(len(scene) // 2)),
    "second half": lambda scene: some_frames(scene, np.arange(len(scene) // 2, len(scene))),
    "last third": lambda scene: some_frames(scene, np.arange(len(scene) - len(scene) // 3, len(scene))),
    "one camera": one_camera,
    "cars alone": lambda scene: some_tracks(scene, _is_car),
    "no cars": lambda scene: some_tracks(scene, lambda track: not _is_car(track)),
    "ahead": cropped,
    "within 20 m": lambda scene: some_tracks(scene, lambda track: _distance_m(scene, track) < 20),
    "beyond 20 m": lambda scene: some_tracks(scene, lambda track: _distance_m(scene, track) >= 20),
    "every second object": lambda scene: some_tracks(scene, lambda track: scene.tracks.index(track) % 2 == 0),
    "without the first camera": without_a_camera,
}


def recordings() -> dict[str, bw.Scene]:
    """Name -> a sound scene: the table's, what else is in the folder of real recordings, and simulated drives."""
    found = datasets()
    real = real_folder()
    places = ["kitti_object", "kitti_tracking", "kitti_raw/2011_09_26/2011_09_26_drive_0001_sync"]
    places += ["av2/sensor/3bffdcff-c3a7-38b6-a0f2-64196d130958", "openlabel/osdar23/1_calibration_1.1_labels.json"]
    places += [f"openlabel/kitti_tracking/openlabel100_kitti_tracking_{name}.json" for name in ("0004", "0012")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bw.SensorFrameFallback)
        for place in places if (real / "load.py").is_file() else ():
            for entry in bw.scenes(real / place):
                if not (place == "kitti_tracking" and entry.name == "0001"):
                    found[f"{Path(place).parts[0]} {entry.name}"] = entry.read(strict=False)
    return found


# ------------------------------------------------------------ faults as users have them


@dataclass(frozen=True)
class Variation:
    """plant : as `planted`. names : what the doctor may find then; everything else is a wrong name"""

    plant: Callable[[bw.Scene], bw.Scene | None]
    names: frozenset[str]


def of_tracks(change: Callable[[bw.Cuboids], bw.Cuboids], is_one: Callable[[int, bw.Track], bool]) -> Callable[[bw.Scene], bw.Scene | None]:
    """The change to some tracks, the others as they are."""

    def plant(scene: bw.Scene) -> bw.Scene | None:
        which = [k for k, track in enumerate(scene.tracks) if is_one(k, track)]
        if len(which) in (0, len(scene.tracks)):
            return None
        changed = {track.track_id: track for track in relabelled(scene.replace(tracks=[scene.tracks[k] for k in which]), change).tracks}
        return scene.replace(tracks=[changed.get(track.track_id, track) for track in scene.tracks])

    return plant


def frames_later(scene: bw.Scene) -> bw.Scene | None:
    """Every frame has the labels of the one before, as they lay about the sensor."""
    return _with_frames(scene, np.r_[0, np.arange(len(scene) - 1)]) if len(scene) > 2 else None


def frames_backward(scene: bw.Scene) -> bw.Scene | None:
    """Frames have each other's labels, the first those of the last, and so on."""
    return _with_frames(scene, np.arange(len(scene))[::-1]) if len(scene) > 2 else None


def _with_frames(scene: bw.Scene, source: np.ndarray) -> bw.Scene:
    frame = "lidar" if scene.lidars else "ego"
    is_own = scene.label_frame in (frame, *list(scene.lidars)[:1])
    times, tracks = scene.times_ns, []
    for track in scene.tracks:
        index = {int(stamp): k for k, stamp in enumerate(track.times_ns.tolist())}
        pairs = [(i, index[int(times[s])]) for i, s in enumerate(source.tolist()) if int(times[s]) in index]
        if not pairs:
            continue
        rows = []
        for i, k in pairs:
            one = track.cuboids[k : k + 1]
            if not is_own:
                there = scene.transform(frame, scene.label_frame, int(track.times_ns[k]))
                one = one.transformed(there, frame=frame).transformed(
                    scene.transform(scene.label_frame, frame, int(times[i])), frame=scene.label_frame
                )
            rows.append(one)
        tracks.append(bw.Track(track.track_id, track.category, times[[i for i, _ in pairs]], bw.Cuboids.concatenate(rows)))
    return scene.replace(tracks=tracks)


def stamps_times(factor: float, all_of_them: bool) -> Callable[[bw.Scene], bw.Scene | None]:
    """Stamps read in another unit: those of frames and labels, and those of poses too or not."""

    def plant(scene: bw.Scene) -> bw.Scene | None:
        if not scene.has_time or (not all_of_them and scene.trajectory is None):
            return None
        first = int(scene.times_ns[0])

        def scaled(times: np.ndarray) -> np.ndarray:
            return ((times - first) * factor).astype(np.int64) + first

        trajectory = scene.trajectory
        if any((np.diff(scaled(one)) <= 0).any() for one in (scene.times_ns, *([trajectory.times_ns] if trajectory else []))):
            return None
        if trajectory is not None and all_of_them:
            trajectory = bw.Trajectory(scaled(trajectory.times_ns), [trajectory[i] for i in range(len(trajectory))])
        tracks = [track.replace(times_ns=scaled(track.times_ns)) for track in scene.tracks]
        cameras = {n: s if s.times_ns is None else replace(s, times_ns=scaled(s.times_ns)) for n, s in scene.cameras.items()}
        return scene.replace(times_ns=scaled(scene.times_ns), trajectory=trajectory, tracks=tracks, image_tracks=(), cameras=cameras)

    return plant


def poses_turned(scene: bw.Scene) -> bw.Scene | None:
    """The rotations of the vehicle's poses are inverted, and its places are right."""
    return with_poses(scene, lambda pose: bw.Pose(pose.rotation.T, pose.translation_m))


def undistorted(scene: bw.Scene) -> bw.Scene | None:
    """Distortion left out."""
    if not any(np.any(getattr(one.camera, "distortion", ()) or 0) for one in scene.cameras.values()):
        return None
    return with_cameras(scene, lambda one: replace(one, camera=replace(one.camera, distortion=())) if getattr(one.camera, "distortion", ()) else one)


def resized(scene: bw.Scene) -> bw.Scene | None:
    """Calibrations say another size of pictures than theirs, and the lens is of the old one."""

    def half(one: bw.CameraSensor) -> bw.CameraSensor:
        if not hasattr(one.camera, "cx_px"):
            return one
        width, height = one.camera.size_px
        return replace(one, camera=replace(one.camera, width_px=width // 2, height_px=height // 2))

    return with_cameras(scene, half) if scene.cameras else None


def _degrees(c: bw.Cuboids) -> bw.Cuboids:
    return LABEL_FAULTS["degrees"](c)


def _of_class(change: Callable[[bw.Cuboids], bw.Cuboids]) -> Callable[[bw.Scene], bw.Scene | None]:
    """To the class that most tracks have."""

    def plant(scene: bw.Scene) -> bw.Scene | None:
        names = [track.category for track in scene.tracks]
        usual = max(sorted(set(names)), key=names.count, default="")
        return of_tracks(change, lambda k, track: track.category == usual)(scene)

    return plant


def _of_rarer(change: Callable[[bw.Cuboids], bw.Cuboids]) -> Callable[[bw.Scene], bw.Scene | None]:
    """To the second class."""

    def plant(scene: bw.Scene) -> bw.Scene | None:
        names = [track.category for track in scene.tracks]
        by_count = sorted(set(names), key=lambda name: (-names.count(name), name))
        return of_tracks(change, lambda k, track: track.category == by_count[1])(scene) if len(by_count) > 1 else None

    return plant


def _turned(angle: float) -> Callable[[bw.Cuboids], bw.Cuboids]:
    return lambda c: like(c, quat=quat_multiply(c.quat_wxyz, quat_from_yaw(np.full(len(c), angle))))


def _all(change: Callable[[bw.Cuboids], bw.Cuboids]) -> Callable[[bw.Scene], bw.Scene | None]:
    return lambda scene: relabelled(scene, change) if scene.tracks else None


def _x_mirrored(c: bw.Cuboids) -> bw.Cuboids:
    return like(c, center=c.center_m * (-1, 1, 1), quat=quat_multiply(quat_from_yaw(np.full(len(c), np.pi)), c.quat_wxyz * MIRROR))


def _v(plant: Callable[[bw.Scene], bw.Scene | None], *names: str) -> Variation:
    return Variation(plant, frozenset(names))


VARIATIONS: dict[str, Variation] = {
    "degrees, every second object": _v(of_tracks(_degrees, lambda k, track: k % 2 == 1), "degrees"),
    "degrees, the usual class": _v(_of_class(_degrees), "degrees"),
    "degrees, a rarer class": _v(_of_rarer(_degrees), "degrees"),
    "yaw_sign, the usual class": _v(_of_class(LABEL_FAULTS["yaw_sign"]), "yaw_sign"),
    "a quarter turn, the usual class": _v(_of_class(LABEL_FAULTS["yaw_zero_axis"]), "yaw_zero_axis", "size_wlh"),
    "size_wlh, the usual class": _v(_of_class(LABEL_FAULTS["size_wlh"]), "size_wlh"),
    "size_wlh, a rarer class": _v(_of_rarer(LABEL_FAULTS["size_wlh"]), "size_wlh"),
    "bottom_centre, the usual class": _v(_of_class(LABEL_FAULTS["bottom_centre"]), "bottom_centre"),
    "bottom_centre, a rarer class": _v(_of_rarer(LABEL_FAULTS["bottom_centre"]), "bottom_centre"),
    "top_centre": _v(_all(lambda c: like(c, center=c.center_m + (0, 0, 0.5) * c.size_m)), "bottom_centre"),
    "a quarter turn the other way": _v(_all(_turned(np.pi / 2)), "yaw_zero_axis"),
    "half a turn": _v(_all(_turned(np.pi))),
    "half a right angle": _v(_all(_turned(np.pi / 4))),
    "mirrored in x": _v(_all(_x_mirrored), "left_handed"),
    "quaternions wxyz read as xyzw": _v(_all(lambda c: like(c, quat=c.quat_wxyz[:, [3, 0, 1, 2]])), "quaternion_xyzw"),
    "quaternions conjugated": _v(_all(lambda c: like(c, quat=c.quat_wxyz * (1, -1, -1, -1))), "yaw_sign", "euler_order"),
    "x and y exchanged": _v(_all(lambda c: like(c, center=c.center_m[:, [1, 0, 2]], quat=quat_from_yaw(np.pi / 2 - c.yaw_rad))), "left_handed"),
    "z down": _v(_all(lambda c: like(c, center=c.center_m * (1, -1, -1), quat=c.quat_wxyz * MIRROR))),
    "centimetres": _v(_all(lambda c: like(c, center=c.center_m * 100, size=c.size_m * 100)), "utm"),
    "half sizes": _v(_all(lambda c: like(c, size=c.size_m / 2))),
    "labels of the frame before": _v(frames_later, "clock_offset"),
    "labels of frames backward": _v(frames_backward, "clock_offset"),
    "stamps a thousandth": _v(stamps_times(1e-3, True)),
    "stamps a thousandfold": _v(stamps_times(1e3, True)),
    "stamps of sweeps a thousandth of those of poses": _v(stamps_times(1e-3, False), "clock_offset"),
    "turns of poses inverted": _v(poses_turned),
    "distortion left out": _v(undistorted),
    "pictures half as large as told": _v(resized, "scaled_intrinsics"),
}


# ------------------------------------------------------------ the trial


@dataclass(frozen=True)
class Answer:
    """planted : what was; said : see `outcome`; why : what the doctor said of it; found : what it found"""

    recording: str
    part: str
    planted: str
    said: str
    why: str
    found: tuple[str, ...]


def outcome(fault: str, names: frozenset[str], diagnosis: Diagnosis) -> str:
    """What is to be said of one examination: of sound data (fault ""), of a planted fault, or of a variation (fault "other")."""
    there = {one.fault for one in diagnosis.found}
    if there - names:
        return "wrong name" if fault else "false alarm"
    if there or not fault:
        return "found" if fault else "nothing found"
    return "said not to be there" if fault in FAULTS and diagnosis[fault].presence == Presence.ABSENT else "undecidable"


def trial(scenes: Mapping[str, bw.Scene], parts: Sequence[str], variations: Mapping[str, Variation]) -> list[Answer]:
    """Each fault, and each variation, planted into each part of each recording that can have it, and nothing."""
    plans = {"": Variation(lambda scene: scene, frozenset())}
    plans |= {fault: Variation(lambda scene, fault=fault: planted(scene, fault), frozenset([fault])) for fault in FAULTS}
    answers = []
    for name, whole in scenes.items():
        for part in parts:
            sound = PARTS[part](whole)
            for planned, variation in (plans | dict(variations)).items() if sound is not None and sound.tracks else ():
                scene = variation.plant(sound)
                if scene is not None:
                    diagnosis = examine(scene)
                    said = outcome(planned, variation.names, diagnosis)
                    why = diagnosis[planned].saw if planned in FAULTS else ""
                    answers.append(Answer(name, part, planned, said, why, tuple(one.fault for one in diagnosis.found)))
        print(f"{name}: done", flush=True)
    return answers


def table(answers: Sequence[Answer]) -> list[str]:
    """What was planted by how often the doctor said what; below it each answer that is wrong."""
    columns = ["found", "undecidable", "said not to be there", "wrong name"]
    counts = Counter((one.planted, one.said) for one in answers)
    sound, alarms = counts["", "nothing found"], counts["", "false alarm"]
    lines = [f"Without a fault: {sound + alarms} examined, {alarms} with a finding.", ""]
    lines += [f"| planted | {' | '.join(columns)} |", "|---|---|---|---|---|"]
    for name in dict.fromkeys(one.planted for one in answers if one.planted):
        lines.append(f"| {name} | {' | '.join(str(counts[name, column]) for column in columns)} |")
    wrong = [one for one in answers if one.said in ("wrong name", "false alarm", "said not to be there")]
    told = [f"- {one.recording}, {one.part}, {one.planted or 'nothing planted'}: {one.said} {', '.join(one.found)}".rstrip() for one in wrong]
    return [*lines, *(["", "Wrong:", "", *told] if told else [])]


def reasons(answers: Sequence[Answer], most: int = 3) -> list[str]:
    """Of each fault the usual reasons why it was undecidable, with N for numbers."""
    counts = Counter((one.planted, re.sub(r"[-+]?\d+(\.\d+)?", "N", one.why)) for one in answers if one.said == "undecidable" and one.why)
    lines, seen = ["", "Undecidable, the usual reasons, and how often:", ""], Counter[str]()
    for (fault, why), n in sorted(counts.items(), key=lambda item: (list(FAULTS).index(item[0][0]), -item[1])):
        seen[fault] += 1
        if seen[fault] <= most:
            lines.append(f"- {fault}, {n}: {why}")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", help="recordings whose names hold one of these")
    parser.add_argument("--parts", nargs="*", default=list(PARTS), choices=list(PARTS), help="which parts of each")
    options = parser.parse_args()
    scenes = {name: scene for name, scene in recordings().items() if options.only is None or any(one in name for one in options.only)}
    print("\n".join(table(trial(scenes, options.parts, VARIATIONS))))


if __name__ == "__main__":
    main()
