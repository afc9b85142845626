"""Wherever Gen2 had one answer, Gen3 has the same one."""

from __future__ import annotations

from collections import Counter

import pytest
from gen2_worlds import CAMERAS, DIALECTS, World, worlds
from hypothesis import HealthCheck, Phase, given, settings

from converter.overlaps import Policy
from converter.recipe import Recipe

COMMON = settings(
    derandomize=True,
    deadline=None,
    database=None,
    # Shrinking took minutes in CI; take the phases away to have a small counterexample.
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


def compare(world: World, policy: Policy) -> Counter[str]:
    """Compare all lookups; ``compared`` counts those in which Gen2 had one answer."""
    plan = world.plan(Recipe("/", overlaps={"*": policy}))
    counts: Counter[str] = Counter()
    if plan.conflicts:
        counts["stopped"] += 1
        return counts
    rejected = {r.item for r in plan.rejects}
    for calibration in world.compared():
        for row, gen2 in zip(world.raw_rows(), world.gen2(calibration), strict=True):
            gen3 = world.gen3(calibration, plan, row)
            assert len(gen3) <= 1, f"{policy.value}: {row['visit']} has {gen3} in\n{world!r}"
            if gen2.status != "one":
                continue
            where = f"calibRegistry table {calibration.lookup_table} row "
            if all(f"{where}{c.row}" in rejected for c in gen2.candidates):
                counts["rejected"] += 1
                continue
            assert gen3 == {gen2.path}, f"{policy.value}: exposure {row['visit']} in\n{world!r}"
            counts["compared"] += 1
    return counts


TOTAL: Counter[str] = Counter()


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("camera", CAMERAS)
def test_planned_spans_give_gen2s_master(camera: str, dialect: str) -> None:
    seen: Counter[str] = Counter()

    @settings(COMMON, max_examples=60)
    @given(worlds(camera, dialect))
    def check(world: World) -> None:
        seen["examples"] += 1
        for policy in Policy:
            seen.update(compare(world, policy))

    check()
    TOTAL.update(seen)
    print(camera, dialect, dict(seen), dict(TOTAL))
    assert seen["compared"] > 100
