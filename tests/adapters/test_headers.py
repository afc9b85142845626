"""Headers of real raws, written into tiny FITS files, through AMT into exposure records."""

from __future__ import annotations

import gzip
import logging
import math
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

import astropy.units as u
import numpy as np
import pytest
from astro_metadata_translator import MetadataTranslator, ObservationInfo
from astro_metadata_translator.tests import read_test_file
from astropy.coordinates import AltAz, Angle, EarthLocation, SkyCoord
from astropy.io import fits
from astropy.time import Time, TimeDelta
from astropy.utils import data as astropy_data
from astropy.utils import iers
from lsst.daf.butler import Butler, Timespan
from lsst.daf.butler.time_utils import TimeConverter

from adapters import fits_header, headers, translation
from adapters.camera import Camera
from adapters.decam import DECam
from adapters.fits_header import HeaderError
from adapters.headers import HeaderJob, exposure_record, read_exposures
from adapters.hsc import HSC
from adapters.megaprime import MegaPrime
from converter.nouns import Gen2to3Error, Reject, UsageError

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("GEN2TO3_SHARED", ROOT.parent / "shared")) / "data" / "headers"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no header data in {DATA}")

STRUCTURE = {"SIMPLE", "XTENSION", "BITPIX", "EXTEND", "PCOUNT", "GCOUNT", "TFIELDS", "BZERO", "BSCALE"}
STRUCTURE |= {"COMMENT", "HISTORY", "CHECKSUM", "DATASUM", ""}
STRUCTURE_STEMS = (
    "NAXIS",
    "TTYPE",
    "TFORM",
    "ZIMAGE",
    "ZBITPIX",
    "ZNAXIS",
    "ZTILE",
    "ZCMPTYPE",
    "ZNAME",
    "ZVAL",
)


def header_of(name: str, drop: tuple[str, ...] = (), **changes) -> fits.Header:
    cards = dict(read_test_file(str(DATA / name)))
    cards.update(changes)
    header = fits.Header()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for key, value in cards.items():
            if key in STRUCTURE or key in drop or key.startswith(STRUCTURE_STEMS):
                continue
            header[key if len(key) <= 8 else f"HIERARCH {key}"] = value
    return header


def write(path: Path, primary: fits.Header | None, *extensions: fits.Header) -> str:
    hdus = [fits.PrimaryHDU(header=primary)]
    for header in extensions:
        hdu = fits.ImageHDU(np.zeros((2, 3), np.int16))
        # Not ImageHDU(header=…): it upper-cases EXTNAME.
        for card in header.cards:
            hdu.header[card.keyword if len(card.keyword) <= 8 else f"HIERARCH {card.keyword}"] = card.value
        hdus.append(hdu)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fits.HDUList(hdus).writeto(path)
    return str(path)


def hsc_file(path: Path, **changes) -> str:
    return write(path, header_of("fitsheader-hsc.yaml", **changes))


def read_one(camera: Camera, *paths: str):
    (result,) = read_exposures([HeaderJob(7, paths)], camera)
    assert result.exposure == 7
    return result


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


def decam_file(path: Path, name: str) -> str:
    per_detector = ("CCDNUM", "DETPOS", "EXTNAME")
    full = header_of(name)
    extension = fits.Header([(k, full[k]) for k in per_detector if k in full])
    return write(path, header_of(name, drop=per_detector), extension)


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


# Files that fail.


def cut(path: Path) -> str:
    whole = Path(hsc_file(path.with_suffix(".whole"))).read_bytes()
    path.write_bytes(whole[:3000])
    return str(path)


def cut_zip(path: Path) -> str:
    whole = Path(hsc_file(path.with_suffix(".whole"))).read_bytes()
    path.write_bytes(gzip.compress(whole)[:200])
    return str(path)


def content(data: bytes):
    def make(path: Path) -> str:
        path.write_bytes(data)
        return str(path)

    return make


def fifo(path: Path) -> str:
    os.mkfifo(path)
    return str(path)


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 17\n"
END = b"END".ljust(80)
CARD = b"SIMPLE  =                    T".ljust(80)
NOT_A_CAMERA = (CARD + b"BITPIX  = 8".ljust(80) + b"NAXIS   = 0".ljust(80) + END).ljust(2880)
IMPOSSIBLE = CARD + b"BITPIX  = 64".ljust(80) + b"NAXIS   = 1".ljust(80)
IMPOSSIBLE += b"NAXIS1  = 999999999999999999999".ljust(80) + END


BAD = {
    "missing": (lambda path: str(path), 0, "No such file"),
    "directory": (lambda path: (path.mkdir(), str(path))[1], 0, "no regular file"),
    "fifo": (fifo, 0, "no regular file"),
    "NUL in the name": (lambda path: f"{path}\0", 0, "readable FITS file"),
    "empty": (content(b""), 1, "found it empty"),
    "LFS pointer": (content(LFS), 1, "Git LFS pointer; run `git lfs pull`"),
    "random": (content(bytes(range(256)) * 20), 1, "expected a FITS file"),
    "cut": (cut, 1, "expected an END card, found the end of the file after 3000 bytes"),
    "cut zip": (cut_zip, 1, "expected a FITS header, reading it failed"),
    "bad zip": (content(b"\x1f\x8bnonsense"), 1, "expected a FITS header, reading it failed"),
    "garbled cards": (
        content((CARD + b"\xff\x00= '" * 400 + END).ljust(2880)),
        1,
        "header is of",
    ),
    "no cards": (content(NOT_A_CAMERA), 1, "header is of no known camera, expected HSC"),
    "no second HDU": (content(NOT_A_CAMERA + b"special records".ljust(2880)), 1, "of no known camera"),
    "cut second HDU": (content(NOT_A_CAMERA + b"XTENSION= 'IMAGE'".ljust(99)), 1, "expected an END card"),
    "impossible size": (content(IMPOSSIBLE.ljust(2880)), 1, "expected the size of the primary HDU's data"),
}


@needs_data
@pytest.mark.parametrize("make, reads, reason", BAD.values(), ids=BAD)
def test_bad_file(tmp_path, make, reads, reason):
    """The next file is tried; the bad one is named, in one line."""
    bad, good = make(tmp_path / "bad.fits"), hsc_file(tmp_path / "good.fits")
    result = read_one(HSC(), bad, good)
    assert result.record.exposure["id"] == 904024
    assert (result.reads, result.path) == (reads + 1, good)
    (reject,) = result.rejects
    assert reject.item == bad
    assert reason in reject.reason
    assert "\n" not in reject.reason and reject.reason.isprintable()


@needs_data
def test_other_camera(tmp_path):
    path = decam_file(tmp_path / "a.fits", "fitsheader-decam.yaml")
    assert read_one(HSC(), path).rejects == (Reject(path, "header is of DECam, expected HSC"),)


@needs_data
def test_missing_cards_are_all_named(tmp_path):
    path = hsc_file(tmp_path / "a.fits", drop=("EXP-ID", "FILTER01", "EXPTIME"))
    (reject,) = read_one(HSC(), path).rejects
    for text in (
        "EXP-ID",
        "FILTER01",
        "EXPTIME",
        "exposure_id",
        "physical_filter",
        "exposure_time_requested",
    ):
        assert text in reject.reason
    assert read_one(HSC(), path).rejects == (reject,)


@needs_data
def test_all_bad_and_no_files(tmp_path):
    paths = [content(b"")(tmp_path / "a"), content(LFS)(tmp_path / "b"), str(tmp_path / "c")]
    result = read_one(HSC(), *paths)
    assert (result.record, result.path, result.reads) == (None, None, 2)
    assert [r.item for r in result.rejects] == paths
    assert read_one(HSC()).rejects == (Reject("exposure 7", "expected a raw file, found none"),)


class Endless:
    """A stream of header cards without end, that counts what was asked of it."""

    asked = 0

    def read(self, n: int) -> bytes:
        self.asked += n
        return CARD * (n // 80)


def test_huge_header_is_refused_with_bounded_memory(tmp_path):
    stream = Endless()
    with pytest.raises(HeaderError, match="END card within 2000000 bytes"):
        fits_header.HeaderFile(stream).primary()
    assert stream.asked < fits_header.HEADER_LIMIT + 2880
    path = tmp_path / "huge.fits"
    with open(path, "wb") as f:
        f.write(CARD)
        f.truncate(10_000_000_000)  # sparse
    result = read_one(HSC(), str(path))
    assert result.reads == 1
    assert "within 2000000 bytes" in result.rejects[0].reason


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


@needs_data
def test_text_too_long_is_a_reject_not_a_truncation(tmp_path):
    (reject,) = read_one(HSC(), hsc_file(tmp_path / "a.fits", OBJECT="x" * 66)).rejects
    assert reject.reason.startswith("target_name: expected at most 64 characters, found 66: 'xxx")


def test_unknown_translator_and_module():
    camera = type("Odd", (HSC,), {"translator": "NoSuch"})()
    with pytest.raises(UsageError, match=r"no header translator is called 'NoSuch'; known: .*HSC"):
        read_exposures([], camera)
    camera = type("Odd", (HSC,), {"translator": "HSC", "translator_module": "no.such.module"})()
    with pytest.raises(UsageError, match=r"'no.such.module' cannot be imported: ModuleNotFoundError"):
        read_exposures([], camera)


# The pure function.


def observation(**changes) -> SimpleNamespace:
    """What exposure_record reads of an ObservationInfo, with values of every awkward kind."""
    begin = Time("2026-06-01T00:00:00.000", scale="tai")
    values = {
        "exposure_id": np.int64(5),
        "observation_id": "obs",
        "physical_filter": "f",
        "exposure_group": "g",
        "observing_day": 20260601,
        "exposure_time_requested": 1.0 * u.min,
        "dark_time": math.nan * u.s,
        "observation_type": "science",
        "observation_reason": None,
        "observation_counter": None,
        "group_counter_start": 5,
        "group_counter_end": 6,
        "object": " ",
        "science_program": None,
        "tracking_radec": SkyCoord(10.0, 20.0, unit="deg", frame="fk5"),
        "boresight_rotation_coord": "sky",
        "boresight_rotation_angle": Angle(0.5, "rad"),
        "altaz_begin": AltAz(az=20 * u.deg, alt=30 * u.deg),
        "has_simulated_content": np.bool_(True),
        "can_see_sky": None,
        "observing_day_offset": TimeDelta(43200.0, format="sec", scale="tai"),
        "datetime_begin": begin,
        "datetime_end": begin + 60 * u.s,
    }
    return SimpleNamespace(**(values | changes))


def test_record_values():
    info = observation()
    record = exposure_record(info)
    fields = record.exposure
    assert fields["exposure_time"] == 60.0
    assert fields["dark_time"] is None
    assert fields["seq_num"] is None and (fields["seq_start"], fields["seq_end"]) == (5, 6)
    assert fields["target_name"] is None and fields["observation_reason"] is None
    assert fields["tracking_ra"] == float(info.tracking_radec.icrs.ra.degree) != 10.0
    assert fields["sky_angle"] == pytest.approx(math.degrees(0.5))
    assert (fields["azimuth"], fields["zenith_angle"]) == (20.0, pytest.approx(60.0))
    assert fields["has_simulated"] is True and fields["can_see_sky"] is None
    assert {type(v) for v in fields.values()} <= {int, float, str, bool, type(None)}
    assert record.end_ns - record.begin_ns == 60 * 10**9
    assert record.day_obs_offset_s == 43200


@pytest.mark.parametrize(
    "changes",
    [{"boresight_rotation_coord": "unknown"}, {"boresight_rotation_angle": None}, {"tracking_radec": None}],
)
def test_sky_angle_needs_pointing_and_sky(changes):
    assert exposure_record(observation(**changes)).exposure["sky_angle"] is None


def test_no_day_offset():
    assert exposure_record(observation(observing_day_offset=None)).day_obs_offset_s is None


def test_end_before_begin_and_zero_length():
    begin = Time("2026-06-01T00:00:00", scale="utc")
    record = exposure_record(observation(datetime_begin=begin, datetime_end=begin - 1.5 * u.s))
    assert record.end_ns == record.begin_ns
    (warning,) = record.warnings
    assert warning.startswith("exposure ends 1.500000 s before it begins (2026-06-01T00:00:37.000 TAI)")
    record = exposure_record(observation(datetime_begin=begin, datetime_end=begin))
    assert record.end_ns == record.begin_ns and record.warnings == ()


def test_nanoseconds_are_exact():
    begin = Time("2016-12-31T23:59:60.123456789", scale="utc")  # in a leap second
    record = exposure_record(observation(datetime_begin=begin, datetime_end=begin + 1 * u.s))
    assert record.begin_ns % 10**9 == 123456789
    assert record.end_ns - record.begin_ns == 10**9


def test_time_out_of_range_is_said():
    early = Time("1960-01-01", scale="tai")
    record = exposure_record(observation(datetime_begin=early))
    assert record.begin_ns == 0
    assert record.warnings == (
        "datetime_begin 1960-01-01T00:00:00.000 is outside of what the Butler stores (1970 to 2100)",
    )


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"observation_id": "x" * 65}, "obs_id: expected at most 64 characters, found 65"),
        ({"physical_filter": "x" * 33}, "physical_filter: expected at most 32 characters, found 33"),
        ({"exposure_group": "x" * 65}, "group: expected at most 64"),
        ({"observation_type": "x" * 17}, "observation_type: expected at most 16"),
        ({"observation_reason": "x" * 69}, "observation_reason: expected at most 68"),
        ({"object": "x" * 65}, "target_name: expected at most 64"),
        ({"science_program": "x" * 65}, "science_program: expected at most 64"),
        ({"physical_filter": ""}, "physical_filter: expected a text, found none"),
        ({"exposure_group": " "}, "group: expected a text, found none"),
        ({"exposure_id": 10**30}, "id: expected an integer of 64 bits, found 1.000e"),
        ({"observation_counter": 2**63}, "seq_num: expected an integer of 64 bits"),
        ({"observing_day": None}, "day_obs: expected an integer, found None"),
        ({"datetime_begin": None}, "datetime_begin: expected a time, found None"),
        ({"datetime_end": "2026-06-01"}, "datetime_end: expected a time, found 2026-06-01"),
    ],
)
def test_record_refuses(changes, message):
    with pytest.raises(HeaderError, match="^" + message):
        exposure_record(observation(**changes))


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


# Several processes.


def in_order(tmp_path: Path, n: int) -> list[HeaderJob]:
    good = [hsc_file(tmp_path / f"{i}.fits", **{"EXP-ID": f"HSCA{i:06d}00"}) for i in range(2, 8, 2)]
    bad = content(LFS)(tmp_path / "bad.fits")
    kinds = [(good[0],), (bad, good[1]), (bad,), (good[2], bad)]
    return [HeaderJob(i, kinds[i % 4]) for i in range(n)]


@needs_data
def test_pool_gives_the_same_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr(headers, "CHUNK", 3)
    jobs = in_order(tmp_path, 40)
    alone = list(read_exposures(iter(jobs), HSC()))
    assert [r.exposure for r in alone] == list(range(40))
    assert [r.record and r.record.exposure["id"] for r in alone[:4]] == [2, 4, None, 6]
    assert list(read_exposures(iter(jobs), HSC(), workers=2)) == alone


@needs_data
def test_few_jobs_need_no_pool(tmp_path, monkeypatch):
    monkeypatch.setattr(headers, "_read_in_pool", None)
    jobs = in_order(tmp_path, 10)
    assert [r.exposure for r in read_exposures(jobs, HSC(), workers=2)] == list(range(10))
    assert list(read_exposures([], HSC(), workers=2)) == []


DYING = """
import multiprocessing, os, signal
from astro_metadata_translator.translators import HscTranslator

class DyingTranslator(HscTranslator):
    name = "DyingHSC"
    @classmethod
    def can_translate(cls, header, filename=None):
        if multiprocessing.parent_process() is not None and header["OBJECT"] == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().can_translate(header, filename)
"""


@needs_data
def test_worker_death_is_an_error_not_a_hang(tmp_path, monkeypatch):
    """Also: the workers import the camera's translator module."""
    (tmp_path / "dying_translator.py").write_text(DYING)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(headers, "CHUNK", 1)
    camera = type("D", (HSC,), {"translator": "DyingHSC", "translator_module": "dying_translator"})()
    good, bad = hsc_file(tmp_path / "a.fits"), hsc_file(tmp_path / "b.fits", OBJECT="die")
    jobs = [HeaderJob(i, (bad if i == 12 else good,)) for i in range(20)]
    done = []
    try:
        with pytest.raises(Gen2to3Error, match="header reading processes died"):
            done.extend(read_exposures(jobs, camera, workers=2))
    finally:
        MetadataTranslator.translators.pop("DyingHSC", None)


SCRIPT = """
import sys
from adapters import headers
from adapters.headers import HeaderJob, read_exposures
from adapters.hsc import HSC
from adapters.megaprime import MegaPrime

if __name__ == "__main__":
    headers.CHUNK = 4
    for result in read_exposures((HeaderJob(i, (sys.argv[1],)) for i in range(10**6)), HSC(), workers=2):
        if result.exposure == 0:
            print("started", flush=True)
"""


@needs_data
@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="counts processes in /proc")
@pytest.mark.parametrize("how", ["ctrl-c", "killed"])
def test_no_orphans(tmp_path, how):
    script = tmp_path / "run.py"
    script.write_text(SCRIPT)
    run = subprocess.Popen(
        [sys.executable, str(script), hsc_file(tmp_path / "a.fits")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    try:
        assert run.stdout.readline() == "started\n"
        assert len(session(run.pid)) >= 3
        if how == "ctrl-c":
            os.killpg(run.pid, signal.SIGINT)
        else:
            os.kill(run.pid, signal.SIGKILL)
        _, errors = run.communicate(timeout=20)
        if how == "ctrl-c":
            assert run.returncode != 0 and "KeyboardInterrupt" in errors
        deadline = time.monotonic() + 10
        while session(run.pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert session(run.pid) == []
    finally:
        if session(run.pid):
            os.killpg(run.pid, signal.SIGKILL)


def session(leader: int) -> list[int]:
    """Live processes of a session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


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
