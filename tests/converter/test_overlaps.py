"""Overlapping masters and exposures on a boundary, against brute force on a small time axis."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from converter.nouns import DataId, MasterKey
from converter.overlaps import (
    Claimed,
    ExposureTimes,
    Policy,
    changed_spans,
    clear_boundaries,
    clear_boundary,
    find_overlaps,
    resolve,
    unite,
)
from converter.timespans import DAY, MAX_NS, MIN_NS, Span

STABLE = settings(derandomize=True, deadline=None, database=None, max_examples=300)
AXIS = range(1, 31)
HOUR = DAY // 24


def claim(
    name: str, begin: int | None, end: int | None, calib: int = 0, registered: str = "", asked: bool = True
) -> Claimed:
    return Claimed(MasterKey("bias", name, DataId(1)), Span(begin, end), calib, registered, asked)


def has(span: Span, t: float) -> bool:
    return (span.begin is None or span.begin <= t) and (span.end is None or t < span.end)


def holders(claims: list[Claimed], t: float) -> set[str]:
    return {c.master.stamp for c in claims if has(c.span, t)}


def length(span: Span) -> int:
    return (MAX_NS if span.end is None else span.end) - (MIN_NS if span.begin is None else span.begin)


@st.composite
def claims(draw: st.DrawFn, one_calib_each: bool = True) -> list[Claimed]:
    # Even times, so that a midpoint of two is an instant of the axis.
    result = []
    calibs = {name: 2 * draw(st.integers(0, 15)) for name in "abcd"}
    registered = {name: draw(st.sampled_from(("2015", "2016", "2017"))) for name in "abcd"}
    for _ in range(draw(st.integers(1, 6))):
        name = draw(st.sampled_from("abcd"))
        begin, length_ = 2 * draw(st.integers(1, 14)), 2 * draw(st.integers(1, 8))
        open_begin, open_end = draw(st.integers(0, 7)) == 0, draw(st.integers(0, 7)) == 0
        result.append(
            claim(
                name,
                None if open_begin else begin,
                None if open_end else begin + length_,
                calibs[name],
                registered[name],
            )
        )
    return result


@STABLE
@given(claims())
def test_unite_adds_up(given_: list[Claimed]) -> None:
    united = unite(given_)
    for t in AXIS:
        assert holders(united, t) == holders(given_, t)
    by_master = defaultdict(list)
    for c in united:
        by_master[c.master].append(c.span)
    for spans in by_master.values():
        for first, second in pairwise(spans):
            assert first.end is not None and second.begin is not None and first.end < second.begin


def test_unite_keeps_the_last_registration() -> None:
    united = unite([claim("a", 1, 5, registered="2015"), claim("a", 3, 9, registered="2017")])
    assert united == [claim("a", 1, 9, registered="2017")]


@STABLE
@given(claims())
def test_find_overlaps_finds_every_pair(given_: list[Claimed]) -> None:
    united = unite(given_)
    found = find_overlaps(united)
    for t in AXIS:
        here = sorted(holders(united, t))
        pairs = {frozenset((a, b)) for a in here for b in here if a < b}
        assert {
            frozenset((c.first.master.stamp, c.second.master.stamp)) for c in found if has(c.span, t)
        } == pairs


def winners(united: list[Claimed], policy: Policy, t: float) -> set[str]:
    """The masters that a policy prefers at an instant: several are a tie."""
    here = [c for c in united if has(c.span, t)]
    if policy is Policy.LATEST_START:
        rank = {c: (-1 if c.span.begin is None else c.span.begin, c.calib_ns) for c in here}
    elif policy is Policy.LATEST_CALIB_DATE:
        rank = {c: (c.calib_ns,) for c in here}
    elif policy is Policy.LATEST_REGISTERED:
        rank = {c: (int(c.registered),) for c in here}
    elif policy is Policy.NARROWEST:
        rank = {c: (-length(c.span),) for c in here}
    else:
        # At an equal distance the later one is meant; t is never a midpoint.
        rank = {c: (-abs(c.calib_ns - t),) for c in here}  # type: ignore[misc]
    best = max(rank.values())
    return {c.master.stamp for c in here if rank[c] == best}


@pytest.mark.parametrize("policy", [p for p in Policy if p is not Policy.FAIL])
def test_resolve_picks_the_winner_at_every_instant(policy: Policy) -> None:
    ties = 0

    @settings(STABLE, max_examples=250)
    @given(claims())
    def check(given_: list[Claimed]) -> None:
        nonlocal ties
        united = unite(given_)
        resolved, left = resolve(united, policy)
        for t in (n + 0.5 for n in AXIS):
            got = holders(resolved, t)
            if not holders(united, t):
                assert not got
                continue
            assert len(got) == 1, f"{got} at {t}"
            best = winners(united, policy, t)
            assert got <= best
            tied = {
                c.master.stamp
                for conflict in left
                if has(conflict.span, t)
                for c in (conflict.first, conflict.second)
            }
            ties += len(best) > 1
            assert bool(tied) == (len(best) > 1)
            assert tied <= best
        ends = [(c.span.begin, c.span.end) for c in resolved]
        assert all(a[1] is not None and b[0] is not None and a[1] <= b[0] for a, b in pairwise(ends))

    check()
    assert ties > 0


@STABLE
@given(claims())
def test_fail_changes_nothing_and_names_every_overlap(given_: list[Claimed]) -> None:
    united = unite(given_)
    assert resolve(united, Policy.FAIL) == (united, find_overlaps(united))


@STABLE
@given(claims(), st.sampled_from(list(Policy)), st.sets(st.sampled_from("abcd")))
def test_what_was_never_asked_for_yields(given_: list[Claimed], policy: Policy, never: set[str]) -> None:
    united = unite([replace(c, asked=c.master.stamp not in never) for c in given_])
    asked = [c for c in united if c.asked]
    resolved, left = resolve(united, policy)
    alone, left_alone = resolve(asked, policy)
    assert all(c.first.asked == c.second.asked for c in left)
    if left or left_alone:
        return
    for t in (n + 0.5 for n in AXIS):
        assert holders(resolved, t) - never == holders(alone, t)
        assert len(holders(resolved, t)) == min(1, len(holders(united, t)))


def test_nearest_splits_an_overlap_only() -> None:
    early, late = claim("a", 0, 20, calib=4), claim("b", 10, 40, calib=22)
    resolved, left = resolve([early, late], Policy.NEAREST)
    assert [(c.master.stamp, c.span) for c in resolved] == [("a", Span(None, 13)), ("b", Span(13, 40))]
    assert not left
    # The midpoint lies outside of the overlap: the nearer one takes all of it.
    resolved, _ = resolve([early, replace(late, calib_ns=14)], Policy.NEAREST)
    assert [(c.master.stamp, c.span) for c in resolved] == [("a", Span(None, 10)), ("b", Span(10, 40))]


def test_a_master_may_lose_all_or_be_cut_in_two() -> None:
    resolved, left = resolve([claim("a", 1, 30), claim("b", 10, 20)], Policy.LATEST_START)
    assert [(c.master.stamp, c.span) for c in resolved] == [
        ("a", Span(1, 10)),
        ("b", Span(10, 20)),
        ("a", Span(20, 30)),
    ]
    wide, narrow = claim("a", 1, 30, calib=9), claim("b", 10, 20, calib=1)
    resolved, left = resolve([wide, narrow], Policy.LATEST_CALIB_DATE)
    assert resolved == [wide] and not left
    assert changed_spans([wide, narrow], resolved) == {narrow.master: ((Span(10, 20),), ())}


# Boundaries and exposures.


@st.composite
def nights(draw: st.DrawFn) -> list[tuple[int, int, int]]:
    """Exposures one after the other, dated by the hour (or six) in which they begin."""
    coarse = draw(st.sampled_from((1, HOUR, 6 * HOUR)))
    now = 100 * DAY
    rows = []
    for _ in range(draw(st.integers(0, 10))):
        now += draw(st.integers(0, 4)) * HOUR // 2
        length_ = draw(st.integers(1, 5)) * HOUR // 2
        rows.append((now // coarse * coarse, now, now + length_))
        now += length_
    return draw(st.permutations(rows))


@STABLE
@given(nights(), st.integers(-4, 40), st.integers(0, 6))
def test_clear_boundary(rows: list[tuple[int, int, int]], at: int, gap: int) -> None:
    end = 100 * DAY + at * HOUR
    begin = end + gap * HOUR
    new_end, new_begin = clear_boundary(end, begin, ExposureTimes.from_rows(rows))
    assert new_end <= new_begin
    before = [r for r in rows if r[0] < begin]
    after = [r for r in rows if r[0] >= begin]
    in_the_way = any(r[2] > begin for r in before) or any(r[1] < end for r in after)
    if not in_the_way:
        assert (new_end, new_begin) == (end, begin)
    # Exposures do not overlap, and are dated in their order: the next range sees only its own.
    assert not any(r[2] > new_begin for r in before)
    assert not any(r[1] < new_end for r in after)
    if not gap:
        assert new_end == new_begin
        # ... and those dated before, on the near side of the boundary, stay with the former.
        assert all(r[1] < new_end for r in before)


def test_contradicting_exposures_move_nothing() -> None:
    # Both were exposing at the boundary: there is no place for it.
    rows = [(90 * HOUR, 99 * HOUR, 102 * HOUR), (100 * HOUR, 101 * HOUR, 103 * HOUR)]
    assert clear_boundary(100 * HOUR, 100 * HOUR, ExposureTimes.from_rows(rows)) == (100 * HOUR, 100 * HOUR)


def test_misdated_exposures_move_the_boundary_back_as_well() -> None:
    # Dated a day that begins only after the exposure did.
    rows = [(100 * HOUR, 99 * HOUR, 101 * HOUR)]
    assert clear_boundary(100 * HOUR, 100 * HOUR, ExposureTimes.from_rows(rows)) == (99 * HOUR, 99 * HOUR)


@st.composite
def neighbours(draw: st.DrawFn) -> list[Claimed]:
    edges = sorted(draw(st.sets(st.integers(-8, 60), min_size=2, max_size=8)))
    result = []
    for n, (low, high) in enumerate(pairwise(edges)):
        if draw(st.integers(0, 4)):
            result.append(claim("abcd"[n % 4], 100 * DAY + low * HOUR // 2, 100 * DAY + high * HOUR // 2))
    return result


@STABLE
@given(neighbours(), nights())
def test_cleared_neighbours_give_each_exposure_what_its_date_had(
    before: list[Claimed], rows: list[tuple[int, int, int]]
) -> None:
    after = clear_boundaries(before, ExposureTimes.from_rows(rows), {})
    for dated, begin, end in rows:
        had = holders(before, dated)
        found = {c.master.stamp for c in after if c.span.overlaps(Span(begin, end))}
        if had:
            # An exposure may begin after the end of the range that its date is in, if there is a gap.
            assert found <= had
            if any(has(c.span, begin) for c in before):
                assert found == had


@STABLE
@given(
    neighbours(),
    st.lists(
        st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(1, 40)).map(
            lambda r: (
                100 * DAY + r[0] * HOUR // 2,
                100 * DAY + r[1] * HOUR // 2,
                100 * DAY + (r[1] + r[2]) * HOUR // 2,
            )
        ),
        max_size=8,
    ),
)
def test_no_exposures_whatever_make_ranges_overlap(
    before: list[Claimed], rows: list[tuple[int, int, int]]
) -> None:
    after = clear_boundaries(before, ExposureTimes.from_rows(rows), {})
    for first, second in pairwise(after):
        assert not first.span.overlaps(second.span)
    assert all(not c.span.is_empty for c in after)


def test_wide_gaps_are_left_alone() -> None:
    claims_ = [claim("a", None, 100 * DAY), claim("b", 102 * DAY, None)]
    rows = [(101 * DAY, 102 * DAY - HOUR, 102 * DAY + HOUR)]
    assert clear_boundaries(claims_, ExposureTimes.from_rows(rows), {}) == claims_


def test_ranges_by_date_are_cleared_by_the_exposures_own_times():
    """A boundary within a UT day is not moved to the end of that day, by whose begin the registry dated all."""
    day = 24 * HOUR
    rows = [(day, day + n * HOUR, day + n * HOUR + HOUR // 2) for n in (1, 5, 8, 23)]
    exposures = ExposureTimes.from_rows([*rows, (2 * day, 2 * day + HOUR, 2 * day + 2 * HOUR)])
    edge = day + 7 * HOUR
    assert clear_boundary(edge, edge, exposures) != (edge, edge)
    assert clear_boundary(edge, edge, exposures.by_middle()) == (edge, edge)
    # One that is cut goes to the side of its middle, whole.
    cut = day + 8 * HOUR + HOUR // 8
    assert clear_boundary(cut, cut, exposures.by_middle()) == (day + 8 * HOUR, day + 8 * HOUR)
