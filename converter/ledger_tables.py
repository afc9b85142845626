"""Tables of the ledger, made at the first write and completed in older files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
    if "intents" in there:
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
