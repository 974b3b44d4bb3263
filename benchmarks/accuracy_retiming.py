"""How far boxes are from where their objects were at the stamp, before and after `bw.retime`.

    python benchmarks/accuracy_retiming.py [--seeds 3]

Made-up recordings with exact truth: a motorway with traffic of up to 35 m/s, and a street. Each label is drawn where its object was at the mean time
of its points (of the larger half where the sweep begins and ends on it), with 3 cm of a hand's unsteadiness in x and y: once around points without
the vehicle's motion, once around points as they came, and once, rightly, at the stamp, which must be left alone. Where BOXWRIGHT_REAL_DATA leads to
the Argoverse 2 logs, the gain in point-to-face consistency of their moving tracks follows: labels drawn by people, truth unknown.
"""

from __future__ import annotations

import argparse
import os
from itertools import pairwise
from pathlib import Path

import numpy as np

import boxwright as bw

SPEEDS = (0.0, 0.5, 2.0, 5.0, 10.0, 20.0, 40.0)
HAND_M = 0.03
FEWEST_POINTS = 5


def seen_at(scene, frame_index, track_index):
    """Mean time after the stamp of a track's points, of the larger part where they come in two; None below FEWEST_POINTS."""
    sweep = scene.points(frame_index)
    times = np.sort(sweep.time_offset_ns[scene.data.point_track_index(frame_index) == track_index])
    if len(times) < FEWEST_POINTS:
        return None
    parts = np.split(times, np.flatnonzero(np.diff(times) > 50_000_000) + 1)
    return int(max(parts, key=len).mean())


def drawn(scene, placement, rng):
    """The scene's true labels as a person would draw them around what the sweeps show."""
    tracks = []
    for t, track in enumerate(scene.tracks):
        center, quat = track.cuboids.center_m.copy(), track.cuboids.quat_wxyz.copy()
        for k, stamp in enumerate(track.times_ns.tolist()):
            late = None if placement == "stamp" else seen_at(scene, scene.nearest_frame(stamp), t)
            moment = int(np.clip(stamp + (late or 0), track.times_ns[0], track.times_ns[-1]))
            cuboid = track.at([moment]).cuboids
            if not np.isfinite(cuboid.center_m).all():
                continue
            if placement == "raw_points":
                way = scene.world_from_ego(stamp) @ scene.world_from_ego(moment).inverse()
                cuboid = cuboid.transformed(way, frame="world")
            center[k], quat[k] = cuboid.center_m[0] + np.append(rng.normal(0, HAND_M, 2), 0), cuboid.quat_wxyz[0]
        tracks.append(track.replace(cuboids=bw.Cuboids(center, track.cuboids.size_m, quat_wxyz=quat, frame="world")))
    return scene.replace(tracks=tracks)


def errors(truth, given, retiming):
    """(K, 3) speed, error before and after, of keyframes whose points tell."""
    rows = []
    for true, before, proposal in zip(truth.tracks, given.tracks, retiming):
        there = (true.visibility != bw.Visibility.OUTSIDE) & (proposal.n_points >= FEWEST_POINTS)
        speed = np.linalg.norm(np.gradient(true.cuboids.center_m, true.times_ns * 1e-9, axis=0), axis=1) if len(true) > 1 else np.zeros(1)
        off = [np.linalg.norm((track.cuboids.center_m - true.cuboids.center_m)[:, :2], axis=1) for track in (before, proposal.track)]
        rows.append(np.column_stack([speed, *off])[there])
    return np.concatenate(rows)


def show_simulated(n_seeds):
    print(f"{'scenery':10} {'drawn for':12} {'found':24} {'m/s':>9} {'boxes':>6} {'before':>8} {'p95':>7} {'after':>8} {'p95':>7} {'ratio':>6}")
    for scenery in ("motorway", "street") if n_seeds else ():
        scenes = [bw.simulate(seed, 40, n_columns=1120, image_scale=0.1, scenery=scenery) for seed in range(100, 100 + n_seeds)]
        for placement in ("points", "raw_points", "stamp"):
            rng, found, rows = np.random.default_rng(0), [], []
            for scene in scenes:
                given = drawn(scene, placement, rng)
                retiming = bw.retime(given)
                found.append(f"{retiming.placement} ({retiming.evidence:.0f})")
                rows.append(errors(scene, given, retiming))
            table = np.concatenate(rows)
            print(f"{scenery:10} {placement:12} {', '.join(found)}")
            for low, high in pairwise(SPEEDS):
                speed, before, after = table[(table[:, 0] >= low) & (table[:, 0] < high)].T
                if len(speed):
                    figures = f"{before.mean():8.3f} {np.quantile(before, 0.95):7.3f} {after.mean():8.3f} {np.quantile(after, 0.95):7.3f}"
                    print(f"{'':48} {low:4.1f}-{high:4.1f} {len(speed):6} {figures} {before.mean() / max(after.mean(), 1e-9):6.1f}")


def show_real():
    folder = Path(os.environ.get("BOXWRIGHT_REAL_DATA") or Path(__file__).resolve().parents[1] / ".." / "shared" / "real") / "av2" / "sensor"
    logs = sorted(path.parent for path in folder.rglob("annotations.feather"))
    if not logs:
        print("Argoverse 2 logs not found: set BOXWRIGHT_REAL_DATA to the folder of the real recordings")
    for log in logs:
        scene = bw.read(log)
        if not any(scene.has_points(i) for i in range(len(scene))):
            print(f"Argoverse 2 {log.name[:8]}: no sweeps")
            continue
        retiming = bw.retime(scene)
        print(f"Argoverse 2 {log.name[:8]}: {retiming}")
        for row in sorted((row for row in retiming if row.verdict == "moved"), key=lambda row: -row.shift_m.max()):
            own = row.n_points >= FEWEST_POINTS
            print(
                f"  {row.track.category:18} {row.speed_mps[own].mean():5.1f} m/s, {row.n_points.sum():5} points, "
                f"shift {row.shift_m[own].mean():.2f} m, residual {row.residual_before_m:.3f} -> {row.residual_after_m:.3f} m"
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="made-up recordings of each kind; 0 leaves them out")
    show_simulated(parser.parse_args().seeds)
    show_real()


if __name__ == "__main__":
    main()
