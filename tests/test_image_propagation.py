"""Shapes carried through pictures: what is drawn with a known place is found there, and what is lost is said to be."""

from __future__ import annotations

import json

import numpy as np
import pytest

import boxwright as bw
from moving_pictures import HEIGHT, STEP_NS, WIDTH, Mover, film, scene_of, straight, track_of
from test_cli import run

__all__ = ["run"]

N = 12


def off_px(shapes, truth):
    return np.linalg.norm(shapes.corners_uv() - truth.corners_uv(), axis=2).max(axis=1)


def one_mover(places, *, seed=1, size_px=80.0, **more):
    """(scene without labels, rotated boxes in every frame)"""
    rng = np.random.default_rng(seed)
    mover = Mover(rng, places, size_px)
    front = [make(rng) for make in more.pop("front", [])]
    return scene_of(film(rng, [mover, *front], len(places), **more)), mover.rotated_boxes()


def carried(scene, shapes, start, end, keys=None, **more):
    return bw.propagate(scene, track_of(shapes, [start] if keys is None else keys, **more), start, end)


WAYS = {
    "slow": (straight(N, (200, 160), (2.3, -1.1)), {}),
    "fast": (straight(N, (60, 120), (31.5, 7.2)), {}),
    "grows": (straight(N, (240, 160), (0.7, 0.2), 1.03), {}),
    "shrinks and turns": (straight(N, (240, 160), (1.7, 0.2), 0.97, 0.05), {}),
    "the background moves": (straight(N, (240, 160), (1.7, 0.2)), {"drift": (-6.0, 2.0)}),
    "it gets dark": (straight(N, (240, 160), (3.7, 0.2)), {"light": lambda k: (1 - 0.06 * k, 1.5 * k)}),
    "small": (straight(N, (240, 160), (3.7, 0.2)), {"size_px": 20.0}),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("is_backwards", [False, True])
def test_what_moves_is_followed_to_parts_of_a_pixel(way, is_backwards):
    places, more = WAYS[way]
    scene, truth = one_mover(places, **more)
    start, end = (N - 1, 0) if is_backwards else (0, N - 1)
    proposals = carried(scene, truth, start, end)
    assert proposals.frame_index.tolist() == list(range(N))[:: -1 if is_backwards else 1][1:]
    assert not proposals.is_flagged.any() and (proposals.confidence > 0.2).all()
    assert off_px(proposals.shapes, truth[proposals.frame_index]).max() < 0.6


def test_a_still_picture_keeps_it_where_it_is():
    scene, truth = one_mover(straight(N, (240.3, 160.7), turn=0.0))
    for shapes in every_kind(truth):
        proposals = carried(scene, shapes, 0, N - 1)
        assert (proposals.verdict == bw.ImageVerdict.FOLLOWED).all()
        for one in proposals.shapes:
            np.testing.assert_allclose(one.bounds_xyxy(), shapes[0].bounds_xyxy(), atol=1e-9)


def every_kind(truth):
    """One of each, around the same thing."""
    corners = truth.corners_uv()
    middle = truth.center_uv[:, None]
    yield truth
    yield bw.Boxes(np.c_[corners.min(axis=1), corners.max(axis=1)])
    yield bw.Polygons(list(corners))
    yield bw.Polylines([ring[:3] * 0.8 + truth.center_uv[k] * 0.2 for k, ring in enumerate(corners)])
    yield bw.Keypoints(middle + (corners - middle) * 0.6, skeleton=bw.Skeleton(("a", "b", "c", "d"), ((0, 1),)))


def test_every_kind_goes_with_it():
    scene, truth = one_mover(straight(N, (200, 160), (4.3, -1.1), 1.01, 0.02))
    for shapes in every_kind(truth):
        proposals = carried(scene, shapes, 0, N - 1)
        assert not proposals.is_flagged.any()
        kind = shapes.KIND
        for one, frame in zip(proposals.shapes, proposals.frame_index):
            if kind == "keypoints":
                assert np.abs(one.uv - shapes[int(frame)].uv).max() < 0.8
                assert one.skeleton == shapes.skeleton
            elif kind == "box":  # stays upright
                np.testing.assert_allclose(one.center_uv, shapes[int(frame)].center_uv, atol=0.5)
            else:
                points = one.corners_uv() if kind == "rotated_box" else one.uv
                wanted = shapes[int(frame)].corners_uv() if kind == "rotated_box" else shapes[int(frame)].uv
                assert np.abs(points - wanted).max() < 0.8


def test_time_may_run_backwards():
    """The clip played backwards gives the same, to the last bit."""
    scene, truth = one_mover(straight(N, (200, 160), (5.3, -1.1), 1.01, 0.02))
    pictures = [scene.image(k, "front") for k in range(N)]
    one = carried(scene, truth, N - 1, 0)
    other = carried(scene_of(pictures[::-1]), truth[::-1], 0, N - 1)
    np.testing.assert_array_equal(one.shapes.corners_uv(), other.shapes.corners_uv())
    np.testing.assert_array_equal(one.verdict, other.verdict)


def test_where_in_the_picture_does_not_matter():
    scene, truth = one_mover(straight(N, (200, 160), (3.3, -1.1), 1.0, 0.02))
    pictures = [np.pad(scene.image(k, "front"), ((70, 20), (110, 30), (0, 0)), mode="reflect") for k in range(N)]
    elsewhere = bw.RotatedBoxes(truth.center_uv + np.array([110, 70]), truth.size_px, truth.rotation_rad)
    one, other = carried(scene, truth, 0, N - 1), carried(scene_of(pictures), elsewhere, 0, N - 1)
    np.testing.assert_allclose(one.shapes.corners_uv() + np.array([110, 70]), other.shapes.corners_uv(), atol=0.02)


def test_between_two_keyframes_both_are_met_and_drift_is_spread():
    """The second keyframe lies 2 px beside the truth, as people set them: the way ends there without a jump."""
    scene, truth = one_mover(straight(N, (200, 160), (3.3, -1.1)))
    set_by_hand = bw.RotatedBoxes(truth.center_uv + np.linspace(0, 2, N)[:, None], truth.size_px, truth.rotation_rad)
    proposals = carried(scene, set_by_hand, 0, N - 1, keys=[0, N - 1])
    assert proposals.frame_index.tolist() == list(range(1, N - 1)) and not proposals.is_flagged.any()
    accepted = proposals.accept()
    assert accepted.times_ns.tolist() == scene.times_ns.tolist()
    np.testing.assert_array_equal(accepted.shapes.center_uv[[0, -1]], set_by_hand.center_uv[[0, -1]])
    assert [bw.Origin(code).name for code in accepted.origin] == ["GIVEN", *["PROPAGATED"] * (N - 2), "GIVEN"]
    beside = (accepted.shapes.center_uv - truth.center_uv).mean(axis=1)
    assert np.abs(np.diff(beside)).max() < 0.6 and np.abs(beside - np.linspace(0, 2, N)).max() < 0.5


def test_what_leaves_the_picture_is_outside_from_there():
    scene, truth = one_mover(straight(30, (330, 160), (9.0, 0)))
    proposals = carried(scene, truth, 0, 29)
    assert proposals.verdict[-1] == bw.ImageVerdict.LEFT_PICTURE and not proposals.is_flagged[-1]
    gone = float(truth.center_uv[proposals.frame_index[-1], 0]) - 40
    assert WIDTH - 30 < gone < WIDTH + 10
    accepted = proposals.accept()
    assert accepted.visibility[-1] == bw.Visibility.OUTSIDE and (accepted.visibility[:-1] != bw.Visibility.OUTSIDE).all()


def test_a_cut_ends_it():
    scene, truth = one_mover(straight(20, (200, 160), (3.0, 0)), cut=9)
    proposals = carried(scene, truth, 0, 19)
    assert proposals.frame_index.tolist() == list(range(1, 10))
    assert proposals.verdict[-1] == bw.ImageVerdict.CUT and proposals.is_flagged.tolist() == [False] * 8 + [True]
    assert bw.Visibility.OUTSIDE not in proposals.accept().visibility


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_is_covered_for_good_is_lost_and_not_taken_for_what_covers_it(seed):
    cover = np.concatenate([straight(20, (20, 160), (11, 0)), np.repeat(straight(1, (240, 160)), 20, axis=0)])
    scene, truth = one_mover(straight(40, (240, 160)), seed=seed, front=[lambda rng: Mover(rng, cover, 170.0)])
    proposals = carried(scene, truth, 0, 39)
    assert proposals.verdict[-1] in (bw.ImageVerdict.FEW_POINTS, bw.ImageVerdict.UNLIKE_KEYFRAME) and proposals.is_flagged[-1]
    assert proposals.frame_index[-1] < 24
    assert off_px(proposals.shapes, truth[proposals.frame_index])[~proposals.is_flagged].max() < 2.0


def test_what_passes_in_front_does_not_take_it_along():
    scene, truth = one_mover(straight(40, (200, 160), (1.3, 0.7)), front=[lambda rng: Mover(rng, straight(40, (20, 170), (10, 0)), 40.0)])
    proposals = carried(scene, truth, 0, 39)
    believed = ~proposals.is_flagged
    assert believed.mean() > 0.9 and proposals.frame_index[-1] == 39
    assert off_px(proposals.shapes, truth[proposals.frame_index])[believed].max() < 1.5


def test_frames_without_pictures_are_flagged_and_passed_over():
    scene, truth = one_mover(straight(N, (200, 160), (3.3, -1.1)))
    pictures = [None if k in (4, 5) else scene.image(k, "front") for k in range(N)]
    proposals = carried(scene_of(pictures), truth, 0, N - 1)
    assert proposals.frame_index[proposals.is_flagged].tolist() == [4, 5]
    assert set(proposals.verdict[proposals.is_flagged]) == {bw.ImageVerdict.NO_PICTURE}
    assert off_px(proposals.shapes, truth[proposals.frame_index]).max() < 0.6  # on the curve between their neighbours
    with pytest.raises(bw.FrameMissing, match="no picture to begin with"):
        carried(scene_of(pictures), truth, 4, 6)


def test_nothing_to_hold_on_to_is_said_to_be_so():
    scene = scene_of([np.full((HEIGHT, WIDTH, 3), 128, np.uint8)] * 4)
    proposals = carried(scene, bw.Boxes([[100, 100, 150, 150]] * 4), 0, 3)
    assert len(proposals) == 1 and proposals.verdict[0] == bw.ImageVerdict.FEW_POINTS and proposals.confidence[0] == 0


def test_keyframes_before_and_after_bound_the_way():
    scene, truth = one_mover(straight(N, (200, 160), (3.3, -1.1)))
    outside = carried(scene, truth, 0, N - 1, keys=[0, 5], visibility=[0, 2])
    assert outside.frame_index.tolist() == [1, 2, 3, 4]  # nobody asks where it is gone
    hidden = carried(scene, truth, 0, 3, visibility=[1])
    assert (hidden.verdict == bw.ImageVerdict.OCCLUDED).all() and (hidden.accept().visibility == bw.Visibility.OCCLUDED).all()
    assert len(carried(scene, truth, 0, 0)) == 0 and len(carried(scene, truth, 0, 0).accept()) == 1


def test_pictures_are_read_once_and_in_order(monkeypatch):
    from boxwright import image_following

    scene, truth = one_mover(straight(N, (200, 160), (3.3, -1.1)))
    asked, image = [], scene.data.image
    scene.data.image = lambda k, name: (asked.append(k), image(k, name))[1]
    carried(scene, truth, 0, N - 1)
    assert asked == list(range(N))
    asked.clear()
    carried(scene, truth, 0, N - 1, keys=[0, N - 1])
    assert sorted(asked) == list(range(N))
    asked.clear()
    monkeypatch.setattr(image_following, "KEPT_BYTES", 6 * WIDTH * HEIGHT)  # backwards in runs of three
    carried(scene, truth, N - 1, 0)
    assert len(asked) <= N + 2 and asked[1:4] == [N - 4, N - 3, N - 2]


def test_progress_is_told_and_may_end_it():
    scene, truth = one_mover(straight(N, (200, 160), (3.3, -1.1)))
    told = []
    bw.propagate(scene, track_of(truth, [0]), 0, N - 1, progress=lambda: told.append(1))
    assert len(told) == N - 1

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bw.propagate(scene, track_of(truth, [0]), 0, N - 1, progress=stop)


def test_what_cannot_be_carried_is_refused():
    scene, truth = one_mover(straight(3, (200, 160)))
    masks = bw.Masks.from_polygons(bw.Polygons(list(truth.corners_uv())), WIDTH, HEIGHT)
    with pytest.raises(bw.ArgumentError, match="expected boxes, rotated boxes, polygons, polylines or keypoints, got masks"):
        carried(scene, masks, 0, 2)
    with pytest.raises(bw.TimeError, match="has no keyframe in frame 1"):
        bw.propagate(scene, track_of(truth, [0]), 1, 2)
    with pytest.raises(bw.FrameMissing):
        bw.propagate(scene, track_of(truth, [0]), 0, 9)
    with pytest.raises(bw.ArgumentError, match="sensors"):
        bw.propagate(scene, track_of(truth, [0]), 0, 2, sensors=["lidar"])
    with pytest.raises(bw.CalibrationError, match="no such camera"):
        bw.propagate(scene, track_of(truth, [0]).replace(camera="rear"), 0, 2)
    with pytest.raises(bw.UnknownName):
        bw.propagate(scene, "nobody", 0, 2)
    nowhere = bw.Keypoints(np.full((3, 2, 2), np.nan), np.full((3, 2), 2))
    with pytest.raises(bw.ArgumentError, match="at least one point that is marked"):
        carried(scene, nowhere, 0, 2)


@pytest.mark.parametrize(
    "shapes",
    [
        bw.Boxes([[1e6, 1e6, 1e6 + 5, 1e6 + 9]] * 3),
        bw.Boxes([[-1e7, -1e7, 1e7, 1e7]] * 3),
        bw.Boxes([[100, 100, 100, 100]] * 3),
        bw.Boxes([[100, 100, 400, 100.5]] * 3),
        bw.Polylines([[[5.0, 5.0]]] * 3),
        bw.Keypoints(np.full((3, 1, 2), 77.0)),
        bw.Polygons([[[5.0, 5.0], [6.0, 5.0]]] * 3),
    ],
    ids=["far outside", "huge", "a point", "a hair", "one point", "one keypoint", "no area"],
)
def test_odd_shapes_are_followed_or_lost_but_never_a_traceback(shapes):
    scene, _ = one_mover(straight(3, (200, 160)))
    proposals = carried(scene, shapes, 0, 2)
    assert 1 <= len(proposals) <= 2
    assert np.isfinite(proposals.shapes.bounds_xyxy()).all()


def test_from_the_tracks_of_a_scene_by_id():
    scene, truth = one_mover(straight(N, (200, 160), (3.3, -1.1)))
    labelled = scene.replace(image_tracks=[track_of(truth, [0])])
    proposals = bw.propagate(labelled, "thing", 0, 3)
    assert isinstance(proposals, bw.ImageProposals) and "3 frames" in repr(proposals)
    assert proposals.times_ns.tolist() == [STEP_NS, 2 * STEP_NS, 3 * STEP_NS]


def test_the_command_carries_labels_of_a_video(run, tmp_path):
    pytest.importorskip("av", reason="av (extra 'video') is not installed")
    scene, truth = one_mover(straight(N, (200, 160), (3.3, -1.1)))
    bw.write_video(tmp_path / "clip.mp4", [scene.image(k, "front") for k in range(N)], times_ns=scene.times_ns)
    boxes = bw.Boxes(np.c_[truth.center_uv - 40, truth.center_uv + 40])
    labelled = scene.replace(image_tracks=[track_of(boxes, [0]).replace(track_id="7")])
    bw.write(labelled, tmp_path / "labels", "boxwright")
    way = ("--labels", tmp_path / "labels", "--track", "7", "--from-frame", "0", "--to-frame", N - 1)
    code, out, _ = run("propagate", tmp_path / "clip.mp4", *way, "--out", tmp_path / "carried", "--to", "cvat_video", "--json")
    result = json.loads(out)
    assert code == 0 and [row["frame_index"] for row in result["proposals"]] == list(range(1, N))
    for row in result["proposals"]:
        assert row["verdict"] == "followed" and not row["is_flagged"]
        np.testing.assert_allclose(row["bounds_xyxy"], boxes.xyxy[row["frame_index"]], atol=1.0)
    again = bw.read(tmp_path / "clip.mp4", labels=next((tmp_path / "carried").rglob("*.xml")))
    assert len(again.image_tracks[0]) >= N
    code, out, _ = run("propagate", tmp_path / "clip.mp4", *way)
    assert code == 0 and f"7 carried to {N - 1} frames of clip, 0 flagged" in out and "likeness" in out
