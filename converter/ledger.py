"""The record of what was done: SQLite beside the target, through sqlite-utils.

A convenience, not a truth: the target is the truth, and losing the ledger
does not break a re-conversion, because dataset IDs are deterministic and the
target is asked what it has.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import sqlite_utils

from .decisions import Change, Decision
from .nouns import DataId, Gen2to3Error, UsageError
from .timespans import Span

FILE_NAME = "gen2to3.sqlite3"

INSERT_ITEM = (
    "insert into items (conversion, source, key, file, size, mtime_ns, sha256, dataset_id, dataset, "
    "validity, state, reason) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


@dataclass(frozen=True, slots=True)
class Item:
    """One source item and what became of it.

    ``state`` is ``planned``, ``done``, ``skipped``, ``rejected`` or
    ``handed-off``; ``dataset`` is ``type run data-ID`` in words.
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

    def _open(self) -> sqlite_utils.Database:
        try:
            db = sqlite_utils.Database(self.path)
            if "conversions" not in db.table_names():
                db["conversions"].create(
                    {
                        "id": int,
                        "command": str,
                        "recipe": str,
                        "versions": str,
                        "started_utc": str,
                        "finished_utc": str,
                        "counts": str,
                    },
                    pk="id",
                )
                columns: dict[str, Any] = {"conversion": int}
                columns |= dict.fromkeys(Item.__dataclass_fields__, str)
                columns |= {"size": int, "mtime_ns": int}
                db["items"].create(columns, foreign_keys=[("conversion", "conversions", "id")])
                db["decisions"].create(
                    {
                        "conversion": int,
                        "rule": str,
                        "item": str,
                        "before": str,
                        "after": str,
                        "why": str,
                        "dataset_type": str,
                        "changes": str,
                    },
                    foreign_keys=[("conversion", "conversions", "id")],
                )
                db["collections"].create(
                    {"conversion": int, "name": str, "type": str, "before": str, "after": str},
                    foreign_keys=[("conversion", "conversions", "id")],
                )
                db["verifications"].create(
                    {
                        "conversion": int,
                        "recipe": str,
                        "fingerprint": str,
                        "result": str,
                        "recorded_utc": str,
                    },
                    foreign_keys=[("conversion", "conversions", "id")],
                )
            return db
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

    def add_items(self, conversion: int, items: Iterable[Item]) -> None:
        """Record source items."""
        db = self._open()
        # Table.insert_all looks at the columns of every row, which takes ten times as long.
        with db.conn:
            db.conn.executemany(INSERT_ITEM, ((conversion, *_item_values(item)) for item in items))

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

    def add_collections(
        self, conversion: int, rows: Iterable[tuple[str, str, Sequence[str] | None, Sequence[str] | None]]
    ) -> None:
        """Record collections made or changed: name, type, children before and after."""
        self._open()["collections"].insert_all(
            {
                "conversion": conversion,
                "name": name,
                "type": type_,
                "before": None if before is None else json.dumps(list(before)),
                "after": None if after is None else json.dumps(list(after)),
            }
            for name, type_, before, after in rows
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

    def verification(self, recipe: Mapping[str, Any], fingerprint: str) -> tuple[dict[str, Any], str] | None:
        """Result and UTC time of the verification after the last conversion.

        `None` if there is none, or if recipe or source were not the same.
        """
        if not self.exists:
            return None
        rows = self._open().query(
            "select v.* from verifications v where v.conversion = (select max(id) from conversions)"
        )
        for row in rows:
            if row["recipe"] == json.dumps(recipe) and row["fingerprint"] == fingerprint:
                return json.loads(row["result"]), row["recorded_utc"]
        return None

    def last_recipe(self) -> dict[str, Any] | None:
        """Recipe of the last ``convert``, `None` if there is none."""
        if not self.exists:
            return None
        rows = self._open().query(
            "select recipe from conversions where command = 'convert' order by id desc limit 1"
        )
        return next((json.loads(row["recipe"]) for row in rows), None)

    def datasets(self) -> set[str]:
        """Names of all datasets that were recorded as written or found."""
        if not self.exists:
            return set()
        rows = self._open().execute("select dataset from items where state = 'done'")
        return {row[0] for row in rows}

    def files(self) -> Iterator[tuple[str, str, int, int, str]]:
        """Dataset, file, size, modification time (Unix ns) and SHA-256 of all that was recorded, in order."""
        if self.exists:
            yield from self._open().execute(
                "select dataset, file, size, mtime_ns, ifnull(sha256, '') from items "
                "where state = 'done' and mtime_ns is not null order by rowid"
            )

    def files_of(self, command: str) -> Iterator[tuple[str, str]]:
        """Dataset and file of all that a command wrote or found."""
        if self.exists:
            yield from self._open().execute(
                "select dataset, file from items where state = 'done' and file != '' "
                "and conversion in (select id from conversions where command = ?)",
                (command,),
            )

    def decisions(self) -> list[Decision]:
        """All decisions ever recorded."""
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
            for row in self._open()["decisions"].rows
        ]

    def left_out(self) -> dict[str, str]:
        """Files that were rejected or skipped at their last conversion, with the reason."""
        if not self.exists:
            return {}
        rows = self._open().query(
            "select file, state, reason from items where file != '' and rowid in "
            "(select max(rowid) from items group by file, key)"
        )
        return {
            row["file"]: f"{row['state']}: {row['reason']}"
            for row in rows
            if row["state"] in ("rejected", "skipped", "handed-off")
        }


_item_values = attrgetter(*Item.__dataclass_fields__)


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
