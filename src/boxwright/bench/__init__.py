"""boxwright against its rivals: the same input, results shown to be equal, then the clock."""

from __future__ import annotations

from .results import RivalTime, Row, machine, readme_with_table, short_table, table, write_results
from .runner import VERBS, run

__all__ = ["VERBS", "RivalTime", "Row", "machine", "readme_with_table", "run", "short_table", "table", "write_results"]
