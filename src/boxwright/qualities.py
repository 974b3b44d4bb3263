"""How good labels are, in figures: of cuboids, of labels in pictures, of tracks."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from .intervals import Estimate
from .track_metrics import Clear, Hota, Identity

__all__ = ["PictureQuality", "Quality", "TrackQuality", "quality_dict", "tracking_dict"]


@dataclass(frozen=True, eq=False)
class _Found:
    """What was found, and how well it sits."""

    n_objects: int
    n_gold: int
    n_labels: int
    n_matched: int
    precision: Estimate
    recall: Estimate
    f1: Estimate
    iou: Estimate


@dataclass(frozen=True)
class Quality(_Found):
    """How well labels meet gold; every figure with its interval, which resamples objects.

    n_objects : gold tracks; n_gold, n_labels, n_matched : labels, counted in every frame
    precision, recall, f1 : a label of the wrong class is both extraneous and missing
    iou : mean volumetric IoU of what matched
    ate_m, ase, aoe_rad, ave_mps, aae : means over what matched, as nuScenes defines them: distance of centres in x and y, 1 - IoU of sizes alone,
        angle between headings (half turns count), velocity, share of attributes that are wrong
    median_ate_m, median_ase, median_aoe_rad : medians over objects, of each object's mean
    """

    ate_m: Estimate
    ase: Estimate
    aoe_rad: Estimate
    ave_mps: Estimate
    aae: Estimate
    median_ate_m: Estimate
    median_ase: Estimate
    median_aoe_rad: Estimate


@dataclass(frozen=True, eq=False)
class TrackQuality:
    """How well tracks follow the gold's: HOTA over all thresholds, CLEAR and identity at a likeness of 0.5."""

    hota: Hota
    clear: Clear
    identity: Identity


@dataclass(frozen=True, eq=False)
class PictureQuality(TrackQuality, _Found):
    """How well the labels in one camera's pictures meet gold; figures with intervals, which resample objects.

    n_objects : gold tracks; n_gold, n_labels, n_matched : labels, counted in every picture; a mask without a pixel is none
    precision, recall, f1 : a label matches where its bounds share half of their union with those of gold; one of the wrong class is both extraneous
        and missing
    iou : mean of the bounds of what matched
    hota, clear, identity : of the tracks; labels of another class never match
    """


def quality_dict(quality: Quality | PictureQuality) -> dict[str, Any]:
    """For JSON; what tells of tracks is `tracking_dict`'s."""
    of_tracks = {field.name for field in fields(TrackQuality)}
    rows = [(name, value) for name, value in vars(quality).items() if name not in of_tracks]
    return {name: value._asdict() if isinstance(value, Estimate) else value for name, value in rows}


def tracking_dict(quality: TrackQuality) -> dict[str, Any]:
    """For JSON."""
    whole = {name: getattr(quality.hota, name) for name in ("hota", "deta", "assa", "loca")}
    return {**whole, **vars(quality.clear), **{name: getattr(quality.identity, name) for name in ("idf1", "idp", "idr")}}
