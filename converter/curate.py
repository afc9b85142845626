"""Curated calibrations from beginning to end: plan, apply, read back."""

from __future__ import annotations

from contextlib import ExitStack

from .apply import apply, ledger_path, why_not
from .curate_recipe import CurateRecipe
from .ledger import Ledger
from .lock import exclusive
from .nouns import UsageError
from .planning.curating import make_curate_plan, require_outside
from .progress import Progress, no_progress
from .readback import read_back
from .target import open_reading
from .writers.staging import workshop
from .written import Written


def curate(
    recipe: CurateRecipe,
    target: str,
    ledger: str | None = None,
    dry_run: bool = False,
    progress: Progress = no_progress,
    wait: float = 0,
) -> Written:
    """Write the curated calibrations of a data package.

    Parameters
    ----------
    recipe
        All choices.
    target
        Butler repository; made (SQLite) if it is not there.
    ledger
        Ledger file, `None` for the one in the repository's root.
    dry_run
        Plan only.
    progress
        Shows what takes long.
    wait
        Seconds to wait for another writer, `math.inf` for as long as it takes.

    Raises
    ------
    UsageError
        The package is none, the camera cannot be told, or the target is
        something else than a Butler repository.
    Gen2to3Error
        The target refused a dataset type. Those before it stay, and the same
        command goes on from there.
    """
    require_outside(target, recipe)
    path = ledger_path(target, ledger)
    if path is None and not dry_run:
        raise UsageError(f"{target} is no local directory; say with --ledger where the ledger is to be")
    book = None if path is None else Ledger(path)
    with ExitStack() as stack:
        if not dry_run:
            # The plan is made of the target, so nobody may change it before it is carried out.
            stack.enter_context(exclusive(target, ledger, "curate", wait, insist=False))
        butler = open_reading(target)
        directory = None if dry_run else stack.enter_context(workshop(butler))
        plan = make_curate_plan(recipe, target, butler, book, directory, progress)
        if stopped := why_not(plan):
            return Written(plan, stopped=stopped)
        if dry_run:
            return Written(plan)
        conversion = apply(plan, target, ledger, progress)
    readback = read_back(target, plan.certifies) if plan.certifies else None
    return Written(plan, conversion, readback)
