"""What undoing did, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .printing import one_line, plural, print_table, say
from .settings import Settings

if TYPE_CHECKING:
    from ..undoing.undo import Undoing


def print_undoing(outcome: Undoing, settings: Settings, written: bool) -> None:
    """Print what would be undone, or was.

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
    if not settings.quiet and plan.undone_by is None:
        say(f"conversion {plan.conversion}: {plan.command} of {plan.started_utc}")
        say()
        types = sorted({*plan.datasets, *plan.decertified, *plan.restored})
        verb = "" if written else "to be "
        print_table(
            ("dataset type", f"{verb}removed", f"ranges {verb}taken off", f"ranges {verb}put back"),
            [(t, plan.datasets[t], plan.decertified[t], plan.restored[t]) for t in types],
        )
        for chain in plan.removal.chains:
            say(f"chain  {chain.name}: {_children(chain.before)} -> {_children(chain.children)}")
        for name in plan.removal.collections if settings.verbose else ():
            say(f"collection  {one_line(name)}")
        if plan.dataset_types:
            say(f"stays  dataset types {', '.join(plan.dataset_types)}")
        say("stays  dimension records (instrument, detectors, filters, exposures)")
        say()
    for refusal in plan.refusals:
        say(f"refused  {one_line(refusal)}")
    if not settings.quiet:
        say(_conclusion(outcome, written))


def _children(children: tuple[str, ...] | None) -> str:
    return one_line(", ".join(children or ())) or "empty"


def _conclusion(outcome: Undoing, written: bool) -> str:
    plan = outcome.plan
    if plan.refusals:
        return f"{plural(len(plan.refusals), 'reason')} against it; undo what stands on it first."
    if plan.undone_by is not None:
        return f"Conversion {plan.conversion} was undone by {plan.undone_by} already; nothing to do."
    if outcome.finished:
        return (
            f"Conversion {plan.conversion} is undone by {outcome.number}: an interrupted undo was finished."
        )
    counts = (
        f"{plural(plan.datasets.total(), 'dataset')}, {plural(plan.decertified.total(), 'range')} and "
        f"{plural(len(plan.removal.collections), 'collection')}"
    )
    back = f"{plural(plan.restored.total(), 'range')} put back"
    if written:
        return f"Conversion {plan.conversion} is undone by {outcome.number}: {counts} removed, {back}."
    return f"{counts} to be removed, {back}. Nothing was changed; the same command without --dry-run does it."
