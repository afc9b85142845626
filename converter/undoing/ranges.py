"""Which ranges are taken off and put back, so that a collection is as it was. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from ..intents import CertifyIntent, DecertifyIntent
from ..nouns import DataId
from ..operations import Certify, Decertify
from ..span_sets import subtract
from ..target import Association
from ..timespans import Span

Place = tuple[str, str, str]
"""Instrument, collection and dataset type."""


@dataclass
class Rows:
    """What happens to the ranges of one dataset type in one collection.

    Parameters
    ----------
    off
        Rows that are taken off by themselves.
    gone
        Rows that go because their datasets or the collection do.
    back
        Rows that are put back.
    refusals
        Why that is not possible, one line each.
    """

    off: list[Association] = field(default_factory=list)
    gone: list[Association] = field(default_factory=list)
    back: list[Association] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)


def plan_rows(
    place: Place,
    current: Iterable[Association],
    certified: Iterable[CertifyIntent],
    decertified: Iterable[DecertifyIntent],
    removed: Collection[tuple[str, DataId]],
    vanishes: bool,
) -> Rows:
    """Plan how one dataset type in one collection gets its ranges of before.

    Parameters
    ----------
    place
        Of which this is, for messages.
    current
        What the collection holds.
    certified, decertified
        What the conversion did there.
    removed
        RUN and data ID of the datasets of this type that will be removed.
    vanishes
        Whether the collection is removed.
    """
    result = Rows()
    rows: dict[DataId, set[Association]] = defaultdict(set)
    for row in current:
        rows[row.data_id].add(row)
    before, cuts = _before(decertified)
    back = [row for row in before if row not in rows[row.data_id]]
    rest = {
        Association(row.run, row.data_id, piece)
        for row in back
        for piece in subtract((row.span,), cuts[row.data_id])
    }
    own = {Association(run, data_id, c.span) for c in certified for run, data_id in c.datasets} - before
    for row in sorted(own | rest, key=_order):
        there = rows[row.data_id]
        if row in there:
            there.discard(row)
            goes = vanishes or (row.run, row.data_id) in removed
            (result.gone if goes else result.off).append(row)
            continue
        # A range that somebody took off is as good as undone; one that was changed is somebody's work.
        for other in there - own - rest - before:
            if other.run == row.run and other.span.overlaps(row.span):
                result.refusals.append(
                    f"{_what(place, row)} was certified for {row.span} and is for {other.span} now"
                )
    for row in back:
        for other in rows[row.data_id]:
            if other.span.overlaps(row.span) and (other.run, other.data_id) not in removed:
                result.refusals.append(
                    f"{_what(place, row)} was valid in {row.span}, where {other.run} is valid now ({other.span})"
                )
    result.back = back
    return result


def decertifications(place: Place, rows: Iterable[Association]) -> list[Decertify]:
    """One call for each range."""
    groups: dict[Span, list[DataId]] = defaultdict(list)
    for row in rows:
        groups[row.span].append(row.data_id)
    instrument, collection, dataset_type = place
    return [Decertify(instrument, collection, dataset_type, span, tuple(ids)) for span, ids in groups.items()]


def certifications(place: Place, rows: Iterable[Association]) -> list[Certify]:
    """One call for each range."""
    groups: dict[Span, list[tuple[str, DataId]]] = defaultdict(list)
    for row in rows:
        groups[row.span].append((row.run, row.data_id))
    instrument, collection, dataset_type = place
    return [Certify(instrument, collection, dataset_type, span, tuple(d)) for span, d in groups.items()]


def _before(
    decertified: Iterable[DecertifyIntent],
) -> tuple[set[Association], dict[DataId, list[Span]]]:
    rows: set[Association] = set()
    cuts: dict[DataId, list[Span]] = defaultdict(list)
    for intent in decertified:
        for row in intent.before:
            rows.add(row)
            cuts[row.data_id].append(intent.span)
    return rows, cuts


def _what(place: Place, row: Association) -> str:
    _, collection, dataset_type = place
    return f"{dataset_type} {row.data_id} of {row.run} in {collection}"


def _order(row: Association) -> tuple[str, str, int]:
    return (row.run, str(row.data_id), row.span.begin or 0)
