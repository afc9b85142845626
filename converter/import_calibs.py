"""An import from beginning to end: plan, apply, read back."""

from __future__ import annotations

from .apply import apply, why_not
from .import_recipe import ImportRecipe
from .lock import exclusive
from .planning.imports import check_places, make_import_plan
from .progress import Progress, no_progress
from .readback import read_back
from .written import Written


def import_calibs(
    recipe: ImportRecipe,
    target: str,
    ledger: str | None = None,
    dry_run: bool = False,
    progress: Progress = no_progress,
    wait: float = 0,
) -> Written:
    """Import masters made elsewhere.

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
        A source is missing, the camera cannot be told, or the target is
        something else than a Butler repository.
    Locked
        Another process writes to the target.
    Gen2to3Error
        The target refused a batch.
    """
    if dry_run:
        plan = make_import_plan(recipe, target, progress, ledger)
        return Written(plan, stopped=why_not(plan))
    check_places(recipe, target)
    with exclusive(target, ledger, "import-calibs", wait, insist=False):
        plan = make_import_plan(recipe, target, progress, ledger)
        if stopped := why_not(plan):
            return Written(plan, stopped=stopped)
        conversion = apply(plan, target, ledger, progress)
    readback = read_back(target, plan.certifies) if plan.certifies else None
    return Written(plan, conversion, readback)
