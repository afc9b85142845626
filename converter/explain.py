"""Why an observation gets the calibration that it gets. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lsst.daf.butler import Butler, DatasetType

from . import history
from .answers import search_order
from .candidates import MATCHES, Candidate, judge, nearest, read_candidates
from .comparison import Comparison, gen2_stamps, named_stamp
from .datastore import stored_files
from .gen2_side import Gen2Side, ask_gen2
from .ledger import Ledger, SerialPeriod
from .nouns import DataId, UsageError
from .planning.instrument import serial_periods
from .question import (
    Question,
    default_collection,
    find_data_id,
    find_dataset_type,
    find_instrument,
    find_time,
)
from .readiness import camera_of
from .recipe import Recipe, recipe_from_dict
from .target import open_reading
from .timespans import Span, format_tai


@dataclass
class Explanation:
    """What Gen3 answers and why, and what Gen2 answered.

    Parameters
    ----------
    question
        What was asked for.
    instrument, data_id, asked, collection
        The same, completed; ``asked`` is TAI.
    searched
        What the search looks in, in order.
    candidates
        Every range of that type and data ID, in that order, with its verdict.
    files
        Stored files of the candidates, by dataset id.
    decisions
        Recorded decisions about the masters concerned.
    left_out
        Rejects and skips about the same detector and filter.
    has_ledger
        Whether there is a ledger; otherwise both are unknown.
    gen2
        What Gen2 answered, `None` if its repository is not known.
    outcome, why
        How the answers compare, as in `converter.comparison.Outcome`; ``""``
        if Gen2's is not known.
    periods, periods_of
        Which chips were at the detector's place, by ``ledger`` or ``camera``.
    """

    question: Question
    instrument: str
    data_id: DataId
    asked: Span
    collection: str
    searched: list[str]
    candidates: list[Candidate]
    files: Mapping[str, str] = field(default_factory=dict)
    decisions: list[history.RecordedDecision] = field(default_factory=list)
    left_out: list[history.LeftOut] = field(default_factory=list)
    has_ledger: bool = False
    gen2: Gen2Side | None = None
    outcome: str = ""
    why: str = ""
    periods: list[SerialPeriod] = field(default_factory=list)
    periods_of: str = ""

    @property
    def matching(self) -> list[Candidate]:
        """What the search finds: one is the answer, several are an error of the Butler."""
        return [c for c in self.candidates if c.verdict == MATCHES]

    @property
    def choice(self) -> Candidate | None:
        """Gen3's answer, `None` if there is none or not one."""
        return self.matching[0] if len(self.matching) == 1 else None

    @property
    def problem(self) -> str:
        """Why there is no answer, ``""`` if there is one."""
        if self.choice is not None:
            return ""
        if self.matching:
            return f"{len(self.matching)} ranges match, for which the Butler raises CalibrationLookupError"
        if not self.searched:
            return f"there is no collection {self.collection}"
        return "no range matches" if self.candidates else "nothing is certified for it"

    @property
    def serial(self) -> SerialPeriod | None:
        """The chip at that time, `None` if it is not known."""
        there = [p for p in self.periods if p.span.overlaps(self.asked)]
        return there[0] if len(there) == 1 else None

    def as_dict(self) -> dict[str, Any]:
        """The command line's JSON contract; what is unknown is null."""
        before, after = nearest(self.candidates) if self.choice is None else (None, None)
        return {
            "question": asdict(self.question),
            "instrument": self.instrument,
            "data_id": self.data_id.as_dict(),
            "asked": {"begin_tai": format_tai(self.asked.begin), "end_tai": format_tai(self.asked.end)},
            "collection": self.collection,
            "searched": self.searched,
            "candidates": [self._with_file(c) for c in self.candidates],
            "choice": None if self.choice is None else self._with_file(self.choice),
            "problem": self.problem,
            "nearest": {
                "before": None if before is None else self._with_file(before),
                "after": None if after is None else self._with_file(after),
            },
            "decisions": [d._asdict() for d in self.decisions] if self.has_ledger else None,
            "left_out": [x._asdict() for x in self.left_out] if self.has_ledger else None,
            "gen2": None if self.gen2 is None else self.gen2.as_dict(),
            "outcome": self.outcome or None,
            "why": self.why,
            "serial": None if self.serial is None else self.serial.serial,
            "serials": [asdict(p) for p in self.periods],
        }

    def _with_file(self, candidate: Candidate) -> dict[str, Any]:
        return candidate.as_dict() | {"file": self.files.get(candidate.dataset_id)}


def explain(
    target: str, question: Question, ledger: Path | None = None, gen2_root: str | None = None
) -> Explanation:
    """Say what calibration an observation gets, and why.

    Parameters
    ----------
    target
        Butler repository.
    question
        What is asked for.
    ledger
        Where conversions are recorded, which need not be there.
    gen2_root
        Gen2 repository, `None` for that of the last conversion.

    Raises
    ------
    UsageError
        There is no repository, or not this type, detector, exposure, filter or
        collection in it; or ``gen2_root`` is no Gen2 root.
    """
    butler = open_reading(target)
    if butler is None:
        raise UsageError(f"{target}: there is no Butler repository")
    book = Ledger(ledger) if ledger is not None and ledger.is_file() else None
    last = book.last_recipe() if book is not None else None
    recipe = None if last is None else recipe_from_dict(last, f"recipe in {ledger}")
    instrument = find_instrument(butler, target, question.instrument)
    dataset_type, dimensions = find_dataset_type(butler, instrument, question.dataset_type)
    asked, physical_filter = find_time(butler, instrument, question)
    data_id = find_data_id(butler, instrument, question, dimensions, physical_filter)
    collection = question.collection or default_collection(butler, instrument, recipe)
    if question.collection and question.collection not in butler.collections.query("*"):
        raise UsageError(f"{target} has no collection {question.collection}")
    searched = [name for name, _ in search_order(butler, collection)]
    candidates: list[Candidate] = []
    files: Mapping[str, str] = {}
    if dataset_type is not None:
        candidates = judge(read_candidates(butler, instrument, dataset_type, data_id, collection), asked)
        files = _files(butler, instrument, dataset_type, data_id, candidates)
    result = Explanation(question, instrument, data_id, asked, collection, searched, candidates, files)
    result.gen2 = _gen2(recipe, gen2_root, result)
    _compare(result, book)
    if book is not None:
        result.has_ledger = True
        stamps = _concerned(result)
        result.decisions = history.decisions_about(book, question.dataset_type, data_id, stamps)
        result.left_out = _left_out(book, result)
    _serials(result, book)
    butler.close()
    return result


def _files(
    butler: Butler,
    instrument: str,
    dataset_type: DatasetType,
    data_id: DataId,
    candidates: Sequence[Candidate],
) -> Mapping[str, str]:
    runs = sorted({c.run for c in candidates})
    if not runs:
        return {}
    with butler.query() as query:
        found = query.datasets(dataset_type, runs, find_first=False)
        return stored_files(butler, list(found.where(instrument=instrument, **data_id.as_dict())))


def _gen2(recipe: Recipe | None, root: str | None, result: Explanation) -> Gen2Side | None:
    """Gen2's answer, `None` if nothing says where its repository is."""
    if root is not None:
        # The rest of the recipe is about another place, if the root is another one.
        place = str(Path(root).absolute())
        recipe = recipe if recipe is not None and recipe.root == place else Recipe(place)
    if recipe is None:
        return None
    asked = result.data_id._replace(detector=result.question.detector)
    try:
        return ask_gen2(
            recipe, result.instrument, result.question.dataset_type, asked, result.question.exposure
        )
    except UsageError as exc:
        if root is not None:
            raise
        return Gen2Side(recipe.root, unknown=str(exc))


def _compare(result: Explanation, book: Ledger | None) -> None:
    side = result.gen2
    if side is None or side.answer is None or side.calibration is None:
        return
    gen3 = [c.certified for c in result.matching]
    begin, end = result.asked
    assert begin is not None and end is not None
    result.outcome, result.why = Comparison(book).outcome(
        side.calibration, result.data_id, (begin, end), side.answer, gen3, result.files
    )


def _concerned(result: Explanation) -> set[str]:
    """RUN stamps of the masters that the answer is about: Gen3's, Gen2's and the nearest ones."""
    chosen = [*result.matching, *(c for c in nearest(result.candidates) if c is not None)]
    stamps = {c.stamp for c in chosen}
    side = result.gen2
    if side is not None and side.answer is not None and side.calibration is not None:
        stamps |= gen2_stamps(side.calibration, side.answer)
        stamps |= {c.stamp for c in chosen if named_stamp(side.calibration, c.stamp) in stamps}
    return stamps


def _left_out(book: Ledger, result: Explanation) -> list[history.LeftOut]:
    side = result.gen2
    files = set(result.files.values())
    if side is not None and side.answer is not None and side.answer.path is not None:
        files |= {side.answer.path, f"{side.answer.path}[{side.answer.hdu}]"}
    rows = side.rows if side is not None else frozenset()
    return [x for x in history.left_out(book) if x.file in files or x.item in rows]


def _serials(result: Explanation, book: Ledger | None) -> None:
    """Which chips were where: as recorded, or as the camera declares."""
    periods = book.serials(result.instrument) if book is not None else []
    result.periods_of = "ledger"
    if not periods:
        camera = camera_of(result.instrument)
        periods = [] if camera is None else serial_periods(camera.instrument)[1]
        result.periods_of = "camera"
    result.periods = [p for p in periods if p.detector == result.question.detector]
