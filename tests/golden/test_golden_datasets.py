"""Datasets, files, formatters, ranges and collections of two real 2022 conversions."""

from __future__ import annotations

from collections import Counter

import pytest
from golden_cases import (
    IMSIM,
    LATISS,
    NS_UNBOUNDED,
    Golden,
    associations,
    collections,
    dataset_types,
    datasets,
)

# The Butler warns of each old (universe 1) repository that it opens.
pytestmark = pytest.mark.filterwarnings("ignore")

FORMATTERS = {
    "LSSTCam-imSim": "lsst.obs.lsst.rawFormatter.LsstCamImSimRawFormatter",
    "LATISS": "lsst.obs.lsst.rawFormatter.LatissRawFormatter",
}
MASTER_FORMATTER = "lsst.obs.base.formatters.fitsExposure.FitsExposureFormatter"

FILES = {
    "LSSTCam-imSim": {
        "raw": "raw/204595/R11/00204595-R11-S20-det042.fits",
        "bias": "CALIB/bias/2022-01-01/bias-R11-S20-det042_2022-01-01.fits",
        "dark": "CALIB/dark/2022-01-01/dark-R11-S20-det042_2022-01-01.fits",
        "flat": "CALIB/flat/i_sim_1.4/2022-08-06/flat_i_sim_1.4-R11-S20-det042_2022-08-06.fits",
    },
    "LATISS": {
        "raw": "raw/2018-09-20/3018092000065-det000.fits",
        "bias": "CALIB/bias/2018-09-21/bias-det000_2018-09-21.fits",
    },
}


def test_all_is_written_and_nothing_is_rejected(golden: Golden):
    case, outcome = golden.case, golden.result.outcome
    assert golden.result.exit_status == 0
    assert outcome["written"] == case.counts
    assert outcome["existing"] == {}
    assert outcome["certified"] == case.certified
    assert outcome["rejected"] == []
    assert outcome["conflicts"] == []
    assert [h["type"] for h in outcome["handed_off"]] == ["camera"]


def test_verify_agrees(golden: Golden):
    assert golden.result.verified == golden.case.verified


def test_types_of_2022_are_ours_or_left_out(golden: Golden):
    ours, theirs = dataset_types(golden.ours), dataset_types(golden.theirs)
    assert set(ours) == set(golden.case.counts)
    assert set(theirs) == set(golden.case.counts) | set(golden.case.left_out)
    assert ours == {name: theirs[name] for name in golden.case.counts}


def test_type_definitions(golden: Golden):
    expected = {
        "raw": ("Exposure", frozenset({"instrument", "detector", "exposure"}), False),
        "bias": ("ExposureF", frozenset({"instrument", "detector"}), True),
        "dark": ("ExposureF", frozenset({"instrument", "detector"}), True),
        "flat": ("ExposureF", frozenset({"instrument", "detector", "physical_filter"}), True),
    }
    assert dataset_types(golden.ours) == {name: expected[name] for name in golden.case.counts}


def test_left_out_datasets(golden: Golden):
    found = datasets(golden.theirs, set(golden.case.left_out), golden.root)
    assert Counter(name for name, _, _ in found) == golden.case.left_out
    # They are in RUNs of their own, so leaving them out leaves out whole collections.
    runs = {run for _, run, _ in found}
    assert runs == set(golden.case.left_out_collections) - {"skymaps"}


def test_every_dataset_is_the_same(golden: Golden):
    names = set(golden.case.counts)
    ours = datasets(golden.ours, names, golden.root)
    theirs = datasets(golden.theirs, names, golden.root)
    assert len(theirs) == sum(golden.case.counts.values())
    assert set(ours) == set(theirs)
    for key, wanted in theirs.items():
        found = ours[key]
        if key[0] != "raw":
            # The 2022 converter gave masters random ids; ours follow from type, RUN and data ID.
            assert found["id"] != wanted["id"]
            assert found["id"][14] == "5"
            found, wanted = found | {"id": ""}, wanted | {"id": ""}
        assert found == wanted, key


def test_files_and_formatters(golden: Golden):
    instrument = golden.case.instrument
    found = datasets(golden.ours, set(golden.case.counts), golden.root)
    assert {key[0]: entry["file"] for key, entry in found.items()} == FILES[instrument]
    assert {key[0]: entry["formatter"] for key, entry in found.items()} == {
        name: FORMATTERS[instrument] if name == "raw" else MASTER_FORMATTER for name in golden.case.counts
    }


def test_raw_ids(golden: Golden):
    case = golden.case
    for butler in (golden.ours, golden.theirs):
        (ref,) = butler.query_datasets("raw", f"{case.instrument}/raw/all", instrument=case.instrument)
        assert str(ref.id) == case.raw_id
        assert ref.dataId["exposure"] == case.exposure


def test_validity_ranges_to_the_nanosecond(golden: Golden):
    case = golden.case
    collection = f"{case.instrument}/calib"
    for name in case.certified:
        ours = associations(golden.ours, name, collection)
        assert ours == associations(golden.theirs, name, collection)
        # The ranges in the registries begin in the 18th and end in the 23rd century.
        assert [span for _, _, span in ours] == [NS_UNBOUNDED]


def test_runs_of_the_masters(golden: Golden):
    runs = {key[0]: key[1] for key in datasets(golden.ours, set(golden.case.certified), golden.root)}
    assert (
        runs
        == {
            IMSIM.instrument: {
                "bias": "LSSTCam-imSim/calib/20220101T000000Z",
                "dark": "LSSTCam-imSim/calib/20220101T000000Z",
                "flat": "LSSTCam-imSim/calib/20220806T000000Z",
            },
            LATISS.instrument: {"bias": "LATISS/calib/20180921T000000Z"},
        }[golden.case.instrument]
    )


def test_collections(golden: Golden):
    ours, theirs = collections(golden.ours), collections(golden.theirs)
    assert golden.case.left_out_collections.items() <= theirs.items()
    for name in golden.case.left_out_collections:
        del theirs[name]
    assert ours == theirs
    instrument = golden.case.instrument
    assert ours[f"{instrument}/raw/all"] == "RUN"
    assert ours[f"{instrument}/calib"] == "CALIBRATION"
    assert ours[f"{instrument}/defaults"] == "CHAINED"


def test_chain_order(golden: Golden):
    instrument = golden.case.instrument
    chain = f"{instrument}/defaults"
    ours = golden.ours.collections.get_info(chain).children
    theirs = golden.theirs.collections.get_info(chain).children
    assert ours == (f"{instrument}/raw/all", f"{instrument}/calib")
    assert theirs == (*ours, "skymaps")
    # Nothing is lost with it: no dataset was ever in skymaps.
    assert not list(golden.theirs.registry.queryDatasets("*", collections="skymaps", findFirst=False))


def test_find_dataset_gives_the_same_master(golden: Golden):
    """What a pipeline asks: the master for this exposure, through the umbrella chain."""
    case = golden.case
    for name in case.certified:
        for butler in (golden.ours, golden.theirs):
            (exposure,) = butler.query_dimension_records("exposure", instrument=case.instrument)
            data_id = {"instrument": case.instrument, "detector": 42 if case is IMSIM else 0}
            if name == "flat":
                data_id["physical_filter"] = exposure.physical_filter
            ref = butler.find_dataset(
                name, data_id, collections=f"{case.instrument}/defaults", timespan=exposure.timespan
            )
            assert ref is not None, name
            entries = datasets(butler, {name}, golden.root).values()
            assert [e["file"] for e in entries if e["id"] == str(ref.id)] == [FILES[case.instrument][name]]
