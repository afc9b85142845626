"""Files that a user has of what only the stack can write: what they are, told from name and header.

Nothing but headers is opened, and nothing is unpickled.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from adapters.camera import Camera, HandedFiles
from adapters.fits_header import HeaderError
from adapters.gen2.files import describe, printable, sniff
from converter.nouns import DataId, Gen2to3Error

from .types import STANDARD_TYPES

LEVELS = 2
"""Directories above a file that may name its detector or filter."""


def ingestible(camera: Camera) -> dict[str, HandedFiles]:
    """The dataset types of which files are taken as they are, and what those are."""
    known = {
        t.name: HandedFiles(t.dimensions, t.storage_class) for t in STANDARD_TYPES.values() if not t.written
    }
    rules = (*camera.hand_offs, *camera.also_curated)
    return known | {rule.dataset_type: rule.files for rule in rules if rule.files is not None}


def check_file(how: HandedFiles, path: Path) -> None:
    """Refuse a file that cannot be a dataset of its type.

    Raises
    ------
    Gen2to3Error
        It is no FITS file, or has other extensions.
    """
    state = sniff(path)
    if not state.is_fits:
        raise Gen2to3Error(describe(state, path))
    if not how.extensions:
        return
    try:
        found = _extensions(path)
    except (HeaderError, OSError, ValueError) as exc:
        raise Gen2to3Error(f"its headers cannot be read: {printable(' '.join(str(exc).split()))}") from exc
    if found != how.extensions:
        raise Gen2to3Error(
            f"has the extensions {', '.join(map(printable, found)) or 'none'}; "
            f"expected {', '.join(how.extensions)}, as the stack writes them"
        )


def _extensions(path: Path) -> tuple[str, ...]:
    from astropy.io import fits

    # Headers only: data are not read until somebody asks for them.
    with fits.open(path, lazy_load_hdus=False) as hdus:
        return tuple(str(hdu.header.get("EXTNAME", "")) for hdu in hdus[1:])


def data_id_of(camera: Camera, how: HandedFiles, path: Path) -> DataId:
    """Detector and filter of a file.

    Raises
    ------
    Gen2to3Error
        Its path does not say them, or says several.
    """
    detector: int | None = None
    physical_filter: str | None = how.physical_filter or None
    instrument = camera.instrument
    if how.pattern:
        match = re.fullmatch(how.pattern, path.name)
        if match is None:
            raise Gen2to3Error(f"its name is not of the form {how.pattern}")
        detector = int(match["detector"])
        if detector not in {d.id for d in instrument.detectors}:
            raise Gen2to3Error(f"{detector} in its name is no detector of {instrument.name}")
    elif "detector" in how.dimensions:
        named = _named(path, (d.full_name for d in instrument.detectors), "detector", instrument.name)
        detector = next(d.id for d in instrument.detectors if d.full_name == named)
    if "physical_filter" in how.dimensions and physical_filter is None:
        physical_filter = _named(path, (f.name for f in instrument.filters), "filter", instrument.name)
    return DataId(detector=detector, physical_filter=physical_filter)


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "_", text.lower())


def _named(path: Path, names: Iterable[str], what: str, instrument: str) -> str:
    """The one name that stands in a file's name, or else in a directory near it."""
    by_text: dict[str, list[str]] = {}
    for name in names:
        by_text.setdefault(_plain(name), []).append(name)
    stem = path.name.removesuffix(".gz").removesuffix(".fits")
    for part in (stem, *(parent.name for parent in list(path.parents)[:LEVELS])):
        spans = {
            (m.start(), m.end()): text
            for text in by_text
            for m in re.finditer(rf"(?<![a-z0-9]){text}(?![a-z0-9])", _plain(part))
        }
        # "empty" says nothing where "sdssg_65mm_empty" stands.
        longest = {
            text
            for (a, b), text in spans.items()
            if not any(c <= a and b <= d and (c, d) != (a, b) for c, d in spans)
        }
        found = sorted(name for text in longest for name in by_text[text])
        if len(found) == 1:
            return found[0]
        if found:
            raise Gen2to3Error(f"{printable(part)!r} names several {what}s: {', '.join(found)}")
    raise Gen2to3Error(
        f"neither its name nor its directories name a {what} of {instrument}; "
        "put the name in, as the stack and the data packages do"
    )
