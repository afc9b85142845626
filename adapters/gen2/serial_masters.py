"""Rows that name a chip by its serial number to masters and validity claims of detectors."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Callable

from converter.nouns import (
    DataId,
    Gen2to3Error,
    Master,
    MasterKey,
    Provenance,
    Reject,
    Skip,
    ValidityClaim,
)
from converter.timespans import SECOND, Span, local_to_utc, parse_time, stamp, to_tai

from ..camera import Calibration, Camera
from ..instrument import DetectorSerial
from .calibrations import Calibrations
from .keys import Row, date_text, dicts
from .lookup import Table
from .serial_files import SerialFile
from .source import LINK_TO_NOTHING, CalibSource, why_not
from .templates import Template

ADVICE = "correct the registry, or leave it out with --exclude"


class SerialTableReader:
    """Reads one table of serial numbers for one dataset type.

    A row means one master for each detector at whose place the chip was in
    the row's period; what it says holds for the time that the chip was there.

    Parameters
    ----------
    camera
        The camera's declaration.
    source
        The opened calibration root.
    calibration
        The dataset type.
    wants, excludes, wants_detector
        As for `adapters.gen2.masters.read_calibrations`.
    result
        Is added to.
    """

    def __init__(
        self,
        camera: Camera,
        source: CalibSource,
        calibration: Calibration,
        wants: Callable[[str], bool],
        excludes: Callable[[str], bool],
        wants_detector: Callable[[int], bool],
        result: Calibrations,
    ) -> None:
        self.camera = camera
        self.source = source
        self.calibration = calibration
        self.wants = wants(calibration.dataset_type)
        self.excludes = excludes
        self.wants_detector = wants_detector
        self.result = result
        self.files = source.serial_files(calibration)
        self.registry = source.registry_of(calibration.table)
        self.left_out = 0
        # (stamp, detector) -> paths of the rows, by which files that begin together are numbered
        self.together: dict[tuple[str, int], list[str]] = {}

    def read(self, table: Table) -> None:
        """Masters and claims of the table's rows."""
        c = self.calibration
        assert c.serials is not None
        moved = Template(c.serials.moved).keys if c.serials.moved else {}
        needed = {"validStart", "validEnd", c.detector, c.date, *Template(c.template).keys, *moved}
        # The number of the detector is looked for, not read.
        absent = sorted(needed - {"detector", *table.columns}) if table.rows else []
        if absent:
            why = f"column {', '.join(absent)} is missing, found {', '.join(table.columns)}; "
            self.result.rejects.append(
                Reject(f"{self.registry}: table {table.name}", f"{why}is it the registry of another camera?")
            )
            return
        rows = list(dicts(table))
        self._number(rows)
        for row in rows:
            self._read_row(row, table)
        for relative, problem in self.files.unreadable().items():
            if relative not in self.result.seen:
                self.result.seen.add(relative)
                path = f"{self.source.root}/{relative}"
                self.result.rejects.append(Reject(path, f"{problem}; restore the file", path))
        if self.left_out:
            why = f"{self.left_out} row{'' if self.left_out == 1 else 's'} left out by --detectors"
            self.result.skips.append(Skip(f"{self.registry}: table {table.name}", why))

    def _read_row(self, row: Row, table: Table) -> None:
        c = self.calibration
        text = tuple((k, str(row[k])) for k in (c.detector, "path", "validStart", "validEnd") if k in row)
        provenance = Provenance(self.registry, table.name, row.get("id"), text)
        serial = row[c.detector]
        every = self.camera.instrument.mountings(serial)
        places = self._places(row)
        wanted = [p for p in places if self.wants_detector(p.detector)]
        if places and not wanted:
            self._leave_out(row, places)
            return
        try:
            found = self.files.find(row)
            recorded = posixpath.join(self.source.base_of(c.table), self.files.recorded(row))
        except Gen2to3Error as exc:
            self._reject(provenance, f"{exc}; correct the registry")
            return
        relative = "" if isinstance(found, str) else found.relative
        if relative:
            self.result.seen.add(relative)
        if not self.wants or self.excludes(relative or recorded):
            item = f"{self.source.root}/{relative}" if relative else ""
            why = f"{c.dataset_type} left out by --types or --exclude"
            self.result.skips.append(Skip(item or str(provenance), why, item))
            return
        if not every:
            self._reject(provenance, self._never_mounted(serial), relative)
            return
        if not places:
            where = "; ".join(map(str, every))
            period = f"{row['validStart']} to {row['validEnd']}"
            self._reject(
                provenance,
                f"serial {serial} was not mounted in {period}, only at {where}; {ADVICE}",
                relative,
            )
            return
        try:
            run_stamp = stamp(date_text(c, row))
        except ValueError as exc:
            self._reject(provenance, f"{c.date}: {exc}; {ADVICE}", relative)
            return
        for place in wanted:
            self._note_range(place, row)
        if isinstance(found, str):
            self.result.missing.update(self._key(place, run_stamp, row) for place in wanted)
            self._reject(provenance, self._not_found(found, recorded))
            return
        problem = why_not(found.entry) or self._disagreement(found, row, places)
        if problem:
            self._reject(provenance, f"{relative} {problem}", relative)
            return
        for place in wanted:
            self._add(place, run_stamp, found, row, provenance)

    def _number(self, rows: list[Row]) -> None:
        """Order files that begin together at one detector by path, where the type may share dates."""
        paths: dict[tuple[str, int], set[str]] = defaultdict(set)
        for row in rows:
            for place in self._places(row):
                try:
                    key = stamp(date_text(self.calibration, row)), place.detector
                except ValueError:
                    continue  # reported where the row is read
                paths[key].add(self.files.recorded(row))
        self.together = {key: sorted(names) for key, names in paths.items()}

    def _places(self, row: Row) -> list[DetectorSerial]:
        """Where the row's chip was in the row's period; all places if the period cannot be read."""
        every = self.camera.instrument.mountings(row[self.calibration.detector])
        try:
            begin, end = (self._instant(str(row[k])) for k in ("validStart", "validEnd"))
        except ValueError:
            return list(every)
        # Whatever the end means, its first second does.
        return [p for p in every if p.span.overlaps(Span(begin, max(begin, end) + SECOND))]

    def _instant(self, text: str) -> int:
        zone = self.calibration.zone
        column = self.camera.time_column(self.calibration)
        return to_tai(parse_time(local_to_utc(text, zone) if zone else text), column.scale)

    def _never_mounted(self, serial: object) -> str:
        name = self.camera.instrument.name
        return f"serial {serial} was never mounted: no detector of {name} ever had it; {ADVICE}"

    def _not_found(self, looked_for: str, recorded: str) -> str:
        index = self.source.index
        broken = index.dangling(recorded)
        if broken is not None:
            self.result.seen.add(broken)
            return f"{broken} {LINK_TO_NOTHING}"
        advice = "restore the file, or leave the row out with --exclude"
        return f"file not found: {looked_for}, below {self.source.root}; {advice}"

    def _disagreement(self, found: SerialFile, row: Row, places: list[DetectorSerial]) -> str:
        """Why a file is not what its row says, ``""`` if it is."""
        rule = self.calibration.serials
        assert rule is not None
        chip = self.files.chip(found.relative)
        serial = str(row[self.calibration.detector]).strip()
        if chip.problem:
            return f"{chip.problem}; restore the file"
        if not chip.serial:
            return f"has no card {rule.card}: expected serial {serial}; restore the file"
        if chip.serial != serial:
            return f"is of serial {chip.serial} by its header, of serial {serial} by the row; {ADVICE}"
        there = [p.detector for p in places]
        for what, position in self.files.positions(found.relative):
            if position not in there:
                named = " or ".join(f"detector {d}" for d in there)
                return (
                    f"is of detector {position} by its {what}, but serial {serial} was at {named} "
                    f"from {row['validStart']} to {row['validEnd']}; correct the camera's table of serials or the file"
                )
        return ""

    def _key(self, place: DetectorSerial, run_stamp: str, row: Row) -> MasterKey:
        number = 0
        if self.calibration.shares_dates:
            number = self.together[run_stamp, place.detector].index(self.files.recorded(row))
        name = f"{run_stamp}.{number}" if number else run_stamp
        return MasterKey(self.calibration.dataset_type, name, DataId(place.detector))

    def _add(
        self, place: DetectorSerial, run_stamp: str, found: SerialFile, row: Row, provenance: Provenance
    ) -> None:
        c = self.calibration
        key = self._key(place, run_stamp, row)
        path = f"{self.source.root}/{found.relative}"
        known = self.result.masters.get(key)
        if known is not None and known.path != path:
            self._reject(
                provenance,
                f"{path} has the same dataset type, data ID and date as {known.path}; "
                "one of the two has to be left out with --exclude",
                found.relative,
            )
            return
        if known is None:
            size, mtime_ns = found.entry.size, found.entry.mtime_ns
            self.result.masters[key] = Master(key, path, None, date_text(c, row), size, mtime_ns, provenance)
        self.result.claims.append(
            ValidityClaim(
                key,
                str(row["validStart"]),
                str(row["validEnd"]) or "(empty)",
                str(row.get("registered") or ""),
                provenance,
                (place.begin, place.end),
            )
        )

    def _leave_out(self, row: Row, places: list[DetectorSerial]) -> None:
        """A row of detectors that are not wanted: its file is accounted for, its range remains evidence."""
        self.left_out += 1
        try:
            found = self.files.find(row)
        except Gen2to3Error:
            return
        if not isinstance(found, str):
            self.result.seen.add(found.relative)
        for place in places:
            self._note_range(place, row)

    def _note_range(self, place: DetectorSerial, row: Row) -> None:
        by_data_id = self.result.ranges.setdefault(self.calibration.dataset_type, {})
        texts = str(row["validStart"]), str(row["validEnd"])
        by_data_id.setdefault(DataId(place.detector), []).append(texts)

    def _reject(self, provenance: Provenance, reason: str, relative: str = "") -> None:
        path = f"{self.source.root}/{relative}" if relative else ""
        self.result.rejects.append(Reject(str(provenance), reason, path))
