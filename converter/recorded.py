"""What the ledger says of the source of a dataset's file, read without touching the ledger."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import NamedTuple

from .ledger import FOUND
from .ledger_tables import reading
from .nouns import UsageError


class Recorded(NamedTuple):
    """The source of one dataset's file.

    Attributes
    ----------
    file
        Path of the source.
    size, mtime_ns, sha256
        What the source was when it was converted, as far as known; the time
        in Unix nanoseconds.
    transfer
        How it came into the repository, as it was asked for.
    conversion
        Number of the conversion that recorded it last.
    """

    file: str
    size: int | None
    mtime_ns: int | None
    sha256: str | None
    transfer: str
    conversion: int


ROWS = (
    "select dataset, file, size, mtime_ns, sha256, conversion, reason from items "
    "where state = 'done' and file != '' and dataset != '' order by rowid"
)


def read_recorded(ledger: Path | None) -> dict[str, Recorded]:
    """The last record of every dataset, by its name in the ledger.

    Parameters
    ----------
    ledger
        The ledger, `None` if there is none; it need not exist.

    Raises
    ------
    UsageError
        The file is no ledger.

    Notes
    -----
    A later row counts if it says what the file was; a digest holds for as
    long as size and time are the same. What was only found again by a later
    conversion came into the repository as the earlier one says.
    """
    if ledger is None or not ledger.is_file():
        return {}
    transfers: dict[int, str] = {}
    found: dict[str, Recorded] = {}
    try:
        with reading(ledger) as db:
            tables = {name for (name,) in db.execute("select name from sqlite_master where type = 'table'")}
            if not tables >= {"conversions", "items"}:
                return {}  # made, and nothing was recorded yet
            for number, recipe in db.execute("select id, recipe from conversions"):
                choices = json.loads(recipe or "{}")
                # A plan of a suite has its choices one level lower, or none.
                transfers[number] = str(choices.get("transfer") or "auto")
            for dataset, file, size, mtime_ns, sha256, conversion, reason in db.execute(ROWS):
                transfer = transfers.get(conversion, "auto")
                before = found.get(dataset)
                if before is not None:
                    if mtime_ns is None:
                        continue
                    if sha256 is None and (before.size, before.mtime_ns) == (size, mtime_ns):
                        sha256 = before.sha256
                    if reason == FOUND:
                        transfer = before.transfer
                found[dataset] = Recorded(file, size, mtime_ns, sha256, transfer, conversion)
    except (sqlite3.Error, ValueError, AttributeError) as exc:
        raise UsageError(
            f"ledger {ledger}: {exc}; move the file away (it is only a record), or name another with --ledger"
        ) from exc
    return found
