"""Real headers and a real Gen3 export beside what is converted here."""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from astro_metadata_translator.tests import read_test_file

from adapters.decam import DECam
from converter.apply import apply
from converter.planning.conversion import make_plan
from converter.recipe import Recipe
from fixtures.decam import DecamSpec, make_decam
from fixtures.decam_files import ALL_CCDS, MAPPER, ccd_cards, extension
from fixtures.fits import header
from fixtures.registry import DECAM_RAW, write_raw_registry
from tests.golden.exports import exported, nanoseconds, read_export

DAY = 86_400_000_000_000
LEAP_SECONDS_2015 = 35_000_000_000
STRUCTURE = (
    "XTENSION",
    "SIMPLE",
    "BITPIX",
    "EXTEND",
    "PCOUNT",
    "GCOUNT",
    "TFIELDS",
    "BZERO",
    "BSCALE",
    "NAXIS",
)
STRUCTURE += (
    "TTYPE",
    "TFORM",
    "COMMENT",
    "HISTORY",
    "CHECKSUM",
    "DATASUM",
    "EXTNAME",
    "CCDNUM",
    "DETPOS",
    "Z",
)


@pytest.fixture(scope="module")
def export(data: Path) -> list[dict[str, Any]]:
    return read_export(data / "hits2015" / "export_current.yaml")


@pytest.fixture(scope="module")
def hits(run, tmp_path_factory):
    """A repository like the one behind the export: two dates, rows for four CCDs, 9999 days."""
    root = tmp_path_factory.mktemp("hits")
    dates = ("2015-02-18", "2015-03-13")
    spec = DecamSpec(
        nights=("2015-02-19",),
        ccds=(5, 10, 56, 60),
        filters=("g",),
        cp_bias=dates,
        cp_flat=dates,
        cp_ccds=(5, 10, 56, 60),
        validity_days=9999,
        dialect="C",
        defects=("2014-10-20T10:30:00",),
        crosstalk=("1970-01-01T00:00:00",),
    )
    return run(make_decam(root / "gen2", spec), root / "gen3", label="")


def records(butler, element: str, key: str) -> dict[Any, dict[str, Any]]:
    found = butler.query_dimension_records(element, instrument="DECam", limit=None)
    return {getattr(record, key): record.toDict() for record in found}


def test_instrument_detectors_and_filters(hits, export):
    assert records(hits.butler, "instrument", "name") == exported(export, "instrument", "name")
    detectors = records(hits.butler, "detector", "id")
    assert len(detectors) == 62
    assert detectors == exported(export, "detector", "id")
    filters = records(hits.butler, "physical_filter", "name")
    theirs = exported(export, "physical_filter", "name")
    assert len(theirs) == 1 and len(filters) == 12
    assert {name: filters[name] for name in theirs} == theirs


def test_dataset_types(hits, export):
    theirs = {
        item["name"]: (set(item["dimensions"]), item["storage_class"], item["is_calibration"])
        for item in export
        if item["type"] == "dataset_type"
    }
    ours = {
        t.name: (set(t.dimensions.names), t.storageClass_name, t.isCalibration())
        for t in hits.butler.registry.queryDatasetTypes()
    }
    for name in ("cpBias", "cpFlat", "crosstalk", "defects"):
        assert ours[name] == theirs[name]
    names = {"band", "day_obs", "detector", "exposure", "group", "instrument", "physical_filter"}
    assert ours["raw"] == (names, "Exposure", False)
    # What is handed off has a command, not a dataset.
    assert {h.dataset_type for h in hits.outcome.plan.hand_offs} == {"camera", "linearizer"} <= set(theirs)


def test_every_exported_type_of_the_camera_is_declared(export):
    camera = DECam()
    declared = {c.dataset_type for c in camera.calibrations} | {h.dataset_type for h in camera.hand_offs}
    assert {i["name"] for i in export if i["type"] == "dataset_type" and i["is_calibration"]} <= declared


def test_runs_datasets_and_formatters(hits, export):
    theirs: dict[tuple[str, str], dict[int, str]] = defaultdict(dict)
    for item in export:
        if item["type"] == "dataset" and item["dataset_type"].startswith("cp"):
            for record in item["records"]:
                for data_id in record["data_id"]:
                    where = theirs[item["dataset_type"], item["run"]]
                    where[data_id["detector"]] = record["formatter"]
    assert len(theirs) == 4
    for (name, run), formatters in theirs.items():
        assert set(formatters) == set(ALL_CCDS)
        assert {d: formatter for d, (formatter, _) in hits.records(name, run).items()} == formatters
    for name in ("defects", "crosstalk"):
        (formatter,) = {
            record["formatter"]
            for item in export
            if item["type"] == "dataset" and item["dataset_type"] == name
            for record in item["records"]
        }
        assert DECam().calibration(name).formatter == formatter


def test_certified_detectors_and_ranges(hits, export):
    """The same masters are certified; their ranges differ by what the old converter left out.

    It took UTC texts for TAI (35 s), and the inclusive last day for an exclusive end.
    """
    kinds = {
        uuid: (item["dataset_type"], item["run"], data_id["detector"])
        for item in export
        if item["type"] == "dataset" and item["dataset_type"].startswith("cp")
        for record in item["records"]
        for uuid, data_id in zip(record["dataset_id"], record["data_id"], strict=True)
    }
    theirs = {}
    for item in export:
        for found in item["validity_ranges"] if item["type"] == "associations" else ():
            for uuid in found["dataset_ids"]:
                if uuid in kinds:
                    begin, end = (nanoseconds(found["timespan"][side]) for side in ("begin", "end"))
                    theirs[kinds[uuid]] = begin, end
    ours = {
        (name, a.ref.run, a.ref.dataId["detector"]): a.timespan.nsec
        for name in ("cpBias", "cpFlat")
        for a in hits.butler.registry.queryDatasetAssociations(name, collections="DECam/calib")
        if a.timespan is not None
    }
    assert len(theirs) == 16
    assert set(ours) == set(theirs)
    for key, (begin, end) in theirs.items():
        difference = ours[key][0] - begin, ours[key][1] - end
        if key[1].endswith("20150218T000000Z"):
            assert difference == (23_000_000_000, LEAP_SECONDS_2015)  # TAI was 23 s ahead of UTC in 1987
        else:
            assert difference == (LEAP_SECONDS_2015, DAY + 37_000_000_000)


def from_header(root: Path, data: Path, name: str, filter_: str, date: str) -> dict[str, Any]:
    """Exposure record of a real header, through a whole conversion."""
    cards = {
        k: v
        for k, v in read_test_file(str(data / "headers" / name)).items()
        if k and isinstance(v, str | int | float)
    }
    gen2 = root / "gen2"
    ccd, visit = cards["CCDNUM"], cards["EXPNUM"]
    row: dict[str, Any] = dict.fromkeys(DECAM_RAW.main.columns, "")
    row |= {"visit": visit, "filter": filter_, "date": date, "ccdnum": ccd, "ccd": ccd, "hdu": 1}
    write_raw_registry(gen2 / "registry.sqlite3", DECAM_RAW, [row | {"expTime": cards["EXPTIME"]}])
    (gen2 / "_mapper").write_text(MAPPER)
    path = gen2 / f"{date}/{filter_}/decam{visit:07d}.fits.fz"
    path.parent.mkdir(parents=True)
    plain = {k: v for k, v in cards.items() if k == "ZD" or not k.startswith(STRUCTURE)}
    path.write_bytes(header(plain) + extension(ccd_cards(ccd)))
    plan = make_plan(Recipe(str(gen2), transfer="direct"), str(root / "gen3"))
    assert plan.rejects == []
    apply(plan, str(root / "gen3"))
    (batch,) = plan.exposures
    (record,) = batch.records
    return dict(record.exposure) | {"begin": record.begin_ns, "offset": record.day_obs_offset_s}


def test_real_science_header(data, tmp_path):
    """The exposure of testdata_decam; its 2022 record had day_obs 20130901, before the observing day's offset."""
    found = from_header(tmp_path, data, "fitsheader-decam.yaml", "z", "2013-09-01")
    assert found["id"] == 229388 and found["obs_id"] == "ct4m20130901t060255"
    assert (found["group"], found["seq_num"], found["seq_start"], found["seq_end"]) == (
        "229388",
        229388,
        229388,
        229388,
    )
    assert (found["day_obs"], found["offset"]) == (20130831, 43200)
    assert found["physical_filter"] == "z DECam SDSS c0004 9260.0 1520.0"
    assert (found["observation_type"], found["observation_reason"]) == ("science", "science")
    assert found["sky_angle"] == 90.0
    assert found["can_see_sky"] is True and found["has_simulated"] is False
    assert math.isfinite(found["tracking_ra"]) and math.isfinite(found["zenith_angle"])


def test_real_zero(data, tmp_path):
    """A zero has no filter, whatever was in the beam."""
    found = from_header(tmp_path, data, "fitsheader-decam-0160496.yaml", "NONE", "2012-12-11")
    assert found["id"] == 160496
    assert found["physical_filter"] == "solid plate 0.0 0.0"
    assert found["observation_type"] == "zero"
    assert found["can_see_sky"] is False
