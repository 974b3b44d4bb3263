"""Tables of Argoverse 2 (feather) and Waymo (parquet): looked at column by column, and row by row only where a column holds a bad one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Bools, Float64s, Int64s
from ..errors import BoxwrightError, ExtraMissing, FormatError
from ..limits import checked_size, limits
from ..problems import Problems

__all__ = ["HINT", "Rows", "parquet_table", "read_rows"]

HINT = "get the log's files again"
_BATCHES_AT_ONCE = 256
_KINDS = {"i": ("whole numbers", ("is_integer",)), "f": ("numbers", ("is_floating", "is_integer")), "s": ("texts", ("is_string", "is_large_string"))}


class Rows:
    """The rows of a table that hold.

    columns : name -> array, of the named columns and of all others
    number : (N,) each row's place in the file
    """

    def __init__(self, columns: dict[str, Any], number: Int64s, path: Path, problems: Problems) -> None:
        self.columns, self.number, self.path, self.problems = columns, number, path, problems

    def __len__(self) -> int:
        return len(self.number)

    def __getitem__(self, name: str) -> Any:
        return self.columns[name]

    def stack(self, *names: str) -> Float64s:
        """(N, len(names)) float64"""
        return np.stack([self.columns[name] for name in names], 1).astype(np.float64)

    def record(self, i: int) -> dict[str, Any]:
        """A row as the file has it."""
        return {name: values[i].item() if isinstance(values[i], np.generic) else values[i] for name, values in self.columns.items()}

    def said(self, names: Sequence[str], i: int) -> dict[str, Any]:
        """What a row says in these columns, of what JSON can hold; empty cells say nothing."""
        found = {}
        for name in names:
            value = self.columns[name][i]
            value = value.item() if isinstance(value, np.generic) else value.tolist() if isinstance(value, np.ndarray) else value
            if isinstance(value, (str, int, float, bool, list)) and not (isinstance(value, float) and not math.isfinite(value)):
                found[name] = value
        return found

    def members(self, *names: str) -> dict[tuple[Any, ...], Int64s]:
        """The rows of each object, which these columns tell together, in the order in which objects first come. LimitError for too many."""
        found: dict[tuple[Any, ...], list[int]] = {}
        for i, key in enumerate(zip(*(self.columns[name].tolist() for name in names))):
            found.setdefault(key, []).append(i)
        limits().check("tracks_per_scene", len(found), self.path)
        for key, rows in found.items():
            limits().check("keyframes_per_track", len(rows), self.path, f"object {key[0]}")
        return {key: np.array(rows) for key, rows in found.items()}

    def wrong(self, i: int, what: str = "", *, expected: str | None = None, got: str | None = None, field: str, hint: str = HINT) -> FormatError:
        return FormatError(what, expected=expected, got=got, path=self.path, offset=f"row {self.number[i]}", field=field, hint=hint)

    def set_aside(self, is_bad: Bools, wrong: Callable[[int], FormatError]) -> None:
        """Rows that fail a check, each with its own error; in strict reading the first one is raised."""
        if is_bad.any():
            for i in np.flatnonzero(is_bad).tolist():
                self.problems.keep(wrong(i), self.record(i))
            self.keep(~is_bad)

    def keep(self, is_good: Bools) -> None:
        self.columns = {name: values[is_good] for name, values in self.columns.items()}
        self.number = self.number[is_good]


def read_rows(
    path: Path,
    columns: Mapping[str, str],
    problems: Problems | None = None,
    *,
    load: Callable[[Path, int], Any] | None = None,
    dataset: str = "Argoverse 2",
) -> Rows:
    """A table with at least the named columns, of the kinds "i", "f" and "s". FormatError where one is missing or of another kind.

    load : (path, bytes of the file) -> the table; feather's where None

    A row with an empty cell or a number that is not finite in a named column is raised, or set aside where `problems` is lenient.
    """
    try:
        import pyarrow as pa
    except ImportError:
        raise ExtraMissing(f"reading {dataset} needs pyarrow", path=path, hint="pip install 'boxwright[io]'") from None
    problems = Problems(strict=True) if problems is None else problems
    size = checked_size(path)
    try:
        table = (load or _table)(path, size)
        for name in columns:
            if name not in table.column_names:
                raise FormatError("a column is missing", expected=name, got=", ".join(table.column_names)[:200] or "none", path=path, hint=HINT)
        _check_kinds(table, columns, path)
        _check_texts(table, columns, path)
        table, number = _whole_rows(table, columns, path, problems)
        rows = Rows({name: _values(table[name]) for name in table.column_names}, number, path, problems)
    except (pa.ArrowException, OSError, ValueError, KeyError, IndexError, TypeError, MemoryError) as error:
        if isinstance(error, BoxwrightError):
            raise
        raise FormatError(f"not a {'feather' if load is None else 'parquet'} table: {str(error)[:150]}", path=path, hint=HINT) from None
    for name in (name for name, kind in columns.items() if kind == "f"):
        rows.set_aside(
            ~np.isfinite(rows[name]),
            lambda i, name=name: rows.wrong(i, expected="finite numbers", got=str(rows[name][i]), field=name),  # type: ignore[misc]
        )
    return rows


def _values(column: Any) -> Any:
    """(N,) of a column; None where a cell of a column of texts or categories is empty. Arrow's own to_numpy imports pandas, where it is there, which
    takes longer than most tables, and gives an empty cell of categories the last category."""
    from pyarrow import types

    is_categories = types.is_dictionary(column.type)
    kind = column.type.value_type if is_categories else column.type
    if types.is_string(kind) or types.is_large_string(kind) or (is_categories and column.null_count):
        values = np.empty(len(column), object)
        values[:] = column.to_pylist()
        return values
    is_plain = (types.is_integer(column.type) or types.is_floating(column.type)) and not column.null_count
    return np.from_dlpack(column.combine_chunks()) if is_plain else column.to_numpy()


def _table(path: Path, size: int) -> Any:
    """All record batches as one table, put together a few at a time: each takes some kilobytes, even if it holds a single row."""
    import pyarrow as pa

    with pa.OSFile(str(path)) as file, pa.ipc.open_file(file) as reader:
        parts = [pa.Table.from_batches([], schema=reader.schema)]  # schema.empty_table() would import pandas, where it is there
        n_rows = n_bytes = 0
        for k in range(0, reader.num_record_batches, _BATCHES_AT_ONCE):
            batches = [reader.get_batch(i) for i in range(k, min(k + _BATCHES_AT_ONCE, reader.num_record_batches))]
            part = pa.Table.from_batches(batches)
            part.validate(full=True)
            n_rows += part.num_rows
            limits().check("points_per_frame", n_rows, path)
            limits().check_decompressed(n_bytes + part.nbytes, size, path)
            parts.append(part.combine_chunks() if len(batches) > 1 else part)
            n_bytes += parts[-1].nbytes
    return pa.concat_tables(parts)


def parquet_table(path: Path, size: int) -> Any:
    """All row groups as one table, once what they say they take is within the limits."""
    import pyarrow as pa
    from pyarrow import parquet

    most = min(max(16 * size, 1 << 16), 1 << 28)  # of the file's own description
    with parquet.ParquetFile(str(path), page_checksum_verification=True, thrift_string_size_limit=most, thrift_container_size_limit=most) as file:
        said = file.metadata
        limits().check("points_per_frame", said.num_rows, path)
        limits().check("json_items", said.num_row_groups * max(said.num_columns, 1), path)
        limits().check_decompressed(sum(said.row_group(k).total_byte_size for k in range(said.num_row_groups)), size, path)
        table = file.read(use_threads=False)
    table.validate(full=True)
    limits().check_decompressed(table.nbytes, size, path)
    return table if isinstance(table, pa.Table) else pa.table({})


def _check_kinds(table: Any, columns: Mapping[str, str], path: Path) -> None:
    """Before anything is converted: a column of another type could become a million Python objects."""
    from pyarrow import types

    for name, kind in columns.items():
        words, wanted = _KINDS[kind]
        found = table.schema.field(name).type
        if types.is_dictionary(found):
            found = found.value_type
        if not any(getattr(types, is_wanted)(found) for is_wanted in wanted):
            raise FormatError(expected=words, got=f"type {found}"[:100], path=path, field=name, hint=HINT)


def _check_texts(table: Any, columns: Mapping[str, str], path: Path) -> None:
    """LimitError where a name or an id is long, before it becomes a text of Python's."""
    import pyarrow.compute as pc

    for name in (name for name, kind in columns.items() if kind == "s"):
        lengths = [pc.utf8_length(chunk.dictionary if hasattr(chunk, "dictionary") else chunk) for chunk in table[name].chunks]
        limits().check("text_characters", max((pc.max(some).as_py() or 0 for some in lengths), default=0), path, name)


def _whole_rows(table: Any, columns: Mapping[str, str], path: Path, problems: Problems) -> tuple[Any, Int64s]:
    """(the table without rows that have an empty cell in a named column, their places in the file)"""
    is_empty = {name: table[name].is_null().to_numpy() for name in columns if table[name].null_count}
    if not is_empty:
        return table, np.arange(table.num_rows)
    bad = np.any(list(is_empty.values()), axis=0)
    for i in np.flatnonzero(bad).tolist():
        name = next(name for name in is_empty if is_empty[name][i])
        problems.keep(FormatError("an empty cell", path=path, offset=f"row {i}", field=name, hint=HINT), table.slice(i, 1).to_pylist()[0])
    return table.take(np.flatnonzero(~bad)), np.flatnonzero(~bad)
