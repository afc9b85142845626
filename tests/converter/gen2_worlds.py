"""Random registries and observations, Gen2's answers for them, and what planning makes of them.

Nothing here parses a validity range or computes a span: instants come from a
table of two TAI - UTC offsets and the standard library, Gen2's answers from
`adapters.gen2.lookup`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from adapters.camera import Calibration, Camera
from adapters.gen2.directory import FileEntry
from adapters.gen2.lookup import Gen2Answer, Gen2Lookup, Table
from adapters.gen2.masters import read_calibrations
from adapters.gen2.source import CalibSource
from adapters.hsc import HSC
from adapters.lsst import LATISS, ImSim
from converter.gather import count_all
from converter.nouns import DataId, Observation
from converter.planning.settling import Validity
from converter.planning.validity import exposure_times, plan_validity
from converter.recipe import Recipe
from converter.timespans import Span
from fixtures.lsst_files import detector_names
from fixtures.registry import assign_validity

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
DAY = 86_400 * SECOND
EPOCH = date(1970, 1, 1)
FIRST = date(2016, 12, 22)
"""Day 0 of the time axis; a leap second ends day 9."""
DAYS = 24
LEAP = ((date(2017, 1, 1) - EPOCH).days * 86_400 + 36) * SECOND
"""TAI of 2016-12-31T23:59:60 UTC, which lasts a second."""

CAMERAS: Mapping[str, Camera] = {"hsc": HSC(), "latiss": LATISS(), "imsim": ImSim()}
DETECTORS = {"hsc": (49, 50), "latiss": (0,), "imsim": (36, 42)}
FILTERS = {
    "hsc": ("HSC-R", "HSC-I"),
    "latiss": ("SDSSr~empty", "empty~empty"),
    "imsim": ("i_sim_1.4", "r_sim_1.4"),
}
DATE_CAMERAS = ("hsc", "latiss")


def utc_from_tai(tai: int) -> tuple[date, int]:
    """UTC date and nanoseconds of it (86400 s and more in a leap second)."""
    if LEAP <= tai < LEAP + SECOND:
        return date(2016, 12, 31), DAY + tai - LEAP
    days, ns = divmod(tai - (37 if tai >= LEAP else 36) * SECOND, DAY)
    return EPOCH + timedelta(days), ns


def tai_from_utc(day: date, ns: int = 0) -> int:
    return (day - EPOCH).days * DAY + ns + (37 if day >= date(2017, 1, 1) else 36) * SECOND


def iso(tai: int, digits: int = 3) -> str:
    """TAI date and time, cut after some digits."""
    days, ns = divmod(tai, DAY)
    seconds, fraction = divmod(ns, SECOND)
    text = f"{EPOCH + timedelta(days)}T{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{text}.{fraction:09d}"[: len(text) + 1 + digits] if digits else text


def observed_text(camera: str, begin: int, digits: int = 3) -> dict[str, str]:
    """The time columns that ingestion wrote for an exposure that begins at a TAI instant."""
    day, ns = utc_from_tai(begin)
    if camera == "hsc":
        return {"taiObs": day.isoformat(), "dateObs": day.isoformat()}
    observing_day = day if ns >= DAY // 2 else day - timedelta(1)
    return {"dateObs": iso(begin, digits), "dayObs": observing_day.isoformat()}


@dataclass(frozen=True)
class Exposure:
    begin: int
    end: int
    filter: str
    times: Mapping[str, str]


@dataclass
class World:
    """One registry: rows by calibration table, and exposures of all detectors."""

    camera_name: str
    rows: Mapping[str, Sequence[Mapping[str, Any]]]
    exposures: Sequence[Exposure]
    camera: Camera = field(init=False)

    def __post_init__(self) -> None:
        self.camera = CAMERAS[self.camera_name]

    def __repr__(self) -> str:
        lines = [self.camera_name]
        for table, rows in self.rows.items():
            lines += [
                f"{table} {r['calibDate']} {r['filter']} {r['detector']}: {r['validStart']} .. {r['validEnd']}"
                for r in rows
            ]
        lines += [f"exposure {Span(e.begin, e.end)} {e.filter} {dict(e.times)}" for e in self.exposures]
        return "\n".join(lines)

    def raw_rows(self) -> list[dict[str, Any]]:
        result = []
        for number, exposure in enumerate(self.exposures, start=1):
            for detector in DETECTORS[self.camera_name]:
                raft, sensor = ("", "") if self.camera_name == "hsc" else _chip(self.camera_name, detector)
                result.append(
                    {
                        "id": len(result) + 1,
                        **dict.fromkeys(("field", "run", "object"), "x"),
                        "visit": number,
                        "expId": number,
                        "seqNum": number,
                        "ccd": detector,
                        "detector": detector,
                        "raftName": raft,
                        "detectorName": sensor,
                        "filter": exposure.filter,
                        "pointing": 1,
                        "expTime": 1.0,
                        **exposure.times,
                    }
                )
        return result

    def timespans(self) -> dict[int, tuple[int, int]]:
        return {n: (e.begin, e.end) for n, e in enumerate(self.exposures, start=1)}

    @cached_property
    def calib(self) -> CalibSource:
        """The calibration root; every master that a row names is there."""
        files = {}
        for calibration in self.camera.calibrations:
            if calibration.table in self.rows:
                tables = {calibration.table, calibration.lookup_table}
                files |= {
                    calibration.template % row: FileEntry(1, 1, "file")
                    for table in tables
                    for row in self.rows.get(table, ())
                }
        tables = {name: _table(name, rows) for name, rows in self.rows.items()}
        return CalibSource(Path("/calib"), "calibRegistry", tables, (), Listing(files))  # type: ignore[arg-type]

    def compared(self) -> list[Calibration]:
        """Dataset types that Gen2 could look up here."""
        return [c for c in self.camera.calibrations if {c.table, c.lookup_table} <= set(self.rows)]

    def gen2(self, calibration: Calibration) -> list[Gen2Answer]:
        """Gen2's answer for every raw row."""
        rows = self.raw_rows()
        visits = {r["visit"]: {k: r[k] for k in ("visit", "filter", "taiObs") if k in r} for r in rows}
        raw = {"raw": _table("raw", rows), "raw_visit": _table("raw_visit", list(visits.values()))}
        lookup = Gen2Lookup(self.camera, calibration, raw, [self.calib.for_lookup])
        return list(lookup.answers(rows))

    def plan(self, recipe: Recipe) -> Validity:
        """What reading and planning make of all rows; rejects of both."""
        found = read_calibrations(self.camera, self.calib)
        self.masters = found.masters
        columns = {self.camera.time_column(c).name for c in self.camera.calibrations}
        observations = [
            Observation(
                row["visit"],
                row["detector"],
                {c: row[c] for c in columns if c in row},
                self.camera.physical_filter(row["filter"]),
                row["id"],
            )
            for row in self.raw_rows()
        ]
        times = exposure_times(self.camera, observations, self.timespans())
        result = plan_validity(
            self.camera, recipe, found.masters, found.claims, count_all(found.ranges), times
        )
        result.rejects += found.rejects
        return result

    def gen3(self, calibration: Calibration, validity: Validity, row: Mapping[str, Any]) -> set[str]:
        """Paths of the masters that a lookup with the exposure's timespan finds, by brute force."""
        by_filter = "physical_filter" in calibration.dimensions
        data_id = DataId(row["detector"], self.camera.physical_filter(row["filter"]) if by_filter else None)
        exposure = Span(*self.timespans()[row["visit"]])
        return {
            self.masters[key].path
            for key, spans in validity.spans.items()
            if key.dataset_type == calibration.dataset_type and key.data_id == data_id
            for span in spans
            if (span.begin is None or span.begin < exposure.end)
            and (span.end is None or exposure.begin < span.end)
        }


class Listing:
    """A directory that need not exist."""

    def __init__(self, files: Mapping[str, FileEntry]) -> None:
        self.files = dict(files)

    def entry(self, relative: str) -> tuple[str, FileEntry] | None:
        found = self.files.get(relative)
        return None if found is None else (relative, found)


def _chip(camera: str, detector: int) -> tuple[str, str]:
    return detector_names(camera, detector)


def _table(name: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    columns = tuple(rows[0]) if rows else ("id",)
    return Table(name, columns, [tuple(row[c] for c in columns) for row in rows])


def calib_rows(
    camera: str, found: Iterable[tuple[str, Any, Any]], filters: Iterable[str], detectors: Iterable[int]
) -> Iterator[dict[str, Any]]:
    """Rows of one table for ranges ``(calibDate, validStart, validEnd)``."""
    filters, detectors = tuple(filters), tuple(detectors)
    for calib_date, start, end in found:
        for filter_ in filters:
            for detector in detectors:
                raft, sensor = ("", "") if camera == "hsc" else _chip(camera, detector)
                yield {
                    "filter": filter_,
                    "ccd": detector,
                    "detector": detector,
                    "raftName": raft,
                    "detectorName": sensor,
                    "calibDate": calib_date,
                    "validStart": start,
                    "validEnd": end,
                }


# Strategies.


def day(offset: int) -> date:
    return FIRST + timedelta(offset)


OFFSETS = st.integers(0, DAYS - 1)
NONSENSE = st.sampled_from(
    [
        ("None", "None"),
        (None, None),
        ("", ""),
        ("", "2016-12-28"),
        ("2017-1-5", "2017-2-5"),
        ("2016-12-25", "None"),
        ("a", "b"),
    ]
)


@st.composite
def ingested(draw: st.DrawFn, dialect: str) -> list[tuple[str, str, str]]:
    """What ingestion gave to one detector group, dialects A to D."""
    offsets = draw(st.sets(OFFSETS, min_size=1, max_size=5))
    reach = draw(st.sampled_from((0, 1, 2, 3, 4, 6, 9, 30, 100_000)))
    superseded = draw(st.booleans())
    return assign_validity([day(o).isoformat() for o in offsets], reach, dialect, superseded)  # type: ignore[arg-type]


@st.composite
def instant(draw: st.DrawFn, step: int = SECOND) -> int:
    """An instant on the axis, often round."""
    return (
        tai_from_utc(day(draw(OFFSETS)))
        - 36 * SECOND
        + draw(
            st.one_of(
                st.sampled_from((0, 6 * 3600 * SECOND, DAY // 2, DAY - SECOND)),
                st.integers(0, DAY // step - 1).map(lambda n: n * step),
            )
        )
    )


@st.composite
def by_calib_time(draw: st.DrawFn) -> list[tuple[str, str, str]]:
    """Dialect E, as PFS wrote it: microseconds short of the next one."""
    times = sorted(draw(st.sets(instant(), min_size=1, max_size=5)))
    found = []
    for n, time in enumerate(times):
        start = iso(time - 1000, 6) if n else "1970-01-01T00:00:00"
        end = iso(times[n + 1] - 2000, 6) if n + 1 < len(times) else "2037-12-31T00:00:00"
        found.append((iso(time, 0), start, end))
    return found


@st.composite
def supplied(draw: st.DrawFn) -> list[tuple[str, str, str]]:
    """Dialect F: seconds, with overlaps and gaps as they came."""
    found = {}
    for _ in range(draw(st.integers(1, 5))):
        first, last = sorted(draw(st.tuples(instant(), instant())))
        found[iso(draw(instant()), 0)[:10]] = (iso(first, 0), iso(last, 0))
    return [(d, *r) for d, r in found.items()]


@st.composite
def edited(draw: st.DrawFn, with_times: bool = True) -> list[tuple[str, Any, Any]]:
    """Dialect G: anything, also several rows for one date, runs backwards, and nonsense."""

    def text() -> str:
        time = draw(instant(MINUTE))
        form = draw(st.sampled_from(("date", "date", "s", "ms", "min") if with_times else ("date",)))
        if form == "date":
            return iso(time)[:10]
        return iso(time, 3) if form == "ms" else iso(time, 0) if form == "s" else iso(time, 0)[:16]

    found: list[tuple[str, Any, Any]] = []
    for _ in range(draw(st.integers(1, 6))):
        calib_date = day(draw(st.integers(0, 5))).isoformat()
        if draw(st.integers(0, 9)) == 0:
            found.append((calib_date, *draw(NONSENSE)))
        elif draw(st.integers(0, 9)) == 0:
            found.append((calib_date, text(), text()))
        else:
            found.append((calib_date, *sorted((text(), text()))))
    return found


DIALECTS = {
    **{d: ingested(d) for d in "ABCD"},
    "E": by_calib_time(),
    "F": supplied(),
    "G dates": edited(with_times=False),
    "G": edited(),
}


@st.composite
def tables(draw: st.DrawFn, camera: str, ranges: st.SearchStrategy[Any]) -> dict[str, list[dict[str, Any]]]:
    """A bias table (filters only split its groups), a flat table, and defects."""
    result: dict[str, list[dict[str, Any]]] = {}
    detectors, filters = DETECTORS[camera], FILTERS[camera]
    for table in draw(
        st.sampled_from((("bias",), ("flat",), ("bias", "flat"), ("flat", "fringe"), ("defects",)))
    ):
        rows: list[dict[str, Any]] = []
        groups = draw(st.integers(1, 2))
        for n in range(groups):
            found = draw(ranges)
            chosen = filters[n : n + 1] if table in ("flat", "fringe") else ("NONE", filters[0])[n : n + 1]
            rows += calib_rows(camera, found, chosen, detectors)
        if table == "bias" and draw(st.booleans()):  # the detectors differ
            rows = [r for r in rows if r["detector"] == detectors[0] or draw(st.booleans())]
        draw(st.randoms(use_true_random=False)).shuffle(rows)
        result[table] = [{"id": n, **row} for n, row in enumerate(rows, start=1)]
    return result


def edges(camera: str, rows: Iterable[Mapping[str, Any]]) -> list[int]:
    """Instants (TAI) at which something may change, from the texts."""
    found = set()
    for row in rows:
        for text in (row["validStart"], row["validEnd"]):
            try:
                when = datetime.fromisoformat(text).replace(tzinfo=UTC)
            except (TypeError, ValueError):
                continue
            if not 2016 <= when.year <= 2017:
                continue
            since = (when - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
            if camera == "hsc":
                found |= {tai_from_utc(when.date()), tai_from_utc(when.date() + timedelta(1))}
            elif camera == "latiss":
                noon = tai_from_utc(when.date(), DAY // 2)
                found |= {noon, noon + DAY}
            if camera != "hsc":  # defects of LATISS were looked up by time
                found |= {since, since // DAY * DAY, since // DAY * DAY + DAY}
    return sorted(found)


@st.composite
def exposures(
    draw: st.DrawFn, camera: str, rows: Sequence[Mapping[str, Any]], step: int = 1
) -> list[Exposure]:
    """Exposures one after the other, many on a boundary or across it, in any order."""
    anchors = edges(camera, rows) or [tai_from_utc(FIRST)]
    wanted = []
    for _ in range(draw(st.integers(2, 12))):
        duration = draw(st.sampled_from((1, SECOND, 30 * SECOND, 900 * SECOND)))
        shift = draw(
            st.sampled_from((0, 0, -duration // 2, -duration, 1, -1, 700_000, SECOND, -SECOND, 1_400_000_000))
        )
        anchor = draw(st.one_of(st.sampled_from(anchors), instant(1_000_003)))
        wanted.append((anchor + shift, duration))
    result: list[Exposure] = []
    for begin, duration in sorted(wanted):
        if result and begin < result[-1].end:
            begin = result[-1].end  # a camera exposes once at a time
        begin = -(-begin // step) * step
        filter_ = draw(st.sampled_from(FILTERS[camera]))
        result.append(Exposure(begin, begin + duration, filter_, observed_text(camera, begin)))
    return draw(st.permutations(result))


@st.composite
def worlds(draw: st.DrawFn, camera: str, dialect: str) -> World:
    rows = draw(tables(camera, DIALECTS[dialect]))
    every = [row for table in rows.values() for row in table]
    # Ends finer than the observation's own text: what was cut off there may lie beyond them (see the limits).
    step = SECOND // 1000 if dialect == "E" else 1
    return World(camera, rows, draw(exposures(camera, every, step)))
