"""FITS files of curated calibrations, as the stack's readers take them.

An empty primary HDU and one binary table for each table that the stack's class
has. How each product looks is in the module of its name; where it is not
exactly what the stack would write, the module says so, and why. The same text
always gives the same bytes.
"""

from __future__ import annotations

import io
import math
import os
import warnings
from collections.abc import Callable
from typing import Any

from astropy.io import fits
from astropy.table import Table

from ..nouns import CuratedDocument, Gen2to3Error
from .curated_bfk import bfk
from .curated_crosstalk import crosstalk
from .curated_defects import defects
from .curated_linearizer import linearizer
from .curated_qe_curve import qe_curve

PRODUCTS: dict[str, Callable[[CuratedDocument], list[Table]]] = {
    "defects": defects,
    "manual_defects": defects,
    "crosstalk": crosstalk,
    "linearizer": linearizer,
    "bfk": bfk,
    "qe_curve": qe_curve,
}
"""How the tables of each dataset type are made."""


def curated_tables(dataset_type: str, document: CuratedDocument) -> list[Table]:
    """The tables of a curated calibration.

    Parameters
    ----------
    dataset_type
        One of `PRODUCTS`.
    document
        What the text file says.

    Raises
    ------
    Gen2to3Error
        It does not say what a dataset of that type must; the text names the
        file.
    """
    try:
        return PRODUCTS[dataset_type](document)
    except (ValueError, TypeError, LookupError, OverflowError) as exc:
        reason = " ".join(str(exc).split())
        raise Gen2to3Error(f"{document.source}: is no {dataset_type} that can be written: {reason}") from exc


def _same(found: Any, value: Any) -> bool:
    if value is None:
        return isinstance(found, fits.card.Undefined) or found is None
    if isinstance(value, float) and isinstance(found, (int, float)):
        return math.isclose(found, value, rel_tol=1e-14)
    if isinstance(value, str):
        return isinstance(found, str) and found.rstrip() == value.rstrip()
    return type(found) is type(value) and bool(found == value)


def _check_header(hdu: fits.BinTableHDU, meta: dict[str, Any]) -> None:
    """Refuse metadata that a header cannot hold; astropy would leave it out."""
    header = fits.Header.fromstring(hdu.header.tostring())
    # FITS has one case: of two keys that differ in nothing else, the later one stays.
    for key, value in {k.upper(): v for k, v in meta.items()}.items():
        values = value if isinstance(value, list) else [value]
        found = [card.value for card in header.cards if card.keyword.upper() == key]
        if len(found) != len(values) or not all(map(_same, found, values)):
            raise ValueError(f"the metadata {key} = {value!r:.80} cannot be held by a FITS header")


def curated_hdus(tables: list[Table]) -> fits.HDUList:
    """The FITS file of tables.

    Raises
    ------
    ValueError
        A table or its metadata cannot be held by FITS.
    """
    hdus = [fits.PrimaryHDU()]
    with warnings.catch_warnings():
        # Long keys and such: what does not fit is found below.
        warnings.simplefilter("ignore")
        for table in tables:
            hdu = fits.table_to_hdu(table)
            _check_header(hdu, table.meta)
            hdus.append(hdu)
    return fits.HDUList(hdus)


def curated_bytes(dataset_type: str, document: CuratedDocument) -> bytes:
    """The content of the FITS file of a curated calibration.

    Raises
    ------
    Gen2to3Error
        The text does not say what it must, or FITS cannot hold it.
    """
    tables = curated_tables(dataset_type, document)
    stream = io.BytesIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            curated_hdus(tables).writeto(stream)
    except (ValueError, TypeError, LookupError, fits.VerifyError) as exc:
        reason = " ".join(str(exc).split())
        raise Gen2to3Error(f"{document.source}: cannot be written as FITS: {reason}") from exc
    return stream.getvalue()


def write_curated(dataset_type: str, document: CuratedDocument, path: str | os.PathLike[str]) -> None:
    """Write the FITS file of a curated calibration; a file that is there is never replaced.

    Raises
    ------
    Gen2to3Error
        The text does not say what it must, or FITS cannot hold it; then no
        file is made.
    """
    content = curated_bytes(dataset_type, document)
    with open(path, "xb") as stream:
        stream.write(content)
