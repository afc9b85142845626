"""Visit records and their regions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lsst.daf.butler import Butler

from ..operations import DefineVisits
from ..regions import visit_regions
from ..timespans import Span
from .common import butler_errors, make_timespan, plain

Row = dict[str, Any]


def define_visits(butler: Butler, operation: DefineVisits) -> None:
    """Insert visits, what they are made of, and the region of every detector.

    Raises
    ------
    Gen2to3Error
        The target refuses a record.
    """
    if not operation.visits:
        return
    instrument = operation.instrument
    with butler_errors(f"visit records of {instrument}"):
        for number, name in operation.systems:
            butler.registry.syncDimensionData(
                "visit_system", {"instrument": instrument, "id": number, "name": name}
            )
        for element, rows in visit_rows(operation).items():
            butler.registry.insertDimensionData(element, *rows)


def visit_rows(operation: DefineVisits) -> Mapping[str, list[Row]]:
    """Rows by dimension element, in the order in which they need each other."""
    instrument = operation.instrument
    visits: list[Row] = []
    memberships: list[Row] = []
    definitions: list[Row] = []
    detectors: list[Row] = []
    for visit, regions in zip(
        operation.visits, visit_regions(operation.geometry, operation.visits), strict=True
    ):
        fields = {name: plain(value) for name, value in visit.record.items()}
        number = fields["id"]
        timespan = make_timespan(Span(visit.begin_ns, max(visit.end_ns, visit.begin_ns + 1)))
        visits.append({"instrument": instrument, **fields, "timespan": timespan, "region": regions.visit})
        memberships += [{"instrument": instrument, "visit_system": s, "visit": number} for s in visit.systems]
        definitions += [{"instrument": instrument, "exposure": e, "visit": number} for e in visit.exposures]
        detectors += [
            {"instrument": instrument, "visit": number, "detector": detector, "region": region}
            for detector, region in regions.detectors.items()
        ]
    return {
        "visit": visits,
        "visit_system_membership": memberships,
        "visit_definition": definitions,
        "visit_detector_region": detectors,
    }
