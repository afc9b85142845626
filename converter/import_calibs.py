"""An import from beginning to end: plan, apply, read back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .apply import apply, why_not
from .import_recipe import ImportRecipe
from .lock import exclusive
from .nouns import StoppedError
from .planning.imports import check_places, make_import_plan
from .planning.plan import Plan
from .progress import Progress, no_progress
from .readback import Readback, read_back


@dataclass(frozen=True)
class ImportOutcome:
    """What an import came to.

    Parameters
    ----------
    plan
        What was (or would be) done.
    conversion
        Number in the ledger, `None` if nothing was written.
    readback
        What the Butler says of the ranges that were written, `None` if none
        were.
    stopped
        Why nothing was written although there was something to write.
    """

    plan: Plan
    conversion: int | None = None
    readback: Readback | None = None
    stopped: str = ""

    @property
    def exit_status(self) -> int:
        """Exit status of the command line's contract."""
        if self.stopped:
            return StoppedError.exit_status
        if self.readback is not None and self.readback.missing:
            return 4
        return 1 if self.plan.rejects else 0

    def as_dict(self) -> dict[str, Any]:
        """The command line's JSON contract."""
        found = None if self.readback is None else self.readback.as_dict()
        return self.plan.as_dict(self.conversion) | {"read_back": found}


def import_calibs(
    recipe: ImportRecipe,
    target: str,
    ledger: str | None = None,
    dry_run: bool = False,
    progress: Progress = no_progress,
    wait: float = 0,
) -> ImportOutcome:
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
        return ImportOutcome(plan, stopped=why_not(plan))
    check_places(recipe, target)
    with exclusive(target, ledger, "import-calibs", wait, insist=False):
        plan = make_import_plan(recipe, target, progress, ledger)
        if stopped := why_not(plan):
            return ImportOutcome(plan, stopped=stopped)
        conversion = apply(plan, target, ledger, progress)
    readback = read_back(target, plan.certifies) if plan.certifies else None
    return ImportOutcome(plan, conversion, readback)
