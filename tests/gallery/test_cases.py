"""Every bad input of the table: its line, the exit status, the good data beside it, and no trace of a failure."""

from __future__ import annotations

import re
import shutil
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from .bad_input import BadInput
from .cases import CASES, TARGETS
from .place import GOOD, Datasets, Place, Run, account_for_everything, contents, digest


def test_names_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_input(case: BadInput, tmp_path: Path, empty_repository: Path) -> None:
    place = Place(tmp_path)
    case.make(place)
    place.target = tmp_path / TARGETS.get(case.name, "repo")
    if case.status < 2:
        # Whether a repository is made at all is for the calls that must not make one.
        shutil.copytree(empty_repository, place.target)
    source, target, elsewhere = digest(place.root), contents(place.target), digest(place.elsewhere)

    inspected = place.run("inspect", place.root)
    planned = place.run("plan", place.root, place.target, *case.options, "-v")
    assert contents(place.target) == target, "planning wrote something"
    done = place.convert(*case.options, "--json")

    for run in (inspected, planned, done):
        assert "Traceback" not in run.err + run.out
        assert "internal error" not in run.err
    assert digest(place.root) == source, "the source was changed"
    assert digest(place.elsewhere) == elsewhere

    # A call that only fails when something is to be written is good as a plan.
    assert planned.status == case.status or (case.status == 2 and planned.status == 0)
    assert done.status == case.status, (done.err, done.out)
    if case.status == 2:
        assert done.out == ""
        check_line(case, done.wrong)
        assert contents(place.target) == target, "the target was changed"
        return
    result = done.json
    if case.lines:
        check_line(case, planned.wrong)
    else:
        assert not planned.wrong
        check_line(case, [f"{s['item']}: {s['reason']}" for s in result["skipped"]], among_others=True)
    assert len(result["rejected"]) + len(result["conflicts"]) == case.lines
    if case.status == 3:
        assert result["conversion"] is None
        assert "nothing was written" in done.err
        assert contents(place.target) == target, "the target was changed"
        return
    assert result["verify"]["disagree"] == []
    datasets = Datasets(place.target)
    good = {line for line in GOOD if not any(fnmatchcase(line, glob) for glob in case.lost)}
    assert datasets.lines == good | set(case.added)
    account_for_everything(place, result, datasets)


def check_line(case: BadInput, lines: list[str], among_others: bool = False) -> None:
    """One line of those said is the one that the case expects."""
    matching = [line for line in lines if re.search(case.line, line)]
    assert len(matching) == 1, "\n".join(lines)
    if not among_others:
        assert len(lines) == case.lines, "\n".join(lines)


def test_repository_is_good_before_it_is_spoiled(tmp_path: Path) -> None:
    place = Place(tmp_path)
    source = digest(place.root)
    done: Run = place.convert("--json")
    assert (done.status, done.json["rejected"], done.json["verify"]["agree"]) == (0, [], 16)
    datasets = Datasets(place.target)
    assert datasets.lines == GOOD
    account_for_everything(place, done.json, datasets)
    assert digest(place.root) == source
