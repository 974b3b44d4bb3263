"""All that one run found, and the machine it ran on."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import os
import platform
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .bandwidth import Bandwidth
from .clock import CLOCK
from .growth import Growth
from .rows import Row
from .server import ServerLoad, server_from_json

__all__ = ["Findings", "Machine", "this_machine"]

PACKAGES = (
    *(
        "boxwright",
        "numpy",
        "scipy",
        "numba",
        "opencv-python-headless",
        "open3d",
        "open3d-cpu",
        "shapely",
        "trimesh",
        "scikit-learn",
        "pypcd4",
        "laspy",
    ),
    *("av2", "nuscenes-devkit"),
)


@dataclass(frozen=True)
class Machine:
    """load : how many processes wanted a core before the run began, ours not among them; None where the system does not tell"""

    date: str
    cpu: str
    cores: int
    memory_gib: int
    system: str
    python: str
    versions: dict[str, str]
    load: float | None


def this_machine() -> Machine:
    """Where and with what: CPU, cores, memory, versions, date."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        cpu = next((line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")), cpu)
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return Machine(
        date=datetime.now(UTC).date().isoformat(),
        cpu=cpu,
        cores=os.cpu_count() or 1,
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        system=platform.platform(terse=True),
        python=platform.python_version(),
        versions=versions,
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    )


@dataclass
class Findings:
    """clock : what the times are; bandwidth, server : None where they were not measured"""

    machine: Machine
    rows: list[Row] = field(default_factory=list)
    bandwidth: Bandwidth | None = None
    growths: list[Growth] = field(default_factory=list)
    clock: str = CLOCK
    server: ServerLoad | None = None

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Findings:
        bandwidth, server = fields["bandwidth"], fields.get("server")
        return cls(
            Machine(**fields["machine"]),
            [Row.from_json(row) for row in fields["rows"]],
            None if bandwidth is None else Bandwidth(**bandwidth),
            [growth_from_json(growth) for growth in fields["growths"]],
            fields["clock"],
            None if server is None else server_from_json(server),
        )


def growth_from_json(fields: dict[str, Any]) -> Growth:
    return Growth(**{**fields, "sizes": tuple(fields["sizes"]), "median_ms": tuple(fields["median_ms"])})
