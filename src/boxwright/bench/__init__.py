"""boxwright against its rivals: the same input, results shown to be equal, then the clock."""

from __future__ import annotations

from .findings import Findings, Machine
from .results import read_results, readme_with_table, report, write_results
from .rows import RivalTime, Row
from .runner import VERBS, run
from .tables import losses, table

__all__ = [
    "VERBS",
    "Findings",
    "Machine",
    "RivalTime",
    "Row",
    "losses",
    "read_results",
    "readme_with_table",
    "report",
    "run",
    "table",
    "write_results",
]
