"""What each source says of our masters: explicit ranges, before any policy."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from adapters.camera import Camera
from adapters.sources.export_yaml import read_export
from adapters.sources.validity_table import read_validity_table

from ..decisions import Change, Decision
from ..foreign import read_repository
from ..matching import ForeignIndex, MasterIndex
from ..nouns import DataId, Master, MasterKey, Reject, Skip
from ..range_rules import DateRule, dated, spans_by_date
from ..statements import ForeignRange
from ..timespans import MAX_NS, MIN_NS, Span, explicit_span
from ..validity_sources import FromCards, FromGen3, FromRule, FromTable
from .wording import describe

RULES: Mapping[DateRule, str] = {
    DateRule.UNTIL_NEXT: "each master from 0h UTC of its day to 0h UTC of the next one's day",
    DateRule.NEAREST: "each master while it is the nearest in time",
    DateRule.PREVIOUS_AFTERNOON: "each master from the noon of its day to the noon of the next one's day",
    DateRule.MIDPOINT: "each master while it is the nearest in time, changing at the nearest noon",
    DateRule.AROUND: "each master from {days} days before its day to {days} days after it",
}


@dataclass
class Said:
    """What a source says.

    Parameters
    ----------
    claims
        Masters and ranges, a master as often as something is said of it.
    refused
        Masters of which only something unreadable is said.
    decisions, rejects, skips
        What was decided, what cannot be read, what means no master.
    """

    claims: list[tuple[MasterKey, Span]] = field(default_factory=list)
    refused: set[MasterKey] = field(default_factory=set)
    decisions: list[Decision] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)


def say_table(camera: Camera, masters: Mapping[MasterKey, Master], source: FromTable) -> Said:
    """What tables say."""
    said = Said()
    index = MasterIndex(masters.values(), {d.id: d.full_name for d in camera.instrument.detectors})
    types = {key.dataset_type for key in masters}
    for path in dict.fromkeys(source.paths):
        table = read_validity_table(path, camera, types)
        said.rejects += table.rejects
        for statement in table.statements:
            found = index.find(statement.selector)
            said.claims += [(key, statement.span) for key in found]
            if not found:
                where = statement.provenance
                text = ", ".join(f"{column} {value}" for column, value in where.text)
                said.skips.append(Skip(f"{where.source} line {where.row}", f"means no master: {text}"))
    return said


def say_cards(camera: Camera, masters: Mapping[MasterKey, Master], source: FromCards) -> Said:
    """What the masters' own headers say."""
    said = Said()
    wanted = [name for name in (source.begin, source.end) if name]
    for key, master in masters.items():
        cards = source.cards.get(key, {})
        missing = [name for name in wanted if not cards.get(name, "").strip()]
        try:
            if missing:
                raise ValueError(f"card {' and '.join(missing)} is missing or empty in the header")
            begin, end = (cards[name].strip() if name else "" for name in (source.begin, source.end))
            span = explicit_span(begin, end, source.scale)
        except ValueError as exc:
            said.refused.add(key)
            where = f"{master.path}[{master.hdu}]" if master.hdu is not None else master.path
            reason = f"{exc}; correct the header, or give the range in a table"
            said.rejects.append(Reject(where, f"{key.dataset_type} {key.data_id}: {reason}", master.path))
        else:
            said.claims.append((key, span))
    return said


def say_rule(camera: Camera, masters: Mapping[MasterKey, Master], source: FromRule) -> Said:
    """What follows from the masters' dates."""
    said = Said()
    groups: dict[tuple[str, DataId], list[MasterKey]] = defaultdict(list)
    for key in masters:
        groups[key.dataset_type, key.data_id].append(key)
    hidden: dict[tuple[str, str, str | None], list[DataId]] = defaultdict(list)
    for (dataset_type, data_id), keys in groups.items():
        dates = {key: dated(masters[key].calib_date, camera.calib_time_s) for key in keys}
        spans = spans_by_date(source.rule, dates.values(), camera.noon_s, source.days)
        for key, date in dates.items():
            said.claims.append((key, spans[date]))
            if spans[date].is_empty:
                hidden[dataset_type, key.stamp, data_id.physical_filter].append(data_id)
    why = RULES[source.rule].format(days=source.days)
    name = f"+-{source.days} days" if source.rule is DateRule.AROUND else source.rule.value
    for dataset_type in sorted({t for t, _ in groups}):
        said.decisions.append(
            Decision(name, dataset_type, "no range", "ranges by the masters' dates", why, dataset_type)
        )
    for (dataset_type, stamp, physical_filter), data_ids in sorted(hidden.items(), key=str):
        said.decisions.append(
            Decision(
                "same-day",
                f"{dataset_type} {stamp}{describe(physical_filter, data_ids)}",
                "a later master has the same day",
                "no range",
                "of several masters with the same boundary the one taken last is valid",
                dataset_type,
                (Change(stamp, tuple(data_ids), (), ()),),
            )
        )
    return said


def say_gen3(camera: Camera, masters: Mapping[MasterKey, Master], source: FromGen3) -> Said:
    """What another Gen3 repository certifies of the same masters."""
    types = {key.dataset_type for key in masters}
    read = read_export if source.exported else read_repository
    found = read(source.root, source.collection, camera.instrument.name, types)
    said = Said(rejects=list(found.rejects), skips=list(found.skips))
    index = ForeignIndex(masters, camera.physical_filter)
    strangers: Counter[tuple[str, str]] = Counter()
    problems: Counter[tuple[str, str, str]] = Counter()
    for ranges in _in_search_order(found.by_collection.values()):
        for item in ranges:
            data_id = index.translate(item.data_id)
            ours: MasterKey | str | None
            if isinstance(data_id, str):
                ours = data_id
            else:
                ours = index.find(MasterKey(item.dataset_type, item.stamp, data_id), item.file)
            if isinstance(ours, MasterKey):
                said.claims.append((ours, item.span))
            elif ours is None:
                strangers[item.dataset_type, item.run] += 1
            else:
                problems[item.dataset_type, item.run, ours] += 1
    for (dataset_type, run, why), count in sorted(problems.items()):
        said.rejects.append(
            Reject(f"{source.root}: {dataset_type} {run}", f"{_ranges(count)} cannot be used: {why}")
        )
    for (dataset_type, run), count in sorted(strangers.items()):
        said.skips.append(
            Skip(f"{source.root}: {dataset_type} {run}", f"{_ranges(count)} of datasets that mean no master")
        )
    return said


def _ranges(count: int) -> str:
    return f"{count} range{'' if count == 1 else 's'}"


def _in_search_order(tables: Iterable[Sequence[ForeignRange]]) -> Iterable[list[ForeignRange]]:
    """Ranges of each collection, without the times at which an earlier one has an answer."""
    taken: dict[tuple[str, DataId], list[Span]] = defaultdict(list)
    for table in tables:
        kept = []
        for item in table:
            for span in without(item.span, taken.get((item.dataset_type, item.data_id), ())):
                kept.append(
                    item
                    if span == item.span
                    else ForeignRange(item.dataset_type, item.data_id, item.run, item.file, span)
                )
        for item in table:
            taken[item.dataset_type, item.data_id].append(item.span)
        yield kept


def without(span: Span, others: Iterable[Span]) -> list[Span]:
    """What is left of a span where others are taken away, in order."""
    left = [span]
    for other in others:
        left = [piece for part in left for piece in _minus(part, other)]
    return left


def _minus(span: Span, other: Span) -> list[Span]:
    if not span.overlaps(other):
        return [span]
    pieces = []
    if other.begin is not None and (span.begin is None or span.begin < other.begin):
        pieces.append(Span(span.begin, other.begin))
    if other.end is not None and (span.end is None or other.end < span.end):
        pieces.append(Span(other.end, span.end))
    return [p for p in pieces if p.overlaps(Span(MIN_NS, MAX_NS))]
