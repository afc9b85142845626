"""``gen2to3 undo``."""

from __future__ import annotations

import click

from .command import Command
from .options import Settings, ledger_option, repo_argument, speaking, wait_option
from .printing import error, print_json
from .printing_undo import print_undoing


@click.command(cls=Command)
@repo_argument
@click.argument("conversion", required=False, type=click.IntRange(min=1))
@click.option("--dry-run", is_flag=True, help="Show what would be undone, and change nothing.")
@ledger_option
@wait_option
@speaking
@click.pass_context
def undo(
    ctx: click.Context, repo: str, conversion: int | None, dry_run: bool, ledger: str | None, wait: float
) -> int:
    """Take a conversion back: what it made, and nothing else.

    REPO is the Butler repository, CONVERSION the number that the command
    printed (default: the last one that stands). Ranges, datasets with their
    files, RUNs, collections and chains are as they were before; dimension
    records and dataset types stay. The source is never touched.
    """
    from ..undoing.undo import undo as run_undo

    settings: Settings = ctx.obj
    outcome = run_undo(repo, conversion, ledger, dry_run, wait)
    if settings.json:
        print_json(outcome.as_dict())
    else:
        print_undoing(outcome, settings, written=not dry_run and not outcome.stopped)
    if outcome.stopped:
        error(outcome.stopped)
    return outcome.exit_status
