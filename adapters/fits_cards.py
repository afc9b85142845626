"""A few cards of every HDU of a FITS file, in one pass, never its pixels.

Headers are gone through block by block and data are skipped: a file of
seventy extensions takes milliseconds. What is read is bounded, whatever a
file claims to hold.
"""

from __future__ import annotations

import gzip
import os
import re
import stat
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, cast

from .fits_header import BLOCK, CARD, DATA_LIMIT, HEADER_LIMIT, HeaderError, one_line

MOST_HDUS = 10_000
"""More are a damaged or hostile file."""

UNPACKED_LIMIT = 1 << 32
"""Bytes that are unpacked of a gzipped file; the masters of sixty detectors take half of it."""

LONGEST_TEXT = 10_000
"""Characters after which a continued text is left as it is."""

_MAGIC = b"SIMPLE  ="
_EXTENSION = b"XTENSION="
_STRUCTURE = re.compile(rb"(?:BITPIX|NAXIS\d{0,3}|PCOUNT|GCOUNT) *$")
_QUOTED = re.compile(r"'((?:[^']|'')*)'?")


class NotFitsError(HeaderError):
    """A file that does not begin as FITS files do.

    Attributes
    ----------
    head : `bytes`
        How it begins instead.
    """

    def __init__(self, head: bytes) -> None:
        super().__init__(f"expected a FITS file (SIMPLE = …), found one that begins with {head[:16]!r}")
        self.head = head


@dataclass(frozen=True, slots=True)
class FileCards:
    """The wanted cards of one file.

    Parameters
    ----------
    hdus
        Text of the wanted cards of every HDU, the first where one is repeated.
    size, mtime_ns
        Bytes and modification time of the file, as it was opened.
    missing
        Bytes of the last HDU's data that the file does not have.
    """

    hdus: tuple[Mapping[str, str], ...]
    size: int
    mtime_ns: int
    missing: int

    def get(self, card: str) -> str:
        """Text of a card of the primary header, or else of the first extension, ``""`` if none."""
        for cards in self.hdus[:2]:
            if text := cards.get(card):
                return text
        return ""


def read_cards(path: str, wanted: Collection[str]) -> FileCards:
    """Read some cards of all headers of a file, which is opened once.

    Parameters
    ----------
    path
        FITS file, plain or gzipped. What it is is told from its content.
    wanted
        Names of cards; longer ones than eight characters are looked for in
        ``HIERARCH`` cards.

    Raises
    ------
    NotFitsError
        The file does not begin like FITS.
    HeaderError
        It is no regular file, cannot be read, is cut off within a header, or
        claims impossible sizes.
    """
    try:
        # A device may act upon being opened, and a FIFO would block: look first, and never wait.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise HeaderError("expected a FITS file, found something that is no regular file")
        with open(path, "rb", opener=_open) as raw:
            status = os.fstat(raw.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise HeaderError("expected a FITS file, found something that is no regular file")
            if raw.peek(2)[:2] == b"\x1f\x8b":
                with gzip.GzipFile(fileobj=raw) as unpacked:
                    reader = _Reader(cast(IO[bytes], unpacked), wanted, None)
                    hdus = tuple(reader.headers())
            else:
                reader = _Reader(raw, wanted, status.st_size)
                hdus = tuple(reader.headers())
    except (OSError, EOFError, zlib.error) as exc:
        raise HeaderError(f"expected a readable FITS file, found: {one_line(exc)}") from exc
    except ValueError as exc:  # a NUL in the path
        raise HeaderError(f"expected a readable FITS file, found: {one_line(exc)}") from exc
    return FileCards(hdus, status.st_size, status.st_mtime_ns, reader.missing)


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


class _Reader:
    """Goes through the HDUs of a stream; ``size`` is `None` where it is not known."""

    def __init__(self, stream: IO[bytes], wanted: Collection[str], size: int | None) -> None:
        self.missing = 0
        self._stream = stream
        self._size = size
        self._short = {name.ljust(8).encode() for name in wanted if len(name) <= 8 and " " not in name}
        self._long = {name for name in wanted if len(name) > 8 or " " in name}

    def headers(self) -> Iterator[Mapping[str, str]]:
        """Cards of one HDU after the other."""
        position = 0
        for number in range(MOST_HDUS):
            block = self._stream.read(BLOCK)
            if number == 0 and not block.startswith(_MAGIC):
                raise NotFitsError(block)
            if number and not block.startswith(_EXTENSION):
                if block and _EXTENSION.startswith(block):
                    raise HeaderError(
                        f"expected an END card, found none within {len(block)} bytes of HDU {number}"
                    )
                return
            header = _Header(self._short, self._long)
            length = 0
            while not header.take(block):
                length += len(block)
                if length > HEADER_LIMIT or len(block) < BLOCK:
                    raise HeaderError(
                        f"expected an END card, found none within {length} bytes of HDU {number}"
                    )
                block = self._stream.read(BLOCK)
            yield {key: text.strip() for key, text in header.cards.items()}
            position += length + BLOCK
            data = header.data_size()
            if not 0 <= data < DATA_LIMIT:
                raise HeaderError(f"expected the size of HDU {number}, found {data} bytes")
            if self._skip(position, data):
                return
            position += -(-data // BLOCK) * BLOCK

    def _skip(self, position: int, data: int) -> bool:
        """Skip data; whether the file ends before they do."""
        if self._size is None and position + data > UNPACKED_LIMIT:
            raise HeaderError(
                f"expected at most {UNPACKED_LIMIT} bytes when unpacked, found that more are claimed"
            )
        if data:
            self._stream.seek(position + -(-data // BLOCK) * BLOCK)
        # Beyond its end, a plain file can be positioned, and a packed one stays where it ends.
        end = self._stream.tell() if self._size is None else self._size
        self.missing = max(0, position + data - end)
        return self.missing > 0


class _Header:
    """The wanted cards of a header, and those that say how much data follow."""

    def __init__(self, short: Collection[bytes], long: Collection[str]) -> None:
        self.cards: dict[str, str] = {}
        self._short = short
        self._long = long
        self._shape: dict[str, int] = {}
        self._continued = ""

    def take(self, block: bytes) -> bool:
        """Take the cards of one block; whether it has the END."""
        for start in range(0, len(block), CARD):
            name = block[start : start + 8]
            if name == b"END     ":
                return True
            if self._continued:
                self._continue(name, block[start + 8 : start + CARD])
            if name in self._short:
                self._add(name.decode("ascii").strip(), block[start + 10 : start + CARD])
            elif self._long and name == b"HIERARCH":
                key, _, text = block[start + 8 : start + CARD].partition(b"=")
                key_text = " ".join(key.decode("ascii", "replace").split())
                if key_text in self._long:
                    self._add(key_text, text)
            if _STRUCTURE.match(name):
                value = _value(block[start + 10 : start + CARD])
                number = int(value) if value.lstrip("-").isdigit() else -1
                self._shape.setdefault(name.decode("ascii").strip(), number)
        return False

    def _add(self, key: str, text: bytes) -> None:
        if key in self.cards:
            return
        value = _value(text)
        self.cards[key] = value
        self._continued = key if value.endswith("&") else ""

    def _continue(self, name: bytes, text: bytes) -> None:
        key, self._continued = self._continued, ""
        if name != b"CONTINUE":
            return
        value = self.cards[key][:-1] + _value(text)
        self.cards[key] = value
        self._continued = key if value.endswith("&") and len(value) < LONGEST_TEXT else ""

    def data_size(self) -> int:
        """Bytes of data behind the header, without padding (FITS standard, equation 2)."""
        axes = self._shape.get("NAXIS", 0)
        if axes <= 0:
            return 0
        elements = 1
        for axis in range(1, axes + 1):
            elements *= self._shape.get(f"NAXIS{axis}", 0)
        per_group = self._shape.get("PCOUNT", 0) + elements
        return abs(self._shape.get("BITPIX", 8)) // 8 * self._shape.get("GCOUNT", 1) * per_group


def _value(card: bytes) -> str:
    text = card.decode("ascii", "replace").strip()
    if match := _QUOTED.match(text):
        # Blanks at the begin count, where a text goes on from the card before.
        return match[1].replace("''", "'").rstrip()
    return text.partition("/")[0].strip()
