"""Validity ranges in CALIBRATION collections: certified, and taken off again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lsst.daf.butler import Butler, DatasetRef

from ..nouns import DataId, StoppedError
from ..operations import Certify, Decertify
from ..span_sets import begin_of
from ..timespans import Span
from .common import butler_errors, make_timespan
from .references import References

Group = dict[tuple[str, DataId], str]


def certify(butler: Butler, operations: Sequence[Certify], references: References | None = None) -> None:
    """Certify, with one call per collection, dataset type and range.

    Parameters
    ----------
    butler
        The target.
    operations
        What is certified; equal ranges are put together.
    references
        Refs of the batch: what is among them needs no query.

    Raises
    ------
    StoppedError
        A range is empty, or one data ID is certified twice for the same
        range; the Butler would take both without a word.
    Gen2to3Error
        A dataset does not exist, or another one is valid at that time.
    """
    refs = References(butler) if references is None else references
    groups: dict[tuple[str, str, Span], Group] = {}
    wanted: dict[tuple[str, str], set[tuple[str, DataId]]] = {}
    for operation in operations:
        where = (operation.collection, operation.dataset_type, operation.span.clipped())
        _add(groups.setdefault(where, {}), operation)
        key = (operation.dataset_type, operation.instrument)
        wanted.setdefault(key, set()).update(operation.datasets)
    for (dataset_type, instrument), datasets in wanted.items():
        refs.resolve(dataset_type, instrument, datasets)
    _check_disjoint(groups)
    # Inside a caching context the search for overlaps trusts what the context
    # knew of a collection at its begin. So it costs nothing where a type had
    # no range there, and then there are ours only, which are disjoint. For
    # all others it has to look, which it does outside only.
    with butler.registry.caching_context():
        places = {what[:2] for what in groups}
        first = {place for place in places if _is_first(butler, place)}
        for what, group in groups.items():
            if what[:2] in first:
                _certify_group(butler, refs, what, group)
    for what, group in groups.items():
        if what[:2] not in first:
            _certify_group(butler, refs, what, group)


def _is_first(butler: Butler, place: tuple[str, str]) -> bool:
    """Whether a collection has had no range of a dataset type so far."""
    collection, dataset_type = place
    return dataset_type not in butler.registry.getCollectionSummary(collection).dataset_types.names


def _certify_group(butler: Butler, refs: References, key: tuple[str, str, Span], group: Group) -> None:
    collection, dataset_type, span = key
    members: list[DatasetRef] = [
        refs.get(dataset_type, run, instrument, data_id) for (instrument, data_id), run in group.items()
    ]
    with butler_errors(f"certify {dataset_type} in {collection} for {span}"):
        butler.registry.certify(collection, members, make_timespan(span))


def _check_disjoint(groups: Mapping[tuple[str, str, Span], Group]) -> None:
    """Refuse ranges of one data ID that overlap each other."""
    ranges: dict[tuple[str, str], dict[tuple[str, DataId], list[Span]]] = {}
    for (collection, dataset_type, span), group in sorted(groups.items(), key=lambda g: begin_of(g[0][2])):
        known = ranges.setdefault((collection, dataset_type), {})
        for data_id in group:
            before = known.setdefault(data_id, [])
            # In order of their begins, and disjoint so far: the last one ends last.
            if before and before[-1].overlaps(span):
                raise StoppedError(
                    f"certify {dataset_type} in {collection} for {span}: conflict with {before[-1]}, "
                    f"both of {data_id[1]}"
                )
            before.append(span)


def decertify(butler: Butler, operations: Sequence[Decertify], references: References | None = None) -> None:
    """Take validity ranges off, with one call per operation.

    Parameters
    ----------
    butler
        The target.
    operations
        What is decertified.
    references
        Refs of the batch, for the data IDs.

    Raises
    ------
    StoppedError
        A range is empty.
    Gen2to3Error
        The target refuses it.
    """
    refs = References(butler) if references is None else references
    for operation in operations:
        what = f"decertify {operation.dataset_type} in {operation.collection} for {operation.span}"
        try:
            timespan = make_timespan(operation.span)
        except ValueError as exc:
            raise StoppedError(f"{what}: {exc}") from None
        refs.expand(operation.instrument, ((operation.dataset_type, d) for d in operation.data_ids))
        data_ids = [
            refs.coordinate(operation.dataset_type, operation.instrument, d) for d in operation.data_ids
        ]
        with butler_errors(what):
            butler.registry.decertify(
                operation.collection, operation.dataset_type, timespan, dataIds=data_ids
            )


def _add(group: Group, operation: Certify) -> None:
    what = f"certify {operation.dataset_type} in {operation.collection}"
    try:
        make_timespan(operation.span)
    except ValueError as exc:
        examples = ", ".join(f"{data_id} of {run}" for run, data_id in operation.datasets[:3])
        raise StoppedError(f"{what}: {exc} ({examples})") from None
    for run, data_id in operation.datasets:
        key = (operation.instrument, data_id)
        if key in group:
            raise StoppedError(f"{what}: {data_id} twice for {operation.span}, from {group[key]} and {run}")
        group[key] = run
