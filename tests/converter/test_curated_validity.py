"""Ranges of curated calibrations: from their own date to the next one's."""

from __future__ import annotations

from itertools import pairwise

from astropy.time import Time
from hypothesis import given, settings
from hypothesis import strategies as st

from converter import names
from converter.curated import validity_spans
from converter.nouns import CuratedFile, CuratedStart, DataId, Provenance
from converter.timespans import DAY, Span, parse_time, to_tai


def file(date: str, detector: int = 1, dataset_type: str = "defects") -> CuratedFile:
    path = f"/{dataset_type}/{detector}/{date}"
    return CuratedFile(dataset_type, DataId(detector), path, date, date, "", 0, 0, Provenance(path))


def ns(text: str) -> int:
    """TAI text to nanoseconds, by astropy."""
    time, epoch = Time(text, scale="tai"), Time("1970-01-01", scale="tai")
    return round(time.jd1 - epoch.jd1) * DAY + round((time.jd2 - epoch.jd2) * DAY)


A, B, C = "1970-01-01T00:00:00", "2013-01-15T01:30:00", "2016-12-23T00:00:00"


def test_to_the_next_date_and_open_at_the_end() -> None:
    files = [file(B), file(A), file(C), file(A, 2), file(A, dataset_type="crosstalk")]
    spans = {(f.dataset_type, f.data_id.detector, f.valid_from): s for f, s in validity_spans(files)}
    first = ns("1970-01-01T00:00:08.000082")
    second, third = ns("2013-01-15T01:30:35"), ns("2016-12-23T00:00:36")
    assert spans == {
        ("defects", 1, A): Span(first, second),
        ("defects", 1, B): Span(second, third),
        ("defects", 1, C): Span(third, None),
        ("defects", 2, A): Span(first, None),
        ("crosstalk", 1, A): Span(first, None),
    }


def test_files_that_are_not_written_end_ranges() -> None:
    starts = [CuratedStart("defects", DataId(1), d) for d in (A, B, C)]
    assert [s for _, s in validity_spans([file(A), file(C)], starts)] == [
        Span(ns("1970-01-01T00:00:08.000082"), ns("2013-01-15T01:30:35")),
        Span(ns("2016-12-23T00:00:36"), None),
    ]
    other = [CuratedStart("crosstalk", DataId(1), B), CuratedStart("defects", DataId(2), B)]
    assert [s for _, s in validity_spans([file(A)], other)] == [Span(ns("1970-01-01T00:00:08.000082"), None)]


@settings(derandomize=True, deadline=None, database=None)
@given(st.lists(st.datetimes(), unique=True, min_size=1, max_size=12))
def test_ranges_follow_each_other_without_gap(times: list) -> None:  # type: ignore[type-arg]
    spans = [s for _, s in validity_spans([file(t.isoformat()) for t in times])]
    spans.sort(key=lambda s: s.begin)
    assert spans[-1].end is None
    assert all(a.end == b.begin for a, b in pairwise(spans))


def test_utc_before_leap_seconds_as_astropy_has_it() -> None:
    for text in ("1970-01-01T00:00:00", "1970-01-01T12:00:00", "1968-02-01T06:00:00", "1971-12-31T23:59:59"):
        begin = to_tai(parse_time(text), "utc")
        assert abs(begin - ns(Time(text, scale="utc", precision=9).tai.isot)) <= 1, text


def test_run_names() -> None:
    assert (
        names.curated_run("DECam", "gen2", "20130115T013000Z") == "DECam/calib/gen2/curated/20130115T013000Z"
    )
    assert names.curated_run("HSC", "", "19700101T000000Z") == "HSC/calib/curated/19700101T000000Z"
