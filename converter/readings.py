"""Readings: what the two ends of a validity range mean.

Which reading is right follows from how the Gen2 lookup compared texts (the
observation's text ``BETWEEN`` both ends, inclusive), and, where that leaves
the author's intention open, from the interior boundaries of the table (its
*dialect*). No Butler, no files.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from enum import StrEnum
from itertools import accumulate, pairwise
from typing import Literal

from .timespans import DAY, MAX_NS, MIN_NS, SECOND, ParsedTime, Scale, Span, parse_time, to_tai

Observed = Literal["date", "iso", "datetime"]
"""How the observation's time was written and compared: as text, or as instants to the second."""


class Reading(StrEnum):
    """What the two ends of a validity range mean."""

    INCLUSIVE_DAYS = "inclusive-days"
    """From the start of the first day to the end of the last one."""

    HALF_OPEN = "half-open"
    """The end is not part of the range."""

    INCLUSIVE_TIMES = "inclusive-times"
    """The end instant, to its printed precision, is part of the range."""

    AFTER_START_DAY = "after-start-day"
    """Date and time ends compared with dates: the first day is not part, the last one is."""


@dataclass(frozen=True, slots=True)
class Boundaries:
    """How the ranges of one group meet: the evidence for a dialect.

    Counts of neighbouring pairs, ordered by start: ``touching`` (end equals
    next start), ``next_day`` (end plus one day equals next start),
    ``overlapping`` and ``gaps``; ``dates`` and ``times`` count the ends
    written as dates and as date and time.
    """

    touching: int = 0
    next_day: int = 0
    overlapping: int = 0
    gaps: int = 0
    dates: int = 0
    times: int = 0

    def __add__(self, other: Boundaries) -> Boundaries:
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Boundaries(*(mine + theirs for mine, theirs in pairs))

    def __str__(self) -> str:
        return (
            f"{self.touching} end = next start, {self.next_day} end + 1 day = next start, "
            f"{self.overlapping} overlapping, {self.gaps} with a gap; "
            f"{self.dates} ends are dates, {self.times} have a time"
        )


def count_boundaries(ranges: Iterable[tuple[str, str]]) -> Boundaries:
    """Count how the ranges of one detector group meet.

    Ranges that cannot be parsed or run backwards are left out: they are
    rejects, not evidence.
    """
    parsed = []
    dates = times = 0
    for begin_text, end_text in set(ranges):
        try:
            first, last = parse_time(begin_text), parse_time(end_text)
        except (ValueError, TypeError):
            continue
        if first[:2] > last[:2]:
            continue
        dates += first.is_date + last.is_date
        times += (not first.is_date) + (not last.is_date)
        parsed.append((first.day * DAY + first.ns, last.day * DAY + last.ns))
    parsed.sort()
    touching = next_day = overlapping = gaps = 0
    for (_, end), (begin, _) in pairwise(parsed):
        if end == begin:
            touching += 1
        elif end + DAY == begin:
            next_day += 1
        elif end > begin:
            overlapping += 1
        else:
            gaps += 1
    return Boundaries(touching, next_day, overlapping, gaps, dates, times)


def detect_dialect(evidence: Boundaries) -> str:
    """Name of the Gen2 dialect that the boundaries show (GEN2: A to G).

    A and C cannot be told apart by content, nor can B and D.
    """
    if evidence.times > evidence.dates:
        return "date and time"
    if evidence.touching == evidence.next_day:
        return "no interior boundary" if not evidence.touching else "mixed"
    return "A or C (end = next start)" if evidence.touching > evidence.next_day else "B or D (inclusive days)"


def choose_reading(observed: Observed, group: Boundaries, table: Boundaries | None = None) -> Reading:
    """The reading that gives back what the Gen2 lookup answered.

    Parameters
    ----------
    observed
        How the observation's time column is written and compared.
    group
        Boundaries of the detector group.
    table
        Boundaries of the whole table: used where the group has none.

    Notes
    -----
    An observation's date lies in ``[start, end]`` with both days whole. An
    observation's date and time sorts after its own date, so a date as end
    excludes that day, unless the table's interior boundaries show that its
    author meant inclusive days (Gen2 then found nothing on the last day). An
    end with a time of day was part of its range, whatever the others are. Where
    instants were compared, so was any end: a date is its midnight.
    """
    if observed == "datetime":
        return Reading.INCLUSIVE_TIMES
    if observed == "date":
        return Reading.AFTER_START_DAY if group.times else Reading.INCLUSIVE_DAYS
    if group.times > group.dates:
        return Reading.INCLUSIVE_TIMES
    evidence = group
    if group.touching == group.next_day and table is not None:
        evidence = table
    if evidence.next_day > evidence.touching:
        return Reading.INCLUSIVE_DAYS
    return Reading.INCLUSIVE_TIMES if group.times else Reading.HALF_OPEN


def read_ranges(
    ranges: Sequence[tuple[str | None, str | None]],
    reading: Reading,
    observed: Observed,
    scale: Scale,
    rollover_s: int = 0,
) -> list[Span | str]:
    """Turn the texts of one group's ranges into spans.

    Parameters
    ----------
    ranges
        ``(begin, end)`` texts of all ranges that answer the same lookup
        (one dataset type and data ID); `None` or ``""`` is unbounded.
    reading
        What the texts mean.
    observed
        How the observation's time column is written and compared.
    scale
        Scale of the texts.
    rollover_s
        Seconds after 0h at which a day begins.

    Returns
    -------
    list
        In the order of ``ranges``: a span, or the reason why there is none.

    Notes
    -----
    An inclusive end is extended to the end of its day (or of its last printed
    digit) only as far as no following range starts: where the next range
    starts on that very day, the day is the next one's, which is what the
    authors of touching ranges meant (Gen2 found two masters and failed).
    Where observations have a time of day, Gen2 never matched the extension,
    so it also yields to any range that covers it. Where instants were compared
    all ends are instants of whole seconds, and the extension is that second.
    """
    naive: list[tuple[int | None, int | None, int | None] | str] = []
    for begin_text, end_text in ranges:
        try:
            first = parse_time(begin_text) if begin_text else None
            last = parse_time(end_text) if end_text else None
        except ValueError as exc:
            naive.append(f"validity {begin_text or '(open)'} to {end_text or '(open)'}: {exc}")
            continue
        if first is not None and last is not None and first[:2] > last[:2]:
            naive.append(f"validity {begin_text or '(open)'} to {end_text or '(open)'} runs backwards")
            continue
        if observed == "datetime":
            first, last = _whole_second(first), _whole_second(last)
        naive.append(_naive(first, last, reading))
    # What has no length even when extended (the first day only, compared with dates) takes nothing.
    cores = sorted(
        (-_FAR if begin is None else begin, _FAR if end is None else end)
        for begin, end, extended in (n for n in naive if not isinstance(n, str))
        if begin is None or extended is None or begin < extended
    )
    starts = [begin for begin, _ in cores]
    reach = list(accumulate((end for _, end in cores), max))
    result: list[Span | str] = []
    for item, (begin_text, end_text) in zip(naive, ranges, strict=True):
        if isinstance(item, str):
            result.append(item)
            continue
        begin, end, extended = item
        if end is not None and extended is not None and extended != end:
            end = _extend(begin, end, extended, starts, reach if observed == "iso" else None)
        if begin is not None and end is not None and begin >= end:
            result.append(
                f"validity {begin_text or '(open)'} to {end_text or '(open)'} has no length (read as {reading.value})"
            )
            continue
        span = Span(
            None if begin is None else _instant(begin, scale, rollover_s, reading),
            None if end is None else _instant(end, scale, rollover_s, reading),
        )
        outside = not span.overlaps(Span(MIN_NS, MAX_NS))
        result.append(
            f"validity {begin_text or '(open)'} to {end_text or '(open)'} is not within 1970 to 2100, the years that a Butler stores"
            if outside
            else span.clipped()
        )
    return result


_FAR = 1 << 80


def _extend(
    begin: int | None, end: int, extended: int, starts: Sequence[int], reach: Sequence[int] | None
) -> int:
    """As much of ``[end, extended)`` as no later range takes."""
    if reach is not None:
        # A range that starts no later than this end and goes on after it covers the extension.
        earlier = bisect_right(starts, end)
        if earlier and reach[earlier - 1] > end:
            return end
    low = end if begin is None or begin < end else end + 1  # a range of one day keeps that day
    following = bisect_left(starts, low)
    if following < len(starts) and starts[following] < extended:
        return starts[following]
    return extended


def _whole_second(time: ParsedTime | None) -> ParsedTime | None:
    """A time as ``DATETIME()`` gives it."""
    return None if time is None else ParsedTime(time.day, time.ns // SECOND * SECOND, SECOND, False)


def _naive(
    first: ParsedTime | None, last: ParsedTime | None, reading: Reading
) -> tuple[int | None, int | None, int | None]:
    """Begin, end and extended end in nanoseconds without a scale."""
    begin = None if first is None else first.day * DAY + first.ns
    end = None if last is None else last.day * DAY + last.ns
    if first is not None and reading is Reading.AFTER_START_DAY:
        # A date sorts before the same date with a time, so the first day is out.
        begin = (first.day + (not first.is_date)) * DAY
    if last is None or end is None or reading is Reading.HALF_OPEN:
        return begin, end, end
    if reading is Reading.AFTER_START_DAY and not last.is_date:
        whole_day = (last.day + 1) * DAY
        return begin, whole_day, whole_day
    return begin, end, end + last.resolution


def _instant(ns: int, scale: Scale, rollover_s: int, reading: Reading) -> int:
    day, rest = divmod(ns, DAY)
    is_day = rest == 0 and reading is not Reading.INCLUSIVE_TIMES
    return to_tai(ParsedTime(day, rest, 1, is_day), scale, rollover_s)
