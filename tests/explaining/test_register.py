"""The instrument's records: compared, added, changed with --update only, and never taken away."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import sqlite_utils
from lsst.daf.butler import Butler

from adapters.hsc import HSC
from adapters.instrument import DetectorSerial, PhysicalFilter
from adapters.megaprime import MegaPrime

from .conftest import of_kind

RIGHT = HSC().instrument
OLD = "resource://lsst.daf.butler/configs/old_dimensions/daf_butler_universe{}.yaml"


def digest(root: Path) -> dict[str, str]:
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in root.rglob("*") if p.is_file()}


def records(root: Path, element: str, instrument: str = "HSC") -> dict:
    with Butler.from_config(str(root), writeable=False) as butler:
        found = butler.query_dimension_records(element, instrument=instrument, limit=None, explain=False)
        return {r.dataId.required_values[-1]: r.toDict() for r in found}


def ledger(root: Path, sql: str) -> list[tuple]:
    db = sqlite_utils.Database(root / "gen2to3.sqlite3")
    try:
        return list(db.execute(sql))
    finally:
        db.close()


@pytest.fixture
def repo(tmp_path, run):
    assert run("register", tmp_path / "repo", "--camera", "hsc").exit_code == 0
    return tmp_path / "repo"


def test_a_new_repository(tmp_path, run, run_json):
    target = tmp_path / "repo"
    status, plan = run_json("register", target, "--camera", "hsc", "--dry-run")
    assert (status, plan["conversion"], target.exists()) == (0, None, False)
    status, done = run_json("register", target, "--camera", "hsc")
    assert (status, done["conversion"], done["operations"]) == (0, 1, 1)
    assert done["difference"] == plan["difference"]
    assert len(of_kind(done["difference"], "+")) == 1 + 112 + 25
    assert records(target, "instrument")["HSC"]["class_name"] == "lsst.obs.subaru.HyperSuprimeCam"
    assert records(target, "instrument")["HSC"]["visit_max"] == 21474800
    assert len(records(target, "detector")) == 112
    assert records(target, "detector")[104]["purpose"] == "FOCUS"
    assert records(target, "physical_filter")["HSC-R"]["band"] == "r"
    assert ledger(target, "select command, finished_utc is not null from conversions") == [("register", 1)]
    assert ledger(target, "select rule, item, before, after from decisions") == [
        ("register", "instrument HSC", "none", "112 detectors, 25 physical filters")
    ]


def test_again_is_nothing(repo, run, run_json):
    before = digest(repo)
    for options in ((), ("--update",), ("--dry-run",)):
        status, done = run_json("register", repo, "--camera", "hsc", *options)
        assert (status, done["conversion"], done["operations"]) == (0, None, 0)
        assert (done["difference"], done["conflicts"], done["decisions"]) == ([], [], [])
    assert (
        "Nothing to write: all records are as the camera declares them"
        in run("register", repo, "--camera", "HSC").stdout
    )
    assert digest(repo) == before


def test_visit_max_is_changed_with_update_only(repo, run, run_json, declare):
    declare(HSC, record=dict(RIGHT.record) | {"visit_max": 99_999_999})
    before = digest(repo)
    for options in ((), ("--dry-run",)):
        result = run("register", repo, "--camera", "hsc", *options)
        assert result.exit_code == 3
        assert "~ instrument HSC visit_max: 21474800 -> 99999999" in result.stdout
        assert "give --update to change the repository's records" in result.stdout
        assert "1 conflict, nothing was written" in result.stderr
    assert digest(repo) == before

    result = run("register", repo, "--camera", "hsc", "--update", "--dry-run")
    assert result.exit_code == 0 and digest(repo) == before
    assert "0 records to add, 1 record to change" in result.stdout
    status, done = run_json("register", repo, "--camera", "hsc", "--update")
    assert (status, done["conversion"]) == (0, 2)
    assert done["difference"] == [
        {
            "change": "~",
            "element": "instrument",
            "key": "HSC",
            "field": "visit_max",
            "before": 21474800,
            "after": 99999999,
        }
    ]
    assert records(repo, "instrument")["HSC"]["visit_max"] == 99_999_999
    assert records(repo, "instrument")["HSC"]["exposure_max"] == 21474800
    assert ledger(repo, "select rule, item, before, after, why from decisions where conversion = 2") == [
        (
            "update-instrument",
            "instrument HSC",
            "visit_max 21474800",
            "visit_max 99999999",
            "--update was given",
        )
    ]
    assert run_json("register", repo, "--camera", "hsc", "--update")[1]["operations"] == 0


def test_a_new_filter_needs_no_update(repo, run_json, declare):
    declare(HSC, filters=(*RIGHT.filters, PhysicalFilter("NB9999", "N9999")))
    status, done = run_json("register", repo, "--camera", "hsc")
    assert (status, done["conversion"]) == (0, 2)
    assert of_kind(done["difference"], "+") == [("physical_filter", "NB9999", "", None, None)]
    assert records(repo, "physical_filter")["NB9999"]["band"] == "N9999"
    assert ledger(repo, "select rule, item, before, after from decisions where conversion = 2") == [
        ("register", "physical_filter NB9999", "none", "added")
    ]


def test_a_changed_purpose_stops_the_new_filter_too(repo, run_json, declare):
    detectors = tuple(replace(d, purpose="GUIDER") if d.id == 104 else d for d in RIGHT.detectors)
    declare(HSC, detectors=detectors, filters=(*RIGHT.filters, PhysicalFilter("NB9999", "N9999")))
    status, stopped = run_json("register", repo, "--camera", "hsc")
    assert status == 3 and len(stopped["conflicts"]) == 1
    assert "detector 104: purpose is 'FOCUS' in the repository, 'GUIDER'" in stopped["conflicts"][0]
    assert "NB9999" not in records(repo, "physical_filter")
    status, done = run_json("register", repo, "--camera", "hsc", "--update")
    assert status == 0
    assert of_kind(done["difference"], "~") == [("detector", 104, "purpose", "FOCUS", "GUIDER")]
    assert records(repo, "detector")[104]["purpose"] == "GUIDER"
    assert records(repo, "detector")[105]["purpose"] == "FOCUS"
    assert "NB9999" in records(repo, "physical_filter")


def test_what_only_the_repository_has_is_kept(repo, run, run_json, declare):
    fewer = RIGHT.detectors[:-2], tuple(f for f in RIGHT.filters if f.name != "HSC-R")
    declare(HSC, detectors=fewer[0], filters=fewer[1])
    for options in ((), ("--update",)):
        status, done = run_json("register", repo, "--camera", "hsc", *options)
        assert (status, done["conversion"]) == (0, None)
        assert [k[:2] for k in of_kind(done["difference"], "=")] == [
            ("detector", 110),
            ("detector", 111),
            ("physical_filter", "HSC-R"),
        ]
    assert len(records(repo, "detector")) == 112 and "HSC-R" in records(repo, "physical_filter")
    text = run("register", repo, "--camera", "hsc").stdout
    assert "= 2 detectors, kept: 110, 111" in text and "= 1 physical_filter, kept: HSC-R" in text


@pytest.mark.parametrize("universe", [0, 1, 2, 5, 6, 7])
def test_older_universes(tmp_path, run_json, universe):
    target = tmp_path / "old"
    Butler.makeRepo(str(target), dimensionConfig=OLD.format(universe))
    status, done = run_json("register", target, "--camera", "hsc")
    assert (status, done["conversion"]) == (0, 1)
    assert len(records(target, "detector")) == 112
    left_out = [(d["item"], d["before"]) for d in done["decisions"] if d["rule"] == "older-universe"]
    assert left_out == ([("instrument", "visit_system")] if universe < 2 else [])
    assert ("visit_system" in records(target, "instrument")["HSC"]) == (universe >= 2)
    assert run_json("register", target, "--camera", "hsc")[1]["operations"] == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nowhere", "--camera", "nocamera"), "no camera is called 'nocamera'"),
        ((".", "--camera", "hsc"), "exists but is no Butler repository"),
        (("x",), "Missing option '--camera'"),
    ],
)
def test_calls_that_cannot_be_carried_out(tmp_path, monkeypatch, run, arguments, says):
    (tmp_path / "something").write_text("x")
    monkeypatch.chdir(tmp_path)
    result = run("register", *arguments)
    assert result.exit_code == 2 and len(result.stderr.splitlines()) == 1
    assert says in result.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["something"]


def test_serial_numbers_are_recorded_and_replaced(tmp_path, run, declare):
    target, chips = tmp_path / "repo", "select detector, serial, begin_utc, end_utc, begin_tai_ns, end_tai_ns"
    assert run("register", target, "--camera", "megaprime").exit_code == 0
    rows = ledger(target, f"{chips} from detector_serials where instrument = 'MegaPrime'")
    assert len(rows) == 36 and rows[5] == (5, "8351205", "", "", None, None)
    swapped = (
        DetectorSerial("a", 5, end="2007-06-15T12:00:00"),
        DetectorSerial("b", 5, begin="2007-06-15T12:00:00"),
    )
    declare(MegaPrime, serials=swapped)
    assert run("register", target, "--camera", "megaprime").exit_code == 0
    at = 1_181_908_800_000_000_000 + 33_000_000_000  # TAI was 33 s ahead of UTC
    assert ledger(target, f"{chips} from detector_serials") == [
        (5, "a", "", "2007-06-15T12:00:00", None, at),
        (5, "b", "2007-06-15T12:00:00", "", at, None),
    ]
    # No record changed, so this is no conversion.
    assert ledger(target, "select count(*) from conversions") == [(1,)]
