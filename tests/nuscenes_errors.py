"""What nuscenes-devkit says of pairs of boxes: run by a Python that has it, pairs as JSON on standard input, their errors as JSON on standard output.

A box is center_m, size_m (length, width, height), quat_wxyz, velocity_mps (x, y; null where it is not known) and attribute, a name nuScenes knows.
"""

from __future__ import annotations

import json
import sys

from nuscenes.eval.common.utils import attr_acc, center_distance, scale_iou, velocity_l2, yaw_diff
from nuscenes.eval.detection.data_classes import DetectionBox


def box(one):
    length, width, height = one["size_m"]
    velocity = tuple(float("nan") if speed is None else speed for speed in one["velocity_mps"])
    size = (width, length, height)
    return DetectionBox("s", tuple(one["center_m"]), size, tuple(one["quat_wxyz"]), velocity, attribute_name=one["attribute"])


def errors(gold, label):
    """ATE, ASE, AOE, AVE, AAE; null where one is not known."""
    values = [
        center_distance(gold, label),
        1 - scale_iou(gold, label),
        yaw_diff(gold, label),
        velocity_l2(gold, label),
        1 - attr_acc(gold, label),
    ]
    return [float(value) if value == value else None for value in values]


json.dump([errors(box(gold), box(label)) for gold, label in json.load(sys.stdin)], sys.stdout)
