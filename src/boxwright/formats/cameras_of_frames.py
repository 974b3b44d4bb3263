"""Cameras that a file tells picture by picture, frame after frame, each with its lens and where it was: the sensors and pictures of a scene."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..arrays import Float64s, Int64s
from ..cameras import Camera, FisheyeCamera, PinholeCamera, UncalibratedCamera
from ..errors import BoxwrightError, FormatError, number_of
from ..frames import Pose, Trajectory
from ..problems import Problems
from ..scene import CameraSensor
from .images import IMAGE_SUFFIXES, image_size_px
from .looking import names_of, subfolders
from .strict_json import Node

__all__ = ["Cameras", "Lens", "OtherLenses", "PictureFiles", "Shot", "cameras_of", "listed"]

_STILL_M, _STILL_RAD = 0.01, 0.002  # a camera that is further off on the vehicle in another frame is told to move
_LITTLE = 1e-4


class Lens(NamedTuple):
    """A lens without the size of its picture. kind : PinholeCamera or FisheyeCamera; distortion : as these take it"""

    kind: type[PinholeCamera | FisheyeCamera]
    fx_px: float
    fy_px: float
    cx_px: float
    cy_px: float
    distortion: tuple[float, ...] = ()

    def of_size(self, width_px: int, height_px: int) -> PinholeCamera | FisheyeCamera:
        return self.kind(width_px, height_px, self.fx_px, self.fy_px, self.cx_px, self.cy_px, self.distortion)

    def checked(self, node: Node) -> Lens:
        """FormatError where no lens has such numbers."""
        try:
            self.of_size(1, 1)
        except BoxwrightError as error:
            raise node.wrong(f"a lens: {error.field}, {error.expected}", error.got, "correct the calibration") from None
        return self


@dataclass(frozen=True)
class Shot:
    """A picture of a frame as a file tells it.

    frame : its index; camera : the name of what took it
    file : None where the file is not there
    lens : None where nobody tells
    place : where the camera was, in the world less the scene's origin; in the frame of the frame's own cloud where the scene has no poses
    time_ns : when it was taken, None where nobody tells
    mount : where the camera sits, in the frame of the cloud when both are of one moment; None where `place` alone tells it
    """

    frame: int
    camera: str
    file: Path | None
    lens: Lens | None = None
    place: Pose | None = None
    time_ns: int | None = None
    mount: Pose | None = None


@dataclass(frozen=True)
class Cameras:
    """What a scene takes of them.

    images : camera -> F files; sizes_px : camera -> (width, height)
    places : time -> world_from_ego less the origin, at exposures between the frames
    """

    sensors: dict[str, CameraSensor] = field(default_factory=dict)
    images: dict[str, Sequence[Path | None]] = field(default_factory=dict)
    sizes_px: dict[str, tuple[int, int]] = field(default_factory=dict)
    places: dict[int, Pose] = field(default_factory=dict)


class OtherLenses(Counter[str]):
    """How many pictures have a lens that boxwright has no model for, by its name."""

    def notes(self) -> list[str]:
        return [f"{number_of(n, 'picture')} through a lens {kind!r}, which is not known here: without calibration" for kind, n in self.items()]


class PictureFiles:
    """The pictures in some folders and the folders in these, by the end of the address that a file has for them. So no address leads elsewhere."""

    def __init__(self, *folders: Path) -> None:
        self._found: dict[str, Path] = {}
        for folder in folders:
            for place in (folder, *(subfolders(folder) if folder.is_dir() else ())):
                for name in names_of(place, r"[^.].*\.(?i:png|jpe?g)"):
                    for called in (f"{place.name}/{name}", name):
                        self._found.setdefault(called, place / name)

    def find(self, address: str) -> Path | None:
        parts = [part for part in address.partition("?")[0].replace("\\", "/").split("/") if part]
        return self._found.get("/".join(parts[-2:])) or self._found.get("".join(parts[-1:]))


def listed(node: Node, key: str, problems: Problems) -> list[Node]:
    """What a list that need not be there holds; nothing of what is none, in lenient reading."""
    found = list[Node]()
    with problems.aside(node.value):
        found = list(node.get(key, []))
    return found


def cameras_of(shots: Sequence[Shot], times_ns: Int64s, has_time: bool, near: Trajectory | None, notes: list[str]) -> Cameras:
    """The cameras that took these pictures; what does not fit one camera that is mounted once is told in `notes`.

    times_ns : (F,) of the frames; has_time : whether they are times
    near : where the vehicle was, in the frame of the shots' places; None where these are in the frame of each frame's cloud
    """
    found = Cameras()
    by_camera: dict[str, dict[int, Shot]] = {}
    for shot in shots:
        by_camera.setdefault(shot.camera, {}).setdefault(shot.frame, shot)
    for name, mine in by_camera.items():
        size_px = _size_px(mine)
        if size_px is None:
            notes.append(f"camera {name!r}: none of its pictures is there, and nothing else tells their size: it is left out")
            continue
        lenses = [shot.lens for shot in mine.values() if shot.lens is not None]
        if len(set(lenses)) > 1:
            notes.append(f"camera {name!r}: its lens is not the same in all frames; that of the first is taken")
        mounted = _Mounted(mine, times_ns, has_time, near)
        lens: Camera = UncalibratedCamera(*size_px)
        if lenses and mounted.ego_from_cam is not None:
            lens = lenses[0].of_size(*size_px)
            notes += mounted.notes(name)
        found.sensors[name] = CameraSensor(name, lens, mounted.ego_from_cam or Pose.identity(), mounted.times_ns)
        found.images[name] = [mine[i].file if i in mine else None for i in range(len(times_ns))]
        found.sizes_px[name] = size_px
        for time, pose in mounted.places().items():
            found.places.setdefault(time, pose)
    return found


def _size_px(shots: Mapping[int, Shot]) -> tuple[int, int] | None:
    """Of the first picture that tells it."""
    for shot in shots.values():
        if shot.file is not None and shot.file.suffix.lower() in IMAGE_SUFFIXES:
            try:
                return image_size_px(shot.file)
            except FormatError:
                continue  # told when it is asked for
    return None


class _Mounted:
    """Where one camera sits on the vehicle, and when it exposed.

    ego_from_cam : of the frame whose exposure is nearest to its stamp, None where no place is known
    times_ns : (F,) of its exposures, None where they are the frames' stamps or unknown
    """

    def __init__(self, shots: Mapping[int, Shot], times_ns: Int64s, has_time: bool, near: Trajectory | None) -> None:
        self.near = near
        told = [shot for shot in shots.values() if shot.place is not None]
        stamps = {shot.frame: int(times_ns[shot.frame]) for shot in shots.values()}
        taken = {i: shot.time_ns if shot.time_ns is not None and has_time else stamps[i] for i, shot in shots.items()}
        at_stamps, at_exposures = (self._mounts(told, moments) for moments in (stamps, taken))
        # some tell when a picture was taken and yet place its camera as of the frame's own stamp
        is_of_stamps = _spread(at_stamps)[2] < _spread(at_exposures)[2] / 2 and _spread(at_exposures)[2] > _LITTLE
        mounts, moments = (at_stamps, stamps) if is_of_stamps else (at_exposures, taken)
        self._moves_m, self._turns_rad, _ = _spread(mounts)
        self._is_of_stamps = is_of_stamps
        nearest = min(mounts, key=lambda i: abs(moments[i] - stamps[i]), default=None)
        self.ego_from_cam = None if nearest is None else mounts[nearest]
        late = np.array([moments[i] - stamps[i] for i in shots], np.int64)
        self.times_ns: Int64s | None = None
        if late.any():
            exposures = times_ns + np.int64(np.median(late))
            exposures[list(shots)] = [moments[i] for i in shots]
            self.times_ns = exposures
        self._told = {moments[shot.frame]: shot.place for shot in told if moments[shot.frame] != stamps[shot.frame]}

    def _mounts(self, told: Sequence[Shot], moments: Mapping[int, int]) -> dict[int, Pose]:
        """Frame -> ego_from_cam, where it is known: as it is told, else where the camera was, seen from where the vehicle is known to have been."""
        if self.near is None:
            return {shot.frame: shot.place for shot in told if shot.place is not None}
        if any(shot.mount is not None for shot in told):
            return {shot.frame: shot.mount for shot in told if shot.mount is not None}
        held = self.near
        covered = [shot for shot in told if held.covers([moments[shot.frame]])[0]]
        # where no exposure lies between known places, the nearest of these has to do
        return {
            shot.frame: held.at(moments[shot.frame], outside="raise" if covered else "hold").inverse() @ shot.place
            for shot in covered or told
            if shot.place is not None
        }

    @property
    def _is_still(self) -> bool:
        return self._moves_m <= _STILL_M and self._turns_rad <= _STILL_RAD

    def places(self) -> dict[int, Pose]:
        """Exposure -> world_from_ego, where the camera tells it and sits still."""
        if self.near is None or self.ego_from_cam is None or not self._is_still:
            return {}
        back = self.ego_from_cam.inverse()
        return {time: place @ back for time, place in self._told.items() if place is not None}

    def notes(self, name: str) -> list[str]:
        found = []
        if self._is_of_stamps:
            found.append(f"camera {name!r}: its places are those at the frames' own stamps, so when its pictures were taken is left out")
        if not self._is_still:
            by = f"{self._moves_m:.2g} m and {math.degrees(self._turns_rad):.2g} degrees"
            found.append(f"camera {name!r}: its place on the vehicle differs by up to {by} between frames; that of one frame is taken")
        return found


def _spread(mounts: Mapping[int, Pose]) -> tuple[float, float, float]:
    """How far places are from the first, and how far turned; and the sum of both."""
    if len(mounts) < 2:
        return 0.0, 0.0, 0.0
    shifts: Float64s = np.stack([pose.translation_m for pose in mounts.values()])
    turns: Float64s = np.stack([pose.rotation for pose in mounts.values()])
    moved = float(np.linalg.norm(shifts - shifts[0], axis=1).max())
    turned = float(np.linalg.norm(turns - turns[0], axis=(1, 2)).max()) / math.sqrt(2)  # of small angles
    return moved, turned, moved + turned
