"""What interpolation gives back of people's boxes in videos when every tenth is kept: IoU with the labels, per file and pooled.

    BOXWRIGHT_REAL_DATA=... python benchmarks/accuracy_thinning.py

Ends of spans are kept too. `all` counts the kept keyframes, which are exact, `between` only frames that were filled. `chosen`: of linear and
makima, the one that foretells the kept keyframes of the file better, each from its two neighbours on either side, so that no frame between has a
say in it.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

import boxwright as bw

METHODS = ("linear", "pchip", "makima", "catmull_rom")
CHOICE = ("linear", "makima")
EVERY = 10
ENOUGH = 0.95


def iou(a, b):
    """(K,) of the boxes of two tracks at the same times"""
    low, high = np.maximum(a[:, :2], b[:, :2]), np.minimum(a[:, 2:], b[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    return shared / ((a[:, 2:] - a[:, :2]).prod(axis=1) + (b[:, 2:] - b[:, :2]).prod(axis=1) - shared)


def refilled(track, method):
    """(K, 2): IoU at every label of a track, and whether it was kept."""
    thin = track.keyframes_every(EVERY).replace(method=method)
    times = track.times_ns[track.visibility != bw.Visibility.OUTSIDE]
    filled = thin.at(times)
    return np.c_[iou(filled.shapes.xyxy, track.at(times).shapes.xyxy), filled.state == bw.State.KEYFRAME]


def foretold(track, method):
    """IoU of each inner kept keyframe with what the others say of it."""
    thin, found = track.keyframes_every(EVERY).replace(method=method), []
    for k in range(1, len(thin) - 1):
        around = slice(max(k - 2, 0), k + 3)
        if (thin.visibility[around] == bw.Visibility.OUTSIDE).any():
            continue
        rows = np.delete(np.arange(len(thin))[around], k - max(k - 2, 0))
        others = bw.ImageTrack("others", track.category, track.camera, thin.times_ns[rows], thin.shapes[rows], method=method)
        found.append(iou(others.at(thin.times_ns[k : k + 1]).shapes.xyxy, thin.shapes[k : k + 1].xyxy)[0])
    return found


def real_files():
    folder = Path(os.environ.get("BOXWRIGHT_REAL_DATA", ""), ".")
    if os.environ.get("BOXWRIGHT_REAL_DATA") and (folder / "load.py").is_file():
        yield from ((f"CVAT {path.stem}", path) for path in sorted((folder / "cvat_video_xml").glob("*.xml")))
        yield "MOT TUD-Campus", folder / "mot"


def main():
    ways = (*METHODS, "chosen")
    rows = {}
    for name, path in real_files():
        tracks = bw.read(path).image_tracks
        found = {method: np.concatenate([refilled(track, method) for track in tracks]) for method in METHODS}
        best = max(CHOICE, key=lambda method: np.median([v for track in tracks for v in foretold(track, method)] or [0.0]))
        rows[name] = {**found, "chosen": found[best]}
    if not rows:
        print("no real recordings: set BOXWRIGHT_REAL_DATA to their folder")
        return
    print(f"{'median IoU, every 10th kept':<28}{'boxes':>7}" + "".join(f"{way:>13}" for way in ways))

    def line(title, each):
        print(f"{title:<28}{len(each[ways[0]]):>7}" + "".join(f"{np.median(each[way][:, 0]):>13.3f}" for way in ways))

    for name, each in rows.items():
        line(name, each)
    together = {way: np.concatenate([each[way] for each in rows.values()]) for way in ways}
    line("all", together)
    line("all, between", {way: values[values[:, 1] == 0] for way, values in together.items()})
    enough = ", ".join(f"{way} {sum(np.median(each[way][:, 0]) >= ENOUGH for each in rows.values())}" for way in ways)
    print(f"files of {len(rows)} with a median of {ENOUGH} or more: {enough}")


if __name__ == "__main__":
    main()
