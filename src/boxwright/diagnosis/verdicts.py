"""What a doctor says: of each fault whether it is there, what was seen, how sure that is, and what to change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

__all__ = ["FAULTS", "Diagnosis", "FaultVerdict", "Presence"]

FAULTS = {
    "quaternion_xyzw": "quaternions are read scalar first, and written scalar last, or the reverse",
    "utm": "coordinates are those of a map, not of a sensor",
    "size_hwl": "sizes are height, width, length",
    "size_wlh": "sizes are width, length, height",
    "left_handed": "labels are given in a left-handed frame, such as one with y to the right",
    "yaw_sign": "yaw turns clockwise",
    "yaw_zero_axis": "yaw 0 is a quarter turn away from x",
    "degrees": "angles in degrees are taken for radians, or the reverse",
    "bottom_centre": "places are those of the bottom, or of the top, not of the centre",
    "euler_order": "Euler angles are put together in another order",
    "inverted_extrinsic": "the pose of a camera is the inverse of what it should be",
    "camera_axes": "a camera's axes are those of OpenGL, y up and z back",
    "scaled_intrinsics": "a camera's lens is that of pictures of another size",
    "swapped_cameras": "cameras have each other's calibration, or each other's pictures",
    "clock_offset": "poses and labels are of different moments",
    "inverted_poses": "the poses of the vehicle are the inverse of what they should be",
}


class Presence(StrEnum):
    """Whether a fault is there."""

    FOUND = "found"
    ABSENT = "not there"
    UNDECIDABLE = "undecidable"


@dataclass(frozen=True)
class FaultVerdict:
    """What is to be said of one fault.

    fault : of FAULTS
    presence : found, not there, or undecidable from this data
    saw : what was seen, with its numbers, or why nothing can be said
    sureness : from 0 to 1, by how much what was seen tells the fault from its absence; 0 where undecidable
    change : what to change, where it was found
    wanted : what would let it be told, where it is undecidable
    """

    fault: str
    presence: Presence
    saw: str
    sureness: float = 0.0
    change: str = ""
    wanted: str = ""

    def __str__(self) -> str:
        said = f"{self.fault}: {self.presence}"
        said += f" (sureness {self.sureness:.2f})" if self.sureness else ""
        return f"{said}: {self.saw}" + "".join(f"; {more}" for more in (self.change, self.wanted) if more)


@dataclass(frozen=True)
class Diagnosis:
    """The verdicts of one scene, one for each of the sixteen faults, in the order of FAULTS."""

    scene: str
    verdicts: tuple[FaultVerdict, ...]

    def __iter__(self) -> Iterator[FaultVerdict]:
        return iter(self.verdicts)

    def __getitem__(self, fault: str) -> FaultVerdict:
        return next(verdict for verdict in self.verdicts if verdict.fault == fault)

    def those(self, presence: Presence) -> list[FaultVerdict]:
        """The verdicts of one kind."""
        return [verdict for verdict in self.verdicts if verdict.presence == presence]

    @property
    def found(self) -> list[FaultVerdict]:
        return self.those(Presence.FOUND)

    def reasons(self) -> list[tuple[list[str], str, str]]:
        """Of what is undecidable: faults that have one reason, the reason, and what would let them be told."""
        grouped: dict[tuple[str, str], list[str]] = {}
        for verdict in self.those(Presence.UNDECIDABLE):
            grouped.setdefault((verdict.saw, verdict.wanted), []).append(verdict.fault)
        return [(faults, *why) for why, faults in grouped.items()]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"scene": self.scene, "faults": [asdict(verdict) for verdict in self.verdicts]}


def found(fault: str, saw: str, sureness: float, change: str) -> FaultVerdict:
    return FaultVerdict(fault, Presence.FOUND, saw, round(min(max(sureness, 0.5), 0.999), 3), change)


def absent(fault: str, saw: str, sureness: float = 0.9) -> FaultVerdict:
    return FaultVerdict(fault, Presence.ABSENT, saw, round(min(max(sureness, 0.5), 0.999), 3))


def undecidable(fault: str, why: str, wanted: str) -> FaultVerdict:
    return FaultVerdict(fault, Presence.UNDECIDABLE, why, wanted=wanted)


def hidden(fault: str, by: str, why: str) -> FaultVerdict:
    """What cannot be told while another fault is there."""
    return undecidable(fault, f"hidden by {by}: {why}", f"mend {by} and run the doctor again")
