"""Headers of real raws, written into tiny FITS files, through AMT into exposure records."""

from __future__ import annotations

import gzip
import logging
import math
import warnings
from pathlib import Path

import numpy as np
import pytest
from astro_metadata_translator import ObservationInfo
from astropy.coordinates import EarthLocation, SkyCoord
from astropy.io import fits
from astropy.time import Time
from astropy.utils import data as astropy_data
from astropy.utils import iers
from header_files import decam_file, header_of, hsc_file, needs_data, read_one, write
from lsst.daf.butler import Butler, Timespan
from lsst.daf.butler.time_utils import TimeConverter

from adapters import translation
from adapters.decam import DECam
from adapters.headers import exposure_record
from adapters.hsc import HSC
from adapters.megaprime import MegaPrime


def tai_ns(utc: str) -> int:
    return TimeConverter().astropy_to_nsec(Time(utc, scale="utc"))


# HSC: everything in the primary.

HSC_FIELDS = {
    "id": 904024,
    "obs_id": "HSCA90402400",
    "physical_filter": "HSC-I",
    "group": "904024",
    "day_obs": 20131102,
    "exposure_time": 30.0,
    "dark_time": 30.0,
    "observation_type": "science",
    "observation_reason": "science",
    "seq_num": 904024,
    "seq_start": 904024,
    "seq_end": 904024,
    "target_name": "STRIPE82L",
    "science_program": "o13015",
    "tracking_ra": pytest.approx(320.749925, abs=1e-12),
    "tracking_dec": pytest.approx(0.500019444444444, abs=1e-12),
    "sky_angle": 270.0,
    "azimuth": 226.68922661,
    "zenith_angle": pytest.approx(90 - 63.04359233, abs=1e-12),
    "has_simulated": False,
    "can_see_sky": True,
}


@needs_data
def test_hsc_all_fields(tmp_path):
    path = hsc_file(tmp_path / "a.fits")
    result = read_one(HSC(), path)
    assert (result.reads, result.rejects, result.path) == (1, (), path)
    record = result.record
    assert record.exposure == HSC_FIELDS
    assert {type(v) for v in record.exposure.values()} <= {int, float, str, bool, type(None)}
    # 2013-11-02T06:15:55.908 UTC; TAI was 35 s ahead.
    assert record.begin_ns == 1383372955_908000000 + 35_000000000
    assert record.end_ns == record.begin_ns + 32_020000000
    assert record.begin_ns == tai_ns("2013-11-02T06:15:55.908")
    assert type(record.begin_ns) is int
    assert (record.day_obs_offset_s, type(record.day_obs_offset_s)) == (0, int)
    assert record.warnings == ()


@needs_data
@pytest.mark.parametrize("angle, expected", [("30.5", 239.5), ("-100", 10.0)])
def test_hsc_sky_angle(tmp_path, angle, expected):
    record = read_one(HSC(), hsc_file(tmp_path / "a.fits", **{"INST-PA": angle})).record
    assert record.exposure["sky_angle"] == pytest.approx(expected, abs=1e-12)


@needs_data
def test_headers_of_compressed_files(tmp_path):
    plain = Path(hsc_file(tmp_path / "a.fits"))
    zipped = tmp_path / "a.fits.gz"
    zipped.write_bytes(gzip.compress(plain.read_bytes()))
    packed = tmp_path / "a.fits.fz"
    hdu = fits.CompImageHDU(np.zeros((20, 20), np.int16), header=header_of("fitsheader-hsc.yaml"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(packed)
    expected = read_one(HSC(), str(plain)).record
    for path in (zipped, packed):
        result = read_one(HSC(), str(path))
        assert (result.record, result.rejects, result.reads) == (expected, (), 1)


@needs_data
def test_empty_optional_text_and_missing_pointing_are_none(tmp_path):
    record = read_one(HSC(), hsc_file(tmp_path / "a.fits", OBJECT="", drop=("RA2000", "ALTITUDE"))).record
    fields = record.exposure
    assert fields["target_name"] is None
    assert fields["tracking_ra"] is fields["tracking_dec"] is fields["sky_angle"] is None
    assert fields["azimuth"] is fields["zenith_angle"] is None
    # What the translator only warns about is kept with the record.
    assert len(record.warnings) == 2
    assert any("tracking_radec" in w for w in record.warnings)
    assert all("\n" not in w for w in record.warnings)


# DECam and MegaPrime: the primary alone does not do.


@needs_data
def test_decam(tmp_path):
    result = read_one(DECam(), decam_file(tmp_path / "a.fits", "fitsheader-decam.yaml"))
    assert (result.reads, result.rejects) == (1, ())
    fields = result.record.exposure
    assert (fields["id"], fields["group"], fields["seq_num"]) == (229388, "229388", 229388)
    assert fields["day_obs"] == 20130831
    assert fields["physical_filter"] == "z DECam SDSS c0004 9260.0 1520.0"
    assert fields["sky_angle"] == 90.0
    assert fields["observation_type"] == "science"
    assert result.record.day_obs_offset_s == 43200


@needs_data
def test_decam_correction_reaches_the_merged_header(tmp_path):
    """The first attempt marks the primary as corrected; the merged header must not inherit that."""
    result = read_one(DECam(), decam_file(tmp_path / "a.fits", "fitsheader-decam-0160496.yaml"))
    fields = result.record.exposure
    assert fields["physical_filter"].startswith("solid plate")
    assert fields["observation_type"] == "zero"
    assert fields["can_see_sky"] is False


@needs_data
def test_megaprime_primary_without_cards(tmp_path):
    header = header_of("fitsheader-megaprime.yaml")
    result = read_one(MegaPrime(), write(tmp_path / "a.fits", None, header))
    assert (result.reads, result.rejects) == (1, ())
    fields = result.record.exposure
    assert (fields["id"], fields["group"], fields["physical_filter"]) == (1038843, "1038843", "i.MP9702")
    assert fields["sky_angle"] == 0.0
    assert result.record.day_obs_offset_s == 0


@needs_data
def test_bad_megaprime_names_the_card(tmp_path):
    path = write(tmp_path / "a.fits", None, header_of("bad-megaprime.yaml"))
    result = read_one(MegaPrime(), path)
    assert result.record is None and result.path is None and result.reads == 1
    (reject,) = result.rejects
    assert reject.item == path
    assert reject.reason.startswith("header cannot be translated by MegaPrime: ")
    assert "OBSTYPE" in reject.reason and "observation_type" in reject.reason
    assert "\n" not in reject.reason


@needs_data
def test_large_good_header(tmp_path):
    header = header_of("fitsheader-hsc.yaml")
    for i in range(3000):
        header[f"X{i:07d}"] = i
    assert read_one(HSC(), write(tmp_path / "a.fits", header)).record is not None


@needs_data
def test_primary_with_data_before_the_extension(tmp_path):
    path = tmp_path / "a.fits"
    first = fits.PrimaryHDU(np.zeros((60, 70), np.float32))
    second = fits.ImageHDU(header=header_of("fitsheader-hsc.yaml"))
    fits.HDUList([first, second]).writeto(path)
    assert read_one(HSC(), str(path)).record.exposure["id"] == 904024


# Settings, corrections, network.


def settings() -> tuple[object, ...]:
    conf = iers.conf
    return (
        conf.auto_download,
        conf.auto_max_age,
        conf.iers_degraded_accuracy,
        astropy_data.conf.allow_internet,
    )


@needs_data
def test_settings_are_restored_and_nothing_is_logged(tmp_path, caplog):
    before = settings()
    assert before == (True, 30.0, "error", True)
    logger = logging.getLogger("astro_metadata_translator")
    handlers = list(logger.handlers)
    read_one(HSC(), hsc_file(tmp_path / "a.fits", drop=("RA2000",)), str(tmp_path / "none"))
    assert settings() == before
    assert logger.propagate and logger.handlers == handlers
    assert not caplog.records


def test_altaz_beyond_the_tables_needs_no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("network")

    monkeypatch.setattr("urllib.request.OpenerDirector.open", refuse)
    site = EarthLocation.from_geodetic(-70, -30, 2600)
    when = Time("2098-01-01T00:00:00", scale="tai")
    with translation._translation() as notes:
        star = SkyCoord(10, -30, unit="deg", obstime=when, location=site).altaz
        assert math.isfinite(star.alt.degree)
    assert notes and all("\n" not in n for n in notes)


@needs_data
def test_correction_files_are_applied(tmp_path, monkeypatch):
    (tmp_path / "HSC-HSCA90402400.yaml").write_text("OBJECT: corrected\n")
    monkeypatch.setenv("METADATA_CORRECTIONS_PATH", str(tmp_path))
    assert read_one(HSC(), hsc_file(tmp_path / "a.fits")).record.exposure["target_name"] == "corrected"


@needs_data
def test_same_values_as_the_header_read_by_astropy(tmp_path):
    path = hsc_file(tmp_path / "a.fits")
    info = ObservationInfo(fits.getheader(path), filename=path)
    assert exposure_record(info) == read_one(HSC(), path).record


# The Butler takes it.


@needs_data
def test_butler_accepts_the_record(tmp_path):
    record = read_one(HSC(), hsc_file(tmp_path / "a.fits")).record
    assert record is not None
    Butler.makeRepo(str(tmp_path / "repo"))
    with Butler.from_config(str(tmp_path / "repo"), writeable=True) as butler:
        insert = butler.registry.insertDimensionData
        fields = dict(record.exposure)
        insert("instrument", dict(HSC().instrument.record))
        insert("physical_filter", {"instrument": "HSC", "name": fields["physical_filter"], "band": "i"})
        insert("group", {"instrument": "HSC", "name": fields["group"]})
        insert("day_obs", {"instrument": "HSC", "id": fields["day_obs"]})
        span = Timespan(None, None, _nsec=(record.begin_ns, record.end_ns))
        insert("exposure", {"instrument": "HSC", "timespan": span, **fields})
        element = butler.dimensions["exposure"]
        assert set(fields) == set(element.RecordClass.fields.names) - {"instrument", "timespan"}
        for text, length in translation.LENGTHS.items():
            own = butler.dimensions[text].primaryKey if text in ("physical_filter", "group") else None
            columns = element.schema.all if own is None else [own]
            (column,) = [c for c in columns if own is not None or c.name == text]
            assert getattr(column, "length", length) == length
        (stored,) = butler.query_dimension_records("exposure", instrument="HSC")
    assert stored.timespan.nsec == (record.begin_ns, record.end_ns)
    assert {k: getattr(stored, k) for k in fields} == fields
