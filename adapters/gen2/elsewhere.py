"""Rows of a calibration registry as claims about masters that lie elsewhere: no file has to be there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from converter.nouns import (
    DataId,
    Gen2to3Error,
    MasterKey,
    Provenance,
    Reject,
    Skip,
    UsageError,
    ValidityClaim,
)

from ..camera import Calibration, Camera
from .calibrations import claim_of, row_texts
from .files import printable
from .keys import KeyMaker, Row, dicts
from .lookup import Table
from .repository import RegistryLocation, registry_in
from .tables import read_tables

Find = Callable[[MasterKey, str], MasterKey | str | None]
"""Gives the master of a row's key and file name, `None` for none, or a text that says why it is not clear."""


@dataclass
class Elsewhere:
    """What a registry says of masters.

    Parameters
    ----------
    claims
        What its rows say of the masters' validity.
    ranges
        Per dataset type and data ID: texts of all rows' ranges, also of
        those that mean no master; the evidence for the dialect.
    rejects, skips
        Rows that cannot be read, and rows that mean no master.
    """

    claims: list[ValidityClaim] = field(default_factory=list)
    ranges: dict[str, dict[DataId, list[tuple[str, str]]]] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)


def locate_registry(path: str | Path) -> RegistryLocation:
    """The calibration registry that a path means.

    Parameters
    ----------
    path
        Calibration root, or the registry itself.

    Raises
    ------
    UsageError
        There is none.
    """
    path = Path(path)
    if path.is_dir():
        found = registry_in(path, "calibRegistry")
        if found is None:
            raise UsageError(
                f"{printable(path)} has no calibRegistry.sqlite3 or calibRegistry.pgsql; give the directory that has one"
            )
        return found
    if not path.is_file():
        raise UsageError(
            f"{printable(path)} is not there; a calibration root or its calibRegistry.sqlite3 was expected"
        )
    return RegistryLocation(path, "pgsql" if path.suffix == ".pgsql" else "sqlite")


def read_elsewhere(camera: Camera, path: str | Path, dataset_types: Collection[str], find: Find) -> Elsewhere:
    """Read what a registry says of masters that lie elsewhere.

    Parameters
    ----------
    camera
        The camera's declaration.
    path
        Calibration root, or the registry itself.
    dataset_types
        The types that matter.
    find
        The master that a row means.

    Raises
    ------
    Gen2to3Error
        There is no registry, or it cannot be opened.
    """
    result = Elsewhere()
    source, tables, _ = read_tables(locate_registry(path), camera, result.rejects, result.skips)
    by_table: dict[str, list[Calibration]] = {}
    for c in camera.calibrations:
        by_table.setdefault(c.table, []).append(c)
    for name, calibrations in by_table.items():
        wanted = [c for c in calibrations if c.dataset_type in dataset_types]
        reader = _Reader(camera, source, wanted, find, result)
        if not wanted:
            if name in tables and tables[name].rows:
                types = " and ".join(c.dataset_type for c in calibrations)
                reader.skip(
                    name, f"{_rows(len(tables[name].rows))}, of {types}, of which no master is imported"
                )
            continue
        if name in tables:
            reader.read(tables[name])
        else:
            reader.skip(name, "table is missing")
        for c in wanted:
            # Where Gen2 asked another table, that table's ranges are the ones that mattered.
            if c.lookup_table != c.table and c.lookup_table in tables:
                reader.read_lookup_table(c, tables[c.lookup_table])
    return result


class _Reader:
    """Reads one table for the wanted types that it lists."""

    def __init__(
        self, camera: Camera, source: str, calibrations: list[Calibration], find: Find, result: Elsewhere
    ) -> None:
        self.source = source
        self.calibrations = calibrations
        self.find = find
        self.result = result
        self.keys = KeyMaker(camera, calibrations)

    def read(self, table: Table) -> None:
        """Claims of the rows of the masters' own table."""
        if not self._has_columns(table, self.calibrations):
            return
        strangers: Counter[str] = Counter()
        for row in dicts(table):
            provenance = self._provenance(row, table)
            matched = False
            problems: list[str] = []
            stamps: list[str] = []
            for c in self.calibrations:
                found = self._claim(c, row, provenance, problems)
                if isinstance(found, ValidityClaim):
                    self.result.claims.append(found)
                    matched = True
                elif found is not None:
                    stamps.append(found.stamp)
            if problems and not matched:
                self.result.rejects.append(Reject(str(provenance), problems[0]))
            elif not matched and stamps:
                strangers[stamps[0]] += 1
        for stamp, count in sorted(strangers.items()):
            self.skip(table.name, f"{_rows(count)} of {stamp}, of which no master is imported")

    def read_lookup_table(self, c: Calibration, table: Table) -> None:
        """Ranges of the table that Gen2 asked instead of the masters' own."""
        if not self._has_columns(table, [c]):
            return
        claims = []
        for row in dicts(table):
            found = self._claim(c, row, self._provenance(row, table), [])
            if isinstance(found, ValidityClaim):
                claims.append(found)
        replaced = {claim.master for claim in claims}
        self.result.claims[:] = [
            claim for claim in self.result.claims if claim.master not in replaced
        ] + claims

    def _claim(
        self, c: Calibration, row: Row, provenance: Provenance, problems: list[str]
    ) -> ValidityClaim | MasterKey | None:
        """The claim of a row, or its key where there is no such master; problems are added."""
        key = self.keys.of(c, row)
        if not isinstance(key, MasterKey):
            problems.append(key)
            return None
        by_data_id = self.result.ranges.setdefault(c.dataset_type, {})
        by_data_id.setdefault(key.data_id, []).append((str(row["validStart"]), str(row["validEnd"])))
        try:
            name = self.keys.templates[c.dataset_type].format(row).rpartition("/")[2]
        except Gen2to3Error:
            name = ""  # the file's name says less than the row's date, and is not needed
        found = self.find(key, name)
        if isinstance(found, str):
            problems.append(found)
            return None
        return key if found is None else claim_of(found, row, provenance)

    def _has_columns(self, table: Table, calibrations: Iterable[Calibration]) -> bool:
        needed = {"validStart", "validEnd"}
        for c in calibrations:
            needed |= {c.detector, c.date}
            if "physical_filter" in c.dimensions:
                needed.add("filter")
        absent = sorted(needed - set(table.columns)) if table.rows else []
        if absent:
            self.result.rejects.append(
                Reject(
                    f"{self.source}: table {table.name}",
                    f"column {', '.join(absent)} is missing, found {', '.join(table.columns)}; "
                    "is it the registry of another camera?",
                )
            )
            return False
        for c in calibrations:
            self.keys.number_files(c, table)
        return True

    def _provenance(self, row: Row, table: Table) -> Provenance:
        return Provenance(self.source, table.name, row.get("id"), row_texts(row))

    def skip(self, table: str, why: str) -> None:
        """Say what is of no concern."""
        self.result.skips.append(Skip(f"{self.source}: table {table}", why))


def _rows(count: int) -> str:
    return f"{count} row{'' if count == 1 else 's'}"
