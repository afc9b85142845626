"""What blessing did, as a unified diff."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .printing import (
    FIRST,
    one_line,
    plural,
    print_conflicts,
    print_decisions,
    print_rejects,
    print_skips,
    say,
)
from .settings import Settings

if TYPE_CHECKING:
    from ..blessing import Blessing


def print_blessing(outcome: Blessing, settings: Settings, written: bool) -> None:
    """Print a plan, or what became of it.

    Parameters
    ----------
    outcome
        What was planned, and done.
    settings
        How much to print.
    written
        Whether it was carried out.
    """
    plan = outcome.plan
    if not settings.quiet:
        say(f"--- {plan.collection} as it is")
        say(f"+++ {plan.collection} as planned")
        for line in plan.difference.lines(settings.verbose):
            say(one_line(line))
        if not settings.verbose:
            for dataset_type, number in sorted(plan.difference.unchanged.items()):
                say(f"= {dataset_type}: {plural(number, 'range')}")
        for chain in plan.chains:
            before = "new" if chain.before is None else one_line(", ".join(chain.before))
            say(f"chain  {chain.name}: {before} -> {one_line(', '.join(chain.children))}")
        say()
        print_decisions(plan.decisions, FIRST, settings.verbose)
        print_skips([(s.item, s.reason) for s in plan.skips], settings.verbose)
    print_rejects(plan.rejects, {} if settings.verbose else plan.folded)
    print_conflicts(plan.conflicts, {} if settings.verbose else plan.folded)
    if not settings.quiet:
        say(_conclusion(outcome, written))


def _conclusion(outcome: Blessing, written: bool) -> str:
    plan = outcome.plan
    wrong = plural(len(plan.rejects), "reject")
    if plan.conflicts:
        return f"{plural(len(plan.conflicts), 'conflict')}, {wrong}; resolve the conflicts, then run the same command again."
    same = plural(plan.difference.unchanged.total(), "range")
    if plan.is_empty:
        return f"Nothing to write: {same} as planned already, {wrong}."
    counts = (
        f"{plural(plan.written.total(), 'dataset')} {'written' if written else 'to write'}, "
        f"{plural(plan.decertified.total(), 'range')} {'taken off' if written else 'to take off'}, "
        f"{plan.certified.total()} {'certified' if written else 'to certify'}, "
        f"{plan.difference.unchanged.total()} as before, {wrong}."
    )
    if written:
        return f"Conversion {outcome.conversion}: {counts}"
    return f"{counts} Nothing was written; the same command without --dry-run writes it."
