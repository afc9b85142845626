"""``gen2to3 status``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .command import Command
from .options import Settings, ledger_option, repo_argument, speaking
from .printing import one_line, plural, print_json, print_table, say

if TYPE_CHECKING:
    from ..status import InstrumentStatus, Status

LAST = 5
"""Conversions that are listed without ``--verbose``."""


@click.command(cls=Command)
@repo_argument
@ledger_option
@speaking
@click.pass_context
def status(ctx: click.Context, repo: str, ledger: str | None) -> int:
    """Show what a repository holds, how it came there, and what is still to be done.

    REPO is the Butler repository. Nothing is written. Without a ledger the
    conversions are not known; all else is.
    """
    from ..apply import ledger_path
    from ..status import status as read_status

    settings: Settings = ctx.obj
    found = read_status(repo, ledger_path(repo, ledger))
    if settings.json:
        print_json(found.as_dict())
        return 0
    if not settings.quiet:
        print_table(("repository", found.root), [("universe", str(found.universe))])
        say()
    for instrument in found.instruments:
        if not settings.quiet:
            _print_instrument(instrument)
    if not settings.quiet:
        _print_ledger(found, settings.verbose)
    for instrument in found.instruments:
        _print_to_do(instrument, several=len(found.instruments) > 1)
    if not found.instruments:
        say("Not ready for ISR: there is no instrument; register one with `gen2to3 register`.")
    return 0


def _print_instrument(found: InstrumentStatus) -> None:
    print_table(
        ("instrument", "camera", "detectors", "filters", "exposures", "raws"),
        [(found.name, found.camera, found.detectors, found.filters, found.exposures, found.raws)],
    )
    say()
    if found.order is None:
        say(f"{found.chain} is not there; calibrations: {', '.join(found.collections) or 'none'}")
    else:
        say(f"{found.chain} searches {', '.join(found.order) or 'nothing'}")
        if others := [c for c in found.collections if c not in found.order]:
            say(f"  not searched: {', '.join(others)}")
    say()
    print_table(
        ("dataset type", "masters", "certified", "from (TAI)", "to (TAI)", "open begins", "open ends"),
        [
            (t.dataset_type, t.masters, t.certified, t.first, t.last, t.unbounded_begins, t.unbounded_ends)
            for t in found.types
        ],
    )
    if found.types:
        say()


def _print_ledger(found: Status, verbose: bool) -> None:
    if not found.ledger:
        say("There is no ledger: conversions, decisions, rejects, skips and verifications are not known.")
        return
    shown = found.conversions if verbose else found.conversions[-LAST:]
    if len(shown) < len(found.conversions):
        say(f"{len(found.conversions) - len(shown)} earlier conversions (--verbose shows all)")
    print_table(
        ("conversion", "command", "finished (UTC)", "written", "certified", "rejects", "skips", "decisions"),
        [
            (
                c.number,
                c.command,
                c.finished_utc or f"not finished, begun {c.started_utc}",
                c.written,
                c.certified,
                c.rejected,
                c.skipped,
                c.decisions,
            )
            for c in shown
        ],
    )
    say()
    v = found.verification
    if v is None:
        say("No verification is recorded.")
    else:
        say(
            f"Verified after conversion {v.conversion} at {v.recorded_utc}: {plural(v.lookups, 'lookup')}, "
            f"{v.agree} agree, {v.explained} explained, {plural(v.disagree, 'disagreement')}."
        )


def _print_to_do(found: InstrumentStatus, several: bool) -> None:
    for hand_off in found.hand_offs:
        say(f"hand-off  {hand_off.dataset_type}: not there yet; with the LSST stack run")
        say(f"  {one_line(hand_off.command)}")
    say(f"{found.name}: {found.ready}." if several else f"{found.ready}.")
