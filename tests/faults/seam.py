"""The one seam through which the writes of a command are seen, from outside: no code of the product knows of it.

A *write* is what changes something that outlives the process:

* a statement of SQL that changes a SQLite database (registry, ledger, whoever opened it), and the COMMIT of a
  transaction that has such a statement. Every connection is made with a trace callback, which SQLite calls before it
  begins a statement. Rows of one ``executemany`` are one write. Statements that only read, and transactions that
  change nothing, are no writes.
* a call to the system that changes a directory or a file: opening for writing, making, linking, renaming, removing,
  truncating, changing modes or times. Python raises an audit event before each, whoever calls.
* copying the content of a file (``os.sendfile``, which ``shutil`` uses; it raises no event).

Between two writes nothing happens that a kill could leave behind in another state, but for what is in the buffers of
an open file; a buffer is written at the latest when the file is closed, and so before the next write. A point is
*before* a write, *after* it (as soon as the call has returned to Python), or in the *half* of a copy.

Audit hooks cannot be taken out again, so `install` is for processes that end.
"""

from __future__ import annotations

import os
import re
import sqlite3
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CALLS = {
    "os.chmod": 1,
    "os.chown": 1,
    "os.link": 2,
    "os.mkdir": 1,
    "os.remove": 1,
    "os.rename": 2,
    "os.rmdir": 1,
    "os.setxattr": 1,
    "os.symlink": 2,
    "os.truncate": 1,
    "os.utime": 1,
}
"""Audit events of calls that change something, with the number of paths among their arguments."""

_CHANGES = re.compile(r"\s*(INSERT|UPDATE|DELETE|REPLACE|CREATE|DROP|ALTER|COMMIT|END)\b", re.IGNORECASE)
_ROWS = re.compile(r"\s*INSERT\b.*?\bVALUES\b", re.IGNORECASE | re.DOTALL)


class Point(NamedTuple):
    """A moment of a command: before, after, or in the half of its write number so and so."""

    number: int
    when: str

    def __str__(self) -> str:
        return f"{self.when}-{self.number}"


class Write(NamedTuple):
    """One write.

    Attributes
    ----------
    what
        In words.
    visible
        Whether the disk is another one afterwards, and not only a transaction
        that is open.
    before
        Digest of all that is on the disk before it, `None` if that was not
        wanted.
    """

    what: str
    visible: bool
    before: int | None = None

    @property
    def is_copy(self) -> bool:
        return self.what.startswith("copy ")


@dataclass
class Seam:
    """Sees the writes of this process, and does something at one of them.

    Parameters
    ----------
    base
        Directory below which files count.
    point
        When to act, `None` for never.
    act
        What to do then.
    spill
        Whether SQLite keeps next to nothing in memory, so that a kill inside of
        a transaction leaves a half changed database and a journal that is hot.
    """

    base: Path
    point: Point | None = None
    act: Callable[[], None] = lambda: None
    spill: bool = False
    with_states: bool = False
    writes: list[Write] = field(default_factory=list)
    is_on: bool = True
    _rows: tuple[int, str] | None = None

    def install(self) -> None:
        """See all that happens from here on."""
        seam, connect, sendfile = self, sqlite3.connect, os.sendfile

        class Traced(sqlite3.Connection):
            def __init__(self, *args: Any, **rest: Any) -> None:
                super().__init__(*args, **rest)
                self.changes = False
                if seam.spill:
                    self.execute("pragma cache_size = 1")
                self.set_trace_callback(lambda text: seam._statement(self, text))

        def traced(*args: Any, **rest: Any) -> sqlite3.Connection:
            return connect(*args, **{"factory": Traced, **rest})

        def copied(out: int, source: int, offset: int, count: int) -> int:
            place = os.readlink(f"/proc/self/fd/{out}") if os.path.exists("/proc/self/fd") else str(out)
            size = os.fstat(source).st_size
            if offset < size:
                seam._write(f"copy {place}", True)
                if seam.point == (len(seam.writes), "half"):
                    sendfile(out, source, offset, size // 2)
                    seam.act()
            return sendfile(out, source, offset, count)

        sqlite3.connect = sqlite3.dbapi2.connect = traced  # type: ignore[assignment]
        os.sendfile = copied  # type: ignore[assignment]
        sys.addaudithook(self._event)

    def _event(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = args
            if flags & _WRITING and not isinstance(path, int) and self._is_ours(path):
                self._write(f"open {os.fsdecode(path)}", True)
        elif event in _CALLS:
            paths = args[: _CALLS[event]]
            if any(self._is_ours(path) for path in paths):
                self._write(f"{event} {' '.join(os.fsdecode(p) for p in paths)}", True)

    def _is_ours(self, path: Any) -> bool:
        if isinstance(path, int):
            return True
        return os.path.abspath(os.fsdecode(path)).startswith(f"{self.base}/")

    def _statement(self, connection: Any, text: str) -> None:
        match = _CHANGES.match(text)
        if match is None:
            if text.lstrip().upper().startswith(("BEGIN", "ROLLBACK")) and " TO " not in text.upper():
                connection.changes = False
            return
        if match[1].upper() in ("COMMIT", "END"):
            if connection.changes:
                self._write("sql COMMIT", True)
            connection.changes = False
            return
        rows = _ROWS.match(text)
        same = None if rows is None else (id(connection), rows[0])
        # A statement outside of a transaction is committed by itself.
        visible = not connection.in_transaction
        if same is None or same != self._rows:
            self._write(f"sql {' '.join(text.split())[:100]}", visible)
        self._rows = same
        connection.changes = True

    def _write(self, what: str, visible: bool) -> None:
        if not self.is_on:
            return
        self._rows = None
        self.writes.append(Write(what, visible, state(self.base) if self.with_states else None))
        if self.point is None or self.point.number != len(self.writes):
            return
        if self.point.when == "before":
            self.act()
        elif self.point.when == "after":
            sys.setprofile(self._returned)

    def _returned(self, frame: Any, event: str, arg: Any) -> None:
        # The first thing that happens outside of here: the call that was about to be made has returned.
        if frame.f_code.co_filename == __file__:
            return
        sys.setprofile(None)
        self.act()


def state(base: Path) -> int:
    """Digest of all names and contents below a directory."""
    found = 0
    for directory, names, leaves in os.walk(base):
        for name in sorted((*names, *leaves)):
            path = os.path.join(directory, name)
            found = zlib.crc32(os.fsencode(path), found)
            if os.path.islink(path):
                found = zlib.crc32(os.fsencode(os.readlink(path)), found)
            elif name in leaves:
                with open(path, "rb") as stream:
                    found = zlib.crc32(stream.read(), found)
    return found


def points(writes: list[Write]) -> list[Point]:
    """All points of a command.

    After a statement inside of a transaction is before the next write: the disk
    has not changed, and both would be one and the same kill.
    """
    found = []
    for number, write in enumerate(writes, 1):
        found.append(Point(number, "before"))
        if write.is_copy:
            found.append(Point(number, "half"))
        if write.visible:
            found.append(Point(number, "after"))
    return found


def different(writes: list[Write]) -> list[Point]:
    """The points of a command at which the disk is not as it was at the point before."""
    found, last = [], None
    for number, write in enumerate(writes, 1):
        if write.before != last:
            found.append(Point(number, "before"))
        last = write.before
        if write.is_copy:
            found.append(Point(number, "half"))
        if write.what.startswith("open ") or number == len(writes):
            found.append(Point(number, "after"))  # made, and empty
    return found
