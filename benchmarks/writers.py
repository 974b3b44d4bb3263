"""Every writer on one scene of many frames: seconds, and what it takes in memory beyond the scene.

    python benchmarks/writers.py                     250 and 1,000 frames of 100 tracks, every format
    python benchmarks/writers.py --out benchmarks/WRITERS.md
    python benchmarks/writers.py --only coco,nuscenes
    python benchmarks/writers.py --dense              clips with a keyframe in every frame too, which are read again as well

Each writer runs in a process of its own, once on a short scene and then on the long one, which is told. Memory is the peak of the process during that
call over what it held before, so it holds what the writer keeps for the whole clip. The scene has labels alone: sweeps and pictures are copied one by
one. Formats without cuboids that do not project them get the boxes that cameras see. Those of labels of points alone get a sweep of 10,000 points in
every frame, made when it is asked for, which counts; the labels of points that are told are those of points then.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

import boxwright as bw
from boxwright.bench import memory
from boxwright.scene import NoData

FRAMES = (250, 1000)
TRACKS = 100
N_POINTS = 10_000
BEGIN_NS = 1_700_000_000_000_000_000
RATE_NS = 100_000_000
_AHEAD = np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])  # ego_from_cam of a camera that looks ahead


def scene_of(n_frames: int, n_tracks: int = TRACKS, *, dense: bool = False) -> bw.Scene:
    """A vehicle that drives a long bend, a camera that looks ahead, and objects that all frames have, with a keyframe each second.

    dense : with a keyframe in every frame, attributes, and boxes of all objects in the camera's pictures, as most datasets have them
    """
    dice = np.random.default_rng(7)
    times = BEGIN_NS + np.arange(n_frames, dtype=np.int64) * RATE_NS
    turn = 0.0002 * np.arange(n_frames)
    path = np.cumsum(np.c_[np.cos(turn), np.sin(turn), np.zeros(n_frames)], axis=0)
    poses = [bw.Pose.from_yaw(float(yaw), tuple(place)) for yaw, place in zip(turn, path)]
    keyframes = np.unique(np.append(np.arange(0, n_frames, 1 if dense else 10), n_frames - 1))
    tracks = []
    for k in range(n_tracks):
        beside = dice.uniform((3, -20, 0.5), (60, 20, 1.0))
        place = path[keyframes] + beside + dice.normal(0, 0.05, (len(keyframes), 3))
        size = np.tile(dice.uniform((0.5, 0.5, 1), (5, 2, 2)), (len(keyframes), 1))
        yaw = turn[keyframes] + dice.uniform(-3, 3)
        kind = ("car", "pedestrian", "truck")[k % 3]
        said = [{"occluded": int(i // 50 % 3), "activity": ("moving", "parked")[i // 200 % 2]} for i in keyframes] if dense else ()
        cuboids = bw.Cuboids(place, size, yaw, frame="world")
        tracks.append(bw.Track(str(k), kind, times[keyframes], cuboids, keyframe_attributes=said))
    camera = bw.CameraSensor("front", bw.PinholeCamera(1920, 1080, 1000, 1000, 960, 540), bw.Pose(_AHEAD, (1.0, 0.0, 1.5)))
    lidars = {"lidar": bw.Lidar("lidar", bw.Pose.from_yaw(0.0, (0.0, 0.0, 1.7)))}
    scene = bw.Scene("0001", times, lidars, {"front": camera}, bw.Trajectory(times, poses), tracks, label_frame="world")
    return scene.replace(image_tracks=bw.project_tracks(scene, occlusion=False).image_tracks()) if dense else scene


def pictured(scene: bw.Scene) -> bw.Scene:
    """For formats that hold labels in pictures alone and do not project cuboids."""
    return scene.replace(image_tracks=bw.project_tracks(scene, occlusion=False).image_tracks(), tracks=[])


class Sweeps(NoData):
    """10,000 points around the vehicle in every frame."""

    def points(self, frame_index: int, sensor: str) -> bw.Sweep:
        dice = np.random.default_rng(frame_index)
        places = dice.uniform((-40, -40, -2), (60, 40, 1), (N_POINTS, 3)).astype(np.float32)
        bright = dice.random(N_POINTS).astype(np.float32)
        return bw.Sweep(places, BEGIN_NS + frame_index * RATE_NS, intensity=bright, frame=sensor)

    def has_points(self, frame_index: int, sensor: str) -> bool:
        return True


def scene_for(format: str, n_frames: int, *, dense: bool = False) -> bw.Scene:
    """With what the format holds."""
    scene, said = scene_of(n_frames, dense=dense), bw.capabilities()[format]
    if said.can_write("cuboids") or said.projects:
        return scene
    if said.can_write("shapes"):
        return scene.replace(tracks=[]) if dense else pictured(scene)
    return scene.replace(data=Sweeps())


def read_all(path: Path, format: str) -> float:
    """CPU seconds."""
    used = time.process_time()
    for entry in bw.scenes(path, format):
        entry.read()
    return time.process_time() - used


def one(format: str, n_frames: int, *, dense: bool = False) -> dict[str, float]:
    """In a process of its own."""
    warnings.simplefilter("ignore")
    scene = scene_for(format, n_frames, dense=dense)
    with tempfile.TemporaryDirectory() as aside:
        bw.write(scene_for(format, 20, dense=dense), Path(aside) / "first", format)  # kernels compiled, modules loaded
        for track in (*scene.tracks, *scene.image_tracks):
            track.at(scene.times_ns[:1])  # the scene's own curves, which it keeps
        reports, used = [], time.process_time()
        rise = memory.rise_mib(lambda: reports.append(bw.write(scene, Path(aside) / "second", format)))
        used = time.process_time() - used
        size = sum(path.stat().st_size for path in (Path(aside) / "second").rglob("*") if path.is_file())
        n_labels = n_frames * N_POINTS if isinstance(scene.data, Sweeps) else reports[0].n_labels
        told = {"cpu_s": used, "memory_mib": -1.0 if rise is None else rise, "labels": n_labels, "file_mb": size / 1e6}
        if dense:
            read_all(Path(aside) / "first", format)
            told["read_cpu_s"] = read_all(Path(aside) / "second", format)
        return told


def table(formats: list[str], frames: tuple[int, ...], *, dense: bool = False) -> list[str]:
    """A line for each format, printed as it is made."""
    heads = [f"{n:,} frames: CPU s | MiB{' | read again: CPU s' * dense}" for n in frames]
    lines = [f"| format | labels | file MB | {' | '.join(heads)} |", f"|---|---|---|{('---|---|' + '---|' * dense) * len(frames)}"]
    for name in formats:
        cells, told = [], None  # of the longest clip, where that was written
        for n in frames:
            command = [sys.executable, __file__, *(["--dense"] if dense else []), "--one", name, str(n)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                cells.append(f"{(done.stderr.strip().splitlines() or ['failed'])[-1][:80]} | {' | ' * dense}")
                told = None
                continue
            told = json.loads(done.stdout.splitlines()[-1])
            cells.append(f"{told['cpu_s']:.2f} | {told['memory_mib']:.0f}" + (f" | {told['read_cpu_s']:.2f}" if dense else ""))
        amount = "- | -" if told is None else f"{told['labels']:,} | {told['file_mb']:.1f}"
        lines.append(f"| `{name}` | {amount} | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--dense", action="store_true")
    parser.add_argument("--one", nargs=2, metavar=("FORMAT", "FRAMES"))
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one(given.one[0], int(given.one[1]), dense=given.dense)))
        return
    formats = [name for name, said in bw.capabilities().items() if said.writes and (not given.only or name in given.only.split(","))]
    said = [
        f"# Writers, {TRACKS} tracks",
        "",
        f"Made by `python benchmarks/writers.py {'--dense ' * given.dense}--out benchmarks/WRITERS.md`: CPU seconds of one call, and the most",
        "memory it held beyond the scene. Labels and the size of the files are of the longest clip; `semantic_kitti`'s are points,",
        f"of {N_POINTS:,} in each frame, which are made meanwhile.",
        "",
        *table(formats, FRAMES),
        "",
    ]
    if given.dense:
        said += [
            "## Dense",
            "",
            "The same with a keyframe, attributes and a box in the picture for every object in every frame, written and read again.",
            "",
            *table(formats, FRAMES[-1:], dense=True),
            "",
        ]
    if given.out:
        given.out.write_text("\n".join(said), "utf-8")


if __name__ == "__main__":
    main()
