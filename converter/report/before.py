"""Validity as Gen2 had it: from the registries, or, where they are gone, from what the ledger kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import NamedTuple

from adapters.camera import Calibration, Camera
from adapters.gen2.masters import Calibrations, read_calibrations
from adapters.gen2.overrides import with_zones
from adapters.gen2.source import Gen2Source

from ..gather import count_all
from ..nouns import DataId, ValidityClaim
from ..readings import Boundaries, choose_reading, read_ranges
from ..recipe import Recipe
from ..timespans import Span, local_to_utc, parse_time, to_tai
from .recorded import Written

Key = tuple[str, DataId]
"""Dataset type and data ID."""


class Before(NamedTuple):
    """One range of one master: its RUN stamp, the range (TAI), and the source's own texts."""

    stamp: str
    span: Span
    original: str


def ranges_of_source(source: Gen2Source, recipe: Recipe) -> dict[Key, list[Before]]:
    """What the registries say, read as a conversion reads it, before anything is decided.

    Parameters
    ----------
    source
        The opened Gen2 repository.
    recipe
        Readings, zones, and what is left out.

    Returns
    -------
    ranges
        Of the masters that have a file; what cannot be read is a reject of
        the conversion.
    """
    camera = with_zones(source.camera, recipe.zones)
    claims: list[ValidityClaim] = []
    boundaries: dict[str, dict[DataId, Boundaries]] = defaultdict(dict)
    for calib in source.calibs:
        found = read_calibrations(camera, calib, recipe.wants, recipe.excludes, recipe.wants_detector)
        claims += _new_claims(claims, found)
        for dataset_type, groups in count_all(found.ranges).items():
            table = boundaries[dataset_type]
            for data_id, counts in groups.items():
                table[data_id] = table.get(data_id, Boundaries()) + counts
    groups_of: dict[str, dict[DataId, list[ValidityClaim]]] = defaultdict(lambda: defaultdict(list))
    for claim in claims:
        groups_of[claim.master.dataset_type][claim.master.data_id].append(claim)
    result: dict[Key, list[Before]] = {}
    for calibration in camera.calibrations:
        counted = boundaries.get(calibration.dataset_type, {})
        whole = reduce(Boundaries.__add__, counted.values(), Boundaries())
        for data_id, group in groups_of[calibration.dataset_type].items():
            ranges = _read(camera, calibration, recipe, group, counted.get(data_id, whole), whole)
            result[calibration.dataset_type, data_id] = ranges
    return result


def _new_claims(known: Sequence[ValidityClaim], found: Calibrations) -> list[ValidityClaim]:
    """Claims of another calibration root; masters of an earlier one came first, as in a conversion."""
    before = {claim.master for claim in known}
    return [claim for claim in found.claims if claim.master not in before]


def _read(
    camera: Camera,
    calibration: Calibration,
    recipe: Recipe,
    claims: Sequence[ValidityClaim],
    group: Boundaries,
    table: Boundaries,
) -> list[Before]:
    column = camera.time_column(calibration)
    reading = recipe.reading(calibration.dataset_type) or choose_reading(column.kind, group, table)
    # Ranges that Gen2 never asked for do not shorten those that it did.
    own = calibration.table if calibration.lookup_table != calibration.table else None
    found = []
    for never in (False, True):
        part = [c for c in claims if (c.provenance.table == own) is never]
        texts = [(_utc(c.begin, calibration.zone), _utc(c.end, calibration.zone)) for c in part]
        spans = read_ranges(texts, reading, column.kind, column.scale, column.rollover_s)
        for claim, span in zip(part, spans, strict=True):
            if isinstance(span, Span):
                span = _mounted(claim, span)
                if not span.is_empty:
                    original = f"{claim.begin or '(open)'} .. {claim.end or '(open)'}"
                    found.append(Before(claim.master.stamp, span, original))
    return sorted(found, key=_begin)


def _utc(text: str | None, zone: str | None) -> str | None:
    try:
        return local_to_utc(text, zone) if text and zone else text
    except ValueError:
        return text


def _mounted(claim: ValidityClaim, span: Span) -> Span:
    """What of a range counts for this detector's place, where a chip had several."""
    begin, end = (to_tai(parse_time(text), "utc") if text else None for text in claim.mounted)
    return span.within(Span(begin, end))


def ranges_of_ledger(
    written: Mapping[str, Written],
    first: Mapping[tuple[str, str, DataId], tuple[Span, ...]],
    known: Mapping[Key, Sequence[Before]] | None = None,
) -> dict[Key, list[Before]]:
    """What the ledger kept of the source's ranges, where the source itself is not there any more.

    Parameters
    ----------
    written
        What was written, by the names of the datasets.
    first
        Ranges before the first decision about a master, by dataset type, RUN
        stamp and data ID.
    known
        What the source still says; only masters that it lacks are given.
    """
    there = {(*key, b.stamp) for key, group in (known or {}).items() for b in group}
    result: dict[Key, list[Before]] = defaultdict(list)
    for line in written.values():
        if line.command != "convert" or not line.original:
            continue  # what was imported was not in Gen2
        # A later version stands for the same master.
        stamp = next(
            (s for s in versions_of(line.stamp) if (line.dataset_type, line.data_id, s) in there), ""
        )
        if stamp:
            continue
        for span in first.get((line.dataset_type, line.stamp, line.data_id), line.spans):
            result[line.dataset_type, line.data_id].append(Before(line.stamp, span, line.original))
    return {key: sorted(group, key=_begin) for key, group in result.items()}


def _begin(row: Before) -> tuple[int, str]:
    return (row.span.begin or 0, row.stamp)


def versions_of(stamp: str) -> tuple[str, ...]:
    """The stamp, and those of the versions before it."""
    parts = stamp.split(".")
    return tuple(".".join(parts[:n]) for n in range(len(parts), 0, -1))
