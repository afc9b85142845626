"""Masters that are one file for many detectors, as one file for each.

The stack reads a master with a formatter that knows of one image in a file.
Nothing here knows cameras: which HDU is which dataset is said by `IngestFile`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy.io import fits

from .. import pixels
from ..nouns import Gen2to3Error
from ..operations import Ingest, IngestFile

_STRUCTURE = re.compile(
    r"SIMPLE|XTENSION|BITPIX|NAXIS\d*|EXTEND|NEXTEND|PCOUNT|GCOUNT|GROUPS|CHECKSUM|DATASUM|END"
)
_COMPRESSION = re.compile(
    r"Z(IMAGE|SIMPLE|TENSION|EXTEND|BLOCKED|BITPIX|NAXIS\d*|PCOUNT|GCOUNT|TILE\d+|CMPTYPE|NAME\d+|VAL\d+"
    r"|MASKCMP|QUANTIZ|DITHER0|BLANK|HECKSUM|DATASUM)"
)
_SCALING = re.compile(r"BSCALE|BZERO|BLANK")
_WHEN = "of this file as it was written"  # instead of the time: the same master is the same file


def divide(ingests: Sequence[Ingest]) -> tuple[list[Ingest], list[Ingest], list[Ingest]]:
    """Files to ingest as they are, files to split, and files that were made for the target."""
    parts: tuple[list[Ingest], list[Ingest], list[Ingest]] = ([], [], [])
    for operation in ingests:
        for number, part in enumerate(parts):
            files = tuple(f for f in operation.files if (1 if f.hdus else 2 if f.is_made else 0) == number)
            if files:
                part.append(replace(operation, files=files))
    return parts


def split(ingests: Sequence[Ingest], directory: Path) -> list[Ingest]:
    """Write one file for each dataset.

    Parameters
    ----------
    ingests
        Files with an HDU for each dataset.
    directory
        An empty directory to write to.

    Returns
    -------
    ingests
        The same datasets, each in a file of its own.

    Raises
    ------
    Gen2to3Error
        An image cannot be read, or is not what was read when it has been written.
    """
    result = []
    for number, operation in enumerate(ingests):
        files: list[IngestFile] = []
        for place, file in enumerate(operation.files):
            files += _split_file(file, directory / f"{number}-{place}")
        result.append(replace(operation, files=tuple(files)))
    return result


def _split_file(file: IngestFile, directory: Path) -> list[IngestFile]:
    if len(file.hdus) != len(file.datasets):
        raise Gen2to3Error(f"{file.path}: {len(file.datasets)} datasets in {len(file.hdus)} HDUs")
    directory.mkdir()
    pieces: list[IngestFile] = []
    with pixels.opened(file.path) as hdus:
        primary = pixels.read_primary(hdus, file.path)
        # In the order of the file: a gzipped one cannot be read backwards.
        for number, dataset in sorted(zip(file.hdus, file.datasets, strict=True)):
            path = directory / f"{len(pieces):04d}.fits"
            _write(
                path, f"{file.path} HDU {number}", primary, *pixels.read_hdu(hdus, file.path, number), number
            )
            pieces.append(IngestFile(str(path), file.formatter, (dataset,)))
            # Pixels, and the compressed ones behind them, would stay in memory until the file is closed.
            hdus[number] = fits.ImageHDU()
    return pieces


def _write(
    path: Path, what: str, primary: fits.Header, header: fits.Header, data: np.ndarray, number: int
) -> None:
    """Write one image, and read it again."""
    expected = pixels.digest(data)
    first = fits.PrimaryHDU()
    first.header.extend(_kept(primary, _SCALING), strip=False, unique=False, bottom=True)
    first.header[pixels.SOURCE_HDU] = (number, "HDU of the source file")
    first.header[pixels.SOURCE_DIGEST] = expected  # there is no room for a comment
    image = fits.ImageHDU(pixels.stored(data), do_not_scale_image_data=True)
    # Afterwards, because given a header astropy would drop the scale and repeated cards.
    image.header.extend(_kept(header), strip=False, unique=False, bottom=True)
    for hdu in (first, image):
        hdu.add_checksum(when=_WHEN)
    try:
        # Odd cards are no reason to refuse a master, nor to change it.
        fits.HDUList([first, image]).writeto(path, output_verify="ignore")
        found = _read_again(path)
    except OSError as exc:
        raise Gen2to3Error(f"{what}: cannot be written to {path}: {exc}") from exc
    if found != expected:
        raise Gen2to3Error(f"{what}: was written with other pixels: SHA-256 {found}, {expected} expected")


def _read_again(path: Path) -> str:
    """Digest of the pixels in a written file, whose checksums have to hold."""
    with pixels.opened(str(path), checksums=True) as hdus:
        _, data = pixels.read_hdu(hdus, str(path), 1)
        return pixels.digest(data)


def _kept(header: fits.Header, without: re.Pattern[str] | None = None) -> fits.Header:
    """A header's cards without those that say how the data are stored."""
    kept = header.copy()
    for name in dict.fromkeys(header.keys()):
        if any(p is not None and p.fullmatch(name) for p in (_STRUCTURE, _COMPRESSION, without)):
            kept.remove(name, ignore_missing=True, remove_all=True)
    return kept
