"""``gen2to3 import-calibs``."""

from __future__ import annotations

from typing import Any

import click

from .command import Command
from .completing import paths
from .options import (
    Settings,
    absolute,
    again_options,
    camera_option,
    given_choices,
    ledger_option,
    master_options,
    repo_argument,
    speaking,
    wait_option,
)
from .printing import print_written
from .progress import progress_for


@click.command("import-calibs", cls=Command)
@repo_argument
@click.argument("sources", nargs=-1, required=True, shell_complete=paths)
@camera_option
@click.option(
    "--validity",
    multiple=True,
    metavar="SOURCE",
    shell_complete=paths,
    help="Where validity ranges come from: a table (.csv, .ecsv, .yaml; may be repeated), rule:RULE, "
    "cards:BEGIN,END, gen3:REPO[#COLLECTION], export:FILE[#COLLECTION] or gen2:DIR.",
)
@click.option(
    "--declaration",
    "declarations",
    multiple=True,
    metavar="FILE",
    shell_complete=paths,
    help="YAML file that says what the files of an archive are; may be repeated (default: the camera's).",
)
@master_options
@again_options
@ledger_option
@wait_option
@click.option("--dry-run", is_flag=True, help="Plan only; nothing is written.")
@speaking
@click.pass_context
def import_calibs(
    ctx: click.Context,
    repo: str,
    sources: tuple[str, ...],
    validity: tuple[str, ...],
    declarations: tuple[str, ...],
    ledger: str | None,
    wait: float,
    dry_run: bool,
    **options: Any,
) -> int:
    """Import masters made elsewhere, with validity ranges from elsewhere.

    REPO is the Butler repository, which is created (on SQLite) if it is not
    there; SOURCES are files and directories with masters. Without --validity
    the masters are ingested, and certified by nobody.
    """
    from ..import_calibs import import_calibs as run_import
    from ..import_recipe import ImportRecipe

    settings: Settings = ctx.obj
    given = given_choices(ctx, ImportRecipe) | {
        "sources": absolute(sources),
        "validity": validity,
        "declarations": absolute(declarations),
    }
    if "allow_outside" in given:
        given["allow_outside"] = absolute(given["allow_outside"])
    outcome = run_import(ImportRecipe(**given), repo, ledger, dry_run, progress_for(settings), wait)
    return print_written(outcome, settings, dry_run)
