"""What a Gen3 search for a calibration looks at, one range after the other, and why it takes one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from lsst.daf.butler import Butler, DatasetType

from .answers import Certified, search_order
from .nouns import DataId
from .timespans import MAX_NS, MIN_NS, Span, format_tai

MATCHES = "matches"
ENDS_BEFORE = "ends before"
BEGINS_AFTER = "begins after"
CAME_FIRST = "another collection of the chain came first"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One range of one dataset in one collection.

    Parameters
    ----------
    collection
        Where it is.
    run
        RUN of the dataset.
    dataset_id
        Its UUID.
    span
        Validity range, TAI; unbounded in a RUN or TAGGED collection, which
        knows no ranges.
    verdict
        Why it is the answer or not.
    """

    collection: str
    run: str
    dataset_id: str
    span: Span
    verdict: str = ""

    @property
    def stamp(self) -> str:
        """Last part of the RUN name."""
        return self.run.rpartition("/")[2]

    @property
    def certified(self) -> Certified:
        """The same as `converter.answers` has it."""
        begin = MIN_NS if self.span.begin is None else self.span.begin
        end = MAX_NS if self.span.end is None else self.span.end
        return Certified(begin, end, self.run, self.collection, self.dataset_id)

    def as_dict(self) -> dict[str, Any]:
        """One entry of the command line's JSON contract; times are TAI."""
        return {
            "collection": self.collection,
            "run": self.run,
            "dataset_id": self.dataset_id,
            "begin_tai": None if self.span.begin is None else format_tai(self.span.begin),
            "end_tai": None if self.span.end is None else format_tai(self.span.end),
            "verdict": self.verdict,
        }


def read_candidates(
    butler: Butler, instrument: str, dataset_type: DatasetType, data_id: DataId, collection: str
) -> list[Candidate]:
    """All ranges of a dataset type and data ID, in the order of the search.

    Parameters
    ----------
    butler
        The repository.
    instrument
        Gen3 instrument name.
    dataset_type
        A registered calibration dataset type.
    data_id
        Detector and filter.
    collection
        What is searched; need not be there.
    """
    order = [name for name, _ in search_order(butler, collection)]
    if not order:
        return []
    name = dataset_type.name
    found = []
    with butler.query() as query:
        rows = (
            query.join_dataset_search(name, order)
            .where(instrument=instrument, **data_id.as_dict())
            .general(
                dataset_type.dimensions,
                dataset_fields={name: {"dataset_id", "run", "collection", "timespan"}},
                find_first=False,
            )
        )
        for row in rows:
            begin, end = row[f"{name}.timespan"].nsec
            span = Span(begin, end).clipped()
            found.append(
                Candidate(row[f"{name}.collection"], row[f"{name}.run"], str(row[f"{name}.dataset_id"]), span)
            )
    return sorted(found, key=lambda c: (order.index(c.collection), c.certified))


def judge(candidates: Sequence[Candidate], asked: Span) -> list[Candidate]:
    """Say of each candidate why it is the answer or not.

    Parameters
    ----------
    candidates
        In the order of the search.
    asked
        Time that is asked for, TAI, both ends given.
    """
    first = next((c.collection for c in candidates if c.span.overlaps(asked)), None)

    def verdict(candidate: Candidate) -> str:
        begin, end = candidate.span
        if end is not None and asked.begin is not None and end <= asked.begin:
            return ENDS_BEFORE
        if begin is not None and asked.end is not None and begin >= asked.end:
            return BEGINS_AFTER
        return MATCHES if candidate.collection == first else CAME_FIRST

    return [replace(c, verdict=verdict(c)) for c in candidates]


def nearest(candidates: Sequence[Candidate]) -> tuple[Candidate | None, Candidate | None]:
    """The last range that ends before the time that was asked for, and the first that begins after it."""
    before = [c for c in candidates if c.verdict == ENDS_BEFORE]
    after = [c for c in candidates if c.verdict == BEGINS_AFTER]
    return (
        max(before, key=lambda c: c.certified.end, default=None),
        min(after, key=lambda c: c.certified.begin, default=None),
    )
