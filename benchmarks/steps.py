"""The steps of the benchmark, each run in a process of its own.

``python -m benchmarks.steps STEP ARGUMENTS RESULT``: arguments and result are
JSON. Imports are not timed, because they cost both sides the same.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from lsst.daf.butler import Butler

from converter.apply import apply, ledger_path
from converter.collector import settle
from converter.import_recipe import ImportRecipe
from converter.planning.conversion import make_plan
from converter.planning.imports import make_import_plan
from converter.readback import read_back
from converter.recipe import Recipe
from converter.unchanged import look
from converter.verify import verify
from fixtures.cp_delivery import CpSpec, make_cp_delivery
from fixtures.large import make_large

from . import bare, commands
from .content import Content, differences, read_content
from .measure import clock, peak_rss_mb


def make(root: str, masters: int, raws: int, detectors: int) -> dict[str, Any]:
    """Make the Gen2 repository."""
    with clock() as timed:
        made = make_large(Path(root), masters, raws, detectors=detectors)
    return timed.as_dict() | {"masters": len(made.master_files), "raws": len(made.raw_files)}


def convert(gen2: str, target: str, transfer: str) -> dict[str, Any]:
    """Plan and apply, in one process as the command line does it."""
    # Visits have a benchmark of their own; the bare side writes none.
    recipe = Recipe(gen2, transfer=transfer, define_visits=False)
    with clock() as planning:
        glance = look(recipe, target, ledger_path(target, None))
        recalled = glance.recall()
        plan = make_plan(recipe, target) if recalled is None else recalled
    plan_peak = peak_rss_mb()
    with clock() as applying:
        conversion = apply(plan, target)
        glance.keep(plan, conversion)
    return {
        "recalled": recalled is not None,
        "plan": planning.as_dict() | {"peak_rss_mb": plan_peak},
        "apply": applying.as_dict() | {"peak_rss_mb": peak_rss_mb()},
        "header_reads": plan.header_reads,
        "exposures": sum(len(operation.records) for operation in plan.exposures),
        "written": dict(plan.written),
        "certified": dict(plan.certified),
        "rejects": len(plan.rejects),
        "wrote": conversion is not None,
    }


def verification(gen2: str, target: str) -> dict[str, Any]:
    """Verify, reading everything again."""
    with clock() as timed:
        result = verify(target, Recipe(gen2), ledger_path(target, None))
    return timed.as_dict() | {
        "peak_rss_mb": peak_rss_mb(),
        "lookups": result.lookups,
        "agree": result.agree,
        "explained": result.explained,
        "disagreements": len(result.disagree),
        "disagree": result.disagree[:3],
    }


def make_delivery(root: str, nights: int, table: str) -> dict[str, Any]:
    """Make a delivery of the Community Pipeline, and a table with a line for each night."""
    days = [date(2015, 2, 16) + timedelta(number) for number in range(nights)]
    with clock() as timed:
        made = make_cp_delivery(Path(root), CpSpec(nights=tuple(map(str, days))))
    lines = [f"*,{day},{day}T12:00:00,{day + timedelta(1)}T12:00:00" for day in days]
    Path(table).write_text("\n".join(["dataset_type,calib_date,begin,end", *lines, ""]))
    return timed.as_dict() | {"files": len(made.files)}


def import_calibs(delivery: str, table: str, target: str, transfer: str) -> dict[str, Any]:
    """Plan, apply and read back, in one process as the command line does it.

    The repository is made before, as for the bare side: with some thousands
    of datasets this would be a large part of the time.
    """
    Butler.makeRepo(_fresh(target))
    recipe = ImportRecipe((delivery,), (table,), camera="decam", transfer=transfer)
    with clock() as planning:
        plan = make_import_plan(recipe, target)
    plan_peak = peak_rss_mb()
    with clock() as applying:
        conversion = apply(plan, target)
    apply_peak = peak_rss_mb()
    with clock() as reading:
        found = read_back(target, plan.certifies)
    return {
        "plan": planning.as_dict() | {"peak_rss_mb": plan_peak},
        "apply": applying.as_dict() | {"peak_rss_mb": apply_peak},
        "read back": reading.as_dict() | {"peak_rss_mb": peak_rss_mb()},
        "written": dict(plan.written),
        "certified": dict(plan.certified),
        "rejects": len(plan.rejects),
        "conflicts": len(plan.conflicts),
        "found": found.found.total(),
        "missing": found.missing[:3],
        "wrote": conversion is not None,
    }


def write_bare(converted: str, target: str, transfer: str) -> dict[str, Any]:
    """Write the content of a converted repository again, with bare daf_butler."""
    with Butler.from_config(converted, writeable=False) as ours:
        content = _content(ours, converted)
        Butler.makeRepo(_fresh(target))
        with Butler.from_config(target, writeable=True) as butler:
            timed = bare.write(butler, content, transfer)
            return timed.as_dict() | {
                "differences": differences(ours, butler),
                "calls": len(content.ranges),
                "runs": len({d.run for d in content.datasets}),
            }


def stock_commands(converted: str, target: str, sample: int, transfer: str, tables: str) -> dict[str, Any]:
    """Write a sample with the stock commands."""
    with Butler.from_config(converted, writeable=False) as ours:
        content = _content(ours, converted)
    Butler.makeRepo(_fresh(target))
    estimate = commands.run_commands(Path(target), content, sample, transfer, Path(tables))
    with Butler.from_config(target, writeable=False) as butler:
        problems = commands.check_sample(butler, content, estimate)
    return estimate.full().as_dict() | {"scaling": estimate.sentence(), "differences": problems}


def _content(butler: Butler, root: str) -> Content:
    path = ledger_path(root, None)
    if path is None or not path.exists():
        raise RuntimeError(f"{root} has no ledger")
    with sqlite3.connect(path) as ledger:
        rows = ledger.execute("SELECT dataset_id, file FROM items WHERE dataset_id IS NOT NULL")
        return read_content(butler, dict(rows.fetchall()))


def _fresh(root: str) -> str:
    shutil.rmtree(root, ignore_errors=True)
    return root


STEPS: dict[str, Callable[..., dict[str, Any]]] = {
    "make": make,
    "convert": convert,
    "verify": verification,
    "make_delivery": make_delivery,
    "import": import_calibs,
    "bare": write_bare,
    "commands": stock_commands,
}


def main(arguments: list[str]) -> int:
    """Run one step.

    Parameters
    ----------
    arguments
        Name of the step, its arguments as JSON, and the file for the result.
    """
    name, given, result = arguments
    # As the command line does; for the bare side too, so that the ratio is of the work alone.
    settle()
    Path(result).write_text(json.dumps(STEPS[name](**json.loads(given))), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
