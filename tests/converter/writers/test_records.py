"""Instrument and exposure records, read back with the Butler."""

from dataclasses import replace

import numpy as np
import pytest

from converter.nouns import Gen2to3Error
from converter.operations import InsertExposures, RegisterInstrument
from converter.writers import insert_exposures, register_instrument

from .conftest import INSTRUMENT, exposure


def test_instrument(empty, reopened):
    register_instrument(empty, INSTRUMENT)
    butler = reopened()
    (instrument,) = butler.query_dimension_records("instrument", instrument="Cam")
    assert instrument.toDict() == INSTRUMENT.instrument
    detectors = butler.query_dimension_records("detector", instrument="Cam", order_by="detector")
    assert [d.toDict() for d in detectors] == [{"instrument": "Cam", **d} for d in INSTRUMENT.detectors]
    filters = butler.query_dimension_records("physical_filter", instrument="Cam", order_by="physical_filter")
    assert [f.toDict() for f in filters] == [{"instrument": "Cam", **f} for f in INSTRUMENT.filters]


def test_numpy_ids_are_stored_as_integers(empty, reopened):
    record = {**INSTRUMENT.detectors[1], "id": np.int64(1)}
    register_instrument(empty, replace(INSTRUMENT, detectors=(record,)))
    (detector,) = reopened().query_dimension_records("detector", instrument="Cam", detector=1)
    assert detector.id == 1


def test_again_changes_nothing(butler):
    register_instrument(butler, INSTRUMENT)
    assert len(butler.query_dimension_records("detector", instrument="Cam")) == 3


def changed(update: bool) -> RegisterInstrument:
    return RegisterInstrument("Cam", None, ({"id": 1, "full_name": "other"},), (), update)


def test_a_difference_stops(butler):
    with pytest.raises(Gen2to3Error, match="detector 1 of Cam: full_name is 'R0_S1' in the target, 'other'"):
        register_instrument(butler, changed(update=False))


def test_update_changes_what_is_given(butler, reopened):
    register_instrument(butler, changed(update=True))
    (detector,) = reopened().query_dimension_records("detector", instrument="Cam", detector=1)
    assert (detector.full_name, detector.raft, detector.purpose) == ("other", "R0", "SCIENCE")


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"id": 9, "full_name": "R0_S1"}, "UNIQUE constraint failed"),
        ({"id": 9, "full_name": ""}, "no full_name"),
        ({"id": 9, "full_name": "x" * 33}, "detector records of Cam"),
        ({"id": 9, "full_name": "x", "instrument": "Other"}, "is for instrument Other"),
    ],
)
def test_bad_detector(butler, record, message):
    with pytest.raises(Gen2to3Error, match=message):
        register_instrument(butler, RegisterInstrument("Cam", None, (record,), ()))


def test_detectors_need_an_instrument(empty):
    with pytest.raises(Gen2to3Error, match="FOREIGN KEY"):
        register_instrument(empty, replace(INSTRUMENT, instrument=None))


def test_exposure_to_the_nanosecond(butler, reopened):
    (record,) = reopened().query_dimension_records("exposure", instrument="Cam")
    assert record.timespan.nsec == (1_577_880_000_123_456_789, 1_577_880_030_000_000_001)
    assert (record.obs_id, record.group, record.day_obs, record.physical_filter) == (
        "cam1001",
        "1001",
        20200101,
        "Cam-r",
    )
    assert (record.exposure_time, record.dark_time, record.tracking_ra) == (30.0, None, 12.25)
    (day,) = reopened().query_dimension_records("day_obs", instrument="Cam")
    assert day.timespan.begin.tai.isot == "2020-01-01T12:00:00.000000"
    assert day.timespan.end.tai.isot == "2020-01-02T12:00:00.000000"
    (group,) = reopened().query_dimension_records("group", instrument="Cam")
    assert group.name == "1001"


def test_many_exposures_share_group_and_day(butler, reopened):
    records = [exposure(np.int64(2000 + i), group="g", offset=None, day_obs=20200105) for i in range(50)]
    insert_exposures(butler, InsertExposures("Cam", tuple(records)))
    found = reopened().query_dimension_records("exposure", instrument="Cam", where="exposure >= 2000")
    assert sorted(r.id for r in found) == list(range(2000, 2050))
    (day,) = reopened().query_dimension_records("day_obs", instrument="Cam", day_obs=20200105)
    assert day.timespan is None


def test_an_instant_lasts_a_nanosecond(butler, reopened):
    insert_exposures(butler, InsertExposures("Cam", (exposure(5, begin_ns=10**18, end_ns=10**18),)))
    (record,) = reopened().query_dimension_records("exposure", instrument="Cam", exposure=5)
    assert record.timespan.nsec == (10**18, 10**18 + 1)


def test_exposures_again(butler):
    noise = exposure(tracking_ra=12.25 + 1e-14)
    insert_exposures(butler, InsertExposures("Cam", (exposure(), noise, exposure(1002))))
    assert len(butler.query_dimension_records("exposure", instrument="Cam")) == 2


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (exposure(exposure_time=31.0), "exposure 1001 of Cam: exposure_time is 30.0 already, 31.0 expected"),
        (exposure(begin_ns=10**18, end_ns=10**18 + 5), "exposure 1001 of Cam: timespan"),
        (exposure(1002, offset=0), "day_obs 20200101 of Cam: timespan"),
        (exposure(1002, obs_id="cam1001"), "UNIQUE constraint failed"),
        (exposure(1002, obs_id=None), "has no obs_id"),
        (exposure(1002, physical_filter="Cam-z"), "FOREIGN KEY"),
        (exposure(1002, day_obs=20201341), "expected a date as YYYYMMDD"),
        (exposure(1002, begin_ns=10, end_ns=5), "ends before it begins"),
        (exposure(1002, instrument="Other"), "is for instrument Other"),
    ],
)
def test_bad_exposure(butler, record, message):
    with pytest.raises(Gen2to3Error, match=message):
        insert_exposures(butler, InsertExposures("Cam", (record,)))


def test_obs_id_twice(butler):
    with pytest.raises(Gen2to3Error, match="exposures 7 and 8 have the same obs_id"):
        insert_exposures(butler, InsertExposures("Cam", (exposure(7, obs_id="a"), exposure(8, obs_id="a"))))


def test_no_exposures(butler):
    insert_exposures(butler, InsertExposures("Cam", ()))


def test_universe_without_days(tmp_path):
    from lsst.daf.butler import Butler

    old = "resource://lsst.daf.butler/configs/old_dimensions/daf_butler_universe2.yaml"
    Butler.makeRepo(str(tmp_path / "old"), dimensionConfig=old)
    with (
        Butler.from_config(str(tmp_path / "old"), writeable=True) as butler,
        pytest.raises(Gen2to3Error, match="universe 2 has no day_obs"),
    ):
        insert_exposures(butler, InsertExposures("Cam", (exposure(),)))
