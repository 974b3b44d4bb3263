"""Whether `bw.check` finds errors that were put into labels, and how often it cries wolf: recall by fault and class, false alarms per 1,000 cuboids.

    BOXWRIGHT_REAL_DATA=... python benchmarks/accuracy_checks.py [--quick] [--copies 6] [--missed]

Faults are those of injected_errors.py, in Argoverse 2, KITTI tracking, SUSTechPOINTS, DGP, OSDaR23 and simulated recordings. A fault is found where
a finding that is not there on the unharmed labels names one of its tracks (its camera), in its frames or next to them, by a rule that names such a
fault. An alarm is an error or a warning on the unharmed labels; not all of them are false. Simulated labels are exact. A camera's fault that moves
the boxes of fewer than three objects by two pixels has a column of its own: two objects may as well be labelled wrong. Where cameras look elsewhere
(OSDaR23's, as they are read), the others' faults are put in once that is mended as the checks propose.
"""

from __future__ import annotations

import argparse
import os
import warnings
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

import boxwright as bw
import injected_errors as injected
from boxwright.intervals import estimate, ratio_of

SLACK = 2  # frames: speeds and gaps show beside the frame that is off
MOTION = ("outlier_position", "outlier_heading", "speed", "acceleration", "jerk", "yaw_rate", "lateral_slip", "static_moves", "jump", "id_switch")
TURNED = ("outlier_heading", "yaw_rate", "heading_flip", "heading_against_motion", "lateral_slip")
ACCEPTED = {  # rules that name such a fault
    "shift": (*MOTION, "overlap", "sliced_points"),
    "yaw": (*TURNED, "overlap", "sliced_points"),
    "flip": TURNED,
    "size": ("size_change", "size_scatter", "sliced_points", "loose_box"),
    "swap": (*MOTION, *TURNED, "size_change", "class_flip", "fragmented_track"),
    "class": ("class_flip", "duplicate_track", "class_size"),
    "duplicate": ("duplicate_track", "overlap"),
    "deleted": ("gap", "fragmented_track"),
    "sunken": ("off_ground",),
    "late": ("camera_late",),
    "turned": ("camera_turned",),
}
REAL = ("av2/sensor", "kitti_tracking/training", "sustechpoints/example", "dgp/scene_01", "openlabel/osdar23")
QUICK = {"7fab2350-7eaf-3b7e-a39d-6937a4c1bede", "0000", "0001", "example", "scene_01"}
SIMULATED = ((3101, "street"), (3102, "street"), (3103, "motorway"))
KINDS = (*injected.TRACK_FAULTS, "sunken", *injected.CAMERA_FAULTS)
GATED = "vehicles"
CAMERAS, HARDLY = "cameras", "cameras, hardly moved"
MOVED_PX, MOVED_OBJECTS = 2.0, 3
SAME_SHARE = 0.1  # of a camera's offset: another one is another finding


def recordings(quick: bool):
    """(source, scene) of everything there is."""
    folder = os.environ.get("BOXWRIGHT_REAL_DATA")
    for part in REAL if folder and Path(folder).is_dir() else ():
        for entry in bw.scenes(Path(folder, part)):
            if not quick or entry.name in QUICK:
                yield part.split("/")[0] if "osdar" not in part else "osdar23", bw.read(Path(folder, part), scene=entry.name)
    for seed, scenery in SIMULATED[: 1 if quick else None]:
        scene = bw.simulate(seed, 25, scenery=scenery, n_beams=40, n_columns=1000)
        yield f"simulated {scenery}", with_labels_in_pictures(scene)


def with_labels_in_pictures(scene: bw.Scene) -> bw.Scene:
    """Projected cuboids as a hand that is off by 0.7 px would draw them."""
    dice, drawn = injected.Dice(5, "hand"), []
    for track in bw.project_tracks(scene).image_tracks():
        xyxy = track.shapes.xyxy + 0.7 * dice.normal(*track.shapes.xyxy.shape)
        low, high = np.minimum(xyxy[:, :2], xyxy[:, 2:]), np.maximum(xyxy[:, :2], xyxy[:, 2:])
        drawn.append(track.replace(shapes=bw.Boxes(np.concatenate([low, high], axis=1))))
    return scene.replace(image_tracks=drawn)


def frames_with_points(scene: bw.Scene) -> list[int]:
    return [i for i in range(len(scene)) if scene.has_points(i)]


def is_found(fault: injected.Fault, found: bw.Findings, before: bw.Findings) -> bool:
    return any(_names(fault, one) and not any(_same(one, old) for old in before) for one in found)


def _names(fault: injected.Fault, one: bw.Finding) -> bool:
    if one.rule not in ACCEPTED[fault.kind]:
        return False
    if fault.camera is not None:
        return one.sensor == fault.camera
    in_time = one.frame_index - SLACK <= fault.last and fault.first - SLACK <= one.last_frame_index
    return in_time and bool(set(fault.track_ids) & set(one.track_ids))


def _same(one: bw.Finding, old: bw.Finding) -> bool:
    """A finding that the unharmed labels have as well, as bad as it is."""
    if (one.rule, one.track_ids, one.sensor) != (old.rule, old.track_ids, old.sensor):
        return False
    if one.rule in (*ACCEPTED["late"], *ACCEPTED["turned"]):
        return abs(one.value - old.value) < SAME_SHARE * old.value
    overlaps = one.frame_index <= old.last_frame_index and old.frame_index <= one.last_frame_index
    return overlaps and old.value >= one.value * 0.999


def group_of(fault: injected.Fault, unharmed: bw.Scene, harmed: bw.Scene) -> str:
    """A camera's faults are told apart by whether they move what is labelled there; `unharmed` has its labels linked."""
    if fault.camera is None:
        return fault.group
    labelled = {track.object_id for track in unharmed.image_tracks if track.camera == fault.camera}
    before, after = (bw.project_tracks(scene, [fault.camera], occlusion=False) for scene in (unharmed, harmed))
    places = {(int(k), int(i)): xyxy for k, i, xyxy in zip(after.track_index, after.frame_index, after.visible_xyxy)}
    moved = defaultdict(list)
    for k, i, xyxy in zip(before.track_index.tolist(), before.frame_index.tolist(), before.visible_xyxy):
        if (k, i) in places and before.tracks[k].track_id in labelled:
            moved[k].append(np.abs(places[k, i] - xyxy).max())
    return CAMERAS if sum(np.median(one) >= MOVED_PX for one in moved.values()) >= MOVED_OBJECTS else HARDLY


def rules_for(kind: str) -> str:
    """Points and pictures are looked at only where they tell something of a fault, for time's sake."""
    return "points" if kind == "sunken" else "images" if kind in injected.CAMERA_FAULTS else "labels"


def measure(quick: bool, most: int, missed: bool):
    """(kind, source, group, object) -> hits and number; source -> alarms by rule, and cuboids; what was missed, one line each."""
    hits, alarms, cuboids = defaultdict(list), defaultdict(Counter), Counter()
    for source, scene in recordings(quick):
        clean = bw.check(scene)
        cuboids[source] += clean.n_cuboids
        mine = Counter(one.rule for one in clean if one.severity > bw.Severity.INFORMATION)
        alarms[source].update(mine)
        scene, n_mended = clean.where(rule="camera_elsewhere").applied(scene)
        clean = bw.check(scene) if n_mended else clean
        linked = bw.link(scene).accept() if scene.image_tracks else scene
        for kind in KINDS:
            copies = injected.plan(linked, kind, 1)
            for copy in copies if kind in injected.CAMERA_FAULTS else copies[:most]:
                harmed = injected.inject(linked, copy)
                found = bw.check(harmed, rules=rules_for(kind), frames=frames_with_points(linked))
                for fault in copy:
                    hit = is_found(fault, found, clean)
                    group = group_of(fault, linked, harmed)
                    hits[kind, group].append((f"{scene.name} {fault.source}", hit))
                    if missed and not hit:
                        near = [str(one) for one in found if set(fault.track_ids) & set(one.track_ids)][:2]
                        print(f"missed: {source} {scene.name} {kind} {group} {fault.track_ids} frames {fault.first}-{fault.last} {near}", flush=True)
        print(f"    {source} {scene.name}: {clean.n_cuboids} cuboids, {dict(mine)}", flush=True)
    return hits, alarms, cuboids


def recall_rows(hits):
    """One row for each fault: the share found, by group, with intervals from resampling objects."""
    groups = [GATED, "two-wheelers", "people", "things", CAMERAS, HARDLY]
    yield "| fault | " + " | ".join(groups) + " |\n|---|" + "--:|" * len(groups)
    for kind in KINDS:
        cells = []
        for group in groups:
            some = hits.get((kind, group), [])
            names = list(dict.fromkeys(name for name, _ in some))
            if not some:
                cells.append("-")
                continue
            n = np.array([sum(name == one for one, _ in some) for name in names], float)
            found = np.array([sum(hit for one, hit in some if one == name) for name in names], float)
            share = estimate(ratio_of(found, n), len(names), is_share=True)
            within = f" [{share.low:.3f}, {share.high:.3f}]" if np.isfinite(share.low) else ""
            cells.append(f"{share.value:.3f}{within} of {int(n.sum())}")
        yield f"| {kind} | " + " | ".join(cells) + " |"


def alarm_rows(alarms, cuboids):
    yield "| recordings | cuboids | alarms per 1,000 | by rule |\n|---|--:|--:|---|"
    for source, n in cuboids.items():
        rules = ", ".join(f"{rule} {k}" for rule, k in alarms[source].most_common())
        yield f"| {source} | {n:,} | {1000 * sum(alarms[source].values()) / n:.2f} | {rules or 'none'} |"
    total, n = sum(sum(one.values()) for one in alarms.values()), sum(cuboids.values())
    yield f"| **all** | {n:,} | {1000 * total / n:.2f} | |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer recordings and faults")
    parser.add_argument("--copies", type=int, default=6, help="copies of each recording that faults of one kind are put into, at most")
    parser.add_argument("--missed", action="store_true", help="print every fault that is not found")
    options = parser.parse_args()
    warnings.simplefilter("ignore", bw.SensorFrameFallback)
    hits, alarms, cuboids = measure(options.quick, 2 if options.quick else options.copies, options.missed)
    print("\nRecall of faults put in, 95 % intervals by object; vehicles are gated at 0.95\n")
    print(*recall_rows(hits), sep="\n")
    print("\nAlarms on unharmed labels: errors and warnings, of which some are right; gated at 5 per 1,000\n")
    print(*alarm_rows(alarms, cuboids), sep="\n")


if __name__ == "__main__":
    main()
