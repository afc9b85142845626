"""What a batch is going to do, in the ledger before it is done.

The rows are ``planned`` until the batch is committed, then ``done``. Where that
did not come about, the target says which of the two they are, see
`converter.reconcile`. They are also what ``undo`` goes by.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .ledger import INSERT_ITEM, Item, Ledger, item_values
from .nouns import DataId
from .operations import Certify, Chain, Decertify, Operation, RegisterCollection, RegisterDatasetType
from .target import Association
from .timespans import Span

TABLES = ("items", "collections", "intents")

Before = Mapping[tuple[str, str], Sequence[Association]]
"""Rows of CALIBRATION collections before a batch, by collection and dataset type."""

INSERT_COLLECTION = (
    "insert into collections (conversion, name, type, before, after, state) values (?, ?, ?, ?, ?, 'planned')"
)
INSERT_INTENT = (
    "insert into intents (conversion, kind, instrument, collection, dataset_type, begin_ns, end_ns, datasets, state) "
    "values (?, ?, ?, ?, ?, ?, ?, ?, 'planned')"
)
UPDATE = {
    table: f"update {table} set state = 'done' where rowid between ? and ? and state = 'planned'"  # noqa: S608
    for table in TABLES
}


@dataclass(frozen=True, slots=True)
class CertifyIntent:
    """Ranges that are put on: ``(RUN, data ID)`` of each dataset."""

    rowid: int
    instrument: str
    collection: str
    dataset_type: str
    span: Span
    datasets: tuple[tuple[str, DataId], ...]
    state: str


@dataclass(frozen=True, slots=True)
class DecertifyIntent:
    """A range that is taken off; ``before`` are the rows that it takes off or cuts, as they were."""

    rowid: int
    instrument: str
    collection: str
    dataset_type: str
    span: Span
    before: tuple[Association, ...]
    state: str


@dataclass(frozen=True, slots=True)
class CollectionIntent:
    """A collection that is made or, if it is a chain, gets other children.

    ``before`` is `None` for one that is made, ``after`` for one that has no children.
    """

    rowid: int
    name: str
    type: str
    before: tuple[str, ...] | None
    after: tuple[str, ...] | None
    state: str


@dataclass(frozen=True, slots=True)
class ItemIntent:
    """A dataset that is written."""

    rowid: int
    dataset_id: str
    dataset: str
    state: str


@dataclass
class Intents:
    """All that a conversion did or was going to do, but for what the target says it did not.

    Parameters
    ----------
    certifies, decertifies, collections, dataset_types, items
        By kind.
    planned_types
        Row and name of dataset types that are still planned.
    forgotten
        Datasets that it did not come to write.
    """

    certifies: list[CertifyIntent] = field(default_factory=list)
    decertifies: list[DecertifyIntent] = field(default_factory=list)
    collections: list[CollectionIntent] = field(default_factory=list)
    dataset_types: list[str] = field(default_factory=list)
    planned_types: list[tuple[int, str]] = field(default_factory=list)
    items: list[ItemIntent] = field(default_factory=list)
    forgotten: list[ItemIntent] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Mark:
    """The rows of one batch: first and last rowid by table."""

    rows: Mapping[str, tuple[int, int]]


def record(
    book: Ledger, conversion: int, batch: Iterable[Operation], items: Iterable[Item], before: Before
) -> Mark:
    """Write down what a batch is going to do, all of it or nothing.

    Parameters
    ----------
    book
        The ledger.
    conversion
        Its number there.
    batch
        The operations.
    items
        Datasets that it writes, with their ids, and ranges that it changes.
    before
        What the collections hold of which it takes ranges off.
    """
    batch = list(batch)
    db = book.database()
    with db.conn:
        first = {table: _last(db, table) + 1 for table in TABLES}
        db.conn.executemany(INSERT_ITEM, ((conversion, *item_values(item)) for item in items))
        db.conn.executemany(INSERT_COLLECTION, ((conversion, *row) for row in _collections(batch)))
        db.conn.executemany(INSERT_INTENT, ((conversion, *row) for row in _intents(batch, before)))
        return Mark({table: (first[table], _last(db, table)) for table in TABLES})


def done(book: Ledger, mark: Mark) -> None:
    """Say that a batch was committed."""
    db = book.database()
    with db.conn:
        for table, rows in mark.rows.items():
            db.conn.execute(UPDATE[table], rows)


def settle(book: Ledger, table: str, states: Mapping[int, str]) -> None:
    """Set the state of single rows, by rowid."""
    db = book.database()
    statement = f"update {table} set state = ? where rowid = ?"  # noqa: S608
    with db.conn:
        db.conn.executemany(statement, ((state, rowid) for rowid, state in states.items()))


def unsettled(book: Ledger) -> list[int]:
    """Numbers of the conversions that have planned rows, and of undos that did not come to an end."""
    if not book.exists:
        return []
    rows = book.database().execute(
        "select conversion from items where state = 'planned' "
        "union select conversion from collections where state = 'planned' "
        "union select conversion from intents where state = 'planned' "
        "union select id from conversions where command = 'undo' and finished_utc is null"
    )
    return sorted(row[0] for row in rows)


def planned_changes(book: Ledger, conversion: int) -> list[int]:
    """Rows of a conversion on ranges of datasets that it did not write, as far as they are planned."""
    rows = book.database().execute(
        "select rowid from items where conversion = ? and state = 'planned' and dataset_id is null",
        (conversion,),
    )
    return [row[0] for row in rows]


def read(book: Ledger, conversion: int) -> Intents:
    """What a conversion did, or was going to do."""
    db = book.database()
    result = Intents()
    rows = db.execute(
        "select rowid, dataset_id, dataset, state from items where conversion = ? and dataset_id is not null "
        "and state in ('planned', 'done', 'forgotten')",
        (conversion,),
    )
    for item in (ItemIntent(*row) for row in rows):
        (result.forgotten if item.state == "forgotten" else result.items).append(item)
    rows = db.execute(
        "select rowid, name, type, before, after, state from collections where conversion = ? "
        "and state in ('planned', 'done')",
        (conversion,),
    )
    for rowid, name, type_, before, after, state in rows:
        result.collections.append(CollectionIntent(rowid, name, type_, _texts(before), _texts(after), state))
    rows = db.execute(
        "select rowid, kind, instrument, collection, dataset_type, begin_ns, end_ns, datasets, state from intents "
        "where conversion = ? and state in ('planned', 'done') order by rowid",
        (conversion,),
    )
    for rowid, kind, instrument, collection, dataset_type, begin, end, datasets, state in rows:
        what = (rowid, instrument, collection, dataset_type, Span(begin, end))
        if kind == "certify":
            found = tuple((run, DataId(*d)) for run, ids in json.loads(datasets).items() for d in ids)
            result.certifies.append(CertifyIntent(*what, found, state))
        elif kind == "decertify":
            rows_ = tuple(Association(run, DataId(*d), Span(*s)) for run, d, s in json.loads(datasets))
            result.decertifies.append(DecertifyIntent(*what, rows_, state))
        else:
            result.dataset_types.append(dataset_type)
            if state == "planned":
                result.planned_types.append((rowid, dataset_type))
    return result


def _last(db: Any, table: str) -> int:
    return int(db.execute(f"select coalesce(max(rowid), 0) from {table}").fetchone()[0])  # noqa: S608


def _texts(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(json.loads(text))


def _collections(batch: Iterable[Operation]) -> Iterator[tuple[Any, ...]]:
    for operation in batch:
        if isinstance(operation, RegisterCollection):
            yield operation.name, operation.type, None, None
        elif isinstance(operation, Chain):
            before = None if operation.before is None else json.dumps(operation.before)
            yield operation.name, "CHAINED", before, json.dumps(operation.children)


def _intents(batch: Iterable[Operation], before: Before) -> Iterator[tuple[Any, ...]]:
    for o in batch:
        if isinstance(o, RegisterDatasetType):
            yield "dataset type", None, None, o.name, None, None, None
        elif isinstance(o, Certify):
            by_run: dict[str, list[DataId]] = defaultdict(list)
            for run, data_id in o.datasets:
                by_run[run].append(data_id)
            span = o.span.clipped()
            yield "certify", o.instrument, o.collection, o.dataset_type, *span, _compact(by_run)
        elif isinstance(o, Decertify):
            ids, span = set(o.data_ids), o.span.clipped()
            rows = before.get((o.collection, o.dataset_type), ())
            hit = [row for row in rows if row.data_id in ids and row.span.overlaps(span)]
            yield "decertify", o.instrument, o.collection, o.dataset_type, *span, _compact(hit)


def _compact(data: Any) -> str:
    # json writes named tuples as lists
    return json.dumps(data, separators=(",", ":"))
