"""What a file is, told from its first bytes.

A repository that was cloned without its large files, copied in part, or
cleaned by hand has files of every sort under names that end in ``.fits``.
Nothing here reads more than the first kilobyte of a file, and nothing is ever
unpickled or otherwise interpreted.
"""

from __future__ import annotations

import enum
import os
import stat
import zlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_P = TypeVar("_P", bound="str | os.PathLike[str]")

_HEAD = 130
"""Bytes read from every file: a Git LFS pointer is about as long as this."""

_GZ_HEAD = 1024
"""Bytes read from a gzip file: its header may carry a file name."""

_GZ_OUT = 256
"""Bytes decompressed at most, so that a hostile file cannot fill the memory."""

_FITS_MAGIC = b"SIMPLE  ="
_GZIP_MAGIC = b"\x1f\x8b"
LFS_MAGIC = b"version https://git-lfs.github.com/spec/"
"""How the text that Git LFS leaves in place of a large file begins."""


class FileState(enum.Enum):
    """What the first bytes of a file say that it is."""

    FITS = "fits"
    FITS_GZ = "fits_gz"
    LFS_POINTER = "lfs_pointer"
    EMPTY = "empty"
    NOT_FITS = "not_fits"
    UNREADABLE = "unreadable"
    MISSING = "missing"

    @property
    def is_fits(self) -> bool:
        """Whether the file can be read as FITS."""
        return self in (FileState.FITS, FileState.FITS_GZ)


_REASONS = {
    FileState.FITS: "is a FITS file",
    FileState.FITS_GZ: "is a gzipped FITS file",
    FileState.LFS_POINTER: "is a Git LFS pointer, not the file itself: "
    "run `git lfs pull` in the source repository",
    FileState.EMPTY: "is empty (0 bytes): copy the file again from its origin",
    FileState.NOT_FITS: "is not a FITS file (it does not begin with 'SIMPLE  ='): "
    "check that it was copied completely",
    FileState.UNREADABLE: "cannot be read as a regular file: check what it is and its permissions",
    FileState.MISSING: "does not exist: restore it, or leave out the rows that name it",
}


def printable(value: object) -> str:
    r"""Text that can be printed anywhere, on one line.

    Bytes of a file name that are not UTF-8, and control characters, are shown
    as backslash escapes.

    Parameters
    ----------
    value
        A path or other text, possibly with surrogate escapes.

    Returns
    -------
    text
        The same with ``\\xNN`` or ``\\udcNN`` in place of what cannot be shown.
    """
    text = str(value).encode("utf-8", "backslashreplace").decode("utf-8")
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def read_head(path: str | os.PathLike[str], size: int) -> bytes:
    """Read the first bytes of a regular file.

    Parameters
    ----------
    path
        File to read. A FIFO or a device is refused and never waited for.
    size
        Most bytes to read.

    Returns
    -------
    head
        Up to ``size`` bytes.

    Raises
    ------
    OSError
        If the file cannot be read or is not a regular file.
    """
    # O_NONBLOCK: opening a FIFO for reading would otherwise wait for a writer
    # if the file were replaced by one after the caller looked.
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError("not a regular file")
        head = b""
        while len(head) < size and (more := os.read(fd, size - len(head))):
            head += more
        return head
    finally:
        os.close(fd)


def sniff(path: str | os.PathLike[str]) -> FileState:
    """Tell what a file is from its first bytes.

    Parameters
    ----------
    path
        File to look at; symbolic links are followed.

    Returns
    -------
    state
        What it is. Never raises for what is on disk.
    """
    try:
        # A device may act upon being opened, so look before opening.
        if not stat.S_ISREG(os.stat(path).st_mode):
            return FileState.UNREADABLE
        head = read_head(path, _HEAD)
        if head.startswith(_GZIP_MAGIC):
            head = read_head(path, _GZ_HEAD)
    except (FileNotFoundError, NotADirectoryError):
        return FileState.MISSING
    except (OSError, ValueError):  # ValueError: NUL in the name
        return FileState.UNREADABLE
    return state_of(head)


def state_of(head: bytes) -> FileState:
    """Tell what a file is that begins with these bytes.

    Parameters
    ----------
    head
        The first 130 bytes or more; of a gzipped file a kilobyte.
    """
    if not head:
        return FileState.EMPTY
    if head.startswith(_FITS_MAGIC):
        return FileState.FITS
    if head.startswith(LFS_MAGIC):
        return FileState.LFS_POINTER
    if head.startswith(_GZIP_MAGIC) and _gunzip_head(head).startswith(_FITS_MAGIC):
        return FileState.FITS_GZ
    return FileState.NOT_FITS


def _gunzip_head(head: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(head, _GZ_OUT)
    except zlib.error:
        return b""


def describe(state: FileState, path: str | os.PathLike[str]) -> str:
    """Say in one line what a file is and what to do about it.

    Parameters
    ----------
    state
        What `sniff` found.
    path
        The file.

    Returns
    -------
    reason
        Path, what it is, what to do.
    """
    return f"{printable(os.fspath(path))} {_REASONS[state]}"


def sniff_many(paths: Iterable[_P], workers: int) -> dict[_P, FileState]:
    """Tell what many files are.

    Parameters
    ----------
    paths
        Files to look at; one given twice is looked at once.
    workers
        Threads. The work is waiting for the file system, so more than the
        number of cores is sensible.

    Returns
    -------
    states
        State of each path, in the order given.
    """
    unique = list(dict.fromkeys(paths))
    if workers <= 1 or len(unique) < 2:
        return {path: sniff(path) for path in unique}
    with ThreadPoolExecutor(max_workers=workers) as pool:
        return dict(zip(unique, pool.map(sniff, unique), strict=True))
