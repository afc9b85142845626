"""The plan that would make a collection again."""

from __future__ import annotations

from collections import defaultdict

from lsst.daf.butler import CollectionType

from ..nouns import Reject, UsageError
from ..numbers import number_ranges
from ..span_sets import begin_of, end_of
from ..timespans import Span
from .bless import open_repository
from .content import content_of
from .repository import Demand
from .request import Request, Selection, Take

Place = tuple[str, str, Span]


def express(root: str, collection: str, instrument: str = "") -> tuple[Request, list[Reject]]:
    """State what a collection holds, entry by entry.

    Parameters
    ----------
    root
        Butler repository.
    collection
        A CALIBRATION collection.
    instrument
        Gen3 instrument name, ``""`` for the only one.

    Returns
    -------
    request
        The plan: one entry for each RUN, dataset type and range, unless its
        detectors are not the same for all filters.
    rejects
        Dataset types that a plan cannot name.

    Raises
    ------
    UsageError
        There is no such collection.
    """
    repository = open_repository(root, instrument)
    try:
        kind = repository.kinds.get(collection)
        if kind is not CollectionType.CALIBRATION:
            found = "does not exist" if kind is None else f"is {kind.name}"
            raise UsageError(f"collection {collection} {found}; expected a CALIBRATION collection")
        types = sorted(t for t in repository.types_in(collection) if t in repository.types)
        rejects = [
            Reject(
                t,
                f"has the dimensions {', '.join(repository.types[t].dimensions)}, which a plan cannot tell apart",
            )
            for t in types
            if not repository.is_usable(t)
        ]
        demands = [Demand(t, collection, "") for t in types if repository.is_usable(t)]
        repository.read(demands)
        content = content_of(row for demand in demands for row in repository.rows(demand))
        name = repository.instrument
    finally:
        repository.close()
    filters: dict[Place, dict[str | None, set[int | None]]] = defaultdict(lambda: defaultdict(set))
    for dataset, spans in content.items():
        for span in spans:
            place = (dataset.dataset_type, dataset.run, span)
            filters[place][dataset.data_id.physical_filter].add(dataset.data_id.detector)
    entries = []
    for place in sorted(filters, key=lambda p: (p[0], begin_of(p[2]), end_of(p[2]), p[1])):
        dataset_type, run, span = place
        # Entries choose every detector of every filter, so these have to be the same.
        alike: dict[frozenset[int | None], list[str]] = defaultdict(list)
        for physical_filter, detectors in sorted(filters[place].items(), key=lambda f: f[0] or ""):
            alike[frozenset(detectors)] += [physical_filter] if physical_filter is not None else []
        for detectors_, names in alike.items():
            selection = Selection(
                (dataset_type,),
                tuple(number_ranges(d for d in detectors_ if d is not None)),
                tuple(names),
            )
            entries.append(Take((run,), selection, spans=(span,)))
    return Request(collection, name, certify=tuple(entries)), rejects
