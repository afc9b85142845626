"""Whether a file in the repository is the Gen2 file that it should be."""

from __future__ import annotations

import os
from functools import lru_cache

ENDS = 64 * 1024


class FileIdentity:
    """Compares files, looking at each one once."""

    def __init__(self) -> None:
        self.stat = lru_cache(maxsize=None)(_stat)
        self.ends = lru_cache(maxsize=4096)(_ends)
        self._known: dict[tuple[str, str], bool] = {}

    def same(self, first: str, second: str) -> bool:
        """Whether two paths name one file, or copies of one.

        Links (of both kinds) have the same inode. Of copies the size and both
        ends are compared: FITS headers of masters tell dates and detectors.
        What lies between is not read; that is what checksums are for.
        """
        if first == second:
            return True
        key = (first, second)
        if key not in self._known:
            self._known[key] = self._same(first, second)
        return self._known[key]

    def _same(self, first: str, second: str) -> bool:
        one, two = self.stat(first), self.stat(second)
        if one is None or two is None:
            return False
        if one[:2] == two[:2]:
            return True
        return one[2] == two[2] and self.ends(first) == self.ends(second)


def _stat(path: str) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size


def _ends(path: str) -> bytes:
    with open(path, "rb") as stream:
        head = stream.read(ENDS)
        size = os.fstat(stream.fileno()).st_size
        stream.seek(max(0, size - ENDS))
        return head + stream.read(ENDS)
