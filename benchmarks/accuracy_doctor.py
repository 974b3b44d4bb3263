"""The convention doctor on recordings with planted faults: a table of fault x dataset.

    python benchmarks/accuracy_doctor.py            KITTI, Argoverse 2, SUSTechPOINTS, DGP (BOXWRIGHT_REAL_DATA) and the sample
    python benchmarks/doctor_page.py                the page of it, and of more

Each fault is planted into a sound scene as a wrong reader or a wrong file would have it, and nothing else is changed. A cell says what the doctor
says of that fault then; where it finds another one too, or instead, that is told.
"""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

import boxwright as bw
from boxwright.diagnosis import FAULTS, Diagnosis, Presence, examine
from boxwright.rotations import quat_from_euler, quat_from_yaw, quat_multiply
from boxwright.sample import sample_folder

LATE_NS = 200_000_000
Change = Callable[[bw.Cuboids], bw.Cuboids]


# ------------------------------------------------------------ planting


def relabelled(scene: bw.Scene, change: Change) -> bw.Scene:
    """The scene with its cuboids changed in the LiDAR's frame, at every frame's own moment."""
    frame = "lidar" if scene.lidars else "ego"
    tracks = []
    for track in scene.tracks:
        stamps = np.intersect1d(track.times_ns, scene.times_ns)
        rows = np.isin(track.times_ns, stamps)
        if not rows.any():
            continue
        kept = track.take(rows)
        if scene.label_frame in (frame, *list(scene.lidars)[:1]):
            cuboids = change(kept.cuboids)
        else:
            moved = [_moved(scene, kept.cuboids[k : k + 1], int(stamp), frame, change) for k, stamp in enumerate(kept.times_ns.tolist())]
            cuboids = bw.Cuboids.concatenate(moved)
        tracks.append(kept.replace(cuboids=cuboids.replace(frame=scene.label_frame)))
    return scene.replace(tracks=tracks)


def _moved(scene: bw.Scene, cuboids: bw.Cuboids, stamp: int, frame: str, change: Change) -> bw.Cuboids:
    there = scene.transform(frame, scene.label_frame, stamp)
    return change(cuboids.transformed(there, frame=frame)).transformed(there.inverse(), frame=scene.label_frame)


def like(cuboids: bw.Cuboids, center: np.ndarray | None = None, size: np.ndarray | None = None, quat: np.ndarray | None = None) -> bw.Cuboids:
    given = (cuboids.center_m if center is None else center, cuboids.size_m if size is None else size)
    return bw.Cuboids(*given, quat_wxyz=cuboids.quat_wxyz if quat is None else quat, frame=cuboids.frame)


MIRROR = np.array([1.0, -1.0, 1.0, -1.0])
LABEL_FAULTS: dict[str, Change] = {
    "quaternion_xyzw": lambda c: like(c, quat=c.quat_wxyz[:, [1, 2, 3, 0]]),
    "utm": lambda c: like(c, center=c.center_m + np.array([500_123.4, 5_400_321.7, 112.0])),
    "size_hwl": lambda c: like(c, size=c.size_m[:, [2, 1, 0]]),
    "size_wlh": lambda c: like(c, size=c.size_m[:, [1, 0, 2]]),
    "left_handed": lambda c: like(c, center=c.center_m * (1, -1, 1), quat=c.quat_wxyz * MIRROR),
    "yaw_sign": lambda c: like(c, quat=c.quat_wxyz * MIRROR),
    "yaw_zero_axis": lambda c: like(c, quat=quat_multiply(c.quat_wxyz, quat_from_yaw(np.full(len(c), -np.pi / 2)))),
    "degrees": lambda c: like(c, quat=quat_from_yaw(np.degrees(c.yaw_rad))),
    "bottom_centre": lambda c: like(c, center=c.center_m - (0, 0, 0.5) * c.size_m),
    "euler_order": lambda c: like(c, quat=_in_another_order(c)),
}


def _in_another_order(cuboids: bw.Cuboids) -> np.ndarray:
    """Angles about x, y, z that were written for Rx Ry Rz and are put together as Rz Ry Rx."""
    from scipy.spatial.transform import Rotation

    angles = Rotation.from_quat(cuboids.quat_wxyz[:, [1, 2, 3, 0]]).as_euler("XYZ")
    return np.array([quat_from_euler(row[::-1], "ZYX") for row in angles]).reshape(-1, 4)


def with_cameras(scene: bw.Scene, change: Callable[[bw.CameraSensor], bw.CameraSensor]) -> bw.Scene:
    return scene.replace(cameras={name: change(sensor) for name, sensor in scene.cameras.items()})


def inverted(scene: bw.Scene) -> bw.Scene:
    ego_from_lidar = scene.ego_from("lidar")
    return with_cameras(scene, lambda one: replace(one, ego_from_cam=ego_from_lidar @ (one.ego_from_cam.inverse() @ ego_from_lidar)))


def scaled(scene: bw.Scene) -> bw.Scene:
    names = ("fx_px", "fy_px", "cx_px", "cy_px")
    return with_cameras(scene, lambda one: replace(one, camera=replace(one.camera, **{name: getattr(one.camera, name) / 2 for name in names})))


def swapped(scene: bw.Scene) -> bw.Scene | None:
    """The calibrations of the first two cameras whose pictures have one size are exchanged; None where there are no two."""
    by_size: dict[tuple[int, int], list[str]] = {}
    for name, sensor in scene.cameras.items():
        by_size.setdefault(sensor.camera.size_px, []).append(name)
    a, b, *_ = [*max(by_size.values(), key=len), None]
    if b is None:
        return None
    one, two = scene.cameras[a], scene.cameras[b]
    exchanged = {a: replace(one, camera=two.camera, ego_from_cam=two.ego_from_cam), b: replace(two, camera=one.camera, ego_from_cam=one.ego_from_cam)}
    return scene.replace(cameras={**scene.cameras, **exchanged})


def late(scene: bw.Scene) -> bw.Scene | None:
    """The poses have stamps of another clock."""
    known = scene.trajectory
    return None if known is None else with_trajectory(scene, bw.Trajectory(known.times_ns + LATE_NS, [known[i] for i in range(len(known))]))


def opengl(scene: bw.Scene) -> bw.Scene:
    """Cameras' axes with y up and z back."""
    return with_cameras(scene, lambda one: replace(one, ego_from_cam=one.ego_from_cam @ bw.Pose(np.diag([1.0, -1.0, -1.0]))))


def poses_inverted(scene: bw.Scene) -> bw.Scene | None:
    """Each pose of the vehicle is the inverse of what it is; labels were drawn in the sensor's frame."""
    return with_poses(scene, lambda pose: pose.inverse())


def with_poses(scene: bw.Scene, change: Callable[[bw.Pose], bw.Pose]) -> bw.Scene | None:
    known = scene.trajectory
    return None if known is None else with_trajectory(scene, bw.Trajectory(known.times_ns, [change(known[i]) for i in range(len(known))]))


def with_trajectory(scene: bw.Scene, trajectory: bw.Trajectory) -> bw.Scene:
    """With other poses; labels were drawn in the sensor's frame, and the world is where these poses put them."""
    other = scene.replace(trajectory=trajectory, tracks=())
    if scene.label_frame != "world":
        return other.replace(tracks=scene.tracks)
    tracks = []
    for track in scene.tracks:
        rows = np.isin(track.times_ns, scene.times_ns) & trajectory.covers(track.times_ns)
        if rows.any():
            kept = track.take(rows)
            ways = [other.world_from_ego(int(t)) @ scene.world_from_ego(int(t)).inverse() for t in kept.times_ns]
            cuboids = [kept.cuboids[k : k + 1].transformed(way, frame="world") for k, way in enumerate(ways)]
            tracks.append(kept.replace(cuboids=bw.Cuboids.concatenate(cuboids)))
    return other.replace(tracks=tracks)


RIG_FAULTS = {
    "inverted_extrinsic": inverted,
    "camera_axes": opengl,
    "inverted_poses": poses_inverted,
    "scaled_intrinsics": scaled,
    "swapped_cameras": swapped,
    "clock_offset": late,
}


def planted(scene: bw.Scene, fault: str) -> bw.Scene | None:
    """The scene with one fault; None where it has nothing that could have it."""
    if fault in LABEL_FAULTS:
        return relabelled(scene, LABEL_FAULTS[fault])
    return RIG_FAULTS[fault](scene) if scene.cameras or fault in ("clock_offset", "inverted_poses") else None


# ------------------------------------------------------------ the table


def real_folder() -> Path:
    return Path(os.environ.get("BOXWRIGHT_REAL_DATA") or Path(__file__).resolve().parents[2] / "shared" / "real")


def datasets() -> dict[str, bw.Scene]:
    """Name -> a sound scene; those that are not there are left out."""
    clip, truth = (bw.read(sample_folder(), scene=name) for name in ("clip", "truth"))
    found = {"sample": clip.replace(tracks=truth.tracks, image_tracks=truth.image_tracks)}
    real = real_folder()
    places = {
        "KITTI tracking 0001": ("kitti_tracking", "0001"),
        "Argoverse 2 7fab2350": ("av2/sensor/7fab2350-7eaf-3b7e-a39d-6937a4c1bede", None),
        "SUSTechPOINTS": ("sustechpoints/example", None),
        "DGP": ("dgp/scene_01", None),
    }
    if (real / "load.py").is_file():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", bw.SensorFrameFallback)
            found |= {name: bw.read(real / place, scene=scene) for name, (place, scene) in places.items()}
    return found


def cell(fault: str, diagnosis: Diagnosis) -> str:
    """What is said of a planted fault; none planted where it is empty."""
    others = [one.fault for one in diagnosis.found if one.fault != fault]
    said = str(diagnosis[fault].presence) if fault else ""
    return " and ".join([*([said] if said else []), *[f"{name} FOUND" for name in others]]) or "nothing found"


def table(scenes: dict[str, bw.Scene]) -> list[str]:
    """The table, and below it why faults are undecidable."""
    lines, reasons = [f"| planted | {' | '.join(scenes)} |", f"|---|{'---|' * len(scenes)}"], ["", "Undecidable, and why:", ""]
    for fault in ("", *FAULTS):
        cells = []
        for name, sound in scenes.items():
            scene = planted(sound, fault) if fault else sound
            diagnosis = None if scene is None else examine(scene)
            cells.append("cannot be planted" if diagnosis is None else cell(fault, diagnosis))
            if diagnosis is not None and fault and diagnosis[fault].presence == Presence.UNDECIDABLE:
                reasons.append(f"- {name}, {fault}: {diagnosis[fault].saw}")
        lines.append(f"| {fault or 'nothing'} | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    return lines + reasons


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    table(datasets())
