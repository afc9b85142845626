"""Tables of the ledger, made at the first write and completed in older files."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlite_utils

KEY = [("conversion", "conversions", "id")]

TABLES: dict[str, dict[str, Any]] = {
    "conversions": {
        "id": int,
        "command": str,
        "recipe": str,
        "versions": str,
        "started_utc": str,
        "finished_utc": str,
        "counts": str,
        "undone_by": int,
    },
    "items": {
        "conversion": int,
        "source": str,
        "key": str,
        "file": str,
        "size": int,
        "mtime_ns": int,
        "sha256": str,
        "dataset_id": str,
        "dataset": str,
        "validity": str,
        "state": str,
        "reason": str,
    },
    "decisions": {
        "conversion": int,
        "rule": str,
        "item": str,
        "before": str,
        "after": str,
        "why": str,
        "dataset_type": str,
        "changes": str,
    },
    "collections": {
        "conversion": int,
        "name": str,
        "type": str,
        "before": str,
        "after": str,
        "state": str,
    },
    "intents": {
        "conversion": int,
        "kind": str,
        "instrument": str,
        "collection": str,
        "dataset_type": str,
        "begin_ns": int,
        "end_ns": int,
        "datasets": str,
        "state": str,
    },
    "verifications": {
        "conversion": int,
        "recipe": str,
        "fingerprint": str,
        "result": str,
        "recorded_utc": str,
    },
    "moves": {
        "conversion": int,
        "file": str,
        "size": int,
        "mtime_ns": int,
        "sha256": str,
        "stored": str,
        "deleted_utc": str,
    },
}

# What was planned and not yet settled is looked for at every start.
PLANNED = "create index if not exists items_planned on items (conversion) where state = 'planned'"


def open_database(path: Path) -> sqlite_utils.Database:
    """Open a ledger; what it lacks is made.

    Parameters
    ----------
    path
        The SQLite file.
    """
    db = sqlite_utils.Database(path)
    there = set(db.table_names())
    if there >= TABLES.keys():
        return db
    # All tables or none, and one wait for the disk.
    db.execute("BEGIN IMMEDIATE")
    for name, columns in TABLES.items():
        if name not in there:
            keys = {"pk": "id"} if name == "conversions" else {"foreign_keys": KEY}
            db[name].create(columns, **keys)
            continue
        for column in columns.keys() - db[name].columns_dict.keys():
            db[name].add_column(column, columns[column])
    db.execute(PLANNED)
    # Collections were recorded when they were about to be made.
    db.execute("update collections set state = 'done' where state is null")
    db.conn.commit()
    return db


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a ledger to read: it is neither made nor completed, and nothing is written.

    Parameters
    ----------
    path
        The SQLite file.

    Notes
    -----
    Where a process was killed in the middle of a transaction, SQLite first
    has to roll back what that left half written.
    """
    with closing(_connect(path, "ro")) as db:
        try:
            db.execute("select 1 from sqlite_master").fetchone()
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode != sqlite3.SQLITE_READONLY_ROLLBACK:
                raise
        else:
            yield db
            return
    with closing(_connect(path, "rw")) as db:
        yield db


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode={mode}", uri=True)
