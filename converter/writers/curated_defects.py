"""Defects: boxes of bad pixels.

The stack merges overlapping boxes when it reads the text and writes the merged
ones; that needs its footprints. Here the boxes are the text's. They cover the
same pixels, and the stack's reader merges them again. A table without rows
keeps integer columns, where the stack's have none to tell a type from. Values
of the file's metadata stand before the class's own, as the stack does it:
``OBSTYPE`` of manual defects stays ``manual_defects``. `None` is left out.
"""

from __future__ import annotations

import numpy as np
from astropy.table import Table

from ..nouns import CuratedDocument
from .curated_meta import Product, column, numbers, standard

DEFECTS = Product("defects", "", 2.0, ("lsst.ip.isr.defects.Defects", "lsst.ip.isr.Defects"))


def defects(document: CuratedDocument) -> list[Table]:
    """The table of a document of type ``defects`` or ``manual_defects``.

    Raises
    ------
    ValueError
        A column is missing or does not hold boxes.
    """
    columns = {}
    for name in ("x0", "y0", "width", "height"):
        values = numbers(column(document, name), name)
        if values.ndim != 1 or (values.size and values.dtype.kind == "f"):
            raise ValueError(f"{name}: expected one integer for each box")
        columns[name] = values.astype(np.int64)
    for name in ("width", "height"):
        if (columns[name] < 1).any():
            row = int(np.argmax(columns[name] < 1))
            raise ValueError(f"{name} of box {row + 1} is {columns[name][row]}, expected at least 1")
    meta = {**standard(document, DEFECTS), **document.metadata}
    return [Table(columns, meta={k: v for k, v in meta.items() if v is not None})]
