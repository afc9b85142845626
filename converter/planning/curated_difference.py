"""What a data package has against what was made of it before. Pure.

A collection holds one state of a package. What is there is never changed, and
nothing is added between its ranges: the same content again is nothing to do,
another content is a conflict. A dataset type of which nothing is there yet is
written as a whole, which is how an interrupted run is completed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from ..nouns import DataId
from ..operations import IngestFile
from ..target import TargetState
from ..timespans import MIN_NS, Span
from .wording import describe, spans_text

Key = tuple[str, str, DataId]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A dataset that the collection is to hold.

    Parameters
    ----------
    dataset_type, run, data_id
        What it is.
    span
        How long it is valid.
    file
        What is ingested.
    source
        The file that it comes from.
    when
        Begin of its validity as its source says it, for messages.
    """

    dataset_type: str
    run: str
    data_id: DataId
    span: Span
    file: IngestFile
    source: str
    when: str

    @property
    def key(self) -> Key:
        """What tells it from others."""
        return self.dataset_type, self.run, self.data_id


@dataclass
class CuratedDifference:
    """What is new, what is there already, and what is in the way.

    Parameters
    ----------
    new, existing
        Datasets.
    conflicts
        One line each.
    folded
        For those that differ in the detector only, the line that stands for them.
    """

    new: list[Wanted] = field(default_factory=list)
    existing: list[Wanted] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    folded: dict[str, str] = field(default_factory=dict)


class _Conflicts:
    """Collects conflicts; alike ones fall together."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str | None, str, str], list[DataId]] = defaultdict(list)

    def add(self, dataset_type: str, data_id: DataId, when: str, what: str) -> None:
        group = self._groups[dataset_type, data_id.physical_filter, when, what]
        if data_id not in group:
            group.append(data_id)

    def put_into(self, result: CuratedDifference) -> None:
        for (dataset_type, physical_filter, when, what), data_ids in self._groups.items():
            rest = f"{f' {when}' if when else ''}: {what}"
            lines = [f"{dataset_type} {data_id}{rest}" for data_id in data_ids]
            result.conflicts += lines
            if len(lines) > 1:
                line = f"{dataset_type}{describe(physical_filter, data_ids)}{rest}"
                result.folded |= dict.fromkeys(lines, line)


def compare_curated(
    wanted: Iterable[Wanted],
    state: TargetState,
    collection: str,
    prefix: str,
    types: Collection[str],
    differing: Mapping[Key, str],
    corrected: Collection[str] = (),
) -> CuratedDifference:
    """Compare what is wanted with what is there.

    Parameters
    ----------
    wanted
        All datasets.
    state
        What the repository has.
    collection
        The CALIBRATION collection.
    prefix
        What the RUNs of the package's datasets begin with.
    types
        Dataset types of the package that are compared as a whole: what is
        there and not wanted has vanished.
    differing
        Of those that are there, the ones with another content, and how it
        differs.
    corrected
        Sources that were rejected before: they may be added.
    """
    result = CuratedDifference()
    conflicts = _Conflicts()
    remedy = "write to a new collection with --label NEW"
    there: dict[Key, None] = {
        (dataset_type, run, data_id): None
        for (dataset_type, run), data_ids in sorted(state.datasets.items())
        for data_id in sorted(data_ids, key=str)
    }
    begun = {t for t, run, _ in there if t in types and run.startswith(prefix)}
    ranges: dict[tuple[str, DataId], list[tuple[str, Span]]] = defaultdict(list)
    for dataset_type in {t for (c, t) in state.associations if c == collection}:
        for run, data_id, span in state.associations[collection, dataset_type]:
            ranges[dataset_type, data_id].append((run, span))
    kept: dict[Key, Wanted] = {}
    for one in wanted:
        other = kept.setdefault(one.key, one)
        if other is not one:
            what = f"{one.source} and {other.source} would both be in {one.run}; leave one out"
            conflicts.add(one.dataset_type, one.data_id, one.when, what)
    _add_overlaps(kept.values(), conflicts)
    for key, one in kept.items():
        dataset_type, run, data_id = key
        certified = ranges[dataset_type, data_id]
        if key in there:
            result.existing.append(one)
            found = sorted((s for r, s in certified if r == run), key=str)
            if key in differing:
                conflicts.add(dataset_type, data_id, one.when, f"changed: {differing[key]}; {remedy}")
            elif found != [one.span.clipped()]:
                what = f"its range changed: {spans_text(found)} in {collection}, {one.span} now; {remedy}"
                conflicts.add(dataset_type, data_id, one.when, what)
            continue
        result.new.append(one)
        is_of_package = run.startswith(prefix) and dataset_type in types
        if is_of_package and dataset_type in begun and one.source not in corrected:
            conflicts.add(
                dataset_type, data_id, one.when, f"appeared: {collection} was made without it; {remedy}"
            )
            continue
        clash = next((f"{r} for {s}" for r, s in certified if s.overlaps(one.span.clipped())), "")
        if clash:
            what = f"{one.span} conflicts in {collection} with {clash}; {remedy}"
            conflicts.add(dataset_type, data_id, one.when, what)
    for dataset_type, run, data_id in there:
        if dataset_type in begun and run.startswith(prefix) and (dataset_type, run, data_id) not in kept:
            when = run.removeprefix(prefix)
            what = f"vanished: {collection} was made with it; {remedy}"
            conflicts.add(dataset_type, data_id, when, what)
    conflicts.put_into(result)
    return result


def _add_overlaps(wanted: Iterable[Wanted], conflicts: _Conflicts) -> None:
    """Different datasets of one data ID that would be valid at the same time."""
    groups: dict[tuple[str, DataId], list[Wanted]] = defaultdict(list)
    for one in wanted:
        groups[one.dataset_type, one.data_id].append(one)
    for (dataset_type, data_id), group in groups.items():
        group.sort(key=lambda w: w.span.begin if w.span.begin is not None else MIN_NS)
        for first, second in pairwise(group):
            if first.span.overlaps(second.span):
                what = (
                    f"{first.source} for {first.span} and {second.source} for {second.span} "
                    "are valid at the same time; correct the ranges"
                )
                conflicts.add(dataset_type, data_id, "", what)
