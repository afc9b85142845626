"""The record of what was done: SQLite beside the target, through sqlite-utils.

A convenience, not a truth: the target is the truth, and losing the ledger
does not break a re-conversion, because dataset IDs are deterministic and the
target is asked what it has.
"""

from __future__ import annotations

import datetime
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import sqlite_utils

from .decisions import Change, Decision
from .ledger_tables import open_database
from .nouns import DataId, Gen2to3Error, UsageError
from .timespans import Span

FILE_NAME = "gen2to3.sqlite3"

INSERT_ITEM = (
    "insert into items (conversion, source, key, file, size, mtime_ns, sha256, dataset_id, dataset, "
    "validity, state, reason) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)

SERIAL_COLUMNS: dict[str, Any] = {
    "instrument": str,
    "detector": int,
    "serial": str,
    "begin_utc": str,
    "end_utc": str,
    "begin_tai_ns": int,
    "end_tai_ns": int,
}
FOUND = "found in the repository"
"""Reason of an item that was there although the ledger did not know it."""

UNDONE = (
    f"update items set state = 'undone' where conversion = ? and state = 'done' and reason != '{FOUND}'",  # noqa: S608
    "update collections set state = 'undone' where conversion = ? and state = 'done'",
    "update intents set state = 'undone' where conversion = ? and state = 'done'",
)


@dataclass(frozen=True, slots=True)
class Item:
    """One source item and what became of it.

    ``state`` is ``planned``, ``done``, ``forgotten`` (planned, and not carried
    out), ``undone``, ``skipped``, ``rejected`` or ``handed-off``; ``dataset``
    is ``type run data-ID`` in words.
    """

    source: str
    key: str
    file: str
    size: int | None
    mtime_ns: int | None
    sha256: str | None
    dataset_id: str | None
    dataset: str
    validity: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class SerialPeriod:
    """Which chip was at a detector's place, and when.

    ``begin_utc`` and ``end_utc`` are ISO texts, the others nanoseconds since
    1970-01-01 TAI; the end is not part. ``""`` and `None` are unbounded.
    """

    instrument: str
    detector: int
    serial: str
    begin_utc: str = ""
    end_utc: str = ""
    begin_tai_ns: int | None = None
    end_tai_ns: int | None = None

    @property
    def span(self) -> Span:
        """When it was there, TAI."""
        return Span(self.begin_tai_ns, self.end_tai_ns)


class Ledger:
    """Access to one ledger file.

    Parameters
    ----------
    path
        The SQLite file; made at the first write.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def exists(self) -> bool:
        """Whether anything was ever recorded."""
        return self.path.is_file()

    def database(self) -> sqlite_utils.Database:
        """The open SQLite file, made if it is not there."""
        return self._open()

    def _open(self) -> sqlite_utils.Database:
        try:
            return open_database(self.path)
        except Exception as exc:
            raise Gen2to3Error(
                f"ledger {self.path}: {exc}; move the file away (it is only a record), or name another with --ledger"
            ) from exc

    def check(self) -> None:
        """Open the ledger (made if it is not there).

        Raises
        ------
        UsageError
            It cannot be opened.
        """
        try:
            self._open()
        except Gen2to3Error as exc:
            raise UsageError(str(exc)) from exc

    def begin(self, command: str, recipe: Mapping[str, Any], versions: Mapping[str, str]) -> int:
        """Record the start of a conversion and give its number."""
        table = self._open()["conversions"]
        table.insert(
            {
                "command": command,
                "recipe": json.dumps(recipe),
                "versions": json.dumps(versions),
                "started_utc": _now(),
                "finished_utc": None,
                "counts": None,
            }
        )
        return int(table.last_pk)

    def finish(self, conversion: int, counts: Mapping[str, Any]) -> None:
        """Record the end of a conversion."""
        self._open()["conversions"].update(conversion, {"finished_utc": _now(), "counts": json.dumps(counts)})

    def conversion(self, number: int) -> dict[str, Any]:
        """The row of a conversion."""
        return dict(self._open()["conversions"].get(number))

    def mark_undone(self, conversion: int, number: int, counts: Mapping[str, Any]) -> None:
        """Record that a conversion was undone, and by which.

        What it found in the repository is still there and stays recorded.
        """
        db = self._open()
        with db.conn:
            for statement in UNDONE:
                db.conn.execute(statement, (conversion,))
            db.conn.execute("update conversions set undone_by = ? where id = ?", (number, conversion))
            db.conn.execute(
                "update conversions set finished_utc = ?, counts = ? where id = ?",
                (_now(), json.dumps(counts), number),
            )

    def add_items(self, conversion: int, items: Iterable[Item]) -> None:
        """Record source items."""
        db = self._open()
        # Table.insert_all looks at the columns of every row, which takes ten times as long.
        with db.conn:
            db.conn.executemany(INSERT_ITEM, ((conversion, *item_values(item)) for item in items))

    def add_decisions(self, conversion: int, decisions: Sequence[Decision]) -> None:
        """Record decisions."""
        self._open()["decisions"].insert_all(
            {
                "conversion": conversion,
                **d.as_dict(),
                "dataset_type": d.dataset_type,
                "changes": json.dumps([_plain_change(c) for c in d.changes]),
            }
            for d in decisions
        )

    def add_verification(
        self, conversion: int, recipe: Mapping[str, Any], fingerprint: str, result: Mapping[str, Any]
    ) -> None:
        """Record how the verification after a conversion went."""
        self._open()["verifications"].insert(
            {
                "conversion": conversion,
                "recipe": json.dumps(recipe),
                "fingerprint": fingerprint,
                "result": json.dumps(result),
                "recorded_utc": _now(),
            }
        )

    def set_serials(self, instrument: str, periods: Sequence[SerialPeriod]) -> None:
        """Record which chips are where; what was recorded of the instrument before is replaced.

        Nothing is written if it is the same.
        """
        if not periods and not self.exists:
            return
        if self.serials(instrument) == list(periods):
            return
        table = self._open()["detector_serials"]
        if not table.exists():
            table.create(SERIAL_COLUMNS)
        with table.db.conn:
            table.delete_where("instrument = ?", [instrument])
            table.insert_all(asdict(period) for period in periods)

    def serials(self, instrument: str) -> list[SerialPeriod]:
        """Which chips were where, as recorded; empty if nothing is."""
        rows = self.rows(
            "select * from detector_serials where instrument = ? order by rowid",
            (instrument,),
            "detector_serials",
        )
        return [SerialPeriod(**row) for row in rows]

    def rows(
        self, sql: str, parameters: Sequence[Any] = (), table: str = "conversions"
    ) -> list[dict[str, Any]]:
        """Rows of a query; none if there is no ledger, or not this table in it."""
        if not self.exists:
            return []
        db = self._open()
        return list(db.query(sql, parameters)) if db[table].exists() else []

    def verification(self, recipe: Mapping[str, Any], fingerprint: str) -> tuple[dict[str, Any], str] | None:
        """Result and UTC time of the verification after the last conversion that was not undone.

        `None` if there is none, or if recipe or source were not the same.
        """
        if not self.exists:
            return None
        rows = self._open().query(
            "select v.* from verifications v where v.conversion = (select max(id) from conversions "
            "where undone_by is null and not (command = 'undo' and finished_utc is not null))"
        )
        for row in rows:
            if row["recipe"] == json.dumps(recipe) and row["fingerprint"] == fingerprint:
                return json.loads(row["result"]), row["recorded_utc"]
        return None

    def last_recipe(self) -> dict[str, Any] | None:
        """Recipe of the last ``convert`` that was not undone, `None` if there is none."""
        if not self.exists:
            return None
        rows = self._open().query(
            "select recipe from conversions where command = 'convert' and undone_by is null "
            "order by id desc limit 1"
        )
        return next((json.loads(row["recipe"]) for row in rows), None)

    def datasets(self) -> set[str]:
        """Names of all datasets that were recorded as written or found, and not undone."""
        if not self.exists:
            return set()
        rows = self._open().execute("select dataset from items where state = 'done'")
        return {row[0] for row in rows}

    def digests(self) -> dict[str, str]:
        """SHA-256 of the source of every dataset that was written, by its name, as far as it was recorded."""
        if not self.exists:
            return {}
        rows = self._open().execute(
            "select dataset, sha256 from items where state = 'done' and sha256 is not null order by rowid"
        )
        return dict(rows.fetchall())

    def rejected(self) -> set[str]:
        """Files that were ever rejected."""
        if not self.exists:
            return set()
        rows = self._open().execute("select file from items where state = 'rejected' and file != ''")
        return {row[0] for row in rows}

    def files_of(self, command: str) -> Iterator[tuple[str, str]]:
        """Dataset and file of all that a command wrote or found."""
        if self.exists:
            yield from self._open().execute(
                "select dataset, file from items where state = 'done' and file != '' "
                "and conversion in (select id from conversions where command = ?)",
                (command,),
            )

    def decisions(self) -> list[Decision]:
        """All decisions of conversions that were not undone."""
        if not self.exists:
            return []
        return [
            Decision(
                row["rule"],
                row["item"],
                row["before"],
                row["after"],
                row["why"],
                row["dataset_type"],
                tuple(_change(c) for c in json.loads(row["changes"])),
            )
            for row in self._open().query(
                "select * from decisions where conversion not in "
                "(select id from conversions where undone_by is not null)"
            )
        ]

    def left_out(self) -> dict[str, str]:
        """Files that were rejected or skipped at their last conversion, with the reason."""
        if not self.exists:
            return {}
        rows = self._open().execute(
            "select file, state, reason, conversion from items where file != '' and rowid in "
            "(select max(rowid) from items where state not in ('planned', 'forgotten', 'undone') and conversion "
            "not in (select id from conversions where undone_by is not null) group by file, key)"
        )
        found: dict[str, tuple[str, int]] = {}
        done: dict[str, int] = {}
        for file, state, reason, conversion in rows:
            if state == "done":
                done[file] = max(done.get(file, 0), conversion)
            elif state in ("rejected", "skipped", "handed-off") and found.get(file, ("", 0))[1] <= conversion:
                found[file] = f"{state}: {reason}", conversion
        # What was wrong once and is converted since explains nothing any more.
        return {file: why for file, (why, when) in found.items() if done.get(_whole(file), 0) <= when}


@contextmanager
def ledger_errors(book: Ledger) -> Iterator[None]:
    """Turn what SQLite says when the ledger is written (disk full) into a `Gen2to3Error`.

    What the Butler's own databases say does not come as errors of SQLite.
    """
    try:
        yield
    except sqlite3.Error as exc:
        raise Gen2to3Error(f"ledger {book.path} cannot be written: {exc}") from exc


def _whole(file: str) -> str:
    """The file, if an extension of it is meant."""
    return file.rpartition("[")[0] if file.endswith("]") else file


item_values = attrgetter(*Item.__dataclass_fields__)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _plain_change(change: Change) -> dict[str, Any]:
    return asdict(change)


def _change(data: Mapping[str, Any]) -> Change:
    return Change(
        data["stamp"],
        tuple(DataId(*_values(d)) for d in data["data_ids"]),
        tuple(Span(*s) for s in data["before"]),
        tuple(Span(*s) for s in data["after"]),
    )


def _values(data_id: Any) -> tuple[Any, ...]:
    # json writes a named tuple as a list
    return tuple(data_id)
