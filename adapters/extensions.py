"""Which detectors a multi-extension FITS file holds, from its headers alone.

Only the few cards that say so are looked at, block by block, and data are
skipped: a file of seventy extensions takes milliseconds.
"""

from __future__ import annotations

import gzip
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, cast

from astropy.io.fits import Header

from .camera import Extensions
from .fits_header import BLOCK, CARD, DATA_LIMIT, HEADER_LIMIT, HeaderError

MOST_HDUS = 10_000
"""More are a damaged or hostile file."""

_STRUCTURE = re.compile(rb"(?:BITPIX|NAXIS\d{0,3}|PCOUNT|GCOUNT) *$")


@dataclass(frozen=True, slots=True)
class Contents:
    """The detectors of one file.

    Parameters
    ----------
    hdus
        Number of the HDU of every detector.
    others
        Extensions that hold none.
    """

    hdus: Mapping[int, int]
    others: int


def read_contents(path: str, rule: Extensions) -> Contents:
    """Find the detectors in a file.

    Parameters
    ----------
    path
        FITS file, plain or gzipped.
    rule
        How an extension says which detector it holds.

    Raises
    ------
    HeaderError
        The file is no FITS file, or is cut off within a header.
    """
    wanted = _cards_of(rule)
    hdus: dict[int, int] = {}
    others = 0
    for number, cards in enumerate(_headers(path, wanted)):
        if number == 0:
            continue  # the primary holds no detector in a multi-extension file
        detector = detector_of(number, cards, rule)
        if detector is None:
            others += 1
        else:
            hdus.setdefault(detector, number)
    return Contents(hdus, others)


def detector_of(number: int, cards: Mapping[str, str], rule: Extensions) -> int | None:
    """The detector that an HDU (by number and cards) holds, `None` if it holds none."""
    if not rule.card:
        value = str(number)
    elif rule.compressed and cards.get("EXTNAME") == "COMPRESSED_IMAGE":
        value = cards.get(rule.compressed, "")
        return int(value) + rule.offset if value.isdigit() else None
    else:
        value = cards.get(rule.card, "")
    if rule.pattern:
        match = re.fullmatch(rule.pattern, value)
        value = match[1] if match else ""
    if not value.isdigit() or (rule.highest is not None and int(value) > rule.highest):
        return None
    return int(value) + rule.offset


def detector_headers(extensions: Iterable[Header], rule: Extensions) -> Iterator[Header]:
    """Those headers of a file's extensions that hold a detector.

    Parameters
    ----------
    extensions
        All of them, in order.
    rule
        How an extension says which detector it holds.
    """
    wanted = _cards_of(rule)
    for number, header in enumerate(extensions, start=1):
        if detector_of(number, {name: _text(header, name) for name in wanted}, rule) is not None:
            yield header


def _cards_of(rule: Extensions) -> set[str]:
    return {name for name in (rule.card, rule.compressed, "EXTNAME") if name}


def _text(header: Header, name: str) -> str:
    try:
        return str(header.get(name, "")).strip()
    except Exception:  # a card that cannot be parsed names nothing
        return ""


def _headers(path: str, wanted: set[str]) -> Iterator[dict[str, str]]:
    """The wanted cards of every HDU, the first where one is repeated."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise HeaderError("expected a FITS file, found something that is no regular file")
        with open(path, "rb") as raw:
            if raw.peek(2)[:2] == b"\x1f\x8b":
                with gzip.GzipFile(fileobj=raw) as unpacked:
                    yield from _read_headers(cast(IO[bytes], unpacked), wanted)
            else:
                yield from _read_headers(raw, wanted)
    except (OSError, EOFError) as exc:
        raise HeaderError(f"expected a readable FITS file, found: {exc}") from exc


def _read_headers(stream: IO[bytes], wanted: set[str]) -> Iterator[dict[str, str]]:
    names = {name.ljust(8).encode() for name in wanted}
    for number in range(MOST_HDUS):
        block = stream.read(BLOCK)
        if number == 0 and not block.startswith(b"SIMPLE  ="):
            raise HeaderError(f"expected a FITS file (SIMPLE = …), found one that begins with {block[:16]!r}")
        if not block.startswith((b"SIMPLE  =", b"XTENSION=")):
            return
        cards: dict[str, str] = {}
        shape: dict[str, int] = {}
        size = 0
        while not _read_block(block, names, cards, shape):
            size += len(block)
            if size > HEADER_LIMIT or len(block) < BLOCK:
                raise HeaderError(f"expected an END card, found none within {size} bytes of HDU {number}")
            block = stream.read(BLOCK)
        yield cards
        data = _data_size(shape)
        if not 0 <= data < DATA_LIMIT:
            raise HeaderError(f"expected the size of HDU {number}, found {data} bytes")
        stream.seek(-(-data // BLOCK) * BLOCK, os.SEEK_CUR)


def _read_block(block: bytes, names: set[bytes], cards: dict[str, str], shape: dict[str, int]) -> bool:
    """Take the cards of one block; whether it has the END."""
    for start in range(0, len(block), CARD):
        name = block[start : start + 8]
        if name == b"END     ":
            return True
        if name in names or _STRUCTURE.match(name):
            text = block[start + 10 : start + CARD].decode("ascii", "replace")
            key = name.decode("ascii").strip()
            if name in names:
                cards.setdefault(key, _value(text))
            else:
                value = _value(text)
                shape.setdefault(key, int(value) if value.lstrip("-").isdigit() else -1)
    return False


def _value(text: str) -> str:
    text = text.strip()
    if text.startswith("'"):
        return text[1:].partition("'")[0].strip()
    return text.partition("/")[0].strip()


def _data_size(shape: Mapping[str, int]) -> int:
    """Bytes of data behind a header, without padding (FITS standard, equation 2)."""
    axes = shape.get("NAXIS", 0)
    if axes <= 0:
        return 0
    elements = 1
    for axis in range(1, axes + 1):
        elements *= shape.get(f"NAXIS{axis}", 0)
    return abs(shape.get("BITPIX", 8)) // 8 * shape.get("GCOUNT", 1) * (shape.get("PCOUNT", 0) + elements)
