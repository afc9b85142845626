"""``gen2to3 plan`` and ``gen2to3 convert``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..movable import CONSENT
from .command import Command
from .options import (
    Settings,
    again_options,
    given_recipe,
    ledger_option,
    recipe_option,
    repo_argument,
    root_argument,
    source_options,
    speaking,
    wait_option,
)
from .printing import error, print_json, print_plan, print_verification, say
from .printing_files import print_moved
from .progress import progress_for

if TYPE_CHECKING:
    from ..convert import Outcome
    from ..recipe import Recipe


@click.command(cls=Command)
@root_argument
@repo_argument
@source_options
@again_options
@recipe_option
@ledger_option
@speaking
@click.pass_context
def plan(ctx: click.Context, root: str, repo: str, recipe_file: Path | None, **options: Any) -> int:
    """Show all that `convert` would do, and write nothing.

    ROOT is the Gen2 repository, REPO the Butler repository, which need not
    exist yet.
    """
    from ..convert import convert as run_conversion

    settings: Settings = ctx.obj
    recipe = given_recipe(ctx, root, recipe_file)
    outcome = run_conversion(recipe, repo, options["ledger"], dry_run=True, progress=progress_for(settings))
    return _show(settings, outcome, verifies=False)


@click.command(cls=Command)
@root_argument
@repo_argument
@source_options
@again_options
@recipe_option
@ledger_option
@wait_option
@click.option("--dry-run", is_flag=True, help="Plan only, as `gen2to3 plan` does.")
@click.option(
    CONSENT,
    "may_move",
    is_flag=True,
    help="With --transfer move: files of the Gen2 repository are deleted in the end.",
)
@click.option("--no-verify", is_flag=True, help="Do not compare Gen2's and Gen3's answers afterwards.")
@click.option(
    "--report",
    "report_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write a report (HTML) of what was converted, as `gen2to3 report` does.",
)
@speaking
@click.pass_context
def convert(
    ctx: click.Context,
    root: str,
    repo: str,
    recipe_file: Path | None,
    ledger: str | None,
    dry_run: bool,
    no_verify: bool,
    report_file: Path | None,
    wait: float,
    may_move: bool,
    **options: Any,
) -> int:
    """Convert a Gen2 repository: plan, write, verify.

    ROOT is the Gen2 repository, REPO the Butler repository; it is created
    (on SQLite) if it is not there. The same command run again converts what
    has been added meanwhile, and goes on after an interruption.
    """
    from ..convert import convert as run_conversion
    from ..nouns import UsageError
    from ..report.make import check_output

    settings: Settings = ctx.obj
    recipe = given_recipe(ctx, root, recipe_file)
    if report_file is not None:
        if dry_run:
            raise UsageError("--report needs a conversion; it goes without --dry-run")
        check_output(report_file, recipe)
    progress = progress_for(settings)
    outcome = run_conversion(recipe, repo, ledger, dry_run, not no_verify, progress, wait, may_move)
    code = _show(settings, outcome, verifies=True, written=not dry_run and not outcome.stopped)
    if report_file is not None and not outcome.stopped:
        _report(settings, recipe, repo, ledger, report_file, outcome)
    return code


def _report(
    settings: Settings, recipe: Recipe, repo: str, ledger: str | None, output: Path, outcome: Outcome
) -> None:
    from ..apply import ledger_path
    from ..report.make import make_report

    make_report(
        repo,
        output,
        recipe,
        ledger_path(repo, ledger),
        verification=outcome.verification,
        progress=progress_for(settings),
    )
    if not (settings.json or settings.quiet):
        say(f"Report: {output}")


def _show(settings: Settings, outcome: Outcome, verifies: bool, written: bool = False) -> int:
    if settings.json:
        print_json(outcome.as_dict() if verifies else outcome.plan.as_dict())
    else:
        print_plan(outcome.plan, settings, written=written, conversion=outcome.conversion)
        if outcome.verification is not None:
            if not settings.quiet:
                say()
            print_verification(outcome.verification, settings)
        if outcome.moved is not None:
            print_moved(outcome.moved, settings)
    if outcome.failure is not None:
        raise outcome.failure
    if outcome.stopped:
        error(outcome.stopped)
    return outcome.exit_status
