"""What the ledger says of the file of a dataset, read without touching the ledger."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from .nouns import UsageError


@dataclass(frozen=True, slots=True)
class Recorded:
    """The source of one dataset's file.

    Parameters
    ----------
    file
        Path of the source.
    size, mtime_ns, sha256
        What the source was when it was converted, as far as known.
    transfer
        How it came into the repository, as it was asked for.
    conversion
        Number of the conversion that wrote it, or found it.
    """

    file: str
    size: int | None
    mtime_ns: int | None
    sha256: str | None
    transfer: str
    conversion: int


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
    """
    if ledger is None or not ledger.is_file():
        return {}
    transfers: dict[int, str] = {}
    found: dict[str, Recorded] = {}
    try:
        # Nothing is written; but SQLite takes a transaction back that was broken off, if it may.
        with closing(sqlite3.connect(f"file:{quote(str(ledger.absolute()))}?mode=rw", uri=True)) as db:
            for number, recipe in db.execute("select id, recipe from conversions"):
                choices = json.loads(recipe or "{}")
                # A plan of a suite has its choices one level lower, or none.
                transfers[number] = str(choices.get("transfer") or "auto")
            rows = db.execute(
                "select dataset, file, size, mtime_ns, sha256, conversion from items "
                "where state = 'done' and file != '' and dataset != '' order by rowid"
            )
            for dataset, file, size, mtime_ns, sha256, conversion in rows:
                before = found.get(dataset)
                if (
                    sha256 is None
                    and before is not None
                    and (before.size, before.mtime_ns) == (size, mtime_ns)
                ):
                    sha256 = before.sha256
                found[dataset] = Recorded(
                    file, size, mtime_ns, sha256, transfers.get(conversion, "auto"), conversion
                )
    except (sqlite3.Error, ValueError, AttributeError) as exc:
        raise UsageError(
            f"ledger {ledger}: {exc}; move the file away (it is only a record), or name another with --ledger"
        ) from exc
    return found
