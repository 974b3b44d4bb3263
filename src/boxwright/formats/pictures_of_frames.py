"""The pictures of a scene's cameras as files for each frame, and where each camera was, for formats of frames."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..cameras import UncalibratedCamera
from ..errors import number_of
from ..frames import Pose
from ..scene import CameraSensor, Scene
from .boxwright_scene import is_safe_name
from .images import image_bytes
from .labelled_frames import sensor_frame
from .sensor_files import image_path
from .write_report import Told, WriteReport, lost_cameras

__all__ = ["MOUNT", "Picture", "Pictures", "mount_beside_place", "place_of_camera", "say_what_lenses_are_lost"]

MOUNT = (
    "boxwright_lidar_from_cam"  # of a picture that was not taken at its frame's stamp, where the camera sits on the vehicle; others leave it alone
)


@dataclass(frozen=True)
class Picture:
    """A picture of a frame that was written.

    sensor : what took it
    address : of its file in the folder, with slashes
    exposure_ns : when it was taken
    """

    sensor: CameraSensor
    address: str
    exposure_ns: int


class Pictures:
    """Writes the pictures frame by frame: copies of the files there are, PNG files of others.

    without : camera -> why the format cannot have it
    address : (folder's name for the camera, stem) -> where its file goes, without its ending
    """

    def __init__(
        self,
        scene: Scene,
        folder: Path,
        *,
        without: Mapping[str, str] | None = None,
        address: Callable[[str, str], str] = lambda camera, stem: f"cameras/{camera}/{stem}",
    ) -> None:
        self.scene, self.folder, self.address = scene, folder, address
        self.without = dict(without or {})
        self.names = [name for name in scene.cameras if name not in self.without]
        lower = Counter(name.lower() for name in self.names)
        self.called = {name: name if is_safe_name(name) and lower[name.lower()] == 1 else f"camera{k}" for k, name in enumerate(self.names)}
        self._n_of = Counter[str]()

    def of(self, frame_index: int, stem: str) -> list[Picture]:
        """Those of one frame, written."""
        found = []
        for name in self.names:
            if not self.scene.has_image(frame_index, name):
                continue
            source = image_path(self.scene.data, frame_index, name)
            suffix = ".png" if source is None else source.suffix.lower().replace(".jpeg", ".jpg")
            address = f"{self.address(self.called[name], stem)}{suffix}"
            file = self.folder / address
            file.parent.mkdir(parents=True, exist_ok=True)
            if source is None:
                file.write_bytes(image_bytes(self.scene.image(frame_index, name)))
            else:
                shutil.copyfile(source, file)
            self._n_of[name] += 1
            found.append(Picture(self.scene.cameras[name], address, int(self.scene.exposures_ns(name)[frame_index])))
        return found

    def say(self, report: WriteReport) -> None:
        """Once all frames are written: which cameras and pictures are not there."""
        why = {name: "it has no picture, and cameras are known by their pictures" for name in self.names if not self._n_of[name]}
        n_without = sum(self.scene.has_image(i, name) for name in self.without for i in range(len(self.scene)))
        report.dropped += lost_cameras({**self.without, **why})
        if n_without:
            report.dropped.append(Told("pictures", f"{number_of(n_without, 'picture')} of these cameras", self.without))
        for name, n in self._n_of.items():
            if n < len(self.scene):
                report.missing.append(Told("pictures", f"{number_of(len(self.scene) - n, 'frame')} without a picture of {name}"))


def say_what_lenses_are_lost(scene: Scene, why: Mapping[str, str], report: WriteReport) -> None:
    """For formats that take pictures without calibration. why : camera -> why the format cannot have its lens"""
    known = {name: said for name, said in why.items() if not isinstance(scene.cameras[name].camera, UncalibratedCamera)}
    report.dropped += lost_cameras({name: f"{said}: without calibration" for name, said in known.items()}, "calibration")


def place_of_camera(scene: Scene, frame_index: int, camera: str, reference: str) -> Pose:
    """reference_from_cam: the reference at the frame's stamp, the camera at its exposure, with the vehicle's motion between them where it is known.

    In the world, where no place is known that early or late, the first or last one.
    """
    stamp, exposure = int(scene.times_ns[frame_index]), int(scene.exposures_ns(camera)[frame_index])
    if scene.trajectory is None:
        return scene.transform(reference, camera, stamp)
    if reference == "world":
        return scene.trajectory.at(exposure, outside="hold") @ scene.ego_from(camera)
    if not scene.trajectory.covers([stamp, exposure]).all():
        exposure = stamp
    return scene.transform(reference, camera, exposure, target_time_ns=stamp)


def mount_beside_place(scene: Scene, frame_index: int, camera: str) -> Pose | None:
    """lidar_from_cam on the vehicle, ego_from_cam without a LiDAR, where the vehicle has moved until the picture is taken: of where the camera is
    then, nobody else knows what is motion."""
    exposure = int(scene.exposures_ns(camera)[frame_index])
    if scene.trajectory is None or exposure == int(scene.times_ns[frame_index]):
        return None
    return scene.transform(sensor_frame(scene), camera, exposure)
