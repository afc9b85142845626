"""Rows of calibration registries to masters and validity claims."""

from __future__ import annotations

from collections.abc import Callable

from converter.nouns import Gen2to3Error, Reject, Skip, ValidityClaim

from ..camera import Calibration, Camera
from .calibrations import Calibrations, claim_of
from .keys import Row, dicts
from .lookup import Table
from .master_table import MasterTable
from .serial_masters import SerialTableReader
from .source import LINK_TO_NOTHING, CalibSource, why_not
from .unlisted import UnlistedFiles


def read_calibrations(
    camera: Camera,
    source: CalibSource,
    wants: Callable[[str], bool] = lambda dataset_type: True,
    excludes: Callable[[str], bool] = lambda path: False,
    wants_detector: Callable[[int], bool] = lambda detector: True,
) -> Calibrations:
    """Read the masters of one calibration root.

    Parameters
    ----------
    camera
        The camera's declaration.
    source
        The opened calibration root.
    wants
        Whether a dataset type is to be converted.
    excludes
        Whether a relative path is to be left out.
    wants_detector
        Whether a Gen3 detector is to be converted.

    Notes
    -----
    A table may be shared by several dataset types: a row means those whose
    file is there. Where the Gen2 lookup asked another table than the one that
    lists the masters, that table's ranges are the ones that mattered.
    """
    result = Calibrations()
    by_table: dict[str, list[Calibration]] = {}
    for c in camera.calibrations:
        if c.serials is not None:
            if c.table in source.tables:
                reader = SerialTableReader(camera, source, c, wants, excludes, wants_detector, result)
                reader.read(source.tables[c.table])
            continue
        by_table.setdefault(c.table, []).append(c)
    for name, calibrations in by_table.items():
        rows = _RowReader(camera, source, calibrations, wants, excludes, wants_detector, result)
        if name in source.tables:
            rows.read_rows(source.tables[name])
        files = UnlistedFiles(rows)
        files.read()
        if name in source.missing:
            files.report_missing_table(name)
        rows.report_left_out(name)
    return result


class _RowReader(MasterTable):
    """Reads the rows of one table for the dataset types that it lists."""

    def read_rows(self, table: Table) -> None:
        """Masters and claims of the table's rows."""
        needed = {"validStart", "validEnd", *(c.detector for c in self.calibrations)}
        needed |= {c.date for c in self.calibrations}
        # Types may share a table, and columns that only some of their paths need may be missing.
        in_paths = set.intersection(*(set(t.keys) for t in self.templates.values())) - needed
        absent = sorted((needed | in_paths) - set(table.columns)) if table.rows else []
        if absent:
            self.unread = True
            advice = "is it the registry of another camera?"
            # The filter makes the data ID too.
            if in_paths.issuperset(absent) and self.camera.raw.filter not in absent:
                name = self.calibrations[0].dataset_type
                advice = f"only the path template of {name} needs it: say where the files are "
                advice += f"with --template {name}=TEMPLATE"
            self.result.rejects.append(
                Reject(
                    f"{self.source.registry}: table {table.name}",
                    f"column {', '.join(absent)} is missing, found {', '.join(table.columns)}; {advice}",
                )
            )
            return
        for c in self.calibrations:
            self.keys.number_files(c, table)
        for row in dicts(table):
            self._read_row(row, table)
        for c in self.calibrations:
            if c.lookup_table != c.table and c.lookup_table in self.source.tables:
                self._read_lookup_table(c, self.source.tables[c.lookup_table])

    def _read_row(self, row: Row, table: Table) -> None:
        if all(self.is_left_out(c, row) for c in self.calibrations):
            self._leave_out(row)
            return
        provenance = self.provenance(row, table)
        expected: list[str] = []
        converted = False
        for c in self.calibrations:
            try:
                relative = self.templates[c.dataset_type].format(row)
            except Gen2to3Error as exc:
                self.reject(provenance, f"{exc}; correct the registry")
                return
            expected.append(relative)
            found = self.source.index.entry(relative)
            if found is None:
                continue
            converted = True
            self.result.seen.add(found[0])
            if not self.wants(c.dataset_type) or self.excludes(relative):
                self.skip_excluded(found[0], c)
                continue
            problem = why_not(found[1])
            if problem:
                self.reject(provenance, f"{found[0]} {problem}", self.path(found[0]), self.detector(c, row))
                continue
            key = self.key(c, row, provenance, found[0])
            if key is not None and self.add_master(c, key, *found, row, provenance):
                self.note_range(c, key, row)
                self.result.claims.append(claim_of(key, row, provenance))
        if not converted:
            wanted = [c.dataset_type for c in self.calibrations if self.wants(c.dataset_type)]
            if not wanted or all(self.excludes(e) for e in expected):
                self.result.skips.append(Skip(str(provenance), "left out by --types or --exclude"))
                return
            detector = self.detector(self.calibrations[0], row)
            # The row still took part in Gen2's lookups, so it is evidence for the dialect.
            for c in self.calibrations:
                key = self.key(c, row, None)
                if key is not None:
                    self.note_range(c, key, row)
                    self.result.missing.add(key)
            broken = [name for e in expected if (name := self.source.index.dangling(e)) is not None]
            if broken:
                self.result.seen.update(broken)
                self.reject(provenance, f"{broken[0]} {LINK_TO_NOTHING}", detector=detector)
                return
            self.reject(
                provenance,
                f"file not found: expected {' or '.join(expected)} below {self.source.root}; "
                "restore the file, or leave the row out with --exclude",
                detector=detector,
            )

    def _leave_out(self, row: Row) -> None:
        """A row of a detector that is not wanted: its files are accounted for, its range remains evidence."""
        self.left_out["row"] += 1
        named: list[tuple[Calibration, bool]] = []
        for c in self.calibrations:
            try:
                relative = self.templates[c.dataset_type].format(row)
            except Gen2to3Error:
                continue
            found = self.source.index.entry(relative)
            name = self.source.index.dangling(relative) if found is None else found[0]
            if name is not None:
                self.result.seen.add(name)
            if self.wants(c.dataset_type) and not self.excludes(relative):
                named.append((c, found is not None))
        for c, is_there in named:
            key = self.key(c, row, None)
            # Types that share a table: a row means those whose file is there.
            if key is not None and (is_there or not any(there for _, there in named)):
                self.note_range(c, key, row)

    def _read_lookup_table(self, c: Calibration, table: Table) -> None:
        """Ranges of the table that Gen2 asked instead of the masters' own."""
        own = {claim.master for claim in self.result.claims if claim.master.dataset_type == c.dataset_type}
        claims: list[ValidityClaim] = []
        for row in dicts(table):
            try:
                relative = self.templates[c.dataset_type].format(row)
            except Gen2to3Error:
                continue  # this row is reported where its own table is read
            found = self.source.index.entry(relative)
            if found is None or found[1].kind != "file":
                continue
            if not self.wants(c.dataset_type) or self.excludes(relative):
                continue
            provenance = self.provenance(row, table)
            key = self.key(c, row, None)
            if key is not None and self.is_left_out(c, row):
                self.result.seen.add(found[0])
                self.note_range(c, key, row)
            elif key is not None and self.add_master(c, key, *found, row, provenance):
                self.result.seen.add(found[0])
                self.note_range(c, key, row)
                claims.append(claim_of(key, row, provenance))
        replaced = {claim.master for claim in claims} & own
        kept = [claim for claim in self.result.claims if claim.master not in replaced]
        self.result.claims[:] = kept + claims
