"""All of a repository that undoing has to restore, read with the stock Butler."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from pathlib import Path
from typing import Any

from lsst.daf.butler import Butler, CollectionType

from converter.ledger import FILE_NAME, Ledger


def dump(root: Path) -> dict[str, Any]:
    """Collections, chains, datasets, ranges, tags, datastore records and files."""
    with Butler.from_config(str(root)) as butler:
        infos = butler.collections.query_info("*")
        datasets, ranges = [], []
        types = sorted(t.name for t in butler.registry.queryDatasetTypes())
        runs = [i.name for i in infos if i.type is CollectionType.RUN]
        for ref in butler.query_all_datasets(runs, find_first=False, limit=None) if runs else ():
            datasets.append(
                (ref.datasetType.name, ref.run, str(ref.dataId), str(ref.id), ref.id in _stored(butler, ref))
            )
        others = [i.name for i in infos if i.type in (CollectionType.CALIBRATION, CollectionType.TAGGED)]
        for name in types if others else ():
            for row in butler.registry.queryDatasetAssociations(name, others):
                span = None if row.timespan is None else row.timespan.nsec
                ranges.append((row.collection, name, str(row.ref.id), span))
        collections = {i.name: (i.type.name, tuple(i.children)) for i in infos}
    return {
        "collections": collections,
        "datasets": sorted(datasets),
        "ranges": sorted(ranges),
        "records": records(root),
        "files": files(root),
    }


def _stored(butler: Butler, ref: Any) -> set[Any]:
    return {ref.id} if butler.stored(ref) else set()


def records(root: Path) -> list[tuple[Any, ...]]:
    """What the datastore has recorded, and what waits in its trash."""
    with sqlite3.connect(root / "gen3.sqlite3") as db:
        rows = db.execute("select hex(dataset_id), path, formatter from file_datastore_records").fetchall()
        rows += db.execute("select hex(dataset_id), 'location', '' from dataset_location").fetchall()
        rows += db.execute("select hex(dataset_id), 'trash', '' from dataset_location_trash").fetchall()
    return sorted(rows)


def files(root: Path) -> dict[str, str]:
    """Digest of every file but registry, configuration and ledger; directories too."""
    found: dict[str, str] = {}
    for directory, names, leaves in os.walk(root):
        for name in (*names, *leaves):
            path = Path(directory) / name
            # SQLite leaves a void journal after a kill, until the next write.
            if path.parent == root and name.removesuffix("-journal") in (
                "butler.yaml",
                "gen3.sqlite3",
                FILE_NAME,
            ):
                continue
            text = "directory" if path.is_dir() else hashlib.sha256(path.read_bytes()).hexdigest()
            found[str(path.relative_to(root))] = text
    return found


def tree(root: Path) -> dict[str, tuple[str, int]]:
    """Content and modification time of a source."""
    return {
        str(p.relative_to(root)): (hashlib.sha256(p.read_bytes()).hexdigest(), p.stat().st_mtime_ns)
        for p in sorted(root.rglob("*"))
        if p.is_file()
    }


def check_ledger(root: Path) -> None:
    """Ledger and registry do not contradict each other."""
    book = Ledger(root / FILE_NAME)
    db = book.database()
    for table in ("items", "collections", "intents"):
        assert db[table].count_where("state = 'planned'") == 0, table
    done = {
        r[0] for r in db.execute("select dataset_id from items where state = 'done' and dataset_id not null")
    }
    named = {
        r[0] for r in db.execute("select dataset from items where state = 'done' and dataset_id is null")
    }
    with Butler.from_config(str(root)) as butler:
        runs = butler.collections.query("*", collection_types=CollectionType.RUN)
        refs = butler.query_all_datasets(sorted(runs), find_first=False, limit=None) if runs else []
        there = {str(ref.id) for ref in refs}
        collections = {i.name for i in butler.collections.query_info("*")}
    assert done <= there
    assert there <= done or named, there - done
    made = {r[0] for r in db.execute("select name from collections where state = 'done'")}
    assert made <= collections
