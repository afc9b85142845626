"""Defects of a package, and defects of the same content in a Gen2 calibration root."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from converter.timespans import DAY, SECOND, parse_time, to_tai
from fixtures.curated import boxes_of, defects_text, metadata_of, write
from fixtures.hsc import HscSpec, make_hsc

from .reading import Ranges, ranges

# All dates of HSC's package, on both sides of four leap seconds.
DATES = (
    "1970-01-01",
    "2013-01-31",
    "2014-04-03",
    "2014-06-01",
    "2015-11-06",
    "2016-04-01",
    "2016-11-22",
    "2016-12-23",
)
DETECTORS = {49: "0_12", 50: "1_12"}
LAST_DAY = "2037-12-31"


@pytest.fixture(scope="module")
def both(run_json, tmp_path_factory: pytest.TempPathFactory) -> tuple[Ranges, Ranges]:
    """Ranges that come of the package, and of the registry."""
    root = tmp_path_factory.mktemp("both")
    package = root / "obs_subaru_data"
    for detector, name in DETECTORS.items():
        for i, date in enumerate(DATES):
            text = defects_text(metadata_of("hsc", detector, date, "defects"), boxes_of(detector, i))
            stem = date.replace("-", "")
            write(package / f"hsc/defects/{name}/{stem}T000000.ecsv", text)
    # As ingestCuratedCalibs.py wrote them: to the day before the next one, the last one to 2037.
    repository = make_hsc(
        root / "gen2",
        HscSpec(
            detectors=tuple(DETECTORS),
            defects=tuple(f"{d}T00:00:00" for d in DATES),
            validity_by_table={"defects": 30_000},
        ),
    )
    last_day_to(repository.calib / "calibRegistry.sqlite3", LAST_DAY)
    assert run_json("curate", root / "curated", package, "--camera", "hsc")[0] == 0
    assert (
        run_json("convert", repository.root, root / "converted", "--no-verify", "--types", "defects")[0] == 0
    )
    return (
        ranges(root / "curated", "HSC/calib/curated", "defects"),
        ranges(root / "converted", "HSC/calib/gen2", "defects"),
    )


def last_day_to(registry: Path, day: str) -> None:
    with sqlite3.connect(registry) as db:
        db.execute("update defects set validEnd = ? where calibDate like ?", (day, f"{DATES[-1]}%"))


def valid(table: Ranges, detector: int, when: int) -> list[str]:
    """Dates of the defects that are valid at an instant."""
    return sorted(
        run.rpartition("/")[2]
        for (run, data_id), spans in table.items()
        if dict(data_id)["detector"] == detector
        for begin, end in spans
        if (begin is None or begin <= when) and (end is None or when < end)
    )


def test_ranges_differ_in_the_last_end_only(both: tuple[Ranges, Ranges]) -> None:
    curated, converted = both
    ours = {(r.rpartition("/")[2], d): s for (r, d), s in curated.items()}
    theirs = {(r.rpartition("/")[2], d): s for (r, d), s in converted.items()}
    assert ours.keys() == theirs.keys() and len(ours) == len(DATES) * len(DETECTORS)
    differences = sorted(
        (stamp, dict(d)["detector"], ours[stamp, d], theirs[stamp, d])
        for stamp, d in ours
        if ours[stamp, d] != theirs[stamp, d]
    )
    # The registry ends with the last day of 2037, the package never. Nothing else: both count
    # leap seconds, and a day that a registry includes ends where the next file begins.
    last = to_tai(parse_time("2016-12-23"), "utc")
    end = to_tai(parse_time("2038-01-01"), "utc")
    assert differences == [
        ("20161223T000000Z", detector, [(last, None)], [(last, end)]) for detector in DETECTORS
    ]


def test_every_day(both: tuple[Ranges, Ranges]) -> None:
    """At 0h, a second before and after it, and at noon UTC of every day up to 2040."""
    different = []
    first = parse_time("1970-01-01").day
    for day in range(first, parse_time("2040-01-01").day):
        for ns in (0, SECOND, DAY // 2, DAY - SECOND):
            when = to_tai(parse_time("1970-01-01")._replace(day=day, ns=ns), "utc")
            for detector in DETECTORS:
                one, other = (valid(t, detector, when) for t in both)
                if one != other:
                    different.append((day, detector, one, other))
    begin = parse_time("2038-01-01").day
    assert {d[0] for d in different} == set(range(begin, parse_time("2040-01-01").day))
    assert {(*one, "or", *other) for _, _, one, other in different} == {("20161223T000000Z", "or")}
    assert len(different) == 2 * 365 * 4 * len(DETECTORS)
