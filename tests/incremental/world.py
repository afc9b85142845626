"""A Gen2 repository that changes, its conversion, and what is read back of it with the Butler."""

from __future__ import annotations

import filecmp
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from lsst.daf.butler import Butler, Timespan

from converter.cli import main
from converter.convert import Outcome, convert
from converter.recipe import Recipe
from fixtures.hsc import HscSpec, make_hsc

Range = tuple[str, str, tuple[tuple[str, Any], ...], Timespan]

SPEC = HscSpec(
    nights=("2014-10-01", "2014-10-03"),
    visits_per_night=1,
    filters=("HSC-R",),
    bias=("2014-09-30", "2014-10-02"),
    dark=("2014-09-01",),
    defects=(),
)


@dataclass(frozen=True)
class World:
    """One source and one target.

    Parameters
    ----------
    root, calib
        The Gen2 repository.
    target
        The Butler repository.
    """

    root: Path
    calib: Path
    target: Path

    def convert(self, **choices: Any) -> Outcome:
        """Convert with the library."""
        return convert(Recipe(str(self.root), **choices), str(self.target))

    def run(self, *options: str) -> tuple[int, str]:
        """Convert with the command line: exit status and what is printed."""
        result = CliRunner().invoke(main, ["convert", str(self.root), str(self.target), *options])
        return result.exit_code, result.output

    def run_json(self, *options: str) -> tuple[int, dict[str, Any]]:
        """The same with ``--json``."""
        arguments = ["convert", str(self.root), str(self.target), "--json", *options]
        result = CliRunner().invoke(main, arguments)
        return result.exit_code, json.loads(result.stdout)

    def sql(self, statement: str, registry: str = "CALIB/calibRegistry.sqlite3") -> None:
        """Change a registry."""
        with closing(sqlite3.connect(self.root / registry)) as db, db:
            db.execute(statement)

    def bias(self, date: str, detector: int = 49) -> Path:
        """A bias of the source."""
        return self.calib / f"BIAS/{date}/NONE/BIAS-{date}-{detector:03d}.fits"

    def raw(self, exposure: int, detector: int = 49) -> Path:
        """A raw of the source."""
        (found,) = (self.root).glob(f"**/HSC-{exposure:07d}-{detector:03d}.fits")
        return found

    @property
    def butler(self) -> Butler:
        return Butler.from_config(str(self.target), instrument=instrument_of(self.target))

    @property
    def ledger(self) -> Path:
        return self.target / "gen2to3.sqlite3"

    def ranges(self, label: str = "gen2") -> set[Range]:
        """Type, last part of the RUN, data ID and timespan of all that is certified."""
        butler = self.butler
        collection = f"{instrument_of(self.target)}/calib/{label}"
        return {
            (a.ref.datasetType.name, a.ref.run.rpartition("/")[2], data_id(a.ref), a.timespan)
            for dataset_type in butler.registry.queryDatasetTypes()
            if dataset_type.isCalibration()
            for a in butler.registry.queryDatasetAssociations(dataset_type, collections=[collection])
        }

    def runs(self, dataset_type: str = "bias", **where: Any) -> list[str]:
        """Last parts of the RUNs of all datasets of a type and data ID."""
        refs = self.butler.query_datasets(
            dataset_type, "*", find_first=False, data_id=where, limit=None, explain=False
        )
        return sorted(ref.run.rpartition("/")[2] for ref in refs)

    def content(self, dataset_type: str, run: str, **where: Any) -> bytes:
        """The file of a dataset."""
        butler = self.butler
        ref = butler.find_dataset(dataset_type, collections=run, **where)
        assert ref is not None
        return Path(butler.getURI(ref).ospath).read_bytes()

    def state(self) -> tuple[Any, ...]:
        """Everything that a conversion may change."""
        butler = self.butler
        refs = [
            str(r.id)
            for t in butler.registry.queryDatasetTypes()
            for r in butler.query_datasets(t, "*", find_first=False, limit=None, explain=False)
        ]
        chains = [(i.name, i.children) for i in butler.collections.query_info("*")]
        return sorted(refs), sorted(chains), sorted(map(str, self.ranges()))


def instrument_of(target: Path) -> str:
    (record,) = Butler.from_config(str(target)).query_dimension_records("instrument")
    return str(record.name)


def data_id(ref: Any) -> tuple[tuple[str, Any], ...]:
    return tuple((k, v) for k, v in sorted(ref.dataId.required.items()) if k != "instrument")


def make_world(directory: Path, spec: HscSpec = SPEC) -> World:
    """A source that is not converted yet."""
    made = make_hsc(directory / "gen2", spec)
    return World(made.root, made.calib, directory / "gen3")


def become(world: World, spec: HscSpec, keep: Sequence[Path] = ()) -> None:
    """Make the source what another specification says; files that are the same stay as they are, and those to keep."""
    new = make_hsc(world.root.parent / "next", spec)
    wanted = {p.relative_to(new.root) for p in files(new.root)}
    for path in files(world.root):
        if path.relative_to(world.root) not in wanted:
            path.unlink()
    for relative in wanted:
        here, there = world.root / relative, new.root / relative
        if here not in keep and not (here.exists() and filecmp.cmp(here, there, shallow=False)):
            here.parent.mkdir(parents=True, exist_ok=True)
            os.replace(there, here)
    shutil.rmtree(new.root)


def files(root: Path) -> Iterable[Path]:
    return [p for p in sorted(root.rglob("*")) if p.is_file() or p.is_symlink()]


def longer(path: Path) -> None:
    """Another file in its place, one block longer."""
    replaced(path, lambda old: old + b" " * 2880)


def same_size(path: Path, mark: bytes = b"x", times: bool = False) -> None:
    """Another file of the same size in its place, with the same time as well if ``times``."""
    status = path.stat()
    replaced(path, lambda old: old[:-1] + mark)
    when = status.st_mtime_ns + (0 if times else 2_000_000_000)
    os.utime(path, ns=(status.st_atime_ns, when))


def touched(path: Path) -> None:
    """The same content, a later time."""
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 2_000_000_000))


def replaced(path: Path, change: Callable[[bytes], bytes]) -> None:
    new = path.with_name("new")
    new.write_bytes(change(path.read_bytes()))
    os.replace(new, path)


def good(outcome: Outcome) -> Outcome:
    """Finished, without a disagreement."""
    assert outcome.exit_status == 0, (outcome.stopped, outcome.plan.conflicts, outcome.plan.rejects)
    assert outcome.verification is not None
    assert outcome.verification.disagree == []
    return outcome


def nothing(outcome: Outcome) -> None:
    """Nothing was to be written, and no header was read."""
    good(outcome)
    assert outcome.conversion is None
    assert outcome.plan.is_empty
    assert outcome.plan.header_reads == 0
