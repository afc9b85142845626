"""Whether what a collection is to hold can be, and is all that is asked for. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

from ..decisions import Decision
from ..nouns import DataId
from ..numbers import number_ranges, numbers_of
from ..span_sets import begin_of, end_of, subtract
from ..timespans import Span
from .content import Content
from .folding import Line
from .request import ALL, Request

Timelines = Mapping[tuple[str, DataId], list[tuple[Span, str]]]


def timelines(content: Content) -> Timelines:
    """Ranges with their RUNs, by type and data ID, sorted by begin."""
    result: dict[tuple[str, DataId], list[tuple[Span, str]]] = defaultdict(list)
    for dataset, spans in content.items():
        result[dataset.dataset_type, dataset.data_id] += [(span, dataset.run) for span in spans]
    for ranges in result.values():
        ranges.sort(key=lambda r: (begin_of(r[0]), end_of(r[0]), r[1]))
    return dict(sorted(result.items(), key=lambda item: sort_key(*item[0])))


def sort_key(dataset_type: str, data_id: DataId) -> tuple[str, str, int]:
    """Order in which things are shown."""
    detector = -1 if data_id.detector is None else data_id.detector
    return dataset_type, data_id.physical_filter or "", detector


def overlaps(lines: Timelines) -> Iterator[Line]:
    """Instants at which one data ID would have several datasets."""
    for (dataset_type, data_id), ranges in lines.items():
        active: list[tuple[Span, str]] = []
        for span, run in ranges:
            active = [(s, r) for s, r in active if end_of(s) > begin_of(span)]
            for other, other_run in active:
                shared = Span(span.begin, min(other, span, key=end_of).end)
                yield Line(
                    dataset_type,
                    data_id,
                    f": {other_run} {other} and {run} {span} overlap in {shared}; clip or drop one of them",
                )
            active.append((span, run))


def gaps(lines: Timelines, cover: Span) -> Iterator[Line]:
    """What is missing of a span, for each data ID that has anything at all."""
    for (dataset_type, data_id), ranges in lines.items():
        missing = subtract((cover,), [span for span, _ in ranges])
        if missing:
            what = ", ".join(map(str, missing))
            yield Line(dataset_type, data_id, f": nothing is valid in {what}, which 'cover' asks for")


def missing_detectors(
    request: Request, lines: Timelines, dimensions: Mapping[str, Collection[str]], detectors: Collection[int]
) -> tuple[list[str], list[Decision]]:
    """Detectors that a type lacks, by filter.

    Parameters
    ----------
    request
        Says which a type must have.
    lines
        What there is to be.
    dimensions
        Of the dataset types, as far as they are known.
    detectors
        All of the instrument.

    Returns
    -------
    conflicts
        Those that are required.
    decisions
        Those of types without a requirement that another type has.
    """
    groups: dict[tuple[str, str | None], set[int]] = defaultdict(set)
    for dataset_type, data_id in lines:
        if data_id.detector is not None:
            groups[dataset_type, data_id.physical_filter].add(data_id.detector)
    conflicts = []
    for dataset_type, texts in request.require.items():
        if "detector" not in dimensions.get(dataset_type, ("detector",)):
            conflicts.append(f"require: dataset type {dataset_type} has no detectors")
        elif all(name != dataset_type for name, _ in groups):
            groups[dataset_type, None] = set()
        ids = {n for text in texts for n in numbers_of(text) or ()}
        if unknown := sorted(ids - set(detectors)):
            known = "the instrument has no such detector"
            conflicts.append(f"require: {dataset_type} detector={','.join(number_ranges(unknown))}: {known}")
    anywhere = set().union(*groups.values()) if groups else set()
    decisions = []
    for (dataset_type, physical_filter), there in sorted(
        groups.items(), key=lambda g: (g[0][0], g[0][1] or "")
    ):
        texts_ = request.require.get(dataset_type)
        if texts_ is None:
            needed = anywhere
        elif ALL in texts_:
            needed = set(detectors)
        else:
            needed = {n for text in texts_ for n in numbers_of(text) or ()} & set(detectors)
        if not needed - there:
            continue
        which = ",".join(number_ranges(needed - there))
        what = " ".join(filter(None, (dataset_type, physical_filter)))
        if texts_ is None:
            why = f"nothing for detector={which}, which another type in the collection has"
            decisions.append(Decision("missing-detectors", what, "", "", why, dataset_type))
        else:
            conflicts.append(f"{what}: nothing for detector={which}, which 'require' asks for")
    return conflicts, decisions
