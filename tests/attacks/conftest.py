"""One server for all attacks, with accounts of every role."""

from __future__ import annotations

import pytest

from serving import served


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    with served(tmp_path_factory.mktemp("attacked"), has_docs=True) as made:
        made.project.accounts.add("spare")
        made.project.import_scene(made.folder / "recording", name="tuesday")
        yield made
