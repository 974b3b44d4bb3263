"""How far cuboids between keyframes are off, and how many keyframes a track needs.

    BOXWRIGHT_REAL_DATA=... python benchmarks/accuracy_interpolation.py [--seeds 6]

Simulated streets and motorways of nine seconds, exact truth: every k-th frame of each track (and its last) is a keyframe, the frames between are
filled by makima in the world frame, as tracks are by default. Gaps are told apart by what the object does there: it is parked, it turns by more than
10 degrees, it gets slower by more than 1 m/s, it is hidden behind something in at least one frame, or none of these. Errors of the centre seen from
above, in metres, and of the heading, in degrees; the share of IoU from above over 0.7. Real: the labels of the Argoverse 2 logs, which are smooth
curves themselves, so that these errors say how well one curve gives another back; frames per keyframe: the fewest keyframes that give all labels
back within 0.1 m and 3 degrees, makima.
"""

from __future__ import annotations

import argparse
import os
from itertools import pairwise
from pathlib import Path

import numpy as np

import boxwright as bw

EVERY = (5, 10, 20)
TURN_RAD, SLOWER_MPS, PARKED_M = np.radians(10), 1.0, 0.1
KINDS = ("parked", "turning", "braking", "hidden", "other", "all")


def kinds_of(track, first, last):
    """What an object does between two rows of its track."""
    way = np.diff(track.cuboids.center_m[first : last + 1, :2], axis=0)
    speed = np.hypot(*way.T) / (np.diff(track.times_ns[first : last + 1]) * 1e-9)
    turn = np.abs(np.angle(np.exp(1j * (track.cuboids.yaw_rad[last] - track.cuboids.yaw_rad[first]))))
    found = {
        "parked": np.hypot(*way.sum(0)) < PARKED_M and speed.max() < 0.5,
        "turning": turn > TURN_RAD,
        "braking": speed[0] - speed[-1] > SLOWER_MPS,
        "hidden": (track.visibility[first : last + 1] == bw.Visibility.OCCLUDED).any(),
    }
    return [name for name, is_so in found.items() if is_so] or ["other"]


def errors_between(track, every):
    """For each gap: what the object does there, (n,) metres, (n,) degrees, (n,) IoU."""
    seen = track.take(track.visibility != bw.Visibility.OUTSIDE)
    few = seen.keyframes_every(every)
    filled = few.at(seen.times_ns).cuboids
    off = np.hypot(*(filled.center_m - seen.cuboids.center_m)[:, :2].T)
    turn = np.degrees(np.abs(np.angle(np.exp(1j * (filled.yaw_rad - seen.cuboids.yaw_rad)))))
    iou = bw.iou_bev_pairs(filled, seen.cuboids)
    keys = np.searchsorted(seen.times_ns, few.times_ns)
    for first, last in pairwise(keys):
        if last > first + 1:
            yield kinds_of(seen, first, last), *(column[first + 1 : last] for column in (off, turn, iou))


def told(title, gaps):
    """A line for each kind of gap."""
    for kind in KINDS:
        mine = [columns for names, *columns in gaps if kind in (*names, "all")]
        if mine:
            off, turn, iou = (np.concatenate(column) for column in zip(*mine, strict=True))
            figures = " ".join(f"{v:7.3f}" for v in (off.mean(), *np.quantile(off, [0.5, 0.9, 0.99]), off.max()))
            rest = f"{turn.mean():6.2f} {np.quantile(turn, 0.99):6.2f} {np.mean(iou > 0.7):7.3f}"
            print(f"{title:24} {kind:8} {len(mine):6} {len(off):7} {figures}  {rest}")


def simulated(seeds):
    """A few rays tell which frames a thing is seen in; the tracks are exact whatever the sensor."""
    for seed in range(7000, 7000 + seeds):
        yield from bw.simulate(
            seed, 90, n_beams=16, n_columns=360, image_scale=0.05, min_points=1, scenery=("street", "street", "motorway")[seed % 3]
        ).tracks


def argoverse():
    """(log, tracks) of the logs that are there."""
    folder = os.environ.get("BOXWRIGHT_REAL_DATA")
    for log in sorted(path.parent for path in (Path(folder) / "av2" / "sensor").rglob("annotations.feather")) if folder else ():
        yield log.name[:8], bw.read(log).tracks


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=6)
    options = parser.parse_args()
    words, widths = ("gaps", "frames", "mean", "median", "90 %", "99 %", "most", "deg", "99 %", "IoU>0.7"), (6, 7, 7, 7, 7, 7, 7, 7, 6, 7)
    print(f"{'one keyframe every':24} {'gap':8}", *(f"{word:>{width}}" for word, width in zip(words, widths, strict=True)))
    tracks = list(simulated(options.seeds))
    for every in EVERY:
        told(f"{every} frames, simulated", [gap for track in tracks for gap in errors_between(track, every)])
    logs = list(argoverse())
    for every in EVERY:
        told(f"{every} frames, Argoverse 2", [gap for _, tracks in logs for track in tracks for gap in errors_between(track, every)])
    for log, tracks in logs:
        few = [bw.thin(track, methods=["makima"]) for track in tracks]
        n_labels, n_keys = (sum(int((t.visibility != bw.Visibility.OUTSIDE).sum()) for t in some) for some in (tracks, few))
        print(f"Argoverse 2 {log}: {n_labels} labels of {len(tracks)} tracks, {n_keys} keyframes, {n_labels / n_keys:.1f} frames per keyframe")
    if not logs:
        print("Argoverse 2 logs not found: set BOXWRIGHT_REAL_DATA to the folder of the real recordings")


if __name__ == "__main__":
    main()
