"""A repository with masters in RUNs, two calibration collections and a chain, made once and copied."""

from __future__ import annotations

import json
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from lsst.daf.butler import Butler

from converter.cli import main
from converter.ledger import FILE_NAME
from converter.nouns import DataId
from converter.operations import (
    Certify,
    Chain,
    Ingest,
    IngestFile,
    InsertExposures,
    RegisterCollection,
    RegisterDatasetType,
)
from converter.timespans import Span, format_tai, parse_time, to_tai
from converter.writers import execute, open_target
from tests.converter.writers.conftest import INSTRUMENT, TYPES, exposure

FITS = "lsst.obs.base.formatters.fitsExposure.FitsExposureFormatter"
CP = "lsst.obs.made.up.CPCalibFormatter"
OLD, OTHER, SUITE = "Cam/calib/gen2", "Cam/calib/other", "Cam/calib/suite"
DETECTORS = (0, 1, 2)
MORE_TYPES = (
    RegisterDatasetType("cpBiasProc", ("instrument", "detector"), "ExposureF", False),
    RegisterDatasetType("cpBias", ("instrument", "detector"), "ExposureF", True),
    RegisterDatasetType("flatProc", ("instrument", "detector", "physical_filter"), "ExposureF", False),
    RegisterDatasetType("maskProc", ("instrument", "detector"), "Mask", False),
    RegisterDatasetType("crosstalk", ("instrument",), "CrosstalkCalib", True),
    RegisterDatasetType("perExposure", ("instrument", "detector", "exposure"), "ExposureF", True),
)


def tai(text: str) -> int | None:
    """A UTC text as TAI nanoseconds."""
    return to_tai(parse_time(text), "utc") if text else None


def span(begin: str = "", end: str = "") -> Span:
    return Span(tai(begin), tai(end))


def shown(span: Span) -> tuple[str, str]:
    return format_tai(span.begin, ""), format_tai(span.end, "")


@dataclass
class Place:
    """A repository of a test."""

    root: Path
    sources: Path

    def content(self, collection: str = SUITE) -> dict[tuple[str, str, DataId], list[Span]]:
        """All that a collection holds, as the Butler says it."""
        found: dict[tuple[str, str, DataId], list[Span]] = {}
        with Butler.from_config(str(self.root)) as butler:
            if collection not in butler.collections.query("*"):
                return {}
            (info,) = butler.collections.query_info(collection, include_summary=True)
            for name in sorted(info.dataset_types):
                for row in butler.registry.queryDatasetAssociations(name, [collection]):
                    data_id = DataId(row.ref.dataId.get("detector"), row.ref.dataId.get("physical_filter"))
                    begin, end = row.timespan.nsec
                    key = (name, row.ref.run, data_id)
                    found.setdefault(key, []).append(
                        Span(
                            None if row.timespan.begin is None else begin,
                            None if row.timespan.end is None else end,
                        )
                    )
        return {key: sorted(found[key], key=lambda s: s.begin or 0) for key in sorted(found)}

    def state(self) -> Any:
        """Everything that must not change: registry and ledger, row by row, and the files."""
        databases = (self.root / "gen3.sqlite3", self.root / FILE_NAME)
        rows = [list(sqlite3.connect(path).iterdump()) if path.exists() else [] for path in databases]
        return rows, sorted((str(p), p.stat().st_size) for p in self.root.rglob("*.fits"))

    def plan(self, text: str, name: str = "plan.yaml") -> Path:
        path = self.root.parent / name
        path.write_text(text, encoding="utf-8")
        return path

    def bless(self, plan: str | None, *args: object) -> Result:
        plans = [] if plan is None else [self.plan(plan)]
        words = ["bless", self.root, *plans, *args]
        return CliRunner().invoke(main, [str(a) for a in words], prog_name="gen2to3")

    def json(self, plan: str | None, *args: object) -> tuple[int, dict[str, Any]]:
        result = self.bless(plan, *args, "--json")
        return result.exit_code, json.loads(result.stdout)

    def good(self, plan: str | None, *args: object) -> Result:
        result = self.bless(plan, *args)
        assert result.exit_code == 0, result.output
        return result

    def conflicts(self, plan: str, *args: object) -> list[str]:
        """What stops a plan; nothing may have been written."""
        before = self.state()
        status, data = self.json(plan, *args)
        assert (status, data["conversion"]) == (3, None), data
        assert self.state() == before
        assert all("\n" not in line for line in data["conflicts"])
        return data["conflicts"]


def make(root: Path, sources: Path) -> None:
    sources.mkdir()

    def file(name: str, formatter: str, *datasets: tuple[str, DataId]) -> IngestFile:
        path = sources / f"{name}.fits"
        path.write_bytes(f"content of {name}".encode() * 20)
        return IngestFile(str(path), formatter, datasets)

    def each(
        run: str, type_: str, formatter: str = FITS, filters: tuple[str | None, ...] = (None,)
    ) -> Ingest:
        ids = [DataId(d, f) for d in DETECTORS for f in filters]
        stem = f"{run.replace('/', '_')}_{type_}"
        return Ingest(
            "Cam",
            run,
            tuple(file(f"{stem}_{d.detector}_{d.physical_filter}", formatter, (type_, d)) for d in ids),
        )

    def certify(collection: str, type_: str, run: str, valid: Span) -> Certify:
        return Certify("Cam", collection, type_, valid, tuple((run, DataId(d)) for d in DETECTORS))

    operations = [
        INSTRUMENT,
        *TYPES,
        *MORE_TYPES,
        RegisterCollection(OLD, "CALIBRATION"),
        RegisterCollection(OTHER, "CALIBRATION"),
        InsertExposures("Cam", (exposure(),)),
        each("u/me/biasA", "bias"),
        each("u/me/biasB", "bias"),
        each("u/me/dark", "dark"),
        each("u/me/flat", "flat", filters=("Cam-g", "Cam-r")),
        each("u/me/proc/20200301T000000Z", "cpBiasProc", CP),
        each("u/you/proc/20200301T000000Z", "cpBiasProc", CP),
        each("u/me/flatProc", "flatProc", CP, ("Cam-g",)),
        each("u/me/maskProc", "maskProc"),
        Ingest(
            "Cam",
            "u/me/multi/20200401T000000Z",
            (file("multi", CP, *(("cpBias", DataId(d)) for d in DETECTORS)),),
        ),
        Ingest("Cam", "u/me/crosstalk", (file("crosstalk", CP, ("crosstalk", DataId())),)),
        certify(OLD, "bias", "u/me/biasA", span("2020-01-01")),
        certify(OLD, "dark", "u/me/dark", span("2020-01-01", "2021-01-01")),
        certify(OTHER, "bias", "u/me/biasB", span("2019-01-01", "2020-01-01")),
        Chain("Cam/calib", (OLD,), None),
        Chain("Cam/both", (OTHER, OLD), None),
        Chain("Cam/runs", ("u/me/biasB", "u/me/biasA"), None),
    ]
    with open_target(str(root), create=True) as butler:
        execute(butler, operations, "copy")


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Never changed by a test."""
    base = tmp_path_factory.mktemp("bless")
    make(base / "repo", base / "sources")
    return Place(base / "repo", base / "sources")


@pytest.fixture
def place(tmp_path: Path, made: Place) -> Place:
    shutil.copytree(made.root, tmp_path / "repo")
    return Place(tmp_path / "repo", made.sources)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, made: Place) -> Place:
    """One repository for many examples, each with collections of its own."""
    root = tmp_path_factory.mktemp("shared") / "repo"
    shutil.copytree(made.root, root)
    return Place(root, made.sources)
