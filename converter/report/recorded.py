"""What the ledger says of ranges and of what was left out, for a report. Reads only."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..history import instrument_of
from ..ledger import Ledger
from ..nouns import DataId
from ..planning.items import parse_dataset_name
from ..timespans import Span, parse_time, to_tai

Place = tuple[str, str, DataId]
"""Dataset type, RUN stamp and data ID of a master."""

_SPAN = re.compile(r"\[([^\[\],]+), ([^\[\],)]+)\)")


def standing(ledger: Ledger, instrument: str) -> dict[int, str]:
    """Number and command of an instrument's conversions that were not taken back, and took none back; in order."""
    rows = ledger.rows("select id, command, undone_by, finished_utc from conversions order by id")
    return {
        row["id"]: row["command"]
        for row in rows
        if row["undone_by"] is None
        and not (row["command"] == "undo" and row["finished_utc"])
        and instrument_of(ledger, row["id"]) in (instrument, "")
    }


def last_standing(ledger: Ledger, instrument: str) -> set[int]:
    """The last conversion of each command that stands: what it says of the source counts."""
    return set({command: number for number, command in standing(ledger, instrument).items()}.values())


@dataclass(frozen=True, slots=True)
class Written:
    """What the ledger says of one dataset that has, or had, a range.

    ``original`` are the source's own texts, ``""`` if it stated none; ``spans``
    what was written (TAI); ``command`` is what wrote it last.
    """

    dataset_type: str
    run: str
    data_id: DataId
    original: str
    spans: tuple[Span, ...]
    command: str

    @property
    def stamp(self) -> str:
        """Last part of the RUN's name."""
        return self.run.rpartition("/")[2]


@dataclass
class RecordedRanges:
    """What the ledger says of ranges.

    Parameters
    ----------
    written
        By the name of the dataset; the last word of it.
    decisions
        ``rule: why`` by the master whose range was changed.
    first
        Ranges before the first decision about a master.
    """

    written: dict[str, Written] = field(default_factory=dict)
    decisions: Mapping[Place, list[str]] = field(default_factory=dict)
    first: dict[Place, tuple[Span, ...]] = field(default_factory=dict)


def read_ranges_recorded(ledger: Ledger, instrument: str) -> RecordedRanges:
    """Read what the conversions of an instrument that stand said of ranges."""
    result = RecordedRanges()
    stands = standing(ledger, instrument)
    for row in ledger.rows(
        "select conversion, dataset, validity from items "
        "where state = 'done' and validity != '' and dataset != '' order by rowid"
    ):
        if row["conversion"] not in stands:
            continue
        try:
            dataset_type, run, data_id = parse_dataset_name(row["dataset"])
        except ValueError:
            continue
        original, _, spans = row["validity"].partition(" -> ")
        if not original.strip(" ."):
            original = ""
        command = stands[row["conversion"]]
        result.written[row["dataset"]] = Written(
            dataset_type, run, data_id, original, parse_spans(spans), command
        )
    decisions: dict[Place, list[str]] = defaultdict(list)
    for row in ledger.rows("select * from decisions where changes != '[]' order by rowid"):
        if row["conversion"] not in stands:
            continue
        text = f"{row['rule']}: {row['why']}"
        for change in json.loads(row["changes"]):
            for data_id in change["data_ids"]:
                place = (row["dataset_type"], change["stamp"], DataId(*data_id))
                if text not in decisions[place]:
                    decisions[place].append(text)
                # A later conversion compares with what an earlier one wrote, not with the source.
                if place not in result.first and row["rule"] != "superseded":
                    result.first[place] = tuple(Span(*span) for span in change["before"])
    result.decisions = dict(decisions)
    return result


def parse_spans(text: str) -> tuple[Span, ...]:
    """Ranges as the ledger writes them; what is none is left out."""
    spans = []
    for begin, end in _SPAN.findall(text):
        try:
            spans.append(Span(_instant(begin), _instant(end)))
        except ValueError:
            continue
    return tuple(spans)


def _instant(text: str) -> int | None:
    return None if text.endswith("inf") else to_tai(parse_time(text), "tai")
