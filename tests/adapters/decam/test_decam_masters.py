"""Files of many detectors, tables that two kinds of masters share, and lookups without a date."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.decam import DECam
from adapters.extensions import read_contents
from fixtures.decam import EXPOSURES, DecamSpec, make_decam
from fixtures.decam_files import ALL_CCDS, FILTERS, cp_content, position, raw_order

RAW = "lsst.obs.decam.rawFormatter.DarkEnergyCameraRawFormatter"
CP = "lsst.obs.decam.rawFormatter.DarkEnergyCameraCPCalibFormatter"
EXPOSURE = "lsst.obs.base.formatters.fitsExposure.FitsExposureFormatter"
GENERIC = "lsst.obs.base.formatters.fitsGeneric.FitsGenericFormatter"
FEW = (2, 10, 11, 12)


@pytest.fixture(scope="module")
def mixed(run, tmp_path_factory):
    """One of everything, over two nights."""
    root = tmp_path_factory.mktemp("mixed")
    spec = DecamSpec(
        nights=("2015-02-11", "2015-02-17"),
        exposures=(timedelta(hours=23),),
        ccds=FEW,
        filters=("g", "Y"),
        cp_bias=("2015-02-16",),
        cp_flat=("2015-02-16",),
        cp_flat_filters=("g", "unknown"),
        cp_illumcor=("2015-02-16",),
        bias=("2015-02-10",),
        fringe=("2013-05-01",),
        defects=("2013-01-15T01:30:00", "2014-10-20T10:30:00"),
        crosstalk=("1970-01-01T00:00:00",),
        zero=True,
        column_order=5,
    )
    return run(make_decam(root / "gen2", spec), root / "gen3")


def stamps(converted, dataset_type: str) -> dict[str, set[int]]:
    """Detectors by RUN stamp."""
    found: dict[str, set[int]] = {}
    for ref in converted.butler.registry.queryDatasets(dataset_type, collections="*", findFirst=False):
        found.setdefault(ref.run.rpartition("/")[2], set()).add(ref.dataId["detector"])
    return found


def test_positions_of_the_fixture_are_those_of_the_camera():
    assert {d.id: d.full_name for d in DECam().instrument.detectors} == {c: position(c) for c in ALL_CCDS}


def test_a_raw_with_all_detectors(run, tmp_path):
    spec = DecamSpec(nights=("2015-02-16",), exposures=EXPOSURES[:1], cp_bias=(), cp_flat=())
    made = make_decam(tmp_path / "gen2", spec)
    c = run(made, tmp_path / "gen3", transfer="copy")
    assert c.outcome.plan.written == {"raw": 62}
    found = c.records("raw", "DECam/raw/all")
    assert set(found) == set(ALL_CCDS)
    assert {formatter for formatter, _ in found.values()} == {RAW}
    (path,) = {path for _, path in found.values()}
    # Copied once, byte for byte, extensions of no detector included.
    assert Path(path).read_bytes() == (made.root / made.raw_files[0]).read_bytes()
    hdus = read_contents(path, DECam().raw.extensions).hdus
    assert [d for d, _ in sorted(hdus.items(), key=lambda item: item[1])] == raw_order(411371, ALL_CCDS)
    (skip,) = (s for s in c.outcome.plan.skips if "no detector of" in s.reason)
    assert skip.reason == "3 extensions of no detector of DECam"


def test_the_file_tells_which_kind_a_row_means(mixed):
    assert stamps(mixed, "bias") == {"20150210T000000Z": {10, 11}}
    assert stamps(mixed, "cpBias") == {"20150216T000000Z": set(ALL_CCDS)}
    assert {f for f, _ in mixed.records("bias", "DECam/calib/gen2/20150210T000000Z").values()} == {EXPOSURE}
    assert {f for f, _ in mixed.records("cpBias", "DECam/calib/gen2/20150216T000000Z").values()} == {CP}


def test_dates_of_all_detectors_had_to_be_one(mixed):
    """On 2015-02-11 two CCDs have the old bias and the others the new one: Gen2 failed for all of them."""
    early, _, late, _ = mixed.made.visits
    assert mixed.by_type("bias") == {
        "gen2_ambiguous.gen3_one": 4,
        "gen2_ambiguous.gen3_none": 4,
        "gen2_none.gen3_none": 8,
    }
    assert mixed.by_type("cpBias") == {
        "gen2_ambiguous.gen3_one": 2,
        "gen2_ambiguous.gen3_none": 6,
        "agree": 6,
        "explained": 2,
    }
    assert mixed.find("bias", early, 10).run.endswith("20150210T000000Z")
    assert mixed.find("cpBias", early, 12).run.endswith("20150216T000000Z")
    assert mixed.find("cpBias", late, 10).run.endswith("20150216T000000Z")


def test_nothing_disagrees(mixed):
    verified = mixed.verified
    assert verified["disagree"] == []
    counted = verified["agree"] + verified["explained"]
    counted += sum(verified["gen2_none"].values()) + sum(verified["gen2_ambiguous"].values())
    assert counted == verified["lookups"]


def test_formatters_and_storage_classes(mixed):
    expected = {
        "cpIllumcor": ("20150216T000000Z", EXPOSURE, "ExposureF"),
        "fringe": ("20130501T000000Z", EXPOSURE, "ExposureF"),
        "defects": ("20141020T103000Z", GENERIC, "Defects"),
        "crosstalk": ("19700101T000000Z", GENERIC, "CrosstalkCalib"),
    }
    for name, (stamp, formatter, storage_class) in expected.items():
        found = mixed.records(name, f"DECam/calib/gen2/{stamp}")
        assert {f for f, _ in found.values()} == {formatter}
        assert mixed.butler.get_dataset_type(name).storageClass_name == storage_class
        assert len(found) == (62 if name == "cpIllumcor" else 2)


def test_fringes_had_no_date(mixed):
    """The registry's range ends long before the exposures; Gen2 did not look at it."""
    assert mixed.made.calib_rows["fringe"][0]["validEnd"] == "2013-05-31"
    # Science exposures in g for CCDs 10 and 11; for zeros (solid plate) and other CCDs there is none.
    assert mixed.by_type("fringe") == {"agree": 4, "gen2_none.gen3_none": 12}
    changed = mixed.rules("fringe", "no-date-test")
    assert len(changed) == 2  # one per filter
    assert mixed.find("fringe", next(iter(mixed.made.visits)), 10).run.endswith("20130501T000000Z")


def test_two_fringes_always_failed(run, tmp_path):
    spec = DecamSpec(
        nights=("2015-02-16",),
        exposures=EXPOSURES[:2],
        ccds=(10, 12),
        filters=("z",),
        cp_bias=(),
        cp_flat=(),
        fringe=("2015-01-31", "2015-03-01"),
    )
    c = run(make_decam(tmp_path / "gen2", spec), tmp_path / "gen3")
    assert c.by_type("fringe") == {"gen2_ambiguous.gen3_one": 2, "gen2_none.gen3_none": 2}
    assert c.rules("fringe", "no-date-test") == []
    # With several, the registry's ranges are all that is known.
    assert c.find("fringe", 411372, 10).run.endswith("20150301T000000Z")
    assert c.verified["disagree"] == []


def test_curated_products(mixed):
    assert mixed.by_type("defects") == {"agree": 8, "gen2_none.gen3_none": 8}
    assert mixed.by_type("crosstalk") == {"agree": 8, "gen2_none.gen3_none": 8}
    assert stamps(mixed, "defects") == {stamp: {10, 11} for stamp in ("20130115T013000Z", "20141020T103000Z")}


def test_a_flat_without_filter_is_named(mixed):
    """Its rows say ``unknown``, which no exposure asks for."""
    rejects = [r for r in mixed.outcome.plan.rejects if "unknown filter 'unknown'" in r.reason]
    assert Counter("cpFLAT" in r.reason for r in rejects) == {True: 60, False: 60}
    assert len(rejects) == len(mixed.outcome.plan.rejects)
    assert mixed.outcome.plan.written["cpFlat"] == 62
    # A bias without filter is as good as any: its filter is never compared.
    assert {row["filter"] for row in mixed.made.calib_rows["bias"]} == {"NONE"}


def test_filter_texts():
    camera = DECam()
    for word, name in FILTERS.items():
        assert camera.physical_filter(word) == camera.physical_filter(name) == name
    assert camera.physical_filter("NONE") == "solid plate 0.0 0.0"
    assert camera.physical_filter("unknown") is None
    assert camera.physical_filter(None) is None


def test_illumcor_of_the_pipeline_needs_its_detector(mixed):
    """Its lookup compared the CCD, so extensions without a row were never found."""
    assert mixed.by_type("cpIllumcor") == {"agree": 6, "gen2_none.gen3_none": 10}
    assert mixed.rules("cpIllumcor", "no-row") == []


def test_a_row_without_extension_is_a_reject(run, tmp_path):
    spec = DecamSpec(nights=("2015-02-16",), exposures=EXPOSURES[:1], ccds=(1, 62), cp_flat=())
    made = make_decam(tmp_path / "gen2", spec)
    cut = made.calib / "cpBIAS/2015-02-16/BIAS-2015-02-16.fits"
    cut.write_bytes(cp_content("zero", "2015-02-16", "NONE", range(1, 61)))
    raw = made.root / made.raw_files[0]
    raw.write_bytes(raw.read_bytes()[: -5 * 2880] + raw.read_bytes()[-3 * 2880 :])
    c = run(made, tmp_path / "gen3")
    reasons = [r.reason for r in c.outcome.plan.rejects]
    assert len(reasons) == 2
    assert any("has no extension for detector 62: it has 60 detectors" in r for r in reasons)
    assert any("has no extension for detectors" in r and str(raw) in r for r in reasons)


def test_a_file_without_any_row_is_ingested(run, tmp_path):
    spec = DecamSpec(nights=("2015-02-16",), exposures=EXPOSURES[:1], ccds=(1,), cp_bias=(), cp_flat=())
    made = make_decam(tmp_path / "gen2", spec)
    path = made.calib / "cpBIAS/2015-02-18/BIAS-2015-02-18.fits"
    path.parent.mkdir(parents=True)
    path.write_bytes(cp_content("zero", "2015-02-18", "NONE"))
    c = run(made, tmp_path / "gen3")
    assert c.outcome.plan.written == {"raw": 1, "cpBias": 62}
    assert not c.outcome.plan.certified
    # No row gives its date, so Gen2 never found it either.
    assert c.rules("cpBias", "no-row") == []
    assert any(s.path == str(path) for s in c.outcome.plan.skips)
