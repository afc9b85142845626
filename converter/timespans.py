"""Time texts and half-open TAI spans: parsing and scales.

All instants are integer nanoseconds since 1970-01-01 00:00:00 TAI, all spans
half-open ``[begin, end)`` with `None` for unbounded. No Butler, no files.
What a validity range of a registry means is in `converter.readings`.
"""

from __future__ import annotations

import datetime
import re
import warnings
import zoneinfo
from functools import lru_cache
from typing import Literal, NamedTuple

import erfa

SECOND = 1_000_000_000
DAY = 86_400 * SECOND

# What the Butler stores: anything at or beyond becomes unbounded.
MIN_NS = 0
MAX_NS = 4_102_444_800 * SECOND

_EPOCH = datetime.date(1970, 1, 1).toordinal()
_LEAP_SECONDS = datetime.date(1972, 1, 1).toordinal() - _EPOCH
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

    def within(self, other: Span) -> Span:
        """The part that is inside of another span."""
        begins = [b for b in (self.begin, other.begin) if b is not None]
        ends = [e for e in (self.end, other.end) if e is not None]
        return Span(max(begins, default=None), min(ends, default=None))

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
def tai_minus_utc_ns(day: int, ns: int = 0) -> int:
    """TAI - UTC in nanoseconds.

    Parameters
    ----------
    day
        UTC day, counted from 1970-01-01.
    ns
        Nanoseconds since its start. They count before 1972 only, when UTC
        drifted against TAI within a day.
    """
    try:
        date = datetime.date.fromordinal(_EPOCH + day)
    except (ValueError, OverflowError):
        return 0
    if date.year < 1960:
        return 0  # UTC is not defined; such dates are clipped to unbounded anyway
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", erfa.ErfaWarning)  # "dubious year" for far futures
        return round(float(erfa.dat(date.year, date.month, date.day, min(ns / DAY, 1.0))) * SECOND)


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
        # From 1972 on only whole days differ: one entry of the cache for each.
        ns += tai_minus_utc_ns(time.day, time.ns if time.day < _LEAP_SECONDS else 0)
    if time.is_date:
        ns += rollover_s * SECOND
    return ns


_ZONED = re.compile(r"(?P<time>\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d[:.\d]*) ?(?P<zone>[Zz]|[+-]\d\d(?::?\d\d)?)")


def explicit_instant(text: str, scale: Scale | None) -> int:
    """TAI nanoseconds of a time text that means what it says.

    Parameters
    ----------
    text
        ISO date (its 0h) or date and time, which may end with ``Z`` or an
        offset from UTC.
    scale
        Scale that is stated, `None` for none, which means UTC.

    Raises
    ------
    ValueError
        The text is no such time, or has an offset from UTC although the
        scale is TAI.
    """
    text = text.strip()
    zoned = _ZONED.fullmatch(text)
    if zoned is None:
        return to_tai(parse_time(text), scale or "utc")
    if scale == "tai":
        raise ValueError(f"{text!r} has an offset from UTC, and the scale is tai")
    time = parse_time(zoned["time"].replace("t", "T"))
    zone = zoned["zone"].replace(":", "")
    if zone in "Zz":
        return to_tai(time, "utc")
    minutes = int(zone[1:3]) * 60 + int(zone[3:] or 0)
    if minutes >= 24 * 60 or int(zone[3:] or 0) > 59:
        raise ValueError(f"{text!r} is not a time: no offset from UTC is that large")
    days, ns = divmod(time.ns - (minutes if zone[0] == "+" else -minutes) * 60 * SECOND, DAY)
    return to_tai(time._replace(day=time.day + days, ns=ns), "utc")


def explicit_span(begin: str, end: str, scale: Scale | None) -> Span:
    """Half-open span of two texts that mean what they say, ``""`` for unbounded.

    Raises
    ------
    ValueError
        A text is no time, or there is no instant between the two that a
        Butler stores.
    """
    span = Span(
        explicit_instant(begin, scale) if begin else None, explicit_instant(end, scale) if end else None
    )
    return checked_span(span, f"{begin or '(open)'} to {end or '(open)'}")


def checked_span(span: Span, text: str) -> Span:
    """The span as a Butler stores it.

    Raises
    ------
    ValueError
        It has no length there; ``text`` is what the message calls it.
    """
    if span.begin is not None and span.end is not None:
        if span.begin > span.end:
            raise ValueError(f"validity {text} runs backwards")
        if span.begin == span.end:
            raise ValueError(f"validity {text} has no length; the end is not part of the range")
    if not span.overlaps(Span(MIN_NS, MAX_NS)):
        raise ValueError(f"validity {text} is not within 1970 to 2100, the years that a Butler stores")
    return span.clipped()


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


@lru_cache(maxsize=1 << 16)
def stamp(text: str) -> str:
    """RUN stamp ``YYYYMMDDTHHMMSSZ`` of a UTC time text.

    Raises
    ------
    ValueError
        The text is no date or ISO date and time.
    """
    time = parse_time(text.strip())
    seconds = time.ns // SECOND
    date = format_tai(time.day * DAY)[:10].replace("-", "")
    return f"{date}T{seconds // 3600:02d}{seconds // 60 % 60:02d}{seconds % 60:02d}Z"


@lru_cache(maxsize=1 << 16)
def local_to_utc(text: str, zone: str) -> str:
    """Naive local time text as UTC text, with the digits it has.

    Parameters
    ----------
    text
        ISO date and time, or a date (its midnight).
    zone
        IANA time zone. Where clocks were set back the first of the two
        instants is taken.

    Raises
    ------
    ValueError
        The text is no time, or there is no such zone.
    """
    time = parse_time(text)
    try:
        place = zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, OSError, ValueError) as exc:
        raise ValueError(f"there is no time zone {zone!r}: {exc}") from None
    local = datetime.datetime.fromordinal(_EPOCH + time.day).replace(tzinfo=place)
    # Added before the zone counts: wall-clock arithmetic is what a naive time means.
    seconds, ns = divmod(time.ns, SECOND)
    utc = (local + datetime.timedelta(seconds=seconds)).astimezone(datetime.UTC)
    digits = 0 if time.is_date else max(0, 9 - (len(str(time.resolution)) - 1))
    return utc.strftime("%Y-%m-%dT%H:%M:%S") + (f".{ns:09d}"[: digits + 1] if digits else "")
