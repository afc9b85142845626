"""Validity claims to disjoint spans, every repair a decision. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce

from adapters.camera import Calibration, Camera, TimeColumn

from ..decisions import Change, Decision
from ..nouns import DataId, Master, MasterKey, Observation, Reject, ValidityClaim
from ..overlaps import (
    Claimed,
    ExposureTimes,
    changed_spans,
    clear_boundaries,
    rebuild,
    resolve,
    unite,
)
from ..readings import Boundaries, Reading, choose_reading, detect_dialect, read_ranges
from ..recipe import Recipe
from ..timespans import MAX_NS, MIN_NS, Span, local_to_utc, parse_time, to_tai
from .unnamed import decide_unnamed
from .wording import WHY, ConflictBook, describe, spans_text

Times = Mapping[tuple[str, str | None], ExposureTimes]


@dataclass
class Validity:
    """What planning made of the validity claims.

    Parameters
    ----------
    spans
        Disjoint spans of each master that has a good claim.
    refused
        Masters all of whose claims are rejects: they are not converted.
    decisions, rejects
        What was decided, and the claims that cannot be read.
    conflicts
        Overlaps that stop the conversion, one line each.
    folded
        For each of these lines the one that stands for it in a short list.
    """

    spans: dict[MasterKey, list[Span]] = field(default_factory=dict)
    refused: set[MasterKey] = field(default_factory=set)
    decisions: list[Decision] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    folded: dict[str, str] = field(default_factory=dict)


def exposure_times(
    camera: Camera,
    observations: Iterable[Observation],
    timespans: Mapping[int, tuple[int, int]],
) -> Times:
    """Known exposures by time column and filter (`None` for all filters).

    Parameters
    ----------
    camera
        The camera's declaration.
    observations
        Rows of the raw registry.
    timespans
        Begin and end of the exposures whose headers are known, TAI nanoseconds.
    """
    columns = {t.name: t for t in (camera.time_column(c) for c in camera.calibrations)}
    rows: dict[tuple[str, str | None], dict[int, tuple[int, int, int]]] = defaultdict(dict)
    for observation in observations:
        span = timespans.get(observation.exposure)
        if span is None:
            continue
        for name, text in observation.times.items():
            if observation.exposure in rows[name, None]:
                continue
            try:
                dated = _instant(columns[name], text)
            except ValueError:
                continue
            rows[name, None][observation.exposure] = (dated, *span)
            rows[name, observation.physical_filter][observation.exposure] = (dated, *span)
    return {key: ExposureTimes.from_rows(table.values()) for key, table in rows.items()}


def _instant(column: TimeColumn, text: str) -> int:
    return to_tai(parse_time(text), column.scale, column.rollover_s)


def find_override(recipe: Recipe, master: Master) -> Span | None:
    """The range that the recipe gives a master by hand, `None` if it gives none."""
    for override in recipe.validity:
        if override.matches(master.key.dataset_type, master.calib_date, master.key.data_id):
            begin, end = (
                to_tai(parse_time(text), "tai" if override.scale == "tai" else "utc") if text else None
                for text in (override.begin, override.end)
            )
            return Span(begin, end).clipped()
    return None


def plan_validity(
    camera: Camera,
    recipe: Recipe,
    masters: Mapping[MasterKey, Master],
    claims: Sequence[ValidityClaim],
    boundaries: Mapping[str, Mapping[DataId, Boundaries]],
    times: Times,
) -> Validity:
    """Decide the validity of every master.

    Parameters
    ----------
    camera
        The camera's declaration.
    recipe
        Readings, overlap policies and overrides.
    masters
        The masters that the claims are about.
    claims
        What the source says.
    boundaries
        Per dataset type and data ID, how the source's ranges meet.
    times
        Known exposures, from `exposure_times`.
    """
    result = Validity()
    claimed = {claim.master for claim in claims}
    # A range given by hand is enough of a claim for a file that no row names.
    by_hand = [
        ValidityClaim(key, None, None, "", master.provenance)
        for key, master in masters.items()
        if key not in claimed and find_override(recipe, master) is not None
    ]
    by_type: dict[str, dict[DataId, list[ValidityClaim]]] = defaultdict(lambda: defaultdict(list))
    for claim in (*claims, *by_hand):
        by_type[claim.master.dataset_type][claim.master.data_id].append(claim)
    for calibration in camera.calibrations:
        groups = by_type.get(calibration.dataset_type)
        if groups:
            _TypePlanner(camera, calibration, recipe, masters, times, result).plan(
                groups, boundaries.get(calibration.dataset_type, {})
            )
    result.decisions += decide_unnamed(camera, masters, (*claims, *by_hand))
    result.refused = {key for key in claimed if key not in result.spans}
    return result


class _TypePlanner:
    """Plans the validity of one dataset type."""

    def __init__(
        self,
        camera: Camera,
        calibration: Calibration,
        recipe: Recipe,
        masters: Mapping[MasterKey, Master],
        times: Times,
        result: Validity,
    ) -> None:
        self.camera = camera
        self.calibration = calibration
        self.column = camera.time_column(calibration)
        self.recipe = recipe
        self.masters = masters
        self.times = times
        self.result = result
        self.policy = recipe.policy(calibration.dataset_type)
        self.never_asked = calibration.table if calibration.lookup_table != calibration.table else None
        self.memos: dict[str | None, dict[tuple[int, int], tuple[int, int]]] = defaultdict(dict)
        # rule -> (stamp, filter, before, after) -> data IDs, so that detectors that changed alike are one decision
        self.changes: dict[str, dict[tuple[str, str | None, tuple, tuple], list[DataId]]] = defaultdict(
            lambda: defaultdict(list)
        )
        self.conflicts = ConflictBook(calibration.dataset_type)

    def plan(
        self,
        groups: Mapping[DataId, Sequence[ValidityClaim]],
        boundaries: Mapping[DataId, Boundaries],
    ) -> None:
        """Plan all data IDs of the type."""
        table = reduce(Boundaries.__add__, boundaries.values(), Boundaries())
        readings: Counter[Reading] = Counter()
        for data_id in sorted(groups, key=lambda d: (d.physical_filter or "", d.detector or 0)):
            group = groups[data_id]
            reading = self.recipe.reading(self.calibration.dataset_type) or choose_reading(
                self.column.kind, boundaries.get(data_id, table), table
            )
            readings[reading] += 1
            # Ranges that Gen2 never asked for do not shorten those that it did.
            asked = [c for c in group if c.provenance.table != self.never_asked]
            never = [c for c in group if c.provenance.table == self.never_asked]
            self._plan_group(data_id, [*self._read(asked, reading), *self._read(never, reading)])
        self._decide_reading(readings, table)
        self._decide_lookup_table(groups)
        self._report_changes()
        lines = self.conflicts.lines()
        self.result.conflicts += lines
        self.result.folded |= lines

    def _read(self, group: Sequence[ValidityClaim], reading: Reading) -> list[Claimed]:
        """Claims of one data ID as spans; bad ones become rejects."""
        spans = self._read_texts([(c.begin, c.end) for c in group], reading)
        if self.calibration.zone:
            naive = spans
            spans = self._read_texts([(self._utc(c.begin), self._utc(c.end)) for c in group], reading)
            for claim, as_utc, as_local in zip(group, naive, spans, strict=True):
                if isinstance(as_utc, Span) and isinstance(as_local, Span):
                    self._note("time-zone", claim.master, (as_utc,), (as_local,))
        claimed = []
        for claim, span in zip(group, spans, strict=True):
            master = self.masters[claim.master]
            if isinstance(span, Span) and any(claim.mounted):
                span = self._while_mounted(claim, span)
            override = find_override(self.recipe, master)
            if override is not None:
                before = (span,) if isinstance(span, Span) and claim.begin else ()
                self._note("override", claim.master, before, (override,))
                span = override
                if not override.overlaps(Span(MIN_NS, MAX_NS)) or override.is_empty:
                    span = f"the recipe's range {override} has no length between 1970 and 2100"
            if isinstance(span, str):
                self.result.rejects.append(
                    Reject(
                        str(claim.provenance),
                        f"{master.path}: {span}; correct the registry or give the range in the recipe's validity list",
                        master.path,
                    )
                )
                continue
            calib_ns = to_tai(parse_time(master.calib_date.strip()), "utc")
            # A range given by hand is meant to be found.
            asked = override is not None or claim.provenance.table != self.never_asked
            claimed.append(Claimed(claim.master, span, calib_ns, claim.registered, asked))
        return claimed

    def _while_mounted(self, claim: ValidityClaim, span: Span) -> Span | str:
        """As much of a range as the chip spent at this detector's place."""
        begin, end = (to_tai(parse_time(text), "utc") if text else None for text in claim.mounted)
        cut = span.within(Span(begin, end))
        if cut.is_empty:
            return f"validity {span} has nothing of the time when the chip was there, {Span(begin, end)}"
        if cut != span:
            self._note("serial-mounted", claim.master, (span,), (cut,))
        return cut

    def _read_texts(
        self, texts: Sequence[tuple[str | None, str | None]], reading: Reading
    ) -> list[Span | str]:
        return read_ranges(texts, reading, self.column.kind, self.column.scale, self.column.rollover_s)

    def _utc(self, text: str | None) -> str | None:
        """A naive local time as UTC; what is no time is left for the reading to refuse."""
        try:
            return local_to_utc(text, self.calibration.zone) if text else text
        except ValueError:
            return text

    def _plan_group(self, data_id: DataId, claimed: Sequence[Claimed]) -> None:
        united = unite(claimed)
        if len(united) < len(claimed):
            for key, (before, after) in changed_spans(claimed, united).items():
                if set(before) != set(after):
                    self._note("same-master", key, before, after)
        rule = self.recipe.range_rule(self.calibration.dataset_type)
        if not self.calibration.lookup.valid_range and len({c.master for c in united}) == 1:
            # Gen2 looked at no date, so its one answer was valid at all times.
            always = [replace(united[0], span=Span(None, None))]
            self._note_changes("no-date-test", united, always)
            united = always
        elif rule is not None:
            rebuilt = rebuild(united, rule, self.camera.noon_s, self.camera.calib_time_s)
            self._note_changes(rule.value, united, rebuilt)
            for claim in united:
                self.result.spans.setdefault(claim.master, [])
            united = rebuilt
        resolved, conflicts = resolve(united, self.policy)
        for conflict in conflicts:
            self.conflicts.add(conflict)
        asked = {claim.master: claim.asked for claim in united}
        for key, (before, after) in changed_spans(united, resolved).items():
            self._note(self.policy.value if asked[key] else "never-selected", key, before, after)
        exposures = self.times.get((self.column.name, data_id.physical_filter))
        cleared = resolved
        if exposures is not None:
            if rule is not None:
                exposures = exposures.by_middle()
            cleared = clear_boundaries(resolved, exposures, self.memos[data_id.physical_filter])
            for key, (before, after) in changed_spans(resolved, cleared).items():
                self._note("whole-exposure", key, before, after)
        for claim in cleared:
            self.result.spans.setdefault(claim.master, []).append(claim.span)
        for claim in united:
            # A master that lost all of its range to others is converted, without a range.
            self.result.spans.setdefault(claim.master, [])

    def _note_changes(self, rule: str, before: Sequence[Claimed], after: Sequence[Claimed]) -> None:
        for key, (old, new) in changed_spans(before, after).items():
            self._note(rule, key, old, new)

    def _note(self, rule: str, key: MasterKey, before: tuple[Span, ...], after: tuple[Span, ...]) -> None:
        self.changes[rule][key.stamp, key.data_id.physical_filter, before, after].append(key.data_id)

    def _report_changes(self) -> None:
        why = {
            "time-zone": f"the registry's times are local times of {self.calibration.zone}",
            **WHY,
        }
        if self.recipe.range_rule(self.calibration.dataset_type) is not None:
            why["nearest"] = "the recipe asks for the master nearest in time"
            why["whole-exposure"] = "the boundary would cut an exposure, which Gen3 matches as a whole"
        for rule, changes in self.changes.items():
            for (stamp, physical_filter, before, after), data_ids in changes.items():
                change = Change(stamp, tuple(dict.fromkeys(data_ids)), before, after)
                self.result.decisions.append(
                    Decision(
                        rule,
                        f"{self.calibration.dataset_type} {stamp}{describe(physical_filter, change.data_ids)}",
                        spans_text(before),
                        spans_text(after),
                        why[rule],
                        self.calibration.dataset_type,
                        (change,),
                    )
                )

    def _decide_reading(self, readings: Counter[Reading], table: Boundaries) -> None:
        asked = self.recipe.reading(self.calibration.dataset_type)
        what = "the instant" if self.column.kind == "datetime" else "the text"
        read_as = ", ".join(
            f"{reading.value}" + (f" for {n} data IDs" if len(readings) > 1 else "")
            for reading, n in readings.most_common()
        )
        self.result.decisions.append(
            Decision(
                "dialect",
                f"{self.calibration.dataset_type} (table {self.calibration.lookup_table})",
                f"{detect_dialect(table)}: {table}",
                read_as,
                "the recipe says so"
                if asked
                else f"Gen2 compared {what} of {self.column.name} (a {self.column.kind}, {self.column.scale.upper()})",
                self.calibration.dataset_type,
            )
        )

    def _decide_lookup_table(self, groups: Mapping[DataId, Sequence[ValidityClaim]]) -> None:
        """Say where the ranges come from, if Gen2 asked another table than the masters' own."""
        calibration = self.calibration
        if calibration.lookup_table == calibration.table:
            return
        by_table: dict[str, set[str]] = defaultdict(set)
        for group in groups.values():
            for claim in group:
                by_table[claim.provenance.table].add(claim.master.stamp)
        if by_table[calibration.lookup_table]:
            stamps = ", ".join(sorted(by_table[calibration.lookup_table]))
            self.result.decisions.append(
                Decision(
                    "lookup-table",
                    f"{calibration.dataset_type} {stamps}",
                    f"listed in table {calibration.table}",
                    f"ranges of table {calibration.lookup_table}",
                    f"Gen2 looked {calibration.dataset_type} up in table {calibration.lookup_table}",
                    calibration.dataset_type,
                )
            )
        if by_table[calibration.table]:
            stamps = ", ".join(sorted(by_table[calibration.table]))
            self.result.decisions.append(
                Decision(
                    "never-selected",
                    f"{calibration.dataset_type} {stamps}",
                    f"not in table {calibration.lookup_table}, where Gen2 looked",
                    f"ranges of table {calibration.table}",
                    "Gen2 never found these masters; they are valid as their own table says",
                    calibration.dataset_type,
                )
            )
