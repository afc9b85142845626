"""What a target says of exposures and visits. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from lsst.daf.butler import Butler

from .nouns import ExposureRecord
from .visit_groups import GroupKey, group_key

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class VisitState:
    """Visits of the target.

    Parameters
    ----------
    unsupported
        Why visits cannot be written there, ``""`` if they can.
    exposures
        Exposure records, of those that were asked for and those that share
        counters with them.
    untimed
        Ids of exposures without a timespan.
    visits
        Visit records by id, with ``timespan`` and ``region``.
    definitions, systems
        Exposures and visit systems of each visit.
    system_names
        Names of the visit systems by id.
    """

    unsupported: str = ""
    exposures: Mapping[int, ExposureRecord] = field(default_factory=dict)
    untimed: frozenset[int] = frozenset()
    visits: Mapping[int, Record] = field(default_factory=dict)
    definitions: Mapping[int, set[int]] = field(default_factory=dict)
    systems: Mapping[int, set[int]] = field(default_factory=dict)
    system_names: Mapping[int, str] = field(default_factory=dict)


def read_visits(
    butler: Butler | None,
    instrument: str,
    exposures: Collection[int],
    keys: Collection[GroupKey] | None,
) -> VisitState:
    """Read what the target says of visits.

    Parameters
    ----------
    butler
        The target, `None` for one that does not exist yet.
    instrument
        Gen3 instrument name.
    exposures
        Ids of the exposures that are wanted.
    keys
        Counters of exposures that are to be inserted; exposures with the
        counters of any of them are read too. `None` if counters do not matter.
    """
    if butler is None:
        return VisitState()
    universe = butler.dimensions
    # A visit's day is one of its dimensions since 2024; exposures cannot be written to older ones either.
    if "day_obs" not in universe or "group" not in universe:
        return VisitState(f"the repository's dimension universe {universe.version} is too old")
    if not butler.query_dimension_records("instrument", instrument=instrument, explain=False):
        return VisitState()
    found: dict[int, ExposureRecord] = {}
    untimed = set()
    for row in _rows(butler, "exposure", instrument):
        timespan = row.pop("timespan")
        if timespan is None:
            untimed.add(row["id"])
            continue
        found[row["id"]] = ExposureRecord(row, *timespan.nsec)
    wanted = {number: found[number] for number in exposures if number in found}
    if keys is not None:
        shared = {*keys, *(group_key(record) for record in wanted.values())} - {None}
        wanted |= {number: record for number, record in found.items() if group_key(record) in shared}
    definitions: dict[int, set[int]] = {}
    for row in _rows(butler, "visit_definition", instrument):
        definitions.setdefault(row["visit"], set()).add(row["exposure"])
    systems: dict[int, set[int]] = {}
    for row in _rows(butler, "visit_system_membership", instrument):
        systems.setdefault(row["visit"], set()).add(row["visit_system"])
    return VisitState(
        "",
        wanted,
        frozenset(untimed.intersection(exposures)),
        {row["id"]: row for row in _rows(butler, "visit", instrument)},
        definitions,
        systems,
        {row["id"]: row["name"] for row in _rows(butler, "visit_system", instrument)},
    )


def _rows(butler: Butler, element: str, instrument: str) -> list[dict[str, Any]]:
    records = butler.query_dimension_records(element, instrument=instrument, limit=None, explain=False)
    return [{k: v for k, v in record.toDict().items() if k != "instrument"} for record in records]
