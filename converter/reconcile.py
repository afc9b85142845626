"""What was planned and not settled, because a process was killed: the target says what of it was done."""

from __future__ import annotations

import json

from lsst.daf.butler import Butler

from . import intents
from .intents import CertifyIntent, DecertifyIntent, Intents
from .ledger import Ledger
from .target import Association, add_associations
from .undoing.planning import UndoPlan, plan_undo
from .writers.removal import clean

DONE, FORGOTTEN = "done", "forgotten"


def reconcile(butler: Butler, book: Ledger) -> list[UndoPlan]:
    """Make ledger and target agree.

    To be called by whoever writes and has the lock, before anything else.

    Parameters
    ----------
    butler
        The target.
    book
        The ledger.

    Returns
    -------
    undone
        Undos that had been carried out but for their end, which is made up for.
    """
    numbers = intents.unsettled(book)
    finished = []
    for number in numbers:
        row = book.conversion(number)
        if row["command"] != "undo":
            _settle(butler, book, number)
            continue
        what = book.conversion(json.loads(row["recipe"])["undoes"])
        plan = plan_undo(butler, book, what)
        if plan.undone_by is None and plan.removal.is_empty:
            clean(butler, plan.all_ids, plan.runs, plan.unwritten)
            book.mark_undone(plan.conversion, number, plan.as_dict(number))
            finished.append(plan)
        else:
            # Its one transaction was rolled back, so that nothing has happened.
            book.finish(number, {"state": FORGOTTEN})
    return finished


def _settle(butler: Butler, book: Ledger, number: int) -> None:
    done = intents.read(book, number)
    planned = [item for item in done.items if item.state == "planned"]
    there = {str(ref.id) for ref in butler.get_many_datasets([item.dataset_id for item in planned])}
    states = {item.rowid: DONE if item.dataset_id in there else FORGOTTEN for item in planned}
    ranges = _settle_ranges(butler, done)
    # Lines on changed ranges have no id; they share the fate of the ranges.
    is_done = DONE in ranges.values()
    states |= dict.fromkeys(intents.planned_changes(book, number), DONE if is_done else FORGOTTEN)
    intents.settle(book, "items", states)
    infos = {info.name: info for info in butler.collections.query_info("*")}
    collections = {}
    for intent in done.collections:
        if intent.state != "planned":
            continue
        info = infos.get(intent.name)
        if info is None or info.type.name != intent.type:
            collections[intent.rowid] = FORGOTTEN
        elif intent.type == "CHAINED" and intent.before is not None:
            # One that is made counts as soon as it is there, even if still empty.
            collections[intent.rowid] = FORGOTTEN if tuple(info.children) == intent.before else DONE
        else:
            collections[intent.rowid] = DONE
    intents.settle(book, "collections", collections)
    known = {t.name for t in butler.registry.queryDatasetTypes()}
    ranges |= {rowid: DONE if name in known else FORGOTTEN for rowid, name in done.planned_types}
    intents.settle(book, "intents", ranges)


def _settle_ranges(butler: Butler, done: Intents) -> dict[int, str]:
    """State of the planned ranges: done if any of the rows is (they are written together)."""
    everything: list[CertifyIntent | DecertifyIntent] = [*done.certifies, *done.decertifies]
    planned = [intent for intent in everything if intent.state == "planned"]
    known = set(butler.collections.query("*"))
    rows: dict[tuple[str, str], list[Association]] = {}
    for instrument, name, collection in sorted(
        {(i.instrument, i.dataset_type, i.collection) for i in planned}
    ):
        for dataset_type in butler.registry.queryDatasetTypes([name], missing=[]):
            add_associations(
                butler, instrument, dataset_type, [collection] if collection in known else [], rows
            )
    there = {key: set(found) for key, found in rows.items()}
    before = {row for i in done.decertifies for row in i.before}
    states: dict[int, str] = {}
    for intent in planned:
        current = there.get((intent.collection, intent.dataset_type), set())
        if isinstance(intent, CertifyIntent):
            wanted = {Association(run, data_id, intent.span) for run, data_id in intent.datasets} - before
            is_done = bool(wanted & current)
        else:
            is_done = not set(intent.before) <= current
        states[intent.rowid] = DONE if is_done else FORGOTTEN
    return states
