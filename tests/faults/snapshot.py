"""All that a repository holds, read row by row, without what differs between two equal conversions.

Numbers that SQLite gave are replaced by the names they stand for, and the times of writing are left out.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from converter.ledger import FILE_NAME

REGISTRY = "gen3.sqlite3"
_JOURNALS = {f"{REGISTRY}-journal", f"{FILE_NAME}-journal"}
"""What SQLite leaves behind after a kill before anything was changed; void, and gone with the next write."""

_COLLECTIONS = {"collection_id", "run_id", "parent", "child"}
_LEFT_OUT = {"ingest_date", "collection.collection_id", "dataset_type.id"}


def snapshot(root: Path) -> dict[str, Any]:
    """Every table of the registry (datastore records are in it), and every file; for comparison."""
    return {**_tables(root / REGISTRY), **_files(root)}


def _tables(path: Path) -> dict[str, Any]:
    with closing(sqlite3.connect(path)) as db:
        names = [r[0] for r in db.execute("select name from sqlite_master where type = 'table'")]
        collections = dict(db.execute("select collection_id, name from collection"))
        types = dict(db.execute("select id, name from dataset_type"))
        return {name: _rows(db, name, collections, types) for name in names if not name.startswith("sqlite_")}


def _rows(
    db: sqlite3.Connection, table: str, collections: dict[int, str], types: dict[int, str]
) -> list[str]:
    cursor = db.execute(f'select * from "{table}"')  # noqa: S608
    columns = [c[0] for c in cursor.description]
    rows = []
    for row in cursor:
        shown = []
        for column, value in zip(columns, row, strict=True):
            if {column, f"{table}.{column}"} & _LEFT_OUT or (
                table.startswith("dataset_calibs") and column == "id"
            ):
                continue
            if column in _COLLECTIONS:
                value = collections[value]
            elif column == "dataset_type_id":
                value = types[value]
            shown.append(f"{column}={value!r}")
        rows.append(" ".join(shown))
    return sorted(rows)


def _files(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for directory, names, leaves in os.walk(root):
        for name in (*names, *leaves):
            path = Path(directory) / name
            key = str(path.relative_to(root))
            status = path.lstat()
            if key in _JOURNALS:
                continue
            if path.is_symlink():
                found[key] = ("link", os.readlink(path))
            elif path.is_dir():
                found[key] = ("directory",)
            elif key in (REGISTRY, FILE_NAME):
                found[key] = ("database",)
            else:
                # A hard link is the same file as before, not only the same content.
                inode = status.st_ino if status.st_nlink > 1 else None
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                found[key] = (status.st_size, digest, inode)
    return found


def difference(expected: dict[str, Any], found: dict[str, Any]) -> str:
    """The first few things that are not the same, "" if all are."""
    wrong = []
    for name in sorted(expected.keys() | found.keys()):
        one, other = expected.get(name), found.get(name)
        if one == other:
            continue
        if isinstance(one, list) and isinstance(other, list):
            lost, new = sorted(set(one) - set(other)), sorted(set(other) - set(one))
            wrong.append(f"{name}: {len(lost)} lost, {len(new)} more: {lost[:2]} {new[:2]}")
        else:
            wrong.append(f"{name}: {str(one)[:200]} expected, found {str(other)[:200]}")
    return "; ".join(wrong[:5])


def foreign(root: Path) -> frozenset[str]:
    """Datasets that the ledger of a repository does not know."""
    with closing(sqlite3.connect(root / REGISTRY)) as db:
        ids = _ids(db, "select id from dataset")
    if not (root / FILE_NAME).exists():
        return frozenset(ids)
    with closing(sqlite3.connect(root / FILE_NAME)) as db:
        return frozenset(ids - _ids(db, "select dataset_id from items where dataset_id not null"))


def _ids(db: sqlite3.Connection, query: str) -> set[str]:
    return {row[0].replace("-", "") for row in db.execute(query)}


def contradictions(root: Path, others: frozenset[str] = frozenset()) -> list[str]:
    """Files without records, records without files, and where ledger and registry disagree.

    Parameters
    ----------
    root
        The repository.
    others
        Datasets that the ledger need not know.
    """
    wrong: list[str] = []
    with closing(sqlite3.connect(root / REGISTRY)) as db:
        recorded = {unquote(r[0]) for r in db.execute("select path from file_datastore_records")}
        ids = _ids(db, "select id from dataset")
        stored = _ids(db, "select dataset_id from file_datastore_records")
        collections = {r[0] for r in db.execute("select name from collection")}
        trash = db.execute("select count(*) from dataset_location_trash").fetchone()[0]
    there = {str((Path(d) / n).relative_to(root)) for d, _, leaves in os.walk(root) for n in leaves} - {
        "butler.yaml",
        REGISTRY,
        FILE_NAME,
        *_JOURNALS,
    }
    wrong += [f"file without record: {path}" for path in sorted(there - recorded)]
    wrong += [f"record without file: {path}" for path in sorted(recorded) if not (root / path).exists()]
    wrong += [f"dataset without file: {id_}" for id_ in sorted(ids - stored)]
    wrong += [f"{trash} files in the trash"] if trash else []
    return wrong + _of_ledger(root / FILE_NAME, ids, others, collections)


def _of_ledger(path: Path, ids: set[str], others: frozenset[str], collections: set[str]) -> list[str]:
    if not path.exists():
        return ["no ledger"]
    wrong = []
    with closing(sqlite3.connect(path)) as db:
        for table in ("items", "collections", "intents"):
            (number,) = db.execute(f"select count(*) from {table} where state = 'planned'").fetchone()  # noqa: S608
            wrong += [f"{number} planned rows in {table}"] if number else []
        done = [
            r[0].replace("-", "")
            for r in db.execute("select dataset_id from items where state = 'done' and dataset_id not null")
        ]
        made = {r[0] for r in db.execute("select name from collections where state = 'done'")}
    wrong += [f"done, and not in the registry: {id_}" for id_ in sorted(set(done) - ids)]
    wrong += [f"in the registry, and not done: {id_}" for id_ in sorted(ids - others - set(done))]
    wrong += ["done twice"] if len(set(done)) != len(done) else []
    wrong += [f"made, and not in the registry: {name}" for name in sorted(made - collections)]
    return wrong
