"""What a repository holds, how it came there, and what is still to be done. Reads only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from lsst.daf.butler import Butler, CollectionType

from adapters.camera import Camera

from . import history, names
from .answers import search_order
from .ledger import Ledger
from .nouns import UsageError
from .planning.hand_offs import plan_hand_offs
from .readiness import Readiness, camera_of, read_readiness
from .target import Association, TargetState, is_readable, open_reading, read_target
from .timespans import format_tai


@dataclass(frozen=True, slots=True)
class TypeStatus:
    """One calibration dataset type of an instrument.

    Parameters
    ----------
    dataset_type
        Its name.
    masters
        Datasets in RUNs.
    certified
        Validity ranges in all CALIBRATION collections.
    first, last
        First begin and last end, TAI ISO text; ``""`` if there is none, or
        all are unbounded.
    unbounded_begins, unbounded_ends
        Ranges without a begin, and without an end.
    """

    dataset_type: str
    masters: int
    certified: int
    first: str = ""
    last: str = ""
    unbounded_begins: int = 0
    unbounded_ends: int = 0


@dataclass(frozen=True, slots=True)
class OpenHandOff:
    """What the stack still has to write."""

    dataset_type: str
    command: str


@dataclass
class InstrumentStatus:
    """One instrument's part of a repository.

    Parameters
    ----------
    name
        Gen3 instrument name.
    camera
        Short name of the camera that declares it, ``""`` if none does.
    detectors, filters, exposures, raws
        Numbers of records and of raw datasets.
    collections
        CALIBRATION collections.
    chain
        Where pipelines look for calibrations.
    order
        What a search of the chain looks in, in order; `None` if there is no
        such collection.
    types
        Calibration dataset types that it has.
    hand_offs
        What the stack still has to write.
    ready
        Whether it has what ISR needs.
    """

    name: str
    camera: str
    detectors: int
    filters: int
    exposures: int
    raws: int
    collections: list[str]
    chain: str
    order: list[str] | None
    types: list[TypeStatus]
    hand_offs: list[OpenHandOff]
    ready: Readiness

    def as_dict(self) -> dict[str, Any]:
        """One entry of the command line's JSON contract."""
        return vars(self) | {
            "types": [asdict(t) for t in self.types],
            "hand_offs": [asdict(h) for h in self.hand_offs],
            "ready": self.ready.ready,
            "missing": list(self.ready.missing),
        }


@dataclass
class Status:
    """A repository at a glance.

    Parameters
    ----------
    root
        The repository.
    universe
        Version of its dimension universe.
    ledger
        Ledger file, ``""`` if there is none: then conversions, decisions,
        rejects and skips are unknown.
    instruments
        By name.
    conversions, verification, counts
        What the ledger says; ``counts`` are rejects, skips, hand-offs and
        decisions of the last conversion of each command.
    """

    root: str
    universe: int
    ledger: str
    instruments: list[InstrumentStatus]
    conversions: list[history.Conversion] = field(default_factory=list)
    verification: history.RecordedVerification | None = None
    counts: Mapping[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The command line's JSON contract; what only a ledger tells is null without one."""
        told = bool(self.ledger)
        missing = [t for i in self.instruments for t in i.ready.missing]
        ready = bool(self.instruments) and not missing
        return {
            "repository": self.root,
            "universe": self.universe,
            "ledger": self.ledger or None,
            "instruments": [i.as_dict() for i in self.instruments],
            "conversions": [c.as_dict() for c in self.conversions] if told else None,
            "verification": self.verification._asdict() if self.verification is not None else None,
            "recorded": dict(self.counts) if told else None,
            "ready_for_isr": {"ready": ready, "missing": missing},
        }


def status(target: str, ledger: Path | None = None) -> Status:
    """Say what a repository holds and what is still to be done.

    Parameters
    ----------
    target
        Butler repository.
    ledger
        Its ledger, which need not be there.

    Raises
    ------
    UsageError
        There is no repository.
    """
    butler = open_reading(target)
    if butler is None:
        raise UsageError(f"{target}: there is no Butler repository")
    book = Ledger(ledger) if ledger is not None else None
    if book is not None and not book.exists:
        book = None
    handed = history.hand_offs(book) if book is not None else []
    records = butler.query_dimension_records("instrument", explain=False)
    instruments = [
        _instrument(butler, target, name, [h for h in handed if h.instrument in (name, "")])
        for name in sorted(record.name for record in records)
    ]
    result = Status(target, butler.dimensions.version, "" if book is None else str(book.path), instruments)
    if book is not None:
        result.conversions = history.conversions(book)
        result.verification = history.last_verification(book)
        result.counts = history.left_out_counts(book)
    butler.close()
    return result


def _instrument(
    butler: Butler, target: str, name: str, handed: Iterable[history.RecordedHandOff]
) -> InstrumentStatus:
    camera = camera_of(name)
    raw = "raw" if camera is None else camera.raw.dataset_type
    registered = [t for t in butler.registry.queryDatasetTypes() if not t.isComponent() and is_readable(t)]
    calibrations = [t.name for t in registered if t.isCalibration()]
    state = read_target(butler, name, {raw, *calibrations}, prefix="")
    collections = [c for c, kind in state.collections.items() if kind == CollectionType.CALIBRATION.name]
    chain = names.calibration_chain(name)
    order = [c for c, _ in search_order(butler, chain)]
    counts = _types(state, calibrations)
    mine = [c for c in sorted(collections) if c.startswith(f"{name}/")]
    return InstrumentStatus(
        name,
        "" if camera is None else camera.name,
        len(state.detectors),
        len(state.filters),
        len(state.exposures),
        sum(len(ids) for (dataset_type, _), ids in state.datasets.items() if dataset_type == raw),
        mine,
        chain,
        order if chain in state.collections else None,
        counts,
        _open(name, camera, target, state, order, mine, handed),
        read_readiness(butler, name, camera),
    )


def _types(state: TargetState, dataset_types: Iterable[str]) -> list[TypeStatus]:
    masters: dict[str, int] = defaultdict(int)
    ranges: dict[str, list[Association]] = defaultdict(list)
    for (dataset_type, _), ids in state.datasets.items():
        masters[dataset_type] += len(ids)
    for (_, dataset_type), rows in state.associations.items():
        ranges[dataset_type] += rows
    result = []
    for name in sorted(dataset_types):
        if not (masters[name] or ranges[name]):
            continue
        spans = [row.span for row in ranges[name]]
        begins = [s.begin for s in spans if s.begin is not None]
        ends = [s.end for s in spans if s.end is not None]
        result.append(
            TypeStatus(
                name,
                masters[name],
                len(spans),
                format_tai(min(begins)) if begins else "",
                format_tai(max(ends)) if ends else "",
                len(spans) - len(begins),
                len(spans) - len(ends),
            )
        )
    return result


def _open(
    name: str,
    camera: Camera | None,
    target: str,
    state: TargetState,
    order: list[str],
    collections: list[str],
    handed: Iterable[history.RecordedHandOff],
) -> list[OpenHandOff]:
    """Recorded hand-offs that nothing answers yet, and what ISR needs although nothing is recorded of it."""
    found: dict[str, OpenHandOff] = {}
    rules = {} if camera is None else {rule.dataset_type: rule for rule in camera.hand_offs}
    for hand_off in handed:
        rule = rules.get(hand_off.dataset_type)
        writes = rule.written if rule is not None and rule.written else (hand_off.dataset_type,)
        own = [] if hand_off.label is None else [names.calibration_collection(name, hand_off.label)]
        if not _has(state, writes, {*order, *own}):
            # The last one counts: an earlier one may be about another label.
            found.pop(hand_off.dataset_type, None)
            found[hand_off.dataset_type] = OpenHandOff(hand_off.dataset_type, hand_off.command)
    calibrations = [c for c in order if c in collections] or collections
    if camera is not None and calibrations:
        label = calibrations[0].removeprefix(names.calibration_chain(name)).removeprefix("/")
        for planned in plan_hand_offs(camera, label, target, state, with_calibs=True):
            if planned.dataset_type not in found and not _has(
                state, (planned.dataset_type,), {*order, calibrations[0]}
            ):
                found[planned.dataset_type] = OpenHandOff(planned.dataset_type, planned.command)
    return list(found.values())


def _has(state: TargetState, globs: Iterable[str], collections: Iterable[str]) -> bool:
    """Whether a dataset of such a type is certified in one of the collections."""
    there = set(collections)
    return any(
        rows and collection in there and any(fnmatchcase(dataset_type, g) for g in globs)
        for (collection, dataset_type), rows in state.associations.items()
    )
