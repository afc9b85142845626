"""The camera as an installed package would register it, and one converted repository."""

from __future__ import annotations

import importlib.metadata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from lsst.daf.butler import Butler

from adapters import registry
from converter.apply import apply
from converter.overlaps import Policy
from converter.planning.conversion import make_plan
from converter.planning.plan import Plan
from converter.recipe import Recipe
from converter.verify import Verification, verify
from fixtures.megaprime import make_megaprime
from fixtures.repository import Gen2Repository


def register(patch: pytest.MonkeyPatch) -> None:
    """Have the entry point, whether or not the installed metadata are of this version."""
    point = importlib.metadata.EntryPoint("megaprime", "adapters.megaprime:MegaPrime", registry.GROUP)
    original = registry.entry_points
    patch.setattr(
        registry,
        "entry_points",
        lambda group: [*(e for e in original(group=group) if e.name != "megaprime"), point],
    )


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    register(monkeypatch)


@dataclass
class Converted:
    made: Gen2Repository
    plan: Plan
    verification: Verification
    butler: Butler
    rules: Counter[str]


def recipe_for(made: Gen2Repository, **choices) -> Recipe:
    return Recipe(str(made.root), calib=(str(made.calib),), **choices)


def convert(made: Gen2Repository, target: Path, **choices) -> Converted:
    recipe = recipe_for(made, **choices)
    plan = make_plan(recipe, str(target))
    assert plan.conflicts == []
    apply(plan, str(target))
    verification = verify(str(target), recipe, target / "gen2to3.sqlite3")
    butler = Butler.from_config(str(target), instrument="MegaPrime")
    return Converted(made, plan, verification, butler, Counter(d.rule for d in plan.decisions))


@pytest.fixture(scope="package")
def made(tmp_path_factory) -> Gen2Repository:
    return make_megaprime(tmp_path_factory.mktemp("megaprime") / "gen2")


@pytest.fixture(scope="package")
def latest(made, tmp_path_factory) -> Converted:
    """The small repository, overlaps by the latest registered."""
    with pytest.MonkeyPatch.context() as patch:
        register(patch)
        target = tmp_path_factory.mktemp("latest") / "butler"
        return convert(made, target, overlaps={"*": Policy.LATEST_REGISTERED})
