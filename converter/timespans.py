"""Time texts to half-open TAI spans: parsing, scales, readings.

All instants are integer nanoseconds since 1970-01-01 00:00:00 TAI, all spans
half-open ``[begin, end)`` with `None` for unbounded. No Butler, no files.

A *reading* is what a pair ``validStart``, ``validEnd`` means. Which one is
right follows from how the Gen2 lookup compared texts (the observation's text
``BETWEEN`` both ends, inclusive), and, where that leaves the author's
intention open, from the interior boundaries of the table (its *dialect*).
"""

from __future__ import annotations

import datetime
import re
import warnings
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Literal, NamedTuple

import erfa

SECOND = 1_000_000_000
DAY = 86_400 * SECOND

# What the Butler stores: anything at or beyond becomes unbounded.
MIN_NS = 0
MAX_NS = 4_102_444_800 * SECOND

_EPOCH = datetime.date(1970, 1, 1).toordinal()
_TEXT = re.compile(
    r"(?P<y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)"
    r"(?:[T ](?P<H>\d\d):(?P<M>\d\d)(?::(?P<S>\d\d)(?:\.(?P<f>\d{1,9})\d*)?)?)?"
)

Scale = Literal["utc", "tai"]


class Span(NamedTuple):
    """A half-open validity range, TAI nanoseconds, `None` = unbounded."""

    begin: int | None
    end: int | None

    @property
    def is_empty(self) -> bool:
        """Whether no instant is inside."""
        return self.begin is not None and self.end is not None and self.begin >= self.end

    def overlaps(self, other: Span) -> bool:
        """Whether both share an instant."""
        return _before(self.begin, other.end) and _before(other.begin, self.end)

    def clipped(self) -> Span:
        """As the Butler stores it: before 1970 or after 2100 is unbounded."""
        begin = None if self.begin is None or self.begin <= MIN_NS else self.begin
        end = None if self.end is None or self.end >= MAX_NS else self.end
        return Span(begin, end)

    def __str__(self) -> str:
        return f"[{format_tai(self.begin, '-inf')}, {format_tai(self.end, '+inf')})"


def _before(begin: int | None, end: int | None) -> bool:
    return begin is None or end is None or begin < end


@lru_cache(maxsize=1 << 16)
def format_tai(ns: int | None, unbounded: str = "unbounded") -> str:
    """An instant as ISO text in TAI, as short as it is exact."""
    if ns is None:
        return unbounded
    seconds, fraction = divmod(ns, SECOND)
    days, seconds = divmod(seconds, 86_400)
    try:
        date = datetime.date.fromordinal(_EPOCH + days).isoformat()
    except (ValueError, OverflowError):
        return f"{ns} ns TAI"
    text = f"{date}T{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return text + (f".{fraction:09d}".rstrip("0") if fraction else "")


class ParsedTime(NamedTuple):
    """A time text, without a scale.

    ``day`` counts from 1970-01-01, ``ns`` from the start of that day,
    ``resolution`` is the worth of the last printed digit in nanoseconds.
    """

    day: int
    ns: int
    resolution: int
    is_date: bool


@lru_cache(maxsize=1 << 16)
def parse_time(text: str) -> ParsedTime:
    """Parse ``YYYY-MM-DD`` or ISO date and time.

    Raises
    ------
    ValueError
        The text is anything else. Unpadded fields are refused on purpose:
        Gen2 compared texts, and ``2015-2-3`` does not sort as a date.
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not YYYY-MM-DD or YYYY-MM-DDThh:mm:ss")
    try:
        date = datetime.date(int(match["y"]), int(match["m"]), int(match["d"]))
    except ValueError as exc:
        raise ValueError(f"{text!r} is not a date: {exc}") from None
    day = date.toordinal() - _EPOCH
    if match["H"] is None:
        return ParsedTime(day, 0, DAY, True)
    hour, minute, second = int(match["H"]), int(match["M"]), int(match["S"] or 0)
    if hour > 23 or minute > 59 or second > 60:
        raise ValueError(f"{text!r} is not a time of day")
    fraction = (match["f"] or "").ljust(9, "0")
    ns = ((hour * 60 + minute) * 60 + second) * SECOND + int(fraction)
    resolution = 60 * SECOND if match["S"] is None else 10 ** (9 - len(match["f"] or ""))
    return ParsedTime(day, ns, resolution, False)


@lru_cache(maxsize=1 << 16)
def tai_minus_utc_ns(day: int) -> int:
    """TAI - UTC in nanoseconds at the start of a UTC day (days since 1970-01-01)."""
    try:
        date = datetime.date.fromordinal(_EPOCH + day)
    except (ValueError, OverflowError):
        return 0
    if date.year < 1960:
        return 0  # UTC is not defined; such dates are clipped to unbounded anyway
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", erfa.ErfaWarning)  # "dubious year" for far futures
        return round(float(erfa.dat(date.year, date.month, date.day, 0.0)) * SECOND)


def to_tai(time: ParsedTime, scale: Scale, rollover_s: int = 0) -> int:
    """TAI nanoseconds of a parsed time.

    Parameters
    ----------
    time
        What `parse_time` gave.
    scale
        Scale that the text is in.
    rollover_s
        For a date: seconds after 0h at which that day begins.
    """
    ns = time.day * DAY + time.ns
    if scale == "utc":
        ns += tai_minus_utc_ns(time.day)
    if time.is_date:
        ns += rollover_s * SECOND
    return ns


def day_timespan(day_obs: int, offset_s: int | None) -> tuple[int, int] | None:
    """Begin and end of an observing day, TAI nanoseconds.

    Parameters
    ----------
    day_obs
        Day as ``YYYYMMDD``.
    offset_s
        Seconds after 00:00 TAI at which the day begins, `None` if the camera
        does not say.

    Raises
    ------
    ValueError
        The number is no date.
    """
    if offset_s is None:
        return None
    date = datetime.datetime.strptime(str(day_obs), "%Y%m%d").date()
    begin = (date.toordinal() - _EPOCH) * DAY + offset_s * SECOND
    return begin, begin + DAY


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


def choose_reading(
    observed: Literal["date", "iso"], group: Boundaries, table: Boundaries | None = None
) -> Reading:
    """The reading that gives back what the Gen2 lookup answered.

    Parameters
    ----------
    observed
        How the observation's time column is written.
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
    end with a time of day was part of its range, whatever the others are.
    """
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
    observed: Literal["date", "iso"],
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
        How the observation's time column is written.
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
    so it also yields to any range that covers it.
    """
    naive: list[tuple[int | None, int | None, int | None] | str] = []
    for begin_text, end_text in ranges:
        try:
            first = parse_time(begin_text) if begin_text else None
            last = parse_time(end_text) if end_text else None
        except ValueError as exc:
            naive.append(f"validity {begin_text} to {end_text}: {exc}")
            continue
        if first is not None and last is not None and first[:2] > last[:2]:
            naive.append(f"validity {begin_text} to {end_text} runs backwards")
            continue
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
            result.append(f"validity {begin_text} to {end_text} has no length (read as {reading.value})")
            continue
        span = Span(
            None if begin is None else _instant(begin, scale, rollover_s, reading),
            None if end is None else _instant(end, scale, rollover_s, reading),
        )
        outside = not span.overlaps(Span(MIN_NS, MAX_NS))
        result.append(
            f"validity {begin_text} to {end_text} is not within 1970 to 2100, the years that a Butler stores"
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
