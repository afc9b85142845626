"""``gen2to3 curate``."""

from __future__ import annotations

from typing import Any

import click

from ..subset import TRANSFERS
from .command import Command
from .completing import directories, paths
from .options import (
    Settings,
    absolute,
    camera_option,
    given_choices,
    ledger_option,
    repo_argument,
    speaking,
    wait_option,
)
from .printing import print_written
from .progress import progress_for


@click.command(cls=Command)
@repo_argument
@click.argument("package", required=False, shell_complete=directories)
@camera_option
@click.option(
    "--label", help="Last part of the collection (default: curated); '' for the stack's historical names."
)
@click.option("--types", multiple=True, metavar="GLOB,...", help="Only these dataset types of the package.")
@click.option("--make-default", is_flag=True, help="Let <instrument>/calib search the collection first.")
@click.option(
    "--camera-file",
    "camera_files",
    multiple=True,
    metavar="FILE[=BEGIN..END]",
    shell_complete=paths,
    help="Camera geometry as the stack writes it, and when it is valid (UTC; default: always); may be repeated.",
)
@click.option(
    "--ingest",
    multiple=True,
    metavar="TYPE=GLOB[=BEGIN..END]",
    help="Other files that only the stack can write, and when they are valid (UTC); may be repeated.",
)
@click.option(
    "--transfer",
    type=click.Choice(TRANSFERS),
    help="How files of --camera-file and --ingest come into the repository (default: auto).",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Processes that read texts and make files (default: 1).",
)
@click.option("--strict", is_flag=True, help="Write nothing if there is any reject.")
@ledger_option
@click.option("--dry-run", is_flag=True, help="Plan only; nothing is written.")
@wait_option
@speaking
@click.pass_context
def curate(
    ctx: click.Context,
    repo: str,
    package: str | None,
    ledger: str | None,
    dry_run: bool,
    wait: float,
    **options: Any,
) -> int:
    """Write curated calibrations of a data package.

    REPO is the Butler repository, which is created (on SQLite) if it is not
    there; PACKAGE is a checkout of an obs_*_data package. It may be left out
    if there are only files to ingest. The same package again is nothing to
    do; a changed one goes to a new --label.
    """
    from ..curate import curate as run_curate
    from ..curate_recipe import CurateRecipe

    settings: Settings = ctx.obj
    given = given_choices(ctx, CurateRecipe)
    given["package"] = absolute([package])[0] if package else ""
    # What follows a file's name behind the "=" stays as it is.
    given["camera_files"] = absolute(given.get("camera_files", ()))
    given["ingest"] = tuple(map(_absolute_glob, given.get("ingest", ())))
    outcome = run_curate(CurateRecipe(**given), repo, ledger, dry_run, progress_for(settings), wait)
    return print_written(outcome, settings, dry_run)


def _absolute_glob(text: str) -> str:
    dataset_type, equals, rest = text.partition("=")
    return f"{dataset_type}={absolute([rest])[0]}" if equals and rest else text
