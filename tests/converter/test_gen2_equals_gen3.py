"""Wherever Gen2 had one answer, Gen3 has the same one."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from converter.overlaps import Policy
from converter.recipe import Recipe
from converter.timespans import parse_time, to_tai
from tests.sampling import FULL

from .gen2_worlds import CAMERAS, DIALECTS, SECOND, Exposure, World, calib_rows, worlds

COMMON = settings(
    derandomize=True,
    deadline=None,
    database=None,
    # Shrinking takes minutes: without this line a counterexample becomes small.
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


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("camera", CAMERAS)
def test_planned_spans_give_gen2s_master(camera: str, dialect: str) -> None:
    seen: Counter[str] = Counter()

    @settings(COMMON, max_examples=60 if FULL else 25)
    @given(worlds(camera, dialect))
    def check(world: World) -> None:
        seen["examples"] += 1
        for policy in Policy:
            seen.update(compare(world, policy))

    check()
    assert seen["compared"] > 100


def found_by(
    ranges: list[tuple[str, str, str]], at: str, policy: Policy = Policy.FAIL, later: int = 0
) -> set[str]:
    """Calibration dates that Gen3 finds for an imSim bias; ``later`` (ns) was cut off the observation's text."""
    begin = to_tai(parse_time(at), "tai") + later
    rows = [{"id": n, **row} for n, row in enumerate(calib_rows("imsim", ranges, ["NONE"], [36]), start=1)]
    world = World(
        "imsim", {"bias": rows}, [Exposure(begin, begin + 30 * SECOND, "i_sim_1.4", {"dateObs": at})]
    )
    plan = world.plan(Recipe("/", overlaps={"*": policy}))
    assert not plan.conflicts
    return {
        path.split("/")[3] for path in world.gen3(world.camera.calibration("bias"), plan, world.raw_rows()[0])
    }


@pytest.mark.parametrize(
    ("ranges", "at", "policy"),
    [
        # One day, extended where times are observed, against a range that starts with it.
        (
            [("2022-01-01", "2022-01-05", "2022-01-05"), ("2022-01-02", "2022-01-05", "2022-01-09"), ("2022-01-03", "2022-01-10", "2022-01-12"), ("2022-01-04", "2022-01-13", "2022-01-14")],
            "2022-01-05T03:00:00.000",
            Policy.NARROWEST,
        ),
        # An end with a time of day among dates.
        (
            [("2022-01-02", "2022-01-01", "2022-01-05T03:00:00.000"), ("2022-01-01", "2022-01-07", "2022-01-09")],
            "2022-01-05T03:00:00.000",
            Policy.FAIL,
        ),
    ],
)  # fmt: skip
def test_what_was_once_wrong(ranges: list[tuple[str, str, str]], at: str, policy: Policy) -> None:
    assert found_by(ranges, at, policy) == {"2022-01-02"}


def test_a_limit_texts_that_differ_only_in_their_digits() -> None:
    """To Gen2 ``03:00:00`` came before ``03:00:00.000``; an instant has no such parts."""
    ranges = [
        ("2022-01-01", "2022-01-01T00:00:00", "2022-01-05T03:00:00"),
        ("2022-01-02", "2022-01-05T03:00:00.000", "2022-01-09T00:00:00"),
    ]
    assert "2022-01-05T03:00:00" < "2022-01-05T03:00:00.000"  # so Gen2 had the first
    assert found_by(ranges, "2022-01-05T03:00:00") == {"2022-01-02"}


def test_a_limit_what_was_cut_off_the_observations_text() -> None:
    """An exposure that begins after the end of a range by less than its text shows, with nothing after it."""
    ranges = [("2022-01-01", "2022-01-01T00:00:00", "2022-01-05T02:59:59.999998")]
    at = "2022-01-05T02:59:59.999"
    assert found_by(ranges, at, later=998_000) == {"2022-01-01"}
    assert found_by(ranges, at, later=999_500) == set()
    # With another master after it, the boundary moves with the exposure.
    ranges.append(("2022-01-02", "2022-01-05T02:59:59.999999", "2022-01-09T00:00:00"))
    assert found_by(ranges, at, later=999_500) == {"2022-01-01"}
