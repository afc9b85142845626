"""``gen2to3 plan`` and ``gen2to3 convert``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..apply import apply, ledger_path, require_writable
from ..convert import make_plan
from ..nouns import StoppedError
from ..planning.plan import Plan
from ..verify import Verification
from ..verify import verify as run_verify
from .options import Settings, given_recipe, ledger_option, recipe_option, source_options, speaking
from .printing import print_json, print_plan, print_verification, say
from .progress import progress_for

REJECTS, DISAGREE = 1, 4


@click.command()
@click.argument("root")
@click.argument("repo")
@source_options
@recipe_option
@ledger_option
@speaking
@click.pass_context
def plan(ctx: click.Context, root: str, repo: str, recipe_file: Path | None, **options: Any) -> int:
    """Show all that `convert` would do, and write nothing.

    ROOT is the Gen2 repository, REPO the Butler repository, which need not
    exist yet.
    """
    settings: Settings = ctx.obj
    planned = make_plan(given_recipe(ctx, root, recipe_file), repo, progress_for(settings))
    _show(settings, planned)
    require_writable(planned)
    return REJECTS if planned.rejects else 0


@click.command()
@click.argument("root")
@click.argument("repo")
@source_options
@recipe_option
@ledger_option
@click.option("--dry-run", is_flag=True, help="Plan only, as `gen2to3 plan` does.")
@click.option("--no-verify", is_flag=True, help="Do not compare Gen2's and Gen3's answers afterwards.")
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
    **options: Any,
) -> int:
    """Convert a Gen2 repository: plan, write, verify.

    ROOT is the Gen2 repository, REPO the Butler repository; it is created
    (on SQLite) if it is not there. The same command run again converts what
    has been added meanwhile, and goes on after an interruption.
    """
    settings: Settings = ctx.obj
    progress = progress_for(settings)
    planned = make_plan(given_recipe(ctx, root, recipe_file), repo, progress)
    try:
        require_writable(planned)
    except StoppedError:
        _show(settings, planned, {"verify": None})
        raise
    if dry_run:
        _show(settings, planned, {"verify": None})
        return REJECTS if planned.rejects else 0
    conversion = apply(planned, repo, ledger, progress)
    verification: Verification | None = None
    if settings.json:
        try:
            if not no_verify:
                verification = run_verify(repo, planned.recipe, ledger_path(repo, ledger), progress)
        finally:
            # What was written has to be told also when it could not be verified.
            found = None if verification is None else verification.as_dict()
            print_json(planned.as_dict(conversion) | {"verify": found})
    else:
        print_plan(planned, settings, written=True, conversion=conversion)
        if not no_verify:
            verification = run_verify(repo, planned.recipe, ledger_path(repo, ledger), progress)
            if not settings.quiet:
                say()
            print_verification(verification, settings)
    if verification is not None and verification.disagree:
        return DISAGREE
    return REJECTS if planned.rejects else 0


def _show(settings: Settings, planned: Plan, further: dict[str, Any] | None = None) -> None:
    if settings.json:
        print_json(planned.as_dict() | (further or {}))
    else:
        print_plan(planned, settings)
