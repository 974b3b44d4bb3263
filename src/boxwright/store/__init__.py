"""The project: scenes with their labels as they are now, and an append-only log of all that was done to them, in SQLite or PostgreSQL.

A request is one transaction: found again by its `op_id`, done as a whole, on disk when it is acknowledged. Everything that somebody may change by
itself has a revision, and an edit that stands on an older one is refused. docs/store.md tells what is promised, and the form of the log.
"""

from __future__ import annotations

from ..errors import ExtraMissing

try:
    import sqlalchemy  # noqa: F401
except ModuleNotFoundError:
    raise ExtraMissing("a project needs SQLAlchemy", hint="pip install 'boxwright[serve]'") from None

from .accounts import Account, Accounts, Token
from .backups import backup, restore_backup
from .checking import Damage, Report, fsck
from .edits import Edits
from .entities import Entity
from .history import Blame
from .opening import create_project, open_project
from .project import Project
from .recorded import Source
from .stored import StoredScene, StoredTrack
from .transactions import Commit

__all__ = [
    "Account",
    "Accounts",
    "Blame",
    "Commit",
    "Damage",
    "Edits",
    "Entity",
    "Project",
    "Report",
    "Source",
    "StoredScene",
    "StoredTrack",
    "Token",
    "backup",
    "create_project",
    "fsck",
    "open_project",
    "restore_backup",
]
