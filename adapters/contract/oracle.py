"""The Gen2 calibration lookup by brute force: the SQL itself, on SQLite files.

One statement per question and root, with bound parameters, as Gen2's registry
class built it. Nothing is shared with `adapters.gen2.lookup`.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from adapters.camera import Calibration, Camera, TimeColumn


class Truth(NamedTuple):
    """What Gen2 would have answered; see `adapters.gen2.lookup.Gen2Answer`."""

    status: str
    path: str | None = None
    hdu: int | None = None


def write_registry(
    path: Path, tables: Mapping[str, tuple[Mapping[str, str], Iterable[Sequence[Any]]]]
) -> None:
    """Write tables (columns with their declared types, rows) to a new SQLite file."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode=OFF")
        db.execute("PRAGMA synchronous=OFF")
        for name, (columns, rows) in tables.items():
            declared = ", ".join(f"{quoted(c)} {kind}" for c, kind in columns.items())
            db.execute(f"CREATE TABLE {quoted(name)} ({declared})")
            marks = ", ".join("?" * len(columns))
            db.executemany(f"INSERT INTO {quoted(name)} VALUES ({marks})", rows)  # noqa: S608
        db.commit()


def quoted(name: str) -> str:
    """A table or column name as SQL."""
    # Not double quotes: SQLite takes an unknown name in those for a text.
    return f"[{name}]"


def query(
    db: sqlite3.Connection,
    table: str,
    select: Sequence[str],
    where: Mapping[str, Any],
    time: Any = ...,
    datetimes: bool = False,
) -> list[tuple[Any, ...]]:
    """Ask for the distinct values of some columns, at a time if one is given, compared as text or as instants."""
    conditions = [f"({quoted(k)} = ?)" for k in where]
    values = list(where.values())
    if time is not ...:
        instants = "(DATETIME(?) BETWEEN DATETIME([validStart]) AND DATETIME([validEnd]))"
        conditions.append(instants if datetimes else "(? BETWEEN [validStart] AND [validEnd])")
        values.append(time)
    sql = f"SELECT DISTINCT {', '.join(map(quoted, select))} FROM {quoted(table)}"  # noqa: S608
    if conditions:
        sql += " WHERE " + " AND ".join(conditions)
    return db.execute(sql, values).fetchall()


def existing(root: Path, relative: str) -> str | None:
    """The file at a path below a root, or its compressed variant."""
    for suffix in ("", ".gz", ".fz"):
        if os.path.isfile(path := f"{root}/{relative}{suffix}"):
            return path
    return None


def truth(
    camera: Camera,
    calibration: Calibration,
    raw: sqlite3.Connection,
    roots: Sequence[tuple[Path, sqlite3.Connection]],
    row: Mapping[str, Any],
) -> Truth:
    """Answer for one observation, following the Gen2 code step by step."""
    try:
        return _try(camera, calibration, raw, roots, row)
    except (sqlite3.OperationalError, RuntimeError, KeyError, TypeError, ValueError):
        return Truth("error")


def _try(
    camera: Camera,
    calibration: Calibration,
    raw: sqlite3.Connection,
    roots: Sequence[tuple[Path, sqlite3.Connection]],
    row: Mapping[str, Any],
) -> Truth:
    how = calibration.lookup
    time = how.time or camera.raw.time
    start = {k: row[k] for k in camera.raw.keys if k in row}
    properties = re.findall(r"%\((.*?)\)", calibration.template)
    ambiguous = False
    for root, registry in roots:
        data_id = dict(start)
        need = [k for k in dict.fromkeys(properties) if k not in data_id]
        lookups = _lookup(how, calibration.lookup_table, time, need, data_id, raw, registry) if need else [()]
        if len(lookups) != 1:
            ambiguous |= len(lookups) > 1
            continue
        data_id.update(zip(need, lookups[0], strict=True))
        path = calibration.template % data_id
        hdu = None
        if path.endswith("]"):
            path, _, text = path[:-1].rpartition("[")
            hdu = int(text)
        found = existing(root, path)
        if found is not None:
            return Truth("one", found, hdu)
    return Truth("ambiguous" if ambiguous else "none")


def _lookup(
    how: Any,
    table: str,
    time: TimeColumn,
    need: list[str],
    data_id: Mapping[str, Any],
    raw: sqlite3.Connection,
    registry: sqlite3.Connection,
) -> list[tuple[Any, ...]]:
    new_id = dict(data_id)
    if how.reference is not None:
        columns = sorted(set(how.columns) - set(data_id)) if how.columns is not None else list(need)
        if columns:
            where = {k: v for k, v in data_id.items() if how.ref_columns is None or k in how.ref_columns}
            lookups = query(raw, how.reference, columns, where)
            if len(lookups) != 1:
                raise RuntimeError("no unique lookup in the reference registry")
            if set(columns) == set(need):
                return [tuple(lookups[0][columns.index(k)] for k in need)]
            new_id.update(zip(columns, lookups[0], strict=True))
    where = {
        k: v
        for k, v in new_id.items()
        if k != time.name and k not in ("tract", "patch") and (how.columns is None or k in how.columns)
    }
    asked = new_id[time.name] if how.valid_range else ...
    return query(registry, table, need, where, asked, time.kind == "datetime")
