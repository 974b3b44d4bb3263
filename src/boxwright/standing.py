"""Whether an object stands, as its points and keyframes tell; what stands has one pose and one size in all keyframes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from .arrays import Bools, Float64s
from .cuboids import Cuboid, Cuboids
from .errors import number_of
from .fitting import fit_cuboid
from .locking import lock_size
from .moments import base_frame, track_in_base
from .motion import moved
from .registration import ObjectModel
from .rotations import matrix_from_yaw, quat_from_yaw, quat_multiply, wrap_rad
from .scene import Scene
from .sightings import Sightings, starts_within
from .taxonomy import Taxonomy
from .tracks import Origin, Track, Visibility

__all__ = ["StaticSolve", "StaticVerdict", "solve_static"]

MOST_FRAMES = 16  # that are looked at
WATCHED_S = 1.5  # around a single keyframe
MARGIN_M = 0.1
EXPECTED = (0.5, 0.5, 0.1, 0.05)  # metres and radians; where the points of an object that stands may seem to be
DRAWN_M, FITTED_M = 0.1, 0.25  # what a keyframe that was drawn, or fitted, is off
CERTAIN = 0.01  # a probability below which standing is not believed
MOVED_M, KEYS_MOVED_M = 0.3, 0.5  # ways that points and keyframes have to tell
SLOWEST_M_S = 0.5  # what stands is not even this fast
AGREED_M = 0.3  # points so near their standing place explain a keyframe that is off
ALIKE_RAD = math.radians(15.0)
FEWEST_UNION, HEADING_SIGMA_RAD = 30, 0.02  # points of all frames that a fit is made of anew; the spread of the keyframes' middle heading


class StaticVerdict(StrEnum):
    """Whether an object stands."""

    STANDING = "standing"
    MOVING = "moving"
    UNDECIDED = "undecided"


@dataclass(frozen=True, eq=False)
class StaticSolve:
    """What `solve_static` found.

    track : with one pose where the object stands, otherwise as it was given
    verdict : StaticVerdict
    p_value : how probable it is that something standing gives such points and keyframes; NaN where nothing tells
    way_m, sigma_m : how far it seems to have gone, as its points tell or else its keyframes, and the standard deviation of that
    n_frames : whose points were laid onto each other
    """

    track: Track
    verdict: StaticVerdict
    p_value: float
    way_m: float
    sigma_m: float
    n_frames: int

    def __repr__(self) -> str:
        way = f"{self.way_m:.2f} m +- {self.sigma_m:.2f}, p {self.p_value:.2g}, {number_of(self.n_frames, 'frame')}"
        return f"StaticSolve({self.track.track_id!r}, {self.verdict}, {way})"


@dataclass(frozen=True, eq=False)
class _Way:
    """A straight way through places seen at (n,) times: its vector, covariance, the time it took, and the probability of it where nothing moves."""

    vector: Float64s
    covariance: Float64s
    seconds: float
    p_value: float

    @property
    def length_m(self) -> float:
        return float(np.hypot(*self.vector))

    @property
    def sigma_m(self) -> float:
        return math.sqrt(float(np.linalg.eigvalsh(self.covariance)[-1]))

    @property
    def is_slow(self) -> bool:
        """Whether it surely is slower than SLOWEST_M_S, and no further than MOVED_M."""
        return self.length_m + 2 * self.sigma_m <= max(SLOWEST_M_S * self.seconds, 2 * MOVED_M) and self.length_m <= MOVED_M


def solve_static(
    scene: Scene, track: Track | str, *, sensors: Sequence[str] | None = None, progress: Callable[[], Any] = lambda: None
) -> StaticSolve:
    """Tests whether an object stands, and gives all its keyframes one pose and size if it does.

    track : a Track in the scene's label frame, or the id of one of its tracks
    sensors : names of LiDARs, all by default
    progress : called once for each frame that is looked at

    The object's points of up to 16 frames between its first and last keyframe (around a single one) are laid onto each other in the world frame;
    a drift of theirs, or of the keyframes, beyond what noise allows says that it moves. It stands where a speed of 0.5 m/s can be ruled out and every
    keyframe that is off is explained by points that are not. Everything else is undecided and left alone. The pose is that of the middle of the
    keyframes, after `lock_size`; where all of them are fits, place, length and width are fitted anew to the points of all frames. Keyframes are of
    Origin.STATIC_SOLVE. Without ego poses nothing is decided. Raises UnknownName for an unknown track.
    """
    given = track if isinstance(track, Track) else scene.track(track)
    names = tuple(scene.lidars) if sensors is None else tuple(scene.lidar(name).name for name in sensors)
    undecided = StaticSolve(given, StaticVerdict.UNDECIDED, math.nan, math.nan, math.nan, 0)
    based = None if scene.trajectory is None else track_in_base(scene, given)
    if based is None or not (seen := based.visibility != Visibility.OUTSIDE).any():
        return undecided
    keys = lock_size(scene, based.take(seen), deforming=True)
    pose = _middle(keys.cuboids)
    noise = np.where(np.isin(keys.origin, (Origin.FIT, Origin.PROPAGATED)) | (based.origin[seen] == Origin.FIT), FITTED_M, DRAWN_M)
    by_keys = _way((keys.times_ns - keys.times_ns[0]) * 1e-9, keys.cuboids.center_m[:, :2], noise[:, None, None] ** 2 * np.eye(2))
    frames, shifts, covariances, union = _shifts(scene, keys, pose, names, progress)
    by_points = _way((scene.times_ns[frames] - scene.times_ns[0]) * 1e-9, shifts, covariances)
    off = np.hypot(*(keys.cuboids.center_m - pose.center_m)[:, :2].T)
    still = scene.times_ns[frames[np.hypot(*shifts.T) <= AGREED_M]]
    is_unexplained = (off > np.maximum(AGREED_M, 3 * noise)) & ~np.isin(keys.times_ns, still)
    told = [way for way in (by_points, by_keys) if way is not None]
    if not told:
        return undecided
    verdict = _verdict(by_points, by_keys, is_unexplained, off)
    p_value = min(1.0, len(told) * min(way.p_value for way in told))
    if verdict == StaticVerdict.STANDING and np.isin(based.origin[seen], (Origin.FIT, Origin.PROPAGATED)).all():
        pose = _fitted(scene, keys, pose, frames, union)
    solved = _with_pose(scene, given, pose) if verdict == StaticVerdict.STANDING else given
    return StaticSolve(solved, verdict, p_value, told[0].length_m, told[0].sigma_m, len(frames))


def _verdict(by_points: _Way | None, by_keys: _Way | None, is_unexplained: Bools, off: Float64s) -> StaticVerdict:
    points_move = by_points is not None and by_points.p_value < CERTAIN and by_points.length_m > MOVED_M
    keys_move = by_keys is not None and by_keys.p_value < CERTAIN and by_keys.length_m > KEYS_MOVED_M
    if points_move or (is_unexplained.any() and (keys_move or np.mean(is_unexplained) > 0.5)):
        return StaticVerdict.MOVING
    most = max((way.seconds for way in (by_points, by_keys) if way is not None), default=0.0)
    slow = by_points if by_points is not None and by_points.seconds >= most / 2 else by_keys  # points of a short while do not speak for all
    if is_unexplained.any() or slow is None or not slow.is_slow:
        return StaticVerdict.UNDECIDED
    return StaticVerdict.STANDING


def _way(seconds: Float64s, places: Float64s, covariances: Float64s) -> _Way | None:
    """The straight line through (n, 2) places of (n, 2, 2) covariances, by weighted least squares; None of fewer than two moments.

    Where places scatter about the line more than their covariances say, these are taken to be that much larger.
    """
    span = float(np.ptp(seconds)) if len(seconds) else 0.0
    if len(seconds) < 2 or span == 0.0:
        return None
    times = (seconds - seconds.mean()) / span
    weights = np.linalg.inv(covariances)
    powers = np.stack([np.ones(len(times)), times])
    left = np.einsum("an,bn,nij->aibj", powers, powers, weights).reshape(4, 4)
    right = np.einsum("an,nij,nj->ai", powers, weights, places).reshape(4)
    line = np.linalg.solve(left, right).reshape(2, 2)
    rest = places - powers.T @ line
    excess = max(1.0, float(np.einsum("ni,nij,nj->", rest, weights, rest)) / max(2 * len(times) - 4, 2))
    covariance = np.linalg.inv(left)[2:, 2:] * excess
    return _Way(line[1], covariance, span, math.exp(-float(line[1] @ np.linalg.solve(covariance, line[1])) / 2))


def _shifts(scene: Scene, keys: Track, pose: Cuboid, names: tuple[str, ...], progress: Callable[[], Any]) -> tuple[Any, Float64s, Float64s, Float64s]:
    """(n,) frames, (n, 2) how far the points there lie from those of the frame that shows most of it, (n, 2, 2) covariances, and the union.

    What a frame shows that none did before joins the union, its shift taken out, so that a drift is not learnt.
    """
    sightings, covariance = Sightings(scene, keys, names), np.diag(np.square(EXPECTED))
    nears = {}
    for frame in _frames(scene, keys):
        progress()
        near = sightings.near(sightings.around(frame, pose.center_m), pose, None, covariance, 0.0)
        if near is not None:
            nears[frame] = near
    half = pose.size_m / 2 + MARGIN_M
    own = {frame: near.local[(np.abs(near.local) <= half).all(1)] for frame, near in nears.items()}
    nothing = np.zeros(0, np.int64), np.zeros((0, 2)), np.zeros((0, 2, 2)), np.zeros((0, 3))
    if not own:
        return nothing
    first = max(own, key=lambda frame: len(own[frame]))
    model = ObjectModel(pose.size_m, is_yaw_told=sightings.is_yaw_told)
    model.add(own[first])
    found = {first: (np.zeros(2), 0.03**2 * np.eye(2))}
    for frame in sorted(nears, key=lambda frame: abs(frame - first)):
        there = sightings.judge(frame, pose, nears[frame], model, starts_within(covariance, pose.yaw_rad), covariance)
        if frame == first or not there.is_believed:
            continue
        shift = there.shift
        found[frame] = shift[:2], there.noise[:2, :2]
        back = shift[:3] @ pose.as_cuboids().rotation[0]
        local = (nears[frame].local - back) @ matrix_from_yaw(np.array([shift[3]]))[0]
        model.add(local[(np.abs(local) <= half).all(1)])
    if len(found) < 2:
        return nothing
    order = np.array(sorted(found))
    return order, np.array([found[i][0] for i in order]), np.array([found[i][1] for i in order]), model.points


def _fitted(scene: Scene, keys: Track, pose: Cuboid, frames: Any, union: Float64s) -> Cuboid:
    """The cuboid of fits made once more, of the union of the points of all frames (N, 3) in the axes of the pose; heading and height stay.

    What people drew is not fitted anew: the gap that they leave between points and faces is theirs.
    """
    category = Taxonomy.default().get(keys.category)
    if len(union) < FEWEST_UNION or category is None or category.is_yaw_from_motion:
        return pose
    origins = [scene.world_from_ego(int(stamp)).apply(scene.lidar_origins_m("ego")) for stamp in scene.times_ns[frames]]
    seen_from = (np.concatenate(origins) - pose.center_m) @ pose.as_cuboids().rotation[0]
    fit = fit_cuboid(union, category.name, sensor_origins_m=seen_from, yaw_prior=(0.0, HEADING_SIGMA_RAD))
    length, width, _ = fit.cuboid.size_m.tolist()
    placed = moved(pose, np.array([*(pose.as_cuboids().rotation[0] @ [*fit.cuboid.center_m[:2], 0.0]), 0.0]))
    return Cuboid(placed.center_m, (length, width, float(pose.size_m[2])), quat_wxyz=placed.quat_wxyz, frame=pose.frame)


def _frames(scene: Scene, keys: Track) -> list[int]:
    """Frames of the track, evenly spread, those of its keyframes first."""
    room = int(WATCHED_S * 1e9) if len(keys) == 1 else 0
    inside = np.flatnonzero((scene.times_ns >= keys.times_ns[0] - room) & (scene.times_ns <= keys.times_ns[-1] + room))
    chosen = inside[np.isin(scene.times_ns[inside], keys.times_ns)]
    if len(chosen) < MOST_FRAMES:
        others = np.setdiff1d(inside, chosen)
        chosen = np.concatenate([chosen, _evenly(others, MOST_FRAMES - len(chosen))])
    return sorted(set(_evenly(np.sort(chosen), MOST_FRAMES).tolist()))


def _evenly(rows: Any, most: int) -> Any:
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]


def _middle(cuboids: Cuboids) -> Cuboid:
    """The middle of their centres along its own axes, turned as most are: the heading that lies nearest to all, front and back by the majority."""
    off = cuboids.yaw_rad[:, None] - cuboids.yaw_rad
    row = int(np.argmin(np.abs(np.sin(off)).sum(1)))
    axis = np.asarray(wrap_rad(2 * -off[row])) / 2  # of the others, from this one, modulo half a turn
    turn = float(np.mean(axis[np.abs(axis) <= ALIKE_RAD])) + (math.pi if np.cos(off[row]).sum() < 0 else 0.0)
    quat = cuboids.quat_wxyz[row] if turn == 0.0 else quat_multiply(quat_from_yaw(turn), cuboids.quat_wxyz[row])
    rotation, origin = cuboids.rotation[row], cuboids.center_m[row]
    center = rotation @ np.median((cuboids.center_m - origin) @ rotation, axis=0) + origin
    return Cuboid(center, cuboids.size_m[row], quat_wxyz=quat / np.linalg.norm(quat), frame=cuboids.frame)


def _with_pose(scene: Scene, track: Track, pose: Cuboid) -> Track:
    """One pose of the world frame in every keyframe, in the track's own frame; keyframes that no pose of the vehicle covers stay as they are."""
    own, base = track.cuboids.frame or scene.label_frame, base_frame(scene)
    assert scene.trajectory is not None
    is_new = scene.trajectory.covers(track.times_ns) if own != base else np.ones(len(track), np.bool_)
    rows = [
        pose.as_cuboids().transformed(scene.transform(own, base, int(stamp)), frame=own)
        if new and own != base
        else pose.as_cuboids()
        if new
        else track.cuboids[k : k + 1]
        for k, (new, stamp) in enumerate(zip(is_new, track.times_ns))
    ]
    cuboids = Cuboids.concatenate([row.replace(frame=track.cuboids.frame) for row in rows])
    return track.replace(cuboids=cuboids, origin=np.where(is_new, np.uint8(Origin.STATIC_SOLVE), track.origin))
