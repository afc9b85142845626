"""From a plan and a repository to operations: everything is checked before anything is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from lsst.daf.butler import CollectionType

from .. import names
from ..ledger import Item
from ..nouns import Skip
from ..operations import RegisterCollection
from ..planning.collections import put_first
from ..planning.items import dataset_name
from ..planning.plan import Plan
from .again import Again, choose_transfer, plan_again
from .checks import gaps, missing_detectors, overlaps, timelines
from .content import Content, Wanted, make_content
from .difference import Difference, compare, operations
from .folding import Line, fold
from .repository import Repository
from .request import Entry, Request, is_glob
from .selection import Chosen, Found, select


@dataclass
class BlessPlan(Plan):
    """All that blessing would do, and why.

    Parameters
    ----------
    collection
        The CALIBRATION collection.
    difference
        What changes in it.
    decertified
        Number of ranges taken off, by dataset type.
    wanted
        What it holds afterwards.
    files
        Source file of every dataset that comes in under another type.
    instrument_name
        Whose calibrations these are.
    """

    collection: str = ""
    difference: Difference = field(default_factory=Difference)
    decertified: Counter[str] = field(default_factory=Counter)
    wanted: Content = field(default_factory=dict)
    files: dict[Any, str] = field(default_factory=dict)
    instrument_name: str = ""

    def as_dict(self, conversion: int | None = None) -> dict[str, Any]:
        """The command line's JSON contract."""
        return super().as_dict(conversion) | {
            "collection": self.collection,
            "decertified": dict(sorted(self.decertified.items())),
            "unchanged": dict(sorted(self.difference.unchanged.items())),
            "difference": [c.as_dict() for c in self.difference.changes if c.sign != "="],
        }


def refused(request: Request, problems: Iterable[str]) -> BlessPlan:
    """The plan that comes of a file with mistakes: nothing but these."""
    plan = BlessPlan("bless", request.collection, request, collection=request.collection)
    plan.conflicts = list(problems)
    return plan


def plan_blessing(request: Request, repository: Repository) -> BlessPlan:
    """Plan what a request asks for.

    Parameters
    ----------
    request
        The plan of the user.
    repository
        The target.

    Raises
    ------
    UsageError
        The Butler does not understand a ``where``.
    """
    found = select(request, repository)
    wanted = make_content(request, found)
    again = plan_again(repository, wanted.again)
    wanted.content = {d: spans for d, spans in wanted.content.items() if d not in again.rejected}
    transfer = choose_transfer(
        request.transfer, repository.butler, (f.path for i in again.ingests for f in i.files)
    )
    title = f"{repository.instrument}: {request.collection}"
    plan = BlessPlan("bless", title, replace(request, transfer=transfer), collection=request.collection)
    plan.is_one_batch = True
    plan.instrument_name = repository.instrument
    plan.wanted = wanted.content
    plan.difference = compare(found.current, wanted.content)
    plan.decisions = wanted.decisions
    plan.rejects = again.rejects
    plan.conflicts = [*_wrong_collection(request, repository), *found.conflicts]
    _add_unmatched(plan, request, found)
    plan.conflicts += [*wanted.conflicts, *again.conflicts]
    _add_checks(plan, request, repository, wanted)
    if found.current and plan.difference.off + plan.difference.on and not request.extend:
        number = len(plan.difference.off) + len(plan.difference.on)
        plan.conflicts.append(
            f"collection {request.collection} exists and differs in {number} ranges; "
            "change it with --extend, or name a new collection"
        )
    _add_operations(plan, request, repository, again)
    return plan


def _wrong_collection(request: Request, repository: Repository) -> list[str]:
    kind = repository.kinds.get(request.collection)
    if kind is None and is_glob(request.collection):
        return [f"collection {request.collection} is a glob; name one CALIBRATION collection"]
    if kind in (None, CollectionType.CALIBRATION):
        return []
    return [f"collection {request.collection} exists as {kind.name}, needed as CALIBRATION; name another"]


def _add_unmatched(plan: BlessPlan, request: Request, found: Found) -> None:
    """Entries that mean nothing that is there."""
    entries: list[tuple[Entry, Chosen]] = [
        *zip(request.inherit, found.inherited, strict=True),
        *zip(request.certify, found.taken, strict=True),
    ]
    for entry, chosen in entries:
        if not chosen.is_empty:
            continue
        what = f"matches nothing in {', '.join(entry.collections)}"
        # Of the collection itself: what the entry changes may have been changed already.
        if entry.optional or entry.collections == (request.collection,):
            plan.skips.append(Skip(entry.where_from or "entry", what))
        # An unknown collection or type has been named before.
        elif not any(conflict.startswith(f"{entry.where_from}: ") for conflict in plan.conflicts):
            plan.conflicts.append(f"{entry.where_from}: {what}; correct it, or add 'optional: true'")


def _add_checks(plan: BlessPlan, request: Request, repository: Repository, wanted: Wanted) -> None:
    lines = timelines(wanted.content)
    _add_folded(plan, overlaps(lines))
    if request.cover is not None:
        _add_folded(plan, gaps(lines, request.cover))
    dimensions = {name: definition.dimensions for name, definition in repository.types.items()}
    for made, (source, _) in wanted.again.items():
        dimensions.setdefault(made.dataset_type, dimensions[source.dataset_type])
    conflicts, decisions = missing_detectors(request, lines, dimensions, repository.detectors)
    plan.conflicts += conflicts
    plan.decisions += decisions


def _add_folded(plan: BlessPlan, lines: Iterable[Line]) -> None:
    for folded, group in fold(lines).items():
        for line in group:
            plan.conflicts.append(str(line))
            plan.folded[str(line)] = folded


def _add_operations(plan: BlessPlan, request: Request, repository: Repository, again: Again) -> None:
    plan.types = again.types if again.ingests else []
    plan.ingests = again.ingests
    is_new = request.collection not in repository.kinds
    if is_new and (plan.wanted or request.make_default):
        plan.collections.append(RegisterCollection(request.collection, "CALIBRATION"))
    for run in again.runs:
        kind = repository.kinds.get(run)
        if kind is None:
            plan.collections.append(RegisterCollection(run, "RUN"))
        elif kind is not CollectionType.RUN:
            plan.conflicts.append(
                f"collection {run} exists as {kind.name}, needed as RUN; bless into another"
            )
    plan.decertifies, plan.certifies = operations(repository.instrument, request.collection, plan.difference)
    if request.make_default:
        _add_default(plan, request.collection, repository)
    for ingest in again.ingests:
        for file in ingest.files:
            plan.written.update(t for t, _ in file.datasets)
    plan.existing.update(d.dataset_type for d in again.existing)
    plan.present = [name for d in again.existing if (name := dataset_name(*d)) in again.items]
    plan.items, plan.files = again.items, dict(again.files)
    plan.certified.update(d.dataset_type for d, _ in plan.difference.on)
    plan.decertified.update(d.dataset_type for d, _ in plan.difference.off)
    plan.changes = [
        Item(
            source=request.collection,
            key=str(c.dataset.data_id),
            file="",
            size=None,
            mtime_ns=None,
            sha256=None,
            dataset_id=None,
            dataset=dataset_name(*c.dataset),
            validity=f"{', '.join(map(str, c.before)) or 'none'} -> {', '.join(map(str, c.after)) or 'none'}",
            state="done",
            reason={"+": "certified", "-": "decertified", "~": "certified for another range"}[c.sign],
        )
        for c in plan.difference.changes
        if c.sign != "="
    ]


def _add_default(plan: BlessPlan, collection: str, repository: Repository) -> None:
    """Have ``<inst>/calib`` search the collection first."""
    chain = names.calibration_chain(repository.instrument)
    kind = repository.kinds.get(chain)
    if collection == chain:
        return  # it is what pipelines search
    if kind not in (None, CollectionType.CHAINED):
        plan.conflicts.append(
            f"collection {chain} exists as {kind.name}, --make-default needs it as CHAINED; "
            f"bless into {chain} itself with --extend, or rename it first and make it a chain"
        )
        return
    operation = put_first(chain, collection, repository.chains.get(chain))
    if operation is not None:
        plan.chains.append(operation)
