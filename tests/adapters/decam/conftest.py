"""DECam repositories, converted once per session and read back with a Butler."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from lsst.daf.butler import Butler

from adapters import registry
from converter.convert import Outcome, convert
from converter.overlaps import RangeRule
from converter.recipe import Recipe
from fixtures.decam import DecamRepository, DecamSpec, make_decam


@pytest.fixture(scope="session", autouse=True)
def registered() -> Any:
    """The camera by its entry point, also where the installed metadata is older than that."""
    real = registry.entry_points

    def points(group: str) -> list[EntryPoint]:
        others = [p for p in real(group=group) if p.name != "decam"]
        return [*others, EntryPoint("decam", "adapters.decam:DECam", group)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "entry_points", points)
        yield


@pytest.fixture(scope="session")
def data() -> Path:
    """Where real headers and exports are."""
    shared = os.environ.get("GEN2TO3_SHARED")
    base = (Path(shared) if shared else Path(__file__).resolve().parents[3].parent / "shared") / "data"
    if not base.is_dir():
        pytest.skip(f"real data are not at {base} (set GEN2TO3_SHARED)")
    return base


@dataclass(frozen=True)
class Converted:
    """A repository, what its conversion came to, and the result."""

    made: DecamRepository
    recipe: Recipe
    outcome: Outcome
    butler: Butler

    @property
    def verified(self) -> dict[str, Any]:
        assert self.outcome.verification is not None
        return self.outcome.verification.as_dict()

    def by_type(self, dataset_type: str) -> dict[str, int]:
        assert self.outcome.verification is not None
        return dict(self.outcome.verification.by_type[dataset_type])

    def rules(self, dataset_type: str, rule: str) -> list[Any]:
        return [d for d in self.outcome.plan.decisions if (d.dataset_type, d.rule) == (dataset_type, rule)]

    def records(self, dataset_type: str, run: str) -> dict[int, tuple[str, str]]:
        """Formatter and file by detector, of the datasets in a RUN."""
        refs = list(self.butler.registry.queryDatasets(dataset_type, collections=run))
        by_id = {}
        for found in self.butler._datastore.export_records(refs).values():
            for dataset_id, tables in found.records.items():
                (by_id[dataset_id],) = [info for infos in tables.values() for info in infos]
        return {
            ref.dataId["detector"]: (by_id[ref.id].formatter, str(self.butler.getURI(ref).ospath))
            for ref in refs
        }

    def find(self, dataset_type: str, exposure: int, detector: int) -> Any:
        """The calibration that Gen3 gives for an exposure and detector."""
        (record,) = self.butler.query_dimension_records("exposure", instrument="DECam", exposure=exposure)
        return self.butler.find_dataset(
            dataset_type,
            instrument="DECam",
            detector=detector,
            physical_filter=record.physical_filter,
            collections="DECam/calib",
            timespan=record.timespan,
        )


def run(made: DecamRepository, target: Path, **options: Any) -> Converted:
    options = {"calib": (str(made.calib),), "transfer": "direct"} | options
    recipe = Recipe(str(made.root), **options)
    outcome = convert(recipe, str(target))
    assert not outcome.stopped and outcome.failure is None
    return Converted(made, recipe, outcome, Butler.from_config(target, writeable=False))


@pytest.fixture(name="run", scope="session")
def run_fixture() -> Callable[..., Converted]:
    return run


CCDS = (1, 2, 3, 25, 31, 40, 61, 62)
"""CCDs of the raws of the nine nights; two of them have masters without a row."""


@pytest.fixture(scope="session")
def nine_nights(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], DecamRepository]:
    """Nightly masters in a dialect, made once."""
    made: dict[str, DecamRepository] = {}

    def get(dialect: str) -> DecamRepository:
        if dialect not in made:
            spec = DecamSpec(ccds=CCDS, dialect=dialect)
            made[dialect] = make_decam(tmp_path_factory.mktemp(f"nights{dialect}"), spec)
        return made[dialect]

    return get


@pytest.fixture(scope="session")
def converted(
    nine_nights: Callable[[str], DecamRepository], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Converted]:
    """Conversions of nine nights by dialect and range rule, each made once."""
    done: dict[tuple[str, str], Converted] = {}

    def get(dialect: str, rule: str = "") -> Converted:
        if (dialect, rule) not in done:
            ranges = dict.fromkeys(("cpBias", "cpFlat"), RangeRule(rule)) if rule else {}
            target = tmp_path_factory.mktemp("gen3") / "repo"
            done[dialect, rule] = run(nine_nights(dialect), target, ranges=ranges)
        return done[dialect, rule]

    return get
