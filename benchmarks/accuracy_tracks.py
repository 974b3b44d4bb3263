"""How far off a track's keyframes are before and after `bw.lock_size`, `bw.solve_static` and `bw.orient`, and what `bw.advise` is worth.

    BOXWRIGHT_REAL_DATA=... python benchmarks/accuracy_tracks.py [--seeds 31 32 33] [--frames 40]

Simulated streets with exact truth: every tenth frame in which an object has at least 20 points has a keyframe, fitted by `bw.refit` to a rough cuboid
(the true one moved by 0.15 m in x and y, turned by 5 degrees, front and back by chance). Sizes, centres and headings against the truth, and the
verdict against the way that the object really went between its first and last keyframe. Real: every tenth label of each Argoverse 2 log. Sweeps are
there for an instant of one log only, so that the keyframes alone tell; a label moves where its centres lie more than 0.5 m apart.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from pathlib import Path

import numpy as np

import boxwright as bw

EVERY, FEWEST = 10, 20
STANDS_M, MOVES_M = 0.1, 0.5


def fitted(scene, rng):
    """(true track, its keyframes fitted) of every object with at least two"""
    rows = {}
    for i in range(0, len(scene), EVERY):
        sweep, stamp = scene.still_points(i), int(scene.times_ns[i])
        ground, whose = scene.ground(i), scene.data.point_track_index(i)
        for t, track in enumerate(scene.tracks):
            at = track.at([stamp])
            if not at.is_valid[0] or (whose == t).sum() < FEWEST:
                continue
            true = at.cuboids.transformed(scene.transform("lidar", "world", stamp), frame="lidar")
            turn = rng.normal(0, np.radians(5)) + np.pi * rng.integers(2)
            rough = bw.Cuboids(true.center_m + np.append(rng.normal(0, 0.15, 2), 0), true.size_m, true.yaw_rad + turn, frame="lidar")
            try:
                fit = bw.refit(sweep, rough, track.category, ground=ground)
            except bw.GeometryError:
                continue
            cuboid = fit.cuboid.as_cuboids().transformed(scene.transform("world", "lidar", stamp), frame="world")
            rows.setdefault(t, []).append((stamp, cuboid, fit.sigma.size_m))
    for t, row in rows.items():
        if len(row) > 1:
            stamps, cuboids, sigmas = zip(*row, strict=True)
            true = scene.tracks[t]
            track = bw.Track(true.track_id, true.category, np.array(stamps), bw.Cuboids.concatenate(cuboids), origin=[bw.Origin.FIT] * len(row))
            yield true, track, np.array(sigmas)


def off(track, true):
    """(K, 2) metres from above and degrees, and (K, 3) of the size"""
    there = true.at(track.times_ns).cuboids
    turn = np.degrees(np.abs((track.cuboids.yaw_rad - there.yaw_rad + np.pi) % (2 * np.pi) - np.pi))
    return np.c_[np.hypot(*(track.cuboids.center_m - there.center_m)[:, :2].T), turn, np.abs(track.cuboids.size_m - there.size_m)]


def show(name, before, after):
    before, after = np.concatenate(before), np.concatenate(after)
    figures = "  ".join(f"{np.mean(b):.3f} -> {np.mean(a):.3f}" for b, a in zip(before.T, after.T, strict=True))
    print(f"{name:34} {len(before):5}  {figures}")


def simulated(seeds, n_frames):
    rows = {name: ([], []) for name in ("size, by points", "size, by the fits' sigma", "one pose, standing")}
    verdicts, fronts = Counter(), Counter()
    for seed in seeds:
        scene = bw.simulate(seed, n_frames, n_beams=32, n_columns=1000)
        for true, track, sigma in fitted(scene, np.random.default_rng(seed)):
            rigid = bw.Taxonomy.default().find(true.category).is_rigid
            if rigid:
                for name, locked in (("points", bw.lock_size(scene, track)), ("the fits' sigma", bw.lock_size(scene, track, size_sigma_m=sigma))):
                    rows[f"size, by {name}"][0].append(off(track, true)[:, [0, 2, 3, 4]])
                    rows[f"size, by {name}"][1].append(off(locked, true)[:, [0, 2, 3, 4]])
            places = true.at(scene.times_ns[(scene.times_ns >= track.times_ns[0]) & (scene.times_ns <= track.times_ns[-1])]).cuboids.center_m
            way = float(np.hypot(*(np.nanmax(places, 0) - np.nanmin(places, 0))[:2]))
            truth = "stands" if way < STANDS_M else "moves" if way > MOVES_M else "creeps"
            solve = bw.solve_static(scene, track)
            verdicts[truth, str(solve.verdict)] += 1
            if truth == "stands" and solve.verdict == "standing":
                both = [off(t, true) for t in (track, solve.track)]
                rows["one pose, standing"][0].append(both[0][:, [0, 2, 3, 4]])
                rows["one pose, standing"][1].append(both[1][:, [0, 2, 3, 4]])
            if truth == "moves":
                for when, oriented in (("before", track), ("after", bw.orient(track))):
                    fronts[when] += int((off(oriented, true)[:, 1] > 90).sum())
                fronts["keyframes"] += len(track)
    print(f"{'simulated: mean error before and after':34} {'keys':>5}  x, y m            length            width             height")
    for name, (before, after) in rows.items():
        if before:
            show(name, before, after)
    print(f"fronts of what moves: {fronts['keyframes']} keyframes, {fronts['before']} backwards before, {fronts['after']} after")
    print("verdicts (truth, verdict): " + ", ".join(f"{t} {v} {n}" for (t, v), n in sorted(verdicts.items())))


def advised(seeds, n_frames):
    """True keyframes every fifteenth frame; then one more in a quarter of the gaps: those advised, and the middles of all gaps, on average."""
    rows = []
    for seed in seeds:
        scene = bw.simulate(seed, n_frames, n_beams=32, n_columns=1000)
        sparse = [track.take(track.visibility != bw.Visibility.OUTSIDE).keyframes_every(15) for track in scene.tracks]
        moving = [(t, s) for t, s in zip(scene.tracks, sparse, strict=True) if np.hypot(*np.ptp(t.cuboids.center_m[:, :2], axis=0)) > MOVES_M]
        advice = bw.advise(scene.replace(tracks=[s for _, s in moving]))
        for rank, row in enumerate(advice):
            true, few = next((t, s) for t, s in moving if t.track_id == row.track_id)
            k = int(np.searchsorted(few.times_ns, row.timestamp_ns))
            gap = true.times_ns[(true.times_ns > few.times_ns[k - 1]) & (true.times_ns < few.times_ns[k])]
            without = error(few, true, gap)
            each = [without.sum() - error(with_key(few, true, stamp), true, gap).sum() for stamp in gap]
            gains = each[int(np.searchsorted(gap, row.timestamp_ns))], each[len(gap) // 2], np.mean(each), max(each)
            rows.append((rank < len(advice) / 4, row.score_m, without.max(), *gains))
    if rows:
        top, score, worst, *gains = np.array(rows).T
        order = [np.argsort(np.argsort(column)) for column in (score, worst)]
        print(f"advise: {len(rows)} gaps of 15 frames, rank correlation of score and largest error {np.corrcoef(*order)[0, 1]:.2f};", end=" ")
        print("metres of error (sum over frames) that a keyframe takes away in the quarter of the gaps that is advised:", end=" ")
        names = ("at the advised frame", "in the middle", "anywhere", "at the best frame")
        print(", ".join(f"{name} {gain[top == 1].mean():.3f}" for name, gain in zip(names, gains, strict=True)), end="; ")
        print(f"in the middle of any gap {gains[1].mean():.3f}")


def error(track, true, stamps):
    """(F,) metres: of the centre from above, and of the ends by a turn."""
    a, b = track.at(stamps).cuboids, true.at(stamps).cuboids
    turn = (a.yaw_rad - b.yaw_rad + np.pi) % (2 * np.pi) - np.pi
    return np.linalg.norm(np.column_stack([(a.center_m - b.center_m)[:, :2], turn * b.size_m[:, 0] / 2]), axis=1)


def with_key(track, true, stamp):
    return true.take(np.isin(true.times_ns, [*track.times_ns, stamp]))


def real():
    folder = Path(os.environ.get("BOXWRIGHT_REAL_DATA") or Path(__file__).resolve().parents[1] / ".." / "shared" / "real") / "av2" / "sensor"
    for log in sorted(path.parent for path in folder.rglob("annotations.feather")):
        scene, verdicts, turned, n_keys = bw.read(log), Counter(), 0, 0
        for track in scene.tracks:
            seen = track.take(track.visibility != bw.Visibility.OUTSIDE).keyframes_every(EVERY)
            way = float(np.hypot(*np.ptp(world(scene, seen).center_m[:, :2], axis=0)))
            verdicts["stands" if way < MOVES_M else "moves", str(bw.solve_static(scene, seen).verdict)] += 1
            placed = seen.replace(cuboids=world(scene, seen))
            if way > 5:
                turned += int((np.abs(bw.orient(placed).cuboids.yaw_rad - placed.cuboids.yaw_rad) > np.pi / 2).sum())
                n_keys += len(placed)
        print(f"Argoverse 2 {log.name[:8]}: " + ", ".join(f"{t} {v} {n}" for (t, v), n in sorted(verdicts.items())), end="")
        print(f"; orient turns {turned} of {n_keys} labels of what goes further than 5 m")


def world(scene, track):
    own = track.cuboids.frame
    parts = [track.cuboids[k : k + 1].transformed(scene.transform("world", own, int(t)), frame="world") for k, t in enumerate(track.times_ns)]
    return bw.Cuboids.concatenate(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="*", default=[31, 32, 33])
    parser.add_argument("--frames", type=int, default=40)
    given = parser.parse_args()
    if given.seeds:
        simulated(given.seeds, given.frames)
        advised(given.seeds, given.frames)
    real()


if __name__ == "__main__":
    main()
