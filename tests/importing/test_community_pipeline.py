"""A delivery of the Community Pipeline, imported by a table, and by every other source of validity."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest
from astropy.table import Table
from astropy.time import Time
from lsst.daf.butler import Butler, CollectionType, Timespan

from converter.import_calibs import import_calibs
from converter.import_recipe import ImportRecipe
from converter.planning.imports import make_import_plan
from converter.readback import read_back
from fixtures import fits
from fixtures.cp_delivery import CpSpec, cp_name, extensions, make_cp_delivery, primary
from fixtures.decam import NIGHTS
from fixtures.decam_files import FILTERS
from fixtures.registry import DECAM_CALIB, write_calib_registry

from .place import CP_FORMATTER, Place, Row, contents, digest, utc

BANDS = ("g", "r", "i", "z", "Y")
SMALL = CpSpec(nights=NIGHTS[:3], bands=("g",), ccds=(1, 2))


def next_day(night: str) -> str:
    return str(date.fromisoformat(night) + timedelta(1))


def lines(nights: tuple[str, ...] = NIGHTS) -> list[tuple[str, str, str, str]]:
    return [("*", n, f"{n}T12:00:00", f"{next_day(n)}T12:00:00") for n in nights]


def csv(nights: tuple[str, ...] = NIGHTS) -> str:
    rows = ["dataset_type,calib_date,begin,end", *(",".join(line) for line in lines(nights))]
    return "\n".join(rows) + "\n"


def run_of(night: str) -> str:
    return f"DECam/calib/imported/{night.replace('-', '')}T000000Z"


def registry_rows(target: Path) -> dict[str, int]:
    with closing(sqlite3.connect(target / "gen3.sqlite3")) as connection:
        names = [
            n for (n,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")
        ]
        return {n: connection.execute(f'SELECT count(*) FROM "{n}"').fetchone()[0] for n in names}  # noqa: S608


@pytest.fixture
def small(tmp_path: Path) -> Place:
    """Three nights of a bias and a flat, for two CCDs."""
    place = Place(tmp_path)
    make_cp_delivery(place.source, SMALL)
    return place


def test_nine_nights_from_a_table_of_ten_lines(tmp_path: Path) -> None:
    place = Place(tmp_path)
    made = make_cp_delivery(place.source)
    table = place.table(csv())
    assert len(table.read_text().splitlines()) == 10
    before = digest(place.source)
    options = ("--camera", "decam", "--validity", table)

    dry = place.imported(*options, "--dry-run", "--json")
    assert (dry.status, dry.json["written"]) == (0, {"cpBias": 558, "cpFlat": 2790})
    assert dry.json["conversion"] is None and dry.json["read_back"] is None
    assert not place.target.exists()

    done = place.imported(*options, "--json")
    assert done.status == 0, done.err
    result = done.json
    assert result["written"] == result["certified"] == {"cpBias": 558, "cpFlat": 2790}
    assert result["read_back"] == {"found": {"cpBias": 558, "cpFlat": 2790}, "missing": []}
    assert (result["rejected"], result["skipped"], result["conflicts"]) == ([], [], [])
    assert digest(place.source) == before, "the source was changed"

    expected = {
        Row(type_, ccd, physical_filter, run_of(night)): [
            (utc(f"{night}T12:00:00"), utc(f"{next_day(night)}T12:00:00"))
        ]
        for night in NIGHTS
        for ccd in range(1, 63)
        for type_, physical_filter in (("cpBias", None), *(("cpFlat", FILTERS[band]) for band in BANDS))
    }
    assert len(expected) == 3348
    assert place.datasets() == set(expected)
    assert place.ranges() == expected

    butler = place.butler()
    for name in ("cpBias", "cpFlat"):
        assert butler.get_dataset_type(name).storageClass_name == "ExposureF"
    assert butler.collections.get_info("DECam/calib/imported").type is CollectionType.CALIBRATION
    assert butler.collections.get_info("DECam/calib").children == ("DECam/calib/imported",)
    refs = [
        ref
        for name in ("cpBias", "cpFlat")
        for ref in butler.query_datasets(name, "*", find_first=False, explain=False, limit=None)
    ]
    # No public method tells the formatter.
    (records,) = butler._datastore.export_records(refs).values()
    infos = [i for data in records.records.values() for rows in data.values() for i in rows]
    assert len(infos) == 3348 and {i.formatter for i in infos} == {CP_FORMATTER}
    files = {os.path.realpath(butler.getURI(ref).ospath) for ref in refs}
    assert {os.stat(f).st_ino for f in files} == {f.stat().st_ino for f in made.files}
    # What a pipeline asks: the bias of an exposure in the night, on both sides of 0h UTC.
    for begin, end in (("23:00:00", "23:01:00"), ("23:59:50", "00:00:20"), ("05:00:00", "05:01:00")):
        days = "2015-02-18" if begin > "12" else "2015-02-19", "2015-02-18" if end > "12" else "2015-02-19"
        times = [f"{day}T{clock}" for day, clock in zip(days, (begin, end), strict=True)]
        found = butler.find_dataset(
            "cpBias",
            instrument="DECam",
            detector=7,
            collections="DECam/calib",
            timespan=_timespan(*times),
        )
        assert found is not None and found.run == run_of("2015-02-18")

    rows, repository = registry_rows(place.target), contents(place.target)
    planned = place.imported("--validity", table, "--dry-run")
    assert planned.status == 0 and contents(place.target) == repository, "planning wrote something"
    again = place.imported("--validity", table, "--json")
    assert (again.status, again.json["written"], again.json["conversion"]) == (0, {}, None)
    assert again.json["existing"] == {"cpBias": 558, "cpFlat": 2790}
    assert registry_rows(place.target) == rows
    assert contents(place.target) == repository, "the second import wrote something"


def _timespan(begin: str, end: str) -> Timespan:
    return Timespan(Time(begin, scale="utc"), Time(end, scale="utc"))


NOON = {
    n: {(utc(f"{n}T12:00:00"), utc(f"{next_day(n)}T12:00:00") if n != NIGHTS[2] else "")} for n in NIGHTS[:3]
}
MIDNIGHT = {
    n: {(utc(f"{n}T00:00:00"), utc(f"{next_day(n)}T00:00:00") if n != NIGHTS[2] else "")} for n in NIGHTS[:3]
}
EXACT = {n: {(utc(f"{n}T12:00:00"), utc(f"{next_day(n)}T12:00:00"))} for n in NIGHTS[:3]}


def both(spans: dict[str, set[tuple[str, str]]]) -> dict[tuple[str, str], set[tuple[str, str]]]:
    return {(type_, night): span for type_ in ("cpBias", "cpFlat") for night, span in spans.items()}


@pytest.mark.parametrize("suffix", ["yaml", "ecsv"])
def test_other_tables(small: Place, suffix: str) -> None:
    rows = lines(NIGHTS[:3])
    path = small.tmp / f"nights.{suffix}"
    if suffix == "yaml":
        keys = ("dataset_type", "calib_date", "begin", "end")
        path.write_text(json.dumps([dict(zip(keys, row, strict=True)) for row in rows]))
    else:
        Table(rows=rows, names=("dataset_type", "calib_date", "begin", "end")).write(path)
    done = small.imported("--camera", "decam", "--validity", path, "--json")
    assert (done.status, done.json["certified"]) == (0, {"cpBias": 6, "cpFlat": 6})
    assert small.spans() == both(EXACT)


@pytest.mark.parametrize(
    ("rule", "expected"), [("previous-afternoon", NOON), ("until-next", MIDNIGHT)], ids=["noon", "midnight"]
)
def test_rules(small: Place, rule: str, expected: dict[str, set[tuple[str, str]]]) -> None:
    done = small.imported("--camera", "decam", "--validity", f"rule:{rule}", "--json")
    assert (done.status, done.json["certified"]) == (0, {"cpBias": 6, "cpFlat": 6})
    assert {d["rule"] for d in done.json["decisions"]} == {rule}
    assert small.spans() == both(expected)


def test_days_around_overlap(small: Place) -> None:
    options = ("--camera", "decam", "--validity", "rule:+-30")
    stopped = small.imported(*options, "--json")
    assert stopped.status == 3 and stopped.json["conversion"] is None and stopped.json["conflicts"]
    assert "nothing was written" in stopped.err
    assert not small.target.exists()
    done = small.imported(*options, "--overlaps", "nearest", "--json")
    assert (done.status, done.json["conflicts"]) == (0, [])
    assert {"nearest", "+-30 days"} <= {d["rule"] for d in done.json["decisions"]}
    # In the middle between the dates.
    assert small.spans() == both(
        {
            "2015-02-16": {(utc("2015-01-17T00:00:00"), utc("2015-02-16T12:00:00"))},
            "2015-02-17": {(utc("2015-02-16T12:00:00"), utc("2015-02-17T12:00:00"))},
            "2015-02-18": {(utc("2015-02-17T12:00:00"), utc("2015-03-21T00:00:00"))},
        }
    )


def test_header_cards(tmp_path: Path) -> None:
    place = Place(tmp_path)
    for night, cards in {
        "2015-02-16": {"VBEGIN": "2015-02-16T12:00:00", "VEND": "2015-02-17T12:00:00.000000001"},
        "2015-02-17": {"VBEGIN": "2015-02-18"},
    }.items():
        fits.write(place.source / cp_name("zci", night), primary("zci", night, **cards) + extensions((1, 2)))
    done = place.imported("--camera", "decam", "--validity", "cards:vbegin,vend,tai", "--json")
    assert done.status == 1
    assert len(done.json["rejected"]) == 2, "one for each detector"
    assert all("card VEND is missing or empty" in r["reason"] for r in done.json["rejected"])
    span = ("2015-02-16T12:00:00.000000000", "2015-02-17T12:00:00.000000001")
    assert place.spans() == {("cpBias", "2015-02-16"): {span}}
    assert {row.run for row in place.datasets()} == {run_of("2015-02-16")}


def test_another_gen3_repository(small: Place) -> None:
    first = small.imported("--camera", "decam", "--validity", small.table(csv(NIGHTS[:3])))
    assert first.status == 0
    spans = small.spans()
    small.target.rename(small.tmp / "other")
    before = digest(small.tmp / "other")
    source = f"gen3:{small.tmp / 'other'}#DECam/calib/imported"
    done = small.imported("--camera", "decam", "--validity", source, "--label", "copied", "--json")
    assert (done.status, done.json["certified"]) == (0, {"cpBias": 6, "cpFlat": 6})
    assert small.spans("DECam/calib/copied") == spans == both(EXACT)
    assert digest(small.tmp / "other") == before


def test_a_gen2_registry(small: Place) -> None:
    rows = {
        "bias": [
            {
                "filter": "NONE",
                "ccdnum": ccd,
                "calib_hdu": ccd,
                "path": "x.fits",
                "calibDate": night,
                "validStart": night,
                "validEnd": night if night != NIGHTS[2] else "2015-03-18",
            }
            for night in NIGHTS[:3]
            for ccd in (1, 2)
        ]
    }
    (small.tmp / "gen2").mkdir()
    write_calib_registry(small.tmp / "gen2" / "calibRegistry.sqlite3", DECAM_CALIB, rows)
    done = small.imported("--camera", "decam", "--validity", f"gen2:{small.tmp / 'gen2'}", "--json")
    assert (done.status, done.json["certified"]) == (0, {"cpBias": 6}), done.err + done.out
    assert done.json["written"] == {"cpBias": 6, "cpFlat": 6}
    assert small.spans() == {
        ("cpBias", "2015-02-16"): {(utc("2015-02-16T00:00:00"), utc("2015-02-17T00:00:00"))},
        ("cpBias", "2015-02-17"): {(utc("2015-02-17T00:00:00"), utc("2015-02-18T00:00:00"))},
        ("cpBias", "2015-02-18"): {(utc("2015-02-18T00:00:00"), utc("2015-03-19T00:00:00"))},
    }
    assert sum("nothing is said of its validity" in line for line in done.skipped) == 3


def test_what_matches_nothing_is_said(small: Place) -> None:
    table = small.table(
        "dataset_type,calib_date,begin,end\n"
        "cpBias,2015-02-16,2015-02-16,2015-02-17\n"
        "cpBias,2015-03-16,2015-03-16,2015-03-17\n"
    )
    done = small.imported("--camera", "decam", "--validity", table, "--types", "cpBias", "--json")
    assert done.status == 0
    said = [line for line in done.skipped if "left out" not in line]
    assert [line.rpartition("/")[2] for line in said if "means no master" in line] == [
        "nights.csv line 3: means no master: dataset_type cpBias, calib_date 2015-03-16, "
        "begin 2015-03-16, end 2015-03-17"
    ]
    assert sum("nothing is said of its validity: written without a range" in line for line in said) == 2
    assert len(said) == 3
    assert len(small.datasets()) == 6 and len(small.ranges()) == 2


def test_without_validity_nothing_is_certified(small: Place) -> None:
    done = small.imported("--camera", "decam", "--json")
    assert (done.status, done.json["certified"], done.json["read_back"]) == (0, {}, None)
    assert len(small.datasets()) == 12 and not small.ranges()
    assert sum("ingested without a validity range" in line for line in done.skipped) == 6
    # Ranges may come later; the camera is that of the repository.
    later = small.imported("--validity", "rule:previous-afternoon", "--json")
    assert (later.status, later.json["written"], later.json["existing"]) == (
        0,
        {},
        {"cpBias": 6, "cpFlat": 6},
    )
    assert small.spans() == both(NOON)


def test_sources_do_not_mix_but_tables_add_up(small: Place) -> None:
    one = small.table(csv(NIGHTS[:1]), "one.csv")
    two = small.table(csv(NIGHTS[1:3]), "two.csv")
    mixed = small.imported("--camera", "decam", "--validity", one, "--validity", "rule:nearest")
    assert mixed.status == 2 and "several tables add up, but other sources stand alone" in mixed.err
    assert len(mixed.err.splitlines()) == 1 and not small.target.exists()
    done = small.imported("--camera", "decam", "--validity", one, "--validity", two)
    assert done.status == 0
    assert small.spans() == both(EXACT)


def test_library_and_printed_text(small: Place) -> None:
    outcome = import_calibs(
        ImportRecipe((str(small.source),), ("rule:previous-afternoon",), camera="decam"), str(small.target)
    )
    assert (outcome.exit_status, outcome.conversion, outcome.stopped) == (0, 1, "")
    assert small.spans() == both(NOON)
    other = Place(small.tmp / "second")
    other.source = small.source
    other.tmp.mkdir()
    done = other.imported("--camera", "decam", "--validity", "rule:previous-afternoon")
    assert done.status == 0
    assert "Read back: 12 ranges as written, 0 missing." in done.out
    quiet = other.imported("--quiet")
    assert (quiet.status, quiet.out) == (0, "")


def test_read_back_notices_what_is_gone(small: Place) -> None:
    recipe = ImportRecipe((str(small.source),), ("rule:previous-afternoon",), camera="decam")
    plan = make_import_plan(recipe, str(small.target))
    assert small.imported("--camera", "decam", "--validity", "rule:previous-afternoon").status == 0
    butler = Butler.from_config(str(small.target), writeable=True)
    butler.registry.decertify(
        "DECam/calib/imported", "cpBias", _timespan("2015-02-17T12:00:00", "2015-02-17T13:00:00")
    )
    found = read_back(str(small.target), plan.certifies)
    assert found.found == {"cpBias": 4, "cpFlat": 6}
    assert len(found.missing) == 2
    assert (
        "cpBias detector=1" in found.missing[0]
        and "is not certified in DECam/calib/imported" in found.missing[0]
    )
