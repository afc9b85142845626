"""Ranges taken off: what reaches beyond them is cut, and a failed batch leaves all as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsst.daf.butler import Butler

from converter.convert import convert
from converter.nouns import DataId, Gen2to3Error
from converter.operations import Certify, Decertify
from converter.recipe import Recipe
from converter.target import read_target
from converter.timespans import DAY, Span, parse_time, to_tai
from converter.writers import execute, open_target
from fixtures.hsc import make_hsc

COLLECTION = "HSC/calib/gen2"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    make_hsc(tmp_path / "gen2")
    assert convert(Recipe(str(tmp_path / "gen2")), str(tmp_path / "repo")).exit_status == 0
    return tmp_path / "repo"


def ranges(repo: Path) -> dict[DataId, list[Span]]:
    butler = Butler.from_config(str(repo))
    rows = read_target(butler, "HSC", ["bias"]).associations[COLLECTION, "bias"]
    found: dict[DataId, list[Span]] = {}
    for row in rows:
        found.setdefault(row.data_id, []).append(row.span)
    return {data_id: sorted(spans, key=lambda s: s.begin or 0) for data_id, spans in found.items()}


def test_a_range_is_cut_in_two_and_others_stay(repo: Path) -> None:
    before = ranges(repo)
    chosen, *others = sorted(before)
    whole = before[chosen][0]
    assert whole.begin is not None and whole.end is not None
    hole = Span(whole.begin + DAY, whole.begin + 2 * DAY)
    execute(open_target(str(repo), False), [Decertify("HSC", COLLECTION, "bias", hole, (chosen,))], "direct")
    after = ranges(repo)
    assert after[chosen][:2] == [Span(whole.begin, hole.begin), Span(hole.end, whole.end)]
    assert after[chosen][2:] == before[chosen][1:]
    assert {d: after[d] for d in others} == {d: before[d] for d in others}


def test_decertify_comes_before_certify_in_one_batch(repo: Path) -> None:
    before = ranges(repo)
    chosen = min(before)
    state = read_target(Butler.from_config(str(repo)), "HSC", ["bias"])
    rows = [r for r in state.associations[COLLECTION, "bias"] if r.data_id == chosen]
    run = rows[0].run
    always = Span(None, None)
    batch = [
        Certify("HSC", COLLECTION, "bias", always, ((run, chosen),)),
        Decertify("HSC", COLLECTION, "bias", always, (chosen,)),
    ]
    execute(open_target(str(repo), False), batch, "direct")
    assert ranges(repo)[chosen] == [always]


def test_a_batch_that_fails_takes_nothing_off(repo: Path) -> None:
    before = ranges(repo)
    chosen = min(before)
    always = Span(None, None)
    batch = [
        Decertify("HSC", COLLECTION, "bias", always, (chosen,)),
        Certify("HSC", COLLECTION, "bias", always, (("HSC/calib/nowhere", chosen),)),
    ]
    with pytest.raises(Gen2to3Error, match="does not hold"):
        execute(open_target(str(repo), False), batch, "direct")
    assert ranges(repo) == before


def test_an_empty_range_is_refused(repo: Path) -> None:
    when = to_tai(parse_time("2014-01-01"), "utc")
    batch = [Decertify("HSC", COLLECTION, "bias", Span(when, when), (DataId(detector=0),))]
    with pytest.raises(Gen2to3Error, match="empty"):
        execute(open_target(str(repo), False), batch, "direct")
