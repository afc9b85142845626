"""What another Gen3 repository certifies, read through the Butler's queries."""

from __future__ import annotations

from collections.abc import Collection

from lsst.daf.butler import Butler, CollectionType

from .answers import read_answers, search_order
from .nouns import Skip, UsageError
from .statements import ForeignRange, ForeignRanges
from .target import is_readable, open_reading
from .timespans import Span


def read_repository(
    root: str, collection: str, instrument: str, dataset_types: Collection[str]
) -> ForeignRanges:
    """Read what a repository certifies.

    Parameters
    ----------
    root
        Directory or configuration file of a repository, a URI, or an alias.
    collection
        A CALIBRATION collection, or a chain; ``""`` if there is only one of
        the first.
    instrument
        Gen3 instrument name.
    dataset_types
        The types that matter.

    Raises
    ------
    UsageError
        There is no such repository or collection, or none is named and there
        are several.
    """
    butler = open_reading(root)
    if butler is None:
        raise UsageError(f"{root} is not there, or empty; a Butler repository was expected")
    wanted = collection or _only_collection(butler, root)
    order = [name for name, type_ in search_order(butler, wanted) if type_ is CollectionType.CALIBRATION]
    if not order:
        raise UsageError(f"{root} has no CALIBRATION collection {wanted}; found {_there(butler) or 'none'}")
    result = ForeignRanges({name: [] for name in order})
    registered = {t.name: t for t in butler.registry.queryDatasetTypes(sorted(dataset_types), missing=[])}
    for name in sorted(dataset_types):
        if name not in registered or not is_readable(registered[name]):
            why = f"has no dataset type {name} with detectors and filters"
            result.skips.append(Skip(f"{root} {wanted}", why))
            continue
        answers = read_answers(butler, instrument, name, wanted)
        for table in answers.by_collection:
            for data_id, ranges in table.items():
                for certified in ranges:
                    path = answers.paths.get(certified.dataset_id, "")
                    result.by_collection[certified.collection].append(
                        ForeignRange(
                            name,
                            data_id,
                            certified.run,
                            path.rpartition("/")[2],
                            Span(certified.begin, certified.end).clipped(),
                        )
                    )
    return result


def _there(butler: Butler) -> str:
    found = butler.collections.query_info("*")
    return ", ".join(sorted(i.name for i in found if i.type is CollectionType.CALIBRATION))


def _only_collection(butler: Butler, root: str) -> str:
    there = _there(butler)
    if not there or ", " in there:
        raise UsageError(
            f"{root} has not one CALIBRATION collection but {there or 'none'}; name one, as in gen3:REPO#COLLECTION"
        )
    return there
