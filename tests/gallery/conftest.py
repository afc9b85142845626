"""Made-up repositories are not precious: waiting for the disk would take most of the time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lsst.daf.butler import Butler
from sqlalchemy import event
from sqlalchemy.engine import Engine


@pytest.fixture(scope="session")
def empty_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Butler repository as made by the first conversion into it, to be copied: making one takes long."""
    path = tmp_path_factory.mktemp("empty") / "repo"
    Butler.makeRepo(str(path))
    return path


@pytest.fixture(scope="session", autouse=True)
def careless_sqlite() -> Iterator[None]:
    def relax(connection: Any, record: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous = OFF")

    event.listen(Engine, "connect", relax)
    yield
    event.remove(Engine, "connect", relax)
