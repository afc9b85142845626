"""Raws of MegaPrime: one file for 36 detectors, told apart by the names of their extensions."""

from __future__ import annotations

import os
import warnings
from collections import Counter
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


def write(path: Path, name: str, primary: fits.Header | None = None) -> str:
    """A file whose first extension has the header of a real one."""
    structure = ("XTENSION", "BITPIX", "NAXIS", "PCOUNT", "GCOUNT", "TFIELDS", "TTYPE", "TFORM", "BZERO")
    hdu = fits.ImageHDU(np.zeros((2, 2), np.int16))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for key, value in dict(read_test_file(str(HEADERS / name))).items():
            if key and not key.startswith((*structure, "BSCALE", "COMMENT", "HISTORY", "Z")):
                hdu.header[key if len(key) <= 8 else f"HIERARCH {key}"] = value
        fits.HDUList([fits.PrimaryHDU(header=primary), hdu]).writeto(path)
    return str(path)


def read(path: str):
    (result,) = read_exposures([HeaderJob(1038843, (path,))], MegaPrime())
    return result


@needs_data
def test_exposure_record_of_a_real_header(tmp_path):
    path = write(tmp_path / "a.fits", "fitsheader-megaprime.yaml")
    record = read(path).record
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
    primary = fits.Header([("INSTRUME", "MegaPrime"), ("FILTER", "r.MP9601")])
    merged = read(write(tmp_path / "b.fits", "fitsheader-megaprime.yaml", primary)).record
    assert merged.exposure == fields


@needs_data
def test_bad_header_names_the_card(tmp_path):
    result = read(write(tmp_path / "a.fits", "bad-megaprime.yaml"))
    assert result.record is None
    assert "OBSTYPE" in result.rejects[0].reason
