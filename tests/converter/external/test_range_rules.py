"""Ranges by the masters' dates, against an exhaustive search."""

from __future__ import annotations

import datetime

import erfa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from converter.range_rules import Dated, DateRule, dated, nearest_noon, spans_by_date
from converter.timespans import DAY, SECOND, Span

HOUR = 3600 * SECOND
EPOCH = datetime.datetime(1970, 1, 1)


def tai(when: datetime.datetime) -> int:
    """TAI nanoseconds of a UTC time, by erfa alone."""
    offset = erfa.dat(when.year, when.month, when.day, 0.0)
    return round((when - EPOCH).total_seconds()) * SECOND + round(float(offset) * SECOND)


# Around the leap second of 2015-07-01, in whole minutes.
moments = st.integers(0, 40 * 24 * 60).map(
    lambda m: datetime.datetime(2015, 6, 12) + datetime.timedelta(minutes=m)
)
dates = st.lists(st.tuples(moments, st.booleans()), min_size=1, max_size=6)
noons = st.sampled_from((0, 9 * 3600, 43_200, 20 * 3600))


def text(when: datetime.datetime, is_date: bool) -> str:
    return when.date().isoformat() if is_date else when.isoformat()


def taken(when: datetime.datetime, is_date: bool, calib_time_s: int) -> datetime.datetime:
    if not is_date:
        return when
    return datetime.datetime.combine(when.date(), datetime.time()) + datetime.timedelta(seconds=calib_time_s)


def midnight(when: datetime.datetime) -> datetime.datetime:
    return datetime.datetime.combine(when.date(), datetime.time())


def valid_at(spans: dict[Dated, Span], instant: int) -> list[Dated]:
    one = Span(instant, instant + 1)
    return [d for d, span in spans.items() if not span.is_empty and span.overlaps(one)]


@settings(deadline=None)
@given(dates, noons, st.sampled_from((0, 43_200, 70_200)), st.lists(moments, min_size=1, max_size=20))
def test_rules_give_what_a_search_gives(
    masters: list[tuple[datetime.datetime, bool]],
    noon_s: int,
    calib_time_s: int,
    instants: list[datetime.datetime],
) -> None:
    # (date, time of the calibration, begin of its day), by the definitions.
    found = {
        dated(text(*m), calib_time_s): (tai(taken(*m, calib_time_s)), tai(midnight(m[0]))) for m in masters
    }
    assert all((d.time, d.day) == expected for d, expected in found.items())
    spans = {rule: spans_by_date(rule, found, noon_s) for rule in DateRule if rule is not DateRule.AROUND}
    edges = [e for by_date in spans.values() for s in by_date.values() for e in s if e is not None]
    for instant in {*(tai(i) for i in instants), *edges, *(e - 1 for e in edges)}:
        # Equally near ones: the later one.
        nearest = min(found, key=lambda d: (abs(d.time - instant), -d.time))
        middle_is_exact = any((a.time + b.time) % 2 for a in found for b in found)
        assert middle_is_exact or valid_at(spans[DateRule.NEAREST], instant) == [nearest]
        for rule, begin_s in ((DateRule.PREVIOUS_AFTERNOON, noon_s), (DateRule.UNTIL_NEXT, 0)):
            begun = [d for d in found if d.day + begin_s * SECOND <= instant]
            latest = [max(begun, key=lambda d: (d.day, d.time))] if begun else []
            assert valid_at(spans[rule], instant) == latest, rule
        # By nights: the master that is valid changes only at noons.
        (owner,) = valid_at(spans[DateRule.MIDPOINT], instant)
        night = max(
            n
            for k in range(-60, 120)
            if (n := tai(datetime.datetime(2015, 6, 12) + datetime.timedelta(days=k)) + noon_s * SECOND)
            <= instant
        )
        assert valid_at(spans[DateRule.MIDPOINT], night) == [owner]


@settings(deadline=None)
@given(dates, st.integers(0, 40))
def test_around_is_whole_days(masters: list[tuple[datetime.datetime, bool]], days: int) -> None:
    for when, is_date in masters:
        date = dated(text(when, is_date), 43_200)
        (span,) = spans_by_date(DateRule.AROUND, [date], 43_200, days).values()
        by = datetime.timedelta(days=days)
        assert span == Span(tai(midnight(when) - by), tai(midnight(when) + by + datetime.timedelta(days=1)))


@settings(deadline=None)
@given(moments, noons)
def test_nearest_noon(when: datetime.datetime, noon_s: int) -> None:
    day = midnight(when)
    candidates = [tai(day + datetime.timedelta(days=k)) + noon_s * SECOND for k in range(-2, 3)]
    found = nearest_noon(tai(when), noon_s)
    assert found in candidates
    assert abs(found - tai(when)) == min(abs(c - tai(when)) for c in candidates)


def test_midpoint_moves_each_boundary_to_the_noon_beside_the_middle() -> None:
    masters = [dated(d, 70_200) for d in ("2015-02-16", "2015-02-17", "2015-02-20")]
    spans = spans_by_date(DateRule.MIDPOINT, masters, 43_200)
    # The middles are 2015-02-17 07:30 and 2015-02-19 07:30 UTC.
    edges = [tai(datetime.datetime(2015, 2, 17, 12)), tai(datetime.datetime(2015, 2, 19, 12))]
    assert [spans[m] for m in masters] == [Span(None, edges[0]), Span(*edges), Span(edges[1], None)]


def test_of_one_day_the_last_is_valid() -> None:
    early, late = dated("2015-02-16T19:00:00", 0), dated("2015-02-16T20:00:00", 0)
    for rule in (DateRule.UNTIL_NEXT, DateRule.PREVIOUS_AFTERNOON):
        spans = spans_by_date(rule, [late, early], 43_200)
        assert spans[early].is_empty
        assert spans[late].end is None and not spans[late].is_empty
    nearest = spans_by_date(DateRule.NEAREST, [late, early], 43_200)
    assert nearest[early] == Span(None, early.time + HOUR // 2)


@pytest.mark.parametrize("rule", list(DateRule))
def test_dates_that_a_butler_does_not_store(rule: DateRule) -> None:
    masters = [dated(d, 0) for d in ("1960-01-01", "1961-01-01", "1980-01-01")]
    spans = spans_by_date(rule, masters, 43_200, days=1)
    for span in spans.values():
        assert span.is_empty or span.overlaps(Span(0, 200 * 365 * DAY))
        assert span.is_empty or span.begin is None or span.begin > 0
