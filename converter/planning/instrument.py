"""Instrument, detectors and filters: what the target lacks, what differs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.instrument import Instrument

from ..decisions import Decision
from ..operations import RegisterInstrument
from ..target import TargetState


def instrument_records(
    instrument: Instrument,
) -> tuple[dict[str, Any], dict[int, dict[str, Any]], dict[str, dict[str, Any]]]:
    """Dimension records of an instrument, its detectors and its filters."""
    name = instrument.name
    detectors = {
        d.id: {
            "instrument": name,
            "id": d.id,
            "full_name": d.full_name,
            "name_in_raft": d.name_in_raft,
            "raft": d.raft,
            "purpose": d.purpose,
        }
        for d in instrument.detectors
    }
    filters = {f.name: {"instrument": name, "name": f.name, "band": f.band} for f in instrument.filters}
    return dict(instrument.record), detectors, filters


def differences(item: str, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """One line per field in which an existing record differs from the declared one."""
    return [
        f"{item}: {field} is {found.get(field)!r} in the repository, {value!r} in the camera's declaration"
        for field, value in wanted.items()
        if field in found and found[field] != value
    ]


def plan_instrument(
    instrument: Instrument, target: TargetState, update: bool
) -> tuple[RegisterInstrument | None, list[str], list[Decision]]:
    """Plan the registration of an instrument.

    Parameters
    ----------
    instrument
        The camera's instrument.
    target
        What the repository has. Detectors and filters that it has and the
        camera lacks are left alone.
    update
        Whether differing records are changed.

    Returns
    -------
    operation
        `None` if nothing is to be written.
    conflicts
        Field-by-field differences that stop the conversion.
    decisions
        The same differences, where ``update`` resolves them.
    """
    record, detectors, filters = instrument_records(instrument)
    diffs: list[str] = []

    def missing_or_different(kind: str, found: Mapping[Any, Any], wanted: Mapping[Any, Any]) -> list[Any]:
        listed = []
        for key, row in wanted.items():
            if key not in found:
                listed.append(row)
                continue
            lines = differences(f"{kind} {key}", found[key], row)
            if lines:
                diffs.extend(lines)
                listed.append(row)
        return listed

    there = {} if target.instrument is None else {instrument.name: target.instrument}
    instruments = missing_or_different("instrument", there, {instrument.name: record})
    new_detectors = missing_or_different("detector", target.detectors, detectors)
    new_filters = missing_or_different("physical_filter", target.filters, filters)
    if diffs and not update:
        hint = "; give --update-instrument to change the repository's records"
        return None, [d + hint for d in diffs], []
    decisions = [
        Decision("update-instrument", d.split(":")[0], d, "changed", "--update-instrument was given")
        for d in diffs
    ]
    if not (instruments or new_detectors or new_filters):
        return None, [], []
    operation = RegisterInstrument(
        instrument.name,
        instruments[0] if instruments else None,
        tuple(new_detectors),
        tuple(new_filters),
        update=bool(diffs),
    )
    return operation, [], decisions
