"""Validity ranges that are no longer what was certified, and rows that vanished."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from astropy.time import Time
from lsst.daf.butler import Butler, DatasetRef, FileDataset, Timespan

from converter.formatters import formatter_class

from .world import SPEC, World, become, good, longer, make_world, nothing

GONE = "no longer in the source; kept in the repository"


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = make_world(tmp_path)
    good(made.convert())
    return made


def fresh(world: World) -> set[Any]:
    """What a conversion of the source as it is now certifies."""
    other = World(world.root, world.calib, world.root.parent / "fresh")
    good(other.convert())
    return other.ranges()


def vanished(outcome: Any) -> list[str]:
    return [s.item for s in outcome.plan.skips if s.reason == GONE]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE dark SET validEnd = '2014-10-10'",
        "UPDATE dark SET validEnd = '2015-12-31'",
        "UPDATE bias SET validEnd = '2014-10-02' WHERE calibDate = '2014-09-30'",
    ],
    ids=["shorter", "longer", "one"],
)
def test_a_changed_range(world: World, statement: str) -> None:
    if "bias" in statement:
        world.sql("UPDATE bias SET validStart = '2014-10-03' WHERE calibDate = '2014-10-02'")
    world.sql(statement)
    before = world.state()
    status, printed = world.run("--quiet")
    assert status == 3 and "detectors 49..50 (×2)" in printed and "change it with --supersede" in printed
    stopped = world.convert()
    assert len(stopped.plan.conflicts) >= len(SPEC.detectors)
    assert world.state() == before
    outcome = good(world.convert(supersede=True))
    assert not outcome.plan.written
    told = [d for d in outcome.plan.decisions if d.rule == "superseded"]
    assert told and all(d.before != d.after and "[2014-" in d.before for d in told)
    assert world.ranges() == fresh(world)
    # No dataset was made or lost.
    assert world.state()[0] == before[0]
    nothing(world.convert())


def test_a_new_master_in_between_moves_the_boundary(world: World) -> None:
    become(
        world,
        replace(SPEC, bias=("2014-09-30", "2014-10-01", "2014-10-02"), nights=(*SPEC.nights, "2014-10-05")),
    )
    assert world.convert().exit_status == 3
    outcome = good(world.convert(supersede=True))
    assert outcome.plan.written == {"bias": 2, "raw": 2}
    assert outcome.plan.header_reads == 1
    assert world.ranges() == fresh(world)
    nothing(world.convert())


def test_without_the_ledger(world: World) -> None:
    world.ledger.unlink()
    nothing_to_do = good(world.convert())
    assert nothing_to_do.plan.is_empty and nothing_to_do.plan.header_reads == 0
    world.ledger.unlink()
    longer(world.bias("2014-10-02"))
    world.sql("UPDATE dark SET validEnd = '2014-10-10'")
    stopped = world.convert()
    assert stopped.exit_status == 3
    assert any("bytes, the repository" in c for c in stopped.plan.conflicts)
    good(world.convert(supersede=True))
    assert {run for _, run, *_ in world.ranges()} == {
        "20140930T000000Z",
        "20141002T000000Z",
        "20141002T000000Z.1",
        "20140901T000000Z",
        "20140928T000000Z",
    }
    nothing(world.convert())


def test_what_vanished_is_told_and_kept(world: World) -> None:
    longer(world.bias("2014-10-02"))
    good(world.convert(supersede=True))
    before = world.state()
    become(world, replace(SPEC, bias=("2014-09-30",), dark=(), nights=SPEC.nights[:1]))
    world.sql("UPDATE bias SET validEnd = '2014-10-01'")
    outcome = world.convert()
    assert outcome.plan.is_empty and not outcome.plan.rejects
    assert vanished(outcome) == [
        "bias HSC/calib/gen2/20141002T000000Z (×2)",
        "dark HSC/calib/gen2/20140901T000000Z (×2)",
        "raw HSC/raw/all exposure=9042 (×2)",
    ]
    assert world.state() == before
    # A part of the source says nothing of what it leaves out, nor does another label.
    for choice in (
        {"types": ("bias", "raw")},
        {"detectors": (49,)},
        {"exclude": ("x",)},
        {"visits": (9040,)},
    ):
        assert vanished(world.convert(**choice)) == []
    assert vanished(world.convert(label="other")) == ["raw HSC/raw/all exposure=9042 (×2)"]


def test_a_file_whose_row_is_there_is_a_reject_only(world: World) -> None:
    before = world.state()
    world.bias("2014-10-02").unlink()
    world.raw(9042).unlink()
    outcome = world.convert()
    assert len(outcome.plan.rejects) == 2 and vanished(outcome) == []
    assert world.state() == before


def test_a_row_that_vanished_while_its_file_stays_keeps_its_range(world: World) -> None:
    before = world.state()
    world.sql("DELETE FROM dark")
    outcome = world.convert(supersede=True)
    assert outcome.plan.is_empty and vanished(outcome) == []
    assert any("no row in table dark" in s.reason for s in outcome.plan.skips)
    assert world.state() == before


def test_ranges_of_others_are_never_taken_off(world: World, tmp_path: Path) -> None:
    path = tmp_path / "other.fits"
    path.write_bytes(world.bias("2014-10-02").read_bytes())
    writer = Butler.from_config(str(world.target), writeable=True, run="u/somebody/bias")
    bias = writer.get_dataset_type("bias")
    data_id = writer.registry.expandDataId(instrument="HSC", detector=49)
    ref = DatasetRef(bias, data_id, run="u/somebody/bias")
    formatter = formatter_class("lsst.obs.base.formatters.fitsExposure.FitsImageFormatter")
    writer.ingest(FileDataset(str(path), [ref], formatter=formatter), transfer="copy")
    free = Timespan(Time("2016-01-01", scale="tai"), Time("2016-02-01", scale="tai"))
    writer.registry.certify("HSC/calib/gen2", [ref], free)
    by_hand = ("bias", "bias", (("detector", 49),), free)
    world.sql("UPDATE bias SET validEnd = '2015-06-01' WHERE calibDate = '2014-10-02'")
    good(world.convert(supersede=True))
    assert world.ranges() - {by_hand} == fresh(world) and by_hand in world.ranges()
    nothing(world.convert(supersede=True))
    # In its way, it stops everything and stays.
    world.sql("UPDATE bias SET validEnd = '2016-01-15' WHERE calibDate = '2014-10-02'")
    before = world.state()
    stopped = world.convert(supersede=True)
    assert stopped.exit_status == 3
    (conflict,) = stopped.plan.conflicts
    assert "conflicts in HSC/calib/gen2 with u/somebody/bias" in conflict and "detector=49" in conflict
    assert world.state() == before
