"""boxwright against its rivals: the same input, results shown to be equal, then the clock."""

from __future__ import annotations

from .findings import Findings, Machine
from .results import read_results, readme_with_table, report, write_results
from .rows import RivalTime, Row
from .runner import VERBS, run
from .server import CLIENTS, ServerLoad, server_load
from .tables import losses, server_table, table

__all__ = [
    "CLIENTS",
    "VERBS",
    "Findings",
    "Machine",
    "RivalTime",
    "Row",
    "ServerLoad",
    "losses",
    "read_results",
    "readme_with_table",
    "report",
    "run",
    "server_load",
    "server_table",
    "table",
    "write_results",
]
