"""How far off boxes are that `bw.propagate` carries through pictures, and whether it says so when it has lost them.

    BOXWRIGHT_REAL_DATA=... python benchmarks/accuracy_video.py [--seeds 12]

Simulated: textured squares over textured ground, drawn with exact places (tests/moving_pictures.py), from one keyframe onwards. Error: the
farthest corner of the rotated box, in pixels, over the frames that are not flagged. `wrong`: of those, off by more than a tenth of the box's side.
`lost`: clips that ended before the last frame, which is a false alarm where nothing happens, and right where the object is covered for good, leaves,
or is cut away; `late`: frames from then on that were still believed, on average. Covered counts from the frame in which 80 % of it is.

The real clip, of a motorway, has no labels: the boxes of two cars, set by eye, and squares on a grid, wherever there are corners, are carried 20
frames on and back again; error is how far their middle then is from where it began. Many squares lie on the road, or on trees whose branches pass
before each other, and cannot come back. KITTI tracking 0001: a label's box of the left picture carried to another frame, IoU with the label there;
beside it the box held where it was. Frames 0 and 1 are a tenth of a second apart, 10, 15 and 20 half a second, with nothing in between. No constant
was chosen on either.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import cv2
import numpy as np

import boxwright as bw

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from moving_pictures import Mover, film, scene_of, straight, track_of  # noqa: E402

WIDTHS = (44, 6, 7, 8, 8, 8, 7, 7, 6)
CARS = {"black": (812, 408, 943, 497), "white": (1005, 408, 1189, 500)}  # in the first frame
TITLES = ("what", "clips", "frames", "median", "p90", "p99", "wrong", "lost", "late")


def real_folder():
    folder = Path(os.environ.get("BOXWRIGHT_REAL_DATA") or ROOT / ".." / "shared" / "real")
    return folder if (folder / "load.py").is_file() else None


def line(*cells):
    print(" ".join(f"{cell:<{width}}" if i == 0 else f"{cell:>{width}}" for i, (cell, width) in enumerate(zip(cells, WIDTHS))), flush=True)


def quantiles(values):
    return [f"{v:.3f}" for v in np.quantile(values, (0.5, 0.9, 0.99))] if len(values) else ["-"] * 3


def covering(n, at):
    """A large square that comes from the left and stays."""
    way = straight(n, (at[0] - 200, at[1]), (8.0, 0))
    way[way[:, 0] > at[0], 0] = at[0]
    return way


def simulated(title, n_seeds, make, *, size_px=60.0, event=None, **more):
    """make(rng) -> places; `event` (places) -> the frame from which it is gone, or None."""
    errors, n_lost, late, n_frames = [], 0, [], 0
    for seed in range(n_seeds):
        rng = np.random.default_rng(1000 + seed)
        places = make(rng)
        n = len(places)
        mover = Mover(rng, places, size_px)
        front = [Mover(rng, way(places), side) for way, side in more.get("front", [])]
        how = {name: value for name, value in more.items() if name != "front"}
        scene, truth = scene_of(film(rng, [mover, *front], n, noise=1.5, **how)), mover.rotated_boxes()
        proposals = bw.propagate(scene, track_of(truth, [0]), 0, n - 1)
        gone = n if event is None else event(places)
        believed = ~proposals.is_flagged & (proposals.verdict != bw.ImageVerdict.LEFT_PICTURE)
        off = np.linalg.norm(proposals.shapes.corners_uv() - truth[proposals.frame_index].corners_uv(), axis=2).max(axis=1)
        errors += list(off[believed & (proposals.frame_index < gone)])
        n_frames += gone - 1
        n_lost += len(proposals) == 0 or proposals.frame_index[-1] < n - 1 or not believed[-1]
        late.append(int((believed & (proposals.frame_index >= gone)).sum()))
    wrong = np.mean(np.array(errors) > size_px / 10) if errors else np.nan
    told = f"{np.mean(late):.1f}" if event is not None else "-"
    line(title, n_seeds, n_frames, *quantiles(errors), f"{wrong:.3f}", f"{n_lost}/{n_seeds}", told)


def any_way(n, step):
    """n frames of steps of that many pixels, some way that stays in the picture, with a little growth and turn."""

    def make(rng):
        angle, growth, turn = rng.uniform(0, 2 * np.pi), rng.uniform(0.99, 1.01), rng.uniform(-0.02, 0.02)
        places = straight(n, (0.0, 0.0), (step * np.cos(angle), step * np.sin(angle)), growth, turn)
        low, high = np.array([60, 60]), np.array([420, 260])
        there = (places[:, :2] + rng.uniform(0, 1, 2) * (high - low)) % (2 * (high - low))
        places[:, :2] = low + np.abs(there - (high - low))  # turns round at the rim
        return places

    return make


def show_simulated(n):
    for step in (2, 8, 20, 40):
        for length in (10, 40):
            simulated(f"simulated, {step} px a frame, {length} frames", n, any_way(length + 1, step))
    simulated("20 px across, 4 px a frame, 40 frames", n, any_way(41, 4), size_px=20.0)
    simulated("200 px across, 8 px a frame, 20 frames", n, any_way(21, 8), size_px=200.0)
    simulated("the background moves 5 px, 40 frames", n, any_way(41, 3), drift=(-5.0, 1.0))
    simulated("light falls to 0.4, 40 frames", n, any_way(41, 3), light=lambda k: (1 - 0.015 * k, 0.8 * k))
    passing = (lambda places: straight(len(places), places[12, :2] - (120, 0), (10.0, 0)), 30.0)
    simulated("half as large passes in front, 40 frames", n, any_way(41, 2), front=[passing])
    still = lambda rng: np.repeat(straight(1, rng.uniform([180, 120], [300, 200])), 45, axis=0)  # noqa: E731
    # its right side is where the cover's is when all of it is hidden
    hidden = lambda places: int(np.argmax(covering(45, places[0, :2])[:, 0] + 80 > places[0, 0] - 30 + 48))  # noqa: E731
    simulated("covered for good", n, still, event=hidden, front=[(lambda places: covering(45, places[0, :2]), 160.0)])
    leaving = lambda rng: straight(60, rng.uniform([250, 120], [330, 200]), (rng.uniform(4, 16), 0))  # noqa: E731
    simulated("leaves the picture", n, leaving, event=lambda places: int(np.argmax(places[:, 0] > 479.5 + 30)))
    simulated("a cut", n, any_way(41, 3), event=lambda _: 20, cut=20)


def iou(one, other):
    return float(bw.iou_boxes(one, other)[0, 0])


def show_kitti(folder):
    scene = bw.read(folder / "kitti_tracking", scene="0001")
    camera = next(name for name in scene.cameras if scene.has_image(10, name))
    times = scene.exposures_ns(camera)
    for start, end in ((0, 1), (1, 0), (10, 15), (15, 10), (15, 20), (20, 15)):
        ours, held, lost = [], [], 0
        for track in scene.image_tracks:
            at = track.at(times[[start, end]])
            boxes = {frame: at.shapes[k] for k, frame in enumerate((start, end)) if at.is_valid[k]}
            if len(boxes) < 2:
                continue
            shape = bw.ImageTrack("one", track.category, camera, times[start : start + 1], boxes[start])
            proposals = bw.propagate(scene, shape, start, end)
            at = np.flatnonzero((proposals.frame_index == end) & ~proposals.is_flagged & (proposals.verdict != bw.ImageVerdict.LEFT_PICTURE))
            held.append(iou(boxes[start], boxes[end]))
            if len(at):
                ours.append(iou(proposals.shapes[int(at[0])], boxes[end]))
            else:
                lost += 1
        low = np.quantile(ours, (0.5, 0.1)) if ours else (np.nan, np.nan)
        good = np.mean(np.array(ours) > 0.7) if ours else np.nan
        print(
            f"KITTI 0001, {start:2} -> {end:2}: {len(held)} boxes, {lost} given up; of the others IoU median {low[0]:.3f}, p10 {low[1]:.3f}, "
            f"over 0.7 {good:.3f}; all of them held where they were: median {np.median(held):.3f}, over 0.7 {np.mean(np.array(held) > 0.7):.3f}",
            flush=True,
        )


def on_and_back(clip, box, start, n):
    """Pixels between the middles before and after; None where it was lost on the way."""
    shapes = box
    for first, last in ((start, start + n), (start + n, start)):
        way = bw.propagate(clip, bw.ImageTrack("one", "", "front", clip.times_ns[first : first + 1], shapes), first, last)
        if len(way) < n or way.is_flagged[-1] or way.verdict[-1] == bw.ImageVerdict.LEFT_PICTURE:
            return None
        shapes = way.shapes[-1]
    return float(np.linalg.norm(shapes.center_uv - box.center_uv))


def show_clip(folder):
    scene = bw.read(folder / "video" / "test_video.mp4")
    camera = next(iter(scene.cameras))
    pictures = [scene.image(k, camera) for k in range(len(scene))]
    clip, gray = scene_of(pictures), cv2.cvtColor(pictures[0], cv2.COLOR_RGB2GRAY)
    sets = {f"real clip, {name} car": [bw.Boxes([xyxy])] for name, xyxy in CARS.items()}
    strength = cv2.cornerMinEigenVal(gray, 5)
    for side in (40, 80, 160):
        some = cv2.boxFilter(strength, -1, (side, side))
        middles = [(u, v) for v in range(side, gray.shape[0] - side, 120) for u in range(side, gray.shape[1] - side, 160)]
        middles = [(u, v) for u, v in middles if some[v, u] > np.median(some)]
        sets[f"real clip, squares of {side} px"] = [bw.Boxes([[u - side / 2, v - side / 2, u + side / 2, v + side / 2]]) for u, v in middles]
    for title, boxes in sets.items():
        off = [on_and_back(clip, box, 0, 20) for box in boxes]
        back = [value for value in off if value is not None]
        line(f"{title}, 20 on and back", len(boxes), 40 * len(boxes), *quantiles(back), "-", f"{len(boxes) - len(back)}/{len(boxes)}", "-")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=12)
    given = parser.parse_args()
    line(*TITLES)
    show_simulated(given.seeds)
    folder = real_folder()
    if folder is None:
        print("no real recordings: set BOXWRIGHT_REAL_DATA to their folder")
        return
    show_clip(folder)
    show_kitti(folder)


if __name__ == "__main__":
    main()
