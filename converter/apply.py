"""Carry out a plan in batches; the ledger says before each commit what it will do, and after it that it did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from lsst.daf.butler import Butler, DatasetType

from . import intents
from .ledger import FILE_NAME, FOUND, Item, Ledger, ledger_errors
from .lock import exclusive
from .nouns import StoppedError, UsageError
from .operations import Decertify, Ingest, Operation, RegisterDatasetType
from .planning.datasets import BATCH
from .planning.items import planned_item
from .planning.plan import Plan
from .progress import Progress, no_progress
from .reconcile import reconcile
from .target import Association, add_associations, local_path
from .versions import versions
from .writers.batch import execute
from .writers.references import References, dataset_type_of
from .writers.repository import open_target
from .writers.staging import remove_stale

SPLIT_WEIGHT = 100
"""Datasets that one piece of a split file counts for in a batch: it is written, not linked."""


def ledger_path(target: str, ledger: str | None) -> Path | None:
    """Where the ledger is: given, or in the root of a local repository.

    `None` for a repository that is not local and no ledger given.
    """
    if ledger:
        return Path(ledger)
    root = local_path(target)
    if root is None:
        return None
    return (root.parent if root.is_file() else root) / FILE_NAME


def why_not(plan: Plan) -> str:
    """Why nothing of a plan may be written, ``""`` if it may."""
    if plan.conflicts:
        number = len(plan.conflicts)
        return f"{number} conflict{'s' if number > 1 else ''}, nothing was written"
    if plan.recipe.strict and plan.rejects:
        number = len(plan.rejects)
        return f"--strict: {number} reject{'s' if number > 1 else ''}, nothing was written"
    return ""


def apply(
    plan: Plan,
    target: str,
    ledger: str | None = None,
    progress: Progress = no_progress,
    wait: float = 0,
) -> int | None:
    """Write what a plan says.

    Parameters
    ----------
    plan
        From `converter.convert.make_plan`.
    target
        Butler repository; made (SQLite) if it is not there.
    ledger
        Ledger file, `None` for the one in the repository's root.
    progress
        Shows what takes long.
    wait
        Seconds to wait for another writer.

    Returns
    -------
    conversion
        Number of the conversion in the ledger, `None` if there was nothing to
        write. A ledger that lacks datasets of the target gets them.

    Raises
    ------
    StoppedError
        The plan may not be carried out, or another process writes.
    UsageError
        The target is not local and no ledger was named, or target or ledger
        cannot be written.
    Gen2to3Error
        The target refused a batch. Batches before it stay, and the same
        command goes on from there.
    """
    if reason := why_not(plan):
        raise StoppedError(reason)
    path = ledger_path(target, ledger)
    if path is None:
        raise UsageError(f"{target} is no local directory; say with --ledger where the ledger is to be")
    book = Ledger(path)
    with exclusive(target, path, plan.command, wait), ledger_errors(book):
        if plan.is_empty and not intents.unsettled(book) and not _unknown(plan, book):
            if path.exists():
                _record_serials(plan, book)
            return None
        if ledger or path.exists():
            # Before a repository is made that would then stay behind empty.
            book.check()
        butler = open_target(target, create=True)
        remove_stale(butler)
        _record_serials(plan, book)
        reconcile(butler, book)
        unknown = _unknown(plan, book)
        if plan.is_empty and not unknown:
            return None
        return _carry_out(plan, butler, book, unknown, progress)


def _carry_out(plan: Plan, butler: Butler, book: Ledger, unknown: Sequence[Item], progress: Progress) -> int:
    conversion = book.begin(plan.command, plan.recipe.to_dict(), versions())
    book.add_decisions(conversion, plan.decisions)
    book.add_items(conversion, chain(_others(plan), unknown))
    todo = list(batches(plan))
    references = References(butler)
    for number, batch in enumerate(progress(todo, "batches", len(todo)), 1):
        # Ranges change in the last batch.
        changes = [replace(c, state="planned") for c in plan.changes] if number == len(todo) else []
        items = chain(_written(butler, batch, plan.items, references), changes)
        mark = intents.record(book, conversion, batch, items, _before(butler, batch))
        execute(butler, batch, plan.recipe.transfer, references)
        intents.done(book, mark)
        references.release()
    book.finish(conversion, plan.as_dict(conversion) | {"decisions": len(plan.decisions)})
    return conversion


def _record_serials(plan: Plan, book: Ledger) -> None:
    if plan.serials is not None:
        book.set_serials(*plan.serials)


def _unknown(plan: Plan, book: Ledger) -> list[Item]:
    """Datasets that the target has and the ledger does not know: it was lost, or did not come to write."""
    known = book.datasets() if plan.present else ()
    return [
        replace(plan.items[name], reason=FOUND)
        for name in plan.present
        if name not in known or name in plan.renewed
    ]


def batches(plan: Plan) -> Iterator[list[Operation]]:
    """Operations in transactions: registrations, exposures, files, visits, then ranges and chains."""
    if plan.is_one_batch:
        yield list(plan.operations())
        return
    first: list[Operation] = [*([plan.instrument] if plan.instrument else []), *plan.types, *plan.collections]
    if first:
        yield first
    for exposures in plan.exposures:
        yield [exposures]
    if plan.is_by_type:
        yield from _by_type(plan)
        last: list[Operation] = [*plan.chains]
    else:
        yield from _by_size(plan.ingests)
        for visits in plan.visits:
            yield [visits]
        last = [*plan.decertifies, *plan.certifies, *plan.chains]
    if last:
        yield last


def _by_type(plan: Plan) -> Iterator[list[Operation]]:
    """Files of one dataset type each, with their ranges: there is never one without the other."""
    groups: dict[str, list[Operation]] = {}
    for ingest in plan.ingests:
        groups.setdefault(ingest.files[0].datasets[0][0], []).append(ingest)
    for certify in plan.certifies:
        groups.setdefault(certify.dataset_type, []).append(certify)
    yield from groups.values()


def _by_size(ingests: Sequence[Ingest]) -> Iterator[list[Operation]]:
    batch: list[Operation] = []
    size = 0
    for ingest in ingests:
        pieces = sum(len(file.hdus) for file in ingest.files)
        weight = ingest.size + pieces * (SPLIT_WEIGHT - 1)
        if batch and size + weight > BATCH:
            yield batch
            batch, size = [], 0
        batch.append(ingest)
        size += weight
    if batch:
        yield batch


def _written(
    butler: Butler, batch: Sequence[Operation], planned: Mapping[str, Item], references: References
) -> Iterator[Item]:
    """Ledger rows of the datasets that a batch will write, with the ids that they will have."""
    new = {o.name: o for o in batch if isinstance(o, RegisterDatasetType)}
    types: dict[str, DatasetType] = {}
    for operation in batch:
        if not isinstance(operation, Ingest):
            continue
        for name, data_id in (dataset for file in operation.files for dataset in file.datasets):
            if name not in types:
                types[name] = dataset_type_of(butler, name, new.get(name))
            id_ = references.identify(types[name], operation.run, operation.instrument, data_id)
            item = planned_item(planned, name, operation.run, data_id)
            yield replace(item, dataset_id=id_, state="planned")


def _before(butler: Butler, batch: Sequence[Operation]) -> intents.Before:
    """What the collections hold of which a batch takes ranges off."""
    rows: dict[tuple[str, str], list[Association]] = {}
    places = {(o.instrument, o.dataset_type, o.collection) for o in batch if isinstance(o, Decertify)}
    for instrument, dataset_type, collection in sorted(places):
        add_associations(butler, instrument, butler.get_dataset_type(dataset_type), [collection], rows)
    return rows


def _others(plan: Plan) -> Iterator[Item]:
    """Ledger rows for what is not a dataset of ours."""
    for state, things in (("rejected", plan.rejects), ("skipped", plan.skips)):
        for thing in things:
            yield Item(
                thing.item, "", thing.path or thing.item, None, None, None, None, "", "", state, thing.reason
            )
    for hand_off in plan.hand_offs:
        yield Item(
            hand_off.dataset_type, "", "", None, None, None, None, "", "", "handed-off", hand_off.command
        )
