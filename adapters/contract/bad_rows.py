"""Faults planted in a copy of a generated repository, and what is to become of them."""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from converter.nouns import DataId, Reject

from .conversion import Dataset, expected
from .oracle import quoted
from .repository import Repository, Row, connect

VALIDITY = "an unparsable validity"
DETECTOR = "an unknown detector"
FILE = "a missing file"

_REASONS = {VALIDITY: "soon", DETECTOR: "unknown detector", FILE: "file not found"}


@dataclass
class Planted:
    """What was planted.

    Parameters
    ----------
    faults
        The kind of fault by the row that has it, as a reject names it.
    good
        Rows (of raws and masters) that were left as they were.
    bad
        Files that only rows without a readable validity name.
    unclaimed
        Dataset types, data IDs and files for which Gen2 can have read no
        validity: such rows alone name them, though others may name the file.
    """

    faults: dict[str, str] = field(default_factory=dict)
    good: list[Row] = field(default_factory=list)
    bad: set[str] = field(default_factory=set)
    unclaimed: set[tuple[str, DataId, str]] = field(default_factory=set)

    def kinds(self) -> set[str]:
        """Kinds of faults that there are."""
        return set(self.faults.values())

    def unnoticed(self, rejects: Sequence[Reject]) -> Iterator[str]:
        """Faults that no reject names with its reason."""
        for item, kind in self.faults.items():
            if not any(r.item == item and _REASONS[kind] in r.reason for r in rejects):
                yield f"{item} has {kind}, and no reject says so"

    def innocent(self, rejects: Sequence[Reject]) -> Iterator[str]:
        """Rejects of rows without a fault."""
        good = {str(row) for row in self.good}
        for reject in rejects:
            if reject.item in good:
                yield f"{reject.item} is in order, but was rejected: {reject.reason}"

    def believed(self, datasets: Iterable[Dataset]) -> Iterator[str]:
        """Datasets that were written or certified although their rows have no readable validity."""
        for d in datasets:
            if d.path in self.bad:
                yield f"{d} was written although it has no readable validity"
            elif d.ranges and (d.dataset_type, d.data_id, d.path) in self.unclaimed:
                yield f"{d} was certified although it has no readable validity"


def plant(repository: Repository) -> Planted:
    """Plant one fault of each kind in every table that has rows enough, leaving some in order.

    Parameters
    ----------
    repository
        The copy to be spoiled; its registries are changed through sqlite3.
    """
    result = Planted()
    gone: set[str] = set()
    spoiled: set[str] = set()
    rows = [*repository.raw_rows(), *repository.master_rows()]
    tables: dict[tuple[Any, str], dict[int, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        tables[row.database, row.table][row.number].append(row)
    for (_, table), numbered in tables.items():
        todo = list(numbered.values())
        if _is_looked_up_here(todo) and len(todo) > 1:
            row = todo.pop(0)[0]
            _set(row, {"validStart": "soon", "validEnd": "soon"})
            result.faults[str(row)] = VALIDITY
            spoiled.add(str(row))
        if len(todo) > 1:
            same = todo.pop(0)
            _make_detector_unknown(repository, same, shared=_paths(todo))
            result.faults[str(same[0])] = DETECTOR
            spoiled.add(str(same[0]))
        path = _file_to_remove(todo, rows, spoiled, table)
        if path is not None:
            os.unlink(path)
            gone.add(path)
            result.faults |= {str(row): FILE for row in rows if row.path == path}
    unreadable = [row for row in rows if result.faults.get(str(row)) == VALIDITY]
    others = [row for row in rows if result.faults.get(str(row)) != VALIDITY]
    result.bad = {row.path for row in unreadable} - {row.path for row in others}
    result.unclaimed = {
        (*expected(repository, row), row.path) for row in unreadable if _compares_detector(row)
    } - {(*expected(repository, row), row.path) for row in others}
    result.good = [row for row in rows if str(row) not in result.faults and row.path not in gone]
    return result


def _is_looked_up_here(rows: Sequence[Sequence[Row]]) -> bool:
    """Whether the ranges of a table are those of its masters, and not another table's."""
    types = [row.calibration for same in rows for row in same]
    return all(c is not None and c.lookup_table == c.table for c in types)


def _compares_detector(row: Row) -> bool:
    """Whether the lookup would not have taken the range of another detector's row of the same file."""
    c = row.calibration
    return c is not None and (c.lookup.columns is None or c.detector in c.lookup.columns)


def _file_to_remove(
    todo: Sequence[Sequence[Row]], rows: Sequence[Row], spoiled: set[str], table: str
) -> str | None:
    """Find a file that only sound rows of this table name, and not all of them."""
    for same in todo:
        path = same[0].path
        users = {str(row): row for row in rows if row.path == path}
        only_here = all(row.table == table for row in users.values())
        if len(same) == 1 and only_here and not users.keys() & spoiled and len(users) < len(todo):
            return path
    return None


def _make_detector_unknown(repository: Repository, same: Sequence[Row], shared: set[str]) -> None:
    """Give a row a detector that there is not, and move its files to where their paths then lead."""
    camera = repository.camera
    known = {d.id for d in camera.instrument.detectors}
    # Numbers above the highest detector may be guide chips, which are no mistake.
    number = 0 if camera.raw.extensions is not None and 0 not in known else max(known) + 500
    changes: dict[str, Any] = {}
    for row in same:
        c = row.calibration
        changes |= {camera.raw.detector: number} if c is None else {c.detector: number - c.detector_offset}
    _set(same[0], changes)
    for row in same:
        before = f"{row.root}/{row.template.format(row.values)}"
        after = f"{row.root}/{row.template.format({**row.values, **changes})}"
        if before != after:
            after += row.path.removeprefix(before)
            os.makedirs(os.path.dirname(after), exist_ok=True)
            (shutil.copy if row.path in shared else shutil.move)(row.path, after)


def _paths(rows: Sequence[Sequence[Row]]) -> set[str]:
    return {row.path for same in rows for row in same}


def _set(row: Row, changes: Mapping[str, Any]) -> None:
    columns = ", ".join(f"{quoted(name)} = ?" for name in changes)
    with closing(connect(row.database, writable=True)) as db, db:
        statement = f"UPDATE {quoted(row.table)} SET {columns} WHERE rowid = ?"  # noqa: S608
        db.execute(statement, (*changes.values(), row.number))
