"""A real HSC registry whose files are mostly not there, beside its real Gen3 export.

The pixels were never published with the registry: six rows name a Git LFS
pointer and the other 24 name nothing. What can be compared is what needs no
pixels, and one raw for which a header is made.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from astro_metadata_translator.tests import read_test_file
from golden_cases import collections, copy_tree, dataset_types, datasets, records
from lsst.daf.butler import Butler

from adapters.contract.repository import digest
from fixtures.fits import header
from tests.golden.exports import exported, nanoseconds, read_export

VISIT, CCD = 36140, 51
FILE = "SSP_WIDE/2015-07-21/01297/HSC-I/HSC-0036140-051.fits"
POINTERS = {
    FILE,
    "SSP_WIDE/2015-07-20/01296/HSC-I/HSC-0035892-023.fits",
    "SSP_WIDE/2015-07-20/01296/HSC-I/HSC-0035892-031.fits",
    "SSP_WIDE/2015-07-20/01296/HSC-I/HSC-0035892-039.fits",
    "SSP_WIDE/2015-07-21/01297/HSC-I/HSC-0036192-020.fits",
    "SSP_WIDE/2015-07-21/01297/HSC-I/HSC-0036236-093.fits",
}
NEW_FILTERS = {"ENG-R1": "r", "PH": "PH", "SH": "SH", "empty": "white", "unknown": "unknown"}


@pytest.fixture(scope="module")
def export(data: Path) -> list[dict[str, Any]]:
    """Items of the real export."""
    return read_export(data / "jointcal_hsc" / "exports.yaml")


@pytest.fixture(scope="module")
def rows(data: Path) -> dict[str, dict[str, Any]]:
    """Rows of the real registry by the file that they name."""
    path = data / "jointcal_hsc" / "gen2" / "registry.sqlite3"
    connection = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
    connection.row_factory = sqlite3.Row
    found = [dict(row) for row in connection.execute("SELECT * FROM raw")]
    connection.close()
    template = "{field}/{dateObs}/{pointing:05d}/{filter}/HSC-{visit:07d}-{ccd:03d}.fits"
    return {template.format(**row): row for row in found}


@pytest.fixture(scope="module")
def converted(data: Path, convert: Callable, tmp_path_factory: pytest.TempPathFactory):
    """The repository as it is: result, repository, and digests of the source before and after."""
    root = data / "jointcal_hsc" / "gen2"
    target = tmp_path_factory.mktemp("jointcal_hsc") / "repo"
    before = digest(root)
    result = convert(root, target)
    return result, Butler.from_config(target, writeable=False), before, digest(root)


def test_instrument(converted, export):
    _, butler, _, _ = converted
    ((name, theirs),) = exported(export, "instrument", "name").items()
    assert name == "HSC"
    (ours,) = records(butler, "instrument", name, "name").values()
    # The export is older than the field, but it has the visit system of that number.
    assert ours == theirs | {"visit_system": 0}
    assert exported(export, "visit_system", "id") == {0: {"instrument": "HSC", "id": 0, "name": "one-to-one"}}
    assert ours["class_name"] == "lsst.obs.subaru.HyperSuprimeCam"


def test_detectors(converted, export):
    _, butler, _, _ = converted
    ours = records(butler, "detector", "HSC", "id")
    assert len(ours) == 112
    assert ours == exported(export, "detector", "id")
    assert Counter(row["purpose"] for row in ours.values()) == {"SCIENCE": 104, "FOCUS": 8}


def test_filters(converted, export):
    _, butler, _, _ = converted
    ours = records(butler, "physical_filter", "HSC", "name")
    theirs = exported(export, "physical_filter", "name")
    assert (len(theirs), len(ours)) == (20, 25)
    assert {name: ours[name] for name in theirs} == theirs
    assert {name: row["band"] for name, row in ours.items() if name not in theirs} == NEW_FILTERS


def test_every_row_is_rejected_with_its_reason(converted, rows, data):
    result, _, _, _ = converted
    root = data / "jointcal_hsc" / "gen2"
    assert len(rows) == 30
    assert result.exit_status == 1
    assert result.outcome["written"] == {}
    assert len(result.outcome["rejected"]) == 30
    rejected = {entry["item"]: entry["reason"] for entry in result.outcome["rejected"]}
    assert len(rejected) == 30
    for file, row in rows.items():
        if file in POINTERS:
            assert rejected[f"{root}/{file}"] == (
                f"{root}/{file} is a Git LFS pointer, not the file itself: "
                "run `git lfs pull` in the source repository"
            )
        else:
            reason = rejected[f"{root}/registry.sqlite3 table raw row {row['id']}"]
            assert reason.startswith(f"file not found: expected {file} below {root};")
    assert sum("git lfs pull" in reason for reason in rejected.values()) == 6
    assert sum("file not found" in reason for reason in rejected.values()) == 24


def test_nothing_but_the_instrument_is_written(converted):
    result, butler, before, after = converted
    assert dataset_types(butler) == {}
    assert collections(butler) == {}
    assert records(butler, "exposure", "HSC", "id") == {}
    assert result.verified["observations"] == 30
    assert result.verified["lookups"] == 0
    assert after == before


@pytest.fixture(scope="module")
def one_raw(data: Path, rows, convert: Callable, tmp_path_factory: pytest.TempPathFactory):
    """The same with one pointer replaced by a header that says what the registry's row says.

    All else that matters for the record (times, pointing) is written the way
    the camera writes it: UTC, sexagesimal, altitude. So the record has to be
    computed, not copied.
    """
    directory = tmp_path_factory.mktemp("one_raw")
    root = copy_tree(data / "jointcal_hsc" / "gen2", directory / "gen2")
    row = rows[FILE]
    structure = {"SIMPLE", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "BZERO", "BSCALE", "COMMENT", ""}
    real = dict(read_test_file(str(data / "headers" / "fitsheader-hsc.yaml")))
    cards = {key: value for key, value in real.items() if key not in structure}
    cards |= {
        "EXP-ID": row["expId"],
        "FRAMEID": row["frameId"],
        "DET-ID": row["ccd"],
        "DATE-OBS": row["dateObs"],
        "FILTER01": "HSC-i",
        "EXPTIME": row["expTime"],
        "PROP-ID": row["proposal"],
        "INST-PA": f"{row['pa']:.3f}",
        "OBJECT": "SSP-Wide",
        # TAI was 36 s ahead of UTC.
        "UT-STR": "10:48:54.103",
        "UT-END": "10:52:16.027",
        "MJD": 57224.4506,
        "MJD-STR": 57224.4506,
        "MJD-END": 57224.4530,
        "RA2000": "22:32:03.941",
        "DEC2000": "+00:43:30.12",
        "ALTITUDE": 90 - 37.12350657,
    }
    (root / FILE).unlink()
    (root / FILE).write_bytes(header(cards))
    target = directory / "repo"
    result = convert(root, target)
    return result, Butler.from_config(target, writeable=False), root


def test_one_raw_converts_and_the_others_are_rejected(one_raw, rows):
    result, _, root = one_raw
    assert result.exit_status == 1
    assert result.outcome["written"] == {"raw": 1}
    assert result.outcome["header_reads"] == 1
    rejected = {entry["item"]: entry["reason"] for entry in result.outcome["rejected"]}
    assert len(rejected) == len(result.outcome["rejected"]) == 29
    missing = {f"{root}/registry.sqlite3 table raw row {rows[file]['id']}" for file in set(rows) - POINTERS}
    assert set(rejected) == {f"{root}/{file}" for file in POINTERS - {FILE}} | missing


def test_the_raw_is_as_exported(one_raw, export):
    _, butler, root = one_raw
    ((key, ours),) = datasets(butler, {"raw"}, root).items()
    (item,) = [i for i in export if i["type"] == "dataset" and i["dataset_type"] == "raw"]
    (theirs,) = [r for r in item["records"] if r["path"] == FILE]
    (data_id,) = theirs["data_id"]
    assert data_id == {"instrument": "HSC", "detector": CCD, "exposure": VISIT}
    assert key == ("raw", item["run"], tuple(sorted(data_id.items())))
    assert item["run"] == "HSC/raw/all"
    assert ours["file"] == FILE
    assert ours["formatter"] == theirs["formatter"]
    assert ours["formatter"] == "lsst.obs.subaru.rawFormatter.HyperSuprimeCamRawFormatter"


def test_raw_dataset_type(one_raw, export):
    _, butler, _ = one_raw
    (theirs,) = [i for i in export if i["type"] == "dataset_type" and i["name"] == "raw"]
    # The export lists implied dimensions too.
    required = frozenset(theirs["dimensions"]) - {"band", "physical_filter"}
    assert dataset_types(butler) == {"raw": (theirs["storage_class"], required, theirs["is_calibration"])}
    assert required == {"instrument", "detector", "exposure"}


def test_exposure_record(one_raw, export):
    _, butler, _ = one_raw
    theirs = dict(exported(export, "exposure", "id")[VISIT])
    ((number, ours),) = records(butler, "exposure", "HSC", "id").items()
    assert number == VISIT
    span = (nanoseconds(theirs.pop("datetime_begin")), nanoseconds(theirs.pop("datetime_end")))
    assert ours.pop("timespan").nsec == span
    assert span == (1437475770103000000, 1437475972027000000)
    # The header that was used is another night's, and the azimuth is its own.
    assert ours.pop("azimuth") == pytest.approx(226.68922661, abs=1e-9)
    assert theirs.pop("group_id") == VISIT
    theirs["group"] = theirs.pop("group_name")
    new = {"seq_start": VISIT, "seq_end": VISIT, "has_simulated": False, "can_see_sky": True}
    assert {field: ours.pop(field) for field in new} == new
    for field in ("tracking_ra", "tracking_dec", "sky_angle", "zenith_angle"):
        assert ours.pop(field) == pytest.approx(theirs.pop(field), abs=1e-9), field
    assert ours == theirs
    assert ours == {
        "instrument": "HSC",
        "id": VISIT,
        "day_obs": 20150721,
        "group": "36140",
        "physical_filter": "HSC-I",
        "obs_id": "HSCA03614000",
        "exposure_time": 200.0,
        "dark_time": 200.0,
        "observation_type": "science",
        "observation_reason": "science",
        "seq_num": VISIT,
        "target_name": "SSP-Wide",
        "science_program": "o15406",
    }


def test_collections_of_the_raw(one_raw, export):
    _, butler, _ = one_raw
    theirs = {i["name"]: i["collection_type"] for i in export if i["type"] == "collection"}
    assert collections(butler) == {"HSC/raw/all": "RUN", "HSC/defaults": "CHAINED"}
    assert theirs["HSC/raw/all"] == "RUN"
    assert butler.collections.get_info("HSC/defaults").children == ("HSC/raw/all",)
