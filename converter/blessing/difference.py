"""What has to change for a collection to hold what it is to hold. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..nouns import DataId
from ..operations import Certify, Decertify
from ..span_sets import begin_of, unite
from ..timespans import Span
from .checks import sort_key
from .content import Content
from .folding import Line, fold
from .repository import Dataset, Row
from .request import texts


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a dataset's ranges: ``+`` new, ``-`` taken off, ``~`` another, ``=`` the same."""

    sign: str
    dataset: Dataset
    before: tuple[Span, ...]
    after: tuple[Span, ...]

    def as_dict(self) -> dict[str, Any]:
        """The command line's JSON contract; times in TAI, ``""`` for unbounded."""
        return {
            "change": self.sign,
            "type": self.dataset.dataset_type,
            "data_id": self.dataset.data_id.as_dict(),
            "run": self.dataset.run,
            "before": [texts(span) for span in self.before],
            "after": [texts(span) for span in self.after],
        }

    def line(self) -> Line:
        """The line of a unified diff."""
        before, after = (", ".join(map(str, spans)) for spans in (self.before, self.after))
        ranges = f"{before} -> {after}" if self.sign == "~" else before or after
        return Line(
            f"{self.sign} {self.dataset.dataset_type}", self.dataset.data_id, f" {self.dataset.run} {ranges}"
        )


@dataclass
class Difference:
    """All changes, and the ranges that they consist of.

    Parameters
    ----------
    changes
        By dataset, in the order in which they are shown.
    off, on
        Ranges to take off, and to certify.
    """

    changes: list[Change] = field(default_factory=list)
    off: list[tuple[Dataset, Span]] = field(default_factory=list)
    on: list[tuple[Dataset, Span]] = field(default_factory=list)

    @property
    def unchanged(self) -> Counter[str]:
        """Number of ranges that stay, by dataset type."""
        return Counter(c.dataset.dataset_type for c in self.changes if c.sign == "=" for _ in c.after)

    def lines(self, with_unchanged: bool = False) -> list[str]:
        """The lines of a unified diff, folded over detectors."""
        shown = [c.line() for c in self.changes if with_unchanged or c.sign != "="]
        return list(fold(shown))


def compare(rows: Iterable[Row], wanted: Content) -> Difference:
    """Compare what a collection holds with what it is to hold.

    Parameters
    ----------
    rows
        What it holds now.
    wanted
        What it is to hold.
    """
    current: dict[Dataset, list[Span]] = defaultdict(list)
    for row in rows:
        if row.span is not None:
            current[row.dataset].append(row.span)
    result = Difference()
    datasets = {**dict.fromkeys(current), **dict.fromkeys(wanted)}
    for dataset in sorted(datasets, key=lambda d: (*sort_key(d.dataset_type, d.data_id), d.run)):
        before = sorted(current.get(dataset, ()), key=begin_of)
        after = list(wanted.get(dataset, ()))
        if list(unite(before)) == after:  # also if they touch: then there is nothing to be gained
            result.changes.append(Change("=", dataset, tuple(before), tuple(before)))
            continue
        same = [span for span in before if span in after]
        off = [span for span in before if span not in same]
        on = [span for span in after if span not in same]
        if same:
            result.changes.append(Change("=", dataset, tuple(same), tuple(same)))
        sign = "~" if off and on else "+" if on else "-"
        result.changes.append(Change(sign, dataset, tuple(off), tuple(on)))
        result.off += [(dataset, span) for span in off]
        result.on += [(dataset, span) for span in on]
    return result


def operations(
    instrument: str, collection: str, difference: Difference
) -> tuple[list[Decertify], list[Certify]]:
    """The fewest calls that make the difference: one for each type and range."""
    off: dict[tuple[str, Span], dict[DataId, None]] = defaultdict(dict)
    for dataset, span in difference.off:
        off[dataset.dataset_type, span][dataset.data_id] = None
    on: dict[tuple[str, Span], list[tuple[str, DataId]]] = defaultdict(list)
    for dataset, span in difference.on:
        on[dataset.dataset_type, span].append((dataset.run, dataset.data_id))
    return (
        [Decertify(instrument, collection, t, span, tuple(ids)) for (t, span), ids in off.items()],
        [Certify(instrument, collection, t, span, tuple(found)) for (t, span), found in on.items()],
    )
