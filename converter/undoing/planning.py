"""What undoing a conversion would do, and what stands in its way.

The ledger says what the conversion made, the target what of it is there.
Reads only.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lsst.daf.butler import Butler, CollectionType, DatasetRef

from .. import intents
from ..intents import Intents
from ..ledger import Ledger
from ..nouns import DataId, UsageError
from ..operations import Certify, Decertify, Removal
from ..planning.items import parse_dataset_name
from ..target import Association, add_associations
from .collections import plan_collections
from .ranges import Place, certifications, decertifications, plan_rows

EXAMPLES = 3
"""Names of a kind that a refusal gives."""

COMMAND = "undo"


@dataclass
class UndoPlan:
    """All that undoing a conversion would do.

    Parameters
    ----------
    conversion, command, started_utc
        The conversion, as the ledger has it.
    removal
        What is done to the target.
    datasets, decertified, restored
        Numbers by dataset type: datasets removed, ranges that go, ranges put back.
    refusals
        What stands in its way, one line each.
    all_ids
        Ids of all datasets that the conversion wrote or was going to write.
    runs
        RUNs of these.
    unwritten
        Type, RUN, data ID and id of those that the target does not hold;
        their files may have been left behind.
    dataset_types
        Dataset types that it registered; they stay.
    undone_by
        Number of the undo that has been carried out before, `None` if none has.
    """

    conversion: int
    command: str
    started_utc: str
    removal: Removal = field(default_factory=Removal)
    datasets: Counter[str] = field(default_factory=Counter)
    decertified: Counter[str] = field(default_factory=Counter)
    restored: Counter[str] = field(default_factory=Counter)
    refusals: list[str] = field(default_factory=list)
    all_ids: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    unwritten: tuple[tuple[str, str, DataId, str], ...] = ()
    dataset_types: tuple[str, ...] = ()
    undone_by: int | None = None

    def as_dict(self, number: int | None = None) -> dict[str, Any]:
        """The command line's JSON contract."""
        return {
            "conversion": number,
            "undoes": self.conversion,
            "command": self.command,
            "undone": dict(sorted(self.datasets.items())),
            "decertified": dict(sorted(self.decertified.items())),
            "restored": dict(sorted(self.restored.items())),
            "collections": list(self.removal.collections),
            "chains": [
                {"name": c.name, "before": list(c.before or ()), "after": list(c.children)}
                for c in self.removal.chains
            ],
            "dataset_types_kept": list(self.dataset_types),
            "refused": self.refusals,
        }


def choose(book: Ledger, conversion: int | None) -> dict[str, Any]:
    """The conversion that is meant, the last one that stands if none is named.

    Raises
    ------
    UsageError
        There is no such conversion.
    """
    rows = list(book.database().query("select * from conversions where command != 'undo' order by id"))
    if conversion is None:
        standing = [row for row in rows if row["undone_by"] is None]
        if not standing:
            raise UsageError(f"{book.path}: no conversion is recorded that could be undone")
        return standing[-1]
    for row in rows:
        if row["id"] == conversion:
            return row
    known = ", ".join(str(row["id"]) for row in rows) or "none"
    raise UsageError(f"{book.path} has no conversion {conversion} that could be undone; there are {known}")


def plan_undo(butler: Butler, book: Ledger, row: Mapping[str, Any]) -> UndoPlan:
    """Plan the undoing of a conversion.

    What it made and the target does not hold any more is not missed, so that
    an undo that was interrupted goes on.

    Parameters
    ----------
    butler
        The target.
    book
        The ledger.
    row
        The conversion, from `choose`.
    """
    plan = UndoPlan(row["id"], row["command"], row["started_utc"], undone_by=row["undone_by"])
    if plan.undone_by is not None:
        return plan
    done = intents.read(book, plan.conversion)
    all_items = [*done.items, *done.forgotten]
    plan.all_ids = tuple(item.dataset_id for item in all_items)
    plan.dataset_types = tuple(done.dataset_types)
    if all_items and json.loads(row["recipe"]).get("transfer") == "move":
        plan.refusals.append(
            "it moved the files (--transfer move), so that the repository has the only ones: "
            "undoing would delete them; copy them out first, and remove the datasets with butler"
        )
        return plan
    # What was forgotten may have been written by a later conversion: that one's it is.
    refs = butler.get_many_datasets([item.dataset_id for item in done.items])
    there = {str(ref.id) for ref in refs}
    names = {item.dataset_id: parse_dataset_name(item.dataset) for item in all_items}
    plan.unwritten = tuple((*name, id_) for id_, name in names.items() if id_ not in there)
    plan.runs = tuple(sorted({run for _, run, _ in names.values()}))
    plan.datasets.update(ref.datasetType.name for ref in refs)

    infos = butler.collections.query_info("*", include_summary=True)
    kinds = {info.name: info.type.name for info in infos}
    chains = {i.name: tuple(i.children) for i in infos if i.type is CollectionType.CHAINED}
    gone = plan_collections(done.collections, kinds, chains)
    removed = set(gone.removed)
    plan.refusals += gone.refusals
    by_kind: dict[str, list[str]] = defaultdict(list)
    for name, kind in kinds.items():
        by_kind[kind].append(name)

    decertifies, certifies, touched = _plan_ranges(plan, butler, done, refs, by_kind["CALIBRATION"], removed)
    runs = removed & set(by_kind["RUN"])
    later = _look_at_later(plan, book, done, names, runs)
    _look_for_strangers(plan, butler, runs, there | later)
    # Chains sum up what is in them.
    summaries = {
        i.name: i.dataset_types or ()
        for i in infos
        if i.name in removed and i.type is CollectionType.CALIBRATION
    }
    _look_for_other_ranges(plan, butler, summaries, touched)
    _look_for_tags(plan, butler, refs, by_kind["TAGGED"])
    plan.refusals = list(dict.fromkeys(plan.refusals))
    plan.removal = Removal(
        tuple(sorted(there)), tuple(decertifies), tuple(certifies), tuple(gone.chains), tuple(gone.removed)
    )
    return plan


def _plan_ranges(
    plan: UndoPlan,
    butler: Butler,
    done: Intents,
    refs: Iterable[DatasetRef],
    calibrations: list[str],
    removed: set[str],
) -> tuple[list[Decertify], list[Certify], dict[str, set[str]]]:
    """Ranges taken off and put back; with the collections and types that were looked at."""
    datasets: dict[str, set[tuple[str, DataId]]] = defaultdict(set)
    instruments: dict[str, str] = {}
    for ref in refs:
        data_id = {d: ref.dataId[d] for d in ref.dataId.dimensions.required if d != "instrument"}
        datasets[ref.datasetType.name].add((ref.run, DataId(**data_id)))
        if ref.datasetType.isCalibration():
            instruments[ref.datasetType.name] = str(ref.dataId["instrument"])
    places: set[Place] = {(i.instrument, i.collection, i.dataset_type) for i in done.certifies}
    places |= {(i.instrument, i.collection, i.dataset_type) for i in done.decertifies}
    wanted = {(instrument, name) for name, instrument in instruments.items()}
    wanted |= {(instrument, name) for instrument, _, name in places}
    rows: dict[tuple[str, str], list[Association]] = {}
    for instrument, name in sorted(wanted):
        for dataset_type in butler.registry.queryDatasetTypes([name], missing=[]):
            add_associations(butler, instrument, dataset_type, calibrations, rows)
    decertifies: list[Decertify] = []
    certifies: list[Certify] = []
    touched: dict[str, set[str]] = defaultdict(set)
    for place in sorted(places):
        instrument, collection, name = place
        current = rows.pop((collection, name), [])
        found = plan_rows(
            place,
            current,
            [i for i in done.certifies if (i.instrument, i.collection, i.dataset_type) == place],
            [i for i in done.decertifies if (i.instrument, i.collection, i.dataset_type) == place],
            datasets[name],
            collection in removed,
        )
        plan.refusals += found.refusals
        decertifies += decertifications(place, found.off)
        certifies += certifications(place, found.back)
        plan.decertified[name] += len(found.off) + len(found.gone)
        plan.restored[name] += len(found.back)
        touched[collection].add(name)
        left = set(current) - {*found.off, *found.gone}
        _refuse_others(plan, collection, name, left, datasets[name], collection in removed)
    for (collection, name), others in rows.items():
        _refuse_others(plan, collection, name, set(others), datasets[name], collection in removed)
        touched[collection].add(name)
    plan.decertified, plan.restored = +plan.decertified, +plan.restored
    return decertifies, certifies, touched


def _refuse_others(
    plan: UndoPlan,
    collection: str,
    dataset_type: str,
    left: set[Association],
    datasets: set[tuple[str, DataId]],
    vanishes: bool,
) -> None:
    """Refuse for ranges that somebody else gave its datasets, or that are in its collection."""
    own = sorted((row for row in left if (row.run, row.data_id) in datasets), key=str)
    if own:
        _refuse(
            plan,
            f"{collection} has ranges of its datasets that it did not certify",
            [f"{dataset_type} {r.data_id} of {r.run} {r.span}" for r in own],
        )
    others = sorted(left - set(own), key=str) if vanishes else []
    if others:
        _refuse(
            plan,
            f"{collection}, which it made, has ranges of others",
            [f"{dataset_type} {r.data_id} of {r.run} {r.span}" for r in others],
        )


def _look_for_other_ranges(
    plan: UndoPlan, butler: Butler, summaries: Mapping[str, Iterable[str]], touched: Mapping[str, set[str]]
) -> None:
    """Refuse for ranges of other dataset types in collections that would go."""
    for collection, types in sorted(summaries.items()):
        for name in sorted(set(types) - touched.get(collection, set())):
            found = butler.registry.queryDatasetAssociations(
                name, [collection], collectionTypes={CollectionType.CALIBRATION}
            )
            rows = [f"{_name(a.ref)} of {a.ref.run}" for a in found]
            if rows:
                _refuse(plan, f"{collection}, which it made, has ranges of others", rows)


def _look_for_strangers(plan: UndoPlan, butler: Butler, runs: set[str], own: set[str]) -> None:
    """Refuse for datasets that somebody else put into its RUNs."""
    if not runs:
        return
    found = butler.query_all_datasets(sorted(runs), find_first=False, limit=None)
    strangers: dict[str, list[str]] = defaultdict(list)
    for ref in found:
        if str(ref.id) not in own:
            strangers[ref.run].append(_name(ref))
    for run, names in sorted(strangers.items()):
        _refuse(plan, f"RUN {run}, which it made, has datasets of others", sorted(names))


def _look_for_tags(plan: UndoPlan, butler: Butler, refs: Iterable[DatasetRef], tagged: list[str]) -> None:
    if not tagged:
        return
    ids = {ref.id for ref in refs}
    types = {ref.datasetType.name: ref.datasetType for ref in refs}
    for collection in sorted(tagged):
        names: list[str] = []
        for dataset_type in types.values():
            with butler.query() as query:
                found = list(query.datasets(dataset_type, [collection], find_first=False))
            names += [f"{_name(r)} of {r.run}" for r in found if r.id in ids]
        if names:
            _refuse(plan, f"TAGGED collection {collection} has its datasets", sorted(names))


def _look_at_later(
    plan: UndoPlan, book: Ledger, done: Intents, names: Mapping[str, tuple[str, str, DataId]], runs: set[str]
) -> set[str]:
    """Refuse for conversions after it that stand on it; gives the ids of what they put into its RUNs."""
    inside: set[str] = set()
    certified = {
        (i.collection, i.dataset_type, run, data_id) for i in done.certifies for run, data_id in i.datasets
    }
    # What it only meant to write and a later one wrote is the later one's.
    own = {names[item.dataset_id] for item in done.items}
    own_ids = {item.dataset_id for item in done.items}
    later = book.database().execute(
        "select id, command from conversions where id > ? and undone_by is null and command != 'undo' order by id",
        (plan.conversion,),
    )
    for number, command in list(later):
        theirs = intents.read(book, number)
        who = f"conversion {number} ({command})"
        taken = [
            f"{i.dataset_type} {row.data_id} of {row.run} in {i.collection}"
            for i in theirs.decertifies
            for row in i.before
            if (i.collection, i.dataset_type, row.run, row.data_id) in certified
            or (i.dataset_type, row.run, row.data_id) in own
        ]
        if taken:
            _refuse(plan, f"{who} took off or cut ranges that it certified", taken)
        given = [
            f"{i.dataset_type} {data_id} of {run} in {i.collection}"
            for i in theirs.certifies
            for run, data_id in i.datasets
            if (i.dataset_type, run, data_id) in own
        ]
        written = [item.dataset for item in theirs.items if item.dataset_id in own_ids]
        if given:
            _refuse(plan, f"{who} certified its datasets", given)
        if written:
            _refuse(plan, f"{who} wrote its datasets again", written)
        added = [item for item in theirs.items if parse_dataset_name(item.dataset)[1] in runs]
        inside |= {item.dataset_id for item in added}
        if added:
            _refuse(plan, f"{who} put datasets into RUNs that it made", [item.dataset for item in added])
    return inside


def _refuse(plan: UndoPlan, why: str, names: list[str]) -> None:
    shown = "; ".join(names[:EXAMPLES])
    more = f"; and {len(names) - EXAMPLES} more" if len(names) > EXAMPLES else ""
    plan.refusals.append(f"{why}: {shown}{more}")


def _name(ref: DatasetRef) -> str:
    values = [f"{d}={ref.dataId[d]}" for d in ref.dataId.dimensions.required if d != "instrument"]
    return " ".join([ref.datasetType.name, *values])
