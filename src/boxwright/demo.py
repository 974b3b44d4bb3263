"""The main job on the sample: clicks and keyframes in, finished annotations out, compared with the known truth."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .arrays import Float64s, Int64s
from .cameras import FisheyeCamera, PinholeCamera
from .containment import points_in_cuboids
from .cuboids import Cuboids
from .errors import BoxwrightError
from .fitting import Fit, fit_at
from .formats import read
from .formats.sample_clip import read_clicks
from .frames import Pose
from .kernels import cache_folder
from .label_errors import Errors, cuboid_errors
from .overlap import iou_bev_pairs
from .points import Sweep
from .projection import project_cuboids
from .sample import Click, sample_folder
from .scene import FrameLabels, Scene
from .terrain import Ground, ground
from .tracks import Origin, State, Track, interpolate_tracks

__all__ = [
    "Annotation",
    "ClassResult",
    "FrameResult",
    "Sample",
    "annotate",
    "compare",
    "fresh_folder",
    "measure_frames",
    "read_sample",
    "write_measures",
]

STANDS_M = 0.5  # what is seen no further apart than this stands
HEADING_SIGMA_RAD = 0.05  # of a heading taken from places some ten frames apart
MIN_POINTS = 5  # a cuboid that holds so many is seen
FLOOR_M = 0.2  # the lowest part of a cuboid, where points of the ground may lie
SLOW_MPS = 3.0  # what moves faster has left its place after its own length at this speed
SHORT_S = 1.0  # the least time a place is watched
Progress = Callable[[], Any]


@dataclass(frozen=True, eq=False)
class Sample:
    """clip : a recording without labels; truth : its labels; keyframes, clicks : what a person did"""

    clip: Scene
    truth: Scene
    keyframes: Sequence[Track]
    clicks: Sequence[Click]


def read_sample(folder: Path | None = None) -> Sample:
    """The sample that comes with the package, or one of the same layout."""
    place = sample_folder() if folder is None else folder
    return Sample(read(place / "clip"), read(place / "truth"), read(place / "inputs").tracks, read_clicks(place / "inputs" / "clicks.json"))


@dataclass(frozen=True, eq=False)
class Annotation:
    """scene : the clip with finished tracks; fits : for each clicked object a track of its cuboids as they were fitted, one by one"""

    scene: Scene
    fits: Sequence[Track]


@dataclass(frozen=True, eq=False)
class _Clicked:
    """A click, its fit, and how long after the frame's stamp the object was seen."""

    click: Click
    fit: Fit
    late_s: float


def annotate(sample: Sample, progress: Progress = lambda: None) -> Annotation:
    """Every click becomes a cuboid, the cuboids of one object become a track, and the keyframes stay tracks: all in the world frame.

    What stands is there from the first to the last frame in which its cuboid holds points; what moves, only between its first and last click.

    progress : called after every click
    """
    sweeps = {i: still_sweep(sample.clip, i) for i in sorted({click.frame_index for click in sample.clicks})}
    floors = {i: ground(sweep) for i, sweep in sweeps.items()}
    clicked: dict[str, list[_Clicked]] = {}
    for click in sorted(sample.clicks, key=lambda click: click.frame_index):
        clicked.setdefault(click.track_id, []).append(_fit(sample.clip, sweeps, floors, click))
        progress()
    fits, moving, standing = [], [], []
    for rows in clicked.values():
        track, moves = _track_of_fits(sample.clip, rows), _moves(sample.clip, rows)
        if moves:  # the points alone do not tell its heading, its way does
            ahead = [_heading(sample.clip, row.click.frame_index, v) for row, v in zip(rows, _velocity(track, rows))]
            rows = [_fit(sample.clip, sweeps, floors, row.click, yaw) for row, yaw in zip(rows, ahead)]
            track = _at_stamps(_track_of_fits(sample.clip, rows), rows)
        fits.append(track)
        if moves:
            moving.append(track)
        else:
            standing.append(_standing(track, rows))
    tracks = [*_while_seen(sample.clip, standing), *moving, *sample.keyframes]
    return Annotation(sample.clip.replace(tracks=tracks, name="demo"), fits)


def _fit(scene: Scene, sweeps: dict[int, Sweep], floors: dict[int, Ground], click: Click, yaw_rad: float | None = None) -> _Clicked:
    i = click.frame_index
    origins = scene.lidar_origins_m(sweeps[i].frame)
    prior = None if yaw_rad is None else (yaw_rad, HEADING_SIGMA_RAD)
    fit = fit_at(sweeps[i], click.point_m, click.category, ground=floors[i], sensor_origins_m=origins, yaw_prior=prior)
    late_ns = scene.points(i).time_offset_ns
    return _Clicked(click, fit, 0.0 if late_ns is None or not len(fit.point_index) else float(np.median(late_ns[fit.point_index])) * 1e-9)


def still_sweep(scene: Scene, frame_index: int) -> Sweep:
    """The sweep as one instant would have seen the standing world, where the recording tells when each point was seen and where the vehicle was."""
    sweep = scene.points(frame_index)
    if sweep.time_offset_ns is None or scene.trajectory is None:
        return sweep
    stamps = sweep.time_offset_ns + sweep.timestamp_ns
    if not scene.trajectory.covers([stamps.min(), stamps.max()]).all():
        return sweep
    return sweep.deskewed(scene.trajectory, scene.ego_from(sweep.frame), time_ns=int(scene.times_ns[frame_index]))


def _track_of_fits(scene: Scene, rows: Sequence[_Clicked]) -> Track:
    """One object's fits as keyframes in the scene's label frame."""
    stamps: Int64s = scene.times_ns[[row.click.frame_index for row in rows]]
    cuboids = [
        row.fit.cuboid.as_cuboids().transformed(scene.transform(scene.label_frame, "lidar", int(stamp)), frame=scene.label_frame)
        for row, stamp in zip(rows, stamps)
    ]
    click = rows[0].click
    return Track(click.track_id, click.category, stamps, Cuboids.concatenate(cuboids), origin=np.full(len(rows), Origin.FIT, np.uint8))


def _moves(scene: Scene, rows: Sequence[_Clicked]) -> bool:
    """Half of its places lie further than STANDS_M from the middle one; a single bad fit makes nothing move."""
    places = _track_of_fits(scene, rows).cuboids.center_m[:, :2]
    return bool(np.median(np.linalg.norm(places - np.median(places, axis=0), axis=1)) > STANDS_M)


def _velocity(track: Track, rows: Sequence[_Clicked]) -> Float64s:
    """(K, 3) m/s at each of at least two keyframes, from their neighbours and the moments they were seen."""
    seconds = (track.times_ns - track.times_ns[0]) * 1e-9 + [row.late_s for row in rows]
    return np.asarray(np.gradient(track.cuboids.center_m, seconds, axis=0))


def _heading(scene: Scene, frame_index: int, velocity_mps: Float64s) -> float:
    """A direction of the label frame as a yaw in the LiDAR's."""
    x, y, _ = scene.transform("lidar", scene.label_frame, int(scene.times_ns[frame_index])).rotate(velocity_mps)
    return float(np.arctan2(y, x))


def _at_stamps(track: Track, rows: Sequence[_Clicked]) -> Track:
    """A sweep takes a tenth of a second: what moves is set back to where it was at the frame's stamp."""
    late_s: Float64s = np.array([row.late_s for row in rows])
    return track.replace(cuboids=track.cuboids.replace(center_m=track.cuboids.center_m - _velocity(track, rows) * late_s[:, None]))


def _standing(track: Track, rows: Sequence[_Clicked]) -> Track:
    """What stands has one cuboid, that of the surest of its fits."""
    if len(rows) == 1:
        return track
    doubt = [np.nan_to_num(np.r_[row.fit.sigma.center_m, row.fit.sigma.size_m], nan=1.0).sum() for row in rows]
    best = np.full(len(rows), int(np.argmin(doubt)))
    return track.replace(cuboids=track.cuboids[best], origin=np.full(len(rows), Origin.STATIC_SOLVE, np.uint8))


def _while_seen(scene: Scene, tracks: Sequence[Track]) -> list[Track]:
    """Tracks of one cuboid each, from the first to the last frame in which it holds points; a track of one click only if it surely stands."""
    if not tracks:
        return []
    counts, away_m = _points_over_time(scene, Cuboids.concatenate([track.cuboids[:1] for track in tracks]))
    longer = []
    for track, n, distance_m in zip(tracks, counts.T, away_m.T):
        seen = scene.times_ns[n >= MIN_POINTS]
        if not len(seen) or (len(track) == 1 and not _stays(scene.times_ns, track, n, distance_m)):
            longer.append(track)
            continue
        stamps = np.unique(np.r_[seen[0], track.times_ns, seen[-1]])
        origin = np.full(len(stamps), Origin.STATIC_SOLVE, np.uint8)
        longer.append(track.replace(times_ns=stamps, cuboids=track.cuboids[np.zeros(len(stamps), np.int64)], origin=origin, visibility=None))
    return longer


def _points_over_time(scene: Scene, cuboids: Cuboids) -> tuple[Int64s, Float64s]:
    """(F, M) points of every frame in M cuboids of the label frame, floors left out, and (F, M) metres from the LiDAR."""
    floor: Float64s = np.array([0.0, 0.0, FLOOR_M])
    above = cuboids.replace(center_m=cuboids.center_m + floor / 2, size_m=np.maximum(cuboids.size_m - floor, FLOOR_M))
    counts, away_m = np.zeros((len(scene), len(cuboids)), np.int64), np.full((len(scene), len(cuboids)), np.inf)
    for i in range(len(scene)):
        if scene.has_points(i):
            sweep = still_sweep(scene, i)
            there = above.transformed(scene.transform(sweep.frame, scene.label_frame, int(scene.times_ns[i])), frame=sweep.frame)
            counts[i], away_m[i] = points_in_cuboids(sweep, there).counts, np.linalg.norm(there.center_m, axis=1)
    return counts, away_m


def _stays(times_ns: Int64s, track: Track, n_points: Int64s, away_m: Float64s) -> bool:
    """Whether the place of one click stays filled for as long before and after it as something slow takes to leave it.

    Points thin out with the square of the distance. Half of what that leaves is enough, since something may pass in front; but a place that
    empties was left by what was there. What creeps is not told from what stands.
    """
    click = int(np.searchsorted(times_ns, track.times_ns[0]))
    watched_ns = max(SHORT_S, float(track.cuboids.size_m[0].max()) / SLOW_MPS) * 1e9
    near = np.flatnonzero((np.abs(times_ns - track.times_ns[0]) <= watched_ns) & np.isfinite(away_m))
    near = near[near != click]
    if not len(near) or n_points[click] < MIN_POINTS:
        return False
    share = n_points[near] / (n_points[click] * (away_m[click] / away_m[near]) ** 2)
    return bool(np.median(share) >= 0.5 and share.min() >= 0.1)


@dataclass(frozen=True, eq=False)
class FrameResult:
    """The cuboids of a frame, the points inside each, and each camera's boxes of the visible parts (NaN where there is none)."""

    labels: FrameLabels
    n_points: Int64s
    xyxy: dict[str, Float64s]
    truncation: dict[str, Float64s]


def measure_frames(scene: Scene, progress: Progress = lambda: None) -> list[FrameResult]:
    """Counts the points in every cuboid of every frame, and projects every cuboid into every camera.

    progress : called after every frame
    """
    results = []
    for i in range(len(scene)):
        labels = scene.labels(i)
        hits = points_in_cuboids(still_sweep(scene, i), labels.cuboids)
        boxes = {name: project_cuboids(labels.cuboids, sensor.camera, scene.cam_from(i, name)) for name, sensor in scene.cameras.items()}
        results.append(FrameResult(labels, hits.counts, {n: b.xyxy for n, b in boxes.items()}, {n: b.truncation for n, b in boxes.items()}))
        progress()
    return results


def write_measures(scene: Scene, results: Sequence[FrameResult], path: Path) -> None:
    """A table with one row per cuboid and frame: points inside, and its box in each camera."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        places = ("left_px", "top_px", "right_px", "bottom_px", "truncation")
        table.writerow(["frame_index", "track_id", "category", "n_points", *(f"{name}_{place}" for name in scene.cameras for place in places)])
        for i, result in enumerate(results):
            for m, t in enumerate(result.labels.track_index):
                row: list[Any] = [i, scene.tracks[t].track_id, scene.tracks[t].category, int(result.n_points[m])]
                for name in scene.cameras:
                    figures = (*result.xyxy[name][m], result.truncation[name][m])
                    row += [f"{figure:.2f}" if np.isfinite(figures[0]) else "" for figure in figures]
                table.writerow(row)


@dataclass(frozen=True)
class ClassResult:
    """One class against the truth: medians of the fits, means of the frames between keyframes, and how much of the truth is there.

    n_true : the truth's cuboids, of all its objects in all frames
    n_found : those of them that the annotation has, right or wrong in place
    n_false : cuboids where the truth has none
    fit_yaw_rad, filled_yaw_rad : of the axis, in [0, pi / 2]; which end is the front is counted apart, in n_turned and n_filled_turned
    """

    n_objects: int
    n_true: int
    n_found: int
    n_false: int
    n_fits: int
    fit_xy_m: float
    fit_yaw_rad: float
    fit_iou_bev: float
    n_turned: int
    n_filled: int
    filled_xy_m: float
    filled_yaw_rad: float
    n_filled_turned: int
    n_points: int
    n_boxes: int

    @property
    def sums(self) -> tuple[int, int]:
        """Points counted in the cuboids of all frames, boxes seen in all pictures."""
        return self.n_points, self.n_boxes


@dataclass(frozen=True, eq=False)
class _Compared:
    """One object against the truth."""

    fits: Errors
    filled: Errors
    n_true: int
    n_found: int
    n_false: int


def compare(annotation: Annotation, truth: Scene, results: Sequence[FrameResult]) -> dict[str, ClassResult]:
    """Each class, and "all", against the truth; objects of the truth that the annotation lacks count too, with all their frames."""
    scene = annotation.scene
    fits = {track.track_id: track for track in annotation.fits}
    rows: dict[str, list[_Compared]] = {}
    for track in scene.tracks:
        rows.setdefault(track.category, []).append(_compared(track, fits.get(track.track_id), truth.track(track.track_id), scene.times_ns))
    n_objects = {name: len(found) for name, found in rows.items()}
    for true in truth.tracks:
        if true.track_id not in scene.track_index:
            none = cuboid_errors(true.cuboids[:0], true.cuboids[:0])
            rows.setdefault(true.category, []).append(_Compared(none, none, int(true.at(scene.times_ns).is_valid.sum()), 0, 0))
    sums = _sums(scene, results)
    table = {name: _class_result(n_objects.get(name, 0), rows[name], *sums.get(name, (0, 0))) for name in sorted(rows)}
    every = [row for name in sorted(rows) for row in rows[name]]
    table["all"] = _class_result(len(scene.tracks), every, *np.sum([*sums.values(), (0, 0)], axis=0))
    return table


def _compared(track: Track, fits: Track | None, truth: Track, times_ns: Int64s) -> _Compared:
    is_there, is_true = track.at(times_ns).is_valid, truth.at(times_ns).is_valid
    n_found, n_false = int((is_there & is_true).sum()), int((is_there & ~is_true).sum())
    return _Compared(_fit_errors(fits, truth), _filled_errors(track, truth, times_ns), int(is_true.sum()), n_found, n_false)


def _fit_errors(fits: Track | None, truth: Track) -> Errors:
    if fits is None:
        return cuboid_errors(truth.cuboids[:0], truth.cuboids[:0])
    true = truth.at(fits.times_ns)
    return cuboid_errors(fits.cuboids[true.is_valid], true.cuboids[true.is_valid])


def _filled_errors(track: Track, truth: Track, times_ns: Int64s) -> Errors:
    filled = interpolate_tracks([track], times_ns)
    between = filled.state == State.BETWEEN
    true = truth.at(times_ns[filled.time_index[between]])
    return cuboid_errors(filled.cuboids[between][true.is_valid], true.cuboids[true.is_valid])


def _sums(scene: Scene, results: Sequence[FrameResult]) -> dict[str, tuple[int, int]]:
    """Points counted and boxes projected, by class."""
    sums: dict[str, tuple[int, int]] = {track.category: (0, 0) for track in scene.tracks}
    for result in results:
        visible = sum((np.isfinite(xyxy[:, 0]).astype(int) for xyxy in result.xyxy.values()), np.zeros(len(result.n_points), int))
        for m, t in enumerate(result.labels.track_index):
            points, boxes = sums[scene.tracks[t].category]
            sums[scene.tracks[t].category] = points + int(result.n_points[m]), boxes + int(visible[m])
    return sums


def _class_result(n_objects: int, rows: Sequence[_Compared], n_points: int, n_boxes: int) -> ClassResult:
    def column(which: str, name: str) -> Float64s:
        return np.concatenate([np.zeros(0), *(getattr(getattr(row, which), name) for row in rows)])

    yaw, filled_xy, filled_yaw = column("fits", "yaw_rad"), column("filled", "xy_m"), column("filled", "yaw_rad")
    return ClassResult(
        n_objects=n_objects,
        n_true=sum(row.n_true for row in rows),
        n_found=sum(row.n_found for row in rows),
        n_false=sum(row.n_false for row in rows),
        n_fits=len(yaw),
        fit_xy_m=_middle(column("fits", "xy_m")),
        fit_yaw_rad=_middle(np.minimum(yaw, np.pi - yaw)),
        fit_iou_bev=_middle(column("fits", "iou_bev")),
        n_turned=int((yaw > np.pi / 2).sum()),
        n_filled=len(filled_yaw),
        filled_xy_m=float(filled_xy.mean()) if len(filled_xy) else float("nan"),
        filled_yaw_rad=float(np.minimum(filled_yaw, np.pi - filled_yaw).mean()) if len(filled_yaw) else float("nan"),
        n_filled_turned=int((filled_yaw > np.pi / 2).sum()),
        n_points=int(n_points),
        n_boxes=int(n_boxes),
    )


def _middle(values: Float64s) -> float:
    return float(np.median(values)) if len(values) else float("nan")


def compile_beside() -> subprocess.Popen[bytes] | None:
    """Begins to compile the kernels of `compile_boxes` in another process, where they are not on disk yet: the first run then uses two cores."""
    if cache_folder is None or any(cache_folder.rglob("projection.project_cuboids*.nbi")):
        return None
    return subprocess.Popen([sys.executable, "-m", "boxwright.demo"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wait_for_kernels(scene: Scene, beside: subprocess.Popen[bytes] | None) -> None:
    """Compiles what counting needs, and waits for the other process; whatever it did not get done is compiled when it is called."""
    if beside is not None:
        points_in_cuboids(still_sweep(scene, 0), scene.cuboids(0))
        beside.wait()


def compile_boxes() -> None:
    """One small call of everything that projects and compares cuboids."""
    upright = Cuboids([[10.0, 0.0, 0.0], [12.0, 1.0, 0.0]], [[4.0, 2.0, 1.5]] * 2, [0.0, 0.5])
    tilted = upright.transformed(Pose.from_quat([np.cos(0.05), np.sin(0.05), 0, 0]))
    cam_from_cuboids = Pose([[0, -1, 0], [0, 0, -1], [1, 0, 0]])
    for camera in (PinholeCamera(64, 48, 40, 40, 32, 24), FisheyeCamera(64, 48, 20, 20, 32, 24)):
        project_cuboids(upright, camera, cam_from_cuboids).edges(0)
    iou_bev_pairs(upright, upright)
    iou_bev_pairs(upright, tilted)


def fresh_folder(base: Path) -> Path:
    """`base`, or `base-2`, `base-3`... where it is taken: nothing is ever overwritten."""
    for number in range(1, 10_000):
        folder = base if number == 1 else base.with_name(f"{base.name}-{number}")
        if not folder.exists():
            return folder
    raise BoxwrightError("too many folders of that name", path=base, hint="choose another with --out")


if __name__ == "__main__":
    compile_boxes()
