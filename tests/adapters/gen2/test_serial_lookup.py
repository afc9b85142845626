"""Gen2's lookups by instants and by serial numbers against the SQL itself."""

from __future__ import annotations

import itertools
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from adapters.camera import Calibration, Camera, Lookup, Raw, TimeColumn
from adapters.contract.oracle import existing, truth, write_registry
from adapters.contract.serial_oracle import serial_truth
from adapters.gen2.lookup import CalibRoot, Gen2Lookup, Table
from adapters.gen2.serial_lookup import SerialLookup, lookup_for
from adapters.gen2.sqlite_values import datetime_of
from adapters.instrument import DetectorSerial, Instrument
from adapters.megaprime import DEFECTS

INSTANT = TimeColumn("taiObs", kind="datetime", scale="utc")

TIMES: list[Any] = [
    "2007-05-05",
    "2007-05-05T00:00:00",
    "2007-05-05 00:00:00",
    "2007-05-05T00:00:00.00",
    "2007-05-05T00:00:00.999",
    "2007-05-05T00:00:01",
    "2007-05-04T23:59:59.99",
    "2007-05-05T00:00:00Z",
    "2007-05-05T02:00:00+02:00",
    "2007-05-05T12:00",
    "2007-05-06",
    "2007-5-5",
    "2007-02-30",
    "2007-05-05T00:00:00 ",
    "soon",
    "None",
    "",
    None,
    2454225.5,
    2454225,
    "2454225.5",
]
ENDS: list[Any] = [
    "2007-05-04",
    "2007-05-05",
    "2007-05-05T00:00:00.5",
    "2007-05-06 00:00",
    "None",
    None,
    "soon",
]


# Where files may be instead is for the tests with files.
MASKS = replace(DEFECTS, serials=replace(DEFECTS.serials, moved=""))


class Chips(Camera):
    """Two detectors, whose chips were exchanged on 2007-05-05."""

    name = "chips"
    raw = Raw(
        template="raw/%(visit)d-%(ccd)d.fits",
        formatter="",
        exposure="visit",
        detector="ccd",
        filter="filter",
        keys=("visit", "ccd", "taiObs"),
        time=TimeColumn("taiObs", kind="iso", scale="utc"),
    )
    calibrations = (
        MASKS,
        Calibration("bias", "bias", "%(path)s", Lookup(("ccd", "taiObs"), time=INSTANT), detector="ccd"),
    )

    @property  # type: ignore[misc]
    def instrument(self) -> Instrument:
        serials = (
            DetectorSerial("834175", 0, end="2007-05-05"),
            DetectorSerial("835234", 0, begin="2007-05-05"),
            DetectorSerial("835234", 1, end="2007-05-05"),
            DetectorSerial("834175", 1, begin="2007-05-05"),
        )
        return Instrument({"name": "Chips"}, (), (), serials)


def table_of(db: sqlite3.Connection, name: str) -> Table:
    cursor = db.execute(f"SELECT * FROM {name}")  # noqa: S608
    return Table(name, tuple(d[0] for d in cursor.description), cursor.fetchall())


@pytest.fixture
def databases(tmp_path: Path) -> Iterator[tuple[sqlite3.Connection, sqlite3.Connection, Path]]:
    """Every time of the list as an exposure, every pair of ends as a range."""
    raw_columns = {"id": "integer primary key", "visit": "int", "ccd": "int", "taiObs": "text"}
    raws = [(None, v, ccd, time) for v, time in enumerate(TIMES) for ccd in (0, 1)]
    visits = [(None, v, 0, time) for v, time in enumerate(TIMES)]
    write_registry(tmp_path / "raw", {"raw": (raw_columns, raws), "raw_visit": (raw_columns, visits)})
    columns = {"id": "integer primary key", "path": "text", "maskname": "text", "ccd": "int"}
    columns |= {"ccdSerial": "int", "validStart": "text", "validEnd": "text"}
    rows = []
    for n, (start, end) in enumerate(itertools.product(ENDS, ENDS)):
        path = f"masks/{n % 3}.fits"
        serial, ccd = (834175, 0) if n % 2 else (835234, 1)
        rows.append((None, path, "m", ccd, serial, start, end))
    write_registry(tmp_path / "calib", {"defect": (columns, rows), "bias": (columns, rows)})
    for n in (0, 1):
        (tmp_path / "masks").mkdir(exist_ok=True)
        (tmp_path / f"masks/{n}.fits").touch()
    with (
        closing(sqlite3.connect(tmp_path / "raw")) as raw,
        closing(sqlite3.connect(tmp_path / "calib")) as calib,
    ):
        yield raw, calib, tmp_path


@pytest.mark.parametrize("value", [*TIMES, "2007-05-05T24:00:00", b"2007", 1e300])
def test_datetime_is_sqlites(value: Any) -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        assert datetime_of(value) == db.execute("SELECT DATETIME(?)", (value,)).fetchone()[0]


def test_what_is_no_text_is_no_time() -> None:
    assert datetime_of("2007-05-05\udcff") is None


@pytest.mark.parametrize("rows", [range(49), *([n] for n in range(49))], ids=str)
def test_instants_and_serials_agree_with_the_sql(databases, rows) -> None:
    """All ranges at once, which are mostly ambiguous, and each alone."""
    raw, calib, root = databases
    for table in ("defect", "bias"):
        calib.execute(f"DELETE FROM {table} WHERE id - 1 NOT IN ({', '.join(map(str, rows))})")  # noqa: S608
    camera = Chips()
    raw_tables = {name: table_of(raw, name) for name in ("raw", "raw_visit")}
    tables = {name: table_of(calib, name) for name in ("defect", "bias")}
    calib_root = CalibRoot(
        str(root), tables, partial(existing, root), lambda c, row: existing(root, row["path"])
    )
    asked = [dict(zip(raw_tables["raw"].columns, r, strict=True)) for r in raw_tables["raw"].rows]
    seen: Counter[str] = Counter()
    for calibration, ask in ((MASKS, serial_truth), (camera.calibrations[1], truth)):
        lookup = lookup_for(camera, calibration, raw_tables, [calib_root])
        assert isinstance(lookup, SerialLookup if calibration is MASKS else Gen2Lookup)
        for row in asked:
            answer = lookup.answer(row)
            assert (answer.status, answer.path, answer.hdu) == ask(
                camera, calibration, raw, [(root, calib)], row
            ), row
            seen[answer.status] += 1
    if len(rows) > 1:
        assert seen["one"] and seen["none"] and seen["ambiguous"]


def test_midnight_matches_two_ranges_that_touch(databases) -> None:
    raw, calib, root = databases
    calib.execute("DELETE FROM defect")
    calib.executemany(
        "INSERT INTO defect (path, maskname, ccdSerial, validStart, validEnd) VALUES (?, 'm', 835234, ?, ?)",
        [("masks/0.fits", "2007-05-01", "2007-05-05"), ("masks/1.fits", "2007-05-05", "2007-05-09")],
    )
    tables = {"defect": table_of(calib, "defect")}
    calib_root = CalibRoot(str(root), tables, lambda p: None, lambda c, row: existing(root, row["path"]))
    raw_tables = {"raw_visit": table_of(raw, "raw_visit")}
    lookup = SerialLookup(Chips(), MASKS, raw_tables, [calib_root])
    # From that day on the chip is at detector 0.
    found = {t: lookup.answer({"visit": v, "ccd": 0}).status for v, t in enumerate(TIMES)}
    assert found["2007-05-05T00:00:00.999"] == found["2007-05-05"] == "ambiguous"
    assert found["2007-05-05T00:00:01"] == "one"
    before = lookup.answer({"visit": TIMES.index("2007-05-04T23:59:59.99"), "ccd": 1})
    assert (before.status, before.path) == ("one", f"{root}/masks/0.fits")
    assert found["soon"] == found[None] == "none"


def test_without_the_reference_table_gen2_failed(databases) -> None:
    _, calib, root = databases
    calib_root = CalibRoot(str(root), {"defect": table_of(calib, "defect")}, lambda p: None)
    answer = SerialLookup(Chips(), MASKS, {}, [calib_root]).answer({"visit": 1, "ccd": 0})
    assert (answer.status, answer.why) == ("error", "there is no table raw_visit in the raw registry")
