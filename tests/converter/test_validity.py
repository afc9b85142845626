"""Validity claims to spans: every changed range is a decision, every bad one a reject."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from adapters.hsc import HSC
from adapters.lsst import ImSim
from converter.decisions import Change, Decision
from converter.nouns import (
    DataId,
    Master,
    MasterKey,
    Observation,
    Provenance,
    UsageError,
    ValidityClaim,
)
from converter.overlaps import Policy
from converter.planning.settling import WHY, Validity
from converter.planning.validity import exposure_times, find_override, plan_validity
from converter.readings import Reading, count_boundaries
from converter.recipe import Recipe, ValidityOverride
from converter.timespans import Span, parse_time, stamp, to_tai

Row = tuple[str, str | None, str | None]


def utc(text: str) -> int:
    return to_tai(parse_time(text), "utc")


def span(begin: str, end: str) -> Span:
    return Span(utc(begin), utc(end))


def plan(
    rows: Sequence[Row],
    recipe: Recipe | None = None,
    *,
    camera: HSC | ImSim | None = None,
    dataset_type: str = "bias",
    detectors: Sequence[int] = (49,),
    physical_filter: str | None = None,
    table: str = "",
    exposures: Sequence[tuple[str, int, int]] = (),
    unlisted: Sequence[str] = (),
) -> Validity:
    """Plan rows ``(calibDate, validStart, validEnd)``, a row's table after a colon in its date."""
    camera = camera or HSC()
    masters, claims, boundaries = {}, [], {}
    for detector in detectors:
        data_id = DataId(detector, physical_filter)
        boundaries[data_id] = count_boundaries([(str(b), str(e)) for _, b, e in rows])
        for number, (text, begin, end) in enumerate(rows, start=1):
            calib_date, _, own = text.partition(":")
            key = MasterKey(dataset_type, stamp(calib_date), data_id)
            where = Provenance("calibRegistry", own or table or dataset_type, number)
            masters[key] = Master(key, f"/{calib_date}/{detector}", None, calib_date, 1, 1, where)
            claims.append(ValidityClaim(key, begin, end, "", where))
        for calib_date in unlisted:
            key = MasterKey(dataset_type, stamp(calib_date), data_id)
            where = Provenance(f"/{calib_date}/{detector}")
            masters[key] = Master(key, where.source, None, calib_date, 1, 1, where)
    column = camera.raw.time.name
    observations = [
        Observation(n, detectors[0], {column: text}, physical_filter, n)
        for n, (text, _, _) in enumerate(exposures, start=1)
    ]
    spans = {n: (b, e) for n, (_, b, e) in enumerate(exposures, start=1)}
    times = exposure_times(camera, observations, spans)
    return plan_validity(camera, recipe or Recipe("/"), masters, claims, {dataset_type: boundaries}, times)


def by_date(result: Validity) -> dict[str, list[Span]]:
    return {f"{k.stamp[:4]}-{k.stamp[4:6]}-{k.stamp[6:8]}": spans for k, spans in result.spans.items()}


def decisions(result: Validity, rule: str) -> list[Decision]:
    return [d for d in result.decisions if d.rule == rule]


OVERLAPPING = [("2015-01-05", "2015-01-01", "2015-01-20"), ("2015-01-12", "2015-01-10", "2015-01-31")]


def test_a_plain_table_changes_nothing_but_says_how_it_was_read() -> None:
    result = plan([("2015-01-05", "2015-01-01", "2015-01-09"), ("2015-01-12", "2015-01-10", "2015-01-31")])
    assert by_date(result) == {
        "2015-01-05": [span("2015-01-01", "2015-01-10")],
        "2015-01-12": [span("2015-01-10", "2015-02-01")],
    }
    (dialect,) = result.decisions
    assert dialect.as_dict() == {
        "rule": "dialect",
        "item": "bias (table bias)",
        "before": "B or D (inclusive days): 0 end = next start, 1 end + 1 day = next start, "
        "0 overlapping, 0 with a gap; 4 ends are dates, 0 have a time",
        "after": "inclusive-days",
        "why": "Gen2 compared the text of taiObs (a date, UTC)",
    }
    assert (result.conflicts, result.rejects, result.refused) == ([], [], set())


def test_the_recipes_reading_is_taken() -> None:
    recipe = Recipe("/", readings={"bias": Reading.HALF_OPEN})
    result = plan([("2015-01-05", "2015-01-01", "2015-01-09")], recipe)
    assert by_date(result) == {"2015-01-05": [span("2015-01-01", "2015-01-09")]}
    assert (result.decisions[0].after, result.decisions[0].why) == ("half-open", "the recipe says so")


def test_conflicts_are_folded() -> None:
    result = plan(OVERLAPPING, detectors=range(3))
    (line,) = result.conflicts
    assert line == (
        "bias: masters 20150105T000000Z and 20150112T000000Z are both valid in "
        "[2015-01-10T00:00:35, 2015-01-21T00:00:35) for 3 data IDs; "
        "choose a policy with --overlaps bias=latest-start (or another), or correct the registry"
    )
    (line,) = plan(OVERLAPPING).conflicts
    assert "data IDs" not in line


@pytest.mark.parametrize(
    ("policy", "first_end", "second_begin"),
    [
        (Policy.LATEST_START, "2015-01-10", "2015-01-10"),
        (Policy.LATEST_CALIB_DATE, "2015-01-10", "2015-01-10"),
        (Policy.NARROWEST, "2015-01-21", "2015-01-21"),
        # Half way between the calibration dates lies before the overlap.
        (Policy.NEAREST, "2015-01-10", "2015-01-10"),
    ],
)
def test_each_policy_is_a_decision(policy: Policy, first_end: str, second_begin: str) -> None:
    result = plan(OVERLAPPING, Recipe("/", overlaps={"bias": policy}), detectors=(49, 50))
    assert not result.conflicts
    first, second = span("2015-01-01", "2015-01-21"), span("2015-01-10", "2015-02-01")
    after = {
        "2015-01-05": Span(first.begin, utc(first_end)),
        "2015-01-12": Span(utc(second_begin), second.end),
    }
    assert by_date(result) == {k: [v] for k, v in after.items()}
    (made,) = decisions(result, policy.value)
    changed, before = ("2015-01-05", first) if after["2015-01-05"] != first else ("2015-01-12", second)
    assert made.item == f"bias {stamp(changed)} detectors 49..50 (×2)"
    assert (made.before, made.after, made.why) == (str(before), str(after[changed]), WHY[policy])
    assert made.changes == (Change(stamp(changed), (DataId(49), DataId(50)), (before,), (after[changed],)),)


def test_ties_stay_conflicts() -> None:
    result = plan(OVERLAPPING, Recipe("/", overlaps={"*": Policy.LATEST_REGISTERED}))
    assert len(result.conflicts) == 1


def test_a_master_may_lose_all_of_its_range() -> None:
    rows = [("2015-01-05", "2015-01-10", "2015-01-12"), ("2015-01-12", "2015-01-01", "2015-01-31")]
    result = plan(rows, Recipe("/", overlaps={"bias": Policy.LATEST_CALIB_DATE}))
    assert by_date(result)["2015-01-05"] == []
    assert not result.refused  # it is converted, and never found
    (made,) = decisions(result, "latest-calib-date")
    assert made.after == "no range"


def test_a_boundary_moves_to_the_end_of_an_exposure() -> None:
    rows = [("2015-01-05", "2015-01-01", "2015-01-09"), ("2015-01-12", "2015-01-10", "2015-01-31")]
    midnight = utc("2015-01-10")
    result = plan(rows, exposures=[("2015-01-09", midnight - 10**10, midnight + 2 * 10**10)])
    moved = midnight + 2 * 10**10
    assert by_date(result) == {
        "2015-01-05": [Span(utc("2015-01-01"), moved)],
        "2015-01-12": [Span(moved, utc("2015-02-01"))],
    }
    first, second = decisions(result, "whole-exposure")
    assert first.why == (
        "the boundary would cut an exposure, which Gen2 dated by its start and Gen3 matches as a whole"
    )
    assert (first.before, first.after) == (
        "[2015-01-01T00:00:35, 2015-01-10T00:00:35)",
        "[2015-01-01T00:00:35, 2015-01-10T00:00:55)",
    )
    assert second.item == "bias 20150112T000000Z detector 49"


def test_only_exposures_of_the_filter_matter() -> None:
    rows = [("2015-01-05", "2015-01-01", "2015-01-09"), ("2015-01-12", "2015-01-10", "2015-01-31")]
    midnight = utc("2015-01-10")
    camera = HSC()
    keys = [MasterKey("flat", stamp(r[0]), DataId(49, "HSC-R")) for r in rows]
    where = [Provenance("calibRegistry", "flat", n) for n in (1, 2)]
    masters = {k: Master(k, "/x", None, r[0], 1, 1, w) for k, r, w in zip(keys, rows, where, strict=True)}
    claims = [ValidityClaim(k, r[1], r[2], "", w) for k, r, w in zip(keys, rows, where, strict=True)]
    for physical_filter, expected in (("HSC-I", []), ("HSC-R", ["whole-exposure"] * 2)):
        observations = [Observation(1, 49, {"taiObs": "2015-01-09"}, physical_filter, 1)]
        times = exposure_times(camera, observations, {1: (midnight - 5, midnight + 5)})
        result = plan_validity(camera, Recipe("/"), masters, claims, {}, times)
        assert [d.rule for d in result.decisions if d.rule != "dialect"] == expected


def test_rows_of_one_master_add_up() -> None:
    rows = [("2015-01-05", "2015-01-01", "2015-01-09"), ("2015-01-05", "2015-01-07", "2015-01-20")]
    result = plan(rows)
    assert by_date(result) == {"2015-01-05": [span("2015-01-01", "2015-01-21")]}
    (made,) = decisions(result, "same-master")
    assert (
        made.before
        == "[2015-01-01T00:00:35, 2015-01-10T00:00:35), [2015-01-07T00:00:35, 2015-01-21T00:00:35)"
    )
    assert made.why == "several rows state the validity of one master: they add up"
    # The same text twice (bias rows that differ in a filter column) is no change.
    assert not decisions(plan([rows[0], rows[0]]), "same-master")


def test_rows_in_another_order_are_no_change() -> None:
    apart = [("2015-01-05", "2015-02-01", "2015-02-02"), ("2015-01-05", "2015-01-01", "2015-01-02")]
    twice = [("2015-03-05", "2015-03-01", "2015-03-02")] * 2
    assert not decisions(plan([*apart, *twice]), "same-master")


def test_an_override_replaces_every_row() -> None:
    override = ValidityOverride("bias", "2015-01-05", begin="2014-01-01", end="2014-02-01")
    rows = [("2015-01-05", "2015-01-01", "2015-01-09"), ("2015-01-05", "None", "None"), OVERLAPPING[1]]
    result = plan(rows, Recipe("/", validity=(override,)))
    assert by_date(result)["2015-01-05"] == [span("2014-01-01", "2014-02-01")]
    assert not result.rejects and not result.refused
    made = decisions(result, "override")
    assert {d.why for d in made} == {"the recipe gives this range"}
    assert {d.before for d in made} == {"[2015-01-01T00:00:35, 2015-01-10T00:00:35)", "no range"}


def test_an_override_is_enough_for_a_file_without_a_row() -> None:
    override = ValidityOverride("bias", "2015-06-*", detector=49, begin="2015-06-01", scale="tai")
    result = plan(
        OVERLAPPING[:1], Recipe("/", validity=(override,)), unlisted=["2015-06-05"], detectors=(49, 50)
    )
    spans = {(k.stamp, k.data_id.detector): s for k, s in result.spans.items()}
    assert spans["20150605T000000Z", 49] == [Span(to_tai(parse_time("2015-06-01"), "tai"), None)]
    assert ("20150605T000000Z", 50) not in spans
    (made,) = decisions(result, "override")
    assert (made.before, made.after) == ("no range", "[2015-06-01T00:00:00, +inf)")


@pytest.mark.parametrize("end", ["2015-01-01", "2015-02-01"])
def test_an_override_without_length_is_no_recipe(end: str) -> None:
    with pytest.raises(UsageError, match="has no length or runs backwards"):
        ValidityOverride("bias", begin="2015-02-01", end=end)


def test_an_override_outside_of_what_is_stored_is_a_reject() -> None:
    recipe = Recipe("/", validity=(ValidityOverride("bias", end="1969-01-01"),))
    result = plan(OVERLAPPING[:1], recipe)
    assert not result.spans
    (reject,) = result.rejects
    assert "no length between 1970 and 2100" in reject.reason
    assert {k.stamp for k in result.refused} == {"20150105T000000Z"}


def test_the_first_override_that_matches_is_taken() -> None:
    key = MasterKey("flat", "20150105T000000Z", DataId(3, "HSC-R"))
    master = Master(key, "/x", None, "2015-01-05", 1, 1, Provenance("/x"))
    narrow = ValidityOverride("flat", physical_filter="HSC-I", begin="2010-01-01")
    wide = ValidityOverride("f*", begin="2011-01-01")
    last = ValidityOverride("flat", begin="2012-01-01")
    assert find_override(Recipe("/", validity=(narrow, wide, last)), master) == Span(utc("2011-01-01"), None)
    assert find_override(Recipe("/", validity=(narrow,)), master) is None


def test_bad_rows_are_rejects_with_advice() -> None:
    rows = [("2015-01-05", "None", "None"), ("2015-02-05", "2015-02-20", "2015-02-01"), OVERLAPPING[1]]
    result = plan(rows)
    assert [r.item for r in result.rejects] == [
        "calibRegistry table bias row 1",
        "calibRegistry table bias row 2",
    ]
    assert all(
        r.reason.endswith("; correct the registry or give the range in the recipe's validity list")
        for r in result.rejects
    )
    assert {k.stamp for k in result.refused} == {"20150105T000000Z", "20150205T000000Z"}
    # One good row is enough.
    result = plan([rows[0], ("2015-01-05", "2015-01-01", "2015-01-09")])
    assert len(result.rejects) == 1 and not result.refused


FRINGES = [
    ("2015-01-05:flat", "2015-01-01", "2015-01-10"),
    ("2015-01-12:flat", "2015-01-10", "2015-01-31"),
    ("2015-01-20:fringe", "2015-01-05", "2015-03-01"),
]


@pytest.mark.parametrize("policy", Policy)
def test_masters_of_another_table_yield_to_those_that_gen2_found(policy: Policy) -> None:
    result = plan(
        FRINGES,
        Recipe("/", overlaps={"*": policy}),
        camera=ImSim(),
        dataset_type="fringe",
        detectors=(36,),
        physical_filter="i_sim_1.4",
    )
    assert not result.conflicts

    def tai(text: str) -> int:
        return to_tai(parse_time(text), "tai")

    assert by_date(result) == {
        "2015-01-05": [Span(tai("2015-01-01"), tai("2015-01-10"))],
        "2015-01-12": [Span(tai("2015-01-10"), tai("2015-01-31"))],
        "2015-01-20": [Span(tai("2015-01-31"), tai("2015-03-01"))],
    }
    (lookup,) = decisions(result, "lookup-table")
    assert lookup.item == "fringe 20150105T000000Z, 20150112T000000Z"
    assert (lookup.before, lookup.after) == ("listed in table fringe", "ranges of table flat")
    assert lookup.why == "Gen2 looked fringe up in table flat"
    never, shortened = decisions(result, "never-selected")
    assert (shortened.before, shortened.after) == (
        "[2015-01-05T00:00:00, 2015-03-01T00:00:00)",
        "[2015-01-31T00:00:00, 2015-03-01T00:00:00)",
    )
    assert never.item == "fringe 20150120T000000Z"
    assert (never.before, never.after) == ("not in table flat, where Gen2 looked", "ranges of table fringe")


def test_change_explains_what_it_changed() -> None:
    change = Change("s", (DataId(1),), (Span(0, 10),), (Span(0, 5), Span(20, None)))
    assert change.explains("s", DataId(1), Span(6, 7))  # lost
    assert change.explains("s", DataId(1), Span(30, 31))  # gained
    assert not change.explains("s", DataId(1), Span(1, 2))  # kept
    assert not change.explains("s", DataId(1), Span(12, 13))  # never had
    assert not change.explains("s", DataId(1), Span(4, 7))  # still matches
    assert not change.explains("other", DataId(1), Span(6, 7))
    assert not change.explains("s", DataId(2), Span(6, 7))
