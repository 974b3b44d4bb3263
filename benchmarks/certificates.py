"""Every format and recording: what comes back of it, by our reader and by the platforms' and datasets' own clients, as a table.

    python benchmarks/certificates.py                 every format and recording
    python benchmarks/certificates.py --out benchmarks/CERTIFICATES.md
    python benchmarks/certificates.py --only coco,nucleus

Clients are found as `bw.certify` finds them: in the Pythons that BOXWRIGHT_CLIENT_PYTHON names, and in this one. Real recordings are those that
BOXWRIGHT_REAL_DATA names; without it, the sample alone. Recordings are taken with their sweeps and pictures, which are compared too, every one.
"""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import boxwright as bw
from boxwright.errors import BoxwrightError
from boxwright.sample import sample_folder

REAL = {  # recording -> the one of its scenes whose name ends so
    "kitti_object": "000000",
    "kitti_tracking": "0001",
    "kitti_raw": "",
    "av2/sensor": "4c1bede",
    "dgp/scene_01": "",
    "sustechpoints/example": "",
    "openlabel/osdar23": "",
    "cvat_video_xml": "0103",
    "mot": "",
}
COLUMNS = ("recording", "format", "read with", "certificate", "cuboids", "shapes", "corner m", "edge px", "sweeps", "point m", "pictures")
RATE_HZ = 30.0  # of recordings without time, in formats that have a rate


def recordings(folder: Path | None) -> Iterator[tuple[str, bw.Scene]]:
    """The sample's true labels with its sweeps and pictures, and real ones."""
    yield "sample", bw.read(sample_folder(), scene="truth").replace(data=bw.read(sample_folder(), scene="clip").data)
    for place, ending in REAL.items() if folder is not None else ():
        entries = bw.scenes(folder / place)
        yield place, next((entry for entry in entries if entry.name.endswith(ending)), entries[0]).read(strict=False)


def holds_any(scene: bw.Scene, format: str) -> bool:
    """Whether a format has a place for labels that a recording has."""
    said = bw.capabilities()[format]
    of_cuboids = said.can_write("cuboids") or said.projects or (said.can_write("segmentation") and scene.lidars)
    return bool((scene.tracks and of_cuboids) or (scene.image_tracks and said.can_write("shapes")))


def certified(scene: bw.Scene, format: str) -> bw.Certificate:
    said = bw.capabilities()[format]
    options: dict[str, object] = {}
    if said.one_camera and scene.cameras:
        options["camera"] = max(scene.cameras, key=lambda name: sum(track.camera == name for track in scene.image_tracks))
    if format == "mot" and not scene.has_time:
        options["frame_rate"] = RATE_HZ
    return bw.certify(scene, format, **options)


def rows(place: str, found: bw.Certificate) -> Iterator[str]:
    for reading in found.readings:
        verdict = "holds" if reading.holds else "; ".join(reading.reasons)
        cells = [place, f"`{found.format}`", reading.read_with, f"{verdict}; {reading.skipped}" if reading.skipped else verdict]
        for errors in (reading.cuboids[:1], reading.shapes[:1]):
            cells.append(f"{errors[0].n_given - errors[0].n_lost:,} of {errors[0].n_given:,}" if errors else "-")
        cells.append(f"{reading.corner_m:.1e}" if reading.cuboids else "-")
        cells.append(f"{reading.shapes[0].edge_px:.1e}" if reading.shapes else "-")
        compared = {one.kind: one for one in reading.contents}
        sweeps, pictures = compared.get("sweeps"), compared.get("pictures")
        cells += [f"{sweeps.n:,}", f"{sweeps.moved:.1e}"] if sweeps is not None else ["-", "-"]
        cells.append(f"{pictures.n:,}{' alike' if pictures.allowed else ''}" if pictures is not None else "-")
        yield f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    folder = Path(os.environ["BOXWRIGHT_REAL_DATA"]) if os.environ.get("BOXWRIGHT_REAL_DATA") else None
    formats = [name for name, said in bw.capabilities().items() if said.writes and (not asked.only or name in asked.only.split(","))]
    lines, left = list[str](), list[str]()
    for place, scene in recordings(folder):
        none = [format for format in formats if not holds_any(scene, format)]
        left += [f"- {place}: {', '.join(none)} hold none of its labels."] if none else []
        for format in (one for one in formats if one not in none):
            try:
                found = [*rows(place, certified(scene, format))]
            except BoxwrightError as error:
                left.append(f"- {place}: `{format}` does not take it: {error}")
                continue
            print(*found, sep="\n", flush=True)
            lines += found
    n_held = sum("| holds" in line for line in lines)
    head = [
        "# Certificates",
        "",
        "Made by `python benchmarks/certificates.py --out benchmarks/CERTIFICATES.md`: each recording in each format, read back by boxwright and,",
        "where there is one, by the platform's or dataset's own client. Cuboids and shapes are those that came back; corner, edge and point are the",
        "furthest that any moved; sweeps and pictures are those that were compared, pixel by pixel but for those that are `alike`, which were",
        f"compressed. {n_held} of {len(lines)} readings hold.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"|{'---|' * len(COLUMNS)}",
    ]
    if asked.out is not None:
        asked.out.write_text("\n".join([*head, *lines, "", *(["Not written:", "", *left] if left else [])]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
