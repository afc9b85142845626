"""Raws that are no longer what was converted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from converter.convert import convert
from converter.recipe import Recipe

from .world import World, good, longer, make_world, nothing, replaced

CHAIN = ("HSC/raw/all.1", "HSC/raw/all", "HSC/calib")


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = make_world(tmp_path)
    good(made.convert())
    return made


def chain(world: World) -> tuple[str, ...]:
    return tuple(world.butler.collections.get_info("HSC/defaults").children)


def test_a_changed_raw(world: World) -> None:
    path = world.raw(9040)
    old = path.read_bytes()
    before = world.state()
    longer(path)
    status, result = world.run_json()
    assert (status, result["written"]) == (3, {})
    (conflict,) = result["conflicts"]
    assert conflict.startswith(f"raw exposure=9040: {path} changed since it was converted: it has ")
    assert world.state() == before
    status, result = world.run_json("--supersede")
    assert (status, result["written"], result["header_reads"]) == (0, {"raw": 1}, 1)
    (decision,) = [d for d in result["decisions"] if d["rule"] == "new-version"]
    assert decision["item"] == "raw exposure 9040 detector 49"
    assert (decision["before"], decision["after"]) == ("HSC/raw/all", "HSC/raw/all.1")
    assert chain(world) == CHAIN
    # The new one is found first, the old one can still be read.
    assert world.content("raw", "HSC/defaults", exposure=9040, detector=49) == path.read_bytes() != old
    assert world.content("raw", "HSC/raw/all", exposure=9040, detector=49) == old
    assert world.runs("raw", exposure=9040) == ["all", "all", "all.1"]
    nothing(world.convert())
    nothing(world.convert(supersede=True))
    longer(path)
    good(world.convert(supersede=True))
    assert chain(world) == ("HSC/raw/all.2", *CHAIN)
    assert world.runs("raw", exposure=9040, detector=49) == ["all", "all.1", "all.2"]
    nothing(world.convert())


def test_without_the_ledger(world: World) -> None:
    longer(world.raw(9040))
    world.ledger.unlink()
    assert world.convert().exit_status == 3
    good(world.convert(supersede=True))
    world.ledger.unlink()
    nothing_new = good(world.convert())
    assert nothing_new.plan.is_empty and chain(world) == CHAIN


def test_a_header_that_says_otherwise_than_the_record_is_told(world: World) -> None:
    path = world.raw(9040)
    record = {"exposure": 9040}
    butler = world.butler
    (before,) = butler.query_dimension_records("exposure", data_id=record)
    replaced(path, _later)
    outcome = good(world.convert(supersede=True))
    (decision,) = [d for d in outcome.plan.decisions if d.rule == "exposure-record"]
    assert decision.item == "exposure 9040"
    assert decision.before != decision.after
    (after,) = world.butler.query_dimension_records("exposure", data_id=record)
    assert after.timespan == before.timespan


def _later(content: bytes) -> bytes:
    cards = [content[i : i + 80] for i in range(0, len(content), 80)]
    changed = [
        b"EXPTIME =                 77.0".ljust(80) if card.startswith(b"EXPTIME ") else card
        for card in cards
    ]
    assert changed != cards
    return b"".join(changed)


def test_a_raw_of_another_exposure_is_a_reject(world: World) -> None:
    path, other = world.raw(9040), world.raw(9042)
    before = world.state()
    replaced(path, lambda old: other.read_bytes())
    outcome = world.convert(supersede=True)
    assert outcome.exit_status == 1
    (reject,) = outcome.plan.rejects
    assert reject.path == str(path) and "the header says exposure 9042" in reject.reason
    assert not [d for d in outcome.plan.decisions if d.rule == "new-version"]
    assert world.state() == before


def test_a_raw_that_was_rejected_is_read_again(tmp_path: Path) -> None:
    """Its exposure is in the repository, from the header of another detector; what is wrong with it still is."""
    world = make_world(tmp_path)
    path, right = world.raw(9040), world.raw(9040).read_bytes()
    path.write_bytes(world.raw(9042).read_bytes())
    for written in ({"raw": 3}, {}, {}):
        outcome = world.convert()
        (reject,) = outcome.plan.rejects
        assert reject.path == str(path) and "the header says exposure 9042" in reject.reason
        assert outcome.plan.written["raw"] == written.get("raw", 0)
        assert world.runs("raw", exposure=9040, detector=49) == []
        assert world.runs("raw", exposure=9040, detector=50) == ["all"]
    # Nor is it taken when another file of the exposure comes, or the ledger is gone.
    world.ledger.unlink()
    assert world.convert().plan.rejects == [reject]
    assert world.runs("raw", exposure=9040, detector=49) == []

    path.write_bytes(right)
    outcome = good(world.convert())
    assert outcome.plan.written == {"raw": 1}
    assert world.content("raw", "HSC/defaults", exposure=9040, detector=49) == right
    nothing(world.convert())


class Interrupted(Exception):
    pass


def test_interrupted_before_the_chain_is_extended(world: World) -> None:
    longer(world.raw(9040))
    longer(world.bias("2014-10-02"))
    before = world.ranges()

    def progress(steps: Iterable[Any], what: str, total: int) -> Iterator[Any]:
        for number, step in enumerate(steps):
            if what == "batches" and number == total - 1:
                raise Interrupted
            yield step

    recipe = Recipe(str(world.root), supersede=True)
    with pytest.raises(Interrupted):
        convert(recipe, str(world.target), progress=progress)
    # What is certified and found is the old version, whole.
    assert world.ranges() == before
    assert world.runs("raw", exposure=9040, detector=49) == ["all", "all.1"]
    assert chain(world) == CHAIN[1:]
    good(world.convert(supersede=True))
    assert chain(world) == CHAIN
    assert {run for name, run, *_ in world.ranges() - before if name == "bias"} == {"20141002T000000Z.1"}
    nothing(world.convert())
