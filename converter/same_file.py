"""Whether a file in the repository is the Gen2 file that it should be."""

from __future__ import annotations

import os
from functools import lru_cache

from adapters.camera import Extensions
from adapters.extensions import read_contents
from adapters.fits_header import HeaderError

from . import pixels
from .nouns import Gen2to3Error

ENDS = 64 * 1024


class FileIdentity:
    """Compares files, looking at each one once."""

    def __init__(self) -> None:
        self.stat = lru_cache(maxsize=None)(_stat)
        self.ends = lru_cache(maxsize=4096)(_ends)
        self.contents = lru_cache(maxsize=4096)(read_contents)
        self.digest = lru_cache(maxsize=None)(_digest)
        self.piece = lru_cache(maxsize=None)(_piece)
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

    def is_piece(self, source: str, rule: Extensions, detector: int | None, path: str) -> bool:
        """Whether a file holds one detector of a source file, and nothing but it.

        Its cards say which HDU it is of, and what the digest of the pixels is. The
        HDU has to be the detector's, and the pixels of both files have to have
        that digest.
        """
        cards = self.piece(path) if os.path.isabs(path) else None
        if cards is None or detector is None:
            return False
        try:
            if self.contents(source, rule).hdus.get(detector) != cards[0]:
                return False
            return self.digest(source, cards[0]) == cards[1] == self.digest(path, 1)
        except (Gen2to3Error, HeaderError):
            return False

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


def _digest(path: str, hdu: int) -> str:
    """SHA-256 of the pixels of one HDU."""
    with pixels.opened(path) as hdus:
        return pixels.digest(pixels.read_hdu(hdus, path, hdu)[1])


def _piece(path: str) -> tuple[int, str] | None:
    """HDU of the source and digest of its pixels, if the file says that it was split off."""
    try:
        with pixels.opened(path) as hdus:
            header = pixels.read_primary(hdus, path)
            hdu, digest = header.get(pixels.SOURCE_HDU), header.get(pixels.SOURCE_DIGEST)
    except Gen2to3Error:
        return None
    return (hdu, digest) if isinstance(hdu, int) and isinstance(digest, str) else None
