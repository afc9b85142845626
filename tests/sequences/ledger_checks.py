"""What has to be true of a ledger and its repository at any time, whatever was done to them."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from converter.ledger import FOUND

from .snapshot import Range, Snapshot, name_of

Row = dict[str, Any]


def rows(path: Path, sql: str) -> list[Row]:
    """Rows of a query; what a writer left behind who was killed stays as it is."""
    if not path.exists():
        return []
    journal = path.with_name(f"{path.name}-journal")
    if journal.exists():
        with tempfile.TemporaryDirectory() as copy:
            for file in (path, journal):
                shutil.copyfile(file, Path(copy) / file.name)
            return _rows(Path(copy) / path.name, sql)
    return _rows(path, sql)


def _rows(path: Path, sql: str) -> list[Row]:
    with closing(sqlite3.connect(path)) as db:
        db.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in db.execute(sql)]
        except sqlite3.OperationalError as exc:
            # Killed before its tables were there.
            assert "no such table" in str(exc)
            return []


def check(path: Path, now: Snapshot, baseline: Snapshot, settled: bool, everything: bool) -> None:
    """Compare ledger and repository.

    Parameters
    ----------
    path
        The ledger.
    now
        The repository.
    baseline
        The repository when the ledger began.
    settled
        Whether the last command came to its end, and wrote.
    everything
        Whether no ledger was ever lost, so that it knows all there is.
    """
    conversions = {r["id"]: r for r in rows(path, "select * from conversions order by id")}
    items = rows(path, "select * from items order by rowid")
    _check_conversions(conversions, items)
    # Carried out but for its end, perhaps: the next start asks the repository.
    undoing = {
        json.loads(r["recipe"])["undoes"]
        for r in conversions.values()
        if r["command"] == "undo" and not r["finished_utc"]
    }
    assert not (settled and undoing)
    states = ("done",) if settled else ("done", "planned")
    if settled:
        for table in ("items", "collections", "intents"):
            assert not rows(path, f"select * from {table} where state = 'planned'"), table  # noqa: S608
    names = {name_of(dataset): id_ for id_, dataset in now.datasets.items()}
    claimed: Counter[str] = Counter()
    told: set[str] = set()
    for item in items:
        if item["state"] not in states or not item["dataset"]:
            continue
        told.add(item["dataset"])
        if item["state"] == "planned" or item["conversion"] in undoing:
            continue
        assert item["dataset"] in names, f"done, but not there: {item}"
        if item["dataset_id"]:
            assert names[item["dataset"]] == item["dataset_id"]
            if item["reason"] != FOUND:
                claimed[item["dataset_id"]] += 1
    assert all(number == 1 for number in claimed.values()), "written twice"
    unknown = {name for name, id_ in names.items() if id_ not in baseline.datasets} - told
    assert not unknown, f"there, but unknown: {unknown}"
    if everything and settled:
        assert names.keys() <= told
    made = [r for r in rows(path, "select * from collections where state = 'done'") if r["before"] is None]
    assert {r["name"] for r in made if r["conversion"] not in undoing} <= now.collections.keys()
    if settled:
        assert now.collections.keys() <= {r["name"] for r in made} | baseline.collections.keys()
        assert _replayed(path, conversions, baseline.ranges) == now.ranges


def _check_conversions(conversions: dict[int, Row], items: Iterable[Row]) -> None:
    by_conversion: dict[int, list[Row]] = defaultdict(list)
    for item in items:
        by_conversion[item["conversion"]].append(item)
    undoes = {}
    for number, row in conversions.items():
        if row["command"] == "undo":
            assert row["undone_by"] is None
            counts = json.loads(row["counts"]) if row["counts"] else None
            if counts is not None and counts.get("state") != "forgotten":
                undoes[json.loads(row["recipe"])["undoes"]] = number
                assert row["finished_utc"]
            continue
        mine = by_conversion[number]
        if row["undone_by"] is not None:
            assert not [i for i in mine if i["state"] in ("done", "planned") and i["reason"] != FOUND]
        if row["finished_utc"] and row["command"] == "convert":
            written = Counter(
                i["dataset"].partition(" ")[0] for i in mine if i["dataset_id"] and i["reason"] != FOUND
            )
            assert written == Counter(json.loads(row["counts"])["written"]), number
    assert undoes == {n: r["undone_by"] for n, r in conversions.items() if r["undone_by"] is not None}


def _replayed(path: Path, conversions: dict[int, Row], start: Iterable[Range]) -> frozenset[Range]:
    """Ranges by the ledger's own word: those of before, and what each conversion that stands took off and put on."""
    ranges = set(start)
    for row in rows(
        path, "select * from intents where state = 'done' and kind != 'dataset type' order by rowid"
    ):
        if conversions[row["conversion"]]["undone_by"] is not None:
            raise AssertionError(f"a range of a conversion that was undone: {row}")
        begin, end = row["begin_ns"], row["end_ns"]
        if row["kind"] == "certify":
            for run, data_ids in json.loads(row["datasets"]).items():
                ranges |= {
                    (row["collection"], row["dataset_type"], run, _words(d), begin, end) for d in data_ids
                }
            continue
        for run, data_id, _ in json.loads(row["datasets"]):
            cut = {
                r
                for r in ranges
                if r[:4] == (row["collection"], row["dataset_type"], run, _words(data_id))
                and r[4] < end
                and begin < r[5]
            }
            ranges -= cut
            ranges |= {(*r[:4], r[4], begin) for r in cut if r[4] < begin}
            ranges |= {(*r[:4], end, r[5]) for r in cut if end < r[5]}
    return frozenset(ranges)


def _words(data_id: list[Any]) -> str:
    detector, physical_filter = data_id[:2]
    words = [] if detector is None else [f"detector={detector}"]
    return " ".join(words + ([] if physical_filter is None else [f"physical_filter={physical_filter}"]))
