"""Sources that are about to be deleted, in the ledger before they are, and those that were."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable
from dataclasses import dataclass

from .ledger import Ledger
from .recorded import Recorded


@dataclass(frozen=True, slots=True)
class Move:
    """One source that is in the repository and goes.

    Parameters
    ----------
    record
        What it was when it was converted.
    sha256
        Of its content.
    stored
        The files in the repository that were compared with it.
    """

    record: Recorded
    sha256: str
    stored: tuple[str, ...]


def pending(book: Ledger) -> list[Move]:
    """What an interrupted conversion was about to delete."""
    rows = book.rows("select * from moves where deleted_utc is null order by rowid", table="moves")
    return [
        Move(
            Recorded(row["file"], row["size"], row["mtime_ns"], row["sha256"], "move", row["conversion"]),
            row["sha256"],
            tuple(json.loads(row["stored"])),
        )
        for row in rows
    ]


def record(book: Ledger, moves: Iterable[Move]) -> None:
    """Write down what is about to be deleted, and its digest beside the datasets that were made of it."""
    moves = list(moves)
    if not moves:
        return
    db = book.database()
    with db.conn:
        db.conn.executemany(
            "insert into moves (conversion, file, size, mtime_ns, sha256, stored) values (?, ?, ?, ?, ?, ?)",
            (
                (m.record.conversion, m.record.file, m.record.size, m.record.mtime_ns, m.sha256,
                 json.dumps(m.stored))
                for m in moves
            ),
        )  # fmt: skip
        db.conn.executemany(
            "update items set sha256 = ? where file = ? and size = ? and mtime_ns = ? and state = 'done'",
            ((m.sha256, m.record.file, m.record.size, m.record.mtime_ns) for m in moves),
        )


def mark_deleted(book: Ledger, files: Iterable[str]) -> None:
    """Write down which of them are deleted."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    db = book.database()
    with db.conn:
        db.conn.executemany(
            "update moves set deleted_utc = ? where file = ? and deleted_utc is null",
            ((now, file) for file in files),
        )


def forget_pending(book: Ledger) -> None:
    """Files that were kept are looked at afresh by the next conversion."""
    db = book.database()
    with db.conn:
        db.conn.execute("delete from moves where deleted_utc is null")


def rows_of_deleted(book: Ledger) -> set[tuple[str, str]]:
    """Source and key (table and row) of the items whose files were deleted."""
    rows = book.rows(
        "select distinct source, key from items where state = 'done' and key != '' and file in "
        "(select file from moves where deleted_utc is not null)",
        table="moves",
    )
    return {(row["source"], row["key"]) for row in rows}
