"""Which rows of the repository the entries of a plan mean."""

from __future__ import annotations

from dataclasses import dataclass, field

from lsst.daf.butler import CollectionType

from .repository import Demand, Repository, Row
from .request import Entry, Inherit, Request, Take, is_glob


@dataclass
class Chosen:
    """The rows of one entry.

    Parameters
    ----------
    searches
        For each collection that is named, what a search of it looks in, with
        the rows in each, in order.
    """

    searches: list[list[list[Row]]] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether nothing matches."""
        return not any(rows for search in self.searches for rows in search)


@dataclass
class Found:
    """What the repository has of what a plan names.

    Parameters
    ----------
    current
        What the collection holds now.
    inherited, taken
        Rows of the entries, in their order.
    conflicts
        What cannot be, one line each.
    """

    current: list[Row] = field(default_factory=list)
    inherited: list[Chosen] = field(default_factory=list)
    taken: list[Chosen] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)


def select(request: Request, repository: Repository) -> Found:
    """Read all that a plan names, by a fixed number of queries for each type.

    Raises
    ------
    UsageError
        The Butler does not understand a ``where``.
    """
    found = Found()
    inherit = [_searches(entry, repository, found.conflicts) for entry in request.inherit]
    take = [_searches(entry, repository, found.conflicts) for entry in request.certify]
    current = [Demand(t, request.collection, "") for t in _current_types(request, repository)]
    every = [
        d for searches in (*inherit, *take) for search in searches for demands in search for d in demands
    ]
    repository.read([*current, *every])
    found.current = [row for demand in current for row in repository.rows(demand)]
    for entry, searches in zip(request.inherit, inherit, strict=True):
        found.inherited.append(_chosen(entry, searches, repository))
    for take_entry, searches in zip(request.certify, take, strict=True):
        found.taken.append(_chosen(take_entry, searches, repository))
    return found


def _current_types(request: Request, repository: Repository) -> list[str]:
    if repository.kinds.get(request.collection) is not CollectionType.CALIBRATION:
        return []
    types = sorted(repository.types_in(request.collection))
    return [t for t in types if t in repository.types and repository.is_usable(t)]


def _searches(entry: Entry, repository: Repository, conflicts: list[str]) -> list[list[list[Demand]]]:
    names, unknown = repository.matching(entry.collections)
    if not entry.optional:
        conflicts += [f"{entry.where_from}: there is no collection {name!r}" for name in unknown]
    searches: list[list[list[Demand]]] = []
    looked_in: dict[str, None] = {}
    for name in names:
        flat = repository.flattened(name)
        if isinstance(entry, Inherit):
            if others := [c for c in flat if repository.kinds[c] is not CollectionType.CALIBRATION]:
                kind = repository.kinds[others[0]].name
                conflicts.append(
                    f"{entry.where_from}: {others[0]} is a {kind} collection and certifies nothing to inherit; "
                    "take its datasets with an entry under 'certify'"
                )
            flat = [c for c in flat if c not in others]
        looked_in.update(dict.fromkeys(flat))
        searches.append([[] for _ in flat])
        for demands, collection in zip(searches[-1], flat, strict=True):
            for dataset_type in sorted(repository.types_in(collection)):
                if entry.selection.has_type(dataset_type) and _is_meant(entry, dataset_type, repository):
                    demands.append(Demand(dataset_type, collection, entry.selection.where))
    if not entry.optional:
        conflicts += _type_problems(entry, repository)
    return searches


def _is_meant(entry: Entry, dataset_type: str, repository: Repository) -> bool:
    if dataset_type not in repository.types or not repository.is_usable(dataset_type):
        return False
    is_source = isinstance(entry, Take) and bool(entry.as_type)
    return is_source or repository.types[dataset_type].is_calibration


def _type_problems(entry: Entry, repository: Repository) -> list[str]:
    """What is wrong with the dataset types that are named in full."""
    problems = []
    for name in entry.selection.types:
        definition = repository.types.get(name)
        if definition is None:
            if not is_glob(name):
                problems.append(f"{entry.where_from}: there is no dataset type {name!r} in the repository")
        elif not repository.is_usable(name):
            problems.append(
                f"{entry.where_from}: dataset type {name} has the dimensions {', '.join(definition.dimensions)}; "
                "only instrument, detector and physical_filter can be told apart"
            )
        elif not (definition.is_calibration or (isinstance(entry, Take) and entry.as_type)):
            problems.append(
                f"{entry.where_from}: dataset type {name} is no calibration and cannot be certified"
            )
    return problems


def _chosen(entry: Entry, searches: list[list[list[Demand]]], repository: Repository) -> Chosen:
    chosen = Chosen()
    for search in searches:
        chosen.searches.append(
            [
                [
                    row
                    for demand in demands
                    for row in repository.rows(demand)
                    if entry.selection.has(row.dataset.data_id, repository.detectors)
                ]
                for demands in search
            ]
        )
    return chosen
