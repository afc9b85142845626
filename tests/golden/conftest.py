"""Real repositories, converted once per session and read by all golden tests."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from golden_cases import CASES, IMSIM, Case, Golden
from lsst.daf.butler import Butler

from converter.apply import apply, ledger_path
from converter.convert import make_plan
from converter.nouns import Gen2to3Error
from converter.recipe import Recipe
from converter.verify import verify


@dataclass(frozen=True)
class Result:
    """What the command line promises: an exit status and two JSON objects."""

    exit_status: int
    outcome: dict[str, Any]
    verified: dict[str, Any]


def convert(root: Path, target: Path, **options: Any) -> Result:
    """Plan, apply and verify, as ``gen2to3 convert`` does.

    ``options`` are those of `Recipe`; the historical layout is the default
    here, because that is what there is to compare with.
    """
    recipe = Recipe(str(root), **{"label": "", "transfer": "direct", **options})
    plan = make_plan(recipe, str(target))
    try:
        conversion = apply(plan, str(target))
    except Gen2to3Error as exc:
        return Result(exc.exit_status, plan.as_dict(), {})
    verified = verify(str(target), recipe, ledger_path(str(target), None)).as_dict()
    status = 4 if verified["disagree"] else 1 if plan.rejects else 0
    return Result(status, plan.as_dict(conversion), verified)


@pytest.fixture(scope="session")
def data() -> Path:
    """Where the real repositories are."""
    shared = os.environ.get("GEN2TO3_SHARED")
    base = (Path(shared) if shared else Path(__file__).resolve().parents[2].parent / "shared") / "data"
    if not base.is_dir():
        pytest.skip(f"real repositories are not at {base} (set GEN2TO3_SHARED)")
    return base


@pytest.fixture(name="convert", scope="session")
def convert_fixture() -> Callable[..., Result]:
    return convert


def make_golden(case: Case, data: Path, directory: Path) -> Golden:
    root = data / case.name / "gen2"
    target = directory / "repo"
    result = convert(root, target)
    return Golden(
        case,
        root,
        target,
        result,
        ours=Butler.from_config(target, writeable=False),
        theirs=Butler.from_config(data / case.name / "gen3", writeable=False),
    )


@pytest.fixture(scope="session", params=CASES, ids=lambda case: case.name)
def golden(request: pytest.FixtureRequest, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Golden:
    """Each of the complete repositories beside its 2022 conversion."""
    return make_golden(request.param, data, tmp_path_factory.mktemp(request.param.name))


@pytest.fixture(scope="module")
def imsim(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Golden:
    """A conversion of imSim that a module may change."""
    return make_golden(IMSIM, data, tmp_path_factory.mktemp("imsim"))
