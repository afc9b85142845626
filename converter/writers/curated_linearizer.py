"""Linearizers: coefficients for each amplifier, and lookup tables.

Version 1.4 is written, with its 15 columns. Versions up to 1.8 add columns
that record how a linearizer was fitted (``INP_*``, ``FIT_RES_UNMASKED`` and
others). The stack's reader takes a default for every column that is not there
and reads old versions, whereas a table that calls itself 1.8 must have them as
1.8 means them, and no text of a data package has any of these values. Keys of
YAML files that are not named below are refused rather than lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from astropy.table import Table

from ..nouns import Box, CuratedDocument
from .curated_meta import (
    Product,
    check_obstype,
    column,
    followed_by,
    number,
    numbers,
    stacked,
    standard,
)

LINEARIZER = Product(
    "LINEARIZER",
    "Gen3 Linearizer",
    1.4,
    ("lsst.ip.isr.linearize.Linearizer", "lsst.ip.isr.Linearizer"),
)

# Column, key in YAML, value where the text has none.
_VECTORS = (
    ("COEFFS", "linearityCoeffs", [0.0]),
    ("FIT_PARAMS", "fitParams", [0.0]),
    ("FIT_PARAMS_ERR", "fitParamsErr", [0.0]),
    ("FIT_RES", "fitResiduals", [0.0]),
    ("LIN_FIT", "linearFit", [0.0]),
)
_SCALARS = (
    ("RED_CHI_SQ", "fitChiSq"),
    ("FIT_RES_SIGMAD", "fitResidualsSigmaMad"),
    ("LINEARITY_TURNOFF", "linearityTurnoff"),
    ("LINEARITY_MAX_SIGNAL", "linearityMaxSignal"),
)
_BOX = ("BBOX_X0", "BBOX_Y0", "BBOX_DX", "BBOX_DY")
# The order in which the stack writes them.
_ORDER = (
    "AMPLIFIER_NAME",
    "TYPE",
    "COEFFS",
    *_BOX,
    "FIT_PARAMS",
    "FIT_PARAMS_ERR",
    "RED_CHI_SQ",
    "FIT_RES",
    "FIT_RES_SIGMAD",
    "LIN_FIT",
    "LINEARITY_TURNOFF",
    "LINEARITY_MAX_SIGNAL",
)
_KNOWN = {"linearityType", "linearityBBox", *(k for _, k, _ in _VECTORS), *(k for _, k in _SCALARS)}


def _from_yaml(document: CuratedDocument) -> Iterator[dict[str, Any]]:
    amplifiers = column(document, "amplifiers")
    if not isinstance(amplifiers, Mapping):
        raise ValueError("amplifiers: expected a mapping by name")
    for name, amp in amplifiers.items():
        if not isinstance(amp, Mapping):
            raise ValueError(f"amplifier {name!r}: expected a mapping")
        if unknown := sorted(set(amp) - _KNOWN):
            raise ValueError(f"amplifier {name!r}: {unknown[0]!r} is not a key that can be written")
        box = amp.get("linearityBBox")
        if not isinstance(box, Box):
            raise ValueError(f"amplifier {name!r}: has no linearityBBox")
        yield {
            "AMPLIFIER_NAME": name,
            "TYPE": amp.get("linearityType", "None"),
            **dict(zip(_BOX, box, strict=True)),
            **{c: amp.get(key, default) for c, key, default in _VECTORS},
            **{c: amp.get(key, np.nan) for c, key in _SCALARS},
        }


def _from_table(document: CuratedDocument) -> Iterator[dict[str, Any]]:
    content = document.content
    if unknown := sorted(set(content) - set(_ORDER)):
        raise ValueError(f"{unknown[0]!r} is not a column that can be written")
    for i, name in enumerate(column(document, "AMPLIFIER_NAME")):
        yield {
            "AMPLIFIER_NAME": str(name),
            "TYPE": str(column(document, "TYPE")[i]),
            "COEFFS": column(document, "COEFFS")[i],
            **{c: column(document, c)[i] for c in _BOX},
            **{c: content[c][i] if c in content else default for c, _, default in _VECTORS[1:]},
            **{c: content[c][i] if c in content else np.nan for c, _ in _SCALARS},
        }


def linearizer(document: CuratedDocument) -> list[Table]:
    """The tables of a document: amplifiers, and lookup values if it has them.

    Raises
    ------
    ValueError
        A key is missing, or amplifiers have vectors of different lengths.
    """
    check_obstype(document, LINEARIZER)
    content, metadata = document.content, document.metadata
    if content.get("hasLinearity", metadata.get("HAS_LINEARITY", False)) is not True:
        raise ValueError("says that it has no linearity; there is nothing to write")
    rows = list(_from_table(document) if document.is_table else _from_yaml(document))
    if not rows:
        raise ValueError("has no amplifiers")
    columns: dict[str, Any] = {}
    for name in _ORDER:
        values = [row[name] for row in rows]
        if name in ("AMPLIFIER_NAME", "TYPE"):
            if not all(isinstance(v, str) for v in values):
                raise ValueError(f"{name}: expected texts, found {values!r:.80}")
            columns[name] = values
        elif name in _BOX:
            columns[name] = stacked(values, name).astype(np.int64)
        elif any(name == c for c, _ in _SCALARS):
            columns[name] = np.array([number(v, name) for v in values])
        else:
            columns[name] = stacked(values, name)
    lookup = content.get("tableData")
    meta = standard(document, LINEARIZER)
    meta |= {
        "HAS_LINEARITY": True,
        # The stack's reader takes what it read for an override, unless told otherwise.
        "OVERRIDE": content.get("override", True),
        "HAS_TABLE": bool(lookup),
        "LINEARITY_UNITS": content.get("linearityUnits", metadata.get("LINEARITY_UNITS", "adu")),
    }
    tables = [Table(columns, meta=followed_by(meta, metadata))]
    if lookup:
        rows_of_values = numbers(lookup, "tableData")
        if rows_of_values.ndim != 2:
            raise ValueError("tableData: expected one row of values for each row index")
        tables.append(Table({"LOOKUP_VALUES": rows_of_values}))
    return tables
