"""Which detectors a multi-extension FITS file holds, from its headers alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from astropy.io.fits import Header

from .camera import Extensions
from .fits_cards import read_cards


@dataclass(frozen=True, slots=True)
class Contents:
    """The detectors of one file.

    Parameters
    ----------
    hdus
        Number of the HDU of every detector.
    others
        Extensions that hold none.
    repeated
        Extensions of a detector that an earlier one holds.
    """

    hdus: Mapping[int, int]
    others: int
    repeated: int = 0


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
    return find_detectors(read_cards(path, cards_of(rule)).hdus, rule)


def cards_of(rule: Extensions) -> set[str]:
    """Cards that tell detectors apart."""
    return {name for name in (rule.card, rule.compressed, "EXTNAME") if name}


def find_detectors(headers: Sequence[Mapping[str, str]], rule: Extensions) -> Contents:
    """Find the detectors in a file whose cards have been read.

    Parameters
    ----------
    headers
        Cards of every HDU, the primary first.
    rule
        How an extension says which detector it holds.
    """
    hdus: dict[int, int] = {}
    others = repeated = 0
    # The primary holds no detector in a multi-extension file.
    for number, cards in enumerate(headers[1:], start=1):
        detector = detector_of(number, cards, rule)
        if detector is None:
            others += 1
        elif detector in hdus:
            repeated += 1
        else:
            hdus[detector] = number
    return Contents(hdus, others, repeated)


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
    wanted = cards_of(rule)
    for number, header in enumerate(extensions, start=1):
        if detector_of(number, {name: _text(header, name) for name in wanted}, rule) is not None:
            yield header


def _text(header: Header, name: str) -> str:
    try:
        return str(header.get(name, "")).strip()
    except Exception:  # a card that cannot be parsed names nothing
        return ""


def out_of_place(hdus: Mapping[int, int], file: str = "") -> str:
    """Why detectors in these HDUs cannot be read, where the formatter opens the HDU of the detector's number."""
    detector, hdu = min(hdus.items())
    more = f", and {len(hdus) - 1} more are out of place" if len(hdus) > 1 else ""
    return (
        f"expected detector {detector} in HDU {detector}, which is what the stack's formatter opens, "
        f"found it in HDU {hdu}{f' of {file}' if file else ''}{more}; "
        "convert with --split-masters, or leave the file out with --exclude"
    )
