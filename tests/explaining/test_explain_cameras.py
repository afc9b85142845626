"""Masters of an afternoon, and masks that go by the serial numbers of chips that were exchanged."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlite_utils
from astropy.io import fits
from lsst.daf.butler import Butler

from adapters.decam import DECam
from adapters.instrument import DetectorSerial
from adapters.megaprime import MegaPrime
from converter.convert import convert
from converter.explain import explain
from converter.overlaps import RangeRule
from converter.question import Question
from converter.recipe import Recipe
from fixtures.decam import DecamSpec, make_decam
from fixtures.megaprime import MegaSpec, MegaVisit, make_megaprime
from fixtures.megaprime_defects import SERIALS, SMALL_MASKS

from .conftest import Run, RunJson

NOON = "2007-06-15T12:00:00"
DATES = ("2015-02-17", "2015-02-18", "2015-02-19")


@pytest.fixture(scope="module")
def afternoons(tmp_path_factory):
    """DECam with ranges from one afternoon's masters to the next one's."""
    place = tmp_path_factory.mktemp("decam")
    made = make_decam(place / "gen2", DecamSpec(nights=DATES, ccds=(1, 25)))
    rule = dict.fromkeys(("cpBias", "cpFlat"), RangeRule("previous-afternoon"))
    recipe = Recipe(str(made.root), calib=(str(made.calib),), transfer="direct", ranges=rule)
    outcome = convert(recipe, str(place / "gen3"))
    assert not outcome.stopped and outcome.failure is None
    return place / "gen3", outcome.verification


def test_previous_afternoon(afternoons, run_json: RunJson):
    target, verification = afternoons
    ledger = target / "gen2to3.sqlite3"
    outcomes: dict[str, int] = {}
    with Butler.from_config(str(target), writeable=False) as butler:
        records = list(butler.query_dimension_records("exposure", instrument="DECam"))
        for record in records:
            for detector in (1, 25):
                said = explain(str(target), Question("cpFlat", detector, record.id), ledger)
                ref = butler.find_dataset(
                    "cpFlat",
                    instrument="DECam",
                    detector=detector,
                    physical_filter=record.physical_filter,
                    collections="DECam/calib",
                    timespan=record.timespan,
                )
                assert said.choice is not None and said.choice.dataset_id == str(ref.id)
                outcomes[said.outcome] = outcomes.get(said.outcome, 0) + 1
                if said.outcome == "explained":
                    assert said.why.startswith("previous-afternoon: ")
                    assert "previous-afternoon" in {d.rule for d in said.decisions}
    assert outcomes == dict(verification.by_type["cpFlat"])
    assert outcomes["explained"] > 0 and "disagree" not in outcomes


def test_ready_only_with_linearizers(afternoons, run_json: RunJson, run: Run):
    target, verification = afternoons
    assert verification.as_dict()["ready_for_isr"] == {"ready": False, "missing": ["camera", "linearizer"]}
    status, said = run_json("verify", target)
    assert (status, said["ready_for_isr"]["missing"]) == (0, ["camera", "linearizer"])
    result = run("verify", target)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "Not ready for ISR: camera, linearizer missing."
    assert DECam().needed_for_isr == ("camera", "linearizer")


@pytest.fixture
def swapped(declare, tmp_path) -> Path:
    """MegaPrime whose chips of detectors 5 and 6 were exchanged."""
    kept = tuple(s for s in MegaPrime().instrument.serials if s.detector not in (5, 6))
    moved = (
        *(DetectorSerial(SERIALS[d], d, end=NOON) for d in (5, 6)),
        *(DetectorSerial(SERIALS[11 - d], d, begin=NOON) for d in (5, 6)),
    )
    declare(MegaPrime, serials=(*kept, *moved))
    visits = (
        MegaVisit(900003, "2007-05-10T12:00:00.00", "g"),
        MegaVisit(900011, "2007-06-20T12:00:00.00", "g"),
    )
    made = make_megaprime(tmp_path / "gen2", MegaSpec((), visits, masks=SMALL_MASKS[1:2]))
    recipe = Recipe(str(made.root), camera="megaprime", calib=(str(made.calib),))
    outcome = convert(recipe, str(tmp_path / "gen3"))
    assert not outcome.stopped and outcome.failure is None
    return tmp_path / "gen3"


def test_a_swap_is_visible(swapped, run, run_json):
    rows = sqlite_utils.Database(swapped / "gen2to3.sqlite3")["detector_serials"].rows_where("detector = 5")
    assert [(r["serial"], r["begin_utc"], r["end_utc"]) for r in rows] == [
        (SERIALS[5], "", NOON),
        (SERIALS[6], NOON, ""),
    ]
    for exposure, detector, serial in (
        (900003, 5, SERIALS[5]),
        (900003, 6, SERIALS[6]),
        (900011, 5, SERIALS[6]),
        (900011, 6, SERIALS[5]),
        (900011, 7, SERIALS[7]),
    ):
        _, said = run_json("explain", swapped, "defects", "--detector", detector, "--exposure", exposure)
        assert said["serial"] == serial
        assert len(said["serials"]) == (1 if detector == 7 else 2)
        assert fits.getval(said["choice"]["file"], "SERIAL") == serial
        assert said["gen2"]["file"].endswith(f"2007A.mask/{serial}.fits")
        assert said["outcome"] == "agree"
    text = run("explain", swapped, "defects", "--detector", 5, "--exposure", 900011).stdout
    assert f"Chip at detector 5: {SERIALS[6]}.\n" in text
    assert f"  {SERIALS[5]}: from the beginning until {NOON} (UTC)\n" in text
    assert f"  {SERIALS[6]}: from {NOON} until now (UTC)\n" in text
    assert "decision  serial-mounted: " in text
    assert (
        f"Chip at detector 7: {SERIALS[7]}, always the same."
        in run("explain", swapped, "defects", "--detector", 7, "--exposure", 900011).stdout
    )


def test_without_a_ledger_the_camera_tells_the_chips(swapped, run_json, tmp_path):
    call = ("explain", swapped, "defects", "--detector", 5, "--ledger", tmp_path / "none")
    for time, serial in (("2007-06-15T11:59:59", SERIALS[5]), (NOON, SERIALS[6])):
        _, said = run_json(*call, "--time", time)
        assert said["serial"] == serial
    # The exchange is a time in UTC; in TAI it is 33 s later.
    _, said = run_json(*call, "--time", "2007-06-15T12:00:32", "--scale", "tai")
    assert said["serial"] == SERIALS[5]
