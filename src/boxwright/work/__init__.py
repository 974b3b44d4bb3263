"""Work in a project: who does what, how far it is, what was said of it, and what it was worth.

Everything is kept in the project's log (store/); docs/work.md tells how it goes together.
"""

from __future__ import annotations

from .effort import Effort
from .face import Work
from .views import Guideline, KeptFinding, Member, Task, WorkVerdict

__all__ = ["Effort", "Guideline", "KeptFinding", "Member", "Task", "Work", "WorkVerdict"]
