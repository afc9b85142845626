"""Validity tables: lines that say which masters are valid from when to when."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from converter.nouns import Provenance, Reject
from converter.statements import Selector, Statement
from converter.timespans import Scale, explicit_span, parse_time

from ..camera import Camera
from ..gen2.files import printable
from .table_rows import TableRow, read_rows

COLUMNS = ("dataset_type", "detector", "physical_filter", "file", "calib_date", "begin", "end", "scale")


@dataclass
class Statements:
    """What a table says, and its lines that say nothing."""

    statements: list[Statement] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)


def read_validity_table(
    path: str | os.PathLike[str], camera: Camera, dataset_types: Collection[str] = ()
) -> Statements:
    """Read a validity table.

    Parameters
    ----------
    path
        A file in CSV, ECSV or YAML (a list of mappings), by its suffix. The
        columns are those of `COLUMNS`; a list in a cell of CSV or ECSV is
        separated by ``;``. An empty cell of ``begin`` or ``end`` is unbounded,
        any other one means any.
    camera
        The camera whose detectors and filters are meant.
    dataset_types
        Dataset types that there are besides those that the camera declares.

    Returns
    -------
    statements
        Spans are half-open and in TAI. A bad line is one reject.

    Raises
    ------
    Gen2to3Error
        The file as a whole cannot be read.
    """
    rows = read_rows(path, COLUMNS)
    reader = _Reader(printable(Path(path)), camera, dataset_types)
    result = Statements(rejects=rows.rejects)
    for row in rows.rows:
        try:
            result.statements.append(reader.read(row))
        except ValueError as exc:
            result.rejects.append(Reject(f"{reader.name} line {row.line}", str(exc)))
    return result


class _Reader:
    """Makes a statement of a row."""

    def __init__(self, name: str, camera: Camera, dataset_types: Iterable[str]) -> None:
        self.name = name
        self.camera = camera
        instrument = camera.instrument
        self.types = sorted({*(c.dataset_type for c in camera.calibrations), *dataset_types})
        self.detectors = {
            *(str(d.id) for d in instrument.detectors),
            *(d.full_name for d in instrument.detectors),
        }
        ids = [d.id for d in instrument.detectors]
        self.which_detectors = f"{min(ids)} to {max(ids)} and their full names" if ids else "none"
        self.filters = {f.name for f in instrument.filters}

    def read(self, row: TableRow) -> Statement:
        """The statement of a row.

        Raises
        ------
        ValueError
            Why it is none.
        """
        cells = row.cells
        types = cells.get("dataset_type", ())
        if not types:
            raise ValueError("dataset_type is empty; a calibration dataset type (or * for all) was expected")
        self._check("dataset_type", types, self.types.__contains__, self.types, ", ".join(self.types))
        detectors = cells.get("detector", ())
        self._check("detector", detectors, self.detectors.__contains__, self.detectors, self.which_detectors)
        # An alias (the filter's name in Gen2) counts as the filter.
        filters = tuple(self.camera.physical_filter(f) or f for f in cells.get("physical_filter", ()))
        names = sorted(self.filters)
        short = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
        self._check("physical_filter", filters, self.filters.__contains__, names, short)
        dates = cells.get("calib_date", ())
        for date in dates:
            if not _is_glob(date):
                try:
                    parse_time(date)
                except ValueError as exc:
                    raise ValueError(f"calib_date: {exc}") from None
        begin, end = self._one(cells, "begin"), self._one(cells, "end")
        scale = self._scale(self._one(cells, "scale"))
        span = explicit_span(begin, end, scale)
        text = tuple((column, "; ".join(cells[column])) for column in COLUMNS if cells.get(column))
        return Statement(
            Selector(types, detectors, filters, cells.get("file", ()), dates),
            span,
            Provenance(self.name, "", row.line, text),
        )

    def _check(
        self,
        column: str,
        patterns: Iterable[str],
        known: Callable[[str], bool],
        values: Iterable[str],
        found: str,
    ) -> None:
        values = tuple(values)
        for pattern in patterns:
            if not known(pattern) and not any(fnmatchcase(value, pattern) for value in values):
                what = "matches none of" if _is_glob(pattern) else "is none of"
                raise ValueError(
                    f"unknown {column} {printable(pattern)!r}: it {what} those of {self.camera.instrument.name} ({found})"
                )

    @staticmethod
    def _one(cells: dict[str, tuple[str, ...]], column: str) -> str:
        values = cells.get(column, ())
        if len(values) > 1:
            raise ValueError(f"{column} is expected to be one value, found {'; '.join(values)}")
        return values[0] if values else ""

    @staticmethod
    def _scale(text: str) -> Scale | None:
        match text:
            case "":
                return None
            case "utc":
                return "utc"
            case "tai":
                return "tai"
        raise ValueError(f"unknown scale {printable(text)!r}: utc or tai was expected")


def _is_glob(text: str) -> bool:
    return any(c in text for c in "*?[")
