"""``--transfer move``: files are copied, compared, recorded, and deleted last.

The Butler's own "move" is not used for files of a source: it deletes each
file before the transaction is committed. Here nothing is deleted before the
whole conversion is, and what is about to be deleted is in the ledger before;
so a kill leaves both copies of some files, and the same command goes on.
"""

from __future__ import annotations

import datetime
import json
import os
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from adapters.gen2.directory import HDU_OF_PATH

from .files_check import is_as_recorded, sha256
from .movable import why_not_movable
from .nouns import Gen2to3Error, Reject, Skip
from .planning.plan import Plan
from .progress import Progress, no_progress
from .recorded import Recorded, read_recorded
from .stored import StoredFile, read_stored
from .target import open_reading

TABLE = (
    "create table if not exists moves (conversion integer, file text, size integer, mtime_ns integer, "
    "sha256 text, stored text, deleted_utc text)"
)
MOVED = "was moved into the repository by an earlier conversion"


@dataclass
class Moved:
    """What became of the files of the source.

    Parameters
    ----------
    deleted
        Files that are in the repository only.
    kept
        Files that are in the repository and were not deleted, and why.
    """

    deleted: int = 0
    kept: list[Reject] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The command line's JSON contract."""
        return {
            "deleted": self.deleted,
            "kept": [{"file": k.item, "reason": k.reason} for k in self.kept],
        }


@dataclass(frozen=True, slots=True)
class _Move:
    record: Recorded
    sha256: str
    stored: tuple[str, ...]


def resume(ledger: Path | None) -> Moved:
    """Delete what an interrupted conversion recorded as about to be deleted.

    Before a plan is made: what is half deleted would look like a damaged source.
    """
    result = Moved()
    if ledger is None or not ledger.is_file():
        return result
    with _opened(ledger) as db:
        db.execute(TABLE)
        rows = db.execute(
            "select conversion, file, size, mtime_ns, sha256, stored from moves where deleted_utc is null"
        ).fetchall()
        moves = [
            _Move(
                Recorded(file, size, mtime_ns, digest, "move", conversion), digest, tuple(json.loads(stored))
            )
            for conversion, file, size, mtime_ns, digest, stored in rows
        ]
        _delete(db, moves, result, check=True)
    return result


def finish(
    target: str,
    ledger: Path,
    roots: Sequence[str],
    rejects: Collection[Reject],
    progress: Progress = no_progress,
) -> Moved:
    """Compare, record and delete the sources of everything that was converted with ``move``.

    Parameters
    ----------
    target
        Butler repository, with everything committed.
    ledger
        Where it is recorded.
    roots
        Directories named by the user.
    rejects
        Of the conversion: a file that is needed for one of them too is kept.
    progress
        Shows what takes long.
    """
    result = Moved()
    butler = open_reading(target)
    if butler is None:
        raise Gen2to3Error(f"{target}: there is no Butler repository; nothing was deleted")
    stored = read_stored(butler).files
    wanted = {HDU_OF_PATH.sub("", reject.path) for reject in rejects if reject.path}
    used = _used_in_place(stored.values())
    moves: list[_Move] = []
    sources = list(_sources(stored.values(), read_recorded(ledger)))
    for record, files in progress(sources, "comparing", len(sources)):
        if not os.path.lexists(record.file):
            continue  # it was deleted by a conversion before
        if record.file in wanted:
            why = "is also named by a reject, which needs it"
        elif dataset := used.get(os.path.realpath(record.file)):
            why = f"{dataset} refers to it where it is"
        else:
            why = why_not_movable(record.file, roots)
        digest = ""
        if not why:
            try:
                why, digest = _compare(record, files)
            except OSError as exc:
                why = f"could not be compared: {exc}"
        if why:
            result.kept.append(Reject(record.file, why))
        else:
            moves.append(_Move(record, digest, tuple(file.path for file in files)))
    with _opened(ledger) as db:
        db.execute(TABLE)
        with db:
            db.executemany(
                "insert into moves values (?, ?, ?, ?, ?, ?, null)",
                (
                    (m.record.conversion, m.record.file, m.record.size, m.record.mtime_ns, m.sha256,
                     json.dumps(m.stored))
                    for m in moves
                ),
            )  # fmt: skip
            db.executemany(
                "update items set sha256 = ? where file = ? and size = ? and mtime_ns = ? and state = 'done'",
                ((m.sha256, m.record.file, m.record.size, m.record.mtime_ns) for m in moves),
            )
        _delete(db, moves, result, check=False)
    return result


def without_moved(plan: Plan, ledger: Path | None) -> None:
    """Rows whose files were moved earlier are no rejects of a plan."""
    if ledger is None or not ledger.is_file():
        return
    with _opened(ledger, mode="ro") as db:
        if not db.execute("select 1 from sqlite_master where name = 'moves'").fetchone():
            return
        rows = db.execute(
            "select distinct source, key from items where state = 'done' and key != '' and file in "
            "(select file from moves where deleted_utc is not null)"
        )
        moved = {f"{source} table {' row '.join(key.rsplit(' ', 1))}" for source, key in rows}
    found = [r for r in plan.rejects if r.item in moved and r.reason.startswith("file not found")]
    if found:
        plan.rejects[:] = [r for r in plan.rejects if r not in set(found)]
        plan.skips += [Skip(r.item, MOVED, r.path) for r in found]


@contextmanager
def _opened(ledger: Path, mode: str = "rw") -> Iterator[sqlite3.Connection]:
    try:
        uri = f"file:{quote(str(ledger.absolute()))}?mode={mode}"
        with closing(sqlite3.connect(uri, uri=True, timeout=60)) as db:
            yield db
    except sqlite3.Error as exc:
        raise Gen2to3Error(
            f"ledger {ledger}: {exc}; files of the source that are left stay where they are"
        ) from exc


def _sources(
    stored: Iterable[StoredFile], book: dict[str, Recorded]
) -> Iterator[tuple[Recorded, list[StoredFile]]]:
    """Sources that were converted with ``move``, and what was made of each."""
    by_file: dict[str, list[tuple[Recorded, StoredFile]]] = defaultdict(list)
    for file in stored:
        record = next((book[d] for d in file.datasets if d in book), None)
        if record is not None:
            by_file[record.file].append((record, file))
    for pairs in by_file.values():
        if any(record.transfer == "move" for record, _ in pairs):
            yield pairs[-1][0], [file for _, file in pairs]


def _used_in_place(stored: Iterable[StoredFile]) -> dict[str, str]:
    """Files outside of the repository that it needs where they are, with one of their datasets."""
    used = {}
    for file in stored:
        if file.is_local and (not file.root or os.path.islink(file.path)):
            used[os.path.realpath(file.path)] = file.datasets[0]
    return used


def _compare(record: Recorded, files: Sequence[StoredFile]) -> tuple[str, str]:
    """Why a source may not be deleted (``""`` if it may), and its SHA-256."""
    if not is_as_recorded(record):
        return "was changed since it was converted", ""
    if any(file.size != record.size for file in files):
        return "is in the repository in pieces, or not as it was", ""
    digest = sha256(record.file)
    if record.sha256 and digest != record.sha256:
        return f"has SHA-256 {digest}, {record.sha256} is recorded", ""
    for file in files:
        _settle(file.path)
        if (found := sha256(file.path)) != digest:
            return f"has SHA-256 {digest}, its copy {file.path} {found}", ""
    return "", digest


def _settle(path: str) -> None:
    """Have a copy on the disk, not only in memory, before its source is deleted."""
    for name in (path, os.path.dirname(path)):
        descriptor = os.open(name, os.O_RDONLY)
        try:
            with suppress(OSError):  # some file systems do not sync directories
                os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _delete(db: sqlite3.Connection, moves: Iterable[_Move], result: Moved, check: bool) -> None:
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    done: list[str] = []
    try:
        for move in moves:
            if why := _delete_one(move, check):
                result.kept.append(Reject(move.record.file, why))
            else:
                result.deleted += 1
                done.append(move.record.file)
    finally:
        with db:
            db.executemany(
                "update moves set deleted_utc = ? where file = ? and deleted_utc is null",
                ((now, file) for file in done),
            )
    with db:
        # What is kept is looked at afresh by the next conversion.
        db.execute("delete from moves where deleted_utc is null")


def _delete_one(move: _Move, check: bool) -> str:
    try:
        if os.path.lexists(move.record.file):
            if os.path.islink(move.record.file) or not is_as_recorded(move.record):
                return "was changed since it was converted"
            if check and any(sha256(path) != move.sha256 for path in move.stored):
                return "its copy in the repository was changed"
            os.unlink(move.record.file)
    except OSError as exc:
        return f"cannot be deleted: {exc.strerror or exc}"
    return ""
