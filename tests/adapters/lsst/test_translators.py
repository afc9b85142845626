"""Translation of imSim, LATISS and ComCam headers."""

import importlib
import math
import os
import subprocess
import sys
import tomllib
from datetime import datetime
from pathlib import Path

import astropy.units as u
import pytest
from astro_metadata_translator import MetadataTranslator, ObservationInfo
from astropy.coordinates import ICRS, Angle, EarthLocation
from astropy.io import fits
from astropy.time import Time
from astropy.utils import iers

from adapters.lsst import translators
from adapters.lsst.translators import ComCamTranslator, ImSimTranslator, LatissTranslator, _ids
from adapters.lsst.translators._detectors import COMCAM_RAFTS, IMSIM_RAFTS, detector_number

CHECKOUT = Path(__file__).resolve().parents[3]
DATA = Path(os.environ.get("GEN2TO3_SHARED", CHECKOUT.parent / "shared")) / "data"
IMSIM_RAW = DATA / "imsim/gen2/raw/204595/R11/00204595-R11-S20-det042.fits"
LATISS_RAW = DATA / "latiss/gen2/raw/2018-09-20/3018092000065-det000.fits"


def real_header(path):
    if not path.exists():
        pytest.skip(f"real raw not available: {path}")
    return fits.getheader(path)


def mjd(isot):
    return Time(isot, scale="tai").mjd


def obsgeo(lon, lat, height=2663.0):
    place = EarthLocation.from_geodetic(lon, lat, height)
    return {f"OBSGEO-{axis}": float(getattr(place, axis.lower()).to_value("m")) for axis in "XYZ"}


def plain(name, value):
    """Reduce a property to numbers and text; seconds, degrees and hPa."""
    if name == "location" and value is not None:
        return (value.lon.deg, value.lat.deg)
    if name == "tracking_radec" and value is not None:
        return (value.icrs.ra.deg, value.icrs.dec.deg)
    if name == "altaz_begin" and value is not None:
        return (value.az.deg, value.alt.deg)
    if isinstance(value, Time):
        assert value.scale == "tai"
        value = value.copy(format="isot")
        value.precision = 3
        return value.value
    if name == "observing_day_offset":
        return value.to_value("s")
    if isinstance(value, Angle):
        return value.deg
    if isinstance(value, u.Quantity):
        return value.value
    return value


def check(info, expected, altaz_tolerance=1e-4):
    """Compare every named property; report all that differ."""
    wrong = {}
    for name, value in expected.items():
        actual = plain(name, getattr(info, name))
        if name == "altaz_begin" and value is not None:
            good = actual == pytest.approx(value, abs=altaz_tolerance)
        elif isinstance(value, float | tuple):
            good = actual == pytest.approx(value, abs=1e-6, rel=0, nan_ok=True)
        else:
            good = actual == value and type(actual) is type(value)
        if not good:
            wrong[name] = (actual, value)
    assert wrong == {}


def translate(header, **kwargs):
    return ObservationInfo(header, pedantic=True, **kwargs)


# imSim: section of the example table.


def imsim_expected(exposure, **values):
    common = {
        "instrument": "LSSTCam-imSim",
        "telescope": "Simonyi Survey Telescope",
        "exposure_id": exposure,
        "visit_id": exposure,
        "group_counter_start": exposure,
        "group_counter_end": exposure,
        "exposure_group": str(exposure),
        "observation_id": str(exposure),
        "observation_reason": "imsim",
        "observation_counter": 0,
        "observing_day_offset": 0.0,
        "detector_serial": "LCA-11021_RTM-000",
        "object": "UNKNOWN",
        "boresight_rotation_coord": "sky",
        "has_simulated_content": True,
        "relative_humidity": 40.0,
        "pressure": None,
        "temperature": None,
        "location": (-70.749417, -30.244639),
        "dark_time": values["exposure_time"],
        "exposure_time_requested": values["exposure_time"],
    }
    return common | values


FIELD = {
    "observation_type": "science",
    "observing_day": 20221005,
    "physical_filter": "i_sim_1.4",
    "exposure_time": 30.0,
    "datetime_begin": "2022-10-05T06:53:26.357",
    "datetime_end": "2022-10-05T06:53:56.357",
    "science_program": "204595",
    "tracking_radec": (55.677599, -30.442394),
    "can_see_sky": True,
}
IMSIM_REAL = imsim_expected(
    204595,
    detector_num=42,
    detector_unique_name="R11_S20",
    altaz_begin=(93.7449, 82.1166),
    boresight_rotation_angle=254.375487,
    **FIELD,
)


def imsim_header(obsid, detector, begin, exptime, **cards):
    raft, slot = detector.split("_")
    header = {
        "OBSID": obsid,
        "MJD-OBS": mjd(begin),
        "DATE-OBS": begin,
        "DATE-END": (Time(begin, scale="tai") + exptime * u.s).isot,
        "TIMESYS": "TAI",
        "EXPTIME": float(exptime),
        "DARKTIME": float(exptime),
        "TESTTYPE": "IMSIM",
        "IMGTYPE": "SKYEXP",
        "LSST_NUM": "LCA-11021_RTM-000",
        "RAFTNAME": raft,
        "SENSNAME": slot,
        "RUNNUM": str(obsid),
        "FILTER": "i",
        "RADESYS": "ICRS",
        "RATEL": 0.0,
        "DECTEL": 0.0,
        "ROTANGLE": 0.0,
    }
    return header | cards


NEW_YEAR = {
    "observation_type": "science",
    "observing_day": 20220101,
    "physical_filter": "i",
    "datetime_begin": "2022-01-01T00:00:00.000",
    "science_program": "42",
    "tracking_radec": (0.0, 0.0),
    "altaz_begin": (311.8597, 48.6976),
    "boresight_rotation_angle": 90.0,
    "can_see_sky": True,
}
IMSIM_COLUMNS = {
    "field": (
        imsim_header(
            204595,
            "R11_S02",
            "2022-10-05T06:53:26.357",
            30,
            RATEL=55.67759885870274,
            DECTEL=-30.4423935708909,
            ROTANGLE=195.624333,
            PKG00000="lsst_sims",
            TAG00000="sims_w_2019_42",
            PKG00001="throughputs",
            VER00001="1.4     ",
        ),
        imsim_expected(
            204595,
            detector_num=38,
            detector_unique_name="R11_S02",
            altaz_begin=(93.2553, 81.7821),
            boresight_rotation_angle=254.375667,
            **FIELD,
        ),
    ),
    "flat": (
        imsim_header(
            5000007,
            "R11_S20",
            "2022-08-06T06:50:59.338",
            30,
            IMGTYPE="FLAT",
            RATEL=31.113384,
            DECTEL=-10.097006,
            ROTANGLE=69.092293,
            HASTART=12.0,
        ),
        imsim_expected(
            5000007,
            observation_type="flat",
            observing_day=20220806,
            detector_num=42,
            detector_unique_name="R11_S20",
            physical_filter="i",
            exposure_time=30.0,
            datetime_begin="2022-08-06T06:50:59.338",
            datetime_end="2022-08-06T06:51:29.338",
            science_program="5000007",
            tracking_radec=(31.113384, -10.097006),
            altaz_begin=None,
            boresight_rotation_angle=20.907707,
            can_see_sky=False,
        ),
    ),
    "bias": (
        imsim_header(3010002, "R11_S00", "2022-01-01T00:00:00.000", 0, RUNNUM="42"),
        imsim_expected(
            3010002,
            detector_num=36,
            detector_unique_name="R11_S00",
            exposure_time=0.0,
            datetime_end="2022-01-01T00:00:00.000",
            **NEW_YEAR,
        ),
    ),
    "dark": (
        imsim_header(4010003, "R11_S11", "2022-01-01T00:00:00.000", 500, RUNNUM="42"),
        imsim_expected(
            4010003,
            detector_num=40,
            detector_unique_name="R11_S11",
            exposure_time=500.0,
            datetime_end="2022-01-01T00:08:20.000",
            **NEW_YEAR,
        ),
    ),
}


def test_imsim_real_raw():
    check(translate(real_header(IMSIM_RAW)), IMSIM_REAL)


@pytest.mark.parametrize("column", IMSIM_COLUMNS)
def test_imsim_columns(column):
    header, expected = IMSIM_COLUMNS[column]
    check(translate(dict(header)), expected, altaz_tolerance=1e-3)


def test_imsim_prefers_the_hour_angle():
    header = IMSIM_COLUMNS["field"][0] | {"HASTART": -9.134324848452934}
    check(translate(header), {"altaz_begin": (93.7449, 82.1166)})


def test_imsim_telescope_and_location():
    header = dict(IMSIM_COLUMNS["flat"][0]) | obsgeo(10.0, 20.0)
    del header["LSST_NUM"]
    bare = ImSimTranslator(header)
    assert bare.to_telescope() is None
    assert plain("location", bare.to_location()) == pytest.approx((10.0, 20.0))
    named = ImSimTranslator(header | {"OUTFILE": "lsst_a_5000007_R11_S20_i.fits"})
    assert named.to_telescope() == "Simonyi Survey Telescope"
    assert plain("location", named.to_location()) == pytest.approx((-70.749417, -30.244639))


@pytest.mark.parametrize("card", ["EXPTIME", "IMGTYPE", "OBSID", "RAFTNAME", "SENSNAME", "FILTER"])
def test_imsim_missing_cards_are_errors(card):
    header = {key: value for key, value in IMSIM_COLUMNS["flat"][0].items() if key != card}
    with pytest.raises(KeyError, match="Error calculating property"):
        translate(header)


# LATISS.


def latiss_expected(**values):
    common = {
        "instrument": "LATISS",
        "telescope": "Rubin Auxiliary Telescope",
        "detector_num": 0,
        "detector_group": "RXX",
        "detector_name": "S00",
        "detector_unique_name": "RXX_S00",
        "observing_day_offset": 43200.0,
        "has_simulated_content": False,
        "exposure_time_requested": values["exposure_time"],
        "group_counter_start": values["observation_counter"],
        "group_counter_end": values["observation_counter"],
    }
    return common | values


DRY = {"relative_humidity": None, "pressure": None, "temperature": None}
LATISS_REAL = latiss_expected(
    exposure_id=3018092000065,
    exposure_group="3018092000065",
    visit_id=3018092000065,
    observation_id="AT_C_20180920_000065",
    observation_type="unknown",
    observation_reason="unknown",
    observing_day=20180920,
    observation_counter=65,
    detector_serial="ITL-3800C-098",
    physical_filter="unknown~unknown",
    exposure_time=27.0,
    dark_time=27.0,
    datetime_begin="2018-09-21T06:12:18.210",
    datetime_end="2018-09-21T06:12:45.210",
    object="UNKNOWN",
    science_program="unknown",
    tracking_radec=None,
    altaz_begin=None,
    boresight_rotation_angle=math.nan,
    boresight_rotation_coord="unknown",
    can_see_sky=None,
    location=None,
    **DRY,
)

LATISS_COLUMNS = {
    # The cards that name the observation are absent, and GROUPID holds the
    # kind of image; DATE-END of this time is wrong.
    "2019-09-15": (
        {
            "INSTRUME": "LATISS",
            "TELESCOP": "LSST AuxTelescope",
            "CONTRLLR": "O",
            "OBSID": "AT_O_20190915_000037",
            "DATE": "2019-09-15T18:13:35.000",
            "DATE-OBS": "2019-09-15T18:13:32.400",
            "MJD-OBS": mjd("2019-09-15T18:13:32.400"),
            "DATE-END": "2019-09-15T18:13:34.700",
            "TIMESYS": "UTC",
            "EXPTIME": 0.0,
            "DARKTIME": None,
            "LSST_NUM": "ITL-3800C-098",
            "RAFTBAY": "R00",
            "IMGTYPE": None,
            "GROUPID": "bias_0027_0100",
            "RA": 1.0,
            "DEC": -0.5,
            "FILTER": None,
            **obsgeo(-70.7, -30.2),
        },
        latiss_expected(
            exposure_id=2019091500037,
            exposure_group="bias_0027_0100",
            visit_id=3575576933793566714,
            observation_id="AT_O_20190915_000037",
            observation_type="bias",
            observation_reason="unknown",
            observing_day=20190915,
            observation_counter=37,
            detector_serial="ITL-3800C-068",
            physical_filter="unknown~unknown",
            exposure_time=0.0,
            dark_time=0.0,
            datetime_begin="2019-09-15T18:13:32.400",
            datetime_end="2019-09-15T18:13:32.400",
            object="UNKNOWN",
            science_program="unknown",
            tracking_radec=None,
            altaz_begin=None,
            boresight_rotation_angle=math.nan,
            boresight_rotation_coord="unknown",
            can_see_sky=False,
            location=None,
            **DRY,
        ),
    ),
    "2020-01-28": (
        {
            "INSTRUME": "LATISS",
            "CONTRLLR": "O",
            "OBSID": "AT_O_20200128_000379",
            "DAYOBS": "20200128",
            "SEQNUM": 379,
            "GROUPID": datetime(2020, 1, 29, 7, 25, 52, 166000),
            "DATE-BEG": "2020-01-29T07:25:52.373",
            "MJD-OBS": mjd("2020-01-29T07:25:00.000"),
            "DATE-END": "2020-01-29T07:25:59.000",
            "TIMESYS": "TAI",
            "EXPTIME": 5.0,
            "DARKTIME": 4.5,
            "SHUTTIME": 4.9,
            "IMGTYPE": "OBJECT",
            "OBJECT": "spec:HD107696",
            "FILTER": "KPNO_406_828nm",
            "GRATING": "EMPTY_1",
            "RADESYS": "",
            "TRACKSYS": "SIDEREAL",
            "RASTART": 3.3,
            "DECSTART": 4.4,
            "RA": 185.705958,
            "DEC": -57.676139,
            "AZSTART": 161.2465,
            "ELSTART": 60.0245,
            "ROTPA": 165.248859,
            "ROTCOORD": "sky",
            **obsgeo(-70.747698, -30.244728),
            "OBSGEO-Z": abs(obsgeo(-70.747698, -30.244728)["OBSGEO-Z"]),
        },
        latiss_expected(
            exposure_id=2020012800379,
            exposure_group="2020-01-29T07:25:52.166",
            visit_id=1602123521660000,
            observation_id="AT_O_20200128_000379",
            observation_type="science",
            observation_reason="science",
            observing_day=20200128,
            observation_counter=379,
            detector_serial="ITL-3800C-068",
            physical_filter="KPNO_406_828nm~empty",
            exposure_time=5.0,
            dark_time=5.0,
            datetime_begin="2020-01-29T07:25:52.373",
            datetime_end="2020-01-29T07:25:57.373",
            object="HD107696",
            science_program="unknown",
            tracking_radec=(185.705958, -57.676139),
            altaz_begin=(161.2465, 60.0245),
            boresight_rotation_angle=165.248859,
            boresight_rotation_coord="sky",
            can_see_sky=True,
            location=(-70.747698, -30.244728),
            **DRY,
        ),
    ),
    # Right ascension in hours and 37 s behind, rotator half a turn off.
    "2021-02-10": (
        {
            "INSTRUME": "LATISS",
            "CONTRLLR": "O",
            "OBSID": "AT_O_20210210_000011",
            "DAYOBS": "20210210",
            "SEQNUM": 11,
            "GROUPID": "2021-02-10T19:01:55.880",
            "MJD-BEG": mjd("2021-02-10T19:01:56.052"),
            "DATE-END": "2021-02-10T19:01:20.298",
            "TIMESYS": "UTC",
            "EXPTIME": 1.0,
            "DARKTIME": 1.33727,
            "OBSTYPE": "ENGTEST",
            "IMGTYPE": "BIAS",
            "OBJECT": "slew_icrs",
            "FILTER": "RG610",
            "GRATING": "ronchi90lpmm",
            "RADESYS": "ICRS",
            "TRACKSYS": "RADEC",
            "RASTART": (355.417503 - 37 * 15 / 3600) / 15,
            "DECSTART": -10.574904,
            "RA": 0.0,
            "DEC": 0.0,
            "AZSTART": 0.0538,
            "ELSTART": 70.3127,
            "ROTPA": 0.0,
            "ROTCOORD": "sky",
            "HUMIDITY": 52.0,
            "PRESSURE": 741.3,
            "AIRTEMP": 9.2,
            **obsgeo(-70.747698, -30.244728),
        },
        latiss_expected(
            exposure_id=2021021000011,
            exposure_group="2021-02-10T19:01:55.880",
            visit_id=1929133158800000,
            observation_id="AT_O_20210210_000011",
            observation_type="engtest",
            observation_reason="unknown",
            observing_day=20210210,
            observation_counter=11,
            detector_serial="ITL-3800C-068",
            physical_filter="RG610~ronchi90lpmm",
            exposure_time=1.0,
            dark_time=1.33727,
            datetime_begin="2021-02-10T19:01:56.052",
            datetime_end="2021-02-10T19:01:57.298",
            object="slew_icrs",
            science_program="unknown",
            tracking_radec=(355.417503, -10.574904),
            altaz_begin=(0.0538, 70.3127),
            boresight_rotation_angle=-180.0,
            boresight_rotation_coord="sky",
            can_see_sky=None,
            location=(-70.747698, -30.244728),
            relative_humidity=52.0,
            pressure=741.3,
            temperature=9.2,
        ),
    ),
    "2022-04-05": (
        {
            "INSTRUME": "LATISS",
            "CONTRLLR": "O",
            "OBSID": "AT_O_20220405_000349",
            "DAYOBS": "20220405",
            "SEQNUM": 349,
            "CURINDEX": 2,
            "MAXINDEX": 2,
            "GROUPID": "2022-04-06T02:58:07.181",
            "MJD-BEG": mjd("2022-04-06T03:00:01.608"),
            "DATE-END": "2022-04-06T03:00:31.842",
            "TIMESYS": "TAI",
            "EXPTIME": 30.0,
            "DARKTIME": 30.2387,
            "IMGTYPE": "OBJECT",
            "REASON": "OBJECT",
            "OBJECT": "spec:LATISS_E6A_00000040",
            "PROGRAM": "LATISS_E6A",
            "FILTER": "SDSSr",
            "GRATING": "",
            "TRACKSYS": "",
            "RASTART": 222.009072,
            "DECSTART": -45.060373,
            "AZSTART": 125.2303,
            "ELSTART": 45.7773,
            "ROTPA": 358.484761,
            "ROTCOORD": "sky",
            "HUMIDITY": 19,
            "PRESSURE": 744.3,
            "AIRTEMP": 12.3,
            **obsgeo(-70.747698, -30.244728),
        },
        latiss_expected(
            exposure_id=2022040500349,
            exposure_group="2022-04-06T02:58:07.181",
            visit_id=2291434871810000,
            observation_id="AT_O_20220405_000349",
            observation_type="science",
            observation_reason="object",
            observing_day=20220405,
            observation_counter=349,
            group_counter_start=348,
            group_counter_end=349,
            detector_serial="ITL-3800C-068",
            physical_filter="SDSSr~empty",
            exposure_time=30.0,
            dark_time=30.2387,
            datetime_begin="2022-04-06T03:00:01.608",
            datetime_end="2022-04-06T03:00:31.842",
            object="LATISS_E6A_00000040",
            science_program="LATISS_E6A",
            tracking_radec=(222.009072, -45.060373),
            altaz_begin=(125.2303, 45.7773),
            boresight_rotation_angle=358.484761,
            boresight_rotation_coord="sky",
            can_see_sky=True,
            location=(-70.747698, -30.244728),
            relative_humidity=19.0,
            pressure=744.3,
            temperature=12.3,
        ),
    ),
    "2024-06-24": (
        {
            "INSTRUME": "LATISS",
            "CONTRLLR": "O",
            "OBSID": "AT_O_20240624_000169",
            "DAYOBS": "20240624",
            "SEQNUM": 169,
            "CURINDEX": 1,
            "MAXINDEX": 1,
            "GROUPID": "2024-06-25T07:10:40.297",
            "MJD-BEG": mjd("2024-06-25T07:10:40.383"),
            "DATE-END": "2024-06-25T07:11:10.392",
            "TIMESYS": "TAI",
            "EXPTIME": 30.0,
            "SHUTTIME": 0.0,
            "DARKTIME": 30.0096,
            "IMGTYPE": "DARK",
            "REASON": "DARK",
            "OBJECT": "FlatField position",
            "PROGRAM": None,
            "FILTER": "SDSSr_65mm",
            "GRATING": "empty_3",
            "TRACKSYS": "RADEC",
            "RASTART": 272.526698,
            "DECSTART": -78.692153,
            "AZSTART": 188.7611,
            "ELSTART": 38.9929,
            "ROTPA": 3.881021,
            "ROTCOORD": "sky",
            "HUMIDITY": 44.425,
            "PRESSURE": 73760.0,
            "AIRTEMP": 0.025,
            "SIMULATE ATMCS": False,
            **obsgeo(-70.747686, -30.244789),
        },
        latiss_expected(
            exposure_id=2024062400169,
            exposure_group="2024-06-25T07:10:40.297",
            visit_id=2992290402970000,
            observation_id="AT_O_20240624_000169",
            observation_type="dark",
            observation_reason="dark",
            observing_day=20240624,
            observation_counter=169,
            detector_serial="ITL-3800C-068",
            physical_filter="SDSSr_65mm~empty",
            exposure_time=30.0,
            dark_time=30.0096,
            datetime_begin="2024-06-25T07:10:40.383",
            datetime_end="2024-06-25T07:11:10.392",
            object="FlatField position",
            science_program="unknown",
            tracking_radec=(272.526698, -78.692153),
            altaz_begin=(188.7611, 38.9929),
            boresight_rotation_angle=3.881021,
            boresight_rotation_coord="unknown",
            can_see_sky=False,
            location=(-70.747686, -30.244789),
            relative_humidity=44.425,
            pressure=73760.0,
            temperature=0.025,
        ),
    ),
}


def test_latiss_real_raw():
    check(translate(real_header(LATISS_RAW)), LATISS_REAL)


@pytest.mark.parametrize("column", LATISS_COLUMNS)
def test_latiss_columns(column):
    header, expected = LATISS_COLUMNS[column]
    check(translate(dict(header)), expected)


def test_pressure_units():
    units = [
        translate(dict(LATISS_COLUMNS[day][0])).pressure.unit
        for day in ("2021-02-10", "2022-04-05", "2024-06-24")
    ]
    assert units == [u.hPa, u.hPa, u.Pa]


def fixed(date, cards, obsid="AT_O_20200101_000001"):
    """Return a LATISS header of a UTC time with the fixes applied."""
    header = {
        "INSTRUME": "LATISS",
        "OBSID": obsid,
        "DAYOBS": "20200101",
        "SEQNUM": 1,
        "DATE-OBS": Time(date, scale="utc").tai.isot,
    } | cards
    header = {card: value for card, value in header.items() if value != "absent"}
    LatissTranslator.fix_header(header, "LATISS", obsid)
    return header


GONE = "absent"
LATISS_FIXES = [
    # 1: the cards that name the observation.
    ("2020-06-01", {"OBSID": GONE}, {"OBSID": "AT_O_20200101_000001"}),
    ("2020-06-01", {"DAYOBS": GONE}, {"DAYOBS": "20200101"}),
    ("2020-06-01", {"SEQNUM": GONE}, {"SEQNUM": 1}),
    ("2020-06-01", {"DAYOBS": "19991231", "SEQNUM": 8}, {"DAYOBS": "19991231", "SEQNUM": 8}),
    # 2: unset clock.
    (
        "2020-06-01",
        {
            "DATE-OBS": "1970-01-01T00:00:12.000",
            "MJD-OBS": 40587.0,
            "DATE": "2021-05-05T01:02:03.004",
            "MJD": 59339.04309,
            "DATE-END": "1970-01-01T00:00:13.000",
            "MJD-END": 40587.0,
        },
        {
            "DATE-OBS": "2021-05-05T01:02:03.004",
            "DATE-BEG": "2021-05-05T01:02:03.004",
            "MJD-OBS": 59339.04309,
            "MJD-BEG": 59339.04309,
            "DATE-END": None,
            "MJD-END": None,
        },
    ),
    # 3: the chip was changed.
    ("2019-06-23T23:59:59", {}, {"LSST_NUM": "ITL-3800C-098"}),
    ("2019-06-24T00:00:01", {"LSST_NUM": "ITL-3800C-098"}, {"LSST_NUM": "ITL-3800C-068"}),
    # 4: end of the exposure.
    ("2020-01-31T23:59:59", {"DATE-END": "x", "MJD-END": 1.0}, {"DATE-END": None, "MJD-END": None}),
    ("2020-02-01T00:00:01", {"DATE-END": "x", "MJD-END": 1.0}, {"DATE-END": "x", "MJD-END": 1.0}),
    # 5: kind of image in GROUPID.
    ("2019-11-06", {"GROUPID": "dark_1", "IMGTYPE": ""}, {"GROUPID": "dark_1", "IMGTYPE": "dark"}),
    ("2019-11-06", {"GROUPID": "Focus12"}, {"GROUPID": "Focus12", "IMGTYPE": "FOCUS"}),
    ("2019-11-06", {"GROUPID": "focus"}, {"GROUPID": None, "IMGTYPE": "focus"}),
    ("2019-11-06", {"GROUPID": "FLAT"}, {"GROUPID": None, "IMGTYPE": "FLAT"}),
    ("2019-11-06", {"GROUPID": "test_1"}, {"GROUPID": "test_1", "IMGTYPE": GONE}),
    ("2019-11-06", {"GROUPID": "TEST_1"}, {"GROUPID": "TEST_1", "IMGTYPE": "TEST"}),
    ("2019-11-06", {"GROUPID": "FLAT", "IMGTYPE": "FLAT"}, {"GROUPID": None, "IMGTYPE": "FLAT"}),
    ("2019-11-06", {"GROUPID": "FLAT", "IMGTYPE": "BIAS"}, {"GROUPID": "FLAT", "IMGTYPE": "BIAS"}),
    ("2019-11-08", {"GROUPID": "FLAT", "IMGTYPE": ""}, {"GROUPID": "FLAT", "IMGTYPE": ""}),
    # 6: objects that were engineering tests.
    ("2020-01-27T19:59:59", {"IMGTYPE": "OBJECT"}, {"IMGTYPE": "ENGTEST", "OBJECT": GONE}),
    ("2020-01-27T20:00:01", {"IMGTYPE": "OBJECT", "OBJECT": "a"}, {"IMGTYPE": "OBJECT", "OBJECT": "a"}),
    ("2020-01-27T19:59:59", {"IMGTYPE": "FLAT"}, {"IMGTYPE": "FLAT"}),
    # 7: radians.
    ("2020-01-28T21:59:59", {"RA": math.pi, "DEC": -math.pi / 4}, {"RA": 180.0, "DEC": -45.0}),
    ("2020-01-28T22:00:01", {"RA": math.pi, "DEC": -0.5}, {"RA": math.pi, "DEC": -0.5}),
    # 8: shutter time.
    ("2024-01-01", {"SHUTTIME": 3.0}, {"SHUTTIME": None}),
    ("2024-01-01", {"SHUTTIME": 0.0}, {"SHUTTIME": 0.0}),
    # 9: nameless objects.
    ("2020-02-01", {"IMGTYPE": "OBJECT"}, {"OBJECT": "NOTSET"}),
    ("2020-02-01", {"IMGTYPE": "FLAT"}, {"OBJECT": GONE}),
    # 10: prefix of spectroscopic targets.
    ("2022-07-09", {"OBJECT": "spec:HD1"}, {"OBJECT": "HD1"}),
    ("2022-07-11", {"OBJECT": "spec:HD1"}, {"OBJECT": "spec:HD1"}),
    # 11: frames.
    ("2024-01-01", {"RADESYS": "", "TRACKSYS": ""}, {"RADESYS": "ICRS", "TRACKSYS": None}),
    ("2024-01-01", {"RADESYS": "FK5", "TRACKSYS": "SIDEREAL"}, {"RADESYS": "FK5", "TRACKSYS": "RADEC"}),
    ("2024-01-01", {"TRACKSYS": "LOCAL"}, {"TRACKSYS": "LOCAL", "RADESYS": GONE}),
    # 12: worthless starts and ends.
    (
        "2020-04-30",
        {"RASTART": 1.0, "DECSTART": 2.0, "RAEND": 3.0, "DECEND": 4.0, "RA": 5.0},
        {"RASTART": None, "DECSTART": None, "RAEND": None, "DECEND": None, "RA": 5.0},
    ),
    # 13 and 14: hours, and 37 s.
    (
        "2020-05-02",
        {"RASTART": 10.0, "RAEND": 11.0, "DECSTART": 2.0},
        {"RASTART": 150.154166667, "RAEND": 165.154166667, "DECSTART": 2.0},
    ),
    ("2021-02-11T18:44:59", {"RASTART": 10.0}, {"RASTART": 150.154166667}),
    (
        "2021-02-11T18:45:01",
        {"RASTART": 10.0, "RAEND": 20.0},
        {"RASTART": 10.154166667, "RAEND": 20.154166667},
    ),
    ("2021-02-12T00:00:01", {"RASTART": 10.0, "RAEND": 20.0}, {"RASTART": 10.0, "RAEND": 20.0}),
    # 15: rotator.
    ("2020-11-18T23:59:59", {"ROTPA": 100.0}, {"ROTPA": 100.0}),
    ("2020-11-19T00:00:01", {"ROTPA": 100.0}, {"ROTPA": -80.0}),
    ("2021-10-28T23:59:59", {"ROTPA": 200.0}, {"ROTPA": 20.0}),
    ("2021-10-29T00:00:01", {"ROTPA": 100.0}, {"ROTPA": 100.0}),
    # 16: hemisphere.
    ("2024-01-01", {"OBSGEO-Z": 3195000.0}, {"OBSGEO-Z": -3195000.0}),
    ("2024-01-01", {"OBSGEO-Z": -3195000.0}, {"OBSGEO-Z": -3195000.0}),
]


@pytest.mark.parametrize(("date", "cards", "expected"), LATISS_FIXES)
def test_latiss_fixes(date, cards, expected):
    header = fixed(date, cards)
    for card, value in expected.items():
        assert header.get(card, GONE) == (pytest.approx(value) if isinstance(value, float) else value), card


def test_latiss_day_falls_back_on_the_night():
    cards = {"DAYOBS": GONE, "SEQNUM": GONE, "OBS-NITE": "20200202"}
    header = fixed("2020-02-03", cards, obsid="AT_O_2020_000007")
    assert (header["DAYOBS"], header["SEQNUM"]) == ("20200202", 7)


def test_fixes_report_whether_they_changed_anything():
    header = {"INSTRUME": "LATISS", "DATE-OBS": "2024-01-01T00:00:00"}
    assert LatissTranslator.fix_header(header, "LATISS", "AT_O_20240101_000001")
    assert header["LSST_NUM"] == "ITL-3800C-068"
    assert not LatissTranslator.fix_header(header, "LATISS", "AT_O_20240101_000001")


def test_repaired_date_takes_the_position_from_the_mount():
    header = LATISS_COLUMNS["2024-06-24"][0] | {
        "IMGTYPE": "OBJECT",
        "MJD-BEG": 40587.0,
        "DATE-OBS": "1970-01-01T00:00:37.000",
        "DATE": "2024-06-25T07:11:10.392",
        "MJD": mjd("2024-06-25T07:11:10.392"),
        "AZSTART": 0.0,
        "ELSTART": 90.0,
    }
    info = translate(header)
    check(info, {"datetime_begin": "2024-06-25T07:11:10.392", "datetime_end": "2024-06-25T07:11:40.392"})
    assert isinstance(info.tracking_radec.frame, ICRS)
    # The zenith is at the declination of the latitude and the right ascension
    # of the sidereal time; precession since 2000 is below 0.4 deg.
    sidereal = info.datetime_begin.sidereal_time("apparent", -70.747686 * u.deg).deg
    assert info.tracking_radec.ra.deg == pytest.approx(sidereal, abs=0.4)
    assert info.tracking_radec.dec.deg == pytest.approx(-30.2448, abs=0.2)


@pytest.mark.parametrize(
    ("glass", "grating", "expected"),
    [
        ("empty", "empty_2", "empty~empty"),
        ("EMPTY_12", "", "empty~empty"),
        ("empty1", "Emptyish", "empty~empty"),
        ("empty_x", "holo4_003", "empty_x~holo4_003"),
        (None, "", "unknown~empty"),
        ("RG610", None, "RG610~unknown"),
    ],
)
def test_latiss_filter(glass, grating, expected):
    assert LatissTranslator({"FILTER": glass, "GRATING": grating}).to_physical_filter() == expected


@pytest.mark.parametrize(
    ("cards", "expected"),
    [
        ({"IMGTYPE": "OBJECT", "DATE-OBS": "2019-12-31T00:00:00"}, "labobject"),
        ({"IMGTYPE": "OBJECT", "DATE-OBS": "2020-01-01T00:01:00"}, "science"),
        ({"IMGTYPE": "SKYEXP", "DATE-OBS": "2019-12-31T00:00:00"}, "science"),
        ({"OBSTYPE": "Flat", "IMGTYPE": "OBJECT"}, "flat"),
        ({"EXPTIME": 0.0}, "bias"),
        ({"EXPTIME": 2.0}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_latiss_observation_type(cards, expected):
    assert LatissTranslator(cards).to_observation_type() == expected


def test_latiss_without_exposure_time():
    header = {"INSTRUME": "LATISS", "OBSID": "AT_O_20190301_000002", "DATE-OBS": "2019-03-01T00:00:00"}
    check(
        translate(header),
        {"exposure_time": -1.0, "dark_time": -1.0, "datetime_end": "2019-03-01T00:00:00.000"},
    )


@pytest.mark.parametrize("card", ["OBSID", "OBJECT", "ROTPA", "DATE-OBS", "AZSTART", "RA"])
def test_latiss_science_needs_its_cards(card):
    header = dict(LATISS_COLUMNS["2020-01-28"][0]) | {"DATE-OBS": LATISS_COLUMNS["2020-01-28"][0]["DATE-BEG"]}
    for name in ("DATE-BEG", "MJD-OBS"):
        del header[name]
    translate(dict(header))
    if card == "OBJECT":
        header["OBJECT"] = None
    else:
        del header[card]
    with pytest.raises(KeyError):
        translate(header)


# ComCam.


def comcam_header(obsid, slot, begin, **cards):
    _, controller, day, number = obsid.split("_")
    header = {
        "INSTRUME": "ComCam",
        "TELESCOP": "LSST",
        "OBSID": obsid,
        "CONTRLLR": controller,
        "DAYOBS": day,
        "SEQNUM": int(number),
        "MJD-OBS": mjd(begin),
        "RAFTBAY": "R22",
        "RAFTNAME": "LCA-11021_RTM-001",
        "CCDSLOT": slot,
    }
    return header | {
        card.replace("_", "-") if card in ("DATE_OBS", "DATE_END") else card: value
        for card, value in cards.items()
    }


def comcam_expected(obsid, exposure, **values):
    common = {
        "instrument": "LSSTComCam",
        "telescope": "Simonyi Survey Telescope",
        "exposure_id": exposure,
        "exposure_group": str(exposure),
        "visit_id": exposure,
        "observation_id": obsid,
        "group_counter_start": values["observation_counter"],
        "group_counter_end": values["observation_counter"],
        "exposure_time_requested": values["exposure_time"],
        "detector_group": "R22",
        "has_simulated_content": False,
    }
    return common | values


LAB = {
    "observation_type": "bias",
    "observing_day_offset": 25200.0,
    "physical_filter": "unknown",
    "exposure_time": 0.0,
    "object": "UNKNOWN",
    "science_program": "unknown",
    "tracking_radec": None,
    "altaz_begin": None,
    "boresight_rotation_angle": 0.0,
    "boresight_rotation_coord": "unknown",
    "can_see_sky": False,
    "location": None,
    **DRY,
}
COMCAM_COLUMNS = {
    "lab 05-26": (
        comcam_header(
            "CC_C_20190526_000223",
            "S01",
            "2019-05-26T08:08:09.489",
            INSTRUME="LSST_CAMERA",
            TELCODE="CC",
            EXPTIME=0.0,
            DARKTIME=0.034,
            IMGTYPE="BIAS",
            TESTTYPE="DARK",
        ),
        comcam_expected(
            "CC_C_20190526_000223",
            3019052600223,
            observation_reason="dark",
            observing_day=20190526,
            observation_counter=223,
            detector_num=1,
            detector_unique_name="R22_S01",
            detector_serial="ITL-3800C-251",
            dark_time=0.034,
            datetime_begin="2019-05-26T08:08:09.489",
            datetime_end="2019-05-26T08:08:09.489",
            **LAB,
        ),
    ),
    "lab 05-30": (
        comcam_header(
            "CC_C_20190530_000001",
            "S00",
            "2019-05-31T02:38:37.384",
            INSTRUME="lsst_camera",
            TELCODE="CC",
            FILTER=None,
            EXPTIME=0.0,
            DARKTIME=0.398,
            IMGTYPE="BIAS",
            TESTTYPE="BIAS",
            ROTPA=None,
        ),
        comcam_expected(
            "CC_C_20190530_000001",
            3019053000001,
            observation_reason="bias",
            observing_day=20190530,
            observation_counter=1,
            detector_num=0,
            detector_unique_name="R22_S00",
            detector_serial="ITL-3800C-229",
            dark_time=0.398,
            datetime_begin="2019-05-31T02:38:37.384",
            datetime_end="2019-05-31T02:38:37.384",
            **LAB,
        ),
    ),
    # The two dates of this simulated header disagree.
    "simulated": (
        comcam_header(
            "CC_H_20100217_006001",
            "S00",
            "2000-02-17T02:14:40.319",
            INSTRUME="comCam",
            DATE_OBS="2010-02-17T02:14:40.319",
            RUNNUM=9006001,
            FILTER="g_01",
            EXPTIME=1.0,
            DARKTIME=1.0,
            IMGTYPE="SKYEXP",
            TESTTYPE="TEST",
            RA=0.0,
            DEC=0.0,
            ROTPA="unset",
            ROTCOORD="sky",
        ),
        comcam_expected(
            "CC_H_20100217_006001",
            4010021706001,
            observation_type="science",
            observation_reason="test",
            observing_day=20100217,
            observing_day_offset=28800.0,
            observation_counter=6001,
            detector_num=0,
            detector_unique_name="R22_S00",
            detector_serial="ITL-3800C-229",
            physical_filter="g_01",
            exposure_time=1.0,
            dark_time=1.0,
            datetime_begin="2000-02-17T02:14:40.319",
            datetime_end="2000-02-17T02:14:41.319",
            object="UNKNOWN",
            science_program="9006001",
            tracking_radec=(0.0, 0.0),
            altaz_begin=None,
            boresight_rotation_angle=0.0,
            boresight_rotation_coord="sky",
            can_see_sky=True,
            location=(-70.749417, -30.244639),
            **DRY,
        )
        | {"has_simulated_content": True},
    ),
    "on sky": (
        comcam_header(
            "CC_O_20241108_000266",
            "S00",
            "2024-11-09T06:34:41.323",
            INSTRUME="COMCAM",
            TELESCOP="Simonyi Survey Telescope",
            GROUPID="2024-11-09T06:33:55.311",
            CURINDEX=1,
            MAXINDEX=1,
            DATE_END="2024-11-09T06:35:11.754",
            TIMESYS="TAI",
            FILTER="g_01",
            FILTER1="empty",
            EXPTIME=30.0,
            SHUTTIME=30.0,
            DARKTIME=30.4306,
            IMGTYPE="OBJECT",
            REASON="SCIENCE",
            OBJECT="slew_icrs",
            PROGRAM="PP-SURVEY",
            TRACKSYS="RADEC",
            RADESYS="ICRS",
            RASTART=53.312408,
            DECSTART=-27.994762,
            AZSTART=270.8629,
            ELSTART=69.7266,
            ROTPA=102.799264,
            ROTCOORD="sky",
            VIGN_MIN="NO",
            HUMIDITY=22.3,
            PRESSURE=74120.0,
            AIRTEMP=13.725,
        ),
        comcam_expected(
            "CC_O_20241108_000266",
            2024110800266,
            observation_type="science",
            observation_reason="science",
            observing_day=20241108,
            observing_day_offset=43200.0,
            observation_counter=266,
            detector_num=0,
            detector_unique_name="R22_S00",
            detector_serial="ITL-3800C-229",
            physical_filter="g_01",
            exposure_time=30.0,
            dark_time=30.4306,
            datetime_begin="2024-11-09T06:34:41.323",
            datetime_end="2024-11-09T06:35:11.754",
            object="slew_icrs",
            science_program="PP-SURVEY",
            tracking_radec=(53.312408, -27.994762),
            altaz_begin=(270.8629, 69.7266),
            boresight_rotation_angle=102.799264,
            boresight_rotation_coord="sky",
            can_see_sky=True,
            location=(-70.749417, -30.244639),
            relative_humidity=22.3,
            pressure=74120.0,
            temperature=13.725,
        )
        | {"exposure_group": "2024-11-09T06:33:55.311", "visit_id": 3110636353110000},
    ),
}


@pytest.mark.parametrize("column", COMCAM_COLUMNS)
def test_comcam_columns(column):
    header, expected = COMCAM_COLUMNS[column]
    check(translate(dict(header)), expected)


@pytest.mark.parametrize(
    ("date", "cards", "expected"),
    [
        ("2020-03-12", {}, {"FILTER": "unknown"}),
        ("2020-03-12", {"FILTER": None}, {"FILTER": "unknown"}),
        ("2020-03-12", {"FILTER": "r"}, {"FILTER": "r_03"}),
        ("2020-03-12", {"FILTER": ""}, {"FILTER": "r_03"}),
        ("2020-03-14", {"FILTER": "r"}, {"FILTER": "empty"}),
        ("2020-03-14", {"FILTER": ""}, {"FILTER": "empty"}),
        ("2020-03-14", {"FILTER": "r_03"}, {"FILTER": "r_03"}),
        ("2019-06-01", {"INSTRUME": "LSST_CAMERA"}, {"INSTRUME": "ComCam"}),
        ("2019-06-01", {"CCDSLOT": "S21"}, {"LSST_NUM": "ITL-3800C-209"}),
        ("2019-06-01", {"CCDSLOT": "S21", "LSST_NUM": "X"}, {"LSST_NUM": "X"}),
        ("2019-06-01", {"CCDSLOT": "S33"}, {"LSST_NUM": GONE}),
        ("2024-11-09", {}, {"ROTPA": 0.0}),
        ("2024-11-09", {"ROTPA": "?"}, {"ROTPA": 0.0}),
        ("2024-11-09", {"ROTPA": math.nan}, {"ROTPA": 0.0}),
        ("2024-11-09", {"ROTPA": 12.5}, {"ROTPA": 12.5}),
        ("2024-11-09", {"TRACKSYS": "SIDEREAL"}, {"TRACKSYS": "SIDEREAL"}),
    ],
)
def test_comcam_fixes(date, cards, expected):
    header = {"INSTRUME": "ComCam", "DATE-OBS": date + "T12:00:00"} | cards
    ComCamTranslator.fix_header(header, "LSSTComCam", "CC_O_20200101_000001")
    assert {card: header.get(card, GONE) for card in expected} == expected


@pytest.mark.parametrize("slot", range(9))
def test_comcam_serials(slot):
    numbers = ("229", "251", "215", "326", "283", "243", "319", "209", "206")
    header = {"CCDSLOT": f"S{slot // 3}{slot % 3}", "DATE-OBS": "2024-11-09T06:34:41"}
    ComCamTranslator.fix_header(header, "LSSTComCam", "CC_O_20241108_000266")
    assert header["LSST_NUM"] == f"ITL-3800C-{numbers[slot]}"


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (("r_03", None, None), "r_03"),
        (("g_01", "NONE", "empty"), "g_01~none"),
        (("empty", "empty", None), "empty"),
        (("empty", "i_06", None), "empty~i_06"),
        ((None, None, None), "unknown"),
    ],
)
def test_comcam_filter(filters, expected):
    header = dict(zip(("FILTER", "FILTER1", "FILTER2"), filters, strict=True))
    assert ComCamTranslator(header).to_physical_filter() == expected


def test_comcam_exposure_time_is_the_shutters():
    header = COMCAM_COLUMNS["on sky"][0] | {"SHUTTIME": 29.5}
    check(translate(header), {"exposure_time": 29.5, "exposure_time_requested": 30.0})


@pytest.mark.parametrize(
    ("begin", "seconds"),
    [
        ("2020-01-15T00:00:00", 28800.0),
        ("2020-02-29T23:59:59", 28800.0),
        ("2020-03-01T00:00:01", 43200.0),
        ("2019-03-10T09:59:00", 28800.0),
        ("2019-03-10T10:01:00", 25200.0),
    ],
)
def test_comcam_day_offset(begin, seconds):
    offset = ComCamTranslator.observing_date_to_offset(Time(begin, scale="tai"))
    assert offset.to_value("s") == seconds


def test_comcam_sidereal_is_not_tracking():
    header = COMCAM_COLUMNS["on sky"][0] | {"TRACKSYS": "SIDEREAL"}
    assert translate(header).tracking_radec is None


@pytest.mark.parametrize(
    ("controller", "begin", "cards", "expected"),
    [
        ("O", "2024-08-23T00:00:00", {"VIGN_MIN": "NO"}, False),
        ("O", "2024-08-25T00:00:00", {"VIGN_MIN": "NO"}, True),
        ("O", "2024-08-25T00:00:00", {"VIGN_MIN": "FULLY"}, False),
        ("O", "2024-08-25T00:00:00", {"VIGN_MIN": "UNKNOWN"}, None),
        ("O", "2024-08-25T00:00:00", {"VIGN_MIN": "NO", "SHUTTIME": 0}, False),
        ("O", "2024-08-25T00:00:00", {}, None),
        ("H", "2020-08-25T00:00:00", {}, True),
        ("H", "2020-08-25T00:00:00", {"IMGTYPE": "FLAT"}, False),
        ("H", "2020-08-25T00:00:00", {"IMGTYPE": "SPOT"}, None),
    ],
)
def test_comcam_can_see_sky(controller, begin, cards, expected):
    header = {"CONTRLLR": controller, "DATE-OBS": begin, "IMGTYPE": "OBJECT"} | cards
    assert ComCamTranslator(header).to_can_see_sky() is expected


@pytest.mark.parametrize("card", ["CCDSLOT", "DAYOBS", "EXPTIME", "IMGTYPE", "OBSID", "RAFTBAY", "SEQNUM"])
def test_comcam_missing_cards_are_errors(card):
    header = {key: value for key, value in COMCAM_COLUMNS["on sky"][0].items() if key != card}
    with pytest.raises(KeyError, match="Error calculating property"):
        translate(header)


# Rules shared by the cameras.


@pytest.mark.parametrize(
    ("day", "controller", "sequence", "expected"),
    [
        ("20231004", "C", 5, 3023100400005),
        ("20231005", "C", 5, 2023100500005),
        (20200101, "S", 7, 7020010100007),
        ("20250417", "P", 5, 5025041700005),
        ("20250418", "P", 5, 2025041800005),
        ("20250418", "Q", 5, 2025041800005),
        ("20250417", "Q", 5, 6025041700005),
        ("20300101", "H", 99999, 4030010199999),
        ("2018-09-20", "O", 1, 2018092000001),
        ("2018-09-20T00:00:00.000", None, 1, 2018092000001),
        ("20180920", "", 0, 2018092000000),
    ],
)
def test_exposure_id(day, controller, sequence, expected):
    assert _ids.exposure_id(day, sequence, controller) == expected


@pytest.mark.parametrize(
    ("day", "controller", "sequence"),
    [
        ("20200101", "X", 1),
        ("20200101", "c", 1),
        ("2020011", "O", 1),
        ("202001011", "O", 1),
        ("20200101", "O", 100000),
    ],
)
def test_exposure_id_refuses(day, controller, sequence):
    with pytest.raises(ValueError):
        _ids.exposure_id(day, sequence, controller)


def test_unknown_controller_makes_the_translation_fail():
    header = LATISS_COLUMNS["2024-06-24"][0] | {"CONTRLLR": "Z"}
    with pytest.raises(KeyError, match="exposure_id") as caught:
        ObservationInfo(header, required={"exposure_id"}, subset={"exposure_id"})
    assert "Unknown controller 'Z'" in str(caught.value.__cause__)


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("3018092000065", 3018092000065),
        ("2020-03-29T16:55:00.012#24", 1654305000120024),
        ("2020-03-29T16:55:00.012+24", 1654305000120024),
        ("2020-03-29T16:55:00.012", 1654305000120000),
        ("2015-01-01T00:00:01.000", 10000000),
        ("bias_0027_0100", 3575576933793566714),
        ("test", 4702443654717948604),
    ],
)
def test_visit_id(group, expected):
    assert _ids.visit_id(group) == expected


@pytest.mark.parametrize("group", ["2020-13-29T16:55:00.012", "gruppe_ä"])
def test_visit_id_refuses(group):
    with pytest.raises(ValueError):
        _ids.visit_id(group)


def test_calibration_products_have_no_exposure():
    translator = LatissTranslator({"CALIB_ID": "filter=x", "DETNAME": "RXX_S00"})
    assert (translator.to_exposure_id(), translator.to_exposure_group(), translator.to_visit_id()) == (
        None,
    ) * 3


@pytest.mark.parametrize(
    ("name", "rafts", "expected"),
    [
        ("R01_S00", IMSIM_RAFTS, 0),
        ("R03_S22", IMSIM_RAFTS, 26),
        ("R10_S00", IMSIM_RAFTS, 27),
        ("R22_S11", IMSIM_RAFTS, 94),
        ("R31_S00", IMSIM_RAFTS, 126),
        ("R41_S01", IMSIM_RAFTS, 163),
        ("R43_S22", IMSIM_RAFTS, 188),
        ("R00_SG0", IMSIM_RAFTS, None),
        ("R00_S00", IMSIM_RAFTS, None),
        ("R22_S33", IMSIM_RAFTS, None),
        ("R22_S12", COMCAM_RAFTS, 5),
        ("R21_S12", COMCAM_RAFTS, None),
    ],
)
def test_detector_number(name, rafts, expected):
    assert detector_number(name, rafts) == expected


def test_there_are_189_detectors():
    numbers = [
        detector_number(f"{raft}_S{i}{j}", IMSIM_RAFTS)
        for raft in IMSIM_RAFTS
        for i in range(3)
        for j in range(3)
    ]
    assert sorted(numbers) == list(range(189))


@pytest.mark.parametrize(
    ("cards", "expected"),
    [
        (
            {"MJD-BEG": 59000.0, "DATE-BEG": "2001-01-01T00:00:00", "TIMESYS": "UTC"},
            "2020-05-31T00:00:00.000",
        ),
        (
            {"DATE-BEG": "2021-01-01T00:00:00", "MJD-OBS": 59000.0, "TIMESYS": "UTC"},
            "2021-01-01T00:00:00.000",
        ),
        ({"MJD-BEG": None, "MJD-OBS": 59000.5, "DATE-OBS": "2001-01-01T00:00:00"}, "2020-05-31T12:00:00.000"),
        ({"DATE-OBS": "2022-01-01T00:00:00.5"}, "2022-01-01T00:00:00.500"),
    ],
)
def test_begin(cards, expected):
    assert plain("datetime_begin", LatissTranslator(cards).to_datetime_begin()) == expected


def test_no_date_is_an_error():
    with pytest.raises(KeyError, match="began"):
        LatissTranslator({"TIMESYS": "TAI"}).to_datetime_begin()


@pytest.mark.parametrize(("timesys", "expected"), [("TAI", 10.0), ("UTC", 47.0), (None, 47.0)])
def test_end_is_in_the_scale_of_timesys(timesys, expected):
    header = {"DATE-OBS": "2021-01-01T00:00:00", "DATE-END": "2021-01-01T00:00:10", "TIMESYS": timesys}
    translator = LatissTranslator(header)
    duration = translator.to_datetime_end() - translator.to_datetime_begin()
    assert duration.to_value("s") == pytest.approx(expected)


@pytest.mark.parametrize(
    ("cards", "expected"),
    [
        ({"SEQNUM": 7}, (7, 7)),
        ({"SEQNUM": 7, "CURINDEX": 3}, (5, 7)),
        ({"SEQNUM": 7, "CURINDEX": 3, "MAXINDEX": 10}, (5, 14)),
        ({"SEQNUM": 0}, (2021010100000, 2021010100000)),
    ],
)
def test_group_counters(cards, expected):
    translator = LatissTranslator({"DAYOBS": "20210101"} | cards)
    assert (translator.to_group_counter_start(), translator.to_group_counter_end()) == expected


def test_observing_day_without_its_card():
    header = {"DATE-OBS": "2021-01-02T11:59:59"}
    assert LatissTranslator(header).to_observing_day() == 20210101
    assert LatissTranslator({"DATE-OBS": "2021-01-02T12:00:01"}).to_observing_day() == 20210102


@pytest.mark.parametrize(
    ("cards", "expected"),
    [
        ({}, False),
        ({"SIMULATE ATMCS": True}, True),
        ({"SIMULATE ATMCS": False, "HIERARCH SIMULATE ATHEXAPOD": None}, False),
        ({"CONTRLLR": "C"}, False),
        *(({"CONTRLLR": letter}, True) for letter in "HPQS"),
    ],
)
def test_simulated_content(cards, expected):
    assert LatissTranslator(cards).to_has_simulated_content() is expected


POINTED = {
    "DATE-OBS": "2024-01-01T00:00:00",
    "IMGTYPE": "OBJECT",
    "RASTART": 10.0,
    "DECSTART": -20.0,
    "AZSTART": 15.0,
    "ELSTART": 45.0,
}


@pytest.mark.parametrize(
    ("cards", "expected"),
    [
        ({}, (10.0, -20.0)),
        ({"RASTART": None, "RA": 30.0, "DEC": 1.0}, (30.0, 1.0)),
        ({"IMGTYPE": "DARK"}, (10.0, -20.0)),
        ({"IMGTYPE": "BIAS"}, None),
        ({"IMGTYPE": "FLAT"}, None),
        ({"TRACKSYS": "AZEL"}, None),
        ({"RADESYS": "GAPPT"}, None),
        ({"RADESYS": "nonsense", "IMGTYPE": "DARK"}, None),
        ({"RASTART": None, "IMGTYPE": "FOCUS"}, None),
        ({"RASTART": None, "DATE-OBS": "2019-01-01T00:00:00", "IMGTYPE": "SKYEXP"}, None),
    ],
)
def test_tracking(cards, expected):
    radec = LatissTranslator(POINTED | cards).to_tracking_radec()
    assert plain("tracking_radec", radec) == (None if expected is None else pytest.approx(expected))


def test_tracking_frame():
    radec = LatissTranslator(POINTED | {"RADESYS": "FK5"}).to_tracking_radec()
    assert radec.frame.name == "fk5"


@pytest.mark.parametrize(
    "cards", [{"RASTART": None}, {"RADESYS": "nonsense"}, {"RADESYS": "bad", "IMGTYPE": "SPOT"}]
)
def test_tracking_on_sky_must_succeed(cards):
    with pytest.raises((KeyError, ValueError)):
        LatissTranslator(POINTED | cards).to_tracking_radec()


@pytest.mark.parametrize(
    ("cards", "expected"),
    [
        ({}, (15.0, 45.0)),
        ({"ELSTART": 90.7}, (15.0, 90.0)),
        ({"ELSTART": -6.0}, (15.0, -5.55)),
        ({"ELSTART": -5.0}, (15.0, -5.0)),
        ({"ELSTART": -91.0, "IMGTYPE": "FLAT"}, None),
        ({"AZSTART": -361.0, "IMGTYPE": "FLAT"}, None),
        ({"AZSTART": None, "IMGTYPE": "FLAT"}, None),
        ({"AZSTART": None, "CONTRLLR": "H"}, None),
        ({"CONTRLLR": "H"}, (15.0, 45.0)),
        ({"DATE-OBS": "2019-01-01T00:00:00"}, None),
    ],
)
def test_mount(cards, expected):
    altaz = LatissTranslator(POINTED | cards).to_altaz_begin()
    assert plain("altaz_begin", altaz) == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize("cards", [{"AZSTART": None}, {"ELSTART": -91.0}, {"AZSTART": -361.0}])
def test_mount_of_science_must_be_known(cards):
    with pytest.raises(KeyError):
        LatissTranslator(POINTED | cards).to_altaz_begin()


@pytest.mark.parametrize(
    ("cards", "expected"),
    [
        ({"ROTCOORD": "sky"}, "sky"),
        ({"ROTCOORD": None}, "unknown"),
        ({"ROTCOORD": "sky", "TRACKSYS": "Local"}, "unknown"),
        ({"ROTCOORD": "sky", "IMGTYPE": "DARK"}, "unknown"),
        ({"ROTCOORD": "sky", "DATE-OBS": "2019-01-01T00:00:00"}, "unknown"),
    ],
)
def test_rotation_frame(cards, expected):
    assert LatissTranslator(POINTED | cards).to_boresight_rotation_coord() == expected


def test_laboratory_stand_has_no_location():
    header = {"TESTTYPE": "IMSIM", "TSTAND": "BNL"}
    assert ImSimTranslator(header).to_location() is None
    header["LSST_NUM"] = "X"
    assert ImSimTranslator(header).to_location() is not None


def test_default_locations():
    latiss = LatissTranslator({"DATE-OBS": "2024-01-01T00:00:00"}).to_location()
    comcam = ComCamTranslator({"DATE-OBS": "2024-11-01T00:00:00"}).to_location()
    assert plain("location", latiss) == pytest.approx((-70.747698, -30.244728))
    assert plain("location", comcam) == pytest.approx((-70.749417, -30.244639))
    assert latiss.height.to_value("m") == pytest.approx(2663)


# Recognition.


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ({"TESTTYPE": "IMSIM"}, "LSSTCam-imSim"),
        ({"TESTTYPE": "IMSIM", "INSTRUME": "CAMERA", "TELESCOP": "LSST"}, "LSSTCam-imSim"),
        ({"INSTRUME": "LSST_ATISS", "TELESCOP": "LSST_AuxTel"}, "LSST_LATISS"),
        ({"INSTRUME": "LATISS"}, "LSST_LATISS"),
        ({"DETNAME": "RXX_S00"}, "LSST_LATISS"),
        ({"INSTRUME": "COMCAM", "TELESCOP": "LSST"}, "LSSTComCam"),
        ({"INSTRUME": "comCam", "TELESCOP": "LSST"}, "LSSTComCam"),
        ({"INSTRUME": "ComCam", "TELESCOP": "Simonyi Survey Telescope"}, "LSSTComCam"),
        ({"INSTRUME": "lsst_camera", "TELESCOP": "LSST", "TELCODE": "CC"}, "LSSTComCam"),
        ({"INSTRUME": "LSST_CAMERA", "TELESCOP": "LSST", "TELCODE": "CC"}, "LSSTComCam"),
        ({"INSTRUME": "lsst_camera", "TELESCOP": "LSST", "TELCODE": "MC"}, None),
        ({"INSTRUME": "lsst_camera", "TELCODE": "CC"}, None),
        ({"INSTRUME": "ComCam", "TELESCOP": "AuxTel"}, None),
        ({"INSTRUME": "ComCam"}, None),
        ({"DETNAME": "R22_S00"}, None),
    ],
)
def test_recognition(header, name):
    if name is None:
        with pytest.raises(ValueError, match="None of the registered"):
            MetadataTranslator.determine_translator(header)
    else:
        assert MetadataTranslator.determine_translator(header).name == name


@pytest.mark.parametrize("cls", [ImSimTranslator, LatissTranslator, ComCamTranslator])
@pytest.mark.parametrize("value", [None, fits.card.Undefined(), "", 0])
def test_nobody_claims_a_header_that_says_nothing(cls, value):
    cards = ("INSTRUME", "TELESCOP", "TELCODE", "TESTTYPE", "DETNAME")
    assert cls.can_translate({}) is False
    assert cls.can_translate(dict.fromkeys(cards, value)) is False


def test_plugin_function():
    assert translators.translator_names() == ["LSSTCam-imSim", "LSST_LATISS", "LSSTComCam"]
    for name in translators.translator_names():
        assert MetadataTranslator.get_translator_by_name(name).name == name


def test_plugin_entry_point_names_the_function():
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    (target,) = project["entry-points"]["astro_metadata_translators"].values()
    module, _, function = target.partition(":")
    assert getattr(importlib.import_module(module), function) is translators.translator_names


def test_fits_header_is_fixed_like_a_mapping():
    header = fits.Header()
    for card, value in LATISS_COLUMNS["2020-01-28"][0].items():
        header[card] = value.isoformat(timespec="milliseconds") if isinstance(value, datetime) else value
    check(translate(header), LATISS_COLUMNS["2020-01-28"][1])


# Manners.


def test_transforms_stay_offline(monkeypatch):
    allowed = []
    monkeypatch.setattr(
        iers.IERS_Auto, "_refresh_table_as_needed", lambda self, mjd: allowed.append(iers.conf.auto_download)
    )
    with iers.conf.set_temp("auto_download", True):
        translate(dict(IMSIM_COLUMNS["dark"][0]), subset={"altaz_begin"})
        assert iers.conf.auto_download is True
    assert allowed
    assert not any(allowed)


def test_import_needs_no_pytz_and_leaves_astropy_alone():
    code = (
        "import sys; sys.modules['pytz'] = None\n"
        "from astropy.utils import iers\n"
        "names = 'auto_download', 'auto_max_age', 'iers_degraded_accuracy'\n"
        "before = [getattr(iers.conf, name) for name in names]\n"
        "from adapters.lsst.translators import ComCamTranslator\n"
        "from astropy.time import Time\n"
        "print(ComCamTranslator.observing_date_to_offset(Time('2019-07-01', scale='tai')).sec)\n"
        "assert before == [getattr(iers.conf, name) for name in names]\n"
    )
    environment = os.environ | {"PYTHONPATH": str(CHECKOUT)}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )
    assert (run.returncode, run.stdout.strip()) == (0, "25200.0"), run.stderr
