"""Every source of validity of this package passes the contract."""

from __future__ import annotations

import csv
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml

from adapters.contract.validity import StatedRange, ValiditySourceContract
from adapters.hsc import HSC
from converter.nouns import Master, MasterKey
from converter.operations import Certify, Ingest, IngestFile, RegisterCollection, RegisterDatasetType
from converter.planning.instrument import plan_instrument
from converter.planning.settling import Validity
from converter.range_rules import DateRule
from converter.target import TargetState
from converter.validity_sources import FromCards, FromGen3, FromRegistry, FromRule, FromTable
from converter.writers import execute, open_target
from fixtures.registry import HSC_CALIB, write_calib_registry

FORMATTER = "lsst.obs.base.formatters.fitsExposure.FitsExposureFormatter"
COLLECTION = "HSC/calib/elsewhere"


def line(stated: StatedRange) -> dict[str, str]:
    """One line of a table that means exactly this master."""
    master = stated.master
    return {
        "dataset_type": master.key.dataset_type,
        "detector": str(master.key.data_id.detector),
        "physical_filter": master.key.data_id.physical_filter or "",
        "calib_date": master.calib_date,
        "begin": stated.begin,
        "end": stated.end,
    }


class Table(ValiditySourceContract):
    camera = HSC()
    suffix = ""

    def write(self, path: Path, lines: list[dict[str, str]]) -> None:
        raise NotImplementedError

    def number(self) -> int:
        """Line on which the first statement is."""
        raise NotImplementedError

    def make(self, directory: Path, ranges: Sequence[StatedRange]) -> FromTable:
        return self.of(directory, [line(r) for r in ranges])

    def of(self, directory: Path, lines: list[dict[str, str]]) -> FromTable:
        directory.mkdir()
        path = directory / f"table{self.suffix}"
        self.write(path, lines)
        return FromTable((str(path),))

    def spoil(self, directory: Path, ranges: Sequence[StatedRange]) -> tuple[FromTable, str]:
        lines = [line(r) for r in ranges]
        lines[0]["begin"] = "soon"
        return self.of(directory, lines), f"table{self.suffix} line {self.number()}: 'soon' is not YYYY-MM-DD"


class TestCsv(Table):
    suffix = ".csv"

    def write(self, path: Path, lines: list[dict[str, str]]) -> None:
        with open(path, "w", newline="") as stream:
            writer = csv.DictWriter(stream, list(lines[0]))
            writer.writeheader()
            writer.writerows(lines)

    def number(self) -> int:
        return 2


class TestEcsv(Table):
    suffix = ".ecsv"

    def write(self, path: Path, lines: list[dict[str, str]]) -> None:
        from astropy.table import Table as AstropyTable

        AstropyTable(rows=lines).write(path, format="ascii.ecsv")

    def number(self) -> int:
        return 12


class TestYaml(Table):
    suffix = ".yaml"

    def write(self, path: Path, lines: list[dict[str, str]]) -> None:
        # Dates without quotes, as people write them.
        text = yaml.safe_dump(lines).replace("'", "")
        path.write_text(text.replace("physical_filter: \n", "physical_filter:\n"))

    def number(self) -> int:
        return 1


class TestCards(ValiditySourceContract):
    camera = HSC()
    names_masters = False

    def make(self, directory: Path, ranges: Sequence[StatedRange]) -> FromCards:
        end = "2199-01-01"  # a card has to say something
        cards = {r.master.key: {"CALBEG": r.begin, "CALEND": r.end or end} for r in ranges}
        return FromCards("CALBEG", "CALEND", "utc", cards)

    def spoil(self, directory: Path, ranges: Sequence[StatedRange]) -> tuple[FromCards, str]:
        source = self.make(directory, ranges)
        cards = dict(source.cards)
        cards[ranges[0].master.key] = {"CALBEG": "2014-10-01"}
        return replace(source, cards=cards), f"{ranges[0].master.path}: bias"


class TestRule(ValiditySourceContract):
    camera = HSC()
    explicit = False
    names_masters = False

    def make(self, directory: Path, ranges: Sequence[StatedRange]) -> FromRule:
        return FromRule(DateRule.UNTIL_NEXT)

    def make_overlapping(self, directory: Path, ranges: Sequence[StatedRange]) -> FromRule:
        return FromRule(DateRule.AROUND, 10)

    def spoil(self, directory: Path, ranges: Sequence[StatedRange]) -> None:
        return None


class TestRegistry(ValiditySourceContract):
    camera = HSC()
    explicit = False

    def make(self, directory: Path, ranges: Sequence[StatedRange]) -> FromRegistry:
        return self.of(directory, self.rows(ranges))

    def rows(self, ranges: Iterable[StatedRange]) -> list[tuple[str, dict[str, object]]]:
        found = []
        for r in ranges:
            data_id = r.master.key.data_id
            # The last day was part of the range.
            end = (date.fromisoformat(r.end) - timedelta(days=1)).isoformat() if r.end else "2199-12-31"
            row = {
                "filter": data_id.physical_filter or "NONE",
                "ccd": data_id.detector,
                "calibDate": r.master.calib_date,
                "validStart": r.begin,
                "validEnd": end,
            }
            found.append((r.master.key.dataset_type, row))
        return found

    def of(self, directory: Path, rows: list[tuple[str, dict[str, object]]]) -> FromRegistry:
        directory.mkdir()
        tables: dict[str, list[dict[str, object]]] = {}
        for table, row in rows:
            tables.setdefault(table, []).append(row)
        path = directory / "calibRegistry.sqlite3"
        write_calib_registry(path, HSC_CALIB, tables, ("bias", "flat", "dark", "fringe", "sky", "defects"))
        return FromRegistry(str(directory))

    def spoil(self, directory: Path, ranges: Sequence[StatedRange]) -> tuple[FromRegistry, str]:
        rows = self.rows(ranges)
        rows[0][1]["validStart"] = "soon"
        return self.of(directory, rows), "calibRegistry.sqlite3 table bias row 1: "


@dataclass(frozen=True)
class Certification:
    """One certification, as the writers of an export and of a repository need it."""

    run: str
    stated: StatedRange


class Gen3(ValiditySourceContract):
    camera = HSC()

    def rows(self, ranges: Sequence[StatedRange]) -> list[Certification]:
        return [Certification(f"HSC/calib/elsewhere/{r.master.key.stamp}", r) for r in ranges]


class TestExport(Gen3):
    def make(self, directory: Path, ranges: Sequence[StatedRange]) -> FromGen3:
        return self.of(directory, self.rows(ranges), [_timespan(r) for r in ranges])

    def of(self, directory: Path, rows: list[Certification], timespans: list[str]) -> FromGen3:
        directory.mkdir()
        lines = ["description: Butler Data Repository Export", "version: 1.0.2", "data:"]
        ids = [str(uuid.uuid5(uuid.NAMESPACE_URL, f"{r.run} {r.stated.master.key}")) for r in rows]
        for row, id_ in zip(rows, ids, strict=True):
            key = row.stated.master.key
            lines += [
                "- type: dataset",
                f"  dataset_type: {key.dataset_type}",
                f"  run: {row.run}",
                "  records:",
                "  - dataset_id:",
                f"    - !uuid '{id_}'",
                "    data_id:",
                "    - instrument: HSC",
                f"      detector: {key.data_id.detector}",
                *([f"      physical_filter: {f}"] if (f := key.data_id.physical_filter) else []),
                f"    path: {row.run}/{key.dataset_type}.fits",
            ]
        lines += ["- type: associations", f"  collection: {COLLECTION}", "  collection_type: CALIBRATION"]
        lines += ["  validity_ranges:"]
        for id_, timespan in zip(ids, timespans, strict=True):
            lines += [f"  - timespan: {timespan}", "    dataset_ids:", f"    - !uuid '{id_}'"]
        path = directory / "export.yaml"
        path.write_text("\n".join(lines) + "\n")
        return FromGen3(str(path), exported=True)

    def spoil(self, directory: Path, ranges: Sequence[StatedRange]) -> tuple[FromGen3, str]:
        timespans = [_timespan(r) for r in ranges]
        timespans[0] = "soon"
        return self.of(
            directory, self.rows(ranges), timespans
        ), "timespan is expected to be a !lsst.daf.butler"


def _timespan(stated: StatedRange) -> str:
    ends = []
    for name, ns in zip(("begin", "end"), stated.span, strict=True):
        text = "null"
        if ns is not None:
            when = date(1970, 1, 1) + timedelta(days=ns // 86_400_000_000_000)
            rest = ns % 86_400_000_000_000 // 1_000_000_000
            clock = f"{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"
            text = f"!butler_time/tai/iso '{when} {clock}.{ns % 1_000_000_000:09d}'"
        ends.append(f"{name}: {text}")
    return "!lsst.daf.butler.Timespan {" + ", ".join(ends) + "}"


class TestRepository(Gen3):
    def make(self, directory: Path, ranges: Sequence[StatedRange]) -> FromGen3:
        directory.mkdir()
        operation, conflicts, _ = plan_instrument(HSC().instrument, TargetState(), False)
        assert operation is not None and not conflicts
        operations: list[object] = [
            operation,
            RegisterDatasetType("bias", ("instrument", "detector"), "ExposureF", True),
            RegisterDatasetType("flat", ("instrument", "detector", "physical_filter"), "ExposureF", True),
            RegisterCollection(COLLECTION, "CALIBRATION"),
        ]
        runs = self.rows(ranges)
        operations += [RegisterCollection(run, "RUN") for run in dict.fromkeys(r.run for r in runs)]
        for number, row in enumerate(runs):
            key = row.stated.master.key
            path = directory / f"{number}.fits"
            path.write_bytes(b"x" * 100)
            dataset = (key.dataset_type, key.data_id)
            operations.append(Ingest("HSC", row.run, (IngestFile(str(path), FORMATTER, (dataset,)),)))
            certified = ((row.run, key.data_id),)
            operations.append(Certify("HSC", COLLECTION, key.dataset_type, row.stated.span, certified))
        with open_target(str(directory / "repo"), create=True) as butler:
            execute(butler, operations, "direct")  # type: ignore[arg-type]
        return FromGen3(str(directory / "repo"), COLLECTION)

    def make_overlapping(self, directory: Path, ranges: Sequence[StatedRange]) -> FromGen3:
        pytest.skip("a CALIBRATION collection holds no overlaps")

    def spoil(self, directory: Path, ranges: Sequence[StatedRange]) -> None:
        return None


def test_the_suite_finds_a_source_that_depends_on_order(tmp_path: Path) -> None:
    """A source that lets the last line win fails."""

    class LastWins(TestCsv):
        def plan(self, source, masters, policies=None, exposures=None) -> Validity:  # type: ignore[no-untyped-def]
            result = super().plan(source, masters, policies, exposures)
            last = Path(source.paths[0]).read_text().splitlines()[-1].split(",")
            for key in result.spans:
                if key.stamp.startswith(last[3].replace("-", "")):
                    result.spans[key] = []
            return result

    suite = LastWins()
    masters: Mapping[MasterKey, Master] = LastWins.masters.__wrapped__(suite)  # type: ignore[attr-defined]
    ranges = LastWins.ranges.__wrapped__(suite, masters)  # type: ignore[attr-defined]
    with pytest.raises(AssertionError):
        suite.test_order_does_not_matter(tmp_path, dict(masters), ranges)
