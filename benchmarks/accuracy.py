"""How near labels made with boxwright come to the truth: fitting, sigma, tracks, interpolation, propagation, retiming. One command, one file.

    BOXWRIGHT_REAL_DATA=... python benchmarks/accuracy.py [--only PART...] [--seeds 60] [--clips 12] [--quick]

Parts: fitting, sigma, tracks, interpolation, propagation, retiming, video (propagation in pictures), thinning (boxes between keyframes), linking
(2-D with 3-D), checks (faults put in, and alarms).
Writes benchmarks/ACCURACY.md; with --only the other parts stay as they are, each with its own date. Without the real recordings their tables are
left out, and it is said so.
"""

from __future__ import annotations

import argparse
import ast
import datetime
import platform
import re
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np

import accuracy_fitting as fitting
import boxwright as bw

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "ACCURACY.md"
FIRST_SEED = 6000  # of the simulated recordings that are reported, and that nothing was developed on
PARTS = ("fitting", "sigma", "tracks", "interpolation", "propagation", "retiming", "video", "thinning", "linking", "checks")
SPLIT = f"""How the split was kept honest:
everything was developed on simulated recordings (seeds 1000 to 1047; sigma on 4000 to 4299, see below), and what is reported of simulated ones is of
seeds from {FIRST_SEED} on, which nobody looked at before. The weights of the choice among clusters were fitted to the simulator alone. The real
recordings were looked at while developing, to see which kinds of failure there are and that a change helps there too: they are a development set,
small (122 vehicles of 59 physical ones besides DGP) and dependent; expect less elsewhere. DGP's were looked at least."""
SIGMA = f"""The share of 90 % intervals (1.645 sigma) that hold the truth. A dash: no sigma is told.

What sigma is made of: how exactly a face can be placed (noise, roundings), how far the heading swings the ends, how far points lie from each other,
the spread of a class's sizes where an end was not seen, the ground; after a click times a factor for picking wrong points, by class, by the number of
points that the fit rests on, and for place and heading by whether these points lie badly on the faces that can be seen. `sigma_factors.py` makes
the factors from simulated recordings 4000 to 4299, streets and motorways with four kinds of LiDAR; no constant of the simulator is read. The table
is of recordings from {FIRST_SEED} on. face_margin_m is told there, as by a project that knows its labels: without it sigma also holds what projects
differ by, and intervals on simulated objects of many points hold the truth more often than in 95 %. Points: those that the fit rests on.

Places of another kind are another matter: made from the streets among 4000 to 4299 alone, factors hold cars on the motorways among them in 80 to
100 % (heights of 200 points or more in 72 %), and vans and trucks, which streets have few of, in 59 to 100 %."""
LEGEND = """IoU: from above, with the truth; a failed fit counts as 0. 90 %: bootstrap over physical objects. Yaw in degrees (modulo half a turn) and
centre in metres (x, y): medians of fits that did not fail. Cluster: the share of fits whose points have a precision and a recall above 0.9
(points 0.2 m above ground, 0.1 m around the label). minAreaRect, L-shape: the share over 0.7 of cv2.minAreaRect and the bare closeness
search, given the very points that our fit rests on. ms: median time of the call, the frame's ground known. Rough box: the label's centre
moved N(0, 0.15 m) in x and y, its size + 0.6 m, its yaw turned N(0, 5 deg); once without its class and once with it. One click: three
random points of the object each, class given. Track priors: the same clicks, given the size (with the class's, `SizePrior.measured`) and, where
poses are known, the heading of our own one-click fits of the same object in other frames. Oracle: the label's own size."""


def simulated(seeds):
    return fitting.simulated_shots(range(FIRST_SEED, FIRST_SEED + seeds))


def real_section(shots):
    if not shots:
        return ["Real recordings were not found: set BOXWRIGHT_REAL_DATA to their folder."]
    rng = np.random.default_rng(0)
    rows = [*fitting.rough_rows(shots, rng), *fitting.click_rows(shots, rng), *fitting.prior_rows(shots)]
    return ["Vehicles in real sweeps, against people's labels.\n", *fitting.fitting_table(rows, rng)]


def simulated_sections(seeds, parts):
    """Of fitting and of sigma, from the same clicks."""
    rng, rows, clicks = np.random.default_rng(1), [], []
    for shot in simulated(seeds):
        clicks += fitting.click_rows([shot], rng, 1, only_vehicles=False)
        vehicles = [thing for thing in shot.things if thing.category in fitting.VEHICLES]
        if "fitting" in parts:
            rows += fitting.rough_rows([fitting.Shot(shot.source, shot.points, shot.origins_m, vehicles)], rng)
    found = {}
    if "fitting" in parts:
        rows += [row for row in clicks if row["category"] in fitting.VEHICLES]
        found["fitting"] = [
            f"Simulated vehicles, exact truth, {seeds} recordings of three sweeps, one click each.\n",
            *fitting.fitting_table(rows, rng),
        ]
    if "sigma" in parts:
        what = f"Simulated, one click on every object, {seeds} recordings of three sweeps:\n"
        found["sigma"] = [SIGMA, "", what, *fitting.coverage_table(clicks)]
    return found


def real_sigma(shots):
    if not shots:
        return []
    rng, yet = np.random.default_rng(2), []
    rows = [row for row in [*fitting.click_rows(shots, rng), *fitting.rough_rows(shots, rng)] if "error" in row]
    yield "\nReal vehicles, against people's labels, which are no exact truth:\n"
    yield "| case | points | fits | " + " | ".join(fitting.QUANTITIES) + " |\n|---|---|--:|" + "--:|" * len(fitting.QUANTITIES)
    for way in dict.fromkeys(row["way"] for row in rows):
        for low, high in ((5, 50), (50, 10**9)):
            for is_thinned in (False, True):
                here = [row for row in rows if row["way"] == way and low <= row["n"] < high and (row["source"] == "dgp") == is_thinned]
                title = way + (", thinned clouds (DGP)" if is_thinned else "")
                yet.append(f"| {title} | {fitting.name_of(low, high)} | {len(here)} | " + " | ".join(fitting.coverages(here)) + " |")
    yield from yet


def told_by(script, *arguments):
    """What another benchmark says that it measures, and what it prints, as it prints it."""
    run = subprocess.run([sys.executable, HERE / script, *arguments], check=True, capture_output=True, text=True)
    return printed(script, run.stdout)


def printed(script, table):
    """Below the script's own words, without how it is called."""
    words = ast.get_docstring(ast.parse((HERE / script).read_text(encoding="utf-8")))
    paragraphs = [paragraph for paragraph in words.split("\n\n") if "python benchmarks/" not in paragraph]
    return ["\n\n".join(paragraphs), "", "```text", table.rstrip(), "```"]


def sections(options):
    """(part, title, lines) of each part asked for."""
    shots = fitting.real_shots() if {"fitting", "sigma"} & set(options.only) else []
    made = simulated_sections(options.seeds, options.only) if {"fitting", "sigma"} & set(options.only) else {}
    if "fitting" in options.only:
        yield "fitting", "Fitting", [SPLIT, "", LEGEND, "", *real_section(shots), "", *made["fitting"]]
    if "sigma" in options.only:
        yield "sigma", "Sigma", [*made["sigma"], *real_sigma(shots)]
    few = ["--seeds", "31", "--frames", "20"] if options.quick else []
    if "tracks" in options.only:
        yield "tracks", "Tracks: one size, one pose, fronts, advice", told_by("accuracy_tracks.py", *few)
    if "interpolation" in options.only:
        yield "interpolation", "Interpolation", told_by("accuracy_interpolation.py", *(["--seeds", "1"] if options.quick else []))
    if "propagation" in options.only:
        yield "propagation", "Propagation", told_by("accuracy_propagation.py", *few)
    if "retiming" in options.only:
        yield "retiming", "Own time", told_by("accuracy_retiming.py", *(["--seeds", "1"] if options.quick else []))
    yield from others(options)


def others(options):
    """Parts that are the whole output of a benchmark."""
    for part, title, *script in (
        ("video", "Propagation in pictures", "accuracy_video.py", "--seeds", str(options.clips)),
        ("thinning", "Boxes in videos between keyframes", "accuracy_thinning.py"),
        ("linking", "2-D against 3-D", "accuracy_linking.py"),
        ("checks", "Checks: faults put in, and alarms", "accuracy_checks.py", *(["--quick"] if options.quick else [])),
    ):
        if part in options.only:
            yield part, title, told_by(*script)


def written(text, part, lines):
    """The file's text with a part made anew; the parts stand in the order of PARTS."""
    here = dict(re.findall(r"<!-- (\w+):begin -->\n(.*?)<!-- \1:end -->\n", text, re.DOTALL))
    here[part] = "\n".join(lines) + "\n"
    body = "\n".join(f"<!-- {name}:begin -->\n{here[name]}<!-- {name}:end -->\n" for name in PARTS if name in here)
    return f"# Accuracy\n\nMade by `python benchmarks/accuracy.py`, not by hand; each part says when and with what.\n\n{body}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seeds", type=int, default=60, help="simulated recordings that fitting and sigma are measured on")
    parser.add_argument("--clips", type=int, default=12, help="simulated clips of each kind that video is measured on")
    parser.add_argument("--quick", action="store_true", help="fewer recordings; nothing is written")
    options = parser.parse_args()
    if options.quick:
        options.seeds, options.clips = min(options.seeds, 4), min(options.clips, 2)
    versions = f"boxwright {bw.__version__}, Python {platform.python_version()}, numpy {np.__version__}, numba {numba.__version__}"
    command = " ".join(["python benchmarks/accuracy.py", *sys.argv[1:]])
    for part, title, lines in sections(options):
        lines = [f"## {title}\n", f"{datetime.datetime.now(datetime.UTC).date()}, {versions}; `{command}`\n", *lines]
        print("\n".join(lines), flush=True)
        if not options.quick:
            before = RESULTS.read_text(encoding="utf-8") if RESULTS.is_file() else ""
            RESULTS.write_text(written(before, part, lines), encoding="utf-8")


if __name__ == "__main__":
    main()
