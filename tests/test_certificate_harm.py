"""Harm to what a scene has beside its labels' places: no certificate holds over it. The faulty writer says what a sound one says."""

from __future__ import annotations

import numpy as np
import pytest

import boxwright as bw
import boxwright.certification as certification
from boxwright.certification import fields
from test_certificate_faults import TIMES, faulty, street


def reasons(monkeypatch, tmp_path, scene, format, change):
    """Why the certificate of a harmed scene does not hold; that of the sound one has to."""
    sound = bw.certify(scene, format)
    assert sound.holds, sound.reasons
    with monkeypatch.context() as patch:
        patch.setattr(certification, "write", faulty(change, tmp_path))
        return bw.certify(scene, format).reasons


@pytest.mark.parametrize("format", ["boxwright", "argoverse2"])
def test_poses_between_frames_elsewhere(monkeypatch, tmp_path, format):
    def with_poses_between(off):
        scene, stamps = street(), np.sort([*TIMES, *TIMES[:-1] + 50_000_000])
        poses = [scene.world_from_ego(int(stamp)) for stamp in stamps]
        shift = np.array([0.0, off, 0.0])
        poses = [bw.Pose(pose.rotation, pose.translation_m + shift * (stamp not in TIMES)) for pose, stamp in zip(poses, stamps)]
        return scene.replace(trajectory=bw.Trajectory(stamps, poses))

    found = reasons(monkeypatch, tmp_path, with_poses_between(0.0), format, lambda _: with_poses_between(5.0))
    assert any(reason.endswith("3 of 7 poses are lost") for reason in found), found


@pytest.mark.parametrize("format", ["boxwright", "argoverse2"])
def test_poses_that_nobody_gave(monkeypatch, tmp_path, format):
    found = reasons(monkeypatch, tmp_path, street().replace(trajectory=None), format, lambda _: street())
    assert any("poses of a vehicle that drives, which nobody gave" in reason for reason in found), found


@pytest.mark.parametrize("format", ["boxwright", "openlabel", "darwin", "coco"])
def test_what_is_true_became_a_number(monkeypatch, tmp_path, format):
    def with_attributes(**attributes):
        boxes = bw.Boxes(np.array([20, 15, 40, 30]) + np.arange(4)[:, None])
        return street().replace(tracks=(), image_tracks=[bw.ImageTrack("s", "car", "front", TIMES, boxes, attributes=attributes)])

    found = reasons(monkeypatch, tmp_path, with_attributes(lit=True, n=1), format, lambda _: with_attributes(lit=1, n=True))
    assert any("4 of 4 attributes are lost" in reason for reason in found), found


@pytest.mark.parametrize("format", ["boxwright", "openlabel"])
def test_a_tag_of_the_other_camera(monkeypatch, tmp_path, format):
    front, right = (street().replace(tags=[bw.Tag("glare", True, None, camera)]) for camera in ("front", "right"))
    found = reasons(monkeypatch, tmp_path, front, format, lambda _: right)
    assert any("1 of 1 tags are lost" in reason for reason in found), found


@pytest.mark.parametrize("format", ["boxwright", "openlabel"])
def test_a_relation_that_holds_always(monkeypatch, tmp_path, format):
    now, always = (street().replace(relations=[bw.Relation("follows", "3", "2", span)]) for span in ((int(TIMES[0]), int(TIMES[1])), None))
    found = reasons(monkeypatch, tmp_path, now, format, lambda _: always)
    assert any("1 of 2 relations are lost" in reason for reason in found), found


def test_what_segments_drops_of_relations_is_told():
    scene = street().replace(relations=[bw.Relation("follows", "3", "2", (int(TIMES[0]), int(TIMES[1])))])
    certificate = bw.certify(scene, "segments")
    assert certificate.holds, certificate.reasons
    assert [one.n_untold for one in certificate.lost if one.field == "relations"] == [0]


def test_many_tags_are_not_held_against_each_other(monkeypatch):
    """A tag for each of many frames is asked of once, not once for each of the others."""
    stamps = TIMES[0] + np.arange(500) * 1000
    asked = []
    honest = fields._is_of_camera
    monkeypatch.setattr(fields, "_is_of_camera", lambda one, two, called: asked.append(one.name) or honest(one, two, called))
    tags = [bw.Tag("count", i, (int(at), int(at)), "front") for i, at in enumerate(stamps)]
    assert bw.certify(street().replace(tags=tags), "boxwright").holds
    assert len(asked) == 500
