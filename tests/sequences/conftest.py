"""Made-up repositories are not precious: waiting for the disk would take most of the time."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsst.daf.butler import Butler

from tests.gallery.conftest import careless_sqlite  # noqa: F401


@pytest.fixture(scope="session")
def empty_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Butler repository of which nobody has written anything; making one takes long."""
    path = tmp_path_factory.mktemp("empty") / "repo"
    Butler.makeRepo(str(path))
    Butler.from_config(str(path), writeable=True).close()
    return path
