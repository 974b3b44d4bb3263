"""Where the vehicle was in a KITTI recording: GPS/IMU rows (`oxts`), or a csv file of poses.

oxts/0000.txt     lat lon alt roll pitch yaw ... (30 numbers), one line per frame
poses/0000.csv    frame, t_s, m00..m33 = world_from_velo, row by row
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path

import numpy as np

from .. import rotations
from ..arrays import Float64s, Int64s
from ..errors import BoxwrightError, FormatError, number_of
from ..frames import Pose, Trajectory
from ..limits import has_file
from .kitti_labels import finite_numbers, text_lines, whole_number

__all__ = [
    "EARTH_RADIUS_M",
    "FRAME_NS",
    "SPLITS",
    "WORLD",
    "PoseRows",
    "folder_and_name",
    "mercator_poses",
    "nanoseconds",
    "oxts_row",
    "oxts_rows_from_poses",
    "read_poses",
    "split_folders",
]

FRAME_NS = 100_000_000
WORLD = "the world"  # what reports and certificates call it that all poses are against the first one
EARTH_RADIUS_M = 6378137.0
SPLITS = ("training", "testing")
_HINT = "correct the line or get the file again"
_OXTS = ("lat", "lon", "alt", "roll", "pitch", "yaw")
_MATRIX = tuple(f"m{i}{j}" for i in range(4) for j in range(4))


def split_folders(path: Path, looks_like: Callable[[Path], bool]) -> dict[str, Path]:
    """Prefix of its scenes' names -> folder of what is there; testing's scenes are called testing/0000 where training is there too."""
    if looks_like(path):
        return {"": path}
    found = [path / split for split in SPLITS if looks_like(path / split)]
    return {"" if i == 0 else f"{base.name}/": base for i, base in enumerate(found)}


def folder_and_name(folders: dict[str, Path], scene: str) -> tuple[Path, str]:
    """A scene's split, and its name there."""
    prefix = next(prefix for prefix in reversed(folders) if scene.startswith(prefix))
    return folders[prefix], scene.removeprefix(prefix)


@dataclass
class PoseRows:
    """Poses by frame: world_from_velo (csv) or world_from_imu (oxts), and the times a csv file gives."""

    path: Path | None = None
    frame: list[int] = field(default_factory=list)  # every frame the file names
    posed: list[int] = field(default_factory=list)
    matrices: list[Float64s] = field(default_factory=list)
    is_velo: bool = False
    stamps_ns: dict[int, int] = field(default_factory=dict)

    def times_of(self, n_frames: int) -> Int64s:
        times = np.arange(n_frames, dtype=np.int64) * FRAME_NS
        for frame, stamp in self.stamps_ns.items():
            times[frame] = stamp
        if self.stamps_ns and len(self.stamps_ns) < n_frames and any(stamp != frame * FRAME_NS for frame, stamp in self.stamps_ns.items()):
            first = next(i for i in range(n_frames) if i not in self.stamps_ns)
            raise FormatError("a frame has no time", got=f"frame {first}", path=self.path, hint="give every frame a line with its t_s")
        if (np.diff(times) <= 0).any():
            at = int(np.argmax(np.diff(times) <= 0)) + 1
            raise FormatError(
                expected="increasing times", got=f"{times[at]} ns after {times[at - 1]} ns at frame {at}", path=self.path, field="t_s", hint=_HINT
            )
        return times

    def trajectory(self, times: Int64s, ego_from_lidar: Pose) -> Trajectory | None:
        if not self.posed:
            return None
        poses = []
        for frame, matrix in zip(self.posed, self.matrices):
            try:
                pose = Pose.from_matrix(matrix, field=f"frame {frame}")
            except BoxwrightError as error:
                raise FormatError(error.what, expected=error.expected, got=error.got, path=self.path, field=error.field, hint=_HINT) from None
            poses.append(pose @ ego_from_lidar.inverse() if self.is_velo else pose)
        return Trajectory(times[self.posed], poses)


def read_poses(base: Path, sequence: str, velo_from_imu: Pose | None, notes: list[str]) -> PoseRows:
    """Those of oxts where they can be used, else of the first csv file; `notes` tell of the files that are left out."""
    folders = [folder / "poses" for folder in ((base, base.parent) if base.name in SPLITS else (base,))]
    tables = [folder / f"{sequence}.csv" for folder in folders if has_file(folder / f"{sequence}.csv")]
    oxts = base / "oxts" / f"{sequence}.txt"
    if velo_from_imu is not None and has_file(oxts):
        rows = [oxts_row(line, oxts, number) for number, line in text_lines(oxts)]
        if not rows:
            raise FormatError(
                expected=f"a line for each frame, first {' '.join(_OXTS)}",
                got="an empty file",
                path=oxts,
                hint="get the file again, or take it away to read without poses",
            )
        notes += [_left_out(path, oxts) for path in tables]
        frames = list(range(len(rows)))
        return PoseRows(oxts, frames, frames, mercator_poses(np.array(rows).reshape(-1, 6)))
    if not tables:
        return PoseRows()
    notes += [_left_out(path, tables[0]) for path in tables[1:]]
    return _read_csv(tables[0])


def _left_out(path: Path, taken: Path) -> str:
    return f"the poses of {'/'.join(path.parts[-3:])} are left out: those of {'/'.join(taken.parts[-3:])} are taken"


def oxts_row(line: str, path: Path, number: int) -> list[float]:
    """lat, lon (degrees), alt (m), roll, pitch, yaw (rad) of a line."""
    words = line.split()
    if len(words) < 6:
        expected = f"30 numbers, first {' '.join(_OXTS)}"
        raise FormatError(expected=expected, got=f"{len(words)}", path=path, offset=f"line {number}", hint=_HINT)
    return finite_numbers(words[:6], path, number, _OXTS)


def mercator_poses(rows: Float64s) -> list[Float64s]:
    """world_from_imu (4, 4) of each row lat, lon (degrees), alt (m), roll, pitch, yaw (rad), relative to the first.

    Mercator's projection at the first row's scale, as KITTI's development kit has it (Geiger et al., IJRR 32(11), 2013).
    """
    if not len(rows):
        return []
    radius_m = EARTH_RADIUS_M * np.cos(np.radians(rows[0, 0]))
    lat, lon = np.radians(rows[:, 0]), np.radians(rows[:, 1])
    poses = np.zeros((len(rows), 4, 4))
    poses[:, :3, 3] = np.stack([radius_m * lon, radius_m * np.log(np.tan(np.pi / 4 + lat / 2)), rows[:, 2]], 1)
    axes = np.eye(3)
    roll, pitch, yaw = (rotations.matrix_from_quat(rotations.quat_from_axis_angle(axes[i], rows[:, 3 + i])) for i in range(3))
    poses[:, :3, :3] = yaw @ pitch @ roll
    poses[:, 3, 3] = 1
    first = Pose.from_matrix(poses[0]).inverse()
    relative = np.zeros_like(poses)
    relative[:, :3, :3] = first.rotation @ poses[:, :3, :3]
    relative[:, :3, 3] = (poses[:, :3, 3] - poses[0, :3, 3]) @ first.rotation.T
    relative[:, 3, 3] = 1
    return list(relative)


def oxts_rows_from_poses(poses: Sequence[Pose]) -> Float64s:
    """(N, 6) rows lat, lon (degrees), alt (m), roll, pitch, yaw (rad) of world_from_imu: the inverse of `mercator_poses`, which gives the same poses
    relative to the first. The first lies at latitude and longitude 0, at its height in the world, and angles are against the world's axes.
    """
    if not len(poses):
        return np.zeros((0, 6))
    places = np.stack([pose.translation_m for pose in poses])
    x, y = ((places[:, :2] - places[0, :2]) / EARTH_RADIUS_M).T
    quats = rotations.quat_from_matrix(np.stack([pose.rotation for pose in poses]))
    lat = np.arctan(np.sinh(y))  # exact near 0, where the logarithm's own inverse is not
    return np.column_stack([np.degrees(lat), np.degrees(x), places[:, 2], rotations.euler_zyx_from_quat(quats)])


def _read_csv(path: Path) -> PoseRows:
    lines = text_lines(path)
    header = ["frame", "t_s", *_MATRIX]
    _, first = next(lines, (0, ""))
    if [word.strip() for word in first.split(",")] != header:
        raise FormatError(expected="a first line frame,t_s,m00,...,m33", got=first[:60] or "an empty file", path=path, offset="line 1", hint=_HINT)
    poses = PoseRows(path, is_velo=True)
    for number, line in lines:
        words = [word.strip() for word in line.split(",")]
        if len(words) != len(header):
            raise FormatError(expected=number_of(len(header), "value"), got=str(len(words)), path=path, offset=f"line {number}", hint=_HINT)
        frame = whole_number(words[0], path, number, "frame")
        if poses.frame and frame <= poses.frame[-1]:
            raise FormatError(
                expected="increasing frames", got=f"{frame} after {poses.frame[-1]}", path=path, offset=f"line {number}", field="frame", hint=_HINT
            )
        poses.frame.append(frame)
        poses.stamps_ns[frame] = nanoseconds(words[1], path, number)
        if any(words[2:]):  # a time alone is allowed
            poses.posed.append(frame)
            poses.matrices.append(np.array(finite_numbers(words[2:], path, number, _MATRIX)).reshape(4, 4))
    if not poses.frame:
        hint = "get the file again, or take it away to read without poses"
        raise FormatError(expected="a line for each frame after the first", got="none", path=path, hint=hint)
    return poses


def nanoseconds(word: str, path: Path, line: int, field: str = "t_s") -> int:
    """Of seconds written as decimal digits, exact; FormatError for what is no such number."""
    try:
        stamp = int((Decimal(word) * 1_000_000_000).to_integral_value())
        if abs(stamp) < 2**63:
            return stamp
    except (InvalidOperation, ValueError, OverflowError):
        pass
    raise FormatError(expected="seconds", got=repr(word[:40]), path=path, offset=f"line {line}", field=field, hint=_HINT)
