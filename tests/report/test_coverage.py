"""Coverage against what the Butler itself answers, one exposure and detector at a time."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from lsst.daf.butler import Butler

from converter.answers import Certified
from converter.nouns import DataId
from converter.report.coverage import Coverage, as_ranges, make_coverage, read_coverage
from converter.report.lookups import STATES, UNKNOWN, Lookups, Observed, State, answer, read_lookups
from converter.timespans import DAY, SECOND

from .covered import MAKERS, Answer, butler_answers, shared


@pytest.fixture(scope="module", params=list(MAKERS))
def repository(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Butler, list[Answer]]:
    butler = shared(request.param, tmp_path_factory)
    return request.param, butler, list(butler_answers(butler, request.param))


@pytest.fixture(scope="module")
def hsc(tmp_path_factory: pytest.TempPathFactory) -> Coverage:
    return read_coverage(shared("HSC", tmp_path_factory), "HSC")


def test_every_answer_is_the_butlers(repository: tuple[str, Butler, list[Answer]]) -> None:
    instrument, butler, answers = repository
    lookups = read_lookups(butler, instrument)
    rows = {x.number: row for row, x in enumerate(lookups.exposures)}
    assert answers
    assert {a.dataset_type for a in answers if a.state is not State.MISSING} <= {
        t.dataset_type for t in lookups.types
    }
    asked = Counter(a.dataset_type for a in answers)
    for t in lookups.types:
        assert (t.states != State.NOT_ASKED).sum() == asked[t.dataset_type]
        for a in answers:
            if a.dataset_type == t.dataset_type:
                place = 0 if a.detector is None else lookups.detectors.index(a.detector)
                row = rows[a.exposure.id]
                found = State(int(t.states[row, place])), int(t.days[row, place])
                assert found == (a.state, UNKNOWN if a.day is None else a.day), a


def test_cells_and_list_are_those_of_single_lookups(repository: tuple[str, Butler, list[Answer]]) -> None:
    instrument, butler, answers = repository
    coverage = read_coverage(butler, instrument)
    counts: Counter[tuple[int, str, State]] = Counter()
    lacking: dict[tuple[int, str, str, State], tuple[set[int], set[int]]] = defaultdict(
        lambda: (set(), set())
    )
    by_filter = {
        t.name for t in butler.registry.queryDatasetTypes() if "physical_filter" in t.dimensions.required
    }
    for a in answers:
        if a.dataset_type not in coverage.types:
            continue
        counts[a.exposure.day_obs, a.dataset_type, a.state] += 1
        if a.state in (State.MISSING, State.AMBIGUOUS):
            name = a.exposure.physical_filter if a.dataset_type in by_filter else ""
            detectors, exposures = lacking[a.exposure.day_obs, a.dataset_type, name, a.state]
            exposures.add(a.exposure.id)
            detectors |= set() if a.detector is None else {a.detector}
    for cell in coverage.cells:
        expected = tuple(counts[cell.night, cell.dataset_type, state] for state in STATES)
        assert cell.counts == expected
        assert cell.worst is max(state for state, n in zip(STATES, expected, strict=True) if n)
    assert sum(coverage.totals.values()) == counts.total()
    found = {
        (u.night, u.dataset_type, u.physical_filter, u.state): (set(u.detectors), set(u.exposures))
        for u in coverage.unanswered
    }
    assert found == dict(lacking)
    assert len(found) == len(coverage.unanswered)


def test_planted_gaps_are_named(hsc: Coverage) -> None:
    assert [str(u) for u in hsc.missing if u.dataset_type != "transmission_filter"] == [
        "20141001 flat HSC-R detector 50",
        "20141002 bias detector 50",
        "20141002 flat HSC-R detector 50",
        "20141003 flat HSC-R detector 50",
    ]
    transmission = [u for u in hsc.missing if u.dataset_type == "transmission_filter"]
    assert {(u.physical_filter, u.detectors) for u in transmission} == {("HSC-R", ())}
    (ambiguous,) = (u for u in hsc.unanswered if u.state is State.AMBIGUOUS)
    assert (ambiguous.night, ambiguous.dataset_type, ambiguous.detectors) == (20141003, "bias", (49,))
    never = {u.dataset_type for u in hsc.unanswered if u.is_never}
    assert never == {"flat", "transmission_filter"}
    dark = next(c for c in hsc.cells if (c.night, c.dataset_type) == (20141002, "dark"))
    assert dark.worst is State.UNBOUNDED and dark.unbounded > 0 and dark.ok > 0
    assert hsc.without_raws == (9040,)


def test_text_says_the_same(hsc: Coverage) -> None:
    summary = hsc.summary()
    assert f"{hsc.totals[State.MISSING]} missing" in summary[0]
    assert "bias: something is missing in 1 of 3 nights." in summary
    assert "Exposures have no raw, so nothing is asked for them: 9040." in summary
    table = [dict(zip(hsc.columns(), row, strict=True)) for row in hsc.rows()]
    (bias,) = (r for r in table if (r["dataset type"], r["state"]) == ("bias", "missing"))
    assert (bias["night"], bias["filter"], bias["detectors"]) == (20141002, "any", "50")
    assert bias["note"] == "" and bias["observed"] == "science"


def test_nothing_to_ask(tmp_path: Path) -> None:
    Butler.makeRepo(tmp_path)
    butler = Butler.from_config(str(tmp_path), writeable=True)
    record = {"name": "HSC", "visit_max": 1, "exposure_max": 1, "detector_max": 1, "class_name": "x"}
    butler.registry.insertDimensionData("instrument", record)
    coverage = read_coverage(butler, "HSC")
    assert (coverage.nights, coverage.types, coverage.cells) == ((), (), ())
    assert coverage.summary() == ("Nothing was asked: there is no calibration type.",)


def test_as_ranges() -> None:
    assert as_ranges([7, 0, 1, 3, 2, 7]) == "0-3,7"
    assert as_ranges([]) == ""
    assert as_ranges([5]) == "5"
    assert as_ranges([4, 5]) == "4-5"


def test_many_masters_and_raws_take_seconds() -> None:
    """20,000 raws ask for three types that have 30,000 masters."""
    detectors = tuple(range(100))
    exposures = tuple(
        Observed(n, 20140101 + n, n * DAY + SECOND, n * DAY + 2 * SECOND, "HSC-R", "science")
        for n in range(200)
    )
    has = np.ones((200, 100), dtype=np.bool_)
    began = time.process_time()
    ranges = {
        DataId(d): [
            Certified(2 * n * DAY, 2 * (n + 1) * DAY, f"HSC/calib/gen2/{n}", "HSC/calib/gen2", "")
            for n in range(100)
        ]
        for d in detectors
    }
    types = [answer(name, ("instrument", "detector"), [ranges], exposures, detectors, has) for name in "abc"]
    coverage = make_coverage(Lookups("HSC", ("HSC/calib/gen2",), exposures, detectors, has, tuple(types)))
    assert time.process_time() - began < 5
    assert sum(coverage.totals.values()) == 60_000
    # The first range has no begin for the Butler: 1970 is its first instant.
    assert coverage.totals[State.UNBOUNDED] == 2 * 100 * 3
    assert not coverage.unanswered
