"""Proof: what Gen2 would have returned against what Gen3 returns now.

Independent of planning and writers. Gen2's side is `adapters.gen2.lookup`
(text comparison, exactly as Gen2 did it), Gen3's side is `converter.answers`
(the Butler's queries); masters are compared by the files that they are.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

from lsst.daf.butler import Butler

from adapters.camera import Calibration, Camera, TimeColumn
from adapters.gen2.lookup import Gen2Answer
from adapters.gen2.overrides import with_zones
from adapters.gen2.serial_lookup import lookup_for
from adapters.gen2.source import Gen2Source, open_source

from . import names
from .answers import Answers, Certified, read_answers
from .chosen import check_choices, chosen_rows, registry_span
from .decisions import Change, Decision
from .ledger import Ledger
from .master_times import MasterTimes
from .nouns import DataId, UsageError
from .progress import Progress, no_progress
from .recipe import Recipe
from .same_file import FileIdentity
from .target import open_reading
from .timespans import Span, local_to_utc, stamp


@dataclass
class Verification:
    """The outcome, in numbers and names.

    Parameters
    ----------
    observations
        Rows of the raw registry (an exposure and a detector each).
    lookups
        Questions asked: one per observation and calibration type.
    agree
        Gen2 has exactly one answer, and Gen3 gives the same master.
    explained
        They differ, and a recorded decision (or reject) says why.
    disagree
        They differ and nothing says why: exposure, detector, type and both
        answers of each.
    gen2_none, gen2_ambiguous
        Where Gen2 had no unique answer: what Gen3 gives, ``gen3_none`` or
        ``gen3_one``.
    by_type
        The same outcomes per calibration type.
    explanations
        How often which decision explained a difference.
    not_nearest, taken_after
        Per calibration type: lookups whose Gen3 master is not the nearest in
        time, or was taken after the exposure. Neither says that it is wrong;
        Gen2 chose by date.
    recorded_utc
        When it was recorded, if it is not of now.
    """

    observations: int = 0
    lookups: int = 0
    agree: int = 0
    explained: int = 0
    disagree: list[dict[str, Any]] = field(default_factory=list)
    gen2_none: Counter[str] = field(default_factory=Counter)
    gen2_ambiguous: Counter[str] = field(default_factory=Counter)
    by_type: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    explanations: Counter[str] = field(default_factory=Counter)
    not_nearest: Counter[str] = field(default_factory=Counter)
    taken_after: Counter[str] = field(default_factory=Counter)
    recorded_utc: str = ""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], recorded_utc: str) -> Verification:
        """The outcome as it was recorded."""
        return cls(
            observations=data["observations"],
            lookups=data["lookups"],
            agree=data["agree"],
            explained=data["explained"],
            disagree=data["disagree"],
            gen2_none=Counter(data["gen2_none"]),
            gen2_ambiguous=Counter(data["gen2_ambiguous"]),
            not_nearest=Counter(data["timing"]["not_nearest"]),
            taken_after=Counter(data["timing"]["taken_after"]),
            recorded_utc=recorded_utc,
        )

    def as_dict(self) -> dict[str, Any]:
        """The command line's JSON contract."""
        return {
            "observations": self.observations,
            "lookups": self.lookups,
            "agree": self.agree,
            "explained": self.explained,
            "disagree": self.disagree,
            "gen2_none": {k: self.gen2_none[k] for k in ("gen3_none", "gen3_one")},
            "gen2_ambiguous": {k: self.gen2_ambiguous[k] for k in ("gen3_none", "gen3_one")},
            "timing": {"not_nearest": dict(+self.not_nearest), "taken_after": dict(+self.taken_after)},
        }


def verify(
    target: str,
    recipe: Recipe,
    ledger: Path | None = None,
    progress: Progress = no_progress,
    source: Gen2Source | None = None,
) -> Verification:
    """Compare Gen2's and Gen3's answer for every observation and calibration type.

    Parameters
    ----------
    target
        Butler repository.
    recipe
        Says where the Gen2 repository is, the label, and what was converted.
    ledger
        Where the decisions are recorded; without one nothing is explained.
    progress
        Shows what takes long.
    source
        The Gen2 repository, if it is open already.

    Raises
    ------
    UsageError
        There is no repository, the root is no Gen2 root, or the recipe names
        dataset types or detectors that the camera does not have.
    """
    butler = open_reading(target)
    if butler is None:
        raise UsageError(f"{target}: there is no Butler repository to verify")
    if source is None:
        source = open_source(recipe.root, recipe.camera, recipe.calib, recipe.allow_outside, recipe.templates)
    check_choices(recipe, source.camera)
    book = Ledger(ledger) if ledger is not None else None
    verifier = _Verifier(butler, source, recipe, book)
    types = verifier.calibrations()
    for calibration in progress(types, "verify", len(types)):
        verifier.verify_type(calibration)
    return verifier.result


@dataclass(frozen=True, slots=True)
class _Exposure:
    begin: int
    end: int
    physical_filter: str


class _Verifier:
    def __init__(self, butler: Butler, source: Gen2Source, recipe: Recipe, ledger: Ledger | None) -> None:
        self.butler = butler
        self.source = source
        self.recipe = recipe
        self.camera: Camera = with_zones(source.camera, recipe.zones)
        self.instrument = source.camera.instrument.name
        chain = names.calibration_chain(self.instrument)
        own = names.calibration_collection(self.instrument, recipe.label)
        # What pipelines search; the labelled collection alone if nothing points at it.
        self.collection = chain if chain in butler.collections.query("*") else own
        self.rows = list(chosen_rows(source, recipe))
        self.exposures = _exposures(butler, self.instrument)
        self.changes: dict[str, list[tuple[Decision, Change]]] = defaultdict(list)
        for decision in ledger.decisions() if ledger is not None else ():
            for change in decision.changes:
                self.changes[decision.dataset_type].append((decision, change))
        self.left_out = ledger.left_out() if ledger is not None else {}
        self.read: dict[str, Answers] = {}
        self.files = FileIdentity()
        self.result = Verification(observations=len(self.rows))

    def calibrations(self) -> list[Calibration]:
        """Types for which either side can have an answer."""
        chosen = []
        for c in self.camera.calibrations:
            if not self.recipe.wants(c.dataset_type):
                continue
            tables = (root.tables.get(c.lookup_table) for root in self.source.calibs)
            in_gen2 = any(table is not None and table.rows for table in tables)
            if in_gen2 or not self.answers(c.dataset_type).is_empty:
                chosen.append(c)
        return chosen

    def answers(self, dataset_type: str) -> Answers:
        """All that Gen3 can answer for a type, read once."""
        if dataset_type not in self.read:
            self.read[dataset_type] = read_answers(
                self.butler, self.instrument, dataset_type, self.collection
            )
        return self.read[dataset_type]

    def verify_type(self, calibration: Calibration) -> None:
        """Compare all observations for one calibration type."""
        answers = self.answers(calibration.dataset_type)
        roots = [root.for_lookup for root in self.source.calibs]
        lookup = lookup_for(self.camera, calibration, self.source.raw_tables, roots)
        by_filter = "physical_filter" in calibration.dimensions
        column = self.camera.time_column(calibration)
        outcome = self.result.by_type[calibration.dataset_type]
        times = MasterTimes(answers, self.camera.calib_time_s)
        for row in self.rows:
            gen2 = lookup.answer(row)
            span = self._span(row, column)
            physical_filter = self._filter(row) if by_filter else None
            data_id = DataId(row[self.camera.raw.detector], physical_filter)
            gen3 = () if span is None else answers.find(data_id, *span)
            if len(gen3) == 1 and span is not None:
                self.result.not_nearest[calibration.dataset_type] += not times.is_nearest(
                    data_id, gen3[0], span
                )
                self.result.taken_after[calibration.dataset_type] += times.is_after(gen3[0], span)
            outcome[self._compare(calibration, row, data_id, span, gen2, gen3, answers)] += 1
        self.result.lookups += len(self.rows)

    def _span(self, row: Mapping[str, Any], column: TimeColumn) -> tuple[int, int] | None:
        """The exposure's timespan, or what the registry's column says of it, TAI."""
        exposure = self.exposures.get(row[self.camera.raw.exposure])
        if exposure is not None:
            return exposure.begin, exposure.end
        return registry_span(row, column)

    def _filter(self, row: Mapping[str, Any]) -> str | None:
        exposure = self.exposures.get(row[self.camera.raw.exposure])
        if exposure is not None:
            return exposure.physical_filter
        return self.camera.physical_filter(row[self.camera.raw.filter])

    def _compare(
        self,
        calibration: Calibration,
        row: Mapping[str, Any],
        data_id: DataId,
        span: tuple[int, int] | None,
        gen2: Gen2Answer,
        gen3: Sequence[Certified],
        answers: Answers,
    ) -> str:
        """Count one lookup and say how it went."""
        result = self.result
        if gen2.status == "one":
            assert gen2.path is not None
            path = answers.paths.get(gen3[0].dataset_id, "") if len(gen3) == 1 else ""
            if path and self._same_master(calibration, gen2.path, data_id, path):
                result.agree += 1
                return "agree"
        elif len(gen3) <= 1:
            counts = result.gen2_ambiguous if gen2.status == "ambiguous" else result.gen2_none
            outcome = "gen3_one" if gen3 else "gen3_none"
            counts[outcome] += 1
            return f"gen2_{'ambiguous' if gen2.status == 'ambiguous' else 'none'}.{outcome}"
        why = self._explain(calibration, data_id, span, gen2, gen3)
        if why:
            result.explained += 1
            result.explanations[f"{calibration.dataset_type}: {why}"] += 1
            return "explained"
        result.disagree.append(
            {
                "exposure": row[self.camera.raw.exposure],
                "detector": data_id.detector,
                "type": calibration.dataset_type,
                "gen2": _describe_gen2(gen2),
                "gen3": "; ".join(f"{answers.paths.get(c.dataset_id, 'no file')} in {c}" for c in gen3)
                or "none",
            }
        )
        return "disagree"

    def _same_master(self, calibration: Calibration, gen2: str, data_id: DataId, gen3: str) -> bool:
        """Whether Gen3's file is Gen2's, or the detector's part of it."""
        if self.files.same(gen2, gen3):
            return True
        rule = calibration.extensions
        return rule is not None and self.files.is_piece(gen2, rule, data_id.detector, gen3)

    def _explain(
        self,
        calibration: Calibration,
        data_id: DataId,
        span: tuple[int, int] | None,
        gen2: Gen2Answer,
        gen3: Sequence[Certified],
    ) -> str:
        """The recorded decision that makes the answers differ, ``""`` if there is none."""
        for name in (gen2.path, f"{gen2.path}[{gen2.hdu}]"):
            if name is not None and name in self.left_out:
                return self.left_out[name]
        if span is None:
            return ""
        # Of a later version, the decisions about the first one count as well.
        stamps = {part for c in gen3 for part in accumulate(c.stamp.split("."), "{}.{}".format)}
        stamps |= _stamps(calibration, gen2)
        asked = Span(*span)
        for decision, change in self.changes[calibration.dataset_type]:
            named = change.stamp.partition(".")[0] if calibration.shares_dates else change.stamp
            if {change.stamp, named} & stamps and change.explains(change.stamp, data_id, asked):
                return f"{decision.rule}: {decision.why}"
        return ""


def _stamps(calibration: Calibration, gen2: Gen2Answer) -> set[str]:
    """RUN stamps that the masters of a Gen2 answer can have."""
    dates = [value for key, value in gen2.values if key == calibration.date]
    if calibration.date == "validStart":
        dates += [candidate.valid_start for candidate in gen2.candidates]
    stamps = set()
    for date in dates:
        try:
            stamps.add(stamp(local_to_utc(str(date), calibration.zone) if calibration.zone else str(date)))
        except ValueError:
            continue
    return stamps


def _exposures(butler: Butler, instrument: str) -> dict[int, _Exposure]:
    if not butler.query_dimension_records("instrument", instrument=instrument, explain=False):
        return {}
    return {
        record.id: _Exposure(record.timespan.nsec[0], record.timespan.nsec[1], record.physical_filter)
        for record in butler.query_dimension_records(
            "exposure", instrument=instrument, explain=False, limit=None
        )
        if record.timespan is not None
    }


def _describe_gen2(answer: Gen2Answer) -> str:
    ranges = ", ".join(f"{c.valid_start}..{c.valid_end}" for c in answer.candidates[:3])
    if answer.path is None:
        return f"{answer.status}: {answer.why}"
    return f"{answer.path} [{ranges}]"
