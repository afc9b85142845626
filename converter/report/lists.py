"""Counts and lists of a report, from the ledger and the status of a repository."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, NamedTuple

from ..ledger import FOUND, Ledger
from ..status import InstrumentStatus
from ..verify import Verification
from .model import Cell, Count, Table
from .recorded import last_standing, standing

LEFT_OUT = (("rejected", "rejects", "Rejects"), ("skipped", "skips", "Skips"))


class Agreement(NamedTuple):
    """A comparison with Gen2, and what is to be known of it."""

    verification: Verification
    note: str


def read_lists(ledger: Ledger | None, status: InstrumentStatus) -> tuple[Table, ...]:
    """Decisions, rejects, skips and hand-offs, as they stand."""
    return (_decisions(ledger, status.name), *_left_out(ledger, status.name), _hand_offs(ledger, status))


def _rows(ledger: Ledger | None, instrument: str, sql: str, *parameters: str) -> list[dict[str, Any]]:
    """Rows of an instrument's last conversion of each command that stands."""
    if ledger is None:
        return []
    last = last_standing(ledger, instrument)
    return [row for row in ledger.rows(sql, parameters) if row["conversion"] in last]


def _decisions(ledger: Ledger | None, instrument: str) -> Table:
    columns = ("rule", "type", "item", "before", "after", "why", "conversion")
    rows: dict[tuple[Cell, ...], tuple[Cell, ...]] = {}
    for row in _rows(ledger, instrument, "select * from decisions order by rowid"):
        row |= {"type": row["dataset_type"] or ""}
        cells = tuple(row[name] for name in columns)
        rows[cells[:-1]] = cells
    return Table("decisions", "Decisions", columns, tuple(rows.values()), _nothing(ledger))


def _left_out(ledger: Ledger | None, instrument: str) -> tuple[Table, ...]:
    tables = []
    for state, name, title in LEFT_OUT:
        found = _rows(
            ledger,
            instrument,
            "select source, file, reason, conversion from items where state = ? order by rowid",
            state,
        )
        rows = [(row["source"], row["reason"], _file(row), row["conversion"]) for row in found]
        tables.append(
            Table(name, title, ("item", "reason", "file", "conversion"), tuple(rows), _nothing(ledger))
        )
    return tuple(tables)


def _file(row: dict[str, str]) -> str:
    """The file, if it is not the item itself."""
    return "" if row["file"] == row["source"] else row["file"]


def _hand_offs(ledger: Ledger | None, status: InstrumentStatus) -> Table:
    still = {h.dataset_type: h.command for h in status.hand_offs}
    rows: dict[tuple[str, str], tuple[Cell, ...]] = {}
    found = _rows(
        ledger,
        status.name,
        "select source, reason, conversion from items where state = 'handed-off' and file = '' order by rowid",
    )
    for row in found:
        state = "open" if row["source"] in still else "done"
        rows[row["source"], row["reason"]] = (row["source"], state, row["reason"])
    for dataset_type, command in still.items():
        rows.setdefault((dataset_type, command), (dataset_type, "open", command))
    return Table(
        "handed_off",
        "Hand-offs: what the LSST stack has to write",
        ("type", "state", "command"),
        tuple(rows.values()),
    )


def _nothing(ledger: Ledger | None) -> str:
    return "None." if ledger is not None else "Not known: there is no ledger."


def read_counts(
    ledger: Ledger | None, status: InstrumentStatus, lists: tuple[Table, ...], agreement: Agreement | None
) -> tuple[Count, ...]:
    """The numbers at the head of a report."""
    tables = {table.name: table for table in lists}
    told = ledger is not None
    open_ = sum(1 for row in tables["handed_off"].rows if row[1] == "open")
    figures = [
        Count(
            "converted",
            _written(ledger, status.name) if ledger else None,
            "datasets that conversions wrote",
            "types",
        ),
        Count(
            "existing",
            _existing(ledger, status.name) if ledger else None,
            "there already, at the last conversion",
        ),
        Count("certified", sum(t.certified for t in status.types), "validity ranges", "types"),
        Count("rejected", len(tables["rejects"].rows) if told else None, "", "rejects", True),
        Count("skipped", len(tables["skips"].rows) if told else None, "each with its reason", "skips"),
        Count(
            "handed off",
            len(tables["handed_off"].rows),
            f"{open_} still open" if open_ else "all done" if tables["handed_off"].rows else "",
            "handed_off",
        ),
        Count("decisions", len(tables["decisions"].rows) if told else None, "", "decisions"),
    ]
    if agreement is None:
        return (*figures, Count("agree with Gen2", None, "no comparison is known"))
    v = agreement.verification
    return (
        *figures,
        Count("agree with Gen2", v.agree, f"of {v.lookups} lookups", "agreement"),
        Count("explained", v.explained, "they differ, and a record says why", "agreement"),
        Count("disagree", len(v.disagree), "nothing says why", "disagreements", True),
    )


def _written(ledger: Ledger, instrument: str) -> int:
    rows = ledger.rows(
        "select conversion, dataset from items "
        "where state = 'done' and reason != ? and dataset_id is not null",
        (FOUND,),
    )
    stands = standing(ledger, instrument)
    return len({row["dataset"] for row in rows if row["conversion"] in stands})


def _existing(ledger: Ledger, instrument: str) -> int:
    stands = standing(ledger, instrument)
    rows = ledger.rows("select id, counts from conversions where counts is not null order by id desc")
    counts: dict[str, Any] = next((json.loads(row["counts"]) for row in rows if row["id"] in stands), {})
    existing = counts.get("existing")
    return sum(existing.values()) if isinstance(existing, dict) else 0


def type_table(status: InstrumentStatus) -> Table:
    """What the repository has of each dataset type."""
    rows: list[tuple[Cell, ...]] = [("raw", status.raws, "", "", "", "", "")]
    rows += [
        (t.dataset_type, t.masters, t.certified, t.first, t.last, t.unbounded_begins, t.unbounded_ends)
        for t in status.types
    ]
    columns = ("type", "datasets", "ranges", "from (TAI)", "to (TAI)", "open begins", "open ends")
    return Table("types", "In the repository", columns, tuple(rows))


OUTCOMES = (
    ("agree", "agree"),
    ("explained", "explained"),
    ("disagree", "disagree"),
    ("gen2_none.gen3_none", "neither answers"),
    ("gen2_none.gen3_one", "Gen3 only"),
    ("gen2_ambiguous.gen3_none", "Gen2 ambiguous, Gen3 none"),
    ("gen2_ambiguous.gen3_one", "Gen2 ambiguous, Gen3 one"),
)


def agreement_tables(agreement: Agreement | None) -> tuple[Table, ...]:
    """How the answers compare, by dataset type where that is known, and all disagreements."""
    if agreement is None:
        return ()
    v = agreement.verification
    totals: Counter[str] = Counter(agree=v.agree, explained=v.explained, disagree=len(v.disagree))
    for status, counter in (("gen2_none", v.gen2_none), ("gen2_ambiguous", v.gen2_ambiguous)):
        totals.update({f"{status}.{found}": n for found, n in counter.items()})
    shown = [
        (key, name) for key, name in OUTCOMES if totals[key] or key in ("agree", "explained", "disagree")
    ]
    rows: list[tuple[Cell, ...]] = [
        (dataset_type, *(counts[key] for key, _ in shown))
        for dataset_type, counts in sorted(v.by_type.items())
    ]
    rows.append(("all", *(totals[key] for key, _ in shown)))
    tables = [
        Table(
            "agreement",
            f"Agreement with Gen2: {agreement.note}",
            ("type", *(n for _, n in shown)),
            tuple(rows),
        )
    ]
    if v.explanations:
        reasons = tuple((reason, n) for reason, n in v.explanations.most_common())
        tables.append(
            Table("explanations", "Differences that a record explains", ("why", "lookups"), reasons)
        )
    if v.disagree:
        keys = ("exposure", "detector", "type", "gen2", "gen3")
        rows = [tuple(d.get(key) for key in keys) for d in v.disagree]
        tables.append(Table("disagreements", "Disagreements", keys, tuple(rows)))
    return tuple(tables)
