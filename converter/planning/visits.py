"""Visits to define, less what the target has."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lsst.daf.butler import Butler

from adapters.camera import Camera
from adapters.geometry import BY_COUNTER, CameraGeometry, Grouping, geometry_problems

from ..nouns import ExposureRecord, Skip, UsageError
from ..operations import DefineVisits, Visit
from ..regions import is_hull, visit_corners
from ..visit_groups import SYSTEMS, SYSTEMS_OF, group, group_key, why_no_visit
from ..visit_state import VisitState, read_visits
from .datasets import BATCH, DatasetPlan, chunks

HINT = "give --no-visits to leave visits alone"


@dataclass
class VisitPlan:
    """Visits to define.

    Parameters
    ----------
    operations
        What is to be written.
    existing
        Number of visits that the target has already.
    skips
        Exposures of which no visit is made.
    conflicts
        What would stop the Butler, or differs there.
    """

    operations: list[DefineVisits] = field(default_factory=list)
    existing: int = 0
    skips: list[Skip] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """Numbers of visits written and existing, and of exposures skipped."""
        written = sum(len(operation.visits) for operation in self.operations)
        return {"written": written, "existing": self.existing, "skipped": len(self.skips)}


def converted_exposures(raws: DatasetPlan) -> set[int]:
    """Ids of the exposures whose raws are converted, now or before."""
    there = {data_id.exposure for _, _, data_id in raws.present}
    new = {d.exposure for ingest in raws.ingests for file in ingest.files for _, d in file.datasets}
    return {number for number in there | new if number is not None}


def plan_visits(
    camera: Camera,
    butler: Butler | None,
    exposures: Collection[int],
    records: Iterable[ExposureRecord],
    grouping: str = "",
) -> VisitPlan:
    """Plan the visits of exposures.

    Parameters
    ----------
    camera
        The camera's declaration.
    butler
        The target, `None` for one that does not exist yet.
    exposures
        Ids of the exposures that are converted. Others of the target only
        count where they are of the same visit.
    records
        Those of them that are to be inserted.
    grouping
        How exposures become visits, ``""`` for the first of the camera's.

    Raises
    ------
    UsageError
        The camera has no such grouping.
    """
    plan = VisitPlan()
    geometry, instrument = camera.instrument.geometry, camera.instrument.name
    if geometry is None:
        why = "no visit: the camera declares no geometry; run the stack's `butler define-visits`"
        plan.skips += [Skip(f"exposure {number}", why) for number in sorted(exposures)]
        return plan
    chosen = _chosen(camera.name, geometry, grouping)
    if not exposures:
        return plan
    if problems := list(geometry_problems(geometry, [d.id for d in camera.instrument.detectors])):
        plan.conflicts += [f"geometry of {instrument}: {problem}; {HINT}" for problem in problems]
        return plan
    new = {record.exposure["id"]: record for record in records}
    keys = {key for key in map(group_key, new.values()) if key} if chosen == BY_COUNTER else None
    state = read_visits(butler, instrument, exposures, keys)
    if state.unsupported:
        plan.conflicts.append(f"visits of {instrument}: {state.unsupported}; {HINT}")
        return plan
    usable = []
    for number, record in sorted({**state.exposures, **new}.items()):
        if reason := why_no_visit(record):
            # Another one's exposure that only shares counters is not ours to report.
            if number in exposures:
                plan.skips.append(Skip(f"exposure {number}", reason))
        else:
            usable.append(record)
    why = "no visit: the repository's exposure record has no timespan"
    plan.skips += [Skip(f"exposure {number}", why) for number in sorted(state.untimed)]
    systems = tuple((number, SYSTEMS[number]) for number in SYSTEMS_OF[chosen])
    _compare(plan, instrument, systems, list(group(usable, chosen)), geometry, state)
    return plan


def _chosen(name: str, geometry: CameraGeometry, grouping: str) -> Grouping:
    known: Mapping[str, Grouping] = {g: g for g in geometry.groupings}
    if not grouping:
        return geometry.groupings[0]
    if grouping not in known:
        raise UsageError(f"visit grouping {grouping!r} is none of those of {name}: {', '.join(known)}")
    return known[grouping]


def _compare(
    plan: VisitPlan,
    instrument: str,
    systems: tuple[tuple[int, str], ...],
    visits: list[Visit],
    geometry: CameraGeometry,
    state: VisitState,
) -> None:
    for number, name in systems:
        found = state.system_names.get(number, name)
        if found != name:
            plan.conflicts.append(
                f"visit_system {number} of {instrument} is {found!r} in the repository, {name!r} expected; {HINT}"
            )
    named = {record["name"]: number for number, record in state.visits.items()}
    missing = []
    for visit in visits:
        number, name = visit.record["id"], visit.record["name"]
        if number in state.visits:
            continue
        missing.append(visit)
        other = named.setdefault(name, number)
        if other != number:
            plan.conflicts.append(
                f"visit {number}: the name {name!r} is that of visit {other} already; {HINT}"
            )
    there = [visit for visit in visits if visit.record["id"] in state.visits]
    for visit, corners in zip(there, visit_corners(geometry, there), strict=True):
        number = visit.record["id"]
        found_record = state.visits[number]
        difference = _difference(visit, found_record, state)
        if not difference and not is_hull(found_record["region"], corners):
            difference = "region is not the one that follows from the camera's geometry"
        if difference:
            plan.conflicts.append(f"visit {number}: {difference}; {HINT}")
        else:
            plan.existing += 1
    size = max(1, BATCH // (len(geometry.detectors) + 3))
    plan.operations = [
        DefineVisits(instrument, systems, tuple(batch), geometry) for batch in chunks(missing, size)
    ]


def _difference(visit: Visit, found: Mapping[str, Any], state: VisitState) -> str:
    """What is different in the target, ``""`` for nothing."""
    number = visit.record["id"]
    timespan = found["timespan"]
    pairs: list[tuple[str, Any, Any]] = [
        (name, found[name], wanted) for name, wanted in visit.record.items() if name in found
    ]
    pairs += [
        # The Butler has no empty timespan for an instant.
        ("timespan", timespan and timespan.nsec, (visit.begin_ns, max(visit.end_ns, visit.begin_ns + 1))),
        ("exposures", sorted(state.definitions.get(number, ())), sorted(visit.exposures)),
        ("visit systems", sorted(state.systems.get(number, ())), sorted(visit.systems)),
    ]
    for name, was, wanted in pairs:
        if isinstance(was, float) and isinstance(wanted, int | float):
            if math.isclose(was, wanted, rel_tol=1e-9, abs_tol=1e-9):
                continue
        elif was == wanted:
            continue
        return f"{name} is {was!r} in the repository, {wanted!r} expected"
    return ""
