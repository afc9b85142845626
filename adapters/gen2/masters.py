"""Calibration registry rows and files to masters and validity claims."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from converter.nouns import DataId, Gen2to3Error, Master, MasterKey, Provenance, Reject, Skip, ValidityClaim

from ..camera import Calibration, Camera
from ..extensions import read_contents
from ..fits_header import HeaderError
from .directory import FileEntry
from .keys import KeyMaker, Row, date_text, dicts
from .lookup import Table
from .serial_masters import SerialTableReader
from .source import LINK_TO_NOTHING, CalibSource, why_not


@dataclass
class Calibrations:
    """What one calibration root holds, as nouns.

    Parameters
    ----------
    masters
        Masters by key; those without a claim have no registry row.
    claims
        What the registry says of their validity.
    ranges
        Per dataset type and data ID: the texts of all rows' ranges (also
        those whose file is missing), the evidence for the dialect.
    rejects, skips
        Rows and files that are not converted, and why.
    seen
        Relative paths of all files that a row or a template names.
    missing
        Masters that a row names and whose file is not there (a reject each).
    """

    masters: dict[MasterKey, Master] = field(default_factory=dict)
    claims: list[ValidityClaim] = field(default_factory=list)
    ranges: dict[str, dict[DataId, list[tuple[str, str]]]] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    missing: set[MasterKey] = field(default_factory=set)


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
        rows = _TableReader(camera, source, calibrations, wants, excludes, wants_detector, result)
        if name in source.tables:
            rows.read_rows(source.tables[name])
        rows.read_unlisted_files()
        if name in source.missing:
            rows.report_missing_table(name)
        rows.report_left_out(name)
    return result


class _TableReader:
    """Reads one table for the dataset types that it lists."""

    def __init__(
        self,
        camera: Camera,
        source: CalibSource,
        calibrations: list[Calibration],
        wants: Callable[[str], bool],
        excludes: Callable[[str], bool],
        wants_detector: Callable[[int], bool],
        result: Calibrations,
    ) -> None:
        self.camera = camera
        self.source = source
        self.calibrations = calibrations
        self.wants = wants
        self.excludes = excludes
        self.wants_detector = wants_detector
        self.left_out: Counter[str] = Counter()
        self.result = result
        self.keys = KeyMaker(camera, calibrations)
        self.templates = self.keys.templates
        self.unlisted: set[str] = set()
        table = calibrations[0].table
        self.unread = table not in source.tables and table not in source.missing

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
        if all(self._is_left_out(c, row) for c in self.calibrations):
            self._leave_out(row)
            return
        provenance = self._provenance(row, table)
        expected: list[str] = []
        converted = False
        for c in self.calibrations:
            try:
                relative = self.templates[c.dataset_type].format(row)
            except Gen2to3Error as exc:
                self._reject(provenance, f"{exc}; correct the registry")
                return
            expected.append(relative)
            found = self.source.index.entry(relative)
            if found is None:
                continue
            converted = True
            self.result.seen.add(found[0])
            if not self.wants(c.dataset_type) or self.excludes(relative):
                self._skip_excluded(found[0], c)
                continue
            problem = why_not(found[1])
            if problem:
                self._reject(provenance, f"{found[0]} {problem}", self._path(found[0]))
                continue
            key = self._key(c, row, provenance, found[0])
            if key is not None and self._add_master(c, key, *found, row, provenance):
                self._note_range(c, key, row)
                self.result.claims.append(claim_of(key, row, provenance))
        if not converted:
            wanted = [c.dataset_type for c in self.calibrations if self.wants(c.dataset_type)]
            if not wanted or all(self.excludes(e) for e in expected):
                self.result.skips.append(Skip(str(provenance), "left out by --types or --exclude"))
                return
            # The row still took part in Gen2's lookups, so it is evidence for the dialect.
            for c in self.calibrations:
                key = self._key(c, row, None)
                if key is not None:
                    self._note_range(c, key, row)
                    self.result.missing.add(key)
            broken = [name for e in expected if (name := self.source.index.dangling(e)) is not None]
            if broken:
                self.result.seen.update(broken)
                self._reject(provenance, f"{broken[0]} {LINK_TO_NOTHING}")
                return
            self._reject(
                provenance,
                f"file not found: expected {' or '.join(expected)} below {self.source.root}; "
                "restore the file, or leave the row out with --exclude",
            )

    def _is_left_out(self, c: Calibration, values: Row) -> bool:
        detector = values.get(c.detector)
        return isinstance(detector, int) and not self.wants_detector(detector + c.detector_offset)

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
            key = self._key(c, row, None)
            # Types that share a table: a row means those whose file is there.
            if key is not None and (is_there or not any(there for _, there in named)):
                self._note_range(c, key, row)

    def report_left_out(self, table: str) -> None:
        """Say how much belongs to detectors that are not wanted."""
        for what, n in self.left_out.items():
            item = f"{self.source.registry}: table {table}"
            self.result.skips.append(Skip(item, f"{n} {what}{'' if n == 1 else 's'} left out by --detectors"))

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
            provenance = self._provenance(row, table)
            key = self._key(c, row, None)
            if key is not None and self._is_left_out(c, row):
                self.result.seen.add(found[0])
                self._note_range(c, key, row)
            elif key is not None and self._add_master(c, key, *found, row, provenance):
                self.result.seen.add(found[0])
                self._note_range(c, key, row)
                claims.append(claim_of(key, row, provenance))
        replaced = {claim.master for claim in claims} & own
        kept = [claim for claim in self.result.claims if claim.master not in replaced]
        self.result.claims[:] = kept + claims

    def _key(
        self, c: Calibration, row: Row, report: Provenance | None, relative: str = ""
    ) -> MasterKey | None:
        """Key of a row's master (whose file may be known); problems are rejects where ``report`` is given."""
        found = self.keys.of(c, row)
        if isinstance(found, MasterKey):
            return found
        if report is not None:
            where = f"{relative}: " if relative else ""
            self._reject(report, f"{where}{found}", self._path(relative) if relative else "")
        return None

    def _add_master(
        self,
        c: Calibration,
        key: MasterKey,
        relative: str,
        entry: FileEntry,
        row: Row,
        provenance: Provenance,
    ) -> bool:
        path = self._path(relative)
        known = self.result.masters.get(key)
        if known is not None:
            if known.path != path:
                self._reject(
                    provenance,
                    f"{path} has the same dataset type, data ID and date as {known.path}; "
                    "one of the two has to be left out with --exclude",
                    path,
                )
                return False
            return True
        hdu = self.templates[c.dataset_type].format_hdu(row)
        self.result.masters[key] = Master(
            key, path, hdu, date_text(c, row), entry.size, entry.mtime_ns, provenance
        )
        return True

    def _note_range(self, c: Calibration, key: MasterKey, row: Row) -> None:
        by_data_id = self.result.ranges.setdefault(c.dataset_type, {})
        by_data_id.setdefault(key.data_id, []).append((str(row["validStart"]), str(row["validEnd"])))

    def read_unlisted_files(self) -> None:
        """Files that a template names and no row does: kept, but not certified."""
        index = self.source.index
        for relative in sorted(set(index.files) - self.result.seen):
            for c in self.calibrations:
                if self.templates[c.dataset_type].is_bare:
                    continue
                values = self.templates[c.dataset_type].parse(relative)
                if values is not None:
                    self._add_unlisted(c, relative, values)
                    break

    def _add_unlisted(self, c: Calibration, relative: str, values: dict[str, Any]) -> None:
        entry = self.source.index.files[relative]
        if entry.kind != "file":
            return  # reported where all that is no file is
        self.result.seen.add(relative)
        if not self._is_left_out(c, values):
            self.unlisted.add(relative)
        if not self.wants(c.dataset_type) or self.excludes(relative):
            self._skip_excluded(relative, c)
            return
        if self._is_left_out(c, values):
            self.left_out["file without a row"] += 1
            return
        if c.extensions is not None and c.date in values:
            values = values | self._first_extension(c, relative)
        if c.detector not in values or c.date not in values:
            self._skip(relative, f"{self._no_row(c)}, and the path does not tell detector and date")
            return
        key = self._key(c, values, Provenance(self._path(relative)))
        if key is None:
            return
        if key in self.result.masters:
            other = self.result.masters[key].path
            self._skip(relative, f"{self._no_row(c)}, and {other} has the same data ID and date")
            return
        self._add_master(c, key, relative, entry, values, Provenance(self._path(relative)))
        self._skip(relative, f"{self._no_row(c)}: ingested as {c.dataset_type} without a validity range")

    def _first_extension(self, c: Calibration, relative: str) -> dict[str, int]:
        """Keys of the first detector in a file, which leads to the others; none if it cannot be read."""
        assert c.extensions is not None
        try:
            hdus = read_contents(self._path(relative), c.extensions).hdus
        except HeaderError:
            return {}  # what kind of file it is, is reported where files are looked at
        hdu = self.templates[c.dataset_type].hdu
        known = sorted(set(hdus) & self.keys.detectors)
        found = {c.detector: known[0] - c.detector_offset} if known else {}
        return found | ({hdu: hdus[known[0]]} if known and isinstance(hdu, str) and hdu != c.detector else {})

    def _no_row(self, c: Calibration) -> str:
        return f"table {c.table} could not be read" if self.unread else f"no row in table {c.table}"

    def report_missing_table(self, name: str) -> None:
        """A table that is not there matters only if there are files for it."""
        item = f"{self.source.registry}: table {name}"
        if self.unlisted:
            self.result.rejects.append(
                Reject(
                    item,
                    f"table is missing although there are {len(self.unlisted)} files for it, such as "
                    f"{self._path(min(self.unlisted))}; they are ingested without a validity range",
                )
            )
        else:
            self.result.skips.append(Skip(item, "table is missing, and there are no files for it"))

    def _provenance(self, row: Row, table: Table) -> Provenance:
        return Provenance(self.source.registry, table.name, row.get("id"), row_texts(row))

    def _path(self, relative: str) -> str:
        return f"{self.source.root}/{relative}"

    def _reject(self, provenance: Provenance, reason: str, path: str = "") -> None:
        self.result.rejects.append(Reject(str(provenance), reason, path))

    def _skip(self, relative: str, reason: str) -> None:
        path = self._path(relative)
        self.result.skips.append(Skip(path, reason, path))

    def _skip_excluded(self, relative: str, c: Calibration) -> None:
        self._skip(relative, f"{c.dataset_type} left out by --types or --exclude")


def row_texts(row: Row) -> tuple[tuple[str, str], ...]:
    """The original texts of a row that are kept for ever."""
    return _texts(*((k, str(row[k])) for k in ("calibDate", "validStart", "validEnd", "filter") if k in row))


@lru_cache(maxsize=4096)
def _texts(*texts: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    # The rows of all detectors have the same: kept once, not a hundred times.
    return texts


def claim_of(key: MasterKey, row: Row, provenance: Provenance) -> ValidityClaim:
    """What a row says of the validity of a master."""
    # SQL's NULL becomes the text "None", which like it never matched: a reject, not an open end.
    # Nor did an empty end; an empty start is before every text, and so is an open one.
    return ValidityClaim(
        key,
        str(row["validStart"]),
        str(row["validEnd"]) or "(empty)",
        str(row.get("registered") or ""),
        provenance,
    )
