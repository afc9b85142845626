"""Run a command in a copy of this process that dies, or meets a full disk, at one of its writes."""

from __future__ import annotations

import errno
import os
import signal
import sqlite3
import sys
from typing import Any, NamedTuple

from converter.cli import main

WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE", "CREATE")
FILES = frozenset(
    {"os.link", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.symlink", "shutil.copyfile"}
)
DIED = -int(signal.SIGKILL)
TERMINATED = 143


class Point(NamedTuple):
    """Before which write a command ends.

    Parameters
    ----------
    kind
        ``commit``, ``after`` (the write that follows a commit), ``sql`` or ``file``.
    number
        Which of them, from 1.
    how
        ``kill``, ``term``, or ``full`` (no space left, for files only).
    """

    kind: str
    number: int
    how: str = "kill"


class Trap:
    """Counts the writes of this process, in databases and directories, and strikes at one."""

    def __init__(self, point: Point) -> None:
        self.point = point
        self.counts = {"commit": 0, "after": 0, "sql": 0, "file": 0}

    def set(self) -> None:
        """Look at all that this process does from now on; there is no way back."""
        real = sqlite3.connect

        def connect(*args: Any, **options: Any) -> sqlite3.Connection:
            connection = real(*args, **options)
            connection.set_trace_callback(self._statement)
            return connection

        sqlite3.connect = sqlite3.dbapi2.connect = connect  # type: ignore[assignment,attr-defined]
        sys.addaudithook(self._hook)

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if event in FILES or (
            event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)
        ):
            self._count("file")

    def _statement(self, text: str) -> None:
        if text.startswith("COMMIT"):
            self._count("commit")
            self.counts["after"] += 1
        elif text.lstrip().upper().startswith(WRITES):
            self._count("sql")

    def _count(self, kind: str) -> None:
        kind_wanted, number, how = self.point
        if kind_wanted == "after":
            strikes = self.counts["after"] == number
        else:
            self.counts[kind] += 1
            strikes = kind == kind_wanted and self.counts[kind] == number
        if not strikes:
            return
        if how == "full" and kind == "file":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.kill(os.getpid(), signal.SIGTERM if how == "term" else signal.SIGKILL)


def run_killed(point: Point, *args: object) -> int:
    """Run a command that ends at a write; its exit status, negative for a signal.

    It is a fork of this process, where everything is imported already. A
    command that does not come so far ends as it would.
    """
    child = os.fork()
    if not child:
        status = 70
        try:
            with open(os.devnull, "w") as null:
                sys.stdout = sys.stderr = null
                Trap(point).set()
                main([str(a) for a in args])
        except SystemExit as exc:
            status = int(exc.code or 0)
        finally:
            os._exit(status)
    _, code = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(code)
