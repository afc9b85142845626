"""The exposure record that is made of translated values of every awkward kind."""

from __future__ import annotations

import math
from types import SimpleNamespace

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import AltAz, Angle, SkyCoord
from astropy.time import Time, TimeDelta

from adapters.fits_header import HeaderError
from adapters.headers import exposure_record


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
