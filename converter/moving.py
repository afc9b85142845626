"""``--transfer move``: files are copied, compared, recorded, and deleted last.

The Butler's own "move" is not used for files of a source: it deletes each
file before the transaction is committed. Here nothing is deleted before the
whole conversion is, and what is about to be deleted is in the ledger before;
so a kill leaves both copies of some files, and the same command goes on.
"""

from __future__ import annotations

import os
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.gen2.directory import HDU_OF_PATH

from . import moves as move_book
from .files_check import is_as_recorded, sha256
from .ledger import Ledger
from .movable import why_not_movable
from .moves import Move
from .nouns import Gen2to3Error, Reject, Skip
from .planning.plan import Plan
from .progress import Progress, no_progress
from .recorded import Recorded, read_recorded
from .stored import StoredFile, read_stored
from .target import open_reading

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


def resume(ledger: Path | None) -> Moved:
    """Delete what an interrupted conversion recorded as about to be deleted.

    Before a plan is made: what is half deleted would look like a damaged source.
    """
    result = Moved()
    if ledger is None or not ledger.is_file():
        return result
    with _writing(ledger) as book:
        if moves := move_book.pending(book):
            _delete(book, moves, result, check=True)
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
    moves: list[Move] = []
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
            moves.append(Move(record, digest, tuple(file.path for file in files)))
    with _writing(ledger) as book:
        move_book.record(book, moves)
        _delete(book, moves, result, check=False)
    return result


def without_moved(plan: Plan, ledger: Path | None) -> None:
    """Rows whose files were moved earlier are no rejects of a plan."""
    if ledger is None or not ledger.is_file():
        return
    rows = move_book.rows_of_deleted(Ledger(ledger))
    moved = {f"{source} table {' row '.join(key.rsplit(' ', 1))}" for source, key in rows}
    found = [r for r in plan.rejects if r.item in moved and r.reason.startswith("file not found")]
    if found:
        plan.rejects[:] = [r for r in plan.rejects if r not in set(found)]
        plan.skips += [Skip(r.item, MOVED, r.path) for r in found]


@contextmanager
def _writing(ledger: Path) -> Iterator[Ledger]:
    """The ledger, without which nothing is deleted."""
    try:
        yield Ledger(ledger)
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


def _delete(book: Ledger, moves: Iterable[Move], result: Moved, check: bool) -> None:
    done: list[str] = []
    try:
        for move in moves:
            if why := _delete_one(move, check):
                result.kept.append(Reject(move.record.file, why))
            else:
                result.deleted += 1
                done.append(move.record.file)
    finally:
        move_book.mark_deleted(book, done)
    move_book.forget_pending(book)


def _delete_one(move: Move, check: bool) -> str:
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
