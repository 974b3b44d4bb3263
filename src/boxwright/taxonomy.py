"""Classes of objects: what they are called, how large they are, how they are drawn, which attributes they carry.

Sizes are (length, width, height) in metres, from published figures, never from anybody's labels:

- vehicles: makers' data sheets, widths without mirrors (Volkswagen Golf 8 4.28 x 1.79 x 1.49, Toyota Camry 4.89 x 1.84 x 1.45, Smart Fortwo
  2.70 x 1.66 x 1.56, BMW X5 4.92 x 2.00 x 1.75, Volkswagen Transporter 4.90 x 1.90 x 1.97, Mercedes-Benz Sprinter 5.93-7.37 x 2.02 x 2.36-2.82,
  Ford F-150 5.31-6.36 x 2.03 x 1.91, Fuso Canter 4.70-7.70 x 1.70-2.14 x 2.09-2.26, Mercedes-Benz Atego 6.2-10.2 x 2.29-2.49,
  Mercedes-Benz Citaro 12.13 x 2.55 x 3.12, Citaro G 18.13), rounded;
- their limits: Council Directive 96/53/EC (width 2.55 m, height 4.00 m, motor vehicle 12.00 m, articulated bus 18.75 m, articulated lorry 16.50 m);
- rail: BOStrab section 34 (tram width 2.65 m) and makers' sheets; UIC passenger coaches (26.4 m x 2.825 m);
- people: ISO 7250-1 body measurements and ISO/TR 7250-2 statistics (stature, shoulder and elbow breadth), with the stride of a walking adult;
- cycles: ISO 4210-2 and makers' sheets; wheelchairs: ISO 7176-5; cones: EN 13422; drums and barriers: the US MUTCD and makers' sheets.

They are rounded figures, typical rather than statistical. A project with accepted labels of its own knows better: pass `size_prior`.
"""

from __future__ import annotations

import colorsys
import difflib
import math
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .arrays import as_floats
from .errors import ArgumentError, UnknownName, number_of
from .shapes2d import Skeleton

__all__ = ["AttributeDefinition", "Category", "SizePrior", "Taxonomy"]

Size = tuple[float, float, float]


@dataclass(frozen=True)
class SizePrior:
    """What a class's size is expected to be before any point is seen.

    median_m, low_m, high_m : (length, width, height); low and high hold about nine in ten
    source : where the figures come from
    """

    median_m: Size
    low_m: Size
    high_m: Size
    source: str = ""

    def __post_init__(self) -> None:
        for name in ("median_m", "low_m", "high_m"):
            value = as_floats(f"size_prior.{name}", getattr(self, name), (3,), hint="length, width, height in metres")
            if (value <= 0).any():
                got, hint = repr(getattr(self, name)), "length, width, height in metres"
                raise ArgumentError(expected="three positive lengths", got=got, field=f"size_prior.{name}", hint=hint)
            object.__setattr__(self, name, tuple(value.tolist()))
        if any(not low <= mid <= high for low, mid, high in zip(self.low_m, self.median_m, self.high_m)):
            got, hint = f"{self.low_m}, {self.median_m}, {self.high_m}", "the order is median_m, low_m, high_m"
            raise ArgumentError(expected="low <= median <= high", got=got, field="size_prior", hint=hint)

    @property
    def sigma_m(self) -> Size:
        """Standard deviation, from low and high taken as the 5 % and 95 % points."""
        length, width, height = ((high - low) / 3.29 for low, high in zip(self.low_m, self.high_m))
        return length, width, height

    def measured(self, size_m: Any, sigma_m: Any) -> SizePrior:
        """What is expected of an object of which another fit found a size, as `fit.cuboid.size_m` and `fit.sigma.size_m` say.

        size_m, sigma_m : (3,) length, width, height in metres and their standard deviations; where one of these is NaN, nothing was found
        Both are weighted by their precision. Fits of one object from about the same side are off together: their mean counts as one of them.
        """
        size, sigma = (as_floats(name, value, (3,), finite=False, hint="of one fit") for name, value in (("size_m", size_m), ("sigma_m", sigma_m)))
        if (size <= 0).any() or (sigma <= 0).any():
            raise ArgumentError(
                expected="positive lengths", got=f"{size_m!r}, {sigma_m!r}"[:80], field="size_m, sigma_m", hint="NaN where it is not known"
            )
        columns: list[tuple[float, float, float]] = []
        for middle, low, high, spread, found, noise in zip(self.median_m, self.low_m, self.high_m, self.sigma_m, size.tolist(), sigma.tolist()):
            if not math.isfinite(found) or not math.isfinite(noise) or spread == 0:
                columns.append((middle, low, high))
                continue
            share = spread**2 / (spread**2 + noise**2)
            center, reach = middle + share * (found - middle), 1.645 * spread * math.sqrt(1 - share)
            columns.append((center, max(center - reach, 0.3 * center), center + reach))
        length, width, height = columns
        median, least, most = zip(length, width, height)
        return SizePrior(median, least, most, f"{self.source}, and a fit" if self.source else "a fit")


_KINDS = ("choice", "flag", "number", "text", "group")


@dataclass(frozen=True)
class AttributeDefinition:
    """One attribute of a class.

    name : its name
    kind : "choice" (one of `values`), "flag", "number", "text", or "group" (a mapping with the attributes in `members`)
    values : what a choice may be
    is_mutable : may change from frame to frame; otherwise one value holds for the whole track
    members : the attributes inside a group
    """

    name: str
    kind: str = "choice"
    values: tuple[str, ...] = ()
    is_mutable: bool = True
    members: tuple[AttributeDefinition, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            known = f"one of {', '.join(_KINDS)}"
            raise ArgumentError(expected=known, got=repr(self.kind), field=f"{self.name}.kind", hint="a list of words to choose from is a choice")
        if (self.kind == "choice") != bool(self.values) or (self.kind == "group") != bool(self.members):
            raise ArgumentError(
                expected="values for a choice, members for a group, and for nothing else",
                got=f"kind {self.kind!r}, {number_of(len(self.values), 'value')}, {number_of(len(self.members), 'member')}",
                field=self.name,
                hint="give values=, members=, or another kind",
            )

    def check(self, value: Any, *, field: str = "") -> None:
        """ArgumentError where the value does not fit the definition."""
        place = f"{field}.{self.name}" if field else self.name
        if self.kind == "group":
            if not isinstance(value, Mapping):
                raise ArgumentError(expected="a mapping", got=repr(value), field=place, hint="a group takes {name: value}")
            known = {member.name: member for member in self.members}
            for name, item in value.items():
                if name not in known:
                    hint = "leave it out, or add it to the group's members"
                    raise ArgumentError(expected=f"one of {', '.join(known)}", got=repr(name), field=place, hint=hint)
                known[name].check(item, field=place)
            return
        fits, wanted = {
            "choice": (isinstance(value, str) and value in self.values, f"one of {', '.join(self.values)}"),
            "flag": (isinstance(value, bool), "true or false"),
            "number": (isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value), "a number"),
            "text": (isinstance(value, str), "text"),
        }[self.kind]
        if not fits:
            raise ArgumentError(expected=wanted, got=repr(value), field=place, hint=f"it is defined as a {self.kind}")


@dataclass(frozen=True)
class Category:
    """One class.

    name : as boxwright spells it
    category_id : small whole number, stable
    color : (red, green, blue), 0 to 255, how it is drawn
    size_prior : None where nothing can be said beforehand
    is_rigid : keeps its shape; one size per track makes sense
    is_yaw_from_motion : points alone never tell its yaw
    aliases : what datasets call it
    skeleton : points that are marked on it in pictures, and which of them are joined; None where every track has points of its own
    """

    name: str
    category_id: int
    color: tuple[int, int, int]
    size_prior: SizePrior | None = None
    is_rigid: bool = True
    is_yaw_from_motion: bool = False
    aliases: tuple[str, ...] = ()
    attributes: tuple[AttributeDefinition, ...] = ()
    skeleton: Skeleton | None = None

    def check_attributes(
        self, attributes: Mapping[str, Any], keyframe_attributes: Sequence[Mapping[str, Any]] = (), *, field: str = "attributes"
    ) -> None:
        """ArgumentError where a track's attributes, or those of one of its keyframes, are not as this class defines them.

        attributes : what holds for the whole track
        keyframe_attributes : what keyframes say; of these only the attributes that are mutable, or one value throughout
        """
        known = {attribute.name: attribute for attribute in self.attributes}
        first: dict[str, Any] = dict(attributes)
        for k, row in enumerate([attributes, *keyframe_attributes]):
            place = field if k == 0 else f"{field}, keyframe {k - 1}"
            for name, value in row.items():
                if name not in known:
                    hint = f"leave it out, or define it for {self.name}"
                    raise ArgumentError(expected=f"one of {', '.join(known) or 'none'}", got=repr(name), field=place, hint=hint)
                known[name].check(value, field=place)
                if not known[name].is_mutable and first.setdefault(name, value) != value:
                    hint = "it is not mutable: one value holds for the whole track"
                    raise ArgumentError(expected=repr(first[name]), got=repr(value), field=f"{place}.{name}", hint=hint)


@dataclass(frozen=True)
class Taxonomy:
    """The classes of a project. `taxonomy.find("Car").size_prior`, `"Car" in taxonomy`, `for category in taxonomy`.

    Names are compared without regard to case, spaces, `_`, `-` and `.`; readers keep the names of their files, the taxonomy maps them for priors and
    colours alone.
    """

    categories: Sequence[Category]
    _by_name: Mapping[str, Category] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "categories", tuple(self.categories))
        by_name: dict[str, Category] = {}
        ids: dict[int, str] = {}
        for category in self.categories:
            if category.category_id in ids:
                what = f"{category.name} and {ids[category.category_id]} share the id {category.category_id}"
                raise ArgumentError(what, field="categories", hint="give each class an id of its own")
            ids[category.category_id] = category.name
            for name in dict.fromkeys(_plain(name) for name in (category.name, *category.aliases)):
                if name in by_name:
                    what = f"{category.name} and {by_name[name].name} share the name {name!r}"
                    raise ArgumentError(what, field="categories", hint="case, spaces and hyphens do not tell names apart")
                by_name[name] = category
        object.__setattr__(self, "_by_name", by_name)

    @classmethod
    def default(cls) -> Taxonomy:
        """The classes of road scenes, with the names that KITTI, Argoverse 2, SUSTechPOINTS, nuScenes, DGP and OSDaR23 use."""
        return _DEFAULT

    def find(self, name: str) -> Category:
        """The class of that name or alias; UnknownName, with near matches, where there is none, ArgumentError for what is no text."""
        if not isinstance(name, str):
            raise ArgumentError(expected="the name of a class", got=repr(name)[:80], field="category", hint=f"one of {', '.join(self.names)}")
        category = self._by_name.get(_plain(name))
        if category is None:
            raise UnknownName(f"no class is called {name!r}"[:80], field="category", hint=self._near(name))
        return category

    def get(self, name: str) -> Category | None:
        """The class of that name or alias, or None."""
        return self._by_name.get(_plain(name)) if isinstance(name, str) else None

    def check_track(self, track: Any) -> None:
        """UnknownName for a track of no class here, in space or in pictures, and ArgumentError for attributes that its class does not define so."""
        category = self.find(track.category)
        category.check_attributes(track.attributes, track.keyframe_attributes, field=f"track {track.track_id!r}.attributes")

    def color(self, name: str) -> tuple[int, int, int]:
        """The class's colour, or a shade of it for names of one class that are used side by side; a foreign class's depends on its name alone."""
        category, word = self.get(name), _plain(str(name))
        if category is None:
            return _foreign_color(word)
        return category.color if word == _plain(category.name) else _shade(category.color, _SHADES.get(word, 0.0))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(category.name for category in self.categories)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and _plain(name) in self._by_name

    def __iter__(self) -> Iterator[Category]:
        return iter(self.categories)

    def __len__(self) -> int:
        return len(self.categories)

    def _near(self, name: str) -> str:
        word = _plain(name)
        near = {
            match: difflib.SequenceMatcher(None, match, word).ratio() for match in difflib.get_close_matches(word, self._by_name, n=3, cutoff=0.7)
        }
        # a slip is rarely in the first letter: a dragon is no wagon
        found = list(dict.fromkeys(self._by_name[match].name for match, share in near.items() if share >= 0.8 or match[0] == word[0]))
        meant = f"did you mean {' or '.join(found)}? " if found else ""
        return f"{meant}known classes: {', '.join(self.names)}"


def _plain(name: str) -> str:
    return re.sub(r"[\s_.\-/()]+", "", name).lower()


def _shade(color: Sequence[float], share: float) -> tuple[int, int, int]:
    """Towards white, or towards black where negative."""
    red, green, blue = (round(v + share * ((255 - v) if share > 0 else v)) for v in color)
    return red, green, blue


def _foreign_color(word: str) -> tuple[int, int, int]:
    """Any hue, as bright as the classes' own."""
    code = zlib.crc32(word.encode("utf-8", "surrogatepass"))
    color = [255 * v for v in colorsys.hsv_to_rgb(code % 997 / 997, 0.5 + code // 997 % 6 / 10, 1.0)]
    luma = 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]
    wanted = 126 + code // 6000 % 74
    return _shade(color, (wanted - luma) / ((255 - luma) if wanted > luma else luma))


def _prior(length: Size, width: Size, height: Size, source: str) -> SizePrior:
    low, median, high = zip(length, width, height)
    return SizePrior(median, low, high, source)


_OCCLUSION = AttributeDefinition("occlusion", values=("none", "partly", "mostly", "unknown"))
_MOTION = AttributeDefinition("motion", values=("moving", "stopped", "parked"))
_LIGHTS = AttributeDefinition(
    "lights",
    "group",
    members=(AttributeDefinition("brake", "flag"), AttributeDefinition("indicator", values=("off", "left", "right", "both"))),
)
_POSE = AttributeDefinition("pose", values=("standing", "walking", "sitting", "lying"))
_RIDDEN = AttributeDefinition("with_rider", "flag")
_VEHICLE = (_OCCLUSION, _MOTION, _LIGHTS)
_MAKERS = "makers' data sheets"
_LIMITS = "makers' data sheets and Council Directive 96/53/EC"

# Points of a person as COCO 2017 has them: their order is that of its files.
_PERSON = Skeleton(
    ("nose", *(f"{side}_{part}" for part in ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle") for side in ("left", "right"))),
    (
        *((0, 1), (0, 2), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6)),
        *((5, 6), (5, 7), (7, 9), (6, 8), (8, 10), (5, 11), (6, 12), (11, 12)),
        *((11, 13), (13, 15), (12, 14), (14, 16)),
    ),
)
_SKELETONS = {"pedestrian": _PERSON, "sitting_person": _PERSON}

# Colours: apart in Oklab, to an eye without red or without green cones too (Machado, Oliveira and Fernandes, IEEE TVCG 15(6), 2009), those of
# classes that are often side by side farthest; light enough for a dark ground and dark enough for a light one.
# Names of one class that a dataset uses side by side: its colour, this far towards white, or towards black where negative.
_SHADES = {
    "truckcab": 0.45,
    "largevehicle": -0.24,
    "schoolbus": -0.35,
    "messageboardtrailer": 0.35,
    "trafficlighttrailer": 0.6,
    "wheeledrider": -0.3,
    "stopsign": -0.2,
    "mobilepedestriancrossingsign": 0.4,
    "officialsignaler": 0.4,
}

# name, colour, (low, median, high) of length, width and height, source, rigid, yaw from motion, aliases, attributes
# a new class goes to the end, since ids count
_TABLE: tuple[tuple[Any, ...], ...] = (
    ("car", (255, 158, 0), (3.5, 4.4, 5.2), (1.6, 1.8, 2.0), (1.35, 1.5, 1.9), _MAKERS, True, False,
     "passenger car|regular_vehicle|vehicle.car|automobile|sedan|suv|pickup|pickuptruck|jeep|vehicle|policecar|unknown vehicle", _VEHICLE),
    ("van", (180, 255, 0), (4.4, 5.1, 7.0), (1.75, 1.95, 2.1), (1.8, 2.1, 2.8), _MAKERS, True, False,
     "minivan|minibus|van/suv|transporter|tourcar", _VEHICLE),
    ("truck", (225, 120, 210), (4.8, 7.5, 12.0), (1.7, 2.3, 2.6), (2.0, 3.0, 4.0), _LIMITS, True, False,
     "box_truck|large_vehicle|truck_cab|lorry|vehicle.truck|road_vehicle|fire truck"
     "|garbage truck|vehicle.construction|construction vehicle|concrete truck|longvehicle",
     _VEHICLE),
    ("bus", (75, 255, 255), (9.0, 12.0, 15.0), (2.4, 2.55, 2.6), (2.8, 3.1, 4.0), _LIMITS, True, False,
     "school_bus|coach|bus/rv/caravan|vehicle.bus|vehicle.bus.rigid|vehicle.bus.bendy", _VEHICLE),
    ("articulated_bus", (255, 165, 150), (17.0, 18.1, 18.75), (2.5, 2.55, 2.6), (2.9, 3.1, 3.5), _LIMITS, False, False, "bendy bus", _VEHICLE),
    ("trailer", (135, 105, 195), (3.0, 8.0, 13.8), (1.6, 2.45, 2.6), (1.5, 3.0, 4.0), _LIMITS, True, False,
     "vehicular_trailer|vehicle.trailer|message_board_trailer|traffic_light_trailer|semitrailer|caravan|camper trailer", (_OCCLUSION, _MOTION)),
    ("tram", (105, 165, 75), (14.0, 28.0, 43.0), (2.2, 2.4, 2.65), (3.2, 3.5, 3.8), "makers' data sheets and BOStrab section 34", False, False,
     "streetcar|light rail", _VEHICLE),
    ("train", (255, 90, 255), (15.0, 26.4, 30.0), (2.6, 2.83, 3.2), (3.6, 4.05, 4.7), "UIC passenger coaches and makers' data sheets", True, False,
     "railed_vehicle|wagons|wagon|locomotive|rail vehicle|caboose/rail", (_OCCLUSION, _MOTION)),
    ("motorcycle", (150, 135, 0), (1.7, 2.1, 2.4), (0.6, 0.8, 1.0), (1.0, 1.2, 1.5), _MAKERS, True, True,
     "motorbike|motor|vehicle.motorcycle|trimotorcycle|scooter|moped|motor scooter", (_OCCLUSION, _MOTION, _RIDDEN)),
    ("bicycle", (0, 210, 165), (1.5, 1.75, 1.95), (0.4, 0.6, 0.8), (0.9, 1.1, 1.3), "ISO 4210-2 and makers' data sheets", True, True,
     "bike|vehicle.bicycle|tricycle|freighttricycle", (_OCCLUSION, _MOTION, _RIDDEN)),
    ("cyclist", (240, 60, 135), (1.5, 1.75, 1.95), (0.5, 0.7, 0.85), (1.5, 1.72, 1.95), "ISO 4210-2 and ISO 7250-1", False, True,
     "bicyclist|rider|bicycle rider", (_OCCLUSION, _MOTION)),
    ("motorcyclist", (225, 210, 0), (1.7, 2.1, 2.4), (0.65, 0.8, 1.0), (1.4, 1.65, 1.9), "makers' data sheets and ISO 7250-1", False, True,
     "motorcycle rider|motorcylerider|scooter rider|motorbike rider", (_OCCLUSION, _MOTION)),
    ("pedestrian", (75, 165, 255), (0.35, 0.7, 1.0), (0.45, 0.65, 0.85), (1.45, 1.7, 1.92), "ISO 7250-1 and ISO/TR 7250-2", False, True,
     "person|human|adult|pedestrians|walker|police|construction worker|official_signaler|human.pedestrian.adult|human.pedestrian.child"
     "|human.pedestrian.construction_worker|human.pedestrian.police_officer|child|roadworker", (_OCCLUSION, _POSE)),
    ("sitting_person", (45, 240, 195), (0.6, 0.85, 1.1), (0.45, 0.6, 0.75), (1.1, 1.28, 1.4), "ISO 7250-1 (sitting height and seat)", False, True,
     "person_sitting|person sitting|sitter", (_OCCLUSION,)),
    ("stroller", (180, 105, 165), (0.7, 0.95, 1.15), (0.5, 0.6, 0.75), (0.95, 1.05, 1.15), _MAKERS, True, True,
     "baby carriage|babycart|human.pedestrian.stroller|pram", (_OCCLUSION,)),
    ("wheelchair", (255, 75, 30), (0.9, 1.1, 1.3), (0.55, 0.65, 0.7), (0.9, 1.3, 1.5), "ISO 7176-5, with its user", False, True,
     "human.pedestrian.wheelchair", (_OCCLUSION,)),
    ("personal_mobility", (195, 180, 105), (0.6, 1.1, 1.8), (0.4, 0.55, 0.8), (0.9, 1.3, 1.95), _MAKERS, False, True,
     "wheeled_device|wheeled_rider|human.pedestrian.personal_mobility|e-scooter|personalmobility|wheeled pedestrian", (_OCCLUSION,)),
    ("animal", (180, 105, 90), (0.4, 0.8, 2.0), (0.15, 0.3, 0.6), (0.3, 0.6, 1.6), "breed standards of dogs, up to the size of a horse", False, True,
     "dog|cat|horse", (_OCCLUSION,)),
    ("cone", (195, 60, 255), (0.25, 0.4, 0.5), (0.25, 0.4, 0.5), (0.45, 0.75, 1.0), "EN 13422", True, True,
     "construction_cone|traffic cone|trafficcone|movable_object.trafficcone", (_OCCLUSION,)),
    ("drum", (60, 165, 195), (0.45, 0.55, 0.65), (0.45, 0.55, 0.65), (0.9, 1.0, 1.2), "MUTCD, channelizing drums", True, True,
     "construction_barrel|barrel|roadbarrel", (_OCCLUSION,)),
    ("bollard", (0, 255, 135), (0.1, 0.2, 0.4), (0.1, 0.2, 0.4), (0.6, 1.0, 1.3), _MAKERS, True, True, "pole|catenary_pole", (_OCCLUSION,)),
    ("barrier", (225, 180, 255), (1.0, 3.0, 4.0), (0.3, 0.6, 0.8), (0.7, 0.85, 1.1), "makers' data sheets of concrete barriers", True, False,
     "road barrier|trafficbarrier|movable_object.barrier|buffer_stop", (_OCCLUSION,)),
    ("sign", (240, 120, 105), (0.3, 0.75, 1.2), (0.03, 0.15, 0.4), (0.3, 0.75, 1.2), "MUTCD and Vienna Convention sign sizes", True, False,
     "stop_sign|mobile_pedestrian_crossing_sign|mobile_pedestrian_sign|traffic_sign|traffic sign|signal|signal_pole", (_OCCLUSION,)),
    ("other", (160, 160, 160), None, None, None, "", True, False,
     "misc|dontcare|unknown|unknown1|unknown2|debris|movable_object.debris|movable_object.pushable_pullable"
     "|miscellaneous|switch|trashcan|cart", (_OCCLUSION,)),
)  # fmt: skip

_DEFAULT = Taxonomy(
    [
        Category(
            name,
            i,
            color,
            None if length is None else _prior(length, width, height, source),
            rigid,
            from_motion,
            tuple(aliases.split("|")),
            attributes,
            _SKELETONS.get(name),
        )
        for i, (name, color, length, width, height, source, rigid, from_motion, aliases, attributes) in enumerate(_TABLE)
    ]
)
