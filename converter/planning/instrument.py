"""Instrument, detectors and filters: what the target lacks, what differs, what only it has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from adapters.instrument import Instrument

from ..decisions import Decision
from ..ledger import SerialPeriod
from ..operations import RegisterInstrument
from ..target import TargetState

Records = Mapping[Any, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class RecordChange:
    """One difference between the repository's records and the camera's.

    Parameters
    ----------
    change
        ``"+"`` a record that the repository lacks, ``"~"`` a field that
        differs, ``"="`` a record that only the repository has, which is kept.
    element
        ``instrument``, ``detector`` or ``physical_filter``.
    key
        Id or name of the record.
    field
        Field that differs, ``""`` for a whole record.
    before, after
        Its value in the repository and in the camera's declaration.
    """

    change: Literal["+", "~", "="]
    element: str
    key: int | str
    field: str = ""
    before: Any = None
    after: Any = None

    @property
    def item(self) -> str:
        """The record in words."""
        return f"{self.element} {self.key}"

    def __str__(self) -> str:
        if self.change != "~":
            return f"{self.change} {self.item}"
        return f"~ {self.item} {self.field}: {self.before!r} -> {self.after!r}"

    def as_dict(self) -> dict[str, Any]:
        """One entry of the command line's JSON contract."""
        return {
            "change": self.change,
            "element": self.element,
            "key": self.key,
            "field": self.field,
            "before": self.before,
            "after": self.after,
        }


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


def serial_periods(instrument: Instrument) -> tuple[str, list[SerialPeriod]]:
    """The instrument's name, and which chip was at which detector's place."""
    name = instrument.name
    return name, [
        SerialPeriod(name, s.detector, s.serial, s.begin, s.end, s.span.begin, s.span.end)
        for s in instrument.serials
    ]


def _sides(
    instrument: Instrument, target: TargetState
) -> Iterator[tuple[str, Records, dict[Any, dict[str, Any]]]]:
    """Element, the repository's records and the camera's, with the fields that the repository can hold."""
    record, detectors, filters = instrument_records(instrument)
    there = {} if target.instrument is None else {instrument.name: target.instrument}
    for element, found, wanted in (
        ("instrument", there, {instrument.name: record}),
        ("detector", target.detectors, detectors),
        ("physical_filter", target.filters, filters),
    ):
        known = target.fields.get(element)
        yield (
            element,
            found,
            {
                key: {f: v for f, v in row.items() if known is None or f in known}
                for key, row in wanted.items()
            },
        )


def compare_instrument(instrument: Instrument, target: TargetState) -> list[RecordChange]:
    """All differences between the repository's records and the camera's, in the order of the camera."""
    changes: list[RecordChange] = []
    for element, found, wanted in _sides(instrument, target):
        for key, row in wanted.items():
            if key not in found:
                changes.append(RecordChange("+", element, key))
                continue
            changes += [
                RecordChange("~", element, key, field, found[key][field], value)
                for field, value in row.items()
                if field in found[key] and found[key][field] != value
            ]
        changes += [RecordChange("=", element, key) for key in found if key not in wanted]
    return changes


def plan_instrument(
    instrument: Instrument, target: TargetState, update: bool, option: str = "--update-instrument"
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
    option
        What the command line calls that.

    Returns
    -------
    operation
        `None` if nothing is to be written.
    conflicts
        Field-by-field differences that stop the conversion.
    decisions
        The same differences, where ``update`` resolves them, and fields that
        the repository is too old for.
    """
    changes = compare_instrument(instrument, target)
    differing = [c for c in changes if c.change == "~"]
    if differing and not update:
        conflicts = [
            f"{c.item}: {c.field} is {c.before!r} in the repository, {c.after!r} in the camera's declaration; "
            f"give {option} to change the repository's records"
            for c in differing
        ]
        return None, conflicts, []
    decisions = [
        Decision(
            "update-instrument",
            c.item,
            f"{c.field} {c.before!r}",
            f"{c.field} {c.after!r}",
            f"{option} was given",
        )
        for c in differing
    ]
    listed = {(c.element, c.key) for c in changes if c.change != "="}
    if not listed:
        return None, [], []
    rows: dict[str, list[dict[str, Any]]] = {
        element: [row for key, row in wanted.items() if (element, key) in listed]
        for element, _, wanted in _sides(instrument, target)
    }
    decisions += _fields_left_out(instrument, target, rows)
    operation = RegisterInstrument(
        instrument.name,
        next(iter(rows["instrument"]), None),
        tuple(rows["detector"]),
        tuple(rows["physical_filter"]),
        update=bool(differing),
    )
    return operation, [], decisions


def _fields_left_out(
    instrument: Instrument, target: TargetState, rows: Mapping[str, list[dict[str, Any]]]
) -> Iterator[Decision]:
    """Fields of records to be written that the repository's dimension universe does not have."""
    record, detectors, filters = instrument_records(instrument)
    every = {
        "instrument": record,
        "detector": next(iter(detectors.values()), {}),
        "physical_filter": next(iter(filters.values()), {}),
    }
    for element, known in target.fields.items():
        missing = sorted(set(every.get(element, ())) - known)
        if missing and rows.get(element):
            yield Decision(
                "older-universe",
                element,
                ", ".join(missing),
                "left out",
                "the repository's dimension universe is older than the field",
            )
