"""How far faces stand off the points, learnt from labels."""

from __future__ import annotations

import numpy as np
import pytest

import boxwright as bw


@pytest.fixture(scope="module")
def street():
    return bw.simulate(seed=5, n_frames=2, n_beams=48, n_columns=900, image_scale=0.05)


def widened(scene, by_m):
    wider = np.array([2 * by_m, 2 * by_m, 0])
    tracks = [track.replace(cuboids=track.cuboids.replace(size_m=track.cuboids.size_m + wider)) for track in scene.tracks]
    return scene.replace(tracks=tracks)


def test_wider_labels_have_a_wider_margin(street):
    tight, loose = bw.learn_face_margin(street), bw.learn_face_margin(widened(street, 0.1))
    assert tight.n_objects >= 5 and tight.n_faces >= tight.n_objects
    assert tight.margin_m < 0.06 and tight.spread_m >= 0
    assert 0.05 < loose.margin_m - tight.margin_m < 0.12  # those that lie at 0 are cut
    both = bw.learn_face_margin([street, widened(street, 0.1)])
    assert both.n_objects == tight.n_objects + loose.n_objects


def test_labels_that_nobody_drew_do_not_count(street):
    fitted = street.replace(tracks=[track.replace(origin=[bw.Origin.FIT] * len(track)) for track in street.tracks])
    with pytest.raises(bw.GeometryError, match="at least 5 labelled objects seen well, got 0; add scenes"):
        bw.learn_face_margin(fitted)


def test_what_was_learnt_gives_the_labels_back(street):
    """Fits with the margin of wide labels are wider than those with the margin of tight ones, and nearer to the wide labels."""
    wide = widened(street, 0.15)
    margin = bw.learn_face_margin(wide).margin_m
    whose, sweep = street.data.point_track_index(0), street.points(0).deskewed(street.trajectory, street.ego_from("lidar"))
    labels, ground, off = wide.labels(0), bw.ground(sweep), []
    for cuboid, t in zip(labels.cuboids, labels.track_index, strict=True):
        own = sweep.xyz[whose == t]
        if wide.tracks[t].category == "car" and len(own) > 200:
            fits = [bw.fit_cuboid(own, "car", ground=ground, face_margin_m=m) for m in (0.0, margin)]
            off.append(
                [1 - bw.iou_bev(fit.cuboid.as_cuboids(), bw.Cuboids([cuboid.center_m], [cuboid.size_m], [cuboid.yaw_rad]))[0, 0] for fit in fits]
            )
    assert len(off) >= 3 and np.mean(off, axis=0)[1] < np.mean(off, axis=0)[0]
