"""The same verbs over whole datasets: one machine full, then many.

planning.py    scenes as shards, each with a digest of its inputs
verbs.py       what is done with a scene, as rows of tables; windows.py: some frames of a long recording
tables.py      the columns of the tables, and their Parquet files
computing.py   one shard: what a worker is told, and what it sends back
engines.py     threads and processes; dask_engine.py: Dask
folder.py      the folder that survives a kill at any moment: lock, manifest, results
running.py     `batch`; report.py: what came of it
"""

from __future__ import annotations

from .progress import BatchProgress
from .report import BatchReport
from .running import batch

__all__ = ["BatchProgress", "BatchReport", "batch"]
