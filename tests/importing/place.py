"""A delivery, the command line, and what an import left behind, read through the Butler."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from click.testing import CliRunner
from lsst.daf.butler import Butler

from converter.cli import main
from tests.gallery.place import contents, digest

__all__ = ["BIAS_2", "CP_FORMATTER", "Done", "Place", "contents", "digest", "utc"]

CP_FORMATTER = "lsst.obs.decam.rawFormatter.DarkEnergyCameraCPCalibFormatter"
BIAS_2 = ("2015-02-16", "2015-02-17")


class Row(NamedTuple):
    """One dataset of a repository."""

    dataset_type: str
    detector: int
    physical_filter: str | None
    run: str


@dataclass(frozen=True)
class Done:
    """What one command did."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.out)

    @property
    def wrong(self) -> list[str]:
        """Lines that say what is wrong."""
        lines = [line for line in self.out.splitlines() if line.startswith(("reject  ", "conflict  "))]
        return lines or [line for line in self.err.splitlines() if line.startswith("gen2to3: error: ")]

    @property
    def skipped(self) -> list[str]:
        return [f"{s['item']}: {s['reason']}" for s in self.json["skipped"]]


class Place:
    """A delivery that is to be imported into a repository."""

    def __init__(self, tmp: Path) -> None:
        self.tmp = tmp
        self.source = tmp / "delivery"
        self.target = tmp / "repo"

    def run(self, *args: object) -> Done:
        """Run a command in this process; an exception that nobody caught is not hidden."""
        result = CliRunner().invoke(main, [str(a) for a in args], catch_exceptions=False)
        return Done(result.exit_code, result.stdout, result.stderr)

    def imported(self, *options: object) -> Done:
        """Import the delivery."""
        return self.run("import-calibs", self.target, self.source, *options)

    def table(self, text: str, name: str = "nights.csv") -> Path:
        path = self.tmp / name
        path.write_text(text)
        return path

    def butler(self) -> Butler:
        return Butler.from_config(str(self.target), writeable=False)

    def datasets(self) -> set[Row]:
        """All masters."""
        butler = self.butler()
        return {
            Row(type_.name, ref.dataId["detector"], ref.dataId.get("physical_filter"), ref.run)
            for type_ in butler.registry.queryDatasetTypes()
            if type_.isCalibration()
            for ref in butler.query_datasets(type_, "*", find_first=False, explain=False, limit=None)
        }

    def ranges(self, collection: str = "DECam/calib/imported") -> Mapping[Row, list[tuple[str, str]]]:
        """Begin and end (TAI, to the nanosecond) of what is certified."""
        butler = self.butler()
        found: dict[Row, list[tuple[str, str]]] = {}
        for type_ in butler.registry.queryDatasetTypes():
            if not type_.isCalibration():
                continue
            for association in butler.registry.queryDatasetAssociations(type_, collection):
                data_id, span = association.ref.dataId, association.timespan
                assert span is not None
                row = Row(
                    type_.name, data_id["detector"], data_id.get("physical_filter"), association.ref.run
                )
                found.setdefault(row, []).append(tuple(_text(t) for t in (span.begin, span.end)))
        return {row: sorted(spans) for row, spans in found.items()}

    def spans(self, collection: str = "DECam/calib/imported") -> dict[tuple[str, str], set[tuple[str, str]]]:
        """Ranges by dataset type and day, of all detectors and filters together."""
        found: dict[tuple[str, str], set[tuple[str, str]]] = {}
        for row, spans in self.ranges(collection).items():
            day = row.run.rpartition("/")[2]
            found.setdefault((row.dataset_type, f"{day[:4]}-{day[4:6]}-{day[6:8]}"), set()).update(spans)
        return found


def _text(time: Any) -> str:
    if time is None:
        return ""
    time.precision = 9
    return time.isot


def utc(text: str) -> str:
    """A UTC time of early 2015 as TAI, 35 s later, without the code that is tested."""
    assert text[:4] == "2015" and text < "2015-07" and text[17:19] == "00"
    return f"{text[:17]}35.000000000"
