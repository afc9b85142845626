"""Stored pixels of FITS files, bit by bit.

What writes pixels and what verifies them share only this: how they are read
and what their digest is.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from astropy.io import fits

from .nouns import Gen2to3Error

SOURCE_DIGEST, SOURCE_HDU = "G2T3SHA", "G2T3HDU"
"""Cards in the primary header of a file that was split off another one.

SHA-256 of the pixels in the source, and the number of their HDU there.
"""


@contextmanager
def opened(path: str, checksums: bool = False) -> Iterator[fits.HDUList]:
    """Open a FITS file to read what is stored in it.

    Compressed images are unpacked. Pixels stay as they are stored: scaled
    with ``BSCALE`` and ``BZERO`` they would have another type, and nothing
    that is mapped into memory can be written back by mistake.

    Parameters
    ----------
    path
        The file.
    checksums
        Whether an HDU that does not match its checksums is an error.

    Raises
    ------
    Gen2to3Error
        The file cannot be opened.
    """
    with warnings.catch_warnings():
        # Odd cards are kept as they are, and whatever is cut off is missed where it is read.
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", message="(Checksum|Datasum) verification failed")
        try:
            hdus = fits.open(
                path, mode="readonly", memmap=False, do_not_scale_image_data=True, checksum=checksums
            )
        except Exception as exc:  # astropy raises whatever it stumbles upon
            raise Gen2to3Error(f"{path}: cannot be read as FITS: {exc}; restore the file") from exc
        with hdus:
            yield hdus


def read_hdu(hdus: fits.HDUList, path: str, number: int) -> tuple[fits.Header, np.ndarray]:
    """Header and stored pixels of one image.

    Parameters
    ----------
    hdus
        From `opened`.
    path
        The file, for messages.
    number
        Number of the HDU.

    Raises
    ------
    Gen2to3Error
        There is no such HDU, it is no image, or its pixels cannot be read.
    """
    what = f"{path} HDU {number}"
    try:
        hdu = hdus[number]
        image = hdu.is_image
        data = hdu.data if image else None
    except Exception as exc:
        raise Gen2to3Error(
            f"{what}: cannot be read: {str(exc) or type(exc).__name__}; restore the file"
        ) from exc
    if data is None:
        raise Gen2to3Error(
            f"{what}: expected an image, found {'no pixels' if image else 'another kind of HDU'}"
        )
    return hdu.header, data


def read_primary(hdus: fits.HDUList, path: str) -> fits.Header:
    """Header of the primary HDU.

    Raises
    ------
    Gen2to3Error
        It cannot be read.
    """
    try:
        return hdus[0].header
    except Exception as exc:
        raise Gen2to3Error(f"{path} HDU 0: cannot be read: {exc}; restore the file") from exc


def stored(data: np.ndarray) -> np.ndarray:
    """The same pixels in the order of bytes that FITS prescribes."""
    return np.ascontiguousarray(data, dtype=data.dtype.newbyteorder(">"))


def digest(data: np.ndarray) -> str:
    """SHA-256 of the pixels as an uncompressed FITS file holds them."""
    return hashlib.sha256(stored(data).data).hexdigest()
