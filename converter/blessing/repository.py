"""What the Butler says of collections, dataset types and datasets. Reads only.

Queries are made for a dataset type and many collections at once; none is made
for a row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from lsst.daf.butler import Butler, ButlerUserError, CollectionType

from ..nouns import DataId, UsageError
from ..target import TargetDatasetType
from ..timespans import MAX_NS, MIN_NS, Span
from .request import is_glob, matches

DIMENSIONS = frozenset({"instrument", "detector", "physical_filter"})
"""What the data IDs of calibrations are made of, and what a plan can tell apart."""


class Dataset(NamedTuple):
    """A dataset by what is the same in every repository."""

    dataset_type: str
    run: str
    data_id: DataId


class Row(NamedTuple):
    """A dataset in a collection; ``span`` is its range there, `None` in a RUN or TAGGED collection."""

    collection: str
    dataset: Dataset
    dataset_id: str
    span: Span | None


class Demand(NamedTuple):
    """Datasets of a type in a collection, with a further condition."""

    dataset_type: str
    collection: str
    where: str


class Repository:
    """One instrument's part of a Butler repository.

    Parameters
    ----------
    butler
        The repository.
    instrument
        Gen3 instrument name, ``""`` for the only one.

    Raises
    ------
    UsageError
        There is no such instrument, or several and none is named.
    """

    def __init__(self, butler: Butler, instrument: str) -> None:
        self.butler = butler
        self.instrument = _instrument(butler, instrument)
        infos = butler.collections.query_info("*", include_summary=True)
        self.kinds: dict[str, CollectionType] = {i.name: i.type for i in infos}
        self.chains: dict[str, tuple[str, ...]] = {
            i.name: tuple(i.children) for i in infos if i.type is CollectionType.CHAINED
        }
        self._types_in: dict[str, frozenset[str]] = {
            i.name: frozenset(i.dataset_types or ()) for i in infos if i.type is not CollectionType.CHAINED
        }
        self.types: dict[str, TargetDatasetType] = {
            t.name: TargetDatasetType(tuple(t.dimensions.required), t.storageClass_name, t.isCalibration())
            for t in butler.registry.queryDatasetTypes()
            if not t.isComponent()
        }
        records = butler.query_dimension_records(
            "detector", instrument=self.instrument, limit=None, explain=False
        )
        self.detectors: dict[int, str] = {r.id: r.full_name for r in records}
        self._rows: dict[Demand, list[Row]] = {}

    def matching(self, patterns: Iterable[str]) -> tuple[list[str], list[str]]:
        """Collections by name or glob, and what stands for none."""
        found: dict[str, None] = {}
        unknown = []
        for pattern in patterns:
            if pattern in self.kinds:
                names = [pattern]
            else:
                names = [n for n in sorted(self.kinds) if is_glob(pattern) and matches((pattern,), n)]
            if not names:
                unknown.append(pattern)
            found.update(dict.fromkeys(names))
        return list(found), unknown

    def flattened(self, collection: str) -> list[str]:
        """What a search of a collection looks in, in order."""
        found: dict[str, None] = {}
        todo, seen = [collection], set()
        while todo:
            name = todo.pop()
            if name in seen:
                continue
            seen.add(name)
            if name in self.chains:
                todo += reversed(self.chains[name])
            else:
                found[name] = None
        return list(found)

    def types_in(self, collection: str) -> frozenset[str]:
        """Dataset types that a collection has, or once had."""
        return self._types_in.get(collection, frozenset())

    def is_usable(self, dataset_type: str) -> bool:
        """Whether data IDs of a dataset type consist of what a plan knows."""
        dimensions = set(self.types[dataset_type].dimensions)
        return "instrument" in dimensions and dimensions <= DIMENSIONS

    def read(self, demands: Iterable[Demand]) -> None:
        """Read what is asked for, by one query for each type, condition and kind of collection.

        Raises
        ------
        UsageError
            The Butler does not understand a condition.
        """
        groups: dict[tuple[str, str, bool], list[str]] = defaultdict(list)
        for demand in dict.fromkeys(demands):
            if demand not in self._rows:
                self._rows[demand] = []
                has_spans = self.kinds[demand.collection] is CollectionType.CALIBRATION
                groups[demand.dataset_type, demand.where, has_spans].append(demand.collection)
        for (dataset_type, where, has_spans), collections in groups.items():
            for row in self._query(dataset_type, where, has_spans, collections):
                self._rows[Demand(dataset_type, row.collection, where)].append(row)

    def rows(self, demand: Demand) -> list[Row]:
        """What `read` found."""
        return self._rows[demand]

    def _query(self, dataset_type: str, where: str, has_spans: bool, collections: list[str]) -> Iterable[Row]:
        definition = self.butler.get_dataset_type(dataset_type)
        required = [d for d in definition.dimensions.required if d != "instrument"]
        fields = {"dataset_id", "run", "collection"} | ({"timespan"} if has_spans else set())
        try:
            with self.butler.query() as query:
                found = query.join_dataset_search(dataset_type, collections).where(instrument=self.instrument)
                if where:
                    found = found.where(where, instrument=self.instrument)
                rows = found.general(
                    definition.dimensions, dataset_fields={dataset_type: fields}, find_first=False
                )
                return [_row(dataset_type, required, has_spans, row) for row in rows]
        except (ButlerUserError, LookupError, ValueError, TypeError) as exc:
            if not where:
                raise
            reason = " ".join(str(exc).split())
            raise UsageError(f"where {where!r} for {dataset_type}: {reason}") from None

    def close(self) -> None:
        """Let go of the repository."""
        self.butler.close()


def _row(dataset_type: str, required: list[str], has_spans: bool, row: Any) -> Row:
    span = None
    if has_spans:
        begin, end = row[f"{dataset_type}.timespan"].nsec
        span = Span(None if begin <= MIN_NS else begin, None if end >= MAX_NS else end)
    dataset = Dataset(dataset_type, row[f"{dataset_type}.run"], DataId(**{d: row[d] for d in required}))
    return Row(row[f"{dataset_type}.collection"], dataset, str(row[f"{dataset_type}.dataset_id"]), span)


def _instrument(butler: Butler, instrument: str) -> str:
    records = butler.query_dimension_records("instrument", limit=None, explain=False)
    names = sorted(record.name for record in records)
    if instrument:
        if instrument not in names:
            raise UsageError(f"instrument {instrument!r}: the repository has {', '.join(names) or 'none'}")
        return instrument
    if len(names) != 1:
        raise UsageError(
            f"the repository has {', '.join(names) or 'no instrument'}; name one with 'instrument'"
        )
    return names[0]
