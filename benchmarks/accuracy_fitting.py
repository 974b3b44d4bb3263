"""How well cuboids are fitted: what `accuracy.py` measures of one click, a rough cuboid, priors from the track, and the sigma of fits.

Real: vehicles with at least five points in every sweep that comes with labels; truth is the human label. Simulated: everything with at least five
points; truth is exact, where the object was at the mean time of its points.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import cv2
import numpy as np

import boxwright as bw
from boxwright.motion import motion_of

VEHICLES = ("car", "van", "truck", "bus", "trailer")
N_CLICKS, N_BOOTSTRAP = 3, 1000
ABOVE_M, BESIDE_M = 0.2, 0.1  # an object's points, where clusters are judged: so far above ground; and how far beyond the label they may lie
BINS = ((5, 20), (20, 50), (50, 200), (200, 10**9))
QUANTITIES = ("x", "y", "z", "length", "width", "height", "yaw")
SIMULATED_MARGIN_M = 0.05  # told with simulated sweeps, as a project would that knows its labels; the default, so that fits are the same
KINDS = ((64, 1800), (32, 1000), (64, 1000), (40, 2000))  # beams and columns of the simulated LiDARs, by turns


@dataclass
class Thing:
    """One object in one sweep."""

    category: str
    truth: bw.Cuboids
    own: np.ndarray  # (n,) index of its points
    name: str  # of the physical object
    fits: list = field(default_factory=list)  # of clicks


@dataclass
class Shot:
    """One sweep with its objects."""

    source: str
    points: np.ndarray
    origins_m: np.ndarray
    things: list
    world_from_points: np.ndarray | None = None
    face_margin_m: float | None = None  # where the labels' is known

    def __post_init__(self):
        self.ground = bw.ground(self.points)

    @property
    def hints(self):
        return {"ground": self.ground, "sensor_origins_m": self.origins_m, "face_margin_m": self.face_margin_m}


def real_folder():
    return Path(os.environ.get("BOXWRIGHT_REAL_DATA") or Path(__file__).resolve().parents[1] / ".." / "shared" / "real")


def real_shots():
    """Through the loader that comes with the recordings; [] where they are not there."""
    if not (real_folder() / "load.py").is_file():
        return []
    spec = importlib.util.spec_from_file_location("real_loader", real_folder() / "load.py")
    loader = importlib.util.module_from_spec(spec)
    sys.modules["real_loader"] = loader
    spec.loader.exec_module(loader)
    shots, origins = [], {}
    for frame in loader.frames():
        if frame.source == "av2" and frame.scene not in origins:
            origins[frame.scene] = bw.read(real_folder() / "av2" / "sensor" / frame.scene).lidar_origins_m("ego")
        things = []
        for box, quat, name, track in zip(frame.boxes, frame.quats, frame.names, frame.track_ids, strict=True):
            own = np.flatnonzero(loader.points_in_box(frame.points, box, quat))
            category = bw.Taxonomy.default().get(name)
            if category is not None and category.name in VEHICLES and len(own) >= 5:
                whose = f"{frame.scene} {track}" if track else f"{frame.scene} {frame.frame} {box[0]}"
                things.append(Thing(name, bw.Cuboids([box[:3]], [box[3:6]], [box[6]]), own, whose))
        shots.append(Shot(frame.source, frame.points[:, :3], origins.get(frame.scene, np.zeros((1, 3))), things, frame.world_from_lidar))
    return shots


def simulated_shots(seeds, n_frames=5, every=2):
    """Streets and motorways, two of three a street, with four kinds of LiDAR."""
    for seed in seeds:
        scenery = ("street", "street", "motorway")[seed % 3]
        beams, columns = KINDS[seed % 4]
        scene = bw.simulate(seed, n_frames, n_beams=beams, n_columns=columns, image_scale=0.05, scenery=scenery)
        for i in range(0, n_frames, every):
            yield simulated_shot(scene, i, scenery)


def simulated_shot(scene, i, scenery):
    raw, whose, stamp, things = scene.points(i), scene.data.point_track_index(i), int(scene.times_ns[i]), []
    lidar_from_world = scene.transform("lidar", "world", stamp)
    for t, track in enumerate(scene.tracks):
        own = np.flatnonzero(whose == t)
        if len(own) < 5:
            continue
        order = own[np.argsort(raw.time_offset_ns[own], kind="stable")]
        gaps = np.flatnonzero(np.diff(raw.time_offset_ns[order]) > 50_000_000) + 1
        own = max(np.split(order, gaps), key=len)  # what the sweep began and ended on is there twice
        truth = true_cuboid(track, stamp + int(raw.time_offset_ns[own].mean())).transformed(lidar_from_world, frame=None)
        if len(own) >= 5 and np.isfinite(truth.center_m).all():
            things.append(
                Thing(track.category, bw.Cuboids(truth.center_m, truth.size_m, truth.yaw_rad), np.sort(own), f"{scene.name} {track.track_id}")
            )
    world_from_lidar = scene.transform("world", "lidar", stamp).matrix()
    return Shot(scenery, scene.still_points(i).xyz, scene.lidar_origins_m("lidar"), things, world_from_lidar, SIMULATED_MARGIN_M)


def true_cuboid(track, moment_ns):
    """Between two keyframes; up to half a turn before the first or after the last, as the object moves there."""
    if track.times_ns[0] <= moment_ns <= track.times_ns[-1]:
        return track.at([moment_ns]).cuboids
    k = 0 if moment_ns < track.times_ns[0] else -1
    return motion_of(track).carried((moment_ns - track.times_ns) * 1e-9)[[k]]


# ---------------------------------------------------------------- fits and rows
def overlap(center, size, yaw, truth):
    """Bird's-eye IoU of a rectangle with a truth."""
    flat = bw.Cuboids([[*center[:2], 0.0]], [[*np.maximum(size[:2], 1e-3), 1.0]], [yaw])
    return bw.iou_bev(flat, truth)[0, 0]


def row_of(way, shot, thing, call):
    """One fit against the truth; a failed one has an IoU of 0."""
    row = {"way": way, "source": shot.source, "n": len(thing.own), "object": f"{shot.source} {thing.name}", "category": thing.category, "iou": 0.0}
    start = time.thread_time()
    try:
        fit = call()
    except bw.GeometryError:
        return row | {"failed": 1, "good": 0.0}, None
    row["ms"] = (time.thread_time() - start) * 1e3
    cuboid, truth, own = fit.cuboid, thing.truth, shot.points[fit.point_index][:, :2]
    (x, y), (width, height), angle = cv2.minAreaRect(own.astype(np.float32))
    bare = bw.fit_rectangles(own, [0, len(own)])
    turn = (cuboid.yaw_rad - truth.yaw_rad[0] + np.pi / 2) % np.pi - np.pi / 2
    row |= {
        "iou": overlap(cuboid.center_m, cuboid.size_m, cuboid.yaw_rad, truth),
        "yaw_deg": np.degrees(abs(turn)),
        "center_m": np.hypot(*(cuboid.center_m - truth.center_m[0])[:2]),
        "good": float(is_good(shot, thing, fit)),
        "minAreaRect": overlap((x, y), np.array([width, height]), np.radians(angle), truth),
        "L-shape": overlap(bare.center_m[0], bare.size_m[0], bare.yaw_rad[0], truth) if bare.is_valid[0] else 0.0,
        "error": np.r_[cuboid.center_m - truth.center_m[0], cuboid.size_m - truth.size_m[0], turn],
        "n_fit": len(fit.point_index),
        "sigma": np.r_[fit.sigma.center_m, fit.sigma.size_m, fit.sigma.yaw_rad],
    }
    return row, fit


def is_good(shot, thing, fit):
    """Whether precision and recall of the cluster are above 0.9: its points within 0.1 m of the true cuboid, seen from above; the object's points
    0.2 m or more above ground within the cluster."""
    local = (shot.points[fit.point_index] - thing.truth.center_m[0]) @ thing.truth.rotation[0]
    precision = (np.abs(local[:, :2]) <= thing.truth.size_m[0, :2] / 2 + BESIDE_M).all(1).mean()
    high = thing.own[shot.ground.above_m(shot.points[thing.own]) >= ABOVE_M]
    return precision > 0.9 and (not len(high) or np.isin(high, fit.point_index).mean() > 0.9)


def click_rows(shots, rng, n_clicks=N_CLICKS, only_vehicles=True):
    """Rows of one click, and with the true size as an oracle; the fits stay with the things."""
    for shot in shots:
        for thing in shot.things:
            if only_vehicles and bw.Taxonomy.default().find(thing.category).name not in VEHICLES:
                continue
            for i in rng.choice(thing.own, n_clicks):
                row, fit = row_of("one click", shot, thing, partial(bw.fit_at, shot.points, shot.points[i], thing.category, **shot.hints))
                thing.fits.append((int(i), fit))
                yield row


def rough_rows(shots, rng):
    """The truth moved N(0, 0.15 m) in x and y, its size + 0.6 m, its yaw turned N(0, 5 deg)."""
    for shot in shots:
        for thing in shot.things:
            true = thing.truth
            moved = true.center_m[0] + np.append(rng.normal(0, 0.15, 2), 0)
            rough = bw.Cuboid(moved, true.size_m[0] + 0.6, true.yaw_rad[0] + rng.normal(0, np.radians(5)))
            yield row_of("rough box", shot, thing, partial(bw.refit, shot.points, rough, **shot.hints))[0]
            yield row_of("rough box, class", shot, thing, partial(bw.refit, shot.points, rough, thing.category, **shot.hints))[0]


def prior_rows(shots):
    """The same clicks again, given what our own fits of the same object in other frames say; and given the true size, as an oracle."""
    seen = {}
    for shot in shots:
        for thing in shot.things:
            seen.setdefault((shot.source, thing.name), []).append((shot, thing))
    for views in seen.values():
        for shot, thing in views:
            hints = track_hints(shot, thing.category, [other for other in views if other[0] is not shot])
            for i, _ in thing.fits:
                call = partial(bw.fit_at, shot.points, shot.points[i], thing.category, **shot.hints)
                if hints:
                    yield row_of("one click, track priors", shot, thing, partial(call, **hints))[0]
                yield row_of("one click, oracle size", shot, thing, partial(call, size_prior=thing.truth.size_m[0]))[0]


def track_hints(shot, category, others):
    """size_prior and yaw_prior of one click's fit in each other frame: the class's sizes given theirs, headings (modulo half a turn) where poses are
    known."""
    fits = [(other, thing.fits[0][1]) for other, thing in others if thing.fits and thing.fits[0][1] is not None]
    if not fits:
        return {}
    weight = np.array([1 / fit.sigma.size_m**2 for _, fit in fits])
    size, sigma = (weight * [fit.cuboid.size_m for _, fit in fits]).sum(0) / weight.sum(0), np.sqrt(len(fits) / weight.sum(0))
    hints = {"size_prior": bw.Taxonomy.default().find(category).size_prior.measured(size, sigma)}
    turns = []
    for other, fit in fits:
        if shot.world_from_points is not None and other.world_from_points is not None and np.isfinite(fit.sigma.yaw_rad):
            way = np.linalg.inv(shot.world_from_points)[:3, :3] @ other.world_from_points[:3, :3]
            ahead = way @ [np.cos(fit.cuboid.yaw_rad), np.sin(fit.cuboid.yaw_rad), 0]
            turns.append((np.exp(2j * np.arctan2(ahead[1], ahead[0])), fit.sigma.yaw_rad))
    if turns:
        sigma = 1 / np.sqrt(sum(1 / s**2 for _, s in turns))
        hints["yaw_prior"] = (float(np.angle(sum(z / s**2 for z, s in turns)) / 2), float(np.hypot(sigma, np.radians(5))))
    return hints


# ---------------------------------------------------------------- tables
def interval(rows, rng):
    """90 % interval of the share over 0.7, objects drawn with replacement."""
    objects = {}
    for row in rows:
        objects.setdefault(row["object"], []).append(row["iou"] > 0.7)
    hits, counts = np.array([sum(v) for v in objects.values()]), np.array([len(v) for v in objects.values()])
    drawn = rng.integers(0, len(hits), (N_BOOTSTRAP, len(hits)))
    return len(objects), *np.quantile(hits[drawn].sum(1) / counts[drawn].sum(1), [0.05, 0.95])


HEAD = (
    "| case | fits | objects | IoU > 0.7 | 90 % | median | yaw | centre | cluster | minAreaRect | L-shape | failed | ms |\n"
    "|---|--:|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|"
)


def line(title, rows, rng):
    def column(name, default=np.nan):
        return np.array([row.get(name, default) for row in rows], float)

    n_objects, low, high = interval(rows, rng)
    share = {name: np.mean(column(name, 0.0) > 0.7) for name in ("iou", "minAreaRect", "L-shape")}
    return (
        f"| {title} | {len(rows)} | {n_objects} | {share['iou']:.3f} | {low:.2f} to {high:.2f} | {np.median(column('iou')):.3f} "
        f"| {np.nanmedian(column('yaw_deg')):.1f} | {np.nanmedian(column('center_m')):.2f} | {np.mean(column('good', 0.0)):.3f} "
        f"| {share['minAreaRect']:.3f} | {share['L-shape']:.3f} | {np.nansum(column('failed', 0)):.0f} | {np.nanmedian(column('ms')):.1f} |"
    )


def name_of(low, high):
    return f"{low} to {high - 1}" if high < 10**9 else f"{low} or more"


def fitting_table(rows, rng):
    """Lines for every way, by points and by source."""
    yield HEAD
    for way in dict.fromkeys(row["way"] for row in rows):
        mine = [row for row in rows if row["way"] == way]
        main = [row for row in mine if row["source"] != "dgp"]
        cases = [(f"**{way}**, at least 5 points", main), (f"**{way}**, at least 50 points", [row for row in main if row["n"] >= 50])]
        cases += [(f"{way}, {name_of(low, high)} points", [row for row in main if low <= row["n"] < high]) for low, high in BINS]
        for source in dict.fromkeys(row["source"] for row in mine):
            cases.append((f"{way}, {source}{' (thinned clouds)' if source == 'dgp' else ''}", [row for row in mine if row["source"] == source]))
        yield from (line(title, some, rng) for title, some in cases if some)


def coverage_table(rows, fewest=400):
    """By class and the points that fits rest on, how often 90 % intervals hold the truth; bins of fewer than `fewest` cases are named so."""
    yield "| class | points | cases | objects | " + " | ".join(QUANTITIES) + " |\n|---|---|--:|--:|" + "--:|" * len(QUANTITIES)
    for category in dict.fromkeys(sorted(row["category"] for row in rows)):
        for low, high in BINS:
            here = [row for row in rows if row["category"] == category and low <= row.get("n_fit", 0) < high]
            if here:
                mark = "" if len(here) >= fewest else " (few)"
                n_objects = len({row["object"] for row in here})
                yield f"| {category} | {name_of(low, high)} | {len(here)}{mark} | {n_objects} | " + " | ".join(coverages(here)) + " |"


def coverages(rows):
    error, sigma = np.array([row["error"] for row in rows]), np.array([row["sigma"] for row in rows])
    inside = np.abs(error) <= 1.645 * sigma
    told = np.isfinite(sigma)
    return [f"{inside[told[:, k], k].mean():.2f}" if told[:, k].any() else "-" for k in range(error.shape[1])]
