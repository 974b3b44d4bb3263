"""What a format says of itself: what it holds, what is lost on the way into it, and how far a label may move."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["FIELDS", "LABEL_FIELDS", "Capabilities", "Decimals", "Exactness", "spelled"]

_FLOAT_ROOM = 1e-9

FIELDS = {
    "cuboids": "3-D cuboids",
    "full_rotation": "cuboids with roll and pitch",
    "tracks": "which labels are one object over time",
    "shapes": "2-D shapes in pictures",
    "video": "which shapes are one object over the frames of a video",
    "attributes": "attributes of labels",
    "other_fields": "what files say of labels beside all this",
    "relations": "relations between tracks, and which track in pictures is which object",
    "segmentation": "a class and an object for each point",
    "poses": "where the vehicle was",
    "calibration": "lenses and places of cameras",
    "shutters": "how rolling shutters are read",
    "visibility": "which labels are occluded",
    "classes": "the names of classes",
    "track_ids": "the names of tracks",
    "keyframes": "which labels were set and which lie between",
    "tags": "tags of clips, frames and intervals",
    "times": "when each frame was",
    "frame_names": "the names of frames",
    "sweeps": "points",
    "pictures": "pictures",
}
LABEL_FIELDS = (  # the columns of the table of all formats; of the others it is told format by format what is lost
    "cuboids",
    "full_rotation",
    "tracks",
    "shapes",
    "video",
    "attributes",
    "relations",
    "segmentation",
    "poses",
    "calibration",
)


class Exactness(NamedTuple):
    """How far a label may move when it is written and read back: a corner by m metres, a heading by rad radians, the edge of a shape by px pixels, a
    time by ns nanoseconds."""

    m: float = 0.0
    rad: float = 0.0
    px: float = 0.0
    ns: int = 0

    def __str__(self) -> str:
        said = [f"{spelled(value)} {unit}" for value, unit in zip(self, self._fields) if value]
        return ", ".join(said) or "bit by bit"


class Decimals(NamedTuple):
    """Numbers of cuboids that are rounded, each by at most m metres, or rad radians of an angle about one of the axes x, y, z."""

    m: float
    rad: float

    def exact(self, longest_m: float, *, is_tilted: bool) -> Exactness:
        """How far labels may move by it: a corner by its centre's three numbers and half its size's, and by the turn of its half diagonal. A level
        cuboid turns about z alone, a tilted one about all three.

        longest_m : the longest diagonal of a cuboid, of its sides on the ground where all are level
        """
        turn = self.rad * (3 if is_tilted else 1)
        sides = math.sqrt(3) * self.m
        return Exactness(1.5 * sides + turn * (longest_m + sides) / 2 + _FLOAT_ROOM, turn + _FLOAT_ROOM)

    def __str__(self) -> str:
        """With what comes of it for a car and a lorry."""
        car, lorry = (math.hypot(*sides) for sides in ((4.5, 1.8), (12.0, 2.5)))
        said = ", ".join(f"{spelled(self.exact(longest, is_tilted=False).m)} m for {who}" for longest, who in ((car, "a car"), (lorry, "a lorry")))
        return f"{spelled(self.m)} m and {spelled(self.rad)} rad in each number: corners move by at most {said} that stand level"


def spelled(value: float) -> str:
    """A length, an angle, a time in three digits: 1.07e-9, 0.0052, 500."""
    text = f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return re.sub(r"e([+-])0", r"e\1", text)


@dataclass(frozen=True)
class Capabilities:
    """What a format holds, by the names in FIELDS; `bw.capabilities()` gives those of all formats.

    title : its name in words
    reads, writes : names of FIELDS, with blanks between; `writes` is empty for a format that is only read
    partly : of those that are written, which are not wholly, and what is lost of them
    one_camera : whether it holds the labels in the pictures of one camera alone; its writer has an option `camera` then
    projects : whether tracks of cuboids go into it as boxes around what each camera sees of them
    within_pictures : whether it refuses what reaches out of a picture, so that labels end with it
    frame : the frame its cuboids stand in: "lidar", "ego", "world", or "" where it can be any, or there are none
    adds : names of attributes that each of its labels has, whether or not one was given, with blanks between
    exact : how far a label may move on the way there and back; a cuboid with roll and pitch moves further where these are lost
    client : the package of others that reads it, which `bw.certify` asks where it is installed; client_exact : how far labels move in it, as `exact`
        where None, or how it rounds their numbers, from which that follows by the cuboids of a scene; client_skips : cuboids that it leaves out by
        design; client_refuses : kinds of shapes, with blanks between, of which it ends over a file that has any
    remarks : what else one has to know, one sentence each
    """

    title: str
    reads: str
    writes: str = ""
    partly: Mapping[str, str] = field(default_factory=dict)
    one_camera: bool = False
    projects: bool = False
    within_pictures: bool = False
    frame: str = ""
    adds: str = ""
    exact: Exactness = field(default_factory=Exactness)
    client: str | None = None
    client_exact: Exactness | Decimals | None = None
    client_skips: str = ""
    client_refuses: str = ""
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        unknown = {*self.reads.split(), *self.writes.split(), *self.partly} - FIELDS.keys()
        if unknown or not {*self.partly} <= {*self.writes.split()}:
            raise ValueError(f"{self.title}: {unknown or 'partly'} is no field that it writes")

    def can_read(self, name: str) -> bool:
        return name in self.reads.split()

    def can_write(self, name: str) -> bool:
        """Whether it is written, wholly or partly."""
        return name in self.writes.split()

    @property
    def losses(self) -> dict[str, str]:
        """Field -> what writing loses of it; empty for a format that is only read."""
        partly = {**({"shapes": "those of one camera stay"} if self.one_camera else {}), **self.partly}
        names = [name for name in FIELDS if name in partly or not self.can_write(name)] if self.writes else []
        gone = {"cuboids": "boxes around what cameras see of them stay"} if self.projects else {}
        return {name: partly.get(name, gone.get(name, "dropped")) for name in names}
