"""Raws of MegaPrime: one file for 36 detectors, told apart by the names of their extensions."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from astro_metadata_translator.tests import read_test_file
from astropy.io import fits

from adapters.extensions import read_contents
from adapters.headers import HeaderJob, read_exposures
from adapters.megaprime import MegaPrime
from converter.planning.conversion import make_plan
from fixtures.megaprime import SMALL, MegaSpec, MegaVisit, make_megaprime
from fixtures.megaprime_files import file_of

from .conftest import recipe_for
from .test_megaprime_masters import formatter

SHARED = os.environ.get("GEN2TO3_SHARED", Path(__file__).resolve().parents[3].parent / "shared")
HEADERS = Path(SHARED) / "data" / "headers"
needs_data = pytest.mark.skipif(not HEADERS.is_dir(), reason=f"no header data in {HEADERS}")

RULE = MegaPrime.raw.extensions
assert RULE is not None


def test_datasets_and_formatter(latest):
    refs = latest.butler.query_datasets("raw", "MegaPrime/raw/all", limit=None)
    assert Counter(r.dataId["exposure"] for r in refs) == {
        900001: 36,
        900002: 36,
        900003: 36,
        900004: 30,
        900005: 36,
    }
    assert {r.dataId["detector"] for r in refs if r.dataId["exposure"] == 900002} == set(range(36))
    assert formatter(latest.butler, refs[0]) == "lsst.obs.cfht.rawFormatter.MegaPrimeRawFormatter"
    (reject,) = [r for r in latest.plan.rejects if "calibRegistry" not in r.item]
    assert "has no extension for detectors 30..35" in reject.reason


def test_exposures(latest):
    records = {r.id: r for r in latest.butler.query_dimension_records("exposure", instrument="MegaPrime")}
    assert len(records) == 5
    record = records[900005]
    assert (record.physical_filter, record.day_obs, record.seq_num) == ("i.MP9702", 20071215, 900005)
    assert record.timespan.begin.utc.isot[:19] == "2007-12-15T14:40:00"
    assert record.timespan.end.utc.isot[:19] == "2007-12-15T14:45:00"
    assert record.sky_angle == 0.0


@pytest.mark.parametrize(
    ("cards", "hdus"),
    [
        ([{"EXTNAME": "ccd00"}, {"EXTNAME": "ccd35"}], {0: 1, 35: 2}),
        ([{"EXTNAME": "CCD00"}, {"EXTNAME": "ccd1"}, {"EXTNAME": "xccd02"}], {}),
        (
            [{"EXTNAME": "COMPRESSED_IMAGE", "EXTVER": 7}, {"EXTNAME": "COMPRESSED_IMAGE", "EXTVER": 0}],
            {7: 1, 0: 2},
        ),
        ([{"EXTNAME": "COMPRESSED_IMAGE"}, {"EXTVER": 3}], {}),
    ],
)
def test_names_of_extensions(tmp_path, cards, hdus):
    path = tmp_path / "a.fits.fz"
    path.write_bytes(file_of(cards))
    assert dict(read_contents(str(path), RULE).hdus) == hdus


def test_upper_case_is_no_detector(tmp_path):
    visit = MegaVisit(900020, "2007-04-06T09:30:10.25", "g", style="CCD")
    made = make_megaprime(tmp_path / "gen2", MegaSpec(SMALL.masters[:1], (visit,)))
    plan = make_plan(recipe_for(made, types=("raw",)), str(tmp_path / "butler"))
    assert plan.written == {}
    (reject,) = plan.rejects
    assert "detectors 0..35" in reject.reason


STRUCTURE = (
    "XTENSION",
    "BITPIX",
    "NAXIS",
    "PCOUNT",
    "GCOUNT",
    "TFIELDS",
    "TTYPE",
    "TFORM",
    "BZERO",
    "BSCALE",
)


def real_cards(name: str = "fitsheader-megaprime.yaml") -> dict[str, object]:
    """The cards of a real extension that say something of the exposure or the detector."""
    cards = dict(read_test_file(str(HEADERS / name)))
    return {k: v for k, v in cards.items() if k and not k.startswith((*STRUCTURE, "COMMENT", "HISTORY", "Z"))}


def fill(header: fits.Header, cards: Mapping[str, object]) -> fits.Header:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for key, value in cards.items():
            header[key if len(key) <= 8 else f"HIERARCH {key}"] = value
    return header


def write(path: Path, primary: Mapping[str, object], *extensions: Mapping[str, object]) -> str:
    """A file with the given cards in its primary and in each extension."""
    hdus = [fits.PrimaryHDU(header=fill(fits.Header(), primary))]
    for cards in extensions:
        hdus.append(fits.ImageHDU(np.zeros((2, 2), np.int16)))
        # Not ImageHDU(header=…): it upper-cases EXTNAME.
        fill(hdus[-1].header, cards)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fits.HDUList(hdus).writeto(path)
    return str(path)


def read(path: str):
    (result,) = read_exposures([HeaderJob(1038843, (path,))], MegaPrime())
    return result


@needs_data
def test_exposure_record_of_a_real_header(tmp_path):
    record = read(write(tmp_path / "a.fits", {}, real_cards())).record
    fields = record.exposure
    wanted = {
        "id": 1038843,
        "obs_id": "1038843",
        "physical_filter": "i.MP9702",
        "group": "1038843",
        "day_obs": 20081101,
        "exposure_time": 615.0,
        "dark_time": 615.0,
        "observation_type": "science",
        "observation_reason": "science",
        "seq_num": 1038843,
        "seq_start": 1038843,
        "seq_end": 1038843,
        "target_name": "w2.+2+2",
        "science_program": "08BL05",
        "sky_angle": 0.0,
        "has_simulated": False,
    }
    assert {k: fields[k] for k in wanted} == wanted
    # 2008-11-01T14:33:32.40 UTC; TAI was 33 s ahead.
    assert record.begin_ns == 1225550012_400000000 + 33_000000000
    assert record.end_ns == record.begin_ns + 669_560000000
    assert record.day_obs_offset_s == 0
    # What the extension says counts, whatever the primary has of it.
    primary = {"INSTRUME": "MegaPrime", "FILTER": "r.MP9601"}
    merged = read(write(tmp_path / "b.fits", primary, real_cards())).record
    assert merged.exposure == fields


@needs_data
def test_wherever_the_cards_are_the_record_is_the_same(tmp_path):
    cards = real_cards()
    own = {"EXTNAME": cards["EXTNAME"], "EXTVER": cards["EXTVER"]}
    shared = {k: v for k, v in cards.items() if k not in own}
    wanted = read(write(tmp_path / "extension.fits", {}, cards)).record
    assert wanted.exposure["tracking_ra"] == pytest.approx(135.4094105)
    assert wanted.exposure["zenith_angle"] == pytest.approx(37.98)
    assert read(write(tmp_path / "primary.fits", shared, own)).record == wanted
    halves = ({k: v for i, (k, v) in enumerate(shared.items()) if i % 2 == rest} for rest in (0, 1))
    assert read(write(tmp_path / "halves.fits", next(halves), next(halves) | own)).record == wanted
    # An extension that is no detector says nothing of the exposure.
    guide = {"EXTNAME": "guide", "OBJECT": "guide star", "UTC-OBS": "00:00:00.00"}
    assert read(write(tmp_path / "guide.fits", shared, guide, own)).record == wanted


@needs_data
@pytest.mark.parametrize(
    "card", ["OBJECT", "RUNID", "DARKTIME", "LATITUDE", "DATE-OBS", "UTC-OBS", "UTCEND", "RA_DEG", "TELALT"]
)
def test_a_primary_that_lacks_one_card_only(tmp_path, card):
    """The translator makes something else of such a primary: no pointing, or another time."""
    cards = real_cards()
    own = {"EXTNAME": cards["EXTNAME"], "EXTVER": cards["EXTVER"], card: cards[card]}
    shared = {k: v for k, v in cards.items() if k not in own}
    wanted = read(write(tmp_path / "extension.fits", {}, cards)).record
    assert read(write(tmp_path / "primary.fits", shared, own)).record == wanted
    without = read(write(tmp_path / "without.fits", shared, {k: own[k] for k in ("EXTNAME", "EXTVER")}))
    assert without.record != wanted


@needs_data
def test_a_file_without_a_detector_has_no_record(tmp_path):
    result = read(write(tmp_path / "a.fits", real_cards(), {"EXTNAME": "guide"}))
    assert result.record is None
    assert "no extension names a detector, expected at least one" in result.rejects[0].reason


@needs_data
def test_bad_header_names_the_card(tmp_path):
    result = read(write(tmp_path / "a.fits", {}, real_cards("bad-megaprime.yaml")))
    assert result.record is None
    assert "OBSTYPE" in result.rejects[0].reason
