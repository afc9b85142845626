"""Dimension records against those of the 2022 conversions, field by field.

What differs is listed in full here and explained in ``docs/decisions.md``.
"""

from __future__ import annotations

from typing import Any

import pytest
from golden_cases import IMSIM, LATISS, Golden, records

pytestmark = pytest.mark.filterwarnings("ignore")

# Field: (then, now); a field that the older dimension universe lacks has no "then".
INSTRUMENT_DIFFERENCES: dict[str, dict[str, tuple[Any, Any]]] = {
    IMSIM.instrument: {"visit_system": (None, 0)},
    LATISS.instrument: {
        "visit_max": (6050123199999, 7050123199999),
        "exposure_max": (6050123199999, 7050123199999),
        "detector_max": (0, 1),
        "visit_system": (None, 2),
    },
}

EXPOSURE_DIFFERENCES: dict[str, dict[str, tuple[Any, Any]]] = {
    IMSIM.instrument: {
        "day_obs": (20221004, 20221005),
        "group": (None, "204595"),
        "group_name": ("204595", None),
        "group_id": (204595, None),
        "seq_start": (None, 204595),
        "seq_end": (None, 204595),
        "has_simulated": (None, True),
        "can_see_sky": (None, True),
    },
    LATISS.instrument: {
        "group": (None, "3018092000065"),
        "group_name": ("3018092000065", None),
        "group_id": (3018092000065, None),
        "seq_start": (None, 65),
        "seq_end": (None, 65),
        "has_simulated": (None, False),
    },
}

# Azimuth is new too, and computed: the place of the Earth's pole is not the same in all tables.
AZIMUTH = {IMSIM.instrument: 93.7449, LATISS.instrument: None}

TOLERANCE = {"zenith_angle": 1e-3}

NEW_LATISS_ELEMENTS = {
    "blue300lpmm_qn1",
    "collimator",
    "cyl_lens",
    "holo4_001",
    *(f"{name}_65mm_{n}" for name in ("BG40", "OG550") for n in (1, 2)),
    *(f"SDSS{band}_65mm" for band in "ugrizy"),
    *(
        f"pinhole_{p}_{size}"
        for p in ("1", "2_1", "2_2", "2_3", "2_4")
        for size in ("0100", "0200", "0500", "1000")
    ),
}


def differences(theirs: dict[str, Any], ours: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """All fields that differ, floats compared to a tolerance."""
    found = {}
    for field in sorted(set(theirs) | set(ours)):
        then, now = theirs.get(field), ours.get(field)
        if isinstance(then, float) and isinstance(now, float):
            if abs(then - now) <= TOLERANCE.get(field, 1e-9):
                continue
        elif type(then) is type(now) and then == now:
            continue
        if then is None and now is None:
            continue
        found[field] = (then, now)
    return found


def test_differences_sees_a_difference():
    assert differences({"a": 1.0, "b": 2}, {"a": 1.0 + 2e-9, "b": 3}) == {"a": (1.0, 1.0 + 2e-9), "b": (2, 3)}
    assert differences({"a": None, "zenith_angle": 1.0}, {"zenith_angle": 1.0009}) == {}
    assert differences({"a": 1}, {"a": 1.0}) == {"a": (1, 1.0)}


def test_instrument(golden: Golden):
    name = golden.case.instrument
    (theirs,) = records(golden.theirs, "instrument", name, "name").values()
    (ours,) = records(golden.ours, "instrument", name, "name").values()
    assert differences(theirs, ours) == INSTRUMENT_DIFFERENCES[name]
    expected = {"LSSTCam-imSim": "lsst.obs.lsst.LsstCamImSim", "LATISS": "lsst.obs.lsst.Latiss"}
    assert ours["class_name"] == expected[name]


def test_detectors(golden: Golden):
    name = golden.case.instrument
    ours = records(golden.ours, "detector", name, "id")
    assert len(ours) == {"LSSTCam-imSim": 189, "LATISS": 1}[name]
    assert ours == records(golden.theirs, "detector", name, "id")


def test_filters(golden: Golden):
    name = golden.case.instrument
    ours = records(golden.ours, "physical_filter", name, "name")
    theirs = records(golden.theirs, "physical_filter", name, "name")
    assert (len(theirs), len(ours)) == {"LSSTCam-imSim": (6, 12), "LATISS": (79, 707)}[name]
    assert {key: ours[key] for key in theirs} == theirs
    new = set(ours) - set(theirs)
    if name == "LSSTCam-imSim":
        assert {(key, ours[key]["band"]) for key in new} == {(band, band) for band in "ugrizy"}
    else:
        assert len(new) == 628
        # Every new filter has an element in one of the two wheels that was not there in 2022.
        assert all(set(key.split("~")) & NEW_LATISS_ELEMENTS for key in new)
        elements = {element for key in ours for element in key.split("~")}
        assert elements - {e for key in theirs for e in key.split("~")} == NEW_LATISS_ELEMENTS


def test_exposure(golden: Golden):
    name = golden.case.instrument
    (theirs,) = records(golden.theirs, "exposure", name, "id").values()
    (ours,) = records(golden.ours, "exposure", name, "id").values()
    azimuth = ours.pop("azimuth")
    assert "azimuth" not in theirs
    assert azimuth == (None if AZIMUTH[name] is None else pytest.approx(AZIMUTH[name], abs=1e-2))
    spans = [record.pop("timespan").nsec for record in (theirs, ours)]
    assert spans[0] == spans[1]
    assert differences(theirs, ours) == EXPOSURE_DIFFERENCES[name]


def test_exposure_values(golden: Golden):
    """The same record against literals, so that both sides cannot be wrong together."""
    (ours,) = records(golden.ours, "exposure", golden.case.instrument, "id").values()
    if golden.case is IMSIM:
        assert ours["timespan"].nsec == (1664952806356800115, 1664952836357000000)
        expected = {
            "id": 204595,
            "physical_filter": "i_sim_1.4",
            "obs_id": "204595",
            "exposure_time": 30.0,
            "dark_time": 30.0,
            "observation_type": "science",
            "observation_reason": "imsim",
            "seq_num": 0,
            "target_name": "UNKNOWN",
            "science_program": "204595",
        }
        angles = (55.67759885870274, -30.4423935708909, 254.3754869220274)
    else:
        assert ours["timespan"].nsec == (1537510338209997118, 1537510365209997118)
        expected = {
            "id": 3018092000065,
            "day_obs": 20180920,
            "physical_filter": "unknown~unknown",
            "obs_id": "AT_C_20180920_000065",
            "exposure_time": 27.0,
            "dark_time": 27.0,
            "observation_type": "unknown",
            "observation_reason": "unknown",
            "seq_num": 65,
            "target_name": "UNKNOWN",
            "science_program": "unknown",
            "zenith_angle": None,
            "can_see_sky": None,
        }
        angles = (None, None, None)
    assert {field: ours[field] for field in expected} == expected
    for field, value in zip(("tracking_ra", "tracking_dec", "sky_angle"), angles, strict=True):
        assert ours[field] == (None if value is None else pytest.approx(value, abs=1e-9)), field


def test_group_and_day_records_are_new(golden: Golden):
    """The dimensions that took over from group_name and from a bare day_obs."""
    name = golden.case.instrument
    assert not {"group", "day_obs"} & set(golden.theirs.dimensions.elements.names)
    (group,) = records(golden.ours, "group", name, "name")
    ((day, record),) = records(golden.ours, "day_obs", name, "id").items()
    if golden.case is IMSIM:
        # 2022-10-05T00:00 TAI, with no offset.
        assert (group, day) == ("204595", 20221005)
        assert record["timespan"].nsec == (1664928000 * 10**9, 1665014400 * 10**9)
    else:
        # 2018-09-20T12:00 TAI: the day begins at noon.
        assert (group, day) == ("3018092000065", 20180920)
        assert record["timespan"].nsec == (1537444800 * 10**9, 1537531200 * 10**9)
