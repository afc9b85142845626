"""Any change of a small source: superseding gives the ranges that a fresh conversion gives."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from converter.convert import convert
from converter.planning.conversion import make_plan
from converter.recipe import Recipe
from fixtures.hsc import HscSpec

from .world import SPEC, World, become, good, longer, make_world, same_size

DAYS = tuple(f"2014-10-{day:02d}" for day in (1, 3, 5, 7))
SMALL = replace(SPEC, detectors=(49,), flat=())
EXAMPLES = int(os.environ.get("GEN2TO3_EXAMPLES", "3"))


@st.composite
def specs(draw: st.DrawFn) -> HscSpec:
    """Sources that differ in their masters, ranges and exposures."""
    bias = tuple(sorted(draw(st.sets(st.sampled_from(DAYS), min_size=1, max_size=3))))
    dark = tuple(sorted(draw(st.sets(st.sampled_from(DAYS), max_size=2))))
    # From the first night on, so that an exposure number always means the same exposure.
    nights = DAYS[: draw(st.integers(1, 3))]
    days = draw(st.sampled_from((20, 90)))
    return replace(
        SMALL, bias=bias, dark=dark, nights=nights, validity_days=days, straddling=True, dialects={}
    )


def first_versions(ranges: set[Any]) -> set[Any]:
    return {(name, run.partition(".")[0], data_id, span) for name, run, data_id, span in ranges}


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    phases=(Phase.generate,),
)
@given(
    before=specs(),
    steps=st.lists(
        st.tuples(specs(), st.sets(st.integers(0, 2), max_size=2), st.booleans()), min_size=1, max_size=2
    ),
    ledger=st.booleans(),
)
def test_superseding_is_converting_afresh(before: HscSpec, steps: list[Any], ledger: bool) -> None:
    directory = Path(tempfile.mkdtemp())
    try:
        world = make_world(directory, before)
        good(world.convert())
        for number, (spec, changed, size) in enumerate(steps):
            had = world.ranges()
            become(world, spec)
            masters = sorted(world.calib.rglob("*.fits"))
            for index in changed:
                if index < len(masters):
                    (longer if size else same_size)(masters[index])
            if not ledger:
                world.ledger.unlink(missing_ok=True)
            new = World(world.root, world.calib, directory / f"fresh{number}")
            converted = convert(Recipe(str(new.root)), str(new.target), with_verify=False)
            assert converted.exit_status == 0
            wanted = new.ranges()
            gone = {(name, run) for name, run, *_ in first_versions(had)} - {
                (name, run) for name, run, *_ in wanted
            }
            kept = {row for row in had if (row[0], row[1].partition(".")[0]) in gone}
            outcome = world.convert(supersede=True)
            if outcome.exit_status == 3:
                # Only what vanished can be in the way: it is never taken off.
                assert any(
                    old[0] == row[0] and old[2] == row[2] and old[3].overlaps(row[3])
                    for old in kept
                    for row in wanted
                ), outcome.plan.conflicts
                assert world.ranges() == had
                return
            assert outcome.exit_status == 0, outcome.verification
            found = first_versions(world.ranges() - kept)
            assert found == first_versions(wanted), outcome.plan.decisions
            again = make_plan(Recipe(str(world.root), supersede=True), str(world.target))
            assert again.is_empty and again.conflicts == []
    finally:
        shutil.rmtree(directory)
