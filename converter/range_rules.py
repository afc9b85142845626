"""Ranges that follow from the masters' own dates: where one master ends and the next begins.

Pure; instants are TAI nanoseconds, days are UTC days.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby, pairwise

from .timespans import DAY, MAX_NS, MIN_NS, SECOND, ParsedTime, Span, parse_time, tai_minus_utc_ns, to_tai


class DateRule(StrEnum):
    """How ranges follow from dates."""

    UNTIL_NEXT = "until-next"
    """From 0h UTC of a master's day to 0h UTC of the next one's day; the last one is open."""

    NEAREST = "nearest"
    """Up to the middle between a master's time and the next one's; the outer ends are open."""

    PREVIOUS_AFTERNOON = "previous-afternoon"
    """From the noon of a master's day to the noon of the next one's; the last one is open."""

    MIDPOINT = "midpoint"
    """As ``nearest``, with each boundary at the noon that is nearest to the middle."""

    AROUND = "+-N days"
    """From N days before a master's day to N days after it, whole days; ranges may overlap."""


@dataclass(frozen=True, slots=True, order=True)
class Dated:
    """When a master was taken.

    Parameters
    ----------
    time
        The calibration time.
    day
        Begin (0h UTC) of its day.
    """

    time: int
    day: int


def dated(calib_date: str, calib_time_s: int) -> Dated:
    """When a master with this date was taken.

    Parameters
    ----------
    calib_date
        ISO date, or date and time, UTC.
    calib_time_s
        Seconds after 0h UTC at which a master dated by day was taken.

    Raises
    ------
    ValueError
        The text is no such time.
    """
    time = parse_time(calib_date.strip())
    begin = to_tai(ParsedTime(time.day, 0, DAY, True), "utc")
    return Dated(begin + calib_time_s * SECOND if time.is_date else to_tai(time, "utc"), begin)


def boundaries(rule: DateRule, masters: Sequence[Dated], noon_s: int) -> list[int]:
    """Begin of the first master's range, and where each one hands over to the next.

    Parameters
    ----------
    rule
        Any but ``+-N days``.
    masters
        Dates of the masters of one data ID, in order.
    noon_s
        Seconds after 0h UTC at which one night ends and the next one begins.
    """
    if rule is DateRule.UNTIL_NEXT:
        return [m.day for m in masters]
    if rule is DateRule.PREVIOUS_AFTERNOON:
        return [m.day + noon_s * SECOND for m in masters]
    middles = [(a.time + b.time) // 2 for a, b in pairwise(masters)]
    if rule is DateRule.MIDPOINT:
        middles = [nearest_noon(middle, noon_s) for middle in middles]
    return [MIN_NS, *middles]


def nearest_noon(ns: int, noon_s: int) -> int:
    """The noon nearest to an instant, the later one of two."""
    approximate = ns // DAY
    day = (ns - tai_minus_utc_ns(approximate)) // DAY
    noons = (to_tai(ParsedTime(d, 0, DAY, True), "utc") + noon_s * SECOND for d in range(day - 2, day + 3))
    return min(noons, key=lambda noon: (abs(noon - ns), -noon))


def spans_by_date(rule: DateRule, masters: Iterable[Dated], noon_s: int, days: int = 0) -> dict[Dated, Span]:
    """The range of every date of one data ID.

    Parameters
    ----------
    rule
        How ranges follow from dates.
    masters
        When the masters were taken; equal ones have the same range.
    noon_s
        Seconds after 0h UTC at which one night ends and the next one begins.
    days
        The number of days of ``+-N days``.

    Returns
    -------
    spans
        As a Butler stores them. Dates without a range, because a later master
        of the same day takes it, have an empty one.
    """
    ordered = [d for d, _ in groupby(sorted(masters))]
    if rule is DateRule.AROUND:
        return {d: _around(d, days) for d in ordered}
    begins = boundaries(rule, ordered, noon_s)
    ends = [*begins[1:], MAX_NS]
    return {d: _clipped(begin, end) for d, begin, end in zip(ordered, begins, ends, strict=True)}


def _clipped(begin: int, end: int) -> Span:
    low, high = max(begin, MIN_NS), min(end, MAX_NS)
    # Clipped after the test, because an empty range before 1970 would become unbounded.
    return Span(begin, end).clipped() if low < high else Span(low, low)


def _around(date: Dated, days: int) -> Span:
    # Noon of the day leads to its number whatever the leap seconds are.
    number = (date.day + DAY // 2 - tai_minus_utc_ns(date.day // DAY)) // DAY
    begin, end = (to_tai(ParsedTime(n, 0, DAY, True), "utc") for n in (number - days, number + days + 1))
    return _clipped(begin, end)
