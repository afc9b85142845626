"""Ranges that are wanted against those that are certified. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..decisions import Change, Decision
from ..nouns import DataId
from ..timespans import MIN_NS, Span
from .wording import describe, spans_text

Certified = tuple[str, Span]
"""RUN and range."""


@dataclass
class RangeChanges:
    """What has to be done for one dataset type and data ID.

    Parameters
    ----------
    on
        What is to be certified.
    off
        What is certified and no longer wanted.
    clashes
        What cannot be certified, with what is in the way.
    """

    on: list[Certified] = field(default_factory=list)
    off: list[Certified] = field(default_factory=list)
    clashes: list[tuple[Certified, Certified]] = field(default_factory=list)


def compare_ranges(
    wanted: Sequence[Certified], there: Collection[Certified], ours: Collection[str]
) -> RangeChanges:
    """Find the changes for one dataset type and data ID.

    Parameters
    ----------
    wanted
        What the source says now.
    there
        What is certified.
    ours
        RUNs of the masters that the source speaks of: what is certified of
        others is in the way, but never taken off.
    """
    result = RangeChanges()
    asked = set(wanted)
    stays: list[Certified] = []
    for row in there:
        (result.off if row[0] in ours and row not in asked else stays).append(row)
    for row in dict.fromkeys(wanted):
        if row in there:
            continue
        clash = next((other for other in stays if other[1].overlaps(row[1])), None)
        if clash is None:
            result.on.append(row)
        else:
            result.clashes.append((row, clash))
    return result


def by_span(
    rows: Iterable[tuple[str, DataId, Certified]],
) -> Mapping[tuple[str, Span], list[tuple[str, DataId]]]:
    """Rows of many data IDs by dataset type and range."""
    groups: dict[tuple[str, Span], list[tuple[str, DataId]]] = defaultdict(list)
    for dataset_type, data_id, (run, span) in rows:
        groups[dataset_type, span].append((run, data_id))
    return groups


def _begin(span: Span) -> int:
    return MIN_NS if span.begin is None else span.begin


class ChangeBook:
    """What is told of changed ranges: data IDs that differ in the detector only fall together.

    Parameters
    ----------
    collection
        The CALIBRATION collection.
    """

    def __init__(self, collection: str) -> None:
        self.folded: dict[str, str] = {}
        self._collection = collection
        self._clashes: dict[tuple[str, str | None, str], list[DataId]] = defaultdict(list)
        # (type, filter, stamp, before, after) -> data IDs
        self._changed: dict[tuple[str, str | None, str, tuple[Span, ...], tuple[Span, ...]], list[DataId]] = (
            defaultdict(list)
        )

    def add(
        self,
        dataset_type: str,
        data_id: DataId,
        wanted: Sequence[Certified],
        there: Collection[Certified],
        changes: RangeChanges,
    ) -> None:
        """Note what has to be told of one data ID."""
        for (run, span), (other, before) in changes.clashes:
            why = (
                f"{run} for {span} conflicts in {self._collection} with {other} for {before}; "
                "give another --label, or take the existing range off with `gen2to3 bless --decertify`"
            )
            self._clashes[dataset_type, data_id.physical_filter, why].append(data_id)
        changed: dict[str, tuple[list[Span], list[Span]]] = {run: ([], []) for run, _ in changes.off}
        for number, rows in enumerate((there, wanted)):
            for run, span in rows:
                if run in changed:
                    changed[run][number].append(span)
        for run, (was, wants) in changed.items():
            old, new = tuple(sorted(was, key=_begin)), tuple(sorted(wants, key=_begin))
            self._changed[dataset_type, data_id.physical_filter, run, old, new].append(data_id)

    def conflicts(self, supersede: bool) -> list[str]:
        """One line per data ID of what stops a conversion; `folded` gets the lines that stand for them."""
        result = []
        groups = [(t, f, why, data_ids) for (t, f, why), data_ids in self._clashes.items()]
        if not supersede:
            groups += [
                (
                    dataset_type,
                    physical_filter,
                    f"{run} is certified in {self._collection} for {spans_text(old)}, now {spans_text(new)} is "
                    "wanted; change it with --supersede, or give another --label",
                    data_ids,
                )
                for (dataset_type, physical_filter, run, old, new), data_ids in self._changed.items()
            ]
        for dataset_type, physical_filter, why, data_ids in groups:
            lines = [f"{dataset_type} {data_id}: {why}" for data_id in data_ids]
            result += lines
            if len(lines) > 1:
                together = f"{dataset_type}{describe(physical_filter, data_ids)}: {why}"
                self.folded |= dict.fromkeys(lines, together)
        return result

    def decisions(self) -> list[Decision]:
        """One decision per version and its change."""
        result = []
        for (dataset_type, physical_filter, run, old, new), data_ids in self._changed.items():
            stamp = run.rpartition("/")[2]
            result.append(
                Decision(
                    "superseded",
                    f"{dataset_type} {run}{describe(physical_filter, data_ids)}",
                    spans_text(old),
                    spans_text(new),
                    "the source says otherwise than when it was converted",
                    dataset_type,
                    (Change(stamp, tuple(data_ids), old, new),),
                )
            )
        return result
