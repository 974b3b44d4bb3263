"""How far labels in pictures and cuboids agree, which of them find each other, and what boxes lifted into space are worth.

    python benchmarks/accuracy_linking.py

A simulated drive with exact truth, and, where BOXWRIGHT_REAL_DATA leads to them, KITTI tracking and the DGP scene, whose boxes name their cuboids:
that is taken away, and has to be found again. Each table is of `bw.link_offsets`.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

import boxwright as bw

CAMERA = "image_02"


def unlinked(scene):
    return scene.replace(image_tracks=[t.replace(object_id=None, attributes={**t.attributes, "truth": t.object_id}) for t in scene.image_tracks])


def report(name, scene, cameras=None, *, occlusion=True):
    links = bw.link(scene, cameras)
    truth = {track.track_id: track.attributes["truth"] for track in scene.image_tracks}
    right = sum(truth[one.image_track_id] == one.track_id for one in links)
    print(f"{name}: {right} of {len(links)} links right, {len(truth)} image tracks, confidence {np.mean([one.confidence for one in links]):.2f}")
    offsets = bw.link_offsets(links.accept(), cameras, occlusion=occlusion)
    print(*(f"    {one}" for one in offsets.summary), sep="\n")
    worst = np.argsort(np.nan_to_num(np.nanmax(np.abs(np.where(offsets.is_odd[:, None], offsets.rest_px, 0)), axis=1)))[::-1][:3]
    for row in worst[offsets.is_odd[worst]].tolist():
        track = offsets.image_tracks[offsets.image_track_index[row]]
        sides = ", ".join(f"{v:.1f}" for v in offsets.offset_px[row])
        print(f"        odd: {track.track_id} ({track.category}), frame {offsets.frame_index[row]}: {sides} px, IoU {offsets.iou[row]:.2f}")


def report_lifts(name, scene, frames, sensor="lidar"):
    """Every projected box of an object with 15 points or more, seen for the most part, lifted again and held against its cuboid."""
    found = []
    for i in frames:
        points, labels = scene.still_points(i), scene.labels(i, sensor)
        counts = bw.points_in_cuboids(points, labels.cuboids).counts
        place = {k: m for m, k in enumerate(labels.track_index.tolist())}
        seen = bw.project_tracks(scene)
        for row in np.flatnonzero(seen.frame_index == i).tolist():
            m, track = place.get(int(seen.track_index[row])), scene.tracks[seen.track_index[row]]
            known = bw.Taxonomy.default().get(track.category) is not None
            if m is None or counts[m] < 15 or seen.visible_share[row] < 0.7 or seen.truncation[row] > 0.3 or not known:
                continue
            camera = seen.cameras[seen.camera_index[row]]
            lifted = bw.lift(scene, i, camera, seen.visible_xyxy[row], track.category)
            true = labels.cuboids[m]
            if lifted.cuboid is None:
                found.append((lifted.verdict, 0.0, np.inf))
            else:
                apart = float(np.linalg.norm(lifted.cuboid.center_m - true.center_m))
                found.append((lifted.verdict, float(bw.iou_3d(lifted.cuboid, true)[0, 0]), apart))
    fine = [one for one in found if one[0] == bw.LiftVerdict.OK]
    near = np.mean([apart < 0.5 for _, _, apart in fine])
    far = sum(apart > 2 for _, _, apart in fine)
    iou = np.median([iou for _, iou, _ in fine])
    print(f"{name}: {len(fine)} of {len(found)} boxes lifted; IoU {iou:.2f}, {near:.0%} within 0.5 m, {far} more than 2 m off")


def main():
    drive = bw.simulate(21, 12)
    rng = np.random.default_rng(0)
    drawn = bw.project_tracks(drive).image_tracks()
    hand = []
    for n, track in enumerate(drawn):
        xyxy = track.shapes.xyxy + rng.normal(0, 0.7, track.shapes.xyxy.shape)
        boxes = bw.Boxes(np.concatenate([np.minimum(xyxy[:, :2], xyxy[:, 2:]), np.maximum(xyxy[:, :2], xyxy[:, 2:])], 1))
        hand.append(track.replace(track_id=f"hand {n}", shapes=boxes, object_id=None, attributes={"truth": track.object_id}))
    report("simulated, a hand of 0.7 px", drive.replace(image_tracks=hand))
    report_lifts("simulated", drive, range(0, 12, 3))
    folder = os.environ.get("BOXWRIGHT_REAL_DATA")
    if not folder or not Path(folder).is_dir():
        print("BOXWRIGHT_REAL_DATA does not lead to the real recordings: they were left out")
        return
    for scene in [entry.name for entry in bw.scenes(Path(folder, "kitti_tracking", "training"))]:
        kitti = bw.read(Path(folder, "kitti_tracking", "training"), scene=scene)
        report(f"KITTI tracking {scene}", unlinked(kitti), [CAMERA], occlusion=scene == "0001")
        if scene == "0001":
            report_lifts("KITTI tracking 0001", kitti, (0, 1))
    dgp = bw.read(Path(folder, "dgp", "scene_01"))
    report("DGP scene_01", unlinked(dgp))
    report_lifts("DGP scene_01", dgp, range(3))


if __name__ == "__main__":
    main()
