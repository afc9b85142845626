"""A conversion from beginning to end: plan, apply, verify."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .apply import apply, ledger_path, why_not
from .ledger import Ledger
from .nouns import StoppedError
from .planning.conversion import make_plan
from .planning.plan import Plan
from .progress import Progress, no_progress
from .recipe import Recipe
from .verify import Verification, verify


@dataclass(frozen=True)
class Outcome:
    """What a conversion came to.

    Parameters
    ----------
    plan
        What was (or would be) done.
    conversion
        Number in the ledger, `None` if nothing was written.
    verification
        Comparison with Gen2, `None` if it was not made.
    stopped
        Why nothing was written although there was something to write.
    failure
        What the verification failed with. What was written has to be told all
        the same, so it is for the caller to raise.
    """

    plan: Plan
    conversion: int | None = None
    verification: Verification | None = None
    stopped: str = ""
    failure: Exception | None = None

    @property
    def exit_status(self) -> int:
        """Exit status of the command line's contract."""
        if self.stopped:
            return StoppedError.exit_status
        if self.verification is not None and self.verification.disagree:
            return 4
        return 1 if self.plan.rejects else 0

    def as_dict(self) -> dict[str, Any]:
        """The command line's JSON contract, with the verification's own object in it."""
        found = None if self.verification is None else self.verification.as_dict()
        return self.plan.as_dict(self.conversion) | {"verify": found}


def convert(
    recipe: Recipe,
    target: str,
    ledger: str | None = None,
    dry_run: bool = False,
    with_verify: bool = True,
    progress: Progress = no_progress,
) -> Outcome:
    """Convert a Gen2 repository.

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
    with_verify
        Compare Gen2's and Gen3's answers afterwards. Where nothing was to be
        written and the source is as it was, the recorded comparison stands.
    progress
        Shows what takes long.

    Raises
    ------
    UsageError
        The root is no Gen2 root, its camera is not supported, or the target
        is something else than a Butler repository.
    Gen2to3Error
        The target refused a batch.
    """
    plan = make_plan(recipe, target, progress, ledger)
    if stopped := why_not(plan):
        return Outcome(plan, stopped=stopped)
    if dry_run:
        return Outcome(plan)
    conversion = apply(plan, target, ledger, progress)
    if not with_verify:
        return Outcome(plan, conversion)
    path = ledger_path(target, ledger)
    book = None if path is None else Ledger(path)
    if conversion is None and book is not None and plan.fingerprint:
        recorded = book.verification(recipe.to_dict(), plan.fingerprint)
        if recorded is not None:
            return Outcome(plan, None, Verification.from_dict(*recorded))
    try:
        verification = verify(target, recipe, path, progress)
    except Exception as exc:
        return Outcome(plan, conversion, failure=exc)
    if conversion is not None and book is not None:
        book.add_verification(conversion, recipe.to_dict(), plan.fingerprint, verification.as_dict())
    return Outcome(plan, conversion, verification)
