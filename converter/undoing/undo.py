"""Undoing from beginning to end: plan, remove, record."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..apply import ledger_path
from ..ledger import Ledger, ledger_errors
from ..lock import exclusive
from ..nouns import StoppedError, UsageError
from ..reconcile import reconcile
from ..target import open_reading
from ..versions import versions
from ..writers.removal import clean, remove
from ..writers.repository import open_target
from ..writers.staging import remove_stale
from .planning import COMMAND, UndoPlan, choose, plan_undo


@dataclass(frozen=True)
class Undoing:
    """What undoing came to.

    Parameters
    ----------
    plan
        What was (or would be) undone.
    number
        Number of the undo in the ledger, `None` if nothing was written.
    stopped
        Why nothing was undone.
    finished
        Whether an undo was finished that had been interrupted before.
    """

    plan: UndoPlan
    number: int | None = None
    stopped: str = ""
    finished: bool = False

    @property
    def exit_status(self) -> int:
        """Exit status of the command line's contract."""
        return StoppedError.exit_status if self.stopped else 0

    def as_dict(self) -> dict[str, Any]:
        """The command line's JSON contract."""
        return self.plan.as_dict(self.number)


def undo(
    target: str,
    conversion: int | None = None,
    ledger: str | None = None,
    dry_run: bool = False,
    wait: float = 0,
) -> Undoing:
    """Take a conversion back.

    Dimension records and dataset types stay; the source is never touched.

    Parameters
    ----------
    target
        Butler repository.
    conversion
        Its number in the ledger, `None` for the last one that stands.
    ledger
        Ledger file, `None` for the one in the repository's root.
    dry_run
        Plan only.
    wait
        Seconds to wait for another writer.

    Raises
    ------
    UsageError
        There is no repository, no ledger, or no such conversion.
    Locked
        Another process writes.
    Gen2to3Error
        The target refused it; then it is as it was.
    """
    path = ledger_path(target, ledger)
    if path is None:
        raise UsageError(f"{target} is no local directory; say with --ledger where the ledger is")
    book = _recorded(target, path)
    if dry_run:
        butler = open_reading(target)
        if butler is None:
            raise UsageError(f"{target}: there is no Butler repository")
        with butler:
            plan = plan_undo(butler, book, choose(book, conversion))
        return Undoing(plan, stopped=_why_not(plan))
    with (
        exclusive(target, path, COMMAND, wait),
        open_target(target, create=False) as butler,
        ledger_errors(book),
    ):
        remove_stale(butler)
        for finished in reconcile(butler, book):
            # Without a number it is that one that was meant, not the one before.
            if conversion in (None, finished.conversion):
                number = book.conversion(finished.conversion)["undone_by"]
                return Undoing(finished, number, finished=True)
        plan = plan_undo(butler, book, choose(book, conversion))
        if stopped := _why_not(plan):
            return Undoing(plan, stopped=stopped)
        if plan.undone_by is not None:
            return Undoing(plan)
        number = book.begin(COMMAND, {"undoes": plan.conversion}, versions())
        remove(butler, plan.removal)
        clean(butler, plan.all_ids, plan.runs, plan.unwritten)
        book.mark_undone(plan.conversion, number, plan.as_dict(number))
    return Undoing(plan, number)


def _recorded(target: str, path: Path) -> Ledger:
    book = Ledger(path)
    if not book.exists:
        raise UsageError(
            f"{target}: there is no ledger ({path}), so nobody knows what a conversion made; name it with --ledger"
        )
    return book


def _why_not(plan: UndoPlan) -> str:
    if not plan.refusals:
        return ""
    number = len(plan.refusals)
    return (
        f"conversion {plan.conversion} cannot be undone for {number} reason{'s' if number > 1 else ''}, "
        "nothing was changed"
    )
