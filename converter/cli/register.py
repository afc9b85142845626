"""``gen2to3 register``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .command import Command
from .completing import cameras
from .options import Settings, ledger_option, repo_argument, speaking, wait_option
from .printing import error, one_line, plural, print_json, say

if TYPE_CHECKING:
    from ..register import Registration

FIRST = 10
"""New records of a kind that are listed without ``--verbose``."""


@click.command(cls=Command)
@repo_argument
@click.option(
    "--camera",
    required=True,
    shell_complete=cameras,
    help="Camera: short name, instrument or Gen2 mapper.",
)
@click.option("--update", is_flag=True, help="Change records that differ.")
@click.option("--strict", is_flag=True, help="As in other commands; there is nothing here to reject.")
@click.option("--dry-run", is_flag=True, help="Show the difference, and write nothing.")
@ledger_option
@wait_option
@speaking
@click.pass_context
def register(
    ctx: click.Context,
    repo: str,
    camera: str,
    update: bool,
    strict: bool,
    dry_run: bool,
    wait: float,
    ledger: str | None,
) -> int:
    """Register an instrument with its detectors and filters, or bring them up to date.

    REPO is the Butler repository, which is created (on SQLite) if it is not
    there. The difference is shown first. Records that differ are changed with
    --update only; detectors and filters that the camera lacks are kept.
    """
    from ..register import RegisterRecipe
    from ..register import register as run_registration

    settings: Settings = ctx.obj
    done = run_registration(RegisterRecipe(camera, update, strict), repo, ledger, dry_run, wait)
    if settings.json:
        print_json(done.as_dict())
    else:
        _print(done, settings, written=not dry_run and not done.stopped)
    if done.stopped:
        error(done.stopped)
    return done.exit_status


def _print(done: Registration, settings: Settings, written: bool) -> None:
    if not settings.quiet:
        say(done.plan.title)
        for element in ("instrument", "detector", "physical_filter"):
            _print_records(done, element, settings.verbose)
        for decision in done.plan.decisions:
            if decision.rule == "older-universe":
                say(f"decision  {decision.item}: {decision.before} {decision.after} ({decision.why})")
    for conflict in done.plan.conflicts:
        say(f"conflict  {one_line(conflict)}")
    if settings.quiet:
        return
    counts = done.counts
    # One record may differ in several fields.
    differing = len({c.item for c in done.changes if c.change == "~"})
    kept = f"{plural(counts['='], 'record')} of the repository alone kept"
    new, changed = plural(counts["+"], "record"), plural(differing, "record")
    if done.plan.conflicts:
        say(f"{changed} of the repository differ. Nothing was written; --update changes them.")
    elif done.plan.is_empty:
        say(f"Nothing to write: all records are as the camera declares them, {kept}.")
    elif written:
        say(f"Conversion {done.conversion}: {new} added, {changed} changed, {kept}.")
    else:
        say(f"{new} to add, {changed} to change, {kept}. Nothing was written.")


def _print_records(done: Registration, element: str, verbose: bool) -> None:
    mine = [c for c in done.changes if c.element == element]
    new = [c for c in mine if c.change == "+"]
    shown = new if verbose or len(new) <= FIRST else []
    for change in (*shown, *(c for c in mine if c.change == "~")):
        say(one_line(change))
    if new and not shown:
        say(f"+ {plural(len(new), element)} (--verbose shows all)")
    kept = [c for c in mine if c.change == "="]
    if kept:
        names = ", ".join(str(c.key) for c in kept)
        say(f"= {plural(len(kept), element)}, kept: {one_line(names)}")
