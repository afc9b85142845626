"""A conversion from beginning to end: plan, apply, verify."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .apply import apply, ledger_path, why_not
from .ledger import Ledger
from .lock import exclusive
from .movable import require_consent
from .moving import Moved, finish, resume, without_moved
from .nouns import Reject, StoppedError
from .planning.conversion import make_plan, require_outside
from .planning.plan import Plan
from .progress import Progress, no_progress
from .readiness import Readiness, camera_of, read_readiness
from .recipe import Recipe
from .target import open_reading
from .unchanged import look
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
    moved
        What became of the source's files, `None` if none were to be moved.
    """

    plan: Plan
    conversion: int | None = None
    verification: Verification | None = None
    stopped: str = ""
    failure: Exception | None = None
    moved: Moved | None = None

    @property
    def exit_status(self) -> int:
        """Exit status of the command line's contract."""
        if self.stopped:
            return StoppedError.exit_status
        if self.verification is not None and self.verification.disagree:
            return 4
        return 1 if self.plan.rejects or (self.moved is not None and self.moved.kept) else 0

    def as_dict(self) -> dict[str, Any]:
        """The command line's JSON contract, with the verification's own object in it."""
        found = None if self.verification is None else self.verification.as_dict()
        result = self.plan.as_dict(self.conversion) | {"verify": found}
        return result if self.moved is None else result | {"moved": self.moved.as_dict()}


def convert(
    recipe: Recipe,
    target: str,
    ledger: str | None = None,
    dry_run: bool = False,
    with_verify: bool = True,
    progress: Progress = no_progress,
    wait: float = 0,
    may_move: bool = False,
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
    wait
        Seconds to wait for another writer, `math.inf` for as long as it takes.
    may_move
        The user knows that ``--transfer move`` deletes files of the source.

    Raises
    ------
    UsageError
        The root is no Gen2 root, its camera is not supported, or the target
        is something else than a Butler repository; or files are to be moved,
        and the user did not say so twice.
    Locked
        Another process writes to the target.
    Gen2to3Error
        The target refused a batch.
    """
    book = ledger_path(target, ledger)
    if dry_run:
        plan = look(recipe, target, book).recall()
        if plan is None:
            plan = make_plan(recipe, target, progress, ledger)
            without_moved(plan, book)
        return Outcome(plan, stopped=why_not(plan))
    moves = recipe.transfer == "move"
    if moves:
        require_consent(recipe.transfer, may_move)
    require_outside(target, recipe)
    # The plan is made of the target, so nobody may change it before it is carried out.
    with exclusive(target, ledger, "convert", wait, insist=False):
        earlier = resume(book) if moves else Moved()
        glance = look(recipe, target, book)
        plan = glance.recall()
        if plan is None:
            plan = make_plan(recipe, target, progress, ledger)
            without_moved(plan, book)
        if stopped := why_not(plan):
            return Outcome(plan, stopped=stopped)
        is_as_planned = glance.stands()
        conversion = apply(plan, target, ledger, progress)
        if is_as_planned:
            glance.keep(plan, conversion)
        if moves:
            outcome = _verified(recipe, plan, conversion, target, book, with_verify, progress)
            return _moved(recipe, outcome, earlier, target, book, progress)
    return _verified(recipe, plan, conversion, target, book, with_verify, progress)


def _moved(
    recipe: Recipe, outcome: Outcome, earlier: Moved, target: str, book: Path | None, progress: Progress
) -> Outcome:
    """Delete the files of the source that are in the repository now."""
    verified = outcome.verification
    if outcome.failure is not None or (verified is not None and verified.disagree):
        why = "nothing was deleted, because the verification failed"
        return replace(outcome, moved=Moved(earlier.deleted, [*earlier.kept, Reject(recipe.root, why)]))
    assert book is not None  # `apply` wrote to it
    roots = (recipe.root, *recipe.calib)
    moved = finish(target, book, roots, outcome.plan.rejects, progress) if book.is_file() else Moved()
    return replace(outcome, moved=Moved(earlier.deleted + moved.deleted, [*earlier.kept, *moved.kept]))


def _verified(
    recipe: Recipe,
    plan: Plan,
    conversion: int | None,
    target: str,
    path: Path | None,
    with_verify: bool,
    progress: Progress,
) -> Outcome:
    """Compare what was written with Gen2."""
    if not with_verify:
        return Outcome(plan, conversion)
    book = None if path is None else Ledger(path)
    if conversion is None and book is not None and plan.fingerprint:
        recorded = book.verification(recipe.to_dict(), plan.fingerprint)
        if recorded is not None:
            return Outcome(plan, None, Verification.from_dict(*recorded, _readiness(target, plan)))
    try:
        verification = verify(target, recipe, path, progress)
    except Exception as exc:
        return Outcome(plan, conversion, failure=exc)
    if conversion is not None and book is not None:
        book.add_verification(conversion, recipe.to_dict(), plan.fingerprint, verification.as_dict())
    return Outcome(plan, conversion, verification)


def _readiness(target: str, plan: Plan) -> Readiness | None:
    """What ISR lacks now: the stack may have written since the last verification."""
    butler = open_reading(target)
    if butler is None or plan.serials is None:
        return None
    return read_readiness(butler, plan.serials[0], camera_of(plan.serials[0]))
