"""Text files as users give them: read whole, with an error in one line if that cannot be."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from converter.nouns import Gen2to3Error

from ..gen2.files import LFS_MAGIC, printable

MAX_BYTES = 64 * 1024 * 1024
"""Largest table; one line for every detector of a hundred nights is about a megabyte."""


def read_text(path: str | os.PathLike[str], what: str, max_bytes: int = MAX_BYTES) -> str:
    """The content of a text file.

    Parameters
    ----------
    path
        The file.
    what
        What it is expected to be, for messages.
    max_bytes
        Largest size accepted.

    Raises
    ------
    Gen2to3Error
        It is not there, no regular file, too large, or not in UTF-8.
    """
    name = printable(Path(path))
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise Gen2to3Error(f"{name} is not a regular file; {what} was expected")
        with open(path, "rb") as stream:
            data = stream.read(max_bytes + 1)
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else exc
        raise Gen2to3Error(f"{name} cannot be read: {reason}; {what} was expected") from exc
    if len(data) > max_bytes:
        raise Gen2to3Error(f"{name} is larger than {max_bytes} bytes; {what} was expected")
    if data.startswith(LFS_MAGIC):
        raise Gen2to3Error(f"{name} is a Git LFS pointer: run `git lfs pull` in the repository it is from")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise Gen2to3Error(
            f"{name} line {line}: byte {data[exc.start]:#04x} is not UTF-8; save the file as UTF-8"
        ) from exc
