"""Ranges before and after, folded into rows. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from ..nouns import DataId
from ..timespans import MAX_NS, MIN_NS, Span
from .before import Before, Key, versions_of
from .model import Bar, Row
from .recorded import Place


class After(NamedTuple):
    """One certified range: RUN, range (TAI), collection, and its place in the search."""

    run: str
    span: Span
    collection: str
    rank: int

    @property
    def stamp(self) -> str:
        """Last part of the RUN's name."""
        return self.run.rpartition("/")[2]


def make_rows(
    before: Mapping[Key, Sequence[Before]],
    after: Mapping[Key, Sequence[After]],
    originals: Mapping[tuple[str, str, DataId], str],
    decisions: Mapping[Place, Sequence[str]],
) -> tuple[Row, ...]:
    """Rows of a timeline: detectors whose lanes are equal are one row.

    Parameters
    ----------
    before, after
        Ranges of Gen2 and of Gen3, by dataset type and data ID.
    originals
        The source's texts, by dataset type, RUN and data ID.
    decisions
        What was decided, by dataset type, RUN stamp and data ID.
    """
    groups: dict[tuple[str, str, tuple[Bar, ...], tuple[Bar, ...]], list[int]] = defaultdict(list)
    for key in sorted(before.keys() | after.keys(), key=_order):
        dataset_type, data_id = key
        lanes = _lanes(dataset_type, data_id, before.get(key, ()), after.get(key, ()), originals, decisions)
        detectors = groups[dataset_type, data_id.physical_filter or "", *lanes]
        if data_id.detector is not None:
            detectors.append(data_id.detector)
    rows = [
        Row(
            dataset_type,
            physical_filter,
            tuple(detectors),
            first,
            second,
            overlaps(first),
            gaps([bar.span for bar in first]),
            gaps([bar.span for bar in second]),
        )
        for (dataset_type, physical_filter, first, second), detectors in groups.items()
    ]
    rows.sort(key=lambda r: (r.dataset_type, r.physical_filter, r.detectors))
    return tuple(rows)


def _order(key: Key) -> tuple[str, str, int]:
    dataset_type, data_id = key
    return dataset_type, data_id.physical_filter or "", -1 if data_id.detector is None else data_id.detector


def _lanes(
    dataset_type: str,
    data_id: DataId,
    before: Sequence[Before],
    after: Sequence[After],
    originals: Mapping[tuple[str, str, DataId], str],
    decisions: Mapping[Place, Sequence[str]],
) -> tuple[tuple[Bar, ...], tuple[Bar, ...]]:
    certified = {stamp for row in after for stamp in versions_of(row.stamp)}
    spans: dict[str, list[Span]] = defaultdict(list)
    for said in before:
        spans[said.stamp].append(said.span)

    def decided(stamp: str) -> tuple[str, ...]:
        texts = (decisions.get((dataset_type, s, data_id), ()) for s in versions_of(stamp))
        return tuple(dict.fromkeys(text for part in texts for text in part))

    first = tuple(
        Bar(b.span, b.stamp, "", b.original, decided(b.stamp), is_odd=b.stamp not in certified)
        for b in before
    )
    second = []
    for row in sorted(after, key=lambda a: (_begin(a.span), a.rank, a.run)):
        was = next((spans[s] for s in versions_of(row.stamp) if s in spans), [])
        second.append(
            Bar(
                row.span,
                row.run,
                row.collection,
                originals.get((dataset_type, row.run, data_id), ""),
                decided(row.stamp),
                # Of a master of which the source says nothing, no end was moved.
                bool(was) and row.span.begin not in {s.begin for s in was},
                bool(was) and row.span.end not in {s.end for s in was},
                _is_hidden(row, after),
            )
        )
    return first, tuple(second)


def _is_hidden(row: After, others: Iterable[After]) -> bool:
    """Whether a search comes to another range first, at some time of this one."""
    return row.rank > 0 and any(other.rank < row.rank and other.span.overlaps(row.span) for other in others)


def _begin(span: Span) -> int:
    return MIN_NS if span.begin is None else span.begin


def _end(span: Span) -> int:
    return MAX_NS if span.end is None else span.end


def _span(begin: int, end: int) -> Span:
    return Span(begin, end).clipped()


def overlaps(bars: Sequence[Bar]) -> tuple[Span, ...]:
    """Where several masters are valid at once, in order and joined."""
    # What one master says of itself in several rows adds up.
    by_master: dict[str, list[Span]] = defaultdict(list)
    for bar in bars:
        by_master[bar.master].append(bar.span)
    edges: list[tuple[int, int]] = []
    for spans in by_master.values():
        for begin, end in union(spans):
            edges += [(begin, 1), (end, -1)]
    found: list[tuple[int, int]] = []
    depth = 0
    since = 0
    for at, step in sorted(edges):
        if depth == 2 and step == -1 and since < at:
            if found and found[-1][1] == since:
                found[-1] = found[-1][0], at
            else:
                found.append((since, at))
        depth += step
        if depth == 2 and step == 1:
            since = at
    return tuple(_span(*pair) for pair in found)


def gaps(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Times between the first begin and the last end in which nothing is valid."""
    whole = union(spans)
    return tuple(Span(a[1], b[0]) for a, b in pairwise(whole))


def union(spans: Iterable[Span]) -> list[tuple[int, int]]:
    """Begin and end of what the spans cover, in order."""
    result: list[tuple[int, int]] = []
    for begin, end in sorted((_begin(s), _end(s)) for s in spans):
        if result and begin <= result[-1][1]:
            result[-1] = result[-1][0], max(end, result[-1][1])
        else:
            result.append((begin, end))
    return result
