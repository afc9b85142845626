"""What the ledger tells about conversions, for people. Reads only."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from .decisions import Change
from .ledger import Ledger
from .nouns import DataId
from .timespans import Span


@dataclass(frozen=True, slots=True)
class Conversion:
    """One conversion, in numbers.

    ``finished_utc`` is `None` if it broke off; then there are no numbers.
    """

    number: int
    command: str
    started_utc: str
    finished_utc: str | None
    written: int | None
    certified: int | None
    rejected: int | None
    skipped: int | None
    decisions: int | None

    def as_dict(self) -> dict[str, Any]:
        """One entry of the command line's JSON contract."""
        return asdict(self)


class RecordedVerification(NamedTuple):
    """The last verification after a conversion."""

    conversion: int
    recorded_utc: str
    lookups: int
    agree: int
    explained: int
    disagree: int


class RecordedHandOff(NamedTuple):
    """A hand-off as it was shown, with the label of its conversion and the instrument, if they are known."""

    dataset_type: str
    command: str
    label: str | None
    instrument: str


class RecordedDecision(NamedTuple):
    """A decision about one master and data ID, or about a dataset type as a whole."""

    conversion: int
    rule: str
    stamp: str
    before: str
    after: str
    why: str


class LeftOut(NamedTuple):
    """A row or file that was rejected, skipped or handed off."""

    conversion: int
    state: str
    item: str
    file: str
    reason: str


def conversions(ledger: Ledger) -> list[Conversion]:
    """All conversions, in order."""
    found = []
    for row in ledger.rows("select * from conversions order by id"):
        counts = json.loads(row["counts"]) if row["counts"] else None
        found.append(
            Conversion(
                row["id"],
                row["command"],
                row["started_utc"],
                row["finished_utc"],
                *(
                    _number(counts, key)
                    for key in ("written", "certified", "rejected", "skipped", "decisions")
                ),
            )
        )
    return found


def _number(counts: dict[str, Any] | None, key: str) -> int | None:
    value = None if counts is None else counts.get(key)
    if isinstance(value, dict):
        return sum(value.values())
    return len(value) if isinstance(value, list) else value


def left_out_counts(ledger: Ledger) -> dict[str, int]:
    """Rejects, skips, hand-offs and decisions of the last conversion of each command."""
    last = "select max(id) from conversions group by command"
    # The text is put together of constants.
    states = ledger.rows(
        f"select state, count(*) as n from items where conversion in ({last}) group by state"  # noqa: S608
    )
    by_state = {row["state"]: row["n"] for row in states}
    decided = ledger.rows(f"select count(*) as n from decisions where conversion in ({last})")  # noqa: S608
    counts = {
        name: by_state.get(state, 0)
        for name, state in (
            ("rejected", "rejected"),
            ("skipped", "skipped"),
            ("handed_off", "handed-off"),
        )
    }
    return counts | {"decisions": decided[0]["n"] if decided else 0}


def last_verification(ledger: Ledger) -> RecordedVerification | None:
    """The last verification that was recorded, `None` if none was."""
    for row in ledger.rows("select * from verifications order by rowid desc limit 1"):
        result = json.loads(row["result"])
        return RecordedVerification(
            row["conversion"],
            row["recorded_utc"],
            result["lookups"],
            result["agree"],
            result["explained"],
            len(result["disagree"]),
        )
    return None


def hand_offs(ledger: Ledger) -> list[RecordedHandOff]:
    """Hand-offs, each command once, in order."""
    rows = ledger.rows(
        "select i.source, i.reason, i.conversion, c.recipe from items i "
        "join conversions c on c.id = i.conversion where i.state = 'handed-off' and i.file = '' order by i.rowid"
    )
    found: dict[tuple[str, str], RecordedHandOff] = {}
    for row in rows:
        label = json.loads(row["recipe"]).get("label")
        instrument = instrument_of(ledger, row["conversion"])
        found[row["source"], row["reason"]] = RecordedHandOff(row["source"], row["reason"], label, instrument)
    return list(found.values())


def instrument_of(ledger: Ledger, conversion: int) -> str:
    """The instrument of a conversion, by the RUN of one of its datasets; ``""`` if it has none."""
    rows = ledger.rows(
        "select dataset from items where conversion = ? and dataset != '' limit 1", (conversion,)
    )
    words = rows[0]["dataset"].split() if rows else []
    return words[1].partition("/")[0] if len(words) > 1 else ""


def decisions_about(
    ledger: Ledger, dataset_type: str, data_id: DataId, stamps: set[str]
) -> list[RecordedDecision]:
    """Decisions that changed one of some masters, and those about the dataset type as a whole.

    Parameters
    ----------
    ledger
        The ledger.
    dataset_type
        Its name.
    data_id
        Detector and filter of the masters.
    stamps
        RUN stamps of the masters.

    Returns
    -------
    decisions
        Those that several conversions made in the same way once, with the
        last conversion.
    """
    found: dict[tuple[str, ...], RecordedDecision] = {}
    for row in ledger.rows("select * from decisions where dataset_type = ? order by rowid", (dataset_type,)):
        listed = json.loads(row["changes"])
        if not listed:
            texts = (row["before"], row["after"])
            decisions = [RecordedDecision(row["conversion"], row["rule"], "", *texts, row["why"])]
        else:
            changes = [
                Change(
                    c["stamp"],
                    tuple(DataId(*d) for d in c["data_ids"]),
                    tuple(Span(*s) for s in c["before"]),
                    tuple(Span(*s) for s in c["after"]),
                )
                for c in listed
                if c["stamp"] in stamps
            ]
            decisions = [
                RecordedDecision(
                    row["conversion"],
                    row["rule"],
                    c.stamp,
                    ", ".join(map(str, c.before)) or "none",
                    ", ".join(map(str, c.after)) or "none",
                    row["why"],
                )
                for c in changes
                if data_id in c.data_ids
            ]
        for decision in decisions:
            key = tuple(map(str, decision[1:]))
            found.pop(key, None)
            found[key] = decision
    return list(found.values())


def left_out(ledger: Ledger) -> list[LeftOut]:
    """All that was rejected or skipped when it was last met, and was not converted since."""
    standing = ledger.left_out()
    rows = ledger.rows(
        "select conversion, state, source, file, reason from items "
        "where state in ('rejected', 'skipped', 'handed-off') and file != '' and rowid in "
        "(select max(rowid) from items group by file, key, source) order by rowid"
    )
    return [
        LeftOut(r["conversion"], r["state"], r["source"], r["file"], r["reason"])
        for r in rows
        if r["file"] in standing
    ]
