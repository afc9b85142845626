"""Do the declared lookups fit the registries, and give what Gen2's own SQL gave?"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

from ..camera import Calibration
from ..gen2.lookup import CalibRoot
from ..gen2.serial_lookup import lookup_for
from ..gen2.source import CalibSource
from ..gen2.templates import Template
from .oracle import existing, truth
from .repository import Repository, columns_of, connect, read_table
from .serial_oracle import serial_truth


def columns(repository: Repository, never_found: Collection[str] = ()) -> Iterator[str]:
    """Columns that the declaration names and no registry has."""
    camera, raw, source = repository.camera, repository.camera.raw, repository.source()
    raw_tables = columns_of(Path(source.raw_registry))
    has = raw_tables[raw.table]
    named = {*raw.keys, *Template(raw.template).keys, raw.exposure, raw.detector, raw.filter, raw.time.name}
    for name in sorted(named - has):
        yield f"raw: table {raw.table} has no column {name}, it has {', '.join(sorted(has))}"
    for calib in source.calibs:
        tables = columns_of(Path(calib.registry))
        for c in camera.calibrations:
            how, name = c.lookup, c.dataset_type
            if name in never_found or not read_table(Path(calib.registry), c.table):
                continue
            for column in sorted({c.detector, *Template(c.template).keys} - tables[c.table]):
                yield f"{name}: table {c.table} has no column {column}"
            known = has | tables.get(c.lookup_table, set()) | raw_tables.get(how.reference or "", set())
            for column in sorted(set(how.columns or ()) - known):
                yield f"{name}: lookup column {column} is in no table that the lookup asks"
            if how.reference and how.reference not in raw_tables:
                yield f"{name}: the raw registry has no table {how.reference}"


def compare(repository: Repository) -> tuple[list[str], dict[str, Counter[str]]]:
    """Ask both for every observation at its own time, and for one of each detector and filter at every end of a range.

    Returns
    -------
    problems
        Where the two differ.
    statuses
        What was answered for the observations as they are, by dataset type.
    """
    camera, source = repository.camera, repository.source()
    problems: list[str] = []
    statuses: dict[str, Counter[str]] = {}
    with ExitStack() as stack:
        raw = stack.enter_context(closing(connect(Path(source.raw_registry))))
        roots = [(c.root, stack.enter_context(closing(connect(Path(c.registry))))) for c in source.calibs]
        for calibration in camera.calibrations:
            calibs = [
                CalibRoot(str(c.root), c.tables, partial(existing, c.root), c.locate_row)
                for c in source.calibs
            ]
            lookup = lookup_for(camera, calibration, source.raw_tables, calibs)
            count = statuses[calibration.dataset_type] = Counter()
            asked, ask = roots, truth
            databases = [Path(c.registry) for c in source.calibs]
            if calibration.serials is not None:
                there = [c for c in source.calibs if calibration.table in c.tables]
                databases = [Path(c.registry_of(calibration.table)) for c in there]
                asked, ask = _with_serials(stack, calibration, there), serial_truth
            for row, is_real in _questions(repository, calibration, databases):
                answer = lookup.answer(row)
                wanted = ask(camera, calibration, raw, asked, row)
                if (answer.status, answer.path, answer.hdu) != wanted:
                    problems.append(
                        f"{calibration.dataset_type} for {row}: {answer.status} {answer.path} {answer.hdu} "
                        f"{answer.why}; by SQL {' '.join(map(str, wanted))}"
                    )
                if is_real:
                    count[answer.status] += 1
    return problems, statuses


def _with_serials(
    stack: ExitStack, calibration: Calibration, calibs: Sequence[CalibSource]
) -> list[tuple[Path, sqlite3.Connection]]:
    """Directories that the paths of a table of serial numbers start from, and the registries."""
    found = []
    for calib in calibs:
        registry = Path(calib.registry_of(calibration.table))
        found.append((registry.parent, stack.enter_context(closing(connect(registry)))))
    return found


def never_answered(
    repository: Repository, statuses: dict[str, Counter[str]], never_found: Collection[str]
) -> Iterator[str]:
    """Types that have masters and no answer at all, which mostly is a wrong declaration."""
    there = {row.calibration.dataset_type for row in repository.master_rows() if row.calibration}
    for name, count in statuses.items():
        if name in never_found and count["one"]:
            yield f"{name} is among never_found, but Gen2 found it for {count['one']} observations"
        elif name in there and name not in never_found and not count["one"]:
            yield (
                f"{name}: Gen2 finds no master for any observation ({dict(count)}) although there are some: "
                "is its Lookup what the policy says? If Gen2 never found this type, name it in never_found"
            )


def _questions(
    repository: Repository, calibration: Calibration, databases: list[Path]
) -> Iterator[tuple[dict[str, Any], bool]]:
    raw = repository.camera.raw
    time = repository.camera.time_column(calibration).name
    ends: dict[str, None] = {}
    for database in databases:
        for _, values in read_table(database, calibration.lookup_table):
            ends |= {str(values[k]): None for k in ("validStart", "validEnd") if k in values}
    # Of two exposures of one detector and filter both would get the same answers at another time.
    asked: set[tuple[Any, Any]] = set()
    for _, row in read_table(Path(repository.source().raw_registry), raw.table):
        yield row, True
        kind = (row.get(raw.detector), row.get(raw.filter))
        if kind not in asked:
            asked.add(kind)
            for end in ends:
                yield {**row, time: end}, False
