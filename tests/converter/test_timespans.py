"""Texts to instants and spans."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from astropy.time import Time
from hypothesis import given, settings
from hypothesis import strategies as st

from converter.readings import (
    Boundaries,
    Reading,
    choose_reading,
    count_boundaries,
    detect_dialect,
    read_ranges,
)
from converter.timespans import DAY, MAX_NS, SECOND, ParsedTime, Span, format_tai, parse_time, to_tai
from fixtures.registry import assign_validity

STABLE = settings(derandomize=True, deadline=None, database=None, max_examples=200)
INCLUSIVE, HALF_OPEN = Reading.INCLUSIVE_DAYS, Reading.HALF_OPEN
TIMES, AFTER = Reading.INCLUSIVE_TIMES, Reading.AFTER_START_DAY


def tai(text: str) -> int:
    """TAI text to nanoseconds, by astropy."""
    time = Time(text, scale="tai")
    epoch = Time("1970-01-01", scale="tai")
    days = round(time.jd1 - epoch.jd1), time.jd2 - epoch.jd2
    return days[0] * DAY + round(days[1] * DAY)


def span(begin: str | None, end: str | None) -> Span:
    return Span(None if begin is None else tai(begin), None if end is None else tai(end))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01", (0, 0, DAY, True)),
        ("1969-12-31", (-1, 0, DAY, True)),
        ("2015-02-18T04:27", (16484, 16020 * SECOND, 60 * SECOND, False)),
        ("2015-02-18 04:27:25", (16484, 16045 * SECOND, SECOND, False)),
        ("2015-02-18T04:27:25.5", (16484, 16045_500_000_000, SECOND // 10, False)),
        ("2015-02-18T04:27:25.123456789", (16484, 16045_123_456_789, 1, False)),
        ("2015-02-18T04:27:25.1234567899", (16484, 16045_123_456_789, 1, False)),
        ("2016-12-31T23:59:60", (17166, DAY, SECOND, False)),
    ],
)
def test_parse_time(text: str, expected: tuple[int, int, int, bool]) -> None:
    assert parse_time(text) == ParsedTime(*expected)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2015-2-3", "'2015-2-3' is not YYYY-MM-DD"),
        ("None", "'None' is not YYYY-MM-DD"),
        ("", "'' is not YYYY-MM-DD"),
        ("2015-02-30", "'2015-02-30' is not a date"),
        ("0000-00-00", "'0000-00-00' is not a date"),
        ("2015-02-18T24:00:00", "not a time of day"),
        ("2015-02-18T04:60", "not a time of day"),
        ("2015-02-18T04:27:25Z", "is not YYYY-MM-DD"),
        ("2015-02-18T", "is not YYYY-MM-DD"),
        ("2015-02-18\n", "is not YYYY-MM-DD"),
        ("57071.5", "is not YYYY-MM-DD"),
    ],
)
def test_what_is_no_time(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_time(text)


INSTANTS = st.tuples(
    st.dates(date(1972, 1, 1), date(2100, 12, 31)),
    st.integers(0, DAY - 1),
    st.sampled_from((0, 1, 3, 6, 9)),
)


def as_text(day: date, ns: int, digits: int) -> str:
    seconds, fraction = divmod(ns, SECOND)
    text = f"{day}T{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{text}.{fraction:09d}"[: len(text) + 1 + digits] if digits else text


@STABLE
@given(INSTANTS)
@pytest.mark.filterwarnings("ignore::erfa.ErfaWarning")
def test_to_tai_is_astropys(instant: tuple[date, int, int]) -> None:
    text = as_text(*instant)
    utc = Time(text, scale="utc").tai  # two doubles: a nanosecond only approximately
    utc.precision = 9
    assert abs(to_tai(parse_time(text), "utc") - tai(utc.isot)) <= 2
    assert abs(to_tai(parse_time(text), "tai") - tai(text)) <= 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # As the stack's own exports have them.
        ("1970-01-01T00:00:00", 8_000_082_000),
        ("2013-01-15", tai("2013-01-15T00:00:35")),
        ("2016-12-23", tai("2016-12-23T00:00:36")),
        ("2016-12-31T23:59:59", tai("2017-01-01T00:00:35")),
        ("2016-12-31T23:59:60", tai("2017-01-01T00:00:36")),
        ("2017-01-01", tai("2017-01-01T00:00:37")),
        ("2099-12-31", tai("2099-12-31T00:00:37")),
        ("1971-12-31", tai("1971-12-31") + 9_889_650_000),
    ],
)
def test_utc_offsets(text: str, expected: int) -> None:
    assert to_tai(parse_time(text), "utc") == expected


def test_an_observing_day_begins_at_its_rollover() -> None:
    assert to_tai(parse_time("2022-04-05"), "utc", 43200) == tai("2022-04-05T12:00:37")
    assert to_tai(parse_time("2016-12-31"), "utc", 43200) == tai("2016-12-31T12:00:36")
    assert to_tai(parse_time("2022-04-05T00:00:00"), "utc", 43200) == tai("2022-04-05T00:00:37")
    assert read_ranges([("2022-04-05", "2022-04-06")], INCLUSIVE, "date", "utc", 43200) == [
        span("2022-04-05T12:00:37", "2022-04-07T12:00:37")
    ]


@STABLE
@given(st.integers(-(10**18), 5 * 10**18))
def test_format_tai_is_exact(ns: int) -> None:
    text = format_tai(ns)
    assert to_tai(parse_time(text), "tai") == ns
    assert not ("." in text and text.endswith("0"))


def test_format_tai_of_what_is_no_date() -> None:
    assert format_tai(None) == "unbounded"
    assert format_tai(10**21) == f"{10**21} ns TAI"
    assert str(Span(None, 0)) == "[-inf, 1970-01-01T00:00:00)"


BOUND = st.none() | st.integers(0, 8)


@STABLE
@given(BOUND, BOUND, BOUND, BOUND)
def test_overlaps_is_a_shared_instant(a: int | None, b: int | None, c: int | None, d: int | None) -> None:
    def instants(begin: int | None, end: int | None) -> set[int]:
        return {t for t in range(-1, 10) if (begin is None or begin <= t) and (end is None or t < end)}

    first, second = Span(a, b), Span(c, d)
    if first.is_empty or second.is_empty:
        return
    assert first.overlaps(second) == bool(instants(a, b) & instants(c, d)) == second.overlaps(first)


def test_clipped() -> None:
    assert Span(-5, MAX_NS).clipped() == Span(None, None)
    assert Span(0, MAX_NS + 1).clipped() == Span(None, None)
    assert Span(1, MAX_NS - 1).clipped() == Span(1, MAX_NS - 1)


# Dialects.


@pytest.mark.parametrize(
    ("ranges", "expected", "name"),
    [
        # Dates 2014-01-01, -11 and -31 with N = 15: A meets at the midpoint, C a day later, B beside it.
        (
            [("2013-12-17", "2014-01-06"), ("2014-01-06", "2014-01-21"), ("2014-01-21", "2014-02-15")],
            Boundaries(2, 0, 0, 0, 6, 0),
            "A or C (end = next start)",
        ),
        (
            [("2013-12-17", "2014-01-06"), ("2014-01-07", "2014-01-21"), ("2014-01-22", "2014-02-15")],
            Boundaries(0, 2, 0, 0, 6, 0),
            "B or D (inclusive days)",
        ),
        ([("2014-01-01", "2014-01-01")], Boundaries(0, 0, 0, 0, 2, 0), "no interior boundary"),
        (
            [("2014-01-01", "2014-01-03"), ("2014-01-02", "2014-01-05"), ("2014-02-01", "2014-02-02")],
            Boundaries(0, 0, 1, 1, 6, 0),
            "no interior boundary",
        ),
        (
            [("2014-01-01", "2014-01-02"), ("2014-01-02", "2014-01-03"), ("2014-01-04", "2014-01-05")],
            Boundaries(1, 1, 0, 0, 6, 0),
            "mixed",
        ),
        (
            [("2014-01-01T00:00:00", "2014-01-02T00:00:00"), ("2014-01-02", "2014-01-03T00:00:00")],
            Boundaries(1, 0, 0, 0, 1, 3),
            "date and time",
        ),
        # Rejects and repetitions are no evidence.
        (
            [
                ("2014-01-01", "2014-01-02"),
                ("2014-01-01", "2014-01-02"),
                ("None", "None"),
                ("2014-01-09", "2014-01-02"),
            ],
            Boundaries(0, 0, 0, 0, 2, 0),
            "no interior boundary",
        ),
    ],
)
def test_count_and_detect(ranges: list[tuple[str, str]], expected: Boundaries, name: str) -> None:
    assert count_boundaries(ranges) == count_boundaries(ranges[::-1]) == expected
    assert detect_dialect(expected) == name


@pytest.mark.parametrize("dialect", "ABCD")
def test_ingested_ranges_show_their_dialect(dialect: str) -> None:
    ranges = assign_validity(("2014-01-01", "2014-01-11", "2014-01-31"), 15, dialect)  # type: ignore[arg-type]
    name = detect_dialect(count_boundaries([r[1:] for r in ranges]))
    assert dialect in name.partition("(")[0]


NONE, TOUCH, NEXT = Boundaries(dates=4), Boundaries(touching=2, dates=6), Boundaries(next_day=2, dates=6)
ISO, SOME = Boundaries(gaps=1, times=4), Boundaries(touching=1, dates=3, times=1)


@pytest.mark.parametrize(
    ("observed", "group", "table", "expected"),
    [
        ("date", NONE, None, INCLUSIVE),
        ("date", TOUCH, None, INCLUSIVE),
        ("date", NEXT, None, INCLUSIVE),
        ("date", ISO, None, AFTER),
        ("date", SOME, None, AFTER),
        ("iso", NONE, None, HALF_OPEN),
        ("iso", TOUCH, None, HALF_OPEN),
        ("iso", NEXT, None, INCLUSIVE),
        ("iso", ISO, None, TIMES),
        ("iso", SOME, None, TIMES),
        ("iso", NONE, NEXT, INCLUSIVE),
        ("iso", NONE, TOUCH, HALF_OPEN),
        ("iso", TOUCH, NEXT, HALF_OPEN),
        ("iso", NEXT, TOUCH, INCLUSIVE),
    ],
)
def test_choose_reading(
    observed: str, group: Boundaries, table: Boundaries | None, expected: Reading
) -> None:
    assert choose_reading(observed, group, table) is expected  # type: ignore[arg-type]


# Readings.


@pytest.mark.parametrize(
    ("observed", "reading", "ranges", "expected"),
    [
        # The rows of GEN2_FACTS 2.1: both days whole; the end day out; to the printed precision; the start day out.
        ("date", INCLUSIVE, [("2015-02-16", "2015-02-18")], [("2015-02-16", "2015-02-19")]),
        ("iso", HALF_OPEN, [("2015-02-16", "2015-02-18")], [("2015-02-16", "2015-02-18")]),
        (
            "iso",
            TIMES,
            [("2015-02-16T01:00:00", "2015-02-18T02:00:00.5")],
            [("2015-02-16T01:00:00", "2015-02-18T02:00:00.6")],
        ),
        (
            "date",
            AFTER,
            [("2015-02-16T00:00:00", "2015-02-18T00:00:00")],
            [("2015-02-17", "2015-02-19")],
        ),
        # A date in such a group is as it always is.
        ("date", AFTER, [("2015-02-16", "2015-02-18")], [("2015-02-16", "2015-02-19")]),
        # A night's own master; neighbours of dialect B.
        ("date", INCLUSIVE, [("2015-02-16", "2015-02-16"), ("2015-02-17", "2015-02-17")], [("2015-02-16", "2015-02-17"), ("2015-02-17", "2015-02-18")]),
        # Dialects A and C: the shared day is the next one's; the last end is inclusive all the same.
        ("date", INCLUSIVE, [("2015-02-01", "2015-02-10"), ("2015-02-10", "2015-02-20")], [("2015-02-01", "2015-02-10"), ("2015-02-10", "2015-02-21")]),
        # ... and so is one before a gap.
        ("date", INCLUSIVE, [("2015-02-01", "2015-02-10"), ("2015-02-15", "2015-02-20")], [("2015-02-01", "2015-02-11"), ("2015-02-15", "2015-02-21")]),
        # Distance 2N: both keep the middle day, and the reading gives it to the later one.
        ("date", INCLUSIVE, [("2014-12-31", "2015-01-02"), ("2015-01-02", "2015-01-04")], [("2014-12-31", "2015-01-02"), ("2015-01-02", "2015-01-05")]),
        # Three that meet on one day, one of which has no other day.
        ("date", INCLUSIVE, [("2015-02-01", "2015-02-05"), ("2015-02-05", "2015-02-05"), ("2015-02-05", "2015-02-09")], [("2015-02-01", "2015-02-05"), ("2015-02-05", "2015-02-06"), ("2015-02-05", "2015-02-10")]),
        # Observed by time, dialect B: the last day is extended, but never over another range.
        ("iso", INCLUSIVE, [("2015-02-01", "2015-02-10"), ("2015-02-11", "2015-02-20")], [("2015-02-01", "2015-02-11"), ("2015-02-11", "2015-02-21")]),
        ("iso", INCLUSIVE, [("2015-02-01", "2015-02-10"), ("2015-02-05", "2015-02-20")], [("2015-02-01", "2015-02-10"), ("2015-02-05", "2015-02-21")]),
        ("iso", INCLUSIVE, [("2015-02-01", "2015-02-10"), ("", "2015-02-20")], [("2015-02-01", "2015-02-10"), (None, "2015-02-21")]),
        # A range of no length compared with dates cuts nothing.
        ("date", AFTER, [("2015-02-01", "2015-02-06"), ("2015-02-05T00:00:00", "2015-02-05T10:00:00")], [("2015-02-01", "2015-02-07"), "has no length"]),
        # Dialect E: microseconds short.
        (
            "iso",
            TIMES,
            [("1970-01-01T00:00:00", "2015-02-01T11:59:59.999998"), ("2015-02-01T11:59:59.999999", "2037-12-31T00:00:00")],
            [(None, "2015-02-01T11:59:59.999999"), ("2015-02-01T11:59:59.999999", "2037-12-31T00:00:01")],
        ),
        # Dialect F: the second at which both meet is the later one's.
        (
            "iso",
            TIMES,
            [("2015-02-01T00:00:00", "2015-02-01T10:00:00"), ("2015-02-01T10:00:00", "2015-02-01T20:00:00")],
            [("2015-02-01T00:00:00", "2015-02-01T10:00:00"), ("2015-02-01T10:00:00", "2015-02-01T20:00:01")],
        ),
        # A nightly range (or a single instant) yields to the range that starts with it.
        ("iso", INCLUSIVE, [("2015-02-10", "2015-02-10"), ("2015-02-10", "2015-02-15")], ["has no length", ("2015-02-10", "2015-02-16")]),
        ("iso", TIMES, [("2015-02-10T00:00:00", "2015-02-10T00:00:00"), ("2015-02-10T00:00:00", "2015-02-10T06:00:00")], ["has no length", ("2015-02-10T00:00:00", "2015-02-10T06:00:01")]),
        # Alone it is a whole day.
        ("iso", INCLUSIVE, [("2015-02-10", "2015-02-10")], [("2015-02-10", "2015-02-11")]),
        # Open ends, and years that a Butler does not have.
        ("date", INCLUSIVE, [("", "2015-02-10"), (None, None)], [(None, "2015-02-11"), (None, None)]),
        ("iso", HALF_OPEN, [("1744-12-07", "2292-07-05")], [(None, None)]),
    ],
)  # fmt: skip
def test_readings(observed: str, reading: Reading, ranges: list, expected: list) -> None:
    for order in (1, -1):
        found = read_ranges(ranges[::order], reading, observed, "tai")  # type: ignore[arg-type]
        for got, wanted in zip(found, expected[::order], strict=True):
            if isinstance(wanted, str):
                assert isinstance(got, str) and wanted in got
            else:
                assert got == span(*wanted)


@pytest.mark.parametrize(
    ("reading", "range_", "why"),
    [
        (INCLUSIVE, ("2015-02-18", "2015-02-16"), "validity 2015-02-18 to 2015-02-16 runs backwards"),
        (TIMES, ("2015-02-18T01:00:00", "2015-02-18T00:59:59"), "runs backwards"),
        (INCLUSIVE, ("None", "None"), "validity None to None: 'None' is not YYYY-MM-DD"),
        (INCLUSIVE, ("2015-02-16", "None"), "validity 2015-02-16 to None: 'None' is not YYYY-MM-DD"),
        (INCLUSIVE, ("2015-2-16", "2015-02-18"), "'2015-2-16' is not YYYY-MM-DD"),
        (INCLUSIVE, ("2015-02-16", "2015-02-29"), "'2015-02-29' is not a date"),
        (HALF_OPEN, ("2015-02-16", "2015-02-16"), "has no length (read as half-open)"),
        (AFTER, ("2015-02-16T00:00:00", "2015-02-16T09:00:00"), "has no length (read as after-start-day)"),
        (HALF_OPEN, ("1744-12-07", "1745-01-01"), "not within 1970 to 2100"),
        (HALF_OPEN, ("2155-12-07", "2156-01-01"), "not within 1970 to 2100"),
    ],
)
def test_rejects(reading: Reading, range_: tuple[str, str], why: str) -> None:
    for observed in ("date", "iso"):
        bad, good = read_ranges([range_, ("2001-01-01", "2001-01-03")], reading, observed, "utc")  # type: ignore[arg-type]
        assert isinstance(bad, str) and why in bad
        assert isinstance(good, Span)


# Offsets in hours, so that dates and times of day mix.
TEXTS = (
    st.integers(0, 24 * 8)
    .map(lambda h: date(2015, 2, 1) + timedelta(h // 24))
    .flatmap(lambda d: st.sampled_from((f"{d}", f"{d}", f"{d}T00:00:00", f"{d}T07:30", f"{d}T18:00:00.25")))
)
RANGES = st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=6)


def widest(range_: tuple[str, str], reading: Reading) -> Span:
    """The most that the notes allow: from the start's first instant to the end of what the end prints."""
    first, last = (parse_time(text) for text in range_)
    begin = first.day * DAY + first.ns
    end = last.day * DAY + last.ns
    if reading is AFTER:
        return Span(first.day * DAY + (not first.is_date) * DAY, (last.day + 1) * DAY)
    return Span(begin, end + (0 if reading is HALF_OPEN else last.resolution))


@STABLE
@given(
    RANGES,
    st.sampled_from(list(Reading)),
    st.sampled_from(("date", "iso")),
    st.randoms(use_true_random=False),
)
def test_spans_stay_within_what_is_printed(ranges: list, reading: Reading, observed: str, rng) -> None:  # type: ignore[no-untyped-def]
    found = read_ranges(ranges, reading, observed, "tai")  # type: ignore[arg-type]
    assert len(found) == len(ranges)
    for range_, result in zip(ranges, found, strict=True):
        if isinstance(result, str):
            assert f"validity {range_[0]} to {range_[1]}" in result
            continue
        most = widest(range_, reading)
        # The begin is always what was said, the end never earlier than the end's own instant.
        assert result.begin == most.begin
        least = parse_time(range_[1])
        assert result.end is not None and least.day * DAY + least.ns <= result.end <= most.end  # type: ignore[operator]
        assert not result.is_empty
    order = list(range(len(ranges)))
    rng.shuffle(order)
    again = read_ranges([ranges[i] for i in order], reading, observed, "tai")  # type: ignore[arg-type]
    assert again == [found[i] for i in order]


@STABLE
@given(RANGES, st.sampled_from((INCLUSIVE, TIMES)))
def test_an_extension_takes_no_instant_that_gen2_gave_to_another(ranges: list, reading: Reading) -> None:
    found = read_ranges(ranges, reading, "iso", "tai")
    for i, result in enumerate(found):
        if isinstance(result, str):
            continue
        said = parse_time(ranges[i][1])
        extension = Span(said.day * DAY + said.ns, result.end)
        if extension.is_empty:
            continue
        for j, other in enumerate(found):
            last = parse_time(ranges[j][1])
            if j != i and isinstance(other, Span):
                core = Span(other.begin, last.day * DAY + last.ns)
                assert core.is_empty or not core.overlaps(extension), (ranges[i], ranges[j])
