"""Makes the sample clip, and reads its clicks; what lies where is told in `sample.py`.

python -m boxwright.formats.sample_clip FOLDER    writes it anew: the same bytes in all but the pictures, whose JPEG encoder may differ
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ..outputs import whole_folder
from ..sample import Click
from ..scene import NoData, Scene
from ..simulation import N_FRAMES, SEED, simulate
from ..simulation.inputs import human_inputs
from . import json_text, strict_json, write

__all__ = ["SAMPLE_FRAMES", "SAMPLE_SEED", "read_clicks", "sample_scene", "write_sample"]

SAMPLE_SEED, SAMPLE_FRAMES = SEED, N_FRAMES
POINT_SCALE_M = 0.001
JPEG_QUALITY = 72


def sample_scene(n_frames: int = SAMPLE_FRAMES) -> Scene:
    """The sample with its truth, made anew."""
    return simulate(SAMPLE_SEED, n_frames)


def write_sample(folder: str | os.PathLike[str]) -> None:
    """Simulates the sample and writes it into a new folder."""
    scene = sample_scene()
    clicks, keyframes = human_inputs(scene, SAMPLE_SEED)
    labels_only = scene.replace(data=NoData(), notes=())
    with whole_folder(folder) as part:
        write(scene.replace(name="clip", tracks=(), notes=()), part / "clip", scale_m=POINT_SCALE_M, jpeg_quality=JPEG_QUALITY)
        write(labels_only.replace(name="truth"), part / "truth")
        write(labels_only.replace(name="inputs", tracks=keyframes), part / "inputs")
        rows = [{"frame_index": c.frame_index, "point_m": list(c.point_m), "category": c.category, "track_id": c.track_id} for c in clicks]
        text = json_text.dumps({"format": "boxwright-clicks", "version": 1, "frame": "lidar", "clicks": rows}, "clicks")
        (part / "inputs" / "clicks.json").write_text(text, encoding="utf-8")


def read_clicks(path: str | os.PathLike[str]) -> list[Click]:
    """The clicks of a clicks.json. FormatError where it is not one."""
    top = strict_json.load(Path(path))
    for key, wanted in (("format", "boxwright-clicks"), ("frame", "lidar")):
        if top[key].text() != wanted:
            raise top[key].wrong(repr(wanted))
    if top["version"].whole() != 1:
        raise top["version"].wrong("version 1")
    clicks = []
    for row in top["clicks"]:
        x, y, z = row["point_m"].numbers(3)
        clicks.append(Click(row["frame_index"].whole(), (float(x), float(y), float(z)), row["category"].text(), row["track_id"].text()))
    return clicks


if __name__ == "__main__":
    write_sample(sys.argv[1])
