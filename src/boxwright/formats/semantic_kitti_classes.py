"""The classes of SemanticKITTI: their numbers in .label files, what evaluation makes of them, and which of them the classes of others are.

Behley et al., SemanticKITTI: a dataset for semantic scene understanding of LiDAR sequences, ICCV 2019; numbers as the dataset's configuration has
them. 9 and 251 are those of its moving object segmentation.
"""

from __future__ import annotations

from ..taxonomy import Taxonomy

__all__ = ["CLASSES", "LEARNING", "MOVING", "UNKNOWN_NAME", "class_number"]

# fmt: off
CLASSES: dict[int, str] = {
    1: "outlier", 9: "static", 10: "car", 11: "bicycle", 13: "bus", 15: "motorcycle", 16: "on-rails", 18: "truck", 20: "other-vehicle",
    30: "person", 31: "bicyclist", 32: "motorcyclist", 40: "road", 44: "parking", 48: "sidewalk", 49: "other-ground",
    50: "building", 51: "fence", 52: "other-structure", 60: "lane-marking", 70: "vegetation", 71: "trunk", 72: "terrain",
    80: "pole", 81: "traffic-sign", 99: "other-object", 251: "moving", 252: "moving-car", 253: "moving-bicyclist", 254: "moving-person",
    255: "moving-motorcyclist", 256: "moving-on-rails", 257: "moving-bus", 258: "moving-truck", 259: "moving-other-vehicle",
}
# class -> the one of nineteen that it counts as in training and evaluation, "" where it does not count; for PointLabels.renamed
LEARNING: dict[str, str] = {
    "outlier": "", "bus": "other-vehicle", "on-rails": "other-vehicle", "other-structure": "", "lane-marking": "road", "other-object": "",
    "moving-car": "car", "moving-bicyclist": "bicyclist", "moving-person": "person", "moving-motorcyclist": "motorcyclist",
    "moving-on-rails": "other-vehicle", "moving-bus": "other-vehicle", "moving-truck": "truck", "moving-other-vehicle": "other-vehicle",
}
_OF_TAXONOMY = {  # boxwright's class -> SemanticKITTI's
    "car": "car", "van": "car", "truck": "truck", "bus": "bus", "articulated_bus": "bus", "trailer": "other-vehicle", "tram": "on-rails",
    "train": "on-rails", "motorcycle": "motorcycle", "bicycle": "bicycle", "cyclist": "bicyclist", "motorcyclist": "motorcyclist",
    "pedestrian": "person", "sitting_person": "person", "sign": "traffic-sign",
}
# fmt: on
NUMBERS = {name: number for number, name in CLASSES.items()}
MOVING = {NUMBERS[name.removeprefix("moving-")]: number for number, name in CLASSES.items() if name.startswith("moving-")}
UNKNOWN_NAME = "class {}"  # what a number is called that is none of these


def class_number(name: str) -> int | None:
    """The number of a class by its name there, else by the taxonomy's class of that name; None where there is none."""
    plain = name.replace("_", "-").lower()
    if plain in NUMBERS:
        return NUMBERS[plain]
    category = Taxonomy.default().get(name)
    return None if category is None or category.name not in _OF_TAXONOMY else NUMBERS[_OF_TAXONOMY[category.name]]
