"""Quantum efficiency curves, of the whole detector or of each amplifier.

The stack's class is not of the same family as the others: it has no version,
and writes the time of writing into ``DATE`` and ``CALIB_CREATION_*``. Here
those stay as the text has them, so that the same text gives the same file.
Rows keep the text's order, where the stack sorts them by amplifier in no
order of its own. Percent is ``10**-2`` in FITS, which its reader takes for percent.
"""

from __future__ import annotations

import numpy as np
from astropy import units
from astropy.table import Column, Table

from ..nouns import CuratedDocument
from .curated_meta import column, numbers

_MODES = {"DETECTOR": (), "AMP": ("amp_name",)}


def qe_curve(document: CuratedDocument) -> list[Table]:
    """The table of a document.

    Raises
    ------
    ValueError
        A column is missing, or has not the unit that the stack's class needs.
    """
    if not document.is_table:
        raise ValueError("is no table")
    mode = document.metadata.get("MODE")
    if mode not in _MODES:
        raise ValueError(f"MODE is {mode!r}, expected 'DETECTOR' or 'AMP'")
    if "CALIBCLS" in document.metadata:
        raise ValueError(f"CALIBCLS is {document.metadata['CALIBCLS']!r}; QE curves have none")
    columns = [Column([str(v) for v in column(document, n)], name=n) for n in _MODES[mode]]
    for name in ("wavelength", "efficiency"):
        values = numbers(column(document, name), name)
        unit = units.Unit(document.units.get(name, ""), parse_strict="silent")
        if name == "efficiency" and unit != units.percent:
            raise ValueError(f"efficiency has the unit {str(unit)!r}, expected '%'")
        if not unit.is_equivalent(units.m) and name == "wavelength":
            raise ValueError(f"wavelength has the unit {str(unit)!r}, expected a length")
        if values.ndim != 1:
            raise ValueError(f"{name}: expected one number in a row")
        columns.append(Column(np.asarray(values), name=name, unit=unit))
    meta = {**document.metadata, "MODE": mode, "TYPE": "QE"}
    return [Table(columns, meta=meta)]
