"""Masters of one registry table, as rows and files add them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from converter.nouns import Master, MasterKey, Provenance, Reject, Skip

from ..camera import Calibration, Camera
from .calibrations import Calibrations, row_texts
from .directory import FileEntry
from .keys import KeyMaker, Row, date_text
from .lookup import Table
from .source import CalibSource


class MasterTable:
    """What one table, or the files that belong into it, say.

    Parameters
    ----------
    camera
        The camera's declaration.
    source
        The opened calibration root.
    calibrations
        The dataset types that the table lists.
    wants, excludes, wants_detector
        As for `adapters.gen2.masters.read_calibrations`.
    result
        Is added to.
    """

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
        table = calibrations[0].table
        self.unread = table not in source.tables and table not in source.missing

    def detector(self, c: Calibration, values: Row) -> int | None:
        """The Gen3 detector that a row or path is about, `None` if it does not say."""
        number = values.get(c.detector)
        return number + c.detector_offset if isinstance(number, int) else None

    def is_left_out(self, c: Calibration, values: Row) -> bool:
        """Whether a row or path is about a detector that is not wanted."""
        detector = self.detector(c, values)
        return detector is not None and not self.wants_detector(detector)

    def report_left_out(self, table: str) -> None:
        """Say how much belongs to detectors that are not wanted."""
        for what, n in self.left_out.items():
            item = f"{self.source.registry}: table {table}"
            self.result.skips.append(Skip(item, f"{n} {what}{'' if n == 1 else 's'} left out by --detectors"))

    def key(
        self, c: Calibration, row: Row, report: Provenance | None, relative: str = ""
    ) -> MasterKey | None:
        """Key of a row's master (whose file may be known); problems are rejects where ``report`` is given."""
        found = self.keys.of(c, row)
        if isinstance(found, MasterKey):
            return found
        if report is not None:
            where = f"{relative}: " if relative else ""
            path = self.path(relative) if relative else ""
            self.reject(report, f"{where}{found}", path, self.detector(c, row))
        return None

    def add_master(
        self,
        c: Calibration,
        key: MasterKey,
        relative: str,
        entry: FileEntry,
        row: Row,
        provenance: Provenance,
    ) -> bool:
        """Add the master of a file; another file of the same key is a reject."""
        path = self.path(relative)
        known = self.result.masters.get(key)
        if known is not None:
            if known.path != path:
                self.reject(
                    provenance,
                    f"{path} has the same dataset type, data ID and date as {known.path}; "
                    "one of the two has to be left out with --exclude",
                    path,
                    key.data_id.detector,
                )
                return False
            return True
        hdu = self.templates[c.dataset_type].format_hdu(row)
        self.result.masters[key] = Master(
            key, path, hdu, date_text(c, row), entry.size, entry.mtime_ns, provenance
        )
        return True

    def note_range(self, c: Calibration, key: MasterKey, row: Row) -> None:
        """Keep the texts of a row's range: the evidence for the dialect."""
        by_data_id = self.result.ranges.setdefault(c.dataset_type, {})
        by_data_id.setdefault(key.data_id, []).append((str(row["validStart"]), str(row["validEnd"])))

    def provenance(self, row: Row, table: Table) -> Provenance:
        """Where a row is, with its texts."""
        return Provenance(self.source.registry, table.name, row.get("id"), row_texts(row))

    def path(self, relative: str) -> str:
        """The whole path of a file."""
        return f"{self.source.root}/{relative}"

    def reject(
        self, provenance: Provenance, reason: str, path: str = "", detector: int | None = None
    ) -> None:
        """Say why a row is not converted."""
        self.result.rejects.append(Reject(str(provenance), reason, path, detector))

    def skip(self, relative: str, reason: str) -> None:
        """Say why a file is left out."""
        path = self.path(relative)
        self.result.skips.append(Skip(path, reason, path))

    def skip_excluded(self, relative: str, c: Calibration) -> None:
        """Say that the recipe leaves a file out."""
        self.skip(relative, f"{c.dataset_type} left out by --types or --exclude")
