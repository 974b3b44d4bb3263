"""How well cuboids are fitted on real recordings: one click in a whole sweep, and a rough cuboid snapped.

    BOXWRIGHT_REAL_DATA=... python benchmarks/accuracy_fitting.py [--seed 0]

Vehicles with at least five points. Click: three random points of the object, class given. Rough cuboid: the label's centre moved N(0, 0.15 m) in x
and y, its size + 0.6 m, its yaw turned N(0, 5 deg). Truth: the human label. A failed fit counts as a miss. minAreaRect and the bare L-shape search
get the points that our fit rests on. Intervals: bootstrap by physical object. Last, how often the label lies within one and two of the fit's own
sigma. The constants in fitting.py were chosen on these same recordings, so this is a development set: expect less elsewhere.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import time
from functools import partial
from pathlib import Path

import cv2
import numpy as np

import boxwright as bw

CLASSES = ("Car", "Van", "Truck", "Bus", "Bus/RV/Caravan", "REGULAR_VEHICLE", "BOX_TRUCK", "TRUCK_CAB", "VEHICULAR_TRAILER")
N_CLICKS = 3
N_BOOTSTRAP = 1000


def real_recordings():
    """The loader that comes with the recordings."""
    folder = Path(os.environ.get("BOXWRIGHT_REAL_DATA") or Path(__file__).resolve().parents[1] / ".." / "shared" / "real")
    if not (folder / "load.py").is_file():
        sys.exit("real recordings not found: set BOXWRIGHT_REAL_DATA to their folder")
    spec = importlib.util.spec_from_file_location("real_loader", folder / "load.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["real_loader"] = module
    spec.loader.exec_module(module)
    return module


def overlap(center, size, yaw, truth):
    """Bird's-eye IoU of a rectangle with a label."""
    size = np.maximum(size, 1e-3)
    return bw.iou_bev(bw.Cuboids([[*center[:2], 0.0]], [[*size[:2], 1.0]], [yaw]), truth)[0, 0]


def compare(fit, truth, points):
    """One row: our IoU and errors, and what the bare rectangles make of the same points."""
    cuboid = fit.cuboid
    own = points[fit.point_index][:, :2]
    (x, y), (width, height), angle = cv2.minAreaRect(own.astype(np.float32))
    bare = bw.fit_rectangles(own, [0, len(own)])
    return {
        "iou": overlap(cuboid.center_m, cuboid.size_m, cuboid.yaw_rad, truth),
        "yaw_deg": np.degrees(abs((cuboid.yaw_rad - truth.yaw_rad[0] + np.pi / 2) % np.pi - np.pi / 2)),
        "center_m": np.hypot(*(cuboid.center_m - truth.center_m[0])[:2]),
        "minAreaRect": overlap((x, y), (width, height), np.radians(angle), truth),
        "L-shape": overlap(bare.center_m[0], bare.size_m[0], bare.yaw_rad[0], truth) if bare.is_valid[0] else 0.0,
        "in_sigma": in_sigma(fit, truth),
    }


def in_sigma(fit, truth):
    """(7,) errors in x, y, z, length, width, height and yaw (modulo half a turn), in sigmas; NaN where sigma is."""
    yaw = (fit.cuboid.yaw_rad - truth.yaw_rad[0] + np.pi / 2) % np.pi - np.pi / 2
    off = np.r_[fit.cuboid.center_m - truth.center_m[0], fit.cuboid.size_m - truth.size_m[0], yaw]
    return np.abs(off) / np.r_[fit.sigma.center_m, fit.sigma.size_m, fit.sigma.yaw_rad]


def show_sigma(title, rows):
    """How often the label lies within one and two sigma; 0.68 and 0.95 would be those of a normal distribution."""
    found = np.array([row["in_sigma"] for row in rows if "in_sigma" in row])
    for most in (1, 2):
        shares = [np.mean(column[np.isfinite(column)] < most) for column in found.T]
        print(f"{title:34} {len(found):5} within {most} sigma: " + " ".join(f"{share:7.3f}" for share in shares))


def attempts(loader, rng):
    """Rows of every fit on every vehicle."""
    for frame in loader.frames():
        points = frame.points[:, :3]
        ground = bw.ground(points)
        for box, quat, name, track in zip(frame.boxes, frame.quats, frame.names, frame.track_ids):
            own = np.flatnonzero(loader.points_in_box(frame.points, box, quat))
            if name not in CLASSES or len(own) < 5:
                continue
            truth = bw.Cuboids([box[:3]], [box[3:6]], [box[6]])
            rough = bw.Cuboid(box[:3] + np.append(rng.normal(0, 0.15, 2), 0), box[3:6] + 0.6, box[6] + rng.normal(0, np.radians(5)))
            calls = [("click", partial(bw.fit_at, points, points[i], name, ground=ground)) for i in rng.choice(own, N_CLICKS)]
            calls += [
                ("rough", partial(bw.refit, points, rough, ground=ground)),
                ("rough, class", partial(bw.refit, points, rough, name, ground=ground)),
            ]
            for way, call in calls:
                row = {"way": way, "source": frame.source, "n": len(own), "object": f"{frame.scene} {track or f'{frame.frame} {box[0]}'}", "iou": 0.0}
                start = time.thread_time()
                try:
                    fit = call()
                    row["ms"] = (time.thread_time() - start) * 1e3
                    row |= compare(fit, truth, points)
                except bw.GeometryError:
                    row["failed"] = 1
                yield row


def interval(rows, rng):
    """90 % interval of the share over 0.7, objects drawn with replacement."""
    objects = {}
    for row in rows:
        objects.setdefault((row["source"], row["object"]), []).append(row["iou"] > 0.7)
    hits, counts = np.array([sum(v) for v in objects.values()]), np.array([len(v) for v in objects.values()])
    drawn = rng.integers(0, len(hits), (N_BOOTSTRAP, len(hits)))
    return np.quantile(hits[drawn].sum(1) / counts[drawn].sum(1), [0.05, 0.95])


def show(title, rows, rng):
    if not rows:
        return

    def column(name, default=np.nan):
        return np.array([row.get(name, default) for row in rows], float)

    low, high = interval(rows, rng)
    share = {name: np.mean(column(name, 0.0) > 0.7) for name in ("iou", "minAreaRect", "L-shape")}
    print(
        f"{title:34} {len(rows):5} {share['iou']:6.3f} [{low:.2f}, {high:.2f}] {np.median(column('iou')):7.3f} "
        f"{np.nanmedian(column('yaw_deg')):8.1f} {np.nanmedian(column('center_m')):8.2f} {share['minAreaRect']:8.3f} {share['L-shape']:8.3f} "
        f"{np.nansum(column('failed', 0)):5.0f} {np.nanmedian(column('ms')):6.1f}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    rng = np.random.default_rng(parser.parse_args().seed)
    rows = list(attempts(real_recordings(), rng))
    words = ("", "n", "> 0.7", "90 %", "median", "yaw deg", "centre m", "minArea", "L-shape", "fail", "ms")
    print(" ".join(f"{word:>{width}}" for word, width in zip(words, (34, 5, 6, 12, 7, 8, 8, 8, 8, 5, 6))))
    for way in ("click", "rough", "rough, class"):
        mine = [row for row in rows if row["way"] == way]
        main_rows = [row for row in mine if row["source"] != "dgp"]
        show(f"{way}, all", main_rows, rng)
        for low, high in ((5, 20), (20, 50), (50, 200), (200, 10**9)):
            show(f"{way}, {low} {f'to {high - 1}' if high < 10**9 else 'or more'} points", [row for row in main_rows if low <= row["n"] < high], rng)
        show(f"{way}, at least 50 points", [row for row in main_rows if row["n"] >= 50], rng)
        for source in dict.fromkeys(row["source"] for row in mine):
            show(f"{way}, {source}{' (thinned)' if source == 'dgp' else ''}", [row for row in mine if row["source"] == source], rng)
    print(f"{'':56}" + " ".join(f"{name:>7}" for name in ("x", "y", "z", "length", "width", "height", "yaw")))
    for way in ("click", "rough", "rough, class"):
        main_rows = [row for row in rows if row["way"] == way and row["source"] != "dgp"]
        show_sigma(f"{way}, all", main_rows)
        show_sigma(f"{way}, at least 50 points", [row for row in main_rows if row["n"] >= 50])


if __name__ == "__main__":
    main()
