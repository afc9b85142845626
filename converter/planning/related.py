"""Which masters some chosen observation can get. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from adapters.camera import Camera, TimeColumn

from .. import names
from ..chosen import registry_span
from ..nouns import DataId, ExposureRecord, MasterKey, Skip
from ..target import TargetState
from ..timespans import MIN_NS, Span

Intervals = Mapping[DataId, Sequence[tuple[int, int]]]


class KnownExposure(NamedTuple):
    """An exposure with a record; TAI nanoseconds."""

    begin_ns: int
    end_ns: int
    physical_filter: str


def known_exposures(target: TargetState, new: Iterable[ExposureRecord]) -> dict[int, KnownExposure]:
    """Exposures whose timespan is known: those of the target, and those that are to be inserted."""
    known = {
        number: KnownExposure(e.begin_ns, e.end_ns, e.physical_filter)
        for number, e in target.exposures.items()
        if e.begin_ns is not None and e.end_ns is not None
    }
    return known | {
        r.exposure["id"]: KnownExposure(r.begin_ns, r.end_ns, r.exposure["physical_filter"]) for r in new
    }


def related_masters(
    camera: Camera,
    rows: Sequence[Mapping[str, Any]],
    exposures: Mapping[int, KnownExposure],
    spans: Mapping[MasterKey, Sequence[Span]],
) -> set[MasterKey]:
    """Masters one of whose ranges shares an instant with an observation of their detector and filter.

    Parameters
    ----------
    camera
        The camera's declaration.
    rows
        The chosen rows of the raw table.
    exposures
        What is known of exposures by their records; the others are asked by
        what the registry says, as `converter.verify` asks them.
    spans
        Validity of each master, from `converter.planning.validity`.
    """
    declared = {c.dataset_type: c for c in camera.calibrations}
    asked: dict[tuple[TimeColumn, bool], Intervals] = {}
    related: set[MasterKey] = set()
    for key, ranges in spans.items():
        calibration = declared[key.dataset_type]
        how = camera.time_column(calibration), "physical_filter" in calibration.dimensions
        if how not in asked:
            asked[how] = _observed(camera, rows, exposures, *how)
        if any(_is_observed(span, asked[how].get(key.data_id, ())) for span in ranges):
            related.add(key)
    return related


def report_unrelated(instrument: str, label: str, unrelated: Iterable[MasterKey]) -> list[Skip]:
    """One line per dataset type and RUN."""
    counts = Counter((key.dataset_type, key.stamp) for key in unrelated)
    return [
        Skip(
            f"{dataset_type} {names.calibration_run(instrument, label, stamp)}",
            f"no chosen exposure needs it: {n} data ID{'' if n == 1 else 's'} left out by --related-only",
        )
        for (dataset_type, stamp), n in sorted(counts.items())
    ]


def _observed(
    camera: Camera,
    rows: Sequence[Mapping[str, Any]],
    exposures: Mapping[int, KnownExposure],
    column: TimeColumn,
    by_filter: bool,
) -> Intervals:
    """When each detector (and filter) observed: disjoint intervals in order."""
    intervals: dict[DataId, set[tuple[int, int]]] = defaultdict(set)
    for row in rows:
        exposure = exposures.get(row[camera.raw.exposure])
        if exposure is not None:
            span: tuple[int, int] | None = (exposure.begin_ns, max(exposure.end_ns, exposure.begin_ns + 1))
            physical_filter: str | None = exposure.physical_filter
        else:
            span = registry_span(row, column)
            physical_filter = camera.physical_filter(row[camera.raw.filter])
        if span is not None:
            data_id = DataId(row[camera.raw.detector], physical_filter if by_filter else None)
            intervals[data_id].add(span)
    return {data_id: _unite(sorted(found)) for data_id, found in intervals.items()}


def _unite(intervals: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    united: list[tuple[int, int]] = []
    for begin, end in intervals:
        if united and begin <= united[-1][1]:
            united[-1] = united[-1][0], max(end, united[-1][1])
        else:
            united.append((begin, end))
    return united


def _is_observed(span: Span, intervals: Sequence[tuple[int, int]]) -> bool:
    first = bisect_right(intervals, MIN_NS if span.begin is None else span.begin, key=lambda i: i[1])
    return first < len(intervals) and (span.end is None or intervals[first][0] < span.end)
