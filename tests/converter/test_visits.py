"""Visits: grouping, what the target has already, and the command line; read back with the Butler."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from lsst.daf.butler import Butler

from adapters.registry import get_camera
from converter.cli import main
from converter.nouns import ExposureRecord, UsageError
from converter.operations import InsertExposures
from converter.planning.instrument import plan_instrument
from converter.planning.visits import plan_visits
from converter.target import TargetState
from converter.timespans import DAY, SECOND
from converter.writers import execute
from fixtures.hsc import HscSpec, make_hsc

BY_COUNTER = "one-to-one-and-by-counter"
CAMERA = get_camera("latiss")
T = 19_000 * DAY


def exposure(seq: int, start: int | None = None, end: int | None = None, **fields: Any) -> ExposureRecord:
    number = 2022010800000 + seq
    record = {
        "id": number,
        "obs_id": f"AT_O_20220108_{seq:06d}",
        "day_obs": 20220108,
        "group": str(number),
        "physical_filter": "SDSSr~empty",
        "exposure_time": 30.0,
        "observation_type": "science",
        "observation_reason": "science",
        "seq_num": seq,
        "seq_start": seq if start is None else start,
        "seq_end": seq if end is None else end,
        "target_name": "HD 1",
        "science_program": "test",
        "tracking_ra": 10.0 + seq,
        "tracking_dec": -30.0,
        "sky_angle": 20.0,
        "azimuth": 350.0,
        "zenith_angle": 20.0,
    }
    record.update(fields)
    return ExposureRecord(record, T + seq * 100 * SECOND, T + (seq * 100 + 30) * SECOND)


@pytest.fixture
def target(tmp_path):
    root = tmp_path / "repo"
    Butler.makeRepo(root)
    instrument, _, _ = plan_instrument(CAMERA.instrument, TargetState(), update=False)
    with Butler.from_config(root, writeable=True) as butler:
        execute(butler, [instrument], "direct")
        yield butler


def insert(butler, *records):
    execute(butler, [InsertExposures("LATISS", tuple(records))], "direct")
    return [r.exposure["id"] for r in records]


def define(butler, *records, grouping=""):
    """Plan for new exposures, and write both."""
    ids = [r.exposure["id"] for r in records]
    plan = plan_visits(CAMERA, butler, ids, records, grouping)
    assert plan.conflicts == []
    execute(butler, [InsertExposures("LATISS", records), *plan.operations], "direct")
    return plan


def visits(butler) -> dict[int, dict[str, Any]]:
    found = butler.query_dimension_records("visit", instrument="LATISS", explain=False)
    return {record.id: record.toDict() for record in found}


def links(butler, element, field) -> set[tuple[int, int]]:
    found = butler.query_dimension_records(element, instrument="LATISS", explain=False)
    return {(r.visit, getattr(r, field)) for r in found}


def test_one_to_one_is_the_default(target):
    define(target, exposure(1, 1, 2), exposure(2, 1, 2))
    assert links(target, "visit_definition", "exposure") == {
        (2022010800001, 2022010800001),
        (2022010800002, 2022010800002),
    }
    assert {system for _, system in links(target, "visit_system_membership", "visit_system")} == {0}
    (system,) = target.query_dimension_records("visit_system", instrument="LATISS")
    assert (system.id, system.name) == (0, "one-to-one")
    record = visits(target)[2022010800002]
    assert record.pop("region") is not None
    assert record.pop("timespan").nsec == (T + 200 * SECOND, T + 230 * SECOND)
    assert record == {
        "instrument": "LATISS",
        "id": 2022010800002,
        "day_obs": 20220108,
        "physical_filter": "SDSSr~empty",
        "name": "AT_O_20220108_000002",
        "seq_num": 2,
        "exposure_time": 30.0,
        "target_name": "HD 1",
        "observation_reason": "science",
        "science_program": "test",
        "azimuth": 350.0,
        "zenith_angle": 20.0,
    }


def test_by_counter(target):
    first = exposure(1, 1, 2)
    second = exposure(
        2, 1, 2, azimuth=20.0, zenith_angle=30.0, observation_reason="focus", target_name="HD 2"
    )
    plan = define(target, first, second, exposure(3), grouping=BY_COUNTER)
    assert plan.counts == {"written": 4, "existing": 0, "skipped": 0}
    one, two, three = 2022010800001, 2022010800002, 2022010800003
    alone = 92022010800001
    assert links(target, "visit_definition", "exposure") == {
        (one, one),
        (one, two),
        (alone, one),
        (two, two),
        (three, three),
    }
    assert links(target, "visit_system_membership", "visit_system") == {
        (one, 2),
        (alone, 0),
        (two, 0),
        (three, 0),
        (three, 2),
    }
    found = visits(target)
    assert found[alone]["name"] == "AT_O_20220108_000001_first"
    assert found[one]["name"] == "AT_O_20220108_000001"
    assert found[one]["timespan"].nsec == (T + 100 * SECOND, T + 230 * SECOND)
    assert found[one]["azimuth"] == pytest.approx(5.0)
    combined = {"exposure_time": 60.0, "zenith_angle": 25.0, "seq_num": 1, "target_name": None}
    combined |= {"observation_reason": "various", "science_program": "test"}
    assert {field: found[one][field] for field in combined} == combined
    # The region is that of the first exposure.
    assert found[one]["region"] == found[alone]["region"] != found[two]["region"]
    names = {r.id: r.name for r in target.query_dimension_records("visit_system", instrument="LATISS")}
    assert names == {0: "one-to-one", 2: "by-seq-start-end"}


@pytest.mark.parametrize(
    "members",
    [
        (exposure(2, 1, 3), exposure(3, 1, 3)),
        (exposure(2, 2, 3), exposure(3, 2, 3, physical_filter="SDSSg~empty")),
    ],
    ids=["the first is missing", "two filters"],
)
def test_no_visit_of_several(target, members):
    define(target, *members, grouping=BY_COUNTER)
    assert set(visits(target)) == {2022010800002, 2022010800003}
    assert {system for _, system in links(target, "visit_system_membership", "visit_system")} == {0}


def test_what_has_no_pointing_is_skipped(target):
    plan = define(
        target,
        exposure(1, tracking_ra=None),
        exposure(2, sky_angle=None),
        exposure(3, can_see_sky=False),
        exposure(4, can_see_sky=None),
        exposure(5, observation_type="bias"),
    )
    assert set(visits(target)) == {2022010800004, 2022010800005}
    assert plan.counts == {"written": 2, "existing": 0, "skipped": 3}
    pointing = "no visit: tracking_ra, tracking_dec or sky_angle is not known"
    assert [(s.item, s.reason) for s in plan.skips] == [
        ("exposure 2022010800001", pointing),
        ("exposure 2022010800002", pointing),
        ("exposure 2022010800003", "no visit: the exposure does not see the sky (can_see_sky is false)"),
    ]


def test_existing_visits_are_left_alone(target):
    ids = insert(target, exposure(1), exposure(2))
    first = plan_visits(CAMERA, target, ids, [])
    execute(target, first.operations, "direct")
    more = exposure(3)
    plan = plan_visits(CAMERA, target, [*ids, more.exposure["id"]], [more])
    assert plan.counts == {"written": 1, "existing": 2, "skipped": 0}
    assert [v.record["id"] for o in plan.operations for v in o.visits] == [2022010800003]


def test_exposures_of_others_get_no_visit(target):
    insert(target, exposure(1))
    define(target, exposure(2))
    assert set(visits(target)) == {2022010800002}


def test_an_exposure_of_the_target_completes_a_visit(target):
    insert(target, exposure(1, 1, 2))
    define(target, exposure(2, 1, 2), grouping=BY_COUNTER)
    assert (2022010800001, 2022010800001) in links(target, "visit_definition", "exposure")
    assert (2022010800001, 2) in links(target, "visit_system_membership", "visit_system")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"target_name": "other"}, "target_name is 'other' in the repository, 'HD 1' expected"),
        ({"tracking_ra": 11.001}, "region is not the one that follows from the camera's geometry"),
    ],
)
def test_a_differing_visit_is_a_conflict(target, change, said):
    """The visit is made of another record of the exposure than the repository has."""
    ids = insert(target, exposure(1))
    execute(target, plan_visits(CAMERA, None, ids, [exposure(1, **change)]).operations, "direct")
    plan = plan_visits(CAMERA, target, ids, [])
    assert plan.conflicts == [f"visit 2022010800001: {said}; give --no-visits to leave visits alone"]
    assert plan.operations == []


def test_another_grouping_is_a_conflict(target):
    define(target, exposure(1))
    (line,) = plan_visits(CAMERA, target, [2022010800001], [], BY_COUNTER).conflicts
    assert "visit systems is [0] in the repository, [0, 2] expected" in line


def test_a_name_that_is_taken_is_a_conflict(target):
    define(target, exposure(1))
    (line,) = plan_visits(
        CAMERA, target, [2022010800009], [exposure(9, obs_id="AT_O_20220108_000001")]
    ).conflicts
    assert "visit 2022010800009: the name 'AT_O_20220108_000001' is that of visit 2022010800001" in line


def test_a_grouping_that_the_camera_lacks():
    with pytest.raises(UsageError, match="none of those of hsc: one-to-one"):
        plan_visits(get_camera("hsc"), None, [1], [], BY_COUNTER)


def run(*words: object) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(main, [*map(str, words), "--json"], prog_name="gen2to3")
    return result.exit_code, json.loads(result.stdout)


def test_command_line(tmp_path: Path):
    gen2 = make_hsc(tmp_path / "gen2", HscSpec(nights=("2014-10-01",))).root
    repo = tmp_path / "repo"
    status, first = run("convert", gen2, repo, "--no-visits", "--no-verify")
    assert status == 0
    assert "visits" not in first
    with Butler.from_config(repo, writeable=False) as butler:
        exposures = butler.query_dimension_records("exposure", instrument="HSC")
        assert butler.query_dimension_records("visit", instrument="HSC", explain=False) == []
    pointed = {e.id for e in exposures if e.tracking_ra is not None}
    _, second = run("convert", gen2, repo, "--no-verify")
    assert second["visits"] == {
        "written": len(pointed),
        "existing": 0,
        "skipped": len(exposures) - len(pointed),
    }
    assert second["written"] == {}
    with Butler.from_config(repo, writeable=False) as butler:
        assert {v.id for v in butler.query_dimension_records("visit", instrument="HSC")} == pointed
        regions = butler.query_dimension_records("visit_detector_region", instrument="HSC", limit=None)
        assert len(regions) == 112 * len(pointed) > 0
    _, third = run("convert", gen2, repo, "--no-verify")
    assert (third["conversion"], third["operations"]) == (None, 0)
    assert third["visits"]["existing"] == len(pointed)
    wrong = CliRunner().invoke(main, ["plan", str(gen2), str(repo), "--visit-grouping", BY_COUNTER])
    assert wrong.exit_code == 2
    assert "none of those of hsc: one-to-one" in wrong.output
