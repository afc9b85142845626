"""Validity claims to disjoint spans, every repair a decision. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import reduce

from adapters.camera import Calibration, Camera, TimeColumn

from ..decisions import Decision
from ..nouns import DataId, Master, MasterKey, Observation, Reject, ValidityClaim
from ..overlaps import Claimed, ExposureTimes, rebuild
from ..readings import Boundaries, Reading, choose_reading, detect_dialect, read_ranges
from ..recipe import Recipe
from ..timespans import MAX_NS, MIN_NS, Span, local_to_utc, parse_time, to_tai
from .settling import Settler, Validity
from .unnamed import decide_unnamed
from .wording import CORRECT_REGISTRY

Times = Mapping[tuple[str, str | None], ExposureTimes]


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
    plan_claims(camera, recipe, masters, (*claims, *by_hand), boundaries, times, result)
    result.decisions += decide_unnamed(camera, masters, (*claims, *by_hand))
    result.refused = {key for key in claimed if key not in result.spans}
    return result


def plan_claims(
    camera: Camera,
    recipe: Recipe,
    masters: Mapping[MasterKey, Master],
    claims: Iterable[ValidityClaim],
    boundaries: Mapping[str, Mapping[DataId, Boundaries]],
    times: Times,
    result: Validity,
    elsewhere: bool = False,
) -> None:
    """Turn claims into disjoint spans.

    Parameters
    ----------
    camera, recipe, masters, claims, boundaries, times
        As for `plan_validity`.
    result
        What spans, decisions, rejects and conflicts are added to.
    elsewhere
        Whether the claims are those of a registry that is not converted: then
        exposures are dated by themselves.
    """
    by_type: dict[str, dict[DataId, list[ValidityClaim]]] = defaultdict(lambda: defaultdict(list))
    for claim in claims:
        by_type[claim.master.dataset_type][claim.master.data_id].append(claim)
    for calibration in camera.calibrations:
        groups = by_type.get(calibration.dataset_type)
        if groups:
            _TypePlanner(camera, calibration, recipe, masters, times, result, elsewhere).plan(
                groups, boundaries.get(calibration.dataset_type, {})
            )


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
        elsewhere: bool,
    ) -> None:
        self.camera = camera
        self.calibration = calibration
        self.column = camera.time_column(calibration)
        self.recipe = recipe
        self.masters = masters
        self.times = times
        self.result = result
        self._spans: dict[
            tuple[Reading, tuple[tuple[str | None, str | None], ...]], Sequence[Span | str]
        ] = {}
        self.elsewhere = elsewhere
        self.remedy = "correct that registry" if elsewhere else CORRECT_REGISTRY
        self.never_asked = calibration.table if calibration.lookup_table != calibration.table else None
        self.settler = Settler(calibration.dataset_type, recipe.policy(calibration.dataset_type), self.remedy)

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
        self.settler.report(self.result, self._why())

    def _read(self, group: Sequence[ValidityClaim], reading: Reading) -> list[Claimed]:
        """Claims of one data ID as spans; bad ones become rejects."""
        spans = self._read_texts([(c.begin, c.end) for c in group], reading)
        if self.calibration.zone:
            naive = spans
            spans = self._read_texts([(self._utc(c.begin), self._utc(c.end)) for c in group], reading)
            for claim, as_utc, as_local in zip(group, naive, spans, strict=True):
                if isinstance(as_utc, Span) and isinstance(as_local, Span):
                    self.settler.note("time-zone", claim.master, (as_utc,), (as_local,))
        claimed = []
        for claim, span in zip(group, spans, strict=True):
            master = self.masters[claim.master]
            if isinstance(span, Span) and any(claim.mounted):
                span = self._while_mounted(claim, span)
            override = find_override(self.recipe, master)
            if override is not None:
                before = (span,) if isinstance(span, Span) and claim.begin else ()
                self.settler.note("override", claim.master, before, (override,))
                span = override
                if not override.overlaps(Span(MIN_NS, MAX_NS)) or override.is_empty:
                    span = f"the recipe's range {override} has no length between 1970 and 2100"
            if isinstance(span, str):
                self.result.rejects.append(
                    Reject(
                        str(claim.provenance),
                        f"{master.path}: {span}; {self._how_to_correct()}",
                        master.path,
                        claim.master.data_id.detector,
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
            self.settler.note("serial-mounted", claim.master, (span,), (cut,))
        return cut

    def _how_to_correct(self) -> str:
        if self.elsewhere:
            return f"{self.remedy}, or give the range in a table"
        return f"{self.remedy} or give the range in the recipe's validity list"

    def _read_texts(
        self, texts: Sequence[tuple[str | None, str | None]], reading: Reading
    ) -> Sequence[Span | str]:
        # The same for all detectors, as a rule.
        key = reading, tuple(texts)
        if key not in self._spans:
            self._spans[key] = read_ranges(
                texts, reading, self.column.kind, self.column.scale, self.column.rollover_s
            )
        return self._spans[key]

    def _utc(self, text: str | None) -> str | None:
        """A naive local time as UTC; what is no time is left for the reading to refuse."""
        try:
            return local_to_utc(text, self.calibration.zone) if text else text
        except ValueError:
            return text

    def _plan_group(self, data_id: DataId, claimed: Sequence[Claimed]) -> None:
        united = self.settler.unite(claimed)
        rule = self.recipe.range_rule(self.calibration.dataset_type)
        if not self.calibration.lookup.valid_range and len({c.master for c in united}) == 1:
            # Gen2 looked at no date, so its one answer was valid at all times.
            always = [replace(united[0], span=Span(None, None))]
            self.settler.note_changes("no-date-test", united, always)
            united = always
        elif rule is not None:
            rebuilt = rebuild(united, rule, self.camera.noon_s, self.camera.calib_time_s)
            self.settler.note_changes(rule.value, united, rebuilt)
            for claim in united:
                self.result.spans.setdefault(claim.master, [])
            united = rebuilt
        resolved = self.settler.resolve(united)
        exposures = self.times.get((self.column.name, data_id.physical_filter))
        if exposures is not None and (rule is not None or self.elsewhere):
            exposures = exposures.by_middle()
        cleared = self.settler.clear(resolved, exposures, data_id.physical_filter)
        for claim in cleared:
            self.result.spans.setdefault(claim.master, []).append(claim.span)
        for claim in united:
            # A master that lost all of its range to others is converted, without a range.
            self.result.spans.setdefault(claim.master, [])

    def _why(self) -> dict[str, str]:
        why = {
            "time-zone": f"the registry's times are local times of {self.calibration.zone}",
        }
        by_dates = self.recipe.range_rule(self.calibration.dataset_type) is not None
        if by_dates:
            why["nearest"] = "the recipe asks for the master nearest in time"
        if by_dates or self.elsewhere:
            why["whole-exposure"] = "the boundary would cut an exposure, which Gen3 matches as a whole"
        return why

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
