"""The whole dry run: what would be written, decided, rejected and skipped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..decisions import Decision
from ..ledger import Item, SerialPeriod
from ..nouns import Reject, Skip
from ..operations import (
    Certify,
    Chain,
    Decertify,
    DefineVisits,
    HandOff,
    Ingest,
    InsertExposures,
    Operation,
    RegisterCollection,
    RegisterDatasetType,
    RegisterInstrument,
)


class Choices(Protocol):
    """What every command that writes lets its user choose: a recipe, or what stands for one."""

    @property
    def strict(self) -> bool:
        """Whether any reject stops everything."""

    @property
    def transfer(self) -> str:
        """How files come into the repository."""

    def to_dict(self) -> dict[str, Any]:
        """All choices as plain types, for the ledger."""


@dataclass
class Plan:
    """Everything that a command would do, and why.

    Parameters
    ----------
    command
        The command line's name of it, such as ``convert``.
    title
        What is done from where to where, for people.
    recipe
        The choices that were planned for.
    instrument, types, collections, exposures, ingests, visits, decertifies, certifies, chains
        Operations by kind, in the order in which they are carried out.
    hand_offs
        What the stack has to write.
    decisions, rejects, skips
        The rest of the result.
    conflicts
        What would stop the Butler; nothing is written while there is one.
    folded
        For some conflicts and rejects (as text) the line that stands for them
        in a short list.
    written, existing, certified
        Numbers of datasets by type.
    items
        What the ledger says of each dataset, by its name there.
    changes
        What the ledger says of ranges that were in the repository before, or
        of datasets that were.
    serials
        Instrument, and which chips were at which of its detectors, for the
        ledger; `None` leaves there what is.
    is_one_batch
        Whether all of it is one transaction.
    is_by_type
        Whether files and ranges of each dataset type are one transaction.
    present
        Names (keys of ``items``) of the datasets that the target has already.
    renewed
        Those among them of whose files the ledger gets a new line, because
        times or checksums are not what it says.
    header_reads
        Raw files opened to read a header.
    fingerprint
        What the source's registries look like, and the target's calibrations
        after this plan: tells whether a recorded verification still stands.
        ``""`` if that cannot be told.
    once
        Skips and decisions that are about what is new, and that the same plan
        does not have once it is carried out.
    may_differ
        Whether the same plan, once it is carried out, could be another than
        an empty one with the same rejects.
    files_digest
        Tells whether the source's files are as they were, ``""`` if that
        cannot be told.
    visit_counts
        Numbers of visits ``written`` and ``existing``, and of exposures
        ``skipped``; `None` if the command defines none.
    """

    command: str
    title: str
    recipe: Choices
    instrument: RegisterInstrument | None = None
    types: list[RegisterDatasetType] = field(default_factory=list)
    collections: list[RegisterCollection] = field(default_factory=list)
    exposures: list[InsertExposures] = field(default_factory=list)
    ingests: list[Ingest] = field(default_factory=list)
    visits: list[DefineVisits] = field(default_factory=list)
    decertifies: list[Decertify] = field(default_factory=list)
    certifies: list[Certify] = field(default_factory=list)
    chains: list[Chain] = field(default_factory=list)
    hand_offs: list[HandOff] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    folded: dict[str, str] = field(default_factory=dict)
    written: Counter[str] = field(default_factory=Counter)
    existing: Counter[str] = field(default_factory=Counter)
    certified: Counter[str] = field(default_factory=Counter)
    items: Mapping[str, Item] = field(default_factory=dict)
    changes: list[Item] = field(default_factory=list)
    serials: tuple[str, list[SerialPeriod]] | None = None
    is_one_batch: bool = False
    is_by_type: bool = False
    present: list[str] = field(default_factory=list)
    renewed: set[str] = field(default_factory=set)
    header_reads: int = 0
    fingerprint: str = ""
    once: list[Skip | Decision] = field(default_factory=list)
    may_differ: bool = False
    files_digest: str = ""
    visit_counts: Mapping[str, int] | None = None

    def operations(self) -> Iterator[Operation]:
        """All operations that write, in order."""
        if self.instrument is not None:
            yield self.instrument
        yield from self.types
        yield from self.collections
        yield from self.exposures
        yield from self.ingests
        yield from self.visits
        yield from self.decertifies
        yield from self.certifies
        yield from self.chains

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return next(self.operations(), None) is None

    def as_dict(self, conversion: int | None = None) -> dict[str, Any]:
        """The command line's JSON contract."""
        return {
            "conversion": conversion,
            "operations": sum(1 for _ in self.operations()),
            "written": dict(sorted(self.written.items())),
            "existing": dict(sorted(self.existing.items())),
            "certified": dict(sorted(self.certified.items())),
            "rejected": [{"item": r.item, "reason": r.reason} for r in self.rejects],
            "skipped": [{"item": s.item, "reason": s.reason} for s in self.skips],
            "decisions": [d.as_dict() for d in self.decisions],
            "handed_off": [{"type": h.dataset_type, "command": h.command} for h in self.hand_offs],
            "conflicts": self.conflicts,
            "header_reads": self.header_reads,
        } | ({} if self.visit_counts is None else {"visits": dict(self.visit_counts)})
