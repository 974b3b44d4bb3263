"""What is in the sweeps and pictures that came back, held against those that were given, one frame at a time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Float64s, as_points
from ..errors import BoxwrightError, number_of
from ..formats.declared import spelled
from ..formats.sensor_files import image_path
from ..formats.sweep_losses import DESKEWED, NOT_FINITE, OWN_STAMP, columns_of
from ..formats.write_report import WriteReport
from ..frames import Pose
from ..points import Sweep
from ..scene import Scene
from .fields import Found
from .placed import with_cameras
from .rows import Clip
from .told import Gone, Loss, lost

__all__ = ["Compared", "Contents", "compare_pictures", "compare_sweeps"]

_EPS = {np.dtype(kind): float(np.finfo(kind).eps) for kind in (np.float32, np.float64)}
_BLOCK_PX = 16  # JPEG keeps the mean of a block, whatever it does within: of colours in 16 px
_JPEG_LEVELS, _JPEG_LEVELS_OF_ALL = 16.0, 6.0  # of any block, and of all of them, root mean square
_SIX_DECIMALS = 1e-6


@dataclass(frozen=True)
class Compared:
    """kind : "sweeps" or "pictures". n : how many were compared, n_values : of how many points or pixels. moved, allowed : the furthest that a
    coordinate of a point moved, and may, metres; or a level of a pixel, of 255: where pictures are compressed, of the means of blocks"""

    kind: str
    n: int
    n_values: int
    moved: float
    allowed: float


@dataclass
class Contents:
    """Of one kind. gone : sweeps or pictures that did not come back, or not with all that belongs to them. wrong : those that came back as others
    than were given, one sentence each; the rest as `Compared`"""

    kind: str
    allowed: float = 0.0
    n_given: int = 0
    n: int = 0
    n_values: int = 0
    moved: float = 0.0
    gone: list[Gone] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def found(self) -> Found:
        return self.n_given, self.gone

    @property
    def compared(self) -> tuple[Compared, ...]:
        return (Compared(self.kind, self.n, self.n_values, self.moved, self.allowed),) if self.n else ()

    @property
    def reasons(self) -> list[str]:
        """The first that is wrong, and how many more there are."""
        more = f", and {len(self.wrong) - 1:,} more are wrong" if len(self.wrong) > 1 else ""
        return [f"{line}{more}" for line in self.wrong[:1]]

    def saw(self, n_values: int, moved: float, allowed: float) -> bool:
        """Counts one that was compared; whether it is as it was."""
        self.n, self.n_values = self.n + 1, self.n_values + n_values
        self.moved, self.allowed = max(self.moved, moved), max(self.allowed, allowed)
        return moved <= allowed


# ------------------------------------------------------------ sweeps


def compare_sweeps(given: Clip, back: Clip, frame: str, room_m: float, report: WriteReport) -> Contents:
    """Every sweep: whether it is there, with all of its points, where they were, and its columns.

    frame : "ego" where the format has points in the vehicle's frame; in others they are seen from the first LiDAR
    room_m : what a format's own frame rounds away, beside what its writer tells
    """
    found = Contents("sweeps", report.tolerance_points_m + room_m)
    exact = found.allowed
    for place, ((scene, i), (other, j)) in enumerate(zip(given.places, back.places)):
        clouds, ends, firsts = dict[str, Sweep](), dict[str, int](), dict[str, int]()
        try:
            clouds = {name: other.points(j, name) for name in other.lidars if other.has_points(j, name)}
        except BoxwrightError as error:
            found.wrong.append(f"a sweep of frame {place} cannot be read: {error}")
        for k, name in enumerate(scene.lidars):
            if scene.has_points(i, name):
                found.n_given += 1
                called = _called(name, k, list(other.lidars))
                start = ends.get(called, 0)
                if called not in clouds or 0 < start == len(clouds[called]):
                    found.gone.append(lost(name))
                    continue
                mine = scene.points(i, name)
                first = firsts.setdefault(called, mine.timestamp_ns)
                came_ns = clouds[called].timestamp_ns - int(other.times_ns[j]) + int(scene.times_ns[i])
                stamps = _stamps_of_points(came_ns, mine.timestamp_ns, first, int(scene.times_ns[i]))
                poses = _cloud_from_sweep((scene, name, mine), (other, called), stamps, frame)
                held = _Held(f"the sweep of {name} at frame {place}", mine, clouds[called], start, mine.timestamp_ns - came_ns)
                ends[called] = start + _compare(found, held, poses, exact)
        for called, cloud in clouds.items():
            if ends.get(called, 0) < len(cloud):
                found.wrong.append(f"{number_of(len(cloud) - ends.get(called, 0), 'point')} of {called} at frame {place} that nobody gave")
    return found


def _called(name: str, k: int, theirs: Sequence[str]) -> str:
    """The LiDAR that has a sweep now: that of its name, else of its place in the list, else the only one, in which several may have become one."""
    return next(iter([name] if name in theirs else theirs[k : k + 1] or theirs[:1]), "")


def _stamps_of_points(came_ns: int, own_ns: int, first_ns: int, frame_ns: int) -> set[int]:
    """The moments at which the points of a cloud may be: the one that it tells. Where that is its frame's, nobody may have told it, and they are
    where they were, or where the first sweep in it was, as where several became one, or where the frame is."""
    told_ns = min(own_ns, first_ns, frame_ns, key=lambda stamp: abs(stamp - came_ns))
    return {own_ns, first_ns, frame_ns} if told_ns == frame_ns else {told_ns}


def _cloud_from_sweep(one: tuple[Scene, str, Sweep], two: tuple[Scene, str], stamps: Collection[int], frame: str) -> list[Pose]:
    """By where both LiDARs are on the vehicle, and with its motion until each of the stamps, where anybody knows it."""
    (scene, name, mine), (other, called) = one, two
    frame_from_cloud = other.ego_from(frame).inverse() @ other.ego_from(called)
    poses = list[Pose]()
    for stamp in stamps:
        if stamp != mine.timestamp_ns and scene.trajectory is not None and scene.trajectory.covers([mine.timestamp_ns, stamp]).all():
            poses.append(scene.transform(frame, name, mine.timestamp_ns, target_time_ns=stamp))
        else:
            poses.append(scene.ego_from(frame).inverse() @ scene.ego_from(name))
    return [frame_from_cloud.inverse() @ pose for pose in poses]


class _Held(NamedTuple):
    """A sweep and the cloud that has it from `start` on. later_ns : by how much its stamp is later in its frame than the cloud's is"""

    said: str
    mine: Sweep
    cloud: Sweep
    start: int
    later_ns: int


def _compare(found: Contents, held: _Held, poses: Sequence[Pose], exact_m: float) -> int:
    """How many points of the cloud are the sweep's."""
    mine, cloud = held.mine, held.cloud
    n_there, kept, gone = len(cloud) - held.start, np.ones(len(mine), bool), list[str]()
    if n_there < len(mine) and not mine.is_finite.all():
        kept, gone = mine.is_finite, [NOT_FINITE]
    n = int(kept.sum())
    if n_there < n:
        found.wrong.append(f"{held.said} came back with {n_there:,} of {number_of(n, 'point')}")
        return n_there
    there = slice(held.start, held.start + n)
    moved, room = min(_apart(np.asarray(as_points("sweep", mine))[kept], np.asarray(as_points("sweep", cloud))[there], pose) for pose in poses)
    if not found.saw(n, moved, exact_m + room):
        found.wrong.append(f"{held.said} has points that moved by up to {spelled(moved)} m, allowed are {spelled(exact_m + room)}")
        return n
    gone += [OWN_STAMP] if held.later_ns else []
    gone += [DESKEWED] if mine.is_deskewed != cloud.is_deskewed else []
    losses, theirs = [Loss(frozenset([one])) for one in gone], columns_of(cloud)
    for column, values in columns_of(mine).items():
        if column not in theirs or not _is_same(column, values[kept], theirs[column][there], held.later_ns):
            is_less = column in theirs and _is_rounded(values[kept], theirs[column][there])
            losses.append(Loss(frozenset([column]), is_less))
    found.gone += [tuple(losses)] if losses else []
    return n


def _apart(points: Any, theirs: Any, pose: Pose) -> tuple[float, float]:
    """The furthest that a coordinate is elsewhere, metres, and what moving the points rounds away. What is not finite has to be the same."""
    is_moved = not np.allclose(pose.matrix(), np.eye(4), rtol=0, atol=4 * _EPS[np.dtype(np.float64)])
    expected: Float64s = pose.apply(points) if is_moved else np.asarray(points, np.float64)
    finite = np.isfinite(expected)
    if not np.array_equal(expected[~finite], np.asarray(theirs, np.float64)[~finite], equal_nan=True) and not is_moved:
        return np.inf, 0.0
    reach = float(np.abs(expected[finite]).max(initial=0.0)) + float(np.abs(pose.translation_m).max())
    room = 64 * _EPS[np.dtype(np.float64)] * reach + (_EPS[theirs.dtype] * reach if points.dtype == theirs.dtype else 0.0) if is_moved else 0.0
    apart = np.abs(expected[finite] - theirs[finite])
    return float(np.nan_to_num(apart, nan=np.inf).max(initial=0.0)), room


def _is_same(column: str, values: Any, theirs: Any, later_ns: int) -> bool:
    """Times of points may be told from another stamp."""
    if np.array_equal(values, theirs, equal_nan=values.dtype.kind == "f"):
        return True
    return column == "time_offset_ns" and np.array_equal(values + later_ns, theirs)


def _is_rounded(values: Any, theirs: Any) -> bool:
    """Whether a column is the other as float32 or in six decimals; or from 0 to 1, where 1 is the most that it has, or that its type can have."""
    here, there = (np.nan_to_num(np.asarray(one, np.float64), posinf=0, neginf=0) for one in (values, theirs))
    whole = [float(np.iinfo(values.dtype).max)] if values.dtype.kind in "iu" else []
    room = _SIX_DECIMALS + _EPS[np.dtype(np.float32)] * np.abs(there)
    return any(bool((np.abs(here / one - there) <= room).all()) for one in (1.0, max(float(here.max(initial=0)), 1.0), *whole))


# ------------------------------------------------------------ pictures


def compare_pictures(given: Clip, back: Clip, report: WriteReport) -> Contents:
    """Every picture: whether it is there, pixel by pixel; where a report tells that it is compressed, whether it is that picture and no other."""
    found = Contents("pictures")
    for place, ((scene, i), (other, j), names) in enumerate(with_cameras(given, back)):
        for name in scene.cameras:
            if not scene.has_image(i, name):
                continue
            found.n_given += 1
            if name not in names or not other.has_image(j, names[name]):
                found.gone.append(lost(name))
                continue
            said = _wrong_picture(found, (scene, i, name), (other, j, names[name]), _may_be_less(name, report))
            if said:
                found.gone.append((Loss(frozenset()),))  # which no sentence about its camera excuses
                found.wrong.append(f"the picture of {name} at frame {place} {said}")
    return found


def _may_be_less(name: str, report: WriteReport) -> bool:
    return any("pictures" in told.fields and (told.of is None or name in told.of) for told in report.rounded)


def _wrong_picture(found: Contents, one: tuple[Scene, int, str], two: tuple[Scene, int, str], may_be_less: bool) -> str:
    """What is wrong with it, "" where nothing is."""
    (scene, i, name), (other, j, called) = one, two
    files = image_path(scene.data, i, name), image_path(other.data, j, called)
    try:
        theirs = other.image(j, called)
    except BoxwrightError as error:
        return f"cannot be read: {error}"
    n = theirs.shape[0] * theirs.shape[1]
    if files[0] is not None and files[1] is not None and files[0].read_bytes() == files[1].read_bytes():
        found.saw(n, 0.0, 0.0)
        return ""
    mine = scene.image(i, name)
    if mine.shape != theirs.shape:
        return "has {1} x {0} pixels now, and {3} x {2} were given".format(*theirs.shape[:2], *mine.shape[:2])
    if np.array_equal(mine, theirs):
        found.saw(n, 0.0, 0.0)
        return ""
    if not may_be_less:
        return "is another one than was given"
    furthest, apart = _furthest_block(mine, theirs), _blocks_apart(mine, theirs)
    neighbours = [(k, camera) for k in (i - 1, i, i + 1) for camera in scene.cameras if 0 <= k < len(scene) and (k, camera) != (i, name)]
    nearer = [scene.image(k, camera) for k, camera in neighbours if scene.has_image(k, camera)]
    is_nearer = any(picture.shape == theirs.shape and _blocks_apart(picture, theirs) < apart for picture in nearer)
    if not found.saw(n, furthest, _JPEG_LEVELS) or apart > _JPEG_LEVELS_OF_ALL or is_nearer:
        return "is another one than was given"
    return ""


def _furthest_block(one: Any, other: Any) -> float:
    """Levels of 255 between the means of a block, the most of any; blocks count from all sides, so that none is left out at an edge."""
    height, width = (n % _BLOCK_PX if n > _BLOCK_PX else 0 for n in one.shape[:2])
    starts = {(top, left) for top in (0, height) for left in (0, width)}
    return max(float(np.abs(_means_apart(one[top:, left:], other[top:, left:])).max()) for top, left in starts)


def _blocks_apart(one: Any, other: Any) -> float:
    """Levels of 255 between the means of all blocks, root mean square."""
    return float(np.sqrt((_means_apart(one, other) ** 2).mean()))


def _means_apart(one: Any, other: Any) -> Float64s:
    height, width = (max(n // _BLOCK_PX, 1) for n in one.shape[:2])
    step = [min(_BLOCK_PX, n) for n in one.shape[:2]]
    first, second = (np.asarray(each, np.int16)[: height * step[0], : width * step[1]] for each in (one, other))
    return np.asarray((first - second).reshape(height, step[0], width, step[1], -1).mean((1, 3), dtype=np.float64))
