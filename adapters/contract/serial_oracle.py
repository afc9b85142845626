"""Gen2's lookup by serial number, by brute force: its SQL on SQLite files, and headers read by astropy."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from astropy.io import fits

from adapters.camera import Calibration, Camera

from .oracle import Truth, existing, query


def serial_truth(
    camera: Camera,
    calibration: Calibration,
    raw: sqlite3.Connection,
    roots: Sequence[tuple[Path, sqlite3.Connection]],
    row: Mapping[str, Any],
) -> Truth:
    """Answer for one observation, as the mapper did.

    Parameters
    ----------
    camera, calibration
        The declarations. Periods of serial numbers are compared as SQLite's ``DATETIME()`` does.
    raw
        The raw registry.
    roots
        Directories of the registries with serial numbers, and these.
    row
        Row of the raw table.
    """
    how = calibration.lookup
    column = camera.time_column(calibration)
    where = {k: row[k] for k in how.ref_columns or (camera.raw.exposure,)}
    try:
        times = query(raw, how.reference, [column.name], where) if how.reference else [(row[column.name],)]
    except sqlite3.OperationalError:
        return Truth("error")
    if len(times) != 1:
        return Truth("error" if times else "none")
    (time,) = times[0]
    held = [
        s.serial
        for s in camera.instrument.serials
        if s.detector == row[camera.raw.detector]
        and raw.execute(
            "SELECT DATETIME(?1) >= DATETIME(?2) AND DATETIME(?1) < DATETIME(?3)",
            (time, s.begin or "0001-01-01", s.end or "9999-12-31"),
        ).fetchone()
        == (1,)
    ]
    ambiguous = False
    for root, registry in roots:
        compared = {calibration.detector: held[0]} if len(held) == 1 else {calibration.detector: None}
        try:
            paths = query(
                registry, calibration.lookup_table, ["path"], compared, time, column.kind == "datetime"
            )
        except sqlite3.OperationalError:
            return Truth("error")
        ambiguous |= len(paths) > 1
        if len(paths) != 1:
            continue
        found = existing(root, paths[0][0]) or _moved(calibration, root, registry, paths[0][0], held[0])
        if found is not None:
            return Truth("one", found)
    return Truth("ambiguous" if ambiguous else "none")


def _moved(
    calibration: Calibration, root: Path, registry: sqlite3.Connection, path: str, serial: str
) -> str | None:
    """The file in the other place whose header has the serial number."""
    rule = calibration.serials
    if rule is None or not rule.moved:
        return None
    keys = re.findall(r"%\((\w+)\)", rule.moved.replace("%(detector)02d", ""))
    values = query(registry, calibration.lookup_table, keys, {"path": path, calibration.detector: serial})
    glob = rule.moved.replace("%(detector)02d", "*") % dict(zip(keys, values[0], strict=True))
    same = [f for f in sorted(root.glob(f"{glob}*")) if serial in _said(f, rule.card, f.stat().st_mtime_ns)]
    return str(same[0]) if len(same) == 1 else None


@cache
def _said(file: Path, card: str, mtime_ns: int) -> list[str]:
    """What the first two headers of a file, as it was at that time, have in a card."""
    with fits.open(file) as hdus:
        return [str(hdu.header.get(card)) for hdu in hdus[:2]]
