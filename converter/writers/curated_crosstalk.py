"""Crosstalk: a square matrix of coefficients for the amplifiers of a detector.

Version 1.2 is written. What an older text lacks is filled as the stack's
reader does: zero for errors, counts, quadratic terms and gains, true for
validity, ``adu`` for the units. The stack loses the detector's name and serial
number where a text calls them ``DETECTOR_NAME`` and ``DETECTOR_SERIAL`` only;
here they are kept, under all names that its readers look for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.table import Table

from ..nouns import CuratedDocument
from .curated_meta import Product, check_obstype, followed_by, numbers, standard

CROSSTALK = Product(
    "CROSSTALK",
    "Gen3 Crosstalk",
    1.2,
    ("lsst.ip.isr.crosstalk.CrosstalkCalib", "lsst.ip.isr.CrosstalkCalib"),
)

# Column, key in YAML, type, value where the text has none.
_MATRICES: tuple[tuple[str, str, type, float], ...] = (
    ("CT_COEFFS", "coeffs", np.float64, 0.0),
    ("CT_ERRORS", "coeffErr", np.float64, 0.0),
    ("CT_COUNTS", "coeffNum", np.int64, 0),
    ("CT_VALID", "coeffValid", np.bool_, True),
    ("CT_COEFFS_SQR", "coeffsSqr", np.float64, 0.0),
    ("CT_ERRORS_SQR", "coeffErrSqr", np.float64, 0.0),
    ("CT_AMP_GAIN_RATIOS", "ampGainRatios", np.float64, 0.0),
)


def _values(value: Any, length: int, kind: type, what: str) -> np.ndarray:
    array = np.asarray(value) if kind is np.bool_ else numbers(value, what)
    if kind is np.bool_ and array.dtype.kind != "b":
        raise ValueError(f"{what}: expected true or false, found {array.dtype.name} values")
    if kind is np.int64 and array.dtype.kind == "f":
        raise ValueError(f"{what}: expected integers, found {array.dtype.name} values")
    if array.size != length:
        raise ValueError(f"{what}: has {array.size} values, expected {length}")
    return array.reshape(length).astype(kind)


def crosstalk(document: CuratedDocument) -> list[Table]:
    """The tables of a document: the matrix, and those of other source detectors.

    Raises
    ------
    ValueError
        A key is missing, or a matrix has another size than the amplifiers give.
    """
    check_obstype(document, CROSSTALK)
    content, metadata = document.content, document.metadata
    if content.get("hasCrosstalk", metadata.get("HAS_CROSSTALK", False)) is not True:
        raise ValueError("says that it has no crosstalk; the stack cannot write such a dataset")
    n_amp = content.get("nAmp", metadata.get("NAMP"))
    if type(n_amp) is not int or n_amp < 1:
        raise ValueError(f"nAmp is {n_amp!r}, expected the number of amplifiers")
    size = n_amp * n_amp
    row: dict[str, np.ndarray] = {}
    for name, key, kind, default in _MATRICES:
        value = content.get(name if document.is_table else key)
        if value is None and key == "coeffs":
            raise ValueError(f"has no {name if document.is_table else key!r}")
        row[name] = np.full(size, default, kind) if value is None else _values(value, size, kind, key)
    gains = content.get("CT_FIT_GAINS" if document.is_table else "fitGains")
    # One gain only stands for "unknown" in texts of some age.
    unknown = gains is None or np.size(gains) == 1 != n_amp
    row["CT_FIT_GAINS"] = np.zeros(n_amp) if unknown else _values(gains, n_amp, np.float64, "fitGains")
    units = content.get("crosstalkRatiosUnits", metadata.get("CROSSTALK_RATIOS_UNITS", "adu"))
    meta = standard(document, CROSSTALK)
    meta |= {
        "DETECTOR_NAME": meta["DET_NAME"],
        "DETECTOR_SERIAL": meta["DET_SER"],
        "HAS_CROSSTALK": True,
        "NAMP": n_amp,
        "CROSSTALK_SHAPE": [n_amp, n_amp],
        "CROSSTALK_RATIOS_UNITS": units,
    }
    meta = followed_by(meta, metadata)
    tables = [Table([row], meta={k: "" if v is None else v for k, v in meta.items()})]
    sources = content.get("interChip")
    if sources:
        if not isinstance(sources, Mapping) or not all(isinstance(s, str) for s in sources):
            raise ValueError("interChip: expected matrices by the name of the source detector")
        tables.append(
            Table(
                {
                    "IC_SOURCE_DET": list(sources),
                    "IC_COEFFS": np.stack(
                        [_values(v, size, np.float64, f"interChip of {s}") for s, v in sources.items()]
                    ),
                }
            )
        )
    return tables
