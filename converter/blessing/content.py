"""What the collection is to hold, by what a plan says. Pure.

A set of instants belongs to every dataset; several entries that give it some
add up. What the collection has already counts for the plan's own entries only
as far as no other entry gives it: the same plan again changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ..decisions import Decision
from ..nouns import DataId
from ..span_sets import Spans, intersect, subtract, unite
from ..timespans import Span
from .repository import Dataset, Row
from .request import Inherit, Request, Take
from .selection import Chosen, Found

Content = dict[Dataset, Spans]


@dataclass
class Wanted:
    """What the collection is to hold.

    Parameters
    ----------
    content
        Ranges of every dataset.
    again
        For datasets that come in under another type: the dataset (and its id)
        whose file they are.
    decisions
        What was chosen between collections of a chain.
    conflicts
        One line each.
    """

    content: Content = field(default_factory=dict)
    again: dict[Dataset, tuple[Dataset, str]] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)


def content_of(rows: Iterable[Row]) -> Content:
    """Ranges by dataset."""
    spans: dict[Dataset, list[Span]] = defaultdict(list)
    for row in rows:
        if row.span is not None:
            spans[row.dataset].append(row.span)
    return {dataset: unite(found) for dataset, found in spans.items()}


def make_content(request: Request, found: Found) -> Wanted:
    """Put together what all entries say.

    Parameters
    ----------
    request
        The plan.
    found
        Rows that its entries mean.
    """
    wanted = Wanted()
    given: dict[Dataset, list[Span]] = defaultdict(list)
    for entry, chosen in zip(request.certify, found.taken, strict=True):
        for row in _taken(chosen):
            dataset = row.dataset
            if entry.as_type:
                dataset = _again(request, entry, row, wanted)
            given[dataset] += entry.spans
    own: list[tuple[Dataset, Span, Inherit | None]] = []
    decided: set[tuple[str, Dataset, Span]] = set()
    for inherit, chosen in zip(request.inherit, found.inherited, strict=True):
        for search in chosen.searches:
            for row, spans in _visible(search, wanted.decisions):
                assert row.span is not None
                key = (row.collection, row.dataset, row.span)
                if key in decided:
                    continue
                decided.add(key)
                if row.collection == request.collection:
                    own += [(row.dataset, span, inherit) for span in spans]
                else:
                    given[row.dataset] += _changed(inherit, spans)
    if request.extend:
        for row in found.current:
            assert row.span is not None
            if (row.collection, row.dataset, row.span) not in decided:
                own.append((row.dataset, row.span, None))
    total: dict[Dataset, list[Span]] = defaultdict(list)
    for dataset, spans_ in given.items():
        total[dataset] += spans_
    for dataset, span, own_entry in own:
        rest = subtract((span,), given.get(dataset, ()))
        total[dataset] += rest if own_entry is None else _changed(own_entry, rest)
    wanted.content = {d: united for d, spans_ in total.items() if (united := unite(spans_))}
    return wanted


def _changed(entry: Inherit, spans: Spans) -> Spans:
    """What an entry makes of ranges."""
    if entry.drop or not spans:
        return ()
    if entry.span is not None:
        return (entry.span,)
    if entry.clip is not None:
        return intersect(spans, (entry.clip,))
    if entry.cut is not None:
        return subtract(spans, (entry.cut,))
    return spans


def _taken(chosen: Chosen) -> Iterator[Row]:
    """Datasets to certify: of a chain the first for each data ID, otherwise all."""
    for search in chosen.searches:
        seen: set[tuple[str, DataId]] = set()
        for rows in search:
            now = [row for row in rows if (row.dataset.dataset_type, row.dataset.data_id) not in seen]
            yield from {row.dataset: row for row in now}.values()
            seen.update((row.dataset.dataset_type, row.dataset.data_id) for row in now)


def _again(request: Request, entry: Take, row: Row, wanted: Wanted) -> Dataset:
    run = f"{request.collection}/{row.dataset.run.rpartition('/')[2]}"
    dataset = Dataset(entry.as_type, run, row.dataset.data_id)
    first, _ = wanted.again.setdefault(dataset, (row.dataset, row.dataset_id))
    if first != row.dataset:
        wanted.conflicts.append(
            f"{entry.where_from}: {first.dataset_type} {dataset.data_id} of {first.run} and "
            f"{row.dataset.dataset_type} of {row.dataset.run} would both be {entry.as_type} in {run}; "
            "leave one of them out"
        )
    return dataset


def _visible(search: list[list[Row]], decisions: list[Decision]) -> Iterator[tuple[Row, Spans]]:
    """Ranges as a search of a chain sees them: the first collection that has one decides."""
    above: Mapping[tuple[str, DataId], list[Span]] = {}
    for number, rows in enumerate(search):
        for row in rows:
            assert row.span is not None
            spans: Spans = (row.span,)
            if number:
                spans = subtract(spans, above.get((row.dataset.dataset_type, row.dataset.data_id), ()))
                if spans != unite((row.span,)):
                    decisions.append(
                        Decision(
                            "chain-order",
                            f"{row.dataset.dataset_type} {row.dataset.data_id} of {row.dataset.run} in {row.collection}",
                            str(row.span),
                            ", ".join(map(str, spans)) or "none",
                            "a collection before it in the chain has a range there, and a search takes that one",
                            row.dataset.dataset_type,
                        )
                    )
            yield row, spans
        if number + 1 < len(search):
            below = dict(above)
            for row in rows:
                key = (row.dataset.dataset_type, row.dataset.data_id)
                assert row.span is not None
                below[key] = [*below.get(key, ()), row.span]
            above = below
