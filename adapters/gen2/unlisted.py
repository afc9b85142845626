"""Files that a path template names and no row does."""

from __future__ import annotations

from typing import Any

from converter.nouns import Provenance, Reject, Skip

from ..camera import Calibration
from ..extensions import read_contents
from ..fits_header import HeaderError
from .master_table import MasterTable


class UnlistedFiles:
    """Adds the files that a table should list, and does not, to its masters.

    Parameters
    ----------
    table
        The table, with all its rows read.
    """

    def __init__(self, table: MasterTable) -> None:
        self.table = table
        self.unlisted: set[str] = set()

    def read(self) -> None:
        """Files that a template names and no row does: kept, but not certified."""
        index = self.table.source.index
        for relative in sorted(set(index.files) - self.table.result.seen):
            for c in self.table.calibrations:
                if self.table.templates[c.dataset_type].is_bare:
                    continue
                values = self.table.templates[c.dataset_type].parse(relative)
                if values is not None:
                    self._add_unlisted(c, relative, values)
                    break

    def _add_unlisted(self, c: Calibration, relative: str, values: dict[str, Any]) -> None:
        entry = self.table.source.index.files[relative]
        if entry.kind != "file":
            return  # reported where all that is no file is
        self.table.result.seen.add(relative)
        if not self.table.is_left_out(c, values):
            self.unlisted.add(relative)
        if not self.table.wants(c.dataset_type) or self.table.excludes(relative):
            self.table.skip_excluded(relative, c)
            return
        if self.table.is_left_out(c, values):
            self.table.left_out["file without a row"] += 1
            return
        if c.extensions is not None and c.date in values:
            values = values | self._first_extension(c, relative)
        if c.detector not in values or c.date not in values:
            self.table.skip(relative, f"{self._no_row(c)}, and the path does not tell detector and date")
            return
        key = self.table.key(c, values, Provenance(self.table.path(relative)))
        if key is None:
            return
        if key in self.table.result.masters:
            other = self.table.result.masters[key].path
            self.table.skip(relative, f"{self._no_row(c)}, and {other} has the same data ID and date")
            return
        self.table.add_master(c, key, relative, entry, values, Provenance(self.table.path(relative)))
        self.table.skip(relative, f"{self._no_row(c)}: ingested as {c.dataset_type} without a validity range")

    def _first_extension(self, c: Calibration, relative: str) -> dict[str, int]:
        """Keys of the first detector in a file, which leads to the others; none if it cannot be read."""
        assert c.extensions is not None
        try:
            hdus = read_contents(self.table.path(relative), c.extensions).hdus
        except HeaderError:
            return {}  # what kind of file it is, is reported where files are looked at
        hdu = self.table.templates[c.dataset_type].hdu
        known = sorted(set(hdus) & self.table.keys.detectors)
        found = {c.detector: known[0] - c.detector_offset} if known else {}
        return found | ({hdu: hdus[known[0]]} if known and isinstance(hdu, str) and hdu != c.detector else {})

    def _no_row(self, c: Calibration) -> str:
        return f"table {c.table} could not be read" if self.table.unread else f"no row in table {c.table}"

    def report_missing_table(self, name: str) -> None:
        """A table that is not there matters only if there are files for it."""
        item = f"{self.table.source.registry}: table {name}"
        if self.unlisted:
            self.table.result.rejects.append(
                Reject(
                    item,
                    f"table is missing although there are {len(self.unlisted)} files for it, such as "
                    f"{self.table.path(min(self.unlisted))}; they are ingested without a validity range",
                )
            )
        else:
            self.table.result.skips.append(Skip(item, "table is missing, and there are no files for it"))
