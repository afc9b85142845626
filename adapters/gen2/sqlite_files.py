"""SQLite files of a source: opened without leaving a trace there."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from adapters.gen2.files import LFS_MAGIC, printable, read_head
from converter.nouns import Gen2to3Error

_SQLITE_MAGIC = b"SQLite format 3\0"
_SIDECARS = ("-wal", "-journal")
_COPIES = 5

Snapshot = tempfile.TemporaryDirectory[str]


def open_sqlite(path: Path) -> tuple[sa.Engine, str, Snapshot | None]:
    """Have a SQLite file read without changing anything beside it.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    engine
        Engine that reads the file, or a private copy.
    source
        Name of the file, for messages.
    snapshot
        The private copy, to be removed in the end.

    Raises
    ------
    Gen2to3Error
        It is missing, empty, truncated, a Git LFS pointer, no SQLite file, or
        is being written all the time.
    """
    source = printable(path)
    # SQLite names the sidecars after the real file.
    real = Path(os.path.realpath(path))
    head, size = _sqlite_head(path, source)
    sidecars = [s for s in _SIDECARS if _size(Path(f"{real}{s}"))]
    _check_sqlite(head, size, source, complete=not sidecars)
    if not sidecars:
        return _sqlite_engine(real, immutable=True), source, None
    snapshot = tempfile.TemporaryDirectory(prefix="gen2to3-")
    copy = Path(snapshot.name) / "registry.sqlite3"
    try:
        for _ in range(_COPIES):
            before = _looks(real)
            for suffix in _SIDECARS:
                Path(f"{copy}{suffix}").unlink(missing_ok=True)
            for suffix in ("", *(s for s in _SIDECARS if _size(Path(f"{real}{s}")))):
                shutil.copyfile(f"{real}{suffix}", f"{copy}{suffix}")
            # Somebody may be writing: only what did not change meanwhile belongs together.
            if _looks(real) == before:
                return _sqlite_engine(copy, immutable=False), source, snapshot
    except OSError as exc:
        snapshot.cleanup()
        raise Gen2to3Error(f"registry {source} cannot be copied for reading: {exc.strerror or exc}") from exc
    except BaseException:
        snapshot.cleanup()
        raise
    snapshot.cleanup()
    raise Gen2to3Error(
        f"registry {source} is being written, and changed during each of {_COPIES} attempts to read it; "
        "wait until whoever writes it has finished"
    )


def sqlite_state(path: Path) -> str:
    """What tells that a SQLite file is as it was, without opening it as one.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    state
        Inode, size, times and the number that every transaction counts up;
        ``""`` if that does not tell: it is no such file or cannot be read,
        has a log or a journal beside it, or uses a write-ahead log, in which
        case the number stands still.
    """
    real = Path(os.path.realpath(path))
    try:
        status = os.stat(real)
        if not stat.S_ISREG(status.st_mode) or any(_size(Path(f"{real}{s}")) for s in _SIDECARS):
            return ""
        head = read_head(real, 100)
    except OSError:
        return ""
    if len(head) < 100 or not head.startswith(_SQLITE_MAGIC) or head[18:20] != b"\x01\x01":
        return ""
    times = f"{status.st_mtime_ns} {status.st_ctime_ns}"
    return f"{real} {status.st_ino} {status.st_size} {times} {head[24:28].hex()} {head[92:100].hex()}"


def _looks(real: Path) -> list[tuple[int, int] | None]:
    """Size and modification time of a registry and what is beside it."""
    found: list[tuple[int, int] | None] = []
    for suffix in ("", *_SIDECARS):
        try:
            status = os.stat(f"{real}{suffix}")
            found.append((status.st_size, status.st_mtime_ns))
        except FileNotFoundError:
            found.append(None)
    return found


def _sqlite_head(path: Path, source: str) -> tuple[bytes, int]:
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise Gen2to3Error(f"registry {source} is not a regular file; a SQLite file was expected")
        return read_head(path, 200), status.st_size
    except (FileNotFoundError, NotADirectoryError) as exc:
        raise Gen2to3Error(f"registry {source} does not exist") from exc
    except OSError as exc:
        raise Gen2to3Error(f"registry {source} cannot be read: {exc.strerror or exc}") from exc


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _check_sqlite(head: bytes, size: int, source: str, complete: bool) -> None:
    if not head:
        raise Gen2to3Error(f"registry {source} is empty (0 bytes): copy it again from its origin")
    if head.startswith(LFS_MAGIC):
        raise Gen2to3Error(
            f"registry {source} is a Git LFS pointer, not the registry itself: "
            "run `git lfs pull` in the source repository"
        )
    if not head.startswith(_SQLITE_MAGIC[: len(head)]):
        raise Gen2to3Error(f"registry {source} is not a SQLite database: copy it again from its origin")
    expected = 100
    if len(head) >= 100:
        page = int.from_bytes(head[16:18], "big")
        # The header's page count holds only if the last writer maintained it,
        # and not while a log or journal is still to be applied.
        if complete and head[24:28] == head[92:96]:
            expected = int.from_bytes(head[28:32], "big") * (65536 if page == 1 else page)
    if size < expected:
        raise Gen2to3Error(
            f"registry {source} is truncated: {size} bytes, at least {expected} were expected; "
            "copy it again from its origin"
        )


def _sqlite_engine(path: Path, immutable: bool) -> sa.Engine:
    options = {"mode": "ro", "immutable": "1"} if immutable else {"mode": "rw"}
    database = "file:" + quote(os.fsencode(path))
    url = sa.URL.create("sqlite+pysqlite", database=database, query={**options, "uri": "true"})
    return sa.create_engine(url, poolclass=NullPool)
