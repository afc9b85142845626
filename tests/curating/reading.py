"""What the Butler says of a repository, and what is on disk, as plain values."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from pathlib import Path
from typing import Any

from lsst.daf.butler import Butler

from converter.timespans import MAX_NS, MIN_NS

Ranges = dict[tuple[str, tuple[tuple[str, Any], ...]], list[tuple[int | None, int | None]]]

GENERIC = "lsst.obs.base.formatters.fitsGeneric.FitsGenericFormatter"


def plain(data_id: Any) -> tuple[tuple[str, Any], ...]:
    """Required values without the instrument."""
    return tuple(sorted((k, v) for k, v in dict(data_id.required).items() if k != "instrument"))


def ranges(repo: Path, collection: str, dataset_type: str) -> Ranges:
    """Ranges in TAI nanoseconds by RUN and data ID, `None` for unbounded."""
    found: Ranges = {}
    with Butler.from_config(str(repo), writeable=False) as butler:
        for a in butler.registry.queryDatasetAssociations(dataset_type, collections=[collection]):
            begin, end = a.timespan.nsec
            span = (None if begin <= MIN_NS else begin, None if end >= MAX_NS else end)
            found.setdefault((a.ref.run, plain(a.ref.dataId)), []).append(span)
    return {key: sorted(spans, key=str) for key, spans in found.items()}


def files(repo: Path, dataset_type: str, collections: str = "*") -> dict[Any, tuple[Path, str, str]]:
    """Stored path, formatter and dataset id of every dataset, by RUN and data ID."""
    found = {}
    with Butler.from_config(str(repo), writeable=False) as butler:
        runs = butler.collections.query(collections)
        with butler.query() as query:
            refs = list(query.datasets(dataset_type, runs, find_first=False))
        for _, data in butler._datastore.export_records(refs).items():
            records = {i: infos for i, tables in data.records.items() for infos in tables.values()}
            for ref in refs:
                (info,) = records[ref.id]
                path = Path(butler.getURI(ref).ospath)
                found[ref.run, plain(ref.dataId)] = (path, info.formatter, str(ref.id))
    return found


def chains(repo: Path) -> dict[str, tuple[str, ...]]:
    """Children of every CHAINED collection."""
    with Butler.from_config(str(repo), writeable=False) as butler:
        infos = butler.collections.query_info("*")
        return {i.name: i.children for i in infos if i.type.name == "CHAINED"}


def collections(repo: Path) -> dict[str, str]:
    """Type of every collection."""
    with Butler.from_config(str(repo), writeable=False) as butler:
        return {i.name: i.type.name for i in butler.collections.query_info("*")}


def registry(repo: Path) -> list[str]:
    """The whole content of the registry."""
    with sqlite3.connect(repo / "gen3.sqlite3") as db:
        return list(db.iterdump())


def ledger(repo: Path, query: str) -> list[tuple[Any, ...]]:
    """Rows of the ledger."""
    with sqlite3.connect(repo / "gen2to3.sqlite3") as db:
        return db.execute(query).fetchall()


def tree(root: Path) -> dict[str, tuple[Any, ...]]:
    """Every file and link below a directory, with content and times."""
    found: dict[str, tuple[Any, ...]] = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = ("link", os.readlink(path))
        elif path.is_file():
            status = path.stat()
            found[name] = (hashlib.sha256(path.read_bytes()).hexdigest(), status.st_mtime_ns, status.st_mode)
        else:
            found[name] = ("other",)
    return found
