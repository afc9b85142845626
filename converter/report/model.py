"""What a report shows. Frozen dataclasses only; times are TAI unless a name says UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..timespans import Span, format_tai
from .coverage import Coverage
from .focal_plane import FocalPlane
from .lookups import MEANINGS

MARK = "gen2to3 report"
"""What a report says of its maker; a file that does not say so is never overwritten."""

Cell = str | int | None


@dataclass(frozen=True, slots=True)
class Count:
    """One number at the head of a report.

    Parameters
    ----------
    name
        What is counted.
    value
        How many, `None` if it is not known.
    note
        What is to be known besides.
    anchor
        Id of the part that lists them, ``""`` for none.
    is_bad
        Whether something is to be done about it, if it is not 0.
    """

    name: str
    value: int | None
    note: str = ""
    anchor: str = ""
    is_bad: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows for people.

    Parameters
    ----------
    name
        Id in the page.
    title
        Its heading.
    columns
        Headings of the columns.
    rows
        Cells, as many as there are columns.
    nothing
        What is said if there are no rows.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...] = ()
    nothing: str = "None."

    def as_dict(self) -> list[dict[str, Cell]]:
        """For the command line's JSON."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@dataclass(frozen=True, slots=True)
class Bar:
    """One range of one master, in one lane of a row.

    Parameters
    ----------
    span
        The range, half-open.
    master
        RUN in the repository, or RUN stamp of the source's master.
    collection
        CALIBRATION collection, ``""`` in the lane of Gen2.
    original
        The source's own texts of both ends.
    decisions
        What was decided about it, a line each.
    moved_begin, moved_end
        Whether this end is another than the source's.
    is_odd
        In the lane of Gen2: nothing of this master is certified. In that of
        Gen3: another collection of the chain is searched before.
    """

    span: Span
    master: str
    collection: str = ""
    original: str = ""
    decisions: tuple[str, ...] = ()
    moved_begin: bool = False
    moved_end: bool = False
    is_odd: bool = False

    def as_dict(self) -> dict[str, Any]:
        """For the command line's JSON."""
        return {
            "begin_tai": None if self.span.begin is None else format_tai(self.span.begin),
            "end_tai": None if self.span.end is None else format_tai(self.span.end),
            "master": self.master,
            "collection": self.collection or None,
            "original": self.original,
            "decisions": list(self.decisions),
            "moved_begin": self.moved_begin,
            "moved_end": self.moved_end,
            "is_odd": self.is_odd,
        }


@dataclass(frozen=True, slots=True)
class Row:
    """Detectors of one dataset type and filter with the same ranges before and after.

    Parameters
    ----------
    dataset_type, physical_filter
        What it is about; ``""`` for no filter.
    detectors
        In order, empty for a dataset type that has none.
    before, after
        Ranges in Gen2 and in Gen3, in order.
    overlaps
        Where several masters were valid in Gen2.
    gaps_before, gaps_after
        Times between the ranges in which nothing is valid.
    """

    dataset_type: str
    physical_filter: str
    detectors: tuple[int, ...]
    before: tuple[Bar, ...]
    after: tuple[Bar, ...]
    overlaps: tuple[Span, ...] = ()
    gaps_before: tuple[Span, ...] = ()
    gaps_after: tuple[Span, ...] = ()

    @property
    def detectors_text(self) -> str:
        """As ``41..58 (×6)``."""
        if len(self.detectors) < 2:
            return ", ".join(map(str, self.detectors))
        return f"{runs_of(self.detectors)} (×{len(self.detectors)})"

    @property
    def moved_ends(self) -> int:
        """How many ends are others than the source's."""
        return sum(bar.moved_begin + bar.moved_end for bar in self.after)

    def as_dict(self) -> dict[str, Any]:
        """For the command line's JSON."""
        return {
            "type": self.dataset_type,
            "physical_filter": self.physical_filter or None,
            "detectors": list(self.detectors),
            "gen2": [bar.as_dict() for bar in self.before],
            "gen3": [bar.as_dict() for bar in self.after],
            "overlaps": len(self.overlaps),
            "gaps_gen2": len(self.gaps_before),
            "gaps_gen3": len(self.gaps_after),
        }


def runs_of(numbers: tuple[int, ...]) -> str:
    """Ordered numbers, those that follow each other as ``1..5``; a long list is cut."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1][1:] = [number]
        else:
            parts.append([number])
    texts = ["..".join(map(str, part)) for part in parts]
    return ", ".join(texts) if len(texts) <= 4 else f"{', '.join(texts[:3])}, …, {texts[-1]}"


@dataclass(frozen=True, slots=True)
class Exposure:
    """One exposure, for the rug."""

    number: int
    span: Span
    physical_filter: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """Validity before and after.

    Parameters
    ----------
    rows
        By dataset type, filter and detectors.
    exposures
        Those of the repository that have a timespan, in order of begin.
    collection
        What a search for calibrations looks in.
    source
        Where the ranges of Gen2 come from, in one sentence.
    """

    rows: tuple[Row, ...] = ()
    exposures: tuple[Exposure, ...] = ()
    collection: str = ""
    source: str = ""

    def table(self) -> Table:
        """The rows in words and numbers."""
        return Table(
            "timeline-rows",
            "Validity, row by row",
            (
                "type",
                "filter",
                "detectors",
                "Gen2 ranges",
                "Gen2 overlaps",
                "Gen2 gaps",
                "Gen3 ranges",
                "Gen3 gaps",
                "ends moved",
                "Gen3 from (TAI)",
                "Gen3 to (TAI)",
            ),
            tuple(
                (
                    row.dataset_type,
                    row.physical_filter,
                    row.detectors_text or "all",
                    len(row.before),
                    len(row.overlaps),
                    len(row.gaps_before),
                    len(row.after),
                    len(row.gaps_after),
                    row.moved_ends,
                    format_tai(row.after[0].span.begin) if row.after else "",
                    format_tai(_last(row)) if row.after else "",
                )
                for row in self.rows
            ),
        )


def _last(row: Row) -> int | None:
    ends = [bar.span.end for bar in row.after]
    return None if None in ends else max(end for end in ends if end is not None)


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a report comes from.

    Parameters
    ----------
    facts
        Names and values: repository, Gen2 root, ledger, versions.
    recipe
        The recipe of the last conversion as YAML, ``""`` if it is not known.
    fingerprint
        Path, size and modification time (Unix ns) of the registries that were
        read, ``""`` if they were not.
    conversions
        Those of the ledger.
    """

    facts: tuple[tuple[str, str], ...] = ()
    recipe: str = ""
    fingerprint: str = ""
    conversions: Table = field(default_factory=lambda: Table("conversions", "Conversions", ()))


@dataclass(frozen=True, slots=True)
class Report:
    """All that a report shows.

    Parameters
    ----------
    instrument
        Gen3 instrument name.
    title
        Heading of the page.
    made_utc
        When it was made, ISO text.
    counts
        The numbers that come first.
    unknown
        What could not be told and why, a sentence each.
    tables
        Small tables that belong to the counts: by dataset type, agreement.
    timeline
        Validity before and after.
    coverage, focal_plane
        What the exposures of each night find, and where in the focal plane.
    lists
        Decisions, rejects, skips, hand-offs.
    provenance
        Recipe, versions, fingerprint, conversions.
    """

    instrument: str
    title: str
    made_utc: str
    counts: tuple[Count, ...]
    unknown: tuple[str, ...]
    tables: tuple[Table, ...]
    timeline: Timeline
    coverage: Coverage
    focal_plane: FocalPlane
    lists: tuple[Table, ...]
    provenance: Provenance

    def as_dict(self) -> dict[str, Any]:
        """The command line's JSON contract."""
        return {
            "instrument": self.instrument,
            "made_utc": self.made_utc,
            "counts": {count.name: count.value for count in self.counts},
            "unknown": list(self.unknown),
            "timeline": [row.as_dict() for row in self.timeline.rows],
            "exposures": len(self.timeline.exposures),
            "coverage": {MEANINGS[state]: number for state, number in self.coverage.totals.items()},
            "unanswered": [
                dict(zip(self.coverage.columns(), row, strict=True)) for row in self.coverage.rows()
            ],
            **{table.name: table.as_dict() for table in (*self.tables, *self.lists)},
            "provenance": {
                **dict(self.provenance.facts),
                "fingerprint": self.provenance.fingerprint or None,
                "conversions": self.provenance.conversions.as_dict(),
            },
        }
