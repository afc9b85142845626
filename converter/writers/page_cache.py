"""SQLite's page cache for repositories that are written.

Dataset ids are spread over their indexes at random, so each new row is on another page. With the 2 MiB that SQLite
keeps in memory if it is not asked for more, a repository of some hundred thousand datasets is read and written again
and again while it grows.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

CACHE_KIB = 64 * 1024

_roots: set[str] = set()


def enlarge(directory: Path) -> None:
    """Give every connection to a database in this directory, from now on, a larger cache.

    The Butler makes its connections itself and takes no settings for them; this is SQLAlchemy's way to reach them.
    Connections to other databases stay as they are.

    Parameters
    ----------
    directory
        Root of the repository.
    """
    if not event.contains(Engine, "connect", _set_cache):
        event.listen(Engine, "connect", _set_cache)
    _roots.add(os.path.realpath(directory))


def _set_cache(connection: Any, _record: Any) -> None:
    driver = getattr(connection, "driver_connection", connection)
    if not isinstance(driver, sqlite3.Connection):
        return
    files = [file for _, name, file in driver.execute("pragma database_list") if name == "main"]
    if files and files[0] and os.path.dirname(os.path.realpath(files[0])) in _roots:
        driver.execute(f"pragma cache_size = -{CACHE_KIB}")
