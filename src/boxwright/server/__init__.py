"""The team server: HTTP in front of a project. It parses, calls a verb of the store or of the core, and answers; nothing is decided here but who asks
and how much. docs/server.md tells the API, SECURITY.md what is promised.

    settings.py   what it was told at its start
    gate.py       what every request must pass before anything looks at it: Host, Origin, token, rates, sizes
    rights.py     what a route asks for, and the one function that looks: role, object, If-Match, body
    answers.py    one shape for every error
    strict.py     JSON that means what it says
    sessions.py   tokens, the one-time code of the start, failed attempts
    warming.py    kernels compiled in the background
    recordings.py files opened beneath declared roots, pictures decoded in a process of their own
    project_routes.py label_routes.py history_routes.py sensor_routes.py geometry_routes.py job_routes.py work_routes.py feed.py   the routes
    app.py        all of it put together
    running.py    addresses, TLS, and the process
"""

from __future__ import annotations

from ..errors import ExtraMissing

try:
    import fastapi  # noqa: F401
    import uvicorn  # noqa: F401
except ModuleNotFoundError:
    raise ExtraMissing("a server needs FastAPI and uvicorn", hint="pip install 'boxwright[serve]'") from None

from .app import create_app
from .running import Server
from .settings import Settings

__all__ = ["Server", "Settings", "create_app"]
