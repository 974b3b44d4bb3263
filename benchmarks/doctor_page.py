"""benchmarks/DOCTOR.md: the doctor on planted faults, on simulated recordings that it was not looked at with, and on parts of real ones.

python benchmarks/doctor_page.py                    all of it, in some ten minutes of one core
python benchmarks/doctor_page.py --only drives      one section anew, the others as they are
python benchmarks/doctor_page.py --only variations --recordings kitti_raw
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import accuracy_doctor
import boxwright as bw
import doctor_drives
import doctor_parts

PAGE = Path(__file__).with_name("DOCTOR.md")
SEED = 20_000  # of the drives that are reported, and that nothing but one rule was developed on
ALL = range(len(doctor_drives.DRIVES))
FEW = ("kitti_object", "0012", "kitti_raw", "0017")
PARTED = ("KITTI tracking 0001", "SUSTechPOINTS", "DGP")
PARTS = ("first half", "cars alone", "within 20 m", "every second object")


def by_dataset() -> list[str]:
    return accuracy_doctor.table(accuracy_doctor.datasets())


def by_drive(chosen: Sequence[int]) -> list[str]:
    scenes = doctor_drives.drives(SEED, chosen)
    return of_drives(list(scenes), doctor_parts.trial(scenes, ["whole"], {}))


def of_drives(names: Sequence[str], answers: Sequence[doctor_parts.Answer]) -> list[str]:
    lines = ["Streets, car parks, motorways and a vehicle parked at a crossing; LiDARs of 16 to 128 beams at 0.9 to 2.6 m; several labellers."]
    lines += [
        f"Seeds from {SEED}, not developed on, but for eight objects wanted for Euler angles (20003); {len(names)} of {len(ALL)} kinds.",
        "",
        *doctor_parts.table(answers),
        "",
    ]
    lines += ["| recording | found | undecidable | wrong |", "|---|---|---|---|"]
    for name in names:
        said = [one.said for one in answers if one.recording == name and one.planted]
        n_found, n_open = said.count("found"), said.count("undecidable")
        lines.append(f"| {name} | {n_found} | {n_open} | {len(said) - n_found - n_open} |")
    return lines + doctor_parts.reasons(answers)


def by_part(names: Sequence[str]) -> list[str]:
    scenes = _recordings(names)
    answers = doctor_parts.trial(scenes, PARTS, {})
    said = f"Of {', '.join(scenes)}: {', '.join(PARTS)}."
    return [said, "", *doctor_parts.table(answers), *doctor_parts.reasons(answers)]


def by_variation(names: Sequence[str]) -> list[str]:
    scenes = _recordings(names)
    answers = doctor_parts.trial(scenes, ["whole", "ahead"], doctor_parts.VARIATIONS)
    lines = [f"Recordings: {', '.join(scenes)}. Of each: whole, ahead."]
    lines += ["Below the faults is what users have besides them; what is found there is the name that tells it best."]
    return [*lines, "", *doctor_parts.table(answers)]


def _recordings(names: Sequence[str]) -> dict[str, bw.Scene]:
    return {name: scene for name, scene in doctor_parts.recordings().items() if any(one in name for one in names)}


HEADINGS = {
    "datasets": "## By dataset",
    "drives": "## Simulated recordings of other kinds",
    "parts": "## Parts of recordings",
    "variations": "## Recordings of few objects, and what users have besides",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=list(HEADINGS), choices=list(HEADINGS), help="which sections are made anew")
    parser.add_argument("--drives", nargs="*", type=int, default=ALL, help="which of the simulated recordings, by number")
    parser.add_argument("--recordings", nargs="*", help="of the last two sections: those whose names hold one of these")
    options = parser.parse_args()
    lines = ["# The doctor, on planted faults", ""]
    lines += ["Made by `python benchmarks/doctor_page.py`; with `--only` one section is made anew, and the others are as they were.", ""]
    sections = {
        "datasets": by_dataset,
        "drives": lambda: by_drive(options.drives),
        "parts": lambda: by_part(options.recordings or PARTED),
        "variations": lambda: by_variation(options.recordings or FEW),
    }
    for name, heading in HEADINGS.items():
        made = sections[name]() if name in options.only else _as_it_is(heading)
        lines += [heading, "", *made, ""] if made else []
    PAGE.write_text("\n".join(lines), encoding="utf-8")


def _as_it_is(heading: str) -> list[str]:
    """The lines of a section of the page that there is; none where it has no such section."""
    _, _, after = (PAGE.read_text(encoding="utf-8") if PAGE.is_file() else "").partition(heading + "\n")
    return after.split("\n## ")[0].strip().split("\n") if after else []


if __name__ == "__main__":
    main()
