"""How far off cuboids are that `bw.propagate` carries to other frames, beside keeping them where they were and moving them on at constant velocity.

    BOXWRIGHT_REAL_DATA=... python benchmarks/accuracy_propagation.py [--seeds 21 22 23] [--frames 24]

Simulated streets (exact truth, sweeps in every frame): from one keyframe ten frames onwards, and between two keyframes ten frames apart. No constant
was chosen on these seeds. Real recordings have few sweeps with labels: two in a row in Argoverse 2 log 7fab2350 and KITTI tracking 0001, three half
a second apart in SUSTechPOINTS (965, 970, 975; no poses), three a second apart in DGP (thinned clouds). There a keyframe is carried to the next
sweep, and SUSTechPOINTS' and DGP's middle frame is found between its neighbours. All other tracks are taken out of the scene first.

Constant position is the keyframe itself in the tracks' frame; constant velocity knows one more label, that of the frame before. Truth: the labels;
those of Argoverse 2 and KITTI are mostly interpolated themselves, so that errors of some centimetres are theirs. Intervals: bootstrap by object.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import warnings
from pathlib import Path

import numpy as np

import boxwright as bw

AHEAD = 10
N_BOOTSTRAP = 1000
FEWEST = 8  # points in the keyframe's cuboid
PEOPLE = ("pedestrian", "cyclist", "bicyclist", "person", "rider", "bicycle", "motorcycle", "scooter", "stroller")


def real_folder():
    folder = Path(os.environ.get("BOXWRIGHT_REAL_DATA") or Path(__file__).resolve().parents[1] / ".." / "shared" / "real")
    if not (folder / "load.py").is_file():
        sys.exit("real recordings not found: set BOXWRIGHT_REAL_DATA to their folder")
    return folder


def off(cuboids, truth):
    """(F,) metres seen from above, (F,) degrees"""
    turn = (cuboids.yaw_rad - truth.yaw_rad + np.pi) % (2 * np.pi) - np.pi
    return np.hypot(*(cuboids.center_m - truth.center_m)[:, :2].T), np.degrees(np.abs(turn))


def points_in(scene, track, frame):
    stamp = scene.times_ns[frame : frame + 1]
    sweep = scene.points(frame)
    cuboids = track.at(stamp).cuboids
    if cuboids.frame != sweep.frame:
        cuboids = cuboids.transformed(scene.transform(sweep.frame, cuboids.frame, int(stamp[0])), frame=sweep.frame)
    return int(bw.points_in_cuboids(sweep, cuboids).counts[0])


def constant_velocity(track, stamp, times):
    """The cuboid moved on and turned on, as the label before tells."""
    k = int(np.searchsorted(track.times_ns, stamp))
    if k == 0 or track.visibility[k - 1] == bw.Visibility.OUTSIDE:
        return None
    one, before = track.cuboids[k], track.cuboids[k - 1]
    share = ((times - stamp) / (stamp - track.times_ns[k - 1]))[:, None]
    turn = (one.yaw_rad - before.yaw_rad + np.pi) % (2 * np.pi) - np.pi
    size = np.repeat(one.size_m[None], len(times), 0)
    return bw.Cuboids(one.center_m + share * (one.center_m - before.center_m), size, one.yaw_rad + share[:, 0] * turn, frame=track.cuboids.frame)


def rows_of(scene, name, track, keys, start, end):
    """One row for each proposal from `start` to `end`, the track known at frames `keys` alone."""
    stamps = scene.times_ns[list(keys)]
    known = track.take(np.isin(track.times_ns, stamps))
    n_points = points_in(scene, track, start)
    if len(known) != len(keys) or n_points < FEWEST:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bw.SensorFrameFallback)
        proposals = bw.propagate(scene.replace(tracks=[known]), known, start, end)
    truth = track.at(proposals.times_ns)
    there = truth.is_valid
    if not there.any():
        return
    errors = {"ours": proposals.cuboids, "predicted": proposals.predicted}
    held = known.cuboids[np.repeat(np.flatnonzero(known.times_ns == scene.times_ns[start]), len(proposals))]
    errors["held"] = held
    steady = constant_velocity(track, int(scene.times_ns[start]), proposals.times_ns)
    if steady is not None:
        errors["steady"] = steady
    measured = {key: off(cuboids, truth.cuboids) for key, cuboids in errors.items()}
    for i in np.flatnonzero(there):
        row = {
            "set": name,
            "object": (name, track.track_id),
            "class": track.category,
            "n": n_points,
            "ahead": abs(int(proposals.frame_index[i]) - start),
        }
        row["flagged"], row["moves"] = bool(proposals.is_flagged[i]), float(measured["held"][0].max()) > 0.2
        for key, (meters, degrees) in measured.items():
            row[key], row[f"{key}_deg"] = float(meters[i]), float(degrees[i])
        yield row


def simulated(seed, n_frames):
    scene = bw.simulate(seed, n_frames, n_beams=32, n_columns=1000)
    one, two = [], []
    for track in scene.tracks:
        frames = np.searchsorted(scene.times_ns, track.times_ns[track.visibility != bw.Visibility.OUTSIDE])
        for first in range(int(frames[0]), int(frames[-1]) - AHEAD + 1, AHEAD):
            one += rows_of(scene, f"simulated {seed}", track, [first], first, first + AHEAD)
            two += rows_of(scene, f"simulated {seed}", track, [first, first + AHEAD], first, first + AHEAD)
    return one, two


def real(folder):
    """(set, scene, frames with sweeps)"""
    yield "Argoverse 2", bw.read(folder / "av2" / "sensor", scene="7fab2350-7eaf-3b7e-a39d-6937a4c1bede")
    yield "KITTI tracking", bw.read(folder / "kitti_tracking", scene="0001")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bw.SensorFrameFallback)
        yield "SUSTechPOINTS", bw.read(folder / "sustechpoints" / "example")
    yield "DGP (thinned)", bw.read(folder / "dgp" / "scene_01")


def real_rows(folder):
    one, two = [], []
    for name, scene in real(folder):
        frames = [i for i in range(len(scene)) if scene.has_points(i)]
        frames = frames[1:] if name == "SUSTechPOINTS" else frames  # 950 comes 1.5 s before the others
        for track in scene.tracks:
            labelled = [i for i in frames if scene.times_ns[i] in track.times_ns]
            for a, b in [*itertools.pairwise(labelled), *itertools.pairwise(labelled[::-1])]:
                if abs(frames.index(a) - frames.index(b)) == 1:
                    one += rows_of(scene, name, track, [a], a, b)
            if len(frames) == 3 == len(labelled):
                two += rows_of(scene, name, track, [frames[0], frames[2]], frames[0], frames[2])
    return one, two


def interval(rows, hit, rng):
    """90 % interval of a share, objects drawn with replacement."""
    objects = {}
    for row in rows:
        objects.setdefault(row["object"], []).append(hit(row))
    hits, counts = np.array([sum(v) for v in objects.values()]), np.array([len(v) for v in objects.values()])
    drawn = rng.integers(0, len(hits), (N_BOOTSTRAP, len(hits)))
    return len(hits), np.quantile(hits[drawn].sum(1) / counts[drawn].sum(1), [0.05, 0.95])


def near(row, key):
    return row.get(key, np.inf) <= 0.2 and row.get(f"{key}_deg", np.inf) <= 2.0


def show(title, rows, rng):
    if not rows:
        return
    n_objects, (low, high) = interval(rows, lambda row: near(row, "ours"), rng)
    median, most = np.quantile([row["ours"] for row in rows], [0.5, 0.9])
    yaw = np.median([row["ours_deg"] for row in rows])
    shares = {key: [near(row, key) for row in rows if key in row] for key in ("ours", "held", "steady")}
    ours, held, steady = (np.mean(shares[key]) if shares[key] else np.nan for key in shares)
    believed = [row["ours"] > 0.5 for row in rows if not row["flagged"]]
    flagged, wrong = 1 - len(believed) / len(rows), np.mean(believed) if believed else np.nan
    print(
        f"{title:56} {n_objects:4} {len(rows):5} {ours:6.3f} [{low:.2f}, {high:.2f}] {median:6.3f} {most:6.2f} {yaw:5.1f} "
        f"{held:6.3f} {steady:6.3f} {flagged:7.3f} {wrong:6.3f}"
    )


def show_all(title, rows, rng):
    show(f"{title}, all", rows, rng)
    show(f"{title}, standing", [row for row in rows if not row["moves"]], rng)
    moving = [row for row in rows if row["moves"]]
    show(f"{title}, moving", moving, rng)
    for word, people in (("vehicles", False), ("people, two-wheelers", True)):
        own = [row for row in moving if any(name in row["class"].lower() for name in PEOPLE) == people]
        show(f"{title}, moving {word}", own, rng)
        for low, high in ((FEWEST, 20), (20, 50), (50, 200), (200, 10**9)):
            words = f"{low} to {high - 1}" if high < 10**9 else f"{low} or more"
            show(f"   {word}, {words} points", [row for row in own if low <= row["n"] < high], rng)


def show_gain(title, rows):
    """What the points make of the curve between two keyframes."""
    far, close = [row for row in rows if row["predicted"] > 0.2], [row for row in rows if row["predicted"] < 0.05]
    if far:
        before, after = (np.array([row[key] for row in far]) for key in ("predicted", "ours"))
        believed = np.array([not row["flagged"] for row in far])
        better = after < before
        print(
            f"{title}: curve off by more than 0.2 m, {len(far)} frames: median {np.median(before):.3f} -> {np.median(after):.3f} m, "
            f"better in {better.mean():.3f}; flagged {1 - believed.mean():.3f}, better of the others {better[believed].mean():.3f}"
        )
    if close:
        worse = np.mean([row["ours"] > row["predicted"] + 0.03 for row in close])
        print(f"{title}: curve off by less than 0.05 m, {len(close)} frames: worse by more than 0.03 m in {worse:.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="*", default=[21, 22, 23])
    parser.add_argument("--frames", type=int, default=24)
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    real_one, real_two = real_rows(real_folder())
    made = [simulated(seed, given.frames) for seed in given.seeds]
    one, two = [row for pair in made for row in pair[0]], [row for pair in made for row in pair[1]]
    words = ("0.2 m and 2 deg: objects, frames, share", "obj", "n", "ours", "90 %", "med m", "p90 m", "deg", "held", "steady", "flagged", "wrong")
    print(" ".join(f"{word:>{width}}" for word, width in zip(words, (56, 4, 5, 6, 12, 6, 6, 5, 6, 6, 7, 6))))
    if one:
        show_all("simulated, one keyframe, 10 frames on", one, rng)
        show_all("simulated, between two, 10 frames apart", two, rng)
    for name in dict.fromkeys(row["set"] for row in real_one):
        show_all(f"{name}, the next sweep", [row for row in real_one if row["set"] == name], rng)
        show_all(f"{name}, between two", [row for row in real_two if row["set"] == name], rng)
    print("flagged: of all; wrong: of those not flagged, off by more than 0.5 m")
    show_gain("simulated", two)
    for name in dict.fromkeys(row["set"] for row in real_two):
        show_gain(name, [row for row in real_two if row["set"] == name])


if __name__ == "__main__":
    main()
