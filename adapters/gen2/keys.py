"""Which master a calibration row means: dataset type, RUN stamp and data ID."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from converter.nouns import DataId, Gen2to3Error, MasterKey
from converter.timespans import local_to_utc, stamp

from ..camera import Calibration, Camera
from .lookup import Table
from .templates import Template

Row = Mapping[str, Any]

ADVICE = "correct the registry, or leave it out with --exclude"


def dicts(table: Table) -> Iterator[Row]:
    """Rows of a table by column name."""
    columns = table.columns
    return (dict(zip(columns, row, strict=True)) for row in table.rows)


def date_text(c: Calibration, row: Row) -> str:
    """The calibration date of a row, as UTC text.

    Raises
    ------
    ValueError
        The text is a local time by the declaration, and cannot be read.
    """
    text = str(row[c.date])
    return local_to_utc(text, c.zone) if c.zone else text


class KeyMaker:
    """Makes the keys of one table's masters.

    Parameters
    ----------
    camera
        The camera's declaration.
    calibrations
        The dataset types that the table lists.
    """

    def __init__(self, camera: Camera, calibrations: Sequence[Calibration]) -> None:
        self._camera = camera
        self.detectors = {d.id for d in camera.instrument.detectors}
        self.templates = {c.dataset_type: Template(c.template) for c in calibrations}
        self._order: dict[tuple[str, str, str, str], int] = {}
        # Each is in the keys of all dates.
        self._data_ids: dict[DataId, DataId] = {}

    def number_files(self, c: Calibration, table: Table) -> None:
        """Number the files that share type, date and filter, by path, where the type may share dates."""
        if not c.shares_dates:
            return
        paths: dict[tuple[str, str, str], set[str]] = {}
        for row in dicts(table):
            try:
                shared = (c.dataset_type, stamp(date_text(c, row)), str(row.get("filter")))
                paths.setdefault(shared, set()).add(self.templates[c.dataset_type].format(row))
            except (ValueError, Gen2to3Error):
                continue  # reported where the row is read
        for shared, names in paths.items():
            self._order.update({(*shared, name): n for n, name in enumerate(sorted(names))})

    def of(self, c: Calibration, row: Row) -> MasterKey | str:
        """Key of a row's master, or why it has none."""
        detector = row[c.detector]
        if not isinstance(detector, int):
            return f"{c.detector} is {detector!r}, expected a number"
        name = self._camera.instrument.name
        if detector + c.detector_offset not in self.detectors:
            return f"unknown detector {detector}: {name} has no such detector; {ADVICE}"
        physical_filter = None
        if "physical_filter" in c.dimensions:
            physical_filter = self._camera.physical_filter(row.get("filter"))
            if physical_filter is None:
                return f"unknown filter {row.get('filter')!r}: {name} has no such filter; {ADVICE}"
        try:
            run_stamp = self._stamp(c, row)
        except ValueError as exc:
            return f"{c.date}: {exc}; {ADVICE}"
        data_id = DataId(detector + c.detector_offset, physical_filter)
        return MasterKey(c.dataset_type, run_stamp, self._data_ids.setdefault(data_id, data_id))

    def _stamp(self, c: Calibration, row: Row) -> str:
        text = stamp(date_text(c, row))
        if not c.shares_dates:
            return text
        name = self.templates[c.dataset_type].format(row)
        number = self._order.get((c.dataset_type, text, str(row.get("filter")), name), 0)
        return f"{text}.{number}" if number else text
