"""Proof: what Gen2 would have returned against what Gen3 returns now.

Independent of planning and writers. Gen2's side is `adapters.gen2.lookup`
(text comparison, exactly as Gen2 did it), Gen3's side is `converter.answers`
(the Butler's queries); masters are compared by the files that they are.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
from .comparison import Comparison
from .ledger import Ledger
from .master_times import MasterTimes
from .nouns import DataId, UsageError
from .progress import Progress, no_progress
from .readiness import Readiness, read_readiness
from .recipe import Recipe
from .target import open_reading


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
    ready
        What ISR needs and the repository lacks; no part of the comparison.
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
    ready: Readiness | None = None
    recorded_utc: str = ""

    @classmethod
    def from_dict(
        cls, data: Mapping[str, Any], recorded_utc: str, ready: Readiness | None = None
    ) -> Verification:
        """The outcome as it was recorded; ``ready`` is as it is now."""
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
            ready=ready,
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
            "ready_for_isr": None if self.ready is None else self.ready.as_dict(),
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
        source = open_source(
            recipe.root, recipe.camera, recipe.calib, recipe.allow_outside, recipe.templates, recipe.max_rows
        )
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
        self.comparison = Comparison(ledger)
        self.read: dict[str, Answers] = {}
        ready = read_readiness(butler, self.instrument, source.camera)
        self.result = Verification(observations=len(self.rows), ready=ready)

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
        outcome, why = self.comparison.outcome(calibration, data_id, span, gen2, gen3, answers.paths)
        if outcome == "agree":
            result.agree += 1
        elif outcome == "explained":
            result.explained += 1
            result.explanations[f"{calibration.dataset_type}: {why}"] += 1
        elif outcome == "disagree":
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
        else:
            status, _, found = outcome.partition(".")
            (result.gen2_ambiguous if status == "gen2_ambiguous" else result.gen2_none)[found] += 1
        return outcome


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
