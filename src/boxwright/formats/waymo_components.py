"""Waymo's components as they are written: some thousand rows at a time, so that no more of a long segment is in memory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..errors import ExtraMissing
from .waymo import KEPT_NAMES, PREFIX

__all__ = ["Component", "pyarrow"]

_ROWS_AT_ONCE = 16_384
Columns = Mapping[str, tuple[Any, Any]]


def pyarrow() -> tuple[Any, Any]:
    """pyarrow and its parquet. ExtraMissing where they are not installed."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise ExtraMissing("writing Waymo's files needs pyarrow", hint="pip install 'boxwright[io]'") from None
    return pyarrow, parquet


class Component:
    """One component of a segment; use it in a `with` block. A file is there once something was added, be it a table without rows.

    kept : names of sensors by their numbers
    """

    def __init__(self, folder: Path, part: str, segment: str, kept: Mapping[int, str] | None = None) -> None:
        self.file, self.part, self.segment = folder / part / f"{segment}.parquet", part, segment
        self.kept = {KEPT_NAMES: json.dumps({str(number): name for number, name in kept.items()})} if kept else None
        self._writer: Any = None
        self._waiting: list[Any] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None and self._waiting:
            self._flush()
        if self._writer is not None:
            self._writer.close()

    def add(self, columns: Columns) -> None:
        """Rows. columns : name -> (values, pyarrow type), without the component's name; of the same names and types every time"""
        pa, _ = pyarrow()
        n = len(next(iter(columns.values()))[0])
        named = {"key.segment_context_name": pa.array([self.segment] * n, pa.string())}
        for name, (values, kind) in columns.items():
            named[name if name.startswith("key.") else PREFIX[self.part] + name] = pa.array(values, kind)
        self._waiting.append(pa.table(named))
        if sum(len(table) for table in self._waiting) >= _ROWS_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        pa, parquet = pyarrow()
        table = pa.concat_tables(self._waiting).combine_chunks().replace_schema_metadata(self.kept)
        self._waiting = []
        if self._writer is None:
            self.file.parent.mkdir(exist_ok=True)
            self._writer = parquet.ParquetWriter(str(self.file), table.schema, write_page_checksum=True)
        self._writer.write_table(table)
