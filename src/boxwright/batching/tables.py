"""The tables that a batch writes: their columns, and their rows as Parquet, the same bytes for the same rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..cuboids import Cuboids, table_library
from ..errors import ExtraMissing

__all__ = ["TABLES", "check_library", "cuboid_columns", "named", "parquet_bytes", "schema", "texts"]

_WHERE = {"frame_index": "int32", "timestamp_ns": "int64"}
_WHOSE = {"track_id": "string", "category": "string"}
_CUBOID = {
    **{f"center_{axis}_m": "double" for axis in "xyz"},
    **dict.fromkeys(("length_m", "width_m", "height_m", "yaw_rad"), "double"),
    **{f"quat_{axis}": "double" for axis in "wxyz"},
    "frame": "string",
}
_SIDES = ("left", "top", "right", "bottom")
_FIGURES = ("precision", "recall", "f1", "iou", "ate_m", "ase", "aoe_rad", "ave_mps", "aae", "hota", "mota", "idf1")

TABLES: Mapping[str, Mapping[str, str]] = {
    "scenes": {
        "first_frame": "int32",
        "n_frames": "int32",
        "n_tracks": "int32",
        "n_picture_tracks": "int32",
        "n_problems": "int32",
        "label_frame": "string",
        "has_time": "bool",
        "format": "string",
        "notes": "list<string>",
    },
    "labels": {**_WHERE, "frame_id": "string", **_WHOSE, "state": "string", "visibility": "string", **_CUBOID},
    "picture_labels": {
        **_WHERE,
        "camera": "string",
        **_WHOSE,
        "state": "string",
        "visibility": "string",
        **{f"{side}_px": "double" for side in _SIDES},
    },
    "counts": {**_WHERE, "sensor": "string", **_WHOSE, "n_points": "int64"},
    "boxes": {
        **_WHERE,
        "camera": "string",
        **_WHOSE,
        "visibility": "string",
        **{f"{side}_px": "double" for side in _SIDES},
        **{f"whole_{side}_px": "double" for side in _SIDES},
        "truncation": "double",
    },
    "findings": {
        **dict.fromkeys(("finding_id", "rule", "severity"), "string"),
        **dict.fromkeys(("frame_index", "last_frame_index", "worst_frame_index"), "int32"),
        "timestamp_ns": "int64",
        **dict.fromkeys(("track_ids", "categories", "sensor"), "string"),
        **dict.fromkeys(("value", "threshold"), "double"),
        **dict.fromkeys(("unit", "message", "suggestion", "label_digest"), "string"),
    },
    "fits": {
        **_WHERE,
        **_WHOSE,
        "is_fitted": "bool",
        **_CUBOID,
        "moved_m": "double",
        **{f"sigma_{axis}_m": "double" for axis in "xyz"},
        **dict.fromkeys(("sigma_length_m", "sigma_width_m", "sigma_height_m", "sigma_yaw_rad"), "double"),
        "observed_faces": "string",
        "flags": "string",
    },
    "scores": {
        **dict.fromkeys(("gold", "annotator", "category"), "string"),
        **dict.fromkeys(("n_objects", "n_gold", "n_labels", "n_matched"), "int64"),
        **dict.fromkeys(_FIGURES, "double"),
    },
    "label_errors": {
        "kind": "string",
        **_WHERE,
        "gold_track_id": "string",
        **_WHOSE,
        **dict.fromkeys(("original", "corrected"), "string"),
        "off_by": "double",
        "unit": "string",
        "name": "string",
    },
    "certificates": {
        **dict.fromkeys(("format", "read_with"), "string"),
        "holds": "bool",
        "category": "string",
        **dict.fromkeys(("n_given", "n_lost"), "int64"),
        **dict.fromkeys(("corner_m", "iou", "heading_rad"), "double"),
        "time_error_ns": "int64",
        "reasons": "list<string>",
        "lost": "list<string>",
    },
    "conversions": {
        **dict.fromkeys(("format", "folder"), "string"),
        **dict.fromkeys(("n_frames", "n_tracks", "n_labels"), "int64"),
        **dict.fromkeys(("tolerance_m", "tolerance_rad", "tolerance_px"), "double"),
        **dict.fromkeys(("dropped", "rounded", "missing", "notes"), "list<string>"),
    },
    "errors": {"shard": "string", "frame_index": "int32", "verb": "string", "code": "string", "message": "string"},
}
"""table -> column -> type, beside `scene`, the first column of each"""


def check_library() -> None:
    """ExtraMissing where Parquet cannot be written."""
    try:
        table_library("pyarrow")
    except ExtraMissing:
        raise ExtraMissing("pyarrow is not installed, so no Parquet can be written", hint="pip install 'boxwright[batch]'") from None


def schema(table: str) -> Any:
    """The pyarrow.Schema of a table."""
    arrow = table_library("pyarrow")
    kinds = {
        "string": arrow.string(),
        "int32": arrow.int32(),
        "int64": arrow.int64(),
        "double": arrow.float64(),
        "bool": arrow.bool_(),
        "list<string>": arrow.list_(arrow.string()),
    }
    return arrow.schema([("scene", kinds["string"]), *((name, kinds[kind]) for name, kind in TABLES[table].items())])


def texts(index: Any, names: Sequence[str]) -> Any:
    """names[index], as a column of texts."""
    arrow = table_library("pyarrow")
    return arrow.DictionaryArray.from_arrays(arrow.array(index, arrow.int32()), arrow.array(list(names), arrow.string())).dictionary_decode()


def named(kind: Any, codes: Any) -> Any:
    """The names of codes of an IntEnum, in small letters, as a column of texts."""
    return texts(np.asarray(codes, np.int32), [kind(code).name.lower() if code in list(kind) else "" for code in range(max(kind) + 1)])


def cuboid_columns(cuboids: Cuboids) -> dict[str, Any]:
    """The columns of cuboids."""
    columns = cuboids.columns()
    columns["frame"] = texts(np.zeros(len(cuboids), np.int32), [cuboids.frame or ""])
    return columns


def parquet_bytes(table: str, parts: Sequence[tuple[str, Mapping[str, Any]]]) -> tuple[bytes, int]:
    """A table's file from its parts, one after the other, each a scene's name and columns; and how many rows it has.

    The bytes depend on the rows and on the version of pyarrow alone.
    """
    arrow = table_library("pyarrow")
    import pyarrow.parquet as parquet

    wanted = schema(table)
    made = []
    for scene, part in parts:
        columns = {name: part[name] for name in TABLES[table]}
        n = len(next(iter(columns.values())))
        made.append(arrow.table([texts(np.zeros(n, np.int32), [scene]), *(_column(value) for value in columns.values())], wanted.names).cast(wanted))
    rows = arrow.concat_tables(made).combine_chunks() if made else wanted.empty_table()
    sink = arrow.BufferOutputStream()
    spelled = [name for name, kind in TABLES[table].items() if kind == "string"]
    parquet.write_table(rows, sink, compression="zstd", use_dictionary=["scene", *spelled], write_statistics=True)
    return sink.getvalue().to_pybytes(), rows.num_rows


def _column(value: Any) -> Any:
    """A column as arrow takes it: an empty list has no type of its own."""
    arrow = table_library("pyarrow")
    if isinstance(value, np.ndarray):
        return arrow.array(np.ascontiguousarray(value))
    return value if isinstance(value, (arrow.Array, arrow.ChunkedArray)) else arrow.array(list(value))
