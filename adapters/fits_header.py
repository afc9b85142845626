"""FITS headers as bytes: bounded reading of the first two, never of pixels.

`astropy.io.fits.open` would do, but it builds an HDU list, reads a header of
any size before anyone can object, and its errors do not say what the file is
instead of FITS. Here blocks are read up to ``END`` or a limit, and astropy only
parses the cards.
"""

from __future__ import annotations

import gzip
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from typing import IO, cast

from astropy.io.fits import Header

from converter.nouns import Gen2to3Error

BLOCK = 2880
CARD = 80

HEADER_LIMIT = 2_000_000
"""Bytes of one header. The longest known (DECam, HSC) have some 10^4."""

DATA_LIMIT = 1 << 50
"""Bytes that a primary HDU may claim; more is a damaged header."""

LFS_POINTER = b"version https://git-lfs"


class HeaderError(Gen2to3Error):
    """A file's header cannot be read or translated; the text says why, without the file's name."""


def one_line(text: object, limit: int = 400) -> str:
    """Text with all white space runs made one space, cut at ``limit`` characters."""
    flat = " ".join(str(text).split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


class HeaderFile:
    """The headers of an open FITS file, from the first on.

    Parameters
    ----------
    stream
        Binary stream at the beginning of the (uncompressed) file.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._primary: bytes | None = None

    def primary(self) -> Header:
        """The primary header, parsed anew at each call, as translation modifies what it gets.

        Raises
        ------
        HeaderError
            The file does not begin with a FITS header.
        """
        if self._primary is None:
            self._primary = self._read(b"SIMPLE  =")
        return Header.fromstring(self._primary)

    def extensions(self) -> Iterator[Header]:
        """The headers behind the primary, one after the other; to be asked once.

        Raises
        ------
        HeaderError
            An HDU claims an impossible amount of data, or what follows it is
            no header.
        """
        header = self.primary()
        while True:
            size = _data_size(header)
            try:
                self._stream.seek(-(-size // BLOCK) * BLOCK, os.SEEK_CUR)
                first = self._stream.read(BLOCK)
            except (OSError, EOFError, zlib.error) as exc:
                raise HeaderError(f"expected an HDU or the end of the file, found: {one_line(exc)}") from exc
            # FITS allows special records after the last HDU; they are no extension.
            if not first.startswith(b"XTENSION="):
                return
            header = Header.fromstring(self._read(b"XTENSION=", first))
            yield header

    def _read(self, magic: bytes, first: bytes = b"") -> bytes:
        """Bytes of the header that begins here, up to its ``END`` card; the stream is left behind it."""
        parts: list[bytes] = []
        size = 0
        while size < HEADER_LIMIT:
            try:
                block = first or self._stream.read(BLOCK)
            except (OSError, EOFError, zlib.error) as exc:
                raise HeaderError(f"expected a FITS header, reading it failed: {one_line(exc)}") from exc
            first = b""
            if not parts:
                _check_magic(block, magic)
            for start in range(0, len(block), CARD):
                if block[start : start + CARD].rstrip() == b"END":
                    return b"".join([*parts, block[:start]])
            size += len(block)
            if len(block) < BLOCK:
                raise HeaderError(f"expected an END card, found the end of the file after {size} bytes")
            parts.append(block)
        raise HeaderError(f"expected an END card within {HEADER_LIMIT} bytes, found none")


def _check_magic(block: bytes, magic: bytes) -> None:
    if block.startswith(magic):
        return
    if not block:
        raise HeaderError("expected a FITS file, found it empty")
    if block.startswith(LFS_POINTER):
        raise HeaderError("expected a FITS file, found a Git LFS pointer; run `git lfs pull`")
    raise HeaderError(f"expected a FITS file (SIMPLE = …), found one that begins with {block[:16]!r}")


def _data_size(header: Header) -> int:
    """Bytes of data behind a primary header, without padding (FITS standard, equations 1 and 2)."""
    try:
        shape = [int(header[f"NAXIS{i}"]) for i in range(1, min(int(header.get("NAXIS", 0)), 999) + 1)]
        if not shape:
            return 0
        if shape[0] == 0 and header.get("GROUPS", False):  # random groups
            del shape[0]
        per_group = int(header.get("PCOUNT", 0)) + prod(shape)
        size = abs(int(header["BITPIX"])) // 8 * int(header.get("GCOUNT", 1)) * per_group
    except Exception as exc:  # any card may be missing or unparsable
        raise HeaderError(f"expected the size of the primary HDU's data, found: {one_line(exc)}") from exc
    if not 0 <= size < DATA_LIMIT:
        raise HeaderError(f"expected the size of the primary HDU's data, found {size} bytes")
    return size


@contextmanager
def open_header(path: str) -> Iterator[HeaderFile]:
    """Open a FITS file, plain or gzipped, for reading its headers.

    Parameters
    ----------
    path
        File to read. What it is is told from its content, not its name.

    Raises
    ------
    HeaderError
        The file cannot be opened.
    """
    try:
        # A FIFO would block for ever in open().
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise HeaderError("expected a FITS file, found something that is no regular file")
        raw = open(path, "rb")  # noqa: SIM115 (closed below; errors of the caller are not to be caught here)
    except OSError as exc:
        raise HeaderError(f"expected a readable FITS file, found: {exc.strerror or one_line(exc)}") from exc
    except ValueError as exc:  # a NUL in the path
        raise HeaderError(f"expected a readable FITS file, found: {one_line(exc)}") from exc
    with raw:
        if raw.peek(2)[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=raw) as unpacked:
                yield HeaderFile(cast(IO[bytes], unpacked))
        else:
            yield HeaderFile(raw)
