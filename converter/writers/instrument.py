"""Instrument, detector and physical_filter records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lsst.daf.butler import Butler

from ..nouns import Gen2to3Error
from ..operations import Record, RegisterInstrument
from .common import butler_errors, first_difference, plain


def register_instrument(butler: Butler, operation: RegisterInstrument) -> None:
    """Insert the records that the target lacks; change others if told to.

    Raises
    ------
    Gen2to3Error
        A record differs from the one in the target and the operation is no
        update, or the target refuses it.
    """
    name = operation.name
    if operation.instrument is not None:
        record = {"name": name, **operation.instrument}
        _write(butler, "instrument", ("name",), name, [record], operation.update)
    for element, key, records in (
        ("detector", "id", operation.detectors),
        ("physical_filter", "name", operation.filters),
    ):
        rows = [{"instrument": name, **record} for record in records]
        _write(butler, element, ("instrument", key), name, rows, operation.update)


def _write(
    butler: Butler, element: str, key: tuple[str, ...], instrument: str, rows: Sequence[Record], update: bool
) -> None:
    if not rows:
        return
    existing = {
        tuple(record[k] for k in key): record
        for record in (
            r.toDict()
            for r in butler.query_dimension_records(element, instrument=instrument, limit=None, explain=False)
        )
    }
    new: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    for given in rows:
        row = {field: plain(value) for field, value in given.items()}
        what = f"{element} {row[key[-1]]} of {instrument}"
        if row.get("instrument", instrument) != instrument or row[key[0]] != instrument:
            raise Gen2to3Error(f"{what}: the record is for instrument {row[key[0]]}")
        if element == "detector" and not row.get("full_name"):
            raise Gen2to3Error(f"{what}: it has no full_name")
        old = existing.get(tuple(row[k] for k in key))
        if old is None:
            new.append(row)
        elif difference := first_difference(old, row):
            field, was, wanted = difference
            if not update:
                raise Gen2to3Error(
                    f"{what}: {field} is {was!r} in the target, {wanted!r} expected; "
                    "allow updates to change it"
                )
            changed.append({**old, **row})
    with butler_errors(f"{element} records of {instrument}"):
        if new:
            butler.registry.insertDimensionData(element, *new)
        for row in changed:
            butler.registry.syncDimensionData(element, row, update=True)
