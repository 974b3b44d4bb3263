"""What is different between a label and the gold it was matched with: one number for each thing, and one error for each that is too large."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .arrays import Bools, Float64s, Int64s, as_floats, check_kind
from .errors import ArgumentError
from .matching import LabelTable, Pairs
from .overlap import iou_3d_pairs
from .rotations import wrap_rad
from .taxonomy import Taxonomy

__all__ = ["KINDS", "Differences", "LabelError", "Tolerances", "as_tolerances", "differences", "kind_of", "label_errors"]

KINDS = ("missing", "extraneous", "label", "attribute", "position", "length", "width", "height", "heading", "flip")
WITHOUT_HEADING = frozenset({"cone", "drum", "bollard"})  # round, or nearly
WITHOUT_FRONT = frozenset({"barrier"})  # as nuScenes has it: half a turn changes nothing
EXTENTS = ("length", "width", "height")


@dataclass(frozen=True)
class Tolerances:
    """What a label may be off before it counts as wrong.

    position_m : distance of the centres
    size_m, size_share : the larger of the two holds, in metres and as a share of the gold's own extent
    heading_rad : angle, half turns apart
    """

    position_m: float = 0.2
    size_m: float = 0.1
    size_share: float = 0.1
    heading_rad: float = math.radians(5)

    def __post_init__(self) -> None:
        for name in ("position_m", "size_m", "size_share", "heading_rad"):
            value = float(as_floats(f"tolerances.{name}", getattr(self, name), ()))
            if value < 0:
                raise ArgumentError(expected="a number from 0", got=repr(value), field=f"tolerances.{name}", hint="0 lets nothing pass")


def as_tolerances(tolerances: Tolerances | None) -> Tolerances:
    """The usual ones where None."""
    check_kind("tolerances", tolerances, (Tolerances, type(None)), "bw.Tolerances", "leave it out for the usual")
    return tolerances or Tolerances()


@dataclass(frozen=True)
class LabelError:
    """One thing that is wrong with one label in one frame.

    kind : one of KINDS; "flip" is a heading off by more than a quarter turn, "heading" what is left of it
    frame_index, timestamp_ns : of the gold scene
    gold_track_id, track_id : None where the label is extraneous, or missing
    category : of the gold, of the label where there is no gold
    original, corrected : what the label says, and what the gold says
    off_by, unit : by how much, in "m" or "rad"; None where that cannot be said
    name : of the attribute
    """

    kind: str
    frame_index: int
    timestamp_ns: int
    gold_track_id: str | None
    track_id: str | None
    category: str
    original: Any
    corrected: Any
    off_by: float | None = None
    unit: str = ""
    name: str = ""


@dataclass(frozen=True, eq=False)
class Differences:
    """Of P pairs, label less gold.

    shift_m, size_m : (P, 3); shifts in the frame of the labels
    distance_m, distance_xy_m : (P,) of the centres
    yaw_rad : (P,) in (-pi, pi]; NaN for things without a heading
    heading_rad : (P,) the same, half turns taken out, in (-pi/2, pi/2]
    is_flipped : (P,) bool
    iou : (P,) volumetric
    scale_error : (P,) 1 - IoU of the two with centres and headings laid onto each other, as nuScenes and Argoverse 2 have it
    orientation_error_rad : (P,) absolute; for things without a front the least over half turns
    velocity_error_mps : (P,) in x and y, NaN where one of them is not known
    attribute_error : (P,) share of the gold's attributes that the label has otherwise or not at all; NaN where the gold says nothing
    """

    shift_m: Float64s
    size_m: Float64s
    distance_m: Float64s
    distance_xy_m: Float64s
    yaw_rad: Float64s
    heading_rad: Float64s
    is_flipped: Bools
    iou: Float64s
    scale_error: Float64s
    orientation_error_rad: Float64s
    velocity_error_mps: Float64s
    attribute_error: Float64s


def differences(
    gold: LabelTable,
    label: LabelTable,
    pairs: Pairs,
    velocities: tuple[Float64s, Float64s],
    attributes: tuple[Sequence[dict[str, Any]], Sequence[dict[str, Any]]],
) -> Differences:
    """velocities, attributes : of the rows of gold and label"""
    of_gold, of_label = gold.cuboids[pairs.a_row], label.cuboids[pairs.b_row]
    shift = of_label.center_m - of_gold.center_m
    kinds = [kind_of(name) for name in (track.category for track in gold.tracks)]
    has_heading = np.array([kind not in WITHOUT_HEADING for kind in kinds], bool)[gold.track_index[pairs.a_row]]
    has_front = np.array([kind not in WITHOUT_FRONT for kind in kinds], bool)[gold.track_index[pairs.a_row]]
    yaw = np.where(has_heading, wrap_rad(of_label.yaw_rad - of_gold.yaw_rad), np.nan)
    is_turned = np.abs(yaw) > math.pi / 2
    heading = np.where(is_turned, wrap_rad(yaw + math.pi), yaw)
    common = np.minimum(of_gold.size_m, of_label.size_m).prod(1)
    scale = 1 - common / (of_gold.size_m.prod(1) + of_label.size_m.prod(1) - common)
    return Differences(
        shift,
        of_label.size_m - of_gold.size_m,
        np.linalg.norm(shift, axis=1),
        np.linalg.norm(shift[:, :2], axis=1),
        yaw,
        heading,
        is_turned & has_front,
        iou_3d_pairs(of_gold, of_label),
        scale,
        np.abs(np.where(has_front, yaw, heading)),
        np.linalg.norm(velocities[1][pairs.b_row] - velocities[0][pairs.a_row], axis=1),
        np.array([_share_wrong(attributes[0][i], attributes[1][j]) for i, j in zip(pairs.a_row.tolist(), pairs.b_row.tolist())], np.float64),
    )


def kind_of(category: str) -> str:
    known = Taxonomy.default().get(category)
    return category if known is None else known.name


def _share_wrong(gold: dict[str, Any], label: dict[str, Any]) -> float:
    return sum(name not in label or label[name] != value for name, value in gold.items()) / len(gold) if gold else math.nan


def label_errors(
    gold: LabelTable,
    label: LabelTable,
    pairs: Pairs,
    found: Differences,
    attributes: tuple[Sequence[dict[str, Any]], Sequence[dict[str, Any]]],
    tolerances: Tolerances,
    frame_index: Int64s,
) -> list[LabelError]:
    """Every error, by frame.

    frame_index : (T,) the gold scene's frames
    """
    errors = _alone("missing", gold, pairs.alone_a, frame_index) + _alone("extraneous", label, pairs.alone_b, frame_index)

    def add(kind: str, p: int, original: Any, corrected: Any, off_by: float | None = None, unit: str = "", name: str = "") -> None:
        i, j = int(pairs.a_row[p]), int(pairs.b_row[p])
        of_gold, of_label, t = gold.tracks[int(gold.track_index[i])], label.tracks[int(label.track_index[j])], int(gold.time_index[i])
        place = (int(frame_index[t]), int(gold.times_ns[t]), of_gold.track_id, of_label.track_id, of_gold.category)
        errors.append(LabelError(kind, *place, original, corrected, off_by, unit, name))

    of_gold, of_label = gold.cuboids[pairs.a_row], label.cuboids[pairs.b_row]
    for p in np.flatnonzero(~pairs.is_same_class).tolist():
        names = (table.tracks[int(table.track_index[row[p]])].category for table, row in ((label, pairs.b_row), (gold, pairs.a_row)))
        add("label", p, *names)
    for p in np.flatnonzero(found.attribute_error > 0).tolist():
        said, wanted = attributes[1][pairs.b_row[p]], attributes[0][pairs.a_row[p]]
        for name in sorted(name for name, value in wanted.items() if name not in said or said[name] != value):
            add("attribute", p, said.get(name), wanted[name], name=name)
    for p in np.flatnonzero(found.distance_m > tolerances.position_m).tolist():
        add("position", p, of_label.center_m[p].tolist(), of_gold.center_m[p].tolist(), float(found.distance_m[p]), "m")
    for k, extent in enumerate(EXTENTS):
        allowed = np.maximum(tolerances.size_m, tolerances.size_share * of_gold.size_m[:, k])
        for p in np.flatnonzero(np.abs(found.size_m[:, k]) > allowed).tolist():
            add(extent, p, float(of_label.size_m[p, k]), float(of_gold.size_m[p, k]), float(found.size_m[p, k]), "m")
    for p in np.flatnonzero(np.abs(found.heading_rad) > tolerances.heading_rad).tolist():
        add("heading", p, float(of_label.yaw_rad[p]), float(of_gold.yaw_rad[p]), float(found.heading_rad[p]), "rad")
    for p in np.flatnonzero(found.is_flipped).tolist():
        add("flip", p, float(of_label.yaw_rad[p]), float(of_gold.yaw_rad[p]), float(found.yaw_rad[p]), "rad")
    return sorted(errors, key=lambda error: (error.frame_index, error.gold_track_id or "", error.track_id or "", KINDS.index(error.kind), error.name))


def _alone(kind: str, table: LabelTable, rows: Int64s, frame_index: Int64s) -> list[LabelError]:
    errors = []
    for row in rows.tolist():
        track, t = table.tracks[int(table.track_index[row])], int(table.time_index[row])
        cuboid = table.cuboids[row]
        there = {"center_m": cuboid.center_m.tolist(), "size_m": cuboid.size_m.tolist(), "quat_wxyz": cuboid.quat_wxyz.tolist()}
        is_missing = kind == "missing"
        gold_id, label_id = (track.track_id, None) if is_missing else (None, track.track_id)
        original, corrected = (None, there) if is_missing else (there, None)
        errors.append(LabelError(kind, int(frame_index[t]), int(table.times_ns[t]), gold_id, label_id, track.category, original, corrected))
    return errors


def in_words(value: Any, unit: str = "", kind: str = "", *, nothing: str = "-", most: int = 24) -> str:
    """A value of an error or of a disagreement, as people read it: two decimals, angles in degrees, of a cuboid its centre.

    nothing : for what is not there; most : characters of a text
    """
    if value is None:
        return nothing
    if kind == "presence" and isinstance(value, bool):
        return "there" if value else "missing"
    if isinstance(value, dict):
        value = value.get("center_m", value)
    if isinstance(value, (list, tuple)):
        return ", ".join(in_words(one, unit, nothing=nothing, most=most) for one in value)
    if isinstance(value, float):
        return f"{math.degrees(value):.1f} deg" if unit == "rad" else f"{value:.2f}"
    return str(value)[:most]
